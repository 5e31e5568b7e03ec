package arn

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want ARN
		ok   bool
	}{
		{"arn:aws:s3:::b/k", ARN{"aws", "s3", "", "", "b/k"}, true},
		{"arn:aws:iam::123456789012:user/a/b", ARN{"aws", "iam", "", "123456789012", "user/a/b"}, true},
		{"arn:aws:lambda:eu-west-1:123456789012:function:f:1", ARN{"aws", "lambda", "eu-west-1", "123456789012", "function:f:1"}, true},
		{"arn:aws:iam::aws:policy/x", ARN{"aws", "iam", "", "aws", "policy/x"}, true},
		{"", ARN{}, false},
		{"*", ARN{}, false},
		{"arn", ARN{}, false},
		{"arn:aws:s3::", ARN{}, false},
		{"arn:aws:s3:::", ARN{}, false},
		{"arn::s3:::b", ARN{}, false},
		{"arn:aws::::b", ARN{}, false},
		{"ARN:aws:s3:::b", ARN{}, false},
		{"xarn:aws:s3:::b", ARN{}, false},
	} {
		got, err := Parse(c.in)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("Parse(%q) = %+v, %v", c.in, got, err)
		}
		if c.ok && got.String() != c.in {
			t.Errorf("String of %q = %q", c.in, got)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "anything", true},
		{"?", "", false}, {"?", "a", true}, {"?", "é", true}, {"?", "ab", false},
		{"??", "é", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"a*", "a", true}, {"a*", "abc", true}, {"a*", "ba", false},
		{"*a", "a", true}, {"*a", "bca", true}, {"*a", "ab", false},
		{"a*c", "ac", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false},
		{"*b*", "abc", true}, {"*b*", "ac", false}, {"a**c", "abc", true},
		{"*ab*ab", "abab", true}, {"*ab*ab", "ab", false}, {"*ab", "aab", true},
		{"*?", "", false}, {"*?", "a", true}, {"?*", "a", true}, {"*?b", "b", false}, {"*?b", "ab", true}, {"*?b", "bbb", true},
		{"a*b*c*d", "a1b2c3d", true}, {"a*b*c*d", "a1c2b3d", false},
		{"abc", "ABC", false},
		{"*aab", "aaab", true}, {"*é?", "xéy", true},
	} {
		g := CompileGlob(Tokens(c.pattern))
		if got := g.Match(c.s, nil); got != c.want {
			t.Errorf("%q against %q = %v", c.pattern, c.s, got)
		}
	}
	fold := CompileFold(Tokens("s3:Get*Tagging"))
	for s, want := range map[string]bool{"S3:getobjectTAGGING": true, "s3:GetTagging": true, "s3:PutTagging": false, "s3:GetObject": false} {
		if fold.Match(s, nil) != want {
			t.Errorf("fold against %q is not %v", s, want)
		}
	}
}

func TestGlob_slots(t *testing.T) {
	// home/${user}/* : what stands in the slot is never a wildcard.
	g := CompileGlob([]Token{{Kind: Literal, Text: "home/"}, {Kind: Slot, Slot: 0}, {Kind: Literal, Text: "/"}, {Kind: Star}})
	for _, c := range []struct {
		slots []string
		s     string
		want  bool
	}{
		{[]string{"ann"}, "home/ann/x", true},
		{[]string{"ann"}, "home/bob/x", false},
		{[]string{"*"}, "home/bob/x", false},
		{[]string{"*"}, "home/*/x", true},
		{[]string{"?nn"}, "home/ann/x", false},
		{[]string{""}, "home//x", true},
		{[]string{""}, "home/ann/x", false},
		{[]string{"a/b"}, "home/a/b/c", true},
		{nil, "home/ann/x", false},
	} {
		if got := g.Match(c.s, c.slots); got != c.want {
			t.Errorf("slots %q against %q = %v", c.slots, c.s, got)
		}
	}
}

