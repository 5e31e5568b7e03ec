package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

// sqlite is the embedded store: one connection that writes, owned by one
// goroutine (write.go), and a bounded number that read.
type sqlite struct {
	db       *DB
	lock     *os.File
	writeDB  *sql.DB // at most one connection
	readDB   *sql.DB
	readers  chan *conn    // idle
	slots    chan struct{} // one for each reader in use or idle
	w        *writer
	closed   atomic.Bool
	closing  sync.RWMutex // held for reading by each Read
	fileName string
}

func openSQLite(ctx context.Context, db *DB) (_ *sqlite, err error) {
	lock, err := lockDir(db.c.Dir)
	if err != nil {
		return nil, err
	}
	s := &sqlite{db: db, lock: lock, fileName: filepath.Join(db.c.Dir, "gatehouse.db")}
	defer func() {
		if err != nil {
			if s.writeDB != nil {
				s.writeDB.Close()
			}
			if s.readDB != nil {
				s.readDB.Close()
			}
			lock.Close()
		}
	}()
	// The file holds users' data: nobody else may read it. SQLite gives the
	// -wal and -shm files the mode of the database.
	f, err := os.OpenFile(s.fileName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: opening the database: %w", err)
	}
	f.Close()

	absolute, err := filepath.Abs(s.fileName)
	if err != nil {
		return nil, fmt.Errorf("store: opening the database: %w", err)
	}
	dsn := func(pragmas ...string) string {
		// Cache sizes are KiB when negative. FULL makes a commit wait for its
		// fsync in WAL mode, which is what durable means here.
		all := append([]string{"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)", "temp_store(memory)"}, pragmas...)
		return (&url.URL{Scheme: "file", Path: absolute, RawQuery: url.Values{"_pragma": all}.Encode()}).String()
	}
	if s.writeDB, err = sql.Open("sqlite", dsn("cache_size(-4000)", "journal_size_limit(67108864)")); err != nil {
		return nil, err
	}
	s.writeDB.SetMaxOpenConns(1)
	n := max(4, 2*runtime.GOMAXPROCS(0))
	if s.readDB, err = sql.Open("sqlite", dsn("cache_size(-2000)", "query_only(on)")); err != nil {
		return nil, err
	}
	s.readDB.SetMaxOpenConns(n)
	s.readDB.SetMaxIdleConns(n)
	s.readers, s.slots = make(chan *conn, n), make(chan struct{}, n)
	s.w = &writer{
		s: s, queue: make(chan *request, queueLimit), wakeup: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}

	all, err := migrations(migrationFiles)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx, all); err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", s.fileName, err)
	}
	go s.w.loop()
	return s, nil
}

// migrate runs before the writer starts, on a connection of its own.
func (s *sqlite) migrate(ctx context.Context, all []migration) error {
	c, err := newConn(ctx, s.writeDB)
	if err != nil {
		return err
	}
	defer c.close()
	return migrate(all, s.db.c.Now, func(fn func(q querier) error) error {
		if _, err := c.exec("begin immediate", nil); err != nil {
			return err
		}
		err := fn(c)
		if err == nil {
			_, err = c.exec("commit", nil)
		}
		if err != nil {
			c.exec("rollback", nil)
		}
		return err
	})
}

func (s *sqlite) read(ctx context.Context, single bool, fn func(*Tx) error) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed.Load() {
		return kind(ErrUnavailable, errors.New("store: closed"))
	}
	c, err := s.takeReader(ctx)
	if err != nil {
		return err
	}
	// Whatever happens in fn, a panic too, the reader goes back clean or not
	// at all: a snapshot left open would keep the log of writes growing.
	clean := false
	defer func() {
		if clean {
			s.readers <- c
			return
		}
		c.close()
		<-s.slots
	}()
	if !single {
		if _, err := c.exec("begin", nil); err != nil {
			return err
		}
	}
	tx := &Tx{Now: s.db.c.Now(), ctx: ctx, q: c, ring: s.db.c.Ring, readOnly: true, single: single}
	defer tx.closeRows()
	err = tx.run(fn)
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	if !single {
		if _, end := c.exec("rollback", nil); end != nil {
			return errors.Join(err, end)
		}
	}
	clean = true
	return err
}

