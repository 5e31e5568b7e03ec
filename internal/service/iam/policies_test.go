package iam_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"gatehouse/internal/authz/policy"
	. "gatehouse/test/iamtest"
)

const anyone = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`

func TestManagedPolicies(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		p, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("Read"), Path: aws.String("/team/"), Description: aws.String("reads + writes"),
			PolicyDocument: aws.String(Allow("s3:GetObject", "*")), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
		if err != nil {
			t.Fatal(err)
		}
		arn := p.Policy.Arn
		if *arn != "arn:aws:iam::123456789012:policy/team/Read" || !strings.HasPrefix(*p.Policy.PolicyId, "ANPA") || *p.Policy.DefaultVersionId != "v1" {
			t.Error(p.Policy)
		}
		_, err = c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("READ"), PolicyDocument: aws.String(Allow("s3:GetObject", "*"))})
		Want(t, err, "EntityAlreadyExists", "A policy called READ already exists. Duplicate names are not allowed.")

		second := Allow("s3:PutObject", "arn:aws:s3:::b c/*")
		for n := 2; n <= 5; n++ {
			v, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &second, SetAsDefault: n == 2})
			if err != nil || *v.PolicyVersion.VersionId != fmt.Sprint("v", n) || v.PolicyVersion.IsDefaultVersion != (n == 2) {
				t.Fatal(v, err)
			}
		}
		_, err = c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &second})
		Want(t, err, "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
		v, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})
		if err != nil || strings.ContainsAny(*v.PolicyVersion.Document, "{ +\"") {
			t.Fatal(v, err)
		}
		if text, err := url.PathUnescape(*v.PolicyVersion.Document); err != nil || text != second {
			t.Error(text, err)
		}
		_, err = c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v9")})
		Want(t, err, "NoSuchEntity", "")
		_, err = c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})
		Want(t, err, "DeleteConflict", "Cannot delete the default version of a policy.")
		_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		Want(t, err, "DeleteConflict", "")
		if _, err := c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v5")}); err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 4; n++ {
			if _, err := c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String(fmt.Sprint("v", n))}); err != nil {
				t.Fatal(err)
			}
		}
		// A number that was given is not given again.
		v6, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &second})
		if err != nil || *v6.PolicyVersion.VersionId != "v6" {
			t.Fatal(v6, err)
		}
		list, err := c.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn, MaxItems: aws.Int32(1)})
		if err != nil || len(list.Versions) != 1 || *list.Versions[0].VersionId != "v6" || !list.IsTruncated {
			t.Fatal(list, err)
		}
		if _, err := c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v6")}); err != nil {
			t.Fatal(err)
		}

		s.User("ada", "")
		if _, err := c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ada"), PolicyArn: arn}); err != nil {
			t.Fatal(err)
		}
		used, err := c.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn})
		if err != nil || len(used.PolicyUsers) != 1 || *used.PolicyUsers[0].UserName != "ada" {
			t.Fatal(used, err)
		}
		_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		Want(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
		_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("ada")})
		Want(t, err, "DeleteConflict", "")
		if _, err := c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String("ada"), PolicyArn: arn}); err != nil {
			t.Fatal(err)
		}
		_, err = c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String("ada"), PolicyArn: arn})
		Want(t, err, "NoSuchEntity", "Policy "+*arn+" was not found.")
		if _, err := c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}); err != nil {
			t.Fatal(err)
		}
		_, err = c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
		Want(t, err, "NoSuchEntity", "Policy "+*arn+" was not found.")
	})
}

func TestAWSPolicies(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(anyone)}); err != nil {
			t.Fatal(err)
		}
		full := "arn:aws:iam::aws:policy/AmazonS3FullAccess"
		for _, arn := range []string{full, full, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"} {
			if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: &arn}); err != nil {
				t.Fatal(err)
			}
		}
		for _, arn := range []string{"arn:aws:iam::aws:policy/AmazonEC2FullAccess", "arn:aws:iam::aws:policy/amazons3fullaccess", "arn:aws:iam::123456789012:policy/AmazonS3FullAccess", "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole"} {
			_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: &arn})
			Want(t, err, "NoSuchEntity", "Policy "+arn+" does not exist or is not attachable.")
		}
		_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: aws.String("AmazonS3FullAccessOrSo")})
		Want(t, err, "InvalidInput", "ARN AmazonS3FullAccessOrSo is not valid.")
		list, err := c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("r")})
		if err != nil || len(list.AttachedPolicies) != 2 || *list.AttachedPolicies[1].PolicyName != "AWSLambdaBasicExecutionRole" {
			t.Fatal(list, err)
		}
		list, err = c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("r"), PathPrefix: aws.String("/service-role/")})
		if err != nil || len(list.AttachedPolicies) != 1 {
			t.Fatal(list, err)
		}
		p, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &full})
		if err != nil || *p.Policy.AttachmentCount != 1 {
			t.Fatal(p, err)
		}
		_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &full})
		Want(t, err, "InvalidInput", "")

		if _, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("Own"), PolicyDocument: aws.String(Allow("s3:*", "*"))}); err != nil {
			t.Fatal(err)
		}
		var names []string
		pages := iam.NewListPoliciesPaginator(c, &iam.ListPoliciesInput{}, func(o *iam.ListPoliciesPaginatorOptions) { o.Limit = 3 })
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.Policies {
				names = append(names, *p.PolicyName)
				v, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: p.DefaultVersionId})
				if err != nil {
					t.Fatal(err)
				}
				text, _ := url.PathUnescape(*v.PolicyVersion.Document)
				if _, err := policy.Parse(text, policy.IdentityKind); err != nil {
					t.Errorf("%s: %v", *p.PolicyName, err)
				}
			}
		}
		if len(names) != 19 || names[0] != "Own" {
			t.Error(len(names), names)
		}
		attached, err := c.ListPolicies(ctx, &iam.ListPoliciesInput{OnlyAttached: true})
		if err != nil || len(attached.Policies) != 2 {
			t.Error(attached, err)
		}
	})
}

func TestMalformedPolicies(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		s.User("ada", "")
		for _, test := range []struct{ document, message string }{
			{`{`, "Syntax errors in policy."},
			{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*"}}`, "Policy statement must contain resources."},
			{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*"}}`, "Policy statement must contain actions."},
			{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}`, "Policy document should not specify a principal."},
			{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3","Resource":"*"}}`, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
			{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}`, `Resource bucket must be in ARN format or "*".`},
			{`{"Version":"2010-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`, "Policy document must be version 2012-10-17 or greater."},
		} {
			_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("ada"), PolicyName: aws.String("p"), PolicyDocument: &test.document})
			Want(t, err, "MalformedPolicyDocument", test.message)
			_, err = c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: &test.document})
			Want(t, err, "MalformedPolicyDocument", test.message)
		}
		for _, test := range []struct{ document, message string }{
			{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}`, "Has prohibited field Resource"},
			{Trust(`{"AWS":"arn:aws:iam::123456789012:user/nobody"}`, `"sts:AssumeRole"`, ""), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/nobody"`},
			{Trust(`{"AWS":"arn:aws:iam::123456789012:user/*"}`, `"sts:AssumeRole"`, ""), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*"`},
		} {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &test.document})
			Want(t, err, "MalformedPolicyDocument", test.message)
		}
		_, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("r")})
		Want(t, err, "NoSuchEntity", "The role with name r cannot be found.")
	})
}

