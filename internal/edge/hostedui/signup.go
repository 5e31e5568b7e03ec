package hostedui

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
)

// valid checks the form of an operation's input by its model, which the
// operations rely on.
func valid(in interface{ Validate(*api.Violations) }) error {
	var v api.Violations
	in.Validate(&v)
	if m := v.Message(); m != "" {
		return &cognitoidp.InvalidParameterException{Message: m}
	}
	return nil
}

// secretHash proves the client to an operation that takes part in its name.
func secretHash(c *pool.Client, username string) *api.Secret {
	if len(c.Secrets) == 0 {
		return nil
	}
	return new(api.Secret(pool.SecretHash(c.Secrets[0].Value, username, c.ID)))
}

func secret(text string) *api.Secret { return new(api.Secret(text)) }

// closed shows that there is no sign-up here.
func (v *visit) closed() bool {
	if api.Value(v.s.Pool.Settings.AdminCreateUserConfig.AllowAdminCreateUserOnly) {
		v.notice(http.StatusForbidden, "signUp.title", "fault.signUpClosed")
		return true
	}
	return false
}

// askedAttributes are what sign-up asks for: what the pool requires, but for the
// name itself, and an address to which a code can go.
func (v *visit) askedAttributes() (list []string) {
	p := v.s.Pool
	for _, a := range p.Schema.Attributes() {
		if api.Value(a.Required) && *a.Name != "sub" && v.req.Client.CanWrite(*a.Name) {
			list = append(list, *a.Name)
		}
	}
	named := func(name string) bool {
		return slices.Contains(p.Settings.UsernameAttributes, cognitoidp.UsernameAttributeType(name))
	}
	reachable := len(p.Settings.UsernameAttributes) > 0
	for _, name := range []string{"email", "phone_number"} {
		reachable = reachable || slices.Contains(list, name)
	}
	for _, a := range []struct {
		name   string
		factor cognitoidp.AuthFactorType
	}{{"email", cognitoidp.AuthFactorTypeEmailOtp}, {"phone_number", cognitoidp.AuthFactorTypeSmsOtp}} {
		if !reachable && (p.AutoVerified(a.name) || p.FirstFactor(a.factor)) && v.req.Client.CanWrite(a.name) {
			list, reachable = append(list, a.name), true
		}
	}
	if len(p.Settings.UsernameAttributes) == 1 {
		list = slices.DeleteFunc(list, named)
	}
	return list
}

// attributeField asks for an attribute (HTML, section 4.10.18.7, names what
// browsers fill in).
func (v *visit) attributeField(name string) field {
	f := field{ID: name, Name: "requiredAttributes[" + name + "]", Label: name, Type: "text", MaxLength: 2048}
	if key := "attribute." + name; v.has(key) {
		f.Label = v.T(key)
	} else {
		f.Label = strings.TrimPrefix(name, "custom:")
	}
	if k, ok := inputs[name]; ok {
		f.Type, f.Autocomplete, f.InputMode = k.kind, k.complete, k.mode
	}
	if name == "phone_number" {
		f.Hint = v.T("hint.phone")
	}
	return f
}

var inputs = map[string]struct{ kind, complete, mode string }{
	"address": {"text", "street-address", ""}, "birthdate": {"date", "bday", ""}, "email": {"email", "email", "email"}, "family_name": {"text", "family-name", ""},
	"gender": {"text", "sex", ""}, "given_name": {"text", "given-name", ""}, "locale": {"text", "language", ""}, "middle_name": {"text", "additional-name", ""},
	"name": {"text", "name", ""}, "nickname": {"text", "nickname", ""}, "phone_number": {"tel", "tel", "tel"}, "picture": {"url", "photo", "url"},
	"preferred_username": {"text", "nickname", ""}, "profile": {"url", "url", "url"}, "updated_at": {"text", "off", "numeric"}, "website": {"url", "url", "url"},
	"zoneinfo": {"text", "off", ""},
}

// showSignUp shows the form to register.
func (v *visit) showSignUp() {
	if !v.closed() {
		v.signUpPage(nil)
	}
}

