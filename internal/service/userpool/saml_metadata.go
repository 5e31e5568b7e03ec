package userpool

import (
	"errors"

	"gatehouse/internal/authn/samlmeta"
)

// samlMetadata is what a pool wants of the metadata of an identity provider:
// where to send a browser.
type samlMetadata struct {
	signOn, logout string
}

// parseSAMLMetadata reads metadata. Its errors complete the sentence
// "MetadataFile …".
func parseSAMLMetadata(text string) (*samlMetadata, error) {
	m, err := samlmeta.Parse(text)
	if err != nil {
		return nil, err
	}
	if m.SignOn == "" {
		return nil, errors.New("has no SingleSignOnService with the HTTP-Redirect binding")
	}
	for _, u := range []string{m.SignOn, m.Logout} {
		if err := checkProviderURL("Location", u); err != nil {
			return nil, errors.New("names a location that is not an https URL")
		}
	}
	return &samlMetadata{signOn: m.SignOn, logout: m.Logout}, nil
}
