package userpool

import (
	"context"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// checkFactors refuses a pool that asks for a factor that nobody can have.
func checkFactors(p *pool.Pool) error {
	if p.MFA() == cognitoidp.UserPoolMfaTypeOff || p.Factors.SoftwareToken || p.Factors.Email != nil || p.Settings.SmsConfiguration != nil {
		return nil
	}
	return invalid("Invalid MFA configuration given, can't turn on MFA without at least one factor enabled.")
}

// GetUserPoolMfaConfig shows a pool's factors.
func (s *Service) GetUserPoolMfaConfig(ctx context.Context, in *cognitoidp.GetUserPoolMfaConfigInput) (*cognitoidp.GetUserPoolMfaConfigOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	out := cognitoidp.GetUserPoolMfaConfigOutput(factorsOf(p))
	return &out, nil
}

// factorsOf is what both operations show. In a pool that is OFF that is only
// what passkeys need (user-pools.md, section 14; unverified).
func factorsOf(p *pool.Pool) cognitoidp.SetUserPoolMfaConfigOutput {
	out := cognitoidp.SetUserPoolMfaConfigOutput{MfaConfiguration: p.Settings.MfaConfiguration, WebAuthnConfiguration: p.Factors.WebAuthn}
	if p.MFA() == cognitoidp.UserPoolMfaTypeOff {
		return out
	}
	if c := p.Settings.SmsConfiguration; c != nil {
		out.SmsMfaConfiguration = &cognitoidp.SmsMfaConfigType{SmsAuthenticationMessage: p.Settings.SmsAuthenticationMessage, SmsConfiguration: c}
	}
	if p.Factors.SoftwareToken {
		out.SoftwareTokenMfaConfiguration = &cognitoidp.SoftwareTokenMfaConfigType{Enabled: new(true)}
	}
	out.EmailMfaConfiguration = p.Factors.Email
	return out
}

// SetUserPoolMfaConfig replaces a pool's factors. An SMS configuration stays
// when none is given: it cannot be removed.
func (s *Service) SetUserPoolMfaConfig(ctx context.Context, in *cognitoidp.SetUserPoolMfaConfigInput) (*cognitoidp.SetUserPoolMfaConfigOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	var out cognitoidp.SetUserPoolMfaConfigOutput
	err := s.changePool(ctx, *in.UserPoolId, func(_ *store.Tx, p *pool.Pool) error {
		p.Settings.MfaConfiguration = or(in.MfaConfiguration, cognitoidp.UserPoolMfaTypeOff)
		p.Factors = pool.Factors{Email: in.EmailMfaConfiguration, WebAuthn: in.WebAuthnConfiguration,
			SoftwareToken: in.SoftwareTokenMfaConfiguration != nil && api.Value(in.SoftwareTokenMfaConfiguration.Enabled)}
		if sms := in.SmsMfaConfiguration; sms != nil {
			p.Settings.SmsAuthenticationMessage = sms.SmsAuthenticationMessage
			if sms.SmsConfiguration != nil {
				p.Settings.SmsConfiguration = sms.SmsConfiguration
			}
		}
		if err := checkMfaConfig(p); err != nil {
			return err
		}
		out = factorsOf(p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

func checkMfaConfig(p *pool.Pool) error {
	if p.Factors.Email != nil {
		if !tierIncludes(p.Settings, cognitoidp.UserPoolTierTypeEssentials) {
			return &cognitoidp.FeatureUnavailableInTierException{Message: "Email MFA is not available in the LITE tier."}
		}
		if *p.Settings.EmailConfiguration.EmailSendingAccount != cognitoidp.EmailSendingAccountTypeDeveloper {
			return invalid("Email MFA needs an EmailConfiguration with EmailSendingAccount DEVELOPER.")
		}
	}
	return checkFactors(p)
}
