// Package conformance_test holds the server to AWS's own API descriptions.
//
// What a newcomer gets wrong: the descriptions are kept beside the project and
// not in it. Where they are not, there is nothing to compare with, and the test
// says so.
package conformance_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"gatehouse/gatehousetest"
	"gatehouse/internal/api"
	"gatehouse/test/awsclient"
)

const models = "../../../shared/models"

// services are the descriptions to compare with, and the error code that each
// service gives for a broken constraint. only, if not empty, is a word in the
// names of the operations that are compared: the rest of Systems Manager is
// large, and not here.
var services = []struct{ file, invalid, only string }{
	{"cognito-idp", "InvalidParameterException", ""},
	{"cognito-identity", "InvalidParameterException", ""},
	{"iam", "ValidationError", ""},
	{"kinesis", "ValidationException", ""},
	{"ssm", "ValidationException", "Parameter"},
	{"sts", "ValidationError", ""},
}

type reference struct {
	Shape string `json:"shape"`
}

type shape struct {
	Type      string               `json:"type"`
	Members   map[string]reference `json:"members"`
	Required  []string             `json:"required"`
	Member    *reference           `json:"member"`
	Key       *reference           `json:"key"`
	Value     *reference           `json:"value"`
	Enum      []string             `json:"enum"`
	Pattern   string               `json:"pattern"`
	Min       *int                 `json:"min"`
	Max       *int                 `json:"max"`
	Sensitive bool                 `json:"sensitive"`
	Document  bool                 `json:"document"`
}

type model struct {
	Metadata struct {
		APIVersion     string `json:"apiVersion"`
		EndpointPrefix string `json:"endpointPrefix"`
		Protocol       string `json:"protocol"`
		TargetPrefix   string `json:"targetPrefix"`
	} `json:"metadata"`
	Operations map[string]struct {
		Input    *reference `json:"input"`
		AuthType string     `json:"authtype"`
	} `json:"operations"`
	Shapes map[string]*shape `json:"shapes"`
}

// broken is an input that breaks one constraint, and what the answer must say.
type broken struct {
	op, path string
	input    map[string]any
	code     string // empty: the service's validation code
	holds    string
}

// serialization is the code of a member of the wrong JSON type.
const serialization = "SerializationException"

