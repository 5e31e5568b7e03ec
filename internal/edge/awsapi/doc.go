// Package awsapi speaks AWS's wire protocols: it finds the operation that a
// request means, authenticates the caller, decodes and validates the input,
// asks whether the caller may do this, calls the service and writes its answer
// or its error in the protocol of the request.
//
// What a newcomer gets wrong: the order is AWS's and has reasons (shared spec,
// api-errors.md, section 9). An unsigned stranger learns nothing about inputs,
// and a denied caller nothing about what exists.
//
// Each protocol is one file with a decoder, an encoder and the shape of its
// errors; everything else is written once.
package awsapi
