package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operation is one operation of a flow, one or more requests.
type operation func(ctx context.Context) error

// turn is what one process did in one turn.
type turn struct {
	operations int
	took       time.Duration
	cpu        time.Duration // of the process
	latencies  []time.Duration
}

func (t *turn) cpuEach() float64 { return float64(t.cpu.Microseconds()) / float64(t.operations) }

func (t *turn) rate() float64 { return float64(t.operations) / t.took.Seconds() }

// load has workers repeat an operation for so long. An operation in progress
// at the end is finished and counted. The first error ends the turn: a figure
// over requests that failed would mean nothing.
func load(ctx context.Context, on []*process, workers int, length time.Duration, do operation) (*turn, error) {
	before, err := cpuOf(on)
	if err != nil {
		return nil, err
	}
	var failed atomic.Pointer[error]
	parts := make([][]time.Duration, workers)
	begin := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for failed.Load() == nil {
				start := time.Now()
				if start.Sub(begin) >= length {
					return
				}
				if err := do(ctx); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				parts[w] = append(parts[w], time.Since(start))
			}
		})
	}
	wg.Wait()
	t := &turn{took: time.Since(begin)}
	if e := failed.Load(); e != nil {
		return nil, *e
	}
	after, err := cpuOf(on)
	if err != nil {
		return nil, err
	}
	t.cpu, t.latencies = after-before, slices.Concat(parts...)
	t.operations = len(t.latencies)
	if t.operations == 0 {
		return nil, fmt.Errorf("no operation ended within %v", length)
	}
	return t, nil
}

func cpuOf(on []*process) (sum time.Duration, err error) {
	for _, p := range on {
		used, err := p.cpu()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// measured sums up the turns of one side.
type measured struct {
	Rate    float64 `json:"operations_per_second"`
	CPU     float64 `json:"cpu_microseconds_each"`
	P50     float64 `json:"p50_milliseconds"`
	P99     float64 `json:"p99_milliseconds"`
	samples []float64
}

func summary(turns []*turn) measured {
	var m measured
	var all []time.Duration
	var rates []float64
	for _, t := range turns {
		all = append(all, t.latencies...)
		rates = append(rates, t.rate())
		m.samples = append(m.samples, t.cpuEach())
	}
	slices.Sort(all)
	at := func(q float64) float64 {
		return float64(all[min(len(all)-1, int(q*float64(len(all))))].Microseconds()) / 1000
	}
	m.Rate, m.CPU, m.P50, m.P99 = median(rates), median(m.samples), at(.5), at(.99)
	return m
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// ratio is the median over the rounds of a's cost against b's: neighbours in
// time are compared, so that what the machine does beside cancels out.
func ratio(a, b measured) float64 {
	var r []float64
	for i := range min(len(a.samples), len(b.samples)) {
		r = append(r, a.samples[i]/b.samples[i])
	}
	return median(r)
}
