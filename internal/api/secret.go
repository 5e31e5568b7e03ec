package api

import (
	"fmt"
	"log/slog"
	"reflect"
)

// Secret is a string that the model marks sensitive: a password, a token, a
// code. It travels on the wire as it is and prints as redacted everywhere else.
type Secret string

const redacted = "[redacted]"

func (Secret) String() string       { return redacted }
func (Secret) GoString() string     { return redacted }
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format keeps verbs such as %x from reaching the bytes.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue is the form in which a generated structure that holds a Secret is
// logged: its members by name, secrets redacted.
func LogValue(x any) slog.Value { return slog.AnyValue(redact(reflect.ValueOf(x), 0)) }

func redact(v reflect.Value, depth int) any {
	if depth > 16 {
		return "…"
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return redact(v.Elem(), depth+1)
	case reflect.Struct:
		if s, ok := v.Interface().(fmt.Stringer); ok {
			return s.String()
		}
		out := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				out[f.Name] = redact(v.Field(i), depth+1)
			}
		}
		return out
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("%d bytes", v.Len())
		}
		out := make([]any, v.Len())
		for i := range out {
			out[i] = redact(v.Index(i), depth+1)
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[k.String()] = redact(v.MapIndex(k), depth+1)
		}
		return out
	}
	if v.Type() == reflect.TypeFor[Secret]() {
		return redacted
	}
	return v.Interface()
}
