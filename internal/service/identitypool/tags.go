package identitypool

import (
	"context"
	"strings"

	"gatehouse/internal/api/cognitoidentity"
)

// maxPoolTags is how many tags a pool has at most.
const maxPoolTags = 50

// tagged is the pool id in the ARN of a pool of this account.
func (s *Service) tagged(arn string) (string, error) {
	_, id, ok := strings.Cut(arn, ":identitypool/")
	if !ok || s.arn(id) != arn {
		return "", invalid("Invalid resource ARN: " + arn)
	}
	return id, nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxPoolTags {
		return invalid("An identity pool can have at most 50 tags.")
	}
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalid("Tags cannot begin with aws: (" + k + ").")
		}
	}
	return nil
}

// TagResource adds tags to a pool, or replaces their values.
func (s *Service) TagResource(ctx context.Context, in *cognitoidentity.TagResourceInput) (*cognitoidentity.TagResourceOutput, error) {
	id, err := s.tagged(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.TagResourceOutput{}, s.change(ctx, id, func(p *identityPool) error {
		if p.settings.IdentityPoolTags == nil {
			p.settings.IdentityPoolTags = map[string]string{}
		}
		for k, v := range in.Tags {
			p.settings.IdentityPoolTags[k] = v
		}
		return checkTags(p.settings.IdentityPoolTags)
	})
}

// UntagResource takes tags from a pool.
func (s *Service) UntagResource(ctx context.Context, in *cognitoidentity.UntagResourceInput) (*cognitoidentity.UntagResourceOutput, error) {
	id, err := s.tagged(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.UntagResourceOutput{}, s.change(ctx, id, func(p *identityPool) error {
		for _, k := range in.TagKeys {
			delete(p.settings.IdentityPoolTags, k)
		}
		return nil
	})
}

// ListTagsForResource shows the tags of a pool.
func (s *Service) ListTagsForResource(ctx context.Context, in *cognitoidentity.ListTagsForResourceInput) (*cognitoidentity.ListTagsForResourceOutput, error) {
	id, err := s.tagged(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	p, err := s.pool(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &cognitoidentity.ListTagsForResourceOutput{Tags: map[string]string{}}
	for k, v := range p.settings.IdentityPoolTags {
		out.Tags[k] = v
	}
	return out, nil
}
