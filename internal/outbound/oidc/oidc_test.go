package oidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/internal/outbound/oidc"
)

// provider is an issuer on this machine.
type provider struct {
	t      *testing.T
	url    string
	mu     sync.Mutex
	now    time.Time
	keys   []jose.JSONWebKey
	issuer string // what the discovery document says
	handle http.HandlerFunc
	asked  atomic.Int32
}

func (p *provider) Now() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now }

func (p *provider) advance(d time.Duration) { p.mu.Lock(); defer p.mu.Unlock(); p.now = p.now.Add(d) }

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, now: time.Date(2027, 1, 5, 3, 4, 5, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case p.handle != nil:
			p.handle(w, r)
		case r.URL.Path == "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": p.issuer, "jwks_uri": p.url + "/keys"})
		default:
			public := []any{map[string]string{"kty": "unknown", "kid": "x"}}
			for _, k := range p.keys {
				public = append(public, k.Public())
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": public})
		}
	}))
	t.Cleanup(server.Close)
	p.url, p.issuer = server.URL, server.URL
	p.keys = []jose.JSONWebKey{rsaKey(t, "one", 2048)}
	return p
}

func (p *provider) answer(h http.HandlerFunc) { p.mu.Lock(); defer p.mu.Unlock(); p.handle = h }

func rsaKey(t *testing.T, kid string, bits int) jose.JSONWebKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k, KeyID: kid, Use: "sig"}
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (p *provider) claims(change map[string]any) map[string]any {
	c := map[string]any{"iss": p.url, "sub": "jane", "aud": "app", "exp": p.Now().Add(time.Hour).Unix()}
	maps.Copy(c, change)
	for k, v := range c {
		if v == nil {
			delete(c, k)
		}
	}
	return c
}

func (p *provider) token(change map[string]any) string {
	return sign(p.t, jose.RS256, p.keys[0], p.claims(change))
}

func (p *provider) verifier() *oidc.Verifier {
	return oidc.New(oidc.Config{Now: p.Now, Loopback: true})
}

func (p *provider) verify(v *oidc.Verifier, text string) (*oidc.Token, error) {
	return v.Verify(context.Background(), oidc.Provider{Issuer: p.url, Alias: "alias", ClientIDs: []string{"app", "other"}}, text)
}

func TestVerify(t *testing.T) {
	p := newProvider(t)
	v := p.verifier()
	good := p.token(nil)
	part := strings.Split(good, ".")
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	none := "eyJhbGciOiJub25lIn0." + part[1] + "."
	hour := p.Now().Add(-time.Hour).Unix()
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"right":                 {good, nil},
		"alias":                 {p.token(map[string]any{"iss": "alias"}), nil},
		"with a slash":          {p.token(map[string]any{"iss": p.url + "/"}), nil},
		"without a key id":      {sign(t, jose.RS256, p.keys[0].Key, p.claims(nil)), nil},
		"RS512":                 {sign(t, jose.RS512, p.keys[0], p.claims(nil)), nil},
		"several audiences":     {p.token(map[string]any{"aud": []string{"x", "app"}}), oidc.ErrAudience},
		"and a party":           {p.token(map[string]any{"aud": []string{"x", "app"}, "azp": "app"}), nil},
		"a party of others":     {p.token(map[string]any{"azp": "x"}), oidc.ErrAudience},
		"just expired":          {p.token(map[string]any{"exp": p.Now().Add(-4 * time.Minute).Unix()}), nil},
		"expired":               {p.token(map[string]any{"exp": hour}), oidc.ErrExpired},
		"for ever":              {p.token(map[string]any{"exp": nil}), oidc.ErrMalformed},
		"later":                 {p.token(map[string]any{"nbf": p.Now().Add(time.Hour).Unix()}), oidc.ErrMalformed},
		"another's":             {p.token(map[string]any{"aud": "x"}), oidc.ErrAudience},
		"nobody's":              {p.token(map[string]any{"aud": nil}), oidc.ErrNoAudience},
		"no subject":            {p.token(map[string]any{"sub": nil}), oidc.ErrMalformed},
		"long subject":          {p.token(map[string]any{"sub": strings.Repeat("x", 256)}), oidc.ErrMalformed},
		"another issuer":        {p.token(map[string]any{"iss": "https://elsewhere"}), oidc.ErrIssuer},
		"another key":           {sign(t, jose.RS256, rsaKey(t, "one", 2048), p.claims(nil)), oidc.ErrSignature},
		"unknown key":           {sign(t, jose.RS256, rsaKey(t, "two", 2048), p.claims(nil)), oidc.ErrSignature},
		"altered":               {part[0] + "." + part[1] + "." + strings.Split(p.token(map[string]any{"sub": "john"}), ".")[2], oidc.ErrSignature},
		"none":                  {none, oidc.ErrMalformed},
		"HS256":                 {sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), p.claims(nil)), oidc.ErrMalformed},
		"ES256":                 {sign(t, jose.ES256, ec, p.claims(nil)), oidc.ErrMalformed},
		"not a token":           {"abc", oidc.ErrMalformed},
		"the key in the header": {signWithKey(t, p.claims(nil)), oidc.ErrSignature},
	} {
		token, err := p.verify(v, c.token)
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else if err == nil && (token.Subject != "jane" || token.Audience != "app" || token.Claims["sub"] != "jane") {
			t.Errorf("%s: %+v", name, token)
		}
	}
	if n := p.asked.Load(); n != 2 {
		t.Errorf("the issuer was asked %d times, want one discovery and one key set", n)
	}
}

