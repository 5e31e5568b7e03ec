package signin

import (
	"cmp"
	"context"
	"errors"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// password checks a password sent in clear (auth-flows.md, section 6).
func (e *Engine) password(ctx context.Context, s *Start) (*Step, error) {
	typed, err := required(s.Parameters, "USERNAME")
	if err != nil {
		return nil, err
	}
	text, err := required(s.Parameters, "PASSWORD")
	if err != nil {
		return nil, err
	}
	if err := s.Client.CheckSecretHash(string(s.Parameters["SECRET_HASH"]), true, typed); err != nil {
		return nil, err
	}
	u, err := e.find(ctx, s.Pool, s.Client, typed)
	if err != nil {
		return nil, err
	}
	if u == nil {
		if is, err := e.nameLocked(ctx, s.Pool, typed); err != nil || is {
			return nil, cmp.Or(err, errLocked)
		}
		if err := e.hasher.Decoy(ctx, password.SRP, s.Pool.Name(), typed, text); err != nil {
			return nil, err
		}
		return nil, e.recordFailure(ctx, s.Pool, nil, typed, nil)
	}
	if locked(u.Counter, e.Now()) {
		return nil, errLocked
	}
	if err := mayTry(u); err != nil {
		return nil, err
	}
	if ok, err := e.right(ctx, s.Pool, u, text); err != nil {
		return nil, err
	} else if !ok {
		return nil, e.recordFailure(ctx, s.Pool, u, typed, nil)
	}
	return e.afterPassword(ctx, &proof{pool: s.Pool, client: s.Client, user: u})
}

// right compares a password with a user's record, in constant time.
func (e *Engine) right(ctx context.Context, p *pool.Pool, u *store.User, text string) (bool, error) {
	if len(u.Password) == 0 {
		return false, e.hasher.Decoy(ctx, password.SRP, p.Name(), u.Username, text)
	}
	r, err := password.Decode(u.Password)
	if err != nil {
		return false, err
	}
	return e.hasher.Check(ctx, r, p.Name(), u.Username, text)
}

// CheckPassword checks the password of a user who is signed in already, as
// ChangePassword asks for it. It counts like a sign-in.
func (e *Engine) CheckPassword(ctx context.Context, p *pool.Pool, u *store.User, text string) error {
	if locked(u.Counter, e.Now()) {
		return errLocked
	}
	if ok, err := e.right(ctx, p, u, text); err != nil {
		return err
	} else if !ok {
		return e.recordFailure(ctx, p, u, u.Username, nil)
	}
	return nil
}

// NewPassword checks a password against the pool's policy and makes its
// record. It costs an exponentiation.
func (e *Engine) NewPassword(ctx context.Context, p *pool.Pool, username, text string) ([]byte, error) {
	if err := policyOf(p).Check(text); err != nil {
		return nil, &cognitoidp.InvalidPasswordException{Message: err.Error()}
	}
	r, err := e.hasher.NewRecord(ctx, password.SRP, p.Name(), username, text)
	if err != nil {
		return nil, err
	}
	return r.Encode(), nil
}

// GeneratePassword makes a temporary password that the pool's policy takes.
func (e *Engine) GeneratePassword(p *pool.Pool) string { return policyOf(p).Temporary() }

func policyOf(p *pool.Pool) password.Policy {
	pp := p.PasswordPolicy()
	return password.Policy{MinimumLength: *pp.MinimumLength, RequireUppercase: *pp.RequireUppercase, RequireLowercase: *pp.RequireLowercase,
		RequireNumbers: *pp.RequireNumbers, RequireSymbols: *pp.RequireSymbols}
}

// notFoundIsPassword makes a user who is gone look like a wrong password.
func notFoundIsPassword(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errPassword
	}
	return err
}

// spentOr words the loss of a race for a challenge.
func spentOr(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return errChallengeSpent
	}
	return err
}
