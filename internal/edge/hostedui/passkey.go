package hostedui

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/edge/site"
)

// passkeyPath is where an app sends its users to make a passkey, with client_id
// and redirect_uri alone (hosted-ui-oauth.md, section 2).
const passkeyPath = "/passkeys/add"

// withFlow are the parameters with a response type of the client's, which
// nothing comes of here.
func (v *visit) withFlow(q url.Values) url.Values {
	q = maps.Clone(q)
	q.Set("response_type", "code")
	if id := q.Get("client_id"); clientForm.MatchString(id) {
		_, c, err := v.h.config.Clients.ClientOf(v.r.Context(), v.s.Pool.ID, id)
		if err == nil && !slices.Contains(c.Settings.AllowedOAuthFlows, cognitoidp.OAuthFlowTypeCode) {
			q.Set("response_type", "token")
		}
	}
	return q
}

// signedIn is the browser's login. Without one that does, the browser is sent to
// sign in.
func (v *visit) signedIn() *signin.Login {
	l, err := v.h.config.Login.LoginOf(v.r.Context(), v.s.Pool, v.s.Cookie(v.r))
	switch {
	case err != nil:
		v.unavailable(err)
	case v.h.config.Login.NeedsLogin(v.req, l):
		v.toLogin()
	default:
		return l
	}
	return nil
}

// showPasskey offers to make a passkey.
func (v *visit) showPasskey() {
	if l := v.signedIn(); l != nil {
		v.passkeyPage(l, nil)
	}
}

func (v *visit) passkeyPage(l *signin.Login, wrong *problem) {
	options, err := v.h.config.Users.StartPasskey(v.r.Context(), v.s.Pool, v.req.Client, l)
	if err != nil {
		if p := v.problem(err); p != nil {
			v.show(http.StatusForbidden, view{Title: v.T("addPasskey.title"), Problem: p})
		} else {
			v.unavailable(err)
		}
		return
	}
	v.show(http.StatusOK, view{Title: v.T("addPasskey.title"), Lead: v.T("addPasskey.lead"), Problem: wrong, Name: "challenge", Action: v.linkTo(passkeyPath),
		Submit: &button{Label: v.T("addPasskey.submit")}, Options: string(options), script: "passkey.js"})
}

// addPasskey takes the passkey, and goes back to the app.
func (v *visit) addPasskey() {
	l := v.signedIn()
	if l == nil {
		return
	}
	credential := json.RawMessage(v.form.Get("credential"))
	if !json.Valid(credential) {
		v.passkeyPage(l, &problem{Text: v.T("passkey.failed")})
		return
	}
	err := v.h.config.Users.CompletePasskey(v.r.Context(), v.s.Pool, v.req.Client, l, credential)
	switch {
	case err == nil:
		site.Redirect(v.w, v.req.RedirectURI)
	case v.problem(err) == nil:
		v.unavailable(err)
	default:
		v.passkeyPage(l, &problem{Text: v.T("passkey.failed")})
	}
}
