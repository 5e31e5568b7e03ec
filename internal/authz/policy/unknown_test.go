package policy

import "testing"

// TestEvaluate_unknown: a key that nobody can know decides against the caller,
// whichever way it is asked for.
func TestEvaluate_unknown(t *testing.T) {
	const tag = "s3:existingobjecttag/"
	for _, c := range []struct {
		name, policy   string
		known, unknown bool // the decision without and with the key being unknown
	}{
		{"no condition", `allow s3:GetObject on *`, true, true},
		{"allow that asks for it", `allow s3:GetObject on * if "StringEquals":{"s3:ExistingObjectTag/open":"yes"}`, false, false},
		{"allow that asks for its absence", `allow s3:GetObject on * if "StringNotEquals":{"s3:ExistingObjectTag/secret":"yes"}`, true, false},
		{"allow by Null", `allow s3:GetObject on * if "Null":{"s3:ExistingObjectTag/secret":"true"}`, true, false},
		{"deny that asks for it", `allow s3:GetObject on * ; deny s3:GetObject on * if "StringEquals":{"s3:existingObjectTag/secret":"yes"}`, true, false},
		{"deny whose other condition fails", `allow s3:GetObject on * ; deny s3:GetObject on * if "StringEquals":{"s3:ExistingObjectTag/secret":"yes","aws:userid":"nobody"}`, true, true},
		{"deny of another action", `allow s3:GetObject on * ; deny s3:PutObject on * if "StringEquals":{"s3:ExistingObjectTag/secret":"yes"}`, true, true},
		{"deny by a variable of a value", `allow s3:GetObject on * ; deny s3:GetObject on * if "StringEquals":{"aws:userid":"${s3:ExistingObjectTag/owner}"}`, true, false},
		{"deny by a variable of a resource", `allow s3:GetObject on * ; deny s3:GetObject on arn:aws:s3:::b/${s3:ExistingObjectTag/place}/*`, true, false},
		{"allow by a variable of a resource", `allow s3:GetObject on arn:aws:s3:::b/${s3:ExistingObjectTag/place}*`, false, false},
		{"allow by a variable's default", `allow s3:GetObject on * if "StringEquals":{"aws:userid":"${s3:ExistingObjectTag/owner, 'AIDAANN'}"}`, true, false},
	} {
		req := Request{Principal: ann, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: acct, Context: Context{"aws:userid": {"AIDAANN"}}}
		pol := &Policies{Identity: sources(t, IdentityKind, "p", c.policy)}
		if d := Evaluate(&req, pol); d.Allowed != c.known {
			t.Errorf("%s: without unknown keys %v, want %v", c.name, d.Allowed, c.known)
		}
		req.Unknown = []string{"aws:resourcetag/", tag}
		d := Evaluate(&req, pol)
		if d.Allowed != c.unknown {
			t.Errorf("%s: with unknown tags %v, want %v", c.name, d.Allowed, c.unknown)
		}
		// The explanation says of each statement what the decision went by.
		var matched []Effect
		for _, st := range Trace(&req, pol) {
			if st.Matched {
				matched = append(matched, st.Effect)
			}
		}
		if want := d.Allowed || d.Explicit; (len(matched) > 0) != want || d.Explicit && matched[len(matched)-1] != Deny {
			t.Errorf("%s: the trace has %v, the decision is %+v", c.name, matched, d)
		}
	}
}
