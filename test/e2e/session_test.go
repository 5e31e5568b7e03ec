package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// alter changes a token's signature and nothing else.
func alter(token string) string {
	i := strings.LastIndexByte(token, '.')
	return token[:i+1] + flip(token[i+1:])
}

// unsigned is a token whose header says that it needs no signature.
func unsigned(token string) string {
	parts := strings.Split(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
}

// claimed is a token with another claim, its signature kept.
func claimed(token, name string, value any) string {
	parts := strings.Split(token, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	_ = json.Unmarshal(payload, &claims)
	claims[name] = value
	payload, _ = json.Marshal(claims)
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + parts[2]
}

// someDevice is a device key that was never given.
const someDevice = "us-east-1_00000000-0000-0000-0000-000000000000"

// TestAccessToken_refused: every operation for the token's user refuses every
// token that is not one of this pool, whole, alive and for access.
func TestAccessToken_refused(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		n.user("bob")
		ann, bob := n.tokens("ann"), n.tokens("bob")
		elsewhere := e.tenant(nil, nil)
		elsewhere.user("ann")
		foreign := elsewhere.tokens("ann")
		own := jws(e, *ann.AccessToken)

		operations := map[string]func(token string) error{
			"GetUser": func(token string) error { _, err := n.getUser(token); return err },
			"UpdateUserAttributes": func(token string) error {
				_, err := n.anyone.IDP.UpdateUserAttributes(e.Context(), &idp.UpdateUserAttributesInput{AccessToken: &token, UserAttributes: attributes("name", "x")})
				return err
			},
			"ChangePassword": func(token string) error {
				_, err := n.anyone.IDP.ChangePassword(e.Context(), &idp.ChangePasswordInput{AccessToken: &token, PreviousPassword: aws.String(password), ProposedPassword: aws.String(otherPassword)})
				return err
			},
			"GlobalSignOut": func(token string) error {
				_, err := n.anyone.IDP.GlobalSignOut(e.Context(), &idp.GlobalSignOutInput{AccessToken: &token})
				return err
			},
			"DeleteUser": func(token string) error {
				_, err := n.anyone.IDP.DeleteUser(e.Context(), &idp.DeleteUserInput{AccessToken: &token})
				return err
			},
			"ConfirmDevice": func(token string) error {
				_, err := n.anyone.IDP.ConfirmDevice(e.Context(), &idp.ConfirmDeviceInput{AccessToken: &token, DeviceKey: aws.String(someDevice)})
				return err
			},
			"GetDevice": func(token string) error {
				_, err := n.anyone.IDP.GetDevice(e.Context(), &idp.GetDeviceInput{AccessToken: &token, DeviceKey: aws.String(someDevice)})
				return err
			},
			"ListDevices": func(token string) error {
				_, err := n.anyone.IDP.ListDevices(e.Context(), &idp.ListDevicesInput{AccessToken: &token})
				return err
			},
			"UpdateDeviceStatus": func(token string) error {
				_, err := n.anyone.IDP.UpdateDeviceStatus(e.Context(), &idp.UpdateDeviceStatusInput{AccessToken: &token, DeviceKey: aws.String(someDevice), DeviceRememberedStatus: "remembered"})
				return err
			},
			"ForgetDevice": func(token string) error {
				_, err := n.anyone.IDP.ForgetDevice(e.Context(), &idp.ForgetDeviceInput{AccessToken: &token, DeviceKey: aws.String(someDevice)})
				return err
			},
			"DeleteUserAttributes": func(token string) error {
				_, err := n.anyone.IDP.DeleteUserAttributes(e.Context(), &idp.DeleteUserAttributesInput{AccessToken: &token, UserAttributeNames: []string{"name"}})
				return err
			},
			"GetUserAttributeVerificationCode": func(token string) error {
				_, err := n.anyone.IDP.GetUserAttributeVerificationCode(e.Context(), &idp.GetUserAttributeVerificationCodeInput{AccessToken: &token, AttributeName: aws.String("email")})
				return err
			},
			"VerifyUserAttribute": func(token string) error {
				_, err := n.anyone.IDP.VerifyUserAttribute(e.Context(), &idp.VerifyUserAttributeInput{AccessToken: &token, AttributeName: aws.String("email"), Code: aws.String("123456")})
				return err
			},
			"AssociateSoftwareToken": func(token string) error {
				_, err := n.anyone.IDP.AssociateSoftwareToken(e.Context(), &idp.AssociateSoftwareTokenInput{AccessToken: &token})
				return err
			},
			"VerifySoftwareToken": func(token string) error {
				_, err := n.anyone.IDP.VerifySoftwareToken(e.Context(), &idp.VerifySoftwareTokenInput{AccessToken: &token, UserCode: aws.String("123456")})
				return err
			},
			"SetUserMFAPreference": func(token string) error {
				_, err := n.anyone.IDP.SetUserMFAPreference(e.Context(), &idp.SetUserMFAPreferenceInput{AccessToken: &token})
				return err
			},
			"SetUserSettings": func(token string) error {
				_, err := n.anyone.IDP.SetUserSettings(e.Context(), &idp.SetUserSettingsInput{AccessToken: &token, MFAOptions: []types.MFAOptionType{}})
				return err
			},
			"GetUserAuthFactors": func(token string) error {
				_, err := n.anyone.IDP.GetUserAuthFactors(e.Context(), &idp.GetUserAuthFactorsInput{AccessToken: &token})
				return err
			},
		}
		bobsSub := subOf(*bob.AccessToken)
		for name, c := range map[string]struct{ token, message string }{
			"no token":              {"x", "Invalid Access Token"},
			"ID token":              {*ann.IdToken, "Invalid Access Token"},
			"refresh token":         {*ann.RefreshToken, "Invalid Access Token"},
			"altered signature":     {alter(*ann.AccessToken), "Could not verify signature for Access Token"},
			"another user's sub":    {claimed(*ann.AccessToken, "sub", bobsSub), "Could not verify signature for Access Token"},
			"a longer life":         {claimed(*ann.AccessToken, "exp", 9999999999), "Could not verify signature for Access Token"},
			"another pool's claims": {claimed(*foreign.AccessToken, "iss", e.server.URL+"/"+n.pool), "Could not verify signature for Access Token"},
			"signed by itself":      {own, "/^(Invalid Access Token|Could not verify signature for Access Token)$/"},
			"unsigned":              {unsigned(*ann.AccessToken), "/^(Invalid Access Token|Could not verify signature for Access Token)$/"},
			"unknown pool":          {claimed(*ann.AccessToken, "iss", e.server.URL+"/us-east-1_000000000"), "Invalid Access Token"},
			"unknown issuer":        {claimed(*ann.AccessToken, "iss", "https://example.com/"+n.pool), "Invalid Access Token"},
		} {
			for operation, call := range operations {
				if !e.refused(call(c.token), "NotAuthorizedException", c.message) {
					e.Fatalf("%s with %s", operation, name)
				}
			}
		}
		// Nothing of that did anything.
		n.tokens("ann")
		_, err := n.getUser(*ann.AccessToken)
		e.ok(err)

		e.server.Advance(time.Hour)
		for operation, call := range operations {
			if !e.refused(call(*ann.AccessToken), "NotAuthorizedException", "Access Token has expired") {
				e.Fatal(operation)
			}
		}
	})
}

