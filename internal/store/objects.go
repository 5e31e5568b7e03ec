package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Segment is a run of bytes in a blob. An object's bytes are its segments,
// one after the other; several objects may share a blob.
type Segment struct {
	Blob   string `json:"b"`
	Offset int64  `json:"o,omitempty"`
	Length int64  `json:"n"`
}

// A Tag is a key and a value of a resource's tags.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// ObjectAttributes is what is kept about an object besides its bytes and what
// a list shows.
type ObjectAttributes struct {
	ContentType        string            `json:"type,omitempty"`
	ContentEncoding    string            `json:"encoding,omitempty"`
	ContentLanguage    string            `json:"language,omitempty"`
	ContentDisposition string            `json:"disposition,omitempty"`
	CacheControl       string            `json:"cache,omitempty"`
	Expires            string            `json:"expires,omitempty"`
	RedirectLocation   string            `json:"redirect,omitempty"`
	Encryption         string            `json:"encryption,omitempty"` // what the client asked for
	Metadata           map[string]string `json:"meta,omitempty"`       // names without x-amz-meta-, lower case
	Tags               []Tag             `json:"tags,omitempty"`
	ACL                json.RawMessage   `json:"acl,omitempty"`
	ChecksumAlgorithm  string            `json:"sumAlg,omitempty"`
	ChecksumType       string            `json:"sumType,omitempty"`
	Checksum           string            `json:"sum,omitempty"`
	PartSizes          []int64           `json:"parts,omitempty"` // of a multipart upload
}

// An Object is an S3 object.
type Object struct {
	Bucket     string
	Key        string
	ETag       string // without quotes
	Size       int64
	Modified   time.Time
	Segments   []Segment
	Attributes ObjectAttributes
}

// An ObjectSummary is what a list shows.
type ObjectSummary struct {
	Key      string
	ETag     string
	Size     int64
	Modified time.Time
}

// ObjectByKey reads an object.
func ObjectByKey(tx *Tx, bucket, key string) (*Object, error) {
	o := &Object{Bucket: bucket, Key: key}
	var modified int64
	var segments, attributes string
	err := tx.queryRow("select etag, size, modified_at, segments, attributes from s3_objects where bucket = $1 and key = $2",
		bucket, []byte(key)).Scan(&o.ETag, &o.Size, &modified, &segments, &attributes)
	if err != nil {
		return nil, err
	}
	o.Modified = fromMicros(modified)
	if err := json.Unmarshal([]byte(segments), &o.Segments); err != nil {
		return nil, fmt.Errorf("store: segments of object %q: %w", key, err)
	}
	if err := json.Unmarshal([]byte(attributes), &o.Attributes); err != nil {
		return nil, fmt.Errorf("store: attributes of object %q: %w", key, err)
	}
	return o, nil
}

// ObjectsFrom lists up to limit objects with from <= key < until, in the order
// of their bytes. An empty until has no end.
func ObjectsFrom(tx *Tx, bucket, from, until string, limit int) ([]ObjectSummary, error) {
	scan := func(s scanner) (o ObjectSummary, err error) {
		var key []byte
		var modified int64
		err = s.Scan(&key, &o.ETag, &o.Size, &modified)
		o.Key, o.Modified = string(key), fromMicros(modified)
		return o, err
	}
	const columns = "select key, etag, size, modified_at from s3_objects where bucket = $1 and key >= $2"
	if until == "" {
		return collect(tx, scan, columns+" order by key limit $3", bucket, []byte(from), limit)
	}
	return collect(tx, scan, columns+" and key < $3 order by key limit $4", bucket, []byte(from), []byte(until), limit)
}

// PutObject puts an object in the place of the one that may be there, whose
// blobs it releases. The object's own segments must have been counted, by
// AddBlob, RetainSegments or as parts of an upload. A bucket that does not
// exist is ErrNotFound.
func PutObject(tx *Tx, o *Object) error {
	if err := BucketExists(tx, o.Bucket); err != nil {
		return err
	}
	if err := releaseObject(tx, o.Bucket, o.Key); err != nil {
		return err
	}
	segments, attributes, err := o.encode()
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into s3_objects (bucket, key, etag, size, modified_at, segments, attributes) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (bucket, key) do update set etag = excluded.etag, size = excluded.size, modified_at = excluded.modified_at,
		segments = excluded.segments, attributes = excluded.attributes`,
		o.Bucket, []byte(o.Key), o.ETag, o.Size, micros(o.Modified), segments, attributes)
	return err
}

// UpdateObject changes the attributes of an object and nothing else.
func UpdateObject(tx *Tx, o *Object) error {
	_, attributes, err := o.encode()
	if err != nil {
		return err
	}
	return tx.execOne("update s3_objects set attributes = $1 where bucket = $2 and key = $3", attributes, o.Bucket, []byte(o.Key))
}

// DeleteObject removes an object and releases its blobs. One that is not there
// is no error.
func DeleteObject(tx *Tx, bucket, key string) error {
	if err := releaseObject(tx, bucket, key); err != nil {
		return err
	}
	_, err := tx.exec("delete from s3_objects where bucket = $1 and key = $2", bucket, []byte(key))
	return err
}

func (o *Object) encode() (segments, attributes string, err error) {
	s, err := json.Marshal(o.Segments)
	if err != nil {
		return "", "", err
	}
	a, err := json.Marshal(&o.Attributes)
	return string(s), string(a), err
}

func releaseObject(tx *Tx, bucket, key string) error {
	var text string
	err := tx.queryRow("select segments from s3_objects where bucket = $1 and key = $2", bucket, []byte(key)).Scan(&text)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return releaseText(tx, text)
}

func releaseText(tx *Tx, text string) error {
	var segments []Segment
	if err := json.Unmarshal([]byte(text), &segments); err != nil {
		return fmt.Errorf("store: segments: %w", err)
	}
	return releaseSegments(tx, segments)
}
