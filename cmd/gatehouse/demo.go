package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"gatehouse/internal/config"
	"gatehouse/internal/demo"
	"gatehouse/internal/server"
)

// runDemo runs the server on a throw-away folder with the walk-throughs
// set up, runs them once, and leaves it up.
func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	once := false
	c, rest, err := config.Load("demo", args, stderr, func(fs *flag.FlagSet) {
		fs.BoolVar(&once, "once", false, "exit after the walk-throughs: with 0 only if every call did what it must")
	})
	if err != nil {
		return usageError{err}
	}
	if len(rest) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", rest[0])}
	}
	folder, err := os.MkdirTemp("", "gatehouse-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c.Data, c.Dev = folder, true
	if err := c.Validate(); err != nil {
		return usageError{err}
	}
	s, err := server.New(ctx, server.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(serving) }()

	fmt.Fprintf(stdout, "Setting up two walk-throughs on %s and running them…\n\n", s.URL())
	root := s.Root()
	d := demo.New(demo.Target{Endpoint: s.URL(), Region: c.Region, Account: c.Account, BaseDomain: c.BaseDomain,
		AccessKey: root.AccessKeyID, SecretKey: root.SecretKey, MayAdvance: once})
	results, err := d.Run(ctx)
	wrong := table(stdout, results)
	if err != nil {
		stop()
		<-ended
		return err
	}
	if wrong > 0 {
		err = fmt.Errorf("%d of %d calls did not do what they must", wrong, len(results))
	}
	if once {
		stop()
		<-ended
		return err
	}
	if err != nil {
		fmt.Fprintf(stderr, "gatehouse demo: %v\n", err)
	}
	fmt.Fprintf(stdout, "Try it yourself:\n\n  sample page  %s\n  outbox       %s/_gatehouse/outbox   (codes that were mailed)\n  AWS CLI      ", d.Page, s.URL())
	fmt.Fprintf(stdout, "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=%s AWS_ENDPOINT_URL=%s aws cognito-idp list-user-pools --max-results 10\n\nCtrl-C ends the demo and removes its data.\n", c.Region, s.URL())
	return <-ended
}

// table prints the results and returns how many rows are wrong.
func table(w io.Writer, results []demo.Result) (wrong int) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\t\tWHO\tCALL\tEXPECTED\tGOT")
	for _, r := range results {
		mark := "ok"
		if !r.OK() {
			mark = "WRONG"
			wrong++
		}
		fmt.Fprintln(tw, strings.Join([]string{mark, r.Walk, r.Who, r.Call, r.Expected, r.Got}, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return wrong
	}
	fmt.Fprintf(w, "\n%d calls, %d wrong\n\n", len(results), wrong)
	return wrong
}
