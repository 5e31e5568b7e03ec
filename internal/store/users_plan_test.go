package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// crowd puts n users into a pool. All but two are confirmed, all but one are
// enabled, and half of them have one family name.
func crowd(t testing.TB, db *store.DB, pool string, n int) {
	t.Helper()
	for first := 0; first < n; first += 5000 {
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			for i := first; i < min(n, first+5000); i++ {
				u := &store.User{PoolID: pool, Sub: fmt.Sprintf("%08x", uint32(i)*2654435761), Username: crowdName(i), UsernameKey: crowdName(i), Status: "CONFIRMED", Enabled: i != 7,
					CreatedAt: time.Unix(0, 0), Updated: time.Unix(0, 0), Attributes: []store.Attribute{{Name: "email", Value: crowdName(i) + "@example.com"},
						{Name: "phone_number", Value: fmt.Sprintf("+1555%07d", i)}, {Name: "family_name", Value: []string{"Smith", "Smythe"}[i%2]}}}
				if i == 5 || i == 6 {
					u.Status = "RESET_REQUIRED"
				}
				if err := store.InsertUser(tx, u); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func crowdName(i int) string { return fmt.Sprintf("user%07d", i) }

// search is a page of 60 of a crowd by a filter, and how many users are on it.
type search struct {
	name   string
	filter store.UserFilter
	deep   bool   // the page half-way through all that fit, in place of the first
	sqlite string // the columns that SQLite looks up in the index, after the pool's
	want   int    // -1 where it depends on the subs
}

func searches() []search {
	return []search{
		{"email", store.UserFilter{Name: "email", Value: crowdName(123) + "@example.com"}, false, "name=? AND value=?", 1},
		{"phone_number", store.UserFilter{Name: "phone_number", Value: "+15550000123"}, false, "name=? AND value=?", 1},
		{"username", store.UserFilter{Name: "username", Value: crowdName(123)}, false, "username_key=?", 1},
		{"sub", store.UserFilter{Name: "sub", Value: fmt.Sprintf("%08x", 123*2654435761&0xffffffff)}, false, "sub=?", 1},
		{"nobody", store.UserFilter{Name: "email", Value: "nobody@example.com"}, false, "name=? AND value=?", 0},
		{"email ^=", store.UserFilter{Name: "email", Value: "user000012", Prefix: true}, false, "name=? AND value>? AND value<?", 10},
		{"username ^=", store.UserFilter{Name: "username", Value: "user000012", Prefix: true}, false, "username_key>? AND username_key<?", 10},
		{"sub ^=", store.UserFilter{Name: "sub", Value: "0", Prefix: true}, false, "sub>? AND sub<?", -1},
		{"many of one name", store.UserFilter{Name: "family_name", Value: "Smythe"}, true, "name=? AND value=? AND sub>?", 60},
		{"many of a prefix", store.UserFilter{Name: "family_name", Value: "Sm", Prefix: true}, true, "name=? AND (value,sub)>(?,?) AND value<?", 60},
		{"deep, username ^=", store.UserFilter{Name: "username", Value: "user", Prefix: true}, true, "username_key>? AND username_key<?", 60},
		{"deep, sub ^=", store.UserFilter{Name: "sub", Prefix: true}, true, "sub>? AND sub<?", 60},
		{"deep, all", store.UserFilter{}, true, "sub>?", 60},
		{"rare status", store.UserFilter{Name: "status", Value: "RESET_REQUIRED"}, false, "status=?", 2},
		{"rare status ^=", store.UserFilter{Name: "status", Value: "RE", Prefix: true}, false, "status>? AND status<?", 2},
		{"deep, status", store.UserFilter{Name: "status", Value: "CONFIRMED"}, true, "status=? AND sub>?", 60},
		{"deep, status ^=", store.UserFilter{Name: "status", Value: "CON", Prefix: true}, true, "(status,sub)>(?,?) AND status<?", 60},
		{"disabled", store.UserFilter{Name: "enabled", Value: "false"}, false, "", 1},
		{"deep, enabled", store.UserFilter{Name: "enabled", Value: "true"}, true, "sub>?", 60},
	}
}

// position is where the page of a search begins: found by going there.
func position(t testing.TB, db *store.DB, pool string, s search, n int) (key, sub string) {
	t.Helper()
	if !s.deep {
		return "", ""
	}
	if err := db.Read(context.Background(), func(tx *store.Tx) error {
		list, err := store.Users(tx, pool, s.filter, "", "", n)
		if err != nil {
			return err
		}
		u := list[len(list)/2]
		key, sub = s.filter.Key(u), u.Sub
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return key, sub
}

var lowerBound = regexp.MustCompile(`(\S+) >=? `)

// TestUsers_cost holds ListUsers to the cost of what it answers: each filter and
// each page, however deep, is a range of an index, in a pool of 20,000 as in one
// of 200. It looks at the databases' plans and at the pages that PostgreSQL
// reads, not at a clock.
func TestUsers_cost(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		db := storetest.OpenConfig(t, c)
		const large, small = 20_000, 200
		crowd(t, db, "large", large)
		crowd(t, db, "small", small)
		postgres := c.URL != ""
		if postgres {
			if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec("analyze"); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range searches() {
			key, sub := position(t, db, "large", s, large)
			if s.want >= 0 {
				if err := db.Read(t.Context(), func(tx *store.Tx) error {
					list, err := store.Users(tx, "large", s.filter, key, sub, 60)
					if err == nil && len(list) != s.want {
						t.Errorf("%s: found %d users, want %d", s.name, len(list), s.want)
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			text, args := store.UsersQuery("large", s.filter, key, sub, 60)
			if !postgres {
				plan := sqlitePlan(t, db, text, args)
				index, _, _ := strings.Cut(plan, "\n")
				_, columns, _ := strings.Cut(strings.TrimSuffix(index, ")"), "(pool_id=?")
				if strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") || strings.TrimPrefix(columns, " AND ") != s.sqlite ||
					s.name == "disabled" && !strings.Contains(index, "users_disabled") {
					t.Errorf("%s: want a look-up of %q without a scan or a sort:\n%s%s", s.name, s.sqlite, plan, text)
				}
				// The plan does not show which of two lower bounds it begins at.
				bounds := map[string]bool{}
				for _, m := range lowerBound.FindAllStringSubmatch(text, -1) {
					if bounds[m[1]] {
						t.Errorf("%s: %s has two lower bounds:\n%s", s.name, m[1], text)
					}
					bounds[m[1]] = true
				}
				continue
			}
			big := postgresPages(t, db, text, args)
			key, sub = position(t, db, "small", s, small)
			text, args = store.UsersQuery("small", s.filter, key, sub, 60)
			if little := postgresPages(t, db, text, args); big > 3*little+30 {
				t.Errorf("%s: reads %d pages in a pool of %d, %d in one of %d\n%s", s.name, big, large, little, small, text)
			}
		}
	})
}

// sqlitePlan is how SQLite goes about a statement, a step a line.
func sqlitePlan(t *testing.T, db *store.DB, text string, args []any) (plan string) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query("explain query plan "+text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			plan += step + "\n"
		}
		return rows.Err()
	}); err != nil {
		t.Fatal(err)
	}
	return plan
}

// postgresPages is how many pages PostgreSQL read for a statement, in memory or
// on the disk.
func postgresPages(t *testing.T, db *store.DB, text string, args []any) int {
	t.Helper()
	var lines []string
	if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
		lines, err = store.Strings(tx, "explain (analyze, buffers, timing off, format json) "+text, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var plans []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal([]byte(strings.Join(lines, "\n")), &plans); err != nil || len(plans) != 1 {
		t.Fatalf("%v in %s", err, lines)
	}
	return plans[0].Plan.Hit + plans[0].Plan.Read
}
