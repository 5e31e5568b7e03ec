package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// TestCode: the authorization code grant, with and without PKCE, and what its
// tokens say.
func TestCode(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.signedIn()
		verifier, challenge := pkce()
		to, v := b.goesTo(b.authorize("code_challenge", challenge, "code_challenge_method", "S256", "nonce", "n-1", "scope", "openid email aws.cognito.signin.user.admin"))
		if to != callback || v.Get("state") != "s-1" || len(v) != 2 {
			d.Fatalf("answered at %s with %v", to, v)
		}
		a := d.form("/oauth2/token", "grant_type", "authorization_code", "code", v.Get("code"), "redirect_uri", callback, "code_verifier", verifier)
		g := d.read(a)
		if a.status != 200 || g.Type != "Bearer" || g.ExpiresIn != 3600 || g.Refresh == "" || a.header.Get("Cache-Control") != "no-cache, no-store, max-age=0, must-revalidate" ||
			a.header.Get("Content-Type") != "application/json;charset=UTF-8" || a.header.Get("Access-Control-Allow-Origin") != "*" {
			d.Fatalf("%d %+v %v", a.status, g, a.header)
		}
		id, access := d.claims(&g.ID), d.claims(&g.Access)
		sum := sha256.Sum256([]byte(g.Access))
		if id["nonce"] != "n-1" || id["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) || id["sub"] != d.sub || id["email"] != "ann@example.com" ||
			id["email_verified"] != true || id["name"] != nil || id["phone_number"] != nil || id["origin_jti"] != access["origin_jti"] || id["event_id"] != access["event_id"] {
			d.Errorf("ID token %v", id)
		}
		want := []string{"auth_time", "client_id", "event_id", "exp", "iat", "iss", "jti", "origin_jti", "scope", "sub", "token_use", "username", "version"}
		if got := slices.Sorted(maps.Keys(access)); !slices.Equal(got, want) || access["version"] != 2.0 || access["scope"] != "openid email aws.cognito.signin.user.admin" {
			d.Errorf("access token %v", access)
		}
		_, err := d.getUser(g.Access)
		d.ok(err)
		// The refresh keeps scope and session, and has no nonce.
		again := d.trade("grant_type", "refresh_token", "refresh_token", g.Refresh)
		id, fresh := d.claims(&again.ID), d.claims(&again.Access)
		if again.Refresh != "" || fresh["scope"] != access["scope"] || fresh["origin_jti"] != access["origin_jti"] || fresh["version"] != 2.0 || id["nonce"] != nil || id["at_hash"] == nil {
			d.Errorf("refreshed: %v %v", id, fresh)
		}
		// Without openid there is no ID token, at the API neither.
		g = d.redeem(b.newCode("scope", "aws.cognito.signin.user.admin"))
		if g.ID != "" || d.read(d.form("/oauth2/token", "grant_type", "refresh_token", "refresh_token", g.Refresh)).ID != "" {
			d.Errorf("an ID token without openid: %+v", g)
		}
		r, err := d.renew(g.Refresh)
		d.ok(err)
		if r.IdToken != nil {
			d.Error("an ID token without openid, at the API")
		}
	})
}

