package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// bucket is a bucket's row and its settings, parsed once and shared by the
// requests that follow until a setting changes. It is never written to.
type bucket struct {
	row *store.Bucket

	acl          acl
	ownership    string // empty: no ownership controls, which act as ObjectWriter
	publicAccess publicAccessBlock
	hasPAB       bool // a configuration exists, whatever it says
	policy       *policy.Document
	policyPublic bool
	cors         *corsConfiguration
	website      *websiteConfiguration
	lifecycle    *lifecycleConfiguration
	versioning   string // "", Enabled or Suspended

	upstream *Upstream // where its objects live; nil: here
}

// The kinds of settings, as rows of the store.
const (
	settingACL          = "acl"
	settingOwnership    = "ownership"
	settingPublicAccess = "publicaccess"
	settingPolicy       = "policy"
	settingCORS         = "cors"
	settingWebsite      = "website"
	settingTagging      = "tagging"
	settingVersioning   = store.SettingVersioning
	settingEncryption   = "encryption"
	settingLifecycle    = "lifecycle"
)

// parseBucket reads the settings of a bucket. A setting that does not parse is
// an error, never skipped: a policy that is not understood may hold a Deny.
func parseBucket(row *store.Bucket) (*bucket, error) {
	b := &bucket{row: row}
	for kind, body := range row.Settings {
		var err error
		switch kind {
		case settingACL:
			err = json.Unmarshal([]byte(body), &b.acl)
		case settingOwnership:
			b.ownership = body
		case settingPublicAccess:
			b.hasPAB = true
			err = json.Unmarshal([]byte(body), &b.publicAccess)
		case settingPolicy:
			b.policy, b.policyPublic, err = parseBucketPolicy(row.Name, []byte(body))
		case settingCORS:
			b.cors = new(corsConfiguration)
			err = parseXML([]byte(body), b.cors)
		case settingWebsite:
			b.website = new(websiteConfiguration)
			err = parseXML([]byte(body), b.website)
		case settingLifecycle:
			b.lifecycle = new(lifecycleConfiguration)
			err = parseXML([]byte(body), b.lifecycle)
		case settingVersioning:
			b.versioning = body
		}
		if err != nil {
			return nil, fmt.Errorf("setting %s of bucket %s: %w", kind, row.Name, err)
		}
	}
	return b, nil
}

func (b *bucket) region() string { return b.row.Region }

func (b *bucket) arn() string { return bucketARN(b.row.Name) }

func bucketARN(name string) string { return "arn:aws:s3:::" + name }

func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

const (
	ownerEnforced  = "BucketOwnerEnforced"
	ownerPreferred = "BucketOwnerPreferred"
	objectWriter   = "ObjectWriter"
)

// enforced says that ACLs are off. Nobody here knows those of objects that live
// elsewhere.
func (b *bucket) enforced() bool { return b.upstream != nil || b.ownership == ownerEnforced }

// publicAccessBlock is Block Public Access (AWS: "Blocking public access to
// your Amazon S3 storage"). The zero value blocks nothing.
type publicAccessBlock struct {
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

// bucketCache keeps parsed buckets for as long as the configuration's
// generation stands still. Every change of a bucket or setting moves it.
type bucketCache struct {
	mu         sync.Mutex
	generation uint64
	buckets    map[string]*bucket
}

// maxCached bounds the cache; beyond it, it starts anew.
const maxCached = 4096

func (c *bucketCache) get(generation uint64, name string) *bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return nil
	}
	return c.buckets[name]
}

func (c *bucketCache) put(generation uint64, b *bucket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation < c.generation {
		return
	}
	if generation != c.generation || c.buckets == nil || len(c.buckets) >= maxCached {
		c.generation, c.buckets = generation, make(map[string]*bucket)
	}
	c.buckets[b.row.Name] = b
}

// bucket finds a bucket; nil when there is none of the name.
func (s *Service) bucket(ctx context.Context, name string) (*bucket, error) {
	generation := s.db.Generation()
	if b := s.buckets.get(generation, name); b != nil {
		return b, nil
	}
	if !validBucketName(name) {
		return nil, nil
	}
	var row *store.Bucket
	err := s.db.Read(ctx, func(tx *store.Tx) (err error) {
		row, err = store.BucketByName(tx, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := parseBucket(row)
	if err != nil {
		return nil, err
	}
	b.upstream = s.upstreams[name]
	s.buckets.put(generation, b)
	return b, nil
}

// object finds a version of an object, by default the newest; nil when there
// is none. It may be a delete marker.
func (s *Service) object(ctx context.Context, bucket, key, version string) (o *store.Object, err error) {
	err = s.db.Read(ctx, func(tx *store.Tx) (err error) {
		o, err = store.ObjectByVersion(tx, bucket, key, version)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return o, err
}
