package samlmeta

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"
)

// document is metadata with a certificate made for the test, changed by
// replacing old by new.
func document(t testing.TB, old, new string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example" validUntil="2031-02-03T04:05:06Z">` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` +
		base64.StdEncoding.EncodeToString(der) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/post"/>` +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>`
	if old == "" {
		return text
	}
	changed := strings.Replace(text, old, new, 1)
	if changed == text {
		t.Fatalf("%q is not there", old)
	}
	return changed
}

func TestParse(t *testing.T) {
	m, err := Parse(document(t, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	if m.EntityID != "https://idp.example" || m.SignOn != "https://idp.example/sso" || m.Logout != "" || len(m.Certificates) != 1 ||
		!m.ValidUntil.Equal(time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)) {
		t.Errorf("%+v", m)
	}
	for _, c := range []struct{ old, new, want string }{
		{`<?xml version="1.0"?>`, `<!DOCTYPE x [<!ENTITY a "b">]>`, "must not have a document type"},
		{`</md:EntityDescriptor>`, ``, "is not well-formed XML"},
		{`entityID="https://idp.example"`, ``, "is not the EntityDescriptor of an identity provider"},
		{`names:tc:SAML:2.0:metadata`, `names:tc:SAML:1.0:metadata`, "is not the EntityDescriptor of an identity provider"},
		{`<ds:X509Certificate>M`, `<ds:X509Certificate>!`, "has a certificate that cannot be read"},
		{`<ds:X509Certificate>M`, `<ds:X509Certificate>N`, "has a certificate that cannot be read"},
		{`use="signing"`, `use="encryption"`, "has no signing certificate"},
		{`2031-02-03T04:05:06Z`, `tomorrow`, "has a validUntil that is no time"},
	} {
		if _, err := Parse(document(t, c.old, c.new)); err == nil || err.Error() != c.want {
			t.Errorf("%s → %s: %v, want %s", c.old, c.new, err, c.want)
		}
	}
}

// FuzzParse: nothing panics, and what is accepted has a certificate and no
// document type.
func FuzzParse(f *testing.F) {
	f.Add(document(f, "", ""))
	f.Add(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"><IDPSSODescriptor/></EntityDescriptor>`)
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := Parse(text); err == nil && (len(m.Certificates) == 0 || m.EntityID == "" || strings.HasPrefix(text, "<!DOCTYPE")) {
			t.Errorf("%q is accepted", text)
		}
	})
}
