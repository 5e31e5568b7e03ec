package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"gatehouse/internal/store"
)

// Lifecycle of objects (AWS: "Managing the lifecycle of objects"): expiration
// of objects, of former versions and of unfinished uploads, by prefix. What
// else a rule can say, transitions and filters by tag or size, is refused:
// a rule that is half understood deletes what it should not.

type lifecycleConfiguration struct {
	XMLName xml.Name        `xml:"LifecycleConfiguration"`
	XMLNS   string          `xml:"xmlns,attr,omitempty"`
	Rules   []lifecycleRule `xml:"Rule"`
}

type lifecycleRule struct {
	ID     string `xml:",omitempty"`
	Prefix *string
	Filter *struct {
		Prefix      *string
		Tag         *tagXML   `xml:",omitempty"`
		And         *struct{} `xml:",omitempty"`
		GreaterThan *struct{} `xml:"ObjectSizeGreaterThan,omitempty"`
		LessThan    *struct{} `xml:"ObjectSizeLessThan,omitempty"`
	}
	Status     string
	Expiration *struct {
		Days   int    `xml:",omitempty"`
		Date   string `xml:",omitempty"`
		Marker bool   `xml:"ExpiredObjectDeleteMarker,omitempty"`
	}
	Former *struct {
		Days  int `xml:"NoncurrentDays"`
		Newer int `xml:"NewerNoncurrentVersions,omitempty"`
	} `xml:"NoncurrentVersionExpiration"`
	Abort *struct {
		Days int `xml:"DaysAfterInitiation"`
	} `xml:"AbortIncompleteMultipartUpload"`
	Transition       *struct{} `xml:",omitempty"`
	FormerTransition *struct{} `xml:"NoncurrentVersionTransition,omitempty"`
}

