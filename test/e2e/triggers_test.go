package e2e_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/gatehousetest"
)

// sent wants exactly one event, equal to a JSON text.
func (e *env) sent(s *spy, want string) {
	e.Helper()
	events := s.take()
	if len(events) != 1 {
		e.Errorf("%d events, want one: %v", len(events), events)
		return
	}
	var w any
	e.ok(json.Unmarshal([]byte(want), &w))
	if !reflect.DeepEqual(any(events[0]), w) {
		got, _ := json.Marshal(events[0])
		e.Errorf("event\n%s\nwant\n%s", got, want)
	}
}

// envelope is the part that all events of a tenant have in common.
func (n *tenant) envelope(source, userName, clientID, rest string) string {
	return `{"version":"1","triggerSource":"` + source + `","region":"us-east-1","userPoolId":"` + n.pool + `","userName":"` + userName +
		`","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"` + clientID + `"},` + rest + `}`
}

const noClient = "CLIENT_ID_NOT_APPLICABLE"

var some = map[string]string{"k": "v"} // ClientMetadata

// TestPreSignUp: the function sees who wants to join, and may confirm and
// verify.
func TestPreSignUp(t *testing.T) {
	each(t, func(e *env) {
		var before, after spy
		decision := map[string]any{}
		n := e.functioning(&types.LambdaConfigType{
			PreSignUp:        aws.String(e.spied(&before, func(event map[string]any) (any, error) { return respond(event, decision) })),
			PostConfirmation: aws.String(e.spied(&after, nil)),
		}, nil)
		join := func(username string, list []types.AttributeType) (*idp.SignUpOutput, error) {
			return n.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &n.client, Username: &username, Password: aws.String(password),
				UserAttributes: list, ClientMetadata: some, ValidationData: attributes("ref", "friend")})
		}

		// Without a decision all is as without a function.
		out, err := join("ann", attributes("email", "ann@example.com"))
		e.ok(err)
		if out.UserConfirmed || out.CodeDeliveryDetails == nil || n.status("ann") != types.UserStatusTypeUnconfirmed {
			e.Errorf("SignUp answered %+v", out)
		}
		e.sent(&before, n.envelope("PreSignUp_SignUp", "ann", n.client, `"request":{"userAttributes":{"email":"ann@example.com"},"validationData":{"ref":"friend"},"clientMetadata":{"k":"v"}},
			"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}`))
		if len(after.take()) != 0 {
			e.Error("PostConfirmation of a user who is not confirmed")
		}
		// A name that is taken is not asked about.
		_, err = join("ann", nil)
		e.refused(err, "UsernameExistsException", "User already exists")
		if len(before.take()) != 0 {
			e.Error("PreSignUp for a name that is taken")
		}

		decision = map[string]any{"autoConfirmUser": true, "autoVerifyEmail": true}
		out, err = join("bob", attributes("email", "bob@example.com"))
		e.ok(err)
		if !out.UserConfirmed || out.CodeDeliveryDetails != nil || n.status("bob") != types.UserStatusTypeConfirmed || len(e.server.Messages("bob@example.com")) != 0 {
			e.Errorf("SignUp answered %+v", out)
		}
		e.sent(&after, n.envelope("PostConfirmation_ConfirmSignUp", "bob", n.client, `"request":{"userAttributes":{"sub":"`+*out.UserSub+
			`","cognito:user_status":"CONFIRMED","email":"bob@example.com","email_verified":"true"},"clientMetadata":{"k":"v"}},"response":{}`))
		n.tokens("bob")

		// What is to be verified must be there.
		_, err = join("cid", nil)
		e.refused(err, "InvalidLambdaResponseException", "Invalid lambda function output : autoVerifyEmail needs the attribute email.")
		_, err = e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("cid")})
		e.refused(err, "UserNotFoundException", "User does not exist.")
		before.take()

		// An administrator's user is asked about; the decision is not for such users.
		invited, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("dan"), MessageAction: "SUPPRESS",
			UserAttributes: attributes("email", "dan@example.com"), ClientMetadata: some})
		e.ok(err)
		if invited.User.UserStatus != types.UserStatusTypeForceChangePassword || attribute(invited.User.Attributes, "email_verified") != "" {
			e.Errorf("AdminCreateUser answered %+v", invited.User)
		}
		e.sent(&before, n.envelope("PreSignUp_AdminCreateUser", "dan", noClient, `"request":{"userAttributes":{"email":"dan@example.com"},"validationData":null,"clientMetadata":{"k":"v"}},
			"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}`))
	})
}

