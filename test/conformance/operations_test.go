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
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/api/ssm"
)

// pages are the pages of operations: one a service.
var pages = []struct {
	service *api.Service
	dir     string // of the package that implements it
	page    string
}{
	{cognitoidp.Service, "../../internal/service/userpool", "../../docs/operations.md"},
	{cognitoidentity.Service, "../../internal/service/identitypool", "../../docs/operations-identity.md"},
	{kinesis.Service, "../../internal/service/kinesis", "../../docs/operations-kinesis.md"},
}

// TestOperations holds the pages of operations to the code: every operation of
// a service, whether it is written, and the tests that call it with AWS's own
// client. An operation that is written and that no test calls fails here.
// UPDATE_DOCS=1 writes the pages (make generate).
func TestOperations(t *testing.T) {
	for _, p := range pages {
		t.Run(p.service.Name, func(t *testing.T) { testPage(t, p.service, p.dir, p.page) })
	}
}

func testPage(t *testing.T, service *api.Service, dir, page string) {
	written := methods(t, dir)
	tests := callers(t, service, "../e2e")
	var b bytes.Buffer
	b.WriteString("# The operations of " + service.Name + "\n\nMade from the code by `make generate`; a test fails when a written operation has no test.\n\n")
	done := 0
	for op := range service.Operations {
		if written[op] {
			done++
		}
	}
	fmt.Fprintf(&b, "%d of %d are written. The others answer UnknownOperationException to signed callers.\n\n| operation | called by | tests in test/e2e |\n|---|---|---|\n", done, len(service.Operations))
	for _, op := range slices.Sorted(maps.Keys(service.Operations)) {
		who := "signed"
		if service.Operations[op].Unsigned {
			who = "public"
		}
		shown := "not written yet"
		if written[op] {
			list := tests[op]
			if len(list) == 0 {
				t.Errorf("%s is written and no test in test/e2e calls it", op)
			}
			if len(list) > 3 {
				list = append(list[:3:3], fmt.Sprintf("and %d more", len(tests[op])-3))
			}
			shown = strings.Join(list, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", op, who, shown)
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the code says: run `make generate`", page)
	}
}

// TestOperations_parameters: a written operation of Parameter Store that no test
// calls fails.
func TestOperations_parameters(t *testing.T) {
	written, tests := methods(t, "../../internal/service/ssm"), callers(t, ssm.Service, "../e2e")
	done := 0
	for op := range ssm.Service.Operations {
		if !written[op] {
			continue
		}
		done++
		if len(tests[op]) == 0 {
			t.Errorf("%s is written and no test in test/e2e calls it", op)
		}
	}
	if done < 12 {
		t.Errorf("only %d operations of Parameter Store are written", done)
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

// callers are the tests that call each operation of a service, directly or through the
// helpers of their package.
func callers(t *testing.T, service *api.Service, dir string) map[string][]string {
	calls := map[string]map[string]bool{} // function → what it names
	for _, f := range parse(t, dir, "*_test.go") {
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
