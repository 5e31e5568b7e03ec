package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"gatehouse/internal/api"
	apiiam "gatehouse/internal/api/iam"
	apists "gatehouse/internal/api/sts"
	"gatehouse/internal/service/sts"
	"gatehouse/test/awsclient"
)

// query sends an operation of the query protocol, signed or by a stranger.
func (e *env) query(signer *awsclient.Clients, service *api.Service, op string, form url.Values) *answer {
	e.Helper()
	form.Set("Action", op)
	form.Set("Version", service.Version)
	body := form.Encode()
	r, err := http.NewRequestWithContext(e.Context(), http.MethodPost, e.server.URL+"/", strings.NewReader(body))
	e.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if signer != nil {
		sum := sha256.Sum256([]byte(body))
		e.ok(signer.Sign(r, hex.EncodeToString(sum[:]), service.Name))
	}
	return e.do(r)
}

var codeOf = regexp.MustCompile(`<Code>([^<]*)</Code>`)

func (a *answer) code() string {
	if m := codeOf.FindSubmatch(a.body); m != nil {
		return string(m[1])
	}
	return ""
}

// formOf writes an input as the query protocol has it.
func formOf(form url.Values, prefix string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if v.Elem().Kind() == reflect.Struct {
			form.Set(prefix, "") // it is there, whatever it holds
		}
		formOf(form, prefix, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			formOf(form, strings.TrimPrefix(prefix+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			formOf(form, prefix+".member."+strconv.Itoa(i+1), v.Index(i))
		}
	default:
		form.Set(prefix, fmt.Sprint(v.Interface()))
	}
}

// TestEveryQueryOperation_denied calls each operation of IAM and STS, with an
// input that the model accepts, as a stranger and as a user who may do everything
// to something else: none answers either of them.
func TestEveryQueryOperation_denied(t *testing.T) {
	each(t, func(e *env) {
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*","sts:*"],"Resource":"arn:aws:iam::`+e.server.Account+`:user/other"}}`)
		given := map[string]string{"UserName": "ann", "SAMLMetadataDocument": strings.Repeat("x", 1000), "AccountAlias": "acme", "Path": "/", "PathPrefix": "/"}
		asked := 0
		for _, service := range []*api.Service{apiiam.Service, apists.Service} {
			for name, op := range service.Operations {
				a := e.query(nil, service, name, url.Values{})
				if missing := a.code() == "MissingAuthenticationToken" && a.status == http.StatusForbidden; missing == op.Unsigned {
					e.Errorf("%s without a signature (the model says unsigned: %v): %d %s", name, op.Unsigned, a.status, a.body)
				}
				if op.Unsigned || service == apists.Service && sts.SelfAuthorizing[name] {
					continue
				}
				in, err := filled(op, given)
				if err != nil {
					e.Errorf("%s: %v", name, err)
					continue
				}
				asked++
				form := url.Values{}
				formOf(form, "", reflect.ValueOf(in).Elem())
				a = e.query(ann, service, name, form)
				if a.code() != "AccessDenied" && a.code() != "InvalidAction" || a.code() == "AccessDenied" && a.status != http.StatusForbidden {
					e.Errorf("%s with %v: %d %s", name, form, a.status, a.body)
				}
				if a.code() == "AccessDenied" && !strings.Contains(string(a.body), "User: arn:aws:iam::"+e.server.Account+":user/ann is not authorized to perform: "+service.Name+":"+name) {
					e.Errorf("%s is denied with %s", name, a.body)
				}
			}
		}
		if asked < 170 {
			e.Errorf("only %d operations were asked", asked)
		}
		if got, err := e.root.IAM.ListUsers(e.Context(), &iam.ListUsersInput{}); err != nil || len(got.Users) != 1 {
			e.Errorf("what was denied has happened: %v %v", got, err)
		}
	})
}
