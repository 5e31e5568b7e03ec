package kinesis

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// maxTags is how many tags a stream may have.
const maxTags = 50

// addTags adds tags to a stream's, or changes them.
func addTags(set *settings, add map[string]string) error {
	if set.Tags == nil {
		set.Tags = map[string]string{}
	}
	for key, value := range add {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys must not begin with aws:.")
		}
		set.Tags[key] = value
	}
	if len(set.Tags) > maxTags {
		return invalid("A stream can have a maximum of 50 tags.")
	}
	return nil
}

// AddTagsToStream adds tags to a stream, or changes them.
func (s *Service) AddTagsToStream(ctx context.Context, in *kinesis.AddTagsToStreamInput) (*kinesis.AddTagsToStreamOutput, error) {
	return &kinesis.AddTagsToStreamOutput{}, s.tag(ctx, named{in.StreamName, in.StreamARN, in.StreamId}, in.Tags)
}

// TagResource is AddTagsToStream by ARN.
func (s *Service) TagResource(ctx context.Context, in *kinesis.TagResourceInput) (*kinesis.TagResourceOutput, error) {
	return &kinesis.TagResourceOutput{}, s.tag(ctx, named{arn: in.ResourceARN, id: in.StreamId}, in.Tags)
}

func (s *Service) tag(ctx context.Context, n named, tags map[string]string) error {
	return s.change(ctx, s.refer(ctx, n), func(_ *store.Tx, st *stream) error { return addTags(&st.set, tags) })
}

// RemoveTagsFromStream removes tags; those that the stream does not have are none
// of its.
func (s *Service) RemoveTagsFromStream(ctx context.Context, in *kinesis.RemoveTagsFromStreamInput) (*kinesis.RemoveTagsFromStreamOutput, error) {
	return &kinesis.RemoveTagsFromStreamOutput{}, s.untag(ctx, named{in.StreamName, in.StreamARN, in.StreamId}, in.TagKeys)
}

// UntagResource is RemoveTagsFromStream by ARN.
func (s *Service) UntagResource(ctx context.Context, in *kinesis.UntagResourceInput) (*kinesis.UntagResourceOutput, error) {
	return &kinesis.UntagResourceOutput{}, s.untag(ctx, named{arn: in.ResourceARN, id: in.StreamId}, in.TagKeys)
}

func (s *Service) untag(ctx context.Context, n named, keys []string) error {
	return s.change(ctx, s.refer(ctx, n), func(_ *store.Tx, st *stream) error {
		for _, key := range keys {
			delete(st.set.Tags, key)
		}
		return nil
	})
}

// sortedTags are a stream's tags by key, those after one.
func (st *stream) sortedTags(after string) []kinesis.Tag {
	tags := []kinesis.Tag{}
	for _, key := range slices.Sorted(maps.Keys(st.set.Tags)) {
		if key > after {
			tags = append(tags, kinesis.Tag{Key: new(key), Value: new(st.set.Tags[key])})
		}
	}
	return tags
}

// ListTagsForStream lists a stream's tags by key, in pages.
func (s *Service) ListTagsForStream(ctx context.Context, in *kinesis.ListTagsForStreamInput) (*kinesis.ListTagsForStreamOutput, error) {
	out := &kinesis.ListTagsForStreamOutput{}
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return out, s.read(ctx, r, func(_ *store.Tx, st *stream) error {
		tags, most := st.sortedTags(api.Value(in.ExclusiveStartTagKey)), cmp.Or(api.Value(in.Limit), maxTags)
		out.Tags, out.HasMoreTags = tags[:min(most, len(tags))], new(len(tags) > most)
		return nil
	})
}

// ListTagsForResource lists a stream's tags by key.
func (s *Service) ListTagsForResource(ctx context.Context, in *kinesis.ListTagsForResourceInput) (*kinesis.ListTagsForResourceOutput, error) {
	out := &kinesis.ListTagsForResourceOutput{}
	r := s.refer(ctx, named{arn: in.ResourceARN, id: in.StreamId})
	return out, s.read(ctx, r, func(_ *store.Tx, st *stream) error {
		out.Tags = st.sortedTags("")
		return nil
	})
}
