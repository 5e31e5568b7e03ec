package s3

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/store"
)

func TestParseHost(t *testing.T) {
	for host, want := range map[string]Address{
		"s3.localhost":                         {},
		"s3.us-east-1.localhost":               {Region: "us-east-1"},
		"s3-us-west-2.localhost:4566":          {Region: "us-west-2"},
		"b.s3.localhost":                       {Bucket: "b"},
		"my.dotted.bucket.s3.localhost":        {Bucket: "my.dotted.bucket"},
		"b.s3.eu-west-1.localhost":             {Bucket: "b", Region: "eu-west-1"},
		"B.S3.EU-West-1.LOCALHOST.":            {Bucket: "b", Region: "eu-west-1"},
		"b.s3-eu-west-1.localhost":             {Bucket: "b", Region: "eu-west-1"},
		"s3.dualstack.us-east-1.amazonaws.com": {Region: "us-east-1"},
		"b.s3.dualstack.us-east-1.localhost":   {Bucket: "b", Region: "us-east-1"},
		"b.s3.us-gov-west-1.amazonaws.com":     {Bucket: "b", Region: "us-gov-west-1"},
		"s3.amazonaws.com":                     {},
		"b.s3-website.localhost":               {Bucket: "b", Website: true},
		"b.s3-website.us-east-1.localhost":     {Bucket: "b", Region: "us-east-1", Website: true},
		"b.s3-website-us-east-1.amazonaws.com": {Bucket: "b", Region: "us-east-1", Website: true},
		"s3.s3.localhost":                      {Bucket: "s3"},
		"x.s3.y.s3.us-east-1.localhost":        {Bucket: "x.s3.y", Region: "us-east-1"},
	} {
		if got, ok := ParseHost(host, "localhost"); !ok || got != want {
			t.Errorf("%s: %+v %v, want %+v", host, got, ok, want)
		}
	}
	for _, host := range []string{
		"", "localhost", "localhost:4566", "127.0.0.1:4566", "[::1]:80", "example.com", "b.localhost", "ssm.us-east-1.amazonaws.com",
		"s3-website.us-east-1.localhost", "s3-website-us-east-1.localhost", "abc.execute-api.us-east-1.localhost", "x.auth.us-east-1.localhost",
		"s3.us-east-1.localhost.evil.com", "s3localhost", "b.s3.dualstack.localhost", "us-east-1.localhost", "dualstack.us-east-1.localhost",
	} {
		if got, ok := ParseHost(host, "localhost"); ok {
			t.Errorf("%s: %+v, want none", host, got)
		}
	}
}

// TestCombine: checksums of parts combine to that of the whole.
func TestCombine(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	sum := func(a algorithm, b []byte) []byte {
		h := sigv4.NewChecksum(string(a))
		h.Write(b)
		return h.Sum(nil)
	}
	for _, a := range []algorithm{algCRC32, algCRC32C, algCRC64NVME} {
		for range 200 {
			x, y := make([]byte, rnd.IntN(5000)), make([]byte, rnd.IntN(5000))
			for i := range x {
				x[i] = byte(rnd.Uint32())
			}
			for i := range y {
				y[i] = byte(rnd.Uint32())
			}
			if got, want := a.combine(sum(a, x), sum(a, y), int64(len(y))), sum(a, append(bytes.Clone(x), y...)); !bytes.Equal(got, want) {
				t.Fatalf("%s of %d+%d bytes: %x, want %x", a, len(x), len(y), got, want)
			}
		}
	}
}

// TestOperationsTable: each row can be reached, and states what it needs.
func TestOperationsTable(t *testing.T) {
	asksItself := map[string]bool{"DeleteObjects": true, "PutObjectTagging": true}
	for i := range operations {
		op := &operations[i]
		q, h := url.Values{}, http.Header{}
		if op.query != "" {
			q.Set(op.query, "")
		}
		if op.header != "" {
			h.Set(op.header, "x")
		}
		got, err := findOperation(op.method, op.on, q, h)
		if err != nil || got != op {
			t.Errorf("%s: found %v, %v", op.name, got, err)
		}
		if len(op.needs) == 0 && !asksItself[op.name] {
			t.Errorf("%s needs no permission", op.name)
		}
		for _, p := range op.needs[:min(1, len(op.needs))] {
			if p.when != nil {
				t.Errorf("%s: its first permission is conditional", op.name)
			}
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=9-3", "bytes=99999999999999999999-", "bytes=-", "x", "bytes=0-0,1-1", "bytes=+1-2"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, ok, err := parseRange(header, size)
		if ok && (err != nil || r.start < 0 || r.length <= 0 || r.start > size-r.length) {
			t.Errorf("%q of %d: %+v %v", header, size, r, err)
		}
	})
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"b.s3.us-east-1.localhost:80", "s3.localhost", "a.b.s3-website-eu-west-1.amazonaws.com", "..s3.localhost", "[::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		a, ok := ParseHost(host, "localhost")
		if !ok && a != (Address{}) {
			t.Errorf("%q: %+v without ok", host, a)
		}
		if a.Website && a.Bucket == "" {
			t.Errorf("%q: a website of no bucket", host)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/b/k", "//", "/b", "/b//k", "/../..", "b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		bucket, key := splitPath(path)
		if strings.Contains(bucket, "/") {
			t.Errorf("%q: bucket %q", path, bucket)
		}
		if key != "" && "/"+bucket+"/"+key != "/"+strings.TrimPrefix(path, "/") {
			t.Errorf("%q: %q %q", path, bucket, key)
		}
		if checkKey(key) == nil && (len(key) > maxKey || !utf8.ValidString(key)) {
			t.Errorf("%q admitted", key)
		}
		if validBucketName(bucket) && strings.ContainsAny(bucket, "/_ ABC") {
			t.Errorf("bucket %q admitted", bucket)
		}
	})
}

