// Package oidc deals with OpenID Connect providers elsewhere: it verifies their
// ID tokens, with keys that it fetches by discovery, and signs people in at them
// as a relying party.
//
// What a newcomer gets wrong: an issuer's address comes from an administrator
// of one account, and everything behind it from a stranger. So each connection
// is checked by the address that it is made to, not by a name; what is read is
// bounded in size and time; and the algorithm is ours to name, not the token's.
package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What is wrong with a token. Callers word it for their clients.
var (
	ErrMalformed   = errors.New("not an ID token")
	ErrIssuer      = errors.New("the token is of another issuer")
	ErrSignature   = errors.New("the signature does not verify")
	ErrNoAudience  = errors.New("the token has no audience")
	ErrAudience    = errors.New("the token is for somebody else")
	ErrExpired     = errors.New("the token has expired")
	ErrUnavailable = errors.New("the issuer's keys cannot be had")
)

// algorithms are RSA's alone, as AWS takes them (Cognito developer guide, "Open
// ID Connect providers (identity pools)").
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// A relying party takes more: elliptic curves, and what is signed with the secret
// that it shares with the provider (federation.md, section 3).
var (
	ofParties = append(algorithms[:len(algorithms):len(algorithms)], jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512)
	ofSecrets = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
)

// skew is how long an expired token is still taken (Cognito developer guide,
// same page).
const skew = 5 * time.Minute

// maxSubject bounds sub (OpenID Connect Core 1.0, section 2).
const maxSubject = 255

// Provider is whose tokens are taken.
type Provider struct {
	Issuer    string   // URL without a slash at its end, which iss may have
	Alias     string   // what iss may say as well, or ""
	ClientIDs []string // for whom a token may be
	// AnyClient takes a token for whomever it is: the caller judges by Audience.
	AnyClient bool
}

// Token is what a verified token says.
type Token struct {
	Issuer, Subject string
	Audience        string // the client that it was given to: azp, or aud
	// OriginalAudience is aud, where azp is another and aud one text; else "".
	OriginalAudience string
	Expires          time.Time
	Claims           map[string]any
}

// audience is aud: one text or several.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Party     string   `json:"azp"`
	Expires   float64  `json:"exp"`
	NotBefore float64  `json:"nbf"`
}

// Verify checks a token of a provider: form, issuer, signature, audience and
// expiry, in this order. With ErrExpired the token is returned as well.
func (v *Verifier) Verify(ctx context.Context, p Provider, text string) (*Token, error) {
	return v.verify(p, text, algorithms, func(kid string) ([]jose.JSONWebKey, error) { return v.keys(ctx, p.Issuer, kid) })
}

// verify is Verify by the given algorithms and keys.
func (v *Verifier) verify(p Provider, text string, by []jose.SignatureAlgorithm, keysOf func(kid string) ([]jose.JSONWebKey, error)) (*Token, error) {
	t, err := jwt.ParseSigned(text, by)
	if err != nil || len(t.Headers) != 1 {
		return nil, ErrMalformed
	}
	var c claims
	if t.UnsafeClaimsWithoutVerification(&c) != nil {
		return nil, ErrMalformed
	}
	if c.Issuer != p.Issuer && c.Issuer != p.Issuer+"/" && (p.Alias == "" || c.Issuer != p.Alias) {
		return nil, ErrIssuer
	}
	keys, err := keysOf(t.Headers[0].KeyID)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	verified := slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool {
		return (k.Algorithm == "" || k.Algorithm == t.Headers[0].Algorithm) && t.Claims(k.Key, &all) == nil
	})
	if !verified {
		return nil, ErrSignature
	}
	if c.Subject == "" || len(c.Subject) > maxSubject || c.Expires <= 0 || c.Expires > math.MaxInt32*1000 {
		return nil, ErrMalformed
	}
	token := &Token{Issuer: c.Issuer, Subject: c.Subject, Expires: time.Unix(int64(c.Expires), 0), Claims: all}
	if token.Audience, err = c.client(); err != nil {
		return nil, err
	}
	if len(c.Audience) == 1 && c.Audience[0] != token.Audience {
		token.OriginalAudience = c.Audience[0]
	}
	if !p.AnyClient && !slices.Contains(p.ClientIDs, token.Audience) {
		return nil, ErrAudience
	}
	now := v.config.Now()
	if time.Unix(int64(c.NotBefore), 0).After(now.Add(skew)) {
		return nil, fmt.Errorf("%w: it is not valid yet", ErrMalformed)
	}
	if !now.Before(token.Expires.Add(skew)) {
		return token, ErrExpired
	}
	return token, nil
}

// client is whom a token was given to. A token for several must say (OpenID
// Connect Core 1.0, section 3.1.3.7).
func (c *claims) client() (string, error) {
	switch {
	case len(c.Audience) == 0:
		return "", ErrNoAudience
	case c.Party != "":
		return c.Party, nil
	case len(c.Audience) > 1:
		return "", ErrAudience
	}
	return c.Audience[0], nil
}

// AMR is the methods of the sign-in, if the token says.
func (t *Token) AMR() []string { return texts(t.Claims["amr"]) }

// PrincipalTags are the session tags that the token carries, of one value each
// (IAM user guide, "Passing session tags using AssumeRoleWithWebIdentity").
func (t *Token) PrincipalTags() map[string]string {
	given, _ := t.Claims["https://aws.amazon.com/tags"].(map[string]any)
	list, _ := given["principal_tags"].(map[string]any)
	tags := map[string]string{}
	for k, v := range list {
		if values := texts(v); len(values) == 1 {
			tags[k] = values[0]
		}
	}
	return tags
}

// texts is a claim that is a list of texts; what is no text is left out.
func texts(claim any) (list []string) {
	all, _ := claim.([]any)
	for _, v := range all {
		if text, ok := v.(string); ok {
			list = append(list, text)
		}
	}
	return list
}
