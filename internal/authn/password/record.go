package password

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"

	"gatehouse/internal/authn/srp"
	"gatehouse/internal/engine"
)

// A Kind is how a record remembers a password. Its number is the first byte of
// the encoded record and therefore never changes its meaning.
type Kind byte

const (
	SRP      Kind = 1 // salt and SRP verifier: serves USER_SRP_AUTH and plain sign-in
	Argon2id Kind = 2 // for pools without SRP: RFC 9106, 19 MiB, two passes, one lane (OWASP's first choice)
)

// A Record is what is kept of a password. Seal it before it is stored.
type Record struct {
	Kind Kind
	Salt []byte // 16 bytes

	// Value is the verifier v (384 bytes) of kind SRP, the hash (32) of Argon2id.
	Value []byte

	memory, passes uint32 // of Argon2id; memory in KiB
	lanes          uint8
}

const (
	argonMemory = 19 * 1024 // KiB
	argonPasses = 2
	argonLanes  = 1
	argonSize   = 32

	srpRecordSize   = 1 + srp.SaltSize + srp.Size
	argonRecordSize = 1 + 4 + 4 + 1 + srp.SaltSize + argonSize

	// A record asks for no more than this: a damaged one must not take the
	// machine's memory.
	maxArgonMemory = 1 << 20 // KiB
	maxArgonPasses = 64
)

// ErrRecord says that bytes are no record.
var ErrRecord = errors.New("password: not a record")

// Encode writes the record: the kind, then its parts at fixed sizes.
func (r Record) Encode() []byte {
	b := []byte{byte(r.Kind)}
	if r.Kind == Argon2id {
		b = binary.BigEndian.AppendUint32(b, r.memory)
		b = binary.BigEndian.AppendUint32(b, r.passes)
		b = append(b, r.lanes)
	}
	return append(append(b, r.Salt...), r.Value...)
}

// Decode is the inverse of Encode. An error is ErrRecord.
func Decode(b []byte) (Record, error) {
	switch {
	case len(b) == srpRecordSize && Kind(b[0]) == SRP:
		r := Record{Kind: SRP, Salt: b[1:][:srp.SaltSize:srp.SaltSize], Value: b[1+srp.SaltSize:]}
		if _, err := srp.ParseVerifier(r.Value); err != nil {
			return Record{}, fmt.Errorf("%w: %w", ErrRecord, err)
		}
		return r, nil
	case len(b) == argonRecordSize && Kind(b[0]) == Argon2id:
		r := Record{
			Kind: Argon2id, memory: binary.BigEndian.Uint32(b[1:]), passes: binary.BigEndian.Uint32(b[5:]), lanes: b[9],
			Salt: b[10:][:srp.SaltSize:srp.SaltSize], Value: b[10+srp.SaltSize:],
		}
		if r.memory < 8 || r.memory > maxArgonMemory || r.passes < 1 || r.passes > maxArgonPasses || r.lanes < 1 {
			return Record{}, ErrRecord
		}
		return r, nil
	}
	return Record{}, ErrRecord
}

// A Hasher makes and checks records. Make one for the process: it bounds how
// many Argon2id computations, at 19 MiB each, run at once and how many wait.
type Hasher struct {
	engine engine.Engine
	fast   *engine.Gate // of kind SRP, shared with all that SRP costs
	slow   *engine.Gate // of kind Argon2id
	decoys map[Kind]Record
}

// Argon2id takes some 20 ms of a processor. One at a time for each, and at most
// a third of a second's worth in line: a client that is told to come back waits
// less than one that is kept. The time bounds the wait on a machine that is slower
// than that.
const (
	slowLine = 16 // waiting, for each processor
	slowWait = time.Second
)

