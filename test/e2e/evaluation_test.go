package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/test/awsclient"
)

// statement is a policy of one statement.
func statement(rest string) string {
	return `{"Version":"2012-10-17","Statement":{` + rest + `}}`
}

// TestEvaluation: what is easily got wrong in the evaluation of policies, seen
// from outside: each case is a user's policy, and which objects it opens.
func TestEvaluation(t *testing.T) {
	each(t, func(e *env) {
		ctx := e.Context()
		_, err := e.root.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("desk")})
		e.ok(err)
		for _, key := range []string{"a", "b", "red/x", "/x"} {
			e.put("desk", key, "text/plain", key)
		}
		c, _ := e.person("ann", "")
		name := aws.String("ann")
		set := func(policy string) {
			e.Helper()
			_, err := e.root.IAM.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: &policy})
			e.ok(err)
		}
		opens := func(what string, want map[string]bool) {
			e.Helper()
			for key, ok := range want {
				if _, err := e.readObject(c, "desk", key); (err == nil) != ok {
					e.Errorf("%s: %q opens: %v (%v)", what, key, err == nil, err)
				}
			}
		}

		set(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"},{"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::desk/a","arn:aws:s3:::desk/red/*"]}]}`)
		opens("Deny with NotResource", map[string]bool{"a": true, "b": false, "red/x": true})

		set(statement(`"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["never"]}}`))
		opens("ForAllValues of a key that is absent", map[string]bool{"a": true})
		set(statement(`"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["never"]},"Null":{"aws:TagKeys":"false"}}`))
		opens("ForAllValues with Null", map[string]bool{"a": false})
		set(statement(`"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":["never"]}}`))
		opens("ForAnyValue of a key that is absent", map[string]bool{"a": false})

		// A variable without a value matches nothing; an empty value is a value,
		// and what stands in it is no pattern.
		set(statement(`"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::desk/${aws:PrincipalTag/team}/*"`))
		opens("a variable without a value", map[string]bool{"red/x": false, "/x": false, "a": false})
		for value, want := range map[string]map[string]bool{"": {"/x": true, "red/x": false, "a": false}, "red": {"red/x": true, "/x": false}, "*": {"red/x": false, "/x": false}} {
			if value == "*" { // a tag cannot be that; a session's name neither
				_, err := e.root.IAM.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: iamTags("team", value)})
				e.refused(err, "ValidationError", "")
				continue
			}
			_, err := e.root.IAM.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: iamTags("team", value)})
			e.ok(err)
			opens("a variable with the value "+value, want)
		}

		// A boundary alone grants nothing; with an allow, it takes.
		_, err = e.root.IAM.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
		e.ok(err)
		set(statement(`"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"`))
		_, err = e.readObject(c, "desk", "a")
		e.refused(err, "AccessDenied", "/because no identity-based policy allows the s3:GetObject action$/")
		set(statement(`"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`))
		opens("an allow within the boundary", map[string]bool{"a": true})
		_, err = e.root.IAM.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess")})
		e.ok(err)
		_, err = e.readObject(c, "desk", "a")
		e.refused(err, "AccessDenied", "/because no permissions boundary allows the s3:GetObject action$/")
	})
}

// TestEvaluation_session: a session is its role to aws:PrincipalArn, and itself
// to a Principal element; a bucket policy that names the session asks nobody
// else.
func TestEvaluation_session(t *testing.T) {
	each(t, func(e *env) {
		ctx := e.Context()
		_, err := e.root.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("desk")})
		e.ok(err)
		e.put("desk", "a", "text/plain", "a")
		role := "arn:aws:iam::" + e.server.Account + ":role/clerk"
		session := "arn:aws:sts::" + e.server.Account + ":assumed-role/clerk/session"
		c := e.session("clerk", statement(`"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"`))
		policy := func(rest string) {
			e.Helper()
			text := `{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::desk/*",` + rest + `}}`
			_, err := e.root.S3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("desk"), Policy: &text})
			e.ok(err)
		}
		open := func(what string, want bool) {
			e.Helper()
			if _, err := e.readObject(c, "desk", "a"); (err == nil) != want {
				e.Errorf("%s: %v", what, err)
			}
		}
		account := `"Principal":{"AWS":"` + e.server.Account + `"}`
		open("no policy", false)
		policy(account)
		open("the account is named, which only delegates", false)
		policy(`"Principal":{"AWS":"*"},"Condition":{"ArnEquals":{"aws:PrincipalArn":"` + role + `"}}`)
		open("aws:PrincipalArn is the role's ARN", true)
		policy(`"Principal":{"AWS":"*"},"Condition":{"ArnEquals":{"aws:PrincipalArn":"` + session + `"}}`)
		open("aws:PrincipalArn is not the session's ARN", false)

		_, err = e.root.IAM.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("clerk"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess")})
		e.ok(err)
		policy(`"Principal":{"AWS":"` + role + `"}`)
		open("the role is named, and its boundary does not allow it", false)
		policy(`"Principal":{"AWS":"` + session + `"}`)
		open("the session is named, which no boundary limits", true)
		policy(`"Principal":{"AWS":"` + strings.Replace(session, "clerk/session", "clerk/other", 1) + `"}`)
		open("another session is named", false)
	})
}

// TestSignatures_altered: what was signed, by whom and when, is what counts.
func TestSignatures_altered(t *testing.T) {
	each(t, func(e *env) {
		ctx := e.Context()
		_, err := e.root.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("desk")})
		e.ok(err)
		e.put("desk", "a", "text/plain", "a")
		policy := statement(`"Effect":"Allow","Action":["ssm:*","s3:*"],"Resource":"*"`)
		maker, _ := e.person("maker", "")
		arn := e.makeRole("clerk", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::`+e.server.Account+`:user/maker"}}}`)
		_, err = e.root.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("clerk"), PolicyName: aws.String("p"), PolicyDocument: &policy})
		e.ok(err)
		var sessions []*sts.AssumeRoleOutput
		for range 2 {
			out, err := maker.STS.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("session")})
			e.ok(err)
			sessions = append(sessions, out)
		}
		one, two := sessions[0].Credentials, sessions[1].Credentials

		// The token of one session with the key of another.
		swapped := e.as(*one.AccessKeyId, *one.SecretAccessKey, *two.SessionToken)
		a := e.post(swapped, "ssm", "AmazonSSM.DescribeParameters", `{}`)
		if a.status != http.StatusBadRequest || a.kind() != "UnrecognizedClientException" || a.message() != "The security token included in the request is invalid." {
			e.Errorf("swapped tokens: %d %s", a.status, a.body)
		}
		_, err = e.readObject(swapped, "desk", "a")
		e.refused(err, "InvalidToken", "")
		good := e.as(*one.AccessKeyId, *one.SecretAccessKey, *one.SessionToken)

		// send signs a body and sends another, with a header added after signing.
		send := func(signed, sent, header string) *answer {
			e.Helper()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.server.URL+"/", strings.NewReader(sent))
			e.ok(err)
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", "AmazonSSM.DescribeParameters")
			sum := sha256.Sum256([]byte(signed))
			e.ok(good.Sign(r, hex.EncodeToString(sum[:]), "ssm"))
			if header != "" {
				r.Header.Set(header, "x")
			}
			return e.do(r)
		}
		if a := send(`{}`, `{}`, ""); a.status != http.StatusOK {
			e.Fatalf("%d %s", a.status, a.body)
		}
		if a := send(`{}`, `{ }`, ""); a.kind() != "InvalidSignatureException" {
			e.Errorf("a body that was not signed: %d %s", a.status, a.body)
		}
		for _, header := range []string{"X-Request-Source", "X-Amz-Meta-Later"} {
			if a := send(`{}`, `{}`, header); a.status != http.StatusOK {
				e.Errorf("%s was added after signing: %d %s", header, a.status, a.body)
			}
		}
		// S3 wants every x-amz-* header signed.
		get := func(header string) *answer {
			e.Helper()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.server.URL+"/desk/a", nil)
			e.ok(err)
			empty := sha256.Sum256(nil)
			r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(empty[:]))
			e.ok(good.Sign(r, hex.EncodeToString(empty[:]), "s3"))
			if header != "" {
				r.Header.Set(header, "x")
			}
			return e.do(r)
		}
		if a := get("X-Request-Source"); a.status != http.StatusOK {
			e.Errorf("%d %s", a.status, a.body)
		}
		if a := get("X-Amz-Meta-Later"); a.status != http.StatusForbidden || !bytes.Contains(a.body, []byte("There were headers present in the request which were not signed")) {
			e.Errorf("%d %s", a.status, a.body)
		}

		// The clock: five minutes for most services, fifteen for S3.
		for skew, want := range map[time.Duration][2]bool{-6 * time.Minute: {false, true}, -16 * time.Minute: {false, false}, -4 * time.Minute: {true, true}, 16 * time.Minute: {false, false}} {
			late := e.target()
			late.Now = func() time.Time { return e.server.Now().Add(skew) }
			c := awsclient.New(late, *one.AccessKeyId, *one.SecretAccessKey, *one.SessionToken)
			if a := e.post(c, "ssm", "AmazonSSM.DescribeParameters", `{}`); (a.status == http.StatusOK) != want[0] || !want[0] && a.kind() != "InvalidSignatureException" {
				e.Errorf("%s, ssm: %d %s", skew, a.status, a.body)
			}
			if _, err := e.readObject(c, "desk", "a"); want[1] {
				e.ok(err)
			} else {
				e.refused(err, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
			}
		}
	})
}
