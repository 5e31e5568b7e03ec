package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/internal/store"
)

// Lists of an upstream, and the operations whose bodies are documents. A list
// is asked for with its keys percent-encoded, so that every key survives the
// XML, and is worded anew: bucket, owner and what was asked are ours.

// foreign reads the keys of an upstream's answer.
type foreign struct {
	encoded bool
	prefix  string
	err     error
}

func (f *foreign) decode(key string) string {
	if f.encoded {
		plain, err := url.QueryUnescape(key)
		if err != nil && f.err == nil {
			f.err = strange("a key that is not encoded as it says")
		}
		return plain
	}
	return key
}

// key reads a key that must be one of those that were asked for.
func (f *foreign) key(key string) string {
	key = f.decode(key)
	if !strings.HasPrefix(key, f.prefix) && f.err == nil {
		f.err = strange("a key outside the prefix that was asked for")
	}
	return key
}

// listQuery is what all lists of keys ask for.
func (l *listing) query(limit string) url.Values {
	q := url.Values{"encoding-type": {"url"}, limit: {itoa(l.limit)}}
	for name, v := range map[string]string{"prefix": l.prefix, "delimiter": l.delimiter} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

// keep passes parameters on as they are.
func (r *request) keep(q url.Values, names ...string) error {
	for _, name := range names {
		v := r.query.Get(name)
		if len(v) > 4096 {
			return errInvalidArgument.with("ArgumentName", name)
		}
		if v != "" {
			q.Set(name, v)
		}
	}
	return nil
}

// listUpstream is ListObjects and ListObjectsV2.
func (s *Service) listUpstream(r *request) error {
	second := r.op.name == "ListObjectsV2"
	if v := r.query.Get("list-type"); second && v != "2" {
		return errInvalidArgument.saying("Invalid List Type specified in Request").with("ArgumentName", "list-type", "ArgumentValue", v)
	}
	l, err := r.listing()
	if err != nil {
		return err
	}
	q := l.query("max-keys")
	if second {
		if r.query.Has("continuation-token") && r.query.Get("continuation-token") == "" {
			return errInvalidArgument.saying("The continuation token provided is incorrect").with("ArgumentName", "continuation-token")
		}
		q.Set("list-type", "2")
		err = r.keep(q, "start-after", "continuation-token")
	} else {
		err = r.keep(q, "marker")
	}
	if err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodGet, "", q, nil)
	if err != nil {
		return err
	}
	var in listBucketResult
	if _, err := r.document(out, &in); err != nil {
		return err
	}
	f := &foreign{encoded: in.EncodingType == "url", prefix: l.prefix}
	x := l.result(listed{truncated: in.IsTruncated})
	owner := &ownerXML{ID: s.owner}
	if second && r.query.Get("fetch-owner") != "true" {
		owner = nil
	}
	for _, c := range in.Contents {
		c.Key, c.Owner = l.show(f.key(c.Key)), owner
		x.Contents = append(x.Contents, c)
	}
	for _, p := range in.CommonPrefixes {
		x.CommonPrefixes = append(x.CommonPrefixes, prefixXML{l.show(f.key(p.Prefix))})
	}
	if second {
		count := len(x.Contents) + len(x.CommonPrefixes)
		x.KeyCount, x.Token, x.NextToken, x.StartAfter = &count, r.query.Get("continuation-token"), in.NextToken, l.show(r.query.Get("start-after"))
	} else {
		marker := l.show(r.query.Get("marker"))
		x.Marker, x.NextMarker = &marker, l.show(f.decode(in.NextMarker))
	}
	if f.err != nil {
		return f.err
	}
	r.writeXML(http.StatusOK, x)
	return nil
}

