package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/store"
)

// Providers are the identity providers of pools, and the users who sign in by
// them.
type Providers interface {
	// Party is a provider by name; nil when there is none that people can sign
	// in with.
	Party(ctx context.Context, p *pool.Pool, name string) (*oidc.Party, error)
	// ProviderOf is the name of the provider with an identifier, or "".
	ProviderOf(ctx context.Context, p *pool.Pool, identifier string) (string, error)
	// Federate signs in the user of whom a provider says these claims.
	Federate(ctx context.Context, p *pool.Pool, c *pool.Client, provider string, claims map[string]any) (*signin.Login, error)
}

// departureLife is how long somebody may take at a provider (federation.md,
// section 2).
const departureLife = 5 * time.Minute

const departurePurpose = "departure to an identity provider"

// departure is what the state of a request to a provider carries. It is sealed:
// neither the browser nor the provider can read it, or make one.
type departure struct {
	Query    string `json:"q"` // the client's request
	Provider string `json:"p"`
	Nonce    string `json:"n"`
	Browser  string `json:"b"` // hash of what the browser holds
	Callback string `json:"c"`
	LeftAt   int64  `json:"t"` // seconds
}

// maxState bounds the state, in bytes: providers and browsers must take it.
const maxState = 8 << 10

// NewBrowserKey is what a browser holds while its user is at a provider, so that
// what comes back is taken from that browser alone.
func NewBrowserKey() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

var browserKeyForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// IsBrowserKey reports whether a text can be one.
func IsBrowserKey(text string) bool { return browserKeyForm.MatchString(text) }

// Native reports whether users of the pool itself may sign in on the client's
// pages.
func (r *Request) Native() bool {
	return slices.Contains(r.Client.Settings.SupportedIdentityProviders, nativeProvider)
}

// Upstreams are the providers that people can choose on the client's sign-in
// page, in the client's order.
func (s *Service) Upstreams(ctx context.Context, r *Request) (list []string, err error) {
	for _, name := range r.Client.Settings.SupportedIdentityProviders {
		if name == nativeProvider {
			continue
		}
		p, err := s.Providers.Party(ctx, r.Pool, name)
		if err != nil {
			return nil, err
		}
		if p != nil {
			list = append(list, name)
		}
	}
	return list, nil
}

// Chosen is the provider that a request leads to without a page: the one that
// it names, or the only one that its client has. "" is the page.
func (s *Service) Chosen(ctx context.Context, r *Request) (string, error) {
	if r.Provider != "" || r.Native() {
		if r.Provider == nativeProvider {
			return "", nil
		}
		return r.Provider, nil
	}
	list, err := s.Upstreams(ctx, r)
	if err != nil || len(list) != 1 {
		return "", err
	}
	return list[0], nil
}

// Depart is where the browser goes to sign in at a provider. callback is where
// the provider sends it back to.
func (s *Service) Depart(ctx context.Context, r *Request, provider, browserKey, callback string) (string, error) {
	p, err := s.Providers.Party(ctx, r.Pool, provider)
	if err != nil {
		return "", err
	}
	if p == nil {
		return "", r.Refuse(codeInvalidRequest, "There is no sign-in with this identity provider.")
	}
	d := departure{Query: r.Query.Encode(), Provider: provider, Nonce: NewBrowserKey(), Browser: hashOf(browserKey), Callback: callback, LeftAt: s.Now().Unix()}
	b, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	state := s.Ring.SealToken(departurePurpose, r.Pool.ID, b)
	if len(state) > maxState {
		return "", r.Refuse(codeInvalidRequest, "The request is too long to be taken to another identity provider: push it (/oauth2/par) or shorten it.")
	}
	more := url.Values{}
	if r.LoginHint != "" {
		more.Set("login_hint", r.LoginHint)
	}
	if prompt := slices.DeleteFunc(slices.Clone(r.Prompt), func(v string) bool { return v == promptNone }); len(prompt) > 0 {
		more.Set("prompt", strings.Join(prompt, " "))
	}
	to, err := s.OIDC.Authorize(ctx, p, callback, state, d.Nonce, more)
	if err != nil {
		return "", r.faulty(err)
	}
	return to, nil
}

var errState = refuse(codeState, "The sign-in at the identity provider was not begun in this browser, has come back before, or took too long.")

// Return judges what a browser brings back from a provider and signs its user
// in. An error that the app may know of goes to its redirect_uri, as ever; what
// comes without a departure that counts goes to nobody (federation.md, section
// 2).
func (s *Service) Return(ctx context.Context, p *pool.Pool, q url.Values, browserKey string) (*Request, *signin.Login, error) {
	q, err := s.unreturned(p, q)
	if err != nil {
		return nil, nil, err
	}
	d, err := s.departure(ctx, p, q, browserKey)
	if err != nil {
		return nil, nil, err
	}
	asked, err := url.ParseQuery(d.Query)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.Check(ctx, p, asked)
	if err != nil {
		return nil, nil, err
	}
	login, err := s.arrive(ctx, r, d, q)
	if err != nil {
		return nil, nil, r.faulty(err)
	}
	return r, login, nil
}

