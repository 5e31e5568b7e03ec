package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"gatehouse/gatehousetest"
	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidentity"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/api/kinesis"
	"gatehouse/internal/api/ssm"
	"gatehouse/test/awsclient"
)

// person makes an IAM user with a policy, and clients that sign as the user.
func (e *env) person(name, policy string) (*awsclient.Clients, *iamtypes.AccessKey) {
	e.Helper()
	_, err := e.root.IAM.CreateUser(e.Context(), &iam.CreateUserInput{UserName: &name})
	e.ok(err)
	if policy != "" {
		_, err = e.root.IAM.PutUserPolicy(e.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy})
		e.ok(err)
	}
	k, err := e.root.IAM.CreateAccessKey(e.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	e.ok(err)
	return e.as(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, ""), k.AccessKey
}

// TestSignedOperations_otherPool: a policy for one pool opens every operation
// on it and none on another.
func TestSignedOperations_otherPool(t *testing.T) {
	each(t, func(e *env) {
		mine, theirs := e.tenant(nil, nil), e.tenant(nil, nil)
		arn := func(pool string) string {
			return "arn:aws:cognito-idp:" + e.server.Region + ":" + e.server.Account + ":userpool/" + pool
		}
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-idp:*","Resource":"`+arn(mine.pool)+`"}}`)
		for _, n := range []*tenant{mine, theirs} {
			n.user("user")
		}
		body := func(n *tenant, rest string) string { return `{"UserPoolId":"` + n.pool + `"` + rest + `}` }
		user := `,"Username":"user"`
		for _, c := range []struct {
			operation string
			rest      func(n *tenant) string
		}{
			{"DescribeUserPool", nil},
			{"UpdateUserPool", nil},
			{"ListUserPoolClients", nil},
			{"CreateUserPoolClient", func(*tenant) string { return `,"ClientName":"x"` }},
			{"DescribeUserPoolClient", func(n *tenant) string { return `,"ClientId":"` + n.client + `"` }},
			{"UpdateUserPoolClient", func(n *tenant) string {
				return `,"ClientId":"` + n.client + `","ExplicitAuthFlows":["ALLOW_ADMIN_USER_PASSWORD_AUTH"]`
			}},
			{"ListUsers", nil},
			{"AdminGetUser", func(*tenant) string { return user }},
			{"AdminCreateUser", func(*tenant) string { return `,"Username":"new","MessageAction":"SUPPRESS"` }},
			{"AdminSetUserPassword", func(*tenant) string { return user + `,"Password":"` + password + `","Permanent":true` }},
			{"AdminInitiateAuth", func(n *tenant) string {
				return `,"ClientId":"` + n.client + `","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"user","PASSWORD":"` + password + `"}`
			}},
			{"AdminUpdateUserAttributes", func(*tenant) string { return user + `,"UserAttributes":[{"Name":"name","Value":"x"}]` }},
			{"AdminUserGlobalSignOut", func(*tenant) string { return user }},
			{"AdminDisableUser", func(*tenant) string { return user }},
			{"AdminEnableUser", func(*tenant) string { return user }},
			{"AdminDeleteUser", func(*tenant) string { return user }},
			{"DeleteUserPoolClient", func(n *tenant) string { return `,"ClientId":"` + n.client + `"` }},
			{"DeleteUserPool", nil},
		} {
			rest := func(*tenant) string { return "" }
			if c.rest != nil {
				rest = c.rest
			}
			target := idpTarget + c.operation
			if a := e.post(ann, "cognito-idp", target, body(theirs, rest(theirs))); a.status != http.StatusBadRequest || a.kind() != "AccessDeniedException" ||
				a.message() != "User: arn:aws:iam::"+e.server.Account+":user/ann is not authorized to perform: cognito-idp:"+c.operation+" on resource: "+arn(theirs.pool)+
					" because no identity-based policy allows the cognito-idp:"+c.operation+" action" {
				e.Errorf("%s on another's pool: %d %s", c.operation, a.status, a.body)
			}
			if a := e.post(nil, "", target, body(mine, rest(mine))); a.status != http.StatusBadRequest || a.kind() != "MissingAuthenticationTokenException" {
				e.Errorf("%s without a signature: %d %s", c.operation, a.status, a.body)
			}
			if a := e.post(ann, "cognito-idp", target, body(mine, rest(mine))); a.status != http.StatusOK {
				e.Errorf("%s on one's own pool: %d %s", c.operation, a.status, a.body)
			}
		}
		_, err := ann.IDP.ListUserPools(e.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(10)})
		e.refused(err, "AccessDeniedException", "/on resource: \\*/")
		_, err = ann.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("x")})
		e.refused(err, "AccessDeniedException", "")
		_, err = ann.IAM.ListUsers(e.Context(), &iam.ListUsersInput{})
		e.refused(err, "AccessDenied", "/is not authorized to perform: iam:ListUsers on resource: /")
		_, err = ann.S3.ListBuckets(e.Context(), nil)
		e.refused(err, "AccessDenied", "/s3:ListAllMyBuckets/")
	})
}

