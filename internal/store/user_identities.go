package store

import "time"

// LinkedIdentity is an identity at a provider that signs in as a user: what
// the provider says in Attribute (Cognito_Subject for the subject itself) has
// Value.
type LinkedIdentity struct {
	PoolID, Provider, Attribute, Value, Sub string
	CreatedAt                               time.Time
}

// LinkUserIdentity links an identity. ErrConflict: it is linked already, to
// this user or another.
func LinkUserIdentity(tx *Tx, l *LinkedIdentity) error {
	_, err := tx.exec(`insert into user_identities (pool_id, provider, attribute, value, sub, created_at) values ($1, $2, $3, $4, $5, $6)`,
		l.PoolID, l.Provider, l.Attribute, l.Value, l.Sub, micros(l.CreatedAt))
	return err
}

const identityColumns = `pool_id, provider, attribute, value, sub, created_at`

func scanLinkedIdentity(r scanner) (*LinkedIdentity, error) {
	l := &LinkedIdentity{}
	var created int64
	err := r.Scan(&l.PoolID, &l.Provider, &l.Attribute, &l.Value, &l.Sub, &created)
	l.CreatedAt = fromMicros(created)
	return l, err
}

// UserIdentity is the link of an identity, or ErrNotFound.
func UserIdentity(tx *Tx, poolID, provider, attribute, value string) (*LinkedIdentity, error) {
	return scanLinkedIdentity(tx.queryRow(`select `+identityColumns+` from user_identities where pool_id = $1 and provider = $2 and attribute = $3 and value = $4`,
		poolID, provider, attribute, value))
}

// UserIdentities are the linked identities of a user, the oldest first.
func UserIdentities(tx *Tx, poolID, sub string) ([]*LinkedIdentity, error) {
	return collect(tx, scanLinkedIdentity, `select `+identityColumns+` from user_identities where pool_id = $1 and sub = $2
		order by created_at, provider, attribute, value`, poolID, sub)
}

// UnlinkUserIdentity ends a link; ErrNotFound.
func UnlinkUserIdentity(tx *Tx, l *LinkedIdentity) error {
	return tx.execOne(`delete from user_identities where pool_id = $1 and provider = $2 and attribute = $3 and value = $4`, l.PoolID, l.Provider, l.Attribute, l.Value)
}