// departure opens and spends the state that came back.
func (s *Service) departure(ctx context.Context, p *pool.Pool, q url.Values, browserKey string) (*departure, error) {
	if len(q["state"]) != 1 || len(q.Get("state")) > maxState {
		return nil, errState
	}
	b, err := s.Ring.OpenToken(departurePurpose, p.ID, q.Get("state"))
	if err != nil {
		return nil, errState
	}
	var d departure
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, err
	}
	until := time.Unix(d.LeftAt, 0).Add(departureLife)
	if subtle.ConstantTimeCompare([]byte(hashOf(browserKey)), []byte(d.Browser)) != 1 || !s.Now().Before(until) {
		return nil, errState
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.Spend(tx, "departure "+p.ID, hashOf(q.Get("state")), until) })
	if errors.Is(err, store.ErrConflict) {
		return nil, errState
	}
	return &d, err
}

// arrive signs in who comes back.
func (s *Service) arrive(ctx context.Context, r *Request, d *departure, q url.Values) (*signin.Login, error) {
	if !slices.Contains(r.Client.Settings.SupportedIdentityProviders, d.Provider) {
		return nil, r.Refuse(codeInvalidRequest, "The identity provider is not enabled for the client.")
	}
	p, err := s.Providers.Party(ctx, r.Pool, d.Provider)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, r.Refuse(codeInvalidRequest, "There is no sign-in with this identity provider.")
	}
	if iss, wrong := single(q, "iss"); wrong != "" || iss != "" && p.Issuer != "" && iss != p.Issuer && iss != p.Issuer+"/" {
		return nil, r.Refuse(codeInvalidRequest, p.Name+" was not who sent the user back.") // RFC 9207
	}
	if said := q.Get("error"); said != "" {
		return nil, r.Refuse(errorText(said, codeAccessDenied, 100), errorText(q.Get("error_description"), p.Name+" has not signed the user in.", 500))
	}
	code, wrong := single(q, "code")
	if wrong != "" || code == "" {
		return nil, r.Refuse(codeInvalidRequest, p.Name+" has sent the user back without a code.")
	}
	claims, err := s.OIDC.Redeem(ctx, p, d.Callback, code, d.Nonce)
	if err != nil {
		return nil, err
	}
	if p.FormPost {
		addNames(claims, q.Get("user"))
	}
	return s.Providers.Federate(ctx, r.Pool, r.Client, d.Provider, claims)
}

// addNames adds the names that Apple tells once, and through the browser. Nothing
// else of that is believed.
func addNames(claims map[string]any, user string) {
	var said struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if json.Unmarshal([]byte(user), &said) != nil {
		return
	}
	for name, value := range map[string]string{"firstName": said.Name.First, "lastName": said.Name.Last} {
		if value != "" {
			claims[name] = value
		}
	}
}

const (
	returnedPurpose = "form from an identity provider"
	// returnedParameter stands for what came as a form.
	returnedParameter = "returned"
)

// Returned is the query with which a browser comes again that was sent back with a
// form: cookies do not come with another site's form, and what is in it does not
// belong into an address as it is.
func (s *Service) Returned(p *pool.Pool, form string) url.Values {
	return url.Values{returnedParameter: {s.Ring.SealToken(returnedPurpose, p.ID, []byte(form))}}
}

// unreturned is the query of a browser that comes back: what was sealed, or as it
// is.
func (s *Service) unreturned(p *pool.Pool, q url.Values) (url.Values, error) {
	if len(q[returnedParameter]) == 0 {
		return q, nil
	}
	b, err := s.Ring.OpenToken(returnedPurpose, p.ID, q.Get(returnedParameter))
	if err != nil {
		return nil, errState
	}
	return ParseQuery(string(b))
}

// errorForm are the characters of errors in OAuth (RFC 6749, appendix A.7).
var errorForm = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)

// errorText is what a provider says is wrong, as far as it can be passed on.
func errorText(said, otherwise string, longest int) string {
	if len(said) > longest || !errorForm.MatchString(said) {
		return otherwise
	}
	return said
}

// faulty words what went wrong with a sign-in at a provider for the client
// (federation.md, section 8).
func (r *Request) faulty(err error) error {
	var ours *Refusal
	var fault *oidc.Fault
	var values *cognitoidp.InvalidParameterException
	var disabled *cognitoidp.NotAuthorizedException
	var taken *cognitoidp.AliasExistsException
	var said api.Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &fault):
		refusal := r.Refuse(fault.Code, fault.Text)
		refusal.Cause = fault.Cause
		return refusal
	case functionText(err) != "":
		return r.Refuse(codeInvalidRequest, functionText(err))
	case errors.As(err, &values):
		return r.Refuse(codeServerError, values.Message)
	case errors.As(err, &disabled):
		return r.Refuse(codeInvalidRequest, "User is not enabled")
	case errors.As(err, &taken):
		return r.Refuse(codeInvalidRequest, taken.Message)
	case errors.As(err, &said):
		return r.Refuse(codeInvalidRequest, "The user cannot be signed in.")
	}
	return err
}
