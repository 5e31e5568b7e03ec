package hostedui

import (
	"errors"
	"strconv"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
)

// problem is what went wrong, in words for the person who reads it. What an
// exception says is for developers, and in English.
type problem struct {
	Text  string
	field string // id of the field that has to change; "" for none
	over  bool   // the sign-in cannot go on
}

// The fields of the pages by their ids.
const (
	idUsername    = "username"
	idPassword    = "password"
	idNewPassword = "new_password"
	idCode        = "code"
	idEmail       = "email"
)

// said are the texts for exceptions that several meanings share, by the
// beginning of their message (auth-flows.md, section 13).
var said = []struct {
	message, key, field string
	over                bool
}{
	{"Incorrect username or password", "wrongPassword", idPassword, false},
	{"Password attempts exceeded", "locked", "", false},
	{"User is disabled", "disabled", "", true},
	{"Invalid session", "sessionEnded", "", true},
	{"Temporary password has expired", "temporaryExpired", "", true},
	{"Unable to login because of security", "blocked", "", true},
	{"SignUp is not permitted", "signUpClosed", "", true},
	{"User cannot be confirmed", "confirmedAlready", "", false},
	{"User is already confirmed", "confirmedAlready", "", false},
	{"Auto verification not turned on", "noCode", "", false},
	{"Contact administrator", "askAdmin", "", false},
	{"Invalid email address format", "wrongEmail", idEmail, false},
	{"Invalid phone number format", "wrongPhone", "phone_number", false},
	{"Your software token has already been used once", "codeUsed", idCode, false},
	{"Username should be an email", "wrongEmail", idUsername, false},
	{"Username should be either an email or a phone number", "wrongEmail", idUsername, false},
	{"Username should be a phone number", "wrongPhone", idUsername, false},
}

// rules are the texts for what a password lacks, by the end of the message.
var rules = map[string]string{
	"not long enough":                    "rule.length",
	"must have uppercase characters":     "rule.upper",
	"must have lowercase characters":     "rule.lower",
	"must have numeric characters":       "rule.number",
	"must have symbol characters":        "rule.symbol",
	"must not begin or end with a space": "rule.space",
}

// problem words an error, or returns nil for one of the server itself.
func (v *visit) problem(err error) *problem {
	var known api.Error
	if !errors.As(err, &known) || known.Status() >= 500 {
		return nil
	}
	message := messageOf(known)
	for _, s := range said {
		if strings.HasPrefix(message, s.message) {
			return &problem{v.T("fault." + s.key), s.field, s.over}
		}
	}
	switch known.(type) {
	case *cognitoidp.UserLambdaValidationException:
		return &problem{Text: v.T("fault.function", "text", message)}
	case *cognitoidp.UserNotFoundException:
		return &problem{v.T("fault.wrongPassword"), idPassword, false}
	case *cognitoidp.CodeMismatchException, *cognitoidp.EnableSoftwareTokenMFAException:
		return &problem{v.T("fault.codeWrong"), idCode, false}
	case *cognitoidp.ExpiredCodeException:
		return &problem{v.T("fault.codeExpired"), idCode, false}
	case *cognitoidp.LimitExceededException, *cognitoidp.TooManyRequestsException, *cognitoidp.TooManyFailedAttemptsException:
		return &problem{Text: v.T("fault.limit")}
	case *cognitoidp.PasswordHistoryPolicyViolationException:
		return &problem{v.T("fault.passwordUsed"), idNewPassword, false}
	case *cognitoidp.InvalidPasswordException:
		for end, key := range rules {
			if strings.HasSuffix(message, end) {
				return &problem{v.T("fault.policy", "rule", v.rule(key)), idNewPassword, false}
			}
		}
		return &problem{v.T("fault.passwordRefused"), idNewPassword, false}
	case *cognitoidp.UsernameExistsException:
		return &problem{v.T("fault.exists"), idUsername, false}
	case *cognitoidp.AliasExistsException:
		return &problem{Text: v.T("fault.alias")}
	case *cognitoidp.CodeDeliveryFailureException:
		return &problem{Text: v.T("fault.notSent")}
	case *cognitoidp.InvalidParameterException:
		return &problem{Text: v.T("fault.input")}
	}
	return &problem{Text: v.T("fault.refused")}
}

// messageOf is what an exception says.
func messageOf(err api.Error) string {
	_, text, found := strings.Cut(err.Error(), ": ")
	if !found {
		return err.Error()
	}
	return text
}

// rule is what a rule of the pool's password policy asks for.
func (v *visit) rule(key string) string {
	n := 0
	if p := v.s.Pool.PasswordPolicy(); p != nil {
		n = api.Value(p.MinimumLength)
	}
	return v.T(key, "n", strconv.Itoa(n))
}

// passwordRules are all that a new password has to keep.
func (v *visit) passwordRules() []string {
	p := v.s.Pool.PasswordPolicy()
	if p == nil {
		return nil
	}
	list := []string{v.rule("rule.length")}
	for _, r := range []struct {
		on  *bool
		key string
	}{{p.RequireUppercase, "rule.upper"}, {p.RequireLowercase, "rule.lower"}, {p.RequireNumbers, "rule.number"}, {p.RequireSymbols, "rule.symbol"}} {
		if api.Value(r.on) {
			list = append(list, v.rule(r.key))
		}
	}
	return list
}
