package arn

import (
	"errors"
	"strings"
)

// Pattern is a compiled pattern over ARNs. It is immutable and safe for
// concurrent use. The zero Pattern matches no ARN that Parse accepts.
type Pattern struct {
	all   bool // the pattern "*"
	parts [5]Glob
	// service holds the second part when it is literal text, which it nearly
	// always is: it rejects most ARNs by one comparison.
	service string
	slots   [5]bool // the part has a Slot
}

// The ways in which a pattern is not one. Callers word them for their users.
var (
	ErrForm            = errors.New(`must be in ARN format or "*"`)
	ErrServiceWildcard = errors.New("service must be fully qualified and cannot contain wildcards")
)

// CompilePattern splits a pattern at its first five colons and compiles each
// part, so that a wildcard never spans one of these colons; the sixth part is
// one string, where "*" spans everything (IAM user guide, "IAM JSON policy
// elements: Resource"). The pattern "*" matches every text, ARN or not. Colons
// inside a Slot do not count.
func CompilePattern(toks []Token) (*Pattern, error) {
	if len(toks) == 1 && toks[0].Kind == Star {
		return &Pattern{all: true}, nil
	}
	var parts [6][]Token
	at := 0
	for _, t := range toks {
		if t.Kind != Literal {
			parts[at] = append(parts[at], t)
			continue
		}
		text := t.Text
		for at < 5 {
			i := strings.IndexByte(text, ':')
			if i < 0 {
				break
			}
			parts[at] = append(parts[at], Token{Kind: Literal, Text: text[:i]})
			text = text[i+1:]
			at++
		}
		parts[at] = append(parts[at], Token{Kind: Literal, Text: text})
	}
	prefix := CompileGlob(parts[0])
	if at < 5 || prefix.wild || !prefix.Match("arn", nil) {
		return nil, ErrForm
	}
	p := &Pattern{}
	for i := range p.parts {
		p.parts[i] = CompileGlob(parts[i+1])
		for _, t := range p.parts[i].toks {
			p.slots[i] = p.slots[i] || t.Kind == Slot
		}
	}
	if toks := p.parts[1].toks; len(toks) == 1 && toks[0].Kind == Literal {
		p.service = toks[0].Text
	}
	return p, nil
}

// CompileResource is CompilePattern with the further rules of the Resource
// element: no wildcard in the service, and slots in the resource part alone,
// since IAM substitutes variables only after the fifth colon.
func CompileResource(toks []Token) (*Pattern, error) {
	p, err := CompilePattern(toks)
	if err != nil || p.all {
		return p, err
	}
	if p.parts[1].wild {
		return nil, ErrServiceWildcard
	}
	if p.service == "" || p.slots[0] || p.slots[2] || p.slots[3] {
		return nil, ErrForm
	}
	return p, nil
}

// All reports whether the pattern is "*".
func (p *Pattern) All() bool { return p.all }

// Wild reports whether any part has a wildcard.
func (p *Pattern) Wild() bool {
	if p.all {
		return true
	}
	for i := range p.parts {
		if p.parts[i].wild {
			return true
		}
	}
	return false
}

// Match reports whether the text s, an ARN or the "*" of an action without
// resource-level support, fits. Only the pattern "*" fits what is not an ARN.
func (p *Pattern) Match(s string, slots []string) bool {
	if p.all {
		return true
	}
	a, ok := Split(s)
	return ok && p.MatchARN(&a, slots)
}

// MatchARN is Match for an ARN that is split already: a decision splits its
// resource once and asks many patterns.
func (p *Pattern) MatchARN(a *ARN, slots []string) bool {
	if p.all {
		return true
	}
	if p.service != "" {
		if p.service != a.Service {
			return false
		}
	} else if !p.parts[1].Match(a.Service, slots) {
		return false
	}
	return p.parts[4].Match(a.Resource, slots) &&
		p.parts[3].Match(a.Account, slots) &&
		p.parts[2].Match(a.Region, slots) &&
		p.parts[0].Match(a.Partition, slots)
}
