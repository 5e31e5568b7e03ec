package userpool

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// CreateUserPool makes a pool with Cognito's defaults, and its signing keys.
func (s *Service) CreateUserPool(ctx context.Context, in *cognitoidp.CreateUserPoolInput) (*cognitoidp.CreateUserPoolOutput, error) {
	settings := &cognitoidp.UserPoolType{
		Policies: in.Policies, DeletionProtection: in.DeletionProtection, LambdaConfig: in.LambdaConfig,
		AutoVerifiedAttributes: in.AutoVerifiedAttributes, AliasAttributes: in.AliasAttributes, UsernameAttributes: in.UsernameAttributes,
		SmsVerificationMessage: in.SmsVerificationMessage, EmailVerificationMessage: in.EmailVerificationMessage,
		EmailVerificationSubject: in.EmailVerificationSubject, VerificationMessageTemplate: in.VerificationMessageTemplate,
		SmsAuthenticationMessage: in.SmsAuthenticationMessage, MfaConfiguration: in.MfaConfiguration,
		UserAttributeUpdateSettings: in.UserAttributeUpdateSettings, DeviceConfiguration: in.DeviceConfiguration,
		EmailConfiguration: in.EmailConfiguration, SmsConfiguration: in.SmsConfiguration, UserPoolTags: in.UserPoolTags,
		AdminCreateUserConfig: in.AdminCreateUserConfig, UserPoolAddOns: in.UserPoolAddOns,
		UsernameConfiguration: in.UsernameConfiguration, AccountRecoverySetting: in.AccountRecoverySetting, UserPoolTier: in.UserPoolTier,
	}
	schema, err := newPoolSchema(in.Schema)
	if err != nil {
		return nil, err
	}
	settings.SchemaAttributes = schema
	setDefaults(settings)
	made := &pool.Pool{Settings: settings}
	if err := s.checkSettings(made); err != nil {
		return nil, err
	}
	row := &store.UserPool{ID: s.Region + "_" + randomText(alphanumeric, 9), Name: *in.PoolName, CreatedAt: s.Now(), UpdatedAt: s.Now()}
	keys, err := s.Tokens.NewKeys(row.ID, s.Now())
	if err != nil {
		return nil, err
	}
	if row.Settings, err = made.Text(); err != nil {
		return nil, err
	}
	if err := s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := store.PutUserPool(tx, row); err != nil {
			return err
		}
		for _, k := range keys {
			if err := store.PutSigningKey(tx, k); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	p, err := pool.FromRow(row)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.CreateUserPoolOutput{UserPool: s.describe(p, 0)}, nil
}

// describe is a pool as the API shows it. The pool is shared: what is added
// goes into a copy.
func (s *Service) describe(p *pool.Pool, users int) *cognitoidp.UserPoolType {
	out := *p.Settings
	out.Arn, out.EstimatedNumberOfUsers = new(s.arn(p.ID)), new(users)
	return &out
}

// changePool changes a pool's settings inside one transaction.
func (s *Service) changePool(ctx context.Context, id string, change func(tx *store.Tx, p *pool.Pool) error) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := store.UserPoolByID(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return pool.NotFound(id)
		}
		if err != nil {
			return err
		}
		p, err := pool.FromRow(row)
		if err != nil {
			return err
		}
		if p.Settings.UserPoolTags == nil {
			p.Settings.UserPoolTags = map[string]string{}
		}
		before := p.PasswordRecord()
		if err := change(tx, p); err != nil {
			return err
		}
		if err := checkRecordChange(tx, p, before); err != nil {
			return err
		}
		if row.Settings, err = p.Text(); err != nil {
			return err
		}
		if err := checkTierInUse(tx, row.ID, p.Settings); err != nil {
			return err
		}
		row.Name, row.UpdatedAt = *p.Settings.Name, tx.Now
		return store.PutUserPool(tx, row)
	})
}

