package identitypool

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
)

// attributeMap says which claims of a provider's tokens become principal tags:
// tag key → claim.
type attributeMap struct {
	UseDefaults   bool              `json:",omitempty"`
	PrincipalTags map[string]string `json:",omitempty"`
}

// defaultTags is the default map of every provider that is an OpenID Connect
// one (Cognito developer guide, "Using attributes for access control").
var defaultTags = map[string]string{"client": "aud", "username": "sub"}

// maxClaimNames bounds the names of the claims together, in bytes (Cognito
// developer guide, "Using attributes for access control").
const maxClaimNames = 460

// tags reports whether a name is that of a provider whose claims may become
// tags: its key in Logins, or the ARN of an IAM provider.
func (p *identityPool) tags(name string) bool {
	for _, c := range p.settings.CognitoIdentityProviders {
		if *c.ProviderName == name {
			return true
		}
	}
	if _, ok := p.settings.SupportedLoginProviders[name]; ok {
		return true
	}
	return slices.Contains(p.settings.SamlProviderARNs, name) || slices.ContainsFunc(p.settings.OpenIdConnectProviderARNs, func(arn string) bool {
		return arn == name || oidcKey(arn) == name
	})
}

// oidcKey is the key in Logins of an IAM provider: its URL without the scheme.
func oidcKey(arn string) string {
	_, key, _ := strings.Cut(arn, ":oidc-provider/")
	return key
}

// SetPrincipalTagAttributeMap says which claims of a provider's tokens become
// tags of the session. A map without tags takes them away.
func (s *Service) SetPrincipalTagAttributeMap(ctx context.Context, in *cognitoidentity.SetPrincipalTagAttributeMapInput) (*cognitoidentity.SetPrincipalTagAttributeMapOutput, error) {
	seen, names := map[string]bool{}, 0
	for key, claim := range in.PrincipalTags {
		if err := checkTagKey(key, seen); err != nil {
			return nil, err
		}
		names += len(claim)
	}
	if names > maxClaimNames {
		return nil, invalid("The names of the attributes are too long together: at most " + strconv.Itoa(maxClaimNames) + " bytes.")
	}
	m := attributeMap{UseDefaults: api.Value(in.UseDefaults), PrincipalTags: in.PrincipalTags}
	if m.UseDefaults {
		m.PrincipalTags = defaultTags
	}
	err := s.change(ctx, *in.IdentityPoolId, func(p *identityPool) error {
		if !p.tags(*in.IdentityProviderName) {
			return noProvider(*in.IdentityProviderName)
		}
		if p.roles.PrincipalTags == nil {
			p.roles.PrincipalTags = map[string]attributeMap{}
		}
		p.roles.PrincipalTags[*in.IdentityProviderName] = m
		if len(m.PrincipalTags) == 0 {
			delete(p.roles.PrincipalTags, *in.IdentityProviderName)
		}
		return nil
	})
	return &cognitoidentity.SetPrincipalTagAttributeMapOutput{IdentityPoolId: in.IdentityPoolId, IdentityProviderName: in.IdentityProviderName,
		UseDefaults: &m.UseDefaults, PrincipalTags: m.PrincipalTags}, err
}

func noProvider(name string) error {
	return invalid("(" + name + ") is not a configured provider of this identity pool.")
}

// checkTagKey sees that a session may have a tag of that key. Keys are compared
// without regard to case.
func checkTagKey(key string, seen map[string]bool) error {
	k := strings.ToLower(key)
	if strings.HasPrefix(k, "aws:") {
		return invalid("Principal tags cannot begin with aws: (" + key + ").")
	}
	if seen[k] {
		return invalid("Principal tags cannot differ in case alone (" + key + ").")
	}
	seen[k] = true
	return nil
}

// GetPrincipalTagAttributeMap shows which claims of a provider become tags.
func (s *Service) GetPrincipalTagAttributeMap(ctx context.Context, in *cognitoidentity.GetPrincipalTagAttributeMapInput) (*cognitoidentity.GetPrincipalTagAttributeMapOutput, error) {
	p, err := s.pool(ctx, *in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	if !p.tags(*in.IdentityProviderName) {
		return nil, noProvider(*in.IdentityProviderName)
	}
	m := p.roles.PrincipalTags[*in.IdentityProviderName]
	return &cognitoidentity.GetPrincipalTagAttributeMapOutput{IdentityPoolId: &p.id, IdentityProviderName: in.IdentityProviderName,
		UseDefaults: &m.UseDefaults, PrincipalTags: m.PrincipalTags}, nil
}

// principalTags are the tags that the logins give, nil for none. A claim that
// is not there, or is no text, gives no tag; of two logins the first wins.
func (p *identityPool) principalTags(logins []login) (map[string]string, error) {
	var tags map[string]string
	seen := map[string]bool{}
	for _, l := range logins {
		m, ok := p.roles.PrincipalTags[l.Provider]
		if !ok {
			m, ok = p.roles.PrincipalTags[l.mapping]
		}
		if !ok || l.claims == nil {
			continue
		}
		claims, err := l.claims()
		if err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(m.PrincipalTags)) {
			value, ok := text(claims[m.PrincipalTags[key]])
			if k := strings.ToLower(key); ok && !seen[k] {
				if tags == nil {
					tags = map[string]string{}
				}
				seen[k], tags[key] = true, value
			}
		}
	}
	return tags, nil
}
