package kinesis

import (
	"encoding/binary"
	"errors"
)

// Records that are written together to a shard are one row of the store, sealed
// as one: the fixed cost of a row, of a seal and of an index entry is paid once
// for all of them. A row is record after record, each with the lengths of its key
// and its data before them. The order is that of the sequence numbers, which
// follow each other without a gap.

// record is what a row has of a record.
type record struct {
	key  string
	data []byte
}

// rowSize is where a row ends, in bytes; a record that is larger is a row alone.
// Whoever reads one record of a row opens all of it.
const rowSize = 256 << 10

func appendRecord(row []byte, r record) []byte {
	row = binary.AppendUvarint(row, uint64(len(r.key)))
	row = append(row, r.key...)
	row = binary.AppendUvarint(row, uint64(len(r.data)))
	return append(row, r.data...)
}

// recordSize is more than a record takes in a row.
func recordSize(r record) int { return len(r.key) + len(r.data) + 2*binary.MaxVarintLen32 }

var errRow = errors.New("kinesis: a row of records is damaged")

// readRow reads a row of n records, whose data are parts of the row.
func readRow(row []byte, n int) ([]record, error) {
	if n < 0 || n > len(row) { // each takes two bytes at least
		return nil, errRow
	}
	records := make([]record, 0, n)
	for len(row) > 0 {
		key, rest, ok := cutRecord(row)
		if !ok {
			return nil, errRow
		}
		data, rest, ok := cutRecord(rest)
		if !ok || len(records) == n {
			return nil, errRow
		}
		records = append(records, record{string(key), data})
		row = rest
	}
	if len(records) != n {
		return nil, errRow
	}
	return records, nil
}

func cutRecord(row []byte) (part, rest []byte, ok bool) {
	size, n := binary.Uvarint(row)
	if n <= 0 || size > uint64(len(row)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return row[n:end:end], row[end:], true
}
