package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// oddKeys are keys that a file system, a cleaner of paths or a careless
// encoder would lose.
var oddKeys = []string{
	"a", "a/b", "a/b/", "/lead", "x//y", "..", "a/../b", ".", "./.", "ü/日本.txt", "sp ace+plus", "us-east-1:1234/photo.jpg",
	"%2F", "a?b#c", "q=1&r=2", "'()*!~", strings.Repeat("k", 1024),
}

func TestPutGetDelete(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("objects", false)
		c := w.client("root")
		for _, k := range oddKeys {
			w.put(b, k, "body of "+k)
		}
		for _, k := range oddKeys {
			if got := w.get(b, k); got != "body of "+k {
				t.Errorf("%q: %q", k, got)
			}
		}
		list, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b})
		fails(t, err, "")
		if len(list.Contents) != len(oddKeys) {
			t.Errorf("%d keys listed, want %d", len(list.Contents), len(oddKeys))
		}
		for i := 1; i < len(list.Contents); i++ {
			if *list.Contents[i-1].Key >= *list.Contents[i].Key {
				t.Errorf("order: %q before %q", *list.Contents[i-1].Key, *list.Contents[i].Key)
			}
		}
		for _, k := range oddKeys {
			_, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: &k})
			fails(t, err, "")
			_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: &k})
			fails(t, err, "NoSuchKey")
		}
		_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: aws.String("never was")})
		fails(t, err, "")
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String(strings.Repeat("k", 1025)), Body: strings.NewReader("x")})
		fails(t, err, "KeyTooLongError")
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: aws.String("no-bucket-here"), Key: aws.String("k"), Body: strings.NewReader("x")})
		fails(t, err, "NoSuchBucket")
	})
}

func TestObjectHeaders(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("headers", false)
		c := w.client("root")
		put := w.put(b, "k", "hello", func(in *awss3.PutObjectInput) {
			in.ContentType = aws.String("text/plain; charset=utf-8")
			in.CacheControl = aws.String("max-age=60")
			in.ContentDisposition = aws.String(`attachment; filename="x"`)
			in.ContentEncoding = aws.String("identity")
			in.ContentLanguage = aws.String("de")
			in.Metadata = map[string]string{"Owner": "Ada", "empty": ""}
			in.Tagging = aws.String("a=1&b=x%20y")
			in.ServerSideEncryption = types.ServerSideEncryptionAes256
		})
		sum := fmt.Sprintf(`"%x"`, md5.Sum([]byte("hello")))
		if *put.ETag != sum {
			t.Errorf("etag %s, want %s", *put.ETag, sum)
		}
		h, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b, Key: aws.String("k")})
		fails(t, err, "")
		if *h.ContentType != "text/plain; charset=utf-8" || *h.CacheControl != "max-age=60" || *h.ContentDisposition != `attachment; filename="x"` ||
			*h.ContentEncoding != "identity" || *h.ContentLanguage != "de" || h.Metadata["owner"] != "Ada" || *h.ContentLength != 5 || *h.ETag != sum {
			t.Errorf("head %+v", h)
		}
		g, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k"), ResponseContentType: aws.String("x/y"), ResponseCacheControl: aws.String("no-store")})
		fails(t, err, "")
		if *g.ContentType != "x/y" || *g.CacheControl != "no-store" || *g.TagCount != 2 {
			t.Errorf("get %+v", g)
		}
		tags, err := c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &b, Key: aws.String("k")})
		fails(t, err, "")
		if len(tags.TagSet) != 2 || *tags.TagSet[1].Value != "x y" {
			t.Errorf("tags %v", tags.TagSet)
		}
		_, err = c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &b, Key: aws.String("k"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("c"), Value: aws.String("3")}}}})
		fails(t, err, "")
		_, err = c.DeleteObjectTagging(ctx, &awss3.DeleteObjectTaggingInput{Bucket: &b, Key: aws.String("k")})
		fails(t, err, "")
		tags, err = c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &b, Key: aws.String("k")})
		fails(t, err, "")
		if len(tags.TagSet) != 0 {
			t.Errorf("tags after deletion %v", tags.TagSet)
		}
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("big"), Metadata: map[string]string{"m": strings.Repeat("x", 2100)}})
		fails(t, err, "MetadataTooLarge")
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("cold"), StorageClass: types.StorageClassGlacier})
		fails(t, err, "NotImplemented")
		_, err = c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b, Key: aws.String("none")})
		fails(t, err, "NotFound")
	})
}

