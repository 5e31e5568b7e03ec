package trigger

import (
	"context"
	"strings"
	"unicode/utf8"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/outbound/delivery"
)

// SignUpDecision is what a PreSignUp function decides about a new user.
type SignUpDecision struct {
	AutoConfirm     bool `json:"autoConfirmUser"`
	AutoVerifyEmail bool `json:"autoVerifyEmail"`
	AutoVerifyPhone bool `json:"autoVerifyPhone"`
}

// HasPreSignUp reports whether a pool has a PreSignUp function.
func HasPreSignUp(p *pool.Pool) bool { return has(functions(p).PreSignUp) }

// PreSignUp asks about the call's user, who is not made yet: the event has the
// submitted attributes alone. The source is PreSignUp_SignUp or
// PreSignUp_AdminCreateUser.
func (c *Caller) PreSignUp(ctx context.Context, call *Call, source string, validationData map[string]string) (d SignUpDecision, err error) {
	f := functions(call.Pool).PreSignUp
	if !has(f) {
		return d, nil
	}
	submitted := map[string]string{}
	for _, a := range call.User.Attributes {
		submitted[a.Name] = a.Value
	}
	err = c.invoke(ctx, call, invocation{function: *f, trigger: "PreSignUp", source: source, response: `{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}`, request: struct {
		UserAttributes map[string]string `json:"userAttributes"`
		ValidationData any               `json:"validationData"`
		ClientMetadata map[string]string `json:"clientMetadata,omitzero"`
	}{submitted, orNull(validationData), call.Metadata}}, &d)
	return d, err
}

// PostConfirmation tells that the call's user was confirmed. The source is
// PostConfirmation_ConfirmSignUp or PostConfirmation_ConfirmForgotPassword.
func (c *Caller) PostConfirmation(ctx context.Context, call *Call, source string) error {
	f := functions(call.Pool).PostConfirmation
	if !has(f) {
		return nil
	}
	return c.invoke(ctx, call, invocation{function: *f, trigger: "PostConfirmation", source: source, request: struct {
		UserAttributes map[string]string `json:"userAttributes"`
		ClientMetadata map[string]string `json:"clientMetadata,omitzero"`
	}{call.userAttributes(), call.Metadata}}, &struct{}{})
}

// Texts are those of a message, with the placeholders in them; nil: the pool's
// own.
type Texts struct {
	SMS     *string `json:"smsMessage"`
	Email   *string `json:"emailMessage"`
	Subject *string `json:"emailSubject"`
}

// The placeholders in the texts of messages. A function never sees the code.
const (
	CodeParameter     = "{####}"
	UsernameParameter = "{username}"
)

// The longest texts, in characters (AWS: "Custom message Lambda trigger").
const (
	maxSMS   = 140
	maxEmail = 20_000
)

// LinkParameter is the place of a link in a mail.
const LinkParameter = "{##Click Here##}"

// ByLink reports whether a pool verifies new users' addresses by a link in place
// of a code.
func ByLink(p *pool.Pool) bool {
	t := p.Settings.VerificationMessageTemplate
	return t != nil && t.DefaultEmailOption != nil && *t.DefaultEmailOption == cognitoidp.DefaultEmailOptionTypeConfirmWithLink
}

// HasCustomMessage reports whether a pool has a CustomMessage function.
func HasCustomMessage(p *pool.Pool) bool { return has(functions(p).CustomMessage) }

// CustomMessage asks for the texts of a message to the call's user. The source
// is CustomMessage_SignUp or another of its family.
func (c *Caller) CustomMessage(ctx context.Context, call *Call, source string) (t Texts, err error) {
	f := functions(call.Pool).CustomMessage
	if !has(f) {
		return t, nil
	}
	var place *string
	invites := source == "CustomMessage_AdminCreateUser"
	link := source == "CustomMessage_SignUp" || source == "CustomMessage_ResendCode"
	if link = link && ByLink(call.Pool); link {
		place = new(LinkParameter)
	}
	var name *string
	if invites {
		name = new(UsernameParameter)
	}
	err = c.invoke(ctx, call, invocation{function: *f, trigger: "CustomMessage", source: source, response: `{"smsMessage":null,"emailMessage":null,"emailSubject":null}`, request: struct {
		UserAttributes    map[string]string `json:"userAttributes"`
		CodeParameter     string            `json:"codeParameter"`
		LinkParameter     *string           `json:"linkParameter"`
		UsernameParameter *string           `json:"usernameParameter"`
		ClientMetadata    map[string]string `json:"clientMetadata,omitzero"`
	}{call.userAttributes(), CodeParameter, place, name, call.Metadata}}, &t)
	if err == nil {
		err = t.check(call.Pool, invites, link)
	}
	return t, err
}

// check refuses texts without their placeholders, too long ones, and mails in a
// pool whose EmailSendingAccount has the service's own texts.
func (t *Texts) check(p *pool.Pool, invites, link bool) error {
	e := p.Settings.EmailConfiguration
	developer := e != nil && e.EmailSendingAccount != nil && *e.EmailSendingAccount == cognitoidp.EmailSendingAccountTypeDeveloper
	if !developer && (api.Value(t.Email) != "" || api.Value(t.Subject) != "") {
		return invalidAnswer("emailMessage and emailSubject need the EmailSendingAccount DEVELOPER.")
	}
	for _, m := range []struct {
		name string
		text string
		most int
	}{{"smsMessage", api.Value(t.SMS), maxSMS}, {"emailMessage", api.Value(t.Email), maxEmail}} {
		placed := strings.Contains(m.text, CodeParameter)
		if link && m.name == "emailMessage" {
			placed = delivery.LinkForm.MatchString(m.text)
		}
		switch {
		case m.text == "":
		case !placed || invites && !strings.Contains(m.text, UsernameParameter):
			return invalidAnswer(m.name + " lacks a placeholder.")
		case utf8.RuneCountInString(m.text) > m.most:
			return invalidAnswer(m.name + " is too long.")
		}
	}
	if s := api.Value(t.Subject); utf8.RuneCountInString(s) > maxSMS || strings.ContainsAny(s, "\r\n") {
		return invalidAnswer("emailSubject is too long or has more than one line.")
	}
	return nil
}
