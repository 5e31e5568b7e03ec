package s3

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/store"
)

// PutObject, and what it shares with the other operations that write bytes or
// attributes.
//
// The order that makes an acknowledged object durable: the bytes are streamed
// into a blob; everything that was promised about them is checked; the blob is
// committed to disk; one transaction puts the row that names it; then comes the
// answer. Up to the row, nobody sees anything.

const (
	maxObject   = 5 << 30 // bytes in one PUT; AWS: "Amazon S3 multipart upload limits"
	maxMetadata = 2 << 10 // bytes of names and values; AWS: "Working with object metadata"
)

// errBodyCut says that a body ended before its stated length.
var errBodyCut = errors.New("body is shorter than its Content-Length")

// contentLength is the length of the object in a request, as its client
// states it.
func contentLength(r *http.Request) (int64, error) {
	if v := r.Header.Get("x-amz-decoded-content-length"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return 0, errInvalidArgument.with("ArgumentName", "x-amz-decoded-content-length", "ArgumentValue", v)
		}
		return n, nil
	}
	if r.ContentLength < 0 || strings.HasPrefix(r.Header.Get("x-amz-content-sha256"), "STREAMING-") {
		return 0, errMissingLength
	}
	return r.ContentLength, nil
}

// received are the bytes of a request, durable in a blob that no row names yet.
type received struct {
	*digests
	segments []store.Segment // none for an empty body
}

// receive streams the request's body into a blob. keep is the checksum to
// compute if the request names none.
func (r *request) receive(keep algorithm) (*received, error) {
	length, err := contentLength(r.http)
	if err != nil {
		return nil, err
	}
	if length > maxObject {
		return nil, errEntityTooLarge.with("ProposedSize", strconv.FormatInt(length, 10), "MaxSizeAllowed", strconv.Itoa(maxObject))
	}
	d, err := newDigests(r.http.Header, keep)
	if err != nil {
		return nil, err
	}
	out := &received{digests: d}
	var w io.Writer = d
	if length > 0 {
		blob, err := r.svc.blobs.Create(r.ctx)
		if err != nil {
			return nil, err
		}
		defer blob.Abort()
		w = io.MultiWriter(d, blob)
		out.segments = []store.Segment{{Blob: blob.ID(), Length: length}}
		if err := r.copyBody(w, length); err != nil {
			return nil, err
		}
		if err := d.verify(); err != nil {
			return nil, err
		}
		return out, blob.Commit()
	}
	if err := r.copyBody(w, 0); err != nil {
		return nil, err
	}
	return out, d.verify()
}

// copyBody copies exactly length bytes, and reads on to the end, where the
// body's reader says whether it was what was signed.
func (r *request) copyBody(w io.Writer, length int64) error {
	buf := r.svc.buffers.Get().(*[]byte)
	defer r.svc.buffers.Put(buf)
	n, err := io.CopyBuffer(w, struct{ io.Reader }{io.LimitReader(r.body, length+1)}, *buf)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || err == nil && n < length:
		return errBodyCut
	case err != nil:
		return err
	case n > length:
		return errIncompleteBody
	}
	return nil
}

// keep runs the transaction that makes rows name what was received. When it
// refuses, nobody will ever name it, and the bytes go at once; after an error
// of the store its outcome may be unknown, and the janitor decides.
func (in *received) keep(r *request, fn func(*store.Tx) error) error {
	err := r.svc.db.Write(r.ctx, func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		for _, s := range in.segments {
			if err := store.AddBlob(tx, s.Blob, s.Length); err != nil {
				return err
			}
		}
		return nil
	})
	var refused *Error
	if errors.As(err, &refused) {
		for _, s := range in.segments {
			if err := r.svc.blobs.Delete(r.ctx, s.Blob); err != nil {
				r.svc.log.ErrorContext(r.ctx, "s3: delete refused upload", "requestId", r.id, "error", err)
			}
		}
	}
	return err
}

