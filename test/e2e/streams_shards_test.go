package e2e_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"gatehouse/internal/store/storetest"
)

// listedShards lists a stream's shards by number.
func (e *env) listedShards(stream string, filter *types.ShardFilter) []types.Shard {
	e.Helper()
	out, err := e.root.Kinesis.ListShards(e.Context(), &kinesis.ListShardsInput{StreamName: &stream, ShardFilter: filter})
	e.ok(err)
	return out.Shards
}

func numbersOf(shards []types.Shard) string {
	var list []string
	for _, h := range shards {
		list = append(list, (*h.ShardId)[len(*h.ShardId)-2:])
	}
	return strings.Join(list, " ")
}

// wholeRange wants the open shards to hold each hash key once, and every shard to
// have one or two parents, or to be one of the first.
func (e *env) wholeRange(stream string, open, firsts int) {
	e.Helper()
	list := e.listedShards(stream, &types.ShardFilter{Type: types.ShardFilterTypeAtLatest})
	slices.SortFunc(list, func(a, b types.Shard) int {
		return bigNumber(*a.HashKeyRange.StartingHashKey).Cmp(bigNumber(*b.HashKeyRange.StartingHashKey))
	})
	next := big.NewInt(0)
	for _, h := range list {
		if bigNumber(*h.HashKeyRange.StartingHashKey).Cmp(next) != 0 {
			e.Errorf("%s begins at %s and not at %s", *h.ShardId, *h.HashKeyRange.StartingHashKey, next)
		}
		next = new(big.Int).Add(bigNumber(*h.HashKeyRange.EndingHashKey), big.NewInt(1))
	}
	if len(list) != open || next.Cmp(new(big.Int).Lsh(big.NewInt(1), 128)) != 0 {
		e.Errorf("%d open shards end at %s", len(list), next)
	}
	all := map[string]types.Shard{}
	for i, h := range e.listedShards(stream, nil) {
		all[*h.ShardId] = h
		if (h.ParentShardId == nil) != (i < firsts) {
			e.Errorf("%s has the parent %s", *h.ShardId, aws.ToString(h.ParentShardId))
		}
		for _, parent := range []*string{h.ParentShardId, h.AdjacentParentShardId} {
			if parent == nil {
				continue
			}
			p := all[*parent]
			if p.SequenceNumberRange == nil || p.SequenceNumberRange.EndingSequenceNumber == nil || *p.SequenceNumberRange.EndingSequenceNumber >= *h.SequenceNumberRange.StartingSequenceNumber {
				e.Errorf("%s begins before its parent %s ends", *h.ShardId, *parent)
			}
		}
	}
}

func bigNumber(text string) *big.Int {
	n, _ := new(big.Int).SetString(text, 10)
	return n
}

// TestStream_resharding: shards split and merge, a reader goes from parents to
// children, and what was written before stays in its order.
func TestStream_resharding(t *testing.T) {
	each(t, func(e *env) {
		ctx, c, name := e.Context(), e.root.Kinesis, aws.String("events")
		e.newStream("events", 1)
		split := func(shard, at string) error {
			_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: &shard, NewStartingHashKey: &at})
			return err
		}
		merge := func(a, b string) error {
			_, err := c.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: &a, AdjacentShardToMerge: &b})
			return err
		}
		count := func(n int32) error {
			_, err := c.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamName: name, TargetShardCount: &n, ScalingType: types.ScalingTypeUniformScaling})
			return err
		}
		id := func(n int) string { return fmt.Sprintf("shardId-%012d", n) }
		const middle, top = "170141183460469231731687303715884105728", "340282366920938463463374607431768211455"
		e.refused(split(id(7), middle), "ResourceNotFoundException", "/^Could not find shard shardId-000000000007/")
		e.refused(split(id(0), "0"), "InvalidArgumentException", "/^NewStartingHashKey 0 used in SplitShard/")
		e.refused(split(id(0), top+"0"), "ValidationException", "")
		e.refused(split(id(0), "999999999999999999999999999999999999999"), "InvalidArgumentException", "")
		e.refused(merge(id(0), id(0)), "InvalidArgumentException", "/are not an adjacent pair/")
		e.refused(merge(id(0), id(7)), "ResourceNotFoundException", "")
		e.refused(count(3), "InvalidArgumentException", "/^UpdateShardCount cannot scale up over double/")
		e.refused(count(0), "ValidationException", "")

		put := func(data, hash string) string {
			out, err := c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: name, PartitionKey: aws.String("k"), ExplicitHashKey: &hash, Data: []byte(data)})
			e.ok(err)
			return *out.ShardId
		}
		put("before", "0")
		start := e.shardIterator("events", id(0))
		e.ok(split(id(0), middle))
		e.refused(split(id(0), middle), "InvalidArgumentException", "/has already been merged or split/")
		e.refused(merge(id(1), id(0)), "InvalidArgumentException", "/has already been merged or split/")
		if a, b := put("low", "0"), put("high", top); a != id(1) || b != id(2) {
			e.Errorf("written to %s and %s", a, b)
		}
		out, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: start})
		e.ok(err)
		if got := dataOf(out.Records); !slices.Equal(got, []string{"before"}) || out.NextShardIterator != nil || len(out.ChildShards) != 2 || *out.ChildShards[1].ShardId != id(2) ||
			!slices.Equal(out.ChildShards[0].ParentShards, []string{id(0)}) || *out.ChildShards[0].HashKeyRange.StartingHashKey != "0" {
			e.Errorf("the end of a shard: %q, next %v, children %+v", got, aws.ToString(out.NextShardIterator), out.ChildShards)
		}
		e.wholeRange("events", 2, 1)
		e.ok(merge(id(2), id(1)))
		merged := e.listedShards("events", nil)[3]
		if *merged.ParentShardId != id(2) || *merged.AdjacentParentShardId != id(1) || put("merged", "5") != id(3) {
			e.Errorf("merged: %+v", merged)
		}
		if got := dataOf(e.readRecords(e.shardIterator("events", id(2)))); !slices.Equal(got, []string{"high"}) {
			e.Errorf("the closed shard has %q", got)
		}
		for _, n := range []int32{2, 4, 7, 5, 3, 2, 1} {
			e.ok(count(n))
			e.wholeRange("events", int(n), 1)
		}
		e.refused(count(3), "InvalidArgumentException", "")
		summary, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
		e.ok(err)
		if *summary.StreamDescriptionSummary.OpenShardCount != 1 {
			e.Errorf("%d open shards", *summary.StreamDescriptionSummary.OpenShardCount)
		}
	})
}

