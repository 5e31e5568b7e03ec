package config

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad_firstThatIsSetWins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(file, []byte("region: eu-west-1\naccount: \"111111111111\"\nlog: json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GATEHOUSE_REGION", "ap-northeast-1")
	t.Setenv("GATEHOUSE_ACCOUNT", "222222222222")
	c, rest, err := Load("serve", []string{"--config", file, "--region", "us-west-2", "more"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "us-west-2" || c.Account != "222222222222" || c.Log != "json" || c.Listen != "127.0.0.1:4566" {
		t.Errorf("got region %s, account %s, log %s, listen %s", c.Region, c.Account, c.Log, c.Listen)
	}
	if len(rest) != 1 || rest[0] != "more" {
		t.Errorf("got arguments %v", rest)
	}
}

func TestLoad_refusals(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("regoin: eu-west-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--no-such"}, "flag provided but not defined"},
		{[]string{"--dev", "--listen", "0.0.0.0:4566"}, "--dev gives away a known root key"},
		{[]string{"--dev", "--listen", ":4566"}, "--dev gives away a known root key"},
		{[]string{"--account", "12"}, "is not 12 digits"},
		{[]string{"--region", "mars"}, "does not look like us-east-1"},
		{[]string{"--tls-cert", "x"}, "go together"},
		{[]string{"--tls", "other"}, "only the value self"},
		{[]string{"--public-url", "ftp://x"}, "is not an http or https URL"},
		{[]string{"--sms-webhook", "http://example.com"}, "must be https"},
		{[]string{"--lambda-endpoint", "localhost:3001"}, "is not an http or https URL"},
		{[]string{"--lambda-endpoint", "http://localhost:3001/?x=1"}, "is not an http or https URL"},
		{[]string{"--database", "mysql://u:secret@h/d"}, "is not a postgres:// URL"},
		{[]string{"--issuer", "me"}, "is public or aws"},
		{[]string{"--listen", "nonsense"}, "is not an address"},
		{[]string{"--config", bad}, `there is no setting "regoin"`},
	} {
		var out bytes.Buffer
		_, _, err := Load("serve", c.args, &out)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.args, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: the message shows a password: %v", c.args, err)
		}
	}
}

func TestLoad_moreFlags(t *testing.T) {
	once := false
	_, _, err := Load("demo", []string{"--once"}, io.Discard, func(fs *flag.FlagSet) { fs.BoolVar(&once, "once", false, "") })
	if err != nil || !once {
		t.Errorf("got %v, %v", once, err)
	}
}

// TestDocument holds docs/config.md to the flags. UPDATE_DOCS=1 writes it (make
// generate).
func TestDocument(t *testing.T) {
	const page = "../../docs/config.md"
	var want bytes.Buffer
	Document(&want)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(page, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/config.md is not what the flags say: run `make generate`")
	}
}
