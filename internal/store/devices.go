package store

import "time"

// Device is a device that a user has confirmed.
type Device struct {
	PoolID, Sub, Key string
	Name             string
	Verifier         []byte // salt and SRP verifier; sealed at rest
	Remembered       bool
	IP               string // of the last sign-in; "" when unknown
	CreatedAt        time.Time
	UpdatedAt        time.Time
	AuthenticatedAt  time.Time // when it last proved itself
}

const deviceColumns = `pool_id, sub, device_key, name, verifier, remembered, ip, created_at, updated_at, authenticated_at`

func (tx *Tx) scanDevice(r scanner) (*Device, error) {
	d := &Device{}
	var sealed []byte
	var created, updated, authenticated int64
	err := r.Scan(&d.PoolID, &d.Sub, &d.Key, &d.Name, &sealed, &d.Remembered, &d.IP, &created, &updated, &authenticated)
	if err != nil {
		return nil, err
	}
	d.CreatedAt, d.UpdatedAt, d.AuthenticatedAt = fromMicros(created), fromMicros(updated), fromMicros(authenticated)
	d.Verifier, err = tx.open("device verifier", deviceIdentity(d), sealed)
	return d, err
}

func deviceIdentity(d *Device) string { return d.PoolID + "/" + d.Sub + "/" + d.Key }

// DeviceByKey is a device of a user, or ErrNotFound.
func DeviceByKey(tx *Tx, poolID, sub, key string) (*Device, error) {
	return tx.scanDevice(tx.queryRow(`select `+deviceColumns+` from user_devices where pool_id = $1 and sub = $2 and device_key = $3`, poolID, sub, key))
}

// Devices lists a user's devices by key, after the given one.
func Devices(tx *Tx, poolID, sub, after string, limit int) ([]*Device, error) {
	return collect(tx, func(r scanner) (*Device, error) { return tx.scanDevice(r) },
		`select `+deviceColumns+` from user_devices where pool_id = $1 and sub = $2 and device_key > $3 order by device_key limit $4`, poolID, sub, after, limit)
}

// KeepDevices forgets all but the most devices that were used last.
func KeepDevices(tx *Tx, poolID, sub string, most int) error {
	_, err := tx.exec(`delete from user_devices where pool_id = $1 and sub = $2 and device_key not in
		(select device_key from user_devices where pool_id = $1 and sub = $2 order by authenticated_at desc, device_key limit $3)`, poolID, sub, most)
	return err
}

// PutDevice writes a device.
func PutDevice(tx *Tx, d *Device) error {
	_, err := tx.exec(`insert into user_devices (`+deviceColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (pool_id, sub, device_key) do update set name = excluded.name, verifier = excluded.verifier, remembered = excluded.remembered,
		ip = excluded.ip, updated_at = excluded.updated_at, authenticated_at = excluded.authenticated_at`,
		d.PoolID, d.Sub, d.Key, d.Name, tx.seal("device verifier", deviceIdentity(d), d.Verifier), d.Remembered, d.IP, micros(d.CreatedAt), micros(d.UpdatedAt),
		micros(d.AuthenticatedAt))
	return err
}

// ForgottenDevice is the device key of sessions whose device was forgotten.
const ForgottenDevice = "-"

// DeleteDevice forgets a device; ErrNotFound when there is none. The sessions
// that were begun on it are not refreshed any more.
func DeleteDevice(tx *Tx, poolID, sub, key string) error {
	n, err := tx.exec(`delete from user_devices where pool_id = $1 and sub = $2 and device_key = $3`, poolID, sub, key)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return err
	}
	_, err = tx.exec(`update user_sessions set device_key = $4 where pool_id = $1 and sub = $2 and device_key = $3`, poolID, sub, key, ForgottenDevice)
	return err
}
