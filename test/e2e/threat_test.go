package e2e_test

import (
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/gatehousetest"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// The password that everybody knows.
const leaked = "Everybody-Knows-1"

// leakedPasswords is a file of compromised passwords.
func leakedPasswords(t testing.TB) gatehousetest.Option {
	t.Helper()
	var lines []string
	for _, p := range []string{leaked, "password1", "hunter2"} {
		lines = append(lines, fmt.Sprintf("%X:7\r\n", sha1.Sum([]byte(p))))
	}
	slices.Sort(lines)
	return gatehousetest.CompromisedPasswords(file(t, "hashes.txt", strings.Join(lines, "")))
}

func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// enforced asks for a pool with threat protection that acts; the tier is its
// own.
func enforced(in *idp.CreateUserPoolInput) {
	in.UserPoolAddOns = &types.UserPoolAddOnsType{AdvancedSecurityMode: "ENFORCED"}
}

// compromised sets what the pool, or one client, does about leaked passwords.
func (n *tenant) compromised(client *string, action types.CompromisedCredentialsEventActionType, on ...types.EventFilterType) error {
	_, err := n.root.IDP.SetRiskConfiguration(n.Context(), &idp.SetRiskConfigurationInput{UserPoolId: &n.pool, ClientId: client,
		CompromisedCredentialsRiskConfiguration: &types.CompromisedCredentialsRiskConfigurationType{EventFilter: on, Actions: &types.CompromisedCredentialsActionsType{EventAction: action}}})
	return err
}

func (n *tenant) listEvents(username string, max int32, token *string) (*idp.AdminListUserAuthEventsOutput, error) {
	return n.root.IDP.AdminListUserAuthEvents(n.Context(), &idp.AdminListUserAuthEventsInput{UserPoolId: &n.pool, Username: &username, MaxResults: &max, NextToken: token})
}

func (n *tenant) events(username string) []types.AuthEventType {
	n.Helper()
	out, err := n.listEvents(username, 60, nil)
	n.ok(err)
	return out.AuthEvents
}

// told are events in short, the newest first.
func told(events []types.AuthEventType) string {
	var list []string
	for _, e := range events {
		text := fmt.Sprintf("%s %s %s", e.EventType, e.EventResponse, e.EventRisk.RiskDecision)
		if aws.ToBool(e.EventRisk.CompromisedCredentialsDetected) {
			text += " compromised"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func (n *tenant) changePassword(accessToken, from, to string) error {
	_, err := n.anyone.IDP.ChangePassword(n.Context(), &idp.ChangePasswordInput{AccessToken: &accessToken, PreviousPassword: &from, ProposedPassword: &to})
	return err
}

// TestThreatProtection_tiers: the mode brings its tier, and no other has it.
func TestThreatProtection_tiers(t *testing.T) {
	each(t, func(e *env) {
		show := func(pool string) (types.UserPoolTierType, types.AdvancedSecurityModeType) {
			e.Helper()
			out, err := e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: &pool})
			e.ok(err)
			if out.UserPool.UserPoolAddOns == nil {
				return out.UserPool.UserPoolTier, ""
			}
			return out.UserPool.UserPoolTier, out.UserPool.UserPoolAddOns.AdvancedSecurityMode
		}
		is := func(pool string, tier types.UserPoolTierType, mode types.AdvancedSecurityModeType) {
			e.Helper()
			if gotTier, gotMode := show(pool); gotTier != tier || gotMode != mode {
				e.Errorf("the pool is %s with %q, want %s with %q", gotTier, gotMode, tier, mode)
			}
		}
		update := func(pool string, tier types.UserPoolTierType, mode types.AdvancedSecurityModeType) error {
			in := &idp.UpdateUserPoolInput{UserPoolId: &pool, UserPoolTier: tier}
			if mode != "" {
				in.UserPoolAddOns = &types.UserPoolAddOnsType{AdvancedSecurityMode: mode}
			}
			_, err := e.root.IDP.UpdateUserPool(e.Context(), in)
			return err
		}
		on, plain := e.tenant(enforced, nil), e.tenant(nil, nil)
		is(on.pool, "PLUS", "ENFORCED")
		is(plain.pool, "ESSENTIALS", "")
		e.ok(update(plain.pool, "", "OFF"))
		is(plain.pool, "ESSENTIALS", "OFF")
		e.ok(update(plain.pool, "", "AUDIT"))
		is(plain.pool, "PLUS", "AUDIT")
		e.ok(update(plain.pool, "", ""))
		is(plain.pool, "PLUS", "")
		create := func(tier types.UserPoolTierType) error {
			_, err := e.root.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("x"), UserPoolTier: tier, UserPoolAddOns: &types.UserPoolAddOnsType{AdvancedSecurityMode: "AUDIT"}})
			return err
		}
		const text = "Threat protection is available in the PLUS tier only."
		e.allRefused(
			aRefusal{"a LITE pool", create("LITE"), "FeatureUnavailableInTierException", text},
			aRefusal{"an ESSENTIALS pool", create("ESSENTIALS"), "FeatureUnavailableInTierException", text},
			aRefusal{"a change to LITE", update(on.pool, "LITE", "ENFORCED"), "FeatureUnavailableInTierException", text},
		)
		is(on.pool, "PLUS", "ENFORCED")
	})
}

