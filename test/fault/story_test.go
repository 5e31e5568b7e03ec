package fault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

const (
	password    = "Correct-Horse-7"
	newPassword = "Battery-Staple-8"
	bucket      = "fault"
)

// stack is what the workers write into. A worker has a role, an IAM user with
// a key and an object of its own, so that what must be true of them is known.
type stack struct {
	*ledger
	pool, client string
	keys         [workers]iamtypes.AccessKey
	own          [workers]possible
}

// possible is what a worker's policy and object may be at the moment: the last
// state that was acknowledged, and those whose acknowledgement was cut off.
type possible struct {
	turn     int // of the worker's role, key and object, over all rounds
	policies []string
	objects  [][]byte
}

func newStack(t *testing.T, n *node, l *ledger) *stack {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	root := n.root()
	st := &stack{ledger: l}
	p, err := root.IDP.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("fault"), AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"}})
	ok(err)
	st.pool = *p.UserPool.Id
	c, err := root.IDP.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: &st.pool, ClientName: aws.String("fault"),
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
	ok(err)
	st.client = *c.UserPoolClient.ClientId
	_, err = root.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	ok(err)
	for w := range workers {
		_, err := root.IAM.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: own("role", w), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`)})
		ok(err)
		_, err = root.IAM.CreateUser(t.Context(), &iam.CreateUserInput{UserName: own("user", w)})
		ok(err)
		k, err := root.IAM.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: own("user", w)})
		ok(err)
		st.keys[w] = *k.AccessKey
		st.own[w] = possible{policies: []string{""}, objects: [][]byte{nil}}
	}
	return st
}

// own is the name of a worker's thing.
func own(what string, worker int) *string { return aws.String(fmt.Sprint(what, worker)) }

// story is one turn of a worker: a user's life, or a change of its own things.
func (st *stack) story(ctx context.Context, n *node, worker, round, i int) error {
	name := fmt.Sprintf("r%d-w%d-%d", round, worker, i)
	switch i % 4 {
	case 0, 2:
		return st.life(ctx, n, name, (worker+i/2)%3)
	case 1:
		return st.invitation(ctx, n, name)
	}
	return st.things(ctx, n, worker)
}

// refusedWith reports whether an operation was refused with a code.
func refusedWith(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && oneOf(api.ErrorCode(), codes...)
}

// life signs a user up, confirms, signs in, changes the password and ends the
// session, or the user.
func (st *stack) life(ctx context.Context, n *node, name string, end int) error {
	anyone, root := n.anyone().IDP, n.root().IDP
	email := name + "@example.com"
	err := st.step("user "+name, nil, st.status(name, "UNCONFIRMED"), func() error {
		_, err := anyone.SignUp(ctx, &idp.SignUpInput{ClientId: &st.client, Username: &name, Password: aws.String(password),
			UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: &email}}})
		return err
	})
	if err != nil {
		return err
	}
	code, err := n.code(ctx, email)
	if err != nil {
		return err
	}
	err = st.step("user "+name, st.status(name, "UNCONFIRMED", "CONFIRMED"), st.status(name, "CONFIRMED"), func() error { return st.confirm(ctx, n, name, code) })
	if err != nil {
		return err
	}
	st.set("code of "+name, func(ctx context.Context, n *node) error {
		if err := st.confirm(ctx, n, name, code); !refusedWith(err, "NotAuthorizedException", "ExpiredCodeException", "UserNotFoundException") {
			return fmt.Errorf("the code was taken twice: %v", err)
		}
		return nil
	})
	var tokens *types.AuthenticationResultType
	if err := st.step("session of "+name, nil, nil, func() (err error) {
		tokens, err = st.login(ctx, n, name, password)
		return err
	}); err != nil {
		return err
	}
	session := "session of " + name
	st.set(session, st.sessionLives(*tokens.RefreshToken))
	err = st.step("password of "+name, st.opens(name, password, newPassword), st.opens(name, newPassword), func() error {
		_, err := anyone.ChangePassword(ctx, &idp.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: aws.String(password), ProposedPassword: aws.String(newPassword)})
		return err
	})
	if err != nil {
		return err
	}
	dead := st.sessionDead(*tokens.RefreshToken)
	switch end {
	case 0:
		return st.step(session, nil, dead, func() error {
			_, err := anyone.RevokeToken(ctx, &idp.RevokeTokenInput{ClientId: &st.client, Token: tokens.RefreshToken})
			return err
		})
	case 1:
		st.set(session, nil)
		st.set("password of "+name, nil)
		if err := st.step("disabling "+name, nil, st.disabled(name), func() error {
			_, err := root.AdminDisableUser(ctx, &idp.AdminDisableUserInput{UserPoolId: &st.pool, Username: &name})
			return err
		}); err != nil {
			return err
		}
		st.set(session, dead)
		return nil
	}
	st.set("password of "+name, nil)
	st.set(session, nil)
	if err := st.step("user "+name, st.status(name, "CONFIRMED", ""), st.status(name, ""), func() error {
		_, err := root.AdminDeleteUser(ctx, &idp.AdminDeleteUserInput{UserPoolId: &st.pool, Username: &name})
		return err
	}); err != nil {
		return err
	}
	st.set(session, dead)
	return nil
}

// invitation makes a user who chooses a password in a challenge, whose session
// is good once.
func (st *stack) invitation(ctx context.Context, n *node, name string) error {
	err := st.step("user "+name, nil, st.status(name, "FORCE_CHANGE_PASSWORD"), func() error {
		_, err := n.root().IDP.AdminCreateUser(ctx, &idp.AdminCreateUserInput{UserPoolId: &st.pool, Username: &name, MessageAction: "SUPPRESS", TemporaryPassword: aws.String(password)})
		return err
	})
	if err != nil {
		return err
	}
	asked, err := n.anyone().IDP.InitiateAuth(ctx, &idp.InitiateAuthInput{ClientId: &st.client, AuthFlow: "USER_PASSWORD_AUTH",
		AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password}})
	if err != nil {
		return err
	}
	respond := func(ctx context.Context, n *node) error {
		_, err := n.anyone().IDP.RespondToAuthChallenge(ctx, &idp.RespondToAuthChallengeInput{ClientId: &st.client, ChallengeName: "NEW_PASSWORD_REQUIRED", Session: asked.Session,
			ChallengeResponses: map[string]string{"USERNAME": name, "NEW_PASSWORD": newPassword}})
		return err
	}
	err = st.step("user "+name, st.status(name, "FORCE_CHANGE_PASSWORD", "CONFIRMED"), st.status(name, "CONFIRMED"), func() error { return respond(ctx, n) })
	if err != nil {
		return err
	}
	st.set("password of "+name, st.opens(name, newPassword))
	st.set("challenge of "+name, func(ctx context.Context, n *node) error {
		if err := respond(ctx, n); !refusedWith(err, "NotAuthorizedException") {
			return fmt.Errorf("the session was taken twice: %v", err)
		}
		return nil
	})
	return nil
}

// things changes the worker's policy, key and object to their next state.
func (st *stack) things(ctx context.Context, n *node, w int) error {
	mine := &st.own[w]
	mine.turn++
	turn := mine.turn
	root := n.root()
	role, key := own("role", w), st.keys[w]

	policy := policyOf(turn)
	mine.policies = append(mine.policies, policy)
	if err := st.step("policy of "+*role, policyIs(role, mine.policies...), policyIs(role, policy), func() (err error) {
		if policy == "" {
			_, err = root.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String("p")})
			if refusedWith(err, "NoSuchEntity") {
				err = nil // there was none, or the delete that was cut off had happened
			}
		} else {
			_, err = root.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: aws.String("p"), PolicyDocument: &policy})
		}
		return err
	}); err != nil {
		return err
	}
	mine.policies = []string{policy}

	status := []iamtypes.StatusType{iamtypes.StatusTypeActive, iamtypes.StatusTypeInactive}[turn%2]
	if err := st.step("key of "+*key.UserName, nil, keyIs(key, status), func() error {
		_, err := root.IAM.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: key.UserName, AccessKeyId: key.AccessKeyId, Status: status})
		return err
	}); err != nil {
		return err
	}

	object, body := own("object", w), bodyOf(w, turn)
	mine.objects = append(mine.objects, body)
	err := st.step(*object, objectIs(object, mine.objects...), objectIs(object, body), func() (err error) {
		if body == nil {
			_, err = root.S3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: object})
		} else {
			_, err = root.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: object, Body: bytes.NewReader(body)})
		}
		return err
	})
	if err == nil {
		mine.objects = [][]byte{body}
	}
	return err
}

// code is the newest code that was mailed to an address.
func (n *node) code(ctx context.Context, to string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url()+"/_gatehouse/outbox?to="+url.QueryEscape(to), nil)
	if err != nil {
		return "", err
	}
	resp, err := n.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var list []struct {
		Code string `json:"code"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", &smithy.GenericAPIError{Code: "NoMessage", Message: "a sign-up was acknowledged, but its code is not in the outbox"}
	}
	return list[0].Code, nil
}

