package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"gatehouse/internal/authz/policy"
)

// Explanation is a decision with all that it was made of, for administrators:
// it names policies and shows condition values.
type Explanation struct {
	RequestID string
	Request   policy.Request
	Policies  policy.Policies
	// Trust is the role's trust policy, for sts:AssumeRole; it has no name
	// otherwise.
	Trust    policy.Source
	Notes    []string // see Check
	Decision policy.Decision
}

// kept is how many decisions a node remembers. One refers to policies that are
// cached anyway, and to the condition keys of its request: some kilobytes.
const kept = 1000

// recent remembers the last decisions. It is memory alone: another node, or a
// restart, knows nothing of them.
type recent struct {
	mu   sync.Mutex
	ring []Explanation
	next int // where the oldest is, once the ring is full
}

func (r *recent) add(e Explanation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < kept {
		r.ring = append(r.ring, e)
		return
	}
	r.ring[r.next] = e
	r.next = (r.next + 1) % kept
}

// Decisions are those of a request that are still remembered, the first one
// first. An operation that needs several permissions has several.
func (a *Authorizer) Decisions(requestID string) []Explanation {
	a.recent.mu.Lock()
	defer a.recent.mu.Unlock()
	var found []Explanation
	for i := range a.recent.ring {
		e := a.recent.ring[(a.recent.next+i)%len(a.recent.ring)]
		if e.RequestID == requestID {
			found = append(found, e)
		}
	}
	return found
}

// Ask decides what a principal may do with the policies of this moment, for
// nobody but whoever asks why. The check brings what the resource says, and the
// condition keys that do not follow from the principal: what only a request has,
// such as aws:SourceIp, whoever asks must give. trust, if it has a name, is the
// trust policy of the role that the check is about.
func (a *Authorizer) Ask(ctx context.Context, p policy.Principal, check Check, trust policy.Source) (*Explanation, error) {
	e := &Explanation{Request: policy.Request{Principal: p, Action: check.Action, Resource: check.Resource, ResourceAccount: a.account, Context: policy.Context{}, Unknown: check.Unknown},
		Policies: policy.Policies{Resource: check.ResourcePolicies, Grant: check.Grant}, Trust: trust, Notes: check.Notes}
	switch p.Type {
	case policy.Account, policy.User, policy.AssumedRole:
		addPrincipal(e.Request.Context, p)
	case policy.Anonymous:
		e.Request.Context["aws:principaltype"] = []string{string(p.Type)}
	}
	maps.Copy(e.Request.Context, check.Context)
	var err error
	if e.Policies.Identity, e.Policies.Boundary, err = a.principals.Policies(ctx, p); err != nil {
		return nil, err
	}
	if trust.Name != "" {
		e.Decision = policy.EvaluateAssumeRole(&e.Request, trust, &e.Policies)
	} else {
		e.Decision = policy.Evaluate(&e.Request, &e.Policies)
	}
	return e, nil
}

// confidential are the condition keys whose values an explanation leaves out.
var confidential = map[string]bool{"sts:externalid": true}

// Text tells the decision in words: what decided, every statement that was
// asked, what it saw or what kept it from matching, and the condition keys of
// the request.
func (e *Explanation) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\ncaller: %s\n\nstatements:\n", e.Decision.Explain(&e.Request), e.caller())
	considered := policy.Trace(&e.Request, &e.Policies)
	if e.Trust.Name != "" {
		considered = append(policy.TraceTrust(&e.Request, e.Trust), considered...)
	}
	for i := range considered {
		writeConsidered(&b, &considered[i])
	}
	if len(considered) == 0 {
		b.WriteString("  none: no policy speaks about the request\n")
	}
	if e.Policies.Grant != "" {
		fmt.Fprintf(&b, "  granted by %s\n", e.Policies.Grant)
	}
	if len(e.Notes) > 0 {
		b.WriteString("\nnotes:\n")
		for _, note := range e.Notes {
			fmt.Fprintf(&b, "  %s\n", note)
		}
	}
	b.WriteString("\ncondition keys:\n")
	for _, key := range slices.Sorted(maps.Keys(e.Request.Context)) {
		value := strings.Join(e.Request.Context[key], ", ")
		if confidential[key] {
			value = "[redacted]"
		}
		fmt.Fprintf(&b, "  %s = %s\n", key, value)
	}
	return b.String()
}

// caller names who asked: most by their ARN, others by what policies call them.
func (e *Explanation) caller() string {
	p := &e.Request.Principal
	switch p.Type {
	case policy.Anonymous:
		return "anonymous"
	case policy.WebIdentity:
		return p.Provider + " (" + string(p.Type) + ")"
	case policy.Service:
		return p.ServiceName + " (" + string(p.Type) + ")"
	}
	return p.ARN + " (" + string(p.Type) + ")"
}

func writeConsidered(b *strings.Builder, c *policy.Considered) {
	what := "matched"
	switch {
	case c.Statement < 0:
		what = "cannot be read, which denies"
	case !c.Matched && confidential[strings.ToLower(keyOf(c.Detail))]:
		what = "no match: " + string(c.Element)
	case !c.Matched:
		what = "no match: " + string(c.Element) + ": " + c.Detail
	}
	name := fmt.Sprint(c.Statement + 1)
	if c.Sid != "" {
		name += " (" + c.Sid + ")"
	}
	fmt.Fprintf(b, "  %s, %s, statement %s, %s: %s\n", c.Type, c.Source, name, c.Effect, what)
	for _, asked := range c.Conditions {
		if !confidential[strings.ToLower(asked.Key)] {
			fmt.Fprintf(b, "    %s\n", asked.Text)
		}
	}
}

// keyOf is the condition key that a detail of policy.Trace speaks of: its
// second word.
func keyOf(detail string) string {
	words := strings.Fields(detail)
	if len(words) < 2 {
		return ""
	}
	return words[1]
}
