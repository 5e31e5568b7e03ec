package e2e_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// TestOneOfMany: what one node withdraws, every node refuses: sign-ins at once,
// settings and policies within a second (promises.md, U8). The embedded store
// has one node, which must be as quick.
func TestOneOfMany(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		here, there := ns[0], ns[len(ns)-1]
		name := aws.String("ann")
		here.user("ann")

		disable := func(n *tenant) {
			_, err := n.root.IDP.AdminDisableUser(n.Context(), &idp.AdminDisableUserInput{UserPoolId: &n.pool, Username: name})
			n.ok(err)
		}
		tokens := there.tokens("ann")
		disable(here)
		_, err := there.login("ann", password)
		there.refused(err, "NotAuthorizedException", "User is disabled.")
		_, err = there.refresh(*tokens.RefreshToken)
		there.refused(err, "NotAuthorizedException", "User is disabled.")
		if _, err = there.getUser(*tokens.AccessToken); err == nil {
			there.Error("the other node takes a disabled user's token")
		}
		_, err = here.root.IDP.AdminEnableUser(here.Context(), &idp.AdminEnableUserInput{UserPoolId: &here.pool, Username: name})
		here.ok(err)

		tokens = here.tokens("ann")
		_, err = there.anyone.IDP.GlobalSignOut(there.Context(), &idp.GlobalSignOutInput{AccessToken: tokens.AccessToken})
		there.ok(err)
		_, err = here.refresh(*tokens.RefreshToken)
		here.refused(err, "NotAuthorizedException", "Refresh Token has been revoked")

		// Failures count together.
		ns.lockOut("ann")
		for _, n := range ns {
			_, err := n.login("ann", password)
			n.refused(err, "NotAuthorizedException", locked)
			n.server.Advance(15 * time.Minute)
		}

		f := here.federation("Many", nil)
		_, err = here.root.IAM.AttachRolePolicy(here.Context(), &iam.AttachRolePolicyInput{RoleName: &f.role, PolicyArn: aws.String(s3FullAccess)})
		here.ok(err)
		_, err = here.root.S3.CreateBucket(here.Context(), &s3.CreateBucketInput{Bucket: aws.String("many")})
		here.ok(err)
		_, creds := f.assume(*here.tokens("ann").IdToken)
		user := there.as(*creds.AccessKeyId, *creds.SecretKey, *creds.SessionToken)
		there.within(time.Second, "", func() error { _, err := there.keys(user, "many"); return err })
		_, err = here.root.IAM.DetachRolePolicy(here.Context(), &iam.DetachRolePolicyInput{RoleName: &f.role, PolicyArn: aws.String(s3FullAccess)})
		here.ok(err)
		there.within(time.Second, "AccessDenied", func() error { _, err := there.keys(user, "many"); return err })

		_, err = here.root.IDP.UpdateUserPoolClient(here.Context(), &idp.UpdateUserPoolClientInput{UserPoolId: &here.pool, ClientId: &here.client,
			ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_SRP_AUTH"}})
		here.ok(err)
		there.within(time.Second, "InvalidParameterException", func() error { _, err := there.login("ann", password); return err })
		_, err = here.root.IDP.DeleteUserPool(here.Context(), &idp.DeleteUserPoolInput{UserPoolId: &here.pool})
		here.ok(err)
		there.within(time.Second, "ResourceNotFoundException", func() error { _, err := there.srp("ann", password); return err })
	})
}

// within wants a call to end with a code, or "" for success, before the time
// is over.
func (e *env) within(d time.Duration, code string, call func() error) {
	e.Helper()
	deadline := time.Now().Add(d)
	for {
		got := ""
		err := call()
		var api smithy.APIError
		if errors.As(err, &api) {
			got = api.ErrorCode()
		}
		if got == code && (err == nil) == (code == "") {
			return
		}
		if time.Now().After(deadline) {
			e.Errorf("after %v the answer is %v, want %q", d, err, code)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
