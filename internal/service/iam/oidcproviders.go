package iam

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/store"
)

// Quotas of OpenID Connect providers (IAM user guide, "IAM and AWS STS
// quotas").
const (
	maxOIDCProviders = 100
	maxClientIDs     = 100
	maxThumbprints   = 5
)

func (s *Service) oidcPrefix() string { return "arn:aws:iam::" + s.Account + ":oidc-provider/" }

// OIDCProvider is the issuer of the provider with that ARN and the client ids
// whose tokens it may give to us, or false. Services that verify such tokens ask
// it.
func (s *Service) OIDCProvider(ctx context.Context, arn string) (issuer string, clientIDs []string, ok bool, err error) {
	p, err := cached(ctx, s, "oidc "+arn, func(tx *store.Tx) (*store.IAMOIDCProvider, error) { return store.IAMOIDCProviderByARN(tx, arn) })
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadText) {
		return "", nil, false, nil
	}
	if err != nil {
		return "", nil, false, err
	}
	name := strings.TrimPrefix(p.ARN, s.oidcPrefix())
	if s.onLoopback("https://" + name) {
		return "http://" + name, slices.Clone(p.ClientIDs), true, nil
	}
	return "https://" + name, slices.Clone(p.ClientIDs), true, nil
}

func oidcNotFound(arn string) error {
	return &iam.NoSuchEntityException{Message: "OpenIDConnect Provider not found for arn " + arn}
}

func oidcProvider(tx *store.Tx, arn string) (*store.IAMOIDCProvider, error) {
	p, err := store.IAMOIDCProviderByARN(tx, arn)
	if errors.Is(err, store.ErrNotFound) {
		return nil, oidcNotFound(arn)
	}
	return p, err
}

// onLoopback reports whether a URL is of a provider on this machine, which
// speaks http where LoopbackIssuers says so: the ARN does not tell the scheme.
func (s *Service) onLoopback(text string) bool {
	u, err := url.Parse(text)
	return err == nil && s.LoopbackIssuers && oidc.IsLoopback(u.Hostname())
}

// oidcName is the part of a provider's ARN that its URL makes.
func (s *Service) oidcName(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && !(u.Scheme == "http" && s.onLoopback(text)) || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, " \t\r\n") {
		return "", &iam.InvalidInputException{Message: "Invalid Open ID Connect Provider URL"}
	}
	return nameOf(text), nil
}

// nameOf is a provider's URL without scheme.
func nameOf(text string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://"), "/")
}

func checkLists(clientIDs, thumbprints []string) error {
	if len(clientIDs) > maxClientIDs {
		return limitExceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: " + strconv.Itoa(maxClientIDs))
	}
	if len(thumbprints) > maxThumbprints {
		return &iam.InvalidInputException{Message: "Thumbprint list must contain fewer than 5 entries."}
	}
	return nil
}

// CreateOpenIDConnectProvider makes a provider known whose tokens roles may
// trust. The issuer is not asked: it need not be up.
func (s *Service) CreateOpenIDConnectProvider(ctx context.Context, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	name, err := s.oidcName(*in.Url)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &store.IAMOIDCProvider{ARN: s.oidcPrefix() + name, ClientIDs: in.ClientIDList, Thumbprints: in.ThumbprintList, Tags: tags}
	if err := checkLists(p.ClientIDs, p.Thumbprints); err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		p.CreatedAt = tx.Now
		have, err := store.IAMOIDCProviders(tx, maxOIDCProviders)
		if err != nil {
			return err
		}
		if len(have) >= maxOIDCProviders {
			return limitExceeded("Cannot exceed quota for OpenIdConnectProvidersPerAccount: " + strconv.Itoa(maxOIDCProviders))
		}
		err = store.InsertIAMOIDCProvider(tx, p)
		if errors.Is(err, store.ErrConflict) {
			return &iam.EntityAlreadyExistsException{Message: "Provider with url https://" + name + " already exists."}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: new(p.ARN), Tags: apiTags(tags)}, nil
}

