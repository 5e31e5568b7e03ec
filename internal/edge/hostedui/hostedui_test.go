package hostedui

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// own are the files of the program.
var own = func() *files {
	f, err := readFiles("")
	if err != nil {
		panic(err)
	}
	return f
}()

// TestCatalogues: every language has every text, with the same placeholders.
func TestCatalogues(t *testing.T) {
	if len(own.catalogues) != 13 {
		t.Errorf("%d languages", len(own.catalogues))
	}
	english := own.catalogues[0]
	for _, c := range own.catalogues {
		if !slices.Equal(slices.Sorted(maps.Keys(c.text)), slices.Sorted(maps.Keys(english.text))) {
			t.Errorf("%s has not the keys of English", c.Lang)
		}
		for key, text := range c.text {
			got, want := placeholderForm.FindAllString(text, -1), placeholderForm.FindAllString(english.text[key], -1)
			slices.Sort(got)
			slices.Sort(want)
			if strings.TrimSpace(text) == "" || !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q has the placeholders %v, want %v", c.Lang, key, text, got, want)
			}
		}
		if c != english && c.T("login.title") == english.T("login.title") {
			t.Errorf("%s is not translated", c.Lang)
		}
	}
}

func TestCatalogueOf(t *testing.T) {
	for tag, want := range map[string]string{"de": "de", "DE": "de", "de-AT": "de", "pt": "pt-BR", "pt-PT": "pt-BR", "zh": "zh-CN", "zh-HK": "zh-TW", "zh-Hans": "zh-CN",
		"": "", "xx": "", "en-": "", "../de": "", strings.Repeat("a", 30): ""} {
		c := own.catalogueOf(tag)
		if got := langOf(c); got != want {
			t.Errorf("catalogueOf(%q) is %q, want %q", tag, got, want)
		}
	}
}

func langOf(c *catalogue) string {
	if c == nil {
		return ""
	}
	return c.Lang
}

func TestT(t *testing.T) {
	if got := own.catalogueOf("en").T("code.lead", "to", "{to}"); got != "We sent a code to {to}." {
		t.Errorf("got %q", got)
	}
	if got := own.catalogueOf("ar").T("code.lead", "to", "a***@e***"); !strings.Contains(got, "\u2068a***@e***\u2069") {
		t.Errorf("in Arabic %q", got)
	}
}

// TestSize: the style sheet and the scripts leave room for the page in 50 KB.
func TestSize(t *testing.T) {
	n := 0
	for _, a := range own.assets {
		n += len(a.body)
	}
	if n > 20<<10 {
		t.Errorf("the files of the pages have %d bytes", n)
	}
}

func FuzzCatalogueOf(f *testing.F) {
	f.Add("de-AT")
	f.Add("zh-Hant-TW")
	f.Fuzz(func(t *testing.T, text string) {
		own.catalogueOf(text)
		if own.preferred(text) == nil {
			t.Error("no language at all")
		}
	})
}
