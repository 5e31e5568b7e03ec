package signin

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

var (
	errRefresh = notAuthorized("Invalid Refresh Token")
	errRevoked = notAuthorized("Refresh Token has been revoked")
	errReused  = &cognitoidp.RefreshTokenReuseException{Message: "Refresh Token has been used already: sign in again."}
)

// refresh answers REFRESH_TOKEN_AUTH.
func (e *Engine) refresh(ctx context.Context, s *Start) (*Step, error) {
	text, err := required(s.Parameters, "REFRESH_TOKEN")
	if err != nil {
		return nil, err
	}
	if s.Client.Rotates() {
		return nil, &cognitoidp.UnsupportedOperationException{Message: "The client rotates refresh tokens: use GetTokensFromRefreshToken."}
	}
	return e.Refresh(ctx, &Renewal{Pool: s.Pool, Client: s.Client, Token: text, DeviceKey: parameter(s.Parameters, "DEVICE_KEY"), May: func(u *store.User) error {
		return s.Client.CheckSecretHash(parameter(s.Parameters, "SECRET_HASH"), true, u.Username, u.Sub)
	}})
}

// Renewal asks for new tokens.
type Renewal struct {
	Pool      *pool.Pool
	Client    *pool.Client
	Token     string // the refresh token
	DeviceKey string // of the device that the sign-in was on, or ""
	Key       string // thumbprint of the key that the caller has shown to hold, or ""
	Metadata  map[string]string
	May       func(*store.User) error // checks what depends on the user; nil: nothing does
}

// Refresh gives new tokens for a session that still stands. It writes nothing,
// unless the client rotates refresh tokens: then it gives the next one, for
// the time that is left, and the old one dies after the client's grace. One
// that comes later is taken for stolen: it ends the session (RFC 9700,
// section 4.14.2). A session that was begun on a device is refreshed with its
// key alone.
func (e *Engine) Refresh(ctx context.Context, w *Renewal) (*Step, error) {
	p, c := w.Pool, w.Client
	r, err := e.Tokens.OpenRefresh(c.ID, w.Token)
	switch {
	case errors.Is(err, token.ErrExpired):
		return nil, notAuthorized("Refresh Token has expired")
	case err != nil, r.PoolID != p.ID, r.Key != "" && r.Key != w.Key:
		return nil, errRefresh
	}
	g := &token.Grant{Pool: p, Client: c, SessionID: r.SessionID, EventID: r.EventID, AuthTime: time.Unix(r.AuthTime, 0), Scope: r.Scope}
	if r.OAuth {
		g.OAuth = &token.OAuth{Resource: r.Resource, Key: w.Key}
	}
	var stands *store.Session
	read := func(tx *store.Tx) (err error) {
		if g.User, stands, err = store.UserAndSession(tx, r.PoolID, r.Sub, r.SessionID); err != nil {
			return err
		}
		if w.May != nil {
			if err := w.May(g.User); err != nil {
				return err
			}
		}
		switch {
		case !g.User.Enabled:
			return errDisabled
		case stands == nil || stands.ClientID != c.ID:
			return errRevoked
		case stands.DeviceKey != "" && p.TracksDevices() && (stands.DeviceKey != w.DeviceKey || stands.DeviceKey == store.ForgottenDevice):
			return errRefresh
		}
		g.DeviceKey = stands.DeviceKey
		if err := mayStay(g.User); err != nil {
			return err
		}
		g.Groups, err = p.GroupsOf(tx, g.User)
		return err
	}
	preToken := func() error {
		return e.Triggers.PreToken(ctx, &trigger.Call{Pool: p, ClientID: c.ID, User: g.User, Metadata: w.Metadata}, "TokenGeneration_RefreshTokens", g)
	}
	number := r.Rotation
	if c.Rotates() {
		// The function is asked before the token is spent: one that fails must
		// not make the retry look like theft.
		if trigger.HasPreToken(p) {
			if err = e.DB.Read(ctx, read); err == nil {
				err = preToken()
			}
		}
		if err == nil {
			number, err = e.rotate(ctx, c, r, read, &stands)
		}
	} else if err = e.DB.Read(ctx, read); err == nil && r.Rotation != stands.Rotation {
		err = errReused
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, errRefresh
	}
	if err != nil {
		return nil, err
	}
	if !c.Rotates() {
		if err := preToken(); err != nil {
			return nil, err
		}
	}
	set, err := e.Tokens.Mint(ctx, g)
	if err != nil {
		return nil, err
	}
	if c.Rotates() {
		next := *r
		next.Rotation = number
		if set.Refresh, err = e.Tokens.SealRefresh(c.ID, &next); err != nil {
			return nil, err
		}
	}
	return &Step{Tokens: set}, nil
}

// rotate reads what the token is for and says which number the next one has.
func (e *Engine) rotate(ctx context.Context, c *pool.Client, r *token.Refresh, read func(*store.Tx) error, stands **store.Session) (number int64, err error) {
	reused := false
	err = e.DB.Write(ctx, func(tx *store.Tx) error {
		reused = false
		if err := read(tx); err != nil {
			return err
		}
		s := *stands
		switch {
		case r.Rotation == s.Rotation:
			number = s.Rotation + 1
			return store.RotateSession(tx, s)
		case r.Rotation == s.Rotation-1 && elapsed(tx.Now, s.RotatedAt) < c.RetryGrace():
			number = s.Rotation // a retry, or one of two at once
			return nil
		}
		reused = true
		return store.DeleteSession(tx, s.PoolID, s.Sub, s.OriginJTI)
	})
	if err == nil && reused {
		err = errReused
	}
	return number, err
}
