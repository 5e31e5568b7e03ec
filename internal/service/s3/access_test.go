package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestIdentityPolicies: what a user may do follows from the policies of the
// moment, and a denied caller is told why.
func TestIdentityPolicies(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("team", false)
		w.put(b, "mine/1", "x")
		w.put(b, "theirs/1", "x")
		c := w.client("ada")
		list := func(prefix string) error {
			_, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &b, Prefix: &prefix})
			return err
		}
		get := func(key string) error {
			_, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: &key})
			return err
		}
		err := list("mine/")
		fails(t, err, "AccessDenied")
		want := `User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::team" because no identity-based policy allows the s3:ListBucket action`
		if !strings.Contains(err.Error(), want) {
			t.Errorf("text %v\nwant %s", err, want)
		}
		w.allow("ada", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::team","Condition":{"StringLike":{"s3:prefix":"mine/*"}}},
			{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::team/mine/*"}]}`)
		fails(t, list("mine/"), "")
		fails(t, list(""), "AccessDenied")
		fails(t, get("mine/1"), "")
		fails(t, get("theirs/1"), "AccessDenied")
		// Without a prefix in the request, ada may not list: so a key that is
		// not there is not told from one that is forbidden.
		fails(t, get("mine/none"), "AccessDenied")
		w.allow("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::team/theirs/*"}]}`)
		fails(t, get("mine/none"), "NoSuchKey")
		err = get("theirs/1")
		fails(t, err, "AccessDenied")
		if !strings.Contains(err.Error(), "with an explicit deny in an identity-based policy") {
			t.Errorf("text %v", err)
		}
		_, err = c.ListBuckets(ctx, &awss3.ListBucketsInput{})
		fails(t, err, "")

		// CopyObject needs both ends.
		w.allow("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`)
		cp := &awss3.CopyObjectInput{Bucket: &b, Key: aws.String("stolen"), CopySource: aws.String("team/theirs/1")}
		_, err = c.CopyObject(ctx, cp)
		fails(t, err, "AccessDenied")
		w.allow("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`)
		_, err = c.CopyObject(ctx, cp)
		fails(t, err, "AccessDenied")

		// An ACL or tags in a PutObject are permissions of their own.
		w.allow("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`)
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), Tagging: aws.String("a=1")})
		fails(t, err, "AccessDenied")
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), ACL: types.ObjectCannedACLBucketOwnerFullControl})
		fails(t, err, "AccessDenied")

		// Tags of objects decide.
		w.put(b, "tagged", "x", func(in *awss3.PutObjectInput) { in.Tagging = aws.String("stage=public") })
		w.allow("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/stage":"public"}}},
			{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}`)
		fails(t, get("tagged"), "")
		fails(t, get("mine/1"), "AccessDenied")
	})
}

// TestAnonymous holds the rows of walk-through 1: what must be denied and what
// must succeed for callers without a signature.
func TestAnonymous(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		closed := w.bucket("closed", false)
		open := w.bucket("open-bucket", true)
		c := w.client("root")
		for _, b := range []string{closed, open} {
			w.put(b, "index.html", "<p>hi")
			w.put(b, "secret", "s")
		}
		for _, path := range []string{"/closed/index.html", "/open-bucket/index.html", "/closed", "/open-bucket?list-type=2", "/open-bucket/none"} {
			w.do("GET", path, "").is(t, 403, "<Code>AccessDenied</Code><Message>Access Denied</Message>")
		}
		w.do("GET", "/", "").is(t, 403, "AccessDenied")
		w.do("PUT", "/open-bucket/up", "x").is(t, 403, "AccessDenied")
		w.do("PUT", "/brand-new-bucket", "").is(t, 403, "AccessDenied")
		w.do("DELETE", "/open-bucket/index.html", "").is(t, 403, "AccessDenied")
		w.do("GET", "/no-such-bucket/k", "").is(t, 404, "NoSuchBucket")
		if a := w.do("HEAD", "/open-bucket/index.html", ""); a.StatusCode != 403 || a.body != "" {
			t.Errorf("HEAD: %d %q", a.StatusCode, a.body)
		}

		// BucketOwnerEnforced: no ACLs at all.
		_, err := c.PutObjectAcl(ctx, &awss3.PutObjectAclInput{Bucket: &closed, Key: aws.String("index.html"), ACL: types.ObjectCannedACLPublicRead})
		fails(t, err, "AccessControlListNotSupported")
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &closed, Key: aws.String("k"), Body: strings.NewReader(""), ACL: types.ObjectCannedACLPublicRead})
		fails(t, err, "AccessControlListNotSupported")
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &closed, Key: aws.String("k"), Body: strings.NewReader(""), ACL: types.ObjectCannedACLBucketOwnerFullControl})
		fails(t, err, "")

		// "Make public": the object, and it alone.
		_, err = c.PutObjectAcl(ctx, &awss3.PutObjectAclInput{Bucket: &open, Key: aws.String("index.html"), ACL: types.ObjectCannedACLPublicRead})
		fails(t, err, "")
		w.do("GET", "/open-bucket/index.html", "").is(t, 200, "<p>hi")
		w.do("GET", "/open-bucket/index.html?acl", "").is(t, 403)
		w.do("GET", "/open-bucket/index.html?response-content-type=x/y", "").is(t, 400, "InvalidRequest")
		w.do("GET", "/open-bucket/secret", "").is(t, 403)
		w.do("GET", "/open-bucket", "").is(t, 403)
		got, err := c.GetObjectAcl(ctx, &awss3.GetObjectAclInput{Bucket: &open, Key: aws.String("index.html")})
		fails(t, err, "")
		if len(got.Grants) != 2 || *got.Grants[1].Grantee.URI != "http://acs.amazonaws.com/groups/global/AllUsers" || got.Grants[1].Permission != "READ" || got.Grants[1].Grantee.Type != "Group" {
			t.Errorf("grants %+v", got.Grants)
		}
		// What was read can be put back.
		_, err = c.PutObjectAcl(ctx, &awss3.PutObjectAclInput{Bucket: &open, Key: aws.String("secret"), AccessControlPolicy: &types.AccessControlPolicy{Owner: got.Owner, Grants: got.Grants}})
		fails(t, err, "")
		w.do("GET", "/open-bucket/secret", "").is(t, 200, "s")
		_, err = c.PutObjectAcl(ctx, &awss3.PutObjectAclInput{Bucket: &open, Key: aws.String("secret"), ACL: types.ObjectCannedACLAuthenticatedRead})
		fails(t, err, "")
		w.do("GET", "/open-bucket/secret", "").is(t, 403)
		_, err = w.client("nobody").GetObject(ctx, &awss3.GetObjectInput{Bucket: &open, Key: aws.String("secret")})
		fails(t, err, "")

		// Block Public Access: ACLs that are there no longer count, new ones are
		// refused.
		pab := func(p types.PublicAccessBlockConfiguration) {
			t.Helper()
			_, err := c.PutPublicAccessBlock(ctx, &awss3.PutPublicAccessBlockInput{Bucket: &open, PublicAccessBlockConfiguration: &p})
			fails(t, err, "")
		}
		pab(types.PublicAccessBlockConfiguration{IgnorePublicAcls: aws.Bool(true)})
		w.do("GET", "/open-bucket/index.html", "").is(t, 403)
		pab(types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)})
		w.do("GET", "/open-bucket/index.html", "").is(t, 200)
		_, err = c.PutObjectAcl(ctx, &awss3.PutObjectAclInput{Bucket: &open, Key: aws.String("secret"), ACL: types.ObjectCannedACLPublicRead})
		fails(t, err, "AccessDenied")
		_, err = c.PutBucketAcl(ctx, &awss3.PutBucketAclInput{Bucket: &open, ACL: types.BucketCannedACLPublicReadWrite})
		fails(t, err, "AccessDenied")
		_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &open, Key: aws.String("k"), Body: strings.NewReader(""), ACL: types.ObjectCannedACLPublicRead})
		fails(t, err, "AccessDenied")
		pab(types.PublicAccessBlockConfiguration{})

		// A bucket's ACL: READ lists, WRITE writes.
		_, err = c.PutBucketAcl(ctx, &awss3.PutBucketAclInput{Bucket: &open, ACL: types.BucketCannedACLPublicReadWrite})
		fails(t, err, "")
		w.do("GET", "/open-bucket", "").is(t, 200, "<Key>index.html</Key>")
		w.do("PUT", "/open-bucket/up", "x").is(t, 200)
		w.do("GET", "/open-bucket/none", "").is(t, 404, "NoSuchKey")
		w.do("GET", "/open-bucket?policy", "").is(t, 403)
		_, err = c.PutBucketOwnershipControls(ctx, &awss3.PutBucketOwnershipControlsInput{Bucket: &open, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}})
		fails(t, err, "InvalidBucketAclWithObjectOwnership")
		_, err = c.PutBucketAcl(ctx, &awss3.PutBucketAclInput{Bucket: &open, ACL: types.BucketCannedACLPrivate})
		fails(t, err, "")

		// A public policy, and a Deny that is stronger than ACL and policy.
		_, err = c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: &open, Policy: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open-bucket/*"},
			{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open-bucket/secret"}]}`)})
		fails(t, err, "")
		w.do("GET", "/open-bucket/up", "").is(t, 200, "x")
		w.do("GET", "/open-bucket/secret", "").is(t, 403)
		_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &open, Key: aws.String("secret")})
		fails(t, err, "AccessDenied") // the root user, too
		pab(types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)})
		w.do("GET", "/open-bucket/up", "").is(t, 403)
		_, err = w.client("nobody").GetObject(ctx, &awss3.GetObjectInput{Bucket: &open, Key: aws.String("up")})
		fails(t, err, "")
	})
}

func TestPresigned(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("presigned", false)
		p := awss3.NewPresignClient(w.client("root"))
		put, err := p.PresignPutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("us-east-1:11/photo +.jpg"), ContentType: aws.String("image/jpeg")})
		fails(t, err, "")
		w.do("PUT", put.URL, "bytes", "Content-Type", "image/jpeg").is(t, 200)
		get, err := p.PresignGetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("us-east-1:11/photo +.jpg"), ResponseContentType: aws.String("x/y")})
		fails(t, err, "")
		a := w.do("GET", get.URL, "")
		a.is(t, 200, "bytes")
		if a.Header.Get("Content-Type") != "x/y" {
			t.Errorf("type %s", a.Header.Get("Content-Type"))
		}
		w.do("GET", strings.Replace(get.URL, "photo", "other", 1), "").is(t, 403, "SignatureDoesNotMatch")
		w.do("DELETE", get.URL, "").is(t, 403, "SignatureDoesNotMatch")
		w.mu.Lock()
		w.now = w.now.Add(16 * time.Minute)
		w.mu.Unlock()
		w.do("GET", get.URL, "").is(t, 403, "AccessDenied", "Request has expired")
	})
}

func TestSignature(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("signatures", false)
		w.put(b, "k", "v")
		get := func(c *awss3.Client) error {
			_, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k")})
			return err
		}
		wrong := w.client("root", func(o *awss3.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(ctxC) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: accessKeyOf("root"), SecretAccessKey: "wrong"}, nil
			})
		})
		fails(t, get(wrong), "SignatureDoesNotMatch")
		unknown := w.client("root", func(o *awss3.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(ctxC) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAUNKNOWNUNKNOWN00", SecretAccessKey: "wrong"}, nil
			})
		})
		fails(t, get(unknown), "InvalidAccessKeyId")

		// A request whose clock is off by more than a quarter of an hour.
		w.mu.Lock()
		w.now = w.now.Add(20 * time.Minute)
		w.mu.Unlock()
		fails(t, get(w.client("root")), "RequestTimeTooSkewed")
		w.mu.Lock()
		w.now = w.now.Add(-20 * time.Minute)
		w.mu.Unlock()
		fails(t, get(w.client("root")), "")

		// The signature before this one.
		w.do("GET", "/signatures/k?AWSAccessKeyId=AKIA&Signature=x&Expires=9999999999", "").is(t, 400, "Please use AWS4-HMAC-SHA256")
		w.do("GET", "/signatures/k", "", "Authorization", "AWS AKIA:x").is(t, 400, "Please use AWS4-HMAC-SHA256")

		// A body that is not the one that was signed.
		r, _ := http.NewRequest("PUT", w.http.URL+"/signatures/new", strings.NewReader("other"))
		sum := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of "abc"
		r.Header.Set("X-Amz-Content-Sha256", sum)
		key := accessKeyOf("root")
		if err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).
			SignHTTP(ctx, aws.Credentials{AccessKeyID: key, SecretAccessKey: secretOf(key)}, r, sum, "s3", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		w.send(r).is(t, 400, "XAmzContentSHA256Mismatch")
		_, err := w.client("root").HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b, Key: aws.String("new")})
		fails(t, err, "NotFound")
	})
}
