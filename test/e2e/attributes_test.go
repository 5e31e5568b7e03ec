package e2e_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func (n *tenant) updateOwn(accessToken string, pairs ...string) (*idp.UpdateUserAttributesOutput, error) {
	return n.anyone.IDP.UpdateUserAttributes(n.Context(), &idp.UpdateUserAttributesInput{AccessToken: &accessToken, UserAttributes: attributes(pairs...)})
}

func (n *tenant) verify(accessToken, name, code string) error {
	_, err := n.anyone.IDP.VerifyUserAttribute(n.Context(), &idp.VerifyUserAttributeInput{AccessToken: &accessToken, AttributeName: &name, Code: &code})
	return err
}

// own is an attribute of the token's user.
func (n *tenant) own(accessToken, name string) string {
	n.Helper()
	u, err := n.getUser(accessToken)
	n.ok(err)
	return attribute(u.UserAttributes, name)
}

func (n *tenant) hasAttribute(accessToken, name string) bool {
	n.Helper()
	u, err := n.getUser(accessToken)
	n.ok(err)
	for _, a := range u.UserAttributes {
		if *a.Name == name {
			return true
		}
	}
	return false
}

// TestVerifyAttribute: a changed address is the user's at once and unverified,
// until the code that was sent to it comes back.
func TestVerifyAttribute(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("jane")
		n.user("john")
		jane, john := *n.tokens("jane").AccessToken, *n.tokens("john").AccessToken
		if n.own(jane, "email_verified") != "true" {
			n.Fatal("the address of the sign-up is verified")
		}
		out, err := n.updateOwn(jane, "email", "new@example.com")
		n.ok(err)
		if len(out.CodeDeliveryDetailsList) != 1 || *out.CodeDeliveryDetailsList[0].Destination != "n***@e***" {
			n.Errorf("delivery: %+v", out.CodeDeliveryDetailsList)
		}
		if n.own(jane, "email") != "new@example.com" || n.own(jane, "email_verified") != "false" {
			n.Error("the new address must be there, unverified")
		}
		code := n.server.Code("new@example.com")
		n.refused(n.verify(jane, "email", wrong(code)), "CodeMismatchException", "Invalid verification code provided, please try again.")
		n.refused(n.verify(john, "email", code), "ExpiredCodeException", "Invalid code provided, please request a code again.")
		n.refused(n.verify(jane, "phone_number", code), "ExpiredCodeException", "")
		n.refused(n.verify(jane, "name", code), "InvalidParameterException", "")
		n.ok(n.verify(jane, "email", code))
		n.refused(n.verify(jane, "email", code), "ExpiredCodeException", "")
		if n.own(jane, "email_verified") != "true" {
			n.Error("verified")
		}
		// A code on request, which ends the one before; and its end.
		ask := func() {
			_, err := n.anyone.IDP.GetUserAttributeVerificationCode(n.Context(), &idp.GetUserAttributeVerificationCodeInput{AccessToken: &jane, AttributeName: aws.String("email")})
			n.ok(err)
		}
		ask()
		first := n.server.Code("new@example.com")
		n.server.Advance(time.Minute)
		ask()
		second := n.server.Code("new@example.com")
		if first != second {
			n.refused(n.verify(jane, "email", first), "CodeMismatchException", "")
		}
		n.ok(n.verify(jane, "email", second))
		_, err = n.anyone.IDP.GetUserAttributeVerificationCode(n.Context(), &idp.GetUserAttributeVerificationCodeInput{AccessToken: &jane, AttributeName: aws.String("phone_number")})
		n.refused(err, "InvalidParameterException", "")
	})
}

