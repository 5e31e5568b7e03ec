package token

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"gatehouse/internal/api/cognitoidp"
)

// Overrides are what a pool's pre token generation function changes in the
// tokens of one sign-in or refresh (tokens.md, section 9). What is nil changes
// nothing.
type Overrides struct {
	ID, Access       Changes
	ScopesToAdd      []string // to the access token
	ScopesToSuppress []string
	// Groups and Roles replace the user's; empty ones leave none.
	Groups, Roles []string
	PreferredRole *string
}

// Changes are those of one token's claims. A claim that is in both goes.
type Changes struct {
	Add      map[string]jsontext.Value
	Suppress []string
}

// protected are the claims that no function changes. Those that it names are
// kept without a word, as in AWS.
var protected = map[string]bool{
	"acr": true, "amr": true, "at_hash": true, "auth_time": true, "azp": true, "exp": true, "iat": true, "iss": true, "jti": true, "nbf": true,
	"nonce": true, "origin_jti": true, "token_use": true, "sub": true, "aud": true, "client_id": true, "event_id": true, "device_key": true,
	"version": true, "username": true, "identities": true, "cnf": true,
}

// isProtected adds the names that begin with cognito:. Groups and roles have
// members of their own.
func isProtected(name string) bool { return protected[name] || strings.HasPrefix(name, "cognito:") }

func badOverride(message string) error {
	return &cognitoidp.InvalidLambdaResponseException{Message: "Invalid lambda function output : " + message}
}

// change applies the overrides to the claims of both tokens.
func (o *Overrides) change(g *Grant, access, id map[string]any) error {
	for _, c := range []map[string]any{access, id} {
		replace(c, "cognito:groups", o.Groups)
	}
	replace(id, "cognito:roles", o.Roles)
	if r := o.PreferredRole; r != nil && *r != "" {
		id["cognito:preferred_role"] = *r
	} else if r != nil {
		delete(id, "cognito:preferred_role")
	}
	if err := o.Access.apply(access, func(name string, v jsontext.Value) error {
		if name != "aud" {
			return nil
		}
		var s string
		if json.Unmarshal(v, &s) != nil || s != g.Client.ID {
			return badOverride("aud of an access token must be the app client id.")
		}
		access["aud"] = s
		return nil
	}, "scope"); err != nil {
		return err
	}
	if err := o.ID.apply(id, checkIDClaim, ""); err != nil {
		return err
	}
	return o.scopes(g, access)
}

// replace sets a claim to a list; a nil one changes nothing.
func replace(c map[string]any, name string, list []string) {
	switch {
	case len(list) > 0:
		c[name] = list
	case list != nil:
		delete(c, name)
	}
}

// apply changes the claims of a token. check sees every claim that is to be
// added; one more name, if not empty, is protected.
func (n *Changes) apply(c map[string]any, check func(name string, v jsontext.Value) error, more string) error {
	for name, v := range n.Add {
		if v.Kind() == 'n' {
			continue // no value is no change
		}
		if err := check(name, v); err != nil {
			return err
		}
		if name != more && !isProtected(name) && !strings.HasPrefix(name, "dev:") {
			c[name] = v
		}
	}
	for _, name := range n.Suppress {
		switch {
		case name == "cognito:groups": // the one door to all three
			delete(c, "cognito:groups")
			delete(c, "cognito:roles")
			delete(c, "cognito:preferred_role")
		case name == "aud" && c["token_use"] == "access": // added by the function, or the resource that was asked for
			delete(c, name)
		case name != more && !isProtected(name):
			delete(c, name)
		}
	}
	return nil
}

// checkIDClaim refuses values that verifiers of ID tokens, this server among
// them, could not read.
func checkIDClaim(name string, v jsontext.Value) error {
	switch name {
	case "email_verified", "phone_number_verified", "updated_at", "address":
		if v.Kind() == '{' || v.Kind() == '[' {
			return badOverride("the claim " + name + " of an ID token cannot be an object or an array.")
		}
	case "scope":
		if v.Kind() != '"' {
			return badOverride("the claim scope of an ID token must be a string.")
		}
	}
	return nil
}

// scopes changes the scope of the access token. The session keeps its own: a
// refresh asks the function again.
func (o *Overrides) scopes(g *Grant, access map[string]any) error {
	if len(o.ScopesToAdd)+len(o.ScopesToSuppress) == 0 {
		return nil
	}
	list := strings.Fields(g.Scope)
	for _, s := range o.ScopesToAdd {
		if !isScope(s) {
			return badOverride("a scope must have the form of RFC 6749, without blanks.")
		}
		if strings.HasPrefix(s, "aws.cognito") && s != ScopeAdmin {
			return badOverride("the scope " + s + " cannot be added.")
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return slices.Contains(o.ScopesToSuppress, s) })
	if len(list) == 0 {
		delete(access, "scope")
		return nil
	}
	access["scope"] = strings.Join(list, " ")
	return nil
}

// isScope reports whether s is a scope-token of RFC 6749, section 3.3.
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x21 || r > 0x7e || r == '"' || r == '\\' })
}
