package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/gatehousetest"
)

// issuer is an OpenID Connect provider on this machine.
type issuer struct {
	*env
	url, key string // key: its name in Logins
	signing  jose.JSONWebKey
}

func (e *env) issuer() *issuer {
	e.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	e.ok(err)
	i := &issuer{env: e, signing: jose.JSONWebKey{Key: k, KeyID: "k", Use: "sig"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tenant/.well-known/openid-configuration" {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": i.url + "/keys"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{i.signing.Public()}})
	}))
	e.Cleanup(server.Close)
	i.url = server.URL + "/tenant"
	i.key = strings.TrimPrefix(i.url, "http://")
	return i
}

// token is an ID token of jane for the client "app", with other claims.
func (i *issuer) token(change map[string]any) string {
	i.Helper()
	c := map[string]any{"iss": i.url, "sub": "jane", "aud": "app", "exp": i.server.Now().Add(time.Hour).Unix(), "team": "red"}
	maps.Copy(c, change)
	for k, v := range c {
		if v == nil {
			delete(c, k)
		}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: i.signing}, nil)
	i.ok(err)
	text, err := jwt.Signed(s).Claims(c).Serialize()
	i.ok(err)
	return text
}

func (i *issuer) logins(change map[string]any) map[string]string {
	return map[string]string{i.key: i.token(change)}
}

// known makes the issuer known to IAM.
func (i *issuer) known() (arn string) {
	i.Helper()
	out, err := i.root.IAM.CreateOpenIDConnectProvider(i.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &i.url, ClientIDList: []string{"app"}})
	i.ok(err)
	return *out.OpenIDConnectProviderArn
}

// TestOpenIDProviders: logins of a provider that IAM knows, in identity pools
// and at STS.
func TestOpenIDProviders(t *testing.T) {
	each(t, func(e *env) {
		n, i := e.tenant(nil, nil), e.issuer()
		arn := "arn:aws:iam::" + e.server.Account + ":oidc-provider/" + i.key
		with := func(in *cognitoidentity.CreateIdentityPoolInput) { in.OpenIdConnectProviderARNs = []string{arn} }
		in := &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("early")}
		with(in)
		_, err := e.root.Identity.CreateIdentityPool(e.Context(), in)
		e.refused(err, "InvalidParameterException", "Invalid OpenID Connect provider: "+arn)
		if got := i.known(); got != arn {
			e.Fatalf("the provider is %s, want %s", got, arn)
		}
		f := n.federation("OpenID", with)
		const no = "NotAuthorizedException"
		hourAgo := e.server.Now().Add(-time.Hour).Unix()
		for name, c := range map[string]struct {
			logins  map[string]string
			message string
		}{
			"expired":            {i.logins(map[string]any{"exp": hourAgo}), `/^Invalid login token\. Token expired: [0-9]+ >= [0-9]+$/`},
			"altered":            {map[string]string{i.key: alter(i.token(nil))}, "Invalid login token. Couldn't verify signed token."},
			"unsigned":           {map[string]string{i.key: unsigned(i.token(nil))}, "Invalid login token. Not a valid OpenId Connect identity token."},
			"another client":     {i.logins(map[string]any{"aud": "other"}), "Incorrect token audience."},
			"another party":      {i.logins(map[string]any{"azp": "other"}), "Incorrect token audience."},
			"an access token":    {i.logins(map[string]any{"aud": nil}), "Invalid login token. Missing a required claim: aud"},
			"another issuer":     {i.logins(map[string]any{"iss": "https://login.example"}), "Invalid login token. Issuer doesn't match providerName"},
			"another provider":   {map[string]string{"login.example": i.token(nil)}, "Token is not from a supported provider of this identity pool."},
			"under a user pool":  {map[string]string{f.provider(): i.token(nil)}, "Invalid login token. Issuer doesn't match providerName"},
			"a user pool's here": {map[string]string{i.key: *func() *string { n.user("ann"); return n.tokens("ann").IdToken }()}, "Invalid login token. Issuer doesn't match providerName"},
		} {
			_, err := f.getID(c.logins)
			if !e.refused(err, no, c.message) {
				e.Log(name)
			}
		}
		jane, err := f.getID(i.logins(nil))
		e.ok(err)
		if again, err := f.getID(i.logins(map[string]any{"aud": []string{"app", "other"}, "azp": "app"})); err != nil || again != jane {
			e.Errorf("jane is %s, then %s (%v)", jane, again, err)
		}
		if john, err := f.getID(i.logins(map[string]any{"sub": "john"})); err != nil || john == jane {
			e.Errorf("john is %s (%v)", john, err)
		}
		_, err = f.credentials(jane, i.logins(nil))
		e.ok(err)
		openID, err := e.anyone.Identity.GetOpenIdToken(e.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: &jane, Logins: i.logins(nil)})
		e.ok(err)
		claims, err := e.openIDClaims(*openID.Token)
		e.ok(err)
		if amr, _ := json.Marshal(claims["amr"]); string(amr) != `["authenticated","`+i.key+`","`+arn+`:OIDC:jane"]` {
			e.Errorf("amr is %s", amr)
		}

		// Rules and tags go by the token's claims; it may not name a role itself.
		other := e.makeRole("other", tagTrust(f.id, `"aws:RequestTag/team":"red",`))
		roles := map[string]string{"authenticated": f.roleARN}
		e.ok(f.setRoles(roles, map[string]identitytypes.RoleMapping{arn: byRules("Deny", rule("team", "Equals", "red", other))}))
		_, err = f.credentials(jane, i.logins(map[string]any{"team": "blue"}))
		e.refused(err, no, "The ambiguous role mapping rules for: "+i.key+" denied this request.")
		_, err = f.credentials(jane, i.logins(nil))
		e.refused(err, "InvalidIdentityPoolConfigurationException", "") // the role wants a tag
		_, err = e.root.Identity.SetPrincipalTagAttributeMap(e.Context(), &cognitoidentity.SetPrincipalTagAttributeMapInput{IdentityPoolId: &f.id, IdentityProviderName: &arn,
			PrincipalTags: map[string]string{"team": "team"}})
		e.ok(err)
		c, err := f.credentialsAs(jane, i.logins(nil), "")
		e.ok(err)
		who, err := c.STS.GetCallerIdentity(e.Context(), nil)
		e.ok(err)
		if !strings.Contains(*who.Arn, ":assumed-role/other/") {
			e.Errorf("jane is %s", *who.Arn)
		}
		e.ok(f.setRoles(roles, map[string]identitytypes.RoleMapping{arn: byToken}))
		_, err = f.credentials(jane, i.logins(map[string]any{"cognito:preferred_role": other, "cognito:roles": []string{other}}))
		e.refused(err, no, "")

		e.openIDRole(i, arn)

		_, err = e.root.IAM.DeleteOpenIDConnectProvider(e.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
		e.ok(err)
		_, err = f.getID(i.logins(nil))
		e.refused(err, no, "Token is not from a supported provider of this identity pool.")
	})
}

