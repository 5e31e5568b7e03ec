package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestChecksums(t *testing.T) {
	// The check values of the CRC catalogue, and the hashes', of "123456789".
	for name, want := range map[string]string{
		"crc32": "cbf43926", "CRC32C": "e3069283", "crc64nvme": "ae8b14860a799888",
		"sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441", "sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
	} {
		h := NewChecksum(name)
		io.WriteString(h, "123456789")
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if NewChecksum("md5") != nil {
		t.Error("md5")
	}
}

func TestStripChunked(t *testing.T) {
	for in, want := range map[string]string{"aws-chunked": "", "aws-chunked,gzip": "gzip", "gzip, AWS-chunked": "gzip", "": "", "gzip": "gzip", "a, b": "a,b"} {
		if got := StripChunked(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// chunkKey signs the bodies of the chunk tests; their seed is a row of zeros.
var chunkKey = DeriveKey("secret", "20240102", "us-east-1", "s3")

const chunkScope = "20240102/us-east-1/s3/aws4_request"

// chunkBody encodes chunks, signed when signed is set, and then the trailers
// given as "name:value"; trailers nil means the form without them.
func chunkBody(signed bool, trailers []string, chunks ...string) string {
	var b strings.Builder
	previous := strings.Repeat("0", 64)
	sign := func(algorithm, rest string) {
		var s [64]byte
		chunkKey.sign(&s, []byte(algorithm+"\n"+vectorDate+"\n"+chunkScope+"\n"+previous+"\n"+rest))
		previous = string(s[:])
	}
	for _, data := range append(chunks, "") {
		fmt.Fprintf(&b, "%x", len(data))
		if signed {
			sign("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n"+hashOf(data))
			b.WriteString(";chunk-signature=" + previous)
		}
		b.WriteString("\r\n" + data)
		if data != "" {
			b.WriteString("\r\n")
		}
	}
	lines := ""
	for _, line := range trailers {
		b.WriteString(line + "\r\n")
		lines += line + "\n"
	}
	if signed && trailers != nil {
		sign("AWS4-HMAC-SHA256-TRAILER", hashOf(lines))
		b.WriteString("x-amz-trailer-signature:" + previous + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func readChunks(marker, body, length string, announced ...string) (*Body, []byte, error) {
	r := request("PUT", "/k", "h", body, "X-Amz-Decoded-Content-Length: "+length)
	for _, name := range announced {
		r.Header.Add("X-Amz-Trailer", name)
	}
	v := &Verified{key: chunkKey, auth: &Auth{
		Date: "20240102", Region: "us-east-1", Service: "s3", Terminator: "aws4_request", stamp: vectorDate,
		Signature: strings.Repeat("0", 64), PayloadHash: marker}}
	b, err := v.Body(r)
	if err != nil {
		return nil, nil, err
	}
	got, err := io.ReadAll(b)
	return b, got, err
}

func TestBody_chunked(t *testing.T) {
	big, even, more := strings.Repeat("a", 8192), strings.Repeat("b", 8192), strings.Repeat("c", 10000)
	crc := func(name, data string) string {
		h := NewChecksum(name)
		io.WriteString(h, data)
		return "x-amz-checksum-" + name + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	const S, T, U = StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer
	swap := func(s, old, new string) string { return strings.Replace(s, old, new, 1) }
	for _, c := range []struct {
		name, marker, body, length string
		announced                  []string
		code                       Code
		want                       string
	}{
		{"one", S, chunkBody(true, nil, "hello"), "5", nil, 0, "hello"},
		{"none", S, chunkBody(true, nil), "0", nil, 0, ""},
		{"three", S, chunkBody(true, nil, big, more, "end"), "18195", nil, 0, big + more + "end"},
		{"unsigned", U, chunkBody(false, []string{}, big, "end"), "8195", nil, 0, big + "end"},
		{"unsigned, checksum", U, chunkBody(false, []string{crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, 0, "hello"},
		{"crc32c", U, chunkBody(false, []string{crc("crc32c", "hello")}, "hello"), "5", []string{"X-Amz-Checksum-CRC32C"}, 0, "hello"},
		{"crc64nvme", U, chunkBody(false, []string{crc("crc64nvme", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc64nvme"}, 0, "hello"},
		{"sha1", U, chunkBody(false, []string{crc("sha1", "hello")}, "hello"), "5", []string{"x-amz-checksum-sha1"}, 0, "hello"},
		{"sha256", U, chunkBody(false, []string{crc("sha256", "hello")}, "hello"), "5", []string{"x-amz-checksum-sha256"}, 0, "hello"},
		{"two checksums", U, chunkBody(false, []string{crc("sha256", "hello"), crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-sha256, x-amz-checksum-crc32"}, 0, "hello"},
		{"another trailer", U, chunkBody(false, []string{"x-amz-meta-a:b"}, "hello"), "5", []string{"x-amz-meta-a"}, 0, "hello"},
		{"signed, checksum", T, chunkBody(true, []string{crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, 0, "hello"},

		{"no length", S, chunkBody(true, nil, "hello"), "", nil, MissingDecodedLength, ""},
		{"negative length", S, chunkBody(true, nil, "hello"), "-5", nil, MissingDecodedLength, ""},
		{"length too small", S, chunkBody(true, nil, "hello"), "4", nil, IncompleteBody, ""},
		{"length too large", S, chunkBody(true, nil, "hello"), "6", nil, IncompleteBody, "hello"},
		{"empty", S, "", "5", nil, IncompleteBody, ""},
		{"cut in a chunk", S, chunkBody(true, nil, "hello")[:92], "5", nil, IncompleteBody, ""},
		{"cut in a line", S, "5;chunk", "5", nil, IncompleteBody, ""},
		{"no last chunk", U, "5\r\nhello\r\n", "5", nil, IncompleteBody, "hello"},
		{"no last line", U, "5\r\nhello\r\n0\r\n", "5", nil, IncompleteBody, "hello"},
		{"more behind", U, chunkBody(false, []string{}, "hello") + "x", "5", nil, MalformedChunk, "hello"},
		{"data changed", S, swap(chunkBody(true, nil, "hello"), "hello", "hullo"), "5", nil, ChunkSignatureMismatch, "hullo"},
		{"signature changed", S, swap(chunkBody(true, nil, "hello"), "chunk-signature=", "chunk-signature=0"), "5", nil, MalformedChunk, ""},
		{"chunks swapped", S, strings.NewReplacer(big, even, even, big).Replace(chunkBody(true, nil, big, even)), "16384", nil, ChunkSignatureMismatch, even},
		{"last signature changed", S, flipLast(chunkBody(true, nil, "hello")), "5", nil, ChunkSignatureMismatch, "hello"},
		{"unsigned where signed", S, chunkBody(false, nil, "hello"), "5", nil, MalformedChunk, ""},
		{"signed where unsigned", U, chunkBody(true, nil, "hello"), "5", nil, MalformedChunk, ""},
		{"other extension", S, swap(chunkBody(true, nil, "hello"), "chunk-signature", "chunk-sig"), "5", nil, MalformedChunk, ""},
		{"small chunk first", U, chunkBody(false, []string{}, "hello", big), "8197", nil, InvalidChunkSize, "hello"},
		{"bad length", U, "xyz\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"empty length", U, "\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"huge length", U, "fffffffffffffff\r\nhello", "5", nil, IncompleteBody, ""},
		{"overflowing length", U, "10000000000000005\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"bare line feed", U, "5\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},
		{"no line end behind data", U, "5\r\nhelloXX0\r\n\r\n", "5", nil, MalformedChunk, "hello"},
		{"endless line", U, strings.Repeat("0", 100000), "5", nil, MalformedChunk, ""},
		{"long line", U, strings.Repeat("0", 300) + "5\r\nhello\r\n0\r\n\r\n", "5", nil, MalformedChunk, ""},

		{"trailer not announced", U, chunkBody(false, []string{crc("crc32", "hello")}, "hello"), "5", nil, MalformedTrailer, "hello"},
		{"trailer missing", U, chunkBody(false, []string{}, "hello"), "5", []string{"x-amz-checksum-crc32"}, MalformedTrailer, "hello"},
		{"trailer twice", U, chunkBody(false, []string{crc("crc32", "hello"), crc("crc32", "hello")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, MalformedTrailer, "hello"},
		{"trailer without colon", U, chunkBody(false, []string{"x"}, "hello"), "5", nil, MalformedTrailer, "hello"},
		{"trailer too long", U, chunkBody(false, []string{"x-a:" + strings.Repeat("a", 2000)}, "hello"), "5", []string{"x-a"}, MalformedChunk, "hello"},
		{"wrong checksum", U, chunkBody(false, []string{crc("crc32", "hullo")}, "hello"), "5", []string{"x-amz-checksum-crc32"}, BadDigest, "hello"},
		{"checksum not base64", U, chunkBody(false, []string{"x-amz-checksum-crc32:!"}, "hello"), "5", []string{"x-amz-checksum-crc32"}, BadDigest, "hello"},
		{"unknown checksum", U, chunkBody(false, nil, "hello"), "5", []string{"x-amz-checksum-md5"}, MalformedTrailer, ""},
		{"signature announced", U, chunkBody(false, nil, "hello"), "5", []string{"x-amz-trailer-signature"}, MalformedTrailer, ""},
		{"too many announced", U, chunkBody(false, nil, "hello"), "5", []string{"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}, MalformedTrailer, ""},
		{"trailer in the plain form", S, swap(chunkBody(true, nil, "hello"), "\r\n\r\n", "\r\nx-a:b\r\n\r\n"), "5", nil, MalformedTrailer, "hello"},
		{"trailer changed", T, swap(chunkBody(true, []string{"x-a:b"}, "hello"), "x-a:b", "x-a:c"), "5", []string{"x-a"}, ChunkSignatureMismatch, "hello"},
		{"trailer unsigned", T, chunkBody(true, nil, "hello"), "5", nil, ChunkSignatureMismatch, "hello"},
		{"trailer behind its signature", T, swap(chunkBody(true, []string{}, "hello"), "\r\n\r\n", "\r\nx-a:b\r\n\r\n"), "5", []string{"x-a"}, MalformedTrailer, "hello"},
	} {
		b, got, err := readChunks(c.marker, c.body, c.length, c.announced...)
		if code(err) != c.code || c.code != IncompleteBody && string(got) != c.want {
			t.Errorf("%s: %d %v, %.20q", c.name, code(err), err, got)
		}
		if err == nil && len(c.announced) == 1 && !strings.Contains(c.announced[0], ",") && b.Trailer(strings.ToLower(c.announced[0])) == "" {
			t.Errorf("%s: trailer not kept", c.name)
		}
	}
}

// flipLast changes the last digit of the last signature.
func flipLast(body string) string {
	i := strings.LastIndex(body, "chunk-signature=") + 79
	digit := "0"
	if body[i] == '0' {
		digit = "1"
	}
	return body[:i] + digit + body[i+1:]
}

func TestBody_chunkedByBytes(t *testing.T) {
	body := chunkBody(true, nil, strings.Repeat("a", 8192), "end")
	c := newChunked(iotest.OneByteReader(strings.NewReader(body)), 8195)
	c.key, c.stamp, c.scope, c.previous, c.data = &chunkKey, vectorDate, chunkScope, strings.Repeat("0", 64), sha256.New()
	if err := iotest.TestReader(c, []byte(strings.Repeat("a", 8192)+"end")); err != nil {
		t.Error(err)
	}
}

func TestBody_hashed(t *testing.T) {
	for _, c := range []struct {
		name, hash, body string
		code             Code
	}{
		{"same", hashOf("hello"), "hello", 0},
		{"empty", emptyHash, "", 0},
		{"changed", hashOf("hello"), "hullo", PayloadHashMismatch},
		{"longer", hashOf("hello"), "hello ", PayloadHashMismatch},
		{"cut", hashOf("hello"), "hell", PayloadHashMismatch},
		{"unsigned", UnsignedPayload, "anything", 0},
	} {
		v := &Verified{auth: &Auth{PayloadHash: c.hash}}
		b, err := v.Body(request("PUT", "/k", "h", c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if code(err) != c.code || string(got) != c.body || b.Length() != int64(len(c.body)) {
			t.Errorf("%s: %v, %q, length %d", c.name, err, got, b.Length())
		}
		if _, again := b.Read(make([]byte, 1)); c.code != 0 && code(again) != c.code {
			t.Errorf("%s: a second read says %v", c.name, again)
		}
	}
}
