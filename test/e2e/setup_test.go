// Package e2e_test uses a whole server as its users do, through AWS's own SDK
// for Go, on the embedded store and on PostgreSQL: the walk-throughs W1 and W2
// with every call that must succeed and every one that must be denied, and the
// refusals of each operation, a file a subject.
//
// What a newcomer gets wrong: a test that expects a refusal names code and
// message. "Some error" would also pass when the server is broken.
package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
	"gatehouse/test/awsclient"
)

// env is a server and its callers.
type env struct {
	*testing.T
	server *gatehousetest.Server
	root   *awsclient.Clients
	anyone *awsclient.Clients // signs nothing
	http   *http.Client
	opts   []gatehousetest.Option
}

// each runs a test on a server of each kind of store.
func each(t *testing.T, test func(e *env), opts ...gatehousetest.Option) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(start(t, append(on(t, kind), opts...)...))
		})
	}
}

// on are the options for a store of a kind.
func on(t *testing.T, kind string) []gatehousetest.Option {
	if kind == "postgres" {
		return []gatehousetest.Option{gatehousetest.PostgreSQL(storetest.Postgres(t).URL)}
	}
	return nil
}

func start(t *testing.T, opts ...gatehousetest.Option) *env {
	s := gatehousetest.Start(t, append([]gatehousetest.Option{gatehousetest.LambdaEndpoint(lambdas().url)}, opts...)...)
	e := &env{T: t, server: s, http: s.Client(), opts: opts}
	e.root = e.as(s.AccessKeyID, s.SecretKey, "")
	e.anyone = awsclient.Anonymous(e.target())
	return e
}

// restart stops the server and starts another one on the same data.
func (e *env) restart() *env {
	e.server.Stop()
	return e.another()
}

// another starts a second server on the same data and under the same name.
func (e *env) another() *env {
	return start(e.T, append(e.opts[:len(e.opts):len(e.opts)], gatehousetest.Data(e.server.Data), gatehousetest.PublicURL(e.server.URL))...)
}

func (e *env) target() awsclient.Target {
	return awsclient.Target{URL: e.server.URL, Region: e.server.Region, HTTP: e.http, Now: e.server.Now}
}

// as are clients with another caller's credentials.
func (e *env) as(accessKeyID, secretKey, sessionToken string) *awsclient.Clients {
	return awsclient.New(e.target(), accessKeyID, secretKey, sessionToken)
}

// ok ends the test for an error.
func (e *env) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// refused wants an error of a code whose message is want, or matches it when
// it is written as a regular expression between slashes. An empty message is
// any. It reports whether that is so.
func (e *env) refused(err error, code, want string) bool {
	e.Helper()
	if err == nil {
		e.Errorf("succeeded, but must be refused with %s: %s", code, want)
		return false
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		e.Errorf("not an answer of the API: %v", err)
		return false
	}
	if api.ErrorCode() != code || !says(api.ErrorMessage(), want) {
		e.Errorf("refused with\n\t%s: %s\nwant\n\t%s: %s", api.ErrorCode(), api.ErrorMessage(), code, want)
		return false
	}
	return true
}

func says(got, want string) bool {
	if pattern, ok := strings.CutPrefix(want, "/"); ok && strings.HasSuffix(pattern, "/") {
		return regexp.MustCompile(strings.TrimSuffix(pattern, "/")).MatchString(got)
	}
	return want == "" || got == want
}

// tenant is a user pool with one client.
type tenant struct {
	*env
	pool   string
	client string
	secret string // of the client, if it has one
}

// The password of the tests' users, and another one.
const (
	password      = "Correct-Horse-7"
	otherPassword = "Battery-Staple-8"
)

