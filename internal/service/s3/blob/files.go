package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Files is an Engine on a folder of a local or shared file system. Blobs lie
// in 256 sub-folders by the first two digits of their ids, so that no folder
// grows beyond what a file system lists gladly.
type Files struct {
	root string

	mu      sync.Mutex
	writing map[string]bool // ids between Create and Commit or Abort
}

// OpenFiles opens the engine on a folder, which is made if it is not there.
func OpenFiles(root string) (*Files, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	if err := syncDir(filepath.Dir(root)); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	return &Files{root: root, writing: make(map[string]bool)}, nil
}

const idLen = 32 // hex digits: 128 random bits, so ids never meet

func validID(id string) bool {
	if len(id) != idLen {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (f *Files) path(id string) string { return filepath.Join(f.root, id[:2], id) }

// Create implements Engine.
func (f *Files) Create(context.Context) (Writer, error) {
	var b [idLen / 2]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	id := hex.EncodeToString(b[:])
	f.mu.Lock()
	f.writing[id] = true
	f.mu.Unlock()

	file, err := f.create(id)
	if err != nil {
		f.done(id)
		return nil, fmt.Errorf("create blob: %w", err)
	}
	return &fileWriter{files: f, id: id, file: file}, nil
}

func (f *Files) create(id string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	file, err := os.OpenFile(f.path(id), flags, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	if err := os.Mkdir(filepath.Join(f.root, id[:2]), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	// Also when another writer won the race to make the folder: it may not
	// have synced the parent yet.
	if err := syncDir(f.root); err != nil {
		return nil, err
	}
	return os.OpenFile(f.path(id), flags, 0o600)
}

func (f *Files) done(id string) {
	f.mu.Lock()
	delete(f.writing, id)
	f.mu.Unlock()
}

// Open implements Engine.
func (f *Files) Open(_ context.Context, id string) (Reader, error) {
	if !validID(id) {
		return nil, ErrNotFound
	}
	file, err := os.Open(f.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	return file, nil
}

// Delete implements Engine.
func (f *Files) Delete(_ context.Context, id string) error {
	if !validID(id) {
		return nil
	}
	if err := os.Remove(f.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete blob: %w", err)
	}
	return nil
}

// Each implements Engine.
func (f *Files) Each(ctx context.Context, before time.Time, fn func(id string) error) error {
	return filepath.WalkDir(f.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		id := d.Name()
		if d.IsDir() || !validID(id) {
			return nil
		}
		f.mu.Lock()
		busy := f.writing[id]
		f.mu.Unlock()
		if busy {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		if !info.ModTime().Before(before) {
			return nil
		}
		return fn(id)
	})
}

type fileWriter struct {
	files *Files
	id    string
	file  *os.File // nil when ended
}

func (w *fileWriter) ID() string { return w.id }

func (w *fileWriter) Write(p []byte) (int, error) { return w.file.Write(p) }

// Commit makes the bytes durable, then the name: a synced file whose folder is
// not synced can be gone after a loss of power (fsync(2), NOTES).
func (w *fileWriter) Commit() error {
	file := w.file
	w.file = nil
	defer w.files.done(w.id)
	err := file.Sync()
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = syncDir(filepath.Dir(file.Name()))
	}
	if err != nil {
		// After a failed fsync the pages may be lost although a second fsync
		// succeeds, so the blob is given up and never committed again.
		os.Remove(file.Name())
		return fmt.Errorf("commit blob: %w", err)
	}
	return nil
}

func (w *fileWriter) Abort() {
	if w.file == nil {
		return
	}
	w.file.Close()
	os.Remove(w.file.Name())
	w.file = nil
	w.files.done(w.id)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
