package policy

import (
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add(doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username, 'x'}*"`), uint8(IdentityKind))
	f.Add(doc(`"Sid":"a","Effect":"Deny","NotAction":["s3:*"],"NotResource":"*","Condition":{"ForAnyValue:StringLikeIfExists":{"aws:a":["b",1,true]}}`), uint8(SessionKind))
	f.Add(doc(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["123456789012"],"Service":"lambda.amazonaws.com"}`), uint8(TrustKind))
	f.Add(doc(`"Effect":"Deny","Action":"*","Resource":"*","NotPrincipal":{"AWS":"arn:aws:sts::123456789012:assumed-role/r/s"}`), uint8(ResourceKind))
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		d, err := Parse(text, Kind(kind%4))
		if (d == nil) == (err == nil) {
			t.Fatalf("document %v and error %v", d, err)
		}
		if err != nil {
			return
		}
		again, err := Parse(text, Kind(kind%4))
		if err != nil || len(again.statements) != len(d.statements) {
			t.Fatalf("does not parse again: %v", err)
		}
		for _, st := range d.Statements() {
			if st.Effect != Allow && st.Effect != Deny || (st.Actions == nil) == (st.NotActions == nil) {
				t.Fatalf("statement %+v", st)
			}
		}
		IsPublic(d)
		for i, keys := 0, d.ContextKeys(); i < len(keys); i++ {
			if keys[i] == "" || i > 0 && keys[i] <= keys[i-1] {
				t.Fatalf("context keys %q", keys)
			}
		}
		d.AllowsService("s3")
		d.BindPrincipals(func(string) (string, bool) { return "", false })
		req := &Request{Principal: role, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: Context{"aws:a": {"b"}}}
		Evaluate(req, &Policies{Identity: []Source{{"p", d}}})
		Trace(req, &Policies{Resource: []Source{{"p", d}}})
	})
}

// FuzzEvaluate holds, for any document: a decision is one of the three kinds,
// it is the one the trace explains, one more Deny for everything denies, a
// boundary and a session policy never add, and one more Allow never takes away
// what no Deny took.
func FuzzEvaluate(f *testing.F) {
	f.Add(doc(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"`), doc(`"Effect":"Deny","Action":"s3:*","Resource":"*","Principal":"*"`), "s3:GetObject", "arn:aws:s3:::b/k", "k")
	f.Add(doc(`"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::b/${aws:k}"`), doc(`"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{"AWS":"123456789012"}`), "s3:GetObject", "*", "*")
	f.Add(doc(`"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotLike":{"aws:k":"a*"}}`), "", "ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/p", "a")
	allowAll, denyAll := []Source{{"allow", compact(f, IdentityKind, "allow * on *")}}, Source{"deny", compact(f, IdentityKind, "deny * on *")}
	f.Fuzz(func(t *testing.T, identity, resource, action, on, value string) {
		req := &Request{Action: action, Resource: on, ResourceAccount: acct, Context: Context{"aws:k": {value}}}
		pol := &Policies{}
		if d, err := Parse(identity, IdentityKind); err == nil {
			pol.Identity = []Source{{"i", d}}
		}
		if d, err := Parse(resource, ResourceKind); err == nil {
			pol.Resource = []Source{{"r", d}}
		}
		for _, who := range []Principal{ann, role, fed, root, eve, anon, lamb, {}} {
			req.Principal = who
			d := Evaluate(req, pol)
			if d.Allowed && d.Explicit {
				t.Fatalf("%+v", d)
			}
			if len(action) < 20 && action == "sts:GetCallerIdentity" {
				continue
			}
			denies := false
			for _, c := range Trace(req, pol) {
				denies = denies || c.Matched && c.Effect == Deny
			}
			if denies != d.Explicit && d.Type != "" {
				t.Fatalf("trace says deny %v, decision %+v", denies, d)
			}
			with := *pol
			with.Identity = append([]Source{denyAll}, pol.Identity...)
			if d := Evaluate(req, &with); d.Allowed && d.Type != "" {
				t.Fatalf("%s allowed in spite of a deny: %+v", who.Type, d)
			}
			if who.Type != FederatedUser { // which has nothing without a session policy
				limited := *pol
				limited.Boundary, limited.Session = allowAll, allowAll
				if got := Evaluate(req, &limited); got.Allowed != d.Allowed {
					t.Fatalf("limits that allow all changed %+v to %+v", d, got)
				}
				limited.Boundary, limited.Session = []Source{}, []Source{}
				if Evaluate(req, &limited).Allowed && !d.Allowed {
					t.Fatalf("empty limits allow what was denied: %+v", d)
				}
			}
			more := *pol
			more.Identity = append(append([]Source{}, pol.Identity...), allowAll...)
			if got := Evaluate(req, &more); d.Allowed && !got.Allowed {
				t.Fatalf("one more allow turned %+v into %+v", d, got)
			}
		}
	})
}
