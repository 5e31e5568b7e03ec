package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/descope/virtualwebauthn"
)

// passkeys is a tenant whose users sign in with passwords and passkeys.
func (e *env) passkeys() *tenant {
	e.Helper()
	n := e.tenant(func(in *idp.CreateUserPoolInput) {
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "WEB_AUTHN"}}}
	}, nil)
	e.ok(n.webAuthn(&types.WebAuthnConfigurationType{RelyingPartyId: aws.String("example.com")}))
	return n
}

func (n *tenant) webAuthn(c *types.WebAuthnConfigurationType) error {
	_, err := n.root.IDP.SetUserPoolMfaConfig(n.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: &n.pool, WebAuthnConfiguration: c})
	return err
}

// here is a page of the relying party that passkeys sets.
var here = virtualwebauthn.RelyingParty{ID: "example.com", Origin: "https://app.example.com"}

// newPasskey is a key of an authenticator that is not ours. It cuts leading
// zeros off coordinates, which no real one does: such keys are not taken.
func newPasskey(kind virtualwebauthn.KeyType) virtualwebauthn.Credential {
	for {
		c := virtualwebauthn.NewCredential(kind)
		if kind != virtualwebauthn.KeyTypeEC2 || len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

// startPasskey begins a registration and returns its options.
func (n *tenant) startPasskey(accessToken string) (map[string]any, error) {
	out, err := n.anyone.IDP.StartWebAuthnRegistration(n.Context(), &idp.StartWebAuthnRegistrationInput{AccessToken: &accessToken})
	if err != nil {
		return nil, err
	}
	var options map[string]any
	err = out.CredentialCreationOptions.UnmarshalSmithyDocument(&options)
	return options, err
}

// makePasskey lets an authenticator answer options at a page.
func (n *tenant) makePasskey(options map[string]any, page virtualwebauthn.RelyingParty, o virtualwebauthn.AuthenticatorOptions, k virtualwebauthn.Credential) map[string]any {
	n.Helper()
	text, err := json.Marshal(options)
	n.ok(err)
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(text))
	n.ok(err)
	var answer map[string]any
	n.ok(json.Unmarshal([]byte(virtualwebauthn.CreateAttestationResponse(page, virtualwebauthn.NewAuthenticatorWithOptions(o), k, *parsed)), &answer))
	return answer
}

func (n *tenant) completePasskey(accessToken string, answer any) error {
	_, err := n.anyone.IDP.CompleteWebAuthnRegistration(n.Context(), &idp.CompleteWebAuthnRegistrationInput{AccessToken: &accessToken, Credential: document.NewLazyDocument(answer)})
	return err
}

// addPasskey registers a key for the token's user.
func (n *tenant) addPasskey(accessToken string, k virtualwebauthn.Credential) error {
	n.Helper()
	options, err := n.startPasskey(accessToken)
	n.ok(err)
	return n.completePasskey(accessToken, n.makePasskey(options, here, virtualwebauthn.AuthenticatorOptions{}, k))
}

func (n *tenant) listPasskeys(accessToken string) []types.WebAuthnCredentialDescription {
	n.Helper()
	out, err := n.anyone.IDP.ListWebAuthnCredentials(n.Context(), &idp.ListWebAuthnCredentialsInput{AccessToken: &accessToken})
	n.ok(err)
	return out.Credentials
}

func (n *tenant) deletePasskey(accessToken, id string) error {
	_, err := n.anyone.IDP.DeleteWebAuthnCredential(n.Context(), &idp.DeleteWebAuthnCredentialInput{AccessToken: &accessToken, CredentialId: &id})
	return err
}

func (n *tenant) firstFactors(accessToken string) []types.AuthFactorType {
	n.Helper()
	out, err := n.anyone.IDP.GetUserAuthFactors(n.Context(), &idp.GetUserAuthFactorsInput{AccessToken: &accessToken})
	n.ok(err)
	return out.ConfiguredUserAuthFactors
}

func passkeyID(k virtualwebauthn.Credential) string {
	return base64.RawURLEncoding.EncodeToString(k.ID)
}

// TestPasskeys: a passkey from its registration to its end.
func TestPasskeys(t *testing.T) {
	each(t, func(e *env) {
		n := e.passkeys()
		ann, bob := *n.tokens(n.user("ann")).AccessToken, *n.tokens(n.user("bob")).AccessToken
		if list := n.listPasskeys(ann); len(list) != 0 {
			e.Errorf("a new user has %+v", list)
		}
		first, err := n.startPasskey(ann)
		e.ok(err)
		user, _ := first["user"].(map[string]any)
		sub := base64.RawURLEncoding.EncodeToString([]byte(subOf(ann)))
		if user["id"] != sub || user["name"] != "ann" || len(first["excludeCredentials"].([]any)) != 0 {
			e.Errorf("options: %v", first)
		}

		key, second := newPasskey(virtualwebauthn.KeyTypeEC2), newPasskey(virtualwebauthn.KeyTypeRSA)
		answer := n.makePasskey(first, here, virtualwebauthn.AuthenticatorOptions{}, key)
		answer["authenticatorAttachment"] = "platform"
		answer["response"].(map[string]any)["transports"] = []string{"internal", "hybrid"}
		answer["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": true}}
		e.ok(n.completePasskey(ann, answer))
		list := n.listPasskeys(ann)
		if len(list) != 1 || *list[0].CredentialId != passkeyID(key) || *list[0].RelyingPartyId != "example.com" || *list[0].FriendlyCredentialName != "Passkey" ||
			aws.ToString(list[0].AuthenticatorAttachment) != "platform" || !slices.Equal(list[0].AuthenticatorTransports, []string{"internal", "hybrid"}) ||
			e.server.Now().Sub(*list[0].CreatedAt).Abs() > time.Minute {
			e.Errorf("registered: %+v", list)
		}
		if f := n.firstFactors(ann); !slices.Equal(f, []types.AuthFactorType{"PASSWORD", "WEB_AUTHN"}) {
			e.Errorf("ann's factors: %v", f)
		}
		if f := n.firstFactors(bob); !slices.Equal(f, []types.AuthFactorType{"PASSWORD"}) {
			e.Errorf("bob's factors: %v", f)
		}

		options, err := n.startPasskey(ann)
		e.ok(err)
		excluded, _ := options["excludeCredentials"].([]any)
		if len(excluded) != 1 || excluded[0].(map[string]any)["id"] != passkeyID(key) {
			e.Errorf("excluded: %v", options["excludeCredentials"])
		}
		e.ok(n.completePasskey(ann, n.makePasskey(options, here, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}, second)))

		var pages []string
		var next *string
		for {
			out, err := n.anyone.IDP.ListWebAuthnCredentials(e.Context(), &idp.ListWebAuthnCredentialsInput{AccessToken: &ann, MaxResults: aws.Int32(1), NextToken: next})
			e.ok(err)
			for _, k := range out.Credentials {
				pages = append(pages, *k.CredentialId)
			}
			if next = out.NextToken; next == nil {
				break
			}
			_, err = n.anyone.IDP.ListWebAuthnCredentials(e.Context(), &idp.ListWebAuthnCredentialsInput{AccessToken: &bob, NextToken: next})
			e.refused(err, "InvalidParameterException", "Invalid pagination token")
		}
		if want := []string{passkeyID(key), passkeyID(second)}; len(pages) != 2 || !slices.Contains(pages, want[0]) || !slices.Contains(pages, want[1]) {
			e.Errorf("pages %v, want %v", pages, want)
		}

		for what, id := range map[string]string{"unknown": passkeyID(newPasskey(virtualwebauthn.KeyTypeEC2)), "no base64url": "a+b/", "empty": ""} {
			if !e.refused(n.deletePasskey(ann, id), "ResourceNotFoundException", "") {
				e.Error(what)
			}
		}
		e.refused(n.deletePasskey(bob, passkeyID(key)), "ResourceNotFoundException", "")
		e.ok(n.deletePasskey(ann, passkeyID(key)))
		e.refused(n.deletePasskey(ann, passkeyID(key)), "ResourceNotFoundException", "")
		if list := n.listPasskeys(ann); len(list) != 1 || *list[0].CredentialId != passkeyID(second) {
			e.Errorf("left: %+v", list)
		}
		// What is deleted may be registered again, also by somebody else.
		e.ok(n.addPasskey(bob, key))
		_, err = n.anyone.IDP.DeleteUser(e.Context(), &idp.DeleteUserInput{AccessToken: &bob})
		e.ok(err)
		e.ok(n.addPasskey(ann, key))
		_, err = n.startPasskey(bob)
		e.refused(err, "NotAuthorizedException", "User does not exist.")
	})
}

