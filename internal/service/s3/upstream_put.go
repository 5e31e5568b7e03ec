package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/store"
)

// Bodies on their way to an upstream.
//
// What makes a body that is not what was signed invisible: its length is known
// and told, and its last byte is given only after all the others and all that
// was promised about them have been checked. Without that byte there is no
// request, and no server makes an object of it.

// small is up to which length a body is read and checked before the upstream
// hears of it, in bytes.
const small = 64 << 10

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// upload is the checked body of a request.
type upload struct {
	*digests
	from io.Reader
	left int64

	mu  sync.Mutex
	err error // what reading ended with; io.EOF when all was right
}

func (r *request) upload() (*upload, error) {
	length, err := contentLength(r.http)
	if err != nil {
		return nil, err
	}
	if length > maxObject {
		return nil, errEntityTooLarge.with("ProposedSize", strconv.FormatInt(length, 10), "MaxSizeAllowed", strconv.Itoa(maxObject))
	}
	d, err := newDigests(r.http.Header, algCRC64NVME)
	if err != nil {
		return nil, err
	}
	return &upload{digests: d, from: r.body, left: length}, nil
}

// Read is called by one goroutine at a time.
func (u *upload) Read(p []byte) (n int, err error) {
	if err := u.ended(); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			u.mu.Lock()
			u.err = err
			u.mu.Unlock()
		}
	}()
	if u.left == 0 {
		return 0, u.end()
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err = u.from.Read(p[:min(int64(len(p)), max(u.left-1, 1))])
	u.digests.Write(p[:n])
	u.left -= int64(n)
	switch {
	case n > 0 && u.left == 0:
		if err == nil || err == io.EOF {
			err = u.end()
		}
		if err == io.EOF {
			return n, io.EOF
		}
		return 0, err
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return 0, errBodyCut
	case err != nil:
		return 0, err
	}
	return n, nil
}

