// Package passkey makes the options of WebAuthn ceremonies and verifies what
// authenticators answer to them (W3C Web Authentication, sections 7.1 and 7.2).
// It knows neither store nor clock.
//
// What a newcomer gets wrong: a right signature is not yet a sign-in. The
// challenge must be one that the caller gave to this user and takes back once,
// and the new sign count must be written over the old one by a compare-and-set:
// an answer that was copied must not count twice.
package passkey

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"golang.org/x/net/publicsuffix"
)

// Credential is what is kept of a passkey.
type Credential struct {
	ID        []byte
	PublicKey []byte // a COSE_Key: ES256 or RS256
	SignCount uint32
	// UserHandle is the user.id that the passkey was made for. An answer that
	// names another one is refused; nil is not compared.
	UserHandle []byte
	Transports []string // how the client may reach the authenticator
	Attachment string   // "platform", "cross-platform", or "" when the client did not say
	AAGUID     string   // the model of the authenticator, as a UUID
	// UserVerified, BackupEligible and BackedUp are flags of the authenticator:
	// whether it knew the user at registration, whether the key may leave it,
	// and whether the key has left it.
	UserVerified, BackupEligible, BackedUp bool
}

// RelyingParty is for whom passkeys are made: a domain, and the pages of it and
// of the domains below it.
type RelyingParty struct {
	ID   string
	Name string
	// UserVerification is "preferred" or "required".
	UserVerification string
}

// What VerifyRegistration and VerifyAssertion refuse.
var (
	ErrMalformed    = errors.New("passkey: malformed answer")
	ErrChallenge    = errors.New("passkey: answer to another challenge")
	ErrOrigin       = errors.New("passkey: origin not allowed")
	ErrRelyingParty = errors.New("passkey: answer for another relying party")
	ErrUser         = errors.New("passkey: user not present or not verified")
	ErrUnsupported  = errors.New("passkey: key or algorithm not supported")
	ErrCredential   = errors.New("passkey: not one of the user's credentials")
	ErrSignature    = errors.New("passkey: wrong signature")
	ErrSignCount    = errors.New("passkey: sign count did not grow")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// maxAnswer bounds what is parsed, in bytes. The largest that authenticators
// send, with a chain of certificates, is a few KiB.
const maxAnswer = 64 << 10

// NewChallenge returns 32 random bytes.
func NewChallenge() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}

// ValidID reports whether a text can be the id of a relying party: a domain in
// lower case that somebody can own, so none under which others register theirs.
// Browsers refuse the rest. localhost is the exception that they make as well.
func ValidID(id string) bool {
	if id == "localhost" {
		return true
	}
	labels := strings.Split(id, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return false // an address, not a name
	}
	_, err := publicsuffix.EffectiveTLDPlusOne(id)
	return err == nil
}

// allows reports whether a page of an origin may use the relying party's
// passkeys. Native apps, whose origins are no URLs, may not.
func (rp RelyingParty) allows(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || rp.ID == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false
	}
	host := u.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return false
	}
	return host == rp.ID || strings.HasSuffix(host, "."+rp.ID)
}

// checkClient is what the client says of the ceremony.
func (rp RelyingParty) checkClient(c *protocol.CollectedClientData, ceremony protocol.CeremonyType, challenge []byte) error {
	if c.Type != ceremony {
		return malformed("the type is %.32q, not %s", c.Type, ceremony)
	}
	if len(challenge) == 0 || subtle.ConstantTimeCompare([]byte(c.Challenge), []byte(base64.RawURLEncoding.EncodeToString(challenge))) != 1 {
		return ErrChallenge
	}
	// A frame in somebody else's page would have its users sign in unawares.
	if !rp.allows(c.Origin) || c.CrossOrigin || c.TopOrigin != "" {
		return ErrOrigin
	}
	return nil
}

// checkAuthenticator is what the authenticator says of the ceremony.
func (rp RelyingParty) checkAuthenticator(d *protocol.AuthenticatorData) error {
	if hash := sha256.Sum256([]byte(rp.ID)); !bytes.Equal(d.RPIDHash, hash[:]) {
		return ErrRelyingParty
	}
	if !d.Flags.UserPresent() || rp.demandsVerification() && !d.Flags.UserVerified() {
		return ErrUser
	}
	if d.Flags.HasBackupState() && !d.Flags.HasBackupEligible() {
		return malformed("a key that cannot be backed up is backed up")
	}
	return nil
}

func (rp RelyingParty) demandsVerification() bool {
	return rp.UserVerification == string(protocol.VerificationRequired)
}
