package identitypool

// ScopeDown are the session policies that limit guests in the enhanced flow,
// whatever their role allows (identity-pools.md, section 9).
type ScopeDown struct {
	Policy string // inline, JSON
	ARN    string // of a managed session policy
}

// guestScope is AWS's: all actions of the services that guests may use at all.
var guestScope = ScopeDown{
	ARN: "arn:aws:iam::aws:policy/AmazonCognitoUnAuthedIdentitiesSessionPolicy",
	Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[` +
		`"cloudwatch:*","logs:*","dynamodb:*","kinesis:*","mobileanalytics:*","s3:*","ses:*","sns:*","sqs:*","lambda:*",` +
		`"machinelearning:*","execute-api:*","iot:*","gamelift:*","cognito-identity:*","cognito-idp:*","cognito-sync:*","lex:*","polly:*",` +
		`"comprehend:*","translate:*","transcribe:*","rekognition:*","mobiletargeting:*","firehose:*","appsync:*","personalize:*",` +
		`"codewhisperer:*","sdb:*","sagemaker:InvokeEndpoint","textract:DetectDocumentText","textract:AnalyzeDocument"]}]}`,
}
