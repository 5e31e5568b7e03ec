package policy

import (
	"errors"
	"strings"

	"gatehouse/internal/authz/arn"
)

// variable is one ${key} or ${key, 'default'} of a text.
type variable struct {
	key      string // lower case
	fallback string
	optional bool // has a fallback
}

// template is a text of a policy with its wildcards and variables found. The
// Slot tokens of toks count through vars.
type template struct {
	toks []arn.Token
	vars []variable
}

var errVariable = errors.New("malformed policy variable")

// parseTemplate reads a text. wild says that "*" and "?" are wildcards here,
// vars that ${…} is a variable: it is literal text in documents of version
// 2008-10-17 (IAM user guide, "IAM policy elements: Variables and tags").
func parseTemplate(text string, wild, vars bool) (template, error) {
	var t template
	literal := func(s string) { t.toks = append(t.toks, arn.Token{Kind: arn.Literal, Text: s}) }
	plain := func(s string) {
		if wild {
			t.toks = append(t.toks, arn.Tokens(s)...)
		} else if s != "" {
			literal(s)
		}
	}
	for vars {
		before, after, found := strings.Cut(text, "${")
		if !found {
			break
		}
		plain(before)
		v, rest, err := parseVariable(after)
		if err != nil {
			return template{}, err
		}
		switch v.key {
		case "*", "?", "$":
			literal(v.key)
		default:
			t.toks = append(t.toks, arn.Token{Kind: arn.Slot, Slot: len(t.vars)})
			t.vars = append(t.vars, v)
		}
		text = rest
	}
	plain(text)
	return t, nil
}

// parseVariable reads what stands behind "${", up to and with its "}".
func parseVariable(s string) (v variable, rest string, err error) {
	end := strings.IndexAny(s, ",}")
	if end < 0 {
		return v, "", errVariable
	}
	v.key = strings.ToLower(strings.TrimSpace(s[:end]))
	if v.key == "" || strings.ContainsAny(v.key, "${'\"") && v.key != "$" {
		return v, "", errVariable
	}
	if s[end] == '}' {
		return v, s[end+1:], nil
	}
	s, ok := strings.CutPrefix(strings.TrimLeft(s[end+1:], " "), "'")
	if !ok {
		return v, "", errVariable
	}
	v.fallback, s, ok = strings.Cut(s, "'")
	if !ok {
		return v, "", errVariable
	}
	v.optional = true
	s, ok = strings.CutPrefix(strings.TrimLeft(s, " "), "}")
	if !ok || v.key == "*" || v.key == "?" || v.key == "$" {
		return v, "", errVariable
	}
	return v, s, nil
}

// slotBuffer is room for the values of one text's variables. It lives on the
// stack of whoever matches.
type slotBuffer [4]string

// slots looks the values of vars up. ok is false when one has neither value
// nor default: then the text matches nothing. A key with several values has
// none that could be put in.
func slots(ctx Context, vars []variable, buf *slotBuffer) (texts []string, ok bool) {
	if len(vars) == 0 {
		return nil, true
	}
	texts = buf[:0]
	for i := range vars {
		v := &vars[i]
		switch values := ctx[v.key]; {
		case len(values) == 1:
			texts = append(texts, values[0])
		case len(values) == 0 && v.optional:
			texts = append(texts, v.fallback)
		default:
			return nil, false
		}
	}
	return texts, true
}
