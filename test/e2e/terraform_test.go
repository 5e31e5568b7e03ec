package e2e_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// The calls that Terraform's provider (hashicorp/aws) and CDK's stacks make for
// a resource of IAM, in their order: create, read, change, read again, and the
// questions before the removal. A missing answer anywhere leaves a resource that
// can be neither planned nor destroyed.

func iamTags(pairs ...string) []iamtypes.Tag {
	var list []iamtypes.Tag
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, iamtypes.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

func (e *env) sameTags(what string, got []iamtypes.Tag, pairs ...string) {
	e.Helper()
	want := iamTags(pairs...)
	if !slices.EqualFunc(got, want, func(a, b iamtypes.Tag) bool { return *a.Key == *b.Key && *a.Value == *b.Value }) {
		e.Errorf("%s has %d tags, want %v", what, len(got), pairs)
	}
}

// sameDocument wants a policy as answers carry it.
func (e *env) sameDocument(what string, got *string, want string) {
	e.Helper()
	if text, err := url.PathUnescape(aws.ToString(got)); err != nil || text != want {
		e.Errorf("%s is %s (%v), want %s", what, text, err, want)
	}
}

const (
	readObjects  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a b/*"}]}`
	writeObjects = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::a b/*"}]}`
	forLambda    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`
	forGateway   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"apigateway.amazonaws.com"}}]}`
	awsReadOnly  = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
)

// TestTerraform_role is aws_iam_role with aws_iam_role_policy,
// aws_iam_role_policy_attachment and a boundary; CDK's roles do the same less
// the questions.
func TestTerraform_role(t *testing.T) {
	each(t, func(e *env) {
		c, ctx := e.root.IAM, e.Context()
		name := aws.String("worker")
		_, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
		e.refused(err, "NoSuchEntity", "The role with name worker cannot be found.")
		_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: aws.String("/svc/"), AssumeRolePolicyDocument: aws.String(forLambda), MaxSessionDuration: aws.Int32(7200), Tags: iamTags("a", "1")})
		e.ok(err)
		_, err = c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("own"), PolicyDocument: aws.String(readObjects)})
		e.ok(err)
		_, err = c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String(awsReadOnly)})
		e.ok(err)

		read := func() *iamtypes.Role {
			e.Helper()
			out, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
			e.ok(err)
			inline, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
			e.ok(err)
			for _, p := range inline.PolicyNames {
				got, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: &p})
				e.ok(err)
				e.sameDocument(p, got.PolicyDocument, readObjects)
			}
			attached, err := c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name})
			e.ok(err)
			if len(inline.PolicyNames) != 1 || len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyName != "AmazonS3ReadOnlyAccess" {
				e.Errorf("policies %v %v", inline.PolicyNames, attached.AttachedPolicies)
			}
			return out.Role
		}
		r := read()
		e.sameDocument("trust policy", r.AssumeRolePolicyDocument, forLambda)
		e.sameTags("role", r.Tags, "a", "1")
		if *r.MaxSessionDuration != 7200 || r.Description != nil || r.PermissionsBoundary != nil || *r.Arn != "arn:aws:iam::"+e.server.Account+":role/svc/worker" {
			e.Errorf("%+v", r)
		}

		_, err = c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: aws.String(forGateway)})
		e.ok(err)
		_, err = c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: name, Description: aws.String("does the work")})
		e.ok(err)
		_, err = c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: aws.Int32(3600)})
		e.ok(err)
		_, err = c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: aws.String(awsReadOnly)})
		e.ok(err)
		_, err = c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"a"}})
		e.ok(err)
		_, err = c.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: iamTags("b", "2")})
		e.ok(err)
		r = read()
		e.sameDocument("trust policy", r.AssumeRolePolicyDocument, forGateway)
		tags, err := c.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: name})
		e.ok(err)
		e.sameTags("role", tags.Tags, "b", "2")
		if *r.MaxSessionDuration != 3600 || *r.Description != "does the work" || *r.PermissionsBoundary.PermissionsBoundaryArn != awsReadOnly {
			e.Errorf("%+v", r)
		}
		_, err = c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name})
		e.ok(err)

		profiles, err := c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: name})
		e.ok(err)
		if len(profiles.InstanceProfiles) != 0 {
			e.Errorf("%+v", profiles)
		}
		_, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		e.refused(err, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
		_, err = c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(awsReadOnly)})
		e.ok(err)
		_, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		e.refused(err, "DeleteConflict", "Cannot delete entity, must delete policies first.")
		_, err = c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("own")})
		e.ok(err)
		_, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		e.ok(err)
		_, err = c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		e.refused(err, "NoSuchEntity", "")
	})
}

// TestTerraform_policy is aws_iam_policy: a change is a new version, and the
// oldest is removed when there are five.
func TestTerraform_policy(t *testing.T) {
	each(t, func(e *env) {
		c, ctx := e.root.IAM, e.Context()
		made, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("objects"), Path: aws.String("/team/"), Description: aws.String("d"), PolicyDocument: aws.String(readObjects), Tags: iamTags("a", "1", "b", "2")})
		e.ok(err)
		arn := made.Policy.Arn
		for n := range 6 {
			versions, err := c.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn})
			e.ok(err)
			if len(versions.Versions) == 5 {
				oldest := versions.Versions[4]
				if oldest.IsDefaultVersion {
					e.Fatal("the oldest version is in force")
				}
				_, err = c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: oldest.VersionId})
				e.ok(err)
			}
			document := []string{writeObjects, readObjects}[n%2]
			_, err = c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &document, SetAsDefault: true})
			e.ok(err)
			got, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
			e.ok(err)
			version, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: got.Policy.DefaultVersionId})
			e.ok(err)
			e.sameDocument("default version", version.PolicyVersion.Document, document)
		}
		_, err = c.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a"}})
		e.ok(err)
		_, err = c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: iamTags("b", "3")})
		e.ok(err)
		tags, err := c.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn})
		e.ok(err)
		e.sameTags("policy", tags.Tags, "b", "3")

		_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(forLambda)})
		e.ok(err)
		_, err = c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: arn})
		e.ok(err)
		used, err := c.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn})
		e.ok(err)
		if len(used.PolicyRoles) != 1 || *used.PolicyRoles[0].RoleName != "r" {
			e.Errorf("%+v", used)
		}
		_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		e.refused(err, "DeleteConflict", "Cannot delete a policy attached to entities.")
		_, err = c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("r"), PolicyArn: arn})
		e.ok(err)
		versions, err := c.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn})
		e.ok(err)
		for _, v := range versions.Versions {
			if !v.IsDefaultVersion {
				_, err = c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: v.VersionId})
				e.ok(err)
			}
		}
		_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		e.ok(err)
		_, err = c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
		e.refused(err, "NoSuchEntity", "Policy "+*arn+" was not found.")
	})
}

// TestTerraform_user is aws_iam_user with force_destroy, its policies, its key
// and its groups.
func TestTerraform_user(t *testing.T) {
	each(t, func(e *env) {
		c, ctx := e.root.IAM, e.Context()
		name, group := aws.String("ada"), aws.String("staff")
		_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Path: aws.String("/"), Tags: iamTags("a", "1")})
		e.ok(err)
		_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: group})
		e.ok(err)
		_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: group, UserName: name})
		e.ok(err)
		_, err = c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: group, PolicyName: aws.String("p"), PolicyDocument: aws.String(readObjects)})
		e.ok(err)
		_, err = c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: group, PolicyArn: aws.String(awsReadOnly)})
		e.ok(err)
		_, err = c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(writeObjects)})
		e.ok(err)
		_, err = c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String(awsReadOnly)})
		e.ok(err)
		_, err = c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: aws.String(awsReadOnly)})
		e.ok(err)
		key, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
		e.ok(err)

		u, err := c.GetUser(ctx, &iam.GetUserInput{UserName: name})
		e.ok(err)
		e.sameTags("user", u.User.Tags, "a", "1")
		if *u.User.PermissionsBoundary.PermissionsBoundaryArn != awsReadOnly {
			e.Errorf("%+v", u.User)
		}
		inline, err := c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: name, PolicyName: aws.String("p")})
		e.ok(err)
		e.sameDocument("policy of the user", inline.PolicyDocument, writeObjects)
		_, err = c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: name, PolicyName: aws.String("q")})
		e.refused(err, "NoSuchEntity", "The user policy with name q cannot be found.")
		ofGroup, err := c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: group, PolicyName: aws.String("p")})
		e.ok(err)
		e.sameDocument("policy of the group", ofGroup.PolicyDocument, readObjects)
		_, err = c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: group, PolicyName: aws.String("q")})
		e.refused(err, "NoSuchEntity", "The group policy with name q cannot be found.")
		members, err := c.GetGroup(ctx, &iam.GetGroupInput{GroupName: group})
		e.ok(err)
		if len(members.Users) != 1 || *members.Users[0].UserName != "ada" {
			e.Errorf("%+v", members)
		}
		_, err = c.UntagUser(ctx, &iam.UntagUserInput{UserName: name, TagKeys: []string{"A"}})
		e.ok(err)
		_, err = c.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: iamTags("b", "2")})
		e.ok(err)
		tags, err := c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: name})
		e.ok(err)
		e.sameTags("user", tags.Tags, "b", "2")
		_, err = c.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: name})
		e.ok(err)
		_, err = c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: group, NewGroupName: aws.String("crew")})
		e.ok(err)
		group = aws.String("crew")

		// force_destroy: everything that a user may have is asked for and removed.
		_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
		e.refused(err, "DeleteConflict", "")
		groups, err := c.ListGroupsForUser(ctx, &iam.ListGroupsForUserInput{UserName: name})
		e.ok(err)
		if len(groups.Groups) != 1 || *groups.Groups[0].GroupName != "crew" {
			e.Errorf("%+v", groups)
		}
		_, err = c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{UserName: name, GroupName: group})
		e.ok(err)
		keys, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: name})
		e.ok(err)
		if len(keys.AccessKeyMetadata) != 1 || *keys.AccessKeyMetadata[0].AccessKeyId != *key.AccessKey.AccessKeyId {
			e.Errorf("%+v", keys)
		}
		_, err = c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: key.AccessKey.AccessKeyId, Status: iamtypes.StatusTypeInactive})
		e.ok(err)
		_, err = c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: key.AccessKey.AccessKeyId})
		e.ok(err)
		_, err = c.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: name})
		e.ok(err)
		_, err = c.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{AssignmentStatus: iamtypes.AssignmentStatusTypeAny})
		e.ok(err)
		_, err = c.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: name})
		e.ok(err)
		_, err = c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: name})
		e.refused(err, "NoSuchEntity", "Login Profile for User ada cannot be found.")
		_, err = c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: name})
		e.ok(err)
		_, err = c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: name})
		e.ok(err)
		attached, err := c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: name})
		e.ok(err)
		for _, p := range attached.AttachedPolicies {
			_, err = c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: name, PolicyArn: p.PolicyArn})
			e.ok(err)
		}
		own, err := c.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: name})
		e.ok(err)
		for _, p := range own.PolicyNames {
			_, err = c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: name, PolicyName: &p})
			e.ok(err)
		}
		_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
		e.ok(err)

		ofCrew, err := c.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: group})
		e.ok(err)
		names, err := c.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: group})
		e.ok(err)
		if len(ofCrew.AttachedPolicies) != 1 || len(names.PolicyNames) != 1 {
			e.Errorf("%+v %+v", ofCrew, names)
		}
		_, err = c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: group})
		e.refused(err, "DeleteConflict", "")
		_, err = c.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: group, PolicyArn: aws.String(awsReadOnly)})
		e.ok(err)
		_, err = c.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: group, PolicyName: aws.String("p")})
		e.ok(err)
		_, err = c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: group})
		e.ok(err)
		_, err = c.GetGroup(ctx, &iam.GetGroupInput{GroupName: group})
		e.refused(err, "NoSuchEntity", "The group with name crew cannot be found.")
	})
}

// TestTerraform_openIDConnectProvider is aws_iam_openid_connect_provider.
func TestTerraform_openIDConnectProvider(t *testing.T) {
	each(t, func(e *env) {
		c, ctx := e.root.IAM, e.Context()
		thumb := "990f4193972f2becf12ddeda5237f9c952f20d9e"
		made, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://token.actions.example.com"), ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{thumb}, Tags: iamTags("a", "1", "b", "2")})
		e.ok(err)
		arn := made.OpenIDConnectProviderArn
		_, err = c.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn, ThumbprintList: []string{thumb, "1c58a3a8518e8759bf075b76b750d4f2df264fcd"}})
		e.ok(err)
		_, err = c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("app")})
		e.ok(err)
		_, err = c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("sts.amazonaws.com")})
		e.ok(err)
		_, err = c.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, TagKeys: []string{"a"}})
		e.ok(err)
		_, err = c.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: iamTags("c", "3")})
		e.ok(err)
		got, err := c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
		e.ok(err)
		if *got.Url != "token.actions.example.com" || !slices.Equal(got.ClientIDList, []string{"app"}) || len(got.ThumbprintList) != 2 {
			e.Errorf("%+v", got)
		}
		tags, err := c.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: arn})
		e.ok(err)
		e.sameTags("provider", tags.Tags, "b", "2", "c", "3")
		_, err = c.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
		e.ok(err)
		_, err = c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
		e.refused(err, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+*arn)
	})
}
