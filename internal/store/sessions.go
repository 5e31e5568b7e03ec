package store

import "time"

// Session is one sign-in: the refresh token that it gave and every token that
// came of it share OriginJTI. A token whose session is gone has been revoked.
type Session struct {
	PoolID, Sub, OriginJTI, ClientID string
	AuthTime, ExpiresAt              time.Time
	Rotation                         int64 // the number of the refresh token that counts
	RotatedAt                        time.Time
	DeviceKey                        string // the device that the sign-in was on; "" where devices are not tracked
}

// InsertSession records a sign-in.
func InsertSession(tx *Tx, s *Session) error {
	_, err := tx.exec(`insert into user_sessions (pool_id, sub, origin_jti, client_id, auth_time, expires_at, device_key) values ($1, $2, $3, $4, $5, $6, $7)`,
		s.PoolID, s.Sub, s.OriginJTI, s.ClientID, micros(s.AuthTime), micros(s.ExpiresAt), s.DeviceKey)
	return err
}

// UserAndSession reads a user and one of the user's sessions together;
// the session is nil when it was revoked or has ended, the user ErrNotFound.
func UserAndSession(tx *Tx, poolID, sub, originJTI string) (*User, *Session, error) {
	var clientID, deviceKey *string
	var authTime, expires, rotation, rotatedAt *int64
	u, err := tx.scanUser(tx.queryRow(`select `+userColumns+`, s.client_id, s.auth_time, s.expires_at, s.rotation, s.rotated_at, s.device_key from users u
		left join user_sessions s on s.pool_id = u.pool_id and s.sub = u.sub and s.origin_jti = $3
		where u.pool_id = $1 and u.sub = $2`, poolID, sub, originJTI), &clientID, &authTime, &expires, &rotation, &rotatedAt, &deviceKey)
	if err != nil || clientID == nil {
		return u, nil, err
	}
	return u, &Session{PoolID: poolID, Sub: sub, OriginJTI: originJTI, ClientID: *clientID, AuthTime: fromMicros(*authTime), ExpiresAt: fromMicros(*expires),
		Rotation: *rotation, RotatedAt: fromMicros(*rotatedAt), DeviceKey: *deviceKey}, nil
}

// RotateSession makes the next refresh token the one that counts; ErrConflict
// when somebody else did, or ended the session.
func RotateSession(tx *Tx, s *Session) error {
	n, err := tx.exec(`update user_sessions set rotation = rotation + 1, rotated_at = $5 where pool_id = $1 and sub = $2 and origin_jti = $3 and rotation = $4`,
		s.PoolID, s.Sub, s.OriginJTI, s.Rotation, micros(tx.Now))
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return err
}

// DeleteSession revokes one session. Revoking twice is no error.
func DeleteSession(tx *Tx, poolID, sub, originJTI string) error {
	_, err := tx.exec(`delete from user_sessions where pool_id = $1 and sub = $2 and origin_jti = $3`, poolID, sub, originJTI)
	return err
}

// DeleteSessions revokes all sessions of a user.
func DeleteSessions(tx *Tx, poolID, sub string) error {
	_, err := tx.exec(`delete from user_sessions where pool_id = $1 and sub = $2`, poolID, sub)
	return err
}
