package iam

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// What can be read off policies without a question: which condition keys they
// ask for, and which services they speak of.

// keysOf are the condition keys of documents, sorted, each once.
func keysOf(documents []*policy.Document) []string {
	keys := []string{}
	for _, d := range documents {
		for _, k := range d.ContextKeys() {
			if !slices.ContainsFunc(keys, func(have string) bool { return strings.EqualFold(have, k) }) {
				keys = append(keys, k)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// inputDocuments reads the PolicyInputList of a request.
func inputDocuments(texts []string) ([]*policy.Document, error) {
	var list []*policy.Document
	for _, text := range texts {
		d, err := policy.Parse(text, policy.IdentityKind)
		if err != nil {
			return nil, &iam.InvalidInputException{Message: "PolicyInputList: " + err.Error()}
		}
		list = append(list, d)
	}
	return list, nil
}

// GetContextKeysForCustomPolicy lists the condition keys that policies ask for.
func (s *Service) GetContextKeysForCustomPolicy(_ context.Context, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	list, err := inputDocuments(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: keysOf(list)}, nil
}

// GetContextKeysForPrincipalPolicy lists the condition keys that the policies of
// a user, role or group ask for, and further ones. A user's groups count.
func (s *Service) GetContextKeysForPrincipalPolicy(ctx context.Context, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	list, err := inputDocuments(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	e, err := s.named(ctx, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	own, err := s.spoken(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	for _, src := range own.identity {
		if src.Document != nil {
			list = append(list, src.Document)
		}
	}
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: keysOf(list)}, nil
}

// named is the user, role or group of an ARN, or AWS's error.
func (s *Service) named(ctx context.Context, arn string) (e *store.IAMEntity, err error) {
	err = s.DB.Read(ctx, func(tx *store.Tx) error {
		e, err = s.entityByARN(tx, arn)
		if errors.Is(err, store.ErrNotFound) {
			return &iam.NoSuchEntityException{Message: "The entity with ARN " + arn + " cannot be found."}
		}
		return err
	})
	return e, err
}

var ownerTypes = map[string]iam.PolicyOwnerEntityType{store.IAMUser: iam.PolicyOwnerEntityTypeUser, store.IAMRole: iam.PolicyOwnerEntityTypeRole,
	store.IAMGroup: iam.PolicyOwnerEntityTypeGroup}

// granting is a policy that an entity has, directly or through a group.
type granting struct {
	shown    iam.PolicyGrantingServiceAccess
	document *policy.Document
}

// ListPoliciesGrantingServiceAccess lists, for each service, the policies of a
// user, role or group that allow any action of it. Boundaries are not looked at.
func (s *Service) ListPoliciesGrantingServiceAccess(ctx context.Context, in *iam.ListPoliciesGrantingServiceAccessInput) (*iam.ListPoliciesGrantingServiceAccessOutput, error) {
	e, err := s.named(ctx, *in.Arn)
	if err != nil {
		return nil, err
	}
	var all []granting
	err = s.DB.Read(ctx, func(tx *store.Tx) error {
		all = nil
		owners := []*store.IAMEntity{e}
		if e.Kind == store.IAMUser {
			groups, err := store.IAMGroupsOfUser(tx, e.ID, "", maxGroupsPerUser)
			if err != nil {
				return err
			}
			owners = append(owners, groups...)
		}
		for _, o := range owners {
			if all, err = s.appendGranting(tx, all, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	entries := mapped(in.ServiceNamespaces, func(service string) iam.ListPoliciesGrantingServiceAccessEntry {
		entry := iam.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: new(service), Policies: []iam.PolicyGrantingServiceAccess{}}
		for _, g := range all {
			if g.document != nil && g.document.AllowsService(service) {
				entry.Policies = append(entry.Policies, g.shown)
			}
		}
		return entry
	})
	out := &iam.ListPoliciesGrantingServiceAccessOutput{}
	out.PoliciesGrantingServiceAccess, out.IsTruncated, out.Marker, err = slice(entries, nil, in.Marker)
	return out, err
}

// appendGranting adds the policies of one owner. A managed policy that is there
// already is the same one.
func (s *Service) appendGranting(tx *store.Tx, list []granting, o *store.IAMEntity) ([]granting, error) {
	inline, err := store.IAMInlinePolicies(tx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, p := range inline {
		list = append(list, granting{iam.PolicyGrantingServiceAccess{PolicyName: new(p.Name), PolicyType: new(iam.PolicyTypeInline),
			EntityType: new(ownerTypes[o.Kind]), EntityName: new(o.Name)}, source(p.Name, p.Document).Document})
	}
	arns, err := store.IAMAttachedPolicies(tx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, arn := range arns {
		if slices.ContainsFunc(list, func(g granting) bool { return api.Value(g.shown.PolicyArn) == arn }) {
			continue
		}
		src, err := s.loadManaged(tx, arn)
		if err != nil {
			return nil, err
		}
		list = append(list, granting{iam.PolicyGrantingServiceAccess{PolicyName: attachedPolicy(arn).PolicyName, PolicyType: new(iam.PolicyTypeManaged),
			PolicyArn: new(arn)}, src.Document})
	}
	return list, nil
}
