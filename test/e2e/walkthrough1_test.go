package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"gatehouse/test/awsclient"
)

const s3FullAccess = "arn:aws:iam::aws:policy/AmazonS3FullAccess"

// site is the stack of W1: pool, identity pool, roles, and a bucket with a page
// that everybody may read.
type site struct {
	*federation
	bucket string
}

func (e *env) site(name string) *site {
	e.Helper()
	n := e.tenant(func(in *idp.CreateUserPoolInput) {
		in.PoolName = aws.String("MSN")
		in.Schema = []types.SchemaAttributeType{{Name: aws.String("email"), Required: aws.Bool(true)}}
	}, func(in *idp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = nil })
	st := &site{n.federation("MSNIdentityPool", nil), name}
	_, err := e.root.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: &st.role, PolicyArn: aws.String(s3FullAccess)})
	e.ok(err)
	st.publicBucket(name)
	st.put(name, "index.html", "text/html", "<!doctype html><title>W1</title>")
	st.put(name, "script/app.js", "text/javascript", "// app")
	for _, key := range []string{"index.html", "script/app.js"} {
		_, err := e.root.S3.PutObjectAcl(e.Context(), &s3.PutObjectAclInput{Bucket: &name, Key: &key, ACL: s3types.ObjectCannedACLPublicRead})
		e.ok(err)
	}
	return st
}

