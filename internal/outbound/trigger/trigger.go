// Package trigger calls the Lambda functions of a user pool: the event that
// each gets, and what its answer may say (AWS: "Customizing user pool workflows
// with Lambda triggers"). Who calls decides what follows from an answer.
//
// What a newcomer gets wrong: a call takes as long as a stranger's function
// likes, up to 15 seconds, and may be repeated. Never call inside a
// transaction: decide before it, or tell after it.
package trigger

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// Config is what a Caller needs.
type Config struct {
	Invoker Invoker // nil: there are no functions to call
	Region  string
	Log     *slog.Logger
}

// Caller calls the functions of pools. A nil Caller has none to call. Its
// methods return at once, and change nothing, in a pool without the function.
//
// Their errors are the API's own: UserLambdaValidationException when the
// function raised an error, UnexpectedLambdaException when it did not answer,
// InvalidLambdaResponseException when it answered what cannot be.
type Caller struct{ config Config }

// New returns a Caller.
func New(c Config) *Caller { return &Caller{c} }

// Available reports whether there is somewhere to call functions.
func (c *Caller) Available() bool { return c != nil && c.config.Invoker != nil }

// Call is what all events have in common.
type Call struct {
	Pool     *pool.Pool
	ClientID string            // empty: called by an administrator, without a client
	User     *store.User       // nil: not found
	Username string            // as typed, for a User who is not found
	Metadata map[string]string // clientMetadata
}

// functions are a pool's settings. Pools made in tests may have none.
func functions(p *pool.Pool) *cognitoidp.LambdaConfigType {
	if p.Settings == nil || p.Settings.LambdaConfig == nil {
		return &cognitoidp.LambdaConfigType{}
	}
	return p.Settings.LambdaConfig
}

// event is the envelope (triggers.md, section 2).
type event struct {
	Version       string         `json:"version"`
	TriggerSource string         `json:"triggerSource"`
	Region        string         `json:"region"`
	UserPoolID    string         `json:"userPoolId"`
	UserName      string         `json:"userName"`
	CallerContext callerContext  `json:"callerContext"`
	Request       any            `json:"request"`
	Response      jsontext.Value `json:"response"`
}

type callerContext struct {
	AWSSDKVersion string `json:"awsSdkVersion"`
	ClientID      string `json:"clientId"`
}

// userAttributes are the attributes of the call's user as events have them: all
// of them text, with the sub and the status; of somebody unknown none.
func (call *Call) userAttributes() map[string]string {
	m := map[string]string{}
	if u := call.User; u != nil {
		for _, a := range u.Attributes {
			m[a.Name] = a.Value
		}
		m["sub"], m["cognito:user_status"] = u.Sub, u.Status
	}
	return m
}

// invocation is one call of a function.
type invocation struct {
	function string // ARN; empty: the pool has none
	trigger  string // its name in the texts of errors
	source   string // triggerSource
	version  string // of the event; empty: 1
	request  any
	response string // with which the event arrives, as JSON; empty: {}
}

// invoke calls a function and reads the member response of its answer into
// out.
func (c *Caller) invoke(ctx context.Context, call *Call, i invocation, out any) error {
	if !c.Available() {
		return c.unexpected(&i, ErrNoFunction) // the setting was taken away after the pool got its functions
	}
	e := event{Version: "1", TriggerSource: i.source, Region: c.config.Region, UserPoolID: call.Pool.ID, UserName: call.Username,
		CallerContext: callerContext{"aws-sdk-unknown-unknown", "CLIENT_ID_NOT_APPLICABLE"}, Request: i.request, Response: jsontext.Value(cmp.Or(i.response, "{}"))}
	if i.version != "" {
		e.Version = i.version
	}
	if call.User != nil {
		e.UserName = call.User.Username
	}
	if call.ClientID != "" {
		e.CallerContext.ClientID = call.ClientID
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r, err := c.config.Invoker.Invoke(ctx, i.function, body)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err() // nobody waits any more
	case errors.Is(err, ErrTooLarge):
		c.log(&i, err)
		return invalidAnswer("the answer is larger than 6 MB.")
	case err != nil:
		return c.unexpected(&i, err)
	}
	err = read(i.trigger, r, out)
	var raised *cognitoidp.UserLambdaValidationException
	if err != nil && !errors.As(err, &raised) { // what a function raises may repeat what it was told
		c.log(&i, err)
	}
	return err
}

func (c *Caller) log(i *invocation, err error) {
	if c != nil && c.config.Log != nil {
		c.config.Log.Warn("call a function", "trigger", i.source, "function", i.function, "error", err)
	}
}

// unexpected words the failure of a call for the client, who does not learn
// where functions are.
func (c *Caller) unexpected(i *invocation, err error) error {
	c.log(i, err)
	text := i.trigger + " invocation failed due to error The function could not be invoked."
	switch {
	case errors.Is(err, ErrTimeout):
		text = i.trigger + " invocation failed due to error Socket timeout while invoking Lambda function."
	case errors.Is(err, ErrNoFunction):
		text = i.trigger + " invocation failed due to configuration."
	}
	return &cognitoidp.UnexpectedLambdaException{Message: text}
}

// maxErrorText bounds what a function's error adds to an answer, in bytes.
const maxErrorText = 2048

// read reads the member response of an answer into out, strictly: a wrong type
// is refused, and so is a member given twice.
func read(trigger string, r Result, out any) error {
	var answer struct {
		Response     jsontext.Value `json:"response"`
		ErrorMessage jsontext.Value `json:"errorMessage"`
	}
	err := json.Unmarshal(r.Payload, &answer)
	if r.FunctionError != "" || err == nil && answer.Response == nil && answer.ErrorMessage != nil {
		var text string
		if err != nil || answer.ErrorMessage.Kind() != '"' || json.Unmarshal(answer.ErrorMessage, &text) != nil {
			return &cognitoidp.UnexpectedLambdaException{Message: trigger + " invocation failed due to error The function failed without a message."}
		}
		return &cognitoidp.UserLambdaValidationException{Message: trigger + " failed with error " + clip(text, maxErrorText) + "."}
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		return errNotJSON
	case err != nil || answer.Response.Kind() != '{':
		return errUnrecognizable
	}
	if json.Unmarshal(answer.Response, out) != nil {
		return errNotJSON
	}
	return nil
}

var (
	errUnrecognizable = &cognitoidp.InvalidLambdaResponseException{Message: "Unrecognizable lambda output"}
	errNotJSON        = &cognitoidp.InvalidLambdaResponseException{Message: "Invalid lambda function output : Invalid JSON"}
)

// clip is s in at most n bytes, whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// orNull is a map that an event has even without members: as null then.
func orNull(m map[string]string) any {
	if m == nil {
		return nil
	}
	return m
}

func has(function *string) bool { return api.Value(function) != "" }

// invalidAnswer refuses an answer whose form is right and whose meaning is not.
func invalidAnswer(what string) error {
	return &cognitoidp.InvalidLambdaResponseException{Message: "Invalid lambda function output : " + what}
}
