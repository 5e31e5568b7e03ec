package oauth

import (
	"net/http"

	"gatehouse/internal/edge/site"
)

// logout ends the browser's login and sends it where the client has registered
// (hosted-ui-oauth.md, section 5). Tokens that were given stay.
func (h *Handler) logout(w http.ResponseWriter, r *http.Request, s *site.Site) {
	q, err := h.query(w, r)
	if err != nil {
		h.refuse(w, r, s, q, err)
		return
	}
	to, err := h.config.Login.Logout(r.Context(), s.Pool, q)
	if err == nil {
		err = h.config.Login.EndLogin(r.Context(), s.Pool, s.Cookie(r))
	}
	if err != nil {
		h.refuse(w, r, s, q, err)
		return
	}
	s.ClearLogin(w)
	switch {
	case to.Login != nil:
		site.Redirect(w, s.Link("/login", to.Login))
	case to.URL == "":
		h.config.Pages.SignedOut(w, r, s)
	default:
		site.Redirect(w, to.URL)
	}
}
