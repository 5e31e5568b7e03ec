package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	apikinesis "gatehouse/internal/api/kinesis"
)

// streamGone waits until a stream that is being deleted is not there any more.
func (e *env) streamGone(stream string) {
	e.Helper()
	for range 500 {
		_, err := e.root.Kinesis.DescribeStreamSummary(e.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
		if err != nil {
			e.refused(err, "ResourceNotFoundException", "Stream "+stream+" under account "+e.server.Account+" not found.")
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	e.Fatalf("stream %s stays", stream)
}

// TestStream_life: a stream is made once, described, listed and deleted; and one
// that is made anew under its name has nothing of it.
func TestStream_life(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.Kinesis
		for _, bad := range []struct {
			change        func(*kinesis.CreateStreamInput)
			code, message string
		}{
			{func(in *kinesis.CreateStreamInput) { in.StreamName = aws.String("a/b") }, "ValidationException", "/'streamName' failed to satisfy constraint/"},
			{func(in *kinesis.CreateStreamInput) { in.StreamName = aws.String(strings.Repeat("a", 129)) }, "ValidationException", "/'streamName'/"},
			{func(in *kinesis.CreateStreamInput) { in.ShardCount = nil }, "InvalidArgumentException", "/^ShardCount/"},
			{func(in *kinesis.CreateStreamInput) { in.ShardCount = aws.Int32(0) }, "ValidationException", "/'shardCount'/"},
			{func(in *kinesis.CreateStreamInput) { in.ShardCount = aws.Int32(501) }, "LimitExceededException", "This request would exceed the shard limit for the account " + e.server.Account + " in " + e.server.Region +
				". Current shard count for the account: 0. Limit: 500. Number of additional shards that would have resulted from this request: 501."},
			{func(in *kinesis.CreateStreamInput) {
				in.StreamModeDetails = &types.StreamModeDetails{StreamMode: "ON_DEMAND"}
			}, "ValidationException", "/ON_DEMAND/"},
			{func(in *kinesis.CreateStreamInput) {
				in.StreamModeDetails = &types.StreamModeDetails{StreamMode: "SOMETIMES"}
			}, "ValidationException", "/enum value set/"},
			{func(in *kinesis.CreateStreamInput) { in.MaxRecordSizeInKiB = aws.Int32(10240) }, "InvalidArgumentException", "/MaxRecordSizeInKiB/"},
			{func(in *kinesis.CreateStreamInput) { in.WarmThroughputMiBps = aws.Int32(10) }, "InvalidArgumentException", "/WarmThroughputMiBps/"},
			{func(in *kinesis.CreateStreamInput) { in.Tags = map[string]string{"aws:k": "v"} }, "InvalidArgumentException", "/aws:/"},
		} {
			in := &kinesis.CreateStreamInput{StreamName: aws.String("events"), ShardCount: aws.Int32(2)}
			bad.change(in)
			_, err := c.CreateStream(ctx, in)
			e.refused(err, bad.code, bad.message)
		}
		_, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("events")})
		e.refused(err, "ResourceNotFoundException", "Stream events under account "+e.server.Account+" not found.")
		_, err = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("events")})
		e.refused(err, "ResourceNotFoundException", "")

		e.newStream("events", 2)
		_, err = c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("events"), ShardCount: aws.Int32(1)})
		e.refused(err, "ResourceInUseException", "Stream events under account "+e.server.Account+" already exists.")
		out, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamARN: aws.String(e.streamARN("events"))})
		e.ok(err)
		d := out.StreamDescription
		if *d.StreamName != "events" || *d.StreamARN != e.streamARN("events") || d.StreamStatus != "ACTIVE" || *d.RetentionPeriodHours != 24 || d.EncryptionType != "NONE" ||
			d.StreamModeDetails.StreamMode != "PROVISIONED" || *d.HasMoreShards || len(d.Shards) != 2 || len(d.EnhancedMonitoring) != 1 {
			e.Errorf("described as %+v", d)
		}
		if a, b := d.Shards[0], d.Shards[1]; *a.ShardId != firstShard || *a.HashKeyRange.StartingHashKey != "0" || *a.HashKeyRange.EndingHashKey != "170141183460469231731687303715884105727" ||
			*b.HashKeyRange.StartingHashKey != "170141183460469231731687303715884105728" || *b.HashKeyRange.EndingHashKey != "340282366920938463463374607431768211455" ||
			a.ParentShardId != nil || a.SequenceNumberRange.EndingSequenceNumber != nil {
			e.Errorf("shards %+v %+v", a, b)
		}
		page, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("events"), Limit: aws.Int32(1)})
		e.ok(err)
		if d := page.StreamDescription; !*d.HasMoreShards || len(d.Shards) != 1 {
			e.Errorf("a page of one shard: %+v", d)
		}
		_, err = c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("demanded"), StreamModeDetails: &types.StreamModeDetails{StreamMode: "ON_DEMAND"}})
		e.ok(err)
		limits, err := c.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{})
		e.ok(err)
		if *limits.OpenShardCount != 6 || *limits.ShardLimit != 500 || *limits.OnDemandStreamCount != 1 || *limits.OnDemandStreamCountLimit != 50 {
			e.Errorf("limits %+v", limits)
		}

		first := e.writeRecord("events", "a", "x")
		it := e.shardIterator("events", firstShard)
		_, err = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("events")})
		e.ok(err)
		_, err = c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("events"), PartitionKey: aws.String("k"), Data: []byte("x")})
		e.refused(err, "ResourceNotFoundException", "")
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		e.refused(err, "ResourceNotFoundException", "")
		e.streamGone("events")
		e.newStream("events", 1)
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
		e.refused(err, "ResourceNotFoundException", "")
		_, err = c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("events"), ShardId: aws.String(firstShard), ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: first.SequenceNumber})
		e.refused(err, "InvalidArgumentException", "/did not come from this stream/")
		if got := e.readRecords(e.shardIterator("events", firstShard)); len(got) != 0 {
			e.Errorf("a new stream has %d records of the old one", len(got))
		}
	})
}

