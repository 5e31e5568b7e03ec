package srp

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/engine"
)

// The vectors were made with an independent implementation and cross-checked
// with Amazon's JavaScript client.
const (
	vectorSaltHex = "9f3c5a7e1b2d4f60718293a4b5c6d7e8"
	vectorA1      = "cbfb51994c930e17b51f26962413e8801101afe89c6a3205e81e861ab380b87571781f6a533a2a7bafb10be1248c5760ea33204b3393e1dd679444b4bc1d2623c6a729d6832c1f90aad1940945f9644ad96936b2397c318f9b38dd0f14b7c8db126fc70c9cd61649958c0113c3f5f06055aac8c23b55510f0adb4d3e504d6444" // the client's secret, a
	vectorB1      = "5f5076ab2f105fd455b88b8e7aff66dbaa0592a33f290e2bb3b1a856601726f5b62d1bc86d6c2782bbc301bde7780e780e80d8ccd4c65ddb12592ad7df11b2e624e99572097ed99cf3e64dccb4644fce3fbb83192d3d77414cd150dd8cfce351d82335a30625c6c7a0c7a262147e92f98281255797a6e66c7772a8445146347"  // the server's secret, b
	vectorX       = "24dbedc32a21f08b53f7e8609e4781e22354fb351bde3bf200573ccab3ac6265"
	vectorV       = "d0d228c621d1aca8c4ecaacbbfeef8893739f007ab35a80c66fec3073e00f0da7424ed9d371d4ce3ad869a69f7e1116c411136cb90b7a6fabd937646594bcd8e71f7b8843109b4e3f723e82697b507693659476b2403358bde97cbff652b4b10c783af7bfffdb71fae80e22a6f5f1f5955e547d887472fe5e909bfa48860228bb14669653cc902b8d6c9af80f973807cb515ac517bf434adb322e92904f16994f8cd1db88e8cc30704418942a16921b4a7299d0159f3b12940330154fc47685714d455e6331c4ea0cb0098a82c916755217d55bff496f16ab544a40076b0748adb44649ccc6beb48c30e615790ef91e8f3b00e5d66ad802239d0ad5a70b0cc82d37aa63e2fd6405109876a23cf2b213556ab1a098d4177df1f05c14472c8d21cefeaec6f9e66981c654582d41e7a5e35b3dbf570089d09096a9c9f251ae065cb0bc8a5ebf23ad1c834447414d06504866e4234eac7c2d5de9c7128b09235b518dac472df17dec7c6476bbda66214868ceea68ae3244e785e81aac41235620ff6"
	vectorA       = "fe3e9a43eaff2dd16ab7fa5a91a3953a4f91ebba55d3ebeb91cd9c739e2144bfab4f7d0874a54610037a4df1d8d9f066e08c7f7e2da6ff7222bc4b79bff22d0dd36fc9438187b8d9a75885c5e841a4837681819daa87103e4a31fba06c6223e46e6312039628baba2a352c6e29406a88717df2903771550969b25a04cb61c6f53ab9f212b0777968fe615ee017782cd92432263d55e00fd17b7cf9097e255a7c1b4225ec7edebee4e51113cec48911b1b6b140ff3fdc2f97ec97bf2ff4e866fbaebe848f8f6bfceced3083cb645b6f12cebcfbeaa365c15b2a866a82e157b8dc9fc119261e75e62f2b1e6fcfd2dd9d68794133d40a1e0aadb3109bcfaab55905b600cd99a85242bd76a88150a370d636adfd081b85d8af48938afd3da052afcdc67997543ccf116fd3a6fd3ba0ff848f463c93389b8fefb0f8245aa9d96ad069bd3fafa401e968e92c23d1ab8589def3eb54532d3690a5d5b1e81c35f45e9d268de6a0b73a9d7312c00414bde56603cdb06b5c6d7b10ae874445c8795660f038"
	vectorB       = "f56c2acbafd92c5821667532c612543b86e2709392059074059aac897ed82d0d3e9d928e011d51c36ad84dfbbcaa9faf6cb574954fbf5e094b6b31a767d4da8bfb6ef65d73686891a028a0c4a17cddfaa4a36bcb4878e37a2beee49fc16b1a2614266fec414f36397df0e7927665db895d2911b9ff6060420c5de8be6faf2f1d076c1367bea4e06e6de15fb4cc6586755c233f27e41d8d350a750786b9207b710450ebd649aa0f785afa495c4f49588aa0cb412eded4c36b6d76f76ac9e4382691ea8e240af48a8f5282aa912aadd8495b6aa9fadbc4dee818993df6b1e447903778d7d090fed67ada81abd8167c2294b10fa1bd4e305556a920e7ea327d2f919c423292469cf08aeb17e9a09643acccb14b4a2c2c7f2cec5ed6ced1ad47b8922ecabdd8dfad89fe7d90fab341bcc89c0b1f27a4eaa2d81aa3dddd5f8c5956b812d163f4858ad4e932961b03b7df6e0d774beabd065e2b34da500e496cfb5e75d3254a87e0fb778d8b2e4bdf49e54f88ac2e9809507aaba03efbad85a3d34d48"
	vectorU       = "ab0f507314a015c56a92bc82c4c576ec1942f7bd38d8a84ab1034dc0e978a917"
	vectorS       = "3463f54bacb3cb85a47767839fd943bce065ca6a9bf13af12ccb241afe099e1f7f556a55e0c486c29b8a4d50433ca22a0c15b9f0bb8f112b6f7c3446be7717db4963688aefccea8273deec384e0c71b27c945f25ad042c2b2345adf2d49f3fc544f94ae1b12d220c98855e6a391e598d8275bf6625529adcf117df5ff27d1c1fc4618aec90db5ce5122afbd9fd898ca2f1e2f3eb2de839475b80005a8ff2a82a628342670496bfc4c2b32a2afba9e5c1039efb045986d762899036baf139bfec20bd15bdf1e286a5efc197b79f10595c023dfd63237817bfa070fd5dd23f88b94ff9036b4f930e151805419453919f2145b79c6ea73555cb4f53af7b26584f46a58ac023a3c7ccfb83dea9899bb47d577483e4b318844a45c1b9b8e0fde0754b629c8d08c4eaabf26c9fb8557e4fd0494b19c1239bcb21c96bb8dee6c14ff2f6dde18490dbeaa095ea4b060d5f6a1164fcf62064a3dafc9179ecfd9b0e2a2556e9af9a8721d2c1e38ee2be561999e3fb6e51f463a29fd1247e0705ceb4110aba"
	vectorKey     = "f02a4e89a7495d6ccc55f8f386d02675"
	vectorBlock   = "IJoj+Fgh8xy7CS5pvL3RDrIpy6l8v46m6J4sF41KedDqVoPLpYA19PO5NwI8unBPC+R2a6yl3U3u5GC90QkXQQ=="
	vectorTime    = "Tue Jan 5 03:04:05 UTC 2027"
)

