package clients_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// cli is the AWS CLI with one caller's credentials.
type cli struct {
	t   *testing.T
	aws string
	url string
	env []string
}

// findCLI is the AWS CLI of the PATH if it runs, or the one that test/setup
// installed.
func findCLI(t *testing.T) string {
	t.Helper()
	own, err := filepath.Abs(".cache/awscli/bin/aws")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"aws", own} {
		if exec.Command(path, "--version").Run() == nil {
			return path
		}
	}
	t.Fatal("there is no AWS CLI: run `make test`, which installs one")
	return ""
}

func newCLI(t *testing.T, s *gatehousetest.Server) *cli {
	// At an address that is no name the CLI asks for buckets by path.
	return &cli{t, findCLI(t), strings.Replace(s.URL, "localhost", "127.0.0.1", 1), environment(s)}
}

// as is the CLI with other credentials.
func (c *cli) as(accessKeyID, secretKey, sessionToken string) *cli {
	other := *c
	other.env = append(c.env[:len(c.env):len(c.env)], "AWS_ACCESS_KEY_ID="+accessKeyID, "AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_SESSION_TOKEN="+sessionToken)
	return &other
}

// run runs a command and returns its output, or what it complained of.
func (c *cli) run(args ...string) (out, complaint string, ok bool) {
	cmd := exec.CommandContext(c.t.Context(), c.aws, append([]string{"--endpoint-url", c.url, "--output", "json"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, c.env
	err := cmd.Run()
	return stdout.String(), stderr.String(), err == nil
}

// must runs a command that must succeed, and reads its JSON into v unless that
// is nil.
func (c *cli) must(v any, args ...string) string {
	c.t.Helper()
	out, complaint, ok := c.run(args...)
	if !ok {
		c.t.Fatalf("aws %s: %s", strings.Join(args, " "), complaint)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(out), v); err != nil {
			c.t.Fatalf("aws %s: %v in %s", strings.Join(args, " "), err, out)
		}
	}
	return out
}

// refused runs a command that must fail with a text.
func (c *cli) refused(text string, args ...string) {
	c.t.Helper()
	if out, complaint, ok := c.run(args...); ok || !strings.Contains(complaint, text) {
		c.t.Errorf("aws %s: ok is %v, want a complaint with %q: %s%s", strings.Join(args, " "), ok, text, out, complaint)
	}
}

// input is a file for --cli-input-json.
func (c *cli) input(v any) string {
	c.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	f, err := os.CreateTemp(c.t.TempDir(), "*.json")
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		c.t.Fatal(err)
	}
	return "file://" + f.Name()
}

// TestCLI is W2 with the AWS CLI: the set-up, get-id and
// get-credentials-for-identity from files, S3 with what they give.
func TestCLI(t *testing.T) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := gatehousetest.Start(t, on(t, kind)...)
			c := newCLI(t, s)
			const password = "Correct-Horse-7"

			var pool struct{ UserPool struct{ Id string } }
			c.must(&pool, "cognito-idp", "create-user-pool", "--pool-name", "people", "--alias-attributes", "email", "--auto-verified-attributes", "email")
			var client struct{ UserPoolClient struct{ ClientId string } }
			c.must(&client, "cognito-idp", "create-user-pool-client", "--user-pool-id", pool.UserPool.Id, "--client-name", "cli", "--explicit-auth-flows",
				"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
			id := client.UserPoolClient.ClientId
			provider := "cognito-idp." + s.Region + ".amazonaws.com/" + pool.UserPool.Id
			for _, name := range []string{"ann", "bob"} {
				c.must(nil, "cognito-idp", "sign-up", "--client-id", id, "--username", name, "--password", password, "--user-attributes", "Name=email,Value="+name+"@example.com")
				c.must(nil, "cognito-idp", "confirm-sign-up", "--client-id", id, "--username", name, "--confirmation-code", s.Code(name+"@example.com"))
			}
			signIn := func(name string) string {
				var out struct {
					AuthenticationResult struct{ IdToken, AccessToken string }
				}
				c.must(&out, "cognito-idp", "initiate-auth", "--client-id", id, "--auth-flow", "USER_PASSWORD_AUTH", "--auth-parameters", "USERNAME="+name+"@example.com,PASSWORD="+password)
				return out.AuthenticationResult.IdToken
			}
			c.refused("(NotAuthorizedException) when calling the InitiateAuth operation: Incorrect username or password.",
				"cognito-idp", "initiate-auth", "--client-id", id, "--auth-flow", "USER_PASSWORD_AUTH", "--auth-parameters", "USERNAME=ann,PASSWORD=Wrong-Password-0")

			var identity struct{ IdentityPoolId string }
			c.must(&identity, "cognito-identity", "create-identity-pool", "--identity-pool-name", "Cli", "--no-allow-unauthenticated-identities",
				"--cognito-identity-providers", "ProviderName="+provider+",ClientId="+id)
			trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity",` +
				`"Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + identity.IdentityPoolId + `"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`
			var role struct{ Role struct{ Arn string } }
			c.must(&role, "iam", "create-role", "--role-name", "Cli", "--assume-role-policy-document", trust)
			c.must(nil, "iam", "put-role-policy", "--role-name", "Cli", "--policy-name", "s3", "--policy-document",
				`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":["arn:aws:s3:::cli","arn:aws:s3:::cli/*"]}}`)
			c.must(nil, "cognito-identity", "set-identity-pool-roles", "--identity-pool-id", identity.IdentityPoolId, "--roles", "authenticated="+role.Role.Arn)

			// A file above eight megabytes goes up in parts.
			big := bytes.Repeat([]byte("0123456789abcdef"), 600_000)
			file := filepath.Join(t.TempDir(), "big.bin")
			if err := os.WriteFile(file, big, 0o600); err != nil {
				t.Fatal(err)
			}
			c.must(nil, "s3", "mb", "s3://cli")
			c.must(nil, "s3", "cp", "--no-progress", file, "s3://cli/big.bin")

			token := signIn("ann")
			getID := func(account string) []string {
				return []string{"cognito-identity", "get-id", "--cli-input-json", c.input(map[string]any{"AccountId": account, "IdentityPoolId": identity.IdentityPoolId, "Logins": map[string]string{provider: token}})}
			}
			var first, second struct{ IdentityId string }
			c.must(&first, getID(s.Account)...)
			c.must(&second, getID(s.Account)...)
			if first != second || !strings.HasPrefix(first.IdentityId, s.Region+":") {
				t.Errorf("get-id gives %q, then %q", first.IdentityId, second.IdentityId)
			}
			c.refused("(NotAuthorizedException) when calling the GetId operation", getID("123456789012")...)
			getCredentials := func(logins map[string]string) []string {
				in := map[string]any{"IdentityId": first.IdentityId}
				if logins != nil {
					in["Logins"] = logins
				}
				return []string{"cognito-identity", "get-credentials-for-identity", "--cli-input-json", c.input(in)}
			}
			var out struct {
				Credentials struct {
					AccessKeyId, SecretKey, SessionToken string
					Expiration                           any // version 2 prints a date, version 1 what came
				}
			}
			c.must(&out, getCredentials(map[string]string{provider: token})...)
			at, isNumber := out.Credentials.Expiration.(float64)
			if date, ok := out.Credentials.Expiration.(string); ok {
				when, err := time.Parse(time.RFC3339, date)
				at, isNumber = float64(when.Unix()), err == nil
			}
			if left := time.Until(time.Unix(int64(at), 0)); !isNumber || left > 61*time.Minute || left < 55*time.Minute {
				t.Errorf("Expiration is printed as %v", out.Credentials.Expiration)
			}
			c.refused("Access to Identity '"+first.IdentityId+"' is forbidden.", getCredentials(nil)...)
			c.refused("(NotAuthorizedException)", getCredentials(map[string]string{provider: signIn("bob")})...)

			user := c.as(out.Credentials.AccessKeyId, out.Credentials.SecretKey, out.Credentials.SessionToken)
			if who := user.must(nil, "sts", "get-caller-identity"); !strings.Contains(who, ":assumed-role/Cli/CognitoIdentityCredentials") {
				t.Errorf("the caller is %s", who)
			}
			if listed := user.must(nil, "s3", "ls", "s3://cli"); !strings.Contains(listed, "9600000 big.bin") {
				t.Errorf("the list is %s", listed)
			}
			back := filepath.Join(t.TempDir(), "back.bin")
			user.must(nil, "s3", "cp", "--no-progress", "s3://cli/big.bin", back)
			if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, big) {
				t.Errorf("the file came back as %d bytes (%v)", len(got), err)
			}
			user.refused("AccessDenied", "s3", "ls")
			user.refused("AccessDenied", "s3", "cp", "--no-progress", file, "s3://cli/mine.bin")
			user.refused("AccessDenied", "iam", "list-roles")
			user.refused("AccessDeniedException", "cognito-idp", "list-users", "--user-pool-id", pool.UserPool.Id)
			c.as(out.Credentials.AccessKeyId, out.Credentials.SecretKey, "").refused("InvalidClientTokenId", "sts", "get-caller-identity")
		})
	}
}
