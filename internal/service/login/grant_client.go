package login

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
)

// fromClient gives a client with a secret a token with which it acts for
// itself, for scopes of resource servers alone: all of the client's when it
// does not say.
func (s *Service) fromClient(ctx context.Context, p *pool.Pool, c *pool.Client, f *Form, shown *dpop.Proof) (*token.Set, error) {
	if err := mayUse(c, cognitoidp.OAuthFlowTypeClientCredentials); err != nil {
		return nil, err
	}
	if len(c.Secrets) == 0 {
		return nil, refuse(codeUnauthorizedClient, "The grant needs a client with a secret.")
	}
	asked, err := f.value("scope", maxParameter)
	if err != nil {
		return nil, err
	}
	metadata, err := f.metadata()
	if err != nil {
		return nil, err
	}
	list := distinct(strings.Fields(asked))
	for _, scope := range list {
		if !isCustom(scope) || !slices.Contains(c.Settings.AllowedOAuthScopes, scope) {
			return nil, refuse(codeInvalidScope, "A scope that was asked for is not enabled for the client.")
		}
	}
	if len(list) == 0 {
		list = slices.DeleteFunc(distinct(c.Settings.AllowedOAuthScopes), func(scope string) bool { return !isCustom(scope) })
	}
	if list, err = s.existing(ctx, p, list); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, refuse(codeInvalidScope, "The client has no scope of a resource server.")
	}
	if err := s.spendAlone(ctx, p, shown); err != nil {
		return nil, err
	}
	return s.SignIn.IssueClient(ctx, p, c, list, keyOf(shown), metadata)
}

// metadata is aws_client_metadata, which goes to the pool's function: an object
// of texts.
func (f *Form) metadata() (m map[string]string, err error) {
	text, err := f.value("aws_client_metadata", maxQuery)
	if err != nil || text == "" {
		return nil, err
	}
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil, refuse(codeInvalidRequest, "aws_client_metadata must be a JSON object of texts.")
	}
	return m, nil
}
