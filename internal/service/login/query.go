package login

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// The limits of what a request may say, in bytes.
const (
	maxQuery     = 16 << 10
	maxParameter = 2048
)

// ParseQuery reads the parameters of a request as they stand in a URL or in a
// form. What cannot be read is a Refusal that is shown on a page.
func ParseQuery(raw string) (url.Values, error) {
	if len(raw) > maxQuery {
		return nil, &Refusal{Code: codeInvalidRequest, Description: "The parameters are too long."}
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &Refusal{Code: codeInvalidRequest, Description: "The parameters are not well encoded."}
	}
	return q, nil
}

// single is a parameter, "" when it is not there, or what is wrong with it. A
// parameter that is given twice is wrong whatever it says: two readers must not
// see two values (RFC 6749, section 3.1).
func single(q url.Values, name string) (value, wrong string) {
	switch all := q[name]; {
	case len(all) == 0:
		return "", ""
	case len(all) > 1:
		return "", "The parameter " + name + " is given more than once."
	case len(all[0]) > maxParameter:
		return "", "The parameter " + name + " is too long."
	case !isPlain(all[0]):
		return "", "The parameter " + name + " has characters that are not allowed."
	default:
		return all[0], ""
	}
}

// isPlain reports whether a text is UTF-8 without control characters.
func isPlain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
