package signin

import (
	"context"
	"errors"
	"slices"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/totp"
	"gatehouse/internal/store"
)

// Second factors (auth-flows.md, section 8). What they are is in factors.go,
// which one is asked for in next.go, how codes are sent in code.go.

var (
	errTokenCode   = &cognitoidp.CodeMismatchException{Message: "Invalid code received for user"}
	errTokenUsed   = &cognitoidp.ExpiredCodeException{Message: "Your software token has already been used once."}
	errVerifyCode  = &cognitoidp.EnableSoftwareTokenMFAException{Message: "Code mismatch"}
	errNoTokens    = &cognitoidp.SoftwareTokenMFANotFoundException{Message: "Software Token MFA has not been enabled by the userPool"}
	errNotAssigned = invalid("User has not associated a software token.")
)

// askFactor asks for a second factor, or for the choice of one.
func (e *Engine) askFactor(ctx context.Context, pr *proof, f *Factors, o owed) (*Step, error) {
	parameters := map[string]string{"USER_ID_FOR_SRP": pr.user.Username}
	switch o.Challenge {
	case cognitoidp.ChallengeNameTypeSmsMfa:
		to, _ := pr.user.Attribute("phone_number")
		return e.askCode(ctx, pr, o.Challenge, to, false)
	case cognitoidp.ChallengeNameTypeEmailOtp:
		to, _ := pr.user.Attribute("email")
		return e.askCode(ctx, pr, o.Challenge, to, false)
	case cognitoidp.ChallengeNameTypeSoftwareTokenMfa:
		if f.Token.Name != "" {
			parameters["FRIENDLY_DEVICE_NAME"] = f.Token.Name
		}
	case cognitoidp.ChallengeNameTypeSelectMfaType:
		parameters["MFAS_CAN_CHOOSE"] = choiceText(o.Choices)
	case cognitoidp.ChallengeNameTypeMfaSetup:
		parameters["MFAS_CAN_SETUP"] = choiceText(o.Choices)
	}
	return e.ask(ctx, pr, o.Challenge, parameters)
}

// selectFactor takes the answer to SELECT_MFA_TYPE.
func (e *Engine) selectFactor(ctx context.Context, r *Reply) (*Step, error) {
	answer, err := required(r.Responses, "ANSWER")
	if err != nil {
		return nil, err
	}
	pr, _, err := e.guess(ctx, r)
	if err != nil {
		return nil, err
	}
	f, err := e.factors(ctx, pr)
	if err != nil {
		return nil, err
	}
	if answer == "EMAIL_MFA" { // as the text of AWS's model calls it
		answer = string(cognitoidp.ChallengeNameTypeEmailOtp)
	}
	c := cognitoidp.ChallengeNameType(answer)
	if !f.has(c) {
		return nil, invalid("Invalid selection: " + choiceText(f.Usable) + " can be chosen.")
	}
	return e.askFactor(ctx, pr, f, owed{Challenge: c})
}

// softwareToken takes the code of SOFTWARE_TOKEN_MFA. A wrong one counts like
// a wrong password and leaves the session as it is.
func (e *Engine) softwareToken(ctx context.Context, r *Reply) (*Step, error) {
	code, err := required(r.Responses, "SOFTWARE_TOKEN_MFA_CODE")
	if err != nil {
		return nil, err
	}
	pr, _, err := e.guess(ctx, r)
	if err != nil {
		return nil, err
	}
	u := pr.user
	f, err := e.factors(ctx, pr)
	if err != nil {
		return nil, err
	}
	if !f.has(r.Challenge) {
		return nil, errSession // changed since it was asked for
	}
	step, right := totp.Check(f.Token.Secret, code, e.Now())
	if !right {
		err := e.recordFailure(ctx, r.Pool, u, u.Username, e.failure(pr, cognitoidp.ChallengeNameMfa))
		if errors.Is(err, errPassword) {
			err = errTokenCode
		}
		return nil, err
	}
	pr.Second = true
	pr.spend = also(pr.spend, func(tx *store.Tx) error {
		fresh, err := store.SoftwareTokenOf(tx, u.PoolID, u.Sub)
		if err != nil {
			return err
		}
		if string(fresh.Secret) != string(f.Token.Secret) {
			return errSession
		}
		err = store.SpendSoftwareTokenStep(tx, u.PoolID, u.Sub, step)
		if errors.Is(err, store.ErrConflict) {
			err = errTokenUsed
		}
		return err
	})
	if pr.custom != nil {
		return e.customDone(ctx, pr, r.Challenge)
	}
	return e.proceed(ctx, pr)
}

