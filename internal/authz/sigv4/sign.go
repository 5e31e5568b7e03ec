package sigv4

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials are those of this server at another one.
type Credentials struct {
	AccessKeyID  string
	Secret       string
	SessionToken string // empty for long-term keys
}

// Sign signs a request that is about to be sent, as Verify would check it:
// host and all headers that are there but for those of the connection. It sets
// X-Amz-Date, X-Amz-Security-Token and Authorization. payload is the last line of
// the canonical request: the body's SHA-256 in hexadecimal or a marker; for S3
// it becomes X-Amz-Content-Sha256 as well. A nil cache derives the key anew.
func Sign(r *http.Request, c Credentials, region, service, payload string, now time.Time, keys *KeyCache) {
	stamp := now.UTC().Format(basicFormat)
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Del("Authorization")
	if service == serviceS3 {
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	if c.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", c.SessionToken)
	}
	_, query := received(r)
	auth := &Auth{AccessKeyID: c.AccessKeyID, Date: stamp[:8], Region: region, Service: service, Terminator: terminator,
		SignedHeaders: []string{"host"}, stamp: stamp, query: parseQuery(query)}
	for name := range r.Header {
		switch name = strings.ToLower(name); name {
		case "expect", "connection", "user-agent", "transfer-encoding":
		default:
			auth.SignedHeaders = append(auth.SignedHeaders, name)
		}
	}
	slices.Sort(auth.SignedHeaders)
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	canonical := appendCanonicalRequest(nil, r, auth, &Options{Service: service, Host: host}, []byte(payload))
	key := keys.Key(c.AccessKeyID, c.Secret, auth.Date, region, service)
	var signature [64]byte
	key.sign(&signature, appendStringToSign(nil, auth, canonical))
	r.Header.Set("Authorization", algorithm+" Credential="+c.AccessKeyID+"/"+auth.Scope()+", SignedHeaders="+strings.Join(auth.SignedHeaders, ";")+", Signature="+string(signature[:]))
}

// EscapePath encodes a path as S3's signatures have it: every byte but the
// unreserved ones and the slash. Nothing is normalised.
func EscapePath(path string) string {
	return string(appendPathS3(nil, strings.ReplaceAll(path, "%", "%25")))
}

// EscapeQuery encodes parameters, sorted, with %20 for a blank, which no server
// reads in two ways.
func EscapeQuery(query map[string][]string) string {
	var pairs []pair
	for name, values := range query {
		for _, v := range values {
			pairs = append(pairs, pair{name, v})
		}
	}
	return string(appendQuery(nil, pairs, false))
}
