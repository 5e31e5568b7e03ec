package store_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// TestPoolRecords: keys, names, owners and secrets of a pool's records.
func TestPoolRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		write := func(fn func(tx *store.Tx) error) {
			t.Helper()
			if err := db.Write(context.Background(), fn); err != nil {
				t.Fatal(err)
			}
		}
		insert := func(r store.PoolRecord) error {
			r.PoolID, r.Kind = "p", "k"
			return db.Write(context.Background(), func(tx *store.Tx) error { return store.InsertPoolRecord(tx, &r) })
		}
		if err := insert(store.PoolRecord{ID: "a", Name: "first", Owner: store.OwnedByClient("c"), Body: "{}", Secret: []byte("hush")}); err != nil {
			t.Fatal(err)
		}
		for what, r := range map[string]store.PoolRecord{"the id": {ID: "a", Name: "other"}, "the name": {ID: "b", Name: "first"}} {
			if err := insert(r); !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s again: %v", what, err)
			}
		}
		if err := insert(store.PoolRecord{ID: "b", Body: "[]"}); err != nil {
			t.Fatal(err)
		}
		before := db.Generation()
		write(func(tx *store.Tx) error {
			r, err := store.PoolRecordByName(tx, "p", "k", "first")
			if err != nil {
				return err
			}
			if r.ID != "a" || string(r.Secret) != "hush" || r.Owner != "client/c" {
				t.Errorf("the record is %+v", r)
			}
			r.Body = `"changed"`
			return store.PutPoolRecord(tx, r)
		})
		if db.Generation() == before {
			t.Error("a write does not change the generation")
		}
		if err := db.Read(context.Background(), func(tx *store.Tx) error {
			var sealed []byte
			if err := tx.QueryRow("select secret from user_pool_records where id = 'a'").Scan(&sealed); err != nil {
				return err
			}
			if len(sealed) == 0 || bytes.Contains(sealed, []byte("hush")) {
				t.Errorf("the secret is stored as %q", sealed)
			}
			list, err := store.PoolRecords(tx, "p", "k", "", 10)
			if err != nil {
				return err
			}
			if len(list) != 2 || list[0].Body != `"changed"` || list[0].Secret != nil || list[1].Name != "b" || list[1].Body != "[]" {
				t.Errorf("the list is %+v", list)
			}
			_, err = store.PoolRecordByID(tx, "p", "other", "a")
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("of another kind: %v", err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		write(func(tx *store.Tx) error { return store.DeletePoolRecordsOf(tx, "p", store.OwnedByClient("c")) })
		write(func(tx *store.Tx) error { return store.DeletePoolRecordsOf(tx, "p", store.OwnedByProvider("b")) })
		if err := db.Read(context.Background(), func(tx *store.Tx) error {
			n, err := store.CountPoolRecords(tx, "p", "k")
			if n != 1 {
				t.Errorf("%d records are left, want 1", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestPoolRecords_deletePool: nothing of a pool survives it, and nothing of
// another one goes.
func TestPoolRecords_deletePool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			for _, p := range []string{"p", "q"} {
				if err := errors.Join(store.PutUserPool(tx, &store.UserPool{ID: p, Settings: "{}"}),
					store.InsertPoolRecord(tx, &store.PoolRecord{PoolID: p, Kind: "k", ID: "a", Body: "{}"}),
					store.InsertPoolDomain(tx, &store.PoolDomain{PoolID: p, Domain: "of-" + p, Body: "{}"})); err != nil {
					return err
				}
				if err := store.InsertPoolDomain(tx, &store.PoolDomain{PoolID: p, Domain: "more-of-" + p, Body: "{}"}); !errors.Is(err, store.ErrConflict) {
					t.Errorf("a second prefix: %v", err)
				}
			}
			return store.DeleteUserPool(tx, "p")
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Read(context.Background(), func(tx *store.Tx) error {
			for p, want := range map[string]int{"p": 0, "q": 1} {
				n, err := store.CountPoolRecords(tx, p, "k")
				if err != nil {
					return err
				}
				domains, err := store.PoolDomains(tx, p)
				if err != nil {
					return err
				}
				if n != want || len(domains) != want {
					t.Errorf("pool %s has %d records and %d domains, want %d", p, n, len(domains), want)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}
