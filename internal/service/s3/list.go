package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gatehouse/internal/store"
)

// ListObjects and ListObjectsV2; ListObjectVersions is in list_versions.go.
//
// A list reads the index of keys from a point on. Where a delimiter folds many
// keys into one common prefix, the next read starts behind all of them, so that
// the cost is that of what is shown and not of what lies between.

const maxListed = 1000

// listing is what a request asks for.
type listing struct {
	bucket    string
	prefix    string
	delimiter string
	// after: keys and common prefixes up to this one were shown before.
	after string
	limit int
	// url says that keys are shown percent-encoded.
	url bool
}

// listed is a page of a listing.
type listed struct {
	objects   []store.ObjectSummary
	prefixes  []string
	truncated bool
	last      string // the last key or prefix shown
}

func (r *request) listing() (l listing, err error) {
	l = listing{bucket: r.bucketName, prefix: r.query.Get("prefix"), delimiter: r.query.Get("delimiter"), limit: maxListed}
	if l.limit, err = r.limit("max-keys", maxListed); err != nil {
		return l, err
	}
	switch v := r.query.Get("encoding-type"); v {
	case "":
	case "url":
		l.url = true
	default:
		return l, errInvalidArgument.saying("Invalid Encoding Method specified in Request").with("ArgumentName", "encoding-type", "ArgumentValue", v)
	}
	return l, nil
}

// limit reads a number of things to list; more than most means most.
func (r *request) limit(param string, most int) (int, error) {
	v := r.query.Get(param)
	if v == "" {
		return most, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, errInvalidArgument.saying("Provided "+param+" not an integer or within integer range").with("ArgumentName", param, "ArgumentValue", v)
	}
	if n < 0 {
		return 0, errInvalidArgument.saying("Argument "+param+" must be an integer between 0 and 2147483647").with("ArgumentName", param, "ArgumentValue", v)
	}
	return min(int(n), most), nil
}

// behind is the first string after all those that begin with the prefix; empty
// means that there is none.
func behind(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// fold gives the common prefix that a key is shown under, or none.
func (l *listing) fold(key string) (string, bool) {
	if l.delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(l.prefix):], l.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(l.prefix)+i+len(l.delimiter)], true
}

// start is the first key that may be shown.
func (l *listing) start() string {
	if l.after == "" || l.after < l.prefix {
		return l.prefix
	}
	if strings.HasPrefix(l.after, l.prefix) {
		// When a common prefix was shown, all that it stands for was.
		if p, ok := l.fold(l.after); ok && p == l.after {
			return behind(p)
		}
	}
	return l.after + "\x00" // the shortest string after another
}

// page reads one page in a transaction.
func (l *listing) page(tx *store.Tx) (out listed, err error) {
	if l.limit == 0 {
		return out, nil
	}
	from, until := l.start(), behind(l.prefix)
	// Small reads while prefixes fold, large ones while keys stand alone.
	batch := min(l.limit+1, 16)
	if l.delimiter == "" {
		batch = l.limit + 1
	}
	for {
		if until != "" && from >= until {
			return out, nil
		}
		rows, err := store.ObjectsFrom(tx, l.bucket, from, until, batch)
		if err != nil {
			return out, err
		}
		folded := false
		for _, o := range rows {
			if len(out.objects)+len(out.prefixes) == l.limit {
				out.truncated = true
				return out, nil
			}
			if p, ok := l.fold(o.Key); ok {
				out.prefixes = append(out.prefixes, p)
				out.last, from, folded = p, behind(p), true
				if from == "" {
					return out, nil
				}
				break
			}
			out.objects = append(out.objects, o)
			out.last, from = o.Key, o.Key+"\x00"
		}
		switch {
		case folded:
			batch = min(l.limit+1, 16)
		case len(rows) < batch:
			return out, nil
		default:
			batch = min(batch*4, maxListed+1)
		}
	}
}

func (s *Service) list(r *request, l *listing) (out listed, err error) {
	err = s.db.Read(r.ctx, func(tx *store.Tx) (err error) {
		out, err = l.page(tx)
		return err
	})
	return out, err
}

// show gives a key as the list shows it.
func (l *listing) show(key string) string {
	if !l.url {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "%2F", "/"), "%2A", "*")
}

