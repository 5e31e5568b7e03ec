package signin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/password"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/srp"
	"gatehouse/internal/store"
)

// handshake is what PASSWORD_VERIFIER and DEVICE_PASSWORD_VERIFIER remember:
// sealed into SECRET_BLOCK, which the client must send back unchanged. Clients
// of Cognito send no Session with the answer of USER_SRP_AUTH, so the block is
// the session (auth-flows.md, section 3).
type handshake struct {
	progress
	Challenge  cognitoidp.ChallengeNameType `json:"c"`
	PoolID     string                       `json:"p"`
	Sub        string                       `json:"s"`           // empty for a user who does not exist
	Typed      string                       `json:"t,omitempty"` // the name, when no user has it
	Nonce      string                       `json:"n,omitempty"` // of the session that went with it, if one did
	A          string                       `json:"a"`           // hex, as the client sent it
	B          []byte                       `json:"b"`
	Secret     []byte                       `json:"k"` // the ephemeral secret
	IssuedAt   int64                        `json:"i"` // microseconds
	PasswordAt int64                        `json:"w,omitempty"`
	Custom     *custom                      `json:"cu,omitempty"`
}

const srpPurpose = "srp handshake"

// startSRP answers USER_SRP_AUTH with PASSWORD_VERIFIER. It writes nothing.
func (e *Engine) startSRP(ctx context.Context, s *Start) (*Step, error) {
	if _, err := required(s.Parameters, "USERNAME"); err != nil {
		return nil, err
	}
	a, err := required(s.Parameters, "SRP_A")
	if err != nil {
		return nil, err
	}
	pr, err := e.admit(ctx, s, "")
	if err != nil {
		return nil, err
	}
	return e.askSRP(ctx, pr, a)
}

// askSRP asks for the proof of a password.
func (e *Engine) askSRP(ctx context.Context, pr *proof, a string) (*Step, error) {
	if !pr.pool.HasSRP() { // CUSTOM_AUTH may still ask for it
		return nil, invalid("SRP is not available: the user pool keeps passwords as Argon2id.")
	}
	var name string
	var salt, verifier []byte
	if pr.user == nil {
		name, salt, verifier = e.simulatedSRP(pr.pool, pr.typed)
	} else {
		if locked(pr.user.Counter, e.Now()) {
			return nil, errLocked
		}
		name = pr.user.Username
		salt, verifier = e.verifierOf(pr.pool, pr.user)
	}
	return e.shake(ctx, pr, cognitoidp.ChallengeNameTypePasswordVerifier, a, salt, verifier,
		map[string]string{"USERNAME": name, "USER_ID_FOR_SRP": name})
}

// shake answers A with B. The answer of USER_SRP_AUTH has no session, that of
// the other flows has one.
func (e *Engine) shake(ctx context.Context, pr *proof, challenge cognitoidp.ChallengeNameType, a string, salt, verifier []byte, parameters map[string]string) (*Step, error) {
	if _, err := srp.ParseA(a); err != nil {
		return nil, errPassword // zero modulo N among others: it would let anybody in
	}
	// Before anything is spent: who finds no place asks again.
	if err := e.gate.Enter(ctx); err != nil {
		return nil, err
	}
	secret := srp.NewSecret()
	b := srp.PublicB(e.Crypto, verifier, secret)
	e.gate.Leave()
	if err := e.settle(ctx, pr); err != nil {
		return nil, err
	}
	step := &Step{Challenge: challenge, Parameters: parameters}
	h := &handshake{progress: pr.progress, Challenge: challenge, PoolID: pr.pool.ID, A: a, B: b, Secret: secret, IssuedAt: e.Now().UnixMicro(), Custom: pr.custom}
	if pr.user == nil {
		h.Typed = pr.typed
	} else {
		h.Sub, h.PasswordAt = pr.user.Sub, pr.user.PasswordAt.UnixMicro()
	}
	if pr.Flow != cognitoidp.AuthFlowTypeUserSrpAuth || challenge != cognitoidp.ChallengeNameTypePasswordVerifier {
		s := e.newSession(pr, challenge)
		s.Custom = nil // the block has it
		h.Nonce = s.Nonce
		var err error
		if step.Session, err = e.seal(pr.client, s); err != nil {
			return nil, err
		}
	}
	bare := *h
	bare.Sub, bare.Typed, bare.PasswordAt = "", "", 0
	text, err := padded(h, &bare)
	if err != nil {
		return nil, err
	}
	block := e.Ring.Seal(srpPurpose, pr.client.ID, text)
	parameters["SALT"], parameters["SRP_B"], parameters["SECRET_BLOCK"] = srp.Hex(salt), srp.Hex(h.B), base64.StdEncoding.EncodeToString(block)
	return step, nil
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
	r := password.DecoyRecord(e.Ring.Derive("simulated users"), p.Name(), p.Fold(typed))
	return e.simulatedName(p, typed), r.Salt, r.Value
}

