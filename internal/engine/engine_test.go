package engine

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"sync"
	"testing"
)

// engines are all that this machine and build have.
func engines(t testing.TB) []Engine {
	all := []Engine{Go()}
	e, err := Libcrypto()
	switch {
	case err == nil:
		all = append(all, e)
	case !errors.Is(err, ErrNoLibcrypto):
		t.Fatalf("Libcrypto: %v", err)
	}
	return all
}

func n() *big.Int { return new(big.Int).SetBytes(Modulus()) }

// TestModulus compares N with the formula of RFC 3526 section 4, taking π from
// Machin's formula, so that no digit rests on having been typed correctly.
func TestModulus(t *testing.T) {
	const guard = 64
	one := new(big.Int).Lsh(big.NewInt(1), 2942+guard)
	arctanInverse := func(x int64) *big.Int {
		sum, term := new(big.Int), new(big.Int).Div(one, big.NewInt(x))
		for i := int64(1); term.Sign() != 0; i += 2 {
			part := new(big.Int).Div(term, big.NewInt(i))
			if i%4 == 1 {
				sum.Add(sum, part)
			} else {
				sum.Sub(sum, part)
			}
			term.Div(term, big.NewInt(x*x))
		}
		return sum
	}
	pi := new(big.Int).Mul(big.NewInt(16), arctanInverse(5))
	pi.Sub(pi, new(big.Int).Mul(big.NewInt(4), arctanInverse(239)))
	pi.Rsh(pi, guard)

	want := new(big.Int).Lsh(big.NewInt(1), 3072)
	want.Sub(want, new(big.Int).Lsh(big.NewInt(1), 3008))
	want.Sub(want, big.NewInt(1))
	want.Add(want, new(big.Int).Lsh(pi.Add(pi, big.NewInt(1690314)), 64))
	if n().Cmp(want) != 0 {
		t.Fatalf("N is %x", n())
	}
}

// interesting are elements near the edges, then random ones.
func interesting(t testing.TB, random int) []*big.Int {
	one := big.NewInt(1)
	all := []*big.Int{
		new(big.Int), one, big.NewInt(2), new(big.Int).Sub(n(), one), new(big.Int).Sub(n(), big.NewInt(2)),
		new(big.Int).Lsh(one, 3071), new(big.Int).Lsh(one, 64), new(big.Int).Sub(new(big.Int).Lsh(one, 64), one),
	}
	for range random {
		x, err := rand.Int(rand.Reader, n())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

func element384(x *big.Int) []byte { return x.FillBytes(make([]byte, Size)) }

func TestMulMod_AddMod(t *testing.T) {
	xs := interesting(t, 20)
	for _, a := range xs {
		for _, b := range xs {
			product := new(big.Int).Mul(a, b)
			if got := MulMod(element384(a), element384(b)); !bytes.Equal(got, element384(product.Mod(product, n()))) {
				t.Errorf("MulMod(%x, %x) = %x", a, b, got)
			}
			sum := new(big.Int).Add(a, b)
			if got := AddMod(element384(a), element384(b)); !bytes.Equal(got, element384(sum.Mod(sum, n()))) {
				t.Errorf("AddMod(%x, %x) = %x", a, b, got)
			}
		}
	}
}

func TestReduce(t *testing.T) {
	full := bytes.Repeat([]byte{0xff}, Size)
	for _, in := range [][]byte{nil, {0}, {7}, Modulus(), full, append([]byte{0, 0}, full...)} {
		got, ok := Reduce(in)
		x := new(big.Int).SetBytes(in)
		if !ok || !bytes.Equal(got, element384(x.Mod(x, n()))) {
			t.Errorf("Reduce(%x) = %x, %v", in, got, ok)
		}
	}
	if _, ok := Reduce(append([]byte{1}, full...)); ok {
		t.Error("Reduce took 385 significant bytes")
	}
}

func TestExp(t *testing.T) {
	exponents := [][]byte{nil, {0}, {1}, {0, 0, 5}, {0xff}, bytes.Repeat([]byte{0xff}, 32), make([]byte, 32)}
	for _, size := range []int{1, 5, 31, 32, 32, 32, 33, 128, 384} {
		e := make([]byte, size)
		rand.Read(e)
		exponents = append(exponents, e)
	}
	for _, engine := range engines(t) {
		t.Run(engine.Name(), func(t *testing.T) {
			for _, exp := range exponents {
				e := new(big.Int).SetBytes(exp)
				if got, want := engine.ExpG(exp), element384(new(big.Int).Exp(big.NewInt(2), e, n())); !bytes.Equal(got, want) {
					t.Errorf("ExpG(%x) = %x, want %x", exp, got, want)
				}
				for _, base := range interesting(t, 2) {
					want := element384(new(big.Int).Exp(base, e, n()))
					if got := engine.Exp(element384(base), exp); !bytes.Equal(got, want) {
						t.Errorf("Exp(%x, %x) = %x, want %x", base, exp, got, want)
					}
					if got := engine.ExpPublic(element384(base), exp); !bytes.Equal(got, want) {
						t.Errorf("ExpPublic(%x, %x) = %x, want %x", base, exp, got, want)
					}
				}
			}
		})
	}
}

func TestExp_refusesBadElements(t *testing.T) {
	for _, engine := range engines(t) {
		for _, base := range [][]byte{nil, {1}, Modulus(), make([]byte, Size+1)} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: Exp took a base of %d bytes that is not an element", engine.Name(), len(base))
					}
				}()
				engine.Exp(base, []byte{3})
			}()
		}
	}
}

