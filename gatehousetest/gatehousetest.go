// Package gatehousetest runs a whole gatehouse inside a Go test: on a free
// loopback port, with its data in the test's folder and a clock that the test
// moves.
//
//	s := gatehousetest.Start(t)
//	cfg.BaseEndpoint = &s.URL // or AWS_ENDPOINT_URL
//	// sign as s.AccessKeyID and s.SecretKey, which are root
//	code := s.Code("ann@example.com") // the code that was mailed
//	s.Advance(25 * time.Hour)         // and now it has expired
//
// What a newcomer gets wrong: after Advance the server lives in the future. A
// request signed with the machine's time is an old one there; sign with the
// time of [Server.Now], or let the SDK correct its clock.
//
// The server checks everything that it checks in production. It ends with the
// test, and the test fails when the server answers an exception that AWS's
// model does not list for the operation, or breaks.
package gatehousetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
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

	"github.com/google/uuid"

	"gatehouse/internal/config"
	"gatehouse/internal/server"
	"gatehouse/internal/store"
)

// Server is a running gatehouse.
type Server struct {
	URL     string // of the one port: http://localhost:<port>
	Region  string
	Account string
	// AccessKeyID and SecretKey are a root key: "test" and "test", or with
	// NotDev the one that the server made.
	AccessKeyID string
	SecretKey   string
	// Data is the server's folder. A later Start with the option of that name
	// goes on with it.
	Data string

	t      testing.TB
	server *server.Server
	clock  *server.Clock
	port   string
	log    slog.Handler
	stop   func()
}

// Option changes what Start starts.
type Option func(*settings)

type settings struct {
	config config.Config
	log    io.Writer
	faults bool
	lambda time.Duration
	// providers stands in for OpenID Connect providers on the internet.
	providers http.RoundTripper
}

// PostgreSQL keeps the data in a PostgreSQL database in place of the embedded
// store. Two servers on one database also need one folder, which holds the key
// ring: give both the same Data.
func PostgreSQL(url string) Option { return func(s *settings) { s.config.Database = url } }

// Data keeps the server's files in a folder of the caller, so that another
// server can go on with them.
func Data(dir string) Option { return func(s *settings) { s.config.Data = dir } }

// Account sets the account number, 12 digits.
func Account(id string) Option { return func(s *settings) { s.config.Account = id } }

// Region sets the region of the ids that the server makes.
func Region(name string) Option { return func(s *settings) { s.config.Region = name } }

// PublicURL sets what issuers and discovery documents say, for servers that
// are to be one: behind one name, or one after the other.
func PublicURL(url string) Option { return func(s *settings) { s.config.PublicURL = url } }

// Issuer sets the form of the issuer in tokens: "public" or "aws".
func Issuer(form string) Option { return func(s *settings) { s.config.Issuer = form } }

// SMTP sends mails through a server, such as smtp://user:password@localhost:587,
// from an address. Without it they stay in the outbox, where Messages and Code
// find them in either case.
func SMTP(url, from string) Option {
	return func(s *settings) { s.config.SMTP, s.config.SMTPFrom = url, from }
}

// SMSWebhook is the URL that gets text messages. Without it they stay in the
// outbox.
func SMSWebhook(url string) Option { return func(s *settings) { s.config.SMSWebhook = url } }

// LambdaEndpoint is the URL of a service that speaks AWS Lambda's Invoke API,
// such as one that the test runs. Without it pools have no functions.
func LambdaEndpoint(url string) Option { return func(s *settings) { s.config.LambdaEndpoint = url } }

// LambdaTimeout is how long each of three tries to call a function may take, in
// place of 5 seconds.
func LambdaTimeout(d time.Duration) Option { return func(s *settings) { s.lambda = d } }

// Providers answers in place of OpenID Connect providers elsewhere, such as
// https://accounts.google.com. Without it they are asked over the network.
func Providers(rt http.RoundTripper) Option { return func(s *settings) { s.providers = rt } }

