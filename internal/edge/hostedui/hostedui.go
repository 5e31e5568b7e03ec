// Package hostedui is the pages of a user pool's domain: sign-in with all its
// challenges, sign-up, forgotten passwords, errors. They are rendered here
// without scripts, but for passkeys and for answers that are posted to a client.
//
// What a newcomer gets wrong: a page keeps nothing between two requests. What
// the client asked for is in the query, to which every form posts back and which
// is judged anew each time; where a sign-in stands is in the sealed session of a
// hidden field.
package hostedui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/edge/site"
	"gatehouse/internal/event"
	"gatehouse/internal/service/login"
)

// Users are the operations behind the pages; *userpool.Service has them.
type Users interface {
	SignUp(ctx context.Context, in *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error)
	ConfirmSignUp(ctx context.Context, in *cognitoidp.ConfirmSignUpInput) (*cognitoidp.ConfirmSignUpOutput, error)
	ResendConfirmationCode(ctx context.Context, in *cognitoidp.ResendConfirmationCodeInput) (*cognitoidp.ResendConfirmationCodeOutput, error)
	ForgotPassword(ctx context.Context, in *cognitoidp.ForgotPasswordInput) (*cognitoidp.ForgotPasswordOutput, error)
	ConfirmForgotPassword(ctx context.Context, in *cognitoidp.ConfirmForgotPasswordInput) (*cognitoidp.ConfirmForgotPasswordOutput, error)
	GetUICustomization(ctx context.Context, in *cognitoidp.GetUICustomizationInput) (*cognitoidp.GetUICustomizationOutput, error)
	DescribeManagedLoginBrandingByClient(ctx context.Context, in *cognitoidp.DescribeManagedLoginBrandingByClientInput) (*cognitoidp.DescribeManagedLoginBrandingByClientOutput, error)
	// TermsOf are the links of a client's terms, by their names and languages.
	TermsOf(ctx context.Context, poolID, clientID string) (map[string]map[string]string, error)
	StartPasskey(ctx context.Context, p *pool.Pool, c *pool.Client, l *signin.Login) (options json.RawMessage, err error)
	CompletePasskey(ctx context.Context, p *pool.Pool, c *pool.Client, l *signin.Login, credential json.RawMessage) error
}

// Clients finds app clients; *pool.Registry does.
type Clients interface {
	ClientOf(ctx context.Context, poolID, id string) (*pool.Pool, *pool.Client, error)
}

// Config is what a Handler needs.
type Config struct {
	Login   *login.Service
	SignIn  *signin.Engine
	Users   Users
	Clients Clients
	// PublicURL is what browsers see of this server, which a proxy in front may
	// not tell in the Host header.
	PublicURL string
	// Templates is the folder of an operator's files; "" for none.
	Templates string
	Now       func() time.Time
	Log       *slog.Logger
}

// Handler shows the pages.
type Handler struct {
	config Config
	public string // the origin of PublicURL
	files  *files

	mu     sync.Mutex
	styles map[string]kept // by client; guarded by mu
}

// New returns a Handler. It fails where PublicURL is no URL, and where the files
// of Templates are not what the pages need.
func New(c Config) (*Handler, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("read --public-url: %w", err)
	}
	f, err := readFiles(c.Templates)
	if err != nil {
		return nil, fmt.Errorf("read --templates: %w", err)
	}
	return &Handler{config: c, public: u.Scheme + "://" + u.Host, files: f, styles: map[string]kept{}}, nil
}

