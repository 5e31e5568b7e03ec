package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// overrides replace a pattern that the service is known not to keep to.
var overrides = map[string]string{
	// cognito-idp PasswordType: recorded answers show this text, and blanks
	// inside a password are valid (api-errors.md, section 4).
	"cognitoidp.PasswordType": `^[\S]+.*[\S]+$`,
	// cognito-idp DomainType: the pattern is that of a prefix; a custom domain,
	// which the same member holds, has dots.
	"cognitoidp.DomainType": `^[a-z0-9](?:[a-z0-9\-\.]{0,61}[a-z0-9])?$`,
}

// emptyIsAbsent are the shapes whose empty text clients send when they mean
// none, although the description demands a length.
var emptyIsAbsent = map[string]bool{
	// Field clients answer PASSWORD_VERIFIER with the session of the challenge,
	// which has none (auth-flows.md, section 3).
	"cognitoidp.SessionType": true,
}

func (g *generator) pattern(shapeName string) string {
	if p := overrides[g.pkg+"."+shapeName]; p != "" {
		return p
	}
	return g.m.Shapes[shapeName].Pattern
}

// constrained reports whether a shape has a rule of its own.
func (g *generator) constrained(name string) bool {
	s := g.m.Shapes[name]
	return s.Min != nil || s.Max != nil || s.Pattern != "" || s.Enum != nil
}

func ruleName(shapeName string) string { return "rule" + goName(shapeName) }

func (g *generator) rules() (string, error) {
	var b strings.Builder
	for _, n := range g.shapeNames() {
		if !g.needed[n] || !g.constrained(n) {
			continue
		}
		s := g.m.Shapes[n]
		fmt.Fprintf(&b, "var %s = &api.Rule{", ruleName(n))
		if s.Min != nil {
			fmt.Fprintf(&b, "Min: api.Bound(%s), ", s.Min)
		}
		if s.Max != nil {
			fmt.Fprintf(&b, "Max: api.Bound(%s), ", s.Max)
		}
		if p := g.pattern(n); p != "" {
			if err := check(n, p); err != nil {
				return "", err
			}
			quoted := "`" + p + "`"
			if strings.Contains(p, "`") {
				quoted = fmt.Sprintf("%q", p)
			}
			fmt.Fprintf(&b, "Pattern: &api.Pattern{Source: %s}, ", quoted)
		}
		if s.Enum != nil {
			fmt.Fprintf(&b, "Enum: []string{%s}, ", quoteList(s.Enum))
		}
		if s.Sensitive {
			b.WriteString("Sensitive: true, ")
		}
		if emptyIsAbsent[g.pkg+"."+n] {
			b.WriteString("EmptyIsAbsent: true, ")
		}
		b.WriteString("}\n")
	}
	return g.wrap(b.String()), nil
}

// needsCheck reports whether validating a value of the shape can find anything.
func (g *generator) needsCheck(name string, seen map[string]bool) bool {
	if seen[name] {
		return false
	}
	seen[name] = true
	s := g.m.Shapes[name]
	if g.constrained(name) || len(s.Required) > 0 {
		return true
	}
	for _, m := range s.Members {
		if g.needsCheck(m.Shape, seen) {
			return true
		}
	}
	for _, r := range []*reference{s.Member, s.Key, s.Value} {
		if r != nil && g.needsCheck(r.Shape, seen) {
			return true
		}
	}
	return false
}

