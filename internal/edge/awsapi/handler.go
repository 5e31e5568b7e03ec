package awsapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/event"
)

// MaxBody is the largest request body of an API call, in bytes (contract.md).
const MaxBody = 1 << 20

// largeBodies are the operations whose requests may be larger, by target: the
// pictures of a page's style come in them (2 MB, says the documentation of
// CreateManagedLoginBranding), and the records of streams in base64: one of 1 MiB,
// or 5 MiB of them with their keys.
var largeBodies = map[string]int64{
	"AWSCognitoIdentityProviderService.CreateManagedLoginBranding": 2 << 20,
	"AWSCognitoIdentityProviderService.UpdateManagedLoginBranding": 2 << 20,
	"Kinesis_20131202.PutRecord":                                   2 << 20,
	"Kinesis_20131202.PutRecords":                                  8 << 20,
}

// usualBody is more than most request bodies have, in bytes.
const usualBody = 8 << 10

// Implementation is a service behind this edge.
type Implementation struct {
	API *api.Service
	// Service implements the generated API interface.
	Service any
	// Checks names what a signed operation needs: one check an action and
	// resource. An operation without a check is denied to everybody.
	Checks func(ctx context.Context, op string, in api.Input) ([]access.Check, error)
	// SelfAuthorizing are the signed operations that Checks is not asked about,
	// because they decide by more than the caller's own policies: sts:AssumeRole
	// by a role's trust policy, sts:GetCallerIdentity by nothing.
	SelfAuthorizing map[string]bool
	// ValidationCode is the error code of a broken constraint:
	// InvalidParameterException, ValidationError, ValidationException.
	ValidationCode string
}

// Authenticator tells who signed a request.
type Authenticator interface {
	// Authenticate verifies the signature of a request to a service over the
	// body. An unsigned request is an error here.
	Authenticate(r *http.Request, service string, body []byte) (*access.Caller, error)
	// Conditions are the condition keys of the request itself.
	Conditions(r *http.Request) policy.Context
}

// Config is what a Handler needs.
type Config struct {
	Services []Implementation
	Auth     Authenticator
	Access   access.Decider
	Log      *slog.Logger
	// Busy and Unavailable recognise errors of packages that an edge does not
	// import: too much at once, and data out of reach.
	// BadText recognises text that no database holds, such as a NUL.
	Busy, Unavailable, BadText func(error) bool
	// Unlisted, if not nil, hears of every exception that an operation answers
	// and its model does not list. Tests fail on it.
	Unlisted func(service, op, code string)
}

// Handler serves POST / and the paths of the REST protocols.
type Handler struct {
	config   Config
	byTarget map[string]*Implementation
	byName   map[string]*Implementation // signing name
	query    map[string][]*Implementation
	rest     map[string][]restRoute
}

// New returns the handler of the services in c.
func New(c Config) *Handler {
	h := &Handler{config: c, byTarget: map[string]*Implementation{}, byName: map[string]*Implementation{}, query: map[string][]*Implementation{},
		rest: map[string][]restRoute{}}
	for i := range c.Services {
		s := &c.Services[i]
		h.byName[s.API.Name] = s
		switch s.API.Protocol {
		case api.JSON11:
			h.byTarget[s.API.TargetPrefix] = s
		case api.Query:
			h.query[s.API.Version] = append(h.query[s.API.Version], s)
		case api.RestJSON, api.RestXML:
			h.rest[s.API.Name] = restRoutes(s.API)
		}
	}
	return h
}

// call is one request on its way through the handler.
type call struct {
	r        *http.Request
	body     []byte
	impl     *Implementation // nil while the service is unknown
	op       *api.Operation  // nil while the operation is unknown
	opName   string
	protocol protocol
}

// protocol is what differs between the wire protocols.
type protocol interface {
	decode(c *call) (api.Input, error)
	encode(w http.ResponseWriter, c *call, out any) error
	writeError(w http.ResponseWriter, c *call, e *wireError)
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	SetCORS(w.Header())
	c := &call{r: r, protocol: jsonProtocol{}}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		c.protocol = queryProtocol{}
	}
	body, err := readBody(w, r)
	if err != nil {
		h.fail(w, c, err)
		return
	}
	c.body = body
	h.route(c)
	ev := event.From(r.Context())
	if c.impl != nil {
		ev.Set("service", c.impl.API.Name)
	}
	if c.op != nil {
		ev.Set("operation", c.op.Name)
	}
	out, err := h.serve(c)
	if err != nil {
		h.fail(w, c, err)
		return
	}
	if err := c.protocol.encode(w, c, out); err != nil {
		h.fail(w, c, err)
	}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	most := int64(MaxBody)
	if n := largeBodies[r.Header.Get("X-Amz-Target")]; n > 0 {
		most = n
	}
	if r.ContentLength > most {
		return nil, bodyTooLarge(most)
	}
	var body bytes.Buffer
	// Room for what is announced, up to what most requests need: a client that
	// announces more and sends nothing shall not cost a megabyte.
	body.Grow(int(min(max(r.ContentLength, 0), usualBody)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge(most)
	case err != nil:
		return nil, &api.FrameworkError{ErrorCode: "SerializationException", HTTPStatus: http.StatusBadRequest, Message: "The request body could not be read."}
	}
	return body.Bytes(), nil
}

