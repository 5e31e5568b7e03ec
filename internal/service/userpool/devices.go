package userpool

import (
	"context"
	"encoding/base64"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/event"
	"gatehouse/internal/store"
)

// Devices of users (auth-flows.md, section 4). A sign-in gives a device key; a
// device exists from the moment that its key is confirmed.

// maxDevices is how many devices a user keeps: those that were used last.
const maxDevices = 100

var errNoDevice = &cognitoidp.ResourceNotFoundException{Message: "Device does not exist."}

// needDevices refuses pools that track no devices.
func needDevices(p *pool.Pool) error {
	if !p.TracksDevices() {
		return &cognitoidp.InvalidUserPoolConfigurationException{Message: "Device tracking is not enabled for the user pool."}
	}
	return nil
}

// deviceHolder is the user of an access token in a pool that tracks devices.
func (s *Service) deviceHolder(ctx context.Context, accessToken *api.Secret) (*holder, error) {
	if accessToken == nil {
		return nil, notAuthorized("Invalid Access Token")
	}
	h, err := s.bearer(ctx, accessToken)
	if err != nil {
		return nil, err
	}
	return h, needDevices(h.pool)
}

// deviceOwner is the user whom an administrator names in such a pool.
func (s *Service) deviceOwner(ctx context.Context, poolID, name string) (*store.User, error) {
	p, u, err := s.findUser(ctx, poolID, name)
	if err == nil {
		err = needDevices(p)
	}
	return u, err
}

// ConfirmDevice makes the device of the token's sign-in known, with what it
// will prove itself against. It is remembered at once, unless the pool leaves
// that to the user.
func (s *Service) ConfirmDevice(ctx context.Context, in *cognitoidp.ConfirmDeviceInput) (*cognitoidp.ConfirmDeviceOutput, error) {
	h, err := s.deviceHolder(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	verifier, err := deviceVerifier(in.DeviceSecretVerifierConfig)
	if err != nil {
		return nil, err
	}
	if *in.DeviceKey != h.session.DeviceKey {
		return nil, errNoDevice // of another sign-in, or of somebody else
	}
	ip := ""
	if from := event.From(ctx).Source.IP; from.IsValid() {
		ip = from.String()
	}
	asks := api.Value(h.pool.Settings.DeviceConfiguration.DeviceOnlyRememberedOnUserPrompt)
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := userBySub(tx, h.pool, h.user.Sub)
		if err != nil {
			return err
		}
		_, err = store.DeviceByKey(tx, u.PoolID, u.Sub, *in.DeviceKey)
		if err == nil {
			return &cognitoidp.DeviceKeyExistsException{Message: "Device already exists with device key: " + *in.DeviceKey}
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := store.PutDevice(tx, &store.Device{PoolID: u.PoolID, Sub: u.Sub, Key: *in.DeviceKey, Name: api.Value(in.DeviceName), Verifier: verifier,
			Remembered: !asks, IP: ip, CreatedAt: tx.Now, UpdatedAt: tx.Now, AuthenticatedAt: tx.Now}); err != nil {
			return err
		}
		return store.KeepDevices(tx, u.PoolID, u.Sub, maxDevices)
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ConfirmDeviceOutput{UserConfirmationNecessary: &asks}, nil
}

// deviceVerifier reads the numbers that a client made for its device.
func deviceVerifier(c *cognitoidp.DeviceSecretVerifierConfigType) ([]byte, error) {
	if c == nil || c.Salt == nil || c.PasswordVerifier == nil {
		return nil, invalid("DeviceSecretVerifierConfig needs a Salt and a PasswordVerifier.")
	}
	salt, err := base64.StdEncoding.DecodeString(*c.Salt)
	if err != nil {
		return nil, invalid("Salt of DeviceSecretVerifierConfig is not base64.")
	}
	verifier, err := base64.StdEncoding.DecodeString(*c.PasswordVerifier)
	if err != nil {
		return nil, invalid("PasswordVerifier of DeviceSecretVerifierConfig is not base64.")
	}
	text, err := signin.ParseDeviceVerifier(salt, verifier)
	if err != nil {
		return nil, invalid("DeviceSecretVerifierConfig holds no numbers of the SRP group.")
	}
	return text, nil
}

// deviceType is a device as answers show it.
func deviceType(d *store.Device) *cognitoidp.DeviceType {
	t := &cognitoidp.DeviceType{DeviceKey: &d.Key, DeviceCreateDate: api.At(d.CreatedAt), DeviceLastModifiedDate: api.At(d.UpdatedAt),
		DeviceLastAuthenticatedDate: api.At(d.AuthenticatedAt)}
	status := cognitoidp.DeviceRememberedStatusTypeNotRemembered
	if d.Remembered {
		status = cognitoidp.DeviceRememberedStatusTypeRemembered
	}
	for _, a := range []store.Attribute{{Name: "device_status", Value: "valid"}, {Name: "device_name", Value: d.Name},
		{Name: "dev:device_remembered_status", Value: string(status)}, {Name: "last_ip_used", Value: d.IP}} {
		if a.Value != "" {
			t.DeviceAttributes = append(t.DeviceAttributes, cognitoidp.AttributeType{Name: new(a.Name), Value: new(api.Secret(a.Value))})
		}
	}
	return t
}

// getDevice reads a device of a user.
func (s *Service) getDevice(ctx context.Context, u *store.User, key string) (*cognitoidp.DeviceType, error) {
	var d *store.Device
	if err := s.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		d, err = store.DeviceByKey(tx, u.PoolID, u.Sub, key)
		return err
	}); err != nil {
		return nil, noDevice(err)
	}
	return deviceType(d), nil
}

