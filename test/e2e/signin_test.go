package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/test/awsclient"
)

const locked = "Password attempts exceeded"

func (n *tenant) initiate(flow types.AuthFlowType, parameters map[string]string) (*idp.InitiateAuthOutput, error) {
	return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: flow, AuthParameters: parameters})
}

func (n *tenant) adminInitiate(flow types.AuthFlowType, parameters map[string]string) (*idp.AdminInitiateAuthOutput, error) {
	return n.root.IDP.AdminInitiateAuth(n.Context(), &idp.AdminInitiateAuthInput{UserPoolId: &n.pool, ClientId: &n.client, AuthFlow: flow, AuthParameters: parameters})
}

// TestFlows: a client has the flows that it was given.
func TestFlows(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		only := func(flow types.ExplicitAuthFlowsType) *tenant {
			id, _ := n.newClient(func(in *idp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{flow} })
			return n.with(id, "")
		}
		right := map[string]string{"USERNAME": "ann", "PASSWORD": password}
		refresh := only("ALLOW_REFRESH_TOKEN_AUTH")
		_, err := refresh.initiate("USER_PASSWORD_AUTH", right)
		e.refused(err, "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")
		_, _, err = refresh.startSRP("ann")
		e.refused(err, "InvalidParameterException", "USER_SRP_AUTH is not enabled for the client.")
		_, err = refresh.adminInitiate("ADMIN_USER_PASSWORD_AUTH", right)
		e.refused(err, "InvalidParameterException", "Auth flow not enabled for this client")
		_, err = refresh.initiate("CUSTOM_AUTH", right)
		e.refused(err, "InvalidParameterException", "CUSTOM_AUTH is not enabled for the client.")
		_, err = only("ALLOW_USER_SRP_AUTH").refresh("x")
		e.refused(err, "InvalidParameterException", "Refresh Token flow not enabled for this client")
		_, err = only("ALLOW_CUSTOM_AUTH").initiate("CUSTOM_AUTH", right)
		e.refused(err, "InvalidParameterException", "Custom auth lambda trigger is not configured for the user pool.")
		_, err = n.initiate("ADMIN_USER_PASSWORD_AUTH", right)
		e.refused(err, "InvalidParameterException", "Initiate Auth method not supported.")

		for _, c := range []struct {
			flow       types.AuthFlowType
			parameters map[string]string
			missing    string
		}{
			{"USER_PASSWORD_AUTH", nil, "USERNAME"},
			{"USER_PASSWORD_AUTH", map[string]string{"USERNAME": "ann"}, "PASSWORD"},
			{"USER_SRP_AUTH", map[string]string{"SRP_A": "2"}, "USERNAME"},
			{"USER_SRP_AUTH", map[string]string{"USERNAME": "ann"}, "SRP_A"},
			{"REFRESH_TOKEN_AUTH", nil, "REFRESH_TOKEN"},
		} {
			_, err := n.initiate(c.flow, c.parameters)
			e.refused(err, "InvalidParameterException", "Missing required parameter "+c.missing)
		}

		admin, err := n.adminInitiate("ADMIN_USER_PASSWORD_AUTH", right)
		e.ok(err)
		if admin.AuthenticationResult == nil {
			e.Errorf("AdminInitiateAuth answered %+v", admin)
		}
		_, err = n.adminInitiate("ADMIN_NO_SRP_AUTH", right)
		e.ok(err)
		elsewhere := e.tenant(nil, nil)
		crossed := &tenant{e, elsewhere.pool, n.client, ""}
		_, err = crossed.adminInitiate("ADMIN_USER_PASSWORD_AUTH", right)
		e.refused(err, "ResourceNotFoundException", "User pool client "+n.client+" does not exist.")
	})
}

