package main

import (
	"context"
	"fmt"
	"io"

	"gatehouse/internal/server"
)

// printCredentials prints shell exports of the root key.
func printCredentials(_ context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := load("credentials", args, stderr)
	if err != nil {
		return err
	}
	r, err := server.ReadRoot(c)
	if err != nil {
		return err
	}
	return printRoot(stdout, r)
}

// printRoot prints a root key as shell exports.
func printRoot(w io.Writer, r *server.Root) error {
	_, err := fmt.Fprintf(w, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_REGION=%s\nexport AWS_DEFAULT_REGION=%s\nexport AWS_ENDPOINT_URL=%s\n",
		r.AccessKeyID, r.SecretKey, r.Region, r.Region, r.Endpoint)
	return err
}

func version(_ context.Context, args []string, stdout, stderr io.Writer) error {
	if _, err := load("version", args, stderr); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, "gatehouse", server.Version)
	return err
}