// TestVerifyBeforeUpdate: where the pool asks for it, the old address stays
// until the new one is verified.
func TestVerifyBeforeUpdate(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.AliasAttributes = []types.AliasAttributeType{"email"}
			in.UserAttributeUpdateSettings = &types.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []types.VerifiedAttributeType{"email"}}
		}, nil)
		n.user("jane")
		n.user("john")
		jane := *n.tokens("jane").AccessToken
		_, err := n.updateOwn(jane, "email", "new@example.com", "name", "Jane")
		n.ok(err)
		if n.own(jane, "email") != email("jane") || n.own(jane, "email_verified") != "true" || n.own(jane, "name") != "Jane" {
			n.Error("the old address must stay, the rest must change")
		}
		if _, err := n.login("new@example.com", password); err == nil {
			n.Error("an address that waits is no alias")
		}
		n.ok(n.verify(jane, "email", n.server.Code("new@example.com")))
		if n.own(jane, "email") != "new@example.com" || n.own(jane, "email_verified") != "true" {
			n.Error("the new address must be there now")
		}
		_, err = n.login("new@example.com", password)
		n.ok(err)
		n.server.Advance(time.Minute)
		// Somebody else's verified address cannot become an alias.
		_, err = n.updateOwn(jane, "email", email("john"))
		n.ok(err)
		n.refused(n.verify(jane, "email", n.server.Code(email("john"))), "AliasExistsException", "An account with the given email already exists.")
		// An administrator who vouches for an address need not wait.
		_, err = n.root.IDP.AdminUpdateUserAttributes(n.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &n.pool, Username: aws.String("jane"),
			UserAttributes: attributes("email", "third@example.com", "email_verified", "true")})
		n.ok(err)
		if n.own(jane, "email") != "third@example.com" || n.own(jane, "email_verified") != "true" {
			n.Error("the administrator's word counts")
		}
	})
}

func TestDeleteAttributes(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Schema = []types.SchemaAttributeType{{Name: aws.String("given_name"), Required: aws.Bool(true), Mutable: aws.Bool(true)},
				{Name: aws.String("once"), AttributeDataType: "String", Mutable: aws.Bool(false)}, {Name: aws.String("note"), AttributeDataType: "String", Mutable: aws.Bool(true)}}
		}, func(in *idp.CreateUserPoolClientInput) {
			in.WriteAttributes = []string{"given_name", "email", "custom:once"}
		})
		_, err := n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("jane"), MessageAction: "SUPPRESS",
			UserAttributes: attributes("email", "j@example.com", "email_verified", "true", "given_name", "J", "custom:once", "x", "custom:note", "y")})
		n.ok(err)
		_, err = n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("jane"), Password: aws.String(password), Permanent: true})
		n.ok(err)
		jane := *n.tokens("jane").AccessToken
		own := func(names ...string) error {
			_, err := n.anyone.IDP.DeleteUserAttributes(n.Context(), &idp.DeleteUserAttributesInput{AccessToken: &jane, UserAttributeNames: names})
			return err
		}
		admin := func(names ...string) error {
			_, err := n.root.IDP.AdminDeleteUserAttributes(n.Context(), &idp.AdminDeleteUserAttributesInput{UserPoolId: &n.pool, Username: aws.String("jane"), UserAttributeNames: names})
			return err
		}
		n.refused(own("custom:note"), "NotAuthorizedException", "A client attempted to write unauthorized attribute")
		n.refused(own("email_verified"), "NotAuthorizedException", "A client attempted to write unauthorized attribute")
		n.refused(own("given_name"), "InvalidParameterException", "Attributes did not conform to the schema: given_name: The attribute is required\n")
		n.refused(own("custom:once"), "InvalidParameterException", "user.custom:once: Attribute cannot be updated.\n")
		n.refused(admin("sub"), "InvalidParameterException", "")
		n.refused(admin("custom:none"), "InvalidParameterException", "Attributes did not conform to the schema: Type for attribute {custom:none} could not be determined")
		n.ok(own("email"))
		if n.hasAttribute(jane, "email") || n.hasAttribute(jane, "email_verified") {
			n.Error("an address goes together with its verification")
		}
		n.ok(admin("custom:note"))
		if n.hasAttribute(jane, "custom:note") {
			n.Error("deleted")
		}
		n.ok(admin("custom:note")) // what is not there is no error
	})
}