// jws is a token with the claims of another one, signed with a key that the
// caller could know: the HMAC of public things.
func jws(e *env, token string) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("public key as secret", 4))}, nil)
	e.ok(err)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	e.ok(err)
	s, err := signer.Sign(payload)
	e.ok(err)
	text, err := s.CompactSerialize()
	e.ok(err)
	return text
}

// subOf reads a token's sub without verifying.
func subOf(token string) string {
	var claims struct {
		Sub string `json:"sub"`
	}
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	_ = json.Unmarshal(payload, &claims)
	return claims.Sub
}

// TestRefresh_refused: a refresh token is one client's, and only one's.
func TestRefresh_refused(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, func(in *idp.CreateUserPoolClientInput) {
			in.RefreshTokenValidity = 2
			in.TokenValidityUnits = &types.TokenValidityUnitsType{RefreshToken: "hours"}
		})
		n.user("ann")
		tokens := n.tokens("ann")
		const invalid = "/^Invalid Refresh Token\\.?$/"
		otherClient, _ := n.newClient(nil)
		_, err := n.with(otherClient, "").refresh(*tokens.RefreshToken)
		e.refused(err, "NotAuthorizedException", invalid)
		elsewhere := e.tenant(nil, nil)
		_, err = elsewhere.refresh(*tokens.RefreshToken)
		e.refused(err, "NotAuthorizedException", invalid)
		for _, token := range []string{"x", flip(*tokens.RefreshToken), *tokens.AccessToken, *tokens.IdToken} {
			_, err = n.refresh(token)
			e.refused(err, "NotAuthorizedException", invalid)
		}
		fresh, err := n.refresh(*tokens.RefreshToken)
		e.ok(err)
		before, after := claimsOf(e, *tokens.AccessToken), claimsOf(e, *fresh.AuthenticationResult.AccessToken)
		for _, same := range []string{"sub", "origin_jti", "auth_time", "scope", "client_id", "username", "iss"} {
			if before[same] != after[same] {
				e.Errorf("a refresh changes %s from %v to %v", same, before[same], after[same])
			}
		}
		if before["jti"] == after["jti"] {
			e.Error("a refresh keeps the jti")
		}
		_, err = n.adminInitiate("REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken})
		e.ok(err)
		e.server.Advance(2 * time.Hour)
		_, err = n.refresh(*tokens.RefreshToken)
		e.refused(err, "NotAuthorizedException", "Refresh Token has expired")
	})
}