// ServeSite answers for the paths that are not endpoints of OAuth. The headers
// of site.Headers are set.
func (h *Handler) ServeSite(w http.ResponseWriter, r *http.Request, s *site.Site) {
	if strings.HasPrefix(s.Path, assetsPath) {
		h.asset(w, r, s)
		return
	}
	v := h.visit(w, r, s)
	for _, p := range []struct {
		path      string
		get, post func(*visit)
	}{
		{"/login", (*visit).showLogin, (*visit).login},
		{"/mfa", (*visit).toLogin, (*visit).answer},
		{"/changepassword", (*visit).toLogin, (*visit).answer},
		{"/signup", (*visit).showSignUp, (*visit).signUp},
		{"/confirm", (*visit).showConfirm, (*visit).confirm},
		{"/resendcode", (*visit).showConfirm, (*visit).resend},
		{"/forgotPassword", (*visit).showForgot, (*visit).forgot},
		{"/confirmForgotPassword", (*visit).showReset, (*visit).reset},
		{"/confirmforgotPassword", (*visit).showReset, (*visit).reset},
		{passkeyPath, (*visit).showPasskey, (*visit).addPasskey},
	} {
		if s.Path == p.path {
			event.From(r.Context()).Set("operation", strings.TrimPrefix(p.path, "/"))
			if v.allow(http.MethodGet, http.MethodHead, http.MethodPost) && v.ask() {
				v.dispatch(p.get, p.post)
			}
			return
		}
	}
	switch s.Path {
	case "/confirmUser":
		if v.allow(http.MethodGet, http.MethodHead, http.MethodPost) {
			v.dispatch((*visit).showLink, (*visit).link)
		}
	case returnPath:
		if v.allow(http.MethodGet, http.MethodPost) {
			v.arrive()
		}
	case "/error":
		if v.allow(http.MethodGet, http.MethodHead) {
			v.fail(http.StatusBadRequest, r.URL.Query().Get("error"))
		}
	default:
		v.notice(http.StatusNotFound, "notFound.title", "notFound.text")
	}
}

// allow answers a method that a page does not have.
func (v *visit) allow(methods ...string) bool {
	for _, m := range methods {
		if v.r.Method == m {
			return true
		}
	}
	v.w.Header().Set("Allow", strings.Join(methods, ", "))
	v.notice(http.StatusMethodNotAllowed, "notFound.title", "method.text")
	return false
}

// dispatch shows a page, or takes its form once that is known to come from it.
func (v *visit) dispatch(get, post func(*visit)) {
	switch {
	case v.r.Method != http.MethodPost:
		get(v)
	case v.read():
		post(v)
	}
}

// ask judges the request that the page is for (hosted-ui-oauth.md, section 3).
func (v *visit) ask() bool {
	q, err := login.ParseQuery(v.r.URL.RawQuery)
	if v.s.Path == passkeyPath && !q.Has("response_type") {
		q = v.withFlow(q)
	}
	if err == nil {
		v.req, err = v.h.config.Login.Check(v.r.Context(), v.s.Pool, q)
	}
	if err != nil {
		v.refuse(err)
		return false
	}
	if v.req.Lang != "" {
		v.speak(v.req.Lang)
	}
	v.req.Query.Del(providerParameter) // of this visit alone
	if !v.req.Native() && (v.s.Path != "/login" || v.r.Method == http.MethodPost) {
		v.fail(http.StatusForbidden, login.NoNative)
		return false
	}
	return true
}

// refuse tells what is wrong with a request: the client, through the browser, or
// the browser alone.
func (v *visit) refuse(err error) {
	var refusal *login.Refusal
	if errors.As(err, &refusal) && refusal.Cause != nil {
		event.From(v.r.Context()).Set("cause", refusal.Cause.Error())
	}
	switch {
	case refusal == nil:
		v.unavailable(err)
	case refusal.To != nil:
		v.deliver(refusal.To)
	default:
		v.fail(http.StatusBadRequest, refusal.Code)
	}
}

// deliver takes an answer to the client.
func (v *visit) deliver(a *login.Answer) {
	if a.Form != nil {
		v.formPost(a)
		return
	}
	site.Redirect(v.w, a.URL)
}

// FormPost shows the page that submits an answer's form to its URL.
func (h *Handler) FormPost(w http.ResponseWriter, r *http.Request, s *site.Site, a *login.Answer) {
	h.visit(w, r, s).formPost(a)
}

// SignedOut tells that the browser is signed out.
func (h *Handler) SignedOut(w http.ResponseWriter, r *http.Request, s *site.Site) {
	h.visit(w, r, s).notice(http.StatusOK, "signedOut.title", "signedOut.text")
}

// unavailable answers when the server itself is at fault, or the caller gone.
func (v *visit) unavailable(err error) {
	if !errors.Is(v.r.Context().Err(), context.Canceled) {
		v.h.config.Log.Error("show a page of a user pool's domain", "page", v.s.Path, "error", err)
	}
	v.notice(http.StatusServiceUnavailable, "unavailable.title", "unavailable.text")
}
