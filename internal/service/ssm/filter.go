package ssm

import (
	"cmp"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/store"
)

// filter is one condition of a list; all of them must hold, by any of their
// values.
type filter struct {
	key, option string
	values      []string
}

// options are what each key's values may be compared by, the default first
// (Systems Manager API reference, "ParameterStringFilter").
var options = map[string][]string{
	"Name": {"Equals", "BeginsWith", "Contains"},
	"Path": {"OneLevel", "Recursive"},
	"Type": {"Equals", "BeginsWith"}, "KeyId": {"Equals", "BeginsWith"}, "Tier": {"Equals", "BeginsWith"},
	"DataType": {"Equals", "BeginsWith"}, "Label": {"Equals"}, "tag:": {"Equals", "BeginsWith"},
}

func readFilters(given []ssm.ParameterStringFilter, keys []string) ([]filter, error) {
	var filters []filter
	seen := map[string]bool{}
	for _, g := range given {
		kind := *g.Key
		if strings.HasPrefix(kind, "tag:") {
			kind = "tag:"
		}
		if !slices.Contains(keys, kind) {
			return nil, &ssm.InvalidFilterKey{Message: "The following filter key is not valid: " + *g.Key + ". Valid filter keys include: [" + strings.Join(keys, ", ") + "]."}
		}
		if seen[*g.Key] {
			return nil, &ssm.InvalidFilterKey{Message: "The following filter is duplicated in the request: " + *g.Key + ". A request can contain only one instance of a specific filter."}
		}
		seen[*g.Key] = true
		option := cmp.Or(api.Value(g.Option), options[kind][0])
		if !slices.Contains(options[kind], option) {
			return nil, &ssm.InvalidFilterOption{Message: "The following filter option is not valid: " + option + ". Valid options include: [" + strings.Join(options[kind], ", ") + "]."}
		}
		// A tag without values is one that is there at all.
		if len(g.Values) == 0 && kind != "tag:" {
			return nil, &ssm.InvalidFilterValue{Message: "The following filter values are missing: null for filter key " + *g.Key + "."}
		}
		filters = append(filters, filter{key: *g.Key, option: option, values: g.Values})
	}
	return filters, nil
}

// matches asks all filters about a version of a parameter.
func matches(filters []filter, p *store.Parameter, v *store.ParameterVersion) (bool, error) {
	if len(filters) == 0 {
		return true, nil
	}
	set, err := readSettings(v)
	if err != nil {
		return false, err
	}
	tags, err := readTags(p)
	if err != nil {
		return false, err
	}
	for _, f := range filters {
		if !f.matches(p, set, tags) {
			return false, nil
		}
	}
	return true, nil
}

func (f filter) matches(p *store.Parameter, set *settings, tags map[string]string) bool {
	have, there := "", true
	switch f.key {
	case "Name", "Path":
		have = p.Name
	case "Type":
		have = string(set.Type)
	case "Tier":
		have = string(set.Tier)
	case "DataType":
		have = "text"
	case "KeyId":
		have = api.Value(set.key())
		there = have != ""
	default:
		have, there = tags[strings.TrimPrefix(f.key, "tag:")]
	}
	if !there {
		return false
	}
	if len(f.values) == 0 {
		return true
	}
	return slices.ContainsFunc(f.values, func(want string) bool {
		switch f.option {
		case "BeginsWith":
			// A name may be asked for with or without its first slash.
			return strings.HasPrefix(have, want) || f.key == "Name" && strings.HasPrefix(strings.TrimPrefix(have, "/"), want)
		case "Contains":
			return strings.Contains(have, want)
		case "OneLevel", "Recursive":
			rest, under := strings.CutPrefix(have, strings.TrimSuffix(want, "/")+"/")
			return under && (f.option == "Recursive" || !strings.Contains(rest, "/"))
		}
		return have == want
	})
}