// TestPreSignUp_alias: a verified alias moves from its former owner; a name is
// nobody's to take.
func TestPreSignUp_alias(t *testing.T) {
	each(t, func(e *env) {
		verify := e.lambda(func(event map[string]any) (any, error) {
			return respond(event, map[string]any{"autoConfirmUser": true, "autoVerifyEmail": true})
		})
		n := e.functioning(&types.LambdaConfigType{PreSignUp: &verify}, func(in *idp.CreateUserPoolInput) { in.AliasAttributes = []types.AliasAttributeType{"email"} })
		join := func(n *tenant, username string, attributes []types.AttributeType) (*idp.SignUpOutput, error) {
			return n.anyone.IDP.SignUp(e.Context(), &idp.SignUpInput{ClientId: &n.client, Username: &username, Password: aws.String(password), UserAttributes: attributes})
		}
		for _, name := range []string{"first", "second"} {
			_, err := join(n, name, attributes("email", "shared@example.com"))
			e.ok(err)
		}
		found, err := e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("shared@example.com")})
		e.ok(err)
		former, err := e.root.IDP.AdminGetUser(e.Context(), &idp.AdminGetUserInput{UserPoolId: &n.pool, Username: aws.String("first")})
		e.ok(err)
		if *found.Username != "second" || attribute(former.UserAttributes, "email_verified") != "false" {
			e.Errorf("the alias belongs to %s; the former owner's email_verified is %s", *found.Username, attribute(former.UserAttributes, "email_verified"))
		}

		mails := e.functioning(&types.LambdaConfigType{PreSignUp: &verify}, func(in *idp.CreateUserPoolInput) { in.UsernameAttributes = []types.UsernameAttributeType{"email"} })
		out, err := join(mails, "ann@example.com", nil)
		e.ok(err)
		if !out.UserConfirmed {
			e.Errorf("SignUp answered %+v", out)
		}
		_, err = join(mails, "ann@example.com", nil)
		e.refused(err, "UsernameExistsException", "User already exists")
	})
}

// TestFunctions_failing: a function that is wrong, huge or missing is the
// documented exception and leaves no user half made (promises.md, D16).
func TestFunctions_failing(t *testing.T) {
	each(t, func(e *env) {
		answers := func(body string) string {
			return e.lambdaHTTP(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		}
		const configuration = " invocation failed due to configuration."
		for _, c := range []struct{ name, arn, code, message string }{
			{"raises", e.lambda(func(map[string]any) (any, error) { return nil, errors.New("Email address exists and UNCONFIRMED") }),
				"UserLambdaValidationException", "% failed with error Email address exists and UNCONFIRMED."},
			{"raises several lines", e.lambda(func(map[string]any) (any, error) { return nil, errors.New("one\ntwo: über") }),
				"UserLambdaValidationException", "% failed with error one\ntwo: über."},
			{"missing", "arn:aws:lambda:us-east-1:000000000000:function:missing", "UnexpectedLambdaException", "%" + configuration},
			{"broken", e.lambdaHTTP(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }),
				"UnexpectedLambdaException", "% invocation failed due to error The function could not be invoked."},
			{"nothing", answers("null"), "InvalidLambdaResponseException", "Unrecognizable lambda output"},
			{"not JSON", answers("{"), "InvalidLambdaResponseException", "Invalid lambda function output : Invalid JSON"},
			{"wrong type", answers(`{"response":{"autoConfirmUser":"true","smsMessage":5}}`), "InvalidLambdaResponseException", "Invalid lambda function output : Invalid JSON"},
			{"huge", answers(`{"response":{},"x":"` + strings.Repeat("x", 6<<20) + `"}`), "InvalidLambdaResponseException", "Invalid lambda function output : the answer is larger than 6 MB."},
		} {
			for function, config := range map[string]*types.LambdaConfigType{"PreSignUp": {PreSignUp: &c.arn}, "CustomMessage": {CustomMessage: &c.arn}} {
				if !e.functioning(config, nil).makesNobody(c.code, strings.ReplaceAll(c.message, "%", function)) {
					e.Errorf("%s, %s", function, c.name)
				}
			}
		}
	})
}

