package s3_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/service/s3"
)

// TestOddInput: bytes that a database does not take as text, documents that are
// too long and other nonsense are refused, and are nobody's internal error.
func TestOddInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.bucket("odd-bucket", false)
		w.put("odd-bucket", "k", "x")
		svc, err := s3.New(s3.Config{DB: w.db, Blobs: w.blob, Authenticator: rootAlways{}, Access: w, Account: account, BaseDomain: "localhost", Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		nul := url.QueryEscape(base64.RawURLEncoding.EncodeToString([]byte("1\x00")))
		long := strings.Repeat(" ", 65<<10)
		for _, c := range []struct {
			method, target, body string
			status               int
		}{
			{"GET", "/?max-buckets=1&continuation-token=" + nul, "", 400},
			{"GET", "/?prefix=%00", "", 200},
			{"GET", "/%00", "", 400},
			{"GET", "/odd-bucket/%00", "", 404},
			{"PUT", "/odd-bucket/%00", "x", 200}, // a key may hold any character
			{"GET", "/odd-bucket/%00", "", 200},
			{"GET", "/odd-bucket/%ff", "", 400},
			{"GET", "/odd-bucket?list-type=2&prefix=%00&delimiter=%00", "", 200},
			{"GET", "/odd-bucket?list-type=2&prefix=%ff&start-after=%ff%ff", "", 200},
			{"GET", "/odd-bucket?list-type=2&continuation-token=" + nul, "", 200},
			{"GET", "/odd-bucket?list-type=3", "", 400},
			{"GET", "/odd-bucket?max-keys=x", "", 400},
			{"GET", "/odd-bucket?max-keys=-1", "", 400},
			{"GET", "/odd-bucket?uploads&upload-id-marker=%00&key-marker=k", "", 400},
			{"GET", "/odd-bucket?uploads&key-marker=%00%ff&prefix=%fe", "", 200},
			{"GET", "/odd-bucket/k?uploadId=%00", "", 404},
			{"GET", "/odd-bucket/k?uploadId=%ff", "", 404},
			{"DELETE", "/odd-bucket/k?uploadId=%00", "", 404},
			{"PUT", "/odd-bucket/k?uploadId=%00&partNumber=1", "x", 404},
			{"GET", "/odd-bucket/k?versionId=%00", "", 400},
			{"GET", "/odd-bucket/k?partNumber=0", "", 400},
			{"GET", "/odd-bucket/k?partNumber=2", "", 416},
			{"PUT", "/odd-bucket?cors", long, 400},
			{"PUT", "/odd-bucket?cors", "<CORSConfiguration>", 400},
			{"PUT", "/odd-bucket?tagging", "<Tagging><TagSet><Tag><Key>&#0;</Key></Tag></TagSet></Tagging>", 400},
			{"PUT", "/odd-bucket?policy", "\x00", 400},
			{"PUT", "/odd-bucket?policy", `{"Statement":"` + long + `"}`, 400},
			{"PATCH", "/odd-bucket", "", 405},
			{"POST", "/odd-bucket", "", 501},
			{"POST", "/", "", 405},
			{"GET", "/odd-bucket?a=%zz", "", 400},
		} {
			u, err := url.ParseRequestURI(c.target)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: c.method, URL: u, Host: "localhost", Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body)), ContentLength: int64(len(c.body))}
			rec := httptest.NewRecorder()
			svc.ServeHTTP(rec, r.WithContext(t.Context()))
			if rec.Code != c.status {
				t.Errorf("%s %s: %d, want %d: %s", c.method, c.target, rec.Code, c.status, rec.Body)
			}
		}
	})
}
