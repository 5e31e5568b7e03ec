package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// TestEnvelope: answers look as clients expect them, header by header
// (api-errors.md, sections 2 and 3).
func TestEnvelope(t *testing.T) {
	e := start(t)
	n := e.tenant(nil, nil)
	_, err := n.signUp("ann", password)
	e.ok(err)
	signUp := func(body string) *answer { return e.post(nil, "", idpTarget+"SignUp", body) }
	for name, c := range map[string]struct {
		answer  *answer
		status  int
		kind    string
		body    string // a regular expression
		message bool   // repeated in a header
	}{
		"an answer": {signUp(`{"ClientId":"` + n.client + `","Username":"bob","Password":"` + password + `","Unknown":{"a":[1]}}`), 200, "",
			`^\{"UserConfirmed":false,"UserSub":"[0-9a-f-]{36}"\}$`, false},
		"nothing to say": {e.post(e.root, "cognito-idp", idpTarget+"AdminUserGlobalSignOut", `{"UserPoolId":"`+n.pool+`","Username":"ann"}`), 200, "", `^\{\}$`, false},
		"no output":      {e.post(e.root, "cognito-idp", idpTarget+"AdminDeleteUser", `{"UserPoolId":"`+n.pool+`","Username":"ann"}`), 200, "", `^$`, false},
		"an exception":   {signUp(`{"ClientId":"nobody","Username":"bob","Password":"x"}`), 400, "ResourceNotFoundException", `"message":"User pool client nobody does not exist\."`, true},
		"a constraint": {signUp(`{"ClientId":"` + n.client + `","Username":"","Password":"x"}`), 400, "InvalidParameterException",
			`"message":"[0-9]+ validation errors? detected: Value at 'username' failed to satisfy constraint: Member must `, true},
		"a wrong type": {signUp(`{"ClientId":true}`), 400, "SerializationException", `"Message":"TRUE_VALUE can not be converted to a String"`, true},
		"a wrong map":  {e.post(nil, "", idpTarget+"InitiateAuth", `{"AuthParameters":"x"}`), 400, "SerializationException", `"Message":"Expected map or null"`, true},
		"no signature": {e.post(nil, "", idpTarget+"ListUserPools", `{"MaxResults":1}`), 400, "MissingAuthenticationTokenException", `"Message":"`, true},
		"identity pools": {e.post(nil, "", "AWSCognitoIdentityService.GetId", `{"IdentityPoolId":"us-east-1:00000000-0000-0000-0000-000000000000"}`), 400, "ResourceNotFoundException",
			`"message":"IdentityPool 'us-east-1:00000000-0000-0000-0000-000000000000' not found\."`, true},
	} {
		a := c.answer
		h := a.header
		if a.status != c.status || a.kind() != c.kind || !regexp.MustCompile(c.body).Match(a.body) {
			e.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if h.Get("Content-Type") != "application/x-amz-json-1.1" || len(h.Get("X-Amzn-Requestid")) != 36 || h.Get("Access-Control-Allow-Origin") != "*" ||
			h.Get("Access-Control-Expose-Headers") != "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date" || h.Get("Date") == "" {
			e.Errorf("%s: the headers are %v", name, h)
		}
		if c.kind != "" && h.Get("X-Amzn-Errortype") != c.kind+":" || c.message && h.Get("X-Amzn-Errormessage") != a.message() {
			e.Errorf("%s: the error's headers are %q, %q", name, h.Get("X-Amzn-Errortype"), h.Get("X-Amzn-Errormessage"))
		}
	}
	dates := e.post(e.root, "cognito-idp", idpTarget+"DescribeUserPool", `{"UserPoolId":"`+n.pool+`"}`)
	if !regexp.MustCompile(`"CreationDate":1[0-9]{9}(\.[0-9]{1,3})?[,}]`).Match(dates.body) {
		e.Errorf("dates are not seconds with a fraction: %s", dates.body)
	}
	wanted := "content-type,x-amz-target,x-amz-user-agent,x-amz-date,x-amz-security-token,x-amz-content-sha256,authorization,amz-sdk-invocation-id,amz-sdk-request,cache-control"
	a := e.request(http.MethodOptions, e.server.URL+"/", "Origin", "https://page.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", wanted)
	if a.status != http.StatusOK || a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
		a.header.Get("Access-Control-Allow-Headers") != wanted || a.header.Get("Access-Control-Max-Age") == "" {
		e.Errorf("preflight: %d %v", a.status, a.header)
	}
}

// TestPages: lists of pools, clients and identity pools come whole, in pages.
func TestPages(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		for i := range 4 {
			_, err := e.root.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String(fmt.Sprint("pool", i))})
			e.ok(err)
			n.newClient(nil)
			_, err = e.root.Identity.CreateIdentityPool(e.Context(), &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String(fmt.Sprint("pool", i))})
			e.ok(err)
		}
		walk := func(what string, want int, next func(token *string) (ids []string, token2 *string, err error)) {
			e.Helper()
			var token *string
			seen := map[string]bool{}
			for pages := 1; ; pages++ {
				ids, more, err := next(token)
				e.ok(err)
				for _, id := range ids {
					if seen[id] {
						e.Errorf("%s: %s is listed twice", what, id)
					}
					seen[id] = true
				}
				if more == nil {
					if len(seen) != want || pages != (want+1)/2 {
						e.Errorf("%s: %d of %d in %d pages", what, len(seen), want, pages)
					}
					return
				}
				token = more
			}
		}
		walk("ListUserPools", 5, func(token *string) (ids []string, more *string, err error) {
			out, err := e.root.IDP.ListUserPools(e.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(2), NextToken: token})
			e.ok(err)
			for _, p := range out.UserPools {
				ids = append(ids, *p.Id)
			}
			return ids, out.NextToken, nil
		})
		walk("ListUserPoolClients", 5, func(token *string) (ids []string, more *string, err error) {
			out, err := e.root.IDP.ListUserPoolClients(e.Context(), &idp.ListUserPoolClientsInput{UserPoolId: &n.pool, MaxResults: aws.Int32(2), NextToken: token})
			e.ok(err)
			for _, c := range out.UserPoolClients {
				ids = append(ids, *c.ClientId)
			}
			return ids, out.NextToken, nil
		})
		walk("ListIdentityPools", 4, func(token *string) (ids []string, more *string, err error) {
			out, err := e.root.Identity.ListIdentityPools(e.Context(), &cognitoidentity.ListIdentityPoolsInput{MaxResults: aws.Int32(2), NextToken: token})
			e.ok(err)
			for _, p := range out.IdentityPools {
				ids = append(ids, *p.IdentityPoolId)
			}
			return ids, out.NextToken, nil
		})
		_, err := e.root.IDP.ListUserPools(e.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(2), NextToken: aws.String("x")})
		e.refused(err, "InvalidParameterException", "")
		_, err = e.root.IDP.ListUserPools(e.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(61)})
		e.refused(err, "InvalidParameterException", "/Member must have value less than or equal to 60/")
	})
}

