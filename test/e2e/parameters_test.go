package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/test/awsclient"
)

// parameter is the ARN of a parameter, by its name without the first slash.
func (e *env) parameter(name string) string {
	return "arn:aws:ssm:" + e.server.Region + ":" + e.server.Account + ":parameter/" + name
}

// putParameter writes a String as root and returns its version.
func (e *env) putParameter(name, value string, change ...func(*ssm.PutParameterInput)) int64 {
	e.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: "String"}
	for _, c := range change {
		c(in)
	}
	out, err := e.root.SSM.PutParameter(e.Context(), in)
	e.ok(err)
	return out.Version
}

func overwriting(in *ssm.PutParameterInput) { in.Overwrite, in.Type = aws.Bool(true), "" }

// session are clients with a session of a new role that has a policy.
func (e *env) session(name, policy string) *awsclient.Clients {
	e.Helper()
	// root may assume no role: a user does.
	maker, _ := e.person(name+"-maker", "")
	arn := e.makeRole(name, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::`+e.server.Account+`:user/`+name+`-maker"}}}`)
	_, err := e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy})
	e.ok(err)
	out, err := maker.STS.AssumeRole(e.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("session")})
	e.ok(err)
	return e.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// TestParameters_whoMay: a session of a role with ssm:GetParameter on one path
// reads what is there and does nothing else, and learns nothing of the rest.
func TestParameters_whoMay(t *testing.T) {
	each(t, func(e *env) {
		for _, name := range []string{"/app/db/host", "/app/db/port", "/app/key", "/apps", "/app", "/other", "plain"} {
			e.putParameter(name, "v")
		}
		reader := e.session("reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"`+e.parameter("app/*")+`"}}`)
		why := func(action, resource string) string {
			return "User: arn:aws:sts::" + e.server.Account + ":assumed-role/reader/session is not authorized to perform: ssm:" + action + " on resource: " + resource +
				" because no identity-based policy allows the ssm:" + action + " action"
		}
		ctx, c := e.Context(), reader.SSM
		for _, name := range []string{"/apps", "/app", "/other", "plain", "/plain", "/missing", "/other:1", "/other:label"} {
			_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
			bare, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), ":")
			e.refused(err, "AccessDeniedException", why("GetParameter", e.parameter(bare)))
		}
		elsewhere := "arn:aws:ssm:" + e.server.Region + ":999999999999:parameter/app/key"
		_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &elsewhere})
		e.refused(err, "AccessDeniedException", why("GetParameter", elsewhere))
		host := aws.String("/app/db/host")
		_, err = c.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{*host}})
		e.refused(err, "AccessDeniedException", why("GetParameters", e.parameter("app/db/host")))
		_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app/")})
		e.refused(err, "AccessDeniedException", why("GetParametersByPath", e.parameter("app")))
		_, err = c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: host})
		e.refused(err, "AccessDeniedException", why("GetParameterHistory", e.parameter("app/db/host")))
		_, err = c.DescribeParameters(ctx, &ssm.DescribeParametersInput{})
		e.refused(err, "AccessDeniedException", why("DescribeParameters", "*"))
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: host, Value: aws.String("x"), Overwrite: aws.Bool(true)})
		e.refused(err, "AccessDeniedException", why("PutParameter", e.parameter("app/db/host")))
		_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: host})
		e.refused(err, "AccessDeniedException", why("DeleteParameter", e.parameter("app/db/host")))
		_, err = c.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{*host}})
		e.refused(err, "AccessDeniedException", why("DeleteParameters", e.parameter("app/db/host")))
		_, err = c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: host, Labels: []string{"x"}})
		e.refused(err, "AccessDeniedException", why("LabelParameterVersion", e.parameter("app/db/host")))
		_, err = c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: host, Tags: []ssmtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
		e.refused(err, "AccessDeniedException", why("AddTagsToResource", e.parameter("app/db/host")))
		_, err = c.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: host, TagKeys: []string{"k"}})
		e.refused(err, "AccessDeniedException", why("RemoveTagsFromResource", e.parameter("app/db/host")))
		_, err = c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: host})
		e.refused(err, "AccessDeniedException", why("ListTagsForResource", e.parameter("app/db/host")))
		_, err = e.anyone.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: host})
		e.refused(err, "MissingAuthenticationTokenException", "")

		// What is allowed is found, by name, selector and ARN; and what is not
		// there is not found.
		for _, name := range []string{"/app/db/host", "/app/key", "app/key", "/app/key:1", e.parameter("app/key"), e.parameter("app/key") + ":1"} {
			out, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
			e.ok(err)
			if *out.Parameter.Value != "v" || !strings.HasPrefix(*out.Parameter.Name, "/app/") {
				e.Errorf("%s is %v", name, out.Parameter)
			}
		}
		_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/missing")})
		e.refused(err, "ParameterNotFound", "Parameter /app/missing not found.")
	})
}

