package hostedui

import (
	"encoding/base32"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/risk"
	"gatehouse/internal/authn/signin"
)

// challenge is a question of the sign-in's state machine, as it travels in the
// hidden fields of its page. All but the session is there to show the page again
// after a wrong answer: whoever changes it sees another page, and no more.
type challenge struct {
	Name     cognitoidp.ChallengeNameType
	Session  string // sealed
	Username string
	About    map[string]string
	Choices  []cognitoidp.ChallengeNameType
}

// answerable are the challenges that have a page. The others need a client's
// own code, and never come to a browser's sign-in.
var answerable = []cognitoidp.ChallengeNameType{cognitoidp.ChallengeNameTypeSmsMfa, cognitoidp.ChallengeNameTypeSmsOtp, cognitoidp.ChallengeNameTypeEmailOtp,
	cognitoidp.ChallengeNameTypeSoftwareTokenMfa, cognitoidp.ChallengeNameTypeSelectMfaType, cognitoidp.ChallengeNameTypeMfaSetup,
	cognitoidp.ChallengeNameTypeNewPasswordRequired, cognitoidp.ChallengeNameTypeSelectChallenge, cognitoidp.ChallengeNameTypePassword, cognitoidp.ChallengeNameTypeWebAuthn}

// maxAbout bounds what a form says about its challenge, in bytes.
const maxAbout = 16 << 10

// asked is the challenge that a form answers, or nil.
func (v *visit) asked() *challenge {
	c := &challenge{Name: cognitoidp.ChallengeNameType(v.form.Get("challenge")), Session: v.form.Get("session"), Username: v.form.Get("username")}
	var about struct {
		About   map[string]string
		Choices []cognitoidp.ChallengeNameType
	}
	text := v.form.Get("about")
	if !slices.Contains(answerable, c.Name) || c.Session == "" || c.Username == "" || len(text) > maxAbout || json.Unmarshal([]byte(text), &about) != nil {
		return nil
	}
	c.About, c.Choices = about.About, about.Choices
	return c
}

// hidden is the challenge in hidden fields.
func (c *challenge) hidden() []pair {
	about, err := json.Marshal(map[string]any{"About": c.About, "Choices": c.Choices})
	if err != nil {
		about = []byte("{}") // texts can always be encoded
	}
	return []pair{{"challenge", string(c.Name)}, {"session", c.Session}, {"username", c.Username}, {"about", string(about)}}
}

// list reads a parameter that is a list in JSON.
func (c *challenge) list(name string) (list []string) {
	if json.Unmarshal([]byte(c.About[name]), &list) != nil {
		return nil
	}
	return list
}

// What MFA_SETUP remembers beside what the challenge said.
const (
	aboutChosen = "chosen" // what is set up
	aboutSecret = "secret" // of the software token
)

