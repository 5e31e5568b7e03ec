package policydiff

import (
	"strconv"
	"strings"

	"gatehouse/internal/authz/policy"
)

// The generator draws from few words, so that policies and requests meet often:
// two random ARNs would nearly never.

// random is SplitMix64: a seed and nothing else decides all cases, on every
// version of Go.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) below(n int) int       { return int(r.next() % uint64(n)) }
func (r *random) chance(of100 int) bool { return r.below(100) < of100 }

func pick[T any](r *random, from []T) T { return from[r.below(len(from))] }

// some are one to most of a list, with repetitions.
func some(r *random, most int, draw func() string) []string {
	list := make([]string, 1+r.below(most))
	for i := range list {
		list[i] = draw()
	}
	return list
}

const (
	here  = "123456789012"
	there = "210987654321"
)

var (
	actions = []string{"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetObjectTagging", "ssm:GetParameter", "iam:PassRole", "S3:getobject", "sts:GetCallerIdentity"}

	actionPatterns = []string{"*", "s3:*", "s3:Get*", "S3:get*", "s3:?etObject", "s3:*Object", "s3:GetObject", "s3:PutObject", "s3:*t*", "ssm:Get*",
		"ssm:GetParameter", "iam:*", "iam:PassRole", "s3:GetObjec?", "s3:????Object", "sts:*"}

	resources = []string{"*", "arn:aws:s3:::b", "arn:aws:s3:::b/k", "arn:aws:s3:::b/ann/k", "arn:aws:s3:::b/*/k", "arn:aws:s3:::b/?", "arn:aws:s3:::b/a:b",
		"arn:aws:s3:::b/K", "arn:aws:s3:::b/é", "arn:aws:s3:::c/ann", "arn:aws:ssm:us-east-1:" + here + ":parameter/a/b",
		"arn:aws:ssm:eu-west-1:" + here + ":parameter/ann", "arn:aws:iam::" + here + ":role/svc/app", "arn:aws:s3:::b/red/k", "arn:aws:s3:::b/$/k", "arn:aws:s3:::b/${aws:username}/k"}

	resourcePatterns = []string{"*", "*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::*", "arn:aws:s3:::b/k", "arn:aws:s3:::b/?", "arn:aws:s3:::?/ann",
		"arn:aws:s3:::b/*/k", "arn:*:s3:*:*:b/*", "arn:aws:ssm:*:*:parameter/*", "arn:aws:ssm:us-*:" + here + ":parameter/a/*", "arn:aws:ssm:*:*:*",
		"arn:aws:ssm:us-east-?:*:parameter/a*b", "arn:aws:iam::*:role/*", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:username}/k",
		"arn:aws:s3:::b/${aws:PrincipalTag/Team, 'red'}/*", "arn:aws:s3:::b/${aws:PrincipalTag/Team}/k", "arn:aws:s3:::b/${*}/k", "arn:aws:s3:::b/${?}",
		"arn:aws:s3:::b/${$}/k", "arn:aws:s3:::b/*${aws:username}*", "arn:aws:ssm:*:*:parameter/${aws:username}", "arn:aws:s3:::${s3:prefix, 'b'}/*",
		"arn:aws:s3:::b/a:*", "arn:aws:s3:::b/${aws:TagKeys}/k", "arn:aws:s3:::b/**k", "arn:aws:s3:::b/*é", "arn:aws:s3:::b/${AWS:UserName}/?", "arn:aws:s3:*:*:*",
		"arn:aws:s3:::b/${aws:username}${aws:PrincipalTag/Team, ''}/k"}

	words   = []string{"ann", "red", "Red", "a", "b", "*", "?", "a*", "annab", "", "k", "$", "é", "É", "x/y", "true"}
	numbers = []string{"0", "1", "10", "-5", "9.5", "10.0", "1e1", "0.1", "1000000", "9007199254740993", "9007199254740992", "9007199254740993.0",
		"9223372036854775807", "9223372036854775808", "0.10", "+7", "0.1000000000000000000001"}
	instants = []string{"2024-01-02T03:04:05Z", "2024-01-02T05:04:05+02:00", "2024-01-02", "2024-01", "2024", "1704164645", "1704164645.5", "2024-01-02T03:04:05.5Z",
		"2024-01-02T03:04Z", "2030-01-01T00:00:00Z", "1700000000.1", "2023-11-14T22:13:20.1Z", "0"}
	addresses = []string{"203.0.113.7", "203.0.113.200", "10.1.2.3", "2001:db8::7", "2001:db8:1::1", "192.0.2.1"}
	networks  = []string{"203.0.113.0/24", "203.0.113.7", "203.0.113.7/25", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "2001:db8::7", "::/0", "192.0.2.1/32", "203.0.113.128/25"}
	arns      = []string{"arn:aws:iam::" + here + ":role/svc/app", "arn:aws:iam::" + here + ":user/ann", "arn:aws:s3:::b", "arn:aws:s3:::b/x:y", "arn:aws:sns:us-east-1:" + here + ":t", "nothing", "arn:aws:s3:::*"}
	arnGlobs  = []string{"*", "arn:aws:iam::*:role/*", "arn:aws:iam::" + here + ":user/ann", "arn:aws:s3:::b", "arn:aws:*:::b*", "arn:aws:s?:::*", "arn:aws:sns:*:*:t",
		"arn:aws:iam::" + here + ":user/${aws:username}", "arn:aws:iam:*:*:*", "arn:aws:s3:::${*}", "arn:*:*:*:*:*", "arn:aws:s3:::${aws:PrincipalTag/Team, 'b'}"}
	templates = []string{"${aws:username}", "${aws:username}*", "a${*}", "${?}", "${$}", "${aws:PrincipalTag/Team}", "${aws:PrincipalTag/Team, 'red'}", "*${aws:username}",
		"${s3:prefix}?", "?", "*", "a*", "*n*", "${aws:TagKeys}", "x/*", "${aws:nothing, '*'}", "${aws:nothing}"}
	flags  = []string{"true", "false", "TRUE", "False"}
	octets = []string{"YQ==", "Yg==", "AAE=", ""}
)