// openIDRole takes the provider's tokens to STS.
func (e *env) openIDRole(i *issuer, arn string) {
	e.Helper()
	direct := e.makeRole("direct", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"`+arn+`"},"Action":"sts:AssumeRoleWithWebIdentity",`+
		`"Condition":{"StringEquals":{"`+i.key+`:aud":"app","`+i.key+`:sub":"jane"}}}}`)
	assume := func(change map[string]any) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return e.anyone.STS.AssumeRoleWithWebIdentity(e.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &direct, RoleSessionName: aws.String("jane"), WebIdentityToken: aws.String(i.token(change))})
	}
	_, err := assume(map[string]any{"sub": "john"})
	e.refused(err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = assume(map[string]any{"aud": "other"})
	e.refused(err, "InvalidIdentityToken", "Incorrect token audience")
	_, err = assume(map[string]any{"iss": i.url + "/other"})
	e.refused(err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+i.url+"/other")
	_, err = assume(map[string]any{"exp": e.server.Now().Add(-time.Hour).Unix()})
	e.refused(err, "ExpiredTokenException", "")
	_, err = assume(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"red"}}}})
	e.refused(err, "AccessDenied", "") // no sts:TagSession
	out, err := assume(nil)
	e.ok(err)
	if *out.Provider != i.url || *out.Audience != "app" || *out.SubjectFromWebIdentityToken != "jane" {
		e.Errorf("AssumeRoleWithWebIdentity answered %+v", out)
	}
	_, err = e.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken).STS.GetCallerIdentity(e.Context(), nil)
	e.ok(err)
}

// TestOpenIDProviders_notDev: in production no issuer on this machine is asked.
func TestOpenIDProviders_notDev(t *testing.T) {
	each(t, func(e *env) {
		i := e.issuer()
		_, err := e.root.IAM.CreateOpenIDConnectProvider(e.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &i.url, ClientIDList: []string{"app"}})
		e.refused(err, "InvalidInput", "")
		i.url = "https://" + i.key
		arn := i.known()
		f := e.tenant(nil, nil).federation("Production", func(in *cognitoidentity.CreateIdentityPoolInput) { in.OpenIdConnectProviderARNs = []string{arn} })
		_, err = f.getID(i.logins(nil))
		e.refused(err, "ExternalServiceException", "The keys of "+i.key+" cannot be read.")
	}, gatehousetest.NotDev())
}

// TestSocialProviders_refused: providers whose tokens cannot be checked here
// are refused by name, unknown ones at once.
func TestSocialProviders_refused(t *testing.T) {
	each(t, func(e *env) {
		f := e.tenant(nil, nil).federation("Social", func(in *cognitoidentity.CreateIdentityPoolInput) {
			in.SupportedLoginProviders = map[string]string{"graph.facebook.com": "1", "www.amazon.com": "2", "api.twitter.com": "3;4"}
		})
		for _, name := range []string{"graph.facebook.com", "www.amazon.com", "api.twitter.com"} {
			_, err := f.getID(map[string]string{name: "opaque"})
			e.refused(err, "NotAuthorizedException", "Login provider "+name+" is not available: this server cannot check its tokens.")
		}
		_, err := e.root.Identity.CreateIdentityPool(e.Context(), &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("x"), SupportedLoginProviders: map[string]string{"login.example": "1"}})
		e.refused(err, "InvalidParameterException", "Invalid login provider: login.example")
	})
}
