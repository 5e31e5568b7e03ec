package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// The SDK for S3 would be a tenth of the program. A dozen requests are signed
// here by AWS's own signer instead.

// request is one to S3, by path.
type request struct {
	method, target string // "/bucket/key?acl"
	header, value  string // one header besides those of the signature; may be ""
	body           string
}

// s3 sends a request with the credentials of c.
func (d *Demo) s3(ctx context.Context, c aws.Config, q request) error {
	r, err := http.NewRequestWithContext(ctx, q.method, d.target.Endpoint+q.target, strings.NewReader(q.body))
	if err != nil {
		return err
	}
	if q.header != "" {
		r.Header.Set(q.header, q.value)
	}
	keys, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(q.body))
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(ctx, keys, r, hash, "s3", d.target.Region, time.Now()); err != nil {
		return err
	}
	resp, err := d.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode < 300 {
		return err
	}
	var fault struct{ Code, Message string }
	if err := xml.Unmarshal(b, &fault); err != nil || fault.Code == "" {
		return httpError(resp.StatusCode)
	}
	return &smithy.GenericAPIError{Code: fault.Code, Message: fault.Message}
}

// all sends requests with the root key, one after the other.
func (d *Demo) all(ctx context.Context, list ...request) error {
	for _, q := range list {
		if err := d.s3(ctx, d.root, q); err != nil {
			return fmt.Errorf("%s %s: %w", q.method, q.target, err)
		}
	}
	return nil
}