func TestGlob_notExponential(t *testing.T) {
	g := CompileGlob(Tokens(strings.Repeat("a*", 200) + "b"))
	q := CompileGlob(Tokens(strings.Repeat("*?", 200) + "b"))
	start := time.Now()
	for range 20 {
		if g.Match(strings.Repeat("a", 2000), nil) || q.Match(strings.Repeat("a", 2000), nil) {
			t.Fatal("matched")
		}
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "*", true}, {"*", "arn:aws:s3:::b", true}, {"*", "whatever", true},
		{"arn:aws:s3:::b", "arn:aws:s3:::b", true},
		{"arn:aws:s3:::b", "arn:aws:s3:::B", false},
		{"arn:aws:s3:::b", "arn:aws:s3:::b/k", false},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b:c", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b", false},
		{"arn:aws:s3:::*", "*", false},
		{"arn:*:s3:::*", "arn:aws-cn:s3:::b", true},
		{"arn:aws:s3:*", "arn:aws:s3:::b", false}, // refused as a pattern
		{"arn:aws:ssm:*:*:parameter/*", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b", true},
		{"arn:aws:ssm:*:123456789012:parameter/a", "arn:aws:ssm:us-east-1:210987654321:parameter/a", false},
		{"arn:aws:ssm:us-*:*:*", "arn:aws:ssm:us-east-1:1:parameter/a", true},
		{"arn:aws:ssm:us-*:*:*", "arn:aws:ssm:eu-west-1:1:parameter/a", false},
		{"arn:aws:ssm:*:parameter/a", "arn:aws:ssm:us-east-1:1:parameter/a", false}, // a star does not span a colon
		{"arn:aws:execute-api:*:*:a1/*/GET/*", "arn:aws:execute-api:us-east-1:1:a1/prod/GET/x/y", true},
		{"arn:aws:execute-api:*:*:a1/*/GET/*", "arn:aws:execute-api:us-east-1:1:a1/prod/POST/x", false},
		{"arn:aws:lambda:*:*:function:f:*", "arn:aws:lambda:us-east-1:1:function:f:live", true},
		{"arn:aws:lambda:*:*:function:f", "arn:aws:lambda:us-east-1:1:function:f:live", false},
	} {
		p, err := CompilePattern(Tokens(c.pattern))
		if got := err == nil && p.Match(c.s, nil); got != c.want {
			t.Errorf("%q against %q = %v (%v)", c.pattern, c.s, got, err)
		}
	}
}

func TestCompileResource(t *testing.T) {
	slot := Token{Kind: Slot}
	for _, c := range []struct {
		name string
		toks []Token
		want error
	}{
		{"star", Tokens("*"), nil},
		{"two stars", Tokens("**"), ErrForm},
		{"bucket", Tokens("arn:aws:s3:::b"), nil},
		{"word", Tokens("b"), ErrForm},
		{"five parts", Tokens("arn:aws:s3::b"), ErrForm},
		{"wild prefix", Tokens("ar*:aws:s3:::b"), ErrForm},
		{"wild service", Tokens("arn:aws:s*:::b"), ErrServiceWildcard},
		{"star service", Tokens("arn:aws:*:::b"), ErrServiceWildcard},
		{"no service", Tokens("arn:aws::::b"), ErrForm},
		{"slot in resource", append(Tokens("arn:aws:s3:::b/"), slot), nil},
		{"slot in account", append(append(Tokens("arn:aws:s3::"), slot), Tokens(":b")...), ErrForm},
		{"slot in service", append(append(Tokens("arn:aws:"), slot), Tokens(":::b")...), ErrForm},
	} {
		if _, err := CompileResource(c.toks); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzGlob judges the matcher by a regular expression of the same meaning.
func FuzzGlob(f *testing.F) {
	for _, s := range []string{"a*b|ab", "*?*|x", "é?|éé", "**a|aa", "a*a*a|aaaa"} {
		p, v, _ := strings.Cut(s, "|")
		f.Add(p, v)
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 200 || !utf8.ValidString(pattern) || !utf8.ValidString(s) {
			return
		}
		var re strings.Builder
		re.WriteString(`(?s)\A`)
		for _, tok := range Tokens(pattern) {
			switch tok.Kind {
			case Star:
				re.WriteString(".*")
			case Question:
				re.WriteString(".")
			default:
				re.WriteString(regexp.QuoteMeta(tok.Text))
			}
		}
		re.WriteString(`\z`)
		g := CompileGlob(Tokens(pattern))
		if got, want := g.Match(s, nil), regexp.MustCompile(re.String()).MatchString(s); got != want {
			t.Errorf("%q against %q = %v, regexp says %v", pattern, s, got, want)
		}
		if _, ok := Split(s); ok {
			if a, _ := Split(s); a.String() != s {
				t.Errorf("Split(%q) does not join again", s)
			}
		}
	})
}

func BenchmarkPattern(b *testing.B) {
	p, err := CompilePattern(Tokens("arn:aws:s3:::bucket/home/*"))
	if err != nil {
		b.Fatal(err)
	}
	a, _ := Split("arn:aws:s3:::bucket/home/us-east-1:0123/photo.jpg")
	for b.Loop() {
		if !p.MatchARN(&a, nil) {
			b.Fatal("no match")
		}
	}
}
