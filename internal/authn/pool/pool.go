// Package pool is what a user pool and its app clients are: their settings,
// their schema, who may be named how, which flows a client allows. Everybody
// who signs somebody in or answers about a user asks here.
//
// What a newcomer gets wrong: a Pool and a Client are shared by all requests of
// this process until a setting changes. Read them, never write to them.
package pool

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// Pool is a user pool.
type Pool struct {
	ID       string
	Settings *cognitoidp.UserPoolType
	Factors  Factors
	Schema   Schema
	// HasGroups is false in a pool without groups, whose users need not be
	// asked for theirs.
	HasGroups bool
	// ManagedLogin says that a domain of the pool has ManagedLoginVersion 2.
	ManagedLogin bool
}

// Factors are the settings of second factors and passkeys, which have
// operations of their own. Those of SMS are among the pool's other settings.
type Factors struct {
	SoftwareToken bool                                  `json:"softwareToken,omitzero"`
	Email         *cognitoidp.EmailMfaConfigType        `json:"email,omitzero"`
	WebAuthn      *cognitoidp.WebAuthnConfigurationType `json:"webAuthn,omitzero"`
}

// MFA is whether users are asked for a second factor: OFF, OPTIONAL or ON.
func (p *Pool) MFA() cognitoidp.UserPoolMfaType { return *p.Settings.MfaConfiguration }

// TakesSoftwareTokens reports whether users can have TOTP as a second factor.
func (p *Pool) TakesSoftwareTokens() bool {
	return p.MFA() != cognitoidp.UserPoolMfaTypeOff && p.Factors.SoftwareToken
}

// SendsSMSCodes and SendsEmailCodes report whether users can have codes on
// their phone, or in their mail, as a second factor.
func (p *Pool) SendsSMSCodes() bool {
	return p.MFA() != cognitoidp.UserPoolMfaTypeOff && p.Settings.SmsConfiguration != nil
}

// SendsEmailCodes: see SendsSMSCodes.
func (p *Pool) SendsEmailCodes() bool {
	return p.MFA() != cognitoidp.UserPoolMfaTypeOff && p.Factors.Email != nil
}

// FirstFactor reports whether users can begin a sign-in with a factor
// (USER_AUTH).
func (p *Pool) FirstFactor(f cognitoidp.AuthFactorType) bool {
	return slices.Contains(p.Settings.Policies.SignInPolicy.AllowedFirstAuthFactors, f)
}

// Passwordless reports whether users can sign in without a password.
func (p *Pool) Passwordless() bool {
	return p.FirstFactor(cognitoidp.AuthFactorTypeEmailOtp) || p.FirstFactor(cognitoidp.AuthFactorTypeSmsOtp)
}

// FirstAddress is an address of a user to which the code of a first factor can
// go. Without one it is an InvalidParameterException: a user without a password
// could not sign in.
func (p *Pool) FirstAddress(u *store.User) (attribute string, err error) {
	for _, a := range []struct {
		factor cognitoidp.AuthFactorType
		name   string
	}{{cognitoidp.AuthFactorTypeEmailOtp, "email"}, {cognitoidp.AuthFactorTypeSmsOtp, "phone_number"}} {
		if _, has := u.Attribute(a.name); has && p.FirstFactor(a.factor) {
			return a.name, nil
		}
	}
	return "", invalid("A user without a password needs an email address or a phone number that the user pool's first factors send codes to.")
}

// TracksDevices reports whether the pool knows its users' devices.
func (p *Pool) TracksDevices() bool { return p.Settings.DeviceConfiguration != nil }

// DeviceReplacesFactor reports whether a remembered device stands for the
// second factor.
func (p *Pool) DeviceReplacesFactor() bool {
	d := p.Settings.DeviceConfiguration
	return d != nil && api.Value(d.ChallengeRequiredOnNewDevice)
}

// DeviceGroupKey enters the SRP of the pool's devices, as the pool's name
// enters that of users. It is no secret.
func (p *Pool) DeviceGroupKey() string {
	sum := sha256.Sum256([]byte("device group of " + p.ID))
	return "-" + base64.RawURLEncoding.EncodeToString(sum[:6])
}

// Name is the part of the id after the underscore, which enters SRP.
func (p *Pool) Name() string {
	_, name, _ := strings.Cut(p.ID, "_")
	return name
}

// CaseSensitive reports whether names differ by case. It is the API's default.
func (p *Pool) CaseSensitive() bool {
	c := p.Settings.UsernameConfiguration
	return c == nil || c.CaseSensitive == nil || *c.CaseSensitive
}

// PasswordPolicy is the pool's policy; it always has one.
func (p *Pool) PasswordPolicy() *cognitoidp.PasswordPolicyType {
	return p.Settings.Policies.PasswordPolicy
}