// setDefaults fills what was not given (user-pools.md, section 2).
func setDefaults(p *cognitoidp.UserPoolType) {
	if p.Policies == nil {
		p.Policies = &cognitoidp.UserPoolPolicyType{}
	}
	if p.Policies.PasswordPolicy == nil {
		p.Policies.PasswordPolicy = &cognitoidp.PasswordPolicyType{RequireUppercase: new(true), RequireLowercase: new(true),
			RequireNumbers: new(true), RequireSymbols: new(true)}
	}
	pw := *p.Policies.PasswordPolicy
	pw.MinimumLength = or(pw.MinimumLength, 8)
	for _, flag := range []**bool{&pw.RequireUppercase, &pw.RequireLowercase, &pw.RequireNumbers, &pw.RequireSymbols} {
		*flag = or(*flag, false)
	}
	if pw.TemporaryPasswordValidityDays == nil && p.AdminCreateUserConfig != nil {
		pw.TemporaryPasswordValidityDays = p.AdminCreateUserConfig.UnusedAccountValidityDays
	}
	if api.Value(pw.TemporaryPasswordValidityDays) == 0 {
		pw.TemporaryPasswordValidityDays = new(7)
	}
	p.Policies = &cognitoidp.UserPoolPolicyType{PasswordPolicy: &pw, SignInPolicy: p.Policies.SignInPolicy}
	if p.Policies.SignInPolicy == nil || len(p.Policies.SignInPolicy.AllowedFirstAuthFactors) == 0 {
		p.Policies.SignInPolicy = &cognitoidp.SignInPolicyType{AllowedFirstAuthFactors: []cognitoidp.AuthFactorType{cognitoidp.AuthFactorTypePassword}}
	}
	p.DeletionProtection = or(p.DeletionProtection, cognitoidp.DeletionProtectionTypeInactive)
	p.MfaConfiguration = or(p.MfaConfiguration, cognitoidp.UserPoolMfaTypeOff)
	p.UserPoolTier = tierOf(p.UserPoolTier, p.UserPoolAddOns, cognitoidp.UserPoolTierTypeEssentials)
	setFunctionDefaults(p)
	if p.EmailConfiguration == nil {
		p.EmailConfiguration = &cognitoidp.EmailConfigurationType{}
	}
	p.EmailConfiguration.EmailSendingAccount = or(p.EmailConfiguration.EmailSendingAccount, cognitoidp.EmailSendingAccountTypeCognitoDefault)
	if p.UserPoolTags == nil {
		p.UserPoolTags = map[string]string{}
	}
	if p.AdminCreateUserConfig == nil {
		p.AdminCreateUserConfig = &cognitoidp.AdminCreateUserConfigType{}
	}
	p.AdminCreateUserConfig.AllowAdminCreateUserOnly = or(p.AdminCreateUserConfig.AllowAdminCreateUserOnly, false)
	p.AdminCreateUserConfig.UnusedAccountValidityDays = pw.TemporaryPasswordValidityDays
	setMessageDefaults(p)
}

// setMessageDefaults keeps the two places where a verification message stands
// to one text.
func setMessageDefaults(p *cognitoidp.UserPoolType) {
	t := cognitoidp.VerificationMessageTemplateType{}
	if p.VerificationMessageTemplate != nil {
		t = *p.VerificationMessageTemplate
	}
	t.DefaultEmailOption = or(t.DefaultEmailOption, cognitoidp.DefaultEmailOptionTypeConfirmWithCode)
	for _, pair := range [][2]**string{{&t.EmailMessage, &p.EmailVerificationMessage}, {&t.EmailSubject, &p.EmailVerificationSubject},
		{&t.SmsMessage, &p.SmsVerificationMessage}} {
		if *pair[0] == nil {
			*pair[0] = *pair[1]
		}
		*pair[1] = *pair[0]
	}
	p.VerificationMessageTemplate = &t
}

func or[T any](p *T, standard T) *T {
	if p == nil {
		return &standard
	}
	return p
}

// checkSettings refuses what contradicts itself, and what this server would
// have to ignore: a pool whose settings ask for a check is never run without.
func (s *Service) checkSettings(made *pool.Pool) error {
	p := made.Settings
	if n := *p.Policies.PasswordPolicy.MinimumLength; n < 6 || n > 99 {
		return invalid("MinimumLength of the password policy must be between 6 and 99.")
	}
	if len(p.AliasAttributes) > 0 && len(p.UsernameAttributes) > 0 {
		return invalid("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")
	}
	if err := checkFactors(made); err != nil {
		return err
	}
	if err := checkFirstFactors(made); err != nil {
		return err
	}
	if err := s.checkFunctions(p); err != nil {
		return err
	}
	if protects(p.UserPoolAddOns) && !tierIncludes(p, cognitoidp.UserPoolTierTypePlus) {
		return &cognitoidp.FeatureUnavailableInTierException{Message: "Threat protection is available in the PLUS tier only."}
	}
	if u := p.UserAttributeUpdateSettings; u != nil {
		for _, a := range u.AttributesRequireVerificationBeforeUpdate {
			if !slices.Contains(p.AutoVerifiedAttributes, cognitoidp.VerifiedAttributeType(a)) {
				return invalid("AttributesRequireVerificationBeforeUpdate must be a subset of AutoVerifiedAttributes.")
			}
		}
	}
	if r := p.AccountRecoverySetting; r != nil {
		for _, m := range r.RecoveryMechanisms {
			if *m.Name == cognitoidp.RecoveryOptionNameTypeAdminOnly && len(r.RecoveryMechanisms) > 1 {
				return invalid("admin_only cannot be combined with other recovery mechanisms.")
			}
		}
	}
	if len(p.UserPoolTags) > maxTags {
		return invalid("A user pool can have at most 50 tags.")
	}
	return checkRecordTag(p)
}

