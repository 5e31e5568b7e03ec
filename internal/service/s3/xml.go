package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// writeXML answers with a document. It is marshalled before the first byte is
// sent, so that its length is known.
func (r *request) writeXML(status int, v any) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		r.svc.log.ErrorContext(r.ctx, "s3: encode answer", "requestId", r.id, "error", err)
		r.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	r.w.WriteHeader(status)
	r.w.Write(b.Bytes())
}

// Sizes of request documents. DeleteObjects may name 1000 keys of 1024 bytes,
// CompleteMultipartUpload 10 000 parts; the others are short.
const (
	smallXML = 64 << 10
	largeXML = 2 << 20
)

// readBody reads a whole bounded body, to its end, so that the signature's
// payload hash has been checked, and checks it against Content-MD5 and
// x-amz-checksum-*.
func (r *request) readBody(limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, newError(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too big.").
			with("MaxMessageLengthBytes", strconv.FormatInt(limit, 10))
	}
	h := r.http.Header
	if want := h.Get("Content-MD5"); want != "" {
		sum := md5.Sum(b)
		if _, err := base64.StdEncoding.DecodeString(want); err != nil {
			return nil, errInvalidDigest
		}
		if want != base64.StdEncoding.EncodeToString(sum[:]) {
			return nil, errBadDigest
		}
	}
	c, err := requestedChecksum(h)
	if err != nil {
		return nil, err
	}
	if c.value != "" {
		sum := c.algorithm.new()
		sum.Write(b)
		if c.value != base64.StdEncoding.EncodeToString(sum.Sum(nil)) {
			return nil, errBadDigest.saying("The " + string(c.algorithm) + " you specified did not match the calculated checksum.")
		}
	}
	return b, nil
}

// readXML reads a bounded document into v, whose root element must fit and
// after which nothing may follow. The namespace is not looked at, because S3
// accepts documents without one.
func (r *request) readXML(limit int64, v any) error {
	b, err := r.readBody(limit)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return errMissingBody
	}
	return parseXML(b, v)
}

func parseXML(b []byte, v any) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(v); err != nil {
		return errMalformedXML
	}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		switch t := t.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errMalformedXML
			}
		default:
			return errMalformedXML
		}
	}
}

// isoTime is the form of times in S3's XML: UTC with milliseconds.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func quoteETag(etag string) string { return `"` + etag + `"` }
