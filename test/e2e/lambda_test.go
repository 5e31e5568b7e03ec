package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"

	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// lambdaService speaks AWS Lambda's Invoke API and runs functions of the tests.
type lambdaService struct {
	url string

	mu        sync.Mutex
	functions map[string]http.HandlerFunc // by ARN
}

// lambdas is the one service of all tests, which every server of start knows.
// It ends with the process.
var lambdas = sync.OnceValue(func() *lambdaService {
	l := &lambdaService{functions: map[string]http.HandlerFunc{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{arn}/invocations", func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		f := l.functions[r.PathValue("arn")]
		l.mu.Unlock()
		if f == nil || r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" {
			http.Error(w, `{"Type":"User","Message":"Function not found"}`, http.StatusNotFound)
			return
		}
		f(w, r)
	})
	l.url = httptest.NewServer(mux).URL
	return l
})

// lambdaHTTP makes a function that answers as it likes, and returns its ARN.
func (e *env) lambdaHTTP(f http.HandlerFunc) (arn string) {
	l := lambdas()
	l.mu.Lock()
	defer l.mu.Unlock()
	arn = fmt.Sprintf("arn:aws:lambda:us-east-1:000000000000:function:f%d", len(l.functions))
	l.functions[arn] = f
	return arn
}

// lambda makes a function and returns its ARN. The function returns what it
// answers, most often the event with another response; an error is one that it
// raises.
func (e *env) lambda(f func(event map[string]any) (any, error)) (arn string) {
	return e.lambdaHTTP(func(w http.ResponseWriter, r *http.Request) {
		var event map[string]any
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			e.Errorf("a function got no event: %v", err)
		}
		answer, err := f(event)
		if err != nil {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			answer = map[string]any{"errorMessage": err.Error(), "errorType": "Error"}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			e.Errorf("a function's answer: %v", err)
		}
	})
}

// spy keeps the events of functions.
type spy struct {
	mu     sync.Mutex
	events []map[string]any
}

// spied is lambda that keeps its events. A nil f gives the event back as it
// came.
func (e *env) spied(s *spy, f func(event map[string]any) (any, error)) (arn string) {
	return e.lambda(func(event map[string]any) (any, error) {
		s.mu.Lock()
		s.events = append(s.events, maps.Clone(event))
		s.mu.Unlock()
		if f == nil {
			return event, nil
		}
		return f(event)
	})
}

// take returns the events since the last time.
func (s *spy) take() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.events
	s.events = nil
	return list
}

// respond is an event with another response.
func respond(event map[string]any, response map[string]any) (any, error) {
	event = maps.Clone(event)
	event["response"] = response
	return event, nil
}

// slow is a function that never answers.
func slow(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the caller leave
	<-r.Context().Done()
}

// functioning makes a tenant whose pool has functions, and mails of its own
// wording.
func (e *env) functioning(config *types.LambdaConfigType, more func(*idp.CreateUserPoolInput)) *tenant {
	e.Helper()
	return e.tenant(func(in *idp.CreateUserPoolInput) {
		in.LambdaConfig = config
		in.EmailConfiguration = &types.EmailConfigurationType{EmailSendingAccount: types.EmailSendingAccountTypeDeveloper}
		if more != nil {
			more(in)
		}
	}, nil)
}
