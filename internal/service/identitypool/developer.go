package identitypool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/event"
	"gatehouse/internal/store"
)

// Developer-authenticated identities (identity-pools.md, section 13): the
// developer's own servers say who somebody is. That they sign their requests is
// the proof, so a developer's user is a login only in the operations of this
// file, which are signed.

// developer is the name of the pool's developer provider, or "".
func (p *identityPool) developer() string { return api.Value(p.settings.DeveloperProviderName) }

// ofDeveloper is the pool of a developer's operation. name is the provider that
// the caller names, nil where the operation names none.
func (s *Service) ofDeveloper(ctx context.Context, poolID string, name *string) (*identityPool, error) {
	p, err := s.pool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	if p.developer() == "" || name != nil && *name != p.developer() {
		return nil, invalid("The developer provider name is not the identity pool's.")
	}
	return p, nil
}

const developerTokenLife = 15 * time.Minute

// maxDeveloperUser bounds a developer's user id. The model bounds it in the
// other operations; here it is a value of Logins.
const maxDeveloperUser = 1024

// GetOpenIdTokenForDeveloperIdentity finds or makes the identity of a
// developer's user and gives a token for it, which its client trades for
// credentials.
func (s *Service) GetOpenIdTokenForDeveloperIdentity(ctx context.Context, in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) (*cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput, error) {
	p, err := s.ofDeveloper(ctx, *in.IdentityPoolId, nil)
	if err != nil {
		return nil, err
	}
	user, ok := in.Logins[p.developer()]
	if !ok {
		return nil, invalid("Logins must hold the identity pool's developer provider.")
	}
	if len(user) > maxDeveloperUser {
		return nil, invalid("The developer user identifier is too long.")
	}
	seen := map[string]bool{}
	for key := range in.PrincipalTags {
		if err := checkTagKey(key, seen); err != nil {
			return nil, err
		}
	}
	public := maps.Clone(in.Logins)
	delete(public, p.developer())
	logins, err := s.verify(ctx, p, public)
	if err != nil {
		var outside *cognitoidentity.ExternalServiceException
		if errors.As(err, &outside) { // which this operation's model does not list
			err = notAuthorized(outside.Message)
		}
		return nil, err
	}
	own := store.IdentityLink{Provider: p.developer(), Subject: string(user)}
	if in.IdentityId != nil {
		if err := s.unregistered(ctx, p, *in.IdentityId, own); err != nil {
			return nil, err
		}
	}
	logins = append(logins, login{IdentityLink: own, amr: []string{own.Provider, own.Provider + ":" + p.id + ":" + own.Subject}})
	i, err := s.resolve(ctx, p, api.Value(in.IdentityId), logins)
	if err != nil {
		return nil, err
	}
	id, err := p.web(i, logins)
	if err != nil {
		return nil, err
	}
	if id.Tags == nil {
		id.Tags = map[string]string{}
	}
	for k := range id.Tags { // what the developer says comes first
		if seen[strings.ToLower(k)] {
			delete(id.Tags, k)
		}
	}
	maps.Copy(id.Tags, in.PrincipalTags)
	life := developerTokenLife
	if in.TokenDuration != nil {
		life = time.Duration(*in.TokenDuration) * time.Second
	}
	t, err := s.mint(ctx, id, life)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput{IdentityId: &i.ID, Token: new(api.Secret(t))}, nil
}

// unregistered refuses a developer's user whom another identity has.
func (s *Service) unregistered(ctx context.Context, p *identityPool, identityID string, user store.IdentityLink) error {
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		owner, err := store.IdentityOf(tx, p.id, user)
		if errors.Is(err, store.ErrNotFound) || err == nil && owner == identityID {
			return nil
		}
		if err != nil {
			return err
		}
		return &cognitoidentity.DeveloperUserAlreadyRegisteredException{Message: "The developer user is already registered with another identity."}
	})
}

// bearer is who shows a token of GetOpenIdTokenForDeveloperIdentity. The
// identity must still have the developer's user whom the token was given for.
func (s *Service) bearer(ctx context.Context, identityID string, given map[string]api.Secret) (*actor, error) {
	id, expires, err := s.VerifyOpenID(ctx, string(given[Provider]))
	switch {
	case errors.Is(err, ErrExpired):
		return nil, tokenExpired(s.Now(), expires)
	case errors.Is(err, ErrNotOurs):
		return nil, notAuthorized("Invalid login token. Not a Cognito token.")
	case err != nil:
		return nil, err
	}
	if len(given) > 1 || id.IdentityID != identityID {
		return nil, errLogins
	}
	i, p, err := s.identity(ctx, identityID)
	if err != nil {
		return nil, err
	}
	if !i.Enabled || i.PoolID != id.PoolID {
		return nil, forbidden(identityID)
	}
	n := slices.IndexFunc(i.Links, func(l store.IdentityLink) bool {
		return l.Provider == p.developer() && slices.Contains(id.AMR, l.Provider+":"+p.id+":"+l.Subject)
	})
	if n < 0 {
		return nil, errLogins
	}
	event.From(ctx).Set("identityId", i.ID)
	return &actor{p, i, id, []login{{IdentityLink: i.Links[n]}}}, nil
}

