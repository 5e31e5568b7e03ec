package blob_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/internal/service/s3/blob"
)

func TestFiles(t *testing.T) {
	ctx := context.Background()
	root := filepath.Join(t.TempDir(), "objects")
	f, err := blob.OpenFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	ids := func() (all []string) {
		t.Helper()
		err := f.Each(ctx, time.Now().Add(time.Hour), func(id string) error { all = append(all, id); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	write := func(text string) blob.Writer {
		t.Helper()
		w, err := f.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		return w
	}

	w := write("0123456789")
	if got := ids(); len(got) != 0 {
		t.Errorf("a blob that is being written is listed: %v", got)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Abort() // does nothing now
	if got := ids(); len(got) != 1 || got[0] != w.ID() {
		t.Errorf("ids %v", got)
	}
	r, err := f.Open(ctx, w.ID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Seek(7, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "789" {
		t.Errorf("%q %v", b, err)
	}
	r.Close()

	write("gone").Abort()
	if got := ids(); len(got) != 1 {
		t.Errorf("an aborted blob is there: %v", got)
	}
	if err := f.Each(ctx, time.Now().Add(-time.Hour), func(string) error { return errors.New("too young") }); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := f.Delete(ctx, w.ID()); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{w.ID(), "", "..", "../../etc/passwd", "x", "ABCDEF0123456789ABCDEF0123456789"} {
		if _, err := f.Open(ctx, id); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("open %q: %v", id, err)
		}
	}

	// A folder that cannot be written to is an error, not a lost blob.
	w = write("x")
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("a blob whose folder is gone was committed")
	}
}