// TestStreams_paging: lists of streams and shards in pages, and tokens that are
// forged, of something else, or too old.
func TestStreams_paging(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.Kinesis
		var want []string
		for i := range 7 {
			want = append(want, e.newStream(fmt.Sprintf("s%d", i), 1))
		}
		e.newStream("wide", 7)
		want = append(want, "wide")
		var names []string
		in := &kinesis.ListStreamsInput{Limit: aws.Int32(3)}
		for {
			out, err := c.ListStreams(ctx, in)
			e.ok(err)
			names = append(names, out.StreamNames...)
			if len(out.StreamSummaries) != len(out.StreamNames) || *out.HasMoreStreams != (out.NextToken != nil) {
				e.Errorf("page %+v", out)
			}
			if out.NextToken == nil {
				break
			}
			in.NextToken = out.NextToken
		}
		if !slices.Equal(names, want) {
			e.Errorf("streams %v", names)
		}
		after, err := c.ListStreams(ctx, &kinesis.ListStreamsInput{ExclusiveStartStreamName: aws.String("s4")})
		e.ok(err)
		if !slices.Equal(after.StreamNames, []string{"s5", "s6", "wide"}) {
			e.Errorf("after s4: %v", after.StreamNames)
		}
		shards := func(in *kinesis.ListShardsInput) []string {
			var ids []string
			for {
				out, err := c.ListShards(ctx, in)
				e.ok(err)
				for _, h := range out.Shards {
					ids = append(ids, strings.TrimLeft(strings.TrimPrefix(*h.ShardId, "shardId-"), "0"))
				}
				if out.NextToken == nil {
					return ids
				}
				in = &kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: in.MaxResults}
			}
		}
		if got := shards(&kinesis.ListShardsInput{StreamName: aws.String("wide"), MaxResults: aws.Int32(2)}); !slices.Equal(got, []string{"", "1", "2", "3", "4", "5", "6"}) {
			e.Errorf("shards %v", got)
		}
		if got := shards(&kinesis.ListShardsInput{StreamName: aws.String("wide"), ExclusiveStartShardId: aws.String("shardId-000000000004")}); !slices.Equal(got, []string{"5", "6"}) {
			e.Errorf("shards after 4: %v", got)
		}

		_, err = c.ListStreams(ctx, &kinesis.ListStreamsInput{NextToken: aws.String("x")})
		e.refused(err, "InvalidArgumentException", "Invalid NextToken.")
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: aws.String("x")})
		e.refused(err, "InvalidArgumentException", "Invalid NextToken.")
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: in.NextToken})
		e.refused(err, "InvalidArgumentException", "Invalid NextToken.")
		first, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("wide"), MaxResults: aws.Int32(2)})
		e.ok(err)
		_, err = c.ListStreams(ctx, &kinesis.ListStreamsInput{NextToken: first.NextToken})
		e.refused(err, "InvalidArgumentException", "Invalid NextToken.")
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("wide"), NextToken: first.NextToken})
		e.refused(err, "InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("wide"), ExclusiveStartShardId: aws.String("4")})
		e.refused(err, "InvalidArgumentException", "")
		e.server.Advance(301 * time.Second)
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: first.NextToken})
		e.refused(err, "ExpiredNextTokenException", "")
	})
}

