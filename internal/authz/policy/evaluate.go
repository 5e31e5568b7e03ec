package policy

import "strings"

// The rules (IAM user guide, "Policy evaluation logic"), for one request:
//
//  1. A Deny that matches, in any policy that speaks about the request, decides.
//  2. The root user of an account is allowed, as far as its account reaches.
//  3. Within one account, a resource policy that names the user, the session
//     or everyone allows, and no boundary or session policy is asked. One that
//     names the role counts as an allow of the role's own policies. One that
//     names the account leaves the choice to the account: it allows nothing.
//  4. Else the identity policies must allow,
//  5. and the permissions boundary, if there is one,
//  6. and the session policies, if there are any.
//  7. Across accounts the resource policy must allow (naming the account is
//     enough) and 4 to 6 must as well.

// Evaluate decides the request. Identity must hold what speaks for the
// principal: a user's policies and its groups', a role's, for a federated user
// those of the user who made it (for one made by the root user, a policy that
// allows everything). A federated user without session policies has no
// permissions but those that resource policies grant it.
//
// sts:GetCallerIdentity is always allowed to whoever signed: AWS asks no
// policy about it.
func Evaluate(req *Request, pol *Policies) Decision {
	q := newQuery(req)
	return evaluate(&q, pol, ResourceBased)
}

// EvaluateTrust decides whether a role's trust policy lets the caller assume
// it. req.Resource is the role's ARN and req.ResourceAccount its account.
//
// For a WebIdentity or Service caller an allow is final. For the others,
// Delegated says that it is not: the caller's own policies must allow the
// action as well, because the trust policy names its account or everyone, or
// because the caller is of another account. See EvaluateAssumeRole, which
// does both.
func EvaluateTrust(req *Request, trust Source) Decision {
	q := newQuery(req)
	allow, deny := scan(&q, []Source{trust}, true)
	switch {
	case deny.found:
		return denied(TrustType, deny)
	case !allow.found:
		return lacking(TrustType)
	}
	d := allowed(TrustType, allow)
	d.Delegated = !final(req, allow.grantee)
	return d
}

// final reports whether a trust policy's allow needs nothing of the caller's
// own policies.
func final(req *Request, g grantee) bool {
	switch req.Principal.Type {
	case WebIdentity, Service:
		return true
	}
	return (g == byName || g == byRole) && !crossAccount(req)
}

// EvaluateAssumeRole decides sts:AssumeRole: the trust policy must allow, and
// so must the caller's own policies unless the trust policy names the caller
// directly within one account. A Deny, a boundary or a session policy of the
// caller counts in both cases as it does for a resource policy. own.Resource
// is ignored.
func EvaluateAssumeRole(req *Request, trust Source, own *Policies) Decision {
	t := EvaluateTrust(req, trust)
	if !t.Allowed {
		return t
	}
	switch req.Principal.Type {
	case WebIdentity, Service:
		return t
	}
	q := newQuery(req)
	pol := Policies{Identity: own.Identity, Resource: []Source{trust}, Boundary: own.Boundary, Session: own.Session}
	return evaluate(&q, &pol, TrustType)
}

func crossAccount(req *Request) bool {
	return req.ResourceAccount != "" && req.ResourceAccount != req.Principal.Account
}

// evaluate is Evaluate with a name for the type of pol.Resource, which may be
// a trust policy: there, "*" only delegates.
func evaluate(q *query, pol *Policies, resourceType PolicyType) Decision {
	req := q.req
	signed := false
	switch req.Principal.Type {
	case Account, User, AssumedRole, FederatedUser:
		signed = true
	}
	if signed && strings.EqualFold(req.Action, "sts:GetCallerIdentity") {
		return Decision{Allowed: true, Statement: -1}
	}

	identity, deny := scan(q, pol.Identity, false)
	if deny.found {
		return denied(IdentityBased, deny)
	}
	resource, deny := scan(q, pol.Resource, true)
	if deny.found {
		return denied(resourceType, deny)
	}
	boundary, deny := scan(q, pol.Boundary, false)
	if deny.found {
		return denied(BoundaryType, deny)
	}
	session, deny := scan(q, pol.Session, false)
	if deny.found {
		return denied(SessionType, deny)
	}

	if !resource.found && pol.Grant != "" && req.Principal.Type != "" {
		resource = hit{found: true, source: pol.Grant, statement: -1, grantee: byAnyone}
	}
	if !signed { // nobody's identity policies: the resource alone decides
		if resource.found {
			return allowed(resourceType, resource)
		}
		return lacking(resourceType)
	}

	root := req.Principal.Type == Account
	crossing := crossAccount(req)
	direct := resource.grantee == byName || resource.grantee == byAnyone && resourceType != TrustType
	if resource.found && direct && !crossing && !root {
		return allowed(resourceType, resource)
	}
	decision := allowed(IdentityBased, identity)
	switch {
	case root:
		decision = Decision{Allowed: true, Root: true, Statement: -1}
	case identity.found:
	case resource.found && resource.grantee == byRole && !crossing:
		decision = allowed(resourceType, resource)
	default:
		return lacking(IdentityBased)
	}
	if crossing && !resource.found {
		return lacking(resourceType)
	}
	if pol.Boundary != nil && !boundary.found {
		return lacking(BoundaryType)
	}
	if !session.found && (pol.Session != nil || req.Principal.Type == FederatedUser) {
		return lacking(SessionType)
	}
	return decision
}

func allowed(t PolicyType, h hit) Decision {
	return Decision{Allowed: true, Type: t, Source: h.source, Statement: h.statement, Sid: h.sid}
}

func denied(t PolicyType, h hit) Decision {
	return Decision{Explicit: true, Type: t, Source: h.source, Statement: h.statement, Sid: h.sid}
}

func lacking(t PolicyType) Decision { return Decision{Type: t, Statement: -1} }
