package kinesis

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/store"
)

// Resharding closes shards and opens others in one transaction: at no time does a
// hash key belong to two open shards or to none. The numbers of a child go on
// where its parents' end.

// split replaces an open shard by two, of which the second begins at a hash key.
func split(tx *store.Tx, st *stream, h *store.Shard, at []byte) error {
	if err := store.CloseShard(tx, h); err != nil {
		return err
	}
	if err := st.openShard(tx, h.FirstHash, before(at), h, nil); err != nil {
		return err
	}
	return st.openShard(tx, at, h.LastHash, h, nil)
}

// merge replaces two open shards, which are next to each other, by one.
func merge(tx *store.Tx, st *stream, h, adjacent *store.Shard) error {
	for _, parent := range []*store.Shard{h, adjacent} {
		if err := store.CloseShard(tx, parent); err != nil {
			return err
		}
	}
	low, high := h, adjacent
	if bytes.Compare(low.FirstHash, high.FirstHash) > 0 {
		low, high = high, low
	}
	return st.openShard(tx, low.FirstHash, high.LastHash, h, adjacent)
}

// openShard adds a shard to a stream. adjacent is the second parent, or nil.
func (st *stream) openShard(tx *store.Tx, first, last []byte, parent, adjacent *store.Shard) error {
	h := &store.Shard{StreamID: st.ID, Number: st.shards[len(st.shards)-1].Number + 1, FirstHash: first, LastHash: last,
		Parent: parent.Number, Adjacent: -1, FirstSequence: parent.Sequence + 1}
	if adjacent != nil {
		h.Adjacent, h.FirstSequence = adjacent.Number, max(parent.Sequence, adjacent.Sequence)+1
	}
	if err := store.InsertShard(tx, h); err != nil {
		return err
	}
	st.shards = append(st.shards, h)
	st.open = slices.DeleteFunc(st.open, func(o *store.Shard) bool { return o == parent || o == adjacent })
	at, _ := slices.BinarySearchFunc(st.open, h, func(a, b *store.Shard) int { return bytes.Compare(a.FirstHash, b.FirstHash) })
	st.open = slices.Insert(st.open, at, h)
	return nil
}

// openByID is the open shard of an id.
func (s *Service) openByID(st *stream, id string) (*store.Shard, error) {
	number, ok := parseShardID(id)
	h := st.shard(number)
	switch {
	case !ok || h == nil:
		return nil, &kinesis.ResourceNotFoundException{Message: "Could not find shard " + id + " in stream " + st.Name + " under account " + s.Account + "."}
	case !h.ClosedAt.IsZero():
		return nil, invalid("Shard " + id + " in stream " + st.Name + " under account " + s.Account + " has already been merged or split, and thus is not eligible for merging or splitting.")
	}
	return h, nil
}

// reshardable refuses a stream whose shards change by themselves, and one that has
// so many closed ones that every look at it would cost too much.
func (s *Service) reshardable(st *stream) error {
	switch {
	case st.set.Mode == kinesis.StreamModeOnDemand:
		return &kinesis.ValidationException{Message: "The shards of a stream of the mode ON_DEMAND cannot be changed. Change the mode to PROVISIONED first."}
	case len(st.shards) >= maxKept:
		return &kinesis.LimitExceededException{Message: fmt.Sprintf("Stream %s under account %s has %d shards, closed ones included. Limit: %d. Closed shards are removed when their retention period is over.", st.Name, s.Account, len(st.shards), maxKept)}
	}
	return nil
}

