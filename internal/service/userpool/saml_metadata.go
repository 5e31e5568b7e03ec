package userpool

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// samlMetadata is what the metadata of an identity provider must tell (SAML 2.0
// Metadata, section 2.4): where to send a browser, with which certificate it
// signs.
type samlMetadata struct {
	signOn, logout string
}

const (
	metadataSpace   = "urn:oasis:names:tc:SAML:2.0:metadata"
	redirectBinding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
)

type samlEndpoint struct {
	Binding  string `xml:",attr"`
	Location string `xml:",attr"`
}

type samlEntity struct {
	XMLName  xml.Name
	EntityID string `xml:"entityID,attr"`
	IDP      *struct {
		Keys []struct {
			Use          string   `xml:"use,attr"`
			Certificates []string `xml:"KeyInfo>X509Data>X509Certificate"`
		} `xml:"KeyDescriptor"`
		SignOn []samlEndpoint `xml:"SingleSignOnService"`
		Logout []samlEndpoint `xml:"SingleLogoutService"`
	} `xml:"IDPSSODescriptor"`
}

// parseSAMLMetadata reads metadata. Its errors complete the sentence
// "MetadataFile …". Document types are refused: they are how XML reads files and
// grows without end.
func parseSAMLMetadata(text string) (*samlMetadata, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("is not well-formed XML")
		}
		if _, ok := t.(xml.Directive); ok {
			return nil, errors.New("must not have a document type")
		}
	}
	var e samlEntity
	if err := xml.Unmarshal([]byte(text), &e); err != nil {
		return nil, errors.New("is not well-formed XML")
	}
	if e.XMLName.Space != metadataSpace || e.XMLName.Local != "EntityDescriptor" || e.EntityID == "" || e.IDP == nil {
		return nil, errors.New("is not the EntityDescriptor of an identity provider")
	}
	signs := false
	for _, k := range e.IDP.Keys {
		if k.Use == "encryption" {
			continue
		}
		for _, c := range k.Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c), ""))
			if err == nil {
				_, err = x509.ParseCertificate(der)
			}
			if err != nil {
				return nil, errors.New("has a certificate that cannot be read")
			}
			signs = true
		}
	}
	if !signs {
		return nil, errors.New("has no signing certificate")
	}
	m := &samlMetadata{signOn: redirectTo(e.IDP.SignOn), logout: redirectTo(e.IDP.Logout)}
	if m.signOn == "" {
		return nil, errors.New("has no SingleSignOnService with the HTTP-Redirect binding")
	}
	for _, u := range []string{m.signOn, m.logout} {
		if err := checkProviderURL("Location", u); err != nil {
			return nil, errors.New("names a location that is not an https URL")
		}
	}
	return m, nil
}

// redirectTo is the location of the endpoint for redirects.
func redirectTo(list []samlEndpoint) string {
	for _, e := range list {
		if e.Binding == redirectBinding {
			return e.Location
		}
	}
	return ""
}