func TestAddCustomAttributes(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		add := func(list ...types.SchemaAttributeType) error {
			_, err := n.root.IDP.AddCustomAttributes(n.Context(), &idp.AddCustomAttributesInput{UserPoolId: &n.pool, CustomAttributes: list})
			return err
		}
		age := types.SchemaAttributeType{Name: aws.String("age"), AttributeDataType: "Number", Mutable: aws.Bool(true),
			NumberAttributeConstraints: &types.NumberAttributeConstraintsType{MinValue: aws.String("0"), MaxValue: aws.String("150")}}
		n.ok(add(age))
		n.refused(add(age), "InvalidParameterException", "custom:age: Existing attribute already has name custom:age.")
		n.refused(add(types.SchemaAttributeType{Name: aws.String("r"), AttributeDataType: "String", Required: aws.Bool(true)}), "InvalidParameterException", "Required custom attributes are not supported currently.")
		n.user("jane")
		set := func(value string) error {
			_, err := n.root.IDP.AdminUpdateUserAttributes(n.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &n.pool, Username: aws.String("jane"), UserAttributes: attributes("custom:age", value)})
			return err
		}
		n.ok(set("42"))
		n.refused(set("151"), "InvalidParameterException", "")
		n.refused(set("old"), "InvalidParameterException", "")
		if got := claimsOf(e, *n.tokens("jane").IdToken)["custom:age"]; got != "42" {
			n.Errorf("custom:age is %v in the token: a string whatever its type", got)
		}
		for i := range 49 {
			name := string(rune('a'+i/26)) + string(rune('a'+i%26))
			n.ok(add(types.SchemaAttributeType{Name: &name, AttributeDataType: "String"}))
		}
		n.refused(add(types.SchemaAttributeType{Name: aws.String("more"), AttributeDataType: "String"}), "InvalidParameterException", "")
	})
}

// TestPasswordHistory: the present password and the ones before it.
func TestPasswordHistory(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Policies = &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{MinimumLength: aws.Int32(8), PasswordHistorySize: aws.Int32(3)}}
		}, nil)
		n.user("jane")
		current := password
		change := func(to string) error {
			out, err := n.login("jane", current)
			n.ok(err)
			_, err = n.anyone.IDP.ChangePassword(n.Context(), &idp.ChangePasswordInput{AccessToken: out.AuthenticationResult.AccessToken, PreviousPassword: &current, ProposedPassword: &to})
			if err == nil {
				current = to
			}
			n.server.Advance(time.Second)
			return err
		}
		used := func(err error) {
			n.Helper()
			n.refused(err, "PasswordHistoryPolicyViolationException", "Password has previously been used")
		}
		used(change(password))
		n.ok(change("second-1"))
		used(change(password))
		n.ok(change("third-12"))
		used(change(password))
		used(change("second-1"))
		n.ok(change("fourth-1"))
		n.ok(change(password)) // three others since
		_, err := n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("jane"), Password: aws.String("fourth-1"), Permanent: true})
		used(err)
		_, err = n.forgot("jane")
		n.ok(err)
		used(n.reset("jane", n.server.Code(email("jane")), "third-12"))
		n.ok(n.reset("jane", n.server.Code(email("jane")), "fifth-12"))
	})
}

func TestAdminResetUserPassword(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("jane")
		tokens := n.tokens("jane")
		n.server.Advance(time.Minute)
		reset := func(user string) error {
			_, err := n.root.IDP.AdminResetUserPassword(n.Context(), &idp.AdminResetUserPasswordInput{UserPoolId: &n.pool, Username: &user})
			return err
		}
		n.refused(reset("nobody"), "UserNotFoundException", "User does not exist.")
		n.ok(reset("jane"))
		if n.status("jane") != "RESET_REQUIRED" {
			n.Errorf("status %s", n.status("jane"))
		}
		_, err := n.login("jane", password)
		n.refused(err, "PasswordResetRequiredException", "Password reset required for the user")
		_, err = n.refresh(*tokens.RefreshToken)
		n.refused(err, "NotAuthorizedException", "Refresh Token has been revoked")
		n.ok(n.reset("jane", n.server.Code(email("jane")), otherPassword))
		_, err = n.login("jane", otherPassword)
		n.ok(err)
		_, err = n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("new"), MessageAction: "SUPPRESS"})
		n.ok(err)
		n.refused(reset("new"), "NotAuthorizedException", "User password cannot be reset in the current state.")
	})
}

