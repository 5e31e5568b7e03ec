package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TestDefaults: a pool and a client that say nothing are what Cognito's are.
func TestDefaults(t *testing.T) {
	each(t, func(e *env) {
		created, err := e.root.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("plain")})
		e.ok(err)
		out, err := e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: created.UserPool.Id})
		e.ok(err)
		p := out.UserPool
		if !strings.HasPrefix(*p.Id, e.server.Region+"_") || len(*p.Id) != len(e.server.Region)+10 {
			e.Errorf("the pool's id is %s", *p.Id)
		}
		if want := "arn:aws:cognito-idp:" + e.server.Region + ":" + e.server.Account + ":userpool/" + *p.Id; *p.Arn != want {
			e.Errorf("the pool's ARN is %s, want %s", *p.Arn, want)
		}
		pw := p.Policies.PasswordPolicy
		got := fmt.Sprint(*p.Name, *pw.MinimumLength, pw.RequireUppercase, pw.RequireLowercase, pw.RequireNumbers, pw.RequireSymbols, pw.TemporaryPasswordValidityDays,
			pw.PasswordHistorySize, p.Policies.SignInPolicy.AllowedFirstAuthFactors, p.DeletionProtection, p.VerificationMessageTemplate.DefaultEmailOption,
			p.MfaConfiguration, p.EstimatedNumberOfUsers, p.EmailConfiguration.EmailSendingAccount, p.AdminCreateUserConfig.AllowAdminCreateUserOnly,
			p.AdminCreateUserConfig.UnusedAccountValidityDays, p.UserPoolTier, len(p.UserPoolTags))
		if want := fmt.Sprint("plain", 8, true, true, true, true, 7, nilInt, []types.AuthFactorType{"PASSWORD"}, "INACTIVE", "CONFIRM_WITH_CODE", "OFF", 0, "COGNITO_DEFAULT", false, 7, "ESSENTIALS", 0); got != want {
			e.Errorf("the pool is\n\t%s\nwant\n\t%s", got, want)
		}
		if p.AutoVerifiedAttributes != nil || p.AliasAttributes != nil || p.UsernameAttributes != nil || p.UsernameConfiguration != nil ||
			p.AccountRecoverySetting != nil || p.DeviceConfiguration != nil || p.SmsConfiguration != nil || p.UserAttributeUpdateSettings != nil ||
			p.UserPoolAddOns != nil || p.Domain != nil || p.EmailVerificationMessage != nil {
			e.Errorf("the pool has settings that nobody gave: %+v", p)
		}
		var names []string
		for _, a := range p.SchemaAttributes {
			names = append(names, *a.Name)
		}
		if got, want := strings.Join(names, " "), "sub name given_name family_name middle_name nickname preferred_username profile picture website email email_verified "+
			"gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at"; got != want && got != want+" identities" {
			e.Errorf("the schema is\n\t%s\nwant\n\t%s", got, want)
		}
		raw := e.post(e.root, "cognito-idp", idpTarget+"DescribeUserPool", `{"UserPoolId":"`+*p.Id+`"}`)
		if !strings.Contains(string(raw.body), `"UserPoolTags":{}`) || !strings.Contains(string(raw.body), `"LambdaConfig":{}`) {
			e.Errorf("empty members are missing in %s", raw.body)
		}

		client, err := e.root.IDP.CreateUserPoolClient(e.Context(), &idp.CreateUserPoolClientInput{UserPoolId: p.Id, ClientName: aws.String("plain")})
		e.ok(err)
		c := client.UserPoolClient
		if len(*c.ClientId) != 26 || c.ClientSecret != nil || c.RefreshTokenValidity != 30 || c.AccessTokenValidity != nil || c.IdTokenValidity != nil ||
			!slices.Equal(c.ExplicitAuthFlows, []types.ExplicitAuthFlowsType{"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}) ||
			aws.ToBool(c.AllowedOAuthFlowsUserPoolClient) || c.PreventUserExistenceErrors != "" || !aws.ToBool(c.EnableTokenRevocation) ||
			aws.ToBool(c.EnablePropagateAdditionalUserContextData) || aws.ToInt32(c.AuthSessionValidity) != 3 || c.ReadAttributes != nil || c.WriteAttributes != nil {
			e.Errorf("the client is %+v", c)
		}
		withSecret, err := e.root.IDP.CreateUserPoolClient(e.Context(), &idp.CreateUserPoolClientInput{UserPoolId: p.Id, ClientName: aws.String("secret"), GenerateSecret: true})
		e.ok(err)
		if n := len(aws.ToString(withSecret.UserPoolClient.ClientSecret)); n < 51 || n > 52 {
			e.Errorf("a generated secret has %d characters", n)
		}
		listed, err := e.root.IDP.ListUserPoolClients(e.Context(), &idp.ListUserPoolClientsInput{UserPoolId: p.Id})
		e.ok(err)
		if len(listed.UserPoolClients) != 2 || strings.Contains(string(e.post(e.root, "cognito-idp", idpTarget+"ListUserPoolClients", `{"UserPoolId":"`+*p.Id+`"}`).body), "Secret") {
			e.Errorf("clients are listed as %+v", listed.UserPoolClients)
		}
	})
}

