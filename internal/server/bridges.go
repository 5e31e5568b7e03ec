package server

import (
	"context"
	"errors"
	"time"

	apists "gatehouse/internal/api/sts"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/service/identitypool"
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

// verifier lets STS verify the tokens of identity pools.
type verifier struct{ identities *identitypool.Service }

func (v verifier) Verify(ctx context.Context, text string) (*sts.WebIdentity, error) {
	issuer, err := identitypool.Issuer(text)
	if err != nil {
		return nil, &sts.TokenError{Fault: sts.TokenInvalid, Cause: err}
	}
	if issuer != v.identities.Issuer {
		return nil, &sts.TokenError{Fault: sts.TokenIssuer, Issuer: issuer}
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
