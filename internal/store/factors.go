package store

import "errors"

// Factors are the second factors that a user has switched on.
type Factors struct {
	PoolID, Sub                        string
	SMS, SoftwareToken, Email, Passkey bool
	Preferred                          string // SMS_MFA, SOFTWARE_TOKEN_MFA, EMAIL_OTP or ""
}

// FactorsOf is what a user has switched on; a user who never chose has
// switched on nothing.
func FactorsOf(tx *Tx, poolID, sub string) (*Factors, error) {
	f := &Factors{PoolID: poolID, Sub: sub}
	err := tx.queryRow(`select sms, software_token, email, passkey, preferred from user_factors where pool_id = $1 and sub = $2`, poolID, sub).
		Scan(&f.SMS, &f.SoftwareToken, &f.Email, &f.Passkey, &f.Preferred)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return f, err
}

// PutFactors writes what a user has switched on.
func PutFactors(tx *Tx, f *Factors) error {
	_, err := tx.exec(`insert into user_factors (pool_id, sub, sms, software_token, email, passkey, preferred) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (pool_id, sub) do update set sms = excluded.sms, software_token = excluded.software_token, email = excluded.email,
		passkey = excluded.passkey, preferred = excluded.preferred`, f.PoolID, f.Sub, f.SMS, f.SoftwareToken, f.Email, f.Passkey, f.Preferred)
	return err
}
