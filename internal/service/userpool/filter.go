package userpool

import (
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

var errFilter = &cognitoidp.InvalidParameterException{Message: "Error while parsing filter."}

// parseFilter reads the filter of ListUsers: one term, attribute = "value" or
// attribute ^= "value", with \" and \\ inside the quotes (user-pools.md,
// section 9).
func parseFilter(p *pool.Pool, text string) (store.UserFilter, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return store.UserFilter{}, nil
	}
	end := strings.IndexAny(text, " =^")
	if end <= 0 {
		return store.UserFilter{}, errFilter
	}
	name, rest := text[:end], strings.TrimLeft(text[end:], " ")
	f := store.UserFilter{Name: name}
	if after, ok := strings.CutPrefix(rest, "^"); ok {
		f.Prefix, rest = true, after
	}
	rest, ok := strings.CutPrefix(rest, "=")
	if !ok {
		return store.UserFilter{}, errFilter
	}
	value, ok := quoted(strings.TrimSpace(rest))
	if !ok {
		return store.UserFilter{}, errFilter
	}
	f.Value = value
	return searchable(p, f)
}

// quoted reads a string in double quotes that spans all of s.
func quoted(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}

// searchable turns an attribute's name in a filter into what the store
// searches by.
func searchable(p *pool.Pool, f store.UserFilter) (store.UserFilter, error) {
	switch {
	case f.Name == "username":
		f.Value = p.Fold(f.Value)
	case f.Name == "cognito:user_status":
		f.Name, f.Value = "status", strings.ToUpper(f.Value)
	case f.Name == "status":
		f.Name = "enabled"
		switch f.Value {
		case "Enabled":
			f.Value = "true"
		case "Disabled":
			f.Value = "false"
		default:
			return f, errFilter
		}
	case f.Name == "sub" || slices.Contains(store.Indexed, f.Name):
	default:
		return f, &cognitoidp.InvalidParameterException{Message: "Invalid search attribute: " + f.Name}
	}
	return f, nil
}
