package e2e_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/pquerna/otp/totp"
)

// mfa sets whether the pool takes software tokens.
func (n *tenant) mfa(mode types.UserPoolMfaType, tokens bool) error {
	_, err := n.root.IDP.SetUserPoolMfaConfig(n.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: &n.pool, MfaConfiguration: mode,
		SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: tokens}})
	return err
}

// app is an authenticator app: an implementation of RFC 6238 that is not ours.
func (n *tenant) app(secret string, steps int) string {
	n.Helper()
	code, err := totp.GenerateCode(secret, n.server.Now().Add(time.Duration(steps)*30*time.Second))
	n.ok(err)
	return code
}

// nextStep moves the clock so far that a new code is due.
func (n *tenant) nextStep() { n.server.Advance(31 * time.Second) }

// register gives a signed-in user a software token, and switches it on.
func (n *tenant) register(accessToken string) (secret string) {
	n.Helper()
	out, err := n.anyone.IDP.AssociateSoftwareToken(n.Context(), &idp.AssociateSoftwareTokenInput{AccessToken: &accessToken})
	n.ok(err)
	n.ok(n.verifyToken(accessToken, n.app(*out.SecretCode, 0)))
	n.ok(n.prefer(accessToken, true))
	return *out.SecretCode
}

func (n *tenant) verifyToken(accessToken, code string) error {
	_, err := n.anyone.IDP.VerifySoftwareToken(n.Context(), &idp.VerifySoftwareTokenInput{AccessToken: &accessToken, UserCode: &code, FriendlyDeviceName: aws.String("phone")})
	return err
}

func (n *tenant) prefer(accessToken string, on bool) error {
	_, err := n.anyone.IDP.SetUserMFAPreference(n.Context(), &idp.SetUserMFAPreferenceInput{AccessToken: &accessToken,
		SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{Enabled: on, PreferredMfa: on}})
	return err
}

// code answers SOFTWARE_TOKEN_MFA.
func (n *tenant) code(username, session, code string) (*types.AuthenticationResultType, error) {
	out, err := n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "SOFTWARE_TOKEN_MFA", Session: &session,
		ChallengeResponses: n.hashed(username, map[string]string{"USERNAME": username, "SOFTWARE_TOKEN_MFA_CODE": code})})
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

// asked signs in with the password and must be asked for a factor.
func (n *tenant) asked(username string, challenge types.ChallengeNameType) (session string) {
	n.Helper()
	out, err := n.login(username, password)
	n.ok(err)
	if out.ChallengeName != challenge || out.AuthenticationResult != nil {
		n.Fatalf("%s got the challenge %q, want %s; tokens: %v", username, out.ChallengeName, challenge, out.AuthenticationResult != nil)
	}
	return *out.Session
}

// TestMfaConfig: the factors of a pool.
func TestMfaConfig(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		show := func() *idp.GetUserPoolMfaConfigOutput {
			out, err := n.root.IDP.GetUserPoolMfaConfig(n.Context(), &idp.GetUserPoolMfaConfigInput{UserPoolId: &n.pool})
			n.ok(err)
			return out
		}
		if c := show(); c.MfaConfiguration != "OFF" || c.SoftwareTokenMfaConfiguration != nil || c.SmsMfaConfiguration != nil {
			n.Errorf("a new pool: %+v", c)
		}
		_, err := n.root.IDP.UpdateUserPool(n.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, MfaConfiguration: "ON"})
		n.refused(err, "InvalidParameterException", "/at least one factor/")
		n.refused(n.mfa("ON", false), "InvalidParameterException", "/at least one factor/")
		n.refused(n.mfa("OPTIONAL", false), "InvalidParameterException", "/at least one factor/")
		n.ok(n.mfa("ON", true))
		if c := show(); c.MfaConfiguration != "ON" || c.SoftwareTokenMfaConfiguration == nil || !c.SoftwareTokenMfaConfiguration.Enabled {
			n.Errorf("set: %+v", c)
		}
		// a change of other settings neither forgets the factors nor runs on without them
		_, err = n.root.IDP.UpdateUserPool(n.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, MfaConfiguration: "ON"})
		n.ok(err)
		if c := show(); c.SoftwareTokenMfaConfiguration == nil {
			n.Errorf("forgotten: %+v", c)
		}
		_, err = n.root.IDP.SetUserPoolMfaConfig(n.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: &n.pool, MfaConfiguration: "OPTIONAL",
			EmailMfaConfiguration: &types.EmailMfaConfigType{Subject: aws.String("code")}})
		n.refused(err, "InvalidParameterException", "/DEVELOPER/")
	})
}

