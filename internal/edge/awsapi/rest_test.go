package awsapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gatehouse/internal/api"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/edge/awsapi"
)

// A service in the shape that the generator gives one: every binding of the
// REST protocols, once.

type putInput struct {
	Name    *string           `json:"Name,omitzero" http:"uri=Name"`
	Rest    *string           `json:"Rest,omitzero" http:"uri=Rest"`
	Limit   *int              `json:"Limit,omitzero" http:"querystring=limit"`
	Tags    []string          `json:"Tags,omitzero" http:"querystring=tag"`
	Dry     *bool             `json:"Dry,omitzero" http:"header=X-Dry"`
	Since   *api.Timestamp    `json:"Since,omitzero" http:"header=X-Since"`
	Meta    map[string]string `json:"Meta,omitzero" http:"headers=X-Meta-"`
	Comment *string           `json:"comment,omitzero"`
	Parts   []part            `json:"parts,omitzero"`
}

type part struct {
	Key  *string `json:"key,omitzero"`
	Size *int    `json:"size,omitzero"`
}

func (*putInput) Validate(v *api.Violations) {}

type putOutput struct {
	Seen   *string        `json:"seen,omitzero"`
	At     *api.Timestamp `json:"at,omitzero"`
	Parts  []part         `json:"parts,omitzero"`
	ETag   *string        `json:"ETag,omitzero" http:"header=ETag"`
	Status *int           `json:"Status,omitzero" http:"statusCode="`
}

type blobInput struct {
	Name *string `json:"Name,omitzero" http:"uri=Name"`
	Body []byte  `json:"Body,omitzero" http:"payload="`
}

func (*blobInput) Validate(v *api.Violations) { v.Required("name", false) }

type okBlobInput blobInput

func (*okBlobInput) Validate(*api.Violations) {}

type blobOutput struct {
	Body []byte `json:"Body,omitzero" http:"payload="`
}

type gone struct {
	Message string `json:"message,omitzero"`
}

func (e *gone) Error() string { return "GoneException: " + e.Message }
func (e *gone) Code() string  { return "GoneException" }
func (e *gone) Status() int   { return 410 }

type thing struct{ last *putInput }

func (t *thing) put(in *putInput) *putOutput {
	t.last = in
	return &putOutput{Seen: in.Name, At: api.At(time.Unix(1700000000, 0)), Parts: in.Parts, ETag: new("abc"), Status: new(201)}
}

func describe(p api.Protocol) *api.Service {
	return &api.Service{Name: "thing", FullName: "Thing", Protocol: p, Version: "2020-01-01", Namespace: "http://thing/", Operations: map[string]*api.Operation{
		"Put": {Name: "Put", Method: "PUT", URI: "/v1/things/{Name}/parts/{Rest+}", New: func() api.Input { return new(putInput) },
			Call: func(_ context.Context, s any, in api.Input) (any, error) { return s.(*thing).put(in.(*putInput)), nil }},
		"List": {Name: "List", Method: "GET", URI: "/v1/things?list", New: func() api.Input { return new(putInput) },
			Call: func(_ context.Context, s any, in api.Input) (any, error) { return s.(*thing).put(in.(*putInput)), nil }},
		"Literal": {Name: "Literal", Method: "POST", URI: "/v1/things/special", Success: 202, NoOutput: true, New: func() api.Input { return new(okBlobInput) },
			Call: func(context.Context, any, api.Input) (any, error) { return &struct{}{}, nil }},
		"Blob": {Name: "Blob", Method: "POST", URI: "/v1/things/{Name}", New: func() api.Input { return new(okBlobInput) },
			Call: func(_ context.Context, _ any, in api.Input) (any, error) {
				b := in.(*okBlobInput)
				if *b.Name == "gone" {
					return nil, &gone{"It is gone."}
				}
				return &blobOutput{Body: []byte("got " + string(b.Body))}, nil
			}},
		"Invalid": {Name: "Invalid", Method: "POST", URI: "/v1/invalid/{Name}", New: func() api.Input { return new(blobInput) }},
	}}
}

// everybody authenticates everybody and allows everything: what is tested is
// the protocol, and the signature only names the service.
type everybody struct{}

func (everybody) Authenticate(*http.Request, string, []byte) (*access.Caller, error) {
	return &access.Caller{Principal: policy.Principal{Type: policy.Account}}, nil
}
func (everybody) Conditions(*http.Request) policy.Context { return nil }
func (everybody) Decide(context.Context, *access.Caller, access.Check) (policy.Decision, error) {
	return policy.Decision{Allowed: true}, nil
}

