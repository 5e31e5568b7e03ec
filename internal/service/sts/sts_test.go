package sts_test

//lint:file-ignore SA1019 PackedPolicySize is what the API answers; the SDK points to a member that the published model does not have

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	service "gatehouse/internal/service/sts"
	. "gatehouse/test/iamtest"
)

const role = "arn:aws:iam::123456789012:role/"

// makeRole makes a role and returns its ARN.
func makeRole(t *testing.T, s *Server, name, trust, permissions string) *string {
	t.Helper()
	root := s.IAMClient(s.Root)
	r, err := root.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust, MaxSessionDuration: aws.Int32(7200)})
	if err == nil && permissions != "" {
		_, err = root.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &permissions})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Role.Arn
}

// assume assumes a role and returns its credentials.
func assume(t *testing.T, s *Server, c aws.Credentials, in *sts.AssumeRoleInput) aws.Credentials {
	t.Helper()
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("session")
	}
	out, err := s.STSClient(c).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return Credentials(out.Credentials)
}

func refused(t *testing.T, s *Server, c aws.Credentials, in *sts.AssumeRoleInput, code, message string) {
	t.Helper()
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("session")
	}
	_, err := s.STSClient(c).AssumeRole(t.Context(), in)
	Want(t, err, code, message)
}

func listUsers(s *Server, c aws.Credentials) error {
	_, err := s.IAMClient(c).ListUsers(context.Background(), &iam.ListUsersInput{})
	return err
}

func listRoles(s *Server, c aws.Credentials) error {
	_, err := s.IAMClient(c).ListRoles(context.Background(), &iam.ListRolesInput{})
	return err
}

var trustAda = Trust(`{"AWS":"arn:aws:iam::123456789012:user/ada"}`, `["sts:AssumeRole","sts:TagSession"]`, "")

func TestAssumeRole(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada, ctx := s.User("ada", ""), t.Context()
		arn := makeRole(t, s, "reader", trustAda, Allow("iam:List*", "*"))
		out, err := s.STSClient(ada).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: arn, RoleSessionName: aws.String("me@x")})
		if err != nil {
			t.Fatal(err)
		}
		if got := *out.AssumedRoleUser.Arn; got != "arn:aws:sts::123456789012:assumed-role/reader/me@x" {
			t.Error(got)
		}
		if d := out.Credentials.Expiration.Sub(s.Now()); d < 59*time.Minute || d > 61*time.Minute || out.PackedPolicySize != nil {
			t.Error(d, out.PackedPolicySize)
		}
		session := Credentials(out.Credentials)
		if !strings.HasPrefix(session.AccessKeyID, "ASIA") || len(session.AccessKeyID) != 20 || len(session.SecretAccessKey) != 40 {
			t.Error(session.AccessKeyID)
		}
		who, err := s.STSClient(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil || *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId || *who.Account != Account {
			t.Error(who, err)
		}
		if err := listUsers(s, session); err != nil {
			t.Error(err)
		}
		Want(t, listUsers(s, ada), "AccessDenied", "")
		_, err = s.IAMClient(session).GetUser(ctx, &iam.GetUserInput{UserName: aws.String("ada")})
		Want(t, err, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/reader/me@x is not authorized to perform: iam:GetUser on resource: arn:aws:iam::123456789012:user/ada because no identity-based policy allows the iam:GetUser action")
		_, err = s.IAMClient(session).GetUser(ctx, &iam.GetUserInput{})
		Want(t, err, "AccessDenied", "")

		// What is withdrawn is gone at the next request, session or not.
		if _, err := s.IAMClient(s.Root).DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("p")}); err != nil {
			t.Fatal(err)
		}
		Want(t, listUsers(s, session), "AccessDenied", "")
		full := aws.String("arn:aws:iam::aws:policy/IAMFullAccess")
		if _, err := s.IAMClient(s.Root).AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("reader"), PolicyArn: full}); err != nil {
			t.Fatal(err)
		}
		if err := listUsers(s, session); err != nil {
			t.Error(err)
		}
		if _, err := s.IAMClient(s.Root).DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("reader"), PolicyArn: full}); err != nil {
			t.Fatal(err)
		}
		Want(t, listUsers(s, session), "AccessDenied", "")
	})
}

