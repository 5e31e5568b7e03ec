package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// callback is where the tests' clients are answered.
const callback = "https://app.example.com/callback"

// oauthClient is a client for the pages of a pool's domain.
func oauthClient(in *idp.CreateUserPoolClientInput) {
	in.AllowedOAuthFlowsUserPoolClient = true
	in.AllowedOAuthFlows = []types.OAuthFlowType{"code", "implicit"}
	in.AllowedOAuthScopes = []string{"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"}
	in.CallbackURLs = []string{callback, callback + "?kept=1", "http://localhost:8000", "myapp://"}
	in.LogoutURLs = []string{"https://app.example.com/bye", callback}
	in.SupportedIdentityProviders = []string{"COGNITO"}
}

// confidential is oauthClient with a secret.
func confidential(in *idp.CreateUserPoolClientInput) {
	oauthClient(in)
	in.GenerateSecret = true
}

// openedDomain is a tenant with a domain, and where it is.
type openedDomain struct {
	*tenant
	base string // without a slash at the end
	sub  string // of ann
}

// openDomain makes a pool with the user ann, a public OAuth client and a domain.
func (e *env) openDomain(change func(*idp.CreateUserPoolClientInput)) *openedDomain {
	e.Helper()
	n := e.tenant(nil, func(in *idp.CreateUserPoolClientInput) {
		oauthClient(in)
		if change != nil {
			change(in)
		}
	})
	_, err := e.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("team-a")})
	e.ok(err)
	_, err = e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("ann"), MessageAction: "SUPPRESS",
		UserAttributes: attributes("email", "ann@example.com", "email_verified", "true", "phone_number", "+15550100", "name", "Ann")})
	e.ok(err)
	_, err = e.root.IDP.AdminSetUserPassword(e.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("ann"), Password: aws.String(password), Permanent: true})
	e.ok(err)
	u, err := e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
	e.ok(err)
	return &openedDomain{n, e.server.Host("team-a.auth.us-east-1"), attribute(u.UserAttributes, "sub")}
}

// byPath is the same domain under its path.
func (d *openedDomain) byPath() *openedDomain {
	return &openedDomain{d.tenant, d.server.URL + "/" + d.pool, d.sub}
}

// for another client of the pool.
func (d *openedDomain) of(client, secret string) *openedDomain {
	return &openedDomain{d.with(client, secret), d.base, d.sub}
}

// eachDomain runs a test at a domain's host and at its path, on each store.
func eachDomain(t *testing.T, change func(*idp.CreateUserPoolClientInput), test func(d *openedDomain)) {
	each(t, func(e *env) {
		d := e.openDomain(change)
		for name, d := range map[string]*openedDomain{"host": d, "path": d.byPath()} {
			e.Run(name, func(t *testing.T) {
				n := *d.tenant
				inner := *n.env
				inner.T, n.env = t, &inner
				test(&openedDomain{&n, d.base, d.sub})
			})
		}
	})
}

// browser keeps cookies and goes nowhere by itself.
type browser struct {
	*openedDomain
	http *http.Client
}

func (d *openedDomain) browser() *browser {
	jar, err := cookiejar.New(nil)
	d.ok(err)
	return &browser{d, &http.Client{Transport: d.http.Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// signedIn is a browser in which ann has signed in.
func (d *openedDomain) signedIn() *browser {
	d.Helper()
	b := d.browser()
	u, err := url.Parse(d.base + "/")
	d.ok(err)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: "cognito", Value: d.server.SignedIn(d.pool, d.sub), Path: u.Path}})
	return b
}

// open fetches a page of the domain; q are its parameters as name, value, ….
func (b *browser) open(path string, q ...string) *answer {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.base+path+"?"+pairs(q).Encode(), nil)
	b.ok(err)
	resp, err := b.http.Do(r)
	b.ok(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.ok(err)
	return &answer{resp.StatusCode, resp.Header, body}
}

func pairs(list []string) url.Values {
	v := url.Values{}
	for i := 0; i < len(list); i += 2 {
		v.Add(list[i], list[i+1])
	}
	return v
}

// goesTo is where a redirect goes, with the parameters of query and fragment.
func (b *browser) goesTo(a *answer) (address string, v url.Values) {
	b.Helper()
	if a.status != http.StatusFound {
		b.Fatalf("%d %s, no redirect", a.status, a.body)
	}
	u, err := url.Parse(a.header.Get("Location"))
	b.ok(err)
	v = u.Query()
	f, err := url.ParseQuery(u.EscapedFragment())
	b.ok(err)
	for name, all := range f {
		v[name] = append(v[name], all...)
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	return u.String(), v
}

// authorize sends an authorization request: the usual one, with changes. A
// value "-" takes a parameter away.
func (b *browser) authorize(q ...string) *answer {
	b.Helper()
	v := url.Values{"response_type": {"code"}, "client_id": {b.client}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {"s-1"}}
	for i := 0; i < len(q); i += 2 {
		v.Set(q[i], q[i+1])
		if q[i+1] == "-" {
			v.Del(q[i])
		}
	}
	var list []string
	for name := range v {
		list = append(list, name, v.Get(name))
	}
	return b.open("/oauth2/authorize", list...)
}

// newCode gets an authorization code.
func (b *browser) newCode(q ...string) string {
	b.Helper()
	_, v := b.goesTo(b.authorize(q...))
	if v.Get("code") == "" {
		b.Fatalf("no code: %v", v)
	}
	return v.Get("code")
}

// post sends a form to an endpoint of the domain. The client is named in the
// form, with its secret if it has one.
func (d *openedDomain) form(path string, q ...string) *answer {
	d.Helper()
	v := pairs(q)
	if !v.Has("client_id") {
		v.Set("client_id", d.client)
		if d.secret != "" && !v.Has("client_secret") {
			v.Set("client_secret", d.secret)
		}
	}
	return d.send(path, v, "")
}

func (d *openedDomain) send(path string, v url.Values, authorization string) *answer {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.base+path, strings.NewReader(v.Encode()))
	d.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return d.do(r)
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// given are tokens as the token endpoint gives them.
type given struct {
	Access    string `json:"access_token"`
	ID        string `json:"id_token"`
	Refresh   string `json:"refresh_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Error     string `json:"error"`
	Text      string `json:"error_description"`
}

func (d *openedDomain) read(a *answer) *given {
	d.Helper()
	g := &given{}
	if err := json.Unmarshal(a.body, g); err != nil {
		d.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return g
}

// trade gets tokens from the token endpoint.
func (d *openedDomain) trade(q ...string) *given {
	d.Helper()
	a := d.form("/oauth2/token", q...)
	if a.status != http.StatusOK {
		d.Fatalf("the token endpoint answers %d %s", a.status, a.body)
	}
	return d.read(a)
}

// redeem trades a code.
func (d *openedDomain) redeem(code string, q ...string) *given {
	d.Helper()
	return d.trade(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}, q...)...)
}

// faulty wants an error of an endpoint that answers JSON.
func (d *openedDomain) faulty(a *answer, status int, code string) {
	d.Helper()
	if g := d.read(a); a.status != status || g.Error != code {
		d.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
}

// userInfo asks who a token's user is.
func (d *openedDomain) userInfo(token string) *answer {
	d.Helper()
	return d.get(d.base+"/oauth2/userInfo", "Authorization", "Bearer "+token)
}

// pkce is a verifier and its challenge.
func pkce() (verifier, challenge string) {
	verifier = strings.Repeat("verifier-", 6)
	sum := sha256.Sum256([]byte(verifier))
	return verifier, base64.RawURLEncoding.EncodeToString(sum[:])
}
