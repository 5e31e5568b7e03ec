package e2e_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// streamARN is the ARN of a stream.
func (e *env) streamARN(name string) string {
	return "arn:aws:kinesis:" + e.server.Region + ":" + e.server.Account + ":stream/" + name
}

// newStream makes a stream with so many shards.
func (e *env) newStream(name string, shards int32, change ...func(*kinesis.CreateStreamInput)) string {
	e.Helper()
	in := &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}
	for _, c := range change {
		c(in)
	}
	_, err := e.root.Kinesis.CreateStream(e.Context(), in)
	e.ok(err)
	return name
}

// writeRecord puts a record and returns where it went.
func (e *env) writeRecord(stream, key, data string) *kinesis.PutRecordOutput {
	e.Helper()
	out, err := e.root.Kinesis.PutRecord(e.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: &key, Data: []byte(data)})
	e.ok(err)
	return out
}

// shardIterator is an iterator of a shard, TRIM_HORIZON unless change says otherwise.
func (e *env) shardIterator(stream, shard string, change ...func(*kinesis.GetShardIteratorInput)) *string {
	e.Helper()
	in := &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	for _, c := range change {
		c(in)
	}
	out, err := e.root.Kinesis.GetShardIterator(e.Context(), in)
	e.ok(err)
	return out.ShardIterator
}

// readRecords reads a shard from an iterator to its present end.
func (e *env) readRecords(it *string) (all []types.Record) {
	e.Helper()
	for it != nil {
		out, err := e.root.Kinesis.GetRecords(e.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		e.ok(err)
		all = append(all, out.Records...)
		if *out.MillisBehindLatest == 0 && len(out.Records) == 0 {
			break
		}
		it = out.NextShardIterator
	}
	return all
}

// dataOf are the data of records.
func dataOf(records []types.Record) []string {
	list := []string{}
	for _, r := range records {
		list = append(list, string(r.Data))
	}
	return list
}

const firstShard = "shardId-000000000000"

// TestStream_records: what is written comes back in its order, from each kind of
// place, by name and by ARN, and after a restart.
func TestStream_records(t *testing.T) {
	each(t, func(e *env) {
		e.newStream("events", 1)
		ctx, c := e.Context(), e.root.Kinesis
		var numbers []string
		for i := range 5 {
			out := e.writeRecord("events", "k", fmt.Sprint(i))
			if *out.ShardId != firstShard || out.EncryptionType != "" {
				e.Errorf("written to %s, %s", *out.ShardId, out.EncryptionType)
			}
			numbers = append(numbers, *out.SequenceNumber)
			e.server.Advance(time.Second)
		}
		if !slices.IsSorted(numbers) || len(slices.Compact(slices.Clone(numbers))) != 5 {
			e.Errorf("sequence numbers %v", numbers)
		}
		at := func(kind types.ShardIteratorType, number string) *string {
			return e.shardIterator("events", firstShard, func(in *kinesis.GetShardIteratorInput) {
				in.ShardIteratorType, in.StartingSequenceNumber = kind, &number
			})
		}
		then := e.server.Now().Add(-3500 * time.Millisecond)
		since := e.shardIterator("events", firstShard, func(in *kinesis.GetShardIteratorInput) {
			in.ShardIteratorType, in.Timestamp = types.ShardIteratorTypeAtTimestamp, &then
		})
		latest := e.shardIterator("events", firstShard, func(in *kinesis.GetShardIteratorInput) { in.ShardIteratorType = types.ShardIteratorTypeLatest })
		for _, want := range []struct {
			name  string
			it    *string
			texts []string
		}{
			{"TRIM_HORIZON", e.shardIterator("events", firstShard), []string{"0", "1", "2", "3", "4"}},
			{"AT_SEQUENCE_NUMBER", at(types.ShardIteratorTypeAtSequenceNumber, numbers[2]), []string{"2", "3", "4"}},
			{"AFTER_SEQUENCE_NUMBER", at(types.ShardIteratorTypeAfterSequenceNumber, numbers[2]), []string{"3", "4"}},
			{"AT_TIMESTAMP", since, []string{"2", "3", "4"}},
			{"LATEST", latest, []string{}},
		} {
			if got := dataOf(e.readRecords(want.it)); !slices.Equal(got, want.texts) {
				e.Errorf("%s: %q, want %q", want.name, got, want.texts)
			}
		}
		out, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: at(types.ShardIteratorTypeAtSequenceNumber, numbers[0]), Limit: aws.Int32(2)})
		e.ok(err)
		if r := out.Records; len(r) != 2 || *r[1].SequenceNumber != numbers[1] || *r[1].PartitionKey != "k" || r[1].ApproximateArrivalTimestamp == nil {
			e.Errorf("two records: %+v", r)
		}
		if *out.MillisBehindLatest < 3000 || *out.MillisBehindLatest > 60_000 {
			e.Errorf("behind by %d ms", *out.MillisBehindLatest)
		}

		again := e.restart()
		again.writeRecord("events", "k", "5")
		if got := dataOf(again.readRecords(out.NextShardIterator)); !slices.Equal(got, []string{"2", "3", "4", "5"}) {
			e.Errorf("after a restart, from an iterator of before: %q", got)
		}
		if got := dataOf(again.readRecords(latest)); !slices.Equal(got, []string{"5"}) {
			e.Errorf("LATEST of before the restart: %q", got)
		}
	})
}

