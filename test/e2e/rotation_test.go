package e2e_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// renew is GetTokensFromRefreshToken.
func (n *tenant) renew(token string) (*types.AuthenticationResultType, error) {
	in := &idp.GetTokensFromRefreshTokenInput{ClientId: &n.client, RefreshToken: &token}
	if n.secret != "" {
		in.ClientSecret = &n.secret
	}
	out, err := n.anyone.IDP.GetTokensFromRefreshToken(n.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

// rotating is a tenant whose client rotates refresh tokens.
func (e *env) rotating(grace int32) *tenant {
	return e.tenant(nil, func(in *idp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH"}
		in.RefreshTokenRotation = &types.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: &grace}
		in.RefreshTokenValidity = 2
		in.TokenValidityUnits = &types.TokenValidityUnitsType{RefreshToken: "hours"}
	})
}

// TestGetTokensFromRefreshToken: a refresh by a client's own secret, without
// rotation.
func TestGetTokensFromRefreshToken(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, func(in *idp.CreateUserPoolClientInput) { in.GenerateSecret = true })
		n.user("ann")
		first := n.tokens("ann")
		for _, wrong := range []string{"", flip(n.secret)} {
			_, err := n.with(n.client, wrong).renew(*first.RefreshToken)
			n.refused(err, "NotAuthorizedException", "/secret/")
		}
		_, err := n.renew(*first.AccessToken)
		n.refused(err, "NotAuthorizedException", "/^Invalid Refresh Token/")
		for range 2 {
			got, err := n.renew(*first.RefreshToken)
			n.ok(err)
			if got.RefreshToken != nil || claimsOf(e, *got.AccessToken)["origin_jti"] != claimsOf(e, *first.AccessToken)["origin_jti"] {
				n.Errorf("renewed: %+v", got)
			}
		}
		_, err = n.root.IDP.AdminUserGlobalSignOut(n.Context(), &idp.AdminUserGlobalSignOutInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		n.ok(err)
		_, err = n.renew(*first.RefreshToken)
		n.refused(err, "NotAuthorizedException", "Refresh Token has been revoked")
	})
}

// TestRotation: each refresh token counts once, and for a while after.
func TestRotation(t *testing.T) {
	each(t, func(e *env) {
		n := e.rotating(10)
		n.user("ann")
		first := n.tokens("ann")
		_, err := n.refresh(*first.RefreshToken)
		n.refused(err, "InvalidParameterException", "")

		second, err := n.renew(*first.RefreshToken)
		n.ok(err)
		if second.RefreshToken == nil || *second.RefreshToken == *first.RefreshToken {
			n.Fatal("no new refresh token")
		}
		retried, err := n.renew(*first.RefreshToken)
		n.ok(err)
		third, err := n.renew(*retried.RefreshToken) // as good as the one whose answer was lost
		n.ok(err)
		if claimsOf(e, *third.AccessToken)["origin_jti"] != claimsOf(e, *first.AccessToken)["origin_jti"] {
			n.Error("a rotation changes origin_jti")
		}
		// the next is not given a longer life than the first
		e.server.Advance(2*time.Hour - time.Minute)
		last, err := n.renew(*third.RefreshToken)
		n.ok(err)
		e.server.Advance(time.Minute)
		_, err = n.renew(*last.RefreshToken)
		n.refused(err, "NotAuthorizedException", "Refresh Token has expired")

		// one that comes late has been stolen, from or by the user: nobody keeps the session
		first = n.tokens("ann")
		second, err = n.renew(*first.RefreshToken)
		n.ok(err)
		e.server.Advance(11 * time.Second)
		_, err = n.renew(*first.RefreshToken)
		n.refused(err, "RefreshTokenReuseException", "")
		_, err = n.renew(*second.RefreshToken)
		n.refused(err, "NotAuthorizedException", "Refresh Token has been revoked")
		_, err = n.getUser(*second.AccessToken)
		n.refused(err, "NotAuthorizedException", "Access Token has been revoked")
	})
}

// TestRace_rotation: of many who use one refresh token at once, one goes on,
// and the others end the session.
func TestRace_rotation(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		one := ns[0].rotating(0)
		ns[0] = one
		for i := range ns[1:] {
			ns[i+1] = &tenant{ns[i+1].env, one.pool, one.client, one.secret}
		}
		ann := one.user("ann")
		for range things {
			first := one.tokens(ann)
			ns.one("a refresh token", ns.race(func(n *tenant, _ int) error { _, err := n.renew(*first.RefreshToken); return err }),
				"RefreshTokenReuseException", "NotAuthorizedException")
		}
	})
}
