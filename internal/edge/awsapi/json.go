package awsapi

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"gatehouse/internal/api"
	"gatehouse/internal/event"
)

// jsonProtocol is awsJson1.1: POST /, the operation in X-Amz-Target.
type jsonProtocol struct{}

const jsonType = "application/x-amz-json-1.1"

// maxDepth bounds the nesting of a JSON body (promises.md, N4).
const maxDepth = 64

func serialization(message string) error {
	return &api.FrameworkError{ErrorCode: "SerializationException", HTTPStatus: http.StatusBadRequest, Message: message}
}

func (jsonProtocol) decode(c *call) (api.Input, error) {
	in := c.op.New()
	body := bytes.TrimSpace(c.body)
	if len(body) == 0 {
		return in, nil
	}
	if tooDeep(body) {
		return nil, serialization("The body is nested too deeply.")
	}
	if body[0] != '{' {
		return nil, serialization(startMessage(body[0]))
	}
	if err := json.Unmarshal(body, in); err != nil {
		return nil, serialization(decodeMessage(err))
	}
	return in, nil
}

func startMessage(b byte) string {
	if b == '[' {
		return "Unexpected list start"
	}
	return ""
}

// decodeMessage words a decoding error as AWS's framework does (api-errors.md,
// section 5). Malformed JSON has no message.
func decodeMessage(err error) string {
	var sem *json.SemanticError
	if !errors.As(err, &sem) || sem.GoType == nil {
		return ""
	}
	t := sem.GoType
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Map:
		return "Expected map or null"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "Blob must be base64 text"
		}
		return "Expected list or null"
	case reflect.Struct:
		if t == reflect.TypeFor[api.Timestamp]() {
			return "Expected a timestamp in epoch seconds"
		}
		return "Expected null"
	}
	target := map[reflect.Kind]string{reflect.String: "String", reflect.Bool: "Boolean", reflect.Int: "Integer", reflect.Float64: "Double"}[t.Kind()]
	switch sem.JSONKind {
	case jsontext.KindTrue:
		return "TRUE_VALUE can not be converted to a " + target
	case jsontext.KindFalse:
		return "FALSE_VALUE can not be converted to a " + target
	case jsontext.KindNumber:
		return "NUMBER_VALUE cannot be converted to " + target
	case jsontext.KindString:
		return "STRING_VALUE cannot be converted to " + target
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		return "Start of structure or map found where not expected."
	}
	return ""
}

// tooDeep counts brackets outside strings, before anything is allocated.
func tooDeep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case inString:
			if b == '\\' {
				i++
			} else if b == '"' {
				inString = false
			}
		case b == '"':
			inString = true
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

func (jsonProtocol) encode(w http.ResponseWriter, c *call, out any) error {
	var body []byte
	if !c.op.NoOutput {
		var err error
		if body, err = json.Marshal(out, json.Deterministic(true)); err != nil {
			return err
		}
	}
	writeJSON(w, c.r, http.StatusOK, body)
	return nil
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("X-Amzn-Requestid", event.From(r.Context()).ID)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone when this fails; there is nobody to tell
}

func (jsonProtocol) writeError(w http.ResponseWriter, c *call, e *wireError) {
	body := map[string]any{}
	if e.modelled != nil {
		if b, err := json.Marshal(e.modelled); err == nil {
			_ = json.Unmarshal(b, &body)
		}
	}
	body["__type"] = e.code
	if e.modelled == nil && e.message != "" {
		if e.framework {
			body["Message"] = e.message
		} else {
			body["message"] = e.message
		}
	}
	b, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		b = []byte(`{"__type":"InternalFailure"}`)
	}
	w.Header().Set("X-Amzn-Errortype", e.code+":")
	if headerSafe(e.message) {
		w.Header().Set("X-Amzn-Errormessage", e.message)
	}
	writeJSON(w, c.r, e.status, b)
}

// headerSafe reports whether a message may stand in a header: printable ASCII,
// not too long.
func headerSafe(s string) bool {
	return s != "" && len(s) <= 1024 && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
