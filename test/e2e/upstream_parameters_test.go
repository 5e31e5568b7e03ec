package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"gatehouse/gatehousetest"
	"gatehouse/internal/store/storetest"
)

// eachFar runs a test with a server whose parameters under /app/prod live as
// /team/live in another one.
func eachFar(t *testing.T, test func(x *forwarding)) {
	for _, kind := range storetest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			x := &forwarding{there: start(t, gatehousetest.ExpectFaults(), gatehousetest.Account("111111111111"))}
			_, key := x.there.person("gatehouse", `{"Version":"2012-10-17","Statement":[
				{"Effect":"Allow","Action":["ssm:GetParameter","ssm:PutParameter","ssm:DeleteParameter","ssm:GetParameterHistory","ssm:LabelParameterVersion","ssm:GetParametersByPath",
					"ssm:AddTagsToResource","ssm:RemoveTagsFromResource","ssm:ListTagsForResource"],"Resource":["`+x.there.parameter("team/live")+`","`+x.there.parameter("team/live/*")+`"]},
				{"Effect":"Allow","Action":"ssm:DescribeParameters","Resource":"*"},
				{"Effect":"Deny","Action":"ssm:*","Resource":"`+x.there.parameter("team/live/closed")+`"}]}`)
			x.wire = newWire(t, x.there.server.URL)
			x.file = upstreamsFile(t, fmt.Sprintf("- parameters: /app/prod\n  name: /team/live\n  endpoint: %[1]s\n  access-key-id: %[2]s\n  secret-access-key: %[3]s\n"+
				"- parameters: /gone\n  endpoint: http://127.0.0.1:1\n  access-key-id: %[2]s\n  secret-access-key: %[3]s\n", x.wire.URL, *key.AccessKeyId, *key.SecretAccessKey))
			x.env = start(t, append(on(t, kind), gatehousetest.Upstreams(x.file), gatehousetest.ExpectFaults())...)
			x.there.putParameter("/team/other/secret", "not ours")
			test(x)
		})
	}
}

// TestUpstreamParameters_refused: who may not hears so by the name here, and the
// upstream hears nothing.
func TestUpstreamParameters_refused(t *testing.T) {
	eachFar(t, func(x *forwarding) {
		x.putParameter("/app/prod/db", "secret")
		x.wire.seen()
		why := func(action, name string) string {
			return "User: arn:aws:iam::" + x.server.Account + ":user/nobody is not authorized to perform: ssm:" + action + " on resource: " + x.parameter(name) + " because no identity-based policy allows the ssm:" + action + " action"
		}
		nobody, _ := x.person("nobody", allow("ssm:*", x.parameter("team/*")))
		ctx, c, name := x.Context(), nobody.SSM, aws.String("/app/prod/db")
		_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: name})
		x.refused(err, "AccessDeniedException", why("GetParameter", "app/prod/db"))
		_, err = c.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/team/x", *name}})
		x.refused(err, "AccessDeniedException", why("GetParameters", "app/prod/db"))
		_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app/prod")})
		x.refused(err, "AccessDeniedException", why("GetParametersByPath", "app/prod"))
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: name, Value: aws.String("x"), Type: "String", Overwrite: aws.Bool(true)})
		x.refused(err, "AccessDeniedException", why("PutParameter", "app/prod/db"))
		_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: name})
		x.refused(err, "AccessDeniedException", why("DeleteParameter", "app/prod/db"))
		_, err = c.DescribeParameters(ctx, &ssm.DescribeParametersInput{})
		x.refused(err, "AccessDeniedException", "")
		// Tags of the parameter are known there alone: they decide against.
		tagged, _ := x.person("tagged", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/level":"high"}}}}`)
		_, err = tagged.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: name})
		x.refused(err, "AccessDeniedException", "")
		_, err = x.root.SSM.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/app/prod/a b"), Value: aws.String("x"), Type: "String"})
		x.refused(err, "ValidationException", "")
		_, err = x.root.SSM.PutParameter(ctx, &ssm.PutParameterInput{Name: name, Value: aws.String("x"), Type: "SecureString", KeyId: aws.String("alias/theirs")})
		x.refused(err, "InvalidKeyId", "")
		elsewhere := "arn:aws:ssm:" + x.server.Region + ":111111111111:parameter/app/prod/db"
		_, err = x.root.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: &elsewhere})
		x.refused(err, "ParameterNotFound", "")
		x.untouched("who may not")
	})
}

