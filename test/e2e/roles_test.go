package e2e_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	identitytypes "github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"gatehouse/test/awsclient"
)

// office is W4 with a bucket in place of the API: two objects, two groups, and
// a role for each that opens one of the objects or both.
type office struct {
	*federation
	admin, user string // ARNs of the roles
}

func (e *env) office() *office {
	e.Helper()
	n := e.tenant(nil, nil)
	o := &office{federation: n.federation("office", nil)}
	_, err := e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("office")})
	e.ok(err)
	e.put("office", "user", "text/plain", "Hello user")
	e.put("office", "admin", "text/plain", "Hello admin")
	o.admin = o.roleFor("CognitoRoleSecureAPIAdmin", trust(o.id, "authenticated"), `"arn:aws:s3:::office/user","arn:aws:s3:::office/admin"`)
	o.user = o.roleFor("CognitoRoleSecureApiUser", trust(o.id, "authenticated"), `"arn:aws:s3:::office/user"`)
	o.groupWith("Admin", o.admin, 0)
	o.groupWith("User", o.user, 1)
	for name, groups := range map[string][]string{"john": {"User"}, "rose": {"Admin", "User"}, "nobody": nil} {
		n.user(name)
		for _, g := range groups {
			o.joins(name, g)
		}
	}
	return o
}

// roleFor makes a role that may read some objects.
func (o *office) roleFor(name, trust, objects string) (arn string) {
	o.Helper()
	r, err := o.root.IAM.CreateRole(o.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	o.ok(err)
	_, err = o.root.IAM.PutRolePolicy(o.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("objects"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":[` + objects + `]}}`)})
	o.ok(err)
	return *r.Role.Arn
}

func (o *office) groupWith(name, role string, precedence int32) {
	o.Helper()
	_, err := o.root.IDP.CreateGroup(o.Context(), &idp.CreateGroupInput{UserPoolId: &o.pool, GroupName: &name, RoleArn: &role, Precedence: &precedence})
	o.ok(err)
}

func (o *office) joins(user, group string) {
	o.Helper()
	_, err := o.root.IDP.AdminAddUserToGroup(o.Context(), &idp.AdminAddUserToGroupInput{UserPoolId: &o.pool, Username: &user, GroupName: &group})
	o.ok(err)
}

// mappingKey is the key of the tenant's client among role mappings.
func (n *tenant) mappingKey() string { return n.provider() + ":" + n.client }

// mapRoles sets the mapping of the client, beside the default roles.
func (f *federation) mapRoles(m identitytypes.RoleMapping) error {
	return f.setRoles(map[string]string{"authenticated": f.roleARN, "unauthenticated": f.gARN}, map[string]identitytypes.RoleMapping{f.mappingKey(): m})
}

func (f *federation) setRoles(roles map[string]string, mappings map[string]identitytypes.RoleMapping) error {
	_, err := f.root.Identity.SetIdentityPoolRoles(f.Context(), &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &f.id, Roles: roles, RoleMappings: mappings})
	return err
}

var byToken = identitytypes.RoleMapping{Type: "Token", AmbiguousRoleResolution: "Deny"}

func rule(claim string, match identitytypes.MappingRuleMatchType, value, role string) identitytypes.MappingRule {
	return identitytypes.MappingRule{Claim: &claim, MatchType: match, Value: &value, RoleARN: &role}
}

func byRules(otherwise identitytypes.AmbiguousRoleResolutionType, rules ...identitytypes.MappingRule) identitytypes.RoleMapping {
	return identitytypes.RoleMapping{Type: "Rules", AmbiguousRoleResolution: otherwise, RulesConfiguration: &identitytypes.RulesConfigurationType{Rules: rules}}
}

// trade turns an ID token into credentials, with a role that the caller picks or
// "".
func (f *federation) trade(idToken, customRole string) (*awsclient.Clients, error) {
	id, err := f.getID(f.logins(idToken))
	if err != nil {
		return nil, err
	}
	return f.credentialsAs(id, f.logins(idToken), customRole)
}

func (f *federation) credentialsAs(identity string, logins map[string]string, customRole string) (*awsclient.Clients, error) {
	in := &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: &identity, Logins: logins}
	if customRole != "" {
		in.CustomRoleArn = &customRole
	}
	out, err := f.anyone.Identity.GetCredentialsForIdentity(f.Context(), in)
	if err != nil {
		return nil, err
	}
	return f.env.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretKey, *out.Credentials.SessionToken), nil
}

