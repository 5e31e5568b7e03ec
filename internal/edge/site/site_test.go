package site

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
)

const poolID = "us-east-1_AAAAAAAAA"

// pools are two domains of one pool, and a pool without one.
type pools map[string]*pool.Pool

func (p pools) Pool(_ context.Context, id string) (*pool.Pool, error) {
	if p[id] == nil {
		return nil, pool.NotFound(id)
	}
	return p[id], nil
}

func (p pools) ByDomain(_ context.Context, name string) (*pool.Pool, bool, error) {
	switch name {
	case "team-a":
		return p[poolID], false, nil
	case "auth.example.com":
		return p[poolID], true, nil
	}
	return nil, false, nil
}

// seen keeps the site that a request was for.
type seen struct{ site *Site }

func (s *seen) ServeSite(_ http.ResponseWriter, _ *http.Request, site *Site) { s.site = site }

func router(t *testing.T, base, public string) (*Router, *seen) {
	s := &seen{}
	rt, err := NewRouter(Config{Pools: pools{poolID: {ID: poolID, Settings: &cognitoidp.UserPoolType{Domain: new("team-a")}},
		"us-east-1_bare": {ID: "us-east-1_bare", Settings: &cognitoidp.UserPoolType{}}},
		BaseDomain: base, Region: "us-east-1", PublicURL: public, WellKnown: http.NotFoundHandler(), Site: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return rt, s
}

func TestRouter(t *testing.T) {
	rt, s := router(t, "id.example.net", "https://id.example.net")
	for _, c := range []struct {
		host, path   string
		prefix, want string // want is the path on the site; "" is no site, "-" not ours at all
	}{
		{"team-a.auth.us-east-1.id.example.net", "/login", "", "/login"},
		{"team-a.auth.id.example.net:443", "/oauth2/token", "", "/oauth2/token"},
		{"team-a.auth.eu-central-1.amazoncognito.com", "/", "", "/"},
		{"auth.example.com", "/login", "", "/login"},
		{"auth.example.com", "/" + poolID + "/login", "", "/" + poolID + "/login"},
		{"id.example.net", "/" + poolID + "/login", "/" + poolID, "/login"},
		{"id.example.net", "/" + poolID + "//evil", "/" + poolID, "//evil"},
		{"nobody.auth.id.example.net", "/login", "", ""},
		{"id.example.net", "/us-east-1_bare/login", "", ""},
		{"id.example.net", "/us-east-1_none/login", "", ""},
		{"id.example.net", "/login", "", "-"},
		{"auth.id.example.net", "/login", "", "-"},
		{"team-a.auth.amazoncognito.com", "/login", "", "-"},
		{"team-a", "/login", "", "-"},
		{"10.0.0.1:4566", "/login", "", "-"},
		{"[::1]:4566", "/login", "", "-"},
		{"", "/login", "", "-"},
	} {
		s.site = nil
		r := httptest.NewRequest(http.MethodGet, "http://x"+c.path, nil)
		r.Host = c.host
		h, ok := rt.Handler(r)
		if ok != (c.want != "-") {
			t.Errorf("%s%s: ours is %v", c.host, c.path, ok)
		}
		if !ok {
			continue
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch {
		case c.want == "":
			if s.site != nil || w.Code != http.StatusNotFound {
				t.Errorf("%s%s: %d %+v", c.host, c.path, w.Code, s.site)
			}
		case s.site == nil || s.site.Path != c.want || s.site.Prefix != c.prefix || s.site.Pool.ID != poolID || !s.site.Secure:
			t.Errorf("%s%s: %+v", c.host, c.path, s.site)
		}
	}
}

func TestHome(t *testing.T) {
	prefix := &pool.Pool{ID: poolID, Settings: &cognitoidp.UserPoolType{Domain: new("team-a")}}
	custom := &pool.Pool{ID: poolID, Settings: &cognitoidp.UserPoolType{Domain: new("team-a"), CustomDomain: new("auth.example.com")}}
	for _, c := range []struct {
		base, public string
		pool         *pool.Pool
		want         string
	}{
		{"localhost", "http://localhost:4566", prefix, "http://localhost:4566/" + poolID},
		{"localhost", "http://localhost:4566", custom, "http://localhost:4566/" + poolID},
		{"id.example.net", "https://id.example.net", prefix, "https://team-a.auth.us-east-1.id.example.net"},
		{"id.example.net", "https://id.example.net:8443", prefix, "https://team-a.auth.us-east-1.id.example.net:8443"},
		{"id.example.net", "https://id.example.net", custom, "https://auth.example.com"},
	} {
		rt, _ := router(t, c.base, c.public)
		if got := rt.Home(c.pool); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestCookie: a cookie for one pool, in each of the four places.
func TestCookie(t *testing.T) {
	p := &pool.Pool{ID: poolID}
	now := time.Now()
	for _, c := range []struct {
		site Site
		want string
	}{
		{Site{Pool: p}, "cognito=value; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		{Site{Pool: p, Prefix: "/" + poolID}, "cognito=value; Path=/" + poolID + "/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		{Site{Pool: p, Secure: true}, "__Host-cognito=value; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"},
		{Site{Pool: p, Secure: true, Prefix: "/" + poolID}, "__Host-cognito-" + poolID + "=value; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"},
	} {
		w := httptest.NewRecorder()
		c.site.SetLogin(w, &signin.Login{Cookie: "value", ExpiresAt: now.Add(time.Hour)}, now)
		got := w.Header().Get("Set-Cookie")
		if got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(w.Result().Cookies()[0])
		if v := c.site.Cookie(r); v != "value" {
			t.Errorf("read back as %q", v)
		}
	}
}

func TestRedirect(t *testing.T) {
	w := httptest.NewRecorder()
	Redirect(w, "myapp://é?a=b\r\nX: y#f")
	if got := w.Header().Get("Location"); w.Code != http.StatusFound || got != "myapp://%C3%A9?a=b%0D%0AX:%20y#f" {
		t.Errorf("%d %s", w.Code, got)
	}
	s := &Site{Prefix: "/p"}
	if got := s.Link("/login", url.Values{"a": {"b c"}}) + s.Link("/error", nil); got != "/p/login?a=b+c/p/error" {
		t.Error(got)
	}
}
