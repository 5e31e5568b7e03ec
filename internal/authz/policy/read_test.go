package policy

import (
	"slices"
	"testing"
)

func TestContextKeys(t *testing.T) {
	d, err := Parse(doc(`"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b/${aws:username}/*","*"],"Condition":{"StringLike":{"s3:Prefix":["${aws:UserName}","${s3:x, 'y'}${*}"]},"Bool":{"aws:SecureTransport":"true"}}`), IdentityKind)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.ContextKeys(), []string{"aws:SecureTransport", "aws:username", "s3:Prefix", "s3:x"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	old, err := Parse(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}}`, IdentityKind)
	if err != nil || len(old.ContextKeys()) != 0 {
		t.Errorf("a document of 2008 has no variables: %v", err)
	}
}

func TestAllowsService(t *testing.T) {
	for _, c := range []struct {
		statement string
		want      bool
	}{
		{`"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`, true},
		{`"Effect":"Allow","Action":"S3:*","Resource":"*"`, true},
		{`"Effect":"Allow","Action":"*","Resource":"*"`, true},
		{`"Effect":"Allow","Action":["ssm:*","s3:x"],"Resource":"*"`, true},
		{`"Effect":"Allow","Action":"s3-object-lambda:*","Resource":"*"`, false},
		{`"Effect":"Deny","Action":"s3:*","Resource":"*"`, false},
		{`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`, true},
		{`"Effect":"Allow","NotAction":"s3:GetObject","Resource":"*"`, true},
		{`"Effect":"Allow","NotAction":["iam:*","s3:*"],"Resource":"*"`, false},
		{`"Effect":"Allow","NotAction":"*","Resource":"*"`, false},
	} {
		d, err := Parse(doc(c.statement), IdentityKind)
		if err != nil {
			t.Fatal(c.statement, err)
		}
		if got := d.AllowsService("s3"); got != c.want {
			t.Errorf("%s: %v", c.statement, got)
		}
	}
}
