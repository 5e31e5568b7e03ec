package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrBusy says that more arithmetic was asked for than is taken on. Nothing was
// computed, and the same call may succeed later.
var ErrBusy = errors.New("engine: busy")

// A Gate bounds how much arithmetic is done at once. Without one, a flood of
// sign-ins is a thousand goroutines that all could run, and whoever wants
// little waits behind them. At a gate they wait asleep; who would wait too long
// is turned away at once. A nil Gate lets everybody in.
type Gate struct {
	places chan struct{} // full: all are computing
	line   chan struct{} // full: too many wait
	wait   time.Duration
}

// NewGate makes a gate with room for so many at once, and so many who wait, for
// at most so long.
func NewGate(places, line int, wait time.Duration) *Gate {
	return &Gate{make(chan struct{}, places), make(chan struct{}, line), wait}
}

// Enter takes a place; give it back with Leave. An error is ErrBusy, also when
// ctx ends first: then nobody reads the answer.
func (g *Gate) Enter(ctx context.Context) error {
	if g == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	select {
	case g.line <- struct{}{}:
		defer func() { <-g.line }()
	default:
		return fmt.Errorf("%w: too many wait", ErrBusy)
	}
	patience := time.NewTimer(g.wait)
	defer patience.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-patience.C:
		return fmt.Errorf("%w: no place within %v", ErrBusy, g.wait)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// Leave gives a place back.
func (g *Gate) Leave() {
	if g != nil {
		<-g.places
	}
}
