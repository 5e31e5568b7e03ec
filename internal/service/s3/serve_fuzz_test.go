package s3_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/service/s3"
	"gatehouse/internal/service/s3/blob"
	"gatehouse/internal/store/storetest"
)

// rootAlways lets every request in, so that the fuzzer gets past the door.
type rootAlways struct{}

func (rootAlways) Authenticate(r *http.Request) (*access.Caller, io.Reader, error) {
	return callerOf("root"), r.Body, nil
}

// FuzzServe: no request makes the service fail, whoever sends it.
func FuzzServe(f *testing.F) {
	w := newWorld(f, storetest.Open(f))
	blobs, err := blob.OpenFiles(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	svc, err := s3.New(s3.Config{DB: w.db, Blobs: blobs, Authenticator: rootAlways{}, Access: w, Account: account, BaseDomain: "localhost", Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range [][4]string{
		{"PUT", "/fuzzed", "", ""}, {"PUT", "/fuzzed/k", "x-amz-acl: private", "body"}, {"GET", "/fuzzed/k?partNumber=1", "Range: bytes=0-", ""},
		{"GET", "/fuzzed?list-type=2&max-keys=1&delimiter=%2F&prefix=a&start-after=b", "Origin: x", ""}, {"GET", "/fuzzed?versions&key-marker=k", "", ""},
		{"POST", "/fuzzed?delete", "x-amz-checksum-crc32: AAAAAA==", "<Delete><Object><Key>k</Key></Object></Delete>"},
		{"POST", "/fuzzed/m?uploads", "x-amz-checksum-algorithm: SHA1", ""}, {"PUT", "/fuzzed/m?uploadId=x&partNumber=1", "", "x"}, {"GET", "/fuzzed?uploads&max-uploads=1&upload-id-marker=x&key-marker=y", "", ""},
		{"PUT", "/fuzzed?cors", "", "<CORSConfiguration/>"}, {"PUT", "/fuzzed?policy", "", `{"Statement":[]}`}, {"PUT", "/fuzzed?acl", "x-amz-grant-read: uri=x", ""},
		{"PUT", "/fuzzed/c", "x-amz-copy-source: fuzzed/k?versionId=null", ""}, {"OPTIONS", "/fuzzed", "Access-Control-Request-Method: GET", ""}, {"PUT", "/fuzzed/k?tagging", "", "<Tagging><TagSet/></Tagging>"},
		{"PUT", "/fuzzed/k", "x-amz-tagging: a=%zz&b", ""}, {"PUT", "/fuzzed/k", "x-amz-decoded-content-length: 9999999999999999999", "b"}, {"HEAD", "/%00/%ff", "If-None-Match: *", ""}, {"DELETE", "/fuzzed/k", "If-Match: x", ""},
		{"GET", "//a/../b?X-Amz-Signature=1&x-amz-acl=public-read", "", ""}, {"GET", "/?max-buckets=0", "", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, method, target, header, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" {
			return
		}
		name, value, _ := strings.Cut(header, ": ")
		r := &http.Request{Method: method, URL: u, Host: "localhost", RequestURI: target, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
		r.Header.Set(name, value)
		for _, handler := range []http.Handler{svc, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { svc.ServeWebsite(w, r, "fuzzed") })} {
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r.WithContext(t.Context()))
			if rec.Code >= 500 && rec.Code != http.StatusNotImplemented {
				t.Fatalf("%d: %s", rec.Code, rec.Body)
			}
		}
	})
}
