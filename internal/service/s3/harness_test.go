package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/service/s3"
	"gatehouse/internal/service/s3/blob"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

const account = "123456789012"

// world is a server on loopback with a real store, real blobs and real
// signatures; only where policies are kept is the test's own.
type world struct {
	t    testing.TB
	http *httptest.Server
	svc  *s3.Service
	db   *store.DB
	blob *blob.Files
	dir  string

	mu       sync.Mutex
	now      time.Time
	policies map[string][]policy.Source // by user name
}

// each runs a test on SQLite and on PostgreSQL.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { fn(t, newWorld(t, db)) })
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, dir: t.TempDir(), now: time.Now(), policies: map[string][]policy.Source{}}
	var err error
	if w.blob, err = blob.OpenFiles(w.dir); err != nil {
		t.Fatal(err)
	}
	w.svc, err = s3.New(s3.Config{
		DB: db, Blobs: w.blob, Authenticator: &authenticator{now: w.clock}, Access: w, Account: account,
		BaseDomain: "localhost", Now: w.clock, BlobGrace: time.Nanosecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(w.svc)
	t.Cleanup(w.http.Close)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Decide implements access.Decider.
func (w *world) Decide(_ context.Context, c *access.Caller, check access.Check) (policy.Decision, error) {
	keys := policy.Context{}
	for k, v := range c.Context {
		keys[k] = v
	}
	for k, v := range check.Context {
		keys[k] = v
	}
	w.mu.Lock()
	identity := w.policies[c.Principal.UniqueID]
	w.mu.Unlock()
	return policy.Evaluate(&policy.Request{
		Principal: c.Principal, Action: check.Action, Resource: check.Resource, ResourceAccount: account, Context: keys,
	}, &policy.Policies{Identity: identity, Resource: check.ResourcePolicies, Session: c.SessionPolicies, Grant: check.Grant}), nil
}

// allow gives a user one identity policy, in place of those before.
func (w *world) allow(user, text string) {
	w.t.Helper()
	doc, err := policy.Parse(text, policy.IdentityKind)
	if err != nil {
		w.t.Fatalf("policy: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.policies["AIDA"+strings.ToUpper(user)] = []policy.Source{{Name: "test", Document: doc}}
}

// client is the unmodified SDK with the keys of a user; "root" is the account.
func (w *world) client(user string, options ...func(*awss3.Options)) *awss3.Client {
	return clientFor(w.http, user, options...)
}

func clientFor(server *httptest.Server, user string, options ...func(*awss3.Options)) *awss3.Client {
	key := accessKeyOf(user)
	return awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(key, secretOf(key), ""),
		HTTPClient:  toServer(server), RetryMaxAttempts: 1,
	}, options...)
}

// toServer is a client that reaches the server by any host name.
func toServer(server *httptest.Server) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
			},
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // httptest's certificate, on loopback
		},
	}
}

// do sends an unsigned request. headers are name and value in turn.
func (w *world) do(method, url, body string, headers ...string) *answer {
	w.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = w.http.URL + url
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.send(r)
}

type answer struct {
	*http.Response
	body string
}

func (w *world) send(r *http.Request) *answer {
	w.t.Helper()
	res, err := toServer(w.http).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return &answer{res, string(b)}
}

// is checks status and error code.
func (a *answer) is(t testing.TB, status int, contains ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	for _, c := range contains {
		if !strings.Contains(a.body, c) {
			t.Fatalf("answer lacks %q: %s", c, a.body)
		}
	}
}

// fails checks the code of an error of the SDK; empty means success.
func fails(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	switch {
	case code == "" && err != nil:
		t.Fatalf("unexpected error: %v", err)
	case code == "":
	case err == nil:
		t.Fatalf("succeeded, want %s", code)
	case !errors.As(err, &api) || api.ErrorCode() != code:
		t.Fatalf("error %v, want %s", err, code)
	}
}

var ctx = context.Background()

type ctxC = context.Context

// bucket makes a bucket; open makes it one where ACLs work and nothing public
// is blocked, as in walk-through 1.
func (w *world) bucket(name string, open bool) string {
	w.t.Helper()
	c := w.client("root")
	_, err := c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &name})
	fails(w.t, err, "")
	if open {
		_, err = c.DeletePublicAccessBlock(ctx, &awss3.DeletePublicAccessBlockInput{Bucket: &name})
		fails(w.t, err, "")
		_, err = c.DeleteBucketOwnershipControls(ctx, &awss3.DeleteBucketOwnershipControlsInput{Bucket: &name})
		fails(w.t, err, "")
	}
	return name
}

func (w *world) put(bucket, key, body string, change ...func(*awss3.PutObjectInput)) *awss3.PutObjectOutput {
	w.t.Helper()
	in := &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}
	for _, c := range change {
		c(in)
	}
	out, err := w.client("root").PutObject(ctx, in)
	fails(w.t, err, "")
	return out
}

func (w *world) get(bucket, key string) string {
	w.t.Helper()
	out, err := w.client("root").GetObject(ctx, &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
	fails(w.t, err, "")
	return read(w.t, out.Body)
}

func read(t testing.TB, body io.ReadCloser) string {
	t.Helper()
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func pattern(n int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n] }

// sweep collects the bytes of what was deleted, after some time.
func (w *world) sweep(after time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	before := w.now
	w.now = w.now.Add(after)
	w.mu.Unlock()
	if _, err := w.svc.Sweep(ctx, true); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.now = before
	w.mu.Unlock()
}

// blobs counts the files that hold bytes.
func (w *world) blobs() int {
	w.t.Helper()
	n := 0
	if err := w.blob.Each(ctx, time.Now().Add(time.Hour), func(string) error { n++; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func md5Base64(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}