// readObject opens an object.
func (e *env) readObject(c *awsclient.Clients, bucket, key string) (string, error) {
	out, err := c.S3.GetObject(e.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	return string(b), err
}

// TestWalkthrough4 is W4's table of roles: what a group's role opens is what
// its members may open.
func TestWalkthrough4(t *testing.T) {
	each(t, func(e *env) {
		o := e.office()
		e.ok(o.mapRoles(byToken))
		shown, err := e.root.Identity.GetIdentityPoolRoles(e.Context(), &cognitoidentity.GetIdentityPoolRolesInput{IdentityPoolId: &o.id})
		e.ok(err)
		if m := shown.RoleMappings[o.mappingKey()]; len(shown.RoleMappings) != 1 || m.Type != "Token" || m.AmbiguousRoleResolution != "Deny" || shown.Roles["authenticated"] != o.roleARN {
			e.Errorf("the roles are %+v", shown)
		}
		john, rose, nobody := o.tokens("john"), o.tokens("rose"), o.tokens("nobody")
		johnsID, err := o.getID(o.logins(*john.IdToken))
		e.ok(err)
		rosesID, err := o.getID(o.logins(*rose.IdToken))
		e.ok(err)

		// Nothing for those who show nothing.
		const denied = "The ambiguous role mapping rules for: "
		_, err = o.trade(*nobody.IdToken, "")
		e.refused(err, "NotAuthorizedException", denied+o.provider()+" denied this request.")
		for _, role := range []string{o.user, o.admin, o.roleARN} {
			_, err = o.trade(*nobody.IdToken, role)
			e.refused(err, "NotAuthorizedException", "Access to Role '"+role+"' is forbidden.")
		}
		for _, role := range []string{o.admin, o.roleARN, o.user + "x"} {
			_, err = o.trade(*john.IdToken, role)
			e.refused(err, "NotAuthorizedException", "Access to Role '"+role+"' is forbidden.")
		}
		_, err = o.credentialsAs(rosesID, o.logins(*john.IdToken), "")
		e.refused(err, "NotAuthorizedException", "Logins don't match. Please include at least one valid login for this identity or identity pool.")
		_, err = o.credentialsAs(rosesID, nil, "")
		e.refused(err, "NotAuthorizedException", "Access to Identity '"+rosesID+"' is forbidden.")
		o.tenant.user("ann")
		e.loginTokens(o.federation, o.tokens("ann"))
		for name, c := range map[string]struct{ token, message string }{
			"access token": {*rose.AccessToken, "Invalid login token. Missing a required claim: aud"},
			"altered":      {alter(*rose.IdToken), "Invalid login token. Couldn't verify signed token."},
			"unsigned":     {unsigned(*rose.IdToken), "Invalid login token. Couldn't verify signed token."},
		} {
			_, err = o.credentialsAs(rosesID, o.logins(c.token), o.admin)
			if !e.refused(err, "NotAuthorizedException", c.message) {
				e.Log(name)
			}
		}

		may := func(c *awsclient.Clients, err error, key, want string) {
			e.Helper()
			e.ok(err)
			got, err := e.readObject(c, "office", key)
			if want == "" {
				e.refused(err, "AccessDenied", "/^User: arn:aws:sts::[0-9]+:assumed-role/CognitoRoleSecureApiUser/CognitoIdentityCredentials is not authorized to perform: s3:GetObject /")
			} else if err != nil || got != want {
				e.Errorf("%s reads %q, %v", key, got, err)
			}
		}
		c, err := o.trade(*john.IdToken, "")
		may(c, err, "admin", "")
		may(c, err, "user", "Hello user")
		c, err = o.trade(*john.IdToken, o.user)
		may(c, err, "admin", "")
		c, err = o.trade(*rose.IdToken, o.user) // the chosen role counts
		may(c, err, "admin", "")
		may(c, err, "user", "Hello user")
		admin, err := o.trade(*rose.IdToken, "")
		may(admin, err, "user", "Hello user")
		may(admin, err, "admin", "Hello admin")

		// The basic flow would let its caller pick any role.
		_, err = e.anyone.Identity.GetOpenIdToken(e.Context(), &cognitoidentity.GetOpenIdTokenInput{IdentityId: &johnsID, Logins: o.logins(*john.IdToken)})
		e.refused(err, "InvalidParameterException", "Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.")

		// Who leaves a group keeps credentials and token; the next token lacks the role.
		_, err = e.root.IDP.AdminRemoveUserFromGroup(e.Context(), &idp.AdminRemoveUserFromGroupInput{UserPoolId: &o.pool, Username: aws.String("rose"), GroupName: aws.String("Admin")})
		e.ok(err)
		may(admin, nil, "admin", "Hello admin")
		later := o.tokens("rose")
		_, err = o.trade(*later.IdToken, o.admin)
		e.refused(err, "NotAuthorizedException", "Access to Role '"+o.admin+"' is forbidden.")
		c, err = o.trade(*later.IdToken, "")
		may(c, err, "admin", "")

		// Two groups of the same precedence have no preferred role.
		o.groupWith("Twin", o.admin, 1)
		o.joins("rose", "Twin")
		twin := o.tokens("rose")
		_, err = o.trade(*twin.IdToken, "")
		e.refused(err, "NotAuthorizedException", denied+o.provider()+" denied this request.")
		c, err = o.trade(*twin.IdToken, o.admin)
		may(c, err, "admin", "Hello admin")
		e.ok(o.mapRoles(identitytypes.RoleMapping{Type: "Token", AmbiguousRoleResolution: "AuthenticatedRole"}))
		c, err = o.trade(*twin.IdToken, "")
		e.ok(err)
		_, err = e.readObject(c, "office", "user")
		e.refused(err, "AccessDenied", "/assumed-role/"+o.role+"/")

		e.server.Advance(time.Hour)
		_, err = o.trade(*twin.IdToken, "")
		e.refused(err, "NotAuthorizedException", `/^Invalid login token\. Token expired: [0-9]+ >= [0-9]+$/`)
		_, err = e.readObject(admin, "office", "admin")
		e.refused(err, "ExpiredToken", "")
	})
}

// TestWalkthrough4_trust: the role of a group is given only to identities that
// its trust policy admits.
func TestWalkthrough4_trust(t *testing.T) {
	each(t, func(e *env) {
		o := e.office()
		e.ok(o.mapRoles(byToken))
		other, err := e.root.Identity.CreateIdentityPool(e.Context(), &cognitoidentity.CreateIdentityPoolInput{IdentityPoolName: aws.String("other"),
			CognitoIdentityProviders: o.providers(false)})
		e.ok(err)
		elsewhere := *o.federation
		elsewhere.id = *other.IdentityPoolId
		token := *o.tokens("john").IdToken
		trusting := func(text string) {
			e.Helper()
			_, err := e.root.IAM.UpdateAssumeRolePolicy(e.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("CognitoRoleSecureApiUser"), PolicyDocument: &text})
			e.ok(err)
		}
		const wrong = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
		refused := func(text string) {
			e.Helper()
			trusting(text)
			_, err := o.trade(token, "")
			e.refused(err, "InvalidIdentityPoolConfigurationException", wrong)
		}
		refused(trust(elsewhere.id, "authenticated"))
		refused(trust(o.id, "unauthenticated"))
		refused(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRoleWithWebIdentity"}}`)
		refused(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`)
		trusting(trust(o.id, "authenticated"))
		_, err = o.trade(token, "")
		e.ok(err)

		// The same role in another pool's mapping is not given.
		e.ok(elsewhere.mapRoles(byToken))
		_, err = elsewhere.trade(token, "")
		e.refused(err, "InvalidIdentityPoolConfigurationException", wrong)
		// Without aud every pool of the account fits: that is what such a policy says.
		trusting(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity"}}`)
		_, err = elsewhere.trade(token, "")
		e.ok(err)

		_, err = e.root.IAM.DeleteRolePolicy(e.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("CognitoRoleSecureApiUser"), PolicyName: aws.String("objects")})
		e.ok(err)
		_, err = e.root.IAM.DeleteRole(e.Context(), &iam.DeleteRoleInput{RoleName: aws.String("CognitoRoleSecureApiUser")})
		e.ok(err)
		_, err = o.trade(token, "")
		e.refused(err, "InvalidIdentityPoolConfigurationException", wrong)
	})
}