// publicBucket makes a bucket that may hold public objects, with a website and
// CORS for one origin.
func (e *env) publicBucket(name string) {
	e.Helper()
	_, err := e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: &name, ObjectOwnership: s3types.ObjectOwnershipObjectWriter})
	e.ok(err)
	_, err = e.root.S3.DeletePublicAccessBlock(e.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &name})
	e.ok(err)
	_, err = e.root.S3.PutBucketWebsite(e.Context(), &s3.PutBucketWebsiteInput{Bucket: &name,
		WebsiteConfiguration: &s3types.WebsiteConfiguration{IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")}}})
	e.ok(err)
	_, err = e.root.S3.PutBucketCors(e.Context(), &s3.PutBucketCorsInput{Bucket: &name, CORSConfiguration: &s3types.CORSConfiguration{
		CORSRules: []s3types.CORSRule{{AllowedOrigins: []string{"https://page.example"}, AllowedMethods: []string{"GET", "HEAD"}, AllowedHeaders: []string{"*"}}}}})
	e.ok(err)
}

func (e *env) put(bucket, key, contentType, body string) {
	e.Helper()
	_, err := e.root.S3.PutObject(e.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentType: &contentType, Body: strings.NewReader(body)})
	e.ok(err)
}

// keys lists a bucket with the old ListObjects, as the tutorial's page does.
func (e *env) keys(c *awsclient.Clients, bucket string) ([]string, error) {
	out, err := c.S3.ListObjects(e.Context(), &s3.ListObjectsInput{Bucket: &bucket})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	return keys, nil
}

// TestWalkthrough1 is W1, every row of "must succeed" and "must be denied".
func TestWalkthrough1(t *testing.T) {
	each(t, func(e *env) {
		st := e.site("w1-site")
		website := e.server.Host(st.bucket + ".s3-website." + e.server.Region)

		for path, body := range map[string]string{"/": "W1", "/index.html": "W1", "/script/app.js": "// app"} {
			if a := e.get(website + path); a.status != http.StatusOK || !strings.Contains(string(a.body), body) {
				e.Errorf("GET %s at the website endpoint: %d %s", path, a.status, a.body)
			}
		}
		if ct := e.get(website + "/").header.Get("Content-Type"); ct != "text/html" {
			e.Errorf("the page's type is %q", ct)
		}

		signedUp, err := st.signUp("ann", password)
		e.ok(err)
		if signedUp.UserConfirmed || aws.ToString(signedUp.CodeDeliveryDetails.Destination) != "a***@e***" ||
			signedUp.CodeDeliveryDetails.DeliveryMedium != "EMAIL" || aws.ToString(signedUp.UserSub) == "" {
			e.Errorf("SignUp answered %+v, %+v", signedUp, signedUp.CodeDeliveryDetails)
		}
		code := e.server.Code(email("ann"))

		_, err = st.srp("ann", password)
		e.refused(err, "UserNotConfirmedException", "User is not confirmed.")
		e.refused(st.confirm("ann", wrong(code)), "CodeMismatchException", "Invalid verification code provided, please try again.")
		_, err = st.anyone.IDP.ConfirmSignUp(e.Context(), &idp.ConfirmSignUpInput{ClientId: &st.client, Username: aws.String("ann"),
			ConfirmationCode: &code, ForceAliasCreation: true})
		e.ok(err)
		_, err = st.srp("ann", otherPassword)
		e.refused(err, "NotAuthorizedException", "Incorrect username or password.")

		signedIn, err := st.srp("ann", password)
		e.ok(err)
		tokens := signedIn.AuthenticationResult
		if tokens == nil || tokens.ExpiresIn != 3600 || *tokens.TokenType != "Bearer" || aws.ToString(tokens.RefreshToken) == "" || len(signedIn.ChallengeParameters) != 0 {
			e.Fatalf("SRP answered %+v", signedIn)
		}
		again, err := st.refresh(*tokens.RefreshToken)
		e.ok(err)
		if again.AuthenticationResult == nil || again.AuthenticationResult.RefreshToken != nil {
			e.Errorf("a refresh without rotation gives tokens and no refresh token: %+v", again.AuthenticationResult)
		}

		id, err := st.getID(st.logins(*tokens.IdToken))
		e.ok(err)
		if second, err := st.getID(st.logins(*again.AuthenticationResult.IdToken)); err != nil || second != id {
			e.Errorf("the same user is the identity %s, then %s (%v)", id, second, err)
		}
		user, creds := st.assume(*tokens.IdToken)
		if !strings.HasPrefix(*creds.AccessKeyId, "ASIA") || creds.Expiration.Sub(e.server.Now()).Round(time.Minute) != time.Hour {
			e.Errorf("credentials %s until %s", *creds.AccessKeyId, creds.Expiration)
		}
		listed, err := e.keys(user, st.bucket)
		e.ok(err)
		if strings.Join(listed, " ") != "index.html script/app.js" {
			e.Errorf("the list shows %v", listed)
		}

		// Under the bucket's own name, as a browser asks for it.
		virtual := *user
		virtual.S3 = s3.New(user.S3.Options(), func(o *s3.Options) {
			o.UsePathStyle, o.BaseEndpoint = false, aws.String(e.server.Host("s3."+e.server.Region))
		})
		if listed, err := e.keys(&virtual, st.bucket); err != nil || len(listed) != 2 {
			e.Errorf("the list at the bucket's host name: %v, %v", listed, err)
		}

		st.denied(user, website)
	})
}

// denied are the rows of W1 that need the stack but no new sign-in.
func (st *site) denied(user *awsclient.Clients, website string) {
	rest := st.server.Host(st.bucket + ".s3." + st.server.Region)

	st.put(st.bucket, "secret.txt", "text/plain", "for nobody")
	if a := st.get(rest + "/secret.txt"); a.status != http.StatusForbidden || !strings.Contains(string(a.body), "<Code>AccessDenied</Code>") {
		st.Errorf("an object that is not public, REST: %d %s", a.status, a.body)
	}
	if a := st.get(website + "/secret.txt"); a.status != http.StatusForbidden || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		st.Errorf("an object that is not public, website: %d %s %s", a.status, a.header.Get("Content-Type"), a.body)
	}

	preflight := func(origin string) *answer {
		return st.request(http.MethodOptions, rest+"/", "Origin", origin, "Access-Control-Request-Method", "GET",
			"Access-Control-Request-Headers", "authorization,x-amz-date,x-amz-security-token")
	}
	if a := preflight("https://page.example"); a.status != http.StatusOK || a.header.Get("Access-Control-Allow-Origin") == "" {
		st.Errorf("preflight from the page's origin: %d %v", a.status, a.header)
	}
	if a := preflight("https://elsewhere.example"); a.status != http.StatusForbidden || a.header.Get("Access-Control-Allow-Origin") != "" {
		st.Errorf("preflight from another origin: %d %v", a.status, a.header)
	}
	if a := st.request(http.MethodGet, rest+"/index.html", "Origin", "https://elsewhere.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		st.Errorf("GET from another origin is readable there: %v", a.header)
	}

	readable := func(bucket string) error {
		_, err := st.root.S3.PutObjectAcl(st.Context(), &s3.PutObjectAclInput{Bucket: &bucket, Key: aws.String("secret.txt"), ACL: s3types.ObjectCannedACLPublicRead})
		return err
	}
	_, err := st.root.S3.PutPublicAccessBlock(st.Context(), &s3.PutPublicAccessBlockInput{Bucket: &st.bucket,
		PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)}})
	st.ok(err)
	st.refused(readable(st.bucket), "AccessDenied", "")
	enforced := st.bucket + "-enforced"
	_, err = st.root.S3.CreateBucket(st.Context(), &s3.CreateBucketInput{Bucket: &enforced, ObjectOwnership: s3types.ObjectOwnershipBucketOwnerEnforced})
	st.ok(err)
	_, err = st.root.S3.DeletePublicAccessBlock(st.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &enforced})
	st.ok(err)
	st.put(enforced, "secret.txt", "text/plain", "for nobody")
	st.refused(readable(enforced), "AccessControlListNotSupported", "")

	// The same credentials, not expired, after the policy is gone.
	_, err = st.root.IAM.DetachRolePolicy(st.Context(), &iam.DetachRolePolicyInput{RoleName: &st.role, PolicyArn: aws.String(s3FullAccess)})
	st.ok(err)
	_, err = st.keys(user, st.bucket)
	st.refused(err, "AccessDenied", "User: arn:aws:sts::"+st.server.Account+":assumed-role/"+st.role+"/CognitoIdentityCredentials is not authorized to perform: "+
		`s3:ListBucket on resource: "arn:aws:s3:::`+st.bucket+`" because no identity-based policy allows the s3:ListBucket action`)
}