func bodyTooLarge(most int64) error {
	return &api.FrameworkError{ErrorCode: "RequestEntityTooLargeException", HTTPStatus: http.StatusRequestEntityTooLarge,
		Message: "Request body is larger than " + strconv.FormatInt(most, 10) + " bytes."}
}

// route finds the service and the operation. What is not found stays nil and
// is refused after authentication.
func (h *Handler) route(c *call) {
	if target := c.r.Header.Get("X-Amz-Target"); target != "" {
		prefix, op, _ := strings.Cut(target, ".")
		if impl := h.byTarget[prefix]; impl != nil {
			c.impl, c.opName, c.op = impl, op, impl.API.Operations[op]
		}
		return
	}
	if impl := h.restService(c.r); impl != nil {
		h.routeREST(c, impl)
		return
	}
	if q, ok := c.protocol.(queryProtocol); ok {
		q.route(h, c)
	}
}

// restService is the service of a REST protocol that a signed request names in
// its scope, or nil.
func (h *Handler) restService(r *http.Request) *Implementation {
	if len(h.rest) == 0 {
		return nil
	}
	name := scopeService(r)
	if h.rest[name] == nil {
		return nil
	}
	return h.byName[name]
}

// Serves reports whether a request whose method or path is not POST / is for a
// service here: it was signed for one that speaks a REST protocol.
func (h *Handler) Serves(r *http.Request) bool { return h.restService(r) != nil }

func (h *Handler) serve(c *call) (any, error) {
	ctx := c.r.Context()
	if c.impl == nil {
		// decisions.md: an unknown operation is named after authentication, so
		// that a stranger cannot list what is here.
		if _, err := h.config.Auth.Authenticate(c.r, "", c.body); err != nil {
			return nil, err
		}
		return nil, unknownOperation(c)
	}
	var caller *access.Caller
	if c.op == nil || !c.op.Unsigned {
		var err error
		if caller, err = h.config.Auth.Authenticate(c.r, c.impl.API.Name, c.body); err != nil {
			return nil, err
		}
		ctx = access.NewContext(ctx, caller)
		event.From(ctx).Set("caller", caller.Principal.ARN)
	} else {
		ctx = access.WithRequest(ctx, func() policy.Context { return h.config.Auth.Conditions(c.r) })
	}
	if c.op == nil {
		return nil, unknownOperation(c)
	}
	in, err := c.protocol.decode(c)
	if err != nil {
		return nil, err
	}
	var v api.Violations
	in.Validate(&v)
	if text := v.Message(); text != "" {
		return nil, &api.FrameworkError{ErrorCode: c.impl.ValidationCode, HTTPStatus: http.StatusBadRequest, Message: text}
	}
	if caller != nil {
		if err := h.authorize(ctx, c, caller, in); err != nil {
			return nil, err
		}
	}
	return c.op.Call(ctx, c.impl.Service, in)
}

// authorize asks every check of the operation. All must allow.
func (h *Handler) authorize(ctx context.Context, c *call, caller *access.Caller, in api.Input) error {
	if c.impl.SelfAuthorizing[c.op.Name] {
		return nil
	}
	checks, err := c.impl.Checks(ctx, c.op.Name, in)
	if err != nil {
		return err
	}
	if len(checks) == 0 {
		return access.Denied("User: " + caller.Principal.ARN + " is not authorized to perform: " + c.impl.API.Name + ":" + c.op.Name)
	}
	for _, check := range checks {
		if err := access.Require(ctx, h.config.Access, caller, check); err != nil {
			return err
		}
	}
	return nil
}

func unknownOperation(c *call) error {
	if _, ok := c.protocol.(queryProtocol); ok {
		return &api.FrameworkError{ErrorCode: "InvalidAction", HTTPStatus: http.StatusBadRequest,
			Message: "Could not find operation " + c.opName + " for version " + c.r.PostForm.Get("Version")}
	}
	return &api.FrameworkError{ErrorCode: "UnknownOperationException", HTTPStatus: http.StatusBadRequest}
}

// SetCORS lets pages of any origin read an answer, as AWS's API endpoints do:
// what a page may do is decided by what it can sign, not by where it is from.
func SetCORS(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date")
}

// Preflight answers a browser's OPTIONS request to an API.
func Preflight(w http.ResponseWriter, r *http.Request) {
	SetCORS(w.Header())
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) < 2048 {
		w.Header().Set("Access-Control-Allow-Headers", asked)
	}
	w.Header().Set("Access-Control-Max-Age", "172800")
	w.WriteHeader(http.StatusOK)
}
