package trigger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/authn/token"
	"gatehouse/internal/outbound/trigger"
	"gatehouse/internal/store"
)

// function is an Invoker in the same process: it keeps the event and answers.
type function struct {
	event  []byte
	answer trigger.Result
	err    error
}

func (f *function) Invoke(_ context.Context, arn string, event []byte) (trigger.Result, error) {
	if arn != functionARN {
		return trigger.Result{}, errors.New("another function: " + arn)
	}
	f.event = event
	return f.answer, f.err
}

const poolID = "us-east-1_AAAAAAAAA"

// everything is a pool with every function, its mails worded by the developer.
func everything(version cognitoidp.PreTokenGenerationLambdaVersionType) *pool.Pool {
	f := new(functionARN)
	return &pool.Pool{ID: poolID, Settings: &cognitoidp.UserPoolType{
		EmailConfiguration: &cognitoidp.EmailConfigurationType{EmailSendingAccount: new(cognitoidp.EmailSendingAccountTypeDeveloper)},
		LambdaConfig: &cognitoidp.LambdaConfigType{PreSignUp: f, CustomMessage: f, PostConfirmation: f, PreAuthentication: f, PostAuthentication: f,
			DefineAuthChallenge: f, CreateAuthChallenge: f, VerifyAuthChallengeResponse: f, UserMigration: f, PreTokenGeneration: f,
			PreTokenGenerationConfig: &cognitoidp.PreTokenGenerationVersionConfigType{LambdaArn: f, LambdaVersion: &version}}}}
}

func jane() *store.User {
	return &store.User{PoolID: poolID, Sub: "sub-1", Username: "jane", Status: "CONFIRMED",
		Attributes: []store.Attribute{{Name: "email", Value: "j@example.com"}, {Name: "email_verified", Value: "true"}}}
}

const janeAttributes = `{"sub":"sub-1","cognito:user_status":"CONFIRMED","email":"j@example.com","email_verified":"true"}`

