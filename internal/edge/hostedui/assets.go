package hostedui

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/edge/site"
)

// assetsPath is under what the pages' files are.
const assetsPath = "/assets/"

var schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// The files of the operator's branding.
const (
	brandCSS  = assetsPath + "brand.css"
	brandLogo = assetsPath + "logo"
)

// asset serves a file of the pages.
func (h *Handler) asset(w http.ResponseWriter, r *http.Request, s *site.Site) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if s.Path == brandCSS || s.Path == brandLogo {
		h.brandFile(w, r, s)
		return
	}
	if s.Path == managedCSS || s.Path == managedPicture {
		h.managedFile(w, r, s)
		return
	}
	a := h.files.assets[s.Path]
	if a == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	head := w.Header()
	cached(head, "public, max-age=31536000, immutable")
	head.Set("Content-Type", a.kind)
	head.Set("Vary", "Accept-Encoding")
	body := a.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		head.Set("Content-Encoding", "gzip")
		body = a.zip
	}
	_, _ = w.Write(body) // the browser is gone when this fails
}

// cached replaces the headers that keep pages out of caches.
func cached(head http.Header, control string) {
	head.Del("Pragma")
	head.Del("Expires")
	head.Set("Cache-Control", control)
}

// brand is how an operator wants the pages to look (hosted-ui-oauth.md, section
// 10): a style sheet and pictures, by their addresses. Any may be "".
type brand struct {
	CSS, Logo string
	// DarkLogo takes the logo's place in the dark.
	DarkLogo string
	Icon     string
	// Scheme is "light", "dark", or "" for whatever the browser prefers.
	Scheme string

	providersLast bool // below the form
}

// brand is the client's style of managed login, else its classic one, else the
// classic one of all clients. Pages are shown without one when it cannot be
// read.
func (v *visit) brand() (b brand) {
	id := ""
	if v.req != nil {
		id = v.req.Client.ID
		s, err := v.h.styleOf(v.r.Context(), v.s.Pool, v.req.Client)
		if err != nil {
			v.h.config.Log.Error("read a client's managed login branding", "error", err)
		}
		if s != nil {
			return s.brand(v.s, id)
		}
	}
	t, err := v.h.customization(v.r.Context(), v.s, id)
	if err != nil || t == nil || t.LastModifiedDate == nil {
		return b
	}
	q := url.Values{"v": {t.LastModifiedDate.UTC().Format("20060102150405")}}
	if id != "" {
		q.Set("client_id", id)
	}
	if t.CSS != nil {
		b.CSS = v.s.Link(brandCSS, q)
	}
	if t.ImageUrl != nil {
		b.Logo = v.s.Link(brandLogo, q)
	}
	return b
}

// customization is the style of a client, or of all for "".
func (h *Handler) customization(ctx context.Context, s *site.Site, client string) (*cognitoidp.UICustomizationType, error) {
	in := &cognitoidp.GetUICustomizationInput{UserPoolId: &s.Pool.ID}
	if client != "" {
		in.ClientId = new(api.Secret(client))
	}
	out, err := h.config.Users.GetUICustomization(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.UICustomization, nil
}

var clientForm = regexp.MustCompile(`^[\w+]{0,128}$`)

// dataURL is the form in which the service keeps a picture.
var dataURL = regexp.MustCompile(`^data:(image/(?:png|jpeg));base64,`)

// brandFile serves the operator's style sheet or logo.
func (h *Handler) brandFile(w http.ResponseWriter, r *http.Request, s *site.Site) {
	client := r.URL.Query().Get("client_id")
	if !clientForm.MatchString(client) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	t, err := h.customization(r.Context(), s, client)
	var known api.Error
	switch {
	case errors.As(err, &known):
		w.WriteHeader(http.StatusNotFound)
		return
	case err != nil:
		h.config.Log.Error("read a pool's UI customization", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	kind, body := "text/css; charset=utf-8", []byte(api.Value(t.CSS))
	if s.Path == brandLogo {
		text := api.Value(t.ImageUrl)
		m := dataURL.FindStringSubmatch(text)
		if m != nil {
			kind = m[1]
			body, err = base64.StdEncoding.DecodeString(text[len(m[0]):])
		}
		if m == nil || err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	cached(w.Header(), "public, max-age=3600")
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body) // the browser is gone when this fails
}