// TestEverySignedOperation_unsigned: no operation that the model says is
// signed answers a stranger, built or not.
func TestEverySignedOperation_unsigned(t *testing.T) {
	e := start(t)
	for _, service := range []*api.Service{cognitoidp.Service, cognitoidentity.Service, ssm.Service, kinesis.Service} {
		for name, op := range service.Operations {
			a := e.post(nil, "", service.TargetPrefix+"."+name, "{}")
			if missing := a.kind() == "MissingAuthenticationTokenException"; missing == op.Unsigned || a.status != http.StatusBadRequest {
				e.Errorf("%s without a signature (the model says unsigned: %v): %d %s", name, op.Unsigned, a.status, a.body)
			}
		}
	}
	for target, want := range map[string]string{"AWSCognitoIdentityProviderService.Nothing": "", "Nobody.Nothing": "", "": ""} {
		if a := e.post(nil, "", target, "{}"); a.status == http.StatusOK || a.status >= 500 {
			e.Errorf("%q: %d %s, want %s", target, a.status, a.body, want)
		}
	}
	if a := e.post(e.root, "cognito-idp", "AWSCognitoIdentityProviderService.Nothing", "{}"); a.kind() != "UnknownOperationException" {
		e.Errorf("an unknown operation: %d %s", a.status, a.body)
	}
}

// TestSignatures: who a signature is from, and when.
func TestSignatures(t *testing.T) {
	each(t, func(e *env) {
		list := func(c *awsclient.Clients) error {
			_, err := c.IDP.ListUserPools(e.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(1)})
			return err
		}
		ann, key := e.person("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cognito-idp:ListUserPools","Resource":"*"}}`)
		e.ok(list(ann))
		who, err := ann.STS.GetCallerIdentity(e.Context(), &sts.GetCallerIdentityInput{})
		e.ok(err)
		if *who.Arn != "arn:aws:iam::"+e.server.Account+":user/ann" || !strings.HasPrefix(*who.UserId, "AIDA") {
			e.Errorf("the caller is %s, %s", *who.Arn, *who.UserId)
		}
		e.refused(list(e.as(*key.AccessKeyId, flip(*key.SecretAccessKey), "")), "InvalidSignatureException",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
		e.refused(list(e.as("AKIAAAAAAAAAAAAAAAAA", *key.SecretAccessKey, "")), "UnrecognizedClientException", "The security token included in the request is invalid.")
		e.refused(list(e.as(*key.AccessKeyId, *key.SecretAccessKey, "not-a-token")), "UnrecognizedClientException", "The security token included in the request is invalid.")
		late := e.target()
		for skew, refused := range map[time.Duration]bool{-6 * time.Minute: true, 6 * time.Minute: true, -4 * time.Minute: false, 4 * time.Minute: false} {
			late.Now = func() time.Time { return e.server.Now().Add(skew) }
			err := list(awsclient.New(late, *key.AccessKeyId, *key.SecretAccessKey, ""))
			if refused {
				e.refused(err, "InvalidSignatureException", "/^Signature (expired|not yet current): /")
			} else {
				e.ok(err)
			}
		}
		set := func(status iamtypes.StatusType) {
			_, err := e.root.IAM.UpdateAccessKey(e.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: key.AccessKeyId, Status: status})
			e.ok(err)
		}
		set(iamtypes.StatusTypeInactive)
		e.refused(list(ann), "UnrecognizedClientException", "The security token included in the request is invalid.")
		set(iamtypes.StatusTypeActive)
		e.ok(list(ann))
		_, err = e.root.IAM.DeleteUserPolicy(e.Context(), &iam.DeleteUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p")})
		e.ok(err)
		e.refused(list(ann), "AccessDeniedException", "")
		_, err = e.root.IAM.DeleteAccessKey(e.Context(), &iam.DeleteAccessKeyInput{UserName: aws.String("ann"), AccessKeyId: key.AccessKeyId})
		e.ok(err)
		e.refused(list(ann), "UnrecognizedClientException", "The security token included in the request is invalid.")
	})
}

// TestAssumeRole: roles by hand, and one step further down.
func TestAssumeRole(t *testing.T) {
	each(t, func(e *env) {
		ann, _ := e.person("ann", "")
		bob, _ := e.person("bob", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
		trustAnn := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + e.server.Account + `:user/ann"},"Action":"sts:AssumeRole"}}`
		r, err := e.root.IAM.CreateRole(e.Context(), &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: &trustAnn})
		e.ok(err)
		_, err = e.root.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("reader"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")})
		e.ok(err)
		_, err = e.root.S3.CreateBucket(e.Context(), &s3.CreateBucketInput{Bucket: aws.String("readable")})
		e.ok(err)
		_, err = bob.STS.AssumeRole(e.Context(), &sts.AssumeRoleInput{RoleArn: r.Role.Arn, RoleSessionName: aws.String("bob")})
		e.refused(err, "AccessDenied", "/^User: arn:aws:iam::[0-9]+:user/bob is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::[0-9]+:role/reader/")
		out, err := ann.STS.AssumeRole(e.Context(), &sts.AssumeRoleInput{RoleArn: r.Role.Arn, RoleSessionName: aws.String("ann"),
			Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::readable"}}`)})
		e.ok(err)
		role := e.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
		_, err = e.keys(role, "readable")
		e.ok(err)
		_, err = role.S3.ListBuckets(e.Context(), nil)
		e.refused(err, "AccessDenied", "/because no session policy allows the s3:ListAllMyBuckets action$/")
		_, err = role.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("reader"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")})
		e.refused(err, "AccessDenied", "")
		_, err = e.root.IAM.AttachRolePolicy(e.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("reader"), PolicyArn: aws.String("arn:aws:iam::aws:policy/NoSuchPolicy")})
		e.refused(err, "NoSuchEntity", "Policy arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable.")
	})
}

