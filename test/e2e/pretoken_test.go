package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// claims are those of a token.
func (e *env) claims(token *string) map[string]any {
	e.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(*token, ".")[1])
	e.ok(err)
	var m map[string]any
	e.ok(json.Unmarshal(b, &m))
	return m
}

// preTokened is a tenant with a pre token generation function of a version, and
// ann, who is in a group with a role.
func (e *env) preTokened(s *spy, version types.PreTokenGenerationLambdaVersionType, client func(*idp.CreateUserPoolClientInput),
	f func(event map[string]any) (any, error)) (n *tenant, role, sub string) {
	e.Helper()
	arn := e.spied(s, f)
	n = e.functioning(&types.LambdaConfigType{PreTokenGenerationConfig: &types.PreTokenGenerationVersionConfigType{LambdaArn: &arn, LambdaVersion: version}}, nil)
	if client != nil {
		n.client, n.secret = n.newClient(client)
	}
	n.user("ann")
	role = e.makeRole("role-of-"+strings.ToLower(n.client), trust("x", "authenticated"))
	_, err := e.root.IDP.CreateGroup(e.Context(), &idp.CreateGroupInput{UserPoolId: &n.pool, GroupName: aws.String("staff"), RoleArn: &role})
	e.ok(err)
	_, err = e.root.IDP.AdminAddUserToGroup(e.Context(), &idp.AdminAddUserToGroupInput{UserPoolId: &n.pool, GroupName: aws.String("staff"), Username: aws.String("ann")})
	e.ok(err)
	u, err := e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
	e.ok(err)
	return n, role, attribute(u.UserAttributes, "sub")
}

// TestPreToken_v1: claims of the ID token, groups of both.
func TestPreToken_v1(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		n, role, sub := e.preTokened(&s, "V1_0", nil, func(event map[string]any) (any, error) {
			return respond(event, map[string]any{"claimsOverrideDetails": map[string]any{
				"claimsToAddOrOverride": map[string]any{"plan": "gold", "sub": "forged"}, "claimsToSuppress": []string{"email"},
				"groupOverrideDetails": map[string]any{"groupsToOverride": []string{"chosen"}, "iamRolesToOverride": []string{"arn:aws:iam::000000000000:role/other"}, "preferredRole": "arn:aws:iam::000000000000:role/other"}}})
		})
		event := func(source string) string {
			return n.envelope(source, "ann", n.client, `"request":{"userAttributes":{"sub":"`+sub+`","cognito:user_status":"CONFIRMED","email":"ann@example.com","email_verified":"true"},
				"groupConfiguration":{"groupsToOverride":["staff"],"iamRolesToOverride":["`+role+`"],"preferredRole":"`+role+`"}},"response":{"claimsOverrideDetails":null}`)
		}
		check := func(r *types.AuthenticationResultType) {
			e.Helper()
			id, access := e.claims(r.IdToken), e.claims(r.AccessToken)
			if id["plan"] != "gold" || id["sub"] != sub || id["email"] != nil || !reflect.DeepEqual(id["cognito:groups"], []any{"chosen"}) ||
				!reflect.DeepEqual(id["cognito:roles"], []any{"arn:aws:iam::000000000000:role/other"}) || id["cognito:preferred_role"] != "arn:aws:iam::000000000000:role/other" {
				e.Errorf("ID token %v", id)
			}
			if access["plan"] != nil || !reflect.DeepEqual(access["cognito:groups"], []any{"chosen"}) || access["cognito:roles"] != nil {
				e.Errorf("access token %v", access)
			}
			_, err := n.getUser(*r.AccessToken)
			e.ok(err)
		}
		held := n.tokens("ann")
		e.sent(&s, event("TokenGeneration_Authentication"))
		check(held)
		again, err := n.refresh(*held.RefreshToken)
		e.ok(err)
		e.sent(&s, event("TokenGeneration_RefreshTokens"))
		check(again.AuthenticationResult)
		srp, err := n.srp("ann", password)
		e.ok(err)
		e.sent(&s, event("TokenGeneration_Authentication"))
		check(srp.AuthenticationResult)
	})
}