// TestSRP_refused: every part of the proof counts.
func TestSRP_refused(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		n.user("bob")
		for name, a := range map[string]string{"zero": "0", "the modulus": modulus, "no number": "xyz", "negative": "-2"} {
			_, err := n.initiate("USER_SRP_AUTH", map[string]string{"USERNAME": "ann", "SRP_A": a})
			if !e.refused(err, "NotAuthorizedException", incorrect) {
				e.Fatal("SRP_A is ", name)
			}
		}
		respond := func(answer map[string]string) error {
			_, err := n.anyone.IDP.RespondToAuthChallenge(e.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: answer})
			return err
		}
		prove := func(username string) map[string]string {
			h, challenge, err := n.startSRP(username)
			e.ok(err)
			answer, err := h.Answer(n.pool, password, challenge, e.server.Now())
			e.ok(err)
			return answer
		}
		for name, change := range map[string]func(map[string]string){
			"signature":    func(a map[string]string) { a["PASSWORD_CLAIM_SIGNATURE"] = flip(a["PASSWORD_CLAIM_SIGNATURE"]) },
			"secret block": func(a map[string]string) { a["PASSWORD_CLAIM_SECRET_BLOCK"] = flip(a["PASSWORD_CLAIM_SECRET_BLOCK"]) },
			"another block": func(a map[string]string) {
				a["PASSWORD_CLAIM_SECRET_BLOCK"] = prove("bob")["PASSWORD_CLAIM_SECRET_BLOCK"]
			},
			"timestamp": func(a map[string]string) {
				a["TIMESTAMP"] = e.server.Now().UTC().Add(-3 * time.Second).Format("Mon Jan 2 15:04:05 UTC 2006")
			},
		} {
			answer := prove("ann")
			change(answer)
			if !e.refused(respond(answer), "NotAuthorizedException", incorrect) {
				e.Fatal("the ", name, " is another one")
			}
			n.tokens("ann") // and nobody is locked out yet
		}
		answer := prove("ann")
		answer["TIMESTAMP"] = "yesterday"
		e.refused(respond(answer), "InvalidParameterException", "")
		for _, part := range []string{"USERNAME", "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP"} {
			answer := prove("ann")
			delete(answer, part)
			e.refused(respond(answer), "InvalidParameterException", "Missing required parameter "+part)
		}
		// A proof is good once.
		answer = prove("ann")
		e.ok(respond(answer))
		if err := respond(answer); err == nil {
			e.Error("the same proof was taken twice")
		}
		// Not for another client of the pool.
		answer = prove("ann")
		other, _ := n.newClient(nil)
		_, err := n.anyone.IDP.RespondToAuthChallenge(e.Context(), &idp.RespondToAuthChallengeInput{ClientId: &other, ChallengeName: "PASSWORD_VERIFIER", ChallengeResponses: answer})
		e.refused(err, "NotAuthorizedException", incorrect)
		// And not for ever.
		h, challenge, err := n.startSRP("ann")
		e.ok(err)
		e.server.Advance(3*time.Minute + time.Second)
		_, err = n.answerSRP(h, challenge, password)
		e.refused(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
	})
}

// modulus is the group's prime in hexadecimal.
var modulus = awsclient.Modulus()

