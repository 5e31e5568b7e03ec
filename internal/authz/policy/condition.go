package policy

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"

	"gatehouse/internal/authz/arn"
)

// Conditions (IAM user guide, "IAM JSON policy elements: Condition operators"
// and "Multivalued context keys"). All conditions of a statement must hold.
// The values of one are alternatives; a negated operator holds when no value
// matches, which is also why it holds when the key is absent.

// comparison is what an operator does with one value of the request and one
// of the policy, before negation, sets and IfExists.
type comparison uint8

const (
	stringEquals comparison = iota
	stringEqualsIgnoreCase
	stringLike
	numericEquals
	numericLess
	numericLessEquals
	numericGreater
	numericGreaterEquals
	dateEquals
	dateLess
	dateLessEquals
	dateGreater
	dateGreaterEquals
	boolEquals
	binaryEquals
	ipAddress
	arnLike
	null
)

// quantifier says how the values of a multivalued key are asked.
type quantifier uint8

const (
	single quantifier = iota // no set operator; several values are asked as forAnyValue
	forAllValues
	forAnyValue
)

type operator struct {
	compare    comparison
	negated    bool
	ifExists   bool
	quantifier quantifier
}

var operators = map[string]operator{
	"StringEquals":              {compare: stringEquals},
	"StringNotEquals":           {compare: stringEquals, negated: true},
	"StringEqualsIgnoreCase":    {compare: stringEqualsIgnoreCase},
	"StringNotEqualsIgnoreCase": {compare: stringEqualsIgnoreCase, negated: true},
	"StringLike":                {compare: stringLike},
	"StringNotLike":             {compare: stringLike, negated: true},
	"NumericEquals":             {compare: numericEquals},
	"NumericNotEquals":          {compare: numericEquals, negated: true},
	"NumericLessThan":           {compare: numericLess},
	"NumericLessThanEquals":     {compare: numericLessEquals},
	"NumericGreaterThan":        {compare: numericGreater},
	"NumericGreaterThanEquals":  {compare: numericGreaterEquals},
	"DateEquals":                {compare: dateEquals},
	"DateNotEquals":             {compare: dateEquals, negated: true},
	"DateLessThan":              {compare: dateLess},
	"DateLessThanEquals":        {compare: dateLessEquals},
	"DateGreaterThan":           {compare: dateGreater},
	"DateGreaterThanEquals":     {compare: dateGreaterEquals},
	"Bool":                      {compare: boolEquals},
	"BinaryEquals":              {compare: binaryEquals},
	"IpAddress":                 {compare: ipAddress},
	"NotIpAddress":              {compare: ipAddress, negated: true},
	"ArnEquals":                 {compare: arnLike},
	"ArnLike":                   {compare: arnLike},
	"ArnNotEquals":              {compare: arnLike, negated: true},
	"ArnNotLike":                {compare: arnLike, negated: true},
	"Null":                      {compare: null},
}

func parseOperator(name string) (operator, error) {
	q := single
	bare := name
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		q, bare = forAllValues, rest
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		q, bare = forAnyValue, rest
	}
	bare, ifExists := strings.CutSuffix(bare, "IfExists")
	op, ok := operators[bare]
	if !ok || op.compare == null && (ifExists || q != single) {
		return operator{}, malformed(msgSyntax)
	}
	op.quantifier, op.ifExists = q, ifExists
	return op, nil
}

// condition is one operator with one key.
type condition struct {
	operator
	name   string // the operator as written
	key    string // lower case
	shown  string // the key as written
	values []value
}

// value is one value of a condition, compiled for its operator.
type value struct {
	text    string // as written
	vars    []variable
	glob    arn.Glob     // string operators; arnLike of a lone variable
	pattern *arn.Pattern // arnLike
	number  number
	instant time.Time
	truth   bool // boolEquals, null
	octets  []byte
	network netip.Prefix
}

func parseCondition(opName, key string, n *node, vars bool) (*condition, error) {
	op, err := parseOperator(opName)
	if err != nil {
		return nil, err
	}
	if vendor, name, ok := strings.Cut(key, ":"); !ok || vendor == "" || name == "" {
		return nil, malformed(msgVendor)
	}
	c := &condition{operator: op, name: opName, key: strings.ToLower(key), shown: key}
	for _, item := range n.list() {
		switch item.kind {
		case stringNode, numberNode, boolNode: // numbers and booleans may stand without quotes
		default:
			return nil, malformed(msgSyntax)
		}
		v, ok := compileValue(op.compare, item.text, vars)
		if !ok {
			return nil, malformed(msgSyntax)
		}
		c.values = append(c.values, v)
	}
	if len(c.values) == 0 {
		return nil, malformed(msgSyntax)
	}
	return c, nil
}

