package signin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/srp"
	"gatehouse/internal/store"
)

// handshake is what PASSWORD_VERIFIER remembers: sealed into SECRET_BLOCK,
// which the client must send back unchanged. Clients of Cognito send no
// Session with this answer, so the block is the session (auth-flows.md,
// section 3).
type handshake struct {
	PoolID   string `json:"p"`
	Sub      string `json:"s"`           // empty for a user who does not exist
	Typed    string `json:"t,omitempty"` // the name, when no user has it
	A        string `json:"a"`           // hex, as the client sent it
	B        []byte `json:"b"`
	Secret   []byte `json:"k"` // the ephemeral secret
	IssuedAt int64  `json:"i"` // microseconds
}

const srpPurpose = "srp handshake"

// startSRP answers SRP_A with PASSWORD_VERIFIER. It writes nothing.
func (e *Engine) startSRP(ctx context.Context, s *Start) (*Step, error) {
	typed, err := required(s.Parameters, "USERNAME")
	if err != nil {
		return nil, err
	}
	aText, err := required(s.Parameters, "SRP_A")
	if err != nil {
		return nil, err
	}
	if err := s.Client.CheckSecretHash(string(s.Parameters["SECRET_HASH"]), true, typed); err != nil {
		return nil, err
	}
	if _, err := srp.ParseA(aText); err != nil {
		return nil, errPassword // zero modulo N among others: it would let anybody in
	}
	u, err := e.find(ctx, s.Pool, s.Client, typed)
	if err != nil {
		return nil, err
	}
	h := &handshake{PoolID: s.Pool.ID, A: aText, Secret: srp.NewSecret(), IssuedAt: e.Now().UnixMicro()}
	var name string
	var salt, verifier []byte
	if u == nil {
		h.Typed = typed
		name, salt, verifier = e.simulatedSRP(s.Pool, typed)
	} else {
		if locked(u.Counter, e.Now()) {
			return nil, errLocked
		}
		h.Sub, name = u.Sub, u.Username
		salt, verifier = e.verifierOf(s.Pool, u)
	}
	h.B = srp.PublicB(e.Crypto, verifier, h.Secret)
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	block := e.Ring.Seal(srpPurpose, s.Client.ID, text)
	return &Step{Challenge: cognitoidp.ChallengeNameTypePasswordVerifier, Parameters: map[string]string{
		"SALT": srp.Hex(salt), "SRP_B": srp.Hex(h.B), "SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
		"USERNAME": name, "USER_ID_FOR_SRP": name,
	}}, nil
}

// verifierOf is the SRP half of a user's password record. A user without one
// (no password, or a record that SRP cannot use) gets a simulated one, and
// fails at the answer like everybody who does not know the password.
func (e *Engine) verifierOf(p *pool.Pool, u *store.User) (salt, verifier []byte) {
	if r, err := password.Decode(u.Password); err == nil && r.Kind == password.SRP {
		return r.Salt, r.Value
	}
	_, salt, verifier = e.simulatedSRP(p, u.Username)
	return salt, verifier
}

// simulatedSRP are a user id, salt and verifier for a name that no user has,
// the same each time it is asked.
func (e *Engine) simulatedSRP(p *pool.Pool, typed string) (name string, salt, verifier []byte) {
	name = typed
	if p.UsesAttributesAsNames() || p.HasAlias("email") || p.HasAlias("phone_number") {
		id := e.Simulated(p, typed, "user id")
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		t := hex.EncodeToString(id[:16])
		name = t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
	}
	r := password.DecoyRecord(e.Ring.Derive("simulated users"), p.Name(), p.Fold(typed))
	return name, r.Salt, r.Value
}

