package iam

import (
	"context"
	"errors"
	"strconv"

	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// Inline policies are the same for users, roles and groups but for the names of
// members. The functions here do the work; the operations below put names to it.

func (s *Service) putInline(ctx context.Context, kind string, name, policyName, document *string) error {
	if _, err := parse(*document, policy.IdentityKind); err != nil {
		return err
	}
	return s.work(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error {
		have, err := store.IAMInlinePolicies(tx, e.ID)
		if err != nil {
			return err
		}
		sum := policy.CountCharacters(*document)
		for _, p := range have {
			if p.Name != *policyName {
				sum += policy.CountCharacters(p.Document)
			}
		}
		if most := maxInline[kind]; sum > most {
			return limitExceeded("Maximum policy size of " + strconv.Itoa(most) + " bytes exceeded for " + kind + " " + e.Name)
		}
		return store.PutIAMInlinePolicy(tx, e.ID, store.IAMInlinePolicy{Name: *policyName, Document: *document})
	})
}

func inlineNotFound(kind, policyName string) error { return notFound(kind+" policy", policyName) }

func (s *Service) getInline(ctx context.Context, kind string, name, policyName *string) (e *store.IAMEntity, document *string, err error) {
	err = s.look(ctx, kind, name, func(tx *store.Tx, found *store.IAMEntity) error {
		p, err := store.IAMInlinePolicyOf(tx, found.ID, *policyName)
		if errors.Is(err, store.ErrNotFound) {
			return inlineNotFound(kind, *policyName)
		}
		e, document = found, encoded(p.Document)
		return err
	})
	return e, document, err
}

func (s *Service) deleteInline(ctx context.Context, kind string, name, policyName *string) error {
	return s.work(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error {
		err := store.DeleteIAMInlinePolicy(tx, e.ID, *policyName)
		if errors.Is(err, store.ErrNotFound) {
			return inlineNotFound(kind, *policyName)
		}
		return err
	})
}

func (s *Service) listInline(ctx context.Context, kind string, name, marker *string, maxItems *int) (names []string, truncated *bool, next *string, err error) {
	err = s.look(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error {
		all, err := store.IAMInlinePolicies(tx, e.ID)
		if err != nil {
			return err
		}
		all, truncated, next, err = slice(all, maxItems, marker)
		names = mapped(all, func(p store.IAMInlinePolicy) string { return p.Name })
		return err
	})
	return names, truncated, next, err
}

// PutRolePolicy creates a role's inline policy or replaces it.
func (s *Service) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return &iam.PutRolePolicyOutput{}, s.putInline(ctx, store.IAMRole, in.RoleName, in.PolicyName, in.PolicyDocument)
}

// GetRolePolicy returns a role's inline policy.
func (s *Service) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	e, document, err := s.getInline(ctx, store.IAMRole, in.RoleName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{RoleName: new(e.Name), PolicyName: in.PolicyName, PolicyDocument: document}, nil
}

// DeleteRolePolicy removes a role's inline policy.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return &iam.DeleteRolePolicyOutput{}, s.deleteInline(ctx, store.IAMRole, in.RoleName, in.PolicyName)
}

// ListRolePolicies lists the names of a role's inline policies.
func (s *Service) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	names, truncated, marker, err := s.listInline(ctx, store.IAMRole, in.RoleName, in.Marker, in.MaxItems)
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: truncated, Marker: marker}, err
}

// PutUserPolicy creates a user's inline policy or replaces it.
func (s *Service) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return &iam.PutUserPolicyOutput{}, s.putInline(ctx, store.IAMUser, in.UserName, in.PolicyName, in.PolicyDocument)
}

// GetUserPolicy returns a user's inline policy.
func (s *Service) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	e, document, err := s.getInline(ctx, store.IAMUser, in.UserName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserPolicyOutput{UserName: new(e.Name), PolicyName: in.PolicyName, PolicyDocument: document}, nil
}

// DeleteUserPolicy removes a user's inline policy.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return &iam.DeleteUserPolicyOutput{}, s.deleteInline(ctx, store.IAMUser, in.UserName, in.PolicyName)
}

// ListUserPolicies lists the names of a user's inline policies.
func (s *Service) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	names, truncated, marker, err := s.listInline(ctx, store.IAMUser, in.UserName, in.Marker, in.MaxItems)
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: truncated, Marker: marker}, err
}

// PutGroupPolicy creates a group's inline policy or replaces it.
func (s *Service) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return &iam.PutGroupPolicyOutput{}, s.putInline(ctx, store.IAMGroup, in.GroupName, in.PolicyName, in.PolicyDocument)
}

// GetGroupPolicy returns a group's inline policy.
func (s *Service) GetGroupPolicy(ctx context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	e, document, err := s.getInline(ctx, store.IAMGroup, in.GroupName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupPolicyOutput{GroupName: new(e.Name), PolicyName: in.PolicyName, PolicyDocument: document}, nil
}

// DeleteGroupPolicy removes a group's inline policy.
func (s *Service) DeleteGroupPolicy(ctx context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return &iam.DeleteGroupPolicyOutput{}, s.deleteInline(ctx, store.IAMGroup, in.GroupName, in.PolicyName)
}

// ListGroupPolicies lists the names of a group's inline policies.
func (s *Service) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	names, truncated, marker, err := s.listInline(ctx, store.IAMGroup, in.GroupName, in.Marker, in.MaxItems)
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: truncated, Marker: marker}, err
}
