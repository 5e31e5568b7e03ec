package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

func spent(t testing.TB, db *store.DB) int {
	t.Helper()
	var n int
	if err := db.Read(context.Background(), func(tx *store.Tx) error {
		return tx.QueryRow("select count(*) from spent_tokens").Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func spend(db *store.DB, id string) error {
	return db.Write(context.Background(), func(tx *store.Tx) error {
		return store.Spend(tx, "test", id, tx.Now.Add(time.Hour))
	})
}

// TestSpend_race is the promise of single use: many at once, one winner each.
func TestSpend_race(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const racers, ids = 32, 40
		var won [ids]atomic.Int32
		var wg sync.WaitGroup
		for range racers {
			wg.Go(func() {
				for id := range ids {
					switch err := spend(db, fmt.Sprint(id)); {
					case err == nil:
						won[id].Add(1)
					case !errors.Is(err, store.ErrConflict):
						t.Errorf("id %d: %v", id, err)
					}
				}
			})
		}
		wg.Wait()
		for id := range won {
			if n := won[id].Load(); n != 1 {
				t.Errorf("id %d has %d winners", id, n)
			}
		}
		if n := spent(t, db); n != ids {
			t.Errorf("%d rows for %d ids", n, ids)
		}
	})
}

// TestSpend_twoNodes races two nodes on one PostgreSQL.
func TestSpend_twoNodes(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.URL == "" {
			return // a folder has one process: TestOpen_folderInUse
		}
		nodes := []*store.DB{storetest.OpenConfig(t, c), storetest.OpenConfig(t, c)}
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				for id := range 20 {
					if err := spend(nodes[i%2], fmt.Sprint(id)); err == nil {
						won.Add(1)
					} else if !errors.Is(err, store.ErrConflict) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if won.Load() != 20 {
			t.Errorf("%d winners for 20 ids", won.Load())
		}
	})
}

// TestWrite_isolation mixes functions that succeed, fail, panic and run into a
// failing statement, all at once: those that fail leave nothing, and take
// nobody along.
func TestWrite_isolation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		mine := errors.New("changed my mind")
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				var got error
				func() {
					defer func() {
						if v := recover(); v != nil {
							got = fmt.Errorf("%v", v)
						}
					}()
					got = db.Write(context.Background(), func(tx *store.Tx) error {
						if err := store.Spend(tx, "test", fmt.Sprint(i), tx.Now); err != nil {
							return err
						}
						switch i % 4 {
						case 1:
							return mine
						case 2:
							panic("at the disco")
						case 3:
							// The error is not passed on; the transaction is dead all the same.
							tx.Exec("insert into spent_tokens (scope, id, expires_at) values ('test', $1, 0)", fmt.Sprint(i))
						}
						return nil
					})
				}()
				var ok bool
				switch i % 4 {
				case 0:
					ok = got == nil
				case 1:
					ok = errors.Is(got, mine)
				case 2:
					ok = got != nil && strings.Contains(got.Error(), "at the disco")
				case 3:
					ok = errors.Is(got, store.ErrConflict)
				}
				if !ok {
					t.Errorf("function %d: %v", i, got)
				}
			})
		}
		wg.Wait()
		if n := spent(t, db); n != 10 {
			t.Errorf("%d rows are left, want 10", n)
		}
	})
}

// TestWrite_serial has many add one to a number that they read first: an
// update lost would show in the sum. On PostgreSQL this needs the retries.
func TestWrite_serial(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		if err := db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec("insert into spent_tokens (scope, id, expires_at) values ('sum', '', 0)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var runs atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					if err := db.Write(ctx, func(tx *store.Tx) error {
						runs.Add(1)
						var n int64
						if err := tx.QueryRow("select expires_at from spent_tokens where scope = 'sum'").Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec("update spent_tokens set expires_at = $1 where scope = 'sum'", n+1)
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int64
		if err := db.Read(ctx, func(tx *store.Tx) error {
			return tx.QueryRow("select expires_at from spent_tokens where scope = 'sum'").Scan(&n)
		}); err != nil || n != 80 {
			t.Errorf("80 additions made %d, %v (the function ran %d times)", n, err, runs.Load())
		}
		if s := db.Stats(); int(runs.Load()) != 80+int(s.Retries) {
			t.Errorf("ran %d times with %d retries", runs.Load(), s.Retries)
		}
	})
}

