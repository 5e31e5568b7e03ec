package store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

func TestOpen_folderInUse(t *testing.T) {
	c := storetest.SQLite(t)
	storetest.OpenConfig(t, c)
	if _, err := store.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "in use by another gatehouse") {
		t.Errorf("a second process: %v", err)
	}
}

// TestOpen_oddFolder: the path is a path, not a part of a URL.
func TestOpen_oddFolder(t *testing.T) {
	c := storetest.SQLite(t)
	c.Dir += "/a b#c%20d?e=f&g;é"
	db := storetest.OpenConfig(t, c)
	if err := spend(db, "x"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(c.Dir + "/gatehouse.db")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("database file: %v, %v", info, err)
	}
}

// TestOpen_wrongRing: a store never starts with a ring that cannot open what
// is in it, and never makes one beside data.
func TestOpen_wrongRing(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		file := t.TempDir() + "/ring.json"
		ring := func() *seal.Ring {
			r, err := seal.Open(seal.Config{File: file, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		reopen := func() error {
			db, err := store.Open(t.Context(), c)
			if err == nil {
				err = db.Close()
			}
			return err
		}
		c.Ring = ring()
		if err := reopen(); err != nil || c.Ring.Fresh() {
			t.Fatalf("first start: %v", err)
		}
		good := ring()
		c.Ring = good
		if err := reopen(); err != nil {
			t.Fatalf("second start: %v", err)
		}
		c.Ring = storetest.Ring(t)
		if err := reopen(); !errors.Is(err, seal.ErrUnknownKey) || !strings.Contains(err.Error(), "another key ring") {
			t.Errorf("another ring: %v", err)
		}
		file = t.TempDir() + "/ring.json"
		c.Ring = ring()
		if err := reopen(); err == nil || !strings.Contains(err.Error(), "there is no key ring") || !c.Ring.Fresh() {
			t.Errorf("a lost ring: %v", err)
		}
		c.Ring = good
		if err := good.Rotate(time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := reopen(); err != nil {
			t.Errorf("after rotation: %v", err)
		}
	})
}

func TestClosed(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
		if err := spend(db, "x"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Write after Close: %v", err)
		}
		if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Ping after Close: %v", err)
		}
	})
}

// TestMigrate covers resuming, a changed file, a newer schema, nodes that start
// together, and a migration that fails half-way.
func TestMigrate(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db := storetest.OpenConfig(t, c)
		files := fstest.MapFS{}
		names, err := fs.Glob(store.MigrationFiles(), "migrations/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := fs.ReadFile(store.MigrationFiles(), name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = file(string(b))
		}
		next := func(i int) string { return fmt.Sprintf("migrations/%04d_more.sql", len(names)+i) }
		files[next(1)] = file("create table more (id bigint primary key);\ninsert into more (id) values (1);")
		files[next(2)] = file("insert into more (id) values (2);\ninsert into more (id) values (2);")
		if err := db.Migrate(t.Context(), files); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("a migration that fails: %v", err)
		}
		files[next(2)] = file("insert into more (id) values (2);\ninsert into more (id) values (3);")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := db.Migrate(t.Context(), files); err != nil {
					t.Errorf("nodes migrating together: %v", err)
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.Read(t.Context(), func(tx *store.Tx) error { return tx.QueryRow("select count(*) from more").Scan(&n) }); err != nil || n != 3 {
			t.Errorf("%d rows, %v", n, err)
		}
		changed := files[next(2)]
		files[next(2)] = file("-- edited")
		if err := db.Migrate(t.Context(), files); err == nil || !strings.Contains(err.Error(), "is not the one of this program") {
			t.Errorf("an edited migration: %v", err)
		}
		files[next(2)] = changed
		delete(files, next(2))
		if err := db.Migrate(t.Context(), files); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("an older program: %v", err)
		}
		if c.URL != "" {
			if _, err := store.Open(t.Context(), c); !errors.Is(err, store.ErrNewerSchema) {
				t.Errorf("Open by an older program: %v", err)
			}
		}
		files["migrations/0099_gap.sql"] = file("")
		if err := db.Migrate(t.Context(), files); err == nil || !strings.Contains(err.Error(), "should have number") {
			t.Errorf("a gap: %v", err)
		}
	})
}
