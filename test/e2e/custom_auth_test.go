package e2e_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/test/awsclient"
)

// customFlow makes a client that signs in by functions.
func customFlow(in *idp.CreateUserPoolClientInput) {
	in.ExplicitAuthFlows = append(append([]types.ExplicitAuthFlowsType{}, everyFlow...), "ALLOW_CUSTOM_AUTH")
}

// history is the list that Define was given.
func history(event map[string]any) (list []struct {
	ChallengeName     string
	ChallengeResult   bool
	ChallengeMetadata *string
}) {
	b, _ := json.Marshal(event["request"].(map[string]any)["session"])
	_ = json.Unmarshal(b, &list)
	return list
}

// riddles are functions that ask for a word and then for another one. The
// events of all three are spied on.
func (e *env) riddles(s *spy) *types.LambdaConfigType {
	define := func(event map[string]any) (any, error) {
		switch list := history(event); {
		case len(list) > 0 && !list[len(list)-1].ChallengeResult:
			return respond(event, map[string]any{"failAuthentication": true, "issueTokens": false})
		case len(list) >= 2:
			return respond(event, map[string]any{"issueTokens": true, "failAuthentication": false})
		}
		return respond(event, map[string]any{"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false, "failAuthentication": false})
	}
	create := func(event map[string]any) (any, error) {
		word := []string{"sesame", "mellon"}[len(history(event))]
		return respond(event, map[string]any{"publicChallengeParameters": map[string]any{"riddle": word[:1] + "…"},
			"privateChallengeParameters": map[string]any{"word": word}, "challengeMetadata": "RIDDLE " + word[:1]})
	}
	verify := func(event map[string]any) (any, error) {
		r := event["request"].(map[string]any)
		return respond(event, map[string]any{"answerCorrect": r["challengeAnswer"] == r["privateChallengeParameters"].(map[string]any)["word"]})
	}
	return &types.LambdaConfigType{DefineAuthChallenge: aws.String(e.spied(s, define)), CreateAuthChallenge: aws.String(e.spied(s, create)),
		VerifyAuthChallengeResponse: aws.String(e.spied(s, verify))}
}

// startCustom starts CUSTOM_AUTH.
func (n *tenant) startCustom(username string, parameters ...string) (*idp.InitiateAuthOutput, error) {
	m := n.hashed(username, map[string]string{"USERNAME": username})
	for i := 0; i < len(parameters); i += 2 {
		m[parameters[i]] = parameters[i+1]
	}
	return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: "CUSTOM_AUTH", AuthParameters: m, ClientMetadata: map[string]string{"first": "no"}})
}

func (n *tenant) custom(pool *types.LambdaConfigType, hides bool, more func(*idp.CreateUserPoolInput)) *tenant {
	n.Helper()
	m := n.env.functioning(pool, more)
	m.client, _ = m.newClient(func(in *idp.CreateUserPoolClientInput) {
		customFlow(in)
		if hides {
			in.PreventUserExistenceErrors = "ENABLED"
		}
	})
	return m
}

