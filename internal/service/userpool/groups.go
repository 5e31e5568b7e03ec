package userpool

import (
	"context"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

var errGroupNotFound = &cognitoidp.ResourceNotFoundException{Message: "Group not found."}

// maxGroups is how many groups a pool can have (user-pools.md, section 12).
const maxGroups = 10_000

func groupType(g *store.Group) *cognitoidp.GroupType {
	t := &cognitoidp.GroupType{GroupName: &g.Name, UserPoolId: &g.PoolID, Precedence: g.Precedence,
		CreationDate: api.At(g.CreatedAt), LastModifiedDate: api.At(g.UpdatedAt)}
	if g.Description != "" {
		t.Description = &g.Description
	}
	if g.RoleARN != "" {
		t.RoleArn = &g.RoleARN
	}
	return t
}

// passRole refuses callers who may not pass a role to user pools: whoever sets
// a group's role gives it to the group's members.
func (s *Service) passRole(ctx context.Context, arn string) error {
	if arn == "" {
		return nil
	}
	err := access.Require(ctx, s.Access, access.FromContext(ctx), access.Check{Action: "iam:PassRole", Resource: arn,
		Context: policy.Context{"iam:passedtoservice": {"cognito-idp.amazonaws.com"}}})
	var denied *access.Error
	if errors.As(err, &denied) {
		return notAuthorized(denied.Message)
	}
	return err
}

// CreateGroup makes a group.
func (s *Service) CreateGroup(ctx context.Context, in *cognitoidp.CreateGroupInput) (*cognitoidp.CreateGroupOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := s.passRole(ctx, api.Value(in.RoleArn)); err != nil {
		return nil, err
	}
	g := &store.Group{PoolID: p.ID, Name: *in.GroupName, Description: api.Value(in.Description), RoleARN: api.Value(in.RoleArn),
		Precedence: in.Precedence, CreatedAt: s.Now(), UpdatedAt: s.Now()}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		n, err := store.CountGroups(tx, p.ID)
		if err != nil {
			return err
		}
		if n >= maxGroups {
			return &cognitoidp.LimitExceededException{Message: "A user pool can have at most 10000 groups."}
		}
		return store.InsertGroup(tx, g)
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, &cognitoidp.GroupExistsException{Message: "A group with the name already exists."}
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.CreateGroupOutput{Group: groupType(g)}, nil
}

// group reads a group of a pool.
func (s *Service) group(ctx context.Context, poolID, name string) (g *store.Group, err error) {
	if _, err := s.Pools.Pool(ctx, poolID); err != nil {
		return nil, err
	}
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		g, err = store.GroupByName(tx, poolID, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = errGroupNotFound
	}
	return g, err
}

// GetGroup shows a group.
func (s *Service) GetGroup(ctx context.Context, in *cognitoidp.GetGroupInput) (*cognitoidp.GetGroupOutput, error) {
	g, err := s.group(ctx, *in.UserPoolId, *in.GroupName)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.GetGroupOutput{Group: groupType(g)}, nil
}

// UpdateGroup changes what is given and leaves the rest.
func (s *Service) UpdateGroup(ctx context.Context, in *cognitoidp.UpdateGroupInput) (*cognitoidp.UpdateGroupOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	if err := s.passRole(ctx, api.Value(in.RoleArn)); err != nil {
		return nil, err
	}
	var g *store.Group
	err := s.DB.Write(ctx, func(tx *store.Tx) (err error) {
		if g, err = store.GroupByName(tx, *in.UserPoolId, *in.GroupName); err != nil {
			return err
		}
		if in.Description != nil {
			g.Description = *in.Description
		}
		if in.RoleArn != nil {
			g.RoleARN = *in.RoleArn
		}
		if in.Precedence != nil {
			g.Precedence = in.Precedence
		}
		g.UpdatedAt = tx.Now
		return store.UpdateGroup(tx, g)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errGroupNotFound
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.UpdateGroupOutput{Group: groupType(g)}, nil
}

// DeleteGroup removes a group. Its members lose it with their next tokens.
func (s *Service) DeleteGroup(ctx context.Context, in *cognitoidp.DeleteGroupInput) (*cognitoidp.DeleteGroupOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	err := s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteGroup(tx, *in.UserPoolId, *in.GroupName) })
	if errors.Is(err, store.ErrNotFound) {
		err = errGroupNotFound
	}
	return &cognitoidp.DeleteGroupOutput{}, err
}

// ListGroups lists a pool's groups by name.
func (s *Service) ListGroups(ctx context.Context, in *cognitoidp.ListGroupsInput) (*cognitoidp.ListGroupsOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	list, next, err := page(ctx, s, "ListGroups/"+p.ID, in.NextToken, limit(in.Limit, 60),
		func(tx *store.Tx, from position, n int) ([]*store.Group, error) {
			return store.Groups(tx, p.ID, from.ID, n)
		},
		func(g *store.Group) position { return position{ID: g.Name} })
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ListGroupsOutput{Groups: groupTypes(list), NextToken: next}, nil
}

func groupTypes(list []*store.Group) []cognitoidp.GroupType {
	out := make([]cognitoidp.GroupType, 0, len(list))
	for _, g := range list {
		out = append(out, *groupType(g))
	}
	return out
}

// member finds a group and a user of one pool, inside a transaction.
func member(tx *store.Tx, p *pool.Pool, group, username string) (*store.User, error) {
	if _, err := store.GroupByName(tx, p.ID, group); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, errGroupNotFound
		}
		return nil, err
	}
	u, err := p.FindUser(tx, username)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errUserNotFound
	}
	return u, err
}

