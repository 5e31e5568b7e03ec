package s3

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/store"
)

// Tags of buckets and objects (AWS: "Categorizing your storage using tags").

type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	TagSet  *tagSet  `xml:"TagSet"`
}

type tagSet struct {
	Tag []tagXML
}

type tagXML struct{ Key, Value string }

const (
	maxBucketTags = 50
	maxObjectTags = 10
)

func (t *tagSet) tags() []store.Tag {
	list := make([]store.Tag, 0, len(t.Tag))
	for _, x := range t.Tag {
		list = append(list, store.Tag{Key: x.Key, Value: x.Value})
	}
	return list
}

func (t *tagSet) validate(limit int) error { return validateTags(t.tags(), limit) }

func validateTags(tags []store.Tag, limit int) error {
	if len(tags) > limit {
		if limit == maxObjectTags {
			return newError(http.StatusBadRequest, "BadRequest", "Object tags cannot be greater than 10")
		}
		return newError(http.StatusBadRequest, "BadRequest", "Bucket tag count cannot be greater than 50")
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		n := utf8.RuneCountInString(t.Key)
		switch {
		case n < 1 || n > 128 || !utf8.ValidString(t.Key):
			return errInvalidTag.saying("The TagKey you have provided is invalid")
		case utf8.RuneCountInString(t.Value) > 256 || !utf8.ValidString(t.Value):
			return errInvalidTag
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return errInvalidTag.saying("System tags cannot be added/updated by requester")
		case seen[t.Key]:
			return errInvalidTag.saying("Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
	}
	return nil
}

// readTags reads x-amz-tagging, which is a query string.
func (r *request) readTags() error {
	v := r.http.Header.Get("x-amz-tagging")
	if v == "" {
		return nil
	}
	bad := errInvalidArgument.saying("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.").
		with("ArgumentName", "x-amz-tagging", "ArgumentValue", v)
	for pair := range strings.SplitSeq(v, "&") {
		k, val, _ := strings.Cut(pair, "=")
		key, err1 := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(val)
		if err1 != nil || err2 != nil {
			return bad
		}
		r.requestTags = append(r.requestTags, store.Tag{Key: key, Value: value})
	}
	return validateTags(r.requestTags, maxObjectTags)
}

func (r *request) writeTags(tags []store.Tag) {
	out := tagging{XMLNS: namespace, TagSet: &tagSet{}}
	for _, t := range tags {
		out.TagSet.Tag = append(out.TagSet.Tag, tagXML(t))
	}
	r.writeXML(http.StatusOK, out)
}

func (r *request) readTagging(limit int) ([]store.Tag, error) {
	var t tagging
	if err := r.readXML(smallXML, &t); err != nil {
		return nil, err
	}
	if t.TagSet == nil {
		return nil, errMalformedXML
	}
	tags := t.TagSet.tags()
	return tags, validateTags(tags, limit)
}

func (s *Service) putBucketTagging(r *request) error {
	tags, err := r.readTagging(maxBucketTags)
	if err != nil {
		return err
	}
	if err := s.putSetting(r, settingTagging, toJSON(tags), nil); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) getBucketTagging(r *request) error {
	text, ok := r.bucket.row.Settings[settingTagging]
	if !ok {
		return errNoSuchTagSet.with("BucketName", r.bucketName)
	}
	var tags []store.Tag
	if err := json.Unmarshal([]byte(text), &tags); err != nil {
		return err
	}
	r.writeTags(tags)
	return nil
}

func (s *Service) getObjectTagging(r *request) error {
	if r.object == nil {
		return r.missing()
	}
	r.writeTags(r.object.Attributes.Tags)
	return nil
}

func (s *Service) putObjectTagging(r *request) error {
	tags, err := r.readTagging(maxObjectTags)
	if err != nil {
		return err
	}
	r.requestTags, r.keys = tags, nil
	if err := r.authorize(onO("PutObjectTagging", "")); err != nil {
		return err
	}
	if r.object == nil {
		return r.missing()
	}
	if err := s.changeObject(r, func(o *store.Object) { o.Attributes.Tags = tags }); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) deleteObjectTagging(r *request) error {
	if r.object == nil {
		return r.missing()
	}
	if err := s.changeObject(r, func(o *store.Object) { o.Attributes.Tags = nil }); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
