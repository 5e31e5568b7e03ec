package clients_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// elsewhere starts a server whose bucket photos and stream clicks live in another
// server's.
func elsewhere(t *testing.T, kind string) (here, there *gatehousetest.Server) {
	t.Helper()
	there = gatehousetest.Start(t)
	newCLI(t, there).must(nil, "s3", "mb", "s3://photos-prod")
	newCLI(t, there).must(nil, "kinesis", "create-stream", "--stream-name", "clicks-prod", "--shard-count", "1")
	file := filepath.Join(t.TempDir(), "upstreams.yaml")
	text := fmt.Sprintf("- bucket: photos\n  name: photos-prod\n  endpoint: %[1]s\n  access-key-id: %[2]s\n  secret-access-key: %[3]s\n"+
		"- stream: clicks\n  name: clicks-prod\n  endpoint: %[1]s\n  access-key-id: %[2]s\n  secret-access-key: %[3]s\n",
		strings.Replace(there.URL, "localhost", "127.0.0.1", 1), there.AccessKeyID, there.SecretKey)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return gatehousetest.Start(t, append(on(t, kind), gatehousetest.Upstreams(file), gatehousetest.ExpectFaults())...), there
}

// TestUpstream_CLI: the CLI copies files in parts into a bucket that lives
// elsewhere, within it, and back.
func TestUpstream_CLI(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			here, there := elsewhere(t, kind)
			c := newCLI(t, here)
			dir := t.TempDir()
			big := bytes.Repeat([]byte("0123456789abcdef"), 1_300_000)
			file, back := filepath.Join(dir, "big.bin"), filepath.Join(dir, "back.bin")
			if err := os.WriteFile(file, big, 0o600); err != nil {
				t.Fatal(err)
			}
			c.must(nil, "s3", "cp", "--no-progress", file, "s3://photos/dir/big.bin")
			c.must(nil, "s3", "cp", "--no-progress", "s3://photos/dir/big.bin", "s3://photos/copy.bin")
			c.must(nil, "s3", "cp", "--no-progress", "s3://photos/copy.bin", back)
			if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, big) {
				t.Errorf("the file came back as %d bytes (%v)", len(got), err)
			}
			if listed := newCLI(t, there).must(nil, "s3", "ls", "--recursive", "s3://photos-prod"); !strings.Contains(listed, "20800000 copy.bin") || !strings.Contains(listed, "20800000 dir/big.bin") {
				t.Errorf("the upstream has %s", listed)
			}
			c.as("AKIAUNKNOWNUNKNOWN00", "x", "").refused("InvalidAccessKeyId", "s3", "ls", "s3://photos")
			c.refused("NotImplemented", "s3", "rb", "s3://photos")
			c.must(nil, "s3", "rm", "--recursive", "s3://photos")
			if listed := newCLI(t, there).must(nil, "s3", "ls", "--recursive", "s3://photos-prod"); listed != "" {
				t.Errorf("the upstream still has %s", listed)
			}
		})
	}
}

// TestUpstream_CLIStream: the CLI writes and reads a stream that lives elsewhere.
func TestUpstream_CLIStream(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			here, there := elsewhere(t, kind)
			c := newCLI(t, here)
			const shard = "shardId-000000000000"
			c.must(nil, "kinesis", "wait", "stream-exists", "--stream-name", "clicks")
			var written struct{ ShardId, SequenceNumber string }
			c.must(&written, "kinesis", "put-record", "--stream-name", "clicks", "--partition-key", "from here", "--data", "eHh4")
			var listed struct{ StreamNames []string }
			if c.must(&listed, "kinesis", "list-streams"); len(listed.StreamNames) != 1 || listed.StreamNames[0] != "clicks" {
				t.Errorf("listed: %+v", listed)
			}
			for _, side := range []struct {
				*cli
				name string
			}{{c, "clicks"}, {newCLI(t, there), "clicks-prod"}} {
				var it struct{ ShardIterator string }
				side.must(&it, "kinesis", "get-shard-iterator", "--stream-name", side.name, "--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON")
				var read struct {
					Records []struct{ SequenceNumber, PartitionKey string }
				}
				side.must(&read, "kinesis", "get-records", "--shard-iterator", it.ShardIterator)
				if len(read.Records) != 1 || read.Records[0].SequenceNumber != written.SequenceNumber || read.Records[0].PartitionKey != "from here" {
					t.Errorf("%s has %+v", side.name, read)
				}
			}
			c.refused("(InvalidArgumentException) when calling the DeleteStream operation: Stream clicks under account "+here.Account+" lives in another store", "kinesis", "delete-stream", "--stream-name", "clicks")
		})
	}
}

// TestUpstream_node: the SDK for JavaScript streams into such a bucket.
func TestUpstream_node(t *testing.T) {
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("the Node packages are not installed: run `make test`, or `npm ci` in test/clients")
	}
	depends(t, "*.mjs")
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			here, _ := elsewhere(t, kind)
			cmd := exec.CommandContext(t.Context(), "node", "--test-force-exit", "--test-reporter=spec", "upstream.test.mjs")
			cmd.Env = environment(here)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("node upstream.test.mjs: %v\n%s", err, out)
			} else if !strings.Contains(string(out), "pass 7") {
				t.Errorf("node upstream.test.mjs did not run everything:\n%s", out)
			}
		})
	}
}
