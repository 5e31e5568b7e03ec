package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// elsewhere is an OpenID provider with a user of its own, and a pool whose
// client lets people sign in there. What it says can be changed in every part.
type elsewhere struct {
	*openedDomain
	url        string
	rsa        *rsa.PrivateKey
	curve      *ecdsa.PrivateKey
	mu         sync.Mutex
	says, info map[string]any // of the ID token, of userinfo; change them before a sign-in
	sign       func(claims map[string]any) string
	token      func(w http.ResponseWriter, r *http.Request) bool // answers the token request itself
	asked      url.Values                                        // the last token request
	asks       int                                               // token requests
	nonces     map[string]string                                 // by code
}

const (
	partyID     = "the-party"
	partySecret = "a secret of the party that has more than thirty-two bytes"
)

// elsewhere sets both up. The provider is called Corp.
func (e *env) elsewhere(details, mapping map[string]string, change func(*idp.CreateUserPoolClientInput)) *elsewhere {
	e.Helper()
	p := &elsewhere{nonces: map[string]string{}, info: map[string]any{}}
	var err error
	p.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	e.ok(err)
	p.curve, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	e.ok(err)
	p.sign = func(c map[string]any) string { return p.by(jose.RS256, jose.JSONWebKey{Key: p.rsa, KeyID: "r"}, c) }
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	e.Cleanup(server.Close)
	p.url = server.URL

	p.openedDomain = e.openDomain(nil)
	d := map[string]string{"client_id": partyID, "client_secret": partySecret, "attributes_request_method": "GET", "oidc_issuer": p.url, "authorize_scopes": "openid email"}
	maps.Copy(d, details)
	if mapping == nil {
		mapping = map[string]string{"email": "email", "name": "name"}
	}
	for name := range mapping {
		if custom, ok := strings.CutPrefix(name, "custom:"); ok {
			_, err = e.root.IDP.AddCustomAttributes(e.Context(), &idp.AddCustomAttributesInput{UserPoolId: &p.pool,
				CustomAttributes: []types.SchemaAttributeType{{Name: &custom, AttributeDataType: "String", Mutable: aws.Bool(custom != "badge")}}})
			e.ok(err)
		}
	}
	_, err = e.root.IDP.CreateIdentityProvider(e.Context(), &idp.CreateIdentityProviderInput{UserPoolId: &p.pool, ProviderName: aws.String("Corp"), ProviderType: "OIDC",
		ProviderDetails: d, AttributeMapping: mapping, IdpIdentifiers: []string{"corp.example.com"}})
	e.ok(err)
	client, secret := p.newClient(func(in *idp.CreateUserPoolClientInput) {
		oauthClient(in)
		in.SupportedIdentityProviders = []string{"COGNITO", "Corp"}
		if change != nil {
			change(in)
		}
	})
	p.openedDomain = p.of(client, secret)
	p.says = map[string]any{"sub": "jane-1", "email": "jane@corp.example", "name": "Jane"}
	return p
}

func (p *elsewhere) by(alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		panic(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return text
}

func (p *elsewhere) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var v any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		v = map[string]string{"issuer": p.url, "jwks_uri": p.url + "/keys", "authorization_endpoint": p.url + "/authorize?kept=1", "token_endpoint": p.url + "/token", "userinfo_endpoint": p.url + "/userinfo"}
	case "/keys":
		v = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.rsa.Public(), KeyID: "r"}, {Key: p.curve.Public(), KeyID: "c"}}}
	case "/token":
		p.asks++
		if r.ParseForm() != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.asked = r.PostForm
		if p.token != nil && p.token(w, r) {
			return
		}
		c := map[string]any{"iss": p.url, "aud": partyID, "exp": p.server.Now().Add(time.Hour).Unix(), "nonce": p.nonces[r.PostForm.Get("code")]}
		maps.Copy(c, p.says)
		v = map[string]string{"access_token": "the-access-token", "token_type": "Bearer", "id_token": p.sign(c)}
	case "/userinfo":
		if r.Header.Get("Authorization") != "Bearer the-access-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		c := map[string]any{"sub": p.says["sub"]}
		maps.Copy(c, p.info)
		v = c
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(v)
}

// visited is the sign-in at the provider: it looks at where the browser was sent
// and returns the path and query with which it comes back.
func (p *elsewhere) visited(b *browser, a *answer, back ...string) string {
	p.Helper()
	to, q := b.goesTo(a)
	callback := p.base + "/oauth2/idpresponse"
	if to != p.url+"/authorize" || q.Get("kept") != "1" || q.Get("client_id") != partyID || q.Get("response_type") != "code" || q.Get("redirect_uri") != callback ||
		q.Get("scope") != "openid email" || q.Get("nonce") == "" || q.Get("state") == "" {
		p.Fatalf("sent to %s with %v", to, q)
	}
	code := "code-" + rand.Text()
	p.mu.Lock()
	p.nonces[code] = q.Get("nonce")
	p.mu.Unlock()
	v := url.Values{"code": {code}, "state": {q.Get("state")}}
	for i := 0; i < len(back); i += 2 {
		v.Set(back[i], back[i+1])
		if back[i+1] == "-" {
			v.Del(back[i])
		}
	}
	return v.Encode()
}

// comes brings a browser back.
func (p *elsewhere) comes(b *browser, query string) *answer {
	p.Helper()
	q, err := url.ParseQuery(query)
	p.ok(err)
	var list []string
	for name, all := range q {
		for _, value := range all {
			list = append(list, name, value)
		}
	}
	return b.open("/oauth2/idpresponse", list...)
}

// signIn walks through the provider to the client's tokens.
func (p *elsewhere) signIn(b *browser) *given {
	p.Helper()
	to, v := b.goesTo(p.comes(b, p.visited(b, b.authorize("identity_provider", "Corp", "scope", "openid email profile aws.cognito.signin.user.admin"))))
	if to != callback || v.Get("state") != "s-1" || v.Get("code") == "" {
		p.Fatalf("comes back to %s with %v", to, v)
	}
	return p.redeem(v.Get("code"))
}

// fails wants a sign-in that the client hears has failed.
func (p *elsewhere) fails(what, code, text string) {
	p.Helper()
	b := p.browser()
	to, v := b.goesTo(p.comes(b, p.visited(b, b.authorize("identity_provider", "Corp"))))
	if to != callback || v.Get("error") != code || v.Get("error_description") != text || v.Get("state") != "s-1" || v.Has("code") {
		p.Errorf("%s: %s %v, want %s: %s", what, to, v, code, text)
	}
	if b.cookie("cognito") != "" {
		p.Errorf("%s: the browser is signed in", what)
	}
}

// eachElsewhere runs a test on each store.
func eachElsewhere(t *testing.T, details, mapping map[string]string, test func(p *elsewhere)) {
	each(t, func(e *env) { test(e.elsewhere(details, mapping, nil)) })
}
