package sigv4

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var vectorCredentials = Credentials{vectorID, vectorSecret, vectorToken}

// outgoing makes a request as a client is about to send it.
func outgoing(t *testing.T, method, address string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// TestSign_vectors signs the requests of the specification's vectors.
func TestSign_vectors(t *testing.T) {
	for _, c := range []struct {
		name, region, service, payload, want string
		r                                    *http.Request
	}{
		{"A", "us-east-1", "execute-api", emptyHash, "49ecfca1de1568bd89212d9f2aba92a116b3f3be4554341574b36678934d75e7",
			outgoing(t, "GET", "https://abc123defg.execute-api.us-east-1.amazonaws.com/api/admin", "Accept", "application/json", "Content-Type", "application/json")},
		{"B", "ap-northeast-1", "ssm", "a15300a8a291bf158eb633ca658b2079ccbf1309b5a522621f8f3f33527b5896", "f24badd9831bd512c6addfecf5b1c7466d6d606bcca5d0cf129f63bf4c0bb526",
			outgoing(t, "POST", "https://ssm.ap-northeast-1.amazonaws.com/", "Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "AmazonSSM.GetParameter")},
		{"C", "us-east-1", "s3", emptyHash, "e6c68649d5102e03f387c55f648942eddec713e474fa04caa4e3b559cdc89169",
			outgoing(t, "GET", "https://examplebucket.s3.us-east-1.amazonaws.com/my%20dir//caf%C3%A9%2B1.txt?versionId=&x-id=GetObject", "User-Agent", "not signed", "Expect", "100-continue")},
	} {
		Sign(c.r, vectorCredentials, c.region, c.service, c.payload, vectorTime, nil)
		if got := c.r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.want) {
			t.Errorf("%s: %s, want signature %s", c.name, got, c.want)
		}
	}
}

// TestSign_sdk compares with AWS's own signer, which also signs
// content-length; so there is none.
func TestSign_sdk(t *testing.T) {
	for _, address := range []string{
		"http://127.0.0.1:9000/b/k",
		"http://minio.internal:9000/bucket/" + EscapePath("a/../b//c/%2F/ +&=?#é~'()*!") + "?" + EscapeQuery(map[string][]string{"prefix": {"a b+c&d=é/"}, "uploads": {""}, "x": {"2", "1"}}),
	} {
		for _, token := range []string{"", vectorToken} {
			headers := []string{"X-Amz-Meta-Name", "two  blanks", "Content-Type", "text/plain", "X-Amz-Content-Sha256", UnsignedPayload}
			ours, theirs := outgoing(t, "PUT", address, headers...), outgoing(t, "PUT", address, headers...)
			Sign(ours, Credentials{vectorID, vectorSecret, token}, "eu-west-1", "s3", UnsignedPayload, vectorTime, NewKeyCache(4))
			signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
			err := signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: vectorID, SecretAccessKey: vectorSecret, SessionToken: token}, theirs, UnsignedPayload, "s3", "eu-west-1", vectorTime)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := ours.Header.Get("Authorization"), theirs.Header.Get("Authorization"); a != b {
				t.Errorf("%s:\nours   %s\ntheirs %s", address, a, b)
			}
			ours.RequestURI = ours.URL.RequestURI() // as it arrives
			auth, err := Parse(ours)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(ours, auth, vectorSecret, Options{Service: "s3", Now: vectorTime.Add(time.Minute)}); err != nil {
				t.Errorf("%s: not verified: %v", address, err)
			}
		}
	}
}

// TestEscapePath: every byte comes back, and the path is its own canonical form.
func TestEscapePath(t *testing.T) {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	for _, key := range []string{string(all), "a%2Fb", "%", "%zz", "../..//.", "+ "} {
		escaped := EscapePath(key)
		back, err := url.PathUnescape(escaped)
		if err != nil || back != key {
			t.Errorf("%q became %q and came back as %q, %v", key, escaped, back, err)
		}
		if canonical := string(appendPathS3(nil, escaped)); canonical != escaped {
			t.Errorf("%q: canonical %q", escaped, canonical)
		}
		if (&url.URL{Path: key, RawPath: escaped}).EscapedPath() != escaped {
			t.Errorf("%q is not what net/http would send", escaped)
		}
	}
}
