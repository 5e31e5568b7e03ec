package kinesis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/event"
	"gatehouse/internal/outbound/upstream"
	"gatehouse/internal/store"
)

// Streams that live in another store (docs/decisions/0004).
//
// What a caller may is decided here, by the ARN here. Then a new request with the
// name there is made, under the operator's key, and what it answers is worded
// anew: names, ARNs, keys, iterators and tokens are ours. There is no row of such
// a stream here. An operation that does not look for the upstream itself comes to
// here, which refuses.

// Upstream is where a stream lives.
type Upstream struct {
	There string // its name there
	// Store tells stores apart, so that an iterator is none of another's stream of
	// the same name.
	Store  string
	Caller Caller

	name string // here
	mark mark
}

// Caller calls an operation of the store: *upstream.Client does.
type Caller interface {
	Call(ctx context.Context, target string, body []byte) (*upstream.Answer, error)
}

// MaxAnswer is what a Caller must read of an answer, in bytes, and may bound it
// to: the 10 MiB of data of GetRecords are 14 in base64, and 10 000 records have
// keys and numbers beside them.
const MaxAnswer = 24 << 20

// mark tells an upstream in iterators and tokens.
type mark [8]byte

func (m mark) String() string { return hex.EncodeToString(m[:]) }

func (s *Service) markUpstreams() {
	s.byMark = map[mark]*Upstream{}
	for name, u := range s.Upstreams {
		u.name = name
		sum := sha256.Sum256([]byte(name + "\x00" + u.There + "\x00" + u.Store))
		copy(u.mark[:], sum[:])
		s.byMark[u.mark] = u
	}
}

// elsewhere is the upstream of a reference, or nil.
func (s *Service) elsewhere(r reference) *Upstream {
	if r.err != nil {
		return nil
	}
	return s.Upstreams[r.name]
}

// here refuses a reference that is none, and a stream that lives elsewhere.
func (s *Service) here(r reference) error {
	if r.err == nil && s.elsewhere(r) != nil {
		return invalid("Stream " + r.name + " under account " + s.Account + " lives in another store: it is made, deleted and resharded there, and its settings, tags and policies are there. Here it can be written, read and described.")
	}
	return r.err
}

