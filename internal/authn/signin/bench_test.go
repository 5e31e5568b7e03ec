package signin_test

import (
	"testing"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/engine"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// BenchmarkInitiate is a sign-in with a password and the refresh of one,
// without the API around them.
func BenchmarkInitiate(b *testing.B) {
	c := storetest.SQLite(b)
	db := storetest.OpenConfig(b, c)
	tokens := token.New(token.Config{DB: db, Ring: c.Ring, Engine: engine.Default(), Now: time.Now, Issuer: func(id string) string { return "http://localhost:4566/" + id }})
	p := &pool.Pool{ID: "us-east-1_AAAAAAAAA", Settings: &cognitoidp.UserPoolType{}}
	client := &pool.Client{ID: "client", PoolID: p.ID, Settings: &cognitoidp.UserPoolClientType{AuthSessionValidity: new(3), ExplicitAuthFlows: []cognitoidp.ExplicitAuthFlowsType{
		cognitoidp.ExplicitAuthFlowsTypeAllowUserPasswordAuth, cognitoidp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth}}}
	record, err := password.New(engine.Default(), nil).NewRecord(b.Context(), password.SRP, p.Name(), "jane", "Pa55word!")
	if err != nil {
		b.Fatal(err)
	}
	keys, err := tokens.NewKeys(p.ID, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Write(b.Context(), func(tx *store.Tx) error {
		for _, k := range keys {
			if err := store.PutSigningKey(tx, k); err != nil {
				return err
			}
		}
		return store.InsertUser(tx, &store.User{PoolID: p.ID, Sub: "8a1f5a52-7d3c-4f0e-9b61-2f6c1c1f0a11", Username: "jane", UsernameKey: "jane", Status: "CONFIRMED",
			Enabled: true, Password: record.Encode(), PasswordAt: tx.Now, Attributes: []store.Attribute{{Name: "email", Value: "jane@example.com"}}})
	}); err != nil {
		b.Fatal(err)
	}
	e := signin.New(signin.Config{DB: db, Ring: c.Ring, Crypto: engine.Default(), Tokens: tokens, Now: time.Now})
	initiate := func(b *testing.B, flow cognitoidp.AuthFlowType, parameters map[string]api.Secret) *token.Set {
		step, err := e.Initiate(b.Context(), &signin.Start{Pool: p, Client: client, Flow: flow, Parameters: parameters})
		if err != nil {
			b.Fatal(err)
		}
		return step.Tokens
	}
	typed := map[string]api.Secret{"USERNAME": "jane", "PASSWORD": "Pa55word!"}
	b.Run("password", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			initiate(b, cognitoidp.AuthFlowTypeUserPasswordAuth, typed)
		}
	})
	b.Run("refresh", func(b *testing.B) {
		held := map[string]api.Secret{"REFRESH_TOKEN": api.Secret(initiate(b, cognitoidp.AuthFlowTypeUserPasswordAuth, typed).Refresh)}
		b.ReportAllocs()
		for b.Loop() {
			initiate(b, cognitoidp.AuthFlowTypeRefreshTokenAuth, held)
		}
	})
}
