package policy

import (
	"errors"
	"strings"
	"testing"
)

// doc wraps statements, given as the inside of their braces, in a document.
func doc(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[{` + strings.Join(statements, "},{") + `}]}`
}

func mustParse(tb testing.TB, text string, kind Kind) *Document {
	tb.Helper()
	d, err := Parse(text, kind)
	if err != nil {
		tb.Fatalf("Parse(%s): %v", text, err)
	}
	return d
}

func TestParse(t *testing.T) {
	const (
		ok  = ""
		st  = `"Effect":"Allow","Action":"s3:*","Resource":"*"`
		as  = `"Effect":"Allow","Action":"sts:AssumeRole"`
		bkt = `"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"`
	)
	principal := func(p string) string { return doc(bkt + `,"Principal":` + p) }
	condition := func(c string) string { return doc(st + `,"Condition":` + c) }
	invalid := func(kind, value string) string {
		return `Invalid principal in policy: "` + kind + `":"` + value + `"`
	}
	for _, c := range []struct {
		name string
		kind Kind
		text string
		want string // the error's message
	}{
		{"simple", IdentityKind, doc(st), ok},
		{"session", SessionKind, doc(st), ok},
		{"no version", IdentityKind, `{"Statement":{` + st + `}}`, ok},
		{"old version", IdentityKind, `{"Version":"2008-10-17","Statement":[{` + st + `}]}`, ok},
		{"id", IdentityKind, `{"Version":"2012-10-17","Id":"x","Statement":[{` + st + `}]}`, ok},
		{"white space", IdentityKind, " \t\r\n" + doc(st) + "\n", ok},
		{"lists", IdentityKind, doc(`"Effect":"Deny","NotAction":["s3:Get*","iam:*"],"NotResource":["arn:aws:s3:::a","arn:aws:s3:::b/*"]`), ok},
		{"two sids", IdentityKind, doc(`"Sid":"a",`+st, `"Sid":"b",`+st), ok},
		{"two empty sids", IdentityKind, doc(`"Sid":"",`+st, `"Sid":"",`+st), ok},
		{"latin-1", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/é"`), ok},
		{"escape above latin-1", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/\u4e00"`), ok},
		{"condition numbers and booleans", IdentityKind, condition(`{"NumericEquals":{"s3:max-keys":10},"Bool":{"aws:SecureTransport":true},"Null":{"aws:a":false}}`), ok},
		{"empty condition", IdentityKind, condition(`{}`), ok},

		{"empty", IdentityKind, ``, msgSyntax},
		{"not JSON", IdentityKind, `{`, msgSyntax},
		{"array", IdentityKind, `[]`, msgSyntax},
		{"string", IdentityKind, `"x"`, msgSyntax},
		{"two values", IdentityKind, doc(st) + `{}`, msgSyntax},
		{"trailing brace", IdentityKind, doc(st) + `}`, msgSyntax},
		{"trailing comma", IdentityKind, `{"Statement":[{` + st + `},]}`, msgSyntax},
		{"comment", IdentityKind, doc(st) + `// x`, msgSyntax},
		{"single quotes", IdentityKind, `{'Statement':[]}`, msgSyntax},
		{"byte order mark", IdentityKind, "\ufeff" + doc(st), msgSyntax},
		{"above latin-1", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/一"`), msgSyntax},
		{"above latin-1 in a bucket policy", ResourceKind, doc(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/一"`), ok},
		{"control character", IdentityKind, doc(st) + "\x00", msgSyntax},
		{"not UTF-8", ResourceKind, doc(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/` + "\xff" + `"`), msgSyntax},
		{"deep", IdentityKind, `{"Statement":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, msgSyntax},
		{"deep objects", IdentityKind, strings.Repeat(`{"Statement":`, 10000), msgSyntax},
		{"no statement", IdentityKind, `{"Version":"2012-10-17"}`, msgSyntax},
		{"empty statement list", IdentityKind, `{"Version":"2012-10-17","Statement":[]}`, msgSyntax},
		{"statement null", IdentityKind, `{"Statement":null}`, msgSyntax},
		{"statement text", IdentityKind, `{"Statement":"x"}`, msgSyntax},
		{"nested list", IdentityKind, `{"Statement":[[{` + st + `}]]}`, msgSyntax},
		{"empty statement", IdentityKind, doc(``), "Missing required field Effect"},
		{"unknown top element", IdentityKind, `{"Statement":{` + st + `},"Extra":1}`, msgSyntax},
		{"unknown element", IdentityKind, doc(st + `,"Conditions":{}`), msgSyntax},
		{"case of element", IdentityKind, doc(`"effect":"Allow","Action":"s3:*","Resource":"*"`), msgSyntax},
		{"case of top element", IdentityKind, `{"statement":{` + st + `}}`, msgSyntax},
		{"duplicate element", IdentityKind, doc(`"Effect":"Deny",` + st), msgSyntax},
		{"duplicate by escape", IdentityKind, doc(`"\u0045ffect":"Deny",` + st), msgSyntax},
		{"duplicate statement", IdentityKind, `{"Statement":{` + st + `},"Statement":{` + st + `}}`, msgSyntax},
		{"duplicate condition key", IdentityKind, condition(`{"StringEquals":{"aws:a":"1","aws:a":"2"}}`), msgSyntax},
		{"duplicate operator", IdentityKind, condition(`{"StringEquals":{"aws:a":"1"},"StringEquals":{"aws:b":"1"}}`), msgSyntax},
		{"future version", IdentityKind, `{"Version":"2020-01-01","Statement":{` + st + `}}`, msgVersion},
		{"version number", IdentityKind, `{"Version":2012,"Statement":{` + st + `}}`, msgSyntax},
		{"id number", IdentityKind, `{"Id":1,"Statement":{` + st + `}}`, msgSyntax},
		{"effect case", IdentityKind, doc(`"Effect":"allow","Action":"s3:*","Resource":"*"`), msgSyntax},
		{"effect list", IdentityKind, doc(`"Effect":["Allow"],"Action":"s3:*","Resource":"*"`), msgSyntax},
		{"effect missing", IdentityKind, doc(`"Action":"s3:*","Resource":"*"`), "Missing required field Effect"},
		{"sid twice", IdentityKind, doc(`"Sid":"a",`+st, `"Sid":"a",`+st), msgSidUnique},
		{"sid with space", IdentityKind, doc(`"Sid":"a b",` + st), msgSidChars},
		{"sid with space in a bucket policy", ResourceKind, doc(`"Sid":"a b","Principal":"*",` + bkt), ok},
		{"sid number", IdentityKind, doc(`"Sid":1,` + st), msgSyntax},

		{"no action", IdentityKind, doc(`"Effect":"Allow","Resource":"*"`), msgNoActions},
		{"empty action list", IdentityKind, doc(`"Effect":"Allow","Action":[],"Resource":"*"`), msgNoActions},
		{"action and not action", IdentityKind, doc(st + `,"NotAction":"s3:*"`), msgSyntax},
		{"action number", IdentityKind, doc(`"Effect":"Allow","Action":1,"Resource":"*"`), msgSyntax},
		{"action null", IdentityKind, doc(`"Effect":"Allow","Action":null,"Resource":"*"`), msgSyntax},
		{"action object", IdentityKind, doc(`"Effect":"Allow","Action":{},"Resource":"*"`), msgSyntax},
		{"action star", IdentityKind, doc(`"Effect":"Allow","Action":"*","Resource":"*"`), ok},
		{"action without vendor", IdentityKind, doc(`"Effect":"Allow","Action":"GetObject","Resource":"*"`), msgVendor},
		{"action with empty vendor", IdentityKind, doc(`"Effect":"Allow","Action":":Get","Resource":"*"`), msgVendor},
		{"empty action", IdentityKind, doc(`"Effect":"Allow","Action":"","Resource":"*"`), msgVendor},
		{"vendor wildcard", IdentityKind, doc(`"Effect":"Allow","Action":"s*:Get","Resource":"*"`), msgLegacy},
		{"empty action name", IdentityKind, doc(`"Effect":"Allow","Action":"s3:","Resource":"*"`), msgLegacy},
		{"action with space", IdentityKind, doc(`"Effect":"Allow","Action":"s3:Get Object","Resource":"*"`), msgLegacy},
		{"vendor with hyphen", IdentityKind, doc(`"Effect":"Allow","Action":"cognito-idp:Admin?et*","Resource":"*"`), ok},

		{"no resource", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*"`), msgNoResources},
		{"empty resource list", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":[]`), msgNoResources},
		{"resource and not resource", IdentityKind, doc(st + `,"NotResource":"*"`), msgSyntax},
		{"resource number", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":[1]`), msgSyntax},
		{"resource not an ARN", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"mybucket"`), `Resource mybucket must be in ARN format or "*".`},
		{"resource of five parts", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3::b"`), `Resource arn:aws:s3::b must be in ARN format or "*".`},
		{"resource empty", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":""`), `Resource  must be in ARN format or "*".`},
		{"resource service wildcard", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:*:::b"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"variable in resource", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${aws:PrincipalTag/t, 'd'}/${*}"`), ok},
		{"variable in account", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3::${aws:PrincipalAccount}:b"`), `Resource arn:aws:s3::${aws:PrincipalAccount}:b must be in ARN format or "*".`},
		{"unclosed variable", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username"`), msgLegacy},
		{"empty variable", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${}"`), msgLegacy},
		{"variable in variable", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${a${b}}"`), msgLegacy},
		{"unquoted default", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:a, d}"`), msgLegacy},
		{"unclosed default", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:a, 'd}"`), msgLegacy},
		{"default of a character", IdentityKind, doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${*, 'd'}"`), msgLegacy},
		{"unclosed variable, old version", IdentityKind, `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username"}}`, ok},

		{"condition list", IdentityKind, condition(`[]`), msgSyntax},
		{"unknown operator", IdentityKind, condition(`{"StringMatches":{"aws:a":"b"}}`), msgSyntax},
		{"unknown operator without key", IdentityKind, condition(`{"StringMatches":{}}`), msgSyntax},
		{"operator case", IdentityKind, condition(`{"stringEquals":{"aws:a":"b"}}`), msgSyntax},
		{"operator with text", IdentityKind, condition(`{"StringEquals":"b"}`), msgSyntax},
		{"key without vendor", IdentityKind, condition(`{"StringEquals":{"username":"b"}}`), msgVendor},
		{"no values", IdentityKind, condition(`{"StringEquals":{"aws:a":[]}}`), msgSyntax},
		{"null value", IdentityKind, condition(`{"StringEquals":{"aws:a":null}}`), msgSyntax},
		{"object value", IdentityKind, condition(`{"StringEquals":{"aws:a":{}}}`), msgSyntax},
		{"IfExists", IdentityKind, condition(`{"StringEqualsIfExists":{"aws:a":"b"}}`), ok},
		{"set and IfExists", IdentityKind, condition(`{"ForAnyValue:StringLikeIfExists":{"aws:a":"b"}}`), ok},
		{"two sets", IdentityKind, condition(`{"ForAnyValue:ForAllValues:StringLike":{"aws:a":"b"}}`), msgSyntax},
		{"set case", IdentityKind, condition(`{"forAnyValue:StringLike":{"aws:a":"b"}}`), msgSyntax},
		{"NullIfExists", IdentityKind, condition(`{"NullIfExists":{"aws:a":"true"}}`), msgSyntax},
		{"set of Null", IdentityKind, condition(`{"ForAnyValue:Null":{"aws:a":"true"}}`), msgSyntax},
		{"IfExists twice", IdentityKind, condition(`{"BoolIfExistsIfExists":{"aws:a":"true"}}`), msgSyntax},
		{"bad Null", IdentityKind, condition(`{"Null":{"aws:a":"maybe"}}`), msgSyntax},
		{"bad Bool", IdentityKind, condition(`{"Bool":{"aws:a":"yes"}}`), msgSyntax},
		{"bad number", IdentityKind, condition(`{"NumericEquals":{"aws:a":"ten"}}`), msgSyntax},
		{"hexadecimal", IdentityKind, condition(`{"NumericEquals":{"aws:a":"0x10"}}`), msgSyntax},
		{"infinity", IdentityKind, condition(`{"NumericEquals":{"aws:a":"Inf"}}`), msgSyntax},
		{"bad date", IdentityKind, condition(`{"DateEquals":{"aws:a":"yesterday"}}`), msgSyntax},
		{"bad address", IdentityKind, condition(`{"IpAddress":{"aws:SourceIp":"300.1.1.1"}}`), msgSyntax},
		{"bad range", IdentityKind, condition(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}`), msgSyntax},
		{"bad binary", IdentityKind, condition(`{"BinaryEquals":{"aws:a":"!"}}`), msgSyntax},
		{"bad arn", IdentityKind, condition(`{"ArnLike":{"aws:a":"role/x"}}`), msgSyntax},
		{"arn star", IdentityKind, condition(`{"ArnLike":{"aws:a":"*"}}`), ok},
		{"arn variable", IdentityKind, condition(`{"ArnLike":{"aws:a":"${aws:PrincipalArn}"}}`), ok},
		{"bad variable", IdentityKind, condition(`{"StringEquals":{"aws:a":"${b"}}`), msgSyntax},

		{"principal in identity", IdentityKind, doc(st + `,"Principal":"*"`), msgPrincipal},
		{"not principal in identity", IdentityKind, doc(st + `,"NotPrincipal":"*"`), msgPrincipal},
		{"principal in session", SessionKind, doc(st + `,"Principal":"*"`), msgPrincipal},
		{"bucket without principal", ResourceKind, doc(bkt), "Missing required field Principal"},
		{"star", ResourceKind, principal(`"*"`), ok},
		{"AWS star", ResourceKind, principal(`{"AWS":"*"}`), ok},
		{"account", ResourceKind, principal(`{"AWS":"123456789012"}`), ok},
		{"root", ResourceKind, principal(`{"AWS":"arn:aws:iam::123456789012:root"}`), ok},
		{"user with path", ResourceKind, principal(`{"AWS":"arn:aws:iam::123456789012:user/a/b"}`), ok},
		{"role and session", ResourceKind, principal(`{"AWS":["arn:aws:iam::123456789012:role/r","arn:aws:sts::123456789012:assumed-role/r/s"]}`), ok},
		{"federated user", ResourceKind, principal(`{"AWS":"arn:aws:sts::123456789012:federated-user/n"}`), ok},
		{"all kinds", ResourceKind, principal(`{"AWS":"*","Service":"lambda.amazonaws.com","Federated":"cognito-identity.amazonaws.com","CanonicalUser":"79a59d"}`), ok},
		{"principal text", ResourceKind, principal(`"arn:aws:iam::123456789012:root"`), msgSyntax},
		{"principal list", ResourceKind, principal(`["*"]`), msgSyntax},
		{"principal empty object", ResourceKind, principal(`{}`), msgSyntax},
		{"principal empty list", ResourceKind, principal(`{"AWS":[]}`), msgSyntax},
		{"principal number", ResourceKind, principal(`{"AWS":123456789012}`), msgSyntax},
		{"principal unknown kind", ResourceKind, principal(`{"Aws":"*"}`), msgSyntax},
		{"short account", ResourceKind, principal(`{"AWS":"12345678901"}`), invalid("AWS", "12345678901")},
		{"partial wildcard", ResourceKind, principal(`{"AWS":"arn:aws:iam::123456789012:role/*"}`), invalid("AWS", "arn:aws:iam::123456789012:role/*")},
		{"session wildcard", ResourceKind, principal(`{"AWS":"arn:aws:sts::123456789012:assumed-role/r/*"}`), invalid("AWS", "arn:aws:sts::123456789012:assumed-role/r/*")},
		{"session without name", ResourceKind, principal(`{"AWS":"arn:aws:sts::123456789012:assumed-role/r"}`), invalid("AWS", "arn:aws:sts::123456789012:assumed-role/r")},
		{"group", ResourceKind, principal(`{"AWS":"arn:aws:iam::123456789012:group/g"}`), invalid("AWS", "arn:aws:iam::123456789012:group/g")},
		{"root with path", ResourceKind, principal(`{"AWS":"arn:aws:iam::123456789012:root/x"}`), invalid("AWS", "arn:aws:iam::123456789012:root/x")},
		{"unique id", ResourceKind, principal(`{"AWS":"AIDAEXAMPLEEXAMPLE234"}`), invalid("AWS", "AIDAEXAMPLEEXAMPLE234")},
		{"bucket as principal", ResourceKind, principal(`{"AWS":"arn:aws:s3:::b"}`), invalid("AWS", "arn:aws:s3:::b")},
		{"service star", ResourceKind, principal(`{"Service":"*"}`), invalid("Service", "*")},
		{"federated star", ResourceKind, principal(`{"Federated":"*"}`), invalid("Federated", "*")},
		{"not principal, deny", ResourceKind, doc(`"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"`), ok},
		{"not principal, allow", ResourceKind, doc(`"Effect":"Allow","NotPrincipal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"`), msgSyntax},
		{"both principals", ResourceKind, doc(`"Effect":"Deny","Principal":"*","NotPrincipal":"*","Action":"s3:*","Resource":"*"`), msgSyntax},
		{"bucket without version", ResourceKind, `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`, ok},

		{"trust", TrustKind, doc(as + `,"Principal":{"Federated":"cognito-identity.amazonaws.com"}`), ok},
		{"trust service", TrustKind, doc(as + `,"Principal":{"Service":"lambda.amazonaws.com"}`), ok},
		{"trust provider arn", TrustKind, doc(as + `,"Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example/pool"}`), ok},
		{"trust without principal", TrustKind, doc(as), "Missing required field Principal"},
		{"trust with resource", TrustKind, doc(as + `,"Principal":"*","Resource":"*"`), "Has prohibited field Resource"},
		{"trust with not resource", TrustKind, doc(as + `,"Principal":"*","NotResource":"*"`), "Has prohibited field NotResource"},
		{"trust with not principal", TrustKind, doc(`"Effect":"Deny","Action":"sts:*","NotPrincipal":"*"`), "Has prohibited field NotPrincipal"},
		{"trust without action", TrustKind, doc(`"Effect":"Allow","Principal":"*"`), msgNoActions},
		{"trust other action", TrustKind, doc(`"Effect":"Allow","Principal":"*","Action":"s3:*"`), msgTrustAction},
		{"trust canonical user", TrustKind, doc(as + `,"Principal":{"CanonicalUser":"79a59d"}`), invalid("CanonicalUser", "79a59d")},
	} {
		_, err := Parse(c.text, c.kind)
		got := ""
		if err != nil {
			got = err.Error()
			if syntax := (*SyntaxError)(nil); !errors.As(err, &syntax) {
				t.Errorf("%s: error of type %T", c.name, err)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDocument_accessors(t *testing.T) {
	d := mustParse(t, `{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"a","Effect":"Deny","Principal":"*","NotAction":"s3:*","NotResource":["arn:aws:s3:::b"]}]}`, ResourceKind)
	st := d.Statements()
	if d.ID() != "i" || d.Version() != "2012-10-17" || d.Kind() != ResourceKind || len(st) != 1 ||
		st[0].Sid != "a" || st[0].Effect != Deny || st[0].NotActions[0] != "s3:*" || st[0].NotResources[0] != "arn:aws:s3:::b" || st[0].Actions != nil {
		t.Errorf("got %+v", st)
	}
	if n := CountCharacters(" {\n\t\"é\" : 1\r}"); n != 7 {
		t.Errorf("CountCharacters = %d", n)
	}
}

func TestIsPublic(t *testing.T) {
	const bkt = `"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`
	for _, c := range []struct {
		name, statement string
		want            bool
	}{
		{"star", bkt + `,"Principal":"*"`, true},
		{"AWS star", bkt + `,"Principal":{"AWS":"*"}`, true},
		{"federated", bkt + `,"Principal":{"Federated":"cognito-identity.amazonaws.com"}`, true},
		{"account", bkt + `,"Principal":{"AWS":"123456789012"}`, false},
		{"service", bkt + `,"Principal":{"Service":"lambda.amazonaws.com"}`, false},
		{"deny", `"Effect":"Deny","Action":"s3:*","Resource":"*","Principal":"*"`, false},
		{"source ip", bkt + `,"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, false},
		{"everybody's ip", bkt + `,"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, true},
		{"half of the internet", bkt + `,"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","128.0.0.0/1"]}}`, true},
		{"wide v6", bkt + `,"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"2000::/3"}}`, true},
		{"not ip", bkt + `,"Principal":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, true},
		{"source account", bkt + `,"Principal":"*","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}`, false},
		{"source account if exists", bkt + `,"Principal":"*","Condition":{"StringEqualsIfExists":{"aws:SourceAccount":"123456789012"}}`, true},
		{"for all values", bkt + `,"Principal":"*","Condition":{"ForAllValues:StringEquals":{"aws:SourceAccount":"123456789012"}}`, true},
		{"wildcard", bkt + `,"Principal":"*","Condition":{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`, true},
		{"like without wildcard", bkt + `,"Principal":"*","Condition":{"StringLike":{"aws:PrincipalOrgID":"o-1"}}`, false},
		{"variable", bkt + `,"Principal":"*","Condition":{"StringEquals":{"aws:userid":"${aws:userid}"}}`, true},
		{"arn", bkt + `,"Principal":"*","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:cloudfront::123456789012:distribution/E1"}}`, false},
		{"arn wildcard", bkt + `,"Principal":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:cloudfront::123456789012:*"}}`, true},
		{"referer", bkt + `,"Principal":"*","Condition":{"StringEquals":{"aws:Referer":"https://example.com/"}}`, true},
		{"null", bkt + `,"Principal":"*","Condition":{"Null":{"aws:SourceVpc":"false"}}`, true},
		{"and a fixed one", bkt + `,"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:SourceVpce":"vpce-1"}}`, false},
	} {
		d := mustParse(t, doc(c.statement), ResourceKind)
		if got := IsPublic(d); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