// TestCustomAuth: the pool's functions ask, judge and decide.
func TestCustomAuth(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		n := (&tenant{env: e}).custom(e.riddles(&s), false, nil)
		ann, bob := n.user("ann"), n.user("bob")
		_, err := n.startCustom("nobody")
		n.refused(err, "UserNotFoundException", "User does not exist.")
		first, err := n.startCustom(ann)
		n.ok(err)
		if first.ChallengeName != "CUSTOM_CHALLENGE" || first.ChallengeParameters["riddle"] != "s…" || first.ChallengeParameters["USERNAME"] != ann ||
			strings.Contains(*first.Session, "sesame") || len(first.ChallengeParameters) != 2 {
			n.Fatalf("%+v", first)
		}
		for _, event := range s.take() {
			r := event["request"].(map[string]any)
			if r["clientMetadata"] != nil || r["userNotFound"] != false || event["userName"] != ann || r["userAttributes"].(map[string]any)["email"] != email(ann) {
				n.Errorf("event %v", event)
			}
		}
		_, err = n.respond("CUSTOM_CHALLENGE", first.Session, bob, "ANSWER", "sesame")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		_, err = n.respond("SMS_MFA", first.Session, ann, "SMS_MFA_CODE", "sesame")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		_, err = n.respond("CUSTOM_CHALLENGE", first.Session, ann)
		n.refused(err, "InvalidParameterException", "Missing required parameter ANSWER")
		if len(s.take()) != 0 {
			n.Error("a function was asked about an answer that is none")
		}
		second := n.must("CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE", first.Session, ann, "ANSWER", "sesame")
		events := s.take()
		if len(events) != 3 || events[0]["triggerSource"] != "VerifyAuthChallengeResponse_Authentication" || events[1]["triggerSource"] != "DefineAuthChallenge_Authentication" ||
			events[2]["triggerSource"] != "CreateAuthChallenge_Authentication" {
			n.Errorf("events %v", events)
		} else if list := history(events[1]); len(list) != 1 || !list[0].ChallengeResult || list[0].ChallengeName != "CUSTOM_CHALLENGE" || aws.ToString(list[0].ChallengeMetadata) != "RIDDLE s" {
			n.Errorf("history %+v", list)
		}
		_, err = n.respond("CUSTOM_CHALLENGE", first.Session, ann, "ANSWER", "sesame")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		n.must("", "CUSTOM_CHALLENGE", second.Session, ann, "ANSWER", "mellon")

		// a wrong answer is for the function to judge, and spends the challenge
		first, err = n.startCustom(ann)
		n.ok(err)
		_, err = n.respond("CUSTOM_CHALLENGE", first.Session, ann, "ANSWER", "open")
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		_, err = n.respond("CUSTOM_CHALLENGE", first.Session, ann, "ANSWER", "sesame")
		n.refused(err, "NotAuthorizedException", "Invalid session for the user.")
		// the first answer does not stand for the second one
		first, err = n.startCustom(ann)
		n.ok(err)
		second = n.must("CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE", first.Session, ann, "ANSWER", "sesame")
		_, err = n.respond("CUSTOM_CHALLENGE", second.Session, ann, "ANSWER", "sesame")
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")

		_, err = n.root.IDP.AdminDisableUser(n.Context(), &idp.AdminDisableUserInput{UserPoolId: &n.pool, Username: &bob})
		n.ok(err)
		_, err = n.startCustom(bob)
		n.refused(err, "NotAuthorizedException", "User is disabled.")
		plain := e.tenant(nil, customFlow)
		plain.user("cat")
		_, err = plain.startCustom("cat")
		n.refused(err, "InvalidParameterException", "Custom auth lambda trigger is not configured for the user pool.")
	})
}

// TestCustomAuth_nobody: a name that no user has is asked as well, and gets
// nothing for right answers.
func TestCustomAuth_nobody(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		n := (&tenant{env: e}).custom(e.riddles(&s), true, nil)
		first, err := n.startCustom("nobody")
		n.ok(err)
		if r := s.take()[0]["request"].(map[string]any); r["userNotFound"] != true {
			n.Errorf("request %v", r)
		}
		second := n.must("CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE", first.Session, "nobody", "ANSWER", "sesame")
		_, err = n.respond("CUSTOM_CHALLENGE", second.Session, "nobody", "ANSWER", "mellon")
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
	})
}

// TestCustomAuth_afterPassword: SRP first, then the functions; and users with a
// second factor still show it.
func TestCustomAuth_afterPassword(t *testing.T) {
	each(t, func(e *env) {
		define := e.lambda(func(event map[string]any) (any, error) {
			switch list := history(event); {
			case len(list) == 1 && list[0].ChallengeName == "SRP_A" && list[0].ChallengeResult:
				return respond(event, map[string]any{"challengeName": "PASSWORD_VERIFIER"})
			case len(list) == 2 && list[1].ChallengeName == "PASSWORD_VERIFIER" && list[1].ChallengeResult:
				return respond(event, map[string]any{"challengeName": "CUSTOM_CHALLENGE"})
			case len(list) == 3 && list[2].ChallengeName == "CUSTOM_CHALLENGE" && list[2].ChallengeResult:
				return respond(event, map[string]any{"issueTokens": true})
			}
			return respond(event, map[string]any{"failAuthentication": true})
		})
		var s spy
		config := e.riddles(&s)
		config.DefineAuthChallenge = &define
		config.CreateAuthChallenge = aws.String(e.lambda(func(event map[string]any) (any, error) {
			return respond(event, map[string]any{"publicChallengeParameters": map[string]any{}, "privateChallengeParameters": map[string]any{"word": "sesame"}})
		}))
		n := (&tenant{env: e}).custom(config, false, nil)
		ann := n.user("ann")
		begin := func() (*awsclient.SRP, *idp.InitiateAuthOutput) {
			n.Helper()
			h := awsclient.NewSRP()
			out, err := n.startCustom(ann, "CHALLENGE_NAME", "SRP_A", "SRP_A", h.A())
			n.ok(err)
			if out.ChallengeName != "PASSWORD_VERIFIER" || out.Session == nil {
				n.Fatalf("%+v", out)
			}
			return h, out
		}
		answer := func(h *awsclient.SRP, asked *idp.InitiateAuthOutput, password string) (*idp.RespondToAuthChallengeOutput, error) {
			m, err := h.Answer(n.pool, password, asked.ChallengeParameters, n.server.Now())
			n.ok(err)
			return n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "PASSWORD_VERIFIER", Session: asked.Session, ChallengeResponses: m})
		}
		_, err := n.startCustom(ann, "CHALLENGE_NAME", "SRP_A")
		n.refused(err, "InvalidParameterException", "Missing required parameter SRP_A")
		_, err = n.startCustom(ann) // no password: these functions want one
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		h, asked := begin()
		_, err = answer(h, asked, "wrong")
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		h, asked = begin()
		next, err := answer(h, asked, password)
		n.ok(err)
		if next.ChallengeName != "CUSTOM_CHALLENGE" {
			n.Fatalf("%+v", next)
		}
		_, err = answer(h, asked, password)
		n.refused(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		got := n.must("", "CUSTOM_CHALLENGE", next.Session, ann, "ANSWER", "sesame")

		n.ok(n.mfa("OPTIONAL", true))
		secret := n.register(*got.AuthenticationResult.AccessToken)
		n.nextStep()
		h, asked = begin()
		next, err = answer(h, asked, password)
		n.ok(err)
		last := n.must("SOFTWARE_TOKEN_MFA", "CUSTOM_CHALLENGE", next.Session, ann, "ANSWER", "sesame")
		n.must("", "SOFTWARE_TOKEN_MFA", last.Session, ann, "SOFTWARE_TOKEN_MFA_CODE", n.app(secret, 0))
	})
}

