// Package blob keeps runs of bytes that never change once written: the bodies
// of S3 objects and of multipart parts. It knows nothing of buckets, keys or
// permissions; those are rows in the store, which point here by id.
//
// What a newcomer gets wrong: a blob is invisible until a row names it. So a
// blob that is half written when the machine dies is no damage, only litter,
// and there is no temporary name to rename from. The order that makes an
// acknowledged object durable is: Commit the blob, then commit the row, then
// answer.
package blob

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrNotFound is returned by Open for an id that has no blob.
var ErrNotFound = errors.New("blob: not found")

// Engine stores blobs. Its methods are safe for concurrent use.
type Engine interface {
	// Create begins a blob under a fresh random id.
	Create(ctx context.Context) (Writer, error)
	// Open opens a blob for reading, at any offset.
	Open(ctx context.Context, id string) (Reader, error)
	// Delete removes a blob. A blob that is not there is no error, so that a
	// deletion which was cut off can be repeated.
	Delete(ctx context.Context, id string) error
	// Each calls fn with the id of each blob last written before the given
	// time, but for those being written by this process.
	Each(ctx context.Context, before time.Time, fn func(id string) error) error
}

// Writer takes the bytes of one blob. Exactly one of Commit and Abort ends it;
// Abort after Commit does nothing, so that it can be deferred.
type Writer interface {
	io.Writer
	ID() string
	// Commit returns when the blob would survive a loss of power.
	Commit() error
	Abort()
}

// Reader reads one blob.
type Reader interface {
	io.ReadSeekCloser
}
