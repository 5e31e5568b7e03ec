package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// nativeProvider is the name by which clients support users of the pool itself.
const nativeProvider = "COGNITO"

// maxProviders is how many a pool can have (user-pools.md, section 12).
const maxProviders = 300

func noProvider(name string) error {
	return notFound("Identity provider " + name + " does not exist.")
}

// provider is an external identity provider of a pool.
type provider struct {
	Name             string                              `json:"-"`
	Type             cognitoidp.IdentityProviderTypeType `json:"type"`
	AttributeMapping map[string]string                   `json:"attributeMapping,omitempty"`
	IdpIdentifiers   []string                            `json:"idpIdentifiers,omitempty"`
	Secret           providerSecret                      `json:"-"`
	row              *store.PoolRecord
}

// providerSecret is what is sealed of a provider: all of its details, because a
// key that nobody here knows yet may be a secret too.
type providerSecret struct {
	Details map[string]string `json:"details"`
	// EncryptionKey decrypts what a SAML provider sends, PKCS #8; nil when it
	// does not encrypt.
	EncryptionKey []byte `json:"encryptionKey,omitempty"`
}

func providerFromRow(r *store.PoolRecord) (*provider, error) {
	p := &provider{Name: r.ID, row: r}
	err := json.Unmarshal([]byte(r.Body), p)
	if err == nil && r.Secret != nil {
		err = json.Unmarshal(r.Secret, &p.Secret)
	}
	return p, err
}

