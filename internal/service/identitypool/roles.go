package identitypool

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
)

// roles are what SetIdentityPoolRoles sets, and the tags of the sessions by
// provider.
type roles struct {
	Roles         map[string]string                      `json:",omitempty"`
	RoleMappings  map[string]cognitoidentity.RoleMapping `json:",omitempty"`
	PrincipalTags map[string]attributeMap                `json:",omitempty"`
}

// maxRules is the service's limit of rules for a provider (Cognito developer
// guide, "Using rule-based mapping to assign roles to users").
const maxRules = 25

func roleForbidden(arn string) error {
	return notAuthorized("Access to Role '" + arn + "' is forbidden.")
}

// SetIdentityPoolRoles replaces the roles of a pool. The caller must be
// allowed to pass each of them, those of the rules included.
func (s *Service) SetIdentityPoolRoles(ctx context.Context, in *cognitoidentity.SetIdentityPoolRolesInput) (*cognitoidentity.SetIdentityPoolRolesOutput, error) {
	if _, err := s.pool(ctx, *in.IdentityPoolId); err != nil {
		return nil, err
	}
	var arns []string
	for kind, arn := range in.Roles {
		if kind != "authenticated" && kind != "unauthenticated" {
			return nil, invalid("Invalid role type " + kind + ": it must be authenticated or unauthenticated.")
		}
		arns = append(arns, arn)
	}
	for _, key := range slices.Sorted(maps.Keys(in.RoleMappings)) {
		m := in.RoleMappings[key]
		if err := checkMapping(key, &m); err != nil {
			return nil, err
		}
		for _, r := range rules(&m) {
			arns = append(arns, *r.RoleARN)
		}
	}
	slices.Sort(arns)
	for _, arn := range slices.Compact(arns) {
		if err := s.mayPass(ctx, arn); err != nil {
			return nil, err
		}
	}
	return &cognitoidentity.SetIdentityPoolRolesOutput{}, s.change(ctx, *in.IdentityPoolId, func(p *identityPool) error {
		for _, key := range slices.Sorted(maps.Keys(in.RoleMappings)) {
			if !p.maps(key) {
				return invalid("(" + key + ") is not a valid RoleMapping ProviderName or is not a configured provider.")
			}
		}
		p.roles.Roles, p.roles.RoleMappings = in.Roles, in.RoleMappings
		return nil
	})
}

// mayPass sees that a role exists and that the caller may give it away. Both
// refusals read the same.
func (s *Service) mayPass(ctx context.Context, arn string) error {
	err := access.Require(ctx, s.Access, access.FromContext(ctx), access.Check{Action: "iam:PassRole", Resource: arn,
		Context: policy.Context{"iam:passedtoservice": {Provider}}})
	var denied *access.Error
	if errors.As(err, &denied) {
		return roleForbidden(arn)
	}
	if err != nil {
		return err
	}
	if _, err = s.Roles.Role(ctx, arn); errors.Is(err, access.ErrNoRole) {
		return roleForbidden(arn)
	}
	return err
}

// rules are the rules of a mapping, if it has any.
func rules(m *cognitoidentity.RoleMapping) []cognitoidentity.MappingRule {
	if m.RulesConfiguration == nil {
		return nil
	}
	return m.RulesConfiguration.Rules
}

func checkMapping(key string, m *cognitoidentity.RoleMapping) error {
	n := len(rules(m))
	switch {
	case m.AmbiguousRoleResolution == nil: // required for both types
		return invalid("AmbiguousRoleResolution is required for the role mapping of " + key + ".")
	case *m.Type == cognitoidentity.RoleMappingTypeToken && n > 0:
		return invalid("RulesConfiguration is not allowed for a role mapping of type Token.")
	case *m.Type == cognitoidentity.RoleMappingTypeRules && n == 0:
		return invalid("RulesConfiguration is required for a role mapping of type Rules.")
	case n > maxRules:
		return invalid("A role mapping can have at most " + strconv.Itoa(maxRules) + " rules.")
	}
	return nil
}

// maps reports whether key names a provider that the pool has, in the form of
// role mappings: a user pool with its client, the domain of a public provider,
// or the ARN of an IAM provider.
func (p *identityPool) maps(key string) bool {
	for _, c := range p.settings.CognitoIdentityProviders {
		if key == *c.ProviderName+":"+*c.ClientId {
			return true
		}
	}
	_, public := p.settings.SupportedLoginProviders[key]
	return public || slices.Contains(p.settings.OpenIdConnectProviderARNs, key) || slices.Contains(p.settings.SamlProviderARNs, key)
}

