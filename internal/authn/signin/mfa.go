package signin

import (
	"context"
	"errors"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/totp"
	"gatehouse/internal/store"
)

// Second factors (auth-flows.md, section 8). Software tokens are the one that
// there is: a pool that demands a factor demands this one.

var (
	errTokenCode   = &cognitoidp.CodeMismatchException{Message: "Invalid code received for user"}
	errTokenUsed   = &cognitoidp.ExpiredCodeException{Message: "Your software token has already been used once."}
	errVerifyCode  = &cognitoidp.EnableSoftwareTokenMFAException{Message: "Code mismatch"}
	errNoTokens    = &cognitoidp.SoftwareTokenMFANotFoundException{Message: "Software Token MFA has not been enabled by the userPool"}
	errNotAssigned = invalid("User has not associated a software token.")
)

// secondFactor asks for the factor that the pool demands or the user has
// chosen, or ends the sign-in when there is none to ask for.
func (e *Engine) secondFactor(ctx context.Context, pr *proof) (*Step, error) {
	if pr.pool.MFA() == cognitoidp.UserPoolMfaTypeOff {
		return e.finish(ctx, pr)
	}
	var t *store.SoftwareToken
	if err := e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		t, err = store.SoftwareTokenOf(tx, pr.pool.ID, pr.user.Sub)
		return err
	}); err != nil {
		return nil, err
	}
	parameters := map[string]string{"USER_ID_FOR_SRP": pr.user.Username}
	switch {
	case AsksSoftwareToken(pr.pool, t):
		if t.Name != "" {
			parameters["FRIENDLY_DEVICE_NAME"] = t.Name
		}
		return e.ask(ctx, pr, cognitoidp.ChallengeNameTypeSoftwareTokenMfa, parameters)
	case pr.pool.MFA() == cognitoidp.UserPoolMfaTypeOn && pr.pool.TakesSoftwareTokens():
		parameters["MFAS_CAN_SETUP"] = `["SOFTWARE_TOKEN_MFA"]`
		return e.ask(ctx, pr, cognitoidp.ChallengeNameTypeMfaSetup, parameters)
	case pr.pool.MFA() == cognitoidp.UserPoolMfaTypeOn:
		return nil, invalid("The user pool demands a second factor and has none that the user could set up.")
	}
	return e.finish(ctx, pr)
}

// AsksSoftwareToken reports whether a user is asked for a code at sign-in. In
// a pool that demands a factor nobody can switch it off.
func AsksSoftwareToken(p *pool.Pool, t *store.SoftwareToken) bool {
	return p.TakesSoftwareTokens() && t.Secret != nil && (t.Enabled || p.MFA() == cognitoidp.UserPoolMfaTypeOn)
}

// softwareToken takes the code of SOFTWARE_TOKEN_MFA. A wrong one counts like
// a wrong password and leaves the session as it is.
func (e *Engine) softwareToken(ctx context.Context, r *Reply) (*Step, error) {
	code, err := required(r.Responses, "SOFTWARE_TOKEN_MFA_CODE")
	if err != nil {
		return nil, err
	}
	s, err := e.openSession(r.Client, r.Session, r.Challenge)
	if err != nil {
		return nil, err
	}
	u, err := e.sessionUser(ctx, r, s)
	if err != nil {
		return nil, err
	}
	if locked(u.Counter, e.Now()) {
		return nil, errLocked
	}
	if err := mayTry(u); err != nil {
		return nil, err
	}
	var t *store.SoftwareToken
	if err := e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		t, err = store.SoftwareTokenOf(tx, u.PoolID, u.Sub)
		return err
	}); err != nil {
		return nil, err
	}
	if !AsksSoftwareToken(r.Pool, t) {
		return nil, errSession // changed since it was asked for
	}
	step, right := totp.Check(t.Secret, code, e.Now())
	if !right {
		err := e.recordFailure(ctx, r.Pool, u, u.Username, nil)
		if errors.Is(err, errPassword) {
			err = errTokenCode
		}
		return nil, err
	}
	return e.finish(ctx, &proof{pool: r.Pool, client: r.Client, user: u, spend: func(tx *store.Tx) error {
		if err := s.spend(r.Client)(tx); err != nil {
			return err
		}
		fresh, err := store.SoftwareTokenOf(tx, u.PoolID, u.Sub)
		if err != nil {
			return err
		}
		if string(fresh.Secret) != string(t.Secret) {
			return errSession
		}
		err = store.SpendSoftwareTokenStep(tx, u.PoolID, u.Sub, step)
		if errors.Is(err, store.ErrConflict) {
			err = errTokenUsed
		}
		return err
	}})
}

