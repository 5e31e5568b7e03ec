// Package login is what a user pool's domain does besides showing pages: it
// judges authorization requests, trades a browser's sign-in for codes and these
// for tokens, and ends both (OAuth 2.0, OpenID Connect; hosted-ui-oauth.md).
//
// What a newcomer gets wrong: a request whose client and redirect_uri do not
// belong together is told to nobody but the browser. Only after both are known
// to be right may an answer, or an error, be sent to the redirect_uri.
package login

import (
	"net/url"
	"time"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// Config is what a Service needs.
type Config struct {
	DB       *store.DB
	Ring     *seal.Ring
	Pools    *pool.Registry
	Tokens   *token.Issuer
	SignIn   *signin.Engine
	Triggers *trigger.Caller
	// Providers and OIDC are how people sign in elsewhere.
	Providers Providers
	OIDC      *oidc.Verifier
	Now       func() time.Time
}

// Service answers for the domains of all pools.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service { return &Service{c} }

// Request is an authorization request that was found right: its client may use
// its redirect_uri, its flow and its scopes.
type Request struct {
	Pool         *pool.Pool
	Client       *pool.Client
	RedirectURI  string
	ResponseType string // "code" or "token"
	ResponseMode string // "", "query", "fragment" or "form_post"
	Scopes       []string
	State        string
	Nonce        string
	Challenge    string // PKCE, S256; "" without
	Key          string // thumbprint of the key that the code is bound to (dpop_jkt); "" without
	Provider     string // identity_provider, "" when the user chooses
	Prompt       []string
	MaxAge       *time.Duration
	LoginHint    string
	Lang         string
	Resource     string
	// Query are the parameters as they came, for the links and forms of the
	// pages.
	Query url.Values
}

// Refusal is an error of a request. With To set the browser takes it to the
// redirect_uri; without, it is shown on a page and never redirected, or is the
// answer of an endpoint that browsers are not sent to.
type Refusal struct {
	Code, Description string // OAuth's error and error_description
	To                *Answer
	// Cause is for the log: what is nobody's business outside. Usually nil.
	Cause error
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Description }

// Answer is where the browser goes with what.
type Answer struct {
	URL string // with the parameters in it, unless Form is set
	// Form are the parameters of a POST (response_mode form_post), which a page
	// submits to URL.
	Form url.Values
}
