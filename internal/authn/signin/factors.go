package signin

import (
	"context"
	"slices"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// Factors are a user's second factors (auth-flows.md, section 8).
type Factors struct {
	Usable    []cognitoidp.ChallengeNameType // that the user can be asked for now
	Preferred cognitoidp.ChallengeNameType   // one of Usable, or ""
	CanSetUp  []cognitoidp.ChallengeNameType // that can be set up while signing in
	Token     *store.SoftwareToken
	Chosen    *store.Factors
}

// FactorsOf reads a user's second factors. In a pool without any it reads
// nothing.
func FactorsOf(tx *store.Tx, p *pool.Pool, u *store.User) (f *Factors, err error) {
	f = &Factors{Token: &store.SoftwareToken{PoolID: p.ID, Sub: u.Sub}, Chosen: &store.Factors{PoolID: p.ID, Sub: u.Sub}}
	if p.MFA() == cognitoidp.UserPoolMfaTypeOff {
		return f, nil
	}
	if f.Chosen, err = store.FactorsOf(tx, p.ID, u.Sub); err != nil {
		return nil, err
	}
	if f.Token, err = store.SoftwareTokenOf(tx, p.ID, u.Sub); err != nil {
		return nil, err
	}
	f.resolve(p, u)
	return f, nil
}

// factors reads the second factors of a sign-in's user.
func (e *Engine) factors(ctx context.Context, pr *proof) (f *Factors, err error) {
	err = e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		f, err = FactorsOf(tx, pr.pool, pr.user)
		return err
	})
	return f, err
}

// resolve says which factors count. Where users choose, those that the user
// switched on; where the pool demands a factor, every one that the user has.
func (f *Factors) resolve(p *pool.Pool, u *store.User) {
	demanded := p.MFA() == cognitoidp.UserPoolMfaTypeOn
	_, phone := u.Attribute("phone_number")
	_, email := u.Attribute("email")
	f.Usable, f.Preferred, f.CanSetUp = nil, "", nil
	if p.SendsSMSCodes() && phone && (f.Chosen.SMS || demanded && !onlyRecovery(p, cognitoidp.RecoveryOptionNameTypeVerifiedPhoneNumber)) {
		f.Usable = append(f.Usable, cognitoidp.ChallengeNameTypeSmsMfa)
	}
	if p.TakesSoftwareTokens() && f.Token.Secret != nil && (f.Chosen.SoftwareToken || demanded) {
		f.Usable = append(f.Usable, cognitoidp.ChallengeNameTypeSoftwareTokenMfa)
	}
	if p.SendsEmailCodes() && email && (f.Chosen.Email || demanded && !onlyRecovery(p, cognitoidp.RecoveryOptionNameTypeVerifiedEmail)) {
		f.Usable = append(f.Usable, cognitoidp.ChallengeNameTypeEmailOtp)
	}
	if c := cognitoidp.ChallengeNameType(f.Chosen.Preferred); slices.Contains(f.Usable, c) {
		f.Preferred = c
	}
	if p.TakesSoftwareTokens() && f.Token.Secret == nil {
		f.CanSetUp = append(f.CanSetUp, cognitoidp.ChallengeNameTypeSoftwareTokenMfa)
	}
	if p.SendsEmailCodes() && !email {
		f.CanSetUp = append(f.CanSetUp, cognitoidp.ChallengeNameTypeEmailOtp)
	}
}

// onlyRecovery reports whether the pool lets users recover their accounts over
// one channel alone: that one is no second factor unless the user says so.
func onlyRecovery(p *pool.Pool, channel cognitoidp.RecoveryOptionNameType) bool {
	r := p.Settings.AccountRecoverySetting
	return r != nil && len(r.RecoveryMechanisms) == 1 && *r.RecoveryMechanisms[0].Name == channel
}

// has reports whether a factor can be asked for.
func (f *Factors) has(c cognitoidp.ChallengeNameType) bool { return slices.Contains(f.Usable, c) }