var nilInt *int32

const idpTarget = "AWSCognitoIdentityProviderService."

// TestPools_lifecycle: update replaces, protection protects, deletion removes.
func TestPools_lifecycle(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.DeletionProtection = "ACTIVE"
			in.UserPoolTags = map[string]string{"team": "a"}
		}, nil)
		n.user("ann")
		_, err := e.root.IDP.DeleteUserPool(e.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		e.refused(err, "InvalidParameterException", "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
		_, err = e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, Policies: &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{MinimumLength: aws.Int32(12)}}})
		e.ok(err)
		out, err := e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: &n.pool})
		e.ok(err)
		if p := out.UserPool; p.DeletionProtection != "INACTIVE" || *p.Policies.PasswordPolicy.MinimumLength != 12 || len(p.AutoVerifiedAttributes) != 0 ||
			len(p.UserPoolTags) != 0 || p.EstimatedNumberOfUsers != 1 || *p.Name != "people" {
			e.Errorf("after an update the pool is %+v", p)
		}
		_, err = n.signUp("short", "Sh0rt-pass")
		e.refused(err, "InvalidPasswordException", "Password did not conform with policy: Password not long enough")
		tokens := n.tokens("ann")

		_, err = e.root.IDP.DeleteUserPool(e.Context(), &idp.DeleteUserPoolInput{UserPoolId: &n.pool})
		e.ok(err)
		missing := "User pool " + n.pool + " does not exist."
		_, err = e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: &n.pool})
		e.refused(err, "ResourceNotFoundException", missing)
		_, err = e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		e.refused(err, "ResourceNotFoundException", missing)
		_, err = n.login("ann", password)
		e.refused(err, "ResourceNotFoundException", "")
		_, err = n.getUser(*tokens.AccessToken)
		e.refused(err, "NotAuthorizedException", "Invalid Access Token")
		if a := e.get(e.server.URL + "/" + n.pool + "/.well-known/jwks.json"); a.status != http.StatusBadRequest {
			e.Errorf("the key set of a deleted pool: %d %s", a.status, a.body)
		}

		for _, c := range []struct {
			name   string
			change func(*idp.CreateUserPoolInput)
		}{
			{"aliases and name attributes", func(in *idp.CreateUserPoolInput) {
				in.AliasAttributes, in.UsernameAttributes = []types.AliasAttributeType{"email"}, []types.UsernameAttributeType{"email"}
			}},
			{"required custom attribute", func(in *idp.CreateUserPoolInput) {
				in.Schema = []types.SchemaAttributeType{{Name: aws.String("x"), AttributeDataType: "String", Required: aws.Bool(true)}}
			}},
			{"short passwords", func(in *idp.CreateUserPoolInput) {
				in.Policies = &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{MinimumLength: aws.Int32(5)}}
			}},
		} {
			in := &idp.CreateUserPoolInput{PoolName: aws.String("bad")}
			c.change(in)
			_, err := e.root.IDP.CreateUserPool(e.Context(), in)
			if !e.refused(err, "InvalidParameterException", "") {
				e.Fatal(c.name)
			}
		}
	})
}

