package kinesis

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// Quotas (Kinesis Data Streams developer guide, "Quotas and limits").
const (
	maxShards      = 500  // open at once, in a region
	maxKept        = 5000 // of a stream, closed ones included; not AWS's, which limits reshards a day
	maxOnDemand    = 50   // streams, in a region
	onDemandShards = 4    // of a new stream
	minRetention   = 24   // hours
	maxRetention   = 8760
	recordSizeKiB  = 1024
	defaultListed  = 100
)

// CreateStream makes a stream, which is ACTIVE at once.
func (s *Service) CreateStream(ctx context.Context, in *kinesis.CreateStreamInput) (*kinesis.CreateStreamOutput, error) {
	r := s.refer(ctx, named{name: in.StreamName})
	if err := s.here(r); err != nil {
		return nil, err
	}
	set, shards, err := newSettings(in)
	if err != nil {
		return nil, err
	}
	return &kinesis.CreateStreamOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := store.StreamByName(tx, r.region, r.name)
		if err == nil {
			return &kinesis.ResourceInUseException{Message: "Stream " + r.name + " under account " + s.Account + " already exists."}
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := s.room(tx, r.region, shards, set.Mode); err != nil {
			return err
		}
		text, err := set.text()
		if err != nil {
			return err
		}
		row := &store.Stream{Region: r.region, Name: r.name, ID: strings.ToLower(rand.Text()), Status: active, Settings: text}
		if err := store.InsertStream(tx, row); err != nil {
			return err
		}
		starts := parts(shards)
		for i, start := range starts {
			end := highest()
			if i+1 < len(starts) {
				end = before(starts[i+1])
			}
			// Numbers begin with the time in microseconds: those of a stream
			// that had this name before are smaller.
			if err := store.InsertShard(tx, &store.Shard{StreamID: row.ID, Number: int64(i), FirstHash: start, LastHash: end, Parent: -1, Adjacent: -1,
				FirstSequence: tx.Now.UnixMicro()}); err != nil {
				return err
			}
		}
		return nil
	})
}

func newSettings(in *kinesis.CreateStreamInput) (*settings, int, error) {
	set := &settings{Mode: kinesis.StreamModeProvisioned, Retention: minRetention}
	if in.StreamModeDetails != nil {
		set.Mode = *in.StreamModeDetails.StreamMode
	}
	shards := api.Value(in.ShardCount)
	switch {
	case set.Mode == kinesis.StreamModeOnDemand && in.ShardCount != nil:
		return nil, 0, &kinesis.ValidationException{Message: "ShardCount must not be given for a stream of the mode ON_DEMAND."}
	case set.Mode == kinesis.StreamModeOnDemand:
		shards = onDemandShards
	case shards == 0:
		return nil, 0, invalid("ShardCount must be given for a stream of the mode PROVISIONED.")
	}
	if in.WarmThroughputMiBps != nil {
		return nil, 0, invalid("WarmThroughputMiBps is not supported: the throughput of streams is not limited.")
	}
	if cmp.Or(api.Value(in.MaxRecordSizeInKiB), recordSizeKiB) != recordSizeKiB {
		return nil, 0, invalid(fmt.Sprintf("MaxRecordSizeInKiB other than %d is not supported.", recordSizeKiB))
	}
	return set, shards, addTags(set, in.Tags)
}

// room refuses shards and streams above the quotas of a region.
func (s *Service) room(tx *store.Tx, region string, more int, mode kinesis.StreamMode) error {
	open, err := store.OpenShards(tx, region)
	if err != nil {
		return err
	}
	if open+more > maxShards {
		return &kinesis.LimitExceededException{Message: fmt.Sprintf("This request would exceed the shard limit for the account %s in %s. Current shard count for the account: %d. Limit: %d. Number of additional shards that would have resulted from this request: %d.",
			s.Account, region, open, maxShards, more)}
	}
	if mode != kinesis.StreamModeOnDemand {
		return nil
	}
	streams, err := s.onDemand(tx, region)
	if err == nil && streams >= maxOnDemand {
		err = &kinesis.LimitExceededException{Message: fmt.Sprintf("This request would exceed the limit of %d on-demand streams for the account %s in %s.", maxOnDemand, s.Account, region)}
	}
	return err
}

// onDemand counts the on-demand streams of a region.
func (s *Service) onDemand(tx *store.Tx, region string) (n int, err error) {
	return n, eachStream(tx, region, func(st *stream) {
		if st.set.Mode == kinesis.StreamModeOnDemand {
			n++
		}
	})
}

// eachStream visits the streams of a region, without their shards.
func eachStream(tx *store.Tx, region string, visit func(*stream)) error {
	const batch = 200
	for after := ""; ; {
		rows, err := store.Streams(tx, region, after, batch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			st, err := newStream(row, nil)
			if err != nil {
				return err
			}
			visit(st)
			after = row.Name
		}
		if len(rows) < batch {
			return nil
		}
	}
}

// DeleteStream ends a stream at once: nothing is written to it or read from it any
// more. It is DELETING until Run has removed its records.
func (s *Service) DeleteStream(ctx context.Context, in *kinesis.DeleteStreamInput) (*kinesis.DeleteStreamOutput, error) {
	err := s.change(ctx, s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId}), func(tx *store.Tx, st *stream) error {
		st.Status = deleting
		return store.DeleteShards(tx, st.ID)
	})
	if err == nil {
		select {
		case s.deleted <- struct{}{}:
		default: // Run knows already
		}
	}
	return &kinesis.DeleteStreamOutput{}, err
}

