package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// How keys are fetched and kept.
const (
	fetchTimeout = 5 * time.Second // discovery and keys together
	maxAnswer    = 512 << 10       // bytes
	maxRedirects = 3
	maxKeys      = 100
	fresh        = time.Hour        // then the keys are read again
	stale        = 24 * time.Hour   // how long they stand in for an issuer that is down
	pause        = time.Minute      // between two reads for a key that is not there
	retry        = 10 * time.Second // between two reads that fail
	maxIssuers   = 1000             // cached
	minRSA       = 2048             // bits
)

// Config is what a Verifier needs.
type Config struct {
	Now func() time.Time
	// Private allows issuers in private networks and on this machine.
	Private bool
	// Loopback allows issuers on this machine, with http as well.
	Loopback bool
	// Transport is how requests are sent; nil: over the network.
	Transport http.RoundTripper
}

// Verifier verifies tokens, and caches the keys of their issuers.
type Verifier struct {
	config  Config
	client  *http.Client
	asks    chan struct{} // see enter
	strict  *http.Client  // follows no redirect: what it sends is for one address alone
	flights singleflight.Group
	mu      sync.Mutex
	issuers map[string]*issuer
}

// issuer is what is known of one. It is replaced, never changed.
type issuer struct {
	doc    document
	keys   []jose.JSONWebKey // nil when they could never be had
	read   time.Time         // when keys were read
	tried  time.Time         // when it was asked for the last time
	failed error             // why that failed, or nil
}

// New returns a Verifier.
func New(c Config) *Verifier {
	v := &Verifier{config: c, issuers: map[string]*issuer{}, asks: make(chan struct{}, maxAsks)}
	if c.Transport == nil {
		dialer := &net.Dialer{Timeout: fetchTimeout, Control: v.mayDial}
		// No proxy: its address would be judged in place of the issuer's.
		v.config.Transport = &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: fetchTimeout, DisableKeepAlives: true,
			DisableCompression: true, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true}
	}
	v.client = &http.Client{Transport: v.config.Transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errors.New("too many redirects")
		}
		return v.mayAsk(r.URL)
	}}
	v.strict = &http.Client{Transport: v.config.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return v
}

// keys are the issuer's keys that may have signed a token: the one of that id,
// or all when the token names none.
func (v *Verifier) keys(ctx context.Context, source, kid string) ([]jose.JSONWebKey, error) {
	i, err := v.issuer(ctx, source, kid)
	if err != nil {
		return nil, err
	}
	return i.find(kid), nil
}

// issuer is a source as it was read last, read again when that is long ago or
// the key that is looked for is not there.
func (v *Verifier) issuer(ctx context.Context, source, kid string) (*issuer, error) {
	now := v.config.Now()
	v.mu.Lock()
	i := v.issuers[source]
	v.mu.Unlock()
	if found := i.find(kid); found == nil || now.Sub(i.read) >= fresh {
		if i.due(found == nil, now) {
			i = v.refresh(ctx, source)
		}
	}
	if i.keys == nil || now.Sub(i.read) >= stale {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, i.failed)
	}
	return i, nil
}

func (i *issuer) find(kid string) (found []jose.JSONWebKey) {
	if i == nil {
		return nil
	}
	for _, k := range i.keys {
		if kid == "" || k.KeyID == kid {
			found = append(found, k)
		}
	}
	return found
}

// due reports whether it is time to ask again. Tokens with ids of keys that
// never were must not make us ask each time.
func (i *issuer) due(missing bool, now time.Time) bool {
	switch {
	case i == nil:
		return true
	case i.failed != nil:
		return now.Sub(i.tried) >= retry
	case missing:
		return now.Sub(i.read) >= pause
	}
	return true
}

