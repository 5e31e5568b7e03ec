package e2e_test

import (
	"encoding/base32"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"
)

// page is a page as a browser without scripts has it.
type page struct {
	*browser
	*answer
	address *url.URL
	action  string            // of the form
	fields  map[string]string // of the form
	buttons map[string]string // formaction by label
	text    string
}

// page reads an answer to a request for address.
func (b *browser) page(address string, a *answer) *page {
	b.Helper()
	u, err := url.Parse(address)
	b.ok(err)
	p := &page{browser: b, answer: a, address: u, fields: map[string]string{}, buttons: map[string]string{}}
	doc, err := html.Parse(strings.NewReader(string(a.body)))
	b.ok(err)
	var words []string
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "noscript" {
			words = append(words, strings.Fields(n.Data)...)
		}
		at := map[string]string{}
		for _, x := range n.Attr {
			at[x.Key] = x.Val
		}
		switch n.Data {
		case "form":
			p.action = at["action"]
		case "input":
			p.fields[at["name"]] = at["value"]
		case "button":
			p.buttons[at["value"]] = at["formaction"]
		case "script", "style", "iframe", "object":
			if n.Data != "script" || n.FirstChild != nil {
				b.Errorf("%s has an element %s of its own", address, n.Data)
			}
		}
	}
	p.text = strings.Join(words, " ")
	return p
}

// see opens a page of the domain.
func (b *browser) see(path string, q ...string) *page {
	b.Helper()
	return b.page(b.base+path, b.open(path, q...))
}

// usual are the parameters of a sign-in, with more.
func (d *openedDomain) usual(more ...string) []string {
	return append([]string{"response_type", "code", "client_id", d.client, "redirect_uri", callback, "scope", "openid email", "state", "s-1"}, more...)
}

// submit sends the page's form with fields filled in: name, value, …. A value
// "-" takes a field away.
func (p *page) submit(fill ...string) *page {
	p.Helper()
	return p.submitTo(p.action, fill...)
}

