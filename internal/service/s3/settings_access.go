package s3

import (
	"bytes"
	"encoding/xml"
	"net/http"
)

// The settings of a bucket that decide about access: ACL, policy, Block Public
// Access, Object Ownership.

func (s *Service) putBucketACL(r *request) error {
	list, err := r.requestACL()
	if err != nil {
		return err
	}
	canned := r.http.Header.Get("x-amz-acl")
	if canned == "private" {
		canned = "" // what an enforced bucket has; CloudFormation's AccessControl: Private
	}
	err = s.putSetting(r, settingACL, toJSON(list), func(b *bucket) error { return b.admitACL(list, canned) })
	if err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getBucketACL(r *request) error {
	list := r.bucket.acl
	if r.bucket.enforced() {
		list = nil
	}
	r.writeXML(http.StatusOK, list.xml(s.owner))
	return nil
}

const maxPolicy = 20 << 10 // bytes; AWS: "Bucket policies", size limit

func (s *Service) putBucketPolicy(r *request) error {
	body, err := r.readBody(smallXML)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 || bytes.TrimSpace(body)[0] != '{' {
		return errMalformedPolicy
	}
	if len(body) > maxPolicy {
		return newError(http.StatusBadRequest, "PolicyTooLarge", "The policy exceeds the maximum allowed size of 20480 bytes")
	}
	_, public, err := parseBucketPolicy(r.bucketName, body)
	if err != nil {
		return policyError(err)
	}
	err = s.putSetting(r, settingPolicy, string(body), func(b *bucket) error {
		if public && b.publicAccess.BlockPublicPolicy {
			return errAccessDenied.saying("User: " + r.caller.Principal.ARN + ` is not authorized to perform: s3:PutBucketPolicy on resource: "` + b.arn() +
				`" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) getBucketPolicy(r *request) error {
	text, ok := r.bucket.row.Settings[settingPolicy]
	if !ok {
		return errNoSuchPolicy.with("BucketName", r.bucketName)
	}
	r.w.Header().Set("Content-Type", "application/json")
	r.w.Header().Set("Content-Length", itoa(len(text)))
	r.w.WriteHeader(http.StatusOK)
	r.w.Write([]byte(text))
	return nil
}

func (s *Service) getBucketPolicyStatus(r *request) error {
	if r.bucket.policy == nil {
		return errNoSuchPolicy.with("BucketName", r.bucketName)
	}
	r.writeXML(http.StatusOK, struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		XMLNS    string   `xml:"xmlns,attr"`
		IsPublic bool
	}{XMLNS: namespace, IsPublic: r.bucket.policyPublic})
	return nil
}

type publicAccessXML struct {
	XMLName xml.Name `xml:"PublicAccessBlockConfiguration"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	publicAccessBlock
}

func (s *Service) putPublicAccessBlock(r *request) error {
	var c publicAccessXML
	if err := r.readXML(smallXML, &c); err != nil {
		return err
	}
	if err := s.putSetting(r, settingPublicAccess, toJSON(c.publicAccessBlock), nil); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getPublicAccessBlock(r *request) error {
	if !r.bucket.hasPAB {
		return errNoSuchPAB.with("BucketName", r.bucketName)
	}
	r.writeXML(http.StatusOK, publicAccessXML{XMLNS: namespace, publicAccessBlock: r.bucket.publicAccess})
	return nil
}

type ownershipControls struct {
	XMLName xml.Name `xml:"OwnershipControls"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	Rules   []struct {
		ObjectOwnership string
	} `xml:"Rule"`
}

func (s *Service) putBucketOwnershipControls(r *request) error {
	var c ownershipControls
	if err := r.readXML(smallXML, &c); err != nil {
		return err
	}
	if len(c.Rules) != 1 {
		return errMalformedXML
	}
	rule := c.Rules[0].ObjectOwnership
	if rule != ownerEnforced && rule != ownerPreferred && rule != objectWriter {
		return errMalformedXML
	}
	err := s.putSetting(r, settingOwnership, rule, func(b *bucket) error {
		// ACLs can be turned off only where the bucket's own grants nothing.
		if rule == ownerEnforced && !b.acl.onlyOwner() {
			return errBucketACLOwner
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getBucketOwnershipControls(r *request) error {
	if r.bucket.ownership == "" {
		return errOwnershipNotFound.with("BucketName", r.bucketName)
	}
	var c ownershipControls
	c.XMLNS = namespace
	c.Rules = append(c.Rules, struct{ ObjectOwnership string }{r.bucket.ownership})
	r.writeXML(http.StatusOK, c)
	return nil
}
