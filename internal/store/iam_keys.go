package store

import "time"

// An IAMAccessKey is a long-term access key. Its secret is sealed at rest.
type IAMAccessKey struct {
	ID, OwnerID string // OwnerID is a user's unique id, or RootOwner
	Secret      string
	Status      string // "Active" or "Inactive"
	CreatedAt   time.Time

	UsedAt                  time.Time // zero when never used
	UsedService, UsedRegion string
}

const (
	iamKeyColumns = `id, owner_id, secret, status, created_at, used_at, used_service, used_region`
	iamKeyPurpose = "access key"
)

func (tx *Tx) scanIAMAccessKey(row scanner) (*IAMAccessKey, error) {
	k := &IAMAccessKey{}
	var sealed []byte
	var created, used int64
	if err := row.Scan(&k.ID, &k.OwnerID, &sealed, &k.Status, &created, &used, &k.UsedService, &k.UsedRegion); err != nil {
		return nil, err
	}
	secret, err := tx.open(iamKeyPurpose, k.ID, sealed)
	k.Secret, k.CreatedAt, k.UsedAt = string(secret), fromMicros(created), fromMicros(used)
	return k, err
}

// InsertIAMAccessKey creates a key.
func InsertIAMAccessKey(tx *Tx, k *IAMAccessKey) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into iam_access_keys (`+iamKeyColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		k.ID, k.OwnerID, tx.seal(iamKeyPurpose, k.ID, []byte(k.Secret)), k.Status, micros(k.CreatedAt), micros(k.UsedAt), k.UsedService, k.UsedRegion)
	return err
}

// IAMAccessKeyByID is the key, active or not, or ErrNotFound.
func IAMAccessKeyByID(tx *Tx, id string) (*IAMAccessKey, error) {
	return tx.scanIAMAccessKey(tx.queryRow(`select `+iamKeyColumns+` from iam_access_keys where id = $1`, id))
}

// IAMAccessKeys are an owner's keys, the oldest first.
func IAMAccessKeys(tx *Tx, ownerID string) ([]*IAMAccessKey, error) {
	return collect(tx, tx.scanIAMAccessKey, `select `+iamKeyColumns+` from iam_access_keys where owner_id = $1 order by created_at, id`, ownerID)
}

// SetIAMAccessKeyStatus makes an owner's key active or inactive.
func SetIAMAccessKeyStatus(tx *Tx, ownerID, id, status string) error {
	tx.ConfigChanged()
	return tx.execOne(`update iam_access_keys set status = $3 where owner_id = $1 and id = $2`, ownerID, id, status)
}

// DeleteIAMAccessKey removes an owner's key.
func DeleteIAMAccessKey(tx *Tx, ownerID, id string) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from iam_access_keys where owner_id = $1 and id = $2`, ownerID, id)
}

// UseIAMAccessKey notes a key's last use. It is no change of the configuration:
// no node need forget what it has cached.
func UseIAMAccessKey(tx *Tx, id string, at time.Time, service, region string) error {
	_, err := tx.exec(`update iam_access_keys set used_at = $2, used_service = $3, used_region = $4 where id = $1 and used_at < $2`,
		id, micros(at), service, region)
	return err
}
