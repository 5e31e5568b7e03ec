package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/event"
	"gatehouse/internal/outbound/upstream"
	"gatehouse/internal/store"
)

// Buckets whose objects live in another store (docs/decisions/0004).
//
// The bucket itself is a row here: its policy, public access block, CORS rules
// and website say who may, and everything up to the decision is the same as for
// any other bucket. Then, in place of the operation's own method, its row of
// upstreamOperations makes a new request of what it knows by name, and words
// the answer anew. Nothing else passes, neither way.

// Upstream is where the objects of a bucket live.
type Upstream struct {
	// Bucket is its name there, Store tells stores and keys to them apart: a
	// copy goes on within one.
	Bucket, Store string
	// AnyKey says that the store takes a key for what it is. Without it, keys
	// that a store with folders could take for another are refused.
	AnyKey bool
	// Tripper sends a request about the bucket ("/") or a key of it ("/key"),
	// signed; X-Amz-Content-Sha256 is set.
	Tripper http.RoundTripper
}

// upstreamOperations are what is forwarded. An operation that is neither here
// nor in ownRecord is refused.
var upstreamOperations = map[string]func(*Service, *request) error{
	"GetObject": (*Service).getUpstream, "HeadObject": (*Service).getUpstream,
	"PutObject": (*Service).putUpstream, "CopyObject": (*Service).copyUpstream,
	"DeleteObject": (*Service).deleteUpstream, "DeleteObjects": (*Service).deleteAllUpstream,
	"ListObjects": (*Service).listUpstream, "ListObjectsV2": (*Service).listUpstream,
	"ListObjectVersions": (*Service).listVersionsUpstream, "GetBucketVersioning": (*Service).getVersioningUpstream,
	"GetObjectTagging": (*Service).getTaggingUpstream, "PutObjectTagging": (*Service).putTaggingUpstream, "DeleteObjectTagging": (*Service).deleteTaggingUpstream,
	"CreateMultipartUpload": (*Service).createUploadUpstream, "UploadPart": (*Service).putPartUpstream, "UploadPartCopy": (*Service).copyPartUpstream,
	"CompleteMultipartUpload": (*Service).completeUpstream, "AbortMultipartUpload": (*Service).abortUpstream,
	"ListMultipartUploads": (*Service).listUploadsUpstream, "ListParts": (*Service).listPartsUpstream,
}

// ownRecord are the operations on the bucket's record, which is here.
var ownRecord = map[string]bool{
	"CreateBucket": true, "HeadBucket": true, "GetBucketLocation": true,
	"PutBucketPolicy": true, "GetBucketPolicy": true, "DeleteBucketPolicy": true, "GetBucketPolicyStatus": true,
	"PutPublicAccessBlock": true, "GetPublicAccessBlock": true, "DeletePublicAccessBlock": true,
	"PutBucketCors": true, "GetBucketCors": true, "DeleteBucketCors": true,
	"PutBucketWebsite": true, "GetBucketWebsite": true, "DeleteBucketWebsite": true,
	"PutBucketTagging": true, "GetBucketTagging": true, "DeleteBucketTagging": true,
	"GetBucketOwnershipControls": true, "GetBucketAcl": true, "PutBucketAcl": true,
}

// run is the method that carries the request out.
func (r *request) run() func(*Service, *request) error {
	if r.bucket == nil || r.bucket.upstream == nil || ownRecord[r.op.name] {
		return r.op.run
	}
	if run := upstreamOperations[r.op.name]; run != nil {
		return run
	}
	return func(*Service, *request) error {
		return errNotImplemented.saying(r.op.name + " is not possible on " + r.bucketName + ": its objects live in another store.")
	}
}

