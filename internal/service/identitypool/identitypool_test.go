package identitypool_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/api"
	ci "gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/engine"
	"gatehouse/internal/service/identitypool"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// world is an identity pool over two user pools, each with a client and users.
type world struct {
	*identitypool.Service
	t      *testing.T
	db     *store.DB
	tokens *token.Issuer
	mu     sync.Mutex
	now    time.Time
	pool   string
}

func (w *world) Now() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }

func (w *world) advance(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.now = w.now.Add(d) }

const (
	poolA, poolB, poolC = "us-east-1_AAAAAAAAA", "us-east-1_BBBBBBBBB", "us-east-1_CCCCCCCCC"
	account             = "123456789012"
)

func provider(poolID string) string { return "cognito-idp.us-east-1.amazonaws.com/" + poolID }

// each runs a test on both databases, in a pool with or without guests.
func each(t *testing.T, guests bool, fn func(t *testing.T, w *world)) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := &world{t: t, now: time.Date(2027, 1, 5, 3, 4, 5, 0, time.UTC)}
		c.Now = w.Now
		w.db = storetest.OpenConfig(t, c)
		w.tokens = token.New(token.Config{DB: w.db, Ring: c.Ring, Engine: engine.Default(), Now: w.Now, Issuer: func(id string) string { return "http://localhost/" + id }})
		pools := pool.NewRegistry(w.db)
		w.Service = identitypool.New(identitypool.Config{DB: w.db, Ring: c.Ring, Pools: pools, Tokens: w.tokens, Region: "us-east-1", Account: account, Now: w.Now})
		for _, id := range []string{poolA, poolB, poolC} {
			w.userPool(id)
		}
		out, err := w.CreateIdentityPool(t.Context(), &ci.CreateIdentityPoolInput{IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: &guests,
			CognitoIdentityProviders: []ci.CognitoIdentityProvider{
				{ProviderName: new(provider(poolA)), ClientId: new("clientA")},
				{ProviderName: new(provider(poolB)), ClientId: new("clientB"), ServerSideTokenCheck: new(true)},
				{ProviderName: new(provider(poolA)), ClientId: new("gone")}}})
		if err != nil {
			t.Fatal(err)
		}
		w.pool = *out.IdentityPoolId
		fn(t, w)
	})
}