// TestAuthEvents: what users do is recorded, with where it was, and listed page
// by page.
func TestAuthEvents(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(audited, nil)
		_, err := n.signUp("ann", password)
		n.ok(err)
		_, err = n.resend("ann")
		n.ok(err)
		n.ok(n.confirm("ann", n.server.Code(email("ann"))))
		_, err = n.forgot("ann")
		n.ok(err)
		n.refused(n.reset("ann", "000000", otherPassword), "CodeMismatchException", "")
		n.ok(n.reset("ann", n.server.Code(email("ann")), password))
		n.ok(n.changePassword(*n.tokens("ann").AccessToken, password, otherPassword))
		_, err = n.signUp("bob", password)
		n.ok(err)

		// The events of signing in have tests of their own.
		done := slices.DeleteFunc(n.events("ann"), func(e types.AuthEventType) bool { return e.EventType == "SignIn" })
		if got, want := told(done), "PasswordChange Pass NoRisk, ForgotPassword Pass NoRisk, ForgotPassword Fail NoRisk, ForgotPassword InProgress NoRisk, ResendCode Pass NoRisk, SignUp Pass NoRisk"; got != want {
			n.Errorf("ann's events are\n\t%s\nwant\n\t%s", got, want)
		}
		if got := told(n.events("bob")); got != "SignUp Pass NoRisk" {
			n.Errorf("bob's events are %s", got)
		}
		for _, ev := range done {
			c := ev.EventContextData
			if ip, err := netip.ParseAddr(aws.ToString(c.IpAddress)); err != nil || !ip.IsLoopback() || aws.ToString(c.DeviceName) == "" || aws.ToString(c.City) != "Loop" || aws.ToString(c.Country) != "LO" ||
				ev.CreationDate == nil || ev.EventFeedback != nil || ev.ChallengeResponses == nil {
				n.Errorf("an event is %s", asJSON(ev))
			}
		}
		all := n.events("ann")
		var paged []types.AuthEventType
		var token *string
		for {
			out, err := n.listEvents("ann", 2, token)
			n.ok(err)
			paged = append(paged, out.AuthEvents...)
			if token = out.NextToken; token == nil {
				break
			}
			if len(out.AuthEvents) != 2 {
				n.Errorf("a page has %d events", len(out.AuthEvents))
			}
			_, foreign := n.listEvents("bob", 2, token)
			n.refused(foreign, "InvalidParameterException", "Invalid pagination token")
		}
		if asJSON(paged) != asJSON(all) {
			n.Errorf("the pages are\n\t%s\nin one piece\n\t%s", told(paged), told(all))
		}

		// A user's events go with the user.
		_, err = n.root.IDP.AdminDeleteUser(n.Context(), &idp.AdminDeleteUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		n.ok(err)
		_, err = n.signUp("ann", password)
		n.ok(err)
		if got := told(n.events("ann")); got != "SignUp Pass NoRisk" {
			n.Errorf("of a deleted user is left %s", got)
		}

		off := e.tenant(nil, nil)
		off.user("cat")
		bad := func(max int32) error { _, err := n.listEvents("bob", max, nil); return err }
		list := func(n *tenant, name string) error { _, err := n.listEvents(name, 0, nil); return err }
		_, garbled := n.listEvents("bob", 0, aws.String("x"))
		e.allRefused(
			aRefusal{"without threat protection", list(off, "cat"), "UserPoolAddOnNotEnabledException", "Threat protection is not enabled for user pool " + off.pool + "."},
			aRefusal{"nobody", list(n, "nobody"), "UserNotFoundException", "User does not exist."},
			aRefusal{"no pool", list(&tenant{env: e, pool: "us-east-1_000000000"}, "bob"), "ResourceNotFoundException", ""},
			aRefusal{"too many", bad(61), "InvalidParameterException", "/less than or equal to 60/"},
			aRefusal{"a token that is none", garbled, "InvalidParameterException", "Invalid pagination token"},
		)
		// Switched on later, it begins then.
		_, err = e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &off.pool, UserPoolAddOns: &types.UserPoolAddOnsType{AdvancedSecurityMode: "AUDIT"}})
		e.ok(err)
		if got := told(off.events("cat")); got != "" {
			e.Errorf("events from before are %s", got)
		}
	}, gatehousetest.Locations(file(t, "locations.csv", "127.0.0.0/8,LO,Loop,0,0\n::1/128,LO,Loop,0,0\n")))
}

