// Package s3 is the object storage that credentials open: Amazon S3's REST
// interface and its website endpoint, over rows of the store and blobs of
// package blob. Each request is authenticated, decided by policies, ACLs and
// Block Public Access, and only then carried out; operations.go is the one
// table that says which permission an operation needs.
//
// What a newcomer gets wrong: an unsigned request is not refused, it is decided
// for the anonymous caller, like any other. And a key is only a string: it has
// no folders, "a" and "a/b" and ".." live side by side, and nothing may clean a
// request's path before it comes here.
//
// A handler is a method (*Service) with the *request; it returns an error, and
// serve in service.go alone turns errors into answers. This package uses
// net/http, unlike other services, because bodies stream through it.
package s3
