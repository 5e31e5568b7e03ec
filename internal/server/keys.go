package server

import (
	"context"
	"fmt"
	"log/slog"

	"gatehouse/internal/authn/token"
	"gatehouse/internal/config"
	"gatehouse/internal/engine"
	"gatehouse/internal/seal"
	"gatehouse/internal/service/iam"
	"gatehouse/internal/service/identitypool"
	"gatehouse/internal/store"
)

// RotateRing puts a new sealing key at the head of the key ring of a data
// folder. Servers that run use it from their next start; what was sealed
// before still opens.
func RotateRing(c *config.Config) error {
	clock := &Clock{}
	ring, err := seal.Open(RingConfig(c, clock.Now))
	if err != nil {
		return err
	}
	if ring.Fresh() {
		return fmt.Errorf("there is no key ring in %s: start `gatehouse serve` once, or name its folder with --data", c.Data)
	}
	return ring.Rotate(clock.Now())
}

// offline opens the data without serving it. With the embedded store that
// works only while no server runs.
func offline(ctx context.Context, c *config.Config) (*Server, error) {
	s := &Server{config: c, log: slog.New(slog.DiscardHandler), clock: &Clock{}}
	if _, err := ReadRoot(c); err != nil {
		return nil, err
	}
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// RotatePoolKeys gives a user pool new signing keys: published at once, used
// after an hour.
func RotatePoolKeys(ctx context.Context, c *config.Config, poolID string) error {
	s, err := offline(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	s.tokens = token.New(token.Config{DB: s.db, Ring: s.ring, Engine: engine.Default(), Now: s.clock.Now})
	return s.RotateKeys(ctx, poolID)
}

// RotateIdentityKeys gives the identity pools, which share one key set, a new
// signing key: published at once, used after an hour.
func RotateIdentityKeys(ctx context.Context, c *config.Config) error {
	s, err := offline(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	return identitypool.New(identitypool.Config{DB: s.db, Ring: s.ring, Region: c.Region, Account: c.Account, Now: s.clock.Now}).RotateOpenIDKeys(ctx)
}

// RotateKeys is RotatePoolKeys of a server that runs.
func (s *Server) RotateKeys(ctx context.Context, poolID string) error {
	if err := s.db.Read(ctx, func(tx *store.Tx) error { _, err := store.UserPoolByID(tx, poolID); return err }); err != nil {
		return fmt.Errorf("user pool %s: %w", poolID, err)
	}
	return s.tokens.Rotate(ctx, poolID)
}

// ReplaceRoot makes a new root access key and forgets the old one.
func ReplaceRoot(ctx context.Context, c *config.Config) (*Root, error) {
	old, err := ReadRoot(c)
	if err != nil {
		return nil, err
	}
	s, err := offline(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.publicURL = old.Endpoint
	s.iam = iam.New(iam.Config{DB: s.db, Account: c.Account, Now: s.clock.Now})
	if _, _, err := s.iam.NewRoot(ctx); err != nil {
		return nil, err
	}
	if err := s.openRoot(ctx); err != nil {
		return nil, err
	}
	return &s.root, nil
}