// GetIdentityPoolRoles shows the roles of a pool.
func (s *Service) GetIdentityPoolRoles(ctx context.Context, in *cognitoidentity.GetIdentityPoolRolesInput) (*cognitoidentity.GetIdentityPoolRolesOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetIdentityPoolRolesOutput{IdentityPoolId: &p.id, Roles: p.roles.Roles, RoleMappings: p.roles.RoleMappings}, nil
}

// role is the role that an identity gets in the enhanced flow
// (identity-pools.md, section 8). Of several logins the first that has a
// mapping decides, in the order of their keys. custom is CustomRoleArn, or "".
func (a *actor) role(custom string) (string, error) {
	for i := range a.logins {
		l := &a.logins[i]
		if m, ok := a.pool.roles.RoleMappings[l.mapping]; ok && l.mapping != "" {
			return a.mapped(l, &m, custom)
		}
	}
	kind := "authenticated"
	if len(a.logins) == 0 {
		kind = "unauthenticated"
	}
	role := a.pool.roles.Roles[kind]
	switch {
	case custom != "" && custom != role:
		return "", roleForbidden(custom)
	case role == "":
		return "", errPoolRoles
	}
	return role, nil
}

// mapped is the role that a login's mapping says. What a caller asks for by
// CustomRoleArn is given only if the token or a rule gives it.
func (a *actor) mapped(l *login, m *cognitoidentity.RoleMapping, custom string) (string, error) {
	claims, err := l.claims()
	if err != nil {
		return "", err
	}
	role := ""
	if *m.Type == cognitoidentity.RoleMappingTypeToken {
		role = tokenRole(l, claims, custom)
	} else {
		role = ruleRole(rules(m), claims, custom)
	}
	switch {
	case role != "":
		return role, nil
	case custom != "":
		return "", roleForbidden(custom)
	case *m.AmbiguousRoleResolution == cognitoidentity.AmbiguousRoleResolutionTypeDeny:
		return "", notAuthorized("The ambiguous role mapping rules for: " + l.Provider + " denied this request.")
	}
	if role = a.pool.roles.Roles["authenticated"]; role == "" {
		return "", errPoolRoles
	}
	return role, nil
}

// tokenRole is the role that a user pool's token names, or "". Tokens of other
// providers name none: they may not choose among this account's roles.
func tokenRole(l *login, claims map[string]any, custom string) string {
	if _, ok := userPoolOf(l.Provider); !ok {
		return ""
	}
	if custom != "" {
		if member(claims["cognito:roles"], custom) {
			return custom
		}
		return ""
	}
	role, _ := claims["cognito:preferred_role"].(string)
	return role
}

// ruleRole is the role of the first rule that matches, or "". With custom, only
// the rules of that role count.
func ruleRole(list []cognitoidentity.MappingRule, claims map[string]any, custom string) string {
	for _, r := range list {
		if (custom == "" || custom == *r.RoleARN) && matches(&r, claims[*r.Claim]) {
			return *r.RoleARN
		}
	}
	return ""
}

// matches compares a claim with a rule. A claim that is not there matches no
// rule, not even NotEqual. A list has members, for which Contains looks; the
// others compare text.
func matches(r *cognitoidentity.MappingRule, claim any) bool {
	value, kind := *r.Value, *r.MatchType
	if list, ok := claim.([]any); ok {
		return kind == cognitoidentity.MappingRuleMatchTypeContains && member(list, value)
	}
	have, ok := text(claim)
	if !ok {
		return false
	}
	switch kind {
	case cognitoidentity.MappingRuleMatchTypeEquals:
		return have == value
	case cognitoidentity.MappingRuleMatchTypeNotEqual:
		return have != value
	case cognitoidentity.MappingRuleMatchTypeStartsWith:
		return strings.HasPrefix(have, value)
	case cognitoidentity.MappingRuleMatchTypeContains:
		return strings.Contains(have, value)
	}
	return false
}

// member reports whether a claim that is a list holds a text.
func member(claim any, text string) bool {
	list, _ := claim.([]any)
	return slices.Contains(list, any(text))
}

// text is a claim as text; lists, objects and null are none.
func text(claim any) (string, bool) {
	switch c := claim.(type) {
	case string:
		return c, true
	case bool:
		return strconv.FormatBool(c), true
	case float64:
		return strconv.FormatFloat(c, 'f', -1, 64), true
	}
	return "", false
}