// TestConstraints is row N2 of promises.md: for every member of every input
// that a description constrains, a request in which that member alone is
// missing, too short, too long, too small, too large, not in the enumeration or
// against the pattern. Each must be refused with the service's validation code
// and AWS's text, and none may be an internal error.
func TestConstraints(t *testing.T) {
	if _, err := os.Stat(models); err != nil {
		t.Logf("no descriptions at %s: nothing to compare with", models)
		return
	}
	s := gatehousetest.Start(t)
	signer := awsclient.New(awsclient.Target{URL: s.URL, Region: s.Region, HTTP: s.Client(), Now: s.Now}, s.AccessKeyID, s.SecretKey, "")
	total := 0
	for _, svc := range services {
		data, err := os.ReadFile(filepath.Join(models, svc.file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		m := &model{}
		if err := json.Unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
		g := &generator{t: t, m: m}
		var cases []broken
		for _, op := range slices.Sorted(maps.Keys(m.Operations)) {
			if in := m.Operations[op].Input; in != nil && strings.Contains(op, svc.only) {
				cases = append(cases, g.cases(op, in.Shape)...)
			}
		}
		total += len(cases)
		var wrong atomic.Int32
		var work errgroup.Group
		work.SetLimit(4)
		for _, c := range cases {
			work.Go(func() error {
				status, code, message, err := send(s, signer, m, c)
				if err != nil {
					return err
				}
				want := cmp.Or(c.code, svc.invalid)
				if (status != http.StatusBadRequest || code != want || !strings.Contains(message, c.holds)) && wrong.Add(1) <= 20 {
					t.Errorf("%s %s: got %d %s %q, want %s with %q", c.op, c.path, status, code, message, want, c.holds)
				}
				return nil
			})
		}
		if err := work.Wait(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d cases", svc.file, len(cases))
	}
	t.Logf("%d cases in all", total)
	if total < 5000 {
		t.Errorf("only %d cases: the generator has lost some", total)
	}
}

type generator struct {
	t *testing.T
	m *model
}

// maxDepth is how deep into structures the cases go.
const maxDepth = 4

// candidates are texts of which one fits nearly every pattern of the
// descriptions; lengths are made up by repeating the last character.
var candidates = []string{"a", "aaaaaaaa", "1", "us-east-1_AbCdEf123", "us-east-1:0a1b2c3d-0000-4000-8000-000000000000", "a@b.co", "arn:aws:iam::000000000000:role/abc",
	"arn:aws:s3:::bucket", "https://example.com", "0a1b2c3d-0000-4000-8000-000000000000", "import-abc", "cognito:default", "terms-of-use", "{####}", "{##a##}", "aaaaaaaa{####}", "/", "/a/", "AAAAAAAAAAAAAAAAAAAA",
	"en-US", "000000", "abc", "{}", "123456789012", "v1", "us-east-1_0a1b2c3d"}

// valid makes a value that satisfies a shape; ok is false if it cannot.
func (g *generator) valid(name string, depth int) (v any, ok bool) {
	s := g.m.Shapes[name]
	if depth > 6 {
		return nil, false
	}
	switch s.Type {
	case "string":
		return g.text(s)
	case "integer", "long":
		n := 1
		if s.Min != nil {
			n = max(n, *s.Min)
		}
		return n, true
	case "float", "double":
		return 1.5, true
	case "boolean":
		return true, true
	case "timestamp":
		return 1700000000, true
	case "blob":
		return "YWJj", true
	case "list":
		n := 1
		if s.Min != nil {
			n = max(n, *s.Min)
		}
		list := []any{}
		for range n {
			e, ok := g.valid(s.Member.Shape, depth+1)
			if !ok {
				return nil, false
			}
			list = append(list, e)
		}
		return list, true
	case "map":
		e, ok := g.valid(s.Value.Shape, depth+1)
		if !ok {
			return nil, false
		}
		k, ok := g.valid(s.Key.Shape, depth+1)
		if !ok {
			return nil, false
		}
		return map[string]any{k.(string): e}, true
	case "structure":
		if s.Document {
			return map[string]any{}, true
		}
		out := map[string]any{}
		for _, r := range s.Required {
			if out[r], ok = g.valid(s.Members[r].Shape, depth+1); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}

func (g *generator) matches(s *shape, text string) bool {
	if s.Pattern == "" {
		return true
	}
	match, err := api.CompilePattern(s.Pattern)
	return err == nil && match(text)
}

func (g *generator) text(s *shape) (string, bool) {
	if len(s.Enum) > 0 {
		return s.Enum[0], true
	}
	for _, c := range candidates {
		for s.Min != nil && utf8.RuneCountInString(c) < *s.Min {
			c += c[len(c)-1:]
		}
		if (s.Max == nil || len(c) <= *s.Max) && g.matches(s, c) {
			return c, true
		}
	}
	return "", false
}

// cases are the broken inputs of an operation.
func (g *generator) cases(op, shapeName string) []broken {
	base, ok := g.valid(shapeName, 0)
	if !ok {
		g.t.Logf("no valid input of %s could be made", op)
		return nil
	}
	root := base.(map[string]any)
	var list []broken
	g.breakMembers(shapeName, nil, 0, func(path []string, value any, drop bool, holds string) {
		in := clone(root).(map[string]any)
		if g.put(shapeName, in, path, value, drop) {
			code := ""
			if holds == serialization {
				code, holds = serialization, ""
			}
			list = append(list, broken{op, strings.Join(path, "."), in, code, holds})
		}
	})
	return list
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[k] = clone(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = clone(v[i])
		}
		return l
	}
	return v
}

// breakMembers visits each constraint below a structure. A path is member names;
// "[]" steps into the one element of a list.
func (g *generator) breakMembers(shapeName string, path []string, depth int, visit func(path []string, value any, drop bool, holds string)) {
	if depth > maxDepth {
		return
	}
	s := g.m.Shapes[shapeName]
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		p := append(slices.Clone(path), name)
		if slices.Contains(s.Required, name) {
			visit(p, nil, true, "Member must not be null")
		}
		if g.m.Metadata.Protocol == "json" {
			for _, v := range g.wrongTypes(s.Members[name].Shape) {
				visit(p, v, false, serialization)
			}
			if slices.Contains(s.Required, name) {
				visit(p, nil, false, "Member must not be null")
			}
		}
		g.breakValue(s.Members[name].Shape, p, depth, visit)
	}
}

// wrongTypes are JSON values that a shape does not take.
func (g *generator) wrongTypes(name string) []any {
	s := g.m.Shapes[name]
	switch s.Type {
	case "string":
		return []any{true, 7, map[string]any{}, []any{}}
	case "integer", "long":
		return []any{"7", true, 1.5, map[string]any{}, []any{}}
	case "boolean":
		return []any{"true", 1, map[string]any{}, []any{}}
	case "timestamp":
		return []any{true, map[string]any{}, []any{}}
	case "blob":
		return []any{true, 7, map[string]any{}}
	case "list":
		return []any{"x", 7, true, map[string]any{}}
	case "map":
		return []any{"x", 7, true, []any{}}
	case "structure":
		if !s.Document {
			return []any{"x", 7, true, []any{}}
		}
	}
	return nil
}

func (g *generator) breakValue(shapeName string, path []string, depth int, visit func(path []string, value any, drop bool, holds string)) {
	s := g.m.Shapes[shapeName]
	switch s.Type {
	case "string":
		g.breakText(s, path, visit)
	case "integer", "long":
		if s.Min != nil {
			visit(path, *s.Min-1, false, "Member must have value greater than or equal to "+strconv.Itoa(*s.Min))
		}
		if s.Max != nil && *s.Max < 1<<31-1 {
			visit(path, *s.Max+1, false, "Member must have value less than or equal to "+strconv.Itoa(*s.Max))
		}
	case "list":
		e, ok := g.valid(s.Member.Shape, depth)
		if !ok {
			return
		}
		if s.Min != nil && *s.Min > 0 && g.m.Metadata.Protocol == "json" {
			visit(path, []any{}, false, "Member must have length greater than or equal to "+strconv.Itoa(*s.Min))
		}
		_, empty := e.(map[string]any)
		if empty = empty && len(e.(map[string]any)) == 0; s.Max != nil && *s.Max <= 500 && !(empty && g.m.Metadata.Protocol != "json") {
			visit(path, slices.Repeat([]any{e}, *s.Max+1), false, "Member must have length less than or equal to "+strconv.Itoa(*s.Max))
		}
		if m := g.m.Shapes[s.Member.Shape]; m.Type == "structure" {
			g.breakMembers(s.Member.Shape, append(slices.Clone(path), "[]"), depth+1, visit)
		} else if m.Type == "string" {
			g.breakText(m, append(slices.Clone(path), "[]"), visit)
		}
	case "structure":
		if !s.Document {
			g.breakMembers(shapeName, path, depth+1, visit)
		}
	}
}

func (g *generator) breakText(s *shape, path []string, visit func(path []string, value any, drop bool, holds string)) {
	if len(s.Enum) > 0 {
		visit(path, "no such value", false, "Member must satisfy enum value set: [")
		return
	}
	if s.Min != nil && *s.Min > 0 {
		visit(path, strings.Repeat("a", *s.Min-1), false, "Member must have length greater than or equal to "+strconv.Itoa(*s.Min))
	}
	if s.Max != nil && *s.Max <= 20000 {
		visit(path, strings.Repeat("a", *s.Max+1), false, "Member must have length less than or equal to "+strconv.Itoa(*s.Max))
	}
	if s.Pattern == "" {
		return
	}
	for _, bad := range []string{" ", "\t \n", "€", "\u0001", "!!", "a\nb"} {
		if !g.matches(s, bad) && (s.Sensitive || !strings.ContainsAny(bad, "\u0001")) {
			visit(path, bad, false, "Member must satisfy regular expression pattern: ")
			return
		}
	}
}

// put sets the value at a path, making what is missing on the way.
func (g *generator) put(shapeName string, in map[string]any, path []string, value any, drop bool) bool {
	at, name := in, shapeName
	for i := 0; i < len(path); i++ {
		member := path[i]
		next := g.m.Shapes[name].Members[member].Shape
		last := i == len(path)-1
		if last {
			if drop {
				delete(at, member)
			} else {
				at[member] = value
			}
			return true
		}
		if path[i+1] == "[]" {
			e := g.m.Shapes[next].Member.Shape
			if i+2 == len(path) {
				at[member] = []any{value}
				return true
			}
			element, ok := g.valid(e, 1)
			if !ok {
				return false
			}
			at[member] = []any{element}
			at, name = element.(map[string]any), e
			i++
			continue
		}
		child, ok := at[member].(map[string]any)
		if !ok {
			v, ok := g.valid(next, 1)
			if !ok {
				return false
			}
			child = v.(map[string]any)
			at[member] = child
		}
		at, name = child, next
	}
	return false
}

// send sends a case and reads the answer of either protocol.
func send(s *gatehousetest.Server, signer *awsclient.Clients, m *model, c broken) (status int, code, message string, err error) {
	var body []byte
	header := http.Header{}
	if m.Metadata.Protocol == "json" {
		if body, err = json.Marshal(c.input); err != nil {
			return 0, "", "", err
		}
		header.Set("Content-Type", "application/x-amz-json-1.1")
		header.Set("X-Amz-Target", m.Metadata.TargetPrefix+"."+c.op)
	} else {
		form := url.Values{"Action": {c.op}, "Version": {m.Metadata.APIVersion}}
		flatten(form, "", c.input)
		body = []byte(form.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r, err := http.NewRequest(http.MethodPost, s.URL+"/", bytes.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	r.Header = header
	if m.Operations[c.op].AuthType != "none" {
		if err := signer.Sign(r, hash(body), m.Metadata.EndpointPrefix); err != nil {
			return 0, "", "", err
		}
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", "", err
	}
	if m.Metadata.Protocol != "json" {
		return resp.StatusCode, between(b, "Code"), between(b, "Message"), nil
	}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Upper   string `json:"Message"`
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return resp.StatusCode, "", string(b), nil
	}
	return resp.StatusCode, e.Type, e.Message + e.Upper, nil
}

// flatten writes an input as the query protocol does.
func flatten(form url.Values, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flatten(form, strings.TrimPrefix(prefix+"."+k, "."), e)
		}
	case []any:
		for i, e := range v {
			flatten(form, prefix+".member."+strconv.Itoa(i+1), e)
		}
	default:
		form.Set(prefix, fmt.Sprint(v))
	}
}
