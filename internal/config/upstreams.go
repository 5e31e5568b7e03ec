package config

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Upstream is a bucket, the parameters under a path, or a stream, that live in a
// store elsewhere: an entry of the file of --upstreams.
type Upstream struct {
	// One of these is not empty:
	Bucket     string // its name here
	Parameters string // the path here, /app/prod
	Stream     string // its name here

	Name      string   // the bucket's or stream's name or the path there
	Endpoint  *url.URL // scheme and host alone
	Region    string   // of the signature
	PathStyle bool     // the bucket's name in the path, not in front of the host
	AnyKey    bool     // keys with empty, "." and ".." segments are sent as well

	AccessKeyID, SecretKey, SessionToken string
	Roots                                *x509.CertPool // nil: the machine's
}

// Service is the signing name of what lives there.
func (u *Upstream) Service() string {
	switch {
	case u.Bucket != "":
		return "s3"
	case u.Stream != "":
		return "kinesis"
	}
	return "ssm"
}

// entry is an Upstream as it is written. docs/upstreams.md explains the names.
type entry struct {
	Bucket     string `yaml:"bucket"`
	Parameters string `yaml:"parameters"`
	Stream     string `yaml:"stream"`
	Name       string `yaml:"name"`
	Endpoint   string `yaml:"endpoint"`
	Region     string `yaml:"region"`
	PathStyle  *bool  `yaml:"path-style"`
	AnyKey     bool   `yaml:"any-key"`
	PlainHTTP  bool   `yaml:"plain-http"`
	CAFile     string `yaml:"ca-file"`

	AccessKeyID      string `yaml:"access-key-id"`
	AccessKeyIDEnv   string `yaml:"access-key-id-env"`
	AccessKeyIDFile  string `yaml:"access-key-id-file"`
	SecretKey        string `yaml:"secret-access-key"`
	SecretKeyEnv     string `yaml:"secret-access-key-env"`
	SecretKeyFile    string `yaml:"secret-access-key-file"`
	SessionToken     string `yaml:"session-token"`
	SessionTokenEnv  string `yaml:"session-token-env"`
	SessionTokenFile string `yaml:"session-token-file"`
}

// ReadUpstreams reads the file of --upstreams with the keys that it names.
// Errors say file and line, and never show what stands there: it may be a
// secret.
func ReadUpstreams(file string) ([]Upstream, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read --upstreams: %w", err)
	}
	list, err := parseUpstreams(text)
	if err != nil {
		return nil, fmt.Errorf("%s, %w", file, err)
	}
	return list, nil
}

func parseUpstreams(text []byte) ([]Upstream, error) {
	var nodes []ast.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&nodes); err != nil {
		return nil, fmt.Errorf("which must be a list: %s", yaml.FormatError(err, false, false))
	}
	var list []Upstream
	lines := map[string]int{}
	for _, node := range nodes {
		line := 1
		if node != nil {
			line = node.GetToken().Position.Line
		}
		var e entry
		m, ok := node.(*ast.MappingNode)
		if !ok {
			return nil, fmt.Errorf("line %d: an entry is a list of names and values", line)
		}
		if len(m.Values) > 0 {
			line = m.Values[0].Key.GetToken().Position.Line
		}
		if err := yaml.NodeToValue(node, &e, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("in the entry of line %d: %s", line, yaml.FormatError(err, false, false))
		}
		u, err := e.upstream()
		if err != nil {
			return nil, fmt.Errorf("in the entry of line %d: %w", line, err)
		}
		what := "bucket " + u.Bucket
		switch {
		case u.Parameters != "":
			what = "parameters " + u.Parameters
		case u.Stream != "":
			what = "stream " + u.Stream
		}
		if other := lines[what]; other != 0 {
			return nil, fmt.Errorf("in the entry of line %d: line %d speaks of %s already", line, other, what)
		}
		for _, other := range list {
			if u.Parameters != "" && other.Parameters != "" && (strings.HasPrefix(u.Parameters, other.Parameters+"/") || strings.HasPrefix(other.Parameters, u.Parameters+"/")) {
				return nil, fmt.Errorf("in the entry of line %d: parameters %s and %s lie within each other", line, u.Parameters, other.Parameters)
			}
		}
		lines[what] = line
		list = append(list, *u)
	}
	return list, nil
}

var (
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// Stores other than AWS's have other rules for names; what matters is that a
	// name is one segment of a path.
	bucketThere = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$`)
	pathForm    = regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+)+$`)
	streamForm  = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	signRegion  = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	keyForm     = regexp.MustCompile(`^[\x21-\x7e]+$`) // no blank, nothing that ends a header
)