// TestAssumeRole_recreated deletes the role under a session, and the user under
// a trust policy, and makes both again under their names.
func TestAssumeRole_recreated(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada, root, ctx := s.User("ada", ""), s.IAMClient(s.Root), t.Context()
		arn := makeRole(t, s, "r", trustAda, Allow("iam:ListUsers", "*"))
		session := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})
		name := aws.String("r")
		if _, err := root.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("p")}); err != nil {
			t.Fatal(err)
		}
		if _, err := root.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); err != nil {
			t.Fatal(err)
		}
		gone := "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:AssumeRole on resource: " + *arn
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn}, "AccessDenied", gone)
		Want(t, listUsers(s, session), "AccessDenied", "")
		makeRole(t, s, "r", trustAda, Allow("iam:ListUsers", "*"))
		Want(t, listUsers(s, session), "AccessDenied", "")
		if err := listUsers(s, assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})); err != nil {
			t.Error(err)
		}

		if _, err := root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("ada"), AccessKeyId: &ada.AccessKeyID}); err != nil {
			t.Fatal(err)
		}
		if _, err := root.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("ada")}); err != nil {
			t.Fatal(err)
		}
		again := s.User("ada", "")
		refused(t, s, again, &sts.AssumeRoleInput{RoleArn: arn}, "AccessDenied", gone)
		if _, err := root.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: &trustAda}); err != nil {
			t.Fatal(err)
		}
		assume(t, s, again, &sts.AssumeRoleInput{RoleArn: arn})
	})
}

