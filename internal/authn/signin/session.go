package signin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strings"
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
	// MFA_SETUP remembers the software token that it sets up, and the step of
	// the code that verified it.
	Secret []byte `json:"k,omitempty"`
	Step   int64  `json:"t,omitempty"`
	Device string `json:"d,omitempty"`
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
	return e.seal(c, &session{PoolID: c.PoolID, Sub: u.Sub, Challenge: challenge, Nonce: nonce(),
		IssuedAt: e.Now().UnixMicro(), PasswordAt: u.PasswordAt.UnixMicro()})
}

func (e *Engine) seal(c *pool.Client, s *session) (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return c.ID + "." + e.Ring.SealToken(sessionPurpose, c.ID, b), nil
}

// SessionClient is the client that a session says it is of, for operations
// that name none. Only opening the session shows that it is true.
func SessionClient(text string) string {
	id, _, _ := strings.Cut(text, ".")
	return id
}

// openSession reads a session of the client for a challenge.
func (e *Engine) openSession(c *pool.Client, text string, challenge cognitoidp.ChallengeNameType) (*session, error) {
	if text == "" {
		return nil, invalid("Missing required parameter Session")
	}
	sealed, ok := strings.CutPrefix(text, c.ID+".")
	if !ok {
		return nil, errSession
	}
	b, err := e.Ring.OpenToken(sessionPurpose, c.ID, sealed)
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

// sessionUser is the user of a session, who must be the one that was named and
// have the password that the session began with.
func (e *Engine) sessionUser(ctx context.Context, r *Reply, s *session) (u *store.User, err error) {
	typed, err := required(r.Responses, "USERNAME")
	if err != nil {
		return nil, err
	}
	var named *store.User
	err = e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if u, err = store.UserBySub(tx, r.Pool.ID, s.Sub); err != nil {
			return err
		}
		named, err = r.Pool.FindUser(tx, typed)
		return err
	})
	if err != nil {
		return nil, notFoundIsSession(err)
	}
	if named.Sub != u.Sub || u.PasswordAt.UnixMicro() != s.PasswordAt {
		return nil, errSession
	}
	return u, r.Client.CheckSecretHash(string(r.Responses["SECRET_HASH"]), true, typed, u.Username)
}

// spend uses up the session inside the write that it leads to.
func (s *session) spend(c *pool.Client) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return store.Spend(tx, "session", s.Nonce, time.UnixMicro(s.IssuedAt).Add(life(c)+time.Minute))
	}
}

func notFoundIsSession(err error) error {
	if notFoundIsPassword(err) == errPassword {
		return errSession
	}
	return err
}

func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