// AssociateInSession goes on with MFA_SETUP: a secret, and the session that
// remembers it in place of the one that was given.
func (e *Engine) AssociateInSession(ctx context.Context, p *pool.Pool, c *pool.Client, text string) (secret []byte, next string, err error) {
	s, err := e.openSession(c, text, cognitoidp.ChallengeNameTypeMfaSetup)
	if err != nil {
		return nil, "", err
	}
	if !p.TakesSoftwareTokens() {
		return nil, "", errNoTokens
	}
	secret = totp.NewSecret()
	next, err = e.replace(ctx, c, s, func(s *session) { s.Secret, s.Step, s.Device = secret, 0, "" })
	return secret, next, err
}

// VerifyInSession goes on with MFA_SETUP: a right code of the new secret gives
// the session that ends it. A wrong one leaves the session as it is: whoever
// has it was given the secret, so there is nothing to guess.
func (e *Engine) VerifyInSession(ctx context.Context, c *pool.Client, text, code, device string) (next string, err error) {
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
	return e.replace(ctx, c, s, func(s *session) { s.Step, s.Device = step, device })
}

// replace spends a session and gives the next one of the same challenge. It
// does not live longer for that.
func (e *Engine) replace(ctx context.Context, c *pool.Client, s *session, change func(*session)) (string, error) {
	if err := e.DB.Write(ctx, s.spend(c)); err != nil {
		return "", spentOr(err)
	}
	fresh := *s
	fresh.Nonce = nonce()
	change(&fresh)
	return e.seal(c, &fresh)
}

// endSetup takes the answer to MFA_SETUP: the session of a verified token,
// which becomes the user's with the tokens; or an address, to which a code
// goes.
func (e *Engine) endSetup(ctx context.Context, r *Reply) (*Step, error) {
	pr, s, err := e.guess(ctx, r)
	if err != nil {
		return nil, err
	}
	address := parameter(r.Responses, "EMAIL")
	if address == "" {
		address = parameter(r.Responses, "email")
	}
	u := pr.user
	switch {
	case s.Step == 0 && address != "":
		return e.setUpEmail(ctx, pr, address)
	case s.Step == 0:
		return nil, invalid("Set a software token up with this session first: AssociateSoftwareToken, then VerifySoftwareToken.")
	case !r.Pool.TakesSoftwareTokens():
		return nil, errNoTokens
	}
	pr.Second = true
	pr.spend = also(pr.spend, func(tx *store.Tx) error {
		t, err := store.SoftwareTokenOf(tx, u.PoolID, u.Sub)
		if err != nil {
			return err
		}
		if t.Secret != nil {
			return errSession // somebody else set one up: it must be shown
		}
		t.Secret, t.Pending, t.Name, t.LastStep = s.Secret, nil, s.Device, s.Step
		if err := store.PutSoftwareToken(tx, t); err != nil {
			return err
		}
		f, err := store.FactorsOf(tx, u.PoolID, u.Sub)
		if err != nil {
			return err
		}
		f.SoftwareToken = true
		return store.PutFactors(tx, f)
	})
	return e.proceed(ctx, pr)
}

// setUpEmail sends a code to the address that a user without one gives. A user
// who has one does not change it here: whoever knows a password alone must not
// become the owner of the account.
func (e *Engine) setUpEmail(ctx context.Context, pr *proof, address string) (*Step, error) {
	f, err := e.factors(ctx, pr)
	if err != nil {
		return nil, err
	}
	if len(f.Usable) > 0 || !slices.Contains(f.CanSetUp, cognitoidp.ChallengeNameTypeEmailOtp) {
		return nil, invalid("E-mail cannot be set up as a second factor here.")
	}
	if err := pr.pool.Schema.CheckValues([]store.Attribute{{Name: "email", Value: address}}); err != nil {
		return nil, err
	}
	return e.askCode(ctx, pr, cognitoidp.ChallengeNameTypeEmailOtp, address, true)
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
