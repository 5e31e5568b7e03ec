package policy

import "testing"

func BenchmarkEvaluate(b *testing.B) {
	four := compact(b, IdentityKind, "allow s3:ListBucket on arn:aws:s3:::b"+
		" ; allow ssm:GetParameter,ssm:GetParameters on arn:aws:ssm:*:*:parameter/app/*"+
		" ; allow s3:GetObject,s3:PutObject on arn:aws:s3:::b/home/${cognito-identity.amazonaws.com:sub}/*"+
		` ; deny s3:* on arn:aws:s3:::b/secret/* if "StringNotEquals":{"aws:PrincipalTag/team":"ops"}`)
	req := &Request{Principal: role, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/home/us-east-1:0123/photo.jpg", Context: Context{
		"cognito-identity.amazonaws.com:sub": {"us-east-1:0123"}, "aws:principaltag/team": {"dev"}, "aws:securetransport": {"true"}}}
	b.Run("4 statements", func(b *testing.B) {
		pol := &Policies{Identity: []Source{{"p", four}}}
		b.ReportAllocs()
		for b.Loop() {
			if !Evaluate(req, pol).Allowed {
				b.Fatal("denied")
			}
		}
	})
	b.Run("4 statements and conditions", func(b *testing.B) {
		doc := compact(b, IdentityKind, `allow s3:* on * if "Bool":{"aws:SecureTransport":"true"},"StringLike":{"aws:PrincipalTag/team":"d*"}`+
			` ; deny s3:* on * if "StringEquals":{"aws:PrincipalTag/team":"ops"} ; deny iam:* on * ; allow ssm:* on *`)
		pol := &Policies{Identity: []Source{{"p", doc}}}
		b.ReportAllocs()
		for b.Loop() {
			if !Evaluate(req, pol).Allowed {
				b.Fatal("denied")
			}
		}
	})
	b.Run("5 policies of 10 statements", func(b *testing.B) {
		text := "allow iam:Get* on *"
		for range 9 {
			text += " ; allow ssm:GetParameter,s3:GetObject on arn:aws:s3:::other/*"
		}
		doc := compact(b, IdentityKind, text)
		pol := &Policies{Identity: []Source{{"1", doc}, {"2", doc}, {"3", doc}, {"4", doc}, {"5", four}}}
		b.ReportAllocs()
		for b.Loop() {
			if !Evaluate(req, pol).Allowed {
				b.Fatal("denied")
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := doc(`"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/home/${aws:username}/*"`, `"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}`)
	for b.Loop() {
		if _, err := Parse(text, IdentityKind); err != nil {
			b.Fatal(err)
		}
	}
}
