//go:build !static && linux && (amd64 || arm64)

package engine

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Libcrypto returns the engine that calls the machine's libcrypto.so.3, or an
// error that wraps ErrNoLibcrypto when there is none of version 3, a function
// is missing, or it does not compute what Go computes.
func Libcrypto() (Engine, error) { return loadLibcrypto() }

// The functions, by address. They are called through purego.SyscallN, which
// costs a tenth of a microsecond; purego's typed calls go through reflection.
type libcrypto struct {
	name string

	bnNew, bnFree, bnBin2bn, bnBn2binpad uintptr
	bnCtxNew, bnCtxFree                  uintptr
	montNew, montSet, montFree           uintptr
	modExp, modMulMont                   uintptr

	pkeyFree, pkeyCtxNew, pkeyCtxFree                   uintptr
	d2iAuto, signInit, setPadding, setSignatureMD, sign uintptr
	sha256                                              uintptr
	errClear                                            uintptr

	modulus, mont uintptr // N and its Montgomery constants: made once, only read afterwards
	free          chan *workspace
}

var loadLibcrypto = sync.OnceValues(func() (Engine, error) {
	handle, err := purego.Dlopen("libcrypto.so.3", purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLibcrypto, err)
	}
	l := &libcrypto{free: make(chan *workspace, 2*runtime.NumCPU())}
	var initCrypto, versionString uintptr
	for name, f := range map[string]*uintptr{
		"OPENSSL_init_crypto":           &initCrypto,
		"OpenSSL_version":               &versionString,
		"BN_new":                        &l.bnNew,
		"BN_clear_free":                 &l.bnFree,
		"BN_bin2bn":                     &l.bnBin2bn,
		"BN_bn2binpad":                  &l.bnBn2binpad,
		"BN_CTX_new":                    &l.bnCtxNew,
		"BN_CTX_free":                   &l.bnCtxFree,
		"BN_MONT_CTX_new":               &l.montNew,
		"BN_MONT_CTX_set":               &l.montSet,
		"BN_MONT_CTX_free":              &l.montFree,
		"BN_mod_exp_mont_consttime":     &l.modExp,
		"BN_mod_mul_montgomery":         &l.modMulMont,
		"EVP_PKEY_free":                 &l.pkeyFree,
		"EVP_PKEY_CTX_new":              &l.pkeyCtxNew,
		"EVP_PKEY_CTX_free":             &l.pkeyCtxFree,
		"d2i_AutoPrivateKey":            &l.d2iAuto,
		"EVP_PKEY_sign_init":            &l.signInit,
		"EVP_PKEY_CTX_set_rsa_padding":  &l.setPadding,
		"EVP_PKEY_CTX_set_signature_md": &l.setSignatureMD,
		"EVP_PKEY_sign":                 &l.sign,
		"EVP_sha256":                    &l.sha256,
		"ERR_clear_error":               &l.errClear,
	} {
		if *f, err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoLibcrypto, err)
		}
	}
	// Neither read openssl.cnf (it can load engines into this process) nor
	// register exit handlers (they would run while other threads compute).
	const noLoadConfig, noAtExit = 0x80, 0x80000
	if r := callInt(initCrypto, noLoadConfig|noAtExit, 0); r != 1 {
		return nil, fmt.Errorf("%w: OPENSSL_init_crypto failed", ErrNoLibcrypto)
	}
	const openSSLVersionString = 6 // "3.0.19"
	l.name = "libcrypto " + cString(call(versionString, openSSLVersionString))

	n := Modulus()
	l.modulus = call(l.bnBin2bn, uintptr(unsafe.Pointer(unsafe.SliceData(n))), Size, 0)
	l.mont = call(l.montNew)
	ctx := call(l.bnCtxNew)
	if l.modulus == 0 || l.mont == 0 || ctx == 0 || callInt(l.montSet, l.mont, l.modulus, ctx) != 1 {
		return nil, fmt.Errorf("%w: out of memory", ErrNoLibcrypto)
	}
	call(l.bnCtxFree, ctx)

	// A known answer, for a library that is there but is not what it says.
	base, exp := n, []byte{0x9d, 0x03}
	base[Size-1] ^= 0x55
	if got, ok := l.exp(base, exp); !ok || !bytes.Equal(got, Go().Exp(base, exp)) {
		return nil, fmt.Errorf("%w: %s computes a wrong power", ErrNoLibcrypto, l.name)
	}
	return l, nil
})