// TestAuthEvents_address: whose word about the user's address is believed.
func TestAuthEvents_address(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(audited, nil)
		for _, c := range []struct {
			name            string
			secret, allowed bool
			want            string
		}{{"trusted", true, true, "192.0.2.77"}, {"untold", true, false, "127.0.0.1"}, {"public", false, true, "127.0.0.1"}} {
			m := n.with(n.newClient(func(in *idp.CreateUserPoolClientInput) {
				in.GenerateSecret, in.EnablePropagateAdditionalUserContextData = c.secret, &c.allowed
			}))
			_, err := m.anyone.IDP.SignUp(m.Context(), &idp.SignUpInput{ClientId: &m.client, Username: &c.name, Password: aws.String(password), SecretHash: m.hash(c.name),
				UserContextData: &types.UserContextDataType{IpAddress: aws.String("192.0.2.77"), EncodedData: aws.String("eyJ9")}})
			m.ok(err)
			got := aws.ToString(m.events(c.name)[0].EventContextData.IpAddress)
			if loopback := netip.MustParseAddr(got).IsLoopback(); got != c.want && !(loopback && c.want == "127.0.0.1") {
				m.Errorf("%s: the address is %s, want %s", c.name, got, c.want)
			}
		}
	})
}

// TestCompromisedPasswords: where passwords are set they are looked up, and
// refused where the pool says so.
func TestCompromisedPasswords(t *testing.T) {
	each(t, func(e *env) {
		const text = "Provided password cannot be used for security reasons."
		n := e.tenant(enforced, nil)
		_, err := n.signUp("early", leaked)
		n.ok(err)
		if got := told(n.events("early")); got != "SignUp Pass NoRisk compromised" {
			n.Errorf("without an action the events are %s", got)
		}
		n.ok(n.compromised(nil, "BLOCK"))
		_, atSignUp := n.signUp("ann", leaked)
		n.refused(atSignUp, "InvalidPasswordException", text)
		_, err = n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		n.refused(err, "UserNotFoundException", "")
		n.user("ann")
		access := *n.tokens("ann").AccessToken
		n.refused(n.changePassword(access, password, leaked), "InvalidPasswordException", text)
		if ev := n.events("ann")[0]; told([]types.AuthEventType{ev}) != "PasswordChange Fail Block compromised" {
			n.Errorf("the refused change is %s", asJSON(ev))
		}
		n.refused(n.changePassword(access, "Wrong-Password-1", leaked), "NotAuthorizedException", "Incorrect username or password.")
		_, err = n.forgot("ann")
		n.ok(err)
		code := n.server.Code(email("ann"))
		n.refused(n.reset("ann", code, leaked), "InvalidPasswordException", text)
		n.refused(n.reset("nobody", code, leaked), "InvalidPasswordException", text) // tells nothing about who exists
		n.ok(n.reset("ann", code, otherPassword))                                    // the code is still good
		set := func(permanent bool) error {
			_, err := n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("ann"), Password: aws.String(leaked), Permanent: permanent})
			return err
		}
		n.refused(set(true), "InvalidPasswordException", text)
		n.ok(set(false))

		// A client can have its own rule, and an occasion can be left out.
		n.ok(n.compromised(&n.client, "NO_ACTION"))
		_, err = n.signUp("bob", leaked)
		n.ok(err)
		n.ok(n.compromised(&n.client, "BLOCK", "PASSWORD_CHANGE"))
		_, err = n.signUp("cat", leaked)
		n.ok(err)
		if got := told(n.events("bob")) + "; " + told(n.events("cat")); got != "SignUp Pass NoRisk compromised; SignUp Pass NoRisk" {
			n.Errorf("the events are %s", got)
		}

		// AUDIT looks and lets pass; without threat protection nobody looks.
		watched, off := e.tenant(audited, nil), e.tenant(nil, nil)
		watched.ok(watched.compromised(nil, "BLOCK"))
		_, err = watched.signUp("ann", leaked)
		watched.ok(err)
		if got := told(watched.events("ann")); got != "SignUp Pass NoRisk compromised" {
			watched.Errorf("the events are %s", got)
		}
		_, err = off.signUp("ann", leaked)
		off.ok(err)

		// Where there is no password there is nothing to look up.
		codes := e.tenant(func(in *idp.CreateUserPoolInput) {
			enforced(in)
			in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "EMAIL_OTP"}}}
		}, nil)
		codes.ok(codes.compromised(nil, "BLOCK"))
		_, err = codes.anyone.IDP.SignUp(codes.Context(), &idp.SignUpInput{ClientId: &codes.client, Username: aws.String("ann"), UserAttributes: attributes("email", email("ann"))})
		codes.ok(err)
		if got := told(codes.events("ann")); got != "SignUp Pass NoRisk" {
			codes.Errorf("the events are %s", got)
		}
	}, leakedPasswords(t))
}

