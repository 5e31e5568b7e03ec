package store

import "time"

// A PoolRecord is one thing that a user pool keeps besides its clients and
// users. One table serves all kinds, because they are all read by key, listed
// by key and gone with their pool; what tells them apart is in the body, which
// is the service's JSON.
type PoolRecord struct {
	PoolID, Kind, ID string
	// Name is a second key within the kind. Empty: the id.
	Name string
	// Owner is with whom the record goes: OwnedByClient, OwnedByProvider, or
	// empty for the pool alone.
	Owner                string
	Body                 string
	Secret               []byte // sealed at rest; nil: none
	CreatedAt, UpdatedAt time.Time
}

// OwnedByClient is the owner of records that go when an app client goes.
func OwnedByClient(clientID string) string { return "client/" + clientID }

// OwnedByProvider is the owner of records that go when an identity provider
// goes.
func OwnedByProvider(name string) string { return "provider/" + name }

func (r *PoolRecord) name() string {
	if r.Name == "" {
		return r.ID
	}
	return r.Name
}

const (
	recordColumns = `pool_id, kind, id, name, owner, body, secret, created_at, updated_at`
	recordPurpose = "user pool record"
)

func (r *PoolRecord) identity() string { return r.PoolID + "/" + r.Kind + "/" + r.ID }

func (r *PoolRecord) sealed(tx *Tx) []byte {
	if r.Secret == nil {
		return nil
	}
	return tx.seal(recordPurpose, r.identity(), r.Secret)
}

func scanPoolRecord(tx *Tx) func(scanner) (*PoolRecord, error) {
	return func(row scanner) (*PoolRecord, error) {
		r := &PoolRecord{}
		var sealed []byte
		var created, updated int64
		err := row.Scan(&r.PoolID, &r.Kind, &r.ID, &r.Name, &r.Owner, &r.Body, &sealed, &created, &updated)
		if err != nil {
			return nil, err
		}
		r.CreatedAt, r.UpdatedAt = fromMicros(created), fromMicros(updated)
		if sealed != nil {
			r.Secret, err = tx.open(recordPurpose, r.identity(), sealed)
		}
		return r, err
	}
}

// InsertPoolRecord adds a record; ErrConflict when its id or its name is
// taken, and the transaction goes on.
func InsertPoolRecord(tx *Tx, r *PoolRecord) error {
	tx.ConfigChanged()
	n, err := tx.exec(`insert into user_pool_records (`+recordColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
		r.PoolID, r.Kind, r.ID, r.name(), r.Owner, r.Body, r.sealed(tx), micros(r.CreatedAt), micros(r.UpdatedAt))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// PutPoolRecord creates a record or replaces what it says. The time of its
// creation stays.
func PutPoolRecord(tx *Tx, r *PoolRecord) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into user_pool_records (`+recordColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (pool_id, kind, id) do update set name = excluded.name, body = excluded.body, secret = excluded.secret, updated_at = excluded.updated_at`,
		r.PoolID, r.Kind, r.ID, r.name(), r.Owner, r.Body, r.sealed(tx), micros(r.CreatedAt), micros(r.UpdatedAt))
	return err
}

// PoolRecordByID is the record, or ErrNotFound.
func PoolRecordByID(tx *Tx, poolID, kind, id string) (*PoolRecord, error) {
	return scanPoolRecord(tx)(tx.queryRow(`select `+recordColumns+` from user_pool_records where pool_id = $1 and kind = $2 and id = $3`, poolID, kind, id))
}

// PoolRecordByName is the record, or ErrNotFound.
func PoolRecordByName(tx *Tx, poolID, kind, name string) (*PoolRecord, error) {
	return scanPoolRecord(tx)(tx.queryRow(`select `+recordColumns+` from user_pool_records where pool_id = $1 and kind = $2 and name = $3`, poolID, kind, name))
}

// PoolRecords lists records of a kind by id, after the given one, at most limit
// of them, without their secrets.
func PoolRecords(tx *Tx, poolID, kind, after string, limit int) ([]*PoolRecord, error) {
	return collect(tx, scanPoolRecord(tx), `select pool_id, kind, id, name, owner, body, null, created_at, updated_at from user_pool_records
		where pool_id = $1 and kind = $2 and id > $3 order by id limit $4`, poolID, kind, after, limit)
}

// CountPoolRecords is how many records of a kind a pool has.
func CountPoolRecords(tx *Tx, poolID, kind string) (n int, err error) {
	err = tx.queryRow(`select count(*) from user_pool_records where pool_id = $1 and kind = $2`, poolID, kind).Scan(&n)
	return n, err
}

// DeletePoolRecord removes a record; ErrNotFound when there is none.
func DeletePoolRecord(tx *Tx, poolID, kind, id string) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from user_pool_records where pool_id = $1 and kind = $2 and id = $3`, poolID, kind, id)
}

// DeletePoolRecordsOf removes all records of an owner.
func DeletePoolRecordsOf(tx *Tx, poolID, owner string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`delete from user_pool_records where pool_id = $1 and owner = $2`, poolID, owner)
	return err
}

// A PoolDomain is a domain of a user pool: a prefix, or a name of one's own.
type PoolDomain struct {
	Domain, PoolID       string
	Custom               bool
	Body                 string
	CreatedAt, UpdatedAt time.Time
}

const domainColumns = `domain, pool_id, custom, body, created_at, updated_at`

func scanPoolDomain(row scanner) (*PoolDomain, error) {
	d := &PoolDomain{}
	var created, updated int64
	err := row.Scan(&d.Domain, &d.PoolID, &d.Custom, &d.Body, &created, &updated)
	d.CreatedAt, d.UpdatedAt = fromMicros(created), fromMicros(updated)
	return d, err
}

// InsertPoolDomain adds a domain; ErrConflict when it is somebody's or the pool
// has one of its sort, and the transaction goes on.
func InsertPoolDomain(tx *Tx, d *PoolDomain) error {
	tx.ConfigChanged()
	n, err := tx.exec(`insert into user_pool_domains (`+domainColumns+`) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
		d.Domain, d.PoolID, d.Custom, d.Body, micros(d.CreatedAt), micros(d.UpdatedAt))
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// UpdatePoolDomain writes what a domain says.
func UpdatePoolDomain(tx *Tx, d *PoolDomain) error {
	tx.ConfigChanged()
	return tx.execOne(`update user_pool_domains set body = $2, updated_at = $3 where domain = $1`, d.Domain, d.Body, micros(d.UpdatedAt))
}

// PoolDomainByName is the domain, or ErrNotFound.
func PoolDomainByName(tx *Tx, domain string) (*PoolDomain, error) {
	return scanPoolDomain(tx.queryRow(`select `+domainColumns+` from user_pool_domains where domain = $1`, domain))
}

// PoolDomains are a pool's domains: at most a prefix and a custom one.
func PoolDomains(tx *Tx, poolID string) ([]*PoolDomain, error) {
	return collect(tx, scanPoolDomain, `select `+domainColumns+` from user_pool_domains where pool_id = $1 order by domain`, poolID)
}

// DeletePoolDomain removes a domain of a pool; ErrNotFound when it has none of
// that name.
func DeletePoolDomain(tx *Tx, poolID, domain string) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from user_pool_domains where pool_id = $1 and domain = $2`, poolID, domain)
}