// TestPreToken_v2: claims of both tokens and the scope.
func TestPreToken_v2(t *testing.T) {
	each(t, func(e *env) {
		for _, version := range []string{"2", "3"} {
			var s spy
			var details map[string]any
			n, role, sub := e.preTokened(&s, types.PreTokenGenerationLambdaVersionType("V"+version+"_0"), nil, func(event map[string]any) (any, error) {
				return respond(event, map[string]any{"claimsAndScopeOverrideDetails": details})
			})
			details = map[string]any{
				"idTokenGeneration": map[string]any{"claimsToAddOrOverride": map[string]any{"tree": map[string]any{"a": []any{1.0, true, nil}}}, "claimsToSuppress": []string{"cognito:groups"}},
				"accessTokenGeneration": map[string]any{"claimsToAddOrOverride": map[string]any{"level": 9007199254740993.0, "aud": n.client, "client_id": "forged"},
					"scopesToAdd": []string{"api/read"}, "scopesToSuppress": []string{"aws.cognito.signin.user.admin"}}}
			r := n.tokens("ann")
			e.sent(&s, strings.Replace(n.envelope("TokenGeneration_Authentication", "ann", n.client, `"request":{"userAttributes":{"sub":"`+sub+`","cognito:user_status":"CONFIRMED","email":"ann@example.com","email_verified":"true"},
				"scopes":["aws.cognito.signin.user.admin"],"groupConfiguration":{"groupsToOverride":["staff"],"iamRolesToOverride":["`+role+`"],"preferredRole":"`+role+`"}},
				"response":{"claimsAndScopeOverrideDetails":null}`), `"version":"1"`, `"version":"`+version+`"`, 1))
			id, access := e.claims(r.IdToken), e.claims(r.AccessToken)
			if !reflect.DeepEqual(id["tree"], map[string]any{"a": []any{1.0, true, nil}}) || id["cognito:groups"] != nil || id["cognito:roles"] != nil || id["cognito:preferred_role"] != nil {
				e.Errorf("ID token %v", id)
			}
			if access["level"] != 9007199254740993.0 || access["aud"] != n.client || access["client_id"] != n.client || access["scope"] != "api/read" || !reflect.DeepEqual(access["cognito:groups"], []any{"staff"}) {
				e.Errorf("access token %v", access)
			}
			_, err := n.getUser(*r.AccessToken)
			e.refused(err, "NotAuthorizedException", "Access Token does not have required scopes")
			details = nil // the session has its own scope still
			again, err := n.refresh(*r.RefreshToken)
			e.ok(err)
			_, err = n.getUser(*again.AuthenticationResult.AccessToken)
			e.ok(err)

			details = map[string]any{"idTokenGeneration": map[string]any{"claimsToAddOrOverride": map[string]any{"email_verified": []any{}}}}
			_, err = n.login("ann", password)
			e.refused(err, "InvalidLambdaResponseException", "Invalid lambda function output : the claim email_verified of an ID token cannot be an object or an array.")
		}
	})
}

// TestPreToken_newPassword: the first sign-in of an invited user has a source
// of its own.
func TestPreToken_newPassword(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		n, _, _ := e.preTokened(&s, "V1_0", nil, nil)
		_, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("bob"), MessageAction: "SUPPRESS", TemporaryPassword: aws.String(password)})
		e.ok(err)
		step, err := n.login("bob", password)
		e.ok(err)
		if len(s.take()) != 0 {
			e.Error("the function was asked before there are tokens")
		}
		_, err = n.anyone.IDP.RespondToAuthChallenge(e.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: step.ChallengeName, Session: step.Session,
			ChallengeResponses: map[string]string{"USERNAME": "bob", "NEW_PASSWORD": otherPassword}})
		e.ok(err)
		if events := s.take(); len(events) != 1 || events[0]["triggerSource"] != "TokenGeneration_NewPasswordChallenge" {
			e.Errorf("events %v", events)
		}
	})
}

// TestPreToken_failing: no tokens without the function's word, and a refresh
// token that is to be rotated is not spent by its failure.
func TestPreToken_failing(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		var raised error
		n, _, _ := e.preTokened(&s, "V2_0", func(in *idp.CreateUserPoolClientInput) {
			in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH"}
			in.RefreshTokenRotation = &types.RefreshTokenRotationType{Feature: types.FeatureTypeEnabled, RetryGracePeriodSeconds: aws.Int32(0)}
		}, func(event map[string]any) (any, error) { return event, raised })
		held := n.tokens("ann")
		refresh := func() (*idp.GetTokensFromRefreshTokenOutput, error) {
			return n.anyone.IDP.GetTokensFromRefreshToken(e.Context(), &idp.GetTokensFromRefreshTokenInput{ClientId: &n.client, RefreshToken: held.RefreshToken})
		}
		raised = errors.New("no")
		_, err := n.login("ann", password)
		e.refused(err, "UserLambdaValidationException", "PreTokenGeneration failed with error no.")
		for range 2 {
			_, err = refresh()
			e.refused(err, "UserLambdaValidationException", "PreTokenGeneration failed with error no.")
		}
		raised = nil
		out, err := refresh()
		e.ok(err)
		if aws.ToString(out.AuthenticationResult.RefreshToken) == "" {
			e.Error("the refresh token was not rotated")
		}
		_, err = refresh()
		e.refused(err, "RefreshTokenReuseException", "")
	})
}
