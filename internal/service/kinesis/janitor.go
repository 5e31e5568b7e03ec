package kinesis

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gatehouse/internal/store"
)

// farFuture is later than any record.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Run removes the streams that are being deleted, also those that a node that is
// gone did not come to, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for {
		if err := s.each(ctx, func(st *stream) error {
			if st.Status != deleting {
				return nil
			}
			return s.remove(ctx, st)
		}); err != nil && ctx.Err() == nil {
			s.Log.Error("remove deleted streams", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.deleted:
		}
	}
}

// Sweep removes records that nobody can read any more, and deleted streams that
// Run could not remove. The server calls it every minute or so. Everything is
// removed in transactions that are small (store.DeleteRecords).
func (s *Service) Sweep(ctx context.Context) error {
	return s.each(ctx, func(st *stream) error {
		if st.Status == deleting {
			return s.remove(ctx, st)
		}
		return s.trim(ctx, st)
	})
}

// each visits every stream of every region.
func (s *Service) each(ctx context.Context, visit func(*stream) error) error {
	const batch = 200
	region, name := "", ""
	for {
		var found []*stream
		err := s.DB.Read(ctx, func(tx *store.Tx) error {
			found = nil
			rows, err := store.EveryStream(tx, region, name, batch)
			if err != nil {
				return err
			}
			for _, row := range rows {
				shards, err := store.Shards(tx, row.ID)
				if err != nil {
					return err
				}
				st, err := newStream(row, shards)
				if err != nil {
					return err
				}
				found = append(found, st)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, st := range found {
			if err := visit(st); err != nil {
				return err
			}
			region, name = st.Region, st.Name
		}
		if len(found) < batch {
			return nil
		}
	}
}

// trim removes records behind the trim horizon, and closed shards that had their
// last record there.
func (s *Service) trim(ctx context.Context, st *stream) error {
	horizon := st.since(s.Now())
	old := map[int64]bool{}
	if err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		for _, h := range st.shards {
			if old[h.Number], err = store.HasRecordsBefore(tx, st.ID, h.Number, horizon); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, h := range st.shards {
		if !old[h.Number] {
			continue
		}
		if err := s.removeRecords(ctx, func(tx *store.Tx) (int, error) { return store.DeleteRecords(tx, st.ID, h.Number, horizon) }); err != nil {
			return err
		}
	}
	for _, h := range st.shards {
		if h.ClosedAt.IsZero() || !h.ClosedAt.Before(horizon) {
			continue
		}
		if err := s.DB.Write(ctx, func(tx *store.Tx) error {
			// A node whose clock is ahead may have written later than "closed".
			if left, err := store.HasRecordsBefore(tx, st.ID, h.Number, farFuture); err != nil || left {
				return err
			}
			return store.DeleteShard(tx, st.ID, h.Number)
		}); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the records of a deleted stream, and then the stream.
func (s *Service) remove(ctx context.Context, st *stream) error {
	if err := s.removeRecords(ctx, func(tx *store.Tx) (int, error) {
		number, err := store.ShardWithRecords(tx, st.ID)
		if errors.Is(err, store.ErrNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		return store.DeleteRecords(tx, st.ID, number, farFuture)
	}); err != nil {
		return err
	}
	err := s.DB.Write(ctx, func(tx *store.Tx) error { return store.DeleteStream(tx, st.Stream) })
	if errors.Is(err, store.ErrNotFound) { // another node was first
		return nil
	}
	return err
}

// removeRecords repeats a small removal until there is nothing to remove.
func (s *Service) removeRecords(ctx context.Context, some func(*store.Tx) (int, error)) error {
	for {
		n := 0
		if err := s.DB.Write(ctx, func(tx *store.Tx) (err error) {
			n, err = some(tx)
			return err
		}); err != nil || n == 0 {
			return err
		}
	}
}
