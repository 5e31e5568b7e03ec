package userpool

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/outbound/delivery"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// publicClient finds the client of an unsigned operation and checks the secret
// hash that came with a user name.
func (s *Service) publicClient(ctx context.Context, clientID, hash *api.Secret, username string) (*pool.Pool, *pool.Client, error) {
	p, c, err := s.Pools.Client(ctx, string(*clientID))
	if err != nil {
		return nil, nil, err
	}
	return p, c, c.CheckSecretHash(string(api.Value(hash)), false, username)
}

// attributes are the attributes of a request; a nil value counts as empty.
func attributes(list []cognitoidp.AttributeType) []store.Attribute {
	out := make([]store.Attribute, 0, len(list))
	for _, a := range list {
		out = append(out, store.Attribute{Name: *a.Name, Value: string(api.Value(a.Value))})
	}
	return out
}

// SignUp registers a user, who stays UNCONFIRMED until the code that is sent
// comes back or an administrator confirms.
func (s *Service) SignUp(ctx context.Context, in *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) {
	username := string(*in.Username)
	p, c, err := s.publicClient(ctx, in.ClientId, in.SecretHash, username)
	if err != nil {
		return nil, err
	}
	if *p.Settings.AdminCreateUserConfig.AllowAdminCreateUserOnly {
		return nil, notAuthorized("SignUp is not permitted for this user pool")
	}
	if in.Password == nil && !p.Passwordless() {
		return nil, invalid("Password is required: this pool has no passwordless sign-in.")
	}
	if err := s.freeName(ctx, p, username); err != nil {
		return nil, err
	}
	given := attributes(in.UserAttributes)
	if err := c.CheckWrite(given); err != nil {
		return nil, err
	}
	u, err := newUser(p, username, given)
	if err != nil {
		return nil, err
	}
	if _, has := u.Attribute("preferred_username"); has && p.HasAlias("preferred_username") {
		return nil, invalid("preferred_username cannot be given at sign-up when it is an alias: set it after confirmation.")
	}
	if err := p.Schema.CheckRequired(u.Attributes); err != nil {
		return nil, err
	}
	u.Status = string(cognitoidp.UserStatusTypeUnconfirmed)
	seen := s.Risk.Unjudged(p, risk.Public(ctx, c, in.UserContextData))
	if in.Password != nil {
		if err := s.setPassword(ctx, p, u, string(*in.Password)); err != nil {
			return nil, err
		}
		if err := s.refuseLeaked(ctx, p, c, seen, cognitoidp.EventFilterTypeSignUp, string(*in.Password)); err != nil {
			return nil, err
		}
	} else if _, err := p.FirstAddress(u); err != nil {
		return nil, err // nothing could sign this user in
	}
	exists := &cognitoidp.UsernameExistsException{Message: "User already exists"}
	call := trigger.Call{Pool: p, ClientID: c.ID, User: u, Metadata: in.ClientMetadata}
	decision, err := s.preSignUp(ctx, &call, "PreSignUp_SignUp", username, in.ValidationData, exists)
	if err != nil {
		return nil, err
	}
	if err := decide(u, decision); err != nil {
		return nil, err
	}
	out := &cognitoidp.SignUpOutput{UserConfirmed: new(decision.AutoConfirm), UserSub: &u.Sub}
	err = s.sending(ctx, call, func(said texts) error {
		return s.DB.Write(ctx, func(tx *store.Tx) error {
			// Where an address is the name, it is nobody's to take.
			if (decision.AutoVerifyEmail || decision.AutoVerifyPhone) && !p.UsesAttributesAsNames() {
				if err := s.takeAliases(tx, p, u); err != nil {
					return err
				}
			}
			if err := insertUser(tx, p, u); err != nil {
				return err
			}
			if err := s.recordEvent(tx, u, seen, cognitoidp.EventTypeSignUp, cognitoidp.EventResponseTypePass); err != nil {
				return err
			}
			out.CodeDeliveryDetails = nil
			attribute := codeAttribute(p, u)
			if attribute == "" || decision.AutoConfirm {
				return nil
			}
			var err error
			out.CodeDeliveryDetails, err = s.sendCode(tx, p, u, confirmSignUp.by(c), attribute, "", said)
			return err
		})
	})
	if err != nil {
		return nil, taken(err, exists)
	}
	s.counts.changed()
	s.Delivery.Wake()
	if decision.AutoConfirm {
		if err := s.Triggers.PostConfirmation(ctx, &call, "PostConfirmation_ConfirmSignUp"); err != nil {
			return nil, err // of a user who is confirmed all the same
		}
		return out, nil // no code is coming that a session would wait for
	}
	session, err := s.SignIn.SignedUp(p, c, u)
	if err != nil {
		return nil, err
	}
	out.Session = sessionText(session)
	return out, nil
}

// sessionText is a session as answers hold it: nil for none.
func sessionText(text string) *api.Secret {
	if text == "" {
		return nil
	}
	return new(api.Secret(text))
}

