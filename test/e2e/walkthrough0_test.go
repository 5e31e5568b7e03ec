package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// TestWalkthrough0 is W0 after the page has its tokens: an identity pool's
// authenticated role writes to a stream, and every call that must be denied is.
func TestWalkthrough0(t *testing.T) {
	each(t, func(e *env) {
		n := e.tenant(nil, nil)
		n.user("ann")
		f := n.federation("Clicks", func(in *cognitoidentity.CreateIdentityPoolInput) { in.AllowUnauthenticatedIdentities = false })
		e.newStream("clicks", 1)
		e.newStream("others", 1)
		_, err := e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.role, PolicyName: aws.String("write"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:PutRecord","Resource":"` + e.streamARN("clicks") + `"}}`)})
		e.ok(err)

		tokens := n.tokens("ann")
		_, err = f.getID(f.logins(*tokens.AccessToken))
		e.refused(err, "NotAuthorizedException", "Invalid login token. Missing a required claim: aud")
		_, err = f.getID(nil)
		e.refused(err, "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
		id, err := f.getID(f.logins(*tokens.IdToken))
		e.ok(err)
		_, err = f.credentials(id, nil)
		e.refused(err, "NotAuthorizedException", "")
		creds, err := f.credentials(id, f.logins(*tokens.IdToken))
		e.ok(err)
		key, secret, token := *creds.AccessKeyId, *creds.SecretKey, *creds.SessionToken

		in := &kinesis.PutRecordInput{StreamName: aws.String("clicks"), PartitionKey: &id, Data: []byte(`{"page":"/"}`)}
		put := func(key, secret, token string) error {
			_, err := e.as(key, secret, token).Kinesis.PutRecord(e.Context(), in)
			return err
		}
		const invalid = "The security token included in the request is invalid."
		e.refused(put(key, alter(secret), token), "InvalidSignatureException", "/^The request signature we calculated does not match the signature you provided/")
		e.refused(put(key, secret, alter(token)), "UnrecognizedClientException", invalid)
		e.refused(put(key, secret, ""), "UnrecognizedClientException", invalid)
		_, err = e.anyone.Kinesis.PutRecord(e.Context(), in)
		e.refused(err, "MissingAuthenticationTokenException", "Request is missing Authentication Token")

		user := e.as(key, secret, token)
		who := "User: arn:aws:sts::" + e.server.Account + ":assumed-role/" + f.role + "/CognitoIdentityCredentials is not authorized to perform: "
		denied := func(err error, action, resource string) {
			e.Helper()
			e.refused(err, "AccessDeniedException", who+"kinesis:"+action+" on resource: "+resource+" because no identity-based policy allows the kinesis:"+action+" action")
		}
		_, err = user.Kinesis.CreateStream(e.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("mine"), ShardCount: aws.Int32(1)})
		denied(err, "CreateStream", e.streamARN("mine"))
		_, err = user.Kinesis.DeleteStream(e.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("clicks")})
		denied(err, "DeleteStream", e.streamARN("clicks"))
		_, err = user.Kinesis.PutRecord(e.Context(), &kinesis.PutRecordInput{StreamName: aws.String("others"), PartitionKey: &id, Data: []byte("x")})
		denied(err, "PutRecord", e.streamARN("others"))
		_, err = user.S3.ListBuckets(e.Context(), nil)
		e.refused(err, "AccessDenied", "/s3:ListAllMyBuckets/")

		out, err := user.Kinesis.PutRecord(e.Context(), in)
		e.ok(err)
		if *out.ShardId != firstShard || strings.Trim(*out.SequenceNumber, "0123456789") != "" || *out.SequenceNumber == "" {
			e.Errorf("written to %s as %s", *out.ShardId, *out.SequenceNumber)
		}
		got := e.readRecords(e.shardIterator("clicks", firstShard))
		if len(got) != 1 || string(got[0].Data) != string(in.Data) || *got[0].SequenceNumber != *out.SequenceNumber || *got[0].PartitionKey != id {
			e.Errorf("an administrator reads %+v", got)
		}

		// A page of any origin may ask, and may read what it is told.
		if a := e.request(http.MethodOptions, e.server.URL+"/", "Origin", "http://localhost:8000", "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,content-type,x-amz-date,x-amz-security-token,x-amz-target,x-amz-user-agent"); a.status != http.StatusOK ||
			a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "x-amz-security-token") {
			e.Errorf("preflight: %d %v", a.status, a.header)
		}
		for stream, want := range map[string]int{"clicks": http.StatusOK, "others": http.StatusBadRequest} {
			a := e.post(user, "kinesis", "Kinesis_20131202.PutRecord", `{"StreamName":"`+stream+`","PartitionKey":"k","Data":"eA=="}`)
			if a.status != want || a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(strings.ToLower(a.header.Get("Access-Control-Expose-Headers")), "x-amzn-errortype") {
				e.Errorf("PutRecord on %s: %d %v %s", stream, a.status, a.header, a.body)
			}
		}

		// A managed policy in place of the scoped one.
		_, err = e.root.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: &f.role, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonKinesisFullAccess")})
		e.ok(err)
		_, err = user.Kinesis.PutRecord(e.Context(), &kinesis.PutRecordInput{StreamName: aws.String("others"), PartitionKey: &id, Data: []byte("x")})
		e.ok(err)

		e.server.Advance(time.Hour + time.Second)
		e.refused(put(key, secret, token), "ExpiredTokenException", "The security token included in the request is expired")
	})
}

// TestStream_guest: a guest's role writes to a stream: Kinesis is one of the
// services that guests may use.
func TestStream_guest(t *testing.T) {
	each(t, func(e *env) {
		f := e.tenant(nil, nil).federation("Guests", func(in *cognitoidentity.CreateIdentityPoolInput) { in.AllowUnauthenticatedIdentities = true })
		e.newStream("clicks", 1)
		id, err := f.getID(nil)
		e.ok(err)
		creds, err := f.credentials(id, nil)
		e.ok(err)
		guest := e.as(*creds.AccessKeyId, *creds.SecretKey, *creds.SessionToken)
		in := &kinesis.PutRecordInput{StreamName: aws.String("clicks"), PartitionKey: aws.String("k"), Data: []byte("x")}
		_, err = guest.Kinesis.PutRecord(e.Context(), in)
		e.refused(err, "AccessDeniedException", "")
		_, err = e.root.IAM.PutRolePolicy(e.Context(), &iam.PutRolePolicyInput{RoleName: &f.guest, PolicyName: aws.String("write"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:PutRecord","Resource":"` + e.streamARN("clicks") + `"}}`)})
		e.ok(err)
		_, err = guest.Kinesis.PutRecord(e.Context(), in)
		e.ok(err)
	})
}
