package site

import (
	"encoding/json"
	"net/http"

	"gatehouse/internal/event"
)

// Headers sets what every answer of a pool's domain carries (hosted-ui-oauth.md,
// section 2). Any page may read the answers: nothing here depends on cookies
// that other sites' scripts could send.
func Headers(w http.ResponseWriter, r *http.Request, s *Site) {
	h := w.Header()
	for name, value := range map[string]string{
		"x-amz-cognito-request-id": event.From(r.Context()).ID, "X-Content-Type-Options": "nosniff", "X-XSS-Protection": "1; mode=block",
		"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate", "Pragma": "no-cache", "Expires": "0", "X-Frame-Options": "DENY", "Server": "Server",
		"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "x-amz-cognito-request-id, WWW-Authenticate, Date",
	} {
		h.Set(name, value)
	}
	if s.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000 ; includeSubDomains")
	}
}

// Redirect sends the browser on. The address is one of the site's or was
// registered for a client; it is written as it is, with a fragment if it has
// one.
func Redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", ascii(to))
	w.WriteHeader(http.StatusFound)
}

// ascii is an address without what a header cannot hold.
func ascii(s string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; c <= 0x20 || c >= 0x7f {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// JSON answers with a document.
func JSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client is gone when this fails
}

// Fail answers with an error of OAuth; description may be "".
func Fail(w http.ResponseWriter, status int, code, description string) {
	v := map[string]string{"error": code}
	if description != "" {
		v["error_description"] = description
	}
	JSON(w, status, v)
}

// Unavailable answers when the server itself is at fault. The cause is in the
// log.
func Unavailable(w http.ResponseWriter) {
	Fail(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The server cannot answer at the moment. Try again later.")
}
