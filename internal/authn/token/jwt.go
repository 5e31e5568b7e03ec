package token

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

// What is wrong with a token. Callers word it for their clients.
var (
	ErrMalformed = errors.New("not a token of this pool")
	ErrSignature = errors.New("the signature does not verify")
	ErrExpired   = errors.New("the token has expired")
	ErrUse       = errors.New("the token is of another kind")
)

func (i *Issuer) sign(k *key, claims map[string]any) (string, error) {
	if k == nil {
		return "", errNoKeys
	}
	payload, err := json.Marshal(claims, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	text := k.header + "." + encode(payload)
	signature, err := k.signer.Sign(sha256.Sum256([]byte(text)))
	if err != nil {
		return "", err
	}
	return text + "." + encode(signature), nil
}

// Claims are those that the server itself reads. All is the whole payload.
type Claims struct {
	Sub       string `json:"sub"`
	Issuer    string `json:"iss"`
	Audience  string `json:"aud"`
	ClientID  string `json:"client_id"`
	Use       string `json:"token_use"`
	Scope     string `json:"scope"`
	Username  string `json:"username"`
	OriginJTI string `json:"origin_jti"`
	EventID   string `json:"event_id"`
	AuthTime  int64  `json:"auth_time"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	Bound     struct {
		Key string `json:"jkt"`
	} `json:"cnf"` // the key that the token is bound to; "" for most
	PoolID      string `json:"-"`
	payloadText []byte
}

// SessionID names the sign-in that the token comes from.
func (c *Claims) SessionID() string {
	if c.OriginJTI != "" {
		return c.OriginJTI
	}
	return c.EventID // clients without revocation give no origin_jti
}

// All is every claim.
func (c *Claims) All() (map[string]any, error) {
	var m map[string]any
	err := json.Unmarshal(c.payloadText, &m)
	return m, err
}

// maxToken bounds the text of a token, in bytes.
const maxToken = 64 << 10

// PoolOf is the pool that a token says it is from. It is to be believed only
// after Verify.
func (i *Issuer) PoolOf(text string) (string, error) {
	_, rest, ok := strings.Cut(text, ".")
	payload, _, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || len(text) > maxToken {
		return "", ErrMalformed
	}
	if id := i.verified.pool(text); id != "" {
		return id, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return "", ErrMalformed
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return "", ErrMalformed
	}
	id := c.Issuer[strings.LastIndexByte(c.Issuer, '/')+1:]
	if id == "" || c.Issuer != i.URL(id) {
		return "", ErrMalformed
	}
	return id, nil
}

// Verify checks an ID or access token of a pool: form, key, signature, issuer,
// kind ("id" or "access") and expiry. The first part of a token must be one
// that a key of the pool writes, byte for byte, so that no header is ever
// interpreted. Errors: ErrMalformed, ErrSignature, ErrExpired, ErrUse, and
// those of the store. The claims are shared: read them only.
func (i *Issuer) Verify(ctx context.Context, poolID, use, text string) (*Claims, error) {
	if len(text) > maxToken {
		return nil, ErrMalformed
	}
	dot := strings.LastIndexByte(text, '.')
	header, payload, ok := strings.Cut(text[:max(dot, 0)], ".")
	if !ok || strings.Contains(payload, ".") {
		return nil, ErrMalformed
	}
	ks, err := i.keySet(ctx, poolID)
	if err != nil {
		return nil, err
	}
	now := i.config.Now()
	k := ks.byHeader[header]
	if k == nil || !k.standsIn(now) {
		return nil, ErrSignature
	}
	sum := sha256.Sum256([]byte(text))
	c := i.verified.claims(sum, k)
	if c == nil {
		if c, err = i.check(k, poolID, text[:dot], payload, text[dot+1:]); err != nil {
			return nil, err
		}
		i.verified.keep(sum, k, c)
	}
	if c.Use != use || k.TokenUse != use {
		return c, ErrUse
	}
	if now.Unix() >= c.ExpiresAt {
		return c, ErrExpired
	}
	return c, nil
}

// check is the part of Verify that has the same outcome each time: signature
// and form.
func (i *Issuer) check(k *key, poolID, signed, payload, signatureText string) (*Claims, error) {
	signature, err := base64.RawURLEncoding.Strict().DecodeString(signatureText)
	if err != nil {
		return nil, ErrSignature
	}
	sum := sha256.Sum256([]byte(signed))
	if rsa.VerifyPKCS1v15(k.public, crypto.SHA256, sum[:], signature) != nil {
		return nil, ErrSignature
	}
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil, ErrMalformed
	}
	c := &Claims{PoolID: poolID, payloadText: b}
	if err := json.Unmarshal(b, c); err != nil || c.Issuer != i.URL(poolID) {
		return nil, ErrMalformed
	}
	return c, nil
}

// A verifiedCache remembers tokens whose signature was right, by the hash of
// their whole text: a client sends the same token again and again, and the RSA
// verification is a third of what GetUser costs. What changes with time (kind of
// use, expiry, the key's retirement, the session) is looked at each time.
type verifiedCache struct {
	mu     sync.Mutex
	tokens map[[sha256.Size]byte]verified
}

type verified struct {
	key    *key
	claims *Claims
}

// maxVerified bounds the memory, at about a kilobyte each; a full cache is
// begun anew.
const maxVerified = 2048

// claims are those of a token that this key is known to have signed, or nil. A
// key set that was read again has new keys, and so forgets.
func (v *verifiedCache) claims(sum [sha256.Size]byte, k *key) *Claims {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.tokens[sum]; e.key == k {
		return e.claims
	}
	return nil
}

// pool is the pool of a token that was verified before, or "".
func (v *verifiedCache) pool(text string) string {
	sum := sha256.Sum256([]byte(text))
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.tokens[sum]; e.claims != nil {
		return e.claims.PoolID
	}
	return ""
}

func (v *verifiedCache) keep(sum [sha256.Size]byte, k *key, c *Claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tokens == nil || len(v.tokens) >= maxVerified {
		v.tokens = map[[sha256.Size]byte]verified{}
	}
	v.tokens[sum] = verified{k, c}
}
