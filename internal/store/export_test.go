package store

import (
	"context"
	"io/fs"
	"time"
)

// What the tests of this package, which live outside it to use storetest, see
// of its inside.

func (tx *Tx) Exec(query string, args ...any) (int64, error) { return tx.exec(query, args...) }
func (tx *Tx) QueryRow(query string, args ...any) row        { return tx.queryRow(query, args...) }
func (tx *Tx) Query(query string, args ...any) (*rows, error) {
	return tx.query(query, args...)
}
func (tx *Tx) Seal(purpose, identity string, plaintext []byte) []byte {
	return tx.seal(purpose, identity, plaintext)
}
func (tx *Tx) Open(purpose, identity string, sealed []byte) ([]byte, error) {
	return tx.open(purpose, identity, sealed)
}

func Strings(tx *Tx, query string, args ...any) ([]string, error) {
	return collect(tx, func(r scanner) (s string, err error) { err = r.Scan(&s); return s, err }, query, args...)
}

func (p Page) Key(n int) ([]string, error) { return p.key(n) }
func (p Page) Fetch() int                  { return p.fetch() }
func ListOf[T any](p Page, fetched []T, key func(T) []string) List[T] {
	return list(p, fetched, key)
}

func Micros(t time.Time) int64      { return micros(t) }
func FromMicros(us int64) time.Time { return fromMicros(us) }

const (
	BehindLimit = behindLimit
	QueueLimit  = queueLimit
)

// Migrate applies the migrations of files to an open store.
func (db *DB) Migrate(ctx context.Context, files fs.FS) error {
	all, err := migrations(files)
	if err != nil {
		return err
	}
	switch b := db.backend.(type) {
	case *sqlite:
		b.writeDB.SetMaxOpenConns(8) // beside the writer's own connection
		return b.migrate(ctx, all)
	case *postgres:
		return b.migrate(ctx, all)
	}
	panic("no such backend")
}

// MigrationFiles are the program's own.
func MigrationFiles() fs.FS { return migrationFiles }

func UsersQuery(poolID string, f UserFilter, afterKey, afterSub string, limit int) (string, []any) {
	return usersQuery(poolID, f, afterKey, afterSub, limit)
}
