package store

import "context"

// sweepers remove expired rows, one for each table family that has such. Each
// removes at most limit rows and says how many.
var sweepers = []func(tx *Tx, limit int) (int, error){
	expired("spent_tokens", "scope, id"),
	expired("user_codes", "pool_id, sub, purpose"),
	expired("user_attempts", "pool_id, sub, kind"),
	expired("user_sessions", "pool_id, sub, origin_jti"),
	expired("unknown_names", "pool_id, digest"),
	expired("user_auth_events", "pool_id, sub, event_id"),
	expired("user_logins", "pool_id, token"),
	expired("authorization_codes", "pool_id, code"),
}

// expired is the sweeper of a table with a column expires_at and that key.
func expired(table, key string) func(tx *Tx, limit int) (int, error) {
	return func(tx *Tx, limit int) (int, error) {
		n, err := tx.exec(`delete from `+table+` where (`+key+`) in (select `+key+` from `+table+`
			where expires_at < $1 order by expires_at limit $2)`, micros(tx.Now), limit)
		return int(n), err
	}
}

// sweepBatch keeps each commit of the janitor small, so that no other write
// waits for it longer than a few milliseconds.
const sweepBatch = 200

// DeleteExpired removes up to limit expired rows of each kind and says how many.
func DeleteExpired(tx *Tx, limit int) (int, error) {
	total := 0
	for _, sweep := range sweepers {
		n, err := sweep(tx, limit)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// Sweep removes everything that has expired, in small commits, and returns how
// many rows went. The server calls it every minute or so.
func (db *DB) Sweep(ctx context.Context) (int, error) {
	total := 0
	for {
		var n int
		err := db.Write(ctx, func(tx *Tx) (err error) {
			n, err = DeleteExpired(tx, sweepBatch)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n == 0 {
			return total, nil
		}
	}
}
