package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// TestAuthEvents: order, pages, feedback, and what comes again under its id.
func TestAuthEvents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		begin := time.Unix(1_800_000_000, 0).UTC()
		put := func(e store.AuthEvent) {
			t.Helper()
			e.PoolID = "p"
			if err := db.Write(context.Background(), func(tx *store.Tx) error { return store.PutAuthEvent(tx, &e) }); err != nil {
				t.Fatal(err)
			}
		}
		read := func(fn func(tx *store.Tx) error) {
			t.Helper()
			if err := db.Read(context.Background(), fn); err != nil {
				t.Fatal(err)
			}
		}
		first := store.AuthEvent{Sub: "ann", ID: "a", At: begin, Type: "SignIn", Response: "InProgress", Decision: "NoRisk", Level: "Low", Compromised: true,
			Challenges: []store.AuthChallenge{{Name: "Password", Response: "Success"}}, IP: "192.0.2.1", Device: "Firefox, Linux", City: "Bern", Country: "CH"}
		put(first)
		// Two of one instant have an order as well.
		put(store.AuthEvent{Sub: "ann", ID: "b", At: begin.Add(time.Second), Type: "SignIn", Response: "Fail"})
		put(store.AuthEvent{Sub: "ann", ID: "c", At: begin.Add(time.Second), Type: "SignIn", Response: "Fail"})
		put(store.AuthEvent{Sub: "bob", ID: "d", At: begin, Type: "SignUp", Response: "Pass"})
		feedback := func(id, value string) error {
			return db.Write(context.Background(), func(tx *store.Tx) error { return store.SetAuthEventFeedback(tx, "p", "ann", id, value, "Admin") })
		}
		if err := feedback("a", "Valid"); err != nil {
			t.Fatal(err)
		}
		if err := feedback("d", "Valid"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another user's event: %v", err)
		}
		first.Response, first.Challenges = "Pass", append(first.Challenges, store.AuthChallenge{Name: "Mfa", Response: "Success"})
		put(first)
		read(func(tx *store.Tx) error {
			e, err := store.AuthEventByID(tx, "p", "ann", "a")
			if err != nil {
				return err
			}
			if e.Response != "Pass" || len(e.Challenges) != 2 || e.Challenges[1].Name != "Mfa" || e.Feedback != "Valid" || e.FeedbackBy != "Admin" || e.FeedbackAt.IsZero() ||
				!e.At.Equal(begin) || !e.Compromised || e.Level != "Low" || e.IP != "192.0.2.1" || e.Device != "Firefox, Linux" || e.City != "Bern" || e.Country != "CH" {
				t.Errorf("the event is %+v", e)
			}
			if _, err := store.AuthEventByID(tx, "p", "bob", "a"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("as another user's: %v", err)
			}
			var ids string
			at, id := time.Time{}, ""
			for {
				page, err := store.AuthEvents(tx, "p", "ann", at, id, 1)
				if err != nil || len(page) == 0 {
					if ids != "cba" {
						t.Errorf("the pages are %s", ids)
					}
					return err
				}
				at, id = page[0].At, page[0].ID
				ids += id
			}
		})
	})
}

// TestAuthEvents_bounds: strangers' failures push no success out, and what is
// old goes.
func TestAuthEvents_bounds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		count := func() (n int) {
			t.Helper()
			if err := db.Read(context.Background(), func(tx *store.Tx) error {
				return tx.QueryRow("select count(*) from user_auth_events").Scan(&n)
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			e := store.AuthEvent{PoolID: "p", Sub: "ann", ID: "success", At: tx.Now, Type: "SignIn", Response: "Pass"}
			if err := store.PutAuthEvent(tx, &e); err != nil {
				return err
			}
			for i := range store.AuthEventsOther + 20 {
				e.ID, e.At, e.Response = fmt.Sprintf("%04d", i), tx.Now.Add(time.Duration(i)*time.Second), "Fail"
				if err := store.PutAuthEvent(tx, &e); err != nil {
					return err
				}
			}
			list, err := store.AuthEvents(tx, "p", "ann", time.Time{}, "", 1000)
			if err != nil {
				return err
			}
			if n := len(list); n != store.AuthEventsOther+1 || list[0].ID != "0119" || list[n-2].ID != "0020" || list[n-1].ID != "success" {
				t.Errorf("%d are left, from %s to %s", n, list[0].ID, list[n-1].ID)
			}
			for i := range store.AuthEventsPassed {
				e.ID, e.At, e.Response = fmt.Sprintf("p%04d", i), tx.Now.Add(time.Hour), "Pass"
				if err := store.PutAuthEvent(tx, &e); err != nil {
					return err
				}
			}
			if _, err := store.AuthEventByID(tx, "p", "ann", "success"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the oldest success: %v", err)
			}
			e.ID, e.Sub, e.At = "old", "bob", tx.Now.Add(-store.AuthEventsLife-time.Second)
			return store.PutAuthEvent(tx, &e)
		}); err != nil {
			t.Fatal(err)
		}
		before := count()
		if _, err := db.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != before-1 {
			t.Errorf("of %d the sweep left %d", before, n)
		}
		if err := db.Write(context.Background(), func(tx *store.Tx) error { return store.DeleteUser(tx, &store.User{PoolID: "p", Sub: "ann"}) }); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 0 {
			t.Errorf("%d are left of a deleted user", n)
		}
	})
}
