// Package kinesis is Kinesis Data Streams: records by partition key in shards,
// read in the order in which they were written.
//
// What a newcomer gets wrong: a record is not a row. What waits to be written to
// a stream is written together, and what falls to one shard is one sealed row
// of the store (batch.go); a sequence number is given by the row of its shard,
// in the transaction that writes the record, so that numbers and order agree on
// all nodes.
package kinesis

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/arn"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
)

// Config is what a Service needs.
type Config struct {
	DB      *store.DB
	Ring    *seal.Ring // seals iterators and page tokens
	Account string     // 12 digits
	Region  string     // of callers whose request names none
	// Upstreams are the streams that live elsewhere, by their names here, in every
	// region. Adopt has looked that none of them is kept here.
	Upstreams map[string]*Upstream
	Now       func() time.Time
	Log       *slog.Logger
}

// Service implements kinesis.API.
type Service struct {
	kinesis.Unimplemented
	Config
	cache   cache
	lanes   lanes
	byMark  map[mark]*Upstream
	deleted chan struct{} // a stream is to be deleted: see Run
}

// New returns the service. Run does what it leaves for later.
func New(c Config) *Service {
	s := &Service{Config: c, deleted: make(chan struct{}, 1)}
	s.lanes.byStream = map[string]*lane{}
	s.markUpstreams()
	return s
}

func invalid(message string) error { return &kinesis.InvalidArgumentException{Message: message} }

// region is the one that the request was signed for: streams are of a region.
func (s *Service) region(ctx context.Context) string {
	if c := access.FromContext(ctx); c != nil && len(c.Context["aws:requestedregion"]) == 1 {
		return c.Context["aws:requestedregion"][0]
	}
	return s.Region
}

// named is what an input calls a stream by.
type named struct{ name, arn, id *string }

// reference is the stream that a request means.
type reference struct {
	region, name string
	arn          string // empty: the request names no stream at all
	err          error  // why there can be no such stream; for those who may ask
}

// refer reads a name, an ARN, or both. An ARN of another account or region is
// nobody's here.
func (s *Service) refer(ctx context.Context, n named) reference {
	r := reference{region: s.region(ctx), name: api.Value(n.name)}
	if n.arn != nil {
		a, _ := arn.Split(*n.arn)
		name, ok := strings.CutPrefix(a.Resource, "stream/")
		if !ok || a.Partition != "aws" || a.Service != "kinesis" || a.Region != r.region || a.Account != s.Account || !legalName(name) {
			r.arn, r.err = *n.arn, s.notFound(*n.arn)
			return r
		}
		if n.name != nil && name != r.name {
			r.err = invalid("StreamName " + r.name + " and StreamARN " + *n.arn + " are not of the same stream.")
		}
		r.name = name
	}
	switch {
	case r.err != nil:
	case n.id != nil:
		r.err = invalid("StreamId is not supported. Name the stream by StreamName or StreamARN.")
	case r.name == "":
		r.err = invalid("Either StreamName or StreamARN must be given.")
		return r
	}
	r.arn = s.arn(r.region, r.name)
	return r
}

// legalName is the pattern of StreamName in the model.
func legalName(name string) bool {
	return name != "" && len(name) <= 128 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
}

func (s *Service) arn(region, name string) string {
	return "arn:aws:kinesis:" + region + ":" + s.Account + ":stream/" + name
}

func (s *Service) notFound(name string) error {
	return &kinesis.ResourceNotFoundException{Message: "Stream " + name + " under account " + s.Account + " not found."}
}

// The states of a stream's row. Everything else that AWS knows passes at once.
const (
	active   = string(kinesis.StreamStatusActive)
	deleting = string(kinesis.StreamStatusDeleting)
)

// writable is the stream of a reference for those who read and write records: it
// may be some milliseconds old (cache.go). One that is being deleted is gone.
func (s *Service) writable(ctx context.Context, r reference) (*stream, error) {
	if err := s.here(r); err != nil {
		return nil, err
	}
	st, err := s.lookUp(ctx, r.region, r.name)
	if err == nil && st.Status != active {
		err = s.notFound(r.name)
	}
	return st, err
}

// read runs fn on a stream as it is now, whatever its state.
func (s *Service) read(ctx context.Context, r reference, fn func(tx *store.Tx, st *stream) error) error {
	if err := s.here(r); err != nil {
		return err
	}
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		st, err := s.load(tx, r.region, r.name)
		if err != nil {
			return err
		}
		return fn(tx, st)
	})
}

// change runs fn on a stream that is active, and writes its settings back.
func (s *Service) change(ctx context.Context, r reference, fn func(tx *store.Tx, st *stream) error) error {
	if err := s.here(r); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		st, err := s.load(tx, r.region, r.name)
		if err != nil {
			return err
		}
		if st.Status != active {
			return &kinesis.ResourceInUseException{Message: "Stream " + r.name + " under account " + s.Account + " not ACTIVE, instead in state " + st.Status}
		}
		if err := fn(tx, st); err != nil {
			return err
		}
		if st.Settings, err = st.set.text(); err != nil {
			return err
		}
		return store.UpdateStream(tx, st.Stream)
	})
}

// load reads a stream with its shards, or says ResourceNotFoundException.
func (s *Service) load(tx *store.Tx, region, name string) (*stream, error) {
	row, err := store.StreamByName(tx, region, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.notFound(name)
	}
	if err != nil {
		return nil, err
	}
	shards, err := store.Shards(tx, row.ID)
	if err != nil {
		return nil, err
	}
	return newStream(row, shards)
}
