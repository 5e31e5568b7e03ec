// Command gatehouse is Amazon Cognito that you run yourself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"gatehouse/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes (contract.md).
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is a subcommand. A usageError of it exits with 2, another error
// with 1.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "run the server", serve},
		{"demo", "run it on a throw-away folder with the walk-throughs set up, and run them", runDemo},
		{"credentials", "print shell exports of the root key and the endpoint", printCredentials},
		{"explain", "say why a request was allowed or denied", explain},
		{"key", "rotate sealing and signing keys, replace the root key", key},
		{"version", "print the version", version},
	}
}

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is the program as a value that a test can start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		usage(stdout)
		if len(args) == 0 {
			return exitUsage
		}
		return exitFine
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], stdout, stderr)
		var wrong usageError
		switch {
		case err == nil, errors.Is(err, config.ErrHelp):
			return exitFine
		case errors.As(err, &wrong):
			fmt.Fprintf(stderr, "gatehouse %s: %v\n", c.name, err)
			return exitUsage
		}
		fmt.Fprintf(stderr, "gatehouse %s: %v\n", c.name, err)
		return exitFailed
	}
	fmt.Fprintf(stderr, "gatehouse: there is no command %q\n\n", args[0])
	usage(stderr)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "gatehouse is Amazon Cognito that you run yourself: user pools, identity pools, IAM, STS and S3 on one port.\n\nUsage: gatehouse <command> [options]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n`gatehouse <command> --help` lists the options of a command. First time here? `gatehouse demo` shows what it does.\n")
}

// load reads the settings of a command that takes no further arguments.
func load(name string, args []string, stderr io.Writer) (*config.Config, error) {
	c, rest, err := config.Load(name, args, stderr)
	if err != nil {
		return nil, usageError{err}
	}
	if len(rest) > 0 {
		return nil, usageError{fmt.Errorf("unexpected argument %q", rest[0])}
	}
	return c, nil
}
