package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Group commit. An fsync costs as much as a hundred small writes, and SQLite
// has one writer at a time anyway. So one goroutine owns the writing
// connection: it takes whatever functions are waiting, runs each inside a
// SAVEPOINT of one transaction, commits once, and only then answers them all.
// While it waits for the disk, the next group gathers.
//
// A function that fails is rolled back to its savepoint and the others are
// not touched. It too is answered after the commit: its reason ("already
// spent") may rest on a neighbour's write, which is not true until it is on disk.

const (
	queueLimit = 1024            // functions waiting; more answer ErrBusy
	queueWait  = 2 * time.Second // how long a call waits for a place in the queue
	groupLimit = 256             // functions in a commit
)

type request struct {
	ctx   context.Context
	fn    func(*Tx) error
	state atomic.Int32 // waiting, then taken by the writer or left by the caller
	err   error        // set before done is closed
	done  chan struct{}
	gen   uint64 // of the configuration, if fn changed it

	behind bool // from WriteBehind: nobody waits for done
}

const (
	waiting = iota
	taken
	left
)

type writer struct {
	s       *sqlite
	queue   chan *request
	wakeup  chan struct{} // something is in db.behind
	stop    chan struct{} // closed by close
	stopped chan struct{} // closed when the loop has ended for good
	c       *conn         // nil until needed, and after a failure
	group   []*request    // run in the open transaction
}

func (s *sqlite) write(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case <-s.w.stop:
		return kind(ErrUnavailable, errors.New("store: closed"))
	default:
	}
	select {
	case s.w.queue <- r:
	default:
		full := time.NewTimer(queueWait)
		defer full.Stop()
		select {
		case s.w.queue <- r:
		case <-full.C:
			return kind(ErrBusy, errors.New("too many writes are waiting"))
		case <-ctx.Done():
			return kind(ErrBusy, ctx.Err())
		case <-s.w.stopped:
			return kind(ErrUnavailable, errors.New("store: closed"))
		}
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, left) {
			return ctx.Err()
		}
		<-r.done // it runs now, and its outcome is known soon
	case <-s.w.stopped:
		if r.state.CompareAndSwap(waiting, left) {
			return kind(ErrUnavailable, errors.New("store: closed"))
		}
		<-r.done
	}
	var p *panicked
	if errors.As(r.err, &p) {
		panic(p)
	}
	return r.err
}

func (s *sqlite) wake() {
	time.AfterFunc(behindDelay, func() {
		select {
		case s.w.wakeup <- struct{}{}:
		default: // somebody woke it already
		}
	})
}

// flush has Writes of nothing, each of which takes a batch of the queue along.
func (s *sqlite) flush(ctx context.Context) error {
	for range s.db.behind.len()/behindBatch + 1 {
		if err := s.write(ctx, func(*Tx) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// loop is the writer's goroutine.
func (w *writer) loop() {
	over := false
	defer func() {
		// A function called Goexit, which ends this goroutine: answer the group
		// it was in, and let another goroutine go on.
		if !over {
			w.abandon(kind(ErrUnavailable, errGoexit))
			go w.loop()
		}
	}()
	for {
		select {
		case r := <-w.queue:
			w.commitGroup(r)
		case <-w.wakeup:
			w.commitGroup(nil)
		case <-w.stop:
			w.drain()
			over = true
			close(w.stopped)
			return
		}
	}
}

// drain commits what is left when the store closes.
func (w *writer) drain() {
	for {
		select {
		case r := <-w.queue:
			w.commitGroup(r)
			continue
		default:
		}
		before := w.s.db.behind.len()
		if before == 0 {
			break
		}
		w.commitGroup(nil)
		if w.s.db.behind.len() >= before {
			break // the database is away; what was queued is lost, as announced
		}
	}
	if w.c != nil {
		w.c.close()
		w.c = nil
	}
}

// commitGroup runs first and whatever else is waiting, and commits.
func (w *writer) commitGroup(first *request) {
	if first != nil {
		w.group = append(w.group[:0], first)
	}
	if err := w.begin(); err != nil {
		w.abandon(err)
		if w.s.db.behind.len() > 0 {
			w.s.wake()
		}
		return
	}
	w.group = w.group[:0]
	if first != nil && !w.runRequest(first) {
		return
	}
more:
	for len(w.group) < groupLimit {
		select {
		case r := <-w.queue:
			if !w.runRequest(r) {
				return
			}
		default:
			break more
		}
	}
	for _, fn := range w.s.db.behind.pop(behindBatch) {
		if !w.runRequest(&request{ctx: context.Background(), fn: fn, behind: true, done: make(chan struct{})}) {
			return
		}
	}
	if _, err := w.c.exec("commit", nil); err != nil {
		w.abandon(kind(ErrUnavailable, err))
		return
	}
	w.s.db.stats.commits.Add(1)
	for _, r := range w.group {
		if r.err == nil && r.gen != 0 {
			w.s.db.learnGeneration(r.gen)
		}
	}
	w.answer()
	if w.s.db.behind.len() > 0 {
		w.s.wake()
	}
}

func (w *writer) begin() error {
	if w.c == nil {
		c, err := newConn(context.Background(), w.s.writeDB)
		if err != nil {
			return kind(ErrUnavailable, err)
		}
		w.c = c
	}
	_, err := w.c.exec("begin immediate", nil)
	return err
}

// runRequest runs a function in the open transaction. It reports false when
// the transaction itself is gone; then everybody has been answered.
func (w *writer) runRequest(r *request) bool {
	if !r.state.CompareAndSwap(waiting, taken) {
		return true
	}
	w.group = append(w.group, r)
	if _, err := w.c.exec("savepoint one", nil); err != nil {
		w.abandon(kind(ErrUnavailable, err))
		return false
	}
	tx := &Tx{Now: w.s.db.c.Now(), ctx: r.ctx, q: w.c, ring: w.s.db.c.Ring}
	r.err = call(tx, r.fn)
	r.gen = tx.generation
	if r.err != nil {
		// A full disk, or an I/O error, makes SQLite take back the whole
		// transaction, and with it the savepoint.
		if _, err := w.c.exec("rollback to one", nil); err != nil {
			w.abandon(kind(ErrUnavailable, r.err))
			return false
		}
	}
	if _, err := w.c.exec("release one", nil); err != nil {
		w.abandon(kind(ErrUnavailable, err))
		return false
	}
	return true
}

// abandon gives the transaction and its connection up and answers everybody in
// the group: what they wrote is not there, or not known to be.
func (w *writer) abandon(err error) {
	if w.c != nil {
		w.c.exec("rollback", nil)
		w.c.close()
		w.c = nil
	}
	for _, r := range w.group {
		var p *panicked
		if !errors.As(r.err, &p) {
			r.err = err
		}
	}
	w.answer()
}

func (w *writer) answer() {
	for _, r := range w.group { // before anybody looks at the counters
		if r.behind && r.err != nil {
			w.s.db.behindFailed(r.err)
		}
	}
	for i, r := range w.group {
		close(r.done)
		w.group[i] = nil
	}
	w.group = w.group[:0]
}
