package userpool

import (
	"context"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/authn/totp"
)

// byTokenOrSession refuses callers who give both or neither.
func byTokenOrSession(accessToken, session *api.Secret) error {
	if (accessToken == nil) == (session == nil) {
		return invalid("Exactly one of AccessToken and Session must be given.")
	}
	return nil
}

// sessionClient is the pool and client that a session is of.
func (s *Service) sessionClient(ctx context.Context, session string) (*pool.Pool, *pool.Client, error) {
	p, c, err := s.Pools.Client(ctx, signin.SessionClient(session))
	var missing *cognitoidp.ResourceNotFoundException
	if errors.As(err, &missing) {
		err = notAuthorized("Invalid session for the user.")
	}
	return p, c, err
}

// AssociateSoftwareToken gives a secret for an authenticator app, to a
// signed-in user or in the challenge MFA_SETUP.
func (s *Service) AssociateSoftwareToken(ctx context.Context, in *cognitoidp.AssociateSoftwareTokenInput) (*cognitoidp.AssociateSoftwareTokenOutput, error) {
	if err := byTokenOrSession(in.AccessToken, in.Session); err != nil {
		return nil, err
	}
	out := &cognitoidp.AssociateSoftwareTokenOutput{}
	var secret []byte
	if in.Session != nil {
		p, c, err := s.sessionClient(ctx, string(*in.Session))
		if err != nil {
			return nil, err
		}
		var next string
		if secret, next, err = s.SignIn.AssociateInSession(ctx, p, c, string(*in.Session)); err != nil {
			return nil, err
		}
		out.Session = new(api.Secret(next))
	} else {
		h, err := s.bearer(ctx, in.AccessToken)
		if err != nil {
			return nil, err
		}
		if secret, err = s.SignIn.Associate(ctx, h.pool, h.user.Sub); err != nil {
			return nil, err
		}
	}
	out.SecretCode = new(api.Secret(totp.Text(secret)))
	return out, nil
}

// VerifySoftwareToken takes the first code of a secret.
func (s *Service) VerifySoftwareToken(ctx context.Context, in *cognitoidp.VerifySoftwareTokenInput) (*cognitoidp.VerifySoftwareTokenOutput, error) {
	if err := byTokenOrSession(in.AccessToken, in.Session); err != nil {
		return nil, err
	}
	device := api.Value(in.FriendlyDeviceName)
	if len(device) > 256 {
		return nil, invalid("FriendlyDeviceName can have at most 256 bytes.")
	}
	out := &cognitoidp.VerifySoftwareTokenOutput{Status: new(cognitoidp.VerifySoftwareTokenResponseTypeSuccess)}
	if in.Session != nil {
		_, c, err := s.sessionClient(ctx, string(*in.Session))
		if err != nil {
			return nil, err
		}
		next, err := s.SignIn.VerifyInSession(ctx, c, string(*in.Session), string(*in.UserCode), device)
		if err != nil {
			return nil, err
		}
		out.Session = new(api.Secret(next))
		return out, nil
	}
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return out, s.SignIn.Verify(ctx, h.pool, h.user.Sub, string(*in.UserCode), device)
}
