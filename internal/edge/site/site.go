// Package site is what the pages and the OAuth endpoints of a user pool's
// domain share: which pool a request is for, where its other pages are, its
// cookie, its headers.
//
// What a newcomer gets wrong: a domain has two addresses here, a host of its own
// and a path on any host (contract.md, "One port, many names"). A link that does
// not come from Site.Link leads out of one of them.
package site

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
)

// Site is a pool's domain as a request came to it.
type Site struct {
	Pool *pool.Pool
	// Prefix is what all its paths begin with: "" on a host of its own,
	// "/{poolId}" on any other.
	Prefix string
	// Path is that of the request, without the prefix: "/login".
	Path string
	// Secure says that browsers reach it by HTTPS.
	Secure bool
	// Origin is where it is reached: its own host's, as the browser names it, or
	// that of the public URL.
	Origin string
}

// URL is the whole address of a page of the site, for others to send browsers
// back to.
func (s *Site) URL(path string) string { return s.Origin + s.Prefix + path }

// Link is the address of a page of the site, for a Location header or a link.
// path begins with a slash; q may be nil.
func (s *Site) Link(path string, q url.Values) string {
	if len(q) == 0 {
		return s.Prefix + path
	}
	return s.Prefix + path + "?" + q.Encode()
}

// A Handler answers for pools' domains.
type Handler interface {
	ServeSite(w http.ResponseWriter, r *http.Request, s *Site)
}

// Pools finds pools; *pool.Registry is one.
type Pools interface {
	Pool(ctx context.Context, id string) (*pool.Pool, error)
	// ByDomain is nil for a domain that nobody has.
	ByDomain(ctx context.Context, name string) (p *pool.Pool, custom bool, err error)
}

// Config is what a Router needs.
type Config struct {
	Pools      Pools
	BaseDomain string // under which prefix domains are
	Region     string // in their names
	PublicURL  string // what browsers see of this server
	WellKnown  http.Handler
	Site       Handler
	Log        *slog.Logger
}

// Router finds the domain that a request is for.
type Router struct {
	config Config
	public *url.URL
}

// NewRouter returns a Router.
func NewRouter(c Config) (*Router, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil {
		return nil, err
	}
	return &Router{c, u}, nil
}

// poolPath is the path of a pool on any host. No bucket's name has an
// underscore, so that no path means both.
var poolPath = regexp.MustCompile(`^/([\w-]+_[0-9a-zA-Z]+)(/.*)$`)

// Handler is what answers a request to a pool's domain, or to its path; ok is
// false for any other request.
func (rt *Router) Handler(r *http.Request) (h http.Handler, ok bool) {
	if label, custom := rt.domainOf(r.Host); label != "" {
		p, isCustom, err := rt.config.Pools.ByDomain(r.Context(), label)
		switch {
		case err != nil && !missing(err):
			return rt.unavailable(err), true
		case err == nil && p != nil && isCustom == custom:
			s := &Site{Pool: p, Path: r.URL.Path, Secure: rt.secure(r), Origin: "http://" + r.Host}
			if s.Secure {
				s.Origin = "https://" + r.Host
			}
			return rt.site(s), true
		case !custom:
			return nowhere("There is no user pool with this domain."), true
		}
	}
	m := poolPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		return nil, false
	}
	if strings.HasPrefix(m[2], "/.well-known/") {
		return rt.config.WellKnown, true
	}
	p, err := rt.config.Pools.Pool(r.Context(), m[1])
	switch {
	case missing(err):
		return nowhere("There is no such user pool."), true
	case err != nil:
		return rt.unavailable(err), true
	case !p.HasDomain():
		return nowhere("User pool " + p.ID + " has no domain, and so neither pages nor OAuth endpoints. CreateUserPoolDomain gives it one."), true
	}
	return rt.site(&Site{Pool: p, Prefix: "/" + p.ID, Path: m[2], Secure: rt.secure(r), Origin: strings.TrimSuffix(rt.config.PublicURL, "/")}), true
}

func (rt *Router) site(s *Site) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rt.config.Site.ServeSite(w, r, s) })
}

// secure reports whether the browser speaks HTTPS: to this server, or to what
// stands in front of it.
func (rt *Router) secure(r *http.Request) bool { return r.TLS != nil || rt.public.Scheme == "https" }

func missing(err error) bool {
	var gone *cognitoidp.ResourceNotFoundException
	return errors.As(err, &gone)
}

var (
	regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	prefixForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	nameForm   = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
)

// domainOf is the domain that a Host header names: a prefix under this server's
// name or AWS's, or any other host name, which may be somebody's custom domain.
// It is "" for the server's own names.
func (rt *Router) domainOf(host string) (label string, custom bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	base := strings.ToLower(rt.config.BaseDomain)
	if rest, ok := strings.CutSuffix(host, ".amazoncognito.com"); ok {
		label, ok := cutAuth(rest, true)
		if ok {
			return label, false
		}
		return "", false
	}
	if rest, ok := strings.CutSuffix(host, "."+base); ok {
		if label, ok := cutAuth(rest, false); ok {
			return label, false
		}
	}
	if host == base || host == strings.ToLower(rt.public.Hostname()) || len(host) > 253 || !nameForm.MatchString(host) {
		return "", false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "", false
	}
	return host, true
}

// cutAuth takes the prefix from "prefix.auth.region", or from "prefix.auth"
// where the region may be left out.
func cutAuth(rest string, needsRegion bool) (label string, ok bool) {
	labels := strings.Split(rest, ".")
	switch {
	case len(labels) == 3 && regionForm.MatchString(labels[2]):
	case len(labels) == 2 && !needsRegion:
	default:
		return "", false
	}
	return labels[0], labels[1] == "auth" && prefixForm.MatchString(labels[0])
}

// Home is where a pool's domain is reached, without a slash at the end: under
// the public URL, unless this server has a real domain of its own (contract.md).
func (rt *Router) Home(p *pool.Pool) string {
	if rt.config.BaseDomain == "localhost" {
		return strings.TrimSuffix(rt.config.PublicURL, "/") + "/" + p.ID
	}
	host := ""
	if d := p.Settings.Domain; d != nil {
		host = *d + ".auth." + rt.config.Region + "." + rt.config.BaseDomain
	}
	if d := p.Settings.CustomDomain; d != nil {
		host = *d
	}
	if port := rt.public.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	return rt.public.Scheme + "://" + host
}

// nowhere answers where there is no domain.
func nowhere(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Headers(w, r, &Site{})
		Fail(w, http.StatusNotFound, "not_found", text)
	})
}

func (rt *Router) unavailable(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rt.config.Log.Error("find a user pool's domain", "error", err)
		Headers(w, r, &Site{})
		Unavailable(w)
	})
}
