// Package dpop checks proofs that a client holds a key (RFC 9449): a small
// signed text with each request, made for that request alone.
//
// What a newcomer gets wrong: the key comes inside the proof, so a proof that
// verifies says nothing by itself. It counts when its key is the one that a
// token is bound to, and once: who spends its ID is the caller.
package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms are those that a proof may be signed with, by their names in JWA.
var Algorithms = []string{"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"}

// Window is how far the time of a proof may be from the server's, either way.
// It is generous to clocks that are wrong: a proof counts once in any case.
const Window = 5 * time.Minute

// The limits of a proof.
const (
	maxProof = 8 << 10 // bytes
	maxID    = 256     // bytes of jti
	minRSA   = 2048    // bits
	maxRSA   = 4096    // bits
)

// Request is what a proof must be for.
type Request struct {
	Method string
	// URLs are the addresses of the endpoint, any of which it may name; query
	// and fragment do not count.
	URLs []string
	// Token is the access token that comes with the proof; "" without.
	Token string
}

// Proof is what a proof shows.
type Proof struct {
	Key       string    // the RFC 7638 thumbprint of the key: SHA-256, base64url
	ID        string    // names the proof among those of its key; a hash, 43 characters
	ExpiresAt time.Time // when the proof is too old, and its ID may be forgotten
}

// A fault is what is wrong with a proof, in words for the client's maker.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errForm      fault = "The DPoP proof is not a JWT with typ dpop+jwt, an asymmetric alg and a public jwk."
	errKey       fault = "The key of the DPoP proof cannot be used: RSA keys must have 2048 to 4096 bits."
	errSignature fault = "The signature of the DPoP proof does not verify."
	errClaims    fault = "The DPoP proof must have the claims jti, htm, htu and iat."
	errMethod    fault = "The DPoP proof is for another method: see htm."
	errURL       fault = "The DPoP proof is for another address: see htu."
	errTime      fault = "The DPoP proof is too old, or from the future: see iat."
	errToken     fault = "The DPoP proof is for another access token: see ath."
)

type claims struct {
	ID     string   `json:"jti"`
	Method string   `json:"htm"`
	URL    string   `json:"htu"`
	Issued *float64 `json:"iat"`
	Hash   string   `json:"ath"`
}

// Verify checks a proof for a request at a time (RFC 9449, section 4.3, all but
// the nonce, which this server does not ask for). Its errors can be shown.
func Verify(text string, r *Request, now time.Time) (*Proof, error) {
	if len(text) > maxProof {
		return nil, errForm
	}
	algorithms := make([]jose.SignatureAlgorithm, len(Algorithms))
	for i, a := range Algorithms {
		algorithms[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, errForm
	}
	header := signed.Signatures[0].Protected
	typ, _ := header.ExtraHeaders["typ"].(string)
	key := header.JSONWebKey
	if !strings.EqualFold(typ, "dpop+jwt") || key == nil || !key.Valid() || !key.IsPublic() {
		return nil, errForm
	}
	if !usable(key.Key) {
		return nil, errKey
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, errSignature
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil || c.ID == "" || len(c.ID) > maxID || c.Method == "" || c.URL == "" || c.Issued == nil {
		return nil, errClaims
	}
	issued := time.Unix(0, 0).Add(time.Duration(*c.Issued) * time.Second)
	switch {
	case c.Method != r.Method:
		return nil, errMethod
	case !slices.ContainsFunc(r.URLs, func(u string) bool { return sameAddress(u, c.URL) }):
		return nil, errURL
	case *c.Issued < 0 || *c.Issued > 1<<32, issued.Before(now.Add(-Window)), issued.After(now.Add(Window)):
		return nil, errTime
	case r.Token != "" && subtle.ConstantTimeCompare([]byte(hash(r.Token)), []byte(c.Hash)) != 1:
		return nil, errToken
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, errKey
	}
	p := &Proof{Key: base64.RawURLEncoding.EncodeToString(thumbprint), ExpiresAt: issued.Add(Window)}
	p.ID = hash(p.Key + " " + c.ID)
	return p, nil
}

// usable reports whether a key is of a kind and size that can be checked at a
// bounded cost.
func usable(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA && k.E <= 1<<31-1
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sameAddress compares two addresses without query and fragment: scheme and
// host ignore case, standard ports are those of their scheme, the path counts
// letter for letter.
func sameAddress(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil {
		return false
	}
	y, err := url.Parse(b)
	return err == nil && strings.EqualFold(x.Scheme, y.Scheme) && strings.EqualFold(host(x), host(y)) && x.EscapedPath() == y.EscapedPath() && y.User == nil
}

func host(u *url.URL) string {
	switch port := u.Port(); {
	case port == "443" && strings.EqualFold(u.Scheme, "https"), port == "80" && strings.EqualFold(u.Scheme, "http"):
		return strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.Host
}

// IsThumbprint reports whether a text can be the thumbprint of a key.
func IsThumbprint(text string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(b) == sha256.Size
}
