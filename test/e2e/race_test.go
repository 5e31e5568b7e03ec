package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"gatehouse/internal/store/storetest"
)

// Row D10 of promises.md in its short form: racers clients at once want the
// one thing that there is, on one server with the embedded store, or on two
// with one PostgreSQL database. Each thing has one winner.
const (
	racers = 32
	things = 20
)

// nodes are tenants that are one: the same pool and client on each server.
type nodes []*tenant

// eachCluster runs a test on one server with SQLite, and on two with
// PostgreSQL.
func eachCluster(t *testing.T, test func(ns nodes)) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			e := start(t, on(t, kind)...)
			n := e.tenant(func(in *idp.CreateUserPoolInput) { in.AliasAttributes = []types.AliasAttributeType{"email"} }, nil)
			ns := nodes{n}
			if kind == "postgres" {
				ns = append(ns, &tenant{e.another(), n.pool, n.client, n.secret})
			}
			test(ns)
		})
	}
}

// outcome of a race: how often it was won, and with what the others were
// refused.
type outcome struct {
	won     int
	refused map[string]int
}

// race lets all clients go at once, spread over the nodes.
func (ns nodes) race(try func(n *tenant, racer int) error) outcome {
	o := outcome{refused: map[string]int{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	gun := make(chan struct{})
	for i := range racers {
		all.Go(func() {
			<-gun
			err := try(ns[i%len(ns)], i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				o.won++
				return
			}
			var api smithy.APIError
			if errors.As(err, &api) {
				o.refused[api.ErrorCode()+": "+api.ErrorMessage()]++
			} else {
				o.refused[err.Error()]++
			}
		})
	}
	close(gun)
	all.Wait()
	return o
}

// one wants exactly one winner, and the others refused with one of the codes.
func (ns nodes) one(what string, o outcome, losers ...string) {
	ns[0].Helper()
	if o.won != 1 {
		ns[0].Errorf("%s: %d winners; refused: %v", what, o.won, o.refused)
	}
	for text := range o.refused {
		if !slices.ContainsFunc(losers, func(code string) bool { return len(text) > len(code) && text[:len(code)+1] == code+":" }) {
			ns[0].Errorf("%s: a loser got %s", what, text)
		}
	}
}

func TestRace_confirmationCode(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			name := fmt.Sprint("user", i)
			_, err := ns[0].signUp(name, password)
			ns[0].ok(err)
			code := ns[0].server.Code(email(name))
			o := ns.race(func(n *tenant, _ int) error { return n.confirm(name, code) })
			ns.one(name, o, "NotAuthorizedException", "ExpiredCodeException", "LimitExceededException")
		}
	})
}

func TestRace_userName(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			name := fmt.Sprint("user", i)
			o := ns.race(func(n *tenant, racer int) error { _, err := n.signUp(name, fmt.Sprint(password, racer)); return err })
			ns.one(name, o, "UsernameExistsException")
		}
	})
}

func TestRace_alias(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			o := ns.race(func(n *tenant, racer int) error {
				_, err := n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String(fmt.Sprint("user", i, "-", racer)), MessageAction: "SUPPRESS",
					TemporaryPassword: aws.String(password), UserAttributes: attributes("email", fmt.Sprintf("shared%d@example.com", i), "email_verified", "true")})
				return err
			})
			ns.one(fmt.Sprint("alias ", i), o, "UsernameExistsException")
		}
	})
}

func TestRace_secretBlock(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			name := fmt.Sprint("user", i)
			ns[0].user(name)
			h, challenge, err := ns[0].startSRP(name)
			ns[0].ok(err)
			answer, err := h.Answer(ns[0].pool, password, challenge, ns[0].server.Now())
			ns[0].ok(err)
			o := ns.race(func(n *tenant, _ int) error {
				_, err := n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "PASSWORD_VERIFIER",
					ChallengeResponses: maps.Clone(answer)})
				return err
			})
			ns.one(name, o, "NotAuthorizedException")
		}
	})
}

func TestRace_newPasswordSession(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			name := fmt.Sprint("user", i)
			_, err := ns[0].root.IDP.AdminCreateUser(ns[0].Context(), &idp.AdminCreateUserInput{UserPoolId: &ns[0].pool, Username: &name, MessageAction: "SUPPRESS", TemporaryPassword: aws.String(password)})
			ns[0].ok(err)
			asked, err := ns[0].login(name, password)
			ns[0].ok(err)
			won := -1
			o := ns.race(func(n *tenant, racer int) error {
				_, err := n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: asked.Session,
					ChallengeResponses: map[string]string{"USERNAME": name, "NEW_PASSWORD": fmt.Sprint(otherPassword, racer)}})
				if err == nil {
					won = racer
				}
				return err
			})
			ns.one(name, o, "NotAuthorizedException")
			if _, err := ns[len(ns)-1].login(name, fmt.Sprint(otherPassword, won)); err != nil {
				ns[0].Errorf("%s: the winner's password does not open: %v", name, err)
			}
		}
	})
}