func TestClientSecrets(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, func(in *idp.CreateUserPoolClientInput) { in.GenerateSecret = true })
		public := e.tenant(nil, nil)
		n.user("jane")
		c := n.root.IDP
		added, err := c.AddUserPoolClientSecret(n.Context(), &idp.AddUserPoolClientSecretInput{UserPoolId: &n.pool, ClientId: &n.client})
		n.ok(err)
		second := *added.ClientSecretDescriptor.ClientSecretValue
		n.tokens("jane")
		n.with(n.client, second).tokens("jane") // both are right
		_, err = c.AddUserPoolClientSecret(n.Context(), &idp.AddUserPoolClientSecretInput{UserPoolId: &n.pool, ClientId: &n.client})
		n.refused(err, "LimitExceededException", "")
		_, err = c.AddUserPoolClientSecret(n.Context(), &idp.AddUserPoolClientSecretInput{UserPoolId: &public.pool, ClientId: &public.client})
		n.refused(err, "InvalidParameterException", "")
		_, err = c.AddUserPoolClientSecret(n.Context(), &idp.AddUserPoolClientSecretInput{UserPoolId: &public.pool, ClientId: &n.client})
		n.refused(err, "ResourceNotFoundException", "User pool client "+n.client+" does not exist.")
		list, err := c.ListUserPoolClientSecrets(n.Context(), &idp.ListUserPoolClientSecretsInput{UserPoolId: &n.pool, ClientId: &n.client})
		n.ok(err)
		if len(list.ClientSecrets) != 2 || list.ClientSecrets[0].ClientSecretValue != nil {
			n.Errorf("the list: %+v", list.ClientSecrets)
		}
		drop := func(id string) error {
			_, err := c.DeleteUserPoolClientSecret(n.Context(), &idp.DeleteUserPoolClientSecretInput{UserPoolId: &n.pool, ClientId: &n.client, ClientSecretId: &id})
			return err
		}
		n.refused(drop("none--1"), "ResourceNotFoundException", "")
		n.ok(drop(*list.ClientSecrets[0].ClientSecretId))
		_, err = n.login("jane", password)
		n.refused(err, "NotAuthorizedException", "SecretHash does not match for the client: "+n.client)
		n.with(n.client, second).tokens("jane")
		n.refused(drop(*list.ClientSecrets[1].ClientSecretId), "InvalidParameterException", "")
	})
}

func TestTags(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) { in.UserPoolTags = map[string]string{"a": "1"} }, nil)
		arn := "arn:aws:cognito-idp:" + e.server.Region + ":" + e.server.Account + ":userpool/" + n.pool
		c := n.root.IDP
		_, err := c.TagResource(n.Context(), &idp.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"b": "2", "team": "red"}})
		n.ok(err)
		_, err = c.UntagResource(n.Context(), &idp.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a", "none"}})
		n.ok(err)
		out, err := c.ListTagsForResource(n.Context(), &idp.ListTagsForResourceInput{ResourceArn: &arn})
		n.ok(err)
		if len(out.Tags) != 2 || out.Tags["b"] != "2" || out.Tags["team"] != "red" {
			n.Errorf("tags %v", out.Tags)
		}
		_, err = c.ListTagsForResource(n.Context(), &idp.ListTagsForResourceInput{ResourceArn: aws.String(arn + "x")})
		n.refused(err, "ResourceNotFoundException", "")
		// Tags are condition keys: who may touch the red team's pools.
		red, _ := e.person("red", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-idp:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}}`)
		_, err = red.IDP.DescribeUserPool(n.Context(), &idp.DescribeUserPoolInput{UserPoolId: &n.pool})
		n.ok(err)
		other := e.tenant(nil, nil)
		_, err = red.IDP.DescribeUserPool(n.Context(), &idp.DescribeUserPoolInput{UserPoolId: &other.pool})
		n.refused(err, "AccessDeniedException", "")
	})
}
