package iam

import (
	"context"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/store"
)

const (
	active        = string(iam.StatusTypeActive)
	maxAccessKeys = 2
)

// keyOwner is whose keys an operation means: the user it names, or the caller.
// name is nil for the root user, who has none.
func (s *Service) keyOwner(ctx context.Context, tx *store.Tx, userName *string) (id string, name *string, err error) {
	u, err := s.userOrCaller(ctx, tx, userName)
	switch {
	case err != nil:
		return "", nil, err
	case u == nil:
		return store.RootOwner, nil, nil
	}
	return u.ID, new(u.Name), nil
}

func keyNotFound(id string) error {
	return &iam.NoSuchEntityException{Message: "The Access Key with id " + id + " cannot be found."}
}

// CreateAccessKey makes a key. Its secret is in this answer and in no other.
func (s *Service) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	k := s.newKey("")
	var name *string
	err := s.DB.Write(ctx, func(tx *store.Tx) (err error) {
		if k.OwnerID, name, err = s.keyOwner(ctx, tx, in.UserName); err != nil {
			return err
		}
		have, err := store.IAMAccessKeys(tx, k.OwnerID)
		if err != nil {
			return err
		}
		if len(have) >= maxAccessKeys {
			return limitExceeded("Cannot exceed quota for AccessKeysPerUser: 2")
		}
		return store.InsertIAMAccessKey(tx, k)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: &iam.AccessKey{UserName: name, AccessKeyId: new(k.ID), SecretAccessKey: new(api.Secret(k.Secret)),
		Status: new(iam.StatusType(k.Status)), CreateDate: api.At(k.CreatedAt)}}, nil
}

// ListAccessKeys lists a user's keys without their secrets.
func (s *Service) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	out := &iam.ListAccessKeysOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		owner, name, err := s.keyOwner(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		keys, err := store.IAMAccessKeys(tx, owner)
		if err != nil {
			return err
		}
		keys, out.IsTruncated, out.Marker, err = slice(keys, in.MaxItems, in.Marker)
		out.AccessKeyMetadata = mapped(keys, func(k *store.IAMAccessKey) iam.AccessKeyMetadata {
			return iam.AccessKeyMetadata{UserName: name, AccessKeyId: new(k.ID), Status: new(iam.StatusType(k.Status)), CreateDate: api.At(k.CreatedAt)}
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateAccessKey makes a key inactive, which acts at once, or active again.
func (s *Service) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	return &iam.UpdateAccessKeyOutput{}, s.workKey(ctx, in.UserName, *in.AccessKeyId, func(tx *store.Tx, owner string) error {
		return store.SetIAMAccessKeyStatus(tx, owner, *in.AccessKeyId, string(*in.Status))
	})
}

// DeleteAccessKey removes a key.
func (s *Service) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return &iam.DeleteAccessKeyOutput{}, s.workKey(ctx, in.UserName, *in.AccessKeyId, func(tx *store.Tx, owner string) error {
		return store.DeleteIAMAccessKey(tx, owner, *in.AccessKeyId)
	})
}

func (s *Service) workKey(ctx context.Context, userName *string, id string, fn func(tx *store.Tx, owner string) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		owner, _, err := s.keyOwner(ctx, tx, userName)
		if err != nil {
			return err
		}
		err = fn(tx, owner)
		if errors.Is(err, store.ErrNotFound) {
			return keyNotFound(id)
		}
		return err
	})
}

// GetAccessKeyLastUsed says when and where a key last signed a request, to the
// minute. A key that is not here is refused as a forbidden one, as on AWS: the
// model lists no exception.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	out := &iam.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: &iam.AccessKeyLastUsed{ServiceName: new("N/A"), Region: new("N/A")}}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		k, err := store.IAMAccessKeyByID(tx, *in.AccessKeyId)
		if errors.Is(err, store.ErrNotFound) {
			return access.Denied("User: " + access.FromContext(ctx).Principal.ARN +
				" is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key " + *in.AccessKeyId)
		}
		if err != nil {
			return err
		}
		if k.OwnerID != store.RootOwner {
			u, err := store.IAMEntityByID(tx, k.OwnerID)
			if err != nil {
				return err
			}
			out.UserName = new(u.Name)
		}
		if !k.UsedAt.IsZero() {
			out.AccessKeyLastUsed = &iam.AccessKeyLastUsed{LastUsedDate: api.At(k.UsedAt), ServiceName: new(k.UsedService), Region: new(k.UsedRegion)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
