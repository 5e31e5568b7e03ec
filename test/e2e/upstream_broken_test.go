package e2e_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestUpstream_broken: an upstream that is wrong, gone or mad is the server's
// fault in the answer, never the caller's, and its cause is in the log.
func TestUpstream_broken(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		x.there.put("photos-prod", "key", "text/plain", "hello")
		c, key := x.root.S3, aws.String("key")
		const failed = "The store behind this bucket did not do what this server asked of it. The operator finds the cause in the log under this request id."
		_, err := c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: aws.String("wrong-key"), Key: key})
		x.refused(err, "InternalError", failed)
		_, err = c.PutObject(x.Context(), &s3.PutObjectInput{Bucket: aws.String("wrong-key"), Key: key, Body: bytes.NewReader(letters(1 << 20))})
		x.refused(err, "InternalError", failed)
		_, err = c.HeadObject(x.Context(), &s3.HeadObjectInput{Bucket: aws.String("wrong-key"), Key: key})
		x.refused(err, "InternalServerError", "")
		_, err = c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: aws.String("photos"), Key: aws.String("forbidden-there/x")})
		x.refused(err, "InternalError", failed)

		start := time.Now()
		for range 20 {
			_, err = c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: aws.String("gone"), Key: key})
			x.refused(err, "ServiceUnavailable", "Service is unable to handle request.")
		}
		if took := time.Since(start); took > 2*time.Second {
			x.Errorf("a dead upstream took %v for 20 answers", took)
		}
		photos := aws.String("photos")
		get := func() error {
			out, err := c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: key})
			if err == nil {
				defer out.Body.Close()
				_, err = io.ReadAll(out.Body)
			}
			return err
		}
		list := func() error {
			_, err := c.ListObjectsV2(x.Context(), &s3.ListObjectsV2Input{Bucket: photos, Prefix: aws.String("a/")})
			return err
		}
		put := func() error {
			_, err := c.PutObject(x.Context(), &s3.PutObjectInput{Bucket: photos, Key: key, Body: bytes.NewReader(letters(1 << 20))})
			return err
		}
		remove := func() error {
			_, err := c.DeleteObjects(x.Context(), &s3.DeleteObjectsInput{Bucket: photos, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: key}}}})
			return err
		}
		duplicate := func() error {
			_, err := c.CopyObject(x.Context(), &s3.CopyObjectInput{Bucket: photos, Key: aws.String("copy"), CopySource: aws.String("photos/key")})
			return err
		}
		for _, b := range []struct {
			name   string
			call   func() error
			status int
			answer string
			code   string
		}{
			{"no XML", list, 200, "hello", "InternalError"},
			{"another document", list, 200, "<InitiateMultipartUploadResult><UploadId>x</UploadId></InitiateMultipartUploadResult>", "InternalError"},
			{"a key outside the prefix", list, 200, "<ListBucketResult><Contents><Key>b/secret</Key></Contents></ListBucketResult>", "InternalError"},
			{"a key that is not encoded", list, 200, "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a/%zz</Key></Contents></ListBucketResult>", "InternalError"},
			{"entities", list, 200, `<!DOCTYPE x [<!ENTITY e "a">]><ListBucketResult><Prefix>&e;</Prefix></ListBucketResult>`, "InternalError"},
			{"no success", get, 500, "", "InternalError"},
			{"overload", get, 503, "<Error><Code>SlowDown</Code><Message>theirs</Message></Error>", "SlowDown"},
			{"overload without a word", get, 503, "", "ServiceUnavailable"},
			{"a bucket that is gone", get, 404, "<Error><Code>NoSuchBucket</Code><BucketName>photos-prod</BucketName></Error>", "InternalError"},
			{"a denial", get, 403, "<Error><Code>AccessDenied</Code><Message>User gatehouse may not</Message></Error>", "InternalError"},
			{"a redirect", get, 307, "", "InternalError"},
			{"a redirect of an upload", put, 307, "", "InternalError"},
			{"success before the body", put, 200, "", "InternalError"},
			{"a late failure of a copy", duplicate, 200, "  \n<Error><Code>InternalError</Code><Message>theirs</Message></Error>", "InternalError"},
			{"a late denial of a copy", duplicate, 200, "<Error><Code>AccessDenied</Code></Error>", "InternalError"},
			{"a late overload of a copy", duplicate, 200, "<Error><Code>SlowDown</Code></Error>", "SlowDown"},
			{"the deletion of another key", remove, 200, "<DeleteResult><Deleted><Key>other</Key></Deleted></DeleteResult>", "InternalError"},
			{"a deletion without a word", remove, 200, "<DeleteResult></DeleteResult>", "InternalError"},
		} {
			x.wire.put(func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Location", x.there.server.URL+"/photos-prod/key")
				w.Header().Set("Content-Length", strconv.Itoa(len(b.answer)))
				w.WriteHeader(b.status)
				_, _ = io.WriteString(w, b.answer)
				return true
			})
			x.wire.seen()
			if !x.refused(b.call(), b.code, "") {
				x.Errorf("that was %s", b.name)
			}
			if n := len(x.wire.seen()); n != 1 {
				x.Errorf("%s: the upstream was asked %d times", b.name, n)
			}
		}
		// An answer that breaks off is not taken for the whole.
		x.wire.put(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "a part")
			panic(http.ErrAbortHandler)
		})
		if err := get(); err == nil {
			x.Error("a part of an object passed for the whole")
		}
		x.wire.put(nil)
		x.ok(get())
		x.thereIs("key")
	})
}

