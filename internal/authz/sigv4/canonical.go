package sigv4

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// unreserved reports the bytes that are never encoded: A-Z a-z 0-9 - _ . ~
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

func appendEncoded(b []byte, c byte) []byte {
	if unreserved(c) {
		return append(b, c)
	}
	return append(b, '%', hexDigits[c>>4], hexDigits[c&15])
}

// percent reads the two digits behind a "%". What is not an escape stands for
// itself.
func percent(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	hi, ok1 := unhex(s[1])
	lo, ok2 := unhex(s[2])
	return hi<<4 | lo, ok1 && ok2
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// appendPathS3 writes the canonical path of S3: each segment of the received
// path decoded once and encoded once, nothing normalised. Clients differ on
// which of !'()*:@ they escape on the wire, and agree on what they sign.
func appendPathS3(b []byte, path string) []byte {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '/' {
			b = append(b, c)
			continue
		}
		if c == '%' {
			if d, ok := percent(path[i:]); ok {
				c = d
				i += 2
			}
		}
		b = appendEncoded(b, c)
	}
	return b
}

// appendPath writes the canonical path of every other service: the received
// path with empty, "." and ".." segments resolved, and then each segment
// encoded again, so that %20 becomes %2520. A slash ends it only when one ended
// the received path: RFC 3986, section 5.2.4, would also end "/a/." with one,
// but AWS's signers do not.
func appendPath(b []byte, path string) []byte {
	start := len(b)
	directory := strings.HasSuffix(path, "/")
	for path != "" {
		var segment string
		segment, path, _ = strings.Cut(path, "/")
		switch segment {
		case "", ".":
			continue
		case "..":
			// Encoded segments hold no slash, so the last one begins a segment.
			if i := bytes.LastIndexByte(b[start:], '/'); i >= 0 {
				b = b[:start+i]
			}
			continue
		}
		b = append(b, '/')
		for i := range len(segment) {
			b = appendEncoded(b, segment[i])
		}
	}
	if directory || len(b) == start {
		b = append(b, '/')
	}
	return b
}

// pair is one decoded parameter of a query.
type pair struct{ name, value string }

// parseQuery decodes a query: "+" is a space, "?acl" has an empty value, and
// only "&" separates. Empty parts are dropped.
func parseQuery(raw string) []pair {
	if raw == "" {
		return nil
	}
	pairs := make([]pair, 0, strings.Count(raw, "&")+1)
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{decode(name), decode(value)})
	}
	return pairs
}

func decode(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if d, ok := percent(s[i:]); ok {
				c = d
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

func encode(s string) string {
	for i := range len(s) {
		if !unreserved(s[i]) {
			b := make([]byte, 0, len(s)+16)
			for i := range len(s) {
				b = appendEncoded(b, s[i])
			}
			return string(b)
		}
	}
	return s
}

// appendQuery writes the canonical query: every name and value encoded, sorted
// by name and then by value as encoded, without the signature itself.
func appendQuery(b []byte, query []pair, presigned bool) []byte {
	if len(query) == 0 {
		return b
	}
	pairs := make([]pair, 0, len(query))
	for _, p := range query {
		if presigned && p.name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{encode(p.name), encode(p.value)})
	}
	slices.SortFunc(pairs, func(p, q pair) int {
		if c := strings.Compare(p.name, q.name); c != 0 {
			return c
		}
		return strings.Compare(p.value, q.value)
	})
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b
}

// appendHeaders writes the canonical headers, a line for each signed name.
func appendHeaders(b []byte, r *http.Request, host string, names []string) []byte {
	for _, name := range names {
		b = append(b, name...)
		b = append(b, ':')
		switch values := r.Header[headerKey(name)]; {
		case name == "host" || name == ":authority":
			b = appendFolded(b, host)
		case len(values) > 0:
			for i, value := range values {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendFolded(b, value)
			}
		// net/http moves these out of the header.
		case name == "content-length" && r.ContentLength >= 0:
			b = strconv.AppendInt(b, r.ContentLength, 10)
		case name == "transfer-encoding":
			b = append(b, strings.Join(r.TransferEncoding, ",")...)
		}
		b = append(b, '\n')
	}
	return b
}

// commonKeys spares the names that nearly every request signs their conversion
// to net/http's form, which allocates for those that net/http does not know.
var commonKeys = map[string]string{
	"content-type": "Content-Type", "x-amz-date": "X-Amz-Date", "x-amz-target": "X-Amz-Target",
	"x-amz-security-token": "X-Amz-Security-Token", "x-amz-content-sha256": "X-Amz-Content-Sha256",
	"x-amz-user-agent": "X-Amz-User-Agent", "amz-sdk-request": "Amz-Sdk-Request", "amz-sdk-invocation-id": "Amz-Sdk-Invocation-Id",
}

func headerKey(name string) string {
	if key, ok := commonKeys[name]; ok {
		return key
	}
	return http.CanonicalHeaderKey(name)
}

// appendFolded trims a value and makes each run of spaces one space.
func appendFolded(b []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	if !strings.Contains(value, "  ") {
		return append(b, value...)
	}
	for i := range len(value) {
		if value[i] == ' ' && value[i-1] == ' ' { // value[0] is no space
			continue
		}
		b = append(b, value[i])
	}
	return b
}
