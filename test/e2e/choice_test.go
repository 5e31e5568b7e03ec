package e2e_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/test/awsclient"
)

// choosing makes a pool in which sign-ins can begin with the factors, and a
// client of it that lets users choose.
func (e *env) choosing(hides bool, factors ...types.AuthFactorType) *tenant {
	e.Helper()
	return e.tenant(func(in *idp.CreateUserPoolInput) {
		addresses(in)
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: factors}}
	}, func(in *idp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
		if hides {
			in.PreventUserExistenceErrors = "ENABLED"
		}
	})
}

// choose starts USER_AUTH.
func (n *tenant) choose(username string, parameters ...string) (*idp.InitiateAuthOutput, error) {
	m := n.hashed(username, map[string]string{"USERNAME": username})
	for i := 0; i < len(parameters); i += 2 {
		m[parameters[i]] = parameters[i+1]
	}
	return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "USER_AUTH", AuthParameters: m})
}

// offered starts USER_AUTH and must be offered the choice.
func (n *tenant) offered(username string, want ...types.ChallengeNameType) *string {
	n.Helper()
	out, err := n.choose(username)
	n.ok(err)
	if out.ChallengeName != "SELECT_CHALLENGE" || !slices.Equal(out.AvailableChallenges, want) {
		n.Fatalf("%s: %s %v, want %v", username, out.ChallengeName, out.AvailableChallenges, want)
	}
	return out.Session
}

