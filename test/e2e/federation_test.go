package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
)

// TestFederation: somebody signs in elsewhere and becomes a user, once; later
// sign-ins bring the attributes up to date.
func TestFederation(t *testing.T) {
	eachElsewhere(t, nil, map[string]string{"email": "email", "name": "name", "email_verified": "email_verified", "custom:groups": "groups"}, func(p *elsewhere) {
		p.says["email_verified"], p.says["groups"] = true, []string{"a b", "c"}
		p.info = map[string]any{"name": "Jane Doe"}
		b := p.browser()
		g := p.signIn(b)
		if p.asked.Get("grant_type") != "authorization_code" || p.asked.Get("client_id") != partyID || p.asked.Get("client_secret") != partySecret ||
			p.asked.Get("redirect_uri") != p.base+"/oauth2/idpresponse" {
			p.Errorf("the provider was asked for tokens with %v", p.asked)
		}
		id, access := p.bothClaims(g)
		sub := id["sub"].(string)
		name := "Corp_jane-1"
		list, _ := id["identities"].([]any)
		if id["cognito:username"] != name || id["email"] != "jane@corp.example" || id["email_verified"] != true || id["name"] != "Jane Doe" || id["custom:groups"] != "[a+b,c]" ||
			sub == "jane-1" || access["username"] != name || len(list) != 1 {
			p.Fatalf("ID token %v", id)
		}
		i := list[0].(map[string]any)
		if i["userId"] != "jane-1" || i["providerName"] != "Corp" || i["providerType"] != "OIDC" || i["issuer"] != p.url || i["primary"] != "true" {
			p.Errorf("identities %v", i)
		}
		if groups, _ := id["cognito:groups"].([]any); len(groups) != 1 || groups[0] != p.pool+"_Corp" {
			p.Errorf("groups %v", id["cognito:groups"])
		}
		u, err := p.root.IDP.AdminGetUser(p.Context(), &idp.AdminGetUserInput{UserPoolId: &p.pool, Username: &name})
		p.ok(err)
		if u.UserStatus != "EXTERNAL_PROVIDER" || !u.Enabled {
			p.Errorf("%+v", u)
		}
		got, err := p.getUser(g.Access)
		p.ok(err)
		if *got.Username != name {
			p.Errorf("%+v", got)
		}
		if r := p.trade("grant_type", "refresh_token", "refresh_token", g.Refresh); p.claims(&r.ID)["sub"] != sub {
			p.Errorf("%+v", r)
		}
		// The browser is signed in, for all clients that take this provider.
		if to, v := b.goesTo(b.authorize()); to != callback || v.Get("code") == "" {
			p.Errorf("the second time: %s %v", to, v)
		}
		native := p.of(p.newClient(oauthClient))
		if to, v := (&browser{native, b.http}).goesTo((&browser{native, b.http}).authorize("prompt", "none")); v.Get("error") != "login_required" {
			p.Errorf("a client that takes nobody from there: %s %v", to, v)
		}
		// A year later: another name, no e-mail, the same user.
		p.server.Advance(2 * time.Hour)
		delete(p.says, "email")
		delete(p.says, "email_verified")
		p.info["name"] = "Jane Roe"
		id, _ = p.bothClaims(p.signIn(p.browser()))
		if id["sub"] != sub || id["name"] != "Jane Roe" || id["email"] != "jane@corp.example" || id["email_verified"] != true {
			p.Errorf("ID token %v", id)
		}
		// An address that the provider does not vouch for is not verified.
		p.says["email"] = "new@corp.example"
		if id, _ = p.bothClaims(p.signIn(p.browser())); id["email"] != "new@corp.example" || id["email_verified"] != false {
			p.Errorf("ID token %v", id)
		}
		// Who is deleted comes back as somebody else, who is disabled not at all.
		_, err = p.root.IDP.AdminDisableUser(p.Context(), &idp.AdminDisableUserInput{UserPoolId: &p.pool, Username: &name})
		p.ok(err)
		p.fails("disabled", "invalid_request", "User is not enabled")
		_, err = p.root.IDP.AdminDeleteUser(p.Context(), &idp.AdminDeleteUserInput{UserPoolId: &p.pool, Username: &name})
		p.ok(err)
		if id, _ = p.bothClaims(p.signIn(p.browser())); id["sub"] == sub {
			p.Error("a deleted user has come back")
		}
	})
}