// TestPutRecord_refused: everything that a record can be refused for, and nothing
// of it is written.
func TestPutRecord_refused(t *testing.T) {
	each(t, func(e *env) {
		e.newStream("events", 1)
		ctx, c := e.Context(), e.root.Kinesis
		for _, bad := range []struct {
			change        func(*kinesis.PutRecordInput)
			code, message string
		}{
			{func(in *kinesis.PutRecordInput) { in.StreamName = nil }, "InvalidArgumentException", "Either StreamName or StreamARN must be given."},
			{func(in *kinesis.PutRecordInput) { in.StreamName = aws.String("none") }, "ResourceNotFoundException", "Stream none under account " + e.server.Account + " not found."},
			{func(in *kinesis.PutRecordInput) { in.StreamARN = aws.String(e.streamARN("other")) }, "InvalidArgumentException", "/not of the same stream/"},
			{func(in *kinesis.PutRecordInput) {
				in.StreamName, in.StreamARN = nil, aws.String("arn:aws:kinesis:"+e.server.Region+":999999999999:stream/events")
			}, "ResourceNotFoundException", ""},
			{func(in *kinesis.PutRecordInput) {
				in.StreamName, in.StreamARN = nil, aws.String("arn:aws:kinesis:eu-west-9:"+e.server.Account+":stream/events")
			}, "ResourceNotFoundException", ""},
			{func(in *kinesis.PutRecordInput) { in.StreamName, in.StreamARN = nil, aws.String(e.streamARN("*")) }, "ResourceNotFoundException", ""},
			{func(in *kinesis.PutRecordInput) { in.PartitionKey = aws.String("") }, "ValidationException", "/'partitionKey' failed to satisfy constraint/"},
			{func(in *kinesis.PutRecordInput) { in.PartitionKey = aws.String(strings.Repeat("k", 257)) }, "ValidationException", "/'partitionKey' failed to satisfy constraint/"},
			{func(in *kinesis.PutRecordInput) { in.Data = make([]byte, 1<<20+1) }, "ValidationException", "/'data' failed to satisfy constraint: Member must have length less than or equal to 1048576/"},
			{func(in *kinesis.PutRecordInput) {
				in.ExplicitHashKey = aws.String("340282366920938463463374607431768211456")
			}, "InvalidArgumentException", "/^Invalid ExplicitHashKey/"},
			{func(in *kinesis.PutRecordInput) { in.ExplicitHashKey = aws.String("-1") }, "ValidationException", "/'explicitHashKey'/"},
			{func(in *kinesis.PutRecordInput) { in.Data = make([]byte, 2<<20) }, "RequestEntityTooLargeException", ""},
		} {
			in := &kinesis.PutRecordInput{StreamName: aws.String("events"), PartitionKey: aws.String("k"), Data: []byte("x")}
			bad.change(in)
			_, err := c.PutRecord(ctx, in)
			e.refused(err, bad.code, bad.message)
		}
		entry := types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: []byte("x")}
		_, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("events"), Records: slices.Repeat([]types.PutRecordsRequestEntry{entry}, 501)})
		e.refused(err, "ValidationException", "/'records' failed to satisfy constraint: Member must have length less than or equal to 500/")
		_, err = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("events"), Records: []types.PutRecordsRequestEntry{entry, {PartitionKey: aws.String("k"), Data: make([]byte, 1<<20+1)}}})
		e.refused(err, "ValidationException", "/'records.2.member.data'/")
		large := types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: make([]byte, 1<<20)}
		_, err = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("events"), Records: slices.Repeat([]types.PutRecordsRequestEntry{large}, 5)})
		e.refused(err, "InvalidArgumentException", "Records size exceeds 5 MB limit")
		_, err = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("events"), Records: slices.Repeat([]types.PutRecordsRequestEntry{large}, 7)})
		e.refused(err, "RequestEntityTooLargeException", "")
		_, err = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("none"), Records: []types.PutRecordsRequestEntry{entry}})
		e.refused(err, "ResourceNotFoundException", "")
		_, err = e.anyone.Kinesis.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("events"), PartitionKey: aws.String("k"), Data: []byte("x")})
		e.refused(err, "MissingAuthenticationTokenException", "Request is missing Authentication Token")
		if got := e.readRecords(e.shardIterator("events", firstShard)); len(got) != 0 {
			e.Errorf("the refused left %d records", len(got))
		}
	})
}

