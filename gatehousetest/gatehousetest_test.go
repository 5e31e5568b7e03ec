package gatehousetest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/gatehousetest"
	"gatehouse/test/awsclient"
)

// TestStart is what somebody's own test does: a sign-up, the code from the
// inbox, and time that passes.
func TestStart(t *testing.T) {
	s := gatehousetest.Start(t, gatehousetest.Account("123456789012"), gatehousetest.Region("eu-west-1"))
	target := awsclient.Target{URL: s.URL, Region: s.Region, Now: s.Now}
	root, anyone := awsclient.New(target, s.AccessKeyID, s.SecretKey, "").IDP, awsclient.Anonymous(target).IDP
	pool, err := root.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("people"), AutoVerifiedAttributes: []types.VerifiedAttributeType{"email"}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := root.CreateUserPoolClient(t.Context(), &idp.CreateUserPoolClientInput{UserPoolId: pool.UserPool.Id, ClientName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	const address = "ann@example.com"
	before := s.Messages("")
	if _, err := anyone.SignUp(t.Context(), &idp.SignUpInput{ClientId: client.UserPoolClient.ClientId, Username: aws.String("ann"), Password: aws.String("Correct-Horse-7"),
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(address)}}}); err != nil {
		t.Fatal(err)
	}
	code := s.Code(address)
	m := s.Messages(address)
	if len(before) != 0 || len(m) != 1 || m[0].Code != code || m[0].Channel != "email" || m[0].Username != "ann" || m[0].PoolID != *pool.UserPool.Id ||
		m[0].Trigger != "CustomMessage_SignUp" || m[0].Body != "Your confirmation code is "+code {
		t.Errorf("the inbox holds %+v", m)
	}
	confirm := func() error {
		_, err := anyone.ConfirmSignUp(t.Context(), &idp.ConfirmSignUpInput{ClientId: client.UserPoolClient.ClientId, Username: aws.String("ann"), ConfirmationCode: &code})
		return err
	}
	s.Advance(25 * time.Hour)
	if time.Until(s.Now()) < 24*time.Hour {
		t.Errorf("the server's time is %v", s.Now())
	}
	if confirm() == nil {
		t.Error("a code of yesterday was taken")
	}

	// The next server goes on with the folder.
	s.Stop()
	if _, err := http.Get(s.URL); err == nil {
		t.Error("a stopped server answers")
	}
	s = gatehousetest.Start(t, gatehousetest.Data(s.Data))
	target.URL, target.Now = s.URL, s.Now
	if _, err := awsclient.New(target, s.AccessKeyID, s.SecretKey, "").IDP.AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: pool.UserPool.Id, Username: aws.String("ann")}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	resp, err := s.Client().Get(s.Host("nothing.s3." + s.Region))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusForbidden {
		t.Errorf("a bucket that is not there: %d", resp.StatusCode)
	}
}

// recorder is a testing.TB that remembers that it has failed.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Errorf(string, ...any) { r.errors++ }

// TestStart_faults: a server that breaks fails the test that started it.
func TestStart_faults(t *testing.T) {
	for name, c := range map[string]struct {
		opts []gatehousetest.Option
		want int
	}{"by default": {nil, 1}, "not when it was meant": {[]gatehousetest.Option{gatehousetest.ExpectFaults()}, 0}} {
		r := &recorder{TB: t}
		s := gatehousetest.Start(r, c.opts...)
		gatehousetest.Break(s)
		if (r.errors > 0) != (c.want > 0) {
			t.Errorf("%s: %d errors", name, r.errors)
		}
	}
}
