package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"gatehouse/internal/engine"
)

// bench is one run.
type bench struct {
	settings
	folder   string
	progress io.Writer
	report   report
	running  []*process
}

// goal is a row of the table.
type goal struct {
	ID       string `json:"id"`
	What     string `json:"what"`
	Goal     string `json:"goal"`
	Measured string `json:"measured"`
	Detail   string `json:"detail,omitempty"`
	Met      bool   `json:"met"`
}

// report is what the program prints.
type report struct {
	Engine  string                         `json:"engine"`
	CPUs    int                            `json:"cpus"`
	Workers int                            `json:"workers"`
	Goals   []goal                         `json:"goals"`
	Flows   map[string]map[string]measured `json:"flows"` // by flow, then "server" and "floor"
}

func (r *report) add(g goal) { r.Goals = append(r.Goals, g) }

func (r *report) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d CPUs, %d requests at once, engine %s\n\n", r.CPUs, r.Workers, r.Engine)
	fmt.Fprintln(tw, "\t\tGOAL\tMEASURED\t")
	for _, g := range r.Goals {
		mark := "met"
		if !g.Met {
			mark = "MISSED"
		}
		fmt.Fprintln(tw, strings.Join([]string{g.ID, g.What, g.Goal, g.Measured, mark, g.Detail}, "\t"))
	}
	return tw.Flush()
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

// start starts the server on a port that is free.
func (b *bench) start(ctx context.Context, folder string, more ...string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	p, err := startServer(ctx, b.server, folder, address, more...)
	if err == nil {
		b.running = append(b.running, p)
	}
	return p, err
}

func (b *bench) stopAll() {
	for _, p := range b.running {
		p.stop()
	}
}

func (b *bench) measure(ctx context.Context) error {
	b.report = report{Engine: engine.Default().Name(), CPUs: runtime.NumCPU(), Workers: b.workers, Flows: map[string]map[string]measured{}}
	if err := b.startGoals(ctx); err != nil {
		return err
	}
	if err := b.flowGoals(ctx); err != nil {
		return err
	}
	if b.wanted("scale") {
		if err := b.scaleGoals(ctx); err != nil {
			return err
		}
	}
	if b.database != "" && b.wanted("nodes") {
		return b.nodeGoal(ctx)
	}
	return nil
}

// startGoals are those of a server that nobody uses: G10's first half and G11.
func (b *bench) startGoals(ctx context.Context) error {
	folder := filepath.Join(b.folder, "idle")
	var starts []float64
	var memory float64
	for range b.rounds {
		p, err := b.start(ctx, folder)
		if err != nil {
			return err
		}
		starts = append(starts, float64(p.started.Microseconds())/1000)
		time.Sleep(time.Second) // what a start does in the background
		if memory, err = p.memory(); err != nil {
			return err
		}
		p.stop()
	}
	took := median(starts)
	b.report.add(goal{ID: "G10", What: "start to first answer", Goal: "≤ 100 ms", Measured: fmt.Sprintf("%.0f ms", took), Met: took <= 100})
	b.report.add(goal{ID: "G10", What: "memory, idle", Goal: "≤ 40 MiB", Measured: fmt.Sprintf("%.0f MiB", memory), Met: memory <= 40})
	info, err := os.Stat(b.server)
	if err != nil {
		return err
	}
	size := float64(info.Size()) / 1e6
	b.report.add(goal{ID: "G11", What: "one binary", Goal: "≤ 40 MB", Measured: fmt.Sprintf("%.1f MB", size), Met: size <= 40})
	return nil
}

// contender is one of the two that take turns.
type contender struct {
	on []*process
	do operation
}

// takeTurns loads two sides one after the other, several times.
func (b *bench) takeTurns(ctx context.Context, first, second contender) (a, z measured, err error) {
	sides := [2]contender{first, second}
	var turns [2][]*turn
	for round := -1; round < b.rounds; round++ {
		length := b.turn
		if round < 0 {
			length /= 4 // warms up, and is not counted
		}
		for i, c := range sides {
			t, err := load(ctx, c.on, b.workers, length, c.do)
			if err != nil {
				return a, z, err
			}
			if round >= 0 {
				turns[i] = append(turns[i], t)
			}
		}
	}
	return summary(turns[0]), summary(turns[1]), nil
}

// flowGoal says what a flow must reach. Without most there is no ratio to keep,
// without rate no number of operations.
type flowGoal struct {
	id, what string
	most     float64 // CPU against the floor's
	rate     float64 // operations a second
}

var flowGoals = map[string]flowGoal{
	"srp":         {"G1", "SRP sign-in", 1.3, 0},
	"password":    {"G2", "password sign-in, durable", 0, 1200},
	"argon2id":    {"L1", "password sign-in, Argon2id, durable", 0, 30 * float64(runtime.NumCPU())},
	"refresh":     {"G3", "refresh", 1.3, 0},
	"getuser":     {"G4", "GetUser", 1.5, 0},
	"credentials": {"G5", "GetCredentialsForIdentity", 1.5, 0},
	"describe":    {"G6", "signed and authorised: DescribeUserPool", 1.5, 0},
	"object":      {"G6", "signed and authorised: S3 GET of 1 KiB", 1.5, 0},
	"create":      {"G8", "create user with password, durable", 0, 2000},
	"record":      {"K1", "PutRecord of 1 KiB, durable", 4, 0},
	"records":     {"K2", "PutRecords of 500, durable", 2, 0},
}

