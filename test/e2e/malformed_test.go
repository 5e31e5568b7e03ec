package e2e_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/api/ssm"
)

// TestMalformed sends each operation what no SDK would: each member with each
// wrong type, twice, or not at all. Nothing may answer but a clear 400.
func TestMalformed(t *testing.T) {
	e := start(t)
	cases := 0
	for _, service := range []*api.Service{cognitoidp.Service, cognitoidentity.Service, ssm.Service, kinesis.Service} {
		for name, op := range service.Operations {
			signer := e.root
			if op.Unsigned {
				signer = nil
			}
			send := func(body string) *answer {
				cases++
				return e.post(signer, service.Name, service.TargetPrefix+"."+name, body)
			}
			want := func(what, body, kind string) {
				if a := send(body); a.status != http.StatusBadRequest || a.kind() != kind {
					e.Errorf("%s with %s %.200s: %d %s, want %s", name, what, body, a.status, a.body, kind)
				}
			}
			for what, body := range map[string]string{"a list": `[]`, "a text": `"x"`, "a number": `1`, "half an object": `{"a":`, "two objects": `{}{}`,
				"depth": strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100), "bytes that are no text": "{\"\xff\":1}", "single quotes": `{'a':1}`, "a comma too many": `{"a":1,}`} {
				want(what, body, "SerializationException")
			}
			in := reflect.TypeOf(op.New()).Elem()
			for i := range in.NumField() {
				f := in.Field(i)
				if !f.IsExported() {
					continue
				}
				for _, value := range wrongTypes(f.Type) {
					want("the wrong type", fmt.Sprintf(`{%q:%s}`, f.Name, value), "SerializationException")
				}
				want("a duplicate", fmt.Sprintf(`{%q:null,%q:null}`, f.Name, f.Name), "SerializationException")
			}
			// Names of members have their case; one in another case is unknown
			// and ignored, and what is required is missing.
			var v api.Violations
			if op.New().Validate(&v); v.Message() != "" {
				invalid := "InvalidParameterException"
				if service == ssm.Service || service == kinesis.Service {
					invalid = "ValidationException"
				}
				if a := send(`{}`); a.status != http.StatusBadRequest || a.kind() != invalid && a.kind() != "UnknownOperationException" ||
					a.kind() == invalid && !strings.Contains(a.message(), "Member must not be null") {
					e.Errorf("%s with nothing: %d %s", name, a.status, a.body)
				}
			}
		}
	}
	t.Logf("%d malformed requests", cases)

	// Sizes and odd characters.
	big := e.post(nil, "", idpTarget+"SignUp", `{"ClientId":"`+strings.Repeat("x", 1<<20)+`"}`)
	if big.status != http.StatusRequestEntityTooLarge {
		e.Errorf("a body over 1 MiB: %d %s", big.status, big.body)
	}
	n := e.tenant(nil, nil)
	for _, body := range []string{
		`{"ClientId":"` + n.client + `","Username":"a\u0000b","Password":"` + password + `"}`,
		`{"ClientId":"` + n.client + `","Username":"ann","Password":"` + password + `","UserAttributes":[{"Name":"name","Value":"\u0000"}]}`,
		`{"ClientId":"` + n.client + `","Username":"\ud800","Password":"` + password + `"}`,
		`{"ClientId":"` + n.client + `","Username":"ann","Password":"` + password + `","UserAttributes":[{"Value":"x"}]}`,
		`{"ClientId":"` + n.client + `","Username":"ann","Password":"` + password + `","UserAttributes":[null]}`,
		`{"ClientId":"` + n.client + `","Username":"ann","Password":"` + password + `","UserAttributes":[{"Name":null}]}`,
	} {
		if a := e.post(nil, "", idpTarget+"SignUp", body); a.status != http.StatusBadRequest {
			e.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := e.post(nil, "", idpTarget+"InitiateAuth", `{"ClientId":"`+n.client+`","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":null,"PASSWORD":"x"}}`); a.status != http.StatusBadRequest {
		e.Errorf("a null parameter: %d %s", a.status, a.body)
	}
	if a := e.post(nil, "", idpTarget+"InitiateAuth", `{"ClientId":"`+n.client+`","AuthFlow":"NO_SUCH_FLOW"}`); a.kind() != "InvalidParameterException" ||
		!strings.Contains(a.message(), "at 'authFlow' failed to satisfy constraint: Member must satisfy enum value set: [") {
		e.Errorf("an unknown flow: %d %s", a.status, a.body)
	}
}

// wrongTypes are JSON values that a member of a Go type must not take.
func wrongTypes(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[api.Timestamp]() {
		return []string{`true`, `{}`, `[]`}
	}
	switch t.Kind() {
	case reflect.String:
		return []string{`true`, `1`, `{}`, `[]`}
	case reflect.Bool:
		return []string{`"true"`, `1`, `{}`, `[]`}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return []string{`"1"`, `true`, `{}`, `1.5`, `1e400`}
	case reflect.Map:
		return []string{`"x"`, `1`, `[]`, `{"a":null,"a":null}`}
	case reflect.Slice:
		switch {
		case t == reflect.TypeFor[[]byte]():
			return []string{`1`, `{}`} // base64 text
		case t.Elem().Kind() == reflect.Uint8:
			return nil // a document: any JSON will do
		}
		return []string{`"x"`, `1`, `{}`}
	case reflect.Struct:
		return []string{`"x"`, `1`, `[]`}
	}
	return nil
}
