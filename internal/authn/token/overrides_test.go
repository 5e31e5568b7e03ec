package token_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// add makes claims to add from pairs of a name and a JSON value.
func add(pairs ...string) map[string]jsontext.Value {
	m := map[string]jsontext.Value{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = jsontext.Value(pairs[i+1])
	}
	return m
}

func (f *fixture) mintOverridden(t testing.TB, o *token.Overrides) (*token.Set, error) {
	return f.Mint(t.Context(), &token.Grant{Pool: &pool.Pool{ID: poolA}, Client: f.client, SessionID: "session", EventID: "event", AuthTime: f.Now(),
		Scope: token.ScopeAdmin + " openid", Groups: pool.Groups{Names: []string{"g1"}, Roles: []string{"arn:r1"}, PreferredRole: "arn:r1"}, Overrides: o,
		User: &store.User{Sub: "sub", Username: "jane", Attributes: []store.Attribute{{Name: "email", Value: "j@example.com"}, {Name: "email_verified", Value: "true"},
			{Name: "identities", Value: `[{"userId":"1"}]`}}}})
}

// TestMint_overrides says what each member changes, as the difference from the
// tokens without a function: "-name" is gone, "name=JSON" is new or another.
func TestMint_overrides(t *testing.T) {
	f := setup(t)
	claims := func(o *token.Overrides) (access, id map[string]any) {
		s, err := f.mintOverridden(t, o)
		if err != nil {
			t.Fatal(err)
		}
		return payload(t, s.Access), payload(t, s.ID)
	}
	plainAccess, plainID := claims(nil)
	difference := func(was, is map[string]any) string {
		var list []string
		for name := range was {
			if _, has := is[name]; !has {
				list = append(list, "-"+name)
			}
		}
		for name, v := range is {
			now, _ := json.Marshal(v)
			if then, _ := json.Marshal(was[name]); string(then) != string(now) && name != "jti" {
				list = append(list, name+"="+string(now))
			}
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	everyProtected := map[string]jsontext.Value{}
	for _, name := range []string{"acr", "amr", "at_hash", "auth_time", "azp", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "token_use", "sub",
		"client_id", "event_id", "device_key", "version", "username", "cognito:username", "identities", "cognito:groups", "cognito:roles", "cognito:preferred_role",
		"cognito:other", "dev:custom:x"} {
		everyProtected[name] = jsontext.Value(`"x"`)
	}
	protectedNames := slices.DeleteFunc(slices.Collect(maps.Keys(everyProtected)), func(s string) bool { return s == "cognito:groups" })
	for _, c := range []struct {
		name       string
		o          token.Overrides
		access, id string
	}{
		{"nothing", token.Overrides{}, "", ""},
		{"ID: add and override", token.Overrides{ID: token.Changes{Add: add("plan", `"gold"`, "email", `"other@example.com"`, "custom:n", `"1"`)}},
			"", `custom:n="1" email="other@example.com" plan="gold"`},
		{"ID: any JSON value", token.Overrides{ID: token.Changes{Add: add("o", `{"a":[1,{"b":null}]}`, "l", `["x",2]`, "b", `false`, "n", `1.5`)}},
			"", `b=false l=["x",2] n=1.5 o={"a":[1,{"b":null}]}`},
		{"ID: null adds nothing", token.Overrides{ID: token.Changes{Add: add("x", `null`, "email", `null`)}}, "", ""},
		{"ID: scalars for the four", token.Overrides{ID: token.Changes{Add: add("email_verified", `false`, "updated_at", `5`, "address", `"x"`, "phone_number_verified", `"true"`)}},
			"", `address="x" email_verified=false phone_number_verified="true" updated_at=5`},
		{"ID: suppress", token.Overrides{ID: token.Changes{Suppress: []string{"email", "email_verified", "nothing", "dev:custom:x"}}}, "", "-email -email_verified"},
		{"ID: suppression wins", token.Overrides{ID: token.Changes{Add: add("email", `"x"`, "plan", `"x"`), Suppress: []string{"email", "plan"}}}, "", "-email"},
		{"ID: suppressing the groups takes the roles", token.Overrides{ID: token.Changes{Suppress: []string{"cognito:groups"}}},
			"", "-cognito:groups -cognito:preferred_role -cognito:roles"},
		{"ID: roles are not suppressed by themselves", token.Overrides{ID: token.Changes{Suppress: []string{"cognito:roles", "cognito:preferred_role"}}}, "", ""},
		{"ID: protected claims stay", token.Overrides{ID: token.Changes{Add: everyProtected, Suppress: append(protectedNames, "aud")}}, "", ""},
		{"ID: aud stays", token.Overrides{ID: token.Changes{Add: add("aud", `"x"`)}}, "", ""},
		{"ID: scope as text", token.Overrides{ID: token.Changes{Add: add("scope", `"a b"`)}}, "", `scope="a b"`},
		{"access: add", token.Overrides{Access: token.Changes{Add: add("plan", `["gold"]`, "email", `"j@example.com"`)}}, `email="j@example.com" plan=["gold"]`, ""},
		{"access: protected claims stay", token.Overrides{Access: token.Changes{Add: everyProtected, Suppress: protectedNames}}, "", ""},
		{"access: scope is not a claim to add", token.Overrides{Access: token.Changes{Add: add("scope", `"all"`), Suppress: []string{"scope"}}}, "", ""},
		{"access: aud is the client", token.Overrides{Access: token.Changes{Add: add("aud", `"client"`)}}, `aud="client"`, ""},
		{"access: aud suppressed", token.Overrides{Access: token.Changes{Add: add("aud", `"client"`), Suppress: []string{"aud"}}}, "", ""},
		{"access: suppress the groups", token.Overrides{Access: token.Changes{Suppress: []string{"cognito:groups"}}}, "-cognito:groups", ""},
		{"scopes", token.Overrides{ScopesToAdd: []string{"api/read", "openid", "api/read"}, ScopesToSuppress: []string{token.ScopeAdmin, "absent"}}, `scope="openid api/read"`, ""},
		{"scopes: suppression wins", token.Overrides{ScopesToAdd: []string{"x"}, ScopesToSuppress: []string{"x"}}, "", ""},
		{"scopes: none is left", token.Overrides{ScopesToSuppress: []string{token.ScopeAdmin, "openid"}}, "-scope", ""},
		{"scopes: the one of Cognito", token.Overrides{ScopesToAdd: []string{token.ScopeAdmin}}, "", ""},
		{"groups in both tokens", token.Overrides{Groups: []string{"g2", "not in the pool"}}, `cognito:groups=["g2","not in the pool"]`, `cognito:groups=["g2","not in the pool"]`},
		{"no groups", token.Overrides{Groups: []string{}}, "-cognito:groups", "-cognito:groups"},
		{"roles in the ID token", token.Overrides{Roles: []string{"arn:r2"}, PreferredRole: new("arn:r2")}, "", `cognito:preferred_role="arn:r2" cognito:roles=["arn:r2"]`},
		{"no roles", token.Overrides{Roles: []string{}, PreferredRole: new("")}, "", "-cognito:preferred_role -cognito:roles"},
		{"groups replaced and suppressed", token.Overrides{Groups: []string{"g2"}, ID: token.Changes{Suppress: []string{"cognito:groups"}}},
			`cognito:groups=["g2"]`, "-cognito:groups -cognito:preferred_role -cognito:roles"},
	} {
		t.Run(c.name, func(t *testing.T) {
			access, id := claims(&c.o)
			if got := difference(plainAccess, access); got != c.access {
				t.Errorf("access token: %s\nwant %s", got, c.access)
			}
			if got := difference(plainID, id); got != c.id {
				t.Errorf("ID token: %s\nwant %s", got, c.id)
			}
			// Whatever was changed, this server can read its own tokens.
			s, err := f.mintOverridden(t, &c.o)
			if err != nil {
				t.Fatal(err)
			}
			for use, text := range map[string]string{"access": s.Access, "id": s.ID} {
				if _, err := f.Verify(t.Context(), poolA, use, text); err != nil {
					t.Errorf("%s: %v", use, err)
				}
			}
		})
	}
}

func TestMint_overridesRefused(t *testing.T) {
	f := setup(t)
	for _, c := range []struct {
		name string
		o    token.Overrides
		want string
	}{
		{"email_verified", token.Overrides{ID: token.Changes{Add: add("email_verified", `{}`)}}, "the claim email_verified of an ID token cannot be an object or an array."},
		{"phone_number_verified", token.Overrides{ID: token.Changes{Add: add("phone_number_verified", `[]`)}}, "the claim phone_number_verified of an ID token cannot be an object or an array."},
		{"updated_at", token.Overrides{ID: token.Changes{Add: add("updated_at", `[1]`)}}, "the claim updated_at of an ID token cannot be an object or an array."},
		{"address", token.Overrides{ID: token.Changes{Add: add("address", `{"formatted":"x"}`)}}, "the claim address of an ID token cannot be an object or an array."},
		{"scope of an ID token", token.Overrides{ID: token.Changes{Add: add("scope", `["a"]`)}}, "the claim scope of an ID token must be a string."},
		{"aud", token.Overrides{Access: token.Changes{Add: add("aud", `"https://api.example.com"`)}}, "aud of an access token must be the app client id."},
		{"aud as a list", token.Overrides{Access: token.Changes{Add: add("aud", `["client"]`)}}, "aud of an access token must be the app client id."},
		{"scope with a blank", token.Overrides{ScopesToAdd: []string{"a b"}}, "a scope must have the form of RFC 6749, without blanks."},
		{"empty scope", token.Overrides{ScopesToAdd: []string{""}}, "a scope must have the form of RFC 6749, without blanks."},
		{"scope with a new line", token.Overrides{ScopesToAdd: []string{"a\nb"}}, "a scope must have the form of RFC 6749, without blanks."},
		{"scope with a quote", token.Overrides{ScopesToAdd: []string{`a"`}}, "a scope must have the form of RFC 6749, without blanks."},
		{"scope of Cognito", token.Overrides{ScopesToAdd: []string{"aws.cognito.signin.other"}}, "the scope aws.cognito.signin.other cannot be added."},
		{"too large", token.Overrides{Access: token.Changes{Add: add("x", `"`+strings.Repeat("x", 64<<10)+`"`)}}, "the token would be too large."},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.mintOverridden(t, &c.o)
			var e *cognitoidp.InvalidLambdaResponseException
			if !errors.As(err, &e) || e.Message != "Invalid lambda function output : "+c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func BenchmarkMint_overrides(b *testing.B) {
	f := setup(b)
	o := &token.Overrides{ID: token.Changes{Add: add("plan", `"gold"`)}, Access: token.Changes{Add: add("plan", `"gold"`)}, ScopesToAdd: []string{"api/read"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.mintOverridden(b, o); err != nil {
			b.Fatal(err)
		}
	}
}
