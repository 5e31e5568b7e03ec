package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
)

// The aws-chunked encoding (Amazon S3 API reference, "Signature calculations
// for the Authorization header: transferring payload in multiple chunks"):
//
//	hex(length)[;chunk-signature=<64 hex>]\r\n <data> \r\n   any number of times
//	0[;chunk-signature=<64 hex>]\r\n
//	[name:value\r\n … [x-amz-trailer-signature:<64 hex>\r\n]]
//	\r\n
//
// Each signature signs its chunk and the signature before it; the first one
// follows the request's own.

const (
	maxChunkLine  = 256  // a length, a signature and their names take 102
	maxTrailer    = 1024 // a trailer line
	maxTrailers   = 16
	minChunk      = 8192
	signatureName = "chunk-signature="
	trailerSigner = "x-amz-trailer-signature"
)

// chunked decodes an aws-chunked body.
type chunked struct {
	r *bufio.Reader
	// key is nil when chunks are not signed, and then so are the three behind
	// it. data hashes the chunk that is being read.
	key          *SigningKey
	stamp, scope string
	previous     string // the signature before, which the next one signs
	data         hash.Hash

	left    int64  // of the payload, as announced
	chunk   int64  // left of the chunk
	inside  bool   // a chunk is open
	small   bool   // a chunk below the least size was read: it must be the last
	claimed string // the open chunk's signature

	announced map[string]hash.Hash // trailers that may come; nil for no checksum
	order     []hash.Hash          // the same hashes, for writing
	trailers  map[string]string
	err       error
}

func newChunked(r io.Reader, length int64) *chunked {
	return &chunked{r: bufio.NewReaderSize(r, 4096), left: length}
}

// announce reads x-amz-trailer, the names of the trailers that will follow.
func (c *chunked) announce(values []string) error {
	c.announced = make(map[string]hash.Hash)
	c.trailers = make(map[string]string)
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "" {
				continue
			}
			if len(c.announced) == maxTrailers || !headerName(name) || name == trailerSigner {
				return refuse(MalformedTrailer, msgTrailer)
			}
			if _, twice := c.announced[name]; twice {
				continue
			}
			var sum hash.Hash
			if algorithm, ok := strings.CutPrefix(name, checksumPrefix); ok {
				if sum = NewChecksum(algorithm); sum == nil {
					return refuse(MalformedTrailer, msgTrailer)
				}
				c.order = append(c.order, sum)
			}
			c.announced[name] = sum
		}
	}
	return nil
}

