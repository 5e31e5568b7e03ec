package passkey

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/google/uuid"
)

// answer is what both ceremonies' JSON says first. What extensions say is not
// read: none was asked for.
type answer struct {
	ID         string                    `json:"id"`
	RawID      protocol.URLEncodedBase64 `json:"rawId"`
	Type       string                    `json:"type"`
	Attachment string                    `json:"authenticatorAttachment"`
}

func (a *answer) credential() protocol.PublicKeyCredential {
	return protocol.PublicKeyCredential{Credential: protocol.Credential{ID: a.ID, Type: a.Type}, RawID: a.RawID, AuthenticatorAttachment: a.Attachment}
}

// decode reads an answer's JSON.
func decode(response []byte, v any) error {
	if len(response) > maxAnswer {
		return malformed("%d bytes are too many", len(response))
	}
	if err := json.Unmarshal(response, v); err != nil {
		return malformed("%v", err)
	}
	return nil
}

// VerifyRegistration verifies the answer to CreationOptions
// (RegistrationResponseJSON) and returns the new passkey, without a user
// handle. Whether somebody has it already is for the caller to see.
//
// None asked for an attestation, so a statement that comes is not looked at: it
// decides nothing, and what verifies it parses certificates of strangers.
func VerifyRegistration(rp RelyingParty, challenge, response []byte) (*Credential, error) {
	p, err := parseRegistration(response)
	if err != nil {
		return nil, err
	}
	if err := rp.checkClient(&p.Response.CollectedClientData, protocol.CreateCeremony, challenge); err != nil {
		return nil, err
	}
	d := &p.Response.AttestationObject.AuthData
	if err := rp.checkAuthenticator(d); err != nil {
		return nil, err
	}
	if !bytes.Equal(p.RawID, d.AttData.CredentialID) {
		return nil, malformed("the client and the authenticator name different credentials")
	}
	if err := checkKey(d.AttData.CredentialPublicKey); err != nil {
		return nil, err
	}
	c := &Credential{ID: p.RawID, PublicKey: d.AttData.CredentialPublicKey, SignCount: d.Counter, Attachment: string(p.AuthenticatorAttachment),
		UserVerified: d.Flags.UserVerified(), BackupEligible: d.Flags.HasBackupEligible(), BackedUp: d.Flags.HasBackupState()}
	for _, t := range p.Response.Transports {
		c.Transports = append(c.Transports, string(t))
	}
	model, err := uuid.FromBytes(d.AttData.AAGUID)
	if err != nil {
		return nil, malformed("AAGUID: %v", err)
	}
	c.AAGUID = model.String()
	return c, nil
}

// maxTransports is more than there are.
const maxTransports = 16

func parseRegistration(response []byte) (*protocol.ParsedCredentialCreationData, error) {
	var r struct {
		answer
		Response struct {
			ClientDataJSON    protocol.URLEncodedBase64 `json:"clientDataJSON"`
			AttestationObject protocol.URLEncodedBase64 `json:"attestationObject"`
			Transports        []string                  `json:"transports"`
		} `json:"response"`
	}
	if err := decode(response, &r); err != nil {
		return nil, err
	}
	if len(r.Response.Transports) > maxTransports {
		return nil, malformed("%d transports are too many", len(r.Response.Transports))
	}
	for _, t := range r.Response.Transports {
		if t == "" || len(t) > 32 || strings.Trim(t, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return nil, malformed("%.32q is no transport", t)
		}
	}
	p, err := protocol.CredentialCreationResponse{PublicKeyCredential: r.credential(), AttestationResponse: protocol.AuthenticatorAttestationResponse{
		AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: r.Response.ClientDataJSON},
		AttestationObject:     r.Response.AttestationObject, Transports: r.Response.Transports}}.Parse()
	if err != nil {
		return nil, malformed("%v", err)
	}
	return p, nil
}

const (
	maxKey         = 1 << 10 // bytes of a COSE_Key; RSA of 4096 bits has 530
	minRSA, maxRSA = 2048, 4096
	rsaExponent    = 65537
)

// checkKey refuses keys that were not asked for, and RSA keys that are weak or
// slow to verify with.
func checkKey(cose []byte) error {
	if len(cose) > maxKey {
		return fmt.Errorf("%w: a key of %d bytes", ErrUnsupported, len(cose))
	}
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	switch k := key.(type) {
	case webauthncose.EC2PublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgES256) {
			return nil
		}
	case webauthncose.RSAPublicKeyData:
		bits := new(big.Int).SetBytes(k.Modulus).BitLen()
		e := new(big.Int).SetBytes(k.Exponent)
		if k.Algorithm == int64(webauthncose.AlgRS256) && bits >= minRSA && bits <= maxRSA && e.IsInt64() && e.Int64() == rsaExponent {
			return nil
		}
	}
	return ErrUnsupported
}
