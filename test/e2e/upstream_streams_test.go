package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// eachStreaming runs a test with a server whose stream "clicks" is "clicks-prod"
// in another one.
func eachStreaming(t *testing.T, test func(x *forwarding)) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			x := &forwarding{there: start(t, gatehousetest.ExpectFaults(), gatehousetest.Account("111111111111"))}
			x.there.newStream("clicks-prod", 2)
			x.there.newStream("others", 1)
			_, key := x.there.person("gatehouse", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kinesis:PutRecord","kinesis:PutRecords","kinesis:DescribeStream",
				"kinesis:DescribeStreamSummary","kinesis:ListShards","kinesis:GetShardIterator","kinesis:GetRecords"],"Resource":["`+x.there.streamARN("clicks-prod")+`","`+x.there.streamARN("none")+`"]}}`)
			x.wire = newWire(t, x.there.server.URL)
			var text strings.Builder
			for _, s := range []struct{ here, there, endpoint, secret string }{
				{"clicks", "clicks-prod", x.wire.URL, *key.SecretAccessKey}, {"wrong-key", "clicks-prod", x.wire.URL, "not-the-secret"}, {"denied", "others", x.wire.URL, *key.SecretAccessKey},
				{"missing", "none", x.wire.URL, *key.SecretAccessKey}, {"gone", "clicks-prod", "http://127.0.0.1:1", *key.SecretAccessKey},
			} {
				fmt.Fprintf(&text, "- stream: %s\n  name: %s\n  endpoint: %s\n  access-key-id: %s\n  secret-access-key: %s\n", s.here, s.there, s.endpoint, *key.AccessKeyId, s.secret)
			}
			x.file = upstreamsFile(t, text.String())
			x.env = start(t, append(on(t, kind), gatehousetest.Upstreams(x.file), gatehousetest.ExpectFaults())...)
			test(x)
		})
	}
}

// TestUpstreamStreams_refused: who may not hears so by the ARN here, an operation
// that is not possible is refused, and the upstream hears nothing.
func TestUpstreamStreams_refused(t *testing.T) {
	eachStreaming(t, func(x *forwarding) {
		ctx, clicks := x.Context(), aws.String("clicks")
		it := x.shardIterator("clicks", firstShard)
		x.wire.seen()
		nobody, _ := x.person("nobody", allow("kinesis:*", x.streamARN("clicks-prod")))
		why := func(action string) string {
			return "/^User: arn:aws:iam::" + x.server.Account + ":user/nobody is not authorized to perform: kinesis:" + action + " on resource: " + x.streamARN("clicks") + " because no identity-based policy allows/"
		}
		calls := func(c *kinesis.Client) map[string]error {
			all := map[string]error{}
			_, all["PutRecord"] = c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: clicks, PartitionKey: aws.String("k"), Data: []byte("x")})
			_, all["PutRecords"] = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: clicks, Records: []types.PutRecordsRequestEntry{{PartitionKey: aws.String("k"), Data: []byte("x")}}})
			_, all["DescribeStream"] = c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: clicks})
			_, all["DescribeStreamSummary"] = c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: aws.String(x.streamARN("clicks"))})
			_, all["ListShards"] = c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: clicks})
			_, all["GetShardIterator"] = c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: clicks, ShardId: aws.String(firstShard), ShardIteratorType: "LATEST"})
			_, all["GetRecords"] = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
			_, all["DeleteStream"] = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: clicks})
			return all
		}
		for action, err := range calls(nobody.Kinesis) {
			x.refused(err, "AccessDeniedException", why(action))
		}
		// Tags of the stream are known there alone: they decide against.
		tagged, _ := x.person("tagged", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:*","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/level":"high"}}}}`)
		for _, err := range calls(tagged.Kinesis) {
			x.refused(err, "AccessDeniedException", "")
		}
		// In another region it is another ARN.
		near, _ := x.person("near", allow("kinesis:*", x.streamARN("clicks")))
		_, err := near.Kinesis.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: clicks, PartitionKey: aws.String("k"), Data: []byte("x")}, func(o *kinesis.Options) { o.Region = "eu-south-1" })
		x.refused(err, "AccessDeniedException", "")

		c := x.root.Kinesis
		lives := "/^Stream clicks under account " + x.server.Account + " lives in another store/"
		_, err = c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: clicks, ShardCount: aws.Int32(1)})
		x.refused(err, "InvalidArgumentException", lives)
		_, err = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: clicks})
		x.refused(err, "InvalidArgumentException", lives)
		_, err = c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: clicks, ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("7")})
		x.refused(err, "InvalidArgumentException", lives)
		_, err = c.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: aws.String(x.streamARN("clicks")), Policy: aws.String("{}")})
		x.refused(err, "InvalidArgumentException", lives)
		_, err = c.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{StreamName: clicks})
		x.refused(err, "InvalidArgumentException", lives)

		// What is malformed or too large is found here.
		_, err = c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: clicks, PartitionKey: aws.String("k"), Data: make([]byte, 1<<20+1)})
		x.refused(err, "ValidationException", "")
		_, err = c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: clicks, PartitionKey: aws.String("k"), Data: []byte("x"), ExplicitHashKey: aws.String("340282366920938463463374607431768211456")})
		x.refused(err, "InvalidArgumentException", "/^Invalid ExplicitHashKey/")
		_, err = c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: clicks, ShardId: aws.String(firstShard), ShardIteratorType: "AT_SEQUENCE_NUMBER"})
		x.refused(err, "InvalidArgumentException", "/^Must either specify/")
		_, err = c.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:111111111111:stream/clicks"), PartitionKey: aws.String("k"), Data: []byte("x")})
		x.refused(err, "ResourceNotFoundException", "")
		x.untouched("what is refused here")
	})
}

