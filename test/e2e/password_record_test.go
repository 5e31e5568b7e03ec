package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/test/awsclient"
)

// recordTag says how a pool keeps passwords.
const recordTag = "gatehouse:password-record"

// plainFlows are those without SRP.
var plainFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}

// slow makes a pool that keeps passwords as Argon2id, and a client of it.
func (e *env) slow() *tenant {
	e.Helper()
	return e.tenant(func(in *idp.CreateUserPoolInput) {
		addresses(in)
		in.UserPoolTags = map[string]string{recordTag: "argon2id"}
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "EMAIL_OTP"}}}
	}, func(in *idp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = plainFlows
		in.PreventUserExistenceErrors = "ENABLED"
	})
}

func (n *tenant) arn() *string {
	return aws.String("arn:aws:cognito-idp:" + n.server.Region + ":" + n.server.Account + ":userpool/" + n.pool)
}

func (n *tenant) tag(value string) error {
	_, err := n.root.IDP.TagResource(n.Context(), &idp.TagResourceInput{ResourceArn: n.arn(), Tags: map[string]string{recordTag: value}})
	return err
}

// keeps is how a user's password is kept, seen from outside: SRP works with
// one kind of record alone. The pool is back to Argon2id afterwards.
func (n *tenant) keeps(srpClient, username string) string {
	n.Helper()
	flows := func(list ...types.ExplicitAuthFlowsType) {
		_, err := n.root.IDP.UpdateUserPoolClient(n.Context(), &idp.UpdateUserPoolClientInput{UserPoolId: &n.pool, ClientId: &srpClient, ExplicitAuthFlows: list})
		n.ok(err)
	}
	n.ok(n.tag("srp"))
	flows("ALLOW_USER_SRP_AUTH")
	_, err := n.with(srpClient, "").srp(username, password)
	flows("ALLOW_REFRESH_TOKEN_AUTH")
	n.ok(n.tag("argon2id"))
	if err == nil {
		return "srp"
	}
	n.refused(err, "NotAuthorizedException", incorrect)
	return "argon2id"
}

// TestPasswordRecord_refused: a pool has Argon2id or SRP, and never half of it.
func TestPasswordRecord_refused(t *testing.T) {
	each(t, func(e *env) {
		const unknown, pool, client = "The tag gatehouse:password-record must be argon2id or srp.", "/^The app client [a-z0-9]{26} allows SRP.*ExplicitAuthFlows first\\.$/",
			"/^The user pool keeps passwords as Argon2id.*ExplicitAuthFlows without ALLOW_USER_SRP_AUTH/"
		for _, value := range []string{"", "bcrypt", "Argon2id"} {
			_, err := e.root.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("x"), UserPoolTags: map[string]string{recordTag: value}})
			e.refused(err, "InvalidParameterException", unknown)
		}
		n := e.tenant(nil, nil)
		n.refused(n.tag("scrypt"), "InvalidParameterException", unknown)
		n.refused(n.tag("argon2id"), "InvalidParameterException", pool)
		_, err := n.root.IDP.UpdateUserPool(n.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, UserPoolTags: map[string]string{recordTag: "argon2id"}})
		n.refused(err, "InvalidParameterException", pool)
		n.ok(n.tag("srp"))
		if _, err := n.srp(n.user("ann"), password); err != nil {
			n.Errorf("the pool has no SRP any more: %v", err)
		}

		s := e.slow()
		for name, flows := range map[string][]types.ExplicitAuthFlowsType{"none named": nil, "by name": {"ALLOW_USER_SRP_AUTH"}, "legacy": {"ADMIN_NO_SRP_AUTH"}} {
			in := &idp.CreateUserPoolClientInput{UserPoolId: &s.pool, ClientName: aws.String("app"), ExplicitAuthFlows: flows}
			_, err := s.root.IDP.CreateUserPoolClient(s.Context(), in)
			if !s.refused(err, "InvalidParameterException", client) {
				s.Error(name)
			}
			_, err = s.root.IDP.UpdateUserPoolClient(s.Context(), &idp.UpdateUserPoolClientInput{UserPoolId: &s.pool, ClientId: &s.client, ExplicitAuthFlows: flows})
			if !s.refused(err, "InvalidParameterException", client) {
				s.Error(name)
			}
		}
		for _, flows := range [][]types.ExplicitAuthFlowsType{{"ALLOW_CUSTOM_AUTH"}, {"CUSTOM_AUTH_FLOW_ONLY"}, plainFlows} {
			s.newClient(func(in *idp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = flows })
		}
		// An update that does not speak of it keeps it; to say srp, or to take
		// the tag away, ends it.
		_, err = s.root.IDP.UpdateUserPool(s.Context(), &idp.UpdateUserPoolInput{UserPoolId: &s.pool, UserPoolTags: map[string]string{"team": "red"}})
		s.ok(err)
		_, err = s.root.IDP.CreateUserPoolClient(s.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &s.pool, ClientName: aws.String("app")})
		s.refused(err, "InvalidParameterException", client)
		_, err = s.root.IDP.UntagResource(s.Context(), &idp.UntagResourceInput{ResourceArn: s.arn(), TagKeys: []string{recordTag}})
		s.ok(err)
		s.newClient(func(in *idp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = nil })
		s.refused(s.tag("argon2id"), "InvalidParameterException", pool)
	})
}

