package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file is what the two databases differ in besides how they commit.

// sqliteError makes one of the package's errors of SQLite's.
func sqliteError(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlitedriver.Error
	if !errors.As(err, &se) {
		if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, fs.ErrClosed) {
			return kind(ErrUnavailable, err)
		}
		return err
	}
	switch code := se.Code(); code & 0xff {
	case sqlite3.SQLITE_CONSTRAINT:
		if code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || code == sqlite3.SQLITE_CONSTRAINT_ROWID {
			return kind(ErrConflict, err)
		}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return kind(ErrBusy, err)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS:
		return kind(ErrUnavailable, err)
	}
	return err
}

// postgresError makes one of the package's errors of PostgreSQL's, by SQLSTATE
// (PostgreSQL documentation, appendix A).
func postgresError(err error) error {
	if err == nil {
		return nil
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch {
		case pe.Code == "23505": // unique_violation
			return kind(ErrConflict, err)
		case pe.Code == "57014": // query_canceled: by statement_timeout, or by the context, which is looked at first
			return kind(ErrUnavailable, err)
		case pe.Code == "25006": // read_only_sql_transaction: a standby, after a failover
			return kind(ErrUnavailable, err)
		}
		switch pe.Code[:2] {
		case "08", "53", "57", "58", "XX": // connection, resources, operator, system, internal
			return kind(ErrUnavailable, err)
		}
		return err
	}
	var ne net.Error
	var ce *pgconn.ConnectError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &ne), errors.As(err, &ce), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, sql.ErrTxDone), pgconn.SafeToRetry(err):
		return kind(ErrUnavailable, err)
	}
	if err.Error() == "conn closed" || err.Error() == "sql: database is closed" {
		return kind(ErrUnavailable, err)
	}
	return err
}

// serializationFailure says that PostgreSQL took a transaction back because of
// what others did at the same time, and that running it again is the answer.
func serializationFailure(err error) bool {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return false
	}
	switch pe.Code {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	case "0A000": // a newer node has changed a table under a prepared statement; pgx prepares it anew
		return strings.Contains(pe.Message, "cached plan must not change")
	}
	return false
}