func tokenExpired(now, expires time.Time) error {
	return notAuthorized(fmt.Sprintf("Invalid login token. Token expired: %d >= %d", now.Unix(), expires.Unix()))
}

func userNotFound(user string) error {
	return &cognitoidentity.ResourceNotFoundException{Message: "Developer user '" + user + "' not found."}
}

// ofUser is the identity of a developer's user, or a
// ResourceNotFoundException.
func ofUser(tx *store.Tx, p *identityPool, user string) (*store.Identity, error) {
	id, err := store.IdentityOf(tx, p.id, store.IdentityLink{Provider: p.developer(), Subject: user})
	if errors.Is(err, store.ErrNotFound) {
		return nil, userNotFound(user)
	}
	if err != nil {
		return nil, err
	}
	return inPool(tx, p, id)
}

// LookupDeveloperIdentity finds the identity of a developer's user, the users
// of an identity, or confirms that both belong together.
func (s *Service) LookupDeveloperIdentity(ctx context.Context, in *cognitoidentity.LookupDeveloperIdentityInput) (*cognitoidentity.LookupDeveloperIdentityOutput, error) {
	p, err := s.ofDeveloper(ctx, *in.IdentityPoolId, nil)
	if err != nil {
		return nil, err
	}
	if in.IdentityId == nil && in.DeveloperUserIdentifier == nil {
		return nil, invalid("Either IdentityId or DeveloperUserIdentifier is required.")
	}
	list := "LookupDeveloperIdentity " + p.id
	after, err := s.pageAfter(list, in.NextToken)
	if err != nil {
		return nil, err
	}
	var i *store.Identity
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if in.DeveloperUserIdentifier == nil {
			i, err = inPool(tx, p, *in.IdentityId)
			return err
		}
		i, err = ofUser(tx, p, *in.DeveloperUserIdentifier)
		return err
	})
	if err != nil {
		return nil, err
	}
	if in.IdentityId != nil && i.ID != *in.IdentityId {
		return nil, conflict("The developer user is not one of the identity.")
	}
	out := &cognitoidentity.LookupDeveloperIdentityOutput{IdentityId: &i.ID, DeveloperUserIdentifierList: []string{}}
	n := maxLinks
	if in.MaxResults != nil {
		n = *in.MaxResults
	}
	for _, l := range i.Links { // ordered by subject
		switch {
		case l.Provider != p.developer() || after != "" && l.Subject <= after:
		case in.IdentityId != nil && in.DeveloperUserIdentifier != nil && l.Subject != *in.DeveloperUserIdentifier:
		case len(out.DeveloperUserIdentifierList) == n:
			out.NextToken = s.nextPage(list, out.DeveloperUserIdentifierList[n-1])
			return out, nil
		default:
			out.DeveloperUserIdentifierList = append(out.DeveloperUserIdentifierList, l.Subject)
		}
	}
	return out, nil
}

// MergeDeveloperIdentities gives everything of the source user's identity to
// the destination user's, and ends the source's.
func (s *Service) MergeDeveloperIdentities(ctx context.Context, in *cognitoidentity.MergeDeveloperIdentitiesInput) (*cognitoidentity.MergeDeveloperIdentitiesOutput, error) {
	p, err := s.ofDeveloper(ctx, *in.IdentityPoolId, in.DeveloperProviderName)
	if err != nil {
		return nil, err
	}
	var id string
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		source, err := ofUser(tx, p, *in.SourceUserIdentifier)
		if err != nil {
			return err
		}
		destination, err := ofUser(tx, p, *in.DestinationUserIdentifier)
		if err != nil {
			return err
		}
		id = destination.ID
		if source.ID == destination.ID {
			return nil
		}
		return merge(tx, p, destination, source.ID)
	})
	return &cognitoidentity.MergeDeveloperIdentitiesOutput{IdentityId: &id}, err
}

// UnlinkDeveloperIdentity takes a developer's user from an identity. The user
// is new the next time.
func (s *Service) UnlinkDeveloperIdentity(ctx context.Context, in *cognitoidentity.UnlinkDeveloperIdentityInput) (*cognitoidentity.UnlinkDeveloperIdentityOutput, error) {
	p, err := s.ofDeveloper(ctx, *in.IdentityPoolId, in.DeveloperProviderName)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.UnlinkDeveloperIdentityOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		i, err := inPool(tx, p, *in.IdentityId)
		if err != nil {
			return err
		}
		own := store.IdentityLink{Provider: p.developer(), Subject: *in.DeveloperUserIdentifier}
		if !slices.Contains(i.Links, own) {
			return userNotFound(own.Subject)
		}
		return unlink(tx, i, own)
	})
}
