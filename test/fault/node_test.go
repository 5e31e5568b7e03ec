// Package fault_test kills the real program in the middle of its work, again
// and again, and then compares what clients were told with what is there
// (promises.md, rows D1 and D2 in their short form).
//
// What a newcomer gets wrong: an operation whose answer never came may or may
// not have happened. The ledger says what must be true in either case, before
// the request is sent; only the answer makes it more definite.
//
//	GATEHOUSE_TEST_KILLS  kills on each store (25)
//	GATEHOUSE_TEST_SEED   the seed of the moments, to see a failure again
package fault_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatehouse/test/awsclient"
)

// program builds the program once, into a folder that TestMain removes.
var program = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(folder, "gatehouse")
	if out, err := exec.Command("go", "build", "-o", bin, "gatehouse/cmd/gatehouse").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "gatehouse-fault-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// node is one process of the server, on an address that it keeps.
type node struct {
	t    *testing.T
	addr string
	args []string

	cmd    *exec.Cmd
	ended  chan struct{}
	log    bytes.Buffer // written by the process's copier, read after it ended
	client *http.Client
}

func newNode(t *testing.T, data, publicURL, database string) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	n := &node{t: t, addr: addr}
	if publicURL == "" {
		publicURL = n.url()
	}
	n.args = []string{"serve", "--dev", "--listen", addr, "--data", data, "--public-url", publicURL}
	if database != "" {
		n.args = append(n.args, "--database", database)
	}
	t.Cleanup(func() {
		if n.cmd != nil {
			n.kill()
		}
	})
	return n
}

func (n *node) url() string { return "http://" + n.addr }

// start starts the process and returns how long it took to be ready.
func (n *node) start() time.Duration {
	n.t.Helper()
	bin, err := program()
	if err != nil {
		n.t.Fatal(err)
	}
	n.log.Reset()
	n.cmd = exec.Command(bin, n.args...)
	n.cmd.Stderr = &n.log
	n.cmd.SysProcAttr = child()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GATEHOUSE_") {
			n.cmd.Env = append(n.cmd.Env, v)
		}
	}
	began := time.Now()
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan struct{})
	n.ended = ended
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(ended) }(n.cmd)
	n.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	for time.Since(began) < 20*time.Second {
		if resp, err := n.client.Get(n.url() + "/_gatehouse/health"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began)
			}
		}
		select {
		case <-ended:
			n.t.Fatalf("the server ended while it started:\n%s", n.log.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	n.t.Fatal("the server does not get ready")
	return 0
}

// kill is kill -9.
func (n *node) kill() {
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.ended
	n.client.CloseIdleConnections()
}

// stop asks the process to end, which it must do in good order.
func (n *node) stop() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	select {
	case <-n.ended:
	case <-time.After(15 * time.Second):
		n.kill()
		n.t.Fatal("SIGTERM does not end the server")
	}
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		n.t.Errorf("after SIGTERM the exit code is %d:\n%s", code, n.log.String())
	}
}

// complaints are the errors in the log of a process that has ended.
func (n *node) complaints() string {
	var b strings.Builder
	for line := range strings.Lines(n.log.String()) {
		if strings.Contains(line, "level=ERROR") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// as are clients of the node with a key.
func (n *node) as(accessKeyID, secretKey string) *awsclient.Clients {
	return awsclient.New(awsclient.Target{URL: n.url(), Region: "us-east-1", HTTP: n.client}, accessKeyID, secretKey, "")
}

func (n *node) root() *awsclient.Clients { return n.as("test", "test") }

func (n *node) anyone() *awsclient.Clients {
	return awsclient.Anonymous(awsclient.Target{URL: n.url(), Region: "us-east-1", HTTP: n.client})
}

// number reads a setting of this test.
func number(t *testing.T, name string, standard uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return standard
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// ledger is what must be true, by what it is about.
type ledger struct {
	mu      sync.Mutex
	facts   map[string]fact
	touched map[string]bool // since the last look
	acks    int
}

// fact is a promise that can be looked after: the error says how it is broken.
type fact func(ctx context.Context, n *node) error

func newLedger() *ledger { return &ledger{facts: map[string]fact{}, touched: map[string]bool{}} }

// set writes a fact down; nil strikes it out.
func (l *ledger) set(key string, f fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched[key] = true
	if f == nil {
		delete(l.facts, key)
	} else {
		l.facts[key] = f
	}
}

// step does one operation. maybe is what holds while the answer is out, and
// then what the answer promises.
func (l *ledger) step(key string, maybe, then fact, operation func() error) error {
	l.set(key, maybe)
	if err := operation(); err != nil {
		return err
	}
	l.mu.Lock()
	l.acks++
	l.mu.Unlock()
	l.set(key, then)
	return nil
}

// check looks after the facts that were touched since the last look, or after
// all of them.
func (l *ledger) check(t *testing.T, n *node, all bool) {
	t.Helper()
	l.mu.Lock()
	due := map[string]fact{}
	for key, f := range l.facts {
		if all || l.touched[key] {
			due[key] = f
		}
	}
	l.mu.Unlock()
	queue := make(chan string)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for key := range queue {
				if err := due[key](t.Context(), n); err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
	for key := range due {
		queue <- key
	}
	close(queue)
	workers.Wait()
}

// looked ends a round of looks.
func (l *ledger) looked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.touched)
}
