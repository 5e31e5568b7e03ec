package identitypool

import (
	"context"
	"errors"
	"slices"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/event"
	"gatehouse/internal/store"
)

// sessionName is the role session name of the enhanced flow.
const sessionName = "CognitoIdentityCredentials"

var errPoolRoles = &cognitoidentity.InvalidIdentityPoolConfigurationException{
	Message: "Invalid identity pool configuration. Check assigned IAM roles for this pool."}

// GetId finds the identity of the logins or makes one. Without logins it makes
// a new guest, if the pool has guests.
func (s *Service) GetId(ctx context.Context, in *cognitoidentity.GetIdInput) (*cognitoidentity.GetIdOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if in.AccountId != nil && *in.AccountId != s.Account {
		return nil, notAuthorized("Access to IdentityPool '" + p.id + "' is forbidden.")
	}
	logins, err := s.verify(ctx, p, in.Logins)
	if err != nil {
		return nil, err
	}
	i, err := s.resolve(ctx, p, "", logins)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetIdOutput{IdentityId: &i.ID}, nil
}

// actor is who a caller may act as, with what proved it.
type actor struct {
	pool     *identityPool
	identity *store.Identity
	web      *WebIdentity
	logins   []login
}

// act finds the pool of an identity id and the identity that the logins let
// the caller act as.
func (s *Service) act(ctx context.Context, identityID string, given map[string]api.Secret) (*actor, error) {
	i, p, err := s.identity(ctx, identityID)
	if err != nil {
		return nil, err
	}
	logins, err := s.verify(ctx, p, given)
	if err != nil {
		return nil, err
	}
	// Nearly always the identity is the caller's by every login, as it was just
	// read; the rest is for resolve.
	if !i.Enabled || !owns(i, logins) {
		if i, err = s.resolve(ctx, p, identityID, logins); err != nil {
			return nil, err
		}
	}
	id, err := p.web(i, logins)
	if err != nil {
		return nil, err
	}
	event.From(ctx).Set("identityId", i.ID)
	return &actor{p, i, id, logins}, nil
}

// web is what a token of an identity says that is proved by logins.
func (p *identityPool) web(i *store.Identity, logins []login) (*WebIdentity, error) {
	tags, err := p.principalTags(logins)
	if err != nil {
		return nil, err
	}
	id := &WebIdentity{PoolID: p.id, IdentityID: i.ID, AMR: []string{"unauthenticated"}, Tags: tags}
	if len(logins) > 0 {
		id.AMR = []string{"authenticated"}
		for _, l := range logins {
			id.AMR = append(id.AMR, l.amr...)
		}
	}
	return id, nil
}

// owns reports whether all logins, and at least one, are the identity's.
func owns(i *store.Identity, logins []login) bool {
	return len(logins) > 0 && !slices.ContainsFunc(logins, func(l login) bool { return !slices.Contains(i.Links, l.IdentityLink) })
}

// GetCredentialsForIdentity trades logins for temporary credentials of the
// pool's role: the enhanced flow.
func (s *Service) GetCredentialsForIdentity(ctx context.Context, in *cognitoidentity.GetCredentialsForIdentityInput) (*cognitoidentity.GetCredentialsForIdentityOutput, error) {
	act := s.act
	if _, ok := in.Logins[Provider]; ok {
		act = s.bearer
	}
	a, err := act(ctx, *in.IdentityId, in.Logins)
	if err != nil {
		return nil, err
	}
	role, err := a.role(api.Value(in.CustomRoleArn))
	if err != nil {
		return nil, err
	}
	var scope *ScopeDown
	if len(a.logins) == 0 {
		scope = &guestScope
	}
	c, err := s.assumer.AssumeRole(ctx, role, sessionName, a.web, scope)
	if errors.Is(err, ErrTrust) {
		return nil, errPoolRoles
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetCredentialsForIdentityOutput{IdentityId: &a.identity.ID, Credentials: &cognitoidentity.Credentials{
		AccessKeyId: &c.AccessKeyID, SecretKey: new(api.Secret(c.SecretKey)), SessionToken: &c.SessionToken, Expiration: api.At(c.Expiration)}}, nil
}

// GetOpenIdToken gives a token for STS: the classic flow.
func (s *Service) GetOpenIdToken(ctx context.Context, in *cognitoidentity.GetOpenIdTokenInput) (*cognitoidentity.GetOpenIdTokenOutput, error) {
	a, err := s.act(ctx, *in.IdentityId, in.Logins)
	if err != nil {
		return nil, err
	}
	if allowed := a.pool.settings.AllowClassicFlow; allowed != nil && !*allowed {
		return nil, invalid("Basic (classic) flow is not enabled, please use enhanced flow.")
	}
	// The caller of STS names the role: a mapping would be passed by.
	if len(a.pool.roles.RoleMappings) > 0 {
		return nil, invalid("Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.")
	}
	t, err := s.mint(ctx, a.web, openIDLife)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetOpenIdTokenOutput{IdentityId: &a.identity.ID, Token: new(api.Secret(t))}, nil
}
