package iam_test

import (
	"encoding/csv"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	. "gatehouse/test/iamtest"
)

func TestAccountAlias(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		aliases := func() []string {
			t.Helper()
			out, err := c.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})
			if err != nil {
				t.Fatal(err)
			}
			return out.AccountAliases
		}
		if got := aliases(); len(got) != 0 {
			t.Error(got)
		}
		for _, bad := range []string{"ab", "Upper", "-a-b", "a--b", "ab-", strings.Repeat("a", 64), "123456789012"} {
			_, err := c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: &bad})
			Want(t, err, "ValidationError", "")
		}
		_, err := c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("acme")})
		Want(t, err, "NoSuchEntity", "The account alias acme cannot be found.")
		if _, err := c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: aws.String("acme")}); err != nil {
			t.Fatal(err)
		}
		_, err = c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: aws.String("acme")})
		Want(t, err, "EntityAlreadyExists", "The account alias acme already exists.")
		if _, err := c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: aws.String("acme-2")}); err != nil {
			t.Fatal(err)
		}
		if got := aliases(); !slices.Equal(got, []string{"acme-2"}) {
			t.Error(got)
		}
		_, err = c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("acme")})
		Want(t, err, "NoSuchEntity", "")
		if _, err := c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: aws.String("acme-2")}); err != nil {
			t.Fatal(err)
		}
		if got := aliases(); len(got) != 0 {
			t.Error(got)
		}
	})
}

func TestAccountPasswordPolicy(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		const none = "The Password Policy with domain name 123456789012 cannot be found."
		_, err := c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
		Want(t, err, "NoSuchEntity", none)
		_, err = c.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{})
		Want(t, err, "NoSuchEntity", none)
		_, err = c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(5)})
		Want(t, err, "ValidationError", "")
		_, err = c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(14), RequireNumbers: true,
			MaxPasswordAge: aws.Int32(90), PasswordReusePrevention: aws.Int32(24), HardExpiry: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
		if err != nil {
			t.Fatal(err)
		}
		if p := got.PasswordPolicy; *p.MinimumPasswordLength != 14 || !p.RequireNumbers || p.RequireSymbols || *p.MaxPasswordAge != 90 || !p.ExpirePasswords ||
			*p.PasswordReusePrevention != 24 || !*p.HardExpiry {
			t.Errorf("%+v", p)
		}
		// What is not given gets its default: nothing of the one before stays.
		if _, err = c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{RequireSymbols: true}); err != nil {
			t.Fatal(err)
		}
		if got, err = c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{}); err != nil {
			t.Fatal(err)
		}
		if p := got.PasswordPolicy; *p.MinimumPasswordLength != 6 || p.RequireNumbers || !p.RequireSymbols || p.MaxPasswordAge != nil || p.ExpirePasswords || p.HardExpiry != nil {
			t.Errorf("%+v", p)
		}
		if _, err = c.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{}); err != nil {
			t.Fatal(err)
		}
		_, err = c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
		Want(t, err, "NoSuchEntity", none)
	})
}

