package pool

import (
	"testing"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/store"
)

// TestSecretHash is the vector of auth-flows.md, section 2.
func TestSecretHash(t *testing.T) {
	const secret, want = "9example8secret7example6secret5example4secret3exam", "ssg41dKC6kYzORz0m3z7Ir85jCiGrWcmrl8WGVncZEI="
	if got := SecretHash(secret, "testuser", "1example23456789abcdefghij"); got != want {
		t.Fatalf("got %s", got)
	}
	c := &Client{ID: "1example23456789abcdefghij", Secrets: []Secret{{Value: "other"}, {Value: secret}}}
	for _, row := range []struct {
		name, hash string
		names      []string
		ok         bool
	}{
		{"right", want, []string{"testuser"}, true},
		{"for the resolved name", want, []string{"alias@example.com", "testuser"}, true},
		{"another user's", want, []string{"someone"}, false},
		{"missing", "", []string{"testuser"}, false},
		{"garbage", "x", []string{"testuser"}, false},
	} {
		if err := c.CheckSecretHash(row.hash, true, row.names...); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	if err := (&Client{}).CheckSecretHash(want, true, "testuser"); err == nil {
		t.Error("a hash for a client without a secret must be refused")
	}
}

func TestAllows(t *testing.T) {
	type F = cognitoidp.ExplicitAuthFlowsType
	for _, c := range []struct {
		have []F
		ask  F
		want bool
	}{
		{[]F{"ALLOW_USER_SRP_AUTH"}, "ALLOW_USER_SRP_AUTH", true},
		{[]F{"ALLOW_USER_SRP_AUTH"}, "ALLOW_REFRESH_TOKEN_AUTH", false},
		{[]F{"ALLOW_USER_SRP_AUTH"}, "ALLOW_USER_PASSWORD_AUTH", false},
		{[]F{"ADMIN_NO_SRP_AUTH"}, "ALLOW_ADMIN_USER_PASSWORD_AUTH", true},
		{[]F{"ADMIN_NO_SRP_AUTH"}, "ALLOW_REFRESH_TOKEN_AUTH", true},
		{[]F{"ADMIN_NO_SRP_AUTH"}, "ALLOW_USER_SRP_AUTH", true},
		{[]F{"CUSTOM_AUTH_FLOW_ONLY"}, "ALLOW_USER_SRP_AUTH", false},
		{[]F{"USER_PASSWORD_AUTH"}, "ALLOW_USER_PASSWORD_AUTH", true},
		{[]F{"USER_PASSWORD_AUTH"}, "ALLOW_ADMIN_USER_PASSWORD_AUTH", false},
		{nil, "ALLOW_USER_SRP_AUTH", false},
	} {
		client := &Client{Settings: &cognitoidp.UserPoolClientType{ExplicitAuthFlows: c.have}}
		if got := client.Allows(c.ask); got != c.want {
			t.Errorf("%v allows %s: %v", c.have, c.ask, got)
		}
	}
}

func TestEmailAndPhone(t *testing.T) {
	for s, want := range map[string]bool{
		"a@b": true, "jane.doe+x@example.com": true, "ü@example.com": true,
		"": false, "a": false, "@b": false, "a@": false, "a b@c": false, "a@b\nBcc: x@y": false, "Jane <a@b>": false, "a@b,c@d": false,
		"a@.b": false, "a@b.": false, "a\x00@b": false,
	} {
		if got := IsEmail(s); got != want {
			t.Errorf("IsEmail(%q) = %v", s, got)
		}
	}
	for s, want := range map[string]bool{"+12065551234": true, "+1": true, "12065551234": false, "+": false, "+1 206": false, "+1234567890123456": false, "+1\n": false} {
		if got := IsPhone(s); got != want {
			t.Errorf("IsPhone(%q) = %v", s, got)
		}
	}
}

func TestCheckValues(t *testing.T) {
	schema := newSchema(append(StandardSchema(), cognitoidp.SchemaAttributeType{Name: new("custom:n"), AttributeDataType: new(cognitoidp.AttributeDataTypeNumber),
		NumberAttributeConstraints: &cognitoidp.NumberAttributeConstraintsType{MinValue: new("1"), MaxValue: new("9")}}))
	for _, c := range []struct {
		name, value, want string
	}{
		{"email", "a@b", ""},
		{"email", "nobody", "InvalidParameterException: Invalid email address format."},
		{"phone_number", "206", "InvalidParameterException: Invalid phone number format."},
		{"birthdate", "2000-01-01", ""},
		{"birthdate", "2000-1-1", "InvalidParameterException: Attributes did not conform to the schema: birthdate: String must be at least 10 characters long\n"},
		{"custom:n", "5", ""},
		{"custom:n", "0", "InvalidParameterException: Attributes did not conform to the schema: custom:n: Value must be at least 1\n"},
		{"custom:n", "NaN", "InvalidParameterException: Attributes did not conform to the schema: custom:n: Value must be a number\n"},
		{"custom:n", "", ""},
		{"email_verified", "yes", "InvalidParameterException: Attributes did not conform to the schema: email_verified: Value must be true or false\n"},
		{"custom:nope", "1", "InvalidParameterException: Attributes did not conform to the schema: Type for attribute {custom:nope} could not be determined"},
	} {
		err := schema.CheckValues([]store.Attribute{{Name: c.name, Value: c.value}})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s=%q: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
	if err := schema.CheckValues([]store.Attribute{{Name: "name", Value: "a"}, {Name: "name", Value: "b"}}); err == nil {
		t.Error("an attribute given twice must be refused")
	}
}
