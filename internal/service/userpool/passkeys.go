package userpool

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/passkey"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/store"
)

// A registration that has begun is a row among the user's codes: the challenge,
// and the client that asked for it. So there is one at a time, the newest, and
// of two who complete it one wins.
const (
	registerPasskey  = "register passkey"
	registrationLife = 5 * time.Minute
	maxPasskeys      = 20
)

var (
	errNoChallenge = &cognitoidp.WebAuthnChallengeNotFoundException{Message: "Challenge not found or expired: start the registration again."}
	errNoPasskey   = &cognitoidp.ResourceNotFoundException{Message: "WebAuthn credential not found."}
)

// passkeyBearer is bearer for the operations of passkeys, whose models know no
// exceptions for users who are gone or not confirmed.
func (s *Service) passkeyBearer(ctx context.Context, accessToken *api.Secret) (*holder, error) {
	h, err := s.bearer(ctx, accessToken)
	return h, withoutUserErrors(err)
}

func withoutUserErrors(err error) error {
	var missing *cognitoidp.UserNotFoundException
	var unconfirmed *cognitoidp.UserNotConfirmedException
	switch {
	case errors.As(err, &missing):
		return notAuthorized(missing.Message)
	case errors.As(err, &unconfirmed):
		return notAuthorized(unconfirmed.Message)
	}
	return err
}

// registrant is the token's user, in a pool whose users sign in with passkeys.
func (s *Service) registrant(ctx context.Context, accessToken *api.Secret) (*holder, error) {
	h, err := s.passkeyBearer(ctx, accessToken)
	if err != nil {
		return nil, err
	}
	return h, takesPasskeys(h.pool)
}

func takesPasskeys(p *pool.Pool) error {
	if !p.FirstFactor(cognitoidp.AuthFactorTypeWebAuthn) {
		return &cognitoidp.WebAuthnNotEnabledException{Message: "Passkeys are not enabled for the user pool: AllowedFirstAuthFactors has no WEB_AUTHN."}
	}
	return nil
}

// StartPasskey is StartWebAuthnRegistration for a browser that has signed in at
// the pool's domain, where no client has a token of the user.
func (s *Service) StartPasskey(ctx context.Context, p *pool.Pool, c *pool.Client, l *signin.Login) (options json.RawMessage, err error) {
	if err := takesPasskeys(p); err != nil {
		return nil, err
	}
	return s.startPasskey(ctx, &holder{pool: p, client: c, user: l.User})
}

// CompletePasskey is CompleteWebAuthnRegistration for such a browser.
func (s *Service) CompletePasskey(ctx context.Context, p *pool.Pool, c *pool.Client, l *signin.Login, credential json.RawMessage) error {
	if err := takesPasskeys(p); err != nil {
		return err
	}
	return s.completePasskey(ctx, &holder{pool: p, client: c, user: l.User}, credential)
}

// StartWebAuthnRegistration begins to make a passkey for the token's user.
func (s *Service) StartWebAuthnRegistration(ctx context.Context, in *cognitoidp.StartWebAuthnRegistrationInput) (*cognitoidp.StartWebAuthnRegistrationOutput, error) {
	h, err := s.registrant(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	options, err := s.startPasskey(ctx, h)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.StartWebAuthnRegistrationOutput{CredentialCreationOptions: options}, nil
}

func (s *Service) startPasskey(ctx context.Context, h *holder) (options json.RawMessage, err error) {
	challenge := passkey.NewChallenge()
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := userBySub(tx, h.pool, h.user.Sub)
		if err != nil {
			return withoutUserErrors(err)
		}
		rp, err := h.pool.RelyingParty(tx, s.BaseDomain, s.Region)
		if errors.Is(err, store.ErrNotFound) {
			return &cognitoidp.WebAuthnConfigurationMissingException{Message: "The user pool has neither a RelyingPartyId nor a domain."}
		}
		if err != nil {
			return err
		}
		list, err := roomForPasskey(tx, u)
		if err != nil {
			return err
		}
		if options, err = passkey.CreationOptions(rp, passkey.User{ID: pool.UserHandle(u.Sub), Name: u.Username, DisplayName: u.Username},
			challenge, pool.Credentials(list)); err != nil {
			return err
		}
		return store.PutCode(tx, &store.Code{PoolID: u.PoolID, Sub: u.Sub, Purpose: registerPasskey, Code: base64.RawURLEncoding.EncodeToString(challenge),
			Value: h.client.ID, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(registrationLife)})
	})
	return options, err
}

