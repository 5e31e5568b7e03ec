package s3

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/internal/store"
)

// CopyObject. Blobs never change, so that a copy is a row that names the blobs
// of the source; no byte is moved.

type copySource struct {
	bucket *bucket
	object *store.Object // nil when the bucket lives elsewhere

	key, version string
}

// copySource finds the source that x-amz-copy-source names and decides whether
// the caller may read it.
func (r *request) copySource() (src copySource, err error) {
	v := r.http.Header.Get("x-amz-copy-source")
	path, query, hasQuery := strings.Cut(v, "?")
	path, err = url.PathUnescape(path)
	if err != nil {
		return src, errInvalidArgument.saying("Invalid copy source encoding.").with("ArgumentName", "x-amz-copy-source", "ArgumentValue", v)
	}
	name, key := splitPath(path)
	if name == "" || key == "" || strings.HasPrefix(name, "arn:") {
		return src, errInvalidArgument.saying("Invalid copy source object key").with("ArgumentName", "x-amz-copy-source", "ArgumentValue", v)
	}
	if e := checkKey(key); e != nil {
		return src, e
	}
	get, version := onO("GetObject", permRead), ""
	if hasQuery {
		version = strings.TrimPrefix(query, "versionId=")
		if !versionForm.MatchString(version) && (r.bucket.upstream == nil || !foreignForm.MatchString(version)) {
			return src, errInvalidArgument.saying("Invalid version id specified").with("ArgumentName", "versionId", "ArgumentValue", version)
		}
		get = onO("GetObjectVersion", permRead)
	}
	if src.bucket, err = r.svc.bucket(r.ctx, name); err != nil {
		return src, err
	}
	if src.bucket == nil {
		return src, errNoSuchBucket.with("BucketName", name)
	}
	if owner := r.http.Header.Get("x-amz-source-expected-bucket-owner"); owner != "" && owner != r.svc.account {
		return src, errAccessDenied
	}
	src.key, src.version = key, version
	if src.bucket.upstream != nil || r.bucket.upstream != nil {
		return src, r.copyElsewhere(src, get)
	}
	if src.object, err = r.svc.object(r.ctx, name, key, version); err != nil {
		return src, err
	}
	if src.object != nil && src.object.Marker {
		if version != "" {
			return src, errInvalidRequest.saying("The source of a copy request may not specifically refer to a delete marker by version id.")
		}
		src.object = nil
	}
	if err := r.authorizeObject(get, src.bucket, key, src.object); err != nil {
		return src, err
	}
	if src.object == nil {
		return src, r.missingKey(src.bucket, key)
	}
	if e := requestConditions(r.http.Header, "x-amz-copy-source-").check(src.object.ETag, src.object.Modified); e != nil {
		return src, errPrecondition // also where a GET would answer 304
	}
	return src, nil
}

// copyElsewhere decides about a copy that has to do with another store. The
// store itself copies, so both ends must be in it, under the same key of ours.
func (r *request) copyElsewhere(src copySource, get permission) error {
	if err := r.authorizeObject(get, src.bucket, src.key, nil); err != nil {
		return err
	}
	if src.bucket.upstream == nil || r.bucket.upstream == nil || src.bucket.upstream.Store != r.bucket.upstream.Store {
		return errNotImplemented.saying("A copy between " + src.bucket.row.Name + " and " + r.bucketName + " is not possible: their objects live in different stores.")
	}
	return nil
}

// read re-reads the source in the transaction that copies it, and refuses one
// that has changed since it was decided about.
func (src copySource) read(tx *store.Tx) (*store.Object, error) {
	o, err := store.ObjectByVersion(tx, src.object.Bucket, src.object.Key, src.object.Version)
	if err != nil {
		return nil, notFoundIs(err, errNoSuchKey.with("Key", src.object.Key))
	}
	if o.ETag != src.object.ETag || !o.Modified.Equal(src.object.Modified) {
		return nil, newError(http.StatusConflict, "OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.")
	}
	return o, nil
}