func (w *world) write(fn func(tx *store.Tx) error) {
	w.t.Helper()
	if err := w.db.Write(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) userPool(id string) {
	keys, err := w.tokens.NewKeys(id, w.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	settings, err := json.Marshal(&cognitoidp.UserPoolType{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(func(tx *store.Tx) error {
		if err := store.PutUserPool(tx, &store.UserPool{ID: id, Name: "p", Settings: string(settings)}); err != nil {
			return err
		}
		for _, k := range keys {
			if err := store.PutSigningKey(tx, k); err != nil {
				return err
			}
		}
		for _, client := range []string{"client" + id[len(id)-1:], "other" + id[len(id)-1:]} {
			if err := store.PutUserPoolClient(tx, &store.UserPoolClient{ID: client, PoolID: id, Name: "c", Settings: "{}"}); err != nil {
				return err
			}
		}
		for _, sub := range []string{"jane", "john"} {
			if err := store.InsertUser(tx, &store.User{PoolID: id, Sub: sub, Username: sub, UsernameKey: sub, Status: "CONFIRMED", Enabled: true}); err != nil {
				return err
			}
			if err := store.InsertSession(tx, &store.Session{PoolID: id, Sub: sub, OriginJTI: "session-" + sub, ClientID: "client" + id[len(id)-1:], AuthTime: w.now, ExpiresAt: w.now.Add(24 * time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// mint makes the tokens of a user through a client.
func (w *world) mint(poolID, client, sub string) *token.Set {
	w.t.Helper()
	s, err := w.tokens.Mint(w.t.Context(), &token.Grant{Pool: &pool.Pool{ID: poolID}, Client: &pool.Client{ID: client, Settings: &cognitoidp.UserPoolClientType{}},
		User: &store.User{Sub: sub, Username: sub}, SessionID: "session-" + sub, EventID: "e", AuthTime: w.Now(), Scope: token.ScopeAdmin})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

type logins = map[string]api.Secret

func (w *world) login(poolID, sub string) logins {
	return logins{provider(poolID): api.Secret(w.mint(poolID, "client"+poolID[len(poolID)-1:], sub).ID)}
}

func both(a, b logins) logins {
	m := logins{}
	for k, v := range a {
		m[k] = v
	}
	for k, v := range b {
		m[k] = v
	}
	return m
}

func (w *world) getID(l logins) (string, error) {
	out, err := w.GetId(w.t.Context(), &ci.GetIdInput{IdentityPoolId: &w.pool, Logins: l})
	if err != nil {
		return "", err
	}
	return *out.IdentityId, nil
}

func (w *world) mustID(l logins) string {
	w.t.Helper()
	id, err := w.getID(l)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// act uses an identity id with logins, through the classic flow.
func (w *world) act(id string, l logins) (string, error) {
	out, err := w.GetOpenIdToken(w.t.Context(), &ci.GetOpenIdTokenInput{IdentityId: &id, Logins: l})
	if err != nil {
		return "", err
	}
	who, _, err := w.VerifyOpenID(w.t.Context(), string(*out.Token))
	if err != nil {
		w.t.Errorf("the token does not verify: %v", err)
	} else if who.IdentityID != *out.IdentityId || who.PoolID != w.pool {
		w.t.Errorf("the token says %+v", who)
	}
	return *out.IdentityId, nil
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestLogins: every row of identity-pools.md, section 3, that a user pool has.
func TestLogins(t *testing.T) {
	each(t, false, func(t *testing.T, w *world) {
		good := w.mint(poolA, "clientA", "jane")
		forged := func() string {
			p := strings.Split(good.ID, ".")
			return p[0] + "." + p[1] + "." + strings.Split(w.mint(poolA, "clientA", "john").ID, ".")[2]
		}()
		const no = "NotAuthorizedException: "
		for _, c := range []struct {
			name string
			l    logins
			want string
		}{
			{"right", logins{provider(poolA): api.Secret(good.ID)}, ""},
			{"none", nil, no + "Unauthenticated access is not supported for this identity pool."},
			{"not a JWT", logins{provider(poolA): "abc"}, no + "Invalid login token. Not a valid OpenId Connect identity token."},
			{"refresh token", logins{provider(poolA): api.Secret(strings.Repeat("a", 200))}, no + "Invalid login token. Not a valid OpenId Connect identity token."},
			{"access token", logins{provider(poolA): api.Secret(good.Access)}, no + "Invalid login token. Missing a required claim: aud"},
			{"forged", logins{provider(poolA): api.Secret(forged)}, no + "Invalid login token. Couldn't verify signed token."},
			{"another pool's key", logins{provider(poolB): api.Secret(good.ID)}, no + "Invalid login token. Issuer doesn't match providerName"},
			{"a pool that is not configured", w.login(poolC, "jane"), no + "Token is not from a supported provider of this identity pool."},
			{"a client that is not configured", logins{provider(poolA): api.Secret(w.mint(poolA, "otherA", "jane").ID)}, no + "Token is not from a supported provider of this identity pool."},
			{"a client that was deleted", logins{provider(poolA): api.Secret(w.mint(poolA, "gone", "jane").ID)}, no + "Token is not from a supported provider of this identity pool."},
			{"another region in the key", logins{"cognito-idp.eu-west-1.amazonaws.com/" + poolA: api.Secret(good.ID)}, no + "Token is not from a supported provider of this identity pool."},
			{"a provider that is no user pool", logins{"accounts.google.com": api.Secret(good.ID)}, no + "Token is not from a supported provider of this identity pool."},
			{"one good and one bad", both(logins{provider(poolA): api.Secret(good.ID)}, logins{provider(poolB): api.Secret(good.ID)}), no + "Invalid login token. Issuer doesn't match providerName"},
		} {
			t.Run(c.name, func(t *testing.T) {
				if _, err := w.getID(c.l); message(err) != c.want {
					t.Errorf("got %v", err)
				}
			})
		}
		w.advance(time.Hour)
		if _, err := w.getID(logins{provider(poolA): api.Secret(good.ID)}); message(err) != no+"Invalid login token. Token expired: 1799121845 >= 1799121845" {
			t.Errorf("expired: %v", err)
		}
	})
}

// TestServerSideTokenCheck: with it, a signed-out, disabled or deleted user's
// token is refused at once; without, it is good until it expires.
func TestServerSideTokenCheck(t *testing.T) {
	for name, end := range map[string]func(tx *store.Tx, u *store.User) error{
		"signed out": func(tx *store.Tx, u *store.User) error { return store.DeleteSessions(tx, u.PoolID, u.Sub) },
		"deleted":    store.DeleteUser,
		"disabled": func(tx *store.Tx, u *store.User) error {
			disabled := *u
			disabled.Enabled = false
			return store.UpdateUser(tx, &disabled, u)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, false, func(t *testing.T, w *world) {
				checked, unchecked := w.login(poolB, "jane"), w.login(poolA, "jane")
				w.mustID(checked)
				for _, p := range []string{poolA, poolB} {
					w.write(func(tx *store.Tx) error {
						u, err := store.UserBySub(tx, p, "jane")
						if err != nil {
							return err
						}
						return end(tx, u)
					})
				}
				if _, err := w.getID(checked); message(err) != "NotAuthorizedException: Invalid login token. Token is revoked or user is deleted." {
					t.Errorf("with the check: %v", err)
				}
				if _, err := w.getID(unchecked); err != nil {
					t.Errorf("without: %v", err)
				}
			})
		})
	}
}

func TestGetID(t *testing.T) {
	each(t, true, func(t *testing.T, w *world) {
		jane := w.mustID(w.login(poolA, "jane"))
		if again := w.mustID(w.login(poolA, "jane")); again != jane {
			t.Error("the same user got another identity")
		}
		if john := w.mustID(w.login(poolA, "john")); john == jane {
			t.Error("another user got the same identity")
		}
		if linked := w.mustID(both(w.login(poolA, "jane"), w.login(poolB, "jane"))); linked != jane {
			t.Error("a further login must be linked to the identity of the first")
		}
		if byOther := w.mustID(w.login(poolB, "jane")); byOther != jane {
			t.Error("the linked login must find the identity")
		}
		if first, second := w.mustID(nil), w.mustID(nil); first == second {
			t.Error("each guest is new")
		}
		for _, c := range []struct {
			in   *ci.GetIdInput
			want string
		}{
			{&ci.GetIdInput{IdentityPoolId: new("us-east-1:none")}, "ResourceNotFoundException: IdentityPool 'us-east-1:none' not found."},
			{&ci.GetIdInput{IdentityPoolId: &w.pool, AccountId: new("999999999999")}, "NotAuthorizedException: Access to IdentityPool '" + w.pool + "' is forbidden."},
			{&ci.GetIdInput{IdentityPoolId: &w.pool, AccountId: new(account)}, ""},
		} {
			if _, err := w.GetId(t.Context(), c.in); message(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		}
	})
}

// TestResolve: the table of identity-pools.md, section 5.
func TestResolve(t *testing.T) {
	forbidden := func(id string) string {
		return "NotAuthorizedException: Access to Identity '" + id + "' is forbidden."
	}
	const dontMatch = "NotAuthorizedException: Logins don't match. Please include at least one valid login for this identity or identity pool."
	each(t, true, func(t *testing.T, w *world) {
		expect := func(name, id string, l logins, wantID, wantErr string) {
			t.Helper()
			got, err := w.act(id, l)
			if message(err) != wantErr || got != wantID {
				t.Errorf("%s: got %q, %v; want %q, %q", name, got, err, wantID, wantErr)
			}
		}
		guest := w.mustID(nil)
		expect("guest without logins", guest, nil, guest, "")
		expect("guest signs in: the id stays", guest, w.login(poolA, "jane"), guest, "")
		jane := guest
		expect("authenticated without logins", jane, nil, "", forbidden(jane))
		expect("authenticated with its login", jane, w.login(poolA, "jane"), jane, "")
		expect("authenticated with a login that nobody has", jane, w.login(poolB, "jane"), "", dontMatch)
		expect("a further login is linked", jane, both(w.login(poolA, "jane"), w.login(poolB, "jane")), jane, "")

		second := w.mustID(nil)
		expect("guest of a second device signs in: merged", second, w.login(poolA, "jane"), jane, "")
		expect("the merged guest is no more", second, nil, "", forbidden(second))
		expect("the merged guest is no more, with logins either", second, w.login(poolA, "jane"), "", forbidden(second))

		john := w.mustID(w.login(poolA, "john"))
		expect("somebody else's login", jane, w.login(poolA, "john"), "", dontMatch)
		expect("two users of one provider cannot be one", john, both(w.login(poolA, "john"), w.login(poolB, "jane")), "",
			"ResourceConflictException: Login is already associated with another identity.")
		expect("unknown", "us-east-1:00000000-0000-0000-0000-000000000000", nil, "", "ResourceNotFoundException: Identity 'us-east-1:00000000-0000-0000-0000-000000000000' not found.")
	})
	each(t, true, func(t *testing.T, w *world) { // two identities of different providers merge into the one that was named
		a, b := w.mustID(w.login(poolA, "jane")), w.mustID(w.login(poolB, "jane"))
		got, err := w.act(b, both(w.login(poolA, "jane"), w.login(poolB, "jane")))
		if err != nil || got != b {
			t.Errorf("got %s, %v", got, err)
		}
		if id := w.mustID(w.login(poolA, "jane")); id != b {
			t.Errorf("the login of the merged identity finds %s, want %s", id, b)
		}
		if _, err := w.act(a, w.login(poolA, "jane")); message(err) != forbidden(a) {
			t.Errorf("the merged identity: %v", err)
		}
	})
}

// TestResolve_race: of many first calls with one login, one identity comes.
func TestResolve_race(t *testing.T) {
	each(t, false, func(t *testing.T, w *world) {
		l := w.login(poolA, "jane")
		var wg sync.WaitGroup
		ids := make([]string, 32)
		for i := range ids {
			wg.Go(func() {
				id, err := w.getID(l)
				if err != nil {
					t.Error(err)
				}
				ids[i] = id
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("two identities of one login: %s, %s", ids[0], id)
			}
		}
	})
}

func TestClassicFlow(t *testing.T) {
	each(t, false, func(t *testing.T, w *world) {
		jane := w.mustID(w.login(poolA, "jane"))
		out, err := w.GetOpenIdToken(t.Context(), &ci.GetOpenIdTokenInput{IdentityId: &jane, Logins: w.login(poolA, "jane")})
		if err != nil {
			t.Fatal(err)
		}
		text := string(*out.Token)
		who, expires, err := w.VerifyOpenID(t.Context(), text)
		want := []string{"authenticated", provider(poolA), provider(poolA) + ":CognitoSignIn:jane"}
		if err != nil || strings.Join(who.AMR, " ") != strings.Join(want, " ") || expires.Sub(w.Now()) != 10*time.Minute {
			t.Errorf("got %+v until %v, %v", who, expires, err)
		}
		for i := range text {
			b := []byte(text)
			b[i] ^= 1
			if _, _, err := w.VerifyOpenID(t.Context(), string(b)); err == nil {
				t.Fatalf("altered at %d and accepted", i)
			}
		}
		if _, _, err := w.VerifyOpenID(t.Context(), w.mint(poolA, "clientA", "jane").ID); !errors.Is(err, identitypool.ErrNotOurs) {
			t.Errorf("a user pool's token: %v", err)
		}
		w.advance(10 * time.Minute)
		if _, _, err := w.VerifyOpenID(t.Context(), text); !errors.Is(err, identitypool.ErrExpired) {
			t.Errorf("after ten minutes: %v", err)
		}
		if _, err := w.UpdateIdentityPool(t.Context(), &ci.UpdateIdentityPoolInput{IdentityPoolId: &w.pool, IdentityPoolName: new("p"), AllowUnauthenticatedIdentities: new(false),
			AllowClassicFlow: new(false), CognitoIdentityProviders: []ci.CognitoIdentityProvider{{ProviderName: new(provider(poolA)), ClientId: new("clientA")}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.act(jane, w.login(poolA, "jane")); message(err) != "InvalidParameterException: Basic (classic) flow is not enabled, please use enhanced flow." {
			t.Errorf("classic flow switched off: %v", err)
		}
	})
}

// TestRotateOpenIDKeys: a new key is published before it signs, and the old one
// stays until its last token has ended.
func TestRotateOpenIDKeys(t *testing.T) {
	each(t, true, func(t *testing.T, w *world) {
		guest := w.mustID(nil)
		token := func() string {
			t.Helper()
			out, err := w.GetOpenIdToken(t.Context(), &ci.GetOpenIdTokenInput{IdentityId: &guest})
			if err != nil {
				t.Fatal(err)
			}
			return string(*out.Token)
		}
		published := func() (kids string) {
			t.Helper()
			keys, err := w.OpenIDKeys(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				kids += k["kid"] + " "
			}
			return kids
		}
		rotate := func() {
			t.Helper()
			if err := w.RotateOpenIDKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		header := func(token string) string { h, _, _ := strings.Cut(token, "."); return h }
		first := header(token())
		w.advance(time.Minute)
		rotate()
		if got := published(); got != "us-east-1-2 us-east-1-1 " {
			t.Errorf("published: %s", got)
		}
		if header(token()) != first {
			t.Error("a new key signs at once")
		}
		w.advance(time.Hour)
		old := token()
		if header(old) == first {
			t.Error("after an hour the old key signs")
		}
		w.advance(24 * time.Hour)
		if got := published(); got != "us-east-1-2 " {
			t.Errorf("a day later published: %s", got)
		}
		rotate()
		if got := published(); got != "us-east-1-3 us-east-1-2 " {
			t.Errorf("published: %s", got)
		}
		if _, _, err := w.VerifyOpenID(t.Context(), old); !errors.Is(err, identitypool.ErrExpired) {
			t.Errorf("an old token of a key that stands: %v", err)
		}
	})
}
