package site

import (
	"net/http"
	"time"

	"gatehouse/internal/authn/signin"
	"gatehouse/internal/service/login"
)

// The cookie of a login is good for one pool: on a host of its own by the host,
// under a path by its Path. Over HTTPS it has the prefix __Host-, so that no
// other host can set it; such a cookie cannot have a Path, and so has the pool in
// its name where many pools share a host (RFC 6265bis, section 4.1.3).

// loginCookie is the name of the login's cookie, before Scoped.
const loginCookie = "cognito"

// Cookie is what the browser holds of its login, or "".
func (s *Site) Cookie(r *http.Request) string {
	c, err := r.Cookie(s.Scoped(loginCookie))
	if err != nil {
		return ""
	}
	return c.Value
}

// stateCookie is the name of what a browser holds while its user is at an
// identity provider, before Scoped.
const stateCookie = "csrf-state"

// BrowserKey is what the browser holds to come back from an identity provider
// with, or "".
func (s *Site) BrowserKey(r *http.Request) string {
	c, err := r.Cookie(s.Scoped(stateCookie))
	if err != nil || !login.IsBrowserKey(c.Value) {
		return ""
	}
	return c.Value
}

// KeepBrowserKey makes the browser hold the one that it has, or a new one, for
// so many seconds more.
func (s *Site) KeepBrowserKey(w http.ResponseWriter, r *http.Request, age int) string {
	key := s.BrowserKey(r)
	if key == "" {
		key = login.NewBrowserKey()
	}
	http.SetCookie(w, s.NewCookie(s.Scoped(stateCookie), key, age))
	return key
}

// SetLogin gives the browser a login that has just been made. The cookie ends
// with the login; the server's clock may be ahead, so it is told how long.
func (s *Site) SetLogin(w http.ResponseWriter, l *signin.Login, now time.Time) {
	s.setCookie(w, l.Cookie, int(l.ExpiresAt.Sub(now).Seconds()))
}

// ClearLogin takes the cookie back.
func (s *Site) ClearLogin(w http.ResponseWriter) { s.setCookie(w, "", -1) }

func (s *Site) setCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, s.NewCookie(s.Scoped(loginCookie), value, age))
}

// NewCookie is a cookie of the site with the attributes that all have: for this
// pool alone, never for scripts, and not sent along by other sites but when the
// user follows a link. Its name comes from Scoped.
func (s *Site) NewCookie(name, value string, age int) *http.Cookie {
	path := "/"
	if !s.Secure && s.Prefix != "" {
		path = s.Prefix + "/"
	}
	return &http.Cookie{Name: name, Value: value, Path: path, MaxAge: age, Secure: s.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// Scoped is how a cookie is called on this site: the login's, or a further one
// such as XSRF-TOKEN.
func (s *Site) Scoped(name string) string {
	switch {
	case !s.Secure:
		return name
	case s.Prefix == "":
		return "__Host-" + name
	}
	return "__Host-" + name + "-" + s.Pool.ID
}
