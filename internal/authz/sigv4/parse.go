package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	terminator  = "aws4_request"
	basicFormat = "20060102T150405Z"
)

// Auth is the authentication material of a request as the client wrote it:
// well-formed, and not believed yet.
type Auth struct {
	Presigned   bool // in the query instead of the Authorization header
	AccessKeyID string
	// The credential scope.
	Date, Region, Service, Terminator string
	SignedHeaders                     []string // lower case, in the order given
	Signature                         string   // 64 lower-case hexadecimal digits if it is to match
	SecurityToken                     string   // empty for long-term keys
	Time                              time.Time
	// Expires is how long a presigned query lives; zero when it does not say,
	// which S3 refuses.
	Expires time.Duration
	// PayloadHash is x-amz-content-sha256, literally; empty when absent.
	PayloadHash string

	stamp string // Time in basic format, as the string to sign has it
	query []pair // decoded; kept for the canonical query
}

// Scope is the credential scope, <date>/<region>/<service>/aws4_request.
func (a *Auth) Scope() string {
	return a.Date + "/" + a.Region + "/" + a.Service + "/" + a.Terminator
}

// Parse reads the authentication material of a request. Its errors are of type
// *Error; a request with none at all is refused as Missing.
func Parse(r *http.Request) (*Auth, error) {
	_, rawQuery := received(r)
	query := parseQuery(rawQuery)
	headers := r.Header["Authorization"]
	presigned := false
	for _, p := range query {
		switch p.name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			presigned = true
		}
	}
	var a *Auth
	var err *Error
	switch {
	case presigned && len(headers) > 0:
		err = refuse(OnlyOneAuthMode, msgOnlyOne)
	case presigned:
		a, err = parsePresigned(query)
	case len(headers) == 1:
		a, err = parseHeader(headers[0], r.Header)
	case len(headers) > 1:
		err = refuse(Incomplete, "Authorization header must not be given more than once.")
	default:
		err = refuse(Missing, msgMissing)
	}
	if err != nil {
		return nil, err
	}
	a.query = query
	if a.PayloadHash == "" {
		a.PayloadHash = r.Header.Get("X-Amz-Content-Sha256")
	}
	if err := a.checkSignedHeaders(); err != nil {
		return nil, err
	}
	return a, nil
}

func parseHeader(header string, h http.Header) (*Auth, *Error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if scheme != algorithm {
		if strings.HasPrefix(scheme, "AWS4-") {
			return nil, refuse(UnknownAlgorithm, "Unsupported AWS 'algorithm': '"+scheme+"'")
		}
		return nil, refuse(UnsupportedScheme, notKeyValue(rest, header))
	}
	a := &Auth{SecurityToken: h.Get("X-Amz-Security-Token")}
	var credential, signed string
	seen := 0
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, refuse(Incomplete, notKeyValue(part, header))
		}
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signed = value
		case "Signature":
			a.Signature = value
		default:
			continue
		}
		seen++
	}
	var missing []string
	if credential == "" {
		missing = append(missing, "Authorization header requires 'Credential' parameter.")
	}
	if a.Signature == "" {
		missing = append(missing, "Authorization header requires 'Signature' parameter.")
	}
	if signed == "" {
		missing = append(missing, "Authorization header requires 'SignedHeaders' parameter.")
	}
	date := h.Get("X-Amz-Date")
	if date == "" {
		date = h.Get("Date")
	}
	if date == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		return nil, incomplete(missing, header)
	}
	if seen != 3 || len(h["X-Amz-Date"]) > 1 || len(h["X-Amz-Security-Token"]) > 1 || len(h["X-Amz-Content-Sha256"]) > 1 {
		// Two readers could take two different ones for the truth.
		return nil, incomplete([]string{"Authorization parameters must not be given more than once."}, header)
	}
	if err := a.setCredential(credential, Incomplete); err != nil {
		return nil, err
	}
	a.SignedHeaders = strings.Split(signed, ";")
	if !a.setTime(date) {
		if t, err := http.ParseTime(date); err == nil && h.Get("X-Amz-Date") == "" {
			a.Time, a.stamp = t.UTC(), t.UTC().Format(basicFormat)
		} else {
			return nil, refuse(Incomplete, badDate(date))
		}
	}
	return a, nil
}

