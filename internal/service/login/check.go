package login

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
)

// The errors of OAuth (RFC 6749, sections 4.1.2.1 and 5.2; OpenID Connect Core,
// section 3.1.2.6; RFC 8707, section 2) and those of a request whose client and
// redirect_uri do not belong together (hosted-ui-oauth.md, section 3).
const (
	codeInvalidRequest     = "invalid_request"
	codeInvalidClient      = "invalid_client"
	codeInvalidGrant       = "invalid_grant"
	codeInvalidScope       = "invalid_scope"
	codeInvalidTarget      = "invalid_target"
	codeInvalidToken       = "invalid_token"
	codeUnauthorizedClient = "unauthorized_client"
	codeAccessDenied       = "access_denied"
	codeLoginRequired      = "login_required"
	codeServerError        = "server_error"

	codeMissing    = "Required parameters missing"
	codeNoClient   = "Client does not exist."
	codeMismatch   = "redirect_mismatch"
	codeNoProvider = "Login pages unavailable"

	// NoNative is of a page for the pool's own users where the client takes none.
	NoNative  = codeNoProvider
	codeState = "Invalid state"
)

// Explain says what an error code that is shown on a page means, for the person
// who sees it. Codes that this package does not give have no text: what a page
// shows never comes out of its address.
func Explain(code string) string {
	return map[string]string{
		codeInvalidRequestURI:  "The app sent a request that has expired, or that is not its own. Go back to the app and try again.",
		codeInvalidRequest:     "The app sent a request that is malformed: a parameter is wrong, too long or given more than once.",
		codeState:              errState.Description + " Go back to the app and try again.",
		codeMissing:            "The app sent a request without client_id or redirect_uri.",
		codeNoClient:           "The app that sent you here is not known to this user pool: its client_id is wrong.",
		codeMismatch:           "The app asked to be answered at an address that is not registered for it. Addresses must be equal to the last character.",
		codeUnauthorizedClient: "The app that sent you here is not allowed to use these pages: OAuth is not switched on for its client.",
		codeNoProvider:         "The app that sent you here has no way to sign in: its client lists no identity provider that these pages can use.",
	}[code]
}

// nativeProvider is the pool itself among identity providers.
const nativeProvider = "COGNITO"

// parameters are those that this server reads. What it does not know it
// ignores (RFC 6749, section 3.1).
var parameters = []string{"response_type", "response_mode", "state", "scope", "code_challenge", "code_challenge_method", "nonce", "identity_provider",
	"idp_identifier", "lang", "login_hint", "prompt", "max_age", "resource", "dpop_jkt", "request", "request_uri", "registration"}

// Arrive judges an authorization request as it comes from a client. Its error is
// a *Refusal, unless the server itself is at fault.
func (s *Service) Arrive(ctx context.Context, p *pool.Pool, q url.Values) (*Request, error) {
	return s.check(ctx, p, q, PushedLife)
}

// Check judges it anew on a page that the browser was sent to with it, which
// people may have left open for a while. Its errors are those of Arrive.
func (s *Service) Check(ctx context.Context, p *pool.Pool, q url.Values) (*Request, error) {
	return s.check(ctx, p, q, pushedSeen)
}

func (s *Service) check(ctx context.Context, p *pool.Pool, q url.Values, age time.Duration) (*Request, error) {
	if !isPushed(q) {
		return s.judge(ctx, p, q)
	}
	v, err := s.pushedOf(p, q, age)
	if err != nil {
		return nil, err
	}
	r, err := s.judge(ctx, p, v)
	if err != nil {
		return nil, err
	}
	r.Query = url.Values{"client_id": {r.Client.ID}, "request_uri": q["request_uri"]}
	return r, nil
}

