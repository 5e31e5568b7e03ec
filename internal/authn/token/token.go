// Package token mints and verifies the tokens of user pools: ID and access
// tokens as RS256 JWTs, refresh tokens as sealed text that only this server
// opens. It keeps the pools' signing keys, their rotation and their key sets.
//
// What a newcomer gets wrong: a good signature is not a good token. A caller
// must also see that the token's session still stands (store.UserAndSession),
// because signing out cannot reach tokens that are already given.
package token

import (
	"context"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/engine"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// ScopeAdmin is the scope of tokens from API sign-in; the user-pool API asks
// for it.
const ScopeAdmin = "aws.cognito.signin.user.admin"

// Config is what an Issuer needs.
type Config struct {
	DB     *store.DB
	Ring   *seal.Ring
	Engine engine.Engine
	Now    func() time.Time
	// Issuer is the iss claim of a pool's tokens: a URL without a trailing
	// slash that ends with the pool's id.
	Issuer func(poolID string) string
}

// Issuer mints and verifies.
type Issuer struct {
	config   Config
	keys     keyCache
	verified verifiedCache
	spare    chan *spareKey
}

// New returns an Issuer.
func New(c Config) *Issuer {
	i := &Issuer{config: c, spare: make(chan *spareKey, 4)}
	i.keys.pools = map[string]*keySet{}
	return i
}

// URL is the issuer of a pool's tokens.
func (i *Issuer) URL(poolID string) string { return i.config.Issuer(poolID) }

// Grant is what tokens are minted for: a sign-in that is complete, or the
// refresh of one.
type Grant struct {
	Pool   *pool.Pool
	Client *pool.Client
	User   *store.User
	// SessionID names the sign-in (origin_jti); EventID is its event_id.
	SessionID, EventID string
	AuthTime           time.Time
	Scope              string
	Groups             pool.Groups
	DeviceKey          string // the device of the sign-in, or ""
	// Overrides are those of the pool's pre token generation function; nil
	// without one.
	Overrides *Overrides
	// OAuth is what an authorization request asked for; nil for tokens of the
	// API.
	OAuth *OAuth
}

// OAuth is what only tokens of the OAuth endpoints have (tokens.md, section 4).
type OAuth struct {
	Nonce    string // of the ID token; "" without
	Resource string // aud of the access token; "" without
	Key      string // thumbprint of the key that the access token is bound to (RFC 9449); "" without
}

// Set is what a sign-in gives.
type Set struct {
	Access, ID, Refresh string
	ExpiresIn           time.Duration // of the access token
	Bound               bool          // the access token is bound to a key
}

// validity is a validity in the unit of the client's settings.
func validity(n *int, unit *cognitoidp.TimeUnitsType, standard time.Duration, standardUnit cognitoidp.TimeUnitsType) time.Duration {
	if n == nil || *n == 0 {
		return standard
	}
	if unit != nil {
		standardUnit = *unit
	}
	return time.Duration(*n) * map[cognitoidp.TimeUnitsType]time.Duration{
		cognitoidp.TimeUnitsTypeSeconds: time.Second, cognitoidp.TimeUnitsTypeMinutes: time.Minute,
		cognitoidp.TimeUnitsTypeHours: time.Hour, cognitoidp.TimeUnitsTypeDays: 24 * time.Hour,
	}[standardUnit]
}

// Validity is how long a client's tokens live (tokens.md, section 5).
func Validity(c *cognitoidp.UserPoolClientType) (access, id, refresh time.Duration) {
	units := c.TokenValidityUnits
	if units == nil {
		units = &cognitoidp.TokenValidityUnitsType{}
	}
	access = validity(c.AccessTokenValidity, units.AccessToken, time.Hour, cognitoidp.TimeUnitsTypeHours)
	id = validity(c.IdTokenValidity, units.IdToken, time.Hour, cognitoidp.TimeUnitsTypeHours)
	refresh = validity(c.RefreshTokenValidity, units.RefreshToken, 30*24*time.Hour, cognitoidp.TimeUnitsTypeDays)
	return access, id, refresh
}

// Mint makes an ID and an access token. Both carry the same session and event;
// each has a jti of its own. OAuth gives no ID token without the scope openid.
// Overrides that cannot be are an InvalidLambdaResponseException.
func (i *Issuer) Mint(ctx context.Context, g *Grant) (*Set, error) {
	ks, err := i.keySet(ctx, g.Pool.ID)
	if err != nil {
		return nil, err
	}
	now := i.config.Now()
	access, id, _ := Validity(g.Client.Settings)
	s := &Set{ExpiresIn: access, Bound: g.OAuth.bound()}
	accessClaims, idClaims := i.accessClaims(g, now, access), i.idClaims(g, now, id)
	if g.Overrides != nil {
		if err := g.Overrides.change(g, accessClaims, idClaims); err != nil {
			return nil, err
		}
	}
	if s.Access, err = i.sign(ks.current("access", now), accessClaims); err != nil {
		return nil, err
	}
	if g.hasID() {
		if g.OAuth != nil {
			idClaims["at_hash"] = leftHash(s.Access)
		}
		if s.ID, err = i.sign(ks.current("id", now), idClaims); err != nil {
			return nil, err
		}
	}
	if g.Overrides != nil && max(len(s.Access), len(s.ID)) > maxToken {
		return nil, badOverride("the token would be too large.")
	}
	return s, nil
}

// common are the claims of both tokens.
func (i *Issuer) common(g *Grant, use string, now time.Time, life time.Duration) map[string]any {
	c := map[string]any{
		"sub": g.User.Sub, "iss": i.URL(g.Pool.ID), "token_use": use, "event_id": g.EventID,
		"auth_time": g.AuthTime.Unix(), "iat": now.Unix(), "exp": now.Add(life).Unix(),
	}
	if g.Client.NamesOrigin() {
		c["jti"], c["origin_jti"] = uuid.NewString(), g.SessionID
	}
	if len(g.Groups.Names) > 0 {
		c["cognito:groups"] = g.Groups.Names
	}
	return c
}

func (i *Issuer) accessClaims(g *Grant, now time.Time, life time.Duration) map[string]any {
	c := i.common(g, "access", now, life)
	c["client_id"], c["username"], c["scope"] = g.Client.ID, g.User.Username, g.Scope
	if g.DeviceKey != "" {
		c["device_key"] = g.DeviceKey
	}
	if g.OAuth != nil {
		c["version"] = 2
		if g.OAuth.Resource != "" {
			c["aud"] = g.OAuth.Resource
		}
		g.OAuth.bind(c)
	}
	return c
}

func (i *Issuer) idClaims(g *Grant, now time.Time, life time.Duration) map[string]any {
	c := i.common(g, "id", now, life)
	c["aud"], c["cognito:username"] = g.Client.ID, g.User.Username
	if len(g.Groups.Roles) > 0 {
		c["cognito:roles"] = g.Groups.Roles
	}
	if g.Groups.PreferredRole != "" {
		c["cognito:preferred_role"] = g.Groups.PreferredRole
	}
	shows := g.shows()
	for _, a := range g.User.Attributes {
		if g.Client.CanRead(a.Name) && shows(a.Name) || a.Name == "identities" {
			c[a.Name] = ClaimValue(a)
		}
	}
	if g.OAuth != nil && g.OAuth.Nonce != "" {
		c["nonce"] = g.OAuth.Nonce
	}
	return c
}

// ClaimValue is the JSON form of an attribute: everything is text but these
// (tokens.md, section 2).
func ClaimValue(a store.Attribute) any {
	switch a.Name {
	case "email_verified", "phone_number_verified":
		return a.Value == "true"
	case "address":
		return map[string]string{"formatted": a.Value}
	case "identities":
		return identitiesClaim(a.Value)
	case "updated_at":
		var n int64
		if json.Unmarshal([]byte(a.Value), &n) == nil {
			return n
		}
	}
	return a.Value
}

// identitiesClaim is the attribute "identities" as a claim: an array of objects
// in which primary and dateCreated are text.
func identitiesClaim(text string) any {
	var list []map[string]any
	if json.Unmarshal([]byte(text), &list) != nil {
		return text
	}
	for _, i := range list {
		if b, ok := i["primary"].(bool); ok {
			i["primary"] = strconv.FormatBool(b)
		}
		if n, ok := i["dateCreated"].(float64); ok {
			i["dateCreated"] = strconv.FormatInt(int64(n), 10)
		}
	}
	return list
}
