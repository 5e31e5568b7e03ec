package signin

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// Issue asks for the tokens that a browser's login gives to one client: at once
// (implicit grant), or for a code that the login gave.
type Issue struct {
	Pool     *pool.Pool
	Client   *pool.Client
	Sub      string
	EventID  string    // of the login
	AuthTime time.Time // of the login
	Scopes   []string
	Nonce    string
	Resource string // aud of the access token; "" without
	Key      string // thumbprint of the key that the access token is bound to; "" without
	// Refreshes asks for a refresh token as well.
	Refreshes bool
	// Spend uses up, inside the write, what the tokens are given for; session
	// names the session that begins. An error of it undoes everything.
	Spend func(tx *store.Tx, session string) error
}

// Stands reads the user of a login inside a transaction: ErrNotFound when the
// login has ended since it was looked at, a refusal when the user may not sign
// in any more.
func Stands(tx *store.Tx, p *pool.Pool, l *Login) (*store.User, error) {
	u, _, err := store.UserAndLogin(tx, p.ID, loginHash(l.Cookie))
	if err != nil {
		return nil, err
	}
	return u, mayHaveTokens(u)
}

// mayHaveTokens refuses users who may not sign in, and those who owe a new
// password: a login from before says nothing about it.
func mayHaveTokens(u *store.User) error {
	if err := mayStay(u); err != nil {
		return err
	}
	if u.Status == string(cognitoidp.UserStatusTypeForceChangePassword) {
		return errPassword
	}
	return nil
}

// Issue gives tokens for a login. Like the end of a sign-in it reads the user
// again inside the write that records the session. The pool's function is asked
// before that write: one that fails must not make the retry look like theft.
func (e *Engine) Issue(ctx context.Context, i *Issue) (*token.Set, error) {
	access, id, refreshLife := token.Validity(i.Client.Settings)
	g := &token.Grant{Pool: i.Pool, Client: i.Client, SessionID: uuid.NewString(), EventID: i.EventID, AuthTime: i.AuthTime,
		Scope: strings.Join(i.Scopes, " "), OAuth: &token.OAuth{Nonce: i.Nonce, Resource: i.Resource, Key: i.Key}}
	if !i.Client.NamesOrigin() {
		// Such tokens name their session by the event, and one login gives many
		// sessions.
		g.EventID = g.SessionID
	}
	read := func(tx *store.Tx) error {
		u, err := store.UserBySub(tx, i.Pool.ID, i.Sub)
		if errors.Is(err, store.ErrNotFound) {
			return errNoUser
		}
		if err != nil {
			return err
		}
		if err := mayHaveTokens(u); err != nil {
			return err
		}
		g.User = u
		g.Groups, err = i.Pool.GroupsOf(tx, u)
		return err
	}
	if trigger.HasPreToken(i.Pool) {
		if err := e.DB.Read(ctx, read); err != nil {
			return nil, err
		}
		if err := e.Triggers.PreToken(ctx, &trigger.Call{Pool: i.Pool, ClientID: i.Client.ID, User: g.User}, "TokenGeneration_HostedAuth", g); err != nil {
			return nil, err
		}
	}
	life := max(access, id) // as long as there is a token of the session
	if i.Refreshes {
		life = refreshLife
	}
	var expires time.Time
	if err := e.DB.Write(ctx, func(tx *store.Tx) error {
		if err := read(tx); err != nil {
			return err
		}
		if err := i.Spend(tx, g.SessionID); err != nil {
			return err
		}
		expires = tx.Now.Add(life)
		return store.InsertSession(tx, &store.Session{PoolID: i.Pool.ID, Sub: i.Sub, OriginJTI: g.SessionID, ClientID: i.Client.ID, AuthTime: g.AuthTime, ExpiresAt: expires})
	}); err != nil {
		return nil, err
	}
	set, err := e.Tokens.Mint(ctx, g)
	if err != nil || !i.Refreshes {
		return set, err
	}
	r := &token.Refresh{PoolID: i.Pool.ID, Sub: i.Sub, SessionID: g.SessionID, EventID: g.EventID, Scope: g.Scope,
		AuthTime: g.AuthTime.Unix(), ExpiresAt: expires.Unix(), OAuth: true, Resource: i.Resource}
	if len(i.Client.Secrets) == 0 { // a secret binds refresh tokens better than a key (RFC 9449, section 5)
		r.Key = i.Key
	}
	set.Refresh, err = e.Tokens.SealRefresh(i.Client.ID, r)
	return set, err
}

// IssueClient gives a client with a secret the token with which it acts for
// itself. Nothing is written: such tokens have no session.
// key is the thumbprint of the key that the token is bound to, or "".
func (e *Engine) IssueClient(ctx context.Context, p *pool.Pool, c *pool.Client, scopes []string, key string, metadata map[string]string) (*token.Set, error) {
	g := &token.Grant{Pool: p, Client: c, Scope: strings.Join(scopes, " "), OAuth: &token.OAuth{Key: key}}
	if err := e.Triggers.PreTokenOfClient(ctx, &trigger.Call{Pool: p, ClientID: c.ID, Metadata: metadata}, g); err != nil {
		return nil, err
	}
	return e.Tokens.MintClient(ctx, g)
}
