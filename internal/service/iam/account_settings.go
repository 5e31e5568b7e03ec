package iam

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// What is set for the account as a whole. Both things are kept and shown, and
// nothing here acts on them: there is no console whose address has the alias,
// and users of IAM have no passwords.

// ListAccountAliases lists the account's other name, if it has one.
func (s *Service) ListAccountAliases(ctx context.Context, _ *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	out := &iam.ListAccountAliasesOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		out.AccountAliases, out.IsTruncated = []string{}, new(false)
		alias, _, err := store.IAMAccountValue(tx, store.IAMAccountAlias)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		out.AccountAliases = []string{alias}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CreateAccountAlias gives the account another name. It has one: a second
// replaces the first, as on AWS.
func (s *Service) CreateAccountAlias(ctx context.Context, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	alias := *in.AccountAlias
	if len(alias) == 12 && strings.Trim(alias, "0123456789") == "" {
		return nil, validationError("The account alias must not be a 12 digit number.")
	}
	return &iam.CreateAccountAliasOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		have, _, err := store.IAMAccountValue(tx, store.IAMAccountAlias)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && have == alias {
			return &iam.EntityAlreadyExistsException{Message: "The account alias " + alias + " already exists."}
		}
		return store.PutIAMAccountValue(tx, store.IAMAccountAlias, alias)
	})
}

// DeleteAccountAlias takes the other name away.
func (s *Service) DeleteAccountAlias(ctx context.Context, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	return &iam.DeleteAccountAliasOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		have, _, err := store.IAMAccountValue(tx, store.IAMAccountAlias)
		if errors.Is(err, store.ErrNotFound) || err == nil && have != *in.AccountAlias {
			return &iam.NoSuchEntityException{Message: "The account alias " + *in.AccountAlias + " cannot be found."}
		}
		if err != nil {
			return err
		}
		return store.DeleteIAMAccountValue(tx, store.IAMAccountAlias)
	})
}

// minPassword is the MinimumPasswordLength of a policy that does not say (IAM
// API reference, UpdateAccountPasswordPolicy).
const minPassword = 6

func (s *Service) noPasswordPolicy() error {
	return &iam.NoSuchEntityException{Message: "The Password Policy with domain name " + s.Account + " cannot be found."}
}

// GetAccountPasswordPolicy returns the rules for passwords of users.
func (s *Service) GetAccountPasswordPolicy(ctx context.Context, _ *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	out := &iam.GetAccountPasswordPolicyOutput{}
	err := s.DB.Read(ctx, func(tx *store.Tx) error {
		text, _, err := store.IAMAccountValue(tx, store.IAMPasswordPolicy)
		if errors.Is(err, store.ErrNotFound) {
			return s.noPasswordPolicy()
		}
		if err != nil {
			return err
		}
		out.PasswordPolicy = &iam.PasswordPolicy{}
		return json.Unmarshal([]byte(text), out.PasswordPolicy)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateAccountPasswordPolicy replaces the rules: what is not given gets its
// default.
func (s *Service) UpdateAccountPasswordPolicy(ctx context.Context, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	p := &iam.PasswordPolicy{MinimumPasswordLength: new(minPassword), RequireSymbols: new(api.Value(in.RequireSymbols)), RequireNumbers: new(api.Value(in.RequireNumbers)),
		RequireUppercaseCharacters: new(api.Value(in.RequireUppercaseCharacters)), RequireLowercaseCharacters: new(api.Value(in.RequireLowercaseCharacters)),
		AllowUsersToChangePassword: new(api.Value(in.AllowUsersToChangePassword)), ExpirePasswords: new(in.MaxPasswordAge != nil), MaxPasswordAge: in.MaxPasswordAge,
		PasswordReusePrevention: in.PasswordReusePrevention, HardExpiry: in.HardExpiry}
	if in.MinimumPasswordLength != nil {
		p.MinimumPasswordLength = in.MinimumPasswordLength
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		return store.PutIAMAccountValue(tx, store.IAMPasswordPolicy, string(text))
	})
}

// DeleteAccountPasswordPolicy removes the rules.
func (s *Service) DeleteAccountPasswordPolicy(ctx context.Context, _ *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	return &iam.DeleteAccountPasswordPolicyOutput{}, s.DB.Write(ctx, func(tx *store.Tx) error {
		err := store.DeleteIAMAccountValue(tx, store.IAMPasswordPolicy)
		if errors.Is(err, store.ErrNotFound) {
			return s.noPasswordPolicy()
		}
		return err
	})
}
