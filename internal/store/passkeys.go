package store

import (
	"errors"
	"strings"
	"time"
)

// Passkey is a WebAuthn credential of a user. The key is a public one.
type Passkey struct {
	PoolID, Sub    string
	CredentialID   []byte
	PublicKey      []byte // a COSE_Key
	SignCount      uint32
	Transports     []string // without spaces
	Attachment     string
	AAGUID         string
	UserVerified   bool
	BackupEligible bool
	BackedUp       bool
	RelyingPartyID string
	Name           string
	CreatedAt      time.Time
	UsedAt         time.Time // zero before the first sign-in
}

const passkeyColumns = `pool_id, sub, credential_id, public_key, sign_count, transports, attachment, aaguid, user_verified, backup_eligible, backed_up,
	relying_party_id, name, created_at, used_at`

func scanPasskey(row scanner) (*Passkey, error) {
	k := &Passkey{}
	var transports string
	var created, used int64
	err := row.Scan(&k.PoolID, &k.Sub, &k.CredentialID, &k.PublicKey, &k.SignCount, &transports, &k.Attachment, &k.AAGUID, &k.UserVerified,
		&k.BackupEligible, &k.BackedUp, &k.RelyingPartyID, &k.Name, &created, &used)
	k.Transports, k.CreatedAt, k.UsedAt = strings.Fields(transports), fromMicros(created), fromMicros(used)
	return k, err
}

// InsertPasskey adds a passkey; ErrConflict when anybody of the pool has the
// credential already, and the transaction goes on.
func InsertPasskey(tx *Tx, k *Passkey) error {
	n, err := tx.exec(`insert into user_passkeys (`+passkeyColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		on conflict (pool_id, credential_id) do nothing`, k.PoolID, k.Sub, k.CredentialID, k.PublicKey, int64(k.SignCount), strings.Join(k.Transports, " "),
		k.Attachment, k.AAGUID, k.UserVerified, k.BackupEligible, k.BackedUp, k.RelyingPartyID, k.Name, micros(k.CreatedAt), micros(k.UsedAt))
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return err
}

// Passkeys are a user's, by credential id. They are few.
func Passkeys(tx *Tx, poolID, sub string) ([]*Passkey, error) {
	return collect(tx, scanPasskey, `select `+passkeyColumns+` from user_passkeys where pool_id = $1 and sub = $2 order by credential_id`, poolID, sub)
}

// UpdatePasskeyUse notes the use of a passkey that was read as k: what the
// authenticator has counted, and whether the key is backed up. It answers
// ErrConflict when somebody else has noted a use since, or the passkey is gone.
func UpdatePasskeyUse(tx *Tx, k *Passkey, signCount uint32, backedUp bool) error {
	err := tx.execOne(`update user_passkeys set sign_count = $5, backed_up = $6, used_at = $7
		where pool_id = $1 and sub = $2 and credential_id = $3 and sign_count = $4`,
		k.PoolID, k.Sub, k.CredentialID, int64(k.SignCount), int64(signCount), backedUp, micros(tx.Now))
	if errors.Is(err, ErrNotFound) {
		err = ErrConflict
	}
	return err
}

// DeletePasskey removes a user's passkey; ErrNotFound when it is not the
// user's.
func DeletePasskey(tx *Tx, poolID, sub string, credentialID []byte) error {
	return tx.execOne(`delete from user_passkeys where pool_id = $1 and sub = $2 and credential_id = $3`, poolID, sub, credentialID)
}