// TestCode_refusals: what a code is bound to.
func TestCode_refusals(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.signedIn()
		verifier, challenge := pkce()
		pk := []string{"code_challenge", challenge, "code_challenge_method", "S256"}
		redeem := func(d *openedDomain, code string, q ...string) *answer {
			return d.form("/oauth2/token", append([]string{"grant_type", "authorization_code", "code", code}, q...)...)
		}
		other := d.of(d.newClient(oauthClient))
		code := b.newCode(pk...)
		for _, q := range [][]string{
			{"redirect_uri", callback},
			{"redirect_uri", callback, "code_verifier", flip(verifier)},
			{"redirect_uri", callback, "code_verifier", challenge},
			{"redirect_uri", callback + "/", "code_verifier", verifier},
			{"redirect_uri", callback + "?kept=1", "code_verifier", verifier},
		} {
			d.faulty(redeem(d, code, q...), 400, "invalid_grant")
		}
		d.faulty(redeem(other, code, "redirect_uri", callback, "code_verifier", verifier), 400, "invalid_grant")
		d.faulty(redeem(d, code, "code_verifier", verifier), 400, "invalid_request")
		d.faulty(redeem(d, "", "redirect_uri", callback), 400, "invalid_request")
		d.faulty(redeem(d, "00000000-0000-4000-8000-000000000000", "redirect_uri", callback), 400, "invalid_grant")
		d.faulty(redeem(d, strings.Repeat("x", 2000), "redirect_uri", callback), 400, "invalid_grant")
		// A verifier where none was asked for: the request was changed on its way.
		d.faulty(redeem(d, b.newCode(), "redirect_uri", callback, "code_verifier", verifier), 400, "invalid_grant")
		// None of that has used the code up.
		first := d.trade("grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)

		// A second use ends the session, for who has all that belongs to it.
		d.faulty(redeem(other, code, "redirect_uri", callback, "code_verifier", verifier), 400, "invalid_grant")
		d.faulty(redeem(d, code, "redirect_uri", callback), 400, "invalid_grant")
		if a := d.userInfo(first.Access); a.status != 200 {
			d.Errorf("a stranger ended the session: %d %s", a.status, a.body)
		}
		d.server.Advance(20 * time.Minute)
		d.faulty(redeem(d, code, "redirect_uri", callback, "code_verifier", verifier), 400, "invalid_grant")
		if a := d.userInfo(first.Access); a.status != 401 {
			d.Errorf("after a replay: %d %s", a.status, a.body)
		}
		d.faulty(d.form("/oauth2/token", "grant_type", "refresh_token", "refresh_token", first.Refresh), 400, "invalid_grant")

		late := b.newCode()
		d.server.Advance(5*time.Minute + time.Second)
		d.faulty(redeem(d, late, "redirect_uri", callback), 400, "invalid_grant")

		// What is withdrawn from the user is withdrawn from codes.
		held := b.newCode()
		_, err := d.root.IDP.AdminDisableUser(d.Context(), &idp.AdminDisableUserInput{UserPoolId: &d.pool, Username: aws.String("ann")})
		d.ok(err)
		d.faulty(redeem(d, held, "redirect_uri", callback), 400, "invalid_grant")
		_, err = d.root.IDP.AdminEnableUser(d.Context(), &idp.AdminEnableUserInput{UserPoolId: &d.pool, Username: aws.String("ann")})
		d.ok(err)
	})
}

