package userpool

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// readAll reads a file from an offset and gives its rows, each as line and
// cells, and where each ended.
func readAll(source io.Reader, offset, lines int64) (rows [][]string, ends []importRow, err error) {
	r := newImportReader(source, offset, lines)
	for {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, ends, nil
		}
		if err != nil {
			return rows, ends, err
		}
		rows = append(rows, append([]string(nil), row.cells...))
		ends = append(ends, importRow{line: row.line, end: row.end, lines: row.lines})
	}
}

func TestImportReader_lines(t *testing.T) {
	const file = "\ufeffa,b\r\n\r\n\"1\r\n2\",\"x\n\ny\"\n\nlast,\"\"\n"
	_, got, err := readAll(strings.NewReader(file), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []importRow{{line: 1, end: 8, lines: 1}, {line: 3, end: 24, lines: 6}, {line: 8, end: int64(len(file)), lines: 8}}
	if len(got) != len(want) {
		t.Fatalf("%d rows: %+v", len(got), got)
	}
	for i, w := range want {
		if got[i].line != w.line || got[i].end != w.end || got[i].lines != w.lines {
			t.Errorf("row %d: line %d, end %d, lines %d; want %+v", i, got[i].line, got[i].end, got[i].lines, w)
		}
	}
}

func TestImportReader_sourceFails(t *testing.T) {
	lost := errors.New("the store is away")
	for _, source := range []io.Reader{iotest.ErrReader(lost), io.MultiReader(strings.NewReader("a,b\n1,\"2"), iotest.ErrReader(lost))} {
		if _, _, err := readAll(source, 0, 0); !errors.Is(err, lost) {
			t.Errorf("the source's error became %v", err)
		}
	}
}

func TestImportReader_bounded(t *testing.T) {
	read := 0
	endless := readerFunc(func(p []byte) (int, error) {
		read += len(p)
		return copy(p, strings.Repeat("a", len(p))), nil
	})
	_, _, err := readAll(io.MultiReader(strings.NewReader("\""), endless), 0, 0)
	var fault *importFault
	if !errors.As(err, &fault) || read > 2*maxRowBytes {
		t.Errorf("read %d bytes of a row without an end: %v", read, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// FuzzImportReader: whatever the file, reading it ends in rows of text or in a
// fault, and going on after any row gives the rows that follow.
func FuzzImportReader(f *testing.F) {
	for _, s := range []string{"", "a,b\n1,2\n", "\ufeffa\r\n\"x\n\"\"y\"\n", "a,\"b\n", "\xff\xfea\x00", "\n\n,\n", "a\rb\n\"\r\n\"\r\n", "\"a\"\n\ufeffb\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, ends, err := readAll(iotest.HalfReader(strings.NewReader(string(file))), 0, 0)
		var fault *importFault
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("neither a fault nor an end: %v", err)
		}
		for i, row := range rows {
			for _, c := range row {
				if !utf8.ValidString(c) || strings.Contains(c, "\x00") {
					t.Fatalf("row %d is no text: %q", i, c)
				}
			}
			if i > 0 && ends[i].line <= ends[i-1].lines {
				t.Fatalf("row %d begins on line %d, before the one before ends on %d", i, ends[i].line, ends[i-1].lines)
			}
		}
		for i := range rows {
			if i%max(1, len(rows)/8) != 0 {
				continue
			}
			at := ends[i]
			again, where, _ := readAll(strings.NewReader(string(file[at.end:])), at.end, at.lines)
			if len(again) != len(rows)-i-1 {
				t.Fatalf("after row %d of %d: %d rows", i, len(rows), len(again))
			}
			for k := range again {
				if strings.Join(again[k], "\x00") != strings.Join(rows[i+1+k], "\x00") || where[k].line != ends[i+1+k].line || where[k].end != ends[i+1+k].end {
					t.Fatalf("going on after row %d: row %d is %q on line %d, want %q on %d", i, i+1+k, again[k], where[k].line, rows[i+1+k], ends[i+1+k].line)
				}
			}
		}
	})
}

// TestImportedUser: what a row must say to become a user.
func TestImportedUser(t *testing.T) {
	mfa := cognitoidp.UserPoolMfaTypeOptional
	settings, err := json.Marshal(&cognitoidp.UserPoolType{SchemaAttributes: pool.StandardSchema(), MfaConfiguration: &mfa,
		AutoVerifiedAttributes: []cognitoidp.VerifiedAttributeType{"email", "phone_number"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pool.FromRow(&store.UserPool{ID: "us-east-1_A", Settings: string(settings)})
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{usernameColumn, mfaColumn, "email", "email_verified", "phone_number", "phone_number_verified", "name"}
	for row, want := range map[string]string{
		"ann|false|a@example.com|true|||":                                 "",
		"ann|FALSE|a@example.com|TRUE|||":                                 "",
		"ann|false|a@example.com||+15550100|true|":                        "",
		"ann|true|a@example.com|true|||":                                  "The column cognito:mfa_enabled is true, and users cannot be imported with MFA here.",
		"ann|no|a@example.com|true|||":                                    "The column cognito:mfa_enabled must be true or false.",
		"ann|false|a@example.com|yes|||":                                  "Attributes did not conform to the schema: email_verified: Value must be true or false",
		"ann|false|a@example.com|true||true|":                             "The column phone_number is required when phone_number_verified is true.",
		"ann|false|a@example.com|true|0100||":                             "Invalid phone number format.",
		"ann|false|||||":                                                  rowUnverified,
		"ann|false|a@example.com|true||":                                  "The row has not as many cells as the header.",
		strings.Repeat("a", 129) + "|false|a@example.com|true|||":         "1 validation error detected: Value at 'username' failed to satisfy constraint: Member must have length less than or equal to 128",
		"ann|false|a@example.com|true|||" + strings.Repeat("secret", 400): "1 validation error detected: Value at 'userAttributes.3.member.value' failed to satisfy constraint: Member must have length less than or equal to 2048",
	} {
		u, _, err := importedUser(p, columns, strings.Split(row, "|"))
		got := ""
		if err != nil {
			got = refusalText(err)
		}
		if got != want {
			t.Errorf("%.60s: %q, want %q", row, got, want)
		}
		if strings.Contains(got, "secret") {
			t.Errorf("the refusal quotes the file: %s", got)
		}
		if err == nil && (u.Status != "RESET_REQUIRED" || len(u.Password) > 0 || !u.Enabled) {
			t.Errorf("%s: %+v", row, u)
		}
	}
}
