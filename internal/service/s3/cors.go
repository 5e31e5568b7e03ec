package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Cross-origin resource sharing (AWS: "Using cross-origin resource sharing").

type corsConfiguration struct {
	XMLName xml.Name   `xml:"CORSConfiguration"`
	XMLNS   string     `xml:"xmlns,attr,omitempty"`
	Rules   []corsRule `xml:"CORSRule"`
}

type corsRule struct {
	ID             string   `xml:"ID,omitempty"`
	AllowedHeaders []string `xml:"AllowedHeader"`
	AllowedMethods []string `xml:"AllowedMethod"`
	AllowedOrigins []string `xml:"AllowedOrigin"`
	ExposeHeaders  []string `xml:"ExposeHeader"`
	MaxAgeSeconds  *int     `xml:"MaxAgeSeconds,omitempty"`
}

// validate keeps the rules of PutBucketCors.
func (c *corsConfiguration) validate() error {
	if len(c.Rules) == 0 || len(c.Rules) > 100 {
		return errMalformedXML
	}
	for _, rule := range c.Rules {
		if len(rule.AllowedMethods) == 0 || len(rule.AllowedOrigins) == 0 || len(rule.ID) > 255 ||
			rule.MaxAgeSeconds != nil && *rule.MaxAgeSeconds < 0 {
			return errMalformedXML
		}
		for _, m := range rule.AllowedMethods {
			if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "HEAD"}, m) {
				return errInvalidRequest.saying("Found unsupported HTTP method in CORS config. Unsupported method is " + m)
			}
		}
		for _, o := range rule.AllowedOrigins {
			if strings.Count(o, "*") > 1 {
				return errInvalidRequest.saying(`AllowedOrigin "` + o + `" can not have more than one wildcard.`)
			}
		}
		for _, h := range rule.AllowedHeaders {
			if strings.Count(h, "*") > 1 {
				return errInvalidRequest.saying(`AllowedHeader "` + h + `" can not have more than one wildcard.`)
			}
		}
		for _, h := range rule.ExposeHeaders {
			if strings.Contains(h, "*") {
				return errInvalidRequest.saying(`ExposeHeader "` + h + `" contains wildcard. We currently do not support wildcard for ExposeHeader`)
			}
		}
	}
	return nil
}

// matchWildcard matches a pattern with at most one "*".
func matchWildcard(pattern, s string) bool {
	before, after, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}

// match finds the first rule that admits an origin, a method and all the
// headers that a preflight asks for. Origin is the pattern that matched.
func (c *corsConfiguration) match(origin, method string, headers []string) (rule *corsRule, pattern string) {
	if c == nil {
		return nil, ""
	}
	for i := range c.Rules {
		rule := &c.Rules[i]
		if !slices.Contains(rule.AllowedMethods, method) {
			continue
		}
		o := slices.IndexFunc(rule.AllowedOrigins, func(p string) bool { return matchWildcard(p, origin) })
		if o < 0 {
			continue
		}
		admitted := !slices.ContainsFunc(headers, func(h string) bool {
			return !slices.ContainsFunc(rule.AllowedHeaders, func(p string) bool {
				return matchWildcard(strings.ToLower(p), h)
			})
		})
		if admitted {
			return rule, rule.AllowedOrigins[o]
		}
	}
	return nil, ""
}

// requestHeaders splits Access-Control-Request-Headers; names in lower case.
func requestHeaders(v string) []string {
	var names []string
	for name := range strings.SplitSeq(v, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// setCORS adds the headers of a matching rule.
func setCORS(h http.Header, rule *corsRule, pattern, origin string, asked []string) {
	if pattern == "*" {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(rule.AllowedMethods, ", "))
	if len(asked) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(asked, ", "))
	}
	if len(rule.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	if rule.MaxAgeSeconds != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(*rule.MaxAgeSeconds))
	}
	h.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}

// addCORS adds headers to the answer of an ordinary request, whatever becomes
// of it.
func (r *request) addCORS() {
	origin := r.http.Header.Get("Origin")
	if origin == "" || r.bucket == nil {
		return
	}
	if rule, pattern := r.bucket.cors.match(origin, r.http.Method, nil); rule != nil {
		setCORS(r.w.Header(), rule, pattern, origin, nil)
	}
}

// preflight answers OPTIONS. Nobody signs a preflight, so nothing is asked
// about the caller, and nothing is told but the bucket's rules.
func (r *request) preflight() error {
	h := r.http.Header
	origin, method := h.Get("Origin"), h.Get("Access-Control-Request-Method")
	if origin == "" {
		return newError(400, "BadRequest", "Insufficient information. Origin request header needed.")
	}
	if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "HEAD"}, method) {
		return newError(400, "BadRequest", "Invalid Access-Control-Request-Method: "+method)
	}
	forbidden := newError(403, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.").
		with("Method", method, "ResourceType", "BUCKET")
	if r.key != "" {
		forbidden.Details[3] = "OBJECT"
	}
	if r.bucketName != "" && r.bucket == nil {
		return errNoSuchBucket.with("BucketName", r.bucketName)
	}
	if r.bucket == nil || r.bucket.cors == nil {
		return forbidden
	}
	asked := requestHeaders(h.Get("Access-Control-Request-Headers"))
	rule, pattern := r.bucket.cors.match(origin, method, asked)
	if rule == nil {
		return forbidden.saying("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
	}
	setCORS(r.w.Header(), rule, pattern, origin, asked)
	r.w.Header().Set("Content-Length", "0")
	r.w.WriteHeader(http.StatusOK)
	return nil
}
