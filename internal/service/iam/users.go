package iam

import (
	"cmp"
	"context"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

func (s *Service) user(e *store.IAMEntity) *iam.User {
	return &iam.User{UserName: new(e.Name), UserId: new(e.ID), Path: new(e.Path), Arn: new(s.arn(e)), CreateDate: api.At(e.CreatedAt),
		PermissionsBoundary: boundaryOf(e)}
}

// CreateUser makes a user without any permission.
func (s *Service) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	u := &store.IAMEntity{ID: newID("AIDA"), Kind: store.IAMUser, Name: *in.UserName, Path: cmp.Or(api.Value(in.Path), "/"), Tags: tags}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		u.CreatedAt, u.Boundary = tx.Now, ""
		if err := s.setBoundary(tx, u, in.PermissionsBoundary); err != nil {
			return err
		}
		return create(tx, u)
	})
	if err != nil {
		return nil, err
	}
	out := s.user(u)
	out.Tags = apiTags(u.Tags)
	return &iam.CreateUserOutput{User: out}, nil
}

// GetUser describes a user, or the caller when it names nobody.
func (s *Service) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	out := &iam.GetUserOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		u, err := s.userOrCaller(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		if u == nil { // the root user has no name and no path
			keys, err := store.IAMAccessKeys(tx, store.RootOwner)
			if err != nil {
				return err
			}
			out.User = &iam.User{UserId: new(s.Account), Arn: new(s.rootARN())}
			if len(keys) > 0 {
				out.User.CreateDate = api.At(keys[0].CreatedAt)
			}
			return nil
		}
		out.User = s.user(u)
		if len(u.Tags) > 0 {
			out.User.Tags = apiTags(u.Tags)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// userOrCaller is the user of a name, or the calling user for none; nil for the
// root user.
func (s *Service) userOrCaller(ctx context.Context, tx *store.Tx, name *string) (*store.IAMEntity, error) {
	if name == nil {
		return callingUser(ctx, tx)
	}
	return entity(tx, store.IAMUser, *name)
}

// UpdateUser changes a user's name or path. Keys, policies and the unique id
// stay.
func (s *Service) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	err := s.change(ctx, store.IAMUser, in.UserName, func(tx *store.Tx, u *store.IAMEntity) error {
		return rename(tx, u, in.NewUserName, in.NewPath)
	})
	return &iam.UpdateUserOutput{}, err
}

// rename gives an entity another name, unless somebody has it, and path.
func rename(tx *store.Tx, e *store.IAMEntity, name, path *string) error {
	if name != nil {
		other, err := store.IAMEntityByName(tx, e.Kind, *name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && other.ID != e.ID {
			return &iam.EntityAlreadyExistsException{Message: titles[e.Kind] + " with name " + *name + " already exists."}
		}
		e.Name = *name
	}
	e.Path = cmp.Or(api.Value(path), e.Path)
	return nil
}

// DeleteUser removes a user who has nothing left.
func (s *Service) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	err := s.work(ctx, store.IAMUser, in.UserName, func(tx *store.Tx, u *store.IAMEntity) error {
		keys, err := store.IAMAccessKeys(tx, u.ID)
		if err != nil {
			return err
		}
		groups, err := store.IAMGroupsOfUser(tx, u.ID, "", 1)
		if err != nil {
			return err
		}
		switch {
		case len(keys) > 0:
			return deleteConflict("must delete access keys first.")
		case len(groups) > 0:
			return deleteConflict("must remove users from group first.")
		}
		if err := deletable(tx, u); err != nil {
			return err
		}
		return store.DeleteIAMEntity(tx, u.ID)
	})
	return &iam.DeleteUserOutput{}, err
}

// ListUsers lists users by name.
func (s *Service) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	list, err := s.entities(ctx, store.IAMUser, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListUsersOutput{}
	list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, entityKey)
	out.Users = mapped(list, func(e *store.IAMEntity) iam.User { return *s.user(e) })
	return out, nil
}

// entities reads a page of a kind, and one more.
func (s *Service) entities(ctx context.Context, kind string, pathPrefix, marker *string, maxItems *int) (list []*store.IAMEntity, err error) {
	err = s.DB.Read(ctx, func(tx *store.Tx) error {
		list, err = store.IAMEntities(tx, kind, prefix(pathPrefix), api.Value(marker), pageSize(maxItems)+1)
		return err
	})
	return list, err
}
