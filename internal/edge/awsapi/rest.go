package awsapi

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"

	"gatehouse/internal/api"
	"gatehouse/internal/event"
)

// The REST protocols bind members of inputs and outputs to the parts of an HTTP
// message by the tag http:"<location>=<name>": uri, querystring, header,
// headers (a prefix), statusCode, payload. What has no location is in the body,
// which is the only part in which restJson1 and restXml differ.

// bodyCodec is that part.
type bodyCodec interface {
	mediaType() string
	unmarshal(body []byte, into any) error
	// marshal writes the members of a structure that have no location.
	marshal(name string, v any) ([]byte, error)
	errorBody(e *wireError, requestID string) []byte
}

// restProtocol is restJson1 or restXml.
type restProtocol struct {
	codec  bodyCodec
	labels map[string]string // of the request's path, decoded
}

// restRoute is the method and path of an operation.
type restRoute struct {
	op       *api.Operation
	segments []string // "{Name}", "{Name+}" or literal, still encoded
	query    url.Values
}

// restRoutes are a service's routes, those with more literal parts first.
func restRoutes(s *api.Service) []restRoute {
	var list []restRoute
	for _, op := range s.Operations {
		path, query, _ := strings.Cut(op.URI, "?")
		q, err := url.ParseQuery(query)
		if err != nil {
			panic("awsapi: the model of " + op.Name + " has a malformed URI") // generated code
		}
		list = append(list, restRoute{op, strings.Split(strings.Trim(path, "/"), "/"), q})
	}
	literal := func(r restRoute) (n int) {
		for _, s := range r.segments {
			if !strings.HasPrefix(s, "{") {
				n += 2
			}
		}
		return n + len(r.query)
	}
	slices.SortFunc(list, func(a, b restRoute) int {
		return cmp.Or(cmp.Compare(literal(b), literal(a)), cmp.Compare(a.op.Name, b.op.Name))
	})
	return list
}

// match reports whether a request is the route's, and its labels.
func (rr restRoute) match(r *http.Request, segments []string) (map[string]string, bool) {
	if r.Method != rr.op.Method {
		return nil, false
	}
	q := r.URL.Query()
	for k, v := range rr.query {
		if !q.Has(k) || v[0] != "" && q.Get(k) != v[0] {
			return nil, false
		}
	}
	labels := map[string]string{}
	for i, s := range rr.segments {
		name, isLabel := strings.CutPrefix(s, "{")
		name = strings.TrimSuffix(name, "}")
		greedy, isGreedy := strings.CutSuffix(name, "+")
		switch {
		case isLabel && isGreedy:
			if i >= len(segments) {
				return nil, false
			}
			v, err := url.PathUnescape(strings.Join(segments[i:], "/"))
			labels[greedy] = v
			return labels, err == nil
		case i >= len(segments):
			return nil, false
		case isLabel:
			v, err := url.PathUnescape(segments[i])
			if err != nil || v == "" {
				return nil, false
			}
			labels[name] = v
		case s != segments[i]:
			return nil, false
		}
	}
	return labels, len(segments) == len(rr.segments)
}

// routeREST finds the operation of a request to a REST service.
func (h *Handler) routeREST(c *call, impl *Implementation) {
	p := restProtocol{codec: jsonBody{}}
	if impl.API.Protocol == api.RestXML {
		p.codec = xmlBody{namespace: impl.API.Namespace}
	}
	c.impl = impl
	segments := strings.Split(strings.Trim(c.r.URL.EscapedPath(), "/"), "/")
	for _, rr := range h.rest[impl.API.Name] {
		if labels, ok := rr.match(c.r, segments); ok {
			c.op, c.opName, p.labels = rr.op, rr.op.Name, labels
			break
		}
	}
	c.protocol = p
}

// binding is where a member lives.
func binding(f reflect.StructField) (location, name string) {
	location, name, _ = strings.Cut(f.Tag.Get("http"), "=")
	return location, name
}