// TestToken_requests: how clients prove themselves, and requests that are none.
func TestToken_requests(t *testing.T) {
	each(t, func(e *env) {
		public := e.openDomain(nil)
		d := public.of(public.newClient(confidential))
		code := func() url.Values {
			return url.Values{"grant_type": {"authorization_code"}, "code": {d.signedIn().newCode()}, "redirect_uri": {callback}}
		}
		with := func(v url.Values, q ...string) url.Values {
			for name, all := range pairs(q) {
				v[name] = all
			}
			return v
		}
		second, err := e.root.IDP.AddUserPoolClientSecret(e.Context(), &idp.AddUserPoolClientSecretInput{UserPoolId: &d.pool, ClientId: &d.client})
		e.ok(err)
		for _, secret := range []string{d.secret, *second.ClientSecretDescriptor.ClientSecretValue} {
			for name, a := range map[string]*answer{
				"basic": d.send("/oauth2/token", code(), basic(d.client, secret)),
				"both":  d.send("/oauth2/token", with(code(), "client_id", d.client), basic(d.client, secret)),
				"post":  d.send("/oauth2/token", with(code(), "client_id", d.client, "client_secret", secret), ""),
			} {
				if a.status != 200 {
					d.Errorf("%s: %d %s", name, a.status, a.body)
				}
			}
		}
		g := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {callback}}
		for _, c := range []struct {
			name  string
			v     url.Values
			basic string
			want  string
		}{
			{"no client", g, "", "invalid_request"},
			{"unknown client", with(maps.Clone(g), "client_id", "nobody"), "", "invalid_client"},
			{"client id that cannot be", with(maps.Clone(g), "client_id", "a b"), "", "invalid_client"},
			{"no secret", with(maps.Clone(g), "client_id", d.client), "", "invalid_client"},
			{"wrong secret", with(maps.Clone(g), "client_id", d.client, "client_secret", flip(d.secret)), "", "invalid_client"},
			{"wrong secret, basic", g, basic(d.client, flip(d.secret)), "invalid_client"},
			{"empty secret, basic", g, basic(d.client, ""), "invalid_client"},
			{"two ways", with(maps.Clone(g), "client_secret", d.secret), basic(d.client, d.secret), "invalid_request"},
			{"two clients", with(maps.Clone(g), "client_id", public.client), basic(d.client, d.secret), "invalid_request"},
			{"not base64", g, "Basic ?", "invalid_client"},
			{"bearer", g, "Bearer x", "invalid_client"},
			{"public with basic", g, basic(public.client, ""), "invalid_client"},
			{"public with a secret", with(maps.Clone(g), "client_id", public.client, "client_secret", "x"), "", "invalid_client"},
			{"client id twice", with(maps.Clone(g), "client_id", d.client, "client_id", d.client), "", "invalid_request"},
			{"code twice", with(maps.Clone(g), "code", "a", "code", "b"), basic(d.client, d.secret), "invalid_request"},
			{"grant twice", with(maps.Clone(g), "grant_type", "a", "grant_type", "b"), basic(d.client, d.secret), "invalid_request"},
			{"no grant", url.Values{}, basic(d.client, d.secret), "invalid_request"},
			{"another grant", url.Values{"grant_type": {"password"}}, basic(d.client, d.secret), "unsupported_grant_type"},
			{"NUL", with(maps.Clone(g), "code", "\x00"), basic(d.client, d.secret), "invalid_request"},
			{"not UTF-8", with(maps.Clone(g), "code", "\xff"), basic(d.client, d.secret), "invalid_request"},
			{"flow that is not enabled", url.Values{"grant_type": {"client_credentials"}}, basic(d.client, d.secret), "unauthorized_client"},
		} {
			d.faulty(d.send("/oauth2/token", c.v, c.basic), 400, c.want)
			if e.Failed() {
				e.Fatal(c.name)
			}
		}
		e.ok(err)
		off, _ := d.newClient(nil)
		d.faulty(d.of(off, "").form("/oauth2/token", "grant_type", "refresh_token", "refresh_token", "x"), 400, "unauthorized_client")

		r, err := http.NewRequestWithContext(e.Context(), http.MethodPost, d.base+"/oauth2/token", strings.NewReader(`{}`))
		e.ok(err)
		r.Header.Set("Content-Type", "application/json")
		d.faulty(e.do(r), 400, "invalid_request")
		d.faulty(e.request(http.MethodGet, d.base+"/oauth2/token"), 405, "invalid_request")
		r, err = http.NewRequestWithContext(e.Context(), http.MethodPost, d.base+"/oauth2/token", strings.NewReader("code="+strings.Repeat("x", 200<<10)))
		e.ok(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		d.faulty(e.do(r), 413, "invalid_request")

		// A page may call it.
		a := e.request(http.MethodOptions, d.base+"/oauth2/token", "Origin", "http://localhost:8000", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
		if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
			a.header.Get("Access-Control-Allow-Headers") != "content-type" {
			e.Errorf("preflight: %d %v", a.status, a.header)
		}
	})
}

// TestImplicit: tokens in the fragment, and no refresh token.
func TestImplicit(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.signedIn()
		a := b.authorize("response_type", "token", "nonce", "n", "state", "a b&c=d#é")
		if query, _, ok := strings.Cut(a.header.Get("Location"), "#"); !ok || query != callback {
			d.Errorf("not in the fragment: %s", a.header.Get("Location"))
		}
		_, v := b.goesTo(a)
		if got := slices.Sorted(maps.Keys(v)); !slices.Equal(got, []string{"access_token", "expires_in", "id_token", "state", "token_type"}) ||
			v.Get("token_type") != "Bearer" || v.Get("expires_in") != "3600" || v.Get("state") != "a b&c=d#é" {
			d.Errorf("implicit: %v", v)
		}
		id := v.Get("id_token")
		if c := d.claims(&id); c["nonce"] != "n" || c["at_hash"] == nil || c["name"] != "Ann" {
			d.Errorf("ID token %v", c)
		}
		if a := d.userInfo(v.Get("access_token")); a.status != 200 {
			d.Errorf("userInfo: %d %s", a.status, a.body)
		}
		_, v = b.goesTo(b.authorize("response_type", "token", "scope", "aws.cognito.signin.user.admin"))
		if v.Has("id_token") {
			d.Error("an ID token without openid")
		}
		a = b.authorize("response_type", "token", "scope", "unknown")
		if _, f, _ := strings.Cut(a.header.Get("Location"), "#"); !strings.Contains(f, "error=invalid_scope") {
			d.Errorf("the error is not in the fragment: %s", a.header.Get("Location"))
		}
	})
}

// TestAuthorize_state: texts come back as they were sent, and addresses with a
// query, without a path or with a scheme of their own are answered.
func TestAuthorize_state(t *testing.T) {
	each(t, func(e *env) {
		b := e.openDomain(nil).signedIn()
		for _, state := range []string{"a b", "a+b", "%20", `{"x":"<script>"}`, "é😀", "&code=forged", "#", "'\"", strings.Repeat("s", 2048)} {
			if _, v := b.goesTo(b.authorize("state", state)); v.Get("state") != state || len(v["code"]) != 1 {
				e.Errorf("state %q came back as %v", state, v)
			}
		}
		for redirect, want := range map[string]string{callback + "?kept=1": callback + "?kept=1&code=", "http://localhost:8000": "http://localhost:8000/?code=", "myapp://": "myapp://?code="} {
			if got := b.authorize("redirect_uri", redirect).header.Get("Location"); !strings.HasPrefix(got, want) {
				e.Errorf("answered at %s, want %s", got, want)
			}
		}
		a := b.authorize("response_mode", "form_post", "state", `"><script>`)
		if a.status != 200 || !strings.Contains(string(a.body), `action="`+callback+`"`) || !strings.Contains(string(a.body), `name="code"`) || strings.Contains(string(a.body), `"><script>`) {
			e.Errorf("form_post: %d %s", a.status, a.body)
		}
	})
}

