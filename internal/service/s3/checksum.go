package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"net/http"
	"strings"

	"gatehouse/internal/authz/sigv4"
)

// Checksums as S3 knows them beside the ETag (AWS: "Checking object integrity
// for data uploads"). A full-object checksum covers the bytes of the object; a
// composite one covers the checksums of its parts and ends in "-<parts>".

type algorithm string

const (
	algCRC32     algorithm = "CRC32"
	algCRC32C    algorithm = "CRC32C"
	algCRC64NVME algorithm = "CRC64NVME"
	algSHA1      algorithm = "SHA1"
	algSHA256    algorithm = "SHA256"
)

const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

var algorithms = []algorithm{algCRC32, algCRC32C, algCRC64NVME, algSHA1, algSHA256}

func parseAlgorithm(s string) (algorithm, bool) {
	for _, a := range algorithms {
		if strings.EqualFold(s, string(a)) {
			return a, true
		}
	}
	return "", false
}

func (a algorithm) header() string { return "x-amz-checksum-" + strings.ToLower(string(a)) }

// nvme is the polynomial of the NVM Express specification, reflected.
const nvme = 0x9a6c9329ac4bc9b5

func (a algorithm) new() hash.Hash { return sigv4.NewChecksum(string(a)) }

// linear says that a checksum of the whole follows from those of the parts.
func (a algorithm) linear() bool {
	return a == algCRC32 || a == algCRC32C || a == algCRC64NVME
}

// combine gives the checksum of two runs of bytes from the checksum of each
// and the length of the second.
//
// Appending n zero bytes to what a CRC has seen multiplies its state by x^8n;
// the parts' checksums then add up by exclusive or. Start and final inversion
// cancel out. Multiplication is in GF(2)[x] modulo the polynomial, with bits
// reflected as in the tables.
func (a algorithm) combine(first, second []byte, n int64) []byte {
	width, poly := uint(32), uint64(crc32.IEEE)
	switch a {
	case algCRC32C:
		poly = crc32.Castagnoli
	case algCRC64NVME:
		width, poly = 64, nvme
	}
	multiply := func(a, b uint64) uint64 {
		var product uint64
		for bit := uint64(1) << (width - 1); bit != 0; bit >>= 1 {
			if a&bit != 0 {
				product ^= b
			}
			if b&1 != 0 {
				b = b>>1 ^ poly
			} else {
				b >>= 1
			}
		}
		return product
	}
	shift := uint64(1) << (width - 1)      // x^0
	square := uint64(1) << (width - 1 - 8) // x^8, then x^16, x^32, …
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			shift = multiply(shift, square)
		}
		square = multiply(square, square)
	}
	if width == 32 {
		c := multiply(shift, uint64(binary.BigEndian.Uint32(first))) ^ uint64(binary.BigEndian.Uint32(second))
		return binary.BigEndian.AppendUint32(nil, uint32(c))
	}
	c := multiply(shift, binary.BigEndian.Uint64(first)) ^ binary.BigEndian.Uint64(second)
	return binary.BigEndian.AppendUint64(nil, c)
}

// checksumRequest is what a request asks to be checked and kept.
type checksumRequest struct {
	algorithm algorithm // empty when the request names none
	// value is the checksum that the request's header gives in base64; empty
	// when it comes in a trailer or not at all.
	value string
	// trailer says that the value comes after the body. The body's reader
	// checks it (package sigv4).
	trailer bool
}

// requestedChecksum reads the checksum headers of a request.
func requestedChecksum(h http.Header) (c checksumRequest, err error) {
	for _, a := range algorithms {
		v := h.Get(a.header())
		if v == "" {
			continue
		}
		if c.algorithm != "" {
			return c, errInvalidRequest.saying("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil || len(b) != a.new().Size() {
			return c, errInvalidRequest.saying("Value for " + a.header() + " header is invalid.")
		}
		c.algorithm, c.value = a, v
	}
	for name := range strings.SplitSeq(h.Get("x-amz-trailer"), ",") {
		rest, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(name)), "x-amz-checksum-")
		if a, ok := parseAlgorithm(rest); found && ok && c.algorithm == "" {
			c.algorithm, c.trailer = a, true
		}
	}
	if named := h.Get("x-amz-sdk-checksum-algorithm"); named != "" {
		a, ok := parseAlgorithm(named)
		switch {
		case !ok:
			return c, errInvalidRequest.saying("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		case c.algorithm == "":
			return c, errInvalidRequest.saying("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		case c.algorithm != a:
			return c, errInvalidRequest.saying("Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	return c, nil
}

// digests computes, while bytes pass, all that a request may be checked
// against and all that is kept.
type digests struct {
	md5       hash.Hash
	wantMD5   []byte // from Content-MD5, or nil
	request   checksumRequest
	algorithm algorithm // what is kept
	sum       hash.Hash
	size      int64
}

// newDigests prepares for a body. keep is the algorithm to compute when the
// request names none.
func newDigests(h http.Header, keep algorithm) (*digests, error) {
	c, err := requestedChecksum(h)
	if err != nil {
		return nil, err
	}
	d := &digests{md5: md5.New(), request: c, algorithm: c.algorithm}
	if d.algorithm == "" {
		d.algorithm = keep
	}
	d.sum = d.algorithm.new()
	if v := h.Get("Content-MD5"); v != "" {
		d.wantMD5, err = base64.StdEncoding.DecodeString(v)
		if err != nil || len(d.wantMD5) != md5.Size {
			return nil, errInvalidDigest
		}
	}
	return d, nil
}

func (d *digests) Write(p []byte) (int, error) {
	d.md5.Write(p)
	d.sum.Write(p)
	d.size += int64(len(p))
	return len(p), nil
}

// verify compares with what the request's headers promised.
func (d *digests) verify() error {
	if d.wantMD5 != nil && string(d.wantMD5) != string(d.md5.Sum(nil)) {
		return errBadDigest
	}
	if d.request.value != "" && d.request.value != d.checksum() {
		return errBadDigest.saying("The " + string(d.algorithm) + " you specified did not match the calculated checksum.")
	}
	return nil
}

func (d *digests) checksum() string { return base64.StdEncoding.EncodeToString(d.sum.Sum(nil)) }
