package e2e_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/descope/virtualwebauthn"
)

// signs is the answer of an authenticator to the options of WEB_AUTHN.
func (n *tenant) signs(options string, page virtualwebauthn.RelyingParty, o virtualwebauthn.AuthenticatorOptions, k virtualwebauthn.Credential, owner string) string {
	n.Helper()
	// virtualwebauthn wants the options as go-webauthn wraps them
	parsed, err := virtualwebauthn.ParseAssertionOptions(`{"publicKey":` + options + `}`)
	n.ok(err)
	o.UserHandle = []byte(owner)
	return virtualwebauthn.CreateAssertionResponse(page, virtualwebauthn.NewAuthenticatorWithOptions(o), k, *parsed)
}

// askPasskey begins a sign-in with a passkey.
func (n *tenant) askPasskey(username string) (session *string, options string) {
	n.Helper()
	out, err := n.choose(username, "PREFERRED_CHALLENGE", "WEB_AUTHN")
	n.ok(err)
	if out.ChallengeName != "WEB_AUTHN" {
		n.Fatalf("%s: %s %v", username, out.ChallengeName, out.AvailableChallenges)
	}
	return out.Session, out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"]
}

// TestPasskeySignIn: a passkey signs its user in, once, at its own pages.
func TestPasskeySignIn(t *testing.T) {
	each(t, func(e *env) {
		n := e.passkeys()
		n.client, _ = n.newClient(func(in *idp.CreateUserPoolClientInput) {
			in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"}
			in.PreventUserExistenceErrors = "ENABLED"
		})
		ann, bob := *n.tokens(n.user("ann")).AccessToken, *n.tokens(n.user("bob")).AccessToken
		n.offered("ann", "PASSWORD_SRP", "PASSWORD")
		key, bobs := newPasskey(virtualwebauthn.KeyTypeEC2), newPasskey(virtualwebauthn.KeyTypeRSA)
		n.ok(n.addPasskey(ann, key))
		n.ok(n.addPasskey(bob, bobs))
		n.offered("nobody", "PASSWORD_SRP", "PASSWORD")
		plain := virtualwebauthn.AuthenticatorOptions{}
		annSub, bobSub := subOf(ann), subOf(bob)
		step := func(k *virtualwebauthn.Credential) virtualwebauthn.Credential { k.Counter++; return *k }

		session, options := n.askPasskey("ann")
		var asked struct {
			Challenge, RPID, UserVerification string
			AllowCredentials                  []struct{ ID string }
		}
		n.ok(json.Unmarshal([]byte(options), &asked))
		if asked.RPID != "example.com" || len(asked.AllowCredentials) != 1 || asked.AllowCredentials[0].ID != passkeyID(key) {
			n.Errorf("options %s", options)
		}
		_, err := n.respond("WEB_AUTHN", session, "ann")
		n.refused(err, "InvalidParameterException", "Missing required parameter CREDENTIAL")
		_, err = n.respond("WEB_AUTHN", session, "ann", "CREDENTIAL", "{}")
		n.refused(err, "InvalidParameterException", "/no answer of an authenticator/")
		no := func(answer string) {
			n.Helper()
			_, err := n.respond("WEB_AUTHN", session, "ann", "CREDENTIAL", answer)
			n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		}
		no(n.signs(options, virtualwebauthn.RelyingParty{ID: "example.com", Origin: "https://example.org"}, plain, step(&key), annSub))
		no(n.signs(options, virtualwebauthn.RelyingParty{ID: "example.org", Origin: "https://app.example.com"}, plain, step(&key), annSub))
		no(n.signs(options, here, plain, step(&bobs), bobSub))                                                     // another's key
		no(n.signs(options, here, plain, newPasskey(virtualwebauthn.KeyTypeEC2), annSub))                          // nobody's key
		no(n.signs(options, here, plain, step(&key), bobSub))                                                      // for another user
		no(n.signs(options, here, virtualwebauthn.AuthenticatorOptions{UserNotPresent: true}, step(&key), annSub)) // untouched
		_, elsewhere := n.askPasskey("ann")
		no(n.signs(elsewhere, here, plain, step(&key), annSub)) // another challenge
		answer := n.signs(options, here, plain, step(&key), annSub)
		_, err = n.respond("WEB_AUTHN", session, "bob", "CREDENTIAL", answer)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		out := n.must("", "WEB_AUTHN", session, "ann", "CREDENTIAL", answer)
		if out.AuthenticationResult.RefreshToken == nil {
			n.Errorf("%+v", out.AuthenticationResult)
		}
		no(answer) // the counter has moved on
		session, options = n.askPasskey("ann")
		old := key
		old.Counter--
		no(n.signs(options, here, plain, old, annSub)) // a copy of the key
		n.must("", "WEB_AUTHN", session, "ann", "CREDENTIAL", n.signs(options, here, plain, step(&key), annSub))

		// by choice, after the choice was offered; and the lock-out does not
		// keep the owner of a passkey away
		for range 5 {
			_, err = n.login("ann", "wrong")
			n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		}
		_, err = n.login("ann", password)
		n.refused(err, "NotAuthorizedException", "Password attempts exceeded")
		chosen := n.must("WEB_AUTHN", "SELECT_CHALLENGE", n.offered("ann", "PASSWORD_SRP", "PASSWORD", "WEB_AUTHN"), "ann", "ANSWER", "WEB_AUTHN")
		n.must("", "WEB_AUTHN", chosen.Session, "ann", "CREDENTIAL", n.signs(chosen.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"], here, plain, step(&key), annSub))
		n.server.Advance(time.Minute)

		// deleted while it was asked for
		session, options = n.askPasskey("bob")
		n.ok(n.deletePasskey(bob, passkeyID(bobs)))
		_, err = n.respond("WEB_AUTHN", session, "bob", "CREDENTIAL", n.signs(options, here, plain, step(&bobs), bobSub))
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		n.offered("bob", "PASSWORD_SRP", "PASSWORD")
	})
}

// TestPasskeySignIn_secondFactor: users with a second factor begin with a
// passkey only where pool and user let it count as two, and only if it has
// verified its user.
func TestPasskeySignIn_secondFactor(t *testing.T) {
	each(t, func(e *env) {
		n := e.passkeys()
		n.client, _ = n.newClient(func(in *idp.CreateUserPoolClientInput) {
			in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"}
		})
		ann := *n.tokens(n.user("ann")).AccessToken
		key := newPasskey(virtualwebauthn.KeyTypeEC2)
		n.ok(n.addPasskey(ann, key))
		set := func(f types.WebAuthnFactorConfigurationType) {
			n.Helper()
			_, err := n.root.IDP.SetUserPoolMfaConfig(n.Context(), &idp.SetUserPoolMfaConfigInput{UserPoolId: &n.pool, MfaConfiguration: "ON",
				SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true},
				WebAuthnConfiguration:         &types.WebAuthnConfigurationType{RelyingPartyId: aws.String("example.com"), FactorConfiguration: f}})
			n.ok(err)
		}
		prefer := func(on bool) error {
			_, err := n.anyone.IDP.SetUserMFAPreference(n.Context(), &idp.SetUserMFAPreferenceInput{AccessToken: &ann, WebAuthnMfaSettings: &types.WebAuthnMfaSettingsType{Enabled: on}})
			return err
		}
		set("SINGLE_FACTOR")
		n.refused(prefer(true), "InvalidParameterException", "/MULTI_FACTOR_WITH_USER_VERIFICATION/")
		n.offered("ann", "PASSWORD_SRP", "PASSWORD")
		set("MULTI_FACTOR_WITH_USER_VERIFICATION")
		n.offered("ann", "PASSWORD_SRP", "PASSWORD")
		n.ok(prefer(true))
		session, options := n.askPasskey("ann")
		key.Counter++
		_, err := n.respond("WEB_AUTHN", session, "ann", "CREDENTIAL", n.signs(options, here, virtualwebauthn.AuthenticatorOptions{UserNotVerified: true}, key, subOf(ann)))
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		key.Counter++
		n.must("", "WEB_AUTHN", session, "ann", "CREDENTIAL", n.signs(options, here, virtualwebauthn.AuthenticatorOptions{}, key, subOf(ann)))
		// switched off while it was asked for
		session, options = n.askPasskey("ann")
		n.ok(prefer(false))
		key.Counter++
		_, err = n.respond("WEB_AUTHN", session, "ann", "CREDENTIAL", n.signs(options, here, virtualwebauthn.AuthenticatorOptions{}, key, subOf(ann)))
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
	})
}

// TestRace_passkeySignIn: of many who show one answer, one gets tokens, also where
// the authenticator counts nothing.
func TestRace_passkeySignIn(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		n := ns[0].env.passkeys()
		client, _ := n.newClient(func(in *idp.CreateUserPoolClientInput) {
			in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"}
		})
		n.client = client
		token := *n.tokens(n.user("ann")).AccessToken
		key := newPasskey(virtualwebauthn.KeyTypeEC2)
		n.ok(n.addPasskey(token, key))
		session, options := n.askPasskey("ann")
		answer := n.signs(options, here, virtualwebauthn.AuthenticatorOptions{}, key, subOf(token))
		all := slices.Clone(ns)
		for i := range all {
			all[i] = &tenant{ns[i].env, n.pool, n.client, ""}
		}
		all.one("an answer", all.race(func(n *tenant, _ int) error {
			_, err := n.respond("WEB_AUTHN", session, "ann", "CREDENTIAL", answer)
			return err
		}), "NotAuthorizedException")
	})
}
