package userpool

import (
	"context"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/store"
)

// preference is what both operations take.
type preference struct {
	sms           *cognitoidp.SMSMfaSettingsType
	softwareToken *cognitoidp.SoftwareTokenMfaSettingsType
	email         *cognitoidp.EmailMfaSettingsType
	passkey       *cognitoidp.WebAuthnMfaSettingsType
}

// SetUserMFAPreference chooses the factors of the token's user.
func (s *Service) SetUserMFAPreference(ctx context.Context, in *cognitoidp.SetUserMFAPreferenceInput) (*cognitoidp.SetUserMFAPreferenceOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.SetUserMFAPreferenceOutput{}, s.setPreference(ctx, h.pool,
		func(tx *store.Tx) (*store.User, error) { return userBySub(tx, h.pool, h.user.Sub) },
		preference{in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings, in.WebAuthnMfaSettings})
}

// AdminSetUserMFAPreference is SetUserMFAPreference for a server with
// credentials.
func (s *Service) AdminSetUserMFAPreference(ctx context.Context, in *cognitoidp.AdminSetUserMFAPreferenceInput) (*cognitoidp.AdminSetUserMFAPreferenceOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminSetUserMFAPreferenceOutput{}, s.setPreference(ctx, p,
		func(tx *store.Tx) (*store.User, error) { return p.FindUser(tx, string(*in.Username)) },
		preference{in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings, in.WebAuthnMfaSettings})
}

func (s *Service) setPreference(ctx context.Context, p *pool.Pool, find func(*store.Tx) (*store.User, error), want preference) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := find(tx)
		if errors.Is(err, store.ErrNotFound) {
			return errUserNotFound
		}
		if err != nil {
			return err
		}
		chosen, err := store.FactorsOf(tx, p.ID, u.Sub)
		if err != nil {
			return err
		}
		token, err := store.SoftwareTokenOf(tx, p.ID, u.Sub)
		if err != nil {
			return err
		}
		if err := choose(p, u, token, chosen, want); err != nil {
			return err
		}
		return store.PutFactors(tx, chosen)
	})
}

// aChoice is what a request says of one factor.
type aChoice struct {
	name                      string
	on                        *bool // where the choice is kept
	given, enabled, preferred bool  // SDKs leave out what is false: nothing said is no
	missing                   error // why the user cannot switch it on; nil: can
}

// choose changes a user's factors. What a request does not name stays.
func choose(p *pool.Pool, u *store.User, token *store.SoftwareToken, chosen *store.Factors, want preference) error {
	_, phone := u.Attribute("phone_number")
	_, email := u.Attribute("email")
	list := []aChoice{
		{name: smsMFA, on: &chosen.SMS, missing: unless(phone && p.SendsSMSCodes(), "User does not have delivery config set to turn on SMS_MFA")},
		{name: softwareTokenMFA, on: &chosen.SoftwareToken, missing: unless(token.Secret != nil, "User has not verified software token mfa")},
		{name: emailOTP, on: &chosen.Email, missing: unless(email && p.SendsEmailCodes(), "User does not have delivery config set to turn on EMAIL_OTP")},
	}
	if w := want.sms; w != nil {
		list[0].given, list[0].enabled, list[0].preferred = true, api.Value(w.Enabled), api.Value(w.PreferredMfa)
	}
	if w := want.softwareToken; w != nil {
		list[1].given, list[1].enabled, list[1].preferred = true, api.Value(w.Enabled), api.Value(w.PreferredMfa)
		if !p.TakesSoftwareTokens() {
			list[1].missing = invalid("Software Token MFA has not been enabled by the userPool")
		}
	}
	if w := want.email; w != nil {
		list[2].given, list[2].enabled, list[2].preferred = true, api.Value(w.Enabled), api.Value(w.PreferredMfa)
	}
	preferred := chosen.Preferred
	favourites := 0
	for _, c := range list {
		if !c.given {
			continue
		}
		if c.enabled && c.missing != nil {
			return c.missing
		}
		// In such a pool every factor that the user has is asked for: to switch
		// one off would not come true.
		if !c.enabled && *c.on && p.MFA() == cognitoidp.UserPoolMfaTypeOn {
			return invalid("The user pool demands a second factor: it cannot be switched off.")
		}
		*c.on = c.enabled
		switch {
		case c.preferred && !c.enabled:
			return invalid("A factor must be enabled to be the preferred one.")
		case c.preferred:
			preferred = c.name
			favourites++
		case preferred == c.name:
			preferred = ""
		}
	}
	if favourites > 1 {
		return invalid("Only one MFA can be set as preferred.")
	}
	chosen.Preferred = preferred
	if w := want.passkey; w != nil {
		chosen.Passkey = api.Value(w.Enabled)
		if chosen.Passkey && !signin.PasskeyIsTwo(p) {
			return invalid("Passkeys count as a second factor only where the pool's WebAuthnConfiguration has the FactorConfiguration MULTI_FACTOR_WITH_USER_VERIFICATION.")
		}
	}
	return nil
}