// TestFunctions_slow is the same of functions that do not answer in time.
func TestFunctions_slow(t *testing.T) {
	each(t, func(e *env) {
		f := e.lambdaHTTP(slow)
		for function, config := range map[string]*types.LambdaConfigType{"PreSignUp": {PreSignUp: &f}, "CustomMessage": {CustomMessage: &f}} {
			e.functioning(config, nil).makesNobody("UnexpectedLambdaException", function+" invocation failed due to error Socket timeout while invoking Lambda function.")
		}
	}, gatehousetest.LambdaTimeout(100*time.Millisecond))
}

// makesNobody wants every way to make a user refused, and none made.
func (n *tenant) makesNobody(code, message string) bool {
	n.Helper()
	_, err := n.signUp("ann", password)
	ok := n.refused(err, code, message)
	_, err = n.root.IDP.AdminCreateUser(n.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("bob"),
		UserAttributes: attributes("email", "bob@example.com"), DesiredDeliveryMediums: []types.DeliveryMediumType{"EMAIL"}})
	ok = n.refused(err, code, message) && ok
	list, err := n.root.IDP.ListUsers(n.Context(), &idp.ListUsersInput{UserPoolId: &n.pool})
	n.ok(err)
	if len(list.Users) != 0 || len(n.server.Messages("")) != 0 {
		n.Errorf("%d users and %d messages are left", len(list.Users), len(n.server.Messages("")))
		return false
	}
	return ok
}

// TestPostConfirmation: it hears of every confirmation, and its failure undoes
// none.
func TestPostConfirmation(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		var raised error
		n := e.functioning(&types.LambdaConfigType{PostConfirmation: aws.String(e.spied(&s, func(event map[string]any) (any, error) { return event, raised }))}, nil)
		event := func(source, clientID, username, sub string) string {
			return n.envelope(source, username, clientID, `"request":{"userAttributes":{"sub":"`+sub+`","cognito:user_status":"CONFIRMED","email":"`+email(username)+
				`","email_verified":"true"},"clientMetadata":{"k":"v"}},"response":{}`)
		}
		ann, err := n.signUp("ann", password)
		e.ok(err)
		_, err = n.anyone.IDP.ConfirmSignUp(e.Context(), &idp.ConfirmSignUpInput{ClientId: &n.client, Username: aws.String("ann"),
			ConfirmationCode: aws.String("0"), ClientMetadata: some})
		e.refused(err, "CodeMismatchException", codeMismatch)
		if len(s.take()) != 0 {
			e.Error("PostConfirmation without a confirmation")
		}
		_, err = n.anyone.IDP.ConfirmSignUp(e.Context(), &idp.ConfirmSignUpInput{ClientId: &n.client, Username: aws.String("ann"),
			ConfirmationCode: aws.String(e.server.Code(email("ann"))), ClientMetadata: some})
		e.ok(err)
		e.sent(&s, event("PostConfirmation_ConfirmSignUp", n.client, "ann", *ann.UserSub))

		_, err = n.forgot("ann")
		e.ok(err)
		_, err = n.anyone.IDP.ConfirmForgotPassword(e.Context(), &idp.ConfirmForgotPasswordInput{ClientId: &n.client, Username: aws.String("ann"),
			ConfirmationCode: aws.String(e.server.Code(email("ann"))), Password: aws.String(otherPassword), ClientMetadata: some})
		e.ok(err)
		e.sent(&s, event("PostConfirmation_ConfirmForgotPassword", n.client, "ann", *ann.UserSub))

		bob, err := n.signUp("bob", password)
		e.ok(err)
		raised = errors.New("no")
		_, err = e.root.IDP.AdminConfirmSignUp(e.Context(), &idp.AdminConfirmSignUpInput{UserPoolId: &n.pool, Username: aws.String("bob")})
		e.refused(err, "UserLambdaValidationException", "PostConfirmation failed with error no.")
		e.sent(&s, n.envelope("PostConfirmation_ConfirmSignUp", "bob", noClient, `"request":{"userAttributes":{"sub":"`+*bob.UserSub+
			`","cognito:user_status":"CONFIRMED","email":"bob@example.com"}},"response":{}`))
		if s := n.status("bob"); s != types.UserStatusTypeConfirmed {
			e.Errorf("bob is %s", s)
		}
	})
}

