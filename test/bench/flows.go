package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	secret     = "Bench-Passw0rd!"
	objectSize = 1024
	bucket     = "bench-objects"
	stream     = "bench-records"
	sessions   = 32 // signed-in users whom the flows with tokens take turns with
)

func user(i int) string  { return fmt.Sprintf("user%07d", i) }
func email(i int) string { return user(i) + "@example.com" }

// side is a server with what the flows need to know of it. The floor is one as
// well: it answers the same requests.
type side struct {
	*client
	pool, app, identityPool string
	users                   int
	made                    atomic.Int64 // users made by the flow of G8
	slow                    *side        // the same server's pool with Argon2id; nil where it is not measured

	once   sync.Once
	err    error
	tokens []tokens
}

// tokens are one signed-in user.
type tokens struct {
	access, id, refresh string
	identity            string
	temporary           aws.Credentials
}

type attribute struct{ Name, Value string }

type authenticated struct {
	AuthenticationResult *struct{ AccessToken, IdToken, RefreshToken string }
	ChallengeParameters  map[string]string
}

// flow is what the table has a row for.
type flow struct {
	name string
	// do is one operation of the flow on a side.
	do func(s *side, ctx context.Context) error
}

var flows = []flow{
	{"srp", (*side).srp},
	{"password", (*side).password},
	{"refresh", (*side).refresh},
	{"getuser", (*side).getUser},
	{"credentials", (*side).credentials},
	{"describe", (*side).describe},
	{"object", (*side).object},
	{"create", (*side).create},
}

// recordFlows are measured after the memory: their large bodies are nobody's usual
// day.
var recordFlows = []flow{
	{"record", (*side).record},
	{"records", (*side).records},
}

// slowFlow is measured after the others.
var slowFlow = flow{"argon2id", (*side).argon2id}

func flowNames() (names []string) {
	for _, f := range slices.Concat(flows, recordFlows) {
		names = append(names, f.name)
	}
	return append(names, slowFlow.name)
}

func (s *side) initiate(ctx context.Context, flow string, parameters map[string]string, out *authenticated) error {
	return s.call(ctx, userPools, "InitiateAuth", nil, map[string]any{"ClientId": s.app, "AuthFlow": flow, "AuthParameters": parameters}, out)
}

var errNoTokens = errors.New("the answer holds no tokens")

