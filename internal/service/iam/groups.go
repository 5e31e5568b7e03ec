package iam

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

func (s *Service) group(e *store.IAMEntity) *iam.Group {
	return &iam.Group{GroupName: new(e.Name), GroupId: new(e.ID), Path: new(e.Path), Arn: new(s.arn(e)), CreateDate: api.At(e.CreatedAt)}
}

// CreateGroup makes a group without members or permissions.
func (s *Service) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	g := &store.IAMEntity{ID: newID("AGPA"), Kind: store.IAMGroup, Name: *in.GroupName, Path: cmp.Or(api.Value(in.Path), "/")}
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		g.CreatedAt = tx.Now
		return create(tx, g)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: s.group(g)}, nil
}

// GetGroup describes a group and lists its members by name.
func (s *Service) GetGroup(ctx context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	out := &iam.GetGroupOutput{}
	err := s.look(ctx, store.IAMGroup, in.GroupName, func(tx *store.Tx, g *store.IAMEntity) error {
		list, err := store.IAMGroupMembers(tx, g.ID, api.Value(in.Marker), pageSize(in.MaxItems)+1)
		out.Group = s.group(g)
		list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, entityKey)
		out.Users = mapped(list, func(e *store.IAMEntity) iam.User { return *s.user(e) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListGroups lists groups by name.
func (s *Service) ListGroups(ctx context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	list, err := s.entities(ctx, store.IAMGroup, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListGroupsOutput{}
	list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, entityKey)
	out.Groups = mapped(list, func(e *store.IAMEntity) iam.Group { return *s.group(e) })
	return out, nil
}

// ListGroupsForUser lists the groups that a user is in.
func (s *Service) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	out := &iam.ListGroupsForUserOutput{}
	err := s.look(ctx, store.IAMUser, in.UserName, func(tx *store.Tx, u *store.IAMEntity) error {
		list, err := store.IAMGroupsOfUser(tx, u.ID, api.Value(in.Marker), pageSize(in.MaxItems)+1)
		list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, entityKey)
		out.Groups = mapped(list, func(e *store.IAMEntity) iam.Group { return *s.group(e) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateGroup changes a group's name or path.
func (s *Service) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	return &iam.UpdateGroupOutput{}, s.change(ctx, store.IAMGroup, in.GroupName, func(tx *store.Tx, g *store.IAMEntity) error {
		return rename(tx, g, in.NewGroupName, in.NewPath)
	})
}

// DeleteGroup removes a group that has neither members nor policies left.
func (s *Service) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return &iam.DeleteGroupOutput{}, s.work(ctx, store.IAMGroup, in.GroupName, func(tx *store.Tx, g *store.IAMEntity) error {
		members, err := store.IAMGroupMembers(tx, g.ID, "", 1)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return deleteConflict("must remove users from group first.")
		}
		if err := deletable(tx, g); err != nil {
			return err
		}
		return store.DeleteIAMEntity(tx, g.ID)
	})
}

// AddUserToGroup gives a user what the group may do.
func (s *Service) AddUserToGroup(ctx context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	return &iam.AddUserToGroupOutput{}, s.work(ctx, store.IAMGroup, in.GroupName, func(tx *store.Tx, g *store.IAMEntity) error {
		u, err := entity(tx, store.IAMUser, *in.UserName)
		if err != nil {
			return err
		}
		groups, err := store.IAMGroupsOfUser(tx, u.ID, "", maxGroupsPerUser)
		if err != nil {
			return err
		}
		for _, have := range groups {
			if have.ID == g.ID {
				return nil
			}
		}
		if len(groups) >= maxGroupsPerUser {
			return limitExceeded("Cannot exceed quota for GroupsPerUser: " + strconv.Itoa(maxGroupsPerUser))
		}
		return store.AddIAMGroupMember(tx, g.ID, u.ID)
	})
}

// RemoveUserFromGroup takes it away again.
func (s *Service) RemoveUserFromGroup(ctx context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	return &iam.RemoveUserFromGroupOutput{}, s.work(ctx, store.IAMGroup, in.GroupName, func(tx *store.Tx, g *store.IAMEntity) error {
		u, err := entity(tx, store.IAMUser, *in.UserName)
		if err != nil {
			return err
		}
		err = store.RemoveIAMGroupMember(tx, g.ID, u.ID)
		if errors.Is(err, store.ErrNotFound) {
			return notFound("user", *in.UserName)
		}
		return err
	})
}
