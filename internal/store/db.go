// Package store keeps everything that outlives a request. It alone knows SQL:
// SQLite in a folder by default, PostgreSQL by URL, one text for both.
//
// Operations own their transactions: db.Read and db.Write run a function on a
// [Tx], and the functions of the table families (Spend, and those in the files
// beside it) take that Tx. What a newcomer gets wrong: the function given to
// Write may run more than once, and beside other writes that commit together
// with it. So it touches nothing but the Tx and variables that it sets afresh
// each time, and it never waits: no network, no hashing, no other Write inside.
//
// A statement that fails ends its transaction, whatever the function makes of
// the error (PostgreSQL insists; SQLite is held to the same). To live with a
// conflict, write "on conflict do nothing" and look at the rows affected. Rows
// that are not there are no failure: ErrNotFound, and one goes on.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/seal"
)

var (
	// ErrNotFound says that no row matched.
	ErrNotFound = errors.New("store: not found")

	// ErrConflict says that a row with this key is already there.
	ErrConflict = errors.New("store: conflict")

	// ErrBusy says that the store has more to do than it takes on; nothing was
	// written, and the same call may succeed later.
	ErrBusy = errors.New("store: busy")

	// ErrUnavailable says that the database cannot be used now: the disk is
	// full, the server is away. After a Write the outcome may be unknown; it
	// is never reported as success. The store recovers without a restart.
	ErrUnavailable = errors.New("store: unavailable")

	// ErrBadText says that a text is not UTF-8 or has a NUL in it.
	ErrBadText = errors.New("store: text is not UTF-8 or contains NUL")
)

// Config says where the data is and what the store needs from outside.
type Config struct {
	// Dir is the folder of the embedded store, made when missing. One process
	// at a time may use it. Not used with URL.
	Dir string

	// URL of a PostgreSQL database, postgres://…, in place of the embedded
	// store. The database must be UTF-8 and sort by bytes (collation C).
	URL string

	// Ring seals the secrets. A ring that is fresh is saved once the database
	// has shown that it is empty.
	Ring *seal.Ring

	Now func() time.Time
	Log *slog.Logger // nil: nothing is logged
}

const (
	// maxConns bounds the connections to PostgreSQL from one node.
	maxConns = 16

	// callTimeout bounds one Read or Write on PostgreSQL, waiting for a
	// connection and retries included.
	callTimeout = 10 * time.Second
)

// A DB is an open store.
type DB struct {
	c          Config
	log        *slog.Logger
	backend    backend
	generation atomic.Uint64
	stats      counters
	behind     behindQueue
	closeOnce  sync.Once
	closeErr   error
}

// A backend is one of the two databases. Both call db.begin and db.run for
// what is common.
type backend interface {
	read(ctx context.Context, single bool, fn func(*Tx) error) error
	write(ctx context.Context, fn func(*Tx) error) error
	// wake says that the queue of db.behind is no longer empty.
	wake()
	// flush returns when everything that was in db.behind has been committed
	// or dropped.
	flush(ctx context.Context) error
	integrity(ctx context.Context) error
	close() error
}

type counters struct {
	reads, writes, commits, retries, behindDropped, behindFailed atomic.Uint64
}

// Stats counts since Open.
type Stats struct {
	Reads         uint64 // calls of Read
	Writes        uint64 // calls of Write
	Commits       uint64 // durable commits; Writes over Commits is what grouping saves
	Retries       uint64 // functions run again after a serialization failure
	BehindDropped uint64 // WriteBehind functions dropped because the queue was full
	BehindFailed  uint64 // WriteBehind functions that failed
	BehindQueued  int    // WriteBehind functions waiting now
}

// Open opens the store, brings its schema up to date and checks that the key
// ring is the one that the data was sealed with. It refuses a database whose
// schema is newer than this program.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.Ring == nil || c.Now == nil {
		return nil, errors.New("store: Config needs Ring and Now")
	}
	db := &DB{c: c, log: c.Log}
	if db.log == nil {
		db.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	var err error
	if c.URL != "" {
		db.backend, err = openPostgres(ctx, db)
	} else {
		db.backend, err = openSQLite(ctx, db)
	}
	if err != nil {
		return nil, err
	}
	if err := db.checkRing(ctx); err != nil {
		return nil, errors.Join(err, db.backend.close())
	}
	if err := db.pollGeneration(ctx); err != nil {
		return nil, errors.Join(err, db.backend.close())
	}
	if p, ok := db.backend.(*postgres); ok {
		p.start()
	}
	return db, nil
}

// The canary is what tells one key ring from another.
const (
	canaryPurpose = "store canary"
	canaryText    = "gatehouse"
)

