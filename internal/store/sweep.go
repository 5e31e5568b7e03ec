package store

import "context"

// sweepers remove expired rows, one for each table family that has such. Each
// removes at most limit rows and says how many.
var sweepers = []func(tx *Tx, limit int) (int, error){
	deleteExpiredTokens,
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
