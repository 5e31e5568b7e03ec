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
//
// A proof is good once. It is spent when what it came with has been found right:
// strangers with keys of their own cause no writes.

// Access is how a caller shows an access token.
type Access struct {
	Token  string
	Bound  bool     // by the scheme DPoP, and not as a bearer
	Method string   // of the request
	Proofs []string // the headers DPoP
	URLs   []string // the addresses of the endpoint, any of which a proof may name
}

const codeInvalidProof = "invalid_dpop_proof"

var errUsedProof = refuse(codeInvalidProof, "The DPoP proof was used before: each request needs its own.")

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
	proof, err := s.proof(&dpop.Request{Method: a.Method, URLs: a.URLs, Token: a.Token}, a.Proofs)
	switch {
	case err != nil:
		return err
	case proof.Key != key:
		return refuse(codeInvalidToken, "Access token is bound to another key.")
	}
	return s.spendAlone(ctx, p, proof)
}

// proof is the proof of a request, nil when none came along. It is not spent yet.
func (s *Service) proof(r *dpop.Request, proofs []string) (*dpop.Proof, error) {
	switch len(proofs) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, refuse(codeInvalidProof, "The header DPoP is given more than once.")
	}
	proof, err := dpop.Verify(proofs[0], r, s.Now())
	if err != nil {
		return nil, refuse(codeInvalidProof, err.Error())
	}
	return proof, nil
}

// keyOf is the thumbprint of a proof's key, "" without a proof.
func keyOf(proof *dpop.Proof) string {
	if proof == nil {
		return ""
	}
	return proof.Key
}

// spend uses a proof up; none is no error.
func spend(tx *store.Tx, p *pool.Pool, proof *dpop.Proof) error {
	if proof == nil {
		return nil
	}
	err := store.Spend(tx, "dpop "+p.ID, proof.ID, proof.ExpiresAt)
	if errors.Is(err, store.ErrConflict) {
		err = errUsedProof
	}
	return err
}

// spendAlone is spend in a write of its own.
func (s *Service) spendAlone(ctx context.Context, p *pool.Pool, proof *dpop.Proof) error {
	if proof == nil {
		return nil
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error { return spend(tx, p, proof) })
}
