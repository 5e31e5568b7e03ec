package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// maxCode bounds the text of a code, in bytes.
const maxCode = 100

var (
	errCode = refuse(codeInvalidGrant, "")
	// errReused undoes the write of a code that somebody else used first.
	errReused = errors.New("the code was used before")
)

// fromCode trades an authorization code for tokens. A code that comes a second
// time was seen by somebody else: the session that it gave ends (RFC 6749,
// section 10.5). Only who has all that belongs to the code can end it so.
func (s *Service) fromCode(ctx context.Context, p *pool.Pool, c *pool.Client, f *Form, shown *dpop.Proof) (*token.Set, error) {
	if err := mayUse(c, cognitoidp.OAuthFlowTypeCode); err != nil {
		return nil, err
	}
	text, err := f.required("code", maxParameter)
	if err != nil {
		return nil, err
	}
	redirect, err := f.required("redirect_uri", maxParameter)
	if err != nil {
		return nil, err
	}
	verifier, err := f.value("code_verifier", maxParameter)
	if err != nil {
		return nil, err
	}
	if len(text) > maxCode {
		return nil, errCode
	}
	var row *store.AuthorizationCode
	if err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		row, err = store.AuthorizationCodeByHash(tx, p.ID, hashOf(text))
		return err
	}); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = errCode
		}
		return nil, err
	}
	var b code
	if err := json.Unmarshal(row.Body, &b); err != nil {
		return nil, err
	}
	switch {
	case row.ClientID != c.ID, b.RedirectURI != redirect, !verifies(b.Challenge, verifier), b.Key != "" && b.Key != keyOf(shown):
		return nil, errCode
	case row.Session != "":
		return nil, s.reused(ctx, p, row)
	case !s.Now().Before(b.ExpiresAt):
		return nil, errCode
	}
	set, err := s.SignIn.Issue(ctx, &signin.Issue{Pool: p, Client: c, Sub: row.Sub, EventID: b.EventID, AuthTime: b.AuthTime, Scopes: b.Scopes,
		Nonce: b.Nonce, Resource: b.Resource, Key: keyOf(shown), Refreshes: true,
		Spend: func(tx *store.Tx, session string) error {
			if err := spend(tx, p, shown); err != nil {
				return err
			}
			err := store.UseAuthorizationCode(tx, row, session)
			if errors.Is(err, store.ErrConflict) {
				err = errReused // or the user's sign-ins were ended meanwhile
			}
			return err
		}})
	if errors.Is(err, errReused) {
		return nil, s.reused(ctx, p, row)
	}
	return set, err
}

// reused ends the session that a code gave, and refuses.
func (s *Service) reused(ctx context.Context, p *pool.Pool, row *store.AuthorizationCode) error {
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		used, err := store.AuthorizationCodeByHash(tx, p.ID, row.Code)
		if errors.Is(err, store.ErrNotFound) || err == nil && used.Session == "" {
			return nil
		}
		if err != nil {
			return err
		}
		return store.DeleteSession(tx, p.ID, used.Sub, used.Session)
	})
	if err != nil {
		return err
	}
	return errCode
}

// verifies reports whether a verifier is that of the challenge (RFC 7636,
// section 4.6). Where there was no challenge there is nothing to verify, and a
// verifier means that the request was changed on its way (RFC 9700, section
// 2.1.1).
func verifies(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	if !challengeForm.MatchString(verifier) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
