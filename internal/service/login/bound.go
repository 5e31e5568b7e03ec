package login

import (
	"context"
	"errors"

	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// Tokens that are bound to a key (DPoP, RFC 9449) are ours: Cognito has none.
// Who sends a proof gets them, who sends none gets what Cognito gives.

// Access is how a caller shows an access token.
type Access struct {
	Token  string
	Bound  bool     // by the scheme DPoP, and not as a bearer
	Method string   // of the request
	Proofs []string // the headers DPoP
	URLs   []string // the addresses of the endpoint, any of which a proof may name
}

// mayUse refuses callers who do not hold the key that their token is bound to
// ("": to none). A bound token must not pass as a bearer's (RFC 9449, section
// 7.2).
func (s *Service) mayUse(ctx context.Context, p *pool.Pool, a *Access, key string) error {
	switch {
	case a.Bound != (key != ""):
		return refuse(codeInvalidToken, "Access token is bound to a key and needs the scheme DPoP, or is not and needs Bearer.")
	case key == "":
		return nil
	case len(a.Proofs) == 0:
		return refuse(codeInvalidProof, "The header DPoP is missing.")
	}
	held, err := s.heldKey(ctx, p, &dpop.Request{Method: a.Method, URLs: a.URLs, Token: a.Token}, a.Proofs)
	if err == nil && held != key {
		err = refuse(codeInvalidToken, "Access token is bound to another key.")
	}
	return err
}

const codeInvalidProof = "invalid_dpop_proof"

// heldKey is the thumbprint of the key that the caller of a request shows to
// hold, "" when no proof came along. A proof is good once: it is spent here,
// before anything is done for it.
func (s *Service) heldKey(ctx context.Context, p *pool.Pool, r *dpop.Request, proofs []string) (string, error) {
	switch len(proofs) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", refuse(codeInvalidProof, "The header DPoP is given more than once.")
	}
	proof, err := dpop.Verify(proofs[0], r, s.Now())
	if err != nil {
		return "", refuse(codeInvalidProof, err.Error())
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.Spend(tx, "dpop "+p.ID, proof.ID, proof.ExpiresAt) })
	if errors.Is(err, store.ErrConflict) {
		return "", refuse(codeInvalidProof, "The DPoP proof was used before: each request needs its own.")
	}
	return proof.Key, err
}