func (p *elsewhere) bothClaims(g *given) (id, access map[string]any) {
	p.Helper()
	return p.claims(&g.ID), p.claims(&g.Access)
}

// TestFederation_refused: what the provider says must be right in every part.
// Nobody is made of what is not.
func TestFederation_refused(t *testing.T) {
	eachElsewhere(t, nil, nil, func(p *elsewhere) {
		const bad = "The ID token of Corp is not valid."
		right, signed := p.says, p.sign
		with := func(change ...any) map[string]any {
			c := map[string]any{"sub": "jane-1", "email": "jane@corp.example"}
			for i := 0; i < len(change); i += 2 {
				c[change[i].(string)] = change[i+1]
			}
			return c
		}
		for what, claims := range map[string]map[string]any{
			"another issuer":   with("iss", "https://evil.example"),
			"another audience": with("aud", "another-party"),
			"many audiences":   with("aud", []string{partyID, "another-party"}),
			"another party":    with("azp", "another-party"),
			"expired":          with("exp", p.server.Now().Add(-time.Hour).Unix()),
			"not yet":          with("nbf", p.server.Now().Add(time.Hour).Unix()),
			"another nonce":    with("nonce", "another"),
			"no nonce":         with("nonce", ""),
			"no subject":       with("sub", ""),
			"a long subject":   with("sub", strings.Repeat("s", 256)),
		} {
			p.says = claims
			p.fails(what, "server_error", bad)
		}
		p.says = right
		other, err := rsa.GenerateKey(rand.Reader, 2048)
		p.ok(err)
		for what, sign := range map[string]func(map[string]any) string{
			"another key":             func(c map[string]any) string { return p.by(jose.RS256, jose.JSONWebKey{Key: other, KeyID: "r"}, c) },
			"a key that is not there": func(c map[string]any) string { return p.by(jose.RS256, jose.JSONWebKey{Key: p.rsa, KeyID: "x"}, c) },
			"another secret":          func(c map[string]any) string { return p.by(jose.HS256, []byte(strings.Repeat("s", 32)), c) },
			"a public key as secret":  func(c map[string]any) string { return p.by(jose.HS256, p.rsa.N.Bytes(), c) },
			"no signature":            func(c map[string]any) string { text := signed(c); return text[:strings.LastIndexByte(text, '.')+1] },
			"no token":                func(map[string]any) string { return "" },
			"nonsense":                func(map[string]any) string { return "a.b.c" },
		} {
			p.sign = sign
			p.fails(what, "server_error", bad)
		}
		p.sign = signed
		for what, c := range map[string]struct {
			answer     func(w http.ResponseWriter)
			code, text string
		}{
			"an error":   {func(w http.ResponseWriter) { http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest) }, "invalid_request", "Corp Error - 400 error getting token"},
			"a failure":  {func(w http.ResponseWriter) { http.Error(w, "oops", http.StatusBadGateway) }, "invalid_request", "Corp Error - 502 error getting token"},
			"a redirect": {func(w http.ResponseWriter) { w.Header().Set("Location", p.url+"/token"); w.WriteHeader(307) }, "invalid_request", "Corp Error - 307 error getting token"},
			"no JSON":    {func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }, "invalid_request", "Corp Error - what it answers getting token is no JSON"},
			"too much":   {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 600<<10)) }, "invalid_request", "Corp Error - no answer getting token"},
		} {
			p.token = func(w http.ResponseWriter, _ *http.Request) bool { c.answer(w); return true }
			p.fails(what, c.code, c.text)
		}
		p.token = nil
		p.info = map[string]any{"sub": "somebody else"}
		p.fails("the user info of somebody else", "server_error", "The user info of Corp is about somebody else.")
		p.info = map[string]any{}
		p.says = with("sub", strings.Repeat("s", 200))
		b := p.browser()
		if _, v := b.goesTo(p.comes(b, p.visited(b, b.authorize("identity_provider", "Corp")))); v.Get("error") != "server_error" || !strings.Contains(v.Get("error_description"), "less than or equal to 128") {
			p.Errorf("a long name: %v", v)
		}
		for _, sub := range []string{"a b", "a\nb", "a\x00b"} {
			p.says = with("sub", sub)
			p.fails(sub, "server_error", "Invalid user attributes: username: The value has blanks or control characters ")
		}
		p.says = with("name", "a\x00b")
		p.fails("no text", "server_error", "Invalid user attributes: name: The value is no text ")
		p.says = with("name", strings.Repeat("n", 2049))
		p.fails("a long value", "server_error", "Invalid user attributes: name: The value is longer than 2048 characters ")
		p.says = with("email", "no address")
		p.fails("no address", "server_error", "Invalid email address format.")
		list, err := p.root.IDP.ListUsers(p.Context(), &idp.ListUsersInput{UserPoolId: &p.pool})
		p.ok(err)
		if len(list.Users) != 1 {
			p.Errorf("%d users, and not ann alone", len(list.Users))
		}
		p.says = right
		for _, sign := range []func(map[string]any) string{
			func(c map[string]any) string { return p.by(jose.ES256, jose.JSONWebKey{Key: p.curve, KeyID: "c"}, c) },
			func(c map[string]any) string { return p.by(jose.PS256, jose.JSONWebKey{Key: p.rsa, KeyID: "r"}, c) },
			func(c map[string]any) string { return p.by(jose.HS256, []byte(partySecret), c) },
		} {
			p.sign = sign
			p.signIn(p.browser())
		}
	})
}

