package iam

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// maxAttached is how many managed policies an entity may have.
const maxAttached = 10

// attachable says whether a policy may be attached or used as a boundary.
func (s *Service) attachable(tx *store.Tx, arn string) error {
	if awsPolicyByARN(arn) != nil {
		return nil
	}
	if err := checkARN(arn); err != nil {
		return err
	}
	_, err := store.IAMPolicyByARN(tx, arn)
	if errors.Is(err, store.ErrNotFound) {
		return &iam.NoSuchEntityException{Message: "Policy " + arn + " does not exist or is not attachable."}
	}
	return err
}

// checkARN refuses a policy's name where its ARN belongs.
func checkARN(arn string) error {
	if !strings.HasPrefix(arn, "arn:") || !strings.Contains(arn, ":policy/") {
		return &iam.InvalidInputException{Message: "ARN " + arn + " is not valid."}
	}
	return nil
}

func (s *Service) attach(ctx context.Context, kind string, name, arn *string) error {
	return s.work(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error {
		if err := s.attachable(tx, *arn); err != nil {
			return err
		}
		have, err := store.IAMAttachedPolicies(tx, e.ID)
		if err != nil {
			return err
		}
		if len(have) >= maxAttached && !slices.Contains(have, *arn) {
			return limitExceeded("Cannot exceed quota for PoliciesPer" + titles[kind] + ": " + strconv.Itoa(maxAttached))
		}
		return store.AttachIAMPolicy(tx, e.ID, *arn)
	})
}

func (s *Service) detach(ctx context.Context, kind string, name, arn *string) error {
	if err := checkARN(*arn); err != nil {
		return err
	}
	return s.work(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error {
		err := store.DetachIAMPolicy(tx, e.ID, *arn)
		if errors.Is(err, store.ErrNotFound) {
			return &iam.NoSuchEntityException{Message: "Policy " + *arn + " was not found."}
		}
		return err
	})
}

func (s *Service) listAttached(ctx context.Context, kind string, name, pathPrefix, marker *string, maxItems *int) (page []iam.AttachedPolicy, truncated *bool, next *string, err error) {
	err = s.look(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error {
		arns, err := store.IAMAttachedPolicies(tx, e.ID)
		if err != nil {
			return err
		}
		arns = slices.DeleteFunc(arns, func(arn string) bool {
			_, path, _ := strings.Cut(arn, ":policy")
			return !strings.HasPrefix(path, prefix(pathPrefix))
		})
		arns, truncated, next, err = slice(arns, maxItems, marker)
		page = mapped(arns, attachedPolicy)
		return err
	})
	return page, truncated, next, err
}

func attachedPolicy(arn string) iam.AttachedPolicy {
	return iam.AttachedPolicy{PolicyArn: new(arn), PolicyName: new(arn[strings.LastIndexByte(arn, '/')+1:])}
}

// boundaryOf is an entity's permissions boundary in the form of an answer.
func boundaryOf(e *store.IAMEntity) *iam.AttachedPermissionsBoundary {
	if e.Boundary == "" {
		return nil
	}
	// The member's type has one value, which AWS's model spells otherwise than
	// the service does: "Policy".
	return &iam.AttachedPermissionsBoundary{PermissionsBoundaryType: new(iam.PermissionsBoundaryAttachmentType("Policy")), PermissionsBoundaryArn: new(e.Boundary)}
}

// setBoundary sets an entity's permissions boundary; nil leaves it.
func (s *Service) setBoundary(tx *store.Tx, e *store.IAMEntity, arn *string) error {
	if arn == nil {
		return nil
	}
	if err := s.attachable(tx, *arn); err != nil {
		return err
	}
	e.Boundary = *arn
	return nil
}

func (s *Service) putBoundary(ctx context.Context, kind string, name, arn *string) error {
	return s.change(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error { return s.setBoundary(tx, e, arn) })
}

func (s *Service) deleteBoundary(ctx context.Context, kind string, name *string) error {
	return s.change(ctx, kind, name, func(_ *store.Tx, e *store.IAMEntity) error {
		if e.Boundary == "" {
			return &iam.NoSuchEntityException{Message: "No permissions boundary is set for " + kind + " " + api.Value(name) + "."}
		}
		e.Boundary = ""
		return nil
	})
}

// AttachRolePolicy gives a role a managed policy.
func (s *Service) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return &iam.AttachRolePolicyOutput{}, s.attach(ctx, store.IAMRole, in.RoleName, in.PolicyArn)
}

// DetachRolePolicy takes a managed policy from a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return &iam.DetachRolePolicyOutput{}, s.detach(ctx, store.IAMRole, in.RoleName, in.PolicyArn)
}

// ListAttachedRolePolicies lists a role's managed policies.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	page, truncated, marker, err := s.listAttached(ctx, store.IAMRole, in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: page, IsTruncated: truncated, Marker: marker}, err
}

// PutRolePermissionsBoundary sets the policy that limits a role.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return &iam.PutRolePermissionsBoundaryOutput{}, s.putBoundary(ctx, store.IAMRole, in.RoleName, in.PermissionsBoundary)
}

// DeleteRolePermissionsBoundary takes the limit from a role.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return &iam.DeleteRolePermissionsBoundaryOutput{}, s.deleteBoundary(ctx, store.IAMRole, in.RoleName)
}

// AttachUserPolicy gives a user a managed policy.
func (s *Service) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return &iam.AttachUserPolicyOutput{}, s.attach(ctx, store.IAMUser, in.UserName, in.PolicyArn)
}

// DetachUserPolicy takes a managed policy from a user.
func (s *Service) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return &iam.DetachUserPolicyOutput{}, s.detach(ctx, store.IAMUser, in.UserName, in.PolicyArn)
}

// ListAttachedUserPolicies lists a user's managed policies.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	page, truncated, marker, err := s.listAttached(ctx, store.IAMUser, in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: page, IsTruncated: truncated, Marker: marker}, err
}

// PutUserPermissionsBoundary sets the policy that limits a user.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return &iam.PutUserPermissionsBoundaryOutput{}, s.putBoundary(ctx, store.IAMUser, in.UserName, in.PermissionsBoundary)
}

// DeleteUserPermissionsBoundary takes the limit from a user.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return &iam.DeleteUserPermissionsBoundaryOutput{}, s.deleteBoundary(ctx, store.IAMUser, in.UserName)
}

// AttachGroupPolicy gives a group a managed policy.
func (s *Service) AttachGroupPolicy(ctx context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return &iam.AttachGroupPolicyOutput{}, s.attach(ctx, store.IAMGroup, in.GroupName, in.PolicyArn)
}

// DetachGroupPolicy takes a managed policy from a group.
func (s *Service) DetachGroupPolicy(ctx context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return &iam.DetachGroupPolicyOutput{}, s.detach(ctx, store.IAMGroup, in.GroupName, in.PolicyArn)
}

// ListAttachedGroupPolicies lists a group's managed policies.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	page, truncated, marker, err := s.listAttached(ctx, store.IAMGroup, in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: page, IsTruncated: truncated, Marker: marker}, err
}