// calls is every call of the package, with what it answers for a function's
// response and the event that the function gets.
var calls = []struct {
	name, response string
	call           func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error)
	version        cognitoidp.PreTokenGenerationLambdaVersionType
	want           any
	eventVersion   string
	source         string
	request        string
	blank          string // the event's response
}{
	{name: "PreSignUp", response: `{"autoConfirmUser":true,"autoVerifyEmail":false,"autoVerifyPhone":null}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return c.PreSignUp(ctx, k, "PreSignUp_SignUp", map[string]string{"v": "1"})
		},
		want: trigger.SignUpDecision{AutoConfirm: true}, source: "PreSignUp_SignUp",
		request: `{"userAttributes":{"email":"j@example.com","email_verified":"true"},"validationData":{"v":"1"},"clientMetadata":{"m":"1"}}`,
		blank:   `{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}`},
	{name: "PostConfirmation", response: `{}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return nil, c.PostConfirmation(ctx, k, "PostConfirmation_ConfirmSignUp")
		},
		source: "PostConfirmation_ConfirmSignUp", request: `{"userAttributes":` + janeAttributes + `,"clientMetadata":{"m":"1"}}`, blank: `{}`},
	{name: "PreAuthentication", response: `{}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return nil, c.PreAuthentication(ctx, k, nil)
		},
		source: "PreAuthentication_Authentication", request: `{"userAttributes":` + janeAttributes + `,"validationData":null,"userNotFound":false}`, blank: `{}`},
	{name: "PostAuthentication", response: `{}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return nil, c.PostAuthentication(ctx, k, true)
		},
		source: "PostAuthentication_Authentication", request: `{"userAttributes":` + janeAttributes + `,"newDeviceUsed":true,"clientMetadata":{"m":"1"}}`, blank: `{}`},
	{name: "DefineAuthChallenge", response: `{"challengeName":"CUSTOM_CHALLENGE","issueTokens":false,"failAuthentication":false}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return c.Define(ctx, k, []trigger.ChallengeResult{{Name: "SRP_A", Correct: true}, {Name: "CUSTOM_CHALLENGE", Metadata: new("x")}})
		},
		want: trigger.Definition{ChallengeName: "CUSTOM_CHALLENGE"}, source: "DefineAuthChallenge_Authentication",
		request: `{"userAttributes":` + janeAttributes + `,"session":[{"challengeName":"SRP_A","challengeResult":true,"challengeMetadata":null},` +
			`{"challengeName":"CUSTOM_CHALLENGE","challengeResult":false,"challengeMetadata":"x"}],"clientMetadata":{"m":"1"},"userNotFound":false}`,
		blank: `{"challengeName":null,"issueTokens":null,"failAuthentication":null}`},
	{name: "CreateAuthChallenge", response: `{"publicChallengeParameters":{"q":"?"},"privateChallengeParameters":{"a":"!"},"challengeMetadata":"x"}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return c.Create(ctx, k, "CUSTOM_CHALLENGE", nil)
		},
		want:   trigger.Challenge{Public: map[string]string{"q": "?"}, Private: map[string]string{"a": "!"}, Metadata: "x"},
		source: "CreateAuthChallenge_Authentication", request: `{"userAttributes":` + janeAttributes + `,"challengeName":"CUSTOM_CHALLENGE","session":[],"clientMetadata":{"m":"1"},"userNotFound":false}`,
		blank: `{"publicChallengeParameters":null,"privateChallengeParameters":null,"challengeMetadata":null}`},
	{name: "VerifyAuthChallengeResponse", response: `{"answerCorrect":true}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return c.Verify(ctx, k, map[string]string{"a": "!"}, "!")
		},
		want: true, source: "VerifyAuthChallengeResponse_Authentication",
		request: `{"userAttributes":` + janeAttributes + `,"privateChallengeParameters":{"a":"!"},"challengeAnswer":"!","clientMetadata":{"m":"1"},"userNotFound":false}`,
		blank:   `{"answerCorrect":null}`},
	{name: "UserMigration", response: `{"userAttributes":{"email":"j@example.com"},"finalUserStatus":"CONFIRMED","messageAction":"SUPPRESS","desiredDeliveryMediums":["EMAIL"],"forceAliasCreation":true,"enableSMSMFA":false}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return c.UserMigration(ctx, &trigger.Call{Pool: k.Pool, ClientID: k.ClientID, Username: "jane", Metadata: k.Metadata}, "UserMigration_Authentication", "Pa55word!", nil)
		},
		want: &trigger.Migrated{Attributes: map[string]string{"email": "j@example.com"}, FinalUserStatus: "CONFIRMED", MessageAction: "SUPPRESS",
			DesiredDeliveryMediums: []string{"EMAIL"}, ForceAliasCreation: true},
		source: "UserMigration_Authentication", request: `{"userAttributes":null,"password":"Pa55word!","validationData":null,"clientMetadata":{"m":"1"}}`,
		blank: `{"userAttributes":null,"forceAliasCreation":null,"enableSMSMFA":null,"finalUserStatus":null,"messageAction":null,"desiredDeliveryMediums":null}`},
	{name: "CustomMessage", response: `{"smsMessage":"{####}","emailMessage":"<b>{####}</b>","emailSubject":null}`,
		call: func(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
			return c.CustomMessage(ctx, k, "CustomMessage_SignUp")
		},
		want: trigger.Texts{SMS: new("{####}"), Email: new("<b>{####}</b>")}, source: "CustomMessage_SignUp",
		request: `{"userAttributes":` + janeAttributes + `,"codeParameter":"{####}","linkParameter":null,"usernameParameter":null,"clientMetadata":{"m":"1"}}`,
		blank:   `{"smsMessage":null,"emailMessage":null,"emailSubject":null}`},
	{name: "PreTokenGeneration", version: "V1_0", call: preToken, source: "TokenGeneration_Authentication",
		response: `{"claimsOverrideDetails":{"claimsToAddOrOverride":{"a":"1\n"},"claimsToSuppress":["b"],"groupOverrideDetails":{"groupsToOverride":[],"iamRolesToOverride":["r"],"preferredRole":"r"}}}`,
		want:     &token.Overrides{ID: token.Changes{Add: values("a", `"1\n"`), Suppress: []string{"b"}}, Groups: []string{}, Roles: []string{"r"}, PreferredRole: new("r")},
		request:  `{"userAttributes":` + janeAttributes + `,"groupConfiguration":{"groupsToOverride":["g"],"iamRolesToOverride":[],"preferredRole":null},"clientMetadata":{"m":"1"}}`,
		blank:    `{"claimsOverrideDetails":null}`},
	{name: "PreTokenGeneration", version: "V2_0", call: preToken, source: "TokenGeneration_Authentication", eventVersion: "2",
		response: `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToAddOrOverride":{"a":{"x":12345678901234567890}},"claimsToSuppress":null},` +
			`"accessTokenGeneration":{"claimsToAddOrOverride":{"b":[1]},"claimsToSuppress":["c"],"scopesToAdd":["s"],"scopesToSuppress":["t"]},"groupOverrideDetails":null}}`,
		want: &token.Overrides{ID: token.Changes{Add: values("a", `{"x":12345678901234567890}`)}, Access: token.Changes{Add: values("b", `[1]`), Suppress: []string{"c"}},
			ScopesToAdd: []string{"s"}, ScopesToSuppress: []string{"t"}},
		request: `{"userAttributes":` + janeAttributes + `,"scopes":["s1","s2"],"groupConfiguration":{"groupsToOverride":["g"],"iamRolesToOverride":[],"preferredRole":null},"clientMetadata":{"m":"1"}}`,
		blank:   `{"claimsAndScopeOverrideDetails":null}`},
	{name: "PreTokenGeneration", version: "V3_0", call: preToken, source: "TokenGeneration_Authentication", eventVersion: "3",
		response: `{"claimsAndScopeOverrideDetails":null}`, want: (*token.Overrides)(nil),
		request: `{"userAttributes":` + janeAttributes + `,"scopes":["s1","s2"],"groupConfiguration":{"groupsToOverride":["g"],"iamRolesToOverride":[],"preferredRole":null},"clientMetadata":{"m":"1"}}`,
		blank:   `{"claimsAndScopeOverrideDetails":null}`},
}

