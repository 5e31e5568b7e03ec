package iam

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// Principals and their policies are read when a request comes, so that what is
// withdrawn is gone at the next one. Reading each of them from the store every
// time would be slow, so they are kept parsed for as long as the store's
// configuration generation stands. Every write of this package makes it grow.

// cache keeps what was read at one generation, by a key that begins with what
// it is.
type cache struct {
	mu         sync.Mutex
	generation uint64
	items      map[string]any
}

// maxCached bounds the cache; a full one is begun anew.
const maxCached = 8192

func (c *cache) get(generation uint64, key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return nil, false
	}
	v, ok := c.items[key]
	return v, ok
}

// put keeps what was read at a generation, unless a newer one is known.
func (c *cache) put(generation uint64, key string, v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case generation < c.generation:
		return
	case generation > c.generation || c.items == nil || len(c.items) >= maxCached:
		c.generation, c.items = generation, map[string]any{}
	}
	c.items[key] = v
}

// cached answers from the cache, or loads and keeps. Errors are not kept: what
// is unknown today would fill the cache with whatever strangers ask for.
func cached[T any](ctx context.Context, s *Service, key string, load func(tx *store.Tx) (T, error)) (T, error) {
	generation := s.DB.Generation() // before the read: what is read is at least this new
	if v, ok := s.cache.get(generation, key); ok {
		return v.(T), nil
	}
	var v T
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		v, err = load(tx)
		return err
	})
	if err == nil {
		s.cache.put(generation, key, v)
	}
	return v, err
}

// devKey is the id and the secret of the root key of --dev.
const devKey = "test"

// AccessKey is the active key of that id, or access.ErrNoKey.
func (s *Service) AccessKey(ctx context.Context, id string) (*access.Key, error) {
	if id == devKey && s.devRoot.Load() {
		return &access.Key{Secret: devKey, Principal: s.root()}, nil
	}
	k, err := cached(ctx, s, "key "+id, func(tx *store.Tx) (*access.Key, error) { return s.loadKey(tx, id) })
	// ErrBadText: an id that no database can hold is nobody's.
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadText) {
		return nil, access.ErrNoKey
	}
	return k, err
}

func (s *Service) loadKey(tx *store.Tx, id string) (*access.Key, error) {
	k, err := store.IAMAccessKeyByID(tx, id)
	if err != nil {
		return nil, err
	}
	if k.Status != active {
		return nil, store.ErrNotFound
	}
	if k.OwnerID == store.RootOwner {
		return &access.Key{Secret: k.Secret, Principal: s.root()}, nil
	}
	u, err := store.IAMEntityByID(tx, k.OwnerID)
	if err != nil {
		return nil, err
	}
	return &access.Key{Secret: k.Secret, UserName: u.Name, Tags: tagMap(u.Tags), Principal: policy.Principal{
		Type: policy.User, Account: s.Account, ARN: s.arn(u), ID: u.ID, UniqueID: u.ID,
	}}, nil
}

// root is the account's root user.
func (s *Service) root() policy.Principal {
	return policy.Principal{Type: policy.Account, Account: s.Account, ARN: s.rootARN(), ID: s.Account, UniqueID: s.Account}
}

// spoken is what speaks for a user or role.
type spoken struct {
	identity, boundary []policy.Source
	tags               map[string]string
}

// allowAll are the identity policies of a federated user whom the root user
// made: the session policy alone limits such a user.
var allowAll = sync.OnceValue(func() []policy.Source {
	d, err := policy.Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, policy.IdentityKind)
	if err != nil {
		panic(err) // a constant
	}
	return []policy.Source{{Name: "the root user's permissions", Document: d}}
})

// Policies are the identity policies of a caller and its boundary. The caller is
// known by its unique id: one that is gone has none, whoever has its name now.
func (s *Service) Policies(ctx context.Context, p policy.Principal) (identity, boundary []policy.Source, err error) {
	if p.Account != s.Account {
		return nil, nil, nil
	}
	if p.UniqueID == s.Account {
		if p.Type == policy.FederatedUser {
			return allowAll(), nil, nil
		}
		return nil, nil, nil
	}
	e, err := s.spoken(ctx, p.UniqueID)
	if err != nil {
		return nil, nil, err
	}
	return e.identity, e.boundary, nil
}

// RoleTags are the tags of the role behind a session, or of the user behind it.
func (s *Service) RoleTags(ctx context.Context, p policy.Principal) (map[string]string, error) {
	if p.Account != s.Account || p.UniqueID == s.Account {
		return nil, nil
	}
	e, err := s.spoken(ctx, p.UniqueID)
	if err != nil {
		return nil, err
	}
	return e.tags, nil
}

func (s *Service) spoken(ctx context.Context, id string) (*spoken, error) {
	e, err := cached(ctx, s, "entity "+id, func(tx *store.Tx) (*spoken, error) { return s.loadSpoken(tx, id) })
	if errors.Is(err, store.ErrNotFound) {
		return &spoken{}, nil
	}
	return e, err
}