// TestClients_refused: settings of clients that contradict themselves.
func TestClients_refused(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		elsewhere := e.tenant(nil, nil)
		for name, change := range map[string]func(*idp.CreateUserPoolClientInput){
			"mixed flows": func(in *idp.CreateUserPoolClientInput) {
				in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"}
			},
			"short access token": func(in *idp.CreateUserPoolClientInput) {
				in.AccessTokenValidity, in.TokenValidityUnits = aws.Int32(60), &types.TokenValidityUnitsType{AccessToken: "seconds"}
			},
			"long ID token": func(in *idp.CreateUserPoolClientInput) {
				in.IdTokenValidity, in.TokenValidityUnits = aws.Int32(2), &types.TokenValidityUnitsType{IdToken: "days"}
			},
			"access beyond refresh": func(in *idp.CreateUserPoolClientInput) {
				in.AccessTokenValidity, in.RefreshTokenValidity, in.TokenValidityUnits = aws.Int32(5), 2, &types.TokenValidityUnitsType{RefreshToken: "hours"}
			},
			"unknown attribute":     func(in *idp.CreateUserPoolClientInput) { in.ReadAttributes = []string{"custom:nothing"} },
			"callback without TLS":  func(in *idp.CreateUserPoolClientInput) { in.CallbackURLs = []string{"http://example.com/"} },
			"callback of no scheme": func(in *idp.CreateUserPoolClientInput) { in.CallbackURLs = []string{"example.com"} },
			"session too long":      func(in *idp.CreateUserPoolClientInput) { in.AuthSessionValidity = aws.Int32(16) },
			"rotation and refresh": func(in *idp.CreateUserPoolClientInput) {
				in.RefreshTokenRotation = &types.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: aws.Int32(0)}
			},
		} {
			in := &idp.CreateUserPoolClientInput{UserPoolId: &n.pool, ClientName: aws.String("bad"), ExplicitAuthFlows: everyFlow}
			change(in)
			_, err := e.root.IDP.CreateUserPoolClient(e.Context(), in)
			if !e.refused(err, "InvalidParameterException", "") {
				e.Fatal(name)
			}
		}
		_, err := e.root.IDP.DescribeUserPoolClient(e.Context(), &idp.DescribeUserPoolClientInput{UserPoolId: &elsewhere.pool, ClientId: &n.client})
		e.refused(err, "ResourceNotFoundException", "User pool client "+n.client+" does not exist.")
		_, err = e.root.IDP.DeleteUserPoolClient(e.Context(), &idp.DeleteUserPoolClientInput{UserPoolId: &elsewhere.pool, ClientId: &n.client})
		e.refused(err, "ResourceNotFoundException", "User pool client "+n.client+" does not exist.")
	})
}