// FuzzXML: no document upsets its reader, and what was accepted can be kept and
// read again.
func FuzzXML(f *testing.F) {
	for _, s := range []string{
		`<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>`,
		`<WebsiteConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>`,
		`<Delete><Object><Key>k</Key></Object></Delete>`,
		`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part></CompleteMultipartUpload>`,
		`<AccessControlPolicy><Owner><ID>o</ID></Owner><AccessControlList><Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`,
		`<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`,
		`<LifecycleConfiguration><Rule><Status>Enabled</Status><Prefix/><Expiration><Date>2026-01-01T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>`,
		`<!DOCTYPE x [<!ENTITY a "b">]><Delete>&a;</Delete>`, `<Delete/><Delete/>`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var cors corsConfiguration
		if parseXML(b, &cors) == nil && cors.validate() == nil {
			text, err := toXML(cors)
			if err != nil {
				t.Fatal(err)
			}
			var again corsConfiguration
			if err := parseXML([]byte(text), &again); err != nil {
				t.Errorf("%q: kept as %q: %v", b, text, err)
			}
			cors.match("http://x", "GET", []string{"a"})
		}
		var site websiteConfiguration
		if parseXML(b, &site) == nil && site.validate() == nil {
			if _, err := toXML(site); err != nil {
				t.Fatal(err)
			}
			site.rule("k", 404)
		}
		var p accessControlPolicy
		if parseXML(b, &p) == nil {
			if list, err := parseACL(&p, "o"); err == nil {
				list.xml("o")
				list.public()
			}
		}
		var l lifecycleConfiguration
		if parseXML(b, &l) == nil && l.validate() == nil {
			if _, err := toXML(l); err != nil {
				t.Fatal(err)
			}
			l.expires(&store.VersionSummary{}, nil, 0, true, time.Now())
		}
		var c completeRequest
		_ = parseXML(b, &c)
		var d deleteRequest
		_ = parseXML(b, &d)
		var g tagging
		if parseXML(b, &g) == nil && g.TagSet != nil {
			_ = g.TagSet.validate(maxObjectTags)
		}
		var v versioningConfiguration
		_ = parseXML(b, &v)
		var e encryptionConfiguration
		_ = parseXML(b, &e)
	})
}

func FuzzCORS(f *testing.F) {
	f.Add("https://*.example.com", "https://a.example.com", "x-amz-*", "x-amz-date, b")
	f.Add("*", "", "*", ",,")
	f.Fuzz(func(t *testing.T, pattern, origin, header, asked string) {
		c := &corsConfiguration{Rules: []corsRule{{AllowedOrigins: []string{pattern}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{header}}}}
		rule, p := c.match(origin, "GET", requestHeaders(asked))
		if rule != nil && !strings.Contains(pattern, "*") && p != origin {
			t.Errorf("%q matched %q", pattern, origin)
		}
		if rule, _ := c.match(origin, "PUT", nil); rule != nil {
			t.Error("a method that no rule has")
		}
	})
}

func FuzzChecksumHeaders(f *testing.F) {
	f.Add("AAAAAA==", "x-amz-checksum-crc32c", "CRC32")
	f.Fuzz(func(t *testing.T, value, trailer, sdk string) {
		h := http.Header{"X-Amz-Checksum-Crc32": {value}, "X-Amz-Trailer": {trailer}, "X-Amz-Sdk-Checksum-Algorithm": {sdk}}
		c, err := requestedChecksum(h)
		if err == nil && c.value != "" {
			if b, err := base64.StdEncoding.DecodeString(c.value); err != nil || len(b) != c.algorithm.new().Size() {
				t.Errorf("admitted %q for %s", c.value, c.algorithm)
			}
		}
	})
}
