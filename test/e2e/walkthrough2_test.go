package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestWalkthrough2 is W2 from its third step: aliases, a client with a secret,
// an identity pool of the new console, S3 by path.
func TestWalkthrough2(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) { in.AliasAttributes = []types.AliasAttributeType{"email"} },
			func(in *idp.CreateUserPoolClientInput) { in.GenerateSecret = true })
		n.user("ann")
		n.user("bob")
		f := n.federation("Postman", nil)
		_, err := e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("oneClick"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cognito-identity:GetCredentialsForIdentity"],"Resource":["*"]},` +
				`{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":["arn:aws:s3:::postman","arn:aws:s3:::postman/*"]}]}`)})
		e.ok(err)
		_, err = e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("postman")})
		e.ok(err)
		e.put("postman", "hello.txt", "text/plain", "hello")
		_, err = e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("others")})
		e.ok(err)

		// Sign-in by alias: the address stands for the name.
		signedIn, err := n.login(email("ann"), password)
		e.ok(err)
		ann := signedIn.AuthenticationResult
		bob := n.tokens("bob")
		logins := f.logins(*ann.IdToken)

		getID := func(account string) (string, error) {
			out, err := e.anyone.Identity.GetId(e.Context(), &cognitoidentity.GetIdInput{AccountId: &account, IdentityPoolId: &f.id, Logins: logins})
			if err != nil {
				return "", err
			}
			return *out.IdentityId, nil
		}
		id, err := getID(e.server.Account)
		e.ok(err)
		if second, err := getID(e.server.Account); err != nil || second != id {
			e.Errorf("get-id gives %s, then %s (%v)", id, second, err)
		}
		_, err = getID("123456789012")
		e.refused(err, "NotAuthorizedException", "")

		user, _ := f.assume(*ann.IdToken)
		who, err := user.STS.GetCallerIdentity(e.Context(), &sts.GetCallerIdentityInput{})
		e.ok(err)
		if want := "arn:aws:sts::" + e.server.Account + ":assumed-role/" + f.role + "/CognitoIdentityCredentials"; *who.Arn != want || *who.Account != e.server.Account {
			e.Errorf("the caller is %s, want %s", *who.Arn, want)
		}
		listed, err := e.keys(user, "postman")
		e.ok(err)
		if len(listed) != 1 || listed[0] != "hello.txt" {
			e.Errorf("the list shows %v", listed)
		}
		_, err = user.S3.ListBuckets(e.Context(), nil)
		e.refused(err, "AccessDenied", "/is not authorized to perform: s3:ListAllMyBuckets /")
		_, err = e.keys(user, "others")
		e.refused(err, "AccessDenied", "/is not authorized to perform: s3:ListBucket /")
		_, err = user.S3.PutObject(e.Context(), &s3.PutObjectInput{Bucket: aws.String("postman"), Key: aws.String("mine"), Body: strings.NewReader("x")})
		e.refused(err, "AccessDenied", "/is not authorized to perform: s3:PutObject /")
		_, err = e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("all"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}}`)})
		e.ok(err)
		buckets, err := user.S3.ListBuckets(e.Context(), nil)
		e.ok(err)
		if len(buckets.Buckets) != 2 {
			e.Errorf("%d buckets are listed", len(buckets.Buckets))
		}

		// Credentials of an identity only for who it is.
		_, err = f.credentials(id, nil)
		e.refused(err, "NotAuthorizedException", "Access to Identity '"+id+"' is forbidden.")
		bobID, err := f.getID(f.logins(*bob.IdToken))
		e.ok(err)
		if bobID == id {
			e.Error("two users are one identity")
		}
		_, err = f.credentials(id, f.logins(*bob.IdToken))
		e.refused(err, "NotAuthorizedException", "Logins don't match. Please include at least one valid login for this identity or identity pool.")

		e.loginTokens(f, ann)

		// The secret of the client.
		for name, c := range map[string]struct{ secret, message string }{
			"missing": {"", "Client " + n.client + " is configured with secret but SECRET_HASH was not received"},
			"wrong":   {n.secret[1:] + "0", "SecretHash does not match for the client: " + n.client},
		} {
			_, err := n.with(n.client, c.secret).login("ann", password)
			if !e.refused(err, "NotAuthorizedException", c.message) {
				e.Log(name)
			}
		}

		e.server.Advance(time.Hour + time.Second)
		_, err = f.getID(logins)
		e.refused(err, "NotAuthorizedException", `/^Invalid login token\. Token expired: [0-9]+ >= [0-9]+$/`)
	})
}

// loginTokens are the tokens that an identity pool must not take.
func (e *env) loginTokens(f *federation, ann *types.AuthenticationResultType) {
	e.Helper()
	elsewhere := e.tenant(nil, nil)
	elsewhere.user("ann")
	otherPool := elsewhere.tokens("ann")
	otherClient, secret := f.newClient(nil)
	ofOtherClient := f.with(otherClient, secret).tokens("ann")
	const unsupported = "Token is not from a supported provider of this identity pool."
	for name, c := range map[string]struct{ provider, token, code, message string }{
		"access token":         {f.provider(), *ann.AccessToken, "NotAuthorizedException", "Invalid login token. Missing a required claim: aud"},
		"refresh token":        {f.provider(), *ann.RefreshToken, "NotAuthorizedException", "Invalid login token. Not a valid OpenId Connect identity token."},
		"no token":             {f.provider(), "ann", "NotAuthorizedException", "Invalid login token. Not a valid OpenId Connect identity token."},
		"altered":              {f.provider(), alter(*ann.IdToken), "NotAuthorizedException", "Invalid login token. Couldn't verify signed token."},
		"unsigned":             {f.provider(), unsigned(*ann.IdToken), "NotAuthorizedException", "Invalid login token. Couldn't verify signed token."},
		"another pool's name":  {elsewhere.provider(), *otherPool.IdToken, "NotAuthorizedException", unsupported},
		"another pool's token": {f.provider(), *otherPool.IdToken, "NotAuthorizedException", "Invalid login token. Issuer doesn't match providerName"},
		"another client":       {f.provider(), *ofOtherClient.IdToken, "NotAuthorizedException", unsupported},
		"another provider":     {"accounts.google.com", *ann.IdToken, "NotAuthorizedException", unsupported},
	} {
		_, err := f.getID(map[string]string{c.provider: c.token})
		if !e.refused(err, c.code, c.message) {
			e.Log(name)
		}
	}
	_, err := f.getID(map[string]string{f.provider(): *ann.IdToken, "accounts.google.com": *ann.IdToken})
	e.refused(err, "NotAuthorizedException", unsupported)
	_, err = f.getID(nil)
	e.refused(err, "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
	if a := e.post(nil, "", "AWSCognitoIdentityService.GetId", `{"IdentityPoolId":"`+f.id+`","Logins":{"`+f.provider()+`":null}}`); a.status != 400 ||
		a.kind() != "NotAuthorizedException" && a.kind() != "InvalidParameterException" {
		e.Errorf("a null login: %d %s", a.status, a.body)
	}
}

// TestGuests: identities without a login, and what becomes of one when its
// owner signs in.
func TestGuests(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		f := n.federation("Guests", func(in *cognitoidentity.CreateIdentityPoolInput) { in.AllowUnauthenticatedIdentities = true })
		everything := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*","iam:*","sts:*"],"Resource":"*"}}`
		_, err := e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.guest, PolicyName: aws.String("all"), PolicyDocument: &everything})
		e.ok(err)
		_, err = e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("guests")})
		e.ok(err)

		id, err := f.getID(nil)
		e.ok(err)
		if second, err := f.getID(nil); err != nil || second == id {
			e.Errorf("a second guest is %s, as the first (%v)", second, err)
		}
		c, err := f.credentials(id, nil)
		e.ok(err)
		guest := e.as(*c.AccessKeyId, *c.SecretKey, *c.SessionToken)
		_, err = e.keys(guest, "guests")
		e.ok(err)
		// Guests are scoped down, whatever their role allows.
		_, err = guest.IAM.ListRoles(e.Context(), &iam.ListRolesInput{})
		e.refused(err, "AccessDenied", "/because no session policy allows the iam:ListRoles action$/")

		// The guest signs in and stays who it was.
		logins := f.logins(*n.tokens("ann").IdToken)
		_, err = f.credentials(id, logins)
		e.ok(err)
		if now, err := f.getID(logins); err != nil || now != id {
			e.Errorf("the guest %s became %s (%v)", id, now, err)
		}
		_, err = f.credentials(id, nil)
		e.refused(err, "NotAuthorizedException", "Access to Identity '"+id+"' is forbidden.")

		// Another guest of the same owner is merged.
		second, err := f.getID(nil)
		e.ok(err)
		out, err := e.anyone.Identity.GetCredentialsForIdentity(e.Context(), &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: &second, Logins: logins})
		e.ok(err)
		if *out.IdentityId != id {
			e.Errorf("the second guest is merged into %s, not %s", *out.IdentityId, id)
		}
		_, err = f.credentials(second, nil)
		e.refused(err, "NotAuthorizedException", "Access to Identity '"+second+"' is forbidden.")

		_, err = f.credentials(e.server.Region+":00000000-0000-0000-0000-000000000000", nil)
		e.refused(err, "ResourceNotFoundException", "Identity '"+e.server.Region+":00000000-0000-0000-0000-000000000000' not found.")
		missing := *f
		missing.id = e.server.Region + ":00000000-0000-0000-0000-000000000000"
		_, err = missing.getID(nil)
		e.refused(err, "ResourceNotFoundException", "IdentityPool '"+missing.id+"' not found.")
	})
}

