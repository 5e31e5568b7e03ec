// Package server puts gatehouse together: settings in, one port out. It is the
// single place where all packages meet; nothing imports it but the program and
// the test server.
//
// What a newcomer gets wrong: nothing is decided here. A rule that stands in
// this package belongs into the package whose rule it is.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	apiiam "gatehouse/internal/api/iam"
	apikinesis "gatehouse/internal/api/kinesis"
	apissm "gatehouse/internal/api/ssm"
	apists "gatehouse/internal/api/sts"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/config"
	"gatehouse/internal/edge/awsapi"
	"gatehouse/internal/edge/hostedui"
	"gatehouse/internal/edge/oauth"
	"gatehouse/internal/edge/site"
	"gatehouse/internal/engine"
	"gatehouse/internal/event"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/seal"
	"gatehouse/internal/service/iam"
	"gatehouse/internal/service/identitypool"
	"gatehouse/internal/service/kinesis"
	"gatehouse/internal/service/login"
	"gatehouse/internal/service/s3"
	"gatehouse/internal/service/s3/blob"
	"gatehouse/internal/service/ssm"
	"gatehouse/internal/service/sts"
	"gatehouse/internal/service/userpool"
	"gatehouse/internal/store"
)

// Version is the program's version: the module's, or what the build says.
var Version = func() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
		return b.Main.Version
	}
	return "0.1.0-dev"
}()

// Options is what a Server is made of.
type Options struct {
	Config *config.Config
	Log    *slog.Logger
	Clock  *Clock // nil: the machine's time
	// Unlisted, if not nil, hears of exceptions that an operation's model does
	// not list. Tests fail on them.
	Unlisted func(service, operation, code string)
	// LambdaTimeout is how long a try to call a function may take; 0: 5 seconds.
	LambdaTimeout time.Duration
	// Providers is how OpenID Connect providers elsewhere are asked; nil: over
	// the network, each address judged. Tests stand in for the internet with it.
	Providers http.RoundTripper
}

// Server is a gatehouse server: open when made, answering once Serve runs.
type Server struct {
	config        *config.Config
	log           *slog.Logger
	clock         *Clock
	db            *store.DB
	ring          *seal.Ring
	tokens        *token.Issuer
	passwords     *risk.Passwords // nil without the setting
	locations     *risk.Locations // nil without the setting
	outbox        *delivery.Outbox
	iam           *iam.Service
	users         *userpool.Service
	kinesis       *kinesis.Service
	s3            *s3.Service
	parameters    *ssm.Service
	api           *awsapi.Handler
	sites         *site.Router
	identities    http.Handler // discovery of the identity pools' tokens
	ours          http.Handler
	authenticator *access.Authenticator
	authorizer    *access.Authorizer
	speaker       speaker
	metrics       *metrics
	listener      net.Listener
	http          *http.Server
	publicURL     string
	root          Root
	draining      atomic.Bool
}

