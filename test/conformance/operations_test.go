package conformance_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/api/sts"
)

// page is the page of a service's operations.
type page struct {
	service *api.Service
	dir     string // of the package that implements it
	file    string
	unknown string // what the others answer
	tests   []string
}

const e2e = "../e2e"

// pages are one a service. Tests of IAM and STS stand beside them as well, and
// call them through the door like the others.
var pages = []page{
	{cognitoidp.Service, "../../internal/service/userpool", "../../docs/operations.md", "UnknownOperationException", []string{e2e}},
	{cognitoidentity.Service, "../../internal/service/identitypool", "../../docs/operations-identity.md", "UnknownOperationException", []string{e2e}},
	{iam.Service, "../../internal/service/iam", "../../docs/operations-iam.md", "InvalidAction", []string{e2e, "../../internal/service/iam", "../../internal/service/sts"}},
	{sts.Service, "../../internal/service/sts", "../../docs/operations-sts.md", "InvalidAction", []string{e2e, "../../internal/service/sts"}},
	{ssm.Service, "../../internal/service/ssm", "../../docs/operations-ssm.md", "UnknownOperationException", []string{e2e}},
	{kinesis.Service, "../../internal/service/kinesis", "../../docs/operations-kinesis.md", "UnknownOperationException", []string{e2e}},
}

// TestOperations holds the pages of operations to the code: every operation of
// a service, whether it is written, and the tests that call it with AWS's own
// client. An operation that is written and that no test calls fails here.
// UPDATE_DOCS=1 writes the pages (make generate).
func TestOperations(t *testing.T) {
	for _, p := range pages {
		t.Run(p.service.Name, func(t *testing.T) { p.test(t) })
	}
}

func (p page) test(t *testing.T) {
	service, written := p.service, methods(t, p.dir)
	tests := callers(t, service, p.tests)
	var b bytes.Buffer
	b.WriteString("# The operations of " + service.Name + "\n\nMade from the code by `make generate`; a test fails when a written operation has no test.\n\n")
	done := 0
	for op := range service.Operations {
		if written[op] {
			done++
		}
	}
	fmt.Fprintf(&b, "%d of %d are written. The others answer %s to signed callers.\n\n| operation | called by | tests |\n|---|---|---|\n", done, len(service.Operations), p.unknown)
	for _, op := range slices.Sorted(maps.Keys(service.Operations)) {
		who := "signed"
		if service.Operations[op].Unsigned {
			who = "public"
		}
		shown := "not written yet"
		if written[op] {
			list := tests[op]
			if len(list) == 0 {
				t.Errorf("%s is written and no test in %v calls it", op, p.tests)
			}
			if len(list) > 3 {
				list = append(list[:3:3], fmt.Sprintf("and %d more", len(tests[op])-3))
			}
			shown = strings.Join(list, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", op, who, shown)
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(p.file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the code says: run `make generate`", p.file)
	}
}

func parse(t *testing.T, dir, pattern string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, dir, err)
	}
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// methods are the methods of Service that a package declares itself.
func methods(t *testing.T, dir string) map[string]bool {
	found := map[string]bool{}
	for _, f := range parse(t, dir, "*.go") {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				if star, ok := fn.Recv.List[0].Type.(*ast.StarExpr); ok {
					if id, ok := star.X.(*ast.Ident); ok && id.Name == "Service" {
						found[fn.Name.Name] = true
					}
				}
			}
		}
	}
	return found
}

// callers are the tests in some folders that call each operation of a service,
// directly or through the helpers of their package.
func callers(t *testing.T, service *api.Service, dirs []string) map[string][]string {
	calls := map[string]map[string]bool{} // function → what it names
	var files []*ast.File
	for _, dir := range dirs {
		files = append(files, parse(t, dir, "*_test.go")...)
	}
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			named := map[string]bool{}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					named[n.Sel.Name] = true
				case *ast.Ident:
					named[n.Name] = true
				}
				return true
			})
			if old := calls[fn.Name.Name]; old != nil {
				maps.Copy(named, old) // methods of one name: either may be meant
			}
			calls[fn.Name.Name] = named
		}
	}
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if !strings.HasPrefix(name, "Test") {
			continue
		}
		seen := map[string]bool{}
		var visit func(fn string)
		visit = func(fn string) {
			if seen[fn] {
				return
			}
			seen[fn] = true
			for n := range calls[fn] {
				if service.Operations[n] != nil {
					seen["op "+n] = true
				}
				if calls[n] != nil && !strings.HasPrefix(n, "Test") {
					visit(n)
				}
			}
		}
		visit(name)
		for n := range seen {
			if op, ok := strings.CutPrefix(n, "op "); ok {
				out[op] = append(out[op], name)
			}
		}
	}
	// A test that is about few operations says more of each.
	count := map[string]int{}
	for _, list := range out {
		for _, name := range list {
			count[name]++
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b string) int { return count[a] - count[b] })
	}
	return out
}
