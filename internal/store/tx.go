package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/seal"
)

// A Tx is a transaction. It belongs to the function that it was given to, and
// to its goroutine, until that function returns.
type Tx struct {
	// Now is the time of the transaction: one instant for all that it writes.
	Now time.Time

	ctx           context.Context
	q             querier
	ring          *seal.Ring
	readOnly      bool
	single        bool // takes one statement and no more: ReadOne
	ran           bool // a statement
	configChanged bool
	generation    uint64  // of the configuration after this transaction, when it changed it
	failed        error   // of the first statement that failed; every later one answers it too
	openRows      []*rows // not yet closed
}

// A querier runs statements of one transaction on one connection. Its errors
// are already those of the package.
type querier interface {
	exec(query string, args []any) (rowsAffected int64, err error)
	query(query string, args []any) (*sql.Rows, func(), error) // the func is called after the rows were closed
	errorOf(err error) error                                   // for errors that come up while reading rows
}

// Context is the context of the call of Read or Write.
func (tx *Tx) Context() context.Context { return tx.ctx }

// ConfigChanged says that this transaction changes what nodes keep in memory:
// pools, clients, policies. When it commits, Generation grows on every node.
func (tx *Tx) ConfigChanged() { tx.configChanged = true }

// exec runs a statement without rows. A key that is already there is
// ErrConflict; see the package about failed statements.
func (tx *Tx) exec(query string, args ...any) (rowsAffected int64, err error) {
	if err := tx.check(query, args); err != nil {
		return 0, err
	}
	if tx.readOnly {
		return 0, tx.fail(query, errors.New("store: a write inside Read"))
	}
	n, err := tx.q.exec(query, args)
	if err != nil {
		return 0, tx.fail(query, err)
	}
	return n, nil
}

// execOne is exec of a statement that must find its row: no row is ErrNotFound.
func (tx *Tx) execOne(query string, args ...any) error {
	n, err := tx.exec(query, args...)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// query runs a statement with rows. Close them; those forgotten are closed
// when the transaction ends.
func (tx *Tx) query(query string, args ...any) (*rows, error) {
	if err := tx.check(query, args); err != nil {
		return nil, err
	}
	r, done, err := tx.q.query(query, args)
	if err != nil {
		return nil, tx.fail(query, err)
	}
	rs := &rows{tx: tx, rows: r, done: done, text: query}
	tx.openRows = append(tx.openRows, rs)
	return rs, nil
}

// queryRow runs a statement of which the first row is wanted. Its Scan answers
// ErrNotFound when there is none.
func (tx *Tx) queryRow(query string, args ...any) row {
	rs, err := tx.query(query, args...)
	return row{rows: rs, err: err}
}

// A scanner is a row to read: *rows and row.
type scanner interface{ Scan(dest ...any) error }

// collect runs a statement and makes a T of each row. None is an empty slice.
func collect[T any](tx *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rs, err := tx.query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	all := []T{}
	for rs.Next() {
		v, err := scan(rs)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rs.Err()
}

// check refuses a statement of a dead transaction, and text that PostgreSQL
// cannot hold: the two databases must not differ in what they take.
func (tx *Tx) check(query string, args []any) error {
	if tx.failed != nil {
		return tx.failed
	}
	if err := tx.ctx.Err(); err != nil {
		return tx.fail(query, err)
	}
	if tx.single && tx.ran {
		return tx.fail(query, errors.New("store: a second statement inside ReadOne"))
	}
	tx.ran = true
	for _, a := range args {
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			return tx.fail(query, ErrBadText)
		}
	}
	return nil
}

// fail keeps the first failure of the transaction.
func (tx *Tx) fail(query string, err error) error {
	err = fmt.Errorf("%w (in %q)", err, oneLine(query))
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

// run calls fn and says what became of the transaction: nil means commit.
func (tx *Tx) run(fn func(*Tx) error) error {
	err := fn(tx)
	tx.closeRows()
	if err == nil {
		err = tx.failed
	}
	if err == nil && tx.configChanged {
		err = tx.bumpGeneration()
	}
	return err
}

// panicked carries a panic of fn to the goroutine that called Write.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n\n%s", p.value, p.stack) }

// errGoexit answers a function that ended its goroutine, as t.FailNow does.
var errGoexit = errors.New("store: the function of a write called runtime.Goexit")

// call is run for a function of somebody else's goroutine: a panic becomes an
// error. Goexit cannot be stopped; rows are closed as it passes.
func call(tx *Tx, fn func(*Tx) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
		tx.closeRows()
	}()
	return tx.run(fn)
}

func (tx *Tx) closeRows() {
	for len(tx.openRows) > 0 {
		tx.openRows[0].Close()
	}
}

// seal encrypts a secret for its row: identity is the row's key. See seal.Ring.
func (tx *Tx) seal(purpose, identity string, plaintext []byte) []byte {
	return tx.ring.Seal(purpose, identity, plaintext)
}

// open decrypts what seal made for the same row.
func (tx *Tx) open(purpose, identity string, sealed []byte) ([]byte, error) {
	b, err := tx.ring.Open(purpose, identity, sealed)
	if err != nil {
		return nil, fmt.Errorf("store: %s of %s: %w", purpose, identity, err)
	}
	return b, nil
}

// rows are the rows of a query.
type rows struct {
	tx     *Tx
	rows   *sql.Rows
	done   func()
	text   string
	closed bool
	err    error
}

// Next goes to the next row, and reports false after the last or on an error.
func (r *rows) Next() bool {
	if r.closed || r.err != nil {
		return false
	}
	if err := r.tx.ctx.Err(); err != nil {
		r.err = r.tx.fail(r.text, err)
		return false
	}
	if r.rows.Next() {
		return true
	}
	if err := r.rows.Err(); err != nil {
		r.err = r.tx.fail(r.text, r.tx.q.errorOf(err))
	}
	return false
}

// Scan reads the current row.
func (r *rows) Scan(dest ...any) error {
	if err := r.rows.Scan(dest...); err != nil {
		r.err = r.tx.fail(r.text, err)
		return r.err
	}
	return nil
}

// Err is what ended Next early, or nil.
func (r *rows) Err() error { return r.err }

// Close gives the statement back. It may be called twice. A server may take a
// statement back after its first row was read (a serialization failure): that
// shows here, and ends the transaction like any failure.
func (r *rows) Close() {
	if r.closed {
		return
	}
	r.closed = true
	if err := r.rows.Close(); err != nil && r.err == nil {
		r.err = r.tx.fail(r.text, r.tx.q.errorOf(err))
	}
	r.done()
	r.tx.openRows = slices.DeleteFunc(r.tx.openRows, func(o *rows) bool { return o == r })
}

// A row is the first row of a query, if any.
type row struct {
	rows *rows
	err  error
}

// Scan reads the row and closes the query.
func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	found := r.rows.Next()
	if found {
		_ = r.rows.Scan(dest...) // its error is the rows' error
	}
	r.rows.Close()
	switch {
	case r.rows.Err() != nil:
		return r.rows.Err()
	case !found:
		return ErrNotFound
	}
	return nil
}

// micros is how a time is stored: microseconds since 1970, UTC. The zero Time
// is stored as 0 and comes back as the zero Time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros is the inverse of micros.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
