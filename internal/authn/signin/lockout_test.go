package signin

import (
	"testing"
	"time"

	"gatehouse/internal/store"
)

// guess plays one wrong password at a time and reports whether it was looked at.
func guess(c *store.FailureCounter, now time.Time) bool {
	if locked(*c, now) {
		return false
	}
	*c = failed(*c, now)
	return true
}

// TestLock_backOff is the table of auth-flows.md, section 11: the fifth failure
// locks for a second, each further one for twice as long, up to 15 minutes.
func TestLock_backOff(t *testing.T) {
	now := time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC)
	var c store.FailureCounter
	for n := 1; n <= 4; n++ {
		if !guess(&c, now) || locked(c, now) {
			t.Fatalf("failure %d must not lock", n)
		}
	}
	for n := 5; n <= 15; n++ { // after the longest lock the failures are forgotten
		if !guess(&c, now) {
			t.Fatalf("failure %d was not looked at", n)
		}
		lock := min(time.Second<<(n-5), 15*time.Minute)
		if !locked(c, now.Add(lock-time.Millisecond)) {
			t.Fatalf("after %d failures the lock must last %v", n, lock)
		}
		if locked(c, now.Add(lock)) {
			t.Fatalf("after %d failures the lock must end after %v", n, lock)
		}
		if before := c; guess(&c, now.Add(lock/2)) || c != before {
			t.Fatalf("a try while locked must not count")
		}
		now = now.Add(lock)
	}
}

func TestLock_quietMinutesForget(t *testing.T) {
	now := time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC)
	var c store.FailureCounter
	for range 5 {
		guess(&c, now)
	}
	later := now.Add(15 * time.Minute)
	if locked(c, later) || current(c, later).Failures != 0 {
		t.Error("fifteen quiet minutes must forget the failures")
	}
}

// TestLock_day: the most patient guesser gets fewer than 100 guesses a day
// (promises.md, U1).
func TestLock_day(t *testing.T) {
	start := time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC)
	for _, pause := range []time.Duration{100 * time.Millisecond, time.Second, 15 * time.Minute, 20 * time.Minute} {
		var c store.FailureCounter
		guesses := 0
		burst := 0
		for now := start; now.Before(start.Add(24 * time.Hour)); {
			if guess(&c, now) {
				guesses++
				if burst++; burst < 5 {
					continue // five at once, then the pause
				}
			}
			burst = 0
			now = now.Add(pause)
		}
		if guesses > 100 {
			t.Errorf("with pauses of %v: %d guesses in a day", pause, guesses)
		}
	}
}

// TestLock_clockBack: a clock that jumps back opens nothing (promises.md, D6).
func TestLock_clockBack(t *testing.T) {
	now := time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC)
	var c store.FailureCounter
	for range 8 {
		now = now.Add(10 * time.Second)
		guess(&c, now)
	}
	if !locked(c, now) || !locked(c, now.Add(-time.Hour)) || !locked(c, now.Add(-48*time.Hour)) {
		t.Error("the lock must hold when the clock jumps back")
	}
}
