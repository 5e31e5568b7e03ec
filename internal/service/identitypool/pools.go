package identitypool

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/store"
)

// CreateIdentityPool makes a pool.
func (s *Service) CreateIdentityPool(ctx context.Context, in *cognitoidentity.CreateIdentityPoolInput) (*cognitoidentity.CreateIdentityPoolOutput, error) {
	if err := s.checkSettings(ctx, in); err != nil {
		return nil, err
	}
	p := &identityPool{id: s.Region + ":" + uuid.NewString(), settings: in, roles: &roles{}}
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		p.row = &store.IdentityPool{ID: p.id, CreatedAt: tx.Now}
		return p.put(tx)
	})
	return describe[cognitoidentity.CreateIdentityPoolOutput](p.id, in), err
}

func (s *Service) checkSettings(ctx context.Context, in *settings) error {
	if err := checkTags(in.IdentityPoolTags); err != nil {
		return err
	}
	if err := checkDeveloper(in); err != nil {
		return err
	}
	if err := s.checkProviders(ctx, in); err != nil {
		return err
	}
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

// checkDeveloper refuses a developer provider of another provider's name: the
// developer's users are kept beside the logins of others, under that name.
func checkDeveloper(in *settings) error {
	if in.DeveloperProviderName == nil {
		return nil
	}
	name := *in.DeveloperProviderName
	_, taken := in.SupportedLoginProviders[name]
	taken = taken || name == Provider || slices.ContainsFunc(in.OpenIdConnectProviderARNs, func(arn string) bool { return oidcKey(arn) == name })
	if taken {
		return invalid("The developer provider name " + name + " is another provider's.")
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

// put writes a pool.
func (p *identityPool) put(tx *store.Tx) error {
	settings, err := json.Marshal(p.settings)
	if err != nil {
		return err
	}
	roles, err := json.Marshal(p.roles)
	if err != nil {
		return err
	}
	p.row.Name, p.row.Settings, p.row.Roles, p.row.UpdatedAt = *p.settings.IdentityPoolName, string(settings), string(roles), tx.Now
	return store.PutIdentityPool(tx, p.row)
}

// change reads a pool, changes it and writes it back, in one transaction: of
// two changes at once none is lost.
func (s *Service) change(ctx context.Context, id string, fn func(p *identityPool) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := store.IdentityPoolByID(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return poolNotFound(id)
		}
		if err != nil {
			return err
		}
		p, err := fromRow(row)
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		return p.put(tx)
	})
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
	next := &settings{IdentityPoolName: in.IdentityPoolName, AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities,
		AllowClassicFlow: in.AllowClassicFlow, SupportedLoginProviders: in.SupportedLoginProviders, DeveloperProviderName: in.DeveloperProviderName,
		OpenIdConnectProviderARNs: in.OpenIdConnectProviderARNs, CognitoIdentityProviders: in.CognitoIdentityProviders,
		SamlProviderARNs: in.SamlProviderARNs, IdentityPoolTags: in.IdentityPoolTags}
	if err := s.checkSettings(ctx, next); err != nil {
		return nil, err
	}
	err := s.change(ctx, *in.IdentityPoolId, func(p *identityPool) error {
		if old := p.settings.DeveloperProviderName; old != nil {
			if in.DeveloperProviderName != nil && *in.DeveloperProviderName != *old {
				return invalid("The developer provider name cannot be changed once it is set.")
			}
			next.DeveloperProviderName = old
		}
		p.settings = next
		return checkDeveloper(next)
	})
	if err != nil {
		return nil, err
	}
	return describe[cognitoidentity.UpdateIdentityPoolOutput](*in.IdentityPoolId, next), nil
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

// pageAfter is where a page of a list begins: after the last one of the page
// before. list names the list, so that no other takes its tokens.
func (s *Service) pageAfter(list string, token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	b, err := s.Ring.OpenToken(pagePurpose, list, *token)
	if err != nil {
		return "", invalid("Invalid NextToken")
	}
	return string(b), nil
}

func (s *Service) nextPage(list, last string) *string {
	return new(s.Ring.SealToken(pagePurpose, list, []byte(last)))
}

// ListIdentityPools lists pools by id.
func (s *Service) ListIdentityPools(ctx context.Context, in *cognitoidentity.ListIdentityPoolsInput) (*cognitoidentity.ListIdentityPoolsOutput, error) {
	const list = "ListIdentityPools"
	after, err := s.pageAfter(list, in.NextToken)
	if err != nil {
		return nil, err
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
		out.NextToken = s.nextPage(list, rows[n-1].ID)
	}
	for _, r := range rows {
		out.IdentityPools = append(out.IdentityPools, cognitoidentity.IdentityPoolShortDescription{IdentityPoolId: new(r.ID), IdentityPoolName: new(r.Name)})
	}
	return out, nil
}

// allowsGuests reports whether a pool has unauthenticated identities.
func (p *identityPool) allowsGuests() bool {
	return api.Value(p.settings.AllowUnauthenticatedIdentities)
}
