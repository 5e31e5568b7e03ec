package userpool

import (
	"context"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
)

// InitiateAuth starts a sign-in. It returns the first challenge, or tokens when none is left.
func (s *Service) InitiateAuth(ctx context.Context, in *cognitoidp.InitiateAuthInput) (*cognitoidp.InitiateAuthOutput, error) {
	p, c, err := s.Pools.Client(ctx, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	step, err := s.SignIn.Initiate(ctx, &signin.Start{Pool: p, Client: c, Flow: *in.AuthFlow, Parameters: in.AuthParameters,
		Metadata: in.ClientMetadata, Session: string(api.Value(in.Session)), Seen: risk.Public(ctx, c, in.UserContextData)})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.InitiateAuthOutput{}
	out.AuthenticationResult, out.ChallengeName, out.ChallengeParameters, out.Session = answer(step)
	out.AvailableChallenges = step.Choices
	return out, nil
}

// AdminInitiateAuth is InitiateAuth for a server with credentials.
func (s *Service) AdminInitiateAuth(ctx context.Context, in *cognitoidp.AdminInitiateAuthInput) (*cognitoidp.AdminInitiateAuthOutput, error) {
	p, c, err := s.Pools.ClientOf(ctx, *in.UserPoolId, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	step, err := s.SignIn.Initiate(ctx, &signin.Start{Pool: p, Client: c, Flow: *in.AuthFlow, Parameters: in.AuthParameters,
		Metadata: in.ClientMetadata, Session: string(api.Value(in.Session)), Seen: risk.Admin(in.ContextData), Admin: true})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.AdminInitiateAuthOutput{}
	out.AuthenticationResult, out.ChallengeName, out.ChallengeParameters, out.Session = answer(step)
	out.AvailableChallenges = step.Choices
	return out, nil
}

// RespondToAuthChallenge goes on with a sign-in.
func (s *Service) RespondToAuthChallenge(ctx context.Context, in *cognitoidp.RespondToAuthChallengeInput) (*cognitoidp.RespondToAuthChallengeOutput, error) {
	p, c, err := s.Pools.Client(ctx, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	step, err := s.SignIn.Respond(ctx, &signin.Reply{Pool: p, Client: c, Challenge: *in.ChallengeName, Responses: in.ChallengeResponses,
		Session: string(api.Value(in.Session)), Metadata: in.ClientMetadata, Seen: risk.Public(ctx, c, in.UserContextData)})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.RespondToAuthChallengeOutput{}
	out.AuthenticationResult, out.ChallengeName, out.ChallengeParameters, out.Session = answer(step)
	return out, nil
}

// AdminRespondToAuthChallenge is RespondToAuthChallenge for a server with
// credentials.
func (s *Service) AdminRespondToAuthChallenge(ctx context.Context, in *cognitoidp.AdminRespondToAuthChallengeInput) (*cognitoidp.AdminRespondToAuthChallengeOutput, error) {
	p, c, err := s.Pools.ClientOf(ctx, *in.UserPoolId, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	step, err := s.SignIn.Respond(ctx, &signin.Reply{Pool: p, Client: c, Challenge: *in.ChallengeName, Responses: in.ChallengeResponses,
		Session: string(api.Value(in.Session)), Metadata: in.ClientMetadata, Seen: risk.Admin(in.ContextData), Admin: true})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.AdminRespondToAuthChallengeOutput{}
	out.AuthenticationResult, out.ChallengeName, out.ChallengeParameters, out.Session = answer(step)
	return out, nil
}

// GetTokensFromRefreshToken gives new tokens for a refresh token: with a new
// one where the client rotates them. Clients prove themselves by the secret
// itself, not by a hash.
func (s *Service) GetTokensFromRefreshToken(ctx context.Context, in *cognitoidp.GetTokensFromRefreshTokenInput) (*cognitoidp.GetTokensFromRefreshTokenOutput, error) {
	p, c, err := s.Pools.Client(ctx, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	if !c.CheckSecret(string(api.Value(in.ClientSecret))) {
		return nil, notAuthorized("Unable to verify secret for client " + c.ID)
	}
	step, err := s.SignIn.Refresh(ctx, &signin.Renewal{Pool: p, Client: c, Token: string(*in.RefreshToken), DeviceKey: string(api.Value(in.DeviceKey)), Metadata: in.ClientMetadata})
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.GetTokensFromRefreshTokenOutput{}
	out.AuthenticationResult, _, _, _ = answer(step)
	return out, nil
}

// answer is a step in the members that the four operations share.
func answer(step *signin.Step) (result *cognitoidp.AuthenticationResultType, name *cognitoidp.ChallengeNameType, parameters map[string]string, session *api.Secret) {
	parameters = step.Parameters
	if parameters == nil {
		parameters = map[string]string{}
	}
	if step.Tokens == nil {
		if step.Session != "" {
			session = new(api.Secret(step.Session))
		}
		return nil, &step.Challenge, parameters, session
	}
	t := step.Tokens
	result = &cognitoidp.AuthenticationResultType{AccessToken: new(api.Secret(t.Access)), ExpiresIn: new(int(t.ExpiresIn.Seconds())), TokenType: new("Bearer")}
	if t.ID != "" { // the refresh of a session that OAuth gave without openid has none
		result.IdToken = new(api.Secret(t.ID))
	}
	if d := step.Device; d != nil {
		result.NewDeviceMetadata = &cognitoidp.NewDeviceMetadataType{DeviceKey: &d.Key, DeviceGroupKey: &d.GroupKey}
	}
	if t.Refresh != "" {
		result.RefreshToken = new(api.Secret(t.Refresh))
	}
	return result, nil, parameters, nil
}