// New opens the data, makes the services and takes the port.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{config: o.Config, log: o.Log, clock: cmp.Or(o.Clock, &Clock{})}
	if err := s.open(ctx, o); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, o Options) error {
	if err := os.MkdirAll(s.config.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := s.openRiskFiles(); err != nil {
		return err
	}
	if err := s.openStore(ctx); err != nil {
		return err
	}
	tc, err := tlsConfig(s.config, s.clock.Now())
	if err != nil {
		return err
	}
	if err := s.listen(tc); err != nil {
		return err
	}
	if err := s.compose(o); err != nil {
		return err
	}
	if err := s.openRoot(ctx); err != nil {
		return err
	}
	if err := s.s3.Adopt(ctx); err != nil {
		return fmt.Errorf("open the buckets of --upstreams: %w", err)
	}
	if err := s.parameters.Adopt(ctx); err != nil {
		return fmt.Errorf("open the parameters of --upstreams: %w", err)
	}
	if err := s.kinesis.Adopt(ctx); err != nil {
		return fmt.Errorf("open the streams of --upstreams: %w", err)
	}
	s.http = newHTTPServer(s.observe(http.HandlerFunc(s.route)), tc, s.log)
	return nil
}

// RingConfig is where the settings say the key ring is.
func RingConfig(c *config.Config, now func() time.Time) seal.Config {
	return seal.Config{File: cmp.Or(c.SealKeyFile, filepath.Join(c.Data, "keyring.json")), Keys: c.SealKey, Now: now}
}

// openRiskFiles opens what threat protection judges by.
func (s *Server) openRiskFiles() (err error) {
	if name := s.config.Compromised; name != "" {
		if s.passwords, err = risk.OpenPasswords(name); err != nil {
			return fmt.Errorf("open --compromised-passwords: %w", err)
		}
	}
	if name := s.config.Locations; name != "" {
		if s.locations, err = risk.OpenLocations(name); err != nil {
			return fmt.Errorf("read --locations: %w", err)
		}
	}
	return nil
}

func (s *Server) openStore(ctx context.Context) (err error) {
	if s.ring, err = seal.Open(RingConfig(s.config, s.clock.Now)); err != nil {
		return fmt.Errorf("open the key ring: %w", err)
	}
	s.db, err = store.Open(ctx, store.Config{Dir: s.config.Data, URL: s.config.Database, Ring: s.ring, Now: s.clock.Now, Log: s.log})
	if err != nil {
		return fmt.Errorf("open the data: %w", err)
	}
	return nil
}

func (s *Server) listen(tc *tls.Config) error {
	l, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w (is another server running? --listen picks another address)", s.config.Listen, err)
	}
	s.listener = l
	scheme := "http"
	if tc != nil {
		scheme = "https"
	}
	s.publicURL = cmp.Or(s.config.PublicURL, scheme+"://localhost:"+port(l))
	return nil
}

// issuer is the issuer of a pool's tokens.
func (s *Server) issuer(poolID string) string {
	if s.config.Issuer == "aws" {
		return "https://cognito-idp." + s.config.Region + ".amazonaws.com/" + poolID
	}
	return s.publicURL + "/" + poolID
}

// identityIssuer is the issuer of the identity pools' own tokens.
func (s *Server) identityIssuer() string {
	if s.config.Issuer == "aws" {
		return identitypool.AWSIssuer
	}
	return s.publicURL
}

