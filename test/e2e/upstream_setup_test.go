package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// forwarding is a server whose bucket "photos" lives in the bucket "photos-prod"
// of another one, which checks every signature and permission itself. A wire
// between them keeps what passes.
type forwarding struct {
	*env         // the server that is asked
	there *env   // the upstream
	wire  *wire  // between the two
	file  string // of --upstreams
}

// The operator's key at the upstream can do what the bucket needs, and no more.
const thereAllows = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions","s3:ListBucketMultipartUploads","s3:GetBucketVersioning"],"Resource":["arn:aws:s3:::photos-prod","arn:aws:s3:::second-prod"]},
	{"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion","s3:PutObject","s3:DeleteObject","s3:DeleteObjectVersion","s3:GetObjectTagging","s3:PutObjectTagging",
		"s3:DeleteObjectTagging","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":["arn:aws:s3:::photos-prod/*","arn:aws:s3:::second-prod/*"]},
	{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::photos-prod/forbidden-there/*"}]}`

// eachForwarding runs a test with an asked server on each kind of store.
func eachForwarding(t *testing.T, test func(x *forwarding), opts ...gatehousetest.Option) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(startForwarding(t, append(on(t, kind), opts...)...))
		})
	}
}

func startForwarding(t *testing.T, opts ...gatehousetest.Option) *forwarding {
	x := &forwarding{there: start(t, gatehousetest.ExpectFaults())}
	for _, name := range []string{"photos-prod", "second-prod"} {
		_, err := x.there.root.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
		x.there.ok(err)
	}
	_, key := x.there.person("gatehouse", thereAllows)
	x.wire = newWire(t, x.there.server.URL)
	x.file = upstreamsFile(t, fmt.Sprintf(`
- bucket: photos
  name: photos-prod
  any-key: true
  endpoint: %[1]s
  access-key-id: %[2]s
  secret-access-key: %[3]s
- bucket: second
  name: second-prod
  endpoint: %[1]s
  access-key-id: %[2]s
  secret-access-key: %[3]s
- bucket: wrong-key
  name: photos-prod
  endpoint: %[1]s
  access-key-id: %[2]s
  secret-access-key: not-the-secret
- bucket: gone
  endpoint: http://127.0.0.1:1
  access-key-id: %[2]s
  secret-access-key: %[3]s
`, x.wire.URL, *key.AccessKeyId, *key.SecretAccessKey))
	x.env = start(t, append([]gatehousetest.Option{gatehousetest.Upstreams(x.file), gatehousetest.ExpectFaults()}, opts...)...)
	return x
}

func upstreamsFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upstreams.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// wire passes requests on to a server as they are, and keeps their heads.
type wire struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*http.Request
	// instead, when not nil, answers a request itself and says so.
	instead func(w http.ResponseWriter, r *http.Request) bool
	// answered changes an answer.
	answered func(*http.Response)
}

func newWire(t *testing.T, to string) *wire {
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = target.Scheme, target.Host, p.In.Host
			p.Out.URL.RawPath = p.In.URL.RawPath
		},
		ModifyResponse: func(r *http.Response) error {
			w.mu.Lock()
			change := w.answered
			w.mu.Unlock()
			if change != nil {
				change(r)
			}
			return nil
		},
		ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		kept := r.Clone(r.Context())
		w.requests = append(w.requests, kept)
		instead := w.instead
		w.mu.Unlock()
		if instead != nil && instead(rw, r) {
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// seen are the requests since the last call.
func (w *wire) seen() []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.requests
	w.requests = nil
	return all
}

// says names the requests since the last call, "PUT /photos-prod/key".
func (w *wire) says() []string {
	var names []string
	for _, r := range w.seen() {
		names = append(names, r.Method+" "+r.URL.Path)
	}
	return names
}

func (w *wire) put(instead func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = instead
}

func (w *wire) change(answered func(*http.Response)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = answered
}

// untouched fails the test when the upstream heard of anything.
func (x *forwarding) untouched(what string) {
	x.Helper()
	if heard := x.wire.says(); len(heard) > 0 {
		x.Errorf("%s: the upstream heard %v", what, heard)
	}
}

// thereAre are the keys of the upstream's bucket, by the upstream itself.
func (x *forwarding) thereAre() []string {
	x.Helper()
	keys, err := x.there.keys(x.there.root, "photos-prod")
	x.ok(err)
	return keys
}

// thereIs checks what keys the upstream has.
func (x *forwarding) thereIs(want ...string) {
	x.Helper()
	// An upload that broke off is noticed there in a moment.
	got := x.thereAre()
	for deadline := time.Now().Add(2 * time.Second); !slices.Equal(got, want) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got = x.thereAre()
	}
	if !slices.Equal(got, want) {
		x.Errorf("the upstream has %q, want %q", got, want)
	}
}

func allow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.ReplaceAll(action, ",", `","`) + `"],"Resource":"` + resource + `"}}`
}

func logTo(w io.Writer) gatehousetest.Option { return gatehousetest.Log(w) }

func (x *forwarding) fileText() string {
	x.Helper()
	text, err := os.ReadFile(x.file)
	x.ok(err)
	return string(text)
}
