package kinesis

import (
	"context"
	"fmt"
	"slices"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// IncreaseStreamRetentionPeriod keeps records longer, those that are there
// included.
func (s *Service) IncreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.IncreaseStreamRetentionPeriodInput) (*kinesis.IncreaseStreamRetentionPeriodOutput, error) {
	hours := *in.RetentionPeriodHours
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return &kinesis.IncreaseStreamRetentionPeriodOutput{}, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		switch old := st.set.Retention; {
		case hours > maxRetention:
			return invalid(fmt.Sprintf("Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.", maxRetention, hours))
		case hours < old:
			return invalid(fmt.Sprintf("Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). Use DecreaseRetentionPeriod API.", hours, st.Name, old))
		}
		st.set.Retention = hours
		return nil
	})
}

// DecreaseStreamRetentionPeriod keeps records shorter: what is older cannot be
// read from now on.
func (s *Service) DecreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.DecreaseStreamRetentionPeriodInput) (*kinesis.DecreaseStreamRetentionPeriodOutput, error) {
	hours := *in.RetentionPeriodHours
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return &kinesis.DecreaseStreamRetentionPeriodOutput{}, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		switch old := st.set.Retention; {
		case hours < minRetention:
			return invalid(fmt.Sprintf("Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.", minRetention, hours))
		case hours > old:
			return invalid(fmt.Sprintf("Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). Use IncreaseRetentionPeriod API.", hours, st.Name, old))
		}
		st.set.Retention = hours
		return nil
	})
}

// ourKeys are what StartStreamEncryption may name: AWS's own key of the service,
// which the key ring stands in for. Every record is sealed with it at rest, whether
// the stream says so or not.
func (s *Service) ourKey(ctx context.Context, id string) bool {
	return id == "alias/aws/kinesis" || id == "arn:aws:kms:"+s.region(ctx)+":"+s.Account+":alias/aws/kinesis"
}

// StartStreamEncryption says of a stream that it is encrypted.
func (s *Service) StartStreamEncryption(ctx context.Context, in *kinesis.StartStreamEncryptionInput) (*kinesis.StartStreamEncryptionOutput, error) {
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return &kinesis.StartStreamEncryptionOutput{}, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		if err := onlyKMS(in.EncryptionType); err != nil {
			return err
		}
		if !s.ourKey(ctx, *in.KeyId) {
			return &kinesis.KMSNotFoundException{Message: "The key " + *in.KeyId + " does not exist. Streams are encrypted with alias/aws/kinesis."}
		}
		st.set.KeyId = *in.KeyId
		return nil
	})
}

// StopStreamEncryption takes that back. Records stay sealed at rest.
func (s *Service) StopStreamEncryption(ctx context.Context, in *kinesis.StopStreamEncryptionInput) (*kinesis.StopStreamEncryptionOutput, error) {
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return &kinesis.StopStreamEncryptionOutput{}, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		if err := onlyKMS(in.EncryptionType); err != nil {
			return err
		}
		st.set.KeyId = ""
		return nil
	})
}

func onlyKMS(t *kinesis.EncryptionType) error {
	if *t != kinesis.EncryptionTypeKms {
		return invalid("The only valid EncryptionType is KMS.")
	}
	return nil
}

// UpdateStreamMode changes the mode of a stream, and nothing else: shards are not
// added by themselves in either.
func (s *Service) UpdateStreamMode(ctx context.Context, in *kinesis.UpdateStreamModeInput) (*kinesis.UpdateStreamModeOutput, error) {
	if in.WarmThroughputMiBps != nil {
		return nil, invalid("WarmThroughputMiBps is not supported: the throughput of streams is not limited.")
	}
	r := s.refer(ctx, named{arn: in.StreamARN, id: in.StreamId})
	return &kinesis.UpdateStreamModeOutput{}, s.change(ctx, r, func(tx *store.Tx, st *stream) error {
		mode := *in.StreamModeDetails.StreamMode
		if mode == st.set.Mode {
			return nil
		}
		st.set.Mode = mode
		return s.room(tx, st.Region, 0, mode)
	})
}

// everyMetric is what ALL means.
var everyMetric = []kinesis.MetricsName{kinesis.MetricsNameIncomingBytes, kinesis.MetricsNameIncomingRecords, kinesis.MetricsNameIteratorAgeMilliseconds, kinesis.MetricsNameOutgoingBytes,
	kinesis.MetricsNameOutgoingRecords, kinesis.MetricsNameReadProvisionedThroughputExceeded, kinesis.MetricsNameWriteProvisionedThroughputExceeded}

func namedMetrics(list []kinesis.MetricsName) []kinesis.MetricsName {
	if slices.Contains(list, kinesis.MetricsNameAll) {
		return everyMetric
	}
	return list
}

// EnableEnhancedMonitoring keeps which metrics are wanted of each shard. There is
// no CloudWatch here that would show them.
func (s *Service) EnableEnhancedMonitoring(ctx context.Context, in *kinesis.EnableEnhancedMonitoringInput) (*kinesis.EnableEnhancedMonitoringOutput, error) {
	out := &kinesis.EnableEnhancedMonitoringOutput{}
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return out, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		out.StreamName, out.StreamARN, out.CurrentShardLevelMetrics = &st.Name, &r.arn, append([]kinesis.MetricsName{}, st.set.Metrics...)
		metrics := append(slices.Clone(st.set.Metrics), namedMetrics(in.ShardLevelMetrics)...)
		slices.Sort(metrics)
		st.set.Metrics = slices.Compact(metrics)
		out.DesiredShardLevelMetrics = st.set.Metrics
		return nil
	})
}

// DisableEnhancedMonitoring takes metrics back.
func (s *Service) DisableEnhancedMonitoring(ctx context.Context, in *kinesis.DisableEnhancedMonitoringInput) (*kinesis.DisableEnhancedMonitoringOutput, error) {
	out := &kinesis.DisableEnhancedMonitoringOutput{}
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return out, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		out.StreamName, out.StreamARN, out.CurrentShardLevelMetrics = &st.Name, &r.arn, append([]kinesis.MetricsName{}, st.set.Metrics...)
		st.set.Metrics = slices.DeleteFunc(st.set.Metrics, func(m kinesis.MetricsName) bool { return slices.Contains(namedMetrics(in.ShardLevelMetrics), m) })
		out.DesiredShardLevelMetrics = append([]kinesis.MetricsName{}, st.set.Metrics...)
		return nil
	})
}
