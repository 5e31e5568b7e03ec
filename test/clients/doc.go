// Package clients holds the tests with clients that are not written in Go: the
// JavaScript libraries of AWS in Node, boto3 in Python, the AWS CLI, and a
// browser. Each is run by a Go test, which starts the server.
//
// What a newcomer gets wrong: nothing is skipped. A machine without Node,
// Python, the AWS CLI or Chromium fails these tests; `make test` installs what
// is missing.
package clients
