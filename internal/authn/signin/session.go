package signin

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/store"
)

// progress is what a sign-in has shown so far. It travels sealed, in a session
// or in the secret block of an SRP handshake: nobody but the server writes it.
type progress struct {
	Flow      cognitoidp.AuthFlowType `json:"f,omitempty"`
	First     first                   `json:"1,omitempty"`
	Password  bool                    `json:"pw,omitempty"`
	Second    bool                    `json:"2,omitempty"`
	TwoInOne  bool                    `json:"21,omitempty"` // a passkey that verified its user
	Replaced  bool                    `json:"np,omitempty"` // a temporary password was replaced on the way
	DeviceKey string                  `json:"dk,omitempty"` // the device that the client named
	Proven    bool                    `json:"dp,omitempty"` // and that proved itself
	Admin     bool                    `json:"ad,omitempty"` // begun with credentials
	Renewed   []byte                  `json:"rn,omitempty"` // the record that takes the place of the password's when the sign-in ends
	Browser   bool                    `json:"br,omitempty"` // begun on a page of the pool's domain

	// Of threat protection: what was decided, under which event, and whether
	// the password is known to others.
	Risk        *risk.Decision `json:"rd,omitempty"`
	EventID     string         `json:"ei,omitempty"`
	Compromised bool           `json:"cp,omitempty"`
}

