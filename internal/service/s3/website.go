package s3

import (
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gatehouse/internal/authz/access"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// The website endpoint (AWS: "Hosting a static website using Amazon S3"). Its
// callers are all anonymous, whatever they send; it reads and never writes.

type websiteConfiguration struct {
	XMLName xml.Name      `xml:"WebsiteConfiguration"`
	XMLNS   string        `xml:"xmlns,attr,omitempty"`
	Index   *websiteIndex `xml:"IndexDocument,omitempty"`
	Error   *websiteError `xml:"ErrorDocument,omitempty"`
	All     *redirectAll  `xml:"RedirectAllRequestsTo,omitempty"`
	Rules   *routingRules `xml:"RoutingRules,omitempty"`
}

type websiteIndex struct{ Suffix string }

type websiteError struct{ Key string }

type redirectAll struct {
	HostName string
	Protocol string `xml:",omitempty"`
}

type routingRules struct {
	Rule []routingRule `xml:"RoutingRule"`
}

type routingRule struct {
	Condition *struct {
		KeyPrefixEquals             string `xml:",omitempty"`
		HttpErrorCodeReturnedEquals string `xml:",omitempty"`
	} `xml:",omitempty"`
	Redirect redirectRule
}

type redirectRule struct {
	Protocol             string  `xml:",omitempty"`
	HostName             string  `xml:",omitempty"`
	ReplaceKeyPrefixWith *string `xml:",omitempty"`
	ReplaceKeyWith       *string `xml:",omitempty"`
	HttpRedirectCode     string  `xml:",omitempty"`
}

func validProtocol(p string) bool { return p == "" || p == "http" || p == "https" }

// validate keeps the rules of PutBucketWebsite.
func (c *websiteConfiguration) validate() error {
	if c.All != nil {
		if c.Index != nil || c.Error != nil || c.Rules != nil || c.All.HostName == "" || !validProtocol(c.All.Protocol) {
			return errMalformedXML
		}
		return nil
	}
	switch {
	case c.Index == nil:
		return errInvalidArgument.saying("A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty").with("ArgumentName", "IndexDocument")
	case c.Index.Suffix == "" || strings.Contains(c.Index.Suffix, "/"):
		return errInvalidArgument.saying("The IndexDocument Suffix is not well formed").with("ArgumentName", "IndexDocument", "ArgumentValue", c.Index.Suffix)
	case c.Error != nil && c.Error.Key == "":
		return errMalformedXML
	}
	if c.Rules == nil {
		return nil
	}
	if len(c.Rules.Rule) > 50 {
		return errInvalidRequest.saying(fmt.Sprintf("%d routing rules provided, the number of routing rules in a website configuration is limited to 50.", len(c.Rules.Rule)))
	}
	for _, rule := range c.Rules.Rule {
		to := rule.Redirect
		if to.ReplaceKeyWith != nil && to.ReplaceKeyPrefixWith != nil || !validProtocol(to.Protocol) {
			return errMalformedXML
		}
		if code, err := strconv.Atoi(to.HttpRedirectCode); to.HttpRedirectCode != "" && (err != nil || code < 301 || code > 399) {
			return errInvalidRequest.saying("The provided HTTP redirect code (" + to.HttpRedirectCode + ") is not valid. Valid codes are 3XX except 300.")
		}
	}
	return nil
}

// rule finds the first routing rule for a key; code is 0 before the object is
// looked for, and the status of the failure after.
func (c *websiteConfiguration) rule(key string, code int) *routingRule {
	if c.Rules == nil {
		return nil
	}
	for i := range c.Rules.Rule {
		rule := &c.Rules.Rule[i]
		prefix, want := "", ""
		if rule.Condition != nil {
			prefix, want = rule.Condition.KeyPrefixEquals, rule.Condition.HttpErrorCodeReturnedEquals
		}
		if strings.HasPrefix(key, prefix) && (want == "" && code == 0 || want != "" && want == strconv.Itoa(code)) {
			return rule
		}
	}
	return nil
}

// ServeWebsite serves a request to the website endpoint of a bucket.
func (s *Service) ServeWebsite(w http.ResponseWriter, hr *http.Request, bucket string) {
	r := &request{
		svc: s, ctx: hr.Context(), w: w, http: hr, id: s.requestID(hr), hostID: randomID(), query: url.Values{},
		bucketName: bucket, key: strings.TrimPrefix(hr.URL.Path, "/"),
	}
	w.Header().Set("x-amz-request-id", r.id)
	w.Header().Set("x-amz-id-2", r.hostID)
	r.answerPage(r.serveWebsite())
}

// anonymous makes the caller of a request to a website: the authenticator's,
// for the sake of its condition keys, without anything that could sign.
func (s *Service) anonymous(hr *http.Request) (*access.Caller, error) {
	plain := hr.Clone(hr.Context())
	plain.Header = http.Header{"User-Agent": hr.Header["User-Agent"], "Referer": hr.Header["Referer"]}
	plain.URL.RawQuery, plain.RequestURI, plain.Body = "", "", http.NoBody
	caller, _, err := s.auth.Authenticate(plain)
	if err == nil && caller.Principal.Type != policy.Anonymous {
		err = errAccessDenied
	}
	return caller, err
}

func (r *request) serveWebsite() (err error) {
	s := r.svc
	if r.bucket, err = s.bucket(r.ctx, r.bucketName); err != nil {
		return err
	}
	if r.bucket == nil {
		return errNoSuchBucket.with("BucketName", r.bucketName)
	}
	if r.http.Method == http.MethodOptions {
		return r.preflight()
	}
	r.addCORS()
	site := r.bucket.website
	if site == nil {
		return errNoSuchWebsite.with("BucketName", r.bucketName)
	}
	if m := r.http.Method; m != http.MethodGet && m != http.MethodHead {
		return errMethodNotAllowed.with("Method", m, "ResourceType", "OBJECT")
	}
	if e := checkKey(r.key); e != nil {
		return e
	}
	if r.caller, err = s.anonymous(r.http); err != nil {
		return err
	}
	if site.All != nil {
		r.redirect(http.StatusMovedPermanently, site.All.Protocol, site.All.HostName, r.http.URL.RequestURI())
		return nil
	}
	if rule := site.rule(r.key, 0); rule != nil {
		r.follow(rule, r.key)
		return nil
	}
	return r.page(site, r.key)
}

// page answers with the object of a path, its index document, or the error
// document.
func (r *request) page(site *websiteConfiguration, key string) error {
	object := key
	if key == "" || strings.HasSuffix(key, "/") {
		object += site.Index.Suffix
	}
	o, err := r.readable(object)
	if err == nil {
		return r.sendPage(o, http.StatusOK)
	}
	e, known := asError(err)
	if !known {
		return err
	}
	if object == key {
		// A path without its slash, under which there is an index document.
		if _, err := r.readable(key + "/" + site.Index.Suffix); err == nil {
			r.w.Header().Set("Location", (&url.URL{Path: "/" + key + "/"}).EscapedPath())
			r.w.Header().Set("Content-Length", "0")
			r.w.WriteHeader(http.StatusFound)
			return nil
		}
	}
	if rule := site.rule(key, e.Status); rule != nil {
		r.follow(rule, key)
		return nil
	}
	if site.Error != nil {
		if o, err := r.readable(site.Error.Key); err == nil {
			return r.sendPage(o, e.Status)
		}
	}
	return err
}

// readable reads an object that everybody may read.
func (r *request) readable(key string) (*store.Object, error) {
	if r.bucket.upstream != nil {
		return r.readableUpstream(key)
	}
	o, err := r.svc.object(r.ctx, r.bucketName, key, "")
	if err != nil {
		return nil, err
	}
	if o != nil && o.Marker {
		o = nil
	}
	if err := r.authorizeObject(onO("GetObject", permRead), r.bucket, key, o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, r.missingKey(r.bucket, key)
	}
	return o, nil
}

func (r *request) sendPage(o *store.Object, status int) error {
	if to := o.Attributes.RedirectLocation; to != "" && status == http.StatusOK {
		r.w.Header().Set("Location", to)
		r.w.Header().Set("Content-Length", "0")
		r.w.WriteHeader(http.StatusMovedPermanently)
		return nil
	}
	setObjectHeaders(r.w.Header(), o)
	whole := byteRange{0, o.Size}
	if status != http.StatusOK {
		return r.send(o, whole, status)
	}
	if e := requestConditions(r.http.Header, "").check(o.ETag, o.Modified); e != nil {
		return e
	}
	part, ok, e := parseRange(r.http.Header.Get("Range"), o.Size)
	switch {
	case e != nil:
		return e
	case ok:
		r.setContentRange(part, o.Size)
		return r.send(o, part, http.StatusPartialContent)
	}
	return r.send(o, whole, http.StatusOK)
}

// follow redirects by a rule.
func (r *request) follow(rule *routingRule, key string) {
	to := rule.Redirect
	switch {
	case to.ReplaceKeyWith != nil:
		key = *to.ReplaceKeyWith
	case to.ReplaceKeyPrefixWith != nil:
		prefix := ""
		if rule.Condition != nil {
			prefix = rule.Condition.KeyPrefixEquals
		}
		key = *to.ReplaceKeyPrefixWith + strings.TrimPrefix(key, prefix)
	}
	code, err := strconv.Atoi(to.HttpRedirectCode)
	if err != nil {
		code = http.StatusMovedPermanently
	}
	host := to.HostName
	if host == "" {
		host = r.http.Host
	}
	r.redirect(code, to.Protocol, host, (&url.URL{Path: "/" + key}).EscapedPath())
}

func (r *request) redirect(code int, protocol, host, path string) {
	if protocol == "" {
		protocol = "http"
		if r.http.TLS != nil {
			protocol = "https"
		}
	}
	r.w.Header().Set("Location", protocol+"://"+host+path)
	r.w.Header().Set("Content-Length", "0")
	r.w.WriteHeader(code)
}

// answerPage turns an error into a page; websites are read by people.
func (r *request) answerPage(err error) {
	e, _ := asError(err)
	if err == nil || e.Status == http.StatusNotModified || e.Status == http.StatusInternalServerError || e.Status == http.StatusServiceUnavailable {
		r.answer(err)
		return
	}
	title := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	var b strings.Builder
	fmt.Fprintf(&b, "<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<ul>\n<li>Code: %s</li>\n<li>Message: %s</li>\n",
		title, title, html.EscapeString(e.Code), html.EscapeString(e.Message))
	for i := 0; i+1 < len(e.Details); i += 2 {
		fmt.Fprintf(&b, "<li>%s: %s</li>\n", html.EscapeString(e.Details[i]), html.EscapeString(e.Details[i+1]))
	}
	fmt.Fprintf(&b, "<li>RequestId: %s</li>\n<li>HostId: %s</li>\n</ul>\n<hr/>\n</body>\n</html>\n", html.EscapeString(r.id), html.EscapeString(r.hostID))
	h := r.w.Header()
	for _, name := range []string{"ETag", "Last-Modified", "Accept-Ranges", "Content-Encoding", "Content-Disposition", "Cache-Control", "Content-Language", "Expires"} {
		h.Del(name)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", itoa(b.Len()))
	h.Set("x-amz-error-code", e.Code)
	h.Set("x-amz-error-message", e.Message)
	r.w.WriteHeader(e.Status)
	if r.http.Method != http.MethodHead {
		r.w.Write([]byte(b.String()))
	}
}