func (p restProtocol) decode(c *call) (api.Input, error) {
	in := c.op.New()
	v := reflect.ValueOf(in).Elem()
	if !utf8.Valid(c.body) && !hasBlobPayload(v) {
		return nil, serialization("The body is not UTF-8.")
	}
	payload := -1
	for i := range v.NumField() {
		if location, _ := binding(v.Type().Field(i)); location == "payload" {
			payload = i
		}
	}
	if err := p.decodeBody(c, in, v, payload); err != nil {
		return nil, err
	}
	query := c.r.URL.Query()
	for i := range v.NumField() {
		location, name := binding(v.Type().Field(i))
		field := v.Field(i)
		var err error
		switch location {
		case "uri":
			err = setText(field, p.labels[name], p.labels[name] != "")
		case "querystring":
			if field.Kind() == reflect.Slice {
				err = setTexts(field, query[name])
			} else {
				err = setText(field, query.Get(name), query.Has(name))
			}
		case "header":
			err = setText(field, c.r.Header.Get(name), c.r.Header.Get(name) != "")
		case "headers":
			m := reflect.MakeMap(field.Type())
			for k, values := range c.r.Header {
				if rest, ok := strings.CutPrefix(strings.ToLower(k), strings.ToLower(name)); ok {
					m.SetMapIndex(reflect.ValueOf(rest).Convert(field.Type().Key()), reflect.ValueOf(values[0]).Convert(field.Type().Elem()))
				}
			}
			field.Set(m)
		}
		if err != nil {
			return nil, serialization(name + " has the wrong type.")
		}
	}
	return in, nil
}

func (p restProtocol) decodeBody(c *call, in api.Input, v reflect.Value, payload int) error {
	if len(c.body) == 0 {
		return nil
	}
	var into any = in
	if payload >= 0 {
		field := v.Field(payload)
		switch field.Kind() {
		case reflect.Slice: // a blob is the body itself
			field.SetBytes(c.body)
			return nil
		case reflect.Pointer:
			if field.Type().Elem().Kind() == reflect.String {
				return setText(field, string(c.body), true)
			}
		}
		into = field.Addr().Interface()
	}
	if err := p.codec.unmarshal(c.body, into); err != nil {
		return err
	}
	// A member that lives elsewhere is not taken from the body.
	for i := range v.NumField() {
		if location, _ := binding(v.Type().Field(i)); location != "" && location != "payload" {
			v.Field(i).SetZero()
		}
	}
	return nil
}

func hasBlobPayload(v reflect.Value) bool {
	for i := range v.NumField() {
		if location, _ := binding(v.Type().Field(i)); location == "payload" {
			return v.Field(i).Type() == reflect.TypeFor[[]byte]()
		}
	}
	return false
}

func setTexts(field reflect.Value, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	field.Set(reflect.MakeSlice(field.Type(), len(texts), len(texts)))
	for i, t := range texts {
		if err := setScalar(field.Index(i), t); err != nil {
			return err
		}
	}
	return nil
}

// setText sets a member from a label, a query parameter or a header.
func setText(field reflect.Value, text string, present bool) error {
	if !present {
		return nil
	}
	e := reflect.New(field.Type().Elem())
	if err := setScalar(e.Elem(), text); err != nil {
		return err
	}
	field.Set(e)
	return nil
}

func setScalar(v reflect.Value, text string) error {
	if t, ok := v.Addr().Interface().(*api.Timestamp); ok {
		if at, err := http.ParseTime(text); err == nil {
			t.Time = at.UTC()
			return nil
		}
		return t.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(text) {
			return fmt.Errorf("not UTF-8")
		}
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
		return err
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		v.SetFloat(f)
		return err
	default:
		return fmt.Errorf("a %s cannot be text", v.Kind())
	}
	return nil
}

func (p restProtocol) encode(w http.ResponseWriter, c *call, out any) error {
	v := reflect.ValueOf(out).Elem()
	status := cmp.Or(c.op.Success, http.StatusOK)
	var body []byte
	var err error
	hasPayload := false
	for i := range v.NumField() {
		location, name := binding(v.Type().Field(i))
		field := v.Field(i)
		if location == "payload" {
			hasPayload = true
			if body, err = p.payload(v.Type().Field(i), field); err != nil {
				return err
			}
		}
		if location == "" || field.IsZero() {
			continue
		}
		switch location {
		case "header":
			w.Header().Set(name, headerText(field.Elem()))
		case "headers":
			for _, k := range field.MapKeys() {
				w.Header().Set(name+k.String(), field.MapIndex(k).String())
			}
		case "statusCode":
			status = int(field.Elem().Int())
		}
	}
	if !hasPayload && !c.op.NoOutput {
		if body, err = p.codec.marshal(c.op.Name+"Response", out); err != nil {
			return err
		}
	}
	p.write(w, c.r, status, body)
	return nil
}

func (p restProtocol) payload(f reflect.StructField, v reflect.Value) ([]byte, error) {
	switch {
	case v.IsZero():
		return nil, nil
	case v.Kind() == reflect.Slice:
		return v.Bytes(), nil
	case v.Elem().Kind() == reflect.String:
		return []byte(v.Elem().String()), nil
	}
	return p.codec.marshal(memberName(f), v.Interface())
}

func headerText(v reflect.Value) string {
	if t, ok := v.Interface().(api.Timestamp); ok {
		return t.UTC().Format(http.TimeFormat)
	}
	if v.Kind() == reflect.String {
		return v.String()
	}
	return fmt.Sprint(v.Interface())
}