func (p *page) submitTo(action string, fill ...string) *page {
	p.Helper()
	v := url.Values{}
	for name, value := range p.fields {
		v.Set(name, value)
	}
	for i := 0; i < len(fill); i += 2 {
		v.Set(fill[i], fill[i+1])
		if fill[i+1] == "-" {
			v.Del(fill[i])
		}
	}
	return p.send(action, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (p *page) send(action, body string, header ...string) *page {
	p.Helper()
	to, err := p.address.Parse(action)
	p.ok(err)
	r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, to.String(), strings.NewReader(body))
	p.ok(err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return p.browser.page(to.String(), p.fetch(r))
}

// fetch sends a request with the browser's cookies.
func (b *browser) fetch(r *http.Request) *answer {
	b.Helper()
	e := *b.env
	e.http = b.http
	return e.do(r)
}

// shows wants a page that says something.
func (p *page) shows(status int, text string) *page {
	p.Helper()
	if p.status != status || !strings.Contains(p.text, text) {
		p.Fatalf("%s\nanswers %d %s: %s\nwant %d %s", p.address, p.status, p.header.Get("Location"), p.text, status, text)
	}
	return p
}

// tokens follows the page to the client and redeems the code.
func (p *page) redeemed() *given {
	p.Helper()
	to, v := p.goesTo(p.answer)
	if to != callback || v.Get("state") != "s-1" || v.Get("code") == "" {
		p.Fatalf("goes to %s with %v", to, v)
	}
	g := p.read(p.form("/oauth2/token", "grant_type", "authorization_code", "code", v.Get("code"), "redirect_uri", callback))
	if g.Access == "" || g.ID == "" {
		p.Fatalf("the code gave %+v", g)
	}
	return g
}

// TestPages_headless is the flow that clients without a browser rely on: the
// cookie, the form, the callback (hosted-ui-oauth.md, section 4).
func TestPages_headless(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.browser()
		q := pairs(d.usual())
		a := b.open("/login", d.usual()...)
		u, _ := url.Parse(d.base + "/login")
		var token string
		for _, c := range b.http.Jar.Cookies(u) {
			if c.Name == "XSRF-TOKEN" {
				token = c.Value
			}
		}
		if a.status != http.StatusOK || token == "" {
			d.Fatalf("GET /login: %d, cookie %q", a.status, token)
		}
		p := &page{browser: b, answer: a, address: u}
		body := url.Values{"_csrf": {token}, "username": {"ann"}, "password": {password}, "cognitoAsfData": {""}, "signInSubmitButton": {"Sign in"}}
		to := p.send("?"+q.Encode(), body.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		g := to.redeemed()
		if c := d.claims(&g.ID); c["email"] != "ann@example.com" {
			d.Errorf("the ID token says %v", c)
		}
		// The cookie signs a second client in.
		id, _ := d.newClient(oauthClient)
		second := &browser{d.of(id, ""), b.http}
		if address, v := second.goesTo(second.authorize()); address != callback || v.Get("code") == "" {
			d.Errorf("single sign-on goes to %s with %v", address, v)
		}
		if address, v := second.goesTo(second.open("/login", second.usual()...)); address != callback || v.Get("code") == "" {
			d.Errorf("/login with a login goes to %s with %v", address, v)
		}
		// One that is told to ask does, and gives another cookie.
		before := b.cookie("cognito")
		b.see("/login", d.usual("prompt", "login")...).shows(200, "Sign in").submit("username", "ann", "password", password).redeemed()
		if after := b.cookie("cognito"); after == "" || after == before {
			d.Errorf("a new sign-in kept the cookie %q", after)
		}
	})
}

// cookie is what the browser holds.
func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.base + "/login")
	b.ok(err)
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func TestPages_signInRefused(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		b := d.browser()
		p := b.see("/login", d.usual("login_hint", "ann")...)
		if p.fields["username"] != "ann" {
			e.Errorf("login_hint filled in %q", p.fields["username"])
		}
		p.submit("username", "").shows(200, "Username is missing.")
		p.submit("password", "").shows(200, "Password is missing.")
		p = p.submit("password", "wrong").shows(200, "Incorrect username or password.")
		if p.fields["username"] != "ann" || p.fields["password"] != "" {
			e.Errorf("after a wrong password the form has %v", p.fields)
		}
		p.submit("username", "nobody", "password", password).shows(200, "Incorrect username or password.")
		for range 5 {
			p.submit("password", "wrong")
		}
		p.submit("password", password).shows(200, "Too many wrong attempts.")
		e.server.Advance(time.Hour)
		_, err := e.root.IDP.AdminDisableUser(e.Context(), &idp.AdminDisableUserInput{UserPoolId: &d.pool, Username: aws.String("ann")})
		e.ok(err)
		p.submit("password", password).shows(200, "This account is disabled.")
		_, err = e.root.IDP.AdminEnableUser(e.Context(), &idp.AdminEnableUserInput{UserPoolId: &d.pool, Username: aws.String("ann")})
		e.ok(err)
		p.submit("password", password).redeemed()
	})
}

