// Package credentials issues temporary credentials and opens them again. All
// that a session is stands in its session token, sealed; the secret key is
// derived from the access key id. Nothing is stored, and any node that has the
// key ring verifies them.
//
// What a newcomer gets wrong: a session says who somebody is and what was
// narrowed when it was issued. It never says what the role may do: policies
// are read when a request comes, so that a withdrawn policy bites at once.
package credentials

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"gatehouse/internal/authz/policy"
	"gatehouse/internal/seal"
)

// Session is what temporary credentials stand for.
type Session struct {
	Principal policy.Principal `json:"p"`
	IssuedAt  time.Time        `json:"i"`
	ExpiresAt time.Time        `json:"x"`
	// Context are condition keys that belong to the session for its life: web
	// identity keys, principal tags, aws:FederatedProvider. Lower-case keys.
	Context policy.Context `json:"c,omitempty"`
	// Policies are inline session policies (JSON), PolicyARNs managed ones.
	// Limited says that the session is limited by them, even if both are empty.
	Policies   []string `json:"d,omitempty"`
	PolicyARNs []string `json:"a,omitempty"`
	Limited    bool     `json:"l,omitempty"`
	// TransitiveTags are the keys of session tags that a chained role keeps.
	TransitiveTags []string `json:"t,omitempty"`
	SourceIdentity string   `json:"s,omitempty"`
}

// Credentials are what a caller gets.
type Credentials struct {
	AccessKeyID  string // ASIA and 16 characters
	SecretKey    string // 40 characters
	SessionToken string
	Expiration   time.Time
}

var (
	// ErrToken says that a session token was not sealed here, or belongs to
	// another access key.
	ErrToken = errors.New("credentials: not a session token of this access key")
	// ErrExpired says that the session has ended.
	ErrExpired = errors.New("credentials: the session has expired")
)

const (
	purpose     = "session token"
	secretLabel = "temporary secret keys"
	// maxToken bounds the text of a session token, in bytes.
	maxToken = 16 << 10
)

// Issuer issues and opens.
type Issuer struct {
	ring *seal.Ring

	mu     sync.Mutex
	opened map[[sha256.Size]byte]*opened
}

type opened struct {
	session *Session
	secret  string
}

// maxOpened bounds the memory of opened tokens; a full one is begun anew.
const maxOpened = 4096

// New returns an Issuer.
func New(ring *seal.Ring) *Issuer {
	return &Issuer{ring: ring, opened: map[[sha256.Size]byte]*opened{}}
}

// keyIDAlphabet is that of AWS's access key ids.
const keyIDAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// KeyID makes an access key id: the prefix and 16 characters.
func KeyID(prefix string) string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = keyIDAlphabet[b[i]%32]
	}
	return prefix + string(b)
}

// NewSecret makes a secret access key of 40 characters.
func NewSecret() string {
	b := make([]byte, 30)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// Issue makes credentials of a session.
func (i *Issuer) Issue(s *Session) (*Credentials, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	c := &Credentials{AccessKeyID: KeyID("ASIA"), Expiration: s.ExpiresAt}
	c.SessionToken = i.ring.SealToken(purpose, c.AccessKeyID, text)
	c.SecretKey, err = i.secret(c.AccessKeyID, c.SessionToken)
	return c, err
}

// secret derives the secret key of an access key from the ring's key that
// sealed its token, so that both outlive a rotation together.
func (i *Issuer) secret(accessKeyID, token string) (string, error) {
	id, err := seal.TokenKey(token)
	if err != nil {
		return "", err
	}
	key, err := i.ring.DeriveFor(id, secretLabel)
	if err != nil {
		return "", err
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(accessKeyID))
	return base64.StdEncoding.EncodeToString(m.Sum(nil)[:30]), nil
}

// Open reads the session of an access key's token and derives the secret key.
// Errors: ErrToken, ErrExpired. The session is shared: read it only.
func (i *Issuer) Open(accessKeyID, token string, now time.Time) (*Session, string, error) {
	if len(token) > maxToken {
		return nil, "", ErrToken
	}
	h := sha256.Sum256([]byte(accessKeyID + "\x00" + token))
	i.mu.Lock()
	o := i.opened[h]
	i.mu.Unlock()
	if o == nil {
		text, err := i.ring.OpenToken(purpose, accessKeyID, token)
		if err != nil {
			return nil, "", ErrToken
		}
		o = &opened{session: &Session{}}
		if err := json.Unmarshal(text, o.session); err != nil {
			return nil, "", ErrToken
		}
		if o.secret, err = i.secret(accessKeyID, token); err != nil {
			return nil, "", ErrToken
		}
		i.mu.Lock()
		if len(i.opened) >= maxOpened {
			clear(i.opened)
		}
		i.opened[h] = o
		i.mu.Unlock()
	}
	if !now.Before(o.session.ExpiresAt) {
		return nil, "", ErrExpired
	}
	return o.session, o.secret, nil
}