func values(name, value string) map[string]jsontext.Value {
	return map[string]jsontext.Value{name: jsontext.Value(value)}
}

func preToken(ctx context.Context, c *trigger.Caller, k *trigger.Call) (any, error) {
	g := &token.Grant{Pool: k.Pool, User: k.User, Scope: "s1 s2", Groups: pool.Groups{Names: []string{"g"}}}
	err := c.PreToken(ctx, k, "TokenGeneration_Authentication", g)
	return g.Overrides, err
}

func caller(f *function) *trigger.Caller {
	return trigger.New(trigger.Config{Invoker: f, Region: "us-east-1"})
}

func call(version cognitoidp.PreTokenGenerationLambdaVersionType) *trigger.Call {
	if version == "" {
		version = "V1_0"
	}
	return &trigger.Call{Pool: everything(version), ClientID: "client", User: jane(), Metadata: map[string]string{"m": "1"}}
}

// same compares JSON, whatever the order of members.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestEvents: the event that each function gets, and what becomes of its
// answer.
func TestEvents(t *testing.T) {
	for _, c := range calls {
		t.Run(c.name+string(c.version), func(t *testing.T) {
			f := &function{answer: trigger.Result{Payload: []byte(`{"version":"1","more":[{}],"response":` + c.response + `}`)}}
			got, err := c.call(t.Context(), caller(f), call(c.version))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			version := c.eventVersion
			if version == "" {
				version = "1"
			}
			same(t, f.event, `{"version":"`+version+`","triggerSource":"`+c.source+`","region":"us-east-1","userPoolId":"`+poolID+`","userName":"jane",`+
				`"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"client"},"request":`+c.request+`,"response":`+c.blank+`}`)

			// A function that gives the event back as it came changes nothing.
			f.answer.Payload = f.event
			if _, err := c.call(t.Context(), caller(f), call(c.version)); err != nil && c.name != "DefineAuthChallenge" {
				t.Errorf("the event as an answer: %v", err)
			}
		})
	}
}

