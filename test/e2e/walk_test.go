package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/test/awsclient"
)

// walker signs in at random: it answers what it is asked, right or wrong, with
// its own session or an older one, under its own name or another, and keeps
// its own account of what it has really shown.
type walker struct {
	*tenant
	rand   *rand.Rand
	mode   types.UserPoolMfaType
	user   string
	other  string
	secret string // of the software token, or ""
	device *awsclient.Device
	mustDo bool // the device stands for the second factor

	temporary bool // the password must be replaced
	password  string
	shown     struct{ password, replaced, code, second, device bool }
	trail     []string
}

func (w *walker) chance(percent int) bool { return w.rand.IntN(100) < percent }

// pick is one of the names at random.
func (w *walker) pick(names ...string) string { return names[w.rand.IntN(len(names))] }

// demands says, by what administrators see of pool and user, whether a second
// factor is demanded.
func (w *walker) demands() bool {
	u, err := w.root.IDP.AdminGetUser(w.Context(), &idp.AdminGetUserInput{UserPoolId: &w.pool, Username: &w.user})
	w.ok(err)
	return w.mode == "ON" || w.mode == "OPTIONAL" && len(u.UserMFASettingList) > 0
}

// enough says whether what was shown is what pool and user demand.
func (w *walker) enough(demanded, temporary bool) error {
	switch {
	case !w.shown.password && !w.shown.code:
		return fmt.Errorf("nothing was shown first")
	case w.shown.password && temporary && !w.shown.replaced:
		return fmt.Errorf("the temporary password was kept")
	case demanded && !w.shown.second && !(w.mustDo && w.shown.device && w.shown.password):
		return fmt.Errorf("no second factor was shown")
	}
	return nil
}

// state is where a sign-in stands.
type state struct {
	challenge  types.ChallengeNameType
	session    *string
	parameters map[string]string
	choices    []types.ChallengeNameType
	tokens     *types.AuthenticationResultType
	srp        *awsclient.SRP
}

// begin starts a sign-in with one of the flows.
func (w *walker) begin() (*state, error) {
	right := w.chance(80)
	text := w.password
	if !right {
		text = "Wrong-Password-1"
	}
	parameters := map[string]string{"USERNAME": w.user}
	if w.device != nil && w.chance(60) {
		parameters["DEVICE_KEY"] = w.device.Key
	}
	s := &state{srp: awsclient.NewSRP()}
	flow := w.pick("USER_PASSWORD_AUTH", "USER_SRP_AUTH", "USER_AUTH", "USER_AUTH")
	switch flow {
	case "USER_PASSWORD_AUTH":
		parameters["PASSWORD"] = text
	case "USER_SRP_AUTH":
		parameters["SRP_A"] = s.srp.A()
	default:
		if w.chance(70) {
			parameters["PREFERRED_CHALLENGE"] = w.pick("PASSWORD", "PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN")
		}
		parameters["PASSWORD"], parameters["SRP_A"] = text, s.srp.A()
		right = right && parameters["PREFERRED_CHALLENGE"] == "PASSWORD"
	}
	w.trail = append(w.trail, fmt.Sprintf("%s %s right=%v device=%v", flow, parameters["PREFERRED_CHALLENGE"], right, parameters["DEVICE_KEY"] != ""))
	out, err := w.anyone.IDP.InitiateAuth(w.Context(), &idp.InitiateAuthInput{ClientId: &w.client, AuthFlow: types.AuthFlowType(flow), AuthParameters: parameters})
	if err != nil {
		return nil, err
	}
	w.shown.password = right && flow != "USER_SRP_AUTH"
	s.challenge, s.session, s.parameters, s.choices, s.tokens = out.ChallengeName, out.Session, out.ChallengeParameters, out.AvailableChallenges, out.AuthenticationResult
	return s, nil
}

// codeTo is the newest code for the address, or a wrong one.
func (w *walker) codeTo(address string, right bool) string {
	code := w.server.Code(address)
	if !right {
		code = strconv.Itoa(int(code[0]-'0'+1)%10) + code[1:]
	}
	return code
}