// TestPasskeys_refused: what an authenticator's answer must not be. None of it
// ends the registration, which then succeeds.
func TestPasskeys_refused(t *testing.T) {
	each(t, func(e *env) {
		n := e.passkeys()
		ann, bob := *n.tokens(n.user("ann")).AccessToken, *n.tokens(n.user("bob")).AccessToken
		key := newPasskey(virtualwebauthn.KeyTypeEC2)
		none := virtualwebauthn.AuthenticatorOptions{}
		e.refused(n.completePasskey(ann, map[string]any{}), "WebAuthnChallengeNotFoundException", "")
		foreign, err := n.startPasskey(bob)
		e.ok(err)
		e.refused(n.completePasskey(ann, n.makePasskey(foreign, here, none, key)), "WebAuthnChallengeNotFoundException", "")
		old, err := n.startPasskey(ann)
		e.ok(err)
		options, err := n.startPasskey(ann)
		e.ok(err)
		good := n.makePasskey(options, here, none, key)

		changed := func(change func(answer, response map[string]any)) map[string]any {
			answer := n.makePasskey(options, here, none, key)
			change(answer, answer["response"].(map[string]any))
			return answer
		}
		at := func(id, origin string) map[string]any {
			return n.makePasskey(options, virtualwebauthn.RelyingParty{ID: id, Origin: origin}, none, key)
		}
		for what, c := range map[string]struct {
			answer any
			code   string
		}{
			"another user's challenge": {n.makePasskey(foreign, here, none, key), "WebAuthnChallengeNotFoundException"},
			"an earlier challenge":     {n.makePasskey(old, here, none, key), "WebAuthnChallengeNotFoundException"},
			"another origin":           {at("example.com", "https://example.org"), "WebAuthnOriginNotAllowedException"},
			"an origin that ends so":   {at("example.com", "https://notexample.com"), "WebAuthnOriginNotAllowedException"},
			"without TLS":              {at("example.com", "http://app.example.com"), "WebAuthnOriginNotAllowedException"},
			"an app":                   {at("example.com", "android:apk-key-hash:0123456789abcdefghijklmnopqrstuvwxyz0123456"), "WebAuthnOriginNotAllowedException"},
			"another relying party":    {at("app.example.com", "https://app.example.com"), "WebAuthnRelyingPartyMismatchException"},
			"user not present":         {n.makePasskey(options, here, virtualwebauthn.AuthenticatorOptions{UserNotPresent: true}, key), "WebAuthnCredentialNotSupportedException"},
			"another algorithm": {changed(func(_, r map[string]any) {
				object, err := base64.RawURLEncoding.DecodeString(r["attestationObject"].(string))
				e.ok(err)
				// "alg" of the COSE key, the second of its members: -7 becomes -35 (ES384)
				from, to := "\xa5\x01\x02\x03\x26", "\xa5\x01\x02\x03\x22"
				if !strings.Contains(string(object), from) {
					e.Fatal("the key is not where it was")
				}
				r["attestationObject"] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(object), from, to, 1)))
			}), "WebAuthnCredentialNotSupportedException"},
			"text":        {"{}", "InvalidParameterException"},
			"a number":    {1, "InvalidParameterException"},
			"a list":      {[]any{good}, "InvalidParameterException"},
			"empty":       {map[string]any{}, "InvalidParameterException"},
			"no response": {changed(func(a, _ map[string]any) { delete(a, "response") }), "InvalidParameterException"},
			"another id":  {changed(func(a, _ map[string]any) { a["id"], a["rawId"] = "AAAA", "AAAA" }), "InvalidParameterException"},
			"no CBOR":     {changed(func(_, r map[string]any) { r["attestationObject"] = "AAAA" }), "InvalidParameterException"},
			"too large":   {changed(func(a, _ map[string]any) { a["x"] = strings.Repeat("x", 64<<10) }), "InvalidParameterException"},
		} {
			if !e.refused(n.completePasskey(ann, c.answer), c.code, "") {
				e.Error(what)
			}
		}
		other := n.with(n.newClient(nil))
		elsewhere := *other.tokens("ann").AccessToken
		e.refused(n.completePasskey(elsewhere, good), "WebAuthnClientMismatchException", "")
		if list := n.listPasskeys(ann); len(list) != 0 {
			e.Errorf("refused, and registered: %+v", list)
		}
		e.ok(n.completePasskey(ann, good))
		e.refused(n.completePasskey(ann, good), "WebAuthnChallengeNotFoundException", "")

		// The credential is ann's: nobody registers it again.
		const taken = "The credential is registered already."
		e.refused(n.addPasskey(bob, key), "InvalidParameterException", taken)
		e.refused(n.addPasskey(ann, key), "InvalidParameterException", taken)

		options, err = n.startPasskey(bob)
		e.ok(err)
		e.server.Advance(5 * time.Minute)
		e.refused(n.completePasskey(bob, n.makePasskey(options, here, none, newPasskey(virtualwebauthn.KeyTypeEC2))), "WebAuthnChallengeNotFoundException", "")

		e.ok(n.webAuthn(&types.WebAuthnConfigurationType{RelyingPartyId: aws.String("example.com"), UserVerification: "required"}))
		options, err = n.startPasskey(bob)
		e.ok(err)
		if s := options["authenticatorSelection"].(map[string]any); s["userVerification"] != "required" {
			e.Errorf("options: %v", options)
		}
		unverified := n.makePasskey(options, here, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}, newPasskey(virtualwebauthn.KeyTypeEC2))
		e.refused(n.completePasskey(bob, unverified), "WebAuthnCredentialNotSupportedException", "/verify the user/")
	})
}