// write stores a provider and its identifiers, of which each may be one
// provider's only.
func (p *provider) write(tx *store.Tx, put func(*store.Tx, *store.PoolRecord) error) error {
	p.row.Body, p.row.Secret = body(p), []byte(body(p.Secret))
	if err := put(tx, p.row); err != nil {
		return err
	}
	owner := store.OwnedByProvider(p.Name)
	if err := store.DeletePoolRecordsOf(tx, p.row.PoolID, owner); err != nil {
		return err
	}
	for _, id := range p.IdpIdentifiers {
		err := store.InsertPoolRecord(tx, &store.PoolRecord{PoolID: p.row.PoolID, Kind: kindIdentifier, ID: id, Owner: owner, Body: body(p.Name),
			CreatedAt: tx.Now, UpdatedAt: tx.Now})
		if errors.Is(err, store.ErrConflict) {
			return invalid("The identifier " + id + " is already in use in user pool " + p.row.PoolID + ".")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// show is a provider as the API shows it: with its secrets, but for Apple's
// private key.
func (p *provider) show() *cognitoidp.IdentityProviderType {
	details := maps.Clone(p.Secret.Details)
	if p.Type == cognitoidp.IdentityProviderTypeTypeSignInWithApple {
		delete(details, "private_key")
	}
	return &cognitoidp.IdentityProviderType{UserPoolId: &p.row.PoolID, ProviderName: &p.Name, ProviderType: &p.Type, ProviderDetails: details,
		AttributeMapping: p.AttributeMapping, IdpIdentifiers: p.IdpIdentifiers,
		CreationDate: api.At(p.row.CreatedAt), LastModifiedDate: api.At(p.row.UpdatedAt)}
}

// checkProviderName: social providers have one name each, and nobody else has
// theirs or the pool's own.
func checkProviderName(name string, kind cognitoidp.IdentityProviderTypeType) error {
	social := kind != cognitoidp.IdentityProviderTypeTypeOidc && kind != cognitoidp.IdentityProviderTypeTypeSaml
	_, reserved := providerRules[cognitoidp.IdentityProviderTypeType(name)]
	if social && name != string(kind) || !social && reserved || strings.EqualFold(name, nativeProvider) {
		return invalid("Provider " + name + " cannot be of type " + string(kind) + ".")
	}
	return nil
}

// checkMapping: the keys are attributes of the pool, or "username"; the values
// name the provider's claims.
func checkMapping(p *pool.Pool, mapping map[string]string) error {
	for attribute, claim := range mapping {
		if attribute != "username" && !p.Schema.Has(attribute) || attribute == "sub" {
			return invalid("Invalid AttributeMapping: attribute " + attribute + " cannot be mapped.")
		}
		if claim == "" {
			return invalid("Invalid AttributeMapping: attribute " + attribute + " is mapped to nothing.")
		}
	}
	return nil
}

func checkIdentifiers(list []string) error {
	for i, id := range list {
		if slices.Contains(list[:i], id) {
			return invalid("The identifier " + id + " is given more than once.")
		}
	}
	return nil
}

// check sees that a provider is one that could be used, and completes it.
func (p *provider) check(in *pool.Pool) error {
	if err := checkMapping(in, p.AttributeMapping); err != nil {
		return err
	}
	if err := checkIdentifiers(p.IdpIdentifiers); err != nil {
		return err
	}
	details, err := completeDetails(p.Type, p.Secret.Details)
	if err != nil {
		return err
	}
	p.Secret.Details = details
	if subject := providerRules[p.Type].subject; subject != "" && p.AttributeMapping["username"] == "" {
		mapping := maps.Clone(p.AttributeMapping)
		if mapping == nil {
			mapping = map[string]string{}
		}
		mapping["username"] = subject
		p.AttributeMapping = mapping
	}
	return nil
}

// encryption makes the key to which a SAML provider encrypts, or takes over the
// one of old, which may be nil.
func (s *Service) encryption(p *provider, old *providerSecret) error {
	if p.Secret.Details["EncryptedResponses"] != "true" {
		return nil
	}
	if old != nil && old.EncryptionKey != nil {
		p.Secret.EncryptionKey, p.Secret.Details["ActiveEncryptionCertificate"] = old.EncryptionKey, old.Details["ActiveEncryptionCertificate"]
		return nil
	}
	key, certificate, err := s.newCertificate(p.row.PoolID)
	p.Secret.EncryptionKey, p.Secret.Details["ActiveEncryptionCertificate"] = key, certificate
	return err
}

// CreateIdentityProvider adds an external identity provider.
func (s *Service) CreateIdentityProvider(ctx context.Context, in *cognitoidp.CreateIdentityProviderInput) (*cognitoidp.CreateIdentityProviderOutput, error) {
	own, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if err := checkProviderName(*in.ProviderName, *in.ProviderType); err != nil {
		return nil, err
	}
	p := &provider{Name: *in.ProviderName, Type: *in.ProviderType, AttributeMapping: in.AttributeMapping, IdpIdentifiers: in.IdpIdentifiers,
		Secret: providerSecret{Details: in.ProviderDetails},
		row:    &store.PoolRecord{PoolID: own.ID, Kind: kindProvider, ID: *in.ProviderName, CreatedAt: s.Now(), UpdatedAt: s.Now()}}
	if err := p.check(own); err != nil {
		return nil, err
	}
	if err := s.encryption(p, nil); err != nil {
		return nil, err
	}
	err = s.inPool(ctx, own.ID, func(tx *store.Tx, _ *pool.Pool) error {
		if err := p.write(tx, store.InsertPoolRecord); err != nil {
			return err
		}
		n, err := store.CountPoolRecords(tx, own.ID, kindProvider)
		if err == nil && n > maxProviders {
			err = &cognitoidp.LimitExceededException{Message: "A user pool can have at most 300 identity providers."}
		}
		return err
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, &cognitoidp.DuplicateProviderException{Message: p.Name + " already exists in user pool " + own.ID}
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.CreateIdentityProviderOutput{IdentityProvider: p.show()}, nil
}

// provider reads a provider of a pool.
func (s *Service) provider(ctx context.Context, poolID, name string) (*provider, error) {
	r, err := s.record(ctx, poolID, kindProvider, name, noProvider(name))
	if err != nil {
		return nil, err
	}
	return providerFromRow(r)
}

// DescribeIdentityProvider shows a provider.
func (s *Service) DescribeIdentityProvider(ctx context.Context, in *cognitoidp.DescribeIdentityProviderInput) (*cognitoidp.DescribeIdentityProviderOutput, error) {
	p, err := s.provider(ctx, *in.UserPoolId, *in.ProviderName)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.DescribeIdentityProviderOutput{IdentityProvider: p.show()}, nil
}

// GetIdentityProviderByIdentifier shows the provider that has an identifier.
func (s *Service) GetIdentityProviderByIdentifier(ctx context.Context, in *cognitoidp.GetIdentityProviderByIdentifierInput) (*cognitoidp.GetIdentityProviderByIdentifierOutput, error) {
	missing := noProvider(*in.IdpIdentifier)
	r, err := s.record(ctx, *in.UserPoolId, kindIdentifier, *in.IdpIdentifier, missing)
	if err != nil {
		return nil, err
	}
	var name string
	if err := json.Unmarshal([]byte(r.Body), &name); err != nil {
		return nil, err
	}
	p, err := s.provider(ctx, *in.UserPoolId, name)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.GetIdentityProviderByIdentifierOutput{IdentityProvider: p.show()}, nil
}

// UpdateIdentityProvider replaces each of details, mapping and identifiers that
// is given. The type stays.
func (s *Service) UpdateIdentityProvider(ctx context.Context, in *cognitoidp.UpdateIdentityProviderInput) (*cognitoidp.UpdateIdentityProviderOutput, error) {
	own, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	// A first reading outside of the transaction, because what follows may have
	// to make a key, which takes too long inside.
	old, err := s.provider(ctx, own.ID, *in.ProviderName)
	if err != nil {
		return nil, err
	}
	seen := old.row.UpdatedAt
	p := *old
	if in.ProviderDetails != nil {
		p.Secret = providerSecret{Details: maps.Clone(in.ProviderDetails)}
		if p.Type == cognitoidp.IdentityProviderTypeTypeSignInWithApple && p.Secret.Details["private_key"] == "" {
			// Describe does not show it, so what was described can be sent back.
			p.Secret.Details["private_key"] = old.Secret.Details["private_key"]
		}
	}
	if in.AttributeMapping != nil {
		p.AttributeMapping = in.AttributeMapping
	}
	if in.IdpIdentifiers != nil {
		p.IdpIdentifiers = in.IdpIdentifiers
	}
	if err := p.check(own); err != nil {
		return nil, err
	}
	if err := s.encryption(&p, &old.Secret); err != nil {
		return nil, err
	}
	err = s.inPool(ctx, own.ID, func(tx *store.Tx, _ *pool.Pool) error {
		now, err := store.PoolRecordByID(tx, own.ID, kindProvider, p.Name)
		if err != nil {
			return err
		}
		if !now.UpdatedAt.Equal(seen) {
			return &cognitoidp.ConcurrentModificationException{Message: "Identity provider " + p.Name + " was changed at the same time."}
		}
		p.row.UpdatedAt = tx.Now
		return p.write(tx, store.PutPoolRecord)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noProvider(p.Name)
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.UpdateIdentityProviderOutput{IdentityProvider: p.show()}, nil
}

// DeleteIdentityProvider removes a provider. Clients that support it keep its
// name, which then leads nowhere.
func (s *Service) DeleteIdentityProvider(ctx context.Context, in *cognitoidp.DeleteIdentityProviderInput) (*cognitoidp.DeleteIdentityProviderOutput, error) {
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
		if err := store.DeletePoolRecordsOf(tx, p.ID, store.OwnedByProvider(*in.ProviderName)); err != nil {
			return err
		}
		return store.DeletePoolRecord(tx, p.ID, kindProvider, *in.ProviderName)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = noProvider(*in.ProviderName)
	}
	return &cognitoidp.DeleteIdentityProviderOutput{}, err
}

// ListIdentityProviders lists a pool's providers by name.
func (s *Service) ListIdentityProviders(ctx context.Context, in *cognitoidp.ListIdentityProvidersInput) (*cognitoidp.ListIdentityProvidersOutput, error) {
	list, next, err := s.records(ctx, "ListIdentityProviders", *in.UserPoolId, kindProvider, in.NextToken, limit(in.MaxResults, 60))
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListIdentityProvidersOutput{Providers: []cognitoidp.ProviderDescription{}, NextToken: next}
	for _, r := range list {
		p, err := providerFromRow(r)
		if err != nil {
			return nil, err
		}
		out.Providers = append(out.Providers, cognitoidp.ProviderDescription{ProviderName: &p.Name, ProviderType: &p.Type,
			CreationDate: api.At(r.CreatedAt), LastModifiedDate: api.At(r.UpdatedAt)})
	}
	return out, nil
}
