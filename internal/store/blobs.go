package store

// AddBlob records a blob that is durable already, named by one row. Its bytes
// belong to nobody until this commits.
func AddBlob(tx *Tx, id string, size int64) error {
	_, err := tx.exec("insert into s3_blobs (id, size, refs, released_at) values ($1, $2, 1, 0)", id, size)
	return err
}

// RetainSegments counts one more row that names each of the blobs.
func RetainSegments(tx *Tx, segments []Segment) error {
	for _, s := range segments {
		if err := tx.execOne("update s3_blobs set refs = refs + 1, released_at = 0 where id = $1", s.Blob); err != nil {
			return err
		}
	}
	return nil
}

func releaseSegments(tx *Tx, segments []Segment) error {
	for _, s := range segments {
		_, err := tx.exec(`update s3_blobs set refs = refs - 1, released_at = case when refs = 1 then cast($1 as bigint) else 0 end where id = $2`,
			micros(tx.Now), s.Blob)
		if err != nil {
			return err
		}
	}
	return nil
}

// ForgetBlobs removes the records of up to limit blobs that nobody has named
// for at least grace microseconds, and returns their ids. Once this is
// committed, the bytes may be deleted: no row can come to name them again.
func ForgetBlobs(tx *Tx, grace int64, limit int) ([]string, error) {
	ids, err := collect(tx, func(s scanner) (id string, err error) {
		err = s.Scan(&id)
		return id, err
	}, "select id from s3_blobs where refs = 0 and released_at <= $1 order by released_at limit $2", micros(tx.Now)-grace, limit)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, err := tx.exec("delete from s3_blobs where id = $1 and refs = 0", id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// BlobKnown answers ErrNotFound when no record of a blob exists.
func BlobKnown(tx *Tx, id string) error {
	var one int64
	return tx.queryRow("select 1 from s3_blobs where id = $1", id).Scan(&one)
}
