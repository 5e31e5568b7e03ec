package signin

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/store"
)

// Threat protection: what is decided about a sign-in is package risk's; here
// is when it is asked, and what follows. A sign-in is judged once, when all
// that comes before the second factor was shown: who does not know the password
// learns nothing of it. In pools without threat protection nothing is read.

// ErrLeaked refuses a new password that others know.
var ErrLeaked error = &cognitoidp.InvalidPasswordException{Message: "Provided password cannot be used for security reasons."}

// refuseAddress refuses sign-ins from addresses that the pool blocks.
func (e *Engine) refuseAddress(ctx context.Context, pr *proof) error {
	d, err := e.Risk.Assess(ctx, pr.pool, pr.client, nil, pr.seen)
	if err == nil && d != nil && d.Block {
		err = errRisk
	}
	return err
}

// judge decides about a sign-in and refuses it, or keeps what was decided.
func (e *Engine) judge(ctx context.Context, pr *proof, f *Factors) (err error) {
	if !e.Risk.On(pr.pool) || pr.Risk != nil {
		return nil
	}
	about := pr.seen
	about.DeviceKnown = pr.Proven
	var d *risk.Decision
	if pr.First == byTriggers { // AdvancedSecurityAdditionalFlows is kept and not used
		d = e.Risk.Unjudged(pr.pool, about)
	} else if d, err = e.Risk.Assess(ctx, pr.pool, pr.client, pr.user, about); err != nil {
		return err
	}
	d.Leaked(false, pr.Compromised)
	if d.MFA == risk.MFARequired && len(f.Usable) == 0 {
		d.Refuse()
	}
	pr.Risk, pr.EventID = d, uuid.NewString()
	if d.Block {
		return e.block(ctx, pr, false)
	}
	return nil
}

// demandsFactor reports whether the risk of a sign-in demands a second factor.
func (pr *proof) demandsFactor(f *Factors) bool {
	return pr.Risk != nil && (pr.Risk.MFA == risk.MFARequired || pr.Risk.MFA == risk.MFAIfConfigured && len(f.Usable) > 0)
}

// checkLeaked refuses a right password that others know, where the pool wants
// that. The user must set another one then (user-pools.md, section 14).
func (e *Engine) checkLeaked(ctx context.Context, pr *proof, text string) error {
	if pr.user.Status != string(cognitoidp.UserStatusTypeConfirmed) {
		return nil // a temporary password is replaced anyway
	}
	block, compromised, err := e.Risk.PasswordLeaked(ctx, pr.pool, pr.client, cognitoidp.EventFilterTypeSignIn, text)
	if err != nil {
		return err
	}
	pr.Compromised = compromised
	if !block {
		return nil
	}
	pr.Risk, pr.EventID = e.Risk.Unjudged(pr.pool, pr.seen), uuid.NewString()
	pr.Risk.Leaked(true, true)
	return e.block(ctx, pr, true)
}

// block writes down that a sign-in was refused, and tells the user where the
// pool says so. What was shown is spent.
func (e *Engine) block(ctx context.Context, pr *proof, reset bool) error {
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		if pr.spend != nil {
			if err := pr.spend(tx); err != nil {
				return err
			}
		}
		old, err := store.UserBySub(tx, pr.pool.ID, pr.user.Sub)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if reset && old.PasswordAt.Equal(pr.user.PasswordAt) {
			u := *old
			u.Status, u.Updated = string(cognitoidp.UserStatusTypeResetRequired), tx.Now
			if err := store.UpdateUser(tx, &u, old); err != nil {
				return err
			}
		}
		return e.recordEvent(tx, pr, old, pr.EventID, cognitoidp.EventResponseTypeFail, pr.challenges()...)
	})
	if err != nil {
		return spentOr(err)
	}
	e.Delivery.Wake()
	return errRisk
}

// recordEvent writes the event of a sign-in and its notice.
func (e *Engine) recordEvent(tx *store.Tx, pr *proof, u *store.User, id string, response cognitoidp.EventResponseType, challenges ...store.AuthChallenge) error {
	if pr.Risk == nil {
		return nil
	}
	ev := pr.Risk.Event(u, cognitoidp.EventTypeSignIn, id, tx.Now, response, challenges...)
	if err := e.Risk.Record(tx, ev); err != nil {
		return err
	}
	return e.Risk.Notify(tx, pr.client, u, pr.Risk, ev)
}

// challenges are what events show of what was shown.
func (pr *proof) challenges() (list []store.AuthChallenge) {
	if pr.Password {
		list = append(list, risk.Challenge(cognitoidp.ChallengeNamePassword, true))
	}
	if pr.Second {
		list = append(list, risk.Challenge(cognitoidp.ChallengeNameMfa, true))
	}
	return list
}

// failure is the write that records a wrong answer, or nil where nothing is
// recorded.
func (e *Engine) failure(pr *proof, challenge cognitoidp.ChallengeName) func(*store.Tx) error {
	if !e.Risk.On(pr.pool) || pr.user == nil {
		return nil
	}
	d, id := pr.Risk, pr.EventID
	if d == nil {
		d, id = e.Risk.Unjudged(pr.pool, pr.seen), uuid.NewString()
	}
	return func(tx *store.Tx) error {
		return e.Risk.Record(tx, d.Event(pr.user, cognitoidp.EventTypeSignIn, id, tx.Now, cognitoidp.EventResponseTypeFail,
			append(pr.challenges(), risk.Challenge(challenge, false))...))
	}
}
