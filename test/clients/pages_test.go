package clients_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
	"gatehouse/test/awsclient"
)

// domain is a user pool with pages, and an app of another origin that uses them.
type domain struct {
	s       *gatehousetest.Server
	root    *awsclient.Clients
	pool    string
	client  string
	base    string // of the pages
	app     string // origin of the app
	askedBy url.Values
}

// The user of these tests.
const (
	annsPassword = "Correct-Horse-7"
	annsAddress  = "ann@example.com"
)

// newDomain makes the pool, its user ann and the app. What the app is sent it
// shows, and its callback leads on to yet another origin.
func newDomain(t *testing.T, s *gatehousetest.Server, prefix string, change func(*idp.CreateUserPoolInput)) *domain {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	show := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>app</title><p id=status>the app</p>`)
	}
	home := httptest.NewServer(http.HandlerFunc(show))
	t.Cleanup(home.Close)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/onward":
			http.Redirect(w, r, strings.Replace(home.URL, "127.0.0.1", "localhost", 1)+"/home?"+r.URL.RawQuery, http.StatusFound)
		default:
			show(w, r)
		}
	}))
	t.Cleanup(app.Close)
	d := &domain{s: s, root: awsclient.New(awsclient.Target{URL: s.URL, Region: s.Region, HTTP: s.Client()}, s.AccessKeyID, s.SecretKey, ""), app: strings.Replace(app.URL, "127.0.0.1", "localhost", 1)}
	in := &idp.CreateUserPoolInput{PoolName: aws.String("people"), AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"}}
	if change != nil {
		change(in)
	}
	p, err := d.root.IDP.CreateUserPool(t.Context(), in)
	ok(err)
	d.pool = *p.UserPool.Id
	_, err = d.root.IDP.CreateUserPoolDomain(t.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &d.pool, Domain: &prefix})
	ok(err)
	d.base = s.Host(prefix + ".auth." + s.Region)
	c, err := d.root.IDP.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &d.pool, ClientName: aws.String("Field Notes"),
		ExplicitAuthFlows:               []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"},
		AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: []types.OAuthFlowType{"code", "implicit"}, AllowedOAuthScopes: []string{"openid", "email"},
		CallbackURLs: []string{d.app + "/callback", d.app + "/onward"}, SupportedIdentityProviders: []string{"COGNITO"}})
	ok(err)
	d.client = *c.UserPoolClient.ClientId
	name, password := "ann", annsPassword
	_, err = d.root.IDP.AdminCreateUser(t.Context(), &idp.AdminCreateUserInput{UserPoolId: &d.pool, Username: &name, MessageAction: "SUPPRESS",
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(annsAddress)}, {Name: aws.String("email_verified"), Value: aws.String("true")}}})
	ok(err)
	_, err = d.root.IDP.AdminSetUserPassword(t.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &d.pool, Username: &name, Password: &password, Permanent: true})
	ok(err)
	d.askedBy = url.Values{"response_type": {"code"}, "client_id": {d.client}, "redirect_uri": {d.app + "/callback"}, "scope": {"openid email"}, "state": {"s-1"}}
	return d
}

// at is the address of a page; more are parameters as name, value, ….
func (d *domain) at(path string, more ...string) string {
	q := url.Values{}
	for name, values := range d.askedBy {
		q[name] = values
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return d.base + path + "?" + q.Encode()
}

// visit opens a page that has no status line.
func (b *browser) visit(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url), chromedp.WaitReady("body"))
}

// press presses a button or follows a link, and waits for what it leads to.
func (b *browser) press(selector, wants string) {
	b.t.Helper()
	b.do("press "+selector, chromedp.Click(selector))
	b.sees(wants)
}

// sees waits until the page has an element.
func (b *browser) sees(selector string) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if found, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q) != null", selector))); err == nil && found {
			return
		}
	}
	b.t.Fatalf("no %s at %s: %s", selector, b.evaluate("location.href"), b.evaluate("document.body.innerText"))
}

// at waits until the browser is at an address that begins so, and returns it.
func (b *browser) at(prefix string) *url.URL {
	b.t.Helper()
	var got string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if got, err = chromedp.Run(b.ctx, chromedp.Evaluate[string]("location.href")); err == nil && strings.HasPrefix(got, prefix) {
			u, err := url.Parse(got)
			if err != nil {
				b.t.Fatal(err)
			}
			return u
		}
	}
	b.t.Fatalf("at %s, want %s: %s", got, prefix, b.evaluate("document.body.innerText"))
	return nil
}

// TestPages signs in as W0 and W2 do, by a code, and as W3 does, with tokens in
// the fragment, from a page of another origin.
func TestPages(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			s := gatehousetest.Start(t, on(t, kind)...)
			d := newDomain(t, s, "team-a", nil)
			b := newBrowser(t)
			verifier := strings.Repeat("verifier", 8)
			sum := sha256.Sum256([]byte(verifier))
			b.visit(d.at("/oauth2/authorize", "code_challenge_method", "S256", "code_challenge", base64.RawURLEncoding.EncodeToString(sum[:])))
			b.fill("username", "ann", "password", "Wrong-Password-0")
			b.press("button.primary", "#problem")
			b.sees("#password:focus")
			b.fill("password", annsPassword)
			b.do("sign in", chromedp.Click("button.primary"))
			q := b.at(d.app + "/callback?").Query()
			// W0's page redeems the code itself, from its own origin.
			got := b.await(fmt.Sprintf(`fetch(%q, {method: 'POST', headers: {'Content-Type': 'application/x-www-form-urlencoded'}, body: new URLSearchParams(%s)}).then((r) => r.text())`,
				d.base+"/oauth2/token", quoted(map[string]string{"grant_type": "authorization_code", "client_id": d.client, "redirect_uri": d.app + "/callback", "code": q.Get("code"), "code_verifier": verifier})))
			var tokens struct {
				ID      string `json:"id_token"`
				Access  string `json:"access_token"`
				Refresh string `json:"refresh_token"`
			}
			if err := json.Unmarshal([]byte(got), &tokens); err != nil || tokens.ID == "" || tokens.Access == "" || tokens.Refresh == "" || q.Get("state") != "s-1" {
				t.Fatalf("the code gave %s", got)
			}
			// The login does for W3's request; no page is shown.
			b.visit(d.at("/oauth2/authorize", "response_type", "token"))
			f, err := url.ParseQuery(b.at(d.app + "/callback#").Fragment)
			if err != nil || f.Get("id_token") == "" || f.Get("access_token") == "" {
				t.Errorf("the fragment has %v, %v", f, err)
			}
			// With a page, from /login as W3 links to it, by its path; and on to
			// another origin, where the app's callback leads.
			by := *d
			by.base = s.URL + "/" + d.pool
			for _, x := range []*domain{d, &by} {
				b.visit(x.at("/login", "response_type", "token", "prompt", "login"))
				b.fill("username", "ann", "password", annsPassword)
				b.do("sign in", chromedp.Click("button.primary"))
				if f, err = url.ParseQuery(b.at(d.app + "/callback#").Fragment); err != nil || f.Get("id_token") == "" {
					t.Errorf("the fragment has %v, %v", f, err)
				}
				b.visit(x.at("/login", "prompt", "login", "redirect_uri", d.app+"/onward"))
				b.fill("username", "ann", "password", annsPassword)
				b.do("sign in", chromedp.Click("button.primary"))
				if q := b.at("http://localhost:").Query(); q.Get("code") == "" {
					b.sees("#status")
				}
				b.sees("#status")
				if got := b.evaluate("location.pathname"); got != "/home" {
					t.Errorf("onward led to %s", got)
				}
				b.visit(x.at("/login", "prompt", "login", "response_mode", "form_post"))
				b.fill("username", "ann", "password", annsPassword)
				b.do("sign in", chromedp.Click("button.primary"))
				b.sees("#status")
			}
		})
	}
}

// await runs a promise in the page.
func (b *browser) await(expression string) string {
	b.t.Helper()
	b.evaluate("window.settled = undefined; (" + expression + ").then((x) => { window.settled = x }, (e) => { window.settled = 'failed: ' + e }); ''")
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if text := b.evaluate("window.settled || ''"); text != "" {
			return text
		}
	}
	b.t.Fatalf("%s does not end", expression)
	return ""
}

func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// trusts makes the users of another pool of this server welcome in the domain's
// client: that pool is an OpenID provider like any other. From then on the domain
// is used by its path, because http callbacks are for localhost alone.
func (d *domain) trusts(t *testing.T, other *domain) {
	t.Helper()
	d.base = d.s.URL + "/" + d.pool
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := d.root.IDP.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &other.pool, ClientName: aws.String("Field Notes, from elsewhere"), GenerateSecret: true,
		AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: []types.OAuthFlowType{"code"}, AllowedOAuthScopes: []string{"openid", "email"},
		CallbackURLs: []string{d.base + "/oauth2/idpresponse"}, SupportedIdentityProviders: []string{"COGNITO"}})
	ok(err)
	_, err = d.root.IDP.CreateIdentityProvider(t.Context(), &idp.CreateIdentityProviderInput{UserPoolId: &d.pool, ProviderName: aws.String("Northwind"), ProviderType: "OIDC",
		ProviderDetails: map[string]string{"client_id": *c.UserPoolClient.ClientId, "client_secret": *c.UserPoolClient.ClientSecret, "oidc_issuer": d.s.URL + "/" + other.pool,
			"authorize_scopes": "openid email", "attributes_request_method": "GET"}, AttributeMapping: map[string]string{"email": "email"}})
	ok(err)
	own, err := d.root.IDP.DescribeUserPoolClient(t.Context(), &idp.DescribeUserPoolClientInput{UserPoolId: &d.pool, ClientId: &d.client})
	ok(err)
	s := own.UserPoolClient
	_, err = d.root.IDP.UpdateUserPoolClient(t.Context(), &idp.UpdateUserPoolClientInput{UserPoolId: &d.pool, ClientId: &d.client, ClientName: s.ClientName, ExplicitAuthFlows: s.ExplicitAuthFlows,
		AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: s.AllowedOAuthFlows, AllowedOAuthScopes: s.AllowedOAuthScopes, CallbackURLs: s.CallbackURLs,
		SupportedIdentityProviders: []string{"COGNITO", "Northwind"}})
	ok(err)
}

// TestPages_elsewhere follows the button of a provider, signs in there, and comes
// back to the app as a user of the pool.
func TestPages_elsewhere(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			s := gatehousetest.Start(t, on(t, kind)...)
			d, other := newDomain(t, s, "team-a", nil), newDomain(t, s, "team-b", nil)
			d.trusts(t, other)
			b := newBrowser(t)
			b.visit(d.at("/login", "response_type", "token"))
			b.press("a.button", "#password")
			b.at(s.URL + "/" + other.pool + "/login?")
			b.fill("username", "ann", "password", annsPassword)
			b.do("sign in", chromedp.Click("button.primary"))
			f, err := url.ParseQuery(b.at(d.app + "/callback#").Fragment)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(f.Get("id_token")+"..", ".")[1])
			if err != nil || !strings.Contains(string(payload), `"providerName":"Northwind"`) || !strings.Contains(string(payload), annsAddress) {
				t.Errorf("the ID token says %s, %v", payload, err)
			}
			// Back at once where nobody says yes.
			b.visit(d.at("/oauth2/authorize", "prompt", "login", "identity_provider", "Northwind"))
			b.sees("#password")
		})
	}
}

// TestPages_posted comes back from a provider with a form of another site, as
// Apple sends people back: the browser's cookie is there all the same.
func TestPages_posted(t *testing.T) {
	s := gatehousetest.Start(t, on(t, storetest.Kinds(t)[0])...)
	d := newDomain(t, s, "team-a", nil)
	d.trusts(t, newDomain(t, s, "team-b", nil))
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/authorize" {
			http.Error(w, "no tokens today", http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		q := r.URL.Query()
		fmt.Fprintf(w, `<!doctype html><form method=post action=%q><input name=code value=x><input name=state value=%q></form><script>document.forms[0].submit()</script>`,
			q.Get("redirect_uri"), q.Get("state"))
	}))
	defer elsewhere.Close() // at 127.0.0.1, which is another site than localhost
	if _, err := d.root.IDP.UpdateIdentityProvider(t.Context(), &idp.UpdateIdentityProviderInput{UserPoolId: &d.pool, ProviderName: aws.String("Northwind"),
		ProviderDetails: map[string]string{"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "attributes_request_method": "GET", "oidc_issuer": elsewhere.URL,
			"authorize_url": elsewhere.URL + "/authorize", "token_url": elsewhere.URL + "/token", "jwks_uri": elsewhere.URL + "/keys", "attributes_url": elsewhere.URL + "/info"}}); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	b.visit(d.at("/oauth2/authorize", "identity_provider", "Northwind"))
	if q := b.at(d.app + "/callback?").Query(); q.Get("error_description") != "Northwind Error - 418 error getting token" || q.Get("state") != "s-1" {
		t.Errorf("the app was sent %v", q)
	}
}

// TestPages_passkey makes a passkey on the domain and signs in with it.
func TestPages_passkey(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			s := gatehousetest.Start(t, on(t, kind)...)
			d := newDomain(t, s, "team-a", func(in *idp.CreateUserPoolInput) {
				in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "EMAIL_OTP", "WEB_AUTHN"}}}
			})
			b := newBrowser(t)
			b.authenticator()
			add := d.base + "/passkeys/add?" + url.Values{"client_id": {d.client}, "redirect_uri": {d.app + "/callback"}}.Encode()
			b.visit(add) // leads to the sign-in
			b.fill("username", "ann", "password", annsPassword)
			b.do("sign in", chromedp.Click("button.primary"))
			b.at(d.app + "/callback?")
			b.visit(add)
			b.do("make a passkey", chromedp.Click("button.primary"))
			b.at(d.app + "/callback")
			b.sees("#status")
			b.visit(add)
			b.do("make another", chromedp.Click("button.primary"))
			b.sees("#passkey-problem:not([hidden])")

			b.visit(d.at("/login", "prompt", "login"))
			b.fill("username", "ann")
			b.do("use a passkey", chromedp.Click("button[value=WEB_AUTHN]"))
			if q := b.at(d.app + "/callback?").Query(); q.Get("code") == "" {
				t.Errorf("the app was sent %v", q)
			}
		})
	}
}

// TestPages_accessible runs axe over every page, in both colour schemes, narrow
// and wide, and takes pictures where GATEHOUSE_TEST_PICTURES says.
func TestPages_accessible(t *testing.T) {
	s := gatehousetest.Start(t, on(t, storetest.Kinds(t)[0])...)
	d := newDomain(t, s, "team-a", func(in *idp.CreateUserPoolInput) {
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "EMAIL_OTP", "WEB_AUTHN"}}}
		in.Schema = []types.SchemaAttributeType{{Name: aws.String("email"), Required: aws.Bool(true)}, {Name: aws.String("given_name"), Required: aws.Bool(true)},
			{Name: aws.String("birthdate"), Required: aws.Bool(true)}, {Name: aws.String("phone_number"), Required: aws.Bool(true)}}
	})
	if _, err := d.root.IDP.AdminCreateUser(t.Context(), &idp.AdminCreateUserInput{UserPoolId: &d.pool, Username: aws.String("eve"), TemporaryPassword: aws.String(annsPassword), MessageAction: "SUPPRESS"}); err != nil {
		t.Fatal(err)
	}
	setUp, offering := newDomain(t, s, "team-b", nil), newDomain(t, s, "team-c", nil)
	offering.trusts(t, setUp)
	if _, err := d.root.IDP.SetUserPoolMfaConfig(t.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: &setUp.pool, MfaConfiguration: "ON",
		SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true}}); err != nil {
		t.Fatal(err)
	}
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run `make test`, which installs the Node packages", err)
	}
	b := newBrowser(t)
	login := func(d *domain, name string, press string) {
		b.visit(d.at("/login"))
		b.fill("username", name)
		if press == "" {
			b.fill("password", annsPassword)
			press = "button.primary"
		}
		b.do("go on", chromedp.Click(press))
	}
	for _, p := range []struct {
		name string
		open func()
		sees string
	}{
		{"login", func() { b.visit(d.at("/login")) }, "#username"},
		{"login-wrong", func() {
			b.visit(d.at("/login"))
			b.fill("username", "nobody", "password", "x")
			b.do("go on", chromedp.Click("button.primary"))
		}, "#problem"},
		{"login-ar", func() { b.visit(d.at("/login", "lang", "ar")) }, "[dir=rtl] #username"},
		{"signup-ar", func() { b.visit(d.at("/signup", "lang", "ar")) }, "[dir=rtl] #username"},
		{"login-ja", func() { b.visit(d.at("/login", "lang", "ja")) }, "#username"},
		{"signup", func() { b.visit(d.at("/signup", "lang", "en")) }, "#birthdate"},
		{"confirm", func() { b.visit(d.at("/confirm")) }, "#code"},
		{"code", func() { login(d, "ann", "button[value=EMAIL_OTP]") }, "#code"},
		{"choose", func() { login(d, "ann", "button[value=WEB_AUTHN]") }, "button[name=answer]"},
		{"new-password", func() { login(d, "eve", "") }, "#new_password"},
		{"mfa-setup", func() { login(setUp, "ann", "") }, ".qr"},
		{"forgot", func() { b.visit(d.at("/forgotPassword")) }, "#username"},
		{"reset", func() { b.visit(d.at("/confirmForgotPassword")) }, "#new_password"},
		{"error", func() { b.visit(d.base + "/error?error=redirect_mismatch") }, "h1"},
		{"forged", func() {
			b.visit(d.at("/login"))
			b.evaluate("document.forms[0]._csrf.value = 'x'")
			b.fill("username", "x", "password", "x")
			b.do("go on", chromedp.Click("button.primary"))
			b.sees("h1")
		}, "main:not(:has(form))"},
		{"not-found", func() { b.visit(d.base + "/nowhere") }, "h1"},
		{"login-providers", func() { b.visit(offering.at("/login")) }, "a.button"},
		{"lost", func() { b.visit(offering.base + "/oauth2/idpresponse?code=x") }, "main:not(:has(form))"},
		{"link", func() { b.visit(d.base + "/confirmUser?client_id=" + d.client + "&user_name=ann&confirmation_code=1") }, "button.primary"},
		{"add-passkey", func() {
			login(d, "ann", "")
			b.at(d.app)
			b.visit(d.base + "/passkeys/add?" + url.Values{"client_id": {d.client}, "redirect_uri": {d.app + "/callback"}}.Encode())
		}, "form[data-options]"},
		{"form-post", func() {
			b.blocks("*://*:*/*submit-*.js") // which would send the form at once
			b.visit(d.at("/login", "response_mode", "form_post"))
		}, "form[name=answer]"},
	} {
		p.open()
		b.sees(p.sees)
		b.axe(p.name, string(axe))
	}
}

// blocks keeps files from loading.
func (b *browser) blocks(pattern string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(b.ctx, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: pattern, Block: true}}})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// axe wants a page without a violation in any look.
func (b *browser) axe(name, script string) {
	b.t.Helper()
	for _, look := range []struct {
		name   string
		width  int64
		scheme string
	}{{"wide-light", 1200, "light"}, {"wide-dark", 1200, "dark"}, {"narrow-light", 360, "light"}, {"narrow-dark", 360, "dark"}} {
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}); err != nil {
			b.t.Fatal(err)
		}
		if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: look.width, Height: 800, DeviceScaleFactor: 1}); err != nil {
			b.t.Fatal(err)
		}
		b.evaluate(script + "; ''")
		found := b.await(`axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
			.then((r) => JSON.stringify(r.violations.map((v) => [v.id, v.help, v.nodes.map((n) => n.html + ' ' + n.failureSummary)])))`)
		if found != "[]" {
			b.t.Errorf("%s, %s: %s", name, look.name, found)
		}
		if got := b.evaluate("String(document.documentElement.scrollWidth > innerWidth)"); got != "false" {
			b.t.Errorf("%s, %s has to be scrolled sideways", name, look.name)
		}
		if dir := os.Getenv("GATEHOUSE_TEST_PICTURES"); dir != "" {
			shot, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true)})
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name+"-"+look.name+".png"), shot.Data, 0o600)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// TestPages_tls signs in and out over HTTPS, at a host of the domain's own and
// under its path: cookies are for that alone, and no page of another scheme is
// let in.
func TestPages_tls(t *testing.T) {
	s := gatehousetest.Start(t, append(on(t, storetest.Kinds(t)[0]), gatehousetest.TLS())...)
	d := newDomain(t, s, "team-a", nil)
	by := *d
	by.base = s.URL + "/" + d.pool
	b := newBrowser(t, chromedp.IgnoreCertErrors)
	for _, x := range []*domain{d, &by} {
		if !strings.HasPrefix(x.base, "https://") {
			t.Fatal(x.base)
		}
		b.visit(x.at("/login"))
		b.fill("username", "ann", "password", annsPassword)
		b.do("sign in", chromedp.Click("button.primary"))
		if q := b.at(d.app + "/callback?").Query(); q.Get("code") == "" {
			t.Errorf("the app was sent %v", q)
		}
		cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{x.base + "/"}})
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, c := range cookies.Cookies {
			names[c.Name] = true
			if !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || strings.HasPrefix(c.Name, "__Host-") && (c.Path != "/" || strings.HasPrefix(c.Domain, ".")) {
				t.Errorf("%s: %+v", x.base, c)
			}
		}
		suffix := ""
		if x == &by {
			suffix = "-" + d.pool
		}
		if !names["__Host-cognito"+suffix] || !names["__Host-XSRF-TOKEN"+suffix] {
			t.Errorf("%s has the cookies %v", x.base, names)
		}
		resp, err := s.Client().Get(x.at("/login"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=31536000") {
			t.Errorf("%s: Strict-Transport-Security is %q", x.base, got)
		}
		b.visit(x.at("/oauth2/authorize")) // no page: the browser is signed in
		b.at(d.app + "/callback?")
		b.visit(x.base + "/logout?" + url.Values{"client_id": {d.client}, "redirect_uri": {d.app + "/callback"}, "response_type": {"code"}}.Encode())
		b.sees("#password")
	}
}
