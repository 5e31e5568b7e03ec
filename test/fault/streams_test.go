package fault_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"gatehouse/internal/store/storetest"
)

// TestKill_streams kills a server, or one of two, while clients write to a stream,
// another one is resharded, and a third is being deleted. Every record that was
// acknowledged is there once, under the number that was answered; a shard's
// numbers never repeat; every hash key has one open shard; and what was being
// deleted goes.
func TestKill_streams(t *testing.T) {
	kills := max(3, int(number(t, "GATEHOUSE_TEST_KILLS", 25))/2)
	seed := number(t, "GATEHOUSE_TEST_SEED", uint64(time.Now().UnixNano()))
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Logf("%d kills, GATEHOUSE_TEST_SEED=%d", kills, seed)
			random := rand.New(rand.NewPCG(seed, 2))
			data, database := t.TempDir(), ""
			if kind == "postgres" {
				database = storetest.Postgres(t).URL
			}
			victim := newNode(t, data, "", database)
			victim.start()
			nodes := []*node{victim}
			if kind == "postgres" {
				nodes = append(nodes, newNode(t, data, victim.url(), database))
				nodes[1].start()
			}
			l := &log{acknowledged: map[string]string{}}
			create(t, victim, "events", 2)
			for round := range kills {
				l.interrupt(t, nodes, round, time.Duration(20+random.IntN(300))*time.Millisecond)
				victim.start()
				l.check(t, nodes[len(nodes)-1])
				deleted(t, victim, fmt.Sprint("gone", round))
				if kind == "sqlite" {
					integrity(t, data)
				}
				if t.Failed() {
					t.Fatalf("in round %d", round)
				}
			}
			for _, n := range nodes {
				n.stop()
				if c := n.complaints(); c != "" {
					t.Errorf("the server complained:\n%s", c)
				}
			}
			t.Logf("%d acknowledged records", len(l.acknowledged))
			if len(l.acknowledged) < 10*kills {
				t.Error("too few records to mean anything")
			}
		})
	}
}

// log is what was acknowledged: by shard and sequence number, the data.
type log struct {
	mu           sync.Mutex
	acknowledged map[string]string
}

func create(t *testing.T, n *node, name string, shards int32) {
	t.Helper()
	if _, err := n.root().Kinesis.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
}

// interrupt lets clients write, reshard and delete, and kills the first node after
// a time.
func (l *log) interrupt(t *testing.T, nodes []*node, round int, after time.Duration) {
	t.Helper()
	gone := fmt.Sprint("gone", round)
	create(t, nodes[0], gone, 1)
	big := make([]types.PutRecordsRequestEntry, 5)
	for i := range big {
		big[i] = types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: make([]byte, 900<<10)}
	}
	if _, err := nodes[0].root().Kinesis.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: &gone, Records: big}); err != nil {
		t.Fatal(err)
	}
	var dead, over atomic.Bool
	var all sync.WaitGroup
	work := func(n *node, do func(i int) error) {
		all.Go(func() {
			for i := 0; !over.Load(); i++ {
				if err := do(i); err != nil {
					var api smithy.APIError
					if answered := errors.As(err, &api); answered || n != nodes[0] || !dead.Load() {
						t.Errorf("on %s: %v", n.addr, err)
					}
					return
				}
			}
		})
	}
	for w := range workers {
		n := nodes[w%len(nodes)]
		work(n, func(i int) error { return l.put(t, n, fmt.Sprintf("r%d-w%d-%d", round, w, i), w%3 == 0) })
	}
	work(nodes[0], func(i int) error {
		target := int32(2 + i%2)
		if i > 5 {
			time.Sleep(10 * time.Millisecond)
			return nil
		}
		_, err := nodes[0].root().Kinesis.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("events"), TargetShardCount: &target, ScalingType: types.ScalingTypeUniformScaling})
		return err
	})
	time.Sleep(after)
	// In the middle of a removal: the records go in several transactions.
	if _, err := nodes[0].root().Kinesis.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: &gone}); err != nil {
		t.Error(err)
	}
	dead.Store(true)
	nodes[0].kill()
	if len(nodes) > 1 {
		time.Sleep(100 * time.Millisecond)
	}
	over.Store(true)
	all.Wait()
}

// put writes one record, or ten in a call.
func (l *log) put(t *testing.T, n *node, name string, several bool) error {
	if !several {
		out, err := n.root().Kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("events"), PartitionKey: &name, Data: []byte(name)})
		if err == nil {
			l.add(t, *out.ShardId, *out.SequenceNumber, name)
		}
		return err
	}
	in := &kinesis.PutRecordsInput{StreamName: aws.String("events")}
	for i := range 10 {
		key := fmt.Sprint(name, ".", i)
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(key)})
	}
	out, err := n.root().Kinesis.PutRecords(t.Context(), in)
	if err != nil {
		return err
	}
	for i, r := range out.Records {
		l.add(t, *r.ShardId, *r.SequenceNumber, fmt.Sprint(name, ".", i))
	}
	return nil
}

func (l *log) add(t *testing.T, shard, number, data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := shard + " " + number
	if other := l.acknowledged[key]; other != "" {
		t.Errorf("%s was given to %s and to %s", key, other, data)
	}
	l.acknowledged[key] = data
}

// check reads everything and compares.
func (l *log) check(t *testing.T, n *node) {
	t.Helper()
	c := n.root().Kinesis
	list, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("events")})
	if err != nil {
		t.Fatal(err)
	}
	seen, open := map[string]bool{}, map[string]bool{}
	for _, h := range list.Shards {
		if h.SequenceNumberRange.EndingSequenceNumber == nil {
			open[*h.HashKeyRange.StartingHashKey] = true
		}
		it, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("events"), ShardId: h.ShardId, ShardIteratorType: "TRIM_HORIZON"})
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for next := it.ShardIterator; next != nil; {
			out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.Records {
				key := *h.ShardId + " " + *r.SequenceNumber
				if *r.SequenceNumber <= last {
					t.Errorf("%s comes after %s", key, last)
				}
				last = *r.SequenceNumber
				if want := l.acknowledged[key]; want != "" && want != string(r.Data) {
					t.Errorf("%s is %s, and was acknowledged as %s", key, r.Data, want)
				}
				seen[key] = true
			}
			if next = out.NextShardIterator; len(out.Records) == 0 {
				break
			}
		}
	}
	lost := []string{}
	for key, data := range l.acknowledged {
		if !seen[key] {
			lost = append(lost, data)
		}
	}
	if len(lost) > 0 {
		t.Errorf("%d acknowledged records are lost: %s", len(lost), strings.Join(lost[:min(10, len(lost))], ", "))
	}
	if !open["0"] || len(open) < 2 || len(open) > 3 {
		t.Errorf("open shards begin at %v", open)
	}
}

// deleted wants a stream that was being deleted to go, and its name to be free.
func deleted(t *testing.T, n *node, name string) {
	t.Helper()
	for range 300 {
		_, err := n.root().Kinesis.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		if refusedWith(err, "ResourceNotFoundException") {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("stream %s stays", name)
}
