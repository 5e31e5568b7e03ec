// Package iam is the service IAM: users, roles, groups, their policies and
// access keys. It also answers for the rest of the house who a key belongs to
// and which policies speak for a caller (principals.go).
//
// What a newcomer gets wrong: a name is not an identity. What was granted to a
// role stays with its unique id (AROA…), so a role that was deleted and made
// again under its old name has none of it, and sessions of the old one are
// worth nothing. Names serve operations; everything that is kept refers to
// ids, but for managed policies, whose ARN is the reference on AWS as well.
package iam

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// Config is what a Service needs.
type Config struct {
	DB      *store.DB
	Account string // 12 digits
	Now     func() time.Time
	// LoopbackIssuers lets OpenID Connect providers on this machine be http.
	LoopbackIssuers bool
}

// Service implements iam.API, access.Principals and access.UseRecorder.
type Service struct {
	iam.Unimplemented
	Config
	cache   cache
	uses    uses
	devRoot atomic.Bool
}

// New returns the service.
func New(c Config) *Service { return &Service{Config: c} }

// newID makes a unique id: a prefix and 17 characters of A-Z and 2-7.
func newID(prefix string) string { return prefix + rand.Text()[:17] }

// arn is the ARN of a user, role or group.
func (s *Service) arn(e *store.IAMEntity) string { return s.arnOf(e.Kind, e.Path, e.Name) }

// arnOf is the ARN of a kind's member; "policy" is a kind here.
func (s *Service) arnOf(kind, path, name string) string {
	return "arn:aws:iam::" + s.Account + ":" + kind + path + name
}

func (s *Service) rootARN() string { return "arn:aws:iam::" + s.Account + ":root" }

// validationError is the error of IAM's framework, which no model lists.
func validationError(message string) error {
	return api.BadRequest("ValidationError", message)
}

func notFound(what, name string) error {
	return &iam.NoSuchEntityException{Message: "The " + what + " with name " + name + " cannot be found."}
}

func limitExceeded(message string) error { return &iam.LimitExceededException{Message: message} }

// titles begin AWS's sentences about a kind.
var titles = map[string]string{store.IAMUser: "User", store.IAMRole: "Role", store.IAMGroup: "Group"}

// entity is the user, role or group of a name, or AWS's error.
func entity(tx *store.Tx, kind, name string) (*store.IAMEntity, error) {
	e, err := store.IAMEntityByName(tx, kind, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound(kind, name)
	}
	return e, err
}

// look runs fn with an entity on a snapshot.
func (s *Service) look(ctx context.Context, kind string, name *string, fn func(tx *store.Tx, e *store.IAMEntity) error) error {
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		e, err := entity(tx, kind, api.Value(name))
		if err != nil {
			return err
		}
		return fn(tx, e)
	})
}

// work runs fn with an entity in a transaction that writes.
func (s *Service) work(ctx context.Context, kind string, name *string, fn func(tx *store.Tx, e *store.IAMEntity) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		e, err := entity(tx, kind, api.Value(name))
		if err != nil {
			return err
		}
		return fn(tx, e)
	})
}

// change is work that ends with writing the entity back.
func (s *Service) change(ctx context.Context, kind string, name *string, fn func(tx *store.Tx, e *store.IAMEntity) error) error {
	return s.work(ctx, kind, name, func(tx *store.Tx, e *store.IAMEntity) error {
		if err := fn(tx, e); err != nil {
			return err
		}
		return store.UpdateIAMEntity(tx, e)
	})
}

// create writes a new entity.
func create(tx *store.Tx, e *store.IAMEntity) error {
	err := store.InsertIAMEntity(tx, e)
	if errors.Is(err, store.ErrConflict) {
		return &iam.EntityAlreadyExistsException{Message: titles[e.Kind] + " with name " + e.Name + " already exists."}
	}
	return err
}

// deletable says what still hangs on an entity: AWS deletes nothing that has
// something of its own.
func deletable(tx *store.Tx, e *store.IAMEntity) error {
	attached, err := store.IAMAttachedPolicies(tx, e.ID)
	if err != nil {
		return err
	}
	if len(attached) > 0 {
		return deleteConflict("must detach all policies first.")
	}
	inline, err := store.IAMInlinePolicies(tx, e.ID)
	if err != nil {
		return err
	}
	if len(inline) > 0 {
		return deleteConflict("must delete policies first.")
	}
	return nil
}

func deleteConflict(why string) error {
	return &iam.DeleteConflictException{Message: "Cannot delete entity, " + why}
}

// callingUser is the user who calls, for operations that leave UserName out.
// It is nil for the root user; other callers have to name a user.
func callingUser(ctx context.Context, tx *store.Tx) (*store.IAMEntity, error) {
	c := access.FromContext(ctx)
	if c != nil && c.Principal.Type == policy.Account {
		return nil, nil
	}
	if c == nil || c.Principal.Type != policy.User {
		return nil, validationError("Must specify userName when calling with non-User credentials")
	}
	e, err := store.IAMEntityByID(tx, c.Principal.UniqueID)
	if errors.Is(err, store.ErrNotFound) { // deleted while the request was on its way
		return nil, &iam.NoSuchEntityException{Message: "The calling user cannot be found."}
	}
	return e, err
}
