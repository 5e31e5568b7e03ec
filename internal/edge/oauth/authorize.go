package oauth

import (
	"errors"
	"net/http"
	"net/url"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// authorize answers an authorization request at once for a browser that has
// signed in, and sends any other to the sign-in page with the same parameters
// (hosted-ui-oauth.md, section 3).
func (h *Handler) authorize(w http.ResponseWriter, r *http.Request, s *site.Site) {
	q, err := h.query(w, r)
	if err != nil {
		h.refuse(w, r, s, q, err)
		return
	}
	req, err := h.config.Login.Arrive(r.Context(), s.Pool, q)
	if err != nil {
		h.refuse(w, r, s, q, err)
		return
	}
	l, err := h.config.Login.LoginOf(r.Context(), s.Pool, s.Cookie(r))
	if err != nil {
		h.refuse(w, r, s, q, err)
		return
	}
	a, err := h.config.Login.Silent(r.Context(), req, l)
	switch {
	case err != nil:
		h.refuse(w, r, s, q, err)
	case a != nil:
		h.deliver(w, r, s, a)
	default:
		h.ask(w, r, s, req, q)
	}
}

// ask sends the browser to where its user signs in: at a provider that needs no
// choosing, or on the sign-in page.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, s *site.Site, req *login.Request, q url.Values) {
	provider, err := h.config.Login.Chosen(r.Context(), req)
	switch {
	case err != nil:
		h.refuse(w, r, s, q, err)
	case provider == "":
		site.Redirect(w, s.Link("/login", q))
	default:
		h.config.Pages.Depart(w, r, s, req, provider)
	}
}

// query reads the parameters: of the URL, or of a POST's form (OpenID Connect
// Core, section 3.1.2.1).
func (h *Handler) query(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		return login.ParseQuery(r.URL.RawQuery)
	}
	b, err := body(w, r)
	if err != nil {
		return nil, err
	}
	return login.ParseQuery(b)
}

// deliver takes an answer to the client, through the browser.
func (h *Handler) deliver(w http.ResponseWriter, r *http.Request, s *site.Site, a *login.Answer) {
	if a.Form != nil {
		h.config.Pages.FormPost(w, r, s, a)
		return
	}
	site.Redirect(w, a.URL)
}

// refuse tells what is wrong with a request: the client, through the browser,
// or the browser alone. The page of errors says it by a code; no text goes there
// by the address, since anybody can write an address.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s *site.Site, q url.Values, err error) {
	var refusal *login.Refusal
	switch {
	case !errors.As(err, &refusal):
		h.unavailable(w, r, err)
	case refusal.To != nil:
		h.deliver(w, r, s, refusal.To)
	default:
		v := url.Values{"error": {refusal.Code}}
		if id := q["client_id"]; len(id) == 1 && len(id[0]) <= 128 {
			v.Set("client_id", id[0])
		}
		site.Redirect(w, s.Link("/error", v))
	}
}
