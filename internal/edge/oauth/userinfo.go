package oauth

import (
	"errors"
	"net/http"
	"strings"

	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// userInfo answers who an access token's user is (hosted-ui-oauth.md, section
// 8; OpenID Connect Core, section 5.3).
func (h *Handler) userInfo(w http.ResponseWriter, r *http.Request, s *site.Site) {
	a, err := access(w, r)
	var info map[string]any
	if err == nil {
		a.Proofs, a.URLs = r.Header.Values("DPoP"), h.addresses(s)
		info, err = h.config.Login.UserInfo(r.Context(), s.Pool, a)
	}
	var refusal *login.Refusal
	switch {
	case err == nil:
		site.JSON(w, http.StatusOK, info)
	case !errors.As(err, &refusal):
		h.unavailable(w, r, err)
	default:
		status := http.StatusBadRequest
		if refusal.Code != "invalid_request" {
			status = http.StatusUnauthorized
		}
		// Every text is one of ours, without quotation marks.
		scheme := "Bearer"
		if a != nil && a.Bound || refusal.Code == "invalid_dpop_proof" {
			scheme = `DPoP algs="` + strings.Join(dpop.Algorithms, " ") + `",`
		}
		w.Header().Set("WWW-Authenticate", scheme+` error="`+refusal.Code+`", error_description="`+refusal.Description+`"`)
		site.Fail(w, status, refusal.Code, refusal.Description)
	}
}

// access is how a request shows an access token: in the header or in a form,
// never both (RFC 6750, section 2; RFC 9449, section 7.1). A Token of "" is none,
// or what cannot be one.
func access(w http.ResponseWriter, r *http.Request) (*login.Access, error) {
	a := &login.Access{Method: r.Method}
	if all := r.Header.Values("Authorization"); len(all) == 1 {
		scheme, text, _ := strings.Cut(all[0], " ")
		a.Bound = strings.EqualFold(scheme, "DPoP")
		if a.Bound || strings.EqualFold(scheme, "Bearer") {
			a.Token = strings.TrimSpace(text)
		}
	}
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return a, nil
	}
	f, err := form(w, r)
	if err != nil {
		return nil, err
	}
	switch sent := f.Values["access_token"]; {
	case len(sent) == 0:
	case len(sent) > 1 || a.Token != "":
		a.Token = ""
	default:
		a.Token = sent[0]
	}
	return a, nil
}