// challengePage asks the question.
func (v *visit) challengePage(c *challenge, wrong *problem) {
	if c.Name == cognitoidp.ChallengeNameTypeSelectChallenge {
		// SRP is a password, as far as people are concerned.
		c.Choices = slices.DeleteFunc(slices.Clone(c.Choices), func(n cognitoidp.ChallengeNameType) bool { return n == cognitoidp.ChallengeNameTypePasswordSrp })
		if len(c.Choices) == 1 && c.Choices[0] == cognitoidp.ChallengeNameTypePassword {
			c.Name = cognitoidp.ChallengeNameTypePassword
		}
	}
	p := view{Problem: wrong, Action: v.linkTo("/mfa"), Name: "challenge", Submit: &button{Label: v.T("continue")}, Links: []link{v.back()}}
	switch c.Name {
	case cognitoidp.ChallengeNameTypeSmsMfa, cognitoidp.ChallengeNameTypeSmsOtp, cognitoidp.ChallengeNameTypeEmailOtp:
		p.Title, p.Lead = v.T("code.title"), v.T("code.lead", "to", c.About["CODE_DELIVERY_DESTINATION"])
		p.Fields = []field{v.codeField()}
	case cognitoidp.ChallengeNameTypeSoftwareTokenMfa:
		p.Title, p.Lead = v.T("code.title"), v.T("totp.lead")
		if name := c.About["FRIENDLY_DEVICE_NAME"]; name != "" {
			p.Lead = v.T("totp.leadDevice", "device", name)
		}
		p.Fields = []field{v.codeField()}
	case cognitoidp.ChallengeNameTypeSelectMfaType:
		p.Title, p.Lead = v.T("choose.title"), v.T("choose.mfa")
		v.choice(&p, c.list("MFAS_CAN_CHOOSE"))
	case cognitoidp.ChallengeNameTypeSelectChallenge:
		p.Title, p.Lead = v.T("choose.title"), v.T("choose.first", "user", c.Username)
		names := make([]string, 0, len(c.Choices))
		for _, n := range c.Choices {
			names = append(names, string(n))
		}
		v.choice(&p, names)
	case cognitoidp.ChallengeNameTypePassword:
		p.Title, p.Lead = v.T("password.title"), v.T("choose.first", "user", c.Username)
		p.Fields = []field{{ID: idPassword, Name: "password", Label: v.T("password"), Type: "password", Autocomplete: "current-password", MaxLength: 256}}
	case cognitoidp.ChallengeNameTypeWebAuthn:
		p.Title, p.Lead = v.T("passkey.title"), v.T("passkey.lead")
		p.Options, p.script = c.About["CREDENTIAL_REQUEST_OPTIONS"], "passkey.js"
		p.Submit.Label = v.T("factor.passkey")
	case cognitoidp.ChallengeNameTypeNewPasswordRequired:
		p.Title, p.Lead, p.Action = v.T("newPassword.title"), v.T("newPassword.lead"), v.linkTo("/changepassword")
		p.Fields, p.Rules = []field{v.newPasswordField()}, v.passwordRules()
		for _, name := range c.list("requiredAttributes") {
			if name = strings.TrimPrefix(name, "userAttributes."); v.s.Pool.Schema.Has(name) {
				f := v.attributeField(name)
				f.Name = "userAttributes." + name
				f.Value = v.form.Get(f.Name)
				p.Fields = append(p.Fields, f)
			}
		}
	case cognitoidp.ChallengeNameTypeMfaSetup:
		if !v.setUpPage(&p, c) {
			return
		}
	default:
		v.unavailable(errUnknownChallenge(c.Name))
		return
	}
	p.Hidden = append(p.Hidden, c.hidden()...)
	v.show(http.StatusOK, p)
}

type errUnknownChallenge cognitoidp.ChallengeNameType

func (e errUnknownChallenge) Error() string { return "there is no page for the challenge " + string(e) }

// choice offers what can be chosen as buttons.
func (v *visit) choice(p *view, names []string) {
	p.Submit = nil
	for _, name := range names {
		if key := "choice." + name; v.has(key) {
			p.Others = append(p.Others, button{Label: v.T(key), Name: "answer", Value: name})
		}
	}
}

func (v *visit) codeField() field {
	return field{ID: idCode, Name: "code", Label: v.T("code"), Type: "text", Autocomplete: "one-time-code", InputMode: "numeric", MaxLength: 64}
}

func (v *visit) newPasswordField() field {
	return field{ID: idNewPassword, Name: "password", Label: v.T("newPassword"), Type: "password", Autocomplete: "new-password", MaxLength: 256}
}

// setUpPage sets a second factor up: the one that there is, or that was chosen.
// It reports whether there is a page to show.
func (v *visit) setUpPage(p *view, c *challenge) bool {
	can := slices.DeleteFunc(c.list("MFAS_CAN_SETUP"), func(n string) bool {
		return n != string(cognitoidp.ChallengeNameTypeSoftwareTokenMfa) && n != string(cognitoidp.ChallengeNameTypeEmailOtp)
	})
	chosen := c.About[aboutChosen]
	if chosen == "" && len(can) == 1 {
		chosen = can[0]
	}
	switch {
	case len(can) == 0:
		v.notice(http.StatusForbidden, "setup.title", "setup.none")
		return false
	case chosen == "":
		p.Title, p.Lead = v.T("setup.title"), v.T("setup.choose")
		v.choice(p, can)
	case chosen == string(cognitoidp.ChallengeNameTypeEmailOtp):
		p.Title, p.Lead = v.T("setup.title"), v.T("setup.email")
		p.Fields = []field{{ID: idEmail, Name: "email", Label: v.T("attribute.email"), Type: "email", Autocomplete: "email", InputMode: "email", MaxLength: 2048}}
	default:
		return v.tokenPage(p, c)
	}
	return true
}

var secretForm = base32.StdEncoding.WithPadding(base32.NoPadding)

