package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// A domain is where a pool's pages are. It is a prefix, which is a name under
// the server's own, or a name of the owner's, which has dots and a certificate.

// domainBody is what a domain's row says besides its name.
type domainBody struct {
	ManagedLoginVersion int
	CertificateArn      string `json:",omitempty"`
}

// The branding versions of a domain's pages.
const (
	classicPages = 1
	managedLogin = 2
)

var errNoDomain = &cognitoidp.InvalidParameterException{Message: "No such domain or user pool exists."}

// reservedInPrefix are words that no prefix contains (hosted-ui-oauth.md,
// section 1).
var reservedInPrefix = []string{"aws", "amazon", "cognito"}

func checkDomain(domain string, custom *cognitoidp.CustomDomainConfigType) error {
	if custom == nil {
		if strings.Contains(domain, ".") {
			return invalid("The domain name contains an invalid character. Domain names can only contain lower-case letters, numbers, and hyphens. " +
				`Please enter a different name that follows this format: ^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$`)
		}
		for _, word := range reservedInPrefix {
			if strings.Contains(domain, word) {
				return invalid("Domain cannot contain reserved word: " + word)
			}
		}
		return nil
	}
	labels := strings.Split(domain, ".")
	for _, l := range labels {
		if len(labels) < 2 || l == "" || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return invalid("Custom domain " + domain + " is not a fully-qualified domain name.")
		}
	}
	return checkCertificate(custom)
}

func checkCertificate(c *cognitoidp.CustomDomainConfigType) error {
	if !strings.HasPrefix(*c.CertificateArn, "arn:aws:acm:us-east-1:") {
		return invalid("Invalid certificate ARN " + *c.CertificateArn + ": it must be of a certificate of AWS Certificate Manager in us-east-1.")
	}
	return nil
}

// setVersion takes over a branding version, or leaves the one that is there.
func (b *domainBody) setVersion(p *pool.Pool, version *int) error {
	if version == nil {
		return nil
	}
	if *version != classicPages && *version != managedLogin {
		return invalid("ManagedLoginVersion must be 1 or 2.")
	}
	if *version == managedLogin && !tierIncludes(p.Settings, cognitoidp.UserPoolTierTypeEssentials) {
		return &cognitoidp.FeatureUnavailableInTierException{Message: "Managed login is not available in the LITE tier."}
	}
	b.ManagedLoginVersion = *version
	return nil
}

// CreateUserPoolDomain gives a pool a domain, which no other pool may have.
func (s *Service) CreateUserPoolDomain(ctx context.Context, in *cognitoidp.CreateUserPoolDomainInput) (*cognitoidp.CreateUserPoolDomainOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	if err := checkDomain(*in.Domain, in.CustomDomainConfig); err != nil {
		return nil, err
	}
	d := &store.PoolDomain{Domain: *in.Domain, PoolID: *in.UserPoolId, Custom: in.CustomDomainConfig != nil, CreatedAt: s.Now(), UpdatedAt: s.Now()}
	b := domainBody{ManagedLoginVersion: classicPages}
	if d.Custom {
		b.CertificateArn = *in.CustomDomainConfig.CertificateArn
	}
	err := s.inPool(ctx, d.PoolID, func(tx *store.Tx, p *pool.Pool) error {
		if err := b.setVersion(p, in.ManagedLoginVersion); err != nil {
			return err
		}
		d.Body = body(b)
		err := store.InsertPoolDomain(tx, d)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		switch _, err := store.PoolDomainByName(tx, d.Domain); {
		case errors.Is(err, store.ErrNotFound):
			return invalid("User pool already has a domain configured.")
		case err != nil:
			return err
		}
		return invalid("Domain already associated with another user pool.")
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.CreateUserPoolDomainOutput{ManagedLoginVersion: &b.ManagedLoginVersion, CloudFrontDomain: s.target(d)}, nil
}

// target is the name to which the owner of a custom domain points it: here the
// server's own, where AWS answers a CloudFront distribution.
func (s *Service) target(d *store.PoolDomain) *string {
	if !d.Custom {
		return nil
	}
	return &s.BaseDomain
}

// DescribeUserPoolDomain shows a domain. One that nobody has is an empty
// description and no error.
func (s *Service) DescribeUserPoolDomain(ctx context.Context, in *cognitoidp.DescribeUserPoolDomainInput) (*cognitoidp.DescribeUserPoolDomainOutput, error) {
	var d *store.PoolDomain
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		d, err = store.PoolDomainByName(tx, *in.Domain)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &cognitoidp.DescribeUserPoolDomainOutput{DomainDescription: &cognitoidp.DomainDescriptionType{}}, nil
	}
	if err != nil {
		return nil, err
	}
	var b domainBody
	if err := json.Unmarshal([]byte(d.Body), &b); err != nil {
		return nil, err
	}
	t := &cognitoidp.DomainDescriptionType{UserPoolId: &d.PoolID, AWSAccountId: &s.Account, Domain: &d.Domain, CloudFrontDistribution: s.target(d),
		Version: new(d.UpdatedAt.Format(versionForm)), Status: new(cognitoidp.DomainStatusTypeActive), ManagedLoginVersion: &b.ManagedLoginVersion}
	if b.CertificateArn != "" {
		t.CustomDomainConfig = &cognitoidp.CustomDomainConfigType{CertificateArn: &b.CertificateArn}
	}
	return &cognitoidp.DescribeUserPoolDomainOutput{DomainDescription: t}, nil
}

// versionForm is how Cognito writes the version of a domain or a style sheet: a
// time.
const versionForm = "20060102150405"

// UpdateUserPoolDomain changes the branding version of a domain, and the
// certificate of a custom one. What is not given stays.
func (s *Service) UpdateUserPoolDomain(ctx context.Context, in *cognitoidp.UpdateUserPoolDomainInput) (*cognitoidp.UpdateUserPoolDomainOutput, error) {
	var d *store.PoolDomain
	var b domainBody
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) (err error) {
		d, err = store.PoolDomainByName(tx, *in.Domain)
		if errors.Is(err, store.ErrNotFound) || err == nil && d.PoolID != p.ID {
			return errNoDomain
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(d.Body), &b); err != nil {
			return err
		}
		if c := in.CustomDomainConfig; c != nil {
			if !d.Custom {
				return invalid("CustomDomainConfig cannot be set for a prefix domain.")
			}
			if err := checkCertificate(c); err != nil {
				return err
			}
			b.CertificateArn = *c.CertificateArn
		}
		if err := b.setVersion(p, in.ManagedLoginVersion); err != nil {
			return err
		}
		d.Body, d.UpdatedAt = body(b), tx.Now
		return store.UpdatePoolDomain(tx, d)
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.UpdateUserPoolDomainOutput{ManagedLoginVersion: &b.ManagedLoginVersion, CloudFrontDomain: s.target(d)}, nil
}

// DeleteUserPoolDomain takes a domain away from its pool; it is free at once.
func (s *Service) DeleteUserPoolDomain(ctx context.Context, in *cognitoidp.DeleteUserPoolDomainInput) (*cognitoidp.DeleteUserPoolDomainOutput, error) {
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error { return store.DeletePoolDomain(tx, p.ID, *in.Domain) })
	if errors.Is(err, store.ErrNotFound) {
		err = errNoDomain
	}
	return &cognitoidp.DeleteUserPoolDomainOutput{}, err
}
