package ssm

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/store"
)

// Lists that go over what is here and what lives elsewhere: first the pages of
// what is here, then those of each upstream. A page may hold fewer than were
// asked for, as on AWS.

// farToken begins the tokens of pages of an upstream: its number and its own
// token follow. Tokens of pages here have no colon.
const farToken = "elsewhere:"

// readFar reads a token; far is false for a page of what is here.
func (s *Service) readFar(token *string) (u *Upstream, rest *string, far bool, err error) {
	text, far := strings.CutPrefix(api.Value(token), farToken)
	if !far {
		return nil, token, false, nil
	}
	number, own, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(s.Upstreams) {
		return nil, nil, true, &ssm.InvalidNextToken{Message: "The specified token isn't valid."}
	}
	if own != "" {
		rest = &own
	}
	return &s.Upstreams[n], rest, true, nil
}

// nextFar is the token of the page behind one that ended: own is the upstream's
// own token, or nil. Then comes the next upstream under the path.
func (s *Service) nextFar(after *Upstream, own *string, path string) *string {
	next := 0
	if after != nil {
		for i := range s.Upstreams {
			if &s.Upstreams[i] == after {
				next = i + 1
			}
		}
		if own != nil {
			return new(farToken + strconv.Itoa(next-1) + ":" + *own)
		}
	}
	for i := next; i < len(s.Upstreams); i++ {
		if strings.HasPrefix(s.Upstreams[i].Path+"/", path) {
			return new(farToken + strconv.Itoa(i) + ":")
		}
	}
	return nil
}

// covering is the upstream that a path, with a slash at its end, lies in.
func (s *Service) covering(path string) *Upstream {
	for i := range s.Upstreams {
		if strings.HasPrefix(path, s.Upstreams[i].Path+"/") {
			return &s.Upstreams[i]
		}
	}
	return nil
}

// pathElsewhere is a page of GetParametersByPath. path has a slash at its end,
// and lies in the upstream or above it; filters but for the label are applied
// here.
func (s *Service) pathElsewhere(ctx context.Context, u *Upstream, path string, in *ssm.GetParametersByPathInput, token *string, filters []filter, label string) (*ssm.GetParametersByPathOutput, error) {
	at := u.There
	if rest, under := strings.CutPrefix(path, u.Path+"/"); under && rest != "" {
		at += "/" + strings.TrimSuffix(rest, "/")
	}
	send := &ssm.GetParametersByPathInput{Path: &at, Recursive: in.Recursive, WithDecryption: in.WithDecryption, MaxResults: in.MaxResults, NextToken: token}
	if label != "" {
		send.ParameterFilters = []ssm.ParameterStringFilter{{Key: new("Label"), Option: new("Equals"), Values: []string{label}}}
	}
	found, err := call[ssm.GetParametersByPathOutput](ctx, u, "GetParametersByPath", *in.Path, send)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParametersByPathOutput{Parameters: []ssm.Parameter{}, NextToken: found.NextToken}
	for i := range found.Parameters {
		p, err := s.shownFrom(ctx, u, &found.Parameters[i])
		if err != nil {
			return nil, err
		}
		rest, under := strings.CutPrefix(*p.Name, path)
		if !under || !api.Value(in.Recursive) && strings.Contains(rest, "/") {
			return nil, strange("it answered with a parameter outside the path that was asked for")
		}
		if passes(filters, *p.Name, &settings{Type: api.Value(p.Type)}) {
			out.Parameters = append(out.Parameters, *p)
		}
	}
	return out, nil
}

func passes(filters []filter, name string, set *settings) bool {
	return !slices.ContainsFunc(filters, func(f filter) bool { return !f.matches(&store.Parameter{Name: name}, set, nil) })
}

// describeElsewhere is a page of DescribeParameters. Of all that the operator's
// key can see, only what is under the path is asked for; tags, which are kept
// there, are compared there.
func (s *Service) describeElsewhere(ctx context.Context, u *Upstream, most *int, token *string, filters []filter) (*ssm.DescribeParametersOutput, error) {
	send := &ssm.DescribeParametersInput{MaxResults: most, NextToken: token,
		ParameterFilters: []ssm.ParameterStringFilter{{Key: new("Path"), Option: new("Recursive"), Values: []string{u.There}}}}
	var own []filter
	for _, f := range filters {
		if strings.HasPrefix(f.key, "tag:") {
			send.ParameterFilters = append(send.ParameterFilters, ssm.ParameterStringFilter{Key: new(f.key), Option: new(f.option), Values: f.values})
			continue
		}
		own = append(own, f)
	}
	found, err := call[ssm.DescribeParametersOutput](ctx, u, "DescribeParameters", u.Path, send)
	if err != nil {
		return nil, err
	}
	out := &ssm.DescribeParametersOutput{Parameters: []ssm.ParameterMetadata{}, NextToken: found.NextToken}
	for _, p := range found.Parameters {
		name, err := u.here(p.Name)
		if err != nil {
			return nil, err
		}
		if !passes(own, name, &settings{Type: api.Value(p.Type), Tier: api.Value(p.Tier)}) {
			continue
		}
		out.Parameters = append(out.Parameters, ssm.ParameterMetadata{Name: &name, ARN: new(s.arn(s.region(ctx), strings.TrimPrefix(name, "/"))), Type: p.Type, KeyId: keyOf(p.Type),
			LastModifiedDate: p.LastModifiedDate, Description: p.Description, AllowedPattern: p.AllowedPattern, Version: p.Version, Tier: p.Tier, DataType: new("text")})
	}
	return out, nil
}

// resource is the input of an operation on tags, with the name there.
type resource struct {
	ResourceType ssm.ResourceTypeForTagging
	ResourceId   *string
	Tags         []ssm.Tag `json:",omitzero"`
	TagKeys      []string  `json:",omitzero"`
}

// tagged finds the upstream of an operation on tags, and makes its input.
func (s *Service) tagged(ctx context.Context, kind ssm.ResourceTypeForTagging, id string) (*Upstream, reference, resource) {
	r := s.refer(ctx, id)
	u := s.elsewhere(r)
	if kind != ssm.ResourceTypeForTaggingParameter || u == nil {
		return nil, r, resource{}
	}
	return u, r, resource{ResourceType: kind, ResourceId: u.there(r)}
}

func (s *Service) listTagsElsewhere(ctx context.Context, u *Upstream, r reference, in resource) (*ssm.ListTagsForResourceOutput, error) {
	out, err := call[ssm.ListTagsForResourceOutput](ctx, u, "ListTagsForResource", r.given, in)
	if err != nil {
		return nil, err
	}
	tags := append([]ssm.Tag{}, out.TagList...)
	for _, t := range tags {
		if t.Key == nil || t.Value == nil {
			return nil, strange("it answered with half a tag")
		}
	}
	slices.SortFunc(tags, func(a, b ssm.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return &ssm.ListTagsForResourceOutput{TagList: tags}, nil
}

// changeTags calls AddTagsToResource or RemoveTagsFromResource.
func changeTags(ctx context.Context, u *Upstream, operation string, r reference, in resource) error {
	_, err := call[json.RawMessage](ctx, u, operation, r.given, in)
	return err
}