// TestLockout: five wrong passwords, counted over all flows, lock a user.
func TestLockout(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		access := *n.tokens("ann").AccessToken
		change := func(old string) error {
			_, err := n.anyone.IDP.ChangePassword(e.Context(), &idp.ChangePasswordInput{AccessToken: &access, PreviousPassword: &old, ProposedPassword: aws.String(otherPassword)})
			return err
		}
		flows := map[string]func(password string) error{
			"USER_PASSWORD_AUTH": func(p string) error { _, err := n.login("ann", p); return err },
			"USER_SRP_AUTH":      func(p string) error { _, err := n.srp("ann", p); return err },
			"ADMIN_USER_PASSWORD_AUTH": func(p string) error {
				_, err := n.adminInitiate("ADMIN_USER_PASSWORD_AUTH", map[string]string{"USERNAME": "ann", "PASSWORD": p})
				return err
			},
			"ChangePassword": change,
		}
		// Any flow counts. The first lock lasts a second and doubles with each
		// further failure; tries before it ends do not count.
		order := []string{"USER_PASSWORD_AUTH", "USER_SRP_AUTH", "ChangePassword", "ADMIN_USER_PASSWORD_AUTH"}
		var lock time.Duration
		for i := range 11 {
			e.server.Advance(lock)
			if flow := order[i%len(order)]; !e.refused(flows[flow]("Wrong-Password-0"), "NotAuthorizedException", incorrect) {
				e.Fatalf("failure %d, by %s", i+1, flow)
			}
			if i >= 4 {
				lock = time.Second << (i - 4)
			}
			if lock >= 16*time.Second { // shorter ones may end before the answer
				_, err := n.login("ann", password)
				e.refused(err, "NotAuthorizedException", locked)
			}
		}
		for flow, try := range flows {
			if !e.refused(try("Wrong-Password-0"), "NotAuthorizedException", locked) || !e.refused(try(password), "NotAuthorizedException", locked) {
				e.Fatal(flow)
			}
		}
		e.server.Advance(lock)
		n.tokens("ann")
		// A success forgets; so do fifteen quiet minutes.
		for range 4 {
			_, err := n.login("ann", "Wrong-Password-0")
			e.refused(err, "NotAuthorizedException", incorrect)
		}
		n.tokens("ann")
		for range 5 {
			_, err := n.login("ann", "Wrong-Password-0")
			e.refused(err, "NotAuthorizedException", incorrect)
		}
		e.server.Advance(15 * time.Minute)
		n.tokens("ann")
		// Another user was never locked.
		for range 6 {
			_, _ = n.login("ann", "Wrong-Password-0")
		}
		n.user("bob")
		n.tokens("bob")
		// A reset by code opens the lock.
		_, err := n.forgot("ann")
		e.ok(err)
		e.ok(n.reset("ann", e.server.Code(email("ann")), otherPassword))
		_, err = n.login("ann", otherPassword)
		e.ok(err)
	})
}

// lockOut fails so often that the lock lasts half a minute, which is longer
// than a slow machine needs to look.
func (ns nodes) lockOut(username string) {
	ns[0].Helper()
	var lock time.Duration
	for i := range 10 {
		for _, n := range ns {
			n.server.Advance(lock)
		}
		_, err := ns[i%len(ns)].login(username, "Wrong-Password-0")
		ns[0].refused(err, "NotAuthorizedException", incorrect)
		if i >= 4 {
			lock = time.Second << (i - 4)
		}
	}
}

