package store

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration is one file: NNNN_what_it_adds.sql, numbered from 1 without gaps.
// It is applied once, in a transaction of its own, and never edited afterwards.
type migration struct {
	version  int
	name     string
	text     string
	checksum string
}

func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration // Glob sorts, and the numbers have four digits
	for i, name := range names {
		base := strings.TrimSuffix(path.Base(name), ".sql")
		number, _, _ := strings.Cut(base, "_")
		if version, err := strconv.Atoi(number); err != nil || len(number) != 4 || version != i+1 {
			return nil, fmt.Errorf("store: migration %s should have number %04d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{i + 1, base, string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

const createVersions = `create table if not exists schema_versions (
	version    bigint not null primary key,
	name       text   not null,
	checksum   text   not null,
	applied_at bigint not null
)`

// migrate brings the schema up to date. once runs a function in a transaction
// that excludes every other migration of this database. A process that dies
// half-way leaves whole migrations behind, and the next one goes on.
func migrate(all []migration, now func() time.Time, once func(func(q querier) error) error) error {
	if err := once(func(q querier) error {
		_, err := q.exec(createVersions, nil)
		return err
	}); err != nil {
		return fmt.Errorf("store: preparing the schema: %w", err)
	}
	for {
		done := false
		err := once(func(q querier) error {
			applied, err := checkApplied(all, q)
			if err != nil || applied == len(all) {
				done = true
				return err
			}
			m := all[applied]
			if _, err := q.exec(m.text, nil); err != nil {
				return fmt.Errorf("store: migration %s: %w", m.name, err)
			}
			_, err = q.exec("insert into schema_versions (version, name, checksum, applied_at) values ($1, $2, $3, $4)",
				[]any{int64(m.version), m.name, m.checksum, micros(now())})
			return err
		})
		if err != nil || done {
			return err
		}
	}
}

// ErrNewerSchema says that the database was used by a newer program.
var ErrNewerSchema = errors.New("store: the database was written by a newer gatehouse; run that version, or restore a backup")

// checkApplied compares what was applied with what this program knows, and
// returns how many migrations have been applied.
func checkApplied(all []migration, q querier) (int, error) {
	rows, done, err := q.query("select version, name, checksum from schema_versions order by version", nil)
	if err != nil {
		return 0, err
	}
	defer done()
	defer rows.Close()
	n := 0
	for rows.Next() {
		var m migration
		var version int64
		if err := rows.Scan(&version, &m.name, &m.checksum); err != nil {
			return 0, err
		}
		if int(version) > len(all) {
			return 0, fmt.Errorf("%w (it has migration %s; this program knows %d)", ErrNewerSchema, m.name, len(all))
		}
		if int(version) != n+1 || m.checksum != all[n].checksum {
			return 0, fmt.Errorf("store: migration %s in the database is not the one of this program", m.name)
		}
		n++
	}
	return n, rows.Err()
}