func serve(t *testing.T, p api.Protocol) (*thing, func(method, path, body string, header ...string) (*http.Response, string)) {
	t.Helper()
	impl := &thing{}
	no := func(error) bool { return false }
	h := awsapi.New(awsapi.Config{Auth: everybody{}, Access: everybody{}, Log: slog.New(slog.DiscardHandler), Busy: no, Unavailable: no, BadText: no,
		Services: []awsapi.Implementation{{API: describe(p), Service: impl, ValidationCode: "ValidationException",
			Checks: func(context.Context, string, api.Input) ([]access.Check, error) {
				return []access.Check{{Action: "thing:Do", Resource: "*"}}, nil
			}}}})
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return impl, func(method, path, body string, header ...string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, r, strings.Repeat("0", 64), "thing", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
}

func checkBindings(t *testing.T, in *putInput) {
	t.Helper()
	if *in.Name != "a b/c" || *in.Rest != "x/y z" || *in.Limit != 7 || strings.Join(in.Tags, ",") != "p,q" || !*in.Dry || in.Since.Unix() != 1577836800 || in.Meta["color"] != "red" {
		t.Errorf("bindings: name %v rest %v limit %v tags %v dry %v since %v meta %v", *in.Name, *in.Rest, *in.Limit, in.Tags, *in.Dry, in.Since, in.Meta)
	}
	if *in.Comment != "hi" || len(in.Parts) != 2 || *in.Parts[1].Key != "k2" || *in.Parts[1].Size != 2 {
		t.Errorf("body: %+v", in)
	}
}

const putPath = "/v1/things/a%20b%2Fc/parts/x/y%20z?limit=7&tag=p&tag=q"

var putHeaders = []string{"X-Dry", "true", "X-Since", "Wed, 01 Jan 2020 00:00:00 GMT", "X-Meta-Color", "red"}

func TestRestJSON(t *testing.T) {
	impl, do := serve(t, api.RestJSON)
	// Name in the body is not the label: what lives elsewhere is not taken from the body
	resp, body := do("PUT", putPath, `{"comment":"hi","Name":"evil","parts":[{"key":"k1"},{"key":"k2","size":2}]}`, putHeaders...)
	checkBindings(t, impl.last)
	if want := `{"at":1700000000.000,"parts":[{"key":"k1"},{"key":"k2","size":2}],"seen":"a b/c"}`; body != want || resp.StatusCode != 201 || resp.Header.Get("ETag") != "abc" ||
		resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		kind, holds        string
	}{
		{"POST", "/v1/things/n", "raw\x00\xff", 200, "", "got raw\x00\xff"},
		{"POST", "/v1/things/special", "", 202, "", ""},
		{"POST", "/v1/things/gone", "", 410, "GoneException:", `{"message":"It is gone."}`},
		{"POST", "/v1/invalid/n", "", 400, "ValidationException:", "Member must not be null"},
		{"GET", "/v1/things?list&limit=x", "", 400, "SerializationException:", "limit has the wrong type."},
		{"GET", "/v1/things", "", 400, "UnknownOperationException:", ""},
		{"DELETE", "/v1/things/n", "", 400, "UnknownOperationException:", ""},
		{"PUT", "/v1/things/n/parts/x", "{", 400, "SerializationException:", ""},
		{"PUT", "/v1/things/n/parts/x", `{"comment":1}`, 400, "SerializationException:", "NUMBER_VALUE cannot be converted to String"},
	} {
		resp, body := do(c.method, c.path, c.body)
		if resp.StatusCode != c.status || resp.Header.Get("X-Amzn-Errortype") != c.kind || !strings.Contains(body, c.holds) {
			t.Errorf("%s %s: got %d %s %s", c.method, c.path, resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"), body)
		}
	}
}

func TestRestXML(t *testing.T) {
	impl, do := serve(t, api.RestXML)
	resp, body := do("PUT", putPath, `<?xml version="1.0"?><PutRequest><comment>hi</comment><unknown><a/></unknown><parts><member><key>k1</key></member><member><key>k2</key><size>2</size></member></parts></PutRequest>`, putHeaders...)
	checkBindings(t, impl.last)
	if want := `<PutResponse xmlns="http://thing/"><seen>a b/c</seen><at>2023-11-14T22:13:20Z</at><parts><member><key>k1</key></member><member><key>k2</key><size>2</size></member></parts></PutResponse>`; !strings.HasSuffix(body, want) || resp.StatusCode != 201 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	for _, bad := range []string{"<", "<a>", "<a></b>", `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, "<PutRequest><parts><member><size>x</size></member></parts></PutRequest>",
		strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "<b/>"} {
		if resp, body := do("PUT", "/v1/things/n/parts/x", bad); resp.StatusCode != 400 || !strings.Contains(body, "<Code>MalformedXML</Code>") {
			t.Errorf("%.40s: got %d %s", bad, resp.StatusCode, body)
		}
	}
	if resp, body := do("POST", "/v1/things/gone", ""); resp.StatusCode != 410 || !strings.Contains(body, "<Code>GoneException</Code><Message>It is gone.</Message>") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}
