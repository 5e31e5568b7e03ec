package kinesis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// since is the time before which records of a stream are not read any more: its
// trim horizon.
func (st *stream) since(now time.Time) time.Time {
	return now.Add(-time.Duration(st.set.Retention) * time.Hour)
}

// kept are the shards of a stream that still matter: closed ones until the last
// of their records is too old.
func (s *Service) kept(tx *store.Tx, st *stream) []*store.Shard {
	horizon := st.since(tx.Now)
	return slices.DeleteFunc(slices.Clone(st.shards), func(h *store.Shard) bool { return !h.ClosedAt.IsZero() && h.ClosedAt.Before(horizon) })
}

// afterShard are the shards behind one by id, which need not be there any more.
func afterShard(shards []*store.Shard, id *string) ([]*store.Shard, error) {
	if id == nil {
		return shards, nil
	}
	number, ok := parseShardID(*id)
	if !ok {
		return nil, invalid("ExclusiveStartShardId " + *id + " is not the id of a shard.")
	}
	return slices.DeleteFunc(shards, func(h *store.Shard) bool { return h.Number <= number }), nil
}

func hashRange(h *store.Shard) *kinesis.HashKeyRange {
	return &kinesis.HashKeyRange{StartingHashKey: new(hashText(h.FirstHash)), EndingHashKey: new(hashText(h.LastHash))}
}

func shownShards(shards []*store.Shard) []kinesis.Shard {
	list := make([]kinesis.Shard, len(shards))
	for i, h := range shards {
		numbers := &kinesis.SequenceNumberRange{StartingSequenceNumber: new(sequenceText(h.Number, h.FirstSequence))}
		if !h.ClosedAt.IsZero() {
			numbers.EndingSequenceNumber = new(sequenceText(h.Number, h.Sequence))
		}
		list[i] = kinesis.Shard{ShardId: new(shardID(h.Number)), HashKeyRange: hashRange(h), SequenceNumberRange: numbers,
			ParentShardId: parentID(h.Parent), AdjacentParentShardId: parentID(h.Adjacent)}
	}
	return list
}

func parentID(number int64) *string {
	if number < 0 {
		return nil
	}
	return new(shardID(number))
}

// ListShards lists the shards of a stream by number.
func (s *Service) ListShards(ctx context.Context, in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	start, filter := in.ExclusiveStartShardId, in.ShardFilter
	var p page
	if in.NextToken != nil {
		if in.StreamName != nil || in.StreamARN != nil || start != nil || filter != nil || in.StreamCreationTimestamp != nil {
			return nil, invalid("NextToken and StreamName cannot be provided together.")
		}
		var err error
		if p, err = s.openPage(*in.NextToken); err != nil {
			return nil, err
		}
		r, start, filter = s.referPage(ctx, p), &p.After, p.Filter
	}
	if u := s.elsewhere(r); u != nil {
		return s.listShardsElsewhere(ctx, u, in, p)
	}
	out := &kinesis.ListShardsOutput{}
	return out, s.read(ctx, r, func(tx *store.Tx, st *stream) error {
		if p.Stream != "" && p.Stream != st.ID || in.StreamCreationTimestamp != nil && in.StreamCreationTimestamp.Unix() != st.CreatedAt.Unix() {
			return s.notFound(st.Name)
		}
		shards, err := filterShards(tx, st, s.kept(tx, st), filter)
		if err != nil {
			return err
		}
		if shards, err = afterShard(shards, start); err != nil {
			return err
		}
		most := cmp.Or(api.Value(in.MaxResults), 1000)
		out.NextToken = nil
		if len(shards) > most {
			shards = shards[:most]
			out.NextToken = s.sealPage(page{Region: st.Region, Name: st.Name, Stream: st.ID, After: shardID(shards[most-1].Number), Filter: filter})
		}
		out.Shards = shownShards(shards)
		return nil
	})
}

// filterShards are the shards that a ShardFilter selects (Kinesis API reference,
// "ShardFilter").
func filterShards(tx *store.Tx, st *stream, shards []*store.Shard, f *kinesis.ShardFilter) ([]*store.Shard, error) {
	if f == nil {
		return shards, nil
	}
	kind, at := *f.Type, st.since(tx.Now)
	switch kind {
	case kinesis.ShardFilterTypeAfterShardId:
		if f.ShardId == nil {
			return nil, invalid("ShardId must be specified for the ShardFilter type AFTER_SHARD_ID.")
		}
		return afterShard(shards, f.ShardId)
	case kinesis.ShardFilterTypeAtLatest:
		return slices.DeleteFunc(shards, func(h *store.Shard) bool { return !h.ClosedAt.IsZero() }), nil
	case kinesis.ShardFilterTypeAtTimestamp, kinesis.ShardFilterTypeFromTimestamp:
		if f.Timestamp == nil {
			return nil, invalid("Timestamp must be specified for the ShardFilter type " + string(kind) + ".")
		}
		if f.Timestamp.After(tx.Now) {
			return nil, invalid("The Timestamp of a ShardFilter must not be in the future.")
		}
		if f.Timestamp.After(at) {
			at = f.Timestamp.Time
		}
	}
	// A stream that is younger than the time had no shards then: what it began
	// with stands for them.
	if at.Before(st.CreatedAt) {
		at = st.CreatedAt
	}
	from := kind == kinesis.ShardFilterTypeFromTimestamp || kind == kinesis.ShardFilterTypeFromTrimHorizon
	return slices.DeleteFunc(shards, func(h *store.Shard) bool {
		return !h.ClosedAt.IsZero() && h.ClosedAt.Before(at) || !from && h.CreatedAt.After(at)
	}), nil
}

// page is what a NextToken says. Its stream is empty in a list of streams.
type page struct {
	Region, After string
	Name, Stream  string               `json:",omitzero"`
	Filter        *kinesis.ShardFilter `json:",omitzero"`
	Mark, There   string               `json:",omitzero"` // of a stream that lives elsewhere: whose own token
	At            int64                // microseconds
}

const (
	pagePurpose = "kinesis page"
	pageLives   = 300 * time.Second
)

var errPage = invalid("Invalid NextToken.")

func (s *Service) sealPage(p page) *string {
	p.At = s.Now().UnixMicro()
	return new(s.seal(pagePurpose, p))
}

func (s *Service) openPage(token string) (page, error) {
	var p page
	if !s.unseal(pagePurpose, token, &p) {
		return p, errPage
	}
	if age := s.Now().Sub(time.UnixMicro(p.At)); age > pageLives {
		return p, &kinesis.ExpiredNextTokenException{Message: "NextToken has expired: it is older than " + strconv.Itoa(int(pageLives.Seconds())) + " seconds."}
	}
	return p, nil
}

// referPage is the stream whose shards a NextToken goes on with.
func (s *Service) referPage(ctx context.Context, p page) reference {
	r := reference{region: p.Region, name: p.Name, arn: s.arn(p.Region, p.Name)}
	if u := s.Upstreams[p.Name]; p.Name == "" || p.Region != s.region(ctx) || u == nil && p.Mark != "" || u != nil && p.Mark != u.mark.String() {
		r.err = errPage
	}
	return r
}
