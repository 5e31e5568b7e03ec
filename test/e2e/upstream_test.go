package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestUpstream_refused: who may not gets the answer of any other bucket, and
// the upstream hears nothing of it.
func TestUpstream_refused(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		photos := aws.String("photos")
		x.there.put("photos-prod", "secret/key", "text/plain", "hush")
		x.there.put("photos-prod", "open/key", "text/plain", "hello")
		x.wire.seen()

		nobody, _ := x.person("nobody", allow("s3:*", "arn:aws:s3:::other/*"))
		denied := func(action, resource string) string {
			return "User: arn:aws:iam::" + x.server.Account + ":user/nobody is not authorized to perform: s3:" + action + ` on resource: "arn:aws:s3:::photos` + resource + `" because no identity-based policy allows the s3:` + action + " action"
		}
		key := aws.String("secret/key")
		_, err := nobody.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: key})
		x.refused(err, "AccessDenied", denied("GetObject", "/secret/key"))
		_, err = nobody.S3.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: key, Body: strings.NewReader("mine")})
		x.refused(err, "AccessDenied", denied("PutObject", "/secret/key"))
		_, err = nobody.S3.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: key, Body: bytes.NewReader(make([]byte, 1<<20))})
		x.refused(err, "AccessDenied", denied("PutObject", "/secret/key"))
		_, err = nobody.S3.DeleteObject(x.Context(), &s3.DeleteObjectInput{Bucket: photos, Key: key})
		x.refused(err, "AccessDenied", denied("DeleteObject", "/secret/key"))
		_, err = nobody.S3.ListObjectsV2(x.Context(), &s3.ListObjectsV2Input{Bucket: photos})
		x.refused(err, "AccessDenied", denied("ListBucket", ""))
		_, err = nobody.S3.CreateMultipartUpload(x.Context(), &s3.CreateMultipartUploadInput{Bucket: photos, Key: key})
		x.refused(err, "AccessDenied", denied("PutObject", "/secret/key"))
		_, err = nobody.S3.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: photos, Key: key, CopySource: aws.String("photos/open/key")})
		x.refused(err, "AccessDenied", denied("PutObject", "/secret/key"))
		_, err = nobody.S3.PutObjectTagging(x.Context(), &s3.PutObjectTaggingInput{Bucket: photos, Key: key, Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}})
		x.refused(err, "AccessDenied", denied("PutObjectTagging", "/secret/key"))
		all, err := nobody.S3.DeleteObjects(x.Context(), &s3.DeleteObjectsInput{Bucket: photos, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: key}}}})
		x.ok(err)
		if len(all.Deleted) != 0 || len(all.Errors) != 1 || *all.Errors[0].Code != "AccessDenied" {
			x.Errorf("DeleteObjects answered %+v", all)
		}
		_, err = x.anyone.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: key})
		x.refused(err, "AccessDenied", "Access Denied")
		_, err = x.as("AKIAUNKNOWNUNKNOWN00", "x", "").S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: key})
		x.refused(err, "InvalidAccessKeyId", "")
		x.untouched("who may not")

		// A policy of the bucket here, a Deny and a condition on what only the
		// upstream knows bite before the upstream is asked.
		_, err = x.root.S3.PutBucketPolicy(x.Context(), &s3.PutBucketPolicyInput{Bucket: photos, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/secret/*"},
			{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/tagged/*","Condition":{"StringEquals":{"s3:ExistingObjectTag/secret":"yes"}}}]}`)})
		x.ok(err)
		reader, _ := x.person("reader", allow("s3:GetObject", "arn:aws:s3:::photos/*"))
		for _, k := range []string{"secret/key", "tagged/key"} {
			_, err = reader.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: &k})
			x.refused(err, "AccessDenied", "/with an explicit deny in a resource-based policy$/")
		}
		// The explanation says why, and asks the upstream nothing either.
		x.asks("arn:aws:iam::"+x.server.Account+":user/reader", "s3:GetObject", "arn:aws:s3:::photos/tagged/key", "",
			"s3:ExistingObjectTag/secret", "which is not known here and decides against the caller", "the objects of bucket photos live in another store")
		x.untouched("an explicit deny")
		out, err := reader.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("open/key")})
		x.ok(err)
		x.body(out.Body, "hello")

		// Who may not list does not learn which keys there are.
		x.wire.seen()
		_, err = reader.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("open/none")})
		x.refused(err, "AccessDenied", "/not authorized to perform: s3:ListBucket/")
		_, err = x.root.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("open/none")})
		x.refused(err, "NoSuchKey", "The specified key does not exist.")
	})
}

// body reads an answer's body.
func (e *env) body(body io.ReadCloser, want string) {
	e.Helper()
	defer body.Close()
	got, err := io.ReadAll(body)
	e.ok(err)
	if string(got) != want {
		if len(got) > 80 || len(want) > 80 {
			e.Errorf("got %d bytes, want %d others", len(got), len(want))
			return
		}
		e.Errorf("got %q, want %q", got, want)
	}
}

// TestUpstream_refusedByName: what makes no sense for a bucket that lives
// elsewhere says so.
func TestUpstream_refusedByName(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		photos, key := aws.String("photos"), aws.String("key")
		says := func(err error, operation string) {
			x.Helper()
			x.refused(err, "NotImplemented", operation+" is not possible on photos: its objects live in another store.")
		}
		_, err := x.root.S3.DeleteBucket(x.Context(), &s3.DeleteBucketInput{Bucket: photos})
		says(err, "DeleteBucket")
		_, err = x.root.S3.PutBucketVersioning(x.Context(), &s3.PutBucketVersioningInput{Bucket: photos, VersioningConfiguration: &s3types.VersioningConfiguration{Status: "Enabled"}})
		says(err, "PutBucketVersioning")
		_, err = x.root.S3.GetBucketEncryption(x.Context(), &s3.GetBucketEncryptionInput{Bucket: photos})
		says(err, "GetBucketEncryption")
		_, err = x.root.S3.GetBucketLifecycleConfiguration(x.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: photos})
		says(err, "GetBucketLifecycleConfiguration")
		_, err = x.root.S3.DeleteBucketOwnershipControls(x.Context(), &s3.DeleteBucketOwnershipControlsInput{Bucket: photos})
		says(err, "DeleteBucketOwnershipControls")
		_, err = x.root.S3.PutObjectAcl(x.Context(), &s3.PutObjectAclInput{Bucket: photos, Key: key, ACL: "public-read"})
		says(err, "PutObjectAcl")
		_, err = x.root.S3.GetObjectAcl(x.Context(), &s3.GetObjectAclInput{Bucket: photos, Key: key})
		says(err, "GetObjectAcl")
		_, err = x.root.S3.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: key, ACL: "public-read", Body: strings.NewReader("x")})
		x.refused(err, "AccessControlListNotSupported", "The bucket does not allow ACLs")
		_, err = x.root.S3.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: key, ServerSideEncryption: "aws:kms", SSEKMSKeyId: aws.String("theirs"), Body: strings.NewReader("x")})
		x.refused(err, "NotImplemented", "The keys of the store behind this bucket are its operator's to choose.")
		// Nor who lacks the permission for it hears of another store.
		nobody, _ := x.person("nobody", "")
		_, err = nobody.S3.DeleteBucket(x.Context(), &s3.DeleteBucketInput{Bucket: photos})
		x.refused(err, "AccessDenied", "")

		// Copies between here and there, and between there and elsewhere.
		x.bucket("local")
		x.put("local", "key", "text/plain", "local")
		for _, c := range [][2]string{{"local", "photos"}, {"photos", "local"}, {"wrong-key", "local"}, {"gone", "photos"}} {
			_, err = x.root.S3.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: &c[1], Key: key, CopySource: aws.String(c[0] + "/key")})
			x.refused(err, "NotImplemented", "A copy between "+c[0]+" and "+c[1]+" is not possible: their objects live in different stores.")
		}
		// Keys that a store with folders could take for others.
		for _, k := range []string{"a/../b", "..", "../photos-prod/b", "a//b", "/a", "a/./b", `a\..\b`, "a/.."} {
			second := aws.String("second")
			_, err = x.root.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: second, Key: &k})
			x.refused(err, "InvalidArgument", "/takes no keys with empty/")
			_, err = x.root.S3.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: second, Key: key, CopySource: aws.String("second/" + strings.ReplaceAll(k, `\`, "%5C"))})
			x.refused(err, "InvalidArgument", "/takes no keys with empty/")
			all, err := x.root.S3.DeleteObjects(x.Context(), &s3.DeleteObjectsInput{Bucket: second, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: &k}}}})
			x.ok(err)
			if len(all.Errors) != 1 || *all.Errors[0].Code != "InvalidArgument" {
				x.Errorf("DeleteObjects of %s: %+v", k, all)
			}
		}
		x.untouched("what is refused by name")
	})
}

func (e *env) bucket(name string) {
	e.Helper()
	_, err := e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: &name})
	e.ok(err)
}

// TestUpstream_objects: what a client does with a bucket, it does with one that
// lives elsewhere.
func TestUpstream_objects(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		photos := aws.String("photos")
		c := x.root.S3
		put, err := c.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: aws.String("dir/a b+c.txt"), Body: strings.NewReader("hello world"), ContentType: aws.String("text/plain"),
			CacheControl: aws.String("max-age=5"), Metadata: map[string]string{"owner": "ann  b", "name": "Ünal"}, Tagging: aws.String("k=v+1&z=%2F")})
		x.ok(err)
		if aws.ToString(put.ETag) != `"5eb63bbbe01eeed093cb22bb8f5acdc3"` {
			x.Errorf("ETag %s", aws.ToString(put.ETag))
		}
		head, err := c.HeadObject(x.Context(), &s3.HeadObjectInput{Bucket: photos, Key: aws.String("dir/a b+c.txt")})
		x.ok(err)
		if *head.ContentLength != 11 || *head.ContentType != "text/plain" || *head.CacheControl != "max-age=5" || head.Metadata["owner"] != "ann  b" || *head.ETag != *put.ETag || head.LastModified == nil {
			x.Errorf("HeadObject answered %+v", head)
		}
		part, err := c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("dir/a b+c.txt"), Range: aws.String("bytes=6-"), ResponseContentType: aws.String("x/y")})
		x.ok(err)
		x.body(part.Body, "world")
		if *part.ContentRange != "bytes 6-10/11" || *part.ContentType != "x/y" || *part.TagCount != 2 {
			x.Errorf("a range answered %+v", part)
		}
		_, err = c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("dir/a b+c.txt"), Range: aws.String("bytes=20-")})
		x.refused(err, "InvalidRange", "The requested range is not satisfiable")
		_, err = c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("dir/a b+c.txt"), IfNoneMatch: put.ETag})
		x.refused(err, "NotModified", "")
		_, err = c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("dir/a b+c.txt"), IfMatch: aws.String(`"0"`)})
		x.refused(err, "PreconditionFailed", "")
		_, err = c.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: aws.String("dir/a b+c.txt"), IfNoneMatch: aws.String("*"), Body: strings.NewReader("late")})
		x.refused(err, "PreconditionFailed", "")
		_, err = c.HeadObject(x.Context(), &s3.HeadObjectInput{Bucket: photos, Key: aws.String("none")})
		x.refused(err, "NotFound", "")
		_, err = c.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: aws.String("empty"), Body: strings.NewReader("")})
		x.ok(err)

		tags, err := c.GetObjectTagging(x.Context(), &s3.GetObjectTaggingInput{Bucket: photos, Key: aws.String("dir/a b+c.txt")})
		x.ok(err)
		if len(tags.TagSet) != 2 || *tags.TagSet[0].Value != "v 1" || *tags.TagSet[1].Value != "/" {
			x.Errorf("tags %+v", tags.TagSet)
		}
		_, err = c.PutObjectTagging(x.Context(), &s3.PutObjectTaggingInput{Bucket: photos, Key: aws.String("empty"), Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("<a>"), Value: aws.String("&")}}}})
		x.ok(err)
		tags, err = c.GetObjectTagging(x.Context(), &s3.GetObjectTaggingInput{Bucket: photos, Key: aws.String("empty")})
		x.ok(err)
		if len(tags.TagSet) != 1 || *tags.TagSet[0].Key != "<a>" {
			x.Errorf("tags %+v", tags.TagSet)
		}
		_, err = c.DeleteObjectTagging(x.Context(), &s3.DeleteObjectTaggingInput{Bucket: photos, Key: aws.String("empty")})
		x.ok(err)
		_, err = c.GetObjectTagging(x.Context(), &s3.GetObjectTaggingInput{Bucket: photos, Key: aws.String("none")})
		x.refused(err, "NoSuchKey", "")

		// Copies go on there, between buckets as well.
		_, err = c.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: aws.String("second"), Key: aws.String("copy"), CopySource: aws.String("photos/dir/a%20b%2Bc.txt")})
		x.ok(err)
		got, err := c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: aws.String("second"), Key: aws.String("copy")})
		x.ok(err)
		x.body(got.Body, "hello world")
		if got.Metadata["owner"] != "ann  b" || *got.ContentType != "text/plain" {
			x.Errorf("the copy is %+v", got)
		}
		copied, err := c.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: photos, Key: aws.String("copy"), CopySource: aws.String("second/copy"), MetadataDirective: "REPLACE", ContentType: aws.String("text/html")})
		x.ok(err)
		if *copied.CopyObjectResult.ETag != *put.ETag || copied.CopyObjectResult.LastModified == nil {
			x.Errorf("CopyObject answered %+v", copied.CopyObjectResult)
		}
		_, err = c.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: photos, Key: aws.String("copy"), CopySource: aws.String("second/none")})
		x.refused(err, "NoSuchKey", "")
		_, err = c.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: photos, Key: aws.String("copy"), CopySource: aws.String("second/copy"), CopySourceIfMatch: aws.String(`"0"`)})
		x.refused(err, "PreconditionFailed", "")

		// Lists: every key, in pages, folded, in both versions.
		v2, err := c.ListObjectsV2(x.Context(), &s3.ListObjectsV2Input{Bucket: photos, MaxKeys: aws.Int32(1), FetchOwner: aws.Bool(true)})
		x.ok(err)
		if *v2.Name != "photos" || len(v2.Contents) != 1 || *v2.Contents[0].Key != "copy" || !*v2.IsTruncated || v2.NextContinuationToken == nil || *v2.KeyCount != 1 || *v2.Contents[0].Owner.ID == "" {
			x.Fatalf("ListObjectsV2 answered %+v", v2)
		}
		v2, err = c.ListObjectsV2(x.Context(), &s3.ListObjectsV2Input{Bucket: photos, ContinuationToken: v2.NextContinuationToken, Delimiter: aws.String("/")})
		x.ok(err)
		if len(v2.Contents) != 1 || *v2.Contents[0].Key != "empty" || len(v2.CommonPrefixes) != 1 || *v2.CommonPrefixes[0].Prefix != "dir/" || *v2.IsTruncated {
			x.Errorf("the second page is %+v", v2)
		}
		_, err = c.ListObjectsV2(x.Context(), &s3.ListObjectsV2Input{Bucket: photos, ContinuationToken: aws.String("!")})
		x.refused(err, "InvalidArgument", "")
		v1, err := c.ListObjects(x.Context(), &s3.ListObjectsInput{Bucket: photos, Prefix: aws.String("dir/"), EncodingType: "url"})
		x.ok(err)
		if *v1.Name != "photos" || len(v1.Contents) != 1 || *v1.Contents[0].Key != "dir/a+b%2Bc.txt" || v1.EncodingType != "url" {
			x.Errorf("ListObjects answered %+v", v1)
		}
		versions, err := c.ListObjectVersions(x.Context(), &s3.ListObjectVersionsInput{Bucket: photos})
		x.ok(err)
		if len(versions.Versions) != 3 || *versions.Name != "photos" || *versions.Versions[0].Key != "copy" || *versions.Versions[0].VersionId != "null" {
			x.Errorf("ListObjectVersions answered %+v", versions)
		}
		byVersion, err := c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("copy"), VersionId: aws.String("null")})
		x.ok(err)
		x.body(byVersion.Body, "hello world")

		gone, err := c.DeleteObjects(x.Context(), &s3.DeleteObjectsInput{Bucket: photos, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: aws.String("empty")}, {Key: aws.String("none & such")}, {Key: aws.String("forbidden-there/x")}}}})
		x.ok(err)
		if len(gone.Deleted) != 2 || len(gone.Errors) != 1 || *gone.Errors[0].Code != "InternalError" || strings.Contains(*gone.Errors[0].Message, "gatehouse") {
			x.Errorf("DeleteObjects answered %+v %+v", gone.Deleted, gone.Errors)
		}
		_, err = c.DeleteObject(x.Context(), &s3.DeleteObjectInput{Bucket: photos, Key: aws.String("none")})
		x.ok(err)
		_, err = c.DeleteObject(x.Context(), &s3.DeleteObjectInput{Bucket: photos, Key: aws.String("copy")})
		x.ok(err)
		x.thereIs("dir/a b+c.txt")

		// The bucket's own record answers here.
		x.wire.seen()
		_, err = c.HeadBucket(x.Context(), &s3.HeadBucketInput{Bucket: photos})
		x.ok(err)
		list, err := c.ListBuckets(x.Context(), &s3.ListBucketsInput{})
		x.ok(err)
		if len(list.Buckets) != 4 || *list.Buckets[1].Name != "photos" {
			x.Errorf("ListBuckets answered %+v", list.Buckets)
		}
		_, err = c.CreateBucket(x.Context(), &s3.CreateBucketInput{Bucket: photos})
		x.ok(err)
		x.untouched("operations on the bucket")
	})
}

// TestUpstream_everyKey: keys arrive as they are, whatever bytes they have.
func TestUpstream_everyKey(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		var ascii strings.Builder
		for c := rune(1); c < 0x180; c++ {
			ascii.WriteRune(c)
		}
		keys := []string{"a/../b", "..", "./.", "a//b", "//", "a%2Fb", "a%252Fb", "%", "+", "a b", "?x=1&y#z", "é/日本/🎉", "dir/", ascii.String(), strings.Repeat("k", 1024)}
		for i, key := range keys {
			body := fmt.Sprint("body ", i)
			r, err := http.NewRequest(http.MethodPut, x.server.URL+"/", strings.NewReader(body))
			x.ok(err)
			r.URL.Path, r.URL.RawPath = "/photos/"+key, "/photos/"+escape(key)
			r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
			x.ok(x.root.SignS3(r, "UNSIGNED-PAYLOAD"))
			if a := x.do(r); a.status != 200 {
				x.Errorf("PUT %q: %d %s", key, a.status, a.body)
				continue
			}
			r.Method, r.Body, r.ContentLength = http.MethodGet, nil, 0
			r.Header.Del("Authorization")
			x.ok(x.root.SignS3(r, "UNSIGNED-PAYLOAD"))
			if a := x.do(r); a.status != 200 || string(a.body) != body {
				x.Errorf("GET %q: %d %s", key, a.status, a.body)
			}
		}
		var got []string
		list, err := x.there.root.S3.ListObjectsV2(x.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("photos-prod"), EncodingType: "url"})
		x.ok(err)
		for _, o := range list.Contents {
			key, err := url.QueryUnescape(*o.Key)
			x.ok(err)
			got = append(got, key)
		}
		want := slices.Clone(keys)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			x.Errorf("the upstream has\n%q, want\n%q", got, want)
		}
	})
}

func escape(key string) string {
	var b strings.Builder
	for i := range len(key) {
		if c := key[i]; strings.IndexByte("/-_.~", c) >= 0 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// TestUpstream_nothingPasses: of a caller's request and of an upstream's answer
// passes what is known by name, and nothing else.
func TestUpstream_nothingPasses(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		n := x.tenant(nil, nil)
		f := n.federation("Photos", func(in *cognitoidentity.CreateIdentityPoolInput) { in.AllowUnauthenticatedIdentities = true })
		_, err := x.root.IAM.PutRolePolicy(x.Context(), &iam.PutRolePolicyInput{RoleName: &f.guest, PolicyName: aws.String("photos"),
			PolicyDocument: aws.String(allow("s3:GetObject,s3:PutObject", "arn:aws:s3:::photos/${cognito-identity.amazonaws.com:sub}/*"))})
		x.ok(err)
		id, err := f.getID(nil)
		x.ok(err)
		creds, err := f.credentials(id, nil)
		x.ok(err)
		guest := x.as(*creds.AccessKeyId, *creds.SecretKey, *creds.SessionToken)

		// A guest writes and reads under its own prefix, and nowhere else.
		photos, own := aws.String("photos"), id+"/photo.jpg"
		_, err = guest.S3.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: &own, Body: strings.NewReader("mine")})
		x.ok(err)
		x.wire.seen()
		_, err = guest.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: aws.String("us-east-1:other/photo.jpg")})
		x.refused(err, "AccessDenied", "/not authorized to perform: s3:GetObject/")
		_, err = guest.S3.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: aws.String("photo.jpg"), Body: strings.NewReader("mine")})
		x.refused(err, "AccessDenied", "/not authorized to perform: s3:PutObject/")
		x.untouched("a guest outside its prefix")

		x.wire.change(func(r *http.Response) {
			r.Header.Set("Set-Cookie", "session=theirs")
			r.Header.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "arn:theirs")
			r.Header.Set("Access-Control-Allow-Origin", "*")
			r.Header.Set("Server", "theirs")
			r.Header.Set("Location", "http://theirs/")
		})
		presigned, err := s3.NewPresignClient(guest.S3).PresignGetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: &own}, s3.WithPresignExpires(time.Minute))
		x.ok(err)
		a := x.get(presigned.URL, "Cookie", "cognito=secret", "X-Forwarded-For", "203.0.113.9", "X-Injected", "yes", "Origin", "https://evil.example", "Referer", "https://page.example", "Accept-Encoding", "gzip")
		if a.status != 200 || string(a.body) != "mine" {
			x.Fatalf("a presigned GET: %d %s", a.status, a.body)
		}
		for _, name := range []string{"Set-Cookie", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "Access-Control-Allow-Origin", "Server", "Location"} {
			if v := a.header.Get(name); v != "" {
				x.Errorf("the upstream's %s: %s passed", name, v)
			}
		}
		if id := a.header.Get("X-Amz-Request-Id"); id == "" {
			x.Error("the answer has no request id")
		}
		allowed := []string{"Authorization", "User-Agent", "X-Amz-Content-Sha256", "X-Amz-Date", "X-Forwarded-For"} // the last by the wire itself
		for _, r := range x.wire.seen() {
			for name, values := range r.Header {
				if !slices.Contains(allowed, name) {
					x.Errorf("%s: %s reached the upstream", name, values)
				}
				for _, secret := range []string{*creds.AccessKeyId, *creds.SessionToken, *creds.SecretKey, "cognito=secret", "203.0.113.9"} {
					if strings.Contains(strings.Join(values, ","), secret) {
						x.Errorf("%s reached the upstream in %s", secret, name)
					}
				}
			}
			if r.URL.RawQuery != "" {
				x.Errorf("the query %s reached the upstream", r.URL.RawQuery)
			}
		}
		// What a presigned query smuggles into a header goes nowhere.
		for _, smuggled := range []string{"x-amz-meta-a=b%0D%0AX-Injected:%20yes", "x-amz-meta-a=b%0Ac", "x-amz-meta-a%0D%0AX-Injected:%20yes=b", "x-amz-meta-a=b%00"} {
			r, err := http.NewRequestWithContext(x.Context(), http.MethodPut, x.server.URL+"/photos/smuggled?X-Amz-Expires=60&"+smuggled, nil)
			x.ok(err)
			signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
			uri, _, err := signer.PresignHTTP(x.Context(), aws.Credentials{AccessKeyID: x.server.AccessKeyID, SecretAccessKey: x.server.SecretKey}, r, "UNSIGNED-PAYLOAD", "s3", x.server.Region, x.server.Now())
			x.ok(err)
			if a := x.request(http.MethodPut, uri); a.status != 400 || !strings.Contains(string(a.body), "<Code>InvalidArgument</Code>") {
				x.Errorf("%s: %d %s", smuggled, a.status, a.body)
			}
		}
		x.untouched("a header that is none")
		_, err = guest.S3.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: &own, Body: strings.NewReader("mine"), Metadata: map[string]string{"a": "b"}, ContentType: aws.String("image/jpeg")})
		x.ok(err)
		for _, r := range x.wire.seen() {
			for name := range r.Header {
				if !slices.Contains(append(allowed, "Content-Type", "Content-Length", "X-Amz-Meta-A"), name) {
					x.Errorf("%s reached the upstream", name)
				}
			}
		}
	})
}
