package ssm

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/store"
)

// version finds the version that a reference selects: the newest, a number or
// a label.
func (s *Service) version(tx *store.Tx, p *store.Parameter, r reference) (*store.ParameterVersion, error) {
	number := p.Version
	if r.selector != "" {
		n, err := strconv.ParseInt(r.selector, 10, 64)
		if err != nil { // no label begins with a digit
			v, err := labelled(tx, p, r.selector)
			if err == nil && v == nil {
				err = versionNotFound(r)
			}
			return v, err
		}
		number = n
	}
	v, err := store.ParameterVersionByNumber(tx, p, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, versionNotFound(r)
	}
	return v, err
}

func versionNotFound(r reference) error {
	return &ssm.ParameterVersionNotFound{Message: "Systems Manager could not find version " + r.selector + " of " + r.name + ". Verify the version and try again."}
}

// shown is the value as the caller asked for it. Without decryption a
// SecureString is what is at rest.
func shown(v *store.ParameterVersion, set *settings, decrypt *bool) *api.Secret {
	value := v.Value
	if set.Type == ssm.ParameterTypeSecureString && !api.Value(decrypt) {
		value = base64.StdEncoding.EncodeToString(v.Sealed)
	}
	return new(api.Secret(value))
}

func (s *Service) parameter(p *store.Parameter, v *store.ParameterVersion, selector string, decrypt *bool) (*ssm.Parameter, error) {
	set, err := readSettings(v)
	if err != nil {
		return nil, err
	}
	out := &ssm.Parameter{Name: &p.Name, Type: &set.Type, Value: shown(v, set, decrypt), Version: new(int(v.Number)), LastModifiedDate: api.At(v.CreatedAt),
		ARN: new(s.arn(p.Region, p.Key)), DataType: new("text")}
	if selector != "" {
		out.Selector = new(":" + selector)
	}
	return out, nil
}

// get reads what a reference selects.
func (s *Service) get(ctx context.Context, tx *store.Tx, name string, decrypt *bool) (*ssm.Parameter, error) {
	r := s.refer(ctx, name)
	p, err := s.find(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	v, err := s.version(tx, p, r)
	if err != nil {
		return nil, err
	}
	return s.parameter(p, v, r.selector, decrypt)
}

// GetParameter reads one parameter.
func (s *Service) GetParameter(ctx context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	if r := s.refer(ctx, *in.Name); s.elsewhere(r) != nil {
		p, err := s.getElsewhere(ctx, s.elsewhere(r), r, in.WithDecryption)
		return &ssm.GetParameterOutput{Parameter: p}, err
	}
	out := &ssm.GetParameterOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		out.Parameter, err = s.get(ctx, tx, *in.Name, in.WithDecryption)
		return err
	})
	return out, err
}

