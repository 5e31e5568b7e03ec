package store

import "time"

// UserPool is a user pool's row. Settings is JSON of the service's own making.
type UserPool struct {
	ID, Name, Settings   string
	CreatedAt, UpdatedAt time.Time
}

// UserPoolClient is an app client's row. Secrets is JSON, sealed at rest.
type UserPoolClient struct {
	ID, PoolID, Name, Settings string
	Secrets                    []byte
	CreatedAt, UpdatedAt       time.Time
}

// SigningKey is one RSA key of a pool. TokenUse is "id" or "access". The key
// signs from SignsFrom on, until a younger one does; RetiredAt is when it
// leaves the key set, zero while that is not decided.
type SigningKey struct {
	PoolID, KID, TokenUse           string
	PrivateKey                      []byte // PKCS #1, sealed at rest
	PublicKey                       []byte // PKCS #1
	CreatedAt, SignsFrom, RetiredAt time.Time
}

// PutUserPool creates a pool or replaces its name and settings.
func PutUserPool(tx *Tx, p *UserPool) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into user_pools (pool_id, name, settings, created_at, updated_at) values ($1, $2, $3, $4, $5)
		on conflict (pool_id) do update set name = excluded.name, settings = excluded.settings, updated_at = excluded.updated_at`,
		p.ID, p.Name, p.Settings, micros(p.CreatedAt), micros(p.UpdatedAt))
	return err
}

// UserPoolByID is the pool, or ErrNotFound.
func UserPoolByID(tx *Tx, id string) (*UserPool, error) {
	p := &UserPool{ID: id}
	var created, updated int64
	err := tx.queryRow(`select name, settings, created_at, updated_at from user_pools where pool_id = $1`, id).
		Scan(&p.Name, &p.Settings, &created, &updated)
	p.CreatedAt, p.UpdatedAt = fromMicros(created), fromMicros(updated)
	return p, err
}

// UserPools lists pools by id, after the given one, at most limit of them.
func UserPools(tx *Tx, after string, limit int) ([]UserPool, error) {
	rows, err := tx.query(`select pool_id, name, settings, created_at, updated_at from user_pools
		where pool_id > $1 order by pool_id limit $2`, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []UserPool
	for rows.Next() {
		var p UserPool
		var created, updated int64
		if err := rows.Scan(&p.ID, &p.Name, &p.Settings, &created, &updated); err != nil {
			return nil, err
		}
		p.CreatedAt, p.UpdatedAt = fromMicros(created), fromMicros(updated)
		list = append(list, p)
	}
	return list, rows.Err()
}

// poolTables hold rows of a pool; deleting the pool empties them.
var poolTables = []string{"user_sessions", "user_attempts", "user_codes", "user_aliases", "user_index", "user_group_members",
	"user_groups", "user_passwords", "user_identities", "user_software_tokens", "user_factors", "user_devices", "user_passkeys", "user_auth_events", "user_logins", "authorization_codes", "users", "user_import_jobs", "user_import_log",
	"user_pool_keys", "user_pool_records", "user_pool_domains", "user_pool_clients", "user_pools"}

// DeleteUserPool removes a pool and all that belongs to it.
func DeleteUserPool(tx *Tx, id string) error {
	tx.ConfigChanged()
	// Uploaded files are too large for one transaction: they only expire here.
	if _, err := tx.exec(`update user_import_files set expires_at = $2 where pool_id = $1`, id, micros(tx.Now)); err != nil {
		return err
	}
	for _, table := range poolTables {
		if _, err := tx.exec(`delete from `+table+` where pool_id = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

// CountUsers is the number of users of a pool.
func CountUsers(tx *Tx, poolID string) (n int, err error) {
	err = tx.queryRow(`select count(*) from users where pool_id = $1`, poolID).Scan(&n)
	return n, err
}

