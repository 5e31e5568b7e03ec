package iam

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// subject is what an operation is about, which is the resource of its
// permission.
type subject int

const (
	anything        subject = iota // no resource level: "*"
	aUser                          // of UserName
	userOrSelf                     // of UserName, or the caller
	aRole                          // of RoleName
	aGroup                         // of GroupName
	aPolicy                        // PolicyArn
	aProvider                      // OpenIDConnectProviderArn
	aSource                        // PolicySourceArn
	anEntity                       // Arn
	aSAMLProvider                  // SAMLProviderArn
	newSAMLProvider                // of Name
	instanceProfile                // InstanceProfileName, or all under PathPrefix
	newProvider                    // of Url
	keyOwner                       // the user of AccessKeyId
	newUser                        // of Path and UserName
	newRole                        // of Path and RoleName
	newGroup                       // of Path and GroupName
	newPolicy                      // of Path and PolicyName
	usersAt                        // all under PathPrefix
	rolesAt                        // all under PathPrefix
	groupsAt                       // all under PathPrefix
	renamedUser                    // both the user and what it becomes
	renamedGroup                   // both the group and what it becomes
)

// subjects is the table of permissions: the action is iam:<Operation> for every
// one of them (Service Authorization Reference, "Actions, resources, and
// condition keys for AWS Identity and Access Management"). The condition keys
// follow from what stands in the input; see conditions. An operation that is
// not here is about anything.
var subjects = map[string]subject{
	"CreateUser": newUser, "GetUser": userOrSelf, "UpdateUser": renamedUser, "DeleteUser": aUser, "ListUsers": usersAt,
	"TagUser": aUser, "UntagUser": aUser, "ListUserTags": aUser, "ListGroupsForUser": aUser,
	"PutUserPolicy": aUser, "GetUserPolicy": aUser, "DeleteUserPolicy": aUser, "ListUserPolicies": aUser,
	"AttachUserPolicy": aUser, "DetachUserPolicy": aUser, "ListAttachedUserPolicies": aUser,
	"PutUserPermissionsBoundary": aUser, "DeleteUserPermissionsBoundary": aUser,

	"CreateAccessKey": userOrSelf, "ListAccessKeys": userOrSelf, "UpdateAccessKey": userOrSelf, "DeleteAccessKey": userOrSelf,
	"GetAccessKeyLastUsed": keyOwner,

	"CreateRole": newRole, "GetRole": aRole, "ListRoles": rolesAt, "UpdateRole": aRole, "UpdateRoleDescription": aRole,
	"UpdateAssumeRolePolicy": aRole, "DeleteRole": aRole, "TagRole": aRole, "UntagRole": aRole, "ListRoleTags": aRole,
	"PutRolePolicy": aRole, "GetRolePolicy": aRole, "DeleteRolePolicy": aRole, "ListRolePolicies": aRole,
	"AttachRolePolicy": aRole, "DetachRolePolicy": aRole, "ListAttachedRolePolicies": aRole,
	"PutRolePermissionsBoundary": aRole, "DeleteRolePermissionsBoundary": aRole,

	"CreateGroup": newGroup, "GetGroup": aGroup, "ListGroups": groupsAt, "UpdateGroup": renamedGroup, "DeleteGroup": aGroup,
	"AddUserToGroup": aGroup, "RemoveUserFromGroup": aGroup,
	"PutGroupPolicy": aGroup, "GetGroupPolicy": aGroup, "DeleteGroupPolicy": aGroup, "ListGroupPolicies": aGroup,
	"AttachGroupPolicy": aGroup, "DetachGroupPolicy": aGroup, "ListAttachedGroupPolicies": aGroup,

	"CreatePolicy": newPolicy, "GetPolicy": aPolicy, "ListPolicies": anything, "DeletePolicy": aPolicy,
	"CreatePolicyVersion": aPolicy, "GetPolicyVersion": aPolicy, "ListPolicyVersions": aPolicy, "DeletePolicyVersion": aPolicy,
	"SetDefaultPolicyVersion": aPolicy, "ListEntitiesForPolicy": aPolicy,
	"TagPolicy": aPolicy, "UntagPolicy": aPolicy, "ListPolicyTags": aPolicy,

	"CreateOpenIDConnectProvider": newProvider, "GetOpenIDConnectProvider": aProvider, "ListOpenIDConnectProviders": anything,
	"DeleteOpenIDConnectProvider": aProvider, "UpdateOpenIDConnectProviderThumbprint": aProvider,
	"AddClientIDToOpenIDConnectProvider": aProvider, "RemoveClientIDFromOpenIDConnectProvider": aProvider,
	"TagOpenIDConnectProvider": aProvider, "UntagOpenIDConnectProvider": aProvider, "ListOpenIDConnectProviderTags": aProvider,

	"CreateSAMLProvider": newSAMLProvider, "GetSAMLProvider": aSAMLProvider, "ListSAMLProviders": anything, "UpdateSAMLProvider": aSAMLProvider,
	"DeleteSAMLProvider": aSAMLProvider, "TagSAMLProvider": aSAMLProvider, "UntagSAMLProvider": aSAMLProvider, "ListSAMLProviderTags": aSAMLProvider,

	"SimulateCustomPolicy": anything, "SimulatePrincipalPolicy": aSource,
	"GetContextKeysForCustomPolicy": anything, "GetContextKeysForPrincipalPolicy": aSource, "ListPoliciesGrantingServiceAccess": anEntity,

	"GetLoginProfile": userOrSelf, "UpdateLoginProfile": aUser, "DeleteLoginProfile": userOrSelf,
	"ListMFADevices": userOrSelf, "ListVirtualMFADevices": anything, "ListSSHPublicKeys": userOrSelf, "ListSigningCertificates": userOrSelf,
	"ListServiceSpecificCredentials": userOrSelf, "ListServerCertificates": anything,
	"GetInstanceProfile": instanceProfile, "ListInstanceProfiles": instanceProfile, "ListInstanceProfilesForRole": aRole,

	"GetAccountSummary": anything, "GetAccountAuthorizationDetails": anything,
	"ListAccountAliases": anything, "CreateAccountAlias": anything, "DeleteAccountAlias": anything,
	"GetAccountPasswordPolicy": anything, "UpdateAccountPasswordPolicy": anything, "DeleteAccountPasswordPolicy": anything,
	"GenerateCredentialReport": anything, "GetCredentialReport": anything,
}

