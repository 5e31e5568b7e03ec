// Package demo shows what gatehouse does: it sets up two walk-throughs on a
// running server through the public API, with AWS's own SDK, runs every call
// that must succeed and every call that must be denied, and prints a table.
//
// What a newcomer gets wrong: the demo is a client. It knows the server by its
// address and a root key, and has no other way in.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
)

// Target is the server that the demo runs against. It is a --dev server: the
// demo reads its outbox as a person would read mail.
type Target struct {
	Endpoint   string // http://localhost:4566
	Region     string
	Account    string
	BaseDomain string
	AccessKey  string
	SecretKey  string
	// MayAdvance lets the demo move the server's clock, to show what expires.
	MayAdvance bool
}

// Result is one row of the table.
type Result struct {
	Walk, Call, Who, Expected, Got string
}

// OK reports whether the call did what it must.
func (r Result) OK() bool { return r.Expected == r.Got }

// allowed is what Got says of a call that succeeded; a denied call's is the
// error code that a client sees.
const allowed = "allowed"

// Demo runs the walk-throughs.
type Demo struct {
	target  Target
	http    *http.Client
	results []Result
	walk    string

	users      *cip.Client
	identities *cognitoidentity.Client
	iam        *iam.Client
	root       aws.Config

	// Page is the address of the sample page, once the first walk-through has
	// put it there.
	Page string
}

// New returns a Demo of a target.
func New(t Target) *Demo {
	d := &Demo{target: t, http: &http.Client{Timeout: 30 * time.Second}}
	d.root = d.config(t.AccessKey, t.SecretKey, "")
	d.users = cip.NewFromConfig(d.root)
	d.identities = cognitoidentity.NewFromConfig(d.root)
	d.iam = iam.NewFromConfig(d.root)
	return d
}

func (d *Demo) config(id, secret, token string) aws.Config {
	return aws.Config{Region: d.target.Region, BaseEndpoint: &d.target.Endpoint, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token), HTTPClient: d.http}
}

// Run runs both walk-throughs and returns the table. The error is of setting
// up, which has no expected failures.
func (d *Demo) Run(ctx context.Context) ([]Result, error) {
	if err := d.signInAndList(ctx); err != nil {
		return d.results, fmt.Errorf("walk-through W1: %w", err)
	}
	if err := d.tokensForCredentials(ctx); err != nil {
		return d.results, fmt.Errorf("walk-through W2: %w", err)
	}
	return d.results, nil
}

// expect runs a call and records whether it did what it must.
func (d *Demo) expect(want, who, call string, run func() error) error {
	err := run()
	d.results = append(d.results, Result{Walk: d.walk, Call: call, Who: who, Expected: want, Got: codeOf(err)})
	return err
}

// codeOf is the error code as SDKs see it.
func codeOf(err error) string {
	if err == nil {
		return allowed
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return err.Error()
}

// httpError is a plain HTTP answer that is no success.
type httpError int

func (e httpError) Error() string { return fmt.Sprintf("HTTP %d", int(e)) }

// get fetches a page without credentials.
func (d *Demo) get(ctx context.Context, address, host string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if host != "" {
		r.Host = host
	}
	resp, err := d.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return httpError(resp.StatusCode)
	}
	return nil
}

// websiteHost is the host name of a bucket's website.
func (d *Demo) websiteHost(bucket string) string {
	u, err := url.Parse(d.target.Endpoint)
	if err != nil {
		return ""
	}
	host := bucket + ".s3-website." + d.target.Region + "." + d.target.BaseDomain
	if p := u.Port(); p != "" {
		host += ":" + p
	}
	return host
}

// code reads the newest code that was sent to an address.
func (d *Demo) code(ctx context.Context, to string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.target.Endpoint+"/_gatehouse/outbox?limit=1&to="+url.QueryEscape(to), nil)
	if err != nil {
		return "", err
	}
	resp, err := d.http.Do(r)
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
		return "", fmt.Errorf("no message to %s in the outbox", to)
	}
	return list[0].Code, nil
}

// advance moves the server's clock.
func (d *Demo) advance(ctx context.Context, by time.Duration) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.target.Endpoint+"/_gatehouse/clock", strings.NewReader(`{"advance":"`+by.String()+`"}`))
	if err != nil {
		return err
	}
	resp, err := d.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return httpError(resp.StatusCode)
	}
	return nil
}

// provider is a user pool's key in Logins.
func (d *Demo) provider(poolID string) string {
	return "cognito-idp." + d.target.Region + ".amazonaws.com/" + poolID
}

// trust is the trust policy of a role of an identity pool.
func trust(identityPool, amr string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},` +
		`"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"` + identityPool + `"},` +
		`"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"` + amr + `"}}}]}`
}

// role makes a role of an identity pool with an inline policy and returns its
// ARN.
func (d *Demo) role(ctx context.Context, name, identityPool, amr, document string) (string, error) {
	out, err := d.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust(identityPool, amr))})
	if err != nil {
		return "", err
	}
	_, err = d.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("inline"), PolicyDocument: &document})
	return *out.Role.Arn, err
}