// TestWrite_skew is the anomaly that snapshot isolation allows: two check that
// the other is there before they leave, and both leave.
func TestWrite_skew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		for round := range 10 {
			scope := fmt.Sprint("round", round)
			for _, id := range []string{"a", "b"} {
				if err := db.Write(ctx, func(tx *store.Tx) error { return store.Spend(tx, scope, id, tx.Now) }); err != nil {
					t.Fatal(err)
				}
			}
			var left atomic.Int32
			var wg sync.WaitGroup
			for _, id := range []string{"a", "b"} {
				wg.Go(func() {
					var deleted int64
					if err := db.Write(ctx, func(tx *store.Tx) error {
						var n int
						if err := tx.QueryRow("select count(*) from spent_tokens where scope = $1", scope).Scan(&n); err != nil {
							return err
						}
						deleted = 0
						if n < 2 {
							return nil
						}
						var err error
						deleted, err = tx.Exec("delete from spent_tokens where scope = $1 and id = $2", scope, id)
						return err
					}); err != nil {
						t.Error(err)
					}
					left.Add(int32(deleted))
				})
			}
			wg.Wait()
			if left.Load() != 1 {
				t.Fatalf("%d left, want exactly one", left.Load())
			}
		}
	})
}

// TestRead_snapshot reads twice in one transaction, with a write between.
func TestRead_snapshot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Read(context.Background(), func(tx *store.Tx) error {
			var before, after int
			if err := tx.QueryRow("select count(*) from spent_tokens").Scan(&before); err != nil {
				return err
			}
			if err := spend(db, "between"); err != nil {
				return err
			}
			if err := tx.QueryRow("select count(*) from spent_tokens").Scan(&after); err != nil {
				return err
			}
			if before != after {
				t.Errorf("the snapshot moved from %d rows to %d", before, after)
			}
			if _, err := tx.Exec("delete from spent_tokens"); err == nil {
				t.Error("Read let a write through")
			}
			return nil
		}); err == nil {
			t.Error("a failed statement did not fail its transaction")
		}
		if spent(t, db) != 1 {
			t.Error("a write is not seen by the next Read")
		}
	})
}

func TestTx_errors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		insert := func(tx *store.Tx) error {
			_, err := tx.Exec("insert into spent_tokens (scope, id, expires_at) values ('s', 'i', 7)")
			return err
		}
		if err := db.Write(ctx, insert); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(ctx, insert); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a second row with the same key: %v", err)
		}
		for _, text := range []string{"a\x00b", "\xff"} {
			if err := db.Write(ctx, func(tx *store.Tx) error { return store.Spend(tx, "s", text, tx.Now) }); !errors.Is(err, store.ErrBadText) {
				t.Errorf("%q: %v", text, err)
			}
		}
		if err := db.Read(ctx, func(tx *store.Tx) error {
			var n int
			if err := tx.QueryRow("select expires_at from spent_tokens where id = 'none'").Scan(&n); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("no row: %v", err)
			}
			return tx.QueryRow("select expires_at from spent_tokens where id = $1", "i").Scan(&n) // and the transaction goes on
		}); err != nil {
			t.Errorf("after ErrNotFound: %v", err)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		for what, err := range map[string]error{
			"Read":  db.Read(cancelled, func(tx *store.Tx) error { return tx.QueryRow("select 1").Scan(new(int)) }),
			"Write": db.Write(cancelled, insert),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a cancelled context: %v", what, err)
			}
		}
		// Rows that were forgotten do not harm what comes after.
		if err := db.Write(ctx, func(tx *store.Tx) error {
			r, err := tx.Query("select id from spent_tokens")
			if err == nil {
				r.Next()
			}
			return err
		}); err != nil {
			t.Errorf("rows left open: %v", err)
		}
		if err := db.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
}

