package e2e_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// holder is a client that proves its key with each request (RFC 9449).
type holder struct {
	*openedDomain
	key    *ecdsa.PrivateKey
	signer jose.Signer
}

func (d *openedDomain) holder() *holder {
	d.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.ok(err)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", &jose.JSONWebKey{Key: key.Public()}))
	d.ok(err)
	return &holder{d, key, s}
}

func (h *holder) thumbprint() string {
	h.Helper()
	sum, err := (&jose.JSONWebKey{Key: h.key.Public()}).Thumbprint(crypto.SHA256)
	h.ok(err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

// proof is a proof for one request; change is name, value, … of its claims.
func (h *holder) proof(method, path, token string, change ...any) string {
	h.Helper()
	c := map[string]any{"jti": uuid.NewString(), "htm": method, "htu": h.base + path, "iat": h.server.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		c["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for i := 0; i < len(change); i += 2 {
		c[change[i].(string)] = change[i+1]
	}
	b, err := json.Marshal(c)
	h.ok(err)
	signed, err := h.signer.Sign(b)
	h.ok(err)
	text, err := signed.CompactSerialize()
	h.ok(err)
	return text
}

// with sends a form with proofs.
func (h *holder) with(path string, v url.Values, proofs ...string) *answer {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.base+path, strings.NewReader(v.Encode()))
	h.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header["Dpop"] = proofs
	return h.do(r)
}

// grant is the form of a code, or of a refresh token.
func (h *holder) grant(code, refresh string) url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "client_id": {h.client}}
	if refresh != "" {
		v = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {h.client}}
	}
	if h.secret != "" {
		v.Set("client_secret", h.secret)
	}
	return v
}

const tokenPath = "/oauth2/token"

// bound gets tokens that are bound to the holder's key.
func (h *holder) bound(v url.Values) *given {
	h.Helper()
	a := h.with(tokenPath, v, h.proof("POST", tokenPath, ""))
	g := h.read(a)
	if a.status != 200 || g.Type != "DPoP" {
		h.Fatalf("%d %s", a.status, a.body)
	}
	if cnf, _ := h.claims(&g.Access)["cnf"].(map[string]any); cnf["jkt"] != h.thumbprint() {
		h.Fatalf("the access token's cnf is %v", cnf)
	}
	return g
}

// info asks userInfo with a proof.
func (h *holder) info(token string, proofs ...string) *answer {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.base+"/oauth2/userInfo", nil)
	h.ok(err)
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header["Dpop"] = proofs
	return h.do(r)
}

// TestBound: tokens that are bound to a key open nothing without it.
func TestBound(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		h, thief := d.holder(), d.holder()
		b := d.signedIn()
		g := h.bound(h.grant(b.newCode("scope", "openid email aws.cognito.signin.user.admin"), ""))
		a := h.info(g.Access, h.proof("GET", "/oauth2/userInfo", g.Access))
		if a.status != 200 || !strings.Contains(string(a.body), "ann@example.com") {
			d.Fatalf("%d %s", a.status, a.body)
		}
		used := h.proof("GET", "/oauth2/userInfo", g.Access)
		if a := h.info(g.Access, used); a.status != 200 {
			d.Fatalf("%d %s", a.status, a.body)
		}
		free := d.redeem(b.newCode())
		for name, c := range map[string]struct {
			a    *answer
			code string
		}{
			"as a bearer's":        {d.userInfo(g.Access), "invalid_token"},
			"in a form":            {d.send("/oauth2/userInfo", url.Values{"access_token": {g.Access}}, ""), "invalid_token"},
			"without a proof":      {h.info(g.Access), "invalid_dpop_proof"},
			"with two proofs":      {h.info(g.Access, h.proof("GET", "/oauth2/userInfo", g.Access), h.proof("GET", "/oauth2/userInfo", g.Access)), "invalid_dpop_proof"},
			"with a used proof":    {h.info(g.Access, used), "invalid_dpop_proof"},
			"by another key":       {thief.info(g.Access, thief.proof("GET", "/oauth2/userInfo", g.Access)), "invalid_token"},
			"for another method":   {h.info(g.Access, h.proof("POST", "/oauth2/userInfo", g.Access)), "invalid_dpop_proof"},
			"for another endpoint": {h.info(g.Access, h.proof("GET", tokenPath, g.Access)), "invalid_dpop_proof"},
			"for another host":     {h.info(g.Access, h.proof("GET", "", g.Access, "htu", "https://evil.example/oauth2/userInfo")), "invalid_dpop_proof"},
			"for another token":    {h.info(g.Access, h.proof("GET", "/oauth2/userInfo", free.Access)), "invalid_dpop_proof"},
			"from yesterday":       {h.info(g.Access, h.proof("GET", "/oauth2/userInfo", g.Access, "iat", h.server.Now().Add(-24*time.Hour).Unix())), "invalid_dpop_proof"},
			"a free token":         {h.info(free.Access, h.proof("GET", "/oauth2/userInfo", free.Access)), "invalid_token"},
		} {
			if c.a.status != 401 || d.read(c.a).Error != c.code || !strings.Contains(c.a.header.Get("WWW-Authenticate"), c.code) {
				d.Errorf("%s: %d %s %s, want %s", name, c.a.status, c.a.body, c.a.header.Get("WWW-Authenticate"), c.code)
			}
		}
		// The API takes no proofs, and so no such token.
		_, err := d.getUser(g.Access)
		d.refused(err, "NotAuthorizedException", "Access Token is bound to a key (DPoP) and cannot be used here")

		// The refresh token of a public client is bound as well, at every door.
		d.faulty(d.form(tokenPath, "grant_type", "refresh_token", "refresh_token", g.Refresh), 400, "invalid_grant")
		d.faulty(thief.with(tokenPath, thief.grant("", g.Refresh), thief.proof("POST", tokenPath, "")), 400, "invalid_grant")
		_, err = d.renew(g.Refresh)
		d.refused(err, "NotAuthorizedException", "Invalid Refresh Token")
		_, err = d.initiate(types.AuthFlowTypeRefreshTokenAuth, map[string]string{"REFRESH_TOKEN": g.Refresh})
		d.refused(err, "NotAuthorizedException", "Invalid Refresh Token")
		h.bound(h.grant("", g.Refresh))

		// A proof that was used does not use the code up.
		code, spent := b.newCode(), h.proof("POST", tokenPath, "")
		if a := h.with(tokenPath, h.grant("", g.Refresh), spent); a.status != 200 {
			d.Fatalf("%d %s", a.status, a.body)
		}
		d.faulty(h.with(tokenPath, h.grant(code, ""), spent), 400, "invalid_dpop_proof")
		h.bound(h.grant(code, ""))

		// So is a code whose request named the key, pushed or not.
		for _, code := range []string{b.newCode("dpop_jkt", h.thumbprint()), b.codeOf(h)} {
			d.faulty(d.form(tokenPath, "grant_type", "authorization_code", "code", code, "redirect_uri", callback), 400, "invalid_grant")
			d.faulty(thief.with(tokenPath, thief.grant(code, ""), thief.proof("POST", tokenPath, "")), 400, "invalid_grant")
			h.bound(h.grant(code, ""))
		}
		d.faulty(h.with("/oauth2/par", url.Values{"client_id": {d.client}, "response_type": {"code"}, "redirect_uri": {callback}, "dpop_jkt": {thief.thumbprint()}},
			h.proof("POST", "/oauth2/par", "")), 400, "invalid_dpop_proof")
		if _, v := b.goesTo(b.authorize("dpop_jkt", "short")); v.Get("error") != "invalid_request" {
			d.Errorf("a key that is none: %v", v)
		}
	})
}