// TestCompromisedPasswords_noFile: a check that cannot be made is not promised.
func TestCompromisedPasswords_noFile(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(enforced, nil)
		e.refused(n.compromised(nil, "BLOCK"), "InvalidParameterException", "/without --compromised-passwords/")
		e.ok(n.compromised(nil, "NO_ACTION"))
	})
}

// feedbackToken is the token that the mail about an event has.
func (n *tenant) feedbackToken(sub, event string) string {
	n.Helper()
	ring, err := seal.Open(seal.Config{File: filepath.Join(n.server.Data, "keyring.json"), Now: n.server.Now})
	n.ok(err)
	return risk.New(risk.Config{Ring: ring}).FeedbackToken(&store.AuthEvent{PoolID: n.pool, Sub: sub, ID: event, At: n.server.Now()})
}

func (n *tenant) subOf(username string) string {
	n.Helper()
	u, err := n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: &username})
	n.ok(err)
	return attribute(u.UserAttributes, "sub")
}

// TestAuthEventFeedback: by administrators, by the token of a mail and by the
// page behind its link.
func TestAuthEventFeedback(t *testing.T) {
	each(t, func(e *env) {
		n, off := e.tenant(audited, nil), e.tenant(nil, nil)
		n.user("ann")
		n.user("bob")
		off.user("ann")
		event, sub := *n.events("ann")[0].EventId, n.subOf("ann")
		admin := func(n *tenant, name, event string, value types.FeedbackValueType) error {
			_, err := n.root.IDP.AdminUpdateAuthEventFeedback(n.Context(), &idp.AdminUpdateAuthEventFeedbackInput{UserPoolId: &n.pool, Username: &name, EventId: &event, FeedbackValue: value})
			return err
		}
		is := func(value types.FeedbackValueType, by string) {
			n.Helper()
			if f := n.events("ann")[0].EventFeedback; f == nil || f.FeedbackValue != value || *f.Provider != by || f.FeedbackDate == nil {
				n.Errorf("the feedback is %s, want %s by %s", asJSON(f), value, by)
			}
		}
		n.ok(admin(n, "ann", event, "Invalid"))
		is("Invalid", "Admin")
		n.ok(admin(n, "ann", event, "Valid"))
		is("Valid", "Admin")
		said := func(n *tenant, name, event, token string, value types.FeedbackValueType) error {
			_, err := n.anyone.IDP.UpdateAuthEventFeedback(n.Context(), &idp.UpdateAuthEventFeedbackInput{UserPoolId: &n.pool, Username: &name, EventId: &event, FeedbackToken: &token, FeedbackValue: value})
			return err
		}
		token := n.feedbackToken(sub, event)
		n.ok(said(n, "ann", event, token, "Invalid"))
		is("Invalid", "User")
		n.ok(said(n, "ann", event, token, "Invalid"))

		// Following the link asks; the button says.
		link := e.server.URL + "/_gatehouse/feedback"
		form := url.Values{"pool": {n.pool}, "user": {"ann"}, "event": {event}, "token": {token}, "value": {"Valid"}}
		page := func(method string, form url.Values) (int, string) {
			e.Helper()
			var r *http.Request
			var err error
			if method == http.MethodGet {
				r, err = http.NewRequestWithContext(e.Context(), method, link+"?"+form.Encode(), nil)
			} else {
				r, err = http.NewRequestWithContext(e.Context(), method, link, strings.NewReader(form.Encode()))
			}
			e.ok(err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			a := e.do(r)
			return a.status, string(a.body)
		}
		status, body := page("GET", form)
		if status != 200 || !strings.Contains(body, "It was me") || !strings.Contains(body, token) {
			e.Errorf("the page is %d: %s", status, body)
		}
		is("Invalid", "User")
		if status, body = page("POST", form); status != 200 || !strings.Contains(body, "Thank you") {
			e.Errorf("the form answers %d: %s", status, body)
		}
		is("Valid", "User")
		for _, w := range [][2]string{{"token", "x"}, {"user", "bob"}, {"user", "\xff"}, {"user", "\x00"}, {"event", "other"}, {"value", "Perhaps"}, {"pool", off.pool}, {"pool", ""}} {
			name, value := w[0], w[1]
			wrong := url.Values{}
			for k, v := range form {
				wrong[k] = v
			}
			wrong.Set(name, value)
			if status, body := page("POST", wrong); status != 400 || !regexp.MustCompile("This link is (no longer valid|not complete)").MatchString(body) {
				e.Errorf("with the %s %q the form answers %d: %s", name, value, status, body)
			}
		}
		if _, body := page("GET", url.Values{"token": {`"><script>alert(1)</script>`}}); strings.Contains(body, "<script>") {
			e.Errorf("the page says what it is told: %s", body)
		}

		const noToken, gone = "Invalid feedback token.", "Event other does not exist."
		e.allRefused(
			aRefusal{"an event that is not there", admin(n, "ann", "other", "Valid"), "ResourceNotFoundException", gone},
			aRefusal{"another user's event", admin(n, "bob", event, "Valid"), "ResourceNotFoundException", ""},
			aRefusal{"nobody", admin(n, "nobody", event, "Valid"), "UserNotFoundException", "User does not exist."},
			aRefusal{"without threat protection", admin(off, "ann", event, "Valid"), "UserPoolAddOnNotEnabledException", ""},
			aRefusal{"a value that is none", admin(n, "ann", event, "Perhaps"), "InvalidParameterException", "/feedbackValue' failed/"},
			aRefusal{"a token that is none", said(n, "ann", event, "x", "Valid"), "NotAuthorizedException", noToken},
			aRefusal{"for another user", said(n, "bob", event, token, "Valid"), "NotAuthorizedException", noToken},
			aRefusal{"for another event", said(n, "ann", "other", token, "Valid"), "NotAuthorizedException", noToken},
			aRefusal{"for nobody", said(n, "nobody", event, token, "Valid"), "NotAuthorizedException", noToken},
			aRefusal{"the token of no event", said(n, "ann", "other", n.feedbackToken(sub, "other"), "Valid"), "ResourceNotFoundException", gone},
			aRefusal{"by token without threat protection", said(off, "ann", event, token, "Valid"), "UserPoolAddOnNotEnabledException", ""},
			aRefusal{"in no pool", said(&tenant{env: e, pool: "us-east-1_000000000"}, "ann", event, token, "Valid"), "ResourceNotFoundException", ""},
		)
		e.server.Advance(8 * 24 * time.Hour)
		e.refused(said(n, "ann", event, token, "Valid"), "NotAuthorizedException", noToken)
	})
}