// SplitShard splits a shard at a hash key.
func (s *Service) SplitShard(ctx context.Context, in *kinesis.SplitShardInput) (*kinesis.SplitShardOutput, error) {
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return &kinesis.SplitShardOutput{}, s.change(ctx, r, func(tx *store.Tx, st *stream) error {
		if err := s.reshardable(st); err != nil {
			return err
		}
		h, err := s.openByID(st, *in.ShardToSplit)
		if err != nil {
			return err
		}
		at, ok := parseHashKey(*in.NewStartingHashKey)
		if !ok || bytes.Compare(at[:], h.FirstHash) <= 0 || bytes.Compare(at[:], h.LastHash) > 0 {
			return invalid(fmt.Sprintf("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s is not both greater than the shard's StartingHashKey %s and not greater than its EndingHashKey %s.",
				*in.NewStartingHashKey, *in.ShardToSplit, st.Name, s.Account, hashText(h.FirstHash), hashText(h.LastHash)))
		}
		if err := s.room(tx, st.Region, 1, st.set.Mode); err != nil {
			return err
		}
		return split(tx, st, h, at[:])
	})
}

// MergeShards merges two shards that are next to each other.
func (s *Service) MergeShards(ctx context.Context, in *kinesis.MergeShardsInput) (*kinesis.MergeShardsOutput, error) {
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	return &kinesis.MergeShardsOutput{}, s.change(ctx, r, func(tx *store.Tx, st *stream) error {
		if err := s.reshardable(st); err != nil {
			return err
		}
		h, err := s.openByID(st, *in.ShardToMerge)
		if err != nil {
			return err
		}
		adjacent, err := s.openByID(st, *in.AdjacentShardToMerge)
		if err != nil {
			return err
		}
		if i, k := slices.Index(st.open, h), slices.Index(st.open, adjacent); i-k != 1 && k-i != 1 {
			return invalid("Shards " + *in.ShardToMerge + " and " + *in.AdjacentShardToMerge + " in stream " + st.Name + " under account " + s.Account + " are not an adjacent pair of shards eligible for merging.")
		}
		return merge(tx, st, h, adjacent)
	})
}

// UpdateShardCount makes so many shards of the same size: it splits where a new
// shard begins inside one that is there, and then merges what lies in one new
// shard. A shard has two parents at most, so some of those that are made on the
// way are closed at once, without a record.
func (s *Service) UpdateShardCount(ctx context.Context, in *kinesis.UpdateShardCountInput) (*kinesis.UpdateShardCountOutput, error) {
	target := *in.TargetShardCount
	var out *kinesis.UpdateShardCountOutput
	r := s.refer(ctx, named{in.StreamName, in.StreamARN, in.StreamId})
	err := s.change(ctx, r, func(tx *store.Tx, st *stream) error {
		if err := s.reshardable(st); err != nil {
			return err
		}
		now := len(st.open)
		out = &kinesis.UpdateShardCountOutput{StreamName: &st.Name, StreamARN: &r.arn, CurrentShardCount: &now, TargetShardCount: &target}
		switch {
		case target > 2*now:
			return invalid(fmt.Sprintf("UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: %d Target shard count: %d", now, target))
		case 2*target < now:
			return invalid(fmt.Sprintf("UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: %d Target shard count: %d", now, target))
		}
		if err := s.room(tx, st.Region, max(0, target-now), st.set.Mode); err != nil {
			return err
		}
		return reshape(tx, st, parts(target))
	})
	return out, err
}

// reshape makes the open shards begin at starts, the first of which is 0.
func reshape(tx *store.Tx, st *stream, starts [][]byte) error {
	for _, start := range starts {
		if h := st.holder(hashKey(start)); !bytes.Equal(h.FirstHash, start) {
			if err := split(tx, st, h, start); err != nil {
				return err
			}
		}
	}
	for i, start := range starts {
		for {
			k := slices.IndexFunc(st.open, func(h *store.Shard) bool { return bytes.Equal(h.FirstHash, start) })
			if k+1 == len(st.open) || i+1 < len(starts) && bytes.Equal(st.open[k+1].FirstHash, starts[i+1]) {
				break
			}
			if err := merge(tx, st, st.open[k], st.open[k+1]); err != nil {
				return err
			}
		}
	}
	return nil
}
