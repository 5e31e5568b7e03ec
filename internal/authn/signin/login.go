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
	AuthTime  time.Time
	ExpiresAt time.Time
}

func loginHash(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

// insertLogin records a browser's sign-in.
func insertLogin(tx *store.Tx, u *store.User, eventID string) (*Login, error) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	l := &Login{Cookie: base64.RawURLEncoding.EncodeToString(b[:]), User: u, EventID: eventID, AuthTime: tx.Now.Truncate(time.Second), ExpiresAt: tx.Now.Add(loginLife)}
	return l, store.InsertLogin(tx, &store.Login{PoolID: u.PoolID, Sub: u.Sub, Token: loginHash(l.Cookie), EventID: eventID, AuthTime: l.AuthTime, ExpiresAt: l.ExpiresAt})
}

// LoginOf is the login of a cookie, or nil when there is none that counts: it
// has ended, its user may not sign in any more, or it is of another pool.
func (e *Engine) LoginOf(ctx context.Context, p *pool.Pool, cookie string) (l *Login, err error) {
	if cookie == "" || len(cookie) > 100 {
		return nil, nil
	}
	err = e.DB.ReadOne(ctx, func(tx *store.Tx) error {
		u, row, err := store.UserAndLogin(tx, p.ID, loginHash(cookie))
		if err == nil && mayTry(u) == nil {
			l = &Login{Cookie: cookie, User: u, EventID: row.EventID, AuthTime: row.AuthTime, ExpiresAt: row.ExpiresAt}
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
