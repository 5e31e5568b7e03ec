package signin

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// proof is what a caller has shown: everything that finish needs to end the
// sign-in with one write.
type proof struct {
	pool   *pool.Pool
	client *pool.Client
	user   *store.User // as it was when the password was checked
	// spend uses up the challenge, or is nil. It returns store.ErrConflict
	// when somebody else used it.
	spend func(*store.Tx) error
	// change, if not nil, changes the user in the same write.
	change func(tx *store.Tx, u *store.User) error
}

// errChallengeSpent is what the loser gets when a challenge is answered twice.
var errChallengeSpent = notAuthorized("Invalid session for the user, session can only be used once.")

// finish ends a sign-in: it reads the user again, sees that nothing has changed
// that forbids it, records the session and mints the tokens.
func (e *Engine) finish(ctx context.Context, pr *proof) (*Step, error) {
	_, _, refreshLife := token.Validity(pr.client.Settings)
	g := &token.Grant{Pool: pr.pool, Client: pr.client, SessionID: uuid.NewString(), EventID: uuid.NewString(), Scope: token.ScopeAdmin}
	if !pr.client.NamesOrigin() {
		g.EventID = g.SessionID // such tokens have no origin_jti: the event names the session
	}
	var expires time.Time
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := e.stillRight(tx, pr)
		if err != nil {
			return err
		}
		if g.Groups, err = pr.pool.GroupsOf(tx, u); err != nil {
			return err
		}
		g.User, g.AuthTime = u, tx.Now.Truncate(time.Second)
		expires = tx.Now.Add(refreshLife)
		return store.InsertSession(tx, &store.Session{PoolID: u.PoolID, Sub: u.Sub, OriginJTI: g.SessionID, ClientID: pr.client.ID,
			AuthTime: g.AuthTime, ExpiresAt: expires})
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, errChallengeSpent
	}
	if err != nil {
		return nil, err
	}
	source := "TokenGeneration_Authentication"
	if pr.user.Status == string(cognitoidp.UserStatusTypeForceChangePassword) {
		source = "TokenGeneration_NewPasswordChallenge"
	}
	if err := e.Triggers.PreToken(ctx, &trigger.Call{Pool: pr.pool, ClientID: pr.client.ID, User: g.User}, source, g); err != nil {
		return nil, err // of a session that nobody has a token for
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
	return &Step{Tokens: set}, nil
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
	if locked(u.Counter, tx.Now) {
		return nil, errLocked
	}
	if err := mayTry(u); err != nil {
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
		if u.Counter.Failures > 0 {
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

// ask writes what the step before left to be written and gives a session for
// the next challenge. The secret block of an SRP handshake is spent here: its
// answer was right and must not be right twice. The failure counter stays as
// it is: a right password buys no new guesses at codes.
func (e *Engine) ask(ctx context.Context, pr *proof, challenge cognitoidp.ChallengeNameType, parameters map[string]string) (*Step, error) {
	u := pr.user
	if pr.spend != nil || pr.change != nil {
		if err := e.DB.Write(ctx, func(tx *store.Tx) (err error) {
			if pr.change == nil {
				return pr.spend(tx)
			}
			u, err = e.stillRight(tx, pr)
			return err
		}); err != nil {
			return nil, spentOr(err)
		}
	}
	text, err := e.sealSession(pr.client, u, challenge)
	if err != nil {
		return nil, err
	}
	return &Step{Challenge: challenge, Session: text, Parameters: parameters}, nil
}

// afterPassword decides what follows a right password.
func (e *Engine) afterPassword(ctx context.Context, pr *proof) (*Step, error) {
	if pr.user.Status == string(cognitoidp.UserStatusTypeForceChangePassword) {
		return e.askNewPassword(ctx, pr)
	}
	return e.secondFactor(ctx, pr)
}
