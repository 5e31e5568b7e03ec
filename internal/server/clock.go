package server

import (
	"sync/atomic"
	"time"
)

// Clock is the server's time: the machine's, moved forward by what tests ask
// for (contract.md: POST clock). It never moves back.
type Clock struct{ ahead atomic.Int64 }

// Now is the time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	if d > 0 {
		c.ahead.Add(int64(d))
	}
}
