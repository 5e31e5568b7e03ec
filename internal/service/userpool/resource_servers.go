package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// maxResourceServers is how many a pool can have (user-pools.md, section 12).
const maxResourceServers = 25

func noResourceServer(identifier string) error {
	return notFound("Resource server " + identifier + " does not exist.")
}

func resourceServer(r *store.PoolRecord) (*cognitoidp.ResourceServerType, error) {
	t := &cognitoidp.ResourceServerType{}
	err := json.Unmarshal([]byte(r.Body), t)
	t.UserPoolId, t.Identifier = &r.PoolID, &r.ID
	return t, err
}

// checkScopes refuses a scope that is listed twice: two descriptions of one
// scope would contradict each other.
func checkScopes(scopes []cognitoidp.ResourceServerScopeType) error {
	for i, s := range scopes {
		if slices.ContainsFunc(scopes[:i], func(o cognitoidp.ResourceServerScopeType) bool { return *o.ScopeName == *s.ScopeName }) {
			return invalid("Scope " + *s.ScopeName + " is given more than once.")
		}
	}
	return nil
}

// CreateResourceServer makes a resource server with its scopes.
func (s *Service) CreateResourceServer(ctx context.Context, in *cognitoidp.CreateResourceServerInput) (*cognitoidp.CreateResourceServerOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	if err := checkScopes(in.Scopes); err != nil {
		return nil, err
	}
	r := &store.PoolRecord{PoolID: *in.UserPoolId, Kind: kindResourceServer, ID: *in.Identifier,
		Body: body(cognitoidp.ResourceServerType{Name: in.Name, Scopes: in.Scopes}), CreatedAt: s.Now(), UpdatedAt: s.Now()}
	err := s.inPool(ctx, r.PoolID, func(tx *store.Tx, _ *pool.Pool) error {
		if err := store.InsertPoolRecord(tx, r); err != nil {
			return err
		}
		n, err := store.CountPoolRecords(tx, r.PoolID, r.Kind)
		if err == nil && n > maxResourceServers {
			err = &cognitoidp.LimitExceededException{Message: "A user pool can have at most 25 resource servers."}
		}
		return err
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, invalid(r.ID + " already exists in user pool " + r.PoolID + ".")
	}
	if err != nil {
		return nil, err
	}
	t, err := resourceServer(r)
	return &cognitoidp.CreateResourceServerOutput{ResourceServer: t}, err
}

// DescribeResourceServer shows a resource server.
func (s *Service) DescribeResourceServer(ctx context.Context, in *cognitoidp.DescribeResourceServerInput) (*cognitoidp.DescribeResourceServerOutput, error) {
	r, err := s.record(ctx, *in.UserPoolId, kindResourceServer, *in.Identifier, noResourceServer(*in.Identifier))
	if err != nil {
		return nil, err
	}
	t, err := resourceServer(r)
	return &cognitoidp.DescribeResourceServerOutput{ResourceServer: t}, err
}

// UpdateResourceServer replaces name and scopes; scopes that are not given are
// none. A client that lists a scope that is gone keeps the name, and its tokens
// do without it.
func (s *Service) UpdateResourceServer(ctx context.Context, in *cognitoidp.UpdateResourceServerInput) (*cognitoidp.UpdateResourceServerOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	if err := checkScopes(in.Scopes); err != nil {
		return nil, err
	}
	var r *store.PoolRecord
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) (err error) {
		if r, err = store.PoolRecordByID(tx, p.ID, kindResourceServer, *in.Identifier); err != nil {
			return err
		}
		r.Body, r.UpdatedAt = body(cognitoidp.ResourceServerType{Name: in.Name, Scopes: in.Scopes}), tx.Now
		return store.PutPoolRecord(tx, r)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noResourceServer(*in.Identifier)
	}
	if err != nil {
		return nil, err
	}
	t, err := resourceServer(r)
	return &cognitoidp.UpdateResourceServerOutput{ResourceServer: t}, err
}

// DeleteResourceServer removes a resource server.
func (s *Service) DeleteResourceServer(ctx context.Context, in *cognitoidp.DeleteResourceServerInput) (*cognitoidp.DeleteResourceServerOutput, error) {
	return &cognitoidp.DeleteResourceServerOutput{}, s.deleteRecord(ctx, *in.UserPoolId, kindResourceServer, *in.Identifier, noResourceServer(*in.Identifier))
}

// ListResourceServers lists a pool's resource servers by identifier.
func (s *Service) ListResourceServers(ctx context.Context, in *cognitoidp.ListResourceServersInput) (*cognitoidp.ListResourceServersOutput, error) {
	list, next, err := s.records(ctx, "ListResourceServers", *in.UserPoolId, kindResourceServer, in.NextToken, limit(in.MaxResults, 50))
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListResourceServersOutput{ResourceServers: []cognitoidp.ResourceServerType{}, NextToken: next}
	for _, r := range list {
		t, err := resourceServer(r)
		if err != nil {
			return nil, err
		}
		out.ResourceServers = append(out.ResourceServers, *t)
	}
	return out, nil
}

// checkReferences refuses a client that names scopes or identity providers
// which its pool does not have.
func checkReferences(tx *store.Tx, poolID string, c *cognitoidp.UserPoolClientType) error {
	for _, scope := range c.AllowedOAuthScopes {
		if slices.Contains(pool.StandardScopes, scope) {
			continue
		}
		known, err := pool.HasScope(tx, poolID, scope)
		if err != nil {
			return err
		}
		if !known {
			return &cognitoidp.ScopeDoesNotExistException{Message: "Invalid scope requested: " + scope}
		}
	}
	for _, name := range c.SupportedIdentityProviders {
		if name == nativeProvider {
			continue
		}
		_, err := store.PoolRecordByID(tx, poolID, kindProvider, name)
		if errors.Is(err, store.ErrNotFound) {
			return invalid("The provider " + name + " does not exist for User Pool " + poolID + ".")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
