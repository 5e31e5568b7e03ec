package hostedui

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/edge/site"
)

// A style of managed login belongs to a client (hosted-ui-oauth.md, section 10).
// Of its settings count the colours for which our design has a variable, and of
// its pictures those that it has a place for.

const (
	managedCSS     = assetsPath + "managed.css"
	managedPicture = assetsPath + "picture"
)

// style is what the pages show of a client's style. It is made once and kept.
type style struct {
	// scheme is "light", "dark", or "" for whatever the browser prefers.
	scheme  string
	light   string // declarations of variables; "" for none
	dark    string
	version string // changes with all that it says
	// providersLast puts the buttons of identity providers below the form.
	providersLast bool
	pictures      map[place]cognitoidp.AssetExtensionType
}

// place is where a picture is shown, and in which scheme. DYNAMIC is for both.
type place struct {
	category cognitoidp.AssetCategoryType
	mode     cognitoidp.ColorSchemeModeType
}

// variables are those of style.css by the members of the settings that set
// them, below the mode.
var variables = []struct{ name, component, path string }{
	{"--accent", "components.primaryButton", "defaults.backgroundColor"},
	{"--accent-strong", "components.primaryButton", "hover.backgroundColor"},
	{"--on-accent", "components.primaryButton", "defaults.textColor"},
	{"--page", "components.pageBackground", "color"},
	{"--card", "components.form", "backgroundColor"},
	{"--ink", "components.pageText", "bodyColor"},
	{"--heading", "components.pageText", "headingColor"},
	{"--soft", "components.pageText", "descriptionColor"},
	{"--link", "componentClasses.link", "defaults.textColor"},
	{"--link-strong", "componentClasses.link", "hover.textColor"},
	{"--field", "componentClasses.input", "defaults.backgroundColor"},
	{"--line", "componentClasses.input", "defaults.borderColor"},
	{"--focus", "componentClasses.focusState", "borderColor"},
	{"--hair", "componentClasses.divider", "borderColor"},
	{"--label", "componentClasses.inputLabel", "textColor"},
	{"--hint", "componentClasses.inputDescription", "textColor"},
	{"--bad-wash", "components.alert", "error.backgroundColor"},
	{"--alert-line", "components.alert", "error.borderColor"},
	{"--other", "components.secondaryButton", "defaults.backgroundColor"},
	{"--other-line", "components.secondaryButton", "defaults.borderColor"},
	{"--on-other", "components.secondaryButton", "defaults.textColor"},
	{"--other-strong", "components.secondaryButton", "hover.backgroundColor"},
	{"--other-line-strong", "components.secondaryButton", "hover.borderColor"},
	{"--on-other-strong", "components.secondaryButton", "hover.textColor"},
	{"--provider", "components.idpButton.standard", "defaults.backgroundColor"},
	{"--provider-line", "components.idpButton.standard", "defaults.borderColor"},
	{"--on-provider", "components.idpButton.standard", "defaults.textColor"},
	{"--provider-strong", "components.idpButton.standard", "hover.backgroundColor"},
	{"--provider-line-strong", "components.idpButton.standard", "hover.borderColor"},
	{"--on-provider-strong", "components.idpButton.standard", "hover.textColor"},
}

// radii are variables that are the same in both modes, in pixels.
var radii = []struct{ name, path string }{
	{"--card-radius", "components.form.borderRadius"},
	{"--alert-radius", "components.alert.borderRadius"},
	{"--field-radius", "componentClasses.input.borderRadius"},
	{"--button-radius", "componentClasses.buttons.borderRadius"},
}

// maxRadius bounds a radius, in pixels.
const maxRadius = 100

// colorForm is a colour of the settings, RRGGBBAA. Nothing else gets into a
// style sheet.
var colorForm = regexp.MustCompile(`^[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$`)

// member is what a document has at a path of names with dots between them, or
// nil.
func member(doc any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		o, _ := doc.(map[string]any)
		doc = o[name]
	}
	return doc
}

func declarations(settings any, mode string) string {
	var b strings.Builder
	for _, v := range variables {
		if c, _ := member(settings, v.component+"."+mode+"."+v.path).(string); colorForm.MatchString(c) {
			b.WriteString(v.name + ":#" + strings.ToLower(c) + ";")
		}
	}
	for _, v := range radii {
		if r, ok := member(settings, v.path).(float64); ok && r >= 0 && r <= maxRadius {
			fmt.Fprintf(&b, "%s:%dpx;", v.name, int(r))
		}
	}
	// A hover that is not chosen must not bring our colours back.
	for _, v := range []struct{ name, from string }{{"--accent-strong", "--accent"}, {"--link-strong", "--link"}} {
		if said := b.String(); strings.Contains(said, v.from+":") && !strings.Contains(said, v.name+":") {
			b.WriteString(v.name + ":var(" + v.from + ");")
		}
	}
	return b.String()
}

