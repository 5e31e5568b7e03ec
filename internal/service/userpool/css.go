package userpool

import (
	"errors"
	"slices"
	"strings"
)

// The style sheet of the classic pages is a list of rules for the classes that
// the pages have, and nothing else: whoever may style a page must not be able to
// run a script on it, to load what others serve, or to restyle what warns the
// user. (hosted-ui-oauth.md, section 10)

// cssSelectors are the selectors that rules may have.
var cssSelectors = []string{
	".background-customizable", ".banner-customizable", ".errorMessage-customizable", ".idpButton-customizable", ".idpButton-customizable:hover",
	".idpDescription-customizable", ".inputField-customizable", ".inputField-customizable:focus", ".label-customizable", ".legalText-customizable",
	".logo-customizable", ".passwordCheck-valid-customizable", ".passwordCheck-notValid-customizable", ".redirect-customizable",
	".socialButton-customizable", ".submitButton-customizable", ".submitButton-customizable:hover", ".textDescription-customizable",
}

// cssScripts are ways to a script, to another server, or out of the style
// element.
var cssScripts = []string{"<", "\\", "javascript:", "expression(", "url(", "behavior:", "-moz-binding"}

// checkCSS reports why a style sheet is refused; nil when it is not.
func checkCSS(css string) error {
	css, err := withoutComments(css)
	if err != nil {
		return err
	}
	if strings.Contains(css, "@") {
		return errors.New("at-rules are not allowed")
	}
	lower := strings.ToLower(css)
	for _, s := range cssScripts {
		if strings.Contains(lower, s) {
			return errors.New(s + " is not allowed")
		}
	}
	for {
		css = strings.TrimSpace(css)
		if css == "" {
			return nil
		}
		selectors, rest, ok := strings.Cut(css, "{")
		declarations, after, closed := strings.Cut(rest, "}")
		if !ok || !closed || strings.ContainsAny(declarations, "{") || strings.Contains(selectors, "}") {
			return errors.New("braces do not match")
		}
		for s := range strings.SplitSeq(selectors, ",") {
			if s = strings.TrimSpace(s); !slices.Contains(cssSelectors, s) {
				return errors.New("the selector " + s + " is not allowed")
			}
		}
		for d := range strings.SplitSeq(declarations, ";") {
			if d = strings.TrimSpace(d); d == "" {
				continue
			}
			property, value, ok := strings.Cut(d, ":")
			property = strings.TrimSpace(property)
			if !ok || property == "" || strings.Trim(property, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" || strings.TrimSpace(value) == "" {
				return errors.New("a declaration is not of the form property: value")
			}
		}
		css = after
	}
}

// withoutComments is css with a blank for each comment, so that none can hide a
// word from the checks.
func withoutComments(css string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(css, "/*")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		_, after, closed := strings.Cut(rest, "*/")
		if !closed {
			return "", errors.New("a comment does not end")
		}
		b.WriteByte(' ')
		css = after
	}
}