// TestUpstreamStreams_iterators: an iterator is good for whoever may read the
// stream, in its region, unaltered, for five minutes.
func TestUpstreamStreams_iterators(t *testing.T) {
	eachStreaming(t, func(x *forwarding) {
		ctx, c := x.Context(), x.root.Kinesis
		x.newStream("local", 1)
		x.writeRecord("clicks", "k", "secret")
		far, local := x.shardIterator("clicks", firstShard), x.shardIterator("local", firstShard)
		there, err := x.there.root.Kinesis.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: aws.String("clicks-prod"), ShardId: aws.String(firstShard), ShardIteratorType: "TRIM_HORIZON"})
		x.ok(err)
		list, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("clicks"), MaxResults: aws.Int32(1)})
		x.ok(err)
		x.wire.seen()
		other, _ := x.person("other", allow("kinesis:*", x.streamARN("local")))
		_, err = other.Kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: far})
		x.refused(err, "AccessDeniedException", "/kinesis:GetRecords on resource: "+x.streamARN("clicks")+" because/")
		_, err = other.Kinesis.ListShards(ctx, &kinesis.ListShardsInput{NextToken: list.NextToken})
		x.refused(err, "AccessDeniedException", "/kinesis:ListShards on resource: "+x.streamARN("clicks")+" because/")
		_, err = other.Kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: local})
		x.ok(err)
		altered := []byte(*far)
		altered[len(altered)/2] ^= 1
		for _, it := range []string{string(altered), (*far)[1:], *there.ShardIterator, *list.NextToken} {
			if len(it) > 512 {
				it = it[:512]
			}
			_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: &it})
			x.refused(err, "InvalidArgumentException", "Invalid ShardIterator.")
		}
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: far}, func(o *kinesis.Options) { o.Region = "eu-south-1" })
		x.refused(err, "InvalidArgumentException", "Invalid ShardIterator.")
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: far, StreamARN: aws.String(x.streamARN("local"))})
		x.refused(err, "InvalidArgumentException", "")
		for _, in := range []*kinesis.ListShardsInput{{NextToken: far}, {NextToken: aws.String((*list.NextToken)[1:])}} {
			_, err = c.ListShards(ctx, in)
			x.refused(err, "InvalidArgumentException", "Invalid NextToken.")
		}
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: list.NextToken}, func(o *kinesis.Options) { o.Region = "eu-south-1" })
		x.refused(err, "InvalidArgumentException", "Invalid NextToken.")
		x.server.Advance(5*time.Minute + time.Second)
		_, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: far})
		x.refused(err, "ExpiredIteratorException", "/^Iterator expired. The iterator was created at time/")
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{NextToken: list.NextToken})
		x.refused(err, "ExpiredNextTokenException", "")
		x.untouched("iterators and tokens that are not good")
	})
}

