package signin

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/passkey"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// Passkeys as the first factor, WEB_AUTHN (auth-flows.md, section 7). What is
// verified is in package passkey. A passkey cannot be guessed: a wrong answer
// is not counted, and the lock-out does not stop a right one.

// passkeysOf are a user's passkeys that the pool's relying party can ask for;
// those of a former one could not answer. Without a relying party it is
// store.ErrNotFound.
func (e *Engine) passkeysOf(tx *store.Tx, p *pool.Pool, u *store.User) (rp passkey.RelyingParty, list []*store.Passkey, err error) {
	if rp, err = p.RelyingParty(tx, e.BaseDomain, e.Region); err != nil {
		return rp, nil, err
	}
	all, err := store.Passkeys(tx, u.PoolID, u.Sub)
	for _, k := range all {
		if k.RelyingPartyID == rp.ID {
			list = append(list, k)
		}
	}
	return rp, list, err
}

func (e *Engine) hasPasskeys(tx *store.Tx, p *pool.Pool, u *store.User) (bool, error) {
	_, list, err := e.passkeysOf(tx, p, u)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return len(list) > 0, err
}

// askPasskey asks for the assertion of a passkey.
func (e *Engine) askPasskey(ctx context.Context, pr *proof) (*Step, error) {
	var rp passkey.RelyingParty
	var list []*store.Passkey
	if err := e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		rp, list, err = e.passkeysOf(tx, pr.pool, pr.user)
		return err
	}); err != nil {
		return nil, err
	}
	s := e.newSession(pr, choicePasskey)
	s.Secret = passkey.NewChallenge()
	options, err := passkey.RequestOptions(rp, s.Secret, pool.Credentials(list))
	if err != nil {
		return nil, err
	}
	if err := e.settle(ctx, pr); err != nil {
		return nil, err
	}
	step, err := e.challenge(pr, s, map[string]string{"CREDENTIAL_REQUEST_OPTIONS": options, "USERNAME": pr.user.Username})
	if err == nil {
		step.Choices = []cognitoidp.ChallengeNameType{choicePasskey}
	}
	return step, err
}

// takePasskey takes the answer to WEB_AUTHN.
func (e *Engine) takePasskey(ctx context.Context, pr *proof, s *session, r *Reply) (*Step, error) {
	answer, err := required(r.Responses, "CREDENTIAL")
	if err != nil {
		return nil, err
	}
	var rp passkey.RelyingParty
	var list []*store.Passkey
	if err := e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		rp, list, err = e.passkeysOf(tx, pr.pool, pr.user)
		return err
	}); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	used, verified, err := passkey.VerifyAssertion(rp, s.Secret, pool.Credentials(list), answer)
	switch {
	case errors.Is(err, passkey.ErrMalformed):
		return nil, invalid("CREDENTIAL is no answer of an authenticator: it must be the JSON text of an AuthenticationResponseJSON.")
	case err != nil:
		return nil, errPassword
	}
	pr.First, pr.TwoInOne = byPasskey, verified
	// Of two who show answers with one counter the first wins; authenticators
	// that count nothing are left to the session.
	i := slices.IndexFunc(list, func(k *store.Passkey) bool { return bytes.Equal(k.CredentialID, used.ID) })
	pr.spend = also(pr.spend, func(tx *store.Tx) error {
		return store.UpdatePasskeyUse(tx, list[i], used.SignCount, used.BackedUp)
	})
	return e.proceed(ctx, pr)
}
