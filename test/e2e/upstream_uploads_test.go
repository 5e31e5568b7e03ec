package e2e_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"gatehouse/internal/authz/sigv4"
)

func letters(n int) []byte { return bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n] }

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// signedPut makes a PUT of root's with headers in pairs.
func (x *forwarding) signedPut(key string, payload string, headers ...string) *http.Request {
	x.Helper()
	r, err := http.NewRequestWithContext(x.Context(), http.MethodPut, x.server.URL+"/photos/"+key, nil)
	x.ok(err)
	r.Header.Set("X-Amz-Content-Sha256", payload)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	x.ok(x.root.SignS3(r, payload))
	return r
}

func carrying(r *http.Request, body []byte) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// chunked encodes a body in signed chunks (AWS: "Signature calculations for the
// Authorization header: transferring payload in multiple chunks"). wrong is
// the number of the chunk that is signed for other bytes, from 1; 0: none.
func chunked(r *http.Request, secret string, body []byte, wrong int) []byte {
	const size = 64 << 10
	stamp := r.Header.Get("X-Amz-Date")
	key := sigv4.DeriveKey(secret, stamp[:8], "us-east-1", "s3")
	_, previous, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	var b bytes.Buffer
	for n := 1; ; n++ {
		chunk := body[:min(size, len(body))]
		body = body[len(chunk):]
		signed := chunk
		if n == wrong {
			signed = append([]byte("other"), chunk...)
		}
		mac := hmac.New(sha256.New, key[:])
		fmt.Fprintf(mac, "AWS4-HMAC-SHA256-PAYLOAD\n%s\n%s/us-east-1/s3/aws4_request\n%s\n%s\n%s", stamp, stamp[:8], previous, sha(nil), sha(signed))
		previous = hex.EncodeToString(mac.Sum(nil))
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s\r\n", len(chunk), previous, chunk)
		if len(chunk) == 0 {
			return b.Bytes()
		}
	}
}

// TestUpstream_spoiltUploads: a body that is not what was signed, or that
// breaks off, is no object there, however much of it had passed.
func TestUpstream_spoiltUploads(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		x.there.put("photos-prod", "before", "text/plain", "the object before")
		for _, size := range []int{1, 1000, 64 << 10, 64<<10 + 1, 300_000} {
			body := letters(size)
			other := append([]byte{}, body...)
			other[size-1] ^= 1 // the last byte alone
			chunks := []string{"Content-Encoding", "aws-chunked", "X-Amz-Decoded-Content-Length", strconv.Itoa(size)}
			last := (size + 64<<10 - 1) / (64 << 10)
			stream := func(wrong int) *http.Request {
				r := x.signedPut("before", sigv4.StreamingSigned, chunks...)
				return carrying(r, chunked(r, x.server.SecretKey, body, wrong))
			}
			trailer := func(checksum string, also string) *http.Request {
				r := x.signedPut("before", sigv4.StreamingUnsignedTrailer, append(chunks, "X-Amz-Trailer", "x-amz-checksum-sha256")...)
				return carrying(r, fmt.Appendf(nil, "%x\r\n%s\r\n0\r\nx-amz-checksum-sha256:%s\r\n%s\r\n", size, body, checksum, also))
			}
			md := md5.Sum(other)
			for _, c := range []struct {
				name   string
				r      *http.Request
				status int
				code   string
			}{
				{"other bytes than were signed", carrying(x.signedPut("before", sha(body)), other), 400, "XAmzContentSHA256Mismatch"},
				{"other bytes than Content-MD5", carrying(x.signedPut("before", sigv4.UnsignedPayload, "Content-Md5", base64.StdEncoding.EncodeToString(md[:])), body), 400, "BadDigest"},
				{"other bytes than the checksum", carrying(x.signedPut("before", sigv4.UnsignedPayload, "X-Amz-Checksum-Crc32", "AAAAAA=="), body), 400, "BadDigest"},
				{"a wrong first chunk", stream(1), 403, "SignatureDoesNotMatch"},
				{"a wrong last chunk", stream(last), 403, "SignatureDoesNotMatch"},
				{"a wrong end", stream(last + 1), 403, "SignatureDoesNotMatch"},
				{"a wrong trailer", trailer("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", ""), 400, "BadDigest"},
				{"a trailer that nobody announced", trailer(base64sha(body), "x-amz-checksum-crc32:AAAAAA==\r\n"), 400, "MalformedTrailerError"},
			} {
				if a := x.do(c.r); a.status != c.status || !strings.Contains(string(a.body), "<Code>"+c.code+"</Code>") {
					x.Errorf("%s of %d bytes: %d %s", c.name, size, a.status, a.body)
				}
			}
			// A caller that goes away in the middle.
			conn, err := net.Dial("tcp", strings.TrimPrefix(x.server.URL, "http://"))
			x.ok(err)
			r := x.signedPut("before", sigv4.UnsignedPayload)
			r.ContentLength = int64(size) + 1
			fmt.Fprintf(conn, "PUT /photos/before HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.Host, size+1)
			x.ok(r.Header.Write(conn))
			fmt.Fprintf(conn, "\r\n%s", body)
			x.ok(conn.Close())
			unchanged := func() {
				x.Helper()
				time.Sleep(100 * time.Millisecond) // what broke off is noticed there
				got, err := x.there.root.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: aws.String("photos-prod"), Key: aws.String("before")})
				x.ok(err)
				x.body(got.Body, "the object before")
			}
			unchanged()

			for name, good := range map[string]*http.Request{"chunks": stream(0), "a trailer": trailer(base64sha(body), ""), "a hash": carrying(x.signedPut("before", sha(body)), body)} {
				good.URL.Path = "/photos/before"
				if a := x.do(good); a.status != 200 || a.header.Get("ETag") != fmt.Sprintf(`"%x"`, md5.Sum(body)) {
					x.Errorf("%s of %d bytes: %d %s", name, size, a.status, a.body)
				}
				got, err := x.there.root.S3.GetObject(x.Context(), &s3.GetObjectInput{Bucket: aws.String("photos-prod"), Key: aws.String("before")})
				x.ok(err)
				x.body(got.Body, string(body))
				x.there.put("photos-prod", "before", "text/plain", "the object before")
			}
		}
		x.thereIs("before")
	})
}

