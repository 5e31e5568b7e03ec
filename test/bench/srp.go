package main

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/authn/srp"
	"gatehouse/internal/engine"
)

// The client's half of SRP, by the formulas of amazon-cognito-identity-js. The
// arithmetic is the engine's, so that a client does not cost more than the
// server that it measures.

var modulus = sync.OnceValue(func() *big.Int { return new(big.Int).SetBytes(engine.Modulus()) })

// multiplier is k = H(PAD(N) ‖ PAD(g)).
var multiplier = sync.OnceValue(func() *big.Int { return hashOf(javaBytes(modulus()), []byte{2}) })

func hashOf(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}

// javaBytes are the bytes of BigInteger.toByteArray.
func javaBytes(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

func power(base, exponent *big.Int) *big.Int {
	b := base.FillBytes(make([]byte, engine.Size))
	return new(big.Int).SetBytes(engine.Default().ExpPublic(b, exponent.Bytes()))
}

func powerOfG(exponent []byte) *big.Int {
	return new(big.Int).SetBytes(engine.Default().ExpG(exponent))
}

// handshake is one sign-in of a client.
type handshake struct{ secret, public *big.Int }

func newHandshake() *handshake {
	var a [32]byte
	_, _ = rand.Read(a[:]) // never fails
	return &handshake{new(big.Int).SetBytes(a[:]), powerOfG(a[:])}
}

// answer proves the password: the responses to PASSWORD_VERIFIER.
func (h *handshake) answer(poolName, password string, challenge map[string]string) (map[string]string, error) {
	block, err := base64.StdEncoding.DecodeString(challenge["SECRET_BLOCK"])
	if err != nil {
		return nil, err
	}
	number := func(text string) *big.Int {
		if len(text)%2 == 1 {
			text = "0" + text
		}
		b, e := hex.DecodeString(text)
		if e != nil {
			err = e
		}
		return new(big.Int).SetBytes(b)
	}
	name, publicB, salt := challenge["USER_ID_FOR_SRP"], number(challenge["SRP_B"]), number(challenge["SALT"])
	if err != nil {
		return nil, err
	}
	u := hashOf(javaBytes(h.public), javaBytes(publicB))
	inner := sha256.Sum256([]byte(poolName + name + ":" + password))
	x := hashOf(javaBytes(salt), inner[:])
	base := new(big.Int).Mul(multiplier(), powerOfG(x.FillBytes(make([]byte, sha256.Size))))
	base.Mod(base.Sub(publicB, base), modulus())
	exponent := new(big.Int).Mul(u, x)
	s := power(base, exponent.Add(exponent, h.secret))
	key, err := hkdf.Key(sha256.New, javaBytes(s), javaBytes(u), "Caldera Derived Key", srp.KeySize)
	if err != nil {
		return nil, err
	}
	timestamp := srp.FormatTimestamp(time.Now())
	return map[string]string{"USERNAME": name, "TIMESTAMP": timestamp, "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE": base64.StdEncoding.EncodeToString(srp.Signature(key, poolName, name, block, timestamp))}, nil
}

// nameOfPool is the part of a pool's id that enters SRP.
func nameOfPool(id string) string {
	_, name, _ := strings.Cut(id, "_")
	return name
}