// compileValue reads a value of the policy. One that cannot mean anything to
// its operator is refused: in a Deny it would never bite.
func compileValue(compare comparison, text string, vars bool) (v value, ok bool) {
	v.text = text
	switch compare {
	case stringEquals, stringEqualsIgnoreCase, stringLike:
		t, err := parseTemplate(text, compare == stringLike, vars)
		v.vars, v.glob = t.vars, arn.CompileGlob(t.toks)
		return v, err == nil
	case arnLike:
		t, err := parseTemplate(text, true, vars)
		if err != nil {
			return v, false
		}
		v.vars = t.vars
		if len(t.toks) == 1 && t.toks[0].Kind == arn.Slot {
			v.glob = arn.CompileGlob(t.toks) // "${aws:SourceArn}": a whole ARN
			return v, true
		}
		v.pattern, err = arn.CompilePattern(t.toks)
		return v, err == nil
	case boolEquals, null:
		v.truth = strings.EqualFold(text, "true")
		return v, v.truth || strings.EqualFold(text, "false")
	case binaryEquals:
		octets, err := base64.StdEncoding.DecodeString(text)
		v.octets = octets
		return v, err == nil
	case ipAddress:
		v.network, ok = parseNetwork(text)
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		v.instant, ok = parseInstant(text)
	default:
		v.number, ok = parseNumber(text)
	}
	return v, ok
}

// holds reports whether the condition is met. A key that is present without a
// value counts as absent, as AWS's null does.
func (c *condition) holds(ctx Context) bool {
	got := ctx[c.key]
	if c.compare == null {
		for i := range c.values {
			if c.values[i].truth == (len(got) == 0) {
				return true
			}
		}
		return false
	}
	if len(got) == 0 {
		switch {
		case c.ifExists || c.quantifier == forAllValues:
			return true
		case c.quantifier == forAnyValue:
			return false
		}
		return c.negated
	}
	for _, text := range got {
		met := c.ask(ctx, text)
		if c.quantifier == forAllValues && !met {
			return false
		}
		if c.quantifier != forAllValues && met {
			return true
		}
	}
	return c.quantifier == forAllValues
}

// ask puts one value of the request to the operator.
func (c *condition) ask(ctx Context, text string) bool {
	switch c.compare {
	case stringEquals, stringEqualsIgnoreCase, stringLike:
		return c.anyText(ctx, text) != c.negated
	case arnLike:
		return c.anyARN(ctx, text) != c.negated
	case ipAddress:
		return c.anyNetwork(text) != c.negated
	case boolEquals:
		truth := strings.EqualFold(text, "true")
		if !truth && !strings.EqualFold(text, "false") {
			return false
		}
		return c.any(func(v *value) bool { return v.truth == truth })
	case binaryEquals:
		octets, err := base64.StdEncoding.DecodeString(text)
		return err == nil && c.any(func(v *value) bool { return bytes.Equal(v.octets, octets) })
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		at, ok := parseInstant(text)
		return ok && c.any(func(v *value) bool { return ordered(c.compare, at.Compare(v.instant)) }) != c.negated
	default:
		n, ok := parseNumber(text)
		return ok && c.any(func(v *value) bool { return ordered(c.compare, n.compare(v.number)) }) != c.negated
	}
}

func (c *condition) any(fits func(*value) bool) bool {
	for i := range c.values {
		if fits(&c.values[i]) {
			return true
		}
	}
	return false
}

func (c *condition) anyText(ctx Context, text string) bool {
	var buf slotBuffer
	for i := range c.values {
		v := &c.values[i]
		texts, ok := slots(ctx, v.vars, &buf)
		if !ok {
			continue
		}
		if c.compare == stringEqualsIgnoreCase {
			if strings.EqualFold(v.glob.Fill(texts), text) {
				return true
			}
		} else if v.glob.Match(text, texts) {
			return true
		}
	}
	return false
}

func (c *condition) anyARN(ctx Context, text string) bool {
	var buf slotBuffer
	a, isARN := arn.Split(text)
	for i := range c.values {
		v := &c.values[i]
		texts, ok := slots(ctx, v.vars, &buf)
		switch {
		case !ok:
		case v.pattern == nil:
			if v.glob.Match(text, texts) {
				return true
			}
		case v.pattern.All() || isARN && v.pattern.MatchARN(&a, texts):
			return true
		}
	}
	return false
}

func (c *condition) anyNetwork(text string) bool {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for i := range c.values {
		if c.values[i].network.Contains(addr) {
			return true
		}
	}
	return false
}

// ordered reads the sign of a comparison of the request's value with the
// policy's. Numeric and date operators stand in the same order.
func ordered(compare comparison, sign int) bool {
	switch compare {
	case numericEquals, dateEquals:
		return sign == 0
	case numericLess, dateLess:
		return sign < 0
	case numericLessEquals, dateLessEquals:
		return sign <= 0
	case numericGreater, dateGreater:
		return sign > 0
	default:
		return sign >= 0
	}
}
