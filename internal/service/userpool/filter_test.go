package userpool

import (
	"strings"
	"testing"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

func testPool(t testing.TB, sensitive bool) *pool.Pool {
	t.Helper()
	p := &pool.Pool{ID: "us-east-1_AbCdEf123", Settings: &cognitoidp.UserPoolType{
		UsernameConfiguration: &cognitoidp.UsernameConfigurationType{CaseSensitive: &sensitive}}}
	return p
}

func TestParseFilter(t *testing.T) {
	for _, c := range []struct {
		text string
		want store.UserFilter
		err  string
	}{
		{``, store.UserFilter{}, ""},
		{`  `, store.UserFilter{}, ""},
		{`email = "a@b.c"`, store.UserFilter{Name: "email", Value: "a@b.c"}, ""},
		{`email="a@b.c"`, store.UserFilter{Name: "email", Value: "a@b.c"}, ""},
		{`email ^= "a"`, store.UserFilter{Name: "email", Value: "a", Prefix: true}, ""},
		{`email^="a"`, store.UserFilter{Name: "email", Value: "a", Prefix: true}, ""},
		{` given_name = "A \"B\" \\C" `, store.UserFilter{Name: "given_name", Value: `A "B" \C`}, ""},
		{`username = "UP"`, store.UserFilter{Name: "username", Value: "up"}, ""},
		{`sub = ""`, store.UserFilter{Name: "sub"}, ""},
		{`cognito:user_status = "confirmed"`, store.UserFilter{Name: "status", Value: "CONFIRMED"}, ""},
		{`status = "Enabled"`, store.UserFilter{Name: "enabled", Value: "true"}, ""},
		{`status = "Disabled"`, store.UserFilter{Name: "enabled", Value: "false"}, ""},
		{`status = "enabled"`, store.UserFilter{}, "Error while parsing filter."},
		{`custom:x = "a"`, store.UserFilter{}, "Invalid search attribute: custom:x"},
		{`address = "a"`, store.UserFilter{}, "Invalid search attribute: address"},
		{`email`, store.UserFilter{}, "Error while parsing filter."},
		{`= "a"`, store.UserFilter{}, "Error while parsing filter."},
		{`email = a`, store.UserFilter{}, "Error while parsing filter."},
		{`email = "a`, store.UserFilter{}, "Error while parsing filter."},
		{`email = "a\`, store.UserFilter{}, "Error while parsing filter."},
		{`email = "a" or "b"`, store.UserFilter{}, "Error while parsing filter."},
		{`email = "a" and name = "b"`, store.UserFilter{}, "Error while parsing filter."},
		{`email == "a"`, store.UserFilter{}, "Error while parsing filter."},
		{`email ^ = "a"`, store.UserFilter{}, "Error while parsing filter."},
		{`email = 'a'`, store.UserFilter{}, "Error while parsing filter."},
	} {
		got, err := parseFilter(testPool(t, false), c.text)
		text := ""
		if err != nil {
			_, text, _ = strings.Cut(err.Error(), ": ")
		}
		if text != c.err || err == nil && got != c.want {
			t.Errorf("%s: got %+v, %q; want %+v, %q", c.text, got, text, c.want, c.err)
		}
	}
}

// FuzzParseFilter: a value that was quoted comes back as it was, and nothing
// leaves its quotes.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{`a`, `"`, `\`, `" or "1"="1`, "\x00", "é", `\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p := testPool(t, true)
		quotedValue := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
		got, err := parseFilter(p, `name = "`+quotedValue+`"`)
		if err != nil || got.Value != value {
			t.Errorf("%q came back as %q, %v", value, got.Value, err)
		}
		if got, err := parseFilter(p, value); err == nil && got.Name != "" && !strings.Contains(value, `"`) {
			t.Errorf("%q parsed as %+v", value, got)
		}
	})
}