// TestIDToken_claims: a token tells what the client may read, for as long as
// the client says.
func TestIDToken_claims(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(func(in *idp.CreateUserPoolInput) {
			in.Schema = []types.SchemaAttributeType{{Name: aws.String("team"), AttributeDataType: "String", Mutable: aws.Bool(true)}}
		}, func(in *idp.CreateUserPoolClientInput) {
			in.ReadAttributes = []string{"name", "custom:team", "phone_number_verified"}
			in.AccessTokenValidity, in.IdTokenValidity = aws.Int32(5), aws.Int32(2)
			in.TokenValidityUnits = &types.TokenValidityUnitsType{AccessToken: "minutes", IdToken: "hours"}
			in.EnableTokenRevocation = aws.Bool(false)
		})
		n.user("ann")
		_, err := e.root.IDP.AdminUpdateUserAttributes(e.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &n.pool, Username: aws.String("ann"),
			UserAttributes: attributes("name", "Ann Ünïcode \"quoted\"", "custom:team", "blue", "phone_number", "+15551234567", "phone_number_verified", "true")})
		e.ok(err)
		tokens := n.tokens("ann")
		if tokens.ExpiresIn != 300 {
			e.Errorf("ExpiresIn is %d", tokens.ExpiresIn)
		}
		id := claimsOf(e, *tokens.IdToken)
		if got, want := fmt.Sprint(names(id)), "[aud auth_time cognito:username custom:team event_id exp iat iss name phone_number_verified sub token_use]"; got != want {
			e.Errorf("the ID token claims\n\t%s, want\n\t%s", got, want)
		}
		if id["name"] != "Ann Ünïcode \"quoted\"" || id["custom:team"] != "blue" || id["phone_number_verified"] != true || id["exp"].(float64)-id["iat"].(float64) != 7200 {
			e.Errorf("the ID token claims %v", id)
		}
		_, err = n.anyone.IDP.RevokeToken(e.Context(), &idp.RevokeTokenInput{ClientId: &n.client, Token: tokens.RefreshToken})
		e.refused(err, "UnsupportedOperationException", "")
		// What has changed is told after a refresh.
		_, err = e.root.IDP.AdminUpdateUserAttributes(e.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &n.pool, Username: aws.String("ann"), UserAttributes: attributes("custom:team", "red")})
		e.ok(err)
		fresh, err := n.refresh(*tokens.RefreshToken)
		e.ok(err)
		if team := claimsOf(e, *fresh.AuthenticationResult.IdToken)["custom:team"]; team != "red" {
			e.Errorf("after a refresh the team is %v", team)
		}
	})
}