// family is condition operators of one type, the keys that they are asked of,
// and the values of requests and policies.
type family struct {
	operators []string
	keys      []string
	request   []string
	policy    []string
}

var families = []family{
	{[]string{"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"},
		[]string{"aws:username", "aws:PrincipalTag/Team", "s3:prefix", "aws:TagKeys", "aws:RequestTag/K"}, words, append(templates, words...)},
	{[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
		[]string{"s3:max-keys", "aws:MultiFactorAuthAge", "aws:Counts"}, append([]string{"ten", "", "0x10", "1_0"}, numbers...), numbers},
	{[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"},
		[]string{"aws:CurrentTime", "aws:TokenIssueTime", "aws:Times"}, append([]string{"soon"}, instants...), instants},
	{[]string{"Bool"}, []string{"aws:SecureTransport", "aws:MultiFactorAuthPresent", "aws:Flags"}, append([]string{"yes", ""}, flags...), flags},
	{[]string{"BinaryEquals"}, []string{"aws:Octets"}, append([]string{"!"}, octets...), octets},
	{[]string{"IpAddress", "NotIpAddress"}, []string{"aws:SourceIp", "aws:Hops"}, append([]string{"somewhere"}, addresses...), networks},
	{[]string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}, []string{"aws:PrincipalArn", "aws:SourceArn", "aws:Arns"}, arns, arnGlobs},
}

// document writes a valid policy of a kind.
func document(r *random, kind policy.Kind) string {
	version := pick(r, []string{`"Version":"2012-10-17",`, `"Version":"2012-10-17",`, `"Version":"2012-10-17", `, `"Version":"2008-10-17",`, ""})
	statements := make([]string, 1+r.below(3))
	for i := range statements {
		statements[i] = statement(r, kind, strings.Contains(version, "2012"))
	}
	list := strings.Join(statements, ", ")
	if len(statements) > 1 || r.chance(50) {
		list = "[" + list + "]"
	}
	return "{" + version + `"Statement":` + list + "}"
}

func statement(r *random, kind policy.Kind, vars bool) string {
	effect := "Allow"
	if r.chance(25) {
		effect = "Deny"
	}
	parts := []string{`"Effect":"` + effect + `"`}
	name := "Action"
	if r.chance(15) {
		name = "NotAction"
	}
	draw := func() string { return pick(r, actionPatterns) }
	if kind == policy.TrustKind {
		draw = func() string {
			return pick(r, []string{"sts:AssumeRole", "sts:*", "sts:AssumeRole*", "sts:TagSession"})
		}
	}
	parts = append(parts, `"`+name+`":`+array(r, some(r, 3, draw)))
	if kind != policy.TrustKind {
		name = "Resource"
		if r.chance(15) {
			name = "NotResource"
		}
		parts = append(parts, `"`+name+`":`+array(r, some(r, 3, func() string { return pick(r, resourcePatterns) })))
	}
	if kind == policy.TrustKind || kind == policy.ResourceKind {
		name = "Principal"
		if effect == "Deny" && kind == policy.ResourceKind && r.chance(40) {
			name = "NotPrincipal"
		}
		parts = append(parts, `"`+name+`":`+principal(r, kind))
	}
	if r.chance(45) {
		parts = append(parts, `"Condition":`+condition(r, vars))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func principal(r *random, kind policy.Kind) string {
	if r.chance(20) {
		return `"*"`
	}
	var members []string
	for i, m := range []struct {
		name   string
		values []string
	}{
		{"AWS", []string{"*", here, there, "arn:aws:iam::" + here + ":root", "arn:aws:iam::" + there + ":root", "arn:aws:iam::" + here + ":user/ann",
			"arn:aws:iam::" + here + ":user/bob", "arn:aws:iam::" + there + ":user/far", "arn:aws:iam::" + here + ":role/svc/app",
			"arn:aws:sts::" + here + ":assumed-role/app/s1", "arn:aws:sts::" + here + ":federated-user/ann"}},
		{"Service", []string{"lambda.amazonaws.com", "ssm.amazonaws.com"}},
		{"Federated", []string{"cognito-identity.amazonaws.com", "accounts.google.com"}},
		{"CanonicalUser", []string{"0a1b", "ffff"}},
	} {
		if m.name == "CanonicalUser" && kind == policy.TrustKind || i > 0 && !r.chance(20) {
			continue
		}
		members = append(members, `"`+m.name+`":`+array(r, some(r, 3, func() string { return pick(r, m.values) })))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func condition(r *random, vars bool) string {
	var operators []string
	seen := map[string]bool{}
	for range 1 + r.below(2) {
		f := pick(r, families)
		op := pick(r, f.operators)
		if r.chance(8) {
			op = "Null"
		} else {
			if r.chance(25) {
				op += "IfExists"
			}
			op = pick(r, []string{"", "", "ForAllValues:", "ForAnyValue:"}) + op
		}
		if seen[op] {
			continue
		}
		seen[op] = true
		var keys []string
		used := map[string]bool{}
		for range 1 + r.below(2) {
			key := pick(r, f.keys)
			if used[key] {
				continue
			}
			used[key] = true
			shown := key
			if r.chance(20) {
				shown = strings.ToUpper(key)
			}
			draw := func() string { return pick(r, f.policy) }
			switch {
			case op == "Null":
				draw = func() string { return pick(r, flags) }
			case strings.Contains(op, "Arn") && vars && r.chance(10):
				draw = func() string { return "${aws:PrincipalArn}" }
			}
			keys = append(keys, strconv.Quote(shown)+":"+array(r, some(r, 3, draw)))
		}
		operators = append(operators, `"`+op+`":{`+strings.Join(keys, ",")+"}")
	}
	return "{" + strings.Join(operators, ",") + "}"
}

func array(r *random, list []string) string {
	if len(list) == 1 && r.chance(50) {
		return strconv.Quote(list[0])
	}
	for i := range list {
		list[i] = strconv.Quote(list[i])
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// callers are everybody who may ask, in both evaluators' words.
var callers = []policy.Principal{
	{Type: policy.User, Account: here, ARN: "arn:aws:iam::" + here + ":user/ann", CanonicalID: "0a1b"},
	{Type: policy.User, Account: here, ARN: "arn:aws:iam::" + here + ":user/bob", CanonicalID: "0a1b"},
	{Type: policy.AssumedRole, Account: here, ARN: "arn:aws:sts::" + here + ":assumed-role/app/s1", RoleARN: "arn:aws:iam::" + here + ":role/svc/app", CanonicalID: "0a1b"},
	{Type: policy.FederatedUser, Account: here, ARN: "arn:aws:sts::" + here + ":federated-user/ann", CanonicalID: "0a1b"},
	{Type: policy.User, Account: there, ARN: "arn:aws:iam::" + there + ":user/far", CanonicalID: "ffff"},
	{Type: policy.Account, Account: here, ARN: "arn:aws:iam::" + here + ":root", CanonicalID: "0a1b"},
	{Type: policy.Account, Account: there, ARN: "arn:aws:iam::" + there + ":root", CanonicalID: "ffff"},
	{Type: policy.Anonymous},
}

// bearers may ask a trust policy as well.
var bearers = append([]policy.Principal{
	{Type: policy.WebIdentity, Provider: "cognito-identity.amazonaws.com"},
	{Type: policy.Service, ServiceName: "lambda.amazonaws.com"},
}, callers[:7]...)

// keys are the condition keys of a request.
func keys(r *random) policy.Context {
	c := policy.Context{}
	for _, f := range families {
		for i, key := range f.keys {
			switch {
			case r.chance(35): // absent
			case r.chance(5):
				c[strings.ToLower(key)] = []string{}
			case i == len(f.keys)-1 || key == "aws:TagKeys": // multivalued
				c[strings.ToLower(key)] = some(r, 3, func() string { return pick(r, f.request) })
			default:
				c[strings.ToLower(key)] = []string{pick(r, f.request)}
			}
		}
	}
	return c
}
