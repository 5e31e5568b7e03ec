package access

import (
	"context"

	"gatehouse/internal/authz/policy"
)

type contextKey struct{}

// NewContext carries the caller to the operation, for the few that ask a
// second question themselves (iam:PassRole) or answer who is calling.
func NewContext(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext is the caller of a signed operation, or nil.
func FromContext(ctx context.Context) *Caller {
	c, _ := ctx.Value(contextKey{}).(*Caller)
	return c
}

type requestKey struct{}

// WithRequest lets an unsigned operation ask for the condition keys of its HTTP
// request. conditions is called when one does, which few do.
func WithRequest(ctx context.Context, conditions func() policy.Context) context.Context {
	return context.WithValue(ctx, requestKey{}, conditions)
}

// RequestConditions are the condition keys of an unsigned operation's HTTP
// request, such as aws:SourceIp, for the trust policy that decides about it.
// There are none outside a request.
func RequestConditions(ctx context.Context) policy.Context {
	if f, ok := ctx.Value(requestKey{}).(func() policy.Context); ok {
		return f()
	}
	return nil
}

// Require decides the check and returns a *Error of kind KindDenied, with
// AWS's text, when the answer is no.
func Require(ctx context.Context, d Decider, caller *Caller, check Check) error {
	decision, err := d.Decide(ctx, caller, check)
	if err != nil {
		return err
	}
	if decision.Allowed {
		return nil
	}
	return Denied(decision.Message(&policy.Request{Principal: caller.Principal, Action: check.Action, Resource: check.Resource}))
}
