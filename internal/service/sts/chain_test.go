package sts_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	. "gatehouse/test/iamtest"
)

// TestAssumeRole_sourceIdentity: who a session was made for goes on down the
// chain, is a condition key of every request, and cannot be changed on the way.
func TestAssumeRole_sourceIdentity(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada := s.User("ada", "")
		both := `["sts:AssumeRole","sts:SetSourceIdentity"]`
		onlyAda := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:SourceIdentity":"ada"}}}]}`
		first := makeRole(t, s, "first", Trust(`{"AWS":"arn:aws:iam::123456789012:user/ada"}`, both, `{"StringLike":{"sts:SourceIdentity":"ad?"}}`), onlyAda)
		second := makeRole(t, s, "second", Trust(`{"AWS":"`+*first+`"}`, both, ""), onlyAda)
		closed := makeRole(t, s, "closed", Trust(`{"AWS":"`+*first+`"}`, `"sts:AssumeRole"`, ""), onlyAda)

		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: first}, "AccessDenied", "")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: first, SourceIdentity: aws.String("eve")}, "AccessDenied", "")
		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: first, SourceIdentity: aws.String("a b")}, "ValidationError", "")
		out, err := s.STSClient(ada).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: first, RoleSessionName: aws.String("session"), SourceIdentity: aws.String("ada")})
		if err != nil || *out.SourceIdentity != "ada" {
			t.Fatal(out, err)
		}
		session := Credentials(out.Credentials)
		if err := listUsers(s, session); err != nil {
			t.Error(err)
		}
		refused(t, s, session, &sts.AssumeRoleInput{RoleArn: second, SourceIdentity: aws.String("ad2")}, "AccessDenied", "")
		// The next role has to allow it even though nobody asks for it again.
		refused(t, s, session, &sts.AssumeRoleInput{RoleArn: closed}, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/first/session is not authorized to perform: sts:SetSourceIdentity on resource: "+*closed)
		out, err = s.STSClient(session).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: second, RoleSessionName: aws.String("session")})
		if err != nil || *out.SourceIdentity != "ada" {
			t.Fatal(out, err)
		}
		if err := listUsers(s, Credentials(out.Credentials)); err != nil {
			t.Error(err)
		}
	})
}

// TestAssumeRole_tagChain: transitive tags go down two roles, are request tags
// of neither, and a chain cannot drop them.
func TestAssumeRole_tagChain(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada := s.User("ada", "")
		red := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"red","aws:PrincipalTag/Level":"2"}}}]}`
		one := makeRole(t, s, "one", Trust(`{"AWS":"arn:aws:iam::123456789012:user/ada"}`, `["sts:AssumeRole","sts:TagSession"]`, ""), "")
		two := makeRole(t, s, "two", Trust(`{"AWS":"`+*one+`"}`, `["sts:AssumeRole","sts:TagSession"]`, ""), "")
		three := makeRole(t, s, "three", Trust(`{"AWS":"`+*two+`"}`, `"sts:AssumeRole"`, ""), red)
		team, level := types.Tag{Key: aws.String("Team"), Value: aws.String("red")}, types.Tag{Key: aws.String("Level"), Value: aws.String("2")}

		refused(t, s, ada, &sts.AssumeRoleInput{RoleArn: one, Tags: []types.Tag{team}, TransitiveTagKeys: []string{"Level"}}, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		first := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: one, Tags: []types.Tag{team}, TransitiveTagKeys: []string{"team"}})
		second := assume(t, s, first, &sts.AssumeRoleInput{RoleArn: two, Tags: []types.Tag{level}, TransitiveTagKeys: []string{"Level"}})
		if err := listUsers(s, assume(t, s, second, &sts.AssumeRoleInput{RoleArn: three})); err != nil {
			t.Error(err)
		}
		loose := assume(t, s, first, &sts.AssumeRoleInput{RoleArn: two, Tags: []types.Tag{level}})
		Want(t, listUsers(s, assume(t, s, loose, &sts.AssumeRoleInput{RoleArn: three})), "AccessDenied", "")
	})
}

// TestTokenIssueTime: a policy that denies sessions older than a time ends them,
// for role sessions and a user's own, and leaves younger ones and keys alone
// (IAM user guide, "Revoking IAM role temporary security credentials").
func TestTokenIssueTime(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		ada, root, ctx := s.User("ada", ""), s.IAMClient(s.Root), t.Context()
		arn := makeRole(t, s, "worker", trustAda, Allow("iam:ListUsers", "*"))
		old := assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})
		if err := listUsers(s, old); err != nil {
			t.Fatal(err)
		}
		s.Advance(10 * time.Second)
		revoke := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"` + s.Now().UTC().Format(time.RFC3339) + `"}}}}`
		if _, err := root.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("worker"), PolicyName: aws.String("AWSRevokeOlderSessions"), PolicyDocument: &revoke}); err != nil {
			t.Fatal(err)
		}
		Want(t, listUsers(s, old), "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/worker/session is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::123456789012:user/ with an explicit deny in an identity-based policy")
		s.Advance(time.Second)
		if err := listUsers(s, assume(t, s, ada, &sts.AssumeRoleInput{RoleArn: arn})); err != nil {
			t.Error(err)
		}
		// The key of a user has no issue time: the condition is not met.
		bob := s.User("bob", Allow("iam:ListUsers", "*"))
		if _, err := root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("revoke"), PolicyDocument: aws.String(strings.Replace(revoke, `"*","Resource"`, `"iam:*","Resource"`, 1))}); err != nil {
			t.Fatal(err)
		}
		if err := listUsers(s, bob); err != nil {
			t.Error(err)
		}
	})
}

// TestDecodeAuthorizationMessage: it is a permission of its own, and no refusal
// here carries a message that could be decoded.
func TestDecodeAuthorizationMessage(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		in := &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("c2VjcmV0")}
		_, err := s.STSClient(s.User("ada", "")).DecodeAuthorizationMessage(t.Context(), in)
		Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:DecodeAuthorizationMessage on resource: * because no identity-based policy allows the sts:DecodeAuthorizationMessage action")
		_, err = s.STSClient(s.Root).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("")})
		Want(t, err, "ValidationError", "")
		_, err = s.STSClient(s.User("bob", Allow("sts:DecodeAuthorizationMessage", "*"))).DecodeAuthorizationMessage(t.Context(), in)
		Want(t, err, "InvalidAuthorizationMessageException", "")
	})
}

// TestGetFederationToken_tags: passing tags is a permission of its own, and the
// session has them.
func TestGetFederationToken_tags(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		in := &sts.GetFederationTokenInput{Name: aws.String("carol"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}, Policy: aws.String(Allow("iam:*", "*"))}
		statement := func(actions string) string {
			return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"},` +
				`{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}]}`
		}
		_, err := s.STSClient(s.User("ada", statement(`"sts:GetFederationToken"`))).GetFederationToken(t.Context(), in)
		Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: sts:TagSession on resource: arn:aws:sts::123456789012:federated-user/carol because no identity-based policy allows the sts:TagSession action")
		out, err := s.STSClient(s.User("bob", statement(`"sts:GetFederationToken","sts:TagSession"`))).GetFederationToken(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		// A federated user calls no operation of IAM, whatever its tags.
		_, err = s.IAMClient(Credentials(out.Credentials)).ListRoles(context.Background(), &iam.ListRolesInput{})
		Want(t, err, "AccessDenied", "User: arn:aws:sts::123456789012:federated-user/carol is not authorized to perform: iam:ListRoles with session credentials")
	})
}