// PutUserPoolClient creates a client or replaces its settings and secrets.
func PutUserPoolClient(tx *Tx, c *UserPoolClient) error {
	tx.ConfigChanged()
	var secrets []byte
	if len(c.Secrets) > 0 {
		secrets = tx.seal("client secrets", c.ID, c.Secrets)
	}
	_, err := tx.exec(`insert into user_pool_clients (client_id, pool_id, name, settings, secrets, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict (client_id) do update
		set name = excluded.name, settings = excluded.settings, secrets = excluded.secrets, updated_at = excluded.updated_at`,
		c.ID, c.PoolID, c.Name, c.Settings, secrets, micros(c.CreatedAt), micros(c.UpdatedAt))
	return err
}

// UserPoolClientByID is the client, or ErrNotFound. A client's id is unique
// over all pools, because public operations name no pool.
func UserPoolClientByID(tx *Tx, id string) (*UserPoolClient, error) {
	c := &UserPoolClient{ID: id}
	var secrets []byte
	var created, updated int64
	err := tx.queryRow(`select pool_id, name, settings, secrets, created_at, updated_at from user_pool_clients where client_id = $1`, id).
		Scan(&c.PoolID, &c.Name, &c.Settings, &secrets, &created, &updated)
	if err != nil {
		return nil, err
	}
	c.CreatedAt, c.UpdatedAt = fromMicros(created), fromMicros(updated)
	if len(secrets) > 0 {
		c.Secrets, err = tx.open("client secrets", id, secrets)
	}
	return c, err
}

// UserPoolClients lists a pool's clients by id, with their settings and without
// their secrets.
func UserPoolClients(tx *Tx, poolID, after string, limit int) ([]UserPoolClient, error) {
	rows, err := tx.query(`select client_id, name, settings from user_pool_clients where pool_id = $1 and client_id > $2 order by client_id limit $3`,
		poolID, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []UserPoolClient
	for rows.Next() {
		c := UserPoolClient{PoolID: poolID}
		if err := rows.Scan(&c.ID, &c.Name, &c.Settings); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// DeleteUserPoolClient removes a client, its records and the sessions that it
// began.
func DeleteUserPoolClient(tx *Tx, poolID, id string) error {
	tx.ConfigChanged()
	if err := DeletePoolRecordsOf(tx, poolID, OwnedByClient(id)); err != nil {
		return err
	}
	if _, err := tx.exec(`delete from user_sessions where pool_id = $1 and client_id = $2`, poolID, id); err != nil {
		return err
	}
	n, err := tx.exec(`delete from user_pool_clients where pool_id = $1 and client_id = $2`, poolID, id)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// PutSigningKey adds a key, or changes when it retires.
func PutSigningKey(tx *Tx, k *SigningKey) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into user_pool_keys (pool_id, kid, token_use, private_key, public_key, created_at, signs_from, retired_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (pool_id, kid) do update set retired_at = excluded.retired_at`,
		k.PoolID, k.KID, k.TokenUse, tx.seal("signing key", k.PoolID+"/"+k.KID, k.PrivateKey), k.PublicKey,
		micros(k.CreatedAt), micros(k.SignsFrom), micros(k.RetiredAt))
	return err
}

// SigningKeys are a pool's keys, the youngest first.
func SigningKeys(tx *Tx, poolID string) ([]SigningKey, error) {
	rows, err := tx.query(`select kid, token_use, private_key, public_key, created_at, signs_from, retired_at from user_pool_keys
		where pool_id = $1 order by signs_from desc, kid`, poolID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []SigningKey
	for rows.Next() {
		k := SigningKey{PoolID: poolID}
		var sealed []byte
		var created, from, retired int64
		if err := rows.Scan(&k.KID, &k.TokenUse, &sealed, &k.PublicKey, &created, &from, &retired); err != nil {
			return nil, err
		}
		if k.PrivateKey, err = tx.open("signing key", poolID+"/"+k.KID, sealed); err != nil {
			return nil, err
		}
		k.CreatedAt, k.SignsFrom, k.RetiredAt = fromMicros(created), fromMicros(from), fromMicros(retired)
		list = append(list, k)
	}
	return list, rows.Err()
}

// DeleteSigningKey removes a key that has left the key set.
func DeleteSigningKey(tx *Tx, poolID, kid string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`delete from user_pool_keys where pool_id = $1 and kid = $2`, poolID, kid)
	return err
}
