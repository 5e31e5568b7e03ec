package iam

import (
	"context"
	"slices"
	"strings"

	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// maxTags is how many tags an entity or policy may have.
const maxTags = 50

func apiTags(tags []store.IAMTag) []iam.Tag {
	return mapped(tags, func(t store.IAMTag) iam.Tag { return iam.Tag{Key: new(t.Key), Value: new(t.Value)} })
}

// tagsOf reads the tags of a request. Keys are unique ignoring case.
func tagsOf(tags []iam.Tag) ([]store.IAMTag, error) {
	var list []store.IAMTag
	for _, t := range tags {
		if slices.ContainsFunc(list, sameKey(*t.Key)) {
			return nil, &iam.InvalidInputException{Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."}
		}
		if len(*t.Key) >= 4 && strings.EqualFold((*t.Key)[:4], "aws:") {
			return nil, &iam.InvalidInputException{Message: "Tag keys that begin with aws: are reserved."}
		}
		list = append(list, store.IAMTag{Key: *t.Key, Value: *t.Value})
	}
	return list, nil
}

func sameKey(key string) func(store.IAMTag) bool {
	return func(t store.IAMTag) bool { return strings.EqualFold(t.Key, key) }
}

// tagged is tags with more added; a key that is there gets the new value.
func tagged(tags, more []store.IAMTag) ([]store.IAMTag, error) {
	tags = slices.Clone(tags)
	for _, t := range more {
		if i := slices.IndexFunc(tags, sameKey(t.Key)); i >= 0 {
			tags[i] = t
		} else {
			tags = append(tags, t)
		}
	}
	if len(tags) > maxTags {
		return nil, limitExceeded("The number of tags has reached the maximum limit.")
	}
	return tags, nil
}

// untagged is tags without keys; those that are not there do not matter.
func untagged(tags []store.IAMTag, keys []string) []store.IAMTag {
	return slices.DeleteFunc(slices.Clone(tags), func(t store.IAMTag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) })
	})
}

func (s *Service) tag(ctx context.Context, kind string, name *string, tags []iam.Tag) error {
	more, err := tagsOf(tags)
	if err != nil {
		return err
	}
	return s.change(ctx, kind, name, func(_ *store.Tx, e *store.IAMEntity) (err error) {
		e.Tags, err = tagged(e.Tags, more)
		return err
	})
}

func (s *Service) untag(ctx context.Context, kind string, name *string, keys []string) error {
	return s.change(ctx, kind, name, func(_ *store.Tx, e *store.IAMEntity) error {
		e.Tags = untagged(e.Tags, keys)
		return nil
	})
}

func (s *Service) listTags(ctx context.Context, kind string, name, marker *string, maxItems *int) (tags []iam.Tag, truncated *bool, next *string, err error) {
	err = s.look(ctx, kind, name, func(_ *store.Tx, e *store.IAMEntity) error {
		page, more, after, err := slice(e.Tags, maxItems, marker)
		tags, truncated, next = apiTags(page), more, after
		return err
	})
	return tags, truncated, next, err
}

// TagRole adds tags to a role.
func (s *Service) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return &iam.TagRoleOutput{}, s.tag(ctx, store.IAMRole, in.RoleName, in.Tags)
}

// UntagRole removes tags from a role.
func (s *Service) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return &iam.UntagRoleOutput{}, s.untag(ctx, store.IAMRole, in.RoleName, in.TagKeys)
}

// ListRoleTags lists a role's tags.
func (s *Service) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	tags, truncated, marker, err := s.listTags(ctx, store.IAMRole, in.RoleName, in.Marker, in.MaxItems)
	return &iam.ListRoleTagsOutput{Tags: tags, IsTruncated: truncated, Marker: marker}, err
}

// TagUser adds tags to a user.
func (s *Service) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	return &iam.TagUserOutput{}, s.tag(ctx, store.IAMUser, in.UserName, in.Tags)
}

// UntagUser removes tags from a user.
func (s *Service) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	return &iam.UntagUserOutput{}, s.untag(ctx, store.IAMUser, in.UserName, in.TagKeys)
}

// ListUserTags lists a user's tags.
func (s *Service) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	tags, truncated, marker, err := s.listTags(ctx, store.IAMUser, in.UserName, in.Marker, in.MaxItems)
	return &iam.ListUserTagsOutput{Tags: tags, IsTruncated: truncated, Marker: marker}, err
}