func (b *bench) flowGoals(ctx context.Context) error {
	b.say("making %d users", b.users)
	p, err := b.start(ctx, filepath.Join(b.folder, "loaded"))
	if err != nil {
		return err
	}
	server := &side{client: newClient(p.endpoint, b.workers)}
	if err := server.makePools(ctx); err != nil {
		return err
	}
	if err := server.makeUsers(ctx, b.users, b.workers); err != nil {
		return err
	}
	under, err := startFloor(ctx)
	if err != nil {
		return err
	}
	b.running = append(b.running, under)
	f := &side{client: newClient(under.endpoint, b.workers), pool: region + "_" + floorPool, app: "0123456789abcdefghijklmnop",
		identityPool: floorIdentity, users: b.users}
	f.slow = &side{client: f.client, app: floorSlow, users: slowUsers}
	if err := teachFloor(ctx, server, f); err != nil {
		return err
	}
	measure := func(fl flow) error {
		if !b.wanted(fl.name) {
			return nil
		}
		b.say("%s", fl.name)
		a, z, err := b.takeTurns(ctx, contender{[]*process{p}, func(ctx context.Context) error { return fl.do(server, ctx) }},
			contender{[]*process{under}, func(ctx context.Context) error { return fl.do(f, ctx) }})
		if err != nil {
			return fmt.Errorf("%s: %w", fl.name, err)
		}
		b.report.Flows[fl.name] = map[string]measured{"server": a, "floor": z}
		b.addFlow(flowGoals[fl.name], a, z)
		return nil
	}
	for _, fl := range flows {
		if err := measure(fl); err != nil {
			return err
		}
	}
	memory, err := p.memory()
	if err != nil {
		return err
	}
	b.report.add(goal{ID: "G10", What: fmt.Sprintf("memory with %d users after load", b.users), Goal: "≤ 65 MiB", Measured: fmt.Sprintf("%.0f MiB", memory), Met: memory <= 65})
	// What is left would hide the memory of a usual day.
	for _, fl := range recordFlows {
		if err := measure(fl); err != nil {
			return err
		}
	}
	if b.wanted(slowFlow.name) || b.wanted("overload") {
		if err := server.makeSlow(ctx, b.workers); err != nil {
			return err
		}
	}
	if err := measure(slowFlow); err != nil {
		return err
	}
	if b.wanted("overload") {
		if err := b.overloadGoals(ctx, p, server); err != nil {
			return err
		}
	}
	p.stop()
	under.stop()
	return nil
}

func (b *bench) addFlow(g flowGoal, a, z measured) {
	r := ratio(a, z)
	row := goal{ID: g.id, What: g.what, Detail: fmt.Sprintf("%.0f/s, p50 %.1f ms, p99 %.1f ms, CPU %.0f µs; floor %.0f µs", a.Rate, a.P50, a.P99, a.CPU, z.CPU)}
	if g.most > 0 {
		row.Goal, row.Measured, row.Met = fmt.Sprintf("≤ %g × floor", g.most), fmt.Sprintf("%.2f × floor", r), r <= g.most
	} else {
		row.Goal, row.Measured, row.Met = fmt.Sprintf("≥ %.0f/s", g.rate), fmt.Sprintf("%.0f/s (%.2f × floor)", a.Rate, r), a.Rate >= g.rate
	}
	b.report.add(row)
}

// teachFloor hands the floor the server's answer of DescribeUserPool, so that
// both encode the same.
func teachFloor(ctx context.Context, server, f *side) error {
	var answer map[string]any
	if err := server.call(ctx, userPools, "DescribeUserPool", &root, map[string]any{"UserPoolId": server.pool}, &answer); err != nil {
		return err
	}
	return f.teach(ctx, "DescribeUserPool", answer)
}

// nodeGoal is G12: what a second and a third node on one PostgreSQL cost. The
// database's own processor time is not theirs.
func (b *bench) nodeGoal(ctx context.Context) error {
	ring := filepath.Join(b.folder, "nodes.json") // the first node makes it, the others have it
	var nodes []*process
	var sides []*side
	for n := 1; n <= 3; n++ {
		p, err := b.start(ctx, filepath.Join(b.folder, fmt.Sprint("node-", n)), "--database", b.database, "--seal-key-file", ring)
		if err != nil {
			return err
		}
		nodes = append(nodes, p)
		s := &side{client: newClient(p.endpoint, b.workers)}
		if n == 1 {
			if err := s.makePools(ctx); err != nil {
				return err
			}
			if err := s.makeUsers(ctx, min(b.users, 1000), b.workers); err != nil {
				return err
			}
		} else {
			s.pool, s.app, s.users = sides[0].pool, sides[0].app, sides[0].users
		}
		sides = append(sides, s)
		b.say("%d nodes on one database", n)
		next := make(chan *side, n)
		for _, s := range sides {
			next <- s
		}
		do := func(ctx context.Context) error {
			s := <-next
			next <- s
			return s.password(ctx)
		}
		both, one, err := b.takeTurns(ctx, contender{nodes, do}, contender{nodes[:1], func(ctx context.Context) error { return sides[0].password(ctx) }})
		if err != nil {
			return err
		}
		if n == 1 {
			b.report.Flows["nodes"] = map[string]measured{"1": both}
			continue
		}
		r := ratio(one, both)
		b.report.Flows["nodes"][fmt.Sprint(n)] = both
		b.report.add(goal{ID: "G12", What: fmt.Sprintf("%d nodes: sign-ins a CPU second / one node's", n), Goal: "≥ 0.95", Measured: fmt.Sprintf("%.2f", r),
			Detail: fmt.Sprintf("%.0f µs against %.0f", both.CPU, one.CPU), Met: r >= 0.95})
	}
	return nil
}
