package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/test/awsclient"
)

// tracking makes a pool that tracks devices.
func tracking(replaces, asks bool) func(*idp.CreateUserPoolInput) {
	return func(in *idp.CreateUserPoolInput) {
		in.DeviceConfiguration = &types.DeviceConfigurationType{ChallengeRequiredOnNewDevice: replaces, DeviceOnlyRememberedOnUserPrompt: asks}
	}
}

// confirmDevice confirms the device that a sign-in was given.
func (n *tenant) confirmDevice(r *types.AuthenticationResultType) (*awsclient.Device, *idp.ConfirmDeviceOutput) {
	n.Helper()
	if r.NewDeviceMetadata == nil {
		n.Fatal("the sign-in was given no device key")
	}
	d := awsclient.NewDevice(*r.NewDeviceMetadata.DeviceGroupKey, *r.NewDeviceMetadata.DeviceKey)
	out, err := n.confirmAs(*r.AccessToken, d)
	n.ok(err)
	return d, out
}

func (n *tenant) confirmAs(accessToken string, d *awsclient.Device) (*idp.ConfirmDeviceOutput, error) {
	salt, verifier := d.Verifier()
	return n.anyone.IDP.ConfirmDevice(n.Context(), &idp.ConfirmDeviceInput{AccessToken: &accessToken, DeviceKey: &d.Key, DeviceName: aws.String("laptop"),
		DeviceSecretVerifierConfig: &types.DeviceSecretVerifierConfigType{Salt: &salt, PasswordVerifier: &verifier}})
}

// loginOn signs in with the password on a device.
func (n *tenant) loginOn(d *awsclient.Device, username string) (*idp.InitiateAuthOutput, error) {
	return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "USER_PASSWORD_AUTH",
		AuthParameters: n.hashed(username, map[string]string{"USERNAME": username, "PASSWORD": password, "DEVICE_KEY": d.Key})})
}

// proveDevice answers DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER.
func (n *tenant) proveDevice(d *awsclient.Device, username string, session *string) (*idp.RespondToAuthChallengeOutput, error) {
	n.Helper()
	h := awsclient.NewSRP()
	out := n.must("DEVICE_PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", session, username, "DEVICE_KEY", d.Key, "SRP_A", h.A())
	answer, err := h.AnswerDevice(d, out.ChallengeParameters, n.server.Now())
	n.ok(err)
	return n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "DEVICE_PASSWORD_VERIFIER", Session: out.Session,
		ChallengeResponses: n.hashed(username, answer)})
}

func (n *tenant) renewOn(refreshToken, deviceKey string) error {
	_, err := n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "REFRESH_TOKEN_AUTH",
		AuthParameters: map[string]string{"REFRESH_TOKEN": refreshToken, "DEVICE_KEY": deviceKey}})
	return err
}

