package gatehouse_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The architecture as a test (the idea of go/build/deps_test.go). Each layer
// may import the layers below it; each further ban has its reason. DESIGN.md
// tells the same in words.

// layers, the lowest first. A package belongs to the longest prefix that fits.
// Packages of one layer may import each other only where siblings says so.
var layers = [][]string{
	{"internal/api", "internal/engine", "internal/event", "internal/authz/arn", "internal/authz/sigv4"},
	{"internal/authz/policy", "internal/authn/srp", "internal/authn/totp", "internal/authn/passkey", "internal/authn/dpop", "internal/authn/samlmeta"},
	{"internal/authn/password"},
	{"internal/seal"},
	{"internal/store", "internal/authz/credentials"},
	{"internal/authz/access", "internal/authn/pool", "internal/outbound/delivery", "internal/outbound/oidc", "internal/outbound/upstream"},
	{"internal/authn/token", "internal/authn/risk"},
	{"internal/outbound/trigger"},
	{"internal/authn/signin"},
	{"internal/service"},
	{"internal/edge/site"},
	{"internal/edge"},
	{"internal/config", "internal/server"},
	{"internal/demo"},
	{"cmd/gatehouse", "gatehousetest"},
	{"test"},
}

// siblings are the imports inside one layer that are meant.
var siblings = map[string]string{
	"internal/server > internal/config":              "settings in, handler out",
	"internal/service/s3 > internal/service/s3/blob": "the engine that holds the bytes is part of the service",
	"internal/store/storetest > internal/store":      "the suite opens what it tests",
	"internal/api/cognitoidp > internal/api":         "what generated packages share",
	"internal/api/cognitoidentity > internal/api":    "what generated packages share",
	"internal/api/iam > internal/api":                "what generated packages share",
	"internal/api/kinesis > internal/api":            "what generated packages share",
	"internal/api/ssm > internal/api":                "what generated packages share",
	"internal/api/sts > internal/api":                "what generated packages share",
}

// bans apply to packages by prefix, whatever the layers allow.
var bans = []struct {
	from   string   // prefix of the importing package
	except []string // prefixes that may
	to     string   // the import, exactly or as a prefix ending in /
	reason string
}{
	{"internal/", []string{"internal/store"}, "database/sql", "store is the only package that knows SQL"},
	{"internal/", []string{"internal/config", "internal/server", "internal/store/storetest", "internal/apigen", "internal/engine"}, "os/exec", "the server runs no programs"},
	{"internal/service/", []string{"internal/service/s3"}, "net/http", "operations know no HTTP; s3 streams and is the exception"},
	{"internal/authn/", nil, "net/http", "who somebody is does not depend on how the request came"},
	{"internal/edge/", nil, "gatehouse/internal/store", "an edge never touches the store: it calls a service"},
	{"internal/", nil, "math/rand", "randomness is crypto/rand"},
	{"internal/", nil, "math/rand/v2", "randomness is crypto/rand"},
	{"internal/api/", nil, "github.com/", "generated code depends on nothing that others keep"},
	{"internal/authz/arn", nil, "github.com/", "pure: the standard library alone"},
	{"internal/authz/policy", nil, "github.com/", "pure: the standard library alone"},
	{"internal/authz/sigv4", nil, "github.com/", "pure: the standard library alone"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Dir        string
	GoFiles    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Dir,GoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, "gatehouse/")
		list = append(list, p)
	}
	return list
}

// layerOf is the layer of a package, by the longest prefix, or -1.
func layerOf(pkg string) int {
	best, layer := -1, -1
	for i, prefixes := range layers {
		for _, p := range prefixes {
			if (pkg == p || strings.HasPrefix(pkg, p+"/")) && len(p) > best {
				best, layer = len(p), i
			}
		}
	}
	return layer
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath == "gatehouse" || p.ImportPath == "internal/apigen" {
			continue // the generator is a program of its own and imports api
		}
		from := layerOf(p.ImportPath)
		if from < 0 {
			t.Errorf("%s is in no layer: say in imports_test.go where it belongs", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, "gatehouse/")
			if !ours {
				continue
			}
			switch l := layerOf(to); {
			case l > from:
				t.Errorf("%s imports %s, which is above it", p.ImportPath, to)
			case l == from && siblings[p.ImportPath+" > "+to] == "":
				t.Errorf("%s imports its sibling %s: declare an interface where it is used, or say why in siblings", p.ImportPath, to)
			}
		}
	}
}

func TestBans(t *testing.T) {
	for _, p := range packages(t) {
		for _, b := range bans {
			if !strings.HasPrefix(p.ImportPath, b.from) || slices.ContainsFunc(b.except, func(e string) bool { return strings.HasPrefix(p.ImportPath, e) }) {
				continue
			}
			for _, imp := range p.Imports {
				if imp == b.to || strings.HasSuffix(b.to, "/") && strings.HasPrefix(imp, b.to) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, b.reason)
				}
			}
		}
	}
}
