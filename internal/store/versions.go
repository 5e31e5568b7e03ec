package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// Versions of objects (AWS: "How S3 Versioning works"). The current version of
// a key is a row of s3_objects, so that lists and reads do not see the others;
// former versions and delete markers are rows of s3_versions. What happens to
// the current one when it is replaced or deleted follows from the bucket's
// setting, which is read in the same transaction.

const (
	// SettingVersioning is the kind of the bucket setting that these functions
	// read: VersioningEnabled, VersioningSuspended, or not there.
	SettingVersioning   = "versioning"
	VersioningEnabled   = "Enabled"
	VersioningSuspended = "Suspended"

	// NullVersion is the version of what was put without versioning.
	NullVersion = "null"
)

func newVersion() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// versioning reads the setting. A bucket that does not exist is ErrNotFound.
func versioning(tx *Tx, bucket string) (setting string, err error) {
	err = tx.queryRow(`select coalesce(s.body, '') from s3_buckets b
		left join s3_bucket_settings s on s.bucket = b.name and s.kind = $2 where b.name = $1`, bucket, SettingVersioning).Scan(&setting)
	return setting, err
}

// PutObject makes an object the current version of its key, and sets its
// Version. With versioning the one before is kept, without it its blobs are
// released. The object's own segments must have been counted, by AddBlob,
// RetainSegments or as parts of an upload. A bucket that does not exist is
// ErrNotFound.
func PutObject(tx *Tx, o *Object) error {
	setting, err := versioning(tx, o.Bucket)
	if err != nil {
		return err
	}
	o.Version = NullVersion
	if setting == VersioningEnabled {
		o.Version = newVersion()
	}
	rank, err := retire(tx, o.Bucket, o.Key, setting)
	if err != nil {
		return err
	}
	segments, attributes, err := o.encode()
	if err != nil {
		return err
	}
	_, err = tx.exec("insert into s3_objects (bucket, key, rank, "+objectColumns+") values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		o.Bucket, []byte(o.Key), rank, o.Version, o.ETag, o.Size, micros(o.Modified), segments, attributes)
	return err
}

// retire takes the current version of a key out of the way: among the former
// ones or, where it is a null version that a new null version replaces, away.
// It returns the rank for what comes in its place.
func retire(tx *Tx, bucket, key, setting string) (rank int64, err error) {
	rank = micros(tx.Now)
	if setting != "" {
		var newest int64
		err := tx.queryRow("select rank from s3_versions where bucket = $1 and key = $2 order by rank desc limit 1", bucket, []byte(key)).Scan(&newest)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
		rank = max(rank, newest+1)
	}
	var version, segments string
	var current int64
	err = tx.queryRow("select version, rank, segments from s3_objects where bucket = $1 and key = $2", bucket, []byte(key)).Scan(&version, &current, &segments)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return 0, err
	case setting == VersioningEnabled || setting == VersioningSuspended && version != NullVersion:
		rank = max(rank, current+1)
		_, err = tx.exec(`insert into s3_versions (bucket, key, rank, marker, `+objectColumns+`)
			select bucket, key, rank, 0, `+objectColumns+` from s3_objects where bucket = $1 and key = $2`, bucket, []byte(key))
		if err != nil {
			return 0, err
		}
	default:
		rank = max(rank, current+1)
		if err := releaseText(tx, segments); err != nil {
			return 0, err
		}
	}
	if _, err := tx.exec("delete from s3_objects where bucket = $1 and key = $2", bucket, []byte(key)); err != nil {
		return 0, err
	}
	if setting == VersioningSuspended {
		if _, err := deleteFormer(tx, bucket, key, NullVersion); err != nil {
			return 0, err
		}
	}
	return rank, nil
}

// deleteFormer removes a row of s3_versions and releases its blobs.
func deleteFormer(tx *Tx, bucket, key, version string) (marker bool, err error) {
	var isMarker int64
	var segments string
	err = tx.queryRow("delete from s3_versions where bucket = $1 and key = $2 and version = $3 returning marker, segments", bucket, []byte(key), version).Scan(&isMarker, &segments)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return isMarker != 0, releaseText(tx, segments)
}

// Deleted says what a deletion did.
type Deleted struct {
	Version string // of the marker that was made, or the version that is gone; empty without versioning
	Marker  bool   // that version is a delete marker
}

