// Package signin is the state machine of a sign-in. The API operations and the
// hosted pages start it and answer its challenges; nothing reaches tokens past
// it.
//
//	Initiate
//	 ├ USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH ─ password right ─┐
//	 ├ USER_SRP_AUTH ─ PASSWORD_VERIFIER ─ proof right ───────────────┤
//	 │                                   [NEW_PASSWORD_REQUIRED] ─────┤
//	 │                        [SOFTWARE_TOKEN_MFA] or [MFA_SETUP] ────┼─ tokens
//	 └ REFRESH_TOKEN_AUTH, Refresh ─ session stands ──────────────────┘
//
// Steps between the first request and the last write nothing to the store:
// what a challenge must remember is sealed into its session or secret block,
// and the one write that ends the sign-in spends it.
//
// What a newcomer gets wrong: between the check of a password and the write
// that ends the sign-in the user may have been disabled, locked or given
// another password. finish reads the user again inside the write and believes
// only that.
package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/engine"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// Config is what an Engine needs.
type Config struct {
	DB     *store.DB
	Ring   *seal.Ring
	Crypto engine.Engine
	Tokens *token.Issuer
	// Triggers calls the functions of pools; nil: there are none to call.
	Triggers *trigger.Caller
	Now      func() time.Time
}

// Engine runs sign-ins.
type Engine struct {
	Config
	hasher *password.Hasher
}

// New returns an Engine.
func New(c Config) *Engine { return &Engine{c, password.New(c.Crypto)} }

// Start is the first request of a sign-in.
type Start struct {
	Pool       *pool.Pool
	Client     *pool.Client
	Flow       cognitoidp.AuthFlowType
	Parameters map[string]api.Secret
	Admin      bool // called with credentials
}

// Reply is the answer to a challenge.
type Reply struct {
	Pool      *pool.Pool
	Client    *pool.Client
	Challenge cognitoidp.ChallengeNameType
	Responses map[string]api.Secret
	Session   string
	Admin     bool
}

// Step is what comes next: a challenge, or tokens.
type Step struct {
	Challenge  cognitoidp.ChallengeNameType
	Parameters map[string]string
	Session    string
	Tokens     *token.Set
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
		if s.Client.Allows(flow) {
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
		return nil, invalid("Custom auth lambda trigger is not configured for the user pool.")
	case cognitoidp.AuthFlowTypeUserAuth:
		return nil, invalid("USER_AUTH is not available in this version of the server.")
	}
	return nil, invalid("Unsupported auth flow " + string(s.Flow))
}

// Respond goes on with a sign-in.
func (e *Engine) Respond(ctx context.Context, r *Reply) (*Step, error) {
	switch r.Challenge {
	case cognitoidp.ChallengeNameTypePasswordVerifier:
		return e.verifySRP(ctx, r)
	case cognitoidp.ChallengeNameTypeNewPasswordRequired:
		return e.newPassword(ctx, r)
	case cognitoidp.ChallengeNameTypeSoftwareTokenMfa:
		return e.softwareToken(ctx, r)
	case cognitoidp.ChallengeNameTypeMfaSetup:
		return e.endSetup(ctx, r)
	}
	return nil, invalid("Challenge " + string(r.Challenge) + " is not available in this version of the server.")
}

// required reads a parameter that a flow cannot do without.
func required(m map[string]api.Secret, name string) (string, error) {
	if v := string(m[name]); v != "" {
		return v, nil
	}
	return "", invalid("Missing required parameter " + name)
}

// find is the user of a typed name, or nil when there is none and the client
// does not tell.
func (e *Engine) find(ctx context.Context, p *pool.Pool, c *pool.Client, typed string) (u *store.User, err error) {
	err = e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		u, err = p.FindUser(tx, typed)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		if c.HidesUsers() {
			return nil, nil
		}
		return nil, errNoUser
	}
	return u, err
}

// mayTry refuses users who may not sign in whatever they know.
func mayTry(u *store.User) error {
	if !u.Enabled {
		return errDisabled
	}
	switch cognitoidp.UserStatusType(u.Status) {
	case cognitoidp.UserStatusTypeUnconfirmed:
		return errNotConfirmed
	case cognitoidp.UserStatusTypeResetRequired:
		return errReset
	case cognitoidp.UserStatusTypeConfirmed, cognitoidp.UserStatusTypeForceChangePassword:
		return nil
	}
	return errPassword // federated users have no password here
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
