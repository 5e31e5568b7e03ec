package risk

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hashFile is the lines of passwords as Have I Been Pwned sorts them.
func hashFile(end string, counted bool, passwords ...string) string {
	var lines []string
	for i, p := range passwords {
		line := fmt.Sprintf("%X", sha1.Sum([]byte(p)))
		if counted {
			line += fmt.Sprintf(":%d", 1+i*i*i)
		}
		lines = append(lines, line+end)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func open(t *testing.T, text string) (*Passwords, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hashes.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := OpenPasswords(name)
	if err == nil {
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return p, err
}

// TestPasswords: every password of a file is found, wherever it stands, and no
// other.
func TestPasswords(t *testing.T) {
	for _, n := range []int{1, 2, 3, 50, 5000} {
		var in []string
		for i := range n {
			in = append(in, fmt.Sprint("in-", i))
		}
		for name, text := range map[string]string{
			"counts":     hashFile("\n", true, in...),
			"CRLF":       hashFile("\r\n", true, in...),
			"no counts":  hashFile("\n", false, in...),
			"no end":     strings.TrimSuffix(hashFile("\n", true, in...), "\n"),
			"lower case": strings.ToLower(hashFile("\n", false, in...)),
		} {
			p, err := open(t, text)
			if err != nil {
				t.Errorf("%d, %s: %v", n, name, err)
				continue
			}
			for i := range n {
				if is, err := p.Compromised(in[i]); !is || err != nil {
					t.Fatalf("%d, %s: %s is %v, %v", n, name, in[i], is, err)
				}
				if is, err := p.Compromised(fmt.Sprint("out-", i)); is || err != nil {
					t.Fatalf("%d, %s: out-%d is %v, %v", n, name, i, is, err)
				}
			}
		}
	}
}

// endless is a file of a billion lines, made as it is read. Line n has the hash
// of which n*2³³ are the first eight bytes.
type endless struct{ reads *int }

const endlessLines, endlessLine = 1_000_000_000, hexLength + 1

func (e endless) ReadAt(b []byte, at int64) (int, error) {
	*e.reads++
	for i := range b {
		n, column := (at+int64(i))/endlessLine, (at+int64(i))%endlessLine
		if n >= endlessLines {
			return i, io.EOF
		}
		switch {
		case column < 16:
			b[i] = "0123456789ABCDEF"[uint64(n)<<33>>(60-4*column)&15]
		case column < hexLength:
			b[i] = '0'
		default:
			b[i] = '\n'
		}
	}
	return len(b), nil
}

// TestPasswords_large: in 40 GB a password is found by few reads.
func TestPasswords_large(t *testing.T) {
	reads := 0
	p := &Passwords{file: endless{&reads}, size: endlessLines * endlessLine}
	if err := p.check(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{0, 1, 2, 4711, endlessLines / 2, endlessLines - 2, endlessLines - 1, endlessLines} {
		for _, more := range []byte{0, 1} {
			var h [sha1.Size]byte
			binary.BigEndian.PutUint64(h[:], n<<33)
			h[19] = more
			reads = 0
			is, err := p.has(h)
			if want := more == 0 && n < endlessLines; is != want || err != nil || reads > 60 {
				t.Errorf("line %d and %d: %v, %v after %d reads", n, more, is, err, reads)
			}
		}
	}
}

func TestOpenPasswords_refuses(t *testing.T) {
	sorted := hashFile("\n", true, "a", "b", "c")
	lines := strings.SplitAfter(sorted, "\n")
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "it is empty"},
		"text":         {"correct horse\n", "a line is the SHA-1 of a password"},
		"NTLM":         {strings.Repeat("0", 32) + ":7\n", "NTLM"},
		"not hex":      {strings.Repeat("G", 40) + "\n", "not hexadecimal"},
		"no count":     {strings.Repeat("0", 40) + ":many\n", "not a count"},
		"not sorted":   {lines[2] + lines[0] + lines[1], "not sorted by hash"},
		"last first":   {strings.Repeat(lines[2], 500) + lines[0], "not sorted by hash"},
		"cut off":      {sorted + "0123", "its last line"},
		"endless line": {lines[0] + strings.Repeat("0", 10_000), "a line is the SHA-1 of a password"},
	} {
		if _, err := open(t, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := OpenPasswords(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := OpenPasswords(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was opened")
	}
}

// FuzzPasswords searches sorted files of any hashes for all of them, and for
// one more.
func FuzzPasswords(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\xff\xff\xff\xff\x80\x00\x00\x00"), byte(2), []byte("\x00\x01\x02\x04"))
	f.Add(bytes.Repeat([]byte("abcdefgh"), 400), byte(7), []byte("x"))
	f.Fuzz(func(t *testing.T, data []byte, width byte, other []byte) {
		// Hashes with long common beginnings are the hard ones.
		size := int(width)%8 + 1
		in := map[[sha1.Size]byte]bool{}
		for c := range slices.Chunk(data, size) {
			var h [sha1.Size]byte
			copy(h[sha1.Size-len(c):], c)
			in[h] = true
		}
		var lines []string
		for h := range in {
			lines = append(lines, strings.ToUpper(hex.EncodeToString(h[:])))
		}
		slices.Sort(lines)
		for i := range lines {
			if i%3 > 0 {
				lines[i] += fmt.Sprint(":", i*i)
			}
		}
		text := strings.Join(lines, "\n")
		p := &Passwords{file: strings.NewReader(text), size: int64(len(text))}
		if len(in) > 0 {
			if err := p.check(); err != nil {
				t.Fatalf("a sorted file is refused: %v", err)
			}
		}
		for h := range in {
			if is, err := p.has(h); !is || err != nil {
				t.Fatalf("%X is %v, %v in\n%s", h, is, err, text)
			}
		}
		var h [sha1.Size]byte
		copy(h[:], other)
		if is, err := p.has(h); is != in[h] || err != nil {
			t.Fatalf("%X is %v, %v, want %v", h, is, err, in[h])
		}
	})
}

// FuzzPasswords_anyFile: no file, whatever is in it, makes the search panic or
// go on for ever, nor does it find what is not there.
func FuzzPasswords_anyFile(f *testing.F) {
	f.Add([]byte(hashFile("\r\n", true, "a", "b", "c")))
	f.Add([]byte("\n\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := &Passwords{file: bytes.NewReader(text), size: int64(len(text))}
		_ = p.check() // most are refused
		is, err := p.Compromised("a")
		if err == nil && is && !bytes.Contains(bytes.ToUpper(text), []byte(hashFile("", false, "a"))) {
			t.Errorf("found what is not there: %q", text)
		}
	})
}
