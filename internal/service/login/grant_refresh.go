package login

import (
	"context"

	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/authn/token"
)

// fromRefresh gives new tokens for a refresh token, with the scopes that it was
// given with; scope is not read.
func (s *Service) fromRefresh(ctx context.Context, p *pool.Pool, c *pool.Client, f *Form, shown *dpop.Proof) (*token.Set, error) {
	text, err := f.required("refresh_token", maxRefresh)
	if err != nil {
		return nil, err
	}
	if r, err := s.Tokens.OpenRefresh(c.ID, text); err == nil && r.PoolID == p.ID {
		if err := s.spendAlone(ctx, p, shown); err != nil {
			return nil, err
		}
	}
	step, err := s.SignIn.Refresh(ctx, &signin.Renewal{Pool: p, Client: c, Token: text, Key: keyOf(shown)})
	if err != nil {
		return nil, err
	}
	return step.Tokens, nil
}
