package sts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/sts"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
)

const (
	defaultRoleDuration = time.Hour
	// chainedDuration is the most that a role gives to another role's session.
	chainedDuration = time.Hour
)

const errDuration = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."

// AssumeRole gives credentials of a role to somebody whom its trust policy
// allows it.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	caller := access.FromContext(ctx)
	switch caller.Principal.Type {
	case policy.Account:
		return nil, access.Denied("Roles may not be assumed by root accounts.")
	case policy.FederatedUser: // STS API reference, GetFederationToken: "Permissions"
		return nil, denied(caller, "sts:AssumeRole", *in.RoleArn)
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, access.Denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	n, err := narrowing(in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	role, err := s.Roles.Role(ctx, *in.RoleArn)
	if errors.Is(err, access.ErrNoRole) {
		return nil, denied(caller, "sts:AssumeRole", *in.RoleArn)
	}
	if err != nil {
		return nil, err
	}
	a := assumption{caller: caller, role: role, in: in}
	if err := a.inherit(tags); err != nil {
		return nil, err
	}
	if err := s.admit(ctx, &a); err != nil {
		return nil, err
	}
	if err := s.check(ctx, n); err != nil {
		return nil, err
	}
	duration, err := roleDuration(caller, role, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	packed, err := n.packed(a.tags)
	if err != nil {
		return nil, err
	}
	session := s.roleSession(role, *in.RoleSessionName, duration)
	session.Policies, session.PolicyARNs, session.Limited = n.Policies, n.PolicyARNs, n.given()
	session.TransitiveTags, session.SourceIdentity = a.transitive, a.sourceIdentity
	putPrincipalTags(session.Context, a.tags)
	c, err := s.Credentials.Issue(session)
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleOutput{Credentials: apiCredentials(c), AssumedRoleUser: assumedRoleUser(session), PackedPolicySize: packed}
	if a.sourceIdentity != "" {
		out.SourceIdentity = new(a.sourceIdentity)
	}
	return out, nil
}

// denied is the refusal of an operation on a role. It reads the same whether
// the role does not trust the caller or does not exist.
func denied(caller *access.Caller, action, roleARN string) error {
	return access.Denied("User: " + caller.Principal.ARN + " is not authorized to perform: " + action + " on resource: " + roleARN)
}

func roleDuration(caller *access.Caller, role *access.Role, seconds *int) (time.Duration, error) {
	d := secondsOr(seconds, defaultRoleDuration)
	if d > role.MaxSession {
		return 0, validationError(errDuration)
	}
	if caller.Principal.Type == policy.AssumedRole && d > chainedDuration {
		return 0, validationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return d, nil
}

// roleSession is the session of a role, without what was passed to it.
func (s *Service) roleSession(role *access.Role, name string, d time.Duration) *credentials.Session {
	now := s.Now()
	return &credentials.Session{IssuedAt: now, ExpiresAt: now.Add(d), Context: policy.Context{}, Principal: policy.Principal{
		Type: policy.AssumedRole, Account: s.Account, ARN: "arn:aws:sts::" + s.Account + ":assumed-role/" + role.Name + "/" + name,
		ID: role.UniqueID + ":" + name, RoleARN: role.ARN, UniqueID: role.UniqueID,
	}}
}

func assumedRoleUser(session *credentials.Session) *sts.AssumedRoleUser {
	return &sts.AssumedRoleUser{AssumedRoleId: new(session.Principal.ID), Arn: new(session.Principal.ARN)}
}

// assumption is a request to become a role, with what a chain of roles brings
// along.
type assumption struct {
	caller *access.Caller
	role   *access.Role
	in     *sts.AssumeRoleInput

	tags           map[string]string // of the new session
	transitive     []string          // keys of those that go on to the next role
	sourceIdentity string
}

// inherit adds to the tags of the request those that the caller's session hands
// down, and its source identity (IAM user guide, "Passing session tags in AWS
// STS", Chaining roles with session tags).
func (a *assumption) inherit(tags map[string]string) error {
	a.tags, a.transitive, a.sourceIdentity = tags, nil, api.Value(a.in.SourceIdentity)
	for _, k := range a.in.TransitiveTagKeys {
		if !slices.ContainsFunc(a.in.Tags, func(t sts.Tag) bool { return strings.EqualFold(*t.Key, k) }) {
			return invalidParameter("The specified transitive tag key must be included in the requested tags.")
		}
		a.transitive = append(a.transitive, strings.ToLower(k))
	}
	session := a.caller.Session
	if session == nil {
		return nil
	}
	for _, k := range session.TransitiveTags {
		if slices.ContainsFunc(a.in.Tags, func(t sts.Tag) bool { return strings.EqualFold(*t.Key, k) }) {
			return invalidParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		if v := session.Context["aws:principaltag/"+k]; len(v) == 1 {
			a.tags[k] = v[0]
			a.transitive = append(a.transitive, k)
		}
	}
	if len(a.tags) > maxTags {
		return invalidParameter("The session would have more than 50 tags.")
	}
	if session.SourceIdentity != "" {
		if a.sourceIdentity != "" && a.sourceIdentity != session.SourceIdentity {
			return denied(a.caller, "sts:SetSourceIdentity", a.role.ARN)
		}
		a.sourceIdentity = session.SourceIdentity
	}
	return nil
}

// admit asks the role's trust policy, and where that only delegates the
// caller's own policies, about everything that the request wants.
func (s *Service) admit(ctx context.Context, a *assumption) error {
	c := policy.Context{"sts:rolesessionname": {*a.in.RoleSessionName}}
	for k, v := range a.role.Tags {
		c["aws:resourcetag/"+k] = []string{v}
		c["iam:resourcetag/"+k] = []string{v}
	}
	if a.in.ExternalId != nil {
		c["sts:externalid"] = []string{*a.in.ExternalId}
	}
	if a.sourceIdentity != "" {
		c["sts:sourceidentity"] = []string{a.sourceIdentity}
	}
	putTags(c, a.in.Tags)
	if len(a.in.TransitiveTagKeys) > 0 {
		c["sts:transitivetagkeys"] = a.in.TransitiveTagKeys
	}
	actions := []string{"sts:AssumeRole"}
	if len(a.in.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if a.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for _, action := range actions {
		check := access.Check{Action: action, Resource: a.role.ARN, Context: c}
		d, err := s.Access.DecideAssumeRole(ctx, a.caller, check, a.role.Trust)
		if err != nil {
			return err
		}
		switch {
		case d.Allowed:
		case d.Type == policy.TrustType && !d.Explicit:
			return denied(a.caller, action, a.role.ARN)
		default:
			return access.Denied(d.Message(&policy.Request{Principal: a.caller.Principal, Action: action, Resource: a.role.ARN}))
		}
	}
	return nil
}
