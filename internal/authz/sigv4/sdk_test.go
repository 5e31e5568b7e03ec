package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// The judge of these tests is AWS's own client. It signs; a real HTTP server
// receives; the package verifies what arrived.

// door is a server that verifies every request, answers 200 with an empty
// document or the refusal, and keeps what it learnt.
type door struct {
	*httptest.Server
	service string
	raw     string // the path and query of the last request
	body    []byte
	payload string // its x-amz-content-sha256
	err     error
}

func newDoor(t *testing.T, service string, tls bool) *door {
	d := &door{service: service}
	keys := NewKeyCache(16)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.raw, d.err, d.body = r.RequestURI, nil, nil
		auth, err := Parse(r)
		if err == nil {
			d.payload = auth.PayloadHash
			opt := Options{Service: service, Now: time.Now(), Keys: keys}
			if service != "s3" {
				opt.Body, _ = io.ReadAll(r.Body)
				d.body = opt.Body
			}
			var v *Verified
			if v, err = Verify(r, auth, vectorSecret, opt); err == nil && service == "s3" {
				var body *Body
				if body, err = v.Body(r); err == nil {
					d.body, err = io.ReadAll(body)
				}
			}
		}
		if d.err = err; err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if service == "s3" {
			w.Header().Set("ETag", `"e"`)
			w.WriteHeader(http.StatusOK)
			return
		}
		io.WriteString(w, "{}")
	})
	if tls {
		d.Server = httptest.NewTLSServer(handler)
	} else {
		d.Server = httptest.NewServer(handler)
	}
	t.Cleanup(d.Close)
	return d
}

func (d *door) config(token string) aws.Config {
	return aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider(vectorID, vectorSecret, token),
		HTTPClient: d.Client(), BaseEndpoint: aws.String(d.URL), RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
	}
}

func (d *door) s3() *s3.Client {
	return s3.NewFromConfig(d.config(vectorToken), func(o *s3.Options) { o.UsePathStyle = true })
}

var awkwardKeys = []string{
	"plain.txt", "with space/a b.txt", "us-east-1:11111111-2222/photo.jpg", "plus+and%percent", "%2F", "a//b", "a/../b", "./a", "..", "a/", "//",
	"!'()*:@$&,;=?#[]", "café/日本語", "~-_.", "\"<>\\^`{|}", "a\tb",
}

func TestSDK_s3Keys(t *testing.T) {
	d := newDoor(t, "s3", false)
	for _, key := range awkwardKeys {
		_, err := d.s3().PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String(key), Body: strings.NewReader("hello")})
		if d.err != nil || err != nil {
			t.Errorf("put %q as %s: %v, %v%s", key, d.raw, err, d.err, dump(d.err))
			continue
		}
		if string(d.body) != "hello" {
			t.Errorf("put %q: %q", key, d.body)
		}
		url, err := s3.NewPresignClient(d.s3()).PresignGetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String(key), ResponseContentType: aws.String("text/plain; a+b")})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(url.Method, url.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := d.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if d.err != nil {
			t.Errorf("presigned %q as %s: %v%s", key, d.raw, d.err, dump(d.err))
		}
	}
}

func dump(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Dump()
	}
	return ""
}

func TestSDK_s3Uploads(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 20000)
	for _, c := range []struct {
		name   string
		tls    bool
		seek   bool
		marker string // of the payload; empty for a hash
	}{
		{"http, seekable", false, true, ""},
		{"https, seekable", true, true, StreamingUnsignedTrailer},
		{"https, stream", true, false, StreamingUnsignedTrailer},
	} {
		for _, size := range []int{0, 1, 70000, len(large)} {
			d := newDoor(t, "s3", c.tls)
			var body io.Reader = bytes.NewReader(large[:size])
			if !c.seek {
				body = io.MultiReader(body)
			}
			_, err := d.s3().PutObject(context.Background(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: body, ContentLength: aws.Int64(int64(size))})
			if err != nil || d.err != nil {
				t.Errorf("%s, %d bytes: %v, %v%s", c.name, size, err, d.err, dump(d.err))
				continue
			}
			if !bytes.Equal(d.body, large[:size]) {
				t.Errorf("%s, %d bytes: got %d", c.name, size, len(d.body))
			}
			if c.marker != "" && d.payload != c.marker && size > 0 {
				t.Errorf("%s, %d bytes: payload %s", c.name, size, d.payload)
			}
		}
	}
}

func TestSDK_json(t *testing.T) {
	d := newDoor(t, "ssm", false)
	client := ssm.NewFromConfig(d.config(""))
	if _, err := client.GetParameter(context.Background(), &ssm.GetParameterInput{Name: aws.String("/a/b c")}); err != nil || d.err != nil {
		t.Errorf("%v, %v%s", err, d.err, dump(d.err))
	}
	wrong := d.config("")
	wrong.Credentials = credentials.NewStaticCredentialsProvider(vectorID, "wrong", "")
	if _, err := ssm.NewFromConfig(wrong).GetParameter(context.Background(), &ssm.GetParameterInput{Name: aws.String("x")}); err == nil || code(d.err) != SignatureMismatch {
		t.Errorf("wrong secret: %v, %v", err, d.err)
	}
}

