package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/service/identitypool"
)

// explain tells why: of a request that this node decided lately (?request=), or
// of a question (?principal=, action=, resource=, and context=key=value as often
// as needed). The caller signs as a principal that may gatehouse:Explain.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	caller, err := s.authenticator.Authenticate(r, "gatehouse", nil)
	if err == nil {
		err = access.Require(r.Context(), s.authorizer, caller, access.Check{Action: "gatehouse:Explain", Resource: "*"})
	}
	var refused *access.Error
	switch {
	case errors.As(err, &refused):
		refuse(w, http.StatusForbidden, refused.Message)
		return
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, "policies cannot be read at the moment")
		return
	}
	q := r.URL.Query()
	w.Header().Set("Cache-Control", "no-store")
	if id := q.Get("request"); id != "" {
		var texts []string
		for _, e := range s.authorizer.Decisions(id) {
			texts = append(texts, e.Text())
		}
		if texts == nil {
			refuse(w, http.StatusNotFound, "no decision of a request "+id+" is remembered here: each server keeps its own last 1000, "+
				"so ask the others of this data too; a request that failed before a permission was asked for has none")
			return
		}
		answer(w, http.StatusOK, map[string]any{"decisions": texts})
		return
	}
	if q.Get("principal") == "" || q.Get("action") == "" || q.Get("resource") == "" {
		refuse(w, http.StatusBadRequest, "give request, or principal, action and resource")
		return
	}
	given := policy.Context{}
	for _, pair := range q["context"] {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			refuse(w, http.StatusBadRequest, "context is key=value, such as aws:SourceIp=192.0.2.1")
			return
		}
		key = strings.ToLower(key)
		given[key] = append(given[key], value)
	}
	e, err := s.question(r.Context(), q.Get("principal"), q.Get("action"), q.Get("resource"), given)
	var unknown api.Error
	switch {
	case errors.As(err, &unknown):
		refuse(w, http.StatusNotFound, "there is no principal "+q.Get("principal"))
	case errors.Is(err, access.ErrNoRole):
		refuse(w, http.StatusNotFound, "there is no role "+q.Get("resource"))
	case err != nil:
		s.log.Error("explain", "error", err)
		refuse(w, http.StatusServiceUnavailable, "policies cannot be read at the moment")
	default:
		answer(w, http.StatusOK, map[string]any{"decisions": []string{e.Text()}})
	}
}

// question decides whether a principal may do something, with what the resource
// itself says. given are condition keys; they win over what is found.
func (s *Server) question(ctx context.Context, principal, action, resource string, given policy.Context) (*access.Explanation, error) {
	p, keys, err := s.principal(ctx, principal)
	if err != nil {
		return nil, err
	}
	check := access.Check{Action: action, Resource: resource, Context: keys}
	if check.Context == nil {
		check.Context = policy.Context{}
	}
	trust, err := s.speaker.speak(ctx, &p, &check)
	if err != nil {
		return nil, err
	}
	maps.Copy(check.Context, given)
	return s.authorizer.Ask(ctx, p, check, trust)
}

// principal is whom a question names: the ARN of the root user, a user, a role
// or a role's session; "anonymous"; a service such as lambda.amazonaws.com; or
// what a trust policy names as Federated.
func (s *Server) principal(ctx context.Context, name string) (policy.Principal, policy.Context, error) {
	switch {
	case name == "anonymous":
		return policy.Principal{Type: policy.Anonymous, ID: name}, nil, nil
	case federated[name], strings.Contains(name, ":oidc-provider/"):
		return policy.Principal{Type: policy.WebIdentity, Provider: name}, nil, nil
	case strings.HasSuffix(name, ".amazonaws.com"):
		return policy.Principal{Type: policy.Service, ServiceName: name}, nil, nil
	}
	return s.iam.PrincipalByARN(ctx, name)
}

// federated are the names of providers that trust policies know without an ARN.
var federated = map[string]bool{identitypool.Provider: true, "accounts.google.com": true, "www.amazon.com": true, "graph.facebook.com": true}
