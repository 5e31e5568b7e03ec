package iam_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	. "gatehouse/test/iamtest"
)

// samlMetadata is the metadata of a provider with a certificate of its own.
func samlMetadata(t *testing.T, entityID string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + entityID + `" validUntil="2031-02-03T04:05:06Z"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
		`<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(der) +
		`</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>`
	return text + "<!--" + strings.Repeat(" ", 1000) + "-->" // IAM's model wants 1000 characters at least
}

func TestSAMLProviders(t *testing.T) {
	Each(t, nil, func(t *testing.T, s *Server) {
		c, ctx := s.IAMClient(s.Root), t.Context()
		first, second := samlMetadata(t, "https://idp.example"), samlMetadata(t, "https://other.example")
		name, arn := aws.String("Okta"), aws.String("arn:aws:iam::123456789012:saml-provider/Okta")
		tag := []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}

		_, err := c.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: arn})
		Want(t, err, "NoSuchEntity", "")
		_, err = c.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: arn, SAMLMetadataDocument: &first})
		Want(t, err, "NoSuchEntity", "")
		_, err = c.DeleteSAMLProvider(ctx, &iam.DeleteSAMLProviderInput{SAMLProviderArn: arn})
		Want(t, err, "NoSuchEntity", "")
		for text, why := range map[string]string{
			strings.Repeat(" ", 1000):                                           "it is not the EntityDescriptor of an identity provider",
			"<a>" + strings.Repeat(" ", 1000):                                   "it is not well-formed XML",
			`<!DOCTYPE a [<!ENTITY b "c">]>` + first:                            "it must not have a document type",
			strings.Replace(first, "X509Certificate>M", "X509Certificate>!", 1): "it has a certificate that cannot be read",
		} {
			_, err := c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: name, SAMLMetadataDocument: &text})
			if why == "it is not the EntityDescriptor of an identity provider" {
				why = "it is not well-formed XML" // white space alone is no document
			}
			Want(t, err, "InvalidInput", "Could not parse metadata: "+why)
		}
		_, err = c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: aws.String("a/b"), SAMLMetadataDocument: &first})
		Want(t, err, "ValidationError", "")
		_, err = c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: name, SAMLMetadataDocument: aws.String("<a/>")})
		Want(t, err, "ValidationError", "")
		_, err = c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: name, SAMLMetadataDocument: &first, AssertionEncryptionMode: types.AssertionEncryptionModeTypeRequired})
		Want(t, err, "InvalidInput", "Encrypted assertions are not supported.")

		made, err := c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: name, SAMLMetadataDocument: &first, Tags: tag})
		if err != nil || *made.SAMLProviderArn != *arn || len(made.Tags) != 1 {
			t.Fatal(made, err)
		}
		_, err = c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: name, SAMLMetadataDocument: &second})
		Want(t, err, "EntityAlreadyExists", "Provider with name Okta already exists.")
		eve := s.IAMClient(s.User("eve", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*SAMLProvider*","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":"red"}}}}`))
		_, err = eve.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: arn, SAMLMetadataDocument: &second})
		Want(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/eve is not authorized to perform: iam:UpdateSAMLProvider on resource: "+*arn+" because no identity-based policy allows the iam:UpdateSAMLProvider action")
		_, err = c.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: arn, AddPrivateKey: aws.String("key")})
		Want(t, err, "InvalidInput", "")

		got, err := c.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: arn})
		if err != nil || *got.SAMLMetadataDocument != first || !got.ValidUntil.Equal(time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)) || *got.Tags[0].Value != "red" {
			t.Fatal(got, err)
		}
		if _, err := c.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: arn, SAMLMetadataDocument: &second}); err != nil {
			t.Fatal(err)
		}
		_, err = c.TagSAMLProvider(ctx, &iam.TagSAMLProviderInput{SAMLProviderArn: arn, Tags: []types.Tag{{Key: aws.String("TEAM"), Value: aws.String("blue")}, {Key: aws.String("b"), Value: aws.String("c")}}})
		if err == nil {
			_, err = c.UntagSAMLProvider(ctx, &iam.UntagSAMLProviderInput{SAMLProviderArn: arn, TagKeys: []string{"b", "absent"}})
		}
		if err != nil {
			t.Fatal(err)
		}
		tags, err := c.ListSAMLProviderTags(ctx, &iam.ListSAMLProviderTagsInput{SAMLProviderArn: arn})
		if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "TEAM" || *tags.Tags[0].Value != "blue" {
			t.Error(tags, err)
		}
		if got, err := eve.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: arn}); err != nil || *got.SAMLMetadataDocument != second {
			t.Error(got, err)
		}
		list, err := c.ListSAMLProviders(ctx, &iam.ListSAMLProvidersInput{})
		if err != nil || len(list.SAMLProviderList) != 1 || *list.SAMLProviderList[0].Arn != *arn {
			t.Error(list, err)
		}
		for n := 1; n < 100; n++ {
			if _, err := c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: aws.String(fmt.Sprint("p", n)), SAMLMetadataDocument: &second}); err != nil {
				t.Fatal(n, err)
			}
		}
		_, err = c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: aws.String("more"), SAMLMetadataDocument: &second})
		Want(t, err, "LimitExceeded", "Cannot exceed quota for SAMLProvidersPerAccount: 100")
		if _, err := c.DeleteSAMLProvider(ctx, &iam.DeleteSAMLProviderInput{SAMLProviderArn: arn}); err != nil {
			t.Fatal(err)
		}
		_, err = c.ListSAMLProviderTags(ctx, &iam.ListSAMLProviderTagsInput{SAMLProviderArn: arn})
		Want(t, err, "NoSuchEntity", "")
		_, err = c.TagSAMLProvider(ctx, &iam.TagSAMLProviderInput{SAMLProviderArn: arn, Tags: tag})
		Want(t, err, "NoSuchEntity", "")
		_, err = c.UntagSAMLProvider(ctx, &iam.UntagSAMLProviderInput{SAMLProviderArn: arn, TagKeys: []string{"a"}})
		Want(t, err, "NoSuchEntity", "")
	})
}
