package clients_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// accessCLI is the AWS CLI on IAM, STS, Parameter Store and identity pools.
type accessCLI struct {
	*cli
	server *gatehousetest.Server
}

const cliReadOnly = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"

// TestCLI_access is every operation of IAM, STS, Parameter Store and identity
// pools that is written. access.test.mjs and access.py do the same in their
// languages, on each store; a process a command takes long, so that here the
// first store is enough.
func TestCLI_access(t *testing.T) {
	t.Parallel()
	s := gatehousetest.Start(t, on(t, storetest.Kinds(t)[0])...)
	for name, run := range map[string]func(*accessCLI){
		"users": (*accessCLI).users, "groups": (*accessCLI).groups, "roles": (*accessCLI).roles, "policies": (*accessCLI).policies, "providers": (*accessCLI).providers,
		"account": (*accessCLI).account, "sessions": (*accessCLI).sessions, "parameters": (*accessCLI).parameters, "identities": (*accessCLI).identities,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(&accessCLI{cli: newCLI(t, s), server: s})
		})
	}
}

// call runs a command of a service that must succeed.
func (c *accessCLI) call(service string, args []string) answer {
	c.t.Helper()
	a := answer{t: c.t}
	if out := strings.TrimSpace(c.must(nil, append([]string{service}, args...)...)); out != "" {
		if err := json.Unmarshal([]byte(out), &a.v); err != nil {
			c.t.Fatalf("aws %s %s: %v in %s", service, strings.Join(args, " "), err, out)
		}
	}
	return a
}

func (c *accessCLI) iam(args ...string) answer { c.t.Helper(); return c.call("iam", args) }
func (c *accessCLI) sts(args ...string) answer { c.t.Helper(); return c.call("sts", args) }
func (c *accessCLI) ssm(args ...string) answer { c.t.Helper(); return c.call("ssm", args) }
func (c *accessCLI) identity(args ...string) answer {
	c.t.Helper()
	return c.call("cognito-identity", args)
}

// fails runs a command that must be refused with a code and a text.
func (c *accessCLI) fails(code, text, service string, args ...string) {
	c.t.Helper()
	_, complaint, ok := c.run(append([]string{service}, args...)...)
	if ok || !strings.Contains(complaint, "("+code+") when calling") || !strings.Contains(complaint, text) {
		c.t.Errorf("aws %s %s: ok is %v, want %s %q: %s", service, strings.Join(args, " "), ok, code, text, complaint)
	}
}

func cliAllow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}]}`
}

func cliTrust(principal, action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Principal":` + principal + `}]}`
}

