// Package seal encrypts what must not be read from a stolen database, and the
// tokens that carry state to a client and back.
//
// Everything is AES-256-GCM under a subkey derived for its purpose, and bound to
// the purpose and to an identity: a sealed TOTP seed moved to another user's
// row does not open there. What a newcomer gets wrong: the identity is not a
// label. It names the row (pool and user, say), must be given again to open,
// and must therefore not change for as long as the row lives.
//
// Nonces are random. By NIST SP 800-38D section 8.3 one subkey should seal no
// more than 2³² times; rotate the ring, or put what is sealed very often under
// purposes of its own, before that.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrUnknownKey says that the text names a key that is not in the ring: it
	// was sealed with another ring, or its key was removed, or it is made up.
	ErrUnknownKey = errors.New("seal: sealed with a key that is not in the ring")

	// ErrForged says that the text does not open: it was altered, truncated,
	// made up, or sealed for another purpose or identity.
	ErrForged = errors.New("seal: does not open")
)

// KeySize is the length of a ring's keys in bytes.
const KeySize = 32

// The envelope: version (1 byte), key id (4, big-endian), nonce (12),
// ciphertext with its tag (16 longer than the plaintext).
const (
	version    = 1
	headerSize = 1 + 4
	nonceSize  = 12
	tagSize    = 16

	// Overhead is how much longer an envelope is than its plaintext, in bytes.
	Overhead = headerSize + nonceSize + tagSize
)

// A Ring holds the keys: the newest seals, all open. It is safe for use by
// many goroutines at once.
type Ring struct {
	path string // of the ring file; empty for a ring from the environment

	mu    sync.RWMutex
	keys  []*key // newest first, never empty
	fresh bool   // made by Open and not yet written to path
}

type key struct {
	id      uint32
	created time.Time
	secret  [KeySize]byte
	aeads   sync.Map // purpose → cipher.AEAD; purposes are constants, so this stays small
	derived sync.Map // label → [32]byte, of Derive; labels are constants too
}

func newKey(secret [KeySize]byte, created time.Time) *key {
	k := &key{secret: secret, created: created.UTC().Truncate(time.Second)}
	k.id = binary.BigEndian.Uint32(k.derive("key id", 4))
	return k
}

// derive expands the key's secret for one use. The info strings start with a
// word of their own for each kind of use, so that no two uses meet.
func (k *key) derive(info string, size int) []byte {
	b, err := hkdf.Expand(sha256.New, k.secret[:], "gatehouse/seal/1/"+info, size)
	if err != nil {
		panic(err) // only for sizes above 255 hashes
	}
	return b
}

func (k *key) aead(purpose string) cipher.AEAD {
	if a, ok := k.aeads.Load(purpose); ok {
		return a.(cipher.AEAD)
	}
	block, err := aes.NewCipher(k.derive("aead/"+purpose, 32))
	if err != nil {
		panic(err) // only for key sizes other than 16, 24, 32
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for blocks other than 16 bytes
	}
	a, _ := k.aeads.LoadOrStore(purpose, gcm)
	return a.(cipher.AEAD)
}

// Seal encrypts plaintext with the newest key. purpose is a constant of the
// calling code, such as "user password"; identity names what it belongs to.
func (r *Ring) Seal(purpose, identity string, plaintext []byte) []byte {
	k := r.newest()
	out := make([]byte, headerSize+nonceSize, Overhead+len(plaintext))
	out[0] = version
	binary.BigEndian.PutUint32(out[1:], k.id)
	nonce := out[headerSize:]
	rand.Read(nonce)
	var buf [128]byte
	return k.aead(purpose).Seal(out, nonce, plaintext, additional(buf[:0], out[:headerSize], purpose, identity))
}

