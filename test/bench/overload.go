package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// flooders are the clients of an overload: many times what the server can do.
// Who is told to come back does so within a second, as AWS's SDKs do.
const flooders = 1024

// flood is what an overload did.
type flood struct {
	served, shed int64
	took         time.Duration
	slowest      map[string]time.Duration // of the cheap requests meanwhile
	recovered    time.Duration            // until sign-ins are answered as before
	memory       float64                  // MiB
	cpu          time.Duration            // that the server used
}

// overloadGoals are row L10 of promises.md: under many times the load that it
// can carry the server answers or says TooManyRequestsException, and cheap requests
// do not wait.
func (b *bench) overloadGoals(ctx context.Context, p *process, server *side) error {
	for _, c := range []struct {
		name string
		do   operation
	}{{"password", server.password}, {"SRP, first half", server.srpStart}, {"argon2id", server.argon2id}} {
		b.say("overload: %s", c.name)
		f, err := b.flood(ctx, p, server, c.do)
		if err != nil {
			return fmt.Errorf("overload of %s: %w", c.name, err)
		}
		var worst time.Duration
		var detail strings.Builder
		for _, name := range []string{"health", "keys", "getuser", "refresh"} {
			fmt.Fprintf(&detail, "%s %v, ", name, f.slowest[name].Round(time.Millisecond))
			worst = max(worst, f.slowest[name])
		}
		fmt.Fprintf(&detail, "%.0f/s served, %.0f/s shed, %.2f processors, %.0f MiB", float64(f.served)/f.took.Seconds(), float64(f.shed)/f.took.Seconds(),
			f.cpu.Seconds()/f.took.Seconds(), f.memory)
		b.report.add(goal{ID: "L10", What: fmt.Sprintf("%d clients, %s: slowest cheap request", flooders, c.name), Goal: "< 1 s",
			Measured: fmt.Sprint(worst.Round(time.Millisecond)), Detail: detail.String(), Met: worst < time.Second})
		b.report.add(goal{ID: "L10", What: "… recovery", Goal: "< 5 s", Measured: fmt.Sprint(f.recovered.Round(time.Millisecond)), Met: f.recovered < 5*time.Second})
	}
	return nil
}

func (b *bench) flood(ctx context.Context, p *process, server *side, do operation) (*flood, error) {
	t, err := server.signedIn(ctx)
	if err != nil {
		return nil, err
	}
	*server.client = *newClient(p.endpoint, flooders)
	cheap := *server.client
	cheap.http = newClient(p.endpoint, 1).http
	probe := &side{client: &cheap, pool: server.pool, app: server.app, users: server.users, tokens: []tokens{*t}}
	probe.once.Do(func() {}) // it is signed in
	probes := map[string]operation{"getuser": probe.getUser, "refresh": probe.refresh,
		"health": func(ctx context.Context) error { return probe.fetch(ctx, "/_gatehouse/health") },
		"keys":   func(ctx context.Context) error { return probe.fetch(ctx, "/"+probe.pool+"/.well-known/jwks.json") }}
	f := &flood{slowest: map[string]time.Duration{}}
	var served, shed atomic.Int64
	var failed atomic.Pointer[error]
	fail := func(err error) { failed.CompareAndSwap(nil, &err) }
	before, err := p.cpu()
	if err != nil {
		return nil, err
	}
	begin, length := time.Now(), 4*b.turn
	over := func() bool { return failed.Load() != nil || time.Since(begin) > length }
	var wg sync.WaitGroup
	for range flooders {
		wg.Go(func() {
			for !over() {
				switch err := do(ctx); {
				case err == nil:
					served.Add(1)
				case strings.Contains(err.Error(), "TooManyRequestsException"):
					shed.Add(1)
					time.Sleep(rand.N(time.Second))
				default:
					fail(err)
				}
			}
		})
	}
	wg.Go(func() {
		time.Sleep(length / 8) // until the flood has risen
		for !over() {
			for name, probe := range probes {
				start := time.Now()
				if err := probe(ctx); err != nil {
					fail(fmt.Errorf("%s: %w", name, err))
					return
				}
				f.slowest[name] = max(f.slowest[name], time.Since(start))
			}
		}
	})
	wg.Wait()
	if e := failed.Load(); e != nil {
		return nil, *e
	}
	f.took, f.served, f.shed = time.Since(begin), served.Load(), shed.Load()
	after, err := p.cpu()
	if err != nil {
		return nil, err
	}
	f.cpu = after - before
	if f.memory, err = p.memory(); err != nil {
		return nil, err
	}
	begin = time.Now()
	if err := do(ctx); err != nil {
		return nil, err
	}
	f.recovered = time.Since(begin)
	return f, nil
}