// simulatedName is the user name of somebody who does not exist.
func (e *Engine) simulatedName(p *pool.Pool, typed string) string {
	if !p.UsesAttributesAsNames() && !p.HasAlias("email") && !p.HasAlias("phone_number") {
		return typed
	}
	id := e.Simulated(p, typed, "user id")
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	t := hex.EncodeToString(id[:16])
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}

// claim is what a client answers to B.
type claim struct {
	block, signature []byte
	timestamp        string
}

// readClaim reads the answer to PASSWORD_VERIFIER or DEVICE_PASSWORD_VERIFIER.
// A signature that is no base64 is like a wrong one.
func readClaim(m map[string]api.Secret) (*claim, error) {
	c := &claim{}
	text, err := required(m, "PASSWORD_CLAIM_SECRET_BLOCK")
	if err != nil {
		return nil, err
	}
	signature, err := required(m, "PASSWORD_CLAIM_SIGNATURE")
	if err != nil {
		return nil, err
	}
	if c.timestamp, err = required(m, "TIMESTAMP"); err != nil {
		return nil, err
	}
	if c.block, err = base64.StdEncoding.DecodeString(text); err != nil {
		return nil, errPassword
	}
	if c.signature, err = base64.StdEncoding.DecodeString(signature); err != nil {
		c.signature = nil
	}
	return c, nil
}

