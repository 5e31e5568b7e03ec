package pool

import (
	"cmp"
	"slices"

	"gatehouse/internal/store"
)

// MaxGroups is how many groups a user can be in.
const MaxGroups = 100

// Groups are the groups of a user and what they give, as tokens say it
// (user-pools.md, section 8).
type Groups struct {
	Names         []string // by precedence, then by name
	Roles         []string // each once, in the order of Names
	PreferredRole string   // of the lowest precedence; empty when two roles tie
}

// GroupsOf reads the groups of a user.
func (p *Pool) GroupsOf(tx *store.Tx, u *store.User) (Groups, error) {
	if !p.HasGroups {
		return Groups{}, nil
	}
	list, err := store.GroupsOfUser(tx, p.ID, u.Sub, "", MaxGroups)
	if err != nil {
		return Groups{}, err
	}
	return rank(list), nil
}

// rank orders groups and finds the preferred role: of the groups that have a
// role those with the lowest precedence decide, if they agree.
func rank(list []*store.Group) (g Groups) {
	slices.SortStableFunc(list, func(a, b *store.Group) int {
		switch {
		case a.Precedence == nil && b.Precedence == nil:
			return cmp.Compare(a.Name, b.Name)
		case a.Precedence == nil:
			return 1
		case b.Precedence == nil:
			return -1
		}
		return cmp.Or(cmp.Compare(*a.Precedence, *b.Precedence), cmp.Compare(a.Name, b.Name))
	})
	var best *store.Group
	tie := false
	for _, x := range list {
		g.Names = append(g.Names, x.Name)
		if x.RoleARN == "" {
			continue
		}
		if !slices.Contains(g.Roles, x.RoleARN) {
			g.Roles = append(g.Roles, x.RoleARN)
		}
		switch {
		case best == nil:
			best = x
		case samePrecedence(best, x) && best.RoleARN != x.RoleARN:
			tie = true
		}
	}
	if best != nil && !tie {
		g.PreferredRole = best.RoleARN
	}
	return g
}

func samePrecedence(a, b *store.Group) bool {
	if a.Precedence == nil || b.Precedence == nil {
		return a.Precedence == b.Precedence
	}
	return *a.Precedence == *b.Precedence
}
