package userpool

import (
	"context"
	"encoding/json"
	"errors"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// maxIdentities is how many identities can be linked to a user.
const maxIdentities = 5

// subjectAttribute stands for the subject of an identity itself.
const subjectAttribute = "Cognito_Subject"

// native is the provider's name of users of the pool itself in these calls.
const native = "Cognito"

// identity is an entry of the attribute "identities" (federation.md, section 5).
type identity struct {
	UserID       string  `json:"userId"`
	ProviderName string  `json:"providerName"`
	ProviderType string  `json:"providerType"`
	Issuer       *string `json:"issuer"`
	Primary      bool    `json:"primary"`
	DateCreated  int64   `json:"dateCreated"` // milliseconds
}

// federatedName is the user name of an identity that has a profile of its own.
func federatedName(p *pool.Pool, provider, subject string) string {
	return p.Fold(provider + "_" + subject)
}

// linkedProvider is the identity provider that a link names, inside a
// transaction.
func linkedProvider(tx *store.Tx, p *pool.Pool, name string) (*provider, error) {
	row, err := store.PoolRecordByID(tx, p.ID, kindProvider, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noProvider(name)
	}
	if err != nil {
		return nil, err
	}
	return providerFromRow(row)
}

// AdminLinkProviderForUser lets an identity at a provider sign in as a user of
// the pool. It has all of the user's power from then on.
func (s *Service) AdminLinkProviderForUser(ctx context.Context, in *cognitoidp.AdminLinkProviderForUserInput) (*cognitoidp.AdminLinkProviderForUserOutput, error) {
	src, dst := in.SourceUser, in.DestinationUser
	if src.ProviderName == nil || src.ProviderAttributeName == nil || src.ProviderAttributeValue == nil || dst.ProviderName == nil || dst.ProviderAttributeValue == nil {
		return nil, invalid("DestinationUser needs ProviderName and ProviderAttributeValue, SourceUser also ProviderAttributeName.")
	}
	if *src.ProviderName == native {
		return nil, invalid("Invalid SourceUser: Cognito users with a username/password may not be passed in as a SourceUser, only as a DestinationUser")
	}
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
		from, err := linkedProvider(tx, p, *src.ProviderName)
		if err != nil {
			return err
		}
		if from.Type != cognitoidp.IdentityProviderTypeTypeSaml && *src.ProviderAttributeName != subjectAttribute {
			return invalid("ProviderAttributeName of a social or OIDC SourceUser must be " + subjectAttribute + ".")
		}
		if _, err := store.UserByName(tx, p.ID, federatedName(p, *src.ProviderName, *src.ProviderAttributeValue)); err == nil {
			return invalid("Merging is not currently supported, provide a SourceUser that has not been signed up in order to link")
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		u, err := destination(tx, p, dst)
		if err != nil {
			return err
		}
		link := &store.LinkedIdentity{PoolID: p.ID, Provider: *src.ProviderName, Attribute: *src.ProviderAttributeName, Value: *src.ProviderAttributeValue, Sub: u.Sub, CreatedAt: tx.Now}
		if _, err := store.UserIdentity(tx, p.ID, link.Provider, link.Attribute, link.Value); err == nil {
			return &cognitoidp.AliasExistsException{Message: "SourceUser is already linked to a user."}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		have, err := store.UserIdentities(tx, p.ID, u.Sub)
		if err != nil {
			return err
		}
		if len(have) >= maxIdentities {
			return &cognitoidp.LimitExceededException{Message: "A user can have at most 5 linked identities."}
		}
		if err := store.LinkUserIdentity(tx, link); err != nil {
			return err
		}
		return s.showIdentities(tx, p, u, nil)
	})
	if errors.Is(err, store.ErrConflict) {
		err = &cognitoidp.AliasExistsException{Message: "SourceUser is already linked to a user."}
	}
	return &cognitoidp.AdminLinkProviderForUserOutput{}, err
}

// destination is the user that an identity is to be linked to: a native user
// by name, or the profile of another identity.
func destination(tx *store.Tx, p *pool.Pool, d *cognitoidp.ProviderUserIdentifierType) (*store.User, error) {
	name := *d.ProviderAttributeValue
	if *d.ProviderName != native {
		if _, err := linkedProvider(tx, p, *d.ProviderName); err != nil {
			return nil, err
		}
		name = federatedName(p, *d.ProviderName, name)
	}
	u, err := store.UserByName(tx, p.ID, p.Fold(name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errUserNotFound
	}
	return u, err
}

// showIdentities brings the attribute "identities" to the links, together with
// a further change.
func (s *Service) showIdentities(tx *store.Tx, p *pool.Pool, u *store.User, change func(u *store.User)) error {
	links, err := store.UserIdentities(tx, p.ID, u.Sub)
	if err != nil {
		return err
	}
	list := make([]identity, 0, len(links))
	for _, l := range links {
		i := identity{UserID: l.Value, ProviderName: l.Provider, DateCreated: l.CreatedAt.UnixMilli(), Primary: u.UsernameKey == p.Fold(federatedName(p, l.Provider, l.Value))}
		// A provider that was deleted leaves its links without a type.
		var missing *cognitoidp.ResourceNotFoundException
		switch from, err := linkedProvider(tx, p, l.Provider); {
		case err == nil:
			i.ProviderType = string(from.Type)
			if from.Type == cognitoidp.IdentityProviderTypeTypeOidc {
				i.Issuer = new(from.Secret.Details["oidc_issuer"])
			}
		case !errors.As(err, &missing):
			return err
		}
		list = append(list, i)
	}
	text := ""
	if len(list) > 0 {
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		text = string(b)
	}
	return s.changeUser(tx, p, u, func(u *store.User) error {
		u.SetAttribute("identities", text)
		if change != nil {
			change(u)
		}
		return nil
	})
}

// AdminDisableProviderForUser ends the link of an identity. For the provider
// Cognito it ends the password of a native user instead.
func (s *Service) AdminDisableProviderForUser(ctx context.Context, in *cognitoidp.AdminDisableProviderForUserInput) (*cognitoidp.AdminDisableProviderForUserOutput, error) {
	who := in.User
	if who.ProviderName == nil || who.ProviderAttributeName == nil || who.ProviderAttributeValue == nil {
		return nil, invalid("User needs ProviderName, ProviderAttributeName and ProviderAttributeValue.")
	}
	err := s.inPool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
		if *who.ProviderName == native {
			if *who.ProviderAttributeName != subjectAttribute {
				return invalid("ProviderAttributeName of a native user must be " + subjectAttribute + ".")
			}
			u, err := destination(tx, p, who)
			if err != nil {
				return err
			}
			return s.showIdentities(tx, p, u, func(u *store.User) {
				u.Password, u.Status = nil, string(cognitoidp.UserStatusTypeExternalProvider)
			})
		}
		l, err := store.UserIdentity(tx, p.ID, *who.ProviderName, *who.ProviderAttributeName, *who.ProviderAttributeValue)
		if errors.Is(err, store.ErrNotFound) {
			return errUserNotFound
		}
		if err != nil {
			return err
		}
		if err := store.UnlinkUserIdentity(tx, l); err != nil {
			return err
		}
		u, err := userBySub(tx, p, l.Sub)
		if err != nil {
			return err
		}
		return s.showIdentities(tx, p, u, nil)
	})
	return &cognitoidp.AdminDisableProviderForUserOutput{}, err
}
