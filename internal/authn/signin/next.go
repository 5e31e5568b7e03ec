package signin

import (
	"slices"

	"gatehouse/internal/api/cognitoidp"
)

// The rules of what a sign-in still owes, and nothing else: no store, no
// clock. They are the table of the package comment, and next_test.go walks
// every row of them.

// first is what a sign-in began with.
type first string

const (
	byPassword first = "password" // in clear or by SRP
	byCode     first = "code"     // EMAIL_OTP or SMS_OTP
	byPasskey  first = "passkey"  // WEB_AUTHN
	byTriggers first = "custom"   // CUSTOM_AUTH: the pool's functions said yes
)

// device is how a sign-in stands to the device that it named.
type device string

const (
	deviceNone       device = ""           // none named, or the pool tracks none
	deviceKnown      device = "known"      // confirmed, but not remembered
	deviceRemembered device = "remembered" // must prove itself
	deviceProven     device = "proven"     // has
)

// standing is all that the next step of a sign-in depends on.
type standing struct {
	First        first
	Password     bool // a password was shown: by itself, or in CUSTOM_AUTH
	Temporary    bool // that password must be replaced first
	Mode         cognitoidp.UserPoolMfaType
	Usable       []cognitoidp.ChallengeNameType // second factors that the user can be asked for now
	Preferred    cognitoidp.ChallengeNameType   // one of Usable, or ""
	CanSetUp     []cognitoidp.ChallengeNameType // those that the user could set up on the way
	Second       bool                           // a second factor was shown
	PasskeyIsTwo bool                           // the passkey verified its user, and pool and user let that count as two factors
	Device       device
	Replaces     bool // a remembered device stands for the second factor
	Demanded     bool // the risk of this sign-in demands a second factor
}

// owed is what a sign-in still owes: a challenge with its choices, tokens when
// Challenge is "", or a refusal.
type owed struct {
	Challenge cognitoidp.ChallengeNameType
	Choices   []cognitoidp.ChallengeNameType // of SELECT_MFA_TYPE and MFA_SETUP
	Refusal   error
}

var (
	errNothingToSetUp = invalid("The user pool demands a second factor and has none that the user could set up.")
	errRisk           = notAuthorized("Unable to login because of security reasons.")
)

// next says what a sign-in owes (auth-flows.md, sections 4, 7, 8 and 14).
func (s standing) next() owed {
	if s.First == "" {
		return owed{Refusal: errPassword}
	}
	if s.Password && s.Temporary {
		return owed{Challenge: cognitoidp.ChallengeNameTypeNewPasswordRequired}
	}
	if s.needsSecond() {
		// Codes and passkeys are first factors for users without a second one.
		if !s.Password && !s.Demanded {
			return owed{Refusal: errPassword}
		}
		replaced := s.Replaces && !s.Demanded && (s.Device == deviceRemembered || s.Device == deviceProven)
		if !replaced {
			return s.second()
		}
	}
	if s.Device == deviceRemembered && (s.Password || s.First == byTriggers) {
		return owed{Challenge: cognitoidp.ChallengeNameTypeDeviceSrpAuth}
	}
	return owed{}
}

// needsSecond reports whether a second factor is still to be shown.
func (s standing) needsSecond() bool {
	if s.Second || s.First == byPasskey && s.PasskeyIsTwo {
		return false
	}
	if s.Demanded {
		return true
	}
	if s.First == byTriggers && !s.Password {
		return false // the pool's functions are its factors
	}
	return s.Mode == cognitoidp.UserPoolMfaTypeOn || s.Mode == cognitoidp.UserPoolMfaTypeOptional && len(s.Usable) > 0
}

// second says which second factor is asked for.
func (s standing) second() owed {
	switch {
	case s.Preferred != "" && slices.Contains(s.Usable, s.Preferred):
		return owed{Challenge: s.Preferred}
	case len(s.Usable) == 1:
		return owed{Challenge: s.Usable[0]}
	case len(s.Usable) > 1:
		return owed{Challenge: cognitoidp.ChallengeNameTypeSelectMfaType, Choices: s.Usable}
	case s.Demanded:
		return owed{Refusal: errRisk} // who is suspect sets no factor up
	case len(s.CanSetUp) > 0:
		return owed{Challenge: cognitoidp.ChallengeNameTypeMfaSetup, Choices: s.CanSetUp}
	}
	return owed{Refusal: errNothingToSetUp}
}