// TestRoleMappings_rules: the first rule that the token's claims satisfy names
// the role.
func TestRoleMappings_rules(t *testing.T) {
	each(t, func(e *env) {
		o := e.office()
		e.setAttribute(o.tenant, "john", "name", "John Doe")
		john, nobody := *o.tokens("john").IdToken, *o.tokens("nobody").IdToken
		who := func(token, custom string) (string, error) {
			c, err := o.trade(token, custom)
			if err != nil {
				return "", err
			}
			_, err = e.readObject(c, "office", "admin")
			var missing *s3types.NoSuchKey
			switch {
			case err == nil:
				return "admin", nil
			case errors.As(err, &missing):
				return "", err
			}
			if _, err = e.readObject(c, "office", "user"); err == nil {
				return "user", nil
			}
			return "default", nil
		}
		const none = "none"
		for name, c := range map[string]struct {
			mapping         identitytypes.RoleMapping
			john, ofNobody  string
			custom, ofAdmin string // what john gets who asks for the admin's role
		}{
			"Equals":                 {byRules("Deny", rule("name", "Equals", "John Doe", o.admin)), "admin", none, o.admin, "admin"},
			"Equals, part":           {byRules("Deny", rule("name", "Equals", "John", o.admin)), none, none, o.admin, none},
			"Equals, case":           {byRules("Deny", rule("name", "Equals", "john doe", o.admin)), none, none, o.admin, none},
			"Equals, wildcard":       {byRules("Deny", rule("name", "Equals", "John*", o.admin)), none, none, o.admin, none},
			"Equals, boolean":        {byRules("Deny", rule("email_verified", "Equals", "true", o.user)), "user", "user", o.admin, none},
			"Contains":               {byRules("Deny", rule("name", "Contains", "hn D", o.user)), "user", none, "", ""},
			"Contains, group":        {byRules("Deny", rule("cognito:groups", "Contains", "User", o.user)), "user", none, "", ""},
			"Contains, half a group": {byRules("Deny", rule("cognito:groups", "Contains", "Use", o.user)), none, none, "", ""},
			"Equals, group":          {byRules("Deny", rule("cognito:groups", "Equals", "User", o.user)), none, none, "", ""},
			"NotEqual, groups":       {byRules("Deny", rule("cognito:groups", "NotEqual", "Admin", o.user)), none, none, "", ""},
			"StartsWith":             {byRules("Deny", rule("name", "StartsWith", "John", o.user)), "user", none, "", ""},
			"StartsWith, not":        {byRules("Deny", rule("name", "StartsWith", "Doe", o.user)), none, none, "", ""},
			"NotEqual":               {byRules("Deny", rule("name", "NotEqual", "Jane", o.user)), "user", none, "", ""},
			"NotEqual, equal":        {byRules("Deny", rule("name", "NotEqual", "John Doe", o.user)), none, none, "", ""},
			"no such claim":          {byRules("Deny", rule("custom:no", "NotEqual", "x", o.user)), none, none, "", ""},
			"the default":            {byRules("AuthenticatedRole", rule("name", "Equals", "Jane", o.user)), "default", "default", o.admin, none},
			"the first":              {byRules("Deny", rule("name", "StartsWith", "J", o.user), rule("name", "Equals", "John Doe", o.admin)), "user", none, o.admin, "admin"},
		} {
			e.ok(o.mapRoles(c.mapping))
			expect := func(token, custom, want string) {
				e.Helper()
				got, err := who(token, custom)
				if want == none {
					message := "The ambiguous role mapping rules for: " + o.provider() + " denied this request."
					if custom != "" {
						message = "Access to Role '" + custom + "' is forbidden."
					}
					if !e.refused(err, "NotAuthorizedException", message) {
						e.Log(name)
					}
				} else if err != nil || got != want {
					e.Errorf("%s: the role is %q (%v), want %s", name, got, err, want)
				}
			}
			expect(john, "", c.john)
			expect(nobody, "", c.ofNobody)
			if c.custom != "" {
				expect(john, c.custom, c.ofAdmin)
			}
		}
		// Another client has no mapping, and gets the default role alone.
		e.ok(o.setRoles(map[string]string{}, map[string]identitytypes.RoleMapping{o.mappingKey(): byRules("AuthenticatedRole", rule("name", "Equals", "Jane", o.user))}))
		_, err := o.trade(john, "")
		e.refused(err, "InvalidIdentityPoolConfigurationException", "Invalid identity pool configuration. Check assigned IAM roles for this pool.")
	})
}