// TestSoftwareToken: TOTP in a pool where users choose.
func TestSoftwareToken(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		ann, bob := n.user("ann"), n.user("bob")
		token := *n.tokens(ann).AccessToken
		_, err := n.anyone.IDP.AssociateSoftwareToken(n.Context(), &idp.AssociateSoftwareTokenInput{AccessToken: &token})
		n.refused(err, "SoftwareTokenMFANotFoundException", "")
		n.ok(n.mfa("OPTIONAL", true))

		n.refused(n.prefer(token, true), "InvalidParameterException", "User has not verified software token mfa")
		n.refused(n.verifyToken(token, "123456"), "InvalidParameterException", "/not associated/")
		out, err := n.anyone.IDP.AssociateSoftwareToken(n.Context(), &idp.AssociateSoftwareTokenInput{AccessToken: &token})
		n.ok(err)
		n.refused(n.verifyToken(token, n.app(*out.SecretCode, 5)), "EnableSoftwareTokenMFAException", "Code mismatch")
		n.refused(n.prefer(token, true), "InvalidParameterException", "User has not verified software token mfa")
		first := n.app(*out.SecretCode, 0)
		n.ok(n.verifyToken(token, first))
		n.tokens(ann) // verified is not yet switched on
		n.ok(n.prefer(token, true))
		if u, err := n.getUser(token); err != nil || len(u.UserMFASettingList) != 1 || aws.ToString(u.PreferredMfaSetting) != "SOFTWARE_TOKEN_MFA" {
			n.Errorf("GetUser: %+v, %v", u, err)
		}
		factors, err := n.anyone.IDP.GetUserAuthFactors(n.Context(), &idp.GetUserAuthFactorsInput{AccessToken: &token})
		n.ok(err)
		if len(factors.UserMFASettingList) != 1 || len(factors.ConfiguredUserAuthFactors) != 1 || factors.ConfiguredUserAuthFactors[0] != "PASSWORD" {
			n.Errorf("factors: %+v", factors)
		}
		secret := *out.SecretCode

		session := n.asked(ann, "SOFTWARE_TOKEN_MFA")
		_, err = n.code(ann, session, first)
		n.refused(err, "ExpiredCodeException", "Your software token has already been used once.")
		n.nextStep()
		_, err = n.code(ann, session, n.app(secret, 5))
		n.refused(err, "CodeMismatchException", "Invalid code received for user")
		_, err = n.code(bob, session, n.app(secret, 0))
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		_, err = n.code(ann, flip(session), n.app(secret, 0))
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		_, err = n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "MFA_SETUP", Session: &session,
			ChallengeResponses: map[string]string{"USERNAME": ann}})
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		got, err := n.code(ann, session, n.app(secret, 0))
		n.ok(err)
		if got == nil || got.RefreshToken == nil {
			n.Fatalf("a right code gave %+v", got)
		}
		_, err = n.code(ann, session, n.app(secret, 1))
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		n.ok(func() error { _, err := n.refresh(*got.RefreshToken); return err }())

		// SRP comes to the same door
		n.nextStep()
		srp, err := n.srp(ann, password)
		n.ok(err)
		if srp.ChallengeName != "SOFTWARE_TOKEN_MFA" || srp.AuthenticationResult != nil || srp.ChallengeParameters["FRIENDLY_DEVICE_NAME"] != "phone" {
			n.Fatalf("after SRP: %+v", srp)
		}
		_, err = n.code(ann, *srp.Session, n.app(secret, 0))
		n.ok(err)

		// an expired session, and one from before a change of the password
		session = n.asked(ann, "SOFTWARE_TOKEN_MFA")
		n.server.Advance(3 * time.Minute)
		_, err = n.code(ann, session, n.app(secret, 0))
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
		session = n.asked(ann, "SOFTWARE_TOKEN_MFA")
		_, err = n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: &ann, Password: aws.String(password), Permanent: true})
		n.ok(err)
		_, err = n.code(ann, session, n.app(secret, 0))
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")

		// switched off by an administrator, nobody asks
		_, err = n.root.IDP.AdminSetUserMFAPreference(n.Context(), &idp.AdminSetUserMFAPreferenceInput{UserPoolId: &n.pool, Username: &ann,
			SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{}})
		n.ok(err)
		n.tokens(ann)
		_, err = n.root.IDP.AdminSetUserMFAPreference(n.Context(), &idp.AdminSetUserMFAPreferenceInput{UserPoolId: &n.pool, Username: &bob,
			SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true}})
		n.refused(err, "InvalidParameterException", "User does not have delivery config set to turn on SMS_MFA")
		sms := []types.MFAOptionType{{DeliveryMedium: "SMS", AttributeName: aws.String("phone_number")}}
		for _, options := range [][]types.MFAOptionType{sms, {}} {
			for _, err := range []error{
				func() error {
					_, err := n.anyone.IDP.SetUserSettings(n.Context(), &idp.SetUserSettingsInput{AccessToken: &token, MFAOptions: options})
					return err
				}(),
				func() error {
					_, err := n.root.IDP.AdminSetUserSettings(n.Context(), &idp.AdminSetUserSettingsInput{UserPoolId: &n.pool, Username: &ann, MFAOptions: options})
					return err
				}(),
			} {
				if len(options) == 0 {
					n.ok(err)
				} else {
					n.refused(err, "InvalidParameterException", "User does not have delivery config set to turn on SMS_MFA")
				}
			}
		}
	})
}

