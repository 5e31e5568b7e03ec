package access

import (
	"errors"
	"net/http"

	"gatehouse/internal/authz/sigv4"
)

// Kind is why a request was refused before the service saw it. The protocols
// have their own codes and texts for each (shared spec, iam-sts-sigv4.md,
// section 10).
type Kind int

const (
	KindMissing    Kind = iota // no signature where one is needed
	KindIncomplete             // malformed Authorization
	KindUnknownKey             // unknown or inactive access key, or a session token that is not the key's
	KindBadToken               // session token that no ring here sealed, or of another key
	KindExpired                // expired session
	KindMismatch               // wrong signature
	KindSkew                   // clock
	KindScope                  // region, service, date or terminator of the scope
	KindPayload                // body does not have the signed hash
	KindDenied                 // authenticated, and not allowed
)

// Error is a refusal with the codes of the protocols that share this package.
// S3 maps Kind and Cause itself.
type Error struct {
	Kind    Kind
	Message string
	// JSONCode is the code in the JSON protocols, whose status is 400.
	JSONCode string
	// QueryCode and QueryStatus are those of the query protocol.
	QueryCode   string
	QueryStatus int
	// Cause is the *sigv4.Error behind it, or nil.
	Cause error
}

func (e *Error) Error() string { return e.JSONCode + ": " + e.Message }
func (e *Error) Unwrap() error { return e.Cause }

// ErrorCode is the code by which S3 tells the refusals that are not sigv4's.
func (e *Error) ErrorCode() string {
	if e.Kind == KindBadToken {
		return "InvalidToken"
	}
	return e.QueryCode
}

var codes = map[Kind]struct {
	json, query string
	status      int
}{
	KindMissing:    {"MissingAuthenticationTokenException", "MissingAuthenticationToken", http.StatusForbidden},
	KindIncomplete: {"IncompleteSignatureException", "IncompleteSignature", http.StatusBadRequest},
	KindUnknownKey: {"UnrecognizedClientException", "InvalidClientTokenId", http.StatusForbidden},
	KindBadToken:   {"UnrecognizedClientException", "InvalidClientTokenId", http.StatusForbidden},
	KindExpired:    {"ExpiredTokenException", "ExpiredToken", http.StatusForbidden},
	KindMismatch:   {"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden},
	KindSkew:       {"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden},
	KindScope:      {"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden},
	KindPayload:    {"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden},
	KindDenied:     {"AccessDeniedException", "AccessDenied", http.StatusForbidden},
}

func newError(kind Kind, message string, cause error) *Error {
	c := codes[kind]
	return &Error{Kind: kind, Message: message, JSONCode: c.json, QueryCode: c.query, QueryStatus: c.status, Cause: cause}
}

// Denied is a refusal of policy with AWS's text.
func Denied(message string) *Error { return newError(KindDenied, message, nil) }

// wrap gives a refusal of sigv4 its protocol codes.
func wrap(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	kind := KindIncomplete
	switch e.Code {
	case sigv4.Missing, sigv4.UnsupportedScheme:
		kind = KindMissing
	case sigv4.ScopeTerminator, sigv4.ScopeService, sigv4.ScopeRegion, sigv4.ScopeDate:
		kind = KindScope
	case sigv4.SkewExpired, sigv4.SkewFuture, sigv4.PresignExpired, sigv4.PresignFuture:
		kind = KindSkew
	case sigv4.SignatureMismatch, sigv4.ChunkSignatureMismatch:
		kind = KindMismatch
	case sigv4.PayloadHashMissing, sigv4.PayloadHashInvalid, sigv4.PayloadHashMismatch, sigv4.IncompleteBody, sigv4.BadDigest:
		kind = KindPayload
	}
	return newError(kind, e.Message, e)
}
