package e2e_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const certificateARN = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-4333-8444-555555555555"

func (n *tenant) domain(name string) error {
	_, err := n.root.IDP.CreateUserPoolDomain(n.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: &name})
	return err
}

func (n *tenant) customDomain(name string) error {
	_, err := n.root.IDP.CreateUserPoolDomain(n.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: &name,
		CustomDomainConfig: &types.CustomDomainConfigType{CertificateArn: aws.String(certificateARN)}})
	return err
}

func (n *tenant) deleteDomain(name string) error {
	_, err := n.root.IDP.DeleteUserPoolDomain(n.Context(), &idp.DeleteUserPoolDomainInput{UserPoolId: &n.pool, Domain: &name})
	return err
}

func (n *tenant) describeDomain(name string) *types.DomainDescriptionType {
	n.Helper()
	out, err := n.root.IDP.DescribeUserPoolDomain(n.Context(), &idp.DescribeUserPoolDomainInput{Domain: &name})
	n.ok(err)
	return out.DomainDescription
}

func TestDomains(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		if a := e.post(e.root, "cognito-idp", idpTarget+"DescribeUserPoolDomain", `{"Domain":"nobody"}`); string(a.body) != `{"DomainDescription":{}}` {
			e.Errorf("a domain that nobody has is %s", a.body)
		}
		out, err := e.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("team-a")})
		e.ok(err)
		if aws.ToInt32(out.ManagedLoginVersion) != 1 || out.CloudFrontDomain != nil {
			e.Errorf("a prefix domain is created as %+v", out)
		}
		custom, err := e.root.IDP.CreateUserPoolDomain(e.Context(), &idp.CreateUserPoolDomainInput{UserPoolId: &n.pool, Domain: aws.String("auth.example.com"), ManagedLoginVersion: aws.Int32(2),
			CustomDomainConfig: &types.CustomDomainConfigType{CertificateArn: aws.String(certificateARN)}})
		e.ok(err)
		if aws.ToInt32(custom.ManagedLoginVersion) != 2 || aws.ToString(custom.CloudFrontDomain) != "localhost" {
			e.Errorf("a custom domain is created as %+v", custom)
		}
		d := n.describeDomain("team-a")
		if *d.UserPoolId != n.pool || *d.AWSAccountId != e.server.Account || *d.Domain != "team-a" || d.Status != "ACTIVE" || *d.ManagedLoginVersion != 1 ||
			len(*d.Version) != 14 || d.CustomDomainConfig != nil || d.CloudFrontDistribution != nil {
			e.Errorf("the prefix domain is %+v", d)
		}
		if d := n.describeDomain("auth.example.com"); *d.CustomDomainConfig.CertificateArn != certificateARN || *d.ManagedLoginVersion != 2 || *d.CloudFrontDistribution != "localhost" {
			e.Errorf("the custom domain is %+v", d)
		}
		pool, err := e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: &n.pool})
		e.ok(err)
		if aws.ToString(pool.UserPool.Domain) != "team-a" || aws.ToString(pool.UserPool.CustomDomain) != "auth.example.com" {
			e.Errorf("the pool shows %v and %v", aws.ToString(pool.UserPool.Domain), aws.ToString(pool.UserPool.CustomDomain))
		}

		renewed := strings.Replace(certificateARN, "1111", "9999", 1)
		for _, in := range []*idp.UpdateUserPoolDomainInput{
			{Domain: aws.String("team-a"), ManagedLoginVersion: aws.Int32(2)},
			{Domain: aws.String("auth.example.com"), CustomDomainConfig: &types.CustomDomainConfigType{CertificateArn: &renewed}},
		} {
			in.UserPoolId = &n.pool
			out, err := e.root.IDP.UpdateUserPoolDomain(e.Context(), in)
			e.ok(err)
			if aws.ToInt32(out.ManagedLoginVersion) != 2 {
				e.Errorf("an update of %s answers %+v", *in.Domain, out)
			}
		}
		if d := n.describeDomain("auth.example.com"); *d.CustomDomainConfig.CertificateArn != renewed || *d.ManagedLoginVersion != 2 {
			e.Errorf("the updated domain is %+v", d)
		}

		_, err = e.root.IDP.DeleteUserPool(e.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		e.refused(err, "InvalidParameterException", "User pool cannot be deleted. It has a domain configured that should be deleted first.")
		e.ok(n.deleteDomain("team-a"))
		_, err = e.root.IDP.DeleteUserPool(e.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		e.refused(err, "InvalidParameterException", "/has a domain configured/")
		e.ok(n.deleteDomain("auth.example.com"))
		if d := n.describeDomain("team-a"); d.Domain != nil {
			e.Errorf("a deleted domain is %+v", d)
		}
		_, err = e.root.IDP.DeleteUserPool(e.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		e.ok(err)
		e.ok(e.tenant(nil, nil).domain("team-a"))
	})
}

