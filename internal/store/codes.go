package store

import "time"

// Code is a one-time code that was sent to a user. There is one a purpose: a
// new one replaces the old.
type Code struct {
	PoolID, Sub, Purpose string
	Code                 string // sealed at rest
	Attribute            string // what the code verifies: email or phone_number
	Value                string // the value that waits for it; empty: the one that the user has
	CreatedAt, ExpiresAt time.Time
	Failures             int
}

// PutCode stores a code, in place of an earlier one of the purpose.
func PutCode(tx *Tx, c *Code) error {
	_, err := tx.exec(`insert into user_codes (pool_id, sub, purpose, code, attribute, value, created_at, expires_at, failures)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (pool_id, sub, purpose) do update set code = excluded.code,
		attribute = excluded.attribute, value = excluded.value, created_at = excluded.created_at, expires_at = excluded.expires_at, failures = excluded.failures`,
		c.PoolID, c.Sub, c.Purpose, tx.seal("code", codeIdentity(c), []byte(c.Code)), c.Attribute, c.Value, micros(c.CreatedAt), micros(c.ExpiresAt), c.Failures)
	return err
}

// CodeFor is the code of a purpose, or ErrNotFound.
func CodeFor(tx *Tx, poolID, sub, purpose string) (*Code, error) {
	c := &Code{PoolID: poolID, Sub: sub, Purpose: purpose}
	var sealed []byte
	var created, expires int64
	err := tx.queryRow(`select code, attribute, value, created_at, expires_at, failures from user_codes where pool_id = $1 and sub = $2 and purpose = $3`,
		poolID, sub, purpose).Scan(&sealed, &c.Attribute, &c.Value, &created, &expires, &c.Failures)
	if err != nil {
		return nil, err
	}
	c.CreatedAt, c.ExpiresAt = fromMicros(created), fromMicros(expires)
	text, err := tx.open("code", codeIdentity(c), sealed)
	c.Code = string(text)
	return c, err
}

func codeIdentity(c *Code) string { return c.PoolID + "/" + c.Sub + "/" + c.Purpose }

// DeleteCode spends a code. It reports ErrNotFound when somebody else was
// first: of two who spend it at once, one wins.
func DeleteCode(tx *Tx, c *Code) error {
	n, err := tx.exec(`delete from user_codes where pool_id = $1 and sub = $2 and purpose = $3 and created_at = $4`, c.PoolID, c.Sub, c.Purpose, micros(c.CreatedAt))
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// FailCode counts a wrong guess.
func FailCode(tx *Tx, c *Code) error {
	_, err := tx.exec(`update user_codes set failures = failures + 1 where pool_id = $1 and sub = $2 and purpose = $3`, c.PoolID, c.Sub, c.Purpose)
	return err
}

// CountAttempt counts one use of a limited action and returns how many there
// were in the window that it belongs to, this one included. The window begins
// with its first attempt.
func CountAttempt(tx *Tx, poolID, sub, kind string, window time.Duration) (n int, err error) {
	err = tx.queryRow(`insert into user_attempts (pool_id, sub, kind, expires_at, attempts) values ($1, $2, $3, $4, 1)
		on conflict (pool_id, sub, kind) do update set
		attempts = case when user_attempts.expires_at <= $5 then 1 else user_attempts.attempts + 1 end,
		expires_at = case when user_attempts.expires_at <= $5 then excluded.expires_at else user_attempts.expires_at end
		returning attempts`, poolID, sub, kind, micros(tx.Now.Add(window)), micros(tx.Now)).Scan(&n)
	return n, err
}

// ClearAttempts forgets the attempts of a kind, after a success.
func ClearAttempts(tx *Tx, poolID, sub, kind string) error {
	_, err := tx.exec(`delete from user_attempts where pool_id = $1 and sub = $2 and kind = $3`, poolID, sub, kind)
	return err
}