// AdminAddUserToGroup makes a user a member. Twice is no error.
func (s *Service) AdminAddUserToGroup(ctx context.Context, in *cognitoidp.AdminAddUserToGroupInput) (*cognitoidp.AdminAddUserToGroupOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := member(tx, p, *in.GroupName, string(*in.Username))
		if err != nil {
			return err
		}
		if err := store.AddToGroup(tx, p.ID, *in.GroupName, u.Sub); err != nil {
			return err
		}
		list, err := store.GroupsOfUser(tx, p.ID, u.Sub, "", pool.MaxGroups+1)
		if err == nil && len(list) > pool.MaxGroups {
			err = &cognitoidp.LimitExceededException{Message: "A user can be in at most 100 groups."}
		}
		return err
	})
	return &cognitoidp.AdminAddUserToGroupOutput{}, err
}

// AdminRemoveUserFromGroup ends a membership.
func (s *Service) AdminRemoveUserFromGroup(ctx context.Context, in *cognitoidp.AdminRemoveUserFromGroupInput) (*cognitoidp.AdminRemoveUserFromGroupOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := member(tx, p, *in.GroupName, string(*in.Username))
		if err != nil {
			return err
		}
		return store.RemoveFromGroup(tx, p.ID, *in.GroupName, u.Sub)
	})
	return &cognitoidp.AdminRemoveUserFromGroupOutput{}, err
}

// AdminListGroupsForUser lists a user's groups by name.
func (s *Service) AdminListGroupsForUser(ctx context.Context, in *cognitoidp.AdminListGroupsForUserInput) (*cognitoidp.AdminListGroupsForUserOutput, error) {
	p, u, err := s.findUser(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, err
	}
	list, next, err := page(ctx, s, "AdminListGroupsForUser/"+p.ID+"/"+u.Sub, in.NextToken, limit(in.Limit, 60),
		func(tx *store.Tx, from position, n int) ([]*store.Group, error) {
			return store.GroupsOfUser(tx, p.ID, u.Sub, from.ID, n)
		},
		func(g *store.Group) position { return position{ID: g.Name} })
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminListGroupsForUserOutput{Groups: groupTypes(list), NextToken: next}, nil
}

// ListUsersInGroup lists a group's members.
func (s *Service) ListUsersInGroup(ctx context.Context, in *cognitoidp.ListUsersInGroupInput) (*cognitoidp.ListUsersInGroupOutput, error) {
	g, err := s.group(ctx, *in.UserPoolId, *in.GroupName)
	if err != nil {
		return nil, err
	}
	list, next, err := page(ctx, s, "ListUsersInGroup/"+g.PoolID+"/"+g.Name, in.NextToken, limit(in.Limit, 60),
		func(tx *store.Tx, from position, n int) ([]*store.User, error) {
			return store.UsersInGroup(tx, g.PoolID, g.Name, from.ID, n)
		},
		func(u *store.User) position { return position{ID: u.Sub} })
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListUsersInGroupOutput{Users: []cognitoidp.UserType{}, NextToken: next}
	for _, u := range list {
		out.Users = append(out.Users, *userType(u))
	}
	return out, nil
}
