package e2e_test

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"golang.org/x/net/html"

	"gatehouse/gatehousetest"
)

func TestPages_branding(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		picture := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
		_, err := d.root.IDP.SetUICustomization(d.Context(), &idp.SetUICustomizationInput{UserPoolId: &d.pool, CSS: aws.String(".submitButton-customizable { background-color: #123456; }"), ImageFile: []byte(picture)})
		d.ok(err)
		p := d.browser().see("/login", d.usual()...)
		body := string(p.body)
		for _, want := range []struct{ before, kind, text string }{
			{`<link rel="stylesheet" href="`, "text/css; charset=utf-8", ".primary"},
			{"\n<link rel=\"stylesheet\" href=\"" + strings.TrimSuffix(p.address.Path, "/login") + "/assets/brand.css", "text/css; charset=utf-8", "#123456"},
			{`<img class="logo logo-customizable" src="`, "image/png", "PNG"},
		} {
			i := strings.Index(body, want.before)
			if i < 0 {
				d.Errorf("no %s in %s", want.before, body)
				continue
			}
			rest := body[i+strings.Index(body[i:], `="/`)+2:]
			href, _, _ := strings.Cut(rest, `"`)
			u, err := p.address.Parse(html.UnescapeString(href))
			d.ok(err)
			if a := d.get(u.String()); a.status != 200 || a.header.Get("Content-Type") != want.kind || !strings.Contains(string(a.body), want.text) || !strings.HasPrefix(a.header.Get("Cache-Control"), "public") {
				d.Errorf("%s: %d %v %.80s", u, a.status, a.header, a.body)
			}
		}
		for _, class := range []string{"background", "banner", "inputField", "label", "logo", "submitButton", "textDescription", "redirect"} {
			if !strings.Contains(body, class+"-customizable") {
				d.Errorf("no element has the class %s-customizable", class)
			}
		}
		for _, path := range []string{"/assets/", "/assets/x", "/assets/../x", "/assets/brand.css?client_id=%3C", "/assets/logo?client_id=nosuch"} {
			if a := d.get(d.base + path); a.status != 404 {
				d.Errorf("%s: %d", path, a.status)
			}
		}
		_, err = d.root.IDP.SetUICustomization(d.Context(), &idp.SetUICustomizationInput{UserPoolId: &d.pool})
		d.ok(err)
		if a := d.get(d.base + "/assets/logo"); a.status != 404 {
			d.Errorf("no logo: %d", a.status)
		}
	})
}

