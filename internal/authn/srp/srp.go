// Package srp is the server's half of Secure Remote Password as Amazon
// Cognito's clients speak it: SRP-6a with SHA-256 in the 3072-bit group, with
// padding, key derivation and a signature of Cognito's own. The same formulas
// serve users (pool name, user name, password) and remembered devices (device
// group key, device key, device password): "group" and "name" stand for either.
//
// What a newcomer gets wrong: numbers are hashed as Java prints them, minimal
// big-endian with a zero byte in front when the top bit is set, and not padded
// to the length of the modulus (RFC 5054 pads). A hash over the wrong form
// agrees most of the time, and fails one sign-in in 256.
//
// The formulas are those of amazon-cognito-identity-js (AuthenticationHelper).
package srp

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"gatehouse/internal/engine"
)

// Size is the length of a group element (a verifier, A, B) in bytes.
const Size = engine.Size

// SaltSize is the length of the salts made here, in bytes.
const SaltSize = 16

// KeySize is the length of the key that both sides arrive at, in bytes.
const KeySize = 16

var (
	// ErrNumber says that a number from outside is no number of the group:
	// not hexadecimal, too long, or zero modulo N. The last would let anybody in.
	ErrNumber = errors.New("srp: not a number of the group")

	// ErrTimestamp says that a timestamp is not in the clients' one form.
	ErrTimestamp = errors.New("srp: not a timestamp")
)

// multiplier is k = H(PAD(N) ‖ PAD(g)) as a group element. The tests compute it.
var multiplier = func() []byte {
	h := sha256.New()
	h.Write(pad(engine.Modulus()))
	h.Write([]byte{2})
	k, _ := engine.Reduce(h.Sum(nil))
	return k
}()

// pad is PAD of the package comment: the minimal two's complement of a
// non-negative big-endian number.
func pad(number []byte) []byte {
	number = bytes.TrimLeft(number, "\x00")
	if len(number) == 0 || number[0] >= 0x80 {
		return append([]byte{0}, number...)
	}
	return number
}

// NewSalt returns a salt for a new password.
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	rand.Read(salt)
	return salt
}

// PrivateKey is x = H(PAD(salt) ‖ H(group ‖ name ‖ ":" ‖ password)), the
// exponent of the verifier, 32 bytes.
func PrivateKey(group, name, password string, salt []byte) []byte {
	inner := sha256.Sum256([]byte(group + name + ":" + password))
	x := sha256.Sum256(append(bytes.Clone(pad(salt)), inner[:]...))
	return x[:]
}

// Verifier is v = g^x mod N, Size bytes: what the server keeps of a password.
func Verifier(e engine.Engine, group, name, password string, salt []byte) []byte {
	return e.ExpG(PrivateKey(group, name, password, salt))
}

// ParseVerifier reads the verifier that a client made itself (for a device):
// big-endian, a leading zero byte being usual. Zero and what is not below N
// are ErrNumber.
func ParseVerifier(number []byte) ([]byte, error) {
	v, err := parse(number)
	if err != nil || !bytes.Equal(bytes.TrimLeft(number, "\x00"), bytes.TrimLeft(v, "\x00")) {
		return nil, ErrNumber
	}
	return v, nil
}

// parse reduces a number from outside and refuses zero.
func parse(number []byte) ([]byte, error) {
	e, ok := engine.Reduce(number)
	if !ok || len(bytes.TrimLeft(e, "\x00")) == 0 {
		return nil, ErrNumber
	}
	return e, nil
}

// A ClientPublic is the client's A: as sent, which is what is hashed, and as a
// group element.
type ClientPublic struct {
	padded  []byte
	element []byte
}

// maxHex bounds A as text: twice the digits of N, for clients that pad.
const maxHex = 4 * Size

