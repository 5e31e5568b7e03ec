package sts

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/api/sts"
	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/event"
)

// WebIdentities verifies tokens of web identity providers. The service of
// identity pools implements it for the tokens that it makes.
type WebIdentities interface {
	// Verify checks a token's issuer, signature and expiry. Errors: *TokenError.
	Verify(ctx context.Context, token string) (*WebIdentity, error)
}

// WebIdentity is what a verified token says.
type WebIdentity struct {
	// Provider is what a trust policy names as Federated:
	// cognito-identity.amazonaws.com, accounts.google.com, or the ARN of an OIDC
	// provider.
	Provider string
	Issuer   string
	Audience string
	// OriginalAudience is the token's aud where Audience is its azp; the
	// condition key oaud, which Google's tokens have.
	OriginalAudience string
	Subject          string
	AMR              []string
	Tags             map[string]string // principal tags that the token carries
	Expires          time.Time
}

// cognito is the Provider of identity pools' tokens.
const cognito = "cognito-identity.amazonaws.com"

// TokenFault is why a token is refused.
type TokenFault int

const (
	TokenInvalid  TokenFault = iota // not a JWT, or not signed by its issuer
	TokenExpired                    // Expires and Now say when
	TokenIssuer                     // of an issuer that is not known here: Issuer
	TokenAudience                   // not meant for us
	TokenKey                        // the issuer's key cannot be had
)

// TokenError is the refusal of a token.
type TokenError struct {
	Fault        TokenFault
	Issuer       string
	Now, Expires time.Time
	Cause        error
}

func (e *TokenError) Error() string {
	text := "sts: web identity token refused (" + strconv.Itoa(int(e.Fault)) + ")"
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *TokenError) Unwrap() error { return e.Cause }

// answer is the refusal in AWS's words.
func (e *TokenError) answer() error {
	switch e.Fault {
	case TokenExpired:
		return &sts.ExpiredTokenException{Message: "Token expired: current date/time " + strconv.FormatInt(e.Now.Unix(), 10) +
			" must be before the expiration date/time" + strconv.FormatInt(e.Expires.Unix(), 10)}
	case TokenIssuer:
		return &sts.InvalidIdentityTokenException{Message: "No OpenIDConnect provider found in your account for " + e.Issuer}
	case TokenAudience:
		return &sts.InvalidIdentityTokenException{Message: "Incorrect token audience"}
	case TokenKey:
		return &sts.InvalidIdentityTokenException{Message: "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"}
	}
	return &sts.InvalidIdentityTokenException{Message: "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"}
}

// AssumeRequest asks for a session of a role for the bearer of a verified web
// identity.
type AssumeRequest struct {
	RoleARN     string
	SessionName string
	Identity    *WebIdentity
	// Duration of the session; 0 is one hour.
	Duration time.Duration
	// Policies and PolicyARNs narrow the session. Limited says that they do,
	// even if both are empty.
	Policies   []string
	PolicyARNs []string
	Limited    bool
}

// TrustError is the refusal to give out a role: it does not exist, or its trust
// policy does not allow the identity. Reason is for the log; a caller is not
// told which it was.
type TrustError struct{ Reason string }

func (e *TrustError) Error() string { return "sts: role refused: " + e.Reason }

