package kinesis

import (
	"crypto/md5"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// hashKey is a place in the 128 bits that the shards of a stream share, the most
// significant byte first.
type hashKey [16]byte

// hashOf is where a partition key falls (Kinesis API reference, "PutRecord": MD5
// maps partition keys to 128-bit integers).
func hashOf(partitionKey string) hashKey { return md5.Sum([]byte(partitionKey)) }

// parseHashKey reads a hash key in decimal; false when it has more than 128 bits.
func parseHashKey(text string) (hashKey, bool) {
	var k hashKey
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return k, false
	}
	n.FillBytes(k[:])
	return k, true
}

func hashText(key []byte) string { return new(big.Int).SetBytes(key).String() }

// before is the hash key below one, which is not zero.
func before(key []byte) []byte {
	return new(big.Int).Sub(new(big.Int).SetBytes(key), big.NewInt(1)).FillBytes(make([]byte, 16))
}

// parts cuts all hash keys into n ranges of the same size, but for the rounding,
// and returns where each begins.
func parts(n int) [][]byte {
	all := new(big.Int).Lsh(big.NewInt(1), 128)
	starts := make([][]byte, n)
	for i := range starts {
		at := new(big.Int).Mul(all, big.NewInt(int64(i)))
		starts[i] = at.Div(at, big.NewInt(int64(n))).FillBytes(make([]byte, 16))
	}
	return starts
}

// highest is the last hash key.
func highest() []byte {
	var k hashKey
	for i := range k {
		k[i] = 0xff
	}
	return k[:]
}

func shardID(number int64) string { return fmt.Sprintf("shardId-%012d", number) }

// parseShardID is the number of a shard's id; false when no shard has that id.
func parseShardID(id string) (int64, bool) {
	digits, ok := strings.CutPrefix(id, "shardId-")
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ok && err == nil && n >= 0 && shardID(n) == id
}

// A sequence number is written with 49 before it, so that all have the same
// length and compare as text, too, and with the shard's number behind it, so that
// no two of a stream are the same.
const (
	sequencePrefix = "49"
	sequenceDigits = 19
	shardDigits    = 12
)

func sequenceText(shard, sequence int64) string {
	return fmt.Sprintf("%s%0*d%0*d", sequencePrefix, sequenceDigits, sequence, shardDigits, shard)
}

// parseSequence reads a sequence number of a shard; false when it is none.
func parseSequence(shard int64, text string) (int64, bool) {
	if len(text) != len(sequencePrefix)+sequenceDigits+shardDigits {
		return 0, false
	}
	n, err := strconv.ParseInt(text[len(sequencePrefix):len(sequencePrefix)+sequenceDigits], 10, 64)
	return n, err == nil && n >= 0 && sequenceText(shard, n) == text
}
