package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// code is an error's Code, 0 for none.
func code(err error) Code {
	if err == nil {
		return 0
	}
	if e, ok := err.(*Error); ok {
		return e.Code
	}
	return -1
}

func TestParse(t *testing.T) {
	const (
		date  = "X-Amz-Date: " + vectorDate
		scope = "AKID/20240102/us-east-1/ssm/aws4_request"
		good  = "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;x-amz-date, Signature=abc"
		query = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20240102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" + vectorDate + "&X-Amz-SignedHeaders=host&X-Amz-Signature=abc"
	)
	sum := func(header string) string {
		s := sha256.Sum256([]byte(header))
		return " (Hashed with SHA-256 and encoded with Base64) Authorization=" + base64.StdEncoding.EncodeToString(s[:])
	}
	for _, c := range []struct {
		name    string
		target  string
		headers []string
		code    Code
		text    string // contained in the message
	}{
		{"good", "/", []string{date, good}, 0, ""},
		{"no spaces", "/", []string{date, strings.ReplaceAll(good, ", ", ",")}, 0, ""},
		{"many spaces", "/", []string{date, strings.ReplaceAll(good, ", ", " ,   ")}, 0, ""},
		{"other order", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Signature=abc, SignedHeaders=host, Credential=" + scope}, 0, ""},
		{"Date header", "/", []string{"Date: " + vectorDate, good}, 0, ""},
		{"Date as HTTP writes it", "/", []string{"Date: Tue, 02 Jan 2024 03:04:05 GMT", good}, 0, ""},
		{"nothing", "/", nil, Missing, "Request is missing Authentication Token"},
		{"bearer", "/", []string{"Authorization: Bearer abc.def"}, UnsupportedScheme, "'abc.def' not a valid key=value pair (missing equal-sign) in Authorization header: 'Bearer abc.def'."},
		{"version 2", "/", []string{"Authorization: AWS AKID:abc"}, UnsupportedScheme, ""},
		{"empty", "/", []string{"Authorization: "}, UnsupportedScheme, ""},
		{"SigV4A", "/", []string{"Authorization: AWS4-ECDSA-P256-SHA256 Credential=AKID/20240102/s3/aws4_request"}, UnknownAlgorithm, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"},
		{"algorithm case", "/", []string{"Authorization: aws4-hmac-sha256 Credential=" + scope}, UnsupportedScheme, ""},
		{"two headers", "/", []string{date, good, good}, Incomplete, ""},
		{"all missing", "/", []string{"Authorization: AWS4-HMAC-SHA256 "}, Incomplete, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header." + sum("AWS4-HMAC-SHA256 ")},
		{"no credential", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 SignedHeaders=host, Signature=abc"}, Incomplete, "Authorization header requires 'Credential' parameter."},
		{"no signature", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host"}, Incomplete, "Authorization header requires 'Signature' parameter."},
		{"no date", "/", []string{good}, Incomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"no equal sign", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential"}, Incomplete, "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential'."},
		{"twice the same", "/", []string{date, good + ", Signature=def"}, Incomplete, ""},
		{"two dates", "/", []string{date, date, good}, Incomplete, ""},
		{"two tokens", "/", []string{date, "X-Amz-Security-Token: a", "X-Amz-Security-Token: b", good}, Incomplete, ""},
		{"unknown parameter", "/", []string{date, good + ", Extra=1"}, 0, ""},
		{"four elements", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/aws4_request, SignedHeaders=host, Signature=abc"}, Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKID/20240102/us-east-1/aws4_request'"},
		{"six elements", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=abc"}, Incomplete, "got 'a/b/c/d/e/f'"},
		{"no key id", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=/b/c/d/e, SignedHeaders=host, Signature=abc"}, Incomplete, "got '/b/c/d/e'"},
		{"bad date", "/", []string{"X-Amz-Date: 2024-01-02", good}, Incomplete, "Date must be in ISO-8601 'basic format'. Got '2024-01-02'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"HTTP date in X-Amz-Date", "/", []string{"X-Amz-Date: Tue, 02 Jan 2024 03:04:05 GMT", good}, Incomplete, "Date must be"},
		{"date with fraction", "/", []string{"X-Amz-Date: 20240102T030405.5Z", good}, Incomplete, "Date must be"},
		{"host not signed", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=x-amz-date, Signature=abc"}, Incomplete, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"header twice", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;host, Signature=abc"}, Incomplete, "more than once"},
		{"upper case", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=Host, Signature=abc"}, Incomplete, "lower-case"},
		{"empty name", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host;, Signature=abc"}, Incomplete, "lower-case"},
		{"too many", "/", []string{date, "Authorization: AWS4-HMAC-SHA256 Credential=" + scope + ", SignedHeaders=host" + manyNames(500) + ", Signature=abc"}, Incomplete, "too many"},

		{"presigned", query, nil, 0, ""},
		{"presigned with expiry", query + "&X-Amz-Expires=604800", nil, 0, ""},
		{"both", query, []string{date, good}, OnlyOneAuthMode, "Only one auth mechanism allowed; "},
		{"both, other scheme", query, []string{"Authorization: Bearer x"}, OnlyOneAuthMode, ""},
		{"signature alone", "/?X-Amz-Signature=abc", nil, IncompleteQuery, "Query-string authentication version 4 requires"},
		{"algorithm alone", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", nil, IncompleteQuery, ""},
		{"SigV4A presigned", "/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", nil, UnknownAlgorithm, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"},
		{"signature twice", query + "&X-Amz-Signature=def", nil, IncompleteQuery, ""},
		{"expiry twice", query + "&X-Amz-Expires=1&X-Amz-Expires=2", nil, IncompleteQuery, ""},
		{"expiry zero", query + "&X-Amz-Expires=0", nil, IncompleteQuery, "X-Amz-Expires must be non-negative"},
		{"expiry negative", query + "&X-Amz-Expires=-1", nil, IncompleteQuery, "X-Amz-Expires must be non-negative"},
		{"expiry over a week", query + "&X-Amz-Expires=604801", nil, IncompleteQuery, "less than a week"},
		{"expiry huge", query + "&X-Amz-Expires=99999999999999999999", nil, IncompleteQuery, "should be a number"},
		{"expiry text", query + "&X-Amz-Expires=soon", nil, IncompleteQuery, "should be a number"},
		{"presigned bad credential", strings.Replace(query, "%2Fs3", "", 1), nil, IncompleteQuery, "exactly 5"},
		{"presigned bad date", strings.Replace(query, vectorDate, "now", 1), nil, IncompleteQuery, "Got 'now'"},
		{"presigned without host", strings.Replace(query, "=host", "=x-amz-acl", 1), nil, IncompleteQuery, "must be a 'SignedHeader'"},
	} {
		a, err := Parse(request("GET", c.target, "h", "", c.headers...))
		if code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %d %v", c.name, code(err), err)
		}
		if (a == nil) != (c.code != 0) {
			t.Errorf("%s: %+v with %v", c.name, a, err)
		}
		if a != nil && (a.AccessKeyID != "AKID" || !a.Time.Equal(vectorTime) || a.stamp != vectorDate) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ";h%d", i)
	}
	return b.String()
}

// signer is the plainest signer that can be written down: the specification's
// lines joined, with no code of the package but the key. Tests use it where the
// clients' own signers cannot be told what to do.
type signer struct {
	service, region  string
	path             string // canonical
	query            string // canonical
	signed           []string
	payload          string
	date             time.Time
	secret           string
	terminator, host string
}

func (s signer) sign(r *http.Request) {
	stamp := s.date.UTC().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", stamp)
	var headers strings.Builder
	for _, name := range s.signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = s.host
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	names := strings.Join(s.signed, ";")
	canonical := strings.Join([]string{r.Method, s.path, s.query, headers.String(), names, s.payload}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{stamp[:8], s.region, s.service, s.terminator}, "/")
	key := DeriveKey(s.secret, stamp[:8], s.region, s.service)
	mac := hmac.New(sha256.New, key[:])
	io.WriteString(mac, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(sum[:]))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/"+scope+", SignedHeaders="+names+", Signature="+hex.EncodeToString(mac.Sum(nil)))
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestVerify(t *testing.T) {
	now := time.Date(2024, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		service string
		change  func(s *signer)                // before signing
		after   func(r *http.Request, s *Auth) // after signing
		opt     func(o *Options)
		code    Code
		text    string
	}{
		{"json", "ssm", nil, nil, nil, 0, ""},
		{"s3", "s3", nil, nil, nil, 0, ""},
		{"wrong secret", "ssm", func(s *signer) { s.secret = "other" }, nil, nil, SignatureMismatch, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
		{"body changed", "ssm", nil, nil, func(o *Options) { o.Body = []byte("x") }, SignatureMismatch, ""},
		{"header added", "ssm", nil, func(r *http.Request, _ *Auth) { r.Header.Set("X-Amz-New", "1") }, nil, 0, ""},
		{"header added, s3", "s3", nil, func(r *http.Request, _ *Auth) { r.Header.Set("X-Amz-Acl", "public-read") }, nil, HeadersNotSigned, "There were headers present in the request which were not signed"},
		{"header added, s3, not x-amz", "s3", nil, func(r *http.Request, _ *Auth) { r.Header.Set("Content-Type", "text/plain") }, nil, 0, ""},
		{"signed header changed", "ssm", nil, func(r *http.Request, _ *Auth) { r.Header.Set("X-Amz-Target", "Other") }, nil, SignatureMismatch, ""},
		{"signed header removed", "ssm", nil, func(r *http.Request, _ *Auth) { r.Header.Del("X-Amz-Target") }, nil, SignatureMismatch, ""},
		{"second value", "ssm", nil, func(r *http.Request, _ *Auth) { r.Header.Add("X-Amz-Target", "Other") }, nil, SignatureMismatch, ""},
		{"method changed", "ssm", nil, func(r *http.Request, _ *Auth) { r.Method = "DELETE" }, nil, SignatureMismatch, ""},
		{"path changed", "ssm", nil, func(r *http.Request, _ *Auth) { r.RequestURI = "/q" }, nil, SignatureMismatch, ""},
		{"router changed the URL", "ssm", nil, func(r *http.Request, _ *Auth) { r.URL.Path, r.URL.RawPath = "/stripped", "" }, nil, 0, ""},
		{"query added", "ssm", nil, func(r *http.Request, a *Auth) { a.query = []pair{{"a", "b"}} }, nil, SignatureMismatch, ""},
		{"host changed", "ssm", nil, func(r *http.Request, _ *Auth) { r.Host = "other" }, nil, SignatureMismatch, ""},
		{"host changed by a proxy", "ssm", nil, func(r *http.Request, _ *Auth) { r.Host = "inner" }, func(o *Options) { o.Host = "h.example:8443" }, 0, ""},
		{"signature upper case", "ssm", nil, func(_ *http.Request, a *Auth) { a.Signature = strings.ToUpper(a.Signature) }, nil, SignatureMismatch, ""},
		{"signature short", "ssm", nil, func(_ *http.Request, a *Auth) { a.Signature = a.Signature[:63] }, nil, SignatureMismatch, ""},
		{"signature empty", "ssm", nil, func(_ *http.Request, a *Auth) { a.Signature = "" }, nil, SignatureMismatch, ""},
		{"folded header", "ssm", nil, func(r *http.Request, _ *Auth) { r.Header.Set("X-Amz-Target", "   T  x ") }, nil, 0, ""},

		{"service", "ssm", nil, nil, func(o *Options) { o.Service = "kinesis" }, ScopeService, "Credential should be scoped to correct service: 'kinesis'. "},
		{"region", "ssm", nil, nil, func(o *Options) { o.Regions = func(r string) bool { return r == "eu-west-1" } }, ScopeRegion, "Credential should be scoped to a valid Region, not 'us-east-1'. "},
		{"region of another place", "ssm", func(s *signer) { s.region = "local" }, nil, nil, 0, ""},
		{"region with space", "ssm", func(s *signer) { s.region = "a b" }, nil, nil, ScopeRegion, "not 'a b'"},
		{"region empty", "ssm", func(s *signer) { s.region = "" }, nil, nil, ScopeRegion, "not ''"},
		{"terminator", "ssm", func(s *signer) { s.terminator = "aws5_request" }, nil, nil, ScopeTerminator, "valid terminator: 'aws4_request'"},
		{"scope date", "ssm", nil, func(_ *http.Request, a *Auth) { a.Date = "20240101" }, nil, ScopeDate, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20240101' != '20240102', from '20240102T120000Z'."},

		{"5 minutes slow", "ssm", func(s *signer) { s.date = now.Add(-5 * time.Minute) }, nil, nil, 0, ""},
		{"6 minutes slow", "ssm", func(s *signer) { s.date = now.Add(-6 * time.Minute) }, nil, nil, SkewExpired, "Signature expired: 20240102T115400Z is now earlier than 20240102T115500Z (20240102T120000Z - 5 min.)"},
		{"6 minutes fast", "ssm", func(s *signer) { s.date = now.Add(6 * time.Minute) }, nil, nil, SkewFuture, "Signature not yet current: 20240102T120600Z is still later than 20240102T120500Z (20240102T120000Z + 5 min.)"},
		{"6 minutes slow, s3", "s3", func(s *signer) { s.date = now.Add(-6 * time.Minute) }, nil, nil, 0, ""},
		{"16 minutes slow", "ssm", func(s *signer) { s.date = now.Add(-16 * time.Minute) }, nil, nil, SkewExpired, ""},
		{"16 minutes slow, s3", "s3", func(s *signer) { s.date = now.Add(-16 * time.Minute) }, nil, nil, SkewExpired, ""},
		{"16 minutes fast, s3", "s3", func(s *signer) { s.date = now.Add(16 * time.Minute) }, nil, nil, SkewFuture, ""},
		{"own skew", "ssm", func(s *signer) { s.date = now.Add(-time.Hour) }, nil, func(o *Options) { o.Skew = time.Hour }, 0, ""},

		{"hash of the body", "ssm", func(s *signer) { s.payload = hashOf("body") }, func(_ *http.Request, a *Auth) { a.PayloadHash = hashOf("body") }, func(o *Options) { o.Body = []byte("body") }, 0, ""},
		{"hash of another body", "ssm", func(s *signer) { s.payload = hashOf("other") }, func(_ *http.Request, a *Auth) { a.PayloadHash = hashOf("other") }, nil, PayloadHashMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed."},
		{"unsigned payload", "ssm", func(s *signer) { s.payload = UnsignedPayload }, func(_ *http.Request, a *Auth) { a.PayloadHash = UnsignedPayload }, nil, PayloadHashMismatch, ""},
		{"unsigned payload, s3", "s3", func(s *signer) { s.payload = UnsignedPayload }, func(r *http.Request, a *Auth) { a.PayloadHash = UnsignedPayload }, nil, 0, ""},
		{"no hash, s3", "s3", nil, func(_ *http.Request, a *Auth) { a.PayloadHash = "" }, nil, PayloadHashMissing, "Missing required header for this request: x-amz-content-sha256"},
		{"nonsense, s3", "s3", nil, func(_ *http.Request, a *Auth) { a.PayloadHash = "abc" }, nil, PayloadHashInvalid, ""},
		{"unknown marker, s3", "s3", nil, func(_ *http.Request, a *Auth) { a.PayloadHash = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD" }, nil, PayloadHashInvalid, ""},
	} {
		s := signer{service: c.service, region: "us-east-1", path: "/p", signed: []string{"host", "x-amz-date", "x-amz-target"}, payload: emptyHash, date: now, secret: "secret", terminator: "aws4_request", host: "h.example:8443"}
		if c.change != nil {
			c.change(&s)
		}
		r := request("POST", "/p", s.host, "", "X-Amz-Target: T x")
		if s.service == "s3" {
			r.Header.Set("X-Amz-Content-Sha256", emptyHash)
			s.signed = []string{"host", "x-amz-content-sha256", "x-amz-date", "x-amz-target"}
			if s.payload == UnsignedPayload {
				r.Header.Set("X-Amz-Content-Sha256", UnsignedPayload)
			}
		}
		s.sign(r)
		a, err := Parse(r)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.after != nil {
			c.after(r, a)
		}
		opt := Options{Service: c.service, Now: now, WantRegion: "us-east-1"}
		if c.opt != nil {
			c.opt(&opt)
		}
		v, err := Verify(r, a, "secret", opt)
		if code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %d %v", c.name, code(err), err)
			continue
		}
		if (v == nil) != (err != nil) {
			t.Errorf("%s: %v with %v", c.name, v, err)
		}
		if err != nil && err.(*Error).AccessKeyID != "AKID" {
			t.Errorf("%s: no access key id in %+v", c.name, err)
		}
	}
}

func TestVerify_presigned(t *testing.T) {
	at := vectorTime
	for _, c := range []struct {
		name    string
		service string
		expires string
		now     time.Time
		header  string
		code    Code
	}{
		{"at once", "s3", "900", at, "", 0},
		{"at the end", "s3", "900", at.Add(900 * time.Second), "", 0},
		{"too late", "s3", "900", at.Add(901 * time.Second), "", PresignExpired},
		{"a week", "s3", "604800", at.Add(7 * 24 * time.Hour), "", 0},
		{"15 minutes early", "s3", "900", at.Add(-15 * time.Minute), "", 0},
		{"16 minutes early", "s3", "900", at.Add(-16 * time.Minute), "", PresignFuture},
		{"no expiry, s3", "s3", "", at, "", IncompleteQuery},
		{"no expiry", "sts", "", at, "", 0},
		{"no expiry, late", "sts", "", at.Add(6 * time.Minute), "", SkewExpired},
		{"x-amz header added", "s3", "900", at, "X-Amz-Acl: public-read", HeadersNotSigned},
		{"x-amz header added", "sts", "60", at, "X-Amz-Acl: public-read", 0},
		{"other header added", "s3", "900", at, "Range: bytes=0-1", 0},
	} {
		scope := "20240102/us-east-1/" + c.service + "/aws4_request"
		query := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F" + strings.ReplaceAll(scope, "/", "%2F") + "&X-Amz-Date=" + vectorDate
		if c.expires != "" {
			query += "&X-Amz-Expires=" + c.expires
		}
		query += "&X-Amz-SignedHeaders=host&x-id=a%2Bb"
		payload := emptyHash
		if c.service == "s3" {
			payload = UnsignedPayload
		}
		sum := hashOf("GET\n/k\n" + query + "\nhost:h\n\nhost\n" + payload)
		key := DeriveKey("secret", "20240102", "us-east-1", c.service)
		var signature [64]byte
		key.sign(&signature, []byte("AWS4-HMAC-SHA256\n"+vectorDate+"\n"+scope+"\n"+sum))
		r := request("GET", "/k?X-Amz-Signature="+string(signature[:])+"&"+query, "h", "")
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		a, err := Parse(r)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		_, err = Verify(r, a, "secret", Options{Service: c.service, Now: c.now})
		if code(err) != c.code {
			t.Errorf("%s, %s: %d %v", c.name, c.service, code(err), err)
		}
		if e, ok := err.(*Error); ok && c.code == PresignExpired && (e.Expires != 900*time.Second || !e.ExpiresAt.Equal(at.Add(900*time.Second)) || !e.ServerTime.Equal(c.now)) {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func TestCanonicalPath(t *testing.T) {
	for _, c := range []struct{ in, s3, other string }{
		{"/", "/", "/"},
		{"/a", "/a", "/a"},
		{"/a/", "/a/", "/a/"},
		{"//", "//", "/"},
		{"/a//b", "/a//b", "/a/b"},
		{"/a/./b", "/a/./b", "/a/b"},
		{"/a/../b", "/a/../b", "/b"},
		{"/../a", "/../a", "/a"},
		{"/a/..", "/a/..", "/"},
		{"/a/../", "/a/../", "/"},
		{"/a/.", "/a/.", "/a"},
		{"/a/b/../../../c/", "/a/b/../../../c/", "/c/"},
		{"/...", "/...", "/..."},
		{"/a%20b", "/a%20b", "/a%2520b"},
		{"/a%2Fb", "/a%2Fb", "/a%252Fb"},
		{"/a%2fb", "/a%2Fb", "/a%252fb"},
		{"/%2E%2e/a", "/../a", "/%252E%252e/a"},
		{"/a+b", "/a%2Bb", "/a%2Bb"},
		{"/a%2Bb", "/a%2Bb", "/a%252Bb"},
		{"/!'()*:@", "/%21%27%28%29%2A%3A%40", "/%21%27%28%29%2A%3A%40"},
		{"/%21%27%28%29%2A%3A%40", "/%21%27%28%29%2A%3A%40", "/%2521%2527%2528%2529%252A%253A%2540"},
		{"/-_.~", "/-_.~", "/-_.~"},
		{"/%7E%41", "/~A", "/%257E%2541"},
		{"/é", "/%C3%A9", "/%C3%A9"},
		{"/%C3%A9", "/%C3%A9", "/%25C3%25A9"},
		{"/50%", "/50%25", "/50%25"},
		{"/%zz", "/%25zz", "/%25zz"},
		{"/a;b=c,d&e$f", "/a%3Bb%3Dc%2Cd%26e%24f", "/a%3Bb%3Dc%2Cd%26e%24f"},
	} {
		if got := string(appendPathS3(nil, c.in)); got != c.s3 {
			t.Errorf("S3 %q: %q, want %q", c.in, got, c.s3)
		}
		if got := string(appendPath([]byte("GET\n"), c.in)); got != "GET\n"+c.other {
			t.Errorf("%q: %q, want %q", c.in, got, c.other)
		}
	}
}

func TestCanonicalQuery(t *testing.T) {
	for _, c := range []struct {
		in, want  string
		presigned bool
	}{
		{"", "", false},
		{"acl", "acl=", false},
		{"acl=", "acl=", false},
		{"b=2&a=1", "a=1&b=2", false},
		{"a=2&a=1&a", "a=&a=1&a=2", false},
		{"a-b=1&a=2", "a=2&a-b=1", false}, // by name, not by the joined text
		{"A=1&a=1&B=1", "A=1&B=1&a=1", false},
		{"q=x+y&r=x%20y", "q=x%20y&r=x%20y", false},
		{"q=a%2Bb%2fc", "q=a%2Bb%2Fc", false},
		{"q=a=b", "q=a%3Db", false},
		{"q=a;b", "q=a%3Bb", false},
		{"&&a=1&&", "a=1", false},
		{"=v", "=v", false},
		{"q=100%", "q=100%25", false},
		{"q=~-_.é", "q=~-_.%C3%A9", false},
		{"X-Amz-Signature=s&a=1", "X-Amz-Signature=s&a=1", false},
		{"X-Amz-Signature=s&a=1", "a=1", true},
	} {
		if got := string(appendQuery(nil, parseQuery(c.in), c.presigned)); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCanonicalHeaders(t *testing.T) {
	r := request("POST", "/", "h:8080", "12345", "X-A:   a   b  c ", "X-B: 1", "X-B:  2 ", "X-E: ")
	r.TransferEncoding = []string{"chunked"}
	got := string(appendHeaders(nil, r, "h:8080", []string{"content-length", "host", "transfer-encoding", "x-a", "x-b", "x-e", "x-none"}))
	want := "content-length:5\nhost:h:8080\ntransfer-encoding:chunked\nx-a:a b c\nx-b:1,2\nx-e:\nx-none:\n"
	if got != want {
		t.Errorf("got %q", got)
	}
}

func TestReceived(t *testing.T) {
	server := httptest.NewRequest("GET", "http://h/x%2Fy?z", nil)
	client, _ := http.NewRequest("GET", "http://h", nil)
	slashed, _ := http.NewRequest("GET", "http://h/a%2Fb//c?d=e", nil)
	for _, c := range []struct {
		r           *http.Request
		path, query string
	}{
		{server, "/x%2Fy", "z"},
		{client, "/", ""},
		{slashed, "/a%2Fb//c", "d=e"},
		{&http.Request{RequestURI: "//a?b?c"}, "//a", "b?c"},
	} {
		if path, query := received(c.r); path != c.path || query != c.query {
			t.Errorf("%q %q, want %q %q", path, query, c.path, c.query)
		}
	}
}

func TestKeyCache(t *testing.T) {
	c := NewKeyCache(4)
	want := DeriveKey("s", "20240102", "us-east-1", "s3")
	for range 2 {
		if c.Key("AKID", "s", "20240102", "us-east-1", "s3") != want {
			t.Fatal("wrong key")
		}
	}
	if c.Key("AKID", "t", "20240102", "us-east-1", "s3") != DeriveKey("t", "20240102", "us-east-1", "s3") {
		t.Error("a new secret got the old one's key")
	}
	if c.Key("AKID", "s", "20240102", "us-east-1", "s3") != want {
		t.Error("wrong key after two secrets")
	}
	if (*KeyCache)(nil).Key("AKID", "s", "20240102", "us-east-1", "s3") != want {
		t.Error("nil cache")
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				region := fmt.Sprint("r", (g+i)%11)
				if c.Key("AKID", "s", "20240102", region, "s3") != DeriveKey("s", "20240102", region, "s3") {
					t.Error("wrong key")
				}
			}
		})
	}
	wg.Wait()
	if n := len(c.young) + len(c.former); n > 4 {
		t.Errorf("%d keys kept", n)
	}
}

func TestChecksums(t *testing.T) {
	// The check values of the CRC catalogue, and the hashes', of "123456789".
	for name, want := range map[string]string{
		"crc32": "cbf43926", "CRC32C": "e3069283", "crc64nvme": "ae8b14860a799888",
		"sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441", "sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
	} {
		h := NewChecksum(name)
		io.WriteString(h, "123456789")
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if NewChecksum("md5") != nil {
		t.Error("md5")
	}
}

func TestStripChunked(t *testing.T) {
	for in, want := range map[string]string{"aws-chunked": "", "aws-chunked,gzip": "gzip", "gzip, AWS-chunked": "gzip", "": "", "gzip": "gzip", "a, b": "a,b"} {
		if got := StripChunked(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// chunkKey signs the bodies of the chunk tests; their seed is a row of zeros.
var chunkKey = DeriveKey("secret", "20240102", "us-east-1", "s3")

const chunkScope = "20240102/us-east-1/s3/aws4_request"

// chunkBody encodes chunks, signed when signed is set, and then the trailers
// given as "name:value"; trailers nil means the form without them.
func chunkBody(signed bool, trailers []string, chunks ...string) string {
	var b strings.Builder
	previous := strings.Repeat("0", 64)
	sign := func(algorithm, rest string) {
		var s [64]byte
		chunkKey.sign(&s, []byte(algorithm+"\n"+vectorDate+"\n"+chunkScope+"\n"+previous+"\n"+rest))
		previous = string(s[:])
	}
	for _, data := range append(chunks, "") {
		fmt.Fprintf(&b, "%x", len(data))
		if signed {
			sign("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n"+hashOf(data))
			b.WriteString(";chunk-signature=" + previous)
		}
		b.WriteString("\r\n" + data)
		if data != "" {
			b.WriteString("\r\n")
		}
	}
	lines := ""
	for _, line := range trailers {
		b.WriteString(line + "\r\n")
		lines += line + "\n"
	}
	if signed && trailers != nil {
		sign("AWS4-HMAC-SHA256-TRAILER", hashOf(lines))
		b.WriteString("x-amz-trailer-signature:" + previous + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func readChunks(marker, body, length string, announced ...string) (*Body, []byte, error) {
	r := request("PUT", "/k", "h", body, "X-Amz-Decoded-Content-Length: "+length)
	for _, name := range announced {
		r.Header.Add("X-Amz-Trailer", name)
	}
	v := &Verified{key: chunkKey, auth: &Auth{
		Date: "20240102", Region: "us-east-1", Service: "s3", Terminator: "aws4_request", stamp: vectorDate,
		Signature: strings.Repeat("0", 64), PayloadHash: marker}}
	b, err := v.Body(r)
	if err != nil {
		return nil, nil, err
	}
	got, err := io.ReadAll(b)
	return b, got, err
}

func TestBody_chunked(t *testing.T) {
	big, even, more := strings.Repeat("a", 8192), strings.Repeat("b", 8192), strings.Repeat("c", 10000)
	crc := func(name, data string) string {
		h := NewChecksum(name)
		io.WriteString(h, data)
		return "x-amz-checksum-" + name + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	const S, T, U = StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer
	swap := func(s, old, new string) string { return strings.Replace(s, old, new, 1) }
	for _, c := range []struct {
		name, marker, body, length string
		announced                  []string
		code                       Code
		want                       string
	}{
		{"one", S, chunkBody(true, nil, "hello"), "5", nil, 0, "hello"},
		{"none", S, chunkBody(true, nil), "0", nil, 0, ""},
		{"three", S, chunkBody(true, nil, big, more, "end"), "18195", nil, 0, big + more + "end"},
		{"unsigned", U, chunkBody(false, []string{}, big, "end"), "8195", nil, 0, big + "end"},
		{"unsigned, checksum", U, chunkBody(false, []string{crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, 0, "hello"},
		{"crc32c", U, chunkBody(false, []string{crc("crc32c", "hello")}, "hello"), "5", []string{"X-Amz-Checksum-CRC32C"}, 0, "hello"},
		{"crc64nvme", U, chunkBody(false, []string{crc("crc64nvme", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc64nvme"}, 0, "hello"},
		{"sha1", U, chunkBody(false, []string{crc("sha1", "hello")}, "hello"), "5", []string{"x-amz-checksum-sha1"}, 0, "hello"},
		{"sha256", U, chunkBody(false, []string{crc("sha256", "hello")}, "hello"), "5", []string{"x-amz-checksum-sha256"}, 0, "hello"},
		{"two checksums", U, chunkBody(false, []string{crc("sha256", "hello"), crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-sha256, x-amz-checksum-crc32"}, 0, "hello"},
		{"another trailer", U, chunkBody(false, []string{"x-amz-meta-a:b"}, "hello"), "5", []string{"x-amz-meta-a"}, 0, "hello"},
		{"signed, checksum", T, chunkBody(true, []string{crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, 0, "hello"},

		{"no length", S, chunkBody(true, nil, "hello"), "", nil, MissingDecodedLength, ""},
		{"negative length", S, chunkBody(true, nil, "hello"), "-5", nil, MissingDecodedLength, ""},
		{"length too small", S, chunkBody(true, nil, "hello"), "4", nil, IncompleteBody, ""},
		{"length too large", S, chunkBody(true, nil, "hello"), "6", nil, IncompleteBody, "hello"},
		{"empty", S, "", "5", nil, IncompleteBody, ""},
		{"cut in a chunk", S, chunkBody(true, nil, "hello")[:92], "5", nil, IncompleteBody, ""},
		{"cut in a line", S, "5;chunk", "5", nil, IncompleteBody, ""},
		{"no last chunk", U, "5\r\nhello\r\n", "5", nil, IncompleteBody, "hello"},
		{"no last line", U, "5\r\nhello\r\n0\r\n", "5", nil, IncompleteBody, "hello"},
		{"more behind", U, chunkBody(false, []string{}, "hello") + "x", "5", nil, MalformedChunk, "hello"},
		{"data changed", S, swap(chunkBody(true, nil, "hello"), "hello", "hullo"), "5", nil, ChunkSignatureMismatch, "hullo"},
		{"signature changed", S, swap(chunkBody(true, nil, "hello"), "chunk-signature=", "chunk-signature=0"), "5", nil, MalformedChunk, ""},
		{"chunks swapped", S, strings.NewReplacer(big, even, even, big).Replace(chunkBody(true, nil, big, even)), "16384", nil, ChunkSignatureMismatch, even},
		{"last signature changed", S, flipLast(chunkBody(true, nil, "hello")), "5", nil, ChunkSignatureMismatch, "hello"},
		{"unsigned where signed", S, chunkBody(false, nil, "hello"), "5", nil, MalformedChunk, ""},
		{"signed where unsigned", U, chunkBody(true, nil, "hello"), "5", nil, MalformedChunk, ""},
		{"other extension", S, swap(chunkBody(true, nil, "hello"), "chunk-signature", "chunk-sig"), "5", nil, MalformedChunk, ""},
		{"small chunk first", U, chunkBody(false, []string{}, "hello", big), "8197", nil, InvalidChunkSize, "hello"},
		{"bad length", U, "xyz\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"empty length", U, "\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"huge length", U, "fffffffffffffff\r\nhello", "5", nil, IncompleteBody, ""},
		{"overflowing length", U, "10000000000000005\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"bare line feed", U, "5\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"no line end behind data", U, "5\r\nhelloXX0\r\n\r\n", "5", nil, MalformedChunk, "hello"},
		{"endless line", U, strings.Repeat("0", 100000), "5", nil, MalformedChunk, ""},
		{"long line", U, strings.Repeat("0", 300) + "5\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},

		{"trailer not announced", U, chunkBody(false, []string{crc("crc32", "hello")}, "hello"), "5", nil, MalformedTrailer, "hello"},
		{"trailer missing", U, chunkBody(false, []string{}, "hello"), "5", []string{"x-amz-checksum-crc32"}, MalformedTrailer, "hello"},
		{"trailer twice", U, chunkBody(false, []string{crc("crc32", "hello"), crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, MalformedTrailer, "hello"},
		{"trailer without colon", U, chunkBody(false, []string{"x"}, "hello"), "5", nil, MalformedTrailer, "hello"},
		{"trailer too long", U, chunkBody(false, []string{"x-a:" + strings.Repeat("a", 2000)}, "hello"), "5", []string{"x-a"}, MalformedChunk, "hello"},
		{"wrong checksum", U, chunkBody(false, []string{crc("crc32", "hullo")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, BadDigest, "hello"},
		{"checksum not base64", U, chunkBody(false, []string{"x-amz-checksum-crc32:!"}, "hello"), "5", []string{"x-amz-checksum-crc32"}, BadDigest, "hello"},
		{"unknown checksum", U, chunkBody(false, nil, "hello"), "5", []string{"x-amz-checksum-md5"}, MalformedTrailer, ""},
		{"signature announced", U, chunkBody(false, nil, "hello"), "5", []string{"x-amz-trailer-signature"}, MalformedTrailer, ""},
		{"too many announced", U, chunkBody(false, nil, "hello"), "5", []string{"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}, MalformedTrailer, ""},
		{"trailer in the plain form", S, swap(chunkBody(true, nil, "hello"), "\r\n\r\n", "\r\nx-a:b\r\n\r\n"), "5", nil, MalformedTrailer, "hello"},
		{"trailer changed", T, swap(chunkBody(true, []string{"x-a:b"}, "hello"), "x-a:b", "x-a:c"), "5", []string{"x-a"}, ChunkSignatureMismatch, "hello"},
		{"trailer unsigned", T, chunkBody(true, nil, "hello"), "5", nil, ChunkSignatureMismatch, "hello"},
		{"trailer behind its signature", T, swap(chunkBody(true, []string{}, "hello"), "\r\n\r\n", "\r\nx-a:b\r\n\r\n"), "5", []string{"x-a"}, MalformedTrailer, "hello"},
	} {
		b, got, err := readChunks(c.marker, c.body, c.length, c.announced...)
		if code(err) != c.code || c.code != IncompleteBody && string(got) != c.want {
			t.Errorf("%s: %d %v, %.20q", c.name, code(err), err, got)
		}
		if err == nil && len(c.announced) == 1 && !strings.Contains(c.announced[0], ",") && b.Trailer(strings.ToLower(c.announced[0])) == "" {
			t.Errorf("%s: trailer not kept", c.name)
		}
	}
}

// flipLast changes the last digit of the last signature.
func flipLast(body string) string {
	i := strings.LastIndex(body, "chunk-signature=") + 79
	digit := "0"
	if body[i] == '0' {
		digit = "1"
	}
	return body[:i] + digit + body[i+1:]
}

func TestBody_chunkedByBytes(t *testing.T) {
	body := chunkBody(true, nil, strings.Repeat("a", 8192), "end")
	c := newChunked(iotest.OneByteReader(strings.NewReader(body)), 8195)
	c.key, c.stamp, c.scope, c.previous, c.data = &chunkKey, vectorDate, chunkScope, strings.Repeat("0", 64), sha256.New()
	if err := iotest.TestReader(c, []byte(strings.Repeat("a", 8192)+"end")); err != nil {
		t.Error(err)
	}
}

func TestBody_hashed(t *testing.T) {
	for _, c := range []struct {
		name, hash, body string
		code             Code
	}{
		{"same", hashOf("hello"), "hello", 0},
		{"empty", emptyHash, "", 0},
		{"changed", hashOf("hello"), "hullo", PayloadHashMismatch},
		{"longer", hashOf("hello"), "hello ", PayloadHashMismatch},
		{"cut", hashOf("hello"), "hell", PayloadHashMismatch},
		{"unsigned", UnsignedPayload, "anything", 0},
	} {
		v := &Verified{auth: &Auth{PayloadHash: c.hash}}
		b, err := v.Body(request("PUT", "/k", "h", c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if code(err) != c.code || string(got) != c.body || b.Length() != int64(len(c.body)) {
			t.Errorf("%s: %v, %q, length %d", c.name, err, got, b.Length())
		}
		if _, again := b.Read(make([]byte, 1)); c.code != 0 && code(again) != c.code {
			t.Errorf("%s: a second read says %v", c.name, again)
		}
	}
}

func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"/", "//a/../b", "/a%20b/./c/../d/", "/%2F%2e%2E/!'()*:@", "/a%", "/../../..//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		p = "/" + p
		once := string(appendPathS3(nil, p))
		if twice := string(appendPathS3(nil, once)); once != twice {
			t.Errorf("S3 form of %q is %q, of that %q", p, once, twice)
		}
		if strings.Count(once, "/") != strings.Count(p, "/") {
			t.Errorf("S3 form of %q is %q: other segments", p, once)
		}
		// The other form is path.Clean's, a trailing slash kept, then encoded.
		want := path.Clean(p)
		if strings.HasSuffix(p, "/") && want != "/" {
			want += "/"
		}
		var encoded []byte
		for i := range len(want) {
			if want[i] == '/' {
				encoded = append(encoded, '/')
			} else {
				encoded = appendEncoded(encoded, want[i])
			}
		}
		if got := appendPath(nil, p); string(got) != string(encoded) {
			t.Errorf("form of %q is %q, want %q", p, got, encoded)
		}
	})
}

func FuzzAuthorizationHeader(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/ssm/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc", vectorDate, "/a?b=c")
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=", "Tue, 02 Jan 2024 03:04:05 GMT", "//x")
	f.Add("Bearer a.b.c", "", "/")
	f.Fuzz(func(t *testing.T, header, date, target string) {
		r := request("GET", "/"+target, "h", "", "Authorization: "+header, "X-Amz-Date: "+date)
		a, err := Parse(r)
		if err != nil {
			if code(err) <= 0 {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		for _, service := range []string{"s3", "ssm"} {
			if _, err := Verify(r, a, "secret", Options{Service: service, Now: vectorTime}); err == nil {
				t.Fatalf("%q verifies", header)
			}
		}
	})
}

func FuzzPresignedQuery(f *testing.F) {
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20240102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="+vectorDate+"&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=abc", "k")
	f.Add("a=b&&c=%zz;d", "")
	f.Fuzz(func(t *testing.T, query, key string) {
		canonical := string(appendQuery(nil, parseQuery(query), false))
		if again := string(appendQuery(nil, parseQuery(canonical), false)); again != canonical {
			t.Fatalf("canonical form of %q is %q, of that %q", query, canonical, again)
		}
		r := request("GET", "/"+strings.ReplaceAll(key, "?", "")+"?"+query, "h", "")
		a, err := Parse(r)
		if err != nil {
			if code(err) <= 0 {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		opt := Options{Service: a.Service, Now: a.Time, Regions: func(string) bool { return true }}
		_, err = Verify(r, a, "secret", opt)
		if err == nil {
			t.Fatalf("%q verifies", query)
		}
		// What was computed here, taken as the signature, verifies.
		if e := err.(*Error); e.Code == SignatureMismatch {
			var signature [64]byte
			signing := DeriveKey("secret", a.Date, a.Region, a.Service)
			signing.sign(&signature, []byte(e.StringToSign))
			a.Signature = string(signature[:])
			if _, err := Verify(r, a, "secret", opt); err != nil {
				t.Fatalf("%q signed: %v", query, err)
			}
		}
	})
}

func FuzzChunkedBody(f *testing.F) {
	f.Add([]byte(chunkBody(true, nil, "hello")), uint8(0), int64(5), "")
	f.Add([]byte(chunkBody(true, []string{"x-a:b"}, "hello")), uint8(1), int64(5), "x-a")
	f.Add([]byte(chunkBody(false, []string{"x-amz-checksum-crc32:NhCmhg=="}, "hello")), uint8(2), int64(5), "x-amz-checksum-crc32")
	f.Fuzz(func(t *testing.T, body []byte, form uint8, length int64, announced string) {
		marker := []string{StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer}[form%3]
		_, got, err := readChunks(marker, string(body), fmt.Sprint(length), announced)
		if int64(len(got)) > max(length, 0) {
			t.Fatalf("%d bytes of %d", len(got), length)
		}
		if err != nil {
			if code(err) <= 0 {
				t.Fatalf("error of type %T: %v", err, err)
			}
		} else if int64(len(got)) != length {
			t.Fatalf("%d bytes of %d without an error", len(got), length)
		}
		// What is cut into chunks and signed comes back whole.
		for _, signed := range []bool{true, false} {
			marker := map[bool]string{true: StreamingSigned, false: StreamingUnsignedTrailer}[signed]
			var trailers []string
			if !signed {
				trailers = []string{}
			}
			_, got, err := readChunks(marker, chunkBody(signed, trailers, nonEmpty(string(body))...), fmt.Sprint(len(body)))
			if err != nil || string(got) != string(body) {
				t.Fatalf("round trip: %v", err)
			}
		}
	})
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