// AutoVerified reports whether an attribute is verified by a code that the
// service sends by itself.
func (p *Pool) AutoVerified(name string) bool {
	return slices.Contains(p.Settings.AutoVerifiedAttributes, cognitoidp.VerifiedAttributeType(name))
}

// VerifiesBeforeUpdate reports whether a new value of an address waits for its
// code while the old one stays.
func (p *Pool) VerifiesBeforeUpdate(name string) bool {
	u := p.Settings.UserAttributeUpdateSettings
	return u != nil && slices.Contains(u.AttributesRequireVerificationBeforeUpdate, cognitoidp.VerifiedAttributeType(name))
}

// Client is an app client.
type Client struct {
	ID, PoolID string
	Settings   *cognitoidp.UserPoolClientType // without the secret
	Secrets    []Secret
}

// Secret is one of the secrets of a client; every one is accepted.
type Secret struct {
	ID, Value string
	CreatedAt time.Time
}

// Allows reports whether a client allows a flow by its ALLOW_ name or by its
// legacy name.
func (c *Client) Allows(flow cognitoidp.ExplicitAuthFlowsType) bool {
	legacy := map[cognitoidp.ExplicitAuthFlowsType]cognitoidp.ExplicitAuthFlowsType{
		cognitoidp.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth: cognitoidp.ExplicitAuthFlowsTypeAdminNoSrpAuth,
		cognitoidp.ExplicitAuthFlowsTypeAllowUserPasswordAuth:      cognitoidp.ExplicitAuthFlowsTypeUserPasswordAuth,
		cognitoidp.ExplicitAuthFlowsTypeAllowCustomAuth:            cognitoidp.ExplicitAuthFlowsTypeCustomAuthFlowOnly,
	}
	flows := c.Settings.ExplicitAuthFlows
	if slices.Contains(flows, flow) {
		return true
	}
	if l, ok := legacy[flow]; ok && slices.Contains(flows, l) {
		return true
	}
	// Legacy clients refresh, and use SRP unless they are for custom
	// authentication only.
	for _, f := range flows {
		if !strings.HasPrefix(string(f), "ALLOW_") {
			return flow == cognitoidp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth ||
				flow == cognitoidp.ExplicitAuthFlowsTypeAllowUserSrpAuth && !slices.Contains(flows, cognitoidp.ExplicitAuthFlowsTypeCustomAuthFlowOnly)
		}
	}
	return false
}

// HidesUsers reports whether answers must not tell that a user does not exist.
func (c *Client) HidesUsers() bool {
	p := c.Settings.PreventUserExistenceErrors
	return p != nil && *p == cognitoidp.PreventUserExistenceErrorTypesEnabled
}

// Revocable reports whether tokens can be revoked one by one.
func (c *Client) Revocable() bool {
	return c.Settings.EnableTokenRevocation == nil || *c.Settings.EnableTokenRevocation
}

// Rotates reports whether each refresh gives a new refresh token in place of
// the one that was used.
func (c *Client) Rotates() bool {
	r := c.Settings.RefreshTokenRotation
	return r != nil && *r.Feature == cognitoidp.FeatureTypeEnabled
}

// RetryGrace is how long the refresh token before the last still works.
func (c *Client) RetryGrace() time.Duration {
	if !c.Rotates() {
		return 0
	}
	return time.Duration(api.Value(c.Settings.RefreshTokenRotation.RetryGracePeriodSeconds)) * time.Second
}

// NamesOrigin reports whether tokens carry jti and origin_jti.
func (c *Client) NamesOrigin() bool { return c.Revocable() || c.Rotates() }

// Registry finds pools and clients. Both are cached until any configuration
// changes on any node.
type Registry struct {
	db *store.DB

	mu         sync.Mutex
	generation uint64
	pools      map[string]*Pool
	clients    map[string]*Client
	domains    map[string]*domain
}

// NewRegistry returns the registry of a store.
func NewRegistry(db *store.DB) *Registry { return &Registry{db: db} }

// maxCached bounds each cache; a full one is begun anew.
const maxCached = 10_000

// cached looks key up; fresh reports the generation to store under.
func cached[T any](r *Registry, m func() map[string]*T, key string) (*T, uint64) {
	g := r.db.Generation()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation != g || r.pools == nil || len(r.pools)+len(r.clients) > maxCached {
		r.generation, r.pools, r.clients, r.domains = g, map[string]*Pool{}, map[string]*Client{}, map[string]*domain{}
	}
	if len(r.domains) > maxCached { // strangers choose which names are asked for: theirs push nothing else out
		r.domains = map[string]*domain{}
	}
	return m()[key], g
}

func keep[T any](r *Registry, m func() map[string]*T, key string, v *T, generation uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A value read before a change must not survive it.
	if r.generation == generation && r.db.Generation() == generation {
		m()[key] = v
	}
}

