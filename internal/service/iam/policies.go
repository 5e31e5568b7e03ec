package iam

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// maxVersions is how many versions a managed policy may have.
const maxVersions = 5

func policyNotFound(arn string) error {
	return &iam.NoSuchEntityException{Message: "Policy " + arn + " was not found."}
}

func versionID(n int64) string { return "v" + strconv.FormatInt(n, 10) }

// versionNumber reads "v3"; a form that no version has is version 0, which does
// not exist.
func versionNumber(id string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(id, "v"), 10, 64)
	if err != nil || versionID(n) != id {
		return 0
	}
	return n
}

func versionNotFound(arn, id string) error {
	return &iam.NoSuchEntityException{Message: "Policy " + arn + " version " + id + " does not exist or is not attachable."}
}

func apiPolicy(p *store.IAMPolicy) *iam.Policy {
	return &iam.Policy{PolicyName: new(p.Name), PolicyId: new(p.ID), Arn: new(p.ARN), Path: new(p.Path), DefaultVersionId: new(versionID(p.DefaultVersion)),
		AttachmentCount: new(p.Attached), PermissionsBoundaryUsageCount: new(p.Boundaries), IsAttachable: new(true),
		CreateDate: api.At(p.CreatedAt), UpdateDate: api.At(p.UpdatedAt)}
}

// describedPolicy is apiPolicy with what AWS leaves out of lists.
func describedPolicy(p *store.IAMPolicy) *iam.Policy {
	out := apiPolicy(p)
	if p.Description != "" {
		out.Description = new(p.Description)
	}
	out.Tags = apiTags(p.Tags)
	return out
}

// CreatePolicy makes a customer managed policy with its first version.
func (s *Service) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &store.IAMPolicy{ID: newID("ANPA"), Name: *in.PolicyName, Path: cmp.Or(api.Value(in.Path), "/"), Description: api.Value(in.Description),
		Tags: tags, DefaultVersion: 1, LastVersion: 1}
	p.ARN = s.arnOf("policy", p.Path, p.Name)
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		p.CreatedAt, p.UpdatedAt = tx.Now, tx.Now
		err := store.InsertIAMPolicy(tx, p)
		if errors.Is(err, store.ErrConflict) {
			return &iam.EntityAlreadyExistsException{Message: "A policy called " + p.Name + " already exists. Duplicate names are not allowed."}
		}
		if err != nil {
			return err
		}
		return store.InsertIAMPolicyVersion(tx, p.ARN, store.IAMPolicyVersion{Version: 1, Document: *in.PolicyDocument, CreatedAt: tx.Now})
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyOutput{Policy: describedPolicy(p)}, nil
}

// managed is the policy of an ARN: a customer's, or one of AWS's with the
// numbers of its use here.
func managed(tx *store.Tx, arn string) (*store.IAMPolicy, error) {
	if a := awsPolicyByARN(arn); a != nil {
		p := a.policy
		var err error
		p.Attached, p.Boundaries, err = store.IAMPolicyUse(tx, arn)
		return &p, err
	}
	if err := checkARN(arn); err != nil {
		return nil, err
	}
	p, err := store.IAMPolicyByARN(tx, arn)
	if errors.Is(err, store.ErrNotFound) {
		return nil, policyNotFound(arn)
	}
	return p, err
}

// own reads a customer managed policy to change it. Nobody here changes AWS's.
func own(tx *store.Tx, arn string) (*store.IAMPolicy, error) {
	if strings.HasPrefix(arn, awsPolicyPrefix) {
		return nil, &iam.InvalidInputException{Message: "Cannot perform this operation on an AWS managed policy: " + arn}
	}
	return managed(tx, arn)
}

// versions are a policy's versions, the newest first.
func versions(tx *store.Tx, p *store.IAMPolicy) ([]store.IAMPolicyVersion, error) {
	if a := awsPolicyByARN(p.ARN); a != nil {
		return []store.IAMPolicyVersion{{Version: 1, Document: a.document, CreatedAt: p.CreatedAt}}, nil
	}
	return store.IAMPolicyVersions(tx, p.ARN)
}

