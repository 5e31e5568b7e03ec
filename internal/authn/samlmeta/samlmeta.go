// Package samlmeta reads the metadata of SAML identity providers: where to send
// a browser, and with which certificates the provider signs (SAML 2.0 Metadata,
// section 2.4).
//
// What a newcomer gets wrong: metadata is a stranger's XML. Document types are
// refused, since they are how XML reads files and grows without end, and a
// certificate that cannot be read is an error rather than one that is left out.
package samlmeta

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
)

// Metadata is what an identity provider tells of itself.
type Metadata struct {
	EntityID string
	// SignOn and Logout are the locations for redirects, as they stand there;
	// empty where there is none. They are not checked.
	SignOn, Logout string
	// Certificates are those that the provider signs with; at least one.
	Certificates []*x509.Certificate
	ValidUntil   time.Time // zero where the metadata does not say
}

const (
	metadataSpace   = "urn:oasis:names:tc:SAML:2.0:metadata"
	redirectBinding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
)

type endpoint struct {
	Binding  string `xml:",attr"`
	Location string `xml:",attr"`
}

type entity struct {
	XMLName    xml.Name
	EntityID   string `xml:"entityID,attr"`
	ValidUntil string `xml:"validUntil,attr"`
	IDP        *struct {
		Keys []struct {
			Use          string   `xml:"use,attr"`
			Certificates []string `xml:"KeyInfo>X509Data>X509Certificate"`
		} `xml:"KeyDescriptor"`
		SignOn []endpoint `xml:"SingleSignOnService"`
		Logout []endpoint `xml:"SingleLogoutService"`
	} `xml:"IDPSSODescriptor"`
}

// Parse reads metadata. Its errors complete the sentence "The metadata …". The
// size is the caller's to bound.
func Parse(text string) (*Metadata, error) {
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
	var e entity
	if err := xml.Unmarshal([]byte(text), &e); err != nil {
		return nil, errors.New("is not well-formed XML")
	}
	if e.XMLName.Space != metadataSpace || e.XMLName.Local != "EntityDescriptor" || e.EntityID == "" || e.IDP == nil {
		return nil, errors.New("is not the EntityDescriptor of an identity provider")
	}
	m := &Metadata{EntityID: e.EntityID, SignOn: redirectTo(e.IDP.SignOn), Logout: redirectTo(e.IDP.Logout)}
	for _, k := range e.IDP.Keys {
		if k.Use == "encryption" {
			continue
		}
		for _, text := range k.Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
			if err != nil {
				return nil, errors.New("has a certificate that cannot be read")
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, errors.New("has a certificate that cannot be read")
			}
			m.Certificates = append(m.Certificates, c)
		}
	}
	if len(m.Certificates) == 0 {
		return nil, errors.New("has no signing certificate")
	}
	if e.ValidUntil != "" {
		t, err := time.Parse(time.RFC3339, e.ValidUntil)
		if err != nil || t.Year() < 1 || t.Year() > 9999 {
			return nil, errors.New("has a validUntil that is no time")
		}
		m.ValidUntil = t
	}
	return m, nil
}

// redirectTo is the location of the endpoint for redirects.
func redirectTo(list []endpoint) string {
	for _, e := range list {
		if e.Binding == redirectBinding {
			return e.Location
		}
	}
	return ""
}