// taken is exists in place of a conflict of the store.
func taken(err, exists error) error {
	if errors.Is(err, store.ErrConflict) {
		return exists
	}
	return err
}

// newUser makes a user of a typed name and attributes, their form checked. In
// a pool whose names are attributes the typed name becomes the attribute and
// the user name is the sub (user-pools.md, section 3).
func newUser(p *pool.Pool, username string, given []store.Attribute) (*store.User, error) {
	if err := p.CheckNewName(username); err != nil {
		return nil, err
	}
	u := &store.User{PoolID: p.ID, Sub: uuid.NewString(), Username: username, Enabled: true, Attributes: []store.Attribute{}}
	for _, a := range given {
		if a.Name == "sub" {
			return nil, invalid("Cannot modify the non-mutable attribute sub")
		}
	}
	if p.UsesAttributesAsNames() {
		name, err := p.NameAttribute(username)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(given, func(a store.Attribute) bool { return a.Name == name }); i >= 0 {
			if given[i].Value != username {
				return nil, invalid("The value of attribute " + name + " must be the username.")
			}
		} else {
			given = append(given, store.Attribute{Name: name, Value: username})
		}
		u.Username = u.Sub
	}
	if err := p.Schema.CheckValues(given); err != nil {
		return nil, err
	}
	for _, a := range given {
		u.SetAttribute(a.Name, a.Value)
	}
	if !p.CaseSensitive() {
		u.Username = p.Fold(u.Username)
	}
	u.UsernameKey = p.Fold(u.Username)
	return u, nil
}

// insertUser writes a new user. A name that is another user's sub is taken:
// either may stand for a user in requests.
func insertUser(tx *store.Tx, p *pool.Pool, u *store.User) error {
	u.CreatedAt, u.Updated, u.PasswordAt = tx.Now, tx.Now, tx.Now
	if !p.UsesAttributesAsNames() && pool.IsUUID(u.UsernameKey) {
		if _, err := store.UserBySub(tx, p.ID, u.UsernameKey); !errors.Is(err, store.ErrNotFound) {
			if err == nil {
				err = store.ErrConflict
			}
			return err
		}
	}
	if err := store.InsertUser(tx, u); err != nil {
		return err
	}
	alias, err := p.UpdateAliases(tx, nil, u)
	if errors.Is(err, store.ErrConflict) && !p.UsesAttributesAsNames() {
		return aliasExists(alias)
	}
	return err
}

// codeAttribute is the attribute to which a sign-up's code goes: of those that
// the pool verifies by itself and the user has, the phone number first.
func codeAttribute(p *pool.Pool, u *store.User) string {
	for _, name := range []string{"phone_number", "email"} {
		if _, has := u.Attribute(name); has && p.AutoVerified(name) {
			return name
		}
	}
	return ""
}

// ConfirmSignUp confirms a user by the code that was sent, which also verifies
// the address that it was sent to. The user stays confirmed when the
// PostConfirmation function fails, as in AWS.
func (s *Service) ConfirmSignUp(ctx context.Context, in *cognitoidp.ConfirmSignUpInput) (*cognitoidp.ConfirmSignUpOutput, error) {
	p, c, err := s.publicClient(ctx, in.ClientId, in.SecretHash, string(*in.Username))
	if err != nil {
		return nil, err
	}
	call := trigger.Call{Pool: p, ClientID: c.ID, Metadata: in.ClientMetadata}
	var refusal error
	var verified string
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		refusal = nil
		u, err := p.FindUser(tx, string(*in.Username))
		if errors.Is(err, store.ErrNotFound) {
			if c.HidesUsers() {
				refusal, err = s.takeNobody(tx, p, string(*in.Username), confirmSignUp, *in.ConfirmationCode)
				return err
			}
			return errNoSuchUser
		}
		if err != nil {
			return err
		}
		if u.Status != string(cognitoidp.UserStatusTypeUnconfirmed) {
			if c.HidesUsers() {
				refusal, err = s.takeNobody(tx, p, string(*in.Username), confirmSignUp, *in.ConfirmationCode)
				return err
			}
			return notAuthorized("User cannot be confirmed. Current status is " + u.Status)
		}
		code, no, err := takeCode(tx, u, confirmSignUp, *in.ConfirmationCode)
		if err != nil || no != nil {
			refusal = no
			return err
		}
		verified = code.Attribute
		call.User, err = s.confirm(tx, p, u, code.Attribute, in.ForceAliasCreation != nil && *in.ForceAliasCreation)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err == nil {
		err = s.Triggers.PostConfirmation(ctx, &call, "PostConfirmation_ConfirmSignUp")
	}
	if err != nil {
		return nil, err
	}
	session, err := s.SignIn.ConfirmedSignUp(p, c, call.User, verified, string(api.Value(in.Session)))
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ConfirmSignUpOutput{Session: sessionText(session)}, nil
}