// TestPasswordRecord: a pool with Argon2id does all that needs no SRP.
func TestPasswordRecord(t *testing.T) {
	each(t, func(e *env) {
		n := e.slow()
		ann := n.user("ann")
		for _, wrong := range []string{"", otherPassword} {
			if wrong != "" {
				_, err := n.login(ann, wrong)
				n.refused(err, "NotAuthorizedException", incorrect)
			}
			_, err := n.login("nobody", otherPassword)
			n.refused(err, "NotAuthorizedException", incorrect)
		}
		tokens := n.tokens(ann)
		_, err := n.refresh(*tokens.RefreshToken)
		n.ok(err)
		_, err = n.adminInitiate("ADMIN_USER_PASSWORD_AUTH", map[string]string{"USERNAME": ann, "PASSWORD": password})
		n.ok(err)
		_, _, err = n.startSRP(ann)
		n.refused(err, "InvalidParameterException", "USER_SRP_AUTH is not enabled for the client.")

		// the choice has no SRP, for nobody
		for _, name := range []string{ann, "nobody"} {
			session := n.offered(name, "PASSWORD", "EMAIL_OTP")
			_, err = n.respond("SELECT_CHALLENGE", session, name, "ANSWER", "PASSWORD_SRP", "SRP_A", awsclient.NewSRP().A())
			n.refused(err, "InvalidParameterException", "/Invalid selection/")
			out, err := n.choose(name, "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", awsclient.NewSRP().A())
			n.ok(err)
			if out.ChallengeName != "SELECT_CHALLENGE" || !slices.Equal(out.AvailableChallenges, []types.ChallengeNameType{"PASSWORD", "EMAIL_OTP"}) {
				n.Errorf("%s: %s %v", name, out.ChallengeName, out.AvailableChallenges)
			}
		}
		n.must("", "PASSWORD", n.offered(ann, "PASSWORD", "EMAIL_OTP"), ann, "PASSWORD", password)

		// passwords change, and are remembered
		_, err = n.anyone.IDP.ChangePassword(n.Context(), &idp.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: aws.String(otherPassword), ProposedPassword: aws.String(otherPassword)})
		n.refused(err, "NotAuthorizedException", incorrect)
		_, err = n.anyone.IDP.ChangePassword(n.Context(), &idp.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: aws.String(password), ProposedPassword: aws.String(otherPassword)})
		n.ok(err)
		_, err = n.login(ann, password)
		n.refused(err, "NotAuthorizedException", incorrect)
		_, err = n.forgot(ann)
		n.ok(err)
		n.ok(n.reset(ann, n.server.Code(email(ann)), password))
		n.tokens(ann)
		temporary := "Temporary-Pass-9"
		_, err = n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("bob"), MessageAction: "SUPPRESS", TemporaryPassword: &temporary})
		n.ok(err)
		asked, err := n.login("bob", temporary)
		n.ok(err)
		n.must("", "NEW_PASSWORD_REQUIRED", asked.Session, "bob", "NEW_PASSWORD", password)
		n.tokens("bob")
		id, _ := n.newClient(func(in *idp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = plainFlows })
		for _, name := range []string{ann, "bob"} {
			if kind := n.keeps(id, name); kind != "argon2id" {
				n.Errorf("the password of %s is kept as %s", name, kind)
			}
		}
	})
}

