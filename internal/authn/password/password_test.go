package password

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"gatehouse/internal/engine"
)

func TestPolicy_check(t *testing.T) {
	none := Policy{MinimumLength: 6}
	for _, c := range []struct {
		policy Policy
		text   string
		want   string
	}{
		{DefaultPolicy, "P@ssw0rd", ""},
		{DefaultPolicy, "P@ssw0r", "Password not long enough"},
		{DefaultPolicy, "", "Password not long enough"},
		{DefaultPolicy, "p@ssw0rd", "Password must have uppercase characters"},
		{DefaultPolicy, "É@ssw0rd", "Password must have uppercase characters"},
		{DefaultPolicy, "P@SSW0RD", "Password must have lowercase characters"},
		{DefaultPolicy, "P@ssword", "Password must have numeric characters"},
		{DefaultPolicy, "P@ssword٣", "Password must have numeric characters"},
		{DefaultPolicy, "Passw0rd", "Password must have symbol characters"},
		{DefaultPolicy, "Pass w0rd", ""},
		{DefaultPolicy, " Passw0rd", "Password must not begin or end with a space"},
		{DefaultPolicy, "Passw0rd ", "Password must not begin or end with a space"},
		{none, "éééééé", ""},
		{none, "ééééé", "Password not long enough"},
		{none, strings.Repeat("é", 256), ""},
		{none, strings.Repeat("é", 257), "Password too long"},
		{none, "aaaaa\t", "Password must not begin or end with a space"},
	} {
		got := ""
		if err := c.policy.Check(c.text); err != nil {
			var pe *PolicyError
			if !errors.As(err, &pe) || err.Error() != "Password did not conform with policy: "+pe.Reason {
				t.Fatalf("%q: %v", c.text, err)
			}
			got = pe.Reason
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	for _, symbol := range Symbols {
		if err := (Policy{RequireSymbols: true}).Check("a" + string(symbol)); err != nil {
			t.Errorf("%q is no symbol", symbol)
		}
	}
	if WellFormed("a\xff") || WellFormed("") || !WellFormed("a") {
		t.Error("WellFormed")
	}
}

func TestPolicy_temporary(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []Policy{{}, {MinimumLength: 6}, DefaultPolicy, {99, true, true, true, true}} {
		for range 200 {
			text := p.Temporary()
			if err := p.Check(text); err != nil || len(text) < 8 || len(text) < p.MinimumLength {
				t.Fatalf("%q: %v", text, err)
			}
			if err := DefaultPolicy.Check(text); err != nil {
				t.Fatalf("%q under a stricter policy: %v", text, err)
			}
			if seen[text] {
				t.Fatalf("%q twice", text)
			}
			seen[text] = true
		}
	}
	for b := range seen {
		if strings.Trim(b, temporaryAlphabet) != "" {
			t.Errorf("%q", b)
		}
	}
}

func TestRecord(t *testing.T) {
	h := New(engine.Default(), nil)
	ctx := context.Background()
	for _, kind := range []Kind{SRP, Argon2id} {
		r, err := h.NewRecord(ctx, kind, "pool", "ann", "sésame")
		if err != nil {
			t.Fatal(err)
		}
		encoded := r.Encode()
		if r, err = Decode(encoded); err != nil || !bytes.Equal(r.Encode(), encoded) || r.Kind != kind {
			t.Fatalf("Decode: %+v, %v", r, err)
		}
		check := func(pool, name, password string, want bool) {
			t.Helper()
			if got, err := h.Check(ctx, r, pool, name, password); err != nil || got != want {
				t.Errorf("kind %d: Check(%q, %q, %q) = %v, %v", kind, pool, name, password, got, err)
			}
		}
		check("pool", "ann", "sésame", true)
		check("pool", "ann", "sesame", false)
		check("pool", "ann", "", false)
		if kind == SRP { // an Argon2id record is bound to its row by being sealed for it
			check("pool2", "ann", "sésame", false)
			check("pool", "bob", "sésame", false)
		}
		again, err := h.NewRecord(ctx, kind, "pool", "ann", "sésame")
		if err != nil || bytes.Equal(again.Salt, r.Salt) || bytes.Equal(again.Value, r.Value) {
			t.Errorf("kind %d: the same record twice", kind)
		}
		if err := h.Decoy(ctx, kind, "pool", "nobody", "x"); err != nil {
			t.Errorf("Decoy: %v", err)
		}
		for _, bad := range [][]byte{nil, encoded[:len(encoded)-1], append(bytes.Clone(encoded), 0), append([]byte{9}, encoded[1:]...)} {
			if _, err := Decode(bad); !errors.Is(err, ErrRecord) {
				t.Errorf("Decode of %d bytes: %v", len(bad), err)
			}
		}
	}
	if _, err := h.NewRecord(ctx, 9, "", "", ""); err == nil {
		t.Error("a record of no kind")
	}
	if _, err := h.Check(ctx, Record{}, "", "", ""); err == nil {
		t.Error("Check of no record")
	}
}

// TestRecord_vector is the worked vector of Cognito's SRP, seen as a password check.
func TestRecord_vector(t *testing.T) {
	salt, err := hex.DecodeString("9f3c5a7e1b2d4f60718293a4b5c6d7e8")
	if err != nil {
		t.Fatal(err)
	}
	x, err := hex.DecodeString("24dbedc32a21f08b53f7e8609e4781e22354fb351bde3bf200573ccab3ac6265")
	if err != nil {
		t.Fatal(err)
	}
	h := New(engine.Go(), nil)
	r := Record{Kind: SRP, Salt: salt, Value: engine.Default().ExpG(x)}
	if ok, err := h.Check(context.Background(), r, "AbCdEf123", "testuser", "P@ssw0rd!"); err != nil || !ok {
		t.Errorf("Check = %v, %v", ok, err)
	}
}

// TestArgon2id_bounded: more at once than processors wait, and leave when
// their caller does.
func TestArgon2id_bounded(t *testing.T) {
	h := New(engine.Go(), nil)
	for range runtime.GOMAXPROCS(0) {
		if err := h.slow.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := h.Decoy(ctx, Argon2id, "", "", "x"); !errors.Is(err, context.Canceled) || !errors.Is(err, engine.ErrBusy) {
				t.Errorf("a computation without a place: %v", err)
			}
			if _, err := h.NewRecord(ctx, Argon2id, "", "", "x"); !errors.Is(err, engine.ErrBusy) {
				t.Errorf("a record without a place: %v", err)
			}
		})
	}
	cancel()
	wg.Wait()
	if err := h.Decoy(t.Context(), SRP, "", "", "x"); err != nil {
		t.Errorf("the fast kind waits as well: %v", err)
	}
}

