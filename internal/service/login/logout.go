package login

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
)

// Leaving is where the browser goes after a sign-out: to an address of the
// client, to the sign-in page with parameters, or nowhere when it has neither.
type Leaving struct {
	URL   string
	Login url.Values // nil: to URL
}

// kept are the parameters of a sign-out that the sign-in page gets. A provider
// is not among them (hosted-ui-oauth.md, section 5).
var kept = []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "lang"}

// Logout judges a request to sign out. Nobody is sent where the client has not
// registered; a request that is refused signs nobody out. Besides AWS's
// parameters it knows those of OpenID Connect RP-Initiated Logout.
func (s *Service) Logout(ctx context.Context, p *pool.Pool, q url.Values) (*Leaving, error) {
	value := map[string]string{}
	for _, name := range append([]string{"logout_uri", "post_logout_redirect_uri", "id_token_hint"}, kept...) {
		if name == "id_token_hint" && len(q[name]) == 1 {
			value[name] = q.Get(name) // as long as a token
			continue
		}
		v, wrong := single(q, name)
		if wrong != "" {
			return nil, refuse(codeInvalidRequest, wrong)
		}
		value[name] = v
	}
	c, err := s.leaver(ctx, p, value["client_id"], value["id_token_hint"])
	if err != nil {
		return nil, err
	}
	switch {
	case value["logout_uri"] != "":
		if !slices.Contains(c.Settings.LogoutURLs, value["logout_uri"]) {
			return nil, refuse(codeMismatch, "The logout_uri is not registered for the client.")
		}
		return &Leaving{URL: value["logout_uri"]}, nil
	case value["post_logout_redirect_uri"] != "":
		to := value["post_logout_redirect_uri"]
		if !slices.Contains(c.Settings.LogoutURLs, to) {
			return nil, refuse(codeMismatch, "The post_logout_redirect_uri is not registered for the client.")
		}
		if value["state"] != "" {
			to = appendQuery(to, url.Values{"state": {value["state"]}})
		}
		return &Leaving{URL: to}, nil
	case value["redirect_uri"] == "" && value["id_token_hint"] != "":
		return &Leaving{}, nil // RP-Initiated Logout 1.0, section 2
	case value["redirect_uri"] == "":
		return nil, refuse(codeMissing, "Required String parameter 'redirect_uri' is not present")
	case !slices.Contains(c.Settings.CallbackURLs, value["redirect_uri"]):
		return nil, refuse(codeMismatch, "The redirect_uri is not registered for the client.")
	}
	to := url.Values{}
	for _, name := range kept {
		if value[name] != "" {
			to.Set(name, value[name])
		}
	}
	to.Set("client_id", c.ID)
	return &Leaving{Login: to}, nil
}

// leaver is the client that signs out: the one that is named, or that an ID
// token is for. Tokens that have expired still say for whom they were.
func (s *Service) leaver(ctx context.Context, p *pool.Pool, id, hint string) (*pool.Client, error) {
	if hint != "" {
		claims, err := s.Tokens.Verify(ctx, p.ID, "id", hint)
		switch {
		case errors.Is(err, token.ErrMalformed), errors.Is(err, token.ErrSignature), errors.Is(err, token.ErrUse):
			return nil, refuse(codeInvalidRequest, "The id_token_hint is not an ID token of this user pool.")
		case err != nil && !errors.Is(err, token.ErrExpired):
			return nil, err
		case id != "" && id != claims.Audience:
			return nil, refuse(codeInvalidRequest, "The id_token_hint is for another client.")
		}
		id = claims.Audience
	}
	if id == "" {
		return nil, refuse(codeMissing, "Required String parameter 'client_id' is not present")
	}
	c, err := s.client(ctx, p, id)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, refuse(codeNoClient, "The client does not exist in this user pool.")
	}
	return c, usesOAuth(c)
}