func (l *libcrypto) Name() string { return l.name }

// A workspace is what one call needs besides its input. A call takes one, and
// nobody else uses it meanwhile; as many as twice the processors are kept.
type workspace struct{ ctx, a, b, r uintptr }

func (l *libcrypto) take() (*workspace, bool) {
	select {
	case w := <-l.free:
		return w, true
	default:
	}
	w := &workspace{ctx: call(l.bnCtxNew), a: call(l.bnNew), b: call(l.bnNew), r: call(l.bnNew)}
	if w.ctx == 0 || w.a == 0 || w.b == 0 || w.r == 0 {
		l.drop(w)
		return nil, false
	}
	return w, true
}

func (l *libcrypto) put(w *workspace) {
	select {
	case l.free <- w:
	default:
		l.drop(w)
	}
}

// drop frees and, because operands were secret, wipes. The functions take NULL.
func (l *libcrypto) drop(w *workspace) {
	call(l.bnFree, w.a)
	call(l.bnFree, w.b)
	call(l.bnFree, w.r)
	call(l.bnCtxFree, w.ctx)
}

// ExpG falls back to Go in the one case in which libcrypto fails: no memory.
func (l *libcrypto) ExpG(exp []byte) []byte {
	if len(exp) > ExpGSize {
		return l.Exp(two().bytes(), exp)
	}
	w, ok := l.take()
	if !ok {
		return Go().ExpG(exp)
	}
	defer l.put(w)
	r, ok := l.expG(w, exp)
	if !ok {
		return Go().ExpG(exp)
	}
	return r
}

// expG keeps the running product inside libcrypto; what crosses over for each
// digit is the entry that selectElement found.
func (l *libcrypto) expG(w *workspace, exp []byte) ([]byte, bool) {
	table := window()
	if len(exp) == 0 {
		return (&element{1}).bytes(), true
	}
	buf := make([]byte, Size)
	var digit element
	selectElement(&digit, &table[0], digitOf(exp, 0))
	digit.putBytes(buf)
	if call(l.bnBin2bn, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), Size, w.r) == 0 {
		return nil, false
	}
	for i := 1; i < digits(len(exp)); i++ {
		selectElement(&digit, &table[i], digitOf(exp, i))
		digit.putBytes(buf)
		if call(l.bnBin2bn, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), Size, w.a) == 0 || callInt(l.modMulMont, w.r, w.r, w.a, l.mont, w.ctx) != 1 {
			return nil, false
		}
	}
	// Out of Montgomery form: one more product, by the number one.
	buf[0] = 1
	if call(l.bnBin2bn, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), 1, w.a) == 0 || callInt(l.modMulMont, w.r, w.r, w.a, l.mont, w.ctx) != 1 {
		return nil, false
	}
	return buf, callInt(l.bnBn2binpad, w.r, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), Size) == Size
}

// Exp falls back to Go in the one case in which libcrypto fails: no memory.
func (l *libcrypto) Exp(base, exp []byte) []byte {
	mustElement(base)
	r, ok := l.exp(base, exp)
	if !ok {
		return Go().Exp(base, exp)
	}
	return r
}

// ExpPublic is Exp: libcrypto's way for public exponents is no faster.
func (l *libcrypto) ExpPublic(base, exp []byte) []byte { return l.Exp(base, exp) }

func (l *libcrypto) exp(base, exp []byte) ([]byte, bool) {
	w, ok := l.take()
	if !ok {
		return nil, false
	}
	defer l.put(w)
	if call(l.bnBin2bn, uintptr(unsafe.Pointer(unsafe.SliceData(base))), Size, w.a) == 0 ||
		call(l.bnBin2bn, uintptr(unsafe.Pointer(unsafe.SliceData(exp))), uintptr(len(exp)), w.b) == 0 ||
		callInt(l.modExp, w.r, w.a, w.b, l.modulus, w.ctx, l.mont) != 1 {
		return nil, false
	}
	out := make([]byte, Size)
	return out, callInt(l.bnBn2binpad, w.r, uintptr(unsafe.Pointer(unsafe.SliceData(out))), Size) == Size
}

