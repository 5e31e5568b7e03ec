package s3_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func keys(contents []types.Object, prefixes []types.CommonPrefix) []string {
	var out []string
	for _, c := range contents {
		out = append(out, *c.Key)
	}
	for _, p := range prefixes {
		out = append(out, *p.Prefix)
	}
	slices.Sort(out)
	return out
}

// expected is the plain meaning of a list: all keys, folded one by one.
func expected(all []string, prefix, delimiter, after string) []string {
	var out []string
	for _, k := range all {
		if !strings.HasPrefix(k, prefix) {
			continue
		}
		shown := k
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			shown = k[:len(prefix)+i+len(delimiter)]
		}
		if shown > after && k > after && !slices.Contains(out, shown) {
			out = append(out, shown)
		}
	}
	slices.Sort(out)
	return out
}

func TestListObjects(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("lists", false)
		c := w.client("root")
		all := []string{"a", "a/", "a/b", "a/b/c", "a0", "b/1", "b/2", "b/3", "c", "c//d", "é/x", "é/y", "z\U0001F600", "z\uffee"}
		for i := range 40 {
			all = append(all, fmt.Sprintf("many/%02d/x", i/4)+fmt.Sprint(i))
		}
		slices.Sort(all)
		for _, k := range all {
			w.put(b, k, "x")
		}
		for _, prefix := range []string{"", "a", "a/", "b/", "many/", "many/0", "none", "é"} {
			for _, delimiter := range []string{"", "/", "b", "/x"} {
				for _, size := range []int32{1, 2, 3, 7, 1000} {
					want := expected(all, prefix, delimiter, "")
					var got []string
					var token *string
					for pages := 0; ; pages++ {
						out, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b, Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size, ContinuationToken: token})
						fails(t, err, "")
						page := keys(out.Contents, out.CommonPrefixes)
						if len(page) > int(size) || int(*out.KeyCount) != len(page) || pages > 100 {
							t.Fatalf("page of %d, size %d", len(page), size)
						}
						got = append(got, page...)
						if token = out.NextContinuationToken; token == nil {
							if *out.IsTruncated {
								t.Fatal("truncated, and no token")
							}
							break
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("v2 %q %q %d: %q, want %q", prefix, delimiter, size, got, want)
					}
					got = nil
					var marker *string
					for {
						out, err := c.ListObjects(ctx, &awss3.ListObjectsInput{Bucket: &b, Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size, Marker: marker})
						fails(t, err, "")
						page := keys(out.Contents, out.CommonPrefixes)
						got = append(got, page...)
						if !*out.IsTruncated {
							break
						}
						marker = out.NextMarker
						if marker == nil {
							marker = &page[len(page)-1]
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("v1 %q %q %d: %q, want %q", prefix, delimiter, size, got, want)
					}
				}
			}
		}
		for _, after := range []string{"a", "a/b", "b/", "b/2", "zzz"} {
			out, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b, StartAfter: &after})
			fails(t, err, "")
			if got, want := keys(out.Contents, nil), expected(all, "", "", after); !slices.Equal(got, want) {
				t.Errorf("after %q: %q, want %q", after, got, want)
			}
		}
		out, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b, Prefix: aws.String("c"), EncodingType: types.EncodingTypeUrl})
		fails(t, err, "")
		if *out.Contents[1].Key != "c//d" {
			t.Errorf("encoded key %q", *out.Contents[1].Key)
		}
		out, err = c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b, MaxKeys: aws.Int32(0)})
		fails(t, err, "")
		if len(out.Contents) != 0 || *out.IsTruncated {
			t.Error("max-keys=0 lists something")
		}
		_, err = c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b, ContinuationToken: aws.String("!!")})
		fails(t, err, "InvalidArgument")
		versions, err := c.ListObjectVersions(ctx, &awss3.ListObjectVersionsInput{Bucket: &b, Prefix: aws.String("b/")})
		fails(t, err, "")
		if len(versions.Versions) != 3 || *versions.Versions[0].VersionId != "null" || !*versions.Versions[0].IsLatest {
			t.Errorf("versions %v", versions.Versions)
		}
	})
}

// TestListRandom compares lists of random keys with their plain meaning.
func TestListRandom(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("random-lists", false)
		c := w.client("root")
		rnd := rand.New(rand.NewPCG(1, 2))
		letters := []string{"a", "b", "/", "-", "é", "~"}
		set := map[string]bool{}
		word := func(n int) string {
			s := ""
			for range n {
				s += letters[rnd.IntN(len(letters))]
			}
			return s
		}
		for range 150 {
			set[word(1+rnd.IntN(5))] = true
		}
		var all []string
		for k := range set {
			all = append(all, k)
			w.put(b, k, "")
		}
		slices.Sort(all)
		for range 100 {
			prefix, delimiter, after := word(rnd.IntN(3)), word(rnd.IntN(3)), word(rnd.IntN(4))
			size := int32(1 + rnd.IntN(20))
			var got []string
			start, token := &after, (*string)(nil)
			for {
				out, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b, Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size, StartAfter: start, ContinuationToken: token})
				fails(t, err, "")
				got = append(got, keys(out.Contents, out.CommonPrefixes)...)
				if token = out.NextContinuationToken; token == nil {
					break
				}
			}
			// A start inside a common prefix shows it only if keys follow there.
			want := expectedAfter(all, prefix, delimiter, after)
			if !slices.Equal(got, want) {
				t.Errorf("prefix %q delimiter %q after %q size %d: %q, want %q", prefix, delimiter, after, size, got, want)
			}
		}
	})
}

// expectedAfter: a marker that is itself a common prefix hides all of it; any
// other marker hides keys up to itself.
func expectedAfter(all []string, prefix, delimiter, after string) []string {
	var out []string
	for _, k := range all {
		if !strings.HasPrefix(k, prefix) || k <= after {
			continue
		}
		shown := k
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			shown = k[:len(prefix)+i+len(delimiter)]
			if shown == after {
				continue
			}
		}
		if !slices.Contains(out, shown) {
			out = append(out, shown)
		}
	}
	return out
}