func (p restProtocol) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	if h.Get("Content-Type") == "" && len(body) > 0 {
		h.Set("Content-Type", p.codec.mediaType())
	}
	h.Set("X-Amzn-Requestid", event.From(r.Context()).ID)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone when this fails; there is nobody to tell
}

func (p restProtocol) writeError(w http.ResponseWriter, c *call, e *wireError) {
	w.Header().Set("X-Amzn-Errortype", e.code+":")
	p.write(w, c.r, e.status, p.codec.errorBody(e, event.From(c.r.Context()).ID))
}

// jsonBody is restJson1's.
type jsonBody struct{}

func (jsonBody) mediaType() string { return "application/json" }

func (jsonBody) unmarshal(body []byte, into any) error {
	if tooDeep(body) {
		return serialization("The body is nested too deeply.")
	}
	if err := jsonv2.Unmarshal(body, into); err != nil {
		return serialization(decodeMessage(err))
	}
	return nil
}

func (jsonBody) marshal(_ string, v any) ([]byte, error) {
	return jsonv2.Marshal(bodyMembers(v), jsonv2.Deterministic(true))
}

// bodyMembers are the members of an output that have no location, by name.
func bodyMembers(v any) any {
	s := reflect.Indirect(reflect.ValueOf(v))
	m := map[string]any{}
	for i := range s.NumField() {
		if location, _ := binding(s.Type().Field(i)); location == "" && !s.Field(i).IsZero() {
			m[memberName(s.Type().Field(i))] = s.Field(i).Interface()
		}
	}
	return m
}

func (jsonBody) errorBody(e *wireError, _ string) []byte {
	var body any = map[string]string{"message": e.message}
	if e.modelled != nil {
		body = e.modelled
	}
	b, err := jsonv2.Marshal(body, jsonv2.Deterministic(true))
	if err != nil {
		return []byte("{}")
	}
	return b
}

// xmlBody is restXml's.
type xmlBody struct{ namespace string }

func (xmlBody) mediaType() string { return "application/xml" }

func (x xmlBody) marshal(name string, v any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, "<%s xmlns=%q>", name, x.namespace)
	s := reflect.Indirect(reflect.ValueOf(v))
	for i := range s.NumField() {
		if location, _ := binding(s.Type().Field(i)); location == "" && !s.Field(i).IsZero() {
			writeXML(&b, memberName(s.Type().Field(i)), s.Field(i))
		}
	}
	fmt.Fprintf(&b, "</%s>", name)
	return b.Bytes(), nil
}

func (xmlBody) errorBody(e *wireError, requestID string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<ErrorResponse><Error><Code>" + e.code + "</Code><Message>")
	_ = xml.EscapeText(&b, []byte(e.message))
	b.WriteString("</Message></Error><RequestId>" + requestID + "</RequestId></ErrorResponse>")
	return b.Bytes()
}

func (xmlBody) unmarshal(body []byte, into any) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = true
	for {
		t, err := d.Token()
		if err != nil {
			return malformedXML()
		}
		if _, ok := t.(xml.StartElement); ok {
			if err := readXML(d, reflect.ValueOf(into).Elem(), 0); err != nil {
				return malformedXML()
			}
			if _, err := d.Token(); err != io.EOF {
				return malformedXML()
			}
			return nil
		}
		if _, ok := t.(xml.Directive); ok {
			return malformedXML() // no document types: they are how entities get in
		}
	}
}

func malformedXML() error {
	return api.BadRequest("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

// readXML reads the content of an element, its start already read, into v.
func readXML(d *xml.Decoder, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested too deeply")
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return readXML(d, v.Elem(), depth)
	}
	_, isTime := v.Addr().Interface().(*api.Timestamp)
	var text strings.Builder
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if v.Kind() == reflect.Struct && !isTime || v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
				return nil
			}
			if v.Kind() == reflect.Slice {
				b, err := base64.StdEncoding.DecodeString(text.String())
				v.SetBytes(b)
				return err
			}
			return setScalar(v, text.String())
		case xml.StartElement:
			if err := readChild(d, v, t.Name.Local, depth); err != nil {
				return err
			}
		case xml.Directive:
			return fmt.Errorf("a directive inside the document")
		}
	}
}

// readChild reads a member of a structure or of a list; unknown members are
// skipped.
func readChild(d *xml.Decoder, v reflect.Value, name string, depth int) error {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if memberName(v.Type().Field(i)) == name {
				return readXML(d, v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		e := reflect.New(v.Type().Elem()).Elem()
		if err := readXML(d, e, depth+1); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
		return nil
	}
	return d.Skip()
}