var (
	group = big.NewInt(0).SetBytes(engine.Modulus())
	two   = big.NewInt(2)
)

func engines(t testing.TB) []engine.Engine {
	all := []engine.Engine{engine.Go()}
	e, err := engine.Libcrypto()
	switch {
	case err == nil:
		all = append(all, e)
	case !errors.Is(err, engine.ErrNoLibcrypto):
		t.Fatal(err)
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func equal(t testing.TB, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s\n got %x\nwant %s", what, got, want)
	}
}

func TestVector_user(t *testing.T) {
	const pool, user, password = "AbCdEf123", "testuser", "P@ssw0rd!"
	equal(t, "k", multiplier[Size-32:], "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6")
	for _, e := range engines(t) {
		t.Run(e.Name(), func(t *testing.T) {
			salt, b, block := unhex(t, vectorSaltHex), unhex(t, vectorB1), unbase64(t, vectorBlock)
			equal(t, "PAD(salt)", pad(salt), "00"+vectorSaltHex)
			equal(t, "x", PrivateKey(pool, user, password, salt), vectorX)
			v := Verifier(e, pool, user, password, salt)
			equal(t, "v", v, vectorV)
			equal(t, "A", e.ExpG(unhex(t, vectorA1)), vectorA)
			a, err := ParseA(vectorA)
			if err != nil {
				t.Fatal(err)
			}
			publicB := PublicB(e, v, b)
			if got := Hex(publicB); got != vectorB {
				t.Errorf("B = %s", got)
			}
			u := scramble(a, publicB)
			equal(t, "u", u, vectorU)
			if len(pad(u)) != 33 {
				t.Errorf("PAD(u) has %d bytes", len(pad(u)))
			}
			equal(t, "S", e.Exp(engine.MulMod(a.element, e.Exp(v, u)), b), vectorS)
			if len(pad(unhex(t, vectorS))) != 384 {
				t.Error("PAD(S)")
			}
			key := SharedKey(e, a, v, b, publicB)
			equal(t, "key", key, vectorKey)
			signature := Signature(key, pool, user, block, vectorTime)
			if got := base64.StdEncoding.EncodeToString(signature); got != "FlqrolNaAt88spUdPpYm1ybcbmqxqlKGsRv3QSd9ZNk=" {
				t.Errorf("signature %s", got)
			}
			if !CheckSignature(signature, key, pool, user, block, vectorTime) {
				t.Error("the right signature is refused")
			}
			signature[31] ^= 1
			for _, bad := range [][]byte{signature, nil, signature[:31]} {
				if CheckSignature(bad, key, pool, user, block, vectorTime) {
					t.Errorf("signature %x is accepted", bad)
				}
			}
		})
	}
}

func TestVector_device(t *testing.T) {
	const groupKey, device = "-AbCdEfGh", "us-east-1_a1b2c3d4-5678-90ab-cdef-0123456789ab"
	const password = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJw=="
	salt := unbase64(t, "AIARIjNEVWZ3iJmqu8zd7v8=")
	equal(t, "salt", salt, "0080112233445566778899aabbccddeeff")
	for _, e := range engines(t) {
		t.Run(e.Name(), func(t *testing.T) {
			equal(t, "x", PrivateKey(groupKey, device, password, salt), "6a867628f2b450e83f0ee0f64a683af815bd2df279c906a2b09110a635cf4bb1")
			sent := pad(Verifier(e, groupKey, device, password, salt))
			sum := sha256.Sum256(sent)
			equal(t, "SHA-256 of PAD(verifier)", sum[:], "291256f39c9e9a0e3ea01bc00c7c7385d03ea6322589d6f9ea39cc464c041312")
			if len(sent) != 385 {
				t.Errorf("PAD(verifier) has %d bytes", len(sent))
			}
			v, err := ParseVerifier(sent)
			if err != nil {
				t.Fatal(err)
			}
			a, err := ParseA(vectorA)
			if err != nil {
				t.Fatal(err)
			}
			b := unhex(t, vectorB1)
			publicB := PublicB(e, v, b)
			equal(t, "u", scramble(a, publicB), "67cef412a7d97b73c25ee8cd7f78eadfbcb72482f64ea9455152a3d6d73b382a")
			key := SharedKey(e, a, v, b, publicB)
			equal(t, "key", key, "629ab9df32aeadb2c87f4319315ddb29")
			signature := Signature(key, groupKey, device, unbase64(t, vectorBlock), vectorTime)
			if got := base64.StdEncoding.EncodeToString(signature); got != "BOeFegrUn4VoZ7XypxF1Kbi+QMfwhVhGTRAyxEzO+9M=" {
				t.Errorf("signature %s", got)
			}
		})
	}
}

// clientKey is the client's half in math/big, from the formulas.
func clientKey(pool, user, password string, salt []byte, a *big.Int, publicB string) []byte {
	bigB, _ := new(big.Int).SetString(publicB, 16)
	bigA := new(big.Int).Exp(two, a, group)
	h := sha256.Sum256(append(bytes.Clone(pad(bigA.Bytes())), pad(bigB.Bytes())...))
	u := new(big.Int).SetBytes(h[:])
	x := new(big.Int).SetBytes(PrivateKey(pool, user, password, salt))
	k := new(big.Int).SetBytes(multiplier)
	base := new(big.Int).Sub(bigB, k.Mul(k, new(big.Int).Exp(two, x, group)))
	s := base.Exp(base.Mod(base, group), new(big.Int).Add(a, u.Mul(u, x)), group)
	return deriveKey(h[:], s.Bytes())
}

// TestAgainstClient signs in many times with fresh numbers: paddings differ in
// one run of 256 or so, and each side must see them alike.
func TestAgainstClient(t *testing.T) {
	for _, e := range engines(t) {
		for i := range 60 {
			user, password := fmt.Sprint("üser", i), fmt.Sprint("pässword ", i)
			salt := NewSalt()
			salt[0] = byte(i % 3 * 0x40) // leading zeros, and not
			v := Verifier(e, "Pool", user, password, salt)
			secret := new(big.Int).SetBytes(NewSecret())
			sent := new(big.Int).Exp(two, secret, group).Text(16)
			switch i % 3 {
			case 1:
				sent = "000" + sent
			case 2:
				sent = strings.ToUpper(sent)
			}
			a, err := ParseA(sent)
			if err != nil {
				t.Fatal(err)
			}
			b := NewSecret()
			publicB := PublicB(e, v, b)
			saltAsSent, _ := new(big.Int).SetString(Hex(salt), 16)
			server := SharedKey(e, a, v, b, publicB)
			if client := clientKey("Pool", user, password, saltAsSent.Bytes(), secret, Hex(publicB)); !bytes.Equal(client, server) {
				t.Fatalf("%s: keys differ for salt %x, b %x, a %x", e.Name(), salt, b, secret)
			}
			if wrong := clientKey("Pool", user, "wrong", salt, secret, Hex(publicB)); bytes.Equal(wrong, server) {
				t.Fatal("a wrong password arrives at the key")
			}
		}
	}
}

func TestParseA_refuses(t *testing.T) {
	n := hex.EncodeToString(engine.Modulus())
	twice := new(big.Int).Lsh(group, 1).Text(16)
	for _, text := range []string{"", "0", "00", n, "00" + n, strings.ToUpper(n), twice, "x", "0x12", "-1", " 1", "1 ", "1_0", "é",
		"1" + strings.Repeat("0", 768), strings.Repeat("0", maxHex) + "1", strings.Repeat("f", 1<<20)} {
		if a, err := ParseA(text); !errors.Is(err, ErrNumber) {
			t.Errorf("ParseA(%.20q…) = %v, %v", text, a, err)
		}
	}
	for _, text := range []string{"1", "002", n[:767] + "e", strings.Repeat("f", 768)} {
		if _, err := ParseA(text); err != nil {
			t.Errorf("ParseA(%.20q…): %v", text, err)
		}
	}
}

func TestParseVerifier_refuses(t *testing.T) {
	n := engine.Modulus()
	above := bytes.Repeat([]byte{0xff}, Size)
	for _, number := range [][]byte{nil, {0}, n, append([]byte{0}, n...), above, append([]byte{1}, n...)} {
		if _, err := ParseVerifier(number); !errors.Is(err, ErrNumber) {
			t.Errorf("ParseVerifier(%.8x…): %v", number, err)
		}
	}
	n[Size-1]--
	if got, err := ParseVerifier(append([]byte{0, 0}, n...)); err != nil || !bytes.Equal(got, n) {
		t.Errorf("N - 1: %v", err)
	}
}

func TestTimestamp(t *testing.T) {
	want := time.Date(2027, 1, 5, 3, 4, 5, 0, time.UTC)
	if at, err := ParseTimestamp(vectorTime); err != nil || !at.Equal(want) || FormatTimestamp(at) != vectorTime {
		t.Errorf("ParseTimestamp = %v, %v", at, err)
	}
	if _, err := ParseTimestamp("Thu Dec 31 23:59:59 UTC 2026"); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "Tue Jan 05 03:04:05 UTC 2027", "Tue Jan  5 03:04:05 UTC 2027", "Tue Jan 5 3:04:05 UTC 2027",
		"Mon Jan 5 03:04:05 UTC 2027", "tue Jan 5 03:04:05 UTC 2027", "Tue Jan 5 03:04:05 GMT 2027", "Tue Jan 5 03:04:05 UTC 27",
		"Tue Jan 5 03:04:05.5 UTC 2027", "Tue Jan 5 03:04:05 UTC 2027 ", "Tue Jan 5 24:04:05 UTC 2027", "Sun Feb 30 00:00:00 UTC 2027",
		"Di Jan 5 03:04:05 UTC 2027"} {
		if at, err := ParseTimestamp(text); !errors.Is(err, ErrTimestamp) {
			t.Errorf("ParseTimestamp(%q) = %v, %v", text, at, err)
		}
	}
	for skew, fresh := range map[time.Duration]bool{0: true, MaxSkew: true, -MaxSkew: true, MaxSkew + 1: false, -MaxSkew - 1: false, 1e18: false} {
		if Fresh(want.Add(skew), want) != fresh {
			t.Errorf("skew %v", skew)
		}
	}
}