// TestTx_oneText runs the constructs that the two databases must share.
func TestTx_oneText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			if _, err := tx.Exec("create table things (a text not null, b bigint not null, ok boolean not null, raw bytea, primary key (a, b))"); err != nil {
				return err
			}
			for i := range 9 {
				if _, err := tx.Exec("insert into things (a, b, ok, raw) values ($1, $2, $3, $4)", string(rune('a'+i/3)), i, i%2 == 0, []byte{byte(i), 0}); err != nil {
					return err
				}
			}
			got, err := store.Strings(tx, "select a from things where (a, b) > ($1, $2) and ok = $3 order by a, b limit $4", "a", 2, true, 10)
			if err != nil || strings.Join(got, "") != "bcc" {
				t.Errorf("paging: %q, %v", got, err)
			}
			var ok bool
			var raw []byte
			if err := tx.QueryRow("update things set ok = not ok where a = 'a' and b = 0 returning ok, raw").Scan(&ok, &raw); err != nil {
				return err
			}
			if ok || !bytes.Equal(raw, []byte{0, 0}) {
				t.Errorf("returning: %v, %x", ok, raw)
			}
			if _, err := tx.Exec("insert into things (a, b, ok) values ('a', 0, $1) on conflict (a, b) do update set ok = excluded.ok", true); err != nil {
				return err
			}
			// The same text again while its rows are open.
			outer, err := tx.Query("select b from things where a = $1 order by b", "a")
			if err != nil {
				return err
			}
			defer outer.Close()
			var b []int
			for outer.Next() {
				var n int
				if err := outer.Scan(&n); err != nil {
					return err
				}
				b = append(b, n)
			}
			if fmt.Sprint(b) != "[0 1 2]" {
				t.Errorf("rows %v", b)
			}
			return outer.Err()
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTx_nowAndTimes(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		var ticks atomic.Int64
		c.Now = func() time.Time { return time.Unix(1e9+ticks.Add(1), 1234) }
		db := storetest.OpenConfig(t, c)
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			first := tx.Now
			if store.Spend(tx, "s", "i", tx.Now); !tx.Now.Equal(first) {
				t.Error("tx.Now moved")
			}
			var us int64
			if err := tx.QueryRow("select expires_at from spent_tokens").Scan(&us); err != nil {
				return err
			}
			if got := store.FromMicros(us); !got.Equal(first.Truncate(time.Microsecond)) || got.Location() != time.UTC {
				t.Errorf("%v came back as %v", first, got)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
	if store.Micros(time.Time{}) != 0 || !store.FromMicros(0).IsZero() {
		t.Error("the zero time does not come back")
	}
}

func TestTx_seal(t *testing.T) {
	db := storetest.Open(t)
	if err := db.Write(context.Background(), func(tx *store.Tx) error {
		sealed := tx.Seal("seed", "pool/ann", []byte("x"))
		if got, err := tx.Open("seed", "pool/ann", sealed); err != nil || string(got) != "x" {
			t.Errorf("Open = %q, %v", got, err)
		}
		if _, err := tx.Open("seed", "pool/bob", sealed); !errors.Is(err, seal.ErrForged) {
			t.Errorf("another row's: %v", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWriteBehind(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		put := func(i int) {
			db.WriteBehind(func(tx *store.Tx) error {
				if i%10 == 3 {
					tx.Exec("insert into spent_tokens (nonsense) values (1)")
				}
				if i%10 == 7 {
					panic("behind")
				}
				return store.Spend(tx, "behind", fmt.Sprint(i), tx.Now)
			})
		}
		for i := range 300 {
			put(i)
		}
		if err := db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, s := spent(t, db), db.Stats(); n != 240 || s.BehindFailed != 60 || s.BehindDropped != 0 {
			t.Errorf("%d rows, %+v", n, s)
		}
		put(1000) // nobody flushes: it is committed all the same
		for deadline := time.Now().Add(5 * time.Second); spent(t, db) != 241; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("a write behind was not committed")
			}
		}
		put(2000)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if n := spent(t, storetest.OpenConfig(t, c)); n != 242 {
			t.Errorf("%d rows after Close", n)
		}
	})
}

func TestWriteBehind_bounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		hold := make(chan struct{})
		entered := make(chan struct{})
		var once sync.Once
		db.WriteBehind(func(tx *store.Tx) error {
			once.Do(func() { close(entered); <-hold })
			return nil
		})
		<-entered
		for range store.BehindLimit + 10 {
			db.WriteBehind(func(*store.Tx) error { return nil })
		}
		if s := db.Stats(); s.BehindDropped != 10 || s.BehindQueued != store.BehindLimit {
			t.Errorf("%+v", s)
		}
		close(hold)
		if err := db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := db.Stats(); s.BehindQueued != 0 {
			t.Errorf("%d are left after Flush", s.BehindQueued)
		}
	})
}