func (s *Service) putObject(r *request) error {
	conditions, err := requestWriteConditions(r.http.Header)
	if err != nil {
		return err
	}
	attributes, err := r.newAttributes()
	if err != nil {
		return err
	}
	in, err := r.receive(algCRC64NVME)
	if err != nil {
		return err
	}
	attributes.ChecksumAlgorithm, attributes.ChecksumType, attributes.Checksum = string(in.algorithm), fullObject, in.checksum()
	o := &store.Object{
		Bucket: r.bucketName, Key: r.key, ETag: hex.EncodeToString(in.md5.Sum(nil)), Size: in.size,
		Segments: in.segments, Attributes: *attributes,
	}
	err = in.keep(r, func(tx *store.Tx) error {
		o.Modified = tx.Now
		if err := conditions.checkIn(tx, r.bucketName, r.key); err != nil {
			return err
		}
		return notFoundIs(store.PutObject(tx, o), errNoSuchBucket.with("BucketName", r.bucketName))
	})
	if err != nil {
		return err
	}
	h := r.w.Header()
	h.Set("ETag", quoteETag(o.ETag))
	r.showVersion(r.bucket, o.Version)
	setChecksum(h, &o.Attributes)
	return r.ok()
}

// checkIn checks the conditions on the object that is there now.
func (w writeConditions) checkIn(tx *store.Tx, bucket, key string) error {
	if w == (writeConditions{}) {
		return nil
	}
	etag := ""
	o, err := store.ObjectByKey(tx, bucket, key)
	switch {
	case err == nil:
		etag = o.ETag
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if e := w.check(etag); e != nil {
		return e
	}
	return nil
}

// newAttributes reads the attributes of a new object from the request's
// headers: PutObject, CopyObject with REPLACE, CreateMultipartUpload.
func (r *request) newAttributes() (*store.ObjectAttributes, error) {
	h := r.http.Header
	a := &store.ObjectAttributes{
		ContentType:        h.Get("Content-Type"),
		ContentEncoding:    sigv4.StripChunked(strings.Join(h.Values("Content-Encoding"), ",")),
		ContentLanguage:    h.Get("Content-Language"),
		ContentDisposition: h.Get("Content-Disposition"),
		CacheControl:       h.Get("Cache-Control"),
		Expires:            h.Get("Expires"),
		Tags:               r.requestTags,
	}
	if a.ContentType == "" {
		a.ContentType = "binary/octet-stream" // AWS's default
	}
	if err := r.storageHeaders(a); err != nil {
		return nil, err
	}
	size := 0
	for name, values := range h {
		lower := strings.ToLower(name)
		rest, found := strings.CutPrefix(lower, "x-amz-meta-")
		if !found || rest == "" {
			continue
		}
		v := strings.Join(values, ",")
		if !utf8.ValidString(v) {
			return nil, errInvalidArgument.saying("Metadata values must be UTF-8").with("ArgumentName", lower)
		}
		if a.Metadata == nil {
			a.Metadata = make(map[string]string)
		}
		a.Metadata[rest] = v
		size += len(rest) + len(v)
	}
	if size > maxMetadata {
		return nil, errMetadataTooLarge.with("Size", itoa(size), "MaxSizeAllowed", itoa(maxMetadata))
	}
	return a, nil
}

// storageHeaders reads what CopyObject takes from its own request even when it
// copies the rest of the attributes: ACL, redirect, storage, encryption.
func (r *request) storageHeaders(a *store.ObjectAttributes) error {
	h := r.http.Header
	switch class := h.Get("x-amz-storage-class"); class {
	case "", "STANDARD":
	case "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE":
		return errNotImplemented.saying("Storage classes other than STANDARD are not implemented").with("Header", "x-amz-storage-class")
	default:
		return newError(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid")
	}
	switch sse := h.Get("x-amz-server-side-encryption"); sse {
	case "", "AES256", "aws:kms", "aws:kms:dsse":
		a.Encryption = sse
	default:
		return newError(http.StatusBadRequest, "InvalidEncryptionAlgorithmError", "The encryption request you specified is not valid. The valid value is AES256.")
	}
	a.RedirectLocation = h.Get("x-amz-website-redirect-location")
	if l := a.RedirectLocation; l != "" && !strings.HasPrefix(l, "/") && !strings.HasPrefix(l, "http://") && !strings.HasPrefix(l, "https://") {
		return newError(http.StatusBadRequest, "InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
	}
	list, err := headerACL(h, r.svc.owner)
	if err != nil {
		return err
	}
	if err := r.bucket.admitACL(list, h.Get("x-amz-acl")); err != nil {
		return err
	}
	if list != nil && !r.bucket.enforced() {
		a.ACL = json.RawMessage(toJSON(list))
	}
	return nil
}

// setChecksum shows the checksum of an object.
func setChecksum(h http.Header, a *store.ObjectAttributes) {
	if alg, ok := parseAlgorithm(a.ChecksumAlgorithm); ok && a.Checksum != "" {
		h.Set(alg.header(), a.Checksum)
		h.Set("x-amz-checksum-type", a.ChecksumType)
	}
}
