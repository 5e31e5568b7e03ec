package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/go-jose/go-jose/v4"
)

// provider is what a relying party knows of a domain: its discovery document.
type provider struct {
	*openedDomain
	doc map[string]any
}

func (d *openedDomain) discover() *provider {
	d.Helper()
	p := &provider{openedDomain: d}
	d.ok(json.Unmarshal(d.get(d.server.URL+"/"+d.pool+"/.well-known/openid-configuration").body, &p.doc))
	home, ok := strings.CutSuffix(p.doc["authorization_endpoint"].(string), "/oauth2/authorize")
	if !ok {
		d.Fatalf("discovery: %v", p.doc)
	}
	p.openedDomain = &openedDomain{d.tenant, home, d.sub} // from here on as the document says
	return p
}

// idToken verifies an ID token as relying parties do, and returns its claims
// (OpenID Connect Core, section 3.1.3.7).
func (p *provider) idToken(text, nonce string) map[string]any {
	p.Helper()
	var keys jose.JSONWebKeySet
	p.ok(json.Unmarshal(p.get(p.doc["jwks_uri"].(string)).body, &keys))
	t, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
	p.ok(err)
	k := keys.Key(t.Signatures[0].Header.KeyID)
	if len(k) != 1 {
		p.Fatalf("%d keys have the kid of the token", len(k))
	}
	b, err := t.Verify(k[0])
	p.ok(err)
	var c map[string]any
	p.ok(json.Unmarshal(b, &c))
	now := p.server.Now().Unix()
	if c["iss"] != p.doc["issuer"] || c["aud"] != p.client || int64(c["exp"].(float64)) <= now || int64(c["iat"].(float64)) > now+1 || c["sub"] == "" || nonce != "" && c["nonce"] != nonce {
		p.Errorf("claims %v", c)
	}
	return c
}