// Adopt makes the records of the buckets that live elsewhere, as CreateBucket
// would make them. A bucket of the name that holds objects here is an error:
// nobody could reach them any more.
func (s *Service) Adopt(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(s.upstreams)) {
		if !validBucketName(name) {
			return fmt.Errorf("%s cannot be the name of a bucket here", name)
		}
		settings, err := s.newBucketSettings(http.Header{}, nil)
		if err != nil {
			return err
		}
		adopt := func(tx *store.Tx) error { return s.adopt(tx, name, settings) }
		err = s.db.Write(ctx, adopt)
		if errors.Is(err, store.ErrConflict) { // another node was first
			err = s.db.Write(ctx, adopt)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) adopt(tx *store.Tx, name string, settings map[string]string) error {
	row, err := store.BucketByName(tx, name)
	if errors.Is(err, store.ErrNotFound) {
		return store.CreateBucket(tx, &store.Bucket{Name: name, Region: s.region, Settings: settings})
	}
	if err != nil {
		return err
	}
	objects, err := store.VersionsFrom(tx, name, "", 1<<62, "", 1)
	if err != nil {
		return err
	}
	uploads, err := store.UploadsFrom(tx, name, store.UploadKey{}, 1)
	if err != nil {
		return err
	}
	if len(objects)+len(uploads) > 0 {
		return fmt.Errorf("bucket %s holds objects or uploads here, so it cannot live elsewhere: move them first", name)
	}
	// What the objects here would have been under has no meaning there.
	for _, kind := range []string{settingACL, settingVersioning, settingEncryption, settingLifecycle} {
		if _, has := row.Settings[kind]; !has {
			continue
		}
		if err := store.DeleteBucketSetting(tx, name, kind); err != nil {
			return err
		}
	}
	if row.Settings[settingOwnership] == ownerEnforced {
		return nil
	}
	return store.PutBucketSetting(tx, name, settingOwnership, ownerEnforced)
}

// checkUpstreamKey refuses a key that a store with folders could take for
// another one, about which nothing was decided: "a/../b" for "b".
func (b *bucket) checkUpstreamKey(key string) error {
	if key == "" || b.upstream.AnyKey {
		return nil
	}
	segments := strings.Split(strings.TrimSuffix(key, "/"), "/") // a folder's own key is common
	if slices.ContainsFunc(segments, func(s string) bool { return s == "" || s == "." || s == ".." }) || strings.ContainsAny(key, "\\\x00") {
		return errInvalidArgument.saying(`The store behind this bucket takes no keys with empty, "." or ".." segments or backslashes.`).with("ArgumentName", "Key")
	}
	return nil
}

// outgoing makes a request to the upstream of the bucket.
func (r *request) outgoing(method, key string, query url.Values, body []byte) (*http.Request, error) {
	if err := r.bucket.checkUpstreamKey(key); err != nil {
		return nil, err
	}
	out, err := http.NewRequestWithContext(r.ctx, method, "http://upstream/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.URL.Path = "/" + key
	out.URL.RawQuery = sigv4.EscapeQuery(query)
	out.Header.Set("X-Amz-Content-Sha256", hexSHA256(body))
	return out, nil
}

// forward sends it. An answer that is no success is an error; else its body is to
// be closed.
func (r *request) forward(out *http.Request) (*http.Response, error) {
	for name, values := range out.Header {
		// A presigned query can name headers with bytes that no header may have.
		if !httpguts.ValidHeaderFieldName(name) || slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return nil, errInvalidArgument.saying("A header has characters that the store behind this bucket cannot be sent.").with("ArgumentName", strings.ToLower(name))
		}
	}
	resp, err := r.bucket.upstream.Tripper.RoundTrip(out)
	switch {
	case errors.Is(err, upstream.ErrBusy):
		return nil, &upstreamFailure{errSlowDown, err}
	case err != nil && r.ctx.Err() != nil:
		return nil, r.ctx.Err()
	case err != nil:
		return nil, &upstreamFailure{errUnavailable, err}
	}
	e := event.From(r.ctx)
	e.Set("upstreamStatus", resp.StatusCode)
	if id := resp.Header.Get("X-Amz-Request-Id"); id != "" {
		e.Set("upstreamRequestId", short(id))
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, r.refused(resp)
	}
	return resp, nil
}

// upstreamFailure is the failure of an upstream: what the caller is told of it,
// and its cause for the log.
type upstreamFailure struct {
	answer *Error
	cause  error
}

func (f *upstreamFailure) Error() string { return "upstream: " + f.cause.Error() }

func (f *upstreamFailure) Unwrap() error { return f.cause }

// errUpstream is what callers are told when the upstream refuses the server's
// own key, or answers what cannot be.
var errUpstream = newError(http.StatusInternalServerError, "InternalError", "The store behind this bucket did not do what this server asked of it. The operator finds the cause in the log under this request id.")

// short makes a text of a stranger fit for the log.
func short(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), 200)]
}

