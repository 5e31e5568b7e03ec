package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// TestAdminConfirmSignUp: an administrator confirms a user and vouches for no
// address.
func TestAdminConfirmSignUp(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		_, err := n.signUp("jane", password)
		n.ok(err)
		confirm := func(user string) error {
			_, err := n.root.IDP.AdminConfirmSignUp(n.Context(), &idp.AdminConfirmSignUpInput{UserPoolId: &n.pool, Username: &user})
			return err
		}
		n.refused(confirm("nobody"), "UserNotFoundException", "User does not exist.")
		n.ok(confirm("jane"))
		n.refused(confirm("jane"), "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
		token := *n.tokens("jane").AccessToken
		if n.own(token, "email_verified") == "true" {
			n.Error("nobody has verified the address")
		}
		_, err = n.forgot("jane")
		n.refused(err, "InvalidParameterException", "Cannot reset password for the user as there is no registered/verified email or phone_number")
	})
}

// TestAdminDeleteUser: a deleted user is gone at once, from every door, and the
// name is free.
func TestAdminDeleteUser(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) { in.AliasAttributes = []types.AliasAttributeType{"email"} }, nil)
		n.user("jane")
		n.group("g", nil, "")
		n.join("jane", "g")
		tokens := n.tokens("jane")
		sub := n.own(*tokens.AccessToken, "sub")
		remove := func(user string) error {
			_, err := n.root.IDP.AdminDeleteUser(n.Context(), &idp.AdminDeleteUserInput{UserPoolId: &n.pool, Username: &user})
			return err
		}
		n.refused(remove("nobody"), "UserNotFoundException", "User does not exist.")
		n.ok(remove(email("jane"))) // by alias
		n.refused(remove("jane"), "UserNotFoundException", "User does not exist.")
		_, err := n.getUser(*tokens.AccessToken)
		n.refused(err, "UserNotFoundException", "User does not exist.")
		_, err = n.refresh(*tokens.RefreshToken)
		n.refused(err, "NotAuthorizedException", "Invalid Refresh Token")
		_, err = n.login("jane", password)
		n.refused(err, "UserNotFoundException", "User does not exist.")
		in, err := n.root.IDP.ListUsersInGroup(n.Context(), &idp.ListUsersInGroupInput{UserPoolId: &n.pool, GroupName: aws.String("g")})
		n.ok(err)
		list, err := n.root.IDP.ListUsers(n.Context(), &idp.ListUsersInput{UserPoolId: &n.pool, Filter: aws.String(`email = "` + email("jane") + `"`)})
		n.ok(err)
		if len(in.Users)+len(list.Users) != 0 {
			n.Errorf("the user is still listed: %v %v", in.Users, list.Users)
		}
		n.user("jane")
		if again := n.own(*n.tokens("jane").AccessToken, "sub"); again == sub {
			n.Error("a new user of the name is somebody else")
		}
		n.refused(func() error { _, err := n.getUser(*tokens.AccessToken); return err }(), "UserNotFoundException", "User does not exist.")
	})
}
