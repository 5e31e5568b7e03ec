package kinesis

import (
	"cmp"
	"context"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// Limits of a GetRecords call (Kinesis API reference, "GetRecords").
const (
	maxRead      = 10_000
	maxReadBytes = 10 << 20
)

// GetRecords reads what follows an iterator. Of a shard that is closed and read to
// its end there is no next iterator, but its children.
func (s *Service) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
	it, r := s.referIterator(ctx, in)
	if r.err == nil {
		r.err = s.fresh(it)
	}
	if r.err == nil && it.upstream != nil {
		return s.getElsewhere(ctx, it, in)
	}
	var out *kinesis.GetRecordsOutput
	err := s.read(ctx, r, func(tx *store.Tx, st *stream) error {
		h := st.shard(it.Shard)
		switch {
		case st.ID != it.Stream || st.Status != active:
			return s.notFound(st.Name)
		case h == nil: // removed since the iterator was given out
			return s.shardNotFound(st, shardID(it.Shard))
		}
		out = &kinesis.GetRecordsOutput{Records: []kinesis.Record{}, MillisBehindLatest: new(0)}
		after, tip, err := readShard(tx, st, h, it.After, cmp.Or(api.Value(in.Limit), maxRead), out)
		if err != nil {
			return err
		}
		if tip && !h.ClosedAt.IsZero() {
			out.ChildShards = st.children(h.Number)
			return nil
		}
		out.NextShardIterator = s.iterate(st, h.Number, after)
		return nil
	})
	return out, err
}

// readShard adds to out the records of a shard after a sequence number. It returns
// the number of the last one, and whether that was the last of the shard.
func readShard(tx *store.Tx, st *stream, h *store.Shard, after int64, most int, out *kinesis.GetRecordsOutput) (last int64, tip bool, err error) {
	// Each row has a record at least: one row more than what is wanted tells
	// whether there is more.
	rows, err := store.RecordSizes(tx, st.ID, h.Number, after, st.since(tx.Now), most+1)
	if err != nil {
		return after, false, err
	}
	bytes := 0
	for _, row := range rows {
		if len(out.Records) > 0 && bytes+row.Size > maxReadBytes {
			return after, false, behind(tx, out)
		}
		if err := store.ReadRecords(tx, row); err != nil {
			return after, false, err
		}
		bytes += row.Size
		records, err := readRow(row.Data, int(row.Last-row.First+1))
		if err != nil {
			return after, false, err
		}
		for i, r := range records {
			sequence := row.First + int64(i)
			if sequence <= after {
				continue
			}
			if len(out.Records) == most {
				return after, false, behind(tx, out)
			}
			out.Records = append(out.Records, kinesis.Record{SequenceNumber: new(sequenceText(h.Number, sequence)), ApproximateArrivalTimestamp: api.At(row.ArrivedAt),
				Data: r.data, PartitionKey: new(r.key), EncryptionType: st.set.marked()})
			after = sequence
		}
	}
	return after, true, nil
}

// behind says how far the last record read is behind the present.
func behind(tx *store.Tx, out *kinesis.GetRecordsOutput) error {
	last := out.Records[len(out.Records)-1].ApproximateArrivalTimestamp
	*out.MillisBehindLatest = max(0, int(tx.Now.Sub(last.Time)/time.Millisecond))
	return nil
}

// children are the shards that came of one.
func (st *stream) children(number int64) []kinesis.ChildShard {
	list := []kinesis.ChildShard{}
	for _, h := range st.shards {
		if h.Parent != number && h.Adjacent != number {
			continue
		}
		c := kinesis.ChildShard{ShardId: new(shardID(h.Number)), HashKeyRange: hashRange(h), ParentShards: []string{}}
		for _, parent := range []int64{h.Parent, h.Adjacent} {
			if parent >= 0 {
				c.ParentShards = append(c.ParentShards, shardID(parent))
			}
		}
		list = append(list, c)
	}
	return list
}