// reshake opens the block of an answer and goes on where the handshake stood.
func (e *Engine) reshake(ctx context.Context, r *Reply) (*proof, *handshake, *claim, error) {
	typed, err := required(r.Responses, "USERNAME")
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := readClaim(r.Responses)
	if err != nil {
		return nil, nil, nil, err
	}
	h, err := e.openHandshake(r, c.block)
	if err != nil {
		return nil, nil, nil, err
	}
	if r.Session != "" { // it need not be sent, but must be the one that went with the block
		if s, err := e.openSession(r.Client, r.Session, r.Challenge); err != nil {
			return nil, nil, nil, err
		} else if h.Nonce == "" || s.Nonce != h.Nonce {
			return nil, nil, nil, errSession
		}
	}
	pr := &proof{pool: r.Pool, client: r.Client, progress: h.progress, typed: h.Typed, metadata: r.Metadata, seen: r.Seen, custom: h.Custom, spend: e.spendBlock(r, c.block, h)}
	names := []string{typed}
	if h.Sub != "" {
		if err := e.DB.ReadOne(ctx, func(tx *store.Tx) (err error) {
			pr.user, err = store.UserBySub(tx, r.Pool.ID, h.Sub)
			return err
		}); err != nil {
			return nil, nil, nil, notFoundIsPassword(err)
		}
		names = append(names, pr.user.Username)
		pr.typed = pr.user.Username
		if h.Password && pr.user.PasswordAt.UnixMicro() != h.PasswordAt {
			return nil, nil, nil, errPassword
		}
	}
	if err := r.Client.CheckSecretHash(parameter(r.Responses, "SECRET_HASH"), true, names...); err != nil {
		return nil, nil, nil, err
	}
	if at, err := srp.ParseTimestamp(c.timestamp); err != nil {
		return nil, nil, nil, invalid("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	} else if !srp.Fresh(at, e.Now()) {
		return nil, nil, nil, errPassword
	}
	return pr, h, c, nil
}

// proves reports whether the claim is that of whoever knows the password
// behind the verifier.
func (e *Engine) proves(ctx context.Context, h *handshake, c *claim, verifier []byte, group, name string) (bool, error) {
	a, err := srp.ParseA(h.A)
	if err != nil {
		return false, nil
	}
	if err := e.gate.Enter(ctx); err != nil {
		return false, err
	}
	defer e.gate.Leave()
	key := srp.SharedKey(e.Crypto, a, verifier, h.Secret, h.B)
	return c.signature != nil && srp.CheckSignature(c.signature, key, group, name, c.block, c.timestamp), nil
}

// verifySRP checks the answer to PASSWORD_VERIFIER.
func (e *Engine) verifySRP(ctx context.Context, r *Reply) (*Step, error) {
	pr, h, c, err := e.reshake(ctx, r)
	if err != nil {
		return nil, err
	}
	if key := parameter(r.Responses, "DEVICE_KEY"); key != "" && !pr.Admin && !pr.Browser {
		pr.DeviceKey = key
	}
	u := pr.user
	var name string
	var verifier []byte
	var barred error
	if u == nil {
		if is, err := e.nameLocked(ctx, r.Pool, h.Typed); err != nil || is {
			return nil, cmp.Or(err, errLocked)
		}
		name, _, verifier = e.simulatedSRP(r.Pool, h.Typed)
	} else {
		if locked(u.Counter, e.Now()) {
			return nil, errLocked
		}
		if barred = mayTryPassword(u, r.Client); barred != nil && !r.Client.HidesUsers() {
			return nil, barred
		}
		name = u.Username
		_, verifier = e.verifierOf(r.Pool, u)
	}
	right, err := e.proves(ctx, h, c, verifier, r.Pool.Name(), name)
	if err != nil {
		return nil, err
	}
	if !right || u == nil {
		return nil, spentOr(e.recordFailure(ctx, r.Pool, u, h.Typed, also(pr.spend, e.failure(pr, cognitoidp.ChallengeNamePassword))))
	} else if barred != nil {
		return nil, barred // for whoever knows the password
	}
	pr.Password = true
	if pr.custom != nil {
		return e.customDone(ctx, pr, cognitoidp.ChallengeNameTypePasswordVerifier)
	}
	pr.First = byPassword
	return e.proceed(ctx, pr)
}

// openHandshake opens a secret block that this client was given.
func (e *Engine) openHandshake(r *Reply, block []byte) (*handshake, error) {
	b, err := e.Ring.Open(srpPurpose, r.Client.ID, block)
	if err != nil {
		return nil, errPassword
	}
	h := &handshake{}
	if err := json.Unmarshal(b, h); err != nil || h.PoolID != r.Pool.ID || h.Challenge != r.Challenge || h.Browser || r.Browser {
		return nil, errPassword
	}
	if age := e.Now().Sub(time.UnixMicro(h.IssuedAt)); age >= life(r.Client) || age < -time.Minute {
		return nil, errSessionExpired
	}
	return h, nil
}

// spendBlock uses up a secret block, by its hash.
func (e *Engine) spendBlock(r *Reply, block []byte, h *handshake) func(*store.Tx) error {
	sum := sha256.Sum256(block)
	return func(tx *store.Tx) error {
		return store.Spend(tx, "srp", hex.EncodeToString(sum[:]), time.UnixMicro(h.IssuedAt).Add(life(r.Client)+time.Minute))
	}
}