// Adopt refuses to give a stream away that is kept here: nobody could reach its
// records any more.
func (s *Service) Adopt(ctx context.Context) error {
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		for name := range s.Upstreams {
			st, err := store.AnyStream(tx, name, deleting)
			if err == nil {
				return fmt.Errorf("stream %s is kept here, in %s, so it cannot live elsewhere: delete it or take another name first", name, st.Region)
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// withFar adds the streams that live elsewhere to those that are here, behind a
// name. Nobody is asked for them, so that a list does not wait for a store.
func (s *Service) withFar(rows []*store.Stream, region, after string) []*store.Stream {
	if len(s.Upstreams) == 0 {
		return rows
	}
	// One that is being deleted here may have had the name.
	rows = slices.DeleteFunc(rows, func(row *store.Stream) bool { return s.Upstreams[row.Name] != nil })
	for name := range s.Upstreams {
		if name > after {
			rows = append(rows, &store.Stream{Region: region, Name: name, Status: active})
		}
	}
	slices.SortFunc(rows, func(a, b *store.Stream) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

// errUpstream is what callers are told when the upstream refuses the server's
// own key, or answers what cannot be.
var errUpstream = &api.FrameworkError{ErrorCode: "InternalFailureException", HTTPStatus: 500,
	Message: "The store behind this stream did not do what this server asked of it. The operator finds the cause in the log under this request id."}

var errUnreachable = &api.FrameworkError{ErrorCode: "ServiceUnavailable", HTTPStatus: 503,
	Message: "The store behind this stream cannot be reached at the moment. Try again later."}

// strange is the error for an answer that cannot be. Its text is for the log.
func strange(cause string) error { return fmt.Errorf("upstream: %s: %w", cause, errUpstream) }

// call calls an operation of the upstream.
func call[Out any](ctx context.Context, s *Service, u *Upstream, operation string, in any) (*Out, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	a, err := u.Caller.Call(ctx, kinesis.Service.TargetPrefix+"."+operation, body)
	switch {
	case errors.Is(err, upstream.ErrBusy):
		return nil, s.tooMuch(u, operation)
	case err != nil:
		return nil, fmt.Errorf("upstream: %w: %w", err, errUnreachable)
	}
	e := event.From(ctx)
	e.Set("upstreamStatus", a.Status)
	if a.RequestID != "" {
		e.Set("upstreamRequestId", fmt.Sprintf("%.100q", a.RequestID))
	}
	if a.Status != 200 {
		e.Set("upstreamCode", fmt.Sprintf("%.100q", a.Kind))
		return nil, s.refused(u, operation, a)
	}
	out := new(Out)
	if err := json.Unmarshal(a.Body, out); err != nil {
		return nil, strange("it answered what is no JSON of " + operation)
	}
	return out, nil
}

// tooMuch is the error that SDKs wait and retry on, of those that the model lists
// for the operation.
func (s *Service) tooMuch(u *Upstream, operation string) error {
	listed, text := kinesis.Service.Operations[operation].Errors, "Rate exceeded for stream "+u.name+" under account "+s.Account+"."
	switch {
	case slices.Contains(listed, "ProvisionedThroughputExceededException"):
		return &kinesis.ProvisionedThroughputExceededException{Message: text}
	case slices.Contains(listed, "LimitExceededException"):
		return &kinesis.LimitExceededException{Message: text}
	}
	return api.BadRequest("ThrottlingException", text)
}

// refused words a refusal of the upstream: what is the caller's to hear in our
// words, and the rest, which speaks of the operator's key, as a failure. Its own
// texts have names and the account there.
func (s *Service) refused(u *Upstream, operation string, a *upstream.Answer) error {
	reads := operation == "GetRecords"
	switch a.Kind {
	case "ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException", "KMSThrottlingException":
		return s.tooMuch(u, operation)
	case "ExpiredIteratorException":
		if reads {
			return &kinesis.ExpiredIteratorException{Message: "Iterator expired. The store behind stream " + u.name + " under account " + s.Account + " does not take it any more."}
		}
	case "ExpiredNextTokenException":
		if operation == "ListShards" {
			return &kinesis.ExpiredNextTokenException{Message: "NextToken has expired."}
		}
	case "ResourceNotFoundException":
		// The stream there is the operator's word, its shards are the caller's.
		shard := strings.HasPrefix(a.Message, "Shard ") || strings.HasPrefix(a.Message, "Could not find shard ")
		if shard && (reads || operation == "GetShardIterator") {
			return &kinesis.ResourceNotFoundException{Message: "The shard does not exist in stream " + u.name + " under account " + s.Account}
		}
	case "InvalidArgumentException", "ValidationException":
		if reads {
			return errIterator
		}
		return invalid("The store behind stream " + u.name + " under account " + s.Account + " does not take this request: a member has a value that it does not know.")
	}
	return strange(fmt.Sprintf("it answered %d %.100q: %.200q", a.Status, a.Kind, a.Message))
}

// whole refuses an answer that lacks what the model requires, or breaks its
// rules. What it says stays out of the log: it may be a record.
func whole[T any, P interface {
	*T
	Validate(v *api.Violations)
}](what string, list ...T) error {
	for i := range list {
		var v api.Violations
		if P(&list[i]).Validate(&v); v.Message() != "" {
			return strange("it answered with " + what + " that breaks the model")
		}
	}
	return nil
}

func (s *Service) describeElsewhere(ctx context.Context, u *Upstream, r reference, in *kinesis.DescribeStreamInput) (*kinesis.DescribeStreamOutput, error) {
	out, err := call[kinesis.DescribeStreamOutput](ctx, s, u, "DescribeStream", &kinesis.DescribeStreamInput{StreamName: &u.There, Limit: in.Limit, ExclusiveStartShardId: in.ExclusiveStartShardId})
	if err != nil {
		return nil, err
	}
	d := out.StreamDescription
	if d == nil || api.Value(d.StreamName) != u.There {
		return nil, strange("it answered with another stream than was asked for")
	}
	if d.StreamStatus == nil || d.HasMoreShards == nil || d.Shards == nil {
		return nil, strange("it answered with half a stream")
	}
	if err := whole("a shard", d.Shards...); err != nil {
		return nil, err
	}
	return &kinesis.DescribeStreamOutput{StreamDescription: &kinesis.StreamDescription{StreamName: &r.name, StreamARN: &r.arn, StreamStatus: d.StreamStatus, StreamModeDetails: d.StreamModeDetails,
		HasMoreShards: d.HasMoreShards, RetentionPeriodHours: d.RetentionPeriodHours, StreamCreationTimestamp: d.StreamCreationTimestamp, EnhancedMonitoring: d.EnhancedMonitoring,
		EncryptionType: d.EncryptionType, Shards: d.Shards}}, nil
}

func (s *Service) summaryElsewhere(ctx context.Context, u *Upstream, r reference) (*kinesis.DescribeStreamSummaryOutput, error) {
	out, err := call[kinesis.DescribeStreamSummaryOutput](ctx, s, u, "DescribeStreamSummary", &kinesis.DescribeStreamSummaryInput{StreamName: &u.There})
	if err != nil {
		return nil, err
	}
	d := out.StreamDescriptionSummary
	if d == nil || api.Value(d.StreamName) != u.There {
		return nil, strange("it answered with another stream than was asked for")
	}
	if d.StreamStatus == nil || d.OpenShardCount == nil {
		return nil, strange("it answered with half a stream")
	}
	// The consumers there are nobody's here, and larger records cannot be put here.
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &kinesis.StreamDescriptionSummary{StreamName: &r.name, StreamARN: &r.arn, StreamStatus: d.StreamStatus,
		StreamModeDetails: d.StreamModeDetails, RetentionPeriodHours: d.RetentionPeriodHours, StreamCreationTimestamp: d.StreamCreationTimestamp, EnhancedMonitoring: d.EnhancedMonitoring,
		EncryptionType: d.EncryptionType, OpenShardCount: d.OpenShardCount, ConsumerCount: new(0), MaxRecordSizeInKiB: new(recordSizeKiB)}}, nil
}

// listShardsElsewhere is a page of ListShards. p is what its token says; one
// without a name begins the list.
func (s *Service) listShardsElsewhere(ctx context.Context, u *Upstream, in *kinesis.ListShardsInput, p page) (*kinesis.ListShardsOutput, error) {
	send := &kinesis.ListShardsInput{StreamName: &u.There, MaxResults: in.MaxResults, ExclusiveStartShardId: in.ExclusiveStartShardId, ShardFilter: in.ShardFilter, StreamCreationTimestamp: in.StreamCreationTimestamp}
	if p.Name != "" {
		send = &kinesis.ListShardsInput{NextToken: &p.There, MaxResults: in.MaxResults}
	}
	found, err := call[kinesis.ListShardsOutput](ctx, s, u, "ListShards", send)
	if err != nil {
		return nil, err
	}
	if found.Shards == nil {
		return nil, strange("it answered without shards")
	}
	if err := whole("a shard", found.Shards...); err != nil {
		return nil, err
	}
	out := &kinesis.ListShardsOutput{Shards: found.Shards}
	if found.NextToken != nil {
		out.NextToken = s.sealPage(page{Region: s.region(ctx), Name: u.name, Mark: u.mark.String(), There: *found.NextToken})
	}
	return out, nil
}
