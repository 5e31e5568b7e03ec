package access

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/event"
)

// Key is a long-term access key.
type Key struct {
	Secret    string
	Principal policy.Principal
	UserName  string
	// Tags of the user, as aws:PrincipalTag.
	Tags map[string]string
}

// ErrNoKey says that an access key does not exist or is not active.
var ErrNoKey = errors.New("access: no such key")

// Principals is where long-term keys and policies are kept. service/iam
// implements it.
type Principals interface {
	// AccessKey is the active key of that id, or ErrNoKey.
	AccessKey(ctx context.Context, id string) (*Key, error)
	// Policies are the identity policies of a caller and the boundary that
	// limits it (nil for none). A role that is gone has no policies.
	Policies(ctx context.Context, p policy.Principal) (identity, boundary []policy.Source, err error)
	// Managed is the managed policy of an ARN, for session policies.
	Managed(ctx context.Context, arn string) (policy.Source, error)
	// RoleTags are a role's tags, which a session has as principal tags.
	RoleTags(ctx context.Context, p policy.Principal) (map[string]string, error)
}

// Role is a role as those see it who give out its sessions.
type Role struct {
	Name, ARN  string // ARN with the role's path
	UniqueID   string // AROA…
	Trust      policy.Source
	MaxSession time.Duration
	Tags       map[string]string
}

// ErrNoRole says that a role does not exist.
var ErrNoRole = errors.New("access: no such role")

// UseRecorder is what a Principals may implement to hear of the long-term keys
// that have signed a request: only of those whose signature was right.
type UseRecorder interface {
	KeyUsed(accessKeyID, service, region string)
}

// Authenticator tells who signed a request.
type Authenticator struct {
	principals Principals
	uses       UseRecorder // or nil
	sessions   *credentials.Issuer
	keys       *sigv4.KeyCache
	now        func() time.Time
	region     string
}

// NewAuthenticator returns an Authenticator. region is named in error texts.
func NewAuthenticator(p Principals, sessions *credentials.Issuer, now func() time.Time, region string) *Authenticator {
	uses, _ := p.(UseRecorder)
	return &Authenticator{principals: p, uses: uses, sessions: sessions, keys: sigv4.NewKeyCache(4096), now: now, region: region}
}

// Authenticate verifies a request to a service whose whole body is at hand.
// An empty service accepts the one that the scope names. Errors are *Error, or
// the store's.
func (a *Authenticator) Authenticate(r *http.Request, service string, body []byte) (*Caller, error) {
	auth, err := sigv4.Parse(r)
	if err != nil {
		return nil, wrap(err)
	}
	caller, _, err := a.verify(r, auth, sigv4.Options{Service: cmp.Or(service, auth.Service), Body: body})
	return caller, err
}

// AuthenticateStream verifies an S3 request whose body is still to be read.
// What the returned body hands out is true only at io.EOF. A request without
// authentication is an anonymous caller's.
func (a *Authenticator) AuthenticateStream(r *http.Request) (*Caller, *sigv4.Body, error) {
	auth, err := sigv4.Parse(r)
	var e *sigv4.Error
	if errors.As(err, &e) && e.Code == sigv4.Missing {
		c := &Caller{Principal: policy.Principal{Type: policy.Anonymous, ID: "anonymous"}, RequestID: event.From(r.Context()).ID, Context: a.Conditions(r)}
		c.Context["aws:principaltype"] = []string{string(policy.Anonymous)}
		return c, nil, nil
	}
	if err != nil {
		return nil, nil, wrap(err)
	}
	caller, verified, err := a.verify(r, auth, sigv4.Options{Service: "s3"})
	if err != nil {
		return nil, nil, err
	}
	body, err := verified.Body(r)
	if err != nil {
		return nil, nil, wrap(err)
	}
	return caller, body, nil
}

func (a *Authenticator) verify(r *http.Request, auth *sigv4.Auth, opt sigv4.Options) (*Caller, *sigv4.Verified, error) {
	// What the request says comes first: what the principal says wins.
	c := &Caller{AccessKeyID: auth.AccessKeyID, RequestID: event.From(r.Context()).ID, Context: a.Conditions(r)}
	secret, err := a.identify(r.Context(), auth, c)
	if err != nil {
		return nil, nil, err
	}
	opt.Now, opt.Keys, opt.WantRegion = a.now(), a.keys, a.region
	verified, err := sigv4.Verify(r, auth, secret, opt)
	if err != nil {
		return nil, nil, wrap(err)
	}
	c.Context["aws:requestedregion"] = []string{auth.Region}
	if c.Session == nil && a.uses != nil {
		a.uses.KeyUsed(auth.AccessKeyID, auth.Service, auth.Region)
	}
	return c, verified, nil
}