// checkRing opens the canary, or lays it into an empty database. The ring is
// saved before the canary, so that there is never data without a ring.
func (db *DB) checkRing(ctx context.Context) error {
	var canary []byte
	look := func(tx *Tx) error {
		return tx.queryRow("select value from store_settings where name = $1", "canary").Scan(&canary)
	}
	err := db.Read(ctx, look)
	if errors.Is(err, ErrNotFound) {
		if err := db.c.Ring.Save(); err != nil {
			return err
		}
		sealed := db.c.Ring.Seal(canaryPurpose, "", []byte(canaryText))
		err = db.Write(ctx, func(tx *Tx) error {
			_, err := tx.exec("insert into store_settings (name, value) values ($1, $2) on conflict (name) do nothing", "canary", sealed)
			return err
		})
		if err == nil {
			err = db.Read(ctx, look) // another node may have been first
		}
	}
	if err != nil {
		return fmt.Errorf("store: reading the check value: %w", err)
	}
	if db.c.Ring.Fresh() {
		return errors.New("store: the database holds data, and there is no key ring: put back the ring file that belongs to it")
	}
	got, err := db.c.Ring.Open(canaryPurpose, "", canary)
	switch {
	case errors.Is(err, seal.ErrUnknownKey):
		return fmt.Errorf("store: the database was sealed with another key ring: put back the one that belongs to it (%w)", err)
	case err != nil || string(got) != canaryText:
		return fmt.Errorf("store: the check value does not open: the database or the key ring is damaged (%w)", err)
	}
	return nil
}

// Read runs fn on a snapshot: whatever it reads belongs to one point in time.
// fn may run twice.
func (db *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	db.stats.reads.Add(1)
	return db.backend.read(ctx, false, fn)
}

// ReadOne is Read for a function that runs one statement: that has a snapshot
// of its own and needs no transaction around it, which is two statements less,
// on PostgreSQL two round trips. A second statement is refused.
func (db *DB) ReadOne(ctx context.Context, fn func(tx *Tx) error) error {
	db.stats.reads.Add(1)
	return db.backend.read(ctx, true, fn)
}

// Write runs fn in a transaction as if alone, and returns nil when what it
// wrote is on disk. An error of fn takes back everything fn wrote and is
// returned as it is. fn may run more than once. Errors of the store are
// ErrConflict, ErrBusy and ErrUnavailable.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	db.stats.writes.Add(1)
	return db.backend.write(ctx, fn)
}

// WriteBehind queues fn to be committed with the next Write, or soon after when
// there is none, and does not wait. It is for what may be lost in a crash: the
// last use of a key, an event of an audit trail. When more than a few thousand
// wait, fn is dropped and counted. Close flushes.
func (db *DB) WriteBehind(fn func(tx *Tx) error) {
	switch db.behind.push(fn) {
	case queueFull:
		db.stats.behindDropped.Add(1)
	case queueStarted:
		db.backend.wake()
	}
}

// Flush returns when what WriteBehind has queued so far is committed.
func (db *DB) Flush(ctx context.Context) error { return db.backend.flush(ctx) }

// Ping reads one row. An error wraps ErrUnavailable or ErrBusy.
func (db *DB) Ping(ctx context.Context) error {
	return db.backend.read(ctx, true, func(tx *Tx) error {
		var one int64
		return tx.queryRow("select 1").Scan(&one)
	})
}

// IntegrityCheck has SQLite read its whole file and compare it with itself.
// PostgreSQL checks its pages as it reads them; there it only reads.
func (db *DB) IntegrityCheck(ctx context.Context) error { return db.backend.integrity(ctx) }

// Stats returns the counters.
func (db *DB) Stats() Stats {
	return Stats{
		Reads: db.stats.reads.Load(), Writes: db.stats.writes.Load(), Commits: db.stats.commits.Load(),
		Retries: db.stats.retries.Load(), BehindDropped: db.stats.behindDropped.Load(),
		BehindFailed: db.stats.behindFailed.Load(), BehindQueued: db.behind.len(),
	}
}

// Close commits what is queued and closes the database. Calls that come after
// it answer ErrUnavailable.
func (db *DB) Close() error {
	db.closeOnce.Do(func() { db.closeErr = db.backend.close() })
	return db.closeErr
}

func (db *DB) behindFailed(err error) {
	db.stats.behindFailed.Add(1)
	db.log.Warn("store: a write that nobody waits for failed", "error", err)
}

// kind wraps a database's error into one of the package's.
func kind(sentinel, err error) error {
	if errors.Is(err, sentinel) {
		return err
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}

// oneLine shortens a statement for an error message.
func oneLine(query string) string {
	s := strings.Join(strings.Fields(query), " ")
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return s
}

// A behindQueue holds what WriteBehind was given.
type behindQueue struct {
	mu  sync.Mutex
	fns []func(*Tx) error
}

// behindLimit bounds the queue, and behindBatch what one commit takes of it.
const (
	behindLimit = 4096
	behindBatch = 256
	behindDelay = 50 * time.Millisecond // how long the first waits for a Write to ride with
)

type pushed int

const (
	queueFull pushed = iota
	queueStarted
	queueJoined
)

func (q *behindQueue) push(fn func(*Tx) error) pushed {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.fns) >= behindLimit {
		return queueFull
	}
	q.fns = append(q.fns, fn)
	if len(q.fns) == 1 {
		return queueStarted
	}
	return queueJoined
}

// pop takes up to n from the front.
func (q *behindQueue) pop(n int) []func(*Tx) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.fns))
	taken := append([]func(*Tx) error(nil), q.fns[:n]...)
	q.fns = append(q.fns[:0], q.fns[n:]...)
	clear(q.fns[len(q.fns):cap(q.fns)])
	return taken
}

func (q *behindQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.fns)
}