// TestFederation_state: the way back is for one browser, once, for a while.
func TestFederation_state(t *testing.T) {
	eachElsewhere(t, nil, nil, func(p *elsewhere) {
		lost := func(what string, b *browser, query string) {
			p.Helper()
			asks := p.asks
			a := p.comes(b, query)
			if a.status != 400 || !strings.Contains(string(a.body), "was not begun in this browser") || a.header.Get("Location") != "" || p.asks != asks || b.cookie("cognito") != "" {
				p.Errorf("%s: %d %s", what, a.status, a.body)
			}
		}
		b, other := p.browser(), p.browser()
		query := p.visited(b, b.authorize("identity_provider", "Corp"))
		p.visited(other, other.authorize("identity_provider", "Corp"))
		lost("another browser", other, query)
		lost("no browser", p.browser(), query)
		q, _ := url.ParseQuery(query)
		lost("no state", b, "code=x")
		lost("another state", b, "code=x&state="+flip(q.Get("state")))
		lost("nothing", b, "")
		lost("an error without a state", b, "error=access_denied")
		tab := p.visited(b, b.authorize("identity_provider", "Corp")) // a second tab
		p.server.Advance(4 * time.Minute)
		if to, v := b.goesTo(p.comes(b, query)); to != callback || v.Get("code") == "" {
			p.Fatalf("%s %v", to, v)
		}
		fresh := &browser{p.openedDomain, b.http}
		if a := p.comes(fresh, query); a.status != 400 {
			p.Errorf("twice: %d %s", a.status, a.body)
		}
		if to, v := b.goesTo(p.comes(b, tab)); to != callback || v.Get("code") == "" {
			p.Errorf("the second tab: %s %v", to, v)
		}
		late := p.browser()
		query = p.visited(late, late.authorize("identity_provider", "Corp"))
		p.server.Advance(5 * time.Minute)
		lost("late", late, query)

		// What the provider says went wrong, the client hears, as far as it can be said.
		for _, c := range [][4]string{{"access_denied", "The user said no.", "access_denied", "The user said no."}, {"b\"ad", "", "access_denied", "Corp has not signed the user in."},
			{strings.Repeat("e", 101), "line\nbreak", "access_denied", "Corp has not signed the user in."}} {
			b := p.browser()
			to, v := b.goesTo(p.comes(b, p.visited(b, b.authorize("identity_provider", "Corp"), "code", "-", "error", c[0], "error_description", c[1])))
			if to != callback || v.Get("error") != c[2] || v.Get("error_description") != c[3] || v.Get("state") != "s-1" {
				p.Errorf("%q: %s %v", c[:2], to, v)
			}
		}
		b = p.browser()
		if _, v := b.goesTo(p.comes(b, p.visited(b, b.authorize("identity_provider", "Corp"), "iss", "https://evil.example"))); v.Get("error") != "invalid_request" || v.Has("code") {
			p.Errorf("from another issuer: %v", v)
		}
		if _, v := b.goesTo(p.comes(b, p.visited(b, b.authorize("prompt", "login", "identity_provider", "Corp"), "iss", p.url))); !v.Has("code") {
			p.Errorf("from the issuer: %v", v)
		}
		b = p.browser()
		if _, v := b.goesTo(p.comes(b, p.visited(b, b.authorize("identity_provider", "Corp"), "code", "-"))); v.Get("error") != "invalid_request" {
			p.Errorf("without a code: %v", v)
		}
		// What is taken from the client while the user is away is gone.
		b = p.browser()
		query = p.visited(b, b.authorize("identity_provider", "Corp"))
		_, err := p.root.IDP.DeleteIdentityProvider(p.Context(), &idp.DeleteIdentityProviderInput{UserPoolId: &p.pool, ProviderName: aws.String("Corp")})
		p.ok(err)
		if _, v := b.goesTo(p.comes(b, query)); v.Get("error") != "invalid_request" || b.cookie("cognito") != "" {
			p.Errorf("a provider that is gone: %v", v)
		}
	})
}