// verifySRP checks the answer to PASSWORD_VERIFIER.
func (e *Engine) verifySRP(ctx context.Context, r *Reply) (*Step, error) {
	if r.Session != "" {
		return nil, errSession // this challenge gave none: whose is it?
	}
	typed, err := required(r.Responses, "USERNAME")
	if err != nil {
		return nil, err
	}
	blockText, err := required(r.Responses, "PASSWORD_CLAIM_SECRET_BLOCK")
	if err != nil {
		return nil, err
	}
	signatureText, err := required(r.Responses, "PASSWORD_CLAIM_SIGNATURE")
	if err != nil {
		return nil, err
	}
	timestamp, err := required(r.Responses, "TIMESTAMP")
	if err != nil {
		return nil, err
	}
	h, block, err := e.openHandshake(r, blockText)
	if err != nil {
		return nil, err
	}
	u, err := e.userOf(ctx, r.Pool.ID, h)
	if err != nil {
		return nil, err
	}
	names := []string{typed}
	if u != nil {
		names = append(names, u.Username)
	}
	if err := r.Client.CheckSecretHash(string(r.Responses["SECRET_HASH"]), true, names...); err != nil {
		return nil, err
	}
	if at, err := srp.ParseTimestamp(timestamp); err != nil {
		return nil, invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	} else if !srp.Fresh(at, e.Now()) {
		return nil, errPassword
	}
	spend := e.spendBlock(r, block, h)
	var name string
	var verifier []byte
	if u == nil {
		if is, err := e.nameLocked(ctx, r.Pool, h.Typed); err != nil || is {
			return nil, cmp.Or(err, errLocked)
		}
		name, _, verifier = e.simulatedSRP(r.Pool, h.Typed)
	} else {
		if locked(u.Counter, e.Now()) {
			return nil, errLocked
		}
		if err := mayTryPassword(u, r.Client); err != nil {
			return nil, err
		}
		name = u.Username
		_, verifier = e.verifierOf(r.Pool, u)
	}
	a, err := srp.ParseA(h.A)
	if err != nil {
		return nil, errPassword
	}
	key := srp.SharedKey(e.Crypto, a, verifier, h.Secret, h.B)
	signature, err := base64.StdEncoding.DecodeString(signatureText)
	if err != nil || !srp.CheckSignature(signature, key, r.Pool.Name(), name, block, timestamp) || u == nil {
		err := e.recordFailure(ctx, r.Pool, u, h.Typed, spend)
		return nil, spentOr(err)
	}
	return e.afterPassword(ctx, &proof{pool: r.Pool, client: r.Client, user: u, spend: spend})
}

// openHandshake opens a secret block that this client was given.
func (e *Engine) openHandshake(r *Reply, text string) (*handshake, []byte, error) {
	block, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, errPassword
	}
	b, err := e.Ring.Open(srpPurpose, r.Client.ID, block)
	if err != nil {
		return nil, nil, errPassword
	}
	h := &handshake{}
	if err := json.Unmarshal(b, h); err != nil || h.PoolID != r.Pool.ID {
		return nil, nil, errPassword
	}
	if age := e.Now().Sub(time.UnixMicro(h.IssuedAt)); age >= life(r.Client) || age < -time.Minute {
		return nil, nil, errSessionExpired
	}
	return h, block, nil
}

// userOf is the user of a handshake, or nil.
func (e *Engine) userOf(ctx context.Context, poolID string, h *handshake) (u *store.User, err error) {
	if h.Sub == "" {
		return nil, nil
	}
	err = e.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
		u, err = store.UserBySub(tx, poolID, h.Sub)
		return err
	})
	return u, notFoundIsPassword(err)
}

// spendBlock uses up a secret block, by its hash.
func (e *Engine) spendBlock(r *Reply, block []byte, h *handshake) func(*store.Tx) error {
	sum := sha256.Sum256(block)
	return func(tx *store.Tx) error {
		return store.Spend(tx, "srp", hex.EncodeToString(sum[:]), time.UnixMicro(h.IssuedAt).Add(life(r.Client)+time.Minute))
	}
}
