package store

import "time"

// A Bucket is an S3 bucket and its settings, each a text of the service's by
// its kind.
type Bucket struct {
	Name     string
	Region   string
	Created  time.Time
	Settings map[string]string
}

// CreateBucket adds a bucket with its settings. Created is the transaction's
// time. A name that is taken is ErrConflict.
func CreateBucket(tx *Tx, b *Bucket) error {
	tx.ConfigChanged()
	_, err := tx.exec("insert into s3_buckets (name, region, created_at) values ($1, $2, $3)", b.Name, b.Region, micros(tx.Now))
	if err != nil {
		return err
	}
	for kind, body := range b.Settings {
		if err := PutBucketSetting(tx, b.Name, kind, body); err != nil {
			return err
		}
	}
	return nil
}

// BucketByName reads a bucket with its settings.
func BucketByName(tx *Tx, name string) (*Bucket, error) {
	b := &Bucket{Name: name, Settings: map[string]string{}}
	var created int64
	err := tx.queryRow("select region, created_at from s3_buckets where name = $1", name).Scan(&b.Region, &created)
	if err != nil {
		return nil, err
	}
	b.Created = fromMicros(created)
	rs, err := tx.query("select kind, body from s3_bucket_settings where bucket = $1", name)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	for rs.Next() {
		var kind, body string
		if err := rs.Scan(&kind, &body); err != nil {
			return nil, err
		}
		b.Settings[kind] = body
	}
	return b, rs.Err()
}

// BucketExists answers ErrNotFound when there is no bucket of the name.
func BucketExists(tx *Tx, name string) error {
	var one int64
	return tx.queryRow("select 1 from s3_buckets where name = $1", name).Scan(&one)
}

// Buckets lists up to limit buckets by name, after the one given, without
// their settings.
func Buckets(tx *Tx, after string, limit int) ([]Bucket, error) {
	return collect(tx, func(s scanner) (b Bucket, err error) {
		var created int64
		err = s.Scan(&b.Name, &b.Region, &created)
		b.Created = fromMicros(created)
		return b, err
	}, "select name, region, created_at from s3_buckets where name > $1 order by name limit $2", after, limit)
}

// DeleteBucket removes a bucket, its settings and its unfinished uploads. The
// caller has made sure that it holds no objects.
func DeleteBucket(tx *Tx, name string) error {
	tx.ConfigChanged()
	for {
		uploads, err := UploadsFrom(tx, name, UploadKey{}, 100)
		if err != nil {
			return err
		}
		if len(uploads) == 0 {
			break
		}
		for _, u := range uploads {
			if err := DeleteUpload(tx, &u, nil); err != nil {
				return err
			}
		}
	}
	if _, err := tx.exec("delete from s3_bucket_settings where bucket = $1", name); err != nil {
		return err
	}
	return tx.execOne("delete from s3_buckets where name = $1", name)
}

// PutBucketSetting sets one setting of a bucket.
func PutBucketSetting(tx *Tx, bucket, kind, body string) error {
	tx.ConfigChanged()
	_, err := tx.exec(`insert into s3_bucket_settings (bucket, kind, body) values ($1, $2, $3)
		on conflict (bucket, kind) do update set body = excluded.body`, bucket, kind, body)
	return err
}

// DeleteBucketSetting removes one setting; one that is not there is no error.
func DeleteBucketSetting(tx *Tx, bucket, kind string) error {
	tx.ConfigChanged()
	_, err := tx.exec("delete from s3_bucket_settings where bucket = $1 and kind = $2", bucket, kind)
	return err
}
