package kinesis

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/outbound/upstream"
	"gatehouse/internal/store"
)

// asked is an upstream that keeps what it is asked and answers by a table.
type asked struct {
	targets []string
	answer  upstream.Answer
}

func (a *asked) Call(_ context.Context, target string, _ []byte) (*upstream.Answer, error) {
	a.targets = append(a.targets, target)
	return &a.answer, nil
}

// openWithFar is a service whose stream "far" lives elsewhere.
func openWithFar(t testing.TB) (*Service, *asked, *clock) {
	s, c := open(t, "sqlite")
	a := &asked{}
	s.Config.Upstreams = map[string]*Upstream{"far": {There: "there", Store: "store", Caller: a}}
	return New(s.Config), a, c
}

// TestUpstreamTable: every operation on a stream that lives elsewhere is forwarded
// or refused, and what is refused is not heard there.
func TestUpstreamTable(t *testing.T) {
	forwarded := map[string]bool{"PutRecord": true, "PutRecords": true, "DescribeStream": true, "DescribeStreamSummary": true, "ListShards": true,
		"GetShardIterator": true, "GetRecords": true}
	noStream := map[string]bool{"ListStreams": true, "DescribeLimits": true}
	s, a, _ := openWithFar(t)
	a.answer = upstream.Answer{Status: 500}
	it, err := s.sealFar(t.Context(), s.Upstreams["far"], "iterator")
	if err != nil {
		t.Fatal(err)
	}
	for name := range operations {
		if noStream[name] {
			continue
		}
		op := kinesis.Service.Operations[name]
		in := op.New()
		fill(reflect.ValueOf(in).Elem(), s.arn("us-east-1", "far"), *it)
		a.targets = nil
		_, err := op.Call(t.Context(), s, in)
		if forwarded[name] {
			if len(a.targets) != 1 || a.targets[0] != "Kinesis_20131202."+name || !errors.Is(err, errUpstream) {
				t.Errorf("%s: the upstream was asked for %v; %v", name, a.targets, err)
			}
			continue
		}
		var refusal *kinesis.InvalidArgumentException
		if len(a.targets) != 0 || !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Message, "Stream far under account 000000000000 lives in another store") {
			t.Errorf("%s: the upstream was asked for %v; %v", name, a.targets, err)
		}
	}
}

// fill gives an input what it needs to speak of the stream far.
func fill(in reflect.Value, arn, iterator string) {
	for i := range in.NumField() {
		f := in.Field(i)
		switch in.Type().Field(i).Name {
		case "StreamName":
			f.Set(reflect.ValueOf(new("far")))
		case "StreamARN", "ResourceARN":
			f.Set(reflect.ValueOf(&arn))
		case "ShardIterator":
			f.Set(reflect.ValueOf(&iterator))
		case "ShardIteratorType":
			f.Set(reflect.ValueOf(new(kinesis.ShardIteratorTypeTrimHorizon)))
		case "ShardId", "PartitionKey", "KeyId", "Policy", "ShardToSplit", "NewStartingHashKey", "ShardToMerge", "AdjacentShardToMerge":
			f.Set(reflect.ValueOf(new("x")))
		case "ShardCount", "TargetShardCount", "RetentionPeriodHours":
			f.Set(reflect.ValueOf(new(1)))
		}
	}
}

// TestUpstream_refusals: what of an upstream's refusals a caller hears, in words
// that have nothing of the upstream's.
func TestUpstream_refusals(t *testing.T) {
	s, a, _ := openWithFar(t)
	u := s.Upstreams["far"]
	in := &kinesis.GetShardIteratorInput{StreamName: new("far"), ShardId: new("shardId-000000000009"), ShardIteratorType: new(kinesis.ShardIteratorTypeTrimHorizon)}
	it, err := s.sealFar(t.Context(), u, "iterator")
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"put": func() error { return putOne(t.Context(), s, "far", "k", []byte("x")) },
		"describe": func() error {
			_, err := s.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("far")})
			return err
		},
		"iterate": func() error { _, err := s.GetShardIterator(t.Context(), in); return err },
		"get": func() error {
			_, err := s.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
			return err
		},
		"list": func() error {
			_, err := s.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("far")})
			return err
		},
	}
	const failed = "InternalFailureException"
	for _, c := range []struct{ call, kind, message, want string }{
		{"put", "ProvisionedThroughputExceededException", "Rate exceeded for shard shardId-000000000000 in stream there", "ProvisionedThroughputExceededException: Rate exceeded for stream far under account 000000000000."},
		{"put", "ThrottlingException", "", "ProvisionedThroughputExceededException: Rate"},
		{"put", "KMSThrottlingException", "", "ProvisionedThroughputExceededException: Rate"},
		{"describe", "LimitExceededException", "there", "LimitExceededException: Rate"},
		{"describe", "ThrottlingException", "there", "LimitExceededException: Rate"},
		{"put", "InvalidArgumentException", "there", "InvalidArgumentException: The store behind stream far"},
		{"get", "InvalidArgumentException", "there", "InvalidArgumentException: Invalid ShardIterator."},
		{"get", "ExpiredIteratorException", "there", "ExpiredIteratorException: Iterator expired."},
		{"put", "ExpiredIteratorException", "there", failed},
		{"list", "ExpiredNextTokenException", "there", "ExpiredNextTokenException: NextToken has expired."},
		{"iterate", "ResourceNotFoundException", "Shard shardId-000000000009 in stream there under account 1 does not exist", "ResourceNotFoundException: The shard does not exist in stream far"},
		{"get", "ResourceNotFoundException", "Shard shardId-000000000009 in stream there under account 1 does not exist", "ResourceNotFoundException: The shard does not exist in stream far"},
		{"iterate", "ResourceNotFoundException", "Stream there under account 1 not found.", failed},
		{"get", "ResourceNotFoundException", "Stream there under account 1 not found.", failed},
		{"put", "ResourceNotFoundException", "Stream there under account 1 not found.", failed},
		{"describe", "ResourceNotFoundException", "Shard there", failed},
		{"put", "AccessDeniedException", "User there", failed},
		{"put", "UnrecognizedClientException", "", failed},
		{"put", "KMSAccessDeniedException", "there", failed},
		{"put", "InternalFailureException", "", failed},
	} {
		a.answer = upstream.Answer{Status: 400, Kind: c.kind, Message: c.message}
		err := calls[c.call]()
		var told interface {
			error
			Code() string
		}
		if !errors.As(err, &told) || !strings.HasPrefix(told.Error(), c.want) || strings.Contains(told.Error(), "there") {
			t.Errorf("%s, %s %q: %v, want %s", c.call, c.kind, c.message, err, c.want)
		}
	}
	for name, body := range map[string]string{
		"put": `{"ShardId":"shardId-000000000000"}`, "describe": `{"StreamDescriptionSummary":{"StreamName":"other"}}`, "iterate": `{}`,
		"get": `{"Records":[{"Data":"eA==","PartitionKey":"k"}]}`, "list": `{"Shards":[{}]}`,
	} {
		for _, body := range []string{body, `{}`, `<html>`, ``, `[]`} {
			a.answer = upstream.Answer{Status: http.StatusOK, Body: []byte(body)}
			if err := calls[name](); !errors.Is(err, errUpstream) {
				t.Errorf("%s took %q for an answer: %v", name, body, err)
			}
		}
	}
	long, err := json.Marshal(kinesis.GetShardIteratorOutput{ShardIterator: new(strings.Repeat("~", 400))})
	if err != nil {
		t.Fatal(err)
	}
	a.answer = upstream.Answer{Status: http.StatusOK, Body: long}
	if err := calls["iterate"](); !errors.Is(err, errUpstream) {
		t.Errorf("an iterator that nobody could send: %v", err)
	}
}

