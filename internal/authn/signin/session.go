package signin

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// session is what a challenge remembers: sealed into the Session string, bound
// to pool, client, user and challenge, good for one use (auth-flows.md,
// section 5).
type session struct {
	PoolID     string                       `json:"p"`
	Sub        string                       `json:"s"`
	Challenge  cognitoidp.ChallengeNameType `json:"c"`
	Nonce      string                       `json:"n"`
	IssuedAt   int64                        `json:"i"` // microseconds
	PasswordAt int64                        `json:"w"` // microseconds: another password ends the session
}

const sessionPurpose = "challenge session"

var (
	errSession        = notAuthorized("Invalid session for the user.")
	errSessionExpired = notAuthorized("Invalid session for the user, session is expired.")
)

// life is how long a challenge of the client can be answered.
func life(c *pool.Client) time.Duration {
	return time.Duration(*c.Settings.AuthSessionValidity) * time.Minute
}

func (e *Engine) sealSession(c *pool.Client, u *store.User, challenge cognitoidp.ChallengeNameType) (string, error) {
	b, err := json.Marshal(&session{PoolID: c.PoolID, Sub: u.Sub, Challenge: challenge, Nonce: nonce(),
		IssuedAt: e.Now().UnixMicro(), PasswordAt: u.PasswordAt.UnixMicro()})
	if err != nil {
		return "", err
	}
	return e.Ring.SealToken(sessionPurpose, c.ID, b), nil
}

// openSession reads a session of the client for a challenge.
func (e *Engine) openSession(c *pool.Client, text string, challenge cognitoidp.ChallengeNameType) (*session, error) {
	if text == "" {
		return nil, invalid("Missing required parameter Session")
	}
	b, err := e.Ring.OpenToken(sessionPurpose, c.ID, text)
	if err != nil {
		return nil, errSession
	}
	s := &session{}
	if err := json.Unmarshal(b, s); err != nil || s.PoolID != c.PoolID || s.Challenge != challenge {
		return nil, errSession
	}
	if age := e.Now().Sub(time.UnixMicro(s.IssuedAt)); age >= life(c) || age < -time.Minute {
		return nil, errSessionExpired
	}
	return s, nil
}

// spend uses up the session inside the write that it leads to.
func (s *session) spend(c *pool.Client) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return store.Spend(tx, "session", s.Nonce, time.UnixMicro(s.IssuedAt).Add(life(c)+time.Minute))
	}
}

func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