// newStyle reads a style; nil is our own look.
func newStyle(t *cognitoidp.ManagedLoginBrandingType) (*style, error) {
	if api.Value(t.UseCognitoProvidedValues) {
		return nil, nil
	}
	var settings any
	if t.Settings != nil {
		if err := json.Unmarshal(t.Settings, &settings); err != nil {
			return nil, err
		}
	}
	off := func(path string) bool { return member(settings, path) == false }
	s := &style{light: declarations(settings, "lightMode"), dark: declarations(settings, "darkMode"), pictures: map[place]cognitoidp.AssetExtensionType{}}
	switch member(settings, "categories.global.colorSchemeMode") {
	case "LIGHT":
		s.scheme = "light"
	case "DARK":
		s.scheme = "dark"
	}
	icons, some := member(settings, "components.favicon.enabledTypes").([]any)
	hidden := map[cognitoidp.AssetCategoryType]bool{
		cognitoidp.AssetCategoryTypeFormLogo:       off("components.form.logo.enabled"),
		cognitoidp.AssetCategoryTypePageHeaderLogo: off("components.pageHeader.logo.enabled") || off("categories.global.pageHeader.enabled"),
		cognitoidp.AssetCategoryTypeFormBackground: off("components.form.backgroundImage.enabled"),
		cognitoidp.AssetCategoryTypePageBackground: off("components.pageBackground.image.enabled"),
		cognitoidp.AssetCategoryTypeFaviconIco:     some && !slices.Contains(icons, any("ICO")),
		cognitoidp.AssetCategoryTypeFaviconSvg:     some && !slices.Contains(icons, any("SVG")),
	}
	s.providersLast = federatedLast(member(settings, "categories.auth.authMethodOrder"))
	sum := sha256.New()
	sum.Write([]byte(s.scheme + "|" + s.light + "|" + s.dark))
	for _, a := range t.Assets {
		if not, shown := hidden[*a.Category]; shown && !not {
			s.pictures[place{*a.Category, *a.ColorMode}] = *a.Extension
			sum.Write(a.Bytes)
		}
	}
	s.version = hex.EncodeToString(sum.Sum(nil)[:6])
	return s, nil
}

// federatedLast reports whether a list of lists of methods names the pool's own
// before those of identity providers.
func federatedLast(order any) bool {
	rows, _ := order.([]any)
	for _, row := range rows {
		methods, _ := row.([]any)
		for _, m := range methods {
			switch member(m, "type") {
			case "FEDERATED":
				return false
			case "USERNAME_PASSWORD":
				return true
			}
		}
	}
	return false
}

// picture is which picture to show at a place in a scheme; the mode is "" for
// none.
func (s *style) picture(category cognitoidp.AssetCategoryType, scheme cognitoidp.ColorSchemeModeType) place {
	for _, p := range []place{{category, scheme}, {category, cognitoidp.ColorSchemeModeTypeDynamic}} {
		if s.pictures[p] != "" {
			return p
		}
	}
	return place{}
}

// both are the pictures for both schemes. They are the same where
// the style has one scheme, or has a picture for one only.
func (s *style) both(category cognitoidp.AssetCategoryType) (inLight, inDark place) {
	inLight, inDark = s.picture(category, cognitoidp.ColorSchemeModeTypeLight), s.picture(category, cognitoidp.ColorSchemeModeTypeDark)
	if inLight == (place{}) || s.scheme == "dark" && inDark != (place{}) {
		inLight = inDark
	}
	if inDark == (place{}) || s.scheme == "light" {
		inDark = inLight
	}
	return inLight, inDark
}

// maxStyles bounds how many styles are kept.
const maxStyles = 1000

// kept is a style as it was for a client's settings. The registry makes a new
// client when any configuration changes, and so outdates it.
type kept struct {
	client *pool.Client
	style  *style
}

// styleOf is the style of a client; nil is our own look. Only domains of
// ManagedLoginVersion 2 have styles.
func (h *Handler) styleOf(ctx context.Context, p *pool.Pool, c *pool.Client) (*style, error) {
	if !p.ManagedLogin {
		return nil, nil
	}
	h.mu.Lock()
	k, ok := h.styles[c.ID]
	h.mu.Unlock()
	if ok && k.client == c {
		return k.style, nil
	}
	t, err := h.managed(ctx, p, c)
	if err != nil {
		return nil, err
	}
	var s *style
	if t != nil {
		if s, err = newStyle(t); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.styles) >= maxStyles {
		clear(h.styles)
	}
	h.styles[c.ID] = kept{c, s}
	return s, nil
}

// managed is the record of a client's style, or nil.
func (h *Handler) managed(ctx context.Context, p *pool.Pool, c *pool.Client) (*cognitoidp.ManagedLoginBrandingType, error) {
	out, err := h.config.Users.DescribeManagedLoginBrandingByClient(ctx,
		&cognitoidp.DescribeManagedLoginBrandingByClientInput{UserPoolId: &p.ID, ClientId: secret(c.ID)})
	var none *cognitoidp.ResourceNotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.ManagedLoginBranding, nil
}

// of is the query of a file of a client's style.
func (s *style) of(client string, p place) url.Values {
	q := url.Values{"client_id": {client}, "v": {s.version}}
	if p != (place{}) {
		q.Set("category", string(p.category))
		q.Set("mode", string(p.mode))
	}
	return q
}

