package s3

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"

	"gatehouse/internal/store"
)

// Operations on objects that are there: ACLs, and deletion.

// objectACL reads the ACL of an object; nil is the default.
func objectACL(o *store.Object) acl {
	var list acl
	if len(o.Attributes.ACL) > 0 {
		if json.Unmarshal(o.Attributes.ACL, &list) != nil {
			return nil // grants nobody anything
		}
	}
	return list
}

// changeObject changes the attributes of the request's object as it is at the
// moment of writing.
func (s *Service) changeObject(r *request, change func(*store.Object)) error {
	return s.db.Write(r.ctx, func(tx *store.Tx) error {
		o, err := store.ObjectByVersion(tx, r.bucketName, r.key, r.object.Version)
		if err != nil {
			return notFoundIs(err, errNoSuchKey.with("Key", r.key))
		}
		change(o)
		r.showVersion(r.bucket, o.Version)
		return store.UpdateObject(tx, o)
	})
}

func (s *Service) getObjectACL(r *request) error {
	if r.object == nil {
		return r.missing()
	}
	list := objectACL(r.object)
	if r.bucket.enforced() {
		list = nil
	}
	r.writeXML(http.StatusOK, list.xml(s.owner))
	return nil
}

func (s *Service) putObjectACL(r *request) error {
	if r.object == nil {
		return r.missing()
	}
	list, err := r.requestACL()
	if err != nil {
		return err
	}
	if err := r.bucket.admitACL(list, r.http.Header.Get("x-amz-acl")); err != nil {
		return err
	}
	if !r.bucket.enforced() {
		if err := s.changeObject(r, func(o *store.Object) { o.Attributes.ACL = json.RawMessage(toJSON(list)) }); err != nil {
			return err
		}
	}
	return r.ok()
}

// deleteObject succeeds for a key that is not there, too.
func (s *Service) deleteObject(r *request) error {
	conditions := writeConditions{ifMatch: r.http.Header.Get("If-Match")}
	var d store.Deleted
	err := s.db.Write(r.ctx, func(tx *store.Tx) (err error) {
		if err := conditions.checkIn(tx, r.bucketName, r.key); err != nil {
			return err
		}
		d, err = deleteVersion(tx, r.bucketName, r.key, r.query.Get("versionId"))
		return err
	})
	if err != nil {
		return err
	}
	if d.Version != "" {
		r.showVersion(r.bucket, d.Version)
	}
	if d.Marker {
		r.w.Header().Set("x-amz-delete-marker", "true")
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteVersion deletes a key or, when one is named, a version of it for good.
func deleteVersion(tx *store.Tx, bucket, key, version string) (store.Deleted, error) {
	if version != "" {
		return store.DeleteVersion(tx, bucket, key, version)
	}
	d, err := store.DeleteObject(tx, bucket, key)
	return d, notFoundIs(err, errNoSuchBucket.with("BucketName", bucket))
}

type deleteRequest struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Objects []struct {
		Key       string
		VersionID string `xml:"VersionId"`
		ETag      string
	} `xml:"Object"`
}

type deleteResult struct {
	XMLName xml.Name `xml:"DeleteResult"`
	XMLNS   string   `xml:"xmlns,attr"`
	Deleted []deletedXML
	Errors  []deleteErrorXML `xml:"Error"`
}

type deletedXML struct {
	Key           string
	VersionID     string `xml:"VersionId,omitempty"`
	DeleteMarker  bool   `xml:",omitempty"`
	MarkerVersion string `xml:"DeleteMarkerVersionId,omitempty"`
}

type deleteErrorXML struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

const maxDelete = 1000

// deleteObjects decides and answers for each key by itself; those that may go
// go in one transaction.
func (s *Service) deleteObjects(r *request) error {
	in, err := r.readDelete()
	if err != nil {
		return err
	}
	out := deleteResult{XMLNS: namespace}
	type item struct {
		key, version string
		conditions   writeConditions
	}
	var admitted []item
	for _, o := range in.Objects {
		p := write("DeleteObject")
		if o.VersionID != "" {
			p = write("DeleteObjectVersion")
		}
		err := s.mayDelete(r, p, o.Key, o.VersionID)
		if err != nil {
			e, known := asError(err)
			if !known {
				return err
			}
			out.Errors = append(out.Errors, deleteErrorXML{o.Key, o.VersionID, e.Code, e.Message})
			continue
		}
		admitted = append(admitted, item{o.Key, o.VersionID, writeConditions{ifMatch: o.ETag}})
	}
	var deleted []deletedXML
	var failed []deleteErrorXML
	err = s.db.Write(r.ctx, func(tx *store.Tx) error {
		deleted, failed = nil, nil
		for _, it := range admitted {
			var refused *Error
			err := it.conditions.checkIn(tx, r.bucketName, it.key)
			if errors.As(err, &refused) {
				failed = append(failed, deleteErrorXML{it.key, it.version, refused.Code, refused.Message})
				continue
			}
			var d store.Deleted
			if err == nil {
				d, err = deleteVersion(tx, r.bucketName, it.key, it.version)
			}
			if err != nil {
				return err
			}
			x := deletedXML{Key: it.key, VersionID: it.version, DeleteMarker: d.Marker}
			if d.Marker {
				x.MarkerVersion = d.Version
			}
			deleted = append(deleted, x)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !in.Quiet {
		out.Deleted = deleted
	}
	out.Errors = append(out.Errors, failed...)
	r.writeXML(http.StatusOK, out)
	return nil
}

// readDelete reads the document of DeleteObjects.
func (r *request) readDelete() (in deleteRequest, err error) {
	h := r.http.Header
	if c, err := requestedChecksum(h); err != nil {
		return in, err
	} else if c.algorithm == "" && h.Get("Content-MD5") == "" {
		return in, errInvalidRequest.saying("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	if err := r.readXML(largeXML, &in); err != nil {
		return in, err
	}
	if len(in.Objects) == 0 || len(in.Objects) > maxDelete {
		return in, errMalformedXML
	}
	return in, nil
}

func (s *Service) mayDelete(r *request, p permission, key string, version string) error {
	if key == "" {
		return newError(http.StatusBadRequest, "UserKeyMustBeSpecified", "The request must contain a key.")
	}
	if e := checkKey(key); e != nil {
		return e
	}
	if version != "" && !r.validVersion(version) {
		return errNoSuchVersion
	}
	return r.authorizeObject(p, r.bucket, key, nil)
}