// GetPolicy describes a managed policy.
func (s *Service) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	out := &iam.GetPolicyOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := managed(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		out.Policy = describedPolicy(p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// The markers of ListPolicies: customers' policies come first.
const (
	ownMarker = "local/"
	awsMarker = "aws/"
)

// ListPolicies lists customer managed policies by name, and after them AWS's.
func (s *Service) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	marker, inAWS := strings.CutPrefix(api.Value(in.Marker), awsMarker)
	after, inOwn := strings.CutPrefix(marker, ownMarker)
	if in.Marker != nil && !inAWS && !inOwn {
		return nil, validationError("Invalid Marker.")
	}
	scope := cmp.Or(api.Value(in.Scope), iam.PolicyScopeTypeAll)
	use, inUse, paths, n := string(api.Value(in.PolicyUsageFilter)), api.Value(in.OnlyAttached), prefix(in.PathPrefix), pageSize(in.MaxItems)
	var list []*store.IAMPolicy
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		list = nil
		if scope != iam.PolicyScopeTypeAws && !inAWS {
			if list, err = store.IAMPolicies(tx, paths, use, inUse, after, n+1); err != nil {
				return err
			}
		}
		if scope == iam.PolicyScopeTypeLocal || len(list) > n {
			return nil
		}
		for _, a := range awsPolicies() {
			if !strings.HasPrefix(a.policy.Path, paths) || inAWS && store.IAMNameKey(a.policy.Name) <= after {
				continue
			}
			p, err := managed(tx, a.policy.ARN)
			if err != nil {
				return err
			}
			if use == store.IAMPermissionsPolicy && p.Attached == 0 || use == store.IAMPermissionsBoundary && p.Boundaries == 0 || inUse && p.Attached+p.Boundaries == 0 {
				continue
			}
			list = append(list, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &iam.ListPoliciesOutput{}
	list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, func(p *store.IAMPolicy) string {
		if strings.HasPrefix(p.ARN, awsPolicyPrefix) {
			return awsMarker + store.IAMNameKey(p.Name)
		}
		return ownMarker + store.IAMNameKey(p.Name)
	})
	out.Policies = mapped(list, func(p *store.IAMPolicy) iam.Policy { return *apiPolicy(p) })
	return out, nil
}

// DeletePolicy removes a policy that nothing uses and that has one version.
func (s *Service) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return &iam.DeletePolicyOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := own(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		list, err := versions(tx, p)
		switch {
		case err != nil:
			return err
		case p.Attached+p.Boundaries > 0:
			return &iam.DeleteConflictException{Message: "Cannot delete a policy attached to entities."}
		case len(list) > 1:
			return &iam.DeleteConflictException{Message: "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy."}
		}
		return store.DeleteIAMPolicy(tx, p.ARN)
	})
}

func (s *Service) version(p *store.IAMPolicy, v store.IAMPolicyVersion) iam.PolicyVersion {
	return iam.PolicyVersion{VersionId: new(versionID(v.Version)), IsDefaultVersion: new(v.Version == p.DefaultVersion), CreateDate: api.At(v.CreatedAt)}
}

// CreatePolicyVersion adds a version to a policy.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if err := checkManaged(*in.PolicyDocument); err != nil {
		return nil, err
	}
	out := &iam.CreatePolicyVersionOutput{}
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := own(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		list, err := versions(tx, p)
		if err != nil {
			return err
		}
		if len(list) >= maxVersions {
			return limitExceeded("A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
		}
		p.LastVersion++
		if api.Value(in.SetAsDefault) {
			p.DefaultVersion = p.LastVersion
		}
		p.UpdatedAt = tx.Now
		v := store.IAMPolicyVersion{Version: p.LastVersion, Document: *in.PolicyDocument, CreatedAt: tx.Now}
		if err := store.InsertIAMPolicyVersion(tx, p.ARN, v); err != nil {
			return err
		}
		out.PolicyVersion = new(s.version(p, v))
		return store.UpdateIAMPolicy(tx, p)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// one is a version of a policy, or AWS's error.
func one(tx *store.Tx, p *store.IAMPolicy, id string) (store.IAMPolicyVersion, error) {
	list, err := versions(tx, p)
	if err != nil {
		return store.IAMPolicyVersion{}, err
	}
	i := slices.IndexFunc(list, func(v store.IAMPolicyVersion) bool { return v.Version == versionNumber(id) })
	if i < 0 {
		return store.IAMPolicyVersion{}, versionNotFound(p.ARN, id)
	}
	return list[i], nil
}

// GetPolicyVersion returns a version with its document.
func (s *Service) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	out := &iam.GetPolicyVersionOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := managed(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		v, err := one(tx, p, *in.VersionId)
		if err != nil {
			return err
		}
		out.PolicyVersion = new(s.version(p, v))
		out.PolicyVersion.Document = encoded(v.Document)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListPolicyVersions lists a policy's versions, the newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	out := &iam.ListPolicyVersionsOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := managed(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		list, err := versions(tx, p)
		if err != nil {
			return err
		}
		list, out.IsTruncated, out.Marker, err = slice(list, in.MaxItems, in.Marker)
		out.Versions = mapped(list, func(v store.IAMPolicyVersion) iam.PolicyVersion { return s.version(p, v) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeletePolicyVersion removes a version that is not in force.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return &iam.DeletePolicyVersionOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := own(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		v, err := one(tx, p, *in.VersionId)
		if err != nil {
			return err
		}
		if v.Version == p.DefaultVersion {
			return &iam.DeleteConflictException{Message: "Cannot delete the default version of a policy."}
		}
		return store.DeleteIAMPolicyVersion(tx, p.ARN, v.Version)
	})
}

// SetDefaultPolicyVersion puts a version in force.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return &iam.SetDefaultPolicyVersionOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := own(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		v, err := one(tx, p, *in.VersionId)
		if err != nil {
			return err
		}
		p.DefaultVersion, p.UpdatedAt = v.Version, tx.Now
		return store.UpdateIAMPolicy(tx, p)
	})
}

