package identitypool

import (
	"context"
	"errors"
	"slices"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/store"
)

// described is an identity as administrators see it: the providers of its
// logins, never who somebody is there.
func described(i *store.Identity) cognitoidentity.IdentityDescription {
	var providers []string
	for _, l := range i.Links {
		providers = append(providers, l.Provider)
	}
	slices.Sort(providers)
	return cognitoidentity.IdentityDescription{IdentityId: &i.ID, Logins: slices.Compact(providers), CreationDate: api.At(i.CreatedAt), LastModifiedDate: api.At(i.Updated)}
}

// DescribeIdentity shows an identity.
func (s *Service) DescribeIdentity(ctx context.Context, in *cognitoidentity.DescribeIdentityInput) (*cognitoidentity.DescribeIdentityOutput, error) {
	var i *store.Identity
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		i, err = store.IdentityByID(tx, *in.IdentityId)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, identityNotFound(*in.IdentityId)
	}
	if err != nil {
		return nil, err
	}
	d := described(i)
	return &cognitoidentity.DescribeIdentityOutput{IdentityId: d.IdentityId, Logins: d.Logins, CreationDate: d.CreationDate, LastModifiedDate: d.LastModifiedDate}, nil
}

// ListIdentities lists the identities of a pool by id.
func (s *Service) ListIdentities(ctx context.Context, in *cognitoidentity.ListIdentitiesInput) (*cognitoidentity.ListIdentitiesOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	list := "ListIdentities " + p.id
	after, err := s.pageAfter(list, in.NextToken)
	if err != nil {
		return nil, err
	}
	n := *in.MaxResults
	var rows []*store.Identity
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		rows, err = store.Identities(tx, p.id, after, n+1, api.Value(in.HideDisabled))
		return err
	}); err != nil {
		return nil, err
	}
	out := &cognitoidentity.ListIdentitiesOutput{IdentityPoolId: &p.id, Identities: []cognitoidentity.IdentityDescription{}}
	if len(rows) > n {
		rows = rows[:n]
		out.NextToken = s.nextPage(list, rows[n-1].ID)
	}
	for _, i := range rows {
		out.Identities = append(out.Identities, described(i))
	}
	return out, nil
}

// DeleteIdentities removes identities. What was given to them goes on until it
// expires; the next sign-in is a new identity.
func (s *Service) DeleteIdentities(ctx context.Context, in *cognitoidentity.DeleteIdentitiesInput) (*cognitoidentity.DeleteIdentitiesOutput, error) {
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, id := range in.IdentityIdsToDelete {
			if err := store.DeleteIdentity(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	return &cognitoidentity.DeleteIdentitiesOutput{UnprocessedIdentityIds: []cognitoidentity.UnprocessedIdentityId{}}, err
}

// UnlinkIdentity takes logins from an identity of which the caller shows at
// least one. Nothing is linked or merged on the way.
func (s *Service) UnlinkIdentity(ctx context.Context, in *cognitoidentity.UnlinkIdentityInput) (*cognitoidentity.UnlinkIdentityOutput, error) {
	if len(in.Logins) == 0 || len(in.LoginsToRemove) == 0 {
		return nil, invalid("Please provide valid Logins and LoginsToRemove.")
	}
	p, err := s.poolOf(ctx, *in.IdentityId)
	if err != nil {
		return nil, err
	}
	logins, err := s.verify(ctx, p, in.Logins)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.UnlinkIdentityOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		i, err := inPool(tx, p, *in.IdentityId)
		if err != nil {
			return err
		}
		if !i.Enabled {
			return forbidden(i.ID)
		}
		if !owns(i, logins) {
			return errLogins
		}
		for _, provider := range in.LoginsToRemove {
			n := slices.IndexFunc(i.Links, func(l store.IdentityLink) bool { return l.Provider == provider })
			if n < 0 || provider == p.developer() {
				return invalid("The identity has no login of " + provider + " to remove.")
			}
			if err := unlink(tx, i, i.Links[n]); err != nil {
				return err
			}
		}
		return nil
	})
}

// poolOf is the pool of an identity, or a ResourceNotFoundException.
func (s *Service) poolOf(ctx context.Context, identityID string) (*identityPool, error) {
	_, p, err := s.identity(ctx, identityID)
	return p, err
}

// identity is an identity with its pool, or a ResourceNotFoundException.
func (s *Service) identity(ctx context.Context, id string) (i *store.Identity, p *identityPool, err error) {
	err = s.DB.ReadOne(ctx, func(tx *store.Tx) error {
		i, err = store.IdentityByID(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, identityNotFound(id)
	}
	if err != nil {
		return nil, nil, err
	}
	p, err = s.pool(ctx, i.PoolID)
	return i, p, err
}
