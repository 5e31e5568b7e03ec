package risk

import (
	"net/netip"
	"slices"
	"testing"

	"gatehouse/internal/api/cognitoidp"
)

func TestDecide(t *testing.T) {
	const audit, enforced = cognitoidp.AdvancedSecurityModeTypeAudit, cognitoidp.AdvancedSecurityModeTypeEnforced
	const none, low, medium, high cognitoidp.RiskLevelType = "", "Low", "Medium", "High"
	act := func(what cognitoidp.AccountTakeoverEventActionType, notify bool) *cognitoidp.AccountTakeoverActionType {
		return &cognitoidp.AccountTakeoverActionType{EventAction: &what, Notify: &notify}
	}
	full := &cognitoidp.RiskConfigurationType{
		AccountTakeoverRiskConfiguration: &cognitoidp.AccountTakeoverRiskConfigurationType{Actions: &cognitoidp.AccountTakeoverActionsType{
			LowAction: act("MFA_IF_CONFIGURED", false), MediumAction: act("MFA_REQUIRED", true), HighAction: act("BLOCK", true)}},
		RiskExceptionConfiguration: &cognitoidp.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"198.51.100.0/25", "2001:db8:bad::/48"}, SkippedIPRangeList: []string{"198.51.100.0/24"}},
	}
	lenient := &cognitoidp.RiskConfigurationType{
		AccountTakeoverRiskConfiguration: &cognitoidp.AccountTakeoverRiskConfigurationType{Actions: &cognitoidp.AccountTakeoverActionsType{HighAction: act("NO_ACTION", true)}}}
	empty := &cognitoidp.RiskConfigurationType{}

	for _, c := range []struct {
		name  string
		mode  cognitoidp.AdvancedSecurityModeType
		t     *cognitoidp.RiskConfigurationType
		level cognitoidp.RiskLevelType
		ip    string
		want  Decision
	}{
		{"no risk", enforced, full, none, "192.0.2.1", Decision{Risk: "NoRisk"}},
		{"low", enforced, full, low, "192.0.2.1", Decision{Assessment: Assessment{Level: low}, Risk: "AccountTakeover", MFA: MFAIfConfigured}},
		{"medium", enforced, full, medium, "192.0.2.1", Decision{Assessment: Assessment{Level: medium}, Risk: "AccountTakeover", MFA: MFARequired, Notify: true}},
		{"high", enforced, full, high, "192.0.2.1", Decision{Assessment: Assessment{Level: high}, Risk: "Block", Block: true, Notify: true}},
		{"high, audited", audit, full, high, "192.0.2.1", Decision{Assessment: Assessment{Level: high}, Risk: "AccountTakeover"}},
		{"no action", enforced, lenient, high, "192.0.2.1", Decision{Assessment: Assessment{Level: high}, Risk: "AccountTakeover", Notify: true}},
		{"no action named", enforced, lenient, low, "192.0.2.1", Decision{Assessment: Assessment{Level: low}, Risk: "AccountTakeover"}},
		{"nothing configured", enforced, empty, high, "192.0.2.1", Decision{Assessment: Assessment{Level: high}, Risk: "AccountTakeover"}},
		{"a blocked address", enforced, full, none, "198.51.100.1", Decision{Assessment: Assessment{Level: high, Reasons: []string{BlockedAddress}}, Risk: "Block", Block: true}},
		{"a blocked IPv6 address", enforced, full, none, "2001:db8:bad::1", Decision{Assessment: Assessment{Level: high, Reasons: []string{BlockedAddress}}, Risk: "Block", Block: true}},
		{"a blocked address, audited", audit, full, low, "198.51.100.1", Decision{Assessment: Assessment{Level: high, Reasons: []string{BlockedAddress}}, Risk: "AccountTakeover"}},
		{"a skipped address", enforced, full, high, "198.51.100.200", Decision{Risk: "NoRisk"}},
		{"no address", enforced, full, high, "", Decision{Assessment: Assessment{Level: high}, Risk: "Block", Block: true, Notify: true}},
	} {
		var ip netip.Addr
		if c.ip != "" {
			ip = netip.MustParseAddr(c.ip)
		}
		got := decide(c.mode, c.t, Assessment{Level: c.level}, Context{IP: ip})
		if got.Level != c.want.Level || !slices.Equal(got.Reasons, c.want.Reasons) || got.Risk != c.want.Risk || got.Block != c.want.Block || got.MFA != c.want.MFA || got.Notify != c.want.Notify {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}

	d := &Decision{Risk: "AccountTakeover", MFA: MFARequired}
	d.Leaked(false, true)
	if d.Block || !d.Compromised || d.MFA != MFARequired {
		t.Errorf("a leaked password that is not blocked: %+v", d)
	}
	if d.Refuse(); !d.Block || d.Risk != "Block" || d.MFA != NoMFA {
		t.Errorf("refused: %+v", d)
	}
	(*Decision)(nil).Leaked(true, true) // without threat protection it means nothing
}
