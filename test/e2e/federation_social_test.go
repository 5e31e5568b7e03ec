package e2e_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
)

// TestFederation_social: Facebook and Amazon speak OAuth alone; their profile says
// who it is.
func TestFederation_social(t *testing.T) {
	eachElsewhere(t, nil, nil, func(p *elsewhere) {
		for kind, subject := range map[string]string{"Facebook": "id", "LoginWithAmazon": "user_id"} {
			_, err := p.root.IDP.CreateIdentityProvider(p.Context(), &idp.CreateIdentityProviderInput{UserPoolId: &p.pool, ProviderName: &kind, ProviderType: types.IdentityProviderTypeType(kind),
				ProviderDetails: map[string]string{"client_id": "the-app", "client_secret": partySecret, "authorize_scopes": "public_profile, email", "authorize_url": p.url + "/dialog",
					"token_url": p.url + "/token", "attributes_url": p.url + "/userinfo?fields="},
				AttributeMapping: map[string]string{"username": subject, "email": "email", "name": "name"}})
			p.ok(err)
			d := p.of(p.newClient(func(in *idp.CreateUserPoolClientInput) {
				oauthClient(in)
				in.SupportedIdentityProviders = []string{"COGNITO", kind}
			}))
			come := func() (string, url.Values) {
				p.Helper()
				b := d.browser()
				b.see("/login", d.usual()...).shows(200, "Continue with "+strings.TrimPrefix(kind, "LoginWith"))
				to, q := b.goesTo(b.authorize("identity_provider", kind))
				if to != p.url+"/dialog" || q.Get("client_id") != "the-app" || q.Get("scope") != "public_profile, email" {
					p.Fatalf("sent to %s with %v", to, q)
				}
				return b.goesTo(b.open("/oauth2/idpresponse", "code", "x", "state", q.Get("state")))
			}
			p.info = map[string]any{subject: "77", "name": "Jane", "email": "jane@example.org", "email_verified": true}
			_, v := come()
			first := d.claims(&d.redeem(v.Get("code")).ID)
			i := first["identities"].([]any)[0].(map[string]any)
			if first["cognito:username"] != kind+"_77" || first["name"] != "Jane" || first["email_verified"] != false || i["providerType"] != kind || i["issuer"] != nil || i["userId"] != "77" {
				p.Errorf("%v", first)
			}
			if p.asked.Get("client_secret") != partySecret || p.asked.Get("code") != "x" {
				p.Errorf("the token was asked for with %v", p.asked)
			}
			_, v = come()
			if again := d.claims(&d.redeem(v.Get("code")).ID); again["sub"] != first["sub"] {
				p.Errorf("%v", again)
			}
			p.info = map[string]any{"sub": "jane-1", "name": "Jane"}
			if to, v := come(); to != callback || v.Get("error") != "server_error" || !strings.Contains(v.Get("error_description"), "username: The attribute is required") {
				p.Errorf("a profile of nobody: %s %v", to, v)
			}
			p.token = func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = w.Write([]byte(`{"access_token":"another"}`))
				return true
			}
			if _, v := come(); v.Get("error_description") != kind+" Error - 401 error getting user info" {
				p.Errorf("a token that opens nothing: %v", v)
			}
			p.token = nil
		}
	})
}

