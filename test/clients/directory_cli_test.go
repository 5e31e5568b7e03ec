package clients_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// directoryCLI is the AWS CLI on one user pool. What the commands print is read
// with at: the tests ask for a few members of each answer.
type directoryCLI struct {
	*cli
	server    *gatehousetest.Server
	pool, app string
}

const cliPassword = "Correct-Horse-7"

// TestCLI_directory is every operation of cognito-idp that is written, what
// each answers, and for each family a refusal with its own exception.
// directory.test.mjs and directory.py do the same in their languages.
func TestCLI_directory(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := gatehousetest.Start(t, on(t, kind)...)
			c := &directoryCLI{cli: newCLI(t, s), server: s}
			out := c.idp("create-user-pool", "--pool-name", "directory", "--auto-verified-attributes", "email", "--alias-attributes", "email",
				"--schema", "Name=team,AttributeDataType=String,Mutable=true,StringAttributeConstraints={MinLength=1,MaxLength=10}")
			c.pool = out.text("UserPool.Id")
			c.app = c.inPool("create-user-pool-client", "--client-name", "app", "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH",
				"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH").text("UserPoolClient.ClientId")
			for _, part := range []struct {
				name string
				run  func(*directoryCLI)
			}{
				{"pools", (*directoryCLI).pools},
				{"clients", (*directoryCLI).clients},
				{"administrator", (*directoryCLI).administrator},
				{"themselves", (*directoryCLI).themselves},
				{"search", (*directoryCLI).search},
				{"groups", (*directoryCLI).groups},
				{"resource servers", (*directoryCLI).resourceServers},
				{"identity providers", (*directoryCLI).identityProviders},
				{"domains", (*directoryCLI).domains},
				{"terms", (*directoryCLI).terms},
				{"risk and logs", (*directoryCLI).riskAndLogs},
				{"second factors", (*directoryCLI).secondFactors},
				{"devices", (*directoryCLI).devices},
				{"passkeys", (*directoryCLI).passkeys},
				{"import", (*directoryCLI).imports},
			} {
				t.Run(part.name, func(t *testing.T) {
					of, command := *c, *c.cli
					command.t = t
					of.cli = &command
					part.run(&of)
				})
			}
		})
	}
}

// answer is what a command printed.
type answer struct {
	t *testing.T
	v any
}

// idp runs a command of cognito-idp that must succeed.
func (c *directoryCLI) idp(args ...string) answer {
	c.t.Helper()
	out := c.must(nil, append([]string{"cognito-idp"}, args...)...)
	a := answer{t: c.t}
	if out != "" {
		if err := json.Unmarshal([]byte(out), &a.v); err != nil {
			c.t.Fatalf("aws cognito-idp %s: %v in %s", strings.Join(args, " "), err, out)
		}
	}
	return a
}

// inPool is idp on the pool.
func (c *directoryCLI) inPool(command string, args ...string) answer {
	c.t.Helper()
	return c.idp(append([]string{command, "--user-pool-id", c.pool}, args...)...)
}

// fails runs a command of cognito-idp that must be refused with an exception.
func (c *directoryCLI) fails(exception, message string, args ...string) {
	c.t.Helper()
	_, complaint, ok := c.run(append([]string{"cognito-idp"}, args...)...)
	if ok || !strings.Contains(complaint, "("+exception+") when calling") || !strings.Contains(complaint, message) {
		c.t.Errorf("aws cognito-idp %s: ok is %v, want %s %q: %s", strings.Join(args, " "), ok, exception, message, complaint)
	}
}