// TestAccountAuthorizationDetails pages through everything one by one and finds
// what was written, each thing once.
func TestAccountAuthorizationDetails(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		document := Allow("s3:GetObject", "arn:aws:s3:::a b/*")
		p, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("Read"), PolicyDocument: &document})
		if err != nil {
			t.Fatal(err)
		}
		s.User("ada", document)
		s.User("bob", "")
		_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("staff")})
		if err == nil {
			_, err = c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("staff"), UserName: aws.String("ada")})
		}
		if err == nil {
			_, err = c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("staff"), PolicyArn: p.Policy.Arn})
		}
		if err == nil {
			_, err = c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("worker"), AssumeRolePolicyDocument: aws.String(anyone), PermissionsBoundary: p.Policy.Arn,
				Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}})
		}
		if err != nil {
			t.Fatal(err)
		}
		var users, groups, roles, policies []string
		pager := iam.NewGetAccountAuthorizationDetailsPaginator(c, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1)})
		for pager.HasMorePages() {
			page, err := pager.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(page.UserDetailList) + len(page.GroupDetailList) + len(page.RoleDetailList) + len(page.Policies); n != 1 {
				t.Fatalf("a page has %d items", n)
			}
			for _, u := range page.UserDetailList {
				users = append(users, *u.UserName)
				if *u.UserName != "ada" {
					continue
				}
				if text, err := url.PathUnescape(*u.UserPolicyList[0].PolicyDocument); err != nil || text != document || strings.Contains(*u.UserPolicyList[0].PolicyDocument, "+") {
					t.Errorf("%s %v", text, err)
				}
				if !slices.Equal(u.GroupList, []string{"staff"}) {
					t.Error(u.GroupList)
				}
			}
			for _, g := range page.GroupDetailList {
				groups = append(groups, *g.GroupName+" "+*g.AttachedManagedPolicies[0].PolicyName)
			}
			for _, r := range page.RoleDetailList {
				roles = append(roles, *r.RoleName+" "+*r.PermissionsBoundary.PermissionsBoundaryArn+" "+*r.Tags[0].Value)
				if text, err := url.PathUnescape(*r.AssumeRolePolicyDocument); err != nil || text != anyone {
					t.Error(text, err)
				}
			}
			for _, p := range page.Policies {
				policies = append(policies, *p.Arn)
				if len(p.PolicyVersionList) != 1 || !p.PolicyVersionList[0].IsDefaultVersion || p.PolicyVersionList[0].Document == nil {
					t.Errorf("%+v", p)
				}
			}
		}
		if !slices.Equal(users, []string{"ada", "bob"}) || !slices.Equal(groups, []string{"staff Read"}) || !slices.Equal(roles, []string{"worker " + *p.Policy.Arn + " red"}) {
			t.Error(users, groups, roles)
		}
		sorted := slices.Compact(slices.Sorted(slices.Values(policies)))
		if len(sorted) != len(policies) || policies[0] != *p.Policy.Arn || !slices.Contains(policies, "arn:aws:iam::aws:policy/AdministratorAccess") {
			t.Error(policies)
		}
		local, err := c.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeLocalManagedPolicy, types.EntityTypeGroup}})
		if err != nil || len(local.Policies) != 1 || len(local.GroupDetailList) != 1 || len(local.UserDetailList)+len(local.RoleDetailList) != 0 || local.IsTruncated {
			t.Error(local, err)
		}
		_, err = c.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Marker: aws.String("nowhere/x")})
		Want(t, err, "ValidationError", "Invalid Marker.")
		_, err = c.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"Cat"}})
		Want(t, err, "ValidationError", "")
	})
}

func TestCredentialReport(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		_, err := c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
		Want(t, err, "ReportNotPresent", "")
		s.User("ada,with=comma", "")
		s.User("bob", "")
		made, err := c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
		if err != nil || made.State != types.ReportStateTypeStarted {
			t.Fatal(made, err)
		}
		if made, err = c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{}); err != nil || made.State != types.ReportStateTypeComplete {
			t.Fatal(made, err)
		}
		got, err := c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(got.Content))).ReadAll()
		if err != nil || len(rows) != 4 || rows[1][0] != "<root_account>" || rows[2][0] != "ada,with=comma" || rows[3][1] != "arn:aws:iam::123456789012:user/bob" {
			t.Fatal(rows, err)
		}
		column := slices.Index(rows[0], "access_key_1_active")
		if rows[3][column] != "true" || rows[3][column+5] != "false" {
			t.Error(rows[3])
		}
		if strings.Contains(string(got.Content), s.Root.SecretAccessKey) {
			t.Error("the report has a secret")
		}
		s.Advance(4*time.Hour + time.Second)
		_, err = c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
		Want(t, err, "ReportExpired", "")
		if made, err = c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{}); err != nil || made.State != types.ReportStateTypeStarted {
			t.Fatal(made, err)
		}
	})
}

