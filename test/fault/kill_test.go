package fault_test

import (
	"database/sql"
	"errors"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	_ "modernc.org/sqlite" // the driver named sqlite

	"gatehouse/internal/store/storetest"
)

// workers are the clients that write at once.
const workers = 6

// TestKill kills the server, or one of two servers of a cluster, at random
// moments: nothing that was acknowledged is lost, nothing that was denied comes
// back, nothing that can be used once is used twice, and the server is ready
// again within two seconds.
func TestKill(t *testing.T) {
	kills := int(number(t, "GATEHOUSE_TEST_KILLS", 25))
	seed := number(t, "GATEHOUSE_TEST_SEED", uint64(time.Now().UnixNano()))
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Logf("%d kills, GATEHOUSE_TEST_SEED=%d", kills, seed)
			random := rand.New(rand.NewPCG(seed, 0))
			data, database := t.TempDir(), ""
			if kind == "postgres" {
				database = storetest.Postgres(t).URL
			}
			victim := newNode(t, data, "", database)
			victim.start()
			nodes := []*node{victim}
			if kind == "postgres" {
				nodes = append(nodes, newNode(t, data, victim.url(), database))
				nodes[1].start()
			}
			l := newLedger()
			st := newStack(t, victim, l)
			var slowest time.Duration
			for round := range kills {
				after := time.Duration(20+random.IntN(400)) * time.Millisecond
				interrupt(t, st, nodes, round, after)
				if t.Failed() {
					for _, n := range nodes {
						t.Logf("%s complained: %s", n.addr, n.complaints())
					}
					t.Fatalf("in round %d", round)
				}
				if len(nodes) > 1 {
					l.check(t, nodes[1], false) // what the dead node said, the other knows
				}
				slowest = max(slowest, victim.start())
				l.check(t, victim, false)
				l.looked()
				if kind == "sqlite" {
					integrity(t, data)
				}
				if t.Failed() {
					for _, n := range nodes {
						t.Logf("%s complained: %s", n.addr, n.complaints())
					}
					t.Fatalf("after kill %d, %v into the work", round, after)
				}
			}
			for _, n := range nodes {
				l.check(t, n, true)
				n.stop()
				if c := n.complaints(); c != "" {
					t.Errorf("the server complained:\n%s", c)
				}
			}
			t.Logf("%d acknowledged writes, %d facts held; ready after %v at most", l.acks, len(l.facts), slowest)
			if slowest > 2*time.Second {
				t.Errorf("ready only after %v", slowest)
			}
			if l.acks < 10*kills {
				t.Error("too few writes to mean anything")
			}
		})
	}
}

// interrupt lets the workers write, kills the first node after a time and ends
// the others' work a little later.
func interrupt(t *testing.T, st *stack, nodes []*node, round int, after time.Duration) {
	t.Helper()
	var dead, over atomic.Bool
	var all sync.WaitGroup
	for w := range workers {
		n := nodes[w%len(nodes)]
		all.Go(func() {
			for i := 0; !over.Load(); i++ {
				err := st.story(t.Context(), n, w, round, i)
				if err == nil {
					continue
				}
				var api smithy.APIError
				if answered := errors.As(err, &api); answered || n != nodes[0] || !dead.Load() {
					t.Errorf("worker %d on %s: %v", w, n.addr, err)
				}
				return
			}
		})
	}
	time.Sleep(after)
	dead.Store(true)
	nodes[0].kill()
	if len(nodes) > 1 {
		time.Sleep(100 * time.Millisecond)
	}
	over.Store(true)
	all.Wait()
}

// integrity asks SQLite itself, beside the running server.
func integrity(t *testing.T, data string) {
	t.Helper()
	u := url.URL{Scheme: "file", Path: filepath.Join(data, "gatehouse.db"), RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	if err := db.QueryRow("pragma integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("integrity_check: %s, %v", answer, err)
	}
}

// oneOf reports whether v is one of a few values that may be.
func oneOf[T comparable](v T, may ...T) bool { return slices.Contains(may, v) }
