package server_test

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/server"
	"gatehouse/internal/store"
)

// TestUpstreams_start: a start that would hide data, or whose file is wrong, is
// none; a right one leaves the record of the bucket, also after a reset.
func TestUpstreams_start(t *testing.T) {
	const keys = "  endpoint: http://127.0.0.1:1\n  access-key-id: a\n  secret-access-key: hush\n"
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "upstreams.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	c := settings(t, "--dev")
	first := start(t, c)
	if err := first.DB().Write(t.Context(), func(tx *store.Tx) error {
		if err := store.CreateBucket(tx, &store.Bucket{Name: "full", Region: "us-east-1"}); err != nil {
			return err
		}
		if err := store.PutObject(tx, &store.Object{Bucket: "full", Key: "k", ETag: "e", Modified: tx.Now}); err != nil {
			return err
		}
		for name, status := range map[string]string{"clicks": "ACTIVE", "leaving": "DELETING"} {
			if err := store.InsertStream(tx, &store.Stream{Region: "eu-west-1", Name: name, ID: name, Status: status, Settings: "{}"}); err != nil {
				return err
			}
		}
		return store.InsertParameter(tx, &store.Parameter{Region: "eu-west-1", Key: "app/prod/x", Name: "/app/prod/x", Version: 1, Tags: "{}"})
	}); err != nil {
		t.Fatal(err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"- bucket: full\n" + keys:                        "bucket full holds objects or uploads here",
		"- parameters: /app\n" + keys:                    "parameter app/prod/x is kept here, so /app cannot live elsewhere",
		"- parameters: /app/prod\n" + keys:               "parameter app/prod/x is kept here",
		"- stream: clicks\n" + keys:                      "stream clicks is kept here, in eu-west-1, so it cannot live elsewhere",
		"- bucket: xn--photos\n" + keys:                  "xn--photos cannot be the name of a bucket here",
		"- bucket: photos\n  endpoint: ftp://x\n" + keys: "already defined",
		"- bucket: photos\n":                             "endpoint is a URL",
	} {
		c.Upstreams = write(text)
		_, err := server.New(t.Context(), server.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	c.Upstreams = write("- bucket: photos\n" + keys + "- parameters: /app/prod/x\n" + keys + "- parameters: /app/pro\n" + keys + "- stream: leaving\n" + keys + "- stream: click\n" + keys)
	second := start(t, c)
	has := func() {
		t.Helper()
		if err := second.DB().Read(t.Context(), func(tx *store.Tx) error { return store.BucketExists(tx, "photos") }); err != nil {
			t.Errorf("the record of the bucket: %v", err)
		}
	}
	has()
	resp, err := http.Post(second.URL()+"/_gatehouse/reset", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Errorf("reset answered %d %s", resp.StatusCode, body)
	}
	resp.Body.Close()
	has()
}
