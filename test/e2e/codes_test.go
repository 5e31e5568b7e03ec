package e2e_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const annsPhone = "+12065550123"

// addresses makes a pool that can send codes by SMS and by mail.
func addresses(in *idp.CreateUserPoolInput) {
	in.SmsConfiguration = &types.SmsConfigurationType{SnsCallerArn: aws.String("arn:aws:iam::000000000000:role/sms")}
	in.EmailConfiguration = &types.EmailConfigurationType{EmailSendingAccount: "DEVELOPER", SourceArn: aws.String("arn:aws:ses:us-east-1:000000000000:identity/example.com")}
}

// factors sets which second factors the pool has.
func (n *tenant) factors(mode types.UserPoolMfaType, sms, tokens, mail bool) {
	n.Helper()
	in := &idp.SetUserPoolMfaConfigInput{UserPoolId: &n.pool, MfaConfiguration: mode, SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: tokens}}
	if sms {
		in.SmsMfaConfiguration = &types.SmsMfaConfigType{SmsAuthenticationMessage: aws.String("{username}, your code: {####}")}
	}
	if mail {
		in.EmailMfaConfiguration = &types.EmailMfaConfigType{Subject: aws.String("A code"), Message: aws.String("The code is {####}.")}
	}
	_, err := n.root.IDP.SetUserPoolMfaConfig(n.Context(), in)
	n.ok(err)
}

// setAttributes sets attributes of a user, as an administrator.
func (n *tenant) setAttributes(username string, pairs ...string) {
	n.Helper()
	in := &idp.AdminUpdateUserAttributesInput{UserPoolId: &n.pool, Username: &username}
	for i := 0; i < len(pairs); i += 2 {
		in.UserAttributes = append(in.UserAttributes, types.AttributeType{Name: &pairs[i], Value: &pairs[i+1]})
	}
	_, err := n.root.IDP.AdminUpdateUserAttributes(n.Context(), in)
	n.ok(err)
}

// attribute is a user's attribute, as an administrator sees it.
func (n *tenant) attribute(username, name string) string {
	n.Helper()
	u, err := n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: &username})
	n.ok(err)
	for _, a := range u.UserAttributes {
		if *a.Name == name {
			return *a.Value
		}
	}
	return ""
}

// respond answers a challenge.
func (n *tenant) respond(challenge types.ChallengeNameType, session *string, username string, responses ...string) (*idp.RespondToAuthChallengeOutput, error) {
	m := n.hashed(username, map[string]string{"USERNAME": username})
	for i := 0; i < len(responses); i += 2 {
		m[responses[i]] = responses[i+1]
	}
	return n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: challenge, Session: session,
		ChallengeResponses: m})
}

// must answers a challenge and must get the next one, or tokens when want is "".
func (n *tenant) must(want types.ChallengeNameType, challenge types.ChallengeNameType, session *string, username string, responses ...string) *idp.RespondToAuthChallengeOutput {
	n.Helper()
	out, err := n.respond(challenge, session, username, responses...)
	n.ok(err)
	if out.ChallengeName != want || (out.AuthenticationResult != nil) != (want == "") {
		n.Fatalf("after %s: %q, tokens %v; want %q", challenge, out.ChallengeName, out.AuthenticationResult != nil, want)
	}
	return out
}

// prefers chooses factors by access token: "sms", "totp", "email", the first
// preferred.
func (n *tenant) prefers(accessToken string, names ...string) error {
	in := &idp.SetUserMFAPreferenceInput{AccessToken: &accessToken}
	for i, name := range names {
		switch name {
		case "sms":
			in.SMSMfaSettings = &types.SMSMfaSettingsType{Enabled: true, PreferredMfa: i == 0}
		case "totp":
			in.SoftwareTokenMfaSettings = &types.SoftwareTokenMfaSettingsType{Enabled: true, PreferredMfa: i == 0}
		case "email":
			in.EmailMfaSettings = &types.EmailMfaSettingsType{Enabled: true, PreferredMfa: i == 0}
		}
	}
	_, err := n.anyone.IDP.SetUserMFAPreference(n.Context(), in)
	return err
}

