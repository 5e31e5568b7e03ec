package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is the store on a server. Each Write is a serializable transaction
// of its own, run again when the server takes it back; the server groups the
// commits. Statements are prepared once a connection by pgx, by their text.
type postgres struct {
	db     *DB
	pool   *sql.DB
	closed atomic.Bool
	stop   context.CancelFunc
	ctx    context.Context // of the goroutines of start
	wg     sync.WaitGroup
	wakeup chan struct{}
	behind sync.Mutex // held while a batch of db.behind is committed
}

const (
	connectTimeout = 5 * time.Second
	maxAttempts    = 40
	pollEvery      = 250 * time.Millisecond
)

func openPostgres(ctx context.Context, db *DB) (_ *postgres, err error) {
	config, err := pgx.ParseConfig(db.c.URL)
	if err != nil {
		// pgx's message leaves the password out.
		return nil, fmt.Errorf("store: the database URL: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	for name, value := range map[string]string{
		"application_name":                    "gatehouse",
		"statement_timeout":                   "10000", // ms
		"lock_timeout":                        "10000",
		"idle_in_transaction_session_timeout": "20000", // a node that hangs must not hold rows
		"TimeZone":                            "UTC",
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	p := &postgres{db: db, pool: stdlib.OpenDB(*config), wakeup: make(chan struct{}, 1)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.pool.SetMaxOpenConns(maxConns)
	p.pool.SetMaxIdleConns(maxConns)
	p.pool.SetConnMaxIdleTime(5 * time.Minute)
	defer func() {
		if err != nil {
			p.stop()
			p.pool.Close()
		}
	}()
	if err := p.checkServer(ctx); err != nil {
		return nil, err
	}
	all, err := migrations(migrationFiles)
	if err != nil {
		return nil, err
	}
	if err := p.migrate(ctx, all); err != nil {
		return nil, err
	}
	return p, nil
}

// checkServer asks for what the one SQL text relies on: lists and pages are in
// the order of bytes, as SQLite's are, and a commit is on disk.
func (p *postgres) checkServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var encoding, commit string
	var bytewise bool
	err := p.pool.QueryRowContext(ctx, `select current_setting('server_encoding'), current_setting('synchronous_commit'),
		'B' < 'a' and 'a b' < 'aa' and 'a-c' < 'ab' and 'z' < 'é'`).Scan(&encoding, &commit, &bytewise)
	if err != nil {
		return fmt.Errorf("store: connecting to the database: %w", postgresError(err))
	}
	const how = `create it with: create database gatehouse encoding 'UTF8' lc_collate 'C' lc_ctype 'C' template template0`
	if encoding != "UTF8" {
		return fmt.Errorf("store: the database has encoding %s and needs UTF8; %s", encoding, how)
	}
	if !bytewise {
		return fmt.Errorf("store: the database does not sort by bytes; %s", how)
	}
	if commit == "off" {
		return errors.New("store: synchronous_commit is off for this database or user: what is acknowledged could be lost; alter role … set synchronous_commit = on")
	}
	return nil
}

// migrationLock is the advisory lock that nodes starting together queue on:
// "gatehous" read as a number.
const migrationLock = 0x67617465686f7573

func (p *postgres) migrate(ctx context.Context, all []migration) error {
	return migrate(all, p.db.c.Now, func(fn func(q querier) error) error {
		tx, err := p.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return postgresError(err)
		}
		defer tx.Rollback() // does nothing after Commit
		q := pgTx{ctx, tx}
		for _, s := range []string{"set local statement_timeout = 0", "set local lock_timeout = 0"} {
			if _, err := q.exec(s, nil); err != nil {
				return err
			}
		}
		if _, err := q.exec("select pg_advisory_xact_lock($1)", []any{int64(migrationLock)}); err != nil {
			return err
		}
		if err := fn(q); err != nil {
			return err
		}
		return postgresError(tx.Commit())
	})
}

// start begins polling the generation and committing db.behind.
func (p *postgres) start() {
	p.wg.Go(func() {
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		for {
			select {
			case <-p.ctx.Done():
				return
			case <-ticker.C:
				ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
				if err := p.db.pollGeneration(ctx); err != nil && p.ctx.Err() == nil {
					p.db.log.Warn("store: reading the generation of the configuration", "error", err)
				}
				cancel()
			}
		}
	})
	p.wg.Go(p.commitBehindLoop)
}

func (p *postgres) commitBehindLoop() {
	over := false
	defer func() {
		if !over { // a function called Goexit
			p.wg.Go(p.commitBehindLoop)
		}
	}()
	for {
		select {
		case <-p.ctx.Done():
			over = true
			return
		case <-p.wakeup:
			if err := p.flush(p.ctx); err != nil {
				p.db.behindFailed(err)
			}
		}
	}
}

func (p *postgres) wake() {
	time.AfterFunc(behindDelay, func() {
		select {
		case p.wakeup <- struct{}{}:
		default: // somebody woke it already
		}
	})
}

// flush commits what is queued, a batch at a time. Each function has a
// savepoint of its own, so that one that fails takes no other along.
func (p *postgres) flush(ctx context.Context) error {
	p.behind.Lock()
	defer p.behind.Unlock()
	for rounds := p.db.behind.len()/behindBatch + 1; rounds > 0; rounds-- {
		fns := p.db.behind.pop(behindBatch)
		if len(fns) == 0 {
			return nil
		}
		var failures []error
		err := p.write(ctx, func(tx *Tx) error {
			failures = nil
			for _, fn := range fns {
				if _, err := tx.exec("savepoint one"); err != nil {
					return err
				}
				sub := &Tx{Now: tx.Now, ctx: tx.ctx, q: tx.q, ring: tx.ring}
				err := call(sub, fn)
				tx.generation = max(tx.generation, sub.generation)
				switch {
				case err == nil:
				case serializationFailure(err), errors.Is(err, ErrUnavailable):
					return err
				default:
					failures = append(failures, err)
					if _, err := tx.exec("rollback to one"); err != nil {
						return err
					}
				}
				if _, err := tx.exec("release one"); err != nil {
					return err
				}
			}
			return nil
		})
		for _, f := range failures {
			p.db.behindFailed(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *postgres) read(ctx context.Context, single bool, fn func(*Tx) error) error {
	if single {
		return p.retry(ctx, nil, fn)
	}
	return p.retry(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

func (p *postgres) write(ctx context.Context, fn func(*Tx) error) error {
	return p.retry(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable}, fn)
}

// retry runs fn until its transaction commits, or fails for a reason that
// another try would not remove, or the time is up. Without options there is no
// transaction: fn reads with one statement.
func (p *postgres) retry(outer context.Context, opts *sql.TxOptions, fn func(*Tx) error) error {
	if p.closed.Load() {
		return kind(ErrUnavailable, errors.New("store: closed"))
	}
	ctx, cancel := context.WithTimeout(outer, callTimeout)
	defer cancel()
	conflicts, losses := 0, 0
	for attempt := 1; ; attempt++ {
		err, unknown := p.attempt(ctx, opts, fn)
		switch {
		case err == nil:
			return nil
		case outer.Err() != nil:
			return outer.Err()
		case ctx.Err() != nil:
			return kind(ErrUnavailable, err)
		case unknown:
			return kind(ErrUnavailable, err) // the commit may have happened: never run it twice
		case serializationFailure(err):
			if attempt >= maxAttempts {
				return kind(ErrBusy, err)
			}
		case errors.Is(err, ErrConflict) && uniqueViolation(err) && conflicts == 0:
			// Perhaps a race of two that both looked first: the second look tells.
			conflicts++
		case errors.Is(err, ErrUnavailable) && losses == 0:
			// A connection that died while idle shows only when it is used.
			losses++
		default:
			return err
		}
		p.db.stats.retries.Add(1)
		select {
		case <-time.After(pause(attempt)):
		case <-ctx.Done():
		}
	}
}

// attempt runs fn in one transaction. unknown says that the connection was
// lost while the commit was under way.
func (p *postgres) attempt(ctx context.Context, opts *sql.TxOptions, fn func(*Tx) error) (err error, unknown bool) {
	if opts == nil {
		tx := &Tx{Now: p.db.c.Now(), ctx: ctx, q: pgTx{ctx, p.pool}, ring: p.db.c.Ring, readOnly: true, single: true}
		defer tx.closeRows() // after a panic of fn
		return tx.run(fn), false
	}
	t, err := p.pool.BeginTx(ctx, opts)
	if err != nil {
		return postgresError(err), false
	}
	defer t.Rollback() // after a panic of fn as well; does nothing after Commit
	tx := &Tx{Now: p.db.c.Now(), ctx: ctx, q: pgTx{ctx, t}, ring: p.db.c.Ring, readOnly: opts.ReadOnly}
	defer tx.closeRows()
	if err := tx.run(fn); err != nil {
		if tx.failed != nil && serializationFailure(tx.failed) {
			return tx.failed, false // also when fn made something else of it
		}
		return err, false
	}
	if opts.ReadOnly {
		return nil, false // nothing to commit: Rollback ends it
	}
	if err := t.Commit(); err != nil {
		var pe *pgconn.PgError
		return postgresError(err), !errors.As(err, &pe)
	}
	p.db.stats.commits.Add(1)
	if tx.generation != 0 {
		p.db.learnGeneration(tx.generation)
	}
	return nil, false
}

func uniqueViolation(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "23505"
}

// pause before the next attempt: random, so that those who met do not meet
// again, and longer each time, up to 64 ms.
func pause(attempt int) time.Duration {
	var b [4]byte
	rand.Read(b[:])
	limit := time.Millisecond << min(attempt, 6)
	return time.Duration(binary.BigEndian.Uint32(b[:])) * limit >> 32
}

func (p *postgres) integrity(ctx context.Context) error {
	return p.read(ctx, true, func(tx *Tx) error { return tx.queryRow("select 1").Scan(new(int64)) })
}

func (p *postgres) close() error {
	if p.closed.Load() {
		return nil
	}
	p.stop()
	p.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	err := p.flush(ctx)
	p.closed.Store(true)
	return errors.Join(err, p.pool.Close())
}

// A pgTx is the querier of one transaction.
type pgTx struct {
	ctx context.Context
	tx  pgRunner
}

// pgRunner is a transaction, or the pool for a statement that needs none.
type pgRunner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (q pgTx) exec(query string, args []any) (int64, error) {
	r, err := q.tx.ExecContext(q.ctx, query, args...)
	if err != nil {
		return 0, postgresError(err)
	}
	return r.RowsAffected()
}

func (q pgTx) query(query string, args []any) (*sql.Rows, func(), error) {
	r, err := q.tx.QueryContext(q.ctx, query, args...)
	if err != nil {
		return nil, nil, postgresError(err)
	}
	return r, func() {}, nil
}

func (q pgTx) errorOf(err error) error { return postgresError(err) }
