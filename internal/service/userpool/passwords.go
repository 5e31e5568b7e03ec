package userpool

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// setPassword checks a password against the policy and puts its record on the
// user. It costs an exponentiation: never inside a transaction.
func (s *Service) setPassword(ctx context.Context, p *pool.Pool, u *store.User, text string) error {
	record, err := s.SignIn.NewPassword(ctx, p, u, text)
	if err != nil {
		return err
	}
	u.Password = record
	return nil
}

// recoveryChannel is the verified attribute to which a reset code may go: by
// the pool's recovery setting or, without one, the phone number first
// (user-pools.md, section 7).
func recoveryChannel(p *pool.Pool, u *store.User) (string, error) {
	order := []string{"phone_number", "email"}
	if r := p.Settings.AccountRecoverySetting; r != nil && len(r.RecoveryMechanisms) > 0 {
		list := slices.Clone(r.RecoveryMechanisms)
		slices.SortFunc(list, func(a, b cognitoidp.RecoveryOptionType) int { return *a.Priority - *b.Priority })
		order = nil
		for _, m := range list {
			switch *m.Name {
			case cognitoidp.RecoveryOptionNameTypeAdminOnly:
				return "", notAuthorized("Contact administrator to reset password.")
			case cognitoidp.RecoveryOptionNameTypeVerifiedEmail:
				order = append(order, "email")
			case cognitoidp.RecoveryOptionNameTypeVerifiedPhoneNumber:
				order = append(order, "phone_number")
			}
		}
	}
	for _, name := range order {
		if v, _ := u.Attribute(name + "_verified"); v == "true" {
			if _, has := u.Attribute(name); has {
				return name, nil
			}
		}
	}
	return "", invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
}

// ForgotPassword sends a reset code to a verified address of the user.
func (s *Service) ForgotPassword(ctx context.Context, in *cognitoidp.ForgotPasswordInput) (*cognitoidp.ForgotPasswordOutput, error) {
	p, c, err := s.publicClient(ctx, in.ClientId, in.SecretHash, string(*in.Username))
	if err != nil {
		return nil, err
	}
	seen := s.Risk.Unjudged(p, risk.Public(ctx, c, in.UserContextData))
	out := &cognitoidp.ForgotPasswordOutput{}
	err = s.sending(ctx, trigger.Call{Pool: p, ClientID: c.ID, Metadata: in.ClientMetadata}, func(said texts) error {
		return s.DB.Write(ctx, func(tx *store.Tx) error {
			u, err := p.FindUser(tx, string(*in.Username))
			if errors.Is(err, store.ErrNotFound) {
				if c.HidesUsers() {
					out.CodeDeliveryDetails, err = s.sendNobody(tx, p, string(*in.Username), forgotPassword)
					return err
				}
				return errNoSuchUser
			}
			if err != nil {
				return err
			}
			channel, err := resettable(p, u)
			if err != nil {
				if c.HidesUsers() {
					out.CodeDeliveryDetails, err = s.sendNobody(tx, p, string(*in.Username), forgotPassword)
				}
				return err
			}
			out.CodeDeliveryDetails, err = s.sendCode(tx, p, u, forgotPassword, channel, "", said)
			if err != nil {
				return err
			}
			// Anybody can ask: only the code that comes back shows that it was the user.
			return s.recordEvent(tx, u, seen, cognitoidp.EventTypeForgotPassword, cognitoidp.EventResponseTypeInProgress)
		})
	})
	if err != nil {
		return nil, err
	}
	s.Delivery.Wake()
	return out, nil
}

// resettable says whether a user may ask for a reset, and where the code goes.
func resettable(p *pool.Pool, u *store.User) (string, error) {
	if !u.Enabled {
		return "", notAuthorized("User is disabled.")
	}
	switch cognitoidp.UserStatusType(u.Status) {
	case cognitoidp.UserStatusTypeConfirmed, cognitoidp.UserStatusTypeResetRequired:
	case cognitoidp.UserStatusTypeUnconfirmed:
		return "", invalid("Cannot reset password for the user as there is no registered/verified email or phone_number")
	default:
		return "", notAuthorized("User password cannot be reset in the current state.")
	}
	return recoveryChannel(p, u)
}