// TestFederation_apple: the secret is a text that the pool's key signs, the answer
// is a form of another site, and the name comes with it, once.
func TestFederation_apple(t *testing.T) {
	eachElsewhere(t, nil, nil, func(p *elsewhere) {
		key, err := x509.MarshalPKCS8PrivateKey(p.curve)
		p.ok(err)
		_, err = p.root.IDP.CreateIdentityProvider(p.Context(), &idp.CreateIdentityProviderInput{UserPoolId: &p.pool, ProviderName: aws.String("SignInWithApple"), ProviderType: "SignInWithApple",
			ProviderDetails: map[string]string{"client_id": partyID, "team_id": "TEAM", "key_id": "KEY", "private_key": base64.StdEncoding.EncodeToString(key), "authorize_scopes": "email name",
				"oidc_issuer": p.url, "authorize_url": p.url + "/authorize", "token_url": p.url + "/token"},
			AttributeMapping: map[string]string{"email": "email", "given_name": "firstName"}})
		p.ok(err)
		d := p.of(p.newClient(func(in *idp.CreateUserPoolClientInput) {
			oauthClient(in)
			in.SupportedIdentityProviders = []string{"SignInWithApple"}
		}))
		leave := func(b *browser) url.Values {
			p.Helper()
			to, q := b.goesTo(b.authorize())
			if to != p.url+"/authorize" || q.Get("response_mode") != "form_post" || q.Get("scope") != "email name" {
				p.Fatalf("sent to %s with %v", to, q)
			}
			p.mu.Lock()
			p.nonces["c-1"] = q.Get("nonce")
			p.mu.Unlock()
			return url.Values{"code": {"c-1"}, "state": {q.Get("state")}, "user": {`{"name":{"firstName":"Jane","lastName":"Doe"},"email":"other@example.org"}`}}
		}
		// post brings the form, which has no cookies, and follows to where they are.
		post := func(b *browser, form url.Values) *answer {
			p.Helper()
			resp, err := d.browser().http.PostForm(d.base+"/oauth2/idpresponse", form)
			p.ok(err)
			resp.Body.Close()
			to := resp.Header.Get("Location")
			if resp.StatusCode != 303 || strings.Contains(to, "c-1") || strings.Contains(to, "Jane") || len(resp.Cookies()) > 0 {
				p.Fatalf("the form is answered with %d %s", resp.StatusCode, to)
			}
			u, err := url.Parse(to)
			p.ok(err)
			return b.open("/oauth2/idpresponse", "returned", u.Query().Get("returned"))
		}
		b := d.browser()
		_, v := b.goesTo(post(b, leave(b)))
		id := d.claims(&d.redeem(v.Get("code")).ID)
		if id["cognito:username"] != "SignInWithApple_jane-1" || id["given_name"] != "Jane" || id["email"] != "jane@corp.example" {
			p.Errorf("%v", id)
		}
		secret, err := jose.ParseSignedCompact(p.asked.Get("client_secret"), []jose.SignatureAlgorithm{jose.ES256})
		p.ok(err)
		payload, err := secret.Verify(p.curve.Public())
		p.ok(err)
		var claims map[string]any
		p.ok(json.Unmarshal(payload, &claims))
		if claims["iss"] != "TEAM" || claims["sub"] != partyID || claims["aud"] != p.url || secret.Signatures[0].Header.KeyID != "KEY" || claims["exp"].(float64)-claims["iat"].(float64) > 600 {
			p.Errorf("the secret says %v", claims)
		}
		// Another browser, an altered form, and one that is no form.
		b, other := d.browser(), d.browser()
		form := leave(b)
		other.authorize()
		if a := post(other, form); a.status != 400 || other.cookie("cognito") != "" {
			p.Errorf("another browser: %d", a.status)
		}
		for _, returned := range []string{"x", ""} {
			if a := b.open("/oauth2/idpresponse", "returned", returned); a.status != 400 {
				p.Errorf("%q: %d", returned, a.status)
			}
		}
		if a := d.send("/oauth2/idpresponse", url.Values{"code": {strings.Repeat("x", 11<<10)}}, ""); a.status != 413 {
			p.Errorf("a large form: %d", a.status)
		}
		if _, v := b.goesTo(post(b, form)); v.Get("code") == "" {
			p.Errorf("the right browser: %v", v)
		}
		// A key that is none is told to the app, when it is needed.
		_, err = p.root.IDP.UpdateIdentityProvider(p.Context(), &idp.UpdateIdentityProviderInput{UserPoolId: &p.pool, ProviderName: aws.String("SignInWithApple"),
			ProviderDetails: map[string]string{"client_id": partyID, "team_id": "TEAM", "key_id": "KEY", "private_key": "no key", "authorize_scopes": "email name",
				"oidc_issuer": p.url, "authorize_url": p.url + "/authorize", "token_url": p.url + "/token"}})
		p.ok(err)
		b = d.browser()
		if _, v := b.goesTo(post(b, leave(b))); v.Get("error_description") != "The private key of SignInWithApple cannot be used." {
			p.Errorf("%v", v)
		}
	})
}