// roomForPasskey are a user's passkeys, when one more may be added.
func roomForPasskey(tx *store.Tx, u *store.User) ([]*store.Passkey, error) {
	list, err := store.Passkeys(tx, u.PoolID, u.Sub)
	if err == nil && len(list) >= maxPasskeys {
		err = &cognitoidp.LimitExceededException{Message: "A user can have at most 20 passkeys."}
	}
	return list, err
}

// CompleteWebAuthnRegistration takes the passkey that an authenticator made. A
// refused answer leaves the challenge as it is: the same user may mend it.
func (s *Service) CompleteWebAuthnRegistration(ctx context.Context, in *cognitoidp.CompleteWebAuthnRegistrationInput) (*cognitoidp.CompleteWebAuthnRegistrationOutput, error) {
	h, err := s.registrant(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	if err := s.completePasskey(ctx, h, in.Credential); err != nil {
		return nil, err
	}
	return &cognitoidp.CompleteWebAuthnRegistrationOutput{}, nil
}

func (s *Service) completePasskey(ctx context.Context, h *holder, credential json.RawMessage) error {
	var begun *store.Code
	var rp passkey.RelyingParty
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		begun, err = store.CodeFor(tx, h.pool.ID, h.user.Sub, registerPasskey)
		if errors.Is(err, store.ErrNotFound) || err == nil && !tx.Now.Before(begun.ExpiresAt) {
			return errNoChallenge
		}
		if err != nil {
			return err
		}
		rp, err = h.pool.RelyingParty(tx, s.BaseDomain, s.Region)
		if errors.Is(err, store.ErrNotFound) { // its domain was deleted meanwhile
			err = &cognitoidp.WebAuthnRelyingPartyMismatchException{Message: "The user pool has no relying party any more."}
		}
		return err
	}); err != nil {
		return err
	}
	if begun.Value != h.client.ID {
		return &cognitoidp.WebAuthnClientMismatchException{Message: "The registration was started with another client."}
	}
	challenge, err := base64.RawURLEncoding.DecodeString(begun.Code)
	if err != nil {
		return err
	}
	made, err := passkey.VerifyRegistration(rp, challenge, credential)
	if err != nil {
		return refusedRegistration(err)
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := userBySub(tx, h.pool, h.user.Sub)
		if err != nil {
			return withoutUserErrors(err)
		}
		err = store.DeleteCode(tx, begun)
		if errors.Is(err, store.ErrNotFound) {
			err = errNoChallenge
		}
		if err != nil {
			return err
		}
		if _, err := roomForPasskey(tx, u); err != nil {
			return err
		}
		err = store.InsertPasskey(tx, &store.Passkey{PoolID: u.PoolID, Sub: u.Sub, CredentialID: made.ID, PublicKey: made.PublicKey, SignCount: made.SignCount,
			Transports: made.Transports, Attachment: made.Attachment, AAGUID: made.AAGUID, UserVerified: made.UserVerified,
			BackupEligible: made.BackupEligible, BackedUp: made.BackedUp, RelyingPartyID: rp.ID, Name: made.Name(), CreatedAt: tx.Now})
		if errors.Is(err, store.ErrConflict) {
			err = invalid("The credential is registered already.")
		}
		return err
	})
}

// refusedRegistration is how the API says why an answer was refused.
func refusedRegistration(err error) error {
	switch {
	case errors.Is(err, passkey.ErrChallenge):
		return errNoChallenge
	case errors.Is(err, passkey.ErrOrigin):
		return &cognitoidp.WebAuthnOriginNotAllowedException{Message: "The origin is none of the relying party's."}
	case errors.Is(err, passkey.ErrRelyingParty):
		return &cognitoidp.WebAuthnRelyingPartyMismatchException{Message: "The credential was made for another relying party."}
	case errors.Is(err, passkey.ErrUnsupported):
		return &cognitoidp.WebAuthnCredentialNotSupportedException{Message: "The credential's key must be ES256, or RS256 of 2048 to 4096 bits."}
	case errors.Is(err, passkey.ErrUser):
		return &cognitoidp.WebAuthnCredentialNotSupportedException{Message: "The authenticator must see that the user is present, and verify the user where the user pool requires it."}
	case errors.Is(err, passkey.ErrMalformed):
		return invalid("Credential is not the answer of an authenticator to a registration.")
	}
	return err
}

