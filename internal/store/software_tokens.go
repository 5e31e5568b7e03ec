package store

import "errors"

// SoftwareToken is what a user has of TOTP.
type SoftwareToken struct {
	PoolID, Sub string
	Secret      []byte // verified; nil for none. Sealed at rest
	Pending     []byte // waits for its first code; nil for none. Sealed at rest
	Name        string // the device, as the user calls it
	LastStep    int64  // the step of the last code that was taken
}

// SoftwareTokenOf is what a user has; a user without anything has an empty one.
func SoftwareTokenOf(tx *Tx, poolID, sub string) (*SoftwareToken, error) {
	t := &SoftwareToken{PoolID: poolID, Sub: sub}
	var secret, pending []byte
	err := tx.queryRow(`select secret, pending, name, last_step from user_software_tokens where pool_id = $1 and sub = $2`, poolID, sub).
		Scan(&secret, &pending, &t.Name, &t.LastStep)
	if errors.Is(err, ErrNotFound) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if len(secret) > 0 {
		if t.Secret, err = tx.open("software token", poolID+"/"+sub, secret); err != nil {
			return nil, err
		}
	}
	if len(pending) > 0 {
		if t.Pending, err = tx.open("pending software token", poolID+"/"+sub, pending); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// PutSoftwareToken writes what a user has.
func PutSoftwareToken(tx *Tx, t *SoftwareToken) error {
	var secret, pending []byte
	if len(t.Secret) > 0 {
		secret = tx.seal("software token", t.PoolID+"/"+t.Sub, t.Secret)
	}
	if len(t.Pending) > 0 {
		pending = tx.seal("pending software token", t.PoolID+"/"+t.Sub, t.Pending)
	}
	_, err := tx.exec(`insert into user_software_tokens (pool_id, sub, secret, pending, name, last_step)
		values ($1, $2, $3, $4, $5, $6) on conflict (pool_id, sub) do update set secret = excluded.secret, pending = excluded.pending,
		name = excluded.name, last_step = excluded.last_step`,
		t.PoolID, t.Sub, secret, pending, t.Name, t.LastStep)
	return err
}

// SpendSoftwareTokenStep takes the code of a step: it answers nil to exactly
// one caller for each step, and ErrConflict for a step that is not later than
// the last.
func SpendSoftwareTokenStep(tx *Tx, poolID, sub string, step int64) error {
	n, err := tx.exec(`update user_software_tokens set last_step = $3 where pool_id = $1 and sub = $2 and last_step < $3`, poolID, sub, step)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return err
}
