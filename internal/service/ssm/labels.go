package ssm

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/store"
)

var legalLabel = regexp.MustCompile(`^[a-zA-Z_.-][a-zA-Z0-9_.-]*$`)

// LabelParameterVersion puts labels on a version. A label that another version
// has moves; one that is not legal is named in the answer.
func (s *Service) LabelParameterVersion(ctx context.Context, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	invalid, valid := []string{}, []string{}
	for _, label := range in.Labels {
		lower := strings.ToLower(label)
		switch {
		case !legalLabel.MatchString(label) || strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm"):
			invalid = append(invalid, label)
		case !slices.Contains(valid, label):
			valid = append(valid, label)
		}
	}
	r := s.refer(ctx, *in.Name)
	if u := s.elsewhere(r); u != nil {
		return s.labelElsewhere(ctx, u, r, in)
	}
	var out *ssm.LabelParameterVersionOutput
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := s.find(ctx, tx, r)
		if err != nil {
			return err
		}
		number := p.Version
		if in.ParameterVersion != nil {
			number = int64(*in.ParameterVersion)
		}
		v, err := numbered(tx, p, r, number)
		if err != nil {
			return err
		}
		if err := putLabels(tx, p, v, valid); err != nil {
			return err
		}
		out = &ssm.LabelParameterVersionOutput{InvalidLabels: invalid, ParameterVersion: new(int(number))}
		return nil
	})
	return out, err
}

// numbered is a version of a parameter, or AWS's error.
func numbered(tx *store.Tx, p *store.Parameter, r reference, number int64) (*store.ParameterVersion, error) {
	v, err := store.ParameterVersionByNumber(tx, p, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &ssm.ParameterVersionNotFound{Message: "Systems Manager could not find the version of " + r.name + ". Verify the version and try again."}
	}
	return v, err
}

// UnlabelParameterVersion takes labels from a version. Those that it does not
// have are named in the answer.
func (s *Service) UnlabelParameterVersion(ctx context.Context, in *ssm.UnlabelParameterVersionInput) (*ssm.UnlabelParameterVersionOutput, error) {
	r := s.refer(ctx, *in.Name)
	var out *ssm.UnlabelParameterVersionOutput
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		out = &ssm.UnlabelParameterVersionOutput{RemovedLabels: []string{}, InvalidLabels: []string{}}
		p, err := s.find(ctx, tx, r)
		if err != nil {
			return err
		}
		v, err := numbered(tx, p, r, int64(*in.ParameterVersion))
		if err != nil {
			return err
		}
		labels, err := readLabels(v)
		if err != nil {
			return err
		}
		for _, label := range in.Labels {
			switch i := slices.Index(labels, label); {
			case i >= 0:
				labels = slices.Delete(labels, i, i+1)
				out.RemovedLabels = append(out.RemovedLabels, label)
			case !slices.Contains(out.RemovedLabels, label) && !slices.Contains(out.InvalidLabels, label):
				out.InvalidLabels = append(out.InvalidLabels, label)
			}
		}
		return setLabels(tx, p, v, labels)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func putLabels(tx *store.Tx, p *store.Parameter, v *store.ParameterVersion, add []string) error {
	labels, err := readLabels(v)
	if err != nil {
		return err
	}
	for _, label := range add {
		if slices.Contains(labels, label) {
			continue
		}
		labels = append(labels, label)
		other, err := labelled(tx, p, label)
		if err != nil {
			return err
		}
		if other == nil {
			continue
		}
		rest, err := readLabels(other)
		if err != nil {
			return err
		}
		if err := setLabels(tx, p, other, slices.DeleteFunc(rest, func(l string) bool { return l == label })); err != nil {
			return err
		}
	}
	if len(labels) > maxLabels {
		return &ssm.ParameterVersionLabelLimitExceeded{Message: "A parameter version can have a maximum of ten labels."}
	}
	return setLabels(tx, p, v, labels)
}

// labelled is the version that has a label, or nil.
func labelled(tx *store.Tx, p *store.Parameter, label string) (*store.ParameterVersion, error) {
	versions, err := store.ParameterVersions(tx, p, 0, maxVersions+1)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		labels, err := readLabels(v)
		if err != nil {
			return nil, err
		}
		if slices.Contains(labels, label) {
			return v, nil
		}
	}
	return nil, nil
}

