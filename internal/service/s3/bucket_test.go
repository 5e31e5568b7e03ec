package s3_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestCreateBucket(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.client("root")
		create := func(name, region string) error {
			in := &awss3.CreateBucketInput{Bucket: &name}
			if region != "" {
				in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
			}
			_, err := c.CreateBucket(ctx, in)
			return err
		}
		fails(t, create("first.bucket", ""), "")
		fails(t, create("first.bucket", ""), "") // us-east-1 again by its owner
		fails(t, create("in-europe", "eu-west-1"), "")
		fails(t, create("in-europe", "eu-west-1"), "BucketAlreadyOwnedByYou")
		fails(t, create("nowhere-bucket", "moon"), "InvalidLocationConstraint")
		for _, name := range []string{"Capital", "ab", "a..b", "1.2.3.4", "-start", "under_score"} {
			fails(t, create(name, ""), "InvalidBucketName")
		}

		loc, err := c.GetBucketLocation(ctx, &awss3.GetBucketLocationInput{Bucket: aws.String("first.bucket")})
		fails(t, err, "")
		if loc.LocationConstraint != "" {
			t.Errorf("location of a bucket in us-east-1: %q", loc.LocationConstraint)
		}
		head, err := c.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: aws.String("in-europe")})
		fails(t, err, "")
		if *head.BucketRegion != "eu-west-1" {
			t.Errorf("bucket region %q", *head.BucketRegion)
		}
		_, err = c.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: aws.String("no-such-bucket")})
		fails(t, err, "NotFound")

		// Today's defaults.
		own, err := c.GetBucketOwnershipControls(ctx, &awss3.GetBucketOwnershipControlsInput{Bucket: aws.String("first.bucket")})
		fails(t, err, "")
		if own.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
			t.Errorf("ownership %v", own.OwnershipControls.Rules)
		}
		pab, err := c.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: aws.String("first.bucket")})
		fails(t, err, "")
		if p := pab.PublicAccessBlockConfiguration; !*p.BlockPublicAcls || !*p.IgnorePublicAcls || !*p.BlockPublicPolicy || !*p.RestrictPublicBuckets {
			t.Errorf("public access block %+v", p)
		}

		list, err := c.ListBuckets(ctx, &awss3.ListBucketsInput{})
		fails(t, err, "")
		if len(list.Buckets) != 2 || *list.Buckets[0].Name != "first.bucket" || *list.Buckets[1].BucketRegion != "eu-west-1" {
			t.Errorf("buckets %v", list.Buckets)
		}
		list, err = c.ListBuckets(ctx, &awss3.ListBucketsInput{MaxBuckets: aws.Int32(1)})
		fails(t, err, "")
		list, err = c.ListBuckets(ctx, &awss3.ListBucketsInput{MaxBuckets: aws.Int32(1), ContinuationToken: list.ContinuationToken})
		fails(t, err, "")
		if len(list.Buckets) != 1 || *list.Buckets[0].Name != "in-europe" || list.ContinuationToken != nil {
			t.Errorf("second page %v", list.Buckets)
		}

		// In another region the constraint must be that region.
		eu := w.client("root", func(o *awss3.Options) { o.Region = "eu-west-1" })
		_, err = eu.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: aws.String("unconstrained")})
		fails(t, err, "IllegalLocationConstraintException")
	})
}

func TestDeleteBucket(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("to-delete", false)
		c := w.client("root")
		w.put(b, "k", "v")
		up, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("m")})
		fails(t, err, "")
		_, err = c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &b})
		fails(t, err, "BucketNotEmpty")
		_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: aws.String("k")})
		fails(t, err, "")
		_, err = c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &b})
		fails(t, err, "")
		_, err = c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &b})
		fails(t, err, "NoSuchBucket")
		w.bucket("to-delete", false)
		_, err = c.ListParts(ctx, &awss3.ListPartsInput{Bucket: &b, Key: aws.String("m"), UploadId: up.UploadId})
		fails(t, err, "NoSuchUpload")
	})
}

