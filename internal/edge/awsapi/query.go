package awsapi

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/api"
	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/event"
)

// queryProtocol is awsQuery: a form in, XML out.
type queryProtocol struct{}

// route reads the form and finds the action. IAM and STS have different
// versions; where one version is two services', the credential scope decides.
func (queryProtocol) route(h *Handler, c *call) {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		form = url.Values{}
	}
	c.r.PostForm = form
	c.opName = form.Get("Action")
	candidates := h.query[form.Get("Version")]
	if scope := scopeService(c.r); scope != "" && h.byName[scope] != nil && h.byName[scope].API.Protocol == api.Query {
		candidates = []*Implementation{h.byName[scope]}
	}
	for _, impl := range candidates {
		c.impl, c.op = impl, impl.API.Operations[c.opName]
		if c.op != nil {
			return
		}
	}
}

// scopeService is the service that a signed request names in its scope.
func scopeService(r *http.Request) string {
	auth, err := sigv4.Parse(r)
	if err != nil {
		return ""
	}
	return auth.Service
}

func malformedQuery(message string) error {
	return &api.FrameworkError{ErrorCode: "MalformedQueryString", HTTPStatus: http.StatusBadRequest, Message: message}
}

func (queryProtocol) decode(c *call) (api.Input, error) {
	if !utf8.Valid(c.body) {
		return nil, malformedQuery("The request is not UTF-8.")
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, malformedQuery("The query string is malformed.")
	}
	for k, v := range form {
		if len(v) > 1 {
			return nil, malformedQuery("Duplicate parameter: " + k)
		}
		if !utf8.ValidString(v[0]) || strings.Count(k, ".") > maxDepth {
			return nil, malformedQuery("The request is not UTF-8.")
		}
	}
	in := c.op.New()
	d := queryDecoder{form: form, prefixes: map[string]bool{}}
	for k := range form {
		for i := range len(k) {
			if k[i] == '.' {
				d.prefixes[k[:i]] = true
			}
		}
		d.prefixes[k] = true
	}
	if err := d.fill(reflect.ValueOf(in).Elem(), ""); err != nil {
		return nil, err
	}
	return in, nil
}

type queryDecoder struct {
	form     url.Values
	prefixes map[string]bool // of every parameter, at dots
}

func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// fill sets the members of a structure from the parameters under prefix.
func (d queryDecoder) fill(v reflect.Value, prefix string) error {
	for i := range v.NumField() {
		path := join(prefix, memberName(v.Type().Field(i)))
		if !d.prefixes[path] {
			continue
		}
		if err := d.set(v.Field(i), path); err != nil {
			return err
		}
	}
	return nil
}

func (d queryDecoder) set(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		e := reflect.New(v.Type().Elem())
		if err := d.set(e.Elem(), path); err != nil {
			return err
		}
		v.Set(e)
		return nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Addr().Interface().(interface{ UnmarshalText([]byte) error }).UnmarshalText([]byte(d.form.Get(path)))
		}
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		for n := 1; d.prefixes[path+".member."+strconv.Itoa(n)]; n++ {
			e := reflect.New(v.Type().Elem()).Elem()
			if err := d.set(e, path+".member."+strconv.Itoa(n)); err != nil {
				return err
			}
			v.Set(reflect.Append(v, e))
		}
		return nil
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for n := 1; d.prefixes[path+".entry."+strconv.Itoa(n)]; n++ {
			entry := path + ".entry." + strconv.Itoa(n)
			e := reflect.New(v.Type().Elem()).Elem()
			if err := d.set(e, entry+".value"); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(d.form.Get(entry+".key")), e)
		}
		return nil
	case reflect.Struct:
		if t, ok := v.Addr().Interface().(*api.Timestamp); ok {
			if err := t.UnmarshalText([]byte(d.form.Get(path))); err != nil {
				return malformedInput(path)
			}
			return nil
		}
		return d.fill(v, path)
	}
	text := d.form.Get(path)
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return malformedInput(path)
		}
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return malformedInput(path)
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return malformedInput(path)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("query protocol cannot carry %s", v.Type())
	}
	return nil
}

func malformedInput(path string) error {
	return &api.FrameworkError{ErrorCode: "MalformedInput", HTTPStatus: http.StatusBadRequest, Message: "Parameter " + path + " has the wrong type."}
}

func (queryProtocol) encode(w http.ResponseWriter, c *call, out any) error {
	var b bytes.Buffer
	op := c.op.Name
	fmt.Fprintf(&b, "<%sResponse xmlns=%q>\n", op, c.impl.API.Namespace)
	if !c.op.NoOutput {
		fmt.Fprintf(&b, "<%sResult>", op)
		writeXML(&b, "", reflect.ValueOf(out))
		fmt.Fprintf(&b, "</%sResult>\n", op)
	}
	fmt.Fprintf(&b, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>\n</%sResponse>\n", event.From(c.r.Context()).ID, op)
	writeText(w, c.r, http.StatusOK, b.Bytes())
	return nil
}

func writeText(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("X-Amzn-Requestid", event.From(r.Context()).ID)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone when this fails; there is nobody to tell
}

// writeXML writes a value inside an element, or its members alone when name is
// empty.
func writeXML(b *bytes.Buffer, name string, v reflect.Value) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	open := func() {
		if name != "" {
			b.WriteString("<" + name + ">")
		}
	}
	shut := func() {
		if name != "" {
			b.WriteString("</" + name + ">")
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		open()
		defer shut()
		if t, ok := v.Interface().(api.Timestamp); ok {
			text, _ := t.MarshalText()
			b.Write(text)
			return
		}
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				writeXML(b, memberName(v.Type().Field(i)), v.Field(i))
			}
		}
	case reflect.Slice:
		open()
		defer shut()
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b.WriteString(base64.StdEncoding.EncodeToString(v.Bytes()))
			return
		}
		for i := range v.Len() {
			writeXML(b, "member", v.Index(i))
		}
	case reflect.Map:
		open()
		defer shut()
		for _, k := range v.MapKeys() {
			b.WriteString("<entry><key>")
			_ = xml.EscapeText(b, []byte(k.String()))
			b.WriteString("</key>")
			writeXML(b, "value", v.MapIndex(k))
			b.WriteString("</entry>")
		}
	case reflect.String:
		open()
		_ = xml.EscapeText(b, []byte(v.String()))
		shut()
	default:
		open()
		fmt.Fprint(b, v.Interface())
		shut()
	}
}

func (queryProtocol) writeError(w http.ResponseWriter, c *call, e *wireError) {
	var b bytes.Buffer
	namespace := ""
	if c.impl != nil {
		namespace = fmt.Sprintf(" xmlns=%q", c.impl.API.Namespace)
	}
	kind := "Sender"
	if e.status >= 500 {
		kind = "Receiver"
	}
	fmt.Fprintf(&b, "<ErrorResponse%s>\n<Error><Type>%s</Type><Code>%s</Code><Message>", namespace, kind, e.code)
	_ = xml.EscapeText(&b, []byte(e.message))
	fmt.Fprintf(&b, "</Message></Error>\n<RequestId>%s</RequestId>\n</ErrorResponse>\n", event.From(c.r.Context()).ID)
	writeText(w, c.r, e.status, b.Bytes())
}