// TestAuthorize_notTrusted: where client and address do not belong together,
// nobody is sent there.
func TestAuthorize_notTrusted(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.signedIn()
		off, _ := d.newClient(nil)
		none, _ := d.newClient(func(in *idp.CreateUserPoolClientInput) { oauthClient(in); in.SupportedIdentityProviders = nil })
		foreign := d.tenant.env.tenant(nil, oauthClient)
		for _, c := range []struct {
			q    []string
			code string
		}{
			{[]string{"client_id", "-"}, "Required parameters missing"},
			{[]string{"client_id", "nobody"}, "Client does not exist."},
			{[]string{"client_id", "<script>alert(1)</script>"}, "Client does not exist."},
			{[]string{"client_id", foreign.client}, "Client does not exist."},
			{[]string{"client_id", off}, "unauthorized_client"},
			{[]string{"client_id", none}, "Login pages unavailable"},
			{[]string{"redirect_uri", "-"}, "Required parameters missing"},
			{[]string{"redirect_uri", callback + "/"}, "redirect_mismatch"},
			{[]string{"redirect_uri", strings.ToUpper(callback)}, "redirect_mismatch"},
			{[]string{"redirect_uri", "http://localhost:8000/"}, "redirect_mismatch"},
			{[]string{"redirect_uri", "https://evil.example/"}, "redirect_mismatch"},
			{[]string{"redirect_uri", "//evil.example/"}, "redirect_mismatch"},
			{[]string{"redirect_uri", "javascript:alert(1)"}, "redirect_mismatch"},
			{[]string{"redirect_uri", callback + "\x00"}, "invalid_request"},
			{[]string{"redirect_uri", callback + "\r\nSet-Cookie: a=b"}, "invalid_request"},
		} {
			to, v := b.goesTo(b.authorize(c.q...))
			if base, _ := url.Parse(d.base); to != base.Path+"/error" || v.Get("error") != c.code {
				d.Errorf("%q: to %s with %v", c.q, to, v)
			}
		}
		for _, q := range [][]string{{"redirect_uri", callback, "redirect_uri", callback}, {"client_id", d.client, "client_id", d.client}} {
			q = append(q, "response_type", "code", "client_id", d.client)
			if q[0] == "client_id" {
				q = append(q, "redirect_uri", callback)
			}
			if to, v := b.goesTo(b.open("/oauth2/authorize", q...)); strings.HasPrefix(to, "https:") || v.Get("error") != "invalid_request" {
				d.Errorf("doubled: to %s with %v", to, v)
			}
		}
		a := b.open("/error", "error", "<script>alert(1)</script>", "client_id", "<script>")
		if a.status != 400 || !strings.Contains(string(a.body), "An error was encountered with the requested page.") || strings.Contains(string(a.body), "<script>alert") {
			d.Errorf("error page: %d %s", a.status, a.body)
		}
		a = b.open("/oauth2/authorize", "x", strings.Repeat("x", 17<<10))
		if to, v := b.goesTo(a); strings.HasPrefix(to, "https:") || v.Get("error") != "invalid_request" {
			d.Errorf("too long: %s %v", to, v)
		}
	})
}

