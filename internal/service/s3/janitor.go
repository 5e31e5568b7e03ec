package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatehouse/internal/store"
)

// litterAge is how old a blob without a record must be before it counts as
// left by a crash, and not as one whose record is about to be written.
const litterAge = 24 * time.Hour

// Sweep deletes the bytes that no row names: those of objects and parts that
// were deleted or replaced longer than Config.BlobGrace ago, and, when litter
// is true, those that a crash left without any record. The server calls it
// every minute or so, and at the start and once a day with litter. It returns
// how many blobs went.
func (s *Service) Sweep(ctx context.Context, litter bool) (int, error) {
	total := 0
	for {
		var ids []string
		err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
			ids, err = store.ForgetBlobs(tx, s.grace.Microseconds(), 200)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("s3: forget blobs: %w", err)
		}
		// A crash between the commit and here makes litter.
		for _, id := range ids {
			if err := s.blobs.Delete(ctx, id); err != nil {
				return total, err
			}
			total++
		}
		if len(ids) == 0 {
			break
		}
	}
	if !litter {
		return total, nil
	}
	err := s.blobs.Each(ctx, s.now().Add(-litterAge), func(id string) error {
		err := s.db.Read(ctx, func(tx *store.Tx) error { return store.BlobKnown(tx, id) })
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		total++
		return s.blobs.Delete(ctx, id)
	})
	if err != nil {
		return total, fmt.Errorf("s3: collect litter: %w", err)
	}
	return total, nil
}
