package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// TestLinkedIdentities: identities at providers as data of a user, until
// federated sign-in uses them.
func TestLinkedIdentities(t *testing.T) {
	each(t, func(e *env) {
		n, other := e.tenant(nil, nil), e.tenant(nil, nil)
		n.user("jane")
		n.user("john")
		other.user("eve")
		for _, name := range []string{"Corp", "Shop"} {
			_, err := n.root.IDP.CreateIdentityProvider(n.Context(), &idp.CreateIdentityProviderInput{UserPoolId: &n.pool, ProviderName: aws.String(name), ProviderType: "OIDC",
				ProviderDetails: map[string]string{"client_id": "c", "client_secret": "s", "attributes_request_method": "GET", "oidc_issuer": "https://idp.example.com", "authorize_scopes": "openid",
					"authorize_url": "https://idp.example.com/a", "token_url": "https://idp.example.com/t", "attributes_url": "https://idp.example.com/u", "jwks_uri": "https://idp.example.com/k"}})
			n.ok(err)
		}
		who := func(provider, attribute, value string) *types.ProviderUserIdentifierType {
			return &types.ProviderUserIdentifierType{ProviderName: &provider, ProviderAttributeName: &attribute, ProviderAttributeValue: &value}
		}
		link := func(user string, source *types.ProviderUserIdentifierType) error {
			_, err := n.root.IDP.AdminLinkProviderForUser(n.Context(), &idp.AdminLinkProviderForUserInput{UserPoolId: &n.pool, DestinationUser: who("Cognito", "", user), SourceUser: source})
			return err
		}
		unlink := func(u *types.ProviderUserIdentifierType) error {
			_, err := n.root.IDP.AdminDisableProviderForUser(n.Context(), &idp.AdminDisableProviderForUserInput{UserPoolId: &n.pool, User: u})
			return err
		}
		corp := func(subject string) *types.ProviderUserIdentifierType { return who("Corp", "Cognito_Subject", subject) }

		n.refused(link("jane", who("Cognito", "Cognito_Subject", "john")), "InvalidParameterException", "/may not be passed in as a SourceUser, only as a DestinationUser/")
		n.refused(link("jane", who("None", "Cognito_Subject", "1")), "ResourceNotFoundException", "")
		n.refused(link("jane", who("Corp", "email", "1")), "InvalidParameterException", "")
		n.refused(link("eve", corp("1")), "UserNotFoundException", "User does not exist.")
		n.ok(link("jane", corp("1")))
		n.refused(link("jane", corp("1")), "AliasExistsException", "")
		n.refused(link("john", corp("1")), "AliasExistsException", "")
		for i := 2; i <= 5; i++ {
			n.ok(link("jane", who("Shop", "Cognito_Subject", fmt.Sprint(i))))
		}
		n.refused(link("jane", corp("6")), "LimitExceededException", "")

		var list []map[string]any
		token := n.tokens("jane")
		if err := json.Unmarshal([]byte(n.own(*token.AccessToken, "identities")), &list); err != nil || len(list) != 5 || list[0]["userId"] != "1" || list[0]["providerName"] != "Corp" ||
			list[0]["providerType"] != "OIDC" || list[0]["primary"] != false {
			n.Errorf("identities: %v, %v", list, err)
		}
		claim := claimsOf(e, *token.IdToken)["identities"].([]any)
		if first := claim[0].(map[string]any); len(claim) != 5 || first["primary"] != "false" || fmt.Sprintf("%T", first["dateCreated"]) != "string" {
			n.Errorf("claim: %v", claim)
		}
		_, err := n.updateOwn(*token.AccessToken, "identities", "[]")
		n.refused(err, "NotAuthorizedException", "A client attempted to write unauthorized attribute")

		n.refused(unlink(corp("none")), "UserNotFoundException", "User does not exist.")
		n.ok(unlink(corp("1")))
		n.ok(link("john", corp("1"))) // free again
		n.ok(unlink(who("Cognito", "Cognito_Subject", "john")))
		_, err = n.login("john", password)
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		if n.status("john") != "EXTERNAL_PROVIDER" {
			n.Errorf("status %s", n.status("john"))
		}
		// AdminSetUserPassword gives such a user a password again.
		_, err = n.root.IDP.AdminSetUserPassword(n.Context(), &idp.AdminSetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("john"), Password: aws.String(password), Permanent: true})
		n.ok(err)
		n.tokens("john")
		// Who is deleted leaves the identity free.
		_, err = n.root.IDP.AdminDeleteUser(n.Context(), &idp.AdminDeleteUserInput{UserPoolId: &n.pool, Username: aws.String("john")})
		n.ok(err)
		n.ok(link("jane", corp("1")))
	})
}
