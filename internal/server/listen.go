package server

import (
	"context"

	"crypto/tls"

	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/event"
)

// The limits of every connection (promises.md, N4). Bodies of S3 objects may
// be long, so reading and writing have no total limit but a pace: see pace.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	bodyTimeout   = 30 * time.Second
	maxHeader     = 64 << 10
	drainTimeout  = 10 * time.Second
)

func newHTTPServer(h http.Handler, tc *tls.Config, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	// The JavaScript SDK's Kinesis client speaks HTTP/2 without TLS.
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: h, TLSConfig: tc, Protocols: protocols, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// source is where a request came from: the peer, since there is no setting that
// names a proxy to be believed.
func source(r *http.Request) event.Source {
	s := event.Source{UserAgent: r.UserAgent()}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		s.IP = peer.Addr().Unmap().WithZone("")
	}
	return s
}

// observe gives each request an id, a time limit and one log event, counts it,
// and turns a panic into a 500.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ctx, ev := event.New(r.Context(), uuid.NewString())
		ev.Source = source(r)
		rec := &recorder{ResponseWriter: w}
		// SDKs correct their clocks by this header; it must be the clock that
		// signatures are checked by.
		w.Header().Set("Date", s.clock.Now().UTC().Format(http.TimeFormat))
		s.metrics.inflight.Inc()
		defer s.metrics.inflight.Dec()
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				s.log.Error("a request panicked", "requestId", ev.ID, "panic", p, "stack", string(debug.Stack()))
				if rec.status == 0 {
					http.Error(rec, "internal error, request id "+ev.ID, http.StatusInternalServerError)
				}
			}
			s.done(r, rec, ev, time.Since(start))
		}()
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

// done logs and counts a request that has ended. The path is not logged as it
// came: it can hold codes and tokens of careless clients.
func (s *Server) done(r *http.Request, rec *recorder, ev *event.Event, took time.Duration) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	service, _ := ev.Get("service").(string)
	operation, _ := ev.Get("operation").(string)
	s.metrics.count(service, operation, rec.status, took)
	level := slog.LevelInfo
	if rec.status >= 500 {
		level = slog.LevelError
	}
	attrs := append([]slog.Attr{slog.String("requestId", ev.ID), slog.String("method", r.Method), slog.Int("status", rec.status),
		slog.Duration("took", took.Round(time.Microsecond)), slog.Int64("bytes", rec.bytes), slog.String("from", r.RemoteAddr)}, ev.Attrs()...)
	s.log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// limited bounds the whole of a request that is no stream: reading its body,
// working on it, writing the answer.
func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(bodyTimeout))
		_ = c.SetWriteDeadline(time.Now().Add(2 * bodyTimeout))
		ctx, cancel := context.WithTimeout(r.Context(), bodyTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// paced is for streams: each read and write must get on within half a minute,
// however long the whole takes.
func paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &pacedBody{r.Body, c}
		}
		next.ServeHTTP(&pacedWriter{ResponseWriter: w, c: c}, r)
	})
}

type pacedBody struct {
	readCloser
	c *http.ResponseController
}

type readCloser interface {
	Read([]byte) (int, error)
	Close() error
}

func (b *pacedBody) Read(p []byte) (int, error) {
	_ = b.c.SetReadDeadline(time.Now().Add(bodyTimeout))
	return b.readCloser.Read(p)
}

type pacedWriter struct {
	http.ResponseWriter
	c *http.ResponseController
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	_ = w.c.SetWriteDeadline(time.Now().Add(bodyTimeout))
	return w.ResponseWriter.Write(p)
}

func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// port is the port of a listener.
func port(l net.Listener) string {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return strconv.Itoa(a.Port)
	}
	return ""
}
