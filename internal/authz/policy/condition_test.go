package policy

import "testing"

func TestCondition(t *testing.T) {
	const k = "aws:k"
	has := func(values ...string) Context { return Context{k: values} }
	none := Context{}
	empty := Context{k: nil}
	user := func(name string, values ...string) Context {
		return Context{k: values, "aws:username": {name}, "aws:many": {"a", "b"}, "aws:void": {}}
	}
	for _, c := range []struct {
		op, values string // values is JSON
		ctx        Context
		want       bool
	}{
		{"StringEquals", `"a"`, has("a"), true},
		{"StringEquals", `"a"`, has("A"), false},
		{"StringEquals", `"a*"`, has("ab"), false},
		{"StringEquals", `"a*"`, has("a*"), true},
		{"StringEquals", `["a","b"]`, has("b"), true},
		{"StringEquals", `["a","b"]`, has("c"), false},
		{"StringEquals", `""`, has(""), true},
		{"StringEquals", `""`, none, false},
		{"StringEquals", `"a"`, none, false},
		{"StringEquals", `"a"`, empty, false},
		{"StringEquals", `"a"`, has("x", "a"), true}, // several values without a set operator: any
		{"StringEquals", `5`, has("5"), true},
		{"StringEquals", `true`, has("true"), true},
		{"StringNotEquals", `"a"`, has("b"), true},
		{"StringNotEquals", `"a"`, has("a"), false},
		{"StringNotEquals", `["a","b"]`, has("b"), false},
		{"StringNotEquals", `["a","b"]`, has("c"), true},
		{"StringNotEquals", `"a"`, none, true},
		{"StringNotEquals", `"a"`, empty, true},
		{"StringEqualsIgnoreCase", `"AbÉ"`, has("aBé"), true},
		{"StringEqualsIgnoreCase", `"ab"`, has("abc"), false},
		{"StringEqualsIgnoreCase", `"x-${aws:username}"`, user("Ann", "X-aNN"), true},
		{"StringNotEqualsIgnoreCase", `"AB"`, has("ab"), false},
		{"StringNotEqualsIgnoreCase", `"AB"`, has("c"), true},
		{"StringNotEqualsIgnoreCase", `"AB"`, none, true},
		{"StringLike", `"a*c"`, has("abbc"), true},
		{"StringLike", `"a?c"`, has("abc"), true},
		{"StringLike", `"a?c"`, has("abbc"), false},
		{"StringLike", `"A*"`, has("abc"), false},
		{"StringLike", `["x*","y*"]`, has("yes"), true},
		{"StringLike", `"*"`, has(""), true},
		{"StringLike", `"*"`, none, false},
		{"StringLike", `"a${*}"`, has("a*"), true},
		{"StringLike", `"a${*}"`, has("ab"), false},
		{"StringLike", `"a${?}${$}"`, has("a?$"), true},
		{"StringNotLike", `"a*"`, has("ab"), false},
		{"StringNotLike", `"a*"`, has("b"), true},
		{"StringNotLike", `"a*"`, none, true},

		{"StringEquals", `"${aws:username}"`, user("ann", "ann"), true},
		{"StringEquals", `"${AWS:UserName}"`, user("ann", "ann"), true},
		{"StringEquals", `"${aws:username}/x"`, user("ann", "ann/x"), true},
		{"StringEquals", `"${aws:username}"`, user("ann", "bob"), false},
		{"StringEquals", `"${aws:nobody}"`, user("ann", "ann"), false},
		{"StringEquals", `"${aws:nobody}"`, user("ann", ""), false},
		{"StringEquals", `["${aws:nobody}","ann"]`, user("ann", "ann"), true},
		{"StringNotEquals", `"${aws:nobody}"`, user("ann", "ann"), true},
		{"StringEquals", `"${aws:nobody, 'dflt'}"`, user("ann", "dflt"), true},
		{"StringEquals", `"${aws:void,'dflt'}"`, user("ann", "dflt"), true},
		{"StringEquals", `"${aws:username, 'dflt'}"`, user("ann", "dflt"), false},
		{"StringEquals", `"${aws:many}"`, user("ann", "a"), false},
		{"StringEquals", `"${aws:many, 'a'}"`, user("ann", "a"), false},
		{"StringLike", `"home/${aws:username}/*"`, user("ann", "home/ann/x"), true},
		{"StringLike", `"home/${aws:username}/*"`, user("*", "home/ann/x"), false},
		{"StringLike", `"home/${aws:username}/*"`, user("?nn", "home/ann/x"), false},
		{"StringLike", `"${aws:nobody, '*'}"`, user("ann", "ann"), false},
		{"StringLike", `"$5 $"`, has("$5 $"), true},

		{"NumericEquals", `"10"`, has("10"), true},
		{"NumericEquals", `10`, has("10.0"), true},
		{"NumericEquals", `"10"`, has("11"), false},
		{"NumericEquals", `"9007199254740993"`, has("9007199254740992"), false},
		{"NumericEquals", `"10"`, has("ten"), false},
		{"NumericEquals", `"10"`, has("NaN"), false},
		{"NumericEquals", `"10"`, has(""), false},
		{"NumericEquals", `"10"`, none, false},
		{"NumericNotEquals", `"10"`, has("11"), true},
		{"NumericNotEquals", `["10","11"]`, has("11"), false},
		{"NumericNotEquals", `"10"`, has("ten"), false},
		{"NumericNotEquals", `"10"`, none, true},
		{"NumericLessThan", `"10"`, has("9.5"), true},
		{"NumericLessThan", `"10"`, has("10"), false},
		{"NumericLessThanEquals", `"10"`, has("10"), true},
		{"NumericLessThanEquals", `"10"`, has("-3"), true},
		{"NumericLessThanEquals", `"10"`, has("10.01"), false},
		{"NumericGreaterThan", `"10"`, has("10.01"), true},
		{"NumericGreaterThan", `"10"`, has("10"), false},
		{"NumericGreaterThanEquals", `"10"`, has("10"), true},
		{"NumericGreaterThanEquals", `"10"`, has("9"), false},
		{"NumericGreaterThanEquals", `"10"`, none, false},

		{"DateEquals", `"2024-01-02T03:04:05Z"`, has("2024-01-02T03:04:05Z"), true},
		{"DateEquals", `"2024-01-02T03:04:05Z"`, has("2024-01-02T04:04:05+01:00"), true},
		{"DateEquals", `"2024-01-02T03:04:05Z"`, has("1704164645"), true},
		{"DateEquals", `1704164645`, has("2024-01-02T03:04:05Z"), true},
		{"DateEquals", `"2024-01-02"`, has("2024-01-02T00:00:00Z"), true},
		{"DateEquals", `"2024"`, has("2024-01-01T00:00:00Z"), true},
		{"DateEquals", `"2024-01"`, has("2024-01-01T00:00Z"), true},
		{"DateNotEquals", `"2024-01-02"`, has("2024-01-03"), true},
		{"DateNotEquals", `"2024-01-02"`, none, true},
		{"DateLessThan", `"2024-01-02T03:04:05Z"`, has("2024-01-02T03:04:04.999Z"), true},
		{"DateLessThan", `"2024-01-02T03:04:05Z"`, has("2024-01-02T03:04:05Z"), false},
		{"DateLessThanEquals", `"2024-01-02T03:04:05Z"`, has("2024-01-02T03:04:05Z"), true},
		{"DateGreaterThan", `"2024-01-02T03:04:05Z"`, has("2024-01-02T03:04:06Z"), true},
		{"DateGreaterThanEquals", `"2024-01-02T03:04:05Z"`, has("2024-01-02T03:04:04Z"), false},
		{"DateGreaterThan", `"2024-01-02T03:04:05Z"`, has("tomorrow"), false},
		{"DateLessThan", `"2024-01-02"`, none, false},

		{"Bool", `"true"`, has("true"), true},
		{"Bool", `"true"`, has("TRUE"), true},
		{"Bool", `true`, has("true"), true},
		{"Bool", `"True"`, has("false"), false},
		{"Bool", `"false"`, has("false"), true},
		{"Bool", `"false"`, has("no"), false},
		{"Bool", `"false"`, none, false},
		{"BoolIfExists", `"false"`, none, true},
		{"BoolIfExists", `"false"`, has("true"), false},
		{"BinaryEquals", `"QmluYXJ5"`, has("QmluYXJ5"), true},
		{"BinaryEquals", `"QmluYXJ5"`, has("QmluYXJ6"), false},
		{"BinaryEquals", `"QmluYXJ5"`, has("!"), false},
		{"BinaryEquals", `"QmluYXJ5"`, none, false},

		{"IpAddress", `"203.0.113.0/24"`, has("203.0.113.9"), true},
		{"IpAddress", `"203.0.113.7/24"`, has("203.0.113.9"), true},
		{"IpAddress", `"203.0.113.0/24"`, has("203.0.114.9"), false},
		{"IpAddress", `"203.0.113.9"`, has("203.0.113.9"), true},
		{"IpAddress", `"203.0.113.9"`, has("203.0.113.10"), false},
		{"IpAddress", `["10.0.0.0/8","2001:db8::/32"]`, has("2001:db8::1"), true},
		{"IpAddress", `"2001:db8::1"`, has("2001:DB8:0:0::1"), true},
		{"IpAddress", `"0.0.0.0/0"`, has("2001:db8::1"), false},
		{"IpAddress", `"203.0.113.9"`, has("::ffff:203.0.113.9"), true},
		{"IpAddress", `"203.0.113.9"`, has("203.0.113.9:80"), false},
		{"IpAddress", `"203.0.113.9"`, none, false},
		{"NotIpAddress", `"203.0.113.0/24"`, has("203.0.113.9"), false},
		{"NotIpAddress", `["10.0.0.0/8","203.0.113.0/24"]`, has("203.0.113.9"), false},
		{"NotIpAddress", `"203.0.113.0/24"`, has("198.51.100.1"), true},
		{"NotIpAddress", `"203.0.113.0/24"`, has("nonsense"), true},
		{"NotIpAddress", `"203.0.113.0/24"`, none, true},

		{"ArnLike", `"arn:aws:iam::123456789012:role/*"`, has("arn:aws:iam::123456789012:role/a/b"), true},
		{"ArnEquals", `"arn:aws:iam::123456789012:role/*"`, has("arn:aws:iam::123456789012:role/a"), true},
		{"ArnLike", `"arn:aws:iam::*:role/*"`, has("arn:aws:iam::123456789012:role/a"), true},
		{"ArnLike", `"arn:aws:iam::*:*"`, has("x"), false},
		{"ArnLike", `"arn:aws:*:::b"`, has("arn:aws:s3:::b"), true},
		{"ArnLike", `"arn:aws:iam:*:role/a:*"`, has("arn:aws:iam::123456789012:role/a"), false},
		{"ArnLike", `"arn:aws:iam::123456789012:role/a"`, has("arn:aws:iam::123456789012:role/A"), false},
		{"ArnLike", `"arn:aws:iam::123456789012:user/${aws:username}"`, user("ann", "arn:aws:iam::123456789012:user/ann"), true},
		{"ArnLike", `"arn:aws:iam::123456789012:user/${aws:username}"`, user("*", "arn:aws:iam::123456789012:user/ann"), false},
		{"ArnLike", `"${aws:username}"`, user("arn:aws:s3:::b", "arn:aws:s3:::b"), true},
		{"ArnLike", `"*"`, has("arn:aws:s3:::b"), true},
		{"ArnLike", `"arn:aws:s3:::*"`, none, false},
		{"ArnNotLike", `"arn:aws:s3:::*"`, has("arn:aws:s3:::b"), false},
		{"ArnNotEquals", `"arn:aws:s3:::a"`, has("arn:aws:s3:::b"), true},
		{"ArnNotLike", `"arn:aws:s3:::*"`, none, true},

		{"Null", `"true"`, none, true},
		{"Null", `"true"`, empty, true},
		{"Null", `"true"`, has("a"), false},
		{"Null", `"true"`, has(""), false},
		{"Null", `"false"`, has("a"), true},
		{"Null", `"false"`, none, false},
		{"Null", `"false"`, empty, false},
		{"Null", `["true","false"]`, none, true},

		{"StringEqualsIfExists", `"a"`, none, true},
		{"StringEqualsIfExists", `"a"`, has("a"), true},
		{"StringEqualsIfExists", `"a"`, has("b"), false},
		{"StringNotEqualsIfExists", `"a"`, none, true},
		{"StringNotEqualsIfExists", `"a"`, has("a"), false},
		{"NumericLessThanIfExists", `"5"`, none, true},
		{"NumericLessThanIfExists", `"5"`, has("6"), false},
		{"IpAddressIfExists", `"10.0.0.0/8"`, none, true},
		{"ArnLikeIfExists", `"arn:aws:s3:::*"`, none, true},
		{"ForAnyValue:StringEqualsIfExists", `"a"`, none, true},
		{"ForAllValues:StringEqualsIfExists", `"a"`, has("b"), false},

		{"ForAllValues:StringEquals", `["a","b"]`, has("a"), true},
		{"ForAllValues:StringEquals", `["a","b"]`, has("a", "b"), true},
		{"ForAllValues:StringEquals", `["a","b"]`, has("a", "c"), false},
		{"ForAllValues:StringEquals", `["a","b"]`, none, true},
		{"ForAllValues:StringEquals", `["a","b"]`, empty, true},
		{"ForAllValues:StringNotEquals", `["a","b"]`, has("c", "d"), true},
		{"ForAllValues:StringNotEquals", `["a","b"]`, has("c", "a"), false},
		{"ForAllValues:StringNotEquals", `["a","b"]`, none, true},
		{"ForAllValues:StringLike", `"a*"`, has("ab", "ac"), true},
		{"ForAllValues:NumericLessThan", `"5"`, has("1", "6"), false},
		{"ForAnyValue:StringEquals", `["a","b"]`, has("c", "b"), true},
		{"ForAnyValue:StringEquals", `["a","b"]`, has("c", "d"), false},
		{"ForAnyValue:StringEquals", `"a"`, none, false},
		{"ForAnyValue:StringEquals", `"a"`, empty, false},
		{"ForAnyValue:StringLike", `"authenticated"`, has("authenticated", "cognito-idp.x/p"), true},
		{"ForAnyValue:StringNotEquals", `["a","b"]`, has("a", "c"), true},
		{"ForAnyValue:StringNotEquals", `["a","b"]`, has("a", "b"), false},
		{"ForAnyValue:StringNotEquals", `"a"`, none, false},
		{"ForAnyValue:IpAddress", `"10.0.0.0/8"`, has("8.8.8.8", "10.1.1.1"), true},
	} {
		// The key is written in another case than the context's: keys ignore it.
		d := mustParse(t, doc(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+c.op+`":{"AWS:K":`+c.values+`}}`), IdentityKind)
		if got := d.statements[0].conditions[0].holds(c.ctx); got != c.want {
			t.Errorf("%s %s with %q = %v", c.op, c.values, c.ctx[k], got)
		}
	}
}