// TestDevices: a remembered device proves itself in place of a second factor,
// and its sessions are refreshed with its key alone.
func TestDevices(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(tracking(true, false), nil)
		n.ok(n.mfa("OPTIONAL", true))
		ann, bob := n.user("ann"), n.user("bob")
		first := n.tokens(ann)
		// the key of a sign-in is for that sign-in
		stranger := n.tokens(bob)
		d := awsclient.NewDevice(*first.NewDeviceMetadata.DeviceGroupKey, *first.NewDeviceMetadata.DeviceKey)
		_, err := n.confirmAs(*stranger.AccessToken, d)
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		_, err = n.loginOn(d, ann)
		n.refused(err, "ResourceNotFoundException", "Device does not exist.") // not confirmed
		_, err = n.anyone.IDP.ConfirmDevice(n.Context(), &idp.ConfirmDeviceInput{AccessToken: first.AccessToken, DeviceKey: &d.Key})
		n.refused(err, "InvalidParameterException", "/DeviceSecretVerifierConfig/")
		for _, bad := range [][2]string{{"AAECAw==", "AA=="}, {"", "AAECAw=="}, {"?", "AAECAw=="}, {"AAECAw==", "?"}} {
			_, err = n.anyone.IDP.ConfirmDevice(n.Context(), &idp.ConfirmDeviceInput{AccessToken: first.AccessToken, DeviceKey: &d.Key,
				DeviceSecretVerifierConfig: &types.DeviceSecretVerifierConfigType{Salt: &bad[0], PasswordVerifier: &bad[1]}})
			n.refused(err, "InvalidParameterException", "/DeviceSecretVerifierConfig/")
		}
		d, confirmed := n.confirmDevice(first)
		if confirmed.UserConfirmationNecessary {
			n.Error("the pool remembers devices without asking")
		}
		_, err = n.confirmAs(*first.AccessToken, d)
		n.refused(err, "DeviceKeyExistsException", "")
		token := *first.AccessToken
		secret := n.register(token)
		n.nextStep()

		// without the key: the second factor, and a new device
		out, err := n.login(ann, password)
		n.ok(err)
		if out.ChallengeName != "SOFTWARE_TOKEN_MFA" {
			n.Fatalf("%s", out.ChallengeName)
		}
		got, err := n.code(ann, *out.Session, n.app(secret, 0))
		n.ok(err)
		if got.NewDeviceMetadata == nil || *got.NewDeviceMetadata.DeviceKey == d.Key || *got.NewDeviceMetadata.DeviceGroupKey != d.GroupKey {
			n.Errorf("%+v", got.NewDeviceMetadata)
		}
		// with it: the device in place of the factor
		on, err := n.loginOn(d, ann)
		n.ok(err)
		if on.ChallengeName != "DEVICE_SRP_AUTH" || on.ChallengeParameters["DEVICE_KEY"] != d.Key {
			n.Fatalf("%s %+v", on.ChallengeName, on.ChallengeParameters)
		}
		wrong := *d
		wrong.Password = "guess"
		_, err = n.proveDevice(&wrong, ann, on.Session)
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		_, err = n.respond("DEVICE_SRP_AUTH", on.Session, ann, "DEVICE_KEY", d.Key, "SRP_A", awsclient.NewSRP().A())
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		on, err = n.loginOn(d, ann)
		n.ok(err)
		for _, a := range []string{"0", awsclient.Modulus()} {
			_, err = n.respond("DEVICE_SRP_AUTH", on.Session, ann, "DEVICE_KEY", d.Key, "SRP_A", a)
			n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		}
		_, err = n.respond("DEVICE_SRP_AUTH", on.Session, ann, "DEVICE_KEY", *got.NewDeviceMetadata.DeviceKey, "SRP_A", awsclient.NewSRP().A())
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		done, err := n.proveDevice(d, ann, on.Session)
		n.ok(err)
		r := done.AuthenticationResult
		if r == nil || r.NewDeviceMetadata != nil {
			n.Fatalf("%+v", done)
		}
		// a bob who knows ann's device key has no device
		_, err = n.loginOn(d, bob)
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")

		_, err = n.refresh(*r.RefreshToken)
		n.refused(err, "NotAuthorizedException", "Invalid Refresh Token")
		n.refused(n.renewOn(*r.RefreshToken, *got.NewDeviceMetadata.DeviceKey), "NotAuthorizedException", "Invalid Refresh Token")
		n.ok(n.renewOn(*r.RefreshToken, d.Key))
		_, err = n.anyone.IDP.GetTokensFromRefreshToken(n.Context(), &idp.GetTokensFromRefreshTokenInput{ClientId: &n.client, RefreshToken: r.RefreshToken})
		n.refused(err, "NotAuthorizedException", "Invalid Refresh Token")
		_, err = n.anyone.IDP.GetTokensFromRefreshToken(n.Context(), &idp.GetTokensFromRefreshTokenInput{ClientId: &n.client, RefreshToken: r.RefreshToken, DeviceKey: &d.Key})
		n.ok(err)

		// SRP names the device with its answer
		h, challenge, err := n.startSRP(ann)
		n.ok(err)
		answer, err := h.Answer(n.pool, password, challenge, n.server.Now())
		n.ok(err)
		answer["DEVICE_KEY"] = someDevice
		ask := func() (*idp.RespondToAuthChallengeOutput, error) {
			return n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: answer})
		}
		_, err = ask()
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		answer["DEVICE_KEY"] = d.Key // the same answer still counts: clients forget the key and answer again
		asked, err := ask()
		n.ok(err)
		if asked.ChallengeName != "DEVICE_SRP_AUTH" {
			n.Fatalf("%s", asked.ChallengeName)
		}
		_, err = n.proveDevice(d, ann, asked.Session)
		n.ok(err)

		// not remembered: no more in place of the factor
		_, err = n.anyone.IDP.UpdateDeviceStatus(n.Context(), &idp.UpdateDeviceStatusInput{AccessToken: &token, DeviceKey: &d.Key, DeviceRememberedStatus: "not_remembered"})
		n.ok(err)
		on, err = n.loginOn(d, ann)
		n.ok(err)
		if on.ChallengeName != "SOFTWARE_TOKEN_MFA" {
			n.Fatalf("%s", on.ChallengeName)
		}
		_, err = n.anyone.IDP.ForgetDevice(n.Context(), &idp.ForgetDeviceInput{AccessToken: r.AccessToken, DeviceKey: &d.Key})
		n.ok(err)
		_, err = n.loginOn(d, ann)
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		n.refused(n.renewOn(*r.RefreshToken, d.Key), "NotAuthorizedException", "Invalid Refresh Token")
		n.refused(n.renewOn(*r.RefreshToken, "-"), "NotAuthorizedException", "Invalid Refresh Token")
		// with credentials there are no devices
		admin, err := n.root.IDP.AdminInitiateAuth(n.Context(), &idp.AdminInitiateAuthInput{UserPoolId: &n.pool, ClientId: &n.client, AuthFlow: "ADMIN_USER_PASSWORD_AUTH",
			AuthParameters: map[string]string{"USERNAME": bob, "PASSWORD": password, "DEVICE_KEY": d.Key}})
		n.ok(err)
		if admin.AuthenticationResult == nil || admin.AuthenticationResult.NewDeviceMetadata != nil {
			n.Errorf("%+v", admin)
		}
		_, err = n.refresh(*admin.AuthenticationResult.RefreshToken)
		n.ok(err)
	})
}

