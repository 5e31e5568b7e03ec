package store_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// TestPasskeys: whose a passkey is, and with whom it goes.
func TestPasskeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		at := time.UnixMicro(1_800_000_000_000_001).UTC()
		insert := func(poolID, sub, id string) error {
			return db.Write(context.Background(), func(tx *store.Tx) error {
				return store.InsertPasskey(tx, &store.Passkey{PoolID: poolID, Sub: sub, CredentialID: []byte(id), PublicKey: []byte{0, 255}, SignCount: 1<<32 - 1,
					Transports: []string{"usb", "internal"}, Attachment: "platform", AAGUID: "a", UserVerified: true, BackupEligible: true,
					RelyingPartyID: "example.com", Name: "key", CreatedAt: at})
			})
		}
		list := func(poolID, sub string) (list []*store.Passkey) {
			t.Helper()
			if err := db.Read(context.Background(), func(tx *store.Tx) (err error) {
				list, err = store.Passkeys(tx, poolID, sub)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return list
		}
		for _, k := range [][3]string{{"p", "ann", "2"}, {"p", "ann", "1\x00\xff"}, {"p", "bob", "3"}, {"q", "ann", "2"}} {
			if err := insert(k[0], k[1], k[2]); err != nil {
				t.Fatal(err)
			}
		}
		for _, sub := range []string{"ann", "bob"} {
			if err := insert("p", sub, "2"); !errors.Is(err, store.ErrConflict) {
				t.Errorf("the id again, for %s: %v", sub, err)
			}
		}
		want := &store.Passkey{PoolID: "p", Sub: "ann", CredentialID: []byte("1\x00\xff"), PublicKey: []byte{0, 255}, SignCount: 1<<32 - 1,
			Transports: []string{"usb", "internal"}, Attachment: "platform", AAGUID: "a", UserVerified: true, BackupEligible: true,
			RelyingPartyID: "example.com", Name: "key", CreatedAt: at}
		if got := list("p", "ann"); len(got) != 2 || !reflect.DeepEqual(got[0], want) || string(got[1].CredentialID) != "2" {
			t.Errorf("ann's: %+v", got)
		}
		remove := func(poolID, sub, id string) error {
			return db.Write(context.Background(), func(tx *store.Tx) error { return store.DeletePasskey(tx, poolID, sub, []byte(id)) })
		}
		for what, err := range map[string]error{"another's": remove("p", "bob", "2"), "of another pool": remove("q", "ann", "3"), "unknown": remove("p", "ann", "4")} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s is removed: %v", what, err)
			}
		}
		if err := remove("p", "ann", "2"); err != nil || len(list("p", "ann")) != 1 || len(list("q", "ann")) != 1 {
			t.Errorf("removed: %v, %v left, elsewhere %v", err, list("p", "ann"), list("q", "ann"))
		}
		if err := db.Write(context.Background(), func(tx *store.Tx) error { return store.DeleteUser(tx, &store.User{PoolID: "p", Sub: "ann"}) }); err != nil {
			t.Fatal(err)
		}
		if len(list("p", "ann")) != 0 || len(list("p", "bob")) != 1 {
			t.Error("a user's passkeys do not go with the user")
		}
		if err := db.Write(context.Background(), func(tx *store.Tx) error { return store.DeleteUserPool(tx, "p") }); err != nil {
			t.Fatal(err)
		}
		if len(list("p", "bob")) != 0 || len(list("q", "ann")) != 1 {
			t.Error("a pool's passkeys do not go with the pool")
		}
	})
}

// TestUpdatePasskeyUse: of many who take the same answer of an authenticator,
// one wins.
func TestUpdatePasskeyUse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		read := &store.Passkey{PoolID: "p", Sub: "ann", CredentialID: []byte("1"), PublicKey: []byte{1}, SignCount: 4}
		if err := db.Write(context.Background(), func(tx *store.Tx) error { return store.InsertPasskey(tx, read) }); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			group.Go(func() {
				errs[i] = db.Write(context.Background(), func(tx *store.Tx) error { return store.UpdatePasskeyUse(tx, read, 5, true) })
			})
		}
		group.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			list, err := store.Passkeys(tx, "p", "ann")
			if err != nil {
				return err
			}
			if len(list) != 1 || list[0].SignCount != 5 || !list[0].BackedUp || list[0].UsedAt.IsZero() {
				t.Errorf("noted: %+v", list)
			}
			other := *list[0]
			other.Sub = "bob"
			if err := store.UpdatePasskeyUse(tx, &other, 6, true); !errors.Is(err, store.ErrConflict) {
				t.Errorf("another user's: %v", err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}