// TestStream_iterators: an iterator is good for five minutes, for its shard, and
// for nobody's invention.
func TestStream_iterators(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.Kinesis
		e.newStream("events", 2)
		written := e.writeRecord("events", "a", "x") // in the first shard
		for _, bad := range []struct {
			change        func(*kinesis.GetShardIteratorInput)
			code, message string
		}{
			{func(in *kinesis.GetShardIteratorInput) { in.StreamName = aws.String("none") }, "ResourceNotFoundException", "Stream none under account " + e.server.Account + " not found."},
			{func(in *kinesis.GetShardIteratorInput) { in.ShardId = aws.String("shardId-000000000002") }, "ResourceNotFoundException",
				"Shard shardId-000000000002 in stream events under account " + e.server.Account + " does not exist"},
			{func(in *kinesis.GetShardIteratorInput) { in.ShardId = aws.String("shardId-0") }, "ResourceNotFoundException", ""},
			{func(in *kinesis.GetShardIteratorInput) { in.ShardIteratorType = "AT_SEQUENCE_NUMBER" }, "InvalidArgumentException", "/and no StartingSequenceNumber.$/"},
			{func(in *kinesis.GetShardIteratorInput) { in.StartingSequenceNumber = written.SequenceNumber }, "InvalidArgumentException", "/and also a StartingSequenceNumber.$/"},
			{func(in *kinesis.GetShardIteratorInput) {
				in.ShardIteratorType, in.StartingSequenceNumber = "AT_SEQUENCE_NUMBER", aws.String("7")
			}, "InvalidArgumentException", "StartingSequenceNumber 7 used in GetShardIterator on shard " + firstShard + " in stream events under account " + e.server.Account + " is invalid because it did not come from this stream."},
			{func(in *kinesis.GetShardIteratorInput) {
				in.ShardId, in.ShardIteratorType, in.StartingSequenceNumber = aws.String("shardId-000000000001"), "AFTER_SEQUENCE_NUMBER", written.SequenceNumber
			}, "InvalidArgumentException", "/did not come from this stream/"},
			{func(in *kinesis.GetShardIteratorInput) { in.ShardIteratorType = "AT_TIMESTAMP" }, "InvalidArgumentException", "/^Must specify timestampInMillis/"},
			{func(in *kinesis.GetShardIteratorInput) {
				in.ShardIteratorType, in.Timestamp = "AT_TIMESTAMP", aws.Time(e.server.Now().Add(time.Minute))
			}, "InvalidArgumentException", "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."},
			{func(in *kinesis.GetShardIteratorInput) { in.ShardIteratorType = "MIDDLE" }, "ValidationException", "/enum value set/"},
		} {
			in := &kinesis.GetShardIteratorInput{StreamName: aws.String("events"), ShardId: aws.String(firstShard), ShardIteratorType: "TRIM_HORIZON"}
			bad.change(in)
			_, err := c.GetShardIterator(ctx, in)
			e.refused(err, bad.code, bad.message)
		}
		it := e.shardIterator("events", firstShard)
		get := func(it string, change ...func(*kinesis.GetRecordsInput)) error {
			in := &kinesis.GetRecordsInput{ShardIterator: &it}
			for _, c := range change {
				c(in)
			}
			_, err := c.GetRecords(ctx, in)
			return err
		}
		e.refused(get("AAAA"), "InvalidArgumentException", "Invalid ShardIterator.")
		e.refused(get(alter(*it)), "InvalidArgumentException", "Invalid ShardIterator.")
		e.refused(get(strings.Repeat("A", 513)), "ValidationException", "/'shardIterator'/")
		e.refused(get(*it, func(in *kinesis.GetRecordsInput) { in.Limit = aws.Int32(10_001) }), "ValidationException", "/'limit'/")
		e.refused(get(*it, func(in *kinesis.GetRecordsInput) { in.StreamARN = aws.String(e.streamARN("other")) }), "InvalidArgumentException", "/not of the same stream/")
		e.ok(get(*it, func(in *kinesis.GetRecordsInput) { in.StreamARN = aws.String(e.streamARN("events")) }))
		e.server.Advance(4 * time.Minute)
		e.ok(get(*it))
		e.server.Advance(61 * time.Second)
		e.refused(get(*it), "ExpiredIteratorException", "/^Iterator expired. The iterator was created at time .* which is further in the future than the tolerated delay of 300000 milliseconds.$/")
	})
}

