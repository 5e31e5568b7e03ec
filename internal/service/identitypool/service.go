// Package identitypool is the service cognito-identity: it trades a login that
// is really verified for temporary credentials of a role whose trust policy is
// really evaluated.
//
// What a newcomer gets wrong: an identity id is no secret and proves nothing.
// Each call brings the login tokens again, and what they prove decides, never
// the id that the caller names (resolve.go).
package identitypool

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// WebIdentity is what the OpenID token of an identity says, before it becomes
// a role's session.
type WebIdentity struct {
	PoolID, IdentityID string
	AMR                []string
	Tags               map[string]string // principal tags
}

// Assumer makes a role's session of an identity, if the role's trust policy
// lets it. A refusal is ErrTrust.
type Assumer interface {
	AssumeRole(ctx context.Context, roleARN, sessionName string, id *WebIdentity, scopeDown *ScopeDown) (*credentials.Credentials, error)
}

// ErrTrust says that a role does not exist or does not trust the identity.
var ErrTrust = errors.New("the role does not trust the identity")

// Roles is where roles are kept. service/iam implements it.
type Roles interface {
	// Role is the role of an ARN, or access.ErrNoRole.
	Role(ctx context.Context, arn string) (*access.Role, error)
}

// Providers is where OpenID Connect providers are kept. service/iam implements
// it.
type Providers interface {
	// OIDCProvider is the issuer of the provider with that ARN and the clients
	// whose tokens it may give to us, or false.
	OIDCProvider(ctx context.Context, arn string) (issuer string, clientIDs []string, ok bool, err error)
}

// Config is what a Service needs.
type Config struct {
	DB     *store.DB
	Ring   *seal.Ring
	Pools  *pool.Registry
	Tokens *token.Issuer
	Access access.Decider
	Roles  Roles
	// Providers and OIDC are for the logins of providers elsewhere.
	Providers Providers
	OIDC      *oidc.Verifier
	Region    string
	Account   string
	Now       func() time.Time
	// Issuer is the issuer of the pools' own tokens; empty for AWS's.
	Issuer string
}

// Service implements cognitoidentity.API.
type Service struct {
	Config
	assumer Assumer
	cache   cache
	keys    keys
}

var _ cognitoidentity.API = (*Service)(nil)

// New returns the service; Assume must be called before it is used.
func New(c Config) *Service {
	c.Issuer = cmp.Or(c.Issuer, AWSIssuer)
	return &Service{Config: c}
}

// Assume says who makes role sessions. That is STS, which in turn verifies
// tokens here, so neither can be made before the other.
func (s *Service) Assume(a Assumer) { s.assumer = a }

func invalid(message string) error {
	return &cognitoidentity.InvalidParameterException{Message: message}
}

func notAuthorized(message string) error {
	return &cognitoidentity.NotAuthorizedException{Message: message}
}

// identityPool is a pool, read.
type identityPool struct {
	id       string
	settings *settings
	roles    *roles
	row      *store.IdentityPool
}

// settings are what CreateIdentityPool and UpdateIdentityPool set.
type settings = cognitoidentity.CreateIdentityPoolInput

// cache holds pools until any configuration changes.
type cache struct {
	mu         sync.Mutex
	generation uint64
	pools      map[string]*identityPool
}

const maxCached = 10_000

// pool is the pool of an id, or a ResourceNotFoundException.
func (s *Service) pool(ctx context.Context, id string) (*identityPool, error) {
	g := s.DB.Generation()
	s.cache.mu.Lock()
	if s.cache.generation != g || s.cache.pools == nil || len(s.cache.pools) > maxCached {
		s.cache.generation, s.cache.pools = g, map[string]*identityPool{}
	}
	p := s.cache.pools[id]
	s.cache.mu.Unlock()
	if p != nil {
		return p, nil
	}
	var row *store.IdentityPool
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		row, err = store.IdentityPoolByID(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, poolNotFound(id)
	}
	if err != nil {
		return nil, err
	}
	if p, err = fromRow(row); err != nil {
		return nil, err
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	if s.cache.generation == g && s.DB.Generation() == g {
		s.cache.pools[id] = p
	}
	return p, nil
}

func fromRow(row *store.IdentityPool) (*identityPool, error) {
	p := &identityPool{id: row.ID, settings: &settings{}, roles: &roles{}, row: row}
	if err := json.Unmarshal([]byte(row.Settings), p.settings); err != nil {
		return nil, err
	}
	return p, json.Unmarshal([]byte(row.Roles), p.roles)
}

func poolNotFound(id string) error {
	return &cognitoidentity.ResourceNotFoundException{Message: "IdentityPool '" + id + "' not found."}
}

func identityNotFound(id string) error {
	return &cognitoidentity.ResourceNotFoundException{Message: "Identity '" + id + "' not found."}
}

func forbidden(id string) error {
	return notAuthorized("Access to Identity '" + id + "' is forbidden.")
}