// Checks is the permission that each signed operation needs.
func (s *Service) Checks(ctx context.Context, op string, in api.Input) ([]access.Check, error) {
	caller := access.FromContext(ctx)
	if caller.Session != nil && caller.Principal.Type != policy.AssumedRole {
		// STS API reference, GetSessionToken and GetFederationToken: their
		// credentials call no IAM operation unless MFA was used, which is not
		// here.
		return nil, access.Denied("User: " + caller.Principal.ARN + " is not authorized to perform: iam:" + op + " with session credentials")
	}
	var checks []access.Check
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		t, err := s.target(tx, subjects[op], input{reflect.ValueOf(in).Elem()}, caller)
		if err != nil {
			return err
		}
		check := access.Check{Action: "iam:" + op, Resource: t.resource, Context: t.conditions(input{reflect.ValueOf(in).Elem()})}
		checks = []access.Check{check}
		if t.second != "" {
			check.Resource = t.second
			checks = append(checks, check)
		}
		return nil
	})
	return checks, err
}

// input reads members of an operation's input by name.
type input struct{ v reflect.Value }

// text is a string member; ok says that it is there.
func (in input) text(name string) (text string, ok bool) {
	f := in.v.FieldByName(name)
	if !f.IsValid() || f.Kind() != reflect.Pointer || f.IsNil() || f.Elem().Kind() != reflect.String {
		return "", false
	}
	return f.Elem().String(), true
}

// or is a string member, or another text when it is not there.
func (in input) or(name, otherwise string) string {
	if t, ok := in.text(name); ok {
		return t
	}
	return otherwise
}

// target is what an operation is about, as far as it exists.
type target struct {
	resource string
	second   string // a further resource that the operation needs, or empty
	tags     []store.IAMTag
	boundary string // the entity's
}