type contentXML struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	Owner        *ownerXML `xml:",omitempty"`
	StorageClass string
}

type prefixXML struct{ Prefix string }

func (l *listing) contents(objects []store.ObjectSummary, owner *ownerXML) []contentXML {
	var out []contentXML
	for _, o := range objects {
		out = append(out, contentXML{l.show(o.Key), isoTime(o.Modified), quoteETag(o.ETag), o.Size, owner, "STANDARD"})
	}
	return out
}

func (l *listing) prefixes(prefixes []string) []prefixXML {
	var out []prefixXML
	for _, p := range prefixes {
		out = append(out, prefixXML{l.show(p)})
	}
	return out
}

type listBucketResult struct {
	XMLName        xml.Name `xml:"ListBucketResult"`
	XMLNS          string   `xml:"xmlns,attr"`
	Name           string
	Prefix         string
	Marker         *string `xml:",omitempty"`
	NextMarker     string  `xml:",omitempty"`
	KeyCount       *int    `xml:",omitempty"`
	MaxKeys        int
	Delimiter      string `xml:",omitempty"`
	EncodingType   string `xml:",omitempty"`
	IsTruncated    bool
	Token          string `xml:"ContinuationToken,omitempty"`
	NextToken      string `xml:"NextContinuationToken,omitempty"`
	StartAfter     string `xml:",omitempty"`
	Contents       []contentXML
	CommonPrefixes []prefixXML
}

func (l *listing) result(out listed) listBucketResult {
	x := listBucketResult{
		XMLNS: namespace, Name: l.bucket, Prefix: l.show(l.prefix), Delimiter: l.show(l.delimiter), MaxKeys: l.limit,
		IsTruncated: out.truncated, CommonPrefixes: l.prefixes(out.prefixes),
	}
	if l.url {
		x.EncodingType = "url"
	}
	return x
}

// listObjects is the first version of the list: a marker, and an owner with
// each object.
func (s *Service) listObjects(r *request) error {
	l, err := r.listing()
	if err != nil {
		return err
	}
	l.after = r.query.Get("marker")
	out, err := s.list(r, &l)
	if err != nil {
		return err
	}
	x := l.result(out)
	marker := l.show(l.after)
	x.Marker = &marker
	x.Contents = l.contents(out.objects, &ownerXML{ID: s.owner})
	if out.truncated && l.delimiter != "" {
		x.NextMarker = l.show(out.last) // without a delimiter, the last key serves
	}
	r.writeXML(http.StatusOK, x)
	return nil
}

func (s *Service) listObjectsV2(r *request) error {
	if v := r.query.Get("list-type"); v != "2" {
		return errInvalidArgument.saying("Invalid List Type specified in Request").with("ArgumentName", "list-type", "ArgumentValue", v)
	}
	l, err := r.listing()
	if err != nil {
		return err
	}
	token := r.query.Get("continuation-token")
	if r.query.Has("continuation-token") && token == "" {
		return errInvalidArgument.saying("The continuation token provided is incorrect").with("ArgumentName", "continuation-token")
	}
	l.after = r.query.Get("start-after")
	if token != "" {
		if l.after, err = parseToken(token); err != nil {
			return err
		}
	}
	out, err := s.list(r, &l)
	if err != nil {
		return err
	}
	x := l.result(out)
	count := len(out.objects) + len(out.prefixes)
	x.KeyCount, x.Token, x.StartAfter = &count, token, l.show(r.query.Get("start-after"))
	if out.truncated {
		x.NextToken = makeToken(out.last)
	}
	var owner *ownerXML
	if r.query.Get("fetch-owner") == "true" {
		owner = &ownerXML{ID: s.owner}
	}
	x.Contents = l.contents(out.objects, owner)
	r.writeXML(http.StatusOK, x)
	return nil
}

// Continuation tokens say where to go on. They give nothing that a marker
// would not: every page is authorised anew.
func makeToken(last string) string { return base64.RawURLEncoding.EncodeToString([]byte("1" + last)) }

func parseToken(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) == 0 || b[0] != '1' {
		return "", errInvalidArgument.saying("The continuation token provided is incorrect").with("ArgumentName", "continuation-token")
	}
	return string(b[1:]), nil
}
