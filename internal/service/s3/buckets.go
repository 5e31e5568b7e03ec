package s3

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"gatehouse/internal/store"
)

// CreateBucket, HeadBucket, DeleteBucket, ListBuckets, GetBucketLocation.

type createBucketConfiguration struct {
	XMLName            xml.Name `xml:"CreateBucketConfiguration"`
	LocationConstraint string
	Tags               *tagSet
}

// createBucket makes a bucket as AWS makes them today: ACLs off, all public
// access blocked (AWS: "Default settings for new S3 buckets", April 2023).
func (s *Service) createBucket(r *request) error {
	body, err := r.readBody(smallXML)
	if err != nil {
		return err
	}
	var config createBucketConfiguration
	if len(strings.TrimSpace(string(body))) > 0 {
		if err := parseXML(body, &config); err != nil {
			return err
		}
	}
	region, err := s.bucketRegion(r.signingRegion(), config.LocationConstraint)
	if err != nil {
		return err
	}
	if strings.EqualFold(r.http.Header.Get("x-amz-bucket-object-lock-enabled"), "true") {
		return errNotImplemented.with("Header", "x-amz-bucket-object-lock-enabled")
	}

	settings, err := s.newBucketSettings(r.http.Header, config.Tags)
	if err != nil {
		return err
	}
	created, location := false, ""
	err = s.db.Write(r.ctx, func(tx *store.Tx) error {
		created = false
		old, err := store.BucketByName(tx, r.bucketName)
		if err == nil {
			location = old.Region
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		created, location = true, region
		return store.CreateBucket(tx, &store.Bucket{Name: r.bucketName, Region: region, Settings: settings})
	})
	if err != nil {
		return err
	}
	// Only us-east-1 takes a repeated CreateBucket of the owner's for done (AWS:
	// "Error responses", BucketAlreadyOwnedByYou). There is one owner.
	if !created && (location != defaultRegion || r.requestedRegion() != defaultRegion) {
		return errBucketOwned.with("BucketName", r.bucketName)
	}
	r.w.Header().Set("Location", "/"+r.bucketName)
	r.w.Header().Set("Content-Length", "0")
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// requestedRegion is the region whose endpoint a request was sent to, as far
// as its signature tells.
func (r *request) requestedRegion() string {
	if region := r.signingRegion(); region != "" {
		return region
	}
	return r.svc.region
}

// bucketRegion decides where a new bucket lives: us-east-1's endpoint makes
// buckets anywhere, the others only at home, and they want to be told so.
func (s *Service) bucketRegion(signing, constraint string) (string, error) {
	if signing == "" {
		signing = s.region
	}
	switch {
	case constraint == "EU":
		constraint = "eu-west-1"
	case constraint != "" && !regionForm.MatchString(constraint):
		return "", errInvalidLocation
	}
	if signing == defaultRegion {
		if constraint == "" {
			return defaultRegion, nil
		}
		return constraint, nil
	}
	if constraint != signing {
		e := errIllegalLocation
		if constraint != "" {
			e = e.saying("The " + constraint + " location constraint is incompatible for the region specific endpoint this request was sent to.")
		}
		return "", e
	}
	return constraint, nil
}

func (s *Service) newBucketSettings(h http.Header, tags *tagSet) (map[string]string, error) {
	ownership := ownerEnforced
	if v := h.Get("x-amz-object-ownership"); v != "" {
		if v != ownerEnforced && v != ownerPreferred && v != objectWriter {
			return nil, errInvalidArgument.saying("Invalid x-amz-object-ownership header: " + v)
		}
		ownership = v
	}
	block := publicAccessBlock{true, true, true, true}
	list, err := headerACL(h, s.owner)
	if err != nil {
		return nil, err
	}
	if list != nil && ownership == ownerEnforced && !list.onlyOwner() {
		return nil, errBucketACLOwner
	}
	if list.public() {
		return nil, errAccessDenied // BlockPublicAcls is on from the start
	}
	settings := map[string]string{settingOwnership: ownership, settingPublicAccess: toJSON(block)}
	if list != nil {
		settings[settingACL] = toJSON(list)
	}
	if tags != nil {
		if err := tags.validate(maxBucketTags); err != nil {
			return nil, err
		}
		settings[settingTagging] = toJSON(tags.tags())
	}
	return settings, nil
}

// toJSON marshals values of this package's own types, which cannot fail.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("s3: marshal own type: " + err.Error())
	}
	return string(b)
}

