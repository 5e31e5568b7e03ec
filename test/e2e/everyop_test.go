package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/go-json-experiment/json"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
)

// TestEverySignedOperation_denied calls each signed operation of user and
// identity pools, with an input that the model accepts, as a caller who may do
// everything to another pool: each is denied, the ones included that are
// written after this test.
func TestEverySignedOperation_denied(t *testing.T) {
	each(t, func(e *env) {
		mine, theirs := e.tenant(nil, nil), e.tenant(nil, nil)
		f := theirs.federation("Theirs", nil)
		arn := "arn:aws:cognito-idp:" + e.server.Region + ":" + e.server.Account + ":userpool/"
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["cognito-idp:*","cognito-identity:*"],`+
			`"Resource":["`+arn+mine.pool+`","arn:aws:cognito-identity:*:*:identitypool/none"]}}`)
		given := map[string]string{"UserPoolId": theirs.pool, "ClientId": theirs.client, "IdentityPoolId": f.id, "ResourceArn": arn + theirs.pool}
		asked := 0
		for _, service := range []*api.Service{cognitoidp.Service, cognitoidentity.Service} {
			for name, op := range service.Operations {
				if op.Unsigned {
					continue
				}
				body, err := fill(op, given)
				if err != nil {
					e.Errorf("%s: %v", name, err)
					continue
				}
				asked++
				a := e.post(ann, service.Name, service.TargetPrefix+"."+name, body)
				if a.kind() != "AccessDeniedException" && a.kind() != "UnknownOperationException" || a.status != http.StatusBadRequest {
					e.Errorf("%s with %s: %d %s", name, body, a.status, a.body)
				}
				if a.kind() == "AccessDeniedException" && !strings.Contains(a.message(), "User: arn:aws:iam::"+e.server.Account+":user/ann is not authorized to perform: "+service.Name+":"+name) {
					e.Errorf("%s is denied with %s", name, a.body)
				}
			}
		}
		if asked < 100 {
			e.Errorf("only %d operations were asked", asked)
		}
		if _, err := e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: &theirs.pool}); err != nil {
			e.Errorf("what was denied has happened: %v", err)
		}
	})
}

// fault is an item of a validation message.
var fault = regexp.MustCompile(`at '([^']+)' failed to satisfy constraint: ([^;]*)`)

// candidates are texts of which one satisfies most patterns.
var candidates = []string{"xx", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "https://x.example/y", "arn:aws:iam::000000000000:role/xx", "us-east-1_xxxxxxxxx",
	"us-east-1:00000000-0000-0000-0000-000000000000", "00000000-0000-4000-8000-000000000000", "import-xxxxxxxxxx", "us-east-1_0a0a0a0a0", "terms-of-use", "123456", "v1", "RS256",
	"0123456789012345678901234567890123456789", "o-0123456789/r-0123/x", "{####}"}

// fill is filled as JSON.
func fill(op *api.Operation, given map[string]string) (string, error) {
	in, err := filled(op, given)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(in)
	return string(body), err
}

// filled makes an input of an operation that its model accepts, by mending what
// the model complains of.
func filled(op *api.Operation, given map[string]string) (api.Input, error) {
	in := op.New()
	v := reflect.ValueOf(in).Elem()
	for name, text := range given {
		if m := v.FieldByName(name); m.IsValid() {
			setText(m, text)
		}
	}
	tried := map[string]int{}
	for range 60 {
		var violations api.Violations
		in.Validate(&violations)
		if violations.Message() == "" {
			return in, nil
		}
		mended := map[string]bool{}
		for _, item := range fault.FindAllStringSubmatch(violations.Message(), -1) {
			path, text := item[1], item[2]
			if mended[path] {
				continue // a second complaint about what was just changed
			}
			mended[path] = true
			member, err := memberAt(v, strings.Split(path, "."))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if text == "Member must not be null" {
				begin(member)
				continue
			}
			if _, list, ok := strings.Cut(text, "enum value set: ["); ok {
				first, _, _ := strings.Cut(strings.TrimSuffix(list, "]"), ",")
				setText(member, first)
				continue
			}
			if tried[path] == len(candidates) {
				return nil, errors.New(violations.Message())
			}
			setAny(member, candidates[tried[path]])
			tried[path]++
		}
	}
	return nil, errors.New("nothing satisfies the model")
}

// memberAt is the member at a path such as userAttributes.1.member.name.
func memberAt(v reflect.Value, path []string) (reflect.Value, error) {
	for _, step := range path {
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		switch n, err := strconv.Atoi(step); {
		case step == "member":
		case err == nil && v.Kind() == reflect.Slice && n <= v.Len():
			v = v.Index(n - 1)
		case v.Kind() == reflect.Struct:
			v = v.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, step) })
			if !v.IsValid() {
				return v, fmt.Errorf("there is no member %s", step)
			}
		default:
			return v, fmt.Errorf("%s is not in a %s", step, v.Kind())
		}
	}
	return v, nil
}

// begin gives a member that must be there a first value.
func begin(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		begin(v.Elem())
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(`{}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		begin(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	}
}

func setText(v reflect.Value, text string) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if v.Kind() == reflect.String {
		v.SetString(text)
	}
}

// setAny is setText for members that may also be numbers or lists.
func setAny(v reflect.Value, text string) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String, reflect.Pointer:
		setText(v, text)
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int()*2 + 1)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		begin(v.Index(v.Len() - 1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		setText(key, "x")
		begin(value)
		v.SetMapIndex(key, value)
	}
}
