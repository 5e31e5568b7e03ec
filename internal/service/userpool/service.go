// Package userpool is the service cognito-idp: user pools, their clients and
// users, and the operations that sign users in. One file a family of
// operations.
//
// What a newcomer gets wrong: who may call an operation has three answers.
// Signed ones are authorised before they get here (permissions.go). Those with
// an access token go through Service.bearer, which sees that the session still
// stands. The rest are for anybody who knows a client id, and tell such people
// nothing about who exists.
package userpool

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"math/big"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// Config is what a Service needs.
type Config struct {
	DB       *store.DB
	Ring     *seal.Ring
	Pools    *pool.Registry
	Tokens   *token.Issuer
	SignIn   *signin.Engine
	Risk     *risk.Guard
	Delivery *delivery.Outbox
	Triggers *trigger.Caller
	Access   access.Decider
	Region   string
	Account  string
	// BaseDomain is the name of this server, under which its other names are.
	BaseDomain string
	// Home is where a pool's domain is reached: the links of mails begin with it.
	Home func(p *pool.Pool) string
	// PublicURL is where clients reach the server: the URLs for uploads begin
	// with it.
	PublicURL string
	Now       func() time.Time
	Log       *slog.Logger
}

// Service implements cognitoidp.API.
type Service struct {
	cognitoidp.Unimplemented
	Config
	counts  userCounts
	imports chan struct{} // says that a job was started here
}

// New returns the service.
func New(c Config) *Service { return &Service{Config: c, imports: make(chan struct{}, 1)} }

func invalid(message string) error { return &cognitoidp.InvalidParameterException{Message: message} }

func notAuthorized(message string) error {
	return &cognitoidp.NotAuthorizedException{Message: message}
}

var (
	errUserNotFound = &cognitoidp.UserNotFoundException{Message: "User does not exist."}
	errNoSuchUser   = &cognitoidp.UserNotFoundException{Message: "Username/client id combination not found."}
	errLimit        = &cognitoidp.LimitExceededException{Message: "Attempt limit exceeded, please try after some time."}
)

// randomText is n characters of an alphabet.
func randomText(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		b[i] = alphabet[k.Int64()]
	}
	return string(b)
}

const (
	digits       = "0123456789"
	lowerAlnum   = "abcdefghijklmnopqrstuvwxyz0123456789"
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lowerAlnum
)

// adminUser reads a user by name for an administrator and lets change work on
// it. The change is written when change returns nil.
func (s *Service) adminUser(ctx context.Context, poolID, name string, change func(tx *store.Tx, p *pool.Pool, u *store.User) error) error {
	p, err := s.Pools.Pool(ctx, poolID)
	if err != nil {
		return err
	}
	return s.change(ctx, p, func(tx *store.Tx) (*store.User, error) { return p.FindUser(tx, name) }, change)
}

// knownUser is adminUser for a user who is known already, such as that of an
// access token: by sub, since a name could be somebody else's alias.
func (s *Service) knownUser(ctx context.Context, p *pool.Pool, sub string, change func(tx *store.Tx, p *pool.Pool, u *store.User) error) error {
	return s.change(ctx, p, func(tx *store.Tx) (*store.User, error) { return userBySub(tx, p, sub) }, change)
}

// userBySub is the user of a sub, who may have been deleted since it was read.
func userBySub(tx *store.Tx, p *pool.Pool, sub string) (*store.User, error) {
	u, err := store.UserBySub(tx, p.ID, sub)
	if errors.Is(err, store.ErrNotFound) {
		err = errUserNotFound
	}
	return u, err
}

func (s *Service) change(ctx context.Context, p *pool.Pool, find func(tx *store.Tx) (*store.User, error), change func(tx *store.Tx, p *pool.Pool, u *store.User) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		old, err := find(tx)
		if errors.Is(err, store.ErrNotFound) {
			return errUserNotFound
		}
		if err != nil {
			return err
		}
		return s.changeUser(tx, p, old, func(u *store.User) error { return change(tx, p, u) })
	})
}

// changeUser applies a change to a copy of a user and writes it, aliases
// included.
func (s *Service) changeUser(tx *store.Tx, p *pool.Pool, old *store.User, change func(u *store.User) error) error {
	u := *old
	u.Attributes = append([]store.Attribute(nil), old.Attributes...)
	if err := change(&u); err != nil {
		return err
	}
	u.Updated = tx.Now
	if taken, err := p.UpdateAliases(tx, old, &u); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return aliasExists(taken)
		}
		return err
	}
	return store.UpdateUser(tx, &u, old)
}

func aliasExists(name string) error {
	return &cognitoidp.AliasExistsException{Message: "An account with the given " + name + " already exists."}
}
