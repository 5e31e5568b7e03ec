package e2e_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"gatehouse/test/awsclient"
)

// TestSignInTriggers: who may try is asked before the password, who has signed
// in is told after it, and both can refuse.
func TestSignInTriggers(t *testing.T) {
	each(t, func(e *env) {
		var before, after spy
		refuses := false
		config := &types.LambdaConfigType{
			PreAuthentication: aws.String(e.spied(&before, func(event map[string]any) (any, error) {
				if data, _ := event["request"].(map[string]any)["validationData"].(map[string]any); data["no"] != nil {
					return nil, errors.New("not today")
				}
				return event, nil
			})),
			PostAuthentication: aws.String(e.spied(&after, func(event map[string]any) (any, error) {
				if refuses {
					return nil, errors.New("too late")
				}
				return event, nil
			})),
		}
		n := e.functioning(config, addresses)
		n.client, _ = n.newClient(func(in *idp.CreateUserPoolClientInput) {
			in.ExplicitAuthFlows = append(append([]types.ExplicitAuthFlowsType{}, everyFlow...), "ALLOW_USER_AUTH")
			in.PreventUserExistenceErrors = "ENABLED"
		})
		ann := n.user("ann")
		start := func(flow types.AuthFlowType, metadata map[string]string, parameters map[string]string) (*idp.InitiateAuthOutput, error) {
			parameters["USERNAME"] = ann
			return n.anyone.IDP.InitiateAuth(n.Context(), &idp.InitiateAuthInput{ClientId: &n.client, AuthFlow: flow, AuthParameters: parameters, ClientMetadata: metadata})
		}
		got, err := start("USER_PASSWORD_AUTH", some, map[string]string{"PASSWORD": password})
		n.ok(err)
		attributes := `"userAttributes":{"sub":"` + n.subOf(ann) + `","email":"ann@example.com","email_verified":"true","cognito:user_status":"CONFIRMED"}`
		n.sent(&before, n.envelope("PreAuthentication_Authentication", ann, n.client, `"request":{`+attributes+`,"validationData":{"k":"v"},"userNotFound":false},"response":{}`))
		n.sent(&after, n.envelope("PostAuthentication_Authentication", ann, n.client, `"request":{`+attributes+`,"newDeviceUsed":false},"response":{}`))
		_, err = n.refresh(*got.AuthenticationResult.RefreshToken)
		n.ok(err)
		if len(before.take())+len(after.take()) != 0 {
			n.Error("a refresh is no sign-in")
		}
		// refused, whatever the password
		for _, p := range []string{password, "wrong"} {
			_, err = start("USER_PASSWORD_AUTH", map[string]string{"no": "1"}, map[string]string{"PASSWORD": p})
			n.refused(err, "UserLambdaValidationException", "PreAuthentication failed with error not today.")
		}
		_, err = start("USER_SRP_AUTH", map[string]string{"no": "1"}, map[string]string{"SRP_A": awsclient.NewSRP().A()})
		n.refused(err, "UserLambdaValidationException", "PreAuthentication failed with error not today.")
		_, err = start("USER_AUTH", map[string]string{"no": "1"}, map[string]string{})
		n.refused(err, "UserLambdaValidationException", "PreAuthentication failed with error not today.")
		before.take()
		_, err = n.login("nobody", password)
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		if events := before.take(); len(events) != 1 || events[0]["request"].(map[string]any)["userNotFound"] != true || events[0]["userName"] != "nobody" {
			n.Errorf("events %v", events)
		}
		_, err = n.login(ann, "wrong")
		n.refused(err, "NotAuthorizedException", "Incorrect username or password.")
		if len(before.take()) != 1 || len(after.take()) != 0 {
			n.Error("a wrong password is no sign-in")
		}
		refuses = true
		_, err = n.login(ann, password)
		n.refused(err, "UserLambdaValidationException", "PostAuthentication failed with error too late.")
		refuses = false

		// with a second factor: before the password, and after the code
		n.factors("OPTIONAL", false, false, true)
		n.ok(n.prefers(*got.AuthenticationResult.AccessToken, "email"))
		before.take()
		after.take()
		asked, err := n.login(ann, password)
		n.ok(err)
		if len(before.take()) != 1 || len(after.take()) != 0 {
			n.Error("before the code")
		}
		_, err = n.anyone.IDP.RespondToAuthChallenge(n.Context(), &idp.RespondToAuthChallengeInput{ClientId: &n.client, ChallengeName: "EMAIL_OTP", Session: asked.Session, ClientMetadata: some,
			ChallengeResponses: map[string]string{"USERNAME": ann, "EMAIL_OTP_CODE": n.server.Code(email(ann))}})
		n.ok(err)
		if len(before.take()) != 0 {
			n.Error("between challenges")
		}
		n.sent(&after, n.envelope("PostAuthentication_Authentication", ann, n.client, `"request":{`+attributes+`,"newDeviceUsed":false,"clientMetadata":{"k":"v"}},"response":{}`))
	})
}

