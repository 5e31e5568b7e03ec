package s3_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestCORS(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("cors-bucket", true)
		c := w.client("root")
		preflight := func(origin, method, headers string) *answer {
			h := []string{"Origin", origin, "Access-Control-Request-Method", method}
			if headers != "" {
				h = append(h, "Access-Control-Request-Headers", headers)
			}
			return w.do("OPTIONS", "/cors-bucket/k", "", h...)
		}
		preflight("http://a.example", "GET", "").is(t, 403, "AccessForbidden", "CORS is not enabled for this bucket.")
		_, err := c.GetBucketCors(ctx, &awss3.GetBucketCorsInput{Bucket: &b})
		fails(t, err, "NoSuchCORSConfiguration")

		rules := []types.CORSRule{
			{AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"PUT", "GET"}, AllowedHeaders: []string{"x-amz-*", "Authorization"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: aws.Int32(600)},
			{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}},
		}
		_, err = c.PutBucketCors(ctx, &awss3.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: rules}})
		fails(t, err, "")
		got, err := c.GetBucketCors(ctx, &awss3.GetBucketCorsInput{Bucket: &b})
		fails(t, err, "")
		if len(got.CORSRules) != 2 || *got.CORSRules[0].MaxAgeSeconds != 600 || got.CORSRules[1].MaxAgeSeconds != nil {
			t.Errorf("rules %+v", got.CORSRules)
		}

		a := preflight("https://app.example.com", "PUT", "X-Amz-Date, authorization")
		a.is(t, 200)
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Credentials": "true",
			"Access-Control-Allow-Methods": "PUT, GET", "Access-Control-Allow-Headers": "x-amz-date, authorization",
			"Access-Control-Expose-Headers": "ETag", "Access-Control-Max-Age": "600",
			"Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
		} {
			if v := a.Header.Get(name); v != want {
				t.Errorf("%s: %q, want %q", name, v, want)
			}
		}
		preflight("https://app.example.com", "PUT", "content-type").is(t, 403, "This CORS request is not allowed")
		preflight("https://example.org", "PUT", "").is(t, 403, "This CORS request is not allowed")
		preflight("https://app.example.com", "DELETE", "").is(t, 403)
		preflight("https://app.example.com", "PATCH", "").is(t, 400, "BadRequest")
		w.do("OPTIONS", "/cors-bucket/k", "").is(t, 400, "BadRequest")
		w.do("OPTIONS", "/not-there-at-all/k", "", "Origin", "x", "Access-Control-Request-Method", "GET").is(t, 404)
		a = preflight("http://other", "GET", "")
		a.is(t, 200)
		if v := a.Header.Get("Access-Control-Allow-Origin"); v != "*" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("any origin: %q", v)
		}

		// An ordinary request, also when it is refused.
		a = w.do("GET", "/cors-bucket/k", "", "Origin", "https://app.example.com")
		a.is(t, 403, "AccessDenied")
		if a.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
			t.Error("a refusal without CORS headers")
		}
		if a = w.do("PUT", "/cors-bucket/k", "", "Origin", "https://example.org"); a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("CORS headers for an origin that no rule has")
		}

		for _, bad := range []types.CORSRule{
			{AllowedOrigins: []string{"https://*.*"}, AllowedMethods: []string{"GET"}},
			{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"PATCH"}},
			{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, ExposeHeaders: []string{"*"}},
		} {
			_, err = c.PutBucketCors(ctx, &awss3.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{bad}}})
			fails(t, err, "InvalidRequest")
		}
		_, err = c.DeleteBucketCors(ctx, &awss3.DeleteBucketCorsInput{Bucket: &b})
		fails(t, err, "")
		preflight("http://other", "GET", "").is(t, 403, "not enabled")
	})
}

