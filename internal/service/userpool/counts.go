package userpool

import (
	"context"
	"sync"
	"time"

	"gatehouse/internal/store"
)

// userCounts remembers how many users pools have, for DescribeUserPool, which
// calls its figure an estimate (AWS's is hours old). Counting reads an index
// row for every user, which would make the operation cost what the pool is
// large.
//
// A count is used again until this node adds or removes a user, for five
// seconds at most, because other nodes may. One that took long is used again
// for a hundred times as long as it took, whatever happens: counting takes a
// hundredth of a processor then, in the largest pool and the busiest minute.
type userCounts struct {
	mu      sync.Mutex
	pools   map[string]userCount
	changes uint64 // users added and removed here, in any pool
}

type userCount struct {
	n       int
	changes uint64 // when counting began
	at      time.Time
	took    time.Duration
}

const (
	countLife = 5 * time.Second
	longCount = time.Millisecond
)

// of is the number of users of a pool.
func (c *userCounts) of(ctx context.Context, s *Service, poolID string) (int, error) {
	now := s.Now()
	c.mu.Lock()
	known, ok := c.pools[poolID]
	changes := c.changes
	c.mu.Unlock()
	age := now.Sub(known.at)
	if ok && (known.changes == changes && age < countLife || known.took >= longCount && age < 100*known.took) {
		return known.n, nil
	}
	fresh := userCount{changes: changes}
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		fresh.n, err = store.CountUsers(tx, poolID)
		return err
	})
	if err != nil {
		return 0, err
	}
	fresh.at = s.Now()
	fresh.took = fresh.at.Sub(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pools == nil || len(c.pools) >= maxCounts {
		c.pools = map[string]userCount{}
	}
	c.pools[poolID] = fresh
	return fresh.n, nil
}

// maxCounts bounds the memory; a full one is begun anew.
const maxCounts = 10_000

// changed says that users were added or removed and the change is committed.
func (c *userCounts) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
}