// TestAbsent: what an account here never has is asked for before a user or role
// is removed, and the answer is an empty list, or that there is no such thing.
func TestAbsent(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		own := s.User("ada", Allow("iam:*", "arn:aws:iam::123456789012:user/${aws:username}"))
		ada, nobody := aws.String("ada"), aws.String("nobody")
		const missing = "The user with name nobody cannot be found."

		for name, ask := range map[string]func(c *iam.Client, user *string) (int, error){
			"ListMFADevices": func(c *iam.Client, user *string) (int, error) {
				out, err := c.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: user})
				if err != nil {
					return 0, err
				}
				return len(out.MFADevices), nil
			},
			"ListSSHPublicKeys": func(c *iam.Client, user *string) (int, error) {
				out, err := c.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: user})
				if err != nil {
					return 0, err
				}
				return len(out.SSHPublicKeys), nil
			},
			"ListSigningCertificates": func(c *iam.Client, user *string) (int, error) {
				out, err := c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: user})
				if err != nil {
					return 0, err
				}
				return len(out.Certificates), nil
			},
			"ListServiceSpecificCredentials": func(c *iam.Client, user *string) (int, error) {
				out, err := c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: user})
				if err != nil {
					return 0, err
				}
				return len(out.ServiceSpecificCredentials), nil
			},
		} {
			if n, err := ask(c, ada); err != nil || n != 0 {
				t.Errorf("%s: %d %v", name, n, err)
			}
			if n, err := ask(s.IAMClient(own), nil); err != nil || n != 0 {
				t.Errorf("%s of oneself: %d %v", name, n, err)
			}
			_, err := ask(c, nobody)
			Want(t, err, "NoSuchEntity", missing)
			_, err = ask(s.IAMClient(own), nobody)
			Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:"+name+
				" on resource: arn:aws:iam::123456789012:user/nobody because no identity-based policy allows the iam:"+name+" action")
		}
		_, err := c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: ada})
		Want(t, err, "NoSuchEntity", "Login Profile for User ada cannot be found.")
		_, err = s.IAMClient(own).GetLoginProfile(ctx, &iam.GetLoginProfileInput{})
		Want(t, err, "NoSuchEntity", "Login Profile for User ada cannot be found.")
		_, err = c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: nobody})
		Want(t, err, "NoSuchEntity", missing)
		_, err = c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: ada})
		Want(t, err, "NoSuchEntity", "Login Profile for User ada cannot be found.")
		_, err = c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: ada, Password: aws.String("Correct-Horse-1")})
		Want(t, err, "NoSuchEntity", "Login Profile for User ada cannot be found.")
		_, err = c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ada, Password: aws.String("Correct-Horse-1")})
		Want(t, err, "InvalidAction", "")

		if out, err := c.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{}); err != nil || len(out.VirtualMFADevices) != 0 {
			t.Error(out, err)
		}
		if out, err := c.ListServerCertificates(ctx, &iam.ListServerCertificatesInput{}); err != nil || len(out.ServerCertificateMetadataList) != 0 {
			t.Error(out, err)
		}
		if out, err := c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)}); err != nil || len(out.ServiceSpecificCredentials) != 0 {
			t.Error(out, err)
		}
		if out, err := c.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{}); err != nil || len(out.InstanceProfiles) != 0 {
			t.Error(out, err)
		}
		_, err = c.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("web")})
		Want(t, err, "NoSuchEntity", "Instance Profile web cannot be found.")
		if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(anyone)}); err != nil {
			t.Fatal(err)
		}
		if out, err := c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("r")}); err != nil || len(out.InstanceProfiles) != 0 {
			t.Error(out, err)
		}
		_, err = c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: nobody})
		Want(t, err, "NoSuchEntity", "The role with name nobody cannot be found.")
	})
}