// upstream checks an entry and gathers its keys.
func (e *entry) upstream() (*Upstream, error) {
	u := &Upstream{Bucket: e.Bucket, Parameters: e.Parameters, Stream: e.Stream, Name: cmp.Or(e.Name, e.Bucket, e.Parameters, e.Stream), Region: cmp.Or(e.Region, "us-east-1"),
		PathStyle: e.PathStyle == nil || *e.PathStyle, AnyKey: e.AnyKey}
	kinds := 0
	for _, kind := range []string{e.Bucket, e.Parameters, e.Stream} {
		if kind != "" {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return nil, errors.New("an entry has one of bucket, parameters and stream")
	case e.Bucket != "" && !bucketForm.MatchString(e.Bucket):
		return nil, errors.New("bucket is not a name that a bucket here can have")
	case e.Bucket != "" && (!bucketThere.MatchString(u.Name) || strings.Contains(u.Name, "..")):
		return nil, errors.New("name is not that of a bucket")
	case e.Parameters != "" && (!pathForm.MatchString(e.Parameters) || !pathForm.MatchString(u.Name)):
		return nil, errors.New("parameters and name are paths such as /app/prod, without a slash at their end")
	case e.Stream != "" && (!streamForm.MatchString(e.Stream) || !streamForm.MatchString(u.Name)):
		return nil, errors.New("stream and name are names of streams: up to 128 letters, digits, _, . and -")
	case e.Bucket == "" && (e.PathStyle != nil || e.AnyKey):
		return nil, errors.New("path-style and any-key are for buckets")
	case !signRegion.MatchString(u.Region):
		return nil, errors.New("region does not look like us-east-1")
	}
	if err := e.address(u); err != nil {
		return nil, err
	}
	var err error
	if u.AccessKeyID, err = secret("access-key-id", e.AccessKeyID, e.AccessKeyIDEnv, e.AccessKeyIDFile, true); err != nil {
		return nil, err
	}
	if u.SecretKey, err = secret("secret-access-key", e.SecretKey, e.SecretKeyEnv, e.SecretKeyFile, true); err != nil {
		return nil, err
	}
	if u.SessionToken, err = secret("session-token", e.SessionToken, e.SessionTokenEnv, e.SessionTokenFile, false); err != nil {
		return nil, err
	}
	if strings.ContainsAny(u.AccessKeyID, "/,=") {
		return nil, errors.New("access-key-id has a character that a signature cannot carry")
	}
	return u, nil
}

// address reads where the upstream is, and by whom its certificate may be.
func (e *entry) address(u *Upstream) error {
	at, err := url.Parse(e.Endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.User != nil || at.RawQuery != "" || at.ForceQuery || at.Fragment != "" || strings.Trim(at.Path, "/") != "" {
		return errors.New("endpoint is a URL of scheme and host, such as https://minio.internal:9000")
	}
	if at.Scheme == "http" && !e.PlainHTTP && !isLoopback(at.Hostname()) {
		return errors.New("endpoint is http, where everybody on the way reads and changes what passes; say plain-http: true if that is meant")
	}
	u.Endpoint = &url.URL{Scheme: at.Scheme, Host: at.Host}
	if e.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(e.CAFile)
	if err != nil {
		return fmt.Errorf("read ca-file: %w", err)
	}
	u.Roots = x509.NewCertPool()
	if !u.Roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("ca-file %s has no certificate in PEM", e.CAFile)
	}
	return nil
}

// secret is a value that stands in the entry, in the environment or in a file.
func secret(name, value, env, file string, needed bool) (string, error) {
	given := 0
	for _, s := range []string{value, env, file} {
		if s != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return "", fmt.Errorf("%s is given more than once: take one of %s, %s-env and %s-file", name, name, name, name)
	case given == 0 && needed:
		return "", fmt.Errorf("%s is missing: give %s, %s-env or %s-file", name, name, name, name)
	case given == 0:
		return "", nil
	case env != "":
		var ok bool
		if value, ok = os.LookupEnv(env); !ok || value == "" {
			return "", fmt.Errorf("%s-env names %s, which is not in the environment", name, env)
		}
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read %s-file: %w", name, err)
		}
		value = strings.TrimSpace(string(text))
	}
	if !keyForm.MatchString(value) {
		return "", fmt.Errorf("%s is empty, or has blanks or characters outside ASCII", name)
	}
	return value, nil
}
