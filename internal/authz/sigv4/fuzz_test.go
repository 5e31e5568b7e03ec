package sigv4

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"/", "//a/../b", "/a%20b/./c/../d/", "/%2F%2e%2E/!'()*:@", "/a%", "/../../..//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		p = "/" + p
		once := string(appendPathS3(nil, p))
		if twice := string(appendPathS3(nil, once)); once != twice {
			t.Errorf("S3 form of %q is %q, of that %q", p, once, twice)
		}
		if strings.Count(once, "/") != strings.Count(p, "/") {
			t.Errorf("S3 form of %q is %q: other segments", p, once)
		}
		// The other form is path.Clean's, a trailing slash kept, then encoded.
		want := path.Clean(p)
		if strings.HasSuffix(p, "/") && want != "/" {
			want += "/"
		}
		var encoded []byte
		for i := range len(want) {
			if want[i] == '/' {
				encoded = append(encoded, '/')
			} else {
				encoded = appendEncoded(encoded, want[i])
			}
		}
		if got := appendPath(nil, p); string(got) != string(encoded) {
			t.Errorf("form of %q is %q, want %q", p, got, encoded)
		}
	})
}

func FuzzAuthorizationHeader(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/ssm/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc", vectorDate, "/a?b=c")
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=", "Tue, 02 Jan 2024 03:04:05 GMT", "//x")
	f.Add("Bearer a.b.c", "", "/")
	f.Fuzz(func(t *testing.T, header, date, target string) {
		r := request("GET", "/"+target, "h", "", "Authorization: "+header, "X-Amz-Date: "+date)
		a, err := Parse(r)
		if err != nil {
			if code(err) <= 0 {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		for _, service := range []string{"s3", "ssm"} {
			if _, err := Verify(r, a, "secret", Options{Service: service, Now: vectorTime}); err == nil {
				t.Fatalf("%q verifies", header)
			}
		}
	})
}

func FuzzPresignedQuery(f *testing.F) {
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20240102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="+vectorDate+"&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=abc", "k")
	f.Add("a=b&&c=%zz;d", "")
	f.Fuzz(func(t *testing.T, query, key string) {
		canonical := string(appendQuery(nil, parseQuery(query), false))
		if again := string(appendQuery(nil, parseQuery(canonical), false)); again != canonical {
			t.Fatalf("canonical form of %q is %q, of that %q", query, canonical, again)
		}
		r := request("GET", "/"+strings.ReplaceAll(key, "?", "")+"?"+query, "h", "")
		a, err := Parse(r)
		if err != nil {
			if code(err) <= 0 {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		opt := Options{Service: a.Service, Now: a.Time, Regions: func(string) bool { return true }}
		_, err = Verify(r, a, "secret", opt)
		if err == nil {
			t.Fatalf("%q verifies", query)
		}
		// What was computed here, taken as the signature, verifies.
		if e := err.(*Error); e.Code == SignatureMismatch {
			var signature [64]byte
			signing := DeriveKey("secret", a.Date, a.Region, a.Service)
			signing.sign(&signature, []byte(e.StringToSign))
			a.Signature = string(signature[:])
			if _, err := Verify(r, a, "secret", opt); err != nil {
				t.Fatalf("%q signed: %v", query, err)
			}
		}
	})
}

func FuzzChunkedBody(f *testing.F) {
	f.Add([]byte(chunkBody(true, nil, "hello")), uint8(0), int64(5), "")
	f.Add([]byte(chunkBody(true, []string{"x-a:b"}, "hello")), uint8(1), int64(5), "x-a")
	f.Add([]byte(chunkBody(false, []string{"x-amz-checksum-crc32:NhCmhg=="}, "hello")), uint8(2), int64(5), "x-amz-checksum-crc32")
	f.Fuzz(func(t *testing.T, body []byte, form uint8, length int64, announced string) {
		marker := []string{StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer}[form%3]
		_, got, err := readChunks(marker, string(body), fmt.Sprint(length), announced)
		if int64(len(got)) > max(length, 0) {
			t.Fatalf("%d bytes of %d", len(got), length)
		}
		if err != nil {
			if code(err) <= 0 {
				t.Fatalf("error of type %T: %v", err, err)
			}
		} else if int64(len(got)) != length {
			t.Fatalf("%d bytes of %d without an error", len(got), length)
		}
		// What is cut into chunks and signed comes back whole.
		for _, signed := range []bool{true, false} {
			marker := map[bool]string{true: StreamingSigned, false: StreamingUnsignedTrailer}[signed]
			var trailers []string
			if !signed {
				trailers = []string{}
			}
			_, got, err := readChunks(marker, chunkBody(signed, trailers, nonEmpty(string(body))...), fmt.Sprint(len(body)))
			if err != nil || string(got) != string(body) {
				t.Fatalf("round trip: %v", err)
			}
		}
	})
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
