package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"gatehouse/internal/store"
)

// ListMultipartUploads and ListParts.

type listUploadsResult struct {
	XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
	XMLNS              string   `xml:"xmlns,attr"`
	Bucket             string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      string
	NextUploadIDMarker string `xml:"NextUploadIdMarker"`
	Prefix             string
	Delimiter          string `xml:",omitempty"`
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Upload             []uploadXML
	CommonPrefixes     []prefixXML
}

type uploadXML struct {
	Key          string
	UploadID     string `xml:"UploadId"`
	Initiator    ownerXML
	Owner        ownerXML
	StorageClass string
	Initiated    string
}

// listMultipartUploads reads all uploads of the prefix; there are few.
func (s *Service) listMultipartUploads(r *request) error {
	l, err := r.listing()
	if err != nil {
		return err
	}
	if l.limit, err = r.limit("max-uploads", maxListed); err != nil {
		return err
	}
	marker := store.UploadKey{Key: r.query.Get("key-marker"), ID: r.query.Get("upload-id-marker")}
	if marker.ID != "" && !uploadForm.MatchString(marker.ID) {
		return errInvalidArgument.saying("Invalid uploadId marker").with("ArgumentName", "upload-id-marker", "ArgumentValue", marker.ID)
	}
	x := listUploadsResult{
		XMLNS: namespace, Bucket: l.bucket, KeyMarker: l.show(marker.Key), UploadIDMarker: marker.ID, Prefix: l.show(l.prefix),
		Delimiter: l.show(l.delimiter), MaxUploads: l.limit,
	}
	if l.url {
		x.EncodingType = "url"
	}
	after := marker
	if after.ID == "" && after.Key != "" {
		after.ID = "\x7f" // behind every id: the marker's key itself was shown
	}
	if after.Key < l.prefix {
		after = store.UploadKey{Key: l.prefix}
	}
	err = s.db.Read(r.ctx, func(tx *store.Tx) error {
		x.Upload, x.CommonPrefixes, x.IsTruncated = nil, nil, false
		after := after
		folded := ""
		if p, ok := l.fold(pad(after.Key, l.prefix)); ok && p == marker.Key {
			folded = p
		}
		for l.limit > 0 {
			rows, err := store.UploadsFrom(tx, l.bucket, after, maxListed)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, u := range rows {
				after = store.UploadKey{Key: u.Key, ID: u.ID}
				if !strings.HasPrefix(u.Key, l.prefix) {
					return nil
				}
				if folded != "" && strings.HasPrefix(u.Key, folded) {
					continue
				}
				if len(x.Upload)+len(x.CommonPrefixes) == l.limit {
					x.IsTruncated = true
					return nil
				}
				if p, ok := l.fold(u.Key); ok {
					folded = p
					x.CommonPrefixes = append(x.CommonPrefixes, prefixXML{l.show(p)})
					x.NextKeyMarker, x.NextUploadIDMarker = l.show(p), ""
					continue
				}
				x.Upload = append(x.Upload, uploadXML{l.show(u.Key), u.ID, ownerXML{ID: s.owner}, ownerXML{ID: s.owner}, "STANDARD", isoTime(u.Started)})
				x.NextKeyMarker, x.NextUploadIDMarker = l.show(u.Key), u.ID
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !x.IsTruncated {
		x.NextKeyMarker, x.NextUploadIDMarker = "", ""
	}
	r.writeXML(http.StatusOK, x)
	return nil
}

// pad makes a marker safe to fold: one outside the prefix folds to nothing.
func pad(key, prefix string) string {
	if strings.HasPrefix(key, prefix) {
		return key
	}
	return prefix
}

type listPartsResult struct {
	XMLName              xml.Name `xml:"ListPartsResult"`
	XMLNS                string   `xml:"xmlns,attr"`
	Bucket               string
	Key                  string
	UploadID             string `xml:"UploadId"`
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Part                 []partXML
	Initiator            ownerXML
	Owner                ownerXML
	StorageClass         string
	ChecksumAlgorithm    string `xml:",omitempty"`
	ChecksumType         string `xml:",omitempty"`
}

type partXML struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
	checksumXML
}

func (s *Service) listParts(r *request) error {
	limit, err := r.limit("max-parts", maxListed)
	if err != nil {
		return err
	}
	marker := 0
	if v := r.query.Get("part-number-marker"); v != "" {
		if marker, err = strconv.Atoi(v); err != nil || marker < 0 || marker > maxParts {
			return errInvalidArgument.with("ArgumentName", "part-number-marker", "ArgumentValue", v)
		}
	}
	u, err := s.upload(r)
	if err != nil {
		return err
	}
	var parts []store.Part
	err = s.db.Read(r.ctx, func(tx *store.Tx) (err error) {
		parts, err = store.Parts(tx, u.ID, marker, limit+1)
		return err
	})
	if err != nil {
		return err
	}
	x := listPartsResult{
		XMLNS: namespace, Bucket: r.bucketName, Key: r.key, UploadID: u.ID, PartNumberMarker: marker, MaxParts: limit,
		Initiator: ownerXML{ID: s.owner}, Owner: ownerXML{ID: s.owner}, StorageClass: "STANDARD",
		ChecksumAlgorithm: u.Attributes.ChecksumAlgorithm, ChecksumType: u.Attributes.ChecksumType,
	}
	if len(parts) > limit {
		parts, x.IsTruncated = parts[:limit], true
	}
	for _, p := range parts {
		one := partXML{PartNumber: p.Number, LastModified: isoTime(p.Modified), ETag: quoteETag(p.ETag), Size: p.Size}
		one.set(algorithm(u.Attributes.ChecksumAlgorithm), p.Checksum)
		x.Part = append(x.Part, one)
		x.NextPartNumberMarker = p.Number
	}
	r.writeXML(http.StatusOK, x)
	return nil
}
