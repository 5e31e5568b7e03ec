package s3

import (
	"net"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Address is what a host name says about an S3 request.
type Address struct {
	// Bucket is the bucket that the host names; empty for path style, where
	// the first segment of the path names it.
	Bucket string
	// Region is the region that the host names; empty when it names none.
	Region string
	// Website is true for the website endpoint.
	Website bool
}

// ParseHost reads the S3 forms of a Host header: virtual hosted, path style,
// legacy dash style, dual-stack and website, under the base domain as well as
// under amazonaws.com. A port and letter case are ignored. ok is false when the
// host is none of S3's names; such a request may still be a path-style one.
//
// AWS: "Virtual hosting of buckets", "Website endpoints".
func ParseHost(host, baseDomain string) (a Address, ok bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, domain := range []string{strings.ToLower(baseDomain), "amazonaws.com"} {
		if rest, found := strings.CutSuffix(host, "."+domain); found && domain != "" {
			if a, ok := parseLabels(rest); ok {
				return a, true
			}
		}
	}
	return Address{}, false
}

var regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)

// parseLabels reads what stands before the domain, from the right, because a
// bucket's name may itself contain dots and labels such as "s3".
func parseLabels(rest string) (Address, bool) {
	bucket, last := cutLast(rest)
	switch {
	case last == "s3":
		return Address{Bucket: bucket}, true
	case last == "s3-website":
		return Address{Bucket: bucket, Website: true}, bucket != ""
	case strings.HasPrefix(last, "s3-website-") && regionForm.MatchString(last[len("s3-website-"):]):
		return Address{Bucket: bucket, Region: last[len("s3-website-"):], Website: true}, bucket != ""
	case strings.HasPrefix(last, "s3-") && regionForm.MatchString(last[len("s3-"):]):
		return Address{Bucket: bucket, Region: last[len("s3-"):]}, true
	case !regionForm.MatchString(last):
		return Address{}, false
	}
	region := last
	bucket, last = cutLast(bucket)
	if last == "dualstack" {
		if bucket, last = cutLast(bucket); last != "s3" {
			return Address{}, false
		}
	}
	switch last {
	case "s3":
		return Address{Bucket: bucket, Region: region}, true
	case "s3-website":
		return Address{Bucket: bucket, Region: region, Website: true}, bucket != ""
	}
	return Address{}, false
}

// cutLast splits "a.b.c" into "a.b" and "c".
func cutLast(s string) (before, last string) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// splitPath takes bucket and key from a path that was decoded once. Nothing
// else is normalised: "//", "." and ".." are ordinary parts of keys.
func splitPath(path string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key
}

const maxKey = 1024 // bytes; AWS: "Creating object key names"

// checkKey refuses keys that AWS refuses.
func checkKey(key string) *Error {
	if len(key) > maxKey {
		return errKeyTooLong.with("Size", itoa(len(key)), "MaxSizeAllowed", itoa(maxKey))
	}
	if !utf8.ValidString(key) {
		return errInvalidURI
	}
	return nil
}

var (
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	ipForm     = regexp.MustCompile(`^[0-9]+(\.[0-9]+){3}$`)
)

// validBucketName keeps the rules of AWS: "General purpose bucket naming rules".
func validBucketName(name string) bool {
	if !bucketForm.MatchString(name) || ipForm.MatchString(name) ||
		strings.Contains(name, "..") || strings.Contains(name, ".-") || strings.Contains(name, "-.") {
		return false
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, s := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	return true
}
