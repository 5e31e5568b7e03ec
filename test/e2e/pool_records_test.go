package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// TestPoolRecords_owner: what belongs to a client goes with it, and what
// belongs to a pool goes with that.
func TestPoolRecords_owner(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(audited, nil)
		id, _ := n.newClient(nil)
		css := ".label-customizable{color:red}"
		e.ok(n.domain("owned"))
		for _, c := range []*tenant{n, n.with(id, "")} {
			_, err := c.setUI(&c.client, &css, nil)
			e.ok(err)
			_, err = c.brand(&idp.CreateManagedLoginBrandingInput{UseCognitoProvidedValues: true})
			e.ok(err)
			_, err = c.terms("terms-of-use", nil)
			e.ok(err)
			_, err = e.root.IDP.SetRiskConfiguration(e.Context(), &idp.SetRiskConfigurationInput{UserPoolId: &n.pool, ClientId: &c.client, AccountTakeoverRiskConfiguration: takeover("BLOCK", false, nil)})
			e.ok(err)
		}
		e.ok(n.resourceServer("api", "read"))
		e.ok(n.oidc("Corp", nil))
		kept, certificate := n.describeProvider("Corp"), n.certificate()
		count := func(want int) {
			e.Helper()
			list, err := e.root.IDP.ListTerms(e.Context(), &idp.ListTermsInput{UserPoolId: &n.pool})
			e.ok(err)
			if len(list.Terms) != want {
				e.Errorf("%d terms, want %d", len(list.Terms), want)
			}
		}
		count(2)
		_, err := e.root.IDP.DeleteUserPoolClient(e.Context(), &idp.DeleteUserPoolClientInput{UserPoolId: &n.pool, ClientId: &id})
		e.ok(err)
		count(1)
		if got := n.getUI(&n.client); *got.ClientId != n.client {
			e.Errorf("the other client's style went as well: %s", asJSON(got))
		}
		if asJSON(n.describeProvider("Corp")) != asJSON(kept) {
			e.Error("the provider changed")
		}
		for what, err := range map[string]error{
			"style": func() error { _, err := n.setUI(&id, &css, nil); return err }(),
			"branding": func() error {
				_, err := n.with(id, "").brand(&idp.CreateManagedLoginBrandingInput{UseCognitoProvidedValues: true})
				return err
			}(),
			"terms": func() error { _, err := n.with(id, "").terms("terms-of-use", nil); return err }(),
			"risk":  func() error { _, err := n.risk(&id); return err }(),
		} {
			if !e.refused(err, "ResourceNotFoundException", "User pool client "+id+" does not exist.") {
				e.Log(what)
			}
		}
		// The records are still there after a restart, on the disk.
		again := e.restart()
		m := &tenant{again, n.pool, n.client, ""}
		if asJSON(m.describeProvider("Corp")) != asJSON(kept) || m.certificate() != certificate {
			e.Error("the provider changed in a restart")
		}
		again.ok(m.deleteDomain("owned"))
		_, err = again.root.IDP.DeleteUserPool(again.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		again.ok(err)
		gone := "User pool " + n.pool + " does not exist."
		again.refused(m.resourceServer("api"), "ResourceNotFoundException", gone)
		again.refused(m.oidc("Corp", nil), "ResourceNotFoundException", gone)
	})
}