func (s *Service) headBucket(r *request) error {
	h := r.w.Header()
	h.Set("x-amz-bucket-region", r.bucket.region())
	h.Set("x-amz-access-point-alias", "false")
	h.Set("Content-Type", "application/xml")
	r.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Service) deleteBucket(r *request) error {
	err := s.db.Write(r.ctx, func(tx *store.Tx) error {
		if err := store.BucketExists(tx, r.bucketName); err != nil {
			return notFoundIs(err, errNoSuchBucket)
		}
		page, err := store.VersionsFrom(tx, r.bucketName, "", math.MaxInt64, "", 1)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			return errBucketNotEmpty.with("BucketName", r.bucketName)
		}
		return store.DeleteBucket(tx, r.bucketName)
	})
	if err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// notFoundIs puts S3's error in the place of the store's ErrNotFound.
func notFoundIs(err error, e *Error) error {
	if errors.Is(err, store.ErrNotFound) {
		return e
	}
	return err
}

type listAllMyBucketsResult struct {
	XMLName           xml.Name `xml:"ListAllMyBucketsResult"`
	XMLNS             string   `xml:"xmlns,attr"`
	Owner             ownerXML
	Buckets           struct{ Bucket []bucketXML }
	Prefix            string `xml:",omitempty"`
	ContinuationToken string `xml:",omitempty"`
}

type bucketXML struct {
	Name         string
	CreationDate string
	BucketRegion string
}

// listBuckets pages only for those who ask for pages.
func (s *Service) listBuckets(r *request) error {
	limit := 10000
	if v := r.query.Get("max-buckets"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 10000 {
			return errInvalidArgument.with("ArgumentName", "max-buckets", "ArgumentValue", v)
		}
		limit = n
	}
	after, err := parseToken(r.query.Get("continuation-token"))
	if err != nil {
		return err
	}
	if after != "" && !validBucketName(after) {
		return errInvalidArgument.saying("The continuation token provided is incorrect").with("ArgumentName", "continuation-token")
	}
	prefix, region := r.query.Get("prefix"), r.query.Get("bucket-region")
	out := listAllMyBucketsResult{XMLNS: namespace, Owner: ownerXML{ID: s.owner}, Prefix: prefix}
	err = s.db.Read(r.ctx, func(tx *store.Tx) error {
		out.Buckets.Bucket, out.ContinuationToken = nil, ""
		for {
			page, err := store.Buckets(tx, after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, b := range page {
				after = b.Name
				if !strings.HasPrefix(b.Name, prefix) || region != "" && b.Region != region {
					continue
				}
				if len(out.Buckets.Bucket) == limit {
					out.ContinuationToken = makeToken(out.Buckets.Bucket[limit-1].Name)
					return nil
				}
				out.Buckets.Bucket = append(out.Buckets.Bucket, bucketXML{Name: b.Name, CreationDate: isoTime(b.Created), BucketRegion: b.Region})
			}
		}
	})
	if err != nil {
		return err
	}
	r.writeXML(http.StatusOK, out)
	return nil
}

// getBucketLocation answers an empty constraint for us-east-1, as always.
func (s *Service) getBucketLocation(r *request) error {
	type locationConstraint struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		XMLNS   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}
	out := locationConstraint{XMLNS: namespace}
	if r.bucket.region() != defaultRegion {
		out.Region = r.bucket.region()
	}
	r.writeXML(http.StatusOK, out)
	return nil
}
