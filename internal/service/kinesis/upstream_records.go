package kinesis

import (
	"context"
	"encoding/base64"
	"encoding/binary"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/seal"
)

// Records of streams that live elsewhere. Their sequence numbers and shard ids
// are those of the store: they name nothing but places in the stream.

func (s *Service) putElsewhere(ctx context.Context, u *Upstream, in *kinesis.PutRecordInput) (*kinesis.PutRecordOutput, error) {
	out, err := call[kinesis.PutRecordOutput](ctx, s, u, "PutRecord", &kinesis.PutRecordInput{StreamName: &u.There, Data: in.Data, PartitionKey: in.PartitionKey,
		ExplicitHashKey: in.ExplicitHashKey, SequenceNumberForOrdering: in.SequenceNumberForOrdering})
	if err != nil {
		return nil, err
	}
	if out.ShardId == nil || out.SequenceNumber == nil {
		return nil, strange("it answered without a sequence number")
	}
	return out, nil
}

// putAllElsewhere writes records, of which the store may take some and refuse
// others, as AWS does.
func (s *Service) putAllElsewhere(ctx context.Context, u *Upstream, in *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
	found, err := call[kinesis.PutRecordsOutput](ctx, s, u, "PutRecords", &kinesis.PutRecordsInput{StreamName: &u.There, Records: in.Records})
	if err != nil {
		return nil, err
	}
	if len(found.Records) != len(in.Records) {
		return nil, strange("it answered about more or fewer records than it was given")
	}
	out := &kinesis.PutRecordsOutput{FailedRecordCount: new(0), Records: make([]kinesis.PutRecordsResultEntry, len(found.Records)), EncryptionType: found.EncryptionType}
	for i, e := range found.Records {
		switch {
		case e.ErrorCode == nil && (e.ShardId == nil || e.SequenceNumber == nil):
			return nil, strange("it answered without a sequence number")
		case e.ErrorCode == nil:
			out.Records[i] = kinesis.PutRecordsResultEntry{ShardId: e.ShardId, SequenceNumber: e.SequenceNumber}
			continue
		case *e.ErrorCode == "ProvisionedThroughputExceededException":
			out.Records[i] = kinesis.PutRecordsResultEntry{ErrorCode: e.ErrorCode, ErrorMessage: new("Rate exceeded for stream " + u.name + " under account " + s.Account + ".")}
		default:
			out.Records[i] = kinesis.PutRecordsResultEntry{ErrorCode: new("InternalFailure"), ErrorMessage: new("Internal Service Failure")}
		}
		*out.FailedRecordCount++
	}
	return out, nil
}

func (s *Service) iterateElsewhere(ctx context.Context, u *Upstream, in *kinesis.GetShardIteratorInput) (*kinesis.GetShardIteratorOutput, error) {
	out, err := call[kinesis.GetShardIteratorOutput](ctx, s, u, "GetShardIterator", &kinesis.GetShardIteratorInput{StreamName: &u.There, ShardId: in.ShardId,
		ShardIteratorType: in.ShardIteratorType, StartingSequenceNumber: in.StartingSequenceNumber, Timestamp: in.Timestamp})
	if err != nil {
		return nil, err
	}
	if out.ShardIterator == nil {
		return nil, strange("it answered without an iterator")
	}
	it, err := s.sealFar(ctx, u, *out.ShardIterator)
	return &kinesis.GetShardIteratorOutput{ShardIterator: it}, err
}

func (s *Service) getElsewhere(ctx context.Context, it iterator, in *kinesis.GetRecordsInput) (*kinesis.GetRecordsOutput, error) {
	out, err := call[kinesis.GetRecordsOutput](ctx, s, it.upstream, "GetRecords", &kinesis.GetRecordsInput{ShardIterator: &it.there, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	if out.Records == nil {
		return nil, strange("it answered without records")
	}
	if err := whole("a record", out.Records...); err != nil {
		return nil, err
	}
	if err := whole("a shard", out.ChildShards...); err != nil {
		return nil, err
	}
	shown := &kinesis.GetRecordsOutput{Records: out.Records, MillisBehindLatest: new(max(0, api.Value(out.MillisBehindLatest))), ChildShards: out.ChildShards}
	if out.NextShardIterator != nil {
		if shown.NextShardIterator, err = s.sealFar(ctx, it.upstream, *out.NextShardIterator); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

// An iterator of the store is sealed into ours: the mark of the upstream, when it
// was given out, and the store's own. ShardIterator has 512 characters at most
// (Kinesis API reference), so that what is base64 there is not sealed as text, and
// the region is what it is sealed for.
const (
	farPurpose  = "kinesis iterator elsewhere"
	farHead     = len(mark{}) + 8 + 1
	maxIterator = 512
)

// spellings are those of an iterator of the store; its number is the last byte of
// the head, or len(spellings) for text as it is.
var spellings = []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding}

func (s *Service) sealFar(ctx context.Context, u *Upstream, there string) (*string, error) {
	plain := binary.BigEndian.AppendUint64(u.mark[:len(u.mark):len(u.mark)], uint64(s.Now().UnixMicro()))
	plain = appendSpelled(plain, there)
	if seal.Overhead+len(plain) > maxIterator*3/4 {
		return nil, strange("it answered with an iterator that is too long to be sealed")
	}
	return new(s.Ring.SealToken(farPurpose, s.region(ctx), plain)), nil
}

// openFar reads an iterator of a stream that lives elsewhere into it; false when
// it is none of this region and of the upstreams that there are.
func (s *Service) openFar(ctx context.Context, token string, it *iterator) bool {
	if len(s.Upstreams) == 0 {
		return false
	}
	plain, err := s.Ring.OpenToken(farPurpose, s.region(ctx), token)
	if err != nil || len(plain) < farHead {
		return false
	}
	u := s.byMark[mark(plain)]
	if u == nil {
		return false
	}
	it.Region, it.Name, it.upstream = s.region(ctx), u.name, u
	it.At = int64(binary.BigEndian.Uint64(plain[len(mark{}):]))
	it.there = readSpelled(plain[farHead-1:])
	return true
}

// appendSpelled adds a text: in which spelling it is, and what that spells.
func appendSpelled(b []byte, text string) []byte {
	for i, spelling := range spellings {
		if spelled, err := spelling.DecodeString(text); err == nil && spelling.EncodeToString(spelled) == text {
			return append(append(b, byte(i)), spelled...)
		}
	}
	return append(append(b, byte(len(spellings))), text...)
}

func readSpelled(b []byte) string {
	if int(b[0]) >= len(spellings) {
		return string(b[1:])
	}
	return spellings[b[0]].EncodeToString(b[1:])
}
