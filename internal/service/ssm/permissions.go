package ssm

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// operation is what a signed operation needs: the action ssm:<Operation> on each
// of the parameters that it names.
type operation struct {
	// names are the parameters; nil: the operation is about "*".
	names func(in api.Input) []string
	// keys adds condition keys to those of the parameter's tags.
	keys func(in api.Input) policy.Context
	// also is a further action that the input asks for, or empty.
	also func(in api.Input) string
}

// operations is the table of permissions (Service Authorization Reference,
// "Actions, resources, and condition keys for AWS Systems Manager"). A
// permission is asked before anything is looked up, and the same whether the
// parameter is there or not. An operation that is not here is about "*".
var operations = map[string]operation{
	"PutParameter": {names: one(func(in *ssm.PutParameterInput) *string { return in.Name }), keys: putKeys, also: putTags},

	"GetParameter":        {names: one(func(in *ssm.GetParameterInput) *string { return in.Name })},
	"GetParameters":       {names: func(in api.Input) []string { return in.(*ssm.GetParametersInput).Names }},
	"GetParametersByPath": {names: one(func(in *ssm.GetParametersByPathInput) *string { return in.Path }), keys: recursive},
	"GetParameterHistory": {names: one(func(in *ssm.GetParameterHistoryInput) *string { return in.Name })},
	"DescribeParameters":  {},

	"DeleteParameter":  {names: one(func(in *ssm.DeleteParameterInput) *string { return in.Name })},
	"DeleteParameters": {names: func(in api.Input) []string { return in.(*ssm.DeleteParametersInput).Names }},

	"LabelParameterVersion":   {names: one(func(in *ssm.LabelParameterVersionInput) *string { return in.Name })},
	"UnlabelParameterVersion": {names: one(func(in *ssm.UnlabelParameterVersionInput) *string { return in.Name })},

	"AddTagsToResource":      {names: one(func(in *ssm.AddTagsToResourceInput) *string { return in.ResourceId }), keys: newTags},
	"RemoveTagsFromResource": {names: one(func(in *ssm.RemoveTagsFromResourceInput) *string { return in.ResourceId }), keys: oldTags},
	"ListTagsForResource":    {names: one(func(in *ssm.ListTagsForResourceInput) *string { return in.ResourceId })},
}

func one[In any](name func(In) *string) func(api.Input) []string {
	return func(in api.Input) []string { return []string{*name(in.(In))} }
}

func putKeys(in api.Input) policy.Context {
	put := in.(*ssm.PutParameterInput)
	c := tagKeys(put.Tags)
	c["ssm:overwrite"] = []string{strconv.FormatBool(api.Value(put.Overwrite))}
	if put.Policies != nil {
		c["ssm:policies"] = []string{*put.Policies}
	}
	return c
}

func putTags(in api.Input) string {
	if len(in.(*ssm.PutParameterInput).Tags) > 0 {
		return "ssm:AddTagsToResource"
	}
	return ""
}

func recursive(in api.Input) policy.Context {
	return policy.Context{"ssm:recursive": {strconv.FormatBool(api.Value(in.(*ssm.GetParametersByPathInput).Recursive))}}
}

func newTags(in api.Input) policy.Context { return tagKeys(in.(*ssm.AddTagsToResourceInput).Tags) }

func oldTags(in api.Input) policy.Context {
	return policy.Context{"aws:tagkeys": in.(*ssm.RemoveTagsFromResourceInput).TagKeys}
}

func tagKeys(tags []ssm.Tag) policy.Context {
	c := policy.Context{}
	for _, t := range tags {
		c["aws:requesttag/"+strings.ToLower(*t.Key)] = []string{*t.Value}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], *t.Key)
	}
	return c
}

// Checks is the permission that each signed operation needs.
func (s *Service) Checks(ctx context.Context, op string, in api.Input) ([]access.Check, error) {
	o := operations[op]
	if o.names == nil {
		return []access.Check{{Action: "ssm:" + op, Resource: "*"}}, nil
	}
	var checks []access.Check
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		checks = nil
		for _, name := range o.names(in) {
			r := s.refer(ctx, name)
			if op == "GetParametersByPath" && !r.foreign {
				r.key = strings.TrimSuffix(r.key, "/")
				r.arn = s.arn(s.region(ctx), r.key)
			}
			check := access.Check{Action: "ssm:" + op, Resource: r.arn, Context: policy.Context{}}
			if o.keys != nil {
				check.Context = o.keys(in)
			}
			if s.elsewhere(r) != nil {
				check.Unknown = unknownTags
			} else if err := s.addTags(ctx, tx, r, check.Context); err != nil {
				return err
			}
			checks = append(checks, check)
			if o.also != nil {
				if check.Action = o.also(in); check.Action != "" {
					checks = append(checks, check)
				}
			}
		}
		return nil
	})
	return checks, err
}

// unknownTags are the condition keys of parameters that live elsewhere.
var unknownTags = []string{"aws:resourcetag/", "ssm:resourcetag/"}

// addTags adds the keys of a parameter's tags; one that is not here has none.
func (s *Service) addTags(ctx context.Context, tx *store.Tx, r reference, c policy.Context) error {
	if r.foreign {
		return nil
	}
	p, err := store.ParameterByKey(tx, s.region(ctx), r.key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	tags, err := readTags(p)
	for k, v := range tags {
		c["aws:resourcetag/"+strings.ToLower(k)] = []string{v}
		c["ssm:resourcetag/"+strings.ToLower(k)] = []string{v}
	}
	return err
}