func (s *Service) listVersionsUpstream(r *request) error {
	l, err := r.listing()
	if err != nil {
		return err
	}
	q := l.query("max-keys")
	q.Set("versions", "")
	if err := r.keep(q, "key-marker", "version-id-marker"); err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodGet, "", q, nil)
	if err != nil {
		return err
	}
	// The elements of two names stand in one order, which is to be kept.
	var in struct {
		XMLName       xml.Name // ListVersionsResult, or ListObjectVersionsResult
		EncodingType  string
		IsTruncated   bool
		NextKeyMarker string
		NextVersionID string         `xml:"NextVersionIdMarker"`
		Prefixes      []prefixXML    `xml:"CommonPrefixes"`
		Versions      []versionInXML `xml:",any"`
	}
	if _, err := r.document(out, &in); err != nil {
		return err
	}
	f := &foreign{encoded: in.EncodingType == "url", prefix: l.prefix}
	b := l.result(listed{})
	x := listVersionsResult{XMLNS: namespace, Name: b.Name, Prefix: b.Prefix, KeyMarker: l.show(r.query.Get("key-marker")), VersionIDMarker: r.query.Get("version-id-marker"),
		MaxKeys: b.MaxKeys, Delimiter: b.Delimiter, EncodingType: b.EncodingType, IsTruncated: in.IsTruncated,
		NextKeyMarker: l.show(f.decode(in.NextKeyMarker)), NextVersionID: in.NextVersionID}
	for _, v := range in.Versions {
		if v.XMLName.Local != "Version" && v.XMLName.Local != "DeleteMarker" {
			continue
		}
		x.Versions = append(x.Versions, versionXML{XMLName: xml.Name{Local: v.XMLName.Local}, Key: l.show(f.key(v.Key)), VersionID: v.VersionID, IsLatest: v.IsLatest,
			LastModified: v.LastModified, ETag: v.ETag, Size: v.Size, Owner: ownerXML{ID: s.owner}, StorageClass: v.StorageClass})
	}
	for _, p := range in.Prefixes {
		x.CommonPrefixes = append(x.CommonPrefixes, prefixXML{l.show(f.key(p.Prefix))})
	}
	if f.err != nil {
		return f.err
	}
	r.writeXML(http.StatusOK, x)
	return nil
}

type versionInXML struct {
	XMLName      xml.Name
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string
	Size         *int64
	StorageClass string
}

func (s *Service) listUploadsUpstream(r *request) error {
	l, err := r.listing()
	if err != nil {
		return err
	}
	if l.limit, err = r.limit("max-uploads", maxListed); err != nil {
		return err
	}
	q := l.query("max-uploads")
	q.Set("uploads", "")
	if err := r.keep(q, "key-marker", "upload-id-marker"); err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodGet, "", q, nil)
	if err != nil {
		return err
	}
	var in listUploadsResult
	if _, err := r.document(out, &in); err != nil {
		return err
	}
	f := &foreign{encoded: in.EncodingType == "url", prefix: l.prefix}
	owner := ownerXML{ID: s.owner}
	x := listUploadsResult{XMLNS: namespace, Bucket: l.bucket, KeyMarker: l.show(r.query.Get("key-marker")), UploadIDMarker: r.query.Get("upload-id-marker"),
		NextKeyMarker: l.show(f.decode(in.NextKeyMarker)), NextUploadIDMarker: in.NextUploadIDMarker, Prefix: l.show(l.prefix), Delimiter: l.show(l.delimiter),
		MaxUploads: l.limit, IsTruncated: in.IsTruncated}
	if l.url {
		x.EncodingType = "url"
	}
	for _, u := range in.Upload {
		x.Upload = append(x.Upload, uploadXML{l.show(f.key(u.Key)), u.UploadID, owner, owner, u.StorageClass, u.Initiated})
	}
	for _, p := range in.CommonPrefixes {
		x.CommonPrefixes = append(x.CommonPrefixes, prefixXML{l.show(f.key(p.Prefix))})
	}
	if f.err != nil {
		return f.err
	}
	r.writeXML(http.StatusOK, x)
	return nil
}

