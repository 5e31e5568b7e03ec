package server

import (
	"net"
	"net/http"
	"strings"

	"gatehouse/internal/authz/sigv4"
	"gatehouse/internal/edge/awsapi"
	"gatehouse/internal/edge/oauth"
	"gatehouse/internal/event"
	"gatehouse/internal/service/s3"
)

// route is the one place that decides what a request on the port is for
// (contract.md, "One port, many names"). The order matters: what a host name
// says comes before what a path could mean.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	if a, ok := s3.ParseHost(r.Host, s.config.BaseDomain); ok {
		s.toS3(w, r, a)
		return
	}
	if h, ok := s.sites.Handler(r); ok {
		event.From(r.Context()).Set("service", "oauth")
		limited(h).ServeHTTP(w, r)
		return
	}
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/_gatehouse/") || path == "/_gatehouse":
		event.From(r.Context()).Set("service", "gatehouse")
		s.ours.ServeHTTP(w, r)
	case oauth.ServesIdentities(path):
		event.From(r.Context()).Set("service", "oauth")
		limited(s.identities).ServeHTTP(w, r)
	case r.Method == http.MethodOptions && path == "/" && r.Header.Get("Access-Control-Request-Method") != "":
		awsapi.Preflight(w, r)
	case r.Method == http.MethodPost && (path == "/" || path == "") && !scopedToS3(r):
		limited(s.api).ServeHTTP(w, r)
	case s.api.Serves(r):
		limited(s.api).ServeHTTP(w, r)
	case path == "/" && r.Method == http.MethodGet && r.Header.Get("Authorization") == "" && r.URL.RawQuery == "" &&
		strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Redirect(w, r, "/_gatehouse/", http.StatusFound)
	default:
		s.toS3(w, r, s3.Address{})
	}
}

func (s *Server) toS3(w http.ResponseWriter, r *http.Request, a s3.Address) {
	event.From(r.Context()).Set("service", "s3")
	if a.Website {
		paced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.s3.ServeWebsite(w, r, a.Bucket) })).ServeHTTP(w, r)
		return
	}
	if a == (s3.Address{}) {
		// An object served by path shares its origin with the console and the
		// sign-in pages. Sandboxed, a page in a bucket has an origin of its own.
		w.Header().Set("Content-Security-Policy", "sandbox allow-scripts allow-forms allow-popups allow-downloads")
	}
	paced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.s3.ServeBucket(w, r, a.Bucket) })).ServeHTTP(w, r)
}

// scopedToS3 reports whether a POST to / was signed for S3.
func scopedToS3(r *http.Request) bool {
	if r.Header.Get("X-Amz-Target") != "" {
		return false
	}
	auth, err := sigv4.Parse(r)
	return err == nil && auth.Service == "s3"
}

// fromLoopback reports whether a request came from this machine.
func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
