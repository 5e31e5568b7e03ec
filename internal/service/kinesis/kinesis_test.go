package kinesis

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/seal"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// clock is a time that a test moves.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// open is a service on a store of a kind.
func open(t testing.TB, kind string) (*Service, *clock) {
	t.Helper()
	c := &clock{}
	config := storetest.New(t, kind)
	config.Now = c.now
	ring, err := seal.Open(seal.Config{Keys: seal.NewKey(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	config.Ring = ring
	s := New(Config{DB: storetest.OpenConfig(t, config), Ring: ring, Account: "000000000000", Region: "us-east-1", Now: c.now, Log: slog.New(slog.DiscardHandler)})
	return s, c
}

func create(t testing.TB, s *Service, name string, shards int) {
	t.Helper()
	if _, err := s.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
}

func putOne(ctx context.Context, s *Service, name, key string, data []byte) error {
	_, err := s.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &name, PartitionKey: &key, Data: data})
	return err
}

// rows counts the rows of records of a stream's first shards, whoever can read
// them.
func rows(t testing.TB, s *Service, id string) (n int) {
	t.Helper()
	if err := s.DB.Read(t.Context(), func(tx *store.Tx) error {
		n = 0
		for shard := range int64(10) {
			list, err := store.RecordSizes(tx, id, shard, 0, time.Time{}, 100_000)
			if err != nil {
				return err
			}
			n += len(list)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSweep: records behind the trim horizon leave the store, and closed shards
// with them; the rest stays.
func TestSweep(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			s, c := open(t, kind)
			ctx := t.Context()
			create(t, s, "events", 2)
			for i := range 450 { // more than one transaction of the janitor removes
				if err := putOne(ctx, s, "events", fmt.Sprint(i), bytes.Repeat([]byte{'x'}, 20<<10)); err != nil {
					t.Fatal(err)
				}
			}
			st, err := s.lookUp(ctx, "us-east-1", "events")
			if err != nil {
				t.Fatal(err)
			}
			name, shard, adjacent := "events", shardID(0), shardID(1)
			if _, err := s.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: &name, ShardToMerge: &shard, AdjacentShardToMerge: &adjacent}); err != nil {
				t.Fatal(err)
			}
			c.advance(23 * time.Hour)
			if err := putOne(ctx, s, "events", "k", []byte("young")); err != nil {
				t.Fatal(err)
			}
			sweep := func(wantRows, wantShards int) {
				t.Helper()
				if err := s.Sweep(ctx); err != nil {
					t.Fatal(err)
				}
				out, err := s.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &name})
				if err != nil {
					t.Fatal(err)
				}
				if n := rows(t, s, st.ID); n != wantRows || len(out.Shards) != wantShards {
					t.Errorf("%d rows in %d shards, want %d in %d", n, len(out.Shards), wantRows, wantShards)
				}
			}
			sweep(451, 3)
			c.advance(2 * time.Hour)
			sweep(1, 1)

			if _, err := s.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &name}); err != nil {
				t.Fatal(err)
			}
			// Nobody runs Run here, as after kill -9: the stream is there, and the
			// name is taken, until somebody sweeps.
			one := 1
			if _, err := s.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &one}); err == nil {
				t.Error("the name of a stream that is being deleted is free")
			}
			if err := s.Sweep(ctx); err != nil {
				t.Fatal(err)
			}
			if n := rows(t, s, st.ID); n != 0 {
				t.Errorf("%d rows of a deleted stream", n)
			}
			create(t, s, "events", 1)
		})
	}
}

// TestClockRunsBack: a node whose clock is behind gives numbers and times that go
// on from those of the others.
func TestClockRunsBack(t *testing.T) {
	s, c := open(t, "sqlite")
	ctx, name, shard := t.Context(), "events", shardID(0)
	create(t, s, name, 1)
	for i, step := range []time.Duration{0, -time.Hour, 2 * time.Minute} {
		c.advance(step)
		if err := putOne(ctx, s, name, "k", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	kind := kinesis.ShardIteratorTypeTrimHorizon
	it, err := s.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: &name, ShardId: &shard, ShardIteratorType: &kind})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it.ShardIterator})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(out.Records, func(a, b kinesis.Record) int {
		return a.ApproximateArrivalTimestamp.Compare(b.ApproximateArrivalTimestamp.Time)
	}) || len(out.Records) != 3 || *out.MillisBehindLatest < 0 {
		t.Errorf("records %+v", out)
	}
}

