package iam_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	. "gatehouse/test/iamtest"
)

func TestContextKeys(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		own := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":"${aws:username}/*"}}}}`
		s.User("ada", own)
		_, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("g")})
		if err == nil {
			_, err = c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("g"), PolicyName: aws.String("p"),
				PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`)})
		}
		if err == nil {
			_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("g"), UserName: aws.String("ada")})
		}
		if err != nil {
			t.Fatal(err)
		}
		custom, err := c.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{own, Allow("ssm:*", "*")}})
		if err != nil || !slices.Equal(custom.ContextKeyNames, []string{"aws:username", "s3:prefix"}) {
			t.Error(custom, err)
		}
		_, err = c.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{"{}"}})
		Want(t, err, "InvalidInput", "PolicyInputList: Syntax errors in policy.")
		arn := aws.String("arn:aws:iam::123456789012:user/ada")
		all, err := c.GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: arn,
			PolicyInputList: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"aws:securetransport":"true"}}}}`}})
		if err != nil || len(all.ContextKeyNames) != 3 {
			t.Error(all, err)
		}
		_, err = c.GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::123456789012:user/nobody")})
		Want(t, err, "NoSuchEntity", "The entity with ARN arn:aws:iam::123456789012:user/nobody cannot be found.")
		eve := s.IAMClient(s.User("eve", Allow("iam:GetContextKeysForPrincipalPolicy", "arn:aws:iam::123456789012:user/eve")))
		_, err = eve.GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: arn})
		Want(t, err, "AccessDenied", "")
	})
}

func TestListPoliciesGrantingServiceAccess(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		s.User("ada", Allow("s3:GetObject", "*"))
		read := aws.String("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
		_, err := c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("g")})
		if err == nil {
			_, err = c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("g"), PolicyArn: read})
		}
		if err == nil {
			_, err = c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ada"), PolicyArn: read})
		}
		if err == nil {
			_, err = c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("g"), PolicyName: aws.String("but"),
				PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}}`)})
		}
		if err == nil {
			_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("g"), UserName: aws.String("ada")})
		}
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{Arn: aws.String("arn:aws:iam::123456789012:user/ada"), ServiceNamespaces: []string{"s3", "ssm"}})
		if err != nil || len(out.PoliciesGrantingServiceAccess) != 2 {
			t.Fatal(out, err)
		}
		s3, ssm := out.PoliciesGrantingServiceAccess[0].Policies, out.PoliciesGrantingServiceAccess[1].Policies
		if len(s3) != 2 || *s3[0].PolicyName != "own" || s3[0].PolicyType != types.PolicyTypeInline || *s3[0].EntityName != "ada" || s3[0].EntityType != types.PolicyOwnerEntityTypeUser ||
			*s3[1].PolicyArn != *read || s3[1].PolicyType != types.PolicyTypeManaged {
			t.Errorf("%+v", s3)
		}
		if len(ssm) != 1 || *ssm[0].PolicyName != "but" || ssm[0].EntityType != types.PolicyOwnerEntityTypeGroup {
			t.Errorf("%+v", ssm)
		}
		_, err = c.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{Arn: aws.String("arn:aws:iam::123456789012:role/nobody"), ServiceNamespaces: []string{"s3"}})
		Want(t, err, "NoSuchEntity", "")
	})
}
