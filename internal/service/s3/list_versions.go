package s3

import (
	"encoding/xml"
	"errors"
	"math"
	"net/http"

	"gatehouse/internal/store"
)

// ListObjectVersions.

type listVersionsResult struct {
	XMLName         xml.Name `xml:"ListVersionsResult"`
	XMLNS           string   `xml:"xmlns,attr"`
	Name            string
	Prefix          string
	KeyMarker       string
	VersionIDMarker string `xml:"VersionIdMarker"`
	NextKeyMarker   string `xml:",omitempty"`
	NextVersionID   string `xml:"NextVersionIdMarker,omitempty"`
	MaxKeys         int
	Delimiter       string `xml:",omitempty"`
	EncodingType    string `xml:",omitempty"`
	IsTruncated     bool
	// Versions holds elements of two names, in one order.
	Versions       []versionXML
	CommonPrefixes []prefixXML
}

type versionXML struct {
	XMLName      xml.Name // Version or DeleteMarker
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string `xml:",omitempty"`
	Size         *int64 `xml:",omitempty"`
	Owner        ownerXML
	StorageClass string `xml:",omitempty"`
}

func (s *Service) listObjectVersions(r *request) error {
	l, err := r.listing()
	if err != nil {
		return err
	}
	key, version := r.query.Get("key-marker"), r.query.Get("version-id-marker")
	if version != "" && (key == "" || !versionForm.MatchString(version)) {
		return errInvalidArgument.saying("A version-id marker cannot be specified without a key marker.").with("ArgumentName", "version-id-marker", "ArgumentValue", version)
	}
	l.after = key
	b := l.result(listed{})
	x := listVersionsResult{
		XMLNS: namespace, Name: b.Name, Prefix: b.Prefix, KeyMarker: l.show(key), VersionIDMarker: version,
		MaxKeys: b.MaxKeys, Delimiter: b.Delimiter, EncodingType: b.EncodingType,
	}
	err = s.db.Read(r.ctx, func(tx *store.Tx) error {
		x.Versions, x.CommonPrefixes, x.IsTruncated = nil, nil, false
		return s.versions(tx, &l, version, &x)
	})
	if err != nil {
		return err
	}
	if !x.IsTruncated {
		x.NextKeyMarker, x.NextVersionID = "", ""
	}
	r.writeXML(http.StatusOK, x)
	return nil
}

// versions reads one page in a transaction.
func (s *Service) versions(tx *store.Tx, l *listing, version string, x *listVersionsResult) error {
	from, below, until := l.start(), int64(math.MaxInt64), behind(l.prefix)
	previous := "" // the key of the row before, whose newest was shown
	if version != "" && l.after >= l.prefix {
		rank, err := store.VersionRank(tx, l.bucket, l.after, version)
		if errors.Is(err, store.ErrNotFound) {
			rank, err = 0, nil // gone meanwhile: on with the next key
		}
		if err != nil {
			return err
		}
		from, below, previous = l.after, rank, l.after
	}
	for l.limit > 0 && (until == "" || from < until) {
		batch := l.limit + 1
		rows, err := store.VersionsFrom(tx, l.bucket, from, below, until, batch)
		if err != nil {
			return err
		}
		folded := false
		for _, v := range rows {
			if len(x.Versions)+len(x.CommonPrefixes) == l.limit {
				x.IsTruncated = true
				return nil
			}
			if p, ok := l.fold(v.Key); ok {
				x.CommonPrefixes = append(x.CommonPrefixes, prefixXML{l.show(p)})
				x.NextKeyMarker, x.NextVersionID = l.show(p), ""
				from, below, folded = behind(p), math.MaxInt64, true
				break
			}
			one := versionXML{XMLName: xml.Name{Local: "Version"}, Key: l.show(v.Key), VersionID: v.Version, IsLatest: v.Key != previous,
				LastModified: isoTime(v.Modified), Owner: ownerXML{ID: s.owner}}
			if v.Marker {
				one.XMLName.Local = "DeleteMarker"
			} else {
				one.ETag, one.Size, one.StorageClass = quoteETag(v.ETag), &v.Size, "STANDARD"
			}
			x.Versions = append(x.Versions, one)
			x.NextKeyMarker, x.NextVersionID = l.show(v.Key), v.Version
			from, below, previous = v.Key, v.Rank, v.Key
		}
		if from == "" || !folded && len(rows) < batch {
			return nil
		}
	}
	return nil
}