// Read hands out data of the open chunk. It may do so before the chunk's
// signature is known to be true, since a chunk can be larger than memory.
func (c *chunked) Read(p []byte) (int, error) {
	for c.err == nil && !c.inside {
		c.err = c.open()
	}
	if c.err != nil {
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if int64(len(p)) > c.chunk {
		p = p[:c.chunk]
	}
	n, err := c.r.Read(p)
	p = p[:n]
	if c.data != nil {
		c.data.Write(p)
	}
	for _, sum := range c.order {
		sum.Write(p)
	}
	c.chunk -= int64(n)
	c.left -= int64(n)
	if c.chunk == 0 {
		c.err = c.close()
	} else if err != nil {
		c.err = short(err)
	}
	return n, c.err
}

// open reads a chunk's first line. After the last chunk it returns io.EOF.
func (c *chunked) open() error {
	line, err := c.line(maxChunkLine)
	if err != nil {
		return err
	}
	text, ok := strings.CutSuffix(line, "\r")
	if !ok {
		return refuse(MalformedChunk, msgChunk)
	}
	size, extension, signed := strings.Cut(text, ";")
	if signed != (c.key != nil) {
		return refuse(MalformedChunk, msgChunk)
	}
	if signed {
		if c.claimed, ok = strings.CutPrefix(extension, signatureName); !ok || !isHash(c.claimed) {
			return refuse(MalformedChunk, msgChunk)
		}
	}
	n, ok := parseSize(size)
	switch {
	case !ok:
		return refuse(MalformedChunk, msgChunk)
	case n > c.left:
		return refuse(IncompleteBody, msgShort)
	case n > 0 && c.small:
		return refuse(InvalidChunkSize, msgChunkSize)
	case n == 0:
		return c.last()
	}
	c.small = n < minChunk
	c.chunk, c.inside = n, true
	if c.data != nil {
		c.data.Reset()
	}
	return nil
}

// close ends a chunk: its line end, and its signature.
func (c *chunked) close() error {
	c.inside = false
	var end [2]byte
	if _, err := io.ReadFull(c.r, end[:]); err != nil {
		return short(err)
	}
	if end != [2]byte{'\r', '\n'} {
		return refuse(MalformedChunk, msgChunk)
	}
	return c.verifyChunk()
}

// last ends the payload: the empty chunk, the trailers, and nothing more.
func (c *chunked) last() error {
	if c.left != 0 {
		return refuse(IncompleteBody, msgShort)
	}
	if c.data != nil {
		c.data.Reset()
	}
	if err := c.verifyChunk(); err != nil {
		return err
	}
	if err := c.readTrailers(); err != nil {
		return err
	}
	switch _, err := c.r.ReadByte(); err {
	case io.EOF:
		return io.EOF
	case nil:
		return refuse(MalformedChunk, msgChunk)
	default:
		return err
	}
}

func (c *chunked) verifyChunk() error {
	if c.key == nil {
		return nil
	}
	b := make([]byte, 0, 512)
	b = c.appendChain(b, "AWS4-HMAC-SHA256-PAYLOAD")
	b = append(b, emptyHash+"\n"...)
	b = hex.AppendEncode(b, c.data.Sum(nil))
	return c.verify(b, c.claimed)
}

// appendChain writes what the strings to sign of chunks and trailers share.
func (c *chunked) appendChain(b []byte, algorithm string) []byte {
	for _, line := range [...]string{algorithm, c.stamp, c.scope, c.previous} {
		b = append(append(b, line...), '\n')
	}
	return b
}

func (c *chunked) verify(stringToSign []byte, claimed string) error {
	var want [2 * sha256.Size]byte
	c.key.sign(&want, stringToSign)
	if subtle.ConstantTimeCompare(want[:], []byte(claimed)) != 1 {
		return &Error{Code: ChunkSignatureMismatch, Message: msgMismatch, Signature: claimed, StringToSign: string(stringToSign)}
	}
	c.previous = claimed
	return nil
}

// readTrailers reads up to the empty line that ends the body. Only announced
// trailers may come, each once, and all of them must.
func (c *chunked) readTrailers() error {
	var lines bytes.Buffer // as signed
	claimed := ""
	for {
		line, err := c.line(maxTrailer)
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		if !ok || claimed != "" { // the signature is the last of them
			return refuse(MalformedTrailer, msgTrailer)
		}
		if name == trailerSigner && c.key != nil && c.announced != nil {
			if claimed = value; !isHash(claimed) {
				return refuse(MalformedTrailer, msgTrailer)
			}
			continue
		}
		sum, announced := c.announced[name]
		_, twice := c.trailers[name]
		if !announced || twice {
			return refuse(MalformedTrailer, msgTrailer)
		}
		if sum != nil && value != base64.StdEncoding.EncodeToString(sum.Sum(nil)) {
			algorithm := strings.ToUpper(strings.TrimPrefix(name, checksumPrefix))
			return refuse(BadDigest, "The "+algorithm+" you specified did not match the calculated checksum.")
		}
		c.trailers[name] = value
		lines.WriteString(name + ":" + value + "\n")
	}
	if len(c.trailers) != len(c.announced) {
		return refuse(MalformedTrailer, msgTrailer)
	}
	if c.key == nil || c.announced == nil {
		return nil
	}
	sum := sha256.Sum256(lines.Bytes())
	b := c.appendChain(make([]byte, 0, 512), "AWS4-HMAC-SHA256-TRAILER")
	return c.verify(hex.AppendEncode(b, sum[:]), claimed)
}

// line reads a line of at most max bytes, without its "\n".
func (c *chunked) line(max int) (string, error) {
	line, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > max:
		return "", refuse(MalformedChunk, msgChunk)
	case err != nil:
		return "", short(err)
	}
	return string(line[:len(line)-1]), nil
}

// parseSize reads a chunk's length.
func parseSize(s string) (int64, bool) {
	var n int64
	for i := range len(s) {
		d, ok := unhex(s[i])
		if !ok {
			return 0, false
		}
		n = n<<4 | int64(d)
	}
	return n, s != "" && len(s) <= 15
}

// short turns the end of the connection's data into an incomplete body.
func short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return refuse(IncompleteBody, msgShort)
	}
	return err
}
