// Package sts is the service STS: it gives out temporary credentials.
//
// What a newcomer gets wrong: a session's rights are decided twice, and here is
// only the first half. STS decides whether somebody may become a role, by the
// role's trust policy; what the session may then do is decided at each of its
// requests, by the policies that the role has at that time. So nothing here
// looks at the role's permissions.
package sts

import (
	"context"
	"strconv"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/sts"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
)

// Roles is where roles are kept. service/iam implements it.
type Roles interface {
	// Role is the role of an ARN, or access.ErrNoRole.
	Role(ctx context.Context, arn string) (*access.Role, error)
	// Managed is the managed policy of an ARN; one that does not exist has no
	// document.
	Managed(ctx context.Context, arn string) (policy.Source, error)
}

// Config is what a Service needs.
type Config struct {
	Roles         Roles
	Access        *access.Authorizer
	Credentials   *credentials.Issuer
	WebIdentities WebIdentities // nil: no token is known
	Account       string        // 12 digits
	Now           func() time.Time
}

// Service implements sts.API.
type Service struct {
	sts.Unimplemented
	Config
}

// New returns the service.
func New(c Config) *Service { return &Service{Config: c} }

// SelfAuthorizing are the operations that need no allow of the caller's own
// policies, or ask for it themselves (STS API reference: no permissions are
// needed for GetCallerIdentity and GetSessionToken).
var SelfAuthorizing = map[string]bool{"AssumeRole": true, "GetCallerIdentity": true, "GetSessionToken": true}

// Checks is the permission that each other signed operation needs.
func (s *Service) Checks(ctx context.Context, op string, in api.Input) ([]access.Check, error) {
	check := access.Check{Action: "sts:" + op, Resource: "*"}
	if in, ok := in.(*sts.GetFederationTokenInput); ok {
		check.Resource = "arn:aws:sts::" + s.Account + ":federated-user/" + *in.Name
		check.Context = policy.Context{}
		putTags(check.Context, in.Tags)
		if len(in.Tags) > 0 { // IAM user guide, "Passing session tags using GetFederationToken"
			tag := check
			tag.Action = "sts:TagSession"
			return []access.Check{check, tag}, nil
		}
	}
	return []access.Check{check}, nil
}

// validationError is the error of STS's framework, which no model lists.
func validationError(message string) error {
	return api.BadRequest("ValidationError", message)
}

func invalidParameter(message string) error {
	return api.BadRequest("InvalidParameterValue", message)
}

func apiCredentials(c *credentials.Credentials) *sts.Credentials {
	return &sts.Credentials{AccessKeyId: new(c.AccessKeyID), SecretAccessKey: new(api.Secret(c.SecretKey)), SessionToken: new(c.SessionToken), Expiration: api.At(c.Expiration)}
}

// GetCallerIdentity says who signed. Everybody may ask it about oneself.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := access.FromContext(ctx).Principal
	return &sts.GetCallerIdentityOutput{UserId: new(p.ID), Account: new(p.Account), Arn: new(p.ARN)}, nil
}

// GetAccessKeyInfo says which account an access key belongs to. There is one
// account, and the answer does not tell whether the key exists.
func (s *Service) GetAccessKeyInfo(context.Context, *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	return &sts.GetAccessKeyInfoOutput{Account: new(s.Account)}, nil
}

// DecodeAuthorizationMessage decodes what a service wrote into a refusal. No
// refusal of this server carries such a message, so that every message is
// somebody else's; why a request was denied tells `gatehouse explain`.
func (s *Service) DecodeAuthorizationMessage(context.Context, *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	return nil, &sts.InvalidAuthorizationMessageException{Message: "Invalid authorization message"}
}

// Durations of sessions without a role (STS API reference).
const (
	defaultDuration = 12 * time.Hour
	rootDuration    = time.Hour // the most that the root user gets
)

// ownDuration is how long a session of the caller's own lasts.
func ownDuration(p policy.Principal, seconds *int) time.Duration {
	d := defaultDuration
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	if p.Type == policy.Account {
		d = min(d, rootDuration)
	}
	return d
}

// GetSessionToken gives temporary credentials to the user who calls.
func (s *Service) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	caller := access.FromContext(ctx)
	if caller.Session != nil {
		return nil, access.Denied("Cannot call GetSessionToken with session credentials")
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, access.Denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	now := s.Now()
	session := &credentials.Session{Principal: caller.Principal, IssuedAt: now, ExpiresAt: now.Add(ownDuration(caller.Principal, in.DurationSeconds)), Context: policy.Context{}}
	if name, ok := caller.Context["aws:username"]; ok {
		session.Context["aws:username"] = name
	}
	c, err := s.Credentials.Issue(session)
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: apiCredentials(c)}, nil
}

// GetFederationToken gives credentials to a user of the caller's own making. The
// session may do what the caller may and the session policies allow, which
// without session policies is nothing.
func (s *Service) GetFederationToken(ctx context.Context, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	caller := access.FromContext(ctx)
	if caller.Session != nil {
		return nil, access.Denied("Cannot call GetFederationToken with session credentials")
	}
	n, err := narrowing(in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, n); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	packed, err := n.packed(tags)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	name := *in.Name
	session := &credentials.Session{IssuedAt: now, ExpiresAt: now.Add(ownDuration(caller.Principal, in.DurationSeconds)),
		Context: policy.Context{}, Policies: n.Policies, PolicyARNs: n.PolicyARNs, Limited: true,
		Principal: policy.Principal{Type: policy.FederatedUser, Account: s.Account, ARN: "arn:aws:sts::" + s.Account + ":federated-user/" + name,
			ID: s.Account + ":" + name, UniqueID: caller.Principal.UniqueID}}
	putPrincipalTags(session.Context, tags)
	c, err := s.Credentials.Issue(session)
	if err != nil {
		return nil, err
	}
	return &sts.GetFederationTokenOutput{Credentials: apiCredentials(c), PackedPolicySize: packed,
		FederatedUser: &sts.FederatedUser{FederatedUserId: new(session.Principal.ID), Arn: new(session.Principal.ARN)}}, nil
}

// secondsOr is a DurationSeconds, or another duration when it is not there.
func secondsOr(seconds *int, otherwise time.Duration) time.Duration {
	if seconds == nil {
		return otherwise
	}
	return time.Duration(*seconds) * time.Second
}

func percent(n int) string { return strconv.Itoa(n) + "%" }
