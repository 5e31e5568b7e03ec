package ssm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/ssm"
	"gatehouse/internal/event"
	"gatehouse/internal/outbound/upstream"
	"gatehouse/internal/store"
)

// Parameters under a path that live in another store (docs/decisions/0004).
//
// What a caller may is decided here, by the name here. Then a new request with
// the name there is made, under the operator's key, and what it answers is
// worded anew: names, ARNs, users and keys are ours.

// Upstream is where the parameters under a path live.
type Upstream struct {
	// Path is the path here and There the path there, both like /app/prod. The
	// parameter of the path itself is not under it. No path lies within another.
	Path, There string
	Caller      Caller
}

// Caller calls an operation of the store: *upstream.Client does.
type Caller interface {
	Call(ctx context.Context, target string, body []byte) (*upstream.Answer, error)
}

// elsewhere is the upstream of a reference, or nil.
func (s *Service) elsewhere(r reference) *Upstream {
	if r.foreign {
		return nil
	}
	return s.covering("/" + r.key)
}

// there is the name of a reference there.
func (u *Upstream) there(r reference) *string {
	name := u.There + strings.TrimPrefix("/"+r.key, u.Path)
	if r.selector != "" {
		name += ":" + r.selector
	}
	return &name
}

// here is the name here of what the upstream calls by another. An answer about
// anything else is none.
func (u *Upstream) here(name *string) (string, error) {
	rest, under := strings.CutPrefix(api.Value(name), u.There+"/")
	if !under || !legalName.MatchString(rest) {
		return "", strange("it answered with a parameter that is not under " + u.There)
	}
	return u.Path + "/" + rest, nil
}

