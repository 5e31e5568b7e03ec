package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/test/awsclient"
)

// explain asks the server why.
func (e *env) explain(who *awsclient.Clients, q url.Values) *answer {
	e.Helper()
	r, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.server.URL+"/_gatehouse/explain?"+strings.ReplaceAll(q.Encode(), "+", "%20"), nil)
	e.ok(err)
	e.ok(who.Sign(r, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "gatehouse"))
	return e.do(r)
}

// asks wants an answer to a question that has every one of the texts and, for
// those that begin with "!", has them not.
func (e *env) asks(principal, action, resource, condition string, texts ...string) {
	e.Helper()
	q := url.Values{"principal": {principal}, "action": {action}, "resource": {resource}}
	if condition != "" {
		q["context"] = strings.Split(condition, ";")
	}
	a := e.explain(e.root, q)
	body := strings.NewReplacer(`\n`, "\n", `\"`, `"`).Replace(string(a.body))
	for _, want := range texts {
		not, absent := strings.CutPrefix(want, "!")
		if a.status != http.StatusOK || strings.Contains(body, not) == absent {
			e.Errorf("%s %s on %s with %q: %d, want %q in\n%s", principal, action, resource, condition, a.status, want, body)
		}
	}
}

// TestExplain_bucket: a question about an object hears what the bucket says: its
// policy, its ACL, Block Public Access, as the request itself would.
func TestExplain_bucket(t *testing.T) {
	each(t, func(e *env) {
		ctx := e.Context()
		_, err := e.root.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("papers"), ObjectOwnership: s3types.ObjectOwnershipObjectWriter})
		e.ok(err)
		_, err = e.root.S3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: aws.String("papers"), PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{}})
		e.ok(err)
		e.put("papers", "open", "text/plain", "for all")
		e.put("papers", "closed", "text/plain", "for some")
		_, err = e.root.S3.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: aws.String("papers"), Key: aws.String("open"), ACL: s3types.ObjectCannedACLPublicRead})
		e.ok(err)
		ann, _ := e.person("ann", "")
		user := "arn:aws:iam::" + e.server.Account + ":user/ann"
		open, closed := "arn:aws:s3:::papers/open", "arn:aws:s3:::papers/closed"

		e.asks(user, "s3:GetObject", closed, "", "denied: s3:GetObject on "+closed+": no statement of any identity-based policy allows it", "none: no policy speaks about the request")
		e.asks("anonymous", "s3:GetObject", closed, "", "denied: ", "caller: anonymous")
		e.asks("anonymous", "s3:GetObject", open, "", "allowed: s3:GetObject on "+open+" by ACL of object open")
		e.asks(user, "s3:GetObject", "arn:aws:s3:::papers/absent", "", "there is no object absent in the bucket")
		e.asks(user, "s3:GetObject", "arn:aws:s3:::nowhere/x", "", "there is no bucket nowhere")
		e.asks(user, "s3:FlyAway", closed, "", "no operation here asks for s3:FlyAway")

		policy := `{"Statement":[{"Sid":"Office","Effect":"Allow","Principal":{"AWS":"` + user + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::papers/*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},
			{"Sid":"Never","Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::papers/*"}]}`
		_, err = e.root.S3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("papers"), Policy: &policy})
		e.ok(err)
		e.asks(user, "s3:GetObject", closed, "aws:SourceIp=192.0.2.7", "allowed: s3:GetObject on "+closed+" by statement 1 (Office) of bucket policy of papers (resource-based policy)",
			`IpAddress aws:SourceIp wants ["192.0.2.0/24"], the request has ["192.0.2.7"]`)
		e.asks(user, "s3:GetObject", closed, "aws:SourceIp=198.51.100.1", "denied: ", `no match: Condition: IpAddress aws:SourceIp wants ["192.0.2.0/24"], the request has ["198.51.100.1"]`)
		e.asks(user, "s3:GetObject", closed, "", `the request has no such key`)
		root := "arn:aws:iam::" + e.server.Account + ":root"
		e.asks(root, "s3:DeleteObject", closed, "", "denied: s3:DeleteObject on "+closed+": explicit deny in statement 2 (Never) of bucket policy of papers")
		e.asks(root, "s3:PutBucketPolicy", "arn:aws:s3:::papers", "", "allowed: ", "cannot take s3:PutBucketPolicy from the root user")

		// A tag of the object is a condition key without being given.
		_, err = e.root.S3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("papers"), Key: aws.String("closed"),
			Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("Level"), Value: aws.String("3")}}}})
		e.ok(err)
		e.asks(user, "s3:GetObject", closed, "", "s3:existingobjecttag/level = 3")

		// A public policy, and what RestrictPublicBuckets and IgnorePublicAcls
		// take from strangers. The request of a stranger is explained alike.
		public := `{"Statement":{"Sid":"World","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"` + closed + `"}}`
		_, err = e.root.S3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("papers"), Policy: &public})
		e.ok(err)
		e.asks("anonymous", "s3:GetObject", closed, "", "allowed: ", "statement 1 (World) of bucket policy of papers")
		_, err = e.root.S3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: aws.String("papers"),
			PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true), IgnorePublicAcls: aws.Bool(true)}})
		e.ok(err)
		const restricted = "the policy of bucket papers is public, and RestrictPublicBuckets keeps it from anonymous callers"
		e.asks("anonymous", "s3:GetObject", closed, "", "denied: ", restricted)
		e.asks("anonymous", "s3:GetObject", open, "", "denied: ", "IgnorePublicAcls is on")
		e.asks(user, "s3:GetObject", closed, "", "allowed: ")
		_, err = ann.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("papers"), Key: aws.String("closed")})
		e.ok(err)
		refused := e.get(e.server.URL + "/papers/closed")
		if refused.status != http.StatusForbidden {
			e.Fatalf("%d %s", refused.status, refused.body)
		}
		a := e.explain(e.root, url.Values{"request": {refused.header.Get("x-amz-request-id")}})
		if a.status != http.StatusOK || !strings.Contains(string(a.body), restricted) || !strings.Contains(string(a.body), "aws:sourceip = ") {
			e.Errorf("%d %s", a.status, a.body)
		}
		// Another server on the same data did not decide it, and says so.
		other := e.restart()
		a = other.explain(other.root, url.Values{"request": {refused.header.Get("x-amz-request-id")}})
		if a.status != http.StatusNotFound || !strings.Contains(string(a.body), "ask the others of this data too") {
			e.Errorf("%d %s", a.status, a.body)
		}
	})
}

// TestExplain_trust: a question about becoming a role hears its trust policy.
func TestExplain_trust(t *testing.T) {
	each(t, func(e *env) {
		ctx := e.Context()
		account := e.server.Account
		_, _ = e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
		_, _ = e.person("bob", "")
		ann, bob, role := "arn:aws:iam::"+account+":user/ann", "arn:aws:iam::"+account+":user/bob", "arn:aws:iam::"+account+":role/keeper"
		trust := `{"Version":"2012-10-17","Statement":[
			{"Sid":"Own","Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"open-sesame"}}},
			{"Sid":"Pool","Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:x"}}},
			{"Sid":"Fn","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		_, err := e.root.IAM.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("keeper"), AssumeRolePolicyDocument: &trust})
		e.ok(err)

		e.asks(ann, "sts:AssumeRole", role, "", "denied: ", "statement 1 (Own), Allow: no match: Condition", "!open-sesame")
		e.asks(ann, "sts:AssumeRole", role, "sts:ExternalId=open-sesame", "allowed: ", "sts:externalid = [redacted]", "role trust policy, trust policy of role keeper, statement 1 (Own), Allow: matched", "!open-sesame")
		e.asks(bob, "sts:AssumeRole", role, "sts:ExternalId=open-sesame", "denied: ", "no statement of any identity-based policy allows it")
		e.asks("cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", role, "cognito-identity.amazonaws.com:aud=us-east-1:x", "allowed: ", "statement 2 (Pool)",
			`StringEquals cognito-identity.amazonaws.com:aud wants ["us-east-1:x"], the request has ["us-east-1:x"]`)
		e.asks("cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", role, "cognito-identity.amazonaws.com:aud=us-east-1:y", "denied: ", `the request has ["us-east-1:y"]`)
		e.asks("accounts.google.com", "sts:AssumeRoleWithWebIdentity", role, "", "denied: ", "a web identity of accounts.google.com is not named")
		e.asks("lambda.amazonaws.com", "sts:AssumeRole", role, "", "allowed: ", "statement 3 (Fn)")
		e.asks("ec2.amazonaws.com", "sts:AssumeRole", role, "", "denied: ")
		e.asks("arn:aws:iam::"+account+":root", "sts:AssumeRole", role, "sts:ExternalId=open-sesame", "STS gives no role to the root user")
		a := e.explain(e.root, url.Values{"principal": {ann}, "action": {"sts:AssumeRole"}, "resource": {role + "x"}})
		if a.status != http.StatusNotFound || !strings.Contains(string(a.body), "there is no role "+role+"x") {
			e.Errorf("%d %s", a.status, a.body)
		}
		// What it says is what STS does.
		_, err = e.root.STS.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("me"), ExternalId: aws.String("open-sesame")})
		e.refused(err, "AccessDenied", "Roles may not be assumed by root accounts.")
	})
}
