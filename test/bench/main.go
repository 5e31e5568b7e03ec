package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// settings are the program's flags.
type settings struct {
	quick    bool
	json     bool
	only     string
	users    int
	scale    int
	workers  int
	rounds   int
	turn     time.Duration
	database string
	server   string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		if err := serveFloor(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missed, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if missed > 0 {
		os.Exit(1)
	}
}

// run measures and prints; it returns how many goals were missed.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (missed int, err error) {
	var s settings
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&s.quick, "quick", false, "shorter turns and fewer users: under a minute")
	fs.BoolVar(&s.json, "json", false, "print JSON in place of the table")
	fs.StringVar(&s.only, "only", "", "comma-separated `flows` to run: "+strings.Join(flowNames(), ", ")+", overload, scale, nodes")
	fs.IntVar(&s.users, "users", 10_000, "users of the pool under load")
	fs.IntVar(&s.scale, "scale", 100_000, "users of the large pool for G7, G8 and G9; the goals mean 1000000")
	fs.IntVar(&s.workers, "workers", 8, "requests at once")
	fs.IntVar(&s.rounds, "rounds", 5, "turns of server and floor for each flow")
	fs.DurationVar(&s.turn, "turn", time.Second, "length of a turn")
	fs.StringVar(&s.database, "database", "", "postgres:// `URL` of an empty database: adds G12, one to three nodes on it")
	fs.StringVar(&s.server, "server", "", "server `binary` to measure in place of building one")
	if err := fs.Parse(args); err != nil {
		return 0, err
	}
	if s.quick {
		s.users, s.scale, s.rounds, s.turn = 300, 10_000, 3, 500*time.Millisecond
	}
	folder, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	b := &bench{settings: s, folder: folder, progress: stderr}
	if b.server == "" {
		b.server = filepath.Join(folder, "gatehouse")
		if err := build(ctx, b.server); err != nil {
			return 0, err
		}
	}
	defer b.stopAll()
	if err := b.measure(ctx); err != nil {
		return 0, err
	}
	for _, r := range b.report.Goals {
		if !r.Met {
			missed++
		}
	}
	if s.json {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return missed, enc.Encode(b.report)
	}
	return missed, b.report.print(stdout)
}

// wanted reports whether a part of the run was asked for.
func (s *settings) wanted(name string) bool {
	if s.only == "" {
		return true
	}
	for o := range strings.SplitSeq(s.only, ",") {
		if o == name {
			return true
		}
	}
	return false
}
