package login

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/authn/pool"
)

// Proof is how a client says who it is at an endpoint that answers JSON: by
// HTTP Basic or in the form, never both (RFC 6749, section 2.3).
type Proof struct {
	ID, Secret string
	Basic      bool
}

func refuse(code, description string) *Refusal { return &Refusal{Code: code, Description: description} }

// ParseProof reads the header Authorization and the form of a request.
func ParseProof(header string, form url.Values) (*Proof, error) {
	id, wrong := single(form, "client_id")
	if wrong != "" {
		return nil, refuse(codeInvalidRequest, wrong)
	}
	secret, wrong := single(form, "client_secret")
	if wrong != "" {
		return nil, refuse(codeInvalidRequest, wrong)
	}
	if header == "" {
		return &Proof{ID: id, Secret: secret}, nil
	}
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return nil, refuse(codeInvalidClient, "Clients authenticate by Basic or in the form.")
	}
	if secret != "" {
		return nil, refuse(codeInvalidRequest, "The client authenticates twice, by Basic and in the form.")
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil, refuse(codeInvalidClient, "The header Authorization is not well encoded.")
	}
	name, password, ok := strings.Cut(string(b), ":")
	if !ok || !isPlain(string(b)) || len(b) > maxParameter {
		return nil, refuse(codeInvalidClient, "The header Authorization is not well encoded.")
	}
	p := &Proof{ID: unescape(name), Secret: unescape(password), Basic: true}
	if id != "" && id != p.ID {
		return nil, refuse(codeInvalidRequest, "The client_id of the form is not that of the header Authorization.")
	}
	return p, nil
}

// unescape takes back the encoding that RFC 6749 asks for in Basic and many
// clients leave out. A plus sign stays: secrets may have one, and no id or
// secret has a blank.
func unescape(s string) string {
	if t, err := url.PathUnescape(s); err == nil {
		return t
	}
	return s
}

// prove is the client of a proof. Public clients must not send a secret, the
// others must (hosted-ui-oauth.md, section 6).
func (s *Service) prove(ctx context.Context, p *pool.Pool, proof *Proof) (*pool.Client, error) {
	if proof.ID == "" {
		return nil, refuse(codeInvalidRequest, "client_id is missing.")
	}
	c, err := s.client(ctx, p, proof.ID)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, refuse(codeInvalidClient, "")
	case len(c.Secrets) == 0 && proof.Basic, !c.CheckSecret(proof.Secret):
		return nil, refuse(codeInvalidClient, "invalid_client_secret")
	}
	return c, nil
}

// usesOAuth refuses clients for which OAuth is not switched on.
func usesOAuth(c *pool.Client) error {
	if !api.Value(c.Settings.AllowedOAuthFlowsUserPoolClient) {
		return refuse(codeUnauthorizedClient, "OAuth is not switched on for the client.")
	}
	return nil
}