// TestPages_forged: no form is taken that this browser was not given.
func TestPages_forged(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.browser()
		p := b.see("/login", d.usual()...)
		good := func() string {
			return url.Values{"_csrf": {p.fields["_csrf"]}, "username": {"ann"}, "password": {password}}.Encode()
		}
		const form = "application/x-www-form-urlencoded"
		const stale = "We could not see that this form came from this page."
		p.submit("username", "ann", "password", password, "_csrf", "-").shows(403, stale)
		p.submit("username", "ann", "password", password, "_csrf", "").shows(403, stale)
		p.submit("username", "ann", "password", password, "_csrf", strings.Repeat("A", 43)).shows(403, stale)
		p.submit("username", "ann", "password", password, "_csrf", d.browser().see("/login", d.usual()...).fields["_csrf"]).shows(403, stale)
		p.send(p.action, good(), "Content-Type", form, "Origin", "https://evil.example").shows(403, stale)
		p.send(p.action, good(), "Content-Type", form, "Origin", "null").shows(403, stale)
		p.send(p.action, good(), "Content-Type", form, "Sec-Fetch-Site", "cross-site").shows(403, stale)
		p.send(p.action, good(), "Content-Type", "text/plain").shows(415, "malformed")
		p.send(p.action, good()+"&username=bob", "Content-Type", form).shows(400, "malformed")
		p.send(p.action, good()+"&x=%00", "Content-Type", form).shows(400, "malformed")
		p.send(p.action, good()+"&x=%ff", "Content-Type", form).shows(400, "malformed")
		p.send(p.action, good()+"&%zz", "Content-Type", form).shows(400, "malformed")
		p.send(p.action, good()+"&x="+strings.Repeat("x", 64<<10), "Content-Type", form).shows(413, "malformed")
		for _, path := range []string{"/mfa", "/changepassword", "/signup", "/confirm", "/resendcode", "/forgotPassword", "/confirmForgotPassword", "/confirmforgotPassword"} {
			p.send(strings.Replace(p.action, "/login", path, 1), "username=ann", "Content-Type", form).shows(403, stale)
		}
		p.send(strings.Split(strings.Replace(p.action, "/login", "/confirmUser", 1), "?")[0], "username=ann", "Content-Type", form).shows(403, stale)
		if b.cookie("cognito") != "" {
			d.Error("a form that was refused signed somebody in")
		}
		p.send(p.action, good(), "Content-Type", form, "Origin", p.address.Scheme+"://"+p.address.Host, "Sec-Fetch-Site", "same-origin").redeemed()
		// A cookie that was forged, cut or made for another pool signs nobody in.
		for _, value := range []string{"x", strings.Repeat("x", 43), b.cookie("cognito")[:20], strings.Repeat("x", 4000)} {
			c := d.browser()
			u, _ := url.Parse(d.base + "/")
			c.http.Jar.SetCookies(u, []*http.Cookie{{Name: "cognito", Value: value, Path: u.Path}})
			c.see("/login", d.usual()...).shows(200, "Sign in")
		}
		r, err := http.NewRequestWithContext(d.Context(), http.MethodPut, d.base+"/login?"+pairs(d.usual()).Encode(), nil)
		d.ok(err)
		if a := d.do(r); a.status != 405 || a.header.Get("Allow") == "" {
			d.Errorf("PUT /login: %d", a.status)
		}
	})
}

// TestPages_otherPool: neither a login nor the session of a challenge is good
// for another pool, or another client.
func TestPages_otherPool(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		d.mfaByToken()
		other := e.tenant(nil, oauthClient)
		_, err := e.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &other.pool, Domain: aws.String("team-b")})
		e.ok(err)
		away := &openedDomain{other, e.server.Host("team-b.auth.us-east-1"), ""}
		b := d.browser()
		asked := b.see("/login", d.usual()...).submit("username", "ann", "password", password).shows(200, "Set up a second step")

		c := away.browser()
		p := c.see("/login", away.usual()...)
		fields := []string{}
		for name, value := range asked.fields {
			if name != "_csrf" {
				fields = append(fields, name, value)
			}
		}
		to := strings.Replace(p.action, "/login", "/mfa", 1)
		p.submitTo(to, append(fields, "code", "123456")...).shows(200, "Sign in again.")
		id, _ := d.newClient(oauthClient)
		second := &browser{d.of(id, ""), b.http}
		p = second.see("/login", second.usual()...)
		p.submitTo(strings.Replace(p.action, "/login", "/mfa", 1), append(fields, "code", "123456")...).shows(200, "Sign in again.")
		p.submitTo(strings.Replace(p.action, "/login", "/mfa", 1), "challenge", "MFA_SETUP").shows(200, "Sign in again.")
		p.submitTo(strings.Replace(p.action, "/login", "/mfa", 1), "challenge", "NO_SUCH", "session", "x", "username", "ann", "about", "{}").shows(200, "Sign in again.")

		login := d.signedIn().cookie("cognito")
		u, _ := url.Parse(away.base + "/")
		c.http.Jar.SetCookies(u, []*http.Cookie{{Name: "cognito", Value: login, Path: "/"}})
		c.see("/login", away.usual()...).shows(200, "Sign in")
	})
}

// mfaByToken makes every user of the pool set a software token up.
func (d *openedDomain) mfaByToken() {
	d.Helper()
	_, err := d.root.IDP.SetUserPoolMfaConfig(d.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: &d.pool, MfaConfiguration: "ON",
		SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true}})
	d.ok(err)
}