func parsePresigned(query []pair) (*Auth, *Error) {
	a := &Auth{Presigned: true}
	var algo, credential, date, signed, expires string
	fields := map[string]*string{
		"X-Amz-Algorithm": &algo, "X-Amz-Credential": &credential, "X-Amz-Date": &date, "X-Amz-SignedHeaders": &signed, "X-Amz-Expires": &expires,
		"X-Amz-Signature": &a.Signature, "X-Amz-Security-Token": &a.SecurityToken, "X-Amz-Content-Sha256": &a.PayloadHash,
	}
	for _, p := range query {
		if field := fields[p.name]; field != nil {
			if *field != "" {
				return nil, refuse(IncompleteQuery, msgQuery)
			}
			*field = p.value
		}
	}
	switch {
	case algo != "" && algo != algorithm:
		return nil, refuse(UnknownAlgorithm, "Unsupported AWS 'algorithm': '"+algo+"'")
	case algo == "" || credential == "" || date == "" || signed == "" || a.Signature == "":
		return nil, refuse(IncompleteQuery, msgQuery)
	}
	if err := a.setCredential(credential, IncompleteQuery); err != nil {
		return nil, err
	}
	a.SignedHeaders = strings.Split(signed, ";")
	if !a.setTime(date) {
		return nil, refuse(IncompleteQuery, badDate(date))
	}
	if expires != "" {
		seconds, err := strconv.ParseInt(expires, 10, 64)
		switch {
		case err != nil:
			return nil, refuse(IncompleteQuery, msgExpires)
		case seconds < 1:
			return nil, refuse(IncompleteQuery, "X-Amz-Expires must be non-negative")
		case seconds > 604800:
			return nil, refuse(IncompleteQuery, msgWeek)
		}
		a.Expires = time.Duration(seconds) * time.Second
	}
	return a, nil
}

func (a *Auth) setCredential(credential string, code Code) *Error {
	rest := credential
	for _, part := range [...]*string{&a.AccessKeyID, &a.Date, &a.Region, &a.Service} {
		*part, rest, _ = strings.Cut(rest, "/")
	}
	a.Terminator = rest
	if strings.Count(credential, "/") != 4 || a.AccessKeyID == "" {
		return refuse(code, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+credential+"'")
	}
	return nil
}

func (a *Auth) setTime(text string) bool {
	t, err := time.Parse(basicFormat, text)
	if err != nil || len(text) != len(basicFormat) { // time.Parse would take a fraction of a second
		return false
	}
	a.Time, a.stamp = t, text
	return true
}

// checkSignedHeaders demands names as HTTP writes them, in lower case and each
// once, and host among them.
func (a *Auth) checkSignedHeaders() *Error {
	code := Incomplete
	if a.Presigned {
		code = IncompleteQuery
	}
	host := false
	for i, name := range a.SignedHeaders {
		if !headerName(name) {
			return refuse(code, "SignedHeaders must be lower-case header names, got '"+name+"'")
		}
		for _, earlier := range a.SignedHeaders[:i] {
			if earlier == name {
				return refuse(code, "SignedHeaders must not name '"+name+"' more than once")
			}
		}
		host = host || name == "host" || name == ":authority"
		if i > maxSignedHeaders {
			return refuse(code, "SignedHeaders has too many names")
		}
	}
	if !host {
		return refuse(code, msgHost)
	}
	return nil
}

// maxSignedHeaders bounds the work on a request that nobody has vouched for.
const maxSignedHeaders = 128

func headerName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return s == ":authority"
		}
	}
	return s != ""
}

func notKeyValue(part, header string) string {
	return "'" + part + "' not a valid key=value pair (missing equal-sign) in Authorization header: '" + header + "'."
}

func badDate(text string) string {
	return "Date must be in ISO-8601 'basic format'. Got '" + text + "'. See http://en.wikipedia.org/wiki/ISO_8601"
}

// received is the path and the query on the wire, before any router touched
// them. A request made for a client has no RequestURI: then its URL is what it
// will send.
func received(r *http.Request) (path, query string) {
	if uri := r.RequestURI; strings.HasPrefix(uri, "/") {
		path, query, _ = strings.Cut(uri, "?")
		return path, query
	} else if strings.Contains(uri, "://") { // absolute form, as to a proxy
		if u, err := url.Parse(uri); err == nil {
			return orRoot(u.EscapedPath()), u.RawQuery
		}
	}
	return orRoot(r.URL.EscapedPath()), r.URL.RawQuery
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