func TestWebsite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("site", true)
		c := w.client("root")
		at := func(method, path string, headers ...string) *answer {
			t.Helper()
			return w.do(method, "http://site.s3-website.us-east-1.localhost"+path, "", headers...)
		}
		at("GET", "/").is(t, 404, "NoSuchWebsiteConfiguration", "<html>")
		put := func(s *types.WebsiteConfiguration) error {
			_, err := c.PutBucketWebsite(ctx, &awss3.PutBucketWebsiteInput{Bucket: &b, WebsiteConfiguration: s})
			return err
		}
		fails(t, put(&types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}}), "")
		public := func(in *awss3.PutObjectInput) {
			in.ACL, in.ContentType = types.ObjectCannedACLPublicRead, aws.String("text/html")
		}
		w.put(b, "index.html", "home", public)
		w.put(b, "dir/index.html", "dir", public)
		w.put(b, "private", "private")
		w.put(b, "moved", "", public, func(in *awss3.PutObjectInput) { in.WebsiteRedirectLocation = aws.String("/index.html") })

		a := at("GET", "/")
		a.is(t, 200, "home")
		if a.Header.Get("Content-Type") != "text/html" {
			t.Errorf("type %q", a.Header.Get("Content-Type"))
		}
		at("GET", "/dir/").is(t, 200, "dir")
		a = at("GET", "/dir")
		if a.is(t, 302); a.Header.Get("Location") != "/dir/" {
			t.Errorf("location %q", a.Header.Get("Location"))
		}
		a = at("GET", "/moved")
		if a.is(t, 301); a.Header.Get("Location") != "/index.html" {
			t.Errorf("location %q", a.Header.Get("Location"))
		}
		at("GET", "/private").is(t, 403, "403 Forbidden", "Code: AccessDenied", "<html>")
		at("GET", "/none").is(t, 403, "AccessDenied") // anonymous may not list
		at("POST", "/").is(t, 405, "MethodNotAllowed")
		if a = at("HEAD", "/private"); a.StatusCode != 403 || a.body != "" {
			t.Errorf("HEAD %d %q", a.StatusCode, a.body)
		}
		at("GET", "/", "Range", "bytes=1-2").is(t, 206, "om")
		at("GET", "/", "If-None-Match", at("GET", "/").Header.Get("ETag")).is(t, 304)
		// Other spelling of the host; the REST endpoint knows no index.
		w.do("GET", "http://site.s3-website-us-east-1.amazonaws.com/", "").is(t, 200, "home")
		w.do("GET", "http://site.s3.localhost/", "").is(t, 403, "<Error>")
		w.do("GET", "http://site.s3.eu-west-1.localhost:99/index.html", "").is(t, 200, "home")
		w.do("GET", "http://s3-us-east-1.localhost/site/index.html", "").is(t, 200, "home")

		// A signature changes nothing here.
		at("GET", "/private", "Authorization", "AWS4-HMAC-SHA256 nonsense").is(t, 403, "AccessDenied")

		_, err := c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(
			`{"Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::site/*"},{"Effect":"Allow","Principal":"*","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::site"}]}`)})
		fails(t, err, "")
		at("GET", "/private").is(t, 200, "private")
		at("GET", "/none").is(t, 404, "404 Not Found", "Code: NoSuchKey", "Key: none")

		w.put(b, "oops.html", "custom error")
		fails(t, put(&types.WebsiteConfiguration{
			IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}, ErrorDocument: &types.ErrorDocument{Key: aws.String("oops.html")},
			RoutingRules: []types.RoutingRule{
				{Condition: &types.Condition{KeyPrefixEquals: aws.String("docs/")}, Redirect: &types.Redirect{ReplaceKeyPrefixWith: aws.String("documents/")}},
				{Condition: &types.Condition{HttpErrorCodeReturnedEquals: aws.String("404"), KeyPrefixEquals: aws.String("img/")}, Redirect: &types.Redirect{HostName: aws.String("img.example"), Protocol: "https", HttpRedirectCode: aws.String("307")}},
			},
		}), "")
		at("GET", "/none").is(t, 404, "custom error")
		a = at("GET", "/docs/x%20y")
		if a.is(t, 301); a.Header.Get("Location") != "http://site.s3-website.us-east-1.localhost/documents/x%20y" {
			t.Errorf("location %q", a.Header.Get("Location"))
		}
		a = at("GET", "/img/none")
		if a.is(t, 307); a.Header.Get("Location") != "https://img.example/img/none" {
			t.Errorf("location %q", a.Header.Get("Location"))
		}
		fails(t, put(&types.WebsiteConfiguration{RedirectAllRequestsTo: &types.RedirectAllRequestsTo{HostName: aws.String("new.example")}}), "")
		a = at("GET", "/x?y=1")
		if a.is(t, 301); !strings.HasPrefix(a.Header.Get("Location"), "http://new.example/x?y=1") {
			t.Errorf("location %q", a.Header.Get("Location"))
		}
		fails(t, put(&types.WebsiteConfiguration{}), "InvalidArgument")
	})
}