// TestMessageFactors: codes by SMS and by mail as second factors.
func TestMessageFactors(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(addresses, nil)
		ann, bob := n.user("ann"), n.user("bob")
		token := *n.tokens(ann).AccessToken
		n.refused(n.prefers(token, "sms"), "InvalidParameterException", "User does not have delivery config set to turn on SMS_MFA")
		n.factors("OPTIONAL", true, true, true)
		n.refused(n.prefers(token, "sms"), "InvalidParameterException", "User does not have delivery config set to turn on SMS_MFA")
		n.setAttributes(ann, "phone_number", annsPhone)
		n.ok(n.prefers(token, "sms"))
		if u, err := n.getUser(token); err != nil || !slices.Equal(u.UserMFASettingList, []string{"SMS_MFA"}) || aws.ToString(u.PreferredMfaSetting) != "SMS_MFA" {
			n.Errorf("GetUser: %+v, %v", u, err)
		}

		out, err := n.login(ann, password)
		n.ok(err)
		p := out.ChallengeParameters
		if out.ChallengeName != "SMS_MFA" || p["CODE_DELIVERY_DELIVERY_MEDIUM"] != "SMS" || p["CODE_DELIVERY_DESTINATION"] != "+*******0123" || p["USER_ID_FOR_SRP"] != ann {
			n.Fatalf("%s %+v", out.ChallengeName, p)
		}
		m := n.server.Messages(annsPhone)[0]
		if len(m.Code) != 6 || m.Body != "ann, your code: "+m.Code || m.Trigger != "CustomMessage_Authentication" {
			n.Errorf("message %+v", m)
		}
		older := m.Code
		session := out.Session
		// another sign-in has another code; neither does anything for the other
		second, err := n.login(ann, password)
		n.ok(err)
		newer := n.server.Code(annsPhone)
		if older != newer {
			_, err = n.respond("SMS_MFA", session, ann, "SMS_MFA_CODE", newer)
			n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
		}
		_, err = n.respond("SMS_MFA", session, bob, "SMS_MFA_CODE", older)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		_, err = n.respond("SOFTWARE_TOKEN_MFA", session, ann, "SOFTWARE_TOKEN_MFA_CODE", older)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		_, err = n.respond("SMS_MFA", session, ann, "SOFTWARE_TOKEN_MFA_CODE", older)
		n.refused(err, "InvalidParameterException", "Missing required parameter SMS_MFA_CODE")
		_, err = n.respond("SMS_MFA", aws.String(flip(*session)), ann, "SMS_MFA_CODE", older)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		// clients answer with both names of a code
		n.must("", "SMS_MFA", session, ann, "SMS_MFA_CODE", older, "SOFTWARE_TOKEN_MFA_CODE", "")
		_, err = n.respond("SMS_MFA", session, ann, "SMS_MFA_CODE", older)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		if got := n.attribute(ann, "phone_number_verified"); got != "true" {
			n.Errorf("the number that the code went to is verified: %q", got)
		}
		n.server.Advance(3*time.Minute + time.Second)
		_, err = n.respond("SMS_MFA", second.Session, ann, "SMS_MFA_CODE", newer)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")

		// two factors without a preference: the user chooses
		n.ok(n.prefers(token, "", "sms", "email"))
		out, err = n.login(ann, password)
		n.ok(err)
		var can []string
		n.ok(json.Unmarshal([]byte(out.ChallengeParameters["MFAS_CAN_CHOOSE"]), &can))
		if out.ChallengeName != "SELECT_MFA_TYPE" || !slices.Equal(can, []string{"SMS_MFA", "EMAIL_OTP"}) {
			n.Fatalf("%s %v", out.ChallengeName, can)
		}
		_, err = n.respond("SELECT_MFA_TYPE", out.Session, ann, "ANSWER", "SOFTWARE_TOKEN_MFA")
		n.refused(err, "InvalidParameterException", "/Invalid selection/")
		chosen := n.must("EMAIL_OTP", "SELECT_MFA_TYPE", out.Session, ann, "ANSWER", "EMAIL_OTP")
		if chosen.ChallengeParameters["CODE_DELIVERY_DESTINATION"] != "a***@e***" {
			n.Errorf("%+v", chosen.ChallengeParameters)
		}
		_, err = n.respond("SELECT_MFA_TYPE", out.Session, ann, "ANSWER", "EMAIL_OTP")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		m = n.server.Messages(email(ann))[0]
		if m.Subject != "A code" || m.Body != "The code is "+m.Code+"." {
			n.Errorf("mail %+v", m)
		}
		n.must("", "EMAIL_OTP", chosen.Session, ann, "EMAIL_OTP_CODE", m.Code)

		// a factor that was switched off since it was asked for
		n.ok(n.prefers(token, "email"))
		out, err = n.login(ann, password)
		n.ok(err)
		code := n.server.Code(email(ann))
		n.setAttributes(ann, "email", "new@example.com", "email_verified", "true")
		_, err = n.respond("EMAIL_OTP", out.Session, ann, "EMAIL_OTP_CODE", code)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
	})
}

// TestMessageFactors_demanded: where the pool demands a factor the attributes
// are enough, unless an address is the only way to recover the account.
func TestMessageFactors_demanded(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			addresses(in)
			in.AccountRecoverySetting = &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{{Name: "verified_email", Priority: aws.Int32(1)}}}
		}, nil)
		ann, bob := n.user("ann"), n.user("bob")
		token := *n.tokens(ann).AccessToken
		n.setAttributes(ann, "phone_number", annsPhone)
		n.factors("ON", true, false, true)
		out, err := n.login(ann, password)
		n.ok(err)
		if out.ChallengeName != "SMS_MFA" {
			n.Fatalf("%s", out.ChallengeName)
		}
		n.must("", "SMS_MFA", out.Session, ann, "SMS_MFA_CODE", n.server.Code(annsPhone))
		_, err = n.login(bob, password)
		n.refused(err, "InvalidParameterException", "/has none that the user could set up/")
		n.ok(n.prefers(token, "email"))
		out, err = n.login(ann, password)
		n.ok(err)
		if out.ChallengeName != "EMAIL_OTP" {
			n.Fatalf("%s", out.ChallengeName)
		}
	})
}