// AssumeWithWebIdentity gives credentials of a role to the bearer of a verified
// web identity. Both AssumeRoleWithWebIdentity and identity pools come here, so
// that one trust policy means one thing. Errors: *TrustError, those of the API
// for session policies and durations, and the store's.
func (s *Service) AssumeWithWebIdentity(ctx context.Context, r AssumeRequest) (*credentials.Credentials, *credentials.Session, error) {
	role, err := s.Roles.Role(ctx, r.RoleARN)
	if errors.Is(err, access.ErrNoRole) {
		return nil, nil, refuse(ctx, "there is no role "+r.RoleARN)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := s.trusts(ctx, role, r); err != nil {
		return nil, nil, err
	}
	if reason := badTags(r.Identity.Tags); reason != "" {
		return nil, nil, refuse(ctx, reason)
	}
	n := Narrowing{Policies: r.Policies, PolicyARNs: r.PolicyARNs}
	if err := s.check(ctx, n); err != nil {
		return nil, nil, err
	}
	if _, err := n.packed(r.Identity.Tags); err != nil {
		return nil, nil, err
	}
	duration := r.Duration
	if duration == 0 {
		duration = defaultRoleDuration
	}
	if duration > role.MaxSession {
		return nil, nil, validationError(errDuration)
	}
	session := s.roleSession(role, r.SessionName, duration)
	session.Policies, session.PolicyARNs, session.Limited = r.Policies, r.PolicyARNs, r.Limited || n.given()
	session.Context = r.Identity.keys()
	session.Context["aws:federatedprovider"] = []string{r.Identity.Provider}
	putPrincipalTags(session.Context, r.Identity.Tags)
	c, err := s.Credentials.Issue(session)
	return c, session, err
}

// badTags says why a token's tags cannot be a session's, or "". None is cut or
// left out: a policy may deny by it.
func badTags(tags map[string]string) string {
	if len(tags) > maxTags {
		return "the token has more than " + strconv.Itoa(maxTags) + " principal tags"
	}
	for k, v := range tags {
		if len(k) > maxTagKey || utf8.RuneCountInString(v) > maxTagValue {
			return "the principal tag " + strconv.Quote(k) + " is too long"
		}
	}
	return ""
}

func refuse(ctx context.Context, reason string) error {
	event.From(ctx).Set("denied", reason)
	return &TrustError{Reason: reason}
}

// keys are the condition keys of a web identity: in its trust policy, and in
// every request of the session (IAM user guide, "IAM and AWS STS condition
// context keys"). An OIDC provider's keys begin with its host and path.
func (w *WebIdentity) keys() policy.Context {
	host := w.Provider
	if _, path, ok := strings.Cut(host, ":oidc-provider/"); ok {
		host = path
	}
	host = strings.ToLower(host)
	c := policy.Context{host + ":aud": {w.Audience}, host + ":sub": {w.Subject}}
	if len(w.AMR) > 0 {
		c[host+":amr"] = w.AMR
	}
	if w.OriginalAudience != "" {
		c[host+":oaud"] = []string{w.OriginalAudience}
	}
	return c
}

// byAccessToken are the providers whose access tokens only they themselves can
// read (STS API reference, AssumeRoleWithWebIdentity, ProviderId).
var byAccessToken = map[string]bool{"www.amazon.com": true, "graph.facebook.com": true}

// checkProvider refuses what ProviderId asks for: an access token is not taken
// without asking its provider, and nobody is asked.
func checkProvider(id *string) error {
	switch {
	case id == nil:
		return nil
	case byAccessToken[*id]:
		return &sts.InvalidIdentityTokenException{Message: "Access tokens of " + *id + " are not taken here: only the provider can read them."}
	}
	return invalidParameter("ProviderId is www.amazon.com or graph.facebook.com; it is not given for an OpenID Connect token.")
}

// trusts evaluates the role's trust policy for the bearer of a token.
func (s *Service) trusts(ctx context.Context, role *access.Role, r AssumeRequest) error {
	c := r.Identity.keys()
	c["sts:rolesessionname"] = []string{r.SessionName}
	c["aws:federatedprovider"] = []string{r.Identity.Provider}
	maps.Copy(c, access.RequestConditions(ctx))
	for k, v := range role.Tags {
		c["aws:resourcetag/"+k] = []string{v}
		c["iam:resourcetag/"+k] = []string{v}
	}
	actions := []string{"sts:AssumeRoleWithWebIdentity"}
	if len(r.Identity.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
		for k, v := range r.Identity.Tags {
			putTag(c, k, v)
		}
	}
	for _, action := range actions {
		req := &policy.Request{Principal: policy.Principal{Type: policy.WebIdentity, Provider: r.Identity.Provider},
			Action: action, Resource: role.ARN, ResourceAccount: s.Account, Context: c}
		if d := policy.EvaluateTrust(req, role.Trust); !d.Allowed {
			return refuse(ctx, d.Explain(req))
		}
	}
	return nil
}

// AssumeRoleWithWebIdentity gives credentials of a role for a token. Nobody
// signs this request: the token is the proof.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	if err := checkProvider(in.ProviderId); err != nil {
		return nil, err
	}
	n, err := narrowing(in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	identity, err := s.verify(ctx, string(*in.WebIdentityToken))
	if err != nil {
		return nil, err
	}
	c, session, err := s.AssumeWithWebIdentity(ctx, AssumeRequest{RoleARN: *in.RoleArn, SessionName: *in.RoleSessionName, Identity: identity,
		Duration: secondsOr(in.DurationSeconds, 0), Policies: n.Policies, PolicyARNs: n.PolicyARNs})
	var refused *TrustError
	if errors.As(err, &refused) {
		return nil, access.Denied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	if err != nil {
		return nil, err
	}
	packed, err := n.packed(identity.Tags)
	if err != nil {
		return nil, err
	}
	provider := identity.Provider
	if provider != cognito { // STS API reference: for OpenID Connect the token's iss
		provider = identity.Issuer
	}
	return &sts.AssumeRoleWithWebIdentityOutput{Credentials: apiCredentials(c), AssumedRoleUser: assumedRoleUser(session), PackedPolicySize: packed,
		Provider: new(provider), Audience: new(identity.Audience), SubjectFromWebIdentityToken: new(identity.Subject)}, nil
}

func (s *Service) verify(ctx context.Context, token string) (*WebIdentity, error) {
	if s.WebIdentities == nil {
		return nil, (&TokenError{Fault: TokenInvalid}).answer()
	}
	identity, err := s.WebIdentities.Verify(ctx, token)
	var refused *TokenError
	if errors.As(err, &refused) {
		event.From(ctx).Set("denied", refused.Error())
		return nil, refused.answer()
	}
	return identity, err
}