func claimsOf(e *env, token string) map[string]any {
	e.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	e.ok(err)
	var claims map[string]any
	e.ok(parsed.UnsafeClaimsWithoutVerification(&claims))
	return claims
}

// TestSessionsEnd: what ends a session ends it at once, and nothing brings it
// back.
func TestSessionsEnd(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		const revoked, refreshRevoked = "Access Token has been revoked", "Refresh Token has been revoked"
		name := func(s string) *string { return &s }
		dead := func(tokens *types.AuthenticationResultType, access, refresh string) {
			e.Helper()
			_, err := n.getUser(*tokens.AccessToken)
			e.refused(err, "NotAuthorizedException", access)
			_, err = n.refresh(*tokens.RefreshToken)
			e.refused(err, "NotAuthorizedException", refresh)
		}
		revoke := func(token string) error {
			_, err := n.anyone.IDP.RevokeToken(e.Context(), &idp.RevokeTokenInput{ClientId: &n.client, Token: &token})
			return err
		}

		n.user("revoke")
		first, second := n.tokens("revoke"), n.tokens("revoke")
		e.refused(revoke(*first.AccessToken), "UnsupportedTokenTypeException", "")
		e.refused(revoke("x"), "UnauthorizedException", "")
		e.ok(revoke(*first.RefreshToken))
		e.ok(revoke(*first.RefreshToken))
		dead(first, revoked, refreshRevoked)
		_, err := n.getUser(*second.AccessToken)
		e.ok(err) // the other session stays

		n.user("signout")
		tokens := n.tokens("signout")
		also := n.tokens("signout")
		_, err = n.anyone.IDP.GlobalSignOut(e.Context(), &idp.GlobalSignOutInput{AccessToken: tokens.AccessToken})
		e.ok(err)
		dead(tokens, revoked, refreshRevoked)
		dead(also, revoked, refreshRevoked)
		_, err = n.getUser(*n.tokens("signout").AccessToken) // in the same second
		e.ok(err)

		n.user("admin")
		tokens = n.tokens("admin")
		_, err = e.root.IDP.AdminUserGlobalSignOut(e.Context(), &idp.AdminUserGlobalSignOutInput{UserPoolId: &n.pool, Username: name("admin")})
		e.ok(err)
		dead(tokens, revoked, refreshRevoked)

		n.user("disable")
		tokens = n.tokens("disable")
		_, err = e.root.IDP.AdminDisableUser(e.Context(), &idp.AdminDisableUserInput{UserPoolId: &n.pool, Username: name("disable")})
		e.ok(err)
		dead(tokens, "/^(User is disabled\\.|Access Token has been revoked)$/", "User is disabled.")
		_, err = n.login("disable", password)
		e.refused(err, "NotAuthorizedException", "User is disabled.")
		_, err = n.srp("disable", password)
		e.refused(err, "NotAuthorizedException", "User is disabled.")
		_, err = e.root.IDP.AdminEnableUser(e.Context(), &idp.AdminEnableUserInput{UserPoolId: &n.pool, Username: name("disable")})
		e.ok(err)
		dead(tokens, revoked, refreshRevoked)
		n.tokens("disable")

		n.user("delete")
		tokens = n.tokens("delete")
		_, err = n.anyone.IDP.DeleteUser(e.Context(), &idp.DeleteUserInput{AccessToken: tokens.AccessToken})
		e.ok(err)
		_, err = n.getUser(*tokens.AccessToken)
		e.refused(err, "UserNotFoundException", "User does not exist.")
		_, err = n.refresh(*tokens.RefreshToken)
		e.refused(err, "NotAuthorizedException", "/^Invalid Refresh Token/")
		_, err = n.login("delete", password)
		e.refused(err, "UserNotFoundException", "User does not exist.")
		// The name is free, and the next user of it is somebody else.
		n.user("delete")
		if subOf(*n.tokens("delete").AccessToken) == subOf(*tokens.AccessToken) {
			e.Error("a deleted user's sub was given again")
		}
		_, err = n.getUser(*tokens.AccessToken)
		e.refused(err, "UserNotFoundException", "User does not exist.")

		// Stricter than AWS: a reset ends sessions. A change by the user does not.
		n.user("reset")
		tokens = n.tokens("reset")
		_, err = n.anyone.IDP.ChangePassword(e.Context(), &idp.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: name(password), ProposedPassword: name(otherPassword)})
		e.ok(err)
		_, err = n.getUser(*tokens.AccessToken)
		e.ok(err)
		_, err = n.forgot("reset")
		e.ok(err)
		e.ok(n.reset("reset", e.server.Code(email("reset")), password))
		dead(tokens, revoked, refreshRevoked)

		// A client that is deleted takes its sessions along.
		n.user("client")
		gone, _ := n.newClient(nil)
		tokens = n.with(gone, "").tokens("client")
		_, err = e.root.IDP.DeleteUserPoolClient(e.Context(), &idp.DeleteUserPoolClientInput{UserPoolId: &n.pool, ClientId: &gone})
		e.ok(err)
		_, err = n.getUser(*tokens.AccessToken)
		e.refused(err, "NotAuthorizedException", revoked)
		_, err = n.with(gone, "").refresh(*tokens.RefreshToken)
		e.refused(err, "ResourceNotFoundException", "User pool client "+gone+" does not exist.")
	})
}

