package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// TestUnlabelParameterVersion: labels leave the version that has them, what it
// has not is named, and a version without labels may be given up again.
func TestUnlabelParameterVersion(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.SSM
		name := aws.String("/app/flag")
		e.putParameter(*name, "one")
		e.putParameter(*name, "two", overwriting)
		_, err := c.LabelParameterVersion(ctx, &ssm.LabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{"prod", "blue"}})
		e.ok(err)

		in := &ssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{"prod", "green", "prod", "green"}}
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:*Label*","Resource":"`+e.parameter("other")+`"}}`)
		_, err = ann.SSM.UnlabelParameterVersion(ctx, in)
		e.refused(err, "AccessDeniedException", "User: arn:aws:iam::"+e.server.Account+":user/ann is not authorized to perform: ssm:UnlabelParameterVersion on resource: "+e.parameter("app/flag")+
			" because no identity-based policy allows the ssm:UnlabelParameterVersion action")
		_, err = c.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: aws.String("/app/none"), ParameterVersion: aws.Int64(1), Labels: []string{"prod"}})
		e.refused(err, "ParameterNotFound", "")
		_, err = c.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(3), Labels: []string{"prod"}})
		e.refused(err, "ParameterVersionNotFound", "")
		_, err = c.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{}})
		e.refused(err, "ValidationException", "/labels/")

		out, err := c.UnlabelParameterVersion(ctx, in)
		e.ok(err)
		if !slices.Equal(out.RemovedLabels, []string{"prod"}) || !slices.Equal(out.InvalidLabels, []string{"green"}) {
			e.Errorf("%+v", out)
		}
		_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/flag:prod")})
		e.refused(err, "ParameterVersionNotFound", "")
		_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/flag:blue")})
		e.ok(err)
		// A label of another version is not this one's.
		out, err = c.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(2), Labels: []string{"blue"}})
		e.ok(err)
		if len(out.RemovedLabels) != 0 || !slices.Equal(out.InvalidLabels, []string{"blue"}) {
			e.Errorf("%+v", out)
		}
	})
}

// TestParameter_tiers: intelligent tiering takes the tier that a value needs,
// and stays there.
func TestParameter_tiers(t *testing.T) {
	each(t, func(e *env) {
		ctx, c := e.Context(), e.root.SSM
		tier := func(value string, change ...func(*ssm.PutParameterInput)) ssmtypes.ParameterTier {
			in := &ssm.PutParameterInput{Name: aws.String("/p"), Value: &value, Type: "SecureString", Overwrite: aws.Bool(true), Tier: "Intelligent-Tiering"}
			for _, f := range change {
				f(in)
			}
			out, err := c.PutParameter(ctx, in)
			e.ok(err)
			return out.Tier
		}
		if got := tier("small"); got != "Standard" {
			e.Error(got)
		}
		if got := tier(strings.Repeat("v", 4097)); got != "Advanced" {
			e.Error(got)
		}
		if got := tier("small"); got != "Advanced" { // a parameter is never downgraded
			e.Error(got)
		}
		if got := tier("small", func(in *ssm.PutParameterInput) { in.KeyId = aws.String("alias/aws/ssm") }); got != "Advanced" {
			e.Error(got)
		}
		list, err := c.DescribeParameters(ctx, &ssm.DescribeParametersInput{})
		e.ok(err)
		if len(list.Parameters) != 1 || list.Parameters[0].Tier != "Advanced" || aws.ToString(list.Parameters[0].KeyId) != "alias/aws/ssm" || list.Parameters[0].Version != 4 {
			e.Errorf("%+v", list.Parameters)
		}
		history, err := c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: aws.String("/p")})
		e.ok(err)
		if len(history.Parameters) != 4 || history.Parameters[0].Tier != "Standard" || *history.Parameters[1].Value == strings.Repeat("v", 4097) {
			e.Errorf("%d versions, the first %s, and the second in clear: %v", len(history.Parameters), history.Parameters[0].Tier, *history.Parameters[1].Value == strings.Repeat("v", 4097))
		}
	})
}
