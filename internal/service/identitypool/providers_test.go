package identitypool_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/internal/api"
	ci "gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/outbound/oidc"
)

// public answers as Google and Apple do, with one key for both.
type public struct{ key jose.JSONWebKey }

func (p public) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	issuer := "https://" + r.URL.Host
	switch {
	case issuer != "https://accounts.google.com" && issuer != "https://appleid.apple.com":
		w.WriteHeader(http.StatusBadGateway)
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": issuer + "/keys"})
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{p.key.Public()}})
	}
	return w.Result(), nil
}

// TestPublicProviders: Google and Apple have fixed issuers, and a pool names
// its client there.
func TestPublicProviders(t *testing.T) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := public{jose.JSONWebKey{Key: k, KeyID: "k"}}
	each(t, false, func(t *testing.T, w *world) {
		w.OIDC = oidc.New(oidc.Config{Now: w.Now, Transport: p})
		if _, err := w.UpdateIdentityPool(t.Context(), &ci.UpdateIdentityPoolInput{IdentityPoolId: &w.pool, IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(false),
			SupportedLoginProviders: map[string]string{"accounts.google.com": "google-app", "appleid.apple.com": "apple-app"}}); err != nil {
			t.Fatal(err)
		}
		token := func(issuer, client string) api.Secret {
			s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := jwt.Signed(s).Claims(map[string]any{"iss": issuer, "aud": client, "sub": "jane", "exp": w.Now().Add(time.Hour).Unix()}).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			return api.Secret(text)
		}
		const no = "NotAuthorizedException: "
		for _, c := range []struct{ key, issuer, client, want string }{
			{"accounts.google.com", "https://accounts.google.com", "apple-app", no + "Incorrect token audience."},
			{"accounts.google.com", "https://appleid.apple.com", "google-app", no + "Invalid login token. Issuer doesn't match providerName"},
			{"appleid.apple.com", "https://accounts.google.com", "apple-app", no + "Invalid login token. Issuer doesn't match providerName"},
			{"appleid.apple.com", "appleid.apple.com", "apple-app", no + "Invalid login token. Issuer doesn't match providerName"},
			{"login.example", "https://accounts.google.com", "google-app", no + "Token is not from a supported provider of this identity pool."},
		} {
			if _, err := w.getID(logins{c.key: token(c.issuer, c.client)}); message(err) != c.want {
				t.Errorf("%v: %v", c, err)
			}
		}
		google := w.mustID(logins{"accounts.google.com": token("accounts.google.com", "google-app")})
		if again := w.mustID(logins{"accounts.google.com": token("https://accounts.google.com", "google-app")}); again != google {
			t.Error("the same user got another identity")
		}
		if apple := w.mustID(logins{"appleid.apple.com": token("https://appleid.apple.com", "apple-app")}); apple == google {
			t.Error("Apple's jane is Google's")
		}
	})
}