func (st *stream) mode() *kinesis.StreamModeDetails {
	return &kinesis.StreamModeDetails{StreamMode: &st.set.Mode}
}

func (st *stream) monitoring() []kinesis.EnhancedMetrics {
	return []kinesis.EnhancedMetrics{{ShardLevelMetrics: append([]kinesis.MetricsName{}, st.set.Metrics...)}}
}

func (st *stream) keyID() *string {
	if st.set.KeyId == "" {
		return nil
	}
	return &st.set.KeyId
}

// DescribeStream tells of a stream and its shards, in pages of shards.
func (s *Service) DescribeStream(ctx context.Context, in *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
	out := &kinesis.DescribeStreamOutput{}
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	if u := s.elsewhere(r); u != nil {
		return s.describeElsewhere(ctx, u, r, in)
	}
	return out, s.read(ctx, r, func(tx *store.Tx, st *stream) error {
		shards, err := afterShard(s.kept(tx, st), in.ExclusiveStartShardId)
		if err != nil {
			return err
		}
		most := cmp.Or(api.Value(in.Limit), defaultListed)
		out.StreamDescription = &kinesis.StreamDescription{StreamName: &st.Name, StreamARN: new(s.arn(st.Region, st.Name)), StreamStatus: new(kinesis.StreamStatus(st.Status)),
			StreamModeDetails: st.mode(), HasMoreShards: new(len(shards) > most), RetentionPeriodHours: &st.set.Retention, StreamCreationTimestamp: api.At(st.CreatedAt),
			EnhancedMonitoring: st.monitoring(), EncryptionType: new(st.set.encryption()), KeyId: st.keyID(), Shards: shownShards(shards[:min(most, len(shards))])}
		return nil
	})
}

// DescribeStreamSummary tells of a stream without its shards.
func (s *Service) DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput) (*kinesis.DescribeStreamSummaryOutput, error) {
	out := &kinesis.DescribeStreamSummaryOutput{}
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	if u := s.elsewhere(r); u != nil {
		return s.summaryElsewhere(ctx, u, r)
	}
	return out, s.read(ctx, r, func(_ *store.Tx, st *stream) error {
		out.StreamDescriptionSummary = &kinesis.StreamDescriptionSummary{StreamName: &st.Name, StreamARN: new(s.arn(st.Region, st.Name)), StreamStatus: new(kinesis.StreamStatus(st.Status)),
			StreamModeDetails: st.mode(), RetentionPeriodHours: &st.set.Retention, StreamCreationTimestamp: api.At(st.CreatedAt), EnhancedMonitoring: st.monitoring(),
			EncryptionType: new(st.set.encryption()), KeyId: st.keyID(), OpenShardCount: new(len(st.open)), ConsumerCount: new(0), MaxRecordSizeInKiB: new(recordSizeKiB)}
		return nil
	})
}

// ListStreams lists the streams of the region by name.
func (s *Service) ListStreams(ctx context.Context, in *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
	after, most := api.Value(in.ExclusiveStartStreamName), cmp.Or(api.Value(in.Limit), defaultListed)
	if in.NextToken != nil {
		if in.ExclusiveStartStreamName != nil {
			return nil, invalid("NextToken and ExclusiveStartStreamName cannot be provided together.")
		}
		t, err := s.openPage(*in.NextToken)
		if err != nil {
			return nil, err
		}
		if t.Region != s.region(ctx) || t.Name != "" {
			return nil, errPage
		}
		after = t.After
	}
	var out *kinesis.ListStreamsOutput
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := store.Streams(tx, s.region(ctx), after, most+1+len(s.Upstreams))
		if err != nil {
			return err
		}
		rows = s.withFar(rows, s.region(ctx), after)
		out = &kinesis.ListStreamsOutput{StreamNames: []string{}, StreamSummaries: []kinesis.StreamSummary{}, HasMoreStreams: new(len(rows) > most)}
		for _, row := range rows[:min(most, len(rows))] {
			sum := kinesis.StreamSummary{StreamName: &row.Name, StreamARN: new(s.arn(row.Region, row.Name)), StreamStatus: new(kinesis.StreamStatus(row.Status))}
			if s.Upstreams[row.Name] == nil {
				st, err := newStream(row, nil)
				if err != nil {
					return err
				}
				sum.StreamModeDetails, sum.StreamCreationTimestamp = st.mode(), api.At(st.CreatedAt)
			}
			out.StreamNames, out.StreamSummaries = append(out.StreamNames, row.Name), append(out.StreamSummaries, sum)
		}
		if len(rows) > most {
			out.NextToken = s.sealPage(page{Region: s.region(ctx), After: rows[most-1].Name})
		}
		return nil
	})
	return out, err
}

// DescribeLimits tells the quotas of the region and what is used of them.
func (s *Service) DescribeLimits(ctx context.Context, _ *kinesis.DescribeLimitsInput) (*kinesis.DescribeLimitsOutput, error) {
	out := &kinesis.DescribeLimitsOutput{ShardLimit: new(maxShards), OnDemandStreamCountLimit: new(maxOnDemand)}
	return out, s.DB.Read(ctx, func(tx *store.Tx) error {
		open, err := store.OpenShards(tx, s.region(ctx))
		if err != nil {
			return err
		}
		streams, err := s.onDemand(tx, s.region(ctx))
		out.OpenShardCount, out.OnDemandStreamCount = &open, &streams
		return err
	})
}
