package demo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const (
	w2Policy   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cognito-identity:GetCredentialsForIdentity","s3:ListAllMyBuckets"],"Resource":"*"}]}`
	w2Password = "Battery-Staple-8"
)

// tokensForCredentials is W2 from its third step: an ID token, got by
// InitiateAuth with a client secret, is traded for credentials that list
// buckets.
func (d *Demo) tokensForCredentials(ctx context.Context) error {
	d.walk = "W2"
	st, secret, err := d.w2Stack(ctx)
	if err != nil {
		return err
	}
	john, err := d.w2User(ctx, st, secret, "john", "john@example.com")
	if err != nil {
		return err
	}
	rose, err := d.w2User(ctx, st, secret, "rose", "rose@example.com")
	if err != nil {
		return err
	}
	_ = d.expect("NotAuthorizedException", "John", "sign in with the hash of another client secret", func() error {
		_, err := d.passwordSignIn(ctx, st, flip(secret), "john")
		return err
	})
	logins := map[string]string{st.provider: john}
	var first string
	if err := d.expect(allowed, "John", "get-id", func() (err error) { first, err = d.getID(ctx, st.identityPool, logins); return err }); err != nil {
		return err
	}
	_ = d.expect(allowed, "John", "get-id again gives the same identity", func() error {
		again, err := d.getID(ctx, st.identityPool, logins)
		if err == nil && again != first {
			return errors.New("another identity")
		}
		return err
	})
	_ = d.expect("NotAuthorizedException", "John", "get-id in another account", func() error {
		_, err := d.identities.GetId(ctx, &cognitoidentity.GetIdInput{AccountId: aws.String("999999999999"), IdentityPoolId: &st.identityPool, Logins: logins})
		return err
	})
	get := func(logins map[string]string) func() error {
		return func() error { _, err := d.getCredentials(ctx, first, logins); return err }
	}
	_ = d.expect("NotAuthorizedException", "anybody", "get-credentials for John's identity without a login", get(nil))
	_ = d.expect("NotAuthorizedException", "Rose", "get-credentials for John's identity with Rose's token", get(map[string]string{st.provider: rose}))
	var c aws.Config
	if err := d.expect(allowed, "John", "get-credentials-for-identity", func() (err error) { c, err = d.getCredentials(ctx, first, logins); return err }); err != nil {
		return err
	}
	_ = d.expect(allowed, "John", "list the buckets", func() error { return d.s3(ctx, c, request{method: http.MethodGet, target: "/"}) })
	_ = d.expect("AccessDenied", "John", "list objects, which his role does not allow", func() error {
		return d.s3(ctx, c, request{method: http.MethodGet, target: "/" + w1Bucket})
	})
	if !d.target.MayAdvance {
		return nil // the server stays up for people, whose clocks do not move
	}
	if err := d.advance(ctx, time.Hour+time.Minute); err != nil {
		return err
	}
	_ = d.expect("NotAuthorizedException", "John", "get-credentials an hour later with the expired token", get(logins))
	return nil
}

func (d *Demo) w2Stack(ctx context.Context) (st stack, secret string, err error) {
	pool, err := d.users.CreateUserPool(ctx, &cip.CreateUserPoolInput{PoolName: aws.String("postman"),
		AliasAttributes:        []types.AliasAttributeType{types.AliasAttributeTypeEmail},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail}})
	if err != nil {
		return st, "", err
	}
	st.pool = *pool.UserPool.Id
	st.provider = d.provider(st.pool)
	client, err := d.users.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{UserPoolId: &st.pool, ClientName: aws.String("postman"), GenerateSecret: true,
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserPasswordAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth}})
	if err != nil {
		return st, "", err
	}
	st.client, secret = *client.UserPoolClient.ClientId, *client.UserPoolClient.ClientSecret
	ids, err := d.identities.CreateIdentityPool(ctx, &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("postman"),
		CognitoIdentityProviders: []identitytypes.CognitoIdentityProvider{{ProviderName: &st.provider, ClientId: &st.client, ServerSideTokenCheck: aws.Bool(true)}}})
	if err != nil {
		return st, "", err
	}
	st.identityPool = *ids.IdentityPoolId
	role, err := d.role(ctx, "postman-authenticated", st.identityPool, "authenticated", w2Policy)
	if err != nil {
		return st, "", err
	}
	_, err = d.identities.SetIdentityPoolRoles(ctx, &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &st.identityPool, Roles: map[string]string{"authenticated": role}})
	return st, secret, err
}

// w2User makes a user as an administrator and signs in by e-mail address; the
// result is the ID token.
func (d *Demo) w2User(ctx context.Context, st stack, secret, name, email string) (string, error) {
	if _, err := d.users.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &st.pool, Username: &name, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: &email}, {Name: aws.String("email_verified"), Value: aws.String("true")}}}); err != nil {
		return "", err
	}
	if _, err := d.users.AdminSetUserPassword(ctx, &cip.AdminSetUserPasswordInput{UserPoolId: &st.pool, Username: &name, Password: aws.String(w2Password), Permanent: true}); err != nil {
		return "", err
	}
	return d.passwordSignIn(ctx, st, secret, email)
}

func (d *Demo) passwordSignIn(ctx context.Context, st stack, secret, user string) (string, error) {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(user + st.client))
	out, err := d.users.InitiateAuth(ctx, &cip.InitiateAuthInput{AuthFlow: types.AuthFlowTypeUserPasswordAuth, ClientId: &st.client,
		AuthParameters: map[string]string{"USERNAME": user, "PASSWORD": w2Password, "SECRET_HASH": base64.StdEncoding.EncodeToString(m.Sum(nil))}})
	if err != nil {
		return "", err
	}
	return *out.AuthenticationResult.IdToken, nil
}