// TestPoolRecords_permission: a policy for one pool opens its records and no
// other pool's; a domain, which names no pool, needs one for all.
func TestPoolRecords_permission(t *testing.T) {
	each(t, func(e *env) {
		mine, theirs := e.tenant(audited, nil), e.tenant(audited, nil)
		arn := "arn:aws:cognito-idp:" + e.server.Region + ":" + e.server.Account + ":userpool/"
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-idp:*","Resource":"`+arn+mine.pool+`"}}`)
		provider := `,"ProviderName":"Corp","ProviderType":"OIDC","ProviderDetails":` + asJSON(oidcDetails())
		for _, n := range []*tenant{mine, theirs} {
			e.ok(n.domain("of-" + strings.ToLower(n.pool[len(n.pool)-9:])))
		}
		uuid := `"11111111-2222-4333-8444-555555555555"`
		for _, c := range []struct{ operation, rest string }{
			{"CreateResourceServer", `,"Identifier":"api","Name":"api"`}, {"DescribeResourceServer", `,"Identifier":"api"`},
			{"UpdateResourceServer", `,"Identifier":"api","Name":"b"`}, {"ListResourceServers", ``}, {"DeleteResourceServer", `,"Identifier":"api"`},
			{"CreateIdentityProvider", provider}, {"DescribeIdentityProvider", `,"ProviderName":"Corp"`}, {"UpdateIdentityProvider", `,"ProviderName":"Corp","IdpIdentifiers":["a"]`},
			{"GetIdentityProviderByIdentifier", `,"IdpIdentifier":"a"`}, {"ListIdentityProviders", ``}, {"DeleteIdentityProvider", `,"ProviderName":"Corp"`},
			{"GetSigningCertificate", ``}, {"SetUICustomization", ``}, {"GetUICustomization", ``},
			{"CreateManagedLoginBranding", `,"ClientId":"CLIENT","UseCognitoProvidedValues":true`}, {"DescribeManagedLoginBrandingByClient", `,"ClientId":"CLIENT"`},
			{"DescribeManagedLoginBranding", `,"ManagedLoginBrandingId":` + uuid}, {"UpdateManagedLoginBranding", `,"ManagedLoginBrandingId":` + uuid}, {"DeleteManagedLoginBranding", `,"ManagedLoginBrandingId":` + uuid},
			{"CreateTerms", `,"ClientId":"CLIENT","TermsName":"terms-of-use","TermsSource":"LINK","Enforcement":"NONE","Links":{"cognito:default":"https://x"}`}, {"ListTerms", ``},
			{"DescribeTerms", `,"TermsId":` + uuid}, {"UpdateTerms", `,"TermsId":` + uuid}, {"DeleteTerms", `,"TermsId":` + uuid},
			{"SetRiskConfiguration", ``}, {"DescribeRiskConfiguration", ``}, {"SetLogDeliveryConfiguration", `,"LogConfigurations":[]`}, {"GetLogDeliveryConfiguration", ``},
			{"UpdateUserPoolDomain", `,"Domain":"DOMAIN"`}, {"DeleteUserPoolDomain", `,"Domain":"DOMAIN"`}, {"CreateUserPoolDomain", `,"Domain":"DOMAIN"`},
		} {
			body := func(n *tenant) string {
				return `{"UserPoolId":"` + n.pool + `"` + strings.NewReplacer("CLIENT", n.client, "DOMAIN", "of-"+strings.ToLower(n.pool[len(n.pool)-9:])).Replace(c.rest) + `}`
			}
			if a := e.post(ann, "cognito-idp", idpTarget+c.operation, body(theirs)); a.kind() != "AccessDeniedException" || !strings.Contains(a.message(), "cognito-idp:"+c.operation+" on resource: "+arn+theirs.pool) {
				e.Errorf("%s on another's pool: %d %s", c.operation, a.status, a.body)
			}
			if a := e.post(nil, "", idpTarget+c.operation, body(mine)); a.kind() != "MissingAuthenticationTokenException" {
				e.Errorf("%s without a signature: %d %s", c.operation, a.status, a.body)
			}
			a := e.post(ann, "cognito-idp", idpTarget+c.operation, body(mine))
			if absent := strings.Contains(c.rest, uuid); absent && a.kind() != "ResourceNotFoundException" || !absent && a.status != http.StatusOK {
				e.Errorf("%s on one's own pool: %d %s", c.operation, a.status, a.body)
			}
		}
		_, err := ann.IDP.DescribeUserPoolDomain(e.Context(), &idp.DescribeUserPoolDomainInput{Domain: aws.String("x")})
		e.refused(err, "AccessDeniedException", "/on resource: \\*/")
		if a := e.post(ann, "cognito-idp", idpTarget+"UpdateManagedLoginBranding", `{}`); a.kind() != "AccessDeniedException" {
			e.Errorf("an update of no pool: %d %s", a.status, a.body)
		}
	})
}