// TestDevices_besides: a device that does not stand for the factor is asked
// after it.
func TestDevices_besides(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(tracking(false, true), nil)
		n.ok(n.mfa("OPTIONAL", true))
		ann := n.user("ann")
		first := n.tokens(ann)
		d, confirmed := n.confirmDevice(first)
		if !confirmed.UserConfirmationNecessary {
			n.Error("the pool asks the user before it remembers")
		}
		on, err := n.loginOn(d, ann)
		n.ok(err)
		if on.AuthenticationResult == nil || on.AuthenticationResult.NewDeviceMetadata != nil {
			n.Fatalf("a device that is not remembered proves nothing: %+v", on)
		}
		_, err = n.anyone.IDP.UpdateDeviceStatus(n.Context(), &idp.UpdateDeviceStatusInput{AccessToken: first.AccessToken, DeviceKey: &d.Key, DeviceRememberedStatus: "remembered"})
		n.ok(err)
		secret := n.register(*first.AccessToken)
		n.nextStep()
		on, err = n.loginOn(d, ann)
		n.ok(err)
		if on.ChallengeName != "SOFTWARE_TOKEN_MFA" {
			n.Fatalf("%s", on.ChallengeName)
		}
		out := n.must("DEVICE_SRP_AUTH", "SOFTWARE_TOKEN_MFA", on.Session, ann, "SOFTWARE_TOKEN_MFA_CODE", n.app(secret, 0), "DEVICE_KEY", d.Key)
		got, err := n.proveDevice(d, ann, out.Session)
		n.ok(err)
		if got.AuthenticationResult == nil {
			n.Fatalf("%+v", got)
		}
	})
}