// TestFederation_once: of many who come back with one state, one is signed in;
// of many first sign-ins of one identity, one makes the user.
func TestFederation_once(t *testing.T) {
	eachElsewhere(t, nil, nil, func(p *elsewhere) {
		const many = 16
		b := p.browser()
		query := p.visited(b, b.authorize("identity_provider", "Corp"))
		key := b.cookie("csrf-state")
		var all sync.WaitGroup
		var mu sync.Mutex
		codes := 0
		for range many {
			all.Go(func() {
				r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.base+"/oauth2/idpresponse?"+query, nil)
				if err != nil {
					panic(err)
				}
				r.AddCookie(&http.Cookie{Name: "csrf-state", Value: key})
				resp, err := b.http.Transport.RoundTrip(r)
				if err != nil {
					panic(err)
				}
				resp.Body.Close()
				mu.Lock()
				defer mu.Unlock()
				if strings.Contains(resp.Header.Get("Location"), "code=") {
					codes++
				}
			})
		}
		all.Wait()
		if codes != 1 {
			p.Errorf("%d codes by one state", codes)
		}
		p.says["sub"] = "john-1"
		subs := map[string]int{}
		for range many {
			b := p.browser()
			query := p.visited(b, b.authorize("identity_provider", "Corp"))
			all.Go(func() {
				_, v := b.goesTo(p.comes(b, query))
				id := p.claims(&p.redeem(v.Get("code")).ID)
				mu.Lock()
				defer mu.Unlock()
				subs[id["sub"].(string)]++
			})
		}
		all.Wait()
		if len(subs) != 1 {
			p.Errorf("one identity is %d users: %v", len(subs), subs)
		}
	})
}

// TestFederation_attributes: what the pool needs must come, and what it cannot
// take ends the sign-in.
func TestFederation_attributes(t *testing.T) {
	each(t, func(e *env) {
		mapping := map[string]string{"email": "email", "custom:badge": "badge", "custom:team": "team"}
		p := e.elsewhere(nil, mapping, func(in *idp.CreateUserPoolClientInput) { in.WriteAttributes = []string{"email", "custom:badge"} })
		p.signIn(p.browser()) // without either
		p.says["team"] = "red"
		p.fails("an attribute that the client may not write", "invalid_request", "user.custom:team: Attribute cannot be updated.")
		delete(p.says, "team")
		p.says["badge"] = "7"
		if id, _ := p.bothClaims(p.signIn(p.browser())); id["custom:badge"] != "7" {
			p.Errorf("%v", id)
		}
		p.signIn(p.browser())
		p.says["badge"] = "8"
		p.fails("an attribute that does not change", "invalid_request", "user.custom:badge: Attribute cannot be updated.")
	})
	each(t, func(e *env) {
		p := e.elsewhere(nil, nil, nil)
		_, err := p.root.IDP.UpdateIdentityProvider(p.Context(), &idp.UpdateIdentityProviderInput{UserPoolId: &p.pool, ProviderName: aws.String("Corp"), AttributeMapping: map[string]string{"username": "badge"}})
		p.ok(err)
		p.fails("without the name", "server_error", "Invalid user attributes: username: The attribute is required ")
		p.says["badge"] = 7
		if id, _ := p.bothClaims(p.signIn(p.browser())); id["cognito:username"] != "Corp_7" {
			p.Errorf("%v", id)
		}
	})
}

