package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Config says where a ring comes from.
type Config struct {
	// File is the path of the ring file. Made on the first start.
	File string

	// Keys, when not empty, is the ring itself, and File is not looked at:
	// base64 of 32 bytes, or several of them with commas or white space
	// between, the newest first. It comes from the environment or from a file
	// of the operator's secret store, and is never written anywhere.
	Keys string

	// Now dates a new key.
	Now func() time.Time
}

// Open loads the ring, or makes one when File does not exist. A ring made here
// is kept in memory until Save, so that a start against a database which was
// sealed with a lost ring leaves no wrong ring file behind.
func Open(c Config) (*Ring, error) {
	if strings.TrimSpace(c.Keys) != "" {
		return parseKeys(c.Keys)
	}
	if c.File == "" {
		return nil, errors.New("seal: neither a ring file nor keys are configured")
	}
	r, err := load(c.File)
	if errors.Is(err, fs.ErrNotExist) {
		var secret [KeySize]byte
		rand.Read(secret[:])
		return &Ring{path: c.File, keys: []*key{newKey(secret, c.Now())}, fresh: true}, nil
	}
	return r, err
}

// NewKey returns a key in the text form of Config.Keys.
func NewKey() string {
	var secret [KeySize]byte
	rand.Read(secret[:])
	return base64.StdEncoding.EncodeToString(secret[:])
}

func parseKeys(text string) (*Ring, error) {
	r := &Ring{}
	for i, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) }) {
		b, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(b) != KeySize {
			return nil, fmt.Errorf("seal: key %d is not base64 of %d bytes (make one with: openssl rand -base64 32)", i+1, KeySize)
		}
		k := newKey([KeySize]byte(b), time.Time{})
		if r.key(k.id) != nil {
			return nil, fmt.Errorf("seal: key %d is in the ring twice", i+1)
		}
		r.keys = append(r.keys, k)
	}
	if len(r.keys) == 0 {
		return nil, errors.New("seal: no key given")
	}
	return r, nil
}

// The ring file. Ids are derived from the keys and written so that a damaged
// key is noticed before anything is sealed with it.
type ringFile struct {
	Comment string     `json:"comment"`
	Version int        `json:"version"`
	Keys    []ringItem `json:"keys"`
}

type ringItem struct {
	ID      string    `json:"id"` // 8 hexadecimal digits
	Created time.Time `json:"created"`
	Key     []byte    `json:"key"`
}

const comment = "The keys that gatehouse seals its secrets with, newest first. Without this file the database cannot be opened: back it up, apart from the database."

func load(path string) (*Ring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("seal: opening the key ring: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("seal: looking at the key ring: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("seal: the key ring %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o177 != 0 {
		return nil, fmt.Errorf("seal: the key ring %s has mode %04o; others may read it: chmod 600 %s", path, mode, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("seal: the key ring %s belongs to user %d, and this process runs as user %d", path, st.Uid, os.Geteuid())
	}
	var rf ringFile
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&rf); err != nil {
		return nil, fmt.Errorf("seal: the key ring %s is damaged: %w", path, err)
	}
	if rf.Version != 1 {
		return nil, fmt.Errorf("seal: the key ring %s has version %d, and this program knows version 1", path, rf.Version)
	}
	r := &Ring{path: path}
	for _, item := range rf.Keys {
		if len(item.Key) != KeySize {
			return nil, fmt.Errorf("seal: the key ring %s is damaged: key %s has %d bytes", path, item.ID, len(item.Key))
		}
		k := newKey([KeySize]byte(item.Key), item.Created)
		if item.ID != fmt.Sprintf("%08x", k.id) {
			return nil, fmt.Errorf("seal: the key ring %s is damaged: key %s is not the key that was written", path, item.ID)
		}
		if r.key(k.id) != nil {
			return nil, fmt.Errorf("seal: the key ring %s is damaged: key %s is in it twice", path, item.ID)
		}
		r.keys = append(r.keys, k)
	}
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("seal: the key ring %s has no keys", path)
	}
	return r, nil
}

// Fresh says that Open made this ring just now and that it is nowhere but in
// memory.
func (r *Ring) Fresh() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.fresh
}

// Save writes a fresh ring to its file and does nothing for any other. It
// never replaces a file: if one has appeared meanwhile, that is an error.
func (r *Ring) Save() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.fresh {
		return nil
	}
	if _, err := os.Lstat(r.path); err == nil {
		return fmt.Errorf("seal: the key ring %s was made by somebody else meanwhile; start again", r.path)
	}
	if err := write(r.path, r.keys); err != nil {
		return err
	}
	r.fresh = false
	return nil
}

// Rotate puts a new key at the head of the ring and writes the file. What was
// sealed before still opens. A ring from the environment cannot be rotated
// here: the operator puts a new key in front.
func (r *Ring) Rotate(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path == "" {
		return errors.New("seal: this ring was given by configuration; put a new key in front of the old one there")
	}
	var secret [KeySize]byte
	rand.Read(secret[:])
	keys := append([]*key{newKey(secret, now)}, r.keys...)
	if err := write(r.path, keys); err != nil {
		return err
	}
	r.keys, r.fresh = keys, false
	return nil
}

// write replaces the file in one step: whoever reads it sees the old ring or
// the new one, also after a power cut.
func write(path string, keys []*key) error {
	rf := ringFile{Comment: comment, Version: 1}
	for _, k := range keys {
		rf.Keys = append(rf.Keys, ringItem{ID: fmt.Sprintf("%08x", k.id), Created: k.created, Key: k.secret[:]})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(rf); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("seal: writing the key ring: %w", err)
	}
	f, err := os.CreateTemp(dir, ".ring-*") // mode 0600
	if err != nil {
		return fmt.Errorf("seal: writing the key ring: %w", err)
	}
	defer os.Remove(f.Name()) // fails, as it should, once renamed
	_, err = f.Write(b.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("seal: writing the key ring: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("seal: writing the key ring: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("seal: writing the key ring: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("seal: writing the key ring: %w", err)
	}
	return nil
}