// signByAWS signs a request with AWS's signer, as a client of the service.
func signByAWS(r *http.Request, service, payload string, at time.Time) error {
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	creds := aws.Credentials{AccessKeyID: vectorID, SecretAccessKey: vectorSecret, SessionToken: vectorToken}
	return signer.SignHTTP(context.Background(), creds, r, payload, service, "us-east-1", at)
}

// FuzzSigned holds that what AWS's signer signs verifies, and that no change
// of its body, path or a signed header does.
func FuzzSigned(f *testing.F) {
	f.Add("a b/c", "q=x+y&acl", "value  with   spaces", "body")
	f.Add("%2F/é", "a=2&a=1", "", "")
	f.Fuzz(func(t *testing.T, path, query, header, body string) {
		for _, service := range []string{"s3", "execute-api"} {
			r, err := http.NewRequest("POST", "http://host.example:8080/", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Path = "/" + path
			r.URL.RawQuery = query
			if service == "s3" { // as its client does; net/url leaves some characters as they are
				r.URL.RawPath = strings.ReplaceAll(url.PathEscape(r.URL.Path), "%2F", "/")
				for _, c := range "$&+:=@" {
					r.URL.RawPath = strings.ReplaceAll(r.URL.RawPath, string(c), fmt.Sprintf("%%%X", c))
				}
			}
			if service != "s3" && strings.Contains(path+"/", "//") || strings.HasPrefix(path, "/") || strings.Contains("/"+path+"/", "/./") || strings.Contains("/"+path+"/", "/../") {
				continue // AWS's signer for Go does not normalise, though AWS does
			}
			if strings.ContainsAny(header, "\x00\r\n\t\v\f") || strings.TrimSpace(header) != header && strings.Trim(header, " ") != strings.TrimSpace(header) || strings.Contains(query, ";") || strings.Contains(query, "X-Amz-") {
				continue
			}
			if _, err := http.NewRequest("GET", "http://h/?"+query, nil); err != nil {
				continue
			}
			if !strictQuery(query) {
				continue // the signer drops what it cannot parse
			}
			r.Header.Set("Content-Type", header)
			sum := sha256.Sum256([]byte(body))
			payload := hex.EncodeToString(sum[:])
			r.Header.Set("X-Amz-Content-Sha256", payload)
			if err := signByAWS(r, service, payload, vectorTime); err != nil {
				continue
			}
			verify := func(secret, body string) error {
				a, err := Parse(r)
				if err != nil {
					return err
				}
				_, err = Verify(r, a, secret, Options{Service: service, Now: vectorTime, Body: []byte(body)})
				return err
			}
			if err := verify(vectorSecret, body); err != nil {
				t.Fatalf("%s %q?%q: %v%s", service, path, query, err, dump(err))
			}
			if verify("another", body) == nil {
				t.Fatal("verifies with another secret")
			}
			if service != "s3" && code(verify(vectorSecret, body+"x")) != PayloadHashMismatch {
				t.Fatal("verifies with another body")
			}
			r.URL.Path += "x"
			r.URL.RawPath += "x"
			if verify(vectorSecret, body) == nil {
				t.Fatal("verifies with another path")
			}
		}
	})
}

// strictQuery reports whether every percent sign of the query is an escape.
func strictQuery(query string) bool {
	for i := range len(query) {
		if query[i] == '%' {
			if _, ok := percent(query[i:]); !ok {
				return false
			}
		}
	}
	return true
}

func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"Name":"fa-012-authenticated"}`)
	r := request("POST", "/", "ssm.ap-northeast-1.amazonaws.com", string(body), "X-Amz-Date: "+vectorDate, "X-Amz-Security-Token: "+vectorToken, "Content-Type: application/x-amz-json-1.1", "X-Amz-Target: AmazonSSM.GetParameter",
		authorization(vectorID, "20240102/ap-northeast-1/ssm", "content-type;host;x-amz-date;x-amz-security-token;x-amz-target", "f24badd9831bd512c6addfecf5b1c7466d6d606bcca5d0cf129f63bf4c0bb526"))
	for _, c := range []struct {
		name string
		keys *KeyCache
	}{{"cached key", NewKeyCache(100)}, {"derived key", nil}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				auth, err := Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Verify(r, auth, vectorSecret, Options{Service: "ssm", Now: vectorTime, Body: body, Keys: c.keys}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	// What cannot be saved: hashing the body, the canonical request and the
	// secret's check, and one HMAC.
	b.Run("floor", func(b *testing.B) {
		key := DeriveKey(vectorSecret, "20240102", "ap-northeast-1", "ssm")
		canonical, text := make([]byte, 420), make([]byte, 137)
		for b.Loop() {
			sha256.Sum256(body)
			sha256.Sum256(canonical)
			var s [64]byte
			key.sign(&s, text)
		}
	})
}

func BenchmarkChunked(b *testing.B) {
	body := chunkBody(true, nil, strings.Repeat("a", 65536), strings.Repeat("a", 65536))
	b.SetBytes(2 * 65536)
	b.ReportAllocs()
	for b.Loop() {
		c := newChunked(strings.NewReader(body), 2*65536)
		c.key, c.stamp, c.scope, c.previous, c.data = &chunkKey, vectorDate, chunkScope, strings.Repeat("0", 64), sha256.New()
		if _, err := io.Copy(io.Discard, c); err != nil {
			b.Fatal(err)
		}
	}
}
