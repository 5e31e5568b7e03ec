package policy

import (
	"slices"
	"strings"

	"gatehouse/internal/authz/arn"
)

// query is a request prepared for asking many statements.
type query struct {
	req   *Request
	arn   arn.ARN
	isARN bool
}

func newQuery(req *Request) query {
	q := query{req: req}
	q.arn, q.isARN = arn.Split(req.Resource)
	return q
}

func (st *Statement) matchesAction(q *query) bool {
	for i := range st.actions {
		if st.actions[i].Match(q.req.Action, nil) {
			return st.Actions != nil
		}
	}
	return st.Actions == nil
}

// matchesResource is true for a statement without resources: a trust policy
// is about its role.
func (st *Statement) matchesResource(q *query) bool {
	if len(st.resources) == 0 {
		return true
	}
	var buf slotBuffer
	for i := range st.resources {
		r := &st.resources[i]
		if q.unknown(r.vars) {
			return st.Effect == Deny
		}
		if !r.pattern.All() {
			if !q.isARN {
				continue
			}
			texts, ok := slots(q.req.Context, r.vars, &buf)
			if !ok || !r.pattern.MatchARN(&q.arn, texts) {
				continue
			}
		}
		return st.Resources != nil
	}
	return st.Resources == nil
}

func (st *Statement) matchesConditions(q *query) bool {
	for i := range st.conditions {
		c := &st.conditions[i]
		if len(q.req.Unknown) > 0 && c.unknown(q) {
			if st.Effect == Allow {
				return false
			}
			continue
		}
		if !c.holds(q.req.Context) {
			return false
		}
	}
	return true
}

// unknown reports whether one of the variables is a key of Request.Unknown.
func (q *query) unknown(vars []variable) bool {
	return len(q.req.Unknown) > 0 && slices.ContainsFunc(vars, func(v variable) bool { return q.unknownKey(v.key) })
}

func (q *query) unknownKey(key string) bool {
	return slices.ContainsFunc(q.req.Unknown, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// unknown reports whether the condition asks for a key of Request.Unknown.
func (c *condition) unknown(q *query) bool {
	return q.unknownKey(c.key) || slices.ContainsFunc(c.values, func(v value) bool { return q.unknown(v.vars) })
}

// grantee says how the statement meets the caller. With NotPrincipal it is
// everyone whom the element does not name.
func (st *Statement) grantee(caller *Principal, kind Kind) grantee {
	if st.principals == nil {
		return byName // an identity policy speaks about whom it is attached to
	}
	g := st.principals.match(caller, kind, st.Effect)
	if !st.notPrincipal {
		return g
	}
	if g == nobody && caller.Type != "" {
		return byAnyone
	}
	return nobody
}

// hit is a statement that matched. found is false for none.
type hit struct {
	found     bool
	source    string
	statement int
	sid       string
	grantee   grantee
}

// scan asks all statements of the sources: the first Deny that matches, or
// else the Allow that matches with the strongest grantee. A source without a
// document denies: a policy that cannot be read may hold a Deny.
//
// named says that an Allow must name its principals: an identity policy put in
// the place of a resource policy by mistake would otherwise allow everyone.
func scan(q *query, sources []Source, named bool) (allow, deny hit) {
	for i := range sources {
		doc := sources[i].Document
		if doc == nil {
			return hit{}, hit{found: true, source: sources[i].Name, statement: -1}
		}
		for j := range doc.statements {
			st := &doc.statements[j]
			if st.Effect == Allow && allow.found && allow.grantee == byName {
				continue
			}
			if !st.matchesAction(q) {
				continue
			}
			g := st.grantee(&q.req.Principal, doc.kind)
			if g == nobody || named && st.Effect == Allow && st.principals == nil || st.Effect == Allow && allow.found && g <= allow.grantee {
				continue
			}
			if !st.matchesResource(q) || !st.matchesConditions(q) {
				continue
			}
			h := hit{found: true, source: sources[i].Name, statement: j, sid: st.Sid, grantee: g}
			if st.Effect == Deny {
				return hit{}, h
			}
			allow = h
		}
	}
	return allow, hit{}
}
