package s3

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/authz/sigv4"
)

// authError words a refusal of authentication as S3 does (AWS: "Error
// responses"; the texts of package sigv4 are those of other services). Nil
// means that the error is of another kind.
func authError(err error) *Error {
	var e *sigv4.Error
	if errors.As(err, &e) {
		return signatureError(e)
	}
	var c coded
	if !errors.As(err, &c) {
		return nil
	}
	switch code := strings.TrimSuffix(c.ErrorCode(), "Exception"); code {
	case "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClient":
		return newError(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	case "InvalidToken":
		return newError(400, code, "The provided token is malformed or otherwise invalid.")
	case "ExpiredToken":
		return newError(400, code, "The provided token has expired.")
	case "AccessDenied":
		return errAccessDenied
	}
	return nil
}

func signatureError(e *sigv4.Error) *Error {
	key := []string{"AWSAccessKeyId", e.AccessKeyID}
	if e.AccessKeyID == "" {
		key = nil
	}
	header := func(message string) *Error { return newError(400, "AuthorizationHeaderMalformed", message) }
	switch e.Code {
	case sigv4.Missing:
		return errAccessDenied
	case sigv4.UnsupportedScheme:
		return errInvalidArgument.saying("Unsupported Authorization Type")
	case sigv4.OnlyOneAuthMode:
		return errInvalidArgument.saying(e.Message)
	case sigv4.UnknownAlgorithm:
		return errSigV2
	case sigv4.Incomplete:
		return header("The authorization header is malformed; " + e.Message)
	case sigv4.IncompleteQuery:
		return newError(400, "AuthorizationQueryParametersError", e.Message)
	case sigv4.ScopeRegion:
		return header(fmt.Sprintf("The authorization header is malformed; the region '%s' is wrong; expecting '%s'", e.Region, e.WantRegion)).with("Region", e.WantRegion)
	case sigv4.ScopeService:
		return header(fmt.Sprintf("The authorization header is malformed; incorrect service %q. This endpoint belongs to %q.", e.Service, e.WantService))
	case sigv4.ScopeTerminator, sigv4.ScopeDate:
		return header("The authorization header is malformed; " + strings.TrimSpace(e.Message))
	case sigv4.SkewExpired, sigv4.SkewFuture:
		return newError(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.").with(
			"RequestTime", e.RequestTime.UTC().Format("20060102T150405Z"), "ServerTime", e.ServerTime.UTC().Format(time.RFC3339),
			"MaxAllowedSkewMilliseconds", strconv.FormatInt(e.MaxSkew.Milliseconds(), 10))
	case sigv4.PresignExpired:
		return errAccessDenied.saying("Request has expired").with("X-Amz-Expires", strconv.Itoa(int(e.Expires.Seconds())),
			"Expires", e.ExpiresAt.UTC().Format(time.RFC3339), "ServerTime", e.ServerTime.UTC().Format(time.RFC3339))
	case sigv4.PresignFuture:
		return errAccessDenied.saying("Request is not yet valid").with("ServerTime", e.ServerTime.UTC().Format(time.RFC3339))
	case sigv4.HeadersNotSigned:
		return errAccessDenied.saying(e.Message).with("HeadersNotSigned", strings.Join(e.Headers, ", "))
	case sigv4.SignatureMismatch:
		details := append(key, "StringToSign", e.StringToSign, "SignatureProvided", e.Signature, "StringToSignBytes", hexBytes(e.StringToSign),
			"CanonicalRequest", e.CanonicalRequest, "CanonicalRequestBytes", hexBytes(e.CanonicalRequest))
		return errSignature.with(details...)
	case sigv4.ChunkSignatureMismatch:
		return errSignature.with(key...)
	case sigv4.PayloadHashMissing:
		return errInvalidRequest.saying(e.Message)
	case sigv4.PayloadHashInvalid:
		return errInvalidArgument.saying(e.Message).with("ArgumentName", "x-amz-content-sha256")
	case sigv4.PayloadHashMismatch:
		return newError(400, "XAmzContentSHA256Mismatch", e.Message)
	case sigv4.MissingDecodedLength:
		return errMissingLength
	case sigv4.IncompleteBody:
		return errIncompleteBody
	case sigv4.MalformedChunk:
		return errInvalidRequest.saying(e.Message)
	case sigv4.InvalidChunkSize:
		return newError(403, "InvalidChunkSizeError", e.Message)
	case sigv4.MalformedTrailer:
		return newError(400, "MalformedTrailerError", e.Message)
	case sigv4.BadDigest:
		return errBadDigest.saying(e.Message)
	}
	return errAccessDenied
}

// hexBytes shows a text's bytes, by which a client finds the one that differs.
func hexBytes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%02x", s[i])
	}
	return b.String()
}