// TestClassicFlow: an OpenID token for AssumeRoleWithWebIdentity.
func TestClassicFlow(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		f := n.federation("Classic", nil)
		tokens := n.tokens("ann")
		id, err := f.getID(f.logins(*tokens.IdToken))
		e.ok(err)
		openID, err := e.anyone.Identity.GetOpenIdToken(e.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: &id, Logins: f.logins(*tokens.IdToken)})
		e.ok(err)
		assume := func(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
			return e.anyone.STS.AssumeRoleWithWebIdentity(e.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("web-identity"), WebIdentityToken: &token})
		}
		out, err := assume(f.roleARN, *openID.Token)
		e.ok(err)
		if *out.SubjectFromWebIdentityToken != id || *out.Audience != f.id || *out.Provider != "cognito-identity.amazonaws.com" ||
			*out.AssumedRoleUser.Arn != "arn:aws:sts::"+e.server.Account+":assumed-role/"+f.role+"/web-identity" {
			e.Errorf("AssumeRoleWithWebIdentity answered %+v", out)
		}
		_, err = e.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken).STS.GetCallerIdentity(e.Context(), nil)
		e.ok(err)

		const refused = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
		_, err = assume(f.gARN, *openID.Token)
		e.refused(err, "AccessDenied", refused)
		_, err = assume("arn:aws:iam::"+e.server.Account+":role/nobody", *openID.Token)
		e.refused(err, "AccessDenied", refused)
		_, err = assume(f.roleARN, "not-a-token")
		e.refused(err, "InvalidIdentityToken", "")
		_, err = assume(f.roleARN, alter(*openID.Token))
		e.refused(err, "InvalidIdentityToken", "")
		_, err = assume(f.roleARN, *tokens.IdToken)
		e.refused(err, "InvalidIdentityToken", "/^No OpenIDConnect provider found in your account for /")
		e.server.Advance(10 * time.Minute)
		_, err = assume(f.roleARN, *openID.Token)
		e.refused(err, "ExpiredTokenException", "")

		_, err = e.root.Identity.UpdateIdentityPool(e.Context(), &cognitoidentity.UpdateIdentityPoolInput{IdentityPoolId: &f.id, IdentityPoolName: aws.String("Classic"),
			AllowClassicFlow: aws.Bool(false), CognitoIdentityProviders: f.providers(false)})
		e.ok(err)
		_, err = e.anyone.Identity.GetOpenIdToken(e.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: &id, Logins: f.logins(*n.tokens("ann").IdToken)})
		e.refused(err, "InvalidParameterException", "Basic (classic) flow is not enabled, please use enhanced flow.")
	})
}