func TestAssumeRole_trust(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada := s.User("ada", "")
		bob := s.User("bob", Allow("sts:AssumeRole", role+"*"))
		eve := s.User("eve", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}`)
		account := Trust(`{"AWS":"arn:aws:iam::123456789012:root"}`, `"sts:AssumeRole"`, "")
		external := Trust(`{"AWS":["arn:aws:iam::123456789012:user/ada","arn:aws:iam::123456789012:user/eve"]}`, `"sts:AssumeRole"`, `{"StringEquals":{"sts:ExternalId":"secret-42"}}`)
		delegated, direct := makeRole(t, s, "delegated", account, ""), makeRole(t, s, "direct", external, "")

		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: delegated}, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:AssumeRole on resource: "+*delegated+" because no identity-based policy allows the sts:AssumeRole action")
		assume(t, s, bob, &sts.AssumeRoleInput{RoleArn: delegated})
		plain := "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:AssumeRole on resource: " + *direct
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: direct}, "AccessDenied", plain)
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: direct, ExternalId: aws.String("secret-43")}, "AccessDenied", plain)
		assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: direct, ExternalId: aws.String("secret-42")})
		refused(t, s, bob, &sts.AssumeRoleInput{RoleArn: direct, ExternalId: aws.String("secret-42")}, "AccessDenied", "")
		refused(t, s, eve, &sts.AssumeRoleInput{RoleArn: direct, ExternalId: aws.String("secret-42")}, "AccessDenied", "User: arn:aws:iam::123456789012:user/eve is not authorized to perform: sts:AssumeRole on resource: "+*direct+" with an explicit deny in an identity-based policy")
		refused(t, s, s.Root, &sts.AssumeRoleInput{RoleArn: delegated}, "AccessDenied", "Roles may not be assumed by root accounts.")
		for _, unknown := range []string{role + "nothing", "arn:aws:iam::123456789012:role/x/direct", "arn:aws:iam::123456789012:user/ada", "arn:aws:iam::999999999999:role/direct"} {
			refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: &unknown}, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:AssumeRole on resource: "+unknown)
		}
	})
}

func TestAssumeRole_sessionPolicies(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada := s.User("ada", "")
		arn := makeRole(t, s, "r", trustAda, Allow("iam:List*", "*"))
		narrowed := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Policy: aws.String(Allow("iam:ListUsers", "*"))})
		if err := listUsers(s, narrowed); err != nil {
			t.Error(err)
		}
		Want(t, listRoles(s, narrowed), "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/r/session is not authorized to perform: iam:ListRoles on resource: arn:aws:iam::123456789012:role/ because no session policy allows the iam:ListRoles action")
		wider := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, PolicyArns: []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}}})
		if err := listRoles(s, wider); err != nil {
			t.Error(err)
		}
		_, err := s.IAMClient(wider).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("ada")})
		Want(t, err, "AccessDenied", "") // a session policy never adds

		// A managed session policy that is deleted allows nothing any more.
		p, err := s.IAMClient(s.Root).CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("lists"), PolicyDocument: aws.String(Allow("iam:List*", "*"))})
		if err != nil {
			t.Fatal(err)
		}
		managed := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, PolicyArns: []types.PolicyDescriptorType{{Arn: p.Policy.Arn}}})
		if err := listRoles(s, managed); err != nil {
			t.Error(err)
		}
		if _, err := s.IAMClient(s.Root).DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: p.Policy.Arn}); err != nil {
			t.Fatal(err)
		}
		Want(t, listRoles(s, managed), "AccessDenied", "")

		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Policy: aws.String("{}")}, "MalformedPolicyDocument", "Syntax errors in policy.")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, PolicyArns: []types.PolicyDescriptorType{{Arn: p.Policy.Arn}}}, "InvalidParameterValue", "")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Policy: aws.String(Allow("s3:*", "arn:aws:s3:::"+strings.Repeat("x", 2048)))}, "ValidationError", "")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, PolicyArns: slices.Repeat([]types.PolicyDescriptorType{{Arn: p.Policy.Arn}}, 11)}, "ValidationError", "")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: aws.String(role + "nothing"), Policy: aws.String("{}")}, "AccessDenied", "")
	})
}

func TestAssumeRole_boundary(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada, root, ctx := s.User("ada", ""), s.IAMClient(s.Root), t.Context()
		arn, name := makeRole(t, s, "r", trustAda, Allow("iam:ListUsers", "*")), aws.String("r")
		p, err := root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("b"), PolicyDocument: aws.String(Allow("iam:ListRoles", "*"))})
		if err != nil {
			t.Fatal(err)
		}
		session := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})
		if _, err := root.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: p.Policy.Arn}); err != nil {
			t.Fatal(err)
		}
		Want(t, listUsers(s, session), "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/r/session is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::123456789012:user/ because no permissions boundary allows the iam:ListUsers action")
		Want(t, listRoles(s, session), "AccessDenied", "") // a boundary grants nothing
		_, err = root.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: p.Policy.Arn})
		Want(t, err, "DeleteConflict", "")
		if _, err := root.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name}); err != nil {
			t.Fatal(err)
		}
		if err := listUsers(s, session); err != nil {
			t.Error(err)
		}
	})
}

func TestAssumeRole_duration(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada := s.User("ada", "")
		first := makeRole(t, s, "first", trustAda, Allow("sts:AssumeRole", role+"second"))
		second := makeRole(t, s, "second", Trust(`{"AWS":"`+*first+`"}`, `"sts:AssumeRole"`, ""), Allow("iam:ListUsers", "*"))
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: first, DurationSeconds: aws.Int32(7201)}, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: first, DurationSeconds: aws.Int32(899)}, "ValidationError", "")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: first, RoleSessionName: aws.String("a b")}, "ValidationError", "")
		session := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: first, DurationSeconds: aws.Int32(7200)})
		refused(t, s, session, &sts.AssumeRoleInput{RoleArn: second, DurationSeconds: aws.Int32(3601)}, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
		chained := assume(t, s, session, &sts.AssumeRoleInput{RoleArn: second, DurationSeconds: aws.Int32(3600)})
		if err := listUsers(s, chained); err != nil {
			t.Error(err)
		}
		s.Advance(61 * time.Minute)
		Want(t, listUsers(s, chained), "ExpiredToken", "The security token included in the request is expired")
		Want(t, listUsers(s, session), "AccessDenied", "")
		s.Advance(time.Hour)
		Want(t, listUsers(s, session), "ExpiredToken", "")
		_, err := s.STSClient(session).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		Want(t, err, "ExpiredToken", "")
	})
}

// TestSessionToken_forged swaps, alters and drops what makes up a session.
func TestSessionToken_forged(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada := s.User("ada", Allow("iam:*", "*"))
		arn := makeRole(t, s, "r", trustAda, Allow("iam:ListUsers", "*"))
		a, b := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn}), assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})
		invalid := func(c aws.Credentials) {
			t.Helper()
			Want(t, listUsers(s, c), "InvalidClientTokenId", "The security token included in the request is invalid.")
		}
		swapped := a
		swapped.SessionToken = b.SessionToken
		invalid(swapped)
		raw, err := base64.RawURLEncoding.DecodeString(a.SessionToken)
		if err != nil {
			t.Fatal(err)
		}
		for _, bit := range []int{0, 40, len(raw)*8 - 1} {
			altered := append([]byte(nil), raw...)
			altered[bit/8] ^= 1 << (bit % 8)
			c := a
			c.SessionToken = base64.RawURLEncoding.EncodeToString(altered)
			invalid(c)
		}
		none := a
		none.SessionToken = ""
		invalid(none)
		longTerm := ada
		longTerm.SessionToken = a.SessionToken
		invalid(longTerm)
		wrong := a
		wrong.SecretAccessKey = b.SecretAccessKey
		Want(t, listUsers(s, wrong), "SignatureDoesNotMatch", "")
		if err := listUsers(s, a); err != nil {
			t.Error(err)
		}
	})
}

func TestAssumeRole_tags(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada, root, ctx := s.User("ada", ""), s.IAMClient(s.Root), t.Context()
		tagged := `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"red"}}},
			{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
		arn := makeRole(t, s, "tagged", trustAda, tagged)
		noTags := makeRole(t, s, "untagged", Trust(`{"AWS":"arn:aws:iam::123456789012:user/ada"}`, `"sts:AssumeRole"`, ""), "")
		next := makeRole(t, s, "next", Trust(`{"AWS":"`+*arn+`"}`, `["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]`, ""), tagged)
		red := []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}

		Want(t, listUsers(s, assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})), "AccessDenied", "")
		if err := listUsers(s, assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Tags: red})); err != nil {
			t.Error(err)
		}
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: noTags, Tags: red}, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:TagSession on resource: "+*noTags)
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Tags: []types.Tag{red[0], {Key: aws.String("TEAM"), Value: aws.String("x")}}}, "InvalidParameterValue", "")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, SourceIdentity: aws.String("ada")}, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:SetSourceIdentity on resource: "+*arn)

		// Transitive tags go on down the chain; others do not.
		plain := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Tags: red})
		Want(t, listUsers(s, assume(t, s, plain, &sts.AssumeRoleInput{RoleArn: next})), "AccessDenied", "")
		handed := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Tags: red, TransitiveTagKeys: []string{"team"}})
		if err := listUsers(s, assume(t, s, handed, &sts.AssumeRoleInput{RoleArn: next})); err != nil {
			t.Error(err)
		}
		refused(t, s, handed, &sts.AssumeRoleInput{RoleArn: next, Tags: red}, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")

		// A tag of the role is one of its sessions; a session tag wins.
		if _, err := root.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("tagged"), Tags: []iamtypes.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}}); err != nil {
			t.Fatal(err)
		}
		if err := listUsers(s, assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})); err != nil {
			t.Error(err)
		}
		Want(t, listUsers(s, assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}}})), "AccessDenied", "")

		var many []types.Tag
		for i := range 50 {
			many = append(many, types.Tag{Key: aws.String("k" + strings.Repeat("x", i)), Value: aws.String(strings.Repeat("v", 256))})
		}
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn, Tags: many}, "PackedPolicyTooLarge", "")
		out, err := s.STSClient(ada).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: arn, RoleSessionName: aws.String("session"), Tags: many[:10]})
		if err != nil || out.PackedPolicySize == nil || *out.PackedPolicySize < 1 || *out.PackedPolicySize > 100 {
			t.Fatal(out, err)
		}
		if err := listUsers(s, Credentials(out.Credentials)); err != nil {
			t.Error(err)
		}
	})
}

