package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// The settings of a bucket that are a document each: cross-origin rules,
// website, versioning, encryption, and what they have in common. Those that
// decide about access are in settings_access.go, tags in tagging.go.

// putSetting keeps a setting. accept, when not nil, is asked in the
// transaction with the bucket as it is at that moment.
func (s *Service) putSetting(r *request, kind, body string, accept func(*bucket) error) error {
	err := s.db.Write(r.ctx, func(tx *store.Tx) error {
		row, err := store.BucketByName(tx, r.bucketName)
		if err != nil {
			return notFoundIs(err, errNoSuchBucket)
		}
		if accept != nil {
			b, err := parseBucket(row)
			if err != nil {
				return err
			}
			if err := accept(b); err != nil {
				return err
			}
		}
		return store.PutBucketSetting(tx, r.bucketName, kind, body)
	})
	return err
}

// deleteSetting makes the operation that removes a setting. Removing what is
// not there succeeds, as on AWS.
func deleteSetting(kind string) func(*Service, *request) error {
	return func(s *Service, r *request) error {
		err := s.db.Write(r.ctx, func(tx *store.Tx) error {
			return store.DeleteBucketSetting(tx, r.bucketName, kind)
		})
		if err != nil {
			return err
		}
		r.w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

func (r *request) ok() error {
	r.w.Header().Set("Content-Length", "0")
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// toXML marshals a document of this package for keeping.
func toXML(v any) (string, error) {
	b, err := xml.Marshal(v)
	return string(b), err
}

func (s *Service) putBucketCORS(r *request) error {
	var c corsConfiguration
	if err := r.readXML(smallXML, &c); err != nil {
		return err
	}
	if err := c.validate(); err != nil {
		return err
	}
	c.XMLName, c.XMLNS = xml.Name{Local: "CORSConfiguration"}, namespace
	body, err := toXML(c)
	if err != nil {
		return err
	}
	if err := s.putSetting(r, settingCORS, body, nil); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getBucketCORS(r *request) error {
	if r.bucket.cors == nil {
		return errNoSuchCORS.with("BucketName", r.bucketName)
	}
	c := *r.bucket.cors
	c.XMLName, c.XMLNS = xml.Name{Local: "CORSConfiguration"}, namespace
	r.writeXML(http.StatusOK, c)
	return nil
}

func (s *Service) putBucketWebsite(r *request) error {
	var c websiteConfiguration
	if err := r.readXML(smallXML, &c); err != nil {
		return err
	}
	if err := c.validate(); err != nil {
		return err
	}
	c.XMLName, c.XMLNS = xml.Name{Local: "WebsiteConfiguration"}, namespace
	body, err := toXML(c)
	if err != nil {
		return err
	}
	if err := s.putSetting(r, settingWebsite, body, nil); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getBucketWebsite(r *request) error {
	if r.bucket.website == nil {
		return errNoSuchWebsite.with("BucketName", r.bucketName)
	}
	c := *r.bucket.website
	c.XMLName, c.XMLNS = xml.Name{Local: "WebsiteConfiguration"}, namespace
	r.writeXML(http.StatusOK, c)
	return nil
}

type versioningConfiguration struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	XMLNS     string   `xml:"xmlns,attr,omitempty"`
	Status    string   `xml:",omitempty"`
	MfaDelete string   `xml:"MfaDelete,omitempty"`
}

// putBucketVersioning turns versioning on, or suspends it. MFA delete, which
// would need a second factor for deletions, is refused rather than forgotten.
func (s *Service) putBucketVersioning(r *request) error {
	var c versioningConfiguration
	if err := r.readXML(smallXML, &c); err != nil {
		return err
	}
	switch {
	case c.MfaDelete == "Enabled":
		return errNotImplemented.saying("MFA delete is not implemented").with("Resource", "versioning")
	case c.Status != store.VersioningEnabled && c.Status != store.VersioningSuspended:
		return errMalformedXML
	}
	if err := s.putSetting(r, settingVersioning, c.Status, nil); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getBucketVersioning(r *request) error {
	r.writeXML(http.StatusOK, versioningConfiguration{XMLNS: namespace, Status: r.bucket.versioning})
	return nil
}

type encryptionConfiguration struct {
	XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	Rules   []struct {
		Default *struct {
			SSEAlgorithm   string
			KMSMasterKeyID string `xml:",omitempty"`
		} `xml:"ApplyServerSideEncryptionByDefault,omitempty"`
		BucketKeyEnabled *bool `xml:",omitempty"`
	} `xml:"Rule"`
}

// putBucketEncryption keeps the document for those who set and compare it.
// Blobs are not encrypted by it, and no answer says that they are; see
// docs/decisions/0003-s3-objects.md.
func (s *Service) putBucketEncryption(r *request) error {
	var c encryptionConfiguration
	if err := r.readXML(smallXML, &c); err != nil {
		return err
	}
	if len(c.Rules) != 1 {
		return errMalformedXML
	}
	if d := c.Rules[0].Default; d != nil {
		switch d.SSEAlgorithm {
		case "AES256":
			if d.KMSMasterKeyID != "" {
				return errInvalidArgument.saying("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
			}
		case "aws:kms", "aws:kms:dsse":
		default:
			return errMalformedXML
		}
	}
	c.XMLName, c.XMLNS = xml.Name{Local: "ServerSideEncryptionConfiguration"}, namespace
	body, err := toXML(c)
	if err != nil {
		return err
	}
	if err := s.putSetting(r, settingEncryption, body, nil); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getBucketEncryption(r *request) error {
	body, ok := r.bucket.row.Settings[settingEncryption]
	if !ok {
		return errSSENotFound.with("BucketName", r.bucketName)
	}
	var c encryptionConfiguration
	if err := parseXML([]byte(body), &c); err != nil {
		return err
	}
	c.XMLName, c.XMLNS = xml.Name{Local: "ServerSideEncryptionConfiguration"}, namespace
	r.writeXML(http.StatusOK, c)
	return nil
}

// parseBucketPolicy parses a policy as one of a bucket's: every statement must
// speak of this bucket and of S3.
func parseBucketPolicy(name string, body []byte) (d *policy.Document, public bool, err error) {
	d, err = policy.Parse(string(body), policy.ResourceKind)
	if err != nil {
		return nil, false, err
	}
	for _, st := range d.Statements() {
		for _, a := range append(st.Actions, st.NotActions...) {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), "s3:") {
				return nil, false, &policy.SyntaxError{Message: "Policy has invalid action"}
			}
		}
		for _, res := range append(st.Resources, st.NotResources...) {
			if !speaksOf(res, name) {
				return nil, false, &policy.SyntaxError{Message: "Policy has invalid resource"}
			}
		}
	}
	return d, policy.IsPublic(d), nil
}

// speaksOf says whether a Resource can name the bucket or its objects. Its
// bucket part may hold wildcards.
func speaksOf(pattern, bucket string) bool {
	rest, found := strings.CutPrefix(pattern, "arn:aws:s3:::")
	if !found {
		return false
	}
	name, _, _ := strings.Cut(rest, "/")
	return glob(name, bucket)
}

// glob matches "*" and "?".
func glob(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// policyError turns what package policy says about a document into S3's error.
func policyError(err error) error {
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return errMalformedPolicy.saying(syntax.Message)
	}
	return err
}