// TestPages_managedLogin: a client's style shows on the pages of a domain of
// ManagedLoginVersion 2, and nothing gets into its sheet that is no colour.
func TestPages_managedLogin(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		member := func(path string, v any) map[string]any {
			names := strings.Split(path, ".")
			for i := len(names) - 1; i >= 0; i-- {
				v = map[string]any{names[i]: v}
			}
			return v.(map[string]any)
		}
		colors := func(mode map[string]any) map[string]any {
			return map[string]any{"primaryButton": map[string]any{"lightMode": mode, "darkMode": member("defaults.backgroundColor", "abcdefff")},
				"pageBackground":  member("lightMode.color", `red;}body{background:url("https://evil.example")`),
				"secondaryButton": member("lightMode.hover.borderColor", "00ff00ff"), "form": member("borderRadius", 4.6), "alert": member("borderRadius", 101)}
		}
		svg := `<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>`
		created, err := d.brand(&idp.CreateManagedLoginBrandingInput{Settings: settingsOf(map[string]any{"components": colors(member("defaults.backgroundColor", "12345678"))}),
			Assets: []types.AssetType{asset("FORM_LOGO", "LIGHT", "PNG", pngImage()), asset("FORM_LOGO", "DARK", "SVG", []byte(svg)), asset("FAVICON_SVG", "DYNAMIC", "SVG", []byte(svg)),
				asset("PAGE_BACKGROUND", "DYNAMIC", "PNG", pngImage()), asset("FORM_BACKGROUND", "LIGHT", "PNG", pngImage()), asset("PASSKEY_GRAPHIC", "DYNAMIC", "PNG", pngImage())}})
		d.ok(err)
		b := d.browser()
		files := func() map[string]string { // kinds of the brand's files by address
			d.Helper()
			found := map[string]string{}
			p := b.see("/login", d.usual("prompt", "login")...).shows(200, "Sign in")
			doc, err := html.Parse(strings.NewReader(string(p.body)))
			d.ok(err)
			for n := range doc.Descendants() {
				for _, x := range n.Attr {
					if strings.Contains(x.Val, "/assets/managed.css") || strings.Contains(x.Val, "/assets/picture") {
						u, err := p.address.Parse(x.Val)
						d.ok(err)
						found[u.String()] = n.Data + " " + x.Key
					}
				}
			}
			return found
		}
		version := func(n int32) {
			d.Helper()
			_, err := d.root.IDP.UpdateUserPoolDomain(d.Context(), &idp.UpdateUserPoolDomainInput{UserPoolId: &d.pool, Domain: aws.String("team-a"), ManagedLoginVersion: &n})
			d.ok(err)
		}
		version(1)
		if got := files(); len(got) != 0 {
			d.Errorf("the classic pages show %v", got)
		}
		version(2)
		got := files()
		if len(got) != 4 {
			d.Errorf("the page shows %v", got)
		}
		sheet := ""
		for address, where := range got {
			a := d.get(address)
			kind := a.header.Get("Content-Type")
			if a.status != 200 || a.header.Get("Cache-Control") != "public, max-age=3600" {
				d.Errorf("%s: %d %v", address, a.status, a.header)
			}
			want := "image/svg+xml"
			switch {
			case strings.Contains(address, "managed.css"):
				want, sheet = "text/css; charset=utf-8", string(a.body)
			case where == "img src":
				want = "image/png"
			}
			if kind != want {
				d.Errorf("%s (%s) is %s", address, where, kind)
			}
			if policy := a.header.Get("Content-Security-Policy"); want == "image/svg+xml" && (!strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "sandbox")) {
				d.Errorf("the policy of an SVG is %q", policy)
			}
		}
		if !strings.Contains(sheet, "@media (prefers-color-scheme: light){:root{--accent:#12345678;--other-line-strong:#00ff00ff;--card-radius:4px;--accent-strong:var(--accent);}}") || !strings.Contains(sheet, "@media (prefers-color-scheme: dark){:root{--accent:#abcdefff;--card-radius:4px;--accent-strong:var(--accent);}}") || !strings.Contains(sheet, "@media all{.card{background:var(--card) center/cover") ||
			strings.Contains(sheet, "evil") || strings.Contains(sheet, "--page:") {
			d.Errorf("the sheet is %s", sheet)
		}
		_, address, _ := strings.Cut(sheet, `url("`)
		address, _, _ = strings.Cut(address, `"`)
		u, err := url.Parse(d.base)
		d.ok(err)
		if u, err = u.Parse(address); err != nil || d.get(u.String()).header.Get("Content-Type") != "image/png" {
			d.Errorf("the background is at %q, %v", address, err)
		}
		for _, path := range []string{"managed.css", "managed.css?client_id=%3C", "managed.css?client_id=nosuch", "picture?client_id=" + d.client,
			"picture?client_id=" + d.client + "&category=PASSKEY_GRAPHIC&mode=DYNAMIC", "picture?client_id=" + d.client + "&category=FORM_LOGO&mode=x"} {
			if a := d.get(d.base + "/assets/" + path); a.status != 404 {
				d.Errorf("%s: %d", path, a.status)
			}
		}
		// What is switched off is not shown, and a scheme is kept to.
		update := func(in *idp.UpdateManagedLoginBrandingInput) {
			d.Helper()
			in.UserPoolId, in.ManagedLoginBrandingId = &d.pool, created.ManagedLoginBrandingId
			_, err := d.root.IDP.UpdateManagedLoginBranding(d.Context(), in)
			d.ok(err)
		}
		update(&idp.UpdateManagedLoginBrandingInput{Settings: settingsOf(map[string]any{"categories": member("global.colorSchemeMode", "LIGHT"), "components": member("form.logo.enabled", false)})})
		if got := files(); len(got) != 2 {
			d.Errorf("without a logo the page shows %v", got)
		}
		if p := string(b.see("/login", d.usual("prompt", "login")...).body); strings.Contains(p, "dark") {
			d.Errorf("the page is light always, and says %s", p)
		}
		update(&idp.UpdateManagedLoginBrandingInput{UseCognitoProvidedValues: true})
		if got := files(); len(got) != 0 {
			d.Errorf("in our own look the page shows %v", got)
		}
		_, err = d.root.IDP.DeleteManagedLoginBranding(d.Context(), &idp.DeleteManagedLoginBrandingInput{UserPoolId: &d.pool, ManagedLoginBrandingId: created.ManagedLoginBrandingId})
		d.ok(err)
		b.see("/login", d.usual("prompt", "login")...).shows(200, "Sign in")
	})
}