func TestDecoyRecord(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	r := DecoyRecord(key, "pool", "nobody")
	if again := DecoyRecord(key, "pool", "nobody"); !bytes.Equal(r.Encode(), again.Encode()) {
		t.Error("differs from call to call")
	}
	if _, err := Decode(r.Encode()); err != nil {
		t.Error(err)
	}
	for _, other := range []Record{DecoyRecord(key, "pool", "nobod"), DecoyRecord(key, "poo", "lnobody"), DecoyRecord(make([]byte, 32), "pool", "nobody")} {
		if bytes.Equal(other.Salt, r.Salt) || bytes.Equal(other.Value, r.Value) {
			t.Error("two names share a record")
		}
	}
}

func FuzzDecode(f *testing.F) {
	h := New(engine.Go(), nil)
	for _, k := range []Kind{SRP, Argon2id} {
		f.Add(h.decoys[k].Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Decode(b); err == nil && !bytes.Equal(r.Encode(), b) {
			t.Fatalf("%x comes back as %x", b, r.Encode())
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	h := New(engine.Default(), nil)
	ctx := context.Background()
	for name, kind := range map[string]Kind{"SRP": SRP, "Argon2id": Argon2id} {
		r, err := h.NewRecord(ctx, kind, "pool", "ann", "x")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				h.Check(ctx, r, "pool", "ann", "y")
			}
		})
		b.Run(name+"/decoy", func(b *testing.B) {
			for b.Loop() {
				h.Decoy(ctx, kind, "pool", "ann", "y")
			}
		})
	}
}
