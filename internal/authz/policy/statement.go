package policy

import (
	"errors"
	"strings"

	"gatehouse/internal/authz/arn"
)

func (d *Document) parseStatement(n *node) (*Statement, error) {
	if n.kind != objectNode {
		return nil, malformed(msgSyntax)
	}
	elements := make(map[string]*node)
	for i := range n.members {
		m := &n.members[i]
		switch m.name {
		case "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition":
			elements[m.name] = &m.value
		default:
			return nil, malformed(msgSyntax)
		}
	}
	st := &Statement{}
	for _, parse := range []func(map[string]*node, *Statement) error{
		d.parseSid, d.parseEffect, d.parsePrincipals, d.parseActions, d.parseResources, d.parseConditions,
	} {
		if err := parse(elements, st); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func (d *Document) parseSid(elements map[string]*node, st *Statement) error {
	sid := elements["Sid"]
	if sid == nil {
		return nil
	}
	if sid.kind != stringNode {
		return malformed(msgSyntax)
	}
	st.Sid = sid.text
	if d.kind != ResourceKind && !only(st.Sid, alphanumeric) {
		return malformed(msgSidChars)
	}
	return nil
}

func (d *Document) parseEffect(elements map[string]*node, st *Statement) error {
	effect := elements["Effect"]
	if effect == nil {
		return malformed("Missing required field Effect")
	}
	st.Effect = Effect(effect.text)
	if effect.kind != stringNode || st.Effect != Allow && st.Effect != Deny {
		return malformed(msgSyntax)
	}
	return nil
}

func (d *Document) parsePrincipals(elements map[string]*node, st *Statement) error {
	is, not := elements["Principal"], elements["NotPrincipal"]
	switch {
	case d.kind == IdentityKind || d.kind == SessionKind:
		if is != nil || not != nil {
			return malformed(msgPrincipal)
		}
		return nil
	case not != nil && d.kind == TrustKind:
		return malformed("Has prohibited field NotPrincipal")
	case is == nil && not == nil:
		return malformed("Missing required field Principal")
	case is != nil && not != nil:
		return malformed(msgSyntax)
	case not != nil && st.Effect == Allow:
		// It would allow the whole world but a few (IAM user guide, "AWS JSON
		// policy elements: NotPrincipal": use it with Deny).
		return malformed(msgSyntax)
	}
	if not != nil {
		is, st.notPrincipal = not, true
	}
	var err error
	st.principals, err = parsePrincipals(is, d.kind)
	return err
}

func (d *Document) parseActions(elements map[string]*node, st *Statement) error {
	element, not := elements["Action"], elements["NotAction"]
	if element != nil && not != nil {
		return malformed(msgSyntax)
	}
	if not != nil {
		element = not
	}
	if element == nil {
		return malformed(msgNoActions)
	}
	texts, ok := element.strings()
	if !ok {
		return malformed(msgSyntax)
	}
	if len(texts) == 0 {
		return malformed(msgNoActions)
	}
	for _, text := range texts {
		if err := checkAction(text); err != nil {
			return err
		}
		vendor, _, _ := strings.Cut(text, ":")
		if d.kind == TrustKind && !strings.EqualFold(vendor, "sts") {
			return malformed(msgTrustAction)
		}
		st.actions = append(st.actions, arn.CompileFold(arn.Tokens(text)))
	}
	if not != nil {
		st.NotActions = texts
	} else {
		st.Actions = texts
	}
	return nil
}

// checkAction applies the form of an action: "*", or a service prefix without
// wildcards and a name with them.
func checkAction(text string) error {
	if text == "*" {
		return nil
	}
	vendor, name, found := strings.Cut(text, ":")
	if !found || vendor == "" {
		return malformed(msgVendor)
	}
	if !only(vendor, func(c byte) bool { return alphanumeric(c) || c == '-' }) {
		return malformed(msgLegacy)
	}
	if name == "" || !only(name, func(c byte) bool { return alphanumeric(c) || strings.IndexByte("*?-_.:/", c) >= 0 }) {
		return malformed(msgLegacy)
	}
	return nil
}

func (d *Document) parseResources(elements map[string]*node, st *Statement) error {
	element, not := elements["Resource"], elements["NotResource"]
	if d.kind == TrustKind {
		for _, name := range []string{"Resource", "NotResource"} {
			if elements[name] != nil {
				return malformed("Has prohibited field " + name)
			}
		}
		return nil
	}
	if element != nil && not != nil {
		return malformed(msgSyntax)
	}
	if not != nil {
		element = not
	}
	if element == nil {
		return malformed(msgNoResources)
	}
	texts, ok := element.strings()
	if !ok {
		return malformed(msgSyntax)
	}
	if len(texts) == 0 {
		return malformed(msgNoResources)
	}
	for _, text := range texts {
		t, err := parseTemplate(text, true, d.variables())
		if err != nil {
			return malformed(msgLegacy)
		}
		p, err := arn.CompileResource(t.toks)
		switch {
		case errors.Is(err, arn.ErrServiceWildcard):
			return malformed("Resource vendor must be fully qualified and cannot contain regexes.")
		case err != nil:
			return malformed("Resource " + text + ` must be in ARN format or "*".`)
		}
		st.resources = append(st.resources, resource{pattern: p, vars: t.vars})
	}
	if not != nil {
		st.NotResources = texts
	} else {
		st.Resources = texts
	}
	return nil
}

func (d *Document) parseConditions(elements map[string]*node, st *Statement) error {
	block := elements["Condition"]
	if block == nil {
		return nil
	}
	if block.kind != objectNode {
		return malformed(msgSyntax)
	}
	for i := range block.members {
		op := &block.members[i]
		if op.value.kind != objectNode {
			return malformed(msgSyntax)
		}
		for j := range op.value.members {
			key := &op.value.members[j]
			c, err := parseCondition(op.name, key.name, &key.value, d.variables())
			if err != nil {
				return err
			}
			st.conditions = append(st.conditions, *c)
		}
		if _, err := parseOperator(op.name); err != nil { // also when it holds no key
			return err
		}
	}
	return nil
}

// variables reports whether the document's version has policy variables.
func (d *Document) variables() bool { return d.version == "2012-10-17" }

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func only(s string, legal func(byte) bool) bool {
	for i := range len(s) {
		if !legal(s[i]) {
			return false
		}
	}
	return true
}