// Adopt refuses to give a path away under which parameters are kept here:
// nobody could reach them any more.
func (s *Service) Adopt(ctx context.Context) error {
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		for _, u := range s.Upstreams {
			after := strings.TrimPrefix(u.Path, "/") + "/"
			name, err := store.AnyParameter(tx, after, strings.TrimSuffix(after, "/")+"0")
			if err == nil {
				return fmt.Errorf("parameter %s is kept here, so %s cannot live elsewhere: move it first", name, u.Path)
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// errUpstream is what callers are told when the upstream refuses the server's
// own key, or answers what cannot be.
var errUpstream = &api.FrameworkError{ErrorCode: "InternalServerError", HTTPStatus: 500,
	Message: "The store behind this parameter did not do what this server asked of it. The operator finds the cause in the log under this request id."}

var errUnreachable = &api.FrameworkError{ErrorCode: "ServiceUnavailable", HTTPStatus: 503,
	Message: "The store behind this parameter cannot be reached at the moment. Try again later."}

// strange is the error for an answer that cannot be. Its text is for the log.
func strange(cause string) error { return fmt.Errorf("upstream: %s: %w", cause, errUpstream) }

// call calls an operation of the upstream. subject is what the caller calls the
// parameter by, for the texts of errors.
func call[Out any](ctx context.Context, u *Upstream, operation, subject string, in any) (*Out, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	a, err := u.Caller.Call(ctx, "AmazonSSM."+operation, body)
	switch {
	case errors.Is(err, upstream.ErrBusy):
		return nil, api.BadRequest("ThrottlingException", "Rate exceeded")
	case err != nil:
		return nil, fmt.Errorf("upstream: %w: %w", err, errUnreachable)
	}
	e := event.From(ctx)
	e.Set("upstreamStatus", a.Status)
	if a.RequestID != "" {
		e.Set("upstreamRequestId", fmt.Sprintf("%.100q", a.RequestID))
	}
	if a.Status != 200 {
		e.Set("upstreamCode", fmt.Sprintf("%.100q", a.Kind))
		return nil, refused(a, subject)
	}
	out := new(Out)
	if err := json.Unmarshal(a.Body, out); err != nil {
		return nil, strange("it answered what is no JSON of " + operation)
	}
	return out, nil
}

// refused words a refusal of the upstream: what is the caller's to hear in our
// words, and the rest, which speaks of the operator's key, as a failure.
func refused(a *upstream.Answer, subject string) error {
	switch a.Kind {
	case "ParameterNotFound":
		return parameterNotFound(subject)
	case "ParameterVersionNotFound":
		return &ssm.ParameterVersionNotFound{Message: "Systems Manager could not find the version of " + subject + ". Verify the version and try again."}
	case "ParameterAlreadyExists":
		return &ssm.ParameterAlreadyExists{Message: msgExists}
	case "ParameterPatternMismatchException":
		return &ssm.ParameterPatternMismatchException{Message: "Parameter value, cannot be validated against allowedPattern."}
	case "InvalidAllowedPatternException":
		return &ssm.InvalidAllowedPatternException{Message: "The request doesn't meet the regular expression requirement."}
	case "HierarchyTypeMismatchException":
		return &ssm.HierarchyTypeMismatchException{Message: "The parameter type can't be changed. Create a new parameter."}
	case "HierarchyLevelLimitExceededException":
		return &ssm.HierarchyLevelLimitExceededException{Message: "A hierarchy can have a maximum of 15 levels."}
	case "ParameterMaxVersionLimitExceeded":
		return &ssm.ParameterMaxVersionLimitExceeded{Message: "The oldest version of " + subject + " can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again."}
	case "ParameterVersionLabelLimitExceeded":
		return &ssm.ParameterVersionLabelLimitExceeded{Message: "A parameter version can have a maximum of ten labels."}
	case "ParameterLimitExceeded":
		return &ssm.ParameterLimitExceeded{Message: "The store behind this parameter holds as many as it can."}
	case "TooManyUpdates":
		return &ssm.TooManyUpdates{Message: "There are concurrent updates for a resource that supports one update at a time."}
	case "TooManyTagsError":
		return &ssm.TooManyTagsError{Message: "A resource can have a maximum of 50 tags."}
	case "InvalidResourceId":
		return invalidResource(subject)
	case "InvalidNextToken":
		return &ssm.InvalidNextToken{Message: "The specified token isn't valid."}
	case "ValidationException":
		// Its own text speaks of names there.
		return invalid("The store behind " + subject + " does not take this request: a value is too long for its tier, or a member is none that it knows.")
	case "ThrottlingException":
		return api.BadRequest("ThrottlingException", "Rate exceeded")
	}
	return strange(fmt.Sprintf("it answered %d %.100q: %.200q", a.Status, a.Kind, a.Message))
}

func (s *Service) putElsewhere(ctx context.Context, u *Upstream, r reference, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	// No key: the store's own default encrypts a SecureString.
	out, err := call[ssm.PutParameterOutput](ctx, u, "PutParameter", r.given, &ssm.PutParameterInput{Name: u.there(r), Description: in.Description, Value: in.Value,
		Type: in.Type, Overwrite: in.Overwrite, AllowedPattern: in.AllowedPattern, Tags: in.Tags, Tier: in.Tier})
	if err != nil {
		return nil, err
	}
	return &ssm.PutParameterOutput{Version: out.Version, Tier: out.Tier}, nil
}

// shownFrom is a parameter of the upstream as it is shown here.
func (s *Service) shownFrom(ctx context.Context, u *Upstream, p *ssm.Parameter) (*ssm.Parameter, error) {
	if p == nil {
		return nil, strange("it answered without a parameter")
	}
	name, err := u.here(p.Name)
	if err != nil {
		return nil, err
	}
	return &ssm.Parameter{Name: &name, Type: p.Type, Value: p.Value, Version: p.Version, Selector: p.Selector, LastModifiedDate: p.LastModifiedDate,
		ARN: new(s.arn(s.region(ctx), strings.TrimPrefix(name, "/"))), DataType: new("text")}, nil
}

func (s *Service) getElsewhere(ctx context.Context, u *Upstream, r reference, decrypt *bool) (*ssm.Parameter, error) {
	out, err := call[ssm.GetParameterOutput](ctx, u, "GetParameter", r.given, &ssm.GetParameterInput{Name: u.there(r), WithDecryption: decrypt})
	if err != nil {
		return nil, err
	}
	if out.Parameter == nil || api.Value(out.Parameter.Name) != u.There+strings.TrimPrefix("/"+r.key, u.Path) {
		return nil, strange("it answered with another parameter than was asked for")
	}
	return s.shownFrom(ctx, u, out.Parameter)
}

func (s *Service) historyElsewhere(ctx context.Context, u *Upstream, r reference, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	out, err := call[ssm.GetParameterHistoryOutput](ctx, u, "GetParameterHistory", r.given, &ssm.GetParameterHistoryInput{Name: u.there(r), WithDecryption: in.WithDecryption,
		MaxResults: in.MaxResults, NextToken: in.NextToken})
	if err != nil {
		return nil, err
	}
	list := []ssm.ParameterHistory{}
	for _, p := range out.Parameters {
		name, err := u.here(p.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, ssm.ParameterHistory{Name: &name, Type: p.Type, KeyId: keyOf(p.Type), LastModifiedDate: p.LastModifiedDate, Description: p.Description,
			Value: p.Value, AllowedPattern: p.AllowedPattern, Version: p.Version, Labels: p.Labels, Tier: p.Tier, DataType: new("text")})
	}
	return &ssm.GetParameterHistoryOutput{Parameters: list, NextToken: out.NextToken}, nil
}

// keyOf is the KeyId that is shown: the store's own is not.
func keyOf(t *ssm.ParameterType) *string { return (&settings{Type: api.Value(t)}).key() }

func (s *Service) labelElsewhere(ctx context.Context, u *Upstream, r reference, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	out, err := call[ssm.LabelParameterVersionOutput](ctx, u, "LabelParameterVersion", r.given, &ssm.LabelParameterVersionInput{Name: u.there(r), ParameterVersion: in.ParameterVersion, Labels: in.Labels})
	if err != nil {
		return nil, err
	}
	return &ssm.LabelParameterVersionOutput{InvalidLabels: out.InvalidLabels, ParameterVersion: out.ParameterVersion}, nil
}

// deleteElsewhere deletes one parameter, and says whether there was one.
func (s *Service) deleteElsewhere(ctx context.Context, u *Upstream, r reference) (bool, error) {
	_, err := call[ssm.DeleteParameterOutput](ctx, u, "DeleteParameter", r.given, &ssm.DeleteParameterInput{Name: u.there(r)})
	var missing *ssm.ParameterNotFound
	if errors.As(err, &missing) {
		return false, nil
	}
	return err == nil, err
}
