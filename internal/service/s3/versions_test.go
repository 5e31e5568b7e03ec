package s3_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (w *world) versioning(bucket string, status types.BucketVersioningStatus) {
	w.t.Helper()
	_, err := w.client("root").PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status}})
	fails(w.t, err, "")
}

func TestVersioning(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, k := w.bucket("versions", false), aws.String("k")
		c := w.client("root")
		get := func(version *string) (string, error) {
			out, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: k, VersionId: version})
			if err != nil {
				return "", err
			}
			return read(t, out.Body), nil
		}
		is := func(version *string, want string) {
			t.Helper()
			got, err := get(version)
			fails(t, err, "")
			if got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
		if v := w.put(b, "k", "zero").VersionId; v != nil {
			t.Errorf("a version without versioning: %s", *v)
		}
		w.versioning(b, "Enabled")
		v1, v2 := w.put(b, "k", "one").VersionId, w.put(b, "k", "two").VersionId
		is(nil, "two")
		is(v1, "one")
		is(v2, "two")
		is(aws.String("null"), "zero")
		_, err := get(aws.String("0123456789abcdef0123456789abcdef"))
		fails(t, err, "NoSuchVersion")
		_, err = get(aws.String("nonsense"))
		fails(t, err, "InvalidArgument")

		del, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: k})
		fails(t, err, "")
		if del.DeleteMarker == nil || !*del.DeleteMarker || del.VersionId == nil {
			t.Fatalf("deleted %+v", del)
		}
		_, err = get(nil)
		fails(t, err, "NoSuchKey")
		_, err = get(del.VersionId)
		fails(t, err, "MethodNotAllowed")
		is(v2, "two")
		list, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b})
		fails(t, err, "")
		if len(list.Contents) != 0 {
			t.Errorf("listed %v", list.Contents)
		}
		all, err := c.ListObjectVersions(ctx, &awss3.ListObjectVersionsInput{Bucket: &b})
		fails(t, err, "")
		var got []string
		for _, v := range all.Versions {
			got = append(got, fmt.Sprint(*v.VersionId, *v.IsLatest))
		}
		if want := []string{*v2 + "false", *v1 + "false", "nullfalse"}; !slices.Equal(got, want) || len(all.DeleteMarkers) != 1 || !*all.DeleteMarkers[0].IsLatest {
			t.Errorf("versions %v, want %v; markers %v", got, want, all.DeleteMarkers)
		}
		_, err = c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &b})
		fails(t, err, "BucketNotEmpty")

		// Without the marker the newest version is back.
		_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: k, VersionId: del.VersionId})
		fails(t, err, "")
		is(nil, "two")
		_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: k, VersionId: v2})
		fails(t, err, "")
		is(nil, "one")
		_, err = get(v2)
		fails(t, err, "NoSuchVersion")

		// Tags and copies of a former version.
		w.put(b, "k", "three")
		_, err = c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &b, Key: k, VersionId: v1, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}})
		fails(t, err, "")
		tags, err := c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &b, Key: k})
		fails(t, err, "")
		if len(tags.TagSet) != 0 {
			t.Error("tags of a former version are those of the current one")
		}
		_, err = c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &b, Key: k, CopySource: aws.String("versions/k?versionId=" + *v1)})
		fails(t, err, "")
		is(nil, "one")

		// Suspended: what is put is the null version, in the place of the one
		// that was; the others stay.
		w.versioning(b, "Suspended")
		if v := w.put(b, "k", "four").VersionId; v == nil || *v != "null" {
			t.Errorf("version %v", v)
		}
		w.put(b, "k", "five")
		is(nil, "five")
		is(aws.String("null"), "five")
		is(v1, "one")
		del, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: k})
		fails(t, err, "")
		if *del.VersionId != "null" || !*del.DeleteMarker {
			t.Errorf("deleted %+v", del)
		}
		_, err = get(nil)
		fails(t, err, "NoSuchKey")

		// An identity that may not see versions.
		w.allow("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:DeleteObject","s3:ListBucket"],"Resource":"*"}]}`)
		_, err = w.client("ada").GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: k, VersionId: v1})
		fails(t, err, "AccessDenied")
		_, err = w.client("ada").DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: k, VersionId: v1})
		fails(t, err, "AccessDenied")

		// All versions gone: no bytes are left.
		all, err = c.ListObjectVersions(ctx, &awss3.ListObjectVersionsInput{Bucket: &b})
		fails(t, err, "")
		var ids []types.ObjectIdentifier
		for _, v := range all.Versions {
			ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, v := range all.DeleteMarkers {
			ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		out, err := c.DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: ids}})
		fails(t, err, "")
		if len(out.Errors) != 0 {
			t.Errorf("errors %v", out.Errors)
		}
		w.sweep(48 * time.Hour)
		if n := w.blobs(); n != 0 {
			t.Errorf("%d blobs left", n)
		}
		_, err = c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &b})
		fails(t, err, "")
	})
}

// TestVersionsModel does random things to a bucket and compares it with a list
// of versions that a test can understand.
func TestVersionsModel(t *testing.T) {
	type version struct {
		id, body string
		marker   bool
	}
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("model", false)
		c := w.client("root")
		rnd := rand.New(rand.NewPCG(5, 6))
		keys := []string{"a", "a/b", "b", "c/1", "c/2"}
		model := map[string][]version{} // newest first
		status := ""
		drop := func(key, id string) {
			model[key] = slices.DeleteFunc(model[key], func(v version) bool { return v.id == id })
		}
		for step := range 300 {
			key := keys[rnd.IntN(len(keys))]
			switch rnd.IntN(10) {
			case 0:
				if step > 30 {
					status = []string{"Enabled", "Suspended"}[rnd.IntN(2)]
					w.versioning(b, types.BucketVersioningStatus(status))
				}
			case 1, 2:
				out, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: &key})
				fails(t, err, "")
				switch status {
				case "":
					model[key] = nil
				default:
					if *out.VersionId == "null" {
						drop(key, "null")
					}
					model[key] = slices.Insert(model[key], 0, version{id: *out.VersionId, marker: true})
				}
			case 3, 4:
				if n := len(model[key]); n > 0 {
					id := model[key][rnd.IntN(n)].id
					_, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: &key, VersionId: &id})
					fails(t, err, "")
					drop(key, id)
				}
			default:
				body := fmt.Sprint("body ", step)
				id := "null"
				if v := w.put(b, key, body).VersionId; v != nil {
					id = *v
				}
				if id == "null" {
					drop(key, "null")
				}
				model[key] = slices.Insert(model[key], 0, version{id: id, body: body})
			}
			if step%10 != 9 {
				continue
			}
			var want, current []string
			for _, k := range keys {
				for i, v := range model[k] {
					want = append(want, fmt.Sprint(k, v.id, v.marker, i == 0))
					if i == 0 && !v.marker {
						current = append(current, k)
						if got := w.get(b, k); got != v.body {
							t.Fatalf("step %d: %s is %q, want %q", step, k, got, v.body)
						}
					}
				}
			}
			list, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b})
			fails(t, err, "")
			var listed []string
			for _, o := range list.Contents {
				listed = append(listed, *o.Key)
			}
			if !slices.Equal(listed, current) {
				t.Fatalf("step %d: current %v, want %v", step, listed, current)
			}
			in := &awss3.ListObjectVersionsInput{Bucket: &b, MaxKeys: aws.Int32(int32(1 + rnd.IntN(4)))}
			var got []string
			for {
				out, err := c.ListObjectVersions(ctx, in)
				fails(t, err, "")
				for _, v := range out.Versions {
					got = append(got, fmt.Sprint(*v.Key, *v.VersionId, false, *v.IsLatest))
				}
				for _, v := range out.DeleteMarkers {
					got = append(got, fmt.Sprint(*v.Key, *v.VersionId, true, *v.IsLatest))
				}
				if !*out.IsTruncated {
					break
				}
				in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
			}
			// The SDK tells versions and markers apart and so loses the order
			// between them; TestVersioning looks at that.
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("step %d: versions\n%s\nwant\n%s", step, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}