// identify finds whose key signed, fills the caller and returns the secret. A
// session token must be the key's own.
func (a *Authenticator) identify(ctx context.Context, auth *sigv4.Auth, c *Caller) (string, error) {
	if strings.HasPrefix(auth.AccessKeyID, "ASIA") && auth.SecurityToken == "" {
		// Without its token a temporary key is a key that nobody knows: S3 says so.
		return "", newError(KindUnknownKey, "The security token included in the request is invalid.", nil)
	}
	if auth.SecurityToken != "" {
		s, secret, err := a.sessions.Open(auth.AccessKeyID, auth.SecurityToken, a.now())
		switch {
		case errors.Is(err, credentials.ErrExpired):
			return "", newError(KindExpired, "The security token included in the request is expired", nil)
		case err != nil:
			return "", newError(KindBadToken, "The security token included in the request is invalid.", nil)
		}
		c.Principal, c.Session = s.Principal, s
		if err = a.addSession(ctx, c.Context, s); err != nil {
			return "", err
		}
		c.SessionPolicies, err = a.sessionPolicies(ctx, s)
		return secret, err
	}
	k, err := a.principals.AccessKey(ctx, auth.AccessKeyID)
	if errors.Is(err, ErrNoKey) {
		return "", newError(KindUnknownKey, "The security token included in the request is invalid.", nil)
	}
	if err != nil {
		return "", err
	}
	c.Principal = k.Principal
	addPrincipal(c.Context, k.Principal)
	if k.UserName != "" {
		c.Context["aws:username"] = []string{k.UserName}
	}
	for t, v := range k.Tags {
		c.Context["aws:principaltag/"+strings.ToLower(t)] = []string{v}
	}
	return k.Secret, nil
}

// addPrincipal adds the condition keys that follow from who calls (IAM user
// guide, "AWS global condition context keys").
func addPrincipal(c policy.Context, p policy.Principal) {
	c["aws:principaltype"], c["aws:userid"], c["aws:principalaccount"] = []string{string(p.Type)}, []string{p.ID}, []string{p.Account}
	// For a role session the principal's ARN is the role's, not the session's.
	c["aws:principalarn"] = []string{cmp.Or(p.RoleARN, p.ARN)}
}

// addSession adds the condition keys of a session.
func (a *Authenticator) addSession(ctx context.Context, c policy.Context, s *credentials.Session) error {
	addPrincipal(c, s.Principal)
	tags, err := a.principals.RoleTags(ctx, s.Principal)
	if err != nil {
		return err
	}
	for t, v := range tags {
		c["aws:principaltag/"+strings.ToLower(t)] = []string{v}
	}
	for k, v := range s.Context { // a session tag wins over the role's tag
		c[k] = v
	}
	c["aws:tokenissuetime"] = []string{s.IssuedAt.UTC().Format(time.RFC3339)}
	if _, has := c["aws:multifactorauthpresent"]; !has {
		c["aws:multifactorauthpresent"] = []string{"false"}
	}
	if s.SourceIdentity != "" {
		c["aws:sourceidentity"] = []string{s.SourceIdentity}
	}
	return nil
}

// sessionPolicies reads the policies that limit a session; nil when nothing
// does.
func (a *Authenticator) sessionPolicies(ctx context.Context, s *credentials.Session) ([]policy.Source, error) {
	if !s.Limited {
		return nil, nil
	}
	list := []policy.Source{}
	for _, text := range s.Policies {
		d, err := policy.Parse(text, policy.SessionKind)
		if err != nil {
			return nil, err // it parsed when the session was issued
		}
		list = append(list, policy.Source{Name: "session policy", Document: d})
	}
	for _, arn := range s.PolicyARNs {
		src, err := a.principals.Managed(ctx, arn)
		if err != nil {
			return nil, err
		}
		if src.Document != nil { // a deleted policy allows nothing
			list = append(list, src)
		}
	}
	return list, nil
}

// contextKeys is how many keys a web identity's session has, about.
const contextKeys = 24

// Conditions are the condition keys that follow from the HTTP request, whoever
// sent it.
func (a *Authenticator) Conditions(r *http.Request) policy.Context {
	now := a.now().UTC()
	// Room for the keys of the principal too: a map that grows under way costs
	// more than the rest of this function.
	c := make(policy.Context, contextKeys)
	c["aws:currenttime"], c["aws:epochtime"] = []string{now.Format(time.RFC3339)}, []string{strconv.FormatInt(now.Unix(), 10)}
	c["aws:principalisawsservice"], c["aws:viaawsservice"] = []string{"false"}, []string{"false"}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err == nil {
		c["aws:sourceip"] = []string{host}
	}
	// Loopback counts as secure: see docs/divergences.md.
	ip := net.ParseIP(host)
	c["aws:securetransport"] = []string{strconv.FormatBool(r.TLS != nil || ip != nil && ip.IsLoopback())}
	if v := r.UserAgent(); v != "" {
		c["aws:useragent"] = []string{v}
	}
	if v := r.Referer(); v != "" {
		c["aws:referer"] = []string{v}
	}
	return c
}
