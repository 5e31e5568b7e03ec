// Package signin is the state machine of a sign-in. The API operations and the
// hosted pages start it and answer its challenges; nothing reaches tokens past
// it.
//
//	state              input                         next state
//	-----              -----                         ----------
//	(start)            USER_PASSWORD_AUTH, ADMIN_…   PASSWORD SHOWN
//	(start)            USER_SRP_AUTH                 PASSWORD_VERIFIER
//	(start)            USER_AUTH                     SELECT_CHALLENGE, or what was preferred
//	(start)            USER_AUTH, Session of sign-up CODE SHOWN
//	(start)            CUSTOM_AUTH                   what the pool's functions say
//	(start)            REFRESH_TOKEN_AUTH            tokens, if the session stands
//	SELECT_CHALLENGE   a choice                      PASSWORD, PASSWORD_SRP, EMAIL_OTP, SMS_OTP, WEB_AUTHN
//	PASSWORD           the password                  PASSWORD SHOWN
//	PASSWORD_SRP       A                             PASSWORD_VERIFIER
//	PASSWORD_VERIFIER  the proof                     PASSWORD SHOWN; in CUSTOM_AUTH what the functions say
//	EMAIL_OTP, SMS_OTP the code, as a first factor   CODE SHOWN
//	WEB_AUTHN          the assertion                 PASSKEY SHOWN
//	CUSTOM_CHALLENGE   an answer                     what the functions say: another round, what follows, or refusal
//
//	Then, until nothing is owed (next.go):
//
//	PASSWORD SHOWN, temporary                        NEW_PASSWORD_REQUIRED
//	NEW_PASSWORD_…     a password, attributes        PASSWORD SHOWN
//	second factor owed, several to choose from       SELECT_MFA_TYPE
//	second factor owed, one or a preferred one       SMS_MFA, EMAIL_OTP, SOFTWARE_TOKEN_MFA
//	second factor owed, none, pool demands one       MFA_SETUP
//	second factor owed, device remembered in place   DEVICE_SRP_AUTH
//	SELECT_MFA_TYPE    a choice                      SMS_MFA, EMAIL_OTP, SOFTWARE_TOKEN_MFA
//	SMS_MFA, EMAIL_OTP, SOFTWARE_TOKEN_MFA  a code   SECOND FACTOR SHOWN
//	MFA_SETUP          a verified token              SECOND FACTOR SHOWN
//	MFA_SETUP          an address                    EMAIL_OTP
//	device remembered                                DEVICE_SRP_AUTH
//	DEVICE_SRP_AUTH    A                             DEVICE_PASSWORD_VERIFIER
//	DEVICE_PASSWORD_…  the proof                     DEVICE PROVEN
//	nothing owed                                     tokens
//
// A wrong code, password or assertion leaves the state as it is and is counted
// (lockout.go); a wrong SRP proof and a wrong answer to CUSTOM_CHALLENGE spend
// their challenge. A second factor is owed by the pool's mode and the user's
// choice; users who owe one begin with a password, or with a passkey that
// counts as two factors. Only CUSTOM_AUTH without a password is never asked for
// one: the functions are its factors.
//
// Steps that write nothing leave their state in the session or the secret
// block, sealed; a step that sends, spends or changes does all of that in one
// write, and so does the last.
//
// What a newcomer gets wrong: between a check and the write that ends the
// sign-in the user may have been disabled, locked or given another password.
// finish reads the user and what is owed again inside the write and believes
// only that.
package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"runtime"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/engine"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// Config is what an Engine needs.
type Config struct {
	DB       *store.DB
	Ring     *seal.Ring
	Crypto   engine.Engine
	Tokens   *token.Issuer
	Delivery *delivery.Outbox
	// Triggers calls the functions of pools; nil: there are none to call.
	Triggers *trigger.Caller
	Risk     *risk.Guard // threat protection; nil: off in every pool
	Now      func() time.Time
	// BaseDomain and Region are in the names of pools' domains, which passkeys
	// are made for.
	BaseDomain, Region string
}

// Engine runs sign-ins.
type Engine struct {
	Config
	hasher  *password.Hasher
	gate    *engine.Gate // of the exponentiations of SRP
	adopter Adopter
}

// An exponentiation takes some tenths of a millisecond of a processor. One at a
// time for each leaves room for requests that cost nothing, and the line is
// long: at its end a client has waited for a few tenths of a second.
const (
	gateLine = 256 // waiting, for each processor
	gateWait = time.Second
)

// New returns an Engine.
func New(c Config) *Engine {
	n := runtime.GOMAXPROCS(0)
	gate := engine.NewGate(n, n*gateLine, gateWait)
	return &Engine{Config: c, hasher: password.New(c.Crypto, gate), gate: gate}
}

