package credentials_test

import (
	"testing"
	"time"

	"gatehouse/internal/authz/credentials"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/seal"
)

// session is a web identity's, as identity pools make it.
func session(now time.Time) *credentials.Session {
	return &credentials.Session{IssuedAt: now, ExpiresAt: now.Add(time.Hour),
		Principal: policy.Principal{Type: policy.AssumedRole, Account: "123456789012", ID: "AROA0123456789ABCDEF:CognitoIdentityCredentials",
			ARN: "arn:aws:sts::123456789012:assumed-role/app/CognitoIdentityCredentials", RoleARN: "arn:aws:iam::123456789012:role/app"},
		Context: policy.Context{"cognito-identity.amazonaws.com:sub": {"us-east-1:5b2c0e8e-51a5-4a8b-8f57-0c35b5b0a4a2"},
			"cognito-identity.amazonaws.com:amr": {"authenticated", "cognito-idp.us-east-1.amazonaws.com/us-east-1_AAAAAAAAA"}}}
}

func newIssuer(b *testing.B) (*credentials.Issuer, *seal.Ring) {
	ring, err := seal.Open(seal.Config{Keys: seal.NewKey()})
	if err != nil {
		b.Fatal(err)
	}
	return credentials.New(ring), ring
}

func BenchmarkIssue(b *testing.B) {
	i, _ := newIssuer(b)
	s := session(time.Now())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Issue(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is a session seen for the first time, and one seen before.
func BenchmarkOpen(b *testing.B) {
	now := time.Now()
	i, ring := newIssuer(b)
	c, err := i.Issue(session(now))
	if err != nil {
		b.Fatal(err)
	}
	open := func(b *testing.B, i *credentials.Issuer) {
		if _, _, err := i.Open(c.AccessKeyID, c.SessionToken, now); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			open(b, credentials.New(ring))
		}
	})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			open(b, i)
		}
	})
}
