package kinesis

import (
	"context"
	"strconv"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
)

// Limits of a write (Kinesis Data Streams developer guide, "Quotas and limits").
const (
	maxData    = 1 << 20 // bytes of a record's data
	maxRecords = 5 << 20 // bytes of a PutRecords call, partition keys included
)

// newEntry makes a record of its members. path is what the message calls it.
func newEntry(path, key string, data []byte, explicit *string) (entry, error) {
	e := entry{record: record{key, data}, hash: hashOf(key)}
	if len(data) > maxData {
		return e, api.BadRequest("ValidationException", "1 validation error detected: Value at '"+path+"data' failed to satisfy constraint: Member must have length less than or equal to "+strconv.Itoa(maxData))
	}
	if explicit != nil {
		var ok bool
		if e.hash, ok = parseHashKey(*explicit); !ok {
			return e, invalid("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was " + *explicit)
		}
	}
	return e, nil
}

// PutRecord writes one record and answers when it is on disk.
// SequenceNumberForOrdering needs no reading: numbers only ever grow in a shard,
// and in the shards that come after it.
func (s *Service) PutRecord(ctx context.Context, in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
	e, err := newEntry("", *in.PartitionKey, in.Data, in.ExplicitHashKey)
	if err != nil {
		return nil, err
	}
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	if u := s.elsewhere(r); u != nil {
		return s.putElsewhere(ctx, u, in)
	}
	st, err := s.writable(ctx, r)
	if err != nil {
		return nil, err
	}
	entries := []entry{e}
	if err := s.write(ctx, st, entries); err != nil {
		return nil, err
	}
	return &kinesis.PutRecordOutput{ShardId: new(shardID(entries[0].shard)), SequenceNumber: new(sequenceText(entries[0].shard, entries[0].sequence)),
		EncryptionType: st.set.marked()}, nil
}

// PutRecords writes up to 500 records: all of them, in their order, or none.
func (s *Service) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
	entries, size := make([]entry, len(in.Records)), 0
	for i, r := range in.Records {
		var err error
		if entries[i], err = newEntry("records."+strconv.Itoa(i+1)+".member.", *r.PartitionKey, r.Data, r.ExplicitHashKey); err != nil {
			return nil, err
		}
		if size += len(r.Data) + len(*r.PartitionKey); size > maxRecords {
			return nil, invalid("Records size exceeds 5 MB limit")
		}
	}
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	if u := s.elsewhere(r); u != nil {
		return s.putAllElsewhere(ctx, u, in)
	}
	st, err := s.writable(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := s.write(ctx, st, entries); err != nil {
		return nil, err
	}
	out := &kinesis.PutRecordsOutput{FailedRecordCount: new(0), Records: make([]kinesis.PutRecordsResultEntry, len(entries)), EncryptionType: st.set.marked()}
	for i, e := range entries {
		out.Records[i] = kinesis.PutRecordsResultEntry{ShardId: new(shardID(e.shard)), SequenceNumber: new(sequenceText(e.shard, e.sequence))}
	}
	return out, nil
}