// TestPages_reflection: what a stranger writes into a link is text, or nothing.
func TestPages_reflection(t *testing.T) {
	const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.browser()
		for _, p := range []*page{
			b.see("/login", d.usual("login_hint", attack, "nonce", attack)...),
			b.see("/login", append(d.usual(), "state2", attack, attack, attack)...),
			b.see("/signup", d.usual("login_hint", attack)...),
			b.see("/forgotPassword", d.usual("login_hint", attack)...),
			b.see("/login", "response_type", "code", "client_id", d.client, "redirect_uri", callback, "state", attack),
			b.see("/login", d.usual()...).submit("username", attack, "password", attack),
			b.see("/login", d.usual()...).submitTo("mfa?"+pairs(d.usual()).Encode(), "username", attack),
			b.see("/confirmUser", "client_id", attack, "user_name", attack, "confirmation_code", attack),
			b.see("/error", "error", attack, "client_id", attack),
			b.see("/error", "error", "redirect_mismatch"),
			b.see("/"+attack, "lang", attack),
		} {
			body := string(p.body)
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
				d.Errorf("%s reflects: %s", p.address, body)
			}
			for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"} {
				if got := p.header.Get(name); got != want {
					d.Errorf("%s: %s is %q", p.address, name, got)
				}
			}
			policy := p.header.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
				d.Errorf("%s: the policy is %q", p.address, policy)
			}
		}
		b.see("/error", "error", "redirect_mismatch").shows(400, "not registered for it")
		b.see("/error", "error", "no such").shows(400, "An error was encountered with the requested page.")
		b.see("/login", "response_type", "code", "client_id", d.client).shows(400, "without client_id or redirect_uri")
		b.see("/login", "response_type", "code", "client_id", "x", "redirect_uri", callback).shows(400, "its client_id is wrong")
		b.see("/login", "response_type", "code", "client_id", d.client, "redirect_uri", callback+"/").shows(400, "not registered for it")
		b.see("/nowhere").shows(404, "Page not found")
		if to, v := b.goesTo(b.open("/login", "client_id", d.client, "redirect_uri", callback)); to != callback || v.Get("error") != "invalid_request" {
			d.Errorf("without response_type: %s %v", to, v)
		}
		if to, v := b.goesTo(b.open("/login", d.usual("prompt", "none")...)); to != callback || v.Get("error") != "login_required" {
			d.Errorf("prompt=none: %s %v", to, v)
		}
	})
}

func TestPages_forgotPassword(t *testing.T) {
	eachDomain(t, func(in *idp.CreateUserPoolClientInput) {
		confidential(in)
		in.PreventUserExistenceErrors = "LEGACY"
	}, func(d *openedDomain) {
		b := d.browser()
		p := b.see("/forgotPassword", d.usual()...).shows(200, "Forgot your password?")
		p.submit("username", "").shows(200, "Username is missing.")
		// The page is the same for a name that nobody has.
		const sent = "If there is an account with this name, we have sent it a code."
		nobody, ann := p.submit("username", "nobody").shows(200, sent), p.submit("username", "ann").shows(200, sent)
		if strings.ReplaceAll(string(nobody.body), "nobody", "ann") != string(ann.body) {
			d.Errorf("the pages differ:\n%s\n%s", nobody.body, ann.body)
		}
		nobody.submit("code", "123456", "password", otherPassword).shows(200, "This code is not right.")
		ann.submit("code", "123456x", "password", otherPassword).shows(200, "This code is not right.")
		code := d.server.Code("ann@example.com")
		ann.submit("code", code, "password", "").shows(200, "New password is missing.")
		if weak := ann.submit("code", code, "password", "weak").shows(200, "At least 8 characters"); weak.fields["code"] != code {
			d.Errorf("the code has to be typed again: %v", weak.fields)
		}
		done := ann.submitTo(strings.Replace(ann.action, "/confirmF", "/confirmf", 1), "code", code, "password", otherPassword).shows(200, "Your password has been changed.")
		done.submit("password", otherPassword).redeemed()
		_, err := d.root.IDP.AdminResetUserPassword(d.Context(), &idp.AdminResetUserPasswordInput{UserPoolId: &d.pool, Username: aws.String("ann")})
		d.ok(err)
		done.submit("password", otherPassword).shows(200, "Your password has to be reset")
		p = b.see("/confirmForgotPassword", d.usual()...)
		p.submit("username", "ann", "code", d.server.Code("ann@example.com"), "password", password+"1").shows(200, "Your password has been changed.")
		_, err = d.root.IDP.AdminSetUserPassword(d.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &d.pool, Username: aws.String("ann"), Password: aws.String(password), Permanent: true})
		d.ok(err)
	})
}