// TestUserExistence: with prevention on, a stranger cannot tell who exists.
func TestUserExistence(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, func(in *idp.CreateUserPoolClientInput) { in.PreventUserExistenceErrors = "ENABLED" })
		legacyClient, _ := n.newClient(nil)
		legacy := n.with(legacyClient, "")
		n.user("ann")
		n.user("disabled")
		_, err := e.root.IDP.AdminDisableUser(e.Context(), &idp.AdminDisableUserInput{UserPoolId: &n.pool, Username: aws.String("disabled")})
		e.ok(err)
		const noUser, noPair = "User does not exist.", "Username/client id combination not found."

		for _, c := range []struct {
			name          string
			call          func(n *tenant) error
			legacy, quiet [2]string
		}{
			{"USER_PASSWORD_AUTH", func(n *tenant) error { _, err := n.login("nobody", password); return err },
				[2]string{"UserNotFoundException", noUser}, [2]string{"NotAuthorizedException", incorrect}},
			{"USER_SRP_AUTH", func(n *tenant) error { _, err := n.srp("nobody", password); return err },
				[2]string{"UserNotFoundException", noUser}, [2]string{"NotAuthorizedException", incorrect}},
			{"AdminInitiateAuth", func(n *tenant) error {
				_, err := n.adminInitiate("ADMIN_USER_PASSWORD_AUTH", map[string]string{"USERNAME": "nobody", "PASSWORD": password})
				return err
			}, [2]string{"UserNotFoundException", noUser}, [2]string{"NotAuthorizedException", incorrect}},
			{"ForgotPassword", func(n *tenant) error { _, err := n.forgot("nobody"); return err }, [2]string{"UserNotFoundException", noPair}, [2]string{}},
			{"ConfirmForgotPassword", func(n *tenant) error { return n.reset("nobody", "123456", password) },
				[2]string{"UserNotFoundException", noPair}, [2]string{"CodeMismatchException", codeMismatch}},
			{"ResendConfirmationCode", func(n *tenant) error { _, err := n.resend("nobody"); return err }, [2]string{"UserNotFoundException", noPair}, [2]string{}},
			{"ConfirmSignUp", func(n *tenant) error { return n.confirm("nobody", "123456") },
				[2]string{"UserNotFoundException", noPair}, [2]string{"CodeMismatchException", codeMismatch}},
			{"SignUp of a taken name", func(n *tenant) error { _, err := n.signUp("ann", password); return err },
				[2]string{"UsernameExistsException", "User already exists"}, [2]string{"UsernameExistsException", "User already exists"}},
		} {
			if !e.refused(c.call(legacy), c.legacy[0], c.legacy[1]) {
				e.Fatal(c.name)
			}
			if c.quiet[0] == "" {
				e.ok(c.call(n))
			} else if !e.refused(c.call(n), c.quiet[0], c.quiet[1]) {
				e.Fatal(c.name)
			}
		}

		// The simulated challenge has the shape of a real one, and is the same
		// each time.
		_, real, err := n.startSRP("ann")
		e.ok(err)
		_, first, err := n.startSRP("ghost")
		e.ok(err)
		_, second, err := n.startSRP("ghost")
		e.ok(err)
		if first["SALT"] != second["SALT"] || first["USER_ID_FOR_SRP"] != second["USER_ID_FOR_SRP"] || first["SRP_B"] == second["SRP_B"] {
			e.Error("the simulated challenge of one name differs, or repeats its ephemeral number")
		}
		if fmt.Sprint(keysOf(real)) != fmt.Sprint(keysOf(first)) || len(real["SALT"]) != len(first["SALT"]) && abs(len(real["SALT"])-len(first["SALT"])) > 2 {
			e.Errorf("a real challenge is %v, a simulated one %v", keysOf(real), keysOf(first))
		}
		// A name that nobody has is locked out as a user would be.
		nodes{n}.lockOut("ghost")
		_, err = n.login("ghost", "Wrong-Password-0")
		e.refused(err, "NotAuthorizedException", locked)
		// Disabled users and users without an address get the simulated answer.
		if _, err := n.forgot("disabled"); err != nil {
			e.Errorf("ForgotPassword of a disabled user: %v", err)
		}
		_, err = legacy.forgot("disabled")
		e.refused(err, "NotAuthorizedException", "User is disabled.")
	})
}

func keysOf(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func abs(n int) int { return max(n, -n) }

// TestSecretHash: a client with a secret needs it everywhere, and the name that
// it was made for.
func TestSecretHash(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, func(in *idp.CreateUserPoolClientInput) { in.GenerateSecret = true })
		n.user("ann")
		tokens := n.tokens("ann")
		if _, err := n.srp("ann", password); err != nil {
			e.Errorf("SRP with SECRET_HASH: %v", err)
		}
		bare := n.with(n.client, "")
		bad := n.with(n.client, "wrongwrongwrongwrongwrongwrong")
		missing := "Client " + n.client + " is configured with secret but SECRET_HASH was not received"
		unable := "Unable to verify secret hash for client " + n.client
		for name, call := range map[string]func(n *tenant) error{
			"SignUp":                 func(n *tenant) error { _, err := n.signUp("new", password); return err },
			"ConfirmSignUp":          func(n *tenant) error { return n.confirm("ann", "123456") },
			"ResendConfirmationCode": func(n *tenant) error { _, err := n.resend("ann"); return err },
			"ForgotPassword":         func(n *tenant) error { _, err := n.forgot("ann"); return err },
			"ConfirmForgotPassword":  func(n *tenant) error { return n.reset("ann", "123456", password) },
		} {
			if !e.refused(call(bare), "NotAuthorizedException", missing) || !e.refused(call(bad), "NotAuthorizedException", unable) {
				e.Fatal(name)
			}
		}
		_, err := bare.refresh(*tokens.RefreshToken)
		e.refused(err, "NotAuthorizedException", missing)
		_, err = n.initiate("REFRESH_TOKEN_AUTH", n.hashed("ann", map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken}))
		e.ok(err)
		_, err = n.initiate("REFRESH_TOKEN_AUTH", n.hashed("bob", map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken}))
		e.refused(err, "NotAuthorizedException", "SecretHash does not match for the client: "+n.client)
		// The hash of another name in the same request.
		_, err = n.initiate("USER_PASSWORD_AUTH", n.hashed("bob", map[string]string{"USERNAME": "ann", "PASSWORD": password}))
		e.refused(err, "NotAuthorizedException", "SecretHash does not match for the client: "+n.client)
		// A hash for a client that has no secret.
		openClient, _ := n.newClient(nil)
		_, err = n.with(openClient, n.secret).login("ann", password)
		e.refused(err, "NotAuthorizedException", "Unable to verify secret hash for client "+openClient)
		// The secret in clear, where the API asks for it.
		revoke := func(secret string) error {
			_, err := n.anyone.IDP.RevokeToken(e.Context(), &idp.RevokeTokenInput{ClientId: &n.client, ClientSecret: &secret, Token: tokens.RefreshToken})
			return err
		}
		e.refused(revoke("wrongwrongwrongwrongwrongwrong"), "UnauthorizedException", "")
		e.ok(revoke(n.secret))
	})
}