// Start is the first request of a sign-in.
type Start struct {
	Pool       *pool.Pool
	Client     *pool.Client
	Flow       cognitoidp.AuthFlowType
	Parameters map[string]api.Secret
	Metadata   map[string]string // ClientMetadata
	Session    string            // of ConfirmSignUp, for USER_AUTH
	Seen       risk.Request      // where the request comes from
	Admin      bool              // called with credentials
	Browser    bool              // on a page of the pool's domain: the sign-in ends in a Login, not in tokens
}

// progress is where a sign-in begins.
func (s *Start) progress() progress {
	p := progress{Flow: s.Flow, Admin: s.Admin, Browser: s.Browser}
	if !s.Admin && !s.Browser { // such sign-ins know no devices
		p.DeviceKey = parameter(s.Parameters, "DEVICE_KEY")
	}
	return p
}

// Reply is the answer to a challenge.
type Reply struct {
	Pool      *pool.Pool
	Client    *pool.Client
	Challenge cognitoidp.ChallengeNameType
	Responses map[string]api.Secret
	Session   string
	Metadata  map[string]string // ClientMetadata
	Seen      risk.Request      // where the request comes from
	Browser   bool              // on a page of the pool's domain
	Admin     bool
}

// Step is what comes next: a challenge, or tokens.
type Step struct {
	Challenge  cognitoidp.ChallengeNameType
	Parameters map[string]string
	Choices    []cognitoidp.ChallengeNameType // AvailableChallenges
	Session    string
	Tokens     *token.Set
	Device     *NewDevice // comes with tokens, where the pool tracks devices
	Login      *Login     // in place of tokens, for a browser
}

func invalid(message string) error { return &cognitoidp.InvalidParameterException{Message: message} }

func notAuthorized(message string) error {
	return &cognitoidp.NotAuthorizedException{Message: message}
}

// The texts of auth-flows.md, section 13.
var (
	errPassword     = notAuthorized("Incorrect username or password.")
	errLocked       = notAuthorized("Password attempts exceeded")
	errDisabled     = notAuthorized("User is disabled.")
	errNotConfirmed = &cognitoidp.UserNotConfirmedException{Message: "User is not confirmed."}
	errReset        = &cognitoidp.PasswordResetRequiredException{Message: "Password reset required for the user"}
	errNoUser       = &cognitoidp.UserNotFoundException{Message: "User does not exist."}
)

// Initiate starts a sign-in.
func (e *Engine) Initiate(ctx context.Context, s *Start) (*Step, error) {
	allow := func(flow cognitoidp.ExplicitAuthFlowsType, text string) error {
		if s.Browser || s.Client.Allows(flow) { // the pages are the pool's own
			return nil
		}
		return invalid(text)
	}
	switch s.Flow {
	case cognitoidp.AuthFlowTypeUserSrpAuth:
		if err := allow(cognitoidp.ExplicitAuthFlowsTypeAllowUserSrpAuth, "USER_SRP_AUTH is not enabled for the client."); err != nil {
			return nil, err
		}
		return e.startSRP(ctx, s)
	case cognitoidp.AuthFlowTypeUserPasswordAuth:
		if err := allow(cognitoidp.ExplicitAuthFlowsTypeAllowUserPasswordAuth, "USER_PASSWORD_AUTH flow not enabled for this client"); err != nil {
			return nil, err
		}
		return e.password(ctx, s)
	case cognitoidp.AuthFlowTypeAdminUserPasswordAuth, cognitoidp.AuthFlowTypeAdminNoSrpAuth:
		if !s.Admin {
			return nil, invalid("Initiate Auth method not supported.")
		}
		if err := allow(cognitoidp.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth, "Auth flow not enabled for this client"); err != nil {
			return nil, err
		}
		return e.password(ctx, s)
	case cognitoidp.AuthFlowTypeRefreshTokenAuth, cognitoidp.AuthFlowTypeRefreshToken:
		if err := allow(cognitoidp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth, "Refresh Token flow not enabled for this client"); err != nil {
			return nil, err
		}
		return e.refresh(ctx, s)
	case cognitoidp.AuthFlowTypeCustomAuth:
		if err := allow(cognitoidp.ExplicitAuthFlowsTypeAllowCustomAuth, "CUSTOM_AUTH is not enabled for the client."); err != nil {
			return nil, err
		}
		return e.startCustom(ctx, s)
	case cognitoidp.AuthFlowTypeUserAuth:
		if err := allow(cognitoidp.ExplicitAuthFlowsTypeAllowUserAuth, "USER_AUTH is not enabled for the client."); err != nil {
			return nil, err
		}
		return e.choose(ctx, s)
	}
	return nil, invalid("Unsupported auth flow " + string(s.Flow))
}