// TestUpstream_log: the log has the upstream's request id and the cause of its
// refusal, and no key.
func TestUpstream_log(t *testing.T) {
	var log journal
	x := startForwarding(t, logTo(&log))
	_, err := x.root.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: aws.String("photos"), Key: aws.String("forbidden-there/x")})
	x.refused(err, "InternalError", "")
	x.server.Stop()
	text := log.String()
	for _, want := range []string{`"upstreamStatus":403`, `"upstreamCode":"AccessDenied"`, `"upstreamRequestId":"`, "upstream: it answered 403 AccessDenied: User: arn:aws:iam::000000000000:user/gatehouse is not authorized"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	for scan := bufio.NewScanner(strings.NewReader(x.fileText())); scan.Scan(); {
		if _, secret, ok := strings.Cut(scan.Text(), "secret-access-key: "); ok && strings.Contains(text, secret) {
			t.Error("the log has the operator's secret key")
		}
	}
}

// TestUpstream_website: pages of a website come from there, if everybody may
// read them.
func TestUpstream_website(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		photos := aws.String("photos")
		website := x.server.Host("photos.s3-website." + x.server.Region)
		_, err := x.root.S3.PutBucketWebsite(x.Context(), &s3.PutBucketWebsiteInput{Bucket: photos, WebsiteConfiguration: &s3types.WebsiteConfiguration{
			IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")}, ErrorDocument: &s3types.ErrorDocument{Key: aws.String("error.html")}}})
		x.ok(err)
		for key, body := range map[string]string{"index.html": "home", "dir/index.html": "dir", "error.html": "sorry", "private/page.html": "hush"} {
			x.there.put("photos-prod", key, "text/html", body)
		}
		x.wire.seen()
		if a := x.get(website + "/"); a.status != 403 {
			x.Errorf("a page that nobody opened: %d %s", a.status, a.body)
		}
		x.untouched("a website that is not public")
		_, err = x.root.S3.DeletePublicAccessBlock(x.Context(), &s3.DeletePublicAccessBlockInput{Bucket: photos})
		x.ok(err)
		_, err = x.root.S3.PutBucketPolicy(x.Context(), &s3.PutBucketPolicyInput{Bucket: photos, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::photos"},
			{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","NotResource":"arn:aws:s3:::photos/private/*"}]}`)})
		x.ok(err)
		for _, c := range []struct {
			path   string
			status int
			body   string
		}{{"/", 200, "home"}, {"/dir/", 200, "dir"}, {"/none", 404, "sorry"}, {"/private/page.html", 403, "sorry"}} {
			if a := x.get(website + c.path); a.status != c.status || string(a.body) != c.body {
				x.Errorf("GET %s: %d %s", c.path, a.status, a.body)
			}
		}
		if a := x.get(website+"/index.html", "Range", "bytes=1-2"); a.status != 206 || string(a.body) != "om" || a.header.Get("Content-Range") != "bytes 1-2/4" {
			x.Errorf("a range of a page: %d %s", a.status, a.body)
		}
		if a := x.request(http.MethodHead, website+"/index.html"); a.status != 200 || a.header.Get("Content-Length") != "4" || a.header.Get("Content-Type") != "text/html" {
			x.Errorf("HEAD of a page: %d %v", a.status, a.header)
		}
		if a := x.get(website+"/index.html", "If-None-Match", x.get(website+"/index.html").header.Get("ETag")); a.status != 304 {
			x.Errorf("a page that is known: %d %s", a.status, a.body)
		}
		if a := x.get(x.server.URL + "/photos/" + url.PathEscape("index.html")); a.status != 200 || string(a.body) != "home" {
			x.Errorf("an anonymous GET: %d %s", a.status, a.body)
		}
	})
}

// TestUpstream_slow: an upstream that does not answer holds so many requests
// and no more, and nobody but its own buckets waits.
func TestUpstream_slow(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		x.bucket("local")
		x.put("local", "key", "text/plain", "here")
		x.there.put("second-prod", "key", "text/plain", "there")
		hung := make(chan bool)
		x.wire.put(func(_ http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/photos-prod/") {
				return false
			}
			<-hung
			return false
		})
		get := func(bucket string) error {
			out, err := x.root.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("key")})
			if err == nil {
				out.Body.Close()
			}
			return err
		}
		const callers = 70 // of which 64 are let through
		answers := make(chan error, callers)
		for range callers {
			go func() { answers <- get("photos") }()
		}
		start := time.Now()
		for range callers - 64 {
			x.refused(<-answers, "SlowDown", "Please reduce your request rate.")
		}
		if took := time.Since(start); took > 10*time.Second {
			x.Errorf("those who found no room heard so after %v", took)
		}
		for _, other := range []string{"local", "second"} {
			start := time.Now()
			x.ok(get(other))
			if took := time.Since(start); took > 5*time.Second {
				x.Errorf("bucket %s waited %v for another one's store", other, took)
			}
		}
		close(hung)
		for range 64 {
			x.refused(<-answers, "NoSuchKey", "")
		}
	})
}