// TestAuthorize_login: one login serves all clients of the pool for an hour,
// and no other pool.
func TestAuthorize_login(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.browser()
		a := b.authorize("login_hint", "<ann>", "unknown", "x")
		base, _ := url.Parse(d.base)
		if to, v := b.goesTo(a); to != base.Path+"/login" || v.Get("client_id") != d.client || v.Get("login_hint") != "<ann>" || v.Get("redirect_uri") != callback || v.Get("unknown") != "x" {
			d.Errorf("without a login: to %s with %v", to, v)
		}
		if to, v := b.goesTo(b.authorize("prompt", "none")); to != callback || v.Get("error") != "login_required" || v.Get("state") != "s-1" {
			d.Errorf("prompt=none: to %s with %v", to, v)
		}
		b = d.signedIn()
		b.newCode("prompt", "none")
		second := &browser{d.of(d.newClient(oauthClient)), b.http}
		d.of(second.client, second.secret).redeem(second.newCode())
		if to, _ := b.goesTo(b.authorize("prompt", "login")); to != base.Path+"/login" {
			d.Errorf("prompt=login: to %s", to)
		}
		if to, _ := b.goesTo(b.open("/authorize", "response_type", "code", "client_id", d.client, "redirect_uri", callback)); to != callback {
			d.Errorf("/authorize: to %s", to)
		}
		d.server.Advance(10 * time.Second)
		b.newCode("max_age", "100")
		if to, _ := b.goesTo(b.authorize("max_age", "5")); to != base.Path+"/login" {
			d.Errorf("max_age: to %s", to)
		}

		// The cookie is useless at another pool.
		other := d.tenant.env.tenant(nil, oauthClient)
		_, err := d.root.IDP.CreateUserPoolDomain(d.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &other.pool, Domain: aws.String("other-" + strings.ToLower(other.client))})
		d.ok(err)
		for _, foreign := range []string{d.server.URL + "/" + other.pool, d.server.Host("other-" + strings.ToLower(other.client) + ".auth")} {
			o := (&openedDomain{other, foreign, d.sub}).browser()
			u, err := url.Parse(foreign + "/")
			d.ok(err)
			o.http.Jar.SetCookies(u, []*http.Cookie{{Name: "cognito", Value: d.server.SignedIn(d.pool, d.sub), Path: u.Path}})
			if to, _ := o.goesTo(o.authorize()); to != u.Path+"login" {
				d.Errorf("a login of another pool: to %s", to)
			}
		}

		d.server.Advance(time.Hour)
		if to, _ := b.goesTo(b.authorize()); to != base.Path+"/login" {
			d.Errorf("after an hour: to %s", to)
		}
	})
}

// TestLogout: out, and to nowhere that is not registered.
func TestLogout(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		base, _ := url.Parse(d.base)
		b := d.signedIn()
		for _, q := range [][]string{
			{"client_id", d.client}, {"logout_uri", "https://app.example.com/bye"}, {"client_id", "nobody", "logout_uri", "https://app.example.com/bye"},
			{"client_id", d.client, "logout_uri", "https://evil.example"}, {"client_id", d.client, "logout_uri", "https://app.example.com/bye/"},
			{"client_id", d.client, "logout_uri", "//evil.example"}, {"client_id", d.client, "redirect_uri", "https://evil.example"},
			{"client_id", d.client, "post_logout_redirect_uri", "https://evil.example"}, {"client_id", d.client, "redirect_uri", "https://app.example.com/bye"},
			{"client_id", d.client, "logout_uri", "https://app.example.com/bye", "logout_uri", "https://app.example.com/bye"},
			{"client_id", d.client, "logout_uri", "https://app.example.com/bye\r\nX: y"}, {"id_token_hint", "x.y.z", "logout_uri", "https://app.example.com/bye"},
		} {
			if to, v := b.goesTo(b.open("/logout", q...)); to != base.Path+"/error" || v.Get("error") == "" {
				d.Errorf("%q: to %s with %v", q, to, v)
			}
		}
		tokens := d.redeem(b.newCode()) // still signed in
		a := b.open("/logout", "client_id", d.client, "logout_uri", "https://app.example.com/bye", "redirect_uri", callback, "response_type", "code")
		if to, v := b.goesTo(a); to != "https://app.example.com/bye" || len(v) != 0 || !strings.Contains(a.header.Get("Set-Cookie"), "cognito=;") {
			d.Errorf("signed out: to %s with %v, %v", to, v, a.header)
		}
		if to, _ := b.goesTo(b.authorize()); to != base.Path+"/login" {
			d.Errorf("signed out, and authorized: to %s", to)
		}
		if a := d.userInfo(tokens.Access); a.status != 200 {
			d.Errorf("the sign-out took tokens back: %d", a.status)
		}
		if to, v := b.goesTo(b.open("/logout", "client_id", d.client, "redirect_uri", callback, "response_type", "code", "state", "x y", "identity_provider", "Google")); to != base.Path+"/login" ||
			v.Get("redirect_uri") != callback || v.Get("state") != "x y" || v.Has("identity_provider") {
			d.Errorf("to %s with %v", to, v)
		}
		if to, v := b.goesTo(b.open("/logout", "id_token_hint", tokens.ID, "post_logout_redirect_uri", "https://app.example.com/bye", "state", "s")); to != "https://app.example.com/bye" || v.Get("state") != "s" {
			d.Errorf("RP-initiated: to %s with %v", to, v)
		}
	})
}

