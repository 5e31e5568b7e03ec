package store

import "time"

// The names of what belongs to the account.
const (
	IAMAccountAlias     = "alias"
	IAMPasswordPolicy   = "password policy"
	IAMCredentialReport = "credential report"
)

// IAMAccountValue is what belongs to the account under a name and when it was
// put there, or ErrNotFound.
func IAMAccountValue(tx *Tx, name string) (value string, at time.Time, err error) {
	var created int64
	err = tx.queryRow(`select value, created_at from iam_account where name = $1`, name).Scan(&value, &created)
	return value, fromMicros(created), err
}

// PutIAMAccountValue sets or replaces it.
func PutIAMAccountValue(tx *Tx, name, value string) error {
	_, err := tx.exec(`insert into iam_account (name, value, created_at) values ($1, $2, $3)
		on conflict (name) do update set value = excluded.value, created_at = excluded.created_at`, name, value, micros(tx.Now))
	return err
}

// DeleteIAMAccountValue removes it, or answers ErrNotFound.
func DeleteIAMAccountValue(tx *Tx, name string) error {
	return tx.execOne(`delete from iam_account where name = $1`, name)
}