func (c *accessCLI) users() {
	user := []string{"--user-name", "ada"}
	of := func(command string, more ...string) []string {
		return append(append([]string{command}, user...), more...)
	}
	arn := c.iam("create-user", "--user-name", "ada", "--path", "/team/", "--tags", "Key=a,Value=1", "Key=b,Value=2").text("User.Arn")
	c.fails("EntityAlreadyExists", "User with name ADA already exists.", "iam", "create-user", "--user-name", "ADA")
	c.iam("update-user", "--user-name", "ada", "--new-path", "/crew/")
	arn = strings.Replace(arn, "/team/", "/crew/", 1)
	c.iam("untag-user", "--user-name", "ada", "--tag-keys", "a")
	c.iam("tag-user", "--user-name", "ada", "--tags", "Key=c,Value=3")
	if got := c.iam("list-user-tags", "--user-name", "ada").text("Tags.1.Value"); got != "3" {
		c.t.Error(got)
	}
	if got := c.iam("get-user", "--user-name", "ada").text("User.Arn"); got != arn {
		c.t.Error(got)
	}
	if got := c.iam("list-users", "--path-prefix", "/crew/").text("Users.0.UserName"); got != "ada" {
		c.t.Error(got)
	}
	c.iam("put-user-policy", "--user-name", "ada", "--policy-name", "own", "--policy-document", cliAllow("s3:GetObject", "*"))
	if got := c.iam("get-user-policy", "--user-name", "ada", "--policy-name", "own").text("PolicyDocument.Statement.0.Action"); got != "s3:GetObject" {
		c.t.Error(got)
	}
	c.iam("list-user-policies", "--user-name", "ada").text("PolicyNames.0")
	c.iam("attach-user-policy", "--user-name", "ada", "--policy-arn", cliReadOnly)
	c.iam("list-attached-user-policies", "--user-name", "ada").text("AttachedPolicies.0.PolicyArn")
	if got := c.iam("list-policies-granting-service-access", "--arn", arn, "--service-namespaces", "s3").text("PoliciesGrantingServiceAccess.0.Policies.1.PolicyArn"); got != cliReadOnly {
		c.t.Error(got)
	}
	c.iam("put-user-permissions-boundary", "--user-name", "ada", "--permissions-boundary", cliReadOnly)
	c.iam("delete-user-permissions-boundary", "--user-name", "ada")
	key := c.iam("create-access-key", "--user-name", "ada").text("AccessKey.AccessKeyId")
	if got := c.iam("list-access-keys", "--user-name", "ada").text("AccessKeyMetadata.0.AccessKeyId"); got != key {
		c.t.Error(got)
	}
	c.iam("get-access-key-last-used", "--access-key-id", key).text("UserName")
	c.iam("update-access-key", "--user-name", "ada", "--access-key-id", key, "--status", "Inactive")
	c.iam("delete-access-key", "--user-name", "ada", "--access-key-id", key)
	const noPassword = "Login Profile for User ada cannot be found."
	c.fails("NoSuchEntity", noPassword, "iam", of("get-login-profile")...)
	c.fails("NoSuchEntity", noPassword, "iam", of("delete-login-profile")...)
	c.fails("NoSuchEntity", noPassword, "iam", of("update-login-profile", "--password", cliPassword)...)
	c.iam("list-mfa-devices", "--user-name", "ada")
	c.iam("list-virtual-mfa-devices")
	c.iam("list-ssh-public-keys", "--user-name", "ada")
	c.iam("list-signing-certificates", "--user-name", "ada")
	c.iam("list-service-specific-credentials", "--user-name", "ada")
	c.iam("list-server-certificates")
	c.fails("DeleteConflict", "must detach all policies first.", "iam", of("delete-user")...)
	c.iam("detach-user-policy", "--user-name", "ada", "--policy-arn", cliReadOnly)
	c.iam("delete-user-policy", "--user-name", "ada", "--policy-name", "own")
	c.iam("delete-user", "--user-name", "ada")
}

func (c *accessCLI) groups() {
	c.iam("create-user", "--user-name", "member")
	c.iam("create-group", "--group-name", "staff")
	c.iam("update-group", "--group-name", "staff", "--new-path", "/g/")
	if got := c.iam("list-groups", "--path-prefix", "/g/").text("Groups.0.GroupName"); got != "staff" {
		c.t.Error(got)
	}
	c.iam("add-user-to-group", "--group-name", "staff", "--user-name", "member")
	if got := c.iam("get-group", "--group-name", "staff").text("Users.0.UserName"); got != "member" {
		c.t.Error(got)
	}
	c.iam("list-groups-for-user", "--user-name", "member").text("Groups.0.GroupId")
	c.iam("put-group-policy", "--group-name", "staff", "--policy-name", "own", "--policy-document", cliAllow("s3:GetObject", "*"))
	c.iam("get-group-policy", "--group-name", "staff", "--policy-name", "own").text("PolicyDocument.Version")
	c.iam("list-group-policies", "--group-name", "staff").text("PolicyNames.0")
	c.iam("attach-group-policy", "--group-name", "staff", "--policy-arn", cliReadOnly)
	c.iam("list-attached-group-policies", "--group-name", "staff").text("AttachedPolicies.0.PolicyArn")
	c.fails("DeleteConflict", "must remove users from group first.", "iam", "delete-group", "--group-name", "staff")
	c.iam("remove-user-from-group", "--group-name", "staff", "--user-name", "member")
	c.iam("detach-group-policy", "--group-name", "staff", "--policy-arn", cliReadOnly)
	c.iam("delete-group-policy", "--group-name", "staff", "--policy-name", "own")
	c.iam("delete-group", "--group-name", "staff")
}

