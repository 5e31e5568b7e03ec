package delivery

import "testing"

func TestFillMail(t *testing.T) {
	template := "<b>{username}</b>: {####}"
	if got := FillMail(&template, "", "<i>ann", `a&b"c`); got != "<b>&lt;i&gt;ann</b>: a&amp;b&#34;c" {
		t.Error(got)
	}
	template = "{username}: {##Click <b>here</b>##}, or {##there##}"
	want := `a&amp;n: <a href="https://a/b?c=d&amp;e=&#34;">Click <b>here</b></a>, or <a href="https://a/b?c=d&amp;e=&#34;">there</a>`
	if got := FillLink(&template, "", "a&n", `https://a/b?c=d&e="`); got != want {
		t.Error(got)
	}
	template = "{####} and {##it##}"
	if got := FillLink(&template, "", "ann", "https://a/b"); got != ` and <a href="https://a/b">it</a>` {
		t.Error(got)
	}
	if got := FillLink(nil, "{##Verify##}", "{##ann##}", "https://a/b"); got != `<a href="https://a/b">Verify</a>` {
		t.Error(got)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"Your code is 123456":                                                   "Your code is 123456",
		"a &lt;b&gt; &amp; c":                                                   "a <b> & c",
		"<p>One</p><p>Two<br>Three</p>":                                         "One\nTwo\nThree",
		"<h1> Hi </h1>\n\n\n<ul><li>a</ul>":                                     "Hi\n\na",
		`Please <a href="https://x/?a=b&amp;c=d">click</a>.`:                    "Please click (https://x/?a=b&c=d).",
		"<style>p { color: red }</style><title>t</title>text<script>x</script>": "text",
		"<a>no address</a> <":                                                   "no address <",
		"":                                                                      "",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{"jane@example.com": "j***@e***", "é@ü": "é***@ü***"} {
		if got := MaskEmail(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"+12065551234": "+*******1234", "+1234": "+****"} {
		if got := MaskPhone(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