// newPoolSchema is the standard schema with what the caller changes of it and
// adds to it.
func newPoolSchema(given []cognitoidp.SchemaAttributeType) ([]cognitoidp.SchemaAttributeType, error) {
	schema := pool.StandardSchema()
	for _, a := range given {
		if a.Name == nil {
			return nil, invalid("Schema attributes need a Name.")
		}
		i := slices.IndexFunc(schema, func(x cognitoidp.SchemaAttributeType) bool { return *x.Name == *a.Name })
		if pool.IsStandard(*a.Name) {
			if err := changeStandard(&schema[i], a); err != nil {
				return nil, err
			}
			continue
		}
		custom, err := customAttribute(a)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(schema, func(x cognitoidp.SchemaAttributeType) bool { return *x.Name == *custom.Name }) {
			return nil, invalid(*custom.Name + ": Existing attribute already has name " + *custom.Name + ".")
		}
		schema = append(schema, *custom)
	}
	return schema, checkSchemaSize(schema)
}

func changeStandard(def *cognitoidp.SchemaAttributeType, a cognitoidp.SchemaAttributeType) error {
	if *def.Name == "sub" {
		return nil // what is given for sub does not change it
	}
	if a.AttributeDataType != nil && *a.AttributeDataType != *def.AttributeDataType {
		return invalid("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute " + *def.Name)
	}
	if a.DeveloperOnlyAttribute != nil && *a.DeveloperOnlyAttribute {
		return invalid("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute " + *def.Name)
	}
	if a.Required != nil {
		def.Required = a.Required
	}
	if a.Mutable != nil {
		def.Mutable = a.Mutable
	}
	if a.StringAttributeConstraints != nil && def.StringAttributeConstraints != nil {
		def.StringAttributeConstraints = a.StringAttributeConstraints
	}
	if a.NumberAttributeConstraints != nil && def.NumberAttributeConstraints != nil {
		def.NumberAttributeConstraints = a.NumberAttributeConstraints
	}
	return checkConstraints(def)
}

func customAttribute(a cognitoidp.SchemaAttributeType) (*cognitoidp.SchemaAttributeType, error) {
	name := strings.TrimPrefix(strings.TrimPrefix(*a.Name, "dev:"), "custom:")
	if name == "" || len([]rune(name)) > 20 {
		return nil, invalid("The name of a custom attribute must have 1 to 20 characters.")
	}
	if api.Value(a.Required) {
		return nil, invalid("Required custom attributes are not supported currently.")
	}
	if a.AttributeDataType == nil {
		return nil, invalid("Custom attributes need an AttributeDataType.")
	}
	prefix := "custom:"
	if api.Value(a.DeveloperOnlyAttribute) {
		prefix = "dev:custom:"
	}
	c := a
	c.Name, c.Required = new(prefix+name), new(false)
	c.Mutable, c.DeveloperOnlyAttribute = or(a.Mutable, false), or(a.DeveloperOnlyAttribute, false)
	if *c.AttributeDataType == cognitoidp.AttributeDataTypeString && c.StringAttributeConstraints == nil {
		c.StringAttributeConstraints = &cognitoidp.StringAttributeConstraintsType{}
	}
	return &c, checkConstraints(&c)
}

// checkConstraints refuses bounds that are not numbers, which travel as text.
func checkConstraints(a *cognitoidp.SchemaAttributeType) error {
	var bounds []*string
	if c := a.StringAttributeConstraints; c != nil {
		bounds = append(bounds, c.MinLength, c.MaxLength)
	}
	if c := a.NumberAttributeConstraints; c != nil {
		bounds = append(bounds, c.MinValue, c.MaxValue)
	}
	for _, b := range bounds {
		if b == nil {
			continue
		}
		if _, err := strconv.ParseFloat(*b, 64); err != nil {
			return invalid("The constraints of attribute " + *a.Name + " must be numbers.")
		}
	}
	return nil
}

// DescribeUserPool shows a pool.
func (s *Service) DescribeUserPool(ctx context.Context, in *cognitoidp.DescribeUserPoolInput) (*cognitoidp.DescribeUserPoolOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	users, err := s.counts.of(ctx, s, p.ID)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.DescribeUserPoolOutput{UserPool: s.describe(p, users)}, nil
}