func TestGetSessionToken(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada, ctx := s.User("ada", Allow("sts:GetFederationToken", "*")), t.Context()
		arn := makeRole(t, s, "r", trustAda, Allow("iam:ListUsers", "*"))
		out, err := s.STSClient(ada).GetSessionToken(ctx, &sts.GetSessionTokenInput{})
		if err != nil {
			t.Fatal(err)
		}
		if d := out.Credentials.Expiration.Sub(s.Now()); d < 11*time.Hour {
			t.Error(d)
		}
		session := Credentials(out.Credentials)
		who, err := s.STSClient(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil || *who.Arn != "arn:aws:iam::123456789012:user/ada" {
			t.Error(who, err)
		}
		assume(t, s, session, &sts.AssumeRoleInput{RoleArn: arn})
		_, err = s.STSClient(session).GetSessionToken(ctx, &sts.GetSessionTokenInput{})
		Want(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
		_, err = s.STSClient(session).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
		Want(t, err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
		Want(t, listUsers(s, session), "AccessDenied", "")
		root, err := s.STSClient(s.Root).GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(129600)})
		if err != nil || root.Credentials.Expiration.Sub(s.Now()) > time.Hour {
			t.Error(root, err)
		}

		fed, err := s.STSClient(ada).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: aws.String(Allow("s3:*", "*"))})
		if err != nil || *fed.FederatedUser.Arn != "arn:aws:sts::123456789012:federated-user/bob" || *fed.FederatedUser.FederatedUserId != Account+":bob" {
			t.Fatal(fed, err)
		}
		who, err = s.STSClient(Credentials(fed.Credentials)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil || *who.Arn != *fed.FederatedUser.Arn {
			t.Error(who, err)
		}
		refused(t, s, Credentials(fed.Credentials), &sts.AssumeRoleInput{RoleArn: arn}, "AccessDenied", "")
		// The root user's federated users may do what the session policy says.
		for _, document := range []*string{nil, aws.String(Allow("sts:GetAccessKeyInfo", "*"))} {
			fed, err := s.STSClient(s.Root).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("carol"), Policy: document})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.STSClient(Credentials(fed.Credentials)).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &ada.AccessKeyID})
			if document != nil && err != nil {
				t.Error(err)
			}
			if document == nil {
				Want(t, err, "AccessDenied", "User: arn:aws:sts::123456789012:federated-user/carol is not authorized to perform: sts:GetAccessKeyInfo on resource: * because no session policy allows the sts:GetAccessKeyInfo action")
			}
		}
		bob := s.User("bob", "")
		_, err = s.STSClient(bob).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
		Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: sts:GetFederationToken on resource: arn:aws:sts::123456789012:federated-user/bob because no identity-based policy allows the sts:GetFederationToken action")
		_, err = s.STSClient(bob).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &bob.AccessKeyID})
		Want(t, err, "AccessDenied", "")
		info, err := s.STSClient(s.Root).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &bob.AccessKeyID})
		if err != nil || *info.Account != Account {
			t.Error(info, err)
		}
	})
}

