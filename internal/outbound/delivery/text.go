package delivery

import (
	"html"
	"regexp"
	"strings"
)

// Fill puts a name and a code into the template of an SMS or of a mail's subject,
// or into the standard text when there is none.
func Fill(template *string, standard, username, code string) string {
	if template == nil || *template == "" {
		template = &standard
	}
	return strings.NewReplacer("{####}", code, "{username}", username).Replace(*template)
}

// FillMail is Fill for the body of a mail, which is HTML, as in Cognito: what is
// put in stays the text that it is.
func FillMail(template *string, standard, username, code string) string {
	return Fill(template, standard, html.EscapeString(username), html.EscapeString(code))
}

// LinkForm is the place of a link in the template of a mail, with its text.
var LinkForm = regexp.MustCompile(`\{##([^{}]+)##\}`)

// FillLink puts a name and a link into the template of a mail's body; the text
// of the link is the template's.
func FillLink(template *string, standard, username, address string) string {
	if template == nil || *template == "" {
		template = &standard
	}
	linked := LinkForm.ReplaceAllStringFunc(*template, func(place string) string {
		return Link(address, place[len("{##"):len(place)-len("##}")])
	})
	return FillMail(&linked, "", username, "")
}

// Link is a link in a mail; label is HTML.
func Link(address, label string) string {
	return `<a href="` + html.EscapeString(address) + `">` + label + `</a>`
}

// MaskEmail is an address as answers show it: f***@e***.
func MaskEmail(s string) string {
	local, domain, _ := strings.Cut(s, "@")
	return first(local) + "***@" + first(domain) + "***"
}

func first(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// MaskPhone is a phone number as answers show it: +*******1234.
func MaskPhone(s string) string {
	if len(s) <= 5 {
		return "+" + strings.Repeat("*", max(len(s)-1, 0))
	}
	return "+" + strings.Repeat("*", len(s)-5) + s[len(s)-4:]
}