// callersOwn are the refusals of an upstream that are the caller's to hear, in
// our words. AccessDenied is not among them: it speaks of the operator's key.
var callersOwn = func() map[string]*Error {
	m := map[string]*Error{}
	for _, e := range []*Error{
		errBadDigest, errEntityTooLarge, errEntityTooSmall, errInvalidArgument, errInvalidDigest, errInvalidPart, errInvalidPartOrder, errInvalidPartNumber,
		errInvalidRange, errInvalidRequest, errInvalidTag, errKeyTooLong, errMalformedXML, errMetadataTooLarge, errMethodNotAllowed, errNoSuchKey,
		errNoSuchUpload, errNoSuchVersion, errNoSuchTagSet, errPrecondition, errNotImplemented, errSlowDown, errUnavailable,
		newError(409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource."),
		newError(409, "OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again."),
		newError(403, "InvalidObjectState", "The operation is not valid for the object's storage class"),
		newError(400, "InvalidStorageClass", "The storage class you specified is not valid"),
		newError(400, "InvalidWriteOffset", "The write offset value that you specified does not match the current object size."),
	} {
		m[e.Code] = e
	}
	return m
}()

// byStatus are the refusals that come without a body, to HEAD.
var byStatus = map[int]*Error{304: errNotModified, 404: errNoSuchKey, 405: errMethodNotAllowed, 412: errPrecondition, 416: errInvalidRange,
	503: errUnavailable, 429: errSlowDown}

type upstreamError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

// maxUpstreamXML bounds the documents of an upstream, in bytes: 1000 keys of
// 1024 bytes, percent-encoded, and what else is said of them.
const maxUpstreamXML = 8 << 20

// refused words a refusal of the upstream.
func (r *request) refused(resp *http.Response) error {
	if resp.StatusCode == http.StatusNotModified {
		copyHeaders(r.w.Header(), resp.Header, objectHeaders)
		return errNotModified
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, smallXML))
	if err != nil {
		return &upstreamFailure{errUnavailable, err}
	}
	var x upstreamError
	if len(text) > 0 {
		_ = parseXML(text, &x) // what is no such document has no code
	}
	if resp.Header.Get("X-Amz-Delete-Marker") == "true" {
		r.marker = &store.Object{Version: resp.Header.Get("X-Amz-Version-Id")}
	}
	return r.wordRefusal(resp.StatusCode, x.Code, x.Message)
}

func (r *request) wordRefusal(status int, code, message string) error {
	event.From(r.ctx).Set("upstreamCode", short(code))
	e := callersOwn[code]
	if code == "" {
		e = byStatus[status]
	}
	cause := fmt.Errorf("it answered %d %s: %s", status, short(code), short(message))
	switch {
	case e == nil && status == http.StatusServiceUnavailable:
		return &upstreamFailure{errUnavailable, cause}
	case e == nil:
		return &upstreamFailure{errUpstream, cause}
	case e.Status >= 500:
		return &upstreamFailure{e, cause}
	case e == errNoSuchKey || e == errNoSuchVersion || e == errMethodNotAllowed && r.marker != nil:
		if r.op != nil && r.op.load && r.op.name != "CopyObject" && r.op.name != "DeleteObject" {
			return r.missing()
		}
		return e.with("Key", r.key)
	}
	return e
}

// document sends a request and reads the document of the answer into v. A
// success may still hold an error, after a long wait (AWS:
// CompleteMultipartUpload, CopyObject).
func (r *request) document(out *http.Request, v any) (http.Header, error) {
	resp, err := r.forward(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxUpstreamXML+1))
	if err != nil {
		return nil, &upstreamFailure{errUnavailable, err}
	}
	text = bytes.TrimLeft(text, " \r\n\t") // sent to keep the connection alive
	var x upstreamError
	if parseXML(text, &x) == nil {
		return nil, r.wordRefusal(resp.StatusCode, x.Code, x.Message)
	}
	if len(text) > maxUpstreamXML || parseXML(text, v) != nil {
		return nil, strange(fmt.Sprintf("a document of %d bytes that is not the one of %s", len(text), r.op.name))
	}
	return resp.Header, nil
}

