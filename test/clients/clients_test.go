package clients_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// on are the options for a store of a kind.
func on(t *testing.T, kind string) []gatehousetest.Option {
	if kind == "postgres" {
		return []gatehousetest.Option{gatehousetest.PostgreSQL(storetest.Postgres(t).URL)}
	}
	return nil
}

// environment is what a client reads its settings from. Nothing of the
// machine's own AWS settings is left.
func environment(s *gatehousetest.Server) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "GATEHOUSE_") {
			env = append(env, v)
		}
	}
	return append(env, "GATEHOUSE_URL="+s.URL, "GATEHOUSE_ACCOUNT="+s.Account, "AWS_REGION="+s.Region, "AWS_DEFAULT_REGION="+s.Region,
		"AWS_ACCESS_KEY_ID="+s.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.SecretKey, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_PAGER=",
		"AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1", "NO_COLOR=1")
}

// depends makes a test's result depend on files that only another program reads:
// Go keeps the result until a file changes that the test itself has opened.
func depends(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no %s: %v", pattern, err)
	}
	for _, name := range files {
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNode runs each program of Node on a server of its own.
func TestNode(t *testing.T) {
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("the Node packages are not installed: run `make test`, or `npm ci` in test/clients")
	}
	depends(t, "*.mjs")
	depends(t, "package-lock.json")
	depends(t, "*.xml")
	for _, program := range []struct {
		file string
		opts []gatehousetest.Option
	}{
		{"w1.test.mjs", nil},
		{"w2.test.mjs", nil},
		{"w3.test.mjs", nil},
		{"directory.test.mjs", nil},
		{"streams.test.mjs", nil},
		{"access.test.mjs", nil},
		{"amplify.test.mjs", nil},
		{"identityjs.test.mjs", nil},
		{"openid.test.mjs", nil},
		{"jwt.test.mjs", []gatehousetest.Option{gatehousetest.Issuer("aws")}},
	} {
		for _, kind := range storetest.Kinds(t) {
			t.Run(program.file+"/"+kind, func(t *testing.T) {
				t.Parallel()
				// The program may listen for calls of the pools' functions.
				l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				socket, err := l.File()
				if err != nil {
					t.Fatal(err)
				}
				defer socket.Close()
				s := gatehousetest.Start(t, append(on(t, kind), append(program.opts, gatehousetest.LambdaEndpoint("http://"+l.Addr().String()))...)...)
				// Amplify leaves timers behind, which would keep the program
				// for minutes.
				cmd := exec.CommandContext(t.Context(), "node", "--test-force-exit", "--test-reporter=spec", program.file)
				cmd.Env, cmd.ExtraFiles = environment(s), []*os.File{socket}
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Errorf("node %s: %v\n%s", program.file, err, out)
				} else if !strings.Contains(string(out), "pass ") || strings.Contains(string(out), "pass 0") {
					t.Errorf("node %s ran nothing:\n%s", program.file, out)
				}
			})
		}
	}
}

// TestPython runs each program of boto3 on a server of its own.
func TestPython(t *testing.T) {
	const python = ".cache/python/bin/python"
	depends(t, "*.py")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Fatalf("boto3 is not installed (%v): run `make test`, which installs it", err)
	}
	depends(t, "*.xml")
	for _, program := range []string{"directory.py", "access.py", "streams.py"} {
		for _, kind := range storetest.Kinds(t) {
			t.Run(program+"/"+kind, func(t *testing.T) {
				t.Parallel()
				s := gatehousetest.Start(t, on(t, kind)...)
				cmd := exec.CommandContext(t.Context(), python, "-B", "-W", "error", program, "-v")
				cmd.Env = environment(s)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Errorf("python %s: %v\n%s", program, err, out)
				} else if strings.Contains(string(out), "Ran 0 tests") || strings.Contains(string(out), "skipped") {
					t.Errorf("python %s did not run everything:\n%s", program, out)
				}
			})
		}
	}
}
