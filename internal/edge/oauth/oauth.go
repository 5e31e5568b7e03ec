// Package oauth serves what OAuth 2.0 and OpenID Connect define for a user
// pool: its key set and its discovery document, and on its domain the endpoints
// that give, renew, show and take back tokens. What a browser sees is its
// Pages'.
//
// What a newcomer gets wrong: addresses in a discovery document come from the
// configured public URL, never from the request that asks.
package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/edge/site"
	"gatehouse/internal/event"
	"gatehouse/internal/service/login"
)

// Keys is where the key sets come from; *token.Issuer is one.
type Keys interface {
	KeySet(ctx context.Context, poolID string) ([]token.JWK, error)
	URL(poolID string) string
}

// Pools finds pools; *pool.Registry is one.
type Pools interface {
	Pool(ctx context.Context, id string) (*pool.Pool, error)
}

// Pages is what a browser sees of a domain.
type Pages interface {
	// ServeSite answers for the paths that are not endpoints: /login, /error
	// and the rest. The headers of site.Headers are set.
	site.Handler
	// Depart sends the browser to an identity provider.
	Depart(w http.ResponseWriter, r *http.Request, s *site.Site, req *login.Request, provider string)
	// SignedOut tells that the browser is signed out, where no app is waiting.
	SignedOut(w http.ResponseWriter, r *http.Request, s *site.Site)
	// FormPost shows the page that submits an answer's form to its URL.
	FormPost(w http.ResponseWriter, r *http.Request, s *site.Site, a *login.Answer)
}

// Config is what a Handler needs.
type Config struct {
	Keys  Keys
	Pools Pools
	Login *login.Service
	Pages Pages
	// Base is the public URL under which a pool's path resolves.
	Base string
	// Home is where a pool's domain is reached.
	Home func(p *pool.Pool) string
	Log  *slog.Logger
}

// Handler serves /{poolId}/.well-known/*, and pools' domains.
type Handler struct{ config Config }

// New returns a Handler.
func New(c Config) *Handler { return &Handler{c} }

var wellKnown = regexp.MustCompile(`^/([\w-]+_[0-9a-zA-Z]+)/\.well-known/(.*)$`)

// ServeHTTP answers for what a pool has with or without a domain.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	m := wellKnown.FindStringSubmatch(r.URL.Path)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	id := m[1]
	p, err := h.config.Pools.Pool(r.Context(), id)
	if err != nil {
		h.fail(w, err)
		return
	}
	switch strings.TrimSuffix(m[2], "/") {
	case "jwks.json":
		keys, err := h.config.Keys.KeySet(r.Context(), id)
		if err != nil {
			h.fail(w, err)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=300")
		answer(w, http.StatusOK, map[string]any{"keys": keys})
	case "openid-configuration":
		w.Header().Set("Cache-Control", "public, max-age=300")
		answer(w, http.StatusOK, h.discovery(p))
	default:
		answer(w, http.StatusNotFound, map[string]string{"message": "Not found"})
	}
}

// discovery is the discovery document of a pool. Without a domain the endpoints
// that cannot be served are left out (tokens.md, section 8).
func (h *Handler) discovery(p *pool.Pool) map[string]any {
	d := map[string]any{
		"issuer":                                h.config.Keys.URL(p.ID),
		"jwks_uri":                              h.config.Base + "/" + p.ID + "/.well-known/jwks.json",
		"authorization_endpoint":                h.config.Keys.URL(p.ID),
		"response_types_supported":              []string{"code", "token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}
	if !p.HasDomain() {
		return d
	}
	home := h.config.Home(p)
	for name, path := range map[string]string{"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token", "userinfo_endpoint": "/oauth2/userInfo",
		"revocation_endpoint": "/oauth2/revoke", "end_session_endpoint": "/logout",
		"pushed_authorization_request_endpoint": "/oauth2/par"} {
		d[name] = home + path
	}
	for name, list := range map[string][]string{"scopes_supported": {"openid", "email", "phone", "profile"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":      {"S256"}, "dpop_signing_alg_values_supported": dpop.Algorithms, "response_modes_supported": {"query", "fragment", "form_post"},
		"grant_types_supported": {"authorization_code", "implicit", "refresh_token", "client_credentials"}} {
		d[name] = list
	}
	return d
}

// ServeSite answers for a pool's domain.
func (h *Handler) ServeSite(w http.ResponseWriter, r *http.Request, s *site.Site) {
	site.Headers(w, r, s)
	for _, e := range []struct {
		path    string
		methods []string // besides OPTIONS
		serve   func(w http.ResponseWriter, r *http.Request, s *site.Site)
	}{
		{"/oauth2/authorize", []string{http.MethodGet, http.MethodHead, http.MethodPost}, h.authorize},
		{"/authorize", []string{http.MethodGet, http.MethodHead, http.MethodPost}, h.authorize},
		{"/oauth2/token", []string{http.MethodPost}, h.token},
		{"/oauth2/par", []string{http.MethodPost}, h.push},
		{"/oauth2/userInfo", []string{http.MethodGet, http.MethodPost}, h.userInfo},
		{"/oauth2/revoke", []string{http.MethodPost}, h.revoke},
		{"/logout", []string{http.MethodGet, http.MethodHead, http.MethodPost}, h.logout},
	} {
		if s.Path != e.path {
			continue
		}
		event.From(r.Context()).Set("operation", strings.TrimPrefix(e.path, "/"))
		allowed := append(e.methods[:len(e.methods):len(e.methods)], http.MethodOptions)
		switch {
		case r.Method == http.MethodOptions:
			preflight(w, r, allowed)
		case !slices.Contains(e.methods, r.Method):
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			site.Fail(w, http.StatusMethodNotAllowed, "invalid_request", "The method is not one of "+strings.Join(allowed, ", ")+".")
		default:
			e.serve(w, r, s)
		}
		return
	}
	h.config.Pages.ServeSite(w, r, s)
}

// preflight lets pages of any origin call an endpoint (W0 calls /oauth2/token).
func preflight(w http.ResponseWriter, r *http.Request, methods []string) {
	w.Header().Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) < 2048 {
		w.Header().Set("Access-Control-Allow-Headers", asked)
	}
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusOK)
}

func (h *Handler) fail(w http.ResponseWriter, err error) {
	var missing *cognitoidp.ResourceNotFoundException
	if errors.As(err, &missing) {
		answer(w, http.StatusBadRequest, map[string]string{"code": "BadRequest", "message": missing.Message})
		return
	}
	h.config.Log.Error("serve a pool's discovery", "error", err)
	answer(w, http.StatusServiceUnavailable, map[string]string{"message": "The server cannot answer at the moment. Try again later."})
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client is gone when this fails
}