// sheet is the style sheet. It comes after style.css and sets its variables.
func (s *style) sheet(at *site.Site, client string) string {
	var b strings.Builder
	rule := func(media, declarations, selector string) {
		switch {
		case declarations == "":
		case media == "":
			b.WriteString(selector + "{" + declarations + "}\n")
		default:
			b.WriteString("@media " + media + "{" + selector + "{" + declarations + "}}\n")
		}
	}
	background := func(how string, p place) string {
		if p == (place{}) {
			return ""
		}
		return `background:` + how + ` center/cover no-repeat url("` + at.Link(managedPicture, s.of(client, p)) + `")`
	}
	const (
		light, dark = "(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"
		wide        = "(min-width: 30.01rem)" // on a narrow screen the form covers the page
	)
	switch s.scheme {
	case "light":
		rule("", "color-scheme:light;"+s.light, ":root")
	case "dark":
		rule("", "color-scheme:dark;"+s.dark, ":root")
	default:
		rule(light, s.light, ":root")
		rule(dark, s.dark, ":root")
	}
	for _, p := range []struct {
		category             cognitoidp.AssetCategoryType
		media, how, selector string
	}{{cognitoidp.AssetCategoryTypePageBackground, wide, "var(--page) fixed", "body"}, {cognitoidp.AssetCategoryTypeFormBackground, "all", "var(--card)", ".card"}} {
		inLight, inDark := s.both(p.category)
		rule(p.media, background(p.how, inLight), p.selector)
		if inDark != inLight {
			rule(p.media+" and "+dark, background(p.how, inDark), p.selector)
		}
	}
	return b.String()
}

// brand is the style as a page shows it.
func (s *style) brand(at *site.Site, client string) (b brand) {
	link := func(p place) string {
		if p == (place{}) {
			return ""
		}
		return at.Link(managedPicture, s.of(client, p))
	}
	b.CSS, b.Scheme, b.providersLast = at.Link(managedCSS, s.of(client, place{})), s.scheme, s.providersLast
	inLight, inDark := s.both(cognitoidp.AssetCategoryTypeFormLogo)
	if inLight == (place{}) {
		inLight, inDark = s.both(cognitoidp.AssetCategoryTypePageHeaderLogo)
	}
	b.Logo = link(inLight)
	if inDark != inLight {
		b.DarkLogo = link(inDark)
	}
	for _, category := range []cognitoidp.AssetCategoryType{cognitoidp.AssetCategoryTypeFaviconSvg, cognitoidp.AssetCategoryTypeFaviconIco} {
		if inLight, _ := s.both(category); b.Icon == "" {
			b.Icon = link(inLight)
		}
	}
	return b
}

var pictureKinds = map[cognitoidp.AssetExtensionType]string{
	cognitoidp.AssetExtensionTypeIco: "image/x-icon", cognitoidp.AssetExtensionTypeJpeg: "image/jpeg", cognitoidp.AssetExtensionTypePng: "image/png",
	cognitoidp.AssetExtensionTypeSvg: "image/svg+xml", cognitoidp.AssetExtensionTypeWebp: "image/webp",
}

// managedFile serves the style sheet or a picture of a client's style.
func (h *Handler) managedFile(w http.ResponseWriter, r *http.Request, s *site.Site) {
	kind, body, err := h.managedBody(r, s)
	var known api.Error
	switch {
	case err != nil && !errors.As(err, &known):
		h.config.Log.Error("read a client's managed login branding", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case err != nil || kind == "":
		w.WriteHeader(http.StatusNotFound)
		return
	}
	head := w.Header()
	cached(head, "public, max-age=3600")
	head.Set("Content-Type", kind)
	if s.Path == managedPicture {
		// An SVG is a document when it is opened by itself.
		head.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox")
	}
	_, _ = w.Write(body) // the browser is gone when this fails
}

// managedBody is a file of a client's style; kind is "" when there is none.
func (h *Handler) managedBody(r *http.Request, at *site.Site) (kind string, body []byte, err error) {
	q := r.URL.Query()
	if id := q.Get("client_id"); id == "" || !clientForm.MatchString(id) {
		return "", nil, nil
	}
	p, c, err := h.config.Clients.ClientOf(r.Context(), at.Pool.ID, q.Get("client_id"))
	if err != nil {
		return "", nil, err
	}
	s, err := h.styleOf(r.Context(), p, c)
	if err != nil || s == nil {
		return "", nil, err
	}
	if at.Path == managedCSS {
		return "text/css; charset=utf-8", []byte(s.sheet(at, c.ID)), nil
	}
	wanted := place{cognitoidp.AssetCategoryType(q.Get("category")), cognitoidp.ColorSchemeModeType(q.Get("mode"))}
	if s.pictures[wanted] == "" {
		return "", nil, nil
	}
	t, err := h.managed(r.Context(), p, c)
	if err != nil || t == nil {
		return "", nil, err
	}
	for _, a := range t.Assets {
		if (place{*a.Category, *a.ColorMode}) == wanted {
			return pictureKinds[*a.Extension], a.Bytes, nil
		}
	}
	return "", nil, nil
}
