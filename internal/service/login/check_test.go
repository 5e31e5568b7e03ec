package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

const poolID, clientID, redirect = "us-east-1_AAAAAAAAA", "client", "https://app.example.com/cb"

// service is a Service over a pool with one client, whose settings change may
// change.
func service(t testing.TB, change func(*cognitoidp.UserPoolClientType)) (*Service, *pool.Pool) {
	t.Helper()
	db := storetest.OpenConfig(t, storetest.SQLite(t))
	c := &cognitoidp.UserPoolClientType{AllowedOAuthFlowsUserPoolClient: new(true), CallbackURLs: []string{redirect},
		AllowedOAuthFlows:  []cognitoidp.OAuthFlowType{cognitoidp.OAuthFlowTypeCode, cognitoidp.OAuthFlowTypeImplicit},
		AllowedOAuthScopes: []string{"openid", "email", "profile", "api/read", "api/gone"}, SupportedIdentityProviders: []string{"COGNITO"}}
	if change != nil {
		change(c)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		if err := store.PutUserPool(tx, &store.UserPool{ID: poolID, Name: "people", Settings: "{}"}); err != nil {
			return err
		}
		if err := store.PutUserPoolClient(tx, &store.UserPoolClient{ID: clientID, PoolID: poolID, Settings: string(text)}); err != nil {
			return err
		}
		return store.InsertPoolRecord(tx, &store.PoolRecord{PoolID: poolID, Kind: pool.KindResourceServer, ID: "api", Body: `{"Scopes":[{"ScopeName":"read"}]}`})
	}); err != nil {
		t.Fatal(err)
	}
	pools := pool.NewRegistry(db)
	p, err := pools.Pool(t.Context(), poolID)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{DB: db, Ring: storetest.Ring(t), Pools: pools, Providers: none{}, Now: time.Now}), p
}

// none is a pool without identity providers.
type none struct{}

func (none) Party(context.Context, *pool.Pool, string) (*oidc.Party, error) { return nil, nil }
func (none) ProviderOf(context.Context, *pool.Pool, string) (string, error) { return "", nil }
func (none) Federate(context.Context, *pool.Pool, *pool.Client, string, map[string]any) (*signin.Login, error) {
	return nil, errors.New("there are no identity providers")
}

