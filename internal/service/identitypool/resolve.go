package identitypool

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/store"
)

// resolve finds the identity that a caller may act as (identity-pools.md,
// sections 4 and 5). given is the identity id that the caller names, or "" in
// GetId; what the logins prove decides. A new link or identity is written in
// the same transaction, so that two calls at once cannot make two identities
// of one login.
func (s *Service) resolve(ctx context.Context, p *identityPool, given string, logins []login) (*store.Identity, error) {
	if len(logins) == 0 {
		if !p.allowsGuests() {
			return nil, s.noGuests(ctx, p, given)
		}
		return s.guest(ctx, p, given)
	}
	var found *store.Identity
	// Most calls change nothing: look first, write only if something is new.
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = lookUp(tx, p, given, logins)
		return err
	})
	if !errors.Is(err, errNeedsWrite) {
		return found, err
	}
	for range 3 {
		err = s.DB.Write(ctx, func(tx *store.Tx) (err error) {
			found, err = s.settle(tx, p, given, logins)
			return err
		})
		// Another call linked the same login in the meantime: now it is found.
		if !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	return found, err
}

// errNeedsWrite says that a link or an identity is missing.
var errNeedsWrite = errors.New("identitypool: needs a write")

// noGuests words the refusal of a caller without logins: the identity of
// somebody who has logins is forbidden, whatever the pool allows.
func (s *Service) noGuests(ctx context.Context, p *identityPool, given string) error {
	refused := notAuthorized("Unauthenticated access is not supported for this identity pool.")
	if given == "" {
		return refused
	}
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		i, err := inPool(tx, p, given)
		if err != nil {
			return err
		}
		if len(i.Links) > 0 || !i.Enabled {
			return forbidden(given)
		}
		return refused
	})
}

// guest is a new guest, or the guest of an id.
func (s *Service) guest(ctx context.Context, p *identityPool, given string) (i *store.Identity, err error) {
	if given == "" {
		i = s.newIdentity(p)
		return i, s.DB.Write(ctx, func(tx *store.Tx) error { return store.InsertIdentity(tx, i) })
	}
	err = s.DB.Read(ctx, func(tx *store.Tx) error {
		if i, err = inPool(tx, p, given); err != nil {
			return err
		}
		if len(i.Links) > 0 || !i.Enabled {
			return forbidden(given)
		}
		return nil
	})
	return i, err
}

func (s *Service) newIdentity(p *identityPool) *store.Identity {
	return &store.Identity{ID: s.Region + ":" + uuid.NewString(), PoolID: p.id, Enabled: true, CreatedAt: s.Now(), Updated: s.Now()}
}