// TestWrite_tooMuch: what waits is bounded, and what is over it is refused by the
// name that SDKs wait and retry on.
func TestWrite_tooMuch(t *testing.T) {
	s, _ := open(t, "sqlite")
	create(t, s, "events", 1)
	st, err := s.lookUp(t.Context(), "us-east-1", "events")
	if err != nil {
		t.Fatal(err)
	}
	waits := func(bytes int) {
		s.lanes.mu.Lock()
		defer s.lanes.mu.Unlock()
		s.lanes.bytes += bytes
	}
	waits(laneQueue)
	err = s.write(t.Context(), st, []entry{{record: record{"k", []byte("x")}}})
	if e, ok := err.(*kinesis.ProvisionedThroughputExceededException); !ok || !strings.Contains(e.Message, "Rate exceeded for shard shardId-000000000000 in stream events") {
		t.Errorf("got %v", err)
	}
	waits(-laneQueue)
	if err := s.write(t.Context(), st, []entry{{record: record{"k", []byte("x")}}}); err != nil {
		t.Error(err)
	}
	bytes, lanes := 1, 1
	for deadline := time.Now().Add(10 * time.Second); lanes > 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s.lanes.mu.Lock() // the lane's goroutine ends after the answer
		bytes, lanes = s.lanes.bytes, len(s.lanes.byStream)
		s.lanes.mu.Unlock()
	}
	if bytes != 0 || lanes != 0 {
		t.Errorf("left behind: %d bytes, %d lanes", bytes, lanes)
	}
}

// TestParts: ranges of any number of shards hold each hash key once.
func TestParts(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 500} {
		starts := parts(n)
		if len(starts) != n || !bytes.Equal(starts[0], make([]byte, 16)) {
			t.Fatalf("%d parts begin at %x", n, starts[0])
		}
		size := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(int64(n)))
		for i := 1; i < n; i++ {
			got := new(big.Int).Sub(new(big.Int).SetBytes(starts[i]), new(big.Int).SetBytes(starts[i-1]))
			if d := got.Sub(got, size); d.CmpAbs(big.NewInt(1)) > 0 {
				t.Errorf("part %d of %d differs by %v", i, n, d)
			}
		}
	}
	if hashText(highest()) != "340282366920938463463374607431768211455" || hashText(before(parts(2)[1])) != "170141183460469231731687303715884105727" {
		t.Error("the end of a range is wrong")
	}
}

func FuzzReadRow(f *testing.F) {
	row := appendRecord(appendRecord(nil, record{"key", []byte("data")}), record{"", nil})
	f.Add(row, 2)
	f.Add(row[:len(row)-1], 2)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 1)
	f.Fuzz(func(t *testing.T, row []byte, n int) {
		records, err := readRow(row, n)
		if err != nil {
			return
		}
		var again []byte
		for _, r := range records {
			again = appendRecord(again, r)
		}
		if len(records) != n || len(again) > len(row) { // a length can be written longer than it need be
			t.Errorf("%d records of %x are written as %x", len(records), row, again)
		}
	})
}

func FuzzParseSequence(f *testing.F) {
	f.Add(int64(0), sequenceText(0, 1_700_000_000_000_000))
	f.Add(int64(7), sequenceText(8, 1))
	f.Add(int64(0), "49-000000000000000001000000000000")
	f.Fuzz(func(t *testing.T, shard int64, text string) {
		if n, ok := parseSequence(shard, text); ok && (n < 0 || sequenceText(shard, n) != text) {
			t.Errorf("%q is read as %d of shard %d", text, n, shard)
		}
	})
}

func FuzzParseShardID(f *testing.F) {
	f.Add(shardID(3))
	f.Add("shardId-+00000000003")
	f.Add("shardId--00000000003")
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := parseShardID(text); ok && (n < 0 || shardID(n) != text) {
			t.Errorf("%q is read as %d", text, n)
		}
	})
}

// BenchmarkPut is a durable write of one record, and of 500, to a stream of four
// shards by eight at once; and of what the store takes for one row of the same
// bytes (floor), to compare with.
func BenchmarkPut(b *testing.B) {
	for _, kind := range storetest.Kinds(b) {
		for _, size := range []struct{ records, bytes int }{{1, 1 << 10}, {500, 200}} {
			s, _ := open(b, kind)
			create(b, s, "events", 4)
			in := &kinesis.PutRecordsInput{StreamName: new("events")}
			for i := range size.records {
				in.Records = append(in.Records, kinesis.PutRecordsRequestEntry{PartitionKey: new(fmt.Sprint("key", i)), Data: make([]byte, size.bytes)})
			}
			run := func(name string, put func(i int64) error) {
				b.Run(fmt.Sprintf("%s/%d/%s", kind, size.records, name), func(b *testing.B) {
					var next atomic.Int64
					var all sync.WaitGroup
					for range 8 {
						all.Go(func() {
							for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
								if err := put(i); err != nil {
									b.Error(err)
								}
							}
						})
					}
					all.Wait()
					b.ReportMetric(float64(b.N*size.records)/b.Elapsed().Seconds(), "records/s")
				})
			}
			run("put", func(i int64) error {
				if size.records == 1 {
					return putOne(context.Background(), s, "events", fmt.Sprint(i), in.Records[0].Data)
				}
				_, err := s.PutRecords(context.Background(), in)
				return err
			})
			var number atomic.Int64
			data := make([]byte, size.records*size.bytes)
			run("floor", func(int64) error {
				n := number.Add(1)
				return s.DB.Write(context.Background(), func(tx *store.Tx) error {
					return store.InsertRecords(tx, &store.RecordBatch{StreamID: "floor", First: n, Last: n, ArrivedAt: tx.Now, Data: data})
				})
			})
		}
	}
}
