package hostedui

import (
	"cmp"
	"io"
	"net/http"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/event"
	"gatehouse/internal/service/login"
)

const (
	// returnPath is where identity providers send browsers back to; who sets a
	// provider up registers it there (federation.md, section 3).
	returnPath = "/oauth2/idpresponse"
	// providerParameter names the provider that was clicked on the sign-in page.
	// A request that was pushed has no place for it, so it stands beside.
	providerParameter = "provider"
	// maxReturned bounds what a provider sends back as a form, in bytes.
	maxReturned = 10 << 10
	// away is how long a browser remembers that its user is at a provider,
	// seconds.
	away = 10 * 60
)

// social are the providers that everybody knows, by the names that everybody
// knows.
var social = map[string]string{"Google": "Google", "Facebook": "Facebook", "LoginWithAmazon": "Amazon", "SignInWithApple": "Apple"}

// choose goes on to the provider that was clicked or needs no choosing, or shows
// the sign-in page.
func (v *visit) choose(clicked string) {
	list, err := v.h.config.Login.Upstreams(v.r.Context(), v.req)
	if err != nil {
		v.unavailable(err)
		return
	}
	for _, name := range list {
		if name == clicked {
			v.depart(name)
			return
		}
	}
	name, err := v.h.config.Login.Chosen(v.r.Context(), v.req)
	switch {
	case err != nil:
		v.refuse(err)
	case name != "":
		v.depart(name)
	case len(list) == 0 && !v.req.Native():
		v.fail(http.StatusBadRequest, login.NoNative)
	default:
		v.loginPage(cut(v.req.LoginHint), "", nil)
	}
}

// offer puts the client's identity providers on the sign-in page.
func (v *visit) offer(p *view) error {
	list, err := v.h.config.Login.Upstreams(v.r.Context(), v.req)
	if err != nil || v.req.Provider != "" {
		return err
	}
	for _, name := range list {
		q := v.req.Query
		q.Set(providerParameter, name)
		known := social[name]
		p.Providers = append(p.Providers, upstream{v.T("login.with", "provider", cmp.Or(known, name)), v.s.Link("/login", q), known != ""})
		q.Del(providerParameter)
	}
	return nil
}

// Depart sends the browser to an identity provider.
func (h *Handler) Depart(w http.ResponseWriter, r *http.Request, s *site.Site, req *login.Request, provider string) {
	v := h.visit(w, r, s)
	v.req = req
	v.depart(provider)
}

func (v *visit) depart(provider string) {
	key := v.s.KeepBrowserKey(v.w, v.r, away)
	to, err := v.h.config.Login.Depart(v.r.Context(), v.req, provider, key, v.s.URL(returnPath))
	if err != nil {
		v.refuse(err)
		return
	}
	site.Redirect(v.w, to)
}

// arrive takes back who comes from an identity provider.
func (v *visit) arrive() {
	event.From(v.r.Context()).Set("operation", "oauth2/idpresponse")
	if v.r.Method == http.MethodPost {
		// Another site's form: it comes without cookies, so the browser comes again.
		b, err := io.ReadAll(http.MaxBytesReader(v.w, v.r.Body, maxReturned))
		if err != nil {
			v.notice(http.StatusRequestEntityTooLarge, "malformed.title", "malformed.text")
			return
		}
		v.w.Header().Set("Location", v.s.Link(returnPath, v.h.config.Login.Returned(v.s.Pool, string(b))))
		v.w.WriteHeader(http.StatusSeeOther)
		return
	}
	q, err := login.ParseQuery(v.r.URL.RawQuery)
	if err != nil {
		v.refuse(err)
		return
	}
	req, l, err := v.h.config.Login.Return(v.r.Context(), v.s.Pool, q, v.s.BrowserKey(v.r))
	if err != nil {
		v.refuse(err)
		return
	}
	v.req = req
	v.end(l)
}
