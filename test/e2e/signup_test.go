package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const (
	codeMismatch = "Invalid verification code provided, please try again."
	codeExpired  = "Invalid code provided, please request a code again."
	tooMany      = "Attempt limit exceeded, please try after some time."
	incorrect    = "Incorrect username or password."
)

func (n *tenant) forgot(username string) (*idp.ForgotPasswordOutput, error) {
	return n.anyone.IDP.ForgotPassword(n.Context(), &idp.ForgotPasswordInput{ClientId: &n.client, Username: &username, SecretHash: n.hash(username)})
}

func (n *tenant) reset(username, code, password string) error {
	_, err := n.anyone.IDP.ConfirmForgotPassword(n.Context(), &idp.ConfirmForgotPasswordInput{ClientId: &n.client, Username: &username,
		ConfirmationCode: &code, Password: &password, SecretHash: n.hash(username)})
	return err
}

func (n *tenant) resend(username string) (*idp.ResendConfirmationCodeOutput, error) {
	return n.anyone.IDP.ResendConfirmationCode(n.Context(), &idp.ResendConfirmationCodeInput{ClientId: &n.client, Username: &username, SecretHash: n.hash(username)})
}

func (n *tenant) status(username string) types.UserStatusType {
	n.Helper()
	out, err := n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: &username})
	n.ok(err)
	return out.UserStatus
}

// TestSignUp_refused: what a new user may not be.
func TestSignUp_refused(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.AliasAttributes = []types.AliasAttributeType{"email", "preferred_username"}
			in.Schema = []types.SchemaAttributeType{
				{Name: aws.String("email"), Required: aws.Bool(true)},
				{Name: aws.String("rank"), AttributeDataType: "Number", Mutable: aws.Bool(true),
					NumberAttributeConstraints: &types.NumberAttributeConstraintsType{MinValue: aws.String("1"), MaxValue: aws.String("9")}},
				{Name: aws.String("secret"), AttributeDataType: "String", Mutable: aws.Bool(true)},
			}
		}, func(in *idp.CreateUserPoolClientInput) {
			in.WriteAttributes = []string{"email", "name", "phone_number", "preferred_username", "birthdate", "custom:rank"}
		})
		n.user("ann")
		mail := func(more ...string) []types.AttributeType {
			return attributes(append([]string{"email", "new@example.com"}, more...)...)
		}
		for _, c := range []struct {
			name, username, password string
			attributes               []types.AttributeType
			code, message            string
		}{
			{"taken", "ann", password, mail(), "UsernameExistsException", "User already exists"},
			{"looks like the alias", "new@example.com", password, mail(), "InvalidParameterException", "Username cannot be of email format, since user pool is configured for email alias."},
			{"short password", "new", "Sh0rt-p", mail(), "InvalidPasswordException", "Password did not conform with policy: Password not long enough"},
			{"no upper case", "new", "lower-case-7", mail(), "InvalidPasswordException", "Password did not conform with policy: Password must have uppercase characters"},
			{"no lower case", "new", "UPPER-CASE-7", mail(), "InvalidPasswordException", "Password did not conform with policy: Password must have lowercase characters"},
			{"no digit", "new", "No-Digit-Here", mail(), "InvalidPasswordException", "Password did not conform with policy: Password must have numeric characters"},
			{"no symbol", "new", "NoSymbolHere7", mail(), "InvalidPasswordException", "Password did not conform with policy: Password must have symbol characters"},
			{"password too long", "new", strings.Repeat("Aa1-", 65), mail(), "InvalidParameterException", "/Value at 'password' failed to satisfy constraint: Member must have length less than or equal to 256/"},
			{"name too long", strings.Repeat("n", 129), password, mail(), "InvalidParameterException", "/Value at 'username' failed to satisfy constraint: Member must have length less than or equal to 128/"},
			{"name with a blank", "a b", password, mail(), "InvalidParameterException", "/Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern:/"},
			{"required attribute missing", "new", password, nil, "InvalidParameterException", "Attributes did not conform to the schema: email: The attribute is required\n"},
			{"not an address", "new", password, attributes("email", "nowhere"), "InvalidParameterException", "Invalid email address format."},
			{"not a phone number", "new", password, mail("phone_number", "5551234"), "InvalidParameterException", "Invalid phone number format."},
			{"not a date", "new", password, mail("birthdate", "1.1.2000"), "InvalidParameterException", "/^Attributes did not conform to the schema: birthdate: /"},
			{"number out of range", "new", password, mail("custom:rank", "10"), "InvalidParameterException", "/^Attributes did not conform to the schema: custom:rank: /"},
			{"not a number", "new", password, mail("custom:rank", "ten"), "InvalidParameterException", "/^Attributes did not conform to the schema: custom:rank: /"},
			{"unknown attribute", "new", password, mail("custom:nothing", "x"), "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
			{"not writable", "new", password, mail("custom:secret", "x"), "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
			{"verified by itself", "new", password, mail("email_verified", "true"), "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
			{"alias before confirmation", "new", password, mail("preferred_username", "neo"), "InvalidParameterException", ""},
			{"attribute twice", "new", password, mail("email", "other@example.com"), "InvalidParameterException", ""},
		} {
			_, err := n.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &n.client, Username: &c.username, Password: &c.password, UserAttributes: c.attributes})
			if !e.refused(err, c.code, c.message) {
				e.Fatal(c.name)
			}
		}
		users, err := e.root.IDP.ListUsers(e.Context(), &idp.ListUsersInput{UserPoolId: &n.pool})
		e.ok(err)
		if len(users.Users) != 1 {
			e.Errorf("refused sign-ups left %d users", len(users.Users)-1)
		}

		unknown := n.with("0123456789abcdefghijklmnop", "")
		_, err = unknown.signUp("new", password)
		e.refused(err, "ResourceNotFoundException", "User pool client "+unknown.client+" does not exist.")
		closed := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.AdminCreateUserConfig = &types.AdminCreateUserConfigType{AllowAdminCreateUserOnly: true}
		}, nil)
		_, err = closed.signUp("new", password)
		e.refused(err, "NotAuthorizedException", "SignUp is not permitted for this user pool")
	})
}

