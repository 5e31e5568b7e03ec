// Package upstream sends requests to the stores that people already run (MinIO,
// Ceph, AWS itself), signed with the operator's own key.
//
// What a newcomer gets wrong: this is no proxy. Nothing of a caller's request
// comes here by itself; a service that has authorised the caller makes a new
// request and puts into it what it knows by name. And the address is the
// operator's own word, unlike those of package oidc, so that private networks
// are fine.
package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/authz/sigv4"
)

// Why a request did not get an answer. Other errors are the network's.
var (
	// ErrBusy: as many requests are on their way as may be, and none ended soon.
	ErrBusy = errors.New("too many requests are on their way to the upstream")
	// ErrDown: connecting failed a moment ago.
	ErrDown = errors.New("the upstream could not be reached a moment ago")
	// ErrStalled: the upstream stopped in the middle of a request or answer.
	ErrStalled = errors.New("the upstream neither takes nor gives anything any more")
)

// Config says where an upstream is, and how much of it may be used. Zero limits
// mean the stated defaults.
type Config struct {
	Endpoint    *url.URL // scheme and host alone
	Service     string   // of the signature: s3, ssm, kinesis
	Region      string   // of the signature
	Credentials sigv4.Credentials
	Roots       *x509.CertPool // nil: the machine's
	Now         func() time.Time

	MaxAnswer  int64         // bytes that Call reads of an answer; 4 MiB
	Concurrent int           // requests on their way; 64
	Wait       time.Duration // for one of those to end; 1 second
	Connect    time.Duration // TCP and TLS; 3 seconds each
	Answer     time.Duration // from the end of a request to the answer's head; 60 seconds
	Stall      time.Duration // between bytes of a body; 30 seconds
	Rest       time.Duration // after connecting failed, before the next try; 1 second
}

// Client is one upstream. Its methods are safe for concurrent use.
type Client struct {
	config    Config
	transport *http.Transport
	keys      *sigv4.KeyCache
	slots     chan struct{}
	down      atomic.Bool // connecting failed a moment ago
}

// New returns a client. Nothing is asked of the upstream before the first
// request.
func New(c Config) *Client {
	c.Concurrent, c.Wait = cmp.Or(c.Concurrent, 64), cmp.Or(c.Wait, time.Second)
	c.Connect, c.Answer = cmp.Or(c.Connect, 3*time.Second), cmp.Or(c.Answer, time.Minute)
	c.Stall, c.Rest = cmp.Or(c.Stall, 30*time.Second), cmp.Or(c.Rest, time.Second)
	c.MaxAnswer = cmp.Or(c.MaxAnswer, 4<<20) // ten parameters of 8 KiB, fifty of whatever is said of them
	u := &Client{config: c, keys: sigv4.NewKeyCache(4), slots: make(chan struct{}, c.Concurrent)}
	protocols := new(http.Protocols)
	// One request a connection: cutting one off is to close its connection, which
	// every server takes for what it is.
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: c.Connect}
	u.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil && ctx.Err() == nil {
				u.rest()
			}
			return conn, err
		},
		Protocols:              protocols,
		TLSClientConfig:        &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    c.Connect,
		ResponseHeaderTimeout:  c.Answer,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConns:           c.Concurrent,
		MaxIdleConnsPerHost:    c.Concurrent,
		MaxConnsPerHost:        c.Concurrent,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // the bytes as they are
	}
	return u
}

// rest lets the requests of the next moment fail at once.
func (u *Client) rest() {
	u.down.Store(true)
	time.AfterFunc(u.config.Rest, func() { u.down.Store(false) })
}

// Do signs a request and sends it to the endpoint: of its URL only path and
// query count. payload is the SHA-256 of its body in hexadecimal, or
// sigv4.UnsignedPayload. A redirect is an answer like any other. The answer's
// body must be closed.
func (u *Client) Do(r *http.Request, payload string) (*http.Response, error) {
	return u.send(r, u.config.Endpoint.Host, payload)
}