// UpdateUserPool replaces a pool's settings. What is not given falls back to
// its default, as in AWS; the schema, the aliases and the tier stay.
func (s *Service) UpdateUserPool(ctx context.Context, in *cognitoidp.UpdateUserPoolInput) (*cognitoidp.UpdateUserPoolOutput, error) {
	if _, err := s.Pools.Pool(ctx, *in.UserPoolId); err != nil {
		return nil, err
	}
	if in.AdminCreateUserConfig != nil && in.AdminCreateUserConfig.UnusedAccountValidityDays != nil && in.Policies != nil &&
		in.Policies.PasswordPolicy != nil && in.Policies.PasswordPolicy.TemporaryPasswordValidityDays != nil {
		return nil, invalid("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
	}
	return &cognitoidp.UpdateUserPoolOutput{}, s.changePool(ctx, *in.UserPoolId, func(tx *store.Tx, p *pool.Pool) error {
		if err := refuseDuringImport(tx, p.ID); err != nil {
			return err
		}
		old := p.Settings
		p.Settings = &cognitoidp.UserPoolType{
			Policies: in.Policies, DeletionProtection: in.DeletionProtection, LambdaConfig: in.LambdaConfig,
			AutoVerifiedAttributes: in.AutoVerifiedAttributes, SmsVerificationMessage: in.SmsVerificationMessage,
			EmailVerificationMessage: in.EmailVerificationMessage, EmailVerificationSubject: in.EmailVerificationSubject,
			VerificationMessageTemplate: in.VerificationMessageTemplate, SmsAuthenticationMessage: in.SmsAuthenticationMessage,
			MfaConfiguration: in.MfaConfiguration, UserAttributeUpdateSettings: in.UserAttributeUpdateSettings,
			DeviceConfiguration: in.DeviceConfiguration, EmailConfiguration: in.EmailConfiguration, SmsConfiguration: in.SmsConfiguration,
			UserPoolTags: in.UserPoolTags, AdminCreateUserConfig: in.AdminCreateUserConfig, UserPoolAddOns: in.UserPoolAddOns,
			AccountRecoverySetting: in.AccountRecoverySetting, UserPoolTier: tierOf(in.UserPoolTier, in.UserPoolAddOns, *old.UserPoolTier), Name: or(in.PoolName, *old.Name),
			AliasAttributes: old.AliasAttributes, UsernameAttributes: old.UsernameAttributes,
			UsernameConfiguration: old.UsernameConfiguration, SchemaAttributes: old.SchemaAttributes,
		}
		setDefaults(p.Settings)
		keepRecordTag(old, p.Settings)
		return s.checkSettings(p)
	})
}

// DeleteUserPool removes a pool with its clients and users, unless it is
// protected.
func (s *Service) DeleteUserPool(ctx context.Context, in *cognitoidp.DeleteUserPoolInput) (*cognitoidp.DeleteUserPoolOutput, error) {
	p, err := s.Pools.Pool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	if *p.Settings.DeletionProtection == cognitoidp.DeletionProtectionTypeActive {
		return nil, invalid("The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
	}
	return &cognitoidp.DeleteUserPoolOutput{}, s.inPool(ctx, p.ID, func(tx *store.Tx, p *pool.Pool) error {
		if err := refuseDuringImport(tx, p.ID); err != nil {
			return err
		}
		domains, err := store.PoolDomains(tx, p.ID)
		if err != nil {
			return err
		}
		if len(domains) > 0 {
			return invalid("User pool cannot be deleted. It has a domain configured that should be deleted first.")
		}
		return store.DeleteUserPool(tx, p.ID)
	})
}

// ListUserPools lists pools by id.
func (s *Service) ListUserPools(ctx context.Context, in *cognitoidp.ListUserPoolsInput) (*cognitoidp.ListUserPoolsOutput, error) {
	rows, next, err := page(ctx, s, "ListUserPools", in.NextToken, limit(in.MaxResults, 60),
		func(tx *store.Tx, from position, n int) ([]store.UserPool, error) {
			return store.UserPools(tx, from.ID, n)
		},
		func(row store.UserPool) position { return position{ID: row.ID} })
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListUserPoolsOutput{UserPools: []cognitoidp.UserPoolDescriptionType{}, NextToken: next}
	for _, row := range rows {
		p, err := pool.FromRow(&row)
		if err != nil {
			return nil, err
		}
		out.UserPools = append(out.UserPools, cognitoidp.UserPoolDescriptionType{Id: &p.ID, Name: p.Settings.Name, LambdaConfig: p.Settings.LambdaConfig,
			CreationDate: p.Settings.CreationDate, LastModifiedDate: p.Settings.LastModifiedDate})
	}
	return out, nil
}