func TestCondition_andOverOperatorsAndKeys(t *testing.T) {
	d := mustParse(t, doc(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:a":"1","aws:b":"2"},"Bool":{"aws:c":"true"}}`), IdentityKind)
	for _, c := range []struct {
		ctx  Context
		want bool
	}{
		{Context{"aws:a": {"1"}, "aws:b": {"2"}, "aws:c": {"true"}}, true},
		{Context{"aws:a": {"1"}, "aws:b": {"x"}, "aws:c": {"true"}}, false},
		{Context{"aws:a": {"1"}, "aws:b": {"2"}, "aws:c": {"false"}}, false},
		{Context{"aws:a": {"1"}, "aws:b": {"2"}}, false},
	} {
		if got := Evaluate(&Request{Principal: ann, Action: "s3:x", Resource: "*", Context: c.ctx}, &Policies{Identity: []Source{{"p", d}}}); got.Allowed != c.want {
			t.Errorf("%v = %v", c.ctx, got)
		}
	}
}

// A negated operator is the complement of its positive one, whatever is asked,
// for the comparisons that can always be made.
func FuzzCondition(f *testing.F) {
	for _, s := range [][3]string{{"StringLike", "a*", "ab"}, {"IpAddress", "10.0.0.0/8", "10.1.1.1"}, {"DateEquals", "2024-01-01", "1"}, {"NumericEquals", "1e3", "1000"}, {"ArnLike", "arn:aws:s3:::*", "arn:aws:s3:::b"}, {"StringEquals", "${aws:v, 'x'}", "x"}} {
		f.Add(s[0], s[1], s[2], "v")
	}
	negation := map[string]string{"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "StringLike": "StringNotLike", "IpAddress": "NotIpAddress", "ArnLike": "ArnNotLike"}
	f.Fuzz(func(t *testing.T, op, wanted, got, variable string) {
		n := node{kind: stringNode, text: wanted}
		c, err := parseCondition(op, "aws:k", &n, true)
		if err != nil {
			return
		}
		ctx := Context{"aws:k": {got}, "aws:v": {variable}}
		met := c.holds(ctx)
		c.holds(Context{})
		if not, ok := negation[op]; ok {
			c, err := parseCondition(not, "aws:k", &n, true)
			if err != nil {
				t.Fatalf("%s parses, %s does not: %v", op, not, err)
			}
			if c.holds(ctx) == met {
				t.Errorf("%s and %s of %q with %q are both %v", op, not, wanted, got, met)
			}
		}
	})
}