// TestUpstreamStreams: a stream there is written, read, described and listed as
// one of here.
func TestUpstreamStreams(t *testing.T) {
	eachStreaming(t, func(x *forwarding) {
		ctx, c, clicks := x.Context(), x.root.Kinesis, aws.String("clicks")
		x.newStream("aaa", 1)
		x.newStream("zzz", 1)

		// Written here, it is read there, and the reverse.
		put := x.writeRecord("clicks", "<é&>", "from here")
		got := x.there.readRecords(x.there.shardIterator("clicks-prod", *put.ShardId))
		if len(got) != 1 || string(got[0].Data) != "from here" || *got[0].PartitionKey != "<é&>" || *got[0].SequenceNumber != *put.SequenceNumber {
			x.Errorf("the upstream has %+v", got)
		}
		x.there.writeRecord("clicks-prod", "<é&>", "from there")
		if got := x.readRecords(x.shardIterator("clicks", *put.ShardId)); !slices.Equal(dataOf(got), []string{"from here", "from there"}) || *got[0].PartitionKey != "<é&>" || got[0].ApproximateArrivalTimestamp == nil {
			x.Errorf("read %+v", got)
		}
		after := x.shardIterator("clicks", *put.ShardId, func(in *kinesis.GetShardIteratorInput) {
			in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, put.SequenceNumber
		})
		if got := dataOf(x.readRecords(after)); !slices.Equal(got, []string{"from there"}) {
			x.Errorf("after a sequence number: %q", got)
		}
		_, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: clicks, ShardId: aws.String("shardId-000000000009"), ShardIteratorType: "LATEST"})
		x.refused(err, "ResourceNotFoundException", "The shard does not exist in stream clicks under account "+x.server.Account)
		_, err = c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: clicks, ShardId: aws.String(firstShard), ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: aws.String("7")})
		x.refused(err, "InvalidArgumentException", "/^The store behind stream clicks/")

		// Five hundred at once, in their order.
		var entries []types.PutRecordsRequestEntry
		var want []string
		for i := range 500 {
			want = append(want, fmt.Sprint(i))
			entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint("k", i)), ExplicitHashKey: aws.String("0"), Data: []byte(want[i])})
		}
		all, err := c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamARN: aws.String(x.streamARN("clicks")), Records: entries})
		x.ok(err)
		if *all.FailedRecordCount != 0 || len(all.Records) != 500 || *all.Records[499].ShardId != firstShard {
			x.Errorf("PutRecords answered %d, %d records", *all.FailedRecordCount, len(all.Records))
		}
		at := x.shardIterator("clicks", firstShard, func(in *kinesis.GetShardIteratorInput) {
			in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAtSequenceNumber, all.Records[0].SequenceNumber
		})
		page, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: at, Limit: aws.Int32(300)})
		x.ok(err)
		if len(page.Records) != 300 {
			x.Errorf("a page of 300 has %d records", len(page.Records))
		}
		if got := dataOf(append(page.Records, x.readRecords(page.NextShardIterator)...)); !slices.Equal(got, want) {
			x.Errorf("500 records came back as %d: %q", len(got), got)
		}

		// Ten megabytes in one answer.
		big := types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("340282366920938463463374607431768211455"), Data: bytes.Repeat([]byte{0xff}, 1<<20-100)}
		mark := x.shardIterator("clicks", "shardId-000000000001", func(in *kinesis.GetShardIteratorInput) { in.ShardIteratorType = types.ShardIteratorTypeLatest })
		for range 2 {
			_, err = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: clicks, Records: []types.PutRecordsRequestEntry{big, big, big, big, big}})
			x.ok(err)
		}
		page, err = c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: mark})
		x.ok(err)
		if len(page.Records) != 10 || !bytes.Equal(page.Records[9].Data, big.Data) {
			x.Errorf("%d large records", len(page.Records))
		}
		_, err = c.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: clicks, Records: []types.PutRecordsRequestEntry{big, big, big, big, big, big}})
		x.refused(err, "InvalidArgumentException", "Records size exceeds 5 MB limit")

		// Described and listed by its name here.
		d, err := c.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: clicks, Limit: aws.Int32(1)})
		x.ok(err)
		s, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: clicks})
		x.ok(err)
		if e := d.StreamDescription; *e.StreamName != "clicks" || *e.StreamARN != x.streamARN("clicks") || !*e.HasMoreShards || len(e.Shards) != 1 || *e.Shards[0].ShardId != firstShard || e.StreamStatus != "ACTIVE" {
			x.Errorf("described as %+v", e)
		}
		if e := s.StreamDescriptionSummary; *e.StreamName != "clicks" || *e.StreamARN != x.streamARN("clicks") || *e.OpenShardCount != 2 || *e.RetentionPeriodHours != 24 {
			x.Errorf("summed up as %+v", e)
		}
		var shards []string
		for in := (&kinesis.ListShardsInput{StreamName: clicks, MaxResults: aws.Int32(1)}); ; {
			out, err := c.ListShards(ctx, in)
			x.ok(err)
			for _, h := range out.Shards {
				shards = append(shards, *h.ShardId)
			}
			if out.NextToken == nil {
				break
			}
			in = &kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: aws.Int32(1)}
		}
		if !slices.Equal(shards, []string{firstShard, "shardId-000000000001"}) {
			x.Errorf("shards %v", shards)
		}
		x.wire.seen()
		for _, most := range []int32{1, 2, 100} {
			var names []string
			for in := (&kinesis.ListStreamsInput{Limit: &most}); ; {
				out, err := c.ListStreams(ctx, in)
				x.ok(err)
				names = append(names, out.StreamNames...)
				for i, s := range out.StreamSummaries {
					if *s.StreamName != out.StreamNames[i] || *s.StreamARN != x.streamARN(*s.StreamName) || s.StreamStatus != "ACTIVE" {
						x.Errorf("listed as %+v", s)
					}
				}
				if !*out.HasMoreStreams {
					break
				}
				in = &kinesis.ListStreamsInput{Limit: &most, NextToken: out.NextToken}
			}
			if got := strings.Join(names, " "); got != "aaa clicks denied gone missing wrong-key zzz" {
				x.Errorf("streams in pages of %d: %s", most, got)
			}
		}
		x.untouched("ListStreams")

		// A reshard there is followed from parent to child.
		_, err = x.there.root.Kinesis.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: aws.String("clicks-prod"), ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("7")})
		x.ok(err)
		end, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: x.shardIterator("clicks", firstShard)})
		x.ok(err)
		if end.NextShardIterator != nil || len(end.ChildShards) != 2 || *end.ChildShards[0].ShardId != "shardId-000000000002" {
			x.Errorf("a closed shard ends with %v, %+v", end.NextShardIterator, end.ChildShards)
		}
	})
}

