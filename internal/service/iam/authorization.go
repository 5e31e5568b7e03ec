package iam

import (
	"context"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// sections are the parts of GetAccountAuthorizationDetails in their order. A
// marker is the section's name, a slash, and the name after which to go on.
var sections = []struct {
	filter iam.EntityType
	name   string
}{
	{iam.EntityTypeUser, store.IAMUser},
	{iam.EntityTypeGroup, store.IAMGroup},
	{iam.EntityTypeRole, store.IAMRole},
	{iam.EntityTypeLocalManagedPolicy, "local"},
	{iam.EntityTypeAWSManagedPolicy, "aws"},
}

// detail is one item of the answer: its marker, and how it gets there.
type detail struct {
	marker string
	add    func(out *iam.GetAccountAuthorizationDetailsOutput)
}

// GetAccountAuthorizationDetails lists users, groups, roles and managed
// policies, each with everything that is written about its permissions.
func (s *Service) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	at, after, _ := strings.Cut(api.Value(in.Marker), "/")
	from := 0
	if in.Marker != nil {
		for from < len(sections) && sections[from].name != at {
			from++
		}
		if from == len(sections) {
			return nil, validationError("Invalid Marker.")
		}
	}
	most := pageSize(in.MaxItems) + 1
	var list []detail
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		list = nil
		after := after
		for _, section := range sections[from:] {
			if len(list) < most && (len(in.Filter) == 0 || slices.Contains(in.Filter, section.filter)) {
				more, err := s.details(tx, section.name, after, most-len(list))
				if err != nil {
					return err
				}
				list = append(list, more...)
			}
			after = ""
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{UserDetailList: []iam.UserDetail{}, GroupDetailList: []iam.GroupDetail{},
		RoleDetailList: []iam.RoleDetail{}, Policies: []iam.ManagedPolicyDetail{}}
	list, out.IsTruncated, out.Marker = cut(list, in.MaxItems, func(d detail) string { return d.marker })
	for _, d := range list {
		d.add(out)
	}
	return out, nil
}

// details are the items of a section after a name, at most n.
func (s *Service) details(tx *store.Tx, section, after string, n int) (list []detail, err error) {
	switch section {
	case "local":
		policies, err := store.IAMPolicies(tx, "/", "", false, after, n)
		if err != nil {
			return nil, err
		}
		for _, p := range policies {
			if list, err = s.addPolicyDetail(tx, list, section, p); err != nil {
				return nil, err
			}
		}
		return list, nil
	case "aws":
		for _, a := range awsPolicies() {
			if store.IAMNameKey(a.policy.Name) <= after || len(list) == n {
				continue
			}
			p, err := managed(tx, a.policy.ARN)
			if err != nil {
				return nil, err
			}
			if list, err = s.addPolicyDetail(tx, list, section, p); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	entities, err := store.IAMEntities(tx, section, "/", after, n)
	if err != nil {
		return nil, err
	}
	for _, e := range entities {
		add, err := s.entityDetail(tx, e)
		if err != nil {
			return nil, err
		}
		list = append(list, detail{section + "/" + entityKey(e), add})
	}
	return list, nil
}

func (s *Service) addPolicyDetail(tx *store.Tx, list []detail, section string, p *store.IAMPolicy) ([]detail, error) {
	all, err := versions(tx, p)
	if err != nil {
		return nil, err
	}
	shown := apiPolicy(p)
	d := iam.ManagedPolicyDetail{PolicyName: shown.PolicyName, PolicyId: shown.PolicyId, Arn: shown.Arn, Path: shown.Path, DefaultVersionId: shown.DefaultVersionId,
		AttachmentCount: shown.AttachmentCount, PermissionsBoundaryUsageCount: shown.PermissionsBoundaryUsageCount, IsAttachable: shown.IsAttachable,
		CreateDate: shown.CreateDate, UpdateDate: shown.UpdateDate}
	if p.Description != "" {
		d.Description = new(p.Description)
	}
	d.PolicyVersionList = mapped(all, func(v store.IAMPolicyVersion) iam.PolicyVersion {
		version := s.version(p, v)
		version.Document = encoded(v.Document)
		return version
	})
	return append(list, detail{section + "/" + store.IAMNameKey(p.Name), func(out *iam.GetAccountAuthorizationDetailsOutput) {
		out.Policies = append(out.Policies, d)
	}}), nil
}

// entityDetail reads what belongs to a user, group or role.
func (s *Service) entityDetail(tx *store.Tx, e *store.IAMEntity) (add func(out *iam.GetAccountAuthorizationDetailsOutput), err error) {
	inline, err := store.IAMInlinePolicies(tx, e.ID)
	if err != nil {
		return nil, err
	}
	arns, err := store.IAMAttachedPolicies(tx, e.ID)
	if err != nil {
		return nil, err
	}
	own := mapped(inline, func(p store.IAMInlinePolicy) iam.PolicyDetail {
		return iam.PolicyDetail{PolicyName: new(p.Name), PolicyDocument: encoded(p.Document)}
	})
	attached := mapped(arns, attachedPolicy)
	switch e.Kind {
	case store.IAMGroup:
		g := iam.GroupDetail{Path: new(e.Path), GroupName: new(e.Name), GroupId: new(e.ID), Arn: new(s.arn(e)), CreateDate: api.At(e.CreatedAt),
			GroupPolicyList: own, AttachedManagedPolicies: attached}
		return func(out *iam.GetAccountAuthorizationDetailsOutput) {
			out.GroupDetailList = append(out.GroupDetailList, g)
		}, nil
	case store.IAMRole:
		r := iam.RoleDetail{Path: new(e.Path), RoleName: new(e.Name), RoleId: new(e.ID), Arn: new(s.arn(e)), CreateDate: api.At(e.CreatedAt),
			AssumeRolePolicyDocument: encoded(e.Trust), InstanceProfileList: []iam.InstanceProfile{}, RolePolicyList: own, AttachedManagedPolicies: attached,
			PermissionsBoundary: boundaryOf(e), Tags: apiTags(e.Tags)}
		return func(out *iam.GetAccountAuthorizationDetailsOutput) {
			out.RoleDetailList = append(out.RoleDetailList, r)
		}, nil
	}
	groups, err := store.IAMGroupsOfUser(tx, e.ID, "", maxGroupsPerUser)
	if err != nil {
		return nil, err
	}
	u := iam.UserDetail{Path: new(e.Path), UserName: new(e.Name), UserId: new(e.ID), Arn: new(s.arn(e)), CreateDate: api.At(e.CreatedAt),
		UserPolicyList: own, AttachedManagedPolicies: attached, PermissionsBoundary: boundaryOf(e), Tags: apiTags(e.Tags),
		GroupList: mapped(groups, func(g *store.IAMEntity) string { return g.Name })}
	return func(out *iam.GetAccountAuthorizationDetailsOutput) {
		out.UserDetailList = append(out.UserDetailList, u)
	}, nil
}
