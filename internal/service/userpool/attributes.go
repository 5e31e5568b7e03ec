package userpool

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// UpdateUserAttributes changes attributes of the token's user. A changed
// address is unverified, and a code goes to it where the pool verifies by
// itself; where the pool asks for it, the old address stays until the code
// comes back (user-pools.md, section 5).
func (s *Service) UpdateUserAttributes(ctx context.Context, in *cognitoidp.UpdateUserAttributesInput) (*cognitoidp.UpdateUserAttributesOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	changes := attributes(in.UserAttributes)
	if err := h.client.CheckWrite(changes); err != nil {
		return nil, err
	}
	out := &cognitoidp.UpdateUserAttributesOutput{}
	err = s.sending(ctx, trigger.Call{Pool: h.pool, ClientID: h.client.ID, Metadata: in.ClientMetadata}, func(said texts) error {
		return s.knownUser(ctx, h.pool, h.user.Sub, func(tx *store.Tx, p *pool.Pool, u *store.User) (err error) {
			out.CodeDeliveryDetailsList, err = s.applyChanges(tx, p, u, changes, said)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	s.Delivery.Wake()
	return out, nil
}

// AdminUpdateUserAttributes sets any attribute that can change.
func (s *Service) AdminUpdateUserAttributes(ctx context.Context, in *cognitoidp.AdminUpdateUserAttributesInput) (*cognitoidp.AdminUpdateUserAttributesOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	changes := attributes(in.UserAttributes)
	err = s.sending(ctx, trigger.Call{Pool: p, Metadata: in.ClientMetadata}, func(said texts) error {
		return s.adminUser(ctx, p.ID, string(*in.Username), func(tx *store.Tx, p *pool.Pool, u *store.User) error {
			if slices.ContainsFunc(changes, func(a store.Attribute) bool { return a.Name == "sub" }) {
				return invalid("Cannot modify the non-mutable attribute sub")
			}
			_, err := s.applyChanges(tx, p, u, changes, said)
			return err
		})
	})
	if err == nil {
		s.Delivery.Wake()
	}
	return &cognitoidp.AdminUpdateUserAttributesOutput{}, err
}

// applyChanges sets attributes of a user, their form checked, and sends the
// codes that this asks for. Call it within sending.
func (s *Service) applyChanges(tx *store.Tx, p *pool.Pool, u *store.User, changes []store.Attribute, said texts) ([]cognitoidp.CodeDeliveryDetailsType, error) {
	if err := p.Schema.CheckValues(changes); err != nil {
		return nil, err
	}
	if err := p.Schema.CheckMutable(u, changes); err != nil {
		return nil, err
	}
	var sent []cognitoidp.CodeDeliveryDetailsType
	for _, a := range changes {
		old, _ := u.Attribute(a.Name)
		address := a.Name == "email" || a.Name == "phone_number"
		if !address || old == a.Value {
			u.SetAttribute(a.Name, a.Value)
			continue
		}
		verified := slices.ContainsFunc(changes, func(c store.Attribute) bool { return c.Name == a.Name+"_verified" && c.Value == "true" })
		waits := a.Value != "" && !verified && p.VerifiesBeforeUpdate(a.Name)
		if !waits {
			u.SetAttribute(a.Name, a.Value)
			switch {
			case a.Value == "":
				u.SetAttribute(a.Name+"_verified", "")
			case !verified:
				u.SetAttribute(a.Name+"_verified", "false")
			}
		}
		if a.Value == "" || verified || !p.AutoVerified(a.Name) {
			continue
		}
		waiting := ""
		if waits {
			waiting = a.Value
		}
		d, err := s.sendCode(tx, p, u, verifyAttribute(a.Name), a.Name, waiting, said)
		if err != nil {
			return nil, err
		}
		sent = append(sent, *d)
	}
	return sent, p.Schema.CheckRequired(u.Attributes)
}

// DeleteUserAttributes deletes attributes of the token's user that the client
// may write.
func (s *Service) DeleteUserAttributes(ctx context.Context, in *cognitoidp.DeleteUserAttributesInput) (*cognitoidp.DeleteUserAttributesOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	var gone []store.Attribute
	for _, name := range in.UserAttributeNames {
		gone = append(gone, store.Attribute{Name: name})
	}
	if err := h.client.CheckWrite(gone); err != nil {
		return nil, err
	}
	err = s.knownUser(ctx, h.pool, h.user.Sub, func(_ *store.Tx, p *pool.Pool, u *store.User) error {
		return deleteAttributes(p, u, in.UserAttributeNames)
	})
	return &cognitoidp.DeleteUserAttributesOutput{}, err
}

// AdminDeleteUserAttributes deletes attributes of a user.
func (s *Service) AdminDeleteUserAttributes(ctx context.Context, in *cognitoidp.AdminDeleteUserAttributesInput) (*cognitoidp.AdminDeleteUserAttributesOutput, error) {
	err := s.adminUser(ctx, *in.UserPoolId, string(*in.Username), func(_ *store.Tx, p *pool.Pool, u *store.User) error {
		return deleteAttributes(p, u, in.UserAttributeNames)
	})
	return &cognitoidp.AdminDeleteUserAttributesOutput{}, err
}

// deleteAttributes takes attributes from a user: an address together with its
// verification, and never one that the user cannot be without.
func deleteAttributes(p *pool.Pool, u *store.User, names []string) error {
	var gone []store.Attribute
	for _, name := range names {
		if name == "sub" {
			return invalid("Cannot modify the non-mutable attribute sub")
		}
		gone = append(gone, store.Attribute{Name: name})
	}
	if err := p.Schema.CheckValues(gone); err != nil {
		return err
	}
	if err := p.Schema.CheckMutable(u, gone); err != nil {
		return err
	}
	for _, name := range names {
		u.SetAttribute(name, "")
		if name == "email" || name == "phone_number" {
			u.SetAttribute(name+"_verified", "")
		}
	}
	if p.UsesAttributesAsNames() && len(p.Aliases(u)) == 0 {
		return invalid("The last attribute that the user signs in with cannot be deleted.")
	}
	return p.Schema.CheckRequired(u.Attributes)
}

// AddCustomAttributes adds custom attributes to a pool's schema. They stay for
// good.
func (s *Service) AddCustomAttributes(ctx context.Context, in *cognitoidp.AddCustomAttributesInput) (*cognitoidp.AddCustomAttributesOutput, error) {
	var added []cognitoidp.SchemaAttributeType
	for _, a := range in.CustomAttributes {
		if a.Name == nil {
			return nil, invalid("Schema attributes need a Name.")
		}
		c, err := customAttribute(a)
		if err != nil {
			return nil, err
		}
		added = append(added, *c)
	}
	err := s.changePool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
		if err := refuseDuringImport(tx, p.ID); err != nil {
			return err
		}
		settings := p.Settings
		for _, a := range added {
			if slices.ContainsFunc(settings.SchemaAttributes, func(x cognitoidp.SchemaAttributeType) bool { return *x.Name == *a.Name }) {
				return invalid(*a.Name + ": Existing attribute already has name " + *a.Name + ".")
			}
			settings.SchemaAttributes = append(settings.SchemaAttributes, a)
		}
		return checkSchemaSize(settings.SchemaAttributes)
	})
	return &cognitoidp.AddCustomAttributesOutput{}, err
}

// GetUserAttributeVerificationCode sends a code for an address of the token's
// user.
func (s *Service) GetUserAttributeVerificationCode(ctx context.Context, in *cognitoidp.GetUserAttributeVerificationCodeInput) (*cognitoidp.GetUserAttributeVerificationCodeOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	name := *in.AttributeName
	if name != "email" && name != "phone_number" {
		return nil, invalid("Cannot verify attribute " + name + ": only email and phone_number can be verified.")
	}
	why := verifyAttribute(name)
	why.trigger = "CustomMessage_VerifyUserAttribute"
	out := &cognitoidp.GetUserAttributeVerificationCodeOutput{}
	err = s.sending(ctx, trigger.Call{Pool: h.pool, ClientID: h.client.ID, Metadata: in.ClientMetadata}, func(said texts) error {
		return s.DB.Write(ctx, func(tx *store.Tx) error {
			u, err := userBySub(tx, h.pool, h.user.Sub)
			if err != nil {
				return err
			}
			waiting := ""
			switch c, err := store.CodeFor(tx, u.PoolID, u.Sub, why.name); {
			case err == nil:
				waiting = c.Value // a change that still waits for its code
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
			if _, has := u.Attribute(name); !has && waiting == "" {
				return invalid("User has no attribute " + name + " to verify.")
			}
			out.CodeDeliveryDetails, err = s.sendCode(tx, h.pool, u, why, name, waiting, said)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	s.Delivery.Wake()
	return out, nil
}

// VerifyUserAttribute verifies an address of the token's user by the code that
// was sent to it. An address that waited for this becomes the user's.
func (s *Service) VerifyUserAttribute(ctx context.Context, in *cognitoidp.VerifyUserAttributeInput) (*cognitoidp.VerifyUserAttributeOutput, error) {
	h, err := s.bearer(ctx, in.AccessToken)
	if err != nil {
		return nil, err
	}
	name := *in.AttributeName
	if name != "email" && name != "phone_number" {
		return nil, invalid("Cannot verify attribute " + name + ": only email and phone_number can be verified.")
	}
	var refusal error
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		refusal = nil
		u, err := userBySub(tx, h.pool, h.user.Sub)
		if err != nil {
			return err
		}
		c, no, err := takeCode(tx, u, verifyAttribute(name), *in.Code)
		if err != nil || no != nil {
			refusal = no
			return err
		}
		return s.changeUser(tx, h.pool, u, func(u *store.User) error {
			if c.Value != "" {
				u.SetAttribute(name, c.Value)
			}
			u.SetAttribute(name+"_verified", "true")
			return nil
		})
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidp.VerifyUserAttributeOutput{}, nil
}

// checkSchemaSize bounds the custom attributes of a pool.
func checkSchemaSize(schema []cognitoidp.SchemaAttributeType) error {
	custom := 0
	for _, a := range schema {
		if strings.Contains(*a.Name, ":") {
			custom++
		}
	}
	if custom > 50 {
		return invalid("A user pool can have at most 50 custom attributes.")
	}
	return nil
}
