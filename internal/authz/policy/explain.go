package policy

import (
	"fmt"
	"strings"
)

// Message is the text of AWS's access denied error for the decision, or empty
// when it allows (IAM user guide, "Troubleshoot access denied error messages").
// It names one type of policy and no policy: what a caller may not do is his to
// know, who wrote that down is not. Amazon S3 puts the resource in quotes and
// tells anonymous callers nothing.
func (d Decision) Message(req *Request) string {
	if d.Allowed {
		return ""
	}
	resource := req.Resource
	if service, _, _ := strings.Cut(req.Action, ":"); strings.EqualFold(service, "s3") {
		if req.Principal.Type == Anonymous {
			return "Access Denied"
		}
		resource = `"` + resource + `"`
	}
	caller := req.Principal.ARN
	if caller == "" {
		caller = "anonymous"
	}
	text := "User: " + caller + " is not authorized to perform: " + req.Action + " on resource: " + resource
	if !d.Explicit {
		return text + " because no " + string(d.Type) + " allows the " + req.Action + " action"
	}
	return text + " with an explicit deny in " + article(d.Type) + " " + string(d.Type)
}

func article(t PolicyType) string {
	switch t {
	case IdentityBased:
		return "an"
	case TrustType:
		return "the"
	}
	return "a"
}

// Explain says for a person what decided: which statement of which policy, or
// what was missing. Unlike Message it names policies, so it is for the
// administrator's eyes, not for the answer to the caller.
func (d Decision) Explain(req *Request) string {
	question := fmt.Sprintf("%s on %s", req.Action, req.Resource)
	switch {
	case d.Root:
		return "allowed: " + question + ": the root user of the account may do everything that no policy denies"
	case d.Allowed && d.Type == "":
		return "allowed: " + question + ": no permission is needed"
	case d.Allowed && d.Statement < 0:
		return "allowed: " + question + " by " + d.Source
	case d.Allowed && d.Delegated:
		return "allowed: " + question + " by " + d.where() + ", if the caller's own policies allow it as well"
	case d.Allowed:
		return "allowed: " + question + " by " + d.where()
	case d.Explicit && d.Statement < 0:
		return "denied: " + question + ": " + d.Source + " (" + string(d.Type) + ") cannot be read"
	case d.Explicit:
		return "denied: " + question + ": explicit deny in " + d.where()
	case d.Type == SessionType && req.Principal.Type == FederatedUser:
		return "denied: " + question + ": no session policy allows it, and a federated user has no permissions without one"
	}
	return "denied: " + question + ": no statement of any " + string(d.Type) + " allows it"
}

// String is Explain without the question.
func (d Decision) String() string {
	switch {
	case d.Root:
		return "allowed: root user"
	case d.Allowed && d.Type == "":
		return "allowed: no permission is needed"
	case d.Allowed:
		return "allowed by " + d.where()
	case d.Explicit:
		return "denied by " + d.where()
	}
	return "denied: no " + string(d.Type) + " allows"
}

func (d Decision) where() string {
	source := fmt.Sprintf("%s (%s)", d.Source, d.Type)
	switch {
	case d.Statement < 0:
		return source
	case d.Sid != "":
		return fmt.Sprintf("statement %d (%s) of %s", d.Statement+1, d.Sid, source)
	}
	return fmt.Sprintf("statement %d of %s", d.Statement+1, source)
}

// Element names the part of a statement that kept it from matching.
type Element string

const (
	ActionElement    Element = "Action"
	PrincipalElement Element = "Principal"
	ResourceElement  Element = "Resource"
	ConditionElement Element = "Condition"
)

// Considered is one statement that was asked about a request.
type Considered struct {
	Type      PolicyType
	Source    string
	Statement int // zero-based; -1 for a source that cannot be read
	Sid       string
	Effect    Effect
	Matched   bool
	// Element is the first element that did not match, in the order action,
	// principal, resource, condition; Detail says what it wanted and what the
	// request had. Both are empty when the statement matched.
	Element Element
	Detail  string
	// Conditions are those of a statement that matched: all of them held.
	Conditions []Asked
}

// Asked is a condition and what the request had for it.
type Asked struct {
	Key  string // as the policy writes it
	Text string
}

