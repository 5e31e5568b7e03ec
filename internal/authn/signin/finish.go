package signin

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// proof is a sign-in on its way: what has been shown, and what the next write
// must do.
type proof struct {
	progress
	pool     *pool.Pool
	client   *pool.Client
	user     *store.User       // as it was when it was checked; nil for a name that no user has
	typed    string            // the name that was given
	metadata map[string]string // ClientMetadata of an answer; that of the first request goes elsewhere
	seen     risk.Request      // where this request comes from
	custom   *custom           // of CUSTOM_AUTH; nil in other flows
	// spend uses up the challenge, or is nil. It returns store.ErrConflict
	// when somebody else used it.
	spend func(*store.Tx) error
	// change, if not nil, changes the user in the same write.
	change func(tx *store.Tx, u *store.User) error
}

// errChallengeSpent is what the loser gets when a challenge is answered twice.
var errChallengeSpent = notAuthorized("Invalid session for the user, session can only be used once.")

// proceed does what the sign-in owes next, or ends it.
func (e *Engine) proceed(ctx context.Context, pr *proof) (*Step, error) {
	var f *Factors
	var d *store.Device
	if err := e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		f, d, err = e.depends(tx, pr, pr.user)
		return err
	}); err != nil {
		return nil, err
	}
	o := e.standing(pr, pr.user, f, d).next()
	switch o.Challenge {
	case cognitoidp.ChallengeNameTypeNewPasswordRequired, cognitoidp.ChallengeNameTypeDeviceSrpAuth:
	default: // all that comes before a second factor was shown
		if err := e.judge(ctx, pr, f); err != nil {
			return nil, err
		}
		o = e.standing(pr, pr.user, f, d).next()
	}
	if o.Refusal != nil {
		return nil, o.Refusal
	}
	switch o.Challenge {
	case "":
		return e.finish(ctx, pr)
	case cognitoidp.ChallengeNameTypeNewPasswordRequired:
		return e.askNewPassword(ctx, pr)
	case cognitoidp.ChallengeNameTypeDeviceSrpAuth:
		return e.askDevice(ctx, pr)
	}
	return e.askFactor(ctx, pr, f, o)
}

// depends reads what the next step depends on besides the user. Where a pool
// has neither second factors nor devices it reads nothing.
func (e *Engine) depends(tx *store.Tx, pr *proof, u *store.User) (f *Factors, d *store.Device, err error) {
	if f, err = FactorsOf(tx, pr.pool, u); err != nil {
		return nil, nil, err
	}
	if pr.DeviceKey != "" && pr.pool.TracksDevices() {
		d, err = store.DeviceByKey(tx, u.PoolID, u.Sub, pr.DeviceKey)
		if errors.Is(err, store.ErrNotFound) {
			err = errNoDevice
		}
	}
	return f, d, err
}

func (e *Engine) standing(pr *proof, u *store.User, f *Factors, d *store.Device) standing {
	s := standing{First: pr.First, Password: pr.Password, Second: pr.Second, Mode: pr.pool.MFA(), Usable: f.Usable, Preferred: f.Preferred,
		CanSetUp: f.CanSetUp, PasskeyIsTwo: pr.TwoInOne && f.Chosen.Passkey && PasskeyIsTwo(pr.pool), Replaces: pr.pool.DeviceReplacesFactor(), Demanded: pr.demandsFactor(f),
		Temporary: u.Status == string(cognitoidp.UserStatusTypeForceChangePassword) && !pr.Replaced}
	switch {
	case d == nil:
	case pr.Proven:
		s.Device = deviceProven
	case d.Remembered:
		s.Device = deviceRemembered
	default:
		s.Device = deviceKnown
	}
	return s
}

// PasskeyIsTwo reports whether the pool lets a passkey that verified its user
// count as two factors.
func PasskeyIsTwo(p *pool.Pool) bool {
	w := p.Factors.WebAuthn
	return w != nil && w.FactorConfiguration != nil &&
		*w.FactorConfiguration == cognitoidp.WebAuthnFactorConfigurationTypeMultiFactorWithUserVerification
}

