package store

import "time"

// Spend uses up a thing that may be used once: it answers nil to exactly one
// caller for each scope and id, on all nodes, and ErrConflict to all others.
// scope says what kind of thing ("session", "refresh token") and where (the
// pool); id names it, and is a hash when the thing is a secret. expires is when
// the thing itself is refused for its age: until then the row is kept.
func Spend(tx *Tx, scope, id string, expires time.Time) error {
	n, err := tx.exec(`insert into spent_tokens (scope, id, expires_at) values ($1, $2, $3)
		on conflict (scope, id) do nothing`, scope, id, micros(expires))
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrConflict
	}
	return nil
}

// deleteExpiredTokens is the sweeper of spent_tokens.
func deleteExpiredTokens(tx *Tx, limit int) (int, error) {
	n, err := tx.exec(`delete from spent_tokens where (scope, id) in
		(select scope, id from spent_tokens where expires_at < $1 order by expires_at limit $2)`,
		micros(tx.Now), limit)
	return int(n), err
}