// tokens is a provider of web identities whose tokens are names.
type tokens map[string]any

func (m tokens) Verify(_ context.Context, token string) (*service.WebIdentity, error) {
	switch v := m[token].(type) {
	case *service.WebIdentity:
		return v, nil
	case error:
		return nil, v
	}
	return nil, &service.TokenError{Fault: service.TokenInvalid}
}

func identity(pool string, tags map[string]string, amr ...string) *service.WebIdentity {
	return &service.WebIdentity{Provider: "cognito-identity.amazonaws.com", Issuer: "https://cognito-identity.amazonaws.com", Audience: pool,
		Subject: "us-east-1:11111111-2222-3333-4444-555555555555", AMR: amr, Tags: tags}
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	at := time.Unix(1700000000, 0)
	provider := tokens{
		"good":     identity("us-east-1:pool", nil, "authenticated", "cognito-idp.us-east-1.amazonaws.com/us-east-1_x"),
		"guest":    identity("us-east-1:pool", nil, "unauthenticated"),
		"foreign":  identity("us-east-1:other", nil, "authenticated"),
		"tagged":   identity("us-east-1:pool", map[string]string{"Team": "red"}, "authenticated"),
		"oidc":     &service.WebIdentity{Provider: "arn:aws:iam::123456789012:oidc-provider/Login.example.com/t", Issuer: "https://Login.example.com/t", Audience: "app", Subject: "subject"},
		"expired":  &service.TokenError{Fault: service.TokenExpired, Now: at.Add(time.Minute), Expires: at},
		"stranger": &service.TokenError{Fault: service.TokenIssuer, Issuer: "https://example.com"},
		"nokey":    &service.TokenError{Fault: service.TokenKey},
		"audience": &service.TokenError{Fault: service.TokenAudience},
	}
	Each(t, provider, func(t *testing.T, s *Server) {
		condition := `{"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:pool"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}`
		federated := `{"Federated":"cognito-identity.amazonaws.com"}`
		permissions := `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:sub":"us-east-1:11111111-2222-3333-4444-555555555555","aws:FederatedProvider":"cognito-identity.amazonaws.com"},"ForAnyValue:StringEquals":{"cognito-identity.amazonaws.com:amr":"authenticated"}}},
			{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}]}`
		arn := makeRole(t, s, "web", Trust(federated, `"sts:AssumeRoleWithWebIdentity"`, condition), permissions)
		here := makeRole(t, s, "here", Trust(federated, `"sts:AssumeRoleWithWebIdentity"`, `{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}`), "")
		elsewhere := makeRole(t, s, "elsewhere", Trust(federated, `"sts:AssumeRoleWithWebIdentity"`, `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), "")
		tagging := makeRole(t, s, "tagging", Trust(federated, `["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`, `{"StringEquals":{"aws:RequestTag/Team":"red"}}`), permissions)
		anyone := makeRole(t, s, "anyone", Trust(`"*"`, `"sts:AssumeRoleWithWebIdentity"`, ""), permissions)

		c, ctx := sts.New(sts.Options{BaseEndpoint: &s.URL, Region: "us-east-1", RetryMaxAttempts: 1}), t.Context()
		exchange := func(role *string, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
			return c.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role, RoleSessionName: aws.String("web-identity"), WebIdentityToken: &token})
		}
		out, err := exchange(arn, "good")
		if err != nil {
			t.Fatal(err)
		}
		if *out.Audience != "us-east-1:pool" || *out.Provider != "cognito-identity.amazonaws.com" || *out.SubjectFromWebIdentityToken != "us-east-1:11111111-2222-3333-4444-555555555555" ||
			*out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/web/web-identity" {
			t.Error(out)
		}
		session := Credentials(out.Credentials)
		if err := listUsers(s, session); err != nil {
			t.Error(err)
		}
		Want(t, listRoles(s, session), "AccessDenied", "")

		no := "Not authorized to perform sts:AssumeRoleWithWebIdentity"
		for _, token := range []string{"guest", "foreign", "tagged"} {
			_, err = exchange(arn, token)
			Want(t, err, "AccessDenied", no)
		}
		if _, err := exchange(here, "good"); err != nil {
			t.Error(err)
		}
		for _, role := range []*string{aws.String(role + "nothing"), anyone, elsewhere} {
			_, err = exchange(role, "good")
			Want(t, err, "AccessDenied", no)
		}
		_, err = exchange(tagging, "good")
		Want(t, err, "AccessDenied", no)
		if out, err = exchange(tagging, "tagged"); err != nil {
			t.Fatal(err)
		}
		if err := listRoles(s, Credentials(out.Credentials)); err != nil {
			t.Error(err)
		}

		oidc := makeRole(t, s, "oidc", Trust(`{"Federated":"arn:aws:iam::123456789012:oidc-provider/Login.example.com/t"}`, `"sts:AssumeRoleWithWebIdentity"`,
			`{"StringEquals":{"login.example.com/t:aud":"app","Login.example.com/t:sub":"subject"}}`), "")
		if out, err = exchange(oidc, "oidc"); err != nil || *out.Provider != "https://Login.example.com/t" {
			t.Error(out, err)
		}
		_, err = exchange(oidc, "good")
		Want(t, err, "AccessDenied", no)

		for token, want := range map[string][2]string{
			"gibberish": {"InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"},
			"stranger":  {"InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://example.com"},
			"audience":  {"InvalidIdentityToken", "Incorrect token audience"},
			"nokey":     {"InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"},
			"expired":   {"ExpiredTokenException", "Token expired: current date/time 1700000060 must be before the expiration date/time1700000000"},
		} {
			_, err = exchange(arn, token)
			Want(t, err, want[0], want[1])
		}
		_, err = c.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: arn, RoleSessionName: aws.String("web"), WebIdentityToken: aws.String("good"), DurationSeconds: aws.Int32(7201)})
		Want(t, err, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")

		limited, err := c.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: arn, RoleSessionName: aws.String("web"), WebIdentityToken: aws.String("good"), Policy: aws.String(Allow("iam:ListRoles", "*"))})
		if err != nil {
			t.Fatal(err)
		}
		Want(t, listUsers(s, Credentials(limited.Credentials)), "AccessDenied", "")

		// What an identity pool asks for: limited by nothing is allowed nothing.
		empty, _, err := s.STS.AssumeWithWebIdentity(ctx, service.AssumeRequest{RoleARN: *arn, SessionName: "CognitoIdentityCredentials", Identity: provider["good"].(*service.WebIdentity), Limited: true})
		if err != nil {
			t.Fatal(err)
		}
		Want(t, listUsers(s, aws.Credentials{AccessKeyID: empty.AccessKeyID, SecretAccessKey: empty.SecretKey, SessionToken: empty.SessionToken}), "AccessDenied", "")
	})
}
