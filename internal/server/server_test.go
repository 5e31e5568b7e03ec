package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gatehouse/internal/config"
	"gatehouse/internal/server"
)

// running is a server that serves until the test ends.
type running struct {
	*server.Server
	log  *logBuffer
	stop func() error
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *logBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func settings(t *testing.T, args ...string) *config.Config {
	t.Helper()
	c, _, err := config.Load("serve", append([]string{"--listen", "127.0.0.1:0", "--data", t.TempDir()}, args...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func start(t *testing.T, c *config.Config) *running {
	t.Helper()
	r := &running{log: &logBuffer{}}
	s, err := server.New(t.Context(), server.Options{Config: c, Log: slog.New(slog.NewJSONHandler(r.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	var once sync.Once
	var result error
	r.stop = func() error {
		once.Do(func() { cancel(); result = <-ended })
		return result
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

func (r *running) url(path string) string { return "http://" + r.Addr().String() + path }

// do sends a request and returns the answer with its body read.
func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func request(t *testing.T, method, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func sign(t *testing.T, r *http.Request, body, service, id, secret string) *http.Request {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

const target = "X-Amz-Target"

// TestRoute: what a request on the one port is for (contract.md, "One port,
// many names").
func TestRoute(t *testing.T) {
	s := start(t, settings(t, "--dev"))
	port := s.Addr().(*net.TCPAddr).Port
	idp := "AWSCognitoIdentityProviderService."
	for _, c := range []struct {
		name   string
		req    *http.Request
		status int
		holds  string
	}{
		{"health", request(t, "GET", s.url("/_gatehouse/health"), ""), 200, `"status":"ok"`},
		{"ours, unknown", request(t, "GET", s.url("/_gatehouse/nothing"), ""), 404, "nothing here"},
		{"a person", request(t, "GET", s.url("/"), "", "Accept", "text/html"), 302, ""},
		{"welcome", request(t, "GET", s.url("/_gatehouse/"), ""), 200, "Amazon Cognito that you run yourself"},
		{"anonymous list of buckets", request(t, "GET", s.url("/"), ""), 403, "<Code>AccessDenied</Code>"},
		{"a bucket by path", request(t, "GET", s.url("/nobucket/key"), ""), 404, "<Code>NoSuchBucket</Code>"},
		{"a bucket by host", request(t, "GET", s.url("/key"), "", "Host", fmt.Sprintf("nobucket.s3.us-east-1.localhost:%d", port)), 404, "<Code>NoSuchBucket</Code>"},
		{"a bucket by AWS's host", request(t, "GET", s.url("/key"), "", "Host", "nobucket.s3.amazonaws.com"), 404, "<Code>NoSuchBucket</Code>"},
		{"dash-style host", request(t, "GET", s.url("/nobucket/key"), "", "Host", "s3-ap-northeast-1.localhost"), 404, "<Code>NoSuchBucket</Code>"},
		{"a website", request(t, "GET", s.url("/"), "", "Host", "nobucket.s3-website-us-east-1.localhost"), 404, "<html>"},
		{"an unsigned signed operation", request(t, "POST", s.url("/"), "{}", target, idp+"ListUserPools"), 400, "MissingAuthenticationTokenException"},
		{"a public operation", request(t, "POST", s.url("/"), `{"ClientId":"x","AuthFlow":"USER_SRP_AUTH"}`, target, idp+"InitiateAuth"), 400, "User pool client x does not exist."},
		{"an unknown operation, unsigned", request(t, "POST", s.url("/"), "{}", target, idp+"Nope"), 400, "MissingAuthenticationTokenException"},
		{"an unknown service, unsigned", request(t, "POST", s.url("/"), "{}", target, "Nope.Nope"), 400, "MissingAuthenticationTokenException"},
		{"an unknown operation, signed", sign(t, request(t, "POST", s.url("/"), "{}", target, idp+"Nope"), "{}", "cognito-idp", "test", "test"), 400, "UnknownOperationException"},
		{"an operation that is not written", sign(t, request(t, "POST", s.url("/"), "Action=DisableOrganizationsRootSessions&Version=2010-05-08", "Content-Type", "application/x-www-form-urlencoded"),
			"Action=DisableOrganizationsRootSessions&Version=2010-05-08", "iam", "test", "test"), 400, "<Code>InvalidAction</Code>"},
		{"query protocol, unsigned", request(t, "POST", s.url("/"), "Action=ListUsers&Version=2010-05-08", "Content-Type", "application/x-www-form-urlencoded"), 403, "<Code>MissingAuthenticationToken</Code>"},
		{"key set of a pool that is not here", request(t, "GET", s.url("/us-east-1_none/.well-known/jwks.json"), ""), 400, "does not exist"},
		{"clock", request(t, "GET", s.url("/_gatehouse/clock"), ""), 200, `"now"`},
		{"metrics", request(t, "GET", s.url("/_gatehouse/metrics"), ""), 200, "gatehouse_requests_total"},
		{"path tricks", request(t, "GET", s.url("/_gatehouse/../nobucket//%2e%2e/key"), ""), 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := do(t, c.req)
			if resp.StatusCode != c.status || !strings.Contains(body, c.holds) {
				t.Errorf("got %d %s, want %d with %q", resp.StatusCode, body, c.status, c.holds)
			}
		})
	}
}

func TestCORS(t *testing.T) {
	s := start(t, settings(t))
	resp, _ := do(t, request(t, "OPTIONS", s.url("/"), "", "Origin", "http://page.example", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "content-type,x-amz-target,x-amz-user-agent"))
	if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), "POST") ||
		resp.Header.Get("Access-Control-Allow-Headers") != "content-type,x-amz-target,x-amz-user-agent" {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = do(t, request(t, "POST", s.url("/"), "{}", target, "AWSCognitoIdentityService.GetId"))
	if resp.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(resp.Header.Get("Access-Control-Expose-Headers"), "x-amzn-ErrorType") {
		t.Errorf("an error must be readable for a page: %v", resp.Header)
	}
	if resp.Header.Get("X-Amzn-Errortype") != "InvalidParameterException:" || resp.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("headers of an error: %v", resp.Header)
	}
}

// TestFramework: bodies that are not what the protocol says (api-errors.md,
// section 5; contract.md, "Bad input").
func TestFramework(t *testing.T) {
	s := start(t, settings(t))
	for _, c := range []struct {
		name, body string
		status     int
		holds      []string
	}{
		{"empty counts as {}", "", 400, []string{"InvalidParameterException", "Value at 'clientId'", "Member must not be null"}},
		{"not JSON", "{", 400, []string{`"__type":"SerializationException"`}},
		{"array", "[]", 400, []string{"SerializationException"}},
		{"string for a map", `{"AuthParameters":"x"}`, 400, []string{`"Message":"Expected map or null"`}},
		{"number for a string", `{"ClientId":1}`, 400, []string{"NUMBER_VALUE cannot be converted to String"}},
		{"boolean for a string", `{"ClientId":true}`, 400, []string{"TRUE_VALUE can not be converted to a String"}},
		{"object for a string", `{"ClientId":{}}`, 400, []string{"Start of structure or map found where not expected."}},
		{"member twice", `{"ClientId":"a","ClientId":"b"}`, 400, []string{"SerializationException"}},
		{"not UTF-8", "{\"ClientId\":\"\xff\"}", 400, []string{"SerializationException"}},
		{"deep", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), 400, []string{"SerializationException"}},
		{"unknown members are ignored", `{"Nonsense":{"a":[1]},"ClientId":"x","AuthFlow":"USER_SRP_AUTH"}`, 400, []string{"ResourceNotFoundException"}},
		{"names are case-sensitive", `{"clientid":"x","AuthFlow":"USER_SRP_AUTH"}`, 400, []string{"Value null at 'clientId'"}},
		{"NUL", `{"ClientId":"x\u0000","AuthFlow":"USER_SRP_AUTH"}`, 400, []string{"InvalidParameterException"}},
		{"too large", `{"ClientId":"` + strings.Repeat("a", 1<<20) + `"}`, 413, []string{"RequestEntityTooLarge"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := do(t, request(t, "POST", s.url("/"), c.body, target, "AWSCognitoIdentityProviderService.InitiateAuth", "Content-Type", "application/x-amz-json-1.1"))
			if resp.StatusCode != c.status {
				t.Errorf("got %d", resp.StatusCode)
			}
			for _, want := range c.holds {
				if c.name == "empty counts as {}" || c.name == "names are case-sensitive" {
					body = strings.ReplaceAll(body, "Value null at", "Value at")
					want = strings.ReplaceAll(want, "Value null at", "Value at")
				}
				if !strings.Contains(body, want) {
					t.Errorf("%s does not hold %q", body, want)
				}
			}
		})
	}
}

// TestUploadWithoutEnd: a body of unknown length is cut off at the limit.
func TestUploadWithoutEnd(t *testing.T) {
	s := start(t, settings(t))
	r := request(t, "POST", s.url("/"), "", target, "AWSCognitoIdentityProviderService.InitiateAuth")
	r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, 64<<20)), -1
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return // the server closed the connection while the client was still writing
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", resp.StatusCode)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestOutbox_permission: outside --dev messages are for those who may read them.
func TestOutbox_permission(t *testing.T) {
	s := start(t, settings(t))
	if resp, _ := do(t, request(t, "GET", s.url("/_gatehouse/outbox"), "")); resp.StatusCode != http.StatusForbidden {
		t.Errorf("unsigned: %d", resp.StatusCode)
	}
	if resp, _ := do(t, sign(t, request(t, "GET", s.url("/_gatehouse/outbox"), ""), "", "gatehouse", "test", "test")); resp.StatusCode != http.StatusForbidden {
		t.Errorf("with the developer's key on a server without --dev: %d", resp.StatusCode)
	}
	root := s.Root()
	if resp, body := do(t, sign(t, request(t, "GET", s.url("/_gatehouse/outbox"), ""), "", "gatehouse", root.AccessKeyID, root.SecretKey)); resp.StatusCode != 200 || strings.TrimSpace(body) != "[]" {
		t.Errorf("root: %d %s", resp.StatusCode, body)
	}
	for _, path := range []string{"/_gatehouse/clock", "/_gatehouse/reset"} {
		if resp, _ := do(t, request(t, "POST", s.url(path), "{}")); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d without --dev", path, resp.StatusCode)
		}
	}
}

func TestDev_clockAndReset(t *testing.T) {
	s := start(t, settings(t, "--dev"))
	create := `{"PoolName":"p"}`
	op := "AWSCognitoIdentityProviderService."
	if resp, body := do(t, sign(t, request(t, "POST", s.url("/"), create, target, op+"CreateUserPool"), create, "cognito-idp", "test", "test")); resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	for _, body := range []string{"", "{}", `{"advance":"-1s"}`, `{"advance":"soon"}`} {
		if resp, _ := do(t, request(t, "POST", s.url("/_gatehouse/clock"), body)); resp.StatusCode != 400 {
			t.Errorf("clock took %q", body)
		}
	}
	if resp, _ := do(t, request(t, "POST", s.url("/_gatehouse/clock"), `{"advance":"1h"}`)); resp.StatusCode != 200 {
		t.Errorf("clock: %d", resp.StatusCode)
	}
	resp, body := do(t, sign(t, request(t, "POST", s.url("/"), create, target, op+"CreateUserPool"), create, "cognito-idp", "test", "test"))
	if !strings.Contains(body, "Signature expired") {
		t.Errorf("a signature of an hour ago: %s", body)
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err != nil || time.Until(at) < 50*time.Minute {
		t.Errorf("the Date header must be the server's clock: %v", resp.Header.Get("Date"))
	}
	if resp, _ := do(t, request(t, "POST", s.url("/_gatehouse/reset"), "", "Origin", "http://evil.example")); resp.StatusCode != http.StatusForbidden {
		t.Errorf("another origin's page resets: %d", resp.StatusCode)
	}
	before := s.Root()
	if resp, body := do(t, request(t, "POST", s.url("/_gatehouse/reset"), "")); resp.StatusCode != 200 {
		t.Fatalf("reset: %d %s", resp.StatusCode, body)
	}
	if s.Root() != before {
		t.Error("reset must leave the root key")
	}
}

// TestSecondStart: what was made is there again; another ring is refused.
func TestSecondStart(t *testing.T) {
	c := settings(t)
	first := start(t, c)
	root := first.Root()
	body := `{"PoolName":"people"}`
	resp, text := do(t, sign(t, request(t, "POST", first.url("/"), body, target, "AWSCognitoIdentityProviderService.CreateUserPool"), body, "cognito-idp", root.AccessKeyID, root.SecretKey))
	if resp.StatusCode != 200 {
		t.Fatal(text)
	}
	var made struct{ UserPool struct{ Id string } }
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(t.Context(), server.Options{Config: c, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("a second server opened the same folder")
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, c)
	if second.Root().AccessKeyID != root.AccessKeyID || second.Root().SecretKey != root.SecretKey {
		t.Error("the root key changed")
	}
	if resp, _ := do(t, request(t, "GET", second.url("/"+made.UserPool.Id+"/.well-known/jwks.json"), "")); resp.StatusCode != 200 {
		t.Errorf("key set after a restart: %d", resp.StatusCode)
	}
	if r, err := server.ReadRoot(c); err != nil || r.SecretKey != root.SecretKey || r.Endpoint != second.URL() {
		t.Errorf("credentials on the host: %+v, %v", r, err)
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	ring := filepath.Join(c.Data, "keyring.json")
	if info, err := os.Stat(ring); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key ring: %v, %v", info, err)
	}
	if err := os.Remove(ring); err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(t.Context(), server.Options{Config: c, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "ring") {
		t.Errorf("a start without the key ring: %v", err)
	}
	if _, err := os.Stat(ring); err == nil {
		t.Error("a new key ring was made in silence")
	}
}

// TestNew_riskFiles: a file that threat protection could not use stops the
// start, and says why.
func TestNew_riskFiles(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"compromised-passwords": "open --compromised-passwords: " + bad + ": at byte 0: a line is the SHA-1",
		"locations": "read --locations: " + bad + ": record on line 1: wrong number of fields"} {
		c := settings(t, "--"+name, bad)
		if _, err := server.New(t.Context(), server.Options{Config: c, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--%s: %v, want %s", name, err, want)
		}
	}
}

func TestTLS_self(t *testing.T) {
	c := settings(t, "--tls", "self")
	s := start(t, c)
	if !strings.HasPrefix(s.URL(), "https://") {
		t.Fatalf("URL %s", s.URL())
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	resp, err := client.Get("https://" + s.Addr().String() + "/_gatehouse/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("%d over %s", resp.StatusCode, resp.Proto)
	}
	leaf := resp.TLS.PeerCertificates[0]
	for _, name := range []string{"localhost", "bucket.s3.us-east-1.localhost"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(c.Data, "tls-key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
}

// TestHTTP2ClearText: the JavaScript SDK's Kinesis client asks for it.
func TestHTTP2ClearText(t *testing.T) {
	s := start(t, settings(t))
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	resp, err := client.Get(s.url("/_gatehouse/health"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("answered over %s", resp.Proto)
	}
}

// TestDrain: a request in flight when the server is told to stop is answered.
func TestDrain(t *testing.T) {
	s := start(t, settings(t))
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\n%s: AWSCognitoIdentityService.GetId\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{", target)
	time.Sleep(100 * time.Millisecond) // the server is reading the body now
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	time.Sleep(100 * time.Millisecond)
	fmt.Fprint(conn, "}")
	b, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(b), "InvalidParameterException") {
		t.Errorf("got %q, %v", b, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestEvent: one event a request, with names and outcomes and nothing that was
// sent in confidence.
func TestEvent(t *testing.T) {
	s := start(t, settings(t))
	secret := "hunter2-Secret-9"
	do(t, request(t, "POST", s.url("/?token="+secret), `{"ClientId":"abc","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"`+secret+`","PASSWORD":"`+secret+`"}}`,
		target, "AWSCognitoIdentityProviderService.InitiateAuth"))
	do(t, request(t, "GET", s.url("/"+secret+"/"+secret), ""))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.log.String(), secret) {
		t.Errorf("the log holds a secret: %s", s.log.String())
	}
	var found bool
	for line := range strings.Lines(s.log.String()) {
		var ev map[string]any
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("not JSON: %s", line)
		}
		if ev["operation"] == "InitiateAuth" {
			found = true
			for _, name := range []string{"requestId", "service", "status", "took", "from", "error"} {
				if ev[name] == nil {
					t.Errorf("the event has no %s: %v", name, ev)
				}
			}
		}
	}
	if !found {
		t.Error("no event of the operation")
	}
}