func lowerFirst(s string) string {
	r := []rune(s)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

func (g *generator) validate(b *strings.Builder, typeName, shapeName string) {
	s := g.m.Shapes[shapeName]
	fmt.Fprintf(b, "// Validate adds what breaks the model's constraints.\nfunc (x *%s) Validate(v *api.Violations) {\n", typeName)
	for _, m := range s.Members {
		name, field := lowerFirst(m.Name), "x."+fieldName(m.Name)
		if slices.Contains(s.Required, m.Name) {
			present := field + " != nil"
			if g.m.Shapes[m.Shape].Document {
				present = "!api.NullDocument(" + field + ")"
			}
			fmt.Fprintf(b, "v.Required(%q, %s)\n", name, present)
		}
		if g.needsCheck(m.Shape, map[string]bool{}) {
			g.checkMember(b, name, field, m.Shape)
		}
	}
	b.WriteString("}\n\n")
}

func (g *generator) checkMember(b *strings.Builder, name, field, shapeName string) {
	s := g.m.Shapes[shapeName]
	has := g.constrained(shapeName)
	switch s.Type {
	case "string":
		fmt.Fprintf(b, "api.String(v, %q, %s, %s)\n", name, field, ruleName(shapeName))
	case "integer", "long":
		fmt.Fprintf(b, "v.Number(%q, %s, %s)\n", name, field, ruleName(shapeName))
	case "float", "double", "timestamp", "boolean":
	case "blob":
		fmt.Fprintf(b, "if %s != nil {\nv.Length(%q, len(%s), %s, %s)\n}\n", field, name, field, field, ruleName(shapeName))
	case "structure":
		if !s.Document {
			fmt.Fprintf(b, "if %s != nil {\nv.Push(%q, 0)\n%s.Validate(v)\nv.Pop()\n}\n", field, name, field)
		}
	case "list":
		if has {
			fmt.Fprintf(b, "if %s != nil {\nv.Length(%q, len(%s), %s, %s)\n}\n", field, name, field, field, ruleName(shapeName))
		}
		g.checkElements(b, name, field, s.Member.Shape)
	case "map":
		if has {
			fmt.Fprintf(b, "if %s != nil {\nv.Length(%q, len(%s), %s, %s)\n}\n", field, name, field, field, ruleName(shapeName))
		}
		g.checkValues(b, name, field, s)
	}
}

// checkElements checks the members of a list.
func (g *generator) checkElements(b *strings.Builder, name, field, element string) {
	e := g.m.Shapes[element]
	if !g.needsCheck(element, map[string]bool{}) {
		return
	}
	switch e.Type {
	case "string":
		fmt.Fprintf(b, "api.Strings(v, %q, %s, %s)\n", name, field, ruleName(element))
	case "structure":
		fmt.Fprintf(b, "for i := range %s {\nv.Push(%q, i+1)\n%s[i].Validate(v)\nv.Pop()\n}\n", field, name, field)
	case "list", "map":
		if g.constrained(element) {
			fmt.Fprintf(b, "for i := range %s {\nv.Push(%q, i+1)\nv.Length(\"member\", len(%s[i]), %s[i], %s)\nv.Pop()\n}\n", field, name, field, field, ruleName(element))
		}
	}
}

// checkValues checks the keys and values of a map.
func (g *generator) checkValues(b *strings.Builder, name, field string, s *shape) {
	key, value := "nil", "nil"
	if g.constrained(s.Key.Shape) {
		key = ruleName(s.Key.Shape)
	}
	v := g.m.Shapes[s.Value.Shape]
	if v.Type == "string" {
		if g.constrained(s.Value.Shape) {
			value = ruleName(s.Value.Shape)
		}
		if key != "nil" || value != "nil" {
			fmt.Fprintf(b, "api.StringMap(v, %q, %s, %s, %s)\n", name, field, key, value)
		}
		return
	}
	if key != "nil" {
		fmt.Fprintf(b, "api.Keys(v, %q, %s, %s)\n", name, field, key)
	}
	switch v.Type {
	case "structure":
		fmt.Fprintf(b, "for k := range %s {\ne := %s[k]\nv.Push(%q, 0)\nv.Push(k, 0)\ne.Validate(v)\nv.Pop()\nv.Pop()\n}\n", field, field, name)
	case "list":
		if g.constrained(s.Value.Shape) {
			fmt.Fprintf(b, "for k, e := range %s {\nv.Push(%q, 0)\nv.Length(k, len(e), e, %s)\nv.Pop()\n}\n", field, name, ruleName(s.Value.Shape))
		}
	}
}