// AssociateInSession begins MFA_SETUP: a secret, and the session that
// remembers it. It writes nothing.
func (e *Engine) AssociateInSession(p *pool.Pool, c *pool.Client, text string) (secret []byte, next string, err error) {
	s, err := e.openSession(c, text, cognitoidp.ChallengeNameTypeMfaSetup)
	if err != nil {
		return nil, "", err
	}
	if !p.TakesSoftwareTokens() {
		return nil, "", errNoTokens
	}
	s.Secret, s.Step, s.Device = totp.NewSecret(), 0, ""
	next, err = e.seal(c, s)
	return s.Secret, next, err
}

// VerifyInSession goes on with MFA_SETUP: a right code of the new secret gives
// the session that ends it.
func (e *Engine) VerifyInSession(c *pool.Client, text, code, device string) (next string, err error) {
	s, err := e.openSession(c, text, cognitoidp.ChallengeNameTypeMfaSetup)
	if err != nil {
		return "", err
	}
	if s.Secret == nil {
		return "", errNotAssigned
	}
	step, right := totp.Check(s.Secret, code, e.Now())
	if !right {
		return "", errVerifyCode
	}
	s.Step, s.Device = step, device
	return e.seal(c, s)
}

// endSetup takes the answer to MFA_SETUP: the session of a verified token,
// which becomes the user's with the tokens.
func (e *Engine) endSetup(ctx context.Context, r *Reply) (*Step, error) {
	s, err := e.openSession(r.Client, r.Session, r.Challenge)
	if err != nil {
		return nil, err
	}
	u, err := e.sessionUser(ctx, r, s)
	if err != nil {
		return nil, err
	}
	if s.Step == 0 {
		return nil, invalid("Set a software token up with this session first: AssociateSoftwareToken, then VerifySoftwareToken.")
	}
	if !r.Pool.TakesSoftwareTokens() {
		return nil, errNoTokens
	}
	return e.finish(ctx, &proof{pool: r.Pool, client: r.Client, user: u, spend: func(tx *store.Tx) error {
		if err := s.spend(r.Client)(tx); err != nil {
			return err
		}
		t, err := store.SoftwareTokenOf(tx, u.PoolID, u.Sub)
		if err != nil {
			return err
		}
		if t.Secret != nil {
			return errSession // somebody else set one up: it must be shown
		}
		t.Secret, t.Pending, t.Name, t.LastStep, t.Enabled = s.Secret, nil, s.Device, s.Step, true
		return store.PutSoftwareToken(tx, t)
	}})
}

// Associate gives a signed-in user a secret that waits for its first code. One
// that is in use stays so until then.
func (e *Engine) Associate(ctx context.Context, p *pool.Pool, sub string) (secret []byte, err error) {
	if !p.TakesSoftwareTokens() {
		return nil, errNoTokens
	}
	secret = totp.NewSecret()
	return secret, e.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := store.SoftwareTokenOf(tx, p.ID, sub)
		if err != nil {
			return err
		}
		t.Pending = secret
		return store.PutSoftwareToken(tx, t)
	})
}

// Verify makes the secret that waits a signed-in user's own.
func (e *Engine) Verify(ctx context.Context, p *pool.Pool, sub, code, device string) error {
	if !p.TakesSoftwareTokens() {
		return errNoTokens
	}
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := store.SoftwareTokenOf(tx, p.ID, sub)
		if err != nil {
			return err
		}
		if t.Pending == nil {
			return errNotAssigned
		}
		step, right := totp.Check(t.Pending, code, tx.Now)
		if !right {
			return errVerifyCode
		}
		t.Secret, t.Pending, t.Name, t.LastStep = t.Pending, nil, device, step
		return store.PutSoftwareToken(tx, t)
	})
}