// tenant makes a pool that mails codes, and a client for every flow without a
// secret. The functions change what is asked for.
func (e *env) tenant(pool func(*idp.CreateUserPoolInput), client func(*idp.CreateUserPoolClientInput)) *tenant {
	e.Helper()
	in := &idp.CreateUserPoolInput{PoolName: aws.String("people"), AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"}}
	if pool != nil {
		pool(in)
	}
	p, err := e.root.IDP.CreateUserPool(e.Context(), in)
	e.ok(err)
	n := &tenant{env: e, pool: *p.UserPool.Id}
	n.client, n.secret = n.newClient(client)
	return n
}

var everyFlow = []types.ExplicitAuthFlowsType{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}

// newClient makes a further client.
func (n *tenant) newClient(change func(*idp.CreateUserPoolClientInput)) (id, secret string) {
	n.Helper()
	in := &idp.CreateUserPoolClientInput{UserPoolId: &n.pool, ClientName: aws.String("app"), ExplicitAuthFlows: everyFlow}
	if change != nil {
		change(in)
	}
	c, err := n.root.IDP.CreateUserPoolClient(n.Context(), in)
	n.ok(err)
	return *c.UserPoolClient.ClientId, aws.ToString(c.UserPoolClient.ClientSecret)
}

// with is the tenant with another client of its pool.
func (n *tenant) with(client, secret string) *tenant {
	return &tenant{n.env, n.pool, client, secret}
}

// hash is SECRET_HASH for a name, or nil for a client without a secret.
func (n *tenant) hash(username string) *string {
	if n.secret == "" {
		return nil
	}
	return aws.String(awsclient.SecretHash(n.secret, username, n.client))
}

// hashed adds SECRET_HASH to parameters.
func (n *tenant) hashed(username string, parameters map[string]string) map[string]string {
	if h := n.hash(username); h != nil {
		parameters["SECRET_HASH"] = *h
	}
	return parameters
}

func email(username string) string { return username + "@example.com" }

// signUp registers a user who has an e-mail address.
func (n *tenant) signUp(username, password string) (*idp.SignUpOutput, error) {
	return n.anyone.IDP.SignUp(n.Context(), &idp.SignUpInput{ClientId: &n.client, Username: &username, Password: &password, SecretHash: n.hash(username),
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(email(username))}}})
}

func (n *tenant) confirm(username, code string) error {
	_, err := n.anyone.IDP.ConfirmSignUp(n.Context(), &idp.ConfirmSignUpInput{ClientId: &n.client, Username: &username, ConfirmationCode: &code, SecretHash: n.hash(username)})
	return err
}

// user signs a user up and confirms with the code that was mailed.
func (n *tenant) user(username string) string {
	n.Helper()
	_, err := n.signUp(username, password)
	n.ok(err)
	n.ok(n.confirm(username, n.server.Code(email(username))))
	return username
}

// login signs in with the password in clear.
func (n *tenant) login(username, password string) (*idp.InitiateAuthOutput, error) {
	return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "USER_PASSWORD_AUTH",
		AuthParameters: n.hashed(username, map[string]string{"USERNAME": username, "PASSWORD": password})})
}

// tokens signs in and must get tokens.
func (n *tenant) tokens(username string) *types.AuthenticationResultType {
	n.Helper()
	out, err := n.login(username, password)
	n.ok(err)
	if out.AuthenticationResult == nil {
		n.Fatalf("%s got the challenge %s in place of tokens", username, out.ChallengeName)
	}
	return out.AuthenticationResult
}

// startSRP asks for the challenge PASSWORD_VERIFIER.
func (n *tenant) startSRP(username string) (*awsclient.SRP, map[string]string, error) {
	h := awsclient.NewSRP()
	out, err := n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "USER_SRP_AUTH",
		AuthParameters: n.hashed(username, map[string]string{"USERNAME": username, "SRP_A": h.A()})})
	if err != nil {
		return nil, nil, err
	}
	if out.ChallengeName != "PASSWORD_VERIFIER" {
		return nil, nil, fmt.Errorf("the challenge is %q, not PASSWORD_VERIFIER", out.ChallengeName)
	}
	return h, out.ChallengeParameters, nil
}

// answerSRP answers a challenge PASSWORD_VERIFIER.
func (n *tenant) answerSRP(h *awsclient.SRP, challenge map[string]string, password string) (*idp.RespondToAuthChallengeOutput, error) {
	answer, err := h.Answer(n.pool, password, challenge, n.server.Now())
	if err != nil {
		return nil, err
	}
	return n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "PASSWORD_VERIFIER",
		ChallengeResponses: n.hashed(answer["USERNAME"], answer)})
}

// srp signs in with SRP.
func (n *tenant) srp(username, password string) (*idp.RespondToAuthChallengeOutput, error) {
	h, challenge, err := n.startSRP(username)
	if err != nil {
		return nil, err
	}
	return n.answerSRP(h, challenge, password)
}

func (n *tenant) refresh(token string) (*idp.InitiateAuthOutput, error) {
	return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "REFRESH_TOKEN_AUTH",
		AuthParameters: map[string]string{"REFRESH_TOKEN": token}})
}

func (n *tenant) getUser(accessToken string) (*idp.GetUserOutput, error) {
	return n.anyone.IDP.GetUser(n.Context(), &idp.GetUserInput{AccessToken: &accessToken})
}

// provider is the pool's name among an identity pool's logins.
func (n *tenant) provider() string {
	return "cognito-idp." + n.server.Region + ".amazonaws.com/" + n.pool
}

func (n *tenant) logins(idToken string) map[string]string {
	return map[string]string{n.provider(): idToken}
}

