package s3_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestChunkedUpload: over TLS the SDK streams with aws-chunked and sends the
// checksum behind the body.
func TestChunkedUpload(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("chunked", false)
		var seen string
		server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Method == "PUT" {
				seen = r.Header.Get("X-Amz-Content-Sha256")
			}
			w.svc.ServeHTTP(rw, r)
		}))
		defer server.Close()
		c := clientFor(server, "root")
		body := string(pattern(200_000))
		_, err := c.PutObject(ctx, &awss3.PutObjectInput{
			Bucket: &b, Key: aws.String("k"), Body: io.MultiReader(strings.NewReader(body)), ContentLength: aws.Int64(int64(len(body))),
			ContentEncoding: aws.String("gzip"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
		})
		fails(t, err, "")
		if seen != "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
			t.Fatalf("the SDK did not stream: %s", seen)
		}
		out, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k"), ChecksumMode: types.ChecksumModeEnabled})
		fails(t, err, "")
		if got := read(t, out.Body); got != body || *out.ContentEncoding != "gzip" || out.ChecksumCRC32C == nil {
			t.Errorf("%d bytes, encoding %s", len(got), *out.ContentEncoding)
		}

		// A body and a trailer that do not fit leave no object.
		key := accessKeyOf("root")
		for trailer, want := range map[string]string{"x-amz-checksum-crc32:NhCmhg==": "", "x-amz-checksum-crc32:AAAAAA==": "BadDigest", "x-amz-checksum-sha1:x": "MalformedTrailerError"} {
			r, _ := http.NewRequest("PUT", w.http.URL+"/chunked/trailer", strings.NewReader("5\r\nhello\r\n0\r\n"+trailer+"\r\n\r\n"))
			const marker = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
			for k, v := range map[string]string{"X-Amz-Content-Sha256": marker, "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "5", "X-Amz-Trailer": "x-amz-checksum-crc32"} {
				r.Header.Set(k, v)
			}
			if err := v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: key, SecretAccessKey: secretOf(key)}, r, marker, "s3", "us-east-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			a := w.send(r)
			if want == "" {
				a.is(t, 200)
				if got := w.get(b, "trailer"); got != "hello" {
					t.Errorf("%q", got)
				}
				_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: aws.String("trailer")})
				fails(t, err, "")
				continue
			}
			a.is(t, 400, want)
			_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("trailer")})
			fails(t, err, "NoSuchKey")
		}
		w.sweep(0)
		if n := w.blobs(); n != 1 {
			t.Errorf("%d blobs, want 1", n)
		}
	})
}

// TestVirtualHost: the SDK's own addressing, bucket in the host.
func TestVirtualHost(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("by.host", false)
		c := w.client("root", func(o *awss3.Options) {
			o.UsePathStyle, o.BaseEndpoint = false, aws.String("http://s3.us-east-1.localhost")
		})
		_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("a//../b+ c"), Body: strings.NewReader("x")})
		fails(t, err, "")
		if got := w.get(b, "a//../b+ c"); got != "x" {
			t.Errorf("%q", got)
		}
		out, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b})
		fails(t, err, "")
		if len(out.Contents) != 1 {
			t.Errorf("list %v", out.Contents)
		}
	})
}
