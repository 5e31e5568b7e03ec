package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/gatehousetest"
)

// somewhere is a file of where the networks of the tests are.
func somewhere(t testing.TB) gatehousetest.Option {
	return gatehousetest.Locations(file(t, "places.csv", "192.0.2.0/24,DE,Berlin,52.52,13.41\n198.51.100.0/24,AU,Sydney,-33.87,151.21\n203.0.113.0/24,DE,Berlin,52.52,13.41\n"))
}

// takeover sets what is done at each level; "" for nothing.
func (n *tenant) takeover(low, medium, high types.AccountTakeoverEventActionType, notify bool) {
	n.Helper()
	action := func(a types.AccountTakeoverEventActionType) *types.AccountTakeoverActionType {
		if a == "" {
			return nil
		}
		return &types.AccountTakeoverActionType{EventAction: a, Notify: notify}
	}
	mail := &types.NotifyEmailType{Subject: aws.String("Was it you?"), TextBody: aws.String("{username} from {ip-address}")}
	_, err := n.root.IDP.SetRiskConfiguration(n.Context(), &idp.SetRiskConfigurationInput{UserPoolId: &n.pool,
		AccountTakeoverRiskConfiguration: &types.AccountTakeoverRiskConfigurationType{
			Actions:             &types.AccountTakeoverActionsType{LowAction: action(low), MediumAction: action(medium), HighAction: action(high)},
			NotifyConfiguration: &types.NotifyConfigurationType{SourceArn: aws.String("arn:aws:ses:us-east-1:000000000000:identity/example.com"), BlockEmail: mail, NoActionEmail: mail, MfaEmail: mail}}})
	n.ok(err)
}

// from signs in with credentials, as a server does that says where its user is.
func (n *tenant) from(username, password, ip, agent string) (*idp.AdminInitiateAuthOutput, error) {
	return n.root.IDP.AdminInitiateAuth(n.Context(), &idp.AdminInitiateAuthInput{UserPoolId: &n.pool, ClientId: &n.client, AuthFlow: "ADMIN_USER_PASSWORD_AUTH",
		AuthParameters: map[string]string{"USERNAME": username, "PASSWORD": password},
		ContextData: &types.ContextDataType{IpAddress: &ip, ServerName: aws.String("s"), ServerPath: aws.String("/"),
			HttpHeaders: []types.HttpHeader{{HeaderName: aws.String("User-Agent"), HeaderValue: &agent}}}})
}

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
	chrome  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	berlin  = "192.0.2.7"
	berlin2 = "203.0.113.7"
	sydney  = "198.51.100.7"
)

// TestThreats: sign-ins are judged by where they come from, and what the pool
// says is done.
func TestThreats(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) { addresses(in); enforced(in) }, nil)
		n.takeover("NO_ACTION", "MFA_IF_CONFIGURED", "BLOCK", true)
		ann := n.user("ann")
		ok := func(ip, agent string) *types.AuthenticationResultType {
			n.Helper()
			out, err := n.from(ann, password, ip, agent)
			n.ok(err)
			if out.AuthenticationResult == nil {
				n.Fatalf("asked for %s", out.ChallengeName)
			}
			return out.AuthenticationResult
		}
		newest := func() types.AuthEventType { n.Helper(); return n.events(ann)[0] }
		token := ok(berlin, firefox)
		if ev := newest(); ev.EventType != "SignIn" || ev.EventResponse != "Pass" || ev.EventRisk.RiskDecision != "NoRisk" || aws.ToString(ev.EventContextData.City) != "Berlin" ||
			len(ev.ChallengeResponses) != 1 || ev.ChallengeResponses[0].ChallengeName != "Password" || ev.ChallengeResponses[0].ChallengeResponse != "Success" ||
			*ev.EventId != claimsOf(e, *token.AccessToken)["event_id"] {
			n.Errorf("first sign-in: %+v", ev)
		}
		// wrong passwords leave events and no judgement
		_, err := n.from(ann, "wrong", sydney, chrome)
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		if ev := newest(); ev.EventResponse != "Fail" || ev.ChallengeResponses[0].ChallengeResponse != "Failure" || ev.EventRisk.RiskDecision != "NoRisk" {
			n.Errorf("a wrong password: %+v", ev)
		}
		// another device in the same city: low, noticed
		n.server.Advance(time.Minute)
		ok(berlin2, firefox)
		if ev := newest(); ev.EventRisk.RiskLevel != "Low" || ev.EventRisk.RiskDecision != "AccountTakeover" {
			n.Errorf("low: %+v", ev.EventRisk)
		}
		if m := n.server.Messages(email(ann))[0]; m.Subject != "Was it you?" || !strings.Contains(m.Body, "ann from "+berlin2) {
			n.Errorf("notice: %+v", m)
		}
		// the other end of the world within a minute: blocked, whatever the password
		n.server.Advance(time.Minute)
		_, err = n.from(ann, password, sydney, firefox)
		n.refused(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		if ev := newest(); ev.EventResponse != "Fail" || ev.EventRisk.RiskDecision != "Block" || ev.EventRisk.RiskLevel != "High" {
			n.Errorf("high: %+v", ev)
		}
		if m := n.server.Messages(email(ann))[0]; !strings.Contains(m.Body, "ann from "+sydney) {
			n.Errorf("notice: %+v", m)
		}
		_, err = n.from(ann, "wrong", sydney, firefox) // nobody learns of it without the password
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		// two days later it is a new device alone: a factor if there is one
		n.server.Advance(48 * time.Hour)
		ok(sydney, chrome)
		n.factors("OPTIONAL", false, true, false)
		secret := n.register(*n.tokens(ann).AccessToken)
		_, err = n.root.IDP.AdminSetUserMFAPreference(n.Context(), &idp.AdminSetUserMFAPreferenceInput{UserPoolId: &n.pool, Username: &ann,
			SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{Enabled: true, PreferredMfa: true}})
		n.ok(err)
		n.nextStep()
		out, err := n.from(ann, password, sydney, chrome)
		n.ok(err)
		if out.ChallengeName != "SOFTWARE_TOKEN_MFA" {
			n.Fatalf("%s", out.ChallengeName)
		}
		_, err = n.code(ann, *out.Session, n.app(secret, 7))
		n.refused(err, "CodeMismatchException", "Invalid code received for user")
		if ev := newest(); ev.EventResponse != "Fail" || len(ev.ChallengeResponses) != 2 || ev.ChallengeResponses[1].ChallengeName != "Mfa" || ev.ChallengeResponses[1].ChallengeResponse != "Failure" {
			n.Errorf("a wrong code: %+v", ev)
		}
		_, err = n.code(ann, *out.Session, n.app(secret, 0))
		n.ok(err)
		if ev := newest(); ev.EventResponse != "Pass" || len(ev.ChallengeResponses) != 2 || ev.ChallengeResponses[1].ChallengeResponse != "Success" {
			n.Errorf("a right code: %+v", ev)
		}
	}, somewhere(t))
}