func TestSign(t *testing.T) {
	for _, engine := range engines(t) {
		t.Run(engine.Name(), func(t *testing.T) {
			key, err := engine.GenerateKey()
			if err != nil {
				t.Fatal(err)
			}
			if key.N.BitLen() != 2048 || key.E != 65537 || key.Validate() != nil {
				t.Fatalf("a key of %d bits, e=%d", key.N.BitLen(), key.E)
			}
			signer, err := engine.Signer(key)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				digest := sha256.Sum256(fmt.Append(nil, "message ", i))
				want, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
				if err != nil {
					t.Fatal(err)
				}
				if got, err := signer.Sign(digest); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("Sign = %x, %v, want %x", got, err, want)
				}
			}
			for _, bad := range []*rsa.PrivateKey{nil, {}} {
				if _, err := engine.Signer(bad); err == nil {
					t.Error("Signer took a key without primes")
				}
			}
		})
	}
}

// TestConcurrent runs everything at once on every engine: run with -race.
func TestConcurrent(t *testing.T) {
	for _, engine := range engines(t) {
		t.Run(engine.Name(), func(t *testing.T) {
			key, err := engine.GenerateKey()
			if err != nil {
				t.Fatal(err)
			}
			signer, err := engine.Signer(key)
			if err != nil {
				t.Fatal(err)
			}
			digest := sha256.Sum256([]byte("x"))
			signature, err := signer.Sign(digest)
			if err != nil {
				t.Fatal(err)
			}
			exp := bytes.Repeat([]byte{0xa7}, 32)
			power := engine.ExpG(exp)
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					for range 5 {
						if got, err := signer.Sign(digest); err != nil || !bytes.Equal(got, signature) {
							t.Errorf("Sign: %v", err)
						}
						if !bytes.Equal(engine.ExpG(exp), power) || !bytes.Equal(engine.Exp(element384(big.NewInt(2)), exp), power) {
							t.Error("a power differs from the one computed alone")
						}
					}
				})
			}
			wg.Wait()
			runtime.GC() // signers made by other tests are freed here, while this one lives on
			if got, err := signer.Sign(digest); err != nil || !bytes.Equal(got, signature) {
				t.Errorf("Sign after a collection: %v", err)
			}
		})
	}
}

func BenchmarkEngine(b *testing.B) {
	exp := make([]byte, 32)
	rand.Read(exp)
	base, err := rand.Int(rand.Reader, n())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("math-big/Exp", func(b *testing.B) {
		e := new(big.Int).SetBytes(exp)
		for b.Loop() {
			new(big.Int).Exp(base, e, n())
		}
	})
	for _, engine := range engines(b) {
		b.Run(engine.Name()+"/Exp", func(b *testing.B) {
			x := element384(base)
			for b.Loop() {
				engine.Exp(x, exp)
			}
		})
		b.Run(engine.Name()+"/ExpG", func(b *testing.B) {
			engine.ExpG(exp)
			for b.Loop() {
				engine.ExpG(exp)
			}
		})
		b.Run(engine.Name()+"/Sign", func(b *testing.B) {
			key, err := engine.GenerateKey()
			if err != nil {
				b.Fatal(err)
			}
			signer, err := engine.Signer(key)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := signer.Sign([32]byte{1}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(engine.Name()+"/GenerateKey", func(b *testing.B) {
			for b.Loop() {
				if _, err := engine.GenerateKey(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	x := element384(base)
	b.Run("MulMod", func(b *testing.B) {
		for b.Loop() {
			MulMod(x, x)
		}
	})
	e := mustElement(x)
	b.Run("mul", func(b *testing.B) {
		for b.Loop() {
			e.mul(e, e)
		}
	})
	b.Run("select", func(b *testing.B) {
		var dst element
		t := window()
		for i := 0; b.Loop(); i++ {
			selectElement(&dst, &t[i%len(t)], uint64(i)%windowSize)
		}
	})
}