// Open decrypts what Seal made with the same purpose and identity. Errors are
// ErrUnknownKey and ErrForged.
func (r *Ring) Open(purpose, identity string, envelope []byte) ([]byte, error) {
	if len(envelope) < Overhead || envelope[0] != version {
		return nil, ErrForged
	}
	k := r.key(binary.BigEndian.Uint32(envelope[1:]))
	if k == nil {
		return nil, ErrUnknownKey
	}
	nonce, ciphertext := envelope[headerSize:headerSize+nonceSize], envelope[headerSize+nonceSize:]
	plaintext := make([]byte, 0, len(ciphertext)-tagSize)
	var buf [128]byte
	plaintext, err := k.aead(purpose).Open(plaintext, nonce, ciphertext,
		additional(buf[:0], envelope[:headerSize], purpose, identity))
	if err != nil {
		return nil, ErrForged
	}
	return plaintext, nil
}

// additional is the data that is authenticated and not sent: the header, and
// purpose and identity with the purpose's length before them, so that no two
// pairs read the same.
func additional(b, header []byte, purpose, identity string) []byte {
	b = append(b, header...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(purpose)))
	b = append(b, purpose...)
	return append(b, identity...)
}

// tokens are base64url without padding, and only the one canonical spelling of
// the last character opens: a token has one text.
var tokens = base64.RawURLEncoding.Strict()

// SealToken is Seal in text that is safe in URLs, headers and JSON:
// 4/3 of Overhead plus the plaintext.
func (r *Ring) SealToken(purpose, identity string, plaintext []byte) string {
	return tokens.EncodeToString(r.Seal(purpose, identity, plaintext))
}

// OpenToken opens what SealToken made. Errors are those of Open.
func (r *Ring) OpenToken(purpose, identity, token string) ([]byte, error) {
	envelope, err := decodeToken(token)
	if err != nil {
		return nil, err
	}
	return r.Open(purpose, identity, envelope)
}

func decodeToken(token string) ([]byte, error) {
	envelope := make([]byte, tokens.DecodedLen(len(token)))
	n, err := tokens.Decode(envelope, []byte(token))
	// Decode skips line breaks; a token with one is not the text that was made.
	if err != nil || tokens.EncodedLen(n) != len(token) {
		return nil, ErrForged
	}
	return envelope, nil
}

// TokenKey returns the id of the key that a token says it was sealed with, for
// DeriveFor. It is only to be believed after OpenToken has succeeded.
func TokenKey(token string) (uint32, error) {
	envelope, err := decodeToken(token)
	if err != nil || len(envelope) < Overhead || envelope[0] != version {
		return 0, ErrForged
	}
	return binary.BigEndian.Uint32(envelope[1:]), nil
}

// Derive returns 32 bytes of key for a MAC, from the newest key. It changes
// when the ring is rotated: what must be derived again later has to remember
// the key's id (a token does: see TokenKey) and use DeriveFor.
func (r *Ring) Derive(label string) []byte { return r.newest().mac(label) }

// DeriveFor is Derive from the key with this id, or ErrUnknownKey.
func (r *Ring) DeriveFor(id uint32, label string) ([]byte, error) {
	k := r.key(id)
	if k == nil {
		return nil, ErrUnknownKey
	}
	return k.mac(label), nil
}

// mac derives a key for MACs, once a label: HKDF costs more than what most
// callers do with the result.
func (k *key) mac(label string) []byte {
	d, ok := k.derived.Load(label)
	if !ok {
		d, _ = k.derived.LoadOrStore(label, [32]byte(k.derive("derive/"+label, 32)))
	}
	b := d.([32]byte)
	return b[:]
}

// KeyInfo describes a key of the ring without its secret.
type KeyInfo struct {
	ID      uint32
	Created time.Time // zero for a key that came from the environment
}

// Keys lists the ring, newest first.
func (r *Ring) Keys() []KeyInfo {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]KeyInfo, len(r.keys))
	for i, k := range r.keys {
		all[i] = KeyInfo{ID: k.id, Created: k.created}
	}
	return all
}

func (r *Ring) newest() *key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[0]
}

func (r *Ring) key(id uint32) *key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

func (r *Ring) String() string { return fmt.Sprintf("ring of %d keys", len(r.Keys())) }
