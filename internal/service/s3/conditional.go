package s3

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// etagMatches says whether an If-Match or If-None-Match header names the ETag.
// etag is bare, without quotes. Weak tags count as their strong form, as S3
// makes no weak ones.
func etagMatches(header, etag string) bool {
	for item := range strings.SplitSeq(header, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == "*" || strings.Trim(item, `"`) == etag {
			return true
		}
	}
	return false
}

// conditions are the four headers of RFC 9110 §13.1, under their plain names
// or under those of CopyObject's source.
type conditions struct {
	ifMatch, ifNoneMatch               string
	ifModifiedSince, ifUnmodifiedSince string
}

func requestConditions(h http.Header, prefix string) conditions {
	return conditions{
		ifMatch:           h.Get(prefix + "If-Match"),
		ifNoneMatch:       h.Get(prefix + "If-None-Match"),
		ifModifiedSince:   h.Get(prefix + "If-Modified-Since"),
		ifUnmodifiedSince: h.Get(prefix + "If-Unmodified-Since"),
	}
}

// check answers nil, errNotModified or errPrecondition. An If-Match that holds
// overrules If-Unmodified-Since, an If-None-Match overrules If-Modified-Since
// (RFC 9110 §13.2.2; AWS: GetObject, "Additional considerations").
func (c conditions) check(etag string, modified time.Time) *Error {
	// Header dates have whole seconds.
	modified = modified.Truncate(time.Second)
	if c.ifMatch != "" {
		if !etagMatches(c.ifMatch, etag) {
			return errPrecondition.with("Condition", "If-Match")
		}
	} else if t, err := http.ParseTime(c.ifUnmodifiedSince); err == nil && modified.After(t) {
		return errPrecondition.with("Condition", "If-Unmodified-Since")
	}
	if c.ifNoneMatch != "" {
		if etagMatches(c.ifNoneMatch, etag) {
			return errNotModified
		}
	} else if t, err := http.ParseTime(c.ifModifiedSince); err == nil && !modified.After(t) {
		return errNotModified
	}
	return nil
}

// writeConditions are the conditions under which a write takes place (AWS: "How
// to prevent object overwrites with conditional writes").
type writeConditions struct {
	ifMatch     string // bare ETag or "*"
	ifNoneMatch bool   // only when there is no object
}

func requestWriteConditions(h http.Header) (w writeConditions, err error) {
	if v := h.Get("If-None-Match"); v != "" {
		if v != "*" {
			return w, errNotImplemented.with("Header", "If-None-Match")
		}
		w.ifNoneMatch = true
	}
	w.ifMatch = h.Get("If-Match")
	return w, nil
}

// check is called in the transaction that writes. etag is that of the object
// there, or empty when there is none.
func (w writeConditions) check(etag string) *Error {
	if w.ifNoneMatch && etag != "" {
		return errPrecondition.with("Condition", "If-None-Match")
	}
	if w.ifMatch != "" {
		if etag == "" {
			return errNoSuchKey
		}
		if !etagMatches(w.ifMatch, etag) {
			return errPrecondition.with("Condition", "If-Match")
		}
	}
	return nil
}

// byteRange is a part of an object.
type byteRange struct{ start, length int64 }

// parseRange reads a Range header for an object of the given size. ok is false
// when the header asks for nothing that S3 honours (another unit, several
// ranges, nonsense): the whole object is the answer then (RFC 9110 §14.2). err
// is errInvalidRange when the range lies outside the object.
func parseRange(header string, size int64) (r byteRange, ok bool, err *Error) {
	spec, found := strings.CutPrefix(header, "bytes=")
	if !found || strings.Contains(spec, ",") {
		return r, false, nil
	}
	from, to, found := strings.Cut(strings.TrimSpace(spec), "-")
	if !found {
		return r, false, nil
	}
	unsatisfiable := errInvalidRange.with("RangeRequested", header, "ActualObjectSize", strconv.FormatInt(size, 10))
	if from == "" {
		n, ok := parseOffset(to)
		if !ok {
			return r, false, nil
		}
		n = min(n, size)
		if n == 0 {
			return r, false, unsatisfiable
		}
		return byteRange{size - n, n}, true, nil
	}
	start, ok := parseOffset(from)
	if !ok {
		return r, false, nil
	}
	end := size - 1
	if to != "" {
		e, ok := parseOffset(to)
		if !ok || e < start {
			return r, false, nil
		}
		end = min(end, e)
	}
	if start >= size {
		return r, false, unsatisfiable
	}
	return byteRange{start, end - start + 1}, true, nil
}

// parseOffset takes digits only; strconv alone would admit signs. Offsets
// beyond 63 bits mean "the end".
func parseOffset(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}