// TestSoftwareToken_guesses: codes are guessed against the counter that
// passwords are, and a right password in between buys no new guesses.
func TestSoftwareToken_guesses(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.ok(n.mfa("OPTIONAL", true))
		ann := n.user("ann")
		secret := n.register(*n.tokens(ann).AccessToken)
		n.nextStep()
		session := n.asked(ann, "SOFTWARE_TOKEN_MFA")
		wrong := func() error { _, err := n.code(ann, session, n.app(secret, 7)); return err }
		for range 3 {
			n.refused(wrong(), "CodeMismatchException", "")
		}
		session = n.asked(ann, "SOFTWARE_TOKEN_MFA")
		for range 2 {
			n.refused(wrong(), "CodeMismatchException", "")
		}
		_, err := n.code(ann, session, n.app(secret, 0))
		n.refused(err, "NotAuthorizedException", "Password attempts exceeded")
		_, err = n.login(ann, password)
		n.refused(err, "NotAuthorizedException", "Password attempts exceeded")
		n.server.Advance(2 * time.Second)
		_, err = n.code(ann, session, n.app(secret, 0))
		n.ok(err)
	})
}

// TestRace_softwareToken: of many who show one code, in sessions of their own,
// one gets tokens.
func TestRace_softwareToken(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		n := ns[0]
		n.ok(n.mfa("OPTIONAL", true))
		ann := n.user("ann")
		secret := n.register(*n.tokens(ann).AccessToken)
		n.nextStep()
		sessions := make([]string, racers)
		for i := range sessions {
			sessions[i] = n.asked(ann, "SOFTWARE_TOKEN_MFA")
		}
		code := n.app(secret, 0)
		ns.one("a code", ns.race(func(n *tenant, racer int) error { _, err := n.code(ann, sessions[racer], code); return err }), "ExpiredCodeException", "NotAuthorizedException")
	})
}

// TestMfaSetup: a pool that demands a factor gives no tokens before one is set
// up, not even for a first password.
func TestMfaSetup(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.ok(n.mfa("ON", true))
		_, err := n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("ann"), TemporaryPassword: aws.String(otherPassword),
			MessageAction: "SUPPRESS", UserAttributes: attributes("email", email("ann"), "email_verified", "true")})
		n.ok(err)
		first, err := n.login("ann", otherPassword)
		n.ok(err)
		next, err := n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: first.Session,
			ChallengeResponses: map[string]string{"USERNAME": "ann", "NEW_PASSWORD": password}})
		n.ok(err)
		if next.ChallengeName != "MFA_SETUP" || next.AuthenticationResult != nil || next.ChallengeParameters["MFAS_CAN_SETUP"] != `["SOFTWARE_TOKEN_MFA"]` {
			n.Fatalf("after the new password: %+v", next)
		}
		associate := func(session string) (*idp.AssociateSoftwareTokenOutput, error) {
			return n.anyone.IDP.AssociateSoftwareToken(n.Context(), &idp.AssociateSoftwareTokenInput{Session: &session})
		}
		verify := func(session, code string) (*idp.VerifySoftwareTokenOutput, error) {
			return n.anyone.IDP.VerifySoftwareToken(n.Context(), &idp.VerifySoftwareTokenInput{Session: &session, UserCode: &code})
		}
		end := func(username, session string) (*idp.RespondToAuthChallengeOutput, error) {
			return n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "MFA_SETUP", Session: &session,
				ChallengeResponses: map[string]string{"USERNAME": username}})
		}
		_, err = end("ann", *next.Session)
		n.refused(err, "InvalidParameterException", "/AssociateSoftwareToken/")
		_, err = verify(*next.Session, "123456")
		n.refused(err, "InvalidParameterException", "/not associated/")
		_, err = associate(flip(*next.Session))
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		_, err = associate("x" + *next.Session)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")

		a, err := associate(*next.Session)
		n.ok(err)
		_, err = end("ann", *a.Session)
		n.refused(err, "InvalidParameterException", "/AssociateSoftwareToken/")
		_, err = verify(*a.Session, n.app(*a.SecretCode, 5))
		n.refused(err, "EnableSoftwareTokenMFAException", "Code mismatch")
		v, err := verify(*a.Session, n.app(*a.SecretCode, 0))
		n.ok(err)

		n.user("bob")
		_, err = end("bob", *v.Session)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		other := n.asked("ann", "MFA_SETUP") // another way in, begun before the token was set up
		done, err := end("ann", *v.Session)
		n.ok(err)
		if done.AuthenticationResult == nil {
			n.Fatalf("set up: %+v", done)
		}
		_, err = end("ann", *v.Session)
		n.refused(err, "NotAuthorizedException", "")
		b, err := associate(other)
		n.ok(err)
		w, err := verify(*b.Session, n.app(*b.SecretCode, 0))
		n.ok(err)
		_, err = end("ann", *w.Session)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")

		n.refused(n.prefer(*done.AuthenticationResult.AccessToken, false), "InvalidParameterException", "")
		session := n.asked("ann", "SOFTWARE_TOKEN_MFA")
		_, err = n.code("ann", session, n.app(*a.SecretCode, 0))
		n.refused(err, "ExpiredCodeException", "")
		n.nextStep()
		_, err = n.code("ann", session, n.app(*a.SecretCode, 0))
		n.ok(err)
	})
}