func (f *federation) providers(serverSideCheck bool) []identitytypes.CognitoIdentityProvider {
	return []identitytypes.CognitoIdentityProvider{{ProviderName: aws.String(f.provider()), ClientId: &f.client, ServerSideTokenCheck: &serverSideCheck}}
}

// TestServerSideTokenCheck: with it, a sign-in that was ended opens no new
// credentials; without it, the token does until it expires.
func TestServerSideTokenCheck(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		f := n.federation("Check", nil)
		token := *n.tokens("ann").IdToken
		id, err := f.getID(f.logins(token))
		e.ok(err)
		_, err = e.root.IDP.AdminUserGlobalSignOut(e.Context(), &idp.AdminUserGlobalSignOutInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		e.ok(err)
		_, err = f.credentials(id, f.logins(token))
		e.ok(err)
		_, err = e.root.Identity.UpdateIdentityPool(e.Context(), &cognitoidentity.UpdateIdentityPoolInput{IdentityPoolId: &f.id, IdentityPoolName: aws.String("Check"),
			CognitoIdentityProviders: f.providers(true)})
		e.ok(err)
		_, err = f.credentials(id, f.logins(token))
		e.refused(err, "NotAuthorizedException", "Invalid login token. Token is revoked or user is deleted.")
		_, err = f.credentials(id, f.logins(*n.tokens("ann").IdToken))
		e.ok(err)
	})
}

