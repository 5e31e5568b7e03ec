package api

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Violations collects what breaks a model's constraints and words it as AWS's
// framework does (shared spec, api-errors.md, section 4).
type Violations struct {
	path  []step
	items []string
}

type step struct {
	name  string
	index int // of a list member, from 1; 0 for a plain member
}

// maxViolations bounds the message that a hostile input can cause.
const maxViolations = 50

// Message is the text for the caller, or "" when nothing is wrong.
func (v *Violations) Message() string {
	switch len(v.items) {
	case 0:
		return ""
	case 1:
		return "1 validation error detected: " + v.items[0]
	}
	return fmt.Sprintf("%d validation errors detected: %s", len(v.items), strings.Join(v.items, "; "))
}

// Rule holds the constraints of a shape. Absent bounds are nil pointers.
type Rule struct {
	Min, Max  *int64
	Pattern   *Pattern
	Enum      []string
	Sensitive bool
	// EmptyIsAbsent lets an empty text pass as if the member were not there.
	EmptyIsAbsent bool
}

// Bound is a bound of a Rule.
func Bound(n int64) *int64 { return &n }

// Required adds a violation unless present.
func (v *Violations) Required(name string, present bool) {
	if !present {
		v.add(name, "null", false, "Member must not be null")
	}
}

// String checks a string, its length counted in characters.
func String[S ~string](v *Violations, name string, p *S, r *Rule) {
	if p == nil || r.EmptyIsAbsent && *p == "" {
		return
	}
	for _, text := range r.stringFaults(string(*p)) {
		v.add(name, "'"+string(*p)+"'", r.Sensitive, text)
	}
}

// stringFaults lists what is wrong with s, the pattern before the length.
func (r *Rule) stringFaults(s string) (faults []string) {
	if r.Pattern != nil && !r.Pattern.Match(s) {
		faults = append(faults, "Member must satisfy regular expression pattern: "+r.Pattern.Source)
	}
	if r.Min != nil || r.Max != nil {
		n := int64(len(s))
		if n > 0 {
			n = int64(utf8.RuneCountInString(s))
		}
		faults = append(faults, r.lengthFaults(n)...)
	}
	if r.Enum != nil && !contains(r.Enum, s) {
		faults = append(faults, "Member must satisfy enum value set: ["+strings.Join(r.Enum, ", ")+"]")
	}
	return faults
}

func (r *Rule) lengthFaults(n int64) (faults []string) {
	if r.Min != nil && n < *r.Min {
		faults = append(faults, "Member must have length greater than or equal to "+strconv.FormatInt(*r.Min, 10))
	}
	if r.Max != nil && n > *r.Max {
		faults = append(faults, "Member must have length less than or equal to "+strconv.FormatInt(*r.Max, 10))
	}
	return faults
}

// Number checks a number's range.
func (v *Violations) Number(name string, p *int, r *Rule) {
	if p == nil {
		return
	}
	n, shown := int64(*p), "'"+strconv.Itoa(*p)+"'"
	if r.Min != nil && n < *r.Min {
		v.add(name, shown, r.Sensitive, "Member must have value greater than or equal to "+strconv.FormatInt(*r.Min, 10))
	}
	if r.Max != nil && n > *r.Max {
		v.add(name, shown, r.Sensitive, "Member must have value less than or equal to "+strconv.FormatInt(*r.Max, 10))
	}
}

// Length checks the number of members of a list or map, or of bytes of a blob.
// value prints in the message unless the shape is sensitive.
func (v *Violations) Length(name string, n int, value any, r *Rule) {
	for _, text := range r.lengthFaults(int64(n)) {
		v.add(name, "'"+show(reflect.ValueOf(value), r.Sensitive)+"'", r.Sensitive, text)
	}
}

// Strings checks each member of a list of strings.
func Strings[S ~string](v *Violations, name string, list []S, r *Rule) {
	for i := range list {
		if len(r.stringFaults(string(list[i]))) == 0 {
			continue
		}
		v.Push(name, i+1)
		for _, text := range r.stringFaults(string(list[i])) {
			v.add("member", "'"+string(list[i])+"'", r.Sensitive, text)
		}
		v.Pop()
	}
}

// StringMap checks the keys and values of a map of strings.
func StringMap[S ~string](v *Violations, name string, m map[string]S, key, value *Rule) {
	for k, s := range m {
		if key != nil {
			if f := key.stringFaults(k); len(f) > 0 {
				v.add(name, "'"+show(reflect.ValueOf(m), value != nil && value.Sensitive)+"'", key.Sensitive || value != nil && value.Sensitive,
					"Map keys must satisfy constraint: ["+strings.Join(f, ", ")+"]")
			}
		}
		if value != nil {
			if f := value.stringFaults(string(s)); len(f) > 0 {
				v.add(name, "'"+show(reflect.ValueOf(m), value.Sensitive)+"'", value.Sensitive,
					"Map value must satisfy constraint: ["+strings.Join(f, ", ")+"]")
			}
		}
	}
}

// Keys checks the keys of a map whose values are not strings.
func Keys[T any](v *Violations, name string, m map[string]T, key *Rule) {
	for k := range m {
		if f := key.stringFaults(k); len(f) > 0 {
			v.add(name, "'"+show(reflect.ValueOf(m), false)+"'", key.Sensitive, "Map keys must satisfy constraint: ["+strings.Join(f, ", ")+"]")
		}
	}
}

// Push enters a member: index counts list members from 1; 0 is a plain member.
func (v *Violations) Push(name string, index int) { v.path = append(v.path, step{name, index}) }

// Pop leaves it.
func (v *Violations) Pop() { v.path = v.path[:len(v.path)-1] }

func (v *Violations) add(name, value string, sensitive bool, text string) {
	if len(v.items) >= maxViolations {
		return
	}
	var b strings.Builder
	b.WriteString("Value ")
	if !sensitive {
		if len(value) > 1024 {
			value = value[:1024] + "…'"
		}
		b.WriteString(value + " ")
	}
	b.WriteString("at '")
	for _, s := range v.path {
		b.WriteString(s.name)
		if s.index > 0 {
			b.WriteString("." + strconv.Itoa(s.index))
			b.WriteString(".member")
		}
		b.WriteString(".")
	}
	path := b.String() + name
	path = strings.Replace(path, ".member.member", ".member", 1)
	v.items = append(v.items, path+"' failed to satisfy constraint: "+text)
}

// show prints a list or map the way the service does: [a, b], {k=v}.
func show(v reflect.Value, sensitive bool) string {
	if sensitive || !v.IsValid() {
		return ""
	}
	var parts []string
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("java.nio.HeapByteBuffer[pos=0 lim=%d cap=%d]", v.Len(), v.Len())
		}
		for i := range min(v.Len(), 20) {
			parts = append(parts, show(v.Index(i), false))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		for i, k := range v.MapKeys() {
			if i < 20 {
				parts = append(parts, k.String()+"="+show(v.MapIndex(k), false))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.String:
		if v.Type() == reflect.TypeFor[Secret]() {
			return redacted
		}
		return v.String()
	case reflect.Struct, reflect.Pointer:
		return "(structure)"
	}
	return fmt.Sprint(v.Interface())
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