func TestBucketSettings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("settings-bucket", false)
		c := w.client("root")

		_, err := c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: &b})
		fails(t, err, "NoSuchTagSet")
		_, err = c.PutBucketTagging(ctx, &awss3.PutBucketTaggingInput{Bucket: &b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("a & b")}}}})
		fails(t, err, "")
		tags, err := c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: &b})
		fails(t, err, "")
		if len(tags.TagSet) != 1 || *tags.TagSet[0].Value != "a & b" {
			t.Errorf("tags %v", tags.TagSet)
		}
		_, err = c.DeleteBucketTagging(ctx, &awss3.DeleteBucketTaggingInput{Bucket: &b})
		fails(t, err, "")
		_, err = c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: &b})
		fails(t, err, "NoSuchTagSet")

		put := func(s types.BucketVersioningStatus) error {
			_, err := c.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: s}})
			return err
		}
		v, err := c.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &b})
		fails(t, err, "")
		if v.Status != "" {
			t.Errorf("versioning of a new bucket: %q", v.Status)
		}
		fails(t, put("Disabled"), "MalformedXML")
		fails(t, put("Enabled"), "")
		fails(t, put("Suspended"), "")
		v, err = c.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: &b})
		fails(t, err, "")
		if v.Status != "Suspended" {
			t.Errorf("versioning: %q", v.Status)
		}

		_, err = c.GetBucketEncryption(ctx, &awss3.GetBucketEncryptionInput{Bucket: &b})
		fails(t, err, "ServerSideEncryptionConfigurationNotFoundError")
		_, err = c.PutBucketEncryption(ctx, &awss3.PutBucketEncryptionInput{Bucket: &b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}}}})
		fails(t, err, "")
		enc, err := c.GetBucketEncryption(ctx, &awss3.GetBucketEncryptionInput{Bucket: &b})
		fails(t, err, "")
		if enc.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != "AES256" {
			t.Errorf("encryption %v", enc.ServerSideEncryptionConfiguration)
		}

		_, err = c.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: &b})
		fails(t, err, "NoSuchBucketPolicy")
		for text, code := range map[string]string{
			`nonsense`:         "MalformedPolicy",
			`{"Statement":[]}`: "MalformedPolicy",
			`{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}}`:                                              "MalformedPolicy",
			`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"arn:aws:s3:::settings-bucket/*"}}`:                                 "MalformedPolicy",
			`{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::settings-bucket/*"}}`:                                    "AccessDenied", // BlockPublicPolicy
			`{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::settings-bucket/*"}}`:                                                    "MalformedPolicy",
			`{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:DeleteBucket","Resource":["arn:aws:s3:::settings-bucket","arn:aws:s3:::settings-bucket/*"]}}`: "",
		} {
			_, err = c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: &b, Policy: &text})
			if code == "" {
				fails(t, err, "")
				got, err := c.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: &b})
				fails(t, err, "")
				if *got.Policy != text {
					t.Errorf("policy %s", *got.Policy)
				}
				_, err = c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: &b})
				fails(t, err, "AccessDenied")
				status, err := c.GetBucketPolicyStatus(ctx, &awss3.GetBucketPolicyStatusInput{Bucket: &b})
				fails(t, err, "")
				if *status.PolicyStatus.IsPublic {
					t.Error("a policy that only denies is called public")
				}
				continue
			}
			if err == nil {
				t.Errorf("accepted: %s", text)
				continue
			}
			fails(t, err, code)
		}
		_, err = c.DeleteBucketPolicy(ctx, &awss3.DeleteBucketPolicyInput{Bucket: &b})
		fails(t, err, "")

		// What is not implemented says so, after authentication.
		_, err = c.GetBucketReplication(ctx, &awss3.GetBucketReplicationInput{Bucket: &b})
		fails(t, err, "NotImplemented")
		_, err = c.GetBucketNotificationConfiguration(ctx, &awss3.GetBucketNotificationConfigurationInput{Bucket: &b})
		fails(t, err, "NotImplemented")
		w.do("PUT", "/settings-bucket/k?versions", "").is(t, 405, "MethodNotAllowed")
	})
}

// TestPolicyLockout: the root user can always take back a policy that denies
// everything.
func TestPolicyLockout(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("locked-bucket", false)
		c := w.client("root")
		_, err := c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(
			`{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::locked-bucket","arn:aws:s3:::locked-bucket/*"]}}`)})
		fails(t, err, "")
		_, err = c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b})
		fails(t, err, "AccessDenied")
		_, err = c.DeleteBucketPolicy(ctx, &awss3.DeleteBucketPolicyInput{Bucket: &b})
		fails(t, err, "")
		_, err = c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b})
		fails(t, err, "")
	})
}
