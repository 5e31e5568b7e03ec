// Package engine is the expensive arithmetic of a sign-in: RSA-2048 signatures
// (PKCS #1 v1.5 with SHA-256) and exponentiation in the group that SRP works in.
//
// There are two engines. The one in Go is always there; the other calls
// libcrypto.so.3, found at run time without cgo, and is about three times as
// fast. [Default] picks. A binary built with the tag "static" has only the first.
//
// What a newcomer gets wrong: group elements are not big integers here but
// strings of exactly [Size] bytes, big-endian, so that no length ever tells
// anything about a secret. Numbers that came from outside go through [Reduce].
//
// # What leaks
//
// Exponents are secret (a server's b, a password's x). Exp and ExpG of the Go
// engine take the same steps and touch the same memory for every exponent of a
// given length; the table of ExpG is read whole for each digit. libcrypto's
// part is BN_mod_exp_mont_consttime and BN_mod_mul_montgomery; conversions into
// its BIGNUMs drop leading zero bytes, so an element with some (one in 256) can
// be told from one without. The length of an exponent is public.
// ExpPublic of the Go engine is math/big's, which leaks its exponent and,
// through the lengths of intermediate numbers, a little of its base.
package engine

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync"
)

// Size is the length of a group element in bytes: 3072 bits.
const Size = 384

// ExpGSize is the longest exponent, in bytes, that ExpG takes the short way
// with. Longer ones are right too, and cost a plain Exp.
const ExpGSize = 32

// An Engine signs and exponentiates. Its methods may be called from any number
// of goroutines.
type Engine interface {
	// Name says which engine this is, for the log: "go" or "libcrypto 3.0.19".
	Name() string

	// Signer prepares a key for signing; keep it, preparing costs more than a
	// look-up. The key must have exactly two primes and 2048 bits or more.
	Signer(key *rsa.PrivateKey) (Signer, error)

	// GenerateKey makes a new RSA-2048 key (tens of milliseconds).
	GenerateKey() (*rsa.PrivateKey, error)

	// ExpG returns 2^exp mod N. exp is big-endian and may be empty (zero).
	ExpG(exp []byte) []byte

	// Exp returns base^exp mod N. base is an element below N of Size bytes;
	// anything else panics, because it is a mistake of the caller: input from
	// outside goes through Reduce first.
	Exp(base, exp []byte) []byte

	// ExpPublic is Exp for an exponent that is no secret: it may be faster, and
	// its time depends on the exponent.
	ExpPublic(base, exp []byte) []byte
}

// A Signer makes RSASSA-PKCS1-v1_5 signatures of SHA-256 digests with one key.
type Signer interface {
	Sign(digest [32]byte) ([]byte, error)
}

// Default returns the engine for this process: libcrypto when the machine has
// version 3 of it and it computes what Go computes, else Go. The choice is made
// once, on the first call, and costs about two milliseconds.
var Default = sync.OnceValue(func() Engine {
	e, err := Libcrypto()
	if err != nil {
		slog.Debug("engine: libcrypto is not used", "reason", err)
		return Go()
	}
	return e
})

// ErrNoLibcrypto says that this machine or this build has no usable libcrypto.
var ErrNoLibcrypto = errors.New("engine: no libcrypto")

// Go returns the engine that needs nothing but this binary.
func Go() Engine { return goEngine{} }

type goEngine struct{}

func (goEngine) Name() string { return "go" }

func (goEngine) Signer(key *rsa.PrivateKey) (Signer, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return goSigner{key}, nil
}

func (goEngine) GenerateKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func (goEngine) ExpG(exp []byte) []byte {
	if len(exp) > ExpGSize {
		return expElement(two(), exp).bytes()
	}
	r := window().exp(exp, func(r, a, b *element) { r.mul(a, b) })
	return r.fromMont().bytes()
}

func (goEngine) Exp(base, exp []byte) []byte {
	return expElement(mustElement(base), exp).bytes()
}

func (goEngine) ExpPublic(base, exp []byte) []byte {
	mustElement(base)
	b, e := new(big.Int).SetBytes(base), new(big.Int).SetBytes(exp)
	return b.Exp(b, e, bigModulus()).FillBytes(make([]byte, Size))
}

var bigModulus = sync.OnceValue(func() *big.Int { return new(big.Int).SetBytes(Modulus()) })

type goSigner struct{ key *rsa.PrivateKey }

func (s goSigner) Sign(digest [32]byte) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, digest[:])
}

func checkKey(key *rsa.PrivateKey) error {
	if key == nil || len(key.Primes) != 2 || key.N.BitLen() < 2048 {
		return errors.New("engine: a signing key needs two primes and at least 2048 bits")
	}
	if err := key.Validate(); err != nil {
		return fmt.Errorf("engine: signing key: %w", err)
	}
	return nil
}

// MulMod returns a·b mod N of two elements below N.
func MulMod(a, b []byte) []byte {
	x, y := mustElement(a), mustElement(b)
	var r element
	r.mul(x.toMont(), y) // (a·R)·b/R
	return r.bytes()
}

// AddMod returns a+b mod N of two elements below N.
func AddMod(a, b []byte) []byte {
	x, y := mustElement(a), mustElement(b)
	var r element
	r.add(x, y)
	return r.bytes()
}

// Reduce makes an element of a big-endian number of at most Size bytes, leading
// zeros apart, and reports false for a longer one. The result is below N and
// may be zero.
func Reduce(number []byte) ([]byte, bool) {
	for len(number) > 0 && number[0] == 0 {
		number = number[1:]
	}
	if len(number) > Size {
		return nil, false
	}
	e := new(element)
	e.setBytes(number)
	e.reduceOnce(0) // N is above 2^3071, so one subtraction is enough
	return e.bytes(), true
}

// Modulus returns N, the prime of RFC 3526 group 15, as Size bytes.
func Modulus() []byte { return modulus.bytes() }