func (st *stack) confirm(ctx context.Context, n *node, name, code string) error {
	_, err := n.anyone().IDP.ConfirmSignUp(ctx, &idp.ConfirmSignUpInput{ClientId: &st.client, Username: &name, ConfirmationCode: &code})
	return err
}

func (st *stack) login(ctx context.Context, n *node, name, password string) (*types.AuthenticationResultType, error) {
	out, err := n.anyone().IDP.InitiateAuth(ctx, &idp.InitiateAuthInput{ClientId: &st.client, AuthFlow: "USER_PASSWORD_AUTH",
		AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password}})
	if err != nil {
		return nil, err
	}
	return out.AuthenticationResult, nil
}

// status: the user has one of the states; "" is none, because there is no such
// user.
func (st *stack) status(name string, may ...types.UserStatusType) fact {
	return func(ctx context.Context, n *node) error {
		var is types.UserStatusType
		out, err := n.root().IDP.AdminGetUser(ctx, &idp.AdminGetUserInput{UserPoolId: &st.pool, Username: &name})
		switch {
		case err == nil:
			is = out.UserStatus
		case !refusedWith(err, "UserNotFoundException"):
			return err
		}
		if !oneOf(is, may...) {
			return fmt.Errorf("the status is %q, want one of %q", is, may)
		}
		return nil
	}
}

