package signin

import (
	"context"
	"errors"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/outbound/trigger"
)

// CUSTOM_AUTH: the pool's functions say what is asked and whether the answer is
// right (auth-flows.md, section 9). Define is asked after each answer; Create
// makes a challenge of theirs, Verify judges the answer to it. A name that no
// user has goes the same way, where the client hides users, and never ends in
// tokens.

// custom is what a sign-in by functions remembers between two requests.
type custom struct {
	History  []trigger.ChallengeResult `json:"h,omitempty"`
	Private  map[string]string         `json:"p,omitempty"` // of the challenge that was asked
	Metadata *string                   `json:"m,omitempty"`
}

// srpStep is how the history names the start with SRP_A.
const srpStep = "SRP_A"

// maxSession is the longest Session that the API takes back, in characters.
const maxSession = 2048

func badAnswer(message string) error {
	return &cognitoidp.InvalidLambdaResponseException{Message: message}
}

// startCustom answers CUSTOM_AUTH.
func (e *Engine) startCustom(ctx context.Context, s *Start) (*Step, error) {
	if !trigger.HasCustomAuth(s.Pool) {
		return nil, invalid("Custom auth lambda trigger is not configured for the user pool.")
	}
	a := ""
	if parameter(s.Parameters, "CHALLENGE_NAME") == srpStep {
		var err error
		if a, err = required(s.Parameters, "SRP_A"); err != nil {
			return nil, err
		}
	}
	pr, err := e.admit(ctx, s, "")
	if err != nil {
		return nil, err
	}
	if pr.user != nil {
		if err := mayTry(pr.user); err != nil {
			return nil, err
		}
	}
	pr.custom = &custom{}
	if a != "" {
		pr.custom.History = []trigger.ChallengeResult{{Name: srpStep, Correct: true}}
	}
	return e.define(ctx, pr, a)
}

// define asks the pool's function what comes next, and does it. a is SRP_A,
// where the sign-in has just begun with one.
func (e *Engine) define(ctx context.Context, pr *proof, a string) (*Step, error) {
	d, err := e.Triggers.Define(ctx, pr.call(), pr.custom.History)
	if err != nil {
		return nil, err
	}
	challenge := cognitoidp.ChallengeNameType(d.ChallengeName)
	switch {
	case d.FailAuthentication, d.IssueTokens && pr.user == nil:
		return nil, errPassword
	case d.IssueTokens:
		pr.First, pr.custom = byTriggers, nil
		return e.proceed(ctx, pr)
	case challenge == cognitoidp.ChallengeNameTypeCustomChallenge:
		return e.create(ctx, pr)
	case challenge == cognitoidp.ChallengeNameTypePasswordVerifier && a != "":
		return e.askSRP(ctx, pr, a)
	case pr.user != nil && !pr.Second:
		f, err := e.factors(ctx, pr)
		if err != nil {
			return nil, err
		}
		if f.has(challenge) {
			return e.askFactor(ctx, pr, f, owed{Challenge: challenge})
		}
	}
	return nil, badAnswer("DefineAuthChallenge names a challenge that cannot follow here: " + d.ChallengeName)
}

// create asks the client what the pool's function wants it asked.
func (e *Engine) create(ctx context.Context, pr *proof) (*Step, error) {
	c, err := e.Triggers.Create(ctx, pr.call(), string(cognitoidp.ChallengeNameTypeCustomChallenge), pr.custom.History)
	if err != nil {
		return nil, err
	}
	pr.custom.Private, pr.custom.Metadata = c.Private, nil
	if c.Metadata != "" {
		pr.custom.Metadata = &c.Metadata
	}
	parameters := map[string]string{}
	for k, v := range c.Public {
		parameters[k] = v
	}
	parameters["USERNAME"] = e.nameOf(pr)
	step, err := e.ask(ctx, pr, cognitoidp.ChallengeNameTypeCustomChallenge, parameters)
	if err == nil && len(step.Session) > maxSession {
		return nil, badAnswer("The private parameters and the metadata of CreateAuthChallenge are too large for a session, which has 2048 characters.")
	}
	return step, err
}

// answerCustom takes the answer to CUSTOM_CHALLENGE. Right or wrong, it spends
// the challenge, and does so before the function sees it.
func (e *Engine) answerCustom(ctx context.Context, r *Reply) (*Step, error) {
	answer, err := required(r.Responses, "ANSWER")
	if err != nil {
		return nil, err
	}
	pr, s, err := e.resume(ctx, r, r.Challenge)
	if err != nil {
		return nil, err
	}
	if pr.user != nil {
		if err := mayTry(pr.user); err != nil {
			return nil, err
		}
	}
	if err := e.settle(ctx, pr); err != nil {
		if errors.Is(err, errChallengeSpent) {
			err = errSession
		}
		return nil, err
	}
	correct, err := e.Triggers.Verify(ctx, pr.call(), s.Custom.Private, answer)
	if err != nil {
		return nil, err
	}
	pr.custom.History = append(pr.custom.History, trigger.ChallengeResult{Name: string(r.Challenge), Correct: correct, Metadata: s.Custom.Metadata})
	return e.define(ctx, pr, "")
}

// customDone goes on after a challenge of the server's own was answered right.
func (e *Engine) customDone(ctx context.Context, pr *proof, challenge cognitoidp.ChallengeNameType) (*Step, error) {
	if err := e.settle(ctx, pr); err != nil {
		return nil, err
	}
	pr.custom.History = append(pr.custom.History, trigger.ChallengeResult{Name: string(challenge), Correct: true})
	return e.define(ctx, pr, "")
}

// call is how the pool's functions hear of a sign-in.
func (pr *proof) call() *trigger.Call {
	c := &trigger.Call{Pool: pr.pool, ClientID: pr.client.ID, User: pr.user, Username: pr.typed, Metadata: pr.metadata}
	if pr.user != nil {
		c.Username = pr.user.Username
	}
	return c
}
