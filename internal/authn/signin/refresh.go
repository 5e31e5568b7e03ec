package signin

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

var errRefresh = notAuthorized("Invalid Refresh Token")

// refresh gives new tokens for a session that still stands. It writes nothing.
func (e *Engine) refresh(ctx context.Context, s *Start) (*Step, error) {
	text, err := required(s.Parameters, "REFRESH_TOKEN")
	if err != nil {
		return nil, err
	}
	r, err := e.Tokens.OpenRefresh(s.Client.ID, text)
	switch {
	case errors.Is(err, token.ErrExpired):
		return nil, notAuthorized("Refresh Token has expired")
	case err != nil, r.PoolID != s.Pool.ID:
		return nil, errRefresh
	}
	var u *store.User
	var stands *store.Session
	var groups pool.Groups
	err = e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if u, stands, err = store.UserAndSession(tx, r.PoolID, r.Sub, r.SessionID); err != nil {
			return err
		}
		groups, err = s.Pool.GroupsOf(tx, u)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errRefresh
	}
	if err != nil {
		return nil, err
	}
	if err := s.Client.CheckSecretHash(string(s.Parameters["SECRET_HASH"]), true, u.Username, u.Sub); err != nil {
		return nil, err
	}
	switch {
	case !u.Enabled:
		return nil, errDisabled
	case stands == nil || stands.ClientID != s.Client.ID:
		return nil, notAuthorized("Refresh Token has been revoked")
	}
	if err := mayTry(u); err != nil {
		return nil, err
	}
	set, err := e.Tokens.Mint(ctx, &token.Grant{Pool: s.Pool, Client: s.Client, User: u, SessionID: r.SessionID, EventID: r.EventID,
		AuthTime: time.Unix(r.AuthTime, 0), Scope: r.Scope, Groups: groups})
	if err != nil {
		return nil, err
	}
	return &Step{Tokens: set}, nil
}
