package hostedui

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// maxForm bounds a form, in bytes: a session, and what a person types.
const maxForm = 64 << 10

// visit is one request to a page.
type visit struct {
	h    *Handler
	w    http.ResponseWriter
	r    *http.Request
	s    *site.Site
	req  *login.Request // what the client asked for; nil where no client did
	form url.Values     // what was posted
	// registered is what somebody has registered with, sealed; "" for none.
	registered string
	csrf       string
	*catalogue
}

func (h *Handler) visit(w http.ResponseWriter, r *http.Request, s *site.Site) *visit {
	v := &visit{h: h, w: w, r: r, s: s}
	v.chooseLanguage()
	return v
}

// chooseLanguage picks the language: the one that was asked for, the one that was
// before, or what the browser prefers.
func (v *visit) chooseLanguage() {
	if v.speak(v.r.URL.Query().Get("lang")) {
		return
	}
	if c, err := v.r.Cookie(v.s.Scoped(langCookie)); err == nil {
		if t := v.h.files.catalogueOf(c.Value); t != nil {
			v.catalogue = t
			return
		}
	}
	v.catalogue = v.h.files.preferred(v.r.Header.Get("Accept-Language"))
}

const (
	langCookie = "lang"
	year       = 365 * 24 * 60 * 60 // seconds
)

// speak switches to a language and remembers it, if there are texts of it.
func (v *visit) speak(lang string) bool {
	t := v.h.files.catalogueOf(lang)
	if t == nil {
		return false
	}
	if v.catalogue != t {
		v.catalogue = t
		http.SetCookie(v.w, v.s.NewCookie(v.s.Scoped(langCookie), t.Lang, year))
	}
	return true
}

// Forms carry a token that the browser holds as a cookie as well, which other
// sites can neither read nor, over HTTPS, set (double submit). Headless clients
// know the cookie by the name that it has in AWS, without the prefix, so a copy
// has that; it is not looked at.
const (
	csrfCookie = "XSRF-TOKEN"
	csrfField  = "_csrf"
)

var csrfForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// token is the browser's token; it is given one if it has none.
func (v *visit) token() string {
	if v.csrf != "" {
		return v.csrf
	}
	if v.csrf = v.heldToken(); v.csrf != "" {
		return v.csrf
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	v.csrf = base64.RawURLEncoding.EncodeToString(b[:])
	http.SetCookie(v.w, v.s.NewCookie(v.s.Scoped(csrfCookie), v.csrf, 0))
	if v.s.Scoped(csrfCookie) != csrfCookie {
		http.SetCookie(v.w, v.s.NewCookie(csrfCookie, v.csrf, 0))
	}
	return v.csrf
}

// heldToken is the token that came with the request, or "".
func (v *visit) heldToken() string {
	c, err := v.r.Cookie(v.s.Scoped(csrfCookie))
	if err != nil || !csrfForm.MatchString(c.Value) {
		return ""
	}
	return c.Value
}

// foreign reports whether the browser says that another site sent the form. A
// client that is no browser says nothing.
func (v *visit) foreign() bool {
	if v.r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return true
	}
	origin := v.r.Header.Get("Origin")
	if origin == "" || origin == v.h.public {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, v.r.Host) // "null" has no host
}

// read reads a form and sees that it is one of ours.
func (v *visit) read() bool {
	if t, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		v.notice(http.StatusUnsupportedMediaType, "malformed.title", "malformed.text")
		return false
	}
	b, err := io.ReadAll(http.MaxBytesReader(v.w, v.r.Body, maxForm))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		v.notice(http.StatusRequestEntityTooLarge, "malformed.title", "malformed.text")
		return false
	case err != nil:
		v.notice(http.StatusBadRequest, "malformed.title", "malformed.text")
		return false
	}
	if v.form, err = url.ParseQuery(string(b)); err != nil || !plain(v.form) {
		v.notice(http.StatusBadRequest, "malformed.title", "malformed.text")
		return false
	}
	held := v.heldToken()
	if v.foreign() || held == "" || subtle.ConstantTimeCompare([]byte(held), []byte(v.form.Get(csrfField))) != 1 {
		v.notice(http.StatusForbidden, "forged.title", "forged.text")
		return false
	}
	return true
}

// plain reports whether a form has each field once, in UTF-8 without NUL: two
// readers must not see two values, and no store takes NUL.
func plain(form url.Values) bool {
	for name, values := range form {
		if len(values) != 1 || !utf8.ValidString(name+values[0]) || strings.ContainsRune(name+values[0], 0) {
			return false
		}
	}
	return true
}

// field is what was typed into a field. Blanks around a name or a code are a
// slip of the hand; a password is taken as it is.
func (v *visit) field(name string) string { return strings.TrimSpace(v.form.Get(name)) }

// link is the address of another page for the same request.
func (v *visit) linkTo(path string) string {
	if v.req == nil {
		return v.s.Link(path, nil)
	}
	return v.s.Link(path, v.req.Query)
}

func (v *visit) toLogin() { site.Redirect(v.w, v.linkTo("/login")) }