func TestPages_forcedChange(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Schema = []types.SchemaAttributeType{{Name: aws.String("given_name"), Required: aws.Bool(true)}}
		}, oauthClient)
		_, err := e.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("team-a")})
		e.ok(err)
		_, err = e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("eve"), TemporaryPassword: aws.String(password), MessageAction: "SUPPRESS"})
		e.ok(err)
		d := &openedDomain{n, e.server.Host("team-a.auth.us-east-1"), ""}
		p := d.browser().see("/login", d.usual()...).submit("username", "eve", "password", password).shows(200, "Choose a new password")
		if !strings.Contains(p.action, "/changepassword?") {
			e.Errorf("the form goes to %s", p.action)
		}
		p.submit("password", "").shows(200, "Something is missing.")
		p = p.submit("password", "weak", "userAttributes.given_name", "Eve").shows(200, "At least 8 characters")
		if p.fields["userAttributes.given_name"] != "Eve" {
			e.Errorf("the form has %v", p.fields)
		}
		p.submit("password", otherPassword, "userAttributes.given_name", "").shows(200, "Check it and try again.")
		p.submit("password", otherPassword).redeemed()
		p.submit("password", otherPassword).shows(200, "Sign in again.") // the session was spent
	})
}

// TestPages_softwareToken sets one up on the way in, and uses it the next time.
func TestPages_softwareToken(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		d.mfaByToken()
		p := d.browser().see("/login", d.usual()...).submit("username", "ann", "password", password).shows(200, "Set up a second step")
		var about = p.fields["about"]
		i := strings.Index(about, `"secret":"`)
		if i < 0 || !strings.Contains(string(p.body), "<path fill=\"#000\" d=\"M") {
			e.Fatalf("no secret or picture: %s", p.body)
		}
		secret, _, _ := strings.Cut(about[i+len(`"secret":"`):], `"`)
		if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret); err != nil {
			e.Fatal(err)
		}
		again := p.submit("code", "000000").shows(200, "This code is not right.")
		if again.fields["about"] != about {
			e.Error("a wrong code changed the secret")
		}
		code := func() string {
			text, err := totp.GenerateCode(secret, e.server.Now())
			e.ok(err)
			return text
		}
		again.submit("code", code()[:3]+" "+code()[3:], "device", "my phone").redeemed()
		again.submit("code", code()).shows(200, "Sign in again.")

		p = d.browser().see("/login", d.usual()...).submit("username", "ann", "password", password).shows(200, "shows for my phone")
		p.submit("code", code()).shows(200, "has been used already")
		e.server.Advance(time.Minute)
		p.submit("code", "12").shows(200, "This code is not right.")
		p.submit("code", code()).redeemed()
		p.submit("code", code()).shows(200, "Sign in again.")
		e.server.Advance(10 * time.Minute)
		p.submit("code", code()).shows(200, "Sign in again.")
	})
}

// firstFactors lets users of the pool begin with more than a password.
func (d *openedDomain) firstFactors(list ...types.AuthFactorType) {
	d.Helper()
	_, err := d.root.IDP.UpdateUserPool(d.Context(), &idp.UpdateUserPoolInput{UserPoolId: &d.pool, AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"},
		SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: aws.String("arn:aws:iam::000000000000:role/sms")},
		Policies:         &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: list}}})
	d.ok(err)
}

