package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/internal/store"
)

// Websites of buckets whose objects live elsewhere: an object is looked for by
// HEAD, and its bytes are asked for under its ETag, so that both are of one.

// readableUpstream is readable for such a bucket.
func (r *request) readableUpstream(key string) (*store.Object, error) {
	if err := r.authorizeObject(onO("GetObject", permRead), r.bucket, key, nil); err != nil {
		return nil, err
	}
	out, err := r.outgoing(http.MethodHead, key, url.Values{}, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.forward(out)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == errNoSuchKey.Code {
		return nil, r.missingKey(r.bucket, key)
	}
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	h := resp.Header
	o := &store.Object{Bucket: r.bucketName, Key: key, ETag: strings.Trim(h.Get("ETag"), `"`), Size: resp.ContentLength, Attributes: store.ObjectAttributes{
		ContentType: h.Get("Content-Type"), ContentEncoding: h.Get("Content-Encoding"), ContentLanguage: h.Get("Content-Language"),
		ContentDisposition: h.Get("Content-Disposition"), CacheControl: h.Get("Cache-Control"), Expires: h.Get("Expires"),
		RedirectLocation: h.Get("X-Amz-Website-Redirect-Location")}}
	o.Modified, err = http.ParseTime(h.Get("Last-Modified"))
	if err != nil || o.Size < 0 || o.ETag == "" {
		return nil, strange("an object without ETag, length or time")
	}
	for name := range h {
		if meta, ok := strings.CutPrefix(name, metaPrefix); ok && meta != "" {
			if o.Attributes.Metadata == nil {
				o.Attributes.Metadata = map[string]string{}
			}
			o.Attributes.Metadata[strings.ToLower(meta)] = strings.Join(h[name], ",")
		}
	}
	return o, nil
}

// sendUpstream answers with a part of such an object; its headers are set.
func (r *request) sendUpstream(o *store.Object, part byteRange, status int) error {
	out, err := r.outgoing(http.MethodGet, o.Key, url.Values{}, nil)
	if err != nil {
		return err
	}
	out.Header.Set("If-Match", quoteETag(o.ETag))
	if part.length < o.Size {
		out.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", part.start, part.start+part.length-1))
	}
	resp, err := r.forward(out)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.ContentLength != part.length {
		return strange(fmt.Sprintf("%d bytes where %d were asked for", resp.ContentLength, part.length))
	}
	r.w.WriteHeader(status)
	return r.pass(resp.Body, part.length)
}