// Trace lists every statement of every policy that speaks about the request,
// in the order identity, resource, boundary, session, and why each matched or
// did not. It is for explanations: it costs far more than Evaluate, whose
// decision it does not repeat.
func Trace(req *Request, pol *Policies) []Considered {
	var all []Considered
	all = appendTrace(all, req, IdentityBased, pol.Identity)
	all = appendTrace(all, req, ResourceBased, pol.Resource)
	all = appendTrace(all, req, BoundaryType, pol.Boundary)
	return appendTrace(all, req, SessionType, pol.Session)
}

// TraceTrust is Trace for a role's trust policy.
func TraceTrust(req *Request, trust Source) []Considered {
	return appendTrace(nil, req, TrustType, []Source{trust})
}

func appendTrace(all []Considered, req *Request, t PolicyType, sources []Source) []Considered {
	q := newQuery(req)
	for _, source := range sources {
		if source.Document == nil {
			all = append(all, Considered{Type: t, Source: source.Name, Statement: -1, Effect: Deny, Matched: true})
			continue
		}
		for i := range source.Document.statements {
			st := &source.Document.statements[i]
			c := Considered{Type: t, Source: source.Name, Statement: i, Sid: st.Sid, Effect: st.Effect}
			c.Element, c.Detail = st.mismatch(&q, source.Document.kind)
			if c.Matched = c.Element == ""; c.Matched {
				for i := range st.conditions {
					c.Conditions = append(c.Conditions, st.conditions[i].asked(&q))
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// mismatch finds the first element that keeps the statement from matching.
func (st *Statement) mismatch(q *query, kind Kind) (Element, string) {
	req := q.req
	if !st.matchesAction(q) {
		if st.Actions == nil {
			return ActionElement, req.Action + " is among NotAction " + quoted(st.NotActions)
		}
		return ActionElement, req.Action + " is not among " + quoted(st.Actions)
	}
	if st.grantee(&req.Principal, kind) == nobody {
		who := req.Principal.ARN
		switch req.Principal.Type {
		case WebIdentity:
			who = "a web identity of " + req.Principal.Provider
		case Service:
			who = req.Principal.ServiceName
		case Anonymous:
			who = "an anonymous caller"
		}
		if st.notPrincipal {
			return PrincipalElement, who + " is named by NotPrincipal"
		}
		return PrincipalElement, who + " is not named"
	}
	if !st.matchesResource(q) {
		if st.Resources == nil {
			return ResourceElement, req.Resource + " is among NotResource " + quoted(st.NotResources)
		}
		return ResourceElement, req.Resource + " is not among " + quoted(st.Resources) + st.unresolved(req.Context)
	}
	for i := range st.conditions {
		c := &st.conditions[i]
		unknown := c.unknown(q)
		if unknown && st.Effect == Deny || !unknown && c.holds(req.Context) {
			continue
		}
		return ConditionElement, c.asked(q).Text
	}
	return "", ""
}

// asked tells a condition in words.
func (c *condition) asked(q *query) Asked {
	saw := "the request has no such key"
	if got, ok := q.req.Context[c.key]; ok {
		saw = "the request has " + quoted(got)
	}
	if c.unknown(q) {
		saw = "which is not known here and decides against the caller"
	}
	wanted := make([]string, len(c.values))
	for i := range c.values {
		wanted[i] = c.values[i].text
	}
	return Asked{Key: c.shown, Text: fmt.Sprintf("%s %s wants %s, %s", c.name, c.shown, quoted(wanted), saw)}
}

// unresolved names the variables of the statement's resources that have no
// value, which is the usual reason why a resource with one does not match.
func (st *Statement) unresolved(ctx Context) string {
	var missing []string
	for _, r := range st.resources {
		for _, v := range r.vars {
			if n := len(ctx[v.key]); n > 1 || n == 0 && !v.optional {
				missing = append(missing, v.key)
			}
		}
	}
	if missing == nil {
		return ""
	}
	return "; no single value for variable " + quoted(missing)
}

func quoted(texts []string) string {
	const most = 10
	more := ""
	if len(texts) > most {
		more = fmt.Sprintf(" and %d more", len(texts)-most)
		texts = texts[:most]
	}
	shown := make([]string, len(texts))
	for i, text := range texts {
		shown[i] = fmt.Sprintf("%q", text)
	}
	return "[" + strings.Join(shown, ", ") + "]" + more
}
