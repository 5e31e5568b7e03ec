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
	// Trust is the role's trust policy, for sts:AssumeRole; its Document is nil
	// otherwise.
	Trust    policy.Source
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
// nobody but whoever asks why. c adds to the condition keys that follow from the
// principal; what only a request has, such as aws:SourceIp, it must bring.
func (a *Authorizer) Ask(ctx context.Context, p policy.Principal, action, resource string, c policy.Context) (*Explanation, error) {
	e := &Explanation{Request: policy.Request{Principal: p, Action: action, Resource: resource, ResourceAccount: a.account, Context: policy.Context{}}}
	addPrincipal(e.Request.Context, p)
	maps.Copy(e.Request.Context, c)
	var err error
	if e.Policies.Identity, e.Policies.Boundary, err = a.principals.Policies(ctx, p); err != nil {
		return nil, err
	}
	e.Decision = policy.Evaluate(&e.Request, &e.Policies)
	return e, nil
}

// confidential are the condition keys whose values an explanation leaves out.
var confidential = map[string]bool{"sts:externalid": true}

// Text tells the decision in words: what decided, every statement that was
// asked and what kept it from matching, and the condition keys of the request.
func (e *Explanation) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\ncaller: %s (%s)\n\nstatements:\n", e.Decision.Explain(&e.Request), e.Request.Principal.ARN, e.Request.Principal.Type)
	considered := policy.Trace(&e.Request, &e.Policies)
	if e.Trust.Document != nil {
		considered = append(policy.TraceTrust(&e.Request, e.Trust), considered...)
	}
	for _, c := range considered {
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
		fmt.Fprintf(&b, "  %s, %s, statement %s, %s: %s\n", c.Type, c.Source, name, c.Effect, what)
	}
	if len(considered) == 0 {
		b.WriteString("  none: no policy speaks about the request\n")
	}
	if e.Policies.Grant != "" {
		fmt.Fprintf(&b, "  granted by %s\n", e.Policies.Grant)
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

// keyOf is the condition key that a detail of policy.Trace speaks of: its
// second word.
func keyOf(detail string) string {
	words := strings.Fields(detail)
	if len(words) < 2 {
		return ""
	}
	return words[1]
}
