package iam

import (
	"context"

	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// Of some things an account here has none: users have no passwords, devices,
// certificates or keys for other services, since there is no console and no
// other service to sign in to; and there are no machines that instance profiles
// could be for. Whoever asks is told so, because clients do ask before they
// remove a user or a role. What would make such a thing is not there: it answers
// InvalidAction, rather than keep what nothing honours.

func loginProfileNotFound(name string) error {
	return &iam.NoSuchEntityException{Message: "Login Profile for User " + name + " cannot be found."}
}

// noLoginProfile is the answer about the password of a user, or of the caller.
func (s *Service) noLoginProfile(ctx context.Context, userName *string) error {
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		u, err := s.userOrCaller(ctx, tx, userName)
		if err != nil {
			return err
		}
		if u == nil {
			return loginProfileNotFound("root")
		}
		return loginProfileNotFound(u.Name)
	})
}

// GetLoginProfile finds no password.
func (s *Service) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	return nil, s.noLoginProfile(ctx, in.UserName)
}

// UpdateLoginProfile finds no password to change.
func (s *Service) UpdateLoginProfile(ctx context.Context, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	return nil, s.noLoginProfile(ctx, in.UserName)
}

// DeleteLoginProfile finds no password to remove.
func (s *Service) DeleteLoginProfile(ctx context.Context, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	return nil, s.noLoginProfile(ctx, in.UserName)
}

// hasUser answers for a list about a user, or about the caller: the list is
// empty if there is the user at all.
func (s *Service) hasUser(ctx context.Context, userName *string) error {
	return s.DB.Read(ctx, func(tx *store.Tx) error {
		_, err := s.userOrCaller(ctx, tx, userName)
		return err
	})
}

// ListMFADevices lists a user's devices, of which there are none.
func (s *Service) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	if err := s.hasUser(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListMFADevicesOutput{MFADevices: []iam.MFADevice{}, IsTruncated: new(false)}, nil
}

// ListVirtualMFADevices lists the account's devices, of which there are none.
func (s *Service) ListVirtualMFADevices(context.Context, *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	return &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []iam.VirtualMFADevice{}, IsTruncated: new(false)}, nil
}

// ListSSHPublicKeys lists a user's keys for CodeCommit, of which there are none.
func (s *Service) ListSSHPublicKeys(ctx context.Context, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	if err := s.hasUser(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []iam.SSHPublicKeyMetadata{}, IsTruncated: new(false)}, nil
}

// ListSigningCertificates lists a user's certificates, of which there are none.
func (s *Service) ListSigningCertificates(ctx context.Context, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	if err := s.hasUser(ctx, in.UserName); err != nil {
		return nil, err
	}
	return &iam.ListSigningCertificatesOutput{Certificates: []iam.SigningCertificate{}, IsTruncated: new(false)}, nil
}

// ListServiceSpecificCredentials lists a user's passwords of single services, of
// which there are none.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	if in.AllUsers == nil || !*in.AllUsers {
		if err := s.hasUser(ctx, in.UserName); err != nil {
			return nil, err
		}
	}
	return &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []iam.ServiceSpecificCredentialMetadata{}, IsTruncated: new(false)}, nil
}

// ListServerCertificates lists the account's certificates, of which there are
// none.
func (s *Service) ListServerCertificates(context.Context, *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	return &iam.ListServerCertificatesOutput{ServerCertificateMetadataList: []iam.ServerCertificateMetadata{}, IsTruncated: new(false)}, nil
}

// GetInstanceProfile finds no instance profile.
func (s *Service) GetInstanceProfile(_ context.Context, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	return nil, &iam.NoSuchEntityException{Message: "Instance Profile " + *in.InstanceProfileName + " cannot be found."}
}

// ListInstanceProfiles lists instance profiles, of which there are none.
func (s *Service) ListInstanceProfiles(context.Context, *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: []iam.InstanceProfile{}, IsTruncated: new(false)}, nil
}

// ListInstanceProfilesForRole lists the instance profiles of a role, of which
// there are none.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	err := s.look(ctx, store.IAMRole, in.RoleName, func(*store.Tx, *store.IAMEntity) error { return nil })
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []iam.InstanceProfile{}, IsTruncated: new(false)}, nil
}
