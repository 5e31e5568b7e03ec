package gatehouse_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// calls that only some packages may make, each with its reason.
var calls = []struct {
	pkg, name string
	allowed   []string // prefixes
	reason    string
}{
	{"time", "Now", []string{"internal/server", "internal/demo", "internal/store/storetest", "cmd/", "gatehousetest", "test/"},
		"time is a value: take Now from Config, or tx.Now"},
	{"os", "Getenv", []string{"internal/config", "internal/store/storetest", "test/"}, "config alone reads the environment"},
	{"os", "LookupEnv", []string{"internal/config", "internal/store/storetest", "test/"}, "config alone reads the environment"},
}

func TestCalls(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := sel.X.(*ast.Ident)
				if !ok || x.Obj != nil {
					return true
				}
				for _, c := range calls {
					may := slices.ContainsFunc(c.allowed, func(a string) bool { return strings.HasPrefix(p.ImportPath, a) })
					if x.Name == c.pkg && sel.Sel.Name == c.name && !may {
						t.Errorf("%s uses %s.%s: %s", set.Position(sel.Pos()), c.pkg, c.name, c.reason)
					}
				}
				return true
			})
		}
	}
}