func (c *accessCLI) roles() {
	c.iam("create-role", "--role-name", "worker", "--assume-role-policy-document", cliTrust(`{"Service":"lambda.amazonaws.com"}`, "sts:AssumeRole"), "--tags", "Key=a,Value=1")
	c.fails("MalformedPolicyDocument", "Syntax errors in policy.", "iam", "create-role", "--role-name", "x", "--assume-role-policy-document", "{}")
	c.iam("update-role", "--role-name", "worker", "--max-session-duration", "7200")
	c.iam("update-role-description", "--role-name", "worker", "--description", "works")
	c.iam("update-assume-role-policy", "--role-name", "worker", "--policy-document", cliTrust(`{"Service":"apigateway.amazonaws.com"}`, "sts:AssumeRole"))
	c.iam("untag-role", "--role-name", "worker", "--tag-keys", "a")
	c.iam("tag-role", "--role-name", "worker", "--tags", "Key=b,Value=2")
	c.iam("list-role-tags", "--role-name", "worker").text("Tags.0.Key")
	got := c.iam("get-role", "--role-name", "worker")
	if got.text("Role.Description") != "works" || got.text("Role.AssumeRolePolicyDocument.Statement.0.Principal.Service") != "apigateway.amazonaws.com" {
		c.t.Error(got.v)
	}
	c.iam("list-roles", "--page-size", "1").text("Roles.0.Arn")
	c.iam("put-role-policy", "--role-name", "worker", "--policy-name", "own", "--policy-document", cliAllow("s3:GetObject", "*"))
	c.iam("get-role-policy", "--role-name", "worker", "--policy-name", "own").text("PolicyDocument.Version")
	c.iam("list-role-policies", "--role-name", "worker").text("PolicyNames.0")
	c.iam("attach-role-policy", "--role-name", "worker", "--policy-arn", cliReadOnly)
	c.iam("list-attached-role-policies", "--role-name", "worker").text("AttachedPolicies.0.PolicyArn")
	c.iam("put-role-permissions-boundary", "--role-name", "worker", "--permissions-boundary", cliReadOnly)
	c.iam("delete-role-permissions-boundary", "--role-name", "worker")
	c.iam("list-instance-profiles-for-role", "--role-name", "worker")
	c.iam("list-instance-profiles")
	c.fails("NoSuchEntity", "Instance Profile web cannot be found.", "iam", "get-instance-profile", "--instance-profile-name", "web")
	c.fails("DeleteConflict", "must detach all policies first.", "iam", "delete-role", "--role-name", "worker")
	c.iam("detach-role-policy", "--role-name", "worker", "--policy-arn", cliReadOnly)
	c.iam("delete-role-policy", "--role-name", "worker", "--policy-name", "own")
	c.iam("delete-role", "--role-name", "worker")
}

func (c *accessCLI) policies() {
	arn := c.iam("create-policy", "--policy-name", "objects", "--policy-document", cliAllow("s3:GetObject", "*"), "--tags", "Key=a,Value=1").text("Policy.Arn")
	c.iam("create-policy-version", "--policy-arn", arn, "--policy-document", cliAllow("s3:PutObject", "*")).text("PolicyVersion.VersionId")
	c.iam("set-default-policy-version", "--policy-arn", arn, "--version-id", "v2")
	c.iam("get-policy", "--policy-arn", arn).text("Policy.DefaultVersionId")
	if got := c.iam("get-policy-version", "--policy-arn", arn, "--version-id", "v2").text("PolicyVersion.Document.Statement.0.Action"); got != "s3:PutObject" {
		c.t.Error(got)
	}
	c.iam("list-policy-versions", "--policy-arn", arn).text("Versions.1.VersionId")
	c.iam("delete-policy-version", "--policy-arn", arn, "--version-id", "v1")
	c.iam("untag-policy", "--policy-arn", arn, "--tag-keys", "a")
	c.iam("tag-policy", "--policy-arn", arn, "--tags", "Key=b,Value=2")
	c.iam("list-policy-tags", "--policy-arn", arn).text("Tags.0.Key")
	c.iam("list-entities-for-policy", "--policy-arn", arn)
	c.iam("list-policies", "--scope", "Local").text("Policies.0.PolicyName")
	c.iam("delete-policy", "--policy-arn", arn)
	c.fails("NoSuchEntity", "Policy "+arn+" was not found.", "iam", "get-policy", "--policy-arn", arn)

	own := c.iam("create-user", "--user-name", "eve").text("User.Arn")
	c.iam("put-user-policy", "--user-name", "eve", "--policy-name", "p", "--policy-document", cliAllow("s3:Get*", "arn:aws:s3:::b/${aws:userid}"))
	for _, got := range []string{
		c.iam("simulate-custom-policy", "--policy-input-list", cliAllow("s3:Get*", "*"), "--action-names", "s3:GetObject").text("EvaluationResults.0.EvalDecision") + " allowed",
		c.iam("simulate-principal-policy", "--policy-source-arn", own, "--action-names", "ssm:GetParameter").text("EvaluationResults.0.EvalDecision") + " implicitDeny",
		c.iam("get-context-keys-for-custom-policy", "--policy-input-list", cliAllow("s3:Get*", "arn:aws:s3:::b/${aws:username}")).text("ContextKeyNames.0") + " aws:username",
		c.iam("get-context-keys-for-principal-policy", "--policy-source-arn", own).text("ContextKeyNames.0") + " aws:userid",
	} {
		if is, want, _ := strings.Cut(got, " "); is != want {
			c.t.Errorf("%s, want %s", is, want)
		}
	}
}

