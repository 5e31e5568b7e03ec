package hostedui

import (
	"net/url"
	"strings"
)

// defaultTerms is the link for languages without one of their own.
const defaultTerms = "cognito:default"

// termsLanguages are how links of terms name the languages (the model's
// LanguageIdType). It has no name for Turkish and Arabic.
var termsLanguages = map[string]string{"en": "cognito:english", "de": "cognito:german", "es": "cognito:spanish", "fr": "cognito:french", "id": "cognito:bahasa-indonesia",
	"it": "cognito:italian", "pt-BR": "cognito:portuguese-brazil", "ja": "cognito:japanese", "ko": "cognito:korean", "zh-CN": "cognito:chinese-simplified", "zh-TW": "cognito:chinese-traditional"}

// termsNames are the documents by the placeholders of the sentence that names
// them.
var termsNames = map[string]string{"{terms}": "terms-of-use", "{privacy}": "privacy-policy"}

// agreement is the sentence that names the client's terms, in pieces of which
// some are links. It is nil unless there are both documents, as in AWS
// (CreateTerms), and unless both can be read over HTTPS.
func (v *visit) agreement() ([]link, error) {
	all, err := v.h.config.Users.TermsOf(v.r.Context(), v.s.Pool.ID, v.req.Client.ID)
	if err != nil {
		return nil, err
	}
	var pieces []link
	text := v.T("signUp.terms")
	for text != "" {
		from := strings.IndexByte(text, '{')
		if from < 0 {
			return append(pieces, link{text, ""}), nil
		}
		to := from + strings.IndexByte(text[from:], '}') + 1
		name := termsNames[text[from:to]]
		address := all[name][termsLanguages[v.Lang]]
		if address == "" {
			address = all[name][defaultTerms]
		}
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" {
			return nil, nil
		}
		pieces = append(pieces, link{text[:from], ""}, link{v.T("terms." + name), address})
		text = text[to:]
	}
	return pieces, nil
}
