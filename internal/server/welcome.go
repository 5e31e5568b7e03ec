package server

import (
	"html/template"
	"net/http"
)

// welcomePage is what a person sees who opens the port in a browser: what this
// is, and what to do next.
var welcomePage = template.Must(template.New("welcome").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gatehouse</title>
<style>
  :root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --paper: #fbfaf8; --card: #fff; --line: #e3e0da; --accent: #0b6e5f }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --soft: #9aa5b1; --paper: #14181d; --card: #1b2027; --line: #2c333c; --accent: #4fc3ae } }
  body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif }
  main { max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem }
  h1 { font-size: 1.75rem; margin: 0 0 .25rem; letter-spacing: -.02em }
  p { margin: .25rem 0 1rem } section p { margin: 0 } .soft { color: var(--soft) }
  section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.25rem; margin: 1rem 0 }
  h2 { font-size: 1rem; margin: 0 0 .5rem } code, pre { font: 14px/1.5 ui-monospace, monospace }
  pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere } a { color: var(--accent) }
</style>
<main>
  <h1>gatehouse</h1>
  <p class="soft">Amazon Cognito that you run yourself. This server answers at {{.Endpoint}}.</p>
  <section><h2>Point a client here</h2>
<pre>eval "$(gatehouse credentials)"
aws cognito-idp list-user-pools --max-results 10</pre></section>
  <section><h2>See it work</h2>
  <p><code>gatehouse demo</code> sets up two walk-throughs, runs every call that must succeed and every one that must be denied, and leaves a sample page to try.</p></section>
  {{if .Dev}}<section><h2>Messages</h2><p>Codes and invitations of this server are in the <a href="/_gatehouse/outbox">outbox</a>.</p></section>{{end}}
  <p class="soft">Version {{.Version}} · <a href="/_gatehouse/health">health</a></p>
</main>
</html>
`))

func (s *Server) welcome(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	err := welcomePage.Execute(w, map[string]any{"Endpoint": s.publicURL, "Version": Version, "Dev": s.config.Dev})
	if err != nil {
		s.log.Debug("write the welcome page", "error", err)
	}
}
