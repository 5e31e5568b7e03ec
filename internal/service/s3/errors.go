package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"syscall"

	"gatehouse/internal/store"
)

// Error is an answer of S3 that is not a success. Handlers return it; ServeHTTP
// turns it into XML in one place.
type Error struct {
	Status  int
	Code    string
	Message string
	// Details are further elements of the XML, name and value in turn.
	Details []string
	// Headers are sent with the error, name and value in turn.
	Headers []string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// with returns a copy of e that has more elements in its XML.
func (e *Error) with(details ...string) *Error {
	c := *e
	c.Details = append(append([]string(nil), e.Details...), details...)
	return &c
}

// saying returns a copy of e with another message.
func (e *Error) saying(message string) *Error {
	c := *e
	c.Message = message
	return &c
}

func newError(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

// The texts are those of AWS: "Error responses", List of error codes.
var (
	errAccessDenied      = newError(403, "AccessDenied", "Access Denied")
	errACLNotSupported   = newError(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
	errBadDigest         = newError(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	errBucketOwned       = newError(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	errBucketNotEmpty    = newError(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
	errBucketACLOwner    = newError(400, "InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
	errEntityTooLarge    = newError(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	errEntityTooSmall    = newError(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
	errIllegalLocation   = newError(400, "IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	errIncompleteBody    = newError(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	errInternal          = newError(500, "InternalError", "We encountered an internal error. Please try again.")
	errInvalidArgument   = newError(400, "InvalidArgument", "Invalid Argument")
	errInvalidBucketName = newError(400, "InvalidBucketName", "The specified bucket is not valid.")
	errInvalidDigest     = newError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
	errInvalidLocation   = newError(400, "InvalidLocationConstraint", "The specified location-constraint is not valid")
	errInvalidPart       = newError(400, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
	errInvalidPartOrder  = newError(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
	errInvalidPartNumber = newError(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
	errInvalidRange      = newError(416, "InvalidRange", "The requested range is not satisfiable")
	errInvalidRequest    = newError(400, "InvalidRequest", "Invalid Request")
	errInvalidTag        = newError(400, "InvalidTag", "The TagValue you have provided is invalid")
	errInvalidURI        = newError(400, "InvalidURI", "Couldn't parse the specified URI.")
	errKeyTooLong        = newError(400, "KeyTooLongError", "Your key is too long")
	errMalformedACL      = newError(400, "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema")
	errMalformedPolicy   = newError(400, "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
	errMalformedXML      = newError(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	errMetadataTooLarge  = newError(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	errMethodNotAllowed  = newError(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	errMissingBody       = newError(400, "MissingRequestBodyError", "Request Body is empty")
	errMissingLength     = newError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	errNoSuchBucket      = newError(404, "NoSuchBucket", "The specified bucket does not exist")
	errNoSuchPolicy      = newError(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
	errNoSuchCORS        = newError(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
	errNoSuchKey         = newError(404, "NoSuchKey", "The specified key does not exist.")
	errNoSuchLifecycle   = newError(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
	errNoSuchPAB         = newError(404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	errNoSuchTagSet      = newError(404, "NoSuchTagSet", "The TagSet does not exist")
	errNoSuchUpload      = newError(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	errNoSuchVersion     = newError(404, "NoSuchVersion", "The specified version does not exist.")
	errNoSuchWebsite     = newError(404, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
	errNotImplemented    = newError(501, "NotImplemented", "A header or query you provided implies functionality that is not implemented")
	errNotModified       = newError(304, "NotModified", "Not Modified")
	errOwnershipNotFound = newError(404, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
	errPrecondition      = newError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	errSignature         = newError(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	errSigV2             = newError(400, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	errSlowDown          = newError(503, "SlowDown", "Please reduce your request rate.")
	errSSENotFound       = newError(404, "ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found")
	errUnavailable       = newError(503, "ServiceUnavailable", "Service is unable to handle request.")
	errUnresolvableGrant = newError(400, "UnresolvableGrantByEmailAddress", "The e-mail address you provided does not match any account on record.")
)

// coded is an error of another package that carries a code of AWS, such as
// *sigv4.Error or package access's "the token has expired".
type coded interface {
	error
	ErrorCode() string
}

// asError finds the answer for an error. An error that is not meant for the
// caller becomes InternalError; known is false then, and the cause is for the
// log alone.
func asError(err error) (e *Error, known bool) {
	if errors.As(err, &e) {
		return e, true
	}
	if e := authError(err); e != nil {
		return e, true
	}
	var tooLarge *http.MaxBytesError
	var failure *upstreamFailure
	switch {
	case errors.As(err, &failure):
		return failure.answer, false
	case errors.As(err, &tooLarge):
		return errEntityTooLarge, true
	case errors.Is(err, context.Canceled), errors.Is(err, errBodyCut):
		return errIncompleteBody, true
	case errors.Is(err, store.ErrBusy):
		return errSlowDown, false
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ENOSPC):
		return errUnavailable, false
	}
	return errInternal, false
}

// writeError answers with an error in S3's XML; HEAD and 304 have no body.
func (r *request) writeError(e *Error) {
	h := r.w.Header()
	for _, name := range []string{"Content-Length", "Content-Range", "ETag", "Last-Modified", "Accept-Ranges", "Content-Encoding", "Content-Disposition", "Cache-Control", "Content-Language", "Expires"} {
		if e.Status != http.StatusNotModified {
			h.Del(name)
		}
	}
	for i := 0; i+1 < len(e.Headers); i += 2 {
		h.Set(e.Headers[i], e.Headers[i+1])
	}
	if r.bucket != nil {
		h.Set("x-amz-bucket-region", r.bucket.region())
	}
	if r.http.Method == http.MethodHead || e.Status == http.StatusNotModified {
		h.Del("Content-Type")
		r.w.WriteHeader(e.Status)
		return
	}
	x := errorXML{Code: e.Code, Message: e.Message}
	for i := 0; i+1 < len(e.Details); i += 2 {
		x.Details = append(x.Details, element{XMLName: xml.Name{Local: e.Details[i]}, Text: e.Details[i+1]})
	}
	x.Details = append(x.Details,
		element{XMLName: xml.Name{Local: "RequestId"}, Text: r.id},
		element{XMLName: xml.Name{Local: "HostId"}, Text: r.hostID})
	r.writeXML(e.Status, x)
}

type errorXML struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
	Details []element
}

type element struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
}

func itoa(n int) string { return strconv.Itoa(n) }
