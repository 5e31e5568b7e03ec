package api_test

import (
	"regexp"
	"strings"
	"testing"

	"gatehouse/internal/api"
)

// The pattern of every token member, on a token of usual length: as a table,
// and as regexp would match it.
func BenchmarkPattern_token(b *testing.B) {
	const pattern = `[A-Za-z0-9-_=.]+`
	token := strings.Repeat("eyJhbGciOiJSUzI1", 64)
	table, err := api.CompilePattern(pattern)
	if err != nil {
		b.Fatal(err)
	}
	re := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			table(token)
		}
	})
	b.Run("regexp", func(b *testing.B) {
		for b.Loop() {
			re.MatchString(token)
		}
	})
}
