package userpool

import (
	"context"
	"errors"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// AdminCreateUser makes a user with a temporary password, to be changed at the
// first sign-in, and invites the user.
func (s *Service) AdminCreateUser(ctx context.Context, in *cognitoidp.AdminCreateUserInput) (*cognitoidp.AdminCreateUserOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	action := api.Value(in.MessageAction)
	if action == cognitoidp.MessageActionTypeResend {
		return s.resendInvitation(ctx, p, in)
	}
	if err := s.freeName(ctx, p, string(*in.Username)); err != nil {
		return nil, err
	}
	u, err := newUser(p, string(*in.Username), attributes(in.UserAttributes))
	if err != nil {
		return nil, err
	}
	var temporary string
	if in.TemporaryPassword == nil && action == cognitoidp.MessageActionTypeSuppress && passwordless(p, u) {
		u.Status = string(cognitoidp.UserStatusTypeConfirmed)
	} else {
		if temporary, err = s.temporaryPassword(ctx, p, u, in.TemporaryPassword); err != nil {
			return nil, err
		}
		u.Status = string(cognitoidp.UserStatusTypeForceChangePassword)
	}
	exists := &cognitoidp.UsernameExistsException{Message: "User account already exists"}
	call := trigger.Call{Pool: p, User: u, Metadata: in.ClientMetadata}
	// The function may refuse the user; an administrator's user needs no other
	// decision of it.
	if _, err := s.preSignUp(ctx, &call, "PreSignUp_AdminCreateUser", string(*in.Username), in.ValidationData, exists); err != nil {
		return nil, err
	}
	err = s.sending(ctx, call, func(said texts) error {
		return s.DB.Write(ctx, func(tx *store.Tx) error {
			if api.Value(in.ForceAliasCreation) {
				if err := s.takeAliases(tx, p, u); err != nil {
					return err
				}
			}
			if err := insertUser(tx, p, u); err != nil {
				return err
			}
			if action == cognitoidp.MessageActionTypeSuppress {
				return nil
			}
			return s.invitation(tx, p, u, string(*in.Username), temporary, in.DesiredDeliveryMediums, said)
		})
	})
	var alias *cognitoidp.AliasExistsException
	if errors.As(err, &alias) {
		// The model lists no AliasExistsException for this operation, whatever
		// the text about ForceAliasCreation says.
		return nil, &cognitoidp.UsernameExistsException{Message: alias.Message}
	}
	if err != nil {
		return nil, taken(err, exists)
	}
	s.counts.changed()
	s.Delivery.Wake()
	return &cognitoidp.AdminCreateUserOutput{User: userType(u)}, nil
}

// passwordless reports whether a new user needs no password: codes to a
// verified address sign the user in (auth-flows.md, section 7).
func passwordless(p *pool.Pool, u *store.User) bool {
	name, err := p.FirstAddress(u)
	if err != nil {
		return false
	}
	verified, _ := u.Attribute(name + "_verified")
	return verified == "true"
}

// temporaryPassword checks the one that was given or makes one.
func (s *Service) temporaryPassword(ctx context.Context, p *pool.Pool, u *store.User, given *api.Secret) (string, error) {
	temporary := string(api.Value(given))
	if temporary == "" {
		temporary = s.SignIn.GeneratePassword(p)
	}
	return temporary, s.setPassword(ctx, p, u, temporary)
}

// takeAliases takes the verified aliases that a new user claims from those who
// hold them.
func (s *Service) takeAliases(tx *store.Tx, p *pool.Pool, u *store.User) error {
	for name, value := range p.Aliases(u) {
		holder, err := store.UserByAlias(tx, p.ID, name, value)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.changeUser(tx, p, holder, func(h *store.User) error {
			h.SetAttribute(name+"_verified", "false")
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// resendInvitation gives an invited user a new temporary password.
func (s *Service) resendInvitation(ctx context.Context, p *pool.Pool, in *cognitoidp.AdminCreateUserInput) (*cognitoidp.AdminCreateUserOutput, error) {
	_, found, err := s.findUser(ctx, p.ID, string(*in.Username))
	if err != nil {
		return nil, err
	}
	if found.Status != string(cognitoidp.UserStatusTypeForceChangePassword) {
		return nil, &cognitoidp.UnsupportedUserStateException{Message: "Resend not possible. " + found.Username + " status is " + found.Status}
	}
	temporary, err := s.temporaryPassword(ctx, p, found, in.TemporaryPassword)
	if err != nil {
		return nil, err
	}
	err = s.sending(ctx, trigger.Call{Pool: p, Metadata: in.ClientMetadata}, func(said texts) error {
		return s.knownUser(ctx, p, found.Sub, func(tx *store.Tx, p *pool.Pool, u *store.User) error {
			if u.Status != found.Status {
				return &cognitoidp.UnsupportedUserStateException{Message: "Resend not possible. " + u.Username + " status is " + u.Status}
			}
			if err := signin.SetPassword(tx, p, u, found.Password); err != nil {
				return err
			}
			return s.invitation(tx, p, u, string(*in.Username), temporary, in.DesiredDeliveryMediums, said)
		})
	})
	if err != nil {
		return nil, err
	}
	s.Delivery.Wake()
	return &cognitoidp.AdminCreateUserOutput{User: userType(found)}, nil
}

// userType is a user as administrators see one.
func userType(u *store.User) *cognitoidp.UserType {
	return &cognitoidp.UserType{Username: new(api.Secret(u.Username)), Attributes: shown(u, func(string) bool { return true }),
		UserCreateDate: api.At(u.CreatedAt), UserLastModifiedDate: api.At(u.Updated), Enabled: new(u.Enabled),
		UserStatus: new(cognitoidp.UserStatusType(u.Status))}
}

// findUser reads a user by name for an administrator.
func (s *Service) findUser(ctx context.Context, poolID, name string) (*pool.Pool, *store.User, error) {
	p, err := s.Pools.Pool(ctx, poolID)
	if err != nil {
		return nil, nil, err
	}
	var u *store.User
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		u, err = p.FindUser(tx, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = errUserNotFound
	}
	return p, u, err
}

// AdminGetUser shows a user with all attributes.
func (s *Service) AdminGetUser(ctx context.Context, in *cognitoidp.AdminGetUserInput) (*cognitoidp.AdminGetUserOutput, error) {
	p, u, err := s.findUser(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, err
	}
	t := userType(u)
	out := &cognitoidp.AdminGetUserOutput{Username: t.Username, UserAttributes: t.Attributes, UserCreateDate: t.UserCreateDate,
		UserLastModifiedDate: t.UserLastModifiedDate, Enabled: t.Enabled, UserStatus: t.UserStatus}
	out.UserMFASettingList, out.PreferredMfaSetting, err = s.factors(ctx, p, u)
	return out, err
}

// AdminSetUserPassword sets a password, permanent or temporary.
func (s *Service) AdminSetUserPassword(ctx context.Context, in *cognitoidp.AdminSetUserPasswordInput) (*cognitoidp.AdminSetUserPasswordOutput, error) {
	p, found, err := s.findUser(ctx, *in.UserPoolId, string(*in.Username))
	if err != nil {
		return nil, err
	}
	if err := s.setPassword(ctx, p, found, string(*in.Password)); err != nil {
		return nil, err
	}
	// A temporary one does not last.
	if api.Value(in.Permanent) {
		if err := s.refuseLeaked(ctx, p, nil, nil, cognitoidp.EventFilterTypePasswordChange, string(*in.Password)); err != nil {
			return nil, err
		}
	}
	err = s.knownUser(ctx, p, found.Sub, func(tx *store.Tx, p *pool.Pool, u *store.User) error {
		if err := signin.SetPassword(tx, p, u, found.Password); err != nil {
			return err
		}
		u.Counter = store.FailureCounter{}
		u.Status = string(cognitoidp.UserStatusTypeForceChangePassword)
		if api.Value(in.Permanent) {
			u.Status = string(cognitoidp.UserStatusTypeConfirmed)
		}
		return nil
	})
	return &cognitoidp.AdminSetUserPasswordOutput{}, err
}

// AdminConfirmSignUp confirms a user and verifies nothing.
func (s *Service) AdminConfirmSignUp(ctx context.Context, in *cognitoidp.AdminConfirmSignUpInput) (*cognitoidp.AdminConfirmSignUpOutput, error) {
	call := trigger.Call{Metadata: in.ClientMetadata}
	err := s.adminUser(ctx, *in.UserPoolId, string(*in.Username), func(_ *store.Tx, p *pool.Pool, u *store.User) error {
		if u.Status != string(cognitoidp.UserStatusTypeUnconfirmed) {
			return notAuthorized("User cannot be confirmed. Current status is " + u.Status)
		}
		u.Status = string(cognitoidp.UserStatusTypeConfirmed)
		call.Pool, call.User = p, u
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminConfirmSignUpOutput{}, s.Triggers.PostConfirmation(ctx, &call, "PostConfirmation_ConfirmSignUp")
}

// AdminDisableUser locks a user out and ends the user's sessions. Enabling
// again does not bring them back.
func (s *Service) AdminDisableUser(ctx context.Context, in *cognitoidp.AdminDisableUserInput) (*cognitoidp.AdminDisableUserOutput, error) {
	err := s.adminUser(ctx, *in.UserPoolId, string(*in.Username), func(tx *store.Tx, p *pool.Pool, u *store.User) error {
		u.Enabled = false
		if err := store.DeleteLogins(tx, p.ID, u.Sub); err != nil {
			return err
		}
		return store.DeleteSessions(tx, p.ID, u.Sub)
	})
	return &cognitoidp.AdminDisableUserOutput{}, err
}

// AdminEnableUser lets a disabled user sign in again.
func (s *Service) AdminEnableUser(ctx context.Context, in *cognitoidp.AdminEnableUserInput) (*cognitoidp.AdminEnableUserOutput, error) {
	err := s.adminUser(ctx, *in.UserPoolId, string(*in.Username), func(_ *store.Tx, _ *pool.Pool, u *store.User) error {
		u.Enabled = true
		return nil
	})
	return &cognitoidp.AdminEnableUserOutput{}, err
}

// AdminDeleteUser removes a user at once.
func (s *Service) AdminDeleteUser(ctx context.Context, in *cognitoidp.AdminDeleteUserInput) (*cognitoidp.AdminDeleteUserOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.AdminDeleteUserOutput{}, s.deleteUser(ctx, func(tx *store.Tx) (*store.User, error) { return p.FindUser(tx, string(*in.Username)) })
}

// AdminUserGlobalSignOut ends all sessions of a user.
func (s *Service) AdminUserGlobalSignOut(ctx context.Context, in *cognitoidp.AdminUserGlobalSignOutInput) (*cognitoidp.AdminUserGlobalSignOutOutput, error) {
	err := s.adminUser(ctx, *in.UserPoolId, string(*in.Username), func(tx *store.Tx, p *pool.Pool, u *store.User) error {
		return store.DeleteSessions(tx, p.ID, u.Sub)
	})
	return &cognitoidp.AdminUserGlobalSignOutOutput{}, err
}