// inPool reads an identity of the pool.
func inPool(tx *store.Tx, p *identityPool, id string) (*store.Identity, error) {
	i, err := store.IdentityByID(tx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && i.PoolID != p.id {
		return nil, identityNotFound(id)
	}
	return i, err
}

// owners are the identities that own the logins, in the order of the logins,
// each once.
func owners(tx *store.Tx, p *identityPool, logins []login) (ids []string, unlinked []login, err error) {
	seen := map[string]bool{}
	for _, l := range logins {
		id, err := store.IdentityOf(tx, p.id, l.IdentityLink)
		if errors.Is(err, store.ErrNotFound) {
			unlinked = append(unlinked, l)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, unlinked, nil
}

// lookUp is resolve where nothing is new: every login is linked to one and the
// same identity.
func lookUp(tx *store.Tx, p *identityPool, given string, logins []login) (*store.Identity, error) {
	ids, unlinked, err := owners(tx, p, logins)
	if err != nil {
		return nil, err
	}
	if len(ids) != 1 || len(unlinked) > 0 || given != "" && given != ids[0] {
		return nil, errNeedsWrite
	}
	i, err := inPool(tx, p, ids[0])
	if err == nil && !i.Enabled {
		return nil, forbidden(i.ID)
	}
	return i, err
}

// settle is resolve inside a write.
func (s *Service) settle(tx *store.Tx, p *identityPool, given string, logins []login) (*store.Identity, error) {
	ids, unlinked, err := owners(tx, p, logins)
	if err != nil {
		return nil, err
	}
	var i *store.Identity
	switch {
	case given == "" && len(ids) == 0:
		i = s.newIdentity(p)
		if err := store.InsertIdentity(tx, i); err != nil {
			return nil, err
		}
	case given == "":
		if i, err = inPool(tx, p, ids[0]); err != nil {
			return nil, err
		}
		ids = ids[1:]
	default:
		if i, ids, err = s.settleGiven(tx, p, given, ids); err != nil {
			return nil, err
		}
	}
	if !i.Enabled {
		return nil, forbidden(i.ID)
	}
	for _, id := range ids {
		if err := merge(tx, p, i, id); err != nil {
			return nil, err
		}
	}
	for _, l := range unlinked {
		if err := link(tx, p, i, l.IdentityLink); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// settleGiven decides which identity a caller acts as who names one: that one
// if a login of it was shown or it is a guest's; then come the others to be
// merged into it.
func (s *Service) settleGiven(tx *store.Tx, p *identityPool, given string, ids []string) (*store.Identity, []string, error) {
	i, err := inPool(tx, p, given)
	if err != nil {
		return nil, nil, err
	}
	if !i.Enabled {
		return nil, nil, forbidden(given)
	}
	var others []string
	owns := false
	for _, id := range ids {
		if id == given {
			owns = true
		} else {
			others = append(others, id)
		}
	}
	switch {
	case owns:
		return i, others, nil
	case len(i.Links) > 0:
		return nil, nil, errLogins // somebody else's, or a login that was never linked to it
	case len(others) == 0:
		return i, nil, nil // a guest signs in: the guest's id becomes the user's
	}
	// A guest on a second device signs in: the guest is merged into the user.
	if err := store.DisableIdentity(tx, given); err != nil {
		return nil, nil, err
	}
	user, err := inPool(tx, p, others[0])
	return user, others[1:], err
}

// maxLinks is how many logins an identity has at most (API reference,
// MergeDeveloperIdentities).
const maxLinks = 20

func conflict(message string) error {
	return &cognitoidentity.ResourceConflictException{Message: message}
}

// merge moves the links of another identity to i and ends it.
func merge(tx *store.Tx, p *identityPool, i *store.Identity, id string) error {
	other, err := inPool(tx, p, id)
	if err != nil {
		return err
	}
	for _, l := range other.Links {
		if !p.mayAdd(i, l.Provider) {
			return conflict("Login is already associated with another identity.")
		}
	}
	if len(i.Links)+len(other.Links) > maxLinks {
		return errTooMany
	}
	if err := store.MoveLinks(tx, other.ID, i.ID); err != nil {
		return err
	}
	i.Links = append(i.Links, other.Links...)
	return store.DisableIdentity(tx, other.ID)
}

var errTooMany = conflict("An identity can have at most 20 logins.")

// mayAdd reports whether an identity has room for a login: one of each public
// provider, and any number of developer's users.
func (p *identityPool) mayAdd(i *store.Identity, provider string) bool {
	return provider == p.developer() || !slices.ContainsFunc(i.Links, func(own store.IdentityLink) bool { return own.Provider == provider })
}

// link adds a login to an identity.
func link(tx *store.Tx, p *identityPool, i *store.Identity, l store.IdentityLink) error {
	if !p.mayAdd(i, l.Provider) {
		return conflict("Identity already has a login of provider " + l.Provider + ".")
	}
	if len(i.Links) >= maxLinks {
		return errTooMany
	}
	i.Links = append(i.Links, l)
	return store.LinkIdentity(tx, i.PoolID, i.ID, l)
}

// unlink takes a login from an identity. One that loses its last login is
// nobody's: it does not become a guest's again.
func unlink(tx *store.Tx, i *store.Identity, l store.IdentityLink) error {
	if err := store.UnlinkIdentity(tx, i.PoolID, i.ID, l); err != nil {
		return err
	}
	i.Links = slices.DeleteFunc(i.Links, func(own store.IdentityLink) bool { return own == l })
	if len(i.Links) > 0 {
		return nil
	}
	return store.DisableIdentity(tx, i.ID)
}