// finish ends a sign-in: it reads the user again, sees that nothing has changed
// that forbids it and that nothing is owed, records the session and mints the
// tokens; for a browser it records the login, from which clients get theirs.
func (e *Engine) finish(ctx context.Context, pr *proof) (*Step, error) {
	_, _, refreshLife := token.Validity(pr.client.Settings)
	g := &token.Grant{Pool: pr.pool, Client: pr.client, SessionID: uuid.NewString(), EventID: uuid.NewString(), Scope: token.ScopeAdmin}
	if pr.EventID != "" {
		g.EventID = pr.EventID
	}
	if !pr.client.NamesOrigin() {
		g.SessionID = g.EventID // such tokens have no origin_jti: the event names the session
	}
	var expires time.Time
	var fresh *NewDevice
	var login *Login
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := e.stillRight(tx, pr)
		if err != nil {
			return err
		}
		f, d, err := e.depends(tx, pr, u)
		if err != nil {
			return err
		}
		switch o := e.standing(pr, u, f, d).next(); {
		case o.Refusal != nil:
			return o.Refusal
		case o.Challenge != "":
			return errPassword // owed since it was looked at last
		}
		if g.Groups, err = pr.pool.GroupsOf(tx, u); err != nil {
			return err
		}
		if len(pr.Renewed) > 0 && !pr.Replaced {
			if err := store.RenewPassword(tx, u, pr.Renewed); err != nil {
				return err
			}
		}
		g.User, g.AuthTime = u, tx.Now.Truncate(time.Second)
		expires = tx.Now.Add(refreshLife)
		if g.DeviceKey, fresh, err = e.deviceOf(tx, pr, d); err != nil {
			return err
		}
		if err := e.recordEvent(tx, pr, u, g.EventID, cognitoidp.EventResponseTypePass, pr.challenges()...); err != nil {
			return err
		}
		if pr.Browser {
			login, err = insertLogin(tx, u, "", g.EventID)
			return err
		}
		return store.InsertSession(tx, &store.Session{PoolID: u.PoolID, Sub: u.Sub, OriginJTI: g.SessionID, ClientID: pr.client.ID,
			AuthTime: g.AuthTime, ExpiresAt: expires, DeviceKey: g.DeviceKey})
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, errChallengeSpent
	}
	if err != nil {
		return nil, err
	}
	if pr.Risk != nil && pr.Risk.Notify {
		e.Delivery.Wake()
	}
	if err := e.tell(ctx, pr, g, fresh != nil); err != nil {
		// Nobody gets a token of this session.
		return nil, errors.Join(err, e.DB.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
			if login != nil {
				return store.DeleteLogin(tx, pr.pool.ID, loginHash(login.Cookie))
			}
			return store.DeleteSession(tx, pr.pool.ID, g.User.Sub, g.SessionID)
		}))
	}
	if login != nil {
		return &Step{Login: login}, nil
	}
	set, err := e.Tokens.Mint(ctx, g)
	if err != nil {
		return nil, err
	}
	set.Refresh, err = e.Tokens.SealRefresh(pr.client.ID, &token.Refresh{PoolID: pr.pool.ID, Sub: g.User.Sub, SessionID: g.SessionID,
		EventID: g.EventID, Scope: g.Scope, AuthTime: g.AuthTime.Unix(), ExpiresAt: expires.Unix()})
	if err != nil {
		return nil, err
	}
	return &Step{Tokens: set, Device: fresh}, nil
}

// tell tells the pool's functions of a sign-in that has ended: they may refuse
// the tokens, or change them.
func (e *Engine) tell(ctx context.Context, pr *proof, g *token.Grant, newDevice bool) error {
	call := pr.call()
	call.User = g.User
	if err := e.Triggers.PostAuthentication(ctx, call, newDevice); err != nil {
		return err
	}
	if pr.Browser {
		return nil // tokens come later, for each client
	}
	source := "TokenGeneration_Authentication"
	switch {
	case pr.Proven:
		source = "TokenGeneration_AuthenticateDevice"
	case pr.Replaced:
		source = "TokenGeneration_NewPasswordChallenge"
	}
	return e.Triggers.PreToken(ctx, call, source, g)
}

