package conformance_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/api/cognitoidp"
)

// languages are the clients that are not written in Go, and how a call of an
// operation looks in their programs under test/clients. What the pattern
// catches is compared with the operation's name without case, hyphens and
// underscores.
var languages = []struct {
	name, files string
	call        *regexp.Regexp
}{
	{"JavaScript", "*.mjs", regexp.MustCompile(`\bnew (\w+)Command\(`)},
	{"Python", "*.py", regexp.MustCompile(`\bclient\.(\w+)`)},
	{"the AWS CLI", "*_test.go", regexp.MustCompile(`"((?:[a-z]+-)+[a-z]+)"`)},
}

// signsIn are the operations of which one language is enough: their flows are
// the walk-throughs', which the browser and Node go through.
var signsIn = []string{"InitiateAuth", "AdminInitiateAuth", "RespondToAuthChallenge", "AdminRespondToAuthChallenge"}

// TestClients fails for an operation that is written and that the programs of a
// language do not call, so that a new one cannot be forgotten.
func TestClients(t *testing.T) {
	plain := strings.NewReplacer("-", "", "_", "")
	written := methods(t, "../../internal/service/userpool")
	missing := map[string][]string{} // operation → languages
	for _, l := range languages {
		files, err := filepath.Glob(filepath.Join("../clients", l.files))
		if err != nil || len(files) == 0 {
			t.Fatalf("no program in %s: %v", l.name, err)
		}
		called := map[string]bool{}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range l.call.FindAllSubmatch(text, -1) {
				called[strings.ToLower(plain.Replace(string(m[1])))] = true
			}
		}
		for op := range cognitoidp.Service.Operations {
			if written[op] && !called[strings.ToLower(op)] {
				missing[op] = append(missing[op], l.name)
			}
		}
	}
	for _, op := range slices.Sorted(maps.Keys(missing)) {
		if len(missing[op]) == len(languages) || !slices.Contains(signsIn, op) {
			t.Errorf("%s is written, and test/clients does not call it with %s", op, strings.Join(missing[op], ", "))
		}
	}
}
