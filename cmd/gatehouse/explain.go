package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gatehouse/internal/config"
	"gatehouse/internal/server"
)

const explainUsage = `Usage: gatehouse explain [options] <request id>
       gatehouse explain [options] <principal ARN> <action> <resource> [key=value ...]

Asks the running server why a request was allowed or denied, or whether a principal may do something: the policies
considered, the statement that decided and the condition keys, in words. A server remembers its own last 1000 decisions:
of several on the same data, ask each.
The second form asks the policies of the principal and those of the resource: bucket policies, ACLs and Block Public
Access for s3, the role's trust policy for sts:AssumeRole and its like. The principal may also be anonymous, a service
such as lambda.amazonaws.com, or a provider such as cognito-identity.amazonaws.com. Session policies are not known;
condition keys of a request, such as aws:SourceIp=192.0.2.1, are given behind it.
Options are those of serve; --data says where the root key is.
`

// explain asks the server why, with the root key of the data folder.
func explain(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		fmt.Fprint(stdout, explainUsage)
		if len(args) == 0 {
			return usageError{errors.New("say which request, or who wants to do what")}
		}
		return nil
	}
	c, rest, err := config.Load("explain", args, stderr)
	if err != nil {
		return usageError{err}
	}
	q := url.Values{}
	switch {
	case len(rest) == 1:
		q.Set("request", rest[0])
	case len(rest) >= 3:
		q.Set("principal", rest[0])
		q.Set("action", rest[1])
		q.Set("resource", rest[2])
		q["context"] = rest[3:]
	default:
		return usageError{errors.New("give a request id, or a principal, an action and a resource")}
	}
	root, err := server.ReadRoot(c)
	if err != nil {
		return err
	}
	return ask(ctx, root, q, stdout)
}

func ask(ctx context.Context, root *server.Root, q url.Values, stdout io.Writer) error {
	// A "+" for a blank would not be what is signed.
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, root.Endpoint+"/_gatehouse/explain?"+strings.ReplaceAll(q.Encode(), "+", "%20"), nil)
	if err != nil {
		return err
	}
	empty := sha256.Sum256(nil)
	key := aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.SecretKey}
	if err := v4.NewSigner().SignHTTP(ctx, key, r, hex.EncodeToString(empty[:]), "gatehouse", root.Region, time.Now()); err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%w (is the server running?)", err)
	}
	defer resp.Body.Close()
	var out struct {
		Message   string   `json:"message"`
		Decisions []string `json:"decisions"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return fmt.Errorf("not an answer of gatehouse: %s", resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(out.Message)
	}
	_, err = fmt.Fprint(stdout, strings.Join(out.Decisions, "\n"))
	return err
}
