// Package sigv4 verifies AWS Signature Version 4: in the Authorization header,
// in the query of a presigned URL, and over the chunks of a streamed upload.
//
// What a newcomer gets wrong: there are two canonical forms of a path. Amazon
// S3 signs the object key as it is, "//" and ".." included, encoded once. Every
// other service normalises the path that it received and encodes it a second
// time. And the path is the one on the wire: what a router has decoded, cleaned
// or stripped is no longer what the client signed.
//
// The steps follow the order in which AWS reports errors: Parse reads the
// material and believes nothing; the caller looks the access key up and checks
// the session token; Verify checks scope, clock and signature. For S3 the body
// is then read through Verified.Body, whose end decides whether its beginning
// was true.
//
// Sources: IAM user guide, "Create a signed AWS API request"; Amazon S3 API
// reference, "Authenticating Requests (AWS Signature Version 4)".
package sigv4
