package signin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/srp"
	"gatehouse/internal/store"
)

// Devices (auth-flows.md, section 4): the same SRP as for passwords, with a
// secret that the device made for itself. A remembered device proves itself
// after the password and, where the pool says so, in place of a second factor.

// NewDevice is a device key that nobody has used: the client may confirm it.
type NewDevice struct{ Key, GroupKey string }

// DeviceVerifier is what a device proves itself against.
type DeviceVerifier struct {
	Salt  []byte `json:"s"`
	Value []byte `json:"v"` // a group element
}

// errNoDevice has the word that clients look for: they forget their key and
// answer again without it.
var errNoDevice = &cognitoidp.ResourceNotFoundException{Message: "Device does not exist."}

// askDevice asks the device that the client named to prove itself.
func (e *Engine) askDevice(ctx context.Context, pr *proof) (*Step, error) {
	return e.ask(ctx, pr, cognitoidp.ChallengeNameTypeDeviceSrpAuth,
		map[string]string{"DEVICE_KEY": pr.DeviceKey, "USERNAME": pr.user.Username, "USER_ID_FOR_SRP": pr.user.Username})
}

// device is the device of a proof with its verifier, or errNoDevice.
func (e *Engine) device(ctx context.Context, pr *proof, key string) (d *store.Device, v *DeviceVerifier, err error) {
	err = e.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		d, err = store.DeviceByKey(tx, pr.pool.ID, pr.user.Sub, key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && !d.Remembered {
		return nil, nil, errNoDevice
	}
	if err != nil {
		return nil, nil, err
	}
	v = &DeviceVerifier{}
	return d, v, json.Unmarshal(d.Verifier, v)
}

// startDevice answers A of DEVICE_SRP_AUTH with B.
func (e *Engine) startDevice(ctx context.Context, r *Reply) (*Step, error) {
	a, err := required(r.Responses, "SRP_A")
	if err != nil {
		return nil, err
	}
	key, err := required(r.Responses, "DEVICE_KEY")
	if err != nil {
		return nil, err
	}
	pr, _, err := e.guess(ctx, r)
	if err != nil {
		return nil, err
	}
	_, v, err := e.device(ctx, pr, key)
	if err != nil {
		return nil, err
	}
	return e.shake(ctx, pr, cognitoidp.ChallengeNameTypeDevicePasswordVerifier, a, v.Salt, v.Value,
		map[string]string{"DEVICE_KEY": key, "USERNAME": pr.user.Username})
}

// verifyDevice checks the answer to DEVICE_PASSWORD_VERIFIER. A wrong one
// counts like a wrong password.
func (e *Engine) verifyDevice(ctx context.Context, r *Reply) (*Step, error) {
	key, err := required(r.Responses, "DEVICE_KEY")
	if err != nil {
		return nil, err
	}
	pr, h, c, err := e.reshake(ctx, r)
	if err != nil {
		return nil, err
	}
	if pr.user == nil || key != pr.DeviceKey {
		return nil, errNoDevice
	}
	if err := e.mayGuess(ctx, pr); err != nil {
		return nil, err
	}
	_, v, err := e.device(ctx, pr, key)
	if err != nil {
		return nil, err
	}
	right, err := e.proves(ctx, h, c, v.Value, pr.pool.DeviceGroupKey(), key)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, spentOr(e.recordFailure(ctx, pr.pool, pr.user, pr.typed, also(pr.spend, e.failure(pr, cognitoidp.ChallengeNameMfa))))
	}
	pr.Proven = true
	return e.proceed(ctx, pr)
}

// deviceOf is the key that a sign-in's session is bound to, inside the write
// that ends it: that of the device that the client named, or a new one, which
// the client may confirm. Sign-ins with credentials have no device.
func (e *Engine) deviceOf(tx *store.Tx, pr *proof, d *store.Device) (key string, fresh *NewDevice, err error) {
	switch {
	case !pr.pool.TracksDevices() || pr.Admin || pr.Browser:
		return "", nil, nil
	case d != nil:
		d.AuthenticatedAt = tx.Now
		if pr.seen.IP.IsValid() {
			d.IP = pr.seen.IP.String()
		}
		return d.Key, nil, store.PutDevice(tx, d)
	}
	region, _, _ := strings.Cut(pr.pool.ID, "_")
	key = region + "_" + uuid.NewString()
	return key, &NewDevice{Key: key, GroupKey: pr.pool.DeviceGroupKey()}, nil
}

// ParseDeviceVerifier reads what a client sends for a device: both numbers as
// Java prints them.
func ParseDeviceVerifier(salt, verifier []byte) ([]byte, error) {
	if len(salt) == 0 || len(salt) > 64 {
		return nil, srp.ErrNumber
	}
	value, err := srp.ParseVerifier(verifier)
	if err != nil {
		return nil, err
	}
	return json.Marshal(DeviceVerifier{Salt: salt, Value: value})
}
