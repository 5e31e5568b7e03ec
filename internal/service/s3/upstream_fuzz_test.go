package s3_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/service/s3"
	"gatehouse/internal/store/storetest"
)

// says is an upstream that answers one thing.
type says struct {
	status int
	body   string
}

func (s *says) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: s.status, Header: http.Header{"Set-Cookie": {"theirs"}, "X-Amz-Meta-A": {"b"}}, ContentLength: int64(len(s.body)), Body: io.NopCloser(strings.NewReader(s.body))}, nil
}

// FuzzUpstream: whatever an upstream answers, the service answers something of
// its own, never a denial of the caller, and shows no key outside the prefix.
func FuzzUpstream(f *testing.F) {
	w := newWorld(f, storetest.Open(f))
	there := &says{}
	svc, err := s3.New(s3.Config{DB: w.db, Blobs: w.blob, Authenticator: rootAlways{}, Access: w, Account: account, BaseDomain: "localhost", Now: time.Now,
		Upstreams: map[string]*s3.Upstream{"photos": {Bucket: "there", Store: "x", AnyKey: true, Tripper: there}}})
	if err != nil {
		f.Fatal(err)
	}
	if err := svc.Adopt(ctx); err != nil {
		f.Fatal(err)
	}
	requests := []struct{ method, target, header, body string }{
		{"GET", "/photos?list-type=2&prefix=pre/", "", ""}, {"GET", "/photos?prefix=pre/&delimiter=/", "", ""}, {"GET", "/photos?versions&prefix=pre/", "", ""},
		{"GET", "/photos?uploads&prefix=pre/", "", ""}, {"GET", "/photos/k?uploadId=u", "", ""}, {"GET", "/photos/k", "", ""}, {"HEAD", "/photos/k", "", ""}, {"DELETE", "/photos/k", "", ""},
		{"PUT", "/photos/k", "", "body"}, {"PUT", "/photos/k", "x-amz-copy-source: photos/s", ""}, {"POST", "/photos/k?uploads", "", ""}, {"PUT", "/photos/k?uploadId=u&partNumber=1", "", "x"},
		{"POST", "/photos/k?uploadId=u", "", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>"},
		{"POST", "/photos?delete", "Content-MD5: " + md5Base64("<Delete><Object><Key>k</Key></Object></Delete>"), "<Delete><Object><Key>k</Key></Object></Delete>"},
		{"GET", "/photos/k?tagging", "", ""}, {"GET", "/photos?versioning", "", ""},
	}
	for i, body := range []string{
		"<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>pre%2Fa</Key><Size>1</Size></Contents><IsTruncated>true</IsTruncated></ListBucketResult>",
		"<ListBucketResult><CommonPrefixes><Prefix>pre/b/</Prefix></CommonPrefixes><NextMarker>x</NextMarker></ListBucketResult>",
		"<ListVersionsResult><Version><Key>pre/a</Key><VersionId>1</VersionId></Version><DeleteMarker><Key>pre/b</Key></DeleteMarker></ListVersionsResult>",
		"<ListMultipartUploadsResult><Upload><Key>pre/a</Key></Upload></ListMultipartUploadsResult>", "<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>",
		"bytes", "", "", "", "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>", "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>", "",
		"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>", "<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>",
		"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
	} {
		f.Add(uint8(i), uint16(200), body)
		f.Add(uint8(i), uint16(403), "<Error><Code>AccessDenied</Code></Error>")
		f.Add(uint8(i), uint16(404), "<Error><Code>NoSuchKey</Code></Error>")
	}
	f.Fuzz(func(t *testing.T, n uint8, status uint16, body string) {
		if status < 200 || status > 599 {
			return
		}
		q := requests[int(n)%len(requests)]
		there.status, there.body = int(status), body
		r := httptest.NewRequestWithContext(t.Context(), q.method, q.target, strings.NewReader(q.body))
		if name, value, ok := strings.Cut(q.header, ": "); ok {
			r.Header.Set(name, value)
		}
		rec := httptest.NewRecorder()
		svc.ServeHTTP(rec, r)
		if rec.Code == http.StatusForbidden && !strings.Contains(rec.Body.String(), "InvalidObjectState") {
			t.Errorf("%s %s: a denial: %s", q.method, q.target, rec.Body)
		}
		if rec.Header().Get("Set-Cookie") != "" {
			t.Error("a header of the upstream passed")
		}
		if out := rec.Body.String(); strings.Contains(q.target, "prefix=pre/") && rec.Code == 200 && strings.Count(out, "<Key>") != strings.Count(out, "<Key>pre/") {
			t.Errorf("a key outside the prefix: %s", out)
		}
	})
}
