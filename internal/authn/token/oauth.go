package token

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// What the scopes of OpenID Connect open (hosted-ui-oauth.md, section 7).
const (
	ScopeOpenID  = "openid"
	ScopeEmail   = "email"
	ScopePhone   = "phone"
	ScopeProfile = "profile"
)

// bound reports whether the grant's access token is bound to a key.
func (o *OAuth) bound() bool { return o != nil && o.Key != "" }

// bind writes the key into the claims of an access token (RFC 9449, section 6.1).
func (o *OAuth) bind(claims map[string]any) {
	if o.bound() {
		claims["cnf"] = map[string]string{"jkt": o.Key}
	}
}

// hasID reports whether the grant gives an ID token.
func (g *Grant) hasID() bool {
	return g.OAuth == nil || slices.Contains(strings.Fields(g.Scope), ScopeOpenID)
}

// shows reports which attributes the grant's ID token may show, of those that
// the client may read: all of them for the API.
func (g *Grant) shows() func(attribute string) bool {
	if g.OAuth == nil {
		return func(string) bool { return true }
	}
	return Shows(strings.Fields(g.Scope))
}

// Shows reports which attributes scopes open, of those that the client may
// read: openid alone opens all, and so does profile; email and phone open their
// own (tokens.md, section 2).
func Shows(scopes []string) func(attribute string) bool {
	has := func(s string) bool { return slices.Contains(scopes, s) }
	email, phone, profile := has(ScopeEmail), has(ScopePhone), has(ScopeProfile)
	return func(name string) bool {
		switch {
		case profile || !email && !phone:
			return true
		case name == "email" || name == "email_verified":
			return email
		case name == "phone_number" || name == "phone_number_verified":
			return phone
		}
		return false
	}
}

// leftHash is at_hash of an access token (OpenID Connect Core, section 3.1.3.6).
func leftHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return encode(sum[:len(sum)/2])
}

// MintClient makes the access token of a client that acts for itself: of the
// grant it takes pool, client, scope, key and overrides. Such a token has no user
// and no session, and so opens nothing of a user's.
func (i *Issuer) MintClient(ctx context.Context, g *Grant) (*Set, error) {
	ks, err := i.keySet(ctx, g.Pool.ID)
	if err != nil {
		return nil, err
	}
	now := i.config.Now()
	life, _, _ := Validity(g.Client.Settings)
	c := map[string]any{"sub": g.Client.ID, "iss": i.URL(g.Pool.ID), "token_use": "access", "client_id": g.Client.ID, "scope": g.Scope, "version": 2,
		"jti": uuid.NewString(), "auth_time": now.Unix(), "iat": now.Unix(), "exp": now.Add(life).Unix()}
	g.OAuth.bind(c)
	if g.Overrides != nil {
		if err := g.Overrides.change(g, c, map[string]any{}); err != nil {
			return nil, err
		}
		delete(c, "cognito:groups") // there is no user who could be in one
	}
	s := &Set{ExpiresIn: life, Bound: g.OAuth.bound()}
	if s.Access, err = i.sign(ks.current("access", now), c); err != nil {
		return nil, err
	}
	if len(s.Access) > maxToken {
		return nil, badOverride("the token would be too large.")
	}
	return s, nil
}