// judge judges the parameters of a request, wherever they came from.
func (s *Service) judge(ctx context.Context, p *pool.Pool, q url.Values) (*Request, error) {
	r := &Request{Pool: p, Query: q}
	var err error
	if r.Client, err = s.clientOf(ctx, p, q); err != nil {
		return nil, err
	}
	if r.RedirectURI, err = redirectOf(r.Client, q); err != nil {
		return nil, err
	}
	// From here on errors go to the client. How they travel depends on three
	// parameters, each of which may be what is wrong.
	value := map[string]string{}
	var wrong string
	for _, name := range parameters {
		v, w := single(q, name)
		value[name], wrong = v, cmp.Or(wrong, w)
	}
	r.State, r.ResponseType, r.ResponseMode = value["state"], value["response_type"], value["response_mode"]
	if !slices.Contains([]string{"", "query", "fragment", "form_post"}, r.ResponseMode) {
		r.ResponseMode, wrong = "", cmp.Or(wrong, "response_mode must be query, fragment or form_post.")
	}
	if r.ResponseMode == "query" && r.ResponseType == responseToken {
		r.ResponseMode, wrong = "", cmp.Or(wrong, "Tokens do not travel in the query: response_mode must be fragment or form_post.")
	}
	switch {
	case wrong != "":
		return nil, r.Refuse(codeInvalidRequest, wrong)
	case value["request"] != "":
		return nil, r.Refuse("request_not_supported", "Request objects are not supported.")
	case value["request_uri"] != "":
		return nil, r.Refuse("request_uri_not_supported", "Request objects are not supported.")
	case value["registration"] != "":
		return nil, r.Refuse("registration_not_supported", "Registration within a request is not supported.")
	}
	if err := r.checkFlow(); err != nil {
		return nil, err
	}
	if r.Challenge, err = r.checkChallenge(value["code_challenge"], value["code_challenge_method"]); err != nil {
		return nil, err
	}
	if r.Scopes, err = s.scopes(ctx, r, value["scope"]); err != nil {
		return nil, err
	}
	if r.Key = value["dpop_jkt"]; r.Key != "" && !dpop.IsThumbprint(r.Key) {
		return nil, r.Refuse(codeInvalidRequest, "dpop_jkt must be the SHA-256 thumbprint of a key.")
	}
	r.Nonce, r.LoginHint, r.Resource = value["nonce"], value["login_hint"], value["resource"]
	if langForm.MatchString(value["lang"]) {
		r.Lang = value["lang"]
	}
	if r.Provider, err = s.checkProvider(ctx, r, value["identity_provider"], value["idp_identifier"]); err != nil {
		return nil, err
	}
	if err := r.checkPrompt(value["prompt"], value["max_age"]); err != nil {
		return nil, err
	}
	if r.Resource != "" && !isResource(r.Resource) {
		return nil, r.Refuse(codeInvalidTarget, "resource must be an absolute URI without a fragment: https, http on localhost, or a scheme of one's own.")
	}
	return r, nil
}

// The response types.
const (
	responseCode  = "code"
	responseToken = "token"
)

// Refuse is an error of a request that goes to its redirect_uri.
func (r *Request) Refuse(code, description string) *Refusal {
	return &Refusal{Code: code, Description: description, To: r.answer(url.Values{"error": {code}, "error_description": {description}})}
}

// clientForm is the form of a client id (user-pools.md, section 1).
var clientForm = regexp.MustCompile(`^[\w+]{1,128}$`)

// clientOf is the client that a request names, if it may use the pages.
func (s *Service) clientOf(ctx context.Context, p *pool.Pool, q url.Values) (*pool.Client, error) {
	id, wrong := single(q, "client_id")
	switch {
	case wrong != "":
		return nil, &Refusal{Code: codeInvalidRequest, Description: wrong}
	case id == "":
		return nil, &Refusal{Code: codeMissing, Description: "Required String parameter 'client_id' is not present"}
	}
	c, err := s.client(ctx, p, id)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, &Refusal{Code: codeNoClient, Description: "The client does not exist in this user pool."}
	case !api.Value(c.Settings.AllowedOAuthFlowsUserPoolClient):
		return nil, &Refusal{Code: codeUnauthorizedClient, Description: "OAuth is not switched on for the client."}
	}
	return c, nil
}

// client is a client of the pool, or nil.
func (s *Service) client(ctx context.Context, p *pool.Pool, id string) (*pool.Client, error) {
	if !clientForm.MatchString(id) {
		return nil, nil
	}
	_, c, err := s.Pools.ClientOf(ctx, p.ID, id)
	var missing *cognitoidp.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil
	}
	return c, err
}

