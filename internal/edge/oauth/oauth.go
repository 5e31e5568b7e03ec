// Package oauth serves what OAuth 2.0 and OpenID Connect define for a user
// pool: its key set and its discovery document. The endpoints of the sign-in
// pages come with them.
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
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
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

// Config is what a Handler needs.
type Config struct {
	Keys  Keys
	Pools Pools
	// Base is the public URL under which a pool's path resolves.
	Base string
	Log  *slog.Logger
}

// Handler serves /{poolId}/.well-known/*.
type Handler struct{ config Config }

// New returns a Handler.
func New(c Config) *Handler { return &Handler{c} }

var poolPath = regexp.MustCompile(`^/([\w-]+_[0-9a-zA-Z]+)/(.*)$`)

// Serves reports whether a path is a pool's. No bucket's name has an
// underscore, so that no path means both.
func Serves(path string) bool { return poolPath.MatchString(path) }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	m := poolPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	id, rest := m[1], m[2]
	if _, err := h.config.Pools.Pool(r.Context(), id); err != nil {
		h.fail(w, err)
		return
	}
	switch strings.TrimSuffix(rest, "/") {
	case ".well-known/jwks.json":
		keys, err := h.config.Keys.KeySet(r.Context(), id)
		if err != nil {
			h.fail(w, err)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=300")
		answer(w, http.StatusOK, map[string]any{"keys": keys})
	case ".well-known/openid-configuration":
		w.Header().Set("Cache-Control", "public, max-age=300")
		answer(w, http.StatusOK, h.discovery(id))
	default:
		answer(w, http.StatusNotFound, map[string]string{"message": "Not found"})
	}
}

// discovery is the discovery document of a pool without a domain: endpoints
// that cannot be served are left out (tokens.md, section 8).
func (h *Handler) discovery(id string) map[string]any {
	return map[string]any{
		"issuer":                                h.config.Keys.URL(id),
		"jwks_uri":                              h.config.Base + "/" + id + "/.well-known/jwks.json",
		"authorization_endpoint":                h.config.Keys.URL(id),
		"response_types_supported":              []string{"code", "token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}
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