func (s *side) srp(ctx context.Context) error {
	name, h := user(rand.IntN(s.users)), newHandshake()
	var challenge, out authenticated
	if err := s.initiate(ctx, "USER_SRP_AUTH", map[string]string{"USERNAME": name, "SRP_A": h.public.Text(16)}, &challenge); err != nil {
		return err
	}
	answer, err := h.answer(nameOfPool(s.pool), secret, challenge.ChallengeParameters)
	if err != nil {
		return err
	}
	err = s.call(ctx, userPools, "RespondToAuthChallenge", nil, map[string]any{"ClientId": s.app, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": answer}, &out)
	if err == nil && out.AuthenticationResult == nil {
		err = errNoTokens
	}
	return err
}

// srpStart is the half that costs its client nothing, who then has the
// processors for something else.
func (s *side) srpStart(ctx context.Context) error {
	var out authenticated
	return s.initiate(ctx, "USER_SRP_AUTH", map[string]string{"USERNAME": user(rand.IntN(s.users)), "SRP_A": "2"}, &out)
}

func (s *side) signIn(ctx context.Context, name string) (*authenticated, error) {
	out := &authenticated{}
	err := s.initiate(ctx, "USER_PASSWORD_AUTH", map[string]string{"USERNAME": name, "PASSWORD": secret}, out)
	if err == nil && out.AuthenticationResult == nil {
		err = errNoTokens
	}
	return out, err
}

func (s *side) password(ctx context.Context) error {
	_, err := s.signIn(ctx, user(rand.IntN(s.users)))
	return err
}

// argon2id is a sign-in of a pool that keeps passwords so.
func (s *side) argon2id(ctx context.Context) error { return s.slow.password(ctx) }

// signedIn is one of the users who are signed in already.
func (s *side) signedIn(ctx context.Context) (*tokens, error) {
	s.once.Do(func() {
		for i := range sessions {
			var t tokens
			if t, s.err = s.newSession(ctx, user(i%s.users)); s.err != nil {
				return
			}
			s.tokens = append(s.tokens, t)
		}
	})
	if s.err != nil {
		return nil, s.err
	}
	return &s.tokens[rand.IntN(len(s.tokens))], nil
}

func (s *side) newSession(ctx context.Context, name string) (t tokens, err error) {
	out, err := s.signIn(ctx, name)
	if err != nil {
		return t, err
	}
	r := out.AuthenticationResult
	t.access, t.id, t.refresh = r.AccessToken, r.IdToken, r.RefreshToken
	var id struct{ IdentityId string }
	if err := s.call(ctx, identityPools, "GetId", nil, map[string]any{"IdentityPoolId": s.identityPool, "Logins": s.logins(&t)}, &id); err != nil {
		return t, err
	}
	t.identity = id.IdentityId
	t.temporary, err = s.trade(ctx, &t)
	return t, err
}

func (s *side) provider() string { return "cognito-idp." + region + ".amazonaws.com/" + s.pool }

func (s *side) logins(t *tokens) map[string]string { return map[string]string{s.provider(): t.id} }

// trade gets temporary credentials for a signed-in user.
func (s *side) trade(ctx context.Context, t *tokens) (aws.Credentials, error) {
	var out struct {
		Credentials struct{ AccessKeyId, SecretKey, SessionToken string }
	}
	err := s.call(ctx, identityPools, "GetCredentialsForIdentity", nil, map[string]any{"IdentityId": t.identity, "Logins": s.logins(t)}, &out)
	c := out.Credentials
	return aws.Credentials{AccessKeyID: c.AccessKeyId, SecretAccessKey: c.SecretKey, SessionToken: c.SessionToken}, err
}

func (s *side) refresh(ctx context.Context) error {
	t, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	var out authenticated
	err = s.initiate(ctx, "REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": t.refresh}, &out)
	if err == nil && out.AuthenticationResult == nil {
		err = errNoTokens
	}
	return err
}

func (s *side) getUser(ctx context.Context) error {
	t, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	return s.call(ctx, userPools, "GetUser", nil, map[string]any{"AccessToken": t.access}, nil)
}

func (s *side) credentials(ctx context.Context) error {
	t, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	_, err = s.trade(ctx, t)
	return err
}

// describe is a signed call that the role's policy allows.
func (s *side) describe(ctx context.Context) error {
	t, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	return s.call(ctx, userPools, "DescribeUserPool", &t.temporary, map[string]any{"UserPoolId": s.pool}, nil)
}

func (s *side) object(ctx context.Context) error {
	t, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	return s.client.object(ctx, "GET", "/"+bucket+"/object", t.temporary, nil)
}

// record writes a record of 1 KiB to a stream, and is answered when it is on disk.
func (s *side) record(ctx context.Context) error {
	t, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	return s.call(ctx, streams, "PutRecord", &t.temporary, map[string]any{"StreamName": stream, "PartitionKey": t.identity, "Data": object}, nil)
}

// manyRecords are 500 of 200 bytes.
var manyRecords = func() (list []map[string]any) {
	for i := range 500 {
		list = append(list, map[string]any{"PartitionKey": user(i), "Data": object[:200]})
	}
	return list
}()

// records writes them in one call.
func (s *side) records(ctx context.Context) error {
	t, err := s.signedIn(ctx)
	if err != nil {
		return err
	}
	return s.call(ctx, streams, "PutRecords", &t.temporary, map[string]any{"StreamName": stream, "Records": manyRecords}, nil)
}

// create is two requests: a user, and a password that stays.
func (s *side) create(ctx context.Context) error {
	return s.createUser(ctx, int(s.made.Add(1))+1_000_000)
}

func (s *side) createUser(ctx context.Context, i int) error {
	err := s.call(ctx, userPools, "AdminCreateUser", &root, map[string]any{"UserPoolId": s.pool, "Username": user(i), "MessageAction": "SUPPRESS",
		"TemporaryPassword": secret, "UserAttributes": []attribute{{"email", email(i)}, {"email_verified", "true"}}}, nil)
	if err != nil {
		return err
	}
	return s.call(ctx, userPools, "AdminSetUserPassword", &root, map[string]any{"UserPoolId": s.pool, "Username": user(i), "Password": secret, "Permanent": true}, nil)
}

// makePools makes a pool, a client and an identity pool with a role that may
// do what the flows do, among other things.
func (s *side) makePools(ctx context.Context) error {
	var pool struct{ UserPool struct{ Id string } }
	if err := s.call(ctx, userPools, "CreateUserPool", &root, map[string]any{"PoolName": "bench"}, &pool); err != nil {
		return err
	}
	s.pool = pool.UserPool.Id
	var c struct{ UserPoolClient struct{ ClientId string } }
	if err := s.call(ctx, userPools, "CreateUserPoolClient", &root, map[string]any{"UserPoolId": s.pool, "ClientName": "bench",
		"ExplicitAuthFlows": []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}, &c); err != nil {
		return err
	}
	s.app = c.UserPoolClient.ClientId
	var identities struct{ IdentityPoolId string }
	if err := s.call(ctx, identityPools, "CreateIdentityPool", &root, map[string]any{"IdentityPoolName": "bench", "AllowUnauthenticatedIdentities": false,
		"CognitoIdentityProviders": []map[string]string{{"ProviderName": s.provider(), "ClientId": s.app}}}, &identities); err != nil {
		return err
	}
	s.identityPool = identities.IdentityPoolId
	if err := s.makeRole(ctx); err != nil {
		return err
	}
	if err := s.makeObject(ctx); err != nil {
		return err
	}
	return s.call(ctx, streams, "CreateStream", &root, map[string]any{"StreamName": stream, "ShardCount": 4}, nil)
}

// slowUsers are enough: what they cost does not depend on their number.
const slowUsers = 50

// makeSlow makes the pool with Argon2id, a client of it and its users.
func (s *side) makeSlow(ctx context.Context, workers int) error {
	s.slow = &side{client: s.client}
	var pool struct{ UserPool struct{ Id string } }
	if err := s.call(ctx, userPools, "CreateUserPool", &root, map[string]any{"PoolName": "slow",
		"UserPoolTags": map[string]string{"gatehouse:password-record": "argon2id"}}, &pool); err != nil {
		return err
	}
	var c struct{ UserPoolClient struct{ ClientId string } }
	if err := s.call(ctx, userPools, "CreateUserPoolClient", &root, map[string]any{"UserPoolId": pool.UserPool.Id, "ClientName": "slow",
		"ExplicitAuthFlows": []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}, &c); err != nil {
		return err
	}
	s.slow.pool, s.slow.app = pool.UserPool.Id, c.UserPoolClient.ClientId
	return s.slow.makeUsers(ctx, slowUsers, workers)
}

const rolePolicy = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["mobileanalytics:PutEvents","cognito-sync:*"],"Resource":"*"},
	{"Effect":"Allow","Action":["cognito-idp:Describe*","cognito-idp:List*"],"Resource":"arn:aws:cognito-idp:*:*:userpool/*"},
	{"Effect":"Allow","Action":"kinesis:Put*","Resource":"arn:aws:kinesis:*:*:stream/` + stream + `"},
	{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*"},
	{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::` + bucket + `/private/*"}]}`

func (s *side) makeRole(ctx context.Context) error {
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},` +
		`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + s.identityPool + `"},` +
		`"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`
	for _, v := range []url.Values{
		{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"bench"}, "AssumeRolePolicyDocument": {trust}},
		{"Action": {"PutRolePolicy"}, "Version": {"2010-05-08"}, "RoleName": {"bench"}, "PolicyName": {"bench"}, "PolicyDocument": {rolePolicy}},
	} {
		if err := s.form(ctx, "iam", root, v.Encode()); err != nil {
			return fmt.Errorf("%s: %w", v.Get("Action"), err)
		}
	}
	return s.call(ctx, identityPools, "SetIdentityPoolRoles", &root, map[string]any{"IdentityPoolId": s.identityPool,
		"Roles": map[string]string{"authenticated": "arn:aws:iam::" + account + ":role/bench"}}, nil)
}

func (s *side) makeObject(ctx context.Context) error {
	if err := s.client.object(ctx, "PUT", "/"+bucket, root, nil); err != nil {
		return fmt.Errorf("make a bucket: %w", err)
	}
	return s.client.object(ctx, "PUT", "/"+bucket+"/object", root, object)
}

// makeUsers makes the users 0 to n-1, some at once.
func (s *side) makeUsers(ctx context.Context, n, workers int) error {
	var next atomic.Int64
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = s.createUser(ctx, i)
			}
		})
	}
	wg.Wait()
	s.users = n
	return errors.Join(slices.Compact(errs)...)
}