// TestFederation_linked: an identity that is linked to a user of the pool signs
// in as that user.
func TestFederation_linked(t *testing.T) {
	eachElsewhere(t, nil, map[string]string{"name": "name"}, func(p *elsewhere) {
		_, err := p.root.IDP.AdminLinkProviderForUser(p.Context(), &idp.AdminLinkProviderForUserInput{UserPoolId: &p.pool,
			DestinationUser: &types.ProviderUserIdentifierType{ProviderName: aws.String("Cognito"), ProviderAttributeValue: aws.String("ann")},
			SourceUser:      &types.ProviderUserIdentifierType{ProviderName: aws.String("Corp"), ProviderAttributeName: aws.String("Cognito_Subject"), ProviderAttributeValue: aws.String("jane-1")}})
		p.ok(err)
		id, _ := p.bothClaims(p.signIn(p.browser()))
		if id["sub"] != p.sub || id["cognito:username"] != "ann" || id["name"] != "Jane" || id["email"] != "ann@example.com" || id["email_verified"] != true {
			p.Errorf("%v", id)
		}
		p.tokens("ann") // the password is as good as before
		_, err = p.root.IDP.AdminDisableProviderForUser(p.Context(), &idp.AdminDisableProviderForUserInput{UserPoolId: &p.pool,
			User: &types.ProviderUserIdentifierType{ProviderName: aws.String("Corp"), ProviderAttributeName: aws.String("Cognito_Subject"), ProviderAttributeValue: aws.String("jane-1")}})
		p.ok(err)
		if id, _ := p.bothClaims(p.signIn(p.browser())); id["sub"] == p.sub || id["cognito:username"] != "Corp_jane-1" {
			p.Errorf("after the link has ended: %v", id)
		}
	})
}

// TestFederation_noPassword: who signs in elsewhere has no way in here, and
// nobody takes the name beforehand.
func TestFederation_noPassword(t *testing.T) {
	eachElsewhere(t, nil, map[string]string{"email": "email", "email_verified": "email_verified"}, func(p *elsewhere) {
		const invalid = "InvalidParameterException"
		p.says["email_verified"] = true
		for _, name := range []string{"Corp_mallory", "Corp_"} {
			_, err := p.signUp(name, password)
			p.refused(err, invalid, "Username "+name+" begins like those of the identity provider Corp.")
			_, err = p.root.IDP.AdminCreateUser(p.Context(), &idp.AdminCreateUserInput{UserPoolId: &p.pool, Username: aws.String(name)})
			p.refused(err, invalid, "Username "+name+" begins like those of the identity provider Corp.")
		}
		_, err := p.signUp("corporal_x", password)
		p.ok(err)
		g := p.signIn(p.browser())
		name := "Corp_jane-1"
		_, err = p.initiate("USER_PASSWORD_AUTH", map[string]string{"USERNAME": name, "PASSWORD": password})
		p.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		_, err = p.forgot(name)
		p.refused(err, "NotAuthorizedException", "User password cannot be reset in the current state.")
		_, err = p.root.IDP.AdminResetUserPassword(p.Context(), &idp.AdminResetUserPasswordInput{UserPoolId: &p.pool, Username: &name})
		p.refused(err, "NotAuthorizedException", "User password cannot be reset in the current state.")
		_, err = p.anyone.IDP.ChangePassword(p.Context(), &idp.ChangePasswordInput{AccessToken: &g.Access, PreviousPassword: aws.String(password), ProposedPassword: aws.String(password + "2")})
		if err == nil {
			p.Error("a password was changed that there is not")
		}
		// An administrator can give one: then it is a user like others, linked.
		_, err = p.root.IDP.AdminSetUserPassword(p.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &p.pool, Username: &name, Password: aws.String(password), Permanent: true})
		p.ok(err)
		p.tokens(name)
		if id, _ := p.bothClaims(p.signIn(p.browser())); id["cognito:username"] != name {
			p.Errorf("%v", id)
		}
	})
}

