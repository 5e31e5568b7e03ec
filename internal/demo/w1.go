package demo

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// The stack of the first walk-through: what its tutorial clicks together in the
// console.
const (
	w1Bucket   = "gatehouse-demo"
	w1Role     = "Cognito_MSNIdentityPoolAuth_Role"
	s3Full     = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	w1Inline   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["mobileanalytics:PutEvents","cognito-sync:*","cognito-identity:*"],"Resource":"*"}]}`
	w1Password = "Correct-Horse-7"
)

type stack struct{ pool, client, identityPool, provider string }

// signInAndList is W1: sign up, confirm, sign in by SRP, list a bucket.
func (d *Demo) signInAndList(ctx context.Context) error {
	d.walk = "W1"
	st, err := d.w1Stack(ctx)
	if err != nil {
		return err
	}
	if err := d.w1Bucket(ctx, st); err != nil {
		return err
	}
	tokens, err := d.w1SignIn(ctx, st)
	if err != nil {
		return err
	}
	return d.w1Credentials(ctx, st, tokens)
}

func (d *Demo) w1Stack(ctx context.Context) (st stack, err error) {
	pool, err := d.users.CreateUserPool(ctx, &cip.CreateUserPoolInput{PoolName: aws.String("MSNUserPool"),
		AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
		Schema:                 []types.SchemaAttributeType{{Name: aws.String("email"), Required: aws.Bool(true)}}})
	if err != nil {
		return st, err
	}
	st.pool = *pool.UserPool.Id
	st.provider = d.provider(st.pool)
	client, err := d.users.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{UserPoolId: &st.pool, ClientName: aws.String("web")})
	if err != nil {
		return st, err
	}
	st.client = *client.UserPoolClient.ClientId
	ids, err := d.identities.CreateIdentityPool(ctx, &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("MSNIdentityPool"),
		CognitoIdentityProviders: []identitytypes.CognitoIdentityProvider{{ProviderName: &st.provider, ClientId: &st.client}}})
	if err != nil {
		return st, err
	}
	st.identityPool = *ids.IdentityPoolId
	auth, err := d.role(ctx, w1Role, st.identityPool, "authenticated", w1Inline)
	if err != nil {
		return st, err
	}
	unauth, err := d.role(ctx, "Cognito_MSNIdentityPoolUnauth_Role", st.identityPool, "unauthenticated", w1Inline)
	if err != nil {
		return st, err
	}
	if _, err := d.identities.SetIdentityPoolRoles(ctx, &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &st.identityPool,
		Roles: map[string]string{"authenticated": auth, "unauthenticated": unauth}}); err != nil {
		return st, err
	}
	_, err = d.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(w1Role), PolicyArn: aws.String(s3Full)})
	return st, err
}

func (d *Demo) w1Bucket(ctx context.Context, st stack) error {
	const bucket = "/" + w1Bucket
	put := func(key, mime, text string) request {
		return request{method: http.MethodPut, target: bucket + "/" + key, header: "Content-Type", value: mime, body: text}
	}
	public := func(key string) request {
		return request{method: http.MethodPut, target: bucket + "/" + key + "?acl", header: "X-Amz-Acl", value: "public-read"}
	}
	settings := func(name, document string) request {
		return request{method: http.MethodPut, target: bucket + "?" + name, body: document}
	}
	if err := d.all(ctx, request{method: http.MethodPut, target: bucket}, put("private.txt", "text/plain", "for members\n")); err != nil {
		return err
	}
	_ = d.expect("AccessControlListNotSupported", "root", "PutObjectAcl public-read on a new bucket (owner enforced)", func() error {
		return d.s3(ctx, d.root, public("private.txt"))
	})
	if err := d.all(ctx, settings("ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>")); err != nil {
		return err
	}
	_ = d.expect("AccessDenied", "root", "PutObjectAcl public-read while public access is blocked", func() error {
		return d.s3(ctx, d.root, public("private.txt"))
	})
	if err := d.all(ctx, request{method: http.MethodDelete, target: bucket + "?publicAccessBlock"},
		settings("website", "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>"),
		settings("cors", "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod><AllowedMethod>PUT</AllowedMethod>"+
			"<AllowedMethod>POST</AllowedMethod><AllowedHeader>*</AllowedHeader></CORSRule></CORSConfiguration>")); err != nil {
		return err
	}
	for name, file := range d.pageFiles(st) {
		if err := d.all(ctx, put(name, file.mime, file.text), public(name)); err != nil {
			return err
		}
	}
	scheme, _, _ := strings.Cut(d.target.Endpoint, "://")
	d.Page = scheme + "://" + d.websiteHost(w1Bucket) + "/"
	_ = d.expect(allowed, "anybody", "GET the page at the website endpoint", func() error {
		return d.get(ctx, d.target.Endpoint+"/", d.websiteHost(w1Bucket))
	})
	_ = d.expect("HTTP 403", "anybody", "GET an object that is not public", func() error {
		return d.get(ctx, d.target.Endpoint+"/"+w1Bucket+"/private.txt", "")
	})
	return nil
}

func (d *Demo) w1SignIn(ctx context.Context, st stack) (*types.AuthenticationResultType, error) {
	const name, email = "jane", "jane@example.com"
	err := d.expect(allowed, "Jane", "SignUp with an e-mail address", func() error {
		_, err := d.users.SignUp(ctx, &cip.SignUpInput{ClientId: &st.client, Username: aws.String(name), Password: aws.String(w1Password),
			UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(email)}}})
		return err
	})
	if err != nil {
		return nil, err
	}
	signIn := func(password string) func() error {
		return func() error {
			_, err := d.signIn(ctx, st.pool, st.client, name, password)
			return err
		}
	}
	_ = d.expect("UserNotConfirmedException", "Jane", "sign in before confirming", signIn(w1Password))
	confirm := func(code string) func() error {
		return func() error {
			_, err := d.users.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &st.client, Username: aws.String(name), ConfirmationCode: &code, ForceAliasCreation: true})
			return err
		}
	}
	code, err := d.code(ctx, email)
	if err != nil {
		return nil, err
	}
	_ = d.expect("CodeMismatchException", "Jane", "ConfirmSignUp with a wrong code", confirm(other(code)))
	if err := d.expect(allowed, "Jane", "ConfirmSignUp with the code of the mail", confirm(code)); err != nil {
		return nil, err
	}
	_ = d.expect("NotAuthorizedException", "Jane", "ConfirmSignUp with the same code again", confirm(code))
	_ = d.expect("NotAuthorizedException", "Jane", "SRP sign-in with a wrong password", signIn("Wrong-Horse-7!"))
	var tokens *types.AuthenticationResultType
	if err := d.expect(allowed, "Jane", "SRP sign-in", func() (err error) {
		tokens, err = d.signIn(ctx, st.pool, st.client, name, w1Password)
		return err
	}); err != nil {
		return nil, err
	}
	err = d.expect(allowed, "Jane", "refresh the tokens", func() error {
		_, err := d.users.InitiateAuth(ctx, &cip.InitiateAuthInput{AuthFlow: types.AuthFlowTypeRefreshTokenAuth, ClientId: &st.client,
			AuthParameters: map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken}})
		return err
	})
	return tokens, err
}

// other is a code that differs from the given one.
func other(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

func (d *Demo) w1Credentials(ctx context.Context, st stack, tokens *types.AuthenticationResultType) error {
	_ = d.expect("NotAuthorizedException", "Jane", "GetId with the access token in place of the ID token", func() error {
		_, err := d.getID(ctx, st.identityPool, map[string]string{st.provider: *tokens.AccessToken})
		return err
	})
	_ = d.expect("NotAuthorizedException", "anybody", "GetId without a login", func() error {
		_, err := d.getID(ctx, st.identityPool, nil)
		return err
	})
	var jane aws.Config
	if err := d.expect(allowed, "Jane", "GetId and GetCredentialsForIdentity", func() (err error) {
		_, jane, err = d.credentialsFor(ctx, st.identityPool, st.provider, *tokens.IdToken)
		return err
	}); err != nil {
		return err
	}
	list := func(c aws.Config) func() error {
		return func() error { return d.s3(ctx, c, request{method: http.MethodGet, target: "/" + w1Bucket}) }
	}
	if err := d.expect(allowed, "Jane", "list the bucket with the credentials", list(jane)); err != nil {
		return err
	}
	k, err := jane.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	_ = d.expect("SignatureDoesNotMatch", "a thief", "list with an altered secret key", list(d.config(k.AccessKeyID, flip(k.SecretAccessKey), k.SessionToken)))
	_ = d.expect("InvalidToken", "a thief", "list with an altered session token", list(d.config(k.AccessKeyID, k.SecretAccessKey, flip(k.SessionToken))))
	_ = d.expect("InvalidAccessKeyId", "a thief", "list with a key that nobody gave out", list(d.config("AKIAIOSFODNN7EXAMPLE", k.SecretAccessKey, "")))
	if _, err := d.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String(w1Role), PolicyArn: aws.String(s3Full)}); err != nil {
		return err
	}
	_ = d.expect("AccessDenied", "Jane", "list with the same credentials after the policy was detached", list(jane))
	_, err = d.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(w1Role), PolicyArn: aws.String(s3Full)})
	return err
}

// flip changes one character in the middle of a text.
func flip(s string) string {
	i := len(s) / 2
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

func (d *Demo) getID(ctx context.Context, pool string, logins map[string]string) (string, error) {
	out, err := d.identities.GetId(ctx, &cognitoidentity.GetIdInput{AccountId: &d.target.Account, IdentityPoolId: &pool, Logins: logins})
	if err != nil {
		return "", err
	}
	return *out.IdentityId, nil
}

func (d *Demo) getCredentials(ctx context.Context, id string, logins map[string]string) (aws.Config, error) {
	out, err := d.identities.GetCredentialsForIdentity(ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: &id, Logins: logins})
	if err != nil {
		return aws.Config{}, err
	}
	c := out.Credentials
	return d.config(*c.AccessKeyId, *c.SecretKey, *c.SessionToken), nil
}
