package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// Whoever writes to a stream waits in its lane; one goroutine takes what waits
// and writes it in one transaction. So a stream has one transaction under way on
// a node, however many write to it, and nodes meet at a shard's row a few times a
// second and not a few thousand. A call is answered once its records are on disk.

const (
	laneBytes  = 4 << 20  // of a transaction; a single call may have more
	laneQueue  = 64 << 20 // of all lanes together; more is refused
	writeLimit = 10 * time.Second
)

// entry is a record on its way.
type entry struct {
	record
	hash hashKey
	// Where it was written:
	shard, sequence int64
}

// put is one call that waits. All its entries are written, or none.
type put struct {
	entries []entry
	size    int
	done    chan struct{} // closed when err is set
	err     error
}

type lane struct {
	region, name string
	waiting      []*put
}

type lanes struct {
	mu       sync.Mutex
	byStream map[string]*lane // by the stream's id: a lane is there while its goroutine runs
	bytes    int              // that wait or are being written
}

// errMoved says that a shard is closed or gone since the stream was read.
var errMoved = errors.New("kinesis: the shards of the stream have changed")

// errGone says that a stream is deleted; another one may have its name by now.
var errGone = errors.New("kinesis: the stream is gone")

// write writes entries to a stream, or to the one that has taken its name since it
// was read, and says in them where. When ctx ends first, it is not known whether
// they are written.
func (s *Service) write(ctx context.Context, st *stream, entries []entry) error {
	for {
		err := s.await(ctx, st, entries)
		if !errors.Is(err, errGone) {
			return err
		}
		now, err := s.refresh(ctx, st.Region, st.Name, s.DB.Generation())
		if err != nil {
			return err
		}
		if now.ID == st.ID || now.Status != active {
			return s.notFound(st.Name)
		}
		st = now
	}
}

// await puts entries into the stream's lane and waits until they are written.
func (s *Service) await(ctx context.Context, st *stream, entries []entry) error {
	p := &put{entries: entries, done: make(chan struct{})}
	for _, e := range entries {
		p.size += recordSize(e.record)
	}
	if !s.lanes.join(s, st, p) {
		return &kinesis.ProvisionedThroughputExceededException{Message: "Rate exceeded for shard " + shardID(st.holder(entries[0].hash).Number) + " in stream " + st.Name + " under account " + s.Account + "."}
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join puts a call into the stream's lane; false when too much waits.
func (l *lanes) join(s *Service, st *stream, p *put) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes > 0 && l.bytes+p.size > laneQueue {
		return false
	}
	l.bytes += p.size
	ln := l.byStream[st.ID]
	if ln == nil {
		ln = &lane{region: st.Region, name: st.Name}
		l.byStream[st.ID] = ln
		go s.run(st.ID, ln)
	}
	ln.waiting = append(ln.waiting, p)
	return true
}

// take is what the next transaction writes; none ends the lane.
func (l *lanes) take(streamID string, ln *lane) []*put {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(ln.waiting) && (n == 0 || size+ln.waiting[n].size <= laneBytes) {
		size += ln.waiting[n].size
		n++
	}
	if n == 0 {
		delete(l.byStream, streamID)
	}
	taken := slices.Clone(ln.waiting[:n])
	ln.waiting = slices.Delete(ln.waiting, 0, n)
	return taken
}

func (l *lanes) leave(puts []*put) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range puts {
		l.bytes -= p.size
	}
}

// run is the goroutine of a lane.
func (s *Service) run(streamID string, ln *lane) {
	for {
		puts := s.lanes.take(streamID, ln)
		if len(puts) == 0 {
			return
		}
		err := s.flush(streamID, ln, puts)
		s.lanes.leave(puts)
		for _, p := range puts {
			p.err = err
			close(p.done)
		}
	}
}

// flush writes calls to the shards that are open now.
func (s *Service) flush(streamID string, ln *lane, puts []*put) (err error) {
	defer func() {
		if p := recover(); p != nil { // on this goroutine it would end the process
			err = fmt.Errorf("kinesis: writing records panicked: %v", p)
			s.Log.Error("writing records panicked", slog.Any("panic", p))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	st, err := s.lookUp(ctx, ln.region, ln.name)
	if err == nil && st.ID != streamID { // the cache may be behind the caller
		st, err = s.refresh(ctx, ln.region, ln.name, s.DB.Generation())
	}
	for ; err == nil; st, err = s.refresh(ctx, ln.region, ln.name, s.DB.Generation()) {
		if st.ID != streamID || st.Status != active || len(st.open) == 0 {
			return errGone
		}
		byShard := map[int64][]*entry{}
		for _, p := range puts {
			for i := range p.entries {
				e := &p.entries[i]
				e.shard = st.holder(e.hash).Number
				byShard[e.shard] = append(byShard[e.shard], e)
			}
		}
		err = s.DB.Write(ctx, func(tx *store.Tx) error {
			for _, shard := range slices.Sorted(maps.Keys(byShard)) { // in one order, so that two nodes do not wait for each other
				if err := appendTo(tx, streamID, shard, byShard[shard]); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return err
}

// appendTo writes entries to a shard in rows.
func appendTo(tx *store.Tx, streamID string, shard int64, entries []*entry) error {
	last, at, err := store.TakeSequences(tx, streamID, shard, len(entries))
	if errors.Is(err, store.ErrNotFound) {
		return errMoved
	}
	if err != nil {
		return err
	}
	next := last - int64(len(entries)) + 1
	batch := &store.RecordBatch{StreamID: streamID, Shard: shard, First: next, ArrivedAt: at}
	for i, e := range entries {
		e.sequence = next
		batch.Last = next
		batch.Data = appendRecord(batch.Data, e.record)
		next++
		if i+1 < len(entries) && len(batch.Data)+recordSize(entries[i+1].record) <= rowSize {
			continue
		}
		if err := store.InsertRecords(tx, batch); err != nil {
			return err
		}
		batch.First, batch.Data = next, batch.Data[:0]
	}
	return nil
}
