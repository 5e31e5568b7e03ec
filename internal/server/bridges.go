package server

import (
	"context"
	"errors"
	"strings"
	"time"

	apists "gatehouse/internal/api/sts"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/service/iam"
	"gatehouse/internal/service/identitypool"
	"gatehouse/internal/service/s3"
	"gatehouse/internal/service/sts"
)

// Services do not import each other; where one needs another, it declares what
// it needs and the bridge stands here.

// assumer lets identity pools assume roles through STS.
type assumer struct{ sts *sts.Service }

func (a assumer) AssumeRole(ctx context.Context, roleARN, sessionName string, id *identitypool.WebIdentity, scope *identitypool.ScopeDown) (*credentials.Credentials, error) {
	r := sts.AssumeRequest{RoleARN: roleARN, SessionName: sessionName, Identity: webIdentity(id, time.Time{}), Duration: time.Hour}
	if scope != nil {
		r.Policies, r.PolicyARNs, r.Limited = []string{scope.Policy}, []string{scope.ARN}, true
	}
	c, _, err := a.sts.AssumeWithWebIdentity(ctx, r)
	var refused *sts.TrustError
	var packed *apists.PackedPolicyTooLargeException
	if errors.As(err, &refused) || errors.As(err, &packed) {
		return nil, identitypool.ErrTrust
	}
	return c, err
}

func webIdentity(id *identitypool.WebIdentity, expires time.Time) *sts.WebIdentity {
	return &sts.WebIdentity{Provider: identitypool.Provider, Audience: id.PoolID, Subject: id.IdentityID,
		AMR: id.AMR, Tags: id.Tags, Expires: expires}
}

// verifier lets STS verify the tokens of identity pools, and of the OpenID
// Connect providers that IAM knows.
type verifier struct {
	identities *identitypool.Service
	iam        *iam.Service
	outside    *oidc.Verifier
	prefix     string // of the providers' ARNs
	builtIn    map[string]oidc.Provider
}

// builtIn are the providers that STS knows without IAM, by the names that trust
// policies call them. Which clients' tokens open a role is the trust policy's to
// say, by <name>:aud (IAM user guide, "IAM and AWS STS condition context keys").
// Google's tokens may leave the scheme out of iss.
var builtIn = map[string]oidc.Provider{
	"accounts.google.com": {Issuer: "https://accounts.google.com", Alias: "accounts.google.com", AnyClient: true},
}

func (v verifier) Verify(ctx context.Context, text string) (*sts.WebIdentity, error) {
	issuer, err := identitypool.Issuer(text)
	if err != nil {
		return nil, &sts.TokenError{Fault: sts.TokenInvalid, Cause: err}
	}
	if issuer != v.identities.Issuer {
		return v.provider(ctx, issuer, text)
	}
	id, expires, err := v.identities.VerifyOpenID(ctx, text)
	switch {
	case errors.Is(err, identitypool.ErrExpired):
		return nil, &sts.TokenError{Fault: sts.TokenExpired, Now: v.identities.Now(), Expires: expires}
	case errors.Is(err, identitypool.ErrNotOurs):
		return nil, &sts.TokenError{Fault: sts.TokenInvalid, Cause: err}
	case err != nil:
		return nil, err
	}
	return webIdentity(id, expires), nil
}

// provider verifies the token of a provider that IAM knows, or else of one that
// is built in.
func (v verifier) provider(ctx context.Context, issuer, text string) (*sts.WebIdentity, error) {
	_, name, found := strings.Cut(issuer, "://")
	if !found {
		name = issuer
	}
	name = strings.TrimSuffix(name, "/")
	named := v.prefix + name
	registered, clients, ok, err := v.iam.OIDCProvider(ctx, named)
	if err != nil {
		return nil, err
	}
	p := oidc.Provider{Issuer: registered, ClientIDs: clients}
	if !ok {
		named = name
		if p, ok = v.builtIn[name]; !ok {
			return nil, &sts.TokenError{Fault: sts.TokenIssuer, Issuer: issuer}
		}
	}
	t, err := v.outside.Verify(ctx, p, text)
	fault := sts.TokenInvalid
	switch {
	case err == nil:
		return &sts.WebIdentity{Provider: named, Issuer: t.Issuer, Audience: t.Audience, OriginalAudience: t.OriginalAudience, Subject: t.Subject, AMR: t.AMR(), Tags: t.PrincipalTags(), Expires: t.Expires}, nil
	case errors.Is(err, oidc.ErrExpired):
		return nil, &sts.TokenError{Fault: sts.TokenExpired, Now: v.identities.Now(), Expires: t.Expires}
	case errors.Is(err, oidc.ErrIssuer):
		return nil, &sts.TokenError{Fault: sts.TokenIssuer, Issuer: issuer}
	case errors.Is(err, oidc.ErrAudience), errors.Is(err, oidc.ErrNoAudience):
		fault = sts.TokenAudience
	case errors.Is(err, oidc.ErrUnavailable):
		fault = sts.TokenKey
	}
	return nil, &sts.TokenError{Fault: fault, Cause: err}
}

// speaker finds what a resource says about whoever wants something of it, for
// explanations.
type speaker struct {
	s3    *s3.Service
	roles *iam.Service
}

// speak adds it to a check; trust is the policy of the role that somebody wants
// to become, and has no name otherwise.
func (s speaker) speak(ctx context.Context, p *policy.Principal, check *access.Check) (trust policy.Source, err error) {
	switch service, name, _ := strings.Cut(strings.ToLower(check.Action), ":"); {
	case service == "s3":
		return trust, s.s3.Speak(ctx, p, check)
	case service == "sts" && (strings.HasPrefix(name, "assumerole") || name == "tagsession" || name == "setsourceidentity") && strings.Contains(check.Resource, ":role/"):
		role, err := s.roles.Role(ctx, check.Resource)
		if err != nil {
			return trust, err
		}
		for k, v := range role.Tags {
			check.Context["aws:resourcetag/"+k], check.Context["iam:resourcetag/"+k] = []string{v}, []string{v}
		}
		if p.Type == policy.Account {
			check.Notes = append(check.Notes, "STS gives no role to the root user, whatever policies say")
		}
		return role.Trust, nil
	default:
		check.Notes = append(check.Notes, "no policy of the resource was asked: resources of "+service+" have none here; its tags count only as given condition keys")
	}
	return trust, nil
}