// TestStream_settings: retention, encryption, mode, monitoring.
func TestStream_settings(t *testing.T) {
	each(t, func(e *env) {
		ctx, c, name := e.Context(), e.root.Kinesis, aws.String("events")
		none := aws.String("none")
		e.newStream("events", 1)
		increase := func(name *string, hours int32) error {
			_, err := c.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: &hours})
			return err
		}
		decrease := func(name *string, hours int32) error {
			_, err := c.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: &hours})
			return err
		}
		e.refused(increase(none, 48), "ResourceNotFoundException", "")
		e.refused(decrease(none, 24), "ResourceNotFoundException", "")
		e.refused(increase(name, 8761), "InvalidArgumentException", "/^Maximum allowed retention period is 8760 hours/")
		e.refused(decrease(name, 23), "InvalidArgumentException", "/^Minimum allowed retention period is 24 hours/")
		e.refused(decrease(name, 48), "InvalidArgumentException", "/Use IncreaseRetentionPeriod API/")
		e.ok(increase(name, 48))
		e.refused(increase(name, 36), "InvalidArgumentException", "Requested retention period (36 hours) for stream events can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API.")

		// What is older than the retention cannot be read, with or without an
		// iterator to it, and is read again by nobody.
		e.writeRecord("events", "k", "old")
		e.server.Advance(30 * time.Hour)
		e.writeRecord("events", "k", "new")
		if got := dataOf(e.readRecords(e.shardIterator("events", firstShard))); !slices.Equal(got, []string{"old", "new"}) {
			e.Errorf("within 48 hours: %q", got)
		}
		it := e.shardIterator("events", firstShard)
		e.ok(decrease(name, 24))
		if got := dataOf(e.readRecords(it)); !slices.Equal(got, []string{"new"}) {
			e.Errorf("within 24 hours: %q", got)
		}
		e.server.Advance(25 * time.Hour)
		if got := e.readRecords(e.shardIterator("events", firstShard)); len(got) != 0 {
			e.Errorf("after 25 hours: %q", dataOf(got))
		}

		encrypt := func(key string, kind types.EncryptionType) error {
			_, err := c.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: name, EncryptionType: kind, KeyId: &key})
			return err
		}
		e.refused(encrypt("alias/mine", "KMS"), "KMSNotFoundException", "")
		e.refused(encrypt("alias/aws/kinesis", "NONE"), "InvalidArgumentException", "")
		e.ok(encrypt("alias/aws/kinesis", "KMS"))
		d, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
		e.ok(err)
		if s := d.StreamDescriptionSummary; s.EncryptionType != "KMS" || *s.KeyId != "alias/aws/kinesis" || *s.OpenShardCount != 1 || *s.ConsumerCount != 0 || *s.RetentionPeriodHours != 24 {
			e.Errorf("summary %+v", s)
		}
		if out := e.writeRecord("events", "k", "sealed"); out.EncryptionType != "KMS" {
			e.Errorf("written with %s", out.EncryptionType)
		}
		if got := e.readRecords(e.shardIterator("events", firstShard)); len(got) != 1 || got[0].EncryptionType != "KMS" {
			e.Errorf("records %+v", got)
		}
		_, err = c.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: name, EncryptionType: "KMS", KeyId: aws.String("alias/aws/kinesis")})
		e.ok(err)
		_, err = c.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: none, EncryptionType: "KMS", KeyId: aws.String("alias/aws/kinesis")})
		e.refused(err, "ResourceNotFoundException", "")

		mode := func(arn string, mode types.StreamMode) error {
			_, err := c.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{StreamARN: &arn, StreamModeDetails: &types.StreamModeDetails{StreamMode: mode}})
			return err
		}
		e.refused(mode(e.streamARN("none"), "ON_DEMAND"), "ResourceNotFoundException", "")
		e.ok(mode(e.streamARN("events"), "ON_DEMAND"))
		_, err = c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("7")})
		e.refused(err, "ValidationException", "/ON_DEMAND/")
		e.ok(mode(e.streamARN("events"), "PROVISIONED"))

		on, err := c.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{"OutgoingBytes", "IncomingBytes"}})
		e.ok(err)
		if len(on.CurrentShardLevelMetrics) != 0 || len(on.DesiredShardLevelMetrics) != 2 || *on.StreamARN != e.streamARN("events") {
			e.Errorf("monitoring %+v", on)
		}
		off, err := c.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{StreamName: name, ShardLevelMetrics: []types.MetricsName{"ALL"}})
		e.ok(err)
		if len(off.CurrentShardLevelMetrics) != 2 || len(off.DesiredShardLevelMetrics) != 0 {
			e.Errorf("monitoring %+v", off)
		}
	})
}

