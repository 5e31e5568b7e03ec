package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Body is the payload of a verified S3 request, without aws-chunked framing.
// What it has handed out is true only when Read has returned io.EOF: until
// then keep it where nobody sees it, and on any other error drop it. It uses
// the same little memory for every length.
type Body struct {
	r        io.Reader
	length   int64
	trailers map[string]string
}

// Read reads the payload. Errors of type *Error mean that it is not the one
// that was signed or announced; others come from the connection.
func (b *Body) Read(p []byte) (int, error) { return b.r.Read(p) }

// Length is the payload's length as announced, or -1 when it was not. A
// streamed payload of another length ends in an error.
func (b *Body) Length() int64 { return b.length }

// Trailer is a trailing header's value, after io.EOF. The name is lower case.
func (b *Body) Trailer(name string) string { return b.trailers[name] }

// Body wraps the body of an S3 request so that reading it verifies it against
// what was signed: the hash in x-amz-content-sha256, or the signatures and
// checksums of the aws-chunked encoding. An unsigned payload is passed on.
func (v *Verified) Body(r *http.Request) (*Body, error) {
	var raw io.Reader = http.NoBody
	if r.Body != nil {
		raw = r.Body
	}
	switch hash := v.auth.PayloadHash; hash {
	case "", UnsignedPayload:
		return &Body{r: raw, length: r.ContentLength}, nil
	case StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer:
		length, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || length < 0 {
			return nil, &Error{Code: MissingDecodedLength, Message: msgLength, AccessKeyID: v.auth.AccessKeyID}
		}
		c := newChunked(raw, length)
		if hash != StreamingUnsignedTrailer {
			c.key, c.stamp, c.scope, c.previous = &v.key, v.auth.stamp, v.auth.Scope(), v.auth.Signature
			c.data = sha256.New()
		}
		if hash != StreamingSigned {
			if err := c.announce(r.Header.Values("X-Amz-Trailer")); err != nil {
				return nil, err
			}
		}
		return &Body{r: c, length: length, trailers: c.trailers}, nil
	default:
		return &Body{r: &hashed{r: raw, want: hash, sum: sha256.New()}, length: r.ContentLength}, nil
	}
}

// StripChunked is a Content-Encoding without aws-chunked, which is the wire's
// and not the object's.
func StripChunked(contentEncoding string) string {
	var kept []string
	for part := range strings.SplitSeq(contentEncoding, ",") {
		if part = strings.TrimSpace(part); part != "" && !strings.EqualFold(part, "aws-chunked") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ",")
}

// hashed reads a body whose SHA-256 was signed.
type hashed struct {
	r    io.Reader
	want string // hexadecimal
	sum  hash.Hash
	err  error
}

func (h *hashed) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.r.Read(p)
	h.sum.Write(p[:n])
	if err == io.EOF {
		got := hex.EncodeToString(h.sum.Sum(nil))
		if subtle.ConstantTimeCompare([]byte(got), []byte(h.want)) != 1 {
			err = refuse(PayloadHashMismatch, msgPayload)
		}
	}
	h.err = err
	return n, err
}
