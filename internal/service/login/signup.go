package login

import (
	"time"

	"github.com/go-json-experiment/json"
)

// Somebody who has just registered with a password shows the code of a mail and
// is signed in (hosted-ui-oauth.md, section 4). Between the two pages the password
// is sealed in a field of the page: nothing is kept here, and the sign-in that
// follows is one with a password like any other.

const (
	registrationPurpose = "password of a registration"
	// registrationLife is how long the code may be waited for; later the password
	// is typed again.
	registrationLife = time.Hour
)

type registration struct {
	Username string `json:"u"`
	Password string `json:"p"`
	At       int64  `json:"t"` // seconds
}

// Registered seals what somebody has registered with at the client of a request.
func (s *Service) Registered(r *Request, username, password string) string {
	b, err := json.Marshal(registration{username, password, s.Now().Unix()})
	if err != nil {
		return ""
	}
	return s.Ring.SealToken(registrationPurpose, of(r.Pool, r.Client.ID), b)
}

// Registration is the password of a name that was registered with it a while ago,
// or "".
func (s *Service) Registration(r *Request, username, sealed string) string {
	b, err := s.Ring.OpenToken(registrationPurpose, of(r.Pool, r.Client.ID), sealed)
	var g registration
	if err != nil || json.Unmarshal(b, &g) != nil || g.Username != username || s.Now().Sub(time.Unix(g.At, 0)) >= registrationLife {
		return ""
	}
	return g.Password
}
