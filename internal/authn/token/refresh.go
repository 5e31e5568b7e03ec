package token

import (
	"time"

	"github.com/go-json-experiment/json"
)

// Refresh is what a refresh token carries. It is sealed for the client that it
// was given to; its session in the store says whether it still stands.
type Refresh struct {
	PoolID    string `json:"p"`
	Sub       string `json:"s"`
	SessionID string `json:"o"`
	EventID   string `json:"e"`
	Scope     string `json:"c"`
	AuthTime  int64  `json:"a"`          // seconds
	ExpiresAt int64  `json:"x"`          // seconds
	Rotation  int64  `json:"r,omitzero"` // counts the tokens of a session whose client rotates them
	OAuth     bool   `json:"w,omitzero"` // given by the OAuth endpoints
	Resource  string `json:"u,omitzero"` // aud of its access tokens
	Key       string `json:"k,omitzero"` // thumbprint of the key that it is bound to
}

const refreshPurpose = "refresh token"

// SealRefresh makes the text of a refresh token for a client.
func (i *Issuer) SealRefresh(clientID string, r *Refresh) (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	return i.config.Ring.SealToken(refreshPurpose, clientID, b), nil
}

// OpenRefresh reads a refresh token that was given to the client. Errors:
// ErrMalformed and, with the token, ErrExpired.
func (i *Issuer) OpenRefresh(clientID, text string) (*Refresh, error) {
	if len(text) > maxToken {
		return nil, ErrMalformed
	}
	b, err := i.config.Ring.OpenToken(refreshPurpose, clientID, text)
	if err != nil {
		return nil, ErrMalformed
	}
	r := &Refresh{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, ErrMalformed
	}
	if !i.config.Now().Before(time.Unix(r.ExpiresAt, 0)) {
		return r, ErrExpired
	}
	return r, nil
}
