package identitypool

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/store"
)

// login is a verified login.
type login struct {
	store.IdentityLink
	amr []string // what it adds to the amr of the identity's tokens
	// mapping is the key of the provider among the pool's role mappings.
	mapping string
	// claims are all claims of the verified token.
	claims func() (map[string]any, error)
}

var errLogins = notAuthorized("Logins don't match. Please include at least one valid login for this identity or identity pool.")

var errProvider = notAuthorized("Token is not from a supported provider of this identity pool.")

// verify checks every login of a request; one that is bad fails them all
// (identity-pools.md, section 3). The result is in the order of the keys.
func (s *Service) verify(ctx context.Context, p *identityPool, logins map[string]api.Secret) ([]login, error) {
	keys := make([]string, 0, len(logins))
	for k := range logins {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var list []login
	for _, key := range keys {
		l, err := s.verifyOne(ctx, p, key, string(logins[key]))
		if err != nil {
			return nil, err
		}
		list = append(list, *l)
	}
	return list, nil
}

func (s *Service) verifyOne(ctx context.Context, p *identityPool, key, text string) (*login, error) {
	st := p.settings
	if _, configured := st.SupportedLoginProviders[key]; configured && opaque[key] {
		return nil, notAuthorized("Login provider " + key + " is not available: this server cannot check its tokens.")
	}
	if !isJWT(text) {
		return nil, notAuthorized("Invalid login token. Not a valid OpenId Connect identity token.")
	}
	if key == Provider {
		if _, _, err := s.VerifyOpenID(ctx, text); err != nil && !errors.Is(err, ErrExpired) {
			return nil, notAuthorized("Invalid login token. Not a Cognito token.")
		}
		return nil, notAuthorized("Invalid login token. Can't pass in a Cognito token.")
	}
	if len(st.CognitoIdentityProviders)+len(st.SupportedLoginProviders)+len(st.OpenIdConnectProviderARNs)+len(st.SamlProviderARNs) == 0 {
		return nil, errLogins
	}
	if poolID, ok := userPoolOf(key); ok {
		return s.userPoolLogin(ctx, p, key, poolID, text)
	}
	return s.oidcLogin(ctx, p, key, text)
}

func (s *Service) userPoolLogin(ctx context.Context, p *identityPool, key, poolID, text string) (*login, error) {
	var providers []cognitoidentity.CognitoIdentityProvider
	for _, c := range p.settings.CognitoIdentityProviders {
		if *c.ProviderName == key {
			providers = append(providers, c)
		}
	}
	if len(providers) == 0 {
		return nil, errProvider
	}
	c, err := s.userPoolToken(ctx, poolID, text)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(providers, func(x cognitoidentity.CognitoIdentityProvider) bool { return *x.ClientId == c.Audience })
	if i < 0 {
		return nil, errProvider
	}
	if _, _, err := s.Pools.ClientOf(ctx, poolID, c.Audience); err != nil {
		var missing *cognitoidp.ResourceNotFoundException
		if errors.As(err, &missing) {
			return nil, errProvider
		}
		return nil, err
	}
	if now := s.Now(); now.Unix() >= c.ExpiresAt {
		return nil, tokenExpired(now, time.Unix(c.ExpiresAt, 0))
	}
	if api.Value(providers[i].ServerSideTokenCheck) {
		if err := s.stillSignedIn(ctx, c); err != nil {
			return nil, err
		}
	}
	return &login{IdentityLink: store.IdentityLink{Provider: key, Subject: c.Sub}, amr: []string{key, key + ":CognitoSignIn:" + c.Sub},
		mapping: key + ":" + c.Audience, claims: c.All}, nil
}

// userPoolToken verifies an ID token of a user pool, but not its expiry, which
// is told after the audience.
func (s *Service) userPoolToken(ctx context.Context, poolID, text string) (*token.Claims, error) {
	if from, err := s.Tokens.PoolOf(text); err != nil || from != poolID {
		return nil, notAuthorized("Invalid login token. Issuer doesn't match providerName")
	}
	if _, err := s.Pools.Pool(ctx, poolID); err != nil {
		var missing *cognitoidp.ResourceNotFoundException
		if errors.As(err, &missing) {
			return nil, errProvider
		}
		return nil, err
	}
	c, err := s.Tokens.Verify(ctx, poolID, "id", text)
	switch {
	case errors.Is(err, token.ErrUse):
		return nil, notAuthorized("Invalid login token. Missing a required claim: aud")
	case errors.Is(err, token.ErrSignature), errors.Is(err, token.ErrMalformed):
		return nil, notAuthorized("Invalid login token. Couldn't verify signed token.")
	case err != nil && !errors.Is(err, token.ErrExpired):
		return nil, err
	}
	return c, nil
}

// stillSignedIn is ServerSideTokenCheck: the user exists, is enabled, and the
// sign-in that the token comes from was not ended.
func (s *Service) stillSignedIn(ctx context.Context, c *token.Claims) error {
	refused := notAuthorized("Invalid login token. Token is revoked or user is deleted.")
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		u, session, err := store.UserAndSession(tx, c.PoolID, c.Sub, c.SessionID())
		if errors.Is(err, store.ErrNotFound) {
			return refused
		}
		if err != nil {
			return err
		}
		if !u.Enabled || session == nil {
			return refused
		}
		return nil
	})
}

// isJWT reports whether text has the form of a compact JWT. Each part has one
// spelling: base64 whose unused bits are not zero is refused, because a library
// may decode and encode it again before it looks at the signature.
func isJWT(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return false
	}
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || i < 2 && !json.Valid(b) {
			return false
		}
	}
	return true
}
