// Package config is how an operator tells the server what to do: flags, then
// GATEHOUSE_* environment, then a file; the first that is set wins.
//
// What a newcomer gets wrong: only this package reads the environment, and a
// setting has one name in three spellings: --public-url, GATEHOUSE_PUBLIC_URL,
// "public-url" in the file.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// Config is every setting of the server. The usage texts in the flag set are
// its documentation; docs/config.md is made from them.
type Config struct {
	Listen         string
	MetricsListen  string
	Data           string
	Database       string
	PublicURL      string
	BaseDomain     string
	Region         string
	Account        string
	TLSCert        string
	TLSKey         string
	TLS            string
	SMTP           string
	SMTPFrom       string
	SMSWebhook     string
	LambdaEndpoint string
	Issuer         string
	SealKey        string
	SealKeyFile    string
	Compromised    string
	Locations      string
	Templates      string
	Upstreams      string
	Log            string
	Dev            bool
	PrivateIssuers bool

	file string
}

// environment is the prefix of the variables.
const environment = "GATEHOUSE_"

// flags declares every setting on a flag set.
func (c *Config) flags(fs *flag.FlagSet) {
	fs.StringVar(&c.file, "config", "", "`file` of settings in YAML: one line a setting, named as its flag")
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:4566", "`address` of the one HTTP port for everything; port 0 picks one and prints it")
	fs.StringVar(&c.MetricsListen, "metrics-listen", "", "further `address` on which /_gatehouse/metrics answers anybody; without it metrics answer loopback only")
	fs.StringVar(&c.Data, "data", "./gatehouse-data", "`folder` of the embedded store, of the key ring and of objects")
	fs.StringVar(&c.Database, "database", "", "`URL` of a PostgreSQL database (postgres://…) in place of the embedded store")
	fs.StringVar(&c.PublicURL, "public-url", "", "`URL` that issuers, links and discovery documents say; never taken from a request (default http://localhost:<port>)")
	fs.StringVar(&c.BaseDomain, "base-domain", "localhost", "`suffix` of host-based names such as <bucket>.s3.<suffix>")
	fs.StringVar(&c.Region, "region", "us-east-1", "`region` of the ids that are made here")
	fs.StringVar(&c.Account, "account", "000000000000", "`account` number, 12 digits")
	fs.StringVar(&c.TLSCert, "tls-cert", "", "certificate `file` (PEM): serve HTTPS")
	fs.StringVar(&c.TLSKey, "tls-key", "", "key `file` (PEM) of --tls-cert")
	fs.StringVar(&c.TLS, "tls", "", "`self`: serve HTTPS with a certificate that the server makes and keeps in its data folder")
	fs.StringVar(&c.SMTP, "smtp", "", "`URL` of the mail server for codes and invitations: smtp://user:password@host:587 (STARTTLS) or smtps://…:465; without it they stay in the outbox")
	fs.StringVar(&c.SMTPFrom, "smtp-from", "no-reply@localhost", "sender `address` of mails")
	fs.StringVar(&c.SMSWebhook, "sms-webhook", "", "`URL` that gets a JSON POST for each text message; without it they stay in the outbox")
	fs.StringVar(&c.LambdaEndpoint, "lambda-endpoint", "", "`URL` of a service that speaks AWS Lambda's Invoke API: it runs the functions of user pools, and its events carry people's attributes and, for UserMigration, passwords; without it no pool can have functions")
	fs.BoolVar(&c.PrivateIssuers, "private-issuers", false, "read the keys of OpenID Connect providers (IAM, identity pools) also at addresses of private networks and of this machine; without it at public addresses only")
	fs.StringVar(&c.Issuer, "issuer", "public", "`form` of the issuer in tokens: public (<public-url>/<poolId>) or aws (https://cognito-idp.<region>.amazonaws.com/<poolId>)")
	fs.StringVar(&c.SealKey, "seal-key", "", "sealing `keys` (base64, newest first, comma-separated) in place of the ring file in the data folder; give it by environment, not on a command line")
	fs.StringVar(&c.SealKeyFile, "seal-key-file", "", "`file` of the key ring (default keyring.json in the data folder)")
	fs.StringVar(&c.Compromised, "compromised-passwords", "", "`file` of hashes of passwords that were leaked, for threat protection: lines of SHA-1 in hex, sorted, as Have I Been Pwned's downloader writes them (HASH:COUNT). It is searched where it is, never loaded; without it no password is known to be compromised")
	fs.StringVar(&c.Locations, "locations", "", "`file` of where networks are, for threat protection: CSV with the columns cidr,country,city,latitude,longitude, IPv4 and IPv6, at most 8 million lines; without it new devices are noticed, and impossible travel is not")
	fs.StringVar(&c.Templates, "templates", "", "`folder` of files that take the place of those of the pages of user pools' domains: their template, style sheets and texts (docs/templates.md); checked at the start")
	fs.StringVar(&c.Upstreams, "upstreams", "", "`file` of the buckets, parameters and streams that live in other stores, S3-compatible, SSM or Kinesis, and of the keys to them (docs/upstreams.md); without it everything lives here")
	fs.StringVar(&c.Log, "log", "text", "`form` of the log on standard error: text or json")
	fs.BoolVar(&c.Dev, "dev", false, "add the root key test/test, open outbox and clock without credentials; loopback only. No check is skipped")
}

