package hostedui

import (
	"errors"
	"net/http"

	"gatehouse/internal/api/cognitoidp"
)

// showForgot asks whose password was forgotten.
func (v *visit) showForgot() { v.forgotPage(cut(v.req.LoginHint), "", nil) }

func (v *visit) forgotPage(username, notice string, wrong *problem) {
	v.show(http.StatusOK, view{Title: v.T("forgot.title"), Lead: v.T("forgot.lead"), Notice: notice, Problem: wrong, Name: "forgotPassword", Action: v.linkTo("/forgotPassword"),
		Fields: []field{v.usernameField(username)}, Submit: &button{Label: v.T("forgot.submit")}, Links: []link{v.back()}})
}

// forgot sends a code to set another password. The page that follows is the same
// for names that nobody has, and for users who cannot have a code.
func (v *visit) forgot() {
	username := v.field("username")
	if username == "" {
		v.forgotPage("", "", &problem{Text: v.T("fault.missing", "field", v.usernameField("").Label), field: idUsername})
		return
	}
	c := v.req.Client
	in := &cognitoidp.ForgotPasswordInput{ClientId: secret(c.ID), SecretHash: secretHash(c, username), Username: secret(username)}
	err := valid(in)
	var out *cognitoidp.ForgotPasswordOutput
	if err == nil {
		out, err = v.h.config.Users.ForgotPassword(v.r.Context(), in)
	}
	switch {
	case err == nil && c.HidesUsers():
		v.resetPage(username, v.sentTo(out.CodeDeliveryDetails), nil)
	case err == nil || silent(err):
		v.resetPage(username, v.T("code.sent"), nil)
	default:
		if p := v.problem(err); p != nil {
			v.forgotPage(username, "", p)
		} else {
			v.unavailable(err)
		}
	}
}

// silent reports whether a refusal would tell that a user exists or not.
func silent(err error) bool {
	var missing *cognitoidp.UserNotFoundException
	var refused *cognitoidp.NotAuthorizedException
	var input *cognitoidp.InvalidParameterException
	return errors.As(err, &missing) || errors.As(err, &refused) || errors.As(err, &input)
}

// showReset asks for the code and a new password.
func (v *visit) showReset() { v.resetPage("", "", nil) }

func (v *visit) resetPage(username, notice string, wrong *problem) {
	p := view{Title: v.T("reset.title"), Lead: v.T("reset.lead"), Notice: notice, Problem: wrong, Name: "confirmForgotPassword", Action: v.linkTo("/confirmForgotPassword"),
		Rules: v.passwordRules(), Submit: &button{Label: v.T("reset.submit")}, Links: []link{v.back()}}
	if username == "" {
		p.Fields = []field{v.usernameField("")}
	} else {
		p.Hidden = []pair{{"username", username}}
	}
	code := v.codeField()
	code.Value = v.form.Get("code")
	if wrong != nil && wrong.field == idCode {
		code.Value = ""
	}
	p.Fields = append(p.Fields, code, v.newPasswordField())
	v.show(http.StatusOK, p)
}

// reset takes them.
func (v *visit) reset() {
	username, code, password := v.field("username"), v.field("code"), v.form.Get("password")
	switch {
	case username == "" || code == "":
		v.resetPage(username, "", &problem{Text: v.T("fault.empty"), field: idCode})
		return
	case password == "":
		v.resetPage(username, "", &problem{Text: v.T("fault.missing", "field", v.T("newPassword")), field: idNewPassword})
		return
	}
	c := v.req.Client
	in := &cognitoidp.ConfirmForgotPasswordInput{ClientId: secret(c.ID), SecretHash: secretHash(c, username), Username: secret(username), ConfirmationCode: &code, Password: secret(password)}
	err := valid(in)
	if err == nil {
		_, err = v.h.config.Users.ConfirmForgotPassword(v.r.Context(), in)
	}
	var missing *cognitoidp.UserNotFoundException
	if errors.As(err, &missing) {
		err = &cognitoidp.CodeMismatchException{Message: "There is no such code."}
	}
	if err == nil {
		v.loginPage(username, v.T("reset.done"), nil)
		return
	}
	if p := v.problem(err); p != nil {
		v.resetPage(username, "", p)
	} else {
		v.unavailable(err)
	}
}
