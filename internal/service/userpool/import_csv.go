package userpool

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/authn/pool"
)

// The rules of an import's file (AWS's guide, "Creating the user import CSV
// file"): UTF-8, commas, quotes where needed; the first row names every column
// once, in any order; no row is longer than 16 000 characters.

const (
	maxImportRows = 500_000
	maxRowLength  = 16_000 // characters
	// maxRowBytes is more than any row of maxRowLength has, with what csv and
	// bufio read ahead. It bounds the memory that a row without an end takes.
	maxRowBytes = 4*maxRowLength + 8<<10

	usernameColumn = "cognito:username"
	mfaColumn      = "cognito:mfa_enabled"
)

// importColumns are the columns of a pool's file: its attributes in the order
// of the schema, without those that no import sets.
func importColumns(p *pool.Pool) []string {
	var names []string
	for _, a := range p.Schema.Attributes() {
		if *a.Name != "sub" && *a.Name != "identities" {
			names = append(names, *a.Name)
		}
	}
	return append(names, mfaColumn, usernameColumn)
}

// An importFault is what is wrong with a file as a whole. It ends the job.
type importFault struct{ message string }

func (f *importFault) Error() string { return f.message }

func faultf(format string, args ...any) error {
	return &importFault{fmt.Sprintf(format, args...)}
}

// importRow is a row of a file. Its cells are valid until the next one is read.
type importRow struct {
	cells []string
	line  int64 // where it begins, from 1
	end   int64 // offset of the byte after it
	lines int64 // of the file up to there
}

// importReader reads rows one after the other. Errors are an *importFault,
// io.EOF, or those of the source.
type importReader struct {
	csv    *csv.Reader
	limit  *rowLimit
	offset int64 // of the source in the file
	lines  int64 // of the file before that
}

// newImportReader reads a file from an offset on, which a row ended at.
func newImportReader(source io.Reader, offset, lines int64) *importReader {
	limit := &rowLimit{source: source, left: maxRowBytes}
	buffered := bufio.NewReader(limit)
	if offset == 0 {
		if mark, _ := buffered.Peek(3); string(mark) == "\ufeff" {
			offset = 3
			_, _ = buffered.Discard(3) // what was peeked is there
		}
	}
	c := csv.NewReader(buffered)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	return &importReader{csv: c, limit: limit, offset: offset, lines: lines}
}

// next reads a row.
func (r *importReader) next() (*importRow, error) {
	r.limit.left = maxRowBytes
	cells, err := r.csv.Read()
	var parse *csv.ParseError
	switch {
	case errors.Is(err, errRowTooLong):
		return nil, faultf("A row is longer than %d characters.", maxRowLength)
	case errors.As(err, &parse):
		return nil, faultf("Line %d cannot be read: %v", r.lines+int64(parse.StartLine), parse.Err)
	case err != nil:
		return nil, err
	}
	first, _ := r.csv.FieldPos(0)
	last, _ := r.csv.FieldPos(len(cells) - 1)
	row := &importRow{cells: cells, line: r.lines + int64(first), end: r.offset + r.csv.InputOffset(),
		lines: r.lines + int64(last+strings.Count(cells[len(cells)-1], "\n"))}
	length := len(cells) - 1
	for _, c := range cells {
		if !utf8.ValidString(c) || strings.IndexByte(c, 0) >= 0 {
			return nil, faultf("Line %d is not UTF-8 text.", row.line)
		}
		length += utf8.RuneCountInString(c)
	}
	if length > maxRowLength {
		return nil, faultf("Line %d is longer than %d characters.", row.line, maxRowLength)
	}
	return row, nil
}

// header reads the first row, which must name the columns that are wanted.
func (r *importReader) header(want []string) (columns []string, first *importRow, err error) {
	first, err = r.next()
	if errors.Is(err, io.EOF) {
		return nil, nil, faultf("The CSV file is empty.")
	}
	if err != nil {
		return nil, nil, err
	}
	columns = slices.Clone(first.cells)
	seen := map[string]bool{}
	for _, name := range columns {
		if !slices.Contains(want, name) {
			return nil, nil, faultf("The header has a column that is not the user pool's: %.40q", name)
		}
		if seen[name] {
			return nil, nil, faultf("The header has the column %s twice.", name)
		}
		seen[name] = true
	}
	for _, name := range want {
		if !seen[name] {
			return nil, nil, faultf("The header lacks the column %s.", name)
		}
	}
	return columns, first, nil
}

// errRowTooLong is how a rowLimit stops csv, which has no bound of its own: a
// quote that is never closed would have it read the whole file into memory.
var errRowTooLong = errors.New("row too long")

// rowLimit is a source of which at most left bytes are read. Whoever reads a
// row sets left.
type rowLimit struct {
	source io.Reader
	left   int
}

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := l.source.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
