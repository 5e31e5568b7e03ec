package iam_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
	. "gatehouse/test/iamtest"
)

func TestUsers(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		made, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("Ada"), Path: aws.String("/staff/"),
			Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := *made.User.Arn; got != "arn:aws:iam::123456789012:user/staff/Ada" {
			t.Error(got)
		}
		if id := *made.User.UserId; !strings.HasPrefix(id, "AIDA") || len(id) != 21 {
			t.Error(id)
		}
		_, err = c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ADA")})
		Want(t, err, "EntityAlreadyExists", "User with name ADA already exists.")

		got, err := c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("ada")})
		if err != nil || *got.User.UserName != "Ada" || len(got.User.Tags) != 1 {
			t.Fatal(got, err)
		}
		if _, err := c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("Ada"), NewUserName: aws.String("Ada2"), NewPath: aws.String("/x/")}); err != nil {
			t.Fatal(err)
		}
		got, err = c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("ada2")})
		if err != nil || *got.User.UserId != *made.User.UserId || *got.User.Arn != "arn:aws:iam::123456789012:user/x/Ada2" {
			t.Fatal(got, err)
		}
		_, err = c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("Ada")})
		Want(t, err, "NoSuchEntity", "The user with name Ada cannot be found.")
		_, err = c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("nobody"), NewPath: aws.String("/")})
		Want(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")

		s.User("bob", "")
		_, err = c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("bob"), NewUserName: aws.String("ADA2")})
		Want(t, err, "EntityAlreadyExists", "User with name ADA2 already exists.")
		_, err = c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("bob")})
		Want(t, err, "DeleteConflict", "Cannot delete entity, must delete access keys first.")

		page, err := c.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1)})
		if err != nil || len(page.Users) != 1 || *page.Users[0].UserName != "Ada2" || !page.IsTruncated {
			t.Fatal(page, err)
		}
		page, err = c.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1), Marker: page.Marker})
		if err != nil || len(page.Users) != 1 || *page.Users[0].UserName != "bob" || page.IsTruncated {
			t.Fatal(page, err)
		}
		page, err = c.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/x")})
		if err != nil || len(page.Users) != 1 {
			t.Fatal(page, err)
		}
		if _, err := c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("Ada2")}); err != nil {
			t.Fatal(err)
		}
		me, err := c.GetUser(ctx, &iam.GetUserInput{})
		if err != nil || *me.User.Arn != "arn:aws:iam::123456789012:root" || me.User.UserName != nil {
			t.Fatal(me, err)
		}
	})
}

func TestAccessKeys(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		root, ctx := s.IAMClient(s.Root), t.Context()
		key := s.User("ada", Allow("iam:*", "arn:aws:iam::123456789012:user/${aws:username}"))
		c := s.IAMClient(key)
		if me, err := c.GetUser(ctx, &iam.GetUserInput{}); err != nil || *me.User.UserName != "ada" {
			t.Fatal(me, err)
		}
		second, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
		if err != nil || *second.AccessKey.UserName != "ada" {
			t.Fatal(second, err)
		}
		_, err = c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
		Want(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
		list, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
		if err != nil || len(list.AccessKeyMetadata) != 2 {
			t.Fatal(list, err)
		}
		_, err = c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("eve")})
		Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:ListAccessKeys on resource: arn:aws:iam::123456789012:user/eve because no identity-based policy allows the iam:ListAccessKeys action")

		_, err = root.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("ada"), AccessKeyId: &key.AccessKeyID, Status: types.StatusTypeInactive})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.GetUser(ctx, &iam.GetUserInput{})
		Want(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
		_, err = root.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("ada"), AccessKeyId: &key.AccessKeyID, Status: types.StatusTypeActive})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.GetUser(ctx, &iam.GetUserInput{}); err != nil {
			t.Fatal(err)
		}
		_, err = root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("ada"), AccessKeyId: aws.String("AKIAXXXXXXXXXXXXXXXX")})
		Want(t, err, "NoSuchEntity", "The Access Key with id AKIAXXXXXXXXXXXXXXXX cannot be found.")
		s.User("eve", "")
		_, err = root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("eve"), AccessKeyId: &key.AccessKeyID})
		Want(t, err, "NoSuchEntity", "")
		if _, err := root.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("ada"), AccessKeyId: &key.AccessKeyID}); err != nil {
			t.Fatal(err)
		}
		_, err = c.GetUser(ctx, &iam.GetUserInput{})
		Want(t, err, "InvalidClientTokenId", "")
	})
}

