package kinesis

import (
	"context"
	"errors"
	"strings"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// maxPolicy is the length of a resource policy in bytes.
const maxPolicy = 20 << 10

// PutResourcePolicy gives a stream a policy of its own, which every later request
// to it is judged by as well.
func (s *Service) PutResourcePolicy(ctx context.Context, in *kinesis.PutResourcePolicyInput) (*kinesis.PutResourcePolicyOutput, error) {
	r := s.refer(ctx, named{arn: in.ResourceARN, id: in.StreamId})
	return &kinesis.PutResourcePolicyOutput{}, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		if err := checkPolicy(*in.Policy, r.arn); err != nil {
			return err
		}
		st.set.Policy = *in.Policy
		return nil
	})
}

// checkPolicy refuses a policy that does not parse, or speaks of anything but
// this stream.
func checkPolicy(text, arn string) error {
	if len(text) > maxPolicy {
		return &kinesis.LimitExceededException{Message: "A resource policy can have a maximum of 20480 bytes."}
	}
	d, err := policy.Parse(text, policy.ResourceKind)
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return invalid("Invalid policy: " + syntax.Message)
	}
	if err != nil {
		return err
	}
	for _, st := range d.Statements() {
		for _, a := range append(st.Actions, st.NotActions...) {
			if !strings.HasPrefix(strings.ToLower(a), "kinesis:") {
				return invalid("Invalid policy: the action " + a + " is not one of Kinesis.")
			}
		}
		for _, resource := range append(st.Resources, st.NotResources...) {
			if resource != arn {
				return invalid("Invalid policy: the resource " + resource + " is not " + arn + ".")
			}
		}
	}
	return nil
}

// GetResourcePolicy reads a stream's policy; empty when it has none.
func (s *Service) GetResourcePolicy(ctx context.Context, in *kinesis.GetResourcePolicyInput) (*kinesis.GetResourcePolicyOutput, error) {
	out := &kinesis.GetResourcePolicyOutput{}
	r := s.refer(ctx, named{arn: in.ResourceARN, id: in.StreamId})
	return out, s.read(ctx, r, func(_ *store.Tx, st *stream) error {
		out.Policy = &st.set.Policy
		return nil
	})
}

// DeleteResourcePolicy takes a stream's policy away.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *kinesis.DeleteResourcePolicyInput) (*kinesis.DeleteResourcePolicyOutput, error) {
	r := s.refer(ctx, named{arn: in.ResourceARN, id: in.StreamId})
	return &kinesis.DeleteResourcePolicyOutput{}, s.change(ctx, r, func(_ *store.Tx, st *stream) error {
		if st.set.Policy == "" {
			return &kinesis.ResourceNotFoundException{Message: "Resource policy of " + r.arn + " not found."}
		}
		st.set.Policy = ""
		return nil
	})
}
