package login

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

var (
	errBadUserInfo = refuse(codeInvalidRequest, "Bad OAuth2 request at UserInfo Endpoint")
	errToken       = refuse(codeInvalidToken, "Access token is expired, disabled, or deleted, or the user has globally signed out.")
	errNoOpenID    = refuse(codeInvalidToken, "Access token does not contain openid scope")
)

// UserInfo is what an access token shows of its user: what its scopes open and
// its client may read (hosted-ui-oauth.md, section 8). The flags of
// verification are texts, as in AWS.
func (s *Service) UserInfo(ctx context.Context, p *pool.Pool, a *Access) (map[string]any, error) {
	text := a.Token
	if text == "" {
		return nil, errBadUserInfo
	}
	if id, err := s.Tokens.PoolOf(text); err != nil || id != p.ID {
		return nil, errToken
	}
	claims, err := s.Tokens.Verify(ctx, p.ID, "access", text)
	switch {
	case errors.Is(err, token.ErrMalformed), errors.Is(err, token.ErrSignature), errors.Is(err, token.ErrExpired), errors.Is(err, token.ErrUse):
		return nil, errToken
	case err != nil:
		return nil, err
	}
	if err := s.mayUse(ctx, p, a, claims.Bound.Key); err != nil {
		return nil, err
	}
	scopes := strings.Fields(claims.Scope)
	if !slices.Contains(scopes, token.ScopeOpenID) {
		return nil, errNoOpenID
	}
	c, err := s.client(ctx, p, claims.ClientID)
	if err != nil {
		return nil, err
	}
	var u *store.User
	var session *store.Session
	err = s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		u, session, err = store.UserAndSession(tx, p.ID, claims.Sub, claims.SessionID())
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errToken
	case err != nil:
		return nil, err
	case c == nil, session == nil, session.ClientID != claims.ClientID, !u.Enabled:
		return nil, errToken
	}
	info := map[string]any{"sub": u.Sub, "username": u.Username}
	shows := token.Shows(scopes)
	for _, a := range u.Attributes {
		switch {
		case !c.CanRead(a.Name) || !shows(a.Name):
		case a.Name == "email_verified" || a.Name == "phone_number_verified":
			info[a.Name] = a.Value
		default:
			info[a.Name] = token.ClaimValue(a)
		}
	}
	return info, nil
}