// TestFederation_functions: the pool's functions see the first sign-in as a
// sign-up, and later ones as sign-ins; what they refuse makes nobody.
func TestFederation_functions(t *testing.T) {
	each(t, func(e *env) {
		var sources []string
		var fault error
		arn := e.lambda(func(event map[string]any) (any, error) {
			sources = append(sources, event["triggerSource"].(string))
			return event, fault
		})
		p := e.elsewhere(nil, nil, nil)
		_, err := p.root.IDP.UpdateUserPool(p.Context(), &idp.UpdateUserPoolInput{UserPoolId: &p.pool, LambdaConfig: &types.LambdaConfigType{PreSignUp: &arn, PostConfirmation: &arn,
			PreAuthentication: &arn, PostAuthentication: &arn, PreTokenGeneration: &arn, CustomMessage: &arn}})
		p.ok(err)
		saw := func(want string) {
			p.Helper()
			if got := strings.Join(sources, " "); got != want {
				p.Errorf("the functions saw %s, want %s", got, want)
			}
			sources = nil
		}
		fault = errors.New("no strangers")
		p.fails("a function that says no", "invalid_request", "PreSignUp failed with error no strangers.")
		saw("PreSignUp_ExternalProvider")
		fault = nil
		_, err = p.root.IDP.AdminGetUser(p.Context(), &idp.AdminGetUserInput{UserPoolId: &p.pool, Username: aws.String("Corp_jane-1")})
		p.refused(err, "UserNotFoundException", "User does not exist.")
		p.signIn(p.browser())
		saw("PreSignUp_ExternalProvider PostConfirmation_ConfirmSignUp TokenGeneration_HostedAuth")
		p.signIn(p.browser())
		saw("PreAuthentication_Authentication PostAuthentication_Authentication TokenGeneration_HostedAuth")
		fault = errors.New("not today")
		p.fails("a function that says no later", "invalid_request", "PreAuthentication failed with error not today.")
	})
}

// TestFederation_linking: a function that links the identity in the middle of its
// first sign-in ends that one, and the next is the linked user's.
func TestFederation_linking(t *testing.T) {
	each(t, func(e *env) {
		var p *elsewhere
		arn := e.lambda(func(event map[string]any) (any, error) {
			_, err := p.root.IDP.AdminLinkProviderForUser(p.Context(), &idp.AdminLinkProviderForUserInput{UserPoolId: &p.pool,
				DestinationUser: &types.ProviderUserIdentifierType{ProviderName: aws.String("Cognito"), ProviderAttributeValue: aws.String("ann")},
				SourceUser:      &types.ProviderUserIdentifierType{ProviderName: aws.String("Corp"), ProviderAttributeName: aws.String("Cognito_Subject"), ProviderAttributeValue: aws.String("jane-1")}})
			return event, err
		})
		p = e.elsewhere(nil, nil, nil)
		_, err := p.root.IDP.UpdateUserPool(p.Context(), &idp.UpdateUserPoolInput{UserPoolId: &p.pool, LambdaConfig: &types.LambdaConfigType{PreSignUp: &arn}})
		p.ok(err)
		p.fails("linked on the way", "invalid_request", "Already found an entry for username Corp_jane-1")
		if id, _ := p.bothClaims(p.signIn(p.browser())); id["sub"] != p.sub {
			p.Errorf("%v", id)
		}
	})
}

