package identitypool

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// CreateIdentityPool makes a pool.
func (s *Service) CreateIdentityPool(ctx context.Context, in *cognitoidentity.CreateIdentityPoolInput) (*cognitoidentity.CreateIdentityPoolOutput, error) {
	if err := checkSettings(in); err != nil {
		return nil, err
	}
	row := &store.IdentityPool{ID: s.Region + ":" + uuid.NewString(), Name: *in.IdentityPoolName, Roles: "{}", CreatedAt: s.Now(), UpdatedAt: s.Now()}
	if err := s.writePool(ctx, row, in); err != nil {
		return nil, err
	}
	return describe[cognitoidentity.CreateIdentityPoolOutput](row.ID, in), nil
}

func checkSettings(in *settings) error {
	seen := map[string]bool{}
	for _, p := range in.CognitoIdentityProviders {
		if p.ProviderName == nil || p.ClientId == nil {
			return invalid("Cognito identity providers need a ProviderName and a ClientId.")
		}
		if _, ok := userPoolOf(*p.ProviderName); !ok {
			return invalid("Invalid Cognito Identity Provider: " + *p.ProviderName)
		}
		if key := *p.ProviderName + "\x00" + *p.ClientId; seen[key] {
			return invalid("Duplicate Cognito identity provider " + *p.ProviderName)
		} else {
			seen[key] = true
		}
	}
	if len(in.CognitoIdentityProviders) > 50 {
		return &cognitoidentity.LimitExceededException{Message: "An identity pool can have at most 50 user pool providers."}
	}
	return nil
}

// userPoolOf is the pool id in a provider name
// cognito-idp.<region>.amazonaws.com/<poolId>.
func userPoolOf(provider string) (string, bool) {
	host, id, ok := strings.Cut(provider, "/")
	region, tail, ok2 := strings.Cut(strings.TrimPrefix(host, "cognito-idp."), ".")
	return id, ok && ok2 && strings.HasPrefix(host, "cognito-idp.") && tail == "amazonaws.com" && strings.HasPrefix(id, region+"_")
}

func (s *Service) writePool(ctx context.Context, row *store.IdentityPool, in *settings) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	row.Settings = string(text)
	return s.DB.Write(ctx, func(tx *store.Tx) error { return store.PutIdentityPool(tx, row) })
}

// poolOutput is any of the outputs that show a whole pool; their members are
// the same.
type poolOutput interface {
	cognitoidentity.CreateIdentityPoolOutput | cognitoidentity.UpdateIdentityPoolOutput | cognitoidentity.DescribeIdentityPoolOutput
}

func describe[T poolOutput](id string, in *settings) *T {
	return &T{IdentityPoolId: &id, IdentityPoolName: in.IdentityPoolName, AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities,
		AllowClassicFlow: in.AllowClassicFlow, SupportedLoginProviders: in.SupportedLoginProviders, DeveloperProviderName: in.DeveloperProviderName,
		OpenIdConnectProviderARNs: in.OpenIdConnectProviderARNs, CognitoIdentityProviders: in.CognitoIdentityProviders,
		SamlProviderARNs: in.SamlProviderARNs, IdentityPoolTags: in.IdentityPoolTags}
}

// DescribeIdentityPool shows a pool.
func (s *Service) DescribeIdentityPool(ctx context.Context, in *cognitoidentity.DescribeIdentityPoolInput) (*cognitoidentity.DescribeIdentityPoolOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	return describe[cognitoidentity.DescribeIdentityPoolOutput](p.id, p.settings), nil
}

// UpdateIdentityPool replaces a pool's settings: what is not given is gone,
// but for the developer provider's name, which never changes once set.
func (s *Service) UpdateIdentityPool(ctx context.Context, in *cognitoidentity.UpdateIdentityPoolInput) (*cognitoidentity.UpdateIdentityPoolOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if old := p.settings.DeveloperProviderName; old != nil {
		if in.DeveloperProviderName != nil && *in.DeveloperProviderName != *old {
			return nil, invalid("The developer provider name cannot be changed once it is set.")
		}
		in.DeveloperProviderName = old
	}
	next := &settings{IdentityPoolName: in.IdentityPoolName, AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities,
		AllowClassicFlow: in.AllowClassicFlow, SupportedLoginProviders: in.SupportedLoginProviders, DeveloperProviderName: in.DeveloperProviderName,
		OpenIdConnectProviderARNs: in.OpenIdConnectProviderARNs, CognitoIdentityProviders: in.CognitoIdentityProviders,
		SamlProviderARNs: in.SamlProviderARNs, IdentityPoolTags: in.IdentityPoolTags}
	if err := checkSettings(next); err != nil {
		return nil, err
	}
	row := *p.row
	row.Name, row.UpdatedAt = *in.IdentityPoolName, s.Now()
	if err := s.writePool(ctx, &row, next); err != nil {
		return nil, err
	}
	return describe[cognitoidentity.UpdateIdentityPoolOutput](p.id, next), nil
}

