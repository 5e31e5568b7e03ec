package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// TestDiskFull lets files grow no further, as a full disk does, while many
// write: nothing is acknowledged that is not there, reads go on, and when
// there is room again, so do writes, without a restart.
func TestDiskFull(t *testing.T) {
	c := storetest.SQLite(t)
	db := storetest.OpenConfig(t, c)
	info, err := os.Stat(c.Dir + "/gatehouse.db-wal")
	if err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ) // the write then fails with EFBIG
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	set := func(soft uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: soft, Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { set(limit.Cur) })
	acknowledged := 0
	for round := range 3 {
		set(uint64(info.Size()) + 200_000*uint64(round+1))
		var written, failed atomic.Int32
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 400 {
					switch err := spend(db, fmt.Sprintf("%d-%d-%d", round, worker, i)); {
					case err == nil:
						written.Add(1)
					case errors.Is(err, store.ErrUnavailable):
						failed.Add(1)
					default:
						t.Errorf("a write on a full disk: %v", err)
					}
				}
			})
		}
		wg.Wait()
		acknowledged += int(written.Load())
		if failed.Load() == 0 {
			t.Error("the disk was never full")
		}
		if n := spent(t, db); n != acknowledged {
			t.Errorf("round %d: %d rows, %d acknowledged", round, n, acknowledged)
		}
		set(limit.Cur)
		if err := spend(db, fmt.Sprint("after", round)); err != nil {
			t.Errorf("with room again: %v", err)
		}
		acknowledged++
	}
	if err := db.IntegrityCheck(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDatabaseFull is SQLite's own limit: the statement, and with it the whole
// transaction of the group, fails; neighbours must be told so.
func TestDatabaseFull(t *testing.T) {
	db := storetest.Open(t)
	var wg sync.WaitGroup
	var acknowledged atomic.Int32
	for i := range 64 {
		wg.Go(func() {
			err := db.Write(context.Background(), func(tx *store.Tx) error {
				if i == 20 {
					var pages int
					if err := tx.QueryRow("pragma page_count").Scan(&pages); err != nil {
						return err
					}
					if _, err := tx.Exec(fmt.Sprintf("pragma max_page_count = %d", pages)); err != nil {
						return err
					}
					for n := range 5000 {
						if err := store.Spend(tx, "big", fmt.Sprint(n), tx.Now); err != nil {
							return err
						}
					}
				}
				return store.Spend(tx, "small", fmt.Sprint(i), tx.Now)
			})
			switch {
			case err == nil:
				acknowledged.Add(1)
			case !errors.Is(err, store.ErrUnavailable):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := spent(t, db); n != int(acknowledged.Load()) || n == 64 {
		t.Errorf("%d rows, %d acknowledged", n, acknowledged.Load())
	}
	if err := spend(db, "afterwards"); err != nil {
		t.Error(err)
	}
}

// TestConnectionsCut has the server end every connection, again and again,
// under load: what is acknowledged is there, what fails says so, and the next
// call works.
func TestConnectionsCut(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.URL == "" {
			return // SQLite has no connections to cut
		}
		db, other := storetest.OpenConfig(t, c), storetest.OpenConfig(t, c)
		var acknowledged, unknown atomic.Int32
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					switch err := spend(db, fmt.Sprintf("%d-%d", worker, i)); {
					case err == nil:
						acknowledged.Add(1)
					case errors.Is(err, store.ErrUnavailable):
						unknown.Add(1)
					case errors.Is(err, store.ErrConflict):
						t.Error("a write was run again after it had happened")
					default:
						t.Errorf("a write over a cut connection: %v", err)
					}
				}
			})
		}
		for range 10 {
			time.Sleep(20 * time.Millisecond)
			other.Read(t.Context(), func(tx *store.Tx) error {
				_, err := store.Strings(tx, `select cast(pg_terminate_backend(pid) as text) from pg_stat_activity
					where datname = current_database() and pid <> pg_backend_pid()`)
				return err
			})
		}
		close(stop)
		wg.Wait()
		if err := spend(db, "afterwards"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		n, low := spent(t, db)-1, int(acknowledged.Load())
		if n < low || n > low+int(unknown.Load()) {
			t.Errorf("%d rows, %d acknowledged, %d of unknown outcome", n, low, unknown.Load())
		}
	})
}

// TestOverload fills the writer's queue: what finds no place within its time is
// told ErrBusy, what gives up while waiting does not run, the rest succeeds.
func TestOverload(t *testing.T) {
	db := storetest.Open(t)
	hold, entered := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Write(context.Background(), func(*store.Tx) error {
			once.Do(func() { close(entered); <-hold })
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-entered
	leaving, leave := context.WithCancel(context.Background())
	var busy, ok, left atomic.Int32
	for i := range store.QueueLimit + 50 {
		wg.Go(func() {
			ctx := context.Background()
			if i%10 == 0 {
				ctx = leaving
			}
			err := db.Write(ctx, func(tx *store.Tx) error { return store.Spend(tx, "q", fmt.Sprint(i), tx.Now) })
			switch {
			case err == nil:
				ok.Add(1)
			case errors.Is(err, store.ErrBusy):
				busy.Add(1)
			case errors.Is(err, context.Canceled):
				left.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	for busy.Load() < 50 { // so many find no place
		time.Sleep(10 * time.Millisecond)
	}
	leave()
	for left.Load()+busy.Load() < 100 {
		time.Sleep(10 * time.Millisecond)
	}
	close(hold)
	wg.Wait()
	if n := spent(t, db); n != int(ok.Load()) || n+int(busy.Load()+left.Load()) != store.QueueLimit+50 {
		t.Errorf("%d rows, %d fine, %d busy, %d left", n, ok.Load(), busy.Load(), left.Load())
	}
}

// TestGoexit: a test helper that calls t.FailNow inside Write must not stop
// everybody else's writes.
func TestGoexit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			db.Write(context.Background(), func(tx *store.Tx) error {
				if err := store.Spend(tx, "gone", "x", tx.Now); err != nil {
					return err
				}
				runtime.Goexit()
				return nil
			})
		}()
		<-done
		if err := spend(db, "y"); err != nil {
			t.Error(err)
		}
		if n := spent(t, db); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}
