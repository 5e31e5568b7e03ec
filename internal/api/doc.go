// Package api is what AWS's API descriptions become in Go: one generated
// package a service (cognitoidp, cognitoidentity, sts, iam, ssm,
// kinesis) with its
// types, constraints, errors, interface and dispatch table, and here the few
// things that all of them share.
//
// What a newcomer gets wrong: nothing below this folder is written by hand.
// Change the generator (internal/apigen) and run "make generate"; a test holds
// the committed files to the fingerprint beside this file.
//
// Scalars are pointers, because AWS tells an absent member from an empty one.
// After Validate a required member is never nil.
package api

import "context"

// Protocol is the wire protocol of a service.
type Protocol string

const (
	JSON11   Protocol = "json"      // awsJson1.1: POST /, X-Amz-Target
	Query    Protocol = "query"     // awsQuery: form in, XML out
	RestJSON Protocol = "rest-json" // restJson1: method, path, headers, JSON
	RestXML  Protocol = "rest-xml"  // restXml: method, path, headers, XML
)

// Service is the generated description of a service.
type Service struct {
	Name         string // signing name and prefix of its IAM actions: "cognito-idp"
	FullName     string // "Amazon Cognito Identity Provider"
	Protocol     Protocol
	TargetPrefix string // of X-Amz-Target; empty but for JSON11
	Version      string // "2016-04-18"
	Namespace    string // xmlns of answers; empty but for the XML protocols
	Operations   map[string]*Operation
}

// Operation is the generated description of one operation.
type Operation struct {
	Name string
	// Unsigned operations need no credentials; a signature on one is ignored.
	Unsigned bool
	// Method and URI are "POST" and "/" in the RPC protocols; in the REST
	// protocols the URI has {labels}.
	Method, URI string
	// Success is the HTTP status of an answer where it is not 200.
	Success int
	// NoOutput operations answer an empty body, not an empty structure.
	NoOutput bool
	// Errors are the codes that the model lists for the operation.
	Errors []string
	// New makes an empty input.
	New func() Input
	// Call runs the operation on a service that implements the package's API
	// interface.
	Call func(ctx context.Context, service any, in Input) (any, error)
}

// Input is the input of an operation.
type Input interface {
	// Validate adds what breaks the model's constraints, all of it.
	Validate(v *Violations)
}

// Error is a modelled exception. Every other error that an operation returns
// is ours, and a stranger sees nothing of it.
type Error interface {
	error
	Code() string // what the client maps to its typed exception
	Status() int  // HTTP status
}

// A FrameworkError is an error that no model lists because the layer before
// the service answers it: SerializationException, AccessDeniedException, and
// so on.
type FrameworkError struct {
	ErrorCode  string
	HTTPStatus int
	Message    string
}

// BadRequest is a FrameworkError of the caller's making: status 400.
func BadRequest(code, message string) error {
	return &FrameworkError{ErrorCode: code, HTTPStatus: 400, Message: message}
}

func (e *FrameworkError) Error() string { return e.ErrorCode + ": " + e.Message }
func (e *FrameworkError) Code() string  { return e.ErrorCode }
func (e *FrameworkError) Status() int   { return e.HTTPStatus }

// ErrUnimplemented is what the generated Unimplemented answers: the operation
// is in the model and not in the service.
type ErrUnimplemented string

func (e ErrUnimplemented) Error() string { return "operation " + string(e) + " is not implemented" }

// NullDocument reports whether a free-form member is absent or null.
func NullDocument(d []byte) bool { return d == nil || string(d) == "null" }

// Value is *p, or the zero value of an absent member.
func Value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
