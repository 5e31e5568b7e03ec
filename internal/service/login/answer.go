package login

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/signin"
	"gatehouse/internal/store"
)

// A code lives five minutes. Its row stays for an hour, so that a second use is
// noticed (RFC 6749, section 10.5).
const (
	codeLife = 5 * time.Minute
	codeKept = time.Hour
)

// code is what an authorization code is good for.
type code struct {
	RedirectURI string    `json:"r"`
	Challenge   string    `json:"c,omitempty"`
	Key         string    `json:"k,omitempty"`
	Scopes      []string  `json:"s"`
	Nonce       string    `json:"n,omitempty"`
	Resource    string    `json:"u,omitempty"`
	EventID     string    `json:"e"`
	AuthTime    time.Time `json:"a"`
	ExpiresAt   time.Time `json:"x"`
}

// hashOf is what is kept, or carried, of a text that only its holder may know.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// NeedsLogin reports whether the browser's login does not do for a request: the
// user has to be asked. A login that was made for the request does.
func (s *Service) NeedsLogin(r *Request, l *signin.Login) bool {
	if l == nil || slices.Contains(r.Prompt, promptLogin) {
		return true
	}
	// A login counts where its provider may be used, and is not another than the
	// one that is asked for.
	by := cmp.Or(l.Provider, nativeProvider)
	if !slices.Contains(r.Client.Settings.SupportedIdentityProviders, by) || r.Provider != "" && r.Provider != by {
		return true
	}
	return r.MaxAge != nil && (*r.MaxAge == 0 || s.Now().Sub(l.AuthTime) > *r.MaxAge)
}

// Silent is the answer that a request gets without a page: nil when the user
// has to be asked. With prompt=none nobody may be asked, and the refusal says
// so.
func (s *Service) Silent(ctx context.Context, r *Request, l *signin.Login) (*Answer, error) {
	if !s.NeedsLogin(r, l) {
		return s.Answer(ctx, r, l)
	}
	if slices.Contains(r.Prompt, promptNone) {
		return nil, r.Refuse(codeLoginRequired, "The user has to sign in.")
	}
	return nil, nil
}

// Answer gives the client what it asked for, for a browser's login: a code, or
// the tokens of the implicit grant, which has no refresh token.
func (s *Service) Answer(ctx context.Context, r *Request, l *signin.Login) (*Answer, error) {
	v := url.Values{}
	var err error
	if r.ResponseType == responseToken {
		err = s.implicit(ctx, r, l, v)
	} else {
		err = s.newCode(ctx, r, l, v)
	}
	if err != nil {
		return nil, r.refusal(err)
	}
	return r.answer(v), nil
}

func (s *Service) newCode(ctx context.Context, r *Request, l *signin.Login, v url.Values) error {
	text := uuid.NewString()
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		u, err := signin.Stands(tx, r.Pool, l)
		if err != nil {
			return err
		}
		body, err := json.Marshal(code{RedirectURI: r.RedirectURI, Challenge: r.Challenge, Key: r.Key, Scopes: r.Scopes, Nonce: r.Nonce, Resource: r.Resource,
			EventID: l.EventID, AuthTime: l.AuthTime, ExpiresAt: tx.Now.Add(codeLife)})
		if err != nil {
			return err
		}
		return store.InsertAuthorizationCode(tx, &store.AuthorizationCode{PoolID: r.Pool.ID, Sub: u.Sub, ClientID: r.Client.ID, Code: hashOf(text), Body: body,
			ExpiresAt: tx.Now.Add(codeKept)})
	})
	v.Set("code", text)
	return err
}

func (s *Service) implicit(ctx context.Context, r *Request, l *signin.Login, v url.Values) error {
	set, err := s.SignIn.Issue(ctx, &signin.Issue{Pool: r.Pool, Client: r.Client, Sub: l.User.Sub, EventID: l.EventID, AuthTime: l.AuthTime,
		Scopes: r.Scopes, Nonce: r.Nonce, Resource: r.Resource,
		Spend: func(tx *store.Tx, _ string) error { _, err := signin.Stands(tx, r.Pool, l); return err }})
	if err != nil {
		return err
	}
	if set.ID != "" {
		v.Set("id_token", set.ID)
	}
	v.Set("access_token", set.Access)
	v.Set("token_type", "Bearer")
	v.Set("expires_in", strconv.Itoa(int(set.ExpiresIn.Seconds())))
	return nil
}

// refusal words an error for the client of a request. Errors of the server
// itself stay what they are.
func (r *Request) refusal(err error) error {
	var said api.Error
	switch {
	case errors.Is(err, store.ErrNotFound):
		return r.Refuse(codeLoginRequired, "The sign-in has ended.")
	case functionText(err) != "":
		return r.Refuse(codeInvalidRequest, functionText(err))
	case errors.As(err, &said):
		return r.Refuse(codeAccessDenied, "The user may not sign in.")
	}
	return err
}

// functionText is what a pool's function, or its failure, has to say to the
// client; "" for other errors.
func functionText(err error) string {
	var raised *cognitoidp.UserLambdaValidationException
	var broken *cognitoidp.UnexpectedLambdaException
	var unclear *cognitoidp.InvalidLambdaResponseException
	switch {
	case errors.As(err, &raised):
		return raised.Message
	case errors.As(err, &broken):
		return broken.Message
	case errors.As(err, &unclear):
		return unclear.Message
	}
	return ""
}

// answer is where the browser takes parameters, and how (OAuth 2.0 Multiple
// Response Types; OAuth 2.0 Form Post Response Mode).
func (r *Request) answer(v url.Values) *Answer {
	if r.State != "" {
		v.Set("state", r.State)
	}
	mode := r.ResponseMode
	if mode == "" && r.ResponseType == responseToken {
		mode = "fragment"
	}
	switch mode {
	case "form_post":
		return &Answer{URL: r.RedirectURI, Form: v}
	case "fragment":
		return &Answer{URL: r.RedirectURI + "#" + encode(v)}
	}
	return &Answer{URL: appendQuery(r.RedirectURI, v)}
}

// appendQuery adds parameters to a registered address. One that is a host alone
// gets the path that browsers would give it.
func appendQuery(uri string, v url.Values) string {
	mark := "?"
	if u, err := url.Parse(uri); err == nil {
		switch {
		case strings.Contains(uri, "?"):
			mark = "&"
		case u.Path == "" && (u.Scheme == "http" || u.Scheme == "https"):
			mark = "/?"
		}
	}
	return uri + mark + encode(v)
}

// encode is the form encoding with blanks as %20, which clients that do not
// know the plus sign read as well.
func encode(v url.Values) string { return strings.ReplaceAll(v.Encode(), "+", "%20") }

// LoginOf is the login of a browser's cookie at a pool, or nil.
func (s *Service) LoginOf(ctx context.Context, p *pool.Pool, cookie string) (*signin.Login, error) {
	return s.SignIn.LoginOf(ctx, p, cookie)
}

// EndLogin ends the login of a browser's cookie. One that has ended, or never
// was, is no error.
func (s *Service) EndLogin(ctx context.Context, p *pool.Pool, cookie string) error {
	if cookie == "" {
		return nil
	}
	return s.SignIn.EndLogin(ctx, p, cookie)
}
