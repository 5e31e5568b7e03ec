package pool

import (
	"context"
	"errors"

	"gatehouse/internal/store"
)

// domain is a domain as it is cached; one that nobody has is cached as well.
type domain struct {
	poolID string // "": nobody has it
	custom bool
}

// ByDomain is the pool that has a domain, and whether it is a custom one: a
// whole host name, where a prefix is one label. It is nil for a domain that
// nobody has.
func (r *Registry) ByDomain(ctx context.Context, name string) (p *Pool, custom bool, err error) {
	domains := func() map[string]*domain { return r.domains }
	d, generation := cached(r, domains, name)
	if d == nil {
		d = &domain{}
		err := r.db.Read(ctx, func(tx *store.Tx) error {
			row, err := store.PoolDomainByName(tx, name)
			if err == nil {
				d.poolID, d.custom = row.PoolID, row.Custom
			}
			return err
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, false, err
		}
		keep(r, domains, name, d, generation)
	}
	if d.poolID == "" {
		return nil, false, nil
	}
	p, err = r.Pool(ctx, d.poolID)
	return p, d.custom, err
}

// HasDomain reports whether the pool has a domain: without one it has neither
// pages nor OAuth endpoints.
func (p *Pool) HasDomain() bool { return p.Settings.Domain != nil || p.Settings.CustomDomain != nil }
