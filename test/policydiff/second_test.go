package policydiff

import (
	"encoding/base64"
	"math/big"
	"net"
	"strconv"
	"strings"
	"time"
)

// The second evaluator. It is written from the specification of the policy
// language alone, as slowly and plainly as that reads, and shares no code with
// internal/authz/policy or internal/authz/arn. Documents are taken to be valid.

// question is a request as the second evaluator sees it.
type question struct {
	kind     string // Account, User, AssumedRole, FederatedUser, Anonymous, WebIdentity, Service
	account  string
	arn      string
	role     string // ARN of the role behind a session
	names    string // the provider or service that bears the request
	canon    string
	action   string
	resource string
	owner    string // account of the resource
	keys     map[string][]string
}

// texts are the policies, as written. A nil boundary or session is none.
type texts struct{ identity, resource, boundary, session []string }

// verdict is "allow", "explicit deny" or "deny".
type verdict string

// secondEvaluate is section 5 of the specification, in its order.
func secondEvaluate(q question, p texts) verdict {
	if strings.EqualFold(q.action, "sts:GetCallerIdentity") && q.kind != "Anonymous" {
		return "allow"
	}
	for _, list := range [][]string{p.identity, p.resource, p.boundary, p.session} {
		for _, text := range list {
			if finds(q, text, "Deny", false) != "" {
				return "explicit deny"
			}
		}
	}
	named := strongest(q, p.resource, false)
	local := q.owner == q.account
	if q.kind == "Anonymous" {
		if named != "" {
			return "allow"
		}
		return "deny"
	}
	if q.kind == "Account" { // the root user: as far as its account reaches
		if local || named != "" {
			return "allow"
		}
		return "deny"
	}
	if local && (named == "caller" || named == "anyone") {
		return "allow"
	}
	if !local && named == "" {
		return "deny"
	}
	identity := strongest(q, p.identity, false) != ""
	if local && named == "role" {
		identity = true
	}
	if !identity {
		return "deny"
	}
	if p.boundary != nil && strongest(q, p.boundary, false) == "" {
		return "deny"
	}
	if (p.session != nil || q.kind == "FederatedUser") && strongest(q, p.session, false) == "" {
		return "deny"
	}
	return "allow"
}

// secondAssume is sts:AssumeRole and its relatives: the trust policy first.
func secondAssume(q question, trust string, p texts) verdict {
	if finds(q, trust, "Deny", true) != "" {
		return "explicit deny"
	}
	named := strongest(q, []string{trust}, true)
	if named == "" {
		return "deny"
	}
	if q.kind == "WebIdentity" || q.kind == "Service" {
		return "allow"
	}
	for _, list := range [][]string{p.identity, p.boundary, p.session} {
		for _, text := range list {
			if finds(q, text, "Deny", false) != "" {
				return "explicit deny"
			}
		}
	}
	local := q.owner == q.account
	if q.kind == "Account" || local && named == "caller" {
		return "allow"
	}
	if strongest(q, p.identity, false) == "" && !(local && named == "role") {
		return "deny"
	}
	if p.boundary != nil && strongest(q, p.boundary, false) == "" {
		return "deny"
	}
	if (p.session != nil || q.kind == "FederatedUser") && strongest(q, p.session, false) == "" {
		return "deny"
	}
	return "allow"
}

// strongest is how the Allows of the policies name the caller: "caller",
// "anyone", "role", "account", or "" for no Allow.
func strongest(q question, list []string, trust bool) string {
	seen := map[string]bool{}
	for _, text := range list {
		doc := read(text)
		for _, st := range several(doc.member("Statement")) {
			if how := applies(q, st, doc.member("Version").text, "Allow", trust); how != "" {
				seen[how] = true
			}
		}
	}
	for _, how := range []string{"caller", "anyone", "role", "account"} {
		if seen[how] {
			return how
		}
	}
	return ""
}

// last remembers what was read: each document is asked about several times.
var last = map[string]value{}

func read(text string) value {
	doc, ok := last[text]
	if !ok {
		if len(last) > 100 {
			clear(last)
		}
		doc = readJSON(text)
		last[text] = doc
	}
	return doc
}

func finds(q question, text, effect string, trust bool) string {
	doc := read(text)
	for _, st := range several(doc.member("Statement")) {
		if how := applies(q, st, doc.member("Version").text, effect, trust); how != "" {
			return how
		}
	}
	return ""
}