func (s *Server) compose(o Options) error {
	c, now := s.config, s.clock.Now
	crypto := engine.Default()
	s.metrics = newMetrics(s.db)
	pools := pool.NewRegistry(s.db)
	s.tokens = token.New(token.Config{DB: s.db, Ring: s.ring, Engine: crypto, Now: now, Issuer: s.issuer})
	senders, err := delivery.Senders(delivery.Channels{SMTP: c.SMTP, From: c.SMTPFrom, Webhook: c.SMSWebhook})
	if err != nil {
		return err
	}
	s.outbox = delivery.New(delivery.Config{DB: s.db, Log: s.log, Senders: senders})
	var functions trigger.Invoker
	if c.LambdaEndpoint != "" {
		functions = trigger.NewHTTP(trigger.HTTPConfig{Endpoint: c.LambdaEndpoint, Timeout: o.LambdaTimeout})
	}
	triggers := trigger.New(trigger.Config{Invoker: functions, Region: c.Region, Log: s.log})
	guard := risk.New(risk.Config{DB: s.db, Ring: s.ring, Outbox: s.outbox, Passwords: s.passwords, Locations: s.locations, PublicURL: s.publicURL, Now: now})
	signIn := signin.New(signin.Config{DB: s.db, Ring: s.ring, Crypto: crypto, Tokens: s.tokens, Delivery: s.outbox, Triggers: triggers, Risk: guard,
		Now: now, BaseDomain: c.BaseDomain, Region: c.Region})

	s.iam = iam.New(iam.Config{DB: s.db, Account: c.Account, Now: now, LoopbackIssuers: c.Dev})
	sessions := credentials.New(s.ring)
	s.authenticator = access.NewAuthenticator(s.iam, sessions, now, c.Region)
	s.authorizer = access.NewAuthorizer(s.iam, c.Account)

	users := userpool.New(userpool.Config{DB: s.db, Ring: s.ring, Pools: pools, Tokens: s.tokens, SignIn: signIn, Risk: guard, Delivery: s.outbox,
		Triggers: triggers, Access: s.authorizer, Region: c.Region, Account: c.Account, BaseDomain: c.BaseDomain, PublicURL: s.publicURL,
		Home: func(p *pool.Pool) string { return s.sites.Home(p) }, Now: now, Log: s.log})
	s.users = users
	signIn.Adopts(users)
	outside := oidc.New(oidc.Config{Now: now, Private: c.PrivateIssuers, Loopback: c.Dev, Transport: o.Providers})
	identities := identitypool.New(identitypool.Config{DB: s.db, Ring: s.ring, Pools: pools, Tokens: s.tokens,
		Access: s.authorizer, Roles: s.iam, Region: c.Region, Account: c.Account, Now: now,
		Issuer: s.identityIssuer(), Providers: s.iam, OIDC: outside})
	web := verifier{identities, s.iam, outside, "arn:aws:iam::" + c.Account + ":oidc-provider/", builtIn}
	tokenService := sts.New(sts.Config{Roles: s.iam, Access: s.authorizer, Credentials: sessions, WebIdentities: web,
		Account: c.Account, Now: now})
	identities.Assume(assumer{tokenService})

	blobs, err := blob.OpenFiles(filepath.Join(c.Data, "objects"))
	if err != nil {
		return fmt.Errorf("open the object folder: %w", err)
	}
	far, err := upstreams(c, now)
	if err != nil {
		return err
	}
	s.s3, err = s3.New(s3.Config{DB: s.db, Blobs: blobs, Upstreams: far.buckets, Authenticator: streams{s.authenticator}, Access: s.authorizer, Account: c.Account,
		Region: c.Region, BaseDomain: c.BaseDomain, Now: now, Log: s.log,
		RequestID: func(r *http.Request) string { return event.From(r.Context()).ID }})
	if err != nil {
		return err
	}
	s.speaker = speaker{s.s3, s.iam}
	s.kinesis = kinesis.New(kinesis.Config{DB: s.db, Ring: s.ring, Account: c.Account, Region: c.Region, Upstreams: far.streams, Now: now, Log: s.log})
	s.parameters = ssm.New(ssm.Config{DB: s.db, Account: c.Account, Region: c.Region, Upstreams: far.parameters})
	s.api = awsapi.New(awsapi.Config{
		Auth: s.authenticator, Access: s.authorizer, Log: s.log, Unlisted: o.Unlisted,
		Busy:        func(err error) bool { return errors.Is(err, store.ErrBusy) || errors.Is(err, engine.ErrBusy) },
		Unavailable: func(err error) bool { return errors.Is(err, store.ErrUnavailable) },
		BadText:     func(err error) bool { return errors.Is(err, store.ErrBadText) },
		Services: []awsapi.Implementation{
			{API: cognitoidp.Service, Service: users, Checks: users.Checks, ValidationCode: "InvalidParameterException"},
			{API: cognitoidentity.Service, Service: identities, Checks: identities.Checks, ValidationCode: "InvalidParameterException"},
			{API: apiiam.Service, Service: s.iam, Checks: s.iam.Checks, ValidationCode: "ValidationError"},
			{API: apikinesis.Service, Service: s.kinesis, Checks: s.kinesis.Checks, ValidationCode: "ValidationException"},
			{API: apissm.Service, Service: s.parameters, Checks: s.parameters.Checks, ValidationCode: "ValidationException"},
			{API: apists.Service, Service: tokenService, Checks: tokenService.Checks, SelfAuthorizing: sts.SelfAuthorizing, ValidationCode: "ValidationError"},
		},
	})
	logins := login.New(login.Config{DB: s.db, Ring: s.ring, Pools: pools, Tokens: s.tokens, SignIn: signIn, Triggers: triggers, Providers: users, OIDC: outside, Now: now})
	pages, err := hostedui.New(hostedui.Config{Login: logins, SignIn: signIn, Users: users, Clients: pools, PublicURL: s.publicURL, Templates: c.Templates, Now: now, Log: s.log})
	if err != nil {
		return err
	}
	endpoints := oauth.New(oauth.Config{Keys: s.tokens, Pools: pools, Login: logins, Pages: pages, Base: s.publicURL,
		Home: func(p *pool.Pool) string { return s.sites.Home(p) }, Log: s.log})
	s.sites, err = site.NewRouter(site.Config{Pools: pools, BaseDomain: c.BaseDomain, Region: c.Region, PublicURL: s.publicURL, WellKnown: endpoints, Site: endpoints, Log: s.log})
	if err != nil {
		return fmt.Errorf("read --public-url: %w", err)
	}
	s.identities = oauth.NewIdentities(oauth.IdentitiesConfig{Keys: identities, Issuer: identities.Issuer, Base: s.publicURL, Log: s.log})
	s.ours = s.oursHandler()
	return nil
}

