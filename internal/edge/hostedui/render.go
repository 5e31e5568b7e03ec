package hostedui

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// view is what a page shows: a form with fields and buttons, or a text. All
// pages have one shape, so that all look alike.
type view struct {
	Title, Lead string
	// Notice tells what has happened before.
	Notice  string
	Problem *problem
	Name    string // of the form
	Action  string // where the form goes: an address, "" for no form
	// Providers are the identity providers to sign in with.
	Providers []upstream
	Hidden    []pair
	Fields    []field
	Rules     []string // of a new password
	Picture   *picture
	// Agreement is the sentence about the terms; pieces with an address are
	// links.
	Agreement []link
	Submit    *button
	Others    []button // other ways on, below the first
	Links     []link
	// Options are what a browser needs to ask for a passkey.
	Options string
	// Code is an error code to tell the app's people.
	Code string

	outward template.URL // in place of Action: a client's address
	script  string
	look    brand
	*visit
}

type pair struct{ Name, Value string }

// field is an input with its label.
type field struct {
	ID, Name, Label, Type, Value string
	Autocomplete, InputMode      string
	Hint                         string
	MaxLength                    int
	Optional, Focus              bool
	Wrong                        bool // the problem is with it
}

// Described are the ids of what describes the field: the problem with it, its
// hint, the rules of a new password.
func (f field) Described(rules []string) string {
	var ids []string
	if f.Wrong {
		ids = append(ids, "problem")
	}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.ID == idNewPassword && len(rules) > 0 {
		ids = append(ids, "rules")
	}
	return strings.Join(ids, " ")
}

// Words reports whether a field takes words of the reader's language, which may
// run from right to left.
func (f field) Words() bool { return f.Type == "text" && f.ID != idUsername && f.ID != idCode }

type button struct {
	Label, Name, Value string
	Action             string // in place of the form's; ""
	Free               bool   // the fields need not be filled in
}

type link struct{ Label, Href string }

// upstream is a link to the sign-in at an identity provider.
type upstream struct {
	Label, Href string
	Social      bool // one of those that everybody knows by name
}

// picture is a QR code and what it says.
type picture struct {
	Size       int
	Path       string
	Secret     string
	Alt, Label string
}

// CSRF is the form's token.
func (w view) CSRF() string { return w.token() }

// Outward is the address of a client to which the form goes.
func (w view) Outward() template.URL { return w.outward }

// Script is the address of the page's script, or "".
func (w view) Script() string {
	if w.script == "" {
		return ""
	}
	return w.s.Link(w.h.files.assetNames[w.script], nil)
}

// Style is the address of the style sheet.
func (w view) Style() string { return w.s.Link(w.h.files.assetNames["style.css"], nil) }

// Dark is the address of the colours for the dark.
func (w view) Dark() string { return w.s.Link(w.h.files.assetNames["dark.css"], nil) }

// Brand is how the operator wants the pages to look.
func (w view) Brand() brand { return w.look }

// ProvidersLast says that the identity providers come after the form, and not
// before it.
func (w view) ProvidersLast() bool { return w.look.providersLast }

// Languages are links to the page in other languages. A page that answers a form
// cannot be fetched again, and has none.
func (w view) Languages() (list []link) {
	if w.r.Method != http.MethodGet || w.req == nil {
		return nil
	}
	for _, c := range w.h.files.catalogues {
		q := url.Values{}
		for name, values := range w.req.Query {
			q[name] = values
		}
		q.Set("lang", c.Lang)
		list = append(list, link{c.Name, w.s.Link(w.s.Path, q)})
	}
	return list
}

// show writes a page.
func (v *visit) show(status int, p view) {
	p.visit, p.look = v, v.brand()
	if !p.focused() {
		for i := range p.Fields {
			if p.Fields[i].Value == "" {
				p.Fields[i].Focus = true
				break
			}
		}
	}
	var b bytes.Buffer
	if err := v.h.files.page.Execute(&b, p); err != nil {
		v.h.config.Log.Error("render a page", "page", v.s.Path, "error", err)
		site.Unavailable(v.w)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Referrer-Policy", "same-origin") // the query is nobody else's
	h.Set("Content-Security-Policy", p.policy())
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes()) // the browser is gone when this fails
}

// focused puts the focus on the field that was wrong.
func (p *view) focused() bool {
	if p.Problem == nil {
		return false
	}
	for i := range p.Fields {
		if p.Fields[i].ID == p.Problem.field {
			p.Fields[i].Wrong, p.Fields[i].Focus = true, true
			return true
		}
	}
	return false
}

// policy is the page's Content-Security-Policy. Browsers hold form-action
// against the redirects that follow a form as well: the app's address is among
// them, and what the app's own redirects lead to has its scheme.
func (p *view) policy() string {
	scripts, forms := "", " 'self'"
	if p.script != "" {
		scripts = " script-src 'self';"
	}
	to := string(p.outward)
	if p.req != nil {
		to = p.req.RedirectURI
	}
	if u, err := url.Parse(to); err == nil && schemeForm.MatchString(u.Scheme) {
		forms += " " + u.Scheme + ":"
	}
	return "default-src 'none'; style-src 'self'; img-src 'self' data:;" + scripts + " form-action" + forms + "; frame-ancestors 'none'; base-uri 'none'"
}

// notice shows a text and nothing to do.
func (v *visit) notice(status int, title, text string) {
	v.show(status, view{Title: v.T(title), Lead: v.T(text)})
}

// fail shows the page of errors. What it says never comes out of its address:
// codes that we do not give have no text (hosted-ui-oauth.md, section 2).
func (v *visit) fail(status int, code string) {
	p := view{Title: v.T("error.title"), Lead: v.T("error.text")}
	if key := "error." + strings.ReplaceAll(strings.Trim(code, "."), " ", "_"); login.Explain(code) != "" && v.has(key) {
		p.Lead, p.Code = v.T(key), code
	}
	v.show(status, p)
}

// formPost shows the page that submits an answer to a client, by a script or by
// hand (OAuth 2.0 Form Post Response Mode). The address was registered.
func (v *visit) formPost(a *login.Answer) {
	p := view{Title: v.T("post.title"), Lead: v.T("post.text"), Name: "answer", outward: template.URL(a.URL), script: "submit.js",
		Submit: &button{Label: v.T("continue")}}
	for name, values := range a.Form {
		for _, value := range values {
			p.Hidden = append(p.Hidden, pair{name, value})
		}
	}
	v.show(http.StatusOK, p)
}
