package userpool

import (
	"context"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
)

// maxTags is how many tags a pool can have.
const maxTags = 50

// poolOfARN is the id of a pool's ARN.
func (s *Service) poolOfARN(ctx context.Context, arn string) (string, error) {
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	if s.arn(id) != arn {
		return "", &cognitoidp.ResourceNotFoundException{Message: "Resource " + arn + " does not exist."}
	}
	_, err := s.Pools.Pool(ctx, id)
	return id, err
}

// TagResource adds tags to a pool, or changes them.
func (s *Service) TagResource(ctx context.Context, in *cognitoidp.TagResourceInput) (*cognitoidp.TagResourceOutput, error) {
	id, err := s.poolOfARN(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = s.changePool(ctx, id, func(p *pool.Pool) error {
		for k, v := range in.Tags {
			p.Settings.UserPoolTags[k] = v
		}
		if len(p.Settings.UserPoolTags) > maxTags {
			return invalid("A user pool can have at most 50 tags.")
		}
		return nil
	})
	return &cognitoidp.TagResourceOutput{}, err
}

// UntagResource removes tags. That there are none is no error.
func (s *Service) UntagResource(ctx context.Context, in *cognitoidp.UntagResourceInput) (*cognitoidp.UntagResourceOutput, error) {
	id, err := s.poolOfARN(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = s.changePool(ctx, id, func(p *pool.Pool) error {
		for _, k := range in.TagKeys {
			delete(p.Settings.UserPoolTags, k)
		}
		return nil
	})
	return &cognitoidp.UntagResourceOutput{}, err
}

// ListTagsForResource shows a pool's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *cognitoidp.ListTagsForResourceInput) (*cognitoidp.ListTagsForResourceOutput, error) {
	id, err := s.poolOfARN(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	p, err := s.Pools.Pool(ctx, id)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ListTagsForResourceOutput{Tags: p.Settings.UserPoolTags}, nil
}
