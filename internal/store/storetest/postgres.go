package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx
)

var databases atomic.Uint64

// newDatabase makes an empty database and returns its URL.
func newDatabase(t testing.TB) (string, error) {
	server, err := serverURL()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	name := databaseName(databases.Add(1))
	admin := func(query string) error {
		db, err := sql.Open("pgx", server)
		if err != nil {
			return err
		}
		defer db.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err = db.ExecContext(ctx, query)
		return err
	}
	if err := admin("create database " + name + " encoding 'UTF8' lc_collate 'C' lc_ctype 'C' template template0"); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		if err := admin("drop database " + name + " with (force)"); err != nil {
			t.Errorf("dropping the test's database: %v", err)
		}
	})
	u.Path = "/" + name
	return u.String(), nil
}

// serverURL is the server that the tests of this process share.
var serverURL = sync.OnceValues(func() (string, error) {
	if s := os.Getenv("GATEHOUSE_TEST_POSTGRES"); s != "" {
		return s, nil
	}
	return startServer("-c", "fsync=off", "-c", "full_page_writes=off")
})

// keeper runs the server, waits until its standard input ends, which is when
// the test binary has ended in whatever way, and cleans up. It needs no signal
// from the binary, so kill -9 is as good an end as any.
const keeper = `bin=$1 dir=$2
shift 2
"$bin/postgres" -D "$dir/data" -k "$dir" "$@" </dev/null >"$dir/log" 2>&1 &
pid=$!
cat >/dev/null
kill -QUIT $pid
wait $pid
rm -rf "$dir"
`

// keepOpen holds the keepers' standard inputs for as long as the process lives.
var keepOpen []io.Closer

// startServer starts a server on a socket in a folder of its own. settings are
// further arguments for postgres.
func startServer(settings ...string) (string, error) {
	bin, err := findBinaries()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "gatehouse-pg-")
	if err != nil {
		return "", err
	}
	attr, err := credential(dir)
	if err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "gatehouse",
		"-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir, initdb.Env = attr, dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("initdb: %w\n%s", err, bytes.TrimSpace(out))
	}

	arguments := append([]string{"-c", keeper, "sh", bin, dir,
		"-c", "listen_addresses=", "-c", "max_connections=300", "-c", "shared_buffers=32MB"}, settings...)
	cmd := exec.Command("/bin/sh", arguments...)
	cmd.SysProcAttr, cmd.Dir = attr, dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	keepOpen = append(keepOpen, stdin)

	server := (&url.URL{Scheme: "postgres", User: url.User("gatehouse"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode()}).String()
	if err := waitReady(server); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		stdin.Close()
		return "", fmt.Errorf("starting postgres: %w\n%s", err, bytes.TrimSpace(log))
	}
	return server, nil
}

// waitReady returns when the server answers, or why it does not.
func waitReady(server string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer db.Close()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := db.Ping()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// findBinaries is the folder of initdb and postgres: that of the PATH, or the
// highest version where Debian puts them.
func findBinaries() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// The PATH may hold links: the server looks for its files beside itself.
		if real, err := filepath.EvalSymlinks(initdb); err == nil && executable(filepath.Join(filepath.Dir(real), "postgres")) {
			return filepath.Dir(real), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	best, bestVersion := "", -1
	for _, bin := range found {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		if err == nil && version > bestVersion && executable(filepath.Join(bin, "initdb")) && executable(filepath.Join(bin, "postgres")) {
			best, bestVersion = bin, version
		}
	}
	if best == "" {
		return "", errors.New("neither GATEHOUSE_TEST_POSTGRES is set, nor are initdb and postgres installed (Debian: apt-get install postgresql)")
	}
	return best, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// credential is the user that the server runs as: this one, or, because
// postgres refuses to run as root, the user postgres or nobody, who is given
// the folder.
func credential(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true} // the terminal's ^C is for the test, whose end ends the keeper
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}