// Pool is the pool of that id, or a ResourceNotFoundException.
func (r *Registry) Pool(ctx context.Context, id string) (*Pool, error) {
	pools := func() map[string]*Pool { return r.pools }
	p, generation := cached(r, pools, id)
	if p != nil {
		return p, nil
	}
	var row *store.UserPool
	var groups bool
	var domains []*store.PoolDomain
	err := r.db.Read(ctx, func(tx *store.Tx) (err error) {
		if row, err = store.UserPoolByID(tx, id); err != nil {
			return err
		}
		if groups, err = store.HasGroups(tx, id); err != nil {
			return err
		}
		domains, err = store.PoolDomains(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, NotFound(id)
	}
	if err != nil {
		return nil, err
	}
	if p, err = FromRow(row); err != nil {
		return nil, err
	}
	p.HasGroups = groups
	for _, d := range domains {
		var b struct{ ManagedLoginVersion int }
		if err := json.Unmarshal([]byte(d.Body), &b); err != nil {
			return nil, err
		}
		p.ManagedLogin = p.ManagedLogin || b.ManagedLoginVersion == 2
		if d.Custom {
			p.Settings.CustomDomain = &d.Domain
		} else {
			p.Settings.Domain = &d.Domain
		}
	}
	keep(r, pools, id, p, generation)
	return p, nil
}

// NotFound is the error for a pool that is not here.
func NotFound(id string) error {
	return &cognitoidp.ResourceNotFoundException{Message: "User pool " + id + " does not exist."}
}

// stored is a pool's row: its settings, and the factors beside them.
type stored struct {
	*cognitoidp.UserPoolType
	Factors Factors `json:"factors,omitzero"`
}

// Text is what a pool's row holds of its settings.
func (p *Pool) Text() (string, error) {
	b, err := json.Marshal(stored{p.Settings, p.Factors})
	return string(b), err
}

// FromRow reads a pool's settings.
func FromRow(row *store.UserPool) (*Pool, error) {
	p := &Pool{ID: row.ID, Settings: &cognitoidp.UserPoolType{}}
	s := stored{UserPoolType: p.Settings}
	if err := json.Unmarshal([]byte(row.Settings), &s); err != nil {
		return nil, err
	}
	p.Factors = s.Factors
	p.Settings.Id, p.Settings.Name = &p.ID, new(row.Name)
	p.Settings.CreationDate, p.Settings.LastModifiedDate = api.At(row.CreatedAt), api.At(row.UpdatedAt)
	p.Schema = newSchema(p.Settings.SchemaAttributes)
	return p, nil
}

// Client is the client of that id with its pool, or a
// ResourceNotFoundException.
func (r *Registry) Client(ctx context.Context, id string) (*Pool, *Client, error) {
	clients := func() map[string]*Client { return r.clients }
	c, generation := cached(r, clients, id)
	if c == nil {
		var row *store.UserPoolClient
		err := r.db.Read(ctx, func(tx *store.Tx) (err error) {
			row, err = store.UserPoolClientByID(tx, id)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil, ClientNotFound(id)
		}
		if err != nil {
			return nil, nil, err
		}
		if c, err = ClientFromRow(row); err != nil {
			return nil, nil, err
		}
		keep(r, clients, id, c, generation)
	}
	p, err := r.Pool(ctx, c.PoolID)
	return p, c, err
}

// ClientOf is the client of that id in that pool. A client of another pool
// does not exist here.
func (r *Registry) ClientOf(ctx context.Context, poolID, id string) (*Pool, *Client, error) {
	p, err := r.Pool(ctx, poolID)
	if err != nil {
		return nil, nil, err
	}
	_, c, err := r.Client(ctx, id)
	if err == nil && c.PoolID != poolID {
		err = ClientNotFound(id)
	}
	if err != nil {
		return nil, nil, err
	}
	return p, c, nil
}

// ClientNotFound is the error for a client that is not here.
func ClientNotFound(id string) error {
	return &cognitoidp.ResourceNotFoundException{Message: "User pool client " + id + " does not exist."}
}

// ClientFromRow reads a client's settings and secrets.
func ClientFromRow(row *store.UserPoolClient) (*Client, error) {
	c := &Client{ID: row.ID, PoolID: row.PoolID, Settings: &cognitoidp.UserPoolClientType{}}
	if err := json.Unmarshal([]byte(row.Settings), c.Settings); err != nil {
		return nil, err
	}
	if len(row.Secrets) > 0 {
		if err := json.Unmarshal(row.Secrets, &c.Secrets); err != nil {
			return nil, err
		}
	}
	c.Settings.ClientId, c.Settings.UserPoolId, c.Settings.ClientName = new(api.Secret(row.ID)), new(row.PoolID), new(row.Name)
	c.Settings.CreationDate, c.Settings.LastModifiedDate = api.At(row.CreatedAt), api.At(row.UpdatedAt)
	return c, nil
}
