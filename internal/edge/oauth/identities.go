package oauth

import (
	"context"
	"log/slog"
	"net/http"
)

// IdentityKeys is where the key set of the identity pools' tokens comes from.
type IdentityKeys interface {
	OpenIDKeys(ctx context.Context) ([]map[string]string, error)
}

// IdentitiesConfig is what Identities needs.
type IdentitiesConfig struct {
	Keys   IdentityKeys
	Issuer string // of the tokens
	Base   string // the public URL
	Log    *slog.Logger
}

// Identities serves discovery and key set of the tokens that identity pools
// make (identity-pools.md, section 6). All pools share them: a verifier must
// look at aud.
type Identities struct{ config IdentitiesConfig }

// NewIdentities returns Identities.
func NewIdentities(c IdentitiesConfig) *Identities { return &Identities{c} }

// The paths are AWS's own, at cognito-identity.amazonaws.com.
const (
	identityDiscovery = "/.well-known/openid-configuration"
	identityKeySet    = "/.well-known/jwks_uri"
)

// ServesIdentities reports whether a path is one of Identities. No bucket's name
// begins with a dot, so that no path means both.
func ServesIdentities(path string) bool { return path == identityDiscovery || path == identityKeySet }

func (h *Identities) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	document := map[string]any{
		"issuer":                                h.config.Issuer,
		"jwks_uri":                              h.config.Base + identityKeySet,
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS512"},
	}
	if r.URL.Path == identityKeySet {
		keys, err := h.config.Keys.OpenIDKeys(r.Context())
		if err != nil {
			h.config.Log.Error("serve the key set of identity pools", "error", err)
			answer(w, http.StatusServiceUnavailable, map[string]string{"message": "The server cannot answer at the moment. Try again later."})
			return
		}
		document = map[string]any{"keys": keys}
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	answer(w, http.StatusOK, document)
}