// ErrHelp says that the caller asked for help, which was printed.
var ErrHelp = flag.ErrHelp

// Load reads the settings of a command from its arguments, the environment and
// the file that they name. Usage goes to out. The arguments that are no flags
// come back. A command adds flags of its own by more.
func Load(command string, args []string, out io.Writer, more ...func(*flag.FlagSet)) (*Config, []string, error) {
	c := &Config{}
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() {
		fmt.Fprintf(out, "Usage: gatehouse %s [options]\n\nEvery option can also be given as %s<NAME> in the environment or in a --config file.\n\n", command, environment)
		fs.PrintDefaults()
	}
	c.flags(fs)
	for _, add := range more {
		add(fs)
	}
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	set := func(name, value, where string) {
		if e := fs.Set(name, value); e != nil && err == nil {
			err = fmt.Errorf("%s: %w", where, e)
		}
		given[name] = true
	}
	fs.VisitAll(func(f *flag.Flag) {
		name := environment + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := os.LookupEnv(name); ok && !given[f.Name] {
			set(f.Name, v, name)
		}
	})
	if err == nil && c.file != "" {
		err = c.readFile(fs, given, set)
	}
	if err == nil {
		err = c.Validate()
	}
	return c, fs.Args(), err
}

func (c *Config) readFile(fs *flag.FlagSet, given map[string]bool, set func(name, value, where string)) error {
	data, err := os.ReadFile(c.file)
	if err != nil {
		return fmt.Errorf("read --config: %w", err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		return fmt.Errorf("%s is not YAML: %w", c.file, err)
	}
	for name, v := range values {
		if fs.Lookup(name) == nil || name == "config" {
			return fmt.Errorf("%s: there is no setting %q; `gatehouse serve --help` lists them", c.file, name)
		}
		if !given[name] {
			set(name, fmt.Sprint(v), c.file)
		}
	}
	return nil
}

var (
	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	domainForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
)

// Validate refuses settings that contradict each other or are unsafe.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		bad("--listen %q is not an address such as 127.0.0.1:4566", c.Listen)
	}
	if c.Dev && !isLoopback(host) {
		bad("--dev gives away a known root key, so --listen must be a loopback address, not %q", c.Listen)
	}
	if !regionForm.MatchString(c.Region) {
		bad("--region %q does not look like us-east-1", c.Region)
	}
	if !accountForm.MatchString(c.Account) {
		bad("--account %q is not 12 digits", c.Account)
	}
	if !domainForm.MatchString(c.BaseDomain) {
		bad("--base-domain %q is not a domain name", c.BaseDomain)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("--tls-cert and --tls-key go together")
	}
	if c.TLS != "" && c.TLS != "self" || c.TLS != "" && c.TLSCert != "" {
		bad("--tls takes only the value self, and not together with --tls-cert")
	}
	if c.Issuer != "public" && c.Issuer != "aws" {
		bad("--issuer is public or aws, not %q", c.Issuer)
	}
	if c.Log != "text" && c.Log != "json" {
		bad("--log is text or json, not %q", c.Log)
	}
	for name, text := range map[string]string{"--public-url": c.PublicURL, "--sms-webhook": c.SMSWebhook, "--lambda-endpoint": c.LambdaEndpoint} {
		u, err := url.Parse(text)
		if text != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" && name != "--sms-webhook") {
			bad("%s %q is not an http or https URL", name, text)
		}
	}
	if u, err := url.Parse(c.SMSWebhook); c.SMSWebhook != "" && err == nil && u.Scheme == "http" && !(c.Dev && isLoopback(u.Hostname())) {
		bad("--sms-webhook carries codes and must be https (plain http only on loopback with --dev)")
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		bad("--database %q is not a postgres:// URL", redactURL(c.Database))
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	return errors.Join(errs...)
}

// redactURL leaves the password out of a URL.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(unreadable)"
	}
	return u.Redacted()
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Document writes the page of all settings.
func Document(w io.Writer) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	(&Config{}).flags(fs)
	fmt.Fprint(w, "# Settings\n\nMade from `internal/config` by `make generate`. A flag wins over the environment, the environment over the file of `--config`.\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n")
	fs.VisitAll(func(f *flag.Flag) {
		_, usage := flag.UnquoteUsage(f)
		def := f.DefValue
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(w, "| `--%s` | `%s%s` | %s | %s |\n", f.Name, environment, strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")), def, strings.ReplaceAll(usage, "|", "\\|"))
	})
}
