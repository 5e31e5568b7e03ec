package userpool

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
)

// poolless are the signed operations that name no pool: their resource is "*".
var poolless = map[string]bool{"CreateUserPool": true, "ListUserPools": true, "DescribeUserPoolDomain": true}

// maybePoolless are those whose model lets the pool be absent. Without one the
// operation refuses, to those who may ask.
var maybePoolless = map[string]bool{"UpdateManagedLoginBranding": true}

// Checks is the permission of each signed operation: the action
// cognito-idp:<Operation> on the pool that it names (api-errors.md, section 7).
func (s *Service) Checks(ctx context.Context, op string, in api.Input) ([]access.Check, error) {
	check := access.Check{Action: "cognito-idp:" + op, Resource: "*"}
	v := reflect.ValueOf(in).Elem()
	if arn := v.FieldByName("ResourceArn"); arn.IsValid() {
		check.Resource = *arn.Interface().(*string)
	} else if !poolless[op] {
		id, ok := v.FieldByName("UserPoolId").Interface().(*string)
		if ok && id == nil && maybePoolless[op] {
			return []access.Check{check}, nil
		}
		if !ok || id == nil {
			return nil, nil // nothing to check against: denied
		}
		check.Resource = s.arn(*id)
		tags, err := s.tags(ctx, *id)
		if err != nil {
			return nil, err
		}
		check.Context = tags
	}
	if create, ok := in.(*cognitoidp.CreateUserPoolInput); ok {
		check.Context = policy.Context{"aws:tagkeys": {}}
		for k, v := range create.UserPoolTags {
			check.Context["aws:requesttag/"+strings.ToLower(k)] = []string{v}
			check.Context["aws:tagkeys"] = append(check.Context["aws:tagkeys"], k)
		}
	}
	return []access.Check{check}, nil
}

// arn is the ARN of a pool.
func (s *Service) arn(poolID string) string {
	region, _, _ := strings.Cut(poolID, "_")
	return "arn:aws:cognito-idp:" + region + ":" + s.Account + ":userpool/" + poolID
}

// tags are a pool's tags as condition keys; a pool that is not here has none.
func (s *Service) tags(ctx context.Context, poolID string) (policy.Context, error) {
	p, err := s.Pools.Pool(ctx, poolID)
	var missing *cognitoidp.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := policy.Context{}
	for k, v := range p.Settings.UserPoolTags {
		c["aws:resourcetag/"+strings.ToLower(k)] = []string{v}
	}
	return c, nil
}
