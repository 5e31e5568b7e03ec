package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gatehouse/internal/config"
	"gatehouse/internal/server"
)

const keyUsage = `Usage: gatehouse key <what> [options]

  ring         put a new sealing key at the head of the key ring; restart the servers to use it
  pool <id>    give a user pool new signing keys: published at once, used after an hour
  identities   give the identity pools' OpenID tokens a new signing key: published at once, used after an hour
  root         replace the root access key and print the new one

pool, identities and root open the data themselves: stop the server first, unless --database names PostgreSQL.
Options are those of serve; --data and --database say where the data is.
`

// key rotates keys and recovers root access, on the host.
func key(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		fmt.Fprint(stdout, keyUsage)
		if len(args) == 0 {
			return usageError{errors.New("say which key")}
		}
		return nil
	}
	what, args := args[0], args[1:]
	poolID := ""
	if what == "pool" {
		if len(args) == 0 {
			return usageError{errors.New("say which user pool: gatehouse key pool us-east-1_…")}
		}
		poolID, args = args[0], args[1:]
	}
	c, rest, err := config.Load("key "+what, args, stderr)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unexpected argument %q", rest[0])
	}
	if err != nil {
		return usageError{err}
	}
	switch what {
	case "ring":
		if err := server.RotateRing(c); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "The key ring has a new sealing key. Restart the servers that use it, and copy it to where its copies are.")
	case "pool":
		if err := server.RotatePoolKeys(ctx, c, poolID); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "User pool %s has new signing keys. They sign from in an hour; the old ones stay in the key set until their last token has ended.\n", poolID)
	case "identities":
		if err := server.RotateIdentityKeys(ctx, c); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "The identity pools have a new signing key. It signs from in an hour; the old one stays in the key set until its last token has ended.")
	case "root":
		r, err := server.ReplaceRoot(ctx, c)
		if err != nil {
			return err
		}
		return printRoot(stdout, r)
	default:
		return usageError{fmt.Errorf("there is no key %q: ring, pool, identities or root", what)}
	}
	return nil
}
