package awsapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/edge/awsapi"
)

// constant answers three operations at once, with answers of the usual size.
type constant struct{ cognitoidp.Unimplemented }

var (
	jwt        = api.Secret(strings.Repeat("a", 400) + "." + strings.Repeat("b", 600) + "." + strings.Repeat("c", 342))
	attributes = []cognitoidp.AttributeType{{Name: new("sub"), Value: new(api.Secret("8a1f5a52-7d3c-4f0e-9b61-2f6c1c1f0a11"))},
		{Name: new("email"), Value: new(api.Secret("jane@example.com"))}, {Name: new("email_verified"), Value: new(api.Secret("true"))}}
)

func (constant) InitiateAuth(context.Context, *cognitoidp.InitiateAuthInput) (*cognitoidp.InitiateAuthOutput, error) {
	return &cognitoidp.InitiateAuthOutput{ChallengeParameters: map[string]string{}, AuthenticationResult: &cognitoidp.AuthenticationResultType{
		AccessToken: &jwt, IdToken: &jwt, RefreshToken: &jwt, ExpiresIn: new(3600), TokenType: new("Bearer")}}, nil
}

func (constant) SignUp(context.Context, *cognitoidp.SignUpInput) (*cognitoidp.SignUpOutput, error) {
	return &cognitoidp.SignUpOutput{UserConfirmed: new(false), UserSub: new("8a1f5a52-7d3c-4f0e-9b61-2f6c1c1f0a11")}, nil
}

func (constant) GetUser(context.Context, *cognitoidp.GetUserInput) (*cognitoidp.GetUserOutput, error) {
	return &cognitoidp.GetUserOutput{Username: new(api.Secret("jane")), UserAttributes: attributes}, nil
}

// BenchmarkServe is everything around an operation but the connection: finding
// it, decoding, validating, encoding.
func BenchmarkServe(b *testing.B) {
	never := func(error) bool { return false }
	h := awsapi.New(awsapi.Config{Log: slog.New(slog.DiscardHandler), Busy: never, Unavailable: never, BadText: never,
		Services: []awsapi.Implementation{{API: cognitoidp.Service, Service: constant{}, ValidationCode: "InvalidParameterException"}}})
	for operation, body := range map[string]string{
		"InitiateAuth": `{"AuthFlow":"USER_PASSWORD_AUTH","ClientId":"1example23456789","AuthParameters":{"USERNAME":"jane@example.com","PASSWORD":"Pa55word!"}}`,
		"SignUp": `{"ClientId":"1example23456789","Username":"jane","Password":"Pa55word!","UserAttributes":[{"Name":"email","Value":"jane@example.com"},` +
			`{"Name":"given_name","Value":"Jane"}]}`,
		"GetUser": `{"AccessToken":"` + string(jwt) + `"}`,
	} {
		b.Run(operation, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/x-amz-json-1.1")
				r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