func (e *env) setAttribute(n *tenant, user, name, value string) {
	e.Helper()
	_, err := e.root.IDP.AdminUpdateUserAttributes(e.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &n.pool, Username: &user, UserAttributes: attributes(name, value)})
	e.ok(err)
}

// TestSetIdentityPoolRoles_refused: mappings that cannot be, and roles that the
// caller may not give away.
func TestSetIdentityPoolRoles_refused(t *testing.T) {
	each(t, func(e *env) {
		o := e.office()
		many := make([]identitytypes.MappingRule, 26)
		for i := range many {
			many[i] = rule("name", "Equals", "x", o.user)
		}
		gone := "arn:aws:iam::" + e.server.Account + ":role/gone"
		const invalid, forbidden = "InvalidParameterException", "NotAuthorizedException"
		for name, c := range map[string]struct {
			key           string
			mapping       identitytypes.RoleMapping
			code, message string
		}{
			"no client":        {o.provider(), byToken, invalid, "(" + o.provider() + ") is not a valid RoleMapping ProviderName or is not a configured provider."},
			"another client":   {o.mappingKey() + "x", byToken, invalid, "/is not a configured provider/"},
			"not configured":   {"accounts.google.com", byToken, invalid, "/is not a configured provider/"},
			"no resolution":    {o.mappingKey(), identitytypes.RoleMapping{Type: "Token"}, invalid, "/^AmbiguousRoleResolution is required/"},
			"no rules":         {o.mappingKey(), identitytypes.RoleMapping{Type: "Rules", AmbiguousRoleResolution: "Deny"}, invalid, "/^RulesConfiguration is required/"},
			"rules of a token": {o.mappingKey(), identitytypes.RoleMapping{Type: "Token", AmbiguousRoleResolution: "Deny", RulesConfiguration: byRules("Deny", many[0]).RulesConfiguration}, invalid, "/^RulesConfiguration is not allowed/"},
			"26 rules":         {o.mappingKey(), byRules("Deny", many...), invalid, "/at most 25 rules/"},
			"no such role":     {o.mappingKey(), byRules("Deny", rule("name", "Equals", "x", gone)), forbidden, "Access to Role '" + gone + "' is forbidden."},
			"of another":       {o.mappingKey(), byRules("Deny", rule("name", "Equals", "x", "arn:aws:iam::111122223333:role/r")), forbidden, "/^Access to Role/"},
		} {
			err := o.setRoles(map[string]string{"authenticated": o.roleARN}, map[string]identitytypes.RoleMapping{c.key: c.mapping})
			if !e.refused(err, c.code, c.message) {
				e.Log(name)
			}
		}
		err := o.setRoles(map[string]string{"authenticated": gone}, nil)
		e.refused(err, forbidden, "Access to Role '"+gone+"' is forbidden.")

		// Who may set the roles of the pool may still not give any role away.
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-identity:*","Resource":"*"},`+
			`{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+o.user+`"}]}`)
		set := func(role string) error {
			_, err := ann.Identity.SetIdentityPoolRoles(e.Context(), &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: &o.id, Roles: map[string]string{},
				RoleMappings: map[string]identitytypes.RoleMapping{o.mappingKey(): byRules("Deny", rule("name", "Equals", "x", role))}})
			return err
		}
		e.refused(set(o.admin), forbidden, "Access to Role '"+o.admin+"' is forbidden.")
		e.ok(set(o.user))
	})
}
