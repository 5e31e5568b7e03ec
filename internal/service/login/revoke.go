package login

import (
	"context"
	"errors"
	"strings"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// Revoke ends the session of a refresh token, and with it every access token of
// the session. A token that is unknown, or was revoked before, is no error (RFC
// 7009, section 2.2).
func (s *Service) Revoke(ctx context.Context, p *pool.Pool, f *Form) error {
	text, err := f.required("token", maxRefresh)
	if err != nil {
		return err
	}
	proof, err := ParseProof(f.Authorization, f.Values)
	if err != nil {
		return err
	}
	c, err := s.prove(ctx, p, proof)
	switch {
	case err != nil:
		return err
	case !c.Revocable():
		return refuse(codeInvalidRequest, "Token revocation is not enabled for the client.")
	case strings.Count(text, ".") == 2: // refresh tokens have no dots
		return refuse("unsupported_token_type", "Only refresh tokens can be revoked.")
	}
	r, err := s.Tokens.OpenRefresh(c.ID, text)
	if errors.Is(err, token.ErrMalformed) || r != nil && r.PoolID != p.ID {
		return nil
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteSession(tx, p.ID, r.Sub, r.SessionID) })
}
