package hostedui

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// catalogue are the texts of a language: a file under texts.
type catalogue struct {
	Lang string // "pt-BR"
	Dir  string // "ltr" or "rtl"
	Name string // in the language itself
	text map[string]string
}

// languages in the order in which they are offered; the first is that of
// browsers that want none of them.
var languages = []string{"en", "de", "es", "fr", "id", "it", "pt-BR", "tr", "ar", "ja", "ko", "zh-CN", "zh-TW"}

var matcher = func() language.Matcher {
	var tags []language.Tag
	for _, lang := range languages {
		tags = append(tags, language.MustParse(lang))
	}
	return language.NewMatcher(tags)
}()

// catalogueOf are the texts for a language tag, or nil.
func (f *files) catalogueOf(lang string) *catalogue {
	if lang == "" || len(lang) > 20 {
		return nil
	}
	if i := slices.IndexFunc(languages, func(l string) bool { return strings.EqualFold(l, lang) }); i >= 0 {
		return f.catalogues[i]
	}
	tag, err := language.Parse(lang)
	if err != nil {
		return nil
	}
	if _, i, confidence := matcher.Match(tag); confidence > language.No {
		return f.catalogues[i]
	}
	return nil
}

// preferred are the texts that a browser likes best.
func (f *files) preferred(accept string) *catalogue {
	if len(accept) > 1024 {
		return f.catalogues[0]
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return f.catalogues[0]
	}
	_, i, _ := matcher.Match(tags...)
	return f.catalogues[i]
}

// T is a text; values are names and what stands in their place.
func (c *catalogue) T(key string, values ...string) string {
	text := c.text[key]
	for i := 0; i+1 < len(values); i += 2 {
		value := values[i+1]
		if c.Dir == "rtl" && value != "" {
			value = "\u2068" + value + "\u2069" // a direction of its own
		}
		text = strings.ReplaceAll(text, "{"+values[i]+"}", value)
	}
	return text
}

// has reports whether there is a text.
func (c *catalogue) has(key string) bool { return c.text[key] != "" }