// GetOpenIDConnectProvider describes a provider. Its URL comes without the
// scheme, as AWS has it.
func (s *Service) GetOpenIDConnectProvider(ctx context.Context, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	out := &iam.GetOpenIDConnectProviderOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := oidcProvider(tx, *in.OpenIDConnectProviderArn)
		if err != nil {
			return err
		}
		*out = iam.GetOpenIDConnectProviderOutput{Url: new(strings.TrimPrefix(p.ARN, s.oidcPrefix())), ClientIDList: p.ClientIDs, ThumbprintList: p.Thumbprints,
			CreateDate: api.At(p.CreatedAt), Tags: apiTags(p.Tags)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListOpenIDConnectProviders lists the ARNs of all providers.
func (s *Service) ListOpenIDConnectProviders(ctx context.Context, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	out := &iam.ListOpenIDConnectProvidersOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		list, err := store.IAMOIDCProviders(tx, maxOIDCProviders)
		out.OpenIDConnectProviderList = mapped(list, func(p *store.IAMOIDCProvider) iam.OpenIDConnectProviderListEntry {
			return iam.OpenIDConnectProviderListEntry{Arn: new(p.ARN)}
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteOpenIDConnectProvider removes a provider. Doing it twice is fine, as on
// AWS; roles that name it then trust nobody.
func (s *Service) DeleteOpenIDConnectProvider(ctx context.Context, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	return &iam.DeleteOpenIDConnectProviderOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		return store.DeleteIAMOIDCProvider(tx, *in.OpenIDConnectProviderArn)
	})
}

// changeOIDC works on a provider and writes it back.
func (s *Service) changeOIDC(ctx context.Context, arn string, fn func(p *store.IAMOIDCProvider) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := oidcProvider(tx, arn)
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		return store.UpdateIAMOIDCProvider(tx, p)
	})
}

// AddClientIDToOpenIDConnectProvider lets tokens for another audience in.
func (s *Service) AddClientIDToOpenIDConnectProvider(ctx context.Context, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, s.changeOIDC(ctx, *in.OpenIDConnectProviderArn, func(p *store.IAMOIDCProvider) error {
		if !slices.Contains(p.ClientIDs, *in.ClientID) {
			p.ClientIDs = append(p.ClientIDs, *in.ClientID)
		}
		return checkLists(p.ClientIDs, nil)
	})
}

// RemoveClientIDFromOpenIDConnectProvider keeps them out again; an audience that
// is not there does not matter.
func (s *Service) RemoveClientIDFromOpenIDConnectProvider(ctx context.Context, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, s.changeOIDC(ctx, *in.OpenIDConnectProviderArn, func(p *store.IAMOIDCProvider) error {
		p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == *in.ClientID })
		return nil
	})
}

// UpdateOpenIDConnectProviderThumbprint replaces the list of thumbprints.
func (s *Service) UpdateOpenIDConnectProviderThumbprint(ctx context.Context, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	return &iam.UpdateOpenIDConnectProviderThumbprintOutput{}, s.changeOIDC(ctx, *in.OpenIDConnectProviderArn, func(p *store.IAMOIDCProvider) error {
		p.Thumbprints = in.ThumbprintList
		return checkLists(nil, p.Thumbprints)
	})
}

// TagOpenIDConnectProvider adds tags to a provider.
func (s *Service) TagOpenIDConnectProvider(ctx context.Context, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	more, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.TagOpenIDConnectProviderOutput{}, s.changeOIDC(ctx, *in.OpenIDConnectProviderArn, func(p *store.IAMOIDCProvider) (err error) {
		p.Tags, err = tagged(p.Tags, more)
		return err
	})
}

// UntagOpenIDConnectProvider removes tags from a provider.
func (s *Service) UntagOpenIDConnectProvider(ctx context.Context, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	return &iam.UntagOpenIDConnectProviderOutput{}, s.changeOIDC(ctx, *in.OpenIDConnectProviderArn, func(p *store.IAMOIDCProvider) error {
		p.Tags = untagged(p.Tags, in.TagKeys)
		return nil
	})
}

// ListOpenIDConnectProviderTags lists a provider's tags.
func (s *Service) ListOpenIDConnectProviderTags(ctx context.Context, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	out := &iam.ListOpenIDConnectProviderTagsOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := oidcProvider(tx, *in.OpenIDConnectProviderArn)
		if err != nil {
			return err
		}
		page, truncated, marker, err := slice(p.Tags, in.MaxItems, in.Marker)
		out.Tags, out.IsTruncated, out.Marker = apiTags(page), truncated, marker
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