func base64sha(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestUpstream_multipart: an upload in parts as SDKs and the CLI make it, with a
// checksum for each part.
func TestUpstream_multipart(t *testing.T) {
	eachForwarding(t, func(x *forwarding) {
		photos, key := aws.String("photos"), aws.String("big file")
		c := x.root.S3
		begun, err := c.CreateMultipartUpload(x.Context(), &s3.CreateMultipartUploadInput{Bucket: photos, Key: key, ContentType: aws.String("video/mp4"), ChecksumAlgorithm: "CRC32", Metadata: map[string]string{"a": "b"}})
		x.ok(err)
		if *begun.Bucket != "photos" || *begun.Key != "big file" || begun.ChecksumAlgorithm != "CRC32" {
			x.Errorf("CreateMultipartUpload answered %+v", begun)
		}
		_, err = c.UploadPart(x.Context(), &s3.UploadPartInput{Bucket: photos, Key: key, UploadId: aws.String("none"), PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
		x.refused(err, "NoSuchUpload", "")
		_, err = c.UploadPart(x.Context(), &s3.UploadPartInput{Bucket: photos, Key: aws.String("other"), UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
		x.refused(err, "NoSuchUpload", "")
		_, err = c.UploadPart(x.Context(), &s3.UploadPartInput{Bucket: photos, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x"), ChecksumCRC32: aws.String("AAAAAA==")})
		x.refused(err, "BadDigest", "")

		body := letters(11 << 20)
		var parts []s3types.CompletedPart
		for i := range int32(2) {
			part := body[int(i)*5<<20:]
			if i == 0 {
				part = part[:5<<20]
			}
			out, err := c.UploadPart(x.Context(), &s3.UploadPartInput{Bucket: photos, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(i + 1), Body: bytes.NewReader(part), ChecksumAlgorithm: "CRC32"})
			x.ok(err)
			if out.ChecksumCRC32 == nil || out.ETag == nil {
				x.Errorf("UploadPart answered %+v", out)
			}
			parts = append(parts, s3types.CompletedPart{PartNumber: aws.Int32(i + 1), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
		}
		have, err := c.ListParts(x.Context(), &s3.ListPartsInput{Bucket: photos, Key: key, UploadId: begun.UploadId})
		x.ok(err)
		if len(have.Parts) != 2 || *have.Parts[1].Size != 6<<20 || *have.Bucket != "photos" {
			x.Errorf("ListParts answered %+v", have)
		}
		uploads, err := c.ListMultipartUploads(x.Context(), &s3.ListMultipartUploadsInput{Bucket: photos})
		x.ok(err)
		if len(uploads.Uploads) != 1 || *uploads.Uploads[0].Key != "big file" || *uploads.Uploads[0].UploadId != *begun.UploadId || *uploads.Bucket != "photos" {
			x.Errorf("ListMultipartUploads answered %+v", uploads)
		}
		done := &s3.CompleteMultipartUploadInput{Bucket: photos, Key: key, UploadId: begun.UploadId}
		for _, wrong := range []struct {
			parts []s3types.CompletedPart
			code  string
		}{
			{[]s3types.CompletedPart{parts[1], parts[0]}, "InvalidPartOrder"},
			{[]s3types.CompletedPart{{PartNumber: aws.Int32(1), ETag: parts[1].ETag}}, "InvalidPart"},
			{nil, "MalformedXML"},
		} {
			done.MultipartUpload = &s3types.CompletedMultipartUpload{Parts: wrong.parts}
			_, err = c.CompleteMultipartUpload(x.Context(), done)
			x.refused(err, wrong.code, "")
		}
		done.MultipartUpload = &s3types.CompletedMultipartUpload{Parts: parts}
		done.ChecksumCRC32 = aws.String("AAAAAA==")
		_, err = c.CompleteMultipartUpload(x.Context(), done)
		x.refused(err, "NotImplemented", "The store behind this bucket is not asked for a checksum of the whole object.")
		x.thereIs()
		done.ChecksumCRC32 = nil
		complete, err := c.CompleteMultipartUpload(x.Context(), done)
		x.ok(err)
		if *complete.Bucket != "photos" || *complete.Key != "big file" || !strings.HasSuffix(*complete.ETag, `-2"`) || strings.Contains(*complete.Location, "prod") {
			x.Errorf("CompleteMultipartUpload answered %+v", complete)
		}
		got, err := c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: key, ChecksumMode: "ENABLED"})
		x.ok(err)
		if *got.ContentType != "video/mp4" || got.Metadata["a"] != "b" {
			x.Errorf("GetObject answered %+v", got)
		}
		x.body(got.Body, string(body))
		second, err := c.GetObject(x.Context(), &s3.GetObjectInput{Bucket: photos, Key: key, PartNumber: aws.Int32(2)})
		x.ok(err)
		x.body(second.Body, string(body[5<<20:]))

		// A part that is copied there, and an upload that is given up.
		again, err := c.CreateMultipartUpload(x.Context(), &s3.CreateMultipartUploadInput{Bucket: photos, Key: aws.String("again")})
		x.ok(err)
		copied, err := c.UploadPartCopy(x.Context(), &s3.UploadPartCopyInput{Bucket: photos, Key: aws.String("again"), UploadId: again.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String("photos/big%20file"), CopySourceRange: aws.String("bytes=0-9")})
		x.ok(err)
		if *copied.CopyPartResult.ETag != fmt.Sprintf(`"%x"`, md5.Sum(body[:10])) {
			x.Errorf("UploadPartCopy answered %+v", copied.CopyPartResult)
		}
		_, err = c.AbortMultipartUpload(x.Context(), &s3.AbortMultipartUploadInput{Bucket: photos, Key: aws.String("again"), UploadId: again.UploadId})
		x.ok(err)
		_, err = c.AbortMultipartUpload(x.Context(), &s3.AbortMultipartUploadInput{Bucket: photos, Key: aws.String("again"), UploadId: again.UploadId})
		x.refused(err, "NoSuchUpload", "")
		x.thereIs("big file")
	})
}

// TestUpstream_flat: an object of 200 MiB passes both ways in little memory.
func TestUpstream_flat(t *testing.T) {
	x := startForwarding(t)
	const size = 200 << 20
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak, stop, done := uint64(0), make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
		}
	}()
	r := x.signedPut("large", sigv4.UnsignedPayload)
	r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, size)), size
	start := time.Now()
	if a := x.do(r); a.status != 200 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	put := time.Since(start)
	g, err := http.NewRequest(http.MethodGet, x.server.URL+"/photos/large", nil)
	x.ok(err)
	g.Header.Set("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	x.ok(x.root.SignS3(g, sigv4.UnsignedPayload))
	start = time.Now()
	resp, err := x.http.Do(g)
	x.ok(err)
	n, err := io.Copy(io.Discard, resp.Body)
	x.ok(err)
	x.ok(resp.Body.Close())
	close(stop)
	<-done
	t.Logf("PUT %v, GET %v, heap %d MiB before, %d MiB at most (both servers and the client)", put, time.Since(start), before.HeapAlloc>>20, peak>>20)
	if n != size {
		t.Errorf("read %d bytes", n)
	}
	if peak > before.HeapAlloc+48<<20 {
		t.Errorf("the heap grew from %d to %d MiB", before.HeapAlloc>>20, peak>>20)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
