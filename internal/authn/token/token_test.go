package token_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/engine"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// fixture is an issuer over a store with a settable clock and two pools.
type fixture struct {
	*token.Issuer
	db     *store.DB
	mu     sync.Mutex
	now    time.Time
	client *pool.Client
}

func (f *fixture) Now() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now }

func (f *fixture) advance(d time.Duration) { f.mu.Lock(); defer f.mu.Unlock(); f.now = f.now.Add(d) }

const poolA, poolB = "us-east-1_AAAAAAAAA", "us-east-1_BBBBBBBBB"

func setup(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{now: time.Date(2027, 1, 5, 3, 4, 5, 0, time.UTC)}
	c := storetest.SQLite(t)
	c.Now = f.Now
	f.db = storetest.OpenConfig(t, c)
	f.Issuer = token.New(token.Config{DB: f.db, Ring: c.Ring, Engine: engine.Default(), Now: f.Now,
		Issuer: func(id string) string { return "http://localhost:4566/" + id }})
	for _, id := range []string{poolA, poolB} {
		keys, err := f.NewKeys(id, f.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.db.Write(t.Context(), func(tx *store.Tx) error {
			for _, k := range keys {
				if err := store.PutSigningKey(tx, k); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	f.client = &pool.Client{ID: "client", PoolID: poolA, Settings: &cognitoidp.UserPoolClientType{}}
	return f
}

func (f *fixture) mint(t testing.TB, poolID string) *token.Set {
	t.Helper()
	s, err := f.Mint(t.Context(), &token.Grant{Pool: &pool.Pool{ID: poolID}, Client: f.client, SessionID: "session", EventID: "event", AuthTime: f.Now(), Scope: token.ScopeAdmin,
		User: &store.User{Sub: "sub", Username: "jane", Attributes: []store.Attribute{{Name: "email", Value: "j@example.com"}, {Name: "email_verified", Value: "true"},
			{Name: "address", Value: "1 Street"}, {Name: "updated_at", Value: "1700000000"}, {Name: "dev:secret", Value: "x"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func payload(t *testing.T, text string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func keysOf(m map[string]any) string {
	var names []string
	for _, k := range []string{"address", "aud", "auth_time", "client_id", "cognito:username", "dev:secret", "email", "email_verified", "event_id", "exp", "iat", "iss", "jti",
		"origin_jti", "scope", "sub", "token_use", "updated_at", "username"} {
		if _, has := m[k]; has {
			names = append(names, k)
			delete(m, k)
		}
	}
	for k := range m {
		names = append(names, "unexpected:"+k)
	}
	return strings.Join(names, " ")
}

// TestMint_claims: exactly the claims of tokens.md, sections 2 and 3.
func TestMint_claims(t *testing.T) {
	f := setup(t)
	s := f.mint(t, poolA)
	id, access := payload(t, s.ID), payload(t, s.Access)
	if id["email_verified"] != true || id["updated_at"] != float64(1700000000) || id["address"].(map[string]any)["formatted"] != "1 Street" {
		t.Errorf("attribute claims have the wrong types: %v", id)
	}
	if id["jti"] == access["jti"] || id["origin_jti"] != access["origin_jti"] {
		t.Error("jti must differ and origin_jti be the same")
	}
	if id["iss"] != "http://localhost:4566/"+poolA || id["aud"] != "client" || access["client_id"] != "client" {
		t.Errorf("issuer or audience: %v", id)
	}
	if got, want := keysOf(id), "address aud auth_time cognito:username email email_verified event_id exp iat iss jti origin_jti sub token_use updated_at"; got != want {
		t.Errorf("ID token has %s", got)
	}
	if got, want := keysOf(access), "auth_time client_id event_id exp iat iss jti origin_jti scope sub token_use username"; got != want {
		t.Errorf("access token has %s", got)
	}
}

// TestMint_judge: somebody else's verifier accepts the tokens by the key set.
func TestMint_judge(t *testing.T) {
	f := setup(t)
	s := f.mint(t, poolA)
	keys, err := f.KeySet(t.Context(), poolA)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, compact := range []string{s.ID, s.Access} {
		sig, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		h := sig.Signatures[0].Header
		if _, err := sig.Verify(set.Key(h.KeyID)[0].Key); err != nil {
			t.Error(err)
		}
		used[h.KeyID] = true
		if b, _ := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[0]); string(b) != `{"kid":"`+h.KeyID+`","alg":"RS256"}` {
			t.Errorf("header %s", b)
		}
	}
	if len(used) != 2 {
		t.Error("ID and access token must be signed by different keys")
	}
}

func TestVerify_refusals(t *testing.T) {
	f := setup(t)
	s, other := f.mint(t, poolA), f.mint(t, poolB)
	parts := strings.Split(s.Access, ".")
	header := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	kid := f.kid(t)
	for _, c := range []struct {
		name, use, text string
		want            error
	}{
		{"right", "access", s.Access, nil},
		{"right ID token", "id", s.ID, nil},
		{"ID in place of access", "access", s.ID, token.ErrUse},
		{"access in place of ID", "id", s.Access, token.ErrUse},
		{"another pool's", "access", other.Access, token.ErrSignature},
		{"empty", "access", "", token.ErrMalformed},
		{"no dots", "access", "abc", token.ErrMalformed},
		{"two parts", "access", parts[0] + "." + parts[1], token.ErrMalformed},
		{"four parts", "access", s.Access + ".x", token.ErrMalformed},
		{"no signature", "access", parts[0] + "." + parts[1] + ".", token.ErrSignature},
		{"alg none", "access", header(`{"kid":"`+kid+`","alg":"none"}`) + "." + parts[1] + ".", token.ErrSignature},
		{"alg HS256", "access", header(`{"kid":"`+kid+`","alg":"HS256"}`) + "." + parts[1] + "." + parts[2], token.ErrSignature},
		{"header with a jwk", "access", header(`{"kid":"`+kid+`","alg":"RS256","jwk":{}}`) + "." + parts[1] + "." + parts[2], token.ErrSignature},
		{"unknown kid", "access", header(`{"kid":"x","alg":"RS256"}`) + "." + parts[1] + "." + parts[2], token.ErrSignature},
		{"payload of another token", "access", parts[0] + "." + strings.Split(other.Access, ".")[1] + "." + parts[2], token.ErrSignature},
		{"padding", "access", s.Access + "=", token.ErrSignature},
		{"huge", "access", strings.Repeat("a", 1<<20), token.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := f.Verify(t.Context(), poolA, c.use, c.text); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	for i := range s.Access { // every altered character
		if s.Access[i] == '.' {
			continue
		}
		b := []byte(s.Access)
		b[i] ^= 1
		if _, err := f.Verify(t.Context(), poolA, "access", string(b)); err == nil {
			t.Errorf("altered at %d and accepted", i)
		}
	}
	f.advance(time.Hour)
	if _, err := f.Verify(t.Context(), poolA, "access", s.Access); !errors.Is(err, token.ErrExpired) {
		t.Errorf("after an hour: %v", err)
	}
}

func (f *fixture) kid(t *testing.T) string {
	t.Helper()
	keys, err := f.KeySet(t.Context(), poolA)
	if err != nil {
		t.Fatal(err)
	}
	return keys[0].Kid
}

// TestRotate: there is no moment in which a valid token fails, or a key signs
// that was not published an hour before.
func TestRotate(t *testing.T) {
	f := setup(t)
	f.client.Settings.AccessTokenValidity, f.client.Settings.IdTokenValidity = new(24), new(24)
	type issued struct {
		text string
		ends time.Time
	}
	var valid []issued
	published := map[string]time.Time{}
	for hour := range 60 {
		if hour == 5 || hour == 20 {
			if err := f.Rotate(t.Context(), poolA); err != nil {
				t.Fatal(err)
			}
		}
		keys, err := f.KeySet(t.Context(), poolA)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if _, known := published[k.Kid]; !known {
				published[k.Kid] = f.Now()
			}
		}
		s := f.mint(t, poolA)
		b, _ := base64.RawURLEncoding.DecodeString(strings.Split(s.Access, ".")[0])
		var h struct{ Kid string }
		if err := json.Unmarshal(b, &h); err != nil {
			t.Fatal(err)
		}
		if hour > 0 && f.Now().Sub(published[h.Kid]) < time.Hour {
			t.Errorf("hour %d: a key signs that was published %v ago", hour, f.Now().Sub(published[h.Kid]))
		}
		valid = append(valid, issued{s.Access, f.Now().Add(24 * time.Hour)})
		for _, v := range valid {
			_, err := f.Verify(t.Context(), poolA, "access", v.text)
			if f.Now().Before(v.ends) != (err == nil) {
				t.Fatalf("hour %d: a token that ends at %v: %v", hour, v.ends, err)
			}
		}
		f.advance(time.Hour)
	}
	if keys, _ := f.KeySet(t.Context(), poolA); len(keys) != 2 {
		t.Errorf("%d keys are left in the set", len(keys))
	}
}

func TestRefresh(t *testing.T) {
	f := setup(t)
	r := &token.Refresh{PoolID: poolA, Sub: "sub", SessionID: "s", ExpiresAt: f.Now().Add(time.Hour).Unix()}
	text, err := f.SealRefresh("client", r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.OpenRefresh("client", text); err != nil || *got != *r {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := f.OpenRefresh("other", text); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("another client: %v", err)
	}
	for i := range text {
		b := []byte(text)
		if b[i]++; b[i] > 'z' {
			b[i] = 'a'
		}
		if _, err := f.OpenRefresh("client", string(b)); err == nil {
			t.Errorf("altered at %d and accepted", i)
		}
	}
	f.advance(time.Hour)
	if _, err := f.OpenRefresh("client", text); !errors.Is(err, token.ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
}

// FuzzVerify: no text panics, and none but a minted one is accepted.
func FuzzVerify(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	fx := &fixture{now: time.Date(2027, 1, 5, 3, 4, 5, 0, time.UTC)}
	c := storetest.SQLite(f)
	c.Now = fx.Now
	fx.db = storetest.OpenConfig(f, c)
	fx.Issuer = token.New(token.Config{DB: fx.db, Ring: c.Ring, Engine: engine.Default(), Now: fx.Now, Issuer: func(id string) string { return "http://x/" + id }})
	keys, err := fx.NewKeys(poolA, fx.Now())
	if err == nil {
		err = fx.db.Write(f.Context(), func(tx *store.Tx) error { return store.PutSigningKey(tx, keys[0]) })
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := fx.Verify(context.Background(), poolA, "id", text); err == nil {
			t.Errorf("accepted %q", text)
		}
		_, _ = fx.PoolOf(text)
		_, _ = fx.OpenRefresh("c", text)
	})
}

// TestVerify_again: a token that was verified before is looked at again: what a
// thief or a clock changes shows, and another key set forgets.
func TestVerify_again(t *testing.T) {
	f := setup(t)
	text := f.mint(t, poolA).Access
	for range 2 {
		if _, err := f.Verify(t.Context(), poolA, "access", text); err != nil {
			t.Fatal(err)
		}
	}
	if id, err := f.PoolOf(text); err != nil || id != poolA {
		t.Errorf("PoolOf = %q, %v", id, err)
	}
	if _, err := f.Verify(t.Context(), poolB, "access", text); !errors.Is(err, token.ErrSignature) {
		t.Errorf("in another pool: %v", err)
	}
	if _, err := f.Verify(t.Context(), poolA, "id", text); !errors.Is(err, token.ErrUse) {
		t.Errorf("as an ID token: %v", err)
	}
	forged := text[:len(text)-2] + strings.Repeat("A", 2)
	if _, err := f.Verify(t.Context(), poolA, "access", forged); !errors.Is(err, token.ErrSignature) {
		t.Errorf("with another signature: %v", err)
	}
	f.advance(2 * time.Hour)
	if _, err := f.Verify(t.Context(), poolA, "access", text); !errors.Is(err, token.ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
}

func BenchmarkMint(b *testing.B) {
	f := setup(b)
	b.ReportAllocs()
	for b.Loop() {
		f.mint(b, poolA)
	}
}

// BenchmarkVerify is a token seen before; the first time costs an RSA
// verification more.
func BenchmarkVerify(b *testing.B) {
	f := setup(b)
	text := f.mint(b, poolA).Access
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Verify(context.Background(), poolA, "access", text); err != nil {
			b.Fatal(err)
		}
	}
}
