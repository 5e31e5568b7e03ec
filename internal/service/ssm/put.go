package ssm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/store"
)

// Limits of Parameter Store (AWS General Reference, "AWS Systems Manager
// endpoints and quotas").
const (
	maxName     = 1011 // characters of the ARN's share
	maxLevels   = 15
	maxStandard = 4096 // bytes of a value
	maxAdvanced = 8192
	maxVersions = 100
	maxLabels   = 10
	maxTags     = 50
)

// ourKey is the key of every SecureString: the key ring stands in for AWS's
// managed key, which everybody in the account may use through this service.
const ourKey = "alias/aws/ssm"

// settings are what a version has beside its value.
type settings struct {
	Type           ssm.ParameterType
	Tier           ssm.ParameterTier
	Description    *string `json:",omitempty"`
	AllowedPattern *string `json:",omitempty"`
	User           string  // who made it
}

const (
	msgExists = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
	msgName   = `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`
	msgTags   = "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."
)

var legalName = regexp.MustCompile(`^/?[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$`)

// checkName refuses a name that no parameter can have.
func checkName(r reference) error {
	first, _, _ := strings.Cut(strings.ToLower(r.key), "/")
	switch {
	case r.foreign || r.selector != "" || strings.HasSuffix(r.given, ":") || !legalName.MatchString(r.name):
		return invalid(msgName)
	case strings.HasPrefix(first, "aws"):
		return api.BadRequest("AccessDeniedException", "No access to reserved parameter name: "+r.name+".")
	case strings.HasPrefix(first, "ssm"):
		return invalid(msgName)
	case len(r.name) > maxName:
		return invalid("Parameter name must not be longer than 1011 characters.")
	case strings.Contains(r.key, "/") && !strings.HasPrefix(r.name, "/"):
		return invalid("Parameter name must be a fully qualified name.")
	case strings.Count(r.key, "/") >= maxLevels:
		return &ssm.HierarchyLevelLimitExceededException{Message: "A hierarchy can have a maximum of 15 levels."}
	}
	return nil
}

// PutParameter creates a parameter or, with Overwrite, adds a version.
func (s *Service) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	r := s.refer(ctx, *in.Name)
	if err := checkName(r); err != nil {
		return nil, err
	}
	if err := checkPut(in); err != nil {
		return nil, err
	}
	tags, err := addedTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if u := s.elsewhere(r); u != nil {
		return s.putElsewhere(ctx, u, r, in)
	}
	var out *ssm.PutParameterOutput
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := store.ParameterByKey(tx, s.region(ctx), r.key)
		var old *settings
		switch {
		case errors.Is(err, store.ErrNotFound):
			p = &store.Parameter{Region: s.region(ctx), Key: r.key, Name: r.name, Version: 1, Tags: tags}
		case err != nil:
			return err
		case !api.Value(in.Overwrite):
			return &ssm.ParameterAlreadyExists{Message: msgExists}
		default:
			last, err := store.ParameterVersionByNumber(tx, p, p.Version)
			if err != nil {
				return err
			}
			if old, err = readSettings(last); err != nil {
				return err
			}
			p.Version++
		}
		now, err := succeed(old, in)
		if err != nil {
			return err
		}
		now.User = access.FromContext(ctx).Principal.ARN
		if err := save(tx, p, now, string(*in.Value), old == nil); err != nil {
			return err
		}
		out = &ssm.PutParameterOutput{Version: new(int(p.Version)), Tier: &now.Tier}
		return nil
	})
	return out, err
}