func (s *Service) loadSpoken(tx *store.Tx, id string) (*spoken, error) {
	e, err := store.IAMEntityByID(tx, id)
	if err != nil {
		return nil, err
	}
	sp := &spoken{tags: tagMap(e.Tags)}
	owners := []*store.IAMEntity{e}
	if e.Kind == store.IAMUser {
		groups, err := store.IAMGroupsOfUser(tx, id, "", maxGroupsPerUser)
		if err != nil {
			return nil, err
		}
		owners = append(owners, groups...)
	}
	for _, o := range owners {
		if sp.identity, err = s.appendPolicies(tx, sp.identity, o); err != nil {
			return nil, err
		}
	}
	if e.Boundary != "" {
		sp.boundary = []policy.Source{}
		src, err := s.loadManaged(tx, e.Boundary)
		if err == nil {
			sp.boundary = append(sp.boundary, src)
		} else if !errors.Is(err, store.ErrNotFound) { // a boundary that is gone allows nothing
			return nil, err
		}
	}
	return sp, nil
}

// appendPolicies adds the policies of a user, role or group.
func (s *Service) appendPolicies(tx *store.Tx, list []policy.Source, o *store.IAMEntity) ([]policy.Source, error) {
	inline, err := store.IAMInlinePolicies(tx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, p := range inline {
		list = append(list, source("inline policy "+p.Name+" of "+o.Kind+" "+o.Name, p.Document))
	}
	attached, err := store.IAMAttachedPolicies(tx, o.ID)
	if err != nil {
		return nil, err
	}
	for _, arn := range attached {
		src, err := s.loadManaged(tx, arn)
		if err != nil { // ErrNotFound too: an attached policy is not deleted
			return nil, err
		}
		list = append(list, src)
	}
	return list, nil
}

// source parses a stored policy. One that does not parse, which a later version
// of the language might cause, has no document, and that denies everything.
func source(name, text string) policy.Source {
	d, err := policy.Parse(text, policy.IdentityKind)
	if err != nil {
		return policy.Source{Name: name}
	}
	return policy.Source{Name: name, Document: d}
}

// loadManaged is a managed policy's default version, or store.ErrNotFound.
func (s *Service) loadManaged(tx *store.Tx, arn string) (policy.Source, error) {
	if p := awsPolicyByARN(arn); p != nil {
		return source(arn, p.document), nil
	}
	p, err := store.IAMPolicyByARN(tx, arn)
	if err != nil {
		return policy.Source{}, err
	}
	v, err := store.IAMPolicyVersionOf(tx, arn, p.DefaultVersion)
	return source(arn, v.Document), err
}

// Managed is the managed policy of an ARN, for session policies. One that does
// not exist has no document.
func (s *Service) Managed(ctx context.Context, arn string) (policy.Source, error) {
	src, err := cached(ctx, s, "policy "+arn, func(tx *store.Tx) (policy.Source, error) { return s.loadManaged(tx, arn) })
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadText) {
		return policy.Source{Name: arn}, nil
	}
	if err == nil && src.Document == nil {
		return src, errors.New("iam: the managed policy " + arn + " cannot be read")
	}
	return src, err
}

// Role is the role of an ARN, path included, with its trust policy bound to the
// unique ids of those it names; or access.ErrNoRole. It is for who gives out
// sessions.
func (s *Service) Role(ctx context.Context, arn string) (*access.Role, error) {
	r, err := cached(ctx, s, "role "+arn, func(tx *store.Tx) (*access.Role, error) {
		e, err := s.entityByARN(tx, arn)
		if err != nil {
			return nil, err
		}
		if e.Kind != store.IAMRole {
			return nil, store.ErrNotFound
		}
		r := &access.Role{Name: e.Name, ARN: arn, UniqueID: e.ID, MaxSession: e.MaxSession, Tags: tagMap(e.Tags),
			Trust: policy.Source{Name: "trust policy of role " + e.Name}}
		if d, err := policy.Parse(e.Trust, policy.TrustKind); err == nil {
			r.Trust.Document = d.BindPrincipals(func(arn string) (string, bool) { id, ok := e.TrustIDs[arn]; return id, ok })
		}
		return r, nil
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadText) {
		return nil, access.ErrNoRole
	}
	return r, err
}

func tagMap(tags []store.IAMTag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[strings.ToLower(t.Key)] = t.Value
	}
	return m
}

// uses remembers when the use of a key was last written down.
type uses struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// useInterval is how exact GetAccessKeyLastUsed is.
const useInterval = time.Minute

// KeyUsed notes that a key has signed a request, at most once a minute, and
// waits for nothing.
func (s *Service) KeyUsed(id, service, region string) {
	if id == devKey {
		return
	}
	now := s.Now()
	s.uses.mu.Lock()
	if t, ok := s.uses.last[id]; ok && now.Sub(t) < useInterval {
		s.uses.mu.Unlock()
		return
	}
	if s.uses.last == nil || len(s.uses.last) >= maxCached {
		s.uses.last = map[string]time.Time{}
	}
	s.uses.last[id] = now
	s.uses.mu.Unlock()
	s.DB.WriteBehind(func(tx *store.Tx) error { return store.UseIAMAccessKey(tx, id, now, service, region) })
}
