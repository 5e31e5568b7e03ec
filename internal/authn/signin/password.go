package signin

import (
	"cmp"
	"context"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// password checks a password sent in clear (auth-flows.md, section 6).
func (e *Engine) password(ctx context.Context, s *Start) (*Step, error) {
	if _, err := required(s.Parameters, "USERNAME"); err != nil {
		return nil, err
	}
	text, err := required(s.Parameters, "PASSWORD")
	if err != nil {
		return nil, err
	}
	pr, err := e.admit(ctx, s, text)
	if err != nil {
		return nil, err
	}
	return e.checkPassword(ctx, pr, text)
}

// checkPassword goes on with a password in clear. A wrong one leaves the
// session that it came with as it is.
func (e *Engine) checkPassword(ctx context.Context, pr *proof, text string) (*Step, error) {
	u := pr.user
	if u == nil {
		if is, err := e.nameLocked(ctx, pr.pool, pr.typed); err != nil || is {
			return nil, cmp.Or(err, errLocked)
		}
		if err := e.hasher.Decoy(ctx, password.SRP, pr.pool.Name(), pr.typed, text); err != nil {
			return nil, err
		}
		return nil, e.recordFailure(ctx, pr.pool, nil, pr.typed, nil)
	}
	if locked(u.Counter, e.Now()) {
		return nil, errLocked
	}
	if err := mayTryPassword(u, pr.client); err != nil {
		return nil, err
	}
	if ok, err := e.right(ctx, pr.pool, u, text); err != nil {
		return nil, err
	} else if !ok {
		return nil, e.recordFailure(ctx, pr.pool, u, pr.typed, e.failure(pr, cognitoidp.ChallengeNamePassword))
	}
	pr.First, pr.Password = byPassword, true
	if err := e.checkLeaked(ctx, pr, text); err != nil {
		return nil, err
	}
	return e.proceed(ctx, pr)
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
// ChangePassword asks for it. It counts like a sign-in; failed is written with
// the failure.
func (e *Engine) CheckPassword(ctx context.Context, p *pool.Pool, u *store.User, text string, failed func(*store.Tx) error) error {
	if locked(u.Counter, e.Now()) {
		return errLocked
	}
	if ok, err := e.right(ctx, p, u, text); err != nil {
		return err
	} else if !ok {
		return e.recordFailure(ctx, p, u, u.Username, failed)
	}
	return nil
}

// NewPassword checks a password against the pool's policy, and against the
// former passwords of a user whose pool remembers some, and makes its record.
// Each comparison costs an exponentiation: never call it inside a transaction.
func (e *Engine) NewPassword(ctx context.Context, p *pool.Pool, u *store.User, text string) ([]byte, error) {
	if err := policyOf(p).Check(text); err != nil {
		return nil, &cognitoidp.InvalidPasswordException{Message: err.Error()}
	}
	if n := api.Value(p.PasswordPolicy().PasswordHistorySize); n > 0 && len(u.Password) > 0 {
		if err := e.checkHistory(ctx, p, u, text, n); err != nil {
			return nil, err
		}
	}
	return e.PasswordRecord(ctx, p, u, text)
}

// PasswordRecord makes the record of a password that no policy is asked about.
func (e *Engine) PasswordRecord(ctx context.Context, p *pool.Pool, u *store.User, text string) ([]byte, error) {
	r, err := e.hasher.NewRecord(ctx, password.SRP, p.Name(), u.Username, text)
	if err != nil {
		return nil, err
	}
	return r.Encode(), nil
}

// checkHistory refuses the present password and the n-1 before it.
func (e *Engine) checkHistory(ctx context.Context, p *pool.Pool, u *store.User, text string, n int) error {
	records := [][]byte{u.Password}
	if err := e.DB.Read(ctx, func(tx *store.Tx) error {
		former, err := store.FormerPasswords(tx, u, n-1)
		records = append(records[:1], former...)
		return err
	}); err != nil {
		return err
	}
	for _, b := range records {
		r, err := password.Decode(b)
		if err != nil {
			return err
		}
		used, err := e.hasher.Check(ctx, r, p.Name(), u.Username, text)
		if err != nil {
			return err
		}
		if used {
			return &cognitoidp.PasswordHistoryPolicyViolationException{Message: "Password has previously been used"}
		}
	}
	return nil
}

// SetPassword puts a record made by NewPassword on a user, inside the
// transaction that stores the user, and the old one into the history.
func SetPassword(tx *store.Tx, p *pool.Pool, u *store.User, record []byte) error {
	if n := api.Value(p.PasswordPolicy().PasswordHistorySize); n > 0 {
		if err := store.KeepPassword(tx, u, n-1); err != nil {
			return err
		}
	}
	u.Password, u.PasswordAt = record, tx.Now
	return nil
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