// checkPut refuses what the model lets through and nothing here can keep: a
// check or an expiry that is asked for is never left out silently.
func checkPut(in *ssm.PutParameterInput) error {
	switch {
	case len(in.Tags) > 0 && api.Value(in.Overwrite):
		return invalid(msgTags)
	case len(in.Tags) > maxTags:
		return invalid("A parameter can have a maximum of 50 tags.")
	case *in.Value == "":
		return invalid("1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	case in.Policies != nil:
		return &ssm.InvalidPolicyTypeException{Message: "Parameter policies are not supported."}
	case cmp.Or(api.Value(in.DataType), "text") != "text":
		return invalid("The data type " + *in.DataType + " is not supported.")
	case in.KeyId != nil && api.Value(in.Type) != ssm.ParameterTypeSecureString:
		return invalid("KeyId is only for parameters of the type SecureString.")
	case cmp.Or(api.Value(in.KeyId), ourKey) != ourKey:
		return &ssm.InvalidKeyId{Message: "The key " + *in.KeyId + " does not exist. Parameters are encrypted with " + ourKey + "."}
	}
	return nil
}

// succeed makes the settings of the next version from those before, nil for
// none, and judges the value by them.
func succeed(old *settings, in *ssm.PutParameterInput) (*settings, error) {
	now := &settings{}
	switch {
	case old != nil:
		*now = *old
		if in.Type != nil && *in.Type != old.Type {
			return nil, &ssm.HierarchyTypeMismatchException{Message: "The parameter type can't be changed from " + string(old.Type) + " to " + string(*in.Type) + ". Create a new parameter."}
		}
	case in.Type == nil:
		return nil, invalid("A parameter type is required when you create a parameter.")
	default:
		now.Type, now.Tier = *in.Type, ssm.ParameterTierStandard
	}
	if in.Description != nil {
		now.Description = in.Description
	}
	if in.AllowedPattern != nil {
		now.AllowedPattern = in.AllowedPattern
	}
	value := string(*in.Value)
	switch api.Value(in.Tier) {
	case ssm.ParameterTierAdvanced:
		now.Tier = ssm.ParameterTierAdvanced
	case ssm.ParameterTierIntelligentTiering:
		if len(value) > maxStandard {
			now.Tier = ssm.ParameterTierAdvanced
		}
	case ssm.ParameterTierStandard:
		if now.Tier == ssm.ParameterTierAdvanced {
			return nil, invalid("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
		}
	}
	switch {
	case now.Tier == ssm.ParameterTierAdvanced && len(value) > maxAdvanced:
		return nil, invalid("Advanced tier parameters support a maximum parameter value of 8192 characters.")
	case now.Tier == ssm.ParameterTierStandard && len(value) > maxStandard:
		return nil, invalid("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.")
	}
	return now, fits(value, api.Value(now.AllowedPattern))
}

// fits asks the pattern about the whole value.
func fits(value, pattern string) error {
	if pattern == "" {
		return nil
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return &ssm.InvalidAllowedPatternException{Message: "The request doesn't meet the regular expression requirement: " + pattern}
	}
	if !utf8.ValidString(value) || !re.MatchString(value) {
		return &ssm.ParameterPatternMismatchException{Message: "Parameter value, cannot be validated against allowedPattern: " + pattern}
	}
	return nil
}

// save writes a parameter's newest version, and drops the one that is too old.
func save(tx *store.Tx, p *store.Parameter, now *settings, value string, created bool) error {
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if created {
		err = store.InsertParameter(tx, p)
	} else {
		err = store.UpdateParameter(tx, p)
	}
	if err != nil {
		return err
	}
	if err := store.InsertParameterVersion(tx, p, &store.ParameterVersion{Number: p.Version, Settings: string(text), Labels: "[]", Value: value}); err != nil {
		return err
	}
	if p.Version <= maxVersions {
		return nil
	}
	oldest, err := store.ParameterVersions(tx, p, 0, 1)
	if err != nil {
		return err
	}
	labels, err := readLabels(oldest[0])
	if err != nil {
		return err
	}
	if len(labels) > 0 {
		return &ssm.ParameterMaxVersionLimitExceeded{Message: "You attempted to create a new version of " + p.Name + " by calling the PutParameter API with the overwrite flag. The oldest version can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again."}
	}
	return store.DeleteParameterVersion(tx, p, oldest[0].Number)
}

func readSettings(v *store.ParameterVersion) (*settings, error) {
	set := &settings{}
	return set, json.Unmarshal([]byte(v.Settings), set)
}

// DeleteParameter removes a parameter with all its versions.
func (s *Service) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	deleted, err := s.delete(ctx, []string{*in.Name})
	if err == nil && len(deleted) == 0 {
		err = parameterNotFound(*in.Name)
	}
	return &ssm.DeleteParameterOutput{}, err
}

// DeleteParameters removes those that are there.
func (s *Service) DeleteParameters(ctx context.Context, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	deleted, err := s.delete(ctx, in.Names)
	out := &ssm.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		if deleted[name] {
			out.DeletedParameters = append(out.DeletedParameters, name)
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, err
}

func (s *Service) delete(ctx context.Context, names []string) (deleted map[string]bool, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		deleted = map[string]bool{}
		for _, name := range names {
			r := s.refer(ctx, name)
			if r.foreign || r.selector != "" || s.elsewhere(r) != nil {
				continue
			}
			err := store.DeleteParameter(tx, s.region(ctx), r.key)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err == nil {
				deleted[name] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		r := s.refer(ctx, name)
		u := s.elsewhere(r)
		if u == nil || r.selector != "" {
			continue
		}
		there, err := s.deleteElsewhere(ctx, u, r)
		if err != nil {
			return nil, err
		}
		if there {
			deleted[name] = true
		}
	}
	return deleted, nil
}