// federation is an identity pool over a tenant, with its roles.
type federation struct {
	*tenant
	id            string
	role, guest   string // names
	roleARN, gARN string
}

// trust is the trust policy that AWS's console writes for an identity pool.
func trust(identityPool, amr string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},` +
		`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + identityPool + `"},` +
		`"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"` + amr + `"}}}]}`
}

// consolePolicy is the inline policy that AWS's console gives such a role.
const consolePolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["mobileanalytics:PutEvents","cognito-sync:*","cognito-identity:*"],"Resource":["*"]}]}`

// federation makes an identity pool and its two roles as the console does.
func (n *tenant) federation(name string, change func(*cognitoidentity.CreateIdentityPoolInput)) *federation {
	n.Helper()
	in := &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: &name, CognitoIdentityProviders: []identitytypes.CognitoIdentityProvider{
		{ProviderName: aws.String(n.provider()), ClientId: &n.client}}}
	if change != nil {
		change(in)
	}
	p, err := n.root.Identity.CreateIdentityPool(n.Context(), in)
	n.ok(err)
	f := &federation{tenant: n, id: *p.IdentityPoolId, role: "Cognito_" + name + "Auth_Role", guest: "Cognito_" + name + "Unauth_Role"}
	f.roleARN = f.makeRole(f.role, trust(f.id, "authenticated"))
	f.gARN = f.makeRole(f.guest, trust(f.id, "unauthenticated"))
	_, err = n.root.Identity.SetIdentityPoolRoles(n.Context(), &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &f.id,
		Roles: map[string]string{"authenticated": f.roleARN, "unauthenticated": f.gARN}})
	n.ok(err)
	return f
}

func (e *env) makeRole(name, trust string) (arn string) {
	e.Helper()
	r, err := e.root.IAM.CreateRole(e.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	e.ok(err)
	_, err = e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("oneClick"), PolicyDocument: aws.String(consolePolicy)})
	e.ok(err)
	return *r.Role.Arn
}

// getID and credentials are the two calls of the enhanced flow.
func (f *federation) getID(logins map[string]string) (string, error) {
	out, err := f.anyone.Identity.GetId(f.Context(), &cognitoidentity.GetIdInput{IdentityPoolId: &f.id, Logins: logins})
	if err != nil {
		return "", err
	}
	return *out.IdentityId, nil
}

func (f *federation) credentials(identity string, logins map[string]string) (*identitytypes.Credentials, error) {
	out, err := f.anyone.Identity.GetCredentialsForIdentity(f.Context(), &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: &identity, Logins: logins})
	if err != nil {
		return nil, err
	}
	return out.Credentials, nil
}

// assume goes the whole way from an ID token to clients of the role.
func (f *federation) assume(idToken string) (*awsclient.Clients, *identitytypes.Credentials) {
	f.Helper()
	id, err := f.getID(f.logins(idToken))
	f.ok(err)
	c, err := f.credentials(id, f.logins(idToken))
	f.ok(err)
	return f.as(*c.AccessKeyId, *c.SecretKey, *c.SessionToken), c
}

// answer is a raw answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// kind is the type of an error answer.
func (a *answer) kind() string {
	var b struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(a.body, &b)
	return b.Type
}

func (a *answer) message() string {
	var b map[string]any
	_ = json.Unmarshal(a.body, &b)
	for _, name := range []string{"message", "Message"} {
		if m, ok := b[name].(string); ok {
			return m
		}
	}
	return ""
}

// post sends a body that no SDK would send to a JSON operation, signed by
// signer unless that is nil.
func (e *env) post(signer *awsclient.Clients, service, target, body string) *answer {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), http.MethodPost, e.server.URL+"/", strings.NewReader(body))
	e.ok(err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	if signer != nil {
		sum := sha256.Sum256([]byte(body))
		e.ok(signer.Sign(r, hex.EncodeToString(sum[:]), service))
	}
	return e.do(r)
}

func (e *env) do(r *http.Request) *answer {
	e.Helper()
	resp, err := e.http.Do(r)
	e.ok(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	e.ok(err)
	return &answer{resp.StatusCode, resp.Header, bytes.TrimSpace(body)}
}

// get fetches a URL without credentials.
func (e *env) get(url string, header ...string) *answer {
	e.Helper()
	return e.request(http.MethodGet, url, header...)
}

func (e *env) request(method, url string, header ...string) *answer {
	e.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(e.Context()), method, url, nil)
	e.ok(err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return e.do(r)
}

// attribute is one of a list of attributes.
func attribute(list []types.AttributeType, name string) string {
	for _, a := range list {
		if *a.Name == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}

func attributes(pairs ...string) []types.AttributeType {
	var list []types.AttributeType
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, types.AttributeType{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}
