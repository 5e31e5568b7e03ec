package oauth

import (
	"html/template"
	"net/http"

	"gatehouse/internal/edge/site"
	"gatehouse/internal/service/login"
)

// Plain is the least that Pages can be: errors, and answers by a form.
type Plain struct{}

var plainPage = template.Must(template.New("plain").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{if .URL}}<form method="post" action="{{.URL}}">
{{range $name, $values := .Form}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}<button>Continue</button>
</form>
<script src="{{.Script}}"></script>{{end}}
</html>
`))

type plain struct {
	Title, Text string
	URL         template.URL
	Form        map[string][]string
	Script      string
}

// submitPath is where the script is that presses the button.
const submitPath = "/oauth2/submit.js"

// ServeSite shows the page of errors, which is a 400.
func (Plain) ServeSite(w http.ResponseWriter, r *http.Request, s *site.Site) {
	switch s.Path {
	case submitPath:
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write([]byte("document.forms[0].submit()\n")) // the client is gone when this fails
	case "/error":
		text := "An error was encountered with the requested page."
		if why := login.Explain(r.URL.Query().Get("error")); why != "" {
			text += " " + why
		}
		show(w, http.StatusBadRequest, "'none'", plain{Title: "Error", Text: text})
	default:
		show(w, http.StatusNotFound, "'none'", plain{Title: "Not found", Text: "There is no such page."})
	}
}

// FormPost submits an answer's form, by a script or by hand. Its action was
// registered for the client, which may have a scheme of its own.
func (Plain) FormPost(w http.ResponseWriter, r *http.Request, s *site.Site, a *login.Answer) {
	show(w, http.StatusOK, "'self'", plain{Title: "Signing in", Text: "Continue to the app.", URL: template.URL(a.URL), Form: a.Form, Script: s.Link(submitPath, nil)})
}

func show(w http.ResponseWriter, status int, script string, p plain) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// form-action is left open: the answer goes to the client.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src "+script+"; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_ = plainPage.Execute(w, p) // the client is gone when this fails
}