// opens: exactly one of the passwords opens, and it is one of may.
func (st *stack) opens(name string, may ...string) fact {
	return func(ctx context.Context, n *node) error {
		var opened []string
		for _, p := range []string{password, newPassword} {
			_, err := st.login(ctx, n, name, p)
			if err == nil {
				opened = append(opened, p)
			} else if !refusedWith(err, "NotAuthorizedException") {
				return err
			}
		}
		if len(opened) != 1 || !oneOf(opened[0], may...) {
			return fmt.Errorf("the passwords that open are %q, want one of %q", opened, may)
		}
		return nil
	}
}

func (st *stack) refresh(ctx context.Context, n *node, token string) error {
	_, err := n.anyone().IDP.InitiateAuth(ctx, &idp.InitiateAuthInput{ClientId: &st.client, AuthFlow: "REFRESH_TOKEN_AUTH", AuthParameters: map[string]string{"REFRESH_TOKEN": token}})
	return err
}

func (st *stack) sessionLives(token string) fact {
	return func(ctx context.Context, n *node) error { return st.refresh(ctx, n, token) }
}

func (st *stack) sessionDead(token string) fact {
	return func(ctx context.Context, n *node) error {
		if err := st.refresh(ctx, n, token); !refusedWith(err, "NotAuthorizedException") {
			return fmt.Errorf("an ended session came back: %v", err)
		}
		return nil
	}
}

func (st *stack) disabled(name string) fact {
	return func(ctx context.Context, n *node) error {
		if _, err := st.login(ctx, n, name, newPassword); !refusedWith(err, "NotAuthorizedException") {
			return fmt.Errorf("a disabled user came back: %v", err)
		}
		return nil
	}
}

// policyOf is the policy of a turn; every third is none.
func policyOf(turn int) string {
	if turn%3 == 0 {
		return ""
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Sid":"Turn%d","Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}}`, turn)
}

func policyIs(role *string, may ...string) fact {
	may = slices.Clone(may)
	return func(ctx context.Context, n *node) error {
		is := ""
		out, err := n.root().IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role, PolicyName: aws.String("p")})
		switch {
		case err == nil:
			if is, err = url.QueryUnescape(*out.PolicyDocument); err != nil {
				return err
			}
		case !refusedWith(err, "NoSuchEntity"):
			return err
		}
		if !oneOf(is, may...) {
			return fmt.Errorf("the policy is %q, want one of %q", is, may)
		}
		return nil
	}
}

func keyIs(key iamtypes.AccessKey, status iamtypes.StatusType) fact {
	return func(ctx context.Context, n *node) error {
		_, err := n.as(*key.AccessKeyId, *key.SecretAccessKey).STS.GetCallerIdentity(ctx, nil)
		if status == iamtypes.StatusTypeActive {
			return err
		}
		if !refusedWith(err, "InvalidClientTokenId") {
			return fmt.Errorf("an inactive key came back: %v", err)
		}
		return nil
	}
}

// bodyOf is the object of a turn, a few bytes or a few hundred thousand, or nil
// for none.
func bodyOf(worker, turn int) []byte {
	if turn%4 == 0 {
		return nil
	}
	return bytes.Repeat(fmt.Appendf(nil, "%d/%d;", worker, turn), 1+(turn*7919)%60_000)
}

func objectIs(key *string, may ...[]byte) fact {
	sum := func(b []byte) [sha256.Size]byte {
		if b == nil {
			return [sha256.Size]byte{}
		}
		return sha256.Sum256(b)
	}
	var sums [][sha256.Size]byte
	for _, b := range may {
		sums = append(sums, sum(b))
	}
	return func(ctx context.Context, n *node) error {
		var body []byte
		out, err := n.root().S3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: key})
		switch {
		case err == nil:
			defer out.Body.Close()
			if body, err = io.ReadAll(out.Body); err != nil {
				return err
			}
		case !refusedWith(err, "NoSuchKey"):
			return err
		}
		if !oneOf(sum(body), sums...) {
			return fmt.Errorf("the object has %d bytes that nobody stored", len(body))
		}
		return nil
	}
}
