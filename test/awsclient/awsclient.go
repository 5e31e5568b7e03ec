// Package awsclient is AWS's own SDK for Go pointed at a gatehouse under test,
// and the one thing that the SDK lacks: the client's half of Cognito's SRP.
//
// What a newcomer gets wrong: the clients do not retry. A test that wants to
// know what the server answers must see the first answer.
package awsclient

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Target is where a server is.
type Target struct {
	URL    string
	Region string
	HTTP   *http.Client     // nil: the standard one
	Now    func() time.Time // when requests are signed; nil: now
}

// Clients are the SDK's clients with one caller's credentials.
type Clients struct {
	IDP      *idp.Client
	Identity *cognitoidentity.Client
	STS      *sts.Client
	IAM      *iam.Client
	S3       *s3.Client
	SSM      *ssm.Client
	Kinesis  *kinesis.Client

	target Target
	creds  aws.CredentialsProvider
	signer clockSigner
}

// New makes clients that sign with an access key.
func New(t Target, accessKeyID, secretKey, sessionToken string) *Clients {
	return newClients(t, credentials.NewStaticCredentialsProvider(accessKeyID, secretKey, sessionToken))
}

// Anonymous makes clients that sign nothing.
func Anonymous(t Target) *Clients { return newClients(t, aws.AnonymousCredentials{}) }

func newClients(t Target, creds aws.CredentialsProvider) *Clients {
	if t.HTTP == nil {
		t.HTTP = http.DefaultClient
	}
	if t.Now == nil {
		t.Now = time.Now
	}
	cfg := aws.Config{Region: t.Region, Credentials: creds, BaseEndpoint: &t.URL, HTTPClient: detached{t.HTTP},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	signer := clockSigner{v4.NewSigner(), t.Now}
	return &Clients{
		IDP:      idp.NewFromConfig(cfg, func(o *idp.Options) { o.HTTPSignerV4 = signer }),
		Identity: cognitoidentity.NewFromConfig(cfg, func(o *cognitoidentity.Options) { o.HTTPSignerV4 = signer }),
		STS:      sts.NewFromConfig(cfg, func(o *sts.Options) { o.HTTPSignerV4 = signer }),
		IAM:      iam.NewFromConfig(cfg, func(o *iam.Options) { o.HTTPSignerV4 = signer }),
		SSM:      ssm.NewFromConfig(cfg, func(o *ssm.Options) { o.HTTPSignerV4 = signer }),
		Kinesis:  kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.HTTPSignerV4 = signer }),
		S3: s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.UsePathStyle = true // "bucket.localhost" is not a name that Go resolves
			o.HTTPSignerV4 = clockSigner{v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), t.Now}
		}),
		target: t, creds: creds, signer: signer,
	}
}

// clockSigner signs at the time of the server's clock.
type clockSigner struct {
	*v4.Signer
	now func() time.Time
}

func (s clockSigner) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, payloadHash, service, region string, _ time.Time, opts ...func(*v4.SignerOptions)) error {
	return s.Signer.SignHTTP(ctx, c, r, payloadHash, service, region, s.now(), opts...)
}

// Sign signs a request that no SDK would make, with a body whose SHA-256 is
// payloadHash in hex.
func (c *Clients) Sign(r *http.Request, payloadHash, service string) error {
	creds, err := c.creds.Retrieve(r.Context())
	if err != nil {
		return err
	}
	return c.signer.SignHTTP(r.Context(), creds, r, payloadHash, service, c.target.Region, time.Time{})
}

// SignS3 is Sign in S3's form, which leaves the path as it is.
func (c *Clients) SignS3(r *http.Request, payloadHash string) error {
	creds, err := c.creds.Retrieve(r.Context())
	if err != nil {
		return err
	}
	signer := clockSigner{v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), c.target.Now}
	return signer.SignHTTP(r.Context(), creds, r, payloadHash, "s3", c.target.Region, time.Time{})
}
