package userpool

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// holder is the user behind an access token.
type holder struct {
	pool    *pool.Pool
	client  *pool.Client
	user    *store.User
	session *store.Session
}

// bearer verifies an access token and sees that its session still stands and
// its user may act (tokens.md, section 6).
func (s *Service) bearer(ctx context.Context, accessToken *api.Secret) (*holder, error) {
	text := string(api.Value(accessToken))
	poolID, err := s.Tokens.PoolOf(text)
	if err != nil {
		return nil, notAuthorized("Invalid Access Token")
	}
	p, err := s.Pools.Pool(ctx, poolID)
	var missing *cognitoidp.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, notAuthorized("Invalid Access Token")
	}
	if err != nil {
		return nil, err
	}
	claims, err := s.Tokens.Verify(ctx, poolID, "access", text)
	switch {
	case errors.Is(err, token.ErrSignature):
		return nil, notAuthorized("Could not verify signature for Access Token")
	case errors.Is(err, token.ErrExpired):
		return nil, notAuthorized("Access Token has expired")
	case errors.Is(err, token.ErrMalformed), errors.Is(err, token.ErrUse):
		return nil, notAuthorized("Invalid Access Token")
	case err != nil:
		return nil, err
	case claims.Bound.Key != "":
		// The API has no place for the proof that such a token needs.
		return nil, notAuthorized("Access Token is bound to a key (DPoP) and cannot be used here")
	}
	h := &holder{pool: p}
	if err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		h.user, h.session, err = store.UserAndSession(tx, poolID, claims.Sub, claims.SessionID())
		return err
	}); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, errUserNotFound
		}
		return nil, err
	}
	if h.session == nil || h.session.ClientID != claims.ClientID {
		return nil, notAuthorized("Access Token has been revoked")
	}
	if !slices.Contains(strings.Fields(claims.Scope), token.ScopeAdmin) {
		return nil, notAuthorized("Access Token does not have required scopes")
	}
	if _, h.client, err = s.Pools.ClientOf(ctx, poolID, claims.ClientID); err != nil {
		if errors.As(err, &missing) {
			return nil, notAuthorized("Access Token has been revoked")
		}
		return nil, err
	}
	switch {
	case !h.user.Enabled:
		return nil, notAuthorized("User is disabled.")
	case h.user.Status == string(cognitoidp.UserStatusTypeResetRequired):
		return nil, &cognitoidp.PasswordResetRequiredException{Message: "Password reset required for the user"}
	case h.user.Status == string(cognitoidp.UserStatusTypeUnconfirmed):
		return nil, &cognitoidp.UserNotConfirmedException{Message: "User is not confirmed."}
	}
	return h, nil
}

// shown are a user's attributes as the API lists them, sub first, those that
// see lets through.
func shown(u *store.User, see func(name string) bool) []cognitoidp.AttributeType {
	list := []cognitoidp.AttributeType{{Name: new("sub"), Value: new(api.Secret(u.Sub))}}
	if !see("sub") {
		list = list[:0]
	}
	for _, a := range u.Attributes {
		if see(a.Name) {
			list = append(list, cognitoidp.AttributeType{Name: new(a.Name), Value: new(api.Secret(a.Value))})
		}
	}
	return list
}

// GetUser shows the token's user: what the client may read.
func (s *Service) GetUser(ctx context.Context, in *cognitoidp.GetUserInput) (*cognitoidp.GetUserOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.GetUserOutput{Username: new(api.Secret(h.user.Username)), UserAttributes: shown(h.user, h.client.CanRead)}
	out.UserMFASettingList, out.PreferredMfaSetting, err = s.factors(ctx, h.pool, h.user)
	return out, err
}

// DeleteUser removes the token's user.
func (s *Service) DeleteUser(ctx context.Context, in *cognitoidp.DeleteUserInput) (*cognitoidp.DeleteUserOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	err = s.deleteUser(ctx, func(tx *store.Tx) (*store.User, error) { return userBySub(tx, h.pool, h.user.Sub) })
	return &cognitoidp.DeleteUserOutput{}, err
}

// deleteUser removes the user that find finds, and all that belongs to the
// user.
func (s *Service) deleteUser(ctx context.Context, find func(tx *store.Tx) (*store.User, error)) error {
	defer s.counts.changed()
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := find(tx)
		if err != nil {
			return err
		}
		return store.DeleteUser(tx, u)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = errUserNotFound
	}
	return err
}

// GlobalSignOut ends all sessions of the token's user.
func (s *Service) GlobalSignOut(ctx context.Context, in *cognitoidp.GlobalSignOutInput) (*cognitoidp.GlobalSignOutOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteSessions(tx, h.pool.ID, h.user.Sub) })
	return &cognitoidp.GlobalSignOutOutput{}, err
}

// RevokeToken ends the one session that a refresh token stands for. A token
// that is unknown or already revoked changes nothing and is no error (RFC 7009).
func (s *Service) RevokeToken(ctx context.Context, in *cognitoidp.RevokeTokenInput) (*cognitoidp.RevokeTokenOutput, error) {
	_, c, err := s.Pools.Client(ctx, string(*in.ClientId))
	if err != nil {
		var missing *cognitoidp.ResourceNotFoundException
		if errors.As(err, &missing) {
			return nil, &cognitoidp.UnauthorizedException{Message: "Invalid client"}
		}
		return nil, err
	}
	if !c.CheckSecret(string(api.Value(in.ClientSecret))) {
		return nil, &cognitoidp.UnauthorizedException{Message: "Invalid client"}
	}
	if !c.Revocable() {
		return nil, &cognitoidp.UnsupportedOperationException{Message: "Token revocation is not enabled for this client."}
	}
	text := string(*in.Token)
	if strings.Count(text, ".") == 2 {
		return nil, &cognitoidp.UnsupportedTokenTypeException{Message: "Unsupported token type: only refresh tokens can be revoked."}
	}
	r, err := s.Tokens.OpenRefresh(c.ID, text)
	if errors.Is(err, token.ErrMalformed) {
		return nil, &cognitoidp.UnauthorizedException{Message: "Invalid token"}
	}
	if r != nil {
		err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteSession(tx, r.PoolID, r.Sub, r.SessionID) })
	}
	return &cognitoidp.RevokeTokenOutput{}, err
}
