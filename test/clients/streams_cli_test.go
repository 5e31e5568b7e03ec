package clients_test

import (
	"encoding/base64"
	"testing"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// TestCLI_streams is a stream with the AWS CLI: made, written, read, closed to who
// may only write, deleted.
func TestCLI_streams(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := gatehousetest.Start(t, on(t, kind)...)
			c := newCLI(t, s)
			const shard = "shardId-000000000000"
			c.refused("(ResourceNotFoundException) when calling the DescribeStreamSummary operation: Stream clicks under account "+s.Account+" not found.",
				"kinesis", "describe-stream-summary", "--stream-name", "clicks")
			c.must(nil, "kinesis", "create-stream", "--stream-name", "clicks", "--shard-count", "1")
			c.must(nil, "kinesis", "wait", "stream-exists", "--stream-name", "clicks")
			var written struct{ ShardId, SequenceNumber string }
			c.must(&written, "kinesis", "put-record", "--stream-name", "clicks", "--partition-key", "k", "--data", base64.StdEncoding.EncodeToString([]byte("hello")))
			if written.ShardId != shard || written.SequenceNumber == "" {
				t.Errorf("written: %+v", written)
			}
			var it struct{ ShardIterator string }
			c.must(&it, "kinesis", "get-shard-iterator", "--stream-name", "clicks", "--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON")
			var read struct {
				Records           []struct{ SequenceNumber, Data, PartitionKey string }
				NextShardIterator string
			}
			c.must(&read, "kinesis", "get-records", "--shard-iterator", it.ShardIterator)
			if len(read.Records) != 1 || read.Records[0].SequenceNumber != written.SequenceNumber || read.NextShardIterator == "" {
				t.Errorf("read: %+v", read)
			} else if data, err := base64.StdEncoding.DecodeString(read.Records[0].Data); err != nil || string(data) != "hello" && string(data) != base64.StdEncoding.EncodeToString([]byte("hello")) {
				// Version 1 of the CLI takes --data as it is, version 2 as base64.
				t.Errorf("read %q, %v", data, err)
			}

			var key struct {
				AccessKey struct{ AccessKeyId, SecretAccessKey string }
			}
			c.must(nil, "iam", "create-user", "--user-name", "writer")
			c.must(&key, "iam", "create-access-key", "--user-name", "writer")
			c.must(nil, "iam", "put-user-policy", "--user-name", "writer", "--policy-name", "p", "--policy-document",
				`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:PutRecord","Resource":"arn:aws:kinesis:`+s.Region+":"+s.Account+`:stream/clicks"}}`)
			writer := c.as(key.AccessKey.AccessKeyId, key.AccessKey.SecretAccessKey, "")
			writer.refused("(AccessDeniedException) when calling the GetRecords operation", "kinesis", "get-records", "--shard-iterator", it.ShardIterator)
			writer.refused("(AccessDeniedException) when calling the PutRecord operation", "kinesis", "put-record", "--stream-name", "others", "--partition-key", "k", "--data", "eHh4")
			writer.must(nil, "kinesis", "put-record", "--stream-name", "clicks", "--partition-key", "k", "--data", "eHh4")

			c.must(nil, "kinesis", "delete-stream", "--stream-name", "clicks")
			c.must(nil, "kinesis", "wait", "stream-not-exists", "--stream-name", "clicks")
		})
	}
}
