package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/authn/password"
	"gatehouse/internal/engine"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// fill puts n users into the pool of a server that is stopped, past the API:
// a million sign-ups would take longer than everything else. Every step-th user
// can sign in; the others have no password.
func fill(ctx context.Context, folder, pool string, n, step int) error {
	ring, err := seal.Open(seal.Config{File: filepath.Join(folder, "keyring.json"), Now: time.Now})
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Config{Dir: folder, Ring: ring, Now: time.Now})
	if err != nil {
		return err
	}
	defer db.Close()
	hasher := password.New(engine.Default())
	for first := 0; first < n; first += 5000 {
		var batch []*store.User
		for i := first; i < min(n, first+5000); i++ {
			u := &store.User{PoolID: pool, Sub: uuid.NewString(), Username: user(i), UsernameKey: user(i), Status: "CONFIRMED", Enabled: true,
				Attributes: []store.Attribute{{Name: "email", Value: email(i)}, {Name: "email_verified", Value: "true"}}, CreatedAt: time.Now(), Updated: time.Now()}
			if i%step == 0 {
				r, err := hasher.NewRecord(ctx, password.SRP, nameOfPool(pool), u.Username, secret)
				if err != nil {
					return err
				}
				u.Password, u.PasswordAt = r.Encode(), time.Now()
			}
			batch = append(batch, u)
		}
		if err := db.Write(ctx, func(tx *store.Tx) error {
			for _, u := range batch {
				if err := store.InsertUser(tx, u); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return db.Close()
}

// filled is a server with a pool of n users.
type filled struct {
	*side
	process *process
	n, step int
}

// signable is how many users of a filled pool can sign in.
const signable = 2000

func (b *bench) startFilled(ctx context.Context, n int) (*filled, error) {
	folder := filepath.Join(b.folder, fmt.Sprintf("filled-%d", n))
	p, err := b.start(ctx, folder)
	if err != nil {
		return nil, err
	}
	f := &filled{side: &side{client: newClient(p.endpoint, b.workers)}, n: n, step: max(1, n/signable)}
	if err := f.makePools(ctx); err != nil {
		return nil, err
	}
	p.stop()
	if err := fill(ctx, folder, f.pool, n, f.step); err != nil {
		return nil, fmt.Errorf("fill a pool: %w", err)
	}
	if f.process, err = b.start(ctx, folder); err != nil {
		return nil, err
	}
	f.client = newClient(f.process.endpoint, b.workers)
	return f, nil
}

// find is ListUsers by one attribute, of a user at random.
func (f *filled) find(ctx context.Context) error {
	var out struct{ Users []struct{ Username string } }
	i := rand.IntN(f.n)
	err := f.call(ctx, userPools, "ListUsers", &root, map[string]any{"UserPoolId": f.pool, "Filter": `email = "` + email(i) + `"`}, &out)
	if err == nil && (len(out.Users) != 1 || out.Users[0].Username != user(i)) {
		err = fmt.Errorf("ListUsers found %v for %s", out.Users, email(i))
	}
	return err
}

func (f *filled) signInAny(ctx context.Context) error {
	_, err := f.signIn(ctx, user(rand.IntN(f.n/f.step)*f.step))
	return err
}

// scaleGoals compares a large pool with small ones: G7 and G9.
func (b *bench) scaleGoals(ctx context.Context) error {
	var by []*filled
	for _, n := range []int{b.scale, 1000, 100} {
		b.say("a pool of %d users", n)
		f, err := b.startFilled(ctx, n)
		if err != nil {
			return err
		}
		defer f.process.stop()
		by = append(by, f)
	}
	large := by[0]
	for _, c := range []struct {
		goal, what string
		small      *filled
		do         func(*filled, context.Context) error
		most       float64
	}{
		{"G7", "ListUsers by e-mail", by[1], (*filled).find, 2},
		{"G9", "password sign-in", by[2], (*filled).signInAny, 1.1},
	} {
		b.say("%s, %d users against %d", c.what, large.n, c.small.n)
		a, z, err := b.takeTurns(ctx,
			contender{[]*process{large.process}, func(ctx context.Context) error { return c.do(large, ctx) }},
			contender{[]*process{c.small.process}, func(ctx context.Context) error { return c.do(c.small, ctx) }})
		if err != nil {
			return err
		}
		r := ratio(a, z)
		b.report.add(goal{ID: c.goal, What: fmt.Sprintf("%s: cost at %d users / at %d", c.what, large.n, c.small.n), Goal: fmt.Sprintf("≤ %g", c.most),
			Measured: fmt.Sprintf("%.2f", r), Detail: fmt.Sprintf("%.0f µs against %.0f", a.CPU, z.CPU), Met: r <= c.most})
	}
	return nil
}
