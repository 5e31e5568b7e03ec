package signin

import (
	"context"
	"errors"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// Adopter makes a user of somebody whom a UserMigration function knows. The
// password is the one that was typed. A name that was taken meanwhile is
// store.ErrConflict.
type Adopter interface {
	Adopt(ctx context.Context, p *pool.Pool, typed, password string, m *trigger.Migrated) (*store.User, error)
}

// Adopts says who makes migrated users.
func (e *Engine) Adopts(a Adopter) { e.adopter = a }

// admit begins a sign-in: of a user, or of a name that nobody has and a client
// that hides users. In the order of auth-flows.md, section 6: the client proves
// itself, the user is looked up or migrated, is not locked out, and the pool's
// function lets the user try. password is what came in clear, or "".
func (e *Engine) admit(ctx context.Context, s *Start, password string) (*proof, error) {
	typed, err := required(s.Parameters, "USERNAME")
	if err != nil {
		return nil, err
	}
	if !s.Browser { // a page proves its client by where it sends the browser
		if err := s.Client.CheckSecretHash(parameter(s.Parameters, "SECRET_HASH"), true, typed); err != nil {
			return nil, err
		}
	}
	pr := &proof{pool: s.Pool, client: s.Client, typed: typed, progress: s.progress(), seen: s.Seen}
	if err := e.refuseAddress(ctx, pr); err != nil {
		return nil, err
	}
	if pr.user, err = e.find(ctx, s.Pool, typed); err != nil {
		return nil, err
	}
	if pr.user == nil && password != "" {
		if pr.user, err = e.migrate(ctx, s, typed, password); err != nil {
			return nil, err
		}
	}
	switch {
	case pr.user == nil && !s.Client.HidesUsers():
		return nil, errNoUser
	case pr.user != nil && s.Flow != cognitoidp.AuthFlowTypeUserAuth && s.Flow != cognitoidp.AuthFlowTypeCustomAuth && locked(pr.user.Counter, e.Now()):
		return nil, errLocked // the other flows may begin with what cannot be guessed
	}
	return pr, e.Triggers.PreAuthentication(ctx, pr.call(), s.Metadata)
}

// find is the user of a typed name, or nil.
func (e *Engine) find(ctx context.Context, p *pool.Pool, typed string) (u *store.User, err error) {
	err = e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		u, err = p.FindUser(tx, typed)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return u, err
}

// migrate asks the pool's function about somebody who is not in the pool, and
// makes the user it knows; nil when it knows none either.
func (e *Engine) migrate(ctx context.Context, s *Start, typed, password string) (*store.User, error) {
	m, err := e.Triggers.UserMigration(ctx, &trigger.Call{Pool: s.Pool, ClientID: s.Client.ID, Username: typed}, "UserMigration_Authentication", password, s.Metadata)
	if err != nil || m == nil {
		return nil, err
	}
	u, err := e.adopter.Adopt(ctx, s.Pool, typed, password, m)
	if errors.Is(err, store.ErrConflict) {
		return e.find(ctx, s.Pool, typed) // by another request
	}
	return u, err
}