func (u *Client) send(r *http.Request, host, payload string) (*http.Response, error) {
	if u.down.Load() {
		return nil, ErrDown
	}
	if err := u.take(r.Context()); err != nil {
		return nil, err
	}
	free := sync.OnceFunc(func() { <-u.slots })
	ctx, cancel := context.WithCancelCause(r.Context())
	w := newWatch(u.config.Stall, func() { cancel(ErrStalled) })
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.Host = u.config.Endpoint.Scheme, host, host
	if out.URL.Path == "" {
		out.URL.Path = "/"
	}
	if r.Body != nil && r.ContentLength != 0 {
		out.Body = &sent{r.Body, w}
	}
	out.Header.Set("User-Agent", "gatehouse")
	sigv4.Sign(out, u.config.Credentials, u.config.Region, u.config.Service, payload, u.config.Now(), u.keys)
	resp, err := u.transport.RoundTrip(out)
	w.stop()
	if err != nil {
		stalled := errors.Is(context.Cause(ctx), ErrStalled)
		cancel(nil)
		free()
		if stalled {
			return nil, ErrStalled
		}
		return nil, plain(err)
	}
	resp.Body = &received{ReadCloser: resp.Body, watch: w, ctx: ctx, end: func() {
		w.stop()
		cancel(nil)
		free()
	}}
	return resp, nil
}

// take waits for room.
func (u *Client) take(ctx context.Context) error {
	select {
	case u.slots <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(u.config.Wait)
	defer late.Stop()
	select {
	case u.slots <- struct{}{}:
		return nil
	case <-late.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// plain is an error without the address, which names bucket and key.
func plain(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return err
}

// watch ends a request that has stopped. It counts only while the upstream is
// waited for: how long a caller takes is for others to bound.
type watch struct {
	timer *time.Timer
	after time.Duration
}

func newWatch(after time.Duration, end func()) *watch {
	w := &watch{time.AfterFunc(after, end), after}
	w.timer.Stop()
	return w
}

func (w *watch) start() { w.timer.Reset(w.after) }
func (w *watch) stop()  { w.timer.Stop() }

// sent is the body of a request: between two reads the upstream is waited for,
// and after the last one its answer, which the transport bounds.
type sent struct {
	io.ReadCloser
	watch *watch
}

func (s *sent) Read(p []byte) (int, error) {
	s.watch.stop()
	n, err := s.ReadCloser.Read(p)
	if err == nil {
		s.watch.start()
	}
	return n, err
}

// received is the body of an answer: within a read the upstream is waited for.
type received struct {
	io.ReadCloser
	watch *watch
	ctx   context.Context
	end   func()
	once  sync.Once
}

func (r *received) Read(p []byte) (int, error) {
	r.watch.start()
	n, err := r.ReadCloser.Read(p)
	r.watch.stop()
	if err != nil && errors.Is(context.Cause(r.ctx), ErrStalled) {
		err = ErrStalled
	}
	return n, err
}

func (r *received) Close() error {
	// The body first: one that is not read to its end costs the connection, and
	// one that is keeps it.
	err := r.ReadCloser.Close()
	r.once.Do(r.end)
	return err
}

// Bucket is a bucket of an upstream as an http.RoundTripper: a request's path is
// the key behind a slash, or a slash alone for the bucket itself. Its header
// X-Amz-Content-Sha256 says what the body is.
type Bucket struct {
	Client *Client
	Name   string
	// PathStyle puts the name into the path; else it is in front of the host.
	PathStyle bool
}

// RoundTrip sends a request about the bucket or a key of it. See Client.Do for
// its errors and the answer.
func (b *Bucket) RoundTrip(r *http.Request) (*http.Response, error) {
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		return nil, errors.New("a request to an upstream says nothing of its body")
	}
	host := b.Client.config.Endpoint.Host
	out := r.Clone(r.Context())
	escaped := sigv4.EscapePath(r.URL.Path)
	if b.PathStyle {
		out.URL.Path, out.URL.RawPath = "/"+b.Name+r.URL.Path, "/"+b.Name+escaped
		if r.URL.Path == "/" {
			out.URL.Path, out.URL.RawPath = "/"+b.Name, ""
		}
	} else {
		host = b.Name + "." + host
		out.URL.RawPath = escaped
	}
	out.Body = r.Body
	return b.Client.send(out, host, payload)
}
