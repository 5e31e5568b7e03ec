package store

import "time"

// A Stream is a stream of Kinesis.
type Stream struct {
	Region, Name string
	// ID is the stream's own: one that is made anew under the name has another.
	ID        string
	Status    string // a word of the service's
	Settings  string // a text of the service's
	CreatedAt time.Time
}

const streamColumns = `region, name, stream_id, status, settings, created_at`

func scanStream(row scanner) (*Stream, error) {
	s := &Stream{}
	var created int64
	err := row.Scan(&s.Region, &s.Name, &s.ID, &s.Status, &s.Settings, &created)
	s.CreatedAt = fromMicros(created)
	return s, err
}

// InsertStream adds a stream. CreatedAt is the transaction's time. One of that
// name is ErrConflict.
func InsertStream(tx *Tx, s *Stream) error {
	tx.ConfigChanged()
	s.CreatedAt = fromMicros(micros(tx.Now))
	_, err := tx.exec(`insert into kinesis_streams (`+streamColumns+`) values ($1, $2, $3, $4, $5, $6)`, s.Region, s.Name, s.ID, s.Status, s.Settings, micros(s.CreatedAt))
	return err
}

// StreamByName is the stream, or ErrNotFound.
func StreamByName(tx *Tx, region, name string) (*Stream, error) {
	return scanStream(tx.queryRow(`select `+streamColumns+` from kinesis_streams where region = $1 and name = $2`, region, name))
}

// Streams lists up to limit streams of a region by name, after one.
func Streams(tx *Tx, region, after string, limit int) ([]*Stream, error) {
	return collect(tx, scanStream, `select `+streamColumns+` from kinesis_streams where region = $1 and name > $2 order by name limit $3`, region, after, limit)
}

// EveryStream lists up to limit streams of all regions, after one.
func EveryStream(tx *Tx, afterRegion, afterName string, limit int) ([]*Stream, error) {
	return collect(tx, scanStream, `select `+streamColumns+` from kinesis_streams where (region, name) > ($1, $2) order by region, name limit $3`, afterRegion, afterName, limit)
}

// AnyStream is a stream of a name, of any region, that does not have a status;
// ErrNotFound when there is none.
func AnyStream(tx *Tx, name, but string) (*Stream, error) {
	return scanStream(tx.queryRow(`select `+streamColumns+` from kinesis_streams where name = $1 and status <> $2 limit 1`, name, but))
}

// UpdateStream writes status and settings. A stream that is gone, or another by
// now, is ErrNotFound.
func UpdateStream(tx *Tx, s *Stream) error {
	tx.ConfigChanged()
	return tx.execOne(`update kinesis_streams set status = $4, settings = $5 where region = $1 and name = $2 and stream_id = $3`, s.Region, s.Name, s.ID, s.Status, s.Settings)
}

// DeleteStream removes a stream's row; ErrNotFound.
func DeleteStream(tx *Tx, s *Stream) error {
	tx.ConfigChanged()
	return tx.execOne(`delete from kinesis_streams where region = $1 and name = $2 and stream_id = $3`, s.Region, s.Name, s.ID)
}

// A Shard is one of a stream's, open or closed.
type Shard struct {
	StreamID            string
	Number              int64
	FirstHash, LastHash []byte // 16 bytes each
	Parent, Adjacent    int64  // -1: none
	FirstSequence       int64
	Sequence            int64 // the last one given; FirstSequence-1 before
	CreatedAt, ClosedAt time.Time
	lastArrived         int64
}

const shardColumns = `stream_id, shard, first_hash, last_hash, parent, adjacent_parent, first_sequence, sequence, arrived_at, created_at, closed_at`

func scanShard(row scanner) (*Shard, error) {
	s := &Shard{}
	var created, closed int64
	err := row.Scan(&s.StreamID, &s.Number, &s.FirstHash, &s.LastHash, &s.Parent, &s.Adjacent, &s.FirstSequence, &s.Sequence, &s.lastArrived, &created, &closed)
	s.CreatedAt, s.ClosedAt = fromMicros(created), fromMicros(closed)
	return s, err
}

// InsertShard adds an open shard. CreatedAt is the transaction's time.
func InsertShard(tx *Tx, s *Shard) error {
	tx.ConfigChanged()
	s.Sequence, s.CreatedAt = s.FirstSequence-1, fromMicros(micros(tx.Now))
	_, err := tx.exec(`insert into kinesis_shards (`+shardColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, 0)`,
		s.StreamID, s.Number, s.FirstHash, s.LastHash, s.Parent, s.Adjacent, s.FirstSequence, s.Sequence, micros(s.CreatedAt))
	return err
}

// Shards lists all shards of a stream by number.
func Shards(tx *Tx, streamID string) ([]*Shard, error) {
	return collect(tx, scanShard, `select `+shardColumns+` from kinesis_shards where stream_id = $1 order by shard`, streamID)
}

// ShardByNumber is the shard, or ErrNotFound.
func ShardByNumber(tx *Tx, streamID string, number int64) (*Shard, error) {
	return scanShard(tx.queryRow(`select `+shardColumns+` from kinesis_shards where stream_id = $1 and shard = $2`, streamID, number))
}

// CloseShard closes an open shard, taking one more sequence number to mark its
// end. A shard that is not open is ErrNotFound.
func CloseShard(tx *Tx, s *Shard) error {
	tx.ConfigChanged()
	s.ClosedAt = fromMicros(micros(tx.Now))
	return tx.queryRow(`update kinesis_shards set sequence = sequence + 1, closed_at = $3 where stream_id = $1 and shard = $2 and closed_at = 0 returning sequence`,
		s.StreamID, s.Number, micros(tx.Now)).Scan(&s.Sequence)
}

// DeleteShard removes a shard's row.
func DeleteShard(tx *Tx, streamID string, number int64) error {
	tx.ConfigChanged()
	_, err := tx.exec(`delete from kinesis_shards where stream_id = $1 and shard = $2`, streamID, number)
	return err
}

// DeleteShards removes the rows of all shards of a stream: nothing is written to
// it any more.
func DeleteShards(tx *Tx, streamID string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`delete from kinesis_shards where stream_id = $1`, streamID)
	return err
}

// OpenShards counts the open shards of a region.
func OpenShards(tx *Tx, region string) (n int, err error) {
	return n, tx.queryRow(`select count(*) from kinesis_shards h join kinesis_streams s on s.stream_id = h.stream_id where s.region = $1 and h.closed_at = 0`, region).Scan(&n)
}
