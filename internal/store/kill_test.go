package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/bits"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// The child of TestKill, and of whoever else needs a process to kill, is this
// test binary with these variables set.
const (
	childDir = "GATEHOUSE_TEST_CHILD_DIR"
	childURL = "GATEHOUSE_TEST_CHILD_URL"
	childKey = "GATEHOUSE_TEST_CHILD_KEY"
	childRun = "GATEHOUSE_TEST_CHILD_RUN"
)

func TestMain(m *testing.M) {
	if os.Getenv(childRun) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// child writes as fast as it can and prints what the store acknowledged: each
// write is two rows, which must stay or go together.
func child() {
	ring, err := seal.Open(seal.Config{Keys: os.Getenv(childKey)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	db, err := store.Open(context.Background(), store.Config{
		Dir: os.Getenv(childDir), URL: os.Getenv(childURL), Ring: ring, Now: time.Now,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var out sync.Mutex
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", os.Getenv(childRun), worker, i)
				err := db.Write(context.Background(), func(tx *store.Tx) error {
					if err := store.Spend(tx, "first", id, tx.Now); err != nil {
						return err
					}
					return store.Spend(tx, "second", id, tx.Now)
				})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(id)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKill kills a process in the middle of its writes, again and again:
// nothing that was acknowledged is lost, nothing is there by half, and the file
// is sound. GATEHOUSE_TEST_KILLS sets the rounds, GATEHOUSE_TEST_SEED the moments.
func TestKill(t *testing.T) {
	rounds, seed := 20, uint64(time.Now().UnixNano())
	if s := os.Getenv("GATEHOUSE_TEST_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	if testing.Short() {
		rounds = 3
	}
	if s := os.Getenv("GATEHOUSE_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("%d rounds, GATEHOUSE_TEST_SEED=%d", rounds, seed)
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		key := seal.NewKey()
		ring, err := seal.Open(seal.Config{Keys: key})
		if err != nil {
			t.Fatal(err)
		}
		c.Ring = ring
		random := seed
		acknowledged := map[string]bool{}
		for round := range rounds {
			// Weyl steps, mixed: a moment within 60 ms after the first write.
			random += 0x9e3779b97f4a7c15
			after := time.Duration(bits.RotateLeft64(random*0xbf58476d1ce4e5b9, 29)%60_000) * time.Microsecond
			for _, id := range runAndKill(t, c, key, fmt.Sprint("r", round), after) {
				acknowledged[id] = true
			}
			checkAfterKill(t, c, acknowledged)
		}
		t.Logf("%d writes were acknowledged", len(acknowledged))
		if len(acknowledged) < rounds {
			t.Error("too few writes to mean anything")
		}
	})
}

// runAndKill starts a child, kills it some time after its first acknowledged
// write and returns what it had acknowledged.
func runAndKill(t *testing.T, c store.Config, key, run string, after time.Duration) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+c.Dir, childURL+"="+c.URL, childKey+"="+key, childRun+"="+run)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // what was cut off in mid-line was not yet told
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) == 0 {
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
		ids = append(ids, strings.TrimSuffix(line, "\n"))
	}
	cmd.Wait()
	if len(ids) == 0 || complaints.Len() > 0 {
		t.Fatalf("the child failed: %s", complaints.String())
	}
	return ids
}

func checkAfterKill(t *testing.T, c store.Config, acknowledged map[string]bool) {
	t.Helper()
	start := time.Now()
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("opening after a kill: %v", err)
	}
	defer db.Close()
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("ready after %v", d)
	}
	if err := db.IntegrityCheck(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]bool{}
	// In one transaction: a server may still commit what the dead client sent.
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		for _, scope := range []string{"first", "second"} {
			found[scope] = map[string]bool{}
			ids, err := store.Strings(tx, "select id from spent_tokens where scope = $1", scope)
			if err != nil {
				return err
			}
			for _, id := range ids {
				found[scope][id] = true
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id := range acknowledged {
		if !found["first"][id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	for id := range found["first"] {
		if !found["second"][id] {
			t.Errorf("%s is there by half", id)
		}
	}
	if len(found["first"]) != len(found["second"]) {
		t.Errorf("%d and %d halves", len(found["first"]), len(found["second"]))
	}
}