// TestPasswordRecord_renewed: a pool that changes its mind renews each record at
// the next right password, and ends no session by it.
func TestPasswordRecord_renewed(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(addresses, func(in *idp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = plainFlows })
		id, _ := n.newClient(func(in *idp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = plainFlows })
		for _, name := range []string{"ann", "bob", "new"} {
			n.user(name)
		}
		kept := func(name, want string) {
			n.Helper()
			if kind := n.keeps(id, name); kind != want {
				n.Errorf("the password of %s is kept as %s, want %s", name, kind, want)
			}
		}
		session := n.tokens("bob")
		n.ok(n.tag("argon2id"))
		_, err := n.login("ann", otherPassword)
		n.refused(err, "NotAuthorizedException", incorrect)
		kept("ann", "srp")
		before, err := n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		n.ok(err)
		n.tokens("ann")
		kept("ann", "argon2id")
		n.tokens("ann")
		_, err = n.login("ann", otherPassword)
		n.refused(err, "NotAuthorizedException", incorrect)
		after, err := n.root.IDP.AdminGetUser(n.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		n.ok(err)
		if !after.UserLastModifiedDate.Equal(*before.UserLastModifiedDate) {
			n.Error("to renew a record changes the user")
		}

		// With a second factor it is the last step that renews; nothing ends by it.
		n.factors("OPTIONAL", true, true, false)
		n.setAttributes("bob", "phone_number", annsPhone)
		n.ok(n.prefers(*session.AccessToken, "sms"))
		asked, err := n.login("bob", password)
		n.ok(err)
		n.must("", "SMS_MFA", asked.Session, "bob", "SMS_MFA_CODE", n.server.Code(annsPhone))
		kept("bob", "argon2id")
		_, err = n.getUser(*session.AccessToken)
		n.ok(err)

		// A temporary password is replaced, not renewed.
		_, err = n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("new"), Password: aws.String(password)})
		n.ok(err)
		n.ok(n.tag("srp"))
		asked, err = n.login("new", password)
		n.ok(err)
		n.must("", "NEW_PASSWORD_REQUIRED", asked.Session, "new", "NEW_PASSWORD", otherPassword)
		_, err = n.login("new", password)
		n.refused(err, "NotAuthorizedException", incorrect)
		_, err = n.login("new", otherPassword)
		n.ok(err)

		// The way back: SRP works again once the password was shown in clear.
		n.ok(n.tag("argon2id"))
		n.tokens("ann")
		kept("ann", "argon2id")
		n.ok(n.tag("srp"))
		n.tokens("ann")
		kept("ann", "srp")
	})
}

// TestOverload: a flood of sign-ins that cost much is bounded by the
// processors. Every one gets tokens or is told to come back, and whoever wants
// little does not wait for them (promises.md, L10).
func TestOverload(t *testing.T) {
	each(t, func(e *env) {
		n := e.slow()
		ann := n.user("ann")
		tokens := n.tokens(ann)
		bulk := max(64, 40*runtime.GOMAXPROCS(0)) // more than compute and wait
		var peak uint64
		var slowest [4]time.Duration
		cheap := []struct {
			name string
			call func() error
		}{
			{"health", func() error { return n.fetch("/_gatehouse/health") }},
			{"key set", func() error { return n.fetch("/" + n.pool + "/.well-known/jwks.json") }},
			{"GetUser", func() error { _, err := n.getUser(*tokens.AccessToken); return err }},
			{"refresh", func() error { _, err := n.refresh(*tokens.RefreshToken); return err }},
		}
		stop := make(chan struct{})
		var watch sync.WaitGroup
		watch.Go(func() {
			for i := 0; ; i = (i + 1) % len(cheap) {
				begin := time.Now()
				if err := cheap[i].call(); err != nil {
					n.Errorf("%s under load: %v", cheap[i].name, err)
				}
				slowest[i] = max(slowest[i], time.Since(begin))
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		won, shed := 0, 0
		for range 5 {
			var all sync.WaitGroup
			outcomes := make([]error, bulk)
			for i := range bulk {
				all.Go(func() { _, outcomes[i] = n.login(ann, password) })
			}
			all.Wait()
			for _, err := range outcomes {
				if err == nil {
					won++
				} else if n.refused(err, "TooManyRequestsException", "Rate exceeded") {
					shed++
				}
			}
		}
		close(stop)
		watch.Wait()
		n.Logf("%d of %d got tokens, %d were told to come back; heap %d MiB; slowest answers %v", won, 5*bulk, shed, peak>>20, slowest)
		if won == 0 || shed == 0 {
			n.Errorf("%d got tokens, %d were told to come back", won, shed)
		}
		// A second is promised; the other tests of this package run beside it.
		for i, took := range slowest {
			if took > 3*time.Second {
				n.Errorf("%s took %v under load", cheap[i].name, took)
			}
		}
		// 19 MiB for each processor, as much again before it is collected, and
		// what else the tests of this package do at the same time.
		if most := uint64(19*4*runtime.GOMAXPROCS(0)+512) << 20; peak > most {
			n.Errorf("the heap grew to %d MiB", peak>>20)
		}
		n.tokens(ann) // and it is over at once
	})
}

// fetch gets a path and wants 200.
func (e *env) fetch(path string) error {
	resp, err := e.http.Get(e.server.URL + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(&map[string]any{})
}