func (v *visit) signUpPage(wrong *problem) {
	username := v.usernameField(cut(v.req.LoginHint))
	if v.form != nil {
		username.Value = v.form.Get("username")
	}
	agreement, err := v.agreement()
	if err != nil { // nobody signs up without having been told
		v.unavailable(err)
		return
	}
	p := view{Title: v.T("signUp.title"), Lead: v.T("login.lead", "app", v.app()), Problem: wrong, Name: "cognitoSignUpForm", Action: v.linkTo("/signup"), Agreement: agreement,
		Fields: []field{username}, Rules: v.passwordRules(), Submit: &button{Label: v.T("signUp.submit")}, Links: []link{{v.T("signUp.login"), v.linkTo("/login")}}}
	for _, name := range v.askedAttributes() {
		f := v.attributeField(name)
		f.Value = v.form.Get(f.Name)
		p.Fields = append(p.Fields, f)
	}
	password := v.newPasswordField()
	password.Label = v.T("password")
	if v.s.Pool.Passwordless() {
		password.Optional, password.Hint = true, v.T("hint.noPassword")
	}
	if v.s.Pool.FirstFactor(cognitoidp.AuthFactorTypePassword) {
		p.Fields = append(p.Fields, password)
	} else {
		p.Rules = nil
	}
	v.show(http.StatusOK, p)
}

// signUp registers. Whoever need not confirm an address is signed in at once.
func (v *visit) signUp() {
	if v.closed() {
		return
	}
	username, password := v.field("username"), v.form.Get("password")
	c := v.req.Client
	in := &cognitoidp.SignUpInput{ClientId: secret(c.ID), SecretHash: secretHash(c, username), Username: secret(username)}
	if password != "" || !v.s.Pool.Passwordless() {
		in.Password = secret(password)
	}
	for _, name := range v.askedAttributes() {
		f := v.attributeField(name)
		if value := v.field(f.Name); value != "" {
			in.UserAttributes = append(in.UserAttributes, cognitoidp.AttributeType{Name: new(name), Value: secret(value)})
		} else {
			v.signUpPage(&problem{Text: v.T("fault.missing", "field", f.Label), field: f.ID})
			return
		}
	}
	switch {
	case username == "":
		v.signUpPage(&problem{Text: v.T("fault.missing", "field", v.usernameField("").Label), field: idUsername})
		return
	case in.Password != nil && password == "":
		v.signUpPage(&problem{Text: v.T("fault.missing", "field", v.T("password")), field: idNewPassword})
		return
	}
	err := valid(in)
	var out *cognitoidp.SignUpOutput
	if err == nil {
		out, err = v.h.config.Users.SignUp(v.r.Context(), in)
	}
	switch {
	case err != nil:
		if p := v.problem(err); p != nil {
			v.signUpPage(p)
		} else {
			v.unavailable(err)
		}
	case api.Value(out.UserConfirmed) && password != "":
		v.begin(username, cognitoidp.AuthFlowTypeUserPasswordAuth, map[string]api.Secret{"USERNAME": api.Secret(username), "PASSWORD": api.Secret(password)}, "")
	case api.Value(out.UserConfirmed):
		v.loginPage(username, v.T("confirm.done"), nil)
	case out.CodeDeliveryDetails == nil:
		v.notice(http.StatusOK, "signUp.title", "signUp.wait")
	default:
		if password != "" {
			v.registered = v.h.config.Login.Registered(v.req, username, password)
		}
		v.confirmPage(username, string(api.Value(out.Session)), v.sentTo(out.CodeDeliveryDetails), nil)
	}
}

// sentTo tells where a code went.
func (v *visit) sentTo(d *cognitoidp.CodeDeliveryDetailsType) string {
	if d == nil || d.Destination == nil {
		return v.T("code.sent")
	}
	return v.T("code.lead", "to", *d.Destination)
}

// showConfirm shows the form for the code of a sign-up.
func (v *visit) showConfirm() { v.confirmPage("", "", "", nil) }

// confirmPage asks for the code of a sign-up, and for the name unless it is
// known. session hands a user without a password over to the sign-in.
func (v *visit) confirmPage(username, session, notice string, wrong *problem) {
	p := view{Title: v.T("confirm.title"), Lead: v.T("confirm.lead"), Notice: notice, Problem: wrong, Name: "confirm", Action: v.linkTo("/confirm"),
		Submit: &button{Label: v.T("confirm.submit")}, Others: []button{{Label: v.T("confirm.resend"), Action: v.linkTo("/resendcode"), Free: true}}, Links: []link{v.back()}}
	if username == "" {
		p.Fields = []field{v.usernameField("")}
	} else {
		p.Hidden = []pair{{"username", username}, {"session", session}, {"registered", cmp.Or(v.registered, v.form.Get("registered"))}}
	}
	p.Fields = append(p.Fields, v.codeField())
	v.show(http.StatusOK, p)
}

