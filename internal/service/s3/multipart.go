package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"gatehouse/internal/store"
)

// Multipart uploads: begin, put parts, complete, abort. A part is a blob, and
// the completed object is the list of its parts' blobs; nothing is copied. The
// lists of uploads and parts are in multipart_list.go.

const (
	maxParts    = 10000
	minPart     = 5 << 20 // bytes, but for the last part
	maxAssembly = 5 << 40 // bytes of an object; AWS: "Amazon S3 multipart upload limits"
)

// checksumOf tells the algorithm and type that an upload asks for.
func checksumOf(h http.Header) (alg algorithm, kind string, err error) {
	v, kind := h.Get("x-amz-checksum-algorithm"), h.Get("x-amz-checksum-type")
	if v == "" {
		if kind != "" {
			return "", "", errInvalidRequest.saying("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return algCRC64NVME, fullObject, nil // what S3 keeps by itself
	}
	alg, ok := parseAlgorithm(v)
	if !ok {
		return "", "", errInvalidRequest.saying("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	switch kind {
	case "":
		kind = composite
		if alg == algCRC64NVME {
			kind = fullObject
		}
	case composite, fullObject:
	default:
		return "", "", errInvalidRequest.saying("Value for x-amz-checksum-type header is invalid.")
	}
	if kind == fullObject && !alg.linear() || kind == composite && alg == algCRC64NVME {
		return "", "", errInvalidRequest.saying("The " + kind + " checksum type cannot be used with the " + strings.ToLower(string(alg)) + " checksum algorithm.")
	}
	return alg, kind, nil
}

func (s *Service) createMultipartUpload(r *request) error {
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
	a.ChecksumAlgorithm, a.ChecksumType = string(alg), kind
	u := &store.Upload{Bucket: r.bucketName, Key: r.key, Attributes: *a}
	// The id begins with the time, so that a key's uploads list in the order in
	// which they began.
	u.ID = fmt.Sprintf("%016x%s%s", uint64(s.now().UnixMicro()), randomID(), randomID())
	err = s.db.Write(r.ctx, func(tx *store.Tx) error {
		u.Started = tx.Now
		return notFoundIs(store.CreateUpload(tx, u), errNoSuchBucket.with("BucketName", r.bucketName))
	})
	if err != nil {
		return err
	}
	if r.http.Header.Get("x-amz-checksum-algorithm") != "" {
		r.w.Header().Set("x-amz-checksum-algorithm", string(alg))
		r.w.Header().Set("x-amz-checksum-type", kind)
	}
	r.writeXML(http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{XMLNS: namespace, Bucket: r.bucketName, Key: r.key, UploadID: u.ID})
	return nil
}

// uploadID is the upload that a request names. Only what createMultipartUpload
// makes gets as far as the store, which need not take any text there is.
func (r *request) uploadID() (string, error) {
	id := r.query.Get("uploadId")
	if !uploadForm.MatchString(id) {
		return "", errNoSuchUpload.with("UploadId", id)
	}
	return id, nil
}

var uploadForm = regexp.MustCompile(`^[0-9a-f]{16}[0-9A-F]{32}$`)

// upload reads the upload that a request names.
func (s *Service) upload(r *request) (u *store.Upload, err error) {
	id, err := r.uploadID()
	if err != nil {
		return nil, err
	}
	err = s.db.Read(r.ctx, func(tx *store.Tx) (err error) {
		u, err = store.UploadByID(tx, r.bucketName, r.key, id)
		return err
	})
	return u, notFoundIs(err, errNoSuchUpload.with("UploadId", id))
}

func (r *request) partNumber() (int, error) {
	v := r.query.Get("partNumber")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxParts {
		return 0, errInvalidArgument.saying("Part number must be an integer between 1 and 10000, inclusive").with("ArgumentName", "partNumber", "ArgumentValue", v)
	}
	return n, nil
}

func (s *Service) uploadPart(r *request) error {
	number, err := r.partNumber()
	if err != nil {
		return err
	}
	u, err := s.upload(r)
	if err != nil {
		return err
	}
	alg := algorithm(u.Attributes.ChecksumAlgorithm)
	sent, err := requestedChecksum(r.http.Header)
	if err != nil {
		return err
	}
	if sent.algorithm != "" && sent.algorithm != alg && u.Attributes.ChecksumType == composite {
		return errInvalidRequest.saying("Checksum Type mismatch occurred, expected checksum Type: " + strings.ToLower(string(alg)) + ", actual checksum Type: " + strings.ToLower(string(sent.algorithm)))
	}
	in, err := r.receive(alg)
	if err != nil {
		return err
	}
	p := &store.Part{Number: number, ETag: hex.EncodeToString(in.md5.Sum(nil)), Size: in.size, Segments: in.segments}
	if in.algorithm == alg {
		p.Checksum = in.checksum()
	} else {
		// The client checked its bytes by another checksum than the object will
		// carry. Read them again for that one.
		if p.Checksum, err = s.sumSegments(r, alg, in.segments, in.size); err != nil {
			return err
		}
	}
	err = in.keep(r, func(tx *store.Tx) error {
		p.Modified = tx.Now
		if _, err := store.UploadByID(tx, r.bucketName, r.key, u.ID); err != nil {
			return notFoundIs(err, errNoSuchUpload.with("UploadId", u.ID))
		}
		return store.PutPart(tx, u.ID, p)
	})
	if err != nil {
		return err
	}
	r.w.Header().Set("ETag", quoteETag(p.ETag))
	if in.request.algorithm != "" {
		r.w.Header().Set(in.algorithm.header(), in.checksum())
	}
	return r.ok()
}

// sumSegments computes a checksum of bytes that are in blobs.
func (s *Service) sumSegments(r *request, alg algorithm, segments []store.Segment, size int64) (string, error) {
	sum := alg.new()
	if err := s.readObject(r, &store.Object{Segments: segments}, byteRange{0, size}, sum); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sum.Sum(nil)), nil
}

func (s *Service) uploadPartCopy(r *request) error {
	number, err := r.partNumber()
	if err != nil {
		return err
	}
	u, err := s.upload(r)
	if err != nil {
		return err
	}
	src, err := r.copySource()
	if err != nil {
		return err
	}
	part := byteRange{0, src.object.Size}
	if v := r.http.Header.Get("x-amz-copy-source-range"); v != "" {
		got, ok, e := parseRange(v, src.object.Size)
		// Only first-last, and all of it must be there (AWS: UploadPartCopy).
		if e != nil || !ok || v != fmt.Sprintf("bytes=%d-%d", got.start, got.start+got.length-1) {
			return errInvalidArgument.saying("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy").
				with("ArgumentName", "x-amz-copy-source-range", "ArgumentValue", v)
		}
		part = got
	}
	if part.length > maxObject {
		return errInvalidRequest.saying("The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	alg := algorithm(u.Attributes.ChecksumAlgorithm)
	d := &digests{md5: md5.New(), algorithm: alg, sum: alg.new()}
	if err := s.readObject(r, src.object, part, d); err != nil {
		return err
	}
	p := &store.Part{Number: number, ETag: hex.EncodeToString(d.md5.Sum(nil)), Checksum: d.checksum(), Size: d.size, Segments: cut(src.object.Segments, part)}
	err = s.db.Write(r.ctx, func(tx *store.Tx) error {
		p.Modified = tx.Now
		if _, err := store.UploadByID(tx, r.bucketName, r.key, u.ID); err != nil {
			return notFoundIs(err, errNoSuchUpload.with("UploadId", u.ID))
		}
		if _, err := src.read(tx); err != nil {
			return err
		}
		if err := store.RetainSegments(tx, p.Segments); err != nil {
			return err
		}
		return store.PutPart(tx, u.ID, p)
	})
	if err != nil {
		return err
	}
	r.writeXML(http.StatusOK, copyResult{XMLName: xml.Name{Local: "CopyPartResult"}, XMLNS: namespace, ETag: quoteETag(p.ETag), LastModified: isoTime(p.Modified)})
	return nil
}

type completeRequest struct {
	XMLName xml.Name       `xml:"CompleteMultipartUpload"`
	Parts   []completePart `xml:"Part"`
}

type completePart struct {
	PartNumber int
	ETag       string
	checksumXML
}

func (s *Service) completeMultipartUpload(r *request) error {
	conditions, err := requestWriteConditions(r.http.Header)
	if err != nil {
		return err
	}
	// The x-amz-checksum-* headers of this request are those of the object, not
	// of the document.
	object, err := requestedChecksum(r.http.Header)
	if err != nil {
		return err
	}
	for _, a := range algorithms {
		r.http.Header.Del(a.header())
	}
	var in completeRequest
	if err := r.readXML(largeXML, &in); err != nil {
		return err
	}
	if len(in.Parts) == 0 || len(in.Parts) > maxParts {
		return errMalformedXML
	}
	for i := 1; i < len(in.Parts); i++ {
		if in.Parts[i].PartNumber <= in.Parts[i-1].PartNumber {
			return errInvalidPartOrder.with("UploadId", r.query.Get("uploadId"))
		}
	}
	id, err := r.uploadID()
	if err != nil {
		return err
	}
	var o *store.Object
	err = s.db.Write(r.ctx, func(tx *store.Tx) error {
		u, err := store.UploadByID(tx, r.bucketName, r.key, id)
		if err != nil {
			return notFoundIs(err, errNoSuchUpload.with("UploadId", id))
		}
		parts, err := store.Parts(tx, u.ID, 0, maxParts)
		if err != nil {
			return err
		}
		var kept map[int]bool
		if o, kept, err = assemble(u, parts, in.Parts); err != nil {
			return err
		}
		if object.value != "" && (string(object.algorithm) != o.Attributes.ChecksumAlgorithm || object.value != o.Attributes.Checksum) {
			return errBadDigest.saying("The " + string(object.algorithm) + " you specified did not match the calculated checksum.")
		}
		if err := conditions.checkIn(tx, r.bucketName, r.key); err != nil {
			return err
		}
		o.Modified = tx.Now
		if err := store.DeleteUpload(tx, u, kept); err != nil {
			return err
		}
		return store.PutObject(tx, o)
	})
	if err != nil {
		return err
	}
	out := struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Location string
		Bucket   string
		Key      string
		ETag     string
		checksumXML
	}{XMLNS: namespace, Location: "http://" + r.http.Host + r.http.URL.EscapedPath(), Bucket: r.bucketName, Key: r.key, ETag: quoteETag(o.ETag)}
	out.setChecksum(&o.Attributes)
	r.showVersion(r.bucket, o.Version)
	r.writeXML(http.StatusOK, out)
	return nil
}

// assemble makes an object of the parts that the client names.
func assemble(u *store.Upload, have []store.Part, want []completePart) (*store.Object, map[int]bool, error) {
	byNumber := make(map[int]*store.Part, len(have))
	for i := range have {
		byNumber[have[i].Number] = &have[i]
	}
	o := &store.Object{Bucket: u.Bucket, Key: u.Key, Attributes: u.Attributes}
	alg := algorithm(u.Attributes.ChecksumAlgorithm)
	kept := make(map[int]bool, len(want))
	etags, sums := md5.New(), alg.new()
	var full []byte
	for i := range want {
		w := &want[i]
		p := byNumber[w.PartNumber]
		if p == nil || strings.Trim(w.ETag, `"`) != p.ETag {
			return nil, nil, errInvalidPart.with("UploadId", u.ID, "PartNumber", itoa(w.PartNumber), "ETag", strings.Trim(w.ETag, `"`))
		}
		if given := *w.field(alg); given != "" && given != p.Checksum {
			return nil, nil, errInvalidPart.with("UploadId", u.ID, "PartNumber", itoa(w.PartNumber), "ETag", p.ETag)
		}
		if p.Size < minPart && i < len(want)-1 {
			return nil, nil, errEntityTooSmall.with("ProposedSize", strconv.FormatInt(p.Size, 10), "MinSizeAllowed", itoa(minPart), "PartNumber", itoa(p.Number), "ETag", p.ETag)
		}
		kept[p.Number] = true
		etag, err := hex.DecodeString(p.ETag)
		if err != nil {
			return nil, nil, fmt.Errorf("etag of part %d of upload %s: %w", p.Number, u.ID, err)
		}
		sum, err := base64.StdEncoding.DecodeString(p.Checksum)
		if err != nil {
			return nil, nil, fmt.Errorf("checksum of part %d of upload %s: %w", p.Number, u.ID, err)
		}
		etags.Write(etag)
		sums.Write(sum)
		switch {
		case u.Attributes.ChecksumType != fullObject:
		case i == 0:
			full = sum
		default:
			full = alg.combine(full, sum, p.Size)
		}
		o.Segments = append(o.Segments, p.Segments...)
		o.Attributes.PartSizes = append(o.Attributes.PartSizes, p.Size)
		o.Size += p.Size
	}
	if o.Size > maxAssembly {
		return nil, nil, errEntityTooLarge
	}
	o.ETag = fmt.Sprintf("%x-%d", etags.Sum(nil), len(want))
	o.Attributes.Checksum = base64.StdEncoding.EncodeToString(full)
	if u.Attributes.ChecksumType == composite {
		o.Attributes.Checksum = fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(sums.Sum(nil)), len(want))
	}
	return o, kept, nil
}

func (s *Service) abortMultipartUpload(r *request) error {
	id, err := r.uploadID()
	if err != nil {
		return err
	}
	err = s.db.Write(r.ctx, func(tx *store.Tx) error {
		return store.DeleteUpload(tx, &store.Upload{Bucket: r.bucketName, Key: r.key, ID: id}, nil)
	})
	if err != nil {
		return notFoundIs(err, errNoSuchUpload.with("UploadId", id))
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
