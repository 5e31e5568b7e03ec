package passkey

import (
	"encoding/base64"

	"github.com/go-json-experiment/json"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// User is for whom a passkey is made.
type User struct {
	ID                []byte // comes back as the user handle; says nothing about the person
	Name, DisplayName string
}

// timeout is how long the browser waits for the user, in milliseconds. It is a
// hint to the browser: how long a challenge lives is its keeper's business.
const timeout = 60_000

// algorithms are what passkeys may sign with, the best first.
var algorithms = []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgRS256}

const publicKey = "public-key"

// descriptor is a PublicKeyCredentialDescriptorJSON.
type descriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports,omitempty"`
}

type parameter struct {
	Type string `json:"type"`
	Alg  int    `json:"alg"`
}

type entity struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName,omitempty"`
}

type selection struct {
	RequireResidentKey bool   `json:"requireResidentKey"`
	ResidentKey        string `json:"residentKey"`
	UserVerification   string `json:"userVerification"`
}

type creationOptions struct {
	RP                     entity       `json:"rp"`
	User                   entity       `json:"user"`
	Challenge              string       `json:"challenge"`
	PubKeyCredParams       []parameter  `json:"pubKeyCredParams"`
	Timeout                int          `json:"timeout"`
	ExcludeCredentials     []descriptor `json:"excludeCredentials"`
	AuthenticatorSelection selection    `json:"authenticatorSelection"`
	Attestation            string       `json:"attestation"`
}

type requestOptions struct {
	Challenge        string       `json:"challenge"`
	Timeout          int          `json:"timeout"`
	RPID             string       `json:"rpId"`
	AllowCredentials []descriptor `json:"allowCredentials"`
	UserVerification string       `json:"userVerification"`
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func descriptors(credentials []Credential) []descriptor {
	list := []descriptor{}
	for _, c := range credentials {
		list = append(list, descriptor{publicKey, text(c.ID), c.Transports})
	}
	return list
}

// CreationOptions are what a browser needs to make a passkey
// (PublicKeyCredentialCreationOptionsJSON). Authenticators that hold one of the
// excluded ones make no other.
func CreationOptions(rp RelyingParty, u User, challenge []byte, exclude []Credential) ([]byte, error) {
	o := creationOptions{RP: entity{ID: rp.ID, Name: rp.Name}, User: entity{text(u.ID), u.Name, u.DisplayName}, Challenge: text(challenge), Timeout: timeout,
		ExcludeCredentials: descriptors(exclude), AuthenticatorSelection: selection{true, "required", rp.UserVerification}, Attestation: "none"}
	for _, a := range algorithms {
		o.PubKeyCredParams = append(o.PubKeyCredParams, parameter{publicKey, int(a)})
	}
	return json.Marshal(o)
}

// RequestOptions are what a browser needs to sign in with one of the
// credentials (PublicKeyCredentialRequestOptionsJSON).
func RequestOptions(rp RelyingParty, challenge []byte, credentials []Credential) (string, error) {
	b, err := json.Marshal(requestOptions{text(challenge), timeout, rp.ID, descriptors(credentials), rp.UserVerification})
	return string(b), err
}