// TestCustomMessage: the function words every message, and never learns the
// code.
func TestCustomMessage(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		n := e.functioning(&types.LambdaConfigType{CustomMessage: aws.String(e.spied(&s, func(event map[string]any) (any, error) {
			request := event["request"].(map[string]any)
			text := event["triggerSource"].(string) + " for {username}: " + request["codeParameter"].(string)
			return respond(event, map[string]any{"emailMessage": text, "smsMessage": text, "emailSubject": "About {username}"})
		}))}, nil)
		var sub, status string
		worded := func(source, clientID, usernameParameter, metadata string) {
			e.Helper()
			for _, event := range s.events {
				if b, _ := json.Marshal(event); strings.Contains(string(b), e.server.Code(email("ann"))) {
					e.Errorf("the event tells the code: %s", b)
				}
			}
			verified := ""
			if status == "CONFIRMED" || status == "RESET_REQUIRED" {
				verified = `,"email_verified":"true"`
			}
			e.sent(&s, n.envelope(source, "ann", clientID, `"request":{"userAttributes":{"sub":"`+sub+`","cognito:user_status":"`+status+`","email":"ann@example.com"`+verified+`},
				"codeParameter":"{####}","linkParameter":null,"usernameParameter":`+usernameParameter+metadata+`},"response":{"smsMessage":null,"emailMessage":null,"emailSubject":null}`))
			if m := e.server.Messages(email("ann"))[0]; m.Body != source+" for ann: "+m.Code || m.Subject != "About ann" || m.Trigger != source {
				e.Errorf("message %+v, want one of %s", m, source)
			}
		}
		const metadata = `,"clientMetadata":{"k":"v"}`

		invited, err := e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("ann"), ClientMetadata: some,
			UserAttributes: attributes("email", email("ann")), DesiredDeliveryMediums: []types.DeliveryMediumType{"EMAIL", "SMS"}})
		e.ok(err)
		sub, status = attribute(invited.User.Attributes, "sub"), "FORCE_CHANGE_PASSWORD"
		worded("CustomMessage_AdminCreateUser", noClient, `"{username}"`, metadata)
		_, err = e.root.IDP.AdminCreateUser(e.Context(), &idp.AdminCreateUserInput{UserPoolId: &n.pool, Username: aws.String("ann"), MessageAction: "RESEND",
			DesiredDeliveryMediums: []types.DeliveryMediumType{"EMAIL"}})
		e.ok(err)
		worded("CustomMessage_AdminCreateUser", noClient, `"{username}"`, "")
		_, err = e.root.IDP.AdminDeleteUser(e.Context(), &idp.AdminDeleteUserInput{UserPoolId: &n.pool, Username: aws.String("ann")})
		e.ok(err)

		up, err := n.signUp("ann", password)
		e.ok(err)
		sub, status = *up.UserSub, "UNCONFIRMED"
		worded("CustomMessage_SignUp", n.client, "null", "")
		_, err = n.anyone.IDP.ResendConfirmationCode(e.Context(), &idp.ResendConfirmationCodeInput{ClientId: &n.client, Username: aws.String("ann"), ClientMetadata: some})
		e.ok(err)
		worded("CustomMessage_ResendCode", n.client, "null", metadata)
		e.ok(n.confirm("ann", e.server.Code(email("ann"))))
		if len(s.take()) != 0 {
			e.Error("a message at the confirmation")
		}
		status = "CONFIRMED"
		_, err = n.anyone.IDP.ForgotPassword(e.Context(), &idp.ForgotPasswordInput{ClientId: &n.client, Username: aws.String("ann"), ClientMetadata: some})
		e.ok(err)
		worded("CustomMessage_ForgotPassword", n.client, "null", metadata)
		token := n.tokens("ann").AccessToken
		_, err = n.anyone.IDP.GetUserAttributeVerificationCode(e.Context(), &idp.GetUserAttributeVerificationCodeInput{AccessToken: token, AttributeName: aws.String("email"), ClientMetadata: some})
		e.ok(err)
		worded("CustomMessage_VerifyUserAttribute", n.client, "null", metadata)
		_, err = e.root.IDP.AdminResetUserPassword(e.Context(), &idp.AdminResetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("ann"), ClientMetadata: some})
		e.ok(err)
		status = "RESET_REQUIRED"
		worded("CustomMessage_ForgotPassword", noClient, "null", metadata)

		// A changed address: the code goes to the new one.
		n.user("bob")
		s.take()
		token = n.tokens("bob").AccessToken
		_, err = n.anyone.IDP.UpdateUserAttributes(e.Context(), &idp.UpdateUserAttributesInput{AccessToken: token, UserAttributes: attributes("email", "new@example.com"), ClientMetadata: some})
		e.ok(err)
		_, err = e.root.IDP.AdminUpdateUserAttributes(e.Context(), &idp.AdminUpdateUserAttributesInput{UserPoolId: &n.pool, Username: aws.String("bob"), UserAttributes: attributes("email", "newer@example.com")})
		e.ok(err)
		events := s.take()
		if len(events) != 2 {
			e.Fatalf("%d events of changed addresses", len(events))
		}
		for i, want := range []string{"new@example.com", "newer@example.com"} {
			a := events[i]["request"].(map[string]any)["userAttributes"].(map[string]any)
			if events[i]["triggerSource"] != "CustomMessage_UpdateUserAttribute" || a["email"] != want || a["email_verified"] != "false" {
				e.Errorf("event %v", events[i])
			}
			if m := e.server.Messages(want); len(m) != 1 || m[0].Body != "CustomMessage_UpdateUserAttribute for bob: "+m[0].Code {
				e.Errorf("messages %+v", m)
			}
		}
		// The code of such a message is a good one.
		_, err = n.anyone.IDP.VerifyUserAttribute(e.Context(), &idp.VerifyUserAttributeInput{AccessToken: token, AttributeName: aws.String("email"), Code: aws.String(e.server.Code("newer@example.com"))})
		e.ok(err)
	})
}