// TestStream_tags: both families of operations on tags, and the condition keys.
func TestStream_tags(t *testing.T) {
	each(t, func(e *env) {
		ctx, c, name := e.Context(), e.root.Kinesis, aws.String("red")
		e.newStream("red", 1, func(in *kinesis.CreateStreamInput) { in.Tags = map[string]string{"Team": "red"} })
		e.newStream("blue", 1, func(in *kinesis.CreateStreamInput) { in.Tags = map[string]string{"Team": "blue"} })
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"kinesis:PutRecord","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"red"}}},
			{"Effect":"Allow","Action":["kinesis:AddTagsToStream","kinesis:TagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}}},
			{"Effect":"Allow","Action":"kinesis:CreateStream","Resource":"`+e.streamARN("*")+`"},
			{"Effect":"Allow","Action":["kinesis:RemoveTagsFromStream","kinesis:UntagResource"],"Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["Note"]}}}]}`)
		put := func(name string) error {
			_, err := ann.Kinesis.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: aws.String("k"), Data: []byte("x")})
			return err
		}
		e.refused(put("blue"), "AccessDeniedException", "")
		e.ok(put("red"))
		create := func(name string, tags map[string]string) error {
			_, err := ann.Kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1), Tags: tags})
			return err
		}
		e.refused(create("green", map[string]string{"Team": "green"}), "AccessDeniedException", "/perform: kinesis:AddTagsToStream on resource: /")
		e.ok(create("crimson", map[string]string{"Team": "red"}))
		_, err := ann.Kinesis.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: map[string]string{"Team": "red", "Note": "x"}})
		e.refused(err, "AccessDeniedException", "")
		_, err = ann.Kinesis.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: aws.String(e.streamARN("red")), Tags: map[string]string{"Team": "blue"}})
		e.refused(err, "AccessDeniedException", "")
		_, err = ann.Kinesis.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: name, TagKeys: []string{"Team"}})
		e.refused(err, "AccessDeniedException", "")
		_, err = ann.Kinesis.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: aws.String(e.streamARN("red")), TagKeys: []string{"Team"}})
		e.refused(err, "AccessDeniedException", "")

		many := map[string]string{}
		for i := range 50 {
			many[fmt.Sprintf("k%02d", i)] = "v"
		}
		_, err = c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: many})
		e.refused(err, "InvalidArgumentException", "/maximum of 50 tags/")
		_, err = c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: aws.String("none"), Tags: map[string]string{"k": "v"}})
		e.refused(err, "ResourceNotFoundException", "")
		_, err = c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: aws.String("none")})
		e.refused(err, "ResourceNotFoundException", "")
		_, err = c.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: aws.String(e.streamARN("red") + "/consumer/c:1")})
		e.refused(err, "ResourceNotFoundException", "")

		_, err = c.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: map[string]string{"Note": "1", "Extra": "2"}})
		e.ok(err)
		_, err = c.TagResource(ctx, &kinesis.TagResourceInput{ResourceARN: aws.String(e.streamARN("red")), Tags: map[string]string{"Note": "3"}})
		e.ok(err)
		_, err = c.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: name, TagKeys: []string{"Extra", "none"}})
		e.ok(err)
		page, err := c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: name, Limit: aws.Int32(1)})
		e.ok(err)
		if len(page.Tags) != 1 || *page.Tags[0].Key != "Note" || *page.Tags[0].Value != "3" || !*page.HasMoreTags {
			e.Errorf("tags %+v", page)
		}
		page, err = c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: name, ExclusiveStartTagKey: aws.String("Note")})
		e.ok(err)
		if len(page.Tags) != 1 || *page.Tags[0].Key != "Team" || *page.HasMoreTags {
			e.Errorf("tags after Note: %+v", page)
		}
		_, err = ann.Kinesis.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: aws.String(e.streamARN("red")), TagKeys: []string{"Note"}})
		e.ok(err)
		all, err := c.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: aws.String(e.streamARN("red"))})
		e.ok(err)
		if len(all.Tags) != 1 || *all.Tags[0].Key != "Team" {
			e.Errorf("tags %+v", all.Tags)
		}
	})
}

