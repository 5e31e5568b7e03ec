package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2027, 1, 5, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, c Config) *Ring {
	t.Helper()
	c.Now = func() time.Time { return noon }
	r, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSeal_opensOnlyWhatItWasSealedFor(t *testing.T) {
	r := open(t, Config{Keys: NewKey()})
	envelope := r.Seal("seed", "pool/ann", []byte("secret"))
	if got, err := r.Open("seed", "pool/ann", envelope); err != nil || string(got) != "secret" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if bytes.Contains(envelope, []byte("secret")) || bytes.Equal(envelope, r.Seal("seed", "pool/ann", []byte("secret"))) {
		t.Fatal("the envelope shows its content")
	}
	for _, c := range []struct{ purpose, identity string }{
		{"seed", "pool/bob"}, {"password", "pool/ann"}, {"seedp", "ool/ann"}, {"", "seedpool/ann"},
	} {
		if got, err := r.Open(c.purpose, c.identity, envelope); !errors.Is(err, ErrForged) {
			t.Errorf("Open(%q, %q) = %q, %v", c.purpose, c.identity, got, err)
		}
	}
	for i := range envelope {
		bad := bytes.Clone(envelope)
		bad[i] ^= 1
		_, err := r.Open("seed", "pool/ann", bad)
		want := ErrForged
		if i >= 1 && i < headerSize {
			want = ErrUnknownKey
		}
		if !errors.Is(err, want) {
			t.Errorf("byte %d changed: %v, want %v", i, err, want)
		}
		if _, err := r.Open("seed", "pool/ann", envelope[:i]); !errors.Is(err, ErrForged) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if got, err := r.Open("seed", "", r.Seal("seed", "", nil)); err != nil || len(got) != 0 {
		t.Errorf("an empty text: %q, %v", got, err)
	}
}

func TestToken(t *testing.T) {
	r := open(t, Config{Keys: NewKey()})
	for size := range 40 {
		token := r.SealToken("session", "", bytes.Repeat([]byte{'x'}, size))
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("token %q", token)
		}
		if got, err := r.OpenToken("session", "", token); err != nil || len(got) != size {
			t.Fatalf("OpenToken = %q, %v", got, err)
		}
		for _, bad := range []string{token + "=", token + "\n", token[:len(token)-1], "", token + "A", token[:10] + "\r\n" + token[10:]} {
			if _, err := r.OpenToken("session", "", bad); !errors.Is(err, ErrForged) {
				t.Errorf("OpenToken(%q): %v", bad, err)
			}
		}
		id, err := TokenKey(token)
		if err != nil {
			t.Fatal(err)
		}
		derived, err := r.DeriveFor(id, "mac")
		if err != nil || !bytes.Equal(derived, r.Derive("mac")) || len(derived) != 32 {
			t.Fatalf("DeriveFor = %x, %v", derived, err)
		}
	}
	if bytes.Equal(r.Derive("a"), r.Derive("b")) {
		t.Error("two labels derive one key")
	}
	if _, err := r.DeriveFor(r.Keys()[0].ID+1, "mac"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("DeriveFor an unknown key: %v", err)
	}
}

func TestFile_roundTripAndRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "ring.json")
	r := open(t, Config{File: path})
	if _, err := os.Stat(path); err == nil || !r.Fresh() {
		t.Fatal("the ring was written before Save")
	}
	old := r.Seal("p", "i", []byte("old"))
	oldMAC, oldID := r.Derive("mac"), r.Keys()[0].ID
	if err := r.Save(); err != nil {
		t.Fatal(err)
	}
	if r.Fresh() {
		t.Error("fresh after Save")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("ring file: %v, %v", info, err)
	}
	if err := r.Rotate(noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	again := open(t, Config{File: path})
	if got := again.Keys(); len(got) != 2 || got[1].ID != oldID || !got[0].Created.Equal(noon.Add(time.Hour)) {
		t.Fatalf("Keys = %v", got)
	}
	for _, envelope := range [][]byte{old, r.Seal("p", "i", []byte("new"))} {
		if _, err := again.Open("p", "i", envelope); err != nil {
			t.Errorf("after rotation: %v", err)
		}
	}
	if got, err := again.DeriveFor(oldID, "mac"); err != nil || !bytes.Equal(got, oldMAC) {
		t.Errorf("the old key derives %x, %v", got, err)
	}
	if bytes.Equal(again.Derive("mac"), oldMAC) {
		t.Error("Derive did not move to the new key")
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestSave_neverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring.json")
	a, b := open(t, Config{File: path}), open(t, Config{File: path})
	if err := a.Save(); err != nil {
		t.Fatal(err)
	}
	if err := b.Save(); err == nil {
		t.Error("a second ring replaced the first")
	}
}

func TestOpen_refuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring.json")
	if err := open(t, Config{File: path}).Save(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what, want string) {
		t.Helper()
		if _, err := Open(Config{File: path, Now: func() time.Time { return noon }}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", what, err, want)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o700, 0o666} {
		os.Chmod(path, mode)
		check("mode", "chmod 600")
	}
	os.Chmod(path, 0o600)
	if os.Geteuid() == 0 {
		os.Chown(path, 65534, 65534)
		check("owner", "belongs to user 65534")
		os.Chown(path, 0, 0)
	}
	at := bytes.Index(good, []byte(`"key": "`)) + len(`"key": "`)
	flipped := bytes.Clone(good)
	flipped[at] = map[bool]byte{true: 'B', false: 'A'}[flipped[at] == 'A']
	for what, content := range map[string][]byte{
		"is damaged": flipped, "damaged: EOF": nil, "version 2": bytes.Replace(good, []byte(`"version": 1`), []byte(`"version": 2`), 1),
		"no keys": []byte(`{"version":1,"keys":[]}`), "has 3 bytes": []byte(`{"version":1,"keys":[{"id":"x","key":"AAAA"}]}`),
		"unexpected EOF": good[:len(good)/2],
	} {
		os.WriteFile(path, content, 0o600)
		check("content", what)
	}
	for _, keys := range []string{"x", "AAAA", NewKey() + ",x", ",", strings.Repeat(NewKey(), 2)} {
		if _, err := Open(Config{Keys: keys}); err == nil {
			t.Errorf("Open took the keys %q", keys)
		}
	}
	k := NewKey()
	if _, err := Open(Config{Keys: k + " " + k}); err == nil {
		t.Error("Open took the same key twice")
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("Open took nothing")
	}
}

func TestKeys_newestFirst(t *testing.T) {
	oldKey, newKey := NewKey(), NewKey()
	before := open(t, Config{Keys: oldKey})
	after := open(t, Config{Keys: newKey + ",\n" + oldKey})
	if _, err := after.Open("p", "", before.Seal("p", "", nil)); err != nil {
		t.Errorf("old text under the new ring: %v", err)
	}
	if _, err := before.Open("p", "", after.Seal("p", "", nil)); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("new text under the old ring: %v", err)
	}
	if err := after.Rotate(noon); err == nil {
		t.Error("a ring from the environment was rotated")
	}
}

func FuzzOpenToken(f *testing.F) {
	r := open(f, Config{Keys: NewKey()})
	f.Add(r.SealToken("p", "i", []byte("hello")), "p", "i")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, token, purpose, identity string) {
		got, err := r.OpenToken(purpose, identity, token)
		if err == nil && (string(got) != "hello" || purpose != "p" || identity != "i") {
			t.Fatalf("%q opened as %q for %q, %q", token, got, purpose, identity)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	r := open(b, Config{Keys: NewKey()})
	text := make([]byte, 400)
	b.Run("Seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Seal("session", "pool", text)
		}
	})
	envelope := r.Seal("session", "pool", text)
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Open("session", "pool", envelope); err != nil {
				b.Fatal(err)
			}
		}
	})
	token := r.SealToken("session", "pool", text)
	b.Run("OpenToken", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.OpenToken("session", "pool", token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
