package store

import (
	"encoding/json"
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
	Version    string // NullVersion, or the id that a bucket with versioning gave
	Marker     bool   // a delete marker: no bytes, no attributes
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

const objectColumns = "version, etag, size, modified_at, segments, attributes"

func scanObject(r row, o *Object) error {
	var modified int64
	var segments, attributes string
	if err := r.Scan(&o.Version, &o.ETag, &o.Size, &modified, &segments, &attributes); err != nil {
		return err
	}
	o.Modified = fromMicros(modified)
	if err := json.Unmarshal([]byte(segments), &o.Segments); err != nil {
		return fmt.Errorf("store: segments of object %q: %w", o.Key, err)
	}
	if err := json.Unmarshal([]byte(attributes), &o.Attributes); err != nil {
		return fmt.Errorf("store: attributes of object %q: %w", o.Key, err)
	}
	return nil
}

// ObjectByKey reads the current version of an object.
func ObjectByKey(tx *Tx, bucket, key string) (*Object, error) {
	o := &Object{Bucket: bucket, Key: key}
	err := scanObject(tx.queryRow("select "+objectColumns+" from s3_objects where bucket = $1 and key = $2", bucket, []byte(key)), o)
	if err != nil {
		return nil, err
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

// UpdateObject changes the attributes of a version of an object and nothing
// else.
func UpdateObject(tx *Tx, o *Object) error {
	_, attributes, err := o.encode()
	if err != nil {
		return err
	}
	for _, table := range []string{"s3_objects", "s3_versions"} {
		n, err := tx.exec("update "+table+" set attributes = $1 where bucket = $2 and key = $3 and version = $4", attributes, o.Bucket, []byte(o.Key), o.Version)
		if err != nil || n > 0 {
			return err
		}
	}
	return ErrNotFound
}

func (o *Object) encode() (segments, attributes string, err error) {
	s, err := json.Marshal(o.Segments)
	if err != nil {
		return "", "", err
	}
	a, err := json.Marshal(&o.Attributes)
	return string(s), string(a), err
}

func releaseText(tx *Tx, text string) error {
	var segments []Segment
	if err := json.Unmarshal([]byte(text), &segments); err != nil {
		return fmt.Errorf("store: segments: %w", err)
	}
	return releaseSegments(tx, segments)
}
