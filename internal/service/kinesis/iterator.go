package kinesis

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// iterator is a place in a shard. It is sealed: nobody makes one up, and it is
// good on every node and after a restart.
type iterator struct {
	Region, Name string
	Stream       string // its id: of a stream that is made anew it is none
	Shard        int64
	After        int64 // the sequence number of the record before
	At           int64 // when it was given out, in microseconds

	// Of a stream that lives elsewhere (upstream_token.go); the rest but for At is
	// not set.
	upstream *Upstream
	there    string // its own iterator
}

const (
	iteratorPurpose = "kinesis iterator"
	iteratorLives   = 5 * time.Minute
)

var errIterator = invalid("Invalid ShardIterator.")

// seal and unseal carry a value through the client.
func (s *Service) seal(purpose string, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return s.Ring.SealToken(purpose, "", b)
}

func (s *Service) unseal(purpose, token string, v any) bool {
	b, err := s.Ring.OpenToken(purpose, "", token)
	return err == nil && json.Unmarshal(b, v) == nil
}

// fresh refuses an iterator that is too old.
func (s *Service) fresh(it iterator) error {
	given, now := time.UnixMicro(it.At).UTC(), s.Now().UTC()
	if now.Sub(given) <= iteratorLives {
		return nil
	}
	const form = "Mon Jan 02 15:04:05 MST 2006"
	return &kinesis.ExpiredIteratorException{Message: "Iterator expired. The iterator was created at time " + given.Format(form) + " while right now it is " + now.Format(form) +
		" which is further in the future than the tolerated delay of 300000 milliseconds."}
}

// referIterator is the stream of an iterator. It must be of the region of the
// request, and of the ARN that it names, if any.
func (s *Service) referIterator(ctx context.Context, in *kinesis.GetRecordsInput) (iterator, reference) {
	var it iterator
	far := s.openFar(ctx, *in.ShardIterator, &it)
	if !far && (!s.unseal(iteratorPurpose, *in.ShardIterator, &it) || it.Region != s.region(ctx)) {
		return it, reference{err: errIterator}
	}
	r := s.refer(ctx, named{&it.Name, in.StreamARN, in.StreamId})
	if r.err == nil && s.elsewhere(r) != it.upstream { // given out while it was here
		r.err = errIterator
	}
	return it, r
}

func (s *Service) iterate(st *stream, shard, after int64) *string {
	return new(s.seal(iteratorPurpose, iterator{Region: st.Region, Name: st.Name, Stream: st.ID, Shard: shard, After: after, At: s.Now().UnixMicro()}))
}

// GetShardIterator says where reading a shard begins.
func (s *Service) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput) (*kinesis.GetShardIteratorOutput, error) {
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	if err := checkPlace(in); r.err == nil && err != nil {
		return nil, err
	}
	if u := s.elsewhere(r); u != nil {
		return s.iterateElsewhere(ctx, u, in)
	}
	out := &kinesis.GetShardIteratorOutput{}
	return out, s.read(ctx, r, func(tx *store.Tx, st *stream) error {
		if st.Status != active {
			return s.notFound(st.Name)
		}
		number, ok := parseShardID(*in.ShardId)
		h := st.shard(number)
		if !ok || h == nil {
			return s.shardNotFound(st, *in.ShardId)
		}
		after, err := s.place(tx, st, h, in)
		out.ShardIterator = s.iterate(st, h.Number, after)
		return err
	})
}

func (s *Service) shardNotFound(st *stream, id string) error {
	return &kinesis.ResourceNotFoundException{Message: "Shard " + id + " in stream " + st.Name + " under account " + s.Account + " does not exist"}
}

func checkPlace(in *kinesis.GetShardIteratorInput) error {
	kind := *in.ShardIteratorType
	numbered := kind == kinesis.ShardIteratorTypeAtSequenceNumber || kind == kinesis.ShardIteratorTypeAfterSequenceNumber
	switch {
	case numbered && in.StartingSequenceNumber == nil:
		return invalid("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified " + string(kind) + " and no StartingSequenceNumber.")
	case !numbered && kind != kinesis.ShardIteratorTypeAtTimestamp && in.StartingSequenceNumber != nil:
		return invalid("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified " + string(kind) + " and also a StartingSequenceNumber.")
	case kind == kinesis.ShardIteratorTypeAtTimestamp && in.Timestamp == nil:
		return invalid("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.")
	}
	return nil
}

// place is the sequence number behind which reading begins.
func (s *Service) place(tx *store.Tx, st *stream, h *store.Shard, in *kinesis.GetShardIteratorInput) (int64, error) {
	switch *in.ShardIteratorType {
	case kinesis.ShardIteratorTypeTrimHorizon:
		return h.FirstSequence - 1, nil
	case kinesis.ShardIteratorTypeLatest:
		return h.Sequence, nil
	case kinesis.ShardIteratorTypeAtTimestamp:
		if in.Timestamp.After(tx.Now) {
			return 0, invalid("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.")
		}
		first, err := store.FirstRecordSince(tx, st.ID, h.Number, in.Timestamp.Time)
		if errors.Is(err, store.ErrNotFound) {
			return h.Sequence, nil
		}
		return first - 1, err
	}
	at, ok := parseSequence(h.Number, *in.StartingSequenceNumber)
	if !ok || at < h.FirstSequence || at > max(h.Sequence, h.FirstSequence) {
		return 0, invalid("StartingSequenceNumber " + *in.StartingSequenceNumber + " used in GetShardIterator on shard " + *in.ShardId + " in stream " + st.Name + " under account " + s.Account + " is invalid because it did not come from this stream.")
	}
	if *in.ShardIteratorType == kinesis.ShardIteratorTypeAtSequenceNumber {
		at--
	}
	return at, nil
}