func TestGetAccessKeyLastUsed(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		root, ctx := s.IAMClient(s.Root), t.Context()
		key := s.User("ada", "")
		used := func() *iam.GetAccessKeyLastUsedOutput {
			t.Helper()
			if err := s.DB.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			out, err := root.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &key.AccessKeyID})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if out := used(); *out.AccessKeyLastUsed.ServiceName != "N/A" || out.AccessKeyLastUsed.LastUsedDate != nil || *out.UserName != "ada" {
			t.Error(out)
		}
		wrong := key
		wrong.SecretAccessKey = "x" + wrong.SecretAccessKey[1:]
		_, err := s.STSClient(wrong).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		Want(t, err, "SignatureDoesNotMatch", "")
		if out := used(); out.AccessKeyLastUsed.LastUsedDate != nil {
			t.Error("a wrong signature is no use of the key")
		}
		for range 2 {
			if _, err := s.STSClient(key).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
				t.Fatal(err)
			}
		}
		first := used()
		if *first.AccessKeyLastUsed.ServiceName != "sts" || *first.AccessKeyLastUsed.Region != "us-east-1" {
			t.Error(first)
		}
		s.Advance(2 * time.Minute)
		if _, err := s.STSClient(key).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
		if d := used().AccessKeyLastUsed.LastUsedDate.Sub(*first.AccessKeyLastUsed.LastUsedDate); d < time.Minute {
			t.Errorf("used %v later", d)
		}
		_, err = root.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAXXXXXXXXXXXXXXXX")})
		Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:root is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key AKIAXXXXXXXXXXXXXXXX")
	})
}

// TestRoot opens the store twice: the root key is made once, kept sealed, and
// replaced when it was lost. The key of --dev is never stored.
func TestRoot(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, config store.Config) {
		s, ctx := Start(t, config, nil), t.Context()
		id, secret, err := s.IAM.EnsureRoot(ctx)
		if err != nil || id != s.Root.AccessKeyID || secret != s.Root.SecretAccessKey || !strings.HasPrefix(id, "AKIA") || len(secret) != 40 {
			t.Fatal(id, err)
		}
		who, err := s.STSClient(s.Root).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil || *who.Arn != "arn:aws:iam::123456789012:root" || *who.UserId != Account || *who.Account != Account {
			t.Fatal(who, err)
		}
		dev := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
		_, err = s.IAMClient(dev).ListUsers(ctx, &iam.ListUsersInput{})
		Want(t, err, "InvalidClientTokenId", "")
		s.IAM.SetDevRoot(ctx, true)
		if _, err := s.IAMClient(dev).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
			t.Error(err)
		}
		dev.SecretAccessKey = "tests"
		_, err = s.IAMClient(dev).ListUsers(ctx, &iam.ListUsersInput{})
		Want(t, err, "SignatureDoesNotMatch", "")

		// The root user's own keys are managed like a user's.
		own, err := s.IAMClient(s.Root).CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})
		if err != nil || own.AccessKey.UserName != nil {
			t.Fatal(own, err)
		}
		who, err = s.STSClient(aws.Credentials{AccessKeyID: *own.AccessKey.AccessKeyId, SecretAccessKey: *own.AccessKey.SecretAccessKey}).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil || *who.UserId != Account {
			t.Fatal(who, err)
		}
		if _, err := s.IAMClient(s.Root).DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: own.AccessKey.AccessKeyId}); err != nil {
			t.Fatal(err)
		}

		newID, newSecret, err := s.IAM.NewRoot(ctx)
		if err != nil || newID == id {
			t.Fatal(newID, err)
		}
		_, err = s.IAMClient(s.Root).ListUsers(ctx, &iam.ListUsersInput{})
		Want(t, err, "InvalidClientTokenId", "")
		if _, err := s.IAMClient(aws.Credentials{AccessKeyID: newID, SecretAccessKey: newSecret}).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
			t.Error(err)
		}
	})
}

func TestUnsigned(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c := iam.New(iam.Options{BaseEndpoint: &s.URL, Region: "us-east-1", RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}})
		_, err := c.ListUsers(t.Context(), &iam.ListUsersInput{})
		Want(t, err, "MissingAuthenticationToken", "Request is missing Authentication Token")
		wrong := s.Root
		wrong.SecretAccessKey = strings.Repeat("x", 40)
		_, err = s.IAMClient(wrong).ListUsers(t.Context(), &iam.ListUsersInput{})
		Want(t, err, "SignatureDoesNotMatch", "")
		_, err = s.IAMClient(aws.Credentials{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}).ListUsers(t.Context(), &iam.ListUsersInput{})
		Want(t, err, "InvalidClientTokenId", "")
	})
}