// ConfirmForgotPassword sets a new password by the code that was sent. The
// user is CONFIRMED and no longer locked out; older sessions end
// (promises.md, section 5). It stays so when the PostConfirmation function
// fails.
func (s *Service) ConfirmForgotPassword(ctx context.Context, in *cognitoidp.ConfirmForgotPasswordInput) (*cognitoidp.ConfirmForgotPasswordOutput, error) {
	p, c, err := s.publicClient(ctx, in.ClientId, in.SecretHash, string(*in.Username))
	if err != nil {
		return nil, err
	}
	// The record is made before the code is looked at: an unknown user, a wrong
	// code and a right one all cost the same.
	var found *store.User
	err = s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = p.FindUser(tx, string(*in.Username))
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	who := found
	if who == nil {
		who = &store.User{PoolID: p.ID, Username: string(*in.Username)}
	}
	record, err := s.SignIn.NewPassword(ctx, p, who, string(*in.Password))
	// That a password was used before is for whoever has the code: to anybody
	// else it would tell the password, as often as they like to ask.
	var used *cognitoidp.PasswordHistoryPolicyViolationException
	if err != nil && !errors.As(err, &used) {
		return nil, err
	}
	seen := s.Risk.Unjudged(p, risk.Public(ctx, c, in.UserContextData))
	if err := s.refuseLeaked(ctx, p, c, seen, cognitoidp.EventFilterTypePasswordChange, string(*in.Password)); err != nil {
		return nil, err
	}
	if found == nil && !c.HidesUsers() {
		return nil, errNoSuchUser
	}
	call := trigger.Call{Pool: p, ClientID: c.ID, Metadata: in.ClientMetadata}
	var refusal error
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		refusal = nil
		if found == nil {
			// As much reading as for a user.
			if _, err := p.FindUser(tx, string(*in.Username)); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			refusal, err = s.takeNobody(tx, p, string(*in.Username), forgotPassword, *in.ConfirmationCode)
			return err
		}
		u, err := store.UserBySub(tx, p.ID, found.Sub)
		if errors.Is(err, store.ErrNotFound) {
			return errNoSuchUser
		}
		if err != nil {
			return err
		}
		if _, err := resettable(p, u); err != nil && c.HidesUsers() {
			refusal, err = s.takeNobody(tx, p, string(*in.Username), forgotPassword, *in.ConfirmationCode)
			return err
		}
		code, no, err := takeCode(tx, u, forgotPassword, *in.ConfirmationCode)
		if err != nil {
			return err
		}
		if no != nil {
			refusal = no
			return s.recordEvent(tx, u, seen, cognitoidp.EventTypeForgotPassword, cognitoidp.EventResponseTypeFail)
		}
		if used != nil {
			return used // and the code is as good as before
		}
		if err := s.recordEvent(tx, u, seen, cognitoidp.EventTypeForgotPassword, cognitoidp.EventResponseTypePass); err != nil {
			return err
		}
		if err := store.DeleteSessions(tx, p.ID, u.Sub); err != nil {
			return err
		}
		if err := store.DeleteLogins(tx, p.ID, u.Sub); err != nil {
			return err
		}
		return s.changeUser(tx, p, u, func(u *store.User) error {
			if err := signin.SetPassword(tx, p, u, record); err != nil {
				return err
			}
			u.Status = string(cognitoidp.UserStatusTypeConfirmed)
			u.Counter = store.FailureCounter{}
			u.SetAttribute(code.Attribute+"_verified", "true")
			call.User = u
			return nil
		})
	})
	if err == nil {
		err = refusal
	}
	if err == nil {
		err = s.Triggers.PostConfirmation(ctx, &call, "PostConfirmation_ConfirmForgotPassword")
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ConfirmForgotPasswordOutput{}, nil
}

// ChangePassword changes the password of the token's user, who must know the
// old one. Wrong old passwords count as failed sign-ins.
func (s *Service) ChangePassword(ctx context.Context, in *cognitoidp.ChangePasswordInput) (*cognitoidp.ChangePasswordOutput, error) {
	b, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	seen := s.Risk.Unjudged(b.pool, risk.Public(ctx, b.client, nil))
	event := func(tx *store.Tx, response cognitoidp.EventResponseType) error {
		return s.recordEvent(tx, b.user, seen, cognitoidp.EventTypePasswordChange, response)
	}
	failed := func(tx *store.Tx) error { return event(tx, cognitoidp.EventResponseTypeFail) }
	// Who signs in without a password sets a first one.
	if len(b.user.Password) > 0 || in.PreviousPassword != nil {
		if err := s.SignIn.CheckPassword(ctx, b.pool, b.user, string(api.Value(in.PreviousPassword)), failed); err != nil {
			return nil, err
		}
	}
	// Only now: that a password was used before is for whoever knows the last one.
	record, err := s.SignIn.NewPassword(ctx, b.pool, b.user, string(*in.ProposedPassword))
	if err != nil {
		return nil, err
	}
	if err := s.refuseLeaked(ctx, b.pool, b.client, seen, cognitoidp.EventFilterTypePasswordChange, string(*in.ProposedPassword)); err != nil {
		if err != signin.ErrLeaked {
			return nil, err
		}
		return nil, cmp.Or(s.DB.Write(ctx, failed), err)
	}
	err = s.knownUser(ctx, b.pool, b.user.Sub, func(tx *store.Tx, p *pool.Pool, u *store.User) error {
		if !u.PasswordAt.Equal(b.user.PasswordAt) || (len(u.Password) == 0) != (len(b.user.Password) == 0) {
			return notAuthorized("Incorrect username or password.") // changed since it was checked
		}
		if err := event(tx, cognitoidp.EventResponseTypePass); err != nil {
			return err
		}
		return signin.SetPassword(tx, p, u, record)
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ChangePasswordOutput{}, nil
}

// AdminResetUserPassword makes a user's password useless and sends the user a
// code to set another. Sessions of the user end (promises.md, section 5).
func (s *Service) AdminResetUserPassword(ctx context.Context, in *cognitoidp.AdminResetUserPasswordInput) (*cognitoidp.AdminResetUserPasswordOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	err = s.sending(ctx, trigger.Call{Pool: p, Metadata: in.ClientMetadata}, func(said texts) error {
		return s.adminUser(ctx, p.ID, string(*in.Username), func(tx *store.Tx, p *pool.Pool, u *store.User) error {
			channel, err := resettable(p, u)
			if err != nil {
				return err
			}
			if err := store.DeleteSessions(tx, p.ID, u.Sub); err != nil {
				return err
			}
			if err := store.DeleteLogins(tx, p.ID, u.Sub); err != nil {
				return err
			}
			u.Status = string(cognitoidp.UserStatusTypeResetRequired)
			_, err = s.sendCode(tx, p, u, forgotPassword, channel, "", said)
			return err
		})
	})
	if err == nil {
		s.Delivery.Wake()
	}
	return &cognitoidp.AdminResetUserPasswordOutput{}, err
}
