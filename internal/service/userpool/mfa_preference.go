package userpool

import (
	"context"
	"errors"
	"slices"

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
		if err := refuseOtherFactors(u, want); err != nil {
			return err
		}
		st := want.softwareToken
		if st == nil {
			return nil
		}
		t, err := store.SoftwareTokenOf(tx, p.ID, u.Sub)
		if err != nil {
			return err
		}
		t.Enabled = api.Value(st.Enabled)
		t.Preferred = api.Value(st.PreferredMfa)
		switch {
		case t.Preferred && !t.Enabled:
			return invalid("A factor must be enabled to be the preferred one.")
		case t.Enabled && !p.TakesSoftwareTokens():
			return invalid("Software Token MFA has not been enabled by the userPool")
		case t.Enabled && t.Secret == nil:
			return invalid("User has not verified software token mfa")
		case !t.Enabled && t.Secret != nil && p.MFA() == cognitoidp.UserPoolMfaTypeOn:
			return invalid("The user pool demands a second factor: it cannot be switched off.")
		}
		return store.PutSoftwareToken(tx, t)
	})
}

// refuseOtherFactors refuses to enable a factor that would not be asked for.
func refuseOtherFactors(u *store.User, want preference) error {
	if want.sms != nil && (api.Value(want.sms.Enabled) || api.Value(want.sms.PreferredMfa)) {
		if _, ok := u.Attribute("phone_number"); !ok {
			return invalid("User does not have delivery config set to turn on SMS_MFA")
		}
		return invalid("SMS_MFA is not available in this version of the server.")
	}
	if want.email != nil && (api.Value(want.email.Enabled) || api.Value(want.email.PreferredMfa)) {
		return invalid("EMAIL_OTP is not available in this version of the server.")
	}
	if want.passkey != nil && api.Value(want.passkey.Enabled) {
		return invalid("Passkeys are not available in this version of the server.")
	}
	return nil
}

// SetUserSettings is what SetUserMFAPreference was before software tokens: it
// knows SMS alone. No options switch SMS off, where it is already.
func (s *Service) SetUserSettings(ctx context.Context, in *cognitoidp.SetUserSettingsInput) (*cognitoidp.SetUserSettingsOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.SetUserSettingsOutput{}, refuseOtherFactors(h.user, smsOptions(in.MFAOptions))
}

// AdminSetUserSettings is SetUserSettings for a server with credentials.
func (s *Service) AdminSetUserSettings(ctx context.Context, in *cognitoidp.AdminSetUserSettingsInput) (*cognitoidp.AdminSetUserSettingsOutput, error) {
	_, u, err := s.findUser(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminSetUserSettingsOutput{}, refuseOtherFactors(u, smsOptions(in.MFAOptions))
}

func smsOptions(list []cognitoidp.MFAOptionType) preference {
	return preference{sms: &cognitoidp.SMSMfaSettingsType{Enabled: new(len(list) > 0)}}
}

const softwareTokenMFA = "SOFTWARE_TOKEN_MFA"

// factors are the second factors that a user is asked for, and the preferred
// one. A pool without second factors is not read for.
func (s *Service) factors(ctx context.Context, p *pool.Pool, u *store.User) (list []string, preferred *string, err error) {
	if p.MFA() == cognitoidp.UserPoolMfaTypeOff {
		return nil, nil, nil
	}
	var t *store.SoftwareToken
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		t, err = store.SoftwareTokenOf(tx, p.ID, u.Sub)
		return err
	}); err != nil {
		return nil, nil, err
	}
	if signin.AsksSoftwareToken(p, t) {
		list = append(list, softwareTokenMFA)
		if t.Preferred {
			preferred = new(softwareTokenMFA)
		}
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
	if len(h.user.Password) > 0 && slices.Contains(h.pool.Settings.Policies.SignInPolicy.AllowedFirstAuthFactors, cognitoidp.AuthFactorTypePassword) {
		out.ConfiguredUserAuthFactors = append(out.ConfiguredUserAuthFactors, cognitoidp.AuthFactorTypePassword)
	}
	return out, nil
}
