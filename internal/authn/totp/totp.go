// Package totp checks time-based one-time passwords as Cognito's software
// tokens use them (RFC 6238): SHA-1, thirty seconds, six digits.
//
// What a newcomer gets wrong: a code is good for one use, not for its thirty
// seconds. Check answers the step that a code belongs to, and whoever accepts
// the code must see to it, in the store, that the step is later than the last.
package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	period = 30 * time.Second
	drift  = 1 // steps of a clock that is off, either way
)

// NewSecret returns a fresh secret of 32 bytes, 52 characters as text.
func NewSecret() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}

// Text is a secret as authenticator apps take it: base32 without padding.
func Text(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// Code is the code of a step.
func Code(secret []byte, step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	m := hmac.New(sha1.New, secret)
	m.Write(counter[:])
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1_000_000)
}

// Step is the step of a time.
func Step(t time.Time) int64 { return t.Unix() / int64(period/time.Second) }

// Check returns the step that a code belongs to, or false when it is none of
// now's. Every candidate is compared, each in constant time.
func Check(secret []byte, code string, now time.Time) (step int64, ok bool) {
	for s := Step(now) - drift; s <= Step(now)+drift; s++ {
		if subtle.ConstantTimeCompare([]byte(Code(secret, s)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}
