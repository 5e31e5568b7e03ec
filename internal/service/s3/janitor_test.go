package s3_test

import (
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestSweep: bytes that no row names go, and no others.
func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("janitor", false)
		w.put(b, "k", "old")
		w.put(b, "k", "new")
		// What a crash leaves: bytes on disk, and no row.
		litter, err := w.blob.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(litter, "litter"); err != nil {
			t.Fatal(err)
		}
		if err := litter.Commit(); err != nil {
			t.Fatal(err)
		}
		w.sweep(0)
		if n := w.blobs(); n != 2 {
			t.Errorf("%d blobs, want the new one and the young litter", n)
		}
		w.sweep(25 * time.Hour)
		if n := w.blobs(); n != 1 || w.get(b, "k") != "new" {
			t.Errorf("%d blobs", n)
		}
		_, err = w.client("root").PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("k"), IfNoneMatch: aws.String("*")})
		fails(t, err, "PreconditionFailed")
		if n := w.blobs(); n != 1 {
			t.Errorf("%d blobs after a refused upload", n)
		}
	})
}