func TestGeneration(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db := storetest.OpenConfig(t, c)
		first := db.Generation()
		change := func(tx *store.Tx) error {
			tx.ConfigChanged()
			tx.ConfigChanged()
			return nil
		}
		if err := db.Write(t.Context(), change); err != nil || db.Generation() != first+1 {
			t.Fatalf("after a change: %d, %v", db.Generation(), err)
		}
		if err := db.Write(t.Context(), func(tx *store.Tx) error { change(tx); return errors.New("no") }); err == nil || db.Generation() != first+1 {
			t.Fatalf("after a change taken back: %d", db.Generation())
		}
		if err := spend(db, "x"); err != nil || db.Generation() != first+1 {
			t.Fatalf("after another write: %d, %v", db.Generation(), err)
		}
		if c.URL == "" {
			return
		}
		other := storetest.OpenConfig(t, c)
		if other.Generation() != first+1 {
			t.Fatalf("a new node starts at %d", other.Generation())
		}
		start := time.Now()
		if err := db.Write(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		for other.Generation() != first+2 {
			if time.Since(start) > 2*time.Second { // 500 ms are promised; machines under test are slow
				t.Fatal("the other node did not learn of the change")
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

func TestSweep(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		now := time.Now()
		c.Now = func() time.Time { return now }
		db := storetest.OpenConfig(t, c)
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			for i := range 500 {
				if err := store.Spend(tx, "s", fmt.Sprint(i), now.Add(time.Duration(i-449)*time.Second)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		commits := db.Stats().Commits
		n, err := db.Sweep(t.Context())
		if err != nil || n != 449 || spent(t, db) != 51 {
			t.Errorf("Sweep = %d, %v, and %d are left", n, err, spent(t, db))
		}
		if got := db.Stats().Commits - commits; got != 4 {
			t.Errorf("%d commits for 449 rows", got)
		}
	})
}

func TestPage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			for _, id := range []string{"B", "a", "a-c", "ab", "é", "z"} {
				if err := store.Spend(tx, "s", id, tx.Now); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		page := store.Page{Limit: 2}
		var all []string
		for {
			var l store.List[string]
			if err := db.Read(t.Context(), func(tx *store.Tx) error {
				key, err := page.Key(1)
				if err != nil {
					return err
				}
				ids, err := store.Strings(tx, "select id from spent_tokens where scope = 's' and id > $1 order by id limit $2", key[0], page.Fetch())
				l = store.ListOf(page, ids, func(s string) []string { return []string{s} })
				return err
			}); err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.Join(l.Items, " "))
			if page.After = l.Next; l.Next == "" {
				break
			}
		}
		if got := strings.Join(all, "|"); got != "B a|a-c ab|z é" {
			t.Errorf("pages %q", got)
		}
	})
	for _, after := range []string{"!", "e30", "WyJhIl0", "WzFd"} {
		if _, err := (store.Page{After: after}).Key(2); !errors.Is(err, store.ErrBadCursor) {
			t.Errorf("cursor %q: %v", after, err)
		}
	}
}

// TestReadOne: one statement answers, a second and a write are refused, and the
// connection is as good as before.
func TestReadOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one := func(tx *store.Tx) error {
			var n int
			return tx.QueryRow("select 1").Scan(&n)
		}
		for range 3 {
			if err := db.ReadOne(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			if err := db.ReadOne(t.Context(), func(tx *store.Tx) error { return errors.Join(one(tx), one(tx)) }); err == nil {
				t.Error("a second statement was taken")
			}
			if err := db.ReadOne(t.Context(), func(tx *store.Tx) error { return store.Spend(tx, "one", "x", tx.Now) }); err == nil {
				t.Error("a write was taken")
			}
			if err := db.Read(t.Context(), func(tx *store.Tx) error { return errors.Join(one(tx), one(tx)) }); err != nil {
				t.Error(err)
			}
		}
	})
}