// TestUpstreamStreams_broken: failures of the upstream are not the caller's, no
// other stream waits for them, and nothing of the caller's reaches it.
func TestUpstreamStreams_broken(t *testing.T) {
	eachStreaming(t, func(x *forwarding) {
		x.newStream("local", 1)
		put := func(stream string) error {
			_, err := x.root.Kinesis.PutRecord(x.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("k"), Data: []byte("x")})
			return err
		}
		const failed = "The store behind this stream did not do what this server asked of it. The operator finds the cause in the log under this request id."
		for _, stream := range []string{"wrong-key", "denied", "missing"} {
			x.refused(put(stream), "InternalFailureException", failed)
		}
		start := time.Now()
		for range 20 {
			x.refused(put("gone"), "ServiceUnavailable", "The store behind this stream cannot be reached at the moment. Try again later.")
		}
		if took := time.Since(start); took > 2*time.Second {
			x.Errorf("a dead upstream took %v for 20 answers", took)
		}
		for _, b := range []struct {
			name   string
			status int
			answer string
			code   string
		}{
			{"no JSON", 200, `<html>`, "InternalFailureException"},
			{"a denial", 400, `{"__type":"com.amazon#AccessDeniedException","Message":"User gatehouse"}`, "InternalFailureException"},
			{"an expired key", 400, `{"__type":"ExpiredTokenException"}`, "InternalFailureException"},
			{"too much", 400, `{"__type":"ProvisionedThroughputExceededException","message":"in stream clicks-prod"}`, "ProvisionedThroughputExceededException"},
			{"a failure", 500, ``, "InternalFailureException"},
			{"a redirect", 302, ``, "InternalFailureException"},
		} {
			x.wire.put(func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Location", x.there.server.URL)
				w.WriteHeader(b.status)
				_, _ = io.WriteString(w, b.answer)
				return true
			})
			x.wire.seen()
			if !x.refused(put("clicks"), b.code, "") {
				x.Errorf("that was %s", b.name)
			}
			if n := len(x.wire.seen()); n != 1 {
				x.Errorf("%s: the upstream was asked %d times", b.name, n)
			}
		}

		// One that does not answer holds so many requests and no more.
		hung := make(chan bool)
		x.wire.put(func(_ http.ResponseWriter, r *http.Request) bool {
			<-hung
			return false
		})
		const callers = 70 // of which 64 are let through
		answers := make(chan error, callers)
		for range callers {
			go func() { answers <- put("clicks") }()
		}
		for range callers - 64 {
			x.refused(<-answers, "ProvisionedThroughputExceededException", "Rate exceeded for stream clicks under account "+x.server.Account+".")
		}
		start = time.Now()
		x.ok(put("local"))
		if took := time.Since(start); took > 5*time.Second {
			x.Errorf("another stream waited %v", took)
		}
		close(hung)
		for range 64 {
			x.ok(<-answers)
		}

		x.wire.put(nil)
		x.wire.seen()
		guest, _ := x.person("guest", allow("kinesis:PutRecord", x.streamARN("clicks")))
		_, err := guest.Kinesis.PutRecord(x.Context(), &kinesis.PutRecordInput{StreamName: aws.String("clicks"), PartitionKey: aws.String("k"), Data: []byte("x")})
		x.ok(err)
		for _, r := range x.wire.seen() {
			for name := range r.Header {
				if !slices.Contains([]string{"Authorization", "Content-Type", "Content-Length", "User-Agent", "X-Amz-Date", "X-Amz-Target", "X-Forwarded-For"}, name) {
					x.Errorf("%s reached the upstream", name)
				}
			}
		}
	})
}