// TestRestart: what was made is there for the next server on the same
// folder, identities and credentials included.
func TestRestart(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		f := n.federation("Restart", nil)
		_, err := e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("kept")})
		e.ok(err)
		e.put("kept", "a.txt", "text/plain", "still here")
		_, err = e.root.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: &f.role, PolicyArn: aws.String(s3FullAccess)})
		e.ok(err)
		tokens := n.tokens("ann")
		id, err := f.getID(f.logins(*tokens.IdToken))
		e.ok(err)
		_, creds := f.assume(*tokens.IdToken)

		again := e.restart()
		n, f = &tenant{again, n.pool, n.client, ""}, &federation{&tenant{again, n.pool, n.client, ""}, f.id, f.role, f.guest, f.roleARN, f.gARN}
		n.tokens("ann")
		_, err = n.srp("ann", password)
		e.ok(err)
		_, err = n.getUser(*tokens.AccessToken)
		e.ok(err)
		if later, err := f.getID(f.logins(*n.tokens("ann").IdToken)); err != nil || later != id {
			e.Errorf("after a restart the identity is %s, was %s (%v)", later, id, err)
		}
		listed, err := again.keys(again.as(*creds.AccessKeyId, *creds.SecretKey, *creds.SessionToken), "kept")
		e.ok(err)
		if len(listed) != 1 {
			e.Errorf("the bucket holds %v after a restart", listed)
		}
		if _, err := n.refresh(*tokens.RefreshToken); err != nil {
			e.Errorf("a refresh token does not survive a restart: %v", err)
		}
		if a := again.get(again.server.URL + "/_gatehouse/health"); a.status != http.StatusOK {
			e.Errorf("health: %d %s", a.status, a.body)
		}
	})
}