// New makes a Hasher. gate is where exponentiations of kind SRP queue.
func New(e engine.Engine, gate *engine.Gate) *Hasher {
	value := make([]byte, srp.Size)
	value[srp.Size-1] = 4
	return &Hasher{
		engine: e,
		fast:   gate,
		slow:   engine.NewGate(runtime.GOMAXPROCS(0), slowLine*runtime.GOMAXPROCS(0), slowWait),
		decoys: map[Kind]Record{
			SRP:      {Kind: SRP, Salt: make([]byte, srp.SaltSize), Value: value},
			Argon2id: argonRecord(make([]byte, srp.SaltSize), make([]byte, argonSize)),
		},
	}
}

func argonRecord(salt, value []byte) Record {
	return Record{Kind: Argon2id, Salt: salt, Value: value, memory: argonMemory, passes: argonPasses, lanes: argonLanes}
}

// NewRecord makes a record of a password with a fresh salt. poolName is the
// part of the pool's id after "_"; a record of kind SRP is bound to it and to
// the user name. The only errors are of an unknown kind and engine.ErrBusy, when
// too many wait already or ctx ends before it is this one's turn.
func (h *Hasher) NewRecord(ctx context.Context, kind Kind, poolName, username, password string) (Record, error) {
	salt := srp.NewSalt()
	switch kind {
	case SRP:
		r := Record{Kind: SRP, Salt: salt}
		var err error
		r.Value, err = h.verifier(ctx, r, poolName, username, password)
		return r, err
	case Argon2id:
		r := argonRecord(salt, nil)
		var err error
		r.Value, err = h.argon2id(ctx, r, password)
		return r, err
	}
	return Record{}, fmt.Errorf("password: unknown kind %d", kind)
}

// Check says whether the password is the record's. Its time tells nothing of
// the record's content. Errors are as of NewRecord.
func (h *Hasher) Check(ctx context.Context, r Record, poolName, username, password string) (bool, error) {
	switch r.Kind {
	case SRP:
		got, err := h.verifier(ctx, r, poolName, username, password)
		return err == nil && subtle.ConstantTimeCompare(got, r.Value) == 1, err
	case Argon2id:
		got, err := h.argon2id(ctx, r, password)
		return err == nil && subtle.ConstantTimeCompare(got, r.Value) == 1, err
	}
	return false, fmt.Errorf("password: unknown kind %d", r.Kind)
}

// Decoy costs what Check costs of a record of this kind: call it for a user
// who is not there, so that the time does not tell. The answer is no.
func (h *Hasher) Decoy(ctx context.Context, kind Kind, poolName, username, password string) error {
	_, err := h.Check(ctx, h.decoys[kind], poolName, username, password)
	return err
}

// DecoyRecord makes up the SRP record of a user who is not there: the same one
// each time for the same key and name, as a real user's salt is the same each
// time, and no password belongs to it. key is 32 secret bytes that outlive a
// restart (seal.Ring.Derive).
func DecoyRecord(key []byte, poolName, username string) Record {
	b, err := hkdf.Expand(sha256.New, key, "password decoy\x00"+poolName+"\x00"+username, srp.SaltSize+srp.Size)
	if err != nil {
		panic(err) // only for lengths above 255 hashes
	}
	// Reduce does not change how an element looks: N is 2^3072 less 2^-64 of it.
	value, _ := engine.Reduce(b[srp.SaltSize:])
	return Record{Kind: SRP, Salt: b[:srp.SaltSize], Value: value}
}

func (h *Hasher) verifier(ctx context.Context, r Record, poolName, username, password string) ([]byte, error) {
	if err := h.fast.Enter(ctx); err != nil {
		return nil, err
	}
	defer h.fast.Leave()
	return srp.Verifier(h.engine, poolName, username, password, r.Salt), nil
}

func (h *Hasher) argon2id(ctx context.Context, r Record, password string) ([]byte, error) {
	if err := h.slow.Enter(ctx); err != nil {
		return nil, err
	}
	defer h.slow.Leave()
	return argon2.IDKey([]byte(password), r.Salt, r.passes, r.memory, r.lanes, argonSize), nil
}