func query(q ...string) url.Values {
	v := url.Values{"client_id": {clientID}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid"}}
	for i := 0; i < len(q); i += 2 {
		if q[i+1] == "-" {
			v.Del(q[i])
			continue
		}
		v[q[i]] = strings.Split(q[i+1], "|")
	}
	return v
}

var challenge = strings.Repeat("c", 43)

// TestCheck_refusals: what is wrong, and whether the client hears of it: in the
// query, in the fragment, in a form, or not at all.
func TestCheck_refusals(t *testing.T) {
	s, p := service(t, nil)
	const page, inQuery, inFragment, inForm = "page", "query", "fragment", "form"
	for _, c := range []struct {
		q           []string
		code, where string
	}{
		{[]string{"client_id", "-"}, "Required parameters missing", page},
		{[]string{"client_id", ""}, "Required parameters missing", page},
		{[]string{"client_id", "a|b"}, "invalid_request", page},
		{[]string{"client_id", "other"}, "Client does not exist.", page},
		{[]string{"client_id", "a\x00"}, "invalid_request", page},
		{[]string{"client_id", strings.Repeat("a", 129)}, "Client does not exist.", page},
		{[]string{"redirect_uri", "-"}, "Required parameters missing", page},
		{[]string{"redirect_uri", redirect + "/"}, "redirect_mismatch", page},
		{[]string{"redirect_uri", redirect + "|" + redirect}, "invalid_request", page},
		{[]string{"redirect_uri", strings.Repeat("a", 2049)}, "invalid_request", page},

		{[]string{"response_type", "-"}, "invalid_request", inQuery},
		{[]string{"response_type", "code|code"}, "invalid_request", inQuery},
		{[]string{"response_type", "id_token"}, "unsupported_response_type", inQuery},
		{[]string{"response_type", "code token"}, "unsupported_response_type", inQuery},
		{[]string{"state", "a|b"}, "invalid_request", inQuery},
		{[]string{"state", "a\nb"}, "invalid_request", inQuery},
		{[]string{"state", "\xff"}, "invalid_request", inQuery},
		{[]string{"state", strings.Repeat("s", 2049)}, "invalid_request", inQuery},
		{[]string{"response_mode", "web_message"}, "invalid_request", inQuery},
		{[]string{"response_mode", "form_post", "scope", "x"}, "invalid_scope", inForm},
		{[]string{"response_mode", "fragment", "scope", "x"}, "invalid_scope", inFragment},
		{[]string{"response_type", "token", "scope", "x"}, "invalid_scope", inFragment},
		{[]string{"response_type", "token", "response_mode", "query"}, "invalid_request", inFragment},
		{[]string{"scope", "phone"}, "invalid_scope", inQuery},
		{[]string{"scope", "email"}, "invalid_scope", inQuery},
		{[]string{"scope", "openid api/write"}, "invalid_scope", inQuery},
		{[]string{"scope", "api/gone"}, "invalid_scope", inQuery},
		{[]string{"scope", "openid|email"}, "invalid_request", inQuery},
		{[]string{"code_challenge", challenge}, "invalid_request", inQuery},
		{[]string{"code_challenge", challenge, "code_challenge_method", "plain"}, "invalid_request", inQuery},
		{[]string{"code_challenge_method", "S256"}, "invalid_request", inQuery},
		{[]string{"code_challenge", challenge[1:], "code_challenge_method", "S256"}, "invalid_request", inQuery},
		{[]string{"code_challenge", strings.Repeat("c", 129), "code_challenge_method", "S256"}, "invalid_request", inQuery},
		{[]string{"code_challenge", challenge[1:] + "=", "code_challenge_method", "S256"}, "invalid_request", inQuery},
		{[]string{"identity_provider", "Google"}, "invalid_request", inQuery},
		{[]string{"idp_identifier", "x"}, "invalid_request", inQuery},
		{[]string{"request_uri", pushedPrefix + "x"}, "invalid_request_uri", page},
		{[]string{"dpop_jkt", "x"}, "invalid_request", inQuery},
		{[]string{"prompt", "none login"}, "invalid_request", inQuery},
		{[]string{"prompt", "create"}, "invalid_request", inQuery},
		{[]string{"max_age", "-1"}, "invalid_request", inQuery},
		{[]string{"max_age", "1.5"}, "invalid_request", inQuery},
		{[]string{"max_age", "99999999999"}, "invalid_request", inQuery},
		{[]string{"resource", "api"}, "invalid_target", inQuery},
		{[]string{"resource", "https://a/#f"}, "invalid_target", inQuery},
		{[]string{"resource", "http://a/"}, "invalid_target", inQuery},
		{[]string{"resource", "javascript:alert(1)"}, "invalid_target", inQuery},
		{[]string{"request", "x"}, "request_not_supported", inQuery},
		{[]string{"request_uri", "https://a"}, "request_uri_not_supported", inQuery},
		{[]string{"registration", "{}"}, "registration_not_supported", inQuery},
	} {
		_, err := s.Check(t.Context(), p, query(c.q...))
		var r *Refusal
		if !errors.As(err, &r) {
			t.Errorf("%q: %v", c.q, err)
			continue
		}
		where := page
		switch {
		case r.To == nil:
		case r.To.Form != nil && r.To.URL == redirect && r.To.Form.Get("error") == c.code:
			where = inForm
		case strings.HasPrefix(r.To.URL, redirect+"?error="+c.code+"&"):
			where = inQuery
		case strings.HasPrefix(r.To.URL, redirect+"#error="+c.code+"&"):
			where = inFragment
		default:
			where = r.To.URL
		}
		if r.Code != c.code || where != c.where {
			t.Errorf("%q: %s by %s, want %s by %s", c.q, r.Code, where, c.code, c.where)
		}
		if where == page && Explain(r.Code) == "" {
			t.Errorf("%s is not explained", r.Code)
		}
	}
}

func TestCheck(t *testing.T) {
	s, p := service(t, nil)
	check := func(q ...string) *Request {
		t.Helper()
		r, err := s.Check(t.Context(), p, query(q...))
		if err != nil {
			t.Fatalf("%q: %v", q, err)
		}
		return r
	}
	for asked, want := range map[string][]string{"-": {"openid", "email", "profile", "api/read"}, " ": {"openid", "email", "profile", "api/read"},
		"openid openid email": {"openid", "email"}, "api/read": {"api/read"}, "openid api/gone": {"openid"}} {
		if r := check("scope", asked); !slices.Equal(r.Scopes, want) {
			t.Errorf("scope %q is %q, want %q", asked, r.Scopes, want)
		}
	}
	r := check("prompt", "login consent", "max_age", "60", "lang", "pt-BR", "login_hint", "ann", "nonce", "n", "code_challenge", challenge, "code_challenge_method", "S256",
		"identity_provider", "COGNITO", "resource", "myapp://api", "unknown", "a|b", "state", "é <")
	if !slices.Equal(r.Prompt, []string{"login", "consent"}) || *r.MaxAge != time.Minute || r.Lang != "pt-BR" || r.LoginHint != "ann" || r.Nonce != "n" || r.Challenge != challenge ||
		r.Provider != "COGNITO" || r.Resource != "myapp://api" || r.State != "é <" || r.Client.ID != clientID {
		t.Errorf("%+v", r)
	}
	if r := check("lang", `"><script>`); r.Lang != "" {
		t.Errorf("lang is %q", r.Lang)
	}
	for _, c := range []struct {
		change func(*cognitoidp.UserPoolClientType)
		q      []string
		want   string
	}{
		{func(c *cognitoidp.UserPoolClientType) { c.DefaultRedirectURI = new(redirect) }, []string{"redirect_uri", "-"}, ""},
		{func(c *cognitoidp.UserPoolClientType) { c.AllowedOAuthFlowsUserPoolClient = new(false) }, nil, "unauthorized_client"},
		{func(c *cognitoidp.UserPoolClientType) { c.SupportedIdentityProviders = nil }, nil, "Login pages unavailable"},
		{func(c *cognitoidp.UserPoolClientType) { c.AllowedOAuthFlows = c.AllowedOAuthFlows[:1] }, []string{"response_type", "token"}, "unauthorized_client"},
		{func(c *cognitoidp.UserPoolClientType) { c.AllowedOAuthScopes = []string{"email"} }, []string{"scope", "-"}, "invalid_scope"},
	} {
		s, p := service(t, c.change)
		_, err := s.Check(t.Context(), p, query(c.q...))
		var r *Refusal
		if errors.As(err, &r); c.want == "" && err != nil || c.want != "" && (r == nil || r.Code != c.want) {
			t.Errorf("%q: %v, want %q", c.q, err, c.want)
		}
	}
}

func TestNeedsLogin(t *testing.T) {
	now := time.Now()
	s := New(Config{Now: func() time.Time { return now }})
	l := &signin.Login{AuthTime: now.Add(-time.Minute)}
	for _, c := range []struct {
		name string
		r    Request
		l    *signin.Login
		want bool
	}{
		{"nobody", Request{}, nil, true},
		{"somebody", Request{}, l, false},
		{"none", Request{Prompt: []string{"none"}}, l, false},
		{"login", Request{Prompt: []string{"login"}}, l, true},
		{"young enough", Request{MaxAge: new(time.Minute)}, l, false},
		{"too old", Request{MaxAge: new(59 * time.Second)}, l, true},
		{"now", Request{MaxAge: new(time.Duration(0))}, &signin.Login{AuthTime: now}, true},
		{"asked for here", Request{Provider: "COGNITO"}, l, false},
		{"asked for elsewhere", Request{Provider: "Corp"}, l, true},
		{"from elsewhere", Request{}, &signin.Login{AuthTime: now, Provider: "Corp"}, false},
		{"from elsewhere, as asked for", Request{Provider: "Corp"}, &signin.Login{AuthTime: now, Provider: "Corp"}, false},
		{"from elsewhere, asked for here", Request{Provider: "COGNITO"}, &signin.Login{AuthTime: now, Provider: "Corp"}, true},
		{"from where this client takes nobody", Request{}, &signin.Login{AuthTime: now, Provider: "Other"}, true},
	} {
		c.r.Client = &pool.Client{Settings: &cognitoidp.UserPoolClientType{SupportedIdentityProviders: []string{"COGNITO", "Corp"}}}
		if got := s.NeedsLogin(&c.r, c.l); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestVerifies(t *testing.T) {
	// RFC 7636, appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for _, c := range []struct {
		challenge, verifier string
		want                bool
	}{{challenge, verifier, true}, {challenge, challenge, false}, {challenge, "", false}, {"", verifier, false}, {"", "", true}, {challenge, verifier + "=", false}} {
		if verifies(c.challenge, c.verifier) != c.want {
			t.Errorf("%q with %q", c.challenge, c.verifier)
		}
	}
}

// FuzzCheck: whatever is asked, the browser is sent to the registered address
// or nowhere, and a request that is right is whole.
func FuzzCheck(f *testing.F) {
	s, p := service(f, nil)
	for _, q := range []string{query().Encode(), query("response_type", "token").Encode(), query("state", "a|b").Encode(), "client_id=%zz", "client_id=client;redirect_uri=x", query("redirect_uri", "https://evil").Encode(),
		query("idp_identifier", "x").Encode(), query("request_uri", pushedPrefix+"x").Encode()} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := ParseQuery(raw)
		var r *Request
		if err == nil {
			r, err = s.Check(t.Context(), p, q)
		}
		var refusal *Refusal
		switch {
		case err == nil:
			if r.RedirectURI != redirect || len(r.Scopes) == 0 || r.Client.ID != clientID || !isPlain(r.State+r.Nonce+r.LoginHint) {
				t.Errorf("%+v", r)
			}
		case !errors.As(err, &refusal):
			t.Errorf("%q: %v", raw, err)
		case refusal.To == nil:
		case refusal.To.URL != redirect && !strings.HasPrefix(refusal.To.URL, redirect+"?error=") && !strings.HasPrefix(refusal.To.URL, redirect+"#error="):
			t.Errorf("%q sends the browser to %q", raw, refusal.To.URL)
		}
	})
}

// FuzzParseProof: a proof has one client, and two ways are refused.
func FuzzParseProof(f *testing.F) {
	f.Add("Basic Y2xpZW50OnNlY3JldA==", "client_id=client")
	f.Add("", "client_id=client&client_secret=secret")
	f.Add("basic Y2xpZW50OiUyQg==", "client_secret=x")
	f.Add("Bearer x", "client_id=a&client_id=b")
	f.Fuzz(func(t *testing.T, header, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		p, err := ParseProof(header, form)
		var refusal *Refusal
		switch {
		case err != nil && (!errors.As(err, &refusal) || refusal.To != nil):
			t.Errorf("%v", err)
		case err != nil:
		case p.Basic != (header != ""), p.Basic && form.Get("client_secret") != "", len(form["client_id"]) > 1, len(form["client_secret"]) > 1:
			t.Errorf("%q and %q prove %+v", header, body, p)
		}
	})
}
