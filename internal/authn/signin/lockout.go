package signin

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// The lock-out is Cognito's: after five failures a user is locked for a
// second, and twice as long after each further one, up to fifteen minutes;
// tries while locked do not count; fifteen quiet minutes forget everything
// (auth-flows.md, section 11). That alone would let a patient guesser try 480
// passwords a day, so a day with many failures locks longer
// (promises.md, U1: at most 100 guesses a day).
const (
	freeFailures    = 5
	longestLock     = 15 * time.Minute
	dayFailureLimit = 60
	dayLock         = time.Hour
)

// elapsed is the time since t; a clock that jumped back does not open a lock.
func elapsed(now, t time.Time) time.Duration { return max(now.Sub(t), 0) }

// current is the counter with what time has forgotten.
func current(c store.FailureCounter, now time.Time) store.FailureCounter {
	if elapsed(now, c.FailedAt) >= longestLock && !c.FailedAt.IsZero() {
		c.Failures = 0
	}
	if elapsed(now, c.DayStart) >= 24*time.Hour {
		c.DayFailures, c.DayStart = 0, time.Time{}
	}
	return c
}

// locked reports whether a password must not be looked at now.
func locked(c store.FailureCounter, now time.Time) bool {
	lock := time.Duration(0)
	if c.Failures >= freeFailures {
		lock = min(time.Second<<min(c.Failures-freeFailures, 10), longestLock)
	}
	since := elapsed(now, c.FailedAt)
	if c.DayFailures >= dayFailureLimit && elapsed(now, c.DayStart) < 24*time.Hour {
		lock = dayLock
	} else if since >= longestLock {
		return false
	}
	return lock > 0 && since < lock
}

// failed is the counter after one more failure.
func failed(c store.FailureCounter, now time.Time) store.FailureCounter {
	c = current(c, now)
	c.Failures++
	c.FailedAt = now
	if c.DayFailures == 0 {
		c.DayStart = now
	}
	c.DayFailures++
	return c
}

// recordFailure counts a wrong password of a user, or of a name that no user
// has (u is nil), and returns what to answer: locked when somebody else's
// failures locked the user in the meantime, so that guesses in parallel learn
// no more than guesses in a row. spend, if not nil, uses up the challenge.
func (e *Engine) recordFailure(ctx context.Context, p *pool.Pool, u *store.User, typed string, spend func(*store.Tx) error) error {
	answer := errPassword
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		answer = errPassword
		if spend != nil {
			if err := spend(tx); err != nil {
				return err
			}
		}
		if u == nil {
			digest := hex.EncodeToString(e.Simulated(p, typed, "failures"))
			c, err := store.NameCounter(tx, p.ID, digest)
			if err != nil {
				return err
			}
			if locked(c, tx.Now) {
				answer = errLocked
				return nil
			}
			return store.PutNameCounter(tx, p.ID, digest, failed(c, tx.Now), tx.Now.Add(24*time.Hour))
		}
		fresh, err := store.UserBySub(tx, p.ID, u.Sub)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if locked(fresh.Counter, tx.Now) {
			answer = errLocked
			return nil
		}
		fresh.Counter = failed(fresh.Counter, tx.Now)
		return store.UpdateCounters(tx, fresh)
	})
	if err != nil {
		return err
	}
	return answer
}

// nameLocked reports whether a name that no user has is locked out.
func (e *Engine) nameLocked(ctx context.Context, p *pool.Pool, typed string) (is bool, err error) {
	err = e.DB.Read(ctx, func(tx *store.Tx) error {
		c, err := store.NameCounter(tx, p.ID, hex.EncodeToString(e.Simulated(p, typed, "failures")))
		is = locked(c, tx.Now)
		return err
	})
	return is, err
}