// TestCustomMessage_failing: an operation whose message cannot be worded has
// changed nothing; without texts the pool's own are sent.
func TestCustomMessage_failing(t *testing.T) {
	each(t, func(e *env) {
		var answer map[string]any
		var raised error
		n := e.functioning(&types.LambdaConfigType{CustomMessage: aws.String(e.lambda(func(event map[string]any) (any, error) {
			event["response"] = answer
			return event, raised
		}))}, nil)
		answer = map[string]any{}
		n.user("ann")
		if m := e.server.Messages(email("ann"))[0]; m.Body != "Your confirmation code is "+m.Code {
			e.Errorf("message %+v", m)
		}
		held := n.tokens("ann")
		messages := len(e.server.Messages(""))

		for _, c := range []struct {
			answer        map[string]any
			raised        error
			code, message string
		}{
			{nil, errors.New("no"), "UserLambdaValidationException", "CustomMessage failed with error no."},
			{map[string]any{"emailMessage": "no code"}, nil, "InvalidLambdaResponseException", "Invalid lambda function output : emailMessage lacks a placeholder."},
		} {
			answer, raised = c.answer, c.raised
			_, err := n.forgot("ann")
			e.refused(err, c.code, c.message)
			_, err = n.anyone.IDP.UpdateUserAttributes(e.Context(), &idp.UpdateUserAttributesInput{AccessToken: held.AccessToken, UserAttributes: attributes("email", "new@example.com", "name", "Ann")})
			e.refused(err, c.code, c.message)
			_, err = e.root.IDP.AdminResetUserPassword(e.Context(), &idp.AdminResetUserPasswordInput{UserPoolId: &n.pool, Username: aws.String("ann")})
			e.refused(err, c.code, c.message)
		}
		who, err := n.getUser(*held.AccessToken)
		e.ok(err)
		if attribute(who.UserAttributes, "email") != email("ann") || attribute(who.UserAttributes, "name") != "" || n.status("ann") != types.UserStatusTypeConfirmed {
			e.Errorf("refused operations changed %+v", who)
		}
		if got := len(e.server.Messages("")); got != messages {
			e.Errorf("refused operations sent %d messages", got-messages)
		}
		// Nor did they count against the hourly number of messages.
		answer, raised = map[string]any{}, nil
		for range 5 {
			_, err := n.forgot("ann")
			e.ok(err)
		}
		_, err = n.forgot("ann")
		e.refused(err, "LimitExceededException", tooMany)
	})
}