// TestDeviceOperations: who may see and forget which devices.
func TestDeviceOperations(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(tracking(false, false), nil)
		ann, bob := n.user("ann"), n.user("bob")
		first, other := n.tokens(ann), n.tokens(bob)
		d, _ := n.confirmDevice(first)
		second, _ := n.confirmDevice(n.tokens(ann))

		got, err := n.anyone.IDP.GetDevice(n.Context(), &idp.GetDeviceInput{AccessToken: first.AccessToken, DeviceKey: &d.Key})
		n.ok(err)
		names := map[string]string{}
		for _, a := range got.Device.DeviceAttributes {
			names[*a.Name] = *a.Value
		}
		if *got.Device.DeviceKey != d.Key || names["device_name"] != "laptop" || names["device_status"] != "valid" || names["dev:device_remembered_status"] != "remembered" {
			n.Errorf("%+v %v", got.Device, names)
		}
		_, err = n.anyone.IDP.GetDevice(n.Context(), &idp.GetDeviceInput{AccessToken: other.AccessToken, DeviceKey: &d.Key})
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		_, err = n.anyone.IDP.ForgetDevice(n.Context(), &idp.ForgetDeviceInput{AccessToken: other.AccessToken, DeviceKey: &d.Key})
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		_, err = n.anyone.IDP.ForgetDevice(n.Context(), &idp.ForgetDeviceInput{DeviceKey: &d.Key})
		n.refused(err, "NotAuthorizedException", "Invalid Access Token")
		_, err = n.anyone.IDP.UpdateDeviceStatus(n.Context(), &idp.UpdateDeviceStatusInput{AccessToken: other.AccessToken, DeviceKey: &d.Key, DeviceRememberedStatus: "remembered"})
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		_, err = n.anyone.IDP.UpdateDeviceStatus(n.Context(), &idp.UpdateDeviceStatusInput{AccessToken: first.AccessToken, DeviceKey: &d.Key})
		n.refused(err, "InvalidParameterException", "/DeviceRememberedStatus/")

		seen := map[string]bool{}
		in := &idp.ListDevicesInput{AccessToken: first.AccessToken, Limit: aws.Int32(1)}
		for range 3 {
			page, err := n.anyone.IDP.ListDevices(n.Context(), in)
			n.ok(err)
			for _, d := range page.Devices {
				seen[*d.DeviceKey] = true
			}
			if in.PaginationToken = page.PaginationToken; in.PaginationToken == nil {
				break
			}
		}
		if len(seen) != 2 || !seen[d.Key] || !seen[second.Key] {
			n.Errorf("listed %v", seen)
		}
		page, err := n.anyone.IDP.ListDevices(n.Context(), &idp.ListDevicesInput{AccessToken: other.AccessToken})
		n.ok(err)
		if len(page.Devices) != 0 {
			n.Errorf("bob has %+v", page.Devices)
		}

		all, err := n.root.IDP.AdminListDevices(n.Context(), &idp.AdminListDevicesInput{UserPoolId: &n.pool, Username: &ann})
		n.ok(err)
		if len(all.Devices) != 2 {
			n.Errorf("%+v", all.Devices)
		}
		_, err = n.root.IDP.AdminListDevices(n.Context(), &idp.AdminListDevicesInput{UserPoolId: &n.pool, Username: aws.String("nobody")})
		n.refused(err, "ResourceNotFoundException", "User does not exist.")
		_, err = n.root.IDP.AdminGetDevice(n.Context(), &idp.AdminGetDeviceInput{UserPoolId: &n.pool, Username: &bob, DeviceKey: &d.Key})
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		shown, err := n.root.IDP.AdminGetDevice(n.Context(), &idp.AdminGetDeviceInput{UserPoolId: &n.pool, Username: &ann, DeviceKey: &d.Key})
		n.ok(err)
		if *shown.Device.DeviceKey != d.Key {
			n.Errorf("%+v", shown.Device)
		}
		_, err = n.root.IDP.AdminUpdateDeviceStatus(n.Context(), &idp.AdminUpdateDeviceStatusInput{UserPoolId: &n.pool, Username: &ann, DeviceKey: &d.Key, DeviceRememberedStatus: "not_remembered"})
		n.ok(err)
		_, err = n.root.IDP.AdminForgetDevice(n.Context(), &idp.AdminForgetDeviceInput{UserPoolId: &n.pool, Username: &ann, DeviceKey: &d.Key})
		n.ok(err)
		_, err = n.root.IDP.AdminForgetDevice(n.Context(), &idp.AdminForgetDeviceInput{UserPoolId: &n.pool, Username: &ann, DeviceKey: &d.Key})
		n.refused(err, "ResourceNotFoundException", "Device does not exist.")
		_, err = n.getUser(*first.AccessToken)
		n.ok(err)
		n.refused(n.renewOn(*first.RefreshToken, d.Key), "NotAuthorizedException", "Invalid Refresh Token") // it was of that device

		plain := e.tenant(nil, nil)
		cat := plain.user("cat")
		r := plain.tokens(cat)
		if r.NewDeviceMetadata != nil {
			n.Error("a pool that tracks no devices gives no keys")
		}
		_, err = n.anyone.IDP.ListDevices(n.Context(), &idp.ListDevicesInput{AccessToken: r.AccessToken})
		n.refused(err, "InvalidUserPoolConfigurationException", "/not enabled/")
		_, err = n.root.IDP.AdminListDevices(n.Context(), &idp.AdminListDevicesInput{UserPoolId: &plain.pool, Username: &cat})
		n.refused(err, "InvalidUserPoolConfigurationException", "/not enabled/")
	})
}