// TestRevoke: a refresh token takes its session with it.
func TestRevoke(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.signedIn()
		g := d.redeem(b.newCode())
		c := d.of(d.newClient(confidential))
		d.faulty(d.form("/oauth2/revoke"), 400, "invalid_request")
		d.faulty(d.form("/oauth2/revoke", "token", g.Access), 400, "unsupported_token_type")
		d.faulty(d.form("/oauth2/revoke", "token", g.Refresh, "client_id", "nobody"), 401, "invalid_client")
		d.faulty(d.form("/oauth2/revoke", "token", g.Refresh, "client_id", c.client), 401, "invalid_client")
		if a := c.form("/oauth2/revoke", "token", g.Refresh); a.status != 200 { // unknown to that client
			d.Errorf("another client's: %d %s", a.status, a.body)
		}
		if a := d.userInfo(g.Access); a.status != 200 {
			d.Fatalf("another client revoked: %d", a.status)
		}
		for range 2 {
			if a := d.form("/oauth2/revoke", "token", g.Refresh); a.status != 200 || len(a.body) != 0 {
				d.Errorf("revoke: %d %s", a.status, a.body)
			}
		}
		a := d.userInfo(g.Access)
		d.faulty(a, 401, "invalid_token")
		if !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			d.Errorf("%v", a.header)
		}
		d.faulty(d.form("/oauth2/token", "grant_type", "refresh_token", "refresh_token", g.Refresh), 400, "invalid_grant")
	})
}

// TestUserInfo: what a token shows.
func TestUserInfo(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		b := d.signedIn()
		for scope, want := range map[string][]string{
			"openid":         {"email", "email_verified", "name", "phone_number", "sub", "username"},
			"openid email":   {"email", "email_verified", "sub", "username"},
			"openid phone":   {"phone_number", "sub", "username"},
			"openid profile": {"email", "email_verified", "name", "phone_number", "sub", "username"},
		} {
			a := d.userInfo(d.redeem(b.newCode("scope", scope)).Access)
			var m map[string]any
			d.ok(json.Unmarshal(a.body, &m))
			if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, want) {
				d.Errorf("%s shows %v", scope, m)
			}
			if v, ok := m["email_verified"]; ok && v != "true" {
				d.Errorf("email_verified is %v", v)
			}
		}
		good := d.redeem(b.newCode())
		if a := d.send("/oauth2/userInfo", url.Values{"access_token": {good.Access}}, ""); a.status != 200 {
			d.Errorf("in a form: %d %s", a.status, a.body)
		}
		if a := d.send("/oauth2/userInfo", url.Values{}, "Bearer "+good.Access); a.status != 200 {
			d.Errorf("POST: %d %s", a.status, a.body)
		}
		d.faulty(d.get(d.base+"/oauth2/userInfo"), 400, "invalid_request")
		d.faulty(d.get(d.base+"/oauth2/userInfo", "Authorization", basic("a", "b")), 400, "invalid_request")
		d.faulty(d.send("/oauth2/userInfo", url.Values{"access_token": {good.Access}}, "Bearer "+good.Access), 400, "invalid_request")
		for _, bad := range []string{"x", good.ID, good.Refresh, flip(good.Access), d.redeem(b.newCode("scope", "aws.cognito.signin.user.admin")).Access, *d.tokens("ann").AccessToken} {
			d.faulty(d.userInfo(bad), 401, "invalid_token")
		}
		d.server.Advance(time.Hour)
		d.faulty(d.userInfo(good.Access), 401, "invalid_token")
	})
}

// TestOAuthRotation: the token endpoint rotates refresh tokens, and notices one
// that comes back.
func TestOAuthRotation(t *testing.T) {
	eachDomain(t, func(in *idp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH"}
		in.RefreshTokenRotation = &types.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: aws.Int32(0)}
	}, func(d *openedDomain) {
		first := d.redeem(d.signedIn().newCode("scope", "openid email"))
		second := d.trade("grant_type", "refresh_token", "refresh_token", first.Refresh)
		if second.Refresh == "" || second.Refresh == first.Refresh {
			d.Fatalf("not rotated: %+v", second)
		}
		third := d.trade("grant_type", "refresh_token", "refresh_token", second.Refresh)
		if c := d.claims(&third.Access); c["scope"] != "openid email" || c["version"] != 2.0 {
			d.Errorf("%v", c)
		}
		d.faulty(d.form("/oauth2/token", "grant_type", "refresh_token", "refresh_token", second.Refresh), 400, "invalid_grant")
		d.faulty(d.form("/oauth2/token", "grant_type", "refresh_token", "refresh_token", third.Refresh), 400, "invalid_grant")
		d.faulty(d.userInfo(third.Access), 401, "invalid_token")
		// A refresh token of the API is renewed as what it is.
		api := d.tokens("ann")
		g := d.trade("grant_type", "refresh_token", "refresh_token", *api.RefreshToken)
		if c := d.claims(&g.Access); g.ID == "" || c["scope"] != "aws.cognito.signin.user.admin" || c["version"] != nil {
			d.Errorf("of the API: %+v", c)
		}
	})
}

