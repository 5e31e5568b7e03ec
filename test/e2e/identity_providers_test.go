package e2e_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/gatehousetest"
)

// oidcDetails are complete details of an OIDC provider.
func oidcDetails() map[string]string {
	return map[string]string{"client_id": "at-corp", "client_secret": "hush-hush-secret", "attributes_request_method": "GET",
		"oidc_issuer": "https://id.corp.example", "authorize_scopes": "openid email"}
}

func (n *tenant) oidc(name string, change func(*idp.CreateIdentityProviderInput)) error {
	in := &idp.CreateIdentityProviderInput{UserPoolId: &n.pool, ProviderName: &name, ProviderType: "OIDC", ProviderDetails: oidcDetails()}
	if change != nil {
		change(in)
	}
	_, err := n.root.IDP.CreateIdentityProvider(n.Context(), in)
	return err
}

func (n *tenant) describeProvider(name string) *types.IdentityProviderType {
	n.Helper()
	out, err := n.root.IDP.DescribeIdentityProvider(n.Context(), &idp.DescribeIdentityProviderInput{UserPoolId: &n.pool, ProviderName: &name})
	n.ok(err)
	return out.IdentityProvider
}

func (n *tenant) updateProvider(in *idp.UpdateIdentityProviderInput) error {
	in.UserPoolId = &n.pool
	_, err := n.root.IDP.UpdateIdentityProvider(n.Context(), in)
	return err
}

// asJSON is v in a form that can be compared.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestIdentityProviders(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Schema = []types.SchemaAttributeType{{Name: aws.String("team"), AttributeDataType: "String", Mutable: aws.Bool(true)}}
		}, nil)
		e.ok(n.oidc("Corp", func(in *idp.CreateIdentityProviderInput) {
			in.AttributeMapping = map[string]string{"email": "mail", "custom:team": "department"}
			in.IdpIdentifiers = []string{"corp.example", "the corp"}
		}))
		p := n.describeProvider("Corp")
		want := oidcDetails()
		want["attributes_url_add_attributes"] = "false"
		if *p.ProviderName != "Corp" || p.ProviderType != "OIDC" || *p.UserPoolId != n.pool || p.CreationDate == nil || p.LastModifiedDate == nil ||
			!maps.Equal(p.ProviderDetails, want) || !slices.Equal(p.IdpIdentifiers, []string{"corp.example", "the corp"}) ||
			!maps.Equal(p.AttributeMapping, map[string]string{"email": "mail", "custom:team": "department", "username": "sub"}) {
			e.Errorf("the provider is %s", asJSON(p))
		}
		by, err := e.root.IDP.GetIdentityProviderByIdentifier(e.Context(), &idp.GetIdentityProviderByIdentifierInput{UserPoolId: &n.pool, IdpIdentifier: aws.String("the corp")})
		e.ok(err)
		if asJSON(by.IdentityProvider) != asJSON(p) {
			e.Errorf("by its identifier the provider is %s", asJSON(by.IdentityProvider))
		}

		// What is given is replaced whole, what is not stays.
		e.server.Advance(time.Minute)
		e.ok(n.updateProvider(&idp.UpdateIdentityProviderInput{ProviderName: aws.String("Corp"), AttributeMapping: map[string]string{"name": "cn"}, IdpIdentifiers: []string{"corp.example", "new"}}))
		got := n.describeProvider("Corp")
		if !maps.Equal(got.ProviderDetails, want) || !maps.Equal(got.AttributeMapping, map[string]string{"name": "cn", "username": "sub"}) || !slices.Equal(got.IdpIdentifiers, []string{"corp.example", "new"}) ||
			!got.CreationDate.Equal(*p.CreationDate) || !got.LastModifiedDate.After(*p.LastModifiedDate) {
			e.Errorf("the changed provider is %s", asJSON(got))
		}
		_, err = e.root.IDP.GetIdentityProviderByIdentifier(e.Context(), &idp.GetIdentityProviderByIdentifierInput{UserPoolId: &n.pool, IdpIdentifier: aws.String("the corp")})
		e.refused(err, "ResourceNotFoundException", "Identity provider the corp does not exist.")
		e.ok(n.updateProvider(&idp.UpdateIdentityProviderInput{ProviderName: aws.String("Corp"), IdpIdentifiers: []string{}}))
		e.ok(n.oidc("Corp2", func(in *idp.CreateIdentityProviderInput) { in.IdpIdentifiers = []string{"corp.example"} }))

		_, err = e.root.IDP.DeleteIdentityProvider(e.Context(), &idp.DeleteIdentityProviderInput{UserPoolId: &n.pool, ProviderName: aws.String("Corp2")})
		e.ok(err)
		_, err = e.root.IDP.GetIdentityProviderByIdentifier(e.Context(), &idp.GetIdentityProviderByIdentifierInput{UserPoolId: &n.pool, IdpIdentifier: aws.String("corp.example")})
		e.refused(err, "ResourceNotFoundException", "Identity provider corp.example does not exist.")
		e.ok(n.oidc("Corp3", func(in *idp.CreateIdentityProviderInput) { in.IdpIdentifiers = []string{"corp.example"} }))

		for i := range 20 {
			e.ok(n.oidc(fmt.Sprintf("Many%02d", i), nil))
		}
		var names []string
		var token *string
		for {
			out, err := e.root.IDP.ListIdentityProviders(e.Context(), &idp.ListIdentityProvidersInput{UserPoolId: &n.pool, MaxResults: aws.Int32(9), NextToken: token})
			e.ok(err)
			for _, p := range out.Providers {
				if p.ProviderType != "OIDC" || p.CreationDate == nil || p.LastModifiedDate == nil {
					e.Errorf("listed as %s", asJSON(p))
				}
				names = append(names, *p.ProviderName)
			}
			if token = out.NextToken; token == nil {
				break
			}
		}
		if len(names) != 22 || !slices.IsSorted(names) || len(slices.Compact(names)) != 22 {
			e.Errorf("listed %v", names)
		}
		raw := e.post(e.root, "cognito-idp", idpTarget+"ListIdentityProviders", `{"UserPoolId":"`+n.pool+`"}`)
		if bytes.Contains(raw.body, []byte("hush")) {
			e.Error("the list shows secrets")
		}
	})
}