// ParseA reads SRP_A: hexadecimal digits of either case, odd in number or with
// leading zeros as it may be. A mod N = 0 is ErrNumber (RFC 5054 section 2.5.4).
func ParseA(text string) (*ClientPublic, error) {
	if len(text) == 0 || len(text) > maxHex {
		return nil, ErrNumber
	}
	if len(text)%2 == 1 {
		text = "0" + text
	}
	number, err := hex.DecodeString(text)
	if err != nil {
		return nil, ErrNumber
	}
	element, err := parse(number)
	if err != nil {
		return nil, err
	}
	return &ClientPublic{padded: pad(number), element: element}, nil
}

// NewSecret returns the server's ephemeral secret b: 32 random bytes, as strong
// as the hashes around it, and short enough for the table of engine.ExpG.
func NewSecret() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// PublicB is B = (k·v + g^b) mod N for a verifier of Size bytes.
func PublicB(e engine.Engine, verifier, b []byte) []byte {
	return engine.AddMod(engine.MulMod(multiplier, verifier), e.ExpG(b))
}

// Hex is how B and salts are sent: lower case, without leading zeros.
func Hex(number []byte) string {
	s := strings.TrimLeft(hex.EncodeToString(number), "0")
	if s == "" {
		return "0"
	}
	return s
}

// scramble is u = H(PAD(A) ‖ PAD(B)).
func scramble(a *ClientPublic, publicB []byte) []byte {
	h := sha256.New()
	h.Write(a.padded)
	h.Write(pad(publicB))
	return h.Sum(nil)
}

// SharedKey is the key that a client which knows the password has also:
// S = (A·v^u)^b mod N, and of S the first 16 bytes of HKDF. publicB is what
// PublicB answered for the same verifier and b.
func SharedKey(e engine.Engine, a *ClientPublic, verifier, b, publicB []byte) []byte {
	u := scramble(a, publicB)
	s := e.Exp(engine.MulMod(a.element, e.ExpPublic(verifier, u)), b) // u is on the wire, b is not
	return deriveKey(u, s)
}

func deriveKey(u, s []byte) []byte {
	key, err := hkdf.Key(sha256.New, pad(s), pad(u), "Caldera Derived Key", KeySize)
	if err != nil {
		panic(err) // only for lengths above 255 hashes
	}
	return key
}

// Signature is what the client proves its key with: HMAC-SHA256 over
// group ‖ name ‖ secret block ‖ timestamp. The block is decoded from base64;
// the timestamp is the text exactly as received.
func Signature(key []byte, group, name string, secretBlock []byte, timestamp string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(group))
	h.Write([]byte(name))
	h.Write(secretBlock)
	h.Write([]byte(timestamp))
	return h.Sum(nil)
}

// CheckSignature compares in constant time what a client sent (decoded from
// base64) with what it should have sent.
func CheckSignature(signature, key []byte, group, name string, secretBlock []byte, timestamp string) bool {
	return hmac.Equal(signature, Signature(key, group, name, secretBlock, timestamp))
}

// timestampForm is "EEE MMM d HH:mm:ss UTC yyyy" of Java: English names, the
// day of the month without a zero in front.
const timestampForm = "Mon Jan 2 15:04:05 UTC 2006"

// MaxSkew is how far a timestamp may be from the server's clock. AWS states no
// figure; five minutes is what it grants signed requests.
const MaxSkew = 5 * time.Minute

// ParseTimestamp reads a timestamp and accepts one spelling of each instant:
// the weekday must be right too.
func ParseTimestamp(text string) (time.Time, error) {
	at, err := time.Parse(timestampForm, text)
	if err != nil || at.Format(timestampForm) != text {
		return time.Time{}, ErrTimestamp
	}
	return at.UTC(), nil
}

// FormatTimestamp is the inverse of ParseTimestamp, for clients.
func FormatTimestamp(at time.Time) string { return at.UTC().Format(timestampForm) }

// Fresh says whether a timestamp is within MaxSkew of now.
func Fresh(at, now time.Time) bool {
	return at.Sub(now).Abs() <= MaxSkew
}