// GenerateKey is Go's: libcrypto takes twice as long or more.
func (l *libcrypto) GenerateKey() (*rsa.PrivateKey, error) { return Go().GenerateKey() }

// A libSigner owns its EVP_PKEY; contexts for signing with it are kept for the
// next call, one a concurrent signature.
type libSigner struct {
	l    *libcrypto
	pkey uintptr
	size int
	free chan uintptr
}

func (l *libcrypto) Signer(key *rsa.PrivateKey) (Signer, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	der := x509.MarshalPKCS1PrivateKey(key)
	defer clear(der)
	var pin runtime.Pinner
	pin.Pin(&der[0])
	defer pin.Unpin()
	cursor := new(uintptr)
	*cursor = uintptr(unsafe.Pointer(unsafe.SliceData(der)))
	s := &libSigner{l: l, size: key.Size(), free: make(chan uintptr, runtime.NumCPU())}
	if s.pkey = call(l.d2iAuto, 0, uintptr(unsafe.Pointer(cursor)), uintptr(len(der))); s.pkey == 0 {
		return nil, l.failed("reading an RSA key")
	}
	// The channel and the key outlive s just long enough to be freed.
	free, pkey := s.free, s.pkey
	runtime.AddCleanup(s, func(struct{}) {
		for {
			select {
			case ctx := <-free:
				call(l.pkeyCtxFree, ctx)
				continue
			default:
			}
			break
		}
		call(l.pkeyFree, pkey)
	}, struct{}{})
	return s, nil
}

func (s *libSigner) Sign(digest [32]byte) ([]byte, error) {
	ctx, err := s.take()
	if err != nil {
		return nil, err
	}
	in, out, size := digest[:], make([]byte, s.size), new(uintptr)
	*size = uintptr(len(out))
	ok := callInt(s.l.sign, ctx, uintptr(unsafe.Pointer(unsafe.SliceData(out))), uintptr(unsafe.Pointer(size)), uintptr(unsafe.Pointer(unsafe.SliceData(in))), uintptr(len(in))) == 1 &&
		*size == uintptr(len(out))
	if !ok {
		call(s.l.pkeyCtxFree, ctx)
		return nil, s.l.failed("signing")
	}
	select {
	case s.free <- ctx:
	default:
		call(s.l.pkeyCtxFree, ctx)
	}
	runtime.KeepAlive(s) // the cleanup frees what was used just now
	return out, nil
}

func (s *libSigner) take() (uintptr, error) {
	select {
	case ctx := <-s.free:
		return ctx, nil
	default:
	}
	const pkcs1Padding = 1
	ctx := call(s.l.pkeyCtxNew, s.pkey, 0)
	if ctx == 0 || callInt(s.l.signInit, ctx) != 1 || callInt(s.l.setPadding, ctx, pkcs1Padding) != 1 ||
		callInt(s.l.setSignatureMD, ctx, call(s.l.sha256)) != 1 {
		call(s.l.pkeyCtxFree, ctx)
		return 0, s.l.failed("preparing to sign")
	}
	return ctx, nil
}

// failed empties the thread's error queue, so that it does not grow. What the
// queue says is about libcrypto's insides and helps nobody here.
func (l *libcrypto) failed(doing string) error {
	call(l.errClear)
	return errors.New("engine: " + l.name + ": " + doing + " failed")
}

// call calls a C function. An address must be made from its pointer in the very
// argument list: the pragma then moves what it points to to the heap and keeps
// it there for the length of the call.
//
//go:uintptrescapes
func call(f uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(f, args...)
	return r
}

// callInt calls a C function that returns an int: only the low half of the
// register means anything.
//
//go:uintptrescapes
func callInt(f uintptr, args ...uintptr) int32 {
	r, _, _ := purego.SyscallN(f, args...)
	return int32(r)
}

// cString copies a static string of the library.
func cString(p uintptr) string {
	if p == 0 {
		return "unknown"
	}
	var b []byte
	base := *(*unsafe.Pointer)(unsafe.Pointer(&p))
	for i := 0; i < 256; i++ {
		c := *(*byte)(unsafe.Add(base, i))
		if c == 0 {
			break
		}
		b = append(b, c)
	}
	return string(b)
}