// TestListShards_filters: each type of filter, on a stream that was split an hour
// after it was made.
func TestListShards_filters(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.Kinesis
		e.newStream("events", 2)
		e.server.Advance(time.Hour)
		_, err := c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: aws.String("events"), ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("9")})
		e.ok(err)
		e.server.Advance(time.Hour)
		early, late := e.server.Now().Add(-90*time.Minute), e.server.Now().Add(-30*time.Minute)
		for _, want := range []struct {
			filter  types.ShardFilter
			numbers string
		}{
			{types.ShardFilter{Type: "AT_LATEST"}, "01 02 03"},
			{types.ShardFilter{Type: "AT_TRIM_HORIZON"}, "00 01"},
			{types.ShardFilter{Type: "FROM_TRIM_HORIZON"}, "00 01 02 03"},
			{types.ShardFilter{Type: "AFTER_SHARD_ID", ShardId: aws.String("shardId-000000000001")}, "02 03"},
			{types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: &early}, "00 01"},
			{types.ShardFilter{Type: "AT_TIMESTAMP", Timestamp: &late}, "01 02 03"},
			{types.ShardFilter{Type: "FROM_TIMESTAMP", Timestamp: &early}, "00 01 02 03"},
			{types.ShardFilter{Type: "FROM_TIMESTAMP", Timestamp: &late}, "01 02 03"},
		} {
			if got := numbersOf(e.listedShards("events", &want.filter)); got != want.numbers {
				e.Errorf("%s: %s, want %s", want.filter.Type, got, want.numbers)
			}
		}
		for _, f := range []types.ShardFilter{{Type: "AFTER_SHARD_ID"}, {Type: "AT_TIMESTAMP"}, {Type: "FROM_TIMESTAMP", Timestamp: aws.Time(e.server.Now().Add(time.Hour))}} {
			_, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("events"), ShardFilter: &f})
			e.refused(err, "InvalidArgumentException", "")
		}
		// A closed shard is shown until its last record is too old.
		e.server.Advance(24 * time.Hour)
		if got := numbersOf(e.listedShards("events", nil)); got != "01 02 03" {
			e.Errorf("a day later: %s", got)
		}
	})
}

