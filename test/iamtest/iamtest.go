// Package iamtest starts IAM and STS behind the real front door, on a store of
// the test's, for AWS's own clients to call.
//
// What a newcomer gets wrong: the server's clock is the test's. The clients
// sign by the same clock, so that moving it expires sessions and not requests.
package iamtest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	iamapi "gatehouse/internal/api/iam"
	stsapi "gatehouse/internal/api/sts"
	"gatehouse/internal/authz/access"
	sessions "gatehouse/internal/authz/credentials"
	"gatehouse/internal/edge/awsapi"
	"gatehouse/internal/event"
	iamservice "gatehouse/internal/service/iam"
	stsservice "gatehouse/internal/service/sts"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// Account is the account of every Server.
const Account = "123456789012"

// Server is IAM and STS on a loopback port.
type Server struct {
	URL    string
	DB     *store.DB
	IAM    *iamservice.Service
	STS    *stsservice.Service
	Access *access.Authorizer
	Issuer *sessions.Issuer
	// Root is the root user's key.
	Root aws.Credentials

	t     testing.TB
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

// Advance moves the server's clock.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// Each runs fn on a server on SQLite and on one on PostgreSQL. identities may be
// nil.
func Each(t *testing.T, identities stsservice.WebIdentities, fn func(t *testing.T, s *Server)) {
	t.Helper()
	storetest.EachConfig(t, func(t *testing.T, c store.Config) { fn(t, Start(t, c, identities)) })
}

// Start starts a server on a store.
func Start(t testing.TB, c store.Config, identities stsservice.WebIdentities) *Server {
	t.Helper()
	s := &Server{t: t}
	c.Now = s.Now
	s.DB = storetest.OpenConfig(t, c)
	s.IAM = iamservice.New(iamservice.Config{DB: s.DB, Account: Account, Now: s.Now})
	s.Access = access.NewAuthorizer(s.IAM, Account)
	s.Issuer = sessions.New(c.Ring)
	s.STS = stsservice.New(stsservice.Config{Roles: s.IAM, Access: s.Access, Credentials: s.Issuer, WebIdentities: identities, Account: Account, Now: s.Now})
	handler := awsapi.New(awsapi.Config{
		Services: []awsapi.Implementation{
			{API: iamapi.Service, Service: s.IAM, Checks: s.IAM.Checks, ValidationCode: "ValidationError"},
			{API: stsapi.Service, Service: s.STS, Checks: s.STS.Checks, SelfAuthorizing: stsservice.SelfAuthorizing, ValidationCode: "ValidationError"},
		},
		Auth:        access.NewAuthenticator(s.IAM, s.Issuer, s.Now, ""),
		Access:      s.Access,
		Log:         slog.New(slog.NewTextHandler(t.Output(), nil)),
		Busy:        func(err error) bool { return errors.Is(err, store.ErrBusy) },
		Unavailable: func(err error) bool { return errors.Is(err, store.ErrUnavailable) },
		Unlisted: func(service, op, code string) {
			t.Errorf("%s %s answered %s, which its model does not list", service, op, code)
		},
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, _ := event.New(r.Context(), "4442587F-B7D0-4A5D-BA9B-0E4E9FE3D2B2")
		handler.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	id, secret, err := s.IAM.EnsureRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Root = aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
	return s
}

// signer signs by the server's clock.
type signer struct {
	*v4.Signer
	now func() time.Time
}

func (g signer) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, o ...func(*v4.SignerOptions)) error {
	return g.Signer.SignHTTP(ctx, c, r, hash, service, region, g.now(), o...)
}

// IAMClient is AWS's client for IAM with credentials.
func (s *Server) IAMClient(c aws.Credentials) *iam.Client {
	return iam.New(iam.Options{BaseEndpoint: &s.URL, Region: "us-east-1", RetryMaxAttempts: 1, HTTPSignerV4: signer{v4.NewSigner(), s.Now},
		Credentials: credentials.StaticCredentialsProvider{Value: c}})
}

// STSClient is AWS's client for STS with credentials.
func (s *Server) STSClient(c aws.Credentials) *sts.Client {
	return sts.New(sts.Options{BaseEndpoint: &s.URL, Region: "us-east-1", RetryMaxAttempts: 1, HTTPSignerV4: signer{v4.NewSigner(), s.Now},
		Credentials: credentials.StaticCredentialsProvider{Value: c}})
}

// Credentials are an answer's in the form that clients take.
func Credentials(c *ststypes.Credentials) aws.Credentials {
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
}

// User makes a user with an inline policy (empty for none) and a key.
func (s *Server) User(name, document string) aws.Credentials {
	s.t.Helper()
	root, ctx := s.IAMClient(s.Root), s.t.Context()
	_, err := root.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
	if err == nil && document != "" {
		_, err = root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("own"), PolicyDocument: &document})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	k, err := root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		s.t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: *k.AccessKey.AccessKeyId, SecretAccessKey: *k.AccessKey.SecretAccessKey}
}

// Allow is a policy that allows one action on one resource.
func Allow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}}`
}

// Trust is a trust policy for AWS principals, with a Condition block or "".
func Trust(principal, action, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":` + action + condition + `}}`
}

// Want fails the test unless err is an API error of a code whose message is as
// given; an empty message is any.
func Want(t testing.TB, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	switch {
	case !errors.As(err, &e):
		t.Errorf("got %v, want %s", err, code)
	case e.ErrorCode() != code:
		t.Errorf("got %s (%s), want %s", e.ErrorCode(), e.ErrorMessage(), code)
	case message != "" && e.ErrorMessage() != message:
		t.Errorf("%s: got message\n\t%s\nwant\n\t%s", code, e.ErrorMessage(), message)
	}
}