// sized is a policy of n characters that count, and white space that does not.
func sized(n int) *string {
	p := Allow("s3:GetObject", "arn:aws:s3:::@")
	return aws.String(strings.Replace(p, "@", strings.Repeat("b", n-len(p)+1), 1) + strings.Repeat(" ", 500))
}

func TestPolicyLimits(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		s.User("ada", "")
		put := func(name string, n int) error {
			_, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("ada"), PolicyName: &name, PolicyDocument: sized(n)})
			return err
		}
		for _, name := range []string{"a", "b", "b"} {
			if err := put(name, 1024); err != nil {
				t.Fatal(err)
			}
		}
		Want(t, put("b", 1025), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user ada")
		_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("big"), PolicyDocument: sized(6145)})
		Want(t, err, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
		trust := strings.Replace(anyone, `"Action"`, `"Sid":"`+strings.Repeat("x", 2048)+`","Action"`, 1)
		_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &trust})
		Want(t, err, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")

		if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(anyone)}); err != nil {
			t.Fatal(err)
		}
		for i := range 11 {
			p, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(fmt.Sprint("p", i)), PolicyDocument: sized(200)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: p.Policy.Arn})
			if i < 10 && err != nil {
				t.Fatal(err)
			}
			if i == 10 {
				Want(t, err, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
			}
		}
		_, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("r")})
		Want(t, err, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	})
}

