package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// loginLife is how long a browser stays signed in at a pool's domain, whatever
// it does meanwhile (hosted-ui-oauth.md, section 4).
const loginLife = time.Hour

// Login is a browser that has signed in at a pool's domain.
type Login struct {
	Cookie    string // what the browser keeps; only its hash is stored
	User      *store.User
	EventID   string
	Provider  string // by which the user signed in; "" is the pool itself
	AuthTime  time.Time
	ExpiresAt time.Time
}

func loginHash(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

// Federated records the sign-in of a browser whose user an identity provider
// has vouched for, in the caller's transaction: neither passwords nor second
// factors of the pool are asked for (federation.md, section 2).
func Federated(tx *store.Tx, u *store.User, provider, eventID string) (*Login, error) {
	if err := mayStay(u); err != nil {
		return nil, err
	}
	return insertLogin(tx, u, provider, eventID)
}

// insertLogin records a browser's sign-in.
func insertLogin(tx *store.Tx, u *store.User, provider, eventID string) (*Login, error) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	l := &Login{Cookie: base64.RawURLEncoding.EncodeToString(b[:]), User: u, EventID: eventID, Provider: provider, AuthTime: tx.Now.Truncate(time.Second), ExpiresAt: tx.Now.Add(loginLife)}
	return l, store.InsertLogin(tx, &store.Login{PoolID: u.PoolID, Sub: u.Sub, Token: loginHash(l.Cookie), EventID: eventID, Provider: provider, AuthTime: l.AuthTime, ExpiresAt: l.ExpiresAt})
}

// LoginOf is the login of a cookie, or nil when there is none that counts: it
// has ended, its user may not sign in any more, or it is of another pool.
func (e *Engine) LoginOf(ctx context.Context, p *pool.Pool, cookie string) (l *Login, err error) {
	if cookie == "" || len(cookie) > 100 {
		return nil, nil
	}
	err = e.DB.ReadOne(ctx, func(tx *store.Tx) error {
		u, row, err := store.UserAndLogin(tx, p.ID, loginHash(cookie))
		if err == nil && mayStay(u) == nil {
			l = &Login{Cookie: cookie, User: u, EventID: row.EventID, Provider: row.Provider, AuthTime: row.AuthTime, ExpiresAt: row.ExpiresAt}
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return l, err
}

// EndLogin ends the login of a cookie.
func (e *Engine) EndLogin(ctx context.Context, p *pool.Pool, cookie string) error {
	return e.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteLogin(tx, p.ID, loginHash(cookie)) })
}