// DeleteObject deletes a key: without versioning its object goes, with it a
// delete marker hides it. A key that is not there is no error.
func DeleteObject(tx *Tx, bucket, key string) (d Deleted, err error) {
	setting, err := versioning(tx, bucket)
	if err != nil {
		return d, err
	}
	rank, err := retire(tx, bucket, key, setting)
	if err != nil || setting == "" {
		return d, err
	}
	d = Deleted{Version: NullVersion, Marker: true}
	if setting == VersioningEnabled {
		d.Version = newVersion()
	}
	_, err = tx.exec(`insert into s3_versions (bucket, key, version, rank, marker, etag, size, modified_at, segments, attributes)
		values ($1, $2, $3, $4, 1, '', 0, $5, '[]', '{}')`, bucket, []byte(key), d.Version, rank, micros(tx.Now))
	return d, err
}

// DeleteVersion removes one version of an object, or one delete marker, for
// good. The newest of those left is current then.
func DeleteVersion(tx *Tx, bucket, key, version string) (d Deleted, err error) {
	d.Version = version
	var segments string
	err = tx.queryRow("delete from s3_objects where bucket = $1 and key = $2 and version = $3 returning segments", bucket, []byte(key), version).Scan(&segments)
	switch {
	case err == nil:
		err = releaseText(tx, segments)
	case errors.Is(err, ErrNotFound):
		d.Marker, err = deleteFormer(tx, bucket, key, version)
	}
	if err != nil {
		return d, err
	}
	var one int64
	err = tx.queryRow("select 1 from s3_objects where bucket = $1 and key = $2", bucket, []byte(key)).Scan(&one)
	if !errors.Is(err, ErrNotFound) {
		return d, err
	}
	var newest string
	var marker int64
	err = tx.queryRow("select version, marker from s3_versions where bucket = $1 and key = $2 order by rank desc limit 1", bucket, []byte(key)).Scan(&newest, &marker)
	if errors.Is(err, ErrNotFound) || err == nil && marker != 0 {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	if _, err := tx.exec(`insert into s3_objects (bucket, key, rank, `+objectColumns+`)
		select bucket, key, rank, `+objectColumns+` from s3_versions where bucket = $1 and key = $2 and version = $3`, bucket, []byte(key), newest); err != nil {
		return d, err
	}
	_, err = tx.exec("delete from s3_versions where bucket = $1 and key = $2 and version = $3", bucket, []byte(key), newest)
	return d, err
}

// ObjectByVersion reads one version, which may be a delete marker. An empty
// version means the newest: unlike ObjectByKey, this finds a marker then.
func ObjectByVersion(tx *Tx, bucket, key, version string) (*Object, error) {
	o, err := ObjectByKey(tx, bucket, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err == nil && (version == "" || o.Version == version) {
		return o, nil
	}
	o = &Object{Bucket: bucket, Key: key}
	where, args := " and version = $3", []any{bucket, []byte(key), version}
	if version == "" {
		where, args = " order by rank desc limit 1", args[:2]
	}
	if err := scanObject(tx.queryRow("select "+objectColumns+" from s3_versions where bucket = $1 and key = $2"+where, args...), o); err != nil {
		return nil, err
	}
	o.Marker = o.ETag == ""
	return o, nil
}

// A VersionSummary is what a list of versions shows.
type VersionSummary struct {
	ObjectSummary
	Version string
	Rank    int64
	Marker  bool
}

// VersionRank finds the rank of a version, to go on behind it.
func VersionRank(tx *Tx, bucket, key, version string) (rank int64, err error) {
	for _, table := range []string{"s3_objects", "s3_versions"} {
		err = tx.queryRow("select rank from "+table+" where bucket = $1 and key = $2 and version = $3", bucket, []byte(key), version).Scan(&rank)
		if !errors.Is(err, ErrNotFound) {
			return rank, err
		}
	}
	return 0, err
}

// VersionsFrom lists up to limit versions and markers by key, the newest of
// each key first. It starts at a key and, in it, below a rank; until is as in
// ObjectsFrom.
func VersionsFrom(tx *Tx, bucket, from string, below int64, until string, limit int) ([]VersionSummary, error) {
	if until == "" {
		until = "\xff" // no UTF-8 begins with it
	}
	const where = " where bucket = $1 and key >= $2 and key < $4 and (key > $2 or rank < $3) order by key, rank desc limit $5"
	return collect(tx, func(s scanner) (v VersionSummary, err error) {
		var key []byte
		var modified, marker int64
		err = s.Scan(&key, &v.Version, &v.Rank, &marker, &v.ETag, &v.Size, &modified)
		v.Key, v.Modified, v.Marker = string(key), fromMicros(modified), marker != 0
		return v, err
	}, `select key, version, rank, marker, etag, size, modified_at from (
		select * from (select key, version, rank, 0 as marker, etag, size, modified_at from s3_objects`+where+`) a
		union all
		select * from (select key, version, rank, marker, etag, size, modified_at from s3_versions`+where+`) b
		) c order by key, rank desc limit $5`, bucket, []byte(from), below, []byte(until), limit)
}