// TestIdentityProviders_types: each type's details are completed as Cognito
// completes them.
func TestIdentityProviders_types(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		client := map[string]string{"client_id": "id", "client_secret": "secret"}
		with := func(more map[string]string) map[string]string {
			m := maps.Clone(client)
			maps.Copy(m, more)
			return m
		}
		apple := map[string]string{"client_id": "services", "team_id": "T", "key_id": "K", "private_key": "-----BEGIN", "authorize_scopes": "email name"}
		for _, c := range []struct {
			kind          types.IdentityProviderTypeType
			given, added  map[string]string
			hidden        string
			wantedSubject string
		}{
			{"Google", with(map[string]string{"authorize_scopes": "email profile openid"}), map[string]string{"authorize_url": "https://accounts.google.com/o/oauth2/v2/auth",
				"token_url": "https://www.googleapis.com/oauth2/v4/token", "token_request_method": "POST", "oidc_issuer": "https://accounts.google.com",
				"attributes_url": "https://people.googleapis.com/v1/people/me?personFields=", "attributes_url_add_attributes": "true"}, "", "sub"},
			{"Facebook", with(map[string]string{"authorize_scopes": "public_profile, email", "api_version": "v19.0"}), map[string]string{"authorize_url": "https://www.facebook.com/v19.0/dialog/oauth",
				"token_url": "https://graph.facebook.com/v19.0/oauth/access_token", "token_request_method": "GET", "attributes_url": "https://graph.facebook.com/v19.0/me?fields=",
				"attributes_url_add_attributes": "true"}, "", "id"},
			{"LoginWithAmazon", with(map[string]string{"authorize_scopes": "profile postal_code", "token_url": "https://proxy.example/token"}), map[string]string{"authorize_url": "https://www.amazon.com/ap/oa",
				"token_request_method": "POST", "attributes_url": "https://api.amazon.com/user/profile", "attributes_url_add_attributes": "false"}, "", "user_id"},
			{"SignInWithApple", apple, map[string]string{"authorize_url": "https://appleid.apple.com/auth/authorize", "token_url": "https://appleid.apple.com/auth/token",
				"token_request_method": "POST", "oidc_issuer": "https://appleid.apple.com", "attributes_url_add_attributes": "false"}, "private_key", "sub"},
		} {
			name := string(c.kind)
			e.ok(n.oidc(name, func(in *idp.CreateIdentityProviderInput) { in.ProviderType, in.ProviderDetails = c.kind, c.given }))
			want := maps.Clone(c.given)
			maps.Copy(want, c.added)
			delete(want, c.hidden)
			got := n.describeProvider(name)
			if !maps.Equal(got.ProviderDetails, want) || got.AttributeMapping["username"] != c.wantedSubject {
				e.Errorf("%s is %s", name, asJSON(got))
			}
			// What is described can be sent back.
			e.ok(n.updateProvider(&idp.UpdateIdentityProviderInput{ProviderName: &name, ProviderDetails: got.ProviderDetails, AttributeMapping: got.AttributeMapping}))
			if again := n.describeProvider(name); !maps.Equal(again.ProviderDetails, want) {
				e.Errorf("sent back %s is %s", name, asJSON(again))
			}
			for key := range c.given {
				if key == "token_url" || key == "api_version" {
					continue
				}
				short := maps.Clone(c.given)
				delete(short, key)
				e.refused(e.tenant(nil, nil).oidc(name, func(in *idp.CreateIdentityProviderInput) { in.ProviderType, in.ProviderDetails = c.kind, short }),
					"InvalidParameterException", "ProviderDetails of type "+name+" need "+key+".")
			}
		}
	})
}

