package hostedui

import (
	"errors"
	"net/http"
	"slices"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
)

// showLogin shows the sign-in page, unless the browser's login does.
func (v *visit) showLogin() {
	l, err := v.h.config.Login.LoginOf(v.r.Context(), v.s.Pool, v.s.Cookie(v.r))
	if err != nil {
		v.unavailable(err)
		return
	}
	a, err := v.h.config.Login.Silent(v.r.Context(), v.req, l)
	switch {
	case err != nil:
		v.refuse(err)
	case a != nil:
		v.deliver(a)
	default:
		v.choose(v.r.URL.Query().Get(providerParameter))
	}
}

// cut is a name as far as one can be.
func cut(name string) string {
	const longest = 128 // characters (the model's UsernameType)
	if r := []rune(name); len(r) > longest {
		return string(r[:longest])
	}
	return name
}

// factor is a way to begin that needs no password.
type factor struct {
	challenge cognitoidp.ChallengeNameType
	factor    cognitoidp.AuthFactorType
	key       string
}

var factors = []factor{
	{cognitoidp.ChallengeNameTypeWebAuthn, cognitoidp.AuthFactorTypeWebAuthn, "factor.passkey"},
	{cognitoidp.ChallengeNameTypeEmailOtp, cognitoidp.AuthFactorTypeEmailOtp, "factor.email"},
	{cognitoidp.ChallengeNameTypeSmsOtp, cognitoidp.AuthFactorTypeSmsOtp, "factor.sms"},
}

// loginPage shows the sign-in form. Its field names are those of AWS's page,
// which headless clients know (hosted-ui-oauth.md, section 4).
func (v *visit) loginPage(username, notice string, wrong *problem) {
	p := view{Title: v.T("login.title"), Lead: v.T("login.lead", "app", v.app()), Notice: notice, Problem: wrong}
	if err := v.offer(&p); err != nil {
		v.unavailable(err)
		return
	}
	if !v.req.Native() {
		v.show(http.StatusOK, p)
		return
	}
	p.Name, p.Action, p.Fields = "cognitoSignInForm", v.linkTo("/login"), []field{v.usernameField(username)}
	of := v.s.Pool
	if of.FirstFactor(cognitoidp.AuthFactorTypePassword) {
		p.Fields = append(p.Fields, field{ID: idPassword, Name: "password", Label: v.T("password"), Type: "password", Autocomplete: "current-password", MaxLength: 256})
		p.Submit = &button{Label: v.T("login.submit"), Name: "signInSubmitButton", Value: "Sign in"}
	}
	for _, f := range factors {
		if !of.FirstFactor(f.factor) {
			continue
		}
		b := button{Label: v.T(f.key), Name: "factor", Value: string(f.challenge), Free: true}
		if p.Submit == nil {
			p.Submit = &b
		} else {
			p.Others = append(p.Others, b)
		}
	}
	if of.FirstFactor(cognitoidp.AuthFactorTypePassword) {
		p.Links = append(p.Links, link{v.T("login.forgot"), v.linkTo("/forgotPassword")})
	}
	if !api.Value(of.Settings.AdminCreateUserConfig.AllowAdminCreateUserOnly) {
		p.Links = append(p.Links, link{v.T("login.signUp"), v.linkTo("/signup")})
	}
	v.show(http.StatusOK, p)
}

// app is how the client is called.
func (v *visit) app() string { return api.Value(v.req.Client.Settings.ClientName) }

// usernameField asks for a name, called as the pool's names are.
func (v *visit) usernameField(value string) field {
	f := field{ID: idUsername, Name: "username", Label: v.T("username"), Type: "text", Autocomplete: "username", Value: value, MaxLength: 128}
	names := v.s.Pool.Settings.UsernameAttributes
	email, phone := slices.Contains(names, cognitoidp.UsernameAttributeTypeEmail), slices.Contains(names, cognitoidp.UsernameAttributeTypePhoneNumber)
	switch {
	case email && phone:
		f.Label = v.T("username.emailOrPhone")
	case email:
		f.Label, f.Type, f.InputMode = v.T("attribute.email"), "email", "email"
	case phone:
		f.Label, f.Type, f.InputMode, f.Hint = v.T("attribute.phone_number"), "tel", "tel", v.T("hint.phone")
	case v.s.Pool.HasAlias("email") && v.s.Pool.HasAlias("phone_number"):
		f.Label = v.T("username.any")
	case v.s.Pool.HasAlias("email"):
		f.Label = v.T("username.orEmail")
	case v.s.Pool.HasAlias("phone_number"):
		f.Label = v.T("username.orPhone")
	}
	return f
}

