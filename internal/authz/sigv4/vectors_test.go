package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const (
	vectorID     = "ASIAGATEHOUSEEXAMPLE"
	vectorSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	vectorToken  = "FwoGZXIvYXdzEGATEHOUSE+token/example=="
	vectorDate   = "20240102T030405Z"
)

var vectorTime = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// request makes a request as a server sees it. headers are "Name: value".
func request(method, target, host string, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.RequestURI = target
	path, query, _ := strings.Cut(target, "?")
	r.URL.RawPath, r.URL.RawQuery = path, query
	r.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func authorization(id, scope, signed, signature string) string {
	return "Authorization: AWS4-HMAC-SHA256 Credential=" + id + "/" + scope + "/aws4_request, SignedHeaders=" + signed + ", Signature=" + signature
}

// TestVectors are those of the project's specification, checked against
// botocore and AWS's published examples.
func TestVectors(t *testing.T) {
	date, token := "X-Amz-Date: "+vectorDate, "X-Amz-Security-Token: "+vectorToken
	ssm := `{"Name":"fa-012-authenticated"}`
	for _, c := range []struct {
		name      string
		r         *http.Request
		service   string
		body      string
		canonical string // its hash, where known
	}{
		{"A execute-api", request("GET", "/api/admin", "abc123defg.execute-api.us-east-1.amazonaws.com", "", date, token, "Accept: application/json", "Content-Type: application/json",
			authorization(vectorID, "20240102/us-east-1/execute-api", "accept;content-type;host;x-amz-date;x-amz-security-token", "49ecfca1de1568bd89212d9f2aba92a116b3f3be4554341574b36678934d75e7")),
			"execute-api", "", "ff8e0f76bc3e48b5da0f8431843e10e1c2e8034bdec8cca0657f80bb8c36909e"},
		{"B ssm", request("POST", "/", "ssm.ap-northeast-1.amazonaws.com", ssm, date, token, "Content-Type: application/x-amz-json-1.1", "X-Amz-Target: AmazonSSM.GetParameter",
			authorization(vectorID, "20240102/ap-northeast-1/ssm", "content-type;host;x-amz-date;x-amz-security-token;x-amz-target", "f24badd9831bd512c6addfecf5b1c7466d6d606bcca5d0cf129f63bf4c0bb526")),
			"ssm", ssm, "f9d80c1d3ec8d531be3fd34da7af7aeb04eddec9d5e340f1656a3e94b1fbef49"},
		{"C s3", request("GET", "/my%20dir//caf%C3%A9%2B1.txt?versionId=&x-id=GetObject", "examplebucket.s3.us-east-1.amazonaws.com", "", date, token, "X-Amz-Content-Sha256: "+emptyHash,
			authorization(vectorID, "20240102/us-east-1/s3", "host;x-amz-content-sha256;x-amz-date;x-amz-security-token", "e6c68649d5102e03f387c55f648942eddec713e474fa04caa4e3b559cdc89169")),
			"s3", "", "011d971539b068da16077f673c0892afe080faa49480eb7a339edb9d55b033e6"},
		{"D s3 presigned", request("GET", "/us-east-1%3A11111111-2222-3333-4444-555555555555/photo.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+vectorID+"%2F20240102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="+vectorDate+
			"&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=FwoGZXIvYXdzEGATEHOUSE%2Btoken%2Fexample%3D%3D&X-Amz-Signature=068c3bd308ffa75365c9f56a4e7dfd712c2563a08d7f2a99bc5f1126026558fa", "examplebucket.s3.us-east-1.amazonaws.com", ""),
			"s3", "", "9eca33d72c0156b105121025b01e3bf0f42def44ca0a98738160f8c6b2070136"},
		{"E execute-api path and query", request("GET", "/api/a%20b/./c/../d/?q=x%20y&a=2&a=1&empty", "abc123defg.execute-api.us-east-1.amazonaws.com", "", date,
			authorization(vectorID, "20240102/us-east-1/execute-api", "host;x-amz-date", "b39260798d1df55ef3f3d058d7cf376bf3cfd26782b50595601980919ab38ed2")),
			"execute-api", "", ""},
	} {
		auth, err := Parse(c.r)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		opt := Options{Service: c.service, Now: vectorTime, Body: []byte(c.body)}
		if _, err := Verify(c.r, auth, vectorSecret, opt); err != nil {
			t.Errorf("%s: %v%s", c.name, err, err.(*Error).Dump())
		}
		auth.Signature = strings.Repeat("0", 64)
		_, err = Verify(c.r, auth, vectorSecret, opt)
		e, ok := err.(*Error)
		if !ok || e.Code != SignatureMismatch {
			t.Errorf("%s with another signature: %v", c.name, err)
			continue
		}
		sum := sha256.Sum256([]byte(e.CanonicalRequest))
		if got := hex.EncodeToString(sum[:]); c.canonical != "" && got != c.canonical {
			t.Errorf("%s: canonical request %s\n%s", c.name, got, e.CanonicalRequest)
		}
	}
	key := DeriveKey(vectorSecret, "20240102", "us-east-1", "execute-api")
	if got := hex.EncodeToString(key[:]); got != "05b923e65f5707804604e508a99c382d254773ece5f25ef9a7b915ec3972afcd" {
		t.Errorf("signing key %s", got)
	}
}

// TestVectors_chunks is AWS's published example of a streamed upload, without
// and with a trailer.
func TestVectors_chunks(t *testing.T) {
	const scope = "20130524/us-east-1/s3"
	now := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	common := []string{"X-Amz-Date: 20130524T000000Z", "X-Amz-Storage-Class: REDUCED_REDUNDANCY", "Content-Encoding: aws-chunked", "X-Amz-Decoded-Content-Length: 66560"}
	chunks := func(signatures ...string) string {
		return fmt.Sprintf("10000;chunk-signature=%s\r\n%s\r\n400;chunk-signature=%s\r\n%s\r\n0;chunk-signature=%s\r\n",
			signatures[0], strings.Repeat("a", 65536), signatures[1], strings.Repeat("a", 1024), signatures[2])
	}
	plain := chunks("ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9") + "\r\n"
	t.Run("plain", func(t *testing.T) {
		r := request("PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com", plain, append(common, "X-Amz-Content-Sha256: "+StreamingSigned, "Content-Length: 66824",
			authorization("AKIAIOSFODNN7EXAMPLE", scope, "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"))...)
		if len(plain) != 66824 {
			t.Fatalf("%d bytes", len(plain))
		}
		got, err := readVerified(r, now)
		if err != nil || len(got) != 66560 {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("trailer", func(t *testing.T) {
		// The signatures of this example's chunks, computed here and compared
		// with the published ones by the digits at both ends that the
		// specification keeps.
		key := DeriveKey(vectorSecret, "20130524", "us-east-1", "s3")
		c := chunked{key: &key, stamp: "20130524T000000Z", scope: scope + "/aws4_request", previous: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"}
		var signatures []string
		for _, data := range []string{strings.Repeat("a", 65536), strings.Repeat("a", 1024), ""} {
			sum := sha256.Sum256([]byte(data))
			b := append(c.appendChain(nil, "AWS4-HMAC-SHA256-PAYLOAD"), emptyHash+"\n"...)
			var s [64]byte
			key.sign(&s, hex.AppendEncode(b, sum[:]))
			c.previous = string(s[:])
			signatures = append(signatures, c.previous)
		}
		for i, ends := range [][2]string{{"b474d886", "5aa2"}, {"1c1344b1", "e5c7"}, {"2ca2aba2", "f992"}} {
			if s := signatures[i]; !strings.HasPrefix(s, ends[0]) || !strings.HasSuffix(s, ends[1]) {
				t.Errorf("chunk %d: %s", i, s)
			}
		}
		for name, end := range map[string]string{
			"":                 "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
			"wrong signature":  "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e436\r\n\r\n",
			"missing a signer": "\r\n",
		} {
			body := chunks(signatures...) + "x-amz-checksum-crc32c:sOO8/Q==\r\n" + end
			r := request("PUT", "/examplebucket/chunkObject.txt", "s3.amazonaws.com", body, append(common, "X-Amz-Content-Sha256: "+StreamingSignedTrailer, "X-Amz-Trailer: x-amz-checksum-crc32c",
				authorization("AKIAIOSFODNN7EXAMPLE", scope, "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer", "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"))...)
			_, err := readVerified(r, now)
			if (name == "") != (err == nil) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// readVerified takes a request to S3 through all steps.
func readVerified(r *http.Request, now time.Time) ([]byte, error) {
	auth, err := Parse(r)
	if err != nil {
		return nil, err
	}
	v, err := Verify(r, auth, vectorSecret, Options{Service: "s3", Now: now})
	if err != nil {
		return nil, err
	}
	body, err := v.Body(r)
	if err != nil {
		return nil, err
	}
	var got bytes.Buffer
	_, err = io.Copy(&got, body)
	return got.Bytes(), err
}