func (s *Service) copyObject(r *request) error {
	conditions, err := requestWriteConditions(r.http.Header)
	if err != nil {
		return err
	}
	src, err := r.copySource()
	if err != nil {
		return err
	}
	if src.object.Size > maxObject {
		return errInvalidRequest.saying("The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	attributes, err := r.copiedAttributes(src.object)
	if err != nil {
		return err
	}
	if err := s.copyChecksum(r, src.object, attributes); err != nil {
		return err
	}
	o := &store.Object{
		Bucket: r.bucketName, Key: r.key, ETag: src.object.ETag, Size: src.object.Size,
		Segments: src.object.Segments, Attributes: *attributes,
	}
	if strings.Contains(o.ETag, "-") {
		// A copy is one part; its ETag is the MD5 of its bytes, which only
		// reading tells.
		if o.ETag, err = s.md5Of(r, src.object); err != nil {
			return err
		}
	}
	err = s.db.Write(r.ctx, func(tx *store.Tx) error {
		o.Modified = tx.Now
		if err := conditions.checkIn(tx, r.bucketName, r.key); err != nil {
			return err
		}
		if _, err := src.read(tx); err != nil {
			return err
		}
		// Retained before PutObject releases, for a copy onto itself.
		if err := store.RetainSegments(tx, o.Segments); err != nil {
			return err
		}
		return notFoundIs(store.PutObject(tx, o), errNoSuchBucket.with("BucketName", r.bucketName))
	})
	if err != nil {
		return err
	}
	out := copyResult{XMLName: xml.Name{Local: "CopyObjectResult"}, XMLNS: namespace, ETag: quoteETag(o.ETag), LastModified: isoTime(o.Modified)}
	out.setChecksum(&o.Attributes)
	r.showVersion(r.bucket, o.Version)
	if src.bucket.versioning != "" {
		r.w.Header().Set("x-amz-copy-source-version-id", src.object.Version)
	}
	r.writeXML(http.StatusOK, out)
	return nil
}

type copyResult struct {
	XMLName      xml.Name
	XMLNS        string `xml:"xmlns,attr"`
	LastModified string
	ETag         string
	checksumXML
}

// checksumXML shows a checksum in documents.
type checksumXML struct {
	ChecksumType      string `xml:",omitempty"`
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
}

func (c *checksumXML) setChecksum(a *store.ObjectAttributes) {
	c.ChecksumType = a.ChecksumType
	c.set(algorithm(a.ChecksumAlgorithm), a.Checksum)
}

func (c *checksumXML) set(a algorithm, value string) {
	if p := c.field(a); p != nil {
		*p = value
	}
}

func (c *checksumXML) field(a algorithm) *string {
	switch a {
	case algCRC32:
		return &c.ChecksumCRC32
	case algCRC32C:
		return &c.ChecksumCRC32C
	case algCRC64NVME:
		return &c.ChecksumCRC64NVME
	case algSHA1:
		return &c.ChecksumSHA1
	case algSHA256:
		return &c.ChecksumSHA256
	}
	return nil
}

// copiedAttributes are those of the source or those of the request, by the
// directives.
func (r *request) copiedAttributes(src *store.Object) (*store.ObjectAttributes, error) {
	h := r.http.Header
	var a *store.ObjectAttributes
	switch directive := h.Get("x-amz-metadata-directive"); directive {
	case "", "COPY":
		if src.Bucket == r.bucketName && src.Key == r.key && r.bucket.versioning != store.VersioningEnabled && h.Get("x-amz-website-redirect-location") == "" &&
			h.Get("x-amz-server-side-encryption") == "" && h.Get("x-amz-storage-class") == "" && h.Get("x-amz-checksum-algorithm") == "" {
			return nil, errInvalidRequest.saying("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
		}
		c := src.Attributes
		c.ACL, c.Tags, c.PartSizes = nil, r.requestTags, nil // an ACL is never copied
		if err := r.storageHeaders(&c); err != nil {
			return nil, err
		}
		a = &c
	case "REPLACE":
		var err error
		if a, err = r.newAttributes(); err != nil {
			return nil, err
		}
	default:
		return nil, errInvalidArgument.saying("Unknown metadata directive.").with("ArgumentName", "x-amz-metadata-directive", "ArgumentValue", directive)
	}
	switch directive := h.Get("x-amz-tagging-directive"); directive {
	case "", "COPY":
		a.Tags = src.Attributes.Tags
	case "REPLACE":
	default:
		return nil, errInvalidArgument.saying("Unknown tagging directive.").with("ArgumentName", "x-amz-tagging-directive", "ArgumentValue", directive)
	}
	return a, nil
}

// copyChecksum keeps the source's checksum where it holds for the copy, and
// computes the one asked for where not.
func (s *Service) copyChecksum(r *request, src *store.Object, a *store.ObjectAttributes) error {
	want := algorithm(src.Attributes.ChecksumAlgorithm)
	if v := r.http.Header.Get("x-amz-checksum-algorithm"); v != "" {
		named, ok := parseAlgorithm(v)
		if !ok {
			return errInvalidRequest.saying("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		}
		want = named
	}
	a.ChecksumAlgorithm, a.ChecksumType, a.Checksum = string(want), fullObject, src.Attributes.Checksum
	if want == algorithm(src.Attributes.ChecksumAlgorithm) && src.Attributes.ChecksumType == fullObject {
		return nil
	}
	if want == "" {
		want = algCRC64NVME
		a.ChecksumAlgorithm = string(want)
	}
	sum := want.new()
	if err := s.readObject(r, src, byteRange{0, src.Size}, sum); err != nil {
		return err
	}
	a.Checksum = base64.StdEncoding.EncodeToString(sum.Sum(nil))
	return nil
}

func (s *Service) md5Of(r *request, o *store.Object) (string, error) {
	d, err := newDigests(http.Header{}, algCRC64NVME)
	if err != nil {
		return "", err
	}
	if err := s.readObject(r, o, byteRange{0, o.Size}, d); err != nil {
		return "", err
	}
	return hex.EncodeToString(d.md5.Sum(nil)), nil
}

// readObject passes the bytes of a part of an object to w.
func (s *Service) readObject(r *request, o *store.Object, part byteRange, w io.Writer) error {
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	for _, seg := range cut(o.Segments, part) {
		b, err := s.blobs.Open(r.ctx, seg.Blob)
		if err != nil {
			return err
		}
		_, err = b.Seek(seg.Offset, io.SeekStart)
		if err == nil {
			var n int64
			n, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{io.LimitReader(b, seg.Length)}, *buf)
			if err == nil && n < seg.Length {
				err = io.ErrUnexpectedEOF
			}
		}
		b.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