// TestThreats_demanded: a factor that is demanded of users who have none blocks
// them; blocked addresses are blocked for everybody, right password or not.
func TestThreats_demanded(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(enforced, nil)
		n.takeover("", "MFA_REQUIRED", "", false)
		ann := n.user("ann")
		_, err := n.from(ann, password, berlin, firefox)
		n.ok(err)
		n.server.Advance(48 * time.Hour)
		_, err = n.from(ann, password, sydney, chrome)
		n.refused(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		if got := told(n.events(ann)[:1]); got != "SignIn Fail Block" {
			n.Errorf("%s", got)
		}
		_, err = n.root.IDP.SetRiskConfiguration(n.Context(), &idp.SetRiskConfigurationInput{UserPoolId: &n.pool,
			RiskExceptionConfiguration: &types.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"198.51.100.0/24"}, SkippedIPRangeList: []string{"203.0.113.0/24"}}})
		n.ok(err)
		for _, p := range []string{password, "wrong"} {
			_, err = n.from(ann, p, sydney, firefox)
			n.refused(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		}
		_, err = n.from(ann, password, berlin2, chrome)
		n.ok(err)
	}, somewhere(t))
}

// TestThreats_audit: nothing is done, everything is written down.
func TestThreats_audit(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(audited, nil)
		n.takeover("BLOCK", "BLOCK", "BLOCK", true)
		ann := n.user("ann")
		for _, ip := range []string{berlin, sydney} {
			_, err := n.from(ann, password, ip, firefox)
			n.ok(err)
			n.server.Advance(time.Minute)
		}
		if got := told(n.events(ann)[:2]); got != "SignIn Pass AccountTakeover, SignIn Pass NoRisk" {
			n.Errorf("%s", got)
		}
		got, err := n.srp(ann, password)
		n.ok(err)
		if got.AuthenticationResult == nil {
			n.Errorf("%+v", got)
		}
	}, somewhere(t))
}

// TestCompromisedPasswords_signIn: a password that others know signs nobody in,
// and must be replaced.
func TestCompromisedPasswords_signIn(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(enforced, nil)
		ann, bob := n.user("ann"), "bob"
		set := func(name string, permanent bool) {
			n.Helper()
			_, err := n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: &name, Password: aws.String(leaked), Permanent: permanent})
			n.ok(err)
		}
		set(ann, true) // nothing is configured yet
		n.ok(n.compromised(nil, "NO_ACTION"))
		_, err := n.login(ann, leaked)
		n.ok(err)
		if got := told(n.events(ann)[:1]); got != "SignIn Pass NoRisk compromised" && got != "SignIn Pass AccountTakeover compromised" {
			n.Errorf("%s", got)
		}
		n.ok(n.compromised(nil, "BLOCK"))
		got, err := n.srp(ann, leaked) // SRP shows no password
		n.ok(err)
		if got.AuthenticationResult == nil {
			n.Errorf("%+v", got)
		}
		_, err = n.login(ann, leaked)
		n.refused(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		if got := told(n.events(ann)[:1]); got != "SignIn Fail Block compromised" {
			n.Errorf("%s", got)
		}
		_, err = n.login(ann, leaked)
		n.refused(err, "PasswordResetRequiredException", "Password reset required for the user")
		_, err = n.srp(ann, leaked)
		n.refused(err, "PasswordResetRequiredException", "Password reset required for the user")

		// nor does a temporary one become a permanent one
		_, err = n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: &bob, TemporaryPassword: aws.String(password), MessageAction: "SUPPRESS"})
		n.ok(err)
		session := n.asked(bob, "NEW_PASSWORD_REQUIRED")
		_, err = n.respond("NEW_PASSWORD_REQUIRED", &session, bob, "NEW_PASSWORD", leaked)
		n.refused(err, "InvalidPasswordException", "Provided password cannot be used for security reasons.")
		n.must("", "NEW_PASSWORD_REQUIRED", &session, bob, "NEW_PASSWORD", otherPassword)
	}, leakedPasswords(t))
}