// ListWebAuthnCredentials lists the passkeys of the token's user.
func (s *Service) ListWebAuthnCredentials(ctx context.Context, in *cognitoidp.ListWebAuthnCredentialsInput) (*cognitoidp.ListWebAuthnCredentialsOutput, error) {
	h, err := s.passkeyBearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	list, next, err := page(ctx, s, "ListWebAuthnCredentials/"+h.pool.ID+"/"+h.user.Sub, in.NextToken, limit(in.MaxResults, maxPasskeys),
		func(tx *store.Tx, from position, n int) ([]*store.Passkey, error) {
			list, err := store.Passkeys(tx, h.pool.ID, h.user.Sub)
			if err != nil {
				return nil, err
			}
			after, err := base64.RawURLEncoding.DecodeString(from.ID)
			if err != nil {
				return nil, err // the token is ours
			}
			list = slices.DeleteFunc(list, func(k *store.Passkey) bool { return bytes.Compare(k.CredentialID, after) <= 0 })
			return list[:min(n, len(list))], nil
		},
		func(k *store.Passkey) position {
			return position{ID: base64.RawURLEncoding.EncodeToString(k.CredentialID)}
		})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListWebAuthnCredentialsOutput{Credentials: []cognitoidp.WebAuthnCredentialDescription{}, NextToken: next}
	for _, k := range list {
		d := cognitoidp.WebAuthnCredentialDescription{CredentialId: new(base64.RawURLEncoding.EncodeToString(k.CredentialID)), FriendlyCredentialName: &k.Name,
			RelyingPartyId: &k.RelyingPartyID, AuthenticatorTransports: k.Transports, CreatedAt: api.At(k.CreatedAt)}
		if k.Attachment != "" {
			d.AuthenticatorAttachment = &k.Attachment
		}
		out.Credentials = append(out.Credentials, d)
	}
	return out, nil
}

// DeleteWebAuthnCredential removes a passkey of the token's user.
func (s *Service) DeleteWebAuthnCredential(ctx context.Context, in *cognitoidp.DeleteWebAuthnCredentialInput) (*cognitoidp.DeleteWebAuthnCredentialOutput, error) {
	h, err := s.passkeyBearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	id, err := base64.RawURLEncoding.DecodeString(*in.CredentialId)
	if err != nil {
		return nil, errNoPasskey
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeletePasskey(tx, h.pool.ID, h.user.Sub, id) })
	if errors.Is(err, store.ErrNotFound) {
		err = errNoPasskey
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.DeleteWebAuthnCredentialOutput{}, nil
}

// checkFirstFactors refuses first factors that users could not sign in with, or
// that would take the place of the second one. Section 7 of auth-flows.md.
func checkFirstFactors(p *pool.Pool) error {
	factors := p.Settings.Policies.SignInPolicy.AllowedFirstAuthFactors
	passwordOnly := !slices.ContainsFunc(factors, func(f cognitoidp.AuthFactorType) bool { return f != cognitoidp.AuthFactorTypePassword })
	if !(passwordOnly && p.Factors.WebAuthn == nil) && !tierIncludes(p.Settings, cognitoidp.UserPoolTierTypeEssentials) {
		return &cognitoidp.FeatureUnavailableInTierException{Message: "Passkeys and one-time codes as first factors are not available in the LITE tier."}
	}
	if !slices.ContainsFunc(factors, func(f cognitoidp.AuthFactorType) bool { return f != cognitoidp.AuthFactorTypeWebAuthn }) {
		return invalid("AllowedFirstAuthFactors needs another factor beside WEB_AUTHN.")
	}
	if p.MFA() == cognitoidp.UserPoolMfaTypeOn && (p.FirstFactor(cognitoidp.AuthFactorTypeEmailOtp) || p.FirstFactor(cognitoidp.AuthFactorTypeSmsOtp)) {
		return invalid("EMAIL_OTP and SMS_OTP cannot be first factors with MfaConfiguration ON.")
	}
	return nil
}

// checkRelyingParty refuses a relying party that browsers would refuse.
func checkRelyingParty(c *cognitoidp.WebAuthnConfigurationType) error {
	if c != nil && c.RelyingPartyId != nil && !passkey.ValidID(*c.RelyingPartyId) {
		return invalid("RelyingPartyId must be a domain name in lower case that is not on the public suffix list.")
	}
	return nil
}