// TestPutRecords: the most that a call may have, over several shards, by MD5 and by
// hash keys; and reading that much back.
func TestPutRecords(t *testing.T) {
	each(t, func(e *env) {
		e.newStream("events", 4)
		ctx, c := e.Context(), e.root.Kinesis
		in := &kinesis.PutRecordsInput{StreamARN: aws.String(e.streamARN("events"))}
		for i := range 500 {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprintf("key %03d", i)), Data: bytes.Repeat([]byte{byte(i)}, 5<<20/500-7)})
		}
		out, err := c.PutRecords(ctx, in)
		e.ok(err)
		if *out.FailedRecordCount != 0 || len(out.Records) != 500 {
			e.Fatalf("%d failed, %d answers", *out.FailedRecordCount, len(out.Records))
		}
		last, where := map[string]string{}, map[string][]int{}
		for i, r := range out.Records {
			if *r.SequenceNumber <= last[*r.ShardId] {
				e.Errorf("record %d has %s after %s", i, *r.SequenceNumber, last[*r.ShardId])
			}
			last[*r.ShardId] = *r.SequenceNumber
			where[*r.ShardId] = append(where[*r.ShardId], i)
		}
		if len(where) != 4 {
			e.Errorf("in %d shards", len(where))
		}
		for shard, list := range where {
			got := e.readRecords(e.shardIterator("events", shard))
			if len(got) != len(list) {
				e.Fatalf("%s has %d records, want %d", shard, len(got), len(list))
			}
			for k, i := range list {
				if *got[k].PartitionKey != *in.Records[i].PartitionKey || !bytes.Equal(got[k].Data, in.Records[i].Data) || *got[k].SequenceNumber != *out.Records[i].SequenceNumber {
					e.Fatalf("%s: record %d differs", shard, k)
				}
			}
		}
		// MD5 of "a" begins with 0c, of "foo" with ac; the hash key overrides it.
		for key, want := range map[string]string{"a": firstShard, "foo": "shardId-000000000002"} {
			if got := e.writeRecord("events", key, "x"); *got.ShardId != want {
				e.Errorf("%q went to %s, want %s", key, *got.ShardId, want)
			}
		}
		for hash, want := range map[string]string{"0": firstShard, "85070591730234615865843651857942052863": firstShard,
			"85070591730234615865843651857942052864": "shardId-000000000001", "340282366920938463463374607431768211455": "shardId-000000000003"} {
			got, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("events"), PartitionKey: aws.String("a"), ExplicitHashKey: &hash, Data: []byte{}})
			e.ok(err)
			if *got.ShardId != want {
				e.Errorf("hash key %s went to %s, want %s", hash, *got.ShardId, want)
			}
		}

		// A megabyte each: an answer has ten of them at most.
		e.newStream("large", 1)
		for i := range 12 {
			e.writeRecord("large", strings.Repeat("k", 256), string(bytes.Repeat([]byte{byte('a' + i)}, 1<<20)))
		}
		first, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: e.shardIterator("large", firstShard)})
		e.ok(err)
		if n := len(first.Records); n < 5 || n > 10 || *first.MillisBehindLatest < 0 {
			e.Errorf("%d large records in an answer", n)
		}
		if got := e.readRecords(e.shardIterator("large", firstShard)); len(got) != 12 || got[11].Data[0] != 'l' {
			e.Errorf("%d large records", len(got))
		}
	})
}

