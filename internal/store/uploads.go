package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An Upload is a multipart upload that is neither completed nor aborted.
// Attributes are those that the object will have.
type Upload struct {
	Bucket     string
	Key        string
	ID         string
	Started    time.Time
	Attributes ObjectAttributes
}

// An UploadKey says where a list of uploads starts: after the upload of this
// key and id.
type UploadKey struct{ Key, ID string }

// A Part is an uploaded part. Checksum is in base64, by the algorithm that the
// upload names.
type Part struct {
	Number   int
	ETag     string
	Checksum string
	Size     int64
	Modified time.Time
	Segments []Segment
}

// CreateUpload begins an upload. A bucket that does not exist is ErrNotFound.
func CreateUpload(tx *Tx, u *Upload) error {
	if err := BucketExists(tx, u.Bucket); err != nil {
		return err
	}
	a, err := json.Marshal(&u.Attributes)
	if err != nil {
		return err
	}
	_, err = tx.exec("insert into s3_uploads (bucket, key, id, started_at, attributes) values ($1, $2, $3, $4, $5)",
		u.Bucket, []byte(u.Key), u.ID, micros(u.Started), string(a))
	return err
}

// UploadByID reads an upload. It must be one of the key.
func UploadByID(tx *Tx, bucket, key, id string) (*Upload, error) {
	u := &Upload{Bucket: bucket, Key: key, ID: id}
	var started int64
	var attributes string
	err := tx.queryRow("select started_at, attributes from s3_uploads where bucket = $1 and key = $2 and id = $3",
		bucket, []byte(key), id).Scan(&started, &attributes)
	if err != nil {
		return nil, err
	}
	u.Started = fromMicros(started)
	if err := json.Unmarshal([]byte(attributes), &u.Attributes); err != nil {
		return nil, fmt.Errorf("store: attributes of upload %s: %w", id, err)
	}
	return u, nil
}

// UploadsFrom lists up to limit uploads of a bucket by key and id, without
// their attributes.
func UploadsFrom(tx *Tx, bucket string, after UploadKey, limit int) ([]Upload, error) {
	return collect(tx, func(s scanner) (u Upload, err error) {
		var key []byte
		var started int64
		err = s.Scan(&key, &u.ID, &started)
		u.Bucket, u.Key, u.Started = bucket, string(key), fromMicros(started)
		return u, err
	}, "select key, id, started_at from s3_uploads where bucket = $1 and (key, id) > ($2, $3) order by key, id limit $4",
		bucket, []byte(after.Key), after.ID, limit)
}

// DeleteUpload ends an upload. The blobs of its parts are released, but for
// those of the parts in kept, which an object has taken over.
func DeleteUpload(tx *Tx, u *Upload, kept map[int]bool) error {
	err := tx.execOne("delete from s3_uploads where bucket = $1 and key = $2 and id = $3", u.Bucket, []byte(u.Key), u.ID)
	if err != nil {
		return err
	}
	parts, err := Parts(tx, u.ID, 0, 1<<30)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if !kept[p.Number] {
			if err := releaseSegments(tx, p.Segments); err != nil {
				return err
			}
		}
	}
	_, err = tx.exec("delete from s3_parts where upload = $1", u.ID)
	return err
}

// PutPart puts a part in the place of the one of its number, whose blobs it
// releases. Its own must have been counted, as for PutObject.
func PutPart(tx *Tx, upload string, p *Part) error {
	var old string
	err := tx.queryRow("select segments from s3_parts where upload = $1 and number = $2", upload, p.Number).Scan(&old)
	if err == nil {
		err = releaseText(tx, old)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	segments, err := json.Marshal(p.Segments)
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into s3_parts (upload, number, etag, checksum, size, modified_at, segments) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (upload, number) do update set etag = excluded.etag, checksum = excluded.checksum, size = excluded.size,
		modified_at = excluded.modified_at, segments = excluded.segments`,
		upload, p.Number, p.ETag, p.Checksum, p.Size, micros(p.Modified), string(segments))
	return err
}

// Parts lists up to limit parts of an upload with numbers above after.
func Parts(tx *Tx, upload string, after, limit int) ([]Part, error) {
	return collect(tx, func(s scanner) (p Part, err error) {
		var modified int64
		var segments string
		if err := s.Scan(&p.Number, &p.ETag, &p.Checksum, &p.Size, &modified, &segments); err != nil {
			return p, err
		}
		p.Modified = fromMicros(modified)
		return p, json.Unmarshal([]byte(segments), &p.Segments)
	}, "select number, etag, checksum, size, modified_at, segments from s3_parts where upload = $1 and number > $2 order by number limit $3",
		upload, after, limit)
}