// TestAuthenticationMessage: a function words the code of a second factor.
func TestAuthenticationMessage(t *testing.T) {
	each(t, func(e *env) {
		fails := false
		n := e.functioning(&types.LambdaConfigType{CustomMessage: aws.String(e.lambda(func(event map[string]any) (any, error) {
			if event["triggerSource"] != "CustomMessage_Authentication" {
				return event, nil
			}
			if fails {
				return nil, errors.New("lost for words")
			}
			return respond(event, map[string]any{"smsMessage": "sms {####}", "emailMessage": "mail {####}", "emailSubject": "subject"})
		}))}, addresses)
		ann := n.user("ann")
		token := *n.tokens(ann).AccessToken
		n.factors("OPTIONAL", false, false, true)
		n.ok(n.prefers(token, "email"))
		_, err := n.login(ann, password)
		n.ok(err)
		if m := n.server.Messages(email(ann))[0]; m.Subject != "subject" || m.Body != "mail "+m.Code {
			n.Errorf("%+v", m)
		}
		fails = true
		sent := len(n.server.Messages(email(ann)))
		_, err = n.login(ann, password)
		n.refused(err, "UserLambdaValidationException", "CustomMessage failed with error lost for words.")
		if len(n.server.Messages(email(ann))) != sent {
			n.Error("a message without words")
		}
	})
}

// TestUserMigration: who is not in the pool is asked of the function, with the
// password that was typed.
func TestUserMigration(t *testing.T) {
	each(t, func(e *env) {
		var s spy
		n := e.functioning(&types.LambdaConfigType{UserMigration: aws.String(e.spied(&s, func(event map[string]any) (any, error) {
			name, _ := event["userName"].(string)
			given, _ := event["request"].(map[string]any)["password"].(string)
			attributes := map[string]any{"email": name + "@example.com", "email_verified": "true", "name": "Old Friend"}
			switch {
			case name == "fails":
				return nil, errors.New("the old system is away")
			case name == "bad":
				return respond(event, map[string]any{"userAttributes": map[string]any{"email": "no address"}, "finalUserStatus": "CONFIRMED"})
			case name == "reset" && given == "old-pw":
				return respond(event, map[string]any{"userAttributes": attributes})
			case name == "ann" && given == "old-pw":
				return respond(event, map[string]any{"userAttributes": attributes, "finalUserStatus": "CONFIRMED", "messageAction": "SUPPRESS"})
			}
			return event, nil
		}))}, nil)
		login := func(name, p string) (*idp.InitiateAuthOutput, error) { return n.login(name, p) }
		_, err := login("nobody", "old-pw")
		n.refused(err, "UserNotFoundException", "User does not exist.")
		n.sent(&s, n.envelope("UserMigration_Authentication", "nobody", n.client, `"request":{"userAttributes":null,"password":"old-pw","validationData":null},
			"response":{"userAttributes":null,"forceAliasCreation":null,"enableSMSMFA":null,"finalUserStatus":null,"messageAction":null,"desiredDeliveryMediums":null}`))
		_, err = login("ann", "wrong")
		n.refused(err, "UserNotFoundException", "User does not exist.")
		_, err = login("fails", "x")
		n.refused(err, "UserLambdaValidationException", "UserMigration failed with error the old system is away.")
		_, err = login("bad", "x")
		n.refused(err, "InvalidLambdaResponseException", "/Invalid email address format/")
		_, _, err = n.startSRP("ann") // SRP shows no password
		n.refused(err, "UserNotFoundException", "User does not exist.")
		s.take()
		out, err := login("ann", "old-pw")
		n.ok(err)
		if out.AuthenticationResult == nil || n.attribute("ann", "name") != "Old Friend" {
			n.Errorf("%+v", out)
		}
		s.take()
		_, err = login("ann", "old-pw") // a user of the pool from now on
		n.ok(err)
		got, err := n.srp("ann", "old-pw")
		n.ok(err)
		if got.AuthenticationResult == nil || len(s.take()) != 0 {
			n.Errorf("%+v", got)
		}
		_, err = login("reset", "old-pw")
		n.refused(err, "PasswordResetRequiredException", "Password reset required for the user")
		_, err = n.root.IDP.AdminInitiateAuth(n.Context(), &idp.AdminInitiateAuthInput{UserPoolId: &n.pool, ClientId: &n.client, AuthFlow: "ADMIN_USER_PASSWORD_AUTH",
			AuthParameters: map[string]string{"USERNAME": "nobody", "PASSWORD": "x"}})
		n.refused(err, "UserNotFoundException", "User does not exist.")
	})
}
