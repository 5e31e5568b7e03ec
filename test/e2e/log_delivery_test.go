package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func TestLogDelivery(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		plus := e.tenant(func(in *idp.CreateUserPoolInput) { in.UserPoolTier = "PLUS" }, nil)
		set := func(n *tenant, list ...types.LogConfigurationType) error {
			if list == nil {
				list = []types.LogConfigurationType{}
			}
			_, err := e.root.IDP.SetLogDeliveryConfiguration(e.Context(), &idp.SetLogDeliveryConfigurationInput{UserPoolId: &n.pool, LogConfigurations: list})
			return err
		}
		get := func(n *tenant) []types.LogConfigurationType {
			e.Helper()
			out, err := e.root.IDP.GetLogDeliveryConfiguration(e.Context(), &idp.GetLogDeliveryConfigurationInput{UserPoolId: &n.pool})
			e.ok(err)
			if *out.LogDeliveryConfiguration.UserPoolId != n.pool {
				e.Errorf("the configuration is %s's", *out.LogDeliveryConfiguration.UserPoolId)
			}
			return out.LogDeliveryConfiguration.LogConfigurations
		}
		group := &types.CloudWatchLogsConfigurationType{LogGroupArn: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:/aws/pool")}
		bucket := &types.S3ConfigurationType{BucketArn: aws.String("arn:aws:s3:::logs")}
		stream := &types.FirehoseConfigurationType{StreamArn: aws.String("arn:aws:firehose:us-east-1:000000000000:deliverystream/x")}
		notices := types.LogConfigurationType{EventSource: "userNotification", LogLevel: "ERROR", CloudWatchLogsConfiguration: group}
		activity := types.LogConfigurationType{EventSource: "userAuthEvents", LogLevel: "INFO", S3Configuration: bucket}

		if list := get(n); len(list) != 0 {
			e.Errorf("a new pool has %s", asJSON(list))
		}
		e.ok(set(n, notices))
		if list := get(n); asJSON(list) != asJSON([]types.LogConfigurationType{notices}) {
			e.Errorf("the pool has %s", asJSON(list))
		}
		e.ok(set(plus, notices, activity))
		if list := get(plus); asJSON(list) != asJSON([]types.LogConfigurationType{notices, activity}) {
			e.Errorf("the pool has %s", asJSON(list))
		}
		invalid := "InvalidParameterException"
		e.allRefused(
			aRefusal{"user activity below PLUS", set(n, activity), "FeatureUnavailableInTierException", "User activity logs are available in the PLUS tier only."},
			aRefusal{"a source twice", set(n, notices, notices), invalid, "EventSource userNotification is given more than once."},
			aRefusal{"three", set(plus, notices, activity, notices), invalid, "/at 'logConfigurations' failed/"},
			aRefusal{"notices at INFO", set(n, types.LogConfigurationType{EventSource: "userNotification", LogLevel: "INFO", CloudWatchLogsConfiguration: group}), invalid, "EventSource userNotification needs LogLevel ERROR and CloudWatchLogsConfiguration."},
			aRefusal{"notices to a bucket", set(plus, types.LogConfigurationType{EventSource: "userNotification", LogLevel: "ERROR", S3Configuration: bucket}), invalid, "EventSource userNotification needs LogLevel ERROR and CloudWatchLogsConfiguration."},
			aRefusal{"activity at ERROR", set(plus, types.LogConfigurationType{EventSource: "userAuthEvents", LogLevel: "ERROR", S3Configuration: bucket}), invalid, "EventSource userAuthEvents needs LogLevel INFO."},
			aRefusal{"no destination", set(plus, types.LogConfigurationType{EventSource: "userAuthEvents", LogLevel: "INFO"}), invalid, "Each log configuration needs exactly one destination."},
			aRefusal{"two destinations", set(plus, types.LogConfigurationType{EventSource: "userAuthEvents", LogLevel: "INFO", S3Configuration: bucket, FirehoseConfiguration: stream}), invalid, "Each log configuration needs exactly one destination."},
			aRefusal{"a stream as group", set(n, types.LogConfigurationType{EventSource: "userNotification", LogLevel: "ERROR", CloudWatchLogsConfiguration: &types.CloudWatchLogsConfigurationType{LogGroupArn: stream.StreamArn}}), invalid, "CloudWatchLogsConfiguration needs the LogGroupArn of a log group."},
			aRefusal{"an empty group", set(n, types.LogConfigurationType{EventSource: "userNotification", LogLevel: "ERROR", CloudWatchLogsConfiguration: &types.CloudWatchLogsConfigurationType{}}), invalid, "CloudWatchLogsConfiguration needs the LogGroupArn of a log group."},
			aRefusal{"no pool", set(&tenant{env: e, pool: "us-east-1_000000000"}), "ResourceNotFoundException", "User pool us-east-1_000000000 does not exist."},
		)
		if list := get(n); len(list) != 1 {
			e.Errorf("refusals left %s", asJSON(list))
		}
		// A tier is kept while its logs are exported.
		lower := func() error {
			_, err := e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &plus.pool, UserPoolTier: "ESSENTIALS"})
			return err
		}
		e.refused(lower(), "TierChangeNotAllowedException", "The user pool exports user activity logs, which only the PLUS tier has.")
		e.ok(set(plus))
		if list := get(plus); len(list) != 0 {
			e.Errorf("an empty list leaves %s", asJSON(list))
		}
		e.ok(lower())
	})
}