// answer answers a challenge, or another one than was asked.
func (w *walker) answer(s *state) (*state, error) {
	right := w.chance(75)
	asked := s.challenge
	if w.chance(10) {
		asked = types.ChallengeNameType(w.pick("PASSWORD_VERIFIER", "SMS_MFA", "EMAIL_OTP", "SMS_OTP", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE", "MFA_SETUP", "NEW_PASSWORD_REQUIRED",
			"DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "SELECT_CHALLENGE", "PASSWORD", "PASSWORD_SRP", "WEB_AUTHN", "CUSTOM_CHALLENGE"))
	}
	name := w.user
	if w.chance(3) {
		name, right = w.other, false
	}
	m := map[string]string{"USERNAME": name}
	account := func() {}
	next := &state{srp: s.srp}
	switch asked {
	case "PASSWORD_VERIFIER":
		text := w.password
		if !right {
			text = "Wrong-Password-1"
		}
		if s.parameters["SRP_B"] != "" {
			var err error
			m, err = s.srp.Answer(w.pool, text, s.parameters, w.server.Now())
			w.ok(err)
			m["USERNAME"] = name
		}
		account = func() { w.shown.password = right }
	case "SELECT_CHALLENGE":
		if len(s.choices) > 0 {
			m["ANSWER"] = string(s.choices[w.rand.IntN(len(s.choices))])
		} else {
			m["ANSWER"] = w.pick("EMAIL_OTP", "PASSWORD", "SMS_OTP")
		}
		next.srp = awsclient.NewSRP()
		if m["ANSWER"] == "PASSWORD_SRP" && w.chance(50) {
			m["SRP_A"] = next.srp.A()
		}
	case "PASSWORD_SRP":
		next.srp = awsclient.NewSRP()
		m["SRP_A"] = next.srp.A()
	case "PASSWORD":
		m["PASSWORD"] = w.password
		if !right {
			m["PASSWORD"] = "Wrong-Password-1"
		}
		account = func() { w.shown.password = right }
	case "EMAIL_OTP", "SMS_OTP", "SMS_MFA":
		address, member := annsPhone, string(asked)+"_CODE"
		if asked == "EMAIL_OTP" {
			address = email(w.user)
		}
		if len(w.server.Messages(address)) > 0 {
			m[member] = w.codeTo(address, right)
		}
		second := w.shown.password
		account = func() {
			if right && second {
				w.shown.second = true
			} else if right {
				w.shown.code = true
			}
		}
	case "SOFTWARE_TOKEN_MFA":
		if w.secret != "" {
			w.nextStep()
			steps := 0
			if !right {
				steps = 9
			}
			m["SOFTWARE_TOKEN_MFA_CODE"] = w.app(w.secret, steps)
		}
		account = func() { w.shown.second = right }
	case "SELECT_MFA_TYPE":
		var can []string
		_ = json.Unmarshal([]byte(s.parameters["MFAS_CAN_CHOOSE"]), &can)
		m["ANSWER"] = w.pick(append(can, "EMAIL_OTP")...)
	case "NEW_PASSWORD_REQUIRED":
		next := fmt.Sprintf("Fresh-Password-%d", w.rand.IntN(1000))
		m["NEW_PASSWORD"] = next
		if !right {
			m["NEW_PASSWORD"] = "short"
		}
		account = func() {
			if right {
				w.password, w.temporary, w.shown.replaced = next, false, true
			}
		}
	case "MFA_SETUP":
		if right && s.challenge == asked {
			session, code := w.setUp(s.session)
			s = &state{challenge: asked, session: session, parameters: s.parameters, srp: s.srp}
			account = func() { w.secret, w.shown.second = code, true }
		}
	case "DEVICE_SRP_AUTH":
		next.srp = awsclient.NewSRP()
		if w.device != nil {
			m["DEVICE_KEY"], m["SRP_A"] = w.device.Key, next.srp.A()
		}
	case "DEVICE_PASSWORD_VERIFIER":
		if w.device != nil && s.parameters["SRP_B"] != "" {
			d := *w.device
			if !right {
				d.Password = "wrong"
			}
			var err error
			m, err = s.srp.AnswerDevice(&d, s.parameters, w.server.Now())
			w.ok(err)
			m["USERNAME"] = name
		}
		account = func() { w.shown.device = right }
	}
	w.trail = append(w.trail, fmt.Sprintf("%s answered as %s right=%v", s.challenge, asked, right))
	out, err := w.anyone.IDP.RespondToAuthChallenge(w.Context(), &idp.RespondToAuthChallengeInput{ClientId: &w.client, ChallengeName: asked, Session: s.session, ChallengeResponses: m})
	if err != nil {
		w.trail = append(w.trail, "refused")
		return nil, err
	}
	if asked != s.challenge && !(s.challenge == "SELECT_CHALLENGE" && (asked == "PASSWORD" || asked == "PASSWORD_SRP" || asked == "WEB_AUTHN")) {
		return nil, fmt.Errorf("%s was taken as the answer to %s", asked, s.challenge)
	}
	account()
	next.challenge, next.session, next.parameters, next.tokens = out.ChallengeName, out.Session, out.ChallengeParameters, out.AuthenticationResult
	return next, nil
}

// setUp registers a software token in the session of MFA_SETUP.
func (w *walker) setUp(session *string) (next *string, secret string) {
	w.Helper()
	out, err := w.anyone.IDP.AssociateSoftwareToken(w.Context(), &idp.AssociateSoftwareTokenInput{Session: session})
	if err != nil {
		return session, ""
	}
	verified, err := w.anyone.IDP.VerifySoftwareToken(w.Context(), &idp.VerifySoftwareTokenInput{Session: out.Session, UserCode: aws.String(w.app(*out.SecretCode, 0))})
	w.ok(err)
	return verified.Session, *out.SecretCode
}

// signIn walks once.
func (w *walker) signIn() (tokens *types.AuthenticationResultType) {
	w.shown = struct{ password, replaced, code, second, device bool }{}
	w.trail = nil
	demanded, temporary := w.demands(), w.temporary
	s, err := w.begin()
	for range 10 {
		if err != nil || s.tokens != nil {
			break
		}
		again := s
		if s, err = w.answer(s); err != nil && w.chance(50) {
			s, err = w.answer(again) // some refusals leave the session usable
		}
	}
	if err == nil && s.tokens != nil {
		if short := w.enough(demanded, temporary); short != nil {
			w.Fatalf("%s got tokens (pool %s, demanded %v, temporary %v), but %v: %q", w.user, w.mode, demanded, temporary, short, w.trail)
		}
		return s.tokens
	}
	return nil
}

// TestWalk walks the state machine from outside, through pools and users of
// every sort: whatever is answered in whatever order, tokens come only with
// every factor that pool and user demand. GATEHOUSE_TEST_WALKS sets how many
// pools are walked, GATEHOUSE_TEST_SEED where.
func TestWalk(t *testing.T) {
	pools, seed := 12, uint64(time.Now().UnixNano())
	if n, err := strconv.Atoi(os.Getenv("GATEHOUSE_TEST_WALKS")); err == nil {
		pools = n
	}
	if n, err := strconv.ParseUint(os.Getenv("GATEHOUSE_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	each(t, func(e *env) {
		e.Logf("GATEHOUSE_TEST_SEED=%d", seed)
		r := rand.New(rand.NewPCG(seed, 1))
		signedIn := 0
		for i := range pools {
			w := &walker{rand: r, user: fmt.Sprintf("ann%d", i), other: "bob", password: password}
			w.mustDo = w.chance(50)
			w.tenant = e.tenant(func(in *idp.CreateUserPoolInput) {
				addresses(in)
				in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "EMAIL_OTP", "SMS_OTP"}}}
				in.DeviceConfiguration = &types.DeviceConfigurationType{ChallengeRequiredOnNewDevice: w.mustDo}
			}, func(in *idp.CreateUserPoolClientInput) {
				in.ExplicitAuthFlows = append(slices.Clone(everyFlow), "ALLOW_USER_AUTH")
				in.AuthSessionValidity = aws.Int32(15)
			})
			w.tenant.user(w.user)
			w.tenant.user(w.other)
			first := w.tokens(w.user)
			w.mode = types.UserPoolMfaType(w.pick("OFF", "OPTIONAL", "OPTIONAL", "ON"))
			if w.mode == "ON" { // which cannot be with codes as first factors
				_, err := w.root.IDP.UpdateUserPool(w.Context(), &idp.UpdateUserPoolInput{UserPoolId: &w.pool, AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"},
					DeviceConfiguration: &types.DeviceConfigurationType{ChallengeRequiredOnNewDevice: w.mustDo}, SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: aws.String("arn:aws:iam::000000000000:role/sms")},
					EmailConfiguration: &types.EmailConfigurationType{EmailSendingAccount: "DEVELOPER"}})
				w.ok(err)
			}
			if w.mode != "OFF" {
				w.factors(w.mode, w.chance(60), true, w.chance(60))
			}
			if w.chance(60) {
				w.setAttributes(w.user, "phone_number", annsPhone)
			}
			if w.mode != "OFF" && w.chance(50) {
				w.secret = w.register(*first.AccessToken)
			}
			if w.mode != "OFF" && w.chance(40) {
				_ = w.prefers(*first.AccessToken, w.pick("sms", "email")) // where user and pool have it
			}
			if w.chance(60) {
				w.device, _ = w.confirmDevice(first)
			}
			if w.chance(30) {
				w.temporary = true
				_, err := w.root.IDP.AdminSetUserPassword(w.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &w.pool, Username: &w.user, Password: &w.password})
				w.ok(err)
			}
			for range 12 {
				if w.signIn() != nil {
					signedIn++
				}
				w.server.Advance(61 * time.Minute) // lock-outs and message limits end
			}
		}
		if signedIn < pools {
			e.Errorf("%d walks of %d ended in tokens: the walker shows nothing", signedIn, pools*12)
		}
	})
}