// at is the member of an answer at a path of names; a "*" on the way takes that
// of all elements of a list.
func (a answer) at(path string) any {
	v := a.v
	for name, rest := "", path; rest != ""; {
		name, rest, _ = strings.Cut(rest, ".")
		if list, ok := v.([]any); ok && name == "*" {
			var all []any
			for _, each := range list {
				all = append(all, answer{a.t, each}.at(rest))
			}
			return all
		} else if i, err := strconv.Atoi(name); ok && err == nil {
			v = nil
			if i < len(list) {
				v = list[i]
			}
			continue
		}
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func (a answer) text(path string) string {
	a.t.Helper()
	s, ok := a.at(path).(string)
	if !ok {
		a.t.Fatalf("%s is no text in %v", path, a.v)
	}
	return s
}

// is compares members with what they must be: path, value, path, value. Values
// are written as JSON.
func (a answer) is(pairs ...string) answer {
	a.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		got, err := json.Marshal(a.at(pairs[i]))
		if err != nil {
			a.t.Fatal(err)
		}
		if string(got) != pairs[i+1] {
			a.t.Errorf("%s is %s, want %s", pairs[i], got, pairs[i+1])
		}
	}
	return a
}

// attribute is the value of a user's attribute, or nil.
func (a answer) attribute(list, name string) any {
	attributes, _ := a.at(list).([]any)
	for _, each := range attributes {
		if one := (answer{a.t, each}); one.at("Name") == name {
			return one.at("Value")
		}
	}
	return nil
}

func (c *directoryCLI) pools() {
	made := c.idp("create-user-pool", "--pool-name", "short-lived", "--deletion-protection", "ACTIVE", "--user-pool-tags", "team=a",
		"--policies", "PasswordPolicy={MinimumLength=12}").text("UserPool.Id")
	arn := "arn:aws:cognito-idp:" + c.server.Region + ":" + c.server.Account + ":userpool/" + made
	c.idp("describe-user-pool", "--user-pool-id", made).is("UserPool.Name", `"short-lived"`, "UserPool.Arn", `"`+arn+`"`,
		"UserPool.Policies.PasswordPolicy.MinimumLength", "12", "UserPool.EstimatedNumberOfUsers", "0")
	listed, _ := c.idp("list-user-pools", "--max-results", "60").at("UserPools.*.Id").([]any)
	if len(listed) != 2 || !slices.Contains(listed, any(made)) || !slices.Contains(listed, any(c.pool)) {
		c.t.Errorf("the pools are %v", listed)
	}
	c.idp("add-custom-attributes", "--user-pool-id", made, "--custom-attributes", "Name=size,AttributeDataType=Number,Mutable=true")
	c.idp("tag-resource", "--resource-arn", arn, "--tags", "stage=test")
	c.idp("list-tags-for-resource", "--resource-arn", arn).is("Tags", `{"stage":"test","team":"a"}`)
	c.idp("untag-resource", "--resource-arn", arn, "--tag-keys", "team")
	c.idp("list-tags-for-resource", "--resource-arn", arn).is("Tags", `{"stage":"test"}`)
	c.fails("InvalidParameterException", "deletion protection is activated", "delete-user-pool", "--user-pool-id", made)
	c.idp("update-user-pool", "--user-pool-id", made, "--deletion-protection", "INACTIVE")
	updated := c.idp("describe-user-pool", "--user-pool-id", made).is("UserPool.DeletionProtection", `"INACTIVE"`, "UserPool.Policies.PasswordPolicy.MinimumLength", "8")
	if names, _ := updated.at("UserPool.SchemaAttributes.*.Name").([]any); !slices.Contains(names, any("custom:size")) {
		c.t.Errorf("the attributes are %v", names)
	}
	c.idp("delete-user-pool", "--user-pool-id", made)
	c.fails("ResourceNotFoundException", "User pool "+made+" does not exist.", "describe-user-pool", "--user-pool-id", made)
}

func (c *directoryCLI) clients() {
	made := c.inPool("create-user-pool-client", "--client-name", "confidential", "--generate-secret", "--access-token-validity", "30",
		"--token-validity-units", "AccessToken=minutes")
	id := made.text("UserPoolClient.ClientId")
	of := func(command string, args ...string) answer {
		c.t.Helper()
		return c.inPool(command, append([]string{"--client-id", id}, args...)...)
	}
	of("describe-user-pool-client").is("UserPoolClient.ClientName", `"confidential"`, "UserPoolClient.AccessTokenValidity", "30",
		"UserPoolClient.ClientSecret", `"`+made.text("UserPoolClient.ClientSecret")+`"`)
	if listed, _ := c.inPool("list-user-pool-clients").at("UserPoolClients.*.ClientId").([]any); len(listed) != 2 || !slices.Contains(listed, any(id)) {
		c.t.Errorf("the clients are %v", listed)
	}
	of("update-user-pool-client", "--client-name", "renamed").is("UserPoolClient.ClientName", `"renamed"`)
	c.fails("ScopeDoesNotExistException", "none/such", "update-user-pool-client", "--user-pool-id", c.pool, "--client-id", id, "--allowed-o-auth-scopes", "none/such")
	added := of("add-user-pool-client-secret").text("ClientSecretDescriptor.ClientSecretId")
	secrets := func() []any {
		c.t.Helper()
		list, _ := of("list-user-pool-client-secrets").at("ClientSecrets.*.ClientSecretId").([]any)
		return list
	}
	if list := secrets(); len(list) != 2 || !slices.Contains(list, any(added)) {
		c.t.Errorf("the secrets are %v, and %s was added", list, added)
	}
	of("delete-user-pool-client-secret", "--client-secret-id", added)
	if list := secrets(); len(list) != 1 || list[0] == added {
		c.t.Errorf("the secrets are %v, and %s was deleted", list, added)
	}
	of("delete-user-pool-client")
	c.fails("ResourceNotFoundException", "User pool client "+id+" does not exist.", "describe-user-pool-client", "--user-pool-id", c.pool, "--client-id", id)
}

// status wants a user to be in a state.
func (c *directoryCLI) status(name, want string) {
	c.t.Helper()
	c.inPool("admin-get-user", "--username", name).is("UserStatus", `"`+want+`"`)
}

// person makes a user who can sign in.
func (c *directoryCLI) person(name string, attributes ...string) {
	c.t.Helper()
	c.inPool("admin-create-user", append([]string{"--username", name, "--message-action", "SUPPRESS", "--user-attributes", "Name=email,Value=" + name + "@example.com",
		"Name=email_verified,Value=true"}, attributes...)...)
	c.inPool("admin-set-user-password", "--username", name, "--password", cliPassword, "--permanent")
}

func (c *directoryCLI) signInArgs(name, password string) []string {
	return []string{"initiate-auth", "--client-id", c.app, "--auth-flow", "USER_PASSWORD_AUTH", "--auth-parameters", "USERNAME=" + name + ",PASSWORD=" + password}
}

func (c *directoryCLI) refreshArgs(token string) []string {
	return []string{"initiate-auth", "--client-id", c.app, "--auth-flow", "REFRESH_TOKEN_AUTH", "--auth-parameters", "REFRESH_TOKEN=" + token}
}

func (c *directoryCLI) signIn(name string) (access, refresh string) {
	c.t.Helper()
	out := c.idp(c.signInArgs(name, cliPassword)...)
	return out.text("AuthenticationResult.AccessToken"), out.text("AuthenticationResult.RefreshToken")
}

func (c *directoryCLI) administrator() {
	of := func(command string, args ...string) answer {
		c.t.Helper()
		return c.inPool(command, append([]string{"--username", "jane"}, args...)...)
	}
	made := of("admin-create-user", "--desired-delivery-mediums", "EMAIL", "--user-attributes", "Name=email,Value=jane@example.com", "Name=email_verified,Value=true",
		"Name=custom:team,Value=red").is("User.UserStatus", `"FORCE_CHANGE_PASSWORD"`, "User.Enabled", "true")
	if made.attribute("User.Attributes", "custom:team") != "red" {
		c.t.Errorf("the user is %v", made.v)
	}
	c.fails("UsernameExistsException", "User account already exists", "admin-create-user", "--user-pool-id", c.pool, "--username", "jane")
	c.fails("UserNotFoundException", "User does not exist.", "admin-get-user", "--user-pool-id", c.pool, "--username", "nobody")

	first := c.inPool("admin-initiate-auth", "--client-id", c.app, "--auth-flow", "ADMIN_USER_PASSWORD_AUTH", "--auth-parameters",
		string(c.asJSON(map[string]string{"USERNAME": "jane", "PASSWORD": c.server.Code("jane@example.com")}))).is("ChallengeName", `"NEW_PASSWORD_REQUIRED"`)
	c.inPool("admin-respond-to-auth-challenge", "--client-id", c.app, "--challenge-name", "NEW_PASSWORD_REQUIRED", "--session", first.text("Session"),
		"--challenge-responses", "USERNAME=jane,NEW_PASSWORD="+cliPassword).text("AuthenticationResult.AccessToken")
	c.status("jane", "CONFIRMED")

	of("admin-update-user-attributes", "--user-attributes", "Name=custom:team,Value=blue", "Name=given_name,Value=J")
	of("admin-delete-user-attributes", "--user-attribute-names", "given_name")
	if jane := of("admin-get-user"); jane.attribute("UserAttributes", "custom:team") != "blue" || jane.attribute("UserAttributes", "given_name") != nil {
		c.t.Errorf("the user is %v", jane.v)
	}
	c.fails("InvalidParameterException", "", "admin-update-user-attributes", "--user-pool-id", c.pool, "--username", "jane", "--user-attributes", "Name=custom:team,Value=much-too-long")
	of("admin-disable-user")
	of("admin-get-user").is("Enabled", "false")
	c.fails("NotAuthorizedException", "User is disabled.", c.signInArgs("jane", cliPassword)...)
	of("admin-enable-user")
	_, token := c.signIn("jane")
	of("admin-user-global-sign-out")
	c.fails("NotAuthorizedException", "", c.refreshArgs(token)...)

	of("admin-set-user-password", "--password", "Battery-Staple-8", "--no-permanent")
	c.status("jane", "FORCE_CHANGE_PASSWORD")
	again := c.idp(c.signInArgs("jane", "Battery-Staple-8")...)
	c.idp("respond-to-auth-challenge", "--client-id", c.app, "--challenge-name", again.text("ChallengeName"), "--session", again.text("Session"),
		"--challenge-responses", "USERNAME=jane,NEW_PASSWORD="+cliPassword).text("AuthenticationResult.IdToken")
	c.fails("InvalidPasswordException", "Password did not conform with policy", "admin-set-user-password", "--user-pool-id", c.pool, "--username", "jane", "--password", "weak", "--permanent")
	of("admin-reset-user-password")
	c.status("jane", "RESET_REQUIRED")
	c.idp("confirm-forgot-password", "--client-id", c.app, "--username", "jane", "--confirmation-code", c.server.Code("jane@example.com"), "--password", cliPassword)
	c.status("jane", "CONFIRMED")
	of("admin-delete-user")
	c.fails("UserNotFoundException", "User does not exist.", "admin-delete-user", "--user-pool-id", c.pool, "--username", "jane")
}

func (c *directoryCLI) asJSON(v any) []byte {
	c.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *directoryCLI) themselves() {
	signUp := func(name string) []string {
		return []string{"sign-up", "--client-id", c.app, "--username", name, "--password", cliPassword, "--user-attributes", "Name=email,Value=" + name + "@example.com"}
	}
	c.idp(signUp("ann")...).is("UserConfirmed", "false", "CodeDeliveryDetails.Destination", `"a***@e***"`)
	c.fails("UsernameExistsException", "User already exists", signUp("ann")...)
	c.status("ann", "UNCONFIRMED")
	c.idp("resend-confirmation-code", "--client-id", c.app, "--username", "ann").is("CodeDeliveryDetails.AttributeName", `"email"`)
	code := c.server.Code("ann@example.com")
	confirm := func(code string) []string {
		return []string{"confirm-sign-up", "--client-id", c.app, "--username", "ann", "--confirmation-code", code}
	}
	c.fails("CodeMismatchException", "Invalid verification code provided, please try again.", confirm(string('0'+(code[0]-'0'+1)%10)+code[1:])...)
	c.idp(confirm(code)...)
	c.status("ann", "CONFIRMED")
	c.idp(signUp("ben")...)
	c.inPool("admin-confirm-sign-up", "--username", "ben")
	c.status("ben", "CONFIRMED")

	access, refresh := c.signIn("ann@example.com")
	own := func(name string, want any) {
		c.t.Helper()
		if got := c.idp("get-user", "--access-token", access).attribute("UserAttributes", name); got != want {
			c.t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	own("email_verified", "true")
	c.idp("update-user-attributes", "--access-token", access, "--user-attributes", "Name=email,Value=new@example.com", "Name=nickname,Value=Annie").
		is("CodeDeliveryDetailsList.*.Destination", `["n***@e***"]`)
	own("email_verified", "false")
	c.idp("get-user-attribute-verification-code", "--access-token", access, "--attribute-name", "email").is("CodeDeliveryDetails.AttributeName", `"email"`)
	c.idp("verify-user-attribute", "--access-token", access, "--attribute-name", "email", "--code", c.server.Code("new@example.com"))
	own("email_verified", "true")
	own("nickname", "Annie")
	c.idp("delete-user-attributes", "--access-token", access, "--user-attribute-names", "nickname")
	own("nickname", nil)
	c.fails("AliasExistsException", "", "admin-update-user-attributes", "--user-pool-id", c.pool, "--username", "ben",
		"--user-attributes", "Name=email,Value=new@example.com", "Name=email_verified,Value=true")

	c.idp("change-password", "--access-token", access, "--previous-password", cliPassword, "--proposed-password", "Battery-Staple-8")
	c.fails("NotAuthorizedException", "Incorrect username or password.", c.signInArgs("ann", cliPassword)...)
	c.idp("forgot-password", "--client-id", c.app, "--username", "ann").is("CodeDeliveryDetails.DeliveryMedium", `"EMAIL"`)
	c.idp("confirm-forgot-password", "--client-id", c.app, "--username", "ann", "--confirmation-code", c.server.Code("new@example.com"), "--password", cliPassword)

	_, revoked := c.signIn("ann")
	c.idp(c.refreshArgs(revoked)...).text("AuthenticationResult.AccessToken")
	c.idp("revoke-token", "--client-id", c.app, "--token", revoked)
	c.fails("NotAuthorizedException", "Refresh Token has been revoked", c.refreshArgs(revoked)...)
	last, _ := c.signIn("ann")
	c.idp("global-sign-out", "--access-token", last)
	c.fails("NotAuthorizedException", "", c.refreshArgs(refresh)...)
	access, _ = c.signIn("ann")
	c.idp("delete-user", "--access-token", access)
	c.fails("UserNotFoundException", "User does not exist.", "get-user", "--access-token", access)
}

func (c *directoryCLI) search() {
	for i, family := range []string{"Smith", "Smith", "Smythe"} {
		n := string('0' + rune(i))
		c.person("find-"+n, "Name=phone_number,Value=+1555000000"+n, "Name=family_name,Value="+family)
	}
	sub, _ := c.inPool("admin-get-user", "--username", "find-1").attribute("UserAttributes", "sub").(string)
	list := func(want string, args ...string) {
		c.t.Helper()
		names, _ := c.inPool("list-users", args...).at("Users.*.Username").([]any)
		slices.SortFunc(names, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		if got := string(c.asJSON(names)); got != want {
			c.t.Errorf("list-users %s gives %s, want %s", args, got, want)
		}
	}
	list(`["find-1"]`, "--filter", `email = "find-1@example.com"`)
	list(`["find-1"]`, "--filter", `phone_number = "+15550000001"`)
	list(`["find-1"]`, "--filter", `username = "find-1"`)
	list(`["find-1"]`, "--filter", `sub = "`+sub+`"`)
	// With a size, the CLI asks page after page until there is none.
	list(`["find-0","find-1","find-2"]`, "--filter", `family_name ^= "Sm"`, "--page-size", "2")
	list(`null`, "--filter", `email = "nobody@example.com"`)
	c.fails("InvalidParameterException", "", "list-users", "--user-pool-id", c.pool, "--filter", `email = "a" or "b"`)
}

func (c *directoryCLI) groups() {
	c.person("member")
	role := "arn:aws:iam::" + c.server.Account + ":role/editors"
	of := func(command string, args ...string) answer {
		c.t.Helper()
		return c.inPool(command, append([]string{"--group-name", "editors"}, args...)...)
	}
	of("create-group", "--description", "those who edit", "--precedence", "3", "--role-arn", role).is("Group.RoleArn", `"`+role+`"`)
	c.fails("GroupExistsException", "A group with the name already exists.", "create-group", "--user-pool-id", c.pool, "--group-name", "editors")
	c.inPool("create-group", "--group-name", "readers")
	of("update-group", "--description", "changed", "--precedence", "1").is("Group.Precedence", "1")
	of("get-group").is("Group.Description", `"changed"`)
	c.inPool("list-groups", "--page-size", "1").is("Groups.*.GroupName", `["editors","readers"]`)
	of("admin-add-user-to-group", "--username", "member")
	c.inPool("admin-list-groups-for-user", "--username", "member").is("Groups.*.GroupName", `["editors"]`)
	of("list-users-in-group").is("Users.*.Username", `["member"]`)
	of("admin-remove-user-from-group", "--username", "member")
	c.inPool("admin-list-groups-for-user", "--username", "member").is("Groups", "[]")
	of("delete-group")
	c.fails("ResourceNotFoundException", "Group not found.", "get-group", "--user-pool-id", c.pool, "--group-name", "editors")
}

func (c *directoryCLI) resourceServers() {
	of := func(command string, args ...string) answer {
		c.t.Helper()
		return c.inPool(command, append([]string{"--identifier", "api.example.com"}, args...)...)
	}
	of("create-resource-server", "--name", "api", "--scopes", "ScopeName=read,ScopeDescription=reads").is("ResourceServer.Scopes", `[{"ScopeDescription":"reads","ScopeName":"read"}]`)
	c.fails("InvalidParameterException", "already exists", "create-resource-server", "--user-pool-id", c.pool, "--identifier", "api.example.com", "--name", "api")
	of("update-resource-server", "--name", "renamed", "--scopes", "ScopeName=read,ScopeDescription=reads", "ScopeName=write,ScopeDescription=writes")
	of("describe-resource-server").is("ResourceServer.Name", `"renamed"`, "ResourceServer.Scopes.*.ScopeName", `["read","write"]`)
	c.inPool("list-resource-servers", "--max-results", "50").is("ResourceServers.*.Identifier", `["api.example.com"]`)
	of("delete-resource-server")
	c.fails("ResourceNotFoundException", "", "describe-resource-server", "--user-pool-id", c.pool, "--identifier", "api.example.com")
}

func (c *directoryCLI) identityProviders() {
	create := []string{"create-identity-provider", "--user-pool-id", c.pool, "--provider-name", "Corp", "--provider-type", "OIDC", "--attribute-mapping", "email=email",
		"--idp-identifiers", "corp.example.com", "--provider-details", "client_id=id,client_secret=secret,attributes_request_method=GET,oidc_issuer=https://issuer.example.com," +
			"authorize_scopes=openid email,authorize_url=https://issuer.example.com/authorize,token_url=https://issuer.example.com/token," +
			"attributes_url=https://issuer.example.com/userinfo,jwks_uri=https://issuer.example.com/jwks"}
	c.idp(create...).is("IdentityProvider.ProviderType", `"OIDC"`, "IdentityProvider.ProviderDetails.oidc_issuer", `"https://issuer.example.com"`)
	c.fails("DuplicateProviderException", "", create...)
	c.inPool("get-identity-provider-by-identifier", "--idp-identifier", "corp.example.com").is("IdentityProvider.ProviderName", `"Corp"`)
	c.inPool("update-identity-provider", "--provider-name", "Corp", "--attribute-mapping", "email=mail")
	c.inPool("describe-identity-provider", "--provider-name", "Corp").is("IdentityProvider.AttributeMapping.email", `"mail"`)
	c.inPool("list-identity-providers").is("Providers.*.ProviderName", `["Corp"]`)
	if certificate := c.inPool("get-signing-certificate").text("Certificate"); len(certificate) < 500 {
		c.t.Errorf("the certificate is %q", certificate)
	}

	c.person("linked")
	const source = "ProviderName=Corp,ProviderAttributeName=Cognito_Subject,ProviderAttributeValue=4711"
	link := []string{"admin-link-provider-for-user", "--user-pool-id", c.pool, "--destination-user", "ProviderName=Cognito,ProviderAttributeValue=linked", "--source-user", source}
	linked := func() string {
		c.t.Helper()
		text, _ := c.inPool("admin-get-user", "--username", "linked").attribute("UserAttributes", "identities").(string)
		return text
	}
	c.idp(link...)
	c.fails("AliasExistsException", "", link...)
	if text := linked(); !strings.Contains(text, `"4711"`) {
		c.t.Errorf("the identities are %q", text)
	}
	c.inPool("admin-disable-provider-for-user", "--user", source)
	if text := linked(); strings.Contains(text, `"4711"`) {
		c.t.Errorf("the identities are still %q", text)
	}

	c.inPool("delete-identity-provider", "--provider-name", "Corp")
	c.fails("ResourceNotFoundException", "Identity provider Corp does not exist.", "describe-identity-provider", "--user-pool-id", c.pool, "--provider-name", "Corp")
}

func (c *directoryCLI) domains() {
	const domain, css = "cli-directory", ".label-customizable{color:red}"
	c.fails("InvalidParameterException", "existing domain", "set-ui-customization", "--user-pool-id", c.pool, "--css", css)
	c.inPool("create-user-pool-domain", "--domain", domain)
	c.inPool("update-user-pool-domain", "--domain", domain, "--managed-login-version", "2").is("ManagedLoginVersion", "2")
	c.idp("describe-user-pool-domain", "--domain", domain).is("DomainDescription.UserPoolId", `"`+c.pool+`"`, "DomainDescription.ManagedLoginVersion", "2")

	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		c.t.Fatal(err)
	}
	logo := filepath.Join(c.t.TempDir(), "logo.png")
	if err := os.WriteFile(logo, picture.Bytes(), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.inPool("set-ui-customization", "--client-id", c.app, "--css", css, "--image-file", "fileb://"+logo).is("UICustomization.ClientId", `"`+c.app+`"`)
	style := c.inPool("get-ui-customization", "--client-id", c.app).is("UICustomization.CSS", `"`+css+`"`)
	if url := style.text("UICustomization.ImageUrl"); !strings.HasPrefix(url, "data:image/png;base64,") {
		c.t.Errorf("the image is at %s", url)
	}

	settings := `{"components":{"pageBackground":{"lightMode":{"color":"ff0000ff"}}}}`
	made := c.inPool("create-managed-login-branding", "--client-id", c.app, "--settings", settings).is("ManagedLoginBranding.Settings", settings)
	c.fails("ManagedLoginBrandingExistsException", "", "create-managed-login-branding", "--user-pool-id", c.pool, "--client-id", c.app, "--use-cognito-provided-values")
	id := made.text("ManagedLoginBranding.ManagedLoginBrandingId")
	c.inPool("describe-managed-login-branding-by-client", "--client-id", c.app).is("ManagedLoginBranding.ManagedLoginBrandingId", `"`+id+`"`)
	c.inPool("update-managed-login-branding", "--managed-login-branding-id", id, "--use-cognito-provided-values")
	c.inPool("describe-managed-login-branding", "--managed-login-branding-id", id).is("ManagedLoginBranding.UseCognitoProvidedValues", "true")
	c.inPool("delete-managed-login-branding", "--managed-login-branding-id", id)
	c.fails("ResourceNotFoundException", "", "describe-managed-login-branding", "--user-pool-id", c.pool, "--managed-login-branding-id", id)

	c.inPool("delete-user-pool-domain", "--domain", domain)
	c.idp("describe-user-pool-domain", "--domain", domain).is("DomainDescription", "{}")
}

func (c *directoryCLI) terms() {
	create := []string{"create-terms", "--user-pool-id", c.pool, "--client-id", c.app, "--terms-name", "terms-of-use", "--terms-source", "LINK", "--enforcement", "NONE",
		"--links", "cognito:default=https://example.com/terms"}
	id := c.idp(create...).text("Terms.TermsId")
	c.fails("TermsExistsException", "", create...)
	c.inPool("update-terms", "--terms-id", id, "--links", "cognito:default=https://example.com/new")
	c.inPool("describe-terms", "--terms-id", id).is("Terms.TermsName", `"terms-of-use"`, "Terms.Links", `{"cognito:default":"https://example.com/new"}`)
	c.inPool("list-terms").is("Terms.*.TermsId", `["`+id+`"]`)
	c.inPool("delete-terms", "--terms-id", id)
	c.fails("ResourceNotFoundException", "", "describe-terms", "--user-pool-id", c.pool, "--terms-id", id)
}

func (c *directoryCLI) riskAndLogs() {
	plus := c.idp("create-user-pool", "--pool-name", "plus", "--user-pool-tier", "PLUS", "--user-pool-add-ons", "AdvancedSecurityMode=AUDIT").text("UserPool.Id")
	c.idp("set-risk-configuration", "--user-pool-id", plus, "--risk-exception-configuration", "BlockedIPRangeList=192.0.2.0/24")
	c.idp("describe-risk-configuration", "--user-pool-id", plus).is("RiskConfiguration.RiskExceptionConfiguration.BlockedIPRangeList", `["192.0.2.0/24"]`)
	missing := c.server.Region + "_000000000"
	c.fails("ResourceNotFoundException", "User pool "+missing+" does not exist.", "set-risk-configuration", "--user-pool-id", missing, "--risk-exception-configuration", "BlockedIPRangeList=192.0.2.0/24")
	app := c.idp("create-user-pool-client", "--user-pool-id", plus, "--client-name", "app").text("UserPoolClient.ClientId")
	c.idp("sign-up", "--client-id", app, "--username", "watched", "--password", cliPassword)
	watched := []string{"--user-pool-id", plus, "--username", "watched"}
	event := c.idp(append([]string{"admin-list-user-auth-events"}, watched...)...).is("AuthEvents.*.EventType", `["SignUp"]`)
	ids, _ := event.at("AuthEvents.*.EventId").([]any)
	feedback := append(watched, "--event-id", ids[0].(string), "--feedback-value", "Valid")
	c.idp(append([]string{"admin-update-auth-event-feedback"}, feedback...)...)
	c.idp(append([]string{"admin-list-user-auth-events"}, watched...)...).is("AuthEvents.*.EventFeedback.FeedbackValue", `["Valid"]`)
	c.fails("NotAuthorizedException", "Invalid feedback token.", append([]string{"update-auth-event-feedback", "--feedback-token", "x"}, feedback...)...)
	c.fails("UserPoolAddOnNotEnabledException", "", "admin-list-user-auth-events", "--user-pool-id", c.pool, "--username", "watched")
	logs := "EventSource=userAuthEvents,LogLevel=INFO,S3Configuration={BucketArn=arn:aws:s3:::logs}"
	c.idp("set-log-delivery-configuration", "--user-pool-id", plus, "--log-configurations", logs)
	c.idp("get-log-delivery-configuration", "--user-pool-id", plus).is("LogDeliveryConfiguration.LogConfigurations.*.S3Configuration.BucketArn", `["arn:aws:s3:::logs"]`)
	c.fails("FeatureUnavailableInTierException", "User activity logs are available in the PLUS tier only.", "set-log-delivery-configuration",
		"--user-pool-id", c.pool, "--log-configurations", logs)
}

func (c *directoryCLI) passkeys() {
	c.person("keyless")
	elsewhere, _ := c.signIn("keyless")
	c.fails("WebAuthnNotEnabledException", "", "start-web-authn-registration", "--access-token", elsewhere)

	pool := c.idp("create-user-pool", "--pool-name", "keys", "--policies", "SignInPolicy={AllowedFirstAuthFactors=[PASSWORD,WEB_AUTHN]}").text("UserPool.Id")
	app := c.idp("create-user-pool-client", "--user-pool-id", pool, "--client-name", "app", "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH").
		text("UserPoolClient.ClientId")
	c.idp("admin-create-user", "--user-pool-id", pool, "--username", "key", "--message-action", "SUPPRESS")
	c.idp("admin-set-user-password", "--user-pool-id", pool, "--username", "key", "--password", cliPassword, "--permanent")
	access := c.idp("initiate-auth", "--client-id", app, "--auth-flow", "USER_PASSWORD_AUTH", "--auth-parameters", "USERNAME=key,PASSWORD="+cliPassword).
		text("AuthenticationResult.AccessToken")
	start := []string{"start-web-authn-registration", "--access-token", access}
	c.fails("WebAuthnConfigurationMissingException", "", start...)
	c.idp("set-user-pool-mfa-config", "--user-pool-id", pool, "--web-authn-configuration", "RelyingPartyId=example.com")
	complete := func(credential string) []string {
		return []string{"complete-web-authn-registration", "--access-token", access, "--credential", credential}
	}
	c.fails("WebAuthnChallengeNotFoundException", "", complete("{}")...)
	c.idp(start...).is("CredentialCreationOptions.rp.id", `"example.com"`, "CredentialCreationOptions.pubKeyCredParams.*.alg", "[-7,-257]")
	c.fails("InvalidParameterException", "", complete(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{}}`)...)
	c.idp("list-web-authn-credentials", "--access-token", access).is("Credentials", "[]")
	c.fails("ResourceNotFoundException", "", "delete-web-authn-credential", "--access-token", access, "--credential-id", "AAAA")
}

func (c *directoryCLI) secondFactors() {
	c.person("careful")
	access, refresh := c.signIn("careful")
	c.idp("get-tokens-from-refresh-token", "--client-id", c.app, "--refresh-token", refresh).text("AuthenticationResult.IdToken")
	c.fails("NotAuthorizedException", "Invalid Refresh Token", "get-tokens-from-refresh-token", "--client-id", c.app, "--refresh-token", access)

	associate := []string{"associate-software-token", "--access-token", access}
	c.fails("SoftwareTokenMFANotFoundException", "", associate...)
	c.inPool("set-user-pool-mfa-config", "--mfa-configuration", "OPTIONAL", "--software-token-mfa-configuration", "Enabled=true")
	c.inPool("get-user-pool-mfa-config").is("MfaConfiguration", `"OPTIONAL"`, "SoftwareTokenMfaConfiguration.Enabled", "true")
	secret := c.idp(associate...).text("SecretCode")
	shown := func() string {
		c.t.Helper()
		code, err := totp.GenerateCode(secret, c.server.Now())
		if err != nil {
			c.t.Fatal(err)
		}
		return code
	}
	verify := func(code string) []string {
		return []string{"verify-software-token", "--access-token", access, "--user-code", code}
	}
	code := shown()
	c.fails("EnableSoftwareTokenMFAException", "", verify(string('0'+(code[0]-'0'+1)%10)+code[1:])...)
	c.idp(verify(shown())...).is("Status", `"SUCCESS"`)
	c.idp("set-user-mfa-preference", "--access-token", access, "--software-token-mfa-settings", "Enabled=true,PreferredMfa=true")
	c.idp("get-user-auth-factors", "--access-token", access).is("UserMFASettingList", `["SOFTWARE_TOKEN_MFA"]`)
	c.idp(c.signInArgs("careful", cliPassword)...).is("ChallengeName", `"SOFTWARE_TOKEN_MFA"`)
	c.inPool("admin-set-user-mfa-preference", "--username", "careful", "--software-token-mfa-settings", "Enabled=false")
	c.signIn("careful")

	const sms = "DeliveryMedium=SMS,AttributeName=phone_number"
	c.fails("InvalidParameterException", "", "set-user-settings", "--access-token", access, "--mfa-options", sms)
	c.fails("InvalidParameterException", "", "admin-set-user-settings", "--user-pool-id", c.pool, "--username", "careful", "--mfa-options", sms)
}

func (c *directoryCLI) devices() {
	pool := c.idp("create-user-pool", "--pool-name", "devices", "--device-configuration", "DeviceOnlyRememberedOnUserPrompt=true").text("UserPool.Id")
	app := c.idp("create-user-pool-client", "--user-pool-id", pool, "--client-name", "app", "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH").text("UserPoolClient.ClientId")
	of := func(command string, more ...string) []string {
		return append([]string{command, "--user-pool-id", pool, "--username", "dora"}, more...)
	}
	c.idp(of("admin-create-user", "--message-action", "SUPPRESS")...)
	c.idp(of("admin-set-user-password", "--password", cliPassword, "--permanent")...)
	got := c.idp("initiate-auth", "--client-id", app, "--auth-flow", "USER_PASSWORD_AUTH", "--auth-parameters", "USERNAME=dora,PASSWORD="+cliPassword)
	key := got.text("AuthenticationResult.NewDeviceMetadata.DeviceKey")
	mine := func(command string, more ...string) []string {
		return append([]string{command, "--access-token", got.text("AuthenticationResult.AccessToken")}, more...)
	}
	verifier := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 384))
	confirm := mine("confirm-device", "--device-key", key, "--device-secret-verifier-config", "Salt=BwcHBwcHBwcHBwcHBwcHBw==,PasswordVerifier="+verifier)
	c.idp(confirm...).is("UserConfirmationNecessary", "true")
	c.fails("DeviceKeyExistsException", "", confirm...)
	c.idp(mine("update-device-status", "--device-key", key, "--device-remembered-status", "remembered")...)
	c.idp(mine("list-devices")...).is("Devices.*.DeviceKey", `["`+key+`"]`)
	c.idp(mine("get-device", "--device-key", key)...).is("Device.DeviceKey", `"`+key+`"`)
	c.idp(of("admin-update-device-status", "--device-key", key, "--device-remembered-status", "not_remembered")...)
	c.idp(of("admin-get-device", "--device-key", key)...).is("Device.DeviceKey", `"`+key+`"`)
	c.idp(of("admin-list-devices")...).is("Devices.*.DeviceKey", `["`+key+`"]`)
	c.idp(of("admin-forget-device", "--device-key", key)...)
	c.fails("ResourceNotFoundException", "Device does not exist.", mine("forget-device", "--device-key", key)...)
}

func (c *directoryCLI) imports() {
	header, _ := c.inPool("get-csv-header").at("CSVHeader").([]any)
	for _, name := range []string{"cognito:username", "cognito:mfa_enabled", "email", "email_verified", "custom:team"} {
		if !slices.Contains(header, any(name)) {
			c.t.Fatalf("the header %v lacks %s", header, name)
		}
	}
	made := c.inPool("create-user-import-job", "--job-name", "two", "--cloud-watch-logs-role-arn", "arn:aws:iam::"+c.server.Account+":role/logs").is("UserImportJob.Status", `"Created"`)
	id := made.text("UserImportJob.JobId")
	job := func(command string) []string { return []string{command, "--user-pool-id", c.pool, "--job-id", id} }
	c.fails("PreconditionNotMetException", "no CSV file was uploaded", job("start-user-import-job")...)
	c.fails("PreconditionNotMetException", "its status is Created", job("stop-user-import-job")...)

	var file strings.Builder
	for _, name := range []string{"", "new-1", "new-2"} {
		var row []string
		for _, column := range header {
			value := map[string]string{"cognito:username": name, "cognito:mfa_enabled": "false", "email": name + "@example.com", "email_verified": "true", "phone_number_verified": "false"}[column.(string)]
			if name == "" {
				value = column.(string)
			}
			row = append(row, value)
		}
		file.WriteString(strings.Join(row, ",") + "\n")
	}
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPut, made.text("UserImportJob.PreSignedUrl"), strings.NewReader(file.String()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("x-amz-server-side-encryption", "aws:kms")
	resp, err := c.server.Client().Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("the upload was answered with %s", resp.Status)
	}
	c.idp(job("start-user-import-job")...)
	var done answer
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if done = c.idp(job("describe-user-import-job")...); done.at("UserImportJob.CompletionDate") != nil {
			break
		}
	}
	done.is("UserImportJob.Status", `"Succeeded"`, "UserImportJob.ImportedUsers", "2", "UserImportJob.FailedUsers", "0")
	c.status("new-2", "RESET_REQUIRED")
	c.inPool("list-user-import-jobs", "--max-results", "10").is("UserImportJobs.*.JobId", `["`+id+`"]`)
}