// TestMfaSetup_email: a user without an address sets one up on the way; a user
// with one does not change it there.
func TestMfaSetup_email(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(addresses, nil)
		for _, name := range []string{"ann", "bob"} {
			_, err := n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: &name, MessageAction: "SUPPRESS"})
			n.ok(err)
			_, err = n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: &name, Password: aws.String(password), Permanent: true})
			n.ok(err)
		}
		n.factors("ON", false, true, true)
		out, err := n.login("ann", password)
		n.ok(err)
		if out.ChallengeName != "MFA_SETUP" || out.ChallengeParameters["MFAS_CAN_SETUP"] != `["SOFTWARE_TOKEN_MFA","EMAIL_OTP"]` {
			n.Fatalf("%s %+v", out.ChallengeName, out.ChallengeParameters)
		}
		_, err = n.respond("MFA_SETUP", out.Session, "ann", "EMAIL", "no address")
		n.refused(err, "InvalidParameterException", "Invalid email address format.")
		asked := n.must("EMAIL_OTP", "MFA_SETUP", out.Session, "ann", "EMAIL", "ann@example.com")
		_, err = n.respond("EMAIL_OTP", asked.Session, "ann", "EMAIL_OTP_CODE", "000000")
		n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
		n.must("", "EMAIL_OTP", asked.Session, "ann", "EMAIL_OTP_CODE", n.server.Code("ann@example.com"))
		if n.attribute("ann", "email") != "ann@example.com" || n.attribute("ann", "email_verified") != "true" {
			n.Error("the address is the user's now")
		}
		// bob has an address; whoever knows bob's password does not move it
		out, err = n.login("bob", password)
		n.ok(err)
		n.setAttributes("bob", "email", "bob@example.com")
		_, err = n.respond("MFA_SETUP", out.Session, "bob", "EMAIL", "thief@example.com")
		n.refused(err, "InvalidParameterException", "E-mail cannot be set up as a second factor here.")
	})
}

// TestMessageFactors_guesses: a code takes ten wrong tries and not one more,
// each counted like a wrong password, and messages are bounded.
func TestMessageFactors_guesses(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(addresses, func(in *idp.CreateUserPoolClientInput) { in.AuthSessionValidity = aws.Int32(15) })
		n.factors("OPTIONAL", true, false, false)
		ann := n.user("ann")
		n.setAttributes(ann, "phone_number", annsPhone)
		n.ok(n.prefers(*n.tokens(ann).AccessToken, "sms"))
		out, err := n.login(ann, password)
		n.ok(err)
		code := n.server.Code(annsPhone)
		for i := range 5 {
			_, err = n.respond("SMS_MFA", out.Session, ann, "SMS_MFA_CODE", "x")
			n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
			_ = i
		}
		_, err = n.respond("SMS_MFA", out.Session, ann, "SMS_MFA_CODE", code)
		n.refused(err, "NotAuthorizedException", "Password attempts exceeded")
		for wait := time.Second; wait <= 16*time.Second; wait *= 2 {
			n.server.Advance(wait + 100*time.Millisecond)
			_, err = n.respond("SMS_MFA", out.Session, ann, "SMS_MFA_CODE", "x")
			n.refused(err, "CodeMismatchException", "Invalid code or auth state for the user.")
		}
		n.server.Advance(40 * time.Second)
		_, err = n.respond("SMS_MFA", out.Session, ann, "SMS_MFA_CODE", code)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		for range 4 {
			_, err = n.login(ann, password)
			n.ok(err)
		}
		_, err = n.login(ann, password)
		n.refused(err, "TooManyRequestsException", "Attempt limit exceeded, please try after some time.")
		n.server.Advance(time.Hour)
		for range 12 { // sign-ins that end are not counted
			out, err = n.login(ann, password)
			n.ok(err)
			n.must("", "SMS_MFA", out.Session, ann, "SMS_MFA_CODE", n.server.Code(annsPhone))
		}
	})
}

// TestRace_code: of many who show one code in one session, one gets tokens.
func TestRace_code(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		n := ns[0].env.tenant(addresses, nil)
		n.factors("OPTIONAL", true, false, true)
		ann := n.user("ann")
		n.ok(n.prefers(*n.tokens(ann).AccessToken, "email"))
		out, err := n.login(ann, password)
		n.ok(err)
		code := n.server.Code(email(ann))
		all := make(nodes, len(ns))
		for i := range ns {
			all[i] = &tenant{ns[i].env, n.pool, n.client, n.secret}
		}
		all.one("a code", all.race(func(n *tenant, _ int) error {
			_, err := n.respond("EMAIL_OTP", out.Session, ann, "EMAIL_OTP_CODE", code)
			return err
		}), "NotAuthorizedException")
	})
}
