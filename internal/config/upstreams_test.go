package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const hidden = "vErySecretValue"

func upstreamsFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upstreams.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestReadUpstreams(t *testing.T) {
	t.Setenv("MINIO_KEY", "AKIAEXAMPLE")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(hidden+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := ReadUpstreams(upstreamsFile(t, `# ours
- bucket: photos
  endpoint: https://minio.internal:9000/
  name: photos-prod
  path-style: false
  any-key: true
  access-key-id-env: MINIO_KEY
  secret-access-key-file: `+secret+`
- parameters: /app/prod
  endpoint: http://127.0.0.1:9
  region: eu-west-1
  access-key-id: AKIAOTHER
  secret-access-key: "`+hidden+`"
  session-token: token
- stream: clicks
  name: team.clicks-live
  endpoint: https://kinesis.eu-west-1.amazonaws.com
  access-key-id: AKIATHIRD
  secret-access-key: "`+hidden+`"
- stream: photos # the names of kinds have nothing to do with each other
  endpoint: https://kinesis.eu-west-1.amazonaws.com
  access-key-id: AKIATHIRD
  secret-access-key: "`+hidden+`"
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 4 {
		t.Fatalf("%d entries", len(list))
	}
	a, b := list[0], list[1]
	if a.Bucket != "photos" || a.Name != "photos-prod" || a.Endpoint.String() != "https://minio.internal:9000" || a.Region != "us-east-1" || a.PathStyle || !a.AnyKey ||
		a.AccessKeyID != "AKIAEXAMPLE" || a.SecretKey != hidden || a.SessionToken != "" || a.Service() != "s3" {
		t.Errorf("got %+v", a)
	}
	if b.Parameters != "/app/prod" || b.Name != "/app/prod" || b.Region != "eu-west-1" || !b.PathStyle || b.SessionToken != "token" || b.Service() != "ssm" {
		t.Errorf("got %+v", b)
	}
	if c, d := list[2], list[3]; c.Stream != "clicks" || c.Name != "team.clicks-live" || c.Region != "us-east-1" || c.Service() != "kinesis" || d.Stream != "photos" || d.Name != "photos" {
		t.Errorf("got %+v, %+v", c, d)
	}
}

func TestReadUpstreams_refusals(t *testing.T) {
	const keys = "\n  access-key-id: AKIA\n  secret-access-key: " + hidden + "\n"
	const good = "- bucket: photos\n  endpoint: https://x" + keys
	for _, c := range []struct{ text, want string }{
		{"bucket: photos", "must be a list"},
		{"- just text\n", "line 1: an entry is a list of names and values"},
		{"-\n", "line 1: an entry is a list"},
		{"- bucket: [\n", "must be a list"},
		{good + "  bukcet: y\n", "in the entry of line 1: [5:3] unknown field \"bukcet\""},
		{good + "  path-style: maybe" + "\n", "in the entry of line 1: [5:"},
		{good + "  secret-access-key: x\n", "already defined"},
		{good + good, "in the entry of line 5: line 1 speaks of bucket photos already"},
		{"- endpoint: https://x" + keys, "one of bucket, parameters and stream"},
		{"- bucket: photos\n  parameters: /a\n  endpoint: https://x" + keys, "one of bucket, parameters and stream"},
		{"- bucket: photos\n  stream: clicks\n  endpoint: https://x" + keys, "one of bucket, parameters and stream"},
		{"- stream: a/b\n  endpoint: https://x" + keys, "stream and name are names of streams"},
		{"- stream: clicks\n  name: arn:aws:kinesis\n  endpoint: https://x" + keys, "stream and name are names of streams"},
		{"- stream: clicks\n  path-style: true\n  endpoint: https://x" + keys, "are for buckets"},
		{"- stream: clicks\n  endpoint: https://x" + keys + "- stream: clicks\n  endpoint: https://y" + keys, "in the entry of line 5: line 1 speaks of stream clicks already"},
		{"- bucket: Photos\n  endpoint: https://x" + keys, "not a name that a bucket here can have"},
		{"- bucket: photos\n  name: a/../b\n  endpoint: https://x" + keys, "name is not that of a bucket"},
		{"- bucket: photos\n  name: a..b\n  endpoint: https://x" + keys, "name is not that of a bucket"},
		{"- parameters: app\n  endpoint: https://x" + keys, "are paths such as"},
		{"- parameters: /app/\n  endpoint: https://x" + keys, "are paths such as"},
		{"- parameters: /app\n  endpoint: https://x" + keys + "- parameters: /app/prod\n  endpoint: https://x" + keys, "in the entry of line 5: parameters /app/prod and /app lie within each other"},
		{"- parameters: /app\n  any-key: true\n  endpoint: https://x" + keys, "are for buckets"},
		{"- bucket: photos\n  region: EU\n  endpoint: https://x" + keys, "region does not look like"},
		{"- bucket: photos" + keys, "endpoint is a URL"},
		{"- bucket: photos\n  endpoint: ftp://x" + keys, "endpoint is a URL"},
		{"- bucket: photos\n  endpoint: https://me:" + hidden + "@x" + keys, "endpoint is a URL"},
		{"- bucket: photos\n  endpoint: https://x/base" + keys, "endpoint is a URL"},
		{"- bucket: photos\n  endpoint: http://minio.internal" + keys, "say plain-http: true"},
		{"- bucket: photos\n  endpoint: https://x\n", "access-key-id is missing"},
		{"- bucket: photos\n  endpoint: https://x\n  access-key-id: AKIA\n", "secret-access-key is missing"},
		{good + "  secret-access-key-env: HOME\n", "secret-access-key is given more than once"},
		{"- bucket: photos\n  endpoint: https://x\n  access-key-id: AKIA\n  secret-access-key-env: GATEHOUSE_NO_SUCH\n", "which is not in the environment"},
		{"- bucket: photos\n  endpoint: https://x\n  access-key-id: AKIA\n  secret-access-key-file: /no/such\n", "read secret-access-key-file"},
		{"- bucket: photos\n  endpoint: https://x\n  access-key-id: a/b\n  secret-access-key: " + hidden + "\n", "cannot carry"},
		{"- bucket: photos\n  endpoint: https://x\n  access-key-id: AKIA\n  secret-access-key: two " + hidden + "\n", "has blanks"},
		{"- bucket: photos\n  ca-file: /no/such\n  endpoint: https://x" + keys, "read ca-file"},
	} {
		_, err := ReadUpstreams(upstreamsFile(t, c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\ngot  %v\nwant %s", c.text, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), hidden) {
			t.Errorf("%q: the message shows a secret: %v", c.text, err)
		}
	}
	if _, err := ReadUpstreams(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "read --upstreams") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzParseUpstreams(f *testing.F) {
	f.Add([]byte("- bucket: photos\n  endpoint: https://x\n  access-key-id: a\n  secret-access-key: b\n"))
	f.Add([]byte("- parameters: /a\n"))
	f.Add([]byte("- &a [*a]\n- {}\n-"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseUpstreams(text)
		for _, u := range list {
			if err != nil || u.Bucket+u.Parameters+u.Stream == "" || u.Endpoint == nil || u.AccessKeyID == "" || u.SecretKey == "" {
				t.Errorf("%q gave %+v, %v", text, u, err)
			}
		}
	})
}
