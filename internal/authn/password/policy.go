// Package password knows what a password must look like, makes temporary ones,
// and turns one into the record that the store keeps and back into yes or no.
//
// What a newcomer gets wrong: the record of kind SRP is not a slow hash. Cognito
// fixes what its clients compute, so a fast exponentiation is all there is
// between a record and a dictionary; what protects records is that the store
// seals them. Pools whose clients never use SRP may choose Argon2id instead.
package password

import (
	"crypto/rand"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLength is the longest password, in characters (Cognito's quota).
const MaxLength = 256

// A Policy is the PasswordPolicyType of a user pool, as far as it is about the
// password's text.
type Policy struct {
	MinimumLength    int // 6 to 99 characters; see DefaultPolicy
	RequireUppercase bool
	RequireLowercase bool
	RequireNumbers   bool
	RequireSymbols   bool
}

// DefaultPolicy is what a pool has when nothing is said.
var DefaultPolicy = Policy{8, true, true, true, true}

// A PolicyError says how a password fails its policy. Its text is that of
// Cognito's InvalidPasswordException.
type PolicyError struct{ Reason string }

func (e *PolicyError) Error() string { return "Password did not conform with policy: " + e.Reason }

// Symbols are the characters that count as such ("Adding user pool password
// requirements" in Cognito's guide); a space counts when it is inside.
const Symbols = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-"

// The classes are of basic Latin only: "É" counts toward the length, and as no
// upper-case letter.
const (
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)

// WellFormed says whether text may be a password at all, under any policy: it
// has 1 to 256 characters of valid UTF-8, and neither the first nor the last
// is white space (Cognito's validation: ^[\S]+.*[\S]+$).
func WellFormed(text string) bool {
	if !utf8.ValidString(text) || text == "" || utf8.RuneCountInString(text) > MaxLength {
		return false
	}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	return !unicode.IsSpace(first) && !unicode.IsSpace(last)
}

// Check returns nil, or a *PolicyError with the first rule that text breaks.
func (p Policy) Check(text string) error {
	switch {
	case utf8.RuneCountInString(text) < p.MinimumLength:
		return &PolicyError{"Password not long enough"}
	case utf8.RuneCountInString(text) > MaxLength:
		return &PolicyError{"Password too long"}
	case !WellFormed(text):
		return &PolicyError{"Password must not begin or end with a space"}
	case p.RequireUppercase && !strings.ContainsAny(text, upper):
		return &PolicyError{"Password must have uppercase characters"}
	case p.RequireLowercase && !strings.ContainsAny(text, lower):
		return &PolicyError{"Password must have lowercase characters"}
	case p.RequireNumbers && !strings.ContainsAny(text, digits):
		return &PolicyError{"Password must have numeric characters"}
	case p.RequireSymbols && !strings.ContainsAny(text, Symbols+" "): // a space found here is inside
		return &PolicyError{"Password must have symbol characters"}
	}
	return nil
}

// Temporary passwords are typed from an e-mail: none of the characters that
// look alike, and of the symbols those that survive HTML and a shell.
const temporaryAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ" + "abcdefghijkmnopqrstuvwxyz" + "23456789" + "!@%*+-=_?."

// temporaryLength is the shortest made: about 97 bits.
const temporaryLength = 16

// Temporary makes a random password that satisfies p, of every class whatever p
// asks for, so that it also satisfies a policy that was made stricter since.
func (p Policy) Temporary() string {
	strict := Policy{max(p.MinimumLength, temporaryLength), true, true, true, true}
	b := make([]byte, strict.MinimumLength)
	for {
		// Drawing the whole again leaves all that satisfy equally likely.
		for i := range b {
			b[i] = temporaryAlphabet[index(len(temporaryAlphabet))]
		}
		if strict.Check(string(b)) == nil {
			return string(b)
		}
	}
}

// index is uniform in [0, n), for n up to 256.
func index(n int) int {
	var b [1]byte
	for {
		rand.Read(b[:])
		if limit := 256 - 256%n; int(b[0]) < limit {
			return int(b[0]) % n
		}
	}
}