// ListEntitiesForPolicy lists who uses a policy: groups, roles and users, in
// this order, by name.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	kind := map[iam.EntityType]string{iam.EntityTypeUser: store.IAMUser, iam.EntityTypeRole: store.IAMRole, iam.EntityTypeGroup: store.IAMGroup}[api.Value(in.EntityFilter)]
	if in.EntityFilter != nil && kind == "" { // a policy is attached to no policy
		return &iam.ListEntitiesForPolicyOutput{IsTruncated: new(false)}, nil
	}
	afterKind, afterKey, _ := strings.Cut(api.Value(in.Marker), "/")
	var list []*store.IAMEntity
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := managed(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		list, err = store.IAMPolicyEntities(tx, p.ARN, kind, string(api.Value(in.PolicyUsageFilter)), prefix(in.PathPrefix), afterKind, afterKey, pageSize(in.MaxItems)+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{PolicyGroups: []iam.PolicyGroup{}, PolicyRoles: []iam.PolicyRole{}, PolicyUsers: []iam.PolicyUser{}}
	list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, func(e *store.IAMEntity) string { return e.Kind + "/" + entityKey(e) })
	for _, e := range list {
		switch e.Kind {
		case store.IAMGroup:
			out.PolicyGroups = append(out.PolicyGroups, iam.PolicyGroup{GroupName: new(e.Name), GroupId: new(e.ID)})
		case store.IAMRole:
			out.PolicyRoles = append(out.PolicyRoles, iam.PolicyRole{RoleName: new(e.Name), RoleId: new(e.ID)})
		case store.IAMUser:
			out.PolicyUsers = append(out.PolicyUsers, iam.PolicyUser{UserName: new(e.Name), UserId: new(e.ID)})
		}
	}
	return out, nil
}

// changeTags works on a policy's tags.
func (s *Service) changeTags(ctx context.Context, arn string, fn func(tags []store.IAMTag) ([]store.IAMTag, error)) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := own(tx, arn)
		if err != nil {
			return err
		}
		if p.Tags, err = fn(p.Tags); err != nil {
			return err
		}
		return store.UpdateIAMPolicy(tx, p)
	})
}

// TagPolicy adds tags to a policy.
func (s *Service) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	more, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.TagPolicyOutput{}, s.changeTags(ctx, *in.PolicyArn, func(tags []store.IAMTag) ([]store.IAMTag, error) { return tagged(tags, more) })
}

// UntagPolicy removes tags from a policy.
func (s *Service) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return &iam.UntagPolicyOutput{}, s.changeTags(ctx, *in.PolicyArn, func(tags []store.IAMTag) ([]store.IAMTag, error) { return untagged(tags, in.TagKeys), nil })
}

// ListPolicyTags lists a policy's tags.
func (s *Service) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	out := &iam.ListPolicyTagsOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := managed(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		page, truncated, marker, err := slice(p.Tags, in.MaxItems, in.Marker)
		out.Tags, out.IsTruncated, out.Marker = apiTags(page), truncated, marker
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