// TestStreams_whoMay: a session with kinesis:PutRecord on one stream writes to it
// and does nothing else, and learns nothing of the rest.
func TestStreams_whoMay(t *testing.T) {
	each(t, func(e *env) {
		e.newStream("mine", 1)
		e.newStream("other", 1)
		e.writeRecord("mine", "k", "x")
		it := e.shardIterator("mine", firstShard)
		writer := e.session("writer", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:PutRecord","Resource":"`+e.streamARN("mine")+`"}}`)
		why := func(action, resource string) string {
			return "User: arn:aws:sts::" + e.server.Account + ":assumed-role/writer/session is not authorized to perform: kinesis:" + action + " on resource: " + resource +
				" because no identity-based policy allows the kinesis:" + action + " action"
		}
		ctx, c := e.Context(), writer.Kinesis
		put := func(name string) error {
			_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: aws.String("k"), Data: []byte("x")})
			return err
		}
		for _, name := range []string{"other", "none", "min", "mine2"} {
			e.refused(put(name), "AccessDeniedException", why("PutRecord", e.streamARN(name)))
		}
		elsewhere := "arn:aws:kinesis:" + e.server.Region + ":999999999999:stream/mine"
		_, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: &elsewhere, PartitionKey: aws.String("k"), Data: []byte("x")})
		e.refused(err, "AccessDeniedException", why("PutRecord", elsewhere))
		name, mine := aws.String("mine"), e.streamARN("mine")
		_, err = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: name, Records: []types.PutRecordsRequestEntry{{PartitionKey: name, Data: []byte("x")}}})
		e.refused(err, "AccessDeniedException", why("PutRecords", mine))
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		e.refused(err, "AccessDeniedException", why("GetRecords", mine))
		_, err = c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: name, ShardId: aws.String(firstShard), ShardIteratorType: "LATEST"})
		e.refused(err, "AccessDeniedException", why("GetShardIterator", mine))
		_, err = c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("new"), ShardCount: aws.Int32(1)})
		e.refused(err, "AccessDeniedException", why("CreateStream", e.streamARN("new")))
		_, err = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: name})
		e.refused(err, "AccessDeniedException", why("DeleteStream", mine))
		_, err = c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
		e.refused(err, "AccessDeniedException", why("DescribeStreamSummary", mine))
		_, err = c.ListStreams(ctx, &kinesis.ListStreamsInput{})
		e.refused(err, "AccessDeniedException", why("ListStreams", "*"))
		_, err = c.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{})
		e.refused(err, "AccessDeniedException", why("DescribeLimits", "*"))

		e.ok(put("mine"))
		if got := e.readRecords(it); len(got) != 2 {
			e.Errorf("%d records", len(got))
		}
		if list, err := e.root.Kinesis.ListStreams(ctx, &kinesis.ListStreamsInput{}); err != nil || !slices.Equal(list.StreamNames, []string{"mine", "other"}) {
			e.Errorf("streams: %v %v", list, err)
		}
	})
}