// CompromisedPasswords names the file of hashes of passwords that were leaked.
func CompromisedPasswords(file string) Option {
	return func(s *settings) { s.config.Compromised = file }
}

// Locations names the file of where networks are.
func Locations(file string) Option { return func(s *settings) { s.config.Locations = file } }

// Templates names the folder of files that take the place of those of the pages.
func Templates(dir string) Option { return func(s *settings) { s.config.Templates = dir } }

// Upstreams names the file of buckets, parameters and streams that live elsewhere.
func Upstreams(file string) Option { return func(s *settings) { s.config.Upstreams = file } }

// TLS serves HTTPS with a certificate that the server makes for itself. Client
// trusts it.
func TLS() Option { return func(s *settings) { s.config.TLS = "self" } }

// NotDev runs the server as it runs in production: there is no key test/test,
// and outbox and clock are not to be reached over HTTP. Advance, Messages and
// Code work all the same.
func NotDev() Option { return func(s *settings) { s.config.Dev = false } }

// Log sends the server's log to w, as JSON lines. Without it the log is part of
// the test's output, which `go test` shows when the test fails.
func Log(w io.Writer) Option { return func(s *settings) { s.log = w } }

// ExpectFaults says that the test breaks things on purpose, so that errors in
// the server's log do not fail it.
func ExpectFaults() Option { return func(s *settings) { s.faults = true } }

// Start starts a server that stops when the test ends. It fails the test when
// the server cannot start.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	st := settings{config: config.Config{Listen: "127.0.0.1:0", BaseDomain: "localhost", Region: "us-east-1", Account: "000000000000",
		SMTPFrom: "no-reply@localhost", Issuer: "public", Log: "json", Dev: true}}
	for _, o := range opts {
		o(&st)
	}
	if st.config.Data == "" {
		st.config.Data = t.TempDir()
	}
	if err := st.config.Validate(); err != nil {
		t.Fatalf("gatehousetest: %v", err)
	}
	var h slog.Handler
	if st.log == nil {
		h = slog.NewTextHandler(t.Output(), nil)
	} else {
		h = slog.NewJSONHandler(st.log, nil)
	}
	if !st.faults {
		h = strict{h, t}
	}
	clock := &server.Clock{}
	var told sync.Map
	in, err := server.New(t.Context(), server.Options{Config: &st.config, Log: slog.New(h), Clock: clock, LambdaTimeout: st.lambda, Providers: st.providers,
		Unlisted: func(service, operation, code string) {
			if _, again := told.LoadOrStore(operation+" "+code, true); !again {
				t.Errorf("gatehousetest: %s %s answered %s, which its model does not list", service, operation, code)
			}
		}})
	if err != nil {
		t.Fatalf("gatehousetest: %v", err)
	}
	_, port, err := net.SplitHostPort(in.Addr().String())
	if err != nil {
		t.Fatalf("gatehousetest: %v", err)
	}
	scheme := "http"
	if st.config.TLS != "" {
		scheme = "https"
	}
	s := &Server{URL: scheme + "://localhost:" + port, Region: st.config.Region, Account: st.config.Account, AccessKeyID: "test", SecretKey: "test",
		Data: st.config.Data, t: t, server: in, clock: clock, port: port, log: h}
	if !st.config.Dev {
		s.AccessKeyID, s.SecretKey = in.Root().AccessKeyID, in.Root().SecretKey
	}
	// Cleanups run after t.Context has ended; the server has to serve until its
	// own.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- in.Serve(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("gatehousetest: serve: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// Stop ends the server before the test ends. What is in flight is answered
// first.
func (s *Server) Stop() { s.stop() }

// Now is the server's time.
func (s *Server) Now() time.Time { return s.clock.Now() }

// Advance moves the server's clock forward.
func (s *Server) Advance(d time.Duration) { s.clock.Advance(d) }