// TestListUsers: the filter's grammar and the pages.
func TestListUsers(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		create := func(username string, pairs ...string) {
			_, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: &username, MessageAction: "SUPPRESS",
				TemporaryPassword: aws.String(password), UserAttributes: attributes(pairs...)})
			e.ok(err)
		}
		for i := range 7 {
			create(fmt.Sprintf("user%d", i), "email", fmt.Sprintf("u%d@example.com", i), "given_name", "Ann", "family_name", fmt.Sprintf("O\"Hara %d", i))
		}
		create("zoe", "phone_number", "+15551234567", "name", `back\slash`)
		_, err := e.root.IDP.AdminDisableUser(e.Context(), &idp.AdminDisableUserInput{UserPoolId: &n.pool, Username: aws.String("user3")})
		e.ok(err)
		n.user("confirmed")
		list := func(filter string) (names []string, err error) {
			out, err := e.root.IDP.ListUsers(e.Context(), &idp.ListUsersInput{UserPoolId: &n.pool, Filter: &filter})
			if err != nil {
				return nil, err
			}
			for _, u := range out.Users {
				names = append(names, *u.Username)
			}
			slices.Sort(names)
			return names, nil
		}
		for filter, want := range map[string]string{
			``:                                   "confirmed user0 user1 user2 user3 user4 user5 user6 zoe",
			`username = "user1"`:                 "user1",
			`username="user1"`:                   "user1",
			`username ^= "user"`:                 "user0 user1 user2 user3 user4 user5 user6",
			`username ^= "USER"`:                 "",
			`email = "u2@example.com"`:           "user2",
			`email ^= "u"`:                       "user0 user1 user2 user3 user4 user5 user6",
			`phone_number = "+15551234567"`:      "zoe",
			`phone_number ^= "+1555"`:            "zoe",
			`given_name = "Ann"`:                 "user0 user1 user2 user3 user4 user5 user6",
			`family_name = "O\"Hara 4"`:          "user4",
			`family_name ^= "O\"H"`:              "user0 user1 user2 user3 user4 user5 user6",
			`name = "back\\slash"`:               "zoe",
			`cognito:user_status = "CONFIRMED"`:  "confirmed",
			`cognito:user_status = "confirmed"`:  "confirmed",
			`status = "Disabled"`:                "user3",
			`username = "nobody"`:                "",
			`username = ""`:                      "",
			`email ^= "%"`:                       "",
			`email = "' or 1=1 --"`:              "",
			`cognito:user_status ^= "FORCE_CHA"`: "user0 user1 user2 user3 user4 user5 user6 zoe",
		} {
			got, err := list(filter)
			if err != nil || strings.Join(got, " ") != want {
				e.Errorf("%s gives %v (%v), want %s", filter, got, err, want)
			}
		}
		for filter, message := range map[string]string{
			`custom:x = "y"`:          "Invalid search attribute: custom:x",
			`nickname = "y"`:          "Invalid search attribute: nickname",
			`username`:                "Error while parsing filter.",
			`username = user1`:        "Error while parsing filter.",
			`username = "user1`:       "Error while parsing filter.",
			`username == "user1"`:     "Error while parsing filter.",
			`username > "user1"`:      "Error while parsing filter.",
			`username = "a" or x`:     "Error while parsing filter.",
			`= "a"`:                   "Error while parsing filter.",
			`status = "enabled"`:      "Error while parsing filter.",
			strings.Repeat("x", 257):  "/Member must have length less than or equal to 256$/",
			"username = \"\x00\"":     "",
			`username = "a" "b"`:      "Error while parsing filter.",
			`username ^ = "user1"`:    "Error while parsing filter.",
			`username = "trailing\"`:  "Error while parsing filter.",
			`username <= "everybody"`: "Error while parsing filter.",
		} {
			_, err := list(filter)
			if !e.refused(err, "InvalidParameterException", message) {
				e.Fatalf("%q", filter)
			}
		}

		seen := map[string]bool{}
		in := &idp.ListUsersInput{UserPoolId: &n.pool, Filter: aws.String(`username ^= "user"`), Limit: aws.Int32(3), AttributesToGet: []string{"email"}}
		pages := 0
		for {
			out, err := e.root.IDP.ListUsers(e.Context(), in)
			e.ok(err)
			pages++
			for _, u := range out.Users {
				if seen[*u.Username] || len(u.Attributes) != 1 || *u.Attributes[0].Name != "email" {
					e.Errorf("page %d shows %s with %v", pages, *u.Username, u.Attributes)
				}
				seen[*u.Username] = true
			}
			if in.PaginationToken = out.PaginationToken; in.PaginationToken == nil {
				break
			}
			if pages == 1 {
				elsewhere := *in
				elsewhere.Filter = nil
				_, err := e.root.IDP.ListUsers(e.Context(), &elsewhere)
				e.refused(err, "InvalidParameterException", "Invalid pagination token")
				forged := *in
				forged.PaginationToken = aws.String(flip(*in.PaginationToken))
				_, err = e.root.IDP.ListUsers(e.Context(), &forged)
				e.refused(err, "InvalidParameterException", "Invalid pagination token")
			}
			if pages > 9 {
				e.Fatal("the pages do not end")
			}
		}
		if len(seen) != 7 {
			e.Errorf("the pages show %d of 7 users", len(seen))
		}
		_, err = e.root.IDP.ListUsers(e.Context(), &idp.ListUsersInput{UserPoolId: &n.pool, AttributesToGet: []string{"custom:nothing"}})
		e.refused(err, "InvalidParameterException", "")
	})
}

