// Command apigen turns AWS's published API descriptions into the packages
// under internal/api.
//
//	go run ./internal/apigen -models ../shared/models -out internal/api
//
// It writes one folder a service and the fingerprint of what it read and
// wrote. The same input gives the same output, byte for byte.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"
)

// services are the descriptions that become packages, by file name.
var services = []struct{ file, pkg string }{
	{"cognito-idp", "cognitoidp"},
	{"cognito-identity", "cognitoidentity"},
	{"sts", "sts"},
	{"iam", "iam"},
	{"ssm", "ssm"},
	{"kinesis", "kinesis"},
}

func main() {
	models := flag.String("models", "../shared/models", "`folder` of AWS's API descriptions (service-2.json files, named for the service)")
	out := flag.String("out", "internal/api", "`folder` to write the packages to")
	flag.Parse()
	if err := run(*models, *out); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

func run(models, out string) error {
	var prints strings.Builder
	for _, s := range services {
		data, err := os.ReadFile(filepath.Join(models, s.file+".json"))
		if err != nil {
			return err
		}
		var m model
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("%s: %w", s.file, err)
		}
		fmt.Fprintf(&prints, "%x  model %s.json\n", sha256.Sum256(data), s.file)
		g := newGenerator(s.pkg, &m)
		files, err := g.generate()
		if err != nil {
			return fmt.Errorf("%s: %w", s.file, err)
		}
		dir := filepath.Join(out, s.pkg)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, f := range files {
			src, err := format.Source([]byte(f.text))
			if err != nil {
				return fmt.Errorf("%s/%s: %w", s.pkg, f.name, err)
			}
			if err := os.WriteFile(filepath.Join(dir, f.name), src, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(&prints, "%x  %s/%s\n", sha256.Sum256(src), s.pkg, f.name)
		}
	}
	return os.WriteFile(filepath.Join(out, "fingerprint.txt"), []byte(prints.String()), 0o644)
}