// TestCodes: a code is good once, for one user, one purpose and a time.
func TestCodes(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		for _, name := range []string{"ann", "bob"} {
			_, err := n.signUp(name, password)
			e.ok(err)
		}
		annCode, bobCode := e.server.Code(email("ann")), e.server.Code(email("bob"))
		if annCode != bobCode {
			e.refused(n.confirm("ann", bobCode), "CodeMismatchException", codeMismatch)
		}
		e.ok(n.confirm("ann", annCode))
		e.refused(n.confirm("ann", annCode), "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
		_, err := n.resend("ann")
		e.refused(err, "InvalidParameterException", "User is already confirmed.")

		// A new code kills the old one.
		_, err = n.resend("bob")
		e.ok(err)
		if second := e.server.Code(email("bob")); second != bobCode {
			e.refused(n.confirm("bob", bobCode), "CodeMismatchException", codeMismatch)
			bobCode = second
		}
		// A sign-up code does not reset a password, nor the other way.
		e.refused(n.reset("bob", bobCode, otherPassword), "ExpiredCodeException", codeExpired)
		e.server.Advance(24*time.Hour + time.Second)
		e.refused(n.confirm("bob", bobCode), "ExpiredCodeException", codeExpired)
		_, err = n.forgot("bob")
		e.refused(err, "InvalidParameterException", "Cannot reset password for the user as there is no registered/verified email or phone_number")
		_, err = n.resend("bob")
		e.ok(err)
		e.ok(n.confirm("bob", e.server.Code(email("bob"))))

		details, err := n.forgot("ann")
		e.ok(err)
		if *details.CodeDeliveryDetails.Destination != "a***@e***" || *details.CodeDeliveryDetails.AttributeName != "email" {
			e.Errorf("ForgotPassword answered %+v", details.CodeDeliveryDetails)
		}
		code := e.server.Code(email("ann"))
		e.refused(n.reset("ann", wrong(code), otherPassword), "CodeMismatchException", codeMismatch)
		e.refused(n.reset("bob", code, otherPassword), "ExpiredCodeException", codeExpired)
		e.refused(n.reset("ann", code, "weak"), "InvalidPasswordException", "/^Password did not conform with policy: /")
		e.ok(n.reset("ann", code, otherPassword))
		e.refused(n.reset("ann", code, password), "ExpiredCodeException", codeExpired)
		_, err = n.login("ann", password)
		e.refused(err, "NotAuthorizedException", incorrect)
		_, err = n.srp("ann", otherPassword)
		e.ok(err)
		_, err = n.forgot("ann")
		e.ok(err)
		e.server.Advance(time.Hour + time.Second)
		e.refused(n.reset("ann", e.server.Code(email("ann")), password), "ExpiredCodeException", codeExpired)
	})
}