func TestGroups(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		root, ctx := s.IAMClient(s.Root), t.Context()
		ada := s.IAMClient(s.User("ada", ""))
		if _, err := root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("readers")}); err != nil {
			t.Fatal(err)
		}
		_, err := root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("Readers")})
		Want(t, err, "EntityAlreadyExists", "Group with name Readers already exists.")
		if _, err := root.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("readers"), PolicyName: aws.String("p"), PolicyDocument: aws.String(Allow("iam:ListUsers", "*"))}); err != nil {
			t.Fatal(err)
		}
		_, err = ada.ListUsers(ctx, &iam.ListUsersInput{})
		Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::123456789012:user/ because no identity-based policy allows the iam:ListUsers action")
		if _, err := root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("readers"), UserName: aws.String("ada")}); err != nil {
			t.Fatal(err)
		}
		if _, err = ada.ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
			t.Error(err)
		}
		g, err := root.GetGroup(ctx, &iam.GetGroupInput{GroupName: aws.String("readers")})
		if err != nil || len(g.Users) != 1 || *g.Users[0].UserName != "ada" {
			t.Fatal(g, err)
		}
		_, err = root.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: aws.String("readers")})
		Want(t, err, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
		_, err = root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("readers"), UserName: aws.String("eve")})
		Want(t, err, "NoSuchEntity", "The user with name eve cannot be found.")
		if _, err := root.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: aws.String("readers"), UserName: aws.String("ada")}); err != nil {
			t.Fatal(err)
		}
		_, err = ada.ListUsers(ctx, &iam.ListUsersInput{})
		Want(t, err, "AccessDenied", "")
		_, err = root.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: aws.String("readers")})
		Want(t, err, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	})
}

// TestRaces has many callers do at once what only so many may do.
func TestRaces(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		root, ctx := s.IAMClient(s.Root), t.Context()
		if _, err := root.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ada")}); err != nil {
			t.Fatal(err)
		}
		const callers = 8
		keys, roles := make(chan error, callers), make(chan error, callers)
		for range callers {
			go func() {
				_, err := root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ada")})
				keys <- err
			}()
			go func() {
				_, err := root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(anyone)})
				roles <- err
			}()
		}
		madeKeys, madeRoles := 0, 0
		for range callers {
			if err := <-keys; err == nil {
				madeKeys++
			} else {
				Want(t, err, "LimitExceeded", "")
			}
			if err := <-roles; err == nil {
				madeRoles++
			} else {
				Want(t, err, "EntityAlreadyExists", "")
			}
		}
		if madeKeys != 2 || madeRoles != 1 {
			t.Errorf("%d keys and %d roles", madeKeys, madeRoles)
		}
	})
}

func TestOpenIDConnectProviders(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		made, err := c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://login.example.com/tenant"), ClientIDList: []string{"app"}})
		if err != nil || *made.OpenIDConnectProviderArn != "arn:aws:iam::123456789012:oidc-provider/login.example.com/tenant" {
			t.Fatal(made, err)
		}
		arn := made.OpenIDConnectProviderArn
		_, err = c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://login.example.com/tenant/")})
		Want(t, err, "EntityAlreadyExists", "Provider with url https://login.example.com/tenant already exists.")
		for _, bad := range []string{"http://login.example.com", "login.example.com", "https://", "https://x/?a=b"} {
			_, err = c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &bad})
			Want(t, err, "InvalidInput", "Invalid Open ID Connect Provider URL")
		}
		for _, id := range []string{"other", "other"} {
			if _, err := c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: &id}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("app")}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}); err != nil {
			t.Fatal(err)
		}
		got, err := c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
		if err != nil || *got.Url != "login.example.com/tenant" || len(got.ClientIDList) != 1 || got.ClientIDList[0] != "other" || len(got.Tags) != 1 {
			t.Fatal(got, err)
		}
		issuer, clients, ok, err := s.IAM.OIDCProvider(ctx, *arn)
		if err != nil || !ok || issuer != "https://login.example.com/tenant" || len(clients) != 1 {
			t.Error(issuer, clients, ok, err)
		}
		list, err := c.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
		if err != nil || len(list.OpenIDConnectProviderList) != 1 {
			t.Error(list, err)
		}
		for range 2 {
			if _, err := c.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
		Want(t, err, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+*arn)
		if _, _, ok, err := s.IAM.OIDCProvider(ctx, *arn); ok || err != nil {
			t.Error(ok, err)
		}
	})
}