func TestPages_codes(t *testing.T) {
	eachDomain(t, func(in *idp.CreateUserPoolClientInput) {
		oauthClient(in)
		in.ExplicitAuthFlows = append(slices.Clone(everyFlow), "ALLOW_USER_AUTH")
	}, func(d *openedDomain) {
		d.firstFactors("PASSWORD", "EMAIL_OTP", "SMS_OTP")
		b := d.browser()
		p := b.see("/login", d.usual()...).shows(200, "Get a code by text message")
		mailed := p.submit("username", "ann", "factor", "EMAIL_OTP").shows(200, "We sent a code to a***@e***.")
		mailed.submit("code", "00000000").shows(200, "This code is not right.")
		mailed.submit("code", d.server.Code("ann@example.com")).redeemed()
		d.browser().see("/login", d.usual()...).submit("username", "ann", "factor", "SMS_OTP").shows(200, "We sent a code to").submit("code", d.server.Code("+15550100")).redeemed()
		// A name that nobody has is asked for a code too.
		p = d.browser().see("/login", d.usual()...)
		p.submit("username", "nobody", "factor", "EMAIL_OTP").shows(200, "We sent a code to").submit("code", "12345678").shows(200, "This code is not right.")
		chosen := p.submit("username", "ann", "factor", "WEB_AUTHN").shows(200, "Choose how to continue")
		chosen.submit("answer", "WEB_AUTHN").shows(200, "Choose how to continue")
		chosen.submit("answer", "PASSWORD").shows(200, "Enter your password").submit("password", password).redeemed()

		// Sign-up without a password is a sign-in by its code.
		name := "otp" + strings.ToLower(d.Name()[len(d.Name())-4:])
		p = d.browser().see("/signup", d.usual()...).shows(200, "(optional)")
		p.submit("username", name, "requiredAttributes[email]", email(name)).shows(200, "We sent a code to").submit("code", d.server.Code(email(name))).redeemed()
	})
}

func TestPages_messageFactor(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		_, err := e.root.IDP.SetUserPoolMfaConfig(e.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: &d.pool, MfaConfiguration: "OPTIONAL",
			SmsMfaConfiguration:           &types.SmsMfaConfigType{SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: aws.String("arn:aws:iam::000000000000:role/sms")}},
			SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true}})
		e.ok(err)
		_, err = e.root.IDP.AdminSetUserMFAPreference(e.Context(), &idp.AdminSetUserMFAPreferenceInput{UserPoolId: &d.pool, Username: aws.String("ann"),
			SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true}})
		e.ok(err)
		b := d.browser()
		p := b.see("/login", d.usual()...).submit("username", "ann", "password", password).shows(200, "We sent a code to +")
		p.submit("code", "000000").shows(200, "This code is not right.")
		if b.cookie("cognito") != "" {
			e.Error("signed in before the second factor")
		}
		p.submit("code", e.server.Code("+15550100")).redeemed()
	})
}

// TestPages_answers: the implicit grant, and answers that a page posts.
func TestPages_answers(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		p := d.browser().see("/login", "response_type", "token", "client_id", d.client, "redirect_uri", callback, "scope", "openid").submit("username", "ann", "password", password)
		if _, v := p.goesTo(p.answer); v.Get("id_token") == "" || v.Get("access_token") == "" {
			d.Errorf("implicit: %v", v)
		}
		p = d.browser().see("/login", d.usual("response_mode", "form_post")...).submit("username", "ann", "password", password).shows(200, "Signing you in")
		if p.action != callback || p.fields["code"] == "" || p.fields["state"] != "s-1" || p.fields["_csrf"] != "" {
			d.Errorf("the form goes to %s with %v", p.action, p.fields)
		}
		if policy := p.header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") {
			d.Errorf("the policy is %q", policy)
		}
	})
}

// opened gives a tenant a domain.
func (n *tenant) opened() *openedDomain {
	n.Helper()
	_, err := n.root.IDP.CreateUserPoolDomain(n.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("team-a")})
	n.ok(err)
	return &openedDomain{n, n.server.Host("team-a.auth.us-east-1"), ""}
}