// TestParameters_conditions: the condition keys of the operations, and one
// denied name among several.
func TestParameters_conditions(t *testing.T) {
	each(t, func(e *env) {
		e.putParameter("/a/red", "1", func(in *ssm.PutParameterInput) {
			in.Tags = []ssmtypes.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}
		})
		e.putParameter("/a/blue", "2", func(in *ssm.PutParameterInput) {
			in.Tags = []ssmtypes.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}}
		})
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["ssm:GetParameter","ssm:GetParameters"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"red"}}},
			{"Effect":"Allow","Action":["ssm:PutParameter","ssm:GetParametersByPath"],"Resource":"`+e.parameter("*")+`"},
			{"Effect":"Deny","Action":"ssm:PutParameter","Resource":"*","Condition":{"StringEquals":{"ssm:Overwrite":"true"}}},
			{"Effect":"Deny","Action":"ssm:GetParametersByPath","Resource":"*","Condition":{"Bool":{"ssm:Recursive":"true"}}}]}`)
		ctx, c := e.Context(), ann.SSM
		_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a/blue")})
		e.refused(err, "AccessDeniedException", "")
		_, err = c.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/a/red", "/a/blue"}})
		e.refused(err, "AccessDeniedException", "/parameter/a/blue because no identity-based policy/")
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/a/red"), Value: aws.String("x"), Overwrite: aws.Bool(true)})
		e.refused(err, "AccessDeniedException", "/with an explicit deny in an identity-based policy/")
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/a/tagged"), Value: aws.String("x"), Type: "String", Tags: []ssmtypes.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}})
		e.refused(err, "AccessDeniedException", "/perform: ssm:AddTagsToResource on resource: /")
		_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/a"), Recursive: aws.Bool(true)})
		e.refused(err, "AccessDeniedException", "/explicit deny/")

		_, err = c.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/a/red"}})
		e.ok(err)
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/a/new"), Value: aws.String("x"), Type: "String"})
		e.ok(err)
		_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/a")})
		e.ok(err)
	})
}

func TestPutParameter_malformed(t *testing.T) {
	each(t, func(e *env) {
		e.putParameter("/taken", "v")
		e.putParameter("/advanced", strings.Repeat("v", 8192), func(in *ssm.PutParameterInput) { in.Tier = "Advanced" })
		e.putParameter("/digits", "12", func(in *ssm.PutParameterInput) { in.AllowedPattern = aws.String(`\d+`) })
		deep := strings.Repeat("/a", 15)
		for _, c := range []struct {
			name, value   string
			change        func(*ssm.PutParameterInput)
			code, message string
		}{
			{"/a b", "v", nil, "ValidationException", "/^Parameter name: can't be prefixed with/"},
			{"/a//b", "v", nil, "ValidationException", "/^Parameter name: /"},
			{"/a/", "v", nil, "ValidationException", "/^Parameter name: /"},
			{"/", "v", nil, "ValidationException", "/^Parameter name: /"},
			{"/a:1", "v", nil, "ValidationException", "/^Parameter name: /"},
			{"/é", "v", nil, "ValidationException", "/^Parameter name: /"},
			{"/ssm/x", "v", nil, "ValidationException", "/^Parameter name: /"},
			{"/AWS/x", "v", nil, "AccessDeniedException", "No access to reserved parameter name: /AWS/x."},
			{"a/b", "v", nil, "ValidationException", "Parameter name must be a fully qualified name."},
			{"/" + strings.Repeat("a", 1011), "v", nil, "ValidationException", "/1011/"},
			{deep + "/b", "v", nil, "HierarchyLevelLimitExceededException", ""},
			{"arn:aws:ssm:" + e.server.Region + ":999999999999:parameter/x", "v", nil, "ValidationException", "/^Parameter name: /"},
			{"/taken", "v", nil, "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."},
			{"taken", "v", nil, "ParameterAlreadyExists", ""},
			{"/taken", "v", func(in *ssm.PutParameterInput) { in.Overwrite, in.Type = aws.Bool(true), "SecureString" }, "HierarchyTypeMismatchException", ""},
			{"/new", "", nil, "ValidationException", "/'value' failed to satisfy constraint/"},
			{"/new", strings.Repeat("v", 4097), nil, "ValidationException", "/^Standard tier parameters support a maximum parameter value of 4096 characters/"},
			{"/new", strings.Repeat("v", 8193), func(in *ssm.PutParameterInput) { in.Tier = "Advanced" }, "ValidationException", "/8192/"},
			{"/new", strings.Repeat("v", 8193), func(in *ssm.PutParameterInput) { in.Tier = "Intelligent-Tiering" }, "ValidationException", "/8192/"},
			{"/advanced", "v", func(in *ssm.PutParameterInput) { overwriting(in); in.Tier = "Standard" }, "ValidationException", "/can't downgrade/"},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.Type = "" }, "ValidationException", "A parameter type is required when you create a parameter."},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.Type = "Number" }, "ValidationException", "/enum value set/"},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.AllowedPattern = aws.String("[0-9]+") }, "ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: [0-9]+"},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.AllowedPattern = aws.String("(") }, "InvalidAllowedPatternException", ""},
			{"/digits", "x", overwriting, "ParameterPatternMismatchException", ""},
			{"/taken", "v", func(in *ssm.PutParameterInput) {
				overwriting(in)
				in.Tags = []ssmtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
			}, "ValidationException", "/^Invalid request: tags and overwrite can't be used together/"},
			{"/new", "v", func(in *ssm.PutParameterInput) {
				in.Tags = []ssmtypes.Tag{{Key: aws.String("aws:k"), Value: aws.String("v")}}
			}, "ValidationException", ""},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.Type, in.KeyId = "SecureString", aws.String("alias/mine") }, "InvalidKeyId", ""},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.KeyId = aws.String("alias/aws/ssm") }, "ValidationException", ""},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:image") }, "ValidationException", ""},
			{"/new", "v", func(in *ssm.PutParameterInput) { in.Policies = aws.String("[]") }, "InvalidPolicyTypeException", ""},
		} {
			in := &ssm.PutParameterInput{Name: &c.name, Value: &c.value, Type: "String"}
			if c.change != nil {
				c.change(in)
			}
			_, err := e.root.SSM.PutParameter(e.Context(), in)
			if !e.refused(err, c.code, c.message) {
				e.Logf("%.60s = %.20s", c.name, c.value)
			}
		}
		out, err := e.root.SSM.DescribeParameters(e.Context(), &ssm.DescribeParametersInput{})
		e.ok(err)
		if len(out.Parameters) != 3 {
			e.Errorf("the refused left something: %d parameters", len(out.Parameters))
		}
		e.putParameter(deep, "v")
		e.putParameter("/"+strings.Repeat("a", 1010), "v")
	})
}

func TestParameter_versions(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.SSM
		name := aws.String("/app/flag")
		e.putParameter(*name, "one", func(in *ssm.PutParameterInput) { in.Description = aws.String("a flag") })
		if v := e.putParameter(*name, "two", overwriting); v != 2 {
			e.Errorf("version %d", v)
		}
		for _, wrong := range []struct{ name, code, message string }{
			{"/app/flag:3", "ParameterVersionNotFound", "Systems Manager could not find version 3 of /app/flag. Verify the version and try again."},
			{"/app/flag:prod", "ParameterVersionNotFound", ""},
			{"/app/flag:99999999999999999999", "ParameterVersionNotFound", ""},
			{"/app/none:1", "ParameterNotFound", ""},
			{"arn:aws:ssm:eu-west-9:" + e.server.Account + ":parameter/app/flag", "ParameterNotFound", ""},
		} {
			_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &wrong.name})
			e.refused(err, wrong.code, wrong.message)
		}
		_, err := c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: aws.String("/app/none"), Labels: []string{"prod"}})
		e.refused(err, "ParameterNotFound", "")
		_, err = c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(7), Labels: []string{"prod"}})
		e.refused(err, "ParameterVersionNotFound", "")
		_, err = c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: aws.String("/app/none")})
		e.refused(err, "ParameterNotFound", "")
		_, err = c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: name, NextToken: aws.String("x")})
		e.refused(err, "InvalidNextToken", "")

		labelled, err := c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{"prod", "1st", "awsome", "a b"}})
		e.ok(err)
		if !slices.Equal(labelled.InvalidLabels, []string{"1st", "awsome", "a b"}) || labelled.ParameterVersion != 1 {
			e.Errorf("labelled %+v", labelled)
		}
		value := func(name string) string {
			out, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
			e.ok(err)
			return fmt.Sprintf("%s %d %s", *out.Parameter.Value, out.Parameter.Version, aws.ToString(out.Parameter.Selector))
		}
		for name, want := range map[string]string{"/app/flag": "two 2 ", "/app/flag:1": "one 1 :1", "/app/flag:prod": "one 1 :prod", e.parameter("app/flag") + ":prod": "one 1 :prod"} {
			if got := value(name); got != want {
				e.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		// A label stands at one version.
		_, err = c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, Labels: []string{"prod"}})
		e.ok(err)
		if got := value("/app/flag:prod"); got != "two 2 :prod" {
			e.Errorf("after it moved, prod is %q", got)
		}
		_, err = c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, Labels: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}})
		e.refused(err, "ParameterVersionLabelLimitExceeded", "")

		history, err := c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: name, MaxResults: aws.Int32(1)})
		e.ok(err)
		rest, err := c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: name, NextToken: history.NextToken})
		e.ok(err)
		all := append(history.Parameters, rest.Parameters...)
		if len(all) != 2 || rest.NextToken != nil || *all[0].Value != "one" || *all[1].Value != "two" || *all[1].Description != "a flag" ||
			!slices.Equal(all[1].Labels, []string{"prod"}) || *all[1].LastModifiedUser != "arn:aws:iam::"+e.server.Account+":root" {
			e.Errorf("history %+v", all)
		}

		// A hundred versions are kept; one with a label is not given up.
		_, err = c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(2), Labels: []string{"kept"}})
		e.ok(err)
		for range 99 {
			e.putParameter(*name, "more", overwriting)
		}
		_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/flag:1")})
		e.refused(err, "ParameterVersionNotFound", "")
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: name, Value: aws.String("x"), Overwrite: aws.Bool(true)})
		e.refused(err, "ParameterMaxVersionLimitExceeded", "")
		if got := value("/app/flag"); got != "more 101 " {
			e.Errorf("after a refusal, it is %q", got)
		}

		_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: name})
		e.ok(err)
		_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: name})
		e.refused(err, "ParameterNotFound", "")
		if v := e.putParameter(*name, "again"); v != 1 {
			e.Errorf("a new parameter begins with version %d", v)
		}
		deleted, err := c.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{*name, "/none"}})
		e.ok(err)
		if !slices.Equal(deleted.DeletedParameters, []string{*name}) || !slices.Equal(deleted.InvalidParameters, []string{"/none"}) {
			e.Errorf("deleted %+v", deleted)
		}
	})
}

// TestParameter_sealed: no value is in the database in clear, and a
// SecureString is shown with decryption only.
func TestParameter_sealed(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.SSM
		e.putParameter("/secret", "open-sesame", func(in *ssm.PutParameterInput) { in.Type = "SecureString" })
		e.putParameter("/list", "swordfish,mellon", func(in *ssm.PutParameterInput) { in.Type = "StringList" })
		get := func(decrypt bool) []ssmtypes.Parameter {
			out, err := c.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/secret", "/list", "/none", "/secret"}, WithDecryption: &decrypt})
			e.ok(err)
			if len(out.Parameters) != 2 || !slices.Equal(out.InvalidParameters, []string{"/none"}) {
				e.Fatalf("got %+v", out)
			}
			return out.Parameters
		}
		if p := get(false); strings.Contains(*p[0].Value, "sesame") || *p[1].Value != "swordfish,mellon" || p[0].Type != "SecureString" {
			e.Errorf("without decryption: %q, %q", *p[0].Value, *p[1].Value)
		}
		p := get(true)
		if *p[0].Value != "open-sesame" || *p[0].ARN != e.parameter("secret") || *p[0].DataType != "text" || p[0].LastModifiedDate == nil {
			e.Errorf("with decryption: %+v", p[0])
		}
		// The embedded store's files, the log of its last writes among them.
		files, err := os.ReadDir(e.server.Data)
		e.ok(err)
		for _, f := range files {
			if !f.Type().IsRegular() {
				continue
			}
			data, err := os.ReadFile(filepath.Join(e.server.Data, f.Name()))
			e.ok(err)
			for _, value := range []string{"open-sesame", "swordfish"} {
				if bytes.Contains(data, []byte(value)) {
					e.Errorf("%s holds %q in clear", f.Name(), value)
				}
			}
		}
		d, err := c.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("KeyId"), Values: []string{"alias/aws/ssm"}}}})
		e.ok(err)
		if len(d.Parameters) != 1 || *d.Parameters[0].Name != "/secret" || d.Parameters[0].Tier != "Standard" {
			e.Errorf("described %+v", d.Parameters)
		}
	})
}

func TestParameters_lists(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.SSM
		for _, name := range []string{"/a/b/c", "/a/b/d", "/a/b/d/e", "/a/x", "/a-b", "/ab/c", "plain"} {
			e.putParameter(name, name)
		}
		for i := range 23 {
			e.putParameter(fmt.Sprintf("/many/%02d", i), "v", func(in *ssm.PutParameterInput) {
				in.Tags = []ssmtypes.Tag{{Key: aws.String("odd"), Value: aws.String(fmt.Sprint(i%2 == 1))}}
			})
		}
		for _, wrong := range []struct {
			in            *ssm.GetParametersByPathInput
			code, message string
		}{
			{&ssm.GetParametersByPathInput{Path: aws.String("a")}, "ValidationException", "/must begin with a forward slash/"},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a b")}, "ValidationException", ""},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a//")}, "ValidationException", ""},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a"), MaxResults: aws.Int32(11)}, "ValidationException", "/less than or equal to 10/"},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a"), NextToken: aws.String("?")}, "InvalidNextToken", ""},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a"), NextToken: aws.String("cGxhaW4")}, "InvalidNextToken", ""},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Name"), Values: []string{"x"}}}}, "InvalidFilterKey", ""},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Type"), Option: aws.String("Contains"), Values: []string{"x"}}}}, "InvalidFilterOption", ""},
			{&ssm.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Type")}}}, "InvalidFilterValue", ""},
		} {
			_, err := c.GetParametersByPath(ctx, wrong.in)
			e.refused(err, wrong.code, wrong.message)
		}
		_, err := c.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Colour"), Values: []string{"x"}}}})
		e.refused(err, "ValidationException", "")

		under := func(path string, recursive bool, most int32) []string {
			var names []string
			pages := ssm.NewGetParametersByPathPaginator(c, &ssm.GetParametersByPathInput{Path: &path, Recursive: &recursive, MaxResults: &most})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				e.ok(err)
				if len(page.Parameters) > int(most) {
					e.Errorf("%d on a page of %d", len(page.Parameters), most)
				}
				for _, p := range page.Parameters {
					names = append(names, *p.Name)
				}
			}
			return names
		}
		for _, c := range []struct {
			path      string
			recursive bool
			want      string
		}{
			{"/a", false, "/a/x"},
			{"/a/", true, "/a/b/c /a/b/d /a/b/d/e /a/x"},
			{"/a/b", false, "/a/b/c /a/b/d"},
			{"/a/b/d", true, "/a/b/d/e"},
			{"/none", true, ""},
			{"/", false, "/a-b"},
		} {
			for _, most := range []int32{1, 10} {
				if got := strings.Join(under(c.path, c.recursive, most), " "); got != c.want {
					e.Errorf("under %s (recursive %v): %q, want %q", c.path, c.recursive, got, c.want)
				}
			}
		}
		if got := under("/", true, 10); len(got) != 29 {
			e.Errorf("%d under /: %q", len(got), got)
		}
		described := func(filters ...ssmtypes.ParameterStringFilter) (names []string) {
			pages := ssm.NewDescribeParametersPaginator(c, &ssm.DescribeParametersInput{ParameterFilters: filters, MaxResults: aws.Int32(7)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				e.ok(err)
				for _, p := range page.Parameters {
					names = append(names, *p.Name)
				}
			}
			return names
		}
		filter := func(key, option string, values ...string) ssmtypes.ParameterStringFilter {
			f := ssmtypes.ParameterStringFilter{Key: &key, Values: values}
			if option != "" {
				f.Option = &option
			}
			return f
		}
		for _, c := range []struct {
			filters []ssmtypes.ParameterStringFilter
			want    int
		}{
			{nil, 30},
			{[]ssmtypes.ParameterStringFilter{filter("Name", "", "/a/x", "plain", "/none")}, 2},
			{[]ssmtypes.ParameterStringFilter{filter("Name", "BeginsWith", "/a/")}, 4},
			{[]ssmtypes.ParameterStringFilter{filter("Name", "Contains", "b")}, 5},
			{[]ssmtypes.ParameterStringFilter{filter("Path", "Recursive", "/a")}, 4},
			{[]ssmtypes.ParameterStringFilter{filter("Path", "", "/a")}, 1},
			{[]ssmtypes.ParameterStringFilter{filter("tag:odd", "", "true")}, 11},
			{[]ssmtypes.ParameterStringFilter{filter("tag:odd", "")}, 23},
			{[]ssmtypes.ParameterStringFilter{filter("tag:odd", "", "true"), filter("Name", "Contains", "/1")}, 5},
			{[]ssmtypes.ParameterStringFilter{filter("Type", "", "SecureString")}, 0},
			{[]ssmtypes.ParameterStringFilter{filter("Tier", "", "Standard")}, 30},
		} {
			if got := described(c.filters...); len(got) != c.want {
				e.Errorf("%v describes %d, want %d: %q", c.filters, len(got), c.want, got)
			}
		}
	})
}

func TestParameter_tags(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.SSM
		e.putParameter("/p", "v")
		tag := func(key, value string) []ssmtypes.Tag { return []ssmtypes.Tag{{Key: &key, Value: &value}} }
		_, err := c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: "Document", ResourceId: aws.String("/p"), Tags: tag("k", "v")})
		e.refused(err, "InvalidResourceType", "")
		_, err = c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/none"), Tags: tag("k", "v")})
		e.refused(err, "InvalidResourceId", "")
		_, err = c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/none")})
		e.refused(err, "InvalidResourceId", "")
		_, err = c.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/none"), TagKeys: []string{"k"}})
		e.refused(err, "InvalidResourceId", "")
		var many []ssmtypes.Tag
		for i := range 51 {
			many = append(many, tag(fmt.Sprint("k", i), "v")...)
		}
		_, err = c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/p"), Tags: many})
		e.refused(err, "TooManyTagsError", "")

		_, err = c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/p"), Tags: append(tag("b", "1"), tag("a", "2")...)})
		e.ok(err)
		_, err = c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/p"), Tags: tag("b", "3")})
		e.ok(err)
		list := func() (text string) {
			out, err := c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/p")})
			e.ok(err)
			for _, t := range out.TagList {
				text += *t.Key + "=" + *t.Value + " "
			}
			return text
		}
		if got := list(); got != "a=2 b=3 " {
			e.Errorf("tags %q", got)
		}
		_, err = c.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/p"), TagKeys: []string{"a", "none"}})
		e.ok(err)
		if got := list(); got != "b=3 " {
			e.Errorf("tags %q", got)
		}
	})
}

// TestParameters_odd: what no SDK sends, and the operations of Systems Manager
// that are not here.
func TestParameters_odd(t *testing.T) {
	e := start(t)
	for _, c := range []struct{ operation, body, kind string }{
		{"GetParameter", `{}`, "ValidationException"},
		{"GetParameter", `{"Name":""}`, "ValidationException"},
		{"GetParameter", `{"Name":":"}`, "ParameterNotFound"},
		{"GetParameter", `{"Name":"/"}`, "ParameterNotFound"},
		{"GetParameter", `{"Name":"arn:aws:s3:::b/k"}`, "ParameterNotFound"},
		{"GetParameter", `{"Name":"arn:aws:ssm:` + e.server.Region + `:` + e.server.Account + `:document/x"}`, "ParameterNotFound"},
		{"GetParameter", `{"Name":"a\u0000"}`, "ValidationException"},
		{"GetParameter", `{"Name":["a"]}`, "SerializationException"},
		{"GetParameter", `{"Name":"a"`, "SerializationException"},
		{"GetParameters", `{"Names":[]}`, "ValidationException"},
		{"GetParameters", `{"Names":["1","2","3","4","5","6","7","8","9","10","11"]}`, "ValidationException"},
		{"DeleteParameters", `{}`, "ValidationException"},
		{"AddTagsToResource", `{"ResourceType":"Parameter","ResourceId":"/p","Tags":[{}]}`, "ValidationException"},
		{"DescribeParameters", `{"MaxResults":51}`, "ValidationException"},
		{"DescribeParameters", `{"Filters":[{"Key":"Name","Values":["a"]}],"ParameterFilters":[{"Key":"Name","Values":["a"]}]}`, "ValidationException"},
		{"SendCommand", `{"DocumentName":"AWS-RunShellScript"}`, "UnknownOperationException"},
		{"Nothing", `{}`, "UnknownOperationException"},
	} {
		if a := e.post(e.root, "ssm", "AmazonSSM."+c.operation, c.body); a.status != http.StatusBadRequest || a.kind() != c.kind {
			e.Errorf("%s %s: %d %s, want %s", c.operation, c.body, a.status, a.body, c.kind)
		}
	}
}
