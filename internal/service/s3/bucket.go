package s3

import (
	"encoding/json"
	"fmt"

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
	versioning   string // "" or Suspended
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
	settingVersioning   = "versioning"
	settingEncryption   = "encryption"
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

// enforced says that ACLs are off.
func (b *bucket) enforced() bool { return b.ownership == ownerEnforced }

// publicAccessBlock is Block Public Access (AWS: "Blocking public access to
// your Amazon S3 storage"). The zero value blocks nothing.
type publicAccessBlock struct {
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}
