package iam

import (
	"context"
	"errors"
	"strconv"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/authn/samlmeta"
	"gatehouse/internal/store"
)

// maxSAMLProviders is a quota (IAM user guide, "IAM and AWS STS quotas").
const maxSAMLProviders = 100

func (s *Service) samlPrefix() string { return "arn:aws:iam::" + s.Account + ":saml-provider/" }

func samlProvider(tx *store.Tx, arn string) (*store.IAMSAMLProvider, error) {
	p, err := store.IAMSAMLProviderByARN(tx, arn)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &iam.NoSuchEntityException{Message: "Manifest not found for arn " + arn}
	}
	return p, err
}

// setMetadata reads a provider's metadata into it.
func setMetadata(p *store.IAMSAMLProvider, text string) error {
	m, err := samlmeta.Parse(text)
	if err != nil {
		return &iam.InvalidInputException{Message: "Could not parse metadata: it " + err.Error()}
	}
	p.Metadata, p.ValidUntil = text, m.ValidUntil
	return nil
}

// noEncryption refuses what only an encrypted assertion needs: a key that would
// be kept and never used is worse than none.
func noEncryption(mode *iam.AssertionEncryptionModeType, key *api.Secret) error {
	if mode != nil || key != nil {
		return &iam.InvalidInputException{Message: "Encrypted assertions are not supported."}
	}
	return nil
}

// CreateSAMLProvider makes an identity provider known by its metadata.
func (s *Service) CreateSAMLProvider(ctx context.Context, in *iam.CreateSAMLProviderInput) (*iam.CreateSAMLProviderOutput, error) {
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := noEncryption(in.AssertionEncryptionMode, in.AddPrivateKey); err != nil {
		return nil, err
	}
	p := &store.IAMSAMLProvider{ARN: s.samlPrefix() + *in.Name, ID: newID("ASPA"), Tags: tags}
	if err := setMetadata(p, *in.SAMLMetadataDocument); err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		p.CreatedAt = tx.Now
		have, err := store.IAMSAMLProviders(tx, maxSAMLProviders)
		if err != nil {
			return err
		}
		if len(have) >= maxSAMLProviders {
			return limitExceeded("Cannot exceed quota for SAMLProvidersPerAccount: " + strconv.Itoa(maxSAMLProviders))
		}
		err = store.InsertIAMSAMLProvider(tx, p)
		if errors.Is(err, store.ErrConflict) {
			return &iam.EntityAlreadyExistsException{Message: "Provider with name " + *in.Name + " already exists."}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateSAMLProviderOutput{SAMLProviderArn: new(p.ARN), Tags: apiTags(tags)}, nil
}

// GetSAMLProvider describes a provider, with its metadata as it was given.
func (s *Service) GetSAMLProvider(ctx context.Context, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	out := &iam.GetSAMLProviderOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := samlProvider(tx, *in.SAMLProviderArn)
		if err != nil {
			return err
		}
		*out = iam.GetSAMLProviderOutput{SAMLProviderUUID: new(p.ID), SAMLMetadataDocument: new(p.Metadata), CreateDate: api.At(p.CreatedAt),
			ValidUntil: validUntil(p), Tags: apiTags(p.Tags)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func validUntil(p *store.IAMSAMLProvider) *api.Timestamp {
	if p.ValidUntil.IsZero() {
		return nil
	}
	return api.At(p.ValidUntil)
}

// ListSAMLProviders lists all providers by ARN.
func (s *Service) ListSAMLProviders(ctx context.Context, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	out := &iam.ListSAMLProvidersOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		list, err := store.IAMSAMLProviders(tx, maxSAMLProviders)
		out.SAMLProviderList = mapped(list, func(p *store.IAMSAMLProvider) iam.SAMLProviderListEntry {
			return iam.SAMLProviderListEntry{Arn: new(p.ARN), ValidUntil: validUntil(p), CreateDate: api.At(p.CreatedAt)}
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// changeSAML works on a provider and writes it back.
func (s *Service) changeSAML(ctx context.Context, arn string, fn func(p *store.IAMSAMLProvider) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		p, err := samlProvider(tx, arn)
		if err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		return store.UpdateIAMSAMLProvider(tx, p)
	})
}

// UpdateSAMLProvider replaces a provider's metadata.
func (s *Service) UpdateSAMLProvider(ctx context.Context, in *iam.UpdateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	if err := noEncryption(in.AssertionEncryptionMode, in.AddPrivateKey); err != nil {
		return nil, err
	}
	if in.RemovePrivateKey != nil {
		return nil, &iam.InvalidInputException{Message: "The provider has no private key " + *in.RemovePrivateKey + "."}
	}
	err := s.changeSAML(ctx, *in.SAMLProviderArn, func(p *store.IAMSAMLProvider) error {
		if in.SAMLMetadataDocument == nil {
			return nil
		}
		return setMetadata(p, *in.SAMLMetadataDocument)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: in.SAMLProviderArn}, nil
}

// DeleteSAMLProvider removes a provider. Roles and pools that name it then trust
// nobody.
func (s *Service) DeleteSAMLProvider(ctx context.Context, in *iam.DeleteSAMLProviderInput) (*iam.DeleteSAMLProviderOutput, error) {
	return &iam.DeleteSAMLProviderOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := samlProvider(tx, *in.SAMLProviderArn); err != nil {
			return err
		}
		return store.DeleteIAMSAMLProvider(tx, *in.SAMLProviderArn)
	})
}

// TagSAMLProvider adds tags to a provider.
func (s *Service) TagSAMLProvider(ctx context.Context, in *iam.TagSAMLProviderInput) (*iam.TagSAMLProviderOutput, error) {
	more, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.TagSAMLProviderOutput{}, s.changeSAML(ctx, *in.SAMLProviderArn, func(p *store.IAMSAMLProvider) (err error) {
		p.Tags, err = tagged(p.Tags, more)
		return err
	})
}

// UntagSAMLProvider removes tags from a provider.
func (s *Service) UntagSAMLProvider(ctx context.Context, in *iam.UntagSAMLProviderInput) (*iam.UntagSAMLProviderOutput, error) {
	return &iam.UntagSAMLProviderOutput{}, s.changeSAML(ctx, *in.SAMLProviderArn, func(p *store.IAMSAMLProvider) error {
		p.Tags = untagged(p.Tags, in.TagKeys)
		return nil
	})
}

// ListSAMLProviderTags lists a provider's tags.
func (s *Service) ListSAMLProviderTags(ctx context.Context, in *iam.ListSAMLProviderTagsInput) (*iam.ListSAMLProviderTagsOutput, error) {
	out := &iam.ListSAMLProviderTagsOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		p, err := samlProvider(tx, *in.SAMLProviderArn)
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