// TestEvents_nobody: an administrator has no client, and somebody unknown no
// attributes.
func TestEvents_nobody(t *testing.T) {
	f := &function{answer: trigger.Result{Payload: []byte(`{"response":{}}`)}}
	if err := caller(f).PreAuthentication(t.Context(), &trigger.Call{Pool: everything("V1_0"), Username: "ghost"}, map[string]string{"v": "1"}); err != nil {
		t.Fatal(err)
	}
	same(t, f.event, `{"version":"1","triggerSource":"PreAuthentication_Authentication","region":"us-east-1","userPoolId":"`+poolID+`","userName":"ghost",`+
		`"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT_ID_NOT_APPLICABLE"},`+
		`"request":{"userAttributes":{},"validationData":{"v":"1"},"userNotFound":true},"response":{}}`)
}

// TestAbsent: a pool without functions calls none, even of a Caller that is
// nil.
func TestAbsent(t *testing.T) {
	for _, p := range []*pool.Pool{{ID: poolID}, {ID: poolID, Settings: &cognitoidp.UserPoolType{}}, {ID: poolID, Settings: &cognitoidp.UserPoolType{LambdaConfig: &cognitoidp.LambdaConfigType{}}}} {
		for _, c := range calls {
			k := call("")
			k.Pool = p
			_, err := c.call(t.Context(), nil, k)
			if custom := strings.Contains(c.name, "AuthChallenge"); custom != (err != nil) {
				t.Errorf("%s: %v", c.name, err)
			} else if custom && err.Error() != "InvalidParameterException: Custom auth lambda trigger is not configured for the user pool." {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if trigger.HasCustomAuth(p) || trigger.HasPreToken(p) || trigger.HasPreSignUp(p) || trigger.HasCustomMessage(p) {
			t.Error("a pool without functions has some")
		}
	}
	if p := everything("V1_0"); !trigger.HasCustomAuth(p) || !trigger.HasPreToken(p) || !trigger.HasPreSignUp(p) || !trigger.HasCustomMessage(p) {
		t.Error("a pool with every function lacks some")
	}
}

// TestFailures: the texts of triggers.md, section 4, of every function.
func TestFailures(t *testing.T) {
	raised := func(payload string) trigger.Result {
		return trigger.Result{Payload: []byte(payload), FunctionError: "Unhandled"}
	}
	answer := func(payload string) trigger.Result { return trigger.Result{Payload: []byte(payload)} }
	const unrecognizable, invalidJSON = "InvalidLambdaResponseException: Unrecognizable lambda output", "InvalidLambdaResponseException: Invalid lambda function output : Invalid JSON"
	const silent = "UnexpectedLambdaException: % invocation failed due to error The function failed without a message."
	for _, f := range []struct {
		name string
		function
		want string // % stands for the trigger
	}{
		{"raised", function{answer: raised(`{"errorMessage":"no","errorType":"Error"}`)}, "UserLambdaValidationException: % failed with error no."},
		{"raised, with a full stop", function{answer: raised(`{"errorMessage":"No way."}`)}, "UserLambdaValidationException: % failed with error No way.."},
		{"raised, without the header", function{answer: answer(`{"errorMessage":"'challengeMetaData'"}`)}, "UserLambdaValidationException: % failed with error 'challengeMetaData'."},
		{"raised, very long", function{answer: raised(`{"errorMessage":"` + strings.Repeat("ä", 5000) + `"}`)}, "UserLambdaValidationException: % failed with error " + strings.Repeat("ä", 1024) + "."},
		{"raised without a text", function{answer: raised(`{}`)}, silent},
		{"raised with a strange text", function{answer: raised(`{"errorMessage":{}}`)}, silent},
		{"crashed", function{answer: raised(`out of memory`)}, silent},
		{"time-out", function{err: trigger.ErrTimeout}, "UnexpectedLambdaException: % invocation failed due to error Socket timeout while invoking Lambda function."},
		{"missing", function{err: trigger.ErrNoFunction}, "UnexpectedLambdaException: % invocation failed due to configuration."},
		{"broken", function{err: errors.New("dial 10.0.0.7")}, "UnexpectedLambdaException: % invocation failed due to error The function could not be invoked."},
		{"too large", function{err: trigger.ErrTooLarge}, "InvalidLambdaResponseException: Invalid lambda function output : the answer is larger than 6 MB."},
		{"empty", function{answer: answer(``)}, invalidJSON},
		{"not JSON", function{answer: answer(`{"response":{}`)}, invalidJSON},
		{"more than JSON", function{answer: answer(`{"response":{}} {}`)}, invalidJSON},
		{"a member twice", function{answer: answer(`{"response":{},"response":{}}`)}, invalidJSON},
		{"not UTF-8", function{answer: answer("{\"response\":{\"x\":\"\xff\"}}")}, invalidJSON},
		{"null", function{answer: answer(`null`)}, unrecognizable},
		{"text", function{answer: answer(`"{}"`)}, unrecognizable},
		{"array", function{answer: answer(`[]`)}, unrecognizable},
		{"without response", function{answer: answer(`{"Response":{}}`)}, unrecognizable},
		{"response is null", function{answer: answer(`{"response":null}`)}, unrecognizable},
		{"response is a text", function{answer: answer(`{"response":"{}"}`)}, unrecognizable},
		{"response is an array", function{answer: answer(`{"response":[]}`)}, unrecognizable},
	} {
		for _, c := range calls {
			_, err := c.call(t.Context(), caller(&f.function), call(c.version))
			if want := strings.ReplaceAll(f.want, "%", c.name); err == nil || err.Error() != want {
				t.Errorf("%s, %s: got %v\nwant %s", c.name, f.name, err, want)
			}
		}
	}
	for _, c := range calls { // the setting was taken away
		_, err := c.call(t.Context(), trigger.New(trigger.Config{}), call(c.version))
		if want := "UnexpectedLambdaException: " + c.name + " invocation failed due to configuration."; err == nil || err.Error() != want {
			t.Errorf("%s without an Invoker: %v", c.name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := caller(&function{err: errors.New("x")}).PreAuthentication(ctx, call(""), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
}

// TestAnswers_refused: answers of the right form that cannot be.
func TestAnswers_refused(t *testing.T) {
	const start = "InvalidLambdaResponseException: Invalid lambda function output : "
	const invalidJSON = start + "Invalid JSON"
	for _, a := range []struct{ trigger, response, want string }{
		{"PreSignUp", `{"autoConfirmUser":"true"}`, invalidJSON},
		{"PreSignUp", `{"autoVerifyEmail":1}`, invalidJSON},
		{"DefineAuthChallenge", `{"issueTokens":"true"}`, invalidJSON},
		{"DefineAuthChallenge", `{"challengeName":5}`, invalidJSON},
		{"DefineAuthChallenge", `{"challengeName":"","issueTokens":false}`, start + "DefineAuthChallenge names no challenge, issues no tokens and does not fail."},
		{"CreateAuthChallenge", `{"publicChallengeParameters":{"n":1}}`, invalidJSON},
		{"CreateAuthChallenge", `{"privateChallengeParameters":[]}`, invalidJSON},
		{"CreateAuthChallenge", `{"challengeMetadata":{}}`, invalidJSON},
		{"VerifyAuthChallengeResponse", `{"answerCorrect":"yes"}`, invalidJSON},
		{"UserMigration", `{"userAttributes":{"email_verified":true}}`, invalidJSON},
		{"UserMigration", `{"userAttributes":{"a":"b"},"finalUserStatus":"ARCHIVED"}`, start + "finalUserStatus is CONFIRMED or RESET_REQUIRED."},
		{"UserMigration", `{"userAttributes":{"a":"b"},"messageAction":"RESEND"}`, start + "messageAction is SUPPRESS or absent."},
		{"UserMigration", `{"userAttributes":{"a":"b"},"desiredDeliveryMediums":["FAX"]}`, start + "desiredDeliveryMediums are EMAIL and SMS."},
		{"UserMigration", `{"userAttributes":{"a":"b"},"desiredDeliveryMediums":"EMAIL"}`, invalidJSON},
		{"CustomMessage", `{"smsMessage":"no code"}`, start + "smsMessage lacks a placeholder."},
		{"CustomMessage", `{"emailMessage":"no code"}`, start + "emailMessage lacks a placeholder."},
		{"CustomMessage", `{"smsMessage":"{####}` + strings.Repeat("x", 135) + `"}`, start + "smsMessage is too long."},
		{"CustomMessage", `{"emailMessage":"{####}` + strings.Repeat("x", 20_000) + `"}`, start + "emailMessage is too long."},
		{"CustomMessage", `{"emailSubject":"a\nBcc: b@example.com"}`, start + "emailSubject is too long or has more than one line."},
		{"PreTokenGenerationV1_0", `{"claimsOverrideDetails":{"claimsToAddOrOverride":{"n":1}}}`, invalidJSON},
		{"PreTokenGenerationV1_0", `{"claimsOverrideDetails":{"claimsToSuppress":"email"}}`, invalidJSON},
		{"PreTokenGenerationV1_0", `{"claimsOverrideDetails":[]}`, invalidJSON},
		{"PreTokenGenerationV1_0", `{"claimsOverrideDetails":{"groupOverrideDetails":{"groupsToOverride":[1]}}}`, invalidJSON},
		{"PreTokenGenerationV2_0", `{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"scopesToAdd":"a b"}}}`, invalidJSON},
		{"PreTokenGenerationV2_0", `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToAddOrOverride":[]}}}`, invalidJSON},
	} {
		for _, c := range calls {
			if a.trigger != c.name && a.trigger != c.name+string(c.version) {
				continue
			}
			f := &function{answer: trigger.Result{Payload: []byte(`{"response":` + a.response + `}`)}}
			if _, err := c.call(t.Context(), caller(f), call(c.version)); err == nil || err.Error() != a.want {
				t.Errorf("%s answers %.100s: got %v\nwant %s", a.trigger, a.response, err, a.want)
			}
		}
	}
}

// TestLog: the operator learns why a call failed, and nothing of what was in
// it.
func TestLog(t *testing.T) {
	for _, c := range []struct {
		function
		want string
	}{
		{function{answer: trigger.Result{Payload: []byte(`{"errorMessage":"wrong: Pa55word!"}`), FunctionError: "Unhandled"}}, ""},
		{function{answer: trigger.Result{Payload: []byte(`{"response":"Pa55word!"}`)}}, "Unrecognizable lambda output"},
		{function{answer: trigger.Result{Payload: []byte(`{"response":{"autoConfirmUser":"Pa55word!"}}`)}}, "Invalid JSON"},
		{function{err: errors.New("connection refused")}, "connection refused"},
		{function{err: trigger.ErrTimeout}, "did not answer in time"},
	} {
		var log bytes.Buffer
		caller := trigger.New(trigger.Config{Invoker: &c.function, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if _, err := caller.PreSignUp(t.Context(), call(""), "PreSignUp_SignUp", nil); err == nil {
			t.Error("accepted")
		}
		text := log.String()
		if strings.Contains(text, "Pa55word!") || c.want == "" != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("logged %q, want %q", text, c.want)
		}
	}
}

// TestDefine_order: refusal wins over tokens, tokens over a challenge.
func TestDefine_order(t *testing.T) {
	for response, want := range map[string]trigger.Definition{
		`{"challengeName":"CUSTOM_CHALLENGE","issueTokens":true,"failAuthentication":true}`:  {FailAuthentication: true},
		`{"challengeName":"CUSTOM_CHALLENGE","issueTokens":true,"failAuthentication":false}`: {IssueTokens: true},
		`{"challengeName":"PASSWORD_VERIFIER"}`:                                              {ChallengeName: "PASSWORD_VERIFIER"},
	} {
		f := &function{answer: trigger.Result{Payload: []byte(`{"response":` + response + `}`)}}
		if got, err := caller(f).Define(t.Context(), call(""), nil); err != nil || got != want {
			t.Errorf("%s: %+v, %v", response, got, err)
		}
	}
}

// TestUserMigration_unknown: no attributes, no user.
func TestUserMigration_unknown(t *testing.T) {
	for _, response := range []string{`{}`, `{"userAttributes":null}`, `{"userAttributes":{},"finalUserStatus":"CONFIRMED"}`} {
		f := &function{answer: trigger.Result{Payload: []byte(`{"response":` + response + `}`)}}
		m, err := caller(f).UserMigration(t.Context(), &trigger.Call{Pool: everything("V1_0"), Username: "jane"}, "UserMigration_ForgotPassword", "", nil)
		if m != nil || err != nil {
			t.Errorf("%s: %+v, %v", response, m, err)
		}
		if bytes.Contains(f.event, []byte(`"password"`)) {
			t.Errorf("a password at ForgotPassword: %s", f.event)
		}
	}
}

// TestCustomMessage_invitation: it needs both placeholders; and mails of a pool
// that does not send its own stay the service's.
func TestCustomMessage_invitation(t *testing.T) {
	try := func(k *trigger.Call, response string) error {
		f := &function{answer: trigger.Result{Payload: []byte(`{"response":` + response + `}`)}}
		_, err := caller(f).CustomMessage(t.Context(), k, "CustomMessage_AdminCreateUser")
		if !bytes.Contains(f.event, []byte(`"usernameParameter":"{username}"`)) {
			t.Errorf("event %s", f.event)
		}
		return err
	}
	if err := try(call(""), `{"emailMessage":"{username} {####}"}`); err != nil {
		t.Error(err)
	}
	if err := try(call(""), `{"emailMessage":"{####}"}`); err == nil {
		t.Error("an invitation without the name")
	}
	standard := call("")
	standard.Pool.Settings.EmailConfiguration = nil
	if err := try(standard, `{"smsMessage":"{username} {####}"}`); err != nil {
		t.Error(err)
	}
	for _, response := range []string{`{"emailMessage":"{username} {####}"}`, `{"emailSubject":"Hello"}`} {
		if err := try(standard, response); err == nil {
			t.Errorf("%s with EmailSendingAccount COGNITO_DEFAULT", response)
		}
	}
}

// FuzzAnswer: whatever a function answers is read or refused by one of the
// three exceptions, and what is read was an object with a response.
func FuzzAnswer(f *testing.F) {
	for _, c := range calls {
		f.Add([]byte(`{"response":`+c.response+`}`), false)
	}
	f.Add([]byte(`{"errorMessage":"no"}`), true)
	f.Add([]byte(`{"response":{"a":1,"a":2}}`), false)
	f.Fuzz(func(t *testing.T, payload []byte, raised bool) {
		fn := &function{answer: trigger.Result{Payload: payload}}
		if raised {
			fn.answer.FunctionError = "Unhandled"
		}
		for _, c := range calls {
			_, err := c.call(t.Context(), caller(fn), call(c.version))
			if err == nil {
				var object struct{ Response map[string]any }
				if raised || json.Unmarshal(payload, &object) != nil || object.Response == nil {
					t.Errorf("%s accepted %q", c.name, payload)
				}
				continue
			}
			var user *cognitoidp.UserLambdaValidationException
			var unexpected *cognitoidp.UnexpectedLambdaException
			var invalid *cognitoidp.InvalidLambdaResponseException
			if !errors.As(err, &user) && !errors.As(err, &unexpected) && !errors.As(err, &invalid) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	})
}