// signWithKey is a token that brings its own key.
func signWithKey(t *testing.T, claims map[string]any) string {
	k := rsaKey(t, "", 2048)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestKeys: when an issuer is asked again, and when not.
func TestKeys(t *testing.T) {
	p := newProvider(t)
	v := p.verifier()
	expect := func(name, token string, want error, asked int32) {
		t.Helper()
		p.asked.Store(0)
		if _, err := p.verify(v, token); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if n := p.asked.Load(); n != asked {
			t.Errorf("%s: asked %d times, want %d", name, n, asked)
		}
	}
	life := map[string]any{"exp": p.Now().Add(100 * time.Hour).Unix()}
	old := p.token(life)
	expect("first", old, nil, 2)
	expect("known", old, nil, 0)
	p.mu.Lock()
	p.keys = []jose.JSONWebKey{rsaKey(t, "two", 2048)}
	p.mu.Unlock()
	young := p.token(life)
	expect("a new key at once", young, oidc.ErrSignature, 0)
	p.advance(time.Minute)
	expect("a new key", young, nil, 2)
	expect("the old key", old, oidc.ErrSignature, 0)

	p.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	p.advance(time.Hour)
	expect("the issuer is down", young, nil, 1)
	expect("and is left alone", young, nil, 0)
	p.advance(24 * time.Hour)
	expect("for a day", young, oidc.ErrUnavailable, 1)
	p.answer(nil)
	p.advance(10 * time.Second)
	expect("and is back", young, nil, 2)
}

// TestKeys_flood: many who wait for the same keys ask once.
func TestKeys_flood(t *testing.T) {
	p := newProvider(t)
	v, token := p.verifier(), p.token(nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := p.verify(v, token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := p.asked.Load(); n > 4 {
		t.Errorf("asked %d times", n)
	}
}

// TestKeys_refused: answers that an issuer must not give, and addresses that
// must not be asked.
func TestKeys_refused(t *testing.T) {
	discovery := func(keys string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": "http://" + r.Host, "jwks_uri": keys})
		}
	}
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"another issuer":      {body(`{"issuer":"https://elsewhere","jwks_uri":"https://elsewhere"}`), "is that of"},
		"not JSON":            {body("hello"), "invalid character"},
		"too long":            {body(`{"issuer":"` + strings.Repeat("x", 1<<20) + `"}`), "more than"},
		"keys over http":      {discovery("http://example.com/keys"), "not an https URL"},
		"keys of a file":      {discovery("file:///etc/passwd"), "not an https URL"},
		"keys of a neighbour": {discovery("https://10.0.0.1/keys"), "not a public address"},
		"metadata service":    {discovery("https://169.254.169.254/keys"), "not a public address"},
		"mapped":              {discovery("https://[::ffff:10.0.0.1]/keys"), "not a public address"},
		"led away": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://10.0.0.1/", http.StatusFound)
		}, "not a public address"},
		"led to http": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		}, "not an https URL"},
		"led in circles": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "too many redirects"},
		"no keys":        {body(`{}`), "is that of"},
	} {
		p := newProvider(t)
		p.answer(c.handle)
		if _, err := p.verify(p.verifier(), p.token(nil)); !errors.Is(err, oidc.ErrUnavailable) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	p := newProvider(t)
	p.keys[0] = rsaKey(t, "weak", 1024)
	if _, err := p.verify(p.verifier(), p.token(nil)); !errors.Is(err, oidc.ErrUnavailable) || !strings.Contains(err.Error(), "no RSA key") {
		t.Errorf("a weak key: %v", err)
	}
	if _, err := p.verify(oidc.New(oidc.Config{Now: p.Now}), p.token(nil)); !errors.Is(err, oidc.ErrUnavailable) || !strings.Contains(err.Error(), "not an https URL") {
		t.Errorf("http without the setting: %v", err)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	p.url = secure.URL
	if _, err := p.verify(oidc.New(oidc.Config{Now: p.Now}), p.token(nil)); !errors.Is(err, oidc.ErrUnavailable) || !strings.Contains(err.Error(), "not a public address") {
		t.Errorf("this machine without the setting: %v", err)
	}
}
