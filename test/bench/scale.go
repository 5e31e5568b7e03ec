package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/authn/password"
	"gatehouse/internal/engine"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// fill puts n users into the pool of a server that is stopped, past the API:
// a million sign-ups would take longer than everything else. Every step-th user
// can sign in, and these users' subs are returned; the others have no password.
func fill(ctx context.Context, folder, pool string, n, step int) (subs []string, err error) {
	ring, err := seal.Open(seal.Config{File: filepath.Join(folder, "keyring.json"), Now: time.Now})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{Dir: folder, Ring: ring, Now: time.Now})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	hasher := password.New(engine.Default(), nil)
	for first := 0; first < n; first += 5000 {
		var batch []*store.User
		for i := first; i < min(n, first+5000); i++ {
			u := &store.User{PoolID: pool, Sub: uuid.NewString(), Username: user(i), UsernameKey: user(i), Status: "CONFIRMED", Enabled: true,
				Attributes: []store.Attribute{{Name: "email", Value: email(i)}, {Name: "email_verified", Value: "true"}, {Name: "phone_number", Value: phone(i)},
					{Name: "family_name", Value: family(i)}}, CreatedAt: time.Now(), Updated: time.Now()}
			if i%step == 0 {
				subs = append(subs, u.Sub)
				r, err := hasher.NewRecord(ctx, password.SRP, nameOfPool(pool), u.Username, secret)
				if err != nil {
					return nil, err
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
			return nil, err
		}
	}
	return subs, db.Close()
}

func phone(i int) string { return fmt.Sprintf("+1555%07d", i) }

// family is one of two names, which everybody has one of.
func family(i int) string { return []string{"Smith", "Smythe"}[i%2] }

// filled is a server with a pool of n users.
type filled struct {
	*side
	process *process
	n, step int
	subs    []string // of every step-th user

	once sync.Once
	deep string // token of the last whole page of the pool
	err  error
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
	if f.subs, err = fill(ctx, folder, f.pool, n, f.step); err != nil {
		return nil, fmt.Errorf("fill a pool: %w", err)
	}
	if f.process, err = b.start(ctx, folder); err != nil {
		return nil, err
	}
	f.client = newClient(f.process.endpoint, b.workers)
	f.made.Store(int64(n)) // the users that G8 makes have names of their own
	return f, nil
}

// listed is an answer of ListUsers.
type listed struct {
	Users           []struct{ Username string }
	PaginationToken string
}

func (f *filled) list(ctx context.Context, filter, token string) (out listed, err error) {
	in := map[string]any{"UserPoolId": f.pool}
	if filter != "" {
		in["Filter"] = filter
	}
	if token != "" {
		in["PaginationToken"] = token
	}
	err = f.call(ctx, userPools, "ListUsers", &root, in, &out)
	return out, err
}

// find is ListUsers by a filter that fits the user i alone.
func (f *filled) find(ctx context.Context, i int, filter string) error {
	out, err := f.list(ctx, filter, "")
	if err == nil && (len(out.Users) != 1 || out.Users[0].Username != user(i)) {
		err = fmt.Errorf("ListUsers found %v for %s", out.Users, filter)
	}
	return err
}

func (f *filled) byEmail(ctx context.Context) error {
	i := rand.IntN(f.n)
	return f.find(ctx, i, `email = "`+email(i)+`"`)
}

func (f *filled) byPhone(ctx context.Context) error {
	i := rand.IntN(f.n)
	return f.find(ctx, i, `phone_number = "`+phone(i)+`"`)
}

func (f *filled) byName(ctx context.Context) error {
	i := rand.IntN(f.n)
	return f.find(ctx, i, `username = "`+user(i)+`"`)
}

func (f *filled) bySub(ctx context.Context) error {
	i := rand.IntN(len(f.subs))
	return f.find(ctx, i*f.step, `sub = "`+f.subs[i]+`"`)
}

// byPrefix is ListUsers of the ten users whose e-mail addresses begin alike.
func (f *filled) byPrefix(ctx context.Context) error {
	i := rand.IntN(f.n)
	filter := `email ^= "` + user(i)[:len(user(i))-1] + `"`
	out, err := f.list(ctx, filter, "")
	if err == nil && len(out.Users) != 10 {
		err = fmt.Errorf("ListUsers found %d users for %s", len(out.Users), filter)
	}
	return err
}

// byFamily is the first page of very many who fit.
func (f *filled) byFamily(ctx context.Context) error {
	return wholePage(f.list(ctx, `family_name ^= "Sm"`, ""))
}

// deepPage is the last whole page of all users. The first call finds the way
// there, page by page, and fails when a user is shown twice or not at all.
func (f *filled) deepPage(ctx context.Context) error {
	f.once.Do(func() { f.deep, f.err = f.walk(ctx) })
	if f.err != nil {
		return f.err
	}
	return wholePage(f.list(ctx, "", f.deep))
}

func (f *filled) walk(ctx context.Context) (deep string, err error) {
	seen := make(map[string]bool, f.n)
	for token, before := "", ""; ; {
		out, err := f.list(ctx, "", token)
		if err != nil {
			return "", err
		}
		for _, u := range out.Users {
			seen[u.Username] = true
		}
		if len(out.Users) == pageSize {
			before = token
		}
		if token = out.PaginationToken; token == "" {
			deep = before
			break
		}
	}
	if len(seen) != f.n {
		return "", fmt.Errorf("the pages of a pool of %d users show %d", f.n, len(seen))
	}
	return deep, nil
}

// pageSize is the most that ListUsers shows at once.
const pageSize = 60

func wholePage(out listed, err error) error {
	if err == nil && len(out.Users) != pageSize {
		err = fmt.Errorf("ListUsers shows %d users on a page of %d", len(out.Users), pageSize)
	}
	return err
}

func (f *filled) signInAny(ctx context.Context) error {
	_, err := f.signIn(ctx, user(rand.IntN(f.n/f.step)*f.step))
	return err
}

// scaleGoals compares a large pool with small ones: G7, G9, and G8 in a pool
// that is large already.
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
		{"G7", "ListUsers by e-mail", by[1], (*filled).byEmail, 2},
		{"G7", "ListUsers by phone", by[1], (*filled).byPhone, 2},
		{"G7", "ListUsers by username", by[1], (*filled).byName, 2},
		{"G7", "ListUsers by sub", by[1], (*filled).bySub, 2},
		{"G7", "ListUsers by a prefix that ten have", by[1], (*filled).byPrefix, 2},
		{"G7", "ListUsers by a prefix that all have", by[1], (*filled).byFamily, 2},
		{"G7", "ListUsers, the last whole page", by[1], (*filled).deepPage, 2},
		{"G9", "password sign-in", by[2], (*filled).signInAny, 1.1},
		{"G8", "create user with password", by[1], (*filled).create, 2}, // last: the small pool grows
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
			Measured: fmt.Sprintf("%.2f", r), Detail: fmt.Sprintf("CPU %.0f µs against %.0f, p50 %.1f ms against %.1f", a.CPU, z.CPU, a.P50, z.P50), Met: r <= c.most})
		if g := flowGoals["create"]; c.goal == g.id {
			b.report.add(goal{ID: g.id, What: fmt.Sprintf("%s, with %d users", g.what, large.n), Goal: fmt.Sprintf("≥ %.0f/s", g.rate), Measured: fmt.Sprintf("%.0f/s", a.Rate),
				Detail: fmt.Sprintf("with %d: %.0f/s", c.small.n, z.Rate), Met: a.Rate >= g.rate})
		}
	}
	return nil
}
