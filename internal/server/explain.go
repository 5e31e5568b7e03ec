package server

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
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
			refuse(w, http.StatusNotFound, "no decision of a request "+id+" is remembered here; each server keeps its last 1000")
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
	p, keys, err := s.iam.PrincipalByARN(r.Context(), q.Get("principal"))
	var unknown api.Error
	if errors.As(err, &unknown) {
		refuse(w, http.StatusNotFound, "there is no principal "+q.Get("principal"))
		return
	}
	if err == nil {
		if keys == nil {
			keys = policy.Context{}
		}
		maps.Copy(keys, given)
		var e *access.Explanation
		if e, err = s.authorizer.Ask(r.Context(), p, q.Get("action"), q.Get("resource"), keys); err == nil {
			answer(w, http.StatusOK, map[string]any{"decisions": []string{e.Text()}})
			return
		}
	}
	s.log.Error("explain", "error", err)
	refuse(w, http.StatusServiceUnavailable, "policies cannot be read at the moment")
}