// TestClientCredentials: a client for itself, by scopes of resource servers.
func TestClientCredentials(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		_, err := e.root.IDP.CreateResourceServer(e.Context(), &idp.CreateResourceServerInput{UserPoolId: &d.pool, Identifier: aws.String("https://api.example.com"), Name: aws.String("api"),
			Scopes: []types.ResourceServerScopeType{{ScopeName: aws.String("read"), ScopeDescription: aws.String("r")}, {ScopeName: aws.String("write"), ScopeDescription: aws.String("w")},
				{ScopeName: aws.String("gone"), ScopeDescription: aws.String("g")}}})
		e.ok(err)
		const read, write, gone = "https://api.example.com/read", "https://api.example.com/write", "https://api.example.com/gone"
		d = d.of(d.newClient(func(in *idp.CreateUserPoolClientInput) {
			in.AllowedOAuthFlowsUserPoolClient, in.AllowedOAuthFlows = true, []types.OAuthFlowType{"client_credentials"}
			in.AllowedOAuthScopes, in.GenerateSecret = []string{read, gone}, true
		}))
		_, err = e.root.IDP.UpdateResourceServer(e.Context(), &idp.UpdateResourceServerInput{UserPoolId: &d.pool, Identifier: aws.String("https://api.example.com"), Name: aws.String("api"),
			Scopes: []types.ResourceServerScopeType{{ScopeName: aws.String("read"), ScopeDescription: aws.String("r")}, {ScopeName: aws.String("write"), ScopeDescription: aws.String("w")}}})
		e.ok(err)
		for _, scope := range []string{"", read, read + " " + gone, read + " " + read} {
			g := d.trade("grant_type", "client_credentials", "scope", scope)
			c := d.claims(&g.Access)
			if g.ID != "" || g.Refresh != "" || c["sub"] != d.client || c["scope"] != read || c["version"] != 2.0 || c["username"] != nil || c["event_id"] != nil || c["origin_jti"] != nil {
				e.Errorf("%q gives %+v, %v", scope, g, c)
			}
			_, err := d.getUser(g.Access)
			if err == nil {
				e.Error("a client is a user")
			}
			d.faulty(d.userInfo(g.Access), 401, "invalid_token")
		}
		for _, scope := range []string{write, "openid", "aws.cognito.signin.user.admin", read + " " + write, gone, "*"} {
			d.faulty(d.form("/oauth2/token", "grant_type", "client_credentials", "scope", scope), 400, "invalid_scope")
		}
		d.faulty(d.form("/oauth2/token", "grant_type", "client_credentials", "aws_client_metadata", "[1]"), 400, "invalid_request")
		d.faulty(d.form("/oauth2/token", "grant_type", "authorization_code", "code", "x", "redirect_uri", callback), 400, "unauthorized_client")
		d.faulty(d.send("/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {d.client}}, ""), 400, "invalid_client")
	})
}

