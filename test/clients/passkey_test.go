package clients_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
	"gatehouse/test/awsclient"
)

// TestBrowser_passkey registers a passkey with Chromium's own authenticator, at
// a page of the relying party localhost, and signs in with it.
func TestBrowser_passkey(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			s := gatehousetest.Start(t, on(t, kind)...)
			root := awsclient.New(awsclient.Target{URL: s.URL, Region: s.Region}, s.AccessKeyID, s.SecretKey, "")
			client, ann := passkeyUser(t, root)
			list := func() []types.WebAuthnCredentialDescription {
				t.Helper()
				out, err := root.IDP.ListWebAuthnCredentials(t.Context(), &idp.ListWebAuthnCredentialsInput{AccessToken: &ann})
				if err != nil {
					t.Fatal(err)
				}
				return out.Credentials
			}
			page := passkeyPage(t)
			b := newBrowser(t)
			b.authenticator()
			b.open(strings.Replace(page, "localhost", "127.0.0.1", 1))
			if got := b.register(s.URL, ann); got != "refused: SecurityError" {
				t.Errorf("at a page of another domain: %s", got)
			}
			b.open(page)
			if got := b.register(s.URL, "x"); got != "refused: NotAuthorizedException" {
				t.Errorf("without an access token: %s", got)
			}
			registration := b.register(s.URL, ann)
			keys := list()
			if len(keys) != 1 || *keys[0].RelyingPartyId != "localhost" || aws.ToString(keys[0].AuthenticatorAttachment) != "platform" ||
				len(keys[0].AuthenticatorTransports) != 1 || keys[0].AuthenticatorTransports[0] != "internal" {
				t.Fatalf("registered %+v with %s", keys, registration)
			}
			// The authenticator is told which passkeys there are, and makes no other.
			if got := b.register(s.URL, ann); got != "refused: InvalidStateError" || len(list()) != 1 {
				t.Errorf("once more: %s, %+v", got, list())
			}
			passkeySignIn(t, b, root, client)

			if _, err := root.IDP.DeleteWebAuthnCredential(t.Context(), &idp.DeleteWebAuthnCredentialInput{AccessToken: &ann, CredentialId: keys[0].CredentialId}); err != nil || len(list()) != 0 {
				t.Errorf("deleted: %v, %+v", err, list())
			}
		})
	}
}

// passkeySignIn signs the user in with the browser's authenticator, and shows
// its answer once more.
func passkeySignIn(t *testing.T, b *browser, root *awsclient.Clients, client string) {
	t.Helper()
	asked, err := root.IDP.InitiateAuth(t.Context(), &idp.InitiateAuthInput{ClientId: &client, AuthFlow: "USER_AUTH",
		AuthParameters: map[string]string{"USERNAME": "ann", "PREFERRED_CHALLENGE": "WEB_AUTHN"}})
	if err != nil || asked.ChallengeName != "WEB_AUTHN" {
		t.Fatalf("asked for %+v, %v", asked, err)
	}
	answer := b.answer(asked.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"])
	respond := func() (*idp.RespondToAuthChallengeOutput, error) {
		return root.IDP.RespondToAuthChallenge(t.Context(), &idp.RespondToAuthChallengeInput{ClientId: &client, ChallengeName: "WEB_AUTHN", Session: asked.Session,
			ChallengeResponses: map[string]string{"USERNAME": "ann", "CREDENTIAL": answer}})
	}
	if out, err := respond(); err != nil || out.AuthenticationResult == nil {
		t.Fatalf("the browser's %s: %+v, %v", answer, out, err)
	}
	var refused *types.NotAuthorizedException
	if _, err := respond(); !errors.As(err, &refused) {
		t.Errorf("a second time: %v", err)
	}
}

// passkeyUser makes a pool whose users have passkeys at localhost, and signs a
// user of it in.
func passkeyUser(t *testing.T, root *awsclient.Clients) (client, accessToken string) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := root.IDP.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("keys"), Policies: &types.UserPoolPolicyType{
		SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "WEB_AUTHN"}}}})
	ok(err)
	pool := p.UserPool.Id
	_, err = root.IDP.SetUserPoolMfaConfig(t.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: pool,
		WebAuthnConfiguration: &types.WebAuthnConfigurationType{RelyingPartyId: aws.String("localhost"), UserVerification: "required"}})
	ok(err)
	c, err := root.IDP.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: pool, ClientName: aws.String("page"),
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"}})
	ok(err)
	name, password := "ann", "Correct-Horse-7"
	_, err = root.IDP.AdminCreateUser(t.Context(), &idp.AdminCreateUserInput{UserPoolId: pool, Username: &name, MessageAction: "SUPPRESS"})
	ok(err)
	_, err = root.IDP.AdminSetUserPassword(t.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: pool, Username: &name, Password: &password, Permanent: true})
	ok(err)
	in, err := root.IDP.InitiateAuth(t.Context(), &idp.InitiateAuthInput{ClientId: c.UserPoolClient.ClientId, AuthFlow: "USER_PASSWORD_AUTH",
		AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password}})
	ok(err)
	return *c.UserPoolClient.ClientId, *in.AuthenticationResult.AccessToken
}

// passkeyPage serves the page at localhost and returns its URL.
func passkeyPage(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "page/passkey.html") }))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// authenticator gives the browser one that is built in and knows its user.
func (b *browser) authenticator() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	}
	if err != nil {
		b.t.Fatalf("the browser's authenticator: %v", err)
	}
}

// register makes a passkey at the page; it returns the authenticator's answer,
// or "refused: " and the name of the error.
func (b *browser) register(endpoint, accessToken string) string {
	b.t.Helper()
	return b.promised(fmt.Sprintf("register(%q, %q)", endpoint, accessToken))
}

// answer is the CREDENTIAL with which the authenticator answers
// CREDENTIAL_REQUEST_OPTIONS at the page.
func (b *browser) answer(options string) string {
	b.t.Helper()
	return b.promised(fmt.Sprintf("answer(%q)", options))
}

func (b *browser) promised(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return text
}