func FuzzParseA(f *testing.F) {
	f.Add(vectorA)
	f.Add("0")
	f.Add("F")
	f.Add(hex.EncodeToString(engine.Modulus()))
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseA(text)
		want, ok := new(big.Int).SetString(text, 16)
		if err != nil {
			if ok && len(text) <= maxHex && !strings.ContainsAny(text, "+-_") && want.BitLen() <= 8*Size && new(big.Int).Mod(want, group).Sign() != 0 {
				t.Fatalf("%q is refused", text)
			}
			return
		}
		if !ok || new(big.Int).SetBytes(a.padded).Cmp(want) != 0 || a.padded[0] >= 0x80 || len(a.padded) > 1 && a.padded[0] == 0 && a.padded[1] < 0x80 {
			t.Fatalf("%q is hashed as %x", text, a.padded)
		}
		if new(big.Int).SetBytes(a.element).Cmp(want.Mod(want, group)) != 0 || want.Sign() == 0 {
			t.Fatalf("%q is the element %x", text, a.element)
		}
	})
}

func FuzzParseTimestamp(f *testing.F) {
	f.Add(vectorTime)
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := ParseTimestamp(text); err == nil && FormatTimestamp(at) != text {
			t.Fatalf("%q and %q are one timestamp", text, FormatTimestamp(at))
		}
	})
}

func BenchmarkServer(b *testing.B) {
	a, err := ParseA(vectorA)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range engines(b) {
		v := Verifier(e, "p", "u", "w", NewSalt())
		secret := NewSecret()
		publicB := PublicB(e, v, secret)
		b.Run(e.Name()+"/PublicB", func(b *testing.B) {
			for b.Loop() {
				PublicB(e, v, secret)
			}
		})
		b.Run(e.Name()+"/SharedKey", func(b *testing.B) {
			for b.Loop() {
				SharedKey(e, a, v, secret, publicB)
			}
		})
	}
}
