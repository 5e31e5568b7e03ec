package e2e_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// tagTrust trusts a pool's users, with their tags.
func tagTrust(identityPool, condition string) string {
	return strings.Replace(strings.Replace(trust(identityPool, "authenticated"), `"sts:AssumeRoleWithWebIdentity"`, `["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`, 1),
		`"StringEquals":{`, `"StringEquals":{`+condition, 1)
}

// TestPrincipalTags: claims of the token become tags of the session, which
// policies read; a trust policy must allow them.
func TestPrincipalTags(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		n.user("bob")
		e.setAttribute(n, "ann", "name", "red")
		e.setAttribute(n, "bob", "name", "blue")
		f := n.federation("Tags", nil)
		_, err := e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("team"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::teams/${aws:PrincipalTag/team}/*"}}`)})
		e.ok(err)
		_, err = e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("teams")})
		e.ok(err)
		for _, team := range []string{"red", "blue"} {
			e.put("teams", team+"/plan", "text/plain", team)
		}
		set := func(provider string, defaults bool, tags map[string]string) error {
			_, err := e.root.Identity.SetPrincipalTagAttributeMap(e.Context(), &cognitoidentity.SetPrincipalTagAttributeMapInput{IdentityPoolId: &f.id,
				IdentityProviderName: &provider, UseDefaults: &defaults, PrincipalTags: tags})
			return err
		}
		const invalid = "InvalidParameterException"
		long := map[string]string{}
		for _, c := range "abcdefghi" {
			long[string(c)] = strings.Repeat(string(c), 52)
		}
		for name, err := range map[string]error{
			"a provider that is not the pool's": set("accounts.google.com", false, map[string]string{"team": "name"}),
			"with the client":                   set(f.mappingKey(), false, map[string]string{"team": "name"}),
			"reserved":                          set(f.provider(), false, map[string]string{"aws:team": "name"}),
			"twice":                             set(f.provider(), false, map[string]string{"team": "name", "Team": "name"}),
			"names too long":                    set(f.provider(), false, long),
		} {
			if !e.refused(err, invalid, "") {
				e.Log(name)
			}
		}
		missing := e.server.Region + ":00000000-0000-0000-0000-000000000000"
		_, err = e.root.Identity.GetPrincipalTagAttributeMap(e.Context(), &cognitoidentity.GetPrincipalTagAttributeMapInput{IdentityPoolId: &missing, IdentityProviderName: aws.String(f.provider())})
		e.refused(err, "ResourceNotFoundException", "IdentityPool '"+missing+"' not found.")
		shown := func() *cognitoidentity.GetPrincipalTagAttributeMapOutput {
			e.Helper()
			out, err := e.root.Identity.GetPrincipalTagAttributeMap(e.Context(), &cognitoidentity.GetPrincipalTagAttributeMapInput{IdentityPoolId: &f.id, IdentityProviderName: aws.String(f.provider())})
			e.ok(err)
			return out
		}
		if out := shown(); *out.UseDefaults || len(out.PrincipalTags) != 0 {
			e.Errorf("a pool without tags shows %+v", out)
		}
		trusting := func(text string) {
			e.Helper()
			_, err := e.root.IAM.UpdateAssumeRolePolicy(e.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &f.role, PolicyDocument: &text})
			e.ok(err)
		}
		ann, bob := *n.tokens("ann").IdToken, *n.tokens("bob").IdToken
		c, err := f.trade(ann, "")
		e.ok(err)
		_, err = e.readObject(c, "teams", "red/plan")
		e.refused(err, "AccessDenied", "")

		e.ok(set(f.provider(), false, map[string]string{"team": "name", "none": "custom:none", "groups": "cognito:groups"}))
		if out := shown(); *out.UseDefaults || out.PrincipalTags["team"] != "name" {
			e.Errorf("the map is %+v", out)
		}
		const wrong = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
		_, err = f.trade(ann, "") // the role does not let sessions have tags
		e.refused(err, "InvalidIdentityPoolConfigurationException", wrong)
		trusting(tagTrust(f.id, `"aws:RequestTag/team":"red",`))
		_, err = f.trade(bob, "")
		e.refused(err, "InvalidIdentityPoolConfigurationException", wrong)
		c, err = f.trade(ann, "")
		e.ok(err)
		if got, err := e.readObject(c, "teams", "red/plan"); err != nil || got != "red" {
			e.Errorf("ann reads %q, %v", got, err)
		}
		_, err = e.readObject(c, "teams", "blue/plan")
		e.refused(err, "AccessDenied", "/s3:GetObject/")

		// The classic flow carries them in its token.
		trusting(tagTrust(f.id, ""))
		id, err := f.getID(f.logins(bob))
		e.ok(err)
		openID, err := e.anyone.Identity.GetOpenIdToken(e.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: &id, Logins: f.logins(bob)})
		e.ok(err)
		out, err := e.anyone.STS.AssumeRoleWithWebIdentity(e.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &f.roleARN, RoleSessionName: aws.String("bob"), WebIdentityToken: openID.Token})
		e.ok(err)
		c = e.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
		if got, err := e.readObject(c, "teams", "blue/plan"); err != nil || got != "blue" {
			e.Errorf("bob reads %q, %v", got, err)
		}
		_, err = e.readObject(c, "teams", "red/plan")
		e.refused(err, "AccessDenied", "")

		// A value that no tag can have is no session, in either flow.
		e.setAttribute(n, "bob", "name", strings.Repeat("b", 257))
		_, err = f.trade(*n.tokens("bob").IdToken, "")
		e.refused(err, "InvalidIdentityPoolConfigurationException", wrong)

		e.ok(set(f.provider(), true, nil))
		if out := shown(); !*out.UseDefaults || out.PrincipalTags["username"] != "sub" || out.PrincipalTags["client"] != "aud" {
			e.Errorf("the default map is %+v", out)
		}
		_, err = e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("team"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::teams/*","Condition":{"StringEquals":{"aws:PrincipalTag/client":"` + n.client + `"}}}}`)})
		e.ok(err)
		c, err = f.trade(ann, "")
		e.ok(err)
		_, err = e.readObject(c, "teams", "blue/plan")
		e.ok(err)
		e.ok(set(f.provider(), false, nil))
		trusting(trust(f.id, "authenticated"))
		c, err = f.trade(ann, "")
		e.ok(err)
		_, err = e.readObject(c, "teams", "blue/plan")
		e.refused(err, "AccessDenied", "")
	})
}
