package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Party is this server as a relying party of a provider (federation.md, section
// 3). Addresses that are "" are those of the provider's discovery document.
type Party struct {
	Name             string // of the provider, for texts
	Issuer, Alias    string // as in Provider
	ClientID, Secret string
	Scopes           string // separated by blanks
	AuthorizeURL     string
	TokenURL         string
	KeysURL          string
	UserInfoURL      string
	NoUserInfo       bool   // the ID token says all that there is
	UserInfoMethod   string // GET or POST
	// Profile says that the provider speaks OAuth 2.0 alone, as Facebook and Amazon
	// do: there is no ID token, and userinfo says who it is, by a name of its own.
	Profile bool
	// SecretKey makes the secret, in place of Secret; nil for all but Apple.
	SecretKey *SecretKey
	// FormPost asks for the answer as a form, which Apple wants where names are
	// asked for.
	FormPost bool
}

// Fault is why a sign-in at a provider came to nothing. Code and Text are what
// the app is told; Cause, which may be nil, is for the log.
type Fault struct {
	Code, Text string
	Cause      error
}

func (f *Fault) Error() string {
	if f.Cause == nil {
		return f.Text
	}
	return f.Text + ": " + f.Cause.Error()
}

// The errors of OAuth that a sign-in ends with.
const (
	invalidRequest = "invalid_request"
	serverError    = "server_error"
)

// complete fills in the addresses that discovery has to tell.
func (v *Verifier) complete(ctx context.Context, p *Party) (*Party, error) {
	if p.AuthorizeURL != "" && p.TokenURL != "" && (p.KeysURL != "" || p.Profile) && (p.UserInfoURL != "" || p.NoUserInfo) {
		return p, nil
	}
	i, err := v.issuer(ctx, p.Issuer, "")
	if err != nil {
		// Without discovery, a provider is what its details say.
		if p.AuthorizeURL != "" && p.TokenURL != "" && p.KeysURL != "" {
			return p, nil
		}
		return nil, &Fault{serverError, "The discovery document of " + p.Name + " cannot be read.", err}
	}
	q := *p
	for _, a := range []struct {
		address *string
		found   string
	}{{&q.AuthorizeURL, i.doc.Authorize}, {&q.TokenURL, i.doc.Token}, {&q.UserInfoURL, i.doc.UserInfo}} {
		if *a.address == "" {
			*a.address = a.found
		}
	}
	return &q, nil
}

// Authorize is where the browser goes to sign in: the provider's page, with the
// request in it; more are further parameters.
func (v *Verifier) Authorize(ctx context.Context, p *Party, redirectURI, state, nonce string, more url.Values) (string, error) {
	p, err := v.complete(ctx, p)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(p.AuthorizeURL)
	if err == nil {
		err = v.mayAsk(u)
	}
	if err != nil {
		return "", &Fault{serverError, p.Name + " names no address for sign-ins.", err}
	}
	q := u.Query()
	maps.Copy(q, more)
	for name, value := range map[string]string{"client_id": p.ClientID, "redirect_uri": redirectURI, "response_type": "code", "scope": p.Scopes, "state": state, "nonce": nonce} {
		q.Set(name, value)
	}
	if p.FormPost {
		q.Set("response_mode", "form_post")
	}
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String(), nil
}

// Redeem trades the code that a browser came back with, and returns the claims
// about its user: those of the ID token, and over them those of userinfo. The
// provider's tokens are the claims access_token, id_token and refresh_token.
// Errors are *Fault.
func (v *Verifier) Redeem(ctx context.Context, p *Party, redirectURI, code, nonce string) (map[string]any, error) {
	p, err := v.complete(ctx, p)
	if err != nil {
		return nil, err
	}
	secret, err := v.secretOf(p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var given struct {
		Access  string `json:"access_token"`
		ID      string `json:"id_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := v.ask(ctx, p, p.TokenURL, "token", http.MethodPost, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI},
		"client_id": {p.ClientID}, "client_secret": {secret}}, "", &given); err != nil {
		return nil, err
	}
	if p.Profile {
		return v.profile(ctx, p, given.Access)
	}
	t, err := v.identify(ctx, p, given.ID)
	if err != nil {
		return nil, err
	}
	if said, _ := t.Claims["nonce"].(string); subtle.ConstantTimeCompare([]byte(said), []byte(nonce)) != 1 {
		return nil, badToken(p, errors.New("the nonce is another"))
	}
	claims := maps.Clone(t.Claims)
	if !p.NoUserInfo && p.UserInfoURL != "" && given.Access != "" {
		info := map[string]any{}
		if err := v.ask(ctx, p, p.UserInfoURL, "user info", p.UserInfoMethod, nil, given.Access, &info); err != nil {
			return nil, err
		}
		if info["sub"] != t.Subject { // OpenID Connect Core, section 5.3.2
			return nil, &Fault{serverError, "The user info of " + p.Name + " is about somebody else.", nil}
		}
		maps.Copy(claims, info)
	}
	for name, text := range map[string]string{"access_token": given.Access, "id_token": given.ID, "refresh_token": given.Refresh} {
		delete(claims, name)
		if text != "" {
			claims[name] = text
		}
	}
	return claims, nil
}

// profile asks who an access token is of, where nothing else says so. That the
// token is for this party follows from how it came: by a code, for the secret.
func (v *Verifier) profile(ctx context.Context, p *Party, access string) (map[string]any, error) {
	if access == "" {
		return nil, &Fault{invalidRequest, p.Name + " Error - no access token in its answer", nil}
	}
	claims := map[string]any{}
	if err := v.ask(ctx, p, p.UserInfoURL, "user info", p.UserInfoMethod, nil, access, &claims); err != nil {
		return nil, err
	}
	delete(claims, "id_token")
	delete(claims, "refresh_token")
	claims["access_token"] = access
	return claims, nil
}

func badToken(p *Party, cause error) error {
	return &Fault{serverError, "The ID token of " + p.Name + " is not valid.", cause}
}

// identify verifies the ID token of a party, by the provider's keys or by the
// secret that both know; which of them decides the algorithm, never the token
// alone.
func (v *Verifier) identify(ctx context.Context, p *Party, text string) (*Token, error) {
	of := Provider{Issuer: p.Issuer, Alias: p.Alias, ClientIDs: []string{p.ClientID}}
	source := p.Issuer
	if p.KeysURL != "" {
		source = keySet + p.KeysURL
	}
	t, err := v.verify(of, text, ofParties, func(kid string) ([]jose.JSONWebKey, error) { return v.keys(ctx, source, kid) })
	if errors.Is(err, ErrMalformed) {
		const shortest = 32 // bytes (RFC 7518, section 3.2)
		if len(p.Secret) >= shortest {
			t, err = v.verify(of, text, ofSecrets, func(string) ([]jose.JSONWebKey, error) { return []jose.JSONWebKey{{Key: []byte(p.Secret)}}, nil })
		}
	}
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, ErrUnavailable) && isTimeout(err):
		return nil, &Fault{invalidRequest, "error_description=Timeout in calling jwks uri", err}
	}
	return nil, badToken(p, err)
}

// ask sends one request to an endpoint of the provider, as a form or with an
// access token, and reads the JSON of its answer.
func (v *Verifier) ask(ctx context.Context, p *Party, address, what, method string, form url.Values, bearer string, into any) error {
	var body *strings.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	} else {
		body = strings.NewReader("")
	}
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return &Fault{serverError, p.Name + " names no address for its " + what + ".", err}
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if err := v.enter(ctx); err != nil {
		return &Fault{invalidRequest, "Too many sign-ins at other identity providers are under way. Try again.", err}
	}
	defer v.leave()
	status, b, err := v.send(v.strict, r)
	switch {
	case isTimeout(err):
		return &Fault{invalidRequest, "Timeout occurred in calling IdP " + what + " endpoint", err}
	case err != nil:
		return &Fault{invalidRequest, p.Name + " Error - no answer getting " + what, err}
	case status != http.StatusOK:
		return &Fault{invalidRequest, fmt.Sprintf("%s Error - %d error getting %s", p.Name, status, what), errors.New(excerpt(b))}
	}
	if err := json.Unmarshal(b, into); err != nil {
		return &Fault{invalidRequest, p.Name + " Error - what it answers getting " + what + " is no JSON", err}
	}
	return nil
}

// Requests of parties take time that a provider decides about, and strangers cause
// them: so many are under way at once, and the next wait a little.
const (
	maxAsks   = 64
	waitToAsk = time.Second
)

func (v *Verifier) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitToAsk)
	defer cancel()
	select {
	case v.asks <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *Verifier) leave() { <-v.asks }

// excerpt is the beginning of an answer, for the log: OAuth's error, without what
// a careless provider might repeat.
func excerpt(b []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(b, &said) != nil || said.Error == "" || len(said.Error) > 100 {
		return "no OAuth error in the answer"
	}
	return said.Error
}

func isTimeout(err error) bool {
	var timed interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timed) && timed.Timeout()
}
