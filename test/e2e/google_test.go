package e2e_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/gatehousetest"
)

// google stands in for https://accounts.google.com: its discovery, its keys and
// its tokens. Whatever else is asked fails, as on a machine without a network.
type google struct{ signing jose.JSONWebKey }

func newGoogle(t *testing.T) *google {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &google{jose.JSONWebKey{Key: k, KeyID: "g", Use: "sig"}}
}

func (g *google) RoundTrip(r *http.Request) (*http.Response, error) {
	var v any
	switch r.URL.String() {
	case "https://accounts.google.com/.well-known/openid-configuration":
		v = map[string]string{"issuer": "https://accounts.google.com", "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs"}
	case "https://www.googleapis.com/oauth2/v3/certs":
		v = map[string]any{"keys": []any{g.signing.Public()}}
	default:
		return nil, errors.New("no network to " + r.URL.Host)
	}
	body, err := json.Marshal(v)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, err
}

func (g *google) token(e *env, change map[string]any) string {
	e.Helper()
	c := map[string]any{"iss": "https://accounts.google.com", "sub": "1180", "aud": "web.apps.googleusercontent.com", "exp": e.server.Now().Add(time.Hour).Unix()}
	maps.Copy(c, change)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: g.signing}, nil)
	e.ok(err)
	text, err := jwt.Signed(s).Claims(c).Serialize()
	e.ok(err)
	return text
}

// TestAssumeRoleWithWebIdentity_google: trust policies may name
// accounts.google.com without a provider of IAM, and say for which clients.
func TestAssumeRoleWithWebIdentity_google(t *testing.T) {
	g := newGoogle(t)
	each(t, func(e *env) {
		ctx := e.Context()
		trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"accounts.google.com:aud":"web.apps.googleusercontent.com"}}}}`
		r, err := e.root.IAM.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: &trust})
		e.ok(err)
		_, err = e.root.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("web"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"accounts.google.com:sub":"1180","aws:FederatedProvider":"accounts.google.com"}}},
			{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*","Condition":{"StringEquals":{"accounts.google.com:oaud":"back.apps.googleusercontent.com"}}}]}`)})
		e.ok(err)
		exchange := func(token string, provider *string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
			return e.anyone.STS.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: r.Role.Arn, RoleSessionName: aws.String("app"), WebIdentityToken: &token, ProviderId: provider})
		}
		const no = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
		_, err = exchange(g.token(e, map[string]any{"aud": "somebody-else"}), nil)
		e.refused(err, "AccessDenied", no)
		_, err = exchange(g.token(e, map[string]any{"azp": "somebody-else"}), nil)
		e.refused(err, "AccessDenied", no)
		_, err = exchange(g.token(e, map[string]any{"exp": e.server.Now().Add(-time.Hour).Unix()}), nil)
		e.refused(err, "ExpiredTokenException", "")
		_, err = exchange(g.token(e, map[string]any{"iss": "http://accounts.google.com"}), nil)
		e.refused(err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for http://accounts.google.com")
		_, err = exchange(g.token(e, map[string]any{"iss": "https://accounts.google.com/o"}), nil)
		e.refused(err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://accounts.google.com/o")
		_, err = exchange(newGoogle(e.T).token(e, nil), nil)
		e.refused(err, "InvalidIdentityToken", "")
		for _, provider := range []string{"www.amazon.com", "graph.facebook.com"} {
			_, err = exchange("Atza|opaque-access-token", &provider)
			e.refused(err, "InvalidIdentityToken", "Access tokens of "+provider+" are not taken here: only the provider can read them.")
		}
		_, err = exchange(g.token(e, nil), aws.String("accounts.google.com"))
		e.refused(err, "InvalidParameterValue", "")

		for _, iss := range []string{"https://accounts.google.com", "accounts.google.com"} {
			out, err := exchange(g.token(e, map[string]any{"iss": iss}), nil)
			e.ok(err)
			if *out.Provider != iss || *out.Audience != "web.apps.googleusercontent.com" || *out.SubjectFromWebIdentityToken != "1180" {
				e.Errorf("%+v", out)
			}
			session := e.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
			_, err = session.IAM.ListUsers(ctx, &iam.ListUsersInput{})
			e.ok(err)
			_, err = session.IAM.ListRoles(ctx, &iam.ListRolesInput{})
			e.refused(err, "AccessDenied", "")
		}
		// A token for a back end names the app that got it in azp.
		out, err := exchange(g.token(e, map[string]any{"azp": "web.apps.googleusercontent.com", "aud": "back.apps.googleusercontent.com"}), nil)
		e.ok(err)
		_, err = e.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken).IAM.ListRoles(ctx, &iam.ListRolesInput{})
		e.ok(err)

		// A provider of IAM for the same issuer stands before the built-in one:
		// its client ids count, and the trust policy has to name its ARN.
		_, err = e.root.IAM.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://accounts.google.com"), ClientIDList: []string{"web.apps.googleusercontent.com"}})
		e.ok(err)
		_, err = exchange(g.token(e, nil), nil)
		e.refused(err, "AccessDenied", no)
		_, err = e.root.IAM.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("web"),
			PolicyDocument: aws.String(strings.Replace(trust, `"Federated":"accounts.google.com"`, `"Federated":"arn:aws:iam::`+e.server.Account+`:oidc-provider/accounts.google.com"`, 1))})
		e.ok(err)
		_, err = exchange(g.token(e, nil), nil)
		e.ok(err)
		_, err = exchange(g.token(e, map[string]any{"aud": "somebody-else"}), nil)
		e.refused(err, "InvalidIdentityToken", "Incorrect token audience")
	}, gatehousetest.Providers(g))
}
