package iam

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/store"
)

// AWS's managed policies that are here. The documents are written from what
// AWS says that each policy allows. Attaching one that is not in this list
// fails, so that no policy is ever silently empty.

const awsPolicyPrefix = "arn:aws:iam::aws:policy/"

type awsPolicy struct {
	policy   store.IAMPolicy
	document string
}

// grants maps a policy's path and name to its statements.
var grants = map[string][]string{
	"AdministratorAccess": {allow("*", "*")},
	"PowerUserAccess": {`{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}`,
		allow("*", "iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles", "organizations:DescribeOrganization", "account:ListRegions")},
	"IAMFullAccess": {allow("*", "iam:*", "organizations:DescribeAccount", "organizations:DescribeOrganization",
		"organizations:DescribeOrganizationalUnit", "organizations:DescribePolicy", "organizations:ListChildren", "organizations:ListParents",
		"organizations:ListPoliciesForTarget", "organizations:ListRoots", "organizations:ListPolicies", "organizations:ListTargetsForPolicy")},

	"AmazonS3FullAccess":     {allow("*", "s3:*", "s3-object-lambda:*")},
	"AmazonS3ReadOnlyAccess": {allow("*", "s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*")},

	"AmazonKinesisFullAccess":     {allow("*", "kinesis:*")},
	"AmazonKinesisReadOnlyAccess": {allow("*", "kinesis:Get*", "kinesis:List*", "kinesis:Describe*")},

	"AmazonSSMReadOnlyAccess": {allow("*", "ssm:Describe*", "ssm:Get*", "ssm:List*")},
	"AmazonSSMFullAccess": {allow("*", "cloudwatch:PutMetricData", "ds:CreateComputer", "ds:DescribeDirectories", "ec2:DescribeInstanceStatus",
		"logs:*", "ssm:*", "ec2messages:*")},

	"AmazonCognitoPowerUser": {allow("*", "cognito-identity:*", "cognito-idp:*", "cognito-sync:*", "iam:ListRoles", "iam:ListOpenIdConnectProviders",
		"iam:GetRole", "iam:ListSAMLProviders", "iam:GetSAMLProvider", "kinesis:ListStreams", "lambda:GetPolicy", "lambda:ListFunctions",
		"sns:GetSMSSandboxAccountStatus", "sns:ListPlatformApplications", "ses:ListIdentities", "ses:GetIdentityVerificationAttributes",
		"mobiletargeting:GetApps", "acm:ListCertificates")},
	"AmazonCognitoReadOnly": {allow("*", "cognito-identity:Describe*", "cognito-identity:Get*", "cognito-identity:List*", "cognito-idp:Describe*",
		"cognito-idp:AdminGet*", "cognito-idp:AdminList*", "cognito-idp:List*", "cognito-idp:Get*", "cognito-sync:Describe*", "cognito-sync:Get*",
		"cognito-sync:List*", "iam:ListOpenIdConnectProviders", "iam:ListRoles", "sns:ListPlatformApplications")},
	"AmazonCognitoDeveloperAuthenticatedIdentities": {allow("*", "cognito-identity:GetOpenIdTokenForDeveloperIdentity",
		"cognito-identity:LookupDeveloperIdentity", "cognito-identity:MergeDeveloperIdentities", "cognito-identity:UnlinkDeveloperIdentity")},
	"AmazonCognitoUnAuthedIdentitiesSessionPolicy": {allow("*", "rum:PutRumEvents", "sagemaker:InvokeEndpoint", "polly:*", "comprehend:*",
		"translate:*", "transcribe:*", "rekognition:*", "mobiletargeting:*", "firehose:*", "personalize:*", "appsync:GraphQL", "geo:*", "lex:*",
		"sumerian:View*", "execute-api:Invoke")},

	"AmazonAPIGatewayInvokeFullAccess": {allow("arn:aws:execute-api:*:*:*", "execute-api:Invoke", "execute-api:ManageConnections")},
	"AmazonAPIGatewayAdministrator":    {allow("arn:aws:apigateway:*::/*", "apigateway:*")},

	"AWSLambda_FullAccess": {allow("*", "cloudformation:DescribeStacks", "cloudformation:ListStackResources", "cloudwatch:ListMetrics",
		"cloudwatch:GetMetricData", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "kms:ListAliases", "iam:GetPolicy",
		"iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:ListRoles",
		"lambda:*", "logs:DescribeLogGroups", "states:DescribeStateMachine", "states:ListStateMachines", "tag:GetResources", "xray:GetTraceSummaries",
		"xray:BatchGetTraces"),
		`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}`,
		allow("arn:aws:logs:*:*:log-group:/aws/lambda/*", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents")},
	"service-role/AWSLambdaBasicExecutionRole": {allow("*", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")},
	"service-role/AWSLambdaRole":               {allow("*", "lambda:InvokeFunction")},
}

// allow is a statement that allows actions on a resource.
func allow(resource string, actions ...string) string {
	return `{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"` + resource + `"}`
}

// awsPolicies are all of them by name key.
var awsPolicies = sync.OnceValue(func() []*awsPolicy {
	published := time.Date(2015, 2, 6, 18, 40, 0, 0, time.UTC)
	var list []*awsPolicy
	for key, statements := range grants {
		path, name := "/", key
		if i := strings.LastIndexByte(key, '/'); i >= 0 {
			path, name = "/"+key[:i+1], key[i+1:]
		}
		sum := sha256.Sum256([]byte(key))
		list = append(list, &awsPolicy{
			policy: store.IAMPolicy{ARN: awsPolicyPrefix + key, ID: "ANPA" + base32.StdEncoding.EncodeToString(sum[:])[:17], Name: name, Path: path,
				DefaultVersion: 1, LastVersion: 1, CreatedAt: published, UpdatedAt: published},
			document: `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`,
		})
	}
	slices.SortFunc(list, func(a, b *awsPolicy) int {
		return strings.Compare(store.IAMNameKey(a.policy.Name), store.IAMNameKey(b.policy.Name))
	})
	return list
})

// awsPolicyByARN is the policy of AWS's with that ARN, or nil.
func awsPolicyByARN(arn string) *awsPolicy {
	if !strings.HasPrefix(arn, awsPolicyPrefix) {
		return nil
	}
	for _, p := range awsPolicies() {
		if p.policy.ARN == arn {
			return p
		}
	}
	return nil
}