func TestRange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("ranges", false)
		w.put(b, "k", "0123456789")
		w.put(b, "empty", "")
		c := w.client("root")
		for spec, want := range map[string]string{
			"bytes=0-3": "0123", "bytes=4-": "456789", "bytes=-3": "789", "bytes=5-99": "56789", "bytes=0-0": "0", "bytes=-99": "0123456789",
		} {
			out, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k"), Range: &spec})
			fails(t, err, "")
			if got := read(t, out.Body); got != want || out.ContentRange == nil || *out.ContentLength != int64(len(want)) {
				t.Errorf("%s: %q %v", spec, got, out.ContentRange)
			}
		}
		for _, spec := range []string{"bytes=3-1", "chars=1-2", "bytes=1-2,4-5", "bytes=x-", "bytes=-"} {
			out, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k"), Range: &spec})
			fails(t, err, "")
			if got := read(t, out.Body); got != "0123456789" || out.ContentRange != nil {
				t.Errorf("%s: %q", spec, got)
			}
		}
		for key, spec := range map[string]string{"k": "bytes=10-", "empty": "bytes=0-"} {
			_, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: &key, Range: &spec})
			fails(t, err, "InvalidRange")
		}
	})
}

func TestConditions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("conditions", false)
		c := w.client("root")
		etag := w.put(b, "k", "one").ETag
		past, future := aws.Time(time.Now().Add(-time.Hour)), aws.Time(time.Now().Add(time.Hour))
		get := func(change func(*awss3.GetObjectInput)) error {
			in := &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k")}
			change(in)
			_, err := c.GetObject(ctx, in)
			return err
		}
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfMatch = etag }), "")
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfMatch = aws.String(`"other"`) }), "PreconditionFailed")
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfNoneMatch = etag }), "NotModified")
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfModifiedSince = past }), "")
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfModifiedSince = future }), "NotModified")
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfUnmodifiedSince = past }), "PreconditionFailed")
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfMatch, in.IfUnmodifiedSince = etag, past }), "")
		fails(t, get(func(in *awss3.GetObjectInput) { in.IfNoneMatch, in.IfModifiedSince = aws.String("x"), future }), "")

		put := func(key string, change func(*awss3.PutObjectInput)) error {
			in := &awss3.PutObjectInput{Bucket: &b, Key: &key, Body: strings.NewReader("two")}
			change(in)
			_, err := c.PutObject(ctx, in)
			return err
		}
		absent := func(in *awss3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }
		fails(t, put("k", absent), "PreconditionFailed")
		fails(t, put("new", absent), "")
		fails(t, put("new", absent), "PreconditionFailed")
		fails(t, put("k", func(in *awss3.PutObjectInput) { in.IfMatch = aws.String(`"x"`) }), "PreconditionFailed")
		fails(t, put("none", func(in *awss3.PutObjectInput) { in.IfMatch = etag }), "NoSuchKey")
		fails(t, put("k", func(in *awss3.PutObjectInput) { in.IfMatch = etag }), "")
		fails(t, put("k", func(in *awss3.PutObjectInput) { in.IfNoneMatch = etag }), "NotImplemented")

		// Put if absent has one winner.
		wins := make(chan bool, 16)
		for range cap(wins) {
			go func() {
				_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("race"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
				wins <- err == nil
			}()
		}
		n := 0
		for range cap(wins) {
			if <-wins {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d winners of put-if-absent", n)
		}
	})
}

func TestIntegrity(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("integrity", false)
		c := w.client("root")
		body := []byte("some bytes")
		sum := md5.Sum(body)
		good := base64.StdEncoding.EncodeToString(sum[:])
		for md5, code := range map[string]string{good: "", "AAAAAAAAAAAAAAAAAAAAAA==": "BadDigest", "short": "InvalidDigest"} {
			_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("md5"), Body: bytes.NewReader(body), ContentMD5: &md5})
			fails(t, err, code)
		}
		for _, alg := range types.ChecksumAlgorithm("").Values() {
			switch alg {
			case "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256":
			default:
				continue
			}
			key := "sum-" + string(alg)
			put, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: &key, Body: bytes.NewReader(body), ChecksumAlgorithm: alg})
			fails(t, err, "")
			head, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
			fails(t, err, "")
			if v := checksumOf(put.ChecksumCRC32, put.ChecksumCRC32C, put.ChecksumCRC64NVME, put.ChecksumSHA1, put.ChecksumSHA256); v == "" ||
				v != checksumOf(head.ChecksumCRC32, head.ChecksumCRC32C, head.ChecksumCRC64NVME, head.ChecksumSHA1, head.ChecksumSHA256) || head.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("%s: put %q head %+v", alg, v, head)
			}
			// The SDK verifies what it reads.
			get, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
			fails(t, err, "")
			if got := read(t, get.Body); got != string(body) {
				t.Errorf("%s: %q", alg, got)
			}
		}
		_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("bad"), Body: bytes.NewReader(body), ChecksumCRC32: aws.String("AAAAAA==")})
		fails(t, err, "BadDigest")
		_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("bad")})
		fails(t, err, "NoSuchKey")

		// A body that differs from what was signed leaves nothing behind.
		req, err := awss3.NewPresignClient(c).PresignPutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("cut")})
		fails(t, err, "")
		pr, pw := io.Pipe()
		r, _ := http.NewRequest("PUT", req.URL, pr)
		r.ContentLength = 100
		go func() { pw.Write([]byte("only this")); pw.CloseWithError(io.ErrClosedPipe) }()
		if res, err := toServer(w.http).Do(r); err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				t.Error("a cut body was accepted")
			}
		}
		_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("cut")})
		fails(t, err, "NoSuchKey")
	})
}

