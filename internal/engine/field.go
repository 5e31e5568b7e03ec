package engine

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// limbs is the number of 64-bit words in an element.
const limbs = Size / 8

// An element is a number below 2^3072, least significant word first. Whether it
// stands for itself or is in Montgomery form (times R = 2^3072) is the
// caller's to know; names ending in M are in Montgomery form.
type element [limbs]uint64

// modulus is N = 2^3072 - 2^3008 - 1 + 2^64·(⌊2^2942·π⌋ + 1690314), RFC 3526
// section 4. Its lowest word is all ones, so -1/N mod 2^64 is 1 and Montgomery's
// quotient digit is simply the lowest word of the sum.
var modulus = parseModulus("" +
	"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74" +
	"020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437" +
	"4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" +
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05" +
	"98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb" +
	"9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" +
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718" +
	"3995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33" +
	"a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7" +
	"abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864" +
	"d87602733ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e2" +
	"08e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff")

func parseModulus(hex string) *element {
	e := new(element)
	for i := range e {
		for _, c := range []byte(hex[len(hex)-16*(i+1):][:16]) {
			digit := c - '0'
			if c >= 'a' {
				digit = c - 'a' + 10
			}
			e[i] = e[i]<<4 | uint64(digit)
		}
	}
	return e
}

// montOne is R mod N and montSquare is R² mod N, which carry numbers into
// Montgomery form.
var montOne, montSquare = func() (*element, *element) {
	// R - N is R mod N, because N has its top bit set.
	one := new(element)
	var borrow uint64
	for i := range one {
		one[i], borrow = bits.Sub64(0, modulus[i], borrow)
	}
	square := *one
	for range Size * 8 {
		square.add(&square, &square)
	}
	return one, &square
}()

func two() *element { return &element{2} }

// setBytes reads a big-endian number of at most Size bytes.
func (e *element) setBytes(b []byte) {
	var full [Size]byte
	copy(full[Size-len(b):], b)
	for i := range e {
		e[i] = binary.BigEndian.Uint64(full[Size-8*(i+1):])
	}
}

func (e *element) bytes() []byte {
	b := make([]byte, Size)
	e.putBytes(b)
	return b
}

func (e *element) putBytes(b []byte) {
	for i, w := range e {
		binary.BigEndian.PutUint64(b[Size-8*(i+1):], w)
	}
}

// mustElement reads an element that the caller promised to be below N.
func mustElement(b []byte) *element {
	if len(b) != Size {
		panic("engine: a group element has exactly 384 bytes")
	}
	e := new(element)
	e.setBytes(b)
	var borrow uint64
	for i := range e {
		_, borrow = bits.Sub64(e[i], modulus[i], borrow)
	}
	if borrow == 0 {
		panic("engine: a group element is below the modulus")
	}
	return e
}

// reduceOnce subtracts N when carry·2^3072 + e is N or more, without a branch.
func (e *element) reduceOnce(carry uint64) {
	var d element
	var borrow uint64
	for i := range e {
		d[i], borrow = bits.Sub64(e[i], modulus[i], borrow)
	}
	// Keep e only when there was no carry into and a borrow out of the top.
	keep := -(borrow &^ carry)
	for i := range e {
		e[i] = e[i]&keep | d[i]&^keep
	}
}

// add sets e to a+b mod N. The three may be the same.
func (e *element) add(a, b *element) {
	var carry uint64
	for i := range e {
		e[i], carry = bits.Add64(a[i], b[i], carry)
	}
	e.reduceOnce(carry)
}

func (e *element) toMont() *element {
	r := new(element)
	r.mul(e, montSquare)
	return r
}

func (e *element) fromMont() *element {
	r := new(element)
	r.mul(e, &element{1})
	return r
}

