package kinesis

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
)

// operation is what a signed operation needs: the action kinesis:<Operation> on
// the stream that it is about.
type operation struct {
	// stream is how the input names it; nil: the operation is about "*", or the
	// stream is in a token: see target.
	stream func(in api.Input) named
	// keys adds condition keys to those of the stream's tags.
	keys func(in api.Input) policy.Context
	// also is a further action that the input asks for, or empty.
	also func(in api.Input) string
}

// operations is the table of permissions (Service Authorization Reference,
// "Actions, resources, and condition keys for Amazon Kinesis Data Streams"). A
// permission is asked before anything is looked up, and the same whether the
// stream is there or not. An operation that is not here is about "*".
var operations = map[string]operation{
	"CreateStream": {stream: one(func(in *kinesis.CreateStreamInput) named { return named{name: in.StreamName} }), keys: createTags, also: createTagged},
	"DeleteStream": {stream: one(func(in *kinesis.DeleteStreamInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},

	"DescribeStream": {stream: one(func(in *kinesis.DescribeStreamInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"DescribeStreamSummary": {stream: one(func(in *kinesis.DescribeStreamSummaryInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	})},
	"ListShards":     {stream: one(func(in *kinesis.ListShardsInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"ListStreams":    {},
	"DescribeLimits": {},

	"PutRecord":        {stream: one(func(in *kinesis.PutRecordInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"PutRecords":       {stream: one(func(in *kinesis.PutRecordsInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"GetShardIterator": {stream: one(func(in *kinesis.GetShardIteratorInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"GetRecords":       {}, // on the stream of the iterator

	"SplitShard":       {stream: one(func(in *kinesis.SplitShardInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"MergeShards":      {stream: one(func(in *kinesis.MergeShardsInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"UpdateShardCount": {stream: one(func(in *kinesis.UpdateShardCountInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"UpdateStreamMode": {stream: one(func(in *kinesis.UpdateStreamModeInput) named { return named{arn: in.StreamARN, id: in.StreamId} })},

	"IncreaseStreamRetentionPeriod": {stream: one(func(in *kinesis.IncreaseStreamRetentionPeriodInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	})},
	"DecreaseStreamRetentionPeriod": {stream: one(func(in *kinesis.DecreaseStreamRetentionPeriodInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	})},
	"StartStreamEncryption": {stream: one(func(in *kinesis.StartStreamEncryptionInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	})},
	"StopStreamEncryption": {stream: one(func(in *kinesis.StopStreamEncryptionInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	})},
	"EnableEnhancedMonitoring": {stream: one(func(in *kinesis.EnableEnhancedMonitoringInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	})},
	"DisableEnhancedMonitoring": {stream: one(func(in *kinesis.DisableEnhancedMonitoringInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	})},

	"PutResourcePolicy":    {stream: one(func(in *kinesis.PutResourcePolicyInput) named { return named{arn: in.ResourceARN, id: in.StreamId} })},
	"GetResourcePolicy":    {stream: one(func(in *kinesis.GetResourcePolicyInput) named { return named{arn: in.ResourceARN, id: in.StreamId} })},
	"DeleteResourcePolicy": {stream: one(func(in *kinesis.DeleteResourcePolicyInput) named { return named{arn: in.ResourceARN, id: in.StreamId} })},

	"AddTagsToStream": {stream: one(func(in *kinesis.AddTagsToStreamInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} }), keys: addedTags},
	"RemoveTagsFromStream": {stream: one(func(in *kinesis.RemoveTagsFromStreamInput) named {
		return named{in.StreamName, in.StreamARN, in.StreamId}
	}), keys: removedTags},
	"ListTagsForStream":   {stream: one(func(in *kinesis.ListTagsForStreamInput) named { return named{in.StreamName, in.StreamARN, in.StreamId} })},
	"TagResource":         {stream: one(func(in *kinesis.TagResourceInput) named { return named{arn: in.ResourceARN, id: in.StreamId} }), keys: resourceTags},
	"UntagResource":       {stream: one(func(in *kinesis.UntagResourceInput) named { return named{arn: in.ResourceARN, id: in.StreamId} }), keys: resourceKeys},
	"ListTagsForResource": {stream: one(func(in *kinesis.ListTagsForResourceInput) named { return named{arn: in.ResourceARN, id: in.StreamId} })},
}

func one[In any](stream func(In) named) func(api.Input) named {
	return func(in api.Input) named { return stream(in.(In)) }
}

func createTags(in api.Input) policy.Context { return tagKeys(in.(*kinesis.CreateStreamInput).Tags) }

// createTagged: tags at creation need kinesis:AddTagsToStream, and TagResource
// does not serve (Kinesis API reference, "CreateStream").
func createTagged(in api.Input) string {
	if len(in.(*kinesis.CreateStreamInput).Tags) > 0 {
		return "kinesis:AddTagsToStream"
	}
	return ""
}

func addedTags(in api.Input) policy.Context {
	return tagKeys(in.(*kinesis.AddTagsToStreamInput).Tags)
}
func resourceTags(in api.Input) policy.Context { return tagKeys(in.(*kinesis.TagResourceInput).Tags) }
func removedTags(in api.Input) policy.Context {
	return policy.Context{"aws:tagkeys": in.(*kinesis.RemoveTagsFromStreamInput).TagKeys}
}
func resourceKeys(in api.Input) policy.Context {
	return policy.Context{"aws:tagkeys": in.(*kinesis.UntagResourceInput).TagKeys}
}

func tagKeys(tags map[string]string) policy.Context {
	c := policy.Context{}
	for k, v := range tags {
		c["aws:requesttag/"+strings.ToLower(k)] = []string{v}
	}
	if len(tags) > 0 {
		c["aws:tagkeys"] = slices.Sorted(maps.Keys(tags))
	}
	return c
}

// target is the stream that a request is about; false: it is about "*".
func (s *Service) target(ctx context.Context, op string, in api.Input) (reference, bool) {
	switch in := in.(type) {
	case *kinesis.GetRecordsInput:
		_, r := s.referIterator(ctx, in)
		return r, true
	case *kinesis.ListShardsInput:
		if in.NextToken != nil {
			p, err := s.openPage(*in.NextToken)
			if p.Name == "" && err != nil {
				return reference{err: err}, true
			}
			return s.referPage(ctx, p), true
		}
	}
	if o := operations[op]; o.stream != nil {
		return s.refer(ctx, o.stream(in)), true
	}
	return reference{}, false
}

// Checks is the permission that each signed operation needs.
func (s *Service) Checks(ctx context.Context, op string, in api.Input) ([]access.Check, error) {
	r, ok := s.target(ctx, op, in)
	if !ok {
		return []access.Check{{Action: "kinesis:" + op, Resource: "*"}}, nil
	}
	if r.arn == "" {
		return nil, r.err
	}
	check := access.Check{Action: "kinesis:" + op, Resource: r.arn, Context: policy.Context{}}
	o := operations[op]
	if o.keys != nil {
		check.Context = o.keys(in)
	}
	if err := s.addStream(ctx, r, &check); err != nil {
		return nil, err
	}
	checks := []access.Check{check}
	if o.also != nil {
		if check.Action = o.also(in); check.Action != "" {
			checks = append(checks, check)
		}
	}
	return checks, nil
}

// unknownTags are the condition keys of streams that live elsewhere.
var unknownTags = []string{"aws:resourcetag/"}

// addStream adds the keys of a stream's tags, and its policy; one that is not
// here has neither.
func (s *Service) addStream(ctx context.Context, r reference, check *access.Check) error {
	if r.err != nil {
		return nil
	}
	if s.elsewhere(r) != nil {
		check.Unknown = unknownTags
		return nil
	}
	st, err := s.lookUp(ctx, r.region, r.name)
	var missing *kinesis.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	for k, v := range st.set.Tags {
		check.Context["aws:resourcetag/"+strings.ToLower(k)] = []string{v}
	}
	if st.policy != nil {
		check.ResourcePolicies = []policy.Source{{Name: "resource policy of " + r.arn, Document: st.policy}}
	}
	return nil
}
