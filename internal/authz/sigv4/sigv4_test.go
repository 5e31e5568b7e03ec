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
	"strings"
	"sync"
	"testing"
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
