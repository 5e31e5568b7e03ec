package risk

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// Passwords is a file of hashes of leaked passwords: a line each of SHA-1 in
// hex, with ":" and a count after it or without, sorted by hash. That is what
// Have I Been Pwned's downloader writes. The file is searched where it is, by
// some thirty small reads, and may be larger than the memory.
type Passwords struct {
	file io.ReaderAt
	size int64
	// close is nil for what was not opened here.
	close func() error
}

const (
	hexLength = 2 * sha1.Size
	// maxLine is more than any line has: the hash, ":", a count, CR and LF.
	maxLine = hexLength + 1 + 20 + 2
	// block is what is left of the search to be read at once.
	block = 2 << 10
	// spots is in how many places the order is looked at when a file is opened.
	spots = 256
)

// OpenPasswords opens a file and sees that it is one of sorted hashes: its first
// line, its last, and many between.
func OpenPasswords(name string) (*Passwords, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	p := &Passwords{file: f, close: f.Close}
	if err == nil {
		p.size = info.Size()
		if err = p.check(); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return p, nil
}

// Close closes the file.
func (p *Passwords) Close() error {
	if p.close == nil {
		return nil
	}
	return p.close()
}

// Compromised reports whether a password is in the file.
func (p *Passwords) Compromised(password string) (bool, error) {
	return p.has(sha1.Sum([]byte(password)))
}

func (p *Passwords) check() error {
	if p.size == 0 {
		return errors.New("it is empty, and should hold a line for each hash")
	}
	last, err := p.hashAt(0)
	if err != nil {
		return err
	}
	for i := int64(1); i <= spots; i++ {
		// The last spot is so near the end that the line is the last one.
		at, err := p.lineAfter(max(min(p.size/spots*i, p.size-maxLine), 0))
		if err != nil {
			return err
		}
		if at >= p.size {
			break // the line at the spot before is the last
		}
		h, err := p.hashAt(at)
		if err != nil {
			return err
		}
		if bytes.Compare(h[:], last[:]) < 0 {
			return fmt.Errorf("it is not sorted by hash: at byte %d comes %X after %X", at, h, last)
		}
		last = h
	}
	return p.checkEnd()
}

// checkEnd sees that the file does not end in the middle of a line.
func (p *Passwords) checkEnd() error {
	text, err := p.read(max(p.size-maxLine, 0), maxLine)
	if err != nil {
		return err
	}
	text = bytes.TrimRight(text, "\r\n")
	at := bytes.LastIndexByte(text, '\n') + 1
	if _, err := parseLine(text[at:]); err != nil {
		return fmt.Errorf("its last line: %w", err)
	}
	return nil
}

// has searches for a hash. All lines that begin at high or later are greater
// than it; the one that begins at low is not.
func (p *Passwords) has(want [sha1.Size]byte) (bool, error) {
	low, high := int64(0), p.size
	for high-low > block {
		middle := low + (high-low)/2
		at, err := p.lineAfter(middle)
		if err != nil {
			return false, err
		}
		if at >= high {
			high = middle + 1 // no line begins between the two
			continue
		}
		h, err := p.hashAt(at)
		if err != nil {
			return false, err
		}
		switch bytes.Compare(h[:], want[:]) {
		case 0:
			return true, nil
		case 1:
			high = at
		default:
			low = at
		}
	}
	text, err := p.read(low, int(high-low)+maxLine)
	if err != nil {
		return false, err
	}
	for line := range bytes.Lines(text) {
		h, err := parseLine(bytes.TrimRight(line, "\r\n"))
		if err != nil {
			return false, nil // cut off by the end of what was read: past high
		}
		if h == want {
			return true, nil
		}
	}
	return false, nil
}

// lineAfter is where the first line after the one at a byte begins.
func (p *Passwords) lineAfter(at int64) (int64, error) {
	text, err := p.read(at, maxLine)
	if err != nil {
		return 0, err
	}
	end := bytes.IndexByte(text, '\n')
	if end < 0 {
		if at+int64(len(text)) >= p.size {
			return p.size, nil
		}
		return 0, fmt.Errorf("at byte %d is a line that is too long for a hash", at)
	}
	return at + int64(end) + 1, nil
}

// hashAt is the hash of the line that begins at a byte.
func (p *Passwords) hashAt(at int64) (h [sha1.Size]byte, err error) {
	text, err := p.read(at, maxLine)
	if err != nil {
		return h, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if h, err = parseLine(bytes.TrimSuffix(line, []byte("\r"))); err != nil {
		return h, fmt.Errorf("at byte %d: %w", at, err)
	}
	return h, nil
}

// read reads up to n bytes, less at the end of the file.
func (p *Passwords) read(at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := p.file.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the compromised passwords: %w", err)
	}
	return b[:got], nil
}

// parseLine reads a line without its end.
func parseLine(line []byte) (h [sha1.Size]byte, err error) {
	text, count, counted := bytes.Cut(line, []byte(":"))
	if len(text) != hexLength {
		if len(text) == 32 {
			return h, errors.New("it has the length of an NTLM hash; SHA-1 is wanted")
		}
		return h, errors.New("a line is the SHA-1 of a password in 40 hexadecimal digits, with or without :COUNT")
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return h, errors.New("a hash is not hexadecimal")
	}
	if counted && (len(count) == 0 || len(count) > 20 || len(bytes.Trim(count, "0123456789")) > 0) {
		return h, errors.New("what stands after a hash is not a count")
	}
	return h, nil
}
