package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
)

// Multipart uploads to an upstream. Nothing of them is kept here: the upstream
// gives the id, and its lists are the lists.
//
// A checksum that a client gives with a part is checked here while the part
// passes; the upstream is told none, so that it needs to know none of the newer
// kinds. What it joins parts by is their ETags.

func (r *request) foreignUpload() (string, error) {
	id := r.query.Get("uploadId")
	if !foreignForm.MatchString(id) {
		return "", errNoSuchUpload.with("UploadId", id)
	}
	return id, nil
}

func (s *Service) createUploadUpstream(r *request) error {
	a, err := r.newAttributes()
	if err != nil {
		return err
	}
	alg, kind, err := checksumOf(r.http.Header)
	if err != nil {
		return err
	}
	if _, err := r.readBody(smallXML); err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodPost, r.key, url.Values{"uploads": {""}}, nil)
	if err != nil {
		return err
	}
	if err := r.setAttributes(out.Header, a); err != nil {
		return err
	}
	var x struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}
	if _, err := r.document(out, &x); err != nil {
		return err
	}
	if !foreignForm.MatchString(x.UploadID) {
		return strange("an upload without an id, or with one that cannot be")
	}
	x.XMLName.Space, x.XMLNS, x.Bucket, x.Key = "", namespace, r.bucketName, r.key
	if r.http.Header.Get("x-amz-checksum-algorithm") != "" {
		r.w.Header().Set("x-amz-checksum-algorithm", string(alg))
		r.w.Header().Set("x-amz-checksum-type", kind)
	}
	r.writeXML(http.StatusOK, x)
	return nil
}

// part is the query of a request about a part.
func (r *request) part() (url.Values, error) {
	number, err := r.partNumber()
	if err != nil {
		return nil, err
	}
	id, err := r.foreignUpload()
	if err != nil {
		return nil, err
	}
	return url.Values{"partNumber": {itoa(number)}, "uploadId": {id}}, nil
}

func (s *Service) putPartUpstream(r *request) error {
	q, err := r.part()
	if err != nil {
		return err
	}
	u, err := r.upload()
	if err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodPut, r.key, q, nil)
	if err != nil {
		return err
	}
	resp, err := r.forwardUpload(out, u)
	if err != nil {
		return err
	}
	resp.Body.Close()
	copyHeaders(r.w.Header(), resp.Header, []string{"Etag"})
	if u.request.algorithm != "" {
		r.w.Header().Set(u.algorithm.header(), u.checksum())
	}
	return r.ok()
}

func (s *Service) copyPartUpstream(r *request) error {
	q, err := r.part()
	if err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodPut, r.key, q, nil)
	if err != nil {
		return err
	}
	src, err := r.setCopySource(out.Header)
	if err != nil {
		return err
	}
	copyHeaders(out.Header, r.http.Header, []string{"X-Amz-Copy-Source-Range"})
	var x copyResult
	if _, err := r.document(out, &x); err != nil {
		return r.missingSource(src, err)
	}
	if x.XMLName.Local != "CopyPartResult" {
		return strange("a copy of a part with a " + x.XMLName.Local)
	}
	x.XMLName.Space, x.XMLNS, x.checksumXML = "", namespace, checksumXML{}
	r.writeXML(http.StatusOK, x)
	return nil
}

func (s *Service) completeUpstream(r *request) error {
	conditions, err := requestWriteConditions(r.http.Header)
	if err != nil {
		return err
	}
	id, err := r.foreignUpload()
	if err != nil {
		return err
	}
	// The header's checksum is the object's, whose bytes did not pass here as one.
	object, err := requestedChecksum(r.http.Header)
	if err != nil {
		return err
	}
	if object.value != "" {
		return errNotImplemented.saying("The store behind this bucket is not asked for a checksum of the whole object.").with("Header", object.algorithm.header())
	}
	var in completeRequest
	if err := r.readXML(largeXML, &in); err != nil {
		return err
	}
	if len(in.Parts) == 0 || len(in.Parts) > maxParts {
		return errMalformedXML
	}
	type part struct {
		PartNumber int
		ETag       string
	}
	send := struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		XMLNS   string   `xml:"xmlns,attr"`
		Part    []part
	}{XMLNS: namespace}
	for i, p := range in.Parts {
		if i > 0 && p.PartNumber <= in.Parts[i-1].PartNumber {
			return errInvalidPartOrder.with("UploadId", id)
		}
		send.Part = append(send.Part, part{p.PartNumber, quoteETag(strings.Trim(p.ETag, `"`))})
	}
	body, err := xml.Marshal(send)
	if err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodPost, r.key, url.Values{"uploadId": {id}}, body)
	if err != nil {
		return err
	}
	conditions.set(out.Header)
	var x struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Location string
		Bucket   string
		Key      string
		ETag     string
	}
	h, err := r.document(out, &x)
	if err != nil {
		return err
	}
	copyHeaders(r.w.Header(), h, []string{"X-Amz-Version-Id"})
	x.XMLName.Space, x.XMLNS = "", namespace
	x.Location, x.Bucket, x.Key = "http://"+r.http.Host+r.http.URL.EscapedPath(), r.bucketName, r.key
	r.writeXML(http.StatusOK, x)
	return nil
}

func (s *Service) abortUpstream(r *request) error {
	id, err := r.foreignUpload()
	if err != nil {
		return err
	}
	out, err := r.outgoing(http.MethodDelete, r.key, url.Values{"uploadId": {id}}, nil)
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

func (s *Service) listPartsUpstream(r *request) error {
	limit, err := r.limit("max-parts", maxListed)
	if err != nil {
		return err
	}
	id, err := r.foreignUpload()
	if err != nil {
		return err
	}
	q := url.Values{"uploadId": {id}, "max-parts": {itoa(limit)}}
	if v := r.query.Get("part-number-marker"); v != "" {
		q.Set("part-number-marker", v)
	}
	out, err := r.outgoing(http.MethodGet, r.key, q, nil)
	if err != nil {
		return err
	}
	var x listPartsResult
	if _, err := r.document(out, &x); err != nil {
		return err
	}
	owner := ownerXML{ID: s.owner}
	x.XMLName, x.XMLNS, x.Bucket, x.Key, x.UploadID = xml.Name{Local: "ListPartsResult"}, namespace, r.bucketName, r.key, id
	x.Initiator, x.Owner, x.ChecksumAlgorithm, x.ChecksumType = owner, owner, "", ""
	for i := range x.Part {
		x.Part[i].checksumXML = checksumXML{}
	}
	r.writeXML(http.StatusOK, x)
	return nil
}