// TestCodes_limits: guesses and messages are bounded, per code and per hour.
func TestCodes_limits(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		_, err := n.signUp("ann", password)
		e.ok(err)
		code := e.server.Code(email("ann"))
		for range 10 {
			e.refused(n.confirm("ann", wrong(code)), "CodeMismatchException", codeMismatch)
		}
		e.refused(n.confirm("ann", code), "ExpiredCodeException", codeExpired) // ten wrong guesses kill a code
		for range 4 {
			_, err := n.resend("ann")
			e.ok(err)
		}
		_, err = n.resend("ann")
		e.refused(err, "LimitExceededException", tooMany)
		code = e.server.Code(email("ann"))
		for range 4 {
			e.refused(n.confirm("ann", wrong(code)), "CodeMismatchException", codeMismatch)
		}
		e.refused(n.confirm("ann", code), "LimitExceededException", tooMany)
		e.server.Advance(time.Hour + time.Second)
		e.ok(n.confirm("ann", code))
	})
}

// TestAliases: an address belongs to one user at a time.
func TestAliases(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) { in.AliasAttributes = []types.AliasAttributeType{"email"} }, nil)
		join := func(username string) string {
			_, err := n.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &n.client, Username: &username, Password: aws.String(password),
				UserAttributes: attributes("email", "shared@example.com")})
			e.ok(err)
			return e.server.Code("shared@example.com")
		}
		e.ok(n.confirm("first", join("first")))
		code := join("second")
		e.refused(n.confirm("second", code), "AliasExistsException", "An account with the email already exists.")
		_, err := n.anyone.IDP.ConfirmSignUp(e.Context(), &idp.ConfirmSignUpInput{ClientId: &n.client, Username: aws.String("second"), ConfirmationCode: &code, ForceAliasCreation: true})
		e.ok(err)
		out, err := n.login("shared@example.com", password)
		e.ok(err)
		who, err := n.getUser(*out.AuthenticationResult.AccessToken)
		e.ok(err)
		if *who.Username != "second" {
			e.Errorf("the alias belongs to %s", *who.Username)
		}
		former, err := e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("first")})
		e.ok(err)
		if v := attribute(former.UserAttributes, "email_verified"); v != "false" {
			e.Errorf("the former owner's email_verified is %q", v)
		}

		invite := func(username string, force bool) error {
			_, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: &username, MessageAction: "SUPPRESS",
				ForceAliasCreation: force, UserAttributes: attributes("email", "shared@example.com", "email_verified", "true")})
			return err
		}
		e.refused(invite("third", false), "UsernameExistsException", "An account with the given email already exists.")
		_, err = e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("third")})
		e.refused(err, "UserNotFoundException", "User does not exist.")
		e.ok(invite("third", true))
		found, err := e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("shared@example.com")})
		e.ok(err)
		if *found.Username != "third" {
			e.Errorf("the alias belongs to %s", *found.Username)
		}
	})
}

// TestUsernameAttributes: people sign up with their address, and their user
// name is their sub.
func TestUsernameAttributes(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.UsernameAttributes = []types.UsernameAttributeType{"email"}
			in.UsernameConfiguration = &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)}
		}, nil)
		_, err := n.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &n.client, Username: aws.String("ann"), Password: aws.String(password)})
		e.refused(err, "InvalidParameterException", "Username should be an email.")
		up, err := n.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &n.client, Username: aws.String("Ann@Example.com"), Password: aws.String(password)})
		e.ok(err)
		e.ok(n.confirm("ann@example.com", e.server.Code("Ann@Example.com")))
		_, err = n.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &n.client, Username: aws.String("ANN@example.com"), Password: aws.String(password)})
		e.refused(err, "UsernameExistsException", "User already exists")
		for _, name := range []string{"ann@example.com", "ANN@EXAMPLE.COM", *up.UserSub} {
			out, err := n.srp(name, password)
			e.ok(err)
			who, err := n.getUser(*out.AuthenticationResult.AccessToken)
			e.ok(err)
			if *who.Username != *up.UserSub || attribute(who.UserAttributes, "email") != "Ann@Example.com" {
				e.Errorf("%s is %s with %v", name, *who.Username, attribute(who.UserAttributes, "email"))
			}
		}
	})
}