// TestUpstream_partly: of a PutRecords some may be refused there.
func TestUpstream_partly(t *testing.T) {
	s, a, _ := openWithFar(t)
	in := &kinesis.PutRecordsInput{StreamName: new("far")}
	for range 3 {
		in.Records = append(in.Records, kinesis.PutRecordsRequestEntry{PartitionKey: new("k"), Data: []byte("x")})
	}
	a.answer = upstream.Answer{Status: http.StatusOK, Body: []byte(`{"FailedRecordCount":2,"Records":[{"ShardId":"shardId-000000000000","SequenceNumber":"1"},
		{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard x in stream there under account 1."},
		{"ErrorCode":"Strange","ErrorMessage":"there"}]}`)}
	out, err := s.PutRecords(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"FailedRecordCount":2,"Records":[{"SequenceNumber":"1","ShardId":"shardId-000000000000"},` +
		`{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for stream far under account 000000000000."},` +
		`{"ErrorCode":"InternalFailure","ErrorMessage":"Internal Service Failure"}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	a.answer.Body = []byte(`{"FailedRecordCount":0,"Records":[{"ShardId":"shardId-000000000000","SequenceNumber":"1"}]}`)
	if _, err := s.PutRecords(t.Context(), in); !errors.Is(err, errUpstream) {
		t.Errorf("an answer about one of three records: %v", err)
	}
}

// TestFarIterator: what is sealed of an upstream is opened for it alone, and one of
// another gatehouse, whose stream has the longest name, fits.
func TestFarIterator(t *testing.T) {
	s, _, c := openWithFar(t)
	u := s.Upstreams["far"]
	longest := s.iterate(&stream{Stream: &store.Stream{Region: "eu-central-1", Name: strings.Repeat("n", 128), ID: strings.Repeat("i", 26)}}, 1_000_000, 1<<62)
	for _, there := range []string{*longest, strings.Repeat("AAAA", 59), base64.StdEncoding.EncodeToString([]byte("12345")), "a b+c", "é", "="} {
		sealed, err := s.sealFar(t.Context(), u, there)
		if err != nil {
			t.Fatalf("%d characters: %v", len(there), err)
		}
		var it iterator
		if !s.openFar(t.Context(), *sealed, &it) || it.there != there || it.Name != "far" || it.upstream != u || s.fresh(it) != nil || len(*sealed) > 512 {
			t.Errorf("%q is opened as %+v", there, it)
		}
		c.advance(6 * time.Minute)
		if s.fresh(it) == nil {
			t.Error("an old iterator is fresh")
		}
	}
	sealed, err := s.sealFar(t.Context(), u, "x")
	if err != nil {
		t.Fatal(err)
	}
	others := s.Config
	others.Upstreams = map[string]*Upstream{"far": {There: "there", Store: "another store"}}
	if New(others).openFar(t.Context(), *sealed, &iterator{}) {
		t.Error("an iterator of another store is opened")
	}
	others.Region = "eu-west-1"
	others.Upstreams = map[string]*Upstream{"far": {There: "there", Store: "store"}}
	if New(others).openFar(t.Context(), *sealed, &iterator{}) {
		t.Error("an iterator of another region is opened")
	}
	others.Region = s.Region
	if !New(others).openFar(t.Context(), *sealed, &iterator{}) {
		t.Error("another node does not open the iterator")
	}
}

func FuzzSpelled(f *testing.F) {
	f.Add("AAAA")
	f.Add("A-_=")
	f.Add("a\nb=")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if got := readSpelled(appendSpelled(nil, text)); got != text {
			t.Errorf("%q is read as %q", text, got)
		}
	})
}