// session is what a challenge remembers: sealed into the Session string, bound
// to pool, client, user and challenge, good for one use (auth-flows.md,
// section 5).
type session struct {
	progress
	PoolID     string                         `json:"p"`
	Sub        string                         `json:"s,omitempty"` // "" for a name that no user has
	Typed      string                         `json:"u,omitempty"` // that name
	Challenge  cognitoidp.ChallengeNameType   `json:"c"`
	Choices    []cognitoidp.ChallengeNameType `json:"o,omitempty"` // what the challenge offered
	Nonce      string                         `json:"n"`
	IssuedAt   int64                          `json:"i"`           // microseconds
	PasswordAt int64                          `json:"w,omitempty"` // microseconds: another password ends the session

	// A code that was sent, and the address where it was sent.
	Code    string `json:"mc,omitempty"`
	Address string `json:"ma,omitempty"`
	SetsUp  bool   `json:"ms,omitempty"` // it becomes the user's with the code

	// MFA_SETUP remembers the software token that it sets up, and the step of
	// the code that verified it.
	Secret []byte `json:"k,omitempty"`
	Step   int64  `json:"t,omitempty"`
	Device string `json:"d,omitempty"`

	Custom *custom `json:"cu,omitempty"`
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

// newSession begins the session of a challenge. typed is kept of a name that
// no user has.
func (e *Engine) newSession(pr *proof, challenge cognitoidp.ChallengeNameType) *session {
	s := &session{progress: pr.progress, Custom: pr.custom, PoolID: pr.pool.ID, Challenge: challenge, Nonce: nonce(), IssuedAt: e.Now().UnixMicro()}
	if pr.user == nil {
		s.Typed = pr.typed
	} else {
		s.Sub, s.PasswordAt = pr.user.Sub, pr.user.PasswordAt.UnixMicro()
	}
	return s
}

func (e *Engine) seal(c *pool.Client, s *session) (string, error) {
	bare := *s
	bare.Sub, bare.Typed, bare.PasswordAt, bare.Address = "", "", 0, ""
	b, err := padded(s, &bare)
	if err != nil {
		return "", err
	}
	return c.ID + "." + e.Ring.SealToken(sessionPurpose, c.ID, b), nil
}

// identitySize is room for what is known of somebody in a session, in bytes of
// JSON: more than there is, but for very long addresses.
const identitySize = 256

// padded is a session, or a handshake, with blanks behind it: as long for a
// name that no user has as for a user's. bare is the same without what tells
// them apart.
func padded(full, bare any) ([]byte, error) {
	b, err := json.Marshal(full)
	if err != nil {
		return nil, err
	}
	without, err := json.Marshal(bare)
	if err != nil {
		return nil, err
	}
	return append(b, bytes.Repeat([]byte(" "), max(0, len(without)+identitySize-len(b)))...), nil
}

// SessionClient is the client that a session says it is of, for operations
// that name none. Only opening the session shows that it is true.
func SessionClient(text string) string {
	id, _, _ := strings.Cut(text, ".")
	return id
}

// openSession reads a session of the client for one of the challenges.
func (e *Engine) openSession(c *pool.Client, text string, challenges ...cognitoidp.ChallengeNameType) (*session, error) {
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
	if err := json.Unmarshal(b, s); err != nil || s.PoolID != c.PoolID || !slices.Contains(challenges, s.Challenge) {
		return nil, errSession
	}
	if age := e.Now().Sub(time.UnixMicro(s.IssuedAt)); age >= life(c) || age < -time.Minute {
		return nil, errSessionExpired
	}
	return s, nil
}

// resume opens the session of an answer and goes on where it stood: with the
// user of the session, who must be the one that was named and have the
// password that the session began with; without a user for a name that nobody
// has. Whatever comes of the answer spends the session.
func (e *Engine) resume(ctx context.Context, r *Reply, challenges ...cognitoidp.ChallengeNameType) (*proof, *session, error) {
	s, err := e.openSession(r.Client, r.Session, challenges...)
	if err != nil {
		return nil, nil, err
	}
	if s.Browser != r.Browser {
		return nil, nil, errSession // what began on a page ends there
	}
	typed, err := required(r.Responses, "USERNAME")
	if err != nil {
		return nil, nil, err
	}
	pr := &proof{pool: r.Pool, client: r.Client, progress: s.progress, typed: typed, metadata: r.Metadata, seen: r.Seen, custom: s.Custom, spend: s.spend(r.Client)}
	if key := parameter(r.Responses, "DEVICE_KEY"); key != "" && !s.Admin && !s.Browser && !s.Proven {
		pr.DeviceKey = key
	}
	names := []string{typed}
	if s.Sub == "" {
		if r.Pool.Fold(typed) != r.Pool.Fold(s.Typed) && typed != e.simulatedName(r.Pool, s.Typed) {
			return nil, nil, errSession
		}
		pr.typed = s.Typed
	} else {
		if pr.user, err = e.sessionUser(ctx, r.Pool, s, typed); err != nil {
			return nil, nil, err
		}
		names = append(names, pr.user.Username)
	}
	if r.Browser {
		return pr, s, nil
	}
	return pr, s, r.Client.CheckSecretHash(parameter(r.Responses, "SECRET_HASH"), true, names...)
}

func (e *Engine) sessionUser(ctx context.Context, p *pool.Pool, s *session, typed string) (u *store.User, err error) {
	var named *store.User
	err = e.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if u, err = store.UserBySub(tx, p.ID, s.Sub); err != nil {
			return err
		}
		named, err = p.FindUser(tx, typed)
		return err
	})
	if err != nil {
		return nil, notFoundIsSession(err)
	}
	if named.Sub != u.Sub || u.PasswordAt.UnixMicro() != s.PasswordAt {
		return nil, errSession
	}
	return u, nil
}

// spend uses up the session inside the write that it leads to.
func (s *session) spend(c *pool.Client) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return store.Spend(tx, "session", s.Nonce, time.UnixMicro(s.IssuedAt).Add(life(c)+time.Minute))
	}
}

// also is a write that does one thing after another. Either may be nil.
func also(a, b func(*store.Tx) error) func(*store.Tx) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(tx *store.Tx) error {
		if err := a(tx); err != nil {
			return err
		}
		return b(tx)
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

// choiceText is a list of challenges as parameters hold it: a JSON array.
func choiceText(list []cognitoidp.ChallengeNameType) string {
	b, err := json.Marshal(list)
	if err != nil {
		panic(err) // texts always encode
	}
	return string(b)
}

// parameter is a parameter that need not be there.
func parameter(m map[string]api.Secret, name string) string { return string(m[name]) }