// TestStream_policy: a stream's own policy opens it to who has no other, and
// closes it to who has.
func TestStream_policy(t *testing.T) {
	each(t, func(e *env) {
		ctx, c, arn := e.Context(), e.root.Kinesis, e.streamARN("events")
		e.newStream("events", 1)
		e.newStream("other", 1)
		user := "arn:aws:iam::" + e.server.Account + ":user/"
		ann, _ := e.person("ann", "")
		bob, _ := e.person("bob", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}}`)
		set := func(effect, who, action, resource string) error {
			_, err := c.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &arn, Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"` + effect +
				`","Principal":{"AWS":"` + user + who + `"},"Action":"` + action + `","Resource":"` + resource + `"}}`)})
			return err
		}
		summary := func(c *kinesis.Client, name string) error {
			_, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
			return err
		}
		_, err := c.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &arn, Policy: aws.String(`{"Version":`)})
		e.refused(err, "InvalidArgumentException", "/^Invalid policy/")
		e.refused(set("Allow", "ann", "s3:GetObject", arn), "InvalidArgumentException", "/the action s3:GetObject/")
		e.refused(set("Allow", "ann", "kinesis:DescribeStreamSummary", e.streamARN("other")), "InvalidArgumentException", "/the resource/")
		_, err = c.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &arn})
		e.refused(err, "ResourceNotFoundException", "")
		_, err = ann.Kinesis.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &arn, Policy: aws.String("{}")})
		e.refused(err, "AccessDeniedException", "")
		e.refused(summary(ann.Kinesis, "events"), "AccessDeniedException", "")

		e.ok(set("Allow", "ann", "kinesis:DescribeStreamSummary", arn))
		e.ok(summary(ann.Kinesis, "events"))
		e.refused(summary(ann.Kinesis, "other"), "AccessDeniedException", "")
		got, err := c.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: &arn})
		e.ok(err)
		if !strings.Contains(*got.Policy, user+"ann") {
			e.Errorf("policy %s", *got.Policy)
		}
		e.ok(summary(bob.Kinesis, "events"))
		e.ok(set("Deny", "bob", "kinesis:*", arn))
		e.refused(summary(bob.Kinesis, "events"), "AccessDeniedException", "/with an explicit deny in a resource-based policy/")
		e.refused(summary(ann.Kinesis, "events"), "AccessDeniedException", "")
		_, err = c.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &arn})
		e.ok(err)
		e.ok(summary(bob.Kinesis, "events"))
	})
}

// TestEveryStreamOperation_denied: each operation, written or not, as a caller who
// may do everything to another stream.
func TestEveryStreamOperation_denied(t *testing.T) {
	each(t, func(e *env) {
		e.newStream("theirs", 1)
		it := e.shardIterator("theirs", firstShard)
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:*","Resource":"`+e.streamARN("mine")+`"}}`)
		given := map[string]string{"StreamName": "theirs", "StreamARN": e.streamARN("theirs"), "ResourceARN": e.streamARN("theirs"), "ShardIterator": *it, "ShardId": firstShard,
			"ConsumerARN": e.streamARN("theirs") + "/consumer/c:1"}
		body := func(name string) string {
			if name == "UpdateMaxRecordSize" { // fill counts up from 1
				return `{"StreamARN":"` + e.streamARN("theirs") + `","MaxRecordSizeInKiB":1024}`
			}
			b, err := fill(apikinesis.Service.Operations[name], given)
			e.ok(err)
			return b
		}
		for name := range apikinesis.Service.Operations {
			body := body(name)
			a := e.post(ann, "kinesis", "Kinesis_20131202."+name, body)
			if want := "is not authorized to perform: kinesis:" + name + " on resource: "; a.kind() != "AccessDeniedException" || !strings.Contains(a.message(), want) {
				e.Errorf("%s with %s: %d %s", name, body, a.status, a.body)
			}
		}
		for _, name := range []string{"SubscribeToShard", "RegisterStreamConsumer", "UpdateMaxRecordSize"} {
			if a := e.post(e.root, "kinesis", "Kinesis_20131202."+name, body(name)); a.kind() != "UnknownOperationException" {
				e.Errorf("%s is not written: %d %s", name, a.status, a.body)
			}
		}
	})
}