// TestPages_chooseFactor: what to set up, and which of several to use.
func TestPages_chooseFactor(t *testing.T) {
	each(t, func(e *env) {
		d := e.tenant(addresses, oauthClient).opened()
		d.factors("ON", true, true, true)
		for _, name := range []string{"cid", "dan"} {
			_, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &d.pool, Username: &name, MessageAction: "SUPPRESS"})
			e.ok(err)
			_, err = e.root.IDP.AdminSetUserPassword(e.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &d.pool, Username: &name, Password: aws.String(password), Permanent: true})
			e.ok(err)
		}
		p := d.browser().see("/login", d.usual()...).submit("username", "cid", "password", password).shows(200, "Choose how you want to prove that it is you.")
		p.submit("answer", "SOFTWARE_TOKEN_MFA").shows(200, "Scan the picture")
		p = d.browser().see("/login", d.usual()...).submit("username", "cid", "password", password)
		p = p.submit("answer", "EMAIL_OTP").shows(200, "Give the address")
		p.submit("email", "").shows(200, "Give the address")
		p.submit("email", "none").shows(200, "This is not an email address.")
		p.submit("email", "cid@example.com").shows(200, "We sent a code to c***@e***.").submit("code", e.server.Code("cid@example.com")).redeemed()

		_, err := e.root.IDP.AdminUpdateUserAttributes(e.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &d.pool, Username: aws.String("dan"),
			UserAttributes: attributes("email", "dan@example.com", "email_verified", "true", "phone_number", annsPhone, "phone_number_verified", "true")})
		e.ok(err)
		_, err = e.root.IDP.AdminSetUserMFAPreference(e.Context(), &idp.AdminSetUserMFAPreferenceInput{UserPoolId: &d.pool, Username: aws.String("dan"),
			SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true}, EmailMfaSettings: &types.EmailMfaSettingsType{Enabled: true}})
		e.ok(err)
		p = d.browser().see("/login", d.usual()...).submit("username", "dan", "password", password).shows(200, "Choose how to continue")
		p.submit("answer", "WEB_AUTHN").shows(200, "Check it and try again.")
		p.submit("answer", "SMS_MFA").shows(200, "We sent a code to +").submit("code", e.server.Code(annsPhone)).redeemed()
	})
}

// TestPages_functions: what a pool's function says stands above the form, and
// one that confirms a user at sign-up spares the code.
func TestPages_functions(t *testing.T) {
	each(t, func(e *env) {
		n := e.functioning(&types.LambdaConfigType{
			PreSignUp: aws.String(e.lambda(func(event map[string]any) (any, error) {
				if event["userName"] == "mal" {
					return nil, errors.New("<b>not you</b>")
				}
				event["response"] = map[string]any{"autoConfirmUser": true}
				return event, nil
			})),
			PreAuthentication: aws.String(e.lambda(func(event map[string]any) (any, error) {
				if event["userName"] == "ned" {
					return nil, errors.New("not on Sundays")
				}
				return event, nil
			})),
		}, func(in *idp.CreateUserPoolInput) { in.AutoVerifiedAttributes = nil })
		n.client, n.secret = n.newClient(confidential)
		d := n.opened()
		b := d.browser()
		p := b.see("/signup", d.usual()...)
		p.submit("username", "mal", "password", password).shows(200, "PreSignUp failed with error <b>not you</b>.")
		p.submit("username", "ned", "password", password).shows(200, "PreAuthentication failed with error not on Sundays.")
		p.submit("username", "bob", "password", password).redeemed()
	})
}

// TestPages_addPasskey: only whoever has signed in may make one, where the pool
// has passkeys.
func TestPages_addPasskey(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		q := []string{"client_id", d.client, "redirect_uri", callback}
		base, err := url.Parse(d.base)
		d.ok(err)
		if to, v := d.browser().goesTo(d.browser().open("/passkeys/add", q...)); to != base.Path+"/login" || v.Get("redirect_uri") != callback {
			d.Errorf("without a login it leads to %s with %v", to, v)
		}
		d.browser().see("/passkeys/add", "client_id", d.client, "redirect_uri", callback+"/").shows(400, "not registered for it")
		b := d.signedIn()
		_, err = d.root.IDP.UpdateUserPool(d.Context(), &idp.UpdateUserPoolInput{UserPoolId: &d.pool})
		d.ok(err)
		b.see("/passkeys/add", q...).shows(403, "This is not possible at the moment.")
		d.firstFactors("PASSWORD", "WEB_AUTHN")
		p := b.see("/passkeys/add", q...).shows(200, "Add a passkey")
		p.submit("credential", "").shows(200, "The passkey was not used.")
		p.submit("credential", "{").shows(200, "The passkey was not used.")
		p.submit("credential", `{"id":"x"}`).shows(200, "The passkey was not used.")
		p.submit("credential", "{}", "_csrf", "x").shows(403, "out of date")
	})
}
