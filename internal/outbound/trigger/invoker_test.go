package trigger_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/outbound/trigger"
)

const functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f:live"

// serve is an Invoker over HTTP whose other end is h. A try has the time; 0 is
// the standard.
func serve(t *testing.T, timeout time.Duration, h http.HandlerFunc) *trigger.HTTP {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return trigger.NewHTTP(trigger.HTTPConfig{Endpoint: s.URL + "/", Timeout: timeout})
}

// TestHTTP_request: what AWS Lambda's Invoke API asks for.
func TestHTTP_request(t *testing.T) {
	i := serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.RequestURI != "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%3Alive/invocations" ||
			r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" || string(body) != `{"a":1}` {
			t.Errorf("%s %s %v %s", r.Method, r.RequestURI, r.Header, body)
		}
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		_, _ = io.WriteString(w, `{"errorMessage":"no"}`)
	})
	r, err := i.Invoke(t.Context(), functionARN, []byte(`{"a":1}`))
	if err != nil || string(r.Payload) != `{"errorMessage":"no"}` || r.FunctionError != "Unhandled" {
		t.Errorf("got %s, %s, %v", r.Payload, r.FunctionError, err)
	}
}

// TestHTTP_failures: only a try that ran out of time is repeated.
func TestHTTP_failures(t *testing.T) {
	wait := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the client leave
		<-r.Context().Done()
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for _, c := range []struct {
		name  string
		h     http.HandlerFunc
		want  error // nil: any
		text  string
		tries int32
	}{
		{"no answer", wait, trigger.ErrTimeout, "", 3},
		{"half an answer", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"response":`)
			w.(http.Flusher).Flush()
			wait(w, r)
		}, trigger.ErrTimeout, "", 3},
		{"missing", status(404), trigger.ErrNoFunction, "", 1},
		{"forbidden", status(403), trigger.ErrNoFunction, "", 1},
		{"broken", status(500), nil, "the Lambda endpoint answered 500 Internal Server Error", 1},
		{"unavailable", status(503), nil, "the Lambda endpoint answered 503 Service Unavailable", 1},
		{"throttled", status(429), nil, "the Lambda endpoint answered 429 Too Many Requests", 1},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, nil,
			"the Lambda endpoint answered 307 Temporary Redirect", 1},
		{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "EOF", 1},
		{"too large", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(" ", trigger.MaxAnswer+1))
		}, trigger.ErrTooLarge, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			timeout := time.Duration(0)
			if c.want == trigger.ErrTimeout {
				timeout = 200 * time.Millisecond
			}
			i := serve(t, timeout, func(w http.ResponseWriter, r *http.Request) { tries.Add(1); c.h(w, r) })
			_, err := i.Invoke(t.Context(), functionARN, []byte("{}"))
			if err == nil || c.want != nil && !errors.Is(err, c.want) || c.text != "" && err.Error() != c.text {
				t.Errorf("got %v", err)
			}
			if tries.Load() != c.tries {
				t.Errorf("%d tries, want %d", tries.Load(), c.tries)
			}
		})
	}
}

// TestHTTP_second: a second try that answers is the answer.
func TestHTTP_second(t *testing.T) {
	var tries atomic.Int32
	i := serve(t, time.Second, func(w http.ResponseWriter, r *http.Request) {
		if _, _ = io.Copy(io.Discard, r.Body); tries.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "{}")
	})
	if r, err := i.Invoke(t.Context(), functionARN, []byte("{}")); err != nil || string(r.Payload) != "{}" {
		t.Errorf("got %s, %v", r.Payload, err)
	}
}

// TestHTTP_caller: a caller who leaves is not kept.
func TestHTTP_caller(t *testing.T) {
	var tries atomic.Int32
	started := make(chan struct{}, 3)
	i := serve(t, 0, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		tries.Add(1)
		started <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := i.Invoke(ctx, functionARN, []byte("{}")); !errors.Is(err, context.Canceled) || tries.Load() != 1 {
		t.Errorf("got %v after %d tries", err, tries.Load())
	}
}