// TestFederation_pages: the sign-in page offers the providers of the client; a
// client with one alone has no page.
func TestFederation_pages(t *testing.T) {
	eachElsewhere(t, nil, nil, func(p *elsewhere) {
		_, err := p.root.IDP.CreateIdentityProvider(p.Context(), &idp.CreateIdentityProviderInput{UserPoolId: &p.pool, ProviderName: aws.String("Campus"), ProviderType: "SAML",
			ProviderDetails: map[string]string{"MetadataURL": "https://campus.example/metadata"}})
		p.ok(err)
		b := p.browser()
		page := b.see("/login", p.usual()...)
		page.shows(200, "Continue with Corp")
		if strings.Contains(page.text, "Campus") {
			p.Error("a provider is offered that nobody can sign in with")
		}
		p.visited(b, b.open("/login", p.usual("provider", "Corp")...))
		b.see("/login", p.usual("provider", "Nobody")...).shows(200, "Continue with Corp")
		if page := b.see("/login", p.usual("identity_provider", "COGNITO")...); page.status != 200 || strings.Contains(page.text, "Corp") {
			p.Errorf("the pool alone: %d %s", page.status, page.text)
		}
		if form := strings.Index(string(page.body), "<form"); strings.Index(string(page.body), "Continue with Corp") > form {
			p.Error("the providers are not before the form")
		}
		// Below the form, where the style of managed login says so.
		_, err = p.root.IDP.UpdateUserPoolDomain(p.Context(), &idp.UpdateUserPoolDomainInput{UserPoolId: &p.pool, Domain: aws.String("team-a"), ManagedLoginVersion: aws.Int32(2)})
		p.ok(err)
		_, err = p.brand(&idp.CreateManagedLoginBrandingInput{Settings: settingsOf(map[string]any{"categories": map[string]any{"auth": map[string]any{
			"authMethodOrder": [][]map[string]string{{{"display": "INPUT", "type": "USERNAME_PASSWORD"}, {"display": "BUTTON", "type": "FEDERATED"}}}}}})})
		p.ok(err)
		page = b.see("/login", p.usual()...).shows(200, "Continue with Corp")
		if form := strings.Index(string(page.body), "<form"); strings.Index(string(page.body), "Continue with Corp") < form {
			p.Error("the providers are not below the form")
		}
		// By its identifier; and a pushed request has the button too.
		p.visited(b, b.authorize("idp_identifier", "corp.example.com"))
		uri := p.pushed()
		p.visited(b, b.open("/login", "client_id", p.client, "request_uri", uri, "provider", "Corp"))
		for _, q := range [][]string{{"identity_provider", "Campus"}, {"identity_provider", "Nobody"}, {"idp_identifier", "nobody.example"}} {
			if to, v := b.goesTo(b.authorize(q...)); to != callback || v.Get("error") != "invalid_request" {
				p.Errorf("%q: %s %v", q, to, v)
			}
		}
		if _, v := b.goesTo(b.authorize("prompt", "none", "identity_provider", "Corp")); v.Get("error") != "login_required" {
			p.Errorf("prompt=none: %v", v)
		}
		_, v := b.goesTo(b.authorize("identity_provider", "Corp", "login_hint", "jane@corp.example", "prompt", "login consent"))
		if v.Get("login_hint") != "jane@corp.example" || v.Get("prompt") != "login consent" {
			p.Errorf("passed on: %v", v)
		}
		// No password is asked for, or taken, where the client takes nobody from here.
		only := &browser{p.of(p.newClient(func(in *idp.CreateUserPoolClientInput) {
			oauthClient(in)
			in.SupportedIdentityProviders = []string{"Corp"}
		})), b.http}
		p.visited(only, only.authorize())
		p.visited(only, only.open("/login", only.usual()...))
		for _, path := range []string{"/signup", "/forgotPassword", "/confirm"} {
			if a := only.open(path, only.usual()...); a.status != 403 {
				p.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
		native := b.see("/login", p.usual()...)
		a := native.submitTo(strings.Replace(native.action, p.client, only.client, 1), "username", "ann", "password", password)
		if a.status != 403 || b.cookie("cognito") != "" {
			p.Errorf("a password where none is taken: %d %s", a.status, a.text)
		}
		none := &browser{p.of(p.newClient(func(in *idp.CreateUserPoolClientInput) {
			oauthClient(in)
			in.SupportedIdentityProviders = []string{"Campus"}
		})), b.http}
		none.see("/login", none.usual()...).shows(400, "has no way to sign in")
		// And a login from here does not do there.
		signed := &browser{only.openedDomain, p.signedIn().http}
		p.visited(signed, signed.authorize())
	})
}

// TestFederation_identityPool: the token of such a user opens identity pools
// like any other.
func TestFederation_identityPool(t *testing.T) {
	eachElsewhere(t, nil, nil, func(p *elsewhere) {
		g := p.signIn(p.browser())
		f := p.federation("Fed", nil)
		out, err := p.anyone.Identity.GetId(p.Context(), &ci.GetIdInput{IdentityPoolId: &f.id, Logins: p.logins(g.ID)})
		p.ok(err)
		_, err = p.anyone.Identity.GetCredentialsForIdentity(p.Context(), &ci.GetCredentialsForIdentityInput{IdentityId: out.IdentityId, Logins: p.logins(g.ID)})
		p.ok(err)
	})
}
