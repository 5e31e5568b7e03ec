package identitypool

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
)

// poolless are the signed operations without a pool as their resource
// (identity-pools.md, section 12).
var poolless = map[string]bool{"CreateIdentityPool": true, "ListIdentityPools": true, "DeleteIdentities": true, "DescribeIdentity": true}

// Checks is the permission of each signed operation: the action
// cognito-identity:<Operation> on the pool.
func (s *Service) Checks(ctx context.Context, op string, in api.Input) ([]access.Check, error) {
	check := access.Check{Action: "cognito-identity:" + op, Resource: "*", Context: policy.Context{}}
	v := reflect.ValueOf(in).Elem()
	var id *string
	if arn := v.FieldByName("ResourceArn"); arn.IsValid() {
		check.Resource = *arn.Interface().(*string)
		if named, err := s.tagged(check.Resource); err == nil {
			id = &named
		}
	} else if !poolless[op] {
		id, _ = v.FieldByName("IdentityPoolId").Interface().(*string)
		if id == nil {
			return nil, nil // nothing to check against: denied
		}
		check.Resource = s.arn(*id)
	}
	if id != nil {
		if err := s.resourceTags(ctx, *id, check.Context); err != nil {
			return nil, err
		}
	}
	var tags map[string]string
	switch in := in.(type) {
	case *cognitoidentity.CreateIdentityPoolInput:
		tags = in.IdentityPoolTags
	case *cognitoidentity.UpdateIdentityPoolInput:
		tags = in.IdentityPoolTags
	case *cognitoidentity.TagResourceInput:
		tags = in.Tags
	case *cognitoidentity.UntagResourceInput:
		check.Context["aws:tagkeys"] = in.TagKeys
	}
	for k, v := range tags {
		check.Context["aws:requesttag/"+strings.ToLower(k)] = []string{v}
		check.Context["aws:tagkeys"] = append(check.Context["aws:tagkeys"], k)
	}
	return []access.Check{check}, nil
}

func (s *Service) arn(poolID string) string {
	region, _, _ := strings.Cut(poolID, ":")
	return "arn:aws:cognito-identity:" + region + ":" + s.Account + ":identitypool/" + poolID
}

// resourceTags adds a pool's tags as condition keys; a pool that is not here
// has none.
func (s *Service) resourceTags(ctx context.Context, id string, c policy.Context) error {
	p, err := s.pool(ctx, id)
	var missing *cognitoidentity.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	for k, v := range p.settings.IdentityPoolTags {
		c["aws:resourcetag/"+strings.ToLower(k)] = []string{v}
	}
	return nil
}
