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
}

// NewAuthorizer returns an Authorizer. account owns every resource here.
func NewAuthorizer(p Principals, account string) *Authorizer {
	return &Authorizer{principals: p, account: account}
}

// Decide answers a check, and notes the answer in the request's event.
func (a *Authorizer) Decide(ctx context.Context, caller *Caller, check Check) (policy.Decision, error) {
	req := &policy.Request{Principal: caller.Principal, Action: check.Action, Resource: check.Resource, ResourceAccount: a.account, Context: caller.Context}
	if len(check.Context) > 0 {
		merged := make(policy.Context, len(caller.Context)+len(check.Context)+1)
		for k, v := range caller.Context {
			merged[k] = v
		}
		for k, v := range check.Context {
			merged[k] = v
		}
		req.Context = merged
	}
	pol := &policy.Policies{Resource: check.ResourcePolicies, Grant: check.Grant, Session: caller.SessionPolicies}
	var err error
	if pol.Identity, pol.Boundary, err = a.principals.Policies(ctx, caller.Principal); err != nil {
		return policy.Decision{}, err
	}
	d := policy.Evaluate(req, pol)
	if !d.Allowed {
		event.From(ctx).Set("denied", d.Explain(req))
	}
	return d, nil
}
