package s3_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestLifecycle(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("lifecycle", false)
		c := w.client("root")
		_, err := c.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: &b})
		fails(t, err, "NoSuchLifecycleConfiguration")
		put := func(rules ...types.LifecycleRule) error {
			_, err := c.PutBucketLifecycleConfiguration(ctx, &awss3.PutBucketLifecycleConfigurationInput{Bucket: &b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules}})
			return err
		}
		on, all := types.ExpirationStatusEnabled, &types.LifecycleRuleFilter{Prefix: aws.String("")}
		fails(t, put(types.LifecycleRule{Status: on, Filter: all}), "InvalidRequest")
		fails(t, put(types.LifecycleRule{Status: on, Filter: all, Transitions: []types.Transition{{Days: aws.Int32(1), StorageClass: "GLACIER"}}}), "NotImplemented")
		fails(t, put(types.LifecycleRule{Status: on, Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: aws.String("a"), Value: aws.String("b")}}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}}), "NotImplemented")
		// The first two are those of CDK's bootstrap bucket.
		fails(t, put(
			types.LifecycleRule{ID: aws.String("CleanupOldVersions"), Status: on, Filter: all, NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(30)}},
			types.LifecycleRule{ID: aws.String("AbortIncompleteMultipartUploads"), Status: on, Filter: all, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(1)}},
			types.LifecycleRule{ID: aws.String("tmp"), Status: on, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("tmp/")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(7)}},
			types.LifecycleRule{ID: aws.String("off"), Status: types.ExpirationStatusDisabled, Filter: all, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}},
		), "")
		got, err := c.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: &b})
		fails(t, err, "")
		if len(got.Rules) != 4 || *got.Rules[0].NoncurrentVersionExpiration.NoncurrentDays != 30 || *got.Rules[2].Filter.Prefix != "tmp/" || got.Rules[2].Expiration == nil || got.Rules[0].Expiration != nil {
			t.Errorf("rules %+v", got.Rules)
		}

		w.versioning(b, "Enabled")
		for i := range 3 {
			w.put(b, "keep", fmt.Sprint(i))
			w.put(b, "tmp/x", fmt.Sprint(i))
		}
		_, err = c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("u")})
		fails(t, err, "")
		at := func(days int, removed int, versions, markers, uploads int) {
			t.Helper()
			w.mu.Lock()
			before := w.now
			w.now = w.now.Add(time.Duration(days) * 24 * time.Hour)
			w.mu.Unlock()
			n, err := w.svc.Expire(ctx)
			w.mu.Lock()
			w.now = before
			w.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.ListObjectVersions(ctx, &awss3.ListObjectVersionsInput{Bucket: &b})
			fails(t, err, "")
			u, err := c.ListMultipartUploads(ctx, &awss3.ListMultipartUploadsInput{Bucket: &b})
			fails(t, err, "")
			if n != removed || len(v.Versions) != versions || len(v.DeleteMarkers) != markers || len(u.Uploads) != uploads {
				t.Fatalf("after %d days: removed %d, %d versions, %d markers, %d uploads", days, n, len(v.Versions), len(v.DeleteMarkers), len(u.Uploads))
			}
		}
		at(0, 0, 6, 0, 1)
		at(3, 1, 6, 0, 0) // the upload
		at(9, 1, 6, 1, 0) // tmp/x is hidden by a marker
		at(9, 0, 6, 1, 0)
		at(40, 5, 1, 1, 0) // all former versions go
		at(40, 1, 1, 0, 0) // and the marker, which hides nothing any more
		if w.get(b, "keep") != "2" {
			t.Error("the current version is gone")
		}
		_, err = c.DeleteBucketLifecycle(ctx, &awss3.DeleteBucketLifecycleInput{Bucket: &b})
		fails(t, err, "")
		at(4000, 0, 1, 0, 0)
	})
}
