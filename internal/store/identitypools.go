package store

import "time"

// IdentityPool is an identity pool's row. Settings and Roles are JSON of the
// service's own making.
type IdentityPool struct {
	ID, Name, Settings, Roles string
	CreatedAt, UpdatedAt      time.Time
}

// PutIdentityPool creates a pool or replaces what can change of it.
func PutIdentityPool(tx *Tx, p *IdentityPool) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into identity_pools (pool_id, name, settings, roles, created_at, updated_at) values ($1, $2, $3, $4, $5, $6)
		on conflict (pool_id) do update set name = excluded.name, settings = excluded.settings, roles = excluded.roles, updated_at = excluded.updated_at`,
		p.ID, p.Name, p.Settings, p.Roles, micros(p.CreatedAt), micros(p.UpdatedAt))
	return err
}

const identityPoolColumns = `pool_id, name, settings, roles, created_at, updated_at`

func scanIdentityPool(r scanner) (IdentityPool, error) {
	var p IdentityPool
	var created, updated int64
	err := r.Scan(&p.ID, &p.Name, &p.Settings, &p.Roles, &created, &updated)
	p.CreatedAt, p.UpdatedAt = fromMicros(created), fromMicros(updated)
	return p, err
}

// IdentityPoolByID is the pool, or ErrNotFound.
func IdentityPoolByID(tx *Tx, id string) (*IdentityPool, error) {
	p, err := scanIdentityPool(tx.queryRow(`select `+identityPoolColumns+` from identity_pools where pool_id = $1`, id))
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// IdentityPools lists pools by id, after the given one, at most limit of them.
func IdentityPools(tx *Tx, after string, limit int) ([]IdentityPool, error) {
	return collect(tx, scanIdentityPool, `select `+identityPoolColumns+` from identity_pools where pool_id > $1 order by pool_id limit $2`, after, limit)
}

// DeleteIdentityPool removes a pool with its identities; ErrNotFound.
func DeleteIdentityPool(tx *Tx, id string) error {
	tx.ConfigChanged()
	for _, table := range []string{"identity_links", "identities"} {
		if _, err := tx.exec(`delete from `+table+` where pool_id = $1`, id); err != nil {
			return err
		}
	}
	return tx.execOne(`delete from identity_pools where pool_id = $1`, id)
}

// Identity is an identity of a pool. With links it is authenticated, without
// it is a guest's.
type Identity struct {
	ID, PoolID         string
	Enabled            bool
	CreatedAt, Updated time.Time
	Links              []IdentityLink
}

// IdentityLink ties a login to an identity: a provider's key in Logins and the
// subject there.
type IdentityLink struct{ Provider, Subject string }

// InsertIdentity adds an identity without links.
func InsertIdentity(tx *Tx, i *Identity) error {
	_, err := tx.exec(`insert into identities (identity_id, pool_id, enabled, created_at, updated_at) values ($1, $2, $3, $4, $5)`,
		i.ID, i.PoolID, i.Enabled, micros(i.CreatedAt), micros(i.Updated))
	return err
}

// IdentityByID is an identity with its links, or ErrNotFound.
func IdentityByID(tx *Tx, id string) (*Identity, error) {
	i := &Identity{ID: id, Links: []IdentityLink{}}
	rs, err := tx.query(`select i.pool_id, i.enabled, i.created_at, i.updated_at, l.provider, l.subject from identities i
		left join identity_links l on l.identity_id = i.identity_id where i.identity_id = $1 order by l.provider, l.subject`, id)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	for rs.Next() {
		var created, updated int64
		var provider, subject *string // null where there is no link
		if err := rs.Scan(&i.PoolID, &i.Enabled, &created, &updated, &provider, &subject); err != nil {
			return nil, err
		}
		i.CreatedAt, i.Updated = fromMicros(created), fromMicros(updated)
		if provider != nil {
			i.Links = append(i.Links, IdentityLink{*provider, *subject})
		}
	}
	if i.PoolID == "" && rs.Err() == nil {
		return nil, ErrNotFound
	}
	return i, rs.Err()
}

// Identities lists a pool's identities by id, after the given one, at most limit
// of them; those that were disabled are left out if enabledOnly.
func Identities(tx *Tx, poolID, after string, limit int, enabledOnly bool) ([]*Identity, error) {
	rs, err := tx.query(`select i.identity_id, i.enabled, i.created_at, i.updated_at, l.provider, l.subject from identities i
		left join identity_links l on l.identity_id = i.identity_id
		where i.identity_id in (select identity_id from identities where pool_id = $1 and identity_id > $2 and (enabled or not $3) order by identity_id limit $4)
		order by i.identity_id, l.provider, l.subject`, poolID, after, enabledOnly, limit)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var list []*Identity
	for rs.Next() {
		i := &Identity{PoolID: poolID}
		var created, updated int64
		var provider, subject *string // null where there is no link
		if err := rs.Scan(&i.ID, &i.Enabled, &created, &updated, &provider, &subject); err != nil {
			return nil, err
		}
		i.CreatedAt, i.Updated = fromMicros(created), fromMicros(updated)
		if len(list) == 0 || list[len(list)-1].ID != i.ID {
			list = append(list, i)
		}
		if provider != nil {
			last := list[len(list)-1]
			last.Links = append(last.Links, IdentityLink{*provider, *subject})
		}
	}
	return list, rs.Err()
}

// DeleteIdentity removes an identity with its links; one that is not there is
// fine.
func DeleteIdentity(tx *Tx, id string) error {
	if _, err := tx.exec(`delete from identity_links where identity_id = $1`, id); err != nil {
		return err
	}
	_, err := tx.exec(`delete from identities where identity_id = $1`, id)
	return err
}

// UnlinkIdentity takes a login from an identity, or reports ErrNotFound.
func UnlinkIdentity(tx *Tx, poolID, id string, l IdentityLink) error {
	if err := tx.execOne(`delete from identity_links where pool_id = $1 and provider = $2 and subject = $3 and identity_id = $4`,
		poolID, l.Provider, l.Subject, id); err != nil {
		return err
	}
	return tx.execOne(`update identities set updated_at = $2 where identity_id = $1`, id, micros(tx.Now))
}

// IdentityOf is the id of the identity that owns a login, or ErrNotFound.
func IdentityOf(tx *Tx, poolID string, l IdentityLink) (id string, err error) {
	err = tx.queryRow(`select identity_id from identity_links where pool_id = $1 and provider = $2 and subject = $3`,
		poolID, l.Provider, l.Subject).Scan(&id)
	return id, err
}

// LinkIdentity gives a login to an identity. It reports ErrConflict when
// somebody else was first.
func LinkIdentity(tx *Tx, poolID, id string, l IdentityLink) error {
	if _, err := tx.exec(`insert into identity_links (pool_id, provider, subject, identity_id) values ($1, $2, $3, $4)`,
		poolID, l.Provider, l.Subject, id); err != nil {
		return err
	}
	_, err := tx.exec(`update identities set updated_at = $2 where identity_id = $1`, id, micros(tx.Now))
	return err
}

// DisableIdentity ends an identity that was merged into another.
func DisableIdentity(tx *Tx, id string) error {
	return tx.execOne(`update identities set enabled = $2, updated_at = $3 where identity_id = $1`, id, false, micros(tx.Now))
}

// IdentityKey is a key that signs the OpenID tokens of identity pools.
type IdentityKey struct {
	KID        string
	PrivateKey []byte // PKCS #1, sealed at rest
	CreatedAt  time.Time
}

// IdentityKeys are all keys, the youngest first.
func IdentityKeys(tx *Tx) ([]IdentityKey, error) {
	return collect(tx, func(r scanner) (k IdentityKey, err error) {
		var sealed []byte
		var created int64
		if err := r.Scan(&k.KID, &sealed, &created); err != nil {
			return k, err
		}
		k.CreatedAt = fromMicros(created)
		k.PrivateKey, err = tx.open("identity key", k.KID, sealed)
		return k, err
	}, `select kid, private_key, created_at from identity_keys order by created_at desc, kid`)
}

// InsertIdentityKey adds a key. It reports ErrConflict when the id is taken.
func InsertIdentityKey(tx *Tx, k *IdentityKey) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into identity_keys (kid, private_key, created_at) values ($1, $2, $3)`,
		k.KID, tx.seal("identity key", k.KID, k.PrivateKey), micros(k.CreatedAt))
	return err
}

// DeleteIdentityKey removes a key.
func DeleteIdentityKey(tx *Tx, kid string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`delete from identity_keys where kid = $1`, kid)
	return err
}

// MoveLinks gives all logins of one identity to another.
func MoveLinks(tx *Tx, from, to string) error {
	_, err := tx.exec(`update identity_links set identity_id = $2 where identity_id = $1`, from, to)
	return err
}
