// Package access answers the two questions that every signed door asks: who
// is calling, and may they do this? It joins the pure parts beside it (sigv4,
// credentials, policy) with the principals that service/iam keeps.
//
// What a newcomer gets wrong: a decision needs the policies of this moment.
// Credentials carry who somebody is and what was narrowed when they were
// issued, never what they may do.
package access

import (
	"context"

	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
)

// Caller is an authenticated (or anonymous) caller of one request.
type Caller struct {
	Principal policy.Principal
	// AccessKeyID is the key that signed; empty for anonymous callers.
	AccessKeyID string
	// Context holds the condition keys that belong to the caller and to the
	// HTTP request: aws:SourceIp, aws:SecureTransport, aws:PrincipalArn, a web
	// identity session's cognito-identity.amazonaws.com:sub and so on. It is
	// shared by all checks of the request and never changed by them.
	Context policy.Context
	// SessionPolicies limit the session when not nil.
	SessionPolicies []policy.Source
	// Session is what temporary credentials opened to; nil for long-term keys
	// and anonymous callers.
	Session *credentials.Session
	// RequestID is for the decision log.
	RequestID string
}

// Check is one question about a caller.
type Check struct {
	Action   string // "s3:GetObject"
	Resource string // an ARN, or "*"
	// Context adds the keys of the action and the resource, lower case:
	// s3:prefix, aws:resourcetag/k, …
	Context policy.Context
	// Unknown: see policy.Request.
	Unknown []string
	// ResourcePolicies and Grant: see policy.Policies.
	ResourcePolicies []policy.Source
	Grant            string
	// Notes tell, for explanations alone, what else was looked at and why it is
	// not among the policies.
	Notes []string
}

// Decider decides checks. *Authorizer is the real one; consumers take this
// interface so that they need not know where policies are kept.
type Decider interface {
	Decide(ctx context.Context, caller *Caller, check Check) (policy.Decision, error)
}