func (s *Service) target(tx *store.Tx, what subject, in input, caller *access.Caller) (*target, error) {
	switch what {
	case aUser:
		return s.existing(tx, store.IAMUser, in.or("UserName", ""))
	case aRole:
		return s.existing(tx, store.IAMRole, in.or("RoleName", ""))
	case aGroup:
		return s.existing(tx, store.IAMGroup, in.or("GroupName", ""))
	case userOrSelf:
		if name, ok := in.text("UserName"); ok {
			return s.existing(tx, store.IAMUser, name)
		}
		if caller.Principal.Type != policy.User {
			return &target{resource: caller.Principal.ARN}, nil
		}
		return s.byID(tx, caller.Principal.UniqueID, caller.Principal.ARN)
	case keyOwner:
		k, err := store.IAMAccessKeyByID(tx, in.or("AccessKeyId", ""))
		if errors.Is(err, store.ErrNotFound) {
			return &target{resource: "*"}, nil
		}
		if err != nil {
			return nil, err
		}
		return s.byID(tx, k.OwnerID, s.rootARN())
	case renamedUser, renamedGroup:
		kind, name := store.IAMUser, "UserName"
		if what == renamedGroup {
			kind, name = store.IAMGroup, "GroupName"
		}
		t, err := s.existing(tx, kind, in.or(name, ""))
		if err != nil {
			return nil, err
		}
		path := t.resource[strings.IndexByte(t.resource, '/') : strings.LastIndexByte(t.resource, '/')+1]
		t.second = s.arnOf(kind, in.or("NewPath", path), in.or("New"+name, in.or(name, "")))
		return t, nil
	case aPolicy:
		t := &target{resource: in.or("PolicyArn", "")}
		p, err := store.IAMPolicyByARN(tx, t.resource)
		if errors.Is(err, store.ErrNotFound) {
			return t, nil
		}
		if err == nil {
			t.tags = p.Tags
		}
		return t, err
	case aSource:
		return s.ofARN(tx, in.or("PolicySourceArn", ""))
	case anEntity:
		return s.ofARN(tx, in.or("Arn", ""))
	case aSAMLProvider:
		t := &target{resource: in.or("SAMLProviderArn", "")}
		p, err := store.IAMSAMLProviderByARN(tx, t.resource)
		if errors.Is(err, store.ErrNotFound) {
			return t, nil
		}
		if err == nil {
			t.tags = p.Tags
		}
		return t, err
	case newSAMLProvider:
		return &target{resource: s.samlPrefix() + in.or("Name", "")}, nil
	case instanceProfile:
		return &target{resource: s.arnOf("instance-profile", in.or("PathPrefix", "/"), in.or("InstanceProfileName", ""))}, nil
	case aProvider:
		t := &target{resource: in.or("OpenIDConnectProviderArn", "")}
		p, err := store.IAMOIDCProviderByARN(tx, t.resource)
		if errors.Is(err, store.ErrNotFound) {
			return t, nil
		}
		if err == nil {
			t.tags = p.Tags
		}
		return t, err
	case newProvider:
		return &target{resource: s.oidcPrefix() + nameOf(in.or("Url", ""))}, nil
	case newUser:
		return &target{resource: s.arnOf(store.IAMUser, in.or("Path", "/"), in.or("UserName", ""))}, nil
	case newRole:
		return &target{resource: s.arnOf(store.IAMRole, in.or("Path", "/"), in.or("RoleName", ""))}, nil
	case newGroup:
		return &target{resource: s.arnOf(store.IAMGroup, in.or("Path", "/"), in.or("GroupName", ""))}, nil
	case newPolicy:
		return &target{resource: s.arnOf("policy", in.or("Path", "/"), in.or("PolicyName", ""))}, nil
	case usersAt:
		return &target{resource: s.arnOf(store.IAMUser, in.or("PathPrefix", "/"), "")}, nil
	case rolesAt:
		return &target{resource: s.arnOf(store.IAMRole, in.or("PathPrefix", "/"), "")}, nil
	case groupsAt:
		return &target{resource: s.arnOf(store.IAMGroup, in.or("PathPrefix", "/"), "")}, nil
	}
	return &target{resource: "*"}, nil
}

// existing is the entity of a name with its real path; without one, the ARN that
// it would have.
func (s *Service) existing(tx *store.Tx, kind, name string) (*target, error) {
	e, err := store.IAMEntityByName(tx, kind, name)
	return s.targetOf(e, err, s.arnOf(kind, "/", name))
}

func (s *Service) ofARN(tx *store.Tx, arn string) (*target, error) {
	e, err := s.entityByARN(tx, arn)
	return s.targetOf(e, err, arn)
}

func (s *Service) byID(tx *store.Tx, id, otherwise string) (*target, error) {
	e, err := store.IAMEntityByID(tx, id)
	return s.targetOf(e, err, otherwise)
}

func (s *Service) targetOf(e *store.IAMEntity, err error, otherwise string) (*target, error) {
	if errors.Is(err, store.ErrNotFound) {
		return &target{resource: otherwise}, nil
	}
	if err != nil {
		return nil, err
	}
	return &target{resource: s.arn(e), tags: e.Tags, boundary: e.Boundary}, nil
}

// conditions are the condition keys of a request about the target.
func (t *target) conditions(in input) policy.Context {
	c := policy.Context{}
	for _, tag := range t.tags {
		c["aws:resourcetag/"+strings.ToLower(tag.Key)] = []string{tag.Value}
		c["iam:resourcetag/"+strings.ToLower(tag.Key)] = []string{tag.Value}
	}
	if f := in.v.FieldByName("Tags"); f.IsValid() && f.Len() > 0 {
		for _, tag := range f.Interface().([]iam.Tag) {
			c["aws:requesttag/"+strings.ToLower(*tag.Key)] = []string{*tag.Value}
			c["aws:tagkeys"] = append(c["aws:tagkeys"], *tag.Key)
		}
	}
	if f := in.v.FieldByName("TagKeys"); f.IsValid() {
		c["aws:tagkeys"] = f.Interface().([]string)
	}
	// The policy that is attached or detached; not that which an operation is
	// about, whose ARN is the resource.
	if arn, ok := in.text("PolicyArn"); ok && arn != t.resource {
		c["iam:policyarn"] = []string{arn}
	}
	if arn := in.or("PermissionsBoundary", t.boundary); arn != "" {
		c["iam:permissionsboundary"] = []string{arn}
	}
	return c
}