// TestKeys: tokens verify with another library against what discovery names,
// and say what they must.
func TestKeys(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		tokens := n.tokens("ann")
		base := e.server.URL + "/" + n.pool
		var document struct {
			Issuer     string   `json:"issuer"`
			JWKS       string   `json:"jwks_uri"`
			Algorithms []string `json:"id_token_signing_alg_values_supported"`
		}
		a := e.get(base + "/.well-known/openid-configuration")
		e.ok(json.Unmarshal(a.body, &document))
		if a.status != http.StatusOK || document.Issuer != base || document.JWKS != base+"/.well-known/jwks.json" || !slices.Equal(document.Algorithms, []string{"RS256"}) ||
			!strings.HasPrefix(a.header.Get("Content-Type"), "application/json") || a.header.Get("Access-Control-Allow-Origin") != "*" {
			e.Errorf("discovery: %d %s", a.status, a.body)
		}
		a = e.get(document.JWKS)
		var set jose.JSONWebKeySet
		e.ok(json.Unmarshal(a.body, &set))
		if len(set.Keys) != 2 || set.Keys[0].Algorithm != "RS256" || set.Keys[0].Use != "sig" || len(set.Keys[0].KeyID) != 44 {
			e.Errorf("the key set is %s", a.body)
		}
		verify := func(text string) (map[string]any, string) {
			parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
			e.ok(err)
			kid := parsed.Headers[0].KeyID
			keys := set.Key(kid)
			if len(keys) != 1 {
				e.Fatalf("kid %s names %d keys", kid, len(keys))
			}
			var claims map[string]any
			e.ok(parsed.Claims(keys[0], &claims))
			return claims, kid
		}
		id, idKey := verify(*tokens.IdToken)
		access, accessKey := verify(*tokens.AccessToken)
		if idKey == accessKey {
			e.Error("ID and access token are signed with one key")
		}
		for name, want := range map[string]any{"iss": base, "aud": n.client, "token_use": "id", "cognito:username": "ann", "email": email("ann"), "email_verified": true} {
			if id[name] != want {
				e.Errorf("ID token: %s is %v, want %v", name, id[name], want)
			}
		}
		for name, want := range map[string]any{"iss": base, "client_id": n.client, "token_use": "access", "username": "ann", "scope": "aws.cognito.signin.user.admin"} {
			if access[name] != want {
				e.Errorf("access token: %s is %v, want %v", name, access[name], want)
			}
		}
		if got, want := fmt.Sprint(names(access)), "[auth_time client_id event_id exp iat iss jti origin_jti scope sub token_use username]"; got != want {
			e.Errorf("the access token claims\n\t%s, want\n\t%s", got, want)
		}
		if got, want := fmt.Sprint(names(id)), "[aud auth_time cognito:username email email_verified event_id exp iat iss jti origin_jti sub token_use]"; got != want {
			e.Errorf("the ID token claims\n\t%s, want\n\t%s", got, want)
		}
		if id["sub"] != access["sub"] || id["origin_jti"] != access["origin_jti"] || id["event_id"] != access["event_id"] || id["jti"] == access["jti"] ||
			id["exp"].(float64)-id["iat"].(float64) != 3600 {
			e.Errorf("the two tokens do not belong together:\n\t%v\n\t%v", id, access)
		}
		if a := e.get(e.server.URL + "/us-east-1_000000000/.well-known/jwks.json"); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "User pool us-east-1_000000000 does not exist.") {
			e.Errorf("an unknown pool's key set: %d %s", a.status, a.body)
		}
	})
}

func names(m map[string]any) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
