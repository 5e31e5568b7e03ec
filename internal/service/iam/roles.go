package iam

import (
	"cmp"
	"context"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// defaultSession is the MaxSessionDuration of a role that does not say.
const defaultSession = time.Hour

func (s *Service) role(e *store.IAMEntity) *iam.Role {
	r := &iam.Role{RoleName: new(e.Name), RoleId: new(e.ID), Path: new(e.Path), Arn: new(s.arn(e)), CreateDate: api.At(e.CreatedAt),
		AssumeRolePolicyDocument: encoded(e.Trust), MaxSessionDuration: new(int(e.MaxSession / time.Second)), PermissionsBoundary: boundaryOf(e)}
	if e.Description != "" {
		r.Description = new(e.Description)
	}
	return r
}

// described is role with what AWS leaves out of lists.
func (s *Service) described(e *store.IAMEntity) *iam.Role {
	r := s.role(e)
	if len(e.Tags) > 0 {
		r.Tags = apiTags(e.Tags)
	}
	return r
}

// CreateRole makes a role without any permission.
func (s *Service) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	trust, err := checkTrust(*in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	r := &store.IAMEntity{ID: newID("AROA"), Kind: store.IAMRole, Name: *in.RoleName, Path: cmp.Or(api.Value(in.Path), "/"), Tags: tags,
		Trust: *in.AssumeRolePolicyDocument, Description: api.Value(in.Description),
		MaxSession: cmp.Or(time.Duration(api.Value(in.MaxSessionDuration))*time.Second, defaultSession)}
	err = s.DB.Write(ctx, func(tx *store.Tx) (err error) {
		r.CreatedAt, r.Boundary = tx.Now, ""
		if r.TrustIDs, err = s.bind(tx, trust); err != nil {
			return err
		}
		if err := s.setBoundary(tx, r, in.PermissionsBoundary); err != nil {
			return err
		}
		return create(tx, r)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: s.described(r)}, nil
}

// GetRole describes a role.
func (s *Service) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	out := &iam.GetRoleOutput{}
	err := s.look(ctx, store.IAMRole, in.RoleName, func(_ *store.Tx, r *store.IAMEntity) error {
		out.Role = s.described(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListRoles lists roles by name.
func (s *Service) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	list, err := s.entities(ctx, store.IAMRole, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{}
	list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, entityKey)
	out.Roles = mapped(list, func(e *store.IAMEntity) iam.Role { return *s.role(e) })
	return out, nil
}

// UpdateRole changes a role's description and the longest session it gives.
func (s *Service) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return &iam.UpdateRoleOutput{}, s.change(ctx, store.IAMRole, in.RoleName, func(_ *store.Tx, r *store.IAMEntity) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSession = time.Duration(*in.MaxSessionDuration) * time.Second
		}
		return nil
	})
}

// UpdateRoleDescription changes a role's description.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	out := &iam.UpdateRoleDescriptionOutput{}
	err := s.change(ctx, store.IAMRole, in.RoleName, func(_ *store.Tx, r *store.IAMEntity) error {
		r.Description = *in.Description
		out.Role = s.described(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateAssumeRolePolicy replaces a role's trust policy.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	trust, err := checkTrust(*in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAssumeRolePolicyOutput{}, s.change(ctx, store.IAMRole, in.RoleName, func(tx *store.Tx, r *store.IAMEntity) (err error) {
		r.Trust = *in.PolicyDocument
		r.TrustIDs, err = s.bind(tx, trust)
		return err
	})
}

// DeleteRole removes a role that has no policies left. Its sessions lose what
// they could do with the next request.
func (s *Service) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return &iam.DeleteRoleOutput{}, s.work(ctx, store.IAMRole, in.RoleName, func(tx *store.Tx, r *store.IAMEntity) error {
		if err := deletable(tx, r); err != nil {
			return err
		}
		return store.DeleteIAMEntity(tx, r.ID)
	})
}