// end reads on to the end, where the body's reader says whether it was what was
// signed, and checks the checksums. io.EOF is success.
func (u *upload) end() error {
	for range 100 {
		var more [1]byte
		n, err := u.from.Read(more[:])
		switch {
		case n > 0:
			return errIncompleteBody
		case err == io.EOF:
			if err := u.verify(); err != nil {
				return err
			}
			return io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errBodyCut
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

func (u *upload) ended() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// Close is the transport's; the request's own body is the server's to close.
func (u *upload) Close() error { return nil }

// forwardUpload sends a request with the body, and is done with it when it
// returns without an error: the upstream has taken all of it.
func (r *request) forwardUpload(out *http.Request, u *upload) (*http.Response, error) {
	out.ContentLength = u.left
	if u.left <= small {
		b, err := io.ReadAll(u)
		if err != nil {
			return nil, err
		}
		out.Body = http.NoBody // else a body of no length would have an unknown one
		if len(b) > 0 {
			out.Body = io.NopCloser(bytes.NewReader(b))
		}
		out.Header.Set("X-Amz-Content-Sha256", hexSHA256(b))
	} else {
		out.Body = u
		// What the caller signed, the upstream may check as well.
		out.Header.Set("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
		if hash := r.http.Header.Get("X-Amz-Content-Sha256"); len(hash) == 2*sha256.Size && !r.anonymous() {
			out.Header.Set("X-Amz-Content-Sha256", hash)
		}
		// A key that is refused is refused before the body is sent.
		out.Header.Set("Expect", "100-continue")
	}
	if u.wantMD5 != nil {
		out.Header.Set("Content-Md5", r.http.Header.Get("Content-Md5"))
	}
	resp, err := r.forward(out)
	if e := u.ended(); e != nil && e != io.EOF {
		// The caller's fault, or its connection's: the upstream has seen no more
		// than a request that broke off.
		if err == nil {
			resp.Body.Close()
		}
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	if u.ended() == nil {
		resp.Body.Close()
		return nil, strange("success before it had the whole body")
	}
	return resp, nil
}

// putUpstream is PutObject.
func (s *Service) putUpstream(r *request) error {
	a, err := r.newAttributes()
	if err != nil {
		return err
	}
	conditions, err := requestWriteConditions(r.http.Header)
	if err != nil {
		return err
	}
	u, err := r.upload()
	if err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodPut, r.key, nil, nil)
	if err != nil {
		return err
	}
	if err := r.setAttributes(out.Header, a); err != nil {
		return err
	}
	conditions.set(out.Header)
	resp, err := r.forwardUpload(out, u)
	if err != nil {
		return err
	}
	resp.Body.Close()
	copyHeaders(r.w.Header(), resp.Header, writtenHeaders)
	r.w.Header().Set(u.algorithm.header(), u.checksum())
	r.w.Header().Set("x-amz-checksum-type", fullObject)
	return r.ok()
}

func (w writeConditions) set(h http.Header) {
	if w.ifMatch != "" {
		h.Set("If-Match", w.ifMatch)
	}
	if w.ifNoneMatch {
		h.Set("If-None-Match", "*")
	}
}

// setAttributes says the attributes of a new object to the upstream. The list
// that newAttributes read is judged by the bucket's record and goes no further.
func (r *request) setAttributes(h http.Header, a *store.ObjectAttributes) error {
	if r.http.Header.Get("x-amz-server-side-encryption-aws-kms-key-id") != "" {
		return errNotImplemented.saying("The keys of the store behind this bucket are its operator's to choose.").with("Header", "x-amz-server-side-encryption-aws-kms-key-id")
	}
	for _, v := range []struct{ name, value string }{
		{"Content-Type", a.ContentType}, {"Content-Encoding", a.ContentEncoding}, {"Content-Language", a.ContentLanguage},
		{"Content-Disposition", a.ContentDisposition}, {"Cache-Control", a.CacheControl}, {"Expires", a.Expires},
		{"X-Amz-Server-Side-Encryption", a.Encryption}, {"X-Amz-Website-Redirect-Location", a.RedirectLocation}, {"X-Amz-Tagging", tagQuery(a.Tags)},
	} {
		if v.value != "" {
			h.Set(v.name, v.value)
		}
	}
	for name, value := range a.Metadata {
		h.Set(metaPrefix+name, value)
	}
	return nil
}

// tagQuery is the form of tags in a header.
func tagQuery(tags []store.Tag) string {
	q := url.Values{}
	for _, t := range tags {
		q.Set(t.Key, t.Value)
	}
	return sigv4.EscapeQuery(q)
}

// copyUpstream is CopyObject, within one store.
func (s *Service) copyUpstream(r *request) error {
	conditions, err := requestWriteConditions(r.http.Header)
	if err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodPut, r.key, nil, nil)
	if err != nil {
		return err
	}
	src, err := r.setCopySource(out.Header)
	if err != nil {
		return err
	}
	conditions.set(out.Header)
	replace := map[string]bool{}
	for _, name := range []string{"X-Amz-Metadata-Directive", "X-Amz-Tagging-Directive"} {
		switch v := r.http.Header.Get(name); v {
		case "", "COPY":
		case "REPLACE":
			replace[name] = true
			out.Header.Set(name, v)
		default:
			return errInvalidArgument.with("ArgumentName", strings.ToLower(name), "ArgumentValue", v)
		}
	}
	a := &store.ObjectAttributes{}
	if replace["X-Amz-Metadata-Directive"] {
		a, err = r.newAttributes()
	} else {
		err = r.storageHeaders(a)
	}
	if err != nil {
		return err
	}
	a.Tags = nil
	if replace["X-Amz-Tagging-Directive"] {
		a.Tags = r.requestTags
	}
	if err := r.setAttributes(out.Header, a); err != nil {
		return err
	}
	var x copyResult
	h, err := r.document(out, &x)
	if err != nil {
		return r.missingSource(src, err)
	}
	if x.XMLName.Local != "CopyObjectResult" {
		return strange("a copy with a " + x.XMLName.Local)
	}
	copyHeaders(r.w.Header(), h, []string{"X-Amz-Version-Id", "X-Amz-Copy-Source-Version-Id"})
	x.XMLName.Space, x.XMLNS = "", namespace
	r.writeXML(http.StatusOK, x)
	return nil
}

// setCopySource decides whether the caller may read the source, which must be
// in the same store as the target, and names it there.
func (r *request) setCopySource(h http.Header) (copySource, error) {
	src, err := r.copySource()
	if err != nil {
		return src, err
	}
	if err := src.bucket.checkUpstreamKey(src.key); err != nil {
		return src, err
	}
	source := "/" + src.bucket.upstream.Bucket + "/" + sigv4.EscapePath(src.key)
	if src.version != "" {
		source += "?versionId=" + url.QueryEscape(src.version)
	}
	h.Set("X-Amz-Copy-Source", source)
	copyHeaders(h, r.http.Header, []string{"X-Amz-Copy-Source-If-Match", "X-Amz-Copy-Source-If-None-Match", "X-Amz-Copy-Source-If-Modified-Since", "X-Amz-Copy-Source-If-Unmodified-Since"})
	return src, nil
}

// missingSource answers for a source that is not there as for any object that
// is not.
func (r *request) missingSource(src copySource, err error) error {
	var refused *Error
	if errors.As(err, &refused) && refused.Code == errNoSuchKey.Code && r.http.Header.Get("If-Match") == "" {
		return r.missingKey(src.bucket, src.key)
	}
	return err
}
