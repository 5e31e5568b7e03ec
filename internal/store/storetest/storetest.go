// Package storetest opens stores for tests: SQLite in the test's folder, and
// PostgreSQL on a server that the test binary starts for itself.
//
// A test that touches the store runs on both, by [Each]; one to which the
// database does not matter uses [Open]. What a newcomer gets wrong: a machine
// without PostgreSQL does not skip, it fails, so that "all green" always means
// both. To work without, say so: GATEHOUSE_TEST_STORES=sqlite (make quick).
//
// GATEHOUSE_TEST_POSTGRES names a server to use in place of an own one: a URL
// whose user may create databases. Each test has a database of its own there.
package storetest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// Open opens an empty SQLite store, closed when the test ends.
func Open(t testing.TB) *store.DB {
	t.Helper()
	return OpenConfig(t, SQLite(t))
}

// OpenConfig opens a store that is closed when the test ends.
func OpenConfig(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return db
}

// Each runs fn on an empty store of each kind, as subtests.
func Each(t *testing.T, fn func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachConfig(t, func(t *testing.T, c store.Config) { fn(t, OpenConfig(t, c)) })
}

// EachConfig is Each for tests that open the store themselves: more than once,
// or with a clock of their own.
func EachConfig(t *testing.T, fn func(t *testing.T, c store.Config)) {
	t.Helper()
	for _, kind := range Kinds(t) {
		t.Run(kind, func(t *testing.T) { fn(t, New(t, kind)) })
	}
}

// Kinds are the databases to test on: "sqlite" and "postgres".
func Kinds(t testing.TB) []string {
	t.Helper()
	switch s := os.Getenv("GATEHOUSE_TEST_STORES"); s {
	case "":
		return []string{"sqlite", "postgres"}
	case "sqlite", "postgres":
		return []string{s}
	default:
		t.Fatalf("GATEHOUSE_TEST_STORES is %q, and may be sqlite or postgres", s)
		return nil
	}
}

// New configures an empty store of a kind.
func New(t testing.TB, kind string) store.Config {
	t.Helper()
	switch kind {
	case "sqlite":
		return SQLite(t)
	case "postgres":
		return Postgres(t)
	}
	t.Fatalf("no such kind of store: %s", kind)
	return store.Config{}
}

// SQLite configures an empty SQLite store.
func SQLite(t testing.TB) store.Config {
	return store.Config{Dir: t.TempDir(), Ring: Ring(t), Now: time.Now}
}

// Postgres configures an empty PostgreSQL database, dropped when the test ends.
func Postgres(t testing.TB) store.Config {
	t.Helper()
	url, err := newDatabase(t)
	if err != nil {
		t.Fatalf("PostgreSQL is needed for this test: %v\n"+
			"`make test` runs on SQLite and PostgreSQL; `make quick` (GATEHOUSE_TEST_STORES=sqlite) does without PostgreSQL.", err)
	}
	return store.Config{URL: url, Ring: Ring(t), Now: time.Now}
}

// Ring makes a key ring that is not on disk.
func Ring(t testing.TB) *seal.Ring {
	t.Helper()
	r, err := seal.Open(seal.Config{Keys: seal.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// databaseName makes a name that PostgreSQL takes without quotes.
func databaseName(n uint64) string {
	return strings.ToLower(fmt.Sprintf("gatehouse_test_%d_%d", os.Getpid(), n))
}