// confirm takes the code.
func (v *visit) confirm() {
	username, session := v.field("username"), v.form.Get("session")
	c := v.req.Client
	in := &cognitoidp.ConfirmSignUpInput{ClientId: secret(c.ID), SecretHash: secretHash(c, username), Username: secret(username), ConfirmationCode: new(v.field("code"))}
	if session != "" {
		in.Session = secret(session)
	}
	if username == "" || *in.ConfirmationCode == "" {
		v.confirmPage(username, session, "", &problem{Text: v.T("fault.empty"), field: idCode})
		return
	}
	out, err := v.confirmSignUp(in)
	var p *problem
	if err != nil {
		p = v.problem(err)
	}
	switch {
	case err == nil && out.Session != nil:
		given := map[string]api.Secret{"USERNAME": api.Secret(username)}
		if h := secretHash(c, username); h != nil {
			given["SECRET_HASH"] = *h
		}
		v.begin(username, cognitoidp.AuthFlowTypeUserAuth, given, string(*out.Session))
	case err == nil:
		if password := v.h.config.Login.Registration(v.req, username, v.form.Get("registered")); password != "" {
			v.begin(username, cognitoidp.AuthFlowTypeUserPasswordAuth, map[string]api.Secret{"USERNAME": api.Secret(username), "PASSWORD": api.Secret(password)}, "")
			return
		}
		v.loginPage(username, v.T("confirm.done"), nil)
	case p == nil:
		v.unavailable(err)
	default:
		v.confirmPage(username, session, "", p)
	}
}

func (v *visit) confirmSignUp(in *cognitoidp.ConfirmSignUpInput) (*cognitoidp.ConfirmSignUpOutput, error) {
	if err := valid(in); err != nil {
		return nil, &cognitoidp.CodeMismatchException{Message: "The code is none."}
	}
	out, err := v.h.config.Users.ConfirmSignUp(v.r.Context(), in)
	var missing *cognitoidp.UserNotFoundException
	if errors.As(err, &missing) { // as clients that hide users are told
		err = &cognitoidp.ExpiredCodeException{Message: "There is no such code."}
	}
	return out, err
}

// resend sends another code.
func (v *visit) resend() {
	username, session := v.field("username"), v.form.Get("session")
	c := v.req.Client
	in := &cognitoidp.ResendConfirmationCodeInput{ClientId: secret(c.ID), SecretHash: secretHash(c, username), Username: secret(username)}
	err := valid(in)
	var out *cognitoidp.ResendConfirmationCodeOutput
	if err == nil {
		out, err = v.h.config.Users.ResendConfirmationCode(v.r.Context(), in)
	}
	var missing *cognitoidp.UserNotFoundException
	switch {
	case errors.As(err, &missing), err == nil && !c.HidesUsers():
		v.confirmPage(username, session, v.T("code.sent"), nil)
	case err == nil:
		v.confirmPage(username, session, v.sentTo(out.CodeDeliveryDetails), nil)
	default:
		if p := v.problem(err); p != nil {
			v.confirmPage(username, session, "", p)
		} else {
			v.unavailable(err)
		}
	}
}

// showLink shows what the link in a mail leads to: a button, because programs
// that look into mails follow links.
func (v *visit) showLink() {
	q := v.r.URL.Query()
	hidden := map[string]string{"client_id": q.Get("client_id"), "username": q.Get("user_name"), "code": q.Get("confirmation_code")}
	p := view{Title: v.T("confirm.title"), Lead: v.T("confirm.link"), Name: "confirm", Action: v.s.Link("/confirmUser", nil), Submit: &button{Label: v.T("confirm.submit")}}
	for _, name := range slices.Sorted(maps.Keys(hidden)) {
		p.Hidden = append(p.Hidden, pair{name, hidden[name]})
	}
	v.show(http.StatusOK, p)
}

// link confirms by the link of a mail.
func (v *visit) link() {
	id, username := v.field("client_id"), v.field("username")
	if !clientForm.MatchString(id) {
		v.notice(http.StatusBadRequest, "error.title", "confirm.dead")
		return
	}
	_, c, err := v.h.config.Clients.ClientOf(v.r.Context(), v.s.Pool.ID, id)
	if err == nil {
		_, err = v.confirmSignUp(&cognitoidp.ConfirmSignUpInput{ClientId: secret(c.ID), SecretHash: secretHash(c, username), Username: secret(username),
			ConfirmationCode: new(v.field("code"))})
	}
	switch {
	case err == nil:
		v.notice(http.StatusOK, "confirm.title", "confirm.done")
	case v.problem(err) == nil:
		v.unavailable(err)
	default:
		v.notice(http.StatusBadRequest, "error.title", "confirm.dead")
	}
}