func noDevice(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errNoDevice
	}
	return err
}

// GetDevice shows a device of the token's user.
func (s *Service) GetDevice(ctx context.Context, in *cognitoidp.GetDeviceInput) (*cognitoidp.GetDeviceOutput, error) {
	h, err := s.deviceHolder(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	t, err := s.getDevice(ctx, h.user, *in.DeviceKey)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.GetDeviceOutput{Device: t}, nil
}

// AdminGetDevice shows a device of a user.
func (s *Service) AdminGetDevice(ctx context.Context, in *cognitoidp.AdminGetDeviceInput) (*cognitoidp.AdminGetDeviceOutput, error) {
	u, err := s.deviceOwner(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, unlistedUser(err)
	}
	t, err := s.getDevice(ctx, u, *in.DeviceKey)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminGetDeviceOutput{Device: t}, nil
}

// unlistedUser words a missing user for the two operations whose model does not
// list UserNotFoundException.
func unlistedUser(err error) error {
	if errors.Is(err, errUserNotFound) {
		return &cognitoidp.ResourceNotFoundException{Message: errUserNotFound.Message}
	}
	return err
}

func (s *Service) listDevices(ctx context.Context, u *store.User, token *string, wish *int) (list []cognitoidp.DeviceType, next *string, err error) {
	rows, next, err := page(ctx, s, "ListDevices/"+u.PoolID+"/"+u.Sub, token, limit(wish, 60),
		func(tx *store.Tx, from position, n int) ([]*store.Device, error) {
			return store.Devices(tx, u.PoolID, u.Sub, from.ID, n)
		},
		func(d *store.Device) position { return position{ID: d.Key} })
	list = []cognitoidp.DeviceType{}
	for _, d := range rows {
		list = append(list, *deviceType(d))
	}
	return list, next, err
}

// ListDevices lists the devices of the token's user.
func (s *Service) ListDevices(ctx context.Context, in *cognitoidp.ListDevicesInput) (out *cognitoidp.ListDevicesOutput, err error) {
	h, err := s.deviceHolder(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	out = &cognitoidp.ListDevicesOutput{}
	out.Devices, out.PaginationToken, err = s.listDevices(ctx, h.user, in.PaginationToken, in.Limit)
	return out, err
}

// AdminListDevices lists the devices of a user.
func (s *Service) AdminListDevices(ctx context.Context, in *cognitoidp.AdminListDevicesInput) (out *cognitoidp.AdminListDevicesOutput, err error) {
	u, err := s.deviceOwner(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, unlistedUser(err)
	}
	out = &cognitoidp.AdminListDevicesOutput{}
	out.Devices, out.PaginationToken, err = s.listDevices(ctx, u, in.PaginationToken, in.Limit)
	return out, err
}

func (s *Service) forgetDevice(ctx context.Context, u *store.User, key string) error {
	return noDevice(s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteDevice(tx, u.PoolID, u.Sub, key) }))
}

// ForgetDevice forgets a device of the token's user. The sessions that were
// begun on it are not refreshed any more; their access tokens last.
func (s *Service) ForgetDevice(ctx context.Context, in *cognitoidp.ForgetDeviceInput) (*cognitoidp.ForgetDeviceOutput, error) {
	h, err := s.deviceHolder(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ForgetDeviceOutput{}, s.forgetDevice(ctx, h.user, *in.DeviceKey)
}

// AdminForgetDevice forgets a device of a user.
func (s *Service) AdminForgetDevice(ctx context.Context, in *cognitoidp.AdminForgetDeviceInput) (*cognitoidp.AdminForgetDeviceOutput, error) {
	u, err := s.deviceOwner(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminForgetDeviceOutput{}, s.forgetDevice(ctx, u, *in.DeviceKey)
}

func (s *Service) rememberDevice(ctx context.Context, u *store.User, key string, status *cognitoidp.DeviceRememberedStatusType) error {
	if status == nil {
		return invalid("DeviceRememberedStatus must be remembered or not_remembered.")
	}
	return noDevice(s.DB.Write(ctx, func(tx *store.Tx) error {
		d, err := store.DeviceByKey(tx, u.PoolID, u.Sub, key)
		if err != nil {
			return err
		}
		d.Remembered, d.UpdatedAt = *status == cognitoidp.DeviceRememberedStatusTypeRemembered, tx.Now
		return store.PutDevice(tx, d)
	}))
}

// UpdateDeviceStatus remembers a device of the token's user, or not.
func (s *Service) UpdateDeviceStatus(ctx context.Context, in *cognitoidp.UpdateDeviceStatusInput) (*cognitoidp.UpdateDeviceStatusOutput, error) {
	h, err := s.deviceHolder(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.UpdateDeviceStatusOutput{}, s.rememberDevice(ctx, h.user, *in.DeviceKey, in.DeviceRememberedStatus)
}

// AdminUpdateDeviceStatus remembers a device of a user, or not.
func (s *Service) AdminUpdateDeviceStatus(ctx context.Context, in *cognitoidp.AdminUpdateDeviceStatusInput) (*cognitoidp.AdminUpdateDeviceStatusOutput, error) {
	u, err := s.deviceOwner(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminUpdateDeviceStatusOutput{}, s.rememberDevice(ctx, u, *in.DeviceKey, in.DeviceRememberedStatus)
}