// mul sets e to a·b/R mod N (Montgomery's product, the two loops of Koç's FIOS
// run as one). The three may be the same.
func (e *element) mul(a, b *element) {
	var t element
	var top uint64
	modulus := modulus
	for i := range b {
		bi := b[i]
		// Word 0 decides the quotient digit m; the sum's lowest word becomes 0.
		c1, lo := bits.Mul64(a[0], bi)
		m, c := bits.Add64(lo, t[0], 0)
		c1, _ = bits.Add64(c1, 0, c)
		c2, lo := bits.Mul64(m, modulus[0])
		_, c = bits.Add64(lo, m, 0)
		c2, _ = bits.Add64(c2, 0, c)
		for j := 1; j < limbs; j++ {
			// Each carry goes into the very next addition: that is what the
			// compiler turns into one add-with-carry instruction.
			hi, lo := bits.Mul64(a[j], bi)
			lo, c := bits.Add64(lo, c1, 0)
			hi, _ = bits.Add64(hi, 0, c)
			sum, c := bits.Add64(lo, t[j], 0)
			c1, _ = bits.Add64(hi, 0, c)
			hi, lo = bits.Mul64(m, modulus[j])
			lo, c = bits.Add64(lo, c2, 0)
			hi, _ = bits.Add64(hi, 0, c)
			t[j-1], c = bits.Add64(lo, sum, 0)
			c2, _ = bits.Add64(hi, 0, c)
		}
		var carry, more uint64
		c1, carry = bits.Add64(c1, c2, 0)
		t[limbs-1], more = bits.Add64(c1, top, 0)
		top = carry + more
	}
	t.reduceOnce(top)
	*e = t
}

// expElement is base^exp mod N by fixed windows of five bits. Every exponent
// of the same length takes the same steps.
func expElement(base *element, exp []byte) *element {
	var table [windowSize]element
	table[0] = *montOne
	table[1] = *base.toMont()
	for i := 2; i < windowSize; i++ {
		table[i].mul(&table[i-1], &table[1])
	}
	r := *montOne
	var digit element
	for i := digits(len(exp)) - 1; i >= 0; i-- {
		for range windowBits {
			r.mul(&r, &r)
		}
		selectElement(&digit, &table, digitOf(exp, i))
		r.mul(&r, &digit)
	}
	return r.fromMont()
}

// Five bits a digit: for a fixed base, fewer bits mean more products and more
// bits mean more table to read past the secret (reading it whole is what keeps
// the digit from showing in the cache). Five is the bottom of that curve and
// makes the table 640 KiB, built in a few milliseconds.
const (
	windowBits = 5
	windowSize = 1 << windowBits
)

// digits is the number of window digits in an exponent of n bytes.
func digits(n int) int { return (8*n + windowBits - 1) / windowBits }

// digitOf is the i-th window digit of a big-endian exponent, the lowest first.
// Only i, not the exponent, decides what is read.
func digitOf(exp []byte, i int) uint64 {
	bit := i * windowBits
	at := len(exp) - 1 - bit/8
	v := uint64(exp[at])
	if at > 0 {
		v |= uint64(exp[at-1]) << 8
	}
	return v >> (bit % 8) & (windowSize - 1)
}

// selectElement copies table[digit], reading the whole table.
func selectElement(dst *element, table *[windowSize]element, digit uint64) {
	*dst = element{}
	for k := range table {
		x := uint64(k) ^ digit
		mask := (x - 1) &^ x >> 63 // 1 when x is 0
		mask = -mask
		row := &table[k]
		for j := 0; j < limbs; j += 4 {
			dst[j] |= row[j] & mask
			dst[j+1] |= row[j+1] & mask
			dst[j+2] |= row[j+2] & mask
			dst[j+3] |= row[j+3] & mask
		}
	}
}

// A gTable holds 2^(k·32^i) for each digit i of a 32-byte exponent and each
// value k of the digit, in Montgomery form: exponentiation without a squaring.
type gTable [(8*ExpGSize + windowBits - 1) / windowBits][windowSize]element

// window returns the table, built by whoever asks first: at 640 KiB and a few
// milliseconds it is cheaper than answering the first calls some other way.
var window = sync.OnceValue(func() *gTable {
	t := new(gTable)
	base := two().toMont()
	for i := range t {
		t[i][0] = *montOne
		for k := 1; k < windowSize; k++ {
			t[i][k].mul(&t[i][k-1], base)
		}
		next := new(element)
		next.mul(&t[i][windowSize-1], base)
		base = next
	}
	return t
})

// exp multiplies the digits' entries with mul, in Montgomery form.
func (t *gTable) exp(exp []byte, mul func(r, a, b *element)) *element {
	r := new(element)
	if len(exp) == 0 {
		*r = *montOne
		return r
	}
	selectElement(r, &t[0], digitOf(exp, 0))
	var digit element
	for i := 1; i < digits(len(exp)); i++ {
		selectElement(&digit, &t[i], digitOf(exp, i))
		mul(r, r, &digit)
	}
	return r
}