func checksumOf(values ...*string) string {
	for _, v := range values {
		if v != nil {
			return *v
		}
	}
	return ""
}

func TestCopyObject(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("copies", false)
		c := w.client("root")
		w.put(b, "src +1", "the bytes", func(in *awss3.PutObjectInput) {
			in.ContentType, in.Metadata, in.Tagging = aws.String("text/x"), map[string]string{"m": "1"}, aws.String("t=1")
		})
		copyTo := func(key string, change func(*awss3.CopyObjectInput)) (*awss3.CopyObjectOutput, error) {
			in := &awss3.CopyObjectInput{Bucket: &b, Key: &key, CopySource: aws.String("copies/src%20%2B1")}
			change(in)
			return c.CopyObject(ctx, in)
		}
		out, err := copyTo("dst", func(*awss3.CopyObjectInput) {})
		fails(t, err, "")
		if *out.CopyObjectResult.ETag != fmt.Sprintf(`"%x"`, md5.Sum([]byte("the bytes"))) {
			t.Errorf("etag %s", *out.CopyObjectResult.ETag)
		}
		h, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b, Key: aws.String("dst")})
		fails(t, err, "")
		if *h.ContentType != "text/x" || h.Metadata["m"] != "1" || *h.TagCount != 1 {
			t.Errorf("copied %+v", h)
		}
		_, err = copyTo("src +1", func(*awss3.CopyObjectInput) {})
		fails(t, err, "InvalidRequest")
		_, err = copyTo("src +1", func(in *awss3.CopyObjectInput) {
			in.MetadataDirective, in.ContentType, in.Metadata = types.MetadataDirectiveReplace, aws.String("text/y"), map[string]string{"n": "2"}
		})
		fails(t, err, "")
		h, err = c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b, Key: aws.String("src +1")})
		fails(t, err, "")
		if *h.ContentType != "text/y" || h.Metadata["n"] != "2" || h.Metadata["m"] != "" {
			t.Errorf("replaced %+v", h)
		}
		_, err = copyTo("x", func(in *awss3.CopyObjectInput) { in.CopySourceIfMatch = aws.String(`"no"`) })
		fails(t, err, "PreconditionFailed")
		_, err = copyTo("x", func(in *awss3.CopyObjectInput) { in.CopySource = aws.String("copies/none") })
		fails(t, err, "NoSuchKey")
		_, err = copyTo("x", func(in *awss3.CopyObjectInput) { in.CopySource = aws.String("nowhere-at-all/none") })
		fails(t, err, "NoSuchBucket")
		_, err = copyTo("sum", func(in *awss3.CopyObjectInput) { in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256 })
		fails(t, err, "")

		// The copies share bytes; deleting the source and collecting the
		// litter leaves them whole.
		_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: aws.String("src +1")})
		fails(t, err, "")
		w.sweep(48 * time.Hour)
		for _, k := range []string{"dst", "sum"} {
			if got := w.get(b, k); got != "the bytes" {
				t.Errorf("%s: %q", k, got)
			}
		}
		for _, k := range []string{"dst", "sum"} {
			_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: &k})
			fails(t, err, "")
		}
		w.sweep(48 * time.Hour)
		if n := w.blobs(); n != 0 {
			t.Errorf("%d blobs left", n)
		}
	})
}

func TestDeleteObjects(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("delete-many", false)
		w.allow("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::delete-many/mine/*"}]}`)
		var ids []types.ObjectIdentifier
		for _, k := range []string{"mine/1", "mine/2", "theirs", "mine/none"} {
			if k != "mine/none" {
				w.put(b, k, "x")
			}
			ids = append(ids, types.ObjectIdentifier{Key: &k})
		}
		out, err := w.client("ada").DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: ids}})
		fails(t, err, "")
		if len(out.Deleted) != 3 || len(out.Errors) != 1 || *out.Errors[0].Key != "theirs" || *out.Errors[0].Code != "AccessDenied" {
			t.Errorf("deleted %v errors %v", out.Deleted, out.Errors)
		}
		if w.get(b, "theirs") != "x" {
			t.Error("a key that was denied is gone")
		}
	})
}