// TestLambdaConfig: what a pool may name as its functions, and where it shows.
func TestLambdaConfig(t *testing.T) {
	each(t, func(e *env) {
		arn := func(rest string) *string { return aws.String("arn:aws:lambda:us-east-1:000000000000:" + rest) }
		f, g := arn("function:f"), arn("function:g:live")
		v := func(arn *string, version types.PreTokenGenerationLambdaVersionType) *types.PreTokenGenerationVersionConfigType {
			return &types.PreTokenGenerationVersionConfigType{LambdaArn: arn, LambdaVersion: version}
		}
		create := func(l *types.LambdaConfigType, tier types.UserPoolTierType) (*idp.CreateUserPoolOutput, error) {
			return e.root.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("p"), LambdaConfig: l, UserPoolTier: tier})
		}
		for _, c := range []struct {
			name          string
			config        *types.LambdaConfigType
			tier          types.UserPoolTierType
			code, message string
		}{
			{"a version", &types.LambdaConfigType{PreSignUp: arn("function:f:12")}, "", "InvalidParameterException", "PreSignUp of LambdaConfig cannot have a function version: use an alias, or none."},
			{"no function", &types.LambdaConfigType{CustomMessage: arn("layer:f")}, "", "InvalidParameterException", "CustomMessage of LambdaConfig is not the ARN of a Lambda function."},
			{"another service", &types.LambdaConfigType{UserMigration: aws.String("arn:aws:sns:us-east-1:000000000000:function:f")}, "", "InvalidParameterException",
				"UserMigration of LambdaConfig is not the ARN of a Lambda function."},
			{"two pre token functions", &types.LambdaConfigType{PreTokenGeneration: f, PreTokenGenerationConfig: v(g, "V1_0")}, "", "InvalidParameterException",
				"PreTokenGeneration and the LambdaArn of PreTokenGenerationConfig must be the same function."},
			{"V2 in LITE", &types.LambdaConfigType{PreTokenGenerationConfig: v(f, "V2_0")}, "LITE", "FeatureUnavailableInTierException", "Access token customization is not available in the LITE tier."},
			{"V3 in LITE", &types.LambdaConfigType{PreTokenGenerationConfig: v(f, "V3_0")}, "LITE", "FeatureUnavailableInTierException", "Access token customization is not available in the LITE tier."},
			{"a custom sender", &types.LambdaConfigType{CustomSMSSender: &types.CustomSMSLambdaVersionConfigType{LambdaArn: f, LambdaVersion: "V1_0"}}, "", "InvalidParameterException",
				"CustomSMSSender of LambdaConfig is not available in this version of the server."},
			{"a custom e-mail sender", &types.LambdaConfigType{CustomEmailSender: &types.CustomEmailLambdaVersionConfigType{LambdaArn: f, LambdaVersion: "V1_0"}}, "", "InvalidParameterException",
				"CustomEmailSender of LambdaConfig is not available in this version of the server."},
			{"a key", &types.LambdaConfigType{KMSKeyID: aws.String("arn:aws:kms:us-east-1:000000000000:key/k")}, "", "InvalidParameterException", "KMSKeyID of LambdaConfig is not available in this version of the server."},
			{"federation", &types.LambdaConfigType{InboundFederation: &types.InboundFederationLambdaType{LambdaArn: f, LambdaVersion: "V1_0"}}, "", "InvalidParameterException",
				"InboundFederation of LambdaConfig is not available in this version of the server."},
		} {
			_, err := create(c.config, c.tier)
			if !e.refused(err, c.code, c.message) {
				e.Error(c.name)
			}
		}

		// Either of the two members of the pre token function shows as both.
		for _, given := range []*types.LambdaConfigType{{PreSignUp: g, PreTokenGeneration: f}, {PreSignUp: g, PreTokenGenerationConfig: v(f, "V1_0")},
			{PreSignUp: g, PreTokenGeneration: f, PreTokenGenerationConfig: v(f, "V1_0")}} {
			made, err := create(given, "LITE")
			e.ok(err)
			described, err := e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: made.UserPool.Id})
			e.ok(err)
			listed, err := e.root.IDP.ListUserPools(e.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(60)})
			e.ok(err)
			shown := []*types.LambdaConfigType{made.UserPool.LambdaConfig, described.UserPool.LambdaConfig}
			for _, p := range listed.UserPools {
				if *p.Id == *made.UserPool.Id {
					shown = append(shown, p.LambdaConfig)
				}
			}
			for _, l := range shown {
				if *l.PreSignUp != *g || *l.PreTokenGeneration != *f || *l.PreTokenGenerationConfig.LambdaArn != *f || l.PreTokenGenerationConfig.LambdaVersion != "V1_0" {
					e.Errorf("shown as %+v", l)
				}
			}
			if len(shown) != 3 {
				e.Error("ListUserPools does not show the pool")
			}
		}

		// An update replaces the whole, and is held to the same rules.
		made, err := create(&types.LambdaConfigType{PreSignUp: g, PreTokenGenerationConfig: v(f, "V2_0")}, "")
		e.ok(err)
		update := func(l *types.LambdaConfigType, tier types.UserPoolTierType) error {
			_, err := e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: made.UserPool.Id, LambdaConfig: l, UserPoolTier: tier})
			return err
		}
		described := func() *types.LambdaConfigType {
			out, err := e.root.IDP.DescribeUserPool(e.Context(), &idp.DescribeUserPoolInput{UserPoolId: made.UserPool.Id})
			e.ok(err)
			return out.UserPool.LambdaConfig
		}
		e.refused(update(described(), "LITE"), "FeatureUnavailableInTierException", "")
		e.refused(update(&types.LambdaConfigType{PreSignUp: arn("function:f:1")}, ""), "InvalidParameterException", "")
		if l := described(); *l.PreSignUp != *g || l.PreTokenGenerationConfig.LambdaVersion != "V2_0" {
			e.Errorf("refused updates changed it to %+v", l)
		}
		e.ok(update(&types.LambdaConfigType{PostConfirmation: f}, ""))
		if l := described(); l.PreSignUp != nil || l.PreTokenGeneration != nil || l.PreTokenGenerationConfig != nil || *l.PostConfirmation != *f {
			e.Errorf("after an update: %+v", l)
		}
		e.ok(update(nil, ""))
		if l := described(); l.PostConfirmation != nil {
			e.Errorf("after an update without functions: %+v", l)
		}
	})
}

// TestLambdaConfig_noEndpoint: a server that can call no function takes none.
func TestLambdaConfig_noEndpoint(t *testing.T) {
	each(t, func(e *env) {
		f := &types.LambdaConfigType{PreSignUp: aws.String("arn:aws:lambda:us-east-1:000000000000:function:f")}
		const message = "LambdaConfig needs functions to call, and this server has none: set --lambda-endpoint (GATEHOUSE_LAMBDA_ENDPOINT)."
		_, err := e.root.IDP.CreateUserPool(e.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("p"), LambdaConfig: f})
		e.refused(err, "InvalidParameterException", message)
		n := e.tenant(nil, nil)
		_, err = e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &n.pool, LambdaConfig: f})
		e.refused(err, "InvalidParameterException", message)
	}, gatehousetest.LambdaEndpoint(""))
}