// TestPasskeys_limit: a user has at most twenty.
func TestPasskeys_limit(t *testing.T) {
	each(t, func(e *env) {
		n := e.passkeys()
		ann := *n.tokens(n.user("ann")).AccessToken
		for range 19 {
			e.ok(n.addPasskey(ann, newPasskey(virtualwebauthn.KeyTypeEC2)))
		}
		options, err := n.startPasskey(ann)
		e.ok(err)
		e.ok(n.completePasskey(ann, n.makePasskey(options, here, virtualwebauthn.AuthenticatorOptions{}, newPasskey(virtualwebauthn.KeyTypeEC2))))
		_, err = n.startPasskey(ann)
		e.refused(err, "LimitExceededException", "A user can have at most 20 passkeys.")
		list := n.listPasskeys(ann)
		if len(list) != 20 {
			e.Fatalf("%d passkeys", len(list))
		}
		e.ok(n.deletePasskey(ann, *list[7].CredentialId))
		e.ok(n.addPasskey(ann, newPasskey(virtualwebauthn.KeyTypeEC2)))
	})
}

// TestRace_passkey: of many who complete one registration at once, one does.
func TestRace_passkey(t *testing.T) {
	each(t, func(e *env) {
		n := e.passkeys()
		ann := *n.tokens(n.user("ann")).AccessToken
		options, err := n.startPasskey(ann)
		e.ok(err)
		errs := make(chan error)
		for range 8 {
			answer := n.makePasskey(options, here, virtualwebauthn.AuthenticatorOptions{}, newPasskey(virtualwebauthn.KeyTypeEC2))
			go func() { errs <- n.completePasskey(ann, answer) }()
		}
		won := 0
		for range 8 {
			if err := <-errs; err == nil {
				won++
			} else {
				e.refused(err, "WebAuthnChallengeNotFoundException", "")
			}
		}
		if list := n.listPasskeys(ann); won != 1 || len(list) != 1 {
			e.Errorf("%d won, %d passkeys", won, len(list))
		}
	})
}