// login takes the sign-in form.
func (v *visit) login() {
	username := v.field("username")
	if username == "" {
		v.loginPage("", "", &problem{Text: v.T("fault.missing", "field", v.usernameField("").Label), field: idUsername})
		return
	}
	given := map[string]api.Secret{"USERNAME": api.Secret(username)}
	flow := cognitoidp.AuthFlowTypeUserPasswordAuth
	if f := v.field("factor"); f != "" {
		flow = cognitoidp.AuthFlowTypeUserAuth
		given["PREFERRED_CHALLENGE"] = api.Secret(f)
	} else {
		given["PASSWORD"] = api.Secret(v.form.Get("password"))
		if given["PASSWORD"] == "" {
			v.loginPage(username, "", &problem{Text: v.T("fault.missing", "field", v.T("password")), field: idPassword})
			return
		}
	}
	v.begin(username, flow, given, "")
}

// begin starts a sign-in.
func (v *visit) begin(username string, flow cognitoidp.AuthFlowType, given map[string]api.Secret, session string) {
	step, err := v.h.config.SignIn.Initiate(v.r.Context(), &signin.Start{Pool: v.s.Pool, Client: v.discreet(), Flow: flow, Parameters: given, Session: session,
		Seen: risk.Public(v.r.Context(), v.req.Client, nil), Browser: true})
	if err != nil {
		v.stopped(username, err)
		return
	}
	v.proceed(username, step)
}

// discreet is the client with answers that do not tell who exists, whatever it
// chose for the API: the pages are the pool's, and everybody's.
func (v *visit) discreet() *pool.Client {
	c, settings := *v.req.Client, *v.req.Client.Settings
	settings.PreventUserExistenceErrors = new(cognitoidp.PreventUserExistenceErrorTypesEnabled)
	c.Settings = &settings
	return &c
}

// stopped shows why a sign-in did not begin or cannot go on.
func (v *visit) stopped(username string, err error) {
	var unconfirmed *cognitoidp.UserNotConfirmedException
	var reset *cognitoidp.PasswordResetRequiredException
	if errors.As(err, &unconfirmed) {
		if password := v.form.Get("password"); password != "" {
			v.registered = v.h.config.Login.Registered(v.req, username, password)
		}
		v.confirmPage(username, "", v.T("confirm.first"), nil)
		return
	}
	if errors.As(err, &reset) {
		v.forgotPage(username, v.T("forgot.required"), nil)
		return
	}
	if p := v.problem(err); p != nil {
		v.loginPage(username, "", p)
		return
	}
	v.unavailable(err)
}

// proceed shows what a sign-in asks for next, or ends it.
func (v *visit) proceed(username string, step *signin.Step) {
	if step.Login == nil {
		v.challengePage(&challenge{Name: step.Challenge, Session: step.Session, Username: username, About: step.Parameters, Choices: step.Choices}, nil)
		return
	}
	v.end(step.Login)
}

// end ends a sign-in: with a new login, whatever the browser had before, and the
// client's answer.
func (v *visit) end(l *signin.Login) {
	if err := v.h.config.Login.EndLogin(v.r.Context(), v.s.Pool, v.s.Cookie(v.r)); err != nil {
		v.unavailable(err)
		return
	}
	v.s.SetLogin(v.w, l, v.h.config.Now())
	a, err := v.h.config.Login.Answer(v.r.Context(), v.req, l)
	if err != nil {
		v.refuse(err)
		return
	}
	v.deliver(a)
}

// back is a link to the sign-in page.
func (v *visit) back() link { return link{v.T("back"), v.linkTo("/login")} }
