package e2e_test

import (
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

var someLinks = map[string]string{"cognito:default": "https://example.com/terms", "cognito:german": "https://example.com/de"}

func (n *tenant) terms(name string, change func(*idp.CreateTermsInput)) (*types.TermsType, error) {
	in := &idp.CreateTermsInput{UserPoolId: &n.pool, ClientId: &n.client, TermsName: &name, TermsSource: "LINK", Enforcement: "NONE", Links: someLinks}
	if change != nil {
		change(in)
	}
	out, err := n.root.IDP.CreateTerms(n.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.Terms, nil
}

func TestTerms(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		created, err := n.terms("terms-of-use", nil)
		e.ok(err)
		out, err := e.root.IDP.DescribeTerms(e.Context(), &idp.DescribeTermsInput{UserPoolId: &n.pool, TermsId: created.TermsId})
		e.ok(err)
		if d := out.Terms; asJSON(d) != asJSON(created) || *d.UserPoolId != n.pool || *d.ClientId != n.client || *d.TermsName != "terms-of-use" || d.TermsSource != "LINK" ||
			d.Enforcement != "NONE" || !maps.Equal(d.Links, someLinks) || d.CreationDate == nil || d.LastModifiedDate == nil || len(*d.TermsId) != 36 {
			e.Errorf("the terms are %s", asJSON(d))
		}
		policy, err := n.terms("privacy-policy", nil)
		e.ok(err)
		client, _ := n.newClient(nil)
		_, err = n.with(client, "").terms("terms-of-use", nil)
		e.ok(err)

		e.server.Advance(time.Minute)
		changed, err := e.root.IDP.UpdateTerms(e.Context(), &idp.UpdateTermsInput{UserPoolId: &n.pool, TermsId: created.TermsId, Links: map[string]string{"cognito:default": "https://example.com/new"}})
		e.ok(err)
		if c := changed.Terms; *c.TermsName != "terms-of-use" || len(c.Links) != 1 || !c.CreationDate.Equal(*created.CreationDate) || !c.LastModifiedDate.After(*created.LastModifiedDate) {
			e.Errorf("the changed terms are %s", asJSON(c))
		}
		_, err = e.root.IDP.UpdateTerms(e.Context(), &idp.UpdateTermsInput{UserPoolId: &n.pool, TermsId: created.TermsId, TermsName: aws.String("privacy-policy")})
		e.refused(err, "TermsExistsException", "")
		_, err = e.root.IDP.DeleteTerms(e.Context(), &idp.DeleteTermsInput{UserPoolId: &n.pool, TermsId: policy.TermsId})
		e.ok(err)
		renamed, err := e.root.IDP.UpdateTerms(e.Context(), &idp.UpdateTermsInput{UserPoolId: &n.pool, TermsId: created.TermsId, TermsName: aws.String("privacy-policy")})
		e.ok(err)
		if r := renamed.Terms; *r.TermsName != "privacy-policy" || r.Links["cognito:default"] != "https://example.com/new" {
			e.Errorf("the renamed terms are %s", asJSON(r))
		}
		_, err = n.terms("terms-of-use", nil)
		e.ok(err)

		seen := map[string]bool{}
		var token *string
		for {
			list, err := e.root.IDP.ListTerms(e.Context(), &idp.ListTermsInput{UserPoolId: &n.pool, MaxResults: aws.Int32(2), NextToken: token})
			e.ok(err)
			for _, d := range list.Terms {
				if seen[*d.TermsId] || d.Enforcement != "NONE" || d.CreationDate == nil {
					e.Errorf("listed: %s", asJSON(d))
				}
				seen[*d.TermsId] = true
			}
			if token = list.NextToken; token == nil {
				break
			}
		}
		if len(seen) != 3 {
			e.Errorf("listed %d, want 3", len(seen))
		}
	})
}

func TestTerms_refused(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		mine, err := n.terms("terms-of-use", nil)
		e.ok(err)
		create := func(name string, change func(*idp.CreateTermsInput)) error {
			_, err := n.terms(name, change)
			return err
		}
		link := func(links map[string]string) func(*idp.CreateTermsInput) {
			return func(in *idp.CreateTermsInput) { in.Links = links }
		}
		_, describe := e.root.IDP.DescribeTerms(e.Context(), &idp.DescribeTermsInput{UserPoolId: &other.pool, TermsId: mine.TermsId})
		_, update := e.root.IDP.UpdateTerms(e.Context(), &idp.UpdateTermsInput{UserPoolId: &other.pool, TermsId: mine.TermsId, Links: someLinks})
		_, remove := e.root.IDP.DeleteTerms(e.Context(), &idp.DeleteTermsInput{UserPoolId: &other.pool, TermsId: mine.TermsId})
		_, badLink := e.root.IDP.UpdateTerms(e.Context(), &idp.UpdateTermsInput{UserPoolId: &n.pool, TermsId: mine.TermsId, Links: map[string]string{"cognito:german": "https://x"}})
		_, list := e.root.IDP.ListTerms(e.Context(), &idp.ListTermsInput{UserPoolId: &n.pool, NextToken: aws.String("x")})
		invalid, missing, none := "InvalidParameterException", "ResourceNotFoundException", "Terms "+*mine.TermsId+" do not exist."
		e.allRefused(
			aRefusal{"the same again", create("terms-of-use", nil), "TermsExistsException", ""},
			aRefusal{"another pool's client", create("privacy-policy", func(in *idp.CreateTermsInput) { in.ClientId = &other.client }), missing, "User pool client " + other.client + " does not exist."},
			aRefusal{"another name", create("cookies", nil), invalid, "/at 'termsName' failed/"},
			aRefusal{"no links", create("privacy-policy", link(nil)), invalid, "Links must have an entry for cognito:default."},
			aRefusal{"no default", create("privacy-policy", link(map[string]string{"cognito:german": "https://x"})), invalid, "Links must have an entry for cognito:default."},
			aRefusal{"another language", create("privacy-policy", link(map[string]string{"cognito:default": "https://x", "cognito:klingon": "https://x"})), invalid, "/^1 validation error detected/"},
			aRefusal{"a script", create("privacy-policy", link(map[string]string{"cognito:default": "javascript:alert(1)"})), invalid, "The link for cognito:default must be an http or https URL."},
			aRefusal{"a path", create("privacy-policy", link(map[string]string{"cognito:default": "/terms"})), invalid, "The link for cognito:default must be an http or https URL."},
			aRefusal{"describe another pool's", describe, missing, none},
			aRefusal{"update another pool's", update, missing, none},
			aRefusal{"delete another pool's", remove, missing, none},
			aRefusal{"update to no default", badLink, invalid, "Links must have an entry for cognito:default."},
			aRefusal{"a token that is none", list, invalid, "Invalid pagination token"},
		)
	})
}
