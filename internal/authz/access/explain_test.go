package access

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/internal/authz/policy"
)

func TestDecisions(t *testing.T) {
	a := NewAuthorizer(nil, "123456789012")
	if got := a.Decisions("r"); got != nil {
		t.Errorf("before the first decision: %v", got)
	}
	for i := range kept + 5 {
		for range 2 { // an operation with two permissions
			a.recent.add(Explanation{RequestID: fmt.Sprint("r", i), Request: policy.Request{Action: fmt.Sprint("s:A", i)}})
		}
	}
	if len(a.recent.ring) != kept {
		t.Errorf("%d are kept", len(a.recent.ring))
	}
	last := (kept + 5) - kept/2
	for i, want := range map[int]int{0: 0, last - 1: 0, last: 2, kept + 4: 2} {
		if got := a.Decisions(fmt.Sprint("r", i)); len(got) != want {
			t.Errorf("request %d has %d decisions, want %d", i, len(got), want)
		}
	}
}

// TestExplanation_confidential: who may ask why does not learn what a role's
// external id is, nor what a caller guessed.
func TestExplanation_confidential(t *testing.T) {
	trust, err := policy.Parse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"open-sesame"}}}}`, policy.TrustKind)
	if err != nil {
		t.Fatal(err)
	}
	e := Explanation{Trust: policy.Source{Name: "trust policy", Document: trust}, Request: policy.Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::123456789012:role/r",
		Principal: policy.Principal{Type: policy.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/u"}, Context: policy.Context{"sts:externalid": {"swordfish"}}}}
	text := e.Text()
	if strings.Contains(text, "sesame") || strings.Contains(text, "swordfish") || !strings.Contains(text, "statement 1, Allow: no match: Condition\n") {
		t.Error(text)
	}
}
