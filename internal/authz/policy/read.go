package policy

import (
	"slices"
	"strings"
)

// ContextKeys are the condition keys that a document asks for, in conditions
// and as variables, sorted and each once whatever its case. Keys of conditions
// are as written, those of variables in lower case.
func (d *Document) ContextKeys() []string {
	shown := map[string]string{} // lower case → as written
	variables := func(vars []variable) {
		for _, v := range vars {
			if shown[v.key] == "" {
				shown[v.key] = v.key
			}
		}
	}
	for i := range d.statements {
		st := &d.statements[i]
		for _, r := range st.resources {
			variables(r.vars)
		}
		for _, c := range st.conditions {
			shown[c.key] = c.shown
			for _, v := range c.values {
				variables(v.vars)
			}
		}
	}
	keys := make([]string, 0, len(shown))
	for _, k := range shown {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// AllowsService reports whether a statement of the document allows any action
// of a service, such as "s3": on some resource, under some condition.
func (d *Document) AllowsService(namespace string) bool {
	for i := range d.statements {
		if st := &d.statements[i]; st.Effect == Allow && st.namesService(namespace) {
			return true
		}
	}
	return false
}

func (st *Statement) namesService(namespace string) bool {
	for _, text := range st.Actions {
		if service, _, _ := strings.Cut(text, ":"); service == "*" || strings.EqualFold(service, namespace) {
			return true
		}
	}
	if st.Actions != nil {
		return false
	}
	for _, text := range st.NotActions {
		service, name, _ := strings.Cut(text, ":")
		if strings.Trim(text, "*") == "" || strings.EqualFold(service, namespace) && strings.Trim(name, "*") == "" {
			return false // the whole service is left out
		}
	}
	return true
}
