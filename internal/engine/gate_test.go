package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2, 3, time.Second)
		ctx := t.Context()
		refused := func(ctx context.Context, want string) {
			t.Helper()
			if err := g.Enter(ctx); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), want) {
				t.Errorf("Enter = %v, want %q", err, want)
			}
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		refused(ended, "canceled")
		for range 2 {
			if err := g.Enter(ctx); err != nil {
				t.Fatal(err)
			}
		}
		// three wait: one whose client goes, one that gets a place, one that gives up
		leaving, leave := context.WithCancel(ctx)
		var outcome [3]error
		var wg sync.WaitGroup
		for i, c := range []context.Context{leaving, ctx, ctx} {
			wg.Go(func() { outcome[i] = g.Enter(c) })
			synctest.Wait()
		}
		begin := time.Now()
		refused(ctx, "too many wait")
		if time.Since(begin) != 0 {
			t.Error("who finds the line full waits")
		}
		leave()
		synctest.Wait()
		g.Leave()
		wg.Wait()
		if !errors.Is(outcome[0], ErrBusy) || !errors.Is(outcome[0], context.Canceled) || outcome[1] != nil || !errors.Is(outcome[2], ErrBusy) {
			t.Errorf("outcomes: %v", outcome)
		}
		if waited := time.Since(begin); waited != time.Second {
			t.Errorf("the last gave up after %v", waited)
		}
		g.Leave()
		g.Leave()
		if len(g.places)+len(g.line) != 0 {
			t.Error("somebody is still inside")
		}
	})
}

// TestGate_flood: never more inside than there are places, and everybody is
// answered.
func TestGate_flood(t *testing.T) {
	g := NewGate(3, 10, time.Minute)
	var inside, served, turned atomic.Int64
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if err := g.Enter(t.Context()); err != nil {
				turned.Add(1)
				return
			}
			defer g.Leave()
			if n := inside.Add(1); n > 3 {
				t.Errorf("%d at once", n)
			}
			time.Sleep(10 * time.Microsecond)
			inside.Add(-1)
			served.Add(1)
		})
	}
	wg.Wait()
	if served.Load() < 13 || served.Load()+turned.Load() != 1000 {
		t.Errorf("%d served, %d turned away", served.Load(), turned.Load())
	}
}