// DeleteIdentityPool removes a pool and its identities.
func (s *Service) DeleteIdentityPool(ctx context.Context, in *cognitoidentity.DeleteIdentityPoolInput) (*cognitoidentity.DeleteIdentityPoolOutput, error) {
	err := s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteIdentityPool(tx, *in.IdentityPoolId) })
	if errors.Is(err, store.ErrNotFound) {
		err = poolNotFound(*in.IdentityPoolId)
	}
	return &cognitoidentity.DeleteIdentityPoolOutput{}, err
}

const pagePurpose = "identity page token"

// ListIdentityPools lists pools by id.
func (s *Service) ListIdentityPools(ctx context.Context, in *cognitoidentity.ListIdentityPoolsInput) (*cognitoidentity.ListIdentityPoolsOutput, error) {
	after := ""
	if in.NextToken != nil {
		b, err := s.Ring.OpenToken(pagePurpose, "ListIdentityPools", *in.NextToken)
		if err != nil {
			return nil, invalid("Invalid NextToken")
		}
		after = string(b)
	}
	n := *in.MaxResults
	var rows []store.IdentityPool
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		rows, err = store.IdentityPools(tx, after, n+1)
		return err
	}); err != nil {
		return nil, err
	}
	out := &cognitoidentity.ListIdentityPoolsOutput{IdentityPools: []cognitoidentity.IdentityPoolShortDescription{}}
	if len(rows) > n {
		rows = rows[:n]
		out.NextToken = new(s.Ring.SealToken(pagePurpose, "ListIdentityPools", []byte(rows[n-1].ID)))
	}
	for _, r := range rows {
		out.IdentityPools = append(out.IdentityPools, cognitoidentity.IdentityPoolShortDescription{IdentityPoolId: new(r.ID), IdentityPoolName: new(r.Name)})
	}
	return out, nil
}

// SetIdentityPoolRoles replaces the roles of a pool. The caller must be
// allowed to pass each of them.
func (s *Service) SetIdentityPoolRoles(ctx context.Context, in *cognitoidentity.SetIdentityPoolRolesInput) (*cognitoidentity.SetIdentityPoolRolesOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if len(in.RoleMappings) > 0 {
		return nil, invalid("RoleMappings are not available: this version of the server gives each identity its pool's default role.")
	}
	for kind, arn := range in.Roles {
		if kind != "authenticated" && kind != "unauthenticated" {
			return nil, invalid("Invalid role type " + kind + ": it must be authenticated or unauthenticated.")
		}
		err := access.Require(ctx, s.Access, access.FromContext(ctx), access.Check{Action: "iam:PassRole", Resource: arn,
			Context: policy.Context{"iam:passedtoservice": {"cognito-identity.amazonaws.com"}}})
		var denied *access.Error
		if errors.As(err, &denied) {
			return nil, notAuthorized("Access to Role '" + arn + "' is forbidden.")
		}
		if err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(&roles{Roles: in.Roles})
	if err != nil {
		return nil, err
	}
	row := *p.row
	row.Roles, row.UpdatedAt = string(text), s.Now()
	err = s.DB.Write(ctx, func(tx *store.Tx) error { return store.PutIdentityPool(tx, &row) })
	return &cognitoidentity.SetIdentityPoolRolesOutput{}, err
}

// GetIdentityPoolRoles shows the roles of a pool.
func (s *Service) GetIdentityPoolRoles(ctx context.Context, in *cognitoidentity.GetIdentityPoolRolesInput) (*cognitoidentity.GetIdentityPoolRolesOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetIdentityPoolRolesOutput{IdentityPoolId: &p.id, Roles: p.roles.Roles}, nil
}

// allowsGuests reports whether a pool has unauthenticated identities.
func (p *identityPool) allowsGuests() bool {
	return api.Value(p.settings.AllowUnauthenticatedIdentities)
}