// wrong is another code of the same form.
func wrong(code string) string {
	first := byte('0')
	if code[0] == '0' {
		first = '1'
	}
	return string(first) + code[1:]
}

// TestBrokenLinks: every link of the chain, broken alone, denies (the
// product-wide rule 1 of the walk-throughs).
func TestBrokenLinks(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		f := n.federation("Chain", nil)
		_, err := e.root.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: &f.role, PolicyArn: aws.String(s3FullAccess)})
		e.ok(err)
		_, err = e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("chain")})
		e.ok(err)
		tokens := n.tokens("ann")
		logins := f.logins(*tokens.IdToken)
		id, err := f.getID(logins)
		e.ok(err)
		user, creds := f.assume(*tokens.IdToken)
		_, err = e.keys(user, "chain")
		e.ok(err)

		e.Run("signature", func(t *testing.T) {
			e := e.in(t)
			secret := []byte(*creds.SecretKey)
			secret[0] ^= 1
			_, err := e.keys(e.as(*creds.AccessKeyId, string(secret), *creds.SessionToken), "chain")
			e.refused(err, "SignatureDoesNotMatch", "")
		})
		e.Run("session token", func(t *testing.T) {
			e := e.in(t)
			_, err := e.keys(e.as(*creds.AccessKeyId, *creds.SecretKey, flip(*creds.SessionToken)), "chain")
			e.refused(err, "InvalidToken", "")
			_, err = e.keys(e.as(*creds.AccessKeyId, *creds.SecretKey, ""), "chain")
			e.refused(err, "InvalidAccessKeyId", "")
		})
		setTrust := func(document string) {
			_, err := e.root.IAM.UpdateAssumeRolePolicy(e.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &f.role, PolicyDocument: &document})
			e.ok(err)
		}
		const misconfigured = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
		for name, document := range map[string]string{
			"trust names another pool":         trust("us-east-1:00000000-0000-0000-0000-000000000000", "authenticated"),
			"trust lacks the amr match":        trust(f.id, "unauthenticated"),
			"trust names another web identity": strings.ReplaceAll(trust(f.id, "authenticated"), `"Federated":"cognito-identity.amazonaws.com"`, `"Federated":"accounts.google.com"`),
		} {
			setTrust(document)
			_, err := f.credentials(id, logins)
			if !e.refused(err, "InvalidIdentityPoolConfigurationException", misconfigured) {
				e.Log(name)
			}
		}
		setTrust(trust(f.id, "authenticated"))
		_, err = f.credentials(id, logins)
		e.ok(err)

		_, err = e.root.Identity.SetIdentityPoolRoles(e.Context(), &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &f.id, Roles: map[string]string{}})
		e.ok(err)
		_, err = f.credentials(id, logins)
		e.refused(err, "InvalidIdentityPoolConfigurationException", misconfigured)
		_, err = e.root.Identity.SetIdentityPoolRoles(e.Context(), &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &f.id, Roles: map[string]string{"authenticated": f.roleARN}})
		e.ok(err)

		// An explicit deny beats the allow, and goes as quickly as it came.
		_, err = e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("no"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:ListBucket","Resource":"*"}}`)})
		e.ok(err)
		_, err = e.keys(user, "chain")
		e.refused(err, "AccessDenied", "/with an explicit deny in an identity-based policy$/")
		_, err = e.root.IAM.DeleteRolePolicy(e.Context(), &iam.DeleteRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("no")})
		e.ok(err)
		_, err = e.keys(user, "chain")
		e.ok(err)

		// Time ends both the ID token and the credentials.
		e.server.Advance(time.Hour + time.Minute)
		_, err = f.credentials(id, logins)
		e.refused(err, "NotAuthorizedException", `/^Invalid login token\. Token expired: [0-9]+ >= [0-9]+$/`)
		_, err = e.keys(user, "chain")
		e.refused(err, "ExpiredToken", "The provided token has expired.")
		_, err = user.STS.GetCallerIdentity(e.Context(), nil)
		e.refused(err, "ExpiredToken", "The security token included in the request is expired")
		_, err = user.IDP.ListUserPools(e.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(1)})
		e.refused(err, "ExpiredTokenException", "The security token included in the request is expired")

		// A deleted role takes its sessions along.
		fresh, _ := f.assume(*n.tokens("ann").IdToken)
		_, err = e.keys(fresh, "chain")
		e.ok(err)
		_, err = e.root.IAM.DetachRolePolicy(e.Context(), &iam.DetachRolePolicyInput{RoleName: &f.role, PolicyArn: aws.String(s3FullAccess)})
		e.ok(err)
		_, err = e.root.IAM.DeleteRolePolicy(e.Context(), &iam.DeleteRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("oneClick")})
		e.ok(err)
		_, err = e.root.IAM.DeleteRole(e.Context(), &iam.DeleteRoleInput{RoleName: &f.role})
		e.ok(err)
		if _, err = e.keys(fresh, "chain"); err == nil {
			e.Error("the session of a deleted role still lists the bucket")
		}
		_, err = f.credentials(id, f.logins(*n.tokens("ann").IdToken))
		e.refused(err, "InvalidIdentityPoolConfigurationException", misconfigured)
	})
}

// in is the same server for a subtest.
func (e *env) in(t *testing.T) *env {
	c := *e
	c.T = t
	return &c
}

// flip changes one character of the middle of a text.
func flip(s string) string {
	b := []byte(s)
	i := len(b) / 2
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// TestObjects: what is stored comes back, byte for byte, from another node of
// the same data as well.
func TestObjects(t *testing.T) {
	each(t, func(e *env) {
		_, err := e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("things")})
		e.ok(err)
		text := strings.Repeat("0123456789abcdef", 100_000)
		for _, key := range []string{"a", "deep/er/key", "with space+plus", "ünïcödé/ключ", "a//b", "dots/../in/it", "100%"} {
			e.put("things", key, "text/plain", text)
			out, err := e.root.S3.GetObject(e.Context(), &s3.GetObjectInput{Bucket: aws.String("things"), Key: &key})
			e.ok(err)
			body, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil || string(body) != text {
				e.Errorf("%q came back as %d bytes (%v)", key, len(body), err)
			}
		}
	})
}