// redirectOf is where the client is answered: one of its addresses, letter for
// letter.
func redirectOf(c *pool.Client, q url.Values) (string, error) {
	uri, wrong := single(q, "redirect_uri")
	if wrong != "" {
		return "", &Refusal{Code: codeInvalidRequest, Description: wrong}
	}
	if uri == "" && len(c.Settings.SupportedIdentityProviders) == 1 {
		uri = api.Value(c.Settings.DefaultRedirectURI)
	}
	switch {
	case uri == "":
		return "", &Refusal{Code: codeMissing, Description: "Required String parameter 'redirect_uri' is not present"}
	case !slices.Contains(c.Settings.CallbackURLs, uri):
		return "", &Refusal{Code: codeMismatch, Description: "The redirect_uri is not registered for the client."}
	case len(c.Settings.SupportedIdentityProviders) == 0:
		return "", &Refusal{Code: codeNoProvider, Description: "The client has no identity provider that can be used here."}
	}
	return uri, nil
}

// checkFlow: the response type is one that there is and that the client may
// have.
func (r *Request) checkFlow() error {
	flow := map[string]cognitoidp.OAuthFlowType{responseCode: cognitoidp.OAuthFlowTypeCode, responseToken: cognitoidp.OAuthFlowTypeImplicit}[r.ResponseType]
	switch {
	case r.ResponseType == "":
		return r.Refuse(codeInvalidRequest, "response_type is missing.")
	case flow == "":
		return r.Refuse("unsupported_response_type", "response_type must be code or token.")
	case !slices.Contains(r.Client.Settings.AllowedOAuthFlows, flow):
		return r.Refuse(codeUnauthorizedClient, "The client may not use response_type="+r.ResponseType+".")
	}
	return nil
}

// challengeForm is the form of challenges and verifiers (RFC 7636, section 4).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

func (r *Request) checkChallenge(challenge, method string) (string, error) {
	switch {
	case challenge == "" && method == "":
		return "", nil
	case challenge == "":
		return "", r.Refuse(codeInvalidRequest, "code_challenge is missing.")
	case method != "S256":
		return "", r.Refuse(codeInvalidRequest, "code_challenge_method must be S256.")
	case !challengeForm.MatchString(challenge):
		return "", r.Refuse(codeInvalidRequest, "code_challenge must have 43 to 128 letters, digits and -._~.")
	}
	return challenge, nil
}

// langForm is the form of a language tag, as far as pages need it.
var langForm = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$`)

// checkProvider is the provider that a request names, by name or identifier, if
// its client may use it.
func (s *Service) checkProvider(ctx context.Context, r *Request, name, identifier string) (string, error) {
	if name == "" && identifier != "" {
		var err error
		if name, err = s.Providers.ProviderOf(ctx, r.Pool, identifier); err != nil {
			return "", err
		}
		if name == "" {
			return "", r.Refuse(codeInvalidRequest, "No identity provider has the idp_identifier.")
		}
	}
	if name != "" && !slices.Contains(r.Client.Settings.SupportedIdentityProviders, name) {
		return "", r.Refuse(codeInvalidRequest, "The identity provider is not enabled for the client.")
	}
	return name, nil
}

// The values of prompt (OpenID Connect Core, section 3.1.2.1).
const (
	promptNone  = "none"
	promptLogin = "login"
)

func (r *Request) checkPrompt(prompt, maxAge string) error {
	r.Prompt = strings.Fields(prompt)
	for _, p := range r.Prompt {
		if !slices.Contains([]string{promptNone, promptLogin, "select_account", "consent"}, p) {
			return r.Refuse(codeInvalidRequest, "prompt must be made of none, login, select_account and consent.")
		}
	}
	if slices.Contains(r.Prompt, promptNone) && len(r.Prompt) > 1 {
		return r.Refuse(codeInvalidRequest, "prompt=none goes with no other.")
	}
	if maxAge == "" {
		return nil
	}
	n, err := strconv.ParseUint(maxAge, 10, 31)
	if err != nil {
		return r.Refuse(codeInvalidRequest, "max_age must be a number of seconds.")
	}
	r.MaxAge = new(time.Duration(n) * time.Second)
	return nil
}

// isResource reports whether a text can name a resource server: an absolute URI
// without a fragment (RFC 8707, section 2), and none that browsers run.
func isResource(text string) bool {
	u, err := url.Parse(text)
	if err != nil || strings.ContainsAny(text, " #\"<>\\") {
		return false
	}
	switch u.Scheme {
	case "", "javascript", "data":
		return false
	case "http":
		return u.Hostname() == "localhost"
	case "https":
		return u.Host != ""
	}
	return true
}