// TestStream_race: 32 writers to one shard, on two nodes where the store has them,
// while it is split and merged under them. Every record that was acknowledged is
// there once, under the number that was answered, in the order in which each
// writer wrote.
func TestStream_race(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			here := start(t, on(t, kind)...)
			nodes := []*env{here}
			if kind == "postgres" {
				nodes = append(nodes, here.another())
			}
			here.newStream("events", 1)
			const writers, each = 32, 25
			type place struct{ shard, sequence string }
			var mu sync.Mutex
			acknowledged := map[place]string{}
			var all sync.WaitGroup
			for w := range writers {
				all.Go(func() {
					e := nodes[w%len(nodes)]
					for i := range each {
						data := fmt.Sprintf("%02d/%02d", w, i)
						out, err := e.root.Kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("events"), PartitionKey: aws.String(fmt.Sprint(w)), Data: []byte(data)})
						if err != nil {
							t.Errorf("%s: %v", data, err)
							continue
						}
						p := place{*out.ShardId, *out.SequenceNumber}
						mu.Lock()
						if other := acknowledged[p]; other != "" {
							t.Errorf("%v was given to %s and to %s", p, other, data)
						}
						acknowledged[p] = data
						mu.Unlock()
					}
				})
			}
			far := nodes[len(nodes)-1]
			for _, n := range []int32{2, 3, 2} {
				time.Sleep(50 * time.Millisecond)
				_, err := far.root.Kinesis.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("events"), TargetShardCount: &n, ScalingType: types.ScalingTypeUniformScaling})
				here.ok(err)
			}
			all.Wait()
			order := map[string][]string{} // of each writer, by sequence number
			total := 0
			for _, h := range here.listedShards("events", nil) {
				last := ""
				for _, r := range here.readRecords(here.shardIterator("events", *h.ShardId)) {
					total++
					if *r.SequenceNumber <= last {
						t.Errorf("%s has %s after %s", *h.ShardId, *r.SequenceNumber, last)
					}
					last = *r.SequenceNumber
					if got := acknowledged[place{*h.ShardId, last}]; got != string(r.Data) {
						t.Errorf("%s %s is %s, and was acknowledged as %q", *h.ShardId, last, r.Data, got)
					}
					order[*r.PartitionKey] = append(order[*r.PartitionKey], last+" "+string(r.Data))
				}
			}
			if total != writers*each || len(acknowledged) != total {
				t.Errorf("%d records of %d acknowledged", total, len(acknowledged))
			}
			for w, list := range order {
				slices.Sort(list) // numbers go on from parents to children
				for i, text := range list {
					if !strings.HasSuffix(text, fmt.Sprintf("/%02d", i)) {
						t.Errorf("writer %s: %v is out of order", w, list)
						break
					}
				}
			}
		})
	}
}

// TestStream_nodes: what one node does to a stream, the other one knows: deletion
// and resharding at once, policies within a second.
func TestStream_nodes(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			here := start(t, on(t, kind)...)
			there := here
			if kind == "postgres" {
				there = here.another()
			}
			put := func(e *env, c *kinesis.Client) (string, error) {
				out, err := c.PutRecord(e.Context(), &kinesis.PutRecordInput{StreamName: aws.String("events"), PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("0"), Data: []byte("x")})
				if err != nil {
					return "", err
				}
				return *out.ShardId, nil
			}
			here.newStream("events", 1)
			_, err := put(there, there.root.Kinesis) // which it remembers from now on
			here.ok(err)
			_, err = here.root.Kinesis.SplitShard(here.Context(), &kinesis.SplitShardInput{StreamName: aws.String("events"), ShardToSplit: aws.String(firstShard), NewStartingHashKey: aws.String("9")})
			here.ok(err)
			if shard, err := put(there, there.root.Kinesis); err != nil || shard != "shardId-000000000001" {
				t.Errorf("after the split: %s, %v", shard, err)
			}
			_, key := here.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}}`)
			ann := there.as(*key.AccessKeyId, *key.SecretAccessKey, "")
			_, err = put(there, ann.Kinesis)
			here.ok(err)
			_, err = here.root.Kinesis.PutResourcePolicy(here.Context(), &kinesis.PutResourcePolicyInput{ResourceARN: aws.String(here.streamARN("events")), Policy: aws.String(
				`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"` + "arn:aws:iam::" + here.server.Account + `:user/ann"},"Action":"kinesis:*","Resource":"` + here.streamARN("events") + `"}}`)})
			here.ok(err)
			if kind == "postgres" {
				time.Sleep(time.Second)
			}
			_, err = put(there, ann.Kinesis)
			there.refused(err, "AccessDeniedException", "/with an explicit deny in a resource-based policy/")

			_, err = here.root.Kinesis.DeleteStream(here.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("events")})
			here.ok(err)
			_, err = put(there, there.root.Kinesis)
			there.refused(err, "ResourceNotFoundException", "")
			here.streamGone("events")
			here.newStream("events", 1)
			if shard, err := put(there, there.root.Kinesis); err != nil || shard != firstShard {
				t.Errorf("the new stream: %s, %v", shard, err)
			}
			if got := here.readRecords(here.shardIterator("events", firstShard)); len(got) != 1 {
				t.Errorf("%d records in the new stream", len(got))
			}
		})
	}
}
