package userpool

import (
	"strings"
	"testing"
)

func TestCheckCSS(t *testing.T) {
	for _, css := range []string{
		"", "  \n", "/* nothing */",
		".logo-customizable { max-width: 60%; max-height: 30% }",
		".idpButton-customizable:hover,\n.submitButton-customizable:hover { color: #fff; background-color: rgb(1, 2, 3); }",
		".inputField-customizable:focus{border-color:#66AFE9;outline:0;}.label-customizable{/* a */font-weight:300}",
		".errorMessage-customizable { margin: 0 0 5px 0; border: 1px solid !important; }",
		".socialButton-customizable{border-radius:2px}",
	} {
		if err := checkCSS(css); err != nil {
			t.Errorf("%q: %v", css, err)
		}
	}
	for css, want := range map[string]string{
		".other { color: red }":                                               "the selector .other is not allowed",
		"body { color: red }":                                                 "the selector body is not allowed",
		".label-customizable .x { color: red }":                               "is not allowed",
		".label-customizable:hover { color: red }":                            "is not allowed",
		".label-customizable, body { color: red }":                            "the selector body is not allowed",
		"{ color: red }":                                                      "is not allowed",
		"@import url(https://evil.example/x.css);":                            "at-rules",
		"@media print { .label-customizable { color: red } }":                 "at-rules",
		".label-customizable { color: red":                                    "braces",
		".label-customizable color: red }":                                    "braces",
		".label-customizable { .x { color: red } }":                           "braces",
		".label-customizable { color: red } }":                                "braces",
		".label-customizable { color }":                                       "declaration",
		".label-customizable { : red }":                                       "is not of the form",
		".label-customizable { color: }":                                      "declaration",
		"/* .label-customizable { color: red }":                               "comment",
		".label-customizable { color: red }</style><script>alert(1)</script>": "<",
		".label-customizable { background: url(javascript:alert(1)) }":        "javascript:",
		".label-customizable { background: url(https://evil.example/) }":      "url(",
		".label-customizable { width: expression(alert(1)) }":                 "expression(",
		".label-customizable { width: expr/**/ession(alert(1)) }":             "",
		".label-customizable { color: \\6a avascript:x }":                     "\\",
	} {
		err := checkCSS(css)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", css, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", css, err, want)
		}
	}
}

// FuzzCheckCSS: whatever is allowed has no way out of its style element and no
// at-rule.
func FuzzCheckCSS(f *testing.F) {
	f.Add(".label-customizable{color:red}")
	f.Add("/*@*/.logo-customizable{}")
	f.Fuzz(func(t *testing.T, css string) {
		if checkCSS(css) != nil {
			return
		}
		bare, err := withoutComments(css)
		if err != nil || strings.ContainsAny(bare, "<@\\") || strings.Count(bare, "{") != strings.Count(bare, "}") {
			t.Errorf("%q is allowed", css)
		}
	})
}

// FuzzParseSAMLMetadata: nothing panics, and what is accepted says where to
// send a browser.
func FuzzParseSAMLMetadata(f *testing.F) {
	f.Add(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><IDPSSODescriptor/></EntityDescriptor>`)
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := parseSAMLMetadata(text); err == nil && (m.signOn == "" || strings.Contains(text, "<!DOCTYPE")) {
			t.Errorf("%q is accepted", text)
		}
	})
}
