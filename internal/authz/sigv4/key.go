package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// SigningKey is the key derived from a secret for one day, region and service.
type SigningKey [sha256.Size]byte

// DeriveKey derives a signing key: four HMACs, from which the secret cannot be
// had back. date is yyyymmdd.
func DeriveKey(secret, date, region, service string) SigningKey {
	key := []byte("AWS4" + secret)
	for _, part := range [...]string{date, region, service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return SigningKey(key)
}

// KeyCache remembers derived keys, so that the four HMACs are done once a day
// for each caller, region and service. It is safe for concurrent use and holds
// at most the number of keys it was made for: two generations, of which the
// older is dropped when the younger is half of that. A nil cache derives
// always.
type KeyCache struct {
	half int

	mu     sync.RWMutex
	young  map[cacheKey]cached
	former map[cacheKey]cached
}

type cacheKey struct{ accessKeyID, date, region, service string }

// cached keeps a hash of the secret beside the key: when an access key id gets
// another secret, its old signing keys must not live on.
type cached struct {
	secret [sha256.Size]byte
	key    SigningKey
}

// NewKeyCache makes a cache of at most max keys, some 200 bytes each.
func NewKeyCache(max int) *KeyCache {
	return &KeyCache{half: (max + 1) / 2, young: make(map[cacheKey]cached)}
}

// Key is DeriveKey, remembered.
func (c *KeyCache) Key(accessKeyID, secret, date, region, service string) SigningKey {
	if c == nil {
		return DeriveKey(secret, date, region, service)
	}
	var room [64]byte // keeps the 40 bytes of a secret on the stack
	sum := sha256.Sum256(append(room[:0], secret...))
	id := cacheKey{accessKeyID, date, region, service}
	c.mu.RLock()
	entry, isYoung := c.young[id]
	known := isYoung
	if !isYoung {
		entry, known = c.former[id]
	}
	c.mu.RUnlock()
	if known && subtle.ConstantTimeCompare(entry.secret[:], sum[:]) == 1 {
		if isYoung {
			return entry.key
		}
	} else {
		entry = cached{secret: sum, key: DeriveKey(secret, date, region, service)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.half {
		c.former, c.young = c.young, make(map[cacheKey]cached, c.half)
	}
	c.young[id] = entry
	return entry.key
}
