package trigger

import (
	"context"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
)

// ChallengeResult is a challenge that was answered in the sign-in so far. A
// sign-in keeps the list, oldest first, in its sealed session.
type ChallengeResult struct {
	Name     string  `json:"challengeName"`
	Correct  bool    `json:"challengeResult"`
	Metadata *string `json:"challengeMetadata"` // of custom challenges; nil for others
}

// Definition is what comes next in a custom sign-in: exactly one of the three.
type Definition struct {
	ChallengeName                   string
	IssueTokens, FailAuthentication bool
}

// Challenge is a custom challenge. Public goes to the client; Private is for
// Verify alone.
type Challenge struct {
	Public, Private map[string]string
	Metadata        string
}

// HasCustomAuth reports whether a pool can run custom sign-ins: it has the
// function that says what comes next.
func HasCustomAuth(p *pool.Pool) bool { return has(functions(p).DefineAuthChallenge) }

var errNoCustomAuth = &cognitoidp.InvalidParameterException{Message: "Custom auth lambda trigger is not configured for the user pool."}

// Define asks what comes next. Unlike the others it fails in a pool without the
// function, and so do Create and Verify: the sign-in could not go on.
func (c *Caller) Define(ctx context.Context, call *Call, session []ChallengeResult) (d Definition, err error) {
	f := functions(call.Pool).DefineAuthChallenge
	if !has(f) {
		return d, errNoCustomAuth
	}
	var out struct {
		ChallengeName      string `json:"challengeName"`
		IssueTokens        bool   `json:"issueTokens"`
		FailAuthentication bool   `json:"failAuthentication"`
	}
	if err := c.invoke(ctx, call, invocation{function: *f, trigger: "DefineAuthChallenge", source: "DefineAuthChallenge_Authentication", response: `{"challengeName":null,"issueTokens":null,"failAuthentication":null}`, request: struct {
		UserAttributes map[string]string `json:"userAttributes"`
		Session        []ChallengeResult `json:"session"`
		ClientMetadata map[string]string `json:"clientMetadata,omitzero"`
		UserNotFound   bool              `json:"userNotFound"`
	}{call.userAttributes(), session, call.Metadata, call.User == nil}}, &out); err != nil {
		return d, err
	}
	// Refusal wins over tokens, and tokens over a name that is left from the
	// challenge before.
	switch {
	case out.FailAuthentication:
		return Definition{FailAuthentication: true}, nil
	case out.IssueTokens:
		return Definition{IssueTokens: true}, nil
	case out.ChallengeName != "":
		return Definition{ChallengeName: out.ChallengeName}, nil
	}
	return d, invalidAnswer("DefineAuthChallenge names no challenge, issues no tokens and does not fail.")
}

// Create asks for the challenge that Define named.
func (c *Caller) Create(ctx context.Context, call *Call, challengeName string, session []ChallengeResult) (ch Challenge, err error) {
	f := functions(call.Pool).CreateAuthChallenge
	if !has(f) {
		return ch, errNoCustomAuth
	}
	var out struct {
		Public   map[string]string `json:"publicChallengeParameters"`
		Private  map[string]string `json:"privateChallengeParameters"`
		Metadata string            `json:"challengeMetadata"`
	}
	if err := c.invoke(ctx, call, invocation{function: *f, trigger: "CreateAuthChallenge", source: "CreateAuthChallenge_Authentication", response: `{"publicChallengeParameters":null,"privateChallengeParameters":null,"challengeMetadata":null}`, request: struct {
		UserAttributes map[string]string `json:"userAttributes"`
		ChallengeName  string            `json:"challengeName"`
		Session        []ChallengeResult `json:"session"`
		ClientMetadata map[string]string `json:"clientMetadata,omitzero"`
		UserNotFound   bool              `json:"userNotFound"`
	}{call.userAttributes(), challengeName, session, call.Metadata, call.User == nil}}, &out); err != nil {
		return ch, err
	}
	return Challenge(out), nil
}

// Verify asks whether the answer to a challenge is right.
func (c *Caller) Verify(ctx context.Context, call *Call, private map[string]string, answer string) (correct bool, err error) {
	f := functions(call.Pool).VerifyAuthChallengeResponse
	if !has(f) {
		return false, errNoCustomAuth
	}
	var out struct {
		Correct bool `json:"answerCorrect"`
	}
	err = c.invoke(ctx, call, invocation{function: *f, trigger: "VerifyAuthChallengeResponse", source: "VerifyAuthChallengeResponse_Authentication", response: `{"answerCorrect":null}`, request: struct {
		UserAttributes map[string]string `json:"userAttributes"`
		Private        map[string]string `json:"privateChallengeParameters"`
		Answer         string            `json:"challengeAnswer"`
		ClientMetadata map[string]string `json:"clientMetadata,omitzero"`
		UserNotFound   bool              `json:"userNotFound"`
	}{call.userAttributes(), private, answer, call.Metadata, call.User == nil}}, &out)
	return err == nil && out.Correct, err
}
