package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"gatehouse/internal/service/s3"
)

// adopting is a second service on the same data, to which a bucket lives
// elsewhere.
func (w *world) adopting(name string) error {
	w.t.Helper()
	svc, err := s3.New(s3.Config{DB: w.db, Blobs: w.blob, Authenticator: rootAlways{}, Access: w, Account: account, BaseDomain: "localhost", Now: time.Now,
		Upstreams: map[string]*s3.Upstream{name: {Bucket: "there", Store: "x", Tripper: http.DefaultTransport}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return svc.Adopt(ctx)
}

// TestAdopt: the record of a bucket is there from the start, as safe as any new
// one, and a bucket with objects here is never hidden.
func TestAdopt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if err := w.adopting("photos"); err != nil {
			t.Fatal(err)
		}
		c := w.client("root")
		block, err := c.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: aws.String("photos")})
		fails(t, err, "")
		if !*block.PublicAccessBlockConfiguration.BlockPublicPolicy {
			t.Error("the record of a new bucket is open")
		}
		if err := w.adopting("photos"); err != nil {
			t.Fatalf("the second start: %v", err)
		}

		full := w.bucket("full-one", false)
		w.put(full, "key", "here")
		if err := w.adopting(full); err == nil || !strings.Contains(err.Error(), "bucket full-one holds objects or uploads here") {
			t.Errorf("a bucket with objects was adopted: %v", err)
		}
		started := w.bucket("started-one", false)
		_, err = c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &started, Key: aws.String("key")})
		fails(t, err, "")
		if err := w.adopting(started); err == nil {
			t.Error("a bucket with an upload was adopted")
		}
		if err := w.adopting("Not-A-Name"); err == nil {
			t.Error("a bucket of no name was adopted")
		}

		// What an empty bucket was under for the objects here goes.
		open := w.bucket("open-one", true)
		_, err = c.PutBucketAcl(ctx, &awss3.PutBucketAclInput{Bucket: &open, ACL: types.BucketCannedACLPublicRead})
		fails(t, err, "")
		_, err = c.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{Bucket: &open, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}})
		fails(t, err, "")
		if err := w.adopting(open); err != nil {
			t.Fatal(err)
		}
		owner, err := c.GetBucketOwnershipControls(ctx, &awss3.GetBucketOwnershipControlsInput{Bucket: &open})
		fails(t, err, "")
		versioning, err := c.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &open})
		fails(t, err, "")
		list, err := c.GetBucketAcl(ctx, &awss3.GetBucketAclInput{Bucket: &open})
		fails(t, err, "")
		if owner.OwnershipControls.Rules[0].ObjectOwnership != "BucketOwnerEnforced" || versioning.Status != "" || len(list.Grants) != 1 {
			t.Errorf("the adopted bucket has %+v, %s, %+v", owner.OwnershipControls, versioning.Status, list.Grants)
		}
	})
}