// deleteAllUpstream is DeleteObjects: each key is decided by itself, and those
// that may go are sent in one request.
func (s *Service) deleteAllUpstream(r *request) error {
	in, err := r.readDelete()
	if err != nil {
		return err
	}
	out := deleteResult{XMLNS: namespace}
	type item struct {
		Key       string
		VersionID string `xml:"VersionId,omitempty"`
		ETag      string `xml:",omitempty"`
	}
	send := struct {
		XMLName xml.Name `xml:"Delete"`
		XMLNS   string   `xml:"xmlns,attr"`
		Object  []item
	}{XMLNS: namespace}
	type name struct{ key, version string }
	asked := map[name]bool{}
	for _, o := range in.Objects {
		p := write("DeleteObject")
		if o.VersionID != "" {
			p = write("DeleteObjectVersion")
		}
		err := r.bucket.checkUpstreamKey(o.Key)
		if err == nil {
			err = s.mayDelete(r, p, o.Key, o.VersionID)
		}
		if err != nil {
			e, known := asError(err)
			if !known {
				return err
			}
			out.Errors = append(out.Errors, deleteErrorXML{o.Key, o.VersionID, e.Code, e.Message})
			continue
		}
		if asked[name{o.Key, o.VersionID}] {
			continue
		}
		asked[name{o.Key, o.VersionID}] = true
		send.Object = append(send.Object, item{o.Key, o.VersionID, o.ETag})
	}
	if len(send.Object) > 0 {
		body, err := xml.Marshal(send)
		if err != nil {
			return err
		}
		var x deleteResult
		if err := r.sendDocument(http.MethodPost, "", url.Values{"delete": {""}}, body, &x); err != nil {
			return err
		}
		for _, d := range x.Deleted {
			if !asked[name{d.Key, d.VersionID}] {
				return strange("that it deleted what nobody asked for")
			}
			delete(asked, name{d.Key, d.VersionID})
			if !in.Quiet {
				out.Deleted = append(out.Deleted, d)
			}
		}
		for _, e := range x.Errors {
			if !asked[name{e.Key, e.VersionID}] {
				return strange("errors about what nobody asked for")
			}
			delete(asked, name{e.Key, e.VersionID})
			told, known := asError(r.wordRefusal(http.StatusOK, e.Code, e.Message))
			if !known {
				r.svc.log.ErrorContext(r.ctx, "s3: upstream did not delete", "requestId", r.id, "code", short(e.Code), "message", short(e.Message))
			}
			out.Errors = append(out.Errors, deleteErrorXML{e.Key, e.VersionID, told.Code, told.Message})
		}
		if len(asked) > 0 {
			return strange(fmt.Sprintf("nothing about %d of %d keys", len(asked), len(send.Object)))
		}
	}
	r.writeXML(http.StatusOK, out)
	return nil
}

// sendDocument sends a document and reads that of the answer, if v is not nil.
func (r *request) sendDocument(method, key string, q url.Values, body []byte, v any) error {
	out, err := r.outgoing(method, key, q, body)
	if err != nil {
		return err
	}
	sum := md5.Sum(body)
	out.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	out.Header.Set("Content-Type", "application/xml")
	if v != nil {
		_, err = r.document(out, v)
		return err
	}
	resp, err := r.forward(out)
	if err != nil {
		return err
	}
	copyHeaders(r.w.Header(), resp.Header, []string{"X-Amz-Version-Id"})
	return resp.Body.Close()
}

func (s *Service) getVersioningUpstream(r *request) error {
	var x struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		XMLNS   string   `xml:"xmlns,attr"`
		Status  string   `xml:",omitempty"`
	}
	out, err := r.outgoing(http.MethodGet, "", url.Values{"versioning": {""}}, nil)
	if err != nil {
		return err
	}
	if _, err := r.document(out, &x); err != nil {
		return err
	}
	x.XMLName.Space, x.XMLNS = "", namespace
	r.writeXML(http.StatusOK, x)
	return nil
}

func (r *request) taggingQuery() url.Values {
	q := r.versionOf()
	q.Set("tagging", "")
	return q
}

func (s *Service) getTaggingUpstream(r *request) error {
	out, err := r.outgoing(http.MethodGet, r.key, r.taggingQuery(), nil)
	if err != nil {
		return err
	}
	var x tagging
	h, err := r.document(out, &x)
	if err != nil {
		return err
	}
	copyHeaders(r.w.Header(), h, []string{"X-Amz-Version-Id"})
	var tags []store.Tag
	if x.TagSet != nil {
		tags = x.TagSet.tags()
	}
	r.writeTags(tags)
	return nil
}

func (s *Service) putTaggingUpstream(r *request) error {
	tags, err := r.readTagging(maxObjectTags)
	if err != nil {
		return err
	}
	r.requestTags, r.keys = tags, nil
	if err := r.authorize(onO("PutObjectTagging", "")); err != nil {
		return err
	}
	x := tagging{XMLNS: namespace, TagSet: &tagSet{}}
	for _, t := range tags {
		x.TagSet.Tag = append(x.TagSet.Tag, tagXML(t))
	}
	body, err := xml.Marshal(x)
	if err != nil {
		return err
	}
	if err := r.sendDocument(http.MethodPut, r.key, r.taggingQuery(), body, nil); err != nil {
		return err
	}
	return r.ok()
}

func (s *Service) deleteTaggingUpstream(r *request) error {
	out, err := r.outgoing(http.MethodDelete, r.key, r.taggingQuery(), nil)
	if err != nil {
		return err
	}
	resp, err := r.forward(out)
	if err != nil {
		return err
	}
	resp.Body.Close()
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