func TestDomains_refused(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		lite := e.tenant(func(in *idp.CreateUserPoolInput) { in.UserPoolTier = "LITE" }, nil)
		e.ok(n.domain("mine"))
		e.ok(other.customDomain("login.example.org"))
		update := func(n *tenant, in *idp.UpdateUserPoolDomainInput) error {
			in.UserPoolId = &n.pool
			_, err := e.root.IDP.UpdateUserPoolDomain(e.Context(), in)
			return err
		}
		create := func(n *tenant, in *idp.CreateUserPoolDomainInput) error {
			in.UserPoolId = &n.pool
			_, err := e.root.IDP.CreateUserPoolDomain(e.Context(), in)
			return err
		}
		const taken, noSuch = "Domain already associated with another user pool.", "No such domain or user pool exists."
		invalid := "InvalidParameterException"
		gone := &tenant{env: e, pool: "us-east-1_000000000"}
		e.allRefused(
			aRefusal{"another's prefix", other.domain("mine"), invalid, taken},
			aRefusal{"one's own again", n.domain("mine"), invalid, taken},
			aRefusal{"another's custom domain", n.customDomain("login.example.org"), invalid, taken},
			aRefusal{"a second prefix", n.domain("mine-too"), invalid, "User pool already has a domain configured."},
			aRefusal{"aws", other.domain("my-aws-login"), invalid, "Domain cannot contain reserved word: aws"},
			aRefusal{"amazon", other.domain("amazonas"), invalid, "Domain cannot contain reserved word: amazon"},
			aRefusal{"cognito", other.domain("newcognito"), invalid, "Domain cannot contain reserved word: cognito"},
			aRefusal{"dots in a prefix", other.domain("a.b"), invalid, "/^The domain name contains an invalid character/"},
			aRefusal{"upper case", other.domain("Team"), invalid, "/at 'domain' failed/"},
			aRefusal{"a hyphen at the end", other.domain("team-"), invalid, "/at 'domain' failed/"},
			aRefusal{"64 letters", other.domain(strings.Repeat("a", 64)), invalid, "/at 'domain' failed/"},
			aRefusal{"another host", other.domain("a/../b"), invalid, "/at 'domain' failed/"},
			aRefusal{"a custom domain without dots", n.customDomain("login"), invalid, "/is not a fully-qualified domain name/"},
			aRefusal{"an empty label", n.customDomain("login..example.com"), invalid, "/is not a fully-qualified domain name/"},
			aRefusal{"a label that begins with a hyphen", n.customDomain("login.-example.com"), invalid, "/is not a fully-qualified domain name/"},
			aRefusal{"a certificate from elsewhere", create(n, &idp.CreateUserPoolDomainInput{Domain: aws.String("x.example.com"), CustomDomainConfig: &types.CustomDomainConfigType{
				CertificateArn: aws.String(strings.Replace(certificateARN, "us-east-1", "eu-west-1", 1))}}), invalid, "/^Invalid certificate ARN/"},
			aRefusal{"version 3", create(other, &idp.CreateUserPoolDomainInput{Domain: aws.String("three"), ManagedLoginVersion: aws.Int32(3)}), invalid, "ManagedLoginVersion must be 1 or 2."},
			aRefusal{"managed login in LITE", create(lite, &idp.CreateUserPoolDomainInput{Domain: aws.String("lite"), ManagedLoginVersion: aws.Int32(2)}), "FeatureUnavailableInTierException", ""},
			aRefusal{"update of another's", update(other, &idp.UpdateUserPoolDomainInput{Domain: aws.String("mine")}), invalid, noSuch},
			aRefusal{"update of nobody's", update(n, &idp.UpdateUserPoolDomainInput{Domain: aws.String("nobody")}), invalid, noSuch},
			aRefusal{"a certificate for a prefix", update(n, &idp.UpdateUserPoolDomainInput{Domain: aws.String("mine"),
				CustomDomainConfig: &types.CustomDomainConfigType{CertificateArn: aws.String(certificateARN)}}), invalid, "CustomDomainConfig cannot be set for a prefix domain."},
			aRefusal{"version 0", update(n, &idp.UpdateUserPoolDomainInput{Domain: aws.String("mine"), ManagedLoginVersion: aws.Int32(0)}), invalid, "ManagedLoginVersion must be 1 or 2."},
			aRefusal{"deletion of another's", other.deleteDomain("mine"), invalid, noSuch},
			aRefusal{"deletion of nobody's", n.deleteDomain("nobody"), invalid, noSuch},
			aRefusal{"no pool", gone.domain("fresh"), "ResourceNotFoundException", "User pool us-east-1_000000000 does not exist."},
			aRefusal{"no pool to delete from", gone.deleteDomain("mine"), "ResourceNotFoundException", "User pool us-east-1_000000000 does not exist."},
		)
		if d := n.describeDomain("mine"); *d.UserPoolId != n.pool || *d.ManagedLoginVersion != 1 {
			e.Errorf("refusals left %+v", d)
		}
		// A tier without managed login is refused while the domain uses it.
		e.ok(lite.domain("plain"))
		e.refused(update(lite, &idp.UpdateUserPoolDomainInput{Domain: aws.String("plain"), ManagedLoginVersion: aws.Int32(2)}), "FeatureUnavailableInTierException", "")
		e.ok(update(n, &idp.UpdateUserPoolDomainInput{Domain: aws.String("mine"), ManagedLoginVersion: aws.Int32(2)}))
		_, err := e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, UserPoolTier: "LITE"})
		e.refused(err, "TierChangeNotAllowedException", "/mine uses managed login/")
		e.ok(update(n, &idp.UpdateUserPoolDomainInput{Domain: aws.String("mine"), ManagedLoginVersion: aws.Int32(1)}))
		_, err = e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, UserPoolTier: "LITE"})
		e.ok(err)
	})
}