// TestPreToken_hosted: the pool's function changes the tokens of a code, and one
// that fails leaves the code as it is. A client that acts for itself is shown to
// functions of version 3.
func TestPreToken_hosted(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		fails := true
		n, _, sub := e.preTokened(&s, "V3_0", oauthClient, func(event map[string]any) (any, error) {
			if fails {
				return nil, errors.New("not now")
			}
			return respond(event, map[string]any{"claimsAndScopeOverrideDetails": map[string]any{"accessTokenGeneration": map[string]any{
				"claimsToAddOrOverride": map[string]any{"plan": "gold"}, "scopesToAdd": []string{"extra"}}}})
		})
		_, err := e.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("functions")})
		e.ok(err)
		d := &openedDomain{n, e.server.Host("functions.auth.us-east-1"), sub}
		b := d.signedIn()
		code := b.newCode()
		a := d.form("/oauth2/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback)
		d.faulty(a, 400, "invalid_request")
		if g := d.read(a); g.Text != "PreTokenGeneration failed with error not now." {
			e.Errorf("said %q", g.Text)
		}
		if to, v := b.goesTo(b.authorize("response_type", "token")); to != callback || v.Get("error") != "invalid_request" {
			e.Errorf("implicit: to %s with %v", to, v)
		}
		fails = false
		g := d.redeem(code)
		if c := d.claims(&g.Access); c["plan"] != "gold" || c["scope"] != "openid extra" {
			e.Errorf("%v", c)
		}
		if list := s.take(); list[len(list)-1]["triggerSource"] != "TokenGeneration_HostedAuth" {
			e.Errorf("the function saw %v", list)
		}
		_, err = e.root.IDP.CreateResourceServer(e.Context(), &idp.CreateResourceServerInput{UserPoolId: &n.pool, Identifier: aws.String("api"), Name: aws.String("api"),
			Scopes: []types.ResourceServerScopeType{{ScopeName: aws.String("read"), ScopeDescription: aws.String("r")}}})
		e.ok(err)
		m := d.of(n.newClient(func(in *idp.CreateUserPoolClientInput) {
			in.AllowedOAuthFlowsUserPoolClient, in.AllowedOAuthFlows = true, []types.OAuthFlowType{"client_credentials"}
			in.AllowedOAuthScopes, in.GenerateSecret = []string{"api/read"}, true
		}))
		g = m.trade("grant_type", "client_credentials", "aws_client_metadata", `{"from":"test"}`)
		if c := d.claims(&g.Access); c["plan"] != "gold" || c["scope"] != "api/read extra" {
			e.Errorf("%v", c)
		}
		last := s.take()[0]
		if r, _ := last["request"].(map[string]any); last["triggerSource"] != "TokenGeneration_ClientCredentials" || r["clientMetadata"].(map[string]any)["from"] != "test" {
			e.Errorf("the function saw %v", last)
		}
	})
}

// TestDomains_routing: where a domain is, and where it is not.
func TestDomains_routing(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		_, err := e.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &d.pool, Domain: aws.String("auth.example.com"),
			CustomDomainConfig: &types.CustomDomainConfigType{CertificateArn: aws.String("arn:aws:acm:us-east-1:000000000000:certificate/12345678-1234-1234-1234-123456789012")}})
		e.ok(err)
		at := func(host, path string) *answer {
			r, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.server.URL+path, nil)
			e.ok(err)
			r.Host = host
			return e.do(r)
		}
		for _, host := range []string{"team-a.auth.us-east-1.localhost", "TEAM-A.auth.localhost:4566", "team-a.auth.eu-west-1.amazoncognito.com", "auth.example.com", "Auth.Example.com."} {
			if a := at(host, "/oauth2/userInfo"); a.status != 400 || a.header.Get("WWW-Authenticate") == "" || a.header.Get("x-amz-cognito-request-id") == "" {
				e.Errorf("%s: %d %s", host, a.status, a.body)
			}
		}
		for _, host := range []string{"nobody.auth.us-east-1.localhost", "auth.example.com.auth.localhost", "team-a.auth.amazoncognito.com", "other.example.com", "127.0.0.1"} {
			if a := at(host, "/oauth2/userInfo"); a.header.Get("WWW-Authenticate") != "" {
				e.Errorf("%s: %d %s", host, a.status, a.body)
			}
		}
		bare := e.tenant(nil, oauthClient)
		for _, path := range []string{"/oauth2/token", "/login", "/logout"} {
			if a := at("localhost", "/"+bare.pool+path); a.status != 404 || !strings.Contains(string(a.body), "has no domain") {
				e.Errorf("without a domain: %d %s", a.status, a.body)
			}
		}
		var doc map[string]any
		e.ok(json.Unmarshal(e.get(e.server.URL+"/"+bare.pool+"/.well-known/openid-configuration").body, &doc))
		if doc["token_endpoint"] != nil || doc["authorization_endpoint"] != doc["issuer"] {
			e.Errorf("discovery without a domain: %v", doc)
		}
		e.ok(json.Unmarshal(e.get(e.server.URL+"/"+d.pool+"/.well-known/openid-configuration").body, &doc))
		home := e.server.URL + "/" + d.pool
		for name, path := range map[string]string{"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token", "userinfo_endpoint": "/oauth2/userInfo",
			"revocation_endpoint": "/oauth2/revoke", "end_session_endpoint": "/logout"} {
			if doc[name] != home+path {
				e.Errorf("%s is %v", name, doc[name])
			}
		}
		// Gone at once.
		_, err = e.root.IDP.DeleteUserPoolDomain(e.Context(), &idp.DeleteUserPoolDomainInput{UserPoolId: &d.pool, Domain: aws.String("team-a")})
		e.ok(err)
		if a := at("team-a.auth.us-east-1.localhost", "/oauth2/userInfo"); a.status != 404 {
			e.Errorf("a domain that is gone: %d", a.status)
		}
	})
}