// TestPasskeys_pool: which pools have passkeys, and for whom they are made.
func TestPasskeys_pool(t *testing.T) {
	each(t, func(e *env) {
		create := func(tier types.UserPoolTierType, factors ...types.AuthFactorType) error {
			_, err := e.root.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("people"), UserPoolTier: tier,
				Policies: &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: factors}}})
			return err
		}
		e.refused(create("LITE", "PASSWORD", "WEB_AUTHN"), "FeatureUnavailableInTierException", "")
		e.refused(create("LITE", "PASSWORD", "EMAIL_OTP"), "FeatureUnavailableInTierException", "")
		e.refused(create("ESSENTIALS", "WEB_AUTHN"), "InvalidParameterException", "/another factor/")
		e.ok(create("LITE", "PASSWORD"))
		e.ok(create("PLUS", "PASSWORD", "WEB_AUTHN", "EMAIL_OTP", "SMS_OTP"))

		n := e.tenant(nil, nil)
		ann := *n.tokens(n.user("ann")).AccessToken
		_, err := n.startPasskey(ann)
		e.refused(err, "WebAuthnNotEnabledException", "")
		e.refused(n.completePasskey(ann, map[string]any{}), "WebAuthnNotEnabledException", "")
		n.listPasskeys(ann)
		update := func(mfa types.UserPoolMfaType, tier types.UserPoolTierType, factors ...types.AuthFactorType) error {
			_, err := n.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, MfaConfiguration: mfa, UserPoolTier: tier,
				Policies: &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: factors}}})
			return err
		}
		e.ok(update("OFF", "ESSENTIALS", "PASSWORD", "WEB_AUTHN"))
		_, err = n.startPasskey(ann)
		e.refused(err, "WebAuthnConfigurationMissingException", "")

		relyingParty := func() string {
			e.Helper()
			options, err := n.startPasskey(ann)
			e.ok(err)
			return options["rp"].(map[string]any)["id"].(string)
		}
		_, err = n.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("people")})
		e.ok(err)
		if id := relyingParty(); id != "people.auth.us-east-1.localhost" {
			e.Errorf("with a prefix: %s", id)
		}
		_, err = n.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("login.example.com"),
			CustomDomainConfig: &types.CustomDomainConfigType{CertificateArn: aws.String("arn:aws:acm:us-east-1:000000000000:certificate/x")}})
		e.ok(err)
		if id := relyingParty(); id != "login.example.com" {
			e.Errorf("with a custom domain: %s", id)
		}
		for _, id := range []string{"com", "co.uk", "github.io", "Example.com", "https://example.com", "127.0.0.1", "example.com.", "a b.com"} {
			if !e.refused(n.webAuthn(&types.WebAuthnConfigurationType{RelyingPartyId: &id}), "InvalidParameterException", "/^RelyingPartyId/") {
				e.Error(id)
			}
		}
		e.ok(n.webAuthn(&types.WebAuthnConfigurationType{RelyingPartyId: aws.String("localhost")}))
		if id := relyingParty(); id != "localhost" {
			e.Errorf("with one that was chosen: %s", id)
		}
		options, err := n.startPasskey(ann)
		e.ok(err)
		page := virtualwebauthn.RelyingParty{ID: "localhost", Origin: "http://localhost:3000"}
		e.ok(n.completePasskey(ann, n.makePasskey(options, page, virtualwebauthn.AuthenticatorOptions{}, newPasskey(virtualwebauthn.KeyTypeEC2))))

		// The relying party goes while somebody registers.
		e.ok(n.webAuthn(nil))
		options, err = n.startPasskey(ann)
		e.ok(err)
		for _, domain := range []string{"people", "login.example.com"} {
			_, err := n.root.IDP.DeleteUserPoolDomain(e.Context(), &idp.DeleteUserPoolDomainInput{UserPoolId: &n.pool, Domain: &domain})
			e.ok(err)
		}
		at := virtualwebauthn.RelyingParty{ID: "login.example.com", Origin: "https://login.example.com"}
		e.refused(n.completePasskey(ann, n.makePasskey(options, at, virtualwebauthn.AuthenticatorOptions{}, newPasskey(virtualwebauthn.KeyTypeEC2))), "WebAuthnRelyingPartyMismatchException", "")

		e.ok(update("OFF", "ESSENTIALS", "PASSWORD"))
		if f := n.firstFactors(ann); !slices.Equal(f, []types.AuthFactorType{"PASSWORD"}) {
			e.Errorf("factors in a pool without passkeys: %v", f)
		}
		if list := n.listPasskeys(ann); len(list) != 1 || n.deletePasskey(ann, *list[0].CredentialId) != nil {
			e.Errorf("passkeys in a pool without: %+v", list)
		}
		// One-time codes are no first factors where a second one is demanded.
		e.ok(n.mfa("ON", true))
		e.refused(update("ON", "ESSENTIALS", "PASSWORD", "EMAIL_OTP"), "InvalidParameterException", "/MfaConfiguration ON/")
		e.ok(update("OPTIONAL", "ESSENTIALS", "PASSWORD", "SMS_OTP"))
		e.refused(n.mfa("ON", true), "InvalidParameterException", "/MfaConfiguration ON/")
		e.ok(update("OPTIONAL", "ESSENTIALS", "PASSWORD"))
		e.ok(n.webAuthn(&types.WebAuthnConfigurationType{RelyingPartyId: aws.String("example.com")}))
		e.refused(update("OFF", "LITE", "PASSWORD"), "FeatureUnavailableInTierException", "")
		e.ok(n.webAuthn(nil))
		e.ok(update("OFF", "LITE", "PASSWORD"))
		e.refused(n.webAuthn(&types.WebAuthnConfigurationType{RelyingPartyId: aws.String("example.com")}), "FeatureUnavailableInTierException", "")
	})
}
