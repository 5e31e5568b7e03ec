package passkey

import (
	"bytes"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
)

// VerifyAssertion verifies the answer to RequestOptions
// (AuthenticationResponseJSON). It returns the credential that was used, with
// the sign count and the backup flag to keep from now on, and whether the
// authenticator knew the user.
func VerifyAssertion(rp RelyingParty, challenge []byte, credentials []Credential, response string) (used *Credential, userVerified bool, err error) {
	p, err := parseAssertion([]byte(response))
	if err != nil {
		return nil, false, err
	}
	for _, c := range credentials {
		if bytes.Equal(c.ID, p.RawID) {
			used = &c
		}
	}
	if used == nil {
		return nil, false, ErrCredential
	}
	if handle := p.Response.UserHandle; len(handle) > 0 && used.UserHandle != nil && !bytes.Equal(handle, used.UserHandle) {
		return nil, false, ErrCredential
	}
	client, d := &p.Response.CollectedClientData, &p.Response.AuthenticatorData
	if err := rp.checkClient(client, protocol.AssertCeremony, challenge); err != nil {
		return nil, false, err
	}
	if err := rp.checkAuthenticator(d); err != nil {
		return nil, false, err
	}
	if d.Flags.HasBackupEligible() != used.BackupEligible {
		return nil, false, malformed("whether a key can be backed up does not change")
	}
	// The library goes through all steps of section 7.2 once more; what is left
	// of them here is the signature.
	if err := p.Verify(client.Challenge, rp.ID, "", []string{client.Origin}, nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		rp.demandsVerification(), true, used.PublicKey, protocol.SignaturePolicy{}); err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	// Authenticators without a counter say 0 for ever (section 6.1.1).
	if (d.Counter != 0 || used.SignCount != 0) && d.Counter <= used.SignCount {
		return nil, false, ErrSignCount
	}
	used.SignCount, used.BackedUp = d.Counter, d.Flags.HasBackupState()
	return used, d.Flags.UserVerified(), nil
}

func parseAssertion(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	var r struct {
		answer
		Response struct {
			ClientDataJSON    protocol.URLEncodedBase64 `json:"clientDataJSON"`
			AuthenticatorData protocol.URLEncodedBase64 `json:"authenticatorData"`
			Signature         protocol.URLEncodedBase64 `json:"signature"`
			UserHandle        protocol.URLEncodedBase64 `json:"userHandle"`
		} `json:"response"`
	}
	if err := decode(response, &r); err != nil {
		return nil, err
	}
	p, err := protocol.CredentialAssertionResponse{PublicKeyCredential: r.credential(), AssertionResponse: protocol.AuthenticatorAssertionResponse{
		AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: r.Response.ClientDataJSON},
		AuthenticatorData:     r.Response.AuthenticatorData, Signature: r.Response.Signature, UserHandle: r.Response.UserHandle}}.Parse()
	if err != nil {
		return nil, malformed("%v", err)
	}
	return p, nil
}
