package userpool

import (
	"context"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// ListUsers lists users that fit the filter, sixty a page at most.
func (s *Service) ListUsers(ctx context.Context, in *cognitoidp.ListUsersInput) (*cognitoidp.ListUsersOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	filter, err := parseFilter(p, api.Value(in.Filter))
	if err != nil {
		return nil, err
	}
	for _, name := range in.AttributesToGet {
		if !p.Schema.Has(name) {
			return nil, invalid("Invalid attribute to get: " + name)
		}
	}
	listing := strings.Join([]string{"ListUsers", p.ID, api.Value(in.Filter)}, "\x00")
	users, next, err := page(ctx, s, listing, in.PaginationToken, limit(in.Limit, 60),
		func(tx *store.Tx, from position, n int) ([]*store.User, error) {
			return store.Users(tx, p.ID, filter, from.Value, from.ID, n)
		},
		func(u *store.User) position { return position{Value: filter.Key(u), ID: u.Sub} })
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListUsersOutput{Users: []cognitoidp.UserType{}, PaginationToken: next}
	for _, u := range users {
		t := userType(u)
		if in.AttributesToGet != nil {
			t.Attributes = shown(u, func(name string) bool { return slices.Contains(in.AttributesToGet, name) })
		}
		out.Users = append(out.Users, *t)
	}
	return out, nil
}
