package identitypool

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/internal/store"
)

// AWSIssuer is the issuer of the tokens of every identity pool at AWS. They are
// told apart by aud, which is the pool.
const AWSIssuer = "https://cognito-identity.amazonaws.com"

// Provider is the name by which trust policies know it.
const Provider = "cognito-identity.amazonaws.com"

// openIDLife is how long a token of GetOpenIdToken lives.
const openIDLife = 10 * time.Minute

// A new key stands in the key set for publishAhead before it signs, so that
// verifiers who cache the set know it by then. An old one stays for longestToken
// (the most of TokenDuration) after it has signed for the last time.
const (
	publishAhead = time.Hour
	longestToken = 24 * time.Hour
)

// claims of an identity's OpenID token (identity-pools.md, section 6).
type claims struct {
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	AMR       []string `json:"amr"`
	Issuer    string   `json:"iss"`
	PoolARN   string   `json:"https://cognito-identity.amazonaws.com/identity-pool-arn"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	Tags      *tags    `json:"https://aws.amazon.com/tags,omitempty"`
}

// tags are the principal tags of a token, of one value each (IAM user guide,
// "Passing session tags using AssumeRoleWithWebIdentity").
type tags struct {
	Principal map[string][]string `json:"principal_tags"`
}

// keys are the signing keys, made when the first token is asked for.
type keys struct {
	mu         sync.Mutex
	generation uint64
	list       []signingKey
}

type signingKey struct {
	kid              string
	private          *rsa.PrivateKey
	signsFrom, until time.Time // until is zero for the youngest
}

// signingKeys are the keys, the youngest first; one is made if there is none.
func (s *Service) signingKeys(ctx context.Context) ([]signingKey, error) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if g := s.DB.Generation(); s.keys.generation == g && len(s.keys.list) > 0 {
		return s.keys.list, nil
	}
	g := s.DB.Generation()
	rows, err := s.readKeys(ctx)
	if err == nil && len(rows) == 0 {
		if err = s.makeKey(ctx, 1); err == nil {
			rows, err = s.readKeys(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	list := make([]signingKey, 0, len(rows))
	for _, r := range rows {
		k, err := x509.ParsePKCS1PrivateKey(r.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("identity signing key %s: %w", r.KID, err)
		}
		list = append(list, signingKey{kid: r.KID, private: k, signsFrom: r.CreatedAt.Add(publishAhead)})
		if n := len(list); n > 1 {
			list[n-1].until = list[n-2].signsFrom.Add(longestToken)
		}
	}
	s.keys.generation, s.keys.list = g, list
	return list, nil
}

func (s *Service) readKeys(ctx context.Context) (rows []store.IdentityKey, err error) {
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		rows, err = store.IdentityKeys(tx)
		return err
	})
	return rows, err
}

// makeKey adds a key, the n-th of this server.
func (s *Service) makeKey(ctx context.Context, n int) error {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		return store.InsertIdentityKey(tx, &store.IdentityKey{KID: s.Region + "-" + strconv.Itoa(n), PrivateKey: x509.MarshalPKCS1PrivateKey(k), CreatedAt: tx.Now})
	})
	if errors.Is(err, store.ErrConflict) {
		return nil // another node made it
	}
	return err
}

// RotateOpenIDKeys adds a key: published at once, it signs after an hour. Keys
// whose last token has ended are removed.
func (s *Service) RotateOpenIDKeys(ctx context.Context) error {
	list, err := s.signingKeys(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, k := range list {
		number, err := strconv.Atoi(k.kid[strings.LastIndexByte(k.kid, '-')+1:])
		if err != nil {
			return fmt.Errorf("identity signing key %s has no number: %w", k.kid, err)
		}
		n = max(n, number)
	}
	if err := s.makeKey(ctx, n+1); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		for _, k := range list {
			if k.stands(tx.Now) {
				continue
			}
			if err := store.DeleteIdentityKey(tx, k.kid); err != nil {
				return err
			}
		}
		return nil
	})
}

// stands reports whether a key is in the key set.
func (k *signingKey) stands(now time.Time) bool { return k.until.IsZero() || now.Before(k.until) }

// signs is the key that signs now: the youngest that was published long enough.
// The first key of a server is the only one, and does not wait.
func signs(list []signingKey, now time.Time) *signingKey {
	for i := range list {
		if !now.Before(list[i].signsFrom) {
			return &list[i]
		}
	}
	return &list[len(list)-1]
}

// mint makes the OpenID token of an identity.
func (s *Service) mint(ctx context.Context, id *WebIdentity, life time.Duration) (string, error) {
	list, err := s.signingKeys(ctx)
	if err != nil {
		return "", err
	}
	k := signs(list, s.Now())
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS512, Key: jose.JSONWebKey{Key: k.private, KeyID: k.kid}},
		(&jose.SignerOptions{}).WithType("JWS"))
	if err != nil {
		return "", err
	}
	now := s.Now()
	c := claims{Subject: id.IdentityID, Audience: id.PoolID, AMR: id.AMR, Issuer: s.Issuer, PoolARN: s.arn(id.PoolID),
		ExpiresAt: now.Add(life).Unix(), IssuedAt: now.Unix()}
	if len(id.Tags) > 0 {
		c.Tags = &tags{map[string][]string{}}
		for k, v := range id.Tags {
			c.Tags.Principal[k] = []string{v}
		}
	}
	return jwt.Signed(signer).Claims(c).Serialize()
}

// What is wrong with an OpenID token.
var (
	ErrNotJWT    = errors.New("not a JWT")
	ErrNotOurs   = errors.New("not a token of an identity pool here")
	ErrExpired   = errors.New("the token has expired")
	errSignature = fmt.Errorf("%w: the signature does not verify", ErrNotOurs)
)

// Issuer is the iss claim of a token, not to be believed: it says who should
// verify it. ErrNotJWT.
func Issuer(text string) (string, error) {
	if !isJWT(text) {
		return "", ErrNotJWT
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if err != nil {
		return "", ErrNotJWT
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return "", ErrNotJWT
	}
	return c.Issuer, nil
}

// VerifyOpenID verifies a token of GetOpenIdToken: ErrNotOurs, ErrExpired. It
// returns the identity and when the token ends.
func (s *Service) VerifyOpenID(ctx context.Context, text string) (*WebIdentity, time.Time, error) {
	if !isJWT(text) {
		return nil, time.Time{}, ErrNotOurs
	}
	t, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS512})
	if err != nil || len(t.Headers) != 1 {
		return nil, time.Time{}, ErrNotOurs
	}
	list, err := s.signingKeys(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	var c claims
	verified := false
	for _, k := range list {
		if k.stands(s.Now()) && k.kid == t.Headers[0].KeyID && t.Claims(&k.private.PublicKey, &c) == nil {
			verified = true
		}
	}
	if !verified {
		return nil, time.Time{}, errSignature
	}
	expires := time.Unix(c.ExpiresAt, 0)
	if c.Issuer != s.Issuer || c.Subject == "" || c.Audience == "" {
		return nil, expires, ErrNotOurs
	}
	if !s.Now().Before(expires) {
		return nil, expires, ErrExpired
	}
	id := &WebIdentity{PoolID: c.Audience, IdentityID: c.Subject, AMR: c.AMR}
	if c.Tags != nil {
		id.Tags = map[string]string{}
		for k, v := range c.Tags.Principal {
			if len(v) == 1 {
				id.Tags[k] = v[0]
			}
		}
	}
	return id, expires, nil
}

// OpenIDKeys is the key set of the OpenID tokens, for /.well-known/jwks_uri
// under their issuer.
func (s *Service) OpenIDKeys(ctx context.Context) ([]map[string]string, error) {
	list, err := s.signingKeys(ctx)
	if err != nil {
		return nil, err
	}
	set := make([]map[string]string, 0, len(list))
	for _, k := range list {
		if !k.stands(s.Now()) {
			continue
		}
		p := k.private.Public().(*rsa.PublicKey)
		set = append(set, map[string]string{"kty": "RSA", "alg": "RS512", "use": "sig", "kid": k.kid,
			"n": base64.RawURLEncoding.EncodeToString(p.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(p.E)).Bytes())})
	}
	return set, nil
}
