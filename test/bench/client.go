package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"
)

const (
	region  = "us-east-1"
	account = "123456789012"
)

// root is the key that --dev adds; the floor knows it too.
var root = aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}

// client calls one server. Requests are signed by the SDK's own signer.
type client struct {
	endpoint string
	http     *http.Client
	signer   *signer.Signer
}

func newClient(endpoint string, workers int) *client {
	return &client{endpoint: endpoint, signer: signer.NewSigner(), http: &http.Client{Timeout: time.Minute,
		Transport: &http.Transport{MaxIdleConns: 2 * workers, MaxIdleConnsPerHost: 2 * workers, DisableCompression: true}}}
}

const (
	userPools     = "AWSCognitoIdentityProviderService"
	identityPools = "AWSCognitoIdentityService"
	streams       = "Kinesis_20131202"
)

var signingNames = map[string]string{userPools: "cognito-idp", identityPools: "cognito-identity", streams: "kinesis"}

// call is one operation of a JSON service; by is nil for unsigned ones.
func (c *client) call(ctx context.Context, target, operation string, by *aws.Credentials, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target+"."+operation)
	text, err := c.send(r, signingNames[target], by, body)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// form is one operation of a query service.
func (c *client) form(ctx context.Context, service string, by aws.Credentials, values string) error {
	body := []byte(values)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	_, err = c.send(r, service, &by, body)
	return err
}

// fetch gets a path without credentials.
func (c *client) fetch(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint+path, nil)
	if err != nil {
		return err
	}
	_, err = c.send(r, "", nil, nil)
	return err
}

// object is a request for an S3 address by path.
func (c *client) object(ctx context.Context, method, path string, by aws.Credentials, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	_, err = c.send(r, "s3", &by, body)
	return err
}

func (c *client) send(r *http.Request, service string, by *aws.Credentials, body []byte) ([]byte, error) {
	if by != nil {
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:])
		if service == "s3" {
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		if err := c.signer.SignHTTP(r.Context(), *by, r, hash, service, region, time.Now()); err != nil {
			return nil, err
		}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("HTTP %d: %.300s", resp.StatusCode, text)
	}
	return text, err
}

// teach gives the floor an answer to encode.
func (c *client) teach(ctx context.Context, operation string, answer any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, c.endpoint+"/answer/"+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	_, err = c.send(r, "", nil, body)
	return err
}
