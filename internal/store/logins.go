package store

import "time"

// Login is the sign-in of a browser at a pool's domain.
type Login struct {
	PoolID, Sub         string
	Token               string // a hash of the cookie's value
	EventID             string
	Provider            string // by which the user signed in; "" is the pool itself
	AuthTime, ExpiresAt time.Time
}

// InsertLogin records a browser's sign-in.
func InsertLogin(tx *Tx, l *Login) error {
	_, err := tx.exec(`insert into user_logins (pool_id, sub, token, event_id, auth_time, expires_at, provider) values ($1, $2, $3, $4, $5, $6, $7)`,
		l.PoolID, l.Sub, l.Token, l.EventID, micros(l.AuthTime), micros(l.ExpiresAt), l.Provider)
	return err
}

// UserAndLogin reads a browser's sign-in and its user; ErrNotFound when there
// is none, or it has ended.
func UserAndLogin(tx *Tx, poolID, token string) (*User, *Login, error) {
	l := &Login{PoolID: poolID, Token: token}
	var authTime, expires int64
	u, err := tx.scanUser(tx.queryRow(`select `+userColumns+`, l.event_id, l.auth_time, l.expires_at, l.provider from user_logins l
		join users u on u.pool_id = l.pool_id and u.sub = l.sub where l.pool_id = $1 and l.token = $2 and l.expires_at > $3`, poolID, token, micros(tx.Now)),
		&l.EventID, &authTime, &expires, &l.Provider)
	if err != nil {
		return nil, nil, err
	}
	l.Sub, l.AuthTime, l.ExpiresAt = u.Sub, fromMicros(authTime), fromMicros(expires)
	return u, l, nil
}

// DeleteLogin ends a browser's sign-in. Ending it twice is no error.
func DeleteLogin(tx *Tx, poolID, token string) error {
	_, err := tx.exec(`delete from user_logins where pool_id = $1 and token = $2`, poolID, token)
	return err
}

// DeleteLogins ends all browsers' sign-ins of a user, and the codes that they
// gave.
func DeleteLogins(tx *Tx, poolID, sub string) error {
	for _, table := range []string{"user_logins", "authorization_codes"} {
		if _, err := tx.exec(`delete from `+table+` where pool_id = $1 and sub = $2`, poolID, sub); err != nil {
			return err
		}
	}
	return nil
}

// AuthorizationCode is a code that a client trades for tokens.
type AuthorizationCode struct {
	PoolID, Sub, ClientID string
	Code                  string // a hash of the code
	Body                  []byte // what it is good for; sealed at rest
	Session               string // the session that it gave; "" before its use
	ExpiresAt             time.Time
}

func codeOf(c *AuthorizationCode) string { return c.PoolID + "/" + c.Code }

// InsertAuthorizationCode records a code.
func InsertAuthorizationCode(tx *Tx, c *AuthorizationCode) error {
	_, err := tx.exec(`insert into authorization_codes (pool_id, sub, code, client_id, body, session, expires_at) values ($1, $2, $3, $4, $5, '', $6)`,
		c.PoolID, c.Sub, c.Code, c.ClientID, tx.seal("authorization code", codeOf(c), c.Body), micros(c.ExpiresAt))
	return err
}

// AuthorizationCodeByHash is a code that has not been swept, used or not and
// expired or not: the caller looks. ErrNotFound when there is none.
func AuthorizationCodeByHash(tx *Tx, poolID, code string) (*AuthorizationCode, error) {
	c := &AuthorizationCode{PoolID: poolID, Code: code}
	var sealed []byte
	var expires int64
	err := tx.queryRow(`select sub, client_id, body, session, expires_at from authorization_codes where pool_id = $1 and code = $2`, poolID, code).
		Scan(&c.Sub, &c.ClientID, &sealed, &c.Session, &expires)
	if err != nil {
		return nil, err
	}
	c.ExpiresAt = fromMicros(expires)
	c.Body, err = tx.open("authorization code", codeOf(c), sealed)
	return c, err
}

// UseAuthorizationCode marks a code as used for a session: it answers nil to
// exactly one caller, on all nodes, and ErrConflict to all others.
func UseAuthorizationCode(tx *Tx, c *AuthorizationCode, session string) error {
	n, err := tx.exec(`update authorization_codes set session = $3 where pool_id = $1 and code = $2 and session = ''`, c.PoolID, c.Code, session)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return err
}