func TestRace_resetCode(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			name := fmt.Sprint("user", i)
			ns[0].user(name)
			_, err := ns[0].forgot(name)
			ns[0].ok(err)
			code := ns[0].server.Code(email(name))
			o := ns.race(func(n *tenant, racer int) error { return n.reset(name, code, fmt.Sprint(otherPassword, racer)) })
			ns.one(name, o, "ExpiredCodeException", "LimitExceededException")
		}
	})
}

// TestRace_identity: a login that is new everywhere becomes one identity.
func TestRace_identity(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		f := ns[0].federation("Race", nil)
		for i := range things {
			name := fmt.Sprint("user", i)
			ns[0].user(name)
			token := *ns[0].tokens(name).IdToken
			var mu sync.Mutex
			ids := map[string]bool{}
			o := ns.race(func(n *tenant, _ int) error {
				at := *f
				at.tenant = n
				id, err := at.getID(f.logins(token))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					ids[id] = true
				}
				return err
			})
			if o.won != racers || len(ids) != 1 {
				ns[0].Errorf("%s: %d of %d got an id, %d ids; refused: %v", name, o.won, racers, len(ids), o.refused)
			}
		}
	})
}

// TestRace_iam: one role of a name; two access keys of a user.
func TestRace_iam(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			name := fmt.Sprint("thing", i)
			o := ns.race(func(n *tenant, _ int) error {
				_, err := n.root.IAM.CreateRole(n.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust("x", "authenticated"))})
				return err
			})
			ns.one("role "+name, o, "EntityAlreadyExists")
			_, err := ns[0].root.IAM.CreateUser(ns[0].Context(), &iam.CreateUserInput{UserName: &name})
			ns[0].ok(err)
			o = ns.race(func(n *tenant, _ int) error {
				_, err := n.root.IAM.CreateAccessKey(n.Context(), &iam.CreateAccessKeyInput{UserName: &name})
				return err
			})
			if o.won != 2 || o.refused["LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2"] != racers-2 {
				ns[0].Errorf("keys of %s: %d made; refused: %v", name, o.won, o.refused)
			}
		}
	})
}

// TestRace_guesses: guesses at once learn no more than guesses in a row.
func TestRace_guesses(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range things {
			name := fmt.Sprint("user", i)
			ns[0].user(name)
			o := ns.race(func(n *tenant, _ int) error { _, err := n.login(name, "Wrong-Password-0"); return err })
			// Five are free; a lock of one second may end within the race.
			if looked := o.refused["NotAuthorizedException: "+incorrect]; o.won != 0 || looked < 5 || looked > 7 || looked+o.refused["NotAuthorizedException: "+locked] != racers {
				ns[0].Errorf("%s: %v", name, o.refused)
			}
			_, err := ns[0].forgot(name)
			ns[0].ok(err)
			code := ns[0].server.Code(email(name))
			o = ns.race(func(n *tenant, _ int) error { return n.reset(name, wrong(code), otherPassword) })
			if looked := o.refused["CodeMismatchException: "+codeMismatch]; o.won != 0 || looked > 10 {
				ns[0].Errorf("%s: %v", name, o.refused)
			}
		}
	})
}

func TestRace_authorizationCode(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		client, _ := ns[0].newClient(oauthClient)
		_, err := ns[0].root.IDP.CreateUserPoolDomain(ns[0].Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &ns[0].pool, Domain: aws.String("race")})
		ns[0].ok(err)
		at := map[*tenant]*openedDomain{}
		for _, n := range ns {
			at[n] = &openedDomain{n.with(client, ""), n.server.Host("race.auth"), ""}
			n.within(time.Second, "", func() error { // until the other node has heard of the domain
				if a := at[n].userInfo("x"); a.status != http.StatusUnauthorized {
					return &smithy.GenericAPIError{Code: fmt.Sprint(a.status)}
				}
				return nil
			})
		}
		ns[0].user("ann")
		u, err := ns[0].root.IDP.AdminGetUser(ns[0].Context(), &idp.AdminGetUserInput{UserPoolId: &ns[0].pool, Username: aws.String("ann")})
		ns[0].ok(err)
		at[ns[0]].sub = attribute(u.UserAttributes, "sub")
		b := at[ns[0]].signedIn()
		for i := range things {
			code := b.newCode()
			var mu sync.Mutex
			var won *given
			o := ns.race(func(n *tenant, _ int) error {
				a := at[n].form("/oauth2/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback)
				g := at[n].read(a)
				if a.status != http.StatusOK {
					return &smithy.GenericAPIError{Code: g.Error, Message: g.Text}
				}
				mu.Lock()
				defer mu.Unlock()
				won = g
				return nil
			})
			ns.one(fmt.Sprint("code ", i), o, "invalid_grant")
			if a := at[ns[0]].userInfo(won.Access); a.status != http.StatusUnauthorized {
				ns[0].Errorf("code %d: a second use left the session: %d", i, a.status)
			}
		}
	})
}