func (c *accessCLI) providers() {
	arn := c.iam("create-open-id-connect-provider", "--url", "https://login.example.com", "--client-id-list", "one", "--tags", "Key=a,Value=1").text("OpenIDConnectProviderArn")
	c.iam("add-client-id-to-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--client-id", "two")
	c.iam("remove-client-id-from-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--client-id", "one")
	c.iam("update-open-id-connect-provider-thumbprint", "--open-id-connect-provider-arn", arn, "--thumbprint-list", "990f4193972f2becf12ddeda5237f9c952f20d9e")
	c.iam("untag-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--tag-keys", "a")
	c.iam("tag-open-id-connect-provider", "--open-id-connect-provider-arn", arn, "--tags", "Key=b,Value=2")
	c.iam("list-open-id-connect-provider-tags", "--open-id-connect-provider-arn", arn).text("Tags.0.Key")
	if got := c.iam("get-open-id-connect-provider", "--open-id-connect-provider-arn", arn).text("ClientIDList.0"); got != "two" {
		c.t.Error(got)
	}
	c.iam("list-open-id-connect-providers").text("OpenIDConnectProviderList.0.Arn")
	c.iam("delete-open-id-connect-provider", "--open-id-connect-provider-arn", arn)
	c.fails("NoSuchEntity", "not found", "iam", "get-open-id-connect-provider", "--open-id-connect-provider-arn", arn)

	bad := filepath.Join(c.t.TempDir(), "bad.xml")
	if err := os.WriteFile(bad, []byte("<a>"+strings.Repeat(" ", 1000)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.fails("InvalidInput", "Could not parse metadata: it is not well-formed XML", "iam", "create-saml-provider", "--name", "okta", "--saml-metadata-document", "file://"+bad)
	arn = c.iam("create-saml-provider", "--name", "okta", "--saml-metadata-document", "file://metadata.xml", "--tags", "Key=a,Value=1").text("SAMLProviderArn")
	c.iam("update-saml-provider", "--saml-provider-arn", arn, "--saml-metadata-document", "file://metadata.xml")
	if got := c.iam("get-saml-provider", "--saml-provider-arn", arn).text("SAMLMetadataDocument"); !strings.Contains(got, "https://idp.example.com/metadata") {
		c.t.Error(got)
	}
	c.iam("untag-saml-provider", "--saml-provider-arn", arn, "--tag-keys", "a")
	c.iam("tag-saml-provider", "--saml-provider-arn", arn, "--tags", "Key=b,Value=2")
	c.iam("list-saml-provider-tags", "--saml-provider-arn", arn).text("Tags.0.Key")
	c.iam("list-saml-providers").text("SAMLProviderList.0.Arn")
	c.iam("delete-saml-provider", "--saml-provider-arn", arn)
	c.fails("NoSuchEntity", "", "iam", "get-saml-provider", "--saml-provider-arn", arn)
}

func (c *accessCLI) account() {
	c.iam("create-account-alias", "--account-alias", "acme")
	c.iam("list-account-aliases").text("AccountAliases.0")
	c.iam("delete-account-alias", "--account-alias", "acme")
	c.fails("NoSuchEntity", "The Password Policy with domain name", "iam", "get-account-password-policy")
	c.iam("update-account-password-policy", "--minimum-password-length", "12", "--require-symbols")
	c.iam("get-account-password-policy").at("PasswordPolicy.MinimumPasswordLength")
	c.iam("delete-account-password-policy")
	c.iam("get-account-summary").at("SummaryMap.Users")
	c.fails("ReportNotPresent", "", "iam", "get-credential-report")
	c.iam("generate-credential-report").text("State")
	c.iam("get-credential-report").text("Content")
	c.iam("get-account-authorization-details", "--filter", "AWSManagedPolicy", "--page-size", "5").text("Policies.10.PolicyVersionList.0.Document.Version")
}

func (c *accessCLI) sessions() {
	if got := c.sts("get-caller-identity").text("Arn"); got != "arn:aws:iam::"+c.server.Account+":root" {
		c.t.Error(got)
	}
	c.sts("get-access-key-info", "--access-key-id", "AKIAAAAAAAAAAAAAAAAA").text("Account")
	c.fails("InvalidAuthorizationMessageException", "", "sts", "decode-authorization-message", "--encoded-message", "c2VjcmV0")
	c.iam("create-user", "--user-name", "maker")
	c.iam("put-user-policy", "--user-name", "maker", "--policy-name", "p", "--policy-document", cliAllow("sts:*", "*"))
	key := c.iam("create-access-key", "--user-name", "maker")
	role := c.iam("create-role", "--role-name", "session", "--assume-role-policy-document", cliTrust(`{"AWS":"`+c.server.Account+`"}`, "sts:AssumeRole")).text("Role.Arn")
	c.fails("AccessDenied", "Roles may not be assumed by root accounts.", "sts", "assume-role", "--role-arn", role, "--role-session-name", "root")
	maker := *c
	maker.cli = c.as(key.text("AccessKey.AccessKeyId"), key.text("AccessKey.SecretAccessKey"), "")
	assumed := maker.sts("assume-role", "--role-arn", role, "--role-session-name", "here")
	session := *c
	session.cli = c.as(assumed.text("Credentials.AccessKeyId"), assumed.text("Credentials.SecretAccessKey"), assumed.text("Credentials.SessionToken"))
	if got := session.sts("get-caller-identity").text("Arn"); got != "arn:aws:sts::"+c.server.Account+":assumed-role/session/here" {
		c.t.Error(got)
	}
	maker.sts("get-session-token").text("Credentials.SessionToken")
	maker.sts("get-federation-token", "--name", "guest").text("FederatedUser.Arn")
	c.fails("InvalidIdentityToken", "is not a valid JWT", "sts", "assume-role-with-web-identity", "--role-arn", role, "--role-session-name", "web", "--web-identity-token", "nonsense")
}

func (c *accessCLI) parameters() {
	c.fails("ParameterNotFound", "", "ssm", "get-parameter", "--name", "/app/flag")
	c.ssm("put-parameter", "--name", "/app/flag", "--value", "one", "--type", "SecureString", "--tags", "Key=a,Value=1")
	c.ssm("put-parameter", "--name", "/app/flag", "--value", "two", "--overwrite")
	if got := c.ssm("get-parameter", "--name", "/app/flag", "--with-decryption").text("Parameter.Value"); got != "two" {
		c.t.Error(got)
	}
	c.ssm("label-parameter-version", "--name", "/app/flag", "--parameter-version", "1", "--labels", "prod")
	c.ssm("get-parameters", "--names", "/app/flag:prod", "/none").text("InvalidParameters.0")
	c.ssm("unlabel-parameter-version", "--name", "/app/flag", "--parameter-version", "1", "--labels", "prod", "blue").text("InvalidLabels.0")
	c.ssm("get-parameters-by-path", "--path", "/app", "--recursive").text("Parameters.0.ARN")
	c.ssm("get-parameter-history", "--name", "/app/flag").text("Parameters.1.Type")
	c.ssm("describe-parameters").text("Parameters.0.KeyId")
	of := []string{"--resource-type", "Parameter", "--resource-id", "/app/flag"}
	c.ssm(append([]string{"add-tags-to-resource", "--tags", "Key=b,Value=2"}, of...)...)
	c.ssm(append([]string{"remove-tags-from-resource", "--tag-keys", "a"}, of...)...)
	c.ssm("list-tags-for-resource", "--resource-type", "Parameter", "--resource-id", "/app/flag").text("TagList.0.Key")
	c.ssm("delete-parameter", "--name", "/app/flag")
	c.ssm("delete-parameters", "--names", "/app/flag").text("InvalidParameters.0")
}

func (c *accessCLI) identities() {
	pool := c.identity("create-identity-pool", "--identity-pool-name", "people", "--allow-unauthenticated-identities", "--developer-provider-name", "login.acme",
		"--supported-login-providers", "accounts.google.com=app", "--identity-pool-tags", "a=1").text("IdentityPoolId")
	arn := "arn:aws:cognito-identity:" + c.server.Region + ":" + c.server.Account + ":identitypool/" + pool
	c.identity("describe-identity-pool", "--identity-pool-id", pool).text("DeveloperProviderName")
	c.identity("list-identity-pools", "--max-results", "10").text("IdentityPools.0.IdentityPoolId")
	c.identity("untag-resource", "--resource-arn", arn, "--tag-keys", "a")
	c.identity("tag-resource", "--resource-arn", arn, "--tags", "b=2")
	c.identity("list-tags-for-resource", "--resource-arn", arn).text("Tags.b")
	role := c.iam("create-role", "--role-name", "guests", "--assume-role-policy-document", cliTrust(`{"Federated":"cognito-identity.amazonaws.com"}`, "sts:AssumeRoleWithWebIdentity")).text("Role.Arn")
	c.identity("set-identity-pool-roles", "--identity-pool-id", pool, "--roles", "unauthenticated="+role)
	c.identity("get-identity-pool-roles", "--identity-pool-id", pool).text("Roles.unauthenticated")
	guest := c.identity("get-id", "--identity-pool-id", pool).text("IdentityId")
	c.identity("get-credentials-for-identity", "--identity-id", guest).text("Credentials.AccessKeyId")
	token := c.identity("get-open-id-token", "--identity-id", guest).text("Token")
	if got := c.sts("assume-role-with-web-identity", "--role-arn", role, "--role-session-name", "web", "--web-identity-token", token).text("SubjectFromWebIdentityToken"); got != guest {
		c.t.Error(got)
	}
	c.identity("describe-identity", "--identity-id", guest).text("IdentityId")
	c.identity("list-identities", "--identity-pool-id", pool, "--max-results", "10").text("Identities.0.IdentityId")
	provider := "cognito-idp." + c.server.Region + ".amazonaws.com/" + c.server.Region + "_000000000"
	c.fails("NotAuthorizedException", "", "cognito-identity", "unlink-identity", "--identity-id", guest, "--logins", provider+"=nonsense", "--logins-to-remove", provider)
	of := map[string]string{}
	for _, name := range []string{"ann", "bob"} {
		of[name] = c.identity("get-open-id-token-for-developer-identity", "--identity-pool-id", pool, "--logins", "login.acme="+name).text("IdentityId")
	}
	if got := c.identity("lookup-developer-identity", "--identity-pool-id", pool, "--developer-user-identifier", "ann").text("IdentityId"); got != of["ann"] {
		c.t.Error(got)
	}
	if got := c.identity("merge-developer-identities", "--identity-pool-id", pool, "--developer-provider-name", "login.acme", "--source-user-identifier", "ann",
		"--destination-user-identifier", "bob").text("IdentityId"); got != of["bob"] {
		c.t.Error(got)
	}
	c.identity("unlink-developer-identity", "--identity-id", of["bob"], "--identity-pool-id", pool, "--developer-provider-name", "login.acme", "--developer-user-identifier", "ann")
	c.identity("delete-identities", "--identity-ids-to-delete", guest)
	c.identity("set-principal-tag-attribute-map", "--identity-pool-id", pool, "--identity-provider-name", "accounts.google.com", "--no-use-defaults", "--principal-tags", "user=sub")
	c.identity("get-principal-tag-attribute-map", "--identity-pool-id", pool, "--identity-provider-name", "accounts.google.com").text("PrincipalTags.user")
	c.identity("update-identity-pool", "--identity-pool-id", pool, "--identity-pool-name", "nobody", "--no-allow-unauthenticated-identities", "--developer-provider-name", "login.acme")
	c.fails("NotAuthorizedException", "Unauthenticated access is not supported", "cognito-identity", "get-id", "--identity-pool-id", pool)
	c.identity("delete-identity-pool", "--identity-pool-id", pool)
	c.fails("ResourceNotFoundException", "", "cognito-identity", "describe-identity-pool", "--identity-pool-id", pool)
}
