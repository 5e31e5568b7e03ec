// Package ssm is SSM Parameter Store: values by name, in paths, with versions
// and labels. The rest of AWS Systems Manager is not here.
//
// What a newcomer gets wrong: "a" and "/a" have one ARN, so that a policy
// cannot tell them apart. They are one parameter here. Every value is sealed at
// rest; the type SecureString decides only who is shown it.
package ssm

import (
	"context"
	"errors"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/arn"
	"gatehouse/internal/store"
)

// Config is what a Service needs.
type Config struct {
	DB      *store.DB
	Account string // 12 digits
	Region  string // of callers whose request names none
	// Upstreams are the paths whose parameters live elsewhere. Adopt has looked
	// at them.
	Upstreams []Upstream
}

// Service implements the Parameter Store of ssm.API.
type Service struct {
	ssm.Unimplemented
	Config
}

// New returns the service.
func New(c Config) *Service { return &Service{Config: c} }

func invalid(message string) error { return api.BadRequest("ValidationException", message) }

func parameterNotFound(name string) error {
	return &ssm.ParameterNotFound{Message: "Parameter " + name + " not found."}
}

// region is the one that the request was signed for: parameters are of a region.
func (s *Service) region(ctx context.Context) string {
	if c := access.FromContext(ctx); c != nil && len(c.Context["aws:requestedregion"]) == 1 {
		return c.Context["aws:requestedregion"][0]
	}
	return s.Region
}

// reference is what a request calls a parameter by.
type reference struct {
	given    string // the whole
	name     string // without the selector
	key      string // without the slash at its beginning
	selector string // a version or a label, without its colon
	arn      string // without the selector
	foreign  bool   // an ARN that is no parameter's of this account and region
}

// refer reads a name, name:version, name:label, or the same with an ARN.
func (s *Service) refer(ctx context.Context, given string) reference {
	r := reference{given: given, name: given}
	region := s.region(ctx)
	a, isARN := arn.Split(given)
	if isARN {
		name, ok := strings.CutPrefix(a.Resource, "parameter/")
		r.foreign = !ok || a.Service != "ssm" || a.Region != region || a.Account != s.Account
		r.name = "/" + name
	}
	r.name, r.selector, _ = strings.Cut(r.name, ":")
	r.key = strings.TrimPrefix(r.name, "/")
	r.arn = s.arn(region, r.key)
	if r.foreign {
		r.arn = given
	}
	return r
}

func (s *Service) arn(region, key string) string {
	return "arn:aws:ssm:" + region + ":" + s.Account + ":parameter/" + key
}

// find is the parameter of a reference, or ParameterNotFound.
func (s *Service) find(ctx context.Context, tx *store.Tx, r reference) (*store.Parameter, error) {
	if r.foreign || r.key == "" {
		return nil, parameterNotFound(r.given)
	}
	p, err := store.ParameterByKey(tx, s.region(ctx), r.key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, parameterNotFound(r.given)
	}
	return p, err
}
