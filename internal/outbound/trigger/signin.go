package trigger

import "context"

// PreAuthentication asks whether somebody may try to sign in. It is asked about
// people who do not exist as well, in a client that hides users.
func (c *Caller) PreAuthentication(ctx context.Context, call *Call, validationData map[string]string) error {
	f := functions(call.Pool).PreAuthentication
	if !has(f) {
		return nil
	}
	return c.invoke(ctx, call, invocation{function: *f, trigger: "PreAuthentication", source: "PreAuthentication_Authentication", request: struct {
		UserAttributes map[string]string `json:"userAttributes"`
		ValidationData any               `json:"validationData"`
		UserNotFound   bool              `json:"userNotFound"`
	}{call.userAttributes(), orNull(validationData), call.User == nil}}, &struct{}{})
}

// PostAuthentication tells that the call's user has signed in.
func (c *Caller) PostAuthentication(ctx context.Context, call *Call, newDeviceUsed bool) error {
	f := functions(call.Pool).PostAuthentication
	if !has(f) {
		return nil
	}
	return c.invoke(ctx, call, invocation{function: *f, trigger: "PostAuthentication", source: "PostAuthentication_Authentication", request: struct {
		UserAttributes map[string]string `json:"userAttributes"`
		NewDeviceUsed  bool              `json:"newDeviceUsed"`
		ClientMetadata map[string]string `json:"clientMetadata,omitzero"`
	}{call.userAttributes(), newDeviceUsed, call.Metadata}}, &struct{}{})
}

// Migrated is a user whom a UserMigration function knows.
type Migrated struct {
	Attributes map[string]string `json:"userAttributes"`
	// FinalUserStatus is CONFIRMED, RESET_REQUIRED or empty, which is the same
	// as RESET_REQUIRED.
	FinalUserStatus string `json:"finalUserStatus"`
	// MessageAction is SUPPRESS or empty: a welcome message.
	MessageAction          string   `json:"messageAction"`
	DesiredDeliveryMediums []string `json:"desiredDeliveryMediums"`
	ForceAliasCreation     bool     `json:"forceAliasCreation"`
	EnableSMSMFA           bool     `json:"enableSMSMFA"`
}

const nobody = `{"userAttributes":null,"forceAliasCreation":null,"enableSMSMFA":null,"finalUserStatus":null,"messageAction":null,"desiredDeliveryMediums":null}`

// UserMigration asks about somebody who is not in the pool, by the name that
// was typed. The source is UserMigration_Authentication, with the password, or
// UserMigration_ForgotPassword. It returns nil when the pool has no such
// function, or the function does not know the user either.
func (c *Caller) UserMigration(ctx context.Context, call *Call, source, password string, validationData map[string]string) (*Migrated, error) {
	f := functions(call.Pool).UserMigration
	if !has(f) {
		return nil, nil
	}
	m := &Migrated{}
	if err := c.invoke(ctx, call, invocation{function: *f, trigger: "UserMigration", source: source, response: nobody, request: struct {
		UserAttributes any               `json:"userAttributes"`
		Password       string            `json:"password,omitzero"`
		ValidationData any               `json:"validationData"`
		ClientMetadata map[string]string `json:"clientMetadata,omitzero"`
	}{nil, password, orNull(validationData), call.Metadata}}, m); err != nil {
		return nil, err
	}
	if len(m.Attributes) == 0 {
		return nil, nil
	}
	switch {
	case m.FinalUserStatus != "" && m.FinalUserStatus != "CONFIRMED" && m.FinalUserStatus != "RESET_REQUIRED":
		return nil, invalidAnswer("finalUserStatus is CONFIRMED or RESET_REQUIRED.")
	case m.MessageAction != "" && m.MessageAction != "SUPPRESS":
		return nil, invalidAnswer("messageAction is SUPPRESS or absent.")
	}
	for _, medium := range m.DesiredDeliveryMediums {
		if medium != "EMAIL" && medium != "SMS" {
			return nil, invalidAnswer("desiredDeliveryMediums are EMAIL and SMS.")
		}
	}
	return m, nil
}