// confirm makes a user CONFIRMED and an attribute verified, and returns the
// user so changed. force takes an alias from the user who holds it.
func (s *Service) confirm(tx *store.Tx, p *pool.Pool, old *store.User, verified string, force bool) (confirmed *store.User, err error) {
	if verified != "" && force && p.HasAlias(verified) {
		value, _ := old.Attribute(verified)
		holder, err := store.UserByAlias(tx, p.ID, verified, p.FoldAlias(verified, value))
		if err == nil && holder.Sub != old.Sub {
			err = s.changeUser(tx, p, holder, func(u *store.User) error {
				u.SetAttribute(verified+"_verified", "false")
				return nil
			})
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	err = s.changeUser(tx, p, old, func(u *store.User) error {
		confirmed = u
		u.Status = string(cognitoidp.UserStatusTypeConfirmed)
		if verified != "" {
			u.SetAttribute(verified+"_verified", "true")
		}
		return nil
	})
	var exists *cognitoidp.AliasExistsException
	if errors.As(err, &exists) {
		return nil, &cognitoidp.AliasExistsException{Message: "An account with the " + verified + " already exists."}
	}
	return confirmed, err
}

// ResendConfirmationCode sends a new sign-up code; the old one is dead.
func (s *Service) ResendConfirmationCode(ctx context.Context, in *cognitoidp.ResendConfirmationCodeInput) (*cognitoidp.ResendConfirmationCodeOutput, error) {
	p, c, err := s.publicClient(ctx, in.ClientId, in.SecretHash, string(*in.Username))
	if err != nil {
		return nil, err
	}
	seen := s.Risk.Unjudged(p, risk.Public(ctx, c, in.UserContextData))
	out := &cognitoidp.ResendConfirmationCodeOutput{}
	err = s.sending(ctx, trigger.Call{Pool: p, ClientID: c.ID, Metadata: in.ClientMetadata}, func(said texts) error {
		return s.DB.Write(ctx, func(tx *store.Tx) error {
			u, err := p.FindUser(tx, string(*in.Username))
			if errors.Is(err, store.ErrNotFound) {
				if c.HidesUsers() {
					out.CodeDeliveryDetails, err = s.sendNobody(tx, p, string(*in.Username), resendCode)
					return err
				}
				return errNoSuchUser
			}
			if err != nil {
				return err
			}
			if c.HidesUsers() && (u.Status != string(cognitoidp.UserStatusTypeUnconfirmed) || codeAttribute(p, u) == "") {
				out.CodeDeliveryDetails, err = s.sendNobody(tx, p, string(*in.Username), resendCode)
				return err
			}
			if u.Status != string(cognitoidp.UserStatusTypeUnconfirmed) {
				return invalid("User is already confirmed.")
			}
			attribute := codeAttribute(p, u)
			if attribute == "" {
				return invalid("Auto verification not turned on.")
			}
			if out.CodeDeliveryDetails, err = s.sendCode(tx, p, u, resendCode.by(c), attribute, "", said); err != nil {
				return err
			}
			return s.recordEvent(tx, u, seen, cognitoidp.EventTypeResendCode, cognitoidp.EventResponseTypePass)
		})
	})
	if err != nil {
		return nil, err
	}
	s.Delivery.Wake()
	return out, nil
}

// invitation is the message of AdminCreateUser. Call it within sending.
func (s *Service) invitation(tx *store.Tx, p *pool.Pool, u *store.User, shown, temporary string, mediums []cognitoidp.DeliveryMediumType, said texts) error {
	custom, err := said.of(p, u, "CustomMessage_AdminCreateUser", "")
	if err != nil {
		return err
	}
	var template cognitoidp.MessageTemplateType
	if t := p.Settings.AdminCreateUserConfig.InviteMessageTemplate; t != nil {
		template = *t
	}
	if len(mediums) == 0 {
		mediums = []cognitoidp.DeliveryMediumType{cognitoidp.DeliveryMediumTypeSms}
	}
	for _, medium := range mediums {
		m := delivery.Message{Trigger: "CustomMessage_AdminCreateUser", PoolID: p.ID, Username: u.Username, Code: temporary}
		if medium == cognitoidp.DeliveryMediumTypeEmail {
			m.Channel = delivery.Email
			m.To, _ = u.Attribute("email")
			m.Subject = delivery.Fill(either(custom.Subject, template.EmailSubject), "Your temporary password", shown, temporary)
			m.Body = delivery.FillMail(either(custom.Email, template.EmailMessage), "Your username is {username} and temporary password is {####}.", shown, temporary)
		} else {
			m.Channel = delivery.SMS
			m.To, _ = u.Attribute("phone_number")
			m.Body = delivery.Fill(either(custom.SMS, template.SMSMessage), "Your username is {username} and temporary password is {####}.", shown, temporary)
		}
		if m.To == "" {
			continue // no address on this medium
		}
		if err := s.Delivery.Put(tx, m); err != nil {
			return err
		}
	}
	return nil
}