// strange is the error for an answer that cannot be.
func strange(what string) error {
	return &upstreamFailure{errUpstream, errors.New("it answered " + what)}
}

// Headers that pass from an upstream, of objects and of what was written.
var (
	objectHeaders = []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control", "Expires", "Content-Range",
		"Etag", "Last-Modified", "Accept-Ranges", "X-Amz-Version-Id", "X-Amz-Delete-Marker", "X-Amz-Mp-Parts-Count", "X-Amz-Tagging-Count", "X-Amz-Missing-Meta",
		"X-Amz-Storage-Class", "X-Amz-Website-Redirect-Location", "X-Amz-Checksum-Crc32", "X-Amz-Checksum-Crc32c", "X-Amz-Checksum-Crc64nvme",
		"X-Amz-Checksum-Sha1", "X-Amz-Checksum-Sha256", "X-Amz-Checksum-Type"}
	writtenHeaders = []string{"Etag", "X-Amz-Version-Id", "X-Amz-Delete-Marker"}
)

const metaPrefix = "X-Amz-Meta-"

func copyHeaders(to, from http.Header, names []string) {
	for _, name := range names {
		if v := from.Get(name); v != "" {
			to.Set(name, v)
		}
	}
}

func copyMetadata(to, from http.Header) {
	for name, values := range from {
		if strings.HasPrefix(name, metaPrefix) {
			to.Set(name, strings.Join(values, ","))
		}
	}
}

// versionOf is the query of a request about an object.
func (r *request) versionOf() url.Values {
	q := url.Values{}
	if v := r.query.Get("versionId"); v != "" {
		q.Set("versionId", v)
	}
	return q
}

// getUpstream is GetObject and HeadObject.
func (s *Service) getUpstream(r *request) error {
	q, h := r.versionOf(), r.http.Header
	for _, v := range overrides {
		if !r.query.Has(v.param) {
			continue
		}
		if r.anonymous() {
			return errInvalidRequest.saying("Request specific response headers cannot be used for anonymous GET requests.")
		}
		q.Set(v.param, r.query.Get(v.param))
	}
	if v := r.query.Get("partNumber"); v != "" {
		if _, err := r.partNumber(); err != nil {
			return err
		}
		q.Set("partNumber", v)
	}
	out, err := r.outgoing(r.http.Method, r.key, q, nil)
	if err != nil {
		return err
	}
	copyHeaders(out.Header, h, []string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "X-Amz-Checksum-Mode"})
	resp, err := r.forward(out)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent || resp.ContentLength < 0 {
		return strange(fmt.Sprintf("%d with a body of unknown length", resp.StatusCode))
	}
	copyHeaders(r.w.Header(), resp.Header, objectHeaders)
	copyMetadata(r.w.Header(), resp.Header)
	r.w.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	r.w.WriteHeader(resp.StatusCode)
	if r.http.Method == http.MethodHead {
		return nil
	}
	return r.pass(resp.Body, resp.ContentLength)
}

// pass copies the body of an answer that has begun.
func (r *request) pass(body io.Reader, length int64) error {
	buf := r.svc.buffers.Get().(*[]byte)
	defer r.svc.buffers.Put(buf)
	n, err := io.CopyBuffer(struct{ io.Writer }{r.w}, struct{ io.Reader }{io.LimitReader(body, length)}, *buf)
	if err == nil && n < length {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		return nil
	}
	if r.ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errAnswered, r.ctx.Err())
	}
	return fmt.Errorf("%w: send object: %w", errAnswered, &upstreamFailure{errUnavailable, err})
}

// deleteUpstream is DeleteObject.
func (s *Service) deleteUpstream(r *request) error {
	out, err := r.outgoing(http.MethodDelete, r.key, r.versionOf(), nil)
	if err != nil {
		return err
	}
	copyHeaders(out.Header, r.http.Header, []string{"If-Match"})
	resp, err := r.forward(out)
	var refused *Error
	switch {
	case errors.As(err, &refused) && refused.Code == errNoSuchKey.Code && out.Header.Get("If-Match") == "":
		// Some stores tell; here and on AWS there is nothing left to do.
	case err != nil:
		return err
	default:
		resp.Body.Close()
		copyHeaders(r.w.Header(), resp.Header, []string{"X-Amz-Version-Id", "X-Amz-Delete-Marker"})
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
