package sigv4

import (
	"crypto/sha1" // S3 offers it as a checksum; nothing here trusts it as more
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"strings"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// The polynomial of CRC-64/NVME, reflected.
	nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// checksumPrefix begins the names of S3's checksum headers and trailers.
const checksumPrefix = "x-amz-checksum-"

// NewChecksum makes the hash of an S3 checksum algorithm, "CRC32", "CRC32C",
// "CRC64NVME", "SHA1" or "SHA256" in any case, or nil for another name. The
// value on the wire is the base64 of its Sum, which is big-endian.
func NewChecksum(algorithm string) hash.Hash {
	switch strings.ToUpper(algorithm) {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(castagnoli)
	case "CRC64NVME":
		return crc64.New(nvme)
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	}
	return nil
}