// GetParameters reads up to ten parameters, and names those that are not there.
func (s *Service) GetParameters(ctx context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	var out *ssm.GetParametersOutput
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		out = &ssm.GetParametersOutput{Parameters: []ssm.Parameter{}, InvalidParameters: []string{}}
		for i, name := range in.Names {
			if slices.Contains(in.Names[:i], name) || s.elsewhere(s.refer(ctx, name)) != nil {
				continue
			}
			p, err := s.get(ctx, tx, name, in.WithDecryption)
			if err := add(out, name, p, err); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, name := range in.Names {
		r := s.refer(ctx, name)
		u := s.elsewhere(r)
		if u == nil || slices.Contains(in.Names[:i], name) {
			continue
		}
		p, err := s.getElsewhere(ctx, u, r, in.WithDecryption)
		if err := add(out, name, p, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// add notes a parameter that was read, or that it is not there.
func add(out *ssm.GetParametersOutput, name string, p *ssm.Parameter, err error) error {
	var missing *ssm.ParameterNotFound
	var noVersion *ssm.ParameterVersionNotFound
	switch {
	case errors.As(err, &missing), errors.As(err, &noVersion):
		out.InvalidParameters = append(out.InvalidParameters, name)
	case err != nil:
		return err
	default:
		out.Parameters = append(out.Parameters, *p)
	}
	return nil
}

// GetParametersByPath reads the parameters under a path, in the order of their
// names. Who may ask for a path may read all of it (Systems Manager user guide,
// "GetParametersByPath": access to a path is access to all its levels).
func (s *Service) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	path := strings.TrimSuffix(*in.Path, "/") + "/"
	if path != "/" && !legalName.MatchString(strings.TrimSuffix(path, "/")) || !strings.HasPrefix(path, "/") {
		return nil, invalid(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`)
	}
	filters, err := readFilters(in.ParameterFilters, []string{"Type", "KeyId", "Label"})
	if err != nil {
		return nil, err
	}
	label := ""
	for i, f := range filters {
		if f.key == "Label" {
			if len(f.values) != 1 || f.option != "Equals" {
				return nil, &ssm.InvalidFilterValue{Message: "The filter Label takes one value and the option Equals."}
			}
			label = f.values[0]
			filters = slices.Delete(filters, i, i+1)
			break
		}
	}
	if u := s.covering(path); u != nil {
		return s.pathElsewhere(ctx, u, path, in, in.NextToken, filters, label)
	}
	if u, token, far, err := s.readFar(in.NextToken); far {
		if err == nil && (!api.Value(in.Recursive) || !strings.HasPrefix(u.Path+"/", path)) {
			err = &ssm.InvalidNextToken{Message: "The specified token isn't valid."}
		}
		if err != nil {
			return nil, err
		}
		out, err := s.pathElsewhere(ctx, u, path, in, token, filters, label)
		if err == nil {
			out.NextToken = s.nextFar(u, out.NextToken, path)
		}
		return out, err
	}
	out := &ssm.GetParametersByPathOutput{Parameters: []ssm.Parameter{}}
	out.NextToken, err = s.list(ctx, path, in.NextToken, cmp.Or(api.Value(in.MaxResults), 10), func(tx *store.Tx, p *store.Parameter) (bool, error) {
		rest, under := strings.CutPrefix(p.Name, path)
		if !under || !api.Value(in.Recursive) && strings.Contains(rest, "/") {
			return false, nil
		}
		var v *store.ParameterVersion
		var err error
		if label != "" {
			v, err = labelled(tx, p, label)
		} else {
			v, err = store.ParameterVersionByNumber(tx, p, p.Version)
		}
		if err != nil || v == nil {
			return false, err
		}
		if ok, err := matches(filters, p, v); err != nil || !ok {
			return false, err
		}
		found, err := s.parameter(p, v, label, in.WithDecryption)
		if err != nil {
			return false, err
		}
		out.Parameters = append(out.Parameters, *found)
		return true, nil
	}, func() { out.Parameters = []ssm.Parameter{} })
	if err == nil && out.NextToken == nil && api.Value(in.Recursive) {
		out.NextToken = s.nextFar(nil, nil, path)
	}
	return out, err
}

// DescribeParameters lists parameters without their values.
func (s *Service) DescribeParameters(ctx context.Context, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	filters, err := readFilters(in.ParameterFilters, []string{"Name", "Type", "KeyId", "Path", "Tier", "DataType", "tag:"})
	if err != nil {
		return nil, err
	}
	for _, f := range in.Filters { // the older form
		option := "Equals"
		if *f.Key == "Name" {
			option = "BeginsWith"
		}
		filters = append(filters, filter{key: string(*f.Key), option: option, values: f.Values})
	}
	out := &ssm.DescribeParametersOutput{Parameters: []ssm.ParameterMetadata{}}
	if api.Value(in.Shared) { // by other accounts, of which there are none
		return out, nil
	}
	if u, token, far, err := s.readFar(in.NextToken); far {
		if err != nil {
			return nil, err
		}
		out, err := s.describeElsewhere(ctx, u, in.MaxResults, token, filters)
		if err == nil {
			out.NextToken = s.nextFar(u, out.NextToken, "/")
		}
		return out, err
	}
	out.NextToken, err = s.list(ctx, "/", in.NextToken, cmp.Or(api.Value(in.MaxResults), 50), func(tx *store.Tx, p *store.Parameter) (bool, error) {
		v, err := store.ParameterVersionByNumber(tx, p, p.Version)
		if err != nil {
			return false, err
		}
		if ok, err := matches(filters, p, v); err != nil || !ok {
			return false, err
		}
		set, err := readSettings(v)
		if err != nil {
			return false, err
		}
		out.Parameters = append(out.Parameters, ssm.ParameterMetadata{Name: &p.Name, ARN: new(s.arn(p.Region, p.Key)), Type: &set.Type, KeyId: set.key(),
			LastModifiedDate: api.At(v.CreatedAt), LastModifiedUser: &set.User, Description: set.Description, AllowedPattern: set.AllowedPattern,
			Version: new(int(v.Number)), Tier: &set.Tier, DataType: new("text")})
		return true, nil
	}, func() { out.Parameters = []ssm.ParameterMetadata{} })
	if err == nil && out.NextToken == nil {
		out.NextToken = s.nextFar(nil, nil, "/")
	}
	return out, err
}

// key is the KeyId that is shown: only SecureStrings have one.
func (set *settings) key() *string {
	if set.Type != ssm.ParameterTypeSecureString {
		return nil
	}
	return new(ourKey)
}

// batch is how many parameters are read at a time while filtering.
const batch = 200

// list hands the parameters under a path to take, in the order of their keys,
// until it has taken as many as a page holds. reset is called before each run:
// a transaction may run twice.
func (s *Service) list(ctx context.Context, path string, token *string, most int, take func(*store.Tx, *store.Parameter) (bool, error), reset func()) (next *string, err error) {
	after, before := strings.TrimPrefix(path, "/"), ""
	if after != "" {
		before = strings.TrimSuffix(after, "/") + "0" // what follows "/" in ASCII
	}
	if token != nil {
		key, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil || !strings.HasPrefix(string(key), after) {
			return nil, &ssm.InvalidNextToken{Message: "The specified token isn't valid."}
		}
		after = string(key)
	}
	err = s.DB.Read(ctx, func(tx *store.Tx) error {
		reset()
		next = nil
		at, taken := after, 0
		for {
			found, err := store.Parameters(tx, s.region(ctx), at, before, batch)
			if err != nil {
				return err
			}
			for _, p := range found {
				if taken == most { // there may be more
					next = new(base64.RawURLEncoding.EncodeToString([]byte(at)))
					return nil
				}
				ok, err := take(tx, p)
				if err != nil {
					return err
				}
				if ok {
					taken++
				}
				at = p.Key
			}
			if len(found) < batch {
				return nil
			}
		}
	})
	return next, err
}

// GetParameterHistory lists a parameter's versions, the oldest first.
func (s *Service) GetParameterHistory(ctx context.Context, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	r := s.refer(ctx, *in.Name)
	if u := s.elsewhere(r); u != nil {
		return s.historyElsewhere(ctx, u, r, in)
	}
	after, most := int64(0), cmp.Or(api.Value(in.MaxResults), 50)
	if in.NextToken != nil {
		var err error
		if after, err = strconv.ParseInt(*in.NextToken, 10, 64); err != nil {
			return nil, &ssm.InvalidNextToken{Message: "The specified token isn't valid."}
		}
	}
	var out *ssm.GetParameterHistoryOutput
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		out = &ssm.GetParameterHistoryOutput{Parameters: []ssm.ParameterHistory{}}
		p, err := s.find(ctx, tx, r)
		if err != nil {
			return err
		}
		versions, err := store.ParameterVersions(tx, p, after, most+1)
		if err != nil {
			return err
		}
		if len(versions) > most {
			versions = versions[:most]
			out.NextToken = new(strconv.FormatInt(versions[most-1].Number, 10))
		}
		for _, v := range versions {
			set, err := readSettings(v)
			if err != nil {
				return err
			}
			labels, err := readLabels(v)
			if err != nil {
				return err
			}
			out.Parameters = append(out.Parameters, ssm.ParameterHistory{Name: &p.Name, Type: &set.Type, KeyId: set.key(), LastModifiedDate: api.At(v.CreatedAt),
				LastModifiedUser: &set.User, Description: set.Description, Value: shown(v, set, in.WithDecryption), AllowedPattern: set.AllowedPattern,
				Version: new(int(v.Number)), Labels: labels, Tier: &set.Tier, DataType: new("text")})
		}
		return nil
	})
	return out, err
}