// refresh asks an issuer for its keys, once for all who wait.
func (v *Verifier) refresh(ctx context.Context, url string) *issuer {
	got, _, _ := v.flights.Do(url, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		doc, keys, err := v.fetch(ctx, url)
		now := v.config.Now()
		v.mu.Lock()
		defer v.mu.Unlock()
		next := &issuer{doc: doc, keys: keys, read: now, tried: now}
		if err != nil {
			next.failed = err
			if old := v.issuers[url]; old != nil {
				next.doc, next.keys, next.read = old.doc, old.keys, old.read
			}
		}
		if len(v.issuers) >= maxIssuers {
			v.issuers = map[string]*issuer{}
		}
		v.issuers[url] = next
		return next, nil
	})
	return got.(*issuer)
}

// document is what is read of a discovery document.
type document struct {
	Issuer    string `json:"issuer"`
	Keys      string `json:"jwks_uri"`
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
	UserInfo  string `json:"userinfo_endpoint"`
}

// keySet before the address of a key set makes a source of it, beside issuers.
const keySet = "jwks "

// fetch reads a source: the discovery document of an issuer and the keys that it
// names (OpenID Connect Discovery 1.0, section 4), or a key set alone.
func (v *Verifier) fetch(ctx context.Context, source string) (doc document, keys []jose.JSONWebKey, err error) {
	if address, ok := strings.CutPrefix(source, keySet); ok {
		doc.Keys = address
	} else if err := v.get(ctx, source+"/.well-known/openid-configuration", &doc); err != nil {
		return doc, nil, err
	} else if doc.Issuer != source && doc.Issuer != source+"/" {
		return doc, nil, fmt.Errorf("the discovery document of %s is that of %q", source, doc.Issuer)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := v.get(ctx, doc.Keys, &set); err != nil {
		return doc, nil, err
	}
	for _, text := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var k jose.JSONWebKey
		// Keys of other kinds stand beside ours, and are no fault.
		if k.UnmarshalJSON(text) != nil || k.Use != "" && k.Use != "sig" {
			continue
		}
		switch p := k.Key.(type) {
		case *rsa.PublicKey:
			if p.N.BitLen() >= minRSA {
				keys = append(keys, k)
			}
		case *ecdsa.PublicKey:
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return doc, nil, fmt.Errorf("%s has no RSA key of at least %d bits, and none of an elliptic curve", doc.Keys, minRSA)
	}
	return doc, keys, nil
}

func (v *Verifier) get(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	status, b, err := v.send(v.client, r)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s answered %d %s", address, status, http.StatusText(status))
	}
	return json.Unmarshal(b, into)
}

// send sends a request where one may be sent, and reads a bounded answer.
func (v *Verifier) send(by *http.Client, r *http.Request) (status int, body []byte, err error) {
	if err := v.mayAsk(r.URL); err != nil {
		return 0, nil, err
	}
	r.Header.Set("Accept", "application/json")
	resp, err := by.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, err
	}
	if len(b) > maxAnswer {
		return 0, nil, fmt.Errorf("%s answered more than %d bytes", r.URL.Redacted(), maxAnswer)
	}
	return resp.StatusCode, b, nil
}

// mayAsk refuses addresses by their form.
func (v *Verifier) mayAsk(u *url.URL) error {
	if u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && v.config.Loopback && IsLoopback(u.Hostname())) {
		return fmt.Errorf("%s is not an https URL", u.Redacted())
	}
	return nil
}

// IsLoopback reports whether a host is this machine by its name.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// shared is the address space that carriers share (RFC 6598): private, though
// not by its form.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// reserved are networks that are global by their form and not by their use (the
// special-purpose address registries of IANA), or that lead to others.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), shared, netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"),
}

// mayDial refuses connections by the address that they are made to, after every
// name was looked up.
func (v *Verifier) mayDial(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := a.Addr().Unmap()
	switch {
	case ip.IsLoopback():
		if v.config.Private || v.config.Loopback {
			return nil
		}
	case ip.IsPrivate(), shared.Contains(ip):
		if v.config.Private {
			return nil
		}
	case ip.IsGlobalUnicast() && !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return nil
	}
	return fmt.Errorf("%s is not a public address (--private-issuers allows those of private networks)", ip)
}