func (s *sqlite) takeReader(ctx context.Context) (*conn, error) {
	select {
	case c := <-s.readers:
		return c, nil
	default:
	}
	select {
	case c := <-s.readers:
		return c, nil
	case s.slots <- struct{}{}:
		c, err := newConn(ctx, s.readDB)
		if err != nil {
			<-s.slots
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		return nil, kind(ErrBusy, ctx.Err())
	}
}

func (s *sqlite) integrity(ctx context.Context) error {
	return s.read(ctx, true, func(tx *Tx) error {
		lines, err := collect(tx, func(r scanner) (line string, err error) {
			err = r.Scan(&line)
			return line, err
		}, "pragma integrity_check")
		if err != nil {
			return err
		}
		if len(lines) != 1 || lines[0] != "ok" {
			return fmt.Errorf("store: integrity check: %q", lines)
		}
		return nil
	})
}

func (s *sqlite) close() error {
	if s.closed.Swap(true) {
		return nil
	}
	close(s.w.stop)
	<-s.w.stopped
	s.closing.Lock() // until the last Read has ended
	defer s.closing.Unlock()
	for len(s.readers) > 0 {
		(<-s.readers).close()
	}
	return errors.Join(s.readDB.Close(), s.writeDB.Close(), s.lock.Close())
}

// A conn is one connection to SQLite with its prepared statements. Statements
// run with a context of the background: SQLite answers in microseconds, and
// watching a context costs a goroutine each time. Tx looks at the caller's
// context between statements and rows.
type conn struct {
	c     *sql.Conn
	stmts map[string]*stmt
}

type stmt struct {
	*sql.Stmt
	busy bool // its rows are open, so it cannot be run again
}

// maxStmts bounds the statements that a connection keeps: texts are constants
// but for the filters of lists.
const maxStmts = 256

func newConn(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, sqliteError(err)
	}
	return &conn{c: c, stmts: map[string]*stmt{}}, nil
}

// close ends the connection itself instead of giving it back to database/sql,
// whose pool would hand it out again with whatever was wrong with it.
func (c *conn) close() {
	for _, s := range c.stmts {
		s.Close()
	}
	c.c.Raw(func(any) error { return driver.ErrBadConn })
	c.c.Close()
}

func (c *conn) prepare(query string) (*stmt, error) {
	if s := c.stmts[query]; s != nil && !s.busy {
		return s, nil
	}
	prepared, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, sqliteError(err)
	}
	s := &stmt{Stmt: prepared}
	if c.stmts[query] == nil {
		if len(c.stmts) >= maxStmts {
			for text, old := range c.stmts {
				if !old.busy {
					old.Close()
					delete(c.stmts, text)
					break
				}
			}
		}
		c.stmts[query] = s
	}
	return s, nil
}

// release ends the use of a statement; one that is not kept is closed.
func (c *conn) release(query string, s *stmt) {
	s.busy = false
	if c.stmts[query] != s {
		s.Close()
	}
}

func (c *conn) exec(query string, args []any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	defer c.release(query, s)
	r, err := s.Exec(args...)
	if err != nil {
		return 0, sqliteError(err)
	}
	return r.RowsAffected()
}

func (c *conn) query(query string, args []any) (*sql.Rows, func(), error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, nil, err
	}
	s.busy = true
	r, err := s.Query(args...)
	if err != nil {
		c.release(query, s)
		return nil, nil, sqliteError(err)
	}
	return r, func() { c.release(query, s) }, nil
}

func (c *conn) errorOf(err error) error { return sqliteError(err) }