// TestIdentityPools_admin: the control plane of identity pools, and who may
// hand out roles.
func TestIdentityPools_admin(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		f := n.federation("Admin", nil)
		out, err := e.root.Identity.DescribeIdentityPool(e.Context(), &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: &f.id})
		e.ok(err)
		if *out.IdentityPoolName != "Admin" || out.AllowUnauthenticatedIdentities || out.AllowClassicFlow != nil || len(out.CognitoIdentityProviders) != 1 ||
			*out.CognitoIdentityProviders[0].ProviderName != n.provider() || !strings.HasPrefix(f.id, e.server.Region+":") {
			e.Errorf("the pool is %+v", out)
		}
		arn := "arn:aws:cognito-identity:" + e.server.Region + ":" + e.server.Account + ":identitypool/" + f.id
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-identity:*","Resource":"`+arn+`"}}`)
		set := func(role string) error {
			_, err := ann.Identity.SetIdentityPoolRoles(e.Context(), &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &f.id, Roles: map[string]string{"authenticated": role}})
			return err
		}
		e.refused(set(f.roleARN), "NotAuthorizedException", "Access to Role '"+f.roleARN+"' is forbidden.")
		_, err = ann.Identity.DescribeIdentityPool(e.Context(), &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: &f.id})
		e.ok(err)
		other, err := e.root.Identity.CreateIdentityPool(e.Context(), &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("Other")})
		e.ok(err)
		_, err = ann.Identity.DescribeIdentityPool(e.Context(), &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: other.IdentityPoolId})
		e.refused(err, "AccessDeniedException", "/is not authorized to perform: cognito-identity:DescribeIdentityPool on resource: /")
		_, err = ann.Identity.DeleteIdentityPool(e.Context(), &cognitoidentity.DeleteIdentityPoolInput{IdentityPoolId: other.IdentityPoolId})
		e.refused(err, "AccessDeniedException", "")
		roles, err := e.root.Identity.GetIdentityPoolRoles(e.Context(), &cognitoidentity.GetIdentityPoolRolesInput{IdentityPoolId: &f.id})
		e.ok(err)
		if roles.Roles["authenticated"] != f.roleARN || roles.Roles["unauthenticated"] != f.gARN {
			e.Errorf("the roles are %v", roles.Roles)
		}

		n.user("ann")
		tokens := n.tokens("ann")
		id, err := f.getID(f.logins(*tokens.IdToken))
		e.ok(err)
		_, err = ann.Identity.DeleteIdentityPool(e.Context(), &cognitoidentity.DeleteIdentityPoolInput{IdentityPoolId: &f.id})
		e.ok(err)
		_, err = f.getID(f.logins(*tokens.IdToken))
		e.refused(err, "ResourceNotFoundException", "IdentityPool '"+f.id+"' not found.")
		_, err = f.credentials(id, f.logins(*tokens.IdToken))
		e.refused(err, "ResourceNotFoundException", "Identity '"+id+"' not found.")
		list, err := e.root.Identity.ListIdentityPools(e.Context(), &cognitoidentity.ListIdentityPoolsInput{MaxResults: aws.Int32(10)})
		e.ok(err)
		if len(list.IdentityPools) != 1 || slices.ContainsFunc(list.IdentityPools, func(p identitytypes.IdentityPoolShortDescription) bool { return *p.IdentityPoolId == f.id }) {
			e.Errorf("the pools are %v", list.IdentityPools)
		}
	})
}