// URL is where clients reach the server.
func (s *Server) URL() string { return s.publicURL }

// Addr is the address of the port.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Root is the root access key.
func (s *Server) Root() Root { return s.root }

// DB is the store, for tests that look behind the API.
func (s *Server) DB() *store.DB { return s.db }

// sweepEvery is how often what has expired is removed.
const sweepEvery = time.Minute

// Serve answers until ctx ends, then lets requests in flight end and closes.
func (s *Server) Serve(ctx context.Context) error {
	defer s.close()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	defer workers.Wait()
	defer stop()
	for _, work := range []func(context.Context){s.tokens.KeepSpares, s.outbox.Run, s.users.RunImports, s.kinesis.Run, s.sweep} {
		workers.Go(func() { work(background) })
	}
	var metricsServer *http.Server
	if s.config.MetricsListen != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /_gatehouse/metrics", s.metrics.handler())
		metricsServer = &http.Server{Addr: s.config.MetricsListen, Handler: mux, ReadHeaderTimeout: headerTimeout}
		workers.Go(func() {
			if err := metricsServer.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("metrics address", "error", err)
			}
		})
	}
	failed := make(chan error, 1)
	go func() {
		if s.http.TLSConfig != nil {
			failed <- s.http.ServeTLS(s.listener, "", "")
		} else {
			failed <- s.http.Serve(s.listener)
		}
	}()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.draining.Store(true)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if metricsServer != nil {
		_ = metricsServer.Shutdown(drain)
	}
	if e := s.http.Shutdown(drain); e != nil && err == nil {
		s.log.Warn("some requests did not end in time and were cut off", "error", e)
		_ = s.http.Close()
	}
	return err
}

// sweep removes what has expired, every minute until ctx ends.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		daily := n%(24*60) == 0
		if _, err := s.db.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("remove what has expired", "error", err)
		}
		if err := s.kinesis.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("remove records that are too old", "error", err)
		}
		if _, err := s.s3.Sweep(ctx, daily); err != nil && ctx.Err() == nil {
			s.log.Error("remove objects that nobody refers to", "error", err)
		}
		if daily {
			if _, err := s.s3.Expire(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("apply the lifecycle rules of buckets", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) close() {
	if s.listener != nil {
		_ = s.listener.Close() // already closed after Serve
	}
	if s.db != nil {
		if err := s.db.Close(); err != nil {
			s.log.Error("close the data", "error", err)
		}
		s.db = nil
	}
	if s.passwords != nil {
		_ = s.passwords.Close() // it was only read
		s.passwords = nil
	}
}
