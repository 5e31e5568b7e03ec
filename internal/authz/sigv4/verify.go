package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// emptyHash is the SHA-256 of no bytes.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Markers of x-amz-content-sha256 in place of a hash (S3 only).
const (
	UnsignedPayload          = "UNSIGNED-PAYLOAD"
	StreamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// Options are what a door expects of the requests it verifies.
type Options struct {
	// Service is the signing name that the scope must have. "s3" also chooses
	// S3's canonical form and rules.
	Service string
	// Regions says whether a region in the scope is accepted. Nil accepts every
	// well-formed one. WantRegion is the door's own region, for error texts.
	Regions    func(region string) bool
	WantRegion string
	Now        time.Time
	// Skew is how far the clocks may differ; zero means 5 minutes, and 15 for
	// S3 (a presigned query may always be 15 minutes early).
	Skew time.Duration
	// Host is the Host header that the client sent, when a proxy in front
	// changed it; empty means the request's own.
	Host string
	// Body is the whole body, for every service but S3. S3's is read through
	// Verified.Body.
	Body []byte
	// Keys remembers signing keys; nil derives them each time.
	Keys *KeyCache
}

const serviceS3 = "s3"

func (o *Options) skew() time.Duration {
	switch {
	case o.Skew != 0:
		return o.Skew
	case o.Service == serviceS3:
		return 15 * time.Minute
	}
	return 5 * time.Minute
}

// Verified is a request whose signature is true.
type Verified struct {
	auth *Auth
	key  SigningKey
}

// Verify checks a parsed request against the secret of its access key: scope,
// clock, headers, signature, payload hash, in this order. The caller has looked
// the key up and has compared auth.SecurityToken with the key's. Errors are of
// type *Error.
//
// A nil error vouches for the body only where the signature covers it and it
// was at hand: for S3 see Verified.Body.
func Verify(r *http.Request, auth *Auth, secret string, opt Options) (*Verified, error) {
	for _, check := range []func(*Auth, *Options) *Error{checkScope, checkClock} {
		if err := check(auth, &opt); err != nil {
			err.AccessKeyID = auth.AccessKeyID
			return nil, err
		}
	}
	if opt.Service == serviceS3 {
		if err := checkHeadersSigned(r, auth); err != nil {
			return nil, err
		}
	}
	payload, err := payloadHash(auth, &opt)
	if err != nil {
		return nil, err
	}

	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	canonical := appendCanonicalRequest((*buf)[:0], r, auth, &opt, payload)
	key := opt.Keys.Key(auth.AccessKeyID, secret, auth.Date, auth.Region, auth.Service)
	split := len(canonical)
	canonical = appendStringToSign(canonical, auth, canonical)
	*buf = canonical

	var want [2 * sha256.Size]byte
	key.sign(&want, canonical[split:])
	if subtle.ConstantTimeCompare(want[:], []byte(auth.Signature)) != 1 {
		return nil, &Error{
			Code: SignatureMismatch, Message: msgMismatch, AccessKeyID: auth.AccessKeyID, Signature: auth.Signature,
			CanonicalRequest: string(canonical[:split]), StringToSign: string(canonical[split:]),
		}
	}
	if opt.Service != serviceS3 && auth.PayloadHash != "" && auth.PayloadHash != bodyHash(opt.Body) {
		return nil, &Error{Code: PayloadHashMismatch, Message: msgPayload, AccessKeyID: auth.AccessKeyID}
	}
	return &Verified{auth: auth, key: key}, nil
}

// buffers holds room for canonical requests, which live no longer than Verify.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

func checkScope(auth *Auth, opt *Options) *Error {
	e := &Error{Region: auth.Region, WantRegion: opt.WantRegion, Service: auth.Service, WantService: opt.Service}
	regions := opt.Regions
	if regions == nil {
		regions = wellFormedRegion
	}
	switch {
	case auth.Terminator != terminator:
		e.Code, e.Message = ScopeTerminator, "Credential should be scoped with a valid terminator: '"+terminator+"', not '"+auth.Terminator+"'. "
	case auth.Service != opt.Service:
		e.Code, e.Message = ScopeService, "Credential should be scoped to correct service: '"+opt.Service+"'. "
	case !regions(auth.Region):
		e.Code, e.Message = ScopeRegion, "Credential should be scoped to a valid Region, not '"+auth.Region+"'. "
	case auth.Date != auth.stamp[:8]:
		e.Code = ScopeDate
		e.Message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + auth.Date + "' != '" + auth.stamp[:8] + "', from '" + auth.stamp + "'."
	default:
		return nil
	}
	return e
}

func wellFormedRegion(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// earlyPresign is how long before its date a presigned query is accepted.
const earlyPresign = 15 * time.Minute

func checkClock(auth *Auth, opt *Options) *Error {
	e := &Error{RequestTime: auth.Time, ServerTime: opt.Now, MaxSkew: opt.skew(), Expires: auth.Expires}
	if auth.Presigned && opt.Service == serviceS3 && auth.Expires == 0 {
		return refuse(IncompleteQuery, msgQuery)
	}
	if auth.Expires > 0 {
		e.ExpiresAt = auth.Time.Add(auth.Expires)
		switch {
		case opt.Now.Before(auth.Time.Add(-earlyPresign)):
			e.Code, e.Message = PresignFuture, "Request is not yet valid"
		case opt.Now.After(e.ExpiresAt):
			e.Code, e.Message = PresignExpired, "Request has expired"
		default:
			return nil
		}
		return e
	}
	minutes := strconv.Itoa(int(e.MaxSkew / time.Minute))
	now := opt.Now.UTC()
	clock := func(t time.Time) string { return t.Format(basicFormat) }
	if oldest := now.Add(-e.MaxSkew); auth.Time.Before(oldest) {
		e.Code = SkewExpired
		e.Message = "Signature expired: " + clock(auth.Time) + " is now earlier than " + clock(oldest) + " (" + clock(now) + " - " + minutes + " min.)"
		return e
	}
	if newest := now.Add(e.MaxSkew); auth.Time.After(newest) {
		e.Code = SkewFuture
		e.Message = "Signature not yet current: " + clock(auth.Time) + " is still later than " + clock(newest) + " (" + clock(now) + " + " + minutes + " min.)"
		return e
	}
	return nil
}

// checkHeadersSigned demands that every x-amz- header is signed: in S3 they
// are part of the request's meaning, such as x-amz-acl.
func checkHeadersSigned(r *http.Request, auth *Auth) *Error {
	var unsigned []string
	for name := range r.Header {
		if len(name) < 6 || !strings.EqualFold(name[:6], "x-amz-") {
			continue
		}
		signed := false
		for _, s := range auth.SignedHeaders {
			if strings.EqualFold(s, name) {
				signed = true
				break
			}
		}
		if !signed {
			unsigned = append(unsigned, strings.ToLower(name))
		}
	}
	if unsigned == nil {
		return nil
	}
	return &Error{Code: HeadersNotSigned, Message: msgUnsigned, AccessKeyID: auth.AccessKeyID, Headers: unsigned}
}

// payloadHash is the last line of the canonical request.
func payloadHash(auth *Auth, opt *Options) (string, error) {
	if opt.Service != serviceS3 {
		if auth.PayloadHash != "" {
			return auth.PayloadHash, nil // compared with the body after the signature
		}
		return bodyHash(opt.Body), nil
	}
	switch hash := auth.PayloadHash; {
	case hash == "" && auth.Presigned:
		return UnsignedPayload, nil
	case hash == "":
		return "", &Error{Code: PayloadHashMissing, Message: msgNoPayload, AccessKeyID: auth.AccessKeyID}
	case hash == UnsignedPayload || isHash(hash):
	case !auth.Presigned && (hash == StreamingSigned || hash == StreamingSignedTrailer || hash == StreamingUnsignedTrailer):
	default:
		return "", &Error{Code: PayloadHashInvalid, Message: msgMarker, AccessKeyID: auth.AccessKeyID}
	}
	return auth.PayloadHash, nil
}

func isHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func bodyHash(body []byte) string {
	if len(body) == 0 {
		return emptyHash
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func appendCanonicalRequest(b []byte, r *http.Request, auth *Auth, opt *Options, payload string) []byte {
	path, _ := received(r)
	host := opt.Host
	if host == "" {
		host = r.Host
	}
	b = append(b, r.Method...)
	b = append(b, '\n')
	if opt.Service == serviceS3 {
		b = appendPathS3(b, path)
	} else {
		b = appendPath(b, path)
	}
	b = append(b, '\n')
	b = appendQuery(b, auth.query, auth.Presigned)
	b = append(b, '\n')
	b = appendHeaders(b, r, host, auth.SignedHeaders)
	b = append(b, '\n')
	for i, name := range auth.SignedHeaders {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, payload...)
}

func appendStringToSign(b []byte, auth *Auth, canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	b = append(b, algorithm+"\n"...)
	b = append(b, auth.stamp...)
	b = append(b, '\n')
	b = append(b, auth.Date...)
	b = append(b, '/')
	b = append(b, auth.Region...)
	b = append(b, '/')
	b = append(b, auth.Service...)
	b = append(b, "/"+terminator+"\n"...)
	return hex.AppendEncode(b, sum[:])
}

// sign writes the hexadecimal signature of text.
func (k *SigningKey) sign(signature *[2 * sha256.Size]byte, text []byte) {
	var sum [sha256.Size]byte
	mac := hmac.New(sha256.New, k[:])
	mac.Write(text)
	hex.Encode(signature[:], mac.Sum(sum[:0]))
}
