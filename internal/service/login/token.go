package login

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/dpop"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
)

// Form is what was sent to an endpoint that answers JSON.
type Form struct {
	Authorization string // the header
	Values        url.Values
	Proofs        []string // the headers DPoP
	URLs          []string // the addresses of the endpoint, any of which a proof may name
}

// value is a parameter of the form; one that is given twice, or cannot be, is a
// Refusal. Tokens may be long.
func (f *Form) value(name string, longest int) (string, error) {
	all := f.Values[name]
	switch {
	case len(all) == 0:
		return "", nil
	case len(all) > 1:
		return "", refuse(codeInvalidRequest, "The parameter "+name+" is given more than once.")
	case len(all[0]) > longest || !isPlain(all[0]):
		return "", refuse(codeInvalidRequest, "The parameter "+name+" is too long, or has characters that are not allowed.")
	}
	return all[0], nil
}

// required is a parameter that must be there.
func (f *Form) required(name string, longest int) (string, error) {
	v, err := f.value(name, longest)
	if err == nil && v == "" {
		err = refuse(codeInvalidRequest, name+" is missing.")
	}
	return v, err
}

// maxRefresh bounds a refresh token, in bytes.
const maxRefresh = 64 << 10

// Token trades a grant for tokens (RFC 6749, section 3.2). Its error is a
// *Refusal, unless the server itself is at fault.
func (s *Service) Token(ctx context.Context, p *pool.Pool, f *Form) (*token.Set, error) {
	grant, err := f.required("grant_type", maxParameter)
	if err != nil {
		return nil, err
	}
	trade := map[string]func(context.Context, *pool.Pool, *pool.Client, *Form, *dpop.Proof) (*token.Set, error){
		"authorization_code": s.fromCode, "refresh_token": s.fromRefresh, "client_credentials": s.fromClient}[grant]
	if trade == nil {
		return nil, refuse("unsupported_grant_type", "grant_type must be authorization_code, refresh_token or client_credentials.")
	}
	proof, err := ParseProof(f.Authorization, f.Values)
	if err != nil {
		return nil, err
	}
	c, err := s.prove(ctx, p, proof)
	if err != nil {
		return nil, err
	}
	if err := usesOAuth(c); err != nil {
		return nil, err
	}
	shown, err := s.proof(&dpop.Request{Method: "POST", URLs: f.URLs}, f.Proofs)
	if err != nil {
		return nil, err
	}
	set, err := trade(ctx, p, c, f, shown)
	return set, grantRefusal(err)
}

// mayUse refuses clients whose flows do not include one.
func mayUse(c *pool.Client, flow cognitoidp.OAuthFlowType) error {
	if !slices.Contains(c.Settings.AllowedOAuthFlows, flow) {
		return refuse(codeUnauthorizedClient, "The grant is not enabled for the client.")
	}
	return nil
}

// grantRefusal words the refusals of a sign-in as those of a grant.
func grantRefusal(err error) error {
	var ours *Refusal
	var said api.Error
	switch {
	case err == nil || errors.As(err, &ours):
		return err
	case functionText(err) != "":
		return refuse(codeInvalidRequest, functionText(err))
	case errors.As(err, &said): // the user, or the session: which of them is nobody's business
		return refuse(codeInvalidGrant, "")
	}
	return err
}
