package delivery

import "strings"

// Fill puts a name and a code into a message's template, or into the standard
// text when there is none.
func Fill(template *string, standard, username, code string) string {
	if template == nil || *template == "" {
		template = &standard
	}
	return strings.NewReplacer("{####}", code, "{username}", username).Replace(*template)
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
