// Package policydiff asks two evaluators of IAM policies the same questions:
// the one that decides in gatehouse, and a second one that was written from the
// specification alone. They must never disagree.
//
//	go test ./test/policydiff -cases 5000000 -seed 7
package policydiff

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"gatehouse/internal/authz/policy"
)

var (
	seed  = flag.Uint64("seed", 1, "what the cases are drawn from")
	cases = flag.Int("cases", 100_000, "how many cases; a tenth with -short")
)

func TestEvaluate(t *testing.T) {
	compareAll(t, func(r *random) asker {
		who := pick(r, callers)
		var p texts
		several := func(kind policy.Kind, most int) []string {
			list := []string{}
			for range r.below(most + 1) {
				list = append(list, document(r, kind))
			}
			return list
		}
		if r.chance(60) {
			p.resource = several(policy.ResourceKind, 1)
		}
		if who.Type != policy.Anonymous && who.Type != policy.Account {
			p.identity = several(policy.IdentityKind, 3)
			if r.chance(25) {
				p.boundary = several(policy.IdentityKind, 2)
			}
			if r.chance(25) && who.Type != policy.User || who.Type == policy.FederatedUser && r.chance(80) {
				p.session = several(policy.SessionKind, 2)
			}
		}
		pol := compiled(t, p)
		return func() (first, second verdict, story func() string) {
			req := request(r, who)
			d := policy.Evaluate(req, pol)
			return told(d), secondEvaluate(asked(req), p), func() string { return describe(req, p, "") + d.Explain(req) }
		}
	})
}

func TestEvaluateAssumeRole(t *testing.T) {
	compareAll(t, func(r *random) asker {
		who := pick(r, bearers)
		trust := document(r, policy.TrustKind)
		var p texts
		if who.Type != policy.WebIdentity && who.Type != policy.Service && who.Type != policy.Account {
			p.identity = []string{document(r, policy.IdentityKind)}
			if r.chance(25) {
				p.boundary = []string{document(r, policy.IdentityKind)}
			}
			if r.chance(25) && who.Type != policy.User {
				p.session = []string{document(r, policy.SessionKind)}
			}
		}
		source, pol := parsed(t, trust, policy.TrustKind), compiled(t, p)
		return func() (first, second verdict, story func() string) {
			req := request(r, who)
			req.Action, req.Resource = "sts:AssumeRole", "arn:aws:iam::"+here+":role/svc/app"
			d := policy.EvaluateAssumeRole(req, source, pol)
			return told(d), secondAssume(asked(req), trust, p), func() string { return describe(req, p, trust) + d.Explain(req) }
		}
	})
}

// asker draws a request, puts it to both evaluators under policies drawn
// before, and can tell the story.
type asker func() (first, second verdict, story func() string)

// requests is how many are put to the same policies, whose reading costs most.
const requests = 5

// compareAll draws the cases, and fails with the seed of the first difference.
func compareAll(t *testing.T, draw func(*random) asker) {
	n := *cases
	if testing.Short() {
		n /= 10
	}
	count := map[verdict]int{}
	for i := 0; i < n; i += requests {
		// Each set of policies has its own seed, so that it can be drawn alone.
		own := *seed + uint64(i/requests)
		r := random(own * 0x9e3779b97f4a7c15)
		ask := draw(&r)
		for range requests {
			first, second, story := ask()
			if first != second {
				t.Fatalf("gatehouse says %q, the specification %q; draw it again with -cases 1 -seed %d\n%s", first, second, own, story())
			}
			count[first]++
		}
	}
	t.Logf("seed %d: %d cases agree: %v", *seed, n, count)
	for _, v := range []verdict{"allow", "deny", "explicit deny"} {
		if n >= 1000 && count[v] < n/20 {
			t.Errorf("only %d of %d cases end in %q: the generator does not try that", count[v], n, v)
		}
	}
}

func request(r *random, who policy.Principal) *policy.Request {
	return &policy.Request{Principal: who, Action: pick(r, actions), Resource: pick(r, resources), ResourceAccount: here, Context: keys(r)}
}

func asked(req *policy.Request) question {
	p := req.Principal
	q := question{kind: string(p.Type), account: p.Account, arn: p.ARN, role: p.RoleARN, names: p.Provider + p.ServiceName, canon: p.CanonicalID,
		action: req.Action, resource: req.Resource, owner: req.ResourceAccount, keys: req.Context}
	return q
}

func told(d policy.Decision) verdict {
	switch {
	case d.Allowed:
		return "allow"
	case d.Explicit:
		return "explicit deny"
	}
	return "deny"
}

func parsed(t *testing.T, text string, kind policy.Kind) policy.Source {
	d, err := policy.Parse(text, kind)
	if err != nil {
		t.Fatalf("the generator wrote a policy that is refused, %v: %s", err, text)
	}
	return policy.Source{Name: "p", Document: d}
}

func compiled(t *testing.T, p texts) *policy.Policies {
	list := func(texts []string, kind policy.Kind) []policy.Source {
		if texts == nil {
			return nil
		}
		sources := []policy.Source{}
		for _, text := range texts {
			sources = append(sources, parsed(t, text, kind))
		}
		return sources
	}
	return &policy.Policies{Identity: list(p.identity, policy.IdentityKind), Resource: list(p.resource, policy.ResourceKind),
		Boundary: list(p.boundary, policy.IdentityKind), Session: list(p.session, policy.SessionKind)}
}

func describe(req *policy.Request, p texts, trust string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "caller   %s %s\nasks     %s on %s\ncontext  %q\n", req.Principal.Type, req.Principal.ARN, req.Action, req.Resource, req.Context)
	for _, l := range []struct {
		name  string
		texts []string
	}{{"identity", p.identity}, {"resource", p.resource}, {"boundary", p.boundary}, {"session", p.session}, {"trust", []string{trust}}} {
		for _, text := range l.texts {
			if text != "" {
				fmt.Fprintf(&b, "%-9s%s\n", l.name, text)
			}
		}
	}
	return b.String()
}
