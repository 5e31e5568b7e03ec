package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// Code says what is wrong with a request's authentication. Each protocol words
// it in its own way; Error holds what the words need.
type Code int

const (
	// Missing: the request carries no authentication. S3 takes it as anonymous.
	Missing Code = iota + 1
	// UnsupportedScheme: an Authorization header that is not AWS's, such as
	// Bearer. S3: InvalidArgument "Unsupported Authorization Type".
	UnsupportedScheme
	// UnknownAlgorithm: AWS's, but not AWS4-HMAC-SHA256.
	UnknownAlgorithm
	// OnlyOneAuthMode: header and query authentication together. S3:
	// InvalidArgument.
	OnlyOneAuthMode
	// Incomplete: parts of the Authorization header are missing or malformed.
	// IncompleteSignature; S3: AuthorizationHeaderMalformed.
	Incomplete
	// IncompleteQuery: the same of a presigned query. S3:
	// AuthorizationQueryParametersError.
	IncompleteQuery
	// ScopeTerminator, ScopeService, ScopeRegion, ScopeDate: the credential
	// scope does not fit. Region and Service hold what it said, WantRegion and
	// WantService what was wanted.
	ScopeTerminator
	ScopeService
	ScopeRegion
	ScopeDate
	// SkewExpired, SkewFuture: the clocks differ by more than MaxSkew. S3:
	// RequestTimeTooSkewed with RequestTime and ServerTime.
	SkewExpired
	SkewFuture
	// PresignExpired, PresignFuture: outside a presigned query's time. S3:
	// AccessDenied "Request has expired" with Expires and ExpiresAt.
	PresignExpired
	PresignFuture
	// HeadersNotSigned: Headers lists what S3 demands to be signed. S3:
	// AccessDenied.
	HeadersNotSigned
	// SignatureMismatch: CanonicalRequest and StringToSign hold what was
	// computed here, Signature what was sent.
	SignatureMismatch
	// PayloadHashMissing, PayloadHashInvalid: S3 alone, which demands
	// x-amz-content-sha256. InvalidRequest and InvalidArgument.
	PayloadHashMissing
	PayloadHashInvalid
	// PayloadHashMismatch: the body is not the one that was signed. S3:
	// XAmzContentSHA256Mismatch.
	PayloadHashMismatch

	// From here on: the bodies of S3's streamed uploads.

	// MissingDecodedLength: S3: 411 MissingContentLength.
	MissingDecodedLength
	// IncompleteBody: the body ended early, or its length is not the declared.
	IncompleteBody
	// MalformedChunk: the framing is broken. S3: InvalidRequest.
	MalformedChunk
	// InvalidChunkSize: a chunk other than the last is shorter than 8192 bytes.
	InvalidChunkSize
	// ChunkSignatureMismatch: a chunk or the trailer is not the one that was
	// signed. S3: SignatureDoesNotMatch.
	ChunkSignatureMismatch
	// MalformedTrailer: S3: MalformedTrailerError.
	MalformedTrailer
	// BadDigest: a checksum in the trailer does not fit the body.
	BadDigest
)

// Error is a refusal. Message is AWS's text as services other than S3 word it,
// but for the codes that only S3 has. Of the other fields only those are set
// that the Code's comment names, and AccessKeyID where one is known.
type Error struct {
	Code    Code
	Message string

	AccessKeyID string

	Region, WantRegion   string
	Service, WantService string

	RequestTime time.Time
	ServerTime  time.Time
	MaxSkew     time.Duration
	Expires     time.Duration
	ExpiresAt   time.Time

	Headers []string

	Signature        string
	StringToSign     string
	CanonicalRequest string
}

func (e *Error) Error() string { return e.Message }

// Dump is what AWS's JSON services append to the message of a
// SignatureMismatch: the texts that should have been signed. They are made of
// the request alone, so they tell its sender nothing new.
func (e *Error) Dump() string {
	if e.Code != SignatureMismatch {
		return ""
	}
	return "\n\nThe Canonical String for this request should have been\n'" + e.CanonicalRequest +
		"'\n\nThe String-to-Sign should have been\n'" + e.StringToSign + "'\n"
}

// AWS's texts.
const (
	msgMissing   = "Request is missing Authentication Token"
	msgOnlyOne   = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
	msgQuery     = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	msgHost      = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	msgMismatch  = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	msgUnsigned  = "There were headers present in the request which were not signed"
	msgPayload   = "The provided 'x-amz-content-sha256' header does not match what was computed."
	msgNoPayload = "Missing required header for this request: x-amz-content-sha256"
	msgMarker    = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
	msgWeek      = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
	msgExpires   = "X-Amz-Expires should be a number"
	msgLength    = "You must provide the Content-Length HTTP header."
	msgShort     = "You did not provide the number of bytes specified by the Content-Length HTTP header"
	msgChunk     = "The request body is not a well-formed aws-chunked stream."
	msgChunkSize = "Only the last chunk is allowed to have a size less than 8192 bytes"
	msgTrailer   = "The request contained trailing data that was not well-formed or did not conform to our published schema."
)

func refuse(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// incomplete refuses an Authorization header as AWS does: all that is missing
// in one text, and the header's hash, so that it can be told apart in a log
// without being shown.
func incomplete(missing []string, header string) *Error {
	sum := sha256.Sum256([]byte(header))
	return refuse(Incomplete, strings.Join(missing, " ")+
		" (Hashed with SHA-256 and encoded with Base64) Authorization="+base64.StdEncoding.EncodeToString(sum[:]))
}