// TestRace_poolRecords: many want one name, one gets it.
func TestRace_poolRecords(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		n := ns[0]
		other := n.tenant(nil, nil)
		for i := range 5 {
			name := fmt.Sprint("thing", i)
			o := ns.race(func(n *tenant, racer int) error {
				to := &tenant{n.env, []string{n.pool, other.pool}[racer%4/2], n.client, ""}
				return to.customDomain(name + ".example.com")
			})
			ns.one("domain "+name, o, "InvalidParameterException")
			d := n.describeDomain(name + ".example.com")
			n.ok((&tenant{n.env, *d.UserPoolId, "", ""}).deleteDomain(name + ".example.com"))

			ns.one("provider "+name, ns.race(func(n *tenant, _ int) error { return n.oidc(name, nil) }), "DuplicateProviderException")
			ns.one("identifier "+name, ns.race(func(n *tenant, racer int) error {
				return n.oidc(fmt.Sprint(name, "of", racer), func(in *idp.CreateIdentityProviderInput) { in.IdpIdentifiers = []string{name} })
			}), "InvalidParameterException")
			ns.one("resource server "+name, ns.race(func(n *tenant, _ int) error { return n.resourceServer(name) }), "InvalidParameterException")
			id, _ := n.newClient(nil)
			ns.one("branding "+name, ns.race(func(n *tenant, _ int) error {
				_, err := n.with(id, "").brand(&idp.CreateManagedLoginBrandingInput{UseCognitoProvidedValues: true})
				return err
			}), "ManagedLoginBrandingExistsException", "ResourceNotFoundException")
			ns.one("terms "+name, ns.race(func(n *tenant, _ int) error { _, err := n.with(id, "").terms("terms-of-use", nil); return err }), "TermsExistsException", "ResourceNotFoundException")
		}
		// One place is left: of many who want it, one gets it.
		for i := range 19 {
			n.ok(n.resourceServer(fmt.Sprint("filler", i)))
		}
		ns.one("the last place", ns.race(func(n *tenant, racer int) error { return n.resourceServer(fmt.Sprint("last", racer)) }), "LimitExceededException")
	})
}

// TestRace_deletedPool: what is made while its pool is deleted is refused or
// goes with it, and a domain keeps its pool.
func TestRace_deletedPool(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		for i := range 5 {
			doomed := ns[0].tenant(nil, nil)
			name := fmt.Sprint("doomed", i)
			o := ns.race(func(n *tenant, racer int) error {
				to := &tenant{n.env, doomed.pool, doomed.client, ""}
				switch racer % 4 {
				case 0:
					return to.domain(name)
				case 1:
					return to.resourceServer(fmt.Sprint("api", racer))
				case 2:
					return to.oidc(fmt.Sprint("Corp", racer), nil)
				}
				_, err := n.root.IDP.DeleteUserPool(n.Context(), &idp.DeleteUserPoolInput{UserPoolId: &doomed.pool})
				return err
			})
			for text := range o.refused {
				if !strings.HasPrefix(text, "ResourceNotFoundException") && !strings.HasPrefix(text, "InvalidParameterException") {
					ns[0].Errorf("a loser got %s", text)
				}
			}
			// A domain without its pool is never seen. The pool without its domain
			// may be, for half a second, on the node that did not delete it.
			for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				d := ns[0].describeDomain(name)
				_, err := ns[0].root.IDP.DescribeUserPool(ns[0].Context(), &idp.DescribeUserPoolInput{UserPoolId: &doomed.pool})
				if (err != nil) == (d.Domain == nil) {
					break
				}
				if d.Domain != nil || time.Now().After(deadline) {
					ns[0].Errorf("the pool: %v; its domain: %s", err, asJSON(d))
					break
				}
			}
		}
	})
}

// TestRace_clientSecret: a change of a client's settings does not bring a
// secret back that was deleted meanwhile.
func TestRace_clientSecret(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		n := ns[0]
		id, _ := n.newClient(func(in *idp.CreateUserPoolClientInput) { in.GenerateSecret = true })
		for range things {
			added, err := n.root.IDP.AddUserPoolClientSecret(n.Context(), &idp.AddUserPoolClientSecretInput{UserPoolId: &n.pool, ClientId: &id})
			n.ok(err)
			o := ns.race(func(n *tenant, racer int) (err error) {
				if racer == racers/2 {
					_, err = n.root.IDP.DeleteUserPoolClientSecret(n.Context(), &idp.DeleteUserPoolClientSecretInput{UserPoolId: &n.pool, ClientId: &id,
						ClientSecretId: added.ClientSecretDescriptor.ClientSecretId})
				} else {
					_, err = n.root.IDP.UpdateUserPoolClient(n.Context(), &idp.UpdateUserPoolClientInput{UserPoolId: &n.pool, ClientId: &id})
				}
				return err
			})
			if o.won != racers {
				n.Fatalf("refused: %v", o.refused)
			}
			left, err := n.root.IDP.ListUserPoolClientSecrets(n.Context(), &idp.ListUserPoolClientSecretsInput{UserPoolId: &n.pool, ClientId: &id})
			n.ok(err)
			if len(left.ClientSecrets) != 1 {
				n.Fatalf("%d secrets are left, want 1", len(left.ClientSecrets))
			}
		}
	})
}