func readLabels(v *store.ParameterVersion) (labels []string, err error) {
	return labels, json.Unmarshal([]byte(v.Labels), &labels)
}

func setLabels(tx *store.Tx, p *store.Parameter, v *store.ParameterVersion, labels []string) error {
	text, err := json.Marshal(labels)
	if err != nil {
		return err
	}
	return store.SetParameterLabels(tx, p, v.Number, string(text))
}

// Tags of parameters.

// taggable finds the parameter that an operation on tags is about.
func (s *Service) taggable(ctx context.Context, tx *store.Tx, kind ssm.ResourceTypeForTagging, id string) (*store.Parameter, error) {
	if kind != ssm.ResourceTypeForTaggingParameter {
		return nil, &ssm.InvalidResourceType{Message: "Only parameters are here, no resource of the type " + string(kind) + "."}
	}
	p, err := s.find(ctx, tx, s.refer(ctx, id))
	var missing *ssm.ParameterNotFound
	if errors.As(err, &missing) {
		return nil, invalidResource(id)
	}
	return p, err
}

func invalidResource(id string) error {
	return &ssm.InvalidResourceId{Message: "The resource ID " + id + " is not valid. Verify that it is that of a parameter."}
}

// AddTagsToResource adds tags to a parameter, or changes them.
func (s *Service) AddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	if u, r, send := s.tagged(ctx, *in.ResourceType, *in.ResourceId); u != nil {
		send.Tags = in.Tags
		return &ssm.AddTagsToResourceOutput{}, changeTags(ctx, u, "AddTagsToResource", r, send)
	}
	return &ssm.AddTagsToResourceOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := s.taggable(ctx, tx, *in.ResourceType, *in.ResourceId)
		if err != nil {
			return err
		}
		old, err := readTags(p)
		if err != nil {
			return err
		}
		if p.Tags, err = addedTags(old, in.Tags); err != nil {
			return err
		}
		return store.UpdateParameter(tx, p)
	})
}

// RemoveTagsFromResource removes tags from a parameter; those that it does not
// have are none of its.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	if u, r, send := s.tagged(ctx, *in.ResourceType, *in.ResourceId); u != nil {
		send.TagKeys = in.TagKeys
		return &ssm.RemoveTagsFromResourceOutput{}, changeTags(ctx, u, "RemoveTagsFromResource", r, send)
	}
	return &ssm.RemoveTagsFromResourceOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := s.taggable(ctx, tx, *in.ResourceType, *in.ResourceId)
		if err != nil {
			return err
		}
		tags, err := readTags(p)
		if err != nil {
			return err
		}
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		if p.Tags, err = addedTags(tags, nil); err != nil {
			return err
		}
		return store.UpdateParameter(tx, p)
	})
}

// ListTagsForResource lists a parameter's tags, by key.
func (s *Service) ListTagsForResource(ctx context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	if u, r, send := s.tagged(ctx, *in.ResourceType, *in.ResourceId); u != nil {
		return s.listTagsElsewhere(ctx, u, r, send)
	}
	out := &ssm.ListTagsForResourceOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := s.taggable(ctx, tx, *in.ResourceType, *in.ResourceId)
		if err != nil {
			return err
		}
		tags, err := readTags(p)
		out.TagList = []ssm.Tag{}
		for key, value := range tags {
			out.TagList = append(out.TagList, ssm.Tag{Key: new(key), Value: new(value)})
		}
		slices.SortFunc(out.TagList, func(a, b ssm.Tag) int { return strings.Compare(*a.Key, *b.Key) })
		return err
	})
	return out, err
}

func readTags(p *store.Parameter) (tags map[string]string, err error) {
	return tags, json.Unmarshal([]byte(p.Tags), &tags)
}

// addedTags is the text of tags with more of them.
func addedTags(tags map[string]string, add []ssm.Tag) (string, error) {
	if tags == nil {
		tags = map[string]string{}
	}
	for _, t := range add {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return "", api.BadRequest("ValidationException", "Tag keys must not begin with aws:.")
		}
		tags[*t.Key] = *t.Value
	}
	if len(tags) > maxTags {
		return "", &ssm.TooManyTagsError{Message: "A resource can have a maximum of 50 tags."}
	}
	text, err := json.Marshal(tags)
	return string(text), err
}