// TestNotDev: without --dev there is no known key, and outbox and clock are
// closed.
func TestNotDev(t *testing.T) {
	each(t, func(e *env) {
		_, err := e.as("test", "test", "").STS.GetCallerIdentity(e.Context(), nil)
		e.refused(err, "InvalidClientTokenId", "The security token included in the request is invalid.")
		who, err := e.root.STS.GetCallerIdentity(e.Context(), nil)
		e.ok(err)
		if *who.Arn != "arn:aws:iam::"+e.server.Account+":root" {
			e.Errorf("root is %s", *who.Arn)
		}
		if a := e.get(e.server.URL + "/_gatehouse/outbox"); a.status != http.StatusForbidden {
			e.Errorf("the outbox answers a stranger: %d %s", a.status, a.body)
		}
		for _, path := range []string{"clock", "reset"} {
			if a := e.request(http.MethodPost, e.server.URL+"/_gatehouse/"+path); a.status != http.StatusNotFound {
				e.Errorf("POST %s: %d %s", path, a.status, a.body)
			}
		}
		n := e.tenant(nil, nil)
		n.user("ann")
		n.tokens("ann")
	}, gatehousetest.NotDev())
}

// TestExplain: an administrator learns why; the caller does not, and nobody
// without gatehouse:Explain.
func TestExplain(t *testing.T) {
	each(t, func(e *env) {
		own := "arn:aws:ssm:*:*:parameter/own/*"
		ann, _ := e.person("ann", `{"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Allow","Action":"ssm:GetParameter","Resource":"`+own+`"},
			{"Sid":"Office","Effect":"Deny","Action":"ssm:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["127.0.0.0/8","::1"]}}}]}`)
		ask := func(who *awsclient.Clients, query string) *answer {
			r, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.server.URL+"/_gatehouse/explain?"+query, nil)
			e.ok(err)
			if who != nil {
				e.ok(who.Sign(r, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "gatehouse"))
			}
			return e.do(r)
		}
		annARN := "arn:aws:iam::" + e.server.Account + ":user/ann"
		question := "principal=" + annARN + "&action=ssm%3AGetParameter&resource=" + e.parameter("own/x")
		for _, c := range []struct {
			who    *awsclient.Clients
			query  string
			status int
			want   string
		}{
			{nil, question, http.StatusForbidden, "Request is missing Authentication Token"},
			{ann, question, http.StatusForbidden, "gatehouse:Explain"},
			{e.root, "", http.StatusBadRequest, "give request"},
			{e.root, "principal=x&action=y", http.StatusBadRequest, "give request"},
			{e.root, question + "&context=x", http.StatusBadRequest, "key=value"},
			{e.root, strings.Replace(question, "ann", "nobody", 1), http.StatusNotFound, "there is no principal"},
			{e.root, "request=none", http.StatusNotFound, "no decision of a request none"},
			{e.root, question + "&context=aws%3ASourceIp%3D127.0.0.1", http.StatusOK, "allowed: ssm:GetParameter on " + e.parameter("own/x") + " by statement 1 (Own) of "},
			{e.root, question + "&context=aws%3ASourceIp%3D192.0.2.1", http.StatusOK, "explicit deny in statement 2 (Office)"},
		} {
			if a := ask(c.who, c.query); a.status != c.status || !strings.Contains(string(a.body), c.want) {
				e.Errorf("%s: %d %s, want %d with %q", c.query, a.status, a.body, c.status, c.want)
			}
		}

		denied := e.post(ann, "ssm", "AmazonSSM.GetParameter", `{"Name":"/other"}`)
		if strings.Contains(string(denied.body), "Own") {
			e.Errorf("the caller is told about policies: %s", denied.body)
		}
		id := denied.header.Get("x-amzn-RequestId")
		a := ask(e.root, "request="+id)
		for _, want := range []string{"denied: ssm:GetParameter on " + e.parameter("other"), "statement 1 (Own), Allow: no match: Resource", "aws:sourceip = ", "caller: " + annARN + " (User)"} {
			if a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
				e.Errorf("request %s: %d %s, want %q", id, a.status, a.body, want)
			}
		}
	})
}