// unless is an error of that text unless it holds.
func unless(holds bool, text string) error {
	if holds {
		return nil
	}
	return invalid(text)
}

// SetUserSettings is what SetUserMFAPreference was before software tokens: it
// knows SMS alone. No options switch SMS off.
func (s *Service) SetUserSettings(ctx context.Context, in *cognitoidp.SetUserSettingsInput) (*cognitoidp.SetUserSettingsOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.SetUserSettingsOutput{}, s.setPreference(ctx, h.pool,
		func(tx *store.Tx) (*store.User, error) { return userBySub(tx, h.pool, h.user.Sub) }, smsOptions(in.MFAOptions))
}

// AdminSetUserSettings is SetUserSettings for a server with credentials.
func (s *Service) AdminSetUserSettings(ctx context.Context, in *cognitoidp.AdminSetUserSettingsInput) (*cognitoidp.AdminSetUserSettingsOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminSetUserSettingsOutput{}, s.setPreference(ctx, p,
		func(tx *store.Tx) (*store.User, error) { return p.FindUser(tx, string(*in.Username)) }, smsOptions(in.MFAOptions))
}

func smsOptions(list []cognitoidp.MFAOptionType) preference {
	return preference{sms: &cognitoidp.SMSMfaSettingsType{Enabled: new(len(list) > 0)}}
}

const (
	smsMFA           = string(cognitoidp.ChallengeNameTypeSmsMfa)
	softwareTokenMFA = string(cognitoidp.ChallengeNameTypeSoftwareTokenMfa)
	emailOTP         = string(cognitoidp.ChallengeNameTypeEmailOtp)
)

// factors are the second factors that a user is asked for, and the preferred
// one. A pool without second factors is not read for.
func (s *Service) factors(ctx context.Context, p *pool.Pool, u *store.User) (list []string, preferred *string, err error) {
	if p.MFA() == cognitoidp.UserPoolMfaTypeOff {
		return nil, nil, nil
	}
	var f *signin.Factors
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		f, err = signin.FactorsOf(tx, p, u)
		return err
	}); err != nil {
		return nil, nil, err
	}
	for _, c := range f.Usable {
		list = append(list, string(c))
	}
	if f.Preferred != "" {
		preferred = new(string(f.Preferred))
	}
	return list, preferred, nil
}

// GetUserAuthFactors shows what the token's user can sign in with.
func (s *Service) GetUserAuthFactors(ctx context.Context, in *cognitoidp.GetUserAuthFactorsInput) (*cognitoidp.GetUserAuthFactorsOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.GetUserAuthFactorsOutput{Username: new(api.Secret(h.user.Username))}
	if out.UserMFASettingList, out.PreferredMfaSetting, err = s.factors(ctx, h.pool, h.user); err != nil {
		return nil, err
	}
	out.ConfiguredUserAuthFactors, err = s.SignIn.FirstFactors(ctx, h.pool, h.user)
	return out, err
}