// RotateKeys gives a user pool new signing keys, as `gatehouse key pool` does:
// they are in the key set at once, sign after an hour, and the old ones leave it a day
// after that.
func (s *Server) RotateKeys(poolID string) {
	s.t.Helper()
	if err := s.server.RotateKeys(context.WithoutCancel(s.t.Context()), poolID); err != nil {
		s.t.Fatalf("gatehousetest: %v", err)
	}
}

// Client is an HTTP client that finds the server under every name:
// http://bucket.s3.us-east-1.localhost:<port>/ needs no resolver.
func (s *Server) Client() *http.Client {
	addr := s.server.Addr().String()
	trusted := x509.NewCertPool()
	if pem, err := os.ReadFile(filepath.Join(s.Data, "tls-cert.pem")); err == nil {
		trusted.AppendCertsFromPEM(pem)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: trusted}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// Host is the address of one of the server's host names, such as
// "bucket.s3-website.us-east-1".
func (s *Server) Host(name string) string {
	scheme, _, _ := strings.Cut(s.URL, ":")
	return scheme + "://" + name + ".localhost:" + s.port
}

// Message is a message that the server sent: a code or an invitation.
type Message struct {
	At       time.Time
	Channel  string // "email" or "sms"
	To       string
	Subject  string
	Body     string
	Code     string // the code or temporary password in it
	Trigger  string // what it was for, as CustomMessage triggers name it
	PoolID   string
	Username string
}

// Messages are the messages to an e-mail address or phone number, the newest
// first; "" is everybody's.
func (s *Server) Messages(to string) []Message {
	s.t.Helper()
	var list []Message
	// A test's cleanup may ask too, when the test's own context has ended.
	ctx := context.WithoutCancel(s.t.Context())
	err := s.server.DB().Read(ctx, func(tx *store.Tx) error {
		rows, err := store.Messages(tx, to, 1000)
		list = nil
		for _, m := range rows {
			list = append(list, Message{m.At, m.Channel, m.To, m.Subject, m.Body, m.Code, m.Trigger, m.PoolID, m.Username})
		}
		return err
	})
	if err != nil {
		s.t.Fatalf("gatehousetest: read the outbox: %v", err)
	}
	return list
}

// Code is the newest code that was sent to an address. It waits briefly for
// one, for clients that do not wait for the answer that says it was sent.
func (s *Server) Code(to string) string {
	s.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		for _, m := range s.Messages(to) {
			if m.Code != "" {
				return m.Code
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("gatehousetest: no code was sent to %s", to)
			return ""
		}
	}
}

// SignedIn makes a browser's sign-in at the domain of a user pool, without its
// pages, and returns the value of the cookie "cognito". sub is the user's.
func (s *Server) SignedIn(poolID, sub string) (cookie string) {
	s.t.Helper()
	cookie = rand.Text()
	sum := sha256.Sum256([]byte(cookie))
	if err := s.server.DB().Write(s.t.Context(), func(tx *store.Tx) error {
		return store.InsertLogin(tx, &store.Login{PoolID: poolID, Sub: sub, Token: hex.EncodeToString(sum[:]), EventID: uuid.NewString(),
			AuthTime: tx.Now.Truncate(time.Second), ExpiresAt: tx.Now.Add(time.Hour)})
	}); err != nil {
		s.t.Fatalf("gatehousetest: sign a browser in: %v", err)
	}
	return cookie
}

// strict fails the test for what is logged as an error: the server's own
// fault, whatever was asked of it.
type strict struct {
	slog.Handler
	t testing.TB
}

func (h strict) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		var b []byte
		r.Attrs(func(a slog.Attr) bool { b = append(append(b, ' '), a.String()...); return true })
		h.t.Errorf("gatehousetest: the server logged an error: %s%s", r.Message, b)
	}
	return h.Handler.Handle(ctx, r)
}

func (h strict) WithAttrs(a []slog.Attr) slog.Handler { return strict{h.Handler.WithAttrs(a), h.t} }
func (h strict) WithGroup(n string) slog.Handler      { return strict{h.Handler.WithGroup(n), h.t} }
