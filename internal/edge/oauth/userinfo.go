package oauth

import (
	"errors"
	"net/http"
	"strings"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// userInfo answers who an access token's user is (hosted-ui-oauth.md, section
// 8; OpenID Connect Core, section 5.3).
func (h *Handler) userInfo(w http.ResponseWriter, r *http.Request, s *site.Site) {
	text, err := bearer(w, r)
	var info map[string]any
	if err == nil {
		info, err = h.config.Login.UserInfo(r.Context(), s.Pool, text)
	}
	var refusal *login.Refusal
	switch {
	case err == nil:
		site.JSON(w, http.StatusOK, info)
	case !errors.As(err, &refusal):
		h.unavailable(w, r, err)
	default:
		status := http.StatusBadRequest
		if refusal.Code == "invalid_token" {
			status = http.StatusUnauthorized
		}
		// Every text is one of ours, without quotation marks.
		w.Header().Set("WWW-Authenticate", `Bearer error="`+refusal.Code+`", error_description="`+refusal.Description+`"`)
		site.Fail(w, status, refusal.Code, refusal.Description)
	}
}

// bearer is the access token of a request: in the header or in a form, never
// both (RFC 6750, section 2). "" is none, or what cannot be one.
func bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) > 1 {
		text = ""
	}
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return strings.TrimSpace(text), nil
	}
	f, err := form(w, r)
	if err != nil {
		return "", err
	}
	sent := f.Values["access_token"]
	switch {
	case len(sent) == 0:
		return strings.TrimSpace(text), nil
	case len(sent) > 1 || text != "":
		return "", nil
	}
	return sent[0], nil
}
