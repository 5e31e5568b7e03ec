package store

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A RecordBatch are records of a shard that were written together. Data is the
// service's; it is sealed at rest.
type RecordBatch struct {
	StreamID    string
	Shard       int64
	First, Last int64 // sequence numbers
	ArrivedAt   time.Time
	Size        int // of Data
	Data        []byte
}

// batchPurpose spreads batches over 256 subkeys, because one key should seal no
// more than 2³² times (package seal) and streams are written for years.
func batchPurpose(last int64) string { return fmt.Sprintf("kinesis records %02x", last&0xff) }

func batchIdentity(streamID string, shard, last int64) string {
	return streamID + "/" + strconv.FormatInt(shard, 10) + "/" + strconv.FormatInt(last, 10)
}

// TakeSequences gives the next n sequence numbers of an open shard to records
// that arrive now, and says the last of them. The row stays locked until the
// transaction ends, so that records are there in the order of their numbers. Time
// never runs back in a shard, whatever the clocks of its nodes say. A shard that
// is closed or gone is ErrNotFound.
func TakeSequences(tx *Tx, streamID string, shard int64, n int) (last int64, at time.Time, err error) {
	var arrived int64
	err = tx.queryRow(`update kinesis_shards set sequence = sequence + $3, arrived_at = case when arrived_at > $4 then arrived_at else $4 end
		where stream_id = $1 and shard = $2 and closed_at = 0 returning sequence, arrived_at`, streamID, shard, n, micros(tx.Now)).Scan(&last, &arrived)
	return last, fromMicros(arrived), err
}

// InsertRecords adds a batch.
func InsertRecords(tx *Tx, b *RecordBatch) error {
	_, err := tx.exec(`insert into kinesis_records (stream_id, shard, last_sequence, first_sequence, arrived_at, size, data) values ($1, $2, $3, $4, $5, $6, $7)`,
		b.StreamID, b.Shard, b.Last, b.First, micros(b.ArrivedAt), len(b.Data), tx.seal(batchPurpose(b.Last), batchIdentity(b.StreamID, b.Shard, b.Last), b.Data))
	return err
}

// RecordSizes lists up to limit batches without their data: those of a shard with
// records after a sequence number, not older than a time.
func RecordSizes(tx *Tx, streamID string, shard, after int64, since time.Time, limit int) ([]*RecordBatch, error) {
	return collect(tx, func(row scanner) (*RecordBatch, error) {
		b := &RecordBatch{StreamID: streamID, Shard: shard}
		var arrived int64
		err := row.Scan(&b.Last, &b.First, &arrived, &b.Size)
		b.ArrivedAt = fromMicros(arrived)
		return b, err
	}, `select last_sequence, first_sequence, arrived_at, size from kinesis_records
		where stream_id = $1 and shard = $2 and last_sequence > $3 and arrived_at >= $4 order by last_sequence limit $5`, streamID, shard, after, micros(since), limit)
}

// ReadRecords reads the data of a batch.
func ReadRecords(tx *Tx, b *RecordBatch) error {
	var sealed []byte
	err := tx.queryRow(`select data from kinesis_records where stream_id = $1 and shard = $2 and last_sequence = $3`, b.StreamID, b.Shard, b.Last).Scan(&sealed)
	if err != nil {
		return err
	}
	b.Data, err = tx.open(batchPurpose(b.Last), batchIdentity(b.StreamID, b.Shard, b.Last), sealed)
	return err
}

// FirstRecordSince is the sequence number of the first record of a shard that
// arrived at a time or later, or ErrNotFound.
func FirstRecordSince(tx *Tx, streamID string, shard int64, since time.Time) (first int64, err error) {
	return first, tx.queryRow(`select first_sequence from kinesis_records where stream_id = $1 and shard = $2 and arrived_at >= $3
		order by arrived_at, last_sequence limit 1`, streamID, shard, micros(since)).Scan(&first)
}

// HasRecordsBefore reports whether a shard has records that arrived before a time.
func HasRecordsBefore(tx *Tx, streamID string, shard int64, before time.Time) (bool, error) {
	var one int64
	err := tx.queryRow(`select 1 from kinesis_records where stream_id = $1 and shard = $2 and arrived_at < $3 limit 1`, streamID, shard, micros(before)).Scan(&one)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// How much one transaction of DeleteRecords removes at most, so that no other
// write waits for it long.
const (
	deleteRows  = 500
	deleteBytes = 4 << 20
)

// DeleteRecords removes batches of a shard that arrived before a time, the oldest
// first, and says how many. It removes a bounded number of them: none is left when
// it says 0.
func DeleteRecords(tx *Tx, streamID string, shard int64, before time.Time) (int, error) {
	old, err := collect(tx, func(row scanner) (b RecordBatch, err error) {
		err = row.Scan(&b.Last, &b.Size)
		return b, err
	}, `select last_sequence, size from kinesis_records where stream_id = $1 and shard = $2 and arrived_at < $3 order by arrived_at, last_sequence limit $4`,
		streamID, shard, micros(before), deleteRows)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	n, bytes := 0, 0
	for n < len(old) && (n == 0 || bytes+old[n].Size <= deleteBytes) {
		bytes += old[n].Size
		n++
	}
	deleted, err := tx.exec(`delete from kinesis_records where stream_id = $1 and shard = $2 and last_sequence <= $3`, streamID, shard, old[n-1].Last)
	return int(deleted), err
}

// ShardWithRecords is the first shard of a stream that has records, also one whose
// own row is gone, or ErrNotFound.
func ShardWithRecords(tx *Tx, streamID string) (number int64, err error) {
	return number, tx.queryRow(`select shard from kinesis_records where stream_id = $1 order by shard limit 1`, streamID).Scan(&number)
}