// stillRight reads the user of a proof inside the write and refuses if what was
// checked is no longer so.
func (e *Engine) stillRight(tx *store.Tx, pr *proof) (*store.User, error) {
	u, err := store.UserBySub(tx, pr.pool.ID, pr.user.Sub)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errPassword
	}
	if err != nil {
		return nil, err
	}
	if pr.guessable() && locked(u.Counter, tx.Now) {
		return nil, errLocked
	}
	if err := pr.mayTry(u); err != nil {
		return nil, err
	}
	if u.Status != pr.user.Status || !u.PasswordAt.Equal(pr.user.PasswordAt) {
		return nil, errPassword
	}
	if pr.spend != nil {
		if err := pr.spend(tx); err != nil {
			return nil, err
		}
	}
	if pr.change == nil {
		if u.Counter.Failures > 0 && pr.guessable() {
			u.Counter.Failures = 0
			return u, store.UpdateCounters(tx, u)
		}
		return u, nil
	}
	old := *u
	old.Attributes = append([]store.Attribute(nil), u.Attributes...)
	u.Counter.Failures = 0
	if err := pr.change(tx, u); err != nil {
		return nil, err
	}
	u.Updated = tx.Now
	if taken, err := pr.pool.UpdateAliases(tx, &old, u); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return nil, &cognitoidp.AliasExistsException{Message: "An account with the given " + taken + " already exists."}
		}
		return nil, err
	}
	return u, store.UpdateUser(tx, u, &old)
}

// guessable reports whether what was shown could have been guessed. The
// lock-out is for guesses: it stops neither passkeys nor what the pool's own
// functions have checked (auth-flows.md, section 9).
func (pr *proof) guessable() bool {
	return pr.Password || pr.Second || pr.First == byPassword || pr.First == byCode
}

// mayTry refuses users who may not sign in whatever they have shown. A code
// that confirms its address confirms the user.
func (pr *proof) mayTry(u *store.User) error {
	if pr.First == byCode && confirmsUser(u) {
		if !u.Enabled {
			return errDisabled
		}
		return nil
	}
	return mayTry(u)
}

// ask writes what the step before left to be written and gives a session for
// the next challenge. The secret block of an SRP handshake is spent here: its
// answer was right and must not be right twice. The failure counter stays as
// it is: a right password buys no new guesses at codes.
func (e *Engine) ask(ctx context.Context, pr *proof, challenge cognitoidp.ChallengeNameType, parameters map[string]string) (*Step, error) {
	if err := e.settle(ctx, pr); err != nil {
		return nil, err
	}
	return e.challenge(pr, e.newSession(pr, challenge), parameters)
}

// challenge gives a session to the client.
func (e *Engine) challenge(pr *proof, s *session, parameters map[string]string) (*Step, error) {
	text, err := e.seal(pr.client, s)
	if err != nil {
		return nil, err
	}
	return &Step{Challenge: s.Challenge, Session: text, Parameters: parameters}, nil
}

// settle writes what the step before left to be written, and each of what
// comes with it.
func (e *Engine) settle(ctx context.Context, pr *proof, with ...func(*store.Tx) error) error {
	if pr.spend == nil && pr.change == nil && len(with) == 0 {
		return nil
	}
	u := pr.user
	err := e.DB.Write(ctx, func(tx *store.Tx) (err error) {
		switch {
		case pr.change != nil:
			u, err = e.stillRight(tx, pr)
		case pr.spend != nil:
			err = pr.spend(tx)
		}
		for _, write := range with {
			if err == nil {
				err = write(tx)
			}
		}
		return err
	})
	if err != nil {
		return spentOr(err)
	}
	pr.user, pr.spend, pr.change = u, nil, nil
	return nil
}
