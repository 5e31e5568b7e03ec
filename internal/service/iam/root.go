package iam

import (
	"context"

	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/store"
)

// EnsureRoot is the root user's access key. The first start makes it; later
// ones, and other nodes on the same store, find it. Without an active one left
// it makes another.
func (s *Service) EnsureRoot(ctx context.Context) (accessKeyID, secret string, err error) {
	fresh := s.newKey(store.RootOwner)
	var k *store.IAMAccessKey
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		keys, err := store.IAMAccessKeys(tx, store.RootOwner)
		if err != nil {
			return err
		}
		for _, have := range keys {
			if have.Status == active {
				k = have
				return nil
			}
		}
		k = fresh
		return store.InsertIAMAccessKey(tx, k)
	})
	if err != nil {
		return "", "", err
	}
	return k.ID, k.Secret, nil
}

// NewRoot replaces the root user's access keys by a new one, for whoever has
// the host and lost the key.
func (s *Service) NewRoot(ctx context.Context) (accessKeyID, secret string, err error) {
	k := s.newKey(store.RootOwner)
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		keys, err := store.IAMAccessKeys(tx, store.RootOwner)
		if err != nil {
			return err
		}
		for _, old := range keys {
			if err := store.DeleteIAMAccessKey(tx, store.RootOwner, old.ID); err != nil {
				return err
			}
		}
		return store.InsertIAMAccessKey(tx, k)
	})
	return k.ID, k.Secret, err
}

// SetDevRoot has the root key "test" with the secret "test" accepted beside the
// others, or no longer. It is never stored: a start without --dev knows nothing
// of it.
func (s *Service) SetDevRoot(_ context.Context, enable bool) { s.devRoot.Store(enable) }

// newKey makes an active access key of an owner.
func (s *Service) newKey(ownerID string) *store.IAMAccessKey {
	return &store.IAMAccessKey{ID: credentials.KeyID("AKIA"), OwnerID: ownerID, Secret: credentials.NewSecret(), Status: active, CreatedAt: s.Now()}
}
