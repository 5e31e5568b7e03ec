package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/authz/sigv4"
)

// client is a client of a server with limits that a test can wait for.
func client(t *testing.T, h http.HandlerFunc, change func(*Config)) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Endpoint: u, Service: "s3", Region: "us-east-1", Credentials: sigv4.Credentials{AccessKeyID: "AKIA", Secret: "secret"}, Now: time.Now,
		Concurrent: 2, Wait: 50 * time.Millisecond, Answer: 200 * time.Millisecond, Stall: 200 * time.Millisecond, Rest: 300 * time.Millisecond, Connect: 200 * time.Millisecond}
	if change != nil {
		change(&c)
	}
	return New(c)
}

func get(t *testing.T, c *Client) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://upstream/key", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r, sigv4.UnsignedPayload)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// TestClient_limits: every way in which an upstream can stop is noticed, in
// time, and what was taken is given back.
func TestClient_limits(t *testing.T) {
	release := make(chan bool)
	defer close(release)
	hang := func(r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		want func(error) bool
	}{
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { hang(r) }, func(err error) bool { return strings.Contains(err.Error(), "timeout awaiting response headers") }},
		{"half an answer", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			hang(r)
		}, func(err error) bool { return errors.Is(err, ErrStalled) }},
		{"an answer that is cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		u := client(t, c.h, nil)
		for range 5 { // more than there are slots
			start := time.Now()
			if _, err := get(t, u); err == nil || !c.want(err) {
				t.Errorf("%s: %v", c.name, err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("%s: noticed after %v", c.name, took)
			}
		}
	}
}

// TestClient_stalledUpload: an upstream that takes no more of a body.
func TestClient_stalledUpload(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // and nothing is ever read
		}
	}()
	u := client(t, nil, func(c *Config) { c.Endpoint = &url.URL{Scheme: "http", Host: l.Addr().String()} })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://upstream/key", io.LimitReader(endless{}, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 1 << 30
	start := time.Now()
	if _, err := u.Do(r, sigv4.UnsignedPayload); !errors.Is(err, ErrStalled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("noticed after %v", took)
	}
}

// TestClient_slowCaller: a caller that takes its time is not the upstream's
// fault.
func TestClient_slowCaller(t *testing.T) {
	u := client(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		if n != 3 {
			t.Errorf("%d bytes came", n)
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
	}, nil)
	pr, pw := io.Pipe()
	go func() {
		for range 3 {
			time.Sleep(300 * time.Millisecond) // longer than a stall
			_, _ = pw.Write([]byte("x"))
		}
		pw.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://upstream/key", pr)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 3
	resp, err := u.Do(r, sigv4.UnsignedPayload)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	time.Sleep(300 * time.Millisecond)
	if b, err := io.ReadAll(resp.Body); err != nil || len(b) != 1<<20 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// TestClient_busy: no more requests than slots, a short wait for the next, and
// room again when an answer is closed or its caller goes.
func TestClient_busy(t *testing.T) {
	u := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, func(c *Config) { c.Stall = time.Minute })
	var open []*http.Response
	for range 2 {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://upstream/key", nil)
		resp, err := u.Do(r, sigv4.UnsignedPayload)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, resp)
	}
	if _, err := get(t, u); !errors.Is(err, ErrBusy) {
		t.Errorf("a third request: %v", err)
	}
	open[0].Body.Close()
	open[0].Body.Close() // twice gives back once
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://upstream/key", nil)
	resp, err := u.Do(r, sigv4.UnsignedPayload)
	if err != nil {
		t.Fatalf("after one was closed: %v", err)
	}
	if _, err := get(t, u); !errors.Is(err, ErrBusy) {
		t.Errorf("a fourth request: %v", err)
	}
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that went: %v", err)
	}
	resp.Body.Close()
	open[1].Body.Close()
	if len(u.slots) != 0 {
		t.Errorf("%d slots are still taken", len(u.slots))
	}
}

// TestClient_down: after one connection failed, the next requests do not wait,
// and after a rest the upstream is asked again.
func TestClient_down(t *testing.T) {
	var l net.Listener
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	u := client(t, nil, func(c *Config) { c.Endpoint = &url.URL{Scheme: "http", Host: address} })
	if _, err := get(t, u); err == nil || errors.Is(err, ErrDown) {
		t.Errorf("the first: %v", err)
	}
	if _, err := get(t, u); !errors.Is(err, ErrDown) {
		t.Errorf("the second: %v", err)
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "back") }), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	time.Sleep(400 * time.Millisecond)
	if body, err := get(t, u); err != nil || body != "back" {
		t.Errorf("after a rest: %q, %v", body, err)
	}
}

// TestBucket: where requests go, in both styles.
func TestBucket(t *testing.T) {
	var got string
	c := client(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Host + " " + r.RequestURI }, nil)
	host := c.config.Endpoint.Host
	inner := c.transport.DialContext
	c.transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) { return inner(ctx, network, host) }
	for _, s := range []struct {
		pathStyle  bool
		path, want string
	}{
		{true, "/", host + " /photos"},
		{true, "/a/../b c%2F", host + " /photos/a/../b%20c%252F"},
		{true, "//a", host + " /photos//a"},
		{false, "/", "photos." + host + " /"},
		{false, "/a//é", "photos." + host + " /a//%C3%A9"},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://upstream/", nil)
		r.URL.Path = s.path
		b := &Bucket{Client: c, Name: "photos", PathStyle: s.pathStyle}
		if _, err := b.RoundTrip(r); err == nil {
			t.Error("a request went that says nothing of its body")
		}
		r.Header.Set("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
		resp, err := b.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got != s.want {
			t.Errorf("%s went to %s, want %s", s.path, got, s.want)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
