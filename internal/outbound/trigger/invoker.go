package trigger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Invoker runs a function and waits for its answer. Errors other than those
// below mean that the function could not be run.
type Invoker interface {
	Invoke(ctx context.Context, functionARN string, event []byte) (Result, error)
}

// Result is the answer of a function that ran.
type Result struct {
	Payload []byte
	// FunctionError is not empty when the function raised an error, which is
	// the payload then.
	FunctionError string
}

// What an Invoker can report of a function that gave no answer.
var (
	ErrTimeout    = errors.New("the function did not answer in time")
	ErrNoFunction = errors.New("there is no such function, or it may not be called")
	ErrTooLarge   = errors.New("the function's answer is too large")
)

// MaxAnswer bounds a function's answer, in bytes: Lambda's own limit.
const MaxAnswer = 6 << 20

// HTTPConfig says where functions are.
type HTTPConfig struct {
	Endpoint string        // URL of a service that speaks AWS Lambda's Invoke API
	Timeout  time.Duration // of one try; 0: 5 seconds, Cognito's
	Tries    int           // of calls that time out; 0: 3, Cognito's
}

// HTTP is an Invoker over AWS Lambda's Invoke API. Requests are not signed: the
// endpoint is the operator's own.
type HTTP struct {
	config HTTPConfig
	client *http.Client
}

// NewHTTP returns an Invoker over HTTP.
func NewHTTP(c HTTPConfig) *HTTP {
	c.Endpoint = strings.TrimRight(c.Endpoint, "/")
	c.Timeout, c.Tries = cmp.Or(c.Timeout, 5*time.Second), cmp.Or(c.Tries, 3)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64 // every sign-in calls the one host
	return &HTTP{config: c, client: &http.Client{Transport: transport,
		// A redirect would carry passwords and attributes to an address that
		// nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Invoke calls a function, again only when it does not answer in time: one that
// answers an error may have done its work.
func (h *HTTP) Invoke(ctx context.Context, functionARN string, event []byte) (r Result, err error) {
	for range h.config.Tries {
		r, err = h.try(ctx, functionARN, event)
		if !errors.Is(err, ErrTimeout) || ctx.Err() != nil {
			break
		}
	}
	return r, err
}

func (h *HTTP) try(ctx context.Context, functionARN string, event []byte) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, h.config.Timeout)
	defer cancel()
	// QueryEscape writes the colons of an ARN as SDKs do.
	address := h.config.Endpoint + "/2015-03-31/functions/" + url.QueryEscape(functionARN) + "/invocations"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(event))
	if err != nil {
		return Result{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Amz-Invocation-Type", "RequestResponse")
	resp, err := h.client.Do(r)
	if err != nil {
		return Result{}, late(ctx, err)
	}
	defer resp.Body.Close()
	payload, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return Result{}, late(ctx, err)
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusForbidden:
		return Result{}, ErrNoFunction
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return Result{}, fmt.Errorf("the Lambda endpoint answered %s", resp.Status)
	case len(payload) > MaxAnswer:
		return Result{}, ErrTooLarge
	}
	return Result{Payload: payload, FunctionError: resp.Header.Get("X-Amz-Function-Error")}, nil
}

// late is ErrTimeout for an error that the end of the time caused. The error of
// the client would tell the address.
func late(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err
}