// codeOf is a code of a request that was pushed with a proof.
func (b *browser) codeOf(h *holder) string {
	b.Helper()
	a := h.with("/oauth2/par", url.Values{"client_id": {h.client}, "response_type": {"code"}, "redirect_uri": {callback}}, h.proof("POST", "/oauth2/par", ""))
	var v struct {
		URI string `json:"request_uri"`
	}
	if b.ok(json.Unmarshal(a.body, &v)); a.status != 201 {
		b.Fatalf("%d %s", a.status, a.body)
	}
	_, q := b.goesTo(b.open("/oauth2/authorize", "client_id", h.client, "request_uri", v.URI))
	return q.Get("code")
}

// TestBound_secret: the refresh token of a client with a secret is bound by
// that, and its key may change; a client for itself may bind its tokens too.
func TestBound_secret(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(confidential)
		h, next := d.holder(), d.holder()
		g := h.bound(h.grant(d.signedIn().newCode(), ""))
		next.bound(next.grant("", g.Refresh))
		if free := d.trade("grant_type", "refresh_token", "refresh_token", g.Refresh); free.Type != "Bearer" || d.claims(&free.Access)["cnf"] != nil {
			d.Errorf("without a proof: %+v", free)
		}
		_, err := d.root.IDP.CreateResourceServer(d.Context(), &idp.CreateResourceServerInput{UserPoolId: &d.pool, Identifier: aws.String("notes"), Name: aws.String("notes"),
			Scopes: []types.ResourceServerScopeType{{ScopeName: aws.String("read"), ScopeDescription: aws.String("read")}}})
		d.ok(err)
		own := d.of(d.newClient(func(in *idp.CreateUserPoolClientInput) {
			in.GenerateSecret, in.AllowedOAuthFlowsUserPoolClient = true, true
			in.AllowedOAuthFlows, in.AllowedOAuthScopes = []types.OAuthFlowType{"client_credentials"}, []string{"notes/read"}
		}))
		o := own.holder()
		g = o.bound(url.Values{"grant_type": {"client_credentials"}, "client_id": {own.client}, "client_secret": {own.secret}})
		if g.Refresh != "" {
			d.Errorf("%+v", g)
		}
		form, spent := url.Values{"grant_type": {"client_credentials"}, "client_id": {own.client}, "client_secret": {own.secret}}, o.proof("POST", tokenPath, "")
		if a := o.with(tokenPath, form, spent); a.status != 200 {
			d.Errorf("%d %s", a.status, a.body)
		}
		d.faulty(o.with(tokenPath, form, spent), 400, "invalid_dpop_proof")
	})
}

// TestBound_once: a proof counts once, whoever of many is first.
func TestBound_once(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		h := d.holder()
		g := h.bound(h.grant(d.signedIn().newCode(), ""))
		proof := h.proof("POST", tokenPath, "")
		var won atomic.Int32
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				if h.with(tokenPath, h.grant("", g.Refresh), proof).status == 200 {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			e.Errorf("%d of 32 got tokens by one proof", won.Load())
		}
	})
}