// TestUpstreamParameters: the operations on parameters there, by their names
// here.
func TestUpstreamParameters(t *testing.T) {
	eachFar(t, func(x *forwarding) {
		ctx, c := x.Context(), x.root.SSM
		x.putParameter("/app/local", "here")
		x.putParameter("/app/prod", "the path itself is here")
		put, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/app/prod/db/host"), Value: aws.String("<h&st>"), Type: "String", Description: aws.String("d"), Tags: []ssmtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
		x.ok(err)
		if put.Version != 1 {
			x.Errorf("version %d", put.Version)
		}
		x.putParameter("/app/prod/key", "hush", func(in *ssm.PutParameterInput) { in.Type = "SecureString" })
		_, err = c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/app/prod/key"), Value: aws.String("x"), Type: "String"})
		x.refused(err, "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
		if n := x.putParameter("/app/prod/db/host", "second", overwriting); n != 2 {
			x.Errorf("version %d", n)
		}
		if there, err := x.there.root.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/team/live/db/host")}); err != nil || *there.Parameter.Value != "second" {
			x.Errorf("the upstream has %+v, %v", there, err)
		}
		for _, name := range []string{"/app/prod/db/host", "app/prod/db/host", x.parameter("app/prod/db/host"), "/app/prod/db/host:1"} {
			got, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
			x.ok(err)
			p, want := got.Parameter, "second"
			if strings.HasSuffix(name, ":1") {
				want = "<h&st>"
			}
			if *p.Name != "/app/prod/db/host" || *p.Value != want || *p.ARN != x.parameter("app/prod/db/host") || p.Type != "String" || p.LastModifiedDate == nil || want != "second" && aws.ToString(p.Selector) != ":1" {
				x.Errorf("%s answered %+v", name, p)
			}
		}
		_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/prod/none")})
		x.refused(err, "ParameterNotFound", "Parameter /app/prod/none not found.")
		_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/prod/db/host:9")})
		x.refused(err, "ParameterVersionNotFound", "")
		many, err := c.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/app/prod/key", "/app/local", "/app/prod/none", "/app/prod", "/app/none"}, WithDecryption: aws.Bool(true)})
		x.ok(err)
		var values []string
		for _, p := range many.Parameters {
			values = append(values, *p.Name+"="+*p.Value)
		}
		if !slices.Equal(values, []string{"/app/local=here", "/app/prod=the path itself is here", "/app/prod/key=hush"}) || !slices.Equal(many.InvalidParameters, []string{"/app/none", "/app/prod/none"}) {
			x.Errorf("GetParameters answered %v, %v", values, many.InvalidParameters)
		}
		hidden, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/prod/key")})
		x.ok(err)
		if *hidden.Parameter.Value == "hush" {
			x.Error("a SecureString is shown without decryption")
		}

		// By path: in it, beneath it, and above it over both stores.
		byPath := func(path string, recursive bool, most int32) (names []string) {
			pages := ssm.NewGetParametersByPathPaginator(c, &ssm.GetParametersByPathInput{Path: &path, Recursive: &recursive, MaxResults: &most})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				x.ok(err)
				for _, p := range page.Parameters {
					names = append(names, *p.Name)
				}
			}
			return names
		}
		for _, w := range []struct {
			path      string
			recursive bool
			want      string
		}{
			{"/app/prod", false, "[/app/prod/key]"}, {"/app/prod", true, "[/app/prod/db/host /app/prod/key]"}, {"/app/prod/db/", false, "[/app/prod/db/host]"},
			{"/app", false, "[/app/local /app/prod]"}, {"/app", true, "[/app/local /app/prod /app/prod/db/host /app/prod/key]"},
		} {
			for _, most := range []int32{1, 10} {
				if got := fmt.Sprint(byPath(w.path, w.recursive, most)); got != w.want {
					x.Errorf("%s, %v, pages of %d: %s, want %s", w.path, w.recursive, most, got, w.want)
				}
			}
		}
		for _, token := range []string{"elsewhere:1:", "elsewhere:9:", "elsewhere:x", "elsewhere:-1:"} {
			_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app"), Recursive: aws.Bool(true), NextToken: &token})
			x.refused(err, "InvalidNextToken", "The specified token isn't valid.")
		}
		_, err = c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app"), NextToken: aws.String("elsewhere:0:")})
		x.refused(err, "InvalidNextToken", "") // not recursive: nothing there is asked for
		secure, err := c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app/prod"), Recursive: aws.Bool(true), ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Type"), Values: []string{"SecureString"}}}})
		x.ok(err)
		if len(secure.Parameters) != 1 || *secure.Parameters[0].Name != "/app/prod/key" {
			x.Errorf("by type: %+v", secure.Parameters)
		}

		labelled, err := c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: aws.String("/app/prod/db/host"), ParameterVersion: aws.Int64(1), Labels: []string{"first", "aws-no"}})
		x.ok(err)
		if labelled.ParameterVersion != 1 || !slices.Equal(labelled.InvalidLabels, []string{"aws-no"}) {
			x.Errorf("LabelParameterVersion answered %+v", labelled)
		}
		byLabel, err := c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app/prod"), Recursive: aws.Bool(true), ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Label"), Values: []string{"first"}}}})
		x.ok(err)
		if len(byLabel.Parameters) != 1 || *byLabel.Parameters[0].Value != "<h&st>" {
			x.Errorf("by label: %+v", byLabel.Parameters)
		}
		history, err := c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: aws.String("/app/prod/db/host")})
		x.ok(err)
		if len(history.Parameters) != 2 || *history.Parameters[0].Name != "/app/prod/db/host" || history.Parameters[0].LastModifiedUser != nil || !slices.Equal(history.Parameters[0].Labels, []string{"first"}) {
			x.Errorf("GetParameterHistory answered %+v", history.Parameters)
		}

		tags := func() string {
			out, err := c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/app/prod/db/host")})
			x.ok(err)
			var all []string
			for _, t := range out.TagList {
				all = append(all, *t.Key+"="+*t.Value)
			}
			return strings.Join(all, " ")
		}
		_, err = c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/app/prod/db/host"), Tags: []ssmtypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
		x.ok(err)
		if got := tags(); got != "a=b k=v" {
			x.Errorf("tags %s", got)
		}
		_, err = c.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/app/prod/db/host"), TagKeys: []string{"k"}})
		x.ok(err)
		if got := tags(); got != "a=b" {
			x.Errorf("tags %s", got)
		}
		_, err = c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/app/prod/none")})
		x.refused(err, "InvalidResourceId", "")

		// Of the operator's account only what is under the path is seen.
		describe := func(filters ...ssmtypes.ParameterStringFilter) (names []string) {
			in := &ssm.DescribeParametersInput{ParameterFilters: filters, MaxResults: aws.Int32(1)}
			for {
				page, err := c.DescribeParameters(ctx, in)
				if err != nil { // the second upstream is down
					x.refused(err, "ServiceUnavailable", "The store behind this parameter cannot be reached at the moment. Try again later.")
					return names
				}
				for _, p := range page.Parameters {
					names = append(names, *p.Name)
					if p.LastModifiedUser != nil && strings.Contains(*p.LastModifiedUser, "gatehouse") || strings.HasPrefix(aws.ToString(p.ARN), "arn:aws:ssm:us-east-1:111111111111") {
						x.Errorf("DescribeParameters shows %+v", p)
					}
				}
				if page.NextToken == nil {
					x.Error("the list ended before the upstream that is down")
					return names
				}
				in.NextToken = page.NextToken
			}
		}
		for _, w := range []struct {
			filter *ssmtypes.ParameterStringFilter
			want   string
		}{
			{nil, "[/app/local /app/prod /app/prod/db/host /app/prod/key]"},
			{&ssmtypes.ParameterStringFilter{Key: aws.String("Name"), Option: aws.String("Contains"), Values: []string{"prod/"}}, "[/app/prod/db/host /app/prod/key]"},
			{&ssmtypes.ParameterStringFilter{Key: aws.String("Name"), Option: aws.String("BeginsWith"), Values: []string{"/team"}}, "[]"},
			{&ssmtypes.ParameterStringFilter{Key: aws.String("Path"), Option: aws.String("OneLevel"), Values: []string{"/app/prod"}}, "[/app/prod/key]"},
			{&ssmtypes.ParameterStringFilter{Key: aws.String("tag:a"), Values: []string{"b"}}, "[/app/prod/db/host]"},
			{&ssmtypes.ParameterStringFilter{Key: aws.String("Type"), Values: []string{"SecureString"}}, "[/app/prod/key]"},
		} {
			var filters []ssmtypes.ParameterStringFilter
			if w.filter != nil {
				filters = append(filters, *w.filter)
			}
			if got := fmt.Sprint(describe(filters...)); got != w.want {
				x.Errorf("DescribeParameters with %+v: %s, want %s", w.filter, got, w.want)
			}
		}

		gone, err := c.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/app/prod/key", "/app/local", "/app/prod/none", "/app/prod/db/host:1"}})
		x.ok(err)
		if !slices.Equal(gone.DeletedParameters, []string{"/app/prod/key", "/app/local"}) || !slices.Equal(gone.InvalidParameters, []string{"/app/prod/none", "/app/prod/db/host:1"}) {
			x.Errorf("DeleteParameters answered %+v", gone)
		}
		_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("/app/prod/db/host")})
		x.ok(err)
		_, err = c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("/app/prod/db/host")})
		x.refused(err, "ParameterNotFound", "")
		if other, err := x.there.root.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/team/other/secret")}); err != nil || *other.Parameter.Value != "not ours" {
			x.Errorf("what is not under the path: %+v, %v", other, err)
		}
	})
}