func TestRoles(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		name := aws.String("Cognito_PoolAuth_Role")
		r, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: aws.String("/service-role/"), AssumeRolePolicyDocument: aws.String(anyone), Description: aws.String("d"),
			Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}})
		if err != nil {
			t.Fatal(err)
		}
		if *r.Role.Arn != "arn:aws:iam::123456789012:role/service-role/Cognito_PoolAuth_Role" || *r.Role.MaxSessionDuration != 3600 || len(*r.Role.RoleId) != 21 {
			t.Error(r.Role)
		}
		_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("COGNITO_PoolAuth_Role"), AssumeRolePolicyDocument: aws.String(anyone)})
		Want(t, err, "EntityAlreadyExists", "Role with name COGNITO_PoolAuth_Role already exists.")
		if _, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: aws.Int32(7200)}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: name, Description: aws.String("é")}); err != nil {
			t.Fatal(err)
		}
		web := Trust(`{"Federated":"cognito-identity.amazonaws.com"}`, `"sts:AssumeRoleWithWebIdentity"`, "")
		if _, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: &web}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}, {Key: aws.String("b"), Value: aws.String("")}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"B"}}); err != nil {
			t.Fatal(err)
		}
		_, err = c.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: []types.Tag{{Key: aws.String("x"), Value: aws.String("1")}, {Key: aws.String("X"), Value: aws.String("")}}})
		Want(t, err, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		got, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := url.QueryUnescape(*got.Role.AssumeRolePolicyDocument); text != web {
			t.Error(text)
		}
		if *got.Role.Description != "é" || *got.Role.MaxSessionDuration != 7200 || len(got.Role.Tags) != 1 || *got.Role.Tags[0].Value != "blue" {
			t.Error(got.Role)
		}
		boundary := aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")
		if _, err := c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: boundary}); err != nil {
			t.Fatal(err)
		}
		used, err := c.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: boundary, PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary, EntityFilter: types.EntityTypeRole})
		if err != nil || len(used.PolicyRoles) != 1 {
			t.Fatal(used, err)
		}
		got, err = c.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
		if err != nil || got.Role.PermissionsBoundary == nil || *got.Role.PermissionsBoundary.PermissionsBoundaryArn != *boundary {
			t.Fatal(got, err)
		}
		if _, err := c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(Allow("s3:*", "*"))}); err != nil {
			t.Fatal(err)
		}
		p, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("p")})
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := url.QueryUnescape(*p.PolicyDocument); text != Allow("s3:*", "*") {
			t.Error(text)
		}
		_, err = c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("q")})
		Want(t, err, "NoSuchEntity", "The role policy with name q cannot be found.")
		_, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		Want(t, err, "DeleteConflict", "Cannot delete entity, must delete policies first.")
		if _, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("p")}); err != nil {
			t.Fatal(err)
		}
		names, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
		if err != nil || len(names.PolicyNames) != 0 || names.IsTruncated {
			t.Fatal(names, err)
		}
		roles, err := c.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: aws.String("/service-role/")})
		if err != nil || len(roles.Roles) != 1 {
			t.Fatal(roles, err)
		}
		sum, err := c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
		if err != nil || sum.SummaryMap["Roles"] != 1 || sum.SummaryMap["AccountAccessKeysPresent"] != 1 {
			t.Fatal(sum, err)
		}
		if _, err := c.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{}); err != nil {
			t.Error(err)
		}
		if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestConditionKeys has administrators who may do a thing only with, or to,
