package trigger

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
)

type groupConfiguration struct {
	Groups        []string `json:"groupsToOverride"`
	Roles         []string `json:"iamRolesToOverride"`
	PreferredRole *string  `json:"preferredRole"`
}

// overridesV1 and overridesV2 are the answers; of the members that are null or
// absent nothing is changed.
type overridesV1 struct {
	Details *struct {
		Add      map[string]string   `json:"claimsToAddOrOverride"`
		Suppress []string            `json:"claimsToSuppress"`
		Groups   *groupConfiguration `json:"groupOverrideDetails"`
	} `json:"claimsOverrideDetails"`
}

type overridesV2 struct {
	Details *struct {
		ID *struct {
			Add      map[string]jsontext.Value `json:"claimsToAddOrOverride"`
			Suppress []string                  `json:"claimsToSuppress"`
		} `json:"idTokenGeneration"`
		Access *struct {
			Add              map[string]jsontext.Value `json:"claimsToAddOrOverride"`
			Suppress         []string                  `json:"claimsToSuppress"`
			ScopesToAdd      []string                  `json:"scopesToAdd"`
			ScopesToSuppress []string                  `json:"scopesToSuppress"`
		} `json:"accessTokenGeneration"`
		Groups *groupConfiguration `json:"groupOverrideDetails"`
	} `json:"claimsAndScopeOverrideDetails"`
}

// HasPreToken reports whether a pool has a pre token generation function.
func HasPreToken(p *pool.Pool) bool { f, _ := preToken(p); return f != "" }

// preToken is a pool's pre token generation function and the version of its
// event.
func preToken(p *pool.Pool) (function string, version cognitoidp.PreTokenGenerationLambdaVersionType) {
	l := functions(p)
	if c := l.PreTokenGenerationConfig; c != nil {
		return *c.LambdaArn, *c.LambdaVersion
	}
	if has(l.PreTokenGeneration) {
		return *l.PreTokenGeneration, cognitoidp.PreTokenGenerationLambdaVersionTypeV10
	}
	return "", ""
}

// PreToken asks what the tokens of a grant say, and puts the answer into it.
// The source is TokenGeneration_Authentication or another of its family.
func (c *Caller) PreToken(ctx context.Context, call *Call, source string, g *token.Grant) error {
	f, version := preToken(call.Pool)
	if f == "" {
		return nil
	}
	groups := groupConfiguration{Groups: g.Groups.Names, Roles: g.Groups.Roles}
	if g.Groups.PreferredRole != "" {
		groups.PreferredRole = &g.Groups.PreferredRole
	}
	i := invocation{function: f, trigger: "PreTokenGeneration", source: source}
	if version == cognitoidp.PreTokenGenerationLambdaVersionTypeV10 {
		i.response = `{"claimsOverrideDetails":null}`
		i.request = struct {
			UserAttributes map[string]string  `json:"userAttributes"`
			Groups         groupConfiguration `json:"groupConfiguration"`
			ClientMetadata map[string]string  `json:"clientMetadata,omitzero"`
		}{call.userAttributes(), groups, call.Metadata}
		var out overridesV1
		if err := c.invoke(ctx, call, i, &out); err != nil {
			return err
		}
		g.Overrides = out.overrides()
		return nil
	}
	i.version = "2"
	if version == cognitoidp.PreTokenGenerationLambdaVersionTypeV30 {
		i.version = "3"
	}
	i.response = `{"claimsAndScopeOverrideDetails":null}`
	i.request = struct {
		UserAttributes map[string]string  `json:"userAttributes"`
		Scopes         []string           `json:"scopes"`
		Groups         groupConfiguration `json:"groupConfiguration"`
		ClientMetadata map[string]string  `json:"clientMetadata,omitzero"`
	}{call.userAttributes(), strings.Fields(g.Scope), groups, call.Metadata}
	var out overridesV2
	if err := c.invoke(ctx, call, i, &out); err != nil {
		return err
	}
	g.Overrides = out.overrides()
	return nil
}

// PreTokenOfClient asks what the token of a client that acts for itself says.
// Only functions of version 3 are asked (tokens.md, section 9).
func (c *Caller) PreTokenOfClient(ctx context.Context, call *Call, g *token.Grant) error {
	if _, version := preToken(call.Pool); version != cognitoidp.PreTokenGenerationLambdaVersionTypeV30 {
		return nil
	}
	return c.PreToken(ctx, call, "TokenGeneration_ClientCredentials", g)
}

func (v *overridesV1) overrides() *token.Overrides {
	if v.Details == nil {
		return nil
	}
	o := &token.Overrides{ID: token.Changes{Suppress: v.Details.Suppress}}
	if len(v.Details.Add) > 0 {
		o.ID.Add = map[string]jsontext.Value{}
	}
	for name, text := range v.Details.Add {
		o.ID.Add[name] = jsontext.Value(quote(text))
	}
	v.Details.Groups.put(o)
	return o
}

// quote is a text as JSON. It was read from JSON, so it is valid.
func quote(text string) []byte {
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		panic(err)
	}
	return b
}

func (v *overridesV2) overrides() *token.Overrides {
	d := v.Details
	if d == nil {
		return nil
	}
	o := &token.Overrides{}
	if d.ID != nil {
		o.ID = token.Changes(*d.ID)
	}
	if a := d.Access; a != nil {
		o.Access = token.Changes{Add: a.Add, Suppress: a.Suppress}
		o.ScopesToAdd, o.ScopesToSuppress = a.ScopesToAdd, a.ScopesToSuppress
	}
	d.Groups.put(o)
	return o
}

func (g *groupConfiguration) put(o *token.Overrides) {
	if g != nil {
		o.Groups, o.Roles, o.PreferredRole = g.Groups, g.Roles, g.PreferredRole
	}
}