// Respond goes on with a sign-in.
func (e *Engine) Respond(ctx context.Context, r *Reply) (*Step, error) {
	switch r.Challenge {
	case cognitoidp.ChallengeNameTypePasswordVerifier:
		return e.verifySRP(ctx, r)
	case cognitoidp.ChallengeNameTypeSelectChallenge:
		return e.selectChallenge(ctx, r)
	case cognitoidp.ChallengeNameTypePassword, cognitoidp.ChallengeNameTypePasswordSrp, cognitoidp.ChallengeNameTypeWebAuthn:
		return e.chosen(ctx, r, r.Challenge, cognitoidp.ChallengeNameTypeSelectChallenge, r.Challenge)
	case cognitoidp.ChallengeNameTypeCustomChallenge:
		return e.answerCustom(ctx, r)
	case cognitoidp.ChallengeNameTypeNewPasswordRequired:
		return e.newPassword(ctx, r)
	case cognitoidp.ChallengeNameTypeSelectMfaType:
		return e.selectFactor(ctx, r)
	case cognitoidp.ChallengeNameTypeSmsMfa, cognitoidp.ChallengeNameTypeEmailOtp, cognitoidp.ChallengeNameTypeSmsOtp:
		return e.takeCode(ctx, r)
	case cognitoidp.ChallengeNameTypeSoftwareTokenMfa:
		return e.softwareToken(ctx, r)
	case cognitoidp.ChallengeNameTypeMfaSetup:
		return e.endSetup(ctx, r)
	case cognitoidp.ChallengeNameTypeDeviceSrpAuth:
		return e.startDevice(ctx, r)
	case cognitoidp.ChallengeNameTypeDevicePasswordVerifier:
		return e.verifyDevice(ctx, r)
	}
	return nil, invalid("There is no challenge " + string(r.Challenge) + " to answer.")
}

// required reads a parameter that a flow cannot do without.
func required(m map[string]api.Secret, name string) (string, error) {
	if v := string(m[name]); v != "" {
		return v, nil
	}
	return "", invalid("Missing required parameter " + name)
}

// mayTry refuses users who may not sign in here whatever they know.
func mayTry(u *store.User) error {
	if err := mayStay(u); err != nil {
		return err
	}
	if u.Status == string(cognitoidp.UserStatusTypeExternalProvider) {
		return errPassword // they have no password here
	}
	return nil
}

// mayStay refuses users who may have neither logins nor tokens, however they
// signed in.
func mayStay(u *store.User) error {
	if !u.Enabled {
		return errDisabled
	}
	switch cognitoidp.UserStatusType(u.Status) {
	case cognitoidp.UserStatusTypeUnconfirmed:
		return errNotConfirmed
	case cognitoidp.UserStatusTypeResetRequired:
		return errReset
	case cognitoidp.UserStatusTypeConfirmed, cognitoidp.UserStatusTypeForceChangePassword, cognitoidp.UserStatusTypeExternalProvider:
		return nil
	}
	return errPassword
}

// mayTryPassword is mayTry for a password that is still to be checked. A user
// who was imported has none, and a client that hides users must not tell so:
// the check goes on and fails as for a wrong one (auth-flows.md, section 12).
func mayTryPassword(u *store.User, c *pool.Client) error {
	err := mayTry(u)
	if err == errReset && len(u.Password) == 0 && c.HidesUsers() {
		return nil
	}
	return err
}

// Simulated are bytes that depend on a name alone, for answers about users who
// do not exist: the same name gets the same answer, and nobody outside can
// compute it.
func (e *Engine) Simulated(p *pool.Pool, name, what string) []byte {
	m := hmac.New(sha256.New, e.Ring.Derive("simulated users"))
	fmt.Fprintf(m, "%s\x00%s\x00%s", p.ID, p.Fold(name), what)
	return m.Sum(nil)
}

// SimulatedAddress is where a message to a name that no user has would seem to
// go: the attribute, "email" or "phone_number", and its value. The same for the
// same name, without telling (auth-flows.md, section 12).
func (e *Engine) SimulatedAddress(p *pool.Pool, typed string) (attribute, address string) {
	if pool.IsEmail(typed) {
		return "email", typed
	}
	if pool.IsPhone(typed) {
		return "phone_number", typed
	}
	letters := e.Simulated(p, typed, "destination")
	return "email", string('a'+letters[0]%26) + "@" + string('a'+letters[1]%26)
}
