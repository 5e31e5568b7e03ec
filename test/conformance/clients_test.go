package conformance_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/api/sts"
)

// languages are the clients that are not written in Go, and how a call of an
// operation looks in their programs under test/clients: directory's say what
// they call, access's of which service as well. What a pattern catches is
// compared with the operation's name without case, hyphens and underscores.
var languages = []struct {
	name, files string
	call        *regexp.Regexp
	of          string // with %s for the service's short name
}{
	{"JavaScript", "*.mjs", regexp.MustCompile(`\bnew (\w+)Command\(`), `\b%s\.(\w+)\(`},
	{"Python", "*.py", regexp.MustCompile(`\bclient\.(\w+)`), `\b%s\.(\w+)\b`},
	{"the AWS CLI", "*_test.go", regexp.MustCompile(`"((?:[a-z]+-)+[a-z]+)"`), `(?:\b%[1]s\((?:append\(\[\]string\{)?|"(?:cognito-)?%[1]s", (?:of\()?)"((?:[a-z]+-)+[a-z]+)"`},
}

// called are the services whose operations every language calls.
var called = []struct {
	service   *api.Service
	dir, name string // name is empty for the one that needs none
}{
	{cognitoidp.Service, "../../internal/service/userpool", ""},
	{cognitoidentity.Service, "../../internal/service/identitypool", "identity"},
	{iam.Service, "../../internal/service/iam", "iam"},
	{sts.Service, "../../internal/service/sts", "sts"},
	{ssm.Service, "../../internal/service/ssm", "ssm"},
}

// signsIn are the operations of which one language is enough: their flows are
// the walk-throughs', which the browser and Node go through.
var signsIn = []string{"InitiateAuth", "AdminInitiateAuth", "RespondToAuthChallenge", "AdminRespondToAuthChallenge"}

// TestClients fails for an operation that is written and that the programs of a
// language do not call, so that a new one cannot be forgotten.
func TestClients(t *testing.T) {
	for _, c := range called {
		t.Run(c.service.Name, func(t *testing.T) {
			written := methods(t, c.dir)
			missing := map[string][]string{} // operation → languages
			for _, l := range languages {
				pattern := l.call
				if c.name != "" {
					pattern = regexp.MustCompile(fmt.Sprintf(l.of, c.name))
				}
				have := calls(t, l.files, pattern)
				for op := range c.service.Operations {
					if written[op] && !have[strings.ToLower(op)] {
						missing[op] = append(missing[op], l.name)
					}
				}
			}
			for _, op := range slices.Sorted(maps.Keys(missing)) {
				if len(missing[op]) == len(languages) || !slices.Contains(signsIn, op) {
					t.Errorf("%s is written, and test/clients does not call it with %s", op, strings.Join(missing[op], ", "))
				}
			}
		})
	}
}

// calls are the operations that the programs of a language call, in lower case.
func calls(t *testing.T, pattern string, call *regexp.Regexp) map[string]bool {
	t.Helper()
	plain := strings.NewReplacer("-", "", "_", "")
	files, err := filepath.Glob(filepath.Join("../clients", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllSubmatch(text, -1) {
			found[strings.ToLower(plain.Replace(string(m[1])))] = true
		}
	}
	return found
}
