package kinesis

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sort"
	"sync"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// settings are what a stream has beside its shards.
type settings struct {
	Mode      kinesis.StreamMode
	Retention int                   // hours
	KeyId     string                `json:",omitzero"` // with EncryptionType KMS
	Metrics   []kinesis.MetricsName `json:",omitzero"`
	Tags      map[string]string     `json:",omitzero"`
	Policy    string                `json:",omitzero"`
}

func (set *settings) text() (string, error) {
	b, err := json.Marshal(set)
	return string(b), err
}

// encryption is what answers say of a stream's encryption.
func (set *settings) encryption() kinesis.EncryptionType {
	if set.KeyId != "" {
		return kinesis.EncryptionTypeKms
	}
	return kinesis.EncryptionTypeNone
}

// marked is the EncryptionType of an answer about records, which says nothing
// where there is none.
func (set *settings) marked() *kinesis.EncryptionType {
	if set.KeyId == "" {
		return nil
	}
	return new(kinesis.EncryptionTypeKms)
}

// stream is a stream as it was read. It is never changed once others see it.
type stream struct {
	*store.Stream
	set    settings
	shards []*store.Shard   // by number
	open   []*store.Shard   // by their ranges, which leave no gap
	policy *policy.Document // nil: none
}

func newStream(row *store.Stream, shards []*store.Shard) (*stream, error) {
	st := &stream{Stream: row, shards: shards}
	if err := json.Unmarshal([]byte(row.Settings), &st.set); err != nil {
		return nil, err
	}
	if st.set.Tags == nil {
		st.set.Tags = map[string]string{}
	}
	if st.set.Policy != "" {
		var err error
		if st.policy, err = policy.Parse(st.set.Policy, policy.ResourceKind); err != nil {
			return nil, err // it parsed when it was put
		}
	}
	for _, h := range shards {
		if h.ClosedAt.IsZero() {
			st.open = append(st.open, h)
		}
	}
	slices.SortFunc(st.open, func(a, b *store.Shard) int { return bytes.Compare(a.FirstHash, b.FirstHash) })
	return st, nil
}

// holder is the open shard that holds a hash key, or nil when there is none: the
// stream is being deleted.
func (st *stream) holder(key hashKey) *store.Shard {
	i := sort.Search(len(st.open), func(i int) bool { return bytes.Compare(st.open[i].FirstHash, key[:]) > 0 })
	if i == 0 {
		return nil
	}
	return st.open[i-1]
}

// shard is the shard of a number, or nil.
func (st *stream) shard(number int64) *store.Shard {
	for _, h := range st.shards {
		if h.Number == number {
			return h
		}
	}
	return nil
}

// cache keeps streams in memory until the configuration changes on any node:
// store.Generation. What is read from it may be half a second old on another
// node than the one that changed it. That is safe for writing: a shard that was
// closed or deleted meanwhile gives no sequence numbers (lane.go).
type cache struct {
	mu         sync.Mutex
	generation uint64
	streams    map[string]*stream // region/name
}

// maxCached bounds the cache; a full one is begun anew.
const maxCached = 10_000

// lookUp is a stream, perhaps from the cache, or ResourceNotFoundException.
func (s *Service) lookUp(ctx context.Context, region, name string) (*stream, error) {
	key, g := region+"/"+name, s.DB.Generation()
	s.cache.mu.Lock()
	if s.cache.generation != g || s.cache.streams == nil || len(s.cache.streams) > maxCached {
		s.cache.generation, s.cache.streams = g, map[string]*stream{}
	}
	st := s.cache.streams[key]
	s.cache.mu.Unlock()
	if st != nil {
		return st, nil
	}
	return s.refresh(ctx, region, name, g)
}

// refresh reads a stream past the cache and keeps it there.
func (s *Service) refresh(ctx context.Context, region, name string, g uint64) (st *stream, err error) {
	if err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		st, err = s.load(tx, region, name)
		return err
	}); err != nil {
		return nil, err
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	// What was read before a change must not survive it, and a stream that goes is
	// not to hide the next one of its name.
	if st.Status == active && s.cache.generation == g && s.DB.Generation() == g && s.cache.streams != nil {
		s.cache.streams[region+"/"+name] = st
	}
	return st, nil
}
