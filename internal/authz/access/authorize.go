package access

import (
	"context"

	"gatehouse/internal/authz/policy"
	"gatehouse/internal/event"
)

// Authorizer decides with the policies of this moment.
type Authorizer struct {
	principals Principals
	account    string
	recent     recent
}

// NewAuthorizer returns an Authorizer. account owns every resource here.
func NewAuthorizer(p Principals, account string) *Authorizer {
	return &Authorizer{principals: p, account: account}
}

// Decide answers a check, and notes the answer in the request's event.
func (a *Authorizer) Decide(ctx context.Context, caller *Caller, check Check) (policy.Decision, error) {
	req := &policy.Request{Principal: caller.Principal, Action: check.Action, Resource: check.Resource, ResourceAccount: a.account,
		Context: merge(caller.Context, check.Context), Unknown: check.Unknown}
	pol := &policy.Policies{Resource: check.ResourcePolicies, Grant: check.Grant, Session: caller.SessionPolicies}
	var err error
	if pol.Identity, pol.Boundary, err = a.principals.Policies(ctx, caller.Principal); err != nil {
		return policy.Decision{}, err
	}
	d := policy.Evaluate(req, pol)
	a.recent.add(Explanation{RequestID: caller.RequestID, Request: *req, Policies: *pol, Notes: check.Notes, Decision: d})
	if !d.Allowed {
		event.From(ctx).Set("denied", d.Explain(req))
	}
	return d, nil
}

// DecideAssumeRole decides sts:AssumeRole of a role: by its trust policy and,
// where that only delegates, by the caller's own policies.
func (a *Authorizer) DecideAssumeRole(ctx context.Context, caller *Caller, check Check, trust policy.Source) (policy.Decision, error) {
	req := &policy.Request{Principal: caller.Principal, Action: check.Action, Resource: check.Resource, ResourceAccount: a.account,
		Context: merge(caller.Context, check.Context)}
	own := &policy.Policies{Session: caller.SessionPolicies}
	var err error
	if own.Identity, own.Boundary, err = a.principals.Policies(ctx, caller.Principal); err != nil {
		return policy.Decision{}, err
	}
	d := policy.EvaluateAssumeRole(req, trust, own)
	a.recent.add(Explanation{RequestID: caller.RequestID, Request: *req, Policies: *own, Trust: trust, Decision: d})
	if !d.Allowed {
		event.From(ctx).Set("denied", d.Explain(req))
	}
	return d, nil
}

// merge is the caller's keys with those of a check; both stay as they are.
func merge(caller, check policy.Context) policy.Context {
	if len(check) == 0 {
		return caller
	}
	merged := make(policy.Context, len(caller)+len(check))
	for k, v := range caller {
		merged[k] = v
	}
	for k, v := range check {
		merged[k] = v
	}
	return merged
}