// tokenPage shows the secret of a software token, a new one unless the form has
// one: after a wrong code the same picture is shown.
func (v *visit) tokenPage(p *view, c *challenge) bool {
	secret, err := secretForm.DecodeString(c.About[aboutSecret])
	if err != nil || len(secret) == 0 || len(secret) > 64 {
		fresh, next, err := v.h.config.SignIn.AssociateInSession(v.r.Context(), v.s.Pool, v.req.Client, c.Session)
		if err != nil {
			v.stopped(c.Username, err)
			return false
		}
		secret, c.Session = fresh, next
		if c.About == nil {
			c.About = map[string]string{}
		}
		c.About[aboutSecret], c.About[aboutChosen] = secretForm.EncodeToString(secret), string(cognitoidp.ChallengeNameTypeSoftwareTokenMfa)
	}
	p.Title, p.Lead = v.T("setup.title"), v.T("setup.totp")
	if p.Picture, err = v.qr(c.Username, c.About[aboutSecret]); err != nil {
		v.unavailable(err)
		return false
	}
	p.Fields = []field{v.codeField(), {ID: "device", Name: "device", Label: v.T("setup.device"), Type: "text", Autocomplete: "off", Optional: true, MaxLength: 128, Value: v.form.Get("device")}}
	return true
}

// answer takes the answer to a challenge.
func (v *visit) answer() {
	c := v.asked()
	if c == nil {
		v.loginPage("", "", &problem{Text: v.T("fault.sessionEnded")})
		return
	}
	given := map[string]api.Secret{"USERNAME": api.Secret(c.Username)}
	put := func(name, value string) { given[name] = api.Secret(value) }
	code := strings.ReplaceAll(v.field("code"), " ", "") // as apps show them
	name := c.Name
	switch c.Name {
	case cognitoidp.ChallengeNameTypeSmsMfa, cognitoidp.ChallengeNameTypeSmsOtp, cognitoidp.ChallengeNameTypeEmailOtp, cognitoidp.ChallengeNameTypeSoftwareTokenMfa:
		put(string(c.Name)+"_CODE", code)
	case cognitoidp.ChallengeNameTypeSelectMfaType, cognitoidp.ChallengeNameTypeSelectChallenge:
		put("ANSWER", v.field("answer"))
	case cognitoidp.ChallengeNameTypePassword:
		put("PASSWORD", v.form.Get("password"))
	case cognitoidp.ChallengeNameTypeWebAuthn:
		put("CREDENTIAL", v.form.Get("credential"))
	case cognitoidp.ChallengeNameTypeNewPasswordRequired:
		put("NEW_PASSWORD", v.form.Get("password"))
		for field := range v.form {
			if strings.HasPrefix(field, "userAttributes.") {
				put(field, v.field(field))
			}
		}
	case cognitoidp.ChallengeNameTypeMfaSetup:
		if !v.setUp(c, code, put) {
			return
		}
	}
	for what, value := range given {
		if value == "" && !strings.HasPrefix(what, "userAttributes.") {
			v.challengePage(c, &problem{Text: v.T("fault.empty"), field: idCode})
			return
		}
	}
	step, err := v.h.config.SignIn.Respond(v.r.Context(), &signin.Reply{Pool: v.s.Pool, Client: v.discreet(), Challenge: name, Responses: given, Session: c.Session,
		Seen: risk.Public(v.r.Context(), v.req.Client, nil), Browser: true})
	if err != nil {
		v.again(c, err)
		return
	}
	v.proceed(c.Username, step)
}

// setUp goes on with MFA_SETUP: it reports whether the challenge can be
// answered now.
func (v *visit) setUp(c *challenge, code string, put func(name, value string)) bool {
	if answer := v.field("answer"); answer != "" {
		if c.About == nil {
			c.About = map[string]string{}
		}
		c.About[aboutChosen] = answer
		v.challengePage(c, nil)
		return false
	}
	if email := v.field("email"); email != "" {
		put("EMAIL", email)
		return true
	}
	next, err := v.h.config.SignIn.VerifyInSession(v.r.Context(), v.req.Client, c.Session, code, v.field("device"))
	if err != nil {
		v.again(c, err)
		return false
	}
	c.Session = next
	return true
}

// again asks once more after a wrong answer. When the sign-in cannot go on it
// begins anew.
func (v *visit) again(c *challenge, err error) {
	p := v.problem(err)
	if p == nil || p.over || c.Name == cognitoidp.ChallengeNameTypeWebAuthn {
		v.stopped(c.Username, err)
		return
	}
	v.challengePage(c, p)
}