// what a condition names.
func TestConditionKeys(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		root, ctx := s.IAMClient(s.Root), t.Context()
		s.User("ada", "")
		limited := s.IAMClient(s.User("limited", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"iam:AttachUserPolicy","Resource":"arn:aws:iam::123456789012:user/ada","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}}},
			{"Effect":"Allow","Action":["iam:CreateUser","iam:DeleteUser"],"Resource":"arn:aws:iam::123456789012:user/team/*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/PowerUserAccess"}}},
			{"Effect":"Allow","Action":"iam:TagUser","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]},"StringEquals":{"aws:RequestTag/Team":"red"}}},
			{"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/TEAM":"red"}}}]}`))
		attach := func(arn string) error {
			_, err := limited.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ada"), PolicyArn: &arn})
			return err
		}
		if err := attach("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"); err != nil {
			t.Error(err)
		}
		Want(t, attach("arn:aws:iam::aws:policy/AdministratorAccess"), "AccessDenied", "")

		create := func(path string, boundary *string) error {
			_, err := limited.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("new"), Path: &path, PermissionsBoundary: boundary})
			return err
		}
		Want(t, create("/team/", nil), "AccessDenied", "")
		Want(t, create("/other/", aws.String("arn:aws:iam::aws:policy/PowerUserAccess")), "AccessDenied", "")
		if err := create("/team/", aws.String("arn:aws:iam::aws:policy/PowerUserAccess")); err != nil {
			t.Error(err)
		}
		// The real path and the boundary of what exists count, not what is asked.
		_, err := limited.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("ada")})
		Want(t, err, "AccessDenied", "")
		if _, err := limited.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("NEW")}); err != nil {
			t.Error(err)
		}
		_, err = limited.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("ada")})
		Want(t, err, "AccessDenied", "")
		tag := func(key string) error {
			_, err := limited.TagUser(ctx, &iam.TagUserInput{UserName: aws.String("ada"), Tags: []types.Tag{{Key: &key, Value: aws.String("red")}}})
			return err
		}
		Want(t, tag("other"), "AccessDenied", "")
		if err := tag("team"); err != nil {
			t.Error(err)
		}
		if _, err := limited.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("ada")}); err != nil {
			t.Error(err)
		}
		_, err = root.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("x")})
		Want(t, err, "InvalidAction", "")
	})
}

func TestSimulate(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		s.User("ada", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},
			{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/t":"x"}}}]}`)
		decide := func(entries []types.ContextEntry, boundary []string) string {
			t.Helper()
			out, err := c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::123456789012:user/ada"),
				ActionNames: []string{"s3:GetObject", "s3:DeleteObject", "iam:ListUsers"}, ResourceArns: []string{"arn:aws:s3:::b/k"}, ContextEntries: entries, PermissionsBoundaryPolicyInputList: boundary})
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, r := range out.EvaluationResults {
				all = append(all, string(r.EvalDecision))
			}
			return strings.Join(all, " ")
		}
		if got := decide(nil, nil); got != "allowed allowed implicitDeny" {
			t.Error(got)
		}
		if got := decide([]types.ContextEntry{{ContextKeyName: aws.String("aws:PrincipalTag/T"), ContextKeyType: "string", ContextKeyValues: []string{"x"}}}, nil); got != "allowed explicitDeny implicitDeny" {
			t.Error(got)
		}
		if got := decide(nil, []string{Allow("s3:DeleteObject", "*")}); got != "implicitDeny allowed implicitDeny" {
			t.Error(got)
		}
		out, err := c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{Allow("s3:Get*", "*")}, ActionNames: []string{"s3:GetObject"}})
		if err != nil || out.EvaluationResults[0].EvalDecision != "allowed" || len(out.EvaluationResults[0].MatchedStatements) != 1 {
			t.Error(out, err)
		}
		_, err = c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::123456789012:user/eve"), ActionNames: []string{"s3:GetObject"}})
		Want(t, err, "NoSuchEntity", "")
		_, err = c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{"{}"}, ActionNames: []string{"s3:GetObject"}})
		Want(t, err, "InvalidInput", "")
	})
}