// TestUserAuth: every way through the choice-based flow.
func TestUserAuth(t *testing.T) {
	each(t, func(e *env) {
		n := e.choosing(false, "PASSWORD", "EMAIL_OTP", "SMS_OTP")
		ann := n.user("ann")
		_, err := n.choose("nobody")
		n.refused(err, "UserNotFoundException", "User does not exist.")
		_, err = n.login(ann, password)
		n.refused(err, "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")
		_, err = n.choose(ann, "PREFERRED_CHALLENGE", "PASSWORD")
		n.refused(err, "InvalidParameterException", "Missing required parameter PASSWORD")
		_, err = n.choose(ann, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", "wrong")
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")

		// at once
		out, err := n.choose(ann, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
		n.ok(err)
		if out.AuthenticationResult == nil {
			n.Fatalf("%+v", out)
		}
		h := awsclient.NewSRP()
		out, err = n.choose(ann, "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", h.A())
		n.ok(err)
		if out.ChallengeName != "PASSWORD_VERIFIER" || out.Session == nil {
			n.Fatalf("%+v", out)
		}
		other, err := n.choose(ann, "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", awsclient.NewSRP().A())
		n.ok(err)
		prove := func(session *string) error {
			answer, err := h.Answer(n.pool, password, out.ChallengeParameters, n.server.Now())
			n.ok(err)
			_, err = n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "PASSWORD_VERIFIER", Session: session,
				ChallengeResponses: answer})
			return err
		}
		n.refused(prove(other.Session), "NotAuthorizedException", "Invalid session for the user.")
		n.ok(prove(out.Session))
		n.refused(prove(out.Session), "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		out, err = n.choose(ann, "PREFERRED_CHALLENGE", "EMAIL_OTP")
		n.ok(err)
		if out.ChallengeName != "EMAIL_OTP" || !slices.Equal(out.AvailableChallenges, []types.ChallengeNameType{"EMAIL_OTP"}) ||
			out.ChallengeParameters["CODE_DELIVERY_DESTINATION"] != "a***@e***" {
			n.Fatalf("%+v", out)
		}
		code := n.server.Code(email(ann))
		if len(code) != 8 {
			n.Errorf("the code is %q", code)
		}
		_, err = n.respond("EMAIL_OTP", out.Session, ann, "EMAIL_OTP_CODE", "12345678")
		n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
		_, err = n.respond("SELECT_CHALLENGE", out.Session, ann, "ANSWER", "EMAIL_OTP") // nothing is to be chosen here
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		n.must("", "EMAIL_OTP", out.Session, ann, "EMAIL_OTP_CODE", code)
		_, err = n.respond("EMAIL_OTP", out.Session, ann, "EMAIL_OTP_CODE", code)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")

		// by choice
		session := n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP")
		_, err = n.respond("SELECT_CHALLENGE", session, ann, "ANSWER", "SMS_OTP")
		n.refused(err, "InvalidParameterException", "/Invalid selection/")
		_, err = n.respond("SELECT_CHALLENGE", session, ann, "ANSWER", "CUSTOM_CHALLENGE")
		n.refused(err, "InvalidParameterException", "/Invalid selection/")
		next := n.must("PASSWORD", "SELECT_CHALLENGE", session, ann, "ANSWER", "PASSWORD")
		_, err = n.respond("SELECT_CHALLENGE", session, ann, "ANSWER", "EMAIL_OTP")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		_, err = n.respond("PASSWORD", next.Session, ann, "PASSWORD", "wrong")
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		n.must("", "PASSWORD", next.Session, ann, "PASSWORD", password)
		n.must("", "SELECT_CHALLENGE", n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"), ann, "ANSWER", "PASSWORD", "PASSWORD", password)
		n.must("", "PASSWORD", n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"), ann, "PASSWORD", password)
		h = awsclient.NewSRP()
		asked := n.must("PASSWORD_VERIFIER", "SELECT_CHALLENGE", n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"), ann, "ANSWER", "PASSWORD_SRP", "SRP_A", h.A())
		out.ChallengeParameters = asked.ChallengeParameters
		n.ok(prove(asked.Session))
		n.setAttributes(ann, "phone_number", annsPhone)
		asked = n.must("SMS_OTP", "SELECT_CHALLENGE", n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"), ann, "ANSWER", "SMS_OTP")
		n.must("", "SMS_OTP", asked.Session, ann, "SMS_OTP_CODE", n.server.Code(annsPhone))

		// a user with a second factor begins with the password, whatever was
		// asked before the factor was there
		session = n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP")
		waiting := n.must("EMAIL_OTP", "SELECT_CHALLENGE", n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"), ann, "ANSWER", "EMAIL_OTP")
		n.factors("OPTIONAL", true, true, false)
		_, err = n.root.IDP.AdminSetUserMFAPreference(n.Context(), &idp.AdminSetUserMFAPreferenceInput{UserPoolId: &n.pool, Username: &ann,
			SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true}})
		n.ok(err)
		_, err = n.respond("SELECT_CHALLENGE", session, ann, "ANSWER", "EMAIL_OTP")
		n.refused(err, "InvalidParameterException", "/Invalid selection/")
		_, err = n.respond("EMAIL_OTP", waiting.Session, ann, "EMAIL_OTP_CODE", n.server.Code(email(ann)))
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		out, err = n.choose(ann, "PREFERRED_CHALLENGE", "EMAIL_OTP")
		n.ok(err)
		if out.ChallengeName != "SELECT_CHALLENGE" || !slices.Equal(out.AvailableChallenges, []types.ChallengeNameType{"PASSWORD_SRP", "PASSWORD"}) {
			n.Fatalf("%s %v", out.ChallengeName, out.AvailableChallenges)
		}
		n.must("SMS_MFA", "SELECT_CHALLENGE", out.Session, ann, "ANSWER", "PASSWORD", "PASSWORD", password)
	})
}

// TestUserAuth_tier: the choice is not in the lowest tier.
func TestUserAuth_tier(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) { in.UserPoolTier = "LITE" }, nil)
		_, err := n.root.IDP.CreateUserPoolClient(n.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &n.pool, ClientName: aws.String("app"),
			ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH"}})
		n.refused(err, "FeatureUnavailableInTierException", "ALLOW_USER_AUTH is not available in the LITE tier.")
	})
}

// TestUserAuth_nobody: a name that no user has is asked what a user is asked,
// and never gets in.
func TestUserAuth_nobody(t *testing.T) {
	each(t, func(e *env) {
		n := e.choosing(true, "PASSWORD", "EMAIL_OTP")
		ann := n.user("ann")
		n.offered(ann, "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP")
		session := n.offered("nobody", "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP")
		_, err := n.respond("PASSWORD", session, "nobody", "PASSWORD", password)
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		_, err = n.respond("PASSWORD", session, ann, "PASSWORD", password)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		asked := n.must("EMAIL_OTP", "SELECT_CHALLENGE", session, "nobody", "ANSWER", "EMAIL_OTP")
		for _, name := range []string{"nobody", ann} {
			out, err := n.choose(name, "PREFERRED_CHALLENGE", "EMAIL_OTP")
			n.ok(err)
			if out.ChallengeName != "EMAIL_OTP" || len(out.ChallengeParameters) != 3 || out.ChallengeParameters["USER_ID_FOR_SRP"] != name {
				n.Errorf("%s: %+v", name, out)
			}
			for range 2 {
				_, err = n.respond("EMAIL_OTP", out.Session, name, "EMAIL_OTP_CODE", "12345678")
				n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
			}
		}
		for range 2 { // with the wrong password above these are five
			_, err = n.respond("EMAIL_OTP", asked.Session, "nobody", "EMAIL_OTP_CODE", "12345678")
			n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
		}
		_, err = n.respond("EMAIL_OTP", asked.Session, "nobody", "EMAIL_OTP_CODE", "12345678")
		n.refused(err, "NotAuthorizedException", "Password attempts exceeded")
		n.server.Advance(20 * time.Second)
		for _, name := range []string{"nobody", ann} {
			for range 5 {
				if _, err = n.choose(name, "PREFERRED_CHALLENGE", "EMAIL_OTP"); err != nil {
					break
				}
			}
			n.refused(err, "TooManyRequestsException", "Attempt limit exceeded, please try after some time.")
		}
	})
}

// TestPasswordless: users without a password sign up, sign in, and set one.
func TestPasswordless(t *testing.T) {
	each(t, func(e *env) {
		n := e.choosing(false, "PASSWORD", "EMAIL_OTP")
		signUp := func(name string, attributes ...types.AttributeType) (*idp.SignUpOutput, error) {
			return n.anyone.IDP.SignUp(n.Context(), &idp.SignUpInput{ClientId: &n.client, Username: &name, UserAttributes: attributes})
		}
		mail := func(name string) types.AttributeType {
			return types.AttributeType{Name: aws.String("email"), Value: aws.String(email(name))}
		}
		_, err := signUp("ann")
		n.refused(err, "InvalidParameterException", "/without a password needs an email/")
		plain := e.tenant(nil, nil)
		_, err = plain.anyone.IDP.SignUp(n.Context(), &idp.SignUpInput{ClientId: &plain.client, Username: aws.String("ann"), UserAttributes: []types.AttributeType{mail("ann")}})
		n.refused(err, "InvalidParameterException", "/no passwordless sign-in/")

		// sign-up hands over to the sign-in
		signed, err := signUp("ann", mail("ann"))
		n.ok(err)
		confirm := func(name string, session *string) *idp.ConfirmSignUpOutput {
			n.Helper()
			out, err := n.anyone.IDP.ConfirmSignUp(n.Context(), &idp.ConfirmSignUpInput{ClientId: &n.client, Username: &name,
				ConfirmationCode: aws.String(n.server.Code(email(name))), Session: session})
			n.ok(err)
			return out
		}
		begin := func(session *string, name string) (*idp.InitiateAuthOutput, error) {
			return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "USER_AUTH", Session: session,
				AuthParameters: map[string]string{"USERNAME": name}})
		}
		_, err = begin(signed.Session, "ann")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.") // not confirmed
		bob, err := signUp("bob", mail("bob"))
		n.ok(err)
		confirmed := confirm("ann", signed.Session)
		if confirmed.Session == nil {
			n.Fatal("no session for the sign-in")
		}
		_, err = begin(confirmed.Session, "bob")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		out, err := begin(confirmed.Session, "ann")
		n.ok(err)
		if out.AuthenticationResult == nil {
			n.Fatalf("%+v", out)
		}
		_, err = begin(confirmed.Session, "ann")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		n.offered("ann", "EMAIL_OTP")
		// another's sign-up session is worth nothing
		if c := confirm("bob", signed.Session); c.Session != nil {
			n.Error("bob's confirmation took ann's session")
		}
		_ = bob
		// its own need not be sent: the code is what counts
		_, err = signUp("fay", mail("fay"))
		n.ok(err)
		handed, err := begin(confirm("fay", nil).Session, "fay")
		n.ok(err)
		if handed.AuthenticationResult == nil {
			n.Errorf("%+v", handed)
		}

		// the first password
		token := out.AuthenticationResult.AccessToken
		change := func(previous *string, proposed string) error {
			_, err := n.anyone.IDP.ChangePassword(n.Context(), &idp.ChangePasswordInput{AccessToken: token, PreviousPassword: previous, ProposedPassword: &proposed})
			return err
		}
		n.ok(change(nil, password))
		n.refused(change(nil, otherPassword), "NotAuthorizedException", "Incorrect username or password.")
		n.offered("ann", "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP")

		// a code confirms who signed up and verifies the address
		_, err = signUp("cat", mail("cat"))
		n.ok(err)
		asked, err := n.choose("cat", "PREFERRED_CHALLENGE", "EMAIL_OTP")
		n.ok(err)
		n.must("", "EMAIL_OTP", asked.Session, "cat", "EMAIL_OTP_CODE", n.server.Code(email("cat")))
		u, err := n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("cat")})
		n.ok(err)
		if u.UserStatus != "CONFIRMED" || n.attribute("cat", "email_verified") != "true" {
			n.Errorf("%s %+v", u.UserStatus, u.UserAttributes)
		}

		// administrators make such users, and others as before
		made, err := n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("dan"), MessageAction: "SUPPRESS",
			UserAttributes: []types.AttributeType{mail("dan"), {Name: aws.String("email_verified"), Value: aws.String("true")}}})
		n.ok(err)
		if made.User.UserStatus != "CONFIRMED" {
			n.Errorf("%s", made.User.UserStatus)
		}
		n.offered("dan", "EMAIL_OTP")
		made, err = n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("eve"), TemporaryPassword: aws.String(otherPassword),
			MessageAction: "SUPPRESS", UserAttributes: []types.AttributeType{mail("eve"), {Name: aws.String("email_verified"), Value: aws.String("true")}}})
		n.ok(err)
		if made.User.UserStatus != "FORCE_CHANGE_PASSWORD" {
			n.Errorf("%s", made.User.UserStatus)
		}
		asked, err = n.choose("eve", "PREFERRED_CHALLENGE", "EMAIL_OTP")
		n.ok(err)
		if asked.ChallengeName != "SELECT_CHALLENGE" || !slices.Equal(asked.AvailableChallenges, []types.ChallengeNameType{"PASSWORD_SRP", "PASSWORD"}) {
			n.Errorf("%s %v", asked.ChallengeName, asked.AvailableChallenges)
		}
	})
}
