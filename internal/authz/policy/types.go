package policy

// PrincipalType says what kind of caller stands behind a request. Its values
// are those of the condition key aws:PrincipalType, but for WebIdentity and
// Service, which only meet trust policies and resource policies.
type PrincipalType string

const (
	Anonymous     PrincipalType = "Anonymous"
	Account       PrincipalType = "Account" // the account's root user
	User          PrincipalType = "User"
	AssumedRole   PrincipalType = "AssumedRole"
	FederatedUser PrincipalType = "FederatedUser"
	WebIdentity   PrincipalType = "WebIdentity" // bearer of a web identity token, before it becomes a role session
	Service       PrincipalType = "Service"     // an AWS service, such as lambda.amazonaws.com
)

// Principal is the caller as policies see it. The zero value is nobody: give
// an anonymous caller the Type Anonymous.
type Principal struct {
	Type    PrincipalType
	Account string // 12 digits; empty for Anonymous
	// ARN is what error texts print and what Principal elements name: the
	// user's ARN, the session's ARN (assumed-role or federated-user), or
	// arn:aws:iam::<account>:root.
	ARN string
	// ID is aws:userid: AIDA… for a user, AROA…:session for a role session,
	// <account>:<name> for a federated user, the account for root,
	// "anonymous" otherwise.
	ID string
	// RoleARN is the ARN of the assumed role, with its path. Only AssumedRole.
	RoleARN string
	// UniqueID is the entity's own id without a session (AIDA…, AROA…).
	// Principal elements are stored by unique id, so that an entity deleted and
	// made again under its old name does not inherit its grants.
	UniqueID string
	// Provider is the host or ARN that a Federated principal element names.
	// Only WebIdentity.
	Provider string
	// ServiceName is what a Service principal element names. Only Service.
	ServiceName string
	// CanonicalID is the S3 canonical user id of the caller's account, for
	// CanonicalUser principal elements. Empty matches none.
	CanonicalID string
}

// Context holds the condition keys of a request. Keys are lower case. A key
// with an empty list is an absent key.
type Context map[string][]string

// Request is one question: may Principal do Action on Resource?
type Request struct {
	Principal Principal
	Action    string // "s3:GetObject"
	// Resource is an ARN, or "*" for an action without resource-level support.
	Resource string
	// ResourceAccount owns the resource. Empty means the principal's own
	// account.
	ResourceAccount string
	Context         Context
	// Unknown are the beginnings, in lower case, of condition keys that nobody
	// here can know, such as the tags of an object that lives elsewhere. What
	// such a key decides is decided against the caller: an Allow that asks for
	// one does not match, a Deny does if all the rest of it does.
	Unknown []string
}

// Source is a policy and the name by which an explanation calls it, such as
// "arn:aws:iam::aws:policy/AmazonS3FullAccess", "inline policy p of role r" or
// "bucket policy of b".
type Source struct {
	Name     string
	Document *Document
}

// Policies are all that speak about a request.
type Policies struct {
	Identity []Source
	// Resource is the policy of the resource, or nil.
	Resource []Source
	// Boundary limits Identity when it is not nil; an empty, non-nil slice
	// allows nothing.
	Boundary []Source
	// Session limits Identity when it is not nil: one set of session policies
	// given when the session was made.
	Session []Source
	// Grant names something that is not a policy but allows the request by
	// itself as a resource policy would, such as an S3 ACL. Empty means none.
	Grant string
}

// PolicyType names the type of policy in decisions and in AWS's denial texts.
type PolicyType string

const (
	IdentityBased PolicyType = "identity-based policy"
	ResourceBased PolicyType = "resource-based policy"
	BoundaryType  PolicyType = "permissions boundary"
	SessionType   PolicyType = "session policy"
	TrustType     PolicyType = "role trust policy"
)

// Decision is the answer to a Request, and why.
type Decision struct {
	Allowed bool
	// Explicit is true when a Deny statement decided.
	Explicit bool
	// Type is the type of policy that decided: the one that holds the deciding
	// statement, or, for an implicit deny, the one that lacks an Allow.
	Type PolicyType
	// Source and Statement (zero-based; -1 when none matched) name the deciding
	// statement; Sid is its Sid if it has one.
	Source    string
	Statement int
	Sid       string
	// Root is true when the root user's implicit allow decided.
	Root bool
	// Delegated is true when a trust policy allowed, but only for callers whose
	// own identity-based policies allow as well: it names the caller's account,
	// or everyone, or a caller of another account. See EvaluateTrust.
	Delegated bool
}