// TestOIDC runs what modules of the OpenID Foundation's conformance suite ask,
// under their names: the plans Basic, Config, Form Post and RP-Initiated Logout,
// as far as no page is needed.
func TestOIDC(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		for name, module := range map[string]func(p *provider){
			"oidcc-discovery-endpoint-verification": func(p *provider) {
				for _, member := range []string{"issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "response_types_supported",
					"subject_types_supported", "id_token_signing_alg_values_supported", "end_session_endpoint"} {
					if p.doc[member] == nil {
						p.Errorf("no %s", member)
					}
				}
			},
			"oidcc-server": func(p *provider) {
				to, v := p.signedIn().goesTo(p.signedIn().authorize("nonce", "n-0S6_WzA2Mj", "state", "af0ifjsldkj"))
				if to != callback || v.Get("state") != "af0ifjsldkj" {
					p.Fatalf("to %s with %v", to, v)
				}
				c := p.idToken(p.redeem(v.Get("code")).ID, "n-0S6_WzA2Mj")
				if c["sub"] != p.sub {
					p.Errorf("claims %v", c)
				}
			},
			"oidcc-response-type-missing": func(p *provider) {
				if to, v := p.signedIn().goesTo(p.signedIn().authorize("response_type", "-")); to != callback || v.Get("error") != "invalid_request" || v.Get("state") != "s-1" {
					p.Errorf("to %s with %v", to, v)
				}
			},
			"oidcc-userinfo-get": func(p *provider) {
				a := p.userInfo(p.redeem(p.signedIn().newCode()).Access)
				var m map[string]any
				p.ok(json.Unmarshal(a.body, &m))
				if a.status != 200 || m["sub"] != p.sub {
					p.Errorf("%d %s", a.status, a.body)
				}
			},
			"oidcc-userinfo-post-header": func(p *provider) {
				if a := p.send("/oauth2/userInfo", url.Values{}, "Bearer "+p.redeem(p.signedIn().newCode()).Access); a.status != 200 {
					p.Errorf("%d %s", a.status, a.body)
				}
			},
			"oidcc-userinfo-post-body": func(p *provider) {
				if a := p.send("/oauth2/userInfo", url.Values{"access_token": {p.redeem(p.signedIn().newCode()).Access}}, ""); a.status != 200 {
					p.Errorf("%d %s", a.status, a.body)
				}
			},
			"oidcc-ensure-request-without-nonce-succeeds-for-code-flow": func(p *provider) {
				if c := p.idToken(p.redeem(p.signedIn().newCode()).ID, ""); c["nonce"] != nil {
					p.Errorf("claims %v", c)
				}
			},
			"oidcc-scope-profile": func(p *provider) {
				if c := p.idToken(p.redeem(p.signedIn().newCode("scope", "openid profile")).ID, ""); c["name"] != "Ann" {
					p.Errorf("claims %v", c)
				}
			},
			"oidcc-scope-email": func(p *provider) {
				if c := p.idToken(p.redeem(p.signedIn().newCode("scope", "openid email")).ID, ""); c["email"] != "ann@example.com" || c["email_verified"] != true || c["name"] != nil {
					p.Errorf("claims %v", c)
				}
			},
			"oidcc-scope-phone": func(p *provider) {
				if c := p.idToken(p.redeem(p.signedIn().newCode("scope", "openid phone")).ID, ""); c["phone_number"] != "+15550100" || c["email"] != nil {
					p.Errorf("claims %v", c)
				}
			},
			"oidcc-scope-all": func(p *provider) {
				if c := p.idToken(p.redeem(p.signedIn().newCode("scope", "openid profile email phone")).ID, ""); c["name"] != "Ann" || c["email"] == nil || c["phone_number"] == nil {
					p.Errorf("claims %v", c)
				}
			},
			"oidcc-scope-address": func(p *provider) { // not among scopes_supported
				if _, v := p.signedIn().goesTo(p.signedIn().authorize("scope", "openid address")); v.Get("error") != "invalid_scope" {
					p.Errorf("%v", v)
				}
			},
			"oidcc-display-page":  showsLogin("display", "page"),
			"oidcc-display-popup": showsLogin("display", "popup"),
			"oidcc-claims-essential": func(p *provider) {
				code := p.signedIn().newCode("claims", `{"userinfo":{"name":{"essential":true}}}`)
				if a := p.userInfo(p.redeem(code).Access); a.status != 200 || !strings.Contains(string(a.body), `"name":"Ann"`) {
					p.Errorf("%d %s", a.status, a.body)
				}
			},
			"oidcc-idtoken-signature": func(p *provider) { p.idToken(p.redeem(p.signedIn().newCode()).ID, "") }, // whose kid is that of one key
			"oidcc-ensure-request-with-valid-pkce-succeeds": func(p *provider) {
				verifier, challenge := pkce()
				code := p.signedIn().newCode("code_challenge", challenge, "code_challenge_method", "S256")
				p.idToken(p.redeem(code, "code_verifier", verifier).ID, "")
			},
			"oidcc-prompt-login": func(p *provider) {
				if to, _ := p.signedIn().goesTo(p.signedIn().authorize("prompt", "login")); !strings.HasSuffix(to, "/login") {
					p.Errorf("to %s", to)
				}
			},
			"oidcc-prompt-none-not-logged-in": func(p *provider) {
				if to, v := p.browser().goesTo(p.browser().authorize("prompt", "none")); to != callback || v.Get("error") != "login_required" || v.Get("state") != "s-1" {
					p.Errorf("to %s with %v", to, v)
				}
			},
			"oidcc-prompt-none-logged-in": func(p *provider) {
				b := p.signedIn()
				first := p.idToken(p.redeem(b.newCode()).ID, "")
				p.server.Advance(2 * time.Second)
				second := p.idToken(p.redeem(b.newCode("prompt", "none")).ID, "")
				if first["auth_time"] != second["auth_time"] || first["sub"] != second["sub"] {
					p.Errorf("%v, then %v", first, second)
				}
			},
			"oidcc-max-age-1": func(p *provider) {
				b := p.signedIn()
				p.server.Advance(2 * time.Second)
				if to, _ := b.goesTo(b.authorize("max_age", "1")); !strings.HasSuffix(to, "/login") {
					p.Errorf("to %s", to)
				}
			},
			"oidcc-max-age-10000": func(p *provider) {
				b := p.signedIn()
				p.server.Advance(2 * time.Second)
				if c := p.idToken(p.redeem(b.newCode("max_age", "10000")).ID, ""); c["auth_time"] == nil {
					p.Errorf("claims %v", c)
				}
			},
			"oidcc-ensure-request-with-unknown-parameter-succeeds": func(p *provider) { p.signedIn().newCode("extra", "foobar") },
			"oidcc-ensure-request-with-acr-values-succeeds":        func(p *provider) { p.signedIn().newCode("acr_values", "1 2") },
			"oidcc-id-token-hint":                                  func(p *provider) { p.signedIn().newCode("prompt", "none", "id_token_hint", "x.y.z") },
			"oidcc-login-hint":                                     func(p *provider) { p.signedIn().newCode("login_hint", "ann@example.com") },
			"oidcc-ui-locales":                                     func(p *provider) { p.signedIn().newCode("ui_locales", "se") },
			"oidcc-claims-locales":                                 func(p *provider) { p.signedIn().newCode("claims_locales", "se") },
			"oidcc-ensure-other-scope-order-succeeds":              func(p *provider) { p.redeem(p.signedIn().newCode("scope", "email openid")) },
			"oidcc-codereuse": func(p *provider) {
				code := p.signedIn().newCode()
				p.redeem(code)
				p.faulty(p.form("/oauth2/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback), 400, "invalid_grant")
			},
			"oidcc-codereuse-30seconds": func(p *provider) {
				code := p.signedIn().newCode()
				g := p.redeem(code)
				p.server.Advance(30 * time.Second)
				p.faulty(p.form("/oauth2/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback), 400, "invalid_grant")
				p.faulty(p.userInfo(g.Access), 401, "invalid_token")
			},
			"oidcc-ensure-registered-redirect-uri": func(p *provider) {
				if to, _ := p.signedIn().goesTo(p.signedIn().authorize("redirect_uri", callback+"/unregistered")); !strings.HasSuffix(to, "/error") {
					p.Errorf("to %s", to)
				}
			},
			"oidcc-ensure-post-request-succeeds": func(p *provider) {
				r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.base+"/oauth2/authorize", strings.NewReader(
					url.Values{"response_type": {"code"}, "client_id": {p.client}, "redirect_uri": {callback}, "scope": {"openid"}}.Encode()))
				p.ok(err)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				resp, err := p.signedIn().http.Do(r)
				p.ok(err)
				resp.Body.Close()
				if !strings.HasPrefix(resp.Header.Get("Location"), callback+"?code=") {
					p.Errorf("to %s", resp.Header.Get("Location"))
				}
			},
			"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": func(p *provider) {
				if to, v := p.signedIn().goesTo(p.signedIn().authorize("request", "eyJhbGciOiJub25lIn0.e30.")); to != callback || v.Get("error") != "request_not_supported" {
					p.Errorf("to %s with %v", to, v)
				}
			},
			"oidcc-ensure-request-object-with-redirect-uri": func(p *provider) {
				if to, _ := p.signedIn().goesTo(p.signedIn().authorize("redirect_uri", "https://evil.example", "request", "eyJhbGciOiJub25lIn0.e30.")); !strings.HasSuffix(to, "/error") {
					p.Errorf("to %s", to)
				}
			},
			"oidcc-server-client-secret-post": func(p *provider) {
				c := &provider{p.of(p.newClient(confidential)), p.doc}
				c.idToken(c.redeem(c.signedIn().newCode()).ID, "")
			},
			"oidcc-server-client-secret-basic": func(p *provider) {
				c := &provider{p.of(p.newClient(confidential)), p.doc}
				a := c.send("/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {c.signedIn().newCode()}, "redirect_uri": {callback}}, basic(c.client, c.secret))
				c.idToken(c.read(a).ID, "")
			},
			"oidcc-refresh-token": func(p *provider) {
				first := p.redeem(p.signedIn().newCode("nonce", "n"))
				second := p.trade("grant_type", "refresh_token", "refresh_token", first.Refresh)
				a, b := p.idToken(first.ID, "n"), p.idToken(second.ID, "")
				if a["sub"] != b["sub"] || a["auth_time"] != b["auth_time"] || first.Access == second.Access {
					p.Errorf("%v, then %v", a, b)
				}
			},
			"oidcc-server-form-post": func(p *provider) {
				a := p.signedIn().authorize("response_mode", "form_post")
				if a.status != 200 || !strings.Contains(string(a.body), `name="code"`) || !strings.Contains(string(a.body), `action="`+callback+`"`) {
					p.Errorf("%d %s", a.status, a.body)
				}
			},
			"oidcc-rp-initiated-logout": func(p *provider) {
				b := p.signedIn()
				g := p.redeem(b.newCode())
				if to, v := b.goesTo(b.open("/logout", "id_token_hint", g.ID, "post_logout_redirect_uri", "https://app.example.com/bye", "state", "s")); to != "https://app.example.com/bye" || v.Get("state") != "s" {
					p.Errorf("to %s with %v", to, v)
				}
				if _, v := b.goesTo(b.authorize("prompt", "none")); v.Get("error") != "login_required" {
					p.Errorf("still signed in: %v", v)
				}
			},
			"oidcc-rp-initiated-logout-no-state": func(p *provider) {
				b := p.signedIn()
				if to, v := b.goesTo(b.open("/logout", "id_token_hint", p.redeem(b.newCode()).ID, "post_logout_redirect_uri", "https://app.example.com/bye")); to != "https://app.example.com/bye" || len(v) != 0 {
					p.Errorf("to %s with %v", to, v)
				}
			},
			"oidcc-rp-initiated-logout-no-post-logout-redirect-uri": func(p *provider) {
				b := p.signedIn()
				if a := b.open("/logout", "id_token_hint", p.redeem(b.newCode()).ID, "state", "s"); a.status != 200 || !strings.Contains(string(a.body), "You are signed out") {
					p.Errorf("%d %s", a.status, a.body)
				}
				if _, v := b.goesTo(b.authorize("prompt", "none")); v.Get("error") != "login_required" {
					p.Errorf("still signed in: %v", v)
				}
			},
			"oidcc-rp-initiated-logout-no-id-token-hint":  refusedLogout("post_logout_redirect_uri", "https://app.example.com/bye", "state", "s"),
			"oidcc-rp-initiated-logout-no-params":         refusedLogout(),
			"oidcc-rp-initiated-logout-only-state":        refusedLogout("state", "s"),
			"oidcc-rp-initiated-logout-bad-id-token-hint": refusedLogout("id_token_hint", "a.b.c", "post_logout_redirect_uri", "https://app.example.com/bye"),
			"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": func(p *provider) {
				b := p.signedIn()
				refusedLogout("id_token_hint", p.redeem(b.newCode()).ID, "post_logout_redirect_uri", "https://app.example.com/bye?foo=bar")(p)
			},
			"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": func(p *provider) {
				b := p.signedIn()
				if to, _ := b.goesTo(b.open("/logout", "id_token_hint", p.redeem(b.newCode()).ID, "post_logout_redirect_uri", "https://evil.example")); !strings.HasSuffix(to, "/error") {
					p.Errorf("to %s", to)
				}
			},
			"oidcc-rp-initiated-logout-modified-id-token-hint": func(p *provider) {
				b := p.signedIn()
				if to, _ := b.goesTo(b.open("/logout", "id_token_hint", flip(p.redeem(b.newCode()).ID), "post_logout_redirect_uri", "https://app.example.com/bye")); !strings.HasSuffix(to, "/error") {
					p.Errorf("to %s", to)
				}
			},
		} {
			e.Run(name, func(t *testing.T) {
				n, inner := *d.tenant, *d.env
				inner.T, n.env = t, &inner
				module((&openedDomain{&n, d.base, d.sub}).discover())
			})
		}
	})
}

// showsLogin is a module whose request brings a browser that is not signed in to
// the sign-in page.
func showsLogin(q ...string) func(p *provider) {
	return func(p *provider) {
		b := p.browser()
		a := b.authorize(q...)
		if to, _ := b.goesTo(a); !strings.HasSuffix(to, "/login") {
			p.Fatalf("to %s", to)
		}
		u, err := url.Parse(a.header.Get("Location"))
		p.ok(err)
		var list []string
		for name, all := range u.Query() {
			list = append(list, name, all[0])
		}
		b.see("/login", list...).shows(200, "Sign in")
	}
}

// refusedLogout is a module whose sign-out goes nowhere and signs nobody out.
func refusedLogout(q ...string) func(p *provider) {
	return func(p *provider) {
		b := p.signedIn()
		if to, _ := b.goesTo(b.open("/logout", q...)); !strings.HasSuffix(to, "/error") {
			p.Errorf("to %s", to)
		}
		if _, v := b.goesTo(b.authorize("prompt", "none")); v.Get("code") == "" {
			p.Errorf("signed out: %v", v)
		}
	}
}

// TestOIDC_issuer: a relying party finds the issuer that it asked for, with a
// domain and without.
func TestOIDC_issuer(t *testing.T) {
	each(t, func(e *env) {
		for _, n := range []*tenant{e.openDomain(nil).tenant, e.tenant(nil, func(*idp.CreateUserPoolClientInput) {})} {
			issuer := e.server.URL + "/" + n.pool
			var doc map[string]any
			e.ok(json.Unmarshal(e.get(issuer+"/.well-known/openid-configuration").body, &doc))
			if doc["issuer"] != issuer {
				e.Errorf("the issuer of %s is %v", issuer, doc["issuer"])
			}
		}
	})
}