// applies says how a statement of the effect names the caller, or "" when it
// does not speak about the request.
func applies(q question, st value, version, effect string, trust bool) string {
	if st.member("Effect").text != effect {
		return ""
	}
	is, not := st.member("Action"), st.member("NotAction")
	if is.there && !oneAction(is, q.action) || not.there && oneAction(not, q.action) {
		return ""
	}
	vars := version == "2012-10-17"
	is, not = st.member("Resource"), st.member("NotResource")
	if is.there && !oneResource(is, q, vars) || not.there && oneResource(not, q, vars) {
		return ""
	}
	for _, op := range st.member("Condition").pairs {
		for _, key := range op.value.pairs {
			if !conditionHolds(op.name, key.name, several(key.value), q, vars) {
				return ""
			}
		}
	}
	is, not = st.member("Principal"), st.member("NotPrincipal")
	switch {
	case is.there:
		return names(q, is, trust && effect == "Allow")
	case not.there:
		if names(q, not, false) != "" {
			return ""
		}
		return "anyone"
	}
	return "caller"
}

func oneAction(list value, action string) bool {
	for _, v := range several(list) {
		if glob(strings.ToLower(v.text), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// names is section 3's Principal. closed: in a trust policy "*" admits no one
// but AWS principals.
func names(q question, p value, closed bool) string {
	aws := q.kind == "Account" || q.kind == "User" || q.kind == "AssumedRole" || q.kind == "FederatedUser"
	ways := map[string]bool{}
	anyone := func() {
		if aws || !closed {
			ways["anyone"] = true
		}
	}
	if p.text == "*" {
		anyone()
	}
	for _, m := range p.pairs {
		for _, v := range several(m.value) {
			switch m.name {
			case "AWS":
				switch {
				case v.text == "*":
					anyone()
				case !aws:
				case v.text == q.account || v.text == "arn:aws:iam::"+q.account+":root":
					ways["account"] = true
				case q.kind == "AssumedRole" && v.text == q.role:
					ways["role"] = true
				case q.kind != "Account" && v.text == q.arn:
					ways["caller"] = true
				}
			case "CanonicalUser":
				if aws && v.text == q.canon {
					ways["account"] = true
				}
			case "Federated":
				if q.kind == "WebIdentity" && v.text == q.names {
					ways["caller"] = true
				}
			case "Service":
				if q.kind == "Service" && v.text == q.names {
					ways["caller"] = true
				}
			}
		}
	}
	for _, how := range []string{"caller", "anyone", "role", "account"} {
		if ways[how] {
			return how
		}
	}
	return ""
}

// oneResource compares segment by segment. The five colons are the pattern's
// own, and variables stand behind the fifth.
func oneResource(list value, q question, vars bool) bool {
	for _, v := range several(list) {
		if v.text == "*" {
			return true
		}
		pattern, ok := substitute(v.text, q, vars, true)
		if ok && globARN(pattern, q.resource) {
			return true
		}
	}
	return false
}

// In a pattern after substitution, a backslash makes the next character
// literal: a "*" that came out of a variable is not a wildcard. The colons of a
// value are literal too, and part nothing.
func substitute(text string, q question, vars, wild bool) (pattern string, ok bool) {
	quote := func(s string) {
		for _, r := range s {
			pattern += `\` + string(r)
		}
	}
	for text != "" {
		if vars && strings.HasPrefix(text, "${") {
			end := strings.Index(text, "}")
			inside := text[2:end]
			text = text[end+1:]
			if inside == "*" || inside == "?" || inside == "$" {
				quote(inside)
				continue
			}
			key, fallback, has := strings.Cut(inside, ",")
			got := q.keys[strings.ToLower(strings.TrimSpace(key))]
			switch {
			case len(got) == 1:
				quote(got[0])
			case len(got) == 0 && has:
				quote(strings.Trim(strings.TrimSpace(fallback), "'"))
			default:
				return "", false
			}
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		if r == ':' || wild && (r == '*' || r == '?') {
			pattern += string(r)
		} else {
			quote(string(r))
		}
	}
	return pattern, true
}

func globARN(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	a := strings.SplitN(arn, ":", 6)
	var p []string
	from := 0
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\':
			i++
		case pattern[i] == ':' && len(p) < 5:
			p = append(p, pattern[from:i])
			from = i + 1
		}
	}
	p = append(p, pattern[from:])
	if len(p) == 1 { // a lone variable stands for a whole ARN
		return glob(pattern, arn)
	}
	if len(a) != 6 || len(p) != 6 {
		return false
	}
	for i := range a {
		if !glob(p[i], a[i]) {
			return false
		}
	}
	return true
}

// glob is the textbook table: fits[j] says that what was read of the pattern
// fits the first j characters of s.
func glob(pattern, s string) bool {
	text := []rune(s)
	fits := make([]bool, len(text)+1)
	fits[0] = true
	literal := false
	for _, r := range pattern {
		if r == '\\' && !literal {
			literal = true
			continue
		}
		next := make([]bool, len(text)+1)
		for j := range next {
			switch {
			case r == '*' && !literal:
				next[j] = fits[j] || j > 0 && next[j-1]
			case r == '?' && !literal:
				next[j] = j > 0 && fits[j-1]
			default:
				next[j] = j > 0 && fits[j-1] && text[j-1] == r
			}
		}
		fits, literal = next, false
	}
	return fits[len(text)]
}

// conditionHolds is section 4: one operator with one key.
func conditionHolds(op, key string, wanted []value, q question, vars bool) bool {
	got := q.keys[strings.ToLower(key)]
	if op == "Null" {
		for _, w := range wanted {
			if strings.EqualFold(w.text, "true") == (len(got) == 0) {
				return true
			}
		}
		return false
	}
	set, bare, found := strings.Cut(op, ":")
	if !found {
		set, bare = "", op
	}
	bare, ifExists := strings.CutSuffix(bare, "IfExists")
	negated := strings.Contains(bare, "Not")
	bare = strings.Replace(bare, "Not", "", 1)
	if len(got) == 0 {
		if ifExists || set == "ForAllValues" {
			return true
		}
		return negated && set != "ForAnyValue"
	}
	meets := func(have string) bool {
		any := false
		for _, w := range wanted {
			match, readable := compare(bare, have, w.text, q, vars)
			if !readable {
				return false // unparsable: false, negated or not
			}
			any = any || match
		}
		return any != negated
	}
	for _, have := range got {
		if set == "ForAllValues" && !meets(have) {
			return false
		}
		if set != "ForAllValues" && meets(have) {
			return true
		}
	}
	return set == "ForAllValues"
}

func compare(op, have, want string, q question, vars bool) (match, readable bool) {
	switch {
	case strings.HasPrefix(op, "String"):
		pattern, ok := substitute(want, q, vars, op == "StringLike")
		if op == "StringEqualsIgnoreCase" {
			pattern, have = strings.ToLower(pattern), strings.ToLower(have)
		}
		// Where wildcards are not, neither is anything else special.
		return ok && glob(pattern, have), true
	case strings.HasPrefix(op, "Arn"):
		pattern, ok := substitute(want, q, vars, true)
		return ok && globARN(pattern, have), true
	case op == "Bool":
		have = strings.ToLower(have)
		return have == strings.ToLower(want), have == "true" || have == "false"
	case op == "BinaryEquals":
		a, err := base64.StdEncoding.DecodeString(have)
		b, _ := base64.StdEncoding.DecodeString(want)
		return string(a) == string(b), err == nil
	case op == "IpAddress":
		if !strings.Contains(want, "/") {
			if strings.Contains(want, ":") {
				want += "/128"
			} else {
				want += "/32"
			}
		}
		_, network, _ := net.ParseCIDR(want)
		ip := net.ParseIP(have)
		return ip != nil && network.Contains(ip), true
	case strings.HasPrefix(op, "Numeric"):
		a, ok := decimal(have)
		b, _ := decimal(want)
		if !ok {
			return false, false
		}
		return inOrder(strings.TrimPrefix(op, "Numeric"), a.Cmp(b)), true
	default:
		a, ok := moment(have)
		b, _ := moment(want)
		if !ok {
			return false, false
		}
		return inOrder(strings.TrimPrefix(op, "Date"), a.Cmp(b)), true
	}
}

func inOrder(how string, sign int) bool {
	switch how {
	case "Equals":
		return sign == 0
	case "LessThan":
		return sign < 0
	case "LessThanEquals":
		return sign <= 0
	case "GreaterThan":
		return sign > 0
	}
	return sign >= 0
}

// decimal reads exactly, which is what "decimal" says.
func decimal(s string) (*big.Rat, bool) {
	if strings.ContainsAny(s, "/_xXpPbBoO ") || s == "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// moment reads seconds since 1970, exactly.
func moment(s string) (*big.Rat, bool) {
	for _, form := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"} {
		if t, err := time.Parse(form, s); err == nil {
			seconds := new(big.Rat).SetInt64(t.Unix())
			fraction, _ := new(big.Rat).SetString("0." + ninths(t.Nanosecond()))
			return seconds.Add(seconds, fraction), true
		}
	}
	return decimal(s)
}

func ninths(n int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", 9-len(s)) + s
}
