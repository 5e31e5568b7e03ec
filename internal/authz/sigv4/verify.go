package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
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
	refusal := checkScope(auth, &opt)
	if refusal == nil {
		refusal = checkClock(auth, &opt)
	}
	if refusal == nil && opt.Service == serviceS3 {
		refusal = checkHeadersSigned(r, auth)
	}
	if refusal != nil {
		refusal.AccessKeyID = auth.AccessKeyID
		return nil, refusal
	}
	var body [2 * sha256.Size]byte
	if opt.Service != serviceS3 {
		bodyHash(&body, opt.Body)
	}
	payload, err := payloadHash(auth, &opt, body[:])
	if err != nil {
		return nil, err
	}

	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	canonical := appendCanonicalRequest((*buf)[:0], r, auth, &opt, payload)
	key := opt.Keys.Key(auth.AccessKeyID, secret, auth.Date, auth.Region, auth.Service)
	split := len(canonical)
	canonical = appendStringToSign(canonical, auth, canonical)
	if cap(canonical) <= 64<<10 { // a request with vast headers keeps nothing
		*buf = canonical
	}

	var want [2 * sha256.Size]byte
	key.sign(&want, canonical[split:])
	if subtle.ConstantTimeCompare(want[:], []byte(auth.Signature)) != 1 {
		return nil, &Error{
			Code: SignatureMismatch, Message: msgMismatch, AccessKeyID: auth.AccessKeyID, Signature: auth.Signature,
			CanonicalRequest: string(canonical[:split]), StringToSign: string(canonical[split:]),
		}
	}
	if opt.Service != serviceS3 && auth.PayloadHash != "" && auth.PayloadHash != string(body[:]) {
		return nil, &Error{Code: PayloadHashMismatch, Message: msgPayload, AccessKeyID: auth.AccessKeyID}
	}
	return &Verified{auth: auth, key: key}, nil
}

// buffers holds room for canonical requests, which live no longer than Verify.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

func checkScope(auth *Auth, opt *Options) *Error {
	regions := opt.Regions
	if regions == nil {
		regions = wellFormedRegion
	}
	var code Code
	var message string
	switch {
	case auth.Terminator != terminator:
		code, message = ScopeTerminator, "Credential should be scoped with a valid terminator: '"+terminator+"', not '"+auth.Terminator+"'. "
	case auth.Service != opt.Service:
		code, message = ScopeService, "Credential should be scoped to correct service: '"+opt.Service+"'. "
	case !regions(auth.Region):
		code, message = ScopeRegion, "Credential should be scoped to a valid Region, not '"+auth.Region+"'. "
	case auth.Date != auth.stamp[:8]:
		code = ScopeDate
		message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + auth.Date + "' != '" + auth.stamp[:8] + "', from '" + auth.stamp + "'."
	default:
		return nil
	}
	return &Error{Code: code, Message: message, Region: auth.Region, WantRegion: opt.WantRegion, Service: auth.Service, WantService: opt.Service}
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
	if auth.Presigned && opt.Service == serviceS3 && auth.Expires == 0 {
		return refuse(IncompleteQuery, msgQuery)
	}
	skew := opt.skew()
	now := opt.Now.UTC()
	oldest, newest := now.Add(-skew), now.Add(skew)
	end := auth.Time.Add(auth.Expires)
	clock := func(t time.Time) string { return t.Format(basicFormat) }
	minutes := strconv.Itoa(int(skew / time.Minute))
	var code Code
	var message string
	switch {
	case auth.Expires > 0 && now.Before(auth.Time.Add(-earlyPresign)):
		code, message = PresignFuture, "Request is not yet valid"
	case auth.Expires > 0 && now.After(end):
		code, message = PresignExpired, "Request has expired"
	case auth.Expires > 0:
		return nil
	case auth.Time.Before(oldest):
		code = SkewExpired
		message = "Signature expired: " + auth.stamp + " is now earlier than " + clock(oldest) + " (" + clock(now) + " - " + minutes + " min.)"
	case auth.Time.After(newest):
		code = SkewFuture
		message = "Signature not yet current: " + auth.stamp + " is still later than " + clock(newest) + " (" + clock(now) + " + " + minutes + " min.)"
	default:
		return nil
	}
	return &Error{Code: code, Message: message, RequestTime: auth.Time, ServerTime: now, MaxSkew: skew, Expires: auth.Expires, ExpiresAt: end}
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
	slices.Sort(unsigned)
	return &Error{Code: HeadersNotSigned, Message: msgUnsigned, Headers: unsigned}
}

// payloadHash is the last line of the canonical request. body is the hash of
// the body, where that is at hand.
func payloadHash(auth *Auth, opt *Options, body []byte) ([]byte, error) {
	if opt.Service != serviceS3 {
		if auth.PayloadHash != "" {
			return []byte(auth.PayloadHash), nil // compared with the body after the signature
		}
		return body, nil
	}
	switch hash := auth.PayloadHash; {
	case hash == "" && auth.Presigned:
		return []byte(UnsignedPayload), nil
	case hash == "":
		return nil, &Error{Code: PayloadHashMissing, Message: msgNoPayload, AccessKeyID: auth.AccessKeyID}
	case hash == UnsignedPayload || isHash(hash):
	case !auth.Presigned && (hash == StreamingSigned || hash == StreamingSignedTrailer || hash == StreamingUnsignedTrailer):
	default:
		return nil, &Error{Code: PayloadHashInvalid, Message: msgMarker, AccessKeyID: auth.AccessKeyID}
	}
	return []byte(auth.PayloadHash), nil
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

func bodyHash(hash *[2 * sha256.Size]byte, body []byte) {
	if len(body) == 0 {
		copy(hash[:], emptyHash)
		return
	}
	sum := sha256.Sum256(body)
	hex.Encode(hash[:], sum[:])
}

func appendCanonicalRequest(b []byte, r *http.Request, auth *Auth, opt *Options, payload []byte) []byte {
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
