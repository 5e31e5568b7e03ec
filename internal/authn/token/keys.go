package token

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"gatehouse/internal/engine"
	"gatehouse/internal/store"
)

// publishAhead is how long a new key stands in the key set before it signs, so
// that verifiers who cache the set know it by then.
const publishAhead = time.Hour

// longestToken is the longest life of an ID or access token: how long a key
// stays in the key set after it has signed for the last time.
const longestToken = 24 * time.Hour

// key is a signing key, ready to sign and to verify.
type key struct {
	store.SigningKey
	header string // the whole first part of each of its tokens
	signer engine.Signer
	public *rsa.PublicKey
}

type keySet struct {
	keys     []*key // the youngest first
	byHeader map[string]*key
}

// keyCache holds key sets by pool until any configuration changes.
type keyCache struct {
	mu         sync.Mutex
	generation uint64
	pools      map[string]*keySet
}

type spareKey struct{ private *rsa.PrivateKey }

// KeepSpares makes RSA keys ahead, so that a new pool does not wait for them.
// It returns when ctx ends.
func (i *Issuer) KeepSpares(ctx context.Context) {
	for ctx.Err() == nil {
		k, err := i.config.Engine.GenerateKey()
		if err != nil {
			return // newKey will meet the same error and report it
		}
		select {
		case i.spare <- &spareKey{k}:
		case <-ctx.Done():
		}
	}
}

// newKey takes a spare key or makes one.
func (i *Issuer) newKey() (*rsa.PrivateKey, error) {
	select {
	case s := <-i.spare:
		return s.private, nil
	default:
		return i.config.Engine.GenerateKey()
	}
}

// NewKeys makes the two keys of a pool: one signs ID tokens, the other access
// tokens. The caller stores them in the transaction that makes the pool.
func (i *Issuer) NewKeys(poolID string, signsFrom time.Time) ([]*store.SigningKey, error) {
	var list []*store.SigningKey
	for _, use := range []string{"id", "access"} {
		k, err := i.newKey()
		if err != nil {
			return nil, fmt.Errorf("make a signing key: %w", err)
		}
		public := x509.MarshalPKCS1PublicKey(&k.PublicKey)
		sum := sha256.Sum256(public)
		list = append(list, &store.SigningKey{PoolID: poolID, KID: base64.StdEncoding.EncodeToString(sum[:]), TokenUse: use,
			PrivateKey: x509.MarshalPKCS1PrivateKey(k), PublicKey: public, CreatedAt: i.config.Now(), SignsFrom: signsFrom})
	}
	return list, nil
}

// Rotate adds a pair of keys to a pool. They are published at once, sign after
// an hour, and the old ones leave the key set when the last token that they
// signed has ended.
func (i *Issuer) Rotate(ctx context.Context, poolID string) error {
	from := i.config.Now().Add(publishAhead)
	fresh, err := i.NewKeys(poolID, from)
	if err != nil {
		return err
	}
	return i.config.DB.Write(ctx, func(tx *store.Tx) error {
		old, err := store.SigningKeys(tx, poolID)
		if err != nil {
			return err
		}
		for n := range old {
			switch k := &old[n]; {
			case !k.RetiredAt.IsZero() && k.RetiredAt.Before(tx.Now):
				err = store.DeleteSigningKey(tx, poolID, k.KID)
			case k.RetiredAt.IsZero():
				k.RetiredAt = from.Add(longestToken)
				err = store.PutSigningKey(tx, k)
			}
			if err != nil {
				return err
			}
		}
		for _, k := range fresh {
			if err := store.PutSigningKey(tx, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// keySet is the pool's keys.
func (i *Issuer) keySet(ctx context.Context, poolID string) (*keySet, error) {
	g := i.config.DB.Generation()
	i.keys.mu.Lock()
	if i.keys.generation != g {
		i.keys.generation, i.keys.pools = g, map[string]*keySet{}
	}
	ks := i.keys.pools[poolID]
	i.keys.mu.Unlock()
	if ks != nil {
		return ks, nil
	}
	var rows []store.SigningKey
	if err := i.config.DB.Read(ctx, func(tx *store.Tx) (err error) {
		rows, err = store.SigningKeys(tx, poolID)
		return err
	}); err != nil {
		return nil, err
	}
	ks = &keySet{byHeader: map[string]*key{}}
	for _, row := range rows {
		private, err := x509.ParsePKCS1PrivateKey(row.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("signing key %s of pool %s: %w", row.KID, poolID, err)
		}
		signer, err := i.config.Engine.Signer(private)
		if err != nil {
			return nil, fmt.Errorf("signing key %s of pool %s: %w", row.KID, poolID, err)
		}
		k := &key{SigningKey: row, signer: signer, public: &private.PublicKey,
			header: encode([]byte(`{"kid":"` + row.KID + `","alg":"RS256"}`))}
		ks.keys = append(ks.keys, k)
		ks.byHeader[k.header] = k
	}
	if len(ks.keys) == 0 {
		return nil, errNoKeys
	}
	i.keys.mu.Lock()
	defer i.keys.mu.Unlock()
	if i.keys.generation == g && i.config.DB.Generation() == g {
		i.keys.pools[poolID] = ks
	}
	return ks, nil
}

var errNoKeys = errors.New("the pool has no signing keys")

// current is the youngest key that signs already.
func (ks *keySet) current(use string, now time.Time) *key {
	for _, k := range ks.keys {
		if k.TokenUse == use && !k.SignsFrom.After(now) {
			return k
		}
	}
	return nil
}

func (k *key) standsIn(now time.Time) bool { return k.RetiredAt.IsZero() || k.RetiredAt.After(now) }

// JWK is a public key in a key set, with exactly the members that Cognito
// gives.
type JWK struct {
	Alg string `json:"alg"`
	E   string `json:"e"`
	Kid string `json:"kid"`
	Kty string `json:"kty"`
	N   string `json:"n"`
	Use string `json:"use"`
}

// KeySet is a pool's public keys: those that sign, those that will, and those
// whose tokens may still be valid.
func (i *Issuer) KeySet(ctx context.Context, poolID string) ([]JWK, error) {
	ks, err := i.keySet(ctx, poolID)
	if err != nil {
		return nil, err
	}
	list := []JWK{}
	for _, k := range ks.keys {
		if k.standsIn(i.config.Now()) {
			list = append(list, JWK{Alg: "RS256", E: encode(big.NewInt(int64(k.public.E)).Bytes()), Kid: k.KID, Kty: "RSA", N: encode(k.public.N.Bytes()), Use: "sig"})
		}
	}
	return list, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