// samlMetadata is the metadata of an identity provider with a certificate.
func samlMetadata(certificate string) string {
	return `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example">` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + certificate +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
		`<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/slo"/>` +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/post"/>` +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>`
}

func (n *tenant) certificate() string {
	n.Helper()
	out, err := n.root.IDP.GetSigningCertificate(n.Context(), &idp.GetSigningCertificateInput{UserPoolId: &n.pool})
	n.ok(err)
	return *out.Certificate
}

func TestIdentityProviders_SAML(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		saml := func(name string, details map[string]string) error {
			return n.oidc(name, func(in *idp.CreateIdentityProviderInput) { in.ProviderType, in.ProviderDetails = "SAML", details })
		}
		file := samlMetadata(n.certificate())
		e.ok(saml("File", map[string]string{"MetadataFile": file, "IDPSignout": "true", "EncryptedResponses": "true", "RequestSigningAlgorithm": "rsa-sha256"}))
		p := n.describeProvider("File")
		d := p.ProviderDetails
		if d["SSORedirectBindingURI"] != "https://idp.example/sso" || d["SLORedirectBindingURI"] != "https://idp.example/slo" || d["MetadataFile"] != file || len(p.AttributeMapping) != 0 {
			e.Errorf("the provider is %s", asJSON(p))
		}
		first := d["ActiveEncryptionCertificate"]
		if c := parseCertificate(e, first); c.Subject.CommonName != n.pool {
			e.Errorf("the encryption certificate is %s's", c.Subject.CommonName)
		}
		e.ok(n.updateProvider(&idp.UpdateIdentityProviderInput{ProviderName: aws.String("File"), ProviderDetails: d}))
		if again := n.describeProvider("File").ProviderDetails; !maps.Equal(again, d) {
			e.Errorf("sent back the details are %s", asJSON(again))
		}
		e.ok(n.updateProvider(&idp.UpdateIdentityProviderInput{ProviderName: aws.String("File"), ProviderDetails: map[string]string{"MetadataURL": "https://idp.example/metadata"}}))
		if got := n.describeProvider("File").ProviderDetails; !maps.Equal(got, map[string]string{"MetadataURL": "https://idp.example/metadata"}) {
			e.Errorf("replaced the details are %s", asJSON(got))
		}
		bad := func(what, want string, details map[string]string) {
			e.allRefused(aRefusal{what, saml("Bad", details), "InvalidParameterException", want})
		}
		bad("neither", "ProviderDetails of type SAML need either MetadataURL or MetadataFile.", map[string]string{"IDPInit": "true"})
		bad("both", "ProviderDetails of type SAML need either MetadataURL or MetadataFile.", map[string]string{"MetadataURL": "https://x", "MetadataFile": file})
		bad("http", "/MetadataURL must be an https URL/", map[string]string{"MetadataURL": "http://idp.example/metadata"})
		bad("a flag", "/IDPInit must be true or false/", map[string]string{"MetadataFile": file, "IDPInit": "yes"})
		bad("an algorithm", "/RequestSigningAlgorithm must be rsa-sha256/", map[string]string{"MetadataFile": file, "RequestSigningAlgorithm": "rsa-sha1"})
		for what, c := range map[string][2]string{
			"no XML":              {"hello", "is not the EntityDescriptor|is not well-formed XML"},
			"half":                {file[:len(file)/2], "is not well-formed XML"},
			"a document type":     {`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + file, "must not have a document type"},
			"another root":        {`<x/>`, "is not the EntityDescriptor"},
			"no certificate":      {samlMetadata(""), "has a certificate that cannot be read"},
			"no signing key":      {strings.ReplaceAll(file, `use="signing"`, `use="encryption"`), "has no signing certificate"},
			"no redirect":         {strings.ReplaceAll(file, "HTTP-Redirect", "HTTP-Artifact"), "has no SingleSignOnService"},
			"a script as address": {strings.ReplaceAll(file, "https://idp.example/sso", "javascript:alert(1)"), "not an https URL"},
		} {
			bad(what, "/MetadataFile .*("+c[1]+")/", map[string]string{"MetadataFile": c[0]})
		}
	})
}

func parseCertificate(e *env, text string) *x509.Certificate {
	e.Helper()
	der, err := base64.StdEncoding.DecodeString(text)
	e.ok(err)
	c, err := x509.ParseCertificate(der)
	e.ok(err)
	return c
}

func TestIdentityProviders_refused(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		e.ok(n.oidc("Corp", func(in *idp.CreateIdentityProviderInput) { in.IdpIdentifiers = []string{"corp"} }))
		before := asJSON(n.describeProvider("Corp"))
		details := func(key, value string) func(*idp.CreateIdentityProviderInput) {
			return func(in *idp.CreateIdentityProviderInput) { in.ProviderDetails[key] = value }
		}
		mapped := func(attribute, claim string) func(*idp.CreateIdentityProviderInput) {
			return func(in *idp.CreateIdentityProviderInput) { in.AttributeMapping = map[string]string{attribute: claim} }
		}
		identified := func(list ...string) func(*idp.CreateIdentityProviderInput) {
			return func(in *idp.CreateIdentityProviderInput) { in.IdpIdentifiers = list }
		}
		invalid, missing := "InvalidParameterException", "ResourceNotFoundException"
		for _, c := range []struct {
			what, name string
			change     func(*idp.CreateIdentityProviderInput)
			code, want string
		}{
			{"the same name", "Corp", nil, "DuplicateProviderException", "Corp already exists in user pool " + n.pool},
			{"the pool's own name", "COGNITO", nil, invalid, "Provider COGNITO cannot be of type OIDC."},
			{"the pool's own name in another spelling", "Cognito", nil, invalid, "Provider Cognito cannot be of type OIDC."},
			{"a social name", "Google", nil, invalid, "Provider Google cannot be of type OIDC."},
			{"a type's name", "SAML", nil, invalid, "Provider SAML cannot be of type OIDC."},
			{"a social type of another name", "Corporation", func(in *idp.CreateIdentityProviderInput) { in.ProviderType = "Google" }, invalid, "Provider Corporation cannot be of type Google."},
			{"an underscore", "A_B_C", nil, invalid, "/at 'providerName' failed/"},
			{"two letters", "AB", nil, invalid, "/at 'providerName' failed/"},
			{"33 letters", strings.Repeat("A", 33), nil, invalid, "/at 'providerName' failed/"},
			{"a type that is none", "Corp9", func(in *idp.CreateIdentityProviderInput) { in.ProviderType = "LDAP" }, invalid, "/at 'providerType' failed/"},
			{"no secret", "Corp9", details("client_secret", ""), invalid, "ProviderDetails of type OIDC need client_secret."},
			{"an issuer in clear", "Corp9", details("oidc_issuer", "http://id.corp.example"), invalid, "/oidc_issuer must be an https URL/"},
			{"an issuer with a slash", "Corp9", details("oidc_issuer", "https://id.corp.example/"), invalid, "/oidc_issuer must not end with a slash/"},
			{"an issuer that is none", "Corp9", details("oidc_issuer", "corp"), invalid, "/oidc_issuer must be an https URL/"},
			{"an address with a password", "Corp9", details("token_url", "https://a:b@corp.example/"), invalid, "/token_url must be an https URL/"},
			{"a script", "Corp9", details("authorize_url", "javascript:alert(1)"), invalid, "/authorize_url must be an https URL/"},
			{"scopes without openid", "Corp9", details("authorize_scopes", "email openidx"), invalid, "/authorize_scopes must contain openid/"},
			{"a method", "Corp9", details("attributes_request_method", "PUT"), invalid, "/attributes_request_method must be GET or POST/"},
			{"an attribute that is none", "Corp9", mapped("custom:nothing", "x"), invalid, "/attribute custom:nothing cannot be mapped/"},
			{"sub", "Corp9", mapped("sub", "x"), invalid, "/attribute sub cannot be mapped/"},
			{"a mapping to nothing", "Corp9", mapped("email", ""), invalid, "/attribute email is mapped to nothing/"},
			{"an identifier in use", "Corp9", identified("fresh", "corp"), invalid, "The identifier corp is already in use in user pool " + n.pool + "."},
			{"an identifier twice", "Corp9", identified("a", "a"), invalid, "The identifier a is given more than once."},
			{"51 identifiers", "Corp9", identified(manyNames(51)...), invalid, "/at 'idpIdentifiers' failed/"},
			{"an identifier of 41 letters", "Corp9", identified(strings.Repeat("a", 41)), invalid, "/at 'idpIdentifiers.1.member' failed/"},
		} {
			e.allRefused(aRefusal{c.what, n.oidc(c.name, c.change), c.code, c.want})
		}
		other := e.tenant(nil, nil)
		_, describe := e.root.IDP.DescribeIdentityProvider(e.Context(), &idp.DescribeIdentityProviderInput{UserPoolId: &other.pool, ProviderName: aws.String("Corp")})
		_, remove := e.root.IDP.DeleteIdentityProvider(e.Context(), &idp.DeleteIdentityProviderInput{UserPoolId: &other.pool, ProviderName: aws.String("Corp")})
		_, by := e.root.IDP.GetIdentityProviderByIdentifier(e.Context(), &idp.GetIdentityProviderByIdentifierInput{UserPoolId: &other.pool, IdpIdentifier: aws.String("corp")})
		_, list := e.root.IDP.ListIdentityProviders(e.Context(), &idp.ListIdentityProvidersInput{UserPoolId: aws.String("us-east-1_000000000")})
		_, certificate := e.root.IDP.GetSigningCertificate(e.Context(), &idp.GetSigningCertificateInput{UserPoolId: aws.String("us-east-1_000000000")})
		update := func(in *idp.UpdateIdentityProviderInput) error {
			in.ProviderName = aws.String("Corp")
			return n.updateProvider(in)
		}
		half := oidcDetails()
		delete(half, "client_id")
		const absent, noPool = "Identity provider Corp does not exist.", "User pool us-east-1_000000000 does not exist."
		e.ok(n.oidc("Second", identified("second")))
		e.allRefused(
			aRefusal{"describe another pool's", describe, missing, absent},
			aRefusal{"delete another pool's", remove, missing, absent},
			aRefusal{"update another pool's", other.updateProvider(&idp.UpdateIdentityProviderInput{ProviderName: aws.String("Corp")}), missing, absent},
			aRefusal{"another pool's identifier", by, missing, "Identity provider corp does not exist."},
			aRefusal{"list of no pool", list, missing, noPool},
			aRefusal{"certificate of no pool", certificate, missing, noPool},
			aRefusal{"update with half the details", update(&idp.UpdateIdentityProviderInput{ProviderDetails: half}), invalid, "ProviderDetails of type OIDC need client_id."},
			aRefusal{"update with another's identifier", update(&idp.UpdateIdentityProviderInput{IdpIdentifiers: []string{"second"}}), invalid, "/The identifier second is already in use/"},
			aRefusal{"update with a mapping that is none", update(&idp.UpdateIdentityProviderInput{AttributeMapping: map[string]string{"nothing": "x"}}), invalid, "/attribute nothing cannot be mapped/"},
		)
		if after := asJSON(n.describeProvider("Corp")); after != before {
			e.Errorf("refusals changed the provider from\n\t%s to\n\t%s", before, after)
		}
		out, err := e.root.IDP.ListIdentityProviders(e.Context(), &idp.ListIdentityProvidersInput{UserPoolId: &n.pool})
		e.ok(err)
		if len(out.Providers) != 2 {
			e.Errorf("refusals left %s", asJSON(out.Providers))
		}
	})
}

// TestSigningCertificate: a pool has one, for ten years, whoever asks first.
func TestSigningCertificate(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		var all sync.WaitGroup
		got := make([]string, 8)
		for i := range got {
			all.Go(func() {
				if out, err := e.root.IDP.GetSigningCertificate(e.Context(), &idp.GetSigningCertificateInput{UserPoolId: &n.pool}); err == nil {
					got[i] = *out.Certificate
				}
			})
		}
		all.Wait()
		if slices.Sort(got); got[0] == "" || got[0] != got[len(got)-1] {
			e.Errorf("%d who asked got different certificates", len(got))
		}
		c := parseCertificate(e, n.certificate())
		if c.Subject.CommonName != n.pool || c.NotAfter.Sub(c.NotBefore) < 10*365*24*time.Hour || c.CheckSignatureFrom(c) != nil && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			e.Errorf("the certificate is %s, %s to %s", c.Subject, c.NotBefore, c.NotAfter)
		}
		if e.tenant(nil, nil).certificate() == n.certificate() {
			e.Error("two pools have one certificate")
		}
	})
}

// TestIdentityProviders_sealed: what a provider's details hold is neither in
// the database nor in the log.
func TestIdentityProviders_sealed(t *testing.T) {
	var log bytes.Buffer
	e := start(t, gatehousetest.Log(&log))
	n := e.tenant(nil, nil)
	e.ok(n.oidc("Corp", nil))
	e.ok(n.updateProvider(&idp.UpdateIdentityProviderInput{ProviderName: aws.String("Corp"), ProviderDetails: oidcDetails()}))
	n.describeProvider("Corp")
	n.certificate()
	e.refused(n.oidc("Corp9", func(in *idp.CreateIdentityProviderInput) { delete(in.ProviderDetails, "client_id") }), "InvalidParameterException", "")
	e.server.Stop()
	if strings.Contains(log.String(), "hush-hush") {
		t.Error("the log shows the secret")
	}
	found := 0
	err := filepath.WalkDir(e.server.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("hush-hush")) || bytes.Contains(b, []byte("id.corp.example")) {
			t.Errorf("%s shows the details", path)
		}
		if bytes.Contains(b, []byte("identity provider")) {
			found++
		}
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("the data folder was not looked through: %v", err)
	}
}

// TestIdentityProviders_limit: a pool has 300 at most.
func TestIdentityProviders_limit(t *testing.T) {
	e := start(t)
	n := e.tenant(nil, nil)
	for i := range 300 {
		e.ok(n.oidc(fmt.Sprintf("Corp%03d", i), nil))
	}
	e.refused(n.oidc("Corp300", nil), "LimitExceededException", "A user pool can have at most 300 identity providers.")
	e.refused(n.oidc("Corp299", nil), "DuplicateProviderException", "")
	out, err := e.root.IDP.ListIdentityProviders(e.Context(), &idp.ListIdentityProvidersInput{UserPoolId: &n.pool})
	e.ok(err)
	if len(out.Providers) != 60 || out.NextToken == nil {
		e.Errorf("the first page has %d", len(out.Providers))
	}
}