// TestTemporaryPassword: an invited user must choose a password, in time, and
// give what is missing.
func TestTemporaryPassword(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Schema = []types.SchemaAttributeType{{Name: aws.String("name"), Required: aws.Bool(true)}}
			in.Policies = &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{MinimumLength: aws.Int32(8), RequireUppercase: true, RequireLowercase: true,
				RequireNumbers: true, RequireSymbols: true, TemporaryPasswordValidityDays: 2}}
		}, nil)
		invite := func(username string) string {
			out, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: &username,
				UserAttributes: attributes("email", email(username), "email_verified", "true"), DesiredDeliveryMediums: []types.DeliveryMediumType{"EMAIL"}})
			e.ok(err)
			if out.User.UserStatus != "FORCE_CHANGE_PASSWORD" || !out.User.Enabled {
				e.Errorf("an invited user is %s", out.User.UserStatus)
			}
			return e.server.Code(email(username))
		}
		temporary := invite("ann")
		_, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		e.refused(err, "UsernameExistsException", "User account already exists")

		out, err := n.srp("ann", temporary)
		e.ok(err)
		if out.ChallengeName != "NEW_PASSWORD_REQUIRED" || out.AuthenticationResult != nil || aws.ToString(out.Session) == "" {
			e.Fatalf("a temporary password gives %+v", out)
		}
		var required []string
		e.ok(json.Unmarshal([]byte(out.ChallengeParameters["requiredAttributes"]), &required))
		if fmt.Sprint(required) != "[userAttributes.name]" {
			e.Errorf("requiredAttributes are %v", required)
		}
		var have map[string]string
		e.ok(json.Unmarshal([]byte(out.ChallengeParameters["userAttributes"]), &have))
		if have["email"] != email("ann") {
			e.Errorf("userAttributes are %v", have)
		}
		respond := func(session *string, pairs ...string) (*idp.RespondToAuthChallengeOutput, error) {
			m := map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				m[pairs[i]] = pairs[i+1]
			}
			return n.anyone.IDP.RespondToAuthChallenge(e.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: session, ChallengeResponses: m})
		}
		name := "userAttributes.name"
		for _, c := range []struct {
			why           string
			session       *string
			responses     []string
			code, message string
		}{
			{"attribute missing", out.Session, []string{"USERNAME", "ann", "NEW_PASSWORD", password}, "InvalidParameterException", ""},
			{"weak password", out.Session, []string{"USERNAME", "ann", "NEW_PASSWORD", "weak", name, "Ann"}, "InvalidPasswordException", ""},
			{"no password", out.Session, []string{"USERNAME", "ann", name, "Ann"}, "InvalidParameterException", "Missing required parameter NEW_PASSWORD"},
			{"no session", nil, []string{"USERNAME", "ann", "NEW_PASSWORD", password, name, "Ann"}, "InvalidParameterException", ""},
			{"altered session", aws.String(flip(*out.Session)), []string{"USERNAME", "ann", "NEW_PASSWORD", password, name, "Ann"}, "NotAuthorizedException", "Invalid session for the user."},
			{"verified by itself", out.Session, []string{"USERNAME", "ann", "NEW_PASSWORD", password, name, "Ann", "userAttributes.phone_number_verified", "true"}, "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
			{"another address", out.Session, []string{"USERNAME", "ann", "NEW_PASSWORD", password, name, "Ann", "userAttributes.email", "evil@example.com"}, "NotAuthorizedException", "Cannot modify an already provided email"},
		} {
			_, err := respond(c.session, c.responses...)
			if !e.refused(err, c.code, c.message) {
				e.Fatal(c.why)
			}
		}
		done, err := respond(out.Session, "USERNAME", "ann", "NEW_PASSWORD", password, name, "Ann")
		e.ok(err)
		if done.AuthenticationResult == nil || n.status("ann") != "CONFIRMED" {
			e.Errorf("after the new password: %+v, %s", done, n.status("ann"))
		}
		if _, err := respond(out.Session, "USERNAME", "ann", "NEW_PASSWORD", otherPassword, name, "Ann"); err == nil {
			e.Error("the session was taken twice")
		}
		n.tokens("ann")
		_, err = n.login("ann", temporary)
		e.refused(err, "NotAuthorizedException", incorrect)

		// The admin's form of the same.
		temporary = invite("bob")
		admin, err := n.adminInitiate("ADMIN_USER_PASSWORD_AUTH", map[string]string{"USERNAME": "bob", "PASSWORD": temporary})
		e.ok(err)
		answered, err := e.root.IDP.AdminRespondToAuthChallenge(e.Context(), &idp.AdminRespondToAuthChallengeInput{UserPoolId: &n.pool, ClientId: &n.client,
			ChallengeName: "NEW_PASSWORD_REQUIRED", Session: admin.Session, ChallengeResponses: map[string]string{"USERNAME": "bob", "NEW_PASSWORD": password, name: "Bob"}})
		e.ok(err)
		if answered.AuthenticationResult == nil {
			e.Errorf("AdminRespondToAuthChallenge answered %+v", answered)
		}

		// The session ends by time, and so does the temporary password.
		temporary = invite("eve")
		out2, err := n.login("eve", temporary)
		e.ok(err)
		e.server.Advance(3*time.Minute + time.Second)
		_, err = respond(out2.Session, "USERNAME", "eve", "NEW_PASSWORD", password, name, "Eve")
		e.refused(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
		e.server.Advance(48 * time.Hour)
		_, err = n.login("eve", temporary)
		e.refused(err, "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
		_, err = n.srp("eve", temporary)
		e.refused(err, "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
		_, err = e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("eve"), MessageAction: "RESEND",
			DesiredDeliveryMediums: []types.DeliveryMediumType{"EMAIL"}})
		e.ok(err)
		fresh, err := n.login("eve", e.server.Code(email("eve")))
		e.ok(err)
		if fresh.ChallengeName != "NEW_PASSWORD_REQUIRED" {
			e.Errorf("a fresh temporary password gives %q", fresh.ChallengeName)
		}
		_, err = e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("ann"), MessageAction: "RESEND"})
		e.refused(err, "UnsupportedUserStateException", "")
		_, err = n.forgot("eve")
		e.refused(err, "NotAuthorizedException", "User password cannot be reset in the current state.")

		// A password that an administrator sets for good.
		set := func(username, password string, permanent bool) error {
			_, err := e.root.IDP.AdminSetUserPassword(e.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: &username, Password: &password, Permanent: permanent})
			return err
		}
		e.ok(set("eve", otherPassword, true))
		if out, err := n.login("eve", otherPassword); err != nil || out.AuthenticationResult == nil {
			e.Errorf("a permanent password gives %+v, %v", out, err)
		}
		e.ok(set("eve", password, false))
		if out, err := n.login("eve", password); err != nil || out.ChallengeName != "NEW_PASSWORD_REQUIRED" {
			e.Errorf("a temporary password gives %+v, %v", out, err)
		}
		e.refused(set("eve", "weak", true), "InvalidPasswordException", "")
		e.refused(set("nobody", password, true), "UserNotFoundException", "User does not exist.")
	})
}
