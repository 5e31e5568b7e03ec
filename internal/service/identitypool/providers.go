package identitypool

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/event"
	"gatehouse/internal/outbound/oidc"
	"gatehouse/internal/store"
)

// public are the public providers that are OpenID Connect ones. Google's tokens
// may leave the scheme out of iss (Google, "OpenID Connect", Validating an ID
// token).
var public = map[string]oidc.Provider{
	"accounts.google.com": {Issuer: "https://accounts.google.com", Alias: "accounts.google.com"},
	"appleid.apple.com":   {Issuer: "https://appleid.apple.com"},
}

// opaque are the public providers whose tokens only they can read.
var opaque = map[string]bool{"graph.facebook.com": true, "www.amazon.com": true, "api.twitter.com": true, "www.digits.com": true}

// checkProviders sees that the pool's providers are some: public ones by their
// domain, others by their ARN in IAM.
func (s *Service) checkProviders(ctx context.Context, in *settings) error {
	for _, name := range slices.Sorted(maps.Keys(in.SupportedLoginProviders)) {
		if _, ok := public[name]; !ok && !opaque[name] {
			return invalid("Invalid login provider: " + name)
		}
	}
	for _, arn := range in.OpenIdConnectProviderARNs {
		_, _, ok, err := s.Providers.OIDCProvider(ctx, arn)
		if err != nil {
			return err
		}
		if !ok {
			return invalid("Invalid OpenID Connect provider: " + arn)
		}
	}
	return nil
}

// oidcLogin verifies the token of a provider elsewhere.
func (s *Service) oidcLogin(ctx context.Context, p *identityPool, key, text string) (*login, error) {
	provider := public[key]
	app, known := p.settings.SupportedLoginProviders[key]
	if known {
		provider.ClientIDs = []string{app}
	}
	l := &login{mapping: key}
	for _, arn := range p.settings.OpenIdConnectProviderARNs {
		if oidcKey(arn) != key {
			continue
		}
		issuer, clients, ok, err := s.Providers.OIDCProvider(ctx, arn)
		if err != nil {
			return nil, err
		}
		if ok {
			provider.Issuer, provider.ClientIDs = issuer, append(provider.ClientIDs, clients...)
			known, l.mapping = true, arn
		}
	}
	if !known {
		return nil, errProvider
	}
	t, err := s.OIDC.Verify(ctx, provider, text)
	if err != nil {
		event.From(ctx).Set("denied", err.Error())
	}
	switch {
	case errors.Is(err, oidc.ErrUnavailable):
		return nil, &cognitoidentity.ExternalServiceException{Message: "The keys of " + key + " cannot be read."}
	case errors.Is(err, oidc.ErrIssuer):
		return nil, notAuthorized("Invalid login token. Issuer doesn't match providerName")
	case errors.Is(err, oidc.ErrSignature):
		return nil, notAuthorized("Invalid login token. Couldn't verify signed token.")
	case errors.Is(err, oidc.ErrNoAudience):
		return nil, notAuthorized("Invalid login token. Missing a required claim: aud")
	case errors.Is(err, oidc.ErrAudience):
		return nil, notAuthorized("Incorrect token audience.")
	case errors.Is(err, oidc.ErrExpired):
		return nil, tokenExpired(s.Now(), t.Expires)
	case err != nil:
		return nil, notAuthorized("Invalid login token. Not a valid OpenId Connect identity token.")
	}
	l.IdentityLink = store.IdentityLink{Provider: key, Subject: t.Subject}
	l.amr = []string{key, key + ":" + t.Audience + ":" + t.Subject}
	if l.mapping != key {
		l.amr[1] = l.mapping + ":OIDC:" + t.Subject
	}
	l.claims = func() (map[string]any, error) { return t.Claims, nil }
	return l, nil
}
