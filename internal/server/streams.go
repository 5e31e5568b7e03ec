package server

import (
	"io"
	"net/http"

	"gatehouse/internal/authz/access"
)

// streams is the authenticator as S3 wants it: the body is still to be read.
type streams struct{ auth *access.Authenticator }

func (s streams) Authenticate(r *http.Request) (*access.Caller, io.Reader, error) {
	caller, body, err := s.auth.AuthenticateStream(r)
	if err != nil {
		return nil, nil, err
	}
	if body == nil { // anonymous
		return caller, r.Body, nil
	}
	return caller, body, nil
}
