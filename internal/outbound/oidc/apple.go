package oidc

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// SecretKey makes the client secret of a party at Apple, which is a text that the
// party signs (Sign in with Apple REST API, "Creating a client secret").
type SecretKey struct {
	TeamID, KeyID string
	PrivateKey    string // PKCS #8, in PEM or its base64 alone
}

// secretLife is how long a secret that was made is good for: one request.
const secretLife = 5 * time.Minute

// secretOf is what the party shows at the token endpoint.
func (v *Verifier) secretOf(p *Party) (string, error) {
	k := p.SecretKey
	if k == nil {
		return p.Secret, nil
	}
	private, err := k.parse()
	if err != nil {
		return "", &Fault{serverError, "The private key of " + p.Name + " cannot be used.", err}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, (&jose.SignerOptions{}).WithHeader("kid", k.KeyID))
	if err != nil {
		return "", &Fault{serverError, "The private key of " + p.Name + " cannot be used.", err}
	}
	now := v.config.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{Issuer: k.TeamID, Subject: p.ClientID, Audience: jwt.Audience{p.Issuer}, IssuedAt: jwt.NewNumericDate(now),
		Expiry: jwt.NewNumericDate(now.Add(secretLife))}).Serialize()
}

func (k *SecretKey) parse() (*ecdsa.PrivateKey, error) {
	var der []byte
	if block, _ := pem.Decode([]byte(k.PrivateKey)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(k.PrivateKey), "")); err != nil {
			return nil, err
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is no key of an elliptic curve")
	}
	return private, nil
}