// TestProfile: what a user sees and changes of itself.
func TestProfile(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Schema = []types.SchemaAttributeType{{Name: aws.String("once"), AttributeDataType: "String", Mutable: aws.Bool(false)},
				{Name: aws.String("hidden"), AttributeDataType: "String", Mutable: aws.Bool(true)}}
		}, func(in *idp.CreateUserPoolClientInput) {
			in.ReadAttributes = []string{"email", "email_verified", "name", "custom:once"}
		})
		n.user("ann")
		access := *n.tokens("ann").AccessToken
		update := func(pairs ...string) (*idp.UpdateUserAttributesOutput, error) {
			return n.anyone.IDP.UpdateUserAttributes(e.Context(), &idp.UpdateUserAttributesInput{AccessToken: &access, UserAttributes: attributes(pairs...)})
		}
		_, err := update("name", "Ann", "custom:once", "first", "custom:hidden", "for others")
		e.ok(err)
		me, err := n.getUser(access)
		e.ok(err)
		if attribute(me.UserAttributes, "name") != "Ann" || attribute(me.UserAttributes, "custom:hidden") != "" || attribute(me.UserAttributes, "sub") == "" {
			e.Errorf("GetUser shows %v", me.UserAttributes)
		}
		for _, c := range []struct{ name, value, code, message string }{
			{"custom:once", "second", "InvalidParameterException", "user.custom:once: Attribute cannot be updated.\n"},
			{"email_verified", "true", "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
			{"sub", "x", "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
			{"email", "nowhere", "InvalidParameterException", "Invalid email address format."},
			{"custom:unknown", "x", "InvalidParameterException", "Attributes did not conform to the schema: Type for attribute {custom:unknown} could not be determined"},
			{"name", strings.Repeat("x", 2049), "InvalidParameterException", ""},
		} {
			_, err := update(c.name, c.value)
			if !e.refused(err, c.code, c.message) {
				e.Fatal(c.name)
			}
		}
		out, err := update("email", "new@example.com")
		e.ok(err)
		if len(out.CodeDeliveryDetailsList) != 1 || *out.CodeDeliveryDetailsList[0].Destination != "n***@e***" {
			e.Errorf("a new address answers %+v", out.CodeDeliveryDetailsList)
		}
		e.server.Code("new@example.com")
		me, err = n.getUser(access)
		e.ok(err)
		if attribute(me.UserAttributes, "email_verified") != "false" {
			e.Errorf("the new address is verified: %v", me.UserAttributes)
		}
		_, err = n.anyone.IDP.ChangePassword(e.Context(), &idp.ChangePasswordInput{AccessToken: &access, PreviousPassword: aws.String("Wrong-Password-0"), ProposedPassword: aws.String(otherPassword)})
		e.refused(err, "NotAuthorizedException", incorrect)
		_, err = n.anyone.IDP.ChangePassword(e.Context(), &idp.ChangePasswordInput{AccessToken: &access, PreviousPassword: aws.String(password), ProposedPassword: aws.String("weak")})
		e.refused(err, "InvalidPasswordException", "")
	})
}