// TestPages_terms: sign-up names the client's terms, in the reader's language
// where there is one, once there are both.
func TestPages_terms(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		b := d.browser()
		agreed := func(lang string) (hrefs []string) {
			e.Helper()
			p := b.see("/signup", d.usual("lang", lang)...)
			doc, err := html.Parse(strings.NewReader(string(p.body)))
			e.ok(err)
			for n := range doc.Descendants() {
				at := map[string]string{}
				for _, x := range n.Attr {
					at[x.Key] = x.Val
				}
				if n.Data == "a" && at["target"] == "_blank" && at["rel"] == "noopener" {
					hrefs = append(hrefs, at["href"])
				}
			}
			if said := strings.Contains(p.text, "By signing up, you agree to the terms of use and the privacy policy") || strings.Contains(p.text, "stimmen Sie den") || strings.Contains(p.text, "Kaydolarak"); said != (hrefs != nil) {
				e.Errorf("with the links %v the page says %s", hrefs, p.text)
			}
			return hrefs
		}
		terms := func(name string, links map[string]string) *string {
			e.Helper()
			out, err := e.root.IDP.CreateTerms(e.Context(), &idp.CreateTermsInput{UserPoolId: &d.pool, ClientId: &d.client, TermsName: &name, TermsSource: "LINK", Enforcement: "NONE", Links: links})
			e.ok(err)
			return out.Terms.TermsId
		}
		const use, privacy = "https://example.com/terms?a=1&b=2", "https://example.com/privacy"
		terms("terms-of-use", map[string]string{"cognito:default": use, "cognito:german": use + "&de"})
		if got := agreed("en"); got != nil {
			e.Errorf("one document alone gives %v", got)
		}
		id := terms("privacy-policy", map[string]string{"cognito:default": privacy})
		for lang, want := range map[string][]string{"en": {use, privacy}, "de": {use + "&de", privacy}, "tr": {use, privacy}} {
			if got := agreed(lang); !slices.Equal(got, want) {
				e.Errorf("in %s the links are %v, want %v", lang, got, want)
			}
		}
		// Another client has none, and what is not HTTPS is no link.
		other, _ := d.newClient(oauthClient)
		if p := (&browser{d.of(other, ""), b.http}).see("/signup", d.of(other, "").usual("lang", "en")...); strings.Contains(p.text, "you agree") {
			e.Errorf("another client's page says %s", p.text)
		}
		_, err := e.root.IDP.UpdateTerms(e.Context(), &idp.UpdateTermsInput{UserPoolId: &d.pool, TermsId: id, Links: map[string]string{"cognito:default": "http://example.com/privacy"}})
		e.ok(err)
		if got := agreed("en"); got != nil {
			e.Errorf("with a link that is not HTTPS the page has %v", got)
		}
	})
}

// TestPages_templates: the files of an operator take the place of ours.
func TestPages_templates(t *testing.T) {
	dir := t.TempDir()
	page, err := os.ReadFile("../../internal/edge/hostedui/templates/page.html")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "templates"), 0o700), os.Mkdir(filepath.Join(dir, "static"), 0o700),
		os.WriteFile(filepath.Join(dir, "version"), []byte("2\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "templates", "page.html"), []byte(strings.Replace(string(page), "<body>", `<body><p>Welcome to the bakery, {{.T "login.title"}}</p>`, 1)), 0o600),
		os.WriteFile(filepath.Join(dir, "static", "style.css"), []byte("body { color: #321 }"), 0o600)); err != nil {
		t.Fatal(err)
	}
	each(t, func(e *env) {
		d := e.openDomain(nil)
		p := d.browser().see("/login", d.usual("lang", "de")...).shows(200, "Welcome to the bakery, Anmelden")
		_, href, _ := strings.Cut(string(p.body), `<link rel="stylesheet" href="`)
		href, _, _ = strings.Cut(href, `"`)
		if a := d.get(d.base + href); string(a.body) != "body { color: #321 }" {
			e.Errorf("%s is %s", href, a.body)
		}
		p.submit("username", "ann", "password", password).redeemed()
	}, gatehousetest.Templates(dir))
}

func TestPages_languages(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.browser()
		ask := func(accept string, q ...string) *page {
			d.Helper()
			r, err := http.NewRequestWithContext(d.Context(), http.MethodGet, d.base+"/login?"+pairs(d.usual(q...)).Encode(), nil)
			d.ok(err)
			r.Header.Set("Accept-Language", accept)
			return b.page(r.URL.String(), b.fetch(r))
		}
		for accept, want := range map[string]string{"": "en", "xx": "en", "de-AT,en;q=0.5": "de", "pt": "pt-BR", "zh-Hant": "zh-TW", "zh": "zh-CN", "ar-EG": "ar", ";;;": "en", strings.Repeat("de,", 1000): "en"} {
			if p := ask(accept); p.header.Get("Content-Language") != want {
				d.Errorf("Accept-Language %.20q gives %s, want %s", accept, p.header.Get("Content-Language"), want)
			}
		}
		if p := ask("de", "lang", "ja"); p.header.Get("Content-Language") != "ja" {
			d.Errorf("lang=ja gives %s", p.header.Get("Content-Language"))
		}
		if p := ask("de"); p.header.Get("Content-Language") != "ja" {
			d.Errorf("after lang=ja: %s", p.header.Get("Content-Language"))
		}
		if p := ask("de", "lang", "ar"); !strings.Contains(string(p.body), `<html lang="ar" dir="rtl">`) {
			d.Errorf("lang=ar: %.200s", p.body)
		}
	})
}
