package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"gatehouse/internal/authz/policy"
	"gatehouse/internal/service/s3/blob"
	"gatehouse/internal/store"
)

// GetObject and HeadObject.

// overrides are the parameters by which a signed GET asks for other headers.
var overrides = []struct{ param, header string }{
	{"response-content-type", "Content-Type"},
	{"response-content-language", "Content-Language"},
	{"response-expires", "Expires"},
	{"response-cache-control", "Cache-Control"},
	{"response-content-disposition", "Content-Disposition"},
	{"response-content-encoding", "Content-Encoding"},
}

func (s *Service) getObject(r *request) error {
	if r.object == nil {
		return r.missing()
	}
	o, h := r.object, r.http.Header
	setObjectHeaders(r.w.Header(), o)
	r.showVersion(r.bucket, o.Version)
	if e := requestConditions(h, "").check(o.ETag, o.Modified); e != nil {
		return e
	}
	for _, v := range overrides {
		if !r.query.Has(v.param) {
			continue
		}
		if r.caller.Principal.Type == policy.Anonymous {
			return errInvalidRequest.saying("Request specific response headers cannot be used for anonymous GET requests.")
		}
		r.w.Header().Set(v.header, r.query.Get(v.param))
	}
	part, status, err := r.wanted(o)
	if err != nil {
		return err
	}
	if status == http.StatusOK && h.Get("x-amz-checksum-mode") == "ENABLED" {
		setChecksum(r.w.Header(), &o.Attributes)
	}
	if n := len(o.Attributes.Tags); n > 0 {
		r.w.Header().Set("x-amz-tagging-count", itoa(n))
	}
	return r.send(o, part, status)
}

// setObjectHeaders sets what GET and HEAD say of an object, on the REST and
// the website endpoint.
func setObjectHeaders(h http.Header, o *store.Object) {
	a := &o.Attributes
	for _, v := range []struct{ name, value string }{
		{"Content-Type", a.ContentType}, {"Content-Encoding", a.ContentEncoding}, {"Content-Language", a.ContentLanguage},
		{"Content-Disposition", a.ContentDisposition}, {"Cache-Control", a.CacheControl}, {"Expires", a.Expires},
		{"x-amz-website-redirect-location", a.RedirectLocation},
	} {
		if v.value != "" {
			h.Set(v.name, v.value)
		}
	}
	for name, value := range a.Metadata {
		h.Set("x-amz-meta-"+name, value)
	}
	h.Set("ETag", quoteETag(o.ETag))
	h.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
}

// wanted finds the bytes that a request asks for, by Range or partNumber.
func (r *request) wanted(o *store.Object) (part byteRange, status int, err error) {
	whole := byteRange{0, o.Size}
	rangeHeader := r.http.Header.Get("Range")
	if v := r.query.Get("partNumber"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxParts {
			return part, 0, errInvalidArgument.saying("Part number must be an integer between 1 and 10000, inclusive").
				with("ArgumentName", "partNumber", "ArgumentValue", v)
		}
		if rangeHeader != "" {
			return part, 0, errInvalidRequest.saying("Cannot specify both Range header and partNumber query parameter")
		}
		part, err = partRange(o, n)
		if err != nil {
			return part, 0, err
		}
		if len(o.Attributes.PartSizes) > 0 {
			r.w.Header().Set("x-amz-mp-parts-count", itoa(len(o.Attributes.PartSizes)))
		}
		r.setContentRange(part, o.Size)
		return part, http.StatusPartialContent, nil
	}
	part, ok, e := parseRange(rangeHeader, o.Size)
	if e != nil {
		e = e.with()
		e.Headers = []string{"Content-Range", fmt.Sprintf("bytes */%d", o.Size)}
		return part, 0, e
	}
	if !ok {
		return whole, http.StatusOK, nil
	}
	r.setContentRange(part, o.Size)
	return part, http.StatusPartialContent, nil
}

func (r *request) setContentRange(p byteRange, size int64) {
	if p.length > 0 {
		r.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", p.start, p.start+p.length-1, size))
	}
}

// partRange finds the n-th part of an object; one that was put whole has one.
func partRange(o *store.Object, n int) (byteRange, error) {
	sizes := o.Attributes.PartSizes
	if len(sizes) == 0 {
		sizes = []int64{o.Size}
	}
	if n > len(sizes) {
		return byteRange{}, errInvalidPartNumber.with("ActualPartCount", itoa(len(sizes)), "PartNumberRequested", itoa(n))
	}
	var start int64
	for _, size := range sizes[:n-1] {
		start += size
	}
	return byteRange{start, sizes[n-1]}, nil
}

// send answers with a part of an object. The first blob is opened before the
// status is sent, so that the usual failures are still told.
func (r *request) send(o *store.Object, part byteRange, status int) error {
	h := r.w.Header()
	h.Set("Content-Length", strconv.FormatInt(part.length, 10))
	if r.http.Method == http.MethodHead || part.length == 0 {
		r.w.WriteHeader(status)
		return nil
	}
	if r.bucket.upstream != nil {
		return r.sendUpstream(o, part, status)
	}
	begun := false
	for _, s := range cut(o.Segments, part) {
		b, err := r.svc.blobs.Open(r.ctx, s.Blob)
		if err == nil {
			_, err = b.Seek(s.Offset, io.SeekStart)
		}
		if err == nil && !begun {
			r.w.WriteHeader(status)
			begun = true
		}
		if err == nil {
			err = r.sendBlob(b, s.Length)
		}
		if b != nil {
			b.Close()
		}
		if err != nil && begun {
			if r.ctx.Err() != nil {
				return fmt.Errorf("%w: %w", errAnswered, r.ctx.Err())
			}
			return fmt.Errorf("%w: send object: %w", errAnswered, err)
		}
		if err != nil {
			return fmt.Errorf("send object: %w", err)
		}
	}
	return nil
}

// sendBlob copies by the ResponseWriter's own way, which on a plain connection
// is the kernel's.
func (r *request) sendBlob(b blob.Reader, n int64) error {
	sent, err := io.Copy(r.w, &io.LimitedReader{R: b, N: n})
	if err == nil && sent < n {
		err = errors.New("blob is shorter than its record says")
	}
	return err
}

// cut gives the segments of a part of an object.
func cut(segments []store.Segment, part byteRange) []store.Segment {
	var out []store.Segment
	pos, end := int64(0), part.start+part.length
	for _, s := range segments {
		from, to := max(part.start, pos), min(end, pos+s.Length)
		if from < to {
			out = append(out, store.Segment{Blob: s.Blob, Offset: s.Offset + from - pos, Length: to - from})
		}
		pos += s.Length
	}
	return out
}
