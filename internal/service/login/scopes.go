package login

import (
	"context"
	"slices"
	"strings"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// scopes are what a request asks for, all of it the client's: every scope of
// the client when it does not say. A scope whose resource server is gone is
// left out without a word (hosted-ui-oauth.md, section 7).
func (s *Service) scopes(ctx context.Context, r *Request, asked string) ([]string, error) {
	list := distinct(strings.Fields(asked))
	for _, scope := range list {
		if !slices.Contains(r.Client.Settings.AllowedOAuthScopes, scope) {
			return nil, r.Refuse(codeInvalidScope, "A scope that was asked for is not enabled for the client.")
		}
	}
	ofUser := func(scope string) bool {
		return scope == token.ScopeEmail || scope == token.ScopePhone || scope == token.ScopeProfile
	}
	if len(list) == 0 {
		list = distinct(r.Client.Settings.AllowedOAuthScopes)
		if !slices.Contains(list, token.ScopeOpenID) {
			list = slices.DeleteFunc(list, ofUser)
		}
	} else if slices.ContainsFunc(list, ofUser) && !slices.Contains(list, token.ScopeOpenID) {
		return nil, r.Refuse(codeInvalidScope, "email, phone and profile need the scope openid.")
	}
	list, err := s.existing(ctx, r.Pool, list)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, r.Refuse(codeInvalidScope, "No scope that was asked for is there any more.")
	}
	return list, nil
}

// existing are those of the scopes that are there: the standard ones, and those
// of the pool's resource servers.
func (s *Service) existing(ctx context.Context, p *pool.Pool, scopes []string) ([]string, error) {
	if !slices.ContainsFunc(scopes, isCustom) {
		return scopes, nil
	}
	var list []string
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		list = nil
		for _, scope := range scopes {
			there := !isCustom(scope)
			if !there {
				var err error
				if there, err = pool.HasScope(tx, p.ID, scope); err != nil {
					return err
				}
			}
			if there {
				list = append(list, scope)
			}
		}
		return nil
	})
	return list, err
}

// isCustom reports whether a scope is of a resource server.
func isCustom(scope string) bool { return !slices.Contains(pool.StandardScopes, scope) }

// distinct is a copy of a list without what comes a second time.
func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