func (l *lifecycleConfiguration) validate() error {
	if len(l.Rules) == 0 || len(l.Rules) > 1000 {
		return errMalformedXML
	}
	ids := make(map[string]bool)
	for i := range l.Rules {
		rule := &l.Rules[i]
		f := rule.Filter
		switch {
		case rule.Status != "Enabled" && rule.Status != "Disabled", rule.Prefix != nil && f != nil, rule.Prefix == nil && f == nil:
			return errMalformedXML
		case len(rule.ID) > 255 || rule.ID != "" && ids[rule.ID]:
			return errInvalidArgument.saying("Rule ID must be unique. Found same ID for more than one rule")
		case rule.Transition != nil || rule.FormerTransition != nil:
			return errNotImplemented.saying("Lifecycle transitions are not implemented").with("Resource", "lifecycle")
		case f != nil && (f.Tag != nil || f.And != nil || f.GreaterThan != nil || f.LessThan != nil):
			return errNotImplemented.saying("Lifecycle filters other than Prefix are not implemented").with("Resource", "lifecycle")
		case rule.Expiration == nil && rule.Former == nil && rule.Abort == nil:
			return errInvalidRequest.saying("At least one action needs to be specified in a rule")
		}
		ids[rule.ID] = true
		if e := rule.Expiration; e != nil {
			n := 0
			for _, set := range []bool{e.Days != 0, e.Date != "", e.Marker} {
				if set {
					n++
				}
			}
			if n != 1 {
				return errMalformedXML
			}
			if e.Days < 0 {
				return errInvalidArgument.saying("'Days' for Expiration action must be a positive integer")
			}
			if t, err := time.Parse(time.RFC3339, e.Date); e.Date != "" && (err != nil || !t.Equal(t.Truncate(24*time.Hour))) {
				return errInvalidArgument.saying("'Date' must be at midnight GMT")
			}
		}
		if rule.Former != nil && (rule.Former.Days <= 0 || rule.Former.Newer < 0) {
			return errInvalidArgument.saying("'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
		}
		if rule.Abort != nil && rule.Abort.Days <= 0 {
			return errInvalidArgument.saying("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
		}
	}
	return nil
}

func (s *Service) putBucketLifecycle(r *request) error {
	var c lifecycleConfiguration
	if err := r.readXML(largeXML, &c); err != nil {
		return err
	}
	if err := c.validate(); err != nil {
		return err
	}
	c.XMLName, c.XMLNS = xml.Name{Local: "LifecycleConfiguration"}, namespace
	body, err := toXML(c)
	if err != nil {
		return err
	}
	if err := s.putSetting(r, settingLifecycle, body, nil); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) getBucketLifecycle(r *request) error {
	if r.bucket.lifecycle == nil {
		return errNoSuchLifecycle.with("BucketName", r.bucketName)
	}
	c := *r.bucket.lifecycle
	c.XMLName, c.XMLNS = xml.Name{Local: "LifecycleConfiguration"}, namespace
	r.writeXML(http.StatusOK, c)
	return nil
}

// applies says whether a rule is on for a key.
func (rule *lifecycleRule) applies(key string) bool {
	prefix := ""
	switch {
	case rule.Prefix != nil:
		prefix = *rule.Prefix
	case rule.Filter != nil && rule.Filter.Prefix != nil:
		prefix = *rule.Filter.Prefix
	}
	return rule.Status == "Enabled" && strings.HasPrefix(key, prefix)
}

// due says whether some days have passed since t: AWS adds them and rounds up
// to the next midnight UTC.
func due(t time.Time, days int, now time.Time) bool {
	const day = 24 * time.Hour
	end := t.Add(time.Duration(days) * day)
	if midnight := end.Truncate(day); !midnight.Equal(end) {
		end = midnight.Add(day)
	}
	return !now.Before(end)
}

// expires decides about one version. newer is the version above it of the same
// key, nil for the newest; position counts former versions from the newest on;
// alone says that the key has no other version.
func (l *lifecycleConfiguration) expires(v, newer *store.VersionSummary, position int, alone bool, now time.Time) bool {
	for i := range l.Rules {
		rule := &l.Rules[i]
		if !rule.applies(v.Key) {
			continue
		}
		if newer != nil {
			if f := rule.Former; f != nil && position > f.Newer && due(newer.Modified, f.Days, now) {
				return true
			}
			continue
		}
		e := rule.Expiration
		switch {
		case e == nil:
		case v.Marker:
			// A marker that hides nothing goes by itself (AWS: "Removing
			// expired object delete markers").
			if alone && (e.Marker || e.Days > 0 && due(v.Modified, e.Days, now)) {
				return true
			}
		case e.Days > 0 && due(v.Modified, e.Days, now):
			return true
		case e.Date != "":
			if t, err := time.Parse(time.RFC3339, e.Date); err == nil && !now.Before(t) {
				return true
			}
		}
	}
	return false
}

// Expire applies the buckets' lifecycle rules, and returns how many versions,
// markers and uploads it removed. The server calls it once in a while; once a
// day is what AWS promises.
func (s *Service) Expire(ctx context.Context) (int, error) {
	total, after := 0, ""
	for {
		var page []store.Bucket
		err := s.db.Read(ctx, func(tx *store.Tx) (err error) {
			page, err = store.Buckets(tx, after, 1000)
			return err
		})
		if err != nil || len(page) == 0 {
			return total, err
		}
		for _, row := range page {
			after = row.Name
			b, err := s.bucket(ctx, row.Name)
			if err == nil && b != nil && b.lifecycle != nil {
				var n, m int
				n, err = s.expireVersions(ctx, b)
				if err == nil {
					m, err = s.expireUploads(ctx, b)
				}
				total += n + m
			}
			if err != nil {
				return total, fmt.Errorf("s3: lifecycle of bucket %s: %w", row.Name, err)
			}
		}
	}
}

// expireVersions walks all versions of a bucket, a page at a time.
func (s *Service) expireVersions(ctx context.Context, b *bucket) (total int, err error) {
	now := s.now()
	from, below := "", int64(math.MaxInt64)
	var newer *store.VersionSummary // of the same key
	position := 0
	for {
		const size = 500
		var rows []store.VersionSummary
		err := s.db.Read(ctx, func(tx *store.Tx) (err error) {
			rows, err = store.VersionsFrom(tx, b.row.Name, from, below, "", size+1)
			return err
		})
		if err != nil {
			return total, err
		}
		last := len(rows) <= size
		var gone []store.VersionSummary
		for i := range min(len(rows), size) {
			v := &rows[i]
			if newer == nil || newer.Key != v.Key {
				newer, position = nil, 0
			} else {
				position++
			}
			alone := newer == nil && (i+1 == len(rows) || rows[i+1].Key != v.Key)
			if b.lifecycle.expires(v, newer, position, alone, now) {
				gone = append(gone, *v)
			}
			newer, from, below = v, v.Key, v.Rank
		}
		n, err := s.expireRows(ctx, b, gone)
		total += n
		if err != nil || last {
			return total, err
		}
	}
}

// expireRows removes versions, if they are still what was decided about. The
// newest of a key expires as if it were deleted by name: with versioning, that
// leaves a marker.
func (s *Service) expireRows(ctx context.Context, b *bucket, gone []store.VersionSummary) (total int, err error) {
	for len(gone) > 0 {
		batch := gone[:min(len(gone), 100)]
		gone = gone[len(batch):]
		n := 0
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			n = 0
			for _, v := range batch {
				rank, err := store.VersionRank(tx, b.row.Name, v.Key, v.Version)
				if errors.Is(err, store.ErrNotFound) || err == nil && rank != v.Rank {
					continue // replaced or deleted meanwhile
				}
				if err != nil {
					return err
				}
				newest, err := store.ObjectByVersion(tx, b.row.Name, v.Key, "")
				if err != nil {
					return err
				}
				if newest.Version == v.Version && !v.Marker {
					_, err = store.DeleteObject(tx, b.row.Name, v.Key)
				} else {
					_, err = store.DeleteVersion(tx, b.row.Name, v.Key, v.Version)
				}
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (s *Service) expireUploads(ctx context.Context, b *bucket) (total int, err error) {
	now := s.now()
	var after store.UploadKey
	for {
		var page []store.Upload
		err := s.db.Read(ctx, func(tx *store.Tx) (err error) {
			page, err = store.UploadsFrom(tx, b.row.Name, after, 500)
			return err
		})
		if err != nil || len(page) == 0 {
			return total, err
		}
		for _, u := range page {
			after = store.UploadKey{Key: u.Key, ID: u.ID}
			for i := range b.lifecycle.Rules {
				rule := &b.lifecycle.Rules[i]
				if !rule.applies(u.Key) || rule.Abort == nil || !due(u.Started, rule.Abort.Days, now) {
					continue
				}
				err := s.db.Write(ctx, func(tx *store.Tx) error { return store.DeleteUpload(tx, &u, nil) })
				if errors.Is(err, store.ErrNotFound) {
					break // completed or aborted meanwhile
				}
				if err != nil {
					return total, err
				}
				total++
				break
			}
		}
	}
}
