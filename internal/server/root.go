package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gatehouse/internal/config"
	"gatehouse/internal/seal"
)

// Root is the root access key and where to use it.
type Root struct {
	AccessKeyID string `json:"accessKeyId"`
	SecretKey   string `json:"secretKey"`
	Region      string `json:"region"`
	Endpoint    string `json:"endpoint"`
}

const (
	rootFile    = "root.sealed"
	rootPurpose = "root credentials"
)

// openRoot makes or finds the root key, and leaves a sealed copy in the data
// folder: `gatehouse credentials` reads it on the host at any time, while the
// server runs and holds the store.
func (s *Server) openRoot(ctx context.Context) error {
	id, secret, err := s.iam.EnsureRoot(ctx)
	if err != nil {
		return fmt.Errorf("root key: %w", err)
	}
	s.iam.SetDevRoot(ctx, s.config.Dev)
	s.root = Root{AccessKeyID: id, SecretKey: secret, Region: s.config.Region, Endpoint: s.publicURL}
	text, err := json.Marshal(s.root)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(s.config.Data, rootFile), s.ring.Seal(rootPurpose, "", text))
}

// ReadRoot reads the root key of a data folder.
func ReadRoot(c *config.Config) (*Root, error) {
	sealed, err := os.ReadFile(filepath.Join(c.Data, rootFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no server's data in %s: start `gatehouse serve` once, or name its folder with --data", c.Data)
	}
	if err != nil {
		return nil, err
	}
	ring, err := seal.Open(RingConfig(c, time.Now))
	if err != nil {
		return nil, fmt.Errorf("open the key ring: %w", err)
	}
	text, err := ring.Open(rootPurpose, "", sealed)
	if err != nil {
		return nil, fmt.Errorf("the key ring is not the one of %s: %w", c.Data, err)
	}
	r := &Root{}
	return r, json.Unmarshal(text, r)
}

// replaceFile writes a file in one step, readable by its owner alone.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
