package oauth

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// maxForm bounds a form, in bytes: a refresh token and what is around it.
const maxForm = 128 << 10

// addressed is form with what proofs of keys are checked by.
func (h *Handler) addressed(w http.ResponseWriter, r *http.Request, s *site.Site) (*login.Form, error) {
	f, err := form(w, r)
	if err == nil {
		f.Proofs, f.URLs = r.Header.Values("DPoP"), h.addresses(s)
	}
	return f, err
}

// addresses are those of the endpoint that a request is for, without a query:
// the one that discovery names, and the one that it came to. A path on a host
// that is not the domain's own counts under the public URL alone: the host's name
// would be the caller's word.
func (h *Handler) addresses(s *site.Site) []string {
	return []string{h.config.Home(s.Pool) + s.Path, s.URL(s.Path)}
}

// form reads what was sent to an endpoint. Parameters in the URL do not count:
// URLs are logged, and these are secrets (RFC 6749, section 3.2).
func form(w http.ResponseWriter, r *http.Request) (*login.Form, error) {
	b, err := body(w, r)
	if err != nil {
		return nil, err
	}
	v, err := url.ParseQuery(b)
	if err != nil {
		return nil, &login.Refusal{Code: "invalid_request", Description: "The form is not well encoded."}
	}
	if len(r.Header.Values("Authorization")) > 1 {
		return nil, &login.Refusal{Code: "invalid_request", Description: "The header Authorization is given more than once."}
	}
	return &login.Form{Authorization: r.Header.Get("Authorization"), Values: v}, nil
}

// body is a form as it was sent.
func body(w http.ResponseWriter, r *http.Request) (string, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return "", &login.Refusal{Code: "invalid_request", Description: "The Content-Type must be application/x-www-form-urlencoded."}
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return "", errLarge
	case err != nil:
		return "", &login.Refusal{Code: "invalid_request", Description: "The form could not be read."}
	}
	return string(b), nil
}

var errLarge = &login.Refusal{Code: "invalid_request", Description: "The form is too large."}

// token answers the token endpoint (hosted-ui-oauth.md, section 6).
func (h *Handler) token(w http.ResponseWriter, r *http.Request, s *site.Site) {
	f, err := h.addressed(w, r, s)
	if err != nil {
		h.fault(w, r, err)
		return
	}
	set, err := h.config.Login.Token(r.Context(), s.Pool, f)
	if err != nil {
		h.fault(w, r, err)
		return
	}
	v := map[string]any{"access_token": set.Access, "token_type": "Bearer", "expires_in": int(set.ExpiresIn.Seconds())}
	if set.Bound {
		v["token_type"] = "DPoP"
	}
	if set.ID != "" {
		v["id_token"] = set.ID
	}
	if set.Refresh != "" {
		v["refresh_token"] = set.Refresh
	}
	site.JSON(w, http.StatusOK, v)
}

// push answers the endpoint of pushed authorization requests (RFC 9126, section
// 2).
func (h *Handler) push(w http.ResponseWriter, r *http.Request, s *site.Site) {
	f, err := h.addressed(w, r, s)
	var uri string
	if err == nil {
		uri, err = h.config.Login.Push(r.Context(), s.Pool, f)
	}
	if err != nil {
		h.fault(w, r, err)
		return
	}
	site.JSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(login.PushedLife.Seconds())})
}

// revoke answers the revocation endpoint (hosted-ui-oauth.md, section 9).
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request, s *site.Site) {
	f, err := form(w, r)
	if err == nil {
		err = h.config.Login.Revoke(r.Context(), s.Pool, f)
	}
	var refusal *login.Refusal
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.As(err, &refusal) && refusal.Code == "invalid_client":
		site.Fail(w, http.StatusUnauthorized, refusal.Code, refusal.Description)
	default:
		h.fault(w, r, err)
	}
}

// fault answers with an error of an endpoint that no browser is sent to.
func (h *Handler) fault(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *login.Refusal
	switch {
	case err == errLarge:
		site.Fail(w, http.StatusRequestEntityTooLarge, errLarge.Code, errLarge.Description)
	case errors.As(err, &refusal):
		site.Fail(w, http.StatusBadRequest, refusal.Code, refusal.Description)
	default:
		h.unavailable(w, r, err)
	}
}

// unavailable answers when the server itself is at fault, or the caller gone.
func (h *Handler) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(r.Context().Err(), context.Canceled) {
		h.config.Log.Error("answer for a user pool's domain", "error", err)
	}
	site.Unavailable(w)
}
