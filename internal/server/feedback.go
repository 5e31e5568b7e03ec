package server

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// The links of a notification lead here. Following one shows a button and does
// nothing: programs that look into mails follow links as well.

var feedbackPage = template.Must(template.New("feedback").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your sign-in</title>
<style>
  :root { color-scheme: light dark }
  body { margin: 0; font: 16px/1.6 system-ui, sans-serif } main { max-width: 32rem; margin: 0 auto; padding: 3rem 1.25rem }
  button { font: inherit; padding: .5rem 1rem }
</style>
<main>
  {{if .Said}}<p>{{.Said}}</p>{{else}}<form method="post">
    <p>{{if eq .Value "Valid"}}It was you who signed in?{{else}}It was not you who signed in?{{end}}</p>
    {{range $name, $value := .Hidden}}<input type="hidden" name="{{$name}}" value="{{$value}}">{{end}}
    <button>{{if eq .Value "Valid"}}It was me{{else}}It was not me{{end}}</button>
  </form>{{end}}
</main>
</html>
`))

func (s *Server) showFeedback(w http.ResponseWriter, status int, data map[string]any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // the address has the token in it
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := feedbackPage.Execute(w, data); err != nil {
		s.log.Debug("write the feedback page", "error", err)
	}
}

// askFeedback asks for the click that the mail's link did not make.
func (s *Server) askFeedback(w http.ResponseWriter, r *http.Request) {
	q, hidden := r.URL.Query(), map[string]string{}
	for _, name := range []string{"pool", "user", "event", "token", "value"} {
		hidden[name] = q.Get(name)
	}
	s.showFeedback(w, http.StatusOK, map[string]any{"Value": hidden["value"], "Hidden": hidden})
}

// takeFeedback is UpdateAuthEventFeedback as a form.
func (s *Server) takeFeedback(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "the form could not be read")
		return
	}
	in := feedbackInput(r.PostForm)
	var v api.Violations
	in.Validate(&v)
	if text := v.Message(); text != "" {
		s.showFeedback(w, http.StatusBadRequest, map[string]any{"Said": "This link is not complete."})
		return
	}
	_, err := s.users.UpdateAuthEventFeedback(r.Context(), in)
	var refusal api.Error
	switch {
	case err == nil:
		s.showFeedback(w, http.StatusOK, map[string]any{"Said": "Thank you. Your answer has been kept."})
	case errors.As(err, &refusal), errors.Is(err, store.ErrBadText):
		s.showFeedback(w, http.StatusBadRequest, map[string]any{"Said": "This link is no longer valid."})
	default:
		s.log.Error("take the feedback of an event", "error", err)
		s.showFeedback(w, http.StatusServiceUnavailable, map[string]any{"Said": "That did not work. Try again later."})
	}
}

func feedbackInput(f url.Values) *cognitoidp.UpdateAuthEventFeedbackInput {
	return &cognitoidp.UpdateAuthEventFeedbackInput{UserPoolId: new(f.Get("pool")), Username: new(api.Secret(f.Get("user"))), EventId: new(f.Get("event")),
		FeedbackToken: new(api.Secret(f.Get("token"))), FeedbackValue: new(cognitoidp.FeedbackValueType(f.Get("value")))}
}