// TestCustomAuth_functions: what functions answer that cannot be.
func TestCustomAuth_functions(t *testing.T) {
	each(t, func(e *env) {
		answers := func(response map[string]any) *string {
			return aws.String(e.lambda(func(event map[string]any) (any, error) { return respond(event, response) }))
		}
		fails := aws.String(e.lambda(func(map[string]any) (any, error) { return nil, errors.New("no") }))
		asks := answers(map[string]any{"challengeName": "CUSTOM_CHALLENGE"})
		for name, c := range map[string]struct {
			define, create *string
			code, message  string
		}{
			"nothing":            {answers(map[string]any{}), nil, "InvalidLambdaResponseException", "/names no challenge/"},
			"an unknown name":    {answers(map[string]any{"challengeName": "RIDDLE"}), nil, "InvalidLambdaResponseException", "/cannot follow here: RIDDLE/"},
			"a password, no A":   {answers(map[string]any{"challengeName": "PASSWORD_VERIFIER"}), nil, "InvalidLambdaResponseException", "/cannot follow here/"},
			"a factor not there": {answers(map[string]any{"challengeName": "SMS_MFA"}), nil, "InvalidLambdaResponseException", "/cannot follow here/"},
			"both":               {answers(map[string]any{"issueTokens": true, "failAuthentication": true}), nil, "NotAuthorizedException", "Incorrect username or password."},
			"Define raises":      {fails, nil, "UserLambdaValidationException", "DefineAuthChallenge failed with error no."},
			"no Create":          {asks, nil, "InvalidParameterException", "/not configured/"},
			"Create raises":      {asks, fails, "UserLambdaValidationException", "CreateAuthChallenge failed with error no."},
			"Create, too large": {asks, answers(map[string]any{"privateChallengeParameters": map[string]any{"word": strings.Repeat("x", 2000)}}),
				"InvalidLambdaResponseException", "/too large for a session/"},
		} {
			n := (&tenant{env: e}).custom(&types.LambdaConfigType{DefineAuthChallenge: c.define, CreateAuthChallenge: c.create, VerifyAuthChallengeResponse: asks}, false, nil)
			ann := n.user("ann")
			_, err := n.startCustom(ann)
			if !n.refused(err, c.code, c.message) {
				n.Errorf("%s", name)
			}
		}
	})
}

// TestRace_customAuth: of many who answer one challenge, the function sees one.
func TestRace_customAuth(t *testing.T) {
	eachCluster(t, func(ns nodes) {
		var s spy
		m := (&tenant{env: ns[0].env}).custom(ns[0].riddles(&s), false, nil)
		ann := m.user("ann")
		first, err := m.startCustom(ann)
		m.ok(err)
		s.take()
		all := make(nodes, len(ns))
		for i := range ns {
			all[i] = m.with(m.client, "")
			all[i].env = ns[i].env
		}
		all.one("an answer", all.race(func(n *tenant, _ int) error {
			_, err := n.respond("CUSTOM_CHALLENGE", first.Session, ann, "ANSWER", "sesame")
			return err
		}), "NotAuthorizedException")
		verified := 0
		for _, event := range s.take() {
			if event["triggerSource"] == "VerifyAuthChallengeResponse_Authentication" {
				verified++
			}
		}
		if verified != 1 {
			m.Errorf("the function judged %d answers", verified)
		}
	})
}