// TestUpstreamParameters_broken: failures of the upstream are not the caller's,
// and what it says is not believed.
func TestUpstreamParameters_broken(t *testing.T) {
	eachFar(t, func(x *forwarding) {
		ctx, c := x.Context(), x.root.SSM
		const failed = "The store behind this parameter did not do what this server asked of it. The operator finds the cause in the log under this request id."
		_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/prod/closed")})
		x.refused(err, "InternalServerError", failed)
		_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/gone/x")})
		x.refused(err, "ServiceUnavailable", "")
		get := func() error {
			_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/prod/key")})
			return err
		}
		list := func() error {
			_, err := c.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/app/prod/db")})
			return err
		}
		for _, b := range []struct {
			name   string
			call   func() error
			status int
			answer string
			code   string
		}{
			{"another parameter", get, 200, `{"Parameter":{"Name":"/team/live/other","Value":"x","Type":"String"}}`, "InternalServerError"},
			{"a parameter outside the path", list, 200, `{"Parameters":[{"Name":"/team/live/key","Value":"x","Type":"String"}]}`, "InternalServerError"},
			{"a parameter of somebody else", list, 200, `{"Parameters":[{"Name":"/team/other/secret","Value":"x","Type":"String"}]}`, "InternalServerError"},
			{"no parameter", get, 200, `{}`, "InternalServerError"},
			{"no JSON", get, 200, `<html>`, "InternalServerError"},
			{"a denial", get, 400, `{"__type":"com.amazon#AccessDeniedException","Message":"User gatehouse"}`, "InternalServerError"},
			{"an expired key", get, 400, `{"__type":"ExpiredTokenException"}`, "InternalServerError"},
			{"too much", get, 400, `{"__type":"ThrottlingException"}`, "ThrottlingException"},
			{"not found, by a long name", get, 400, `{"__type":"com.amazonaws.ssm#ParameterNotFound"}`, "ParameterNotFound"},
			{"a failure", get, 500, ``, "InternalServerError"},
			{"a redirect", get, 302, ``, "InternalServerError"},
		} {
			x.wire.put(func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Location", x.there.server.URL)
				w.WriteHeader(b.status)
				_, _ = io.WriteString(w, b.answer)
				return true
			})
			if !x.refused(b.call(), b.code, "") {
				x.Errorf("that was %s", b.name)
			}
		}
		x.wire.put(nil)
		x.wire.seen()
		guest, _ := x.person("guest", allow("ssm:GetParameter", x.parameter("app/prod/*")))
		_, err = guest.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/prod/key")})
		x.refused(err, "ParameterNotFound", "")
		for _, r := range x.wire.seen() {
			for name := range r.Header {
				if !slices.Contains([]string{"Authorization", "Content-Type", "Content-Length", "User-Agent", "X-Amz-Date", "X-Amz-Target", "X-Forwarded-For"}, name) {
					x.Errorf("%s reached the upstream", name)
				}
			}
		}
	})
}
